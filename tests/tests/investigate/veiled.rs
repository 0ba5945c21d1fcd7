//! `pi-replay export --redact`, `export --pseudonyms` and `bundle --redact`: what leaves the machine
//! has nothing in it that was not to be shown, and can still be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pi_server_tests::{Daemon, Setup};
use serde_json::{Value, json};

use crate::incident::{prompt, tree};
use crate::{arg, replay, replay_ends, replay_json};

const FORMATS: [&str; 4] = ["jsonl", "html", "perfetto", "md"];
/// No key of anybody's.
const KEY: &str = "ghp_PLANTEDplantedPLANTEDplanted0123456789";
/// What a policy has to name, in part: where a text is cut, so may be the word.
const WORD: &str = "hunter2";
const PART_OF_WORD: &str = "hunt";
const POLICY: &str = r#"{"rules": [{"words": ["hunter2"]}]}"#;

/// A journal in which everything is kept: secrets in texts, in failures and in names, and a person
/// in every identifier.
fn kept(out: &Path) -> Daemon {
    let (policy, home) = (out.join("all.json"), out.join("ann-home"));
    std::fs::write(&policy, r#"{"builtin": false}"#).expect("written");
    std::fs::create_dir(&home).expect("made");
    let mut daemon = Setup::new().arg("--redact-policy").arg(&policy).start();
    let mut client = daemon.websocket_as("ann-laptop");
    for session in ["ann-one", "ann-two", "ann-hunter2"] {
        client.ok(json!({ "type": "create_session", "sessionId": session, "cwd": home }));
    }
    client.ok(json!({ "type": "create_session" }));
    client.ok(json!({ "type": "switch_session", "sessionId": "ann-one" }));
    client.send(&json!({
        "id": "ann-says", "type": "prompt", "sessionId": "ann-one", "idempotencyKey": "ann-key",
        "message": format!("[say:{KEY} and {WORD}] [delay:0] in ann-two and {}", home.display()),
    }));
    client.response("ann-says");
    client.send(&json!({
        "id": "ann-next", "type": "prompt", "sessionId": "ann-two", "dependsOn": ["ann-says"],
        "message": "[say:ok] [delay:0]",
    }));
    client.response("ann-next");
    let fails = format!("[fail:ann-one has {WORD} and {KEY}]");
    client.send(&prompt("ann-fails", "ann-one", &fails));
    client.response("ann-fails");
    client.send(&prompt("ann-2", "ann-hunter2", "[say:ok] [delay:0]"));
    client.response("ann-2");
    for id in ["ann-lost", "\"ann\" quoted"] {
        client.send(&json!({ "id": id, "type": "get_state", "sessionId": "ann-nowhere" }));
        client.response(id);
    }
    client.send_text(r#"{"id":"ann-bad","type":"ann-hunter2"}"#);
    client.expect("a refusal", |frame| frame["success"] == false);
    for length in 1_910..1_930 {
        let id = format!("ann-{length}");
        let message = format!("[say:ok] [delay:0] {}{WORD}", "x".repeat(length));
        client.send(&prompt(&id, "ann-two", &message));
        client.response(&id);
    }
    drop(client);
    assert!(daemon.stop().success());
    daemon
}

/// An export in each format, with these arguments.
fn exports(daemon: &Daemon, out: &Path, args: &[&str]) -> BTreeMap<&'static str, String> {
    let export = |format: &'static str| {
        let path = out.join(format);
        let all = [&["export", arg(daemon.dir()), "--format", format, "-o", arg(&path)], args];
        replay_ends(0, &all.concat());
        let text = std::fs::read_to_string(&path).expect("an export");
        std::fs::remove_file(path).expect("removed");
        // What means something in Markdown is escaped there.
        (format, if format == "md" { text.replace('\\', "") } else { text })
    };
    FORMATS.into_iter().map(export).collect()
}

