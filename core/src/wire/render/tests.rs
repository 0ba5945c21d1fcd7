use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::{format, vec};

use super::*;
use crate::frame::{
    Capabilities, Data, Fate, Health, HealthIssue, RecoveredCommand, Recovery, SessionInfo,
};
use crate::ids::{Digest, Micros};
use crate::input::{AgentKind, Details, JournalFacts, Malformed};
use crate::limits::Limits;
use crate::wire::random::{Random, seeds};

/// Bodies in memory, by the number of their record.
#[derive(Default)]
struct Memory(BTreeMap<Seq, &'static str>);

impl Bodies for Memory {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        self.0.get(&body.seq).map(|text| text.as_bytes())
    }
}

fn rendered(frame: &Frame, bodies: &dyn Bodies) -> String {
    let mut json = b"kept:".to_vec();
    render(frame, bodies, &mut json);
    let text = String::from_utf8(json).expect("frames are UTF-8");
    let text = text.strip_prefix("kept:").expect("rendering appends");
    serde_json::from_str::<serde_json::Value>(text).expect("frames are JSON");
    assert!(!text.contains('\n'), "a frame is one line: {text}");
    text.into()
}

fn plain(frame: &Frame) -> String {
    rendered(frame, &Memory::default())
}

/// The example called `name` in PROTOCOL.md, without the white space between its tokens.
fn example(name: &str) -> String {
    let protocol = include_str!("../../../../PROTOCOL.md");
    let rest = protocol.split(&format!("<!-- example: server {name} -->\n```json\n")).nth(1);
    let text = rest.and_then(|rest| rest.split("\n```").next()).expect(name);
    let mut in_string = false;
    let mut escaped = false;
    let keeps = |char: &char| {
        let was_in_string = in_string;
        match char {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = was_in_string && *char == '\\' && !escaped;
        was_in_string || in_string || !char.is_whitespace()
    };
    text.chars().filter(keeps).collect()
}

fn text(text: &str) -> Text {
    Text::from(text)
}

fn body(seq: u64, len: u32) -> BodyRef {
    BodyRef { seq: Seq(seq), len, digest: Digest::default(), redacted: false }
}

/// The session of the examples; its first moment is 2026-11-22T19:06:13.725Z.
fn session() -> SessionInfo {
    SessionInfo {
        id: text("s"),
        name: None,
        file: None,
        model: None,
        thinking: text("off"),
        streaming: false,
        compacting: false,
        messages: 0,
        queued: 0,
        created_at: Micros(1_795_374_373_725_999),
        cwd: text("/home/ann/project"),
        version: 0,
        dialogs: 0,
    }
}

struct Answer {
    id: Option<Text>,
    kind: CommandKind,
    result: Result<Data, Failure>,
    version: Option<u64>,
    sequence: Option<u64>,
    replayed: bool,
}

impl Answer {
    fn done(id: &str, kind: CommandKind, data: Data) -> Answer {
        let id = Some(text(id));
        Answer { id, kind, result: Ok(data), version: None, sequence: None, replayed: false }
    }

    fn failed(id: &str, kind: CommandKind, failure: Failure) -> Answer {
        Answer { result: Err(failure), ..Answer::done(id, kind, Data::None) }
    }

    fn at(self, version: Option<u64>, sequence: u64) -> Answer {
        Answer { version, sequence: Some(sequence), ..self }
    }

    fn frame(self) -> Frame {
        Frame::Response {
            id: self.id,
            command: Some(CommandName::Known(self.kind)),
            outcome: Arc::new(Outcome {
                result: self.result,
                session_version: self.version,
                lane_sequence: self.sequence,
                at: Micros(1),
            }),
            replayed: self.replayed,
        }
    }
}

fn recovery() -> Recovery {
    let in_flight = |id: &str, kind, started, fate| RecoveredCommand {
        command: CommandNo(7),
        id: Some(text(id)),
        kind,
        session: Some(text("s")),
        started,
        fate,
    };
    Recovery {
        journal_path: text("/home/ann/.local/share/pi-server/journal"),
        journal: JournalFacts {
            records: 812,
            torn_bytes: 0,
            durability: text("process (map)"),
            format: 1,
        },
        clean: false,
        boot: 3,
        outcomes: 40,
        sessions: 2,
        in_flight: vec![
            in_flight("c-9", CommandKind::Prompt, true, Fate::Unknown),
            in_flight("c-10", CommandKind::GetState, false, Fate::NotStarted),
        ],
        recoverable: 1,
        failed: 1,
    }
}

fn prompt() -> Envelope {
    Envelope {
        kind: CommandKind::Prompt,
        id: Some(text("c-9")),
        session: Some(text("s")),
        depends_on: vec![text("2")],
        if_session_version: Some(0),
        idempotency_key: Some(text("rename-1")),
        timeout_ms: None,
        fingerprint: Digest::default(),
        details: Details::None,
    }
}

fn lifecycle(envelope: Envelope, sequence: u64, phase: Phase) -> Frame {
    Frame::Lifecycle {
        command: CommandNo(77),
        session: envelope.session.clone(),
        envelope: Arc::new(envelope),
        lane_sequence: sequence,
        phase,
    }
}

fn finished(result: Result<Data, Failure>, session_version: Option<u64>) -> Phase {
    let (lane_sequence, at) = (Some(3), Micros(1));
    Phase::Finished(Arc::new(Outcome { result, session_version, lane_sequence, at }))
}

fn interrupted(what: MadeUp, gone: Gone) -> Frame {
    Frame::Interrupted { session: text("s"), cursor: Seq(190), what, gone }
}

#[test]
fn frames_of_the_daemon_are_those_of_the_protocol() {
    let cases = [
        (
            "server_ready",
            Frame::ServerReadyIn {
                server_version: text("0.1.0"),
                epoch: text("17-9f3c2a77d0b1e5f4"),
            },
        ),
        ("event-compaction_end", interrupted(MadeUp::CompactionEnd, Gone::Daemon)),
        (
            "event-agent_end",
            interrupted(MadeUp::AgentEnd, Gone::Agent { status: text("signal 9") }),
        ),
        (
            "event-agent_settled",
            interrupted(MadeUp::AgentSettled, Gone::Agent { status: text("signal 9") }),
        ),
        ("gap-lost", Frame::Lost { session: text("s"), from: Seq(812), to: Seq(977), exact: true }),
        ("startup_recovery_summary", Frame::RecoverySummary(Arc::new(recovery()))),
        ("session_created", Frame::SessionCreated(Arc::new(session()))),
        ("session_deleted", Frame::SessionDeleted { session: text("s") }),
        ("server_shutdown", Frame::ServerShutdown { timeout_ms: 30_000 }),
        (
            "extension_ui_resolved",
            Frame::DialogClosed {
                session: text("s"),
                request: text("dlg-1"),
                how: DialogEnd::Answered,
            },
        ),
    ];
    for (name, frame) in cases {
        assert_eq!(plain(&frame), example(name));
    }
}

#[test]
fn frames_of_a_command_are_those_of_the_protocol() {
    let anonymous = Envelope {
        kind: CommandKind::GetMessages,
        id: None,
        depends_on: vec![],
        if_session_version: None,
        idempotency_key: None,
        ..prompt()
    };
    let timeout = finished(Err(Failure::Timeout { ms: 30_000 }), None);
    let cases = [
        ("command_accepted", lifecycle(prompt(), 3, Phase::Accepted)),
        ("command_started", lifecycle(prompt(), 3, Phase::Started)),
        ("command_finished", lifecycle(prompt(), 3, finished(Ok(Data::None), Some(1)))),
        ("command_finished-failed", lifecycle(anonymous, 4, timeout)),
    ];
    for (name, frame) in cases {
        assert_eq!(plain(&frame), example(name));
        let start = format!(
            "{{\"type\":\"{}\",\"data\":{{\"commandId\":\"",
            &name[..name.find('-').unwrap_or(name.len())]
        );
        assert!(plain(&frame).starts_with(&start), "load tools rely on this beginning");
    }
}

#[test]
fn responses_are_those_of_the_protocol() {
    use CommandKind as C;
    let listed = SessionInfo {
        name: Some(text("Refactoring")),
        file: Some(text("/home/ann/.pi/agent/sessions/a.jsonl")),
        model: Some(text(r#"{"id":"demo-1","provider":"demo"}"#)),
        messages: 2,
        version: 1,
        ..session()
    };
    let switched =
        SessionInfo { streaming: true, messages: 3, version: 1, dialogs: 1, ..session() };
    let healthy = Health { issues: vec![], open_circuit: false, open_bash_circuit: false };
    let conflict = Failure::IdConflict { id: text("2"), before: C::Prompt, now: C::Bash };
    let replayed =
        Answer { replayed: true, ..Answer::done("2-again", C::Prompt, Data::None).at(Some(1), 3) };
    let epoch = text("17-9f3c2a77d0b1e5f4");
    let switched = Data::SwitchedIn { info: Arc::new(switched), cursor: Seq(164), epoch };
    let cases = [
        ("response", Answer::done("c-17", C::SetSessionName, Data::None).at(Some(4), 9)),
        (
            "response-list_sessions",
            Answer::done("1", C::ListSessions, Data::Sessions(vec![Arc::new(listed)])).at(None, 1),
        ),
        (
            "response-create_session",
            Answer::done("2", C::CreateSession, Data::Created(Arc::new(session()))).at(Some(0), 1),
        ),
        ("response-delete_session", {
            Answer::done("4", C::DeleteSession, Data::Deleted).at(None, 12)
        }),
        ("response-switch_session", Answer::done("5", C::SwitchSession, switched).at(Some(1), 5)),
        ("response-health_check", {
            Answer::done("9", C::HealthCheck, Data::Health(healthy)).at(None, 6)
        }),
        ("response-cancel_command", {
            Answer::done("14", C::CancelCommand, Data::Cancelled { started: false }).at(None, 9)
        }),
        ("response-replayed", replayed),
        ("response-conflict", Answer::failed("2", C::Bash, conflict)),
        ("response-timeout", {
            Answer::failed("c-9", C::Prompt, Failure::Timeout { ms: 600_000 }).at(None, 3)
        }),
        ("response-get_startup_recovery", {
            let data = Data::Recovery(Arc::new(recovery()));
            Answer::done("10", C::GetStartupRecovery, data).at(None, 1)
        }),
    ];
    for (name, answer) in cases {
        assert_eq!(plain(&answer.frame()), example(name));
    }
}

#[test]
fn bodies_are_passed_on_as_they_came() {
    let event = br#"{"type":"message_update","assistantMessageEvent":{"type":"text_delta","contentIndex":0,"delta":"Hel"}}"#;
    let event = core::str::from_utf8(event).unwrap();
    let result = r#"{"exitCode":101,"output":"test failed\n","cancelled":false}"#;
    let bodies = Memory([(Seq(131), event), (Seq(9), result)].into());
    let frame = |seq| Frame::Event { session: text("s"), cursor: Seq(131), event: body(seq, 500) };
    assert_eq!(rendered(&frame(131), &bodies), example("event"));
    assert_eq!(
        rendered(&frame(132), &bodies),
        r#"{"type":"event","sessionId":"s","cursor":131,"event":{"type":"erased","bytes":500}}"#
    );
    let bash = |seq, len| {
        Answer::done("22", CommandKind::Bash, Data::Body(body(seq, len))).at(Some(3), 7).frame()
    };
    assert_eq!(rendered(&bash(9, 60), &bodies), example("response-bash"));
    let erased = rendered(&bash(10, 60), &bodies);
    assert!(erased.contains(r#""success":true,"data":{"erased":true,"bytes":60},"#), "{erased}");
    assert!(!rendered(&bash(10, 0), &bodies).contains("data"), "an empty body is no data");
}

#[test]
fn a_replay_of_a_result_that_is_not_there_any_more_says_that_it_is_expired() {
    let replay = |seq, len| {
        let data = Data::Body(body(seq, len));
        let answer = Answer::done("7", CommandKind::GetMessages, data).at(Some(3), 4);
        Answer { replayed: true, ..answer }.frame()
    };
    let bodies = Memory([(Seq(9), r#"{"messages":[]}"#)].into());
    let there = rendered(&replay(9, 15), &bodies);
    assert!(
        there.contains(r#""success":true,"data":{"messages":[]},"sessionVersion":3"#),
        "{there}"
    );
    assert_eq!(
        rendered(&replay(10, 15), &bodies),
        r#"{"id":"7","type":"response","command":"get_messages","success":false,"error":"The outcome of command '7' is no longer kept; it does not run again under this id","errorCode":"outcome_expired","replayed":true,"laneSequence":4}"#
    );
    assert!(rendered(&replay(10, 0), &bodies).contains(r#""success":true"#), "no data was none");
}

#[test]
fn a_frame_that_is_no_command_is_answered_as_unknown() {
    let outcome = |malformed| {
        let result = Err(Failure::Malformed(malformed));
        Arc::new(Outcome { result, session_version: None, lane_sequence: None, at: Micros(1) })
    };
    let outcome = outcome(Malformed::NotAnObject);
    let response = Frame::Response { id: None, command: None, outcome, replayed: false };
    assert_eq!(plain(&response), example("response-malformed"));
    assert!(plain(&response).starts_with(r#"{"type":"response""#));
}

#[test]
fn a_command_of_a_strange_type_is_called_by_it() {
    let response = Frame::Response {
        id: Some(text("\"\n")),
        command: Some(CommandName::Raw(text("pro\"mpt"))),
        outcome: Arc::new(Outcome {
            result: Err(Failure::Busy),
            session_version: Some(4),
            lane_sequence: None,
            at: Micros(1),
        }),
        replayed: false,
    };
    assert_eq!(
        plain(&response),
        r#"{"id":"\"\n","type":"response","command":"pro\"mpt","success":false,"error":"Server busy - too many concurrent commands. Please retry.","errorCode":"busy"}"#,
        "a failure has no version"
    );
}

#[test]
fn capabilities_list_every_command_and_every_bound() {
    let capabilities = Capabilities {
        agent: AgentKind::Pi,
        agent_versions: vec![text("pi 0.87.1")],
        absent: vec![CommandKind::GetTree],
        limits: Limits { sessions_max: 7, rate: false, ..Limits::default() },
        server_version: text("0.1.0"),
    };
    let data = Data::Capabilities(Box::new(capabilities));
    let answer = plain(&Answer::done("1", CommandKind::GetCapabilities, data).frame());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let data = &answer["data"];
    assert_eq!(data["protocolVersion"], "1.1.0");
    assert_eq!(data["agent"], "pi");
    assert_eq!(data["absent"], serde_json::json!(["get_tree"]));
    let commands = data["commands"].as_array().unwrap();
    assert_eq!(commands.len(), crate::command::TABLE.len() - 1);
    assert!(!commands.contains(&"get_tree".into()));
    assert_eq!(data["limits"]["sessions_max"], 7);
    assert_eq!(data["limits"]["rate"], false);
    assert_eq!(data["limits"]["depth_max"], 128);
    for (name, _, _, _) in Limits::TABLE {
        assert!(data["limits"][name].is_u64(), "{name}");
    }
}

#[test]
fn health_is_bad_when_anything_is() {
    let checked = |health: Health| -> serde_json::Value {
        let answer = Answer::done("1", CommandKind::HealthCheck, Data::Health(health));
        let frame: serde_json::Value = serde_json::from_str(&plain(&answer.frame())).unwrap();
        frame["data"].clone()
    };
    let issues = vec![
        HealthIssue::Sessions { count: 90, max: 100 },
        HealthIssue::Connections { count: 950, max: 1_000 },
        HealthIssue::ProviderCircuit,
        HealthIssue::BashCircuit,
        HealthIssue::StorageFull,
        HealthIssue::UnknownOutcomes { count: 2 },
    ];
    let sick = checked(Health { issues, open_circuit: true, open_bash_circuit: true });
    assert_eq!(sick["healthy"], false);
    assert_eq!(
        sick["issues"],
        serde_json::json!([
            "Session count at 90/100 (90%+)",
            "Connection count at 950/1000 (90%+)",
            "One or more LLM provider circuits are open",
            "Bash command circuit breaker is open",
            "The journal has no room: new commands are refused",
            "2 commands of an earlier run have an unknown outcome",
        ])
    );
    let open = checked(Health { issues: vec![], open_circuit: true, open_bash_circuit: false });
    assert_eq!((&open["healthy"], &open["hasOpenCircuit"]), (&false.into(), &true.into()));
}

#[test]
fn the_recovery_report_shows_what_its_summary_hides() {
    let parsed = |frame: &Frame| serde_json::from_str::<serde_json::Value>(&plain(frame)).unwrap();
    let mut recovery = recovery();
    recovery.in_flight.push(RecoveredCommand {
        command: CommandNo(41),
        id: None,
        kind: CommandKind::CreateSession,
        session: None,
        started: true,
        fate: Fate::NotRecovered,
    });
    recovery.in_flight.push(RecoveredCommand { fate: Fate::Read, ..recovery.in_flight[1].clone() });
    recovery.failed = 120;
    let recovery = Arc::new(recovery);
    let data = Data::Recovery(recovery.clone());
    let report = parsed(&Answer::done("1", CommandKind::GetStartupRecovery, data).frame());
    let report = &report["data"];
    let listed = &report["recoveredInFlight"];
    assert_eq!(listed[2]["commandId"], "anon:41");
    assert_eq!(listed[2]["laneKey"], "server");
    assert_eq!(listed[2]["fate"], "failed");
    assert_eq!(listed[2]["reason"], "recovery_was_told_to_fail");
    assert_eq!(listed[3]["reason"], "only_reads");
    assert_eq!(report["recoveredInFlightTruncated"], true);

    assert_eq!(report["recoveredOutcomeIdsTruncated"], true);
    let nothing = Recovery { outcomes: 0, ..(*recovery).clone() };
    let data = Data::Recovery(Arc::new(nothing));
    let report = parsed(&Answer::done("1", CommandKind::GetStartupRecovery, data).frame());
    assert_eq!(report["data"]["recoveredOutcomeIdsTruncated"], false, "there is none to hide");

    let summary = plain(&Frame::RecoverySummary(recovery));
    for secret in ["c-9", "anon:", "/home", "session:s"] {
        assert!(!summary.contains(secret), "{secret}");
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    let created = |ms: u64| {
        let info = SessionInfo { created_at: Micros(ms * 1_000), ..session() };
        let frame = plain(&Frame::SessionCreated(Arc::new(info)));
        let date = frame.split("\"createdAt\":\"").nth(1).and_then(|rest| rest.split('"').next());
        String::from(date.expect("there is a date"))
    };
    for (ms, date) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
        (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
    ] {
        assert_eq!(created(ms), date);
    }
}

#[test]
fn every_text_of_a_frame_is_escaped() {
    for seed in seeds(300) {
        let mut random = Random::new(seed);
        let nasty: String = (0..20)
            .map(|_| random.pick(&["\"", "\\", "\n", "\u{0}", "é", "}", "\u{2028}"]))
            .collect();
        let info = SessionInfo {
            id: text(&nasty),
            name: Some(text(&nasty)),
            file: Some(text(&nasty)),
            thinking: text(&nasty),
            cwd: text(&nasty),
            ..session()
        };
        let envelope = Envelope {
            id: Some(text(&nasty)),
            session: Some(text(&nasty)),
            depends_on: vec![text(&nasty), text(&nasty)],
            idempotency_key: Some(text(&nasty)),
            ..prompt()
        };
        let failure = || Failure::Agent(text(&nasty));
        let frames = [
            Frame::ServerReadyIn { server_version: text(&nasty), epoch: text("1-0") },
            Frame::SessionCreated(Arc::new(info)),
            Frame::SessionDeleted { session: text(&nasty) },
            Frame::Event { session: text(&nasty), cursor: Seq(1), event: body(1, 1) },
            lifecycle(envelope.clone(), 1, Phase::Accepted),
            lifecycle(envelope, 1, finished(Err(failure()), None)),
            Answer::failed(&nasty, CommandKind::Prompt, failure()).frame(),
        ];
        for frame in &frames {
            let value: serde_json::Value = serde_json::from_str(&plain(frame)).expect("JSON");
            assert!(format!("{value}").len() > nasty.len(), "seed {seed}");
        }
        let last: serde_json::Value = serde_json::from_str(&plain(&frames[6])).unwrap();
        assert_eq!(last["error"], nasty.as_str(), "seed {seed}");
        assert_eq!(last["id"], nasty.as_str(), "seed {seed}");
    }
}
