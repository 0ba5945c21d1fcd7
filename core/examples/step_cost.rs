//! Steps commands with ids: `step_cost RULES KIND COUNT`.
use std::sync::Arc;

use pi_server_core::command::CommandKind;
use pi_server_core::input::{Details, Envelope, Input, InputKind, Interest};
use pi_server_core::notation::parse_script;
use pi_server_core::{BodyRef, ConnId, Digest, Micros, Outputs, Seq, State, Text};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let count: u64 = args[3].parse().unwrap();
    let rules = if args[1] == "1" { "rules=1 " } else { "" };
    let script = parse_script(&format!("t1 boot {rules}rate=off\nt2 open\n")).unwrap();
    let (mut state, mut outputs) = (State::new(), Outputs::new());
    for step in &script.steps {
        state.step(&step.input, &mut outputs);
    }
    let kind = CommandKind::from_name(&args[2]).unwrap();
    let details = if kind == CommandKind::SetInterest {
        Details::Interest(Interest::All)
    } else {
        Details::None
    };
    for seq in 3..count {
        let kind = if seq % 5_000 == 0 && args[1] != "1" {
            InputKind::Indexed { seq: Seq(seq - 1_000) }
        } else {
            let envelope = Envelope {
                kind,
                id: Some(Text::from(format!("client-{seq}"))),
                session: None,
                depends_on: Vec::new(),
                if_session_version: None,
                idempotency_key: None,
                timeout_ms: None,
                fingerprint: Digest([9; 16]),
                details: details.clone(),
            };
            InputKind::Command { conn: ConnId(2), envelope: Arc::new(envelope) }
        };
        let body = BodyRef { seq: Seq(seq), len: 64, digest: Digest::default(), redacted: false };
        state.step(&Input { seq: Seq(seq), at: Micros(seq * 1_000_000), body, kind }, &mut outputs);
    }
}
