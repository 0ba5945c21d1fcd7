//! `pi-replay bundle`, `unbundle`, `verify-bundle`, `keygen` and `redact`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use pi_server_system::file::read_regular_text;
use serde_json::{Value, json};

use super::migrate::HAS_KEY;
use super::print;
use super::progress::Progress;
use crate::bundle::{
    BundleError, Checked, Expected, KeyError, PublicKey, Refusal, Signer, bundle, bundle_redacted,
    check,
};
use crate::feed::Reading;
use crate::made::Made;
use crate::play::PlayError;
use crate::redact::{Policy, redact};
use crate::source::Source;
use crate::status::Status;
use crate::verify::verify;
use crate::whole::NewFile;

pub(super) const BUNDLE_EXAMPLES: &str = "\
Every verb takes a bundle in the place of a data directory. The key is left out unless asked for:
with it, frames can be decoded again and bodies checked, but guesses of erased texts
can be checked too. --redact leaves out what a policy names (see `pi-replay redact`); ids, session
names, client names and paths stay, since what is decided depends on them: see
`pi-replay export --pseudonyms` for a form without them.

Examples:
  pi-replay bundle ~/.local/share/pi-server -o incident.pib
  pi-replay bundle ~/.local/share/pi-server --redact policy.json -o incident.pib
  pi-replay bundle ~/.local/share/pi-server --sign me.key -o incident.pib";

pub(super) const KEYGEN_EXAMPLES: &str = "\
Makes FILE, which only you may read, and FILE.pub, which whoever gets your bundles needs: give it to
them in another way than the bundles.

Example:
  pi-replay keygen -o me.key
  pi-replay bundle DIR --sign me.key -o incident.pib
  pi-replay verify-bundle incident.pib --key me.key.pub";

pub(super) const UNBUNDLE_EXAMPLES: &str = "\
Example:
  pi-replay unbundle incident.pib -o incident";

pub(super) const VERIFY_BUNDLE_EXAMPLES: &str = "\
Checks the seal over every byte, that the journal in it is whole, and replays it bit for bit. The
seal finds whatever happened by accident; to exclude a forger, compare it with the one that `bundle`
printed (--seal), or demand the signature of a key that you know (--key).

Examples:
  pi-replay verify-bundle incident.pib
  pi-replay verify-bundle incident.pib --seal 8f4e...
  pi-replay verify-bundle incident.pib --key me.key.pub";

