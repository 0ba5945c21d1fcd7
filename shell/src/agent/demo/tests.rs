//! The demo agent on virtual time: nothing here waits.

use std::time::{Duration, Instant};

use pi_server_core::command::CommandKind as C;
use pi_server_core::input::{AgentEvent, AgentSaid, Reply};
use pi_server_core::output::Ask;
use pi_server_core::{AgentNo, CommandNo};
use serde_json::{Value, json};

use super::Demo;
use super::script::Script;
use crate::agent::Heard;
use crate::agent::testkit::{Frames, body, words};

const AGENT: AgentNo = AgentNo(1);

struct Stage {
    demo: Demo,
    frames: Frames,
    now: Instant,
    calls: u64,
}

impl Stage {
    fn new() -> Stage {
        let mut stage =
            Stage { demo: Demo::new(), frames: Frames::default(), now: Instant::now(), calls: 0 };
        let heard = stage.ask(&spawn(1, None));
        assert_eq!(words(&heard), ["ready"]);
        stage
    }

    fn ask(&mut self, ask: &Ask) -> Vec<Heard> {
        let mut heard = Vec::new();
        self.demo.ask(ask, &self.frames, self.now, &mut heard);
        heard
    }

    fn call(&mut self, kind: C, fields: &Value) -> Vec<Heard> {
        self.calls += 1;
        let ask = self.frames.call(self.calls, kind, fields);
        self.ask(&ask)
    }

    /// Calls something that is answered at once, and gives the `data`.
    fn get(&mut self, kind: C, fields: &Value) -> Value {
        let heard = self.call(kind, fields);
        let reply = heard.iter().find(|heard| matches!(heard.said, AgentSaid::Replied { .. }));
        body(reply.expect("it is answered at once"))
    }

    /// Plays until nothing is due any more.
    fn play(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        while let Some(due) = self.demo.deadline() {
            self.now = self.now.max(due);
            self.demo.tick(self.now, &mut heard);
        }
        heard
    }

    fn prompt(&mut self, message: &str) -> Vec<Heard> {
        let mut heard = self.call(C::Prompt, &json!({ "message": message }));
        heard.append(&mut self.play());
        heard
    }
}

fn spawn(agent: u64, resume: Option<&str>) -> Ask {
    let resume = resume.map(Into::into);
    Ask::Spawn { agent: AgentNo(agent), session: "s".into(), cwd: "/".into(), resume }
}

fn text_streamed(heard: &[Heard]) -> String {
    let deltas = heard.iter().filter_map(|heard| {
        body(heard)["assistantMessageEvent"]["delta"].as_str().map(str::to_owned)
    });
    deltas.collect()
}

#[test]
fn a_run_has_the_full_sequence_of_events() {
    let mut stage = Stage::new();
    let heard = stage.prompt("[say:two words] hi");
    assert_eq!(
        words(&heard),
        [
            "done 1 started",
            "agent_start",
            "turn_start",
            "message_start user",
            "message_end user",
            "message_start assistant",
            "message_update text_start",
            "message_update text_delta",
            "message_update text_delta",
            "message_update text_end",
            "message_end assistant",
            "turn_end",
            "info",
            "agent_end",
            "agent_settled",
        ]
    );
    assert_eq!(text_streamed(&heard), "two words");
}

#[test]
fn an_answer_says_that_it_is_the_demo_agents_and_takes_its_time() {
    let mut stage = Stage::new();
    let before = stage.now;
    let text = text_streamed(&stage.prompt("what are [you]?"));
    assert!(text.starts_with("This is the demo agent"), "{text}");
    assert!(text.ends_with("You wrote: what are [you]?"), "{text}");
    let pieces = u32::try_from(text.split(' ').count()).expect("short");
    assert_eq!(stage.now - before, Duration::from_millis(15) * (pieces + 1));
}

#[test]
fn a_tool_call_is_shown_and_not_run() {
    let mut stage = Stage::new();
    let heard = stage.prompt("[tool:touch /tmp/never] [say:ok]");
    let words = words(&heard);
    for word in ["tool_execution_start", "tool_execution_update", "tool_execution_end"] {
        assert_eq!(words.iter().filter(|it| *it == word).count(), 1, "{word}: {words:?}");
    }
    let messages = stage.get(C::GetMessages, &json!({}));
    let roles: Vec<_> = messages["messages"].as_array().expect("a list").iter().collect();
    assert_eq!(roles.len(), 4);
    assert_eq!(roles[1]["stopReason"], "toolUse");
    assert!(roles[2]["content"][0]["text"].as_str().expect("text").contains("was not run"));
}

