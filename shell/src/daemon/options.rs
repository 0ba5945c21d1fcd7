//! What a daemon is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pi_server_core::Limits;
use pi_server_core::input::RecoveryPolicy;
use pi_server_redact::Policy;

use crate::journal::{Backend, Durability};

/// Everything that `pi-server serve` can be told, resolved.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    /// TCP address for WebSocket clients.
    pub listen: Option<SocketAddr>,
    /// Whether the other loopback address is listened on as well.
    pub both_loopbacks: bool,
    /// Path of the Unix socket.
    pub unix: Option<PathBuf>,
    /// Whether standard input and output are a client.
    pub stdio: bool,
    /// Where the journal, its key and the token are. Absolute.
    pub data_dir: PathBuf,
    /// Which agent program sessions run on.
    pub agent: AgentChoice,
    /// The pi program: a name to be found on `PATH`, or a path.
    pub pi_command: String,
    /// What an answer survives.
    pub durability: Durability,
    /// How journal files are written.
    pub backend: Backend,
    /// Whether TCP clients must show the token.
    pub auth: bool,
    /// Values of `Origin` that are let in.
    pub allowed_origins: Vec<String>,
    /// Values of `Host` that are let in beside IP literals and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// What becomes of commands that had not reached an agent when the daemon died.
    pub recovery: RecoveryPolicy,
    /// Every bound of the core.
    pub limits: Limits,
    /// Size of a journal file in bytes; `None` for what fits [`Options::retain_bytes`].
    pub segment_bytes: Option<u32>,
    /// The room that the journal's files take together, in bytes; 0 for any.
    pub retain_bytes: u64,
    /// How long inputs are kept, at least; zero for ever.
    pub retain_age: Duration,
    /// How long inputs are kept with the deltas of streams; `None` as long as they are kept at all.
    pub warm_after: Option<Duration>,
    /// How long inputs are kept with bodies that nothing needs; `None` as long as they are kept.
    pub cold_after: Option<Duration>,
    /// Whether journal files are compressed once nothing is written to them any more.
    pub compress: bool,
    /// What is taken out of bodies before they are written.
    pub redact: Policy,
    /// Whether to say nothing on standard error but errors.
    pub quiet: bool,
}

/// Which agent program sessions run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentChoice {
    /// `pi` if it can be found, else the demo agent.
    Auto,
    /// `pi --mode rpc`, a child process per session.
    Pi,
    /// The scripted agent inside the daemon.
    Demo,
}
