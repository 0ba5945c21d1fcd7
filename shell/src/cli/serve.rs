//! `pi-server serve`: the flags of the daemon, and what they come to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use pi_server_core::Limits;
use pi_server_core::input::RecoveryPolicy;
use pi_server_core::limits::LimitError;
use pi_server_redact::Policy;
use pi_server_system::file::read_regular_text;

use super::{Complaint, DataDir, Status};
use crate::daemon::{self, AgentChoice, Options};
use crate::journal::{Backend, Durability};
use crate::net;

/// Flags of `pi-server serve`.
#[expect(clippy::option_option, reason = "a flag with an optional value is three things")]
#[expect(clippy::doc_markdown, reason = "this text is shown to people as it stands")]
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pi-server serve
      WebSocket on 127.0.0.1:3141, agent `pi` if it is installed and the demo agent if not.
  pi-server serve --agent demo --data-dir /tmp/try --listen 127.0.0.1:0
      Try it out: scripted agent, a port that is free, nothing kept but /tmp/try.
  pi-server serve --unix --no-listen
      Only for programs of this user; needs no token.
  pi-server serve --durability power
      Answers wait until the disk has them: survives a loss of power, not just of the process.
  pi-server serve --set limits.sessions_max=500 --set limits.rate=off
      See `pi-server limits` for all names.

