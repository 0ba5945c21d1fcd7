//! Supervision, with small shell scripts in the place of pi.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pi_server_core::AgentNo;
use pi_server_core::command::CommandKind as C;
use pi_server_core::input::{AgentSaid, Exit};
use pi_server_core::output::Ask;
use serde_json::{Value, json};

use super::kit::Host;
use crate::agent::testkit::word;
use crate::agent::voice::WORDS_BYTES_MAX;

/// Answers the two signs of life, then does what `then` says with each further line in `$line`.
fn script(then: &str) -> String {
    format!(
        r#"#!/bin/sh
[ "$1" = --version ] && {{ echo 1.5.3; exit 0; }}
ok() {{ echo '{{"type":"response","success":true,"id":'"$1"',"data":'"$2"'}}'; }}
facts='{{"thinkingLevel":"off","messageCount":0,"pendingMessageCount":0,"sessionId":"i"}}'
read line; ok 1 "$facts"
read line; ok 2 '{{"commands":[{{"name":"pi-server-bridge"}}]}}'
{then}
"#
    )
}

fn fake(then: &str) -> (tempfile::TempDir, PathBuf) {
    program(&script(then))
}

fn program(text: &str) -> (tempfile::TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("pi");
    std::fs::write(&path, text).expect("a script");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("an executable script");
    (dir, path)
}

