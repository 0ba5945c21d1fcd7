use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rustix::pipe::pipe;

use super::{PIECE_BYTES_MAX, offer};

const PATIENCE: Duration = Duration::from_millis(5);

#[test]
fn a_message_whose_reader_is_gone_is_an_error_and_no_panic() {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    let error = offer(&writer, b"text\n", PATIENCE).expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_message_that_nobody_takes_is_given_up() {
    let (_reader, writer) = pipe().expect("a pipe");
    let line = [b'x'; 3 * PIECE_BYTES_MAX];
    let begun = Instant::now();
    let mut taken = 0;
    let error = loop {
        match offer(&writer, &line, PATIENCE) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(taken > 0);
    assert!(begun.elapsed() < Duration::from_secs(10));
}
