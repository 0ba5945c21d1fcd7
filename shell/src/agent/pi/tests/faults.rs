//! Every member of everything that pi says, broken in every way: no single odd word may cost more
//! than itself. The tables are made from whole answers and events, so that a member that is added
//! there is broken as well.

use std::time::{Duration, Instant};

use pi_server_core::command::CommandKind as C;
use pi_server_core::input::{AgentInfo, AgentSaid, Reply};
use pi_server_core::{AgentNo, CommandNo, wire};
use serde_json::{Value, json};

use crate::agent::Heard;
use crate::agent::fields::Fields;
use crate::agent::pi::session::{Known, Session};
use crate::agent::pi::tests::faulty::{broken, paths};
use crate::agent::pi::version::Version;
use crate::agent::testkit::words;
use crate::agent::voice::Voice;

const FILE: &str = "/sessions/known.jsonl";
const NEW_FILE: &str = "/sessions/new.jsonl";
const VERSIONS: [&str; 4] = ["0.73.1", "0.87.1", "1.5.2", "1.6.0"];

/// A session with one pi whose lines are written by hand.
struct Table {
    session: Session,
    now: Instant,
    heard: Vec<Heard>,
    what: String,
}

fn state(file: &str) -> Value {
    json!({
        "model": { "id": "m2", "provider": "p", "name": "M" }, "thinkingLevel": "low",
        "isStreaming": false, "isCompacting": false, "steeringMode": "all",
        "sessionFile": file, "sessionId": "inner", "sessionName": "known",
        "messageCount": 7, "pendingMessageCount": 1,
    })
}

fn commands() -> Value {
    let info = json!({ "path": "/b", "scope": "user", "source": "cli", "origin": "top-level" });
    json!({ "commands": [
        { "name": "first", "description": "d", "source": "prompt", "sourceInfo": info },
        { "name": "pi-server-bridge", "description": "d", "source": "extension", "sourceInfo": info },
        { "name": "skill:s", "description": "d", "source": "skill", "sourceInfo": info },
    ] })
}

fn known() -> AgentInfo {
    AgentInfo {
        name: Some("known".into()),
        file: Some(FILE.into()),
        model: Some(state(FILE)["model"].to_string().into()),
        provider: Some("p".into()),
        thinking: "low".into(),
        messages: 7,
        queued: 1,
    }
}

impl Table {
    /// A pi that has not said anything.
    fn starting(version: &str, what: String) -> Table {
        let known = Known { info: known(), ..Known::default() };
        let version = Version::parse(version).expect("a version");
        let session = Session::new(version, "/project".into(), known);
        Table { session, now: Instant::now(), heard: Vec::new(), what }
    }

    /// A pi that is up.
    fn up(version: &str, what: String) -> Table {
        let mut table = Table::starting(version, what);
        table.answer(1, "get_state", &state(FILE));
        table.answer(2, "get_commands", &commands());
        assert_eq!(words(&table.heard), ["ready"]);
        table.lines();
        table.heard.clear();
        table
    }

    fn says(&mut self, line: &str) {
        let voice = &mut Voice::new(AgentNo(1), &mut self.heard);
        self.session.line(line.as_bytes(), self.now, voice);
        self.session.report_noise(voice);
    }

    fn answer(&mut self, id: u64, command: &str, data: &Value) {
        self.says(&response(id, command, data).to_string());
    }

