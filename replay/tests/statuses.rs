//! The exit status says by whose fault something did not work: every verb, with injected errors.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its journal has failed")]

mod common;

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::two_lives;
use pi_server_core::record::{FORMAT_VERSION, SEGMENT_HEADER_BYTES};

/// Every verb that reads a journal, in its forms. `DIR` is the journal, `OUT` a new path, `SELF` this
/// build, `POLICY` a policy. The rest says what the verb is told on standard input.
const READERS: [&str; 24] = [
    "verify DIR",
    "verify DIR --json",
    "show DIR",
    "show DIR --at 30",
    "show DIR --session a",
    "show DIR --session nobody",
    "show DIR --lane session:a",
    "show DIR --command nothing",
    "show DIR --client 9999",
    "show DIR --from 9999",
    "stats DIR",
    "diff DIR DIR",
    "diff DIR DIR --align cause",
    "diff DIR --build SELF",
    "digests DIR",
    "bisect DIR SELF SELF",
    "what-if DIR --set limits.rate=on",
    "bundle DIR -o OUT",
    "redact DIR --policy POLICY -o OUT",
    "migrate DIR -o OUT",
    "shrink DIR --until output:nothing -o OUT",
    "corpus DIR -o OUT",
    "step DIR",
    "export DIR --format md",
];

fn program() -> &'static str {
    option_env!("CARGO_BIN_EXE_pi-replay").unwrap_or("pi-replay")
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dir")).unwrap();
        two_lives(&folder.path().join("dir"));
        std::fs::write(folder.path().join("policy"), r#"{"builtin":true}"#).unwrap();
        Place { folder }
    }

    fn dir(&self) -> std::path::PathBuf {
        self.folder.path().join("dir")
    }

    /// The words of a row.
    fn words(&self, row: &str) -> Vec<String> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        row.split(' ')
            .map(|word| match word {
                "DIR" => path(&self.dir()),
                "OUT" => path(&self.folder.path().join("out")),
                "POLICY" => path(&self.folder.path().join("policy")),
                "SELF" => program().to_owned(),
                other => other.to_owned(),
            })
            .collect()
    }

    /// Runs a row behind `before`, which a shell does first, with standard output going there.
    fn run(&self, before: &str, row: &str, out: Stdio) -> Output {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{before} exec \"$@\"")).arg("sh").arg(program());
        command.args(self.words(row)).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
        command.spawn().unwrap().wait_with_output().unwrap()
    }

    /// Removes what a row has made.
    fn clear(&self) {
        let out = self.folder.path().join("out");
        drop(std::fs::remove_dir_all(&out));
        drop(std::fs::remove_file(&out));
        drop(std::fs::remove_file(self.folder.path().join("out.pub")));
    }

    /// What there is beside the journal and the policy.
    fn left(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        let mut names: Vec<String> =
            names.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "dir" && name != "policy");
        names.sort();
        names
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_result_that_cannot_be_written_is_nobodys_wrong_usage() {
    let place = Place::new();
    let more = ["keygen -o OUT", "export DIR --format html", "export DIR --format perfetto"];
    let rows = READERS.iter().chain(&more).chain(&["export DIR --format jsonl", "bundle DIR -o -"]);
    for row in rows {
        // These find nothing, and so write nothing.
        if row.contains("9999") || row.contains("nothing") || row.contains("nobody") {
            continue;
        }
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = place.run("", row, Stdio::from(full));
        assert_eq!(output.status.code(), Some(7), "{row}: {}", said(&output));
        assert!(said(&output).contains("No space left"), "{row}: {}", said(&output));
        place.clear();
    }
    for row in ["bundle DIR -o /dev/full", "export DIR --format html -o /dev/full"] {
        let output = place.run("", row, Stdio::piped());
        assert_eq!(output.status.code(), Some(7), "{row}: {}", said(&output));
    }
}

