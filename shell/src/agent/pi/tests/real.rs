//! The real programs. `PI_SERVER_TEST_PI` lists them, separated by colons; `scripts/install-pi.sh`
//! installs them. They exist only with the feature `real-pi`, so that none passes without having run.

#![allow(clippy::disallowed_macros, reason = "figures for whoever runs the test")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pi_server_core::AgentNo;
use pi_server_core::command::CommandKind as C;
use pi_server_core::input::{AgentEvent, AgentReady, AgentSaid};
use pi_server_core::output::Ask;
use serde_json::{Value, json};

use super::kit::Host;
use super::provider::Provider;
use crate::agent::testkit::{body, word};

/// An extension of the user's, found through the agent folder.
const ASKING: &str = r#"
export default function (pi) {
	pi.registerCommand("ask-me", {
		description: "Asks",
		handler: async (method, context) => {
			const ask = {
				select: () => context.ui.select("Which?", ["a", "b"]),
				confirm: () => context.ui.confirm("Sure?", "Really?"),
				input: () => context.ui.input("What?", "anything"),
				editor: () => context.ui.editor("Write", "draft"),
			};
			context.ui.notify(JSON.stringify((await ask[method]()) ?? null), "info");
		},
	});
	pi.on("tool_call", async (event, context) => {
		const command = String(event.input?.command ?? "");
		if (command.includes("guarded") && !(await context.ui.confirm("Run it?", command))) {
			return { block: true, reason: "not allowed" };
		}
	});
}
"#;

/// The programs to test with.
fn programs() -> Vec<PathBuf> {
    let list = std::env::var_os("PI_SERVER_TEST_PI").unwrap_or_default();
    let programs: Vec<_> =
        std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect();
    assert!(!programs.is_empty(), "set PI_SERVER_TEST_PI to the real agent's programs");
    programs
}

/// Runs a test with one session on every program that is installed.
fn with_each_pi(test: fn(&mut Host, &AgentReady)) {
    for program in programs() {
        eprintln!("with {}", program.display());
        let mut host = host(&program);
        let ready = host.up(1, "a", None);
        assert!(ready.absent.iter().all(|kind| *kind == C::AbortCompaction), "{ready:?}");
        test(&mut host, &ready);
    }
}

/// A host whose pi finds a stand-in for the model service, and the user's extension.
fn host(program: &Path) -> Host {
    let provider = Provider::start().expect("a stand-in for the model service");
    let host = Host::new(program, &["--no-context-files", "--offline"]);
    let user = host.user_folder();
    provider.configure(&user).expect("an agent folder");
    std::fs::create_dir_all(user.join("extensions")).expect("a folder for extensions");
    std::fs::write(user.join("extensions/asking.ts"), ASKING).expect("an extension");
    let skill = user.join("skills/greet");
    std::fs::create_dir_all(&skill).expect("a folder for a skill");
    let text = "---\nname: greet\ndescription: Greets people\n---\nSay hello.\n";
    std::fs::write(skill.join("SKILL.md"), text).expect("a skill");
    host
}

fn is_old(ready: &AgentReady) -> bool {
    !ready.settles
}

fn count(words: &[String], word: &str) -> usize {
    words.iter().filter(|it| *it == word).count()
}

fn text_of(host: &mut Host) -> Value {
    host.get(C::GetLastAssistantText, &json!({})).expect("a text")["text"].clone()
}

/// The last facts that the core was told.
fn facts(host: &Host) -> pi_server_core::input::AgentInfo {
    let info = host.heard.iter().rev().find_map(|heard| match &heard.said {
        AgentSaid::Info(info) => Some((**info).clone()),
        AgentSaid::Ready(ready) => Some(ready.info.clone()),
        AgentSaid::Replied { .. }
        | AgentSaid::Event(_)
        | AgentSaid::Noise { .. }
        | AgentSaid::Exited(_)
        | AgentSaid::Unavailable { .. } => None,
    });
    info.expect("facts were told")
}

