//! The fuzz target `pi_line`. It is here and not in `fuzz/`, so that its corpus runs as an ordinary
//! test as well.

use std::time::{Duration, Instant};

use pi_server_core::AgentNo;
use pi_server_core::input::AgentSaid;
use pi_server_core::wire::json::parse;

use super::session::{Known, Session};
use super::version::Version;
use crate::agent::Heard;
use crate::agent::voice::Voice;

/// What a pi writes, byte by byte as it likes: the first byte chooses its version, the rest are its
/// lines. Everything that is heard of it has to be fit for the journal and for clients.
///
/// # Panics
/// A body is no JSON that clients may be sent.
pub fn pi_line(bytes: &[u8]) {
    let (choice, lines) = bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest));
    let version = ["0.73.1", "0.87.1", "1.6.0"][usize::from(choice % 3)];
    let version = Version::parse(version).expect("a version");
    let mut session = Session::new(version, "/project".into(), Known::default());
    let mut heard = Vec::new();
    let mut now = Instant::now();
    for line in lines.split(|byte| *byte == b'\n') {
        session.line(line, now, &mut Voice::new(AgentNo(1), &mut heard));
        now += Duration::from_millis(1);
        let answers = std::mem::take(session.output());
        for answer in answers.split_inclusive(|byte| *byte == b'\n') {
            let text = std::str::from_utf8(answer).expect("pi is told text");
            assert!(text.ends_with('\n') && text.starts_with('{'), "{text}");
        }
    }
    session.end(choice & 4 == 0, &mut Voice::new(AgentNo(1), &mut heard));
    heard.iter().for_each(is_fit);
}

fn is_fit(Heard { said, body, .. }: &Heard) {
    let text = std::str::from_utf8(body).expect("a body is text");
    let json = text.is_empty() || parse(body).is_ok();
    assert!(json && !text.contains('\n'), "{said:?}: {text}");
    if let AgentSaid::Event(_) = said {
        assert!(text.starts_with('{'), "an event is an object: {text}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_corpus_of_lines_is_fit() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
        let folders = ["seeds/pi_line", "corpus/pi_line"];
        let files = folders.iter().flat_map(|name| std::fs::read_dir(root.join(name)).into_iter());
        let files: Vec<_> = files.flatten().map(|entry| entry.expect("an entry").path()).collect();
        assert!(files.len() >= 20, "{} files", files.len());
        for file in files {
            let bytes = std::fs::read(&file).expect("a file");
            let done = std::panic::catch_unwind(|| super::pi_line(&bytes));
            assert!(done.is_ok(), "{}", file.display());
        }
    }
}
