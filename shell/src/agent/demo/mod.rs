//! The demo agent: a scripted agent inside the daemon, without any dependency. It streams
//! deterministic answers with the full sequence of events that a real agent sends, and does what
//! the directives in a prompt say ([`script`]), so that every path can be tried by hand.
//!
//! Its conversations live in memory only: a session that is started again begins empty, and says
//! so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use pi_server_core::input::AgentEvent;
use pi_server_core::output::Ask;
use pi_server_core::wire::Bodies;
use pi_server_core::{AgentNo, Text};
use serde_json::json;

use super::voice::Voice;
use super::{Heard, fields};
use agent::DemoAgent;
pub(super) use agent::PROVIDER;
use time::Calendar;

mod agent;
mod beats;
mod calls;
mod run;
mod script;
mod side;
mod talk;
mod time;

#[cfg(test)]
mod tests;

/// Most session ids remembered for the notice that a conversation was lost.
const SESSIONS_MAX: usize = 10_000;

/// All demo agents.
pub(super) struct Demo {
    agents: BTreeMap<AgentNo, DemoAgent>,
    /// Sessions that had a demo agent before.
    served: BTreeSet<Text>,
    calendar: Calendar,
}

impl Demo {
    /// No agents yet.
    pub(super) fn new() -> Demo {
        Demo::at(Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
    }

    /// The same, for a time of the caller's.
    pub(super) fn at(now: Instant, since_epoch: Duration) -> Demo {
        let calendar = Calendar::at(now, since_epoch);
        Demo { agents: BTreeMap::new(), served: BTreeSet::new(), calendar }
    }

    /// Does what the core asks for.
    pub(super) fn ask(
        &mut self,
        ask: &Ask,
        bodies: &dyn Bodies,
        now: Instant,
        heard: &mut Vec<Heard>,
    ) {
        match ask {
            Ask::Spawn { agent, session, cwd: _, resume } => {
                self.spawn(*agent, session, resume.as_ref(), now, heard);
            }
            Ask::Call { agent, call, kind, frame } => {
                let voice = &mut Voice::new(*agent, heard);
                if let Some(demo) = self.agents.get_mut(agent) {
                    match fields::of_frame(*frame, bodies) {
                        Ok(fields) => demo.call(*call, *kind, &fields, now, voice),
                        Err(words) => voice.failed(*call, &words),
                    }
                }
            }
            Ask::Interrupt { agent, kind } => {
                if let Some(demo) = self.agents.get_mut(agent) {
                    demo.interrupt(*kind, now, &mut Voice::new(*agent, heard));
                }
            }
            Ask::Dialog { agent, request, answer } => {
                if let Some(demo) = self.agents.get_mut(agent) {
                    demo.answer(request, &fields::answer(*answer, bodies), now);
                }
            }
            Ask::Kill { agent } => {
                if self.agents.remove(agent).is_some() {
                    Voice::new(*agent, heard).exited("exit status 0", "");
                }
            }
        }
    }

    /// When [`Demo::tick`] is wanted next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.agents.values().filter_map(DemoAgent::deadline).min()
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        self.agents.retain(|number, agent| agent.tick(now, &mut Voice::new(*number, heard)));
    }

    /// Forgets all agents.
    pub(super) fn stop_all(&mut self) {
        self.agents.clear();
    }

    fn spawn(
        &mut self,
        agent: AgentNo,
        session: &Text,
        resume: Option<&Text>,
        now: Instant,
        heard: &mut Vec<Heard>,
    ) {
        let demo = DemoAgent::new(agent, resume.cloned(), self.calendar, now);
        let voice = &mut Voice::new(agent, heard);
        voice.ready(demo.ready());
        let known = self.served.contains(session);
        if resume.is_some() || known {
            let message = "This is the demo agent, which keeps nothing on disk: \
                           the conversation starts empty.";
            voice.event(
                AgentEvent::Other,
                &json!({
                    "type": "extension_ui_request",
                    "requestId": format!("notify-demo-{agent}"),
                    "method": "notify",
                    "message": message,
                    "notifyType": "warning",
                }),
            );
        }
        if !known && self.served.len() < SESSIONS_MAX {
            self.served.insert(session.clone());
        }
        self.agents.insert(agent, demo);
    }
}
