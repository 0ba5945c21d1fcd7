//! Agents that obey most of the time. Each answer is a thread of things to say; threads of one
//! agent are interleaved at random, the sayings of one thread keep their order.

use std::collections::{BTreeMap, VecDeque};

use pi_server_core::command::CommandKind;
use pi_server_core::input::{
    AgentEvent, AgentInfo, AgentReady, AgentSaid, DialogMethod, Disposition, Exit, Reply,
};
use pi_server_core::output::Ask;
use pi_server_core::{AgentNo, CommandNo, Text};

use crate::entropy::Entropy;

/// All agents of one daemon life.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    list: BTreeMap<AgentNo, Agent>,
    dialogs: u64,
    /// What the program cannot offer.
    absent: Vec<CommandKind>,
}

#[derive(Clone, Debug)]
struct Agent {
    settles: bool,
    disposition: bool,
    /// What it is going to say, by topic.
    threads: Vec<VecDeque<AgentSaid>>,
    /// The thread of its run comes first, so that an abort can cut it short.
    running: bool,
    open: Vec<(Text, DialogMethod)>,
}

impl Agents {
    /// Agents of a program that cannot offer some commands.
    pub fn new(absent: Vec<CommandKind>) -> Agents {
        Agents { absent, ..Agents::default() }
    }

    /// The daemon died, and its agents with it.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// An agent is asked for something.
    pub fn asked(&mut self, ask: &Ask, entropy: &mut Entropy<'_>) {
        match ask {
            Ask::Spawn { agent, session: _, cwd: _, resume: _ } => self.spawn(*agent, entropy),
            Ask::Call { agent, call, kind, frame: _ } => {
                self.call(*agent, *call, *kind, entropy);
            }
            Ask::Interrupt { agent, kind } => {
                if let Some(agent) = self.list.get_mut(agent)
                    && *kind != CommandKind::Bash
                {
                    agent.cut_short();
                }
            }
            Ask::Dialog { agent, request, answer: _ } => {
                if let Some(agent) = self.list.get_mut(agent) {
                    agent.open.retain(|(open, _)| open != request);
                }
            }
            Ask::Kill { agent } => {
                if let Some(agent) = self.list.get_mut(agent) {
                    agent.threads = vec![VecDeque::from([exit("signal 15")])];
                }
            }
        }
    }

    /// The next thing that some obedient agent says.
    pub fn say(&mut self, entropy: &mut Entropy<'_>) -> Option<(AgentNo, AgentSaid)> {
        let speaking: Vec<AgentNo> = self
            .list
            .iter()
            .filter(|(_, agent)| !agent.threads.is_empty())
            .map(|(no, _)| *no)
            .collect();
        if speaking.is_empty() {
            return None;
        }
        let no = *entropy.pick(&speaking);
        let agent = self.list.get_mut(&no)?;
        let thread = entropy.below(u64::try_from(agent.threads.len()).unwrap_or(1));
        let thread = usize::try_from(thread).unwrap_or(0);
        let said = agent.threads[thread].pop_front()?;
        if agent.threads[thread].is_empty() {
            agent.threads.remove(thread);
        }
        agent.heard(&said);
        self.forget_if_gone(no, &said);
        Some((no, said))
    }

    /// Something that an agent says out of turn: an event, a dialog, its looks, or its end.
    pub fn spontaneous(&mut self, entropy: &mut Entropy<'_>) -> Option<(AgentNo, AgentSaid)> {
        let alive: Vec<AgentNo> = self.list.keys().copied().collect();
        if alive.is_empty() {
            return None;
        }
        let no = *entropy.pick(&alive);
        self.dialogs += 1;
        let request = Text::from(format!("d{}", self.dialogs));
        let said = match entropy.weighted(&[6, 6, 3, 2, 2]) {
            0 => AgentSaid::Event(AgentEvent::Other),
            1 => {
                let method = *entropy.pick(&METHODS);
                let timeout_ms = [None, None, Some(5), Some(100)][index(entropy, 4)];
                AgentSaid::Event(AgentEvent::DialogOpened { request, method, timeout_ms })
            }
            2 => AgentSaid::Info(Box::new(info(entropy))),
            3 => AgentSaid::Noise { lines: 3 },
            _ if entropy.once_in(2) => exit("exit status 0"),
            _ => exit("exit status 1"),
        };
        if let Some(agent) = self.list.get_mut(&no) {
            agent.heard(&said);
        }
        self.forget_if_gone(no, &said);
        Some((no, said))
    }