#[test]
fn what_is_made_appears_whole_or_not_at_all() {
    let place = Place::new();
    // The largest file may have one block; the signal for more is ignored, so that writing fails.
    let short = "trap '' XFSZ; ulimit -f 1;";
    for row in [
        "bundle DIR -o OUT",
        "redact DIR --policy POLICY -o OUT",
        "migrate DIR -o OUT",
        "corpus DIR -o OUT",
        "export DIR --format html -o OUT",
        "shrink DIR --until output:accepted -o OUT",
    ] {
        let output = place.run(short, row, Stdio::piped());
        assert_eq!(output.status.code(), Some(7), "{row}: {}", said(&output));
        assert_eq!(place.left(), [""; 0], "{row}");
        let output = place.run("", row, Stdio::piped());
        assert_eq!(output.status.code(), Some(0), "{row}: {}", said(&output));
        assert_eq!(place.left(), ["out"], "{row}");
        // Nothing is written over.
        let again = place.run("", row, Stdio::piped());
        assert_eq!(again.status.code(), Some(2), "{row}: {}", said(&again));
        place.clear();
    }
    std::fs::write(place.folder.path().join("out.pub"), "somebody's").unwrap();
    let output = place.run("", "keygen -o OUT", Stdio::piped());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(place.left(), ["out.pub"], "half a pair is none");
}

#[test]
fn too_many_open_files_are_no_damage() {
    let place = Place::new();
    for row in READERS {
        let expected = place.run("", row, Stdio::piped()).status.code();
        place.clear();
        for files in 4..16 {
            let output = place.run(&format!("ulimit -n {files};"), row, Stdio::piped());
            let status = output.status.code();
            assert_eq!(output.status.signal(), None, "{row} with {files}: {}", said(&output));
            let is_told = matches!(status, Some(6 | 7)) && said(&output).contains("open files");
            // A build that another build has asked says so itself.
            assert!(
                is_told || status == expected,
                "{row} with {files}: {status:?} {}",
                said(&output)
            );
            place.clear();
        }
    }
}

/// The first segment, and its bytes.
fn segment(place: &Place) -> (std::path::PathBuf, Vec<u8>) {
    let path = place.dir().join("journal/00000001.seg");
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn damage_is_damage_in_every_verb() {
    let place = Place::new();
    let (path, mut bytes) = segment(&place);
    bytes[SEGMENT_HEADER_BYTES + 600] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    for row in READERS {
        let output = place.run("", row, Stdio::piped());
        assert_eq!(output.status.code(), Some(3), "{row}: {}", said(&output));
        place.clear();
    }
}

#[test]
fn a_newer_format_is_no_damage_in_any_verb() {
    let place = Place::new();
    let (path, mut bytes) = segment(&place);
    for copy in [0, SEGMENT_HEADER_BYTES / 2] {
        bytes[copy + 8..copy + 12].copy_from_slice(&(FORMAT_VERSION + 1).to_le_bytes());
        let end = (copy + 8..copy + SEGMENT_HEADER_BYTES / 2)
            .rev()
            .find(|at| bytes[*at] != 0)
            .unwrap()
            .div_ceil(4)
            * 4;
        let crc_at = end - 4;
        let sum = crc32fast::hash(&bytes[copy..crc_at]);
        bytes[crc_at..end].copy_from_slice(&sum.to_le_bytes());
    }
    std::fs::write(&path, &bytes).unwrap();
    for row in READERS {
        let output = place.run("", row, Stdio::piped());
        assert_eq!(output.status.code(), Some(4), "{row}: {}", said(&output));
        place.clear();
    }
}

#[test]
fn nothing_there_is_said_in_every_verb() {
    let place = Place::new();
    std::fs::remove_dir_all(place.dir()).unwrap();
    for row in READERS {
        let output = place.run("", row, Stdio::piped());
        assert_eq!(output.status.code(), Some(5), "{row}: {}", said(&output));
        assert_eq!(place.left(), [""; 0], "{row}");
    }
}