SIGINT or SIGTERM: no new commands, what is in flight ends (limits.drain_timeout_ms), then exit 0.
A second one stops at once; that is safe too. Exit statuses are in `pi-server --help`.")]
pub struct Serve {
    /// Address for WebSocket clients: IP:PORT, `localhost:PORT` (both loopback addresses) or PORT
    /// (of 127.0.0.1); port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3141", value_parser = address)]
    listen: Listen,
    /// Open no TCP port.
    #[arg(long)]
    no_listen: bool,
    /// Also listen on a Unix socket, newline-delimited JSON, mode 0600, no token [without a value:
    /// pi-server.sock in the data directory].
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    unix: Option<Option<PathBuf>>,
    /// Also speak newline-delimited JSON on standard input and output. If that is the only way in,
    /// the end of the input ends the daemon.
    #[arg(long)]
    stdio: bool,
    #[command(flatten)]
    data_dir: DataDir,
    /// What sessions run on: `pi` is one child process per session, `demo` a scripted agent inside
    /// the daemon, `auto` takes pi if it is on PATH and says why.
    #[arg(long, value_enum, default_value_t)]
    agent: AgentName,
    /// The pi program, for --agent pi and auto.
    #[arg(long, value_name = "CMD", default_value = "pi")]
    pi_command: String,
    /// What an answer survives: the death of the process, the loss of power, or nothing (for
    /// benchmarks).
    #[arg(long, value_enum, default_value_t)]
    durability: DurabilityName,
    /// How journal files are written; the bytes are the same. `auto` is a memory map where that is
    /// safe and system calls elsewhere; `map-anywhere` insists.
    #[arg(long, value_enum, default_value_t)]
    backend: BackendName,
    /// What TCP clients must show. `none` is refused unless --listen is a loopback address.
    #[arg(long, value_enum, default_value_t)]
    auth: AuthName,
    /// Let web pages of this origin in, e.g. http://localhost:5173 (repeatable).
    #[arg(long, value_name = "ORIGIN", value_parser = net::allowed_origin)]
    allow_origin: Vec<String>,
    /// Answer to this host name beside IP addresses and localhost (repeatable).
    #[arg(long, value_name = "HOST", value_parser = net::allowed_host)]
    allow_host: Vec<String>,
    /// What becomes of commands that were accepted but had not reached an agent when the daemon
    /// died: they run, or they end as failed.
    #[arg(long, value_enum, default_value_t)]
    recovery: RecoveryName,
    /// Set a bound, e.g. limits.sessions_max=500, or limits.rate=off (repeatable).
    #[arg(long, value_name = "limits.NAME=VALUE")]
    set: Vec<String>,
    /// Size of a journal file, in bytes: 32 MiB, or a sixteenth of --retain-bytes if that is less.
    #[arg(long, value_name = "N")]
    segment_bytes: Option<u32>,
    /// How much room the journal may take, with its indexes, snapshots and everything else in the
    /// data directory: bytes, or with K, M, G. What is older is dropped, in whole files; stored
    /// outcomes stay. A bound that cannot be kept is said, with the least that can. 0 keeps
    /// everything.
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = size)]
    retain_bytes: u64,
    /// How long to keep the journal: a number of days (30d) or hours (12h). 0 keeps it for ever.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = age)]
    retain_age: Duration,
    /// When to erase the deltas of streams from the journal, which the message at the end of each
    /// repeats: like 7d, 12h, 30m, 10s, counted from when a journal file is full; `off` for never.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = after)]
    warm_after: After,
    /// When to erase all texts from the journal but answers that are still stored. Decisions stay:
    /// who sent which command when, and what came of it. `off` for never.
    #[arg(long, value_name = "TIME", default_value = "off", value_parser = after)]
    cold_after: After,
    /// Whether to compress a journal file once it is full. The bytes of the journal come back as they
    /// were. `off` leaves what is compressed as it is.
    #[arg(long, value_enum, default_value_t)]
    compress: CompressName,
    /// Rules for what is taken out of texts before they are written to the journal (JSON; see
    /// docs/guides/privacy.md). Without it, what looks like a key or token is taken out.
    #[arg(long, value_name = "FILE")]
    redact_policy: Option<PathBuf>,
    /// Say nothing on standard error but errors.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum AgentName {
    #[default]
    Auto,
    Pi,
    Demo,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum DurabilityName {
    #[default]
    Process,
    Power,
    None,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum BackendName {
    #[default]
    Auto,
    Map,
    MapAnywhere,
    Pwrite,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum AuthName {
    #[default]
    Token,
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CompressName {
    #[default]
    On,
    Off,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum RecoveryName {
    #[default]
    Resume,
    Fail,
}

impl Serve {
    pub(super) fn run(&self) -> Result<Status, Complaint> {
        let options = self.options().map_err(Complaint::usage)?;
        match daemon::run(&options) {
            Ok(()) => Ok(Status::Ok),
            Err(error) => Err(Complaint { status: error.status(), text: error.to_string() }),
        }
    }

    fn options(&self) -> Result<Options, String> {
        let listen = if self.no_listen { None } else { Some(self.listen.address) };
        if let Some(address) = listen
            && self.auth == AuthName::None
            && !address.ip().is_loopback()
        {
            return Err(format!(
                "--listen {address} would let everybody on the network in: leave out --auth none, \
                 or listen on 127.0.0.1"
            ));
        }
        if listen.is_none() && self.unix.is_none() && !self.stdio {
            return Err("--no-listen leaves no way in: add --unix or --stdio".to_owned());
        }
        let data_dir = self.data_dir.resolve()?;
        let unix = self
            .unix
            .as_ref()
            .map(|path| path.clone().unwrap_or_else(|| data_dir.join("pi-server.sock")));
        Ok(Options {
            listen,
            both_loopbacks: self.listen.is_localhost,
            unix,
            stdio: self.stdio,
            data_dir,
            agent: match self.agent {
                AgentName::Auto => AgentChoice::Auto,
                AgentName::Pi => AgentChoice::Pi,
                AgentName::Demo => AgentChoice::Demo,
            },
            pi_command: self.pi_command.clone(),
            durability: match self.durability {
                DurabilityName::Process => Durability::Process,
                DurabilityName::Power => Durability::Power,
                DurabilityName::None => Durability::None,
            },
            backend: match self.backend {
                BackendName::Auto => Backend::Auto,
                BackendName::Map => Backend::Map,
                BackendName::MapAnywhere => Backend::MapAnywhere,
                BackendName::Pwrite => Backend::Pwrite,
            },
            auth: self.auth == AuthName::Token,
            allowed_origins: self.allow_origin.clone(),
            allowed_hosts: self.allow_host.clone(),
            recovery: match self.recovery {
                RecoveryName::Resume => RecoveryPolicy::Resume,
                RecoveryName::Fail => RecoveryPolicy::Fail,
            },
            limits: limits(&self.set)?,
            segment_bytes: self.segment_bytes,
            retain_bytes: self.retain_bytes,
            retain_age: self.retain_age,
            warm_after: self.warm_after.0,
            cold_after: self.cold_after.0,
            compress: self.compress == CompressName::On,
            redact: self.redact_policy.as_deref().map_or_else(|| Ok(Policy::default()), policy)?,
            quiet: self.quiet,
        })
    }
}

/// Longest redaction policy that is read.
const POLICY_BYTES_MAX: u64 = 4 << 20;

/// The redaction policy in a file.
fn policy(path: &Path) -> Result<Policy, String> {
    let text = read_regular_text(path, POLICY_BYTES_MAX).map_err(|error| error.to_string());
    text.and_then(|text| Policy::parse(&text))
        .map_err(|why| format!("--redact-policy {}: {why}", path.display()))
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listen {
    address: SocketAddr,
    /// The name was given, which stands for both loopback addresses.
    is_localhost: bool,
}

/// `IP:PORT`, `localhost:PORT`, or a port of 127.0.0.1.
fn address(text: &str) -> Result<Listen, String> {
    let wrong = || "must be IP:PORT, localhost:PORT or PORT".to_owned();
    let name = text.rsplit_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("localhost"));
    let port = name.map_or(text, |(_, port)| port);
    if let Ok(port) = port.parse() {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        return Ok(Listen { address, is_localhost: name.is_some() });
    }
    let address = text.parse().map_err(|_| wrong())?;
    Ok(Listen { address, is_localhost: false })
}

/// A number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];
    number_with_unit(text, &units).ok_or_else(|| "must be bytes, or like 512M or 4G".to_owned())
}

/// A length of time.
fn age(text: &str) -> Result<Duration, String> {
    let units = [('d', 86_400), ('h', 3_600)];
    match number_with_unit(text, &units) {
        Some(0) => Ok(Duration::ZERO),
        Some(seconds) if text.ends_with(['d', 'h']) => Ok(Duration::from_secs(seconds)),
        Some(_) | None => Err("must be like 30d or 12h, or 0".to_owned()),
    }
}

/// A length of time after which something happens; `None` for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct After(Option<Duration>);

/// A length of time, or never.
fn after(text: &str) -> Result<After, String> {
    if text == "off" {
        return Ok(After(None));
    }
    let units = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
    match number_with_unit(text, &units) {
        Some(seconds) if text.ends_with(['d', 'h', 'm', 's']) => {
            Ok(After(Some(Duration::from_secs(seconds))))
        }
        Some(_) | None => Err("must be like 7d, 12h, 30m or 10s, or off".to_owned()),
    }
}

fn number_with_unit(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let (digits, factor) = match unit {
        Some((unit, factor)) => (text.strip_suffix(*unit)?, *factor),
        None => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// The bounds, with what `--set` says applied in order.
fn limits(set: &[String]) -> Result<Limits, String> {
    let mut limits = Limits::default();
    for text in set {
        let wrong = |what: String| format!("--set {text}: {what}");
        let (name, value) = text
            .strip_prefix("limits.")
            .and_then(|text| text.split_once('='))
            .ok_or_else(|| wrong("must be limits.NAME=VALUE".to_owned()))?;
        if name == "rate" {
            limits.rate = match value {
                "on" => true,
                "off" => false,
                _ => return Err(wrong("must be on or off".to_owned())),
            };
            continue;
        }
        let digits = value.replace('_', "");
        let value = digits.parse().map_err(|_| wrong("must be a whole number".to_owned()))?;
        limits.set(name, value).map_err(|error| match error {
            LimitError::Unknown => {
                wrong("no limit has that name; see `pi-server limits`".to_owned())
            }
            LimitError::OutOfRange { min, max } => wrong(format!("must be {min} to {max}")),
        })?;
    }
    Ok(limits)
}

#[cfg(test)]
mod tests;