#[test]
fn a_prompt_streams_and_the_facts_come_before_its_end() {
    with_each_pi(|host, ready| {
        assert_eq!(text_of(host), Value::Null, "nothing has been said yet");
        let words = host.prompt("[words:5] hello");
        let deltas = words.iter().filter(|word| word.contains("text_delta")).count();
        assert_eq!(deltas, 5, "{}", host.log());
        let last = if is_old(ready) { "agent_end" } else { "agent_settled" };
        assert!(words.iter().position(|it| it == "info") < words.iter().position(|it| it == last));
        assert!(facts(host).messages >= 2);
        assert_eq!(text_of(host), "w0 w1 w2 w3 w4");
        let messages = host.get(C::GetMessages, &json!({})).expect("messages");
        assert!(messages["messages"].as_array().is_some_and(|list| list.len() >= 2));
        let updates = host.heard.iter().map(body).filter(|event| event["type"] == "message_update");
        for event in updates {
            assert_eq!(event["message"], Value::Null, "whole messages are cut");
            assert_eq!(event["assistantMessageEvent"]["partial"], Value::Null);
        }
    });
}

#[test]
fn tools_run_and_stream() {
    with_each_pi(|host, _| {
        let words = host.prompt("[tool:echo o''ne; echo two >made] [say:finished] go");
        assert_eq!(count(&words, "tool_execution_start"), 1, "{}", host.log());
        assert_eq!(count(&words, "tool_execution_end"), 1);
        assert_eq!(text_of(host), "finished");
        assert!(host.work().join("made").exists(), "commands run in the session's directory");
    });
}

#[test]
fn steering_and_follow_ups_join_the_run() {
    with_each_pi(|host, _| {
        host.call(C::Prompt, &json!({ "message": "[tool:sleep 0.4] [say:never]" }));
        host.until("tool", |heard| word(heard) == "tool_execution_start");
        host.get(C::FollowUp, &json!({ "message": "[say:later]" })).expect("queued");
        host.get(C::Steer, &json!({ "message": "[say:first]" })).expect("queued");
        assert_eq!(facts(host).queued, 2);
        let joined = json!({ "message": "[say:last]", "streamingBehavior": "followUp" });
        host.get(C::Prompt, &joined).expect("queued");
        host.until_over();
        let words: Vec<_> = host.heard.iter().map(word).collect();
        assert_eq!(count(&words, "agent_start"), 1);
        assert_eq!(count(&words, "message_start user"), 4);
        assert_eq!(text_of(host), "last");
        assert_eq!(facts(host).queued, 0);
    });
}

#[test]
fn an_abort_ends_the_run_and_what_was_queued() {
    with_each_pi(|host, ready| {
        host.call(C::Prompt, &json!({ "message": "[words:400] [delay:20]" }));
        host.until("delta", |heard| word(heard) == "message_update text_delta");
        if !is_old(ready) {
            host.get(C::Steer, &json!({ "message": "[say:leftover]" })).expect("queued");
        }
        host.get(C::Abort, &json!({})).expect("it stops");
        let last =
            host.heard.iter().rev().find(|heard| body(heard)["message"]["role"] == "assistant");
        assert_eq!(body(last.expect("a message"))["message"]["stopReason"], "aborted");
        assert_eq!(facts(host).queued, 0);
        host.prompt("[say:clean]");
        assert_eq!(text_of(host), "clean", "nothing of before comes back");
    });
}

#[test]
fn an_interrupt_stops_a_tool_that_runs() {
    with_each_pi(|host, _| {
        host.call(C::Prompt, &json!({ "message": "[tool:sleep 30]" }));
        host.until("tool", |heard| word(heard) == "tool_execution_start");
        let before = Instant::now();
        host.ask(&Ask::Interrupt { agent: AgentNo(1), kind: C::Prompt });
        host.until_over();
        assert!(before.elapsed() < Duration::from_secs(20));
    });
}

