//! Standard error and standard output as they are: closed, broken, full, or a terminal. No message
//! ends the process, whatever becomes of it, and none of a daemon's keeps it waiting.
//!
//! `eprintln!` and `println!` panic when their reader is gone, which ends a daemon; clippy refuses
//! them in this workspace.

use std::fmt::Arguments;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::text::escape;

/// Longest piece that is written at once: a pipe that says that it is writable takes so much.
const PIECE_BYTES_MAX: usize = 4096;
/// How long a message waits for a reader that has been reading so far.
const PATIENCE: Duration = Duration::from_millis(20);

/// Messages that no reader took, since the last one that a reader did take.
static LOST: Mutex<u64> = Mutex::new(0);

/// Says one line on standard error, as [`std::format!`] makes it.
#[macro_export]
macro_rules! report {
    ($($words:tt)*) => {
        $crate::console::report(::core::format_args!($($words)*))
    };
}

/// Writes one line on standard error: what is unsafe in it is escaped, and a reader that does not
/// take it within a moment does not get it. Never fails; for a process that has other things to do.
pub fn report(words: Arguments<'_>) {
    let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
    let mut line = escape(&words.to_string()).into_owned();
    line.push('\n');
    if *lost > 0 {
        line.insert_str(0, &format!("({lost} messages before this one found no reader)\n"));
    }
    let patience = if *lost == 0 { PATIENCE } else { Duration::ZERO };
    match offer(&io::stderr(), line.as_bytes(), patience) {
        Ok(()) => *lost = 0,
        Err(_) => *lost = lost.saturating_add(1),
    }
}

/// Says one line on standard error as [`report!`] does, and waits until it is taken.
#[macro_export]
macro_rules! complain {
    ($($words:tt)*) => {
        $crate::console::complain(::core::format_args!($($words)*))
    };
}

/// Writes one line on standard error, in which what is unsafe is escaped, and waits until it is
/// taken. Never fails; for a command that has nothing else to do and ends soon.
pub fn complain(words: Arguments<'_>) {
    draw(&format!("{}\n", escape(&words.to_string())));
}

/// Writes text on standard error as it is, and waits until it is taken. Never fails.
pub fn draw(text: &str) {
    // Nobody is left to hear about it if the reader is gone.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes text on standard output and waits until it is taken.
///
/// # Errors
/// The reader is gone, or the file that it goes to is full.
pub fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Writes bytes to a descriptor that may belong to a pipe which nobody empties.
fn offer(file: &impl AsFd, bytes: &[u8], patience: Duration) -> io::Result<()> {
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    for mut piece in bytes.chunks(PIECE_BYTES_MAX) {
        while !piece.is_empty() {
            let mut ready = [PollFd::new(file, PollFlags::OUT)];
            if poll(&mut ready, Some(&patience))? == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match rustix::io::write(file, piece) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => piece = piece.get(count..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
