use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A session directory, and places in which it is the only one.
fn world() -> (TempDir, PathBuf, Places) {
    let dir = tempfile::tempdir().expect("a directory");
    let root = fs::canonicalize(dir.path()).expect("canonical");
    let sessions = root.join("sessions");
    fs::create_dir(&sessions).expect("made");
    let places = Places::new("/", vec![sessions.clone()]);
    (dir, sessions, places)
}

fn session_text(name: Option<&str>) -> String {
    let mut text =
        "{\"type\":\"session\",\"version\":3,\"id\":\"x\",\"cwd\":\"/work\"}\n".to_owned();
    if let Some(name) = name {
        text.push_str("{\"type\":\"session_info\",\"id\":\"1\",\"name\":\"first\"}\n");
        text.push_str("half a line that a crash left\n");
        let line = serde_json::json!({ "type": "session_info", "id": "2", "name": name });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text
}

fn file(places: &Places, path: &std::path::Path) -> Result<Answer, String> {
    session_file::check(path.to_str().expect("UTF-8"), places)
}

#[test]
fn a_working_directory_is_absolute_there_and_resolved() {
    let (dir, sessions, _) = world();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&sessions, &link).expect("linked");
    let check = |cwd: &str| directory::check(Some(cwd), "/");
    assert_eq!(check(link.to_str().expect("UTF-8")).as_deref(), Ok(sessions.to_str().expect("")));
    assert_eq!(check("work").unwrap_err(), "CWD must be an absolute path");
    assert_eq!(check("").unwrap_err(), "CWD must be an absolute path");
    assert_eq!(check("/no/such").unwrap_err(), "CWD must point to an existing directory");
    assert_eq!(check("/dev/null").unwrap_err(), "CWD must point to an existing directory");
    assert_eq!(directory::check(None, "/").as_deref(), Ok("/"));
}

#[test]
fn a_session_file_is_found_with_its_directory_and_its_last_name() {
    let (_dir, sessions, places) = world();
    let path = sessions.join("a.jsonl");
    fs::write(&path, session_text(Some("last"))).expect("written");
    let text = path.to_str().expect("UTF-8");
    assert_eq!(
        file(&places, &path),
        Ok(Answer::SessionFile {
            path: text.into(),
            cwd: "/work".into(),
            name: Some("last".into())
        })
    );
}

#[test]
fn the_path_rules_are_applied_in_order_with_links_resolved() {
    let (dir, sessions, places) = world();
    let outside = dir.path().join("outside.jsonl");
    fs::write(&outside, session_text(None)).expect("written");
    let link = sessions.join("link.jsonl");
    std::os::unix::fs::symlink(&outside, &link).expect("linked");
    let text = sessions.join("b.txt");
    fs::write(&text, session_text(None)).expect("written");
    let disguised = sessions.join("c.jsonl");
    std::os::unix::fs::symlink(&text, &disguised).expect("linked");
    let other = sessions.join("d.jsonl");
    fs::write(&other, "{\"type\":\"other\"}\n").expect("written");
    let starts = |path: &std::path::Path, words: &str| {
        let refused = file(&places, path).expect_err("refused");
        assert!(refused.starts_with(words), "{}: {refused}", path.display());
    };
    starts("a.jsonl".as_ref(), "sessionPath must be an absolute path");
    starts(&text, "sessionPath must point to a .jsonl or .json");
    starts(&disguised, "sessionPath must point to a .jsonl or .json");
    starts(&outside, "sessionPath must be under an allowed session directory");
    starts(&link, "sessionPath must be under an allowed session directory");
    starts(&other, "sessionPath must point to an existing session file");
    starts(&sessions.join("none.jsonl"), "sessionPath must point to an existing session file");
    fs::create_dir(sessions.join("e.jsonl")).expect("made");
    starts(&sessions.join("e.jsonl"), "sessionPath must point to an existing session file");
}

#[test]
fn what_is_no_regular_file_is_no_session_and_is_never_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let (_dir, sessions, places) = world();
    let fifo = sessions.join("fifo.jsonl");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
    let link = sessions.join("link.jsonl");
    std::os::unix::fs::symlink(&fifo, &link).expect("linked");
    let zeros = sessions.join("zeros.jsonl");
    std::os::unix::fs::symlink("/dev/zero", &zeros).expect("linked");
    fs::write(sessions.join("good.jsonl"), session_text(None)).expect("written");
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let answers = [&fifo, &link].map(|path| file(&places, path));
        let listed = Stored::new().list(&[], &places);
        let _ = done.send((answers, session_file::header(&zeros), listed));
    });
    let patience = std::time::Duration::from_secs(20);
    let (answers, header, listed) = wait.recv_timeout(patience).expect("nothing blocks");
    for answer in answers {
        assert_eq!(answer.unwrap_err(), "sessionPath must point to an existing session file");
    }
    assert_eq!(header, None);
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(1));
    assert!(listed.get("truncated").is_none());
}

#[test]
fn a_name_is_cut_as_the_protocol_counts_characters() {
    let (_dir, sessions, places) = world();
    let path = sessions.join("a.jsonl");
    let name = format!("a\u{9b}\u{202e}{}", "\u{1f980}".repeat(200));
    let line = format!("{{\"type\":\"session_info\",\"name\":\"{name}\"}}\n");
    fs::write(&path, session_text(None) + &line).expect("written");
    let Ok(Answer::SessionFile { name: Some(name), .. }) = file(&places, &path) else {
        panic!("it has a name");
    };
    // One more would be half a character; and what controls a terminal is a space.
    assert_eq!(name.encode_utf16().count(), 255);
    assert!(name.starts_with("a  \u{1f980}"), "{name:?}");
}

#[test]
fn stored_sessions_come_newest_first_and_a_changed_file_is_read_again() {
    let (_dir, sessions, places) = world();
    let deep = sessions.join("--work--");
    fs::create_dir(&deep).expect("made");
    let old = deep.join("2025-01-01T00-00-00-000Z_x.jsonl");
    fs::write(&old, session_text(Some("old"))).expect("written");
    let new = sessions.join("2026-01-01T00-00-00-000Z_y.jsonl");
    fs::write(&new, session_text(None)).expect("written");
    fs::write(sessions.join("notes.txt"), "no session").expect("written");
    fs::write(sessions.join("config.json"), "{\"password\":\"x\"}").expect("written");
    // A circle of links must not be followed round and round.
    std::os::unix::fs::symlink(&sessions, deep.join("circle")).expect("linked");
    let mut stored = Stored::new();
    let data = stored.list(&[], &places);
    assert_eq!(data["sessions"].as_array().map(Vec::len), Some(2));
    assert_eq!(data["sessions"][0]["sessionId"], "2026-01-01T00-00-00-000Z_y");
    assert_eq!(data["sessions"][1]["sessionName"], "old");
    assert_eq!(data["sessions"][1]["createdAt"], "2025-01-01T00:00:00.000Z");
    assert_eq!(data["sessions"][1]["cwd"], "/work");
    fs::write(&old, session_text(Some("a longer name"))).expect("written");
    fs::remove_file(&new).expect("removed");
    let data = stored.list(&[], &places);
    assert_eq!(data["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(data["sessions"][0]["sessionName"], "a longer name");
}
