//! What is said to whoever uses the tool in a wrong way, verb by verb.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its journal has failed")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::two_lives;

/// Every verb with the arguments that it needs; `DIR` is a journal, `OUT` a new path in a folder,
/// `FILE` an existing file of another kind.
const VERBS: [&str; 17] = [
    "verify DIR",
    "show DIR",
    "stats DIR",
    "diff DIR DIR",
    "digests DIR",
    "bisect DIR FILE FILE",
    "what-if DIR --set limits.rate=on",
    "bundle DIR -o OUT",
    "unbundle DIR -o OUT",
    "verify-bundle DIR",
    "keygen -o OUT",
    "redact DIR --policy FILE -o OUT",
    "migrate DIR -o OUT",
    "shrink DIR --until output:x -o OUT",
    "corpus DIR -o OUT",
    "step DIR",
    "export DIR --format md",
];

fn run(arguments: &[String]) -> (Option<i32>, String) {
    let mut command = Command::new(option_env!("CARGO_BIN_EXE_pi-replay").unwrap_or("pi-replay"));
    let Output { status, stderr, .. } = command.args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// The words of a row with paths in the place of the capitals.
fn words(row: &str, dir: &Path, folder: &Path) -> Vec<String> {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    row.split(' ')
        .map(|word| match word {
            "DIR" => path(dir),
            "OUT" => path(&folder.join("out")),
            "FILE" => path(&folder.join("file")),
            other => other.to_owned(),
        })
        .collect()
}

/// A line of a table: what is typed, and words of the answer that say what to do.
type Row = (i32, &'static str, &'static [&'static str]);

/// Mistakes of all kinds that a parser of arguments does not find by itself, or words badly.
const MISTAKES: [Row; 43] = [
    (2, "verify", &["<DIR>", "--help"]),
    (2, "diff DIR", &["<B>", "--help"]),
    (2, "diff DIR DIR --build FILE", &["cannot be used with", "--build"]),
    (2, "diff DIR DIR --align time", &["seq", "cause"]),
    (5, "diff DIR --build /nowhere", &["cannot run /nowhere"]),
    (2, "bisect DIR FILE", &["2 values", "--help"]),
    (5, "bisect DIR /nowhere /nowhere", &["cannot run /nowhere"]),
    (2, "show DIR --at x", &["a number such as #7"]),
    (2, "show DIR --at 0", &["a number such as #7"]),
    (5, "show DIR --at 9999", &["no input #9999", "#1 to #"]),
    (2, "show DIR --at 3 --from 2", &["cannot be used with"]),
    (2, "show DIR --client x", &["a number such as c7"]),
    (5, "show DIR --client 1", &["no connection c1", "`open` input"]),
    (2, "show DIR --lane a", &["`server` or `session:ID`"]),
    (5, "show DIR --lane session:zzz", &["lanes are server, session:a"]),
    (2, "show DIR --lane server --session a", &["cannot be used with"]),
    (5, "show DIR --command zzz", &["no command \"zzz\"", "its number as #7"]),
    (2, "show DIR --script --json", &["cannot be used with"]),
    (2, "what-if DIR", &["--set"]),
    (2, "what-if DIR --set limits.nothing=1", &["limits.nothing"]),
    (2, "what-if DIR --set limits.sessions_max=0", &["sessions_max"]),
    (2, "bundle DIR", &["--out"]),
    (2, "bundle DIR -o FILE", &["cannot make", "exists"]),
    (2, "bundle DIR -o OUT --sign FILE", &["pi-replay-secret-key-1"]),
    (5, "bundle DIR -o OUT --sign /nowhere", &["/nowhere", "No such file"]),
    (5, "bundle DIR -o OUT --redact /nowhere", &["/nowhere", "No such file"]),
    (2, "unbundle DIR -o OUT", &["is a directory", "name a bundle"]),
    (2, "verify-bundle DIR", &["is a directory", "name a bundle"]),
    (2, "redact DIR --policy FILE -o OUT", &["/file: "]),
    (2, "shrink DIR --until nonsense -o OUT", &["diverges", "output:TEXT"]),
    (2, "shrink DIR --until diverges -o OUT", &["--build"]),
    (5, "shrink DIR --until output:zzz -o OUT", &["does not hold of the whole journal"]),
    (2, "corpus --script FILE", &["--out"]),
    (5, "corpus --frame /nowhere -o OUT", &["cannot read /nowhere"]),
    (2, "export DIR", &["--format"]),
    (2, "export DIR --format md --from x", &["an input such as #120"]),
    (5, "show DIR --session zzz", &["no session \"zzz\""]),
    (5, "show DIR --from 9998", &["no input #9998", "#1 to #"]),
    (2, "show DIR --from 50 --to 40", &["--from #50 is behind --to #40"]),
    (5, "export DIR --format md --session zzz", &["no session \"zzz\""]),
    (2, "diff DIR --build /bin/true", &["/bin/true is no build of pi-replay", "said nothing"]),
    (2, "diff DIR --build /bin/echo", &["/bin/echo is no build of pi-replay", "\"digests"]),
    (2, "bisect DIR /bin/true /bin/true", &["/bin/true is no build of pi-replay"]),
];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("journal-dir")).unwrap();
    two_lives(&folder.path().join("journal-dir"));
    std::fs::write(folder.path().join("file"), "something else").unwrap();
    folder
}

#[test]
fn every_verb_helps_with_an_example() {
    let help = Command::new(option_env!("CARGO_BIN_EXE_pi-replay").unwrap_or("pi-replay"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let there: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let known = VERBS.map(|row| row.split(' ').next().unwrap());
    assert_eq!(there, known, "the table has every verb, in its order");
    for verb in known {
        let output = Command::new(option_env!("CARGO_BIN_EXE_pi-replay").unwrap_or("pi-replay"))
            .args([verb, "--help"])
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(help.contains("Example") && help.contains("pi-replay "), "{help}");
    }
}

#[test]
fn a_wrong_option_and_a_missing_directory_say_what_to_do_instead() {
    let folder = folder();
    let dir = folder.path().join("journal-dir");
    for row in VERBS {
        let mut wrong = words(row, &dir, folder.path());
        wrong.push("--no-such-option".into());
        let (status, said) = run(&wrong);
        assert_eq!(status, Some(2), "{row}: {said}");
        assert!(said.contains("--no-such-option") && said.contains("--help"), "{row}: {said}");
        for missing in [Path::new("/nowhere"), &folder.path().join("file")] {
            let is_bundle = row.contains("unbundle") || row.contains("verify-bundle");
            if !row.contains("DIR") || (is_bundle && missing != Path::new("/nowhere")) {
                continue;
            }
            // A policy that can be used, so that the directory is what is wrong.
            std::fs::write(folder.path().join("policy"), r#"{"builtin":true}"#).unwrap();
            let row = row.replace("--policy FILE", "--policy POLICY");
            let policy = folder.path().join("policy");
            let mut wrong = words(&row, missing, folder.path());
            for word in wrong.iter_mut().filter(|word| *word == "POLICY") {
                *word = policy.to_str().unwrap().to_owned();
            }
            let (status, said) = run(&wrong);
            assert_eq!(status, Some(5), "{row}: {said}");
            let named = said.contains(missing.to_str().unwrap());
            let says =
                said.contains("name the daemon's data directory") || said.contains("name a bundle");
            assert!(named && says, "{row}: {said}");
            assert!(!folder.path().join("out").exists(), "{row}: nothing is made");
        }
    }
}

#[test]
fn every_mistake_ends_with_its_status_and_says_what_is_wanted() {
    let folder = folder();
    let dir = folder.path().join("journal-dir");
    let before = common::tree(folder.path());
    for (expected_status, row, expected) in MISTAKES {
        let (status, said) = run(&words(row, &dir, folder.path()));
        assert_eq!(status, Some(expected_status), "{row}: {said}");
        for part in expected {
            assert!(said.contains(part), "{row}: no {part:?} in {said}");
        }
        assert_eq!(common::tree(folder.path()), before, "{row}: nothing is written");
    }
}
