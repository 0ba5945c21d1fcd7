//! Frames out of a stream of lines. A line that is too long is passed over without keeping it.

use std::io::BufRead;

use serde::Deserialize;

use super::{HEAD_BYTES_MAX, Said};

/// Cuts a stream at its line feeds.
#[derive(Debug)]
pub(super) struct Splitter {
    max: u64,
    line: Vec<u8>,
    /// How much of a line that is too long was passed over; `line` has its beginning.
    passed: Option<Passed>,
}

#[derive(Clone, Copy, Debug)]
struct Passed {
    size: u64,
    /// The last byte so far is a carriage return, which does not count if a line feed follows.
    cr: bool,
}

impl Splitter {
    /// Takes lines of up to `max` bytes.
    pub(super) fn new(max: u64) -> Splitter {
        Splitter { max, line: Vec::new(), passed: None }
    }

    /// Takes in what was read and says every line that it completes, without its line end.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut say: impl FnMut(Said)) {
        while !bytes.is_empty() {
            match self.passed {
                Some(passed) => bytes = self.pass(passed, bytes, &mut say),
                None => bytes = self.take(bytes, &mut say),
            }
        }
    }

    /// The stream has ended: what follows the last line feed is a line too, if it is anything.
    pub(super) fn finish(&mut self, mut say: impl FnMut(Said)) {
        if self.passed.is_some() || !self.line.is_empty() {
            self.feed(b"\n", &mut say);
        }
    }

    fn take<'a>(&mut self, mut bytes: &'a [u8], say: &mut impl FnMut(Said)) -> &'a [u8] {
        bytes.read_until(b'\n', &mut self.line).expect("reading from memory cannot fail");
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
            let line = std::mem::take(&mut self.line);
            let size = line.len() as u64;
            say(if size > self.max { too_large(size, line) } else { Said::Frame(line) });
        } else if self.line.len() as u64 > self.max.saturating_add(1) {
            // One byte more than the limit may still be the carriage return of a line that fits.
            let cr = self.line.last() == Some(&b'\r');
            self.passed = Some(Passed { size: self.line.len() as u64, cr });
            self.line.truncate(HEAD_BYTES_MAX);
            self.line.shrink_to_fit();
        }
        bytes
    }

    fn pass<'a>(
        &mut self,
        passed: Passed,
        bytes: &'a [u8],
        say: &mut impl FnMut(Said),
    ) -> &'a [u8] {
        let mut rest = bytes;
        rest.skip_until(b'\n').expect("reading from memory cannot fail");
        let line = &bytes[..bytes.len() - rest.len()];
        let size = passed.size + line.len() as u64;
        let Some(text) = line.strip_suffix(b"\n") else {
            self.passed = Some(Passed { size, cr: line.last() == Some(&b'\r') });
            return rest;
        };
        let cr = text.last().map_or(passed.cr, |last| *last == b'\r');
        self.passed = None;
        say(too_large(size - 1 - u64::from(cr), std::mem::take(&mut self.line)));
        rest
    }
}

fn too_large(size: u64, mut head: Vec<u8>) -> Said {
    head.truncate(HEAD_BYTES_MAX);
    head.shrink_to_fit();
    Said::TooLarge { size, head }
}

/// The line by which a Unix client may give its name, before anything else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    #[serde(rename = "type")]
    kind: HelloKind,
    client: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum HelloKind {
    Hello,
}

/// The name in `{"type":"hello","client":"name"}`; `None` if the line is anything else.
pub(super) fn hello(line: &[u8]) -> Option<String> {
    // An array of the two values would do as well otherwise.
    line.trim_ascii_start().strip_prefix(b"{")?;
    let Hello { kind: HelloKind::Hello, client } = serde_json::from_slice(line).ok()?;
    Some(client)
}

#[cfg(test)]
mod tests;