    fn forget_if_gone(&mut self, no: AgentNo, said: &AgentSaid) {
        if let AgentSaid::Exited(_) | AgentSaid::Unavailable { .. } = said {
            self.list.remove(&no);
        }
    }

    /// An open dialog.
    pub fn dialog(&self, entropy: &mut Entropy<'_>) -> Option<(Text, DialogMethod)> {
        let open: Vec<_> = self.list.values().flat_map(|agent| &agent.open).collect();
        if open.is_empty() { None } else { Some((*entropy.pick(&open)).clone()) }
    }

    fn spawn(&mut self, no: AgentNo, entropy: &mut Entropy<'_>) {
        let settles = !entropy.once_in(3);
        let disposition = !entropy.once_in(3);
        let absent = self.absent.clone();
        let ready = AgentReady {
            version: Text::from("demo"),
            settles,
            disposition,
            absent,
            info: info(entropy),
        };
        let said = match entropy.weighted(&[12, 1, 1]) {
            0 => vec![VecDeque::from([AgentSaid::Ready(Box::new(ready))])],
            1 if settles => vec![VecDeque::from([unavailable()])],
            1 => vec![VecDeque::from([exit("no such program")])],
            // It stalls.
            _ => Vec::new(),
        };
        let agent = Agent { settles, disposition, threads: said, running: false, open: Vec::new() };
        self.list.insert(no, agent);
    }

    fn call(&mut self, no: AgentNo, call: CommandNo, kind: CommandKind, entropy: &mut Entropy<'_>) {
        let Some(agent) = self.list.get_mut(&no) else { return };
        if entropy.once_in(25) {
            // It forgets to answer.
            return;
        }
        let reply = |reply| AgentSaid::Replied { call, reply };
        let failed = entropy.once_in(8);
        if failed {
            agent.threads.push(VecDeque::from([reply(Reply::Failed(Text::from("no")))]));
            return;
        }
        let plain = reply(Reply::Done(Disposition::Unspecified));
        match kind {
            CommandKind::Prompt => agent.prompt(call, entropy),
            CommandKind::Compact => {
                agent.threads.push(VecDeque::from([
                    event(AgentEvent::CompactionStarted),
                    event(AgentEvent::CompactionEnded { will_retry: false }),
                    plain,
                ]));
            }
            CommandKind::Abort | CommandKind::AbortRetry => {
                agent.cut_short();
                agent.threads.push(VecDeque::from([plain]));
            }
            _ => agent.threads.push(VecDeque::from([plain])),
        }
    }
}

const METHODS: [DialogMethod; 4] =
    [DialogMethod::Select, DialogMethod::Confirm, DialogMethod::Input, DialogMethod::Editor];

impl Agent {
    /// Its answer to a prompt, with the run that follows.
    fn prompt(&mut self, call: CommandNo, entropy: &mut Entropy<'_>) {
        let reply = |how| AgentSaid::Replied { call, reply: Reply::Done(how) };
        let how =
            |said: Disposition, says: bool| if says { said } else { Disposition::Unspecified };
        if self.running {
            let queued = reply(how(Disposition::Queued, self.disposition));
            self.threads.push(VecDeque::from([queued]));
            return;
        }
        if entropy.once_in(8) {
            let handled = reply(how(Disposition::Handled, self.disposition));
            self.threads.push(VecDeque::from([handled]));
            return;
        }
        let started = reply(how(Disposition::Started, self.disposition));
        let mut run = VecDeque::from([started, event(AgentEvent::RunStarted)]);
        if entropy.once_in(6) {
            // The event may overtake the answer.
            run.swap(0, 1);
        }
        for _ in 0..entropy.below(3) {
            run.push_back(event(AgentEvent::Other));
        }
        if entropy.once_in(5) {
            run.push_back(event(AgentEvent::RunEnded { will_retry: true, failed: true }));
            run.push_back(event(AgentEvent::RetryScheduled));
            run.push_back(event(AgentEvent::RunStarted));
            run.push_back(event(AgentEvent::RetryEnded));
        }
        let failed = entropy.once_in(4);
        run.push_back(event(if failed && entropy.once_in(3) {
            AgentEvent::RunRefused { will_retry: false }
        } else {
            AgentEvent::RunEnded { will_retry: false, failed }
        }));
        if entropy.once_in(6) {
            run.push_back(event(AgentEvent::CompactionStarted));
            run.push_back(event(AgentEvent::CompactionEnded { will_retry: false }));
        }
        if self.settles {
            run.push_back(event(AgentEvent::RunSettled));
        }
        self.threads.insert(0, run);
        self.running = true;
    }