fn policy(out: &Path) -> PathBuf {
    let path = out.join("policy.json");
    std::fs::write(&path, POLICY).expect("written");
    path
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn what_a_policy_takes_out_is_in_no_byte_of_an_export() {
    let out = tempfile::tempdir().expect("a directory");
    let daemon = kept(out.path());
    let before = tree(daemon.dir());
    let plain = exports(&daemon, out.path(), &[]);
    let policy = policy(out.path());
    let redacted = exports(&daemon, out.path(), &["--redact", arg(&policy)]);
    for format in FORMATS {
        for secret in [KEY, WORD] {
            assert!(plain[format].contains(secret), "{format} had {secret}");
            assert!(!redacted[format].contains(secret), "{format} has {secret}");
        }
        assert!(!redacted[format].contains(PART_OF_WORD), "{format} has a part");
        assert!(redacted[format].contains("[redacted]"), "{format} says that something is missing");
        assert!(redacted[format].contains("ann-one"), "{format}: identifiers stay");
    }
    let (plain, lines) = (lines(&plain["jsonl"]), lines(&redacted["jsonl"]));
    assert_eq!(plain.len(), lines.len());
    let fails = lines.iter().find(|line| line["id"] == "ann-fails" && line["phase"] == "finished");
    let words = fails.expect("the failure")["error"].as_str().expect("words");
    assert_eq!(words, "ann-one has [redacted] and [redacted]");
    // An identifier that holds a secret is hidden whole, and is still one session.
    let of = |number: &Value| lines.iter().find(|line| &line["command"] == number).expect("it");
    let number = &plain.iter().find(|line| line["id"] == "ann-2").expect("its prompt")["command"];
    assert_eq!((&of(number)["session"], &of(number)["id"]), (&json!("session-3"), &json!("ann-2")));
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
}

#[test]
fn pseudonyms_hide_who_it_was_in_every_format_and_tell_all_apart() {
    let out = tempfile::tempdir().expect("a directory");
    let daemon = kept(out.path());
    let plain = exports(&daemon, out.path(), &[]);
    let policy = policy(out.path());
    let bare = exports(&daemon, out.path(), &["--pseudonyms"]);
    let both = exports(&daemon, out.path(), &["--pseudonyms", "--redact", arg(&policy)]);
    let dir = daemon.dir().file_name().and_then(|name| name.to_str()).expect("a name");
    for (covered, has_words) in [(&bare, true), (&both, false)] {
        for format in FORMATS {
            let text = &covered[format];
            // What the ids of the daemon's choice are made of.
            let text = &text.replace("entropy=entropy-1", "");
            for name in ["ann", dir, "entropy=", "/home"] {
                let at = text.find(name).map(|at| &text[at.saturating_sub(80)..at + 20]);
                assert!(at.is_none(), "{format} has {name}: {at:?}");
            }
            assert_eq!(text.contains(WORD) || text.contains(KEY), has_words, "{format}");
        }
        consistent(&lines(&plain["jsonl"]), &lines(&covered["jsonl"]));
        let lanes = |text: &str| lanes(&serde_json::from_str(text).expect("a trace"));
        assert_eq!(lanes(&plain["perfetto"]).len(), 6, "the server and five sessions");
        assert_eq!(lanes(&covered["perfetto"]).len(), 6, "{:?}", lanes(&covered["perfetto"]));
        for lane in lanes(&covered["perfetto"]) {
            assert!(covered["html"].contains(&format!("\"{lane}\"")), "the page has {lane}");
            let in_report = covered["md"].contains(&format!("| {lane} |"));
            assert!(in_report || lane == "server", "the report has {lane}");
        }
    }
    // A part has the pseudonyms of the whole.
    let part = ["--pseudonyms", "--session", "ann-two"];
    let part = lines(&exports(&daemon, out.path(), &part)["jsonl"]);
    let of_commands = part.iter().filter(|line| line["type"] == "command");
    assert!(of_commands.clone().count() > 20);
    assert!(of_commands.clone().all(|line| line["session"] == "session-2"), "{part:?}");
}

fn lanes(trace: &Value) -> BTreeSet<String> {
    let events = trace["traceEvents"].as_array().expect("events").iter();
    let names = events.filter(|event| event["name"] == "thread_name");
    names.map(|event| event["args"]["name"].as_str().expect("a name").to_owned()).collect()
}

/// The same one has the same pseudonym, two have two, and nothing else differs but texts.
fn consistent(plain: &[Value], covered: &[Value]) {
    let mut to: BTreeMap<String, String> = BTreeMap::new();
    let mut from: BTreeMap<String, String> = BTreeMap::new();
    assert_eq!(plain.len(), covered.len());
    for (plain, covered) in plain.iter().zip(covered) {
        for same in ["seq", "at", "type", "command", "commandType", "phase", "dependsOn", "bytes"] {
            assert_eq!(plain[same], covered[same], "{plain} {covered}");
        }
        assert_eq!(plain["errorCode"], covered["errorCode"]);
        for named in ["session", "id", "client"] {
            let (Some(name), Some(pseudonym)) = (plain[named].as_str(), covered[named].as_str())
            else {
                assert_eq!(plain[named], covered[named], "{covered}");
                continue;
            };
            let known = to.entry(name.to_owned()).or_insert_with(|| pseudonym.to_owned());
            assert_eq!(known, pseudonym, "{name}");
            let known = from.entry(pseudonym.to_owned()).or_insert_with(|| name.to_owned());
            assert_eq!(known, name, "{pseudonym}");
        }
        // Inside of the texts it is the same one as outside.
        if let Some(session) = covered["frame"]["sessionId"].as_str() {
            assert_eq!(covered["session"], session, "{covered}");
            assert_eq!(covered["frame"]["id"], covered["id"], "{covered}");
        }
        if covered["errorCode"] == "session_not_found" {
            let words = format!("Session {} not found", covered["session"].as_str().expect("one"));
            assert_eq!(covered["error"], words);
        }
    }
    assert!(to.len() > 25, "{to:?}");
}

#[test]
fn a_bundle_is_redacted_as_it_is_made() {
    let out = tempfile::tempdir().expect("a directory");
    let daemon = kept(out.path());
    let policy = policy(out.path());
    let (file, other) = (out.path().join("b.pib"), out.path().join("other.pib"));
    let dir = arg(daemon.dir());
    let args = ["bundle", dir, "--redact", arg(&policy), "-o", arg(&file), "--json"];
    let made = replay_json(0, &args);
    assert!(made["redacted"]["reduced"].as_u64() > Some(20), "{made}");
    // In the bundle itself files are compressed.
    let laid_out = out.path().join("laid-out");
    replay_ends(0, &["unbundle", arg(&file), "-o", arg(&laid_out)]);
    let bytes: Vec<u8> = tree(&laid_out).into_iter().flat_map(|(_, bytes)| bytes).collect();
    let holds = |needle: &str| bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
    // The words of failures are no bodies, and a part of what is decided.
    assert!(holds(&format!("ann-one has {WORD} and {KEY}")));
    for gone in [format!("{KEY} and"), format!("and {WORD}"), format!("x{WORD}")] {
        assert!(!holds(&gone), "{gone} is in the bundle");
    }
    let seal = made["seal"].as_str().expect("a seal");
    let good = replay_json(0, &["verify-bundle", arg(&file), "--seal", seal, "--json"]);
    assert_eq!(good["verdict"], "identical", "{good:#}");
    assert_eq!(good["replay"]["key"], "missing", "{good:#}");
    // The same as a redacted copy that is bundled then.
    let (copy, again) = (out.path().join("copy"), out.path().join("again"));
    replay_ends(0, &["redact", dir, "--policy", arg(&policy), "-o", arg(&copy)]);
    replay_ends(0, &["unbundle", arg(&file), "-o", arg(&again)]);
    let names = |dir: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let files = tree(dir).into_iter();
        files.map(|(path, it)| (path.strip_prefix(dir).expect("below").to_owned(), it)).collect()
    };
    assert!(names(&copy) == names(&again), "both are the same journal");
    // A policy that makes no sense leaves no half of a bundle.
    std::fs::write(&policy, r#"{"builtin": false}"#).expect("written");
    for verb in [vec!["bundle"], vec!["export", "--format", "md"]] {
        let args = [&verb[..], &[dir, "--redact", arg(&policy), "-o", arg(&other)]].concat();
        assert_eq!(replay(&args).status.code(), Some(2), "{verb:?}");
        assert!(!other.exists(), "{verb:?}");
    }
}
