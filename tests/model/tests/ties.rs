//! What comes due in the same moment in different sessions, where one has consequences for the other.

use std::sync::Arc;

use pi_server_core::input::{
    AgentInfo, AgentKind, AgentReady, AgentSaid, Answer, Boot, Exit, InputKind, JournalFacts,
    Opened, RecoveryPolicy, RuleSet, Transport,
};
use pi_server_core::output::{Ask, Output, Query};
use pi_server_core::record::Secret;
use pi_server_core::wire::decode;
use pi_server_core::{AgentNo, BodyRef, CommandNo, ConnId, Digest, Input, Limits, Micros, Seq};
use pi_server_model::run::Check;

/// A history under the invariants and beside the model.
struct History {
    check: Check,
    seq: u64,
    at: Micros,
}

impl History {
    fn new() -> History {
        History { check: Check::new(), seq: 0, at: Micros(0) }
    }

    /// The next input; the agents that its step asks for, and what it looks up.
    fn input(&mut self, kind: InputKind) -> (Vec<AgentNo>, Option<CommandNo>) {
        self.seq += 1;
        self.at = Micros(self.at.0 + 1);
        let body =
            BodyRef { seq: Seq(self.seq), len: 1, digest: Digest::default(), redacted: false };
        let input = Input { seq: Seq(self.seq), at: self.at, body, kind };
        self.check.step(&input).unwrap_or_else(|rule| panic!("{input}: {rule}"));
        let (mut agents, mut query) = (Vec::new(), None);
        for output in self.check.outputs.as_slice() {
            match output {
                Output::Ask(Ask::Spawn { agent, .. }) => agents.push(*agent),
                Output::Query { query: no, what: Query::Directory { .. } } => query = Some(*no),
                _ => {}
            }
        }
        (agents, query)
    }

    fn boot(&mut self) -> ConnId {
        let boot = Boot {
            rules: RuleSet::default(),
            server_version: "0".into(),
            limits: Limits::default(),
            entropy: [7; 16],
            clean: false,
            recovery: RecoveryPolicy::Resume,
            agent: AgentKind::Pi,
            default_cwd: "/".into(),
            journal_path: "/j".into(),
            journal: JournalFacts::default(),
            wall: pi_server_core::WallOffset(0),
        };
        self.input(InputKind::Boot(Box::new(boot)));
        self.input(InputKind::Opened(Opened { transport: Transport::Unix, client: None }));
        ConnId(self.seq)
    }

    fn command(&mut self, conn: ConnId, frame: &str) -> (Vec<AgentNo>, Option<CommandNo>) {
        let secret = Secret::new([7; 32]);
        let envelope = decode(frame.as_bytes(), &Limits::default(), &secret).expect("a good frame");
        self.input(InputKind::Command { conn, envelope: Arc::new(envelope) })
    }

    fn said(&mut self, agent: AgentNo, said: AgentSaid) {
        self.input(InputKind::Agent { agent, said });
    }

    /// A session whose agent was up once and is gone.
    fn session(&mut self, conn: ConnId, name: &str) {
        let frame = format!(r#"{{"id":"c{name}","type":"create_session","sessionId":"{name}"}}"#);
        let (_, query) = self.command(conn, &frame);
        let query = query.expect("a directory is looked up");
        let answer = Answer::Directory { cwd: "/".into() };
        let (agents, _) = self.input(InputKind::Answered { query, answer });
        let ready = AgentReady {
            version: "pi 1".into(),
            settles: true,
            disposition: true,
            absent: Vec::new(),
            info: AgentInfo { thinking: "off".into(), ..AgentInfo::default() },
        };
        self.said(agents[0], AgentSaid::Ready(Box::new(ready)));
        let exit = Exit { status: "signal 9".into(), stderr: "".into() };
        self.said(agents[0], AgentSaid::Exited(exit));
    }
}

/// Seed 4820 of the simulator: both agents were asked for by the same boot and never came.
#[test]
fn which_of_two_agents_is_given_up_first_is_the_daemons_choice() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let mut history = History::new();
        let conn = history.boot();
        for name in [first, second] {
            history.session(conn, name);
        }
        for name in [first, second] {
            let frame = format!(
                r#"{{"id":"p{name}","type":"prompt","sessionId":"{name}","message":"hello"}}"#
            );
            history.command(conn, &frame);
        }
        let conn = history.boot();
        // Late enough that nobody waits too long for a dependency.
        history.at = history.at.plus_ms(40_000);
        // A failure of each prompt is one of a command that waits behind the other.
        for (lane, after) in [(first, second), (second, first)] {
            let frame = format!(
                r#"{{"id":"q{lane}","type":"prompt","sessionId":"{lane}","message":"hello","dependsOn":["p{after}"]}}"#
            );
            history.command(conn, &frame);
        }
        let late = history.check.state.deadline().expect("agents that must come up");
        history.at = late;
        history.input(InputKind::Tick);
        let kills = history.check.outputs.as_slice().iter();
        let kills = kills.filter(|output| matches!(output, Output::Ask(Ask::Kill { .. })));
        assert_eq!(kills.count(), 2);
    }
}
