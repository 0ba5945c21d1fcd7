//! The same inputs give the same outputs, to the bit: in every process, environment and build.
//! DESIGN's third law; PROTOCOL.md section 10 rests on it.

use std::path::Path;
use std::process::Command;

use pi_server_core::record::{Secret, digest_outputs};
use pi_server_core::wire::{Bodies, decode, render};
use pi_server_core::{BodyRef, Digest, Limits, Output, Outputs, State};
use pi_server_tests::frames::{get_state, prompt, rename, session, with};
use pi_server_tests::journal::{Journal, Recorded};
use pi_server_tests::{Client, Daemon, Setup};
use serde_json::json;

/// Names the data directory whose inputs a copy of this test binary is to step.
const STEP_THIS: &str = "PI_SERVER_TEST_STEP_THIS";
/// How a line of the stream begins, among what else a test binary prints.
const MARK: &str = "step ";

/// Something of everything: sessions, turns, dialogs, dependencies, refusals, keys, timeouts,
/// failures, dead agents, clients that come and go. Two lives, the first of them killed.
fn busy_lives(setup: Setup) -> Daemon {
    let mut daemon = setup.limit("outcomes_max", 20).limit("bash_failures", 2).start();
    let mut client = daemon.websocket_as("ann");
    let mut other = daemon.unix();
    for name in ["s", "zeta", "alpha.1", "B_2"] {
        session(&mut client, name);
        other.ok(json!({ "type": "switch_session", "sessionId": name }));
    }
    client.ok(json!({ "type": "create_session" }));
    client.ok(json!({ "type": "switch_session", "sessionId": "s" }));
    ask(&mut client);
    for number in 0..30 {
        let command = rename(&format!("n{number}"), "zeta", "x");
        other.send(&with(command, "idempotencyKey", format!("k{}", number % 7)));
        other.response(&format!("n{number}"));
    }
    for bad in ["null", "{", "{\"type\":\"no_such\"}", "[]"] {
        other.send_text(bad);
    }
    for message in ["[fail:no]", "[error:overloaded]", "[die]", "[say:here again]", "[junk]"] {
        client.call(prompt("", "B_2", message));
    }
    let stalled =
        json!({ "type": "bash", "sessionId": "B_2", "command": "[stall]", "timeoutMs": 20 });
    for _ in 0..3 {
        client.call(stalled.clone());
    }
    client.send(&prompt("first", "s", "[words:30] [delay:1]"));
    client.send(&with(rename("second", "zeta", "y"), "dependsOn", json!(["first"])));
    client.send(&prompt("cut", "alpha.1", "[stall]"));
    client.lifecycle("cut", "started");
    client.response("second");
    drop(other);
    daemon.kill9();
    daemon.restart();
    let mut client = daemon.websocket_as("ann");
    client.send(&prompt("cut", "alpha.1", "[stall]"));
    client.response("cut");
    client.ok(get_state("", "zeta"));
    client.ok(json!({ "type": "delete_session", "sessionId": "zeta" }));
    assert!(daemon.stop().success());
    daemon
}

fn ask(client: &mut Client) {
    client.send(&prompt("asks", "s", "[ask:select] [tool:ls]"));
    let asked = client.event("s", "extension_ui_request");
    client.ok(json!({
        "type": "extension_ui_response", "sessionId": "s",
        "requestId": asked["event"]["requestId"],
        "response": { "method": "select", "value": "first" },
    }));
    client.response("asks");
}

/// Where frames find bodies: in the records.
struct Recording<'a>(&'a [Recorded]);

impl Bodies for Recording<'_> {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        let at = usize::try_from(body.seq.0).ok()?.checked_sub(1)?;
        self.0.get(at).map(|recorded| recorded.body.as_slice())
    }
}

/// What every step puts out: the digest of its outputs, that of the frames as they are sent, and in
/// the end that of the whole state.
fn stream(inputs: &[Recorded]) -> Vec<String> {
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let (mut scratch, mut json) = (Vec::new(), Vec::new());
    let hash = Secret::new([0; 32]);
    let mut lines = Vec::new();
    for Recorded { input, .. } in inputs {
        state.step(input, &mut outputs);
        json.clear();
        for output in outputs.as_slice() {
            if let Output::Deliver { frame, .. } = output {
                render(frame, &Recording(inputs), &mut json);
            }
        }
        let digest = digest_outputs(outputs.as_slice(), &mut scratch);
        lines.push(format!("{MARK}{} {digest} {}", input.seq, hash.digest(&json)));
    }
    lines.push(format!("{MARK}end {}", hash.digest(&state.encode())));
    lines
}