pub(super) const REDACT_EXAMPLES: &str = "\
A policy is JSON: rules with conditions (what: command, malformed, event, answer; type; session) and
what to take out of the bodies that fit (erase; pointers, where * is every member; words; patterns).
What looks like a key or token goes too, unless the policy says \"builtin\": false. The copy
replays bit for bit. Ids, session names, paths and the words of failures are no bodies and stay.

  {\"rules\": [
    {\"what\": \"command\", \"type\": \"prompt\", \"pointers\": [\"/message\", \"/images\"]},
    {\"what\": \"event\", \"session\": \"private\", \"erase\": true},
    {\"words\": [\"hunter2\"]}
  ]}

Example:
  pi-replay redact DIR --policy policy.json -o redacted && pi-replay verify redacted";

#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// The file to make, which must not exist; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out what this policy names
    #[arg(long, value_name = "POLICY")]
    redact: Option<PathBuf>,
    /// Put the key into it
    #[arg(long)]
    with_key: bool,
    /// Sign it with the secret key of this file: see `pi-replay keygen`
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct KeygenArgs {
    /// The file for the secret key, which must not exist
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct UnbundleArgs {
    /// The bundle
    file: PathBuf,
    /// The directory to make, which must not exist
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyBundleArgs {
    /// The bundle
    file: PathBuf,
    /// The seal that it must have, as `bundle` printed it
    #[arg(long, value_name = "HEX", value_parser = seal)]
    seal: Option<String>,
    /// The public key that it must be signed with
    #[arg(long, value_name = "PUBFILE")]
    key: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RedactArgs {
    /// The daemon's data directory
    dir: PathBuf,
    /// What is to be taken out
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The directory to make, which must not exist
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Copy the key too
    #[arg(long)]
    with_key: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A seal as `bundle` prints it.
fn seal(text: &str) -> Result<String, String> {
    let is_seal = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_seal.then(|| text.to_owned()).ok_or_else(|| "a seal is 64 hexadecimal digits".into())
}

/// Largest policy file, in bytes.
const POLICY_BYTES_MAX: u64 = 4 << 20;

/// Reads a policy, which must take something out.
pub(super) fn policy(path: &Path) -> Result<Policy, PlayError> {
    let text = read_regular_text(path, POLICY_BYTES_MAX)
        .map_err(|source| PlayError::Read { path: path.to_owned(), source })?;
    Policy::parse(&text)
        .and_then(|policy| {
            if policy.is_empty() { Err("it takes nothing out".to_owned()) } else { Ok(policy) }
        })
        .map_err(|why| PlayError::Unfit(format!("{}: {why}", path.display())))
}

/// Reads a key for signatures.
fn key<K>(path: &Path, read: fn(&Path) -> Result<K, KeyError>) -> Result<K, PlayError> {
    read(path).map_err(|error| match error {
        KeyError::Read(source) => PlayError::Read { path: path.to_owned(), source },
        KeyError::Form { .. } | KeyError::Weak | KeyError::Random(_) => {
            PlayError::Unfit(format!("{}: {error}", path.display()))
        }
    })
}

pub(super) fn run_keygen(args: &KeygenArgs) -> Result<Status, PlayError> {
    let signer = Signer::generate().map_err(|error| PlayError::Internal(error.to_string()))?;
    let mut public = args.out.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    let begin = |path: &Path, mode, text: &str| {
        let mut file = NewFile::new(path, mode)?;
        let failed = |source| PlayError::Create { path: path.to_owned(), source };
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok::<NewFile, PlayError>(file)
    };
    // Both are written before one of them has its name, and the secret one gets its name last: what
    // has a name is a pair.
    let secret_file = begin(&args.out, 0o600, &signer.secret_file())?;
    let public_file = begin(&public, 0o644, &signer.public().file())?;
    public_file.finish()?;
    if let Err(error) = secret_file.finish() {
        drop(std::fs::remove_file(&public));
        return Err(error);
    }
    let key = signer.public().to_string();
    let (secret, public) = (args.out.display().to_string(), public.display().to_string());
    let json = args.json.then(|| json!({ "key": key, "secretFile": secret, "publicFile": public }));
    print(json, &format!("key {key}\nsecret key in {secret}, public key in {public}\n"))?;
    Ok(Status::Good)
}

pub(super) fn run_bundle(args: &BundleArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let policy = args.redact.as_deref().map(policy).transpose()?;
    let signer = args.sign.as_deref().map(|path| key(path, Signer::read)).transpose()?;
    let signer = signer.as_ref();
    let mut out = super::Output::new(Some(&args.out))?;
    let is_standard = out.is_standard();
    let mut progress = Progress::new();
    let told = &mut |inputs| progress.show(inputs);
    let made = match &policy {
        None => bundle(&source, args.with_key, signer, told, &mut out)
            .map(|(seal, reading)| (None, seal, Some(reading))),
        // Only a whole journal can be redacted.
        Some(policy) => bundle_redacted(&source, policy, args.with_key, signer, told, &mut out)
            .map(|(done, seal)| (Some(done), seal, None)),
    };
    progress.clear();
    let made = made.map_err(|error| match error {
        BundleError::Source(error) => PlayError::Source(error),
        BundleError::NoKey => PlayError::Unfit("there is no key to put into the bundle".into()),
        BundleError::Write(error) => PlayError::Write(error),
        BundleError::Redact(error) => error,
    });
    let (redacted, seal, reading) = made?;
    out.finish()?;
    let status = reading.as_ref().map_or(Status::Good, Reading::status);
    let damage = reading.and_then(|reading| reading.verdict.err()).map(|damage| damage.to_string());
    let json = args.json.then(|| {
        let redacted = redacted.map(|it| it.to_json());
        let signed_by = signer.map(|signer| signer.public().to_string());
        json!({
            "seal": seal, "withKey": args.with_key, "redacted": redacted, "signedBy": signed_by,
            "damage": damage,
        })
    });
    let redacted = redacted.map_or_else(String::new, |it| format!("{it}\n"));
    let signed = signer.map_or_else(String::new, |it| format!("signed by {}\n", it.public()));
    let key = if args.with_key { HAS_KEY } else { "" };
    let text = format!("{redacted}{key}{signed}seal {seal}\n");
    if is_standard {
        // Standard output has the bundle.
        json.map_or_else(|| super::say(&text.trim_end()), |json| super::say(&json));
    } else {
        print(json, &text)?;
    }
    if let Some(damage) = damage {
        super::say(&format_args!("bundled as it is, damaged: {damage}"));
    }
    Ok(status)
}

pub(super) fn run_unbundle(args: &UnbundleArgs) -> Result<Status, PlayError> {
    let seal = match checked(&args.file, Expected::default())? {
        Checked::Whole { seal, .. } => seal,
        Checked::Refused(why) => {
            return Err(PlayError::Damaged(format!("{}: {why}", args.file.display())));
        }
    };
    let source = Source::open(&args.file)?;
    let made = Made::new(&args.out)?;
    let mut bytes = Vec::new();
    let segments = source.segments()?;
    for number in &segments {
        let length = source.read_segment_exact(*number, &mut bytes)?;
        made.segment_of(*number, &bytes, length)?;
    }
    for number in source.snapshots()? {
        made.snapshot(number, &source.read_snapshot(number)?)?;
    }
    for number in source.packs()? {
        made.pack(number, &source.read_pack(number)?)?;
    }
    made.head(&source.head_bytes()?)?;
    if let Some(key) = source.key_bytes() {
        made.key(&key)?;
    }
    made.finish()?;
    let json = args.json.then(|| json!({ "segments": segments.len(), "seal": seal }));
    let key = if source.key_bytes().is_some() { HAS_KEY } else { "" };
    print(json, &format!("{} segments in {}\n{key}", segments.len(), args.out.display()))?;
    Ok(Status::Good)
}

/// Whether a file is a bundle as it was made.
fn checked(file: &Path, expected: Expected<'_>) -> Result<Checked, PlayError> {
    if !file.is_file() {
        let (is_dir, file) = (file.is_dir(), file.display());
        let what = if is_dir { "a directory" } else { "no file" };
        let why = format!("{file} is {what}: name a bundle, as `pi-replay bundle` makes it");
        return Err(if is_dir { PlayError::Unfit(why) } else { PlayError::Absent(why) });
    }
    Ok(check(file, expected)?)
}

pub(super) fn run_verify_bundle(args: &VerifyBundleArgs) -> Result<Status, PlayError> {
    let public = args.key.as_deref().map(|path| key(path, PublicKey::read)).transpose()?;
    let expected = Expected { seal: args.seal.as_deref(), key: public.as_ref() };
    let (seal, signer) = match checked(&args.file, expected)? {
        Checked::Whole { seal, signer } => (seal, signer),
        Checked::Refused(why) => {
            let [stated, actual] = why.seals();
            let is_other = matches!(why, Refusal::Other { .. });
            let verdict = "edited";
            let seal = if is_other { actual } else { stated };
            let json = json!({
                "verdict": verdict, "why": why.to_string(), "seal": seal, "actualSeal": actual,
                "expectedSeal": args.seal,
            });
            let line = |name: &str, seal: Option<&str>| {
                seal.map_or_else(String::new, |seal| format!("  {name}  {seal}\n"))
            };
            let name = if is_other { "expected" } else { "seal    " };
            let seals = line(name, stated) + &line("actual  ", actual);
            print(args.json.then_some(json), &format!("{verdict}: {why}\n{seals}"))?;
            return Ok(Status::Damaged);
        }
    };
    let source = Source::open(&args.file)?;
    let mut progress = Progress::new();
    let report = verify(&source, &mut |inputs| progress.show(inputs))?;
    progress.clear();
    let info = source.info().and_then(|info| serde_json::from_slice::<Value>(&info).ok());
    let json = args.json.then(|| {
        let verdict = report.to_json();
        json!({
            "verdict": verdict["verdict"], "seal": seal, "info": info, "replay": verdict,
            "signedBy": signer.map(|key| key.to_string()), "keyDemanded": public.is_some(),
        })
    });
    let signed = match (signer, public) {
        (None, _) => "not signed".to_owned(),
        (Some(key), Some(_)) => format!("signed by {key}, as demanded"),
        // Anybody can sign with a key of their own.
        (Some(key), None) => format!("signed by {key}; demand a key that you know with --key"),
    };
    print(json, &format!("seal {seal} holds\n{signed}\n{report}"))?;
    Ok(report.status())
}

pub(super) fn run_redact(args: &RedactArgs) -> Result<Status, PlayError> {
    let source = Source::open(&args.dir)?;
    let policy = policy(&args.policy)?;
    let mut made = Made::new(&args.out)?;
    let mut progress = Progress::new();
    let done = redact(&source, &policy, &mut made, args.with_key, &mut |it| progress.show(it))?;
    made.finish()?;
    progress.clear();
    let key = if args.with_key && source.key_bytes().is_some() { HAS_KEY } else { "" };
    print(args.json.then(|| done.to_json()), &format!("{done}\n{key}"))?;
    Ok(Status::Good)
}
