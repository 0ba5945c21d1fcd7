//! Runs a program within bounds: of processor time, of time, and of memory.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::compile::Program;
use crate::error::Error;

/// What a program may use at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of processor time, which does not depend on what else the machine does.
    pub(crate) seconds: u64,
    pub(crate) memory_kib: u64,
}

/// A program that waits for something that never comes uses no processor; it may take so many times
/// longer.
const PATIENCE: u64 = 6;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Passed,
    /// With what it said last.
    Failed(String),
    TimedOut,
}

/// Runs `program` with a part of the environment, and says how long it took.
pub(crate) fn run(
    program: &Program,
    args: &[String],
    env: &[(String, String)],
    bounds: Bounds,
) -> Result<(End, Duration), Error> {
    let begun = Instant::now();
    let Bounds { seconds, memory_kib } = bounds;
    // One at a time: that is all that some shells take.
    let limits = format!("ulimit -t {seconds} && ulimit -v {memory_kib} && exec \"$0\" \"$@\"");
    let fail = |error| Error::Start { program: "sh", error };
    let mut child = Command::new("sh")
        .args(["-c", &limits])
        .arg(&program.path)
        .args(args)
        .current_dir(&program.home)
        .env("RUST_TEST_THREADS", "1")
        .env("RUST_BACKTRACE", "0")
        // Tests that would take a seed from the clock take this one.
        .env("SEED", "1")
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(fail)?;
    let stdout = child.stdout.take();
    let (sender, said) = mpsc::channel();
    // Its words end when it does; the other side of the channel may have given it up by then.
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|mut stdout| stdout.read_to_end(&mut bytes));
        drop(read);
        drop(sender.send(bytes));
    });
    let words = said.recv_timeout(Duration::from_secs(bounds.seconds * PATIENCE));
    if words.is_err() {
        child.kill().map_err(fail)?;
    }
    let status = child.wait().map_err(fail)?;
    let end = match (words, status.signal()) {
        (Err(_), _) | (_, Some(SIGXCPU | SIGKILL)) => End::TimedOut,
        (Ok(_), None) if status.success() => End::Passed,
        (Ok(words), signal) => End::Failed(last_words(&words, signal)),
    };
    Ok((end, begun.elapsed()))
}

/// Sent when the processor time is used up.
const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;

/// The tests that failed, or what ended the program.
fn last_words(words: &[u8], signal: Option<i32>) -> String {
    if let Some(signal) = signal {
        return format!("signal {signal}");
    }
    let words = String::from_utf8_lossy(words);
    let failed = words.lines().filter_map(|line| {
        line.strip_prefix("test ")?.strip_suffix(" ... FAILED").map(str::to_owned)
    });
    failed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str, bounds: Bounds) -> End {
        let program = Program { path: "sh".into(), home: ".".into() };
        run(&program, &["-c".into(), script.into()], &[], bounds).unwrap().0
    }

    #[test]
    fn a_program_that_does_not_end_or_takes_all_memory_is_stopped() {
        let bounds = Bounds { seconds: 1, memory_kib: 200_000 };
        assert_eq!(of("exit 0", bounds), End::Passed);
        let failed = "echo 'test a::b ... FAILED'; echo 'test c ... ok'; exit 101";
        assert_eq!(of(failed, bounds), End::Failed("a::b".into()));
        assert_eq!(of("while :; do :; done", bounds), End::TimedOut);
        let greedy = "a=xxxxxxxx; while :; do a=$a$a; done";
        assert!(matches!(of(greedy, Bounds { seconds: 60, ..bounds }), End::Failed(_)));
    }
}