#[test]
fn an_abort_dismisses_the_dialog_that_would_keep_the_run_from_ending() {
    with_each_pi(|host, _| {
        host.call(C::Prompt, &json!({ "message": "[tool:echo guarded] [say:done]" }));
        host.until("dialog", |heard| word(heard) == "extension_ui_request confirm");
        host.get(C::Abort, &json!({})).expect("it stops");
        host.prompt("[say:again]");
        assert_eq!(text_of(host), "again");
    });
}

#[test]
fn dialogs_are_answered_in_their_own_way() {
    with_each_pi(|host, _| {
        for (method, answer, told) in [
            ("select", json!({ "method": "select", "value": "b" }), "\"b\""),
            ("confirm", json!({ "method": "confirm", "confirmed": true }), "true"),
            ("input", json!({ "method": "input", "value": "x y" }), "\"x y\""),
            ("editor", json!({ "method": "editor", "value": "z" }), "\"z\""),
            ("select", json!({ "method": "cancelled" }), "null"),
        ] {
            let call = host.call(C::Prompt, &json!({ "message": format!("/ask-me {method}") }));
            let heard = host.until("dialog", |heard| {
                matches!(&heard.said, AgentSaid::Event(AgentEvent::DialogOpened { .. }))
            });
            let event = body(&heard);
            assert_eq!(event["method"], method);
            assert_eq!(event["id"], Value::Null, "the id is called requestId");
            let request = event["requestId"].as_str().expect("an id").into();
            let answer = Some(host.frames.add(&json!({ "response": answer })));
            host.ask(&Ask::Dialog { agent: AgentNo(1), request, answer });
            let shown = host.until("notice", |heard| body(heard)["method"] == "notify");
            assert_eq!(body(&shown)["message"], told, "{method}");
            host.reply(call).expect("the extension handled it");
        }
    });
}

#[test]
fn bash_runs_and_can_be_stopped() {
    with_each_pi(|host, ready| {
        let result = host.get(C::Bash, &json!({ "command": "pwd; exit 3" })).expect("it ran");
        assert_eq!(result["exitCode"], 3);
        assert_eq!(result["output"].as_str().map(str::trim), host.work().to_str());
        let call = host.call(C::Bash, &json!({ "command": "sleep 30" }));
        host.get(C::AbortBash, &json!({})).expect("it stops");
        let result = host.reply(call).expect("stopped is no failure");
        assert_eq!((&result["cancelled"], &result["exitCode"]), (&json!(true), &Value::Null));
        let aside = json!({ "command": "true", "excludeFromContext": true });
        assert_eq!(host.get(C::Bash, &aside).is_err(), is_old(ready), "0.73 cannot");
    });
}

#[test]
fn compaction_summarises() {
    with_each_pi(|host, ready| {
        assert!(host.get(C::Compact, &json!({})).is_err() || is_old(ready), "too little");
        for n in 0..3 {
            host.prompt(&format!("[words:300] number {n}"));
        }
        let result = host.get(C::Compact, &json!({})).expect("compacted");
        assert!(result["summary"].as_str().is_some_and(|text| !text.is_empty()), "{result}");
        let words: Vec<_> = host.heard.iter().map(word).collect();
        assert!(words.contains(&"compaction_start".to_owned()), "{words:?}");
        host.get(C::AbortCompaction, &json!({}))
            .map_or_else(|words| assert!(is_old(ready), "{words}"), |_| assert!(!is_old(ready)));
    });
}