    fn lines(&mut self) -> Vec<Value> {
        let out = std::mem::take(self.session.output());
        let text = String::from_utf8(out).expect("pi is told UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("and JSON")).collect()
    }

    fn call(&mut self, kind: C, fields: &Value) {
        let fields: Fields = serde_json::from_value(fields.clone()).expect("fields");
        let voice = &mut Voice::new(AgentNo(1), &mut self.heard);
        self.session.call(CommandNo(1), kind, &fields, self.now, voice);
    }

    /// Answers what pi is asked meanwhile as it should, until nothing is asked.
    fn answer_the_rest(&mut self, file: &str) {
        for _ in 0..20 {
            for line in self.lines() {
                let (id, kind) = (line["id"].as_u64(), line["type"].as_str().expect("a type"));
                match (id, kind) {
                    (Some(id), "get_state") => self.answer(id, kind, &state(file)),
                    (Some(id), _) => self.answer(id, kind, &Value::Null),
                    (None, _) => {}
                }
            }
        }
    }

    /// The time in which everything that is waited for comes or is given up.
    fn wait(&mut self) {
        for _ in 0..20 {
            let Some(due) = self.session.deadline() else { return };
            self.now = self.now.max(due) + Duration::from_millis(1);
            let voice = &mut Voice::new(AgentNo(1), &mut self.heard);
            self.session.tick(self.now, voice);
            self.answer_the_rest(FILE);
        }
    }

    fn replies(&self) -> Vec<&Reply> {
        let replies = self.heard.iter().filter_map(|heard| match &heard.said {
            AgentSaid::Replied { reply, .. } => Some(reply),
            _ => None,
        });
        replies.collect()
    }

    fn noise(&self) -> u32 {
        let lines = self.heard.iter().map(|heard| match heard.said {
            AgentSaid::Noise { lines } => lines,
            _ => 0,
        });
        lines.sum()
    }

    /// What is known now, of all that was said.
    fn infos(&self) -> Vec<AgentInfo> {
        let infos = self.heard.iter().filter_map(|heard| match &heard.said {
            AgentSaid::Info(info) => Some((**info).clone()),
            AgentSaid::Ready(ready) => Some(ready.info.clone()),
            _ => None,
        });
        infos.collect()
    }

    /// Everything is fit for the journal and for every reader.
    fn check(&self, files: &[&str]) {
        let what = &self.what;
        for Heard { said, body, .. } in &self.heard {
            assert!(!body.contains(&b'\n'), "{what}: {said:?}");
            let fit = body.is_empty() || wire::json::parse(body).is_ok();
            assert!(fit, "{what}: {said:?}: {}", String::from_utf8_lossy(body));
        }
        for info in self.infos() {
            let file = info.file.as_deref().unwrap_or("forgotten");
            assert!(files.contains(&file), "{what}: the file is {file}");
            let model = info.model.unwrap_or_else(|| panic!("{what}: the model is forgotten"));
            assert!(wire::json::parse(model.as_bytes()).is_ok(), "{what}: {model}");
            assert!(model.len() <= 8 << 10, "{what}: {} bytes of model", model.len());
            let name = info.name.unwrap_or_default();
            assert!(name.encode_utf16().count() <= 256, "{what}: {} of name", name.len());
            let level = &*info.thinking;
            assert!(level.len() <= 32 && !level.is_empty(), "{what}: level {level}");
        }
    }
}

fn response(id: u64, command: &str, data: &Value) -> Value {
    json!({ "id": id, "type": "response", "command": command, "success": true, "data": data })
}

/// Commands with the lines that they become, a whole answer, and whether pi has done something that
/// is done however it tells so.
fn calls() -> Vec<(C, Value, &'static str, Value, bool)> {
    let model =
        json!({ "id": "m1", "provider": "p", "name": "M", "input": ["text"], "maxTokens": 5 });
    vec![
        (
            C::SetModel,
            json!({ "provider": "p", "modelId": "m1" }),
            "set_model",
            model.clone(),
            true,
        ),
        (
            C::CycleModel,
            json!({}),
            "cycle_model",
            json!({ "model": model, "thinkingLevel": "low", "isScoped": false }),
            true,
        ),
        (
            C::CycleThinkingLevel,
            json!({}),
            "cycle_thinking_level",
            json!({ "level": "high" }),
            true,
        ),
        (C::SetThinkingLevel, json!({ "level": "low" }), "set_thinking_level", Value::Null, true),
        (C::SetSessionName, json!({ "name": "n" }), "set_session_name", Value::Null, true),
        (
            C::Compact,
            json!({}),
            "compact",
            json!({ "summary": "s", "tokensBefore": 5, "firstKeptEntryId": "e" }),
            true,
        ),
        (C::NewSession, json!({}), "new_session", json!({ "cancelled": false }), true),
        (
            C::Fork,
            json!({ "entryId": "e" }),
            "fork",
            json!({ "text": "t", "cancelled": false }),
            true,
        ),
        (C::Steer, json!({ "message": "m" }), "steer", json!({ "disposition": "queued" }), true),
        (C::Prompt, json!({ "message": "m" }), "prompt", json!({ "disposition": "started" }), true),
        (C::SetAutoRetry, json!({ "enabled": true }), "set_auto_retry", Value::Null, true),
        (
            C::Bash,
            json!({ "command": "c" }),
            "bash",
            json!({ "output": "o", "exitCode": 1, "cancelled": false, "truncated": false }),
            false,
        ),
        (
            C::GetAvailableModels,
            json!({}),
            "get_available_models",
            json!({ "models": [model, model] }),
            false,
        ),
        (C::GetCommands, json!({}), "get_commands", commands(), false),
        (C::GetSkills, json!({}), "get_commands", commands(), false),
        (
            C::GetMessages,
            json!({}),
            "get_messages",
            json!({ "messages": [{ "role": "user", "content": "c", "timestamp": 1 }] }),
            false,
        ),
        (
            C::GetForkMessages,
            json!({}),
            "get_fork_messages",
            json!({ "messages": [{ "entryId": "e", "text": "t" }] }),
            false,
        ),
        (
            C::GetSessionStats,
            json!({}),
            "get_session_stats",
            json!({ "sessionFile": "/f", "tokens": { "total": 5 }, "cost": 0.5 }),
            false,
        ),
        (
            C::GetContextUsage,
            json!({}),
            "get_session_stats",
            json!({ "contextUsage": { "tokens": 5, "contextWindow": 9, "percent": 1.5 } }),
            false,
        ),
        (
            C::GetLastAssistantText,
            json!({}),
            "get_last_assistant_text",
            json!({ "text": "t" }),
            false,
        ),
        (C::ExportHtml, json!({}), "export_html", json!({ "path": "/f.html" }), false),
    ]
}

#[test]
fn an_answer_with_any_member_broken_ends_its_call_once_and_costs_nothing_else() {
    let mut seen = 0;
    for version in VERSIONS {
        for (kind, fields, line, data, done) in calls() {
            let file = if matches!(kind, C::NewSession | C::Fork) { NEW_FILE } else { FILE };
            let whole = response(3, line, &data);
            for path in paths(&whole) {
                for (fault, text) in broken(&whole, &path) {
                    let what = format!("{version}: {kind:?}: {path:?} {fault}: {text:.300}");
                    let mut table = Table::up(version, what.clone());
                    table.call(kind, &fields);
                    assert_eq!(table.lines()[0]["type"], line, "{what}");
                    table.says(&text);
                    table.answer_the_rest(file);
                    if table.replies().is_empty() {
                        // Nobody can tell whose answer it was: it is counted, and the right one
                        // may still come.
                        assert!(table.noise() > 0, "{what}");
                        table.answer(3, line, &data);
                        table.answer_the_rest(file);
                    }
                    let prompt = kind == C::Prompt;
                    assert_eq!(table.replies().len(), 1, "{what}: {:?}", words(&table.heard));
                    let says_done = text.contains(r#""success":true"#) && fault != "twice, last";
                    if done && says_done {
                        let replied = table.replies()[0];
                        assert!(matches!(replied, Reply::Done(_)), "{what}: {replied:?}");
                    }
                    table.wait();
                    assert!(prompt || table.replies().len() == 1, "{what}");
                    table.check(&[FILE, file]);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 5_000, "{seen}");
}

#[test]
fn a_state_with_any_member_broken_leaves_what_is_known_of_it() {
    let whole = response(3, "get_state", &state(FILE));
    for version in VERSIONS {
        for path in paths(&whole) {
            for (fault, text) in broken(&whole, &path) {
                let what = format!("{version}: {path:?} {fault}: {text:.300}");
                let mut table = Table::up(version, what.clone());
                table.call(C::SetAutoRetry, &json!({ "enabled": true }));
                table.lines();
                table.says(&json!({ "type": "compaction_start", "reason": "manual" }).to_string());
                table.says(&json!({ "type": "compaction_end", "reason": "manual" }).to_string());
                assert_eq!(table.lines()[0]["type"], "get_state", "{what}");
                table.says(&text.replacen("\"id\":3", "\"id\":4", 1));
                table.wait();
                table.check(&[FILE]);
                let told = words(&table.heard);
                assert!(told.contains(&"compaction_end".to_owned()), "{what}: {told:?}");
                let member = path.last().map_or("", String::as_str);
                for info in table.infos() {
                    let kept = known();
                    // Whatever else is said with it is not touched by it.
                    assert!(member == "messageCount" || info.messages == kept.messages, "{what}");
                    assert!(
                        member == "pendingMessageCount" || info.queued == kept.queued,
                        "{what}"
                    );
                    assert!(member == "thinkingLevel" || info.thinking == kept.thinking, "{what}");
                    assert!(member == "sessionName" || info.name == kept.name, "{what}");
                }
                let of_a_count = matches!(member, "messageCount" | "pendingMessageCount");
                let counts = matches!(fault, "a number" | "3.0" | "twice, first");
                if of_a_count && !counts {
                    assert!(table.infos().is_empty(), "{what}: {:?}", table.infos());
                    assert!(table.noise() > 0, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_pi_that_starts_with_any_member_broken_is_up_and_nothing_is_forgotten() {
    let (first, second) =
        (response(1, "get_state", &state(FILE)), response(2, "get_commands", &commands()));
    for version in VERSIONS {
        for (which, whole) in [&first, &second].into_iter().enumerate() {
            for path in paths(whole) {
                for (fault, text) in broken(whole, &path) {
                    let what = format!("{version}: {path:?} {fault}: {text:.300}");
                    let mut table = Table::starting(version, what.clone());
                    table.lines();
                    let others = [&second, &first][which].to_string();
                    table.says(&text);
                    table.says(&others);
                    if table.infos().is_empty() {
                        assert!(table.noise() > 0, "{what}");
                        table.says(&whole.to_string());
                    }
                    let ready: Vec<_> = table
                        .heard
                        .iter()
                        .filter_map(|heard| match &heard.said {
                            AgentSaid::Ready(ready) => Some(ready),
                            _ => None,
                        })
                        .collect();
                    assert_eq!(ready.len(), 1, "{what}: {:?}", words(&table.heard));
                    let named = text.contains("\"name\":\"pi-server-bridge\"");
                    let offered = !ready[0].absent.contains(&C::GetTree);
                    assert!(offered || !named, "{what}: {:?}", ready[0].absent);
                    table.check(&[FILE]);
                }
            }
        }
    }
}

#[test]
fn a_conversation_whose_file_is_not_told_is_no_success() {
    for kind in [C::NewSession, C::Fork] {
        for broken in [json!(null), json!(5), json!("relative"), json!("/nul\0")] {
            let mut table = Table::up("1.6.0", format!("{kind:?} {broken}"));
            table.call(kind, &json!({ "entryId": "e" }));
            let line = table.lines()[0]["type"].as_str().expect("a type").to_owned();
            table.answer(3, &line, &json!({ "cancelled": false }));
            let mut facts = state(NEW_FILE);
            facts["sessionFile"] = broken;
            table.answer(4, "get_state", &facts);
            let told = words(&table.heard);
            let says = |word: &String| word.contains("does not say in which file");
            assert!(told.iter().any(says), "{told:?}");
            table.check(&[FILE]);
        }
    }
}

/// Everything that pi reports, as it should.
fn events() -> Vec<Value> {
    let message = json!({ "role": "assistant", "content": [{ "type": "text", "text": "t" }],
        "stopReason": "stop", "timestamp": 1, "usage": { "input": 1 } });
    let dialog = |method: &str| {
        json!({ "type": "extension_ui_request", "id": "d", "method": method, "title": "t",
            "options": ["a"], "timeout": 5000 })
    };
    vec![
        json!({ "type": "agent_start" }),
        json!({ "type": "agent_end", "messages": [message], "willRetry": true }),
        json!({ "type": "message_end", "message": message }),
        json!({ "type": "message_update", "assistantMessageEvent":
            { "type": "text_delta", "contentIndex": 0, "delta": "d" } }),
        json!({ "type": "queue_update", "steering": ["a"], "followUp": [] }),
        json!({ "type": "session_info_changed", "name": "known" }),
        json!({ "type": "thinking_level_changed", "level": "low" }),
        json!({ "type": "compaction_start", "reason": "manual" }),
        json!({ "type": "auto_retry_start", "attempt": 1, "errorMessage": "e" }),
        json!({ "type": "tool_execution_end", "toolCallId": "c", "toolName": "n",
            "result": { "content": [] }, "isError": false }),
        json!({ "type": "bash_execution_update", "id": 3, "delta": "d" }),
        json!({ "type": "extension_error", "extensionPath": "p", "event": "e", "error": "e" }),
        dialog("select"),
        dialog("confirm"),
        dialog("notify"),
        dialog("setStatus"),
    ]
}

#[test]
fn an_event_with_any_member_broken_erases_nothing() {
    for version in VERSIONS {
        for whole in events() {
            for path in paths(&whole) {
                for (fault, text) in broken(&whole, &path) {
                    let what = format!("{version}: {path:?} {fault}: {text:.300}");
                    let mut table = Table::up(version, what.clone());
                    table.says(&text);
                    table.wait();
                    table.check(&[FILE]);
                    let erases = fault == "missing" && path == ["name"];
                    for info in table.infos() {
                        assert!(erases || info.name.is_some(), "{what}");
                        let from_queue = matches!(fault, "[]" | "deep");
                        assert!(from_queue || info.queued == 1, "{what}: {info:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_dialog_that_no_client_can_name_is_withdrawn_at_once_by_the_id_that_pi_gave_it() {
    let long = format!("\"{}\"", "x".repeat(300));
    for id in [r#""half \ud83d""#, r#""""#, r#""  ""#, &long, r#""a\u0007b""#, "5", "null", "{}"] {
        let mut table = Table::up("1.6.0", id.to_owned());
        table.says(&format!(r#"{{"type":"extension_ui_request","id":{id},"method":"confirm"}}"#));
        let out = String::from_utf8(std::mem::take(table.session.output())).expect("UTF-8");
        let line = format!(r#"{{"type":"extension_ui_response","id":{id},"cancelled":true}}"#);
        assert_eq!(out, line + "\n");
        assert_eq!(words(&table.heard), ["noise 1"], "{id}");
    }
}

#[test]
fn the_words_of_a_failure_are_found_wherever_they_are() {
    for (error, words) in [
        (r#""plain""#, "plain"),
        (r#"{"message":"inside"}"#, "inside"),
        (r#"{"code":5,"error":"inside"}"#, "inside"),
        (r#"{"code":5}"#, r#"{"code":5}"#),
        (r#""half \ud83d""#, "half \u{fffd}"),
        ("7", "7"),
        ("null", "the agent gave no reason"),
    ] {
        let mut table = Table::up("1.6.0", error.to_owned());
        table.call(C::Steer, &json!({ "message": "m" }));
        table.says(&format!(r#"{{"id":3,"type":"response","success":false,"error":{error}}}"#));
        let told = table.heard.iter().find_map(|heard| match &heard.said {
            AgentSaid::Replied { reply: Reply::Failed(words), .. } => Some(words.to_string()),
            _ => None,
        });
        assert_eq!(told.as_deref(), Some(words));
    }
}

#[test]
fn what_has_a_name_is_logged_once_in_a_session_and_counted_every_time() {
    let mut table = Table::up("1.6.0", String::new());
    for _ in 0..3 {
        table.says(r#"{"type":"thinking_level_changed","level":7}"#);
    }
    assert_eq!(table.noise(), 3);
    let (_, named) = table.session.named();
    assert_eq!(named.iter().collect::<Vec<_>>(), ["level"]);
}