    /// The run ends as soon as it can: what it has not said yet is left out.
    fn cut_short(&mut self) {
        if !self.running {
            return;
        }
        let Some(run) = self.threads.first_mut() else { return };
        let begun = !run.contains(&event(AgentEvent::RunStarted));
        run.retain(|said| matches!(said, AgentSaid::Replied { .. }));
        if begun || !run.is_empty() {
            if !begun {
                run.push_back(event(AgentEvent::RunStarted));
            }
            run.push_back(event(AgentEvent::RunEnded { will_retry: false, failed: false }));
            if self.settles {
                run.push_back(event(AgentEvent::RunSettled));
            }
        } else {
            self.threads.remove(0);
            self.running = false;
        }
    }

    fn heard(&mut self, said: &AgentSaid) {
        match said {
            AgentSaid::Event(AgentEvent::RunSettled) => self.running = false,
            AgentSaid::Event(
                AgentEvent::RunEnded { will_retry: false, .. }
                | AgentEvent::RunRefused { will_retry: false },
            ) if !self.settles => {
                self.running = false;
            }
            AgentSaid::Event(AgentEvent::DialogOpened { request, method, .. }) => {
                self.open.push((request.clone(), *method));
            }
            AgentSaid::Event(_)
            | AgentSaid::Ready(_)
            | AgentSaid::Replied { .. }
            | AgentSaid::Info(_)
            | AgentSaid::Noise { .. }
            | AgentSaid::Exited(_)
            | AgentSaid::Unavailable { .. } => {}
        }
    }
}

/// A lie: any agent number, any saying.
pub fn lie(agents: u64, calls: &[CommandNo], entropy: &mut Entropy<'_>) -> (AgentNo, AgentSaid) {
    let no = AgentNo(entropy.below(agents + 2));
    let unknown = [CommandNo(0)];
    let call = *entropy.pick(if calls.is_empty() { &unknown } else { calls });
    let retry = entropy.once_in(2);
    let said = match entropy.below(13) {
        0 | 1 => AgentSaid::Replied { call, reply: Reply::Done(Disposition::Unspecified) },
        2 => AgentSaid::Replied { call, reply: Reply::Done(Disposition::Started) },
        3 => AgentSaid::Replied { call, reply: Reply::Done(Disposition::Handled) },
        4 => AgentSaid::Replied { call, reply: Reply::Failed(Text::from("no")) },
        5 => event(AgentEvent::RunStarted),
        6 if entropy.once_in(3) => event(AgentEvent::RunRefused { will_retry: retry }),
        6 => event(AgentEvent::RunEnded { will_retry: retry, failed: !retry }),
        7 => event(AgentEvent::RunSettled),
        8 => event(AgentEvent::CompactionStarted),
        9 => event(AgentEvent::CompactionEnded { will_retry: retry }),
        10 => event(if retry { AgentEvent::RetryScheduled } else { AgentEvent::RetryEnded }),
        11 => AgentSaid::Ready(Box::new(AgentReady {
            version: Text::from("liar"),
            settles: retry,
            disposition: false,
            absent: Vec::new(),
            info: info(entropy),
        })),
        _ if retry => unavailable(),
        _ => exit("exit status 2"),
    };
    (no, said)
}

fn event(event: AgentEvent) -> AgentSaid {
    AgentSaid::Event(event)
}

fn exit(status: &str) -> AgentSaid {
    AgentSaid::Exited(Exit { status: Text::from(status), stderr: Text::from("") })
}

fn unavailable() -> AgentSaid {
    AgentSaid::Unavailable { why: Text::from("this session is another agent's") }
}

fn info(entropy: &mut Entropy<'_>) -> AgentInfo {
    let provider = [None, Some("p"), Some("p"), Some("q")][index(entropy, 4)];
    let file = [None, Some("/f1.jsonl"), Some("/f2.jsonl"), Some("/f3.jsonl")][index(entropy, 4)];
    AgentInfo {
        name: None,
        file: file.map(Text::from),
        model: None,
        provider: provider.map(Text::from),
        thinking: Text::from("off"),
        messages: entropy.below(4),
        queued: 0,
    }
}

fn index(entropy: &mut Entropy<'_>, bound: u64) -> usize {
    usize::try_from(entropy.below(bound)).unwrap_or(0)
}