#[test]
fn a_fork_goes_on_in_a_file_of_its_own() {
    with_each_pi(|host, _| {
        host.prompt("[say:a] first");
        host.prompt("[say:b] second");
        let file = facts(host).file;
        let list = host.get(C::GetForkMessages, &json!({})).expect("messages");
        assert_eq!(list["messages"][1]["text"], "[say:b] second");
        let entry = list["messages"][1]["entryId"].clone();
        let data = host.get(C::Fork, &json!({ "entryId": entry })).expect("forked");
        assert_eq!((&data["text"], &data["cancelled"]), (&json!("[say:b] second"), &json!(false)));
        assert!(data["sessionId"].is_string(), "{data}");
        assert_ne!(facts(host).file, file);
        assert_eq!(text_of(host), "a");
        let unknown = host.get(C::Fork, &json!({ "entryId": "ffffffff" }));
        assert_eq!(unknown, Err("Invalid entry ID for forking".to_owned()));
        let new = host.get(C::NewSession, &json!({})).expect("a new one");
        assert_eq!(new, json!({ "cancelled": false }));
        assert_eq!(text_of(host), Value::Null);
    });
}

#[test]
fn the_tree_is_flat_and_can_be_moved_in() {
    with_each_pi(|host, _| {
        host.prompt("[say:a] first");
        host.prompt("[say:b] second");
        let tree = host.get(C::GetTree, &json!({})).expect("a tree");
        let nodes = tree["nodes"].as_array().expect("a list");
        let find = |text: &str| nodes.iter().find(|node| node["text"] == text).expect("a node");
        let (first, second) = (find("[say:a] first"), find("[say:b] second"));
        assert_eq!((&first["role"], &first["entryType"]), (&json!("user"), &json!("message")));
        assert_eq!(tree["currentLeafId"], nodes.last().expect("a leaf")["entryId"]);
        let options = json!({ "targetId": second["entryId"], "options": { "label": "here" } });
        let data = host.get(C::NavigateTree, &options).expect("moved");
        assert_eq!(data["editorText"], "[say:b] second");
        host.prompt("[say:c] third");
        let tree = host.get(C::GetTree, &json!({})).expect("a tree");
        let nodes = tree["nodes"].as_array().expect("a list");
        let third = nodes.iter().find(|node| node["text"] == "[say:c] third").expect("a branch");
        let parent = &third["parentId"];
        let label = nodes.iter().find(|node| node["entryType"] == "label");
        let from_label = label.is_some_and(|label| label["entryId"] == *parent);
        assert!(*parent == second["parentId"] || from_label, "{tree}");
        let unknown = host.get(C::NavigateTree, &json!({ "targetId": "ffffffff" }));
        assert_eq!(unknown, Err("Entry ffffffff not found".to_owned()));
    });
}

#[test]
fn models_and_levels_are_set_without_touching_the_users_settings() {
    with_each_pi(|host, _| {
        let settings = host.user_folder().join("settings.json");
        let before = std::fs::read(&settings).expect("settings");
        let models = host.get(C::GetAvailableModels, &json!({})).expect("models");
        let listed = models.to_string();
        assert!(listed.contains("fake-2"), "{listed}");
        assert!(!listed.contains("X-Not-For-Clients") && !listed.contains("apiKey"), "{listed}");
        let set = json!({ "provider": "fake", "modelId": "fake-2" });
        let model = host.get(C::SetModel, &set).expect("set");
        assert_eq!(model["model"]["id"], "fake-2");
        assert!(facts(host).model.is_some_and(|model| model.contains("fake-2")));
        let back = host.get(C::CycleModel, &json!({ "direction": "backward" })).expect("back");
        assert_eq!(back["model"]["id"], "fake-1", "{back}");
        let on = host.get(C::CycleModel, &json!({})).expect("forward");
        assert_eq!(on["model"]["id"], "fake-2", "{on}");
        let unknown = json!({ "provider": "fake", "modelId": "none" });
        assert_eq!(host.get(C::SetModel, &unknown), Err("Model not found: fake/none".to_owned()));
        let think = json!({ "provider": "fake", "modelId": "fake-think" });
        host.get(C::SetModel, &think).expect("set");
        host.get(C::SetThinkingLevel, &json!({ "level": "high" })).expect("set");
        assert_eq!(&*facts(host).thinking, "high");
        host.get(C::SetThinkingLevel, &json!({ "level": "none" })).expect("set");
        assert_eq!(&*facts(host).thinking, "off");
        let cycled = host.get(C::CycleThinkingLevel, &json!({})).expect("cycled");
        assert!(cycled["level"].is_string(), "{cycled}");
        for kind in [C::SetAutoRetry, C::SetAutoCompaction] {
            host.get(kind, &json!({ "enabled": false })).expect("set");
        }
        assert_eq!(std::fs::read(&settings).expect("settings"), before);
    });
}

