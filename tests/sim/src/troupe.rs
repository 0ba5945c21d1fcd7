//! Agents that obey most of the time: those of the model's generator, given a voice in virtual time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pi_server::world::{Heard, Troupe};
use pi_server_core::input::{AgentEvent, AgentSaid, DialogMethod, Exit};
use pi_server_core::output::Ask;
use pi_server_core::wire::Bodies;
use pi_server_core::{AgentNo, CommandNo, Text};
use pi_server_model::entropy::Entropy;
use pi_server_model::shape::agents::{Agents, lie};

/// What the simulator does to the agents from outside.
#[derive(Debug)]
pub struct Stage {
    agents: Agents,
    entropy: Entropy<'static>,
    spawned: u64,
    calls: Vec<CommandNo>,
    /// The last thing that was said.
    last: Option<Heard>,
    /// Things to be said out of turn.
    extra: Vec<Heard>,
    events: u64,
    /// Nobody says anything.
    pub stalled: bool,
    /// Most bytes of an event.
    pub event_bytes: u64,
    due: Option<Instant>,
}

impl Stage {
    /// A stage without agents.
    pub fn new(entropy: Entropy<'static>, event_bytes: u64) -> Rc<RefCell<Stage>> {
        Rc::new(RefCell::new(Stage {
            agents: Agents::new(Vec::new()),
            entropy,
            spawned: 0,
            calls: Vec::new(),
            last: None,
            extra: Vec::new(),
            events: 0,
            stalled: false,
            event_bytes,
            due: None,
        }))
    }

    /// The daemon died, and its agents with it.
    pub fn clear(&mut self) {
        self.agents.clear();
        self.extra.clear();
        self.calls.clear();
        self.last = None;
        self.due = None;
    }

    /// An agent says something of its own accord. Whether there is one.
    pub fn spontaneous(&mut self, now: Instant) -> bool {
        let said = self.agents.spontaneous(&mut self.entropy);
        said.is_some_and(|(agent, said)| self.out_of_turn(agent, said, now))
    }

    /// An agent, or something that is none, says what it must not.
    pub fn lie(&mut self, now: Instant) -> bool {
        let (agent, said) = lie(self.spawned, &self.calls, &mut self.entropy);
        self.out_of_turn(agent, said, now)
    }

    /// The last thing is said once more.
    pub fn repeat(&mut self, now: Instant) -> bool {
        let Some(heard) = self.last.clone() else { return false };
        self.extra.push(heard);
        self.due = Some(now);
        true
    }

    /// An agent is killed by somebody else.
    pub fn die(&mut self, agent: AgentNo, now: Instant) -> bool {
        let exit = Exit { status: Text::from("signal 9"), stderr: Text::from("") };
        self.out_of_turn(agent, AgentSaid::Exited(exit), now)
    }

    /// An agent says a great deal.
    pub fn flood(&mut self, agent: AgentNo, count: u64, now: Instant) -> bool {
        for _ in 0..count {
            self.out_of_turn(agent, AgentSaid::Event(AgentEvent::Other), now);
        }
        true
    }

    /// The newest agent.
    pub fn newest(&self) -> Option<AgentNo> {
        self.spawned.checked_sub(1).map(|_| AgentNo(self.spawned))
    }

    /// An open dialog.
    pub fn dialog(&self, entropy: &mut Entropy<'_>) -> Option<(Text, DialogMethod)> {
        self.agents.dialog(entropy)
    }

    fn out_of_turn(&mut self, agent: AgentNo, said: AgentSaid, now: Instant) -> bool {
        let heard = self.heard(agent, said);
        self.extra.push(heard);
        self.due = Some(now);
        true
    }

    fn heard(&mut self, agent: AgentNo, said: AgentSaid) -> Heard {
        let body = match &said {
            AgentSaid::Event(_) => {
                self.events += 1;
                let length = usize::try_from(self.entropy.below(self.event_bytes)).unwrap_or(0);
                let text = "x".repeat(length);
                format!(r#"{{"type":"told","n":{},"text":"{text}"}}"#, self.events).into_bytes()
            }
            AgentSaid::Replied { call, .. } => format!(r#"{{"of":{}}}"#, call.0).into_bytes(),
            AgentSaid::Ready(_)
            | AgentSaid::Info(_)
            | AgentSaid::Noise { .. }
            | AgentSaid::Exited(_)
            | AgentSaid::Unavailable { .. } => Vec::new(),
        };
        Heard { agent, said, body }
    }

    fn pause(&mut self) -> Duration {
        let us = match self.entropy.weighted(&[6, 3, 1]) {
            0 => self.entropy.below(2_000),
            1 => self.entropy.below(60_000),
            _ => self.entropy.below(5_000_000),
        };
        Duration::from_micros(us)
    }
}

/// The daemon's side of a [`Stage`].
pub struct Players(pub Rc<RefCell<Stage>>);

impl Troupe for Players {
    fn ask(&mut self, ask: &Ask, _: &dyn Bodies, now: Instant, _: &mut Vec<Heard>) {
        let mut stage = self.0.borrow_mut();
        let stage = &mut *stage;
        match ask {
            Ask::Spawn { agent, .. } => stage.spawned = stage.spawned.max(agent.0),
            Ask::Call { call, .. } => stage.calls.push(*call),
            Ask::Interrupt { .. } | Ask::Dialog { .. } | Ask::Kill { .. } => {}
        }
        stage.agents.asked(ask, &mut stage.entropy);
        let due = now + stage.pause();
        stage.due = Some(stage.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn deadline(&self) -> Option<Instant> {
        let stage = self.0.borrow();
        stage.due.filter(|_| !stage.stalled)
    }

    fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        let mut stage = self.0.borrow_mut();
        let stage = &mut *stage;
        if stage.stalled || stage.due.is_none_or(|due| due > now) {
            return;
        }
        heard.append(&mut stage.extra);
        stage.due = None;
        for _ in 0..=stage.entropy.below(3) {
            let Some((agent, said)) = stage.agents.say(&mut stage.entropy) else { return };
            let said = stage.heard(agent, said);
            stage.last = Some(said.clone());
            heard.push(said);
        }
        stage.due = Some(now + stage.pause());
    }
}
