//! `pi-replay corpus`: a journal as seeds and scripts for the tests, and one of those as a journal.

use std::borrow::Cow;
use std::path::Path;

use pi_server_core::input::{
    AgentKind, Boot, InputKind, JournalFacts, Opened, RecoveryPolicy, RuleSet, Transport,
};
use pi_server_core::notation::parse_script;
use pi_server_core::record::Secret;
use pi_server_core::wire::decode;
use pi_server_core::{ConnId, Digest, Limits, Micros, Seq, Text, WallOffset};
use pi_server_redact::{Left, What};

use crate::made::Made;
use crate::play::PlayError;
use crate::records::{Ground, Kept, load, write};
use crate::redact::Policy;
use crate::show::script;
use crate::shrink::step_all;
use crate::source::Source;
use crate::start::{Begins, Start};
use crate::whole::NewFolder;

/// The folder of seeds for the fuzz target of that name.
pub const FRAMES: &str = "frame_decoder";
/// The script of the whole journal.
pub const SCRIPT: &str = "script.txt";

/// What was taken out of a journal.
#[derive(Clone, Debug)]
pub struct Extracted {
    /// Distinct frames.
    pub frames: usize,
    /// Where the journal begins, if that is a snapshot: there is no script then, since a script
    /// begins with nothing.
    pub begins: Option<Begins>,
    /// Why there is no script, if the notation cannot say the journal.
    pub unsaid: Option<String>,
}

/// Writes every distinct frame that clients sent as a seed, and the whole journal as a script, if
/// it is there from its first input on; both without what a policy names. `progress` is called with the
/// number of inputs.
///
/// # Errors
/// The journal cannot be read, `out` exists, or a file cannot be written.
pub fn extract(
    source: &Source,
    policy: Option<&Policy>,
    progress: &mut dyn FnMut(u64),
    out: &Path,
) -> Result<Extracted, PlayError> {
    let begins = Start::of(source)?.begins();
    let inputs = load(source, Seq(u64::MAX))?;
    let made = NewFolder::new(out)?;
    made.folder(FRAMES)?;
    let mut unsaid = None;
    if begins.is_none() {
        let mut text = Vec::new();
        match script(source, Seq(u64::MAX), progress, &mut text) {
            Ok(_) => match policy.map(|policy| covered(&text, policy)) {
                None => made.file(SCRIPT, &text)?,
                Some(Ok(left)) => made.file(SCRIPT, &left)?,
                Some(Err(why)) => unsaid = Some(why),
            },
            // The frames are worth having all the same.
            Err(PlayError::Internal(why)) => unsaid = Some(why),
            Err(error) => return Err(error),
        }
    }
    let mut frames = std::collections::BTreeSet::new();
    for (kept, done) in inputs.iter().zip(1..) {
        progress(done);
        let is_frame = matches!(kept.kind, InputKind::Command { .. } | InputKind::Malformed { .. });
        if is_frame && !kept.erased {
            let Some(body) = left_of(&kept.kind, &kept.body, policy) else { continue };
            let hash = blake3::hash(&body).to_hex();
            let name = hash[..16].to_owned();
            if frames.insert(name.clone()) {
                made.file(&format!("{FRAMES}/{name}"), &body)?;
            }
        }
    }
    made.finish()?;
    Ok(Extracted { frames: frames.len(), begins, unsaid })
}

/// What a policy leaves of a frame; `None` if that is nothing.
fn left_of<'a>(kind: &InputKind, body: &'a [u8], policy: Option<&Policy>) -> Option<Cow<'a, [u8]>> {
    let Some(policy) = policy else { return Some(Cow::Borrowed(body)) };
    let (what, session) = match kind {
        InputKind::Command { envelope, .. } => (What::Command, envelope.session.as_deref()),
        _ => (What::Malformed, None),
    };
    match policy.apply(what, session, body) {
        Left::All => Some(Cow::Borrowed(body)),
        Left::Part(part) => Some(Cow::Owned(part)),
        Left::Nothing => None,
    }
}

/// What a policy leaves of a script, which has no bodies, but ids, names and the words of failures.
fn covered(script: &[u8], policy: &Policy) -> Result<Vec<u8>, String> {
    let script = String::from_utf8_lossy(script);
    let mut left = String::new();
    for line in script.lines() {
        left.push_str(policy.text(line).as_deref().unwrap_or(line));
        left.push('\n');
    }
    match parse_script(&left) {
        Ok(_) => Ok(left.into_bytes()),
        Err(error) => Err(format!("it is none any more without what the policy hides: {error}")),
    }
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
        body: vec![0; usize::try_from(step.input.body.len).unwrap_or(0)].into(),
        erased: step.input.body.len > 0,
        redacted: step.input.body.redacted,
        digest: Digest::default(),
    };
    let inputs: Vec<Kept> = script.steps.iter().map(keep).collect();
    if inputs.windows(2).any(|pair| pair[1].at <= pair[0].at) {
        return Err(PlayError::Unfit("the times of a journal's inputs must increase".into()));
    }
    make(out, &inputs, None)?;
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
        body: [].into(),
        erased: false,
        redacted: false,
        digest: Digest::default(),
    };
    let sent = Kept { body: frame.into(), digest: secret.body(frame), ..plain(3_000, kind) };
    let inputs = [
        plain(1_000, InputKind::Boot(Box::new(boot))),
        plain(2_000, InputKind::Opened(opened)),
        sent,
    ];
    make(out, &inputs, Some(KEY))?;
    Ok(inputs.len())
}

/// Writes inputs as a journal that begins with nothing.
fn make(out: &Path, inputs: &[Kept], key: Option<[u8; 32]>) -> Result<(), PlayError> {
    let (made, ground) = (Made::new(out)?, Ground::default());
    write(&made, &ground, inputs, &step_all(&ground, inputs), key)?;
    made.finish()
}
