//! Texts of strangers in what people read: a name or an error may hold what a terminal takes for a
//! command, what begins a new line, or what turns the order of letters around.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use pi_server_core::wire::text::is_control;

/// The text in one line, with `\n`, `\r`, `\t` and `\u{1b}` in the place of what [`is_control`].
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_control) { Cow::Owned(Escaped(text).to_string()) } else { text.into() }
}

/// Displays a text as [`escape`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_control(character) {
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
