//! Section 12.3: circuit breakers.

use pi_server_core::command::CommandKind;
use pi_server_core::failure::Failure;
use pi_server_core::{CommandNo, Limits, Micros, Text};

use super::Model;
use super::types::{Circuit, Command, Place};

impl Circuit {
    pub(super) fn is_open(&self, now: Micros) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// Whether it lets a command through; if so, the command may have become a probe.
    fn lets(&mut self, no: CommandNo, limits: &Limits, now: Micros) -> bool {
        match self.open_until {
            Some(until) if now < until => return false,
            Some(_) => {
                self.open_until = None;
                self.half_open = true;
                self.successes = 0;
            }
            None => {}
        }
        if !self.half_open {
            return true;
        }
        if self.probes.len() as u64 >= limits.circuit_probes {
            return false;
        }
        self.probes.push(no);
        true
    }

    fn failed(&mut self, limits: &Limits, max: u64, window_ms: u64, now: Micros) {
        if self.half_open {
            self.open(limits, now);
            return;
        }
        if self.open_until.is_some() {
            return;
        }
        self.failures.push(now);
        self.failures.retain(|at| at.plus_ms(window_ms) > now);
        if self.failures.len() as u64 >= max {
            self.open(limits, now);
        }
    }

    fn open(&mut self, limits: &Limits, now: Micros) {
        *self = Circuit {
            open_until: Some(now.plus_ms(limits.circuit_open_ms)),
            ..Circuit::default()
        };
    }

    fn succeeded(&mut self, no: CommandNo, limits: &Limits) {
        if !self.half_open || !self.probes.contains(&no) {
            return;
        }
        self.probes.retain(|probe| *probe != no);
        self.successes += 1;
        if self.successes >= limits.circuit_successes {
            *self = Circuit::default();
        }
    }
}

impl Model {
    pub(super) fn circuit_lets_through(&mut self, command: &Command) -> Result<(), Failure> {
        let (limits, now, no) = (self.limits.clone(), self.now, command.no);
        let id = command.session.clone().expect("it is about a session");
        let closed = Failure::CircuitOpen { circuit: Text::from(""), retry_ms: None };
        match command.kind() {
            CommandKind::Prompt | CommandKind::Compact => {
                let provider = self.session(&id).and_then(|s| s.info.provider.clone());
                let Some(provider) = provider else { return Ok(()) };
                let circuit = self.providers.entry(provider).or_default();
                if circuit.lets(no, &limits, now) { Ok(()) } else { Err(closed) }
            }
            CommandKind::Bash => {
                let session = self.bash.entry(id).or_default();
                if !session.lets(no, &limits, now) {
                    return Err(closed);
                }
                if self.bash_global.lets(no, &limits, now) {
                    return Ok(());
                }
                session.probes.retain(|probe| *probe != no);
                Err(closed)
            }
            _ => Ok(()),
        }
    }

    /// A probe that ends gives its place back, if it has not said anything.
    pub(super) fn release_probe(&mut self, command: &Command) {
        let all = self.providers.values_mut().chain(self.bash.values_mut());
        for circuit in all.chain([&mut self.bash_global]) {
            circuit.probes.retain(|probe| *probe != command.no);
        }
    }

    /// A run has ended, with the provider's error or without.
    pub(super) fn run_ended(&mut self, session: &Text, failed: bool) {
        let (limits, now) = (self.limits.clone(), self.now);
        let provider = self.session(session).and_then(|s| s.info.provider.clone());
        let Some(provider) = provider else { return };
        let prompt = self.commands.iter().find(|c| {
            c.session.as_ref() == Some(session) && c.place == Place::Slot
        });
        let no = prompt.map(|c| c.no);
        let circuit = self.providers.entry(provider).or_default();
        if failed {
            circuit.failed(&limits, limits.provider_failures, limits.provider_window_ms, now);
        } else if let Some(no) = no {
            circuit.succeeded(no, &limits);
        }
    }

    pub(super) fn provider_succeeded(&mut self, command: &Command) {
        let limits = self.limits.clone();
        let id = command.session.clone().expect("it is about a session");
        let provider = self.session(&id).and_then(|s| s.info.provider.clone());
        if let Some(circuit) = provider.and_then(|provider| self.providers.get_mut(&provider)) {
            circuit.succeeded(command.no, &limits);
        }
    }

    pub(super) fn bash_replied(&mut self, command: &Command, failed: bool) {
        if failed {
            return self.bash_has_failed(command);
        }
        let limits = self.limits.clone();
        let id = command.session.clone().expect("it is about a session");
        self.bash.entry(id).or_default().succeeded(command.no, &limits);
        self.bash_global.succeeded(command.no, &limits);
    }

    /// The agent could not run the command line, or it took too long.
    pub(super) fn bash_has_failed(&mut self, command: &Command) {
        if command.kind() != CommandKind::Bash {
            return;
        }
        let (limits, now) = (self.limits.clone(), self.now);
        let id = command.session.clone().expect("it is about a session");
        let window = limits.bash_window_ms;
        self.bash.entry(id).or_default().failed(&limits, limits.bash_failures, window, now);
        self.bash_global.failed(&limits, limits.bash_global_failures, window, now);
    }
}
