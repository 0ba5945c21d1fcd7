//! Every command of the table against every version of the real agent: it answers as PROTOCOL.md
//! section 5 says, or is listed as absent and says so.

use pi_server_core::command::{CommandKind as C, TABLE};
use pi_server_tests::Client;
use serde_json::{Value, json};

use crate::prompt;
use crate::real_pi::{Stage, with_each_pi};

/// Prompts a session and takes its file away from it.
fn stored(stage: &Stage, client: &mut Client, session: &str) -> Value {
    let create = json!({ "type": "create_session", "sessionId": session, "cwd": stage.work() });
    client.ok(create);
    for text in ["first", "second"] {
        let id = format!("{session} {text}");
        client.send(&prompt(&id, session, text));
        assert_eq!(client.response(&id)["success"], true);
    }
    let state = client.ok(json!({ "type": "get_state", "sessionId": session }));
    client.ok(json!({ "type": "delete_session", "sessionId": session }));
    state["data"]["sessionFile"].clone()
}

/// An entry of the session as it is now: what a user said last, or the first answer.
fn entry(client: &mut Client, role: &str) -> Value {
    let tree = client.ok(json!({ "type": "get_tree", "sessionId": "s" }));
    let nodes = tree["data"]["nodes"].as_array().expect("nodes").clone();
    let mut of_role = nodes.iter().filter(|node| node["role"] == role);
    let node = if role == "user" { of_role.next_back() } else { of_role.next() };
    node.unwrap_or_else(|| panic!("no {role} in {tree}"))["entryId"].clone()
}

/// The fields of a command, beside its type and the session `s`.
fn fields(kind: C, stage: &Stage, files: &[Value; 2], client: &mut Client) -> Value {
    match kind {
        C::CreateSession => json!({ "sessionId": "new", "cwd": stage.work() }),
        C::DeleteSession => json!({ "sessionId": "new" }),
        C::LoadSession => json!({ "sessionId": "loaded", "sessionPath": files[0] }),
        C::SwitchSessionFile => json!({ "sessionPath": files[1] }),
        C::SetInterest => json!({ "lifecycle": "all" }),
        C::CancelCommand => json!({ "commandId": "nobody" }),
        C::ReconcileCommand => json!({ "commandId": "nobody", "outcome": "failed" }),
        C::ExtensionUiResponse => json!({
            "requestId": "nobody", "response": { "method": "confirm", "confirmed": true },
        }),
        C::Prompt | C::Steer | C::FollowUp => json!({ "message": "a message" }),
        C::Bash => json!({ "command": "echo hi" }),
        C::Fork => json!({ "entryId": entry(client, "user") }),
        C::NavigateTree => json!({ "targetId": entry(client, "assistant") }),
        C::SetModel => json!({ "provider": "fake", "modelId": "fake-think" }),
        C::CycleThinkingLevel => {
            // The model before may have no levels.
            client.ok(json!({
                "type": "set_model", "sessionId": "s", "provider": "fake", "modelId": "fake-think",
            }));
            json!({})
        }
        C::SetThinkingLevel => json!({ "level": "low" }),
        C::SetAutoCompaction | C::SetAutoRetry => json!({ "enabled": true }),
        C::SetSessionName => json!({ "name": "a name" }),
        C::ListSessions
        | C::SwitchSession
        | C::Unsubscribe
        | C::ListStoredSessions
        | C::GetMetrics
        | C::HealthCheck
        | C::GetStartupRecovery
        | C::GetCommandHistory
        | C::GetCapabilities
        | C::GetState
        | C::GetMessages
        | C::GetSessionStats
        | C::GetForkMessages
        | C::GetTree
        | C::GetLastAssistantText
        | C::GetContextUsage
        | C::GetAvailableModels
        | C::GetCommands
        | C::GetSkills
        | C::GetTools
        | C::ListSessionFiles
        | C::Compact
        | C::NewSession
        | C::Abort
        | C::AbortCompaction
        | C::AbortRetry
        | C::AbortBash
        | C::CycleModel
        | C::ExportHtml => json!({}),
    }
}

/// What has to be in the data of an agent's answer.
fn keys(kind: C) -> &'static [&'static str] {
    match kind {
        C::GetState => &["sessionId", "sessionFile", "thinkingLevel", "isStreaming", "createdAt"],
        C::GetMessages | C::GetForkMessages => &["messages"],
        C::GetSessionStats => &["sessionId", "userMessages", "totalMessages", "tokens", "cost"],
        C::GetTree => &["currentLeafId", "nodes"],
        C::GetLastAssistantText => &["text"],
        C::GetContextUsage => &["tokens", "contextWindow", "percent"],
        C::GetAvailableModels => &["models"],
        C::GetCommands => &["commands"],
        C::GetSkills => &["skills"],
        C::GetTools => &["tools"],
        C::ListSessionFiles => &["files"],
        C::Compact => &["summary", "tokensBefore"],
        C::Bash => &["exitCode", "output", "cancelled"],
        C::NewSession | C::SwitchSessionFile | C::NavigateTree => &["cancelled"],
        C::Fork => &["text", "cancelled"],
        C::SetModel => &["model"],
        C::CycleModel => &["model", "thinkingLevel", "isScoped"],
        C::CycleThinkingLevel => &["level"],
        C::ExportHtml => &["path"],
        _ => &[],
    }
}

/// Commands that mean something that is not there.
fn failure(kind: C) -> Option<&'static str> {
    match kind {
        C::CancelCommand | C::ReconcileCommand => Some("command_not_found"),
        C::ExtensionUiResponse => Some("dialog_not_found"),
        _ => None,
    }
}

#[test]
fn every_command_answers_or_is_listed_as_absent() {
    with_each_pi(|stage| {
        let mut client = stage.client();
        let files = [stored(stage, &mut client, "t"), stored(stage, &mut client, "u")];
        for id in ["one", "two", "three"] {
            client.send(&prompt(id, "s", "[words:60] and so on"));
            assert_eq!(client.response(id)["success"], true);
        }
        let listed = client.ok(json!({ "type": "get_capabilities" }))["data"].clone();
        for row in TABLE {
            let mut frame = json!({ "type": row.name, "sessionId": "s" });
            let more = fields(row.kind, stage, &files, &mut client);
            frame
                .as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("one").clone());
            let answer = client.call(frame);
            let has = |list: &str| {
                listed[list].as_array().is_some_and(|list| list.contains(&json!(row.name)))
            };
            assert_ne!(has("commands"), has("absent"), "{}", row.name);
            let failure = if has("absent") { Some("unsupported") } else { failure(row.kind) };
            if let Some(code) = failure {
                assert_eq!(answer["errorCode"], code, "{}: {answer}", row.name);
                continue;
            }
            assert_eq!(answer["success"], true, "{}: {answer}", row.name);
            for key in keys(row.kind) {
                assert!(answer["data"].get(*key).is_some(), "{}: no {key} in {answer}", row.name);
            }
        }
    });
}
