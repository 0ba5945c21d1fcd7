//! Agents that are scripts: the daemon's whole protocol with pi, in memory, without a process. For
//! simulations; what a script writes is read as what a child writes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use pi_server_core::input::AgentInfo;
use pi_server_core::output::Ask;
use pi_server_core::wire::Bodies;
use pi_server_core::{AgentNo, CommandNo, Text};

use super::found::FoundFiles;
use super::session::{Known, Session};
use super::version::Version;
use crate::agent::voice::Voice;
use crate::agent::{Heard, Troupe, fields};

/// What a scripted pi does.
pub trait Script {
    /// A pi is started for a session, to go on from a file.
    fn started(&mut self, session: &str, resume: Option<&str>);

    /// It is told a line; the lines that it writes then.
    fn told(&mut self, session: &str, line: &str) -> Vec<String>;
}

/// Scripted pis of one version.
pub struct Scripted<S> {
    version: Version,
    script: S,
    agents: BTreeMap<AgentNo, (Text, Session)>,
    remembered: BTreeMap<AgentNo, AgentInfo>,
    found: FoundFiles,
}

impl<S: Script> Scripted<S> {
    /// Pis that are this version, as `pi --version` prints it.
    ///
    /// # Panics
    /// It is no version.
    pub fn new(version: &str, script: S) -> Scripted<S> {
        let version = Version::parse(version).expect("a version");
        let (agents, remembered) = (BTreeMap::new(), BTreeMap::new());
        Scripted { version, script, agents, remembered, found: FoundFiles::default() }
    }

    /// Lets the script read and write until it has nothing more to say.
    fn talk(&mut self, agent: AgentNo, now: Instant, heard: &mut Vec<Heard>) {
        let Some((id, session)) = self.agents.get_mut(&agent) else { return };
        loop {
            let told = std::mem::take(session.output());
            if told.is_empty() {
                break;
            }
            for line in String::from_utf8_lossy(&told).lines() {
                for answer in self.script.told(id, line) {
                    session.line(answer.as_bytes(), now, &mut Voice::new(agent, heard));
                }
            }
        }
        session.report_noise(&mut Voice::new(agent, heard));
    }
}

impl<S: Script> Troupe for Scripted<S> {
    fn ask(&mut self, ask: &Ask, bodies: &dyn Bodies, now: Instant, heard: &mut Vec<Heard>) {
        let agent = match ask {
            Ask::Spawn { agent, session, cwd, resume } => {
                let info = self.remembered.remove(agent).unwrap_or_default();
                let known = Known {
                    session: session.to_string(),
                    info: AgentInfo { file: resume.clone(), ..info },
                    is_fresh: resume.is_none(),
                    ..Known::default()
                };
                self.script.started(session, resume.as_deref());
                let pi = Session::new(self.version, PathBuf::from(&**cwd), known);
                self.agents.insert(*agent, (session.clone(), pi));
                *agent
            }
            Ask::Call { agent, call, kind, frame } => {
                let fields = self.found.fields(*call, *frame, bodies);
                if let Some((_, session)) = self.agents.get_mut(agent) {
                    let voice = &mut Voice::new(*agent, heard);
                    match fields {
                        Ok(fields) => session.call(*call, *kind, &fields, now, voice),
                        Err(words) => voice.failed(*call, &words),
                    }
                }
                *agent
            }
            Ask::Interrupt { agent, kind } => {
                if let Some((_, session)) = self.agents.get_mut(agent) {
                    session.interrupt(*kind, now);
                }
                *agent
            }
            Ask::Dialog { agent, request, answer } => {
                if let Some((_, session)) = self.agents.get_mut(agent) {
                    session.answer(request, &fields::answer(*answer, bodies));
                }
                *agent
            }
            Ask::Kill { agent } => {
                if let Some((_, mut session)) = self.agents.remove(agent) {
                    let voice = &mut Voice::new(*agent, heard);
                    session.end(false, voice);
                    voice.exited("signal 15", "");
                }
                return;
            }
        };
        self.talk(agent, now, heard);
    }

    fn remember(&mut self, agent: AgentNo, info: AgentInfo) {
        self.remembered.insert(agent, info);
    }

    fn found(&mut self, call: CommandNo, file: Text, is_wanted: &dyn Fn(CommandNo) -> bool) {
        self.found.note(call, file, is_wanted);
    }

    fn deadline(&self) -> Option<Instant> {
        self.agents.values().filter_map(|(_, session)| session.deadline()).min()
    }

    fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        let agents: Vec<AgentNo> = self.agents.keys().copied().collect();
        for agent in agents {
            if let Some((_, session)) = self.agents.get_mut(&agent) {
                session.tick(now, &mut Voice::new(agent, heard));
            }
            self.talk(agent, now, heard);
        }
    }
}
