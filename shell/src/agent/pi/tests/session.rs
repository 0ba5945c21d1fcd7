//! The protocol with one pi, against a puppet: every line is written by hand.

use std::time::{Duration, Instant};

use pi_server_core::command::CommandKind as C;
use pi_server_core::input::{AgentInfo, AgentSaid};
use pi_server_core::{AgentNo, CommandNo};
use serde_json::{Value, json};

use crate::agent::Heard;
use crate::agent::fields::{Answer, Fields};
use crate::agent::pi::session::{Known, Session};
use crate::agent::pi::version::Version;
use crate::agent::testkit::{body, words};
use crate::agent::voice::Voice;

const OLD: &str = "0.73.1";
const NEW: &str = "1.5.2";

struct Puppet {
    session: Session,
    now: Instant,
    heard: Vec<Heard>,
    calls: u64,
}

impl Puppet {
    /// A pi that is up.
    fn new(version: &str) -> Puppet {
        let version = Version::parse(version).expect("a version");
        let session = Session::new(version, "/project".into(), Known::default());
        let mut puppet = Puppet { session, now: Instant::now(), heard: Vec::new(), calls: 0 };
        assert_eq!(puppet.told(), ["get_state", "get_commands"]);
        puppet.answers(1, &facts(0));
        assert!(puppet.hears().is_empty(), "it must also say whether it has the bridge");
        puppet.answers(2, &json!({ "commands": [{ "name": "pi-server-bridge" }] }));
        assert_eq!(puppet.hears(), ["ready"]);
        puppet
    }

    /// pi writes a line.
    fn says(&mut self, line: &Value) {
        let voice = &mut Voice::new(AgentNo(1), &mut self.heard);
        self.session.line(line.to_string().as_bytes(), self.now, voice);
    }

    fn answers(&mut self, id: u64, data: &Value) {
        self.says(&json!({ "id": id, "type": "response", "success": true, "data": data }));
    }

    fn call(&mut self, kind: C, fields: &Value) {
        self.calls += 1;
        let fields: Fields = serde_json::from_value(fields.clone()).expect("fields");
        let voice = &mut Voice::new(AgentNo(1), &mut self.heard);
        self.session.call(CommandNo(self.calls), kind, &fields, self.now, voice);
    }

