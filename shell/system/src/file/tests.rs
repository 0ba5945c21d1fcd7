use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use tempfile::tempdir;

use super::{is_about_content, open_regular, open_regular_with, read_regular, read_regular_text};

/// Runs `open` on a thread of its own: a test of what must not block must not block either.
fn promptly<T: Send + 'static>(open: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(open()));
    wait.recv_timeout(Duration::from_secs(10)).expect("it does not block")
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
}

#[test]
fn what_is_no_regular_file_is_named_and_never_waited_for() {
    let dir = tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name);
    fifo(&at("fifo"));
    symlink(at("fifo"), at("link")).expect("a link");
    std::fs::create_dir(at("dir")).expect("a directory");
    let _listener = UnixListener::bind(at("socket")).expect("a socket");
    symlink("/dev/zero", at("device")).expect("a link");
    let cases = [
        ("fifo", "a FIFO"),
        ("link", "a FIFO"),
        ("dir", "a directory"),
        ("socket", "a socket"),
        ("device", "a device"),
    ];
    for (name, kind) in cases {
        for write in [false, true] {
            let path = at(name);
            let error = promptly(move || {
                open_regular_with(OpenOptions::new().read(true).write(write), &path)
            });
            let error = error.expect_err(name);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
            assert_eq!(error.to_string(), format!("it is {kind} and not a regular file"));
        }
        let path = at(name);
        promptly(move || read_regular(&path, 10)).expect_err(name);
    }
}

#[test]
fn a_file_is_read_up_to_its_bound_and_not_past_it() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("file");
    std::fs::write(&path, b"0123456789").expect("a file");
    assert_eq!(read_regular(&path, 10).expect("it fits"), b"0123456789");
    let error = read_regular(&path, 9).expect_err("it does not fit");
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    assert_eq!(error.to_string(), "it has more than 9 bytes");
    std::fs::write(&path, b"\xff").expect("a file");
    let error = read_regular_text(&path, 9).expect_err("no text");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    // A file of the kernel's says that it is empty, and is not.
    assert!(read_regular(Path::new("/proc/self/status"), 9).is_err());
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_missing_and_can_be_made() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("file");
    assert_eq!(open_regular(&path).expect_err("none").kind(), ErrorKind::NotFound);
    open_regular_with(OpenOptions::new().write(true).create(true), &path).expect("it is made");
    assert!(path.is_file());
}

#[test]
fn an_error_about_what_was_found_is_none_of_a_call_that_failed() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("file");
    std::fs::write(&path, b"\xff").expect("a file");
    let mut short = open_regular(&path).expect("a file");
    let found = [
        open_regular(dir.path()).expect_err("a directory"),
        read_regular_text(&path, 9).expect_err("no text"),
        io::Read::read_exact(&mut short, &mut [0; 2]).expect_err("it is shorter"),
    ];
    for error in found {
        assert!(is_about_content(&error), "{error}");
    }
    for errno in [Errno::INVAL, Errno::MFILE, Errno::IO, Errno::ACCESS] {
        let error = io::Error::from(errno);
        assert!(!is_about_content(&error), "{error}");
    }
    assert_eq!(io::Error::from(Errno::INVAL).kind(), ErrorKind::InvalidInput, "the same kind");
}
