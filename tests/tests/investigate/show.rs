//! `pi-replay show` on what the real daemon did: a lane, a command, a session, a client, a state.

use serde_json::Value;

use crate::incident::{incident, tree};
use crate::{arg, replay, replay_ends, replay_json};

fn lines(args: &[&str]) -> Vec<Value> {
    let text = replay_ends(0, args);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The moments of a command's life, as numbers of inputs.
fn moments(command: &Value) -> Vec<u64> {
    let names = ["accepted", "started", "acknowledged", "finished"];
    names.iter().filter_map(|name| command[*name]["seq"].as_u64()).collect()
}

#[test]
fn a_lane_shows_its_commands_in_its_own_order_with_the_steps_of_their_lives() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let all = lines(&["export", dir, "--format", "jsonl"]);
    for lane in ["server", "session:alpha", "session:beta"] {
        let commands = lines(&["show", dir, "--lane", lane, "--json"]);
        let places: Vec<u64> =
            commands.iter().map(|it| it["laneSequence"].as_u64().expect("a place")).collect();
        assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>(), "{lane}: dense from 1");
        for command in &commands {
            assert_eq!(command["lane"], lane);
            assert!(moments(command).is_sorted(), "{command:#}");
            // The same as the export has, transition by transition.
            for phase in ["accepted", "started", "acknowledged", "finished"] {
                let exported = all
                    .iter()
                    .find(|line| line["command"] == command["command"] && line["phase"] == phase);
                let exported = exported.map_or(&Value::Null, |line| &line["seq"]);
                assert_eq!(&command[phase]["seq"], exported, "{phase} of {command:#}");
            }
        }
        let text = replay_ends(0, &["show", dir, "--lane", lane]);
        let mut rows = text.lines();
        assert_eq!(rows.next(), Some(&*format!("lane {lane}: {} commands", commands.len())));
        for (row, command) in rows.zip(&commands) {
            let begin = command["laneSequence"].to_string();
            assert!(row.trim_start().starts_with(&begin), "{row}");
            assert!(row.contains(command["commandType"].as_str().expect("a type")), "{row}");
            for (name, moment) in command.as_object().expect("an object") {
                if let Some(seq) = moment["seq"].as_u64() {
                    assert!(row.contains(&format!("  {name} #{seq} ")), "{name}: {row}");
                }
            }
        }
    }
    let alpha = replay_ends(0, &["show", dir, "--lane", "session:alpha"]);
    assert!(alpha.contains("\"bad\" prompt c2") && alpha.contains("failed agent_error"), "{alpha}");
    // A part of it: what was at work there.
    let commands = lines(&["show", dir, "--lane", "session:alpha", "--json"]);
    let bad = commands.iter().find(|command| command["id"] == "bad").expect("it is there");
    let at = bad["started"]["seq"].to_string();
    let part =
        lines(&["show", dir, "--lane", "session:alpha", "--from", &at, "--to", &at, "--json"]);
    assert_eq!(part.len(), 1, "{part:#?}");
    assert_eq!((&part[0]["id"], &part[0]["outcome"]), (&"bad".into(), &"open".into()));
    let nobody = replay(&["show", dir, "--lane", "session:nobody"]);
    assert_eq!(nobody.status.code(), Some(5));
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(said.contains("lanes are server, session:alpha, session:beta"), "{said}");
    assert_eq!(replay(&["show", dir, "--lane", "alpha"]).status.code(), Some(2));
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
}

#[test]
fn a_command_shows_every_step_that_is_about_it() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let text = replay_ends(0, &["show", dir, "--command", "bad"]);
    let first = text.lines().next().expect("a step");
    assert!(first.contains("command c2 \"bad\" prompt s:alpha"), "{text}");
    for part in ["accepted", "started", "failed agent_error", "response \"bad\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("\"p1\"") && !text.contains("create_session"), "{text}");
    // By its number, the same but for frames with the same id.
    let number = first.split_whitespace().next().expect("a number");
    assert_eq!(replay_ends(0, &["show", dir, "--command", number]), text);
    let steps = lines(&["show", dir, "--command", "p1", "--json"]);
    let all = lines(&["show", dir, "--json"]);
    assert!(steps.iter().all(|step| all.contains(step)), "each as the whole timeline has it");
    let repeated = |step: &&Value| step["input"].to_string().contains(r#"\"p1\" prompt"#);
    assert_eq!(steps.iter().filter(repeated).count(), 2, "sent twice: {steps:#?}");
    assert_eq!(replay(&["show", dir, "--command", "never-sent"]).status.code(), Some(5));
}

#[test]
fn a_session_a_client_and_a_state_are_shown_as_the_daemon_had_them() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let beta = replay_ends(0, &["show", dir, "--session", "beta"]);
    assert!(
        beta.contains("\"after-p1\" prompt s:beta") && !beta.contains("create_session s:alpha"),
        "{beta}"
    );
    assert!(beta.contains("deliver subscribers s:beta event"), "{beta}");
    let sent = lines(&["show", dir, "--client", "c3", "--json"]);
    assert_eq!(sent[0]["frame"]["type"], "server_ready");
    let answered = |id: &str| {
        sent.iter().any(|line| line["frame"]["id"] == id && line["frame"]["type"] == "response")
    };
    assert!(answered("long") && !answered("bad"), "what c3 asked and not what c2 did: {sent:#?}");
    let commands = lines(&["show", dir, "--lane", "session:beta", "--json"]);
    let long = commands.iter().find(|command| command["id"] == "long").expect("it is there");
    let at = long["started"]["seq"].to_string();
    let state = replay_json(0, &["show", dir, "--at", &at, "--json"]);
    let lane =
        state["lanes"].as_array().expect("lanes").iter().find(|it| it["name"] == "session:beta");
    assert_eq!(lane.expect("it is there")["lastSequence"], long["laneSequence"], "{state:#}");
    assert!(state["commands"].to_string().contains("\"long\""), "{state:#}");
    let text = replay_ends(0, &["show", dir, "--at", &at, "--session", "beta"]);
    assert!(
        text.contains("\"long\" prompt in session:beta") && !text.contains("s:alpha"),
        "{text}"
    );
}
