//! Agents: the embedded demo agent and real `pi` child processes, behind one door.
//!
//! The core says what it wants of an agent ([`Ask`]); what the agent says comes back as [`Heard`],
//! which the loop feeds to the core as inputs. Nothing is decided here: agents translate, keep
//! processes and pipes, and never block.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::Token;
use pi_server_core::input::{AgentInfo, AgentKind, AgentSaid};
use pi_server_core::output::Ask;
use pi_server_core::wire::Bodies;
use pi_server_core::{AgentNo, CommandNo, Text};

use owners::Owners;
use voice::Voice;

mod child_main;
mod demo;
mod fields;
mod owners;
mod pi;
#[cfg(test)]
mod testkit;
mod voice;

pub use child_main::{CHILD_COMMAND, child_main};
pub use pi::{Script, Scripted, pi_line, rendered_frame};
pub(crate) use pi::{
    SessionHeader, header_of, plain_name, session_folders, session_header, user_folder,
};
pub(crate) use voice::{end_of, first_units, start_of};

/// Something an agent said, in the order in which it said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Which agent.
    pub agent: AgentNo,
    /// What it said.
    pub said: AgentSaid,
    /// What belongs to it: the event, or the `data` of a reply. Compact JSON; empty for none.
    pub body: Vec<u8>,
}

/// How agents are run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which agent program.
    pub kind: AgentKind,
    /// The real agent's program, looked up on `PATH` if it has no slash.
    pub pi_command: PathBuf,
    /// More arguments for it, after the daemon's own.
    pub pi_args: Vec<OsString>,
    /// The user's own agent folder, from which each session's is made; `None` for the one that pi
    /// would take by itself (`PI_CODING_AGENT_DIR`, or `~/.pi/agent`).
    pub pi_folder: Option<PathBuf>,
    /// The program whose subcommand [`CHILD_COMMAND`] calls [`child_main`]: the daemon's own, so
    /// that agents end when it is killed. Without it an agent only notices that its input ends.
    pub wrapper: Option<PathBuf>,
    /// Where pi was looked for and not found, or why it was not, for clients whose sessions are pi's;
    /// empty where there is one.
    pub no_pi: String,
    /// The daemon's data directory: extension, agent folders and the mark of its children are
    /// derived from it.
    pub data_dir: PathBuf,
}

/// All agents of this daemon life.
pub struct Agents {
    host: Host,
    owners: Owners,
    /// What was heard outside of [`Agents::poll`] and [`Agents::tick`].
    backlog: Vec<Heard>,
}

enum Host {
    Demo(demo::Demo),
    Pi(Box<pi::Pi>),
    Other(Box<dyn Troupe>),
}

/// Agents that are neither the demo's nor children of this process.
pub trait Troupe {
    /// Does what the core asks for, as [`Agents::ask`] does.
    fn ask(&mut self, ask: &Ask, bodies: &dyn Bodies, now: Instant, heard: &mut Vec<Heard>);

    /// Takes note of what is known of the session of an agent that is about to be asked for.
    fn remember(&mut self, agent: AgentNo, info: AgentInfo) {
        let _ = (agent, info);
    }

    /// A session file was looked up for a call; `is_wanted` says which calls may still come.
    fn found(&mut self, call: CommandNo, file: Text, is_wanted: &dyn Fn(CommandNo) -> bool) {
        let _ = (call, file, is_wanted);
    }

    /// When [`Troupe::tick`] is wanted next.
    fn deadline(&self) -> Option<Instant>;

    /// Says what is due.
    fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>);
}

impl Agents {
    /// No agents yet. `registry` is where pipes are registered, under tokens out of `tokens` only.
    pub fn new(config: Config, registry: mio::Registry, tokens: Range<usize>) -> Agents {
        let (kind, no_pi) = (config.kind, config.no_pi.clone());
        let host = match config.kind {
            AgentKind::Demo => Host::Demo(demo::Demo::new()),
            AgentKind::Pi => Host::Pi(Box::new(pi::Pi::new(config, registry, tokens))),
        };
        Agents { host, owners: Owners::of(kind, no_pi), backlog: Vec::new() }
    }

    /// Agents of the caller's.
    pub fn of_troupe(troupe: Box<dyn Troupe>) -> Agents {
        Agents { host: Host::Other(troupe), owners: Owners::anybody(), backlog: Vec::new() }
    }

