//! Scenes that random runs come to too seldom, and bounds that they do not come near.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt::Write as _;

use super::*;
use crate::ids::{BodyRef, ConnId, Digest, Seq};
use crate::input::{Details, Envelope, HistoryFilter, Input, InputKind};
use crate::output::{Output, Query};

/// A daemon with a client, a session `a`, and its agent, whose provider is `p`.
const WITH_AGENT: &str = "t1 boot rate=off provider_failures=1 circuit_open_ms=1000 \
     circuit_successes=1 bash_failures=1\nt2 open\nt3 command c2 \"c\" create_session s:a\n\
     t4 answered #3 directory \"/\"\nt5 agent a1 ready settles disposition provider \"p\"\n";

fn told(script: &[&str]) -> String {
    let (_, outputs) = after(&script.concat());
    outputs.iter().fold(String::new(), |all, output| all + &format!("{output}\n"))
}

/// What the circuit of a provider, or of bash, has counted: successes, failures, refused.
fn circuit(state: &State, part: &str) -> (&'static str, u64, u64, u64) {
    let circuits = state.metrics().circuits;
    let found = circuits.into_iter().find(|(name, ..)| name.contains(part)).unwrap();
    (found.1, found.2, found.3, found.4)
}

#[test]
fn a_run_that_nobody_asked_for_holds_the_slot() {
    let (state, _) = after(&[WITH_AGENT, "t6 agent a1 event run-started\n"].concat());
    let slot = |state: &State| state.lanes().find(|lane| &*lane.name == "session:a").unwrap().slot;
    assert_eq!(slot(&state), "foreign");
    let end = "t6 agent a1 event run-started\nt7 agent a1 event run-ended\n\
               t8 agent a1 event run-settled\n";
    assert_eq!(slot(&after(&[WITH_AGENT, end].concat()).0), "free");
}

#[test]
fn a_session_that_is_gone_wakes_nobody() {
    // This agent does not say when a run is over, so the pause after its end is watched.
    let begin = WITH_AGENT.replace("settles ", "");
    let ended = "t6 command c2 \"p\" prompt s:a\nt7 agent a1 replied #6 done started\n\
                 t8 agent a1 event run-started\nt9 agent a1 event run-ended\n";
    let (state, _) = after(&[&begin, ended].concat());
    let pause = state.limits().settle_ms;
    assert_eq!(state.deadline(), Some(Micros(9_000).plus_ms(pause)));
    let deleted = "t10 command c2 \"d\" delete_session s:a\n";
    let (state, _) = after(&[&begin, ended, deleted].concat());
    assert_eq!(state.deadline(), None);
}

/// A prompt whose run fails with the provider's error.
const FAILS: &str = "t6 command c2 \"p\" prompt s:a\nt7 agent a1 replied #6 done started\n\
     t8 agent a1 event run-started\nt9 agent a1 event run-ended failed\n\
     t10 agent a1 event run-settled\n";

#[test]
fn what_an_open_circuit_refuses_is_counted() {
    let refused = "t11 command c2 \"q\" prompt s:a\nt12 command c2 \"b\" bash s:a\n\
                   t13 agent a1 replied #12 failed \"no\"\nt14 command c2 \"b2\" bash s:a\n";
    let (state, _) = after(&[WITH_AGENT, FAILS, refused].concat());
    assert_eq!(circuit(&state, "p"), ("open", 0, 1, 1));
    assert_eq!(circuit(&state, "bash"), ("closed", 0, 1, 1), "the common one");
}

#[test]
fn a_probe_that_a_restart_cut_off_is_not_waited_for() {
    let probe = "t1020 command c2 \"q\" prompt s:a\n";
    let again = "t1030 boot rate=off provider_failures=1 circuit_open_ms=1000 circuit_successes=1\n\
                 t1031 open\nt1032 command c13 \"r\" prompt s:a\n\
                 t1033 agent a2 ready settles disposition provider \"p\"\n";
    let told = told(&[WITH_AGENT, FAILS, probe, again]);
    assert!(told.contains("finished #11 prompt failed outcome_unknown"), "{told}");
    assert!(told.contains("call a2 #14 prompt"), "{told}");
}

#[test]
fn a_failure_counts_to_the_last_moment_of_the_window_and_only_a_probe_opens_a_circuit_again() {
    let by = Thresholds { failures: 2, window_ms: 1_000, open_ms: 500, successes: 1, probes: 1 };
    let at = |ms| Micros(0).plus_ms(ms);
    let mut breaker = Breaker::default();
    let old = breaker.pass();
    breaker.learn(old, Verdict::Failure, at(0), by);
    breaker.learn(old, Verdict::Failure, at(1_000), by);
    assert_eq!(breaker.position_name(), "open");
    let probe = breaker.pass();
    assert_eq!(breaker.position_name(), "half_open");
    breaker.learn(old, Verdict::Failure, at(1_600), by);
    assert_eq!(breaker.position_name(), "half_open");
    breaker.learn(probe, Verdict::Failure, at(1_700), by);
    assert_eq!(breaker.position_name(), "open");
}

#[test]
fn bash_has_thresholds_of_its_own() {
    let mut limits = crate::limits::Limits::default();
    limits.set("bash_window_ms", 77_000).unwrap();
    limits.set("provider_window_ms", 88_000).unwrap();
    limits.set("bash_failures", 7).unwrap();
    limits.set("bash_global_failures", 8).unwrap();
    limits.set("provider_failures", 9).unwrap();
    let failures = [Thresholds::bash, Thresholds::bash_global, Thresholds::provider];
    assert_eq!(failures.map(|of| of(&limits).failures), [7, 8, 9]);
    assert_eq!(Thresholds::bash(&limits).window_ms, 77_000);
    assert_eq!(Thresholds::bash_global(&limits).window_ms, 77_000);
    assert_eq!(Thresholds::provider(&limits).window_ms, 88_000);
}

