//! A small loop around [`Agents`]: asks, polls and waits for what is heard, never sleeps.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use pi_server_core::AgentNo;
use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentKind, AgentReady, AgentSaid, Reply};
use pi_server_core::output::Ask;
use serde_json::Value;

#[cfg(feature = "real-pi")]
use crate::agent::pi::sweep;
use crate::agent::testkit::{Frames, body, word};
use crate::agent::{Agents, Config, Heard};

/// The longest that anything in a test may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Agents with a loop of their own and directories that go away.
pub(super) struct Host {
    pub(super) agents: Agents,
    pub(super) frames: Frames,
    /// Everything heard so far, of all agents.
    pub(super) heard: Vec<Heard>,
    pub(super) dir: tempfile::TempDir,
    poll: Poll,
    calls: u64,
    seen: usize,
}

impl Host {
    /// A host that runs `command` for pi.
    pub(super) fn new(command: &Path, arguments: &[&str]) -> Host {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let poll = Poll::new().expect("a poll");
        let config = Config {
            kind: AgentKind::Pi,
            pi_command: command.to_owned(),
            pi_args: arguments.iter().map(OsString::from).collect(),
            pi_folder: Some(dir.path().join("user")),
            no_pi: String::new(),
            wrapper: None,
            data_dir: dir.path().join("data"),
        };
        std::fs::create_dir_all(dir.path().join("work")).expect("a directory to work in");
        std::fs::create_dir_all(&config.data_dir).expect("a data directory");
        let registry = poll.registry().try_clone().expect("a registry");
        let agents = Agents::new(config, registry, 1_000..1_400);
        let frames = Frames::default();
        Host { agents, frames, heard: Vec::new(), dir, poll, calls: 0, seen: 0 }
    }

    /// Where sessions work.
    pub(super) fn work(&self) -> PathBuf {
        self.dir.path().join("work").canonicalize().expect("it exists")
    }

    /// How the variable begins that marks the children of this host.
    #[cfg(feature = "real-pi")]
    pub(super) fn mark(&self) -> String {
        let data_dir = self.dir.path().join("data");
        format!("{}={}:", sweep::MARK, sweep::data_dir_mark(&data_dir))
    }

    /// The user's agent folder.
    pub(super) fn user_folder(&self) -> PathBuf {
        self.dir.path().join("user")
    }

    pub(super) fn ask(&mut self, ask: &Ask) {
        self.agents.ask(ask, &self.frames, Instant::now());
    }

    pub(super) fn spawn(&mut self, agent: u64, session: &str, resume: Option<&str>) {
        let cwd = self.work().to_str().expect("a path in UTF-8").into();
        let (session, resume) = (session.into(), resume.map(Into::into));
        self.ask(&Ask::Spawn { agent: AgentNo(agent), session, cwd, resume });
    }

    /// Starts an agent and waits until it is up.
    pub(super) fn up(&mut self, agent: u64, session: &str, resume: Option<&str>) -> AgentReady {
        self.spawn(agent, session, resume);
        let heard = self.until("ready", |heard| {
            heard.agent == AgentNo(agent)
                && matches!(heard.said, AgentSaid::Ready(_) | AgentSaid::Exited(_))
        });
        match heard.said {
            AgentSaid::Ready(ready) => *ready,
            other => panic!("agent {agent} did not start: {other:?}"),
        }
    }

    /// Waits until an agent's process runs.
    pub(super) fn until_started(&mut self, agent: u64) {
        let patience = Instant::now() + PATIENCE;
        while !self.agents.runs(AgentNo(agent)) {
            assert!(Instant::now() < patience, "agent {agent} is not started");
            self.turn(patience);
        }
    }

    /// The look-up for the next call has found this session file.
    #[cfg(feature = "real-pi")]
    pub(super) fn found(&mut self, file: &str) {
        let call = pi_server_core::CommandNo(self.calls + 1);
        self.agents.found(call, file.into(), &|_| true);
    }