#[test]
fn names_stats_lists_and_exports_answer() {
    with_each_pi(|host, _| {
        assert!(host.get(C::ExportHtml, &json!({})).is_err(), "there is nothing to export");
        host.prompt("[say:a] first");
        host.get(C::SetSessionName, &json!({ "name": "my name" })).expect("named");
        assert_eq!(facts(host).name.as_deref(), Some("my name"));
        let stats = host.get(C::GetSessionStats, &json!({})).expect("stats");
        assert_eq!(stats["userMessages"], 1, "{stats}");
        let usage = host.get(C::GetContextUsage, &json!({})).expect("usage");
        assert_eq!(usage["contextWindow"], 128_000, "{usage}");
        let tools = host.get(C::GetTools, &json!({})).expect("tools");
        let names = tools["tools"].as_array().expect("a list").iter();
        assert!(names.clone().any(|tool| tool["name"] == "bash"), "{tools}");
        let commands = host.get(C::GetCommands, &json!({})).expect("commands").to_string();
        assert!(commands.contains("ask-me") && !commands.contains("bridge"), "{commands}");
        let skills = host.get(C::GetSkills, &json!({})).expect("skills");
        assert_eq!(skills["skills"][0]["name"], "greet", "{skills}");
        let files = host.get(C::ListSessionFiles, &json!({})).expect("files");
        let file = facts(host).file.expect("a file");
        assert_eq!(files["files"][0]["path"], *file, "{files}");
        assert_eq!(files["files"][0]["name"], "my name");
        let html = host.get(C::ExportHtml, &json!({ "outputPath": "talk.html" })).expect("a file");
        assert_eq!(html["path"].as_str().map(Path::new), Some(&*host.work().join("talk.html")));
        assert!(host.work().join("talk.html").exists());
    });
}

#[test]
fn a_providers_error_is_retried_and_what_it_refuses_is_no_failure_of_it() {
    with_each_pi(|host, _| {
        let words = host.prompt("[error:500*1] [say:at last]");
        let of = |word: &str| count(&words, word);
        assert_eq!((of("agent_start"), of("auto_retry_start")), (2, 1), "{}", host.log());
        assert_eq!((of("agent_end again"), of("agent_end")), (1, 1), "{}", host.log());
        assert_eq!(text_of(host), "at last");
        let from = host.heard.len();
        host.prompt("[error:400]");
        let words: Vec<_> = host.heard[from..].iter().map(word).collect();
        assert_eq!(count(&words, "agent_end refused"), 1, "{words:?}");
    });
}

#[test]
fn a_pi_that_is_killed_is_reported_and_its_session_goes_on() {
    with_each_pi(|host, _| {
        host.prompt("[say:remember me]");
        let file = facts(host).file.expect("a file");
        host.call(C::Prompt, &json!({ "message": "[tool:echo go; sleep 77.5]" }));
        host.until("output", |heard| {
            let event = body(heard);
            event["type"] == "tool_execution_update" && event.to_string().contains("go\\n")
        });
        let mark = host.mark();
        until_true("its command inherits the mark", || {
            processes_with(&mark, "sleep 77.5").len() == 1
        });
        let agents = processes_with(&mark, "");
        let commands = processes_with(&mark, "sleep");
        agents.into_iter().filter(|pid| !commands.contains(pid)).for_each(kill);
        let exit = host.until("exit", |heard| matches!(heard.said, AgentSaid::Exited(_)));
        assert_eq!(word(&exit), "exited signal 9");
        until_true("its command is cleared away", || {
            processes_with(&mark, "sleep 77.5").is_empty()
        });
        host.up(2, "a", Some(&file));
        let call = host.call_of(2, C::GetForkMessages, &json!({}));
        let list = host.reply(call).expect("messages");
        assert_eq!(list["messages"][0]["text"], "[say:remember me]", "{list}");
        host.ask(&Ask::Kill { agent: AgentNo(2) });
        let exit = host.until("exit", |heard| matches!(heard.said, AgentSaid::Exited(_)));
        let status = word(&exit);
        assert!(matches!(&*status, "exited exit status 0" | "exited exit status 143"), "{status}");
    });
}

