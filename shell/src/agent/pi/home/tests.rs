//! The agent folder beside a user's.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{SETTINGS, prepare, session_folder, session_folders};

struct Home {
    _dir: tempfile::TempDir,
    user: PathBuf,
    folders: PathBuf,
}

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().expect("a directory");
        let (user, folders) = (dir.path().join("user"), dir.path().join("agents"));
        Home { _dir: dir, user, folders }
    }

    fn session(&self, name: &str) -> PathBuf {
        prepare(&self.folders, name, &self.user).expect("a folder")
    }

    fn set(&self, settings: &Value) {
        fs::create_dir_all(&self.user).expect("the user's folder");
        fs::write(self.user.join(SETTINGS), settings.to_string()).expect("the user's settings");
    }
}

fn json_of(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}

/// As pi writes: through the path, in place.
fn change(path: &Path, key: &str, value: Value) {
    let mut settings = if path.exists() { json_of(path) } else { json!({}) };
    settings[key] = value;
    fs::write(path, settings.to_string()).expect("the settings");
}

#[test]
fn what_one_session_signs_in_to_after_its_start_is_seen_by_all() {
    for name in ["auth.json", "models-store.json", "mcp.json", "mcp-auth.json", "trust.json"] {
        let home = Home::new();
        let (a, b) = (home.session("a"), home.session("b"));
        change(&a.join(name), "provider", json!({ "key": "k" }));
        assert_eq!(json_of(&home.user.join(name))["provider"]["key"], "k", "{name}");
        assert_eq!(json_of(&b.join(name))["provider"]["key"], "k", "{name}");
        // The lock is beside what the link leads to, so that sessions exclude each other.
        let real = |folder: &Path| fs::canonicalize(folder.join(name)).expect("a file");
        assert_eq!(real(&a), real(&b), "{name}");
    }
}

#[test]
fn a_file_that_blocked_the_link_is_handed_over() {
    let home = Home::new();
    let a = home.session("a");
    let (own, theirs) = (a.join("auth.json"), home.user.join("auth.json"));
    fs::remove_file(&own).expect("a link");
    fs::write(&own, r#"{"mine":1,"both":1}"#).expect("an own file");
    fs::write(&theirs, r#"{"both":2,"theirs":2}"#).expect("the user's file");
    home.session("a");
    assert_eq!(json_of(&own), json!({ "mine": 1, "both": 2, "theirs": 2 }));
    assert!(own.is_symlink());

    fs::remove_file(&own).expect("a link");
    fs::remove_file(&theirs).expect("a file");
    fs::write(&own, r#"{"mine":1}"#).expect("an own file");
    home.session("a");
    assert_eq!(json_of(&theirs), json!({ "mine": 1 }));
}

#[test]
fn what_a_session_has_set_stays_when_the_user_changes_something_else() {
    let home = Home::new();
    home.set(&json!({ "theme": "dark", "retry": { "enabled": true, "max": 3 } }));
    let a = home.session("a").join(SETTINGS);
    change(&a, "steeringMode", json!("all"));
    change(&a, "retry", json!({ "enabled": false, "max": 3 }));
    home.set(&json!({ "theme": "light", "retry": { "enabled": true, "max": 5 }, "new": 1 }));
    home.session("a");
    let expected = json!({
        "theme": "light", "retry": { "enabled": false, "max": 5 }, "new": 1, "steeringMode": "all",
    });
    assert_eq!(json_of(&a), expected);
    home.session("a");
    assert_eq!(json_of(&a), expected, "again");
    home.set(&json!({}));
    home.session("a");
    assert_eq!(json_of(&a)["theme"], Value::Null, "what the user takes out is gone");
    assert_eq!(json_of(&home.user.join(SETTINGS)), json!({}), "and the user's are the user's");
}

#[test]
fn what_is_installed_in_one_session_is_there_in_all() {
    let home = Home::new();
    home.set(&json!({ "packages": ["npm:one"] }));
    let a = home.session("a");
    change(&a.join(SETTINGS), "packages", json!(["npm:one", "npm:two"]));
    fs::create_dir_all(a.join("npm/node_modules/two")).expect("a package");
    home.session("a");
    let b = home.session("b");
    assert_eq!(json_of(&b.join(SETTINGS))["packages"], json!(["npm:one", "npm:two"]));
    assert!(b.join("npm/node_modules/two").is_dir());
}

#[test]
fn settings_that_are_a_link_to_a_file_that_cannot_be_written_are_read_each_time() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let home = Home::new();
    fs::create_dir_all(&home.user).expect("the user's folder");
    for round in 0..2 {
        let store = home.user.join(format!("store-{round}"));
        fs::write(&store, json!({ "round": round }).to_string()).expect("a file");
        fs::set_permissions(&store, fs::Permissions::from_mode(0o444)).expect("read-only");
        let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        fs::File::open(&store).and_then(|file| file.set_modified(old)).expect("an old time");
        drop(fs::remove_file(home.user.join(SETTINGS)));
        std::os::unix::fs::symlink(&store, home.user.join(SETTINGS)).expect("a link");
        let own = home.session("a").join(SETTINGS);
        assert_eq!(json_of(&own)["round"], round);
        assert_eq!(fs::metadata(&own).expect("a file").mode() & 0o777, 0o600);
    }
}

#[test]
fn settings_that_are_no_json_are_passed_on_for_pi_to_say_so() {
    let home = Home::new();
    fs::create_dir_all(&home.user).expect("the user's folder");
    fs::write(home.user.join(SETTINGS), "{ oh").expect("a file");
    let own = home.session("a").join(SETTINGS);
    assert_eq!(fs::read_to_string(own).expect("a file"), "{ oh");
}

#[test]
fn session_folders_are_where_the_settings_say() {
    let home = Home::new();
    let project = home.user.with_file_name("project");
    fs::create_dir_all(project.join(".pi")).expect("a project");
    let cwd = project.to_str().expect("UTF-8");
    let name = cwd.trim_start_matches('/').replace('/', "-");
    let usual = home.user.join("sessions").join(format!("--{name}--"));
    let all = || session_folders(&home.user, &project);
    assert_eq!(session_folder(&home.user, cwd), Some(usual));
    assert!(all().is_empty());
    home.set(&json!({ "sessionDir": "/elsewhere" }));
    assert_eq!(session_folder(&home.user, cwd), None, "pi reads it itself");
    assert_eq!(all(), [Path::new("/elsewhere")]);
    let own = json!({ "sessionDir": "relative" }).to_string();
    fs::write(project.join(".pi").join(SETTINGS), own).expect("the project's settings");
    assert_eq!(all(), [project.join("relative"), PathBuf::from("/elsewhere")]);
}
