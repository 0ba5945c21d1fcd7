use std::fs;
use std::os::unix::fs::symlink;

use tempfile::tempdir;

use super::*;

#[test]
fn a_lock_that_is_removed_lets_nobody_in_and_is_made_again() {
    let dir = tempdir().expect("a directory");
    let guard = Guard::lock(dir.path()).expect("it is free");
    fs::remove_file(dir.path().join(LOCK_FILE)).expect("it is there");
    assert!(matches!(Guard::lock(dir.path()), Err(OpenError::Locked { .. })));
    guard.check().expect("nobody has come");
    let lock = File::open(dir.path().join(LOCK_FILE)).expect("it is there again");
    assert!(flock(&lock).is_err(), "and locked");
}

#[test]
fn a_daemon_that_knows_only_the_lock_file_is_noticed() {
    let dir = tempdir().expect("a directory");
    let guard = Guard::lock(dir.path()).expect("it is free");
    let path = dir.path().join(LOCK_FILE);
    assert!(flock(&File::open(&path).expect("it is there")).is_err(), "it is kept out at first");
    fs::remove_file(&path).expect("it is there");
    let other = File::create(&path).expect("an older build makes its own");
    flock(&other).expect("nobody has that one");
    let error = guard.check().expect_err("it has come in");
    assert!(error.to_string().contains("the lock of another daemon"), "{error}");
}

#[test]
fn a_directory_that_is_moved_or_replaced_is_noticed() {
    for name in ["", SEGMENT_DIR] {
        let above = tempdir().expect("a directory");
        let dir = above.path().join("data");
        fs::create_dir(&dir).expect("a directory");
        let guard = Guard::lock(&dir).expect("it is free");
        guard.check().expect("it is where it was");
        let (path, away) = (dir.join(name), above.path().join("away"));
        fs::rename(&path, &away).expect("it can be moved");
        let error = guard.check().expect_err("it is away");
        assert!(error.to_string().contains("was moved or replaced"), "{error}");
        fs::create_dir_all(&path).expect("another one takes its place");
        guard.check().expect_err("it is another one");
        fs::remove_dir_all(&path).expect("it is there");
        fs::rename(&away, &path).expect("it can be moved");
        guard.check().expect("it is back");
    }
}

#[test]
fn two_data_directories_with_one_directory_of_segments_are_one_journal() {
    let above = tempdir().expect("a directory");
    let segments = above.path().join("segments");
    fs::create_dir(&segments).expect("a directory");
    let [one, two] = ["one", "two"].map(|name| {
        let dir = above.path().join(name);
        fs::create_dir(&dir).expect("a directory");
        symlink(&segments, dir.join(SEGMENT_DIR)).expect("a link");
        dir
    });
    let first = Guard::lock(&one).expect("it is free");
    assert!(matches!(Guard::lock(&two), Err(OpenError::Locked { .. })));
    drop(first);
    Guard::lock(&two).expect("it is free now");
}