#[test]
fn a_dialog_waits_for_its_answer_and_the_answer_is_told() {
    let mut stage = Stage::new();
    let heard = stage.prompt("[ask:select] [say:so]");
    let last = heard.last().expect("the dialog");
    let AgentSaid::Event(AgentEvent::DialogOpened { request, timeout_ms: None, .. }) = &last.said
    else {
        panic!("not a dialog: {last:?}");
    };
    let frame = json!({ "response": { "method": "select", "value": "second" } });
    let answer = Some(stage.frames.add(&frame));
    let unknown = Ask::Dialog { agent: AGENT, request: "demo-1-0-0".into(), answer };
    stage.ask(&unknown);
    assert_eq!(stage.demo.deadline(), None, "an unknown dialog changes nothing");
    stage.ask(&Ask::Dialog { agent: AGENT, request: request.clone(), answer });
    assert_eq!(text_streamed(&stage.play()), "so You answered: second");
}

#[test]
fn a_dialog_with_a_timeout_goes_on_by_itself() {
    let mut stage = Stage::new();
    let before = stage.now;
    let heard = stage.prompt("[ask:confirm 700] [say:so]");
    assert_eq!(text_streamed(&heard), "so You dismissed the question.");
    assert!(stage.now - before >= Duration::from_millis(700));
}

#[test]
fn an_abort_closes_everything_that_is_open() {
    for (prompt, ticks, open) in [
        ("[words:50]", 3, "message_end assistant"),
        ("[stall]", 3, "message_end assistant"),
        ("[tool:x]", 1, "tool_execution_end"),
        ("[ask:input]", 1, "message_end assistant"),
        ("[error:x*3]", 1, "auto_retry_end"),
    ] {
        let mut stage = Stage::new();
        stage.call(C::Prompt, &json!({ "message": prompt }));
        for _ in 0..ticks {
            if let Some(due) = stage.demo.deadline() {
                stage.now = due;
                stage.demo.tick(due, &mut Vec::new());
            }
        }
        let heard = words(&stage.call(C::Abort, &json!({})));
        assert!(heard.iter().any(|word| word == open), "{prompt}: {heard:?}");
        assert_eq!(heard[heard.len() - 2..], ["agent_settled", "done 2 unspecified"], "{prompt}");
        let ends = heard.iter().filter(|word| *word == "agent_end").count();
        let ended_before = usize::from(open == "auto_retry_end");
        assert_eq!(ends + ended_before, 1, "{prompt}: {heard:?}");
        assert_eq!(stage.demo.deadline(), None, "{prompt}: nothing goes on");
    }
}

#[test]
fn an_abort_before_the_first_event_still_begins_the_run() {
    let mut stage = Stage::new();
    stage.call(C::Prompt, &json!({ "message": "hi" }));
    let interrupt = Ask::Interrupt { agent: AGENT, kind: C::Prompt };
    let heard = words(&stage.ask(&interrupt));
    assert_eq!(heard[0], "agent_start");
    assert_eq!(heard.last().map(String::as_str), Some("agent_settled"));
}

#[test]
fn steering_comes_before_follow_ups_and_both_stay_in_the_run() {
    let mut stage = Stage::new();
    stage.call(C::Prompt, &json!({ "message": "[tool:x] [say:never]" }));
    stage.call(C::FollowUp, &json!({ "message": "[say:later]" }));
    stage.call(C::Steer, &json!({ "message": "[say:first]" }));
    let heard = stage.play();
    assert_eq!(text_streamed(&heard), "firstlater");
    let words = words(&heard);
    assert_eq!(words.iter().filter(|word| *word == "agent_start").count(), 1);
    assert_eq!(words.iter().filter(|word| *word == "agent_end").count(), 1);
}

#[test]
fn steering_while_idle_waits_for_the_next_prompt() {
    let mut stage = Stage::new();
    let heard = words(&stage.call(C::Steer, &json!({ "message": "[say:mine]" })));
    assert_eq!(heard, ["queue_update", "info", "done 1 queued"]);
    assert_eq!(stage.demo.deadline(), None);
    assert_eq!(text_streamed(&stage.prompt("[say:yours]")), "mine");
}

#[test]
fn an_abort_takes_what_was_queued_with_it() {
    let mut stage = Stage::new();
    stage.call(C::Prompt, &json!({ "message": "[stall]" }));
    stage.call(C::Steer, &json!({ "message": "[say:leftover]" }));
    assert_eq!(words(&stage.call(C::Abort, &json!({})))[0], "queue_update");
    assert_eq!(text_streamed(&stage.prompt("[say:clean]")), "clean");
}

