//! What an agent writes to its standard error goes to the daemon's: it is for whoever runs it ("Could
//! not restore model X. Using Y"). Line by line, bounded, and without what looks like a key or token.

use pi_server_redact::Policy;

use crate::agent::voice::start_of;

/// Lines of one agent that are passed on.
const LINES_MAX: u32 = 200;
/// Bytes of a line that are passed on.
const LINE_BYTES_MAX: usize = 4 << 10;

/// The standard error of one agent, on its way to the daemon's.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    line: Vec<u8>,
    lines: u32,
}

impl Diagnostics {
    /// Takes bytes of a session's agent, and calls `pass` with each line that is to be passed on.
    pub(super) fn take(&mut self, session: &str, bytes: &[u8], mut pass: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end(session, &mut pass);
            }
        }
    }

    /// Passes on what is left of a line: nothing more comes.
    pub(super) fn end(&mut self, session: &str, mut pass: impl FnMut(&str)) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() || self.lines > LINES_MAX {
            return;
        }
        self.lines += 1;
        let session = session.escape_debug();
        if self.lines > LINES_MAX {
            return pass(&format!("pi-server: session {session}: the agent says too much"));
        }
        let clean = Policy::default().text(text).unwrap_or_else(|| text.to_owned());
        // What controls a terminal must not reach that of whoever reads the log.
        let plain: String = clean.chars().filter(|letter| !letter.is_control()).collect();
        let shown = start_of(&plain, LINE_BYTES_MAX);
        pass(&format!("pi-server: session {session}: agent: {shown}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Diagnostics, LINES_MAX};

    fn passed(pieces: &[&[u8]]) -> Vec<String> {
        let (mut diagnostics, mut passed) = (Diagnostics::default(), Vec::new());
        for piece in pieces {
            diagnostics.take("s", piece, |line| passed.push(line.to_owned()));
        }
        diagnostics.end("s", |line| passed.push(line.to_owned()));
        passed
    }

    #[test]
    fn lines_are_put_together_and_are_fit_for_a_log() {
        assert_eq!(
            passed(&[b"Could not rest", b"ore model X.\n\n\x1b[31mre", b"d\n last"]),
            [
                "pi-server: session s: agent: Could not restore model X.",
                "pi-server: session s: agent: [31mred",
                "pi-server: session s: agent: last",
            ]
        );
        let secret = passed(&[b"key sk-ant-api03-abcdefghijklmnopqrstu\n"]);
        assert_eq!(secret, ["pi-server: session s: agent: key [redacted]"]);
    }

    #[test]
    fn an_agent_cannot_fill_the_log() {
        let all = passed(&[&b"x\n".repeat(1_000), &b"y".repeat(1 << 20)]);
        assert_eq!(all.len(), LINES_MAX as usize + 1);
        assert!(all.iter().all(|line| line.len() < 5_000));
    }
}
