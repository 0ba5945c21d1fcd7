use std::fs;

use rustix::io::Errno;
use tempfile::tempdir;

use super::*;

#[test]
fn a_system_without_fallocate_gets_its_zeros_and_a_full_one_names_the_call() {
    for errno in [Errno::OPNOTSUPP, Errno::NOSYS, Errno::INVAL, Errno::PERM] {
        allocate(|| Err(errno)).expect("the zeros are written anyway");
    }
    let mut calls = [Ok(()), Err(Errno::INTR)].to_vec();
    allocate(|| calls.pop().expect("no more calls")).expect("a signal came");
    let error = allocate(|| Err(Errno::NOSPC)).expect_err("there is no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("fallocate: "), "{error}");
}

#[test]
fn head_is_written_where_it_is_even_if_its_file_was_removed_or_replaced() {
    let dir = tempdir().expect("a directory");
    let disk = FileDisk::open(dir.path(), Backend::Pwrite).expect("it is free");
    let path = dir.path().join(HEAD_FILE);
    let slot = |byte| [byte; HEAD_SLOT_BYTES];
    disk.write_head(0, &slot(1)).expect("it is made");
    disk.write_head(1, &slot(2)).expect("it is there");
    let both = [slot(1), slot(2)].concat();
    assert!(disk.read_head().expect("it is there").starts_with(&both));
    // As a tool does that restores a copy.
    fs::copy(&path, dir.path().join("copy")).expect("it can be copied");
    fs::rename(dir.path().join("copy"), &path).expect("it can be replaced");
    disk.write_head(0, &slot(3)).expect("it is there");
    let both = [slot(3), slot(2)].concat();
    assert!(disk.read_head().expect("it is there").starts_with(&both));
    fs::remove_file(&path).expect("it is there");
    disk.write_head(1, &slot(4)).expect("it is made again");
    assert!(disk.read_head().expect("it is there")[HEAD_SLOT_BYTES..].starts_with(&slot(4)));
}

#[test]
fn nothing_is_made_in_a_directory_that_took_the_place_of_ours() {
    let above = tempdir().expect("a directory");
    let (dir, away) = (above.path().join("data"), above.path().join("away"));
    let disk = FileDisk::open(&dir, Backend::Pwrite).expect("it is free");
    fs::rename(&dir, &away).expect("it can be moved");
    fs::create_dir_all(dir.join(SEGMENT_DIR)).expect("a copy takes its place");
    let mut write = |_: &mut dyn Write| Ok(());
    assert!(disk.check().is_err());
    assert!(disk.replace(1, &[], true).is_err());
    assert!(disk.keep(Shelf::Snapshots, 1, &mut write).is_err());
    assert!(disk.drop_segment(1).is_err());
    assert!(disk.discard(Shelf::Snapshots, 1).is_err());
    let files = fs::read_dir(dir.join(SEGMENT_DIR)).expect("it is there");
    assert_eq!(files.count(), 0);
    assert!(!dir.join(SNAPSHOT_DIR).exists());
}
