//! Every verb on every kind of journal that a daemon makes: plain, warm, cold, compressed, trimmed,
//! trimmed and compressed, bundled, and live. Each answers what the plain one answers, for all that
//! is still there.

use std::path::{Path, PathBuf};

use pi_server_tests::{Daemon, Setup};
use serde_json::Value;

use crate::{arg, replay, replay_ends, replay_json};

/// What has become of the plain journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is all there.
    All,
    /// Texts of clients and agents were erased.
    Erased,
    /// It begins with a snapshot.
    Trimmed,
    /// A daemon goes on with it.
    Live,
}

/// A journal of the table. It lives as long as its folder and its daemon.
struct Journal {
    name: String,
    dir: PathBuf,
    kind: Kind,
}

fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals/releases");
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("releases").flatten().map(|it| it.path()).collect();
    all.retain(|path| path.is_dir());
    all.sort();
    assert!(!all.is_empty());
    all
}

/// The journals of a release, and what is made of them here.
fn journals(release: &Path, out: &Path) -> (Vec<Journal>, Daemon) {
    let of = |name: &str, kind| Journal { name: name.into(), dir: release.join(name), kind };
    let mut all = vec![
        of("warm", Kind::Erased),
        of("cold", Kind::Erased),
        of("compressed", Kind::All),
        of("trimmed", Kind::Trimmed),
        of("trimmed-compressed", Kind::Trimmed),
    ];
    for (name, kind) in [("whole", Kind::All), ("trimmed", Kind::Trimmed)] {
        let dir = out.join(format!("{name}.pib"));
        let from = release.join(name);
        replay_ends(0, &["bundle", arg(&from), "--with-key", "-o", arg(&dir)]);
        all.push(Journal { name: format!("{name}, bundled"), dir, kind });
    }
    let live = tempfile::tempdir().expect("a directory");
    let dir = live.path().to_owned();
    let from = release.join("whole");
    let copied = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(&dir).status();
    assert!(copied.expect("cp").success());
    let daemon = Setup::new().start_in(live);
    all.push(Journal { name: "live".into(), dir, kind: Kind::Live });
    (all, daemon)
}