#[test]
fn the_same_inputs_give_the_same_outputs_in_every_environment() {
    if let Some(dir) = std::env::var_os(STEP_THIS) {
        for line in stream(&Journal::read(Path::new(&dir)).inputs) {
            println!("{line}");
        }
        return;
    }
    let daemon = busy_lives(Setup::new());
    let inputs = Journal::read(daemon.dir()).inputs;
    assert!(inputs.len() > 200, "{} inputs", inputs.len());
    let here = stream(&inputs);
    for (recorded, line) in inputs.iter().skip(1).zip(&here) {
        // What the daemon put out is what this process puts out.
        assert_eq!(line.split(' ').nth(2), Some(recorded.before.to_string().as_str()), "{line}");
    }
    // Each process seeds the maps of the standard library afresh and lies elsewhere in memory;
    // these are what else differs between two machines.
    let environments: [&[(&str, &str)]; 4] = [
        &[],
        &[("LC_ALL", "tr_TR.UTF-8"), ("LANG", "tr_TR.UTF-8"), ("TZ", "Asia/Kathmandu")],
        &[("LC_ALL", "C"), ("TZ", "America/St_Johns"), ("HOME", "/"), ("MALLOC_PERTURB_", "165")],
        &[("LC_ALL", "de_DE.ISO-8859-1"), ("RUST_BACKTRACE", "0"), ("MALLOC_ARENA_MAX", "1")],
    ];
    let this_binary = std::env::current_exe().expect("a running test has a path");
    let name = "the_same_inputs_give_the_same_outputs_in_every_environment";
    for environment in environments {
        let output = Command::new(&this_binary)
            .args([name, "--exact", "--nocapture"])
            .env_clear()
            .envs(environment.iter().copied())
            .env(STEP_THIS, daemon.dir())
            .current_dir("/")
            .output()
            .expect("this binary can be run");
        let text = String::from_utf8(output.stdout).expect("text");
        // The first line comes behind the name of the test.
        let there: Vec<&str> =
            text.lines().filter_map(|line| line.find(MARK).map(|at| &line[at..])).collect();
        assert!(there == here, "{environment:?} gives other outputs:\n{text}");
    }
}

/// The outputs of each step as text, with the digests of bodies taken out.
fn without_digests(inputs: &[Recorded]) -> Vec<String> {
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut steps = Vec::new();
    for Recorded { input, .. } in inputs {
        state.step(input, &mut outputs);
        let text = format!("{:?}", outputs.as_slice());
        let mut parts = text.split("digest: Digest([");
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            kept.push_str(part.split_once("])").expect("a digest has an end").1);
        }
        steps.push(kept);
    }
    steps
}

#[test]
fn decisions_depend_on_the_length_of_a_body_at_most() {
    let daemon = busy_lives(Setup::new());
    let inputs = Journal::read(daemon.dir()).inputs;
    let expected = without_digests(&inputs);
    for seed in 1..=3_u64 {
        let hash = Secret::new([0; 32]);
        let mut others = inputs.clone();
        for recorded in others.iter_mut().filter(|recorded| !recorded.input.body.is_empty()) {
            let random = hash.digest(&(seed << 32 | recorded.input.seq.0).to_le_bytes());
            assert_ne!(random, recorded.input.body.digest);
            recorded.input.body.digest = random;
        }
        let got = without_digests(&others);
        for (number, (expected, got)) in expected.iter().zip(&got).enumerate() {
            assert_eq!(got, expected, "step {} with seed {seed}", number + 1);
        }
    }
}

#[test]
fn what_a_client_writes_is_no_part_of_a_decision_but_for_its_fingerprint() {
    let (limits, secret) = (Limits::default(), Secret::new([7; 32]));
    let frames = |text: &str| {
        let mut long = prompt("p", "s", text);
        long["images"] = json!([{ "type": "image", "data": text, "mimeType": "image/png" }]);
        [
            long,
            json!({ "id": "b", "type": "bash", "sessionId": "s", "command": text }),
            rename("n", "s", text),
            json!({ "id": "x", "type": "steer", "sessionId": "s", "message": text, "own": text }),
        ]
    };
    for (one, two) in frames("first words").iter().zip(&frames("other words")) {
        let read = |frame: &serde_json::Value| {
            decode(frame.to_string().as_bytes(), &limits, &secret).expect("a valid command")
        };
        let (mut one, mut two) = (read(one), read(two));
        assert_ne!(one.fingerprint, two.fingerprint);
        one.fingerprint = Digest::default();
        two.fingerprint = Digest::default();
        assert_eq!(one, two);
    }
}

#[cfg(feature = "both-profiles")]
mod both_profiles;
mod coverage;
mod golden;
