//! Section 12.3: circuit breakers.

use pi_server_core::command::CommandKind;
use pi_server_core::failure::{ErrorCode, Failure};
use pi_server_core::input::{Details, RuleSet};
use pi_server_core::{CommandNo, Limits, Micros, Text};

use super::Model;
use super::types::{Circuit, Command, Ending};

/// How many failures in which time open a circuit.
type Threshold = (u64, u64);

/// What the end of a command says about a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Success,
    Failure,
    Nothing,
}

impl Circuit {
    pub(super) fn is_open(&self, now: Micros) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    fn lets(&self, limits: &Limits, now: Micros) -> bool {
        match self.open_until {
            Some(until) => now >= until,
            None => !self.half_open || (self.probes.len() as u64) < limits.circuit_probes,
        }
    }

    /// A command passes; while the circuit is not closed, it is a probe.
    fn pass(&mut self, no: CommandNo) {
        if self.open_until.take().is_some() {
            self.half_open = true;
            self.probes.clear();
            self.successes = 0;
        }
        if self.half_open {
            self.probes.push(no);
        }
    }

    fn learn(
        &mut self,
        no: CommandNo,
        verdict: Verdict,
        limits: &Limits,
        (max, window_ms): Threshold,
        now: Micros,
    ) {
        let probe = self.probes.contains(&no);
        self.probes.retain(|probe| *probe != no);
        match verdict {
            Verdict::Success if self.half_open && probe => {
                self.successes += 1;
                if self.successes >= limits.circuit_successes {
                    *self = Circuit::default();
                }
            }
            Verdict::Failure if self.half_open && probe => self.open(limits, now),
            Verdict::Failure if !self.half_open && self.open_until.is_none() => {
                self.failures.push(now);
                self.failures.retain(|at| at.plus_ms(window_ms) >= now);
                if self.failures.len() as u64 >= max {
                    self.open(limits, now);
                }
            }
            Verdict::Success | Verdict::Failure | Verdict::Nothing => {}
        }
    }

    fn open(&mut self, limits: &Limits, now: Micros) {
        let open_until = Some(now.plus_ms(limits.circuit_open_ms));
        *self = Circuit { open_until, ..Circuit::default() };
    }
}

impl Model {
    pub(super) fn circuits_allow(&self, command: &Command) -> Result<(), Failure> {
        let id = command.session.as_ref().expect("it is about a session");
        let (limits, now) = (&self.limits, self.now);
        let allowed = match command.kind() {
            CommandKind::Prompt | CommandKind::Compact => {
                let provider = self.session(id).and_then(|s| s.info.provider.as_ref());
                let circuit = provider.and_then(|provider| self.providers.get(provider));
                circuit.is_none_or(|circuit| circuit.lets(limits, now))
                    || self.may_need_no_model(command)
            }
            CommandKind::Bash => {
                let session = self.bash.get(id);
                session.is_none_or(|circuit| circuit.lets(limits, now))
                    && self.bash_global.lets(limits, now)
            }
            _ => true,
        };
        let circuit = Text::from("");
        if allowed { Ok(()) } else { Err(Failure::CircuitOpen { circuit, retry_ms: None }) }
    }

    /// Section 12.3: a prompt that begins with `/`, since rule set 3.
    fn may_need_no_model(&self, command: &Command) -> bool {
        self.rules >= RuleSet::V3
            && matches!(command.envelope.details, Details::Prompt { slash: true, .. })
    }

    /// A command is passed to the agent. A prompt that joins a run says nothing of the provider.
    pub(super) fn pass_circuits(&mut self, no: CommandNo) {
        let command = self.find(no).cloned().expect("it is in flight");
        let (no, id) = (command.no, command.session.clone().expect("it is about a session"));
        match command.kind() {
            CommandKind::Prompt | CommandKind::Compact if !command.joined => {
                let provider = self.session(&id).and_then(|s| s.info.provider.clone());
                let Some(provider) = provider else { return };
                let (limits, now) = (&self.limits, self.now);
                let kept_back = self.providers.get(&provider).is_some_and(|c| !c.lets(limits, now));
                if kept_back && self.may_need_no_model(&command) {
                    return;
                }
                self.providers.entry(provider.clone()).or_default().pass(no);
                self.find_mut(no).expect("it is in flight").provider = Some(provider);
            }
            CommandKind::Bash => {
                self.bash.entry(id).or_default().pass(no);
                self.bash_global.pass(no);
            }
            _ => {}
        }
    }

    pub(super) fn circuits_learn(&mut self, command: &Command, ending: &Ending) {
        let (limits, now, no) = (self.limits.clone(), self.now, command.no);
        if let Some(provider) = &command.provider {
            let session = command.session.as_ref().expect("it is about a session");
            let run = self.agent_of(session).and_then(|agent| agent.run_failed);
            let verdict = match (ending, command.kind(), run) {
                (Ok(_), CommandKind::Compact, _) | (Ok(_), _, Some(false)) => Verdict::Success,
                (Ok(_), _, Some(true)) => Verdict::Failure,
                (Ok(_), _, None) | (Err(_), _, _) => Verdict::Nothing,
            };
            let threshold = (limits.provider_failures, limits.provider_window_ms);
            if let Some(circuit) = self.providers.get_mut(provider) {
                circuit.learn(no, verdict, &limits, threshold, now);
            }
        }
        if command.kind() == CommandKind::Bash && command.agent.is_some() {
            let verdict = match ending.as_ref().map_err(Failure::code) {
                Ok(_) => Verdict::Success,
                Err(ErrorCode::Timeout | ErrorCode::AgentError | ErrorCode::AgentExited) => {
                    Verdict::Failure
                }
                Err(_) => Verdict::Nothing,
            };
            let id = command.session.clone().expect("it is about a session");
            let window = limits.bash_window_ms;
            let circuit = self.bash.entry(id).or_default();
            circuit.learn(no, verdict, &limits, (limits.bash_failures, window), now);
            let threshold = (limits.bash_global_failures, window);
            self.bash_global.learn(no, verdict, &limits, threshold, now);
        }
    }
}
