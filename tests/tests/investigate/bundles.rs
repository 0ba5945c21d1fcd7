//! `pi-replay bundle`, `unbundle`, `verify-bundle` and `redact`.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use pi_replay::bundle::{Checked, Expected, PublicKey, Signer, bundle, check};
use pi_replay::source::Source;
use pi_server_tests::Daemon;
use pi_server_tests::programs::program;
use serde_json::{Value, json};

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
fn a_bundle_verifies_also_redacted_and_only_under_its_own_seal() {
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
    let bytes = std::fs::metadata(&file).expect("the bundle").len();
    assert!(bytes < 200_000, "zeros take no room: {bytes}");
}

/// The bundles of a day of few inputs: plain, with its key, and redacted.
fn small_bundles(out: &Path) -> [PathBuf; 3] {
    let mut daemon = Daemon::start();
    let mut client = daemon.websocket();
    client.ok(json!({ "type": "health_check", "note": "hunter2" }));
    daemon.stop();
    let [plain, keyed, redacted] =
        ["plain.pib", "keyed.pib", "redacted.pib"].map(|it| out.join(it));
    let policy = out.join("policy.json");
    std::fs::write(&policy, r#"{"rules":[{"words":["hunter2"]}]}"#).expect("written");
    let dir = arg(daemon.dir());
    replay_ends(0, &["bundle", dir, "-o", arg(&plain)]);
    replay_ends(0, &["bundle", dir, "--with-key", "-o", arg(&keyed)]);
    replay_ends(0, &["bundle", dir, "--redact", arg(&policy), "-o", arg(&redacted)]);
    [plain, keyed, redacted]
}

/// What `verify-bundle` finds out before it reads what is in the bundle.
fn is_refused(path: &Path) -> bool {
    matches!(check(path, Expected::default()).expect("it can be read"), Checked::Refused(_))
}

#[test]
fn every_edited_byte_of_a_bundle_is_found_and_every_cut() {
    let out = tempfile::tempdir().expect("a directory");
    let edited = out.path().join("edited.pib");
    for bundle in small_bundles(out.path()) {
        let good = replay_json(0, &["verify-bundle", arg(&bundle), "--json"]);
        assert_eq!(good["verdict"], "identical", "{good:#}");
        let mut bytes = std::fs::read(&bundle).expect("the bundle");
        let length = bytes.len() as u64;
        std::fs::copy(&bundle, &edited).expect("copied");
        let file = std::fs::File::options().write(true).open(&edited).expect("opened");
        assert!(!is_refused(&edited));
        for (at, byte) in (0..).zip(&bytes) {
            file.write_all_at(&[byte ^ (1 << (at % 8))], at).expect("written");
            assert!(is_refused(&edited), "byte {at} of {}", bundle.display());
            file.write_all_at(&[*byte], at).expect("written");
        }
        assert!(!is_refused(&edited), "all are as they were");
        file.set_len(length + 1).expect("longer");
        assert!(is_refused(&edited), "a byte too many");
        for cut in (0..length).rev() {
            file.set_len(cut).expect("cut");
            assert!(is_refused(&edited), "cut at {cut}: {}", bundle.display());
        }
        // And what the program makes of it: wherever the byte is, the status says damaged.
        let places = [0, 9, 40].into_iter().chain((100..bytes.len()).step_by(911));
        let places = places.chain([bytes.len() - 40, bytes.len() - 1]);
        for at in places {
            bytes[at] ^= 0x10;
            std::fs::write(&edited, &bytes).expect("written");
            let found = replay_json(3, &["verify-bundle", arg(&edited), "--json"]);
            assert_eq!(found["verdict"], "edited", "byte {at}: {found}");
            let again = out.path().join("again");
            replay_ends(3, &["unbundle", arg(&edited), "-o", arg(&again)]);
            assert!(!again.exists(), "nothing is made of it");
            bytes[at] ^= 0x10;
        }
        for cut in [0, 7, 39, 100, bytes.len() - 33, bytes.len() - 1] {
            std::fs::write(&edited, &bytes[..cut]).expect("written");
            let found = replay_json(3, &["verify-bundle", arg(&edited), "--json"]);
            assert_eq!(found["verdict"], "edited", "cut at {cut}: {found}");
        }
    }
}

/// Whether a bundle is refused by who knows the key that it has to be signed with.
fn is_refused_with(key: &PublicKey, path: &Path) -> bool {
    let expected = Expected { key: Some(key), ..Expected::default() };
    matches!(check(path, expected).expect("it can be read"), Checked::Refused(_))
}

/// Makes the seal of a bundle anew, as a forger would.
fn seal_again(bytes: &mut [u8]) {
    let at = bytes.len() - 32;
    let seal = blake3::hash(&bytes[..at]);
    bytes[at..].copy_from_slice(seal.as_bytes());
}

#[test]
fn a_signed_bundle_is_held_against_the_key_that_is_demanded() {
    let out = tempfile::tempdir().expect("a directory");
    let path = |name: &str| out.path().join(name).to_str().expect("text").to_owned();
    let [plain, ..] = small_bundles(out.path());
    let unbundled = path("day");
    replay_ends(0, &["unbundle", arg(&plain), "-o", &unbundled]);
    let (mine, other, signed) = (path("my.key"), path("other.key"), path("signed.pib"));
    let key = replay_json(0, &["keygen", "-o", &mine, "--json"])["key"].clone();
    replay_ends(0, &["keygen", "-o", &other]);
    let mode = std::fs::metadata(&mine).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    let public = format!("{mine}.pub");
    let made = replay_json(0, &["bundle", &unbundled, "--sign", &mine, "-o", &signed, "--json"]);
    assert_eq!(made["signedBy"], key, "{made}");
    let good = replay_json(0, &["verify-bundle", &signed, "--key", &public, "--json"]);
    assert_eq!((&good["verdict"], &good["signedBy"]), (&"identical".into(), &key), "{good:#}");
    assert_eq!(good["keyDemanded"], true);
    let text = replay_ends(0, &["verify-bundle", &signed]);
    assert!(text.contains("demand a key that you know"), "{text}");
    assert_eq!(replay_ends(0, &["show", &signed]), replay_ends(0, &["show", arg(&plain)]));
    let redacted = path("redacted-signed.pib");
    let policy = path("policy.json");
    replay_ends(0, &["bundle", &unbundled, "--redact", &policy, "--sign", &mine, "-o", &redacted]);
    replay_ends(0, &["verify-bundle", &redacted, "--key", &public]);

    let refused = |args: &[&str], why: &str| {
        let found = replay_json(3, &[&["verify-bundle", "--json"], args].concat());
        assert_eq!(found["verdict"], "edited", "{found}");
        assert!(found["why"].as_str().is_some_and(|it| it.contains(why)), "{why}: {found}");
    };
    refused(&[&signed, "--key", &format!("{other}.pub")], "signed with another key");
    refused(&[arg(&plain), "--key", &public], "not signed");
    // A forger has no use of it: neither for another journal, nor without the signature.
    let bytes = std::fs::read(&signed).expect("the bundle");
    let edited = out.path().join("edited.pib");
    let mut copy = bytes.clone();
    let middle = copy.len() / 2;
    copy[middle] ^= 1;
    seal_again(&mut copy);
    std::fs::write(&edited, &copy).expect("written");
    refused(&[arg(&edited)], "signature does not hold");
    refused(&[arg(&edited), "--key", &public], "signature does not hold");

    for (file, option) in [(&public, "--sign"), (&mine, "--key"), (&signed, "--key")] {
        let args: &[&str] = match option {
            "--sign" => &["bundle", &unbundled, "-o", &path("never"), option, file],
            _ => &["verify-bundle", &signed, option, file],
        };
        let output = replay(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("-key-1"), "{output:?}");
    }
    assert!(!Path::new(&path("never")).exists());
    assert_eq!(replay(&["keygen", "-o", &mine]).status.code(), Some(2), "no key is written over");
}

#[test]
fn no_byte_of_a_signed_bundle_can_be_changed_by_who_makes_its_seal_anew() {
    let out = tempfile::tempdir().expect("a directory");
    let [plain, ..] = small_bundles(out.path());
    let source = Source::open(&plain).expect("a bundle");
    let (signer, forger) = (Signer::generate().expect("a key"), Signer::generate().expect("a key"));
    let mut bytes = Vec::new();
    bundle(&source, false, Some(&signer), &mut |_| {}, &mut bytes).expect("made");
    let (edited, key) = (out.path().join("edited.pib"), signer.public());
    std::fs::write(&edited, &bytes).expect("written");
    assert!(!is_refused_with(&key, &edited));
    let file = std::fs::File::options().write(true).open(&edited).expect("opened");
    let sealed = bytes.len() - 32;
    for at in 0..sealed {
        bytes[at] ^= 1 << (at % 8);
        seal_again(&mut bytes);
        file.write_all_at(&bytes[at..=at], at as u64).expect("written");
        file.write_all_at(&bytes[sealed..], sealed as u64).expect("written");
        assert!(is_refused_with(&key, &edited), "byte {at} of {sealed}");
        bytes[at] ^= 1 << (at % 8);
        file.write_all_at(&bytes[at..=at], at as u64).expect("written");
    }
    let mut others = Vec::new();
    bundle(&source, false, Some(&forger), &mut |_| {}, &mut others).expect("made");
    std::fs::write(&edited, &others).expect("written");
    assert!(is_refused_with(&key, &edited) && !is_refused(&edited), "signed by somebody else");
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

#[test]
fn a_bundle_that_claims_more_than_it_has_takes_no_memory_for_it() {
    let mut daemon = Daemon::start();
    daemon.websocket().ok(json!({ "type": "health_check" }));
    daemon.stop();
    let out = tempfile::tempdir().expect("a directory");
    let (file, small) = (out.path().join("b.pib"), out.path().join("small.pib"));
    replay_ends(0, &["bundle", arg(daemon.dir()), "-o", arg(&file)]);
    // Nothing but a head and entries of four gigabytes, of which nothing is stored; of blocks, only
    // the claim that there are as many.
    let claims = |magic: &[u8], blocks: &[u8]| {
        let mut bytes = magic.to_vec();
        for kind in [2_u8, 4, 5, 6, 1, 3] {
            let stored = if (4..=6).contains(&kind) { blocks } else { &[] };
            bytes.push(kind);
            for number in [u64::from(kind == 4), 1 << 32, stored.len() as u64] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(stored);
        }
        bytes.push(7);
        bytes.extend_from_slice(&[0; 24 + 32]);
        seal_again(&mut bytes);
        bytes
    };
    let lie = (1_u64 << 32).to_le_bytes();
    let (packed, long) = (out.path().join("packed.pib"), out.path().join("long.pib"));
    std::fs::write(&small, claims(b"pi-bndl1", &[])).expect("written");
    std::fs::write(&packed, claims(b"pi-bndl2", &lie)).expect("written");
    // The table of all blocks is there, and no block.
    let table = [&lie[..], &vec![0; 4 << 16]].concat();
    std::fs::write(&long, claims(b"pi-bndl2", &table)).expect("written");
    for (file, expected) in [(&small, 3), (&packed, 3), (&long, 3), (&file, 0)] {
        for verb in ["verify", "show", "stats", "verify-bundle"] {
            let limited = "ulimit -v 2000000; exec \"$0\" \"$@\"";
            let output = std::process::Command::new("sh")
                .args(["-c", limited, arg(&program("pi-replay")), verb, arg(file)])
                .output()
                .expect("it can be run");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(expected), "{verb} {}: {said}", file.display());
        }
    }
}

#[test]
fn a_bundle_of_0_1_0_in_which_nothing_is_compressed_is_read_as_its_journal() {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles/v1.pib");
    let journal = pi_server_tests::fixtures::folder().join("v2");
    let verified = replay_json(0, &["verify-bundle", arg(&bundle), "--json"]);
    assert_eq!(
        (&verified["verdict"], &verified["replay"]["key"]),
        (&"identical".into(), &"read".into())
    );
    assert_eq!(replay_ends(0, &["show", arg(&bundle)]), replay_ends(0, &["show", arg(&journal)]));
    let out = tempfile::tempdir().expect("a directory");
    let (again, anew) = (out.path().join("again"), out.path().join("anew.pib"));
    replay_ends(0, &["unbundle", arg(&bundle), "-o", arg(&again)]);
    for (path, bytes) in tree(&again) {
        let original = journal.join(path.strip_prefix(&again).expect("below"));
        assert!(std::fs::read(&original).expect("there") == bytes, "{}", path.display());
    }
    // What is written now is the same, in less room.
    replay_ends(0, &["bundle", arg(&bundle), "--with-key", "-o", arg(&anew)]);
    let sizes = [&bundle, &anew].map(|file| std::fs::metadata(file).expect("there").len());
    assert!(sizes[1] * 2 < sizes[0], "{sizes:?}");
    assert_eq!(replay_ends(0, &["show", arg(&anew)]), replay_ends(0, &["show", arg(&journal)]));
}

#[test]
fn no_byte_of_a_compressed_bundle_can_be_another_even_under_a_new_seal() {
    let out = tempfile::tempdir().expect("a directory");
    let (file, bitten) = (out.path().join("b.pib"), out.path().join("bitten.pib"));
    let journal = pi_server_tests::fixtures::folder().join("v2");
    replay_ends(0, &["bundle", arg(&journal), "--with-key", "-o", arg(&file)]);
    let whole = std::fs::read(&file).expect("there");
    // From the first segment on: what is before it is for people, or of a file that has every line twice.
    let segment = [4, 1, 0, 0, 0, 0, 0, 0, 0];
    let first = whole.windows(9).position(|it| it == segment).expect("a segment") + 17;
    for at in (first..whole.len() - 60).step_by(whole.len() / 97) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        seal_again(&mut bytes);
        std::fs::write(&bitten, &bytes).expect("written");
        let status = replay(&["verify-bundle", arg(&bitten)]).status.code();
        if status == Some(0) {
            // Another way to say the same bytes.
            let again = out.path().join(format!("again-{at}"));
            replay_ends(0, &["unbundle", arg(&bitten), "-o", arg(&again)]);
            for (path, bytes) in tree(&again) {
                let original = journal.join(path.strip_prefix(&again).expect("below"));
                assert!(std::fs::read(original).expect("there") == bytes, "byte {at}");
            }
            continue;
        }
        assert!(matches!(status, Some(3 | 4 | 6 | 10)), "byte {at}: {status:?}");
    }
}
