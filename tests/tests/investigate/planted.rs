//! Divergences that are planted in journals of the real daemon: whoever forges a record makes every
//! checksum and the chain right, and what it comes to is still seen.

use std::path::Path;

use pi_replay::made::Made;
use pi_replay::records::{Ground, Kept, load, write};
use pi_replay::source::Source;
use pi_server_core::input::{AgentSaid, InputKind, Reply};
use pi_server_core::{Digest, Seq};
use pi_server_tests::Daemon;
use pi_server_tests::journal::Journal;
use serde_json::Value;

use crate::incident::incident;
use crate::step::answers;
use crate::{arg, replay_ends, replay_json};

/// Copies a journal to `to` as a forger would: `alter` changes an input, all checksums are right, and
/// the digests of outputs are the recorded ones. `alter` says which input it was.
fn forge(daemon: &Daemon, to: &Path, mut alter: impl FnMut(&mut Kept) -> bool) -> u64 {
    let source = Source::open(daemon.dir()).expect("a journal");
    let mut inputs = load(&source, Seq(u64::MAX)).expect("its inputs");
    let altered = inputs.iter_mut().position(&mut alter).expect("there is such an input");
    let recorded = Journal::read(daemon.dir());
    let before = recorded.inputs.iter().skip(1).map(|recorded| recorded.before);
    let outputs: Vec<Digest> = before.chain([recorded.last]).collect();
    let key = source.key_bytes().and_then(|key| key.try_into().ok());
    let made = Made::new(to).expect("a directory");
    write(&made, &Ground::default(), &inputs, &outputs, key).expect("written");
    made.finish().expect("it appears");
    altered as u64 + 1
}

/// What `verify` names as the first difference, which `step` must stop at too.
fn divergence(dir: &Path) -> Value {
    let report = replay_json(10, &["verify", arg(dir), "--json"]);
    assert_eq!(report["verdict"], "diverged", "{report:#}");
    let seq = report["divergence"]["seq"].to_string();
    let text = replay_ends(10, &["verify", arg(dir)]);
    assert!(text.contains(&format!("at        #{seq}\n")), "{text}");
    if report["divergence"]["field"] == "outputs" {
        let walked = answers(arg(dir), &[], "break divergence\nc\n");
        let found = walked.find("(not the recorded").unwrap_or_else(|| panic!("{walked}"));
        assert!(walked[..found].contains(&format!("#{seq}  ")), "at #{seq}: {walked}");
    }
    report["divergence"].clone()
}

#[test]
fn an_altered_command_is_named_by_its_frame() {
    let (daemon, out) = (incident(), tempfile::tempdir().expect("a directory"));
    let forged = out.path().join("forged");
    let seq = forge(&daemon, &forged, |kept| {
        let InputKind::Command { envelope, .. } = &mut kept.kind else { return false };
        let is_it = envelope.id.as_deref() == Some("after-p1");
        if is_it {
            let mut other = (**envelope).clone();
            other.depends_on = Vec::new();
            *envelope = other.into();
        }
        is_it
    });
    let found = divergence(&forged);
    assert_eq!((&found["seq"], &found["field"]), (&seq.into(), &"frame.dependsOn".into()));
    // Without the key no frame can be decoded again; what the daemon did is still not what follows.
    std::fs::remove_file(forged.join("journal.key")).expect("removed");
    let found = divergence(&forged);
    assert_eq!((&found["seq"], &found["field"]), (&seq.into(), &"outputs".into()), "{found:#}");
    let args = ["diff", arg(daemon.dir()), arg(&forged), "--align", "seq", "--json"];
    assert_eq!(replay_json(10, &args)["difference"]["seq"], seq);
}

#[test]
fn an_altered_answer_of_an_agent_is_named_by_the_step_that_follows_from_it() {
    let (daemon, out) = (incident(), tempfile::tempdir().expect("a directory"));
    let forged = out.path().join("forged");
    let seq = forge(&daemon, &forged, |kept| {
        let InputKind::Agent { said: AgentSaid::Replied { reply, .. }, .. } = &mut kept.kind else {
            return false;
        };
        let failed = matches!(reply, Reply::Failed(_));
        if failed {
            *reply = Reply::Failed("another".into());
        }
        failed
    });
    let found = divergence(&forged);
    assert_eq!((&found["seq"], &found["field"]), (&seq.into(), &"outputs".into()), "{found:#}");
}

#[test]
fn an_altered_configuration_is_named_by_the_first_step_that_it_changes() {
    let (daemon, out) = (incident(), tempfile::tempdir().expect("a directory"));
    let forged = out.path().join("forged");
    let boot = forge(&daemon, &forged, |kept| {
        let InputKind::Boot(boot) = &mut kept.kind else { return false };
        boot.limits.set("sessions_max", 1).expect("a limit");
        true
    });
    assert_eq!(boot, 1);
    let found = divergence(&forged);
    let input = found["input"].as_str().expect("the step");
    assert!(input.contains("create_session s:beta"), "the first session has room: {found:#}");
    assert_eq!(found["field"], "outputs");
    let outputs = found["outputs"].to_string();
    assert!(outputs.contains("limit_reached"), "what this configuration comes to: {outputs}");
}