    /// Calls agent 1 for something; gives the number of the call.
    pub(super) fn call(&mut self, kind: CommandKind, fields: &Value) -> u64 {
        self.call_of(1, kind, fields)
    }

    pub(super) fn call_of(&mut self, agent: u64, kind: CommandKind, fields: &Value) -> u64 {
        self.calls += 1;
        let mut ask = self.frames.call(self.calls, kind, fields);
        if let Ask::Call { agent: to, .. } = &mut ask {
            *to = AgentNo(agent);
        }
        self.ask(&ask);
        self.calls
    }

    /// Calls and waits for the reply: its data, or the agent's words.
    pub(super) fn get(&mut self, kind: CommandKind, fields: &Value) -> Result<Value, String> {
        let call = self.call(kind, fields);
        self.reply(call)
    }

    /// Waits for the reply to a call.
    pub(super) fn reply(&mut self, number: u64) -> Result<Value, String> {
        let heard = self.until(
            &format!("reply to call {number}"),
            |heard| matches!(&heard.said, AgentSaid::Replied { call, .. } if call.0 == number),
        );
        match &heard.said {
            AgentSaid::Replied { reply: Reply::Failed(words), .. } => Err(words.to_string()),
            _ => Ok(body(&heard)),
        }
    }

    /// Prompts agent 1 and waits until the run is over.
    #[cfg(feature = "real-pi")]
    pub(super) fn prompt(&mut self, message: &str) -> Vec<String> {
        let from = self.heard.len();
        self.call(CommandKind::Prompt, &serde_json::json!({ "message": message }));
        self.until_over();
        self.heard[from..].iter().map(word).collect()
    }

    /// Waits until a run is over: settled, or ended for an agent that never says so.
    #[cfg(feature = "real-pi")]
    pub(super) fn until_over(&mut self) {
        let settles = self
            .heard
            .iter()
            .any(|heard| matches!(&heard.said, AgentSaid::Ready(ready) if ready.settles));
        let last = if settles { "agent_settled" } else { "agent_end" };
        self.until(last, |heard| word(heard) == last || word(heard) == format!("{last} failed"));
    }

    /// Waits for something that was not waited for before.
    pub(super) fn until(&mut self, what: &str, mut wanted: impl FnMut(&Heard) -> bool) -> Heard {
        let patience = Instant::now() + PATIENCE;
        loop {
            while let Some(heard) = self.heard.get(self.seen) {
                self.seen += 1;
                if wanted(heard) {
                    return heard.clone();
                }
            }
            assert!(Instant::now() < patience, "no {what}; heard so far:\n{}", self.log());
            self.turn(patience);
        }
    }

    /// One turn of the loop.
    pub(super) fn turn(&mut self, patience: Instant) {
        let now = Instant::now();
        let wake = self.agents.deadline().unwrap_or(patience).min(patience);
        let wait = if self.agents.has_backlog() {
            Duration::ZERO
        } else {
            wake.saturating_duration_since(now)
        };
        let mut events = Events::with_capacity(64);
        match self.poll.poll(&mut events, Some(wait)) {
            Ok(()) => {}
            // A child's end is a signal, and a signal is a turn without events.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => panic!("the event queue fails: {error}"),
        }
        for event in &events {
            let readable = event.is_readable() || event.is_read_closed();
            let writable = event.is_writable() || event.is_write_closed();
            self.agents.poll(event.token(), readable, writable, &mut self.heard);
        }
        self.agents.tick(Instant::now(), &mut self.heard);
    }

    /// Everything heard, for a failure's message.
    pub(super) fn log(&self) -> String {
        let line = |heard: &Heard| {
            let text = String::from_utf8_lossy(&heard.body);
            let text: String = text.chars().take(300).collect();
            format!("{} {} {text}", heard.agent, word(heard))
        };
        self.heard.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.agents.stop_all();
    }
}
