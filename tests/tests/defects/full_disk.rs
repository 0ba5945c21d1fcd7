//! A daemon on a disk that fills up under it. Needs the feature `mounts`.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use pi_server_tests::disk::with_mounts;
use pi_server_tests::frames::{get_state, prompt, refused, rename, session, succeeded, with};
use pi_server_tests::{Client, PATIENCE};
use serde_json::json;
use tempfile::TempDir;

/// A daemon on a disk of 8 MiB that nobody else sees; killed when the test ends.
struct Cramped {
    child: Child,
    dir: TempDir,
}

impl Cramped {
    fn start() -> Cramped {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("disk")).expect("a directory");
        let script = "mount -t tmpfs -o size=8m none \"$0/disk\" && exec \"$1\" serve --agent demo \
                      --no-listen --unix \"$0/socket\" --data-dir \"$0/disk\" --quiet \
                      --segment-bytes 1048576 --set limits.rate=off";
        let child = with_mounts(script, dir.path()).spawn().expect("`unshare` runs");
        Cramped { child, dir }
    }

    fn client(&self) -> Client {
        let socket = self.dir.path().join("socket");
        let until = Instant::now() + PATIENCE;
        // The daemon says nothing that could be waited for.
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < until, "the daemon does not start");
            std::thread::yield_now();
        }
        Client::unix(&socket, None).greeted()
    }

    /// A file on its disk, as seen from here.
    fn file(&self, name: &str) -> PathBuf {
        let disk = self.dir.path().join("disk").join(name);
        let inside = disk.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.child.id().to_string()).join("root").join(inside)
    }
}

impl Drop for Cramped {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn w38_a_full_disk_refuses_new_work_before_it_is_taken_and_passes_by_itself() {
    let daemon = Cramped::start();
    let mut client = daemon.client();
    session(&mut client, "s");
    client.send(&prompt("running", "s", "[stall]"));
    client.lifecycle("running", "started");
    let filler = daemon.file("filler");
    let mut file = std::fs::File::create(&filler).expect("a file on the small disk");
    while file.write_all(&[0; 4_096]).is_ok() {}
    drop(file);
    // What is left of the segments takes some more; then a command is refused, and only refused.
    let name = "x".repeat(250);
    let big = |number: u32| {
        let padding = "p".repeat(20_000);
        with(rename(&format!("n{number}"), "s", &name), "padding", padding)
    };
    let mut taken = 0;
    let refusal = loop {
        client.send(&big(taken));
        let answer = client.response(&format!("n{taken}"));
        if answer["success"] == false {
            break answer;
        }
        taken += 1;
        assert!(taken < 1_000, "it never fills up");
    };
    refused(&refusal, "storage_full");
    // Looking goes on, and so does what was accepted.
    let state = client.ok(get_state("", "s"));
    assert_eq!(state["sessionVersion"], taken);
    let health = client.ok(json!({ "type": "health_check" }));
    assert_eq!(health["data"]["healthy"], false);
    std::fs::remove_file(&filler).expect("the filler goes");
    let again = loop {
        client.send(&big(taken));
        let answer = client.response(&format!("n{taken}"));
        if answer["errorCode"] != "storage_full" {
            break answer;
        }
    };
    succeeded(&again);
    assert_eq!(again["sessionVersion"], taken + 1);
    client.ok(json!({ "type": "abort", "sessionId": "s" }));
    succeeded(&client.response("running"));
}
