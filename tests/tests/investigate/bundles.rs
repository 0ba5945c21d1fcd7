//! `pi-replay bundle`, `unbundle`, `verify-bundle` and `redact`.

use std::path::Path;

use serde_json::Value;

use crate::incident::{incident, tree};
use crate::{arg, replay, replay_ends, replay_json};

const POLICY: &str = r#"{"rules": [
  {"what": "command", "type": "prompt", "pointers": ["/message"]},
  {"what": "event", "session": "beta", "erase": true},
  {"words": ["hunter2"]}
]}"#;

fn holds(dir: &Path, needle: &[u8]) -> bool {
    let files = tree(dir);
    files.iter().any(|(_, bytes)| bytes.windows(needle.len()).any(|part| part == needle))
}

#[test]
fn a_redacted_copy_has_nothing_of_it_and_replays_bit_for_bit() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let before = tree(daemon.dir());
    let out = tempfile::tempdir().expect("a directory");
    let (policy, copy) = (out.path().join("policy.json"), out.path().join("copy"));
    std::fs::write(&policy, POLICY).expect("written");
    assert!(holds(&daemon.dir().join("journal"), b"hunter2"));
    let args = ["redact", dir, "--policy", arg(&policy), "-o", arg(&copy), "--json"];
    let done = replay_json(0, &args);
    assert!(done["erased"].as_u64() > Some(3) && done["reduced"].as_u64() > Some(4), "{done}");
    assert!(!holds(&copy, b"hunter2") && !holds(&copy, b"no luck]"));
    assert!(holds(&copy, b"[redacted]"), "what is left says so");
    let report = replay_json(0, &["verify", arg(&copy), "--json"]);
    assert_eq!(report["verdict"], "identical", "{report:#}");
    assert!(report["bodiesErased"].as_u64() > Some(7), "{report:#}");
    // The chain is the old one: the copy is the same journal, input by input.
    assert!(replay_ends(0, &["diff", dir, arg(&copy)]).starts_with("equal: "));
    let jsonl = replay_ends(0, &["export", arg(&copy), "--format", "jsonl"]);
    assert!(jsonl.contains(r#""message":"[redacted]""#), "{jsonl}");
    assert_eq!(tree(daemon.dir()), before, "reading writes nothing");
    assert_eq!(replay(&args).status.code(), Some(2), "nothing is written over");
    for wrong in [r#"{"builtin":false}"#, r#"{"rules":[{}]}"#, r#"{"rules":[{"pointers":["x"]}]}"#]
    {
        std::fs::write(&policy, wrong).expect("written");
        let other = out.path().join("other");
        let args = ["redact", dir, "--policy", arg(&policy), "-o", arg(&other)];
        assert_eq!(replay(&args).status.code(), Some(2), "{wrong}");
        assert!(!other.exists(), "{wrong}");
    }
}

#[test]
fn a_bundle_verifies_also_redacted_and_an_edited_one_does_not_whichever_byte() {
    let daemon = incident();
    let out = tempfile::tempdir().expect("a directory");
    let (policy, copy) = (out.path().join("policy.json"), out.path().join("copy"));
    std::fs::write(&policy, POLICY).expect("written");
    replay_ends(0, &["redact", arg(daemon.dir()), "--policy", arg(&policy), "-o", arg(&copy)]);
    let file = out.path().join("incident.pib");
    let made = replay_json(0, &["bundle", arg(&copy), "-o", arg(&file), "--json"]);
    let seal = made["seal"].as_str().expect("a seal").to_owned();
    let good = replay_json(0, &["verify-bundle", arg(&file), "--seal", &seal, "--json"]);
    assert_eq!((&good["verdict"], &good["seal"]), (&"identical".into(), &Value::from(&*seal)));
    let other_seal = "0".repeat(64);
    let other = replay_json(3, &["verify-bundle", arg(&file), "--seal", &other_seal, "--json"]);
    assert_eq!(other["verdict"], "edited");

    let bytes = std::fs::read(&file).expect("the bundle");
    assert!(bytes.len() < 200_000, "zeros take no room: {}", bytes.len());
    let edited = out.path().join("edited.pib");
    // Through the program for a few places, and through the library for many.
    for at in [0, 9, 20, bytes.len() / 2, bytes.len() - 40, bytes.len() - 1] {
        let mut copy = bytes.clone();
        copy[at] ^= 1;
        std::fs::write(&edited, &copy).expect("written");
        let output = replay(&["verify-bundle", arg(&edited)]);
        assert!(matches!(output.status.code(), Some(2 | 3)), "byte {at}: {:?}", output.status);
    }
    let mut copy = bytes.clone();
    // Every byte is hashed alike; where the form changes, each is tried, and elsewhere a sample.
    let begin = 0..300;
    let middle = (300..bytes.len() - 300).step_by(499);
    for at in begin.chain(middle).chain(bytes.len() - 300..bytes.len()) {
        copy[at] ^= 0x40;
        std::fs::write(&edited, &copy).expect("written");
        let [found, actual] = pi_replay::bundle::seals(&edited).expect("read");
        assert_ne!(found, actual, "byte {at}");
        copy[at] ^= 0x40;
    }
    for cut in [0, 7, 100, bytes.len() - 33, bytes.len() - 1] {
        std::fs::write(&edited, &bytes[..cut]).expect("written");
        let status = replay(&["verify-bundle", arg(&edited)]).status.code();
        assert!(matches!(status, Some(2 | 3)), "cut at {cut}: {status:?}");
    }
}

#[test]
fn a_bundle_can_be_looked_into_and_taken_apart() {
    let daemon = incident();
    let dir = arg(daemon.dir());
    let out = tempfile::tempdir().expect("a directory");
    let (file, again) = (out.path().join("b.pib"), out.path().join("again"));
    let (bundle, again_arg) = (arg(&file), arg(&again));
    replay_ends(0, &["bundle", dir, "--with-key", "-o", bundle]);
    assert_eq!(replay(&["bundle", dir, "-o", bundle]).status.code(), Some(2));
    let direct = replay_ends(0, &["show", dir]);
    assert_eq!(replay_ends(0, &["show", bundle]), direct);
    let client = ["show", bundle, "--client", "c2"];
    assert_eq!(replay_ends(0, &client), replay_ends(0, &["show", dir, "--client", "c2"]));
    let report = replay_json(0, &["verify", bundle, "--json"]);
    assert_eq!((&report["key"], &report["verdict"]), (&"read".into(), &"identical".into()));
    replay_ends(0, &["unbundle", bundle, "-o", again_arg]);
    for (path, bytes) in tree(&again) {
        let original = daemon.dir().join(path.strip_prefix(&again).expect("below"));
        assert!(std::fs::read(&original).expect("there") == bytes, "{}", path.display());
    }
    assert_eq!(replay(&["unbundle", dir, "-o", again_arg]).status.code(), Some(2));
    assert_eq!(replay(&["verify-bundle", dir]).status.code(), Some(2));
}
