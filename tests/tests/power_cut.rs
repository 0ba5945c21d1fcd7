//! Real power cuts: a daemon with `--durability power` works on a loop device, whose image is copied
//! all at once while it is mounted and being written. The copy is what the disk would hold had the
//! power gone at that moment; a daemon on it must have everything that was told before. Needs the
//! feature `loops`; `scripts/power-cut.sh` runs it.
#![cfg(feature = "loops")]

use std::path::{Path, PathBuf};
use std::process::Command;

use pi_server_tests::Setup;
use pi_server_tests::frames::{prompt, session};
use pi_server_tests::journal::segments;
use pi_server_tests::worker::{Worker, seed};
use serde_json::json;
use tempfile::TempDir;

/// Rounds whose outcomes are asked for again and again: fewer than the daemon stores.
const ROUNDS_KEPT: u64 = 4;

/// Runs a program that must succeed.
fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {}: {said}", output.status);
}

/// A file system on a loop device, until it goes out of scope.
struct Mounted(PathBuf);

impl Mounted {
    fn new(image: &Path, at: PathBuf, options: &str) -> Mounted {
        std::fs::create_dir_all(&at).expect("a directory");
        run("mount", &["-o", options, text(image), text(&at)]);
        Mounted(at)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What is still in use goes when it is not.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// An empty image with a file system in it.
fn image(path: &Path, system: &str, bytes: u64) {
    let file = std::fs::File::create(path).expect("a file");
    file.set_len(bytes).expect("a sparse file");
    run(&format!("mkfs.{system}"), &["-q", text(path)]);
}

/// A number from the environment, else what suits a first try.
fn cuts() -> u64 {
    let wanted = std::env::var("POWER_CUTS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(5)
}

#[test]
fn ext4() {
    cut_the_power("ext4", "loop");
}

#[test]
fn xfs() {
    // A copy has the same identity as its original, and both are mounted.
    cut_the_power("xfs", "loop,nouuid");
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

fn setup() -> Setup {
    Setup::new()
        .arg("--durability")
        .arg("power")
        .arg("--segment-bytes")
        .arg("1048576")
        .arg("--retain-bytes")
        .arg("12M")
}

fn cut_the_power(system: &str, options: &str) {
    let mut random = Random(seed());
    let place = tempfile::tempdir().expect("a directory");
    // The images lie on xfs, where a file is copied all at once by sharing its blocks.
    let outer = place.path().join("outer.img");
    image(&outer, "xfs", 6 << 30);
    let outer = Mounted::new(&outer, place.path().join("outer"), "loop");
    let disk = outer.0.join("disk.img");
    image(&disk, system, 400 << 20);
    let live = Mounted::new(&disk, place.path().join("live"), options);
    let dir = TempDir::with_prefix_in("data", &live.0).expect("a directory");
    let name = dir.path().file_name().expect("a name").to_owned();
    let daemon = setup().start_in(dir);
    let mut workers: Vec<Worker> = (0..3).map(|n| Worker::new(&format!("w{n}"))).collect();
    for worker in &workers {
        session(&mut worker.connect(&daemon), worker.name());
    }
    // Somebody whose turns never pause, so that there is always something that is not synced yet.
    let mut noise = daemon.websocket_as("noise");
    session(&mut noise, "noise");
    let (mut told, mut torn) = (0, 0);
    for round in 0..cuts() {
        let mut clients = Worker::round(&mut workers, &daemon, round, ROUNDS_KEPT);
        noise.send(&prompt(&format!("n{round}"), "noise", "[words:3000] [delay:1]"));
        let last = random.below(60);
        clients[0].response(&format!("{round}-{last}"));
        if round % 2 == 1 {
            // Held where it is, with what it has not synced yet, of which the kernel writes a part.
            daemon.signal("STOP");
            write_back_in_disorder(daemon.dir(), &mut random);
        }
        for (worker, client) in workers.iter_mut().zip(&clients) {
            worker.note(client);
        }
        let cut = outer.0.join("cut.img");
        run("cp", &["--reflink=always", text(&disk), text(&cut)]);
        daemon.signal("CONT");
        told += workers.iter().map(Worker::answered).sum::<usize>();
        torn += u64::from(check(&workers, &cut, place.path(), options, &name));
        std::fs::remove_file(&cut).expect("a copy that nobody uses");
        // The daemon lives on; all of this round is answered before the next.
        for worker in &mut workers {
            worker.compare(&mut worker.connect(&daemon));
        }
    }
    println!("{system}: {} cuts, {told} outcomes told before them, {torn} torn tails", cuts());
}

/// Lets the kernel write single pages of the newest segments to the disk, in no order and without a
/// sync, as it does by itself when it likes.
fn write_back_in_disorder(dir: &Path, random: &mut Random) {
    const SYNC_FILE_RANGE: u32 = if cfg!(target_arch = "x86_64") { 277 } else { 84 };
    let script = format!(
        "open my $file, '+<', shift or die; syscall({SYNC_FILE_RANGE}, fileno($file), $_ * 4096, \
         4096, 7) for map {{ $_ + 0 }} @ARGV"
    );
    for (_, path) in segments(dir).into_iter().rev().take(2) {
        let bytes = std::fs::read(&path).expect("a segment");
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last / 4_096 + 1);
        let newest = used.saturating_sub(16);
        let mut args = vec!["-e".to_owned(), script.clone(), text(&path).to_owned()];
        for page in newest..used {
            if random.below(2) == 0 {
                args.push(page.to_string());
            }
        }
        run("perl", &args.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// Starts a daemon on what the disk held, twice, and asks it for everything. Whether there was a
/// torn tail.
fn check(
    workers: &[Worker],
    cut: &Path,
    place: &Path,
    options: &str,
    name: &std::ffi::OsStr,
) -> bool {
    let copy = Mounted::new(cut, place.join("copy"), options);
    // The directory goes with the copy, whatever happens here.
    let dir = TempDir::with_prefix_in("moved", &copy.0).expect("a directory");
    let path = dir.path().to_owned();
    std::fs::remove_dir(&path).expect("an empty directory");
    std::fs::rename(copy.0.join(name), &path).expect("the data directory of the cut");
    let mut daemon = setup().start_in(dir);
    let report = daemon.websocket().ok(json!({ "type": "get_startup_recovery" }));
    let torn = report["data"]["tornBytes"].as_u64() > Some(0);
    for _ in 0..2 {
        for worker in workers {
            worker.clone().compare(&mut worker.connect(&daemon));
        }
        daemon.verify();
        daemon.kill9();
        daemon.restart();
    }
    assert!(daemon.stop().success());
    daemon.verify();
    torn
}
