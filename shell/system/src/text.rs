//! Texts of strangers in what people read: a name or an error may hold what a terminal takes for a
//! command, what begins a new line, or what turns the order of letters around.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Returns true if a character must not reach a terminal as it is: a control character (C0, DEL,
/// C1), a line or paragraph separator, or one that changes the direction of writing.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// The text in one line, with `\n`, `\r`, `\t` and `\u{1b}` in the place of what [`is_unsafe`].
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) { Cow::Owned(Escaped(text).to_string()) } else { text.into() }
}

/// Displays a text as [`escape`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_unsafe(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