/// What a verb prints of a journal with `--json`, an object a line.
fn lines(dir: &Path, args: &[&str]) -> Vec<Value> {
    let (verb, rest) = args.split_first().expect("a verb");
    let json: &[&str] = if *verb == "export" { &[] } else { &["--json"] };
    let text = replay_ends(0, &[&[*verb, arg(dir)], rest, json].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn seq(line: &Value) -> u64 {
    line["seq"].as_u64().expect("a number")
}

#[test]
fn every_verb_answers_alike_on_every_kind_of_journal() {
    for release in releases() {
        let out = tempfile::tempdir().expect("a directory");
        let (journals, daemon) = journals(&release, out.path());
        let whole = release.join("whole");
        let steps = lines(&whole, &["show"]);
        let last = seq(steps.last().expect("a step"));
        let at_last = last.to_string();
        let export = lines(&whole, &["export", "--format", "jsonl", "--no-bodies"]);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        // Every session, every lane, every command by its number, and every connection.
        let of = |field: &str| -> Vec<String> {
            let mut all: Vec<String> = export
                .iter()
                .filter(|line| line[field].is_string())
                .map(|it| text(&it[field]))
                .collect();
            all.sort();
            all.dedup();
            all
        };
        let commands = export.iter().filter(|line| line["phase"] == "finished");
        let numbers: Vec<String> = commands.map(|line| format!("#{}", line["command"])).collect();
        let opened = steps.iter().filter(|it| text(&it["input"]).contains(" open"));
        let conns: Vec<String> = opened.map(|it| seq(it).to_string()).collect();
        assert!(numbers.len() > 10 && conns.len() > 1 && of("session").len() > 1);
        for Journal { name, dir, kind } in &journals {
            let report = replay_json(0, &["verify", arg(dir), "--json"]);
            assert_eq!(report["verdict"], "identical", "{name}: {report:#}");
            let behind = report["snapshot"].as_u64().unwrap_or(0);
            assert_eq!(behind > 0, *kind == Kind::Trimmed, "{name}");
            let is_there = |line: &Value| (behind + 1..=last).contains(&seq(line));
            let same = |look: &[&str]| {
                let expected: Vec<Value> =
                    lines(&whole, look).into_iter().filter(is_there).collect();
                if expected.is_empty() {
                    // It was all before the snapshot, and may not even be known.
                    return;
                }
                let found = lines(dir, look).into_iter().filter(|line| {
                    line["type"] != "begin" && line["phase"] != "inFlight" && is_there(line)
                });
                let found: Vec<Value> = found.collect();
                let first = found.iter().zip(&expected).find(|(one, two)| one != two);
                assert!(found == expected, "{look:?} of {name}: {first:#?}");
            };
            same(&["show"]);
            same(&["digests"]);
            same(&["export", "--format", "jsonl", "--no-bodies"]);
            if matches!(kind, Kind::All | Kind::Trimmed | Kind::Live) {
                same(&["export", "--format", "jsonl"]);
            }
            for session in of("session") {
                same(&["show", "--session", &session]);
                // Notes about no session are in every export of one.
                let is_known = export.iter().any(|it| is_there(it) && it["session"] == *session);
                if is_known {
                    same(&["export", "--format", "jsonl", "--no-bodies", "--session", &session]);
                }
            }
            for number in numbers.iter().step_by(5) {
                same(&["show", "--command", number]);
            }
            if *kind != Kind::Erased {
                conns.iter().step_by(2).for_each(|conn| same(&["show", "--client", conn]));
            }
            let state = |dir: &Path| lines(dir, &["show", "--at", &at_last]);
            assert!(state(dir) == state(&whole), "the state of {name}");
            for lane in of("lane") {
                let rows = |dir: &Path| lines(dir, &["show", "--lane", &lane, "--to", &at_last]);
                let arrived = |row: &Value| row["accepted"]["seq"].as_u64() > Some(behind);
                let expected: Vec<Value> = rows(&whole).into_iter().filter(arrived).collect();
                if !expected.is_empty() {
                    let found: Vec<Value> = rows(dir).into_iter().filter(arrived).collect();
                    assert!(found == expected, "lane {lane} of {name}");
                }
            }
            let copies = replay_json(0, &["diff", arg(&whole), arg(dir), "--json"]);
            assert_eq!(copies["difference"], Value::Null, "{name}: {copies:#}");
            rest(name, dir, *kind, out.path());
        }
        drop(daemon);
    }
}

/// Verbs that make something, or whose answers are about what is there.
fn rest(name: &str, dir: &Path, kind: Kind, out: &Path) {
    let dir_arg = arg(dir);
    let own = pi_server_tests::programs::program("pi-replay");
    let policy = out.join("policy.json");
    std::fs::write(&policy, r#"{"rules":[{"what":"event","erase":true}]}"#).expect("written");
    let folder = tempfile::tempdir().expect("a directory");
    let to = |what: &str| folder.path().join(what);
    let made = [
        vec!["bundle", dir_arg, "-o"],
        vec!["redact", dir_arg, "--policy", arg(&policy), "-o"],
        vec!["migrate", dir_arg, "-o"],
        vec!["shrink", dir_arg, "--until", "output:finished", "-o"],
        vec!["corpus", dir_arg, "-o"],
    ];
    for args in made {
        let verb = args[0];
        let result = to(verb);
        let all = [args, vec![arg(&result)]].concat();
        let output = replay(&all);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{verb} of {name}: {said}");
        if verb != "corpus" {
            let report = replay_json(0, &["verify", arg(&result), "--json"]);
            assert_eq!(report["verdict"], "identical", "{verb} of {name}: {report:#}");
            assert_eq!(report["snapshot"].is_u64(), kind == Kind::Trimmed, "{verb} of {name}");
        }
    }
    let looks: [&[&str]; 7] = [
        &["stats", dir_arg],
        &["what-if", dir_arg, "--set", "limits.lane_waiting_max=9999"],
        &["diff", dir_arg, dir_arg, "--align", "cause"],
        &["export", dir_arg, "--format", "html"],
        &["export", dir_arg, "--format", "perfetto"],
        &["export", dir_arg, "--format", "md", "--pseudonyms"],
        &["step", dir_arg],
    ];
    for look in looks {
        let output = replay(look);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_good =
            matches!((look[0], output.status.code()), (_, Some(0)) | ("what-if", Some(10)));
        assert!(is_good, "{look:?} of {name}: {:?} {said}", output.status.code());
    }
    if kind != Kind::Live {
        let equal = replay_json(0, &["diff", dir_arg, "--build", arg(&own), "--json"]);
        assert_eq!(equal["difference"], Value::Null, "{name}: {equal:#}");
    }
}
