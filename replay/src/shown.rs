//! Text from outside, as it may be shown: nothing in it moves a cursor, changes colours, turns the
//! direction of writing, or looks like a line of its own.

use std::fmt::{self, Write as _};
use std::io;

/// A text whose control and formatting characters are shown escaped, as `\u{1b}`.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            letter if is_active(letter) => write!(f, "{}", letter.escape_unicode()),
            letter => f.write_char(letter),
        })
    }
}

/// True for characters that a terminal or a page acts on instead of showing them: controls (of
/// lines too), marks of direction, invisible ones, and those that end lines.
pub fn is_active(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Passes text on to a writer, with everything in it escaped that a terminal would act on but line
/// ends. What is written in parts must not be cut inside of a character.
pub struct Escaping<W>(pub W);

impl<W: io::Write> io::Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Ok(text) = std::str::from_utf8(bytes) else { return self.0.write_all(bytes) };
        let mut rest = text;
        while let Some((at, letter)) =
            rest.char_indices().find(|(_, letter)| *letter != '\n' && is_active(*letter))
        {
            self.0.write_all(&rest.as_bytes()[..at])?;
            write!(self.0, "{}", letter.escape_unicode())?;
            rest = &rest[at + letter.len_utf8()..];
        }
        self.0.write_all(rest.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_gets_through() {
        let text = "a\u{1b}[31m\r\u{7}\u{9b}\u{202e}\u{2066}\u{200b}b\u{2028}é中\u{85}";
        let shown = Shown(text).to_string();
        assert!(!shown.chars().any(is_active), "{shown}");
        assert!(shown.starts_with("a\\u{1b}[31m\\u{d}") && shown.contains("é中"), "{shown}");
        let mut out = Escaping(Vec::new());
        writeln!(out, "{text}").unwrap();
        writeln!(out, "{text}").unwrap();
        let out = String::from_utf8(out.0).unwrap();
        assert_eq!(out, format!("{shown}\n{shown}\n"));
    }
}
