//! Steps every script in `core/tests/scripts` and compares what comes out with what it says.
//! `UPDATE=1 cargo test -p pi-server-core --test scripts` rewrites them; review that diff like code.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its script has failed")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pi_server_core::notation::parse_script;
use pi_server_core::snapshot::LAYOUT;
use pi_server_core::{Outputs, State};

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "txt"));
    files.sort();
    files
}

/// The script as it would read if it expected what really happens. After every step, the state
/// must survive its own snapshot.
fn played(text: &str) -> Result<String, String> {
    let script = parse_script(text).map_err(|error| error.to_string())?;
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    let mut steps = script.steps.iter().peekable();
    let mut written = String::new();
    for (index, line) in text.lines().enumerate() {
        if line.starts_with(' ') {
            continue;
        }
        writeln!(written, "{line}").unwrap();
        let Some(step) = steps.next_if(|step| step.line == index + 1) else { continue };
        state.step(&step.input, &mut outputs);
        for output in outputs.as_slice() {
            writeln!(written, "  {output}").unwrap();
        }
        let again = State::decode(LAYOUT, &state.encode()).expect("a state's own snapshot decodes");
        // A state is too long to be shown twice.
        assert!(again == state, "line {}: the snapshot is another state", step.line);
    }
    Ok(written)
}

#[test]
fn every_script_does_what_it_says() {
    let update = std::env::var_os("UPDATE").is_some();
    let (files, mut wrong) = (scripts(), String::new());
    assert!(!files.is_empty(), "there are scripts");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        match played(&text) {
            Err(error) => writeln!(wrong, "{name}: {error}").unwrap(),
            Ok(written) if update => std::fs::write(&file, written).unwrap(),
            Ok(written) => {
                let pairs = text.lines().zip(written.lines()).enumerate();
                let first = pairs.into_iter().find(|(_, (expected, got))| expected != got);
                if let Some((line, (expected, got))) = first {
                    writeln!(wrong, "{name}:{}\n  expected {expected}\n  got      {got}", line + 1)
                        .unwrap();
                } else if text.lines().count() != written.lines().count() {
                    writeln!(wrong, "{name}: a step has more or fewer outputs").unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What `get_metrics` and the state viewer show: no output depends on it, so that no script would
/// notice a wrong count.
#[test]
fn counts_are_what_happened() {
    let text = "\
t1 boot rate=off outcomes_max=2 read_outcomes_max=1
t2 open
t3 command c2 \"1\" set_interest own key \"k\"
t4 command c2 \"2\" set_interest own
t5 command c2 \"3\" set_interest own
t6 command c2 \"4\" set_interest own
t7 command c2 \"5\" set_interest own
t8 command c2 \"6\" health_check
t9 command c2 \"7\" health_check
";
    let script = parse_script(text).unwrap();
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    for step in &script.steps {
        state.step(&step.input, &mut outputs);
    }
    let metrics = state.metrics();
    let counts = (metrics.outcomes, metrics.unindexed, metrics.idempotency_keys);
    // Three ids wait for an index; the outcome of the first can still be asked for by its key. Of the
    // two reads one is stored.
    assert_eq!(counts, (4, 3, 1));
    assert_eq!(metrics.forgotten, 0);
    let lanes: Vec<_> =
        state.lanes().map(|lane| (lane.name.to_string(), lane.last_sequence)).collect();
    assert_eq!(lanes, [("server".to_owned(), 7)]);
}