#[test]
fn a_second_prompt_is_refused_unless_it_joins() {
    let mut stage = Stage::new();
    stage.call(C::Prompt, &json!({ "message": "[say:one]" }));
    let refused = words(&stage.call(C::Prompt, &json!({ "message": "two" })));
    assert!(refused[0].starts_with("failed 2 Agent is already processing"), "{refused:?}");
    let joined = json!({ "message": "[say:two]", "streamingBehavior": "followUp" });
    assert!(words(&stage.call(C::Prompt, &joined)).contains(&"done 3 queued".to_owned()));
    assert_eq!(text_streamed(&stage.play()), "onetwo");
}

#[test]
fn provider_errors_fail_the_run_and_are_retried_when_told() {
    let mut stage = Stage::new();
    let heard = words(&stage.prompt("[error:quota]"));
    assert_eq!(heard[heard.len() - 2..], ["agent_end failed", "agent_settled"]);

    let heard = words(&stage.prompt("[error:429*2] [say:at last]"));
    let of = |word: &str| heard.iter().filter(|it| *it == word).count();
    assert_eq!((of("agent_start"), of("agent_end again"), of("auto_retry_start")), (3, 2, 2));
    assert_eq!((of("auto_retry_end"), of("agent_end"), of("agent_settled")), (1, 1, 1));

    let heard = words(&stage.prompt("[error:429*9]"));
    assert_eq!(
        heard[heard.len() - 3..],
        ["agent_end failed", "auto_retry_end", "agent_settled"],
        "three further attempts at most"
    );
}

#[test]
fn directives_refuse_stay_silent_and_die() {
    let mut stage = Stage::new();
    assert_eq!(words(&stage.prompt("[fail:not today]")), ["failed 1 not today"]);
    assert!(stage.prompt("[noack]").is_empty());
    assert!(words(&stage.prompt("[junk] hi")).contains(&"noise 2".to_owned()));
    let heard = words(&stage.prompt("[die] hi"));
    assert_eq!(heard.last().map(String::as_str), Some("exited exit status 1"));
    assert!(stage.prompt("anybody?").is_empty(), "nothing more comes of a dead agent");
}

#[test]
fn bash_takes_its_time_and_can_be_stopped() {
    let mut stage = Stage::new();
    assert!(stage.call(C::Bash, &json!({ "command": "[delay:40] ls" })).is_empty());
    let heard = stage.play();
    assert_eq!(words(&heard), ["info", "done 1 unspecified"]);
    assert_eq!(body(&heard[1])["exitCode"], 0);
    stage.call(C::Bash, &json!({ "command": "[stall] sleep" }));
    assert_eq!(stage.demo.deadline(), None);
    let heard = stage.call(C::AbortBash, &json!({}));
    assert_eq!(words(&heard), ["done 2 unspecified", "done 3 unspecified"]);
    assert_eq!(body(&heard[0])["cancelled"], true);
    assert_eq!(body(&heard[0])["exitCode"], Value::Null, "a stopped command has no status");
}

#[test]
fn compaction_summarises_and_can_be_stopped() {
    let mut stage = Stage::new();
    let refused = words(&stage.call(C::Compact, &json!({})));
    assert_eq!(refused, ["failed 1 Nothing to compact (session too small)"]);
    stage.prompt("[say:one]");
    stage.call(C::Compact, &json!({ "customInstructions": "[stall]" }));
    let heard = words(&stage.call(C::AbortCompaction, &json!({})));
    assert_eq!(heard, ["compaction_end", "failed 3 Compaction cancelled", "done 4 unspecified"]);
    stage.call(C::Compact, &json!({}));
    assert_eq!(words(&stage.play()), ["compaction_end", "info", "done 5 unspecified"]);
    let messages = stage.get(C::GetMessages, &json!({}));
    assert_eq!(messages["messages"].as_array().map(Vec::len), Some(1));
    assert_eq!(messages["messages"][0]["role"], "compactionSummary");
}

#[test]
fn a_fork_goes_on_before_the_message_it_names() {
    let mut stage = Stage::new();
    stage.prompt("[say:a] first");
    stage.prompt("[say:b] second");
    let list = stage.get(C::GetForkMessages, &json!({}));
    assert_eq!(list["messages"][1]["text"], "[say:b] second");
    let entry = list["messages"][1]["entryId"].clone();
    let data = stage.get(C::Fork, &json!({ "entryId": entry }));
    assert_eq!(data["text"], "[say:b] second");
    assert_eq!(data["sessionId"], "demo-1-2");
    assert_eq!(stage.get(C::GetLastAssistantText, &json!({}))["text"], "a");
    let unknown = words(&stage.call(C::Fork, &json!({ "entryId": "ffffffff" })));
    assert_eq!(unknown, ["failed 6 Invalid entry ID for forking"]);
}