fn exit(host: &mut Host) -> Exit {
    let heard = host.until("exit", |heard| matches!(heard.said, AgentSaid::Exited(_)));
    match heard.said {
        AgentSaid::Exited(exit) => exit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_child_that_ends_is_reported_with_its_status_and_the_tail_of_its_errors() {
    let (_dir, path) = fake("read line; seq 1 99999 >&2; echo the end >&2; exit 7");
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    host.call(C::GetMessages, &json!({}));
    let exit = exit(&mut host);
    assert_eq!(&*exit.status, "exit status 7");
    assert!(exit.stderr.ends_with("99999\nthe end\n"), "{}", exit.stderr);
    // The daemon keeps less, once it has looked for secrets.
    assert!(exit.stderr.len() <= WORDS_BYTES_MAX);
}

#[test]
fn a_child_that_is_killed_is_reported_with_the_signal() {
    let (_dir, path) = fake("read line; kill -9 $$");
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    host.call(C::GetMessages, &json!({}));
    assert_eq!(&*exit(&mut host).status, "signal 9");
}

#[test]
fn what_a_child_says_last_is_heard_before_its_end() {
    let (_dir, path) = fake(r#"read line; printf '{"type":"agent_start"}\n{"type":"last"}'"#);
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    host.call(C::GetMessages, &json!({}));
    exit(&mut host);
    let words: Vec<_> = host.heard.iter().map(word).collect();
    assert_eq!(words, ["ready", "agent_start", "last", "exited exit status 0"]);
}

#[test]
fn a_program_that_is_not_there_is_an_exit_that_says_so() {
    let mut host = Host::new(Path::new("/nowhere/pi"), &[]);
    host.spawn(1, "a", None);
    let status = exit(&mut host).status;
    assert!(status.starts_with("cannot start /nowhere/pi: No such file"), "{status}");
    // It is tried again for the next one.
    host.spawn(2, "a", None);
    assert_eq!(exit(&mut host).status, status);
}

#[test]
fn a_program_that_is_no_pi_is_an_exit_that_says_so() {
    let (_dir, path) = program("#!/bin/sh\necho hello there\n");
    let mut host = Host::new(&path, &[]);
    host.spawn(1, "a", None);
    let status = exit(&mut host).status;
    assert_eq!(&*status, "`pi --version` gives no version but: hello there");
}

#[test]
fn a_directory_that_is_gone_is_an_exit_that_says_so() {
    let (_dir, path) = fake("");
    let mut host = Host::new(&path, &[]);
    let cwd = "/nowhere/at/all".into();
    host.ask(&Ask::Spawn { agent: AgentNo(1), session: "a".into(), cwd, resume: None });
    let status = exit(&mut host).status;
    assert!(status.contains("in /nowhere/at/all: No such file"), "{status}");
}

#[test]
fn junk_is_counted_and_half_lines_and_huge_ones_are_put_together() {
    let (_dir, path) = fake(
        r#"read line
printf 'noise\n\n{"type":"ha'; sleep 0.05; printf 'lf"}\nnull\n'
printf '{"type":"huge","text":"'
head -c 30000000 /dev/zero | tr '\0' x
printf '"}\n'
read line"#,
    );
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    let before = Instant::now();
    host.call(C::GetMessages, &json!({}));
    let huge = host.until("huge line", |heard| word(heard) == "huge");
    assert_eq!(huge.body.len(), 30_000_000 + r#"{"type":"huge","text":""}"#.len());
    assert!(before.elapsed() < Duration::from_secs(30), "reading is not quadratic");
    let mut noise = 0;
    let mut half = 0;
    for heard in &host.heard {
        match &heard.said {
            AgentSaid::Noise { lines } => noise += lines,
            _ if word(heard) == "half" => half += 1,
            _ => {}
        }
    }
    assert_eq!((noise, half), (3, 1), "{}", host.log());
}

#[test]
fn a_child_that_says_nothing_can_be_killed() {
    let (_dir, path) = program("#!/bin/sh\n[ \"$1\" = --version ] && exec echo 1.5.3\nsleep 600\n");
    let mut host = Host::new(&path, &[]);
    host.spawn(1, "a", None);
    host.until_started(1);
    host.ask(&Ask::Kill { agent: AgentNo(1) });
    let status = exit(&mut host).status;
    assert_eq!(&*status, "signal 15");
}

#[test]
fn a_child_that_does_not_end_when_asked_is_killed() {
    let (_dir, path) = fake("trap '' TERM; echo '{\"type\":\"deaf\"}'; while :; do sleep 1; done");
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    host.until("deaf", |heard| word(heard) == "deaf");
    let before = Instant::now();
    host.ask(&Ask::Kill { agent: AgentNo(1) });
    assert_eq!(&*exit(&mut host).status, "signal 9");
    assert!(before.elapsed() >= Duration::from_secs(3), "it had its time");
}

#[test]
fn a_child_that_closes_its_output_is_of_no_more_use() {
    let (_dir, path) = fake("exec >&-; trap 'exit 5' TERM; while :; do sleep 0.1; done");
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    assert_eq!(&*exit(&mut host).status, "exit status 5");
}

#[test]
fn a_child_that_reads_nothing_does_not_hold_up_the_loop() {
    let (_dir, path) = fake("sleep 600");
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    let before = Instant::now();
    host.call(C::Prompt, &json!({ "message": "x".repeat(5_000_000) }));
    assert!(before.elapsed() < Duration::from_secs(10));
    host.ask(&Ask::Kill { agent: AgentNo(1) });
    exit(&mut host);
}

#[test]
fn leftovers_with_the_mark_are_cleared_away() {
    // As pi's commands do, the leftover has a session of its own, out of reach of the group's kill.
    let (_dir, path) = fake("setsid sleep 88.25 & echo '{\"type\":\"left\"}'; read line; exit 0");
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    host.until("leftover", |heard| word(heard) == "left");
    host.call(C::GetMessages, &json!({}));
    exit(&mut host);
    let patience = Instant::now() + Duration::from_secs(20);
    while running("sleep 88.25") {
        assert!(Instant::now() < patience, "it was left running");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process with that command line runs.
fn running(line: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("a process table").flatten();
    let mut lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    lines.any(|found| String::from_utf8_lossy(&found).replace('\0', " ").trim() == line)
}

#[test]
fn children_see_a_clean_environment_and_a_folder_of_their_own() {
    let (_dir, path) =
        fake(r#"env >seen; echo "$@" >arguments; echo '{"type":"seen"}'; read line"#);
    let mut host = Host::new(&path, &["--more"]);
    let user = host.user_folder();
    std::fs::create_dir_all(&user).expect("a folder");
    std::fs::write(user.join("settings.json"), "{}").expect("settings");
    std::fs::write(user.join("auth.json"), "{}").expect("sign-ins");
    host.up(1, "a", None);
    host.until("seen", |heard| word(heard) == "seen");
    let read = |name: &str| std::fs::read_to_string(host.work().join(name)).expect("a file");
    let seen = read("seen");
    assert!(!seen.lines().any(|line| line.starts_with("npm_")), "{seen}");
    let folder = seen.lines().find_map(|line| line.strip_prefix("PI_CODING_AGENT_DIR="));
    let folder = Path::new(folder.expect("a folder"));
    assert!(folder.starts_with(host.dir.path().join("data")), "{}", folder.display());
    let is_link = |name: &str| folder.join(name).symlink_metadata().is_ok_and(|it| it.is_symlink());
    assert!(is_link("auth.json") && !is_link("settings.json"));
    let arguments = read("arguments");
    assert!(arguments.starts_with("--mode rpc --extension "), "{arguments}");
    assert!(arguments.trim().ends_with(" --more"), "{arguments}");
}

#[test]
fn the_users_settings_arrive_and_the_sessions_own_stay() {
    let (_dir, path) = fake("read line");
    let mut host = Host::new(&path, &[]);
    let (user, data) = (host.user_folder(), host.dir.path().join("data/agents"));
    std::fs::create_dir_all(&user).expect("a folder");
    let write = |path: &Path, text: &str| std::fs::write(path, text).expect("settings");
    let theirs = user.join("settings.json");
    write(&theirs, r#"{"both":1}"#);
    host.up(1, "a", None);
    let mut folders = std::fs::read_dir(&data).expect("folders").flatten();
    let folder = folders.find(|it| it.path().is_dir()).expect("a folder").path();
    let own = folder.join("settings.json");
    write(&own, r#"{"both":1,"own":2}"#);
    write(&theirs, r#"{"both":3}"#);
    host.up(2, "a", None);
    let own = std::fs::read(&own).expect("settings");
    let own: Value = serde_json::from_slice(&own).expect("JSON");
    assert_eq!(own, json!({ "both": 3, "own": 2 }));
}

#[test]
fn a_child_that_is_ended_before_its_version_is_known_never_starts() {
    let (_dir, path) = fake("read line");
    let mut host = Host::new(&path, &[]);
    // Nothing is read before the loop turns, so the version is not known yet.
    host.spawn(1, "a", None);
    host.spawn(2, "b", None);
    host.ask(&Ask::Kill { agent: AgentNo(1) });
    assert_eq!(&*exit(&mut host).status, "ended before it was started");
    host.until("ready", |heard| heard.agent == AgentNo(2) && word(heard) == "ready");
    assert!(!host.heard.iter().any(|heard| heard.agent == AgentNo(1) && word(heard) == "ready"));
}

#[test]
fn stop_all_leaves_nobody() {
    let (_dir, path) = fake("trap '' TERM; echo '{\"type\":\"deaf\"}'; exec sleep 99.125");
    let mut host = Host::new(&path, &[]);
    for agent in 1..=3 {
        host.up(agent, "a", None);
        host.until("deaf", |heard| word(heard) == "deaf");
    }
    host.agents.stop_all();
    assert!(!running("sleep 99.125"));
}

#[test]
fn what_the_session_looks_like_is_asked_once_it_has_changed() {
    let (_dir, path) = fake(
        r#"read line; ok 3 null
read line; ok 4 '{"sessionName":"new name","thinkingLevel":"off","messageCount":5,"pendingMessageCount":0,"sessionId":"i"}'
read line"#,
    );
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    let reply = host.get(C::SetSessionName, &json!({ "name": "new name" }));
    assert_eq!(reply, Ok(Value::Null));
    let words: Vec<_> = host.heard.iter().map(word).collect();
    assert_eq!(words, ["ready", "info", "done 1 unspecified"]);
}

#[test]
fn a_call_that_an_agent_ended_too_early_to_read_goes_to_the_next_one() {
    // The first one is up and ends by itself; whoever comes later does what it is asked.
    let (_dir, path) = fake(
        r#"if [ ! -e first ]; then : >first; read line; exit 0; fi
while read line; do
    id=${line#*\"id\":}; id=${id%%[,\}]*}
    case $line in *get_state*) ok "$id" "$facts" ;; *) ok "$id" null ;; esac
done"#,
    );
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    let reply = host.get(C::SetAutoRetry, &json!({ "enabled": true }));
    assert_eq!(reply, Ok(Value::Null));
    let words: Vec<_> = host.heard.iter().map(word).collect();
    assert_eq!(words, ["ready", "info", "done 1 unspecified"]);
}

#[test]
fn a_call_is_not_asked_again_for_ever() {
    let (_dir, path) = fake("read line; exit 0");
    let mut host = Host::new(&path, &[]);
    host.up(1, "a", None);
    host.call(C::SetAutoRetry, &json!({ "enabled": true }));
    assert_eq!(&*exit(&mut host).status, "exit status 0");
    let words: Vec<_> = host.heard.iter().map(word).collect();
    assert_eq!(words, ["ready", "info", "exited exit status 0"]);
}
