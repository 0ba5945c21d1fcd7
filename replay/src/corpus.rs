//! `pi-replay corpus`: a journal as seeds and scripts for the tests, and one of those as a journal.

use std::path::Path;

use pi_server_core::input::{
    AgentKind, Boot, InputKind, JournalFacts, Opened, RecoveryPolicy, RuleSet, Transport,
};
use pi_server_core::notation::parse_script;
use pi_server_core::record::Secret;
use pi_server_core::wire::decode;
use pi_server_core::{ConnId, Digest, Limits, Micros, Seq, Text, WallOffset};

use crate::made::Made;
use crate::play::PlayError;
use crate::records::{Kept, load, must_be_whole, write};
use crate::show::script;
use crate::shrink::step_all;
use crate::source::Source;

/// The folder of seeds for the fuzz target of that name.
pub const FRAMES: &str = "frame_decoder";
/// The script of the whole journal.
pub const SCRIPT: &str = "script.txt";

/// Writes every distinct frame that clients sent as a seed, and the whole journal as a script.
/// Returns how many frames there are. `progress` is called with the number of inputs.
///
/// # Errors
/// The journal cannot be read, `out` exists, or a file cannot be written.
pub fn extract(
    source: &Source,
    progress: &mut dyn FnMut(u64),
    out: &Path,
) -> Result<usize, PlayError> {
    let create = |path: &Path, source| PlayError::Create { path: path.to_owned(), source };
    must_be_whole(source)?;
    let inputs = load(source, Seq(u64::MAX))?;
    let mut text = Vec::new();
    script(source, Seq(u64::MAX), progress, &mut text)?;
    for dir in [out.to_owned(), out.join(FRAMES)] {
        std::fs::create_dir(&dir).map_err(|error| create(&dir, error))?;
    }
    let put = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).map_err(|error| create(path, error))
    };
    put(&out.join(SCRIPT), &text)?;
    let mut frames = std::collections::BTreeSet::new();
    for (kept, done) in inputs.iter().zip(1..) {
        progress(done);
        let is_frame = matches!(kept.kind, InputKind::Command { .. } | InputKind::Malformed { .. });
        if is_frame && !kept.erased {
            let hash = blake3::hash(&kept.body).to_hex();
            let name = hash[..16].to_owned();
            put(&out.join(FRAMES).join(&name), &kept.body)?;
            frames.insert(name);
        }
    }
    Ok(frames.len())
}

/// Makes a journal of a script. Its bodies have the lengths that it says and are erased, since a
/// script has no texts. Returns how many inputs it has.
///
/// # Errors
/// The text is no script, or the journal cannot be written.
pub fn of_script(text: &str, out: &Path) -> Result<usize, PlayError> {
    let script = parse_script(text).map_err(|error| PlayError::Unfit(error.to_string()))?;
    let keep = |step: &pi_server_core::notation::ScriptStep| Kept {
        at: step.input.at,
        kind: step.input.kind.clone(),
        body: vec![0; usize::try_from(step.input.body.len).unwrap_or(0)],
        erased: step.input.body.len > 0,
        redacted: step.input.body.redacted,
        digest: Digest::default(),
    };
    let inputs: Vec<Kept> = script.steps.iter().map(keep).collect();
    if inputs.windows(2).any(|pair| pair[1].at <= pair[0].at) {
        return Err(PlayError::Unfit("the times of a journal's inputs must increase".into()));
    }
    write(&Made::new(out)?, &inputs, &step_all(&inputs), None)?;
    Ok(inputs.len())
}

/// Makes a journal of one frame, as a crash file of the fuzz target `frame_decoder` is: a daemon
/// starts, a client comes and sends it.
///
/// # Errors
/// The journal cannot be written.
pub fn of_frame(frame: &[u8], out: &Path) -> Result<usize, PlayError> {
    const KEY: [u8; 32] = [7; 32];
    let (secret, limits) = (Secret::new(KEY), Limits::default());
    let conn = ConnId(2);
    let kind = match decode(frame, &limits, &secret) {
        Ok(envelope) => InputKind::Command { conn, envelope: envelope.into() },
        Err(malformed) => InputKind::Malformed { conn, malformed: Box::new(malformed) },
    };
    let boot = Boot {
        rules: RuleSet::default(),
        server_version: Text::from("0.0.0"),
        limits,
        entropy: [7; 16],
        clean: false,
        recovery: RecoveryPolicy::Resume,
        agent: AgentKind::Demo,
        default_cwd: Text::from("/"),
        journal_path: Text::from("/journal"),
        journal: JournalFacts::default(),
        wall: WallOffset(0),
    };
    let opened = Opened { transport: Transport::WebSocket, client: None };
    let plain = |at, kind| Kept {
        at: Micros(at),
        kind,
        body: Vec::new(),
        erased: false,
        redacted: false,
        digest: Digest::default(),
    };
    let sent = Kept { body: frame.to_vec(), digest: secret.body(frame), ..plain(3_000, kind) };
    let inputs = [
        plain(1_000, InputKind::Boot(Box::new(boot))),
        plain(2_000, InputKind::Opened(opened)),
        sent,
    ];
    write(&Made::new(out)?, &inputs, &step_all(&inputs), Some(KEY))?;
    Ok(inputs.len())
}