#[test]
fn the_tree_keeps_branches_and_labels() {
    let mut stage = Stage::new();
    stage.prompt("[say:a] first");
    let tree = stage.get(C::GetTree, &json!({}));
    let nodes = tree["nodes"].as_array().expect("a list");
    let types: Vec<_> = nodes.iter().filter_map(|node| node["entryType"].as_str()).collect();
    assert_eq!(types, ["model_change", "thinking_level_change", "message", "message"]);
    assert_eq!(tree["currentLeafId"], nodes[3]["entryId"]);
    let target = nodes[2]["entryId"].clone();
    let options = json!({ "targetId": target, "options": { "label": "start" } });
    let data = stage.get(C::NavigateTree, &options);
    assert_eq!(data["editorText"], "[say:a] first");
    stage.prompt("[say:b] other");
    let nodes = stage.get(C::GetTree, &json!({}))["nodes"].clone();
    assert_eq!(nodes[2]["label"], "start");
    assert_eq!(nodes[4]["parentId"], nodes[1]["entryId"], "a second branch");
    assert_eq!(nodes.as_array().map(Vec::len), Some(6));
}

#[test]
fn settings_answer_and_show_in_the_facts() {
    let mut stage = Stage::new();
    let set = json!({ "provider": "demo", "modelId": "demo-2" });
    assert_eq!(stage.get(C::SetModel, &set)["model"]["id"], "demo-2");
    let unknown = words(&stage.call(C::SetModel, &json!({ "provider": "x", "modelId": "y" })));
    assert_eq!(unknown, ["failed 2 Model not found: x/y"]);
    let back = stage.get(C::CycleModel, &json!({ "direction": "backward" }));
    assert_eq!(back["model"]["id"], "demo-1");
    stage.call(C::SetThinkingLevel, &json!({ "level": "high" }));
    assert_eq!(stage.get(C::CycleThinkingLevel, &json!({}))["level"], "xhigh");
    let heard = stage.call(C::SetSessionName, &json!({ "name": " a name " }));
    assert_eq!(words(&heard), ["session_info_changed", "info", "done 6 unspecified"]);
    let AgentSaid::Info(info) = &heard[1].said else { panic!("{heard:?}") };
    assert_eq!(info.name.as_deref(), Some("a name"));
    assert_eq!((&*info.thinking, info.provider.as_deref()), ("xhigh", Some("demo")));
}

#[test]
fn a_session_that_is_started_again_says_that_it_begins_empty() {
    let mut stage = Stage::new();
    assert_eq!(words(&stage.ask(&Ask::Kill { agent: AGENT })), ["exited exit status 0"]);
    let heard = stage.ask(&spawn(2, None));
    assert_eq!(words(&heard), ["ready", "extension_ui_request notify"]);
}

#[test]
fn an_erased_frame_fails_its_call() {
    let mut stage = Stage::new();
    let mut ask = stage.frames.call(9, C::Prompt, &json!({ "message": "x" }));
    if let Ask::Call { frame, .. } = &mut ask {
        frame.seq.0 += 1_000;
    }
    let heard = stage.ask(&ask);
    let AgentSaid::Replied { call: CommandNo(9), reply: Reply::Failed(words) } = &heard[0].said
    else {
        panic!("{heard:?}");
    };
    assert!(words.contains("erased"), "{words}");
}

#[test]
fn the_oldest_messages_are_forgotten_beyond_the_bound() {
    let mut stage = Stage::new();
    for _ in 0..2_100 {
        stage.prompt("[say:x] [delay:0]");
    }
    let tree = stage.get(C::GetTree, &json!({}));
    let nodes = tree["nodes"].as_array().expect("a list");
    assert!((2_000..=4_096).contains(&nodes.len()), "{}", nodes.len());
    assert_eq!(nodes[0]["parentId"], Value::Null);
    assert_eq!(nodes.last().map(|node| &node["entryId"]), Some(&tree["currentLeafId"]));
}

#[test]
fn directives_are_read_in_one_pass_and_may_hold_brackets() {
    let script = Script::parse("a [say:x [y] z] b [nothing] [words:] [ask:never]");
    assert_eq!(script.say.as_deref(), Some("x [y] z"));
    assert_eq!(script.rest, "a  b [nothing]  [ask:never]");
    let brackets = "[".repeat(200_000);
    assert_eq!(Script::parse(&brackets).rest, brackets);
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Script::parse(&nested).rest, nested);
}
