//! Writes the seeds of the fuzz targets: `cargo run --release -p pi-server-model --example seeds`.

use std::path::Path;

use pi_server_core::State;
use pi_server_model::entropy::Entropy;
use pi_server_model::sometimes::Sometimes;
use pi_server_model::{run, targets};

/// Runs of which a snapshot becomes a seed.
const SNAPSHOTS: [u64; 4] = [1, 5, 8, 12];
/// How many runs are searched for such as come to rare situations, and how long they are at most.
const SEARCHED: u64 = 60_000;
/// See [`SEARCHED`].
const LONGEST: u64 = 2_200;
/// Lengths of the seeds for generated runs.
const LENGTHS: [usize; 6] = [16, 64, 200, 600, 1_200, 2_400];

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let seeds = root.join("fuzz/seeds");
    let write = |target: &str, name: String, bytes: &[u8]| {
        let folder = seeds.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    for (index, frame) in examples(&std::fs::read_to_string(root.join("PROTOCOL.md"))?) {
        write("frame_decoder", format!("example-{index:02}"), frame.as_bytes())?;
    }
    for (index, frame) in HOSTILE.iter().enumerate() {
        write("frame_decoder", format!("hostile-{index:02}"), frame)?;
    }
    for seed in SNAPSHOTS {
        let inputs = run::run(Entropy::Seed(seed), 120).expect("the run keeps every rule");
        let state = inputs.iter().fold(State::new(), |state, input| state.stepped(input).0);
        write("snapshot_reader", format!("run-{seed}"), &state.encode())?;
    }
    for (index, length) in LENGTHS.into_iter().enumerate() {
        let mut entropy = Entropy::Seed(index as u64);
        let bytes: Vec<u8> =
            (0..length).map(|_| u8::try_from(entropy.below(256)).unwrap_or(0)).collect();
        write("step", format!("random-{length}"), &bytes)?;
        write("journal_reader", format!("random-{length}"), &bytes)?;
        write("compressed_reader", format!("random-{length}"), &bytes)?;
    }
    // Runs that come to a situation to which none before has come.
    let mut sometimes = Sometimes::new();
    for seed in 1_000..1_000 + SEARCHED {
        let mut entropy = Entropy::Seed(seed);
        let length = 200 + entropy.below(LONGEST);
        let bytes: Vec<u8> =
            (0..length).map(|_| u8::try_from(entropy.below(256)).unwrap_or(0)).collect();
        let never = sometimes.never().len();
        if never == 0 {
            break;
        }
        targets::step_noting(&bytes, &mut sometimes);
        if sometimes.never().len() < never {
            write("step", format!("meets-{seed}"), &bytes)?;
        }
    }
    for name in sometimes.never() {
        println!("never met: {name}");
    }
    for choice in 0..40_u8 {
        let mut bytes = vec![choice];
        bytes.extend_from_slice(AROUND[usize::from(choice) % AROUND.len()]);
        write("redactor", format!("choice-{choice:02}"), &bytes)?;
    }
    Ok(())
}

/// What stands around secrets.
const AROUND: [&[u8]; 7] = [
    b"",
    b"use this key: ",
    b"{\"a\":\"\\n\",\"b\":[1.50,null]}",
    b"\\\"api_key\\\": \\\"",
    b"https://user:pw@host/?token=",
    b"-----BEGIN RSA PRIVATE KEY-----",
    b"\xff\xc3\xa9\x00\"'",
];

/// Frames that must be refused, or are close to it.
const HOSTILE: &[&[u8]] = &[
    b"null",
    b"[]",
    b"{}",
    b"{\"type\":\"prompt\",\"type\":\"bash\"}",
    b"{\"type\":\"prompt\",\"sessionId\":\"s\",\"message\":\"\\ud800\"}",
    b"{\"type\":\"get_state\",\"sessionId\":\"s\",\"timeoutMs\":1e0,\"ifSessionVersion\":-0}",
    b"{\"type\":\"get_state\",\"sessionId\":\"s\",\"x\":1e400}",
    b"\xff\xfe{}",
    b"{\"id\":\"anon:1\",\"type\":\"list_sessions\"}",
    b"{\"id\":\" \",\"type\":\"\\u0000\",\"dependsOn\":[1,\"\",\"a\"]}",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// The frames of PROTOCOL.md that a client sends.
fn examples(page: &str) -> Vec<(usize, String)> {
    let blocks = page.split("<!-- example: client ").skip(1);
    let frames = blocks.filter_map(|block| {
        let (_, rest) = block.split_once("```json\n")?;
        Some(rest.split_once("\n```")?.0.to_owned())
    });
    frames.enumerate().collect()
}
