//! A path that a client gives is followed by a look-up beside the loop, and never here.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use pi_server_core::command::CommandKind;
use pi_server_core::output::Ask;
use pi_server_core::{AgentNo, CommandNo};
use serde_json::{Value, json};

use crate::agent::pi::{Script, Scripted};
use crate::agent::testkit::Frames;
use crate::agent::{Heard, Troupe};

/// Answers what is asked at the start, and keeps every line.
struct Keeping(Rc<RefCell<Vec<Value>>>);

impl Script for Keeping {
    fn started(&mut self, _: &str, _: Option<&str>) {}

    fn told(&mut self, _: &str, line: &str) -> Vec<String> {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let (id, kind) = (line["id"].clone(), line["type"].clone());
        self.0.borrow_mut().push(line);
        let data = match kind.as_str() {
            Some("get_commands") => json!({ "commands": [] }),
            _ => json!({}),
        };
        let answer = json!({
            "id": id, "type": "response", "command": kind, "success": true, "data": data,
        });
        vec![answer.to_string()]
    }
}

#[test]
fn a_session_file_is_taken_from_the_look_up_and_never_from_the_client() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let mut pi = Scripted::new("0.84.1", Keeping(Rc::clone(&told)));
    let mut frames = Frames::default();
    let mut heard: Vec<Heard> = Vec::new();
    let now = Instant::now();
    let spawn =
        Ask::Spawn { agent: AgentNo(1), session: "s".into(), cwd: "/work".into(), resume: None };
    pi.ask(&spawn, &frames, now, &mut heard);
    // A path on which any look would wait for ever.
    let fields = json!({ "sessionPath": "/hangs/a.jsonl" });
    let wants = |told: &RefCell<Vec<Value>>| -> Vec<Value> {
        let told = told.borrow();
        let of = told.iter().filter(|line| line["type"] == "switch_session");
        of.map(|line| line["sessionPath"].clone()).collect()
    };
    let mut switch = |pi: &mut Scripted<Keeping>, call: u64| {
        let ask = frames.call(call, CommandKind::SwitchSessionFile, &fields);
        pi.ask(&ask, &frames, now, &mut heard);
        format!("{:?}", heard.last())
    };
    let said = switch(&mut pi, 5);
    assert!(said.contains("was not looked up"), "{said}");
    assert_eq!(wants(&told), Vec::<Value>::new());
    pi.found(CommandNo(6), "/real/a.jsonl".into(), &|_| true);
    switch(&mut pi, 6);
    assert_eq!(wants(&told), ["/real/a.jsonl"]);
    // Once, and not if its call is not wanted any more by the time of another look-up.
    pi.found(CommandNo(7), "/real/b.jsonl".into(), &|_| true);
    pi.found(CommandNo(8), "/real/c.jsonl".into(), &|call| call != CommandNo(7));
    for call in [6, 7] {
        let said = switch(&mut pi, call);
        assert!(said.contains("was not looked up"), "{said}");
    }
    switch(&mut pi, 8);
    assert_eq!(wants(&told), ["/real/a.jsonl", "/real/c.jsonl"]);
}