#[test]
fn so_many_providers_have_a_circuit_and_so_many_versions_are_listed() {
    let (most, listed) = (256, 16);
    let mut script = String::from("t1 boot rate=off sessions_max=1000\nt2 open\n");
    let mut time = 2;
    for number in 1..=most + 1 {
        let [create, answer, ready, prompt, reply] = [1, 2, 3, 4, 5].map(|more| time + more);
        let _ = write!(
            script,
            "t{create} command c2 \"c{number}\" create_session s:a{number}\n\
             t{answer} answered #{create} directory \"/\"\n\
             t{ready} agent a{number} ready settles disposition version \"{number}\" \
             provider \"p{number}\"\n\
             t{prompt} command c2 \"p{number}\" prompt s:a{number}\n\
             t{reply} agent a{number} replied #{prompt} done handled\n"
        );
        time = reply;
        if number >= most - 1 {
            let (state, _) = after(&script);
            let circuits = state.metrics().circuits;
            let providers = circuits.iter().filter(|(name, ..)| !name.contains("bash")).count();
            assert_eq!(providers, number.min(most));
        }
    }
    let _ = writeln!(script, "t{} command c2 \"caps\" get_capabilities", time + 1);
    let (_, outputs) = after(&script);
    let versions = outputs.iter().find_map(|output| match output {
        Output::Deliver { frame: crate::frame::Frame::Response { outcome, .. }, .. } => {
            match &outcome.result {
                Ok(crate::frame::Data::Capabilities(found)) => Some(found.agent_versions.len()),
                _ => None,
            }
        }
        _ => None,
    });
    assert_eq!(versions, Some(listed));
}

/// A command as no frame decodes to it.
fn bare(seq: u64, kind: CommandKind, session: Option<&str>, details: Details) -> Input {
    let envelope = Envelope {
        kind,
        id: None,
        session: session.map(Text::from),
        depends_on: Vec::new(),
        if_session_version: None,
        idempotency_key: None,
        timeout_ms: None,
        fingerprint: Digest::default(),
        details,
    };
    let body = BodyRef { seq: Seq(seq), ..BodyRef::default() };
    let kind = InputKind::Command { conn: ConnId(2), envelope: Arc::new(envelope) };
    Input { seq: Seq(seq), at: Micros(seq * 1_000), body, kind }
}

#[test]
fn a_look_up_asks_for_what_the_command_says_and_for_the_usual_where_it_says_nothing() {
    let filter = HistoryFilter { limit: 7, session: Some("a".into()), ..HistoryFilter::default() };
    for (kind, session, details, expected) in [
        (
            CommandKind::GetCommandHistory,
            None,
            Details::History(filter.clone()),
            Query::History(filter),
        ),
        (
            CommandKind::GetCommandHistory,
            None,
            Details::None,
            Query::History(HistoryFilter::default()),
        ),
        (CommandKind::CreateSession, Some("b"), Details::None, Query::Directory { cwd: None }),
        (CommandKind::ListStoredSessions, None, Details::None, Query::StoredSessions),
        (CommandKind::GetMetrics, None, Details::None, Query::Metrics),
    ] {
        let (state, _) = after(WITH_AGENT);
        let (_, outputs) = state.stepped(&bare(6, kind, session, details));
        let asked = outputs.into_iter().find_map(|output| match output {
            Output::Query { what, .. } => Some(what),
            _ => None,
        });
        assert_eq!(asked, Some(expected));
    }
}

#[test]
fn readers_see_what_is_in_flight_what_is_kept_and_whether_it_runs() {
    let (state, _) = after("t1 boot rate=off\n");
    assert!(state.is_running());
    assert_eq!((state.now(), state.seq()), (Micros(1_000), Seq(1)));
    assert!(!after("t1 boot rate=off\nt2 drain\n").0.is_running());
    assert!(!State::new().is_running());

    let asked = "t6 command c2 \"m\" get_messages s:a\n";
    let (state, _) = after(&[WITH_AGENT, asked].concat());
    assert!(state.is_in_flight(CommandNo(6)) && !state.is_in_flight(CommandNo(3)));
    assert_eq!(state.kind_of(CommandNo(6)), Some(CommandKind::GetMessages));
    assert_eq!(state.kind_of(CommandNo(3)), None);
    assert_eq!(state.metrics().lanes, 1, "the server's lane has nothing in it");
    assert_eq!(state.recovery().boot, 1);
    assert!(state.bodies().any(|body| body.seq == Seq(6)));

    let dialog = "t6 agent a1 event dialog \"d\" select body=40\n";
    let (state, _) = after(&[WITH_AGENT, dialog].concat());
    assert!(state.bodies().any(|body| body.seq == Seq(6) && body.len == 40));
    let twice = "t7 boot rate=off\n";
    assert_eq!(after(&[WITH_AGENT, dialog, twice].concat()).0.recovery().boot, 2);
}

#[test]
fn every_key_is_counted() {
    assert_eq!(after(WITH_AGENT).0.metrics().idempotency_keys, 0);
    let keys = "t6 command c2 \"k1\" get_state s:a key \"one\"\n\
                t7 command c2 \"k2\" get_state s:a key \"two\"\n";
    assert_eq!(after(&[WITH_AGENT, keys].concat()).0.metrics().idempotency_keys, 2);
}