    /// The lines that pi was told since the last time.
    fn lines(&mut self) -> Vec<Value> {
        let out = std::mem::take(self.session.output());
        let text = String::from_utf8(out).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Their types.
    fn told(&mut self) -> Vec<String> {
        let lines = self.lines();
        lines.iter().map(|line| line["type"].as_str().expect("a type").to_owned()).collect()
    }

    /// What was heard since the last time.
    fn hears(&mut self) -> Vec<String> {
        words(&std::mem::take(&mut self.heard))
    }
}

fn facts(messages: u64) -> Value {
    json!({
        "model": { "id": "m2", "provider": "p" }, "thinkingLevel": "low", "sessionId": "inner",
        "sessionFile": "/f.jsonl", "messageCount": messages, "pendingMessageCount": 0,
    })
}

#[test]
fn the_end_of_a_run_waits_for_the_facts_and_all_that_follows_waits_with_it() {
    let mut puppet = Puppet::new(NEW);
    puppet.says(&json!({ "type": "agent_end", "messages": [] }));
    assert_eq!(puppet.hears(), ["agent_end"]);
    puppet.says(&json!({ "type": "agent_settled" }));
    puppet.says(&json!({ "type": "entry_appended" }));
    assert!(puppet.hears().is_empty());
    assert_eq!(puppet.told(), ["get_state"]);
    puppet.answers(3, &facts(2));
    assert_eq!(puppet.hears(), ["info", "agent_settled", "entry_appended"]);
}

#[test]
fn facts_that_are_no_news_are_not_told_again() {
    let mut puppet = Puppet::new(NEW);
    puppet.says(&json!({ "type": "agent_settled" }));
    puppet.answers(3, &facts(0));
    assert_eq!(puppet.hears(), ["agent_settled"]);
}

#[test]
fn facts_that_do_not_come_hold_nothing_up_for_long() {
    let mut puppet = Puppet::new(NEW);
    puppet.says(&json!({ "type": "agent_settled" }));
    let due = puppet.session.deadline().expect("it does not wait for ever");
    assert_eq!(due - puppet.now, Duration::from_secs(5));
    let voice = &mut Voice::new(AgentNo(1), &mut puppet.heard);
    puppet.session.tick(due, voice);
    assert_eq!(puppet.hears(), ["agent_settled"]);
    assert_eq!(puppet.session.deadline(), None);
}

#[test]
fn a_newer_answer_is_good_for_older_questions() {
    let mut puppet = Puppet::new(NEW);
    puppet.says(&json!({ "type": "agent_settled" }));
    puppet.says(&json!({ "type": "agent_settled" }));
    puppet.answers(4, &facts(3));
    assert_eq!(puppet.hears(), ["info", "agent_settled", "agent_settled"]);
    puppet.answers(3, &facts(3));
    assert!(puppet.hears().is_empty());
}

#[test]
fn the_old_dialect_is_made_to_say_that_it_tries_again() {
    let mut puppet = Puppet::new(OLD);
    puppet.says(&json!({ "type": "agent_end", "messages": [] }));
    puppet.says(&json!({ "type": "auto_retry_start", "attempt": 1 }));
    puppet.answers(3, &facts(1));
    let heard = puppet.heard.clone();
    assert_eq!(puppet.hears(), ["info", "agent_end again", "auto_retry_start"]);
    assert_eq!(body(&heard[1])["willRetry"], true);
}

#[test]
fn a_run_that_the_old_dialect_leaves_open_is_ended() {
    let mut puppet = Puppet::new(OLD);
    puppet.says(&json!({ "type": "agent_start" }));
    puppet.call(C::NewSession, &json!({}));
    puppet.answers(3, &json!({ "cancelled": false }));
    puppet.answers(4, &facts(0));
    assert_eq!(puppet.hears(), ["agent_start", "agent_end", "done 1 unspecified"]);
}

#[test]
fn a_fork_carries_the_new_inner_id() {
    let mut puppet = Puppet::new(NEW);
    puppet.call(C::Fork, &json!({ "entryId": "e" }));
    puppet.answers(3, &json!({ "text": "t", "cancelled": false }));
    assert!(puppet.hears().is_empty());
    puppet.answers(4, &facts(0));
    assert_eq!(
        body(&puppet.heard[0]),
        json!({ "text": "t", "cancelled": false, "sessionId": "inner" })
    );
}

#[test]
fn an_abort_empties_the_queue_and_dismisses_dialogs_old_and_new() {
    let mut puppet = Puppet::new(NEW);
    let dialog =
        |id: &str| json!({ "type": "extension_ui_request", "id": id, "method": "confirm" });
    puppet.says(&dialog("d1"));
    puppet.lines();
    puppet.hears();
    puppet.call(C::Abort, &json!({}));
    let lines = puppet.lines();
    let types: Vec<_> = lines.iter().map(|line| line["type"].clone()).collect();
    assert_eq!(types, ["clear_queue", "abort", "extension_ui_response"]);
    assert_eq!((&lines[2]["id"], &lines[2]["cancelled"]), (&json!("d1"), &json!(true)));
    puppet.says(&dialog("d2"));
    assert_eq!(puppet.lines()[0]["id"], "d2", "it would keep the run from ending");
    assert!(puppet.hears().is_empty(), "and nobody is asked");
    puppet.answers(4, &Value::Null);
    assert_eq!(puppet.hears(), ["done 1 unspecified"]);
    puppet.says(&dialog("d3"));
    assert_eq!(puppet.hears(), ["extension_ui_request confirm"]);
}

#[test]
fn only_open_dialogs_are_answered_and_only_once() {
    let mut puppet = Puppet::new(NEW);
    let dialog = json!({ "type": "extension_ui_request", "id": "d", "method": "input" });
    puppet.says(&dialog);
    puppet.lines();
    for _ in 0..2 {
        puppet.session.answer(&"d".into(), &Answer::Value("v".to_owned()));
        puppet.session.answer(&"unknown".into(), &Answer::Cancelled);
    }
    let answer = json!({ "type": "extension_ui_response", "id": "d", "value": "v" });
    assert_eq!(puppet.lines(), [answer]);
}

#[test]
fn the_bridge_answers_calls_and_no_client_sees_it() {
    let mut puppet = Puppet::new(OLD);
    puppet.call(C::GetTree, &json!({}));
    let line = puppet.lines().remove(0);
    assert_eq!(line["message"], "/pi-server-bridge {\"id\":\"3\",\"op\":\"tree\"}");
    let status = |text: Value| {
        json!({
            "type": "extension_ui_request", "id": "u", "method": "setStatus",
            "statusKey": "pi-server-bridge:3", "statusText": text.to_string(),
        })
    };
    puppet.says(&status(json!({ "ok": true, "data": { "nodes": [] } })));
    assert_eq!(body(&puppet.heard[0]), json!({ "nodes": [] }));
    puppet.answers(3, &Value::Null);
    assert_eq!(puppet.hears(), ["done 1 unspecified"], "one reply for one call");
    puppet.says(&status(json!({ "ok": true, "data": 1 })));
    assert!(puppet.hears().is_empty(), "an answer that nobody waits for is junk");
}

#[test]
fn a_bridge_that_fails_fails_its_call() {
    let mut puppet = Puppet::new(NEW);
    puppet.call(C::GetTools, &json!({}));
    puppet.says(&json!({
        "type": "extension_ui_request", "id": "u", "method": "setStatus",
        "statusKey": "pi-server-bridge:3", "statusText": "{\"ok\":false,\"error\":\"why\"}",
    }));
    puppet.call(C::GetTools, &json!({}));
    puppet.answers(4, &Value::Null);
    assert_eq!(puppet.hears(), ["failed 1 why", "failed 2 the bridge did not answer"]);
}

#[test]
fn going_back_a_model_takes_the_one_before() {
    let mut puppet = Puppet::new(NEW);
    puppet.lines();
    puppet.call(C::CycleModel, &json!({ "direction": "backward" }));
    let model = |id: &str| json!({ "id": id, "provider": "p" });
    puppet.answers(3, &json!({ "models": [model("m1"), model("m2"), model("m3")] }));
    let lines = puppet.lines();
    assert_eq!(lines[1]["modelId"], "m1");
    puppet.answers(4, &model("m1"));
    puppet.answers(5, &facts(0));
    let expected = json!({ "model": model("m1"), "thinkingLevel": "low", "isScoped": false });
    assert_eq!(body(&puppet.heard[0]), expected);
}

#[test]
fn stopping_a_shell_command_is_repeated_while_it_runs() {
    let mut puppet = Puppet::new(NEW);
    puppet.lines();
    puppet.call(C::AbortBash, &json!({}));
    assert!(puppet.told().is_empty(), "nothing runs");
    puppet.call(C::Bash, &json!({ "command": "sleep 9" }));
    puppet.call(C::AbortBash, &json!({}));
    assert_eq!(puppet.told(), ["bash", "abort_bash"]);
    let due = puppet.session.deadline().expect("it is tried again");
    let voice = &mut Voice::new(AgentNo(1), &mut puppet.heard);
    puppet.session.tick(due, voice);
    assert_eq!(puppet.told(), ["abort_bash"]);
    puppet.answers(3, &json!({ "output": "", "cancelled": true }));
    let due = puppet.session.deadline().expect("it has been armed");
    let voice = &mut Voice::new(AgentNo(1), &mut puppet.heard);
    puppet.session.tick(due + Duration::from_secs(9), voice);
    assert_eq!(puppet.told(), ["get_state"], "the facts, and no more of that");
}

#[test]
fn stopping_a_shell_command_never_stops_the_next_one() {
    let mut puppet = Puppet::new(NEW);
    puppet.lines();
    puppet.call(C::Bash, &json!({ "command": "sleep 20" }));
    puppet.call(C::AbortBash, &json!({}));
    assert_eq!(puppet.told(), ["bash", "abort_bash"]);
    puppet.answers(3, &json!({ "output": "", "cancelled": true }));
    puppet.answers(5, &facts(0));
    puppet.call(C::Bash, &json!({ "command": "sleep 1; echo NEW" }));
    assert_eq!(puppet.told(), ["get_state", "bash"]);
    while let Some(due) = puppet.session.deadline() {
        puppet.now = due;
        puppet.session.tick(due, &mut Voice::new(AgentNo(1), &mut puppet.heard));
        let told = puppet.told();
        assert!(!told.contains(&"abort_bash".to_owned()), "{told:?}");
    }
}

#[test]
fn a_prompt_of_which_nothing_comes_is_found_out_by_asking() {
    let mut puppet = Puppet::new("0.87.1");
    puppet.lines();
    puppet.call(C::Prompt, &json!({ "message": "m" }));
    puppet.answers(3, &Value::Null);
    assert_eq!(puppet.hears(), ["done 1 unspecified"]);
    let mut idle = facts(0);
    idle["isStreaming"] = json!(false);
    idle["isCompacting"] = json!(true);
    puppet.lines();
    for compacting in [true, false, false] {
        idle["isCompacting"] = json!(compacting);
        puppet.now = puppet.session.deadline().expect("it is asked");
        puppet.session.tick(puppet.now, &mut Voice::new(AgentNo(1), &mut puppet.heard));
        assert!(puppet.hears().is_empty(), "nothing is known yet");
        let line = puppet.lines().remove(0);
        assert_eq!(line["type"], "get_state");
        puppet.answers(line["id"].as_u64().expect("an id"), &idle);
    }
    assert_eq!(puppet.hears(), ["done 1 handled"]);
    assert_eq!(puppet.session.deadline(), None, "and that is all");
}

#[test]
fn a_prompt_whose_run_begins_is_not_asked_about() {
    let mut puppet = Puppet::new("0.87.1");
    puppet.call(C::Prompt, &json!({ "message": "m" }));
    puppet.answers(3, &Value::Null);
    puppet.says(&json!({ "type": "agent_start" }));
    assert_eq!(puppet.session.deadline(), None);
}

#[test]
fn a_command_that_goes_on_to_another_session_is_noticed() {
    let mut puppet = Puppet::new("0.87.1");
    puppet.lines();
    puppet.call(C::Prompt, &json!({ "message": "/elsewhere" }));
    puppet.answers(3, &Value::Null);
    assert_eq!(puppet.told(), ["prompt", "get_state"]);
    let mut elsewhere = facts(0);
    elsewhere["sessionFile"] = json!("/other.jsonl");
    puppet.answers(4, &elsewhere);
    assert_eq!(puppet.hears(), ["done 1 unspecified", "info"]);
}

#[test]
fn an_agent_that_ends_by_itself_after_its_run_has_settled() {
    for (by_itself, expected) in [(true, "agent_settled"), (false, "agent_end")] {
        let mut puppet = Puppet::new(NEW);
        puppet.says(&json!({ "type": "agent_start" }));
        puppet.says(&json!({ "type": "agent_end", "messages": [], "willRetry": false }));
        puppet.session.end(by_itself, &mut Voice::new(AgentNo(1), &mut puppet.heard));
        assert_eq!(puppet.hears().last().map(String::as_str), Some(expected));
    }
    let mut puppet = Puppet::new(NEW);
    puppet.says(&json!({ "type": "agent_start" }));
    puppet.session.end(true, &mut Voice::new(AgentNo(1), &mut puppet.heard));
    assert_eq!(puppet.hears(), ["agent_start"], "a run that goes on is not over");
}

#[test]
fn what_was_set_before_the_first_message_is_set_again_when_the_agent_comes_back() {
    let mut info = AgentInfo {
        name: Some("named".into()),
        model: Some(json!({ "id": "m9", "provider": "q" }).to_string().into()),
        thinking: "high".into(),
        ..AgentInfo::default()
    };
    for (is_fresh, had_model) in [(true, true), (false, true), (true, false)] {
        if !had_model {
            info.model = None;
        }
        let known = Known { info: info.clone(), is_fresh, ..Known::default() };
        let version = Version::parse(NEW).expect("a version");
        let session = Session::new(version, "/project".into(), known);
        let mut puppet = Puppet { session, now: Instant::now(), heard: Vec::new(), calls: 0 };
        puppet.lines();
        puppet.answers(1, &facts(0));
        puppet.answers(2, &json!({ "commands": [{ "name": "pi-server-bridge" }] }));
        let told = puppet.told();
        let Some(AgentSaid::Ready(ready)) = puppet.heard.first().map(|heard| heard.said.clone())
        else {
            panic!("{:?}", puppet.heard);
        };
        if is_fresh && had_model {
            let lines = ["set_model", "set_thinking_level", "set_session_name", "get_state"];
            assert_eq!(told, lines);
            assert_eq!((ready.info.name, &*ready.info.thinking), (Some("named".into()), "high"));
        } else {
            assert!(told.is_empty(), "{told:?}");
            assert_eq!(&*ready.info.thinking, "low");
        }
    }
}

#[test]
fn queues_names_and_levels_are_known_from_their_events() {
    let mut puppet = Puppet::new(NEW);
    puppet.says(&json!({ "type": "queue_update", "steering": ["a"], "followUp": ["b", "c"] }));
    puppet.says(&json!({ "type": "session_info_changed", "name": "n" }));
    puppet.says(&json!({ "type": "thinking_level_changed", "level": "high" }));
    let infos: Vec<_> = puppet
        .heard
        .iter()
        .filter_map(|heard| match &heard.said {
            AgentSaid::Info(info) => Some((info.queued, info.name.clone(), info.thinking.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(infos.len(), 3);
    assert_eq!(infos[2], (3, Some("n".into()), "high".into()));
}

#[test]
fn answers_that_nobody_waits_for_are_counted() {
    let mut puppet = Puppet::new(NEW);
    puppet.answers(77, &Value::Null);
    puppet.says(&json!({ "type": "response", "success": false, "command": "parse", "error": "e" }));
    let voice = &mut Voice::new(AgentNo(1), &mut puppet.heard);
    puppet.session.report_noise(voice);
    assert_eq!(puppet.hears(), ["noise 2"]);
}

#[test]
fn credentials_in_models_are_left_out() {
    use crate::agent::pi::replies::without_secrets;

    let model = json!({
        "id": "m", "maxTokens": 5, "headers": { "Authorization": "x" }, "apiKey": "x",
        "baseUrl": "https://user:pass@host:1/v1?key=x", "compat": { "authToken": "x", "a": 1 },
    });
    let clean = json!({
        "id": "m", "maxTokens": 5, "baseUrl": "https://host:1/v1", "compat": { "a": 1 },
    });
    assert_eq!(without_secrets(model), clean);
}
