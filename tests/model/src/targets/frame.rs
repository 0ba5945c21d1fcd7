//! A client's bytes, all the way to the frames that answer them.

use pi_server_core::input::{
    AgentKind, Boot, InputKind, JournalFacts, Malformed, Opened, RecoveryPolicy, RuleSet, Transport,
};
use pi_server_core::output::Output;
use pi_server_core::record::{Secret, decode_kind, encode_kind};
use pi_server_core::wire::{Bodies, decode, render};
use pi_server_core::{
    BodyRef, ConnId, Digest, Input, Limits, Micros, Outputs, Seq, State, Text, WallOffset,
};
use serde_json::Value;

/// Small, so that the fuzzer reaches it.
const FRAME_BYTES_MAX: u64 = 2_048;

/// Decodes a frame, steps it, and renders whatever comes of it.
///
/// # Panics
/// The decoder takes what a plain reader of JSON does not, gives another answer the second time,
/// or something that is rendered is not JSON.
pub fn frame_decoder(bytes: &[u8]) {
    let limits = Limits { frame_bytes_max: FRAME_BYTES_MAX, rate: false, ..Limits::default() };
    let secret = Secret::new([7; 32]);
    let decoded = decode(bytes, &limits, &secret);
    assert_eq!(decoded, decode(bytes, &limits, &secret), "the second answer is another one");
    let conn = ConnId(2);
    let kind = match decoded {
        Ok(envelope) => {
            assert!(is_object(bytes), "a frame that is no JSON object was taken");
            InputKind::Command { conn, envelope: std::sync::Arc::new(envelope) }
        }
        Err(malformed) => {
            check_reason(bytes, &malformed);
            InputKind::Malformed { conn, malformed: Box::new(malformed) }
        }
    };
    let mut encoded = Vec::new();
    encode_kind(&kind, &mut encoded).expect("what was decoded fits a record");
    assert_eq!(decode_kind(&encoded).as_ref(), Ok(&kind), "the journal keeps another input");
    let mut state = booted(limits);
    let mut outputs = Outputs::new();
    state.step(&input(3, kind), &mut outputs);
    assert!(!outputs.as_slice().is_empty(), "a frame gets an answer");
    for output in outputs.as_slice() {
        if let Output::Deliver { frame, .. } = output {
            let mut json = Vec::new();
            render(frame, &NoBodies, &mut json);
            assert!(is_object(&json), "{}", String::from_utf8_lossy(&json));
        }
    }
}

/// The reason for a refusal is one that another reader confirms.
fn check_reason(bytes: &[u8], malformed: &Malformed) {
    match malformed {
        Malformed::TooLarge { size, max } => {
            assert_eq!((*size, *max), (bytes.len() as u64, FRAME_BYTES_MAX));
        }
        Malformed::NotUtf8 { at } => {
            let error = std::str::from_utf8(bytes).expect_err("it is said not to be UTF-8");
            assert_eq!(*at, error.valid_up_to() as u64);
        }
        Malformed::NotJson { at, problem: _ } => assert!(*at <= bytes.len() as u64),
        Malformed::NotAnObject => assert!(!is_object(bytes)),
        Malformed::Invalid { problems, .. } => {
            assert!(is_object(bytes) && !problems.is_empty() && problems.len() <= 16);
        }
    }
}

fn is_object(bytes: &[u8]) -> bool {
    matches!(serde_json::from_slice(bytes), Ok(Value::Object(_)))
}

/// A daemon with one client.
fn booted(limits: Limits) -> State {
    let boot = Boot {
        rules: RuleSet::default(),
        server_version: Text::from("0.0.0"),
        limits,
        entropy: [7; 16],
        clean: false,
        recovery: RecoveryPolicy::Resume,
        agent: AgentKind::Demo,
        default_cwd: Text::from("/"),
        journal_path: Text::from("/journal"),
        journal: JournalFacts::default(),
        wall: WallOffset(0),
    };
    let opened = Opened { transport: Transport::WebSocket, client: None };
    let (state, _) = State::new().stepped(&input(1, InputKind::Boot(Box::new(boot))));
    let (state, _) = state.stepped(&input(2, InputKind::Opened(opened)));
    state
}

fn input(seq: u64, kind: InputKind) -> Input {
    let body = BodyRef { seq: Seq(seq), len: 1, digest: Digest::default(), redacted: false };
    Input { seq: Seq(seq), at: Micros(seq * 1_000), body, kind }
}

struct NoBodies;

impl Bodies for NoBodies {
    fn body(&self, _: BodyRef) -> Option<&[u8]> {
        None
    }
}