#[test]
fn a_file_that_is_no_session_is_not_touched() {
    with_each_pi(|host, _| {
        let file = host.user_folder().join("sessions/notes.jsonl");
        std::fs::write(&file, "my notes\n").expect("a file");
        let path = file.to_str().expect("a path");
        // What is no session file is refused by the look-up, without which none is taken.
        let switched = host.get(C::SwitchSessionFile, &json!({ "sessionPath": path }));
        assert_eq!(switched, Err("the session file was not looked up".to_owned()));
        host.spawn(2, "b", Some(path));
        let exit = host.until("exit", |heard| matches!(heard.said, AgentSaid::Exited(_)));
        assert!(word(&exit).ends_with("is not a session file"), "{}", word(&exit));
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "my notes\n");
    });
}

#[test]
fn a_session_goes_on_from_another_file() {
    with_each_pi(|host, _| {
        host.prompt("[say:in the old one]");
        let file = facts(host).file.expect("a file");
        host.get(C::NewSession, &json!({})).expect("a new one");
        host.found(&file);
        let switch = json!({ "sessionPath": *file });
        let data = host.get(C::SwitchSessionFile, &switch).expect("switched");
        assert_eq!(data, json!({ "cancelled": false }));
        assert_eq!(facts(host).file.as_deref(), Some(&*file));
        assert_eq!(text_of(host), "in the old one");
    });
}

#[test]
fn the_bridge_is_closed_to_clients() {
    with_each_pi(|host, _| {
        let message = json!({ "message": " /pi-server-bridge {\"op\":\"tools\"}" });
        for kind in [C::Prompt, C::Steer, C::FollowUp] {
            assert!(host.get(kind, &message).is_err_and(|words| words.contains("daemon alone")));
        }
        host.get(C::GetTree, &json!({})).expect("a tree");
        let shown = host.heard.iter().any(|heard| body(heard).to_string().contains("bridge:"));
        assert!(!shown, "{}", host.log());
    });
}

#[test]
fn twenty_sessions_work_at_once() {
    for program in programs() {
        let mut host = host(&program);
        for agent in 1..=20 {
            host.spawn(agent, &format!("s{agent}"), None);
        }
        for _ in 1..=20 {
            host.until("ready", |heard| matches!(heard.said, AgentSaid::Ready(_)));
        }
        for agent in 1..=20 {
            let message = format!("[words:20] for {agent}");
            host.call_of(agent, C::Prompt, &json!({ "message": message }));
        }
        for _ in 1..=20 {
            host.until_over();
        }
    }
}

/// Waits for something that happens outside of the loop.
fn until_true(what: &str, mut is_true: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !is_true() {
        assert!(Instant::now() < patience, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Processes whose environment has a variable that begins with `mark` and whose command line
/// contains `text`.
fn processes_with(mark: &str, text: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for process in std::fs::read_dir("/proc").expect("a process table").flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let read = |name: &str| std::fs::read(process.path().join(name)).unwrap_or_default();
        let environment = read("environ");
        let marked = environment.split(|byte| *byte == 0).any(|it| it.starts_with(mark.as_bytes()));
        let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        if marked && line.contains(text) && !line.contains("sh -c") && !line.is_empty() {
            found.push(pid);
        }
    }
    found
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
}
