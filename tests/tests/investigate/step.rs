//! `pi-replay step`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pi_server_tests::programs::program;
use serde_json::Value;

use crate::incident::{incident, tree};
use crate::{arg, replay_ends, replay_json};

/// What the tool answers to these lines.
pub(crate) fn answers(dir: &str, args: &[&str], lines: &str) -> String {
    answers_of(&program("pi-replay"), dir, args, lines)
}

/// What a build of the tool answers to these lines.
pub(crate) fn answers_of(build: &Path, dir: &str, args: &[&str], lines: &str) -> String {
    let mut child = Command::new(build)
        .args(["step", dir])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pi-replay can be run");
    child.stdin.take().expect("piped").write_all(lines.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn steps_go_forwards_and_backwards_and_show_what_the_journal_has() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let shown = replay_ends(0, &["show", dir]);
    let step = |seq: u64| {
        let seq = seq.to_string();
        replay_ends(0, &["show", dir, "--from", &seq, "--to", &seq])
    };
    let all = answers(dir, &[], "n 100000\nq\n");
    let (first, rest) = all.split_once('\n').expect("lines");
    assert!(first.starts_with("inputs #1 to #") && first.ends_with("; h for help"), "{first}");
    assert_eq!(rest, format!("{shown}that was the last input\n"));
    let there_and_back = answers(dir, &[], "g 30\nb 12\nn\nb\nq\n");
    let expected = [step(30), step(18), step(19), step(18)].concat();
    assert_eq!(there_and_back.split_once('\n').expect("lines").1, expected);

    let state = answers(dir, &["--json"], "g 30\nb 12\ns\n");
    let last: Value = serde_json::from_str(state.lines().last().expect("a line")).expect("JSON");
    assert_eq!(last, replay_json(0, &["show", dir, "--at", "18", "--json"]));

    let aborts = answers(dir, &[], "break type abort\nc\nq\n");
    assert!(aborts.contains(" abort s:beta "), "{aborts}");
    let command = answers(dir, &[], "break command after-bad\nc\nq\n");
    assert!(command.contains("\"after-bad\" get_state s:beta after \"bad\""), "{command}");
    let session = answers(dir, &[], "break session beta\nc\nq\n");
    assert!(session.contains("create_session s:beta"), "{session}");
    assert!(answers(dir, &[], "break divergence\nc\n").ends_with("that was the last input\n"));
    let watched = answers(dir, &[], "n\nwatch /metrics/sessions\nc\n");
    assert!(watched.contains("/metrics/sessions was 1, is 2"), "{watched}");
    // All that concerns a command: its end comes under an input of its agent.
    let life = answers(dir, &[], "break command after-p1\nc\nc\nc\nc\nc\nc\nc\n");
    let steps = replay_ends(0, &["show", dir, "--command", "after-p1"]);
    let (_, life) = life.split_once('\n').expect("lines");
    assert!(life.starts_with(&steps), "{life}\n{steps}");
    assert!(
        steps.contains("finished") && steps.lines().filter(|it| it.contains("  t")).count() > 3
    );
    let back = answers(dir, &[], "g 60\nbreak type abort\nrc\nrc\nbreaks\ndelete 1\nbreaks\n");
    let abort = aborts.split_once('\n').expect("lines").1;
    let (_, after) = back.split_once(&*step(60)).expect("the step");
    assert!(after.starts_with(abort), "{back}");
    assert!(after.contains("there is no break before"), "{back}");
    assert!(after.contains("  1  break type abort") && after.contains("no breaks and watches"));
    let changed = answers(dir, &[], "g 60\nwatch /metrics/sessions\nrc\n");
    assert!(changed.contains("spawn a2 s:beta"), "{changed}");
    let unknown = answers(dir, &[], "break type fly\nbreak command never\nc\ns nobody\ndelete 9\n");
    for words in
        ["no input \"fly\"", "no command \"never\"", "no session \"nobody\"", "no such break"]
    {
        assert!(unknown.contains(words), "{words}: {unknown}");
    }
    let wrong = answers(dir, &[], "g 100000\nfly\nn x\n");
    assert_eq!(wrong.lines().count(), 4, "{wrong}");
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
}