    /// Demo agents whose time begins at `now`, which is so long after the Unix epoch.
    pub fn demo_at(now: Instant, since_epoch: Duration) -> Agents {
        let host = Host::Demo(demo::Demo::at(now, since_epoch));
        Agents { host, owners: Owners::anybody(), backlog: Vec::new() }
    }

    /// Takes note of what is known of the session of an agent that is about to be asked for with
    /// [`Ask::Spawn`]: where the agent itself says nothing that can be read, that stays.
    pub fn remember(&mut self, agent: AgentNo, info: AgentInfo) {
        self.owners.remember(agent, &info);
        match &mut self.host {
            Host::Demo(_) => {}
            Host::Pi(pi) => pi.remember(agent, info),
            Host::Other(troupe) => troupe.remember(agent, info),
        }
    }

    /// Takes note of the session file that was looked up for a call, which is asked for later with
    /// [`Ask::Call`]: nothing here follows a path that a client has given, since that may take for ever.
    /// `is_wanted` says which calls may still come; what was found for others is forgotten.
    pub fn found(&mut self, call: CommandNo, file: Text, is_wanted: &dyn Fn(CommandNo) -> bool) {
        match &mut self.host {
            // Its sessions have no files.
            Host::Demo(_) => {}
            Host::Pi(pi) => pi.found(call, file, is_wanted),
            Host::Other(troupe) => troupe.found(call, file, is_wanted),
        }
    }

    /// Does what the core asks for. Never blocks; what comes of it is heard by a later
    /// [`Agents::tick`] or [`Agents::poll`]. What is asked of an agent that is gone is dropped:
    /// its `Exited` is on its way.
    pub fn ask(&mut self, ask: &Ask, bodies: &dyn Bodies, now: Instant) {
        if let Ask::Spawn { agent, .. } = ask
            && let Some(why) = self.owners.refuse(*agent)
        {
            Voice::new(*agent, &mut self.backlog).unavailable(&why);
            return;
        }
        match &mut self.host {
            Host::Demo(demo) => demo.ask(ask, bodies, now, &mut self.backlog),
            Host::Pi(pi) => pi.ask(ask, bodies, now, &mut self.backlog),
            Host::Other(troupe) => troupe.ask(ask, bodies, now, &mut self.backlog),
        }
    }

    /// Reads and writes what is ready on one of this module's tokens.
    pub fn poll(&mut self, token: Token, readable: bool, writable: bool, heard: &mut Vec<Heard>) {
        heard.append(&mut self.backlog);
        match &mut self.host {
            // They have no pipes.
            Host::Demo(_) | Host::Other(_) => {}
            Host::Pi(pi) => pi.poll(token, readable, writable, heard),
        }
    }

    /// Whether [`Agents::tick`] has something to do right away, so that the loop must not sleep.
    pub fn has_backlog(&self) -> bool {
        let host = match &self.host {
            Host::Demo(_) | Host::Other(_) => false,
            Host::Pi(pi) => pi.has_backlog(),
        };
        host || !self.backlog.is_empty()
    }

    /// When [`Agents::tick`] is wanted next, if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.host {
            Host::Demo(demo) => demo.deadline(),
            Host::Pi(pi) => pi.deadline(),
            Host::Other(troupe) => troupe.deadline(),
        }
    }

    /// Does what is due: timers, backlog, children that ended. To be called in every turn of the
    /// loop; costs next to nothing when nothing is due.
    pub fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        heard.append(&mut self.backlog);
        match &mut self.host {
            Host::Demo(demo) => demo.tick(now, heard),
            Host::Pi(pi) => pi.tick(now, heard),
            Host::Other(troupe) => troupe.tick(now, heard),
        }
    }

    /// Whether an agent's process runs.
    #[cfg(test)]
    fn runs(&self, agent: AgentNo) -> bool {
        match &self.host {
            Host::Demo(_) | Host::Other(_) => false,
            Host::Pi(pi) => pi.runs(agent),
        }
    }

    /// Ends all agents, politely first and then by force; returns when they are gone. Nothing more
    /// is heard. For the end of the daemon.
    pub fn stop_all(&mut self) {
        self.backlog.clear();
        match &mut self.host {
            Host::Demo(demo) => demo.stop_all(),
            Host::Pi(pi) => pi.stop_all(),
            // They end with the daemon.
            Host::Other(_) => {}
        }
    }
}
