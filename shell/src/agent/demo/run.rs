//! A run of the demo agent: a list of beats, played one after another with pauses in between.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pi_server_core::input::{AgentEvent, AgentSaid};
use serde_json::{Value, json};

use super::agent::{DemoAgent, MODELS, PROVIDER, Queued};
use super::script::{Question, Script};
use super::talk::{Kind, tokens};
use crate::agent::fields::Answer;
use crate::agent::voice::Voice;

/// Pause before each streamed piece, unless a directive sets another one.
const DELAY: Duration = Duration::from_millis(15);
/// Pause before the first further attempt; it doubles each time.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Most further attempts.
const RETRIES_MAX: u32 = 3;

/// A run that is going.
pub(super) struct Run {
    script: Script,
    beats: VecDeque<Beat>,
    due: Option<Instant>,
    open: Open,
    /// Messages of this stretch, for `agent_end`.
    fresh: Vec<Value>,
    thought: String,
    /// The whole answer, and how much of it has been streamed.
    answer: String,
    spoken: usize,
    /// What was answered to the dialogs.
    told: Vec<String>,
    /// Failed attempts so far.
    failures: u32,
    /// Counts tool calls and dialogs; part of their ids.
    issued: u64,
}

/// One thing that happens in a run.
enum Beat {
    Start,
    User(Queued),
    Junk,
    Error,
    ToolCall(String),
    ToolOutput,
    ToolEnd,
    Ask(Question),
    Open,
    Stall,
    Die,
    Think,
    Speak,
    Close,
    End,
}

/// What would have to be closed if the run were aborted.
enum Open {
    Nothing,
    Answer,
    Tool { id: String, command: String, call: Value },
    Dialog { request: String },
    Pause,
}

/// How a step went.
pub(super) enum Step {
    /// The run goes on.
    Goes,
    /// The run is over.
    Over,
    /// The agent is no more.
    Died,
}

impl Run {
    /// A run for a prompt. Its first event comes with the next tick.
    pub(super) fn new(prompt: Queued, now: Instant) -> Run {
        let mut run = Run {
            script: Script::default(),
            beats: VecDeque::new(),
            due: Some(now),
            open: Open::Nothing,
            fresh: Vec::new(),
            thought: String::new(),
            answer: String::new(),
            spoken: 0,
            told: Vec::new(),
            failures: 0,
            issued: 0,
        };
        run.plan(prompt);
        run.beats.push_front(Beat::Start);
        run
    }

    /// When the next beat is due; `None` while the run waits for a client.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Replaces what is still to come by what a message asks for.
    fn plan(&mut self, message: Queued) {
        self.script = Script::parse(&message.text);
        self.told.clear();
        self.failures = 0;
        self.beats.clear();
        self.beats.push_back(Beat::User(message));
        if self.script.junk {
            self.beats.push_back(Beat::Junk);
        }
        if self.script.error.is_some() {
            self.beats.push_back(Beat::Error);
        }
        for command in std::mem::take(&mut self.script.tools) {
            self.beats.extend([Beat::ToolCall(command), Beat::ToolOutput, Beat::ToolEnd]);
        }
        self.beats.extend(std::mem::take(&mut self.script.asks).into_iter().map(Beat::Ask));
        self.beats.push_back(Beat::Open);
        if self.script.die {
            self.beats.push_back(Beat::Die);
        }
        if self.script.stall {
            self.beats.push_back(Beat::Stall);
        }
        self.beats.extend([Beat::Think, Beat::Speak, Beat::Close, Beat::End]);
    }

    /// A dialog was answered: the run goes on.
    pub(super) fn answered(&mut self, request: &str, answer: &Answer, now: Instant) {
        if !matches!(&self.open, Open::Dialog { request: open } if open == request) {
            return;
        }
        self.open = Open::Nothing;
        self.due = Some(now);
        self.told.push(match answer {
            Answer::Value(value) => format!("You answered: {value}"),
            Answer::Confirmed(true) => "You said yes.".to_owned(),
            Answer::Confirmed(false) => "You said no.".to_owned(),
            Answer::Cancelled => "You dismissed the question.".to_owned(),
        });
    }

    fn delay(&self) -> Duration {
        self.script.delay.unwrap_or(DELAY)
    }

    /// The next beat is due after a pause, counted from when this one was due, so that pauses do
    /// not add up to more than they should.
    fn pause(&mut self, pause: Duration, now: Instant) {
        let from = self.due.unwrap_or(now);
        self.due = Some((from + pause).max(now));
    }

    /// The whole answer.
    fn compose(&self) -> String {
        let script = &self.script;
        let mut answer = match (script.words, &script.say) {
            (Some(words), _) => (0..words).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" "),
            (None, Some(say)) => say.clone(),
            (None, None) => format!(
                "This is the demo agent: a script inside the daemon, with no model behind it. \
                 You wrote: {}",
                script.rest
            ),
        };
        for told in &self.told {
            answer.push(' ');
            answer.push_str(told);
        }
        answer
    }
}

impl DemoAgent {
    /// Plays the next beat.
    pub(super) fn step(&mut self, now: Instant, voice: &mut Voice<'_>) -> Step {
        let Some(mut run) = self.run.take() else { return Step::Over };
        let step = self.play(&mut run, now, voice);
        self.run = Some(run);
        step
    }

    fn play(&mut self, run: &mut Run, now: Instant, voice: &mut Voice<'_>) -> Step {
        // A dialog whose time is up: the agent goes on and says nothing, as the real one does.
        if let Open::Dialog { request } = &run.open {
            let request = request.clone();
            run.answered(&request, &Answer::Cancelled, now);
        }
        let Some(beat) = run.beats.pop_front() else { return Step::Over };
        match beat {
            Beat::Start => {
                run.open = Open::Nothing;
                voice.event(AgentEvent::RunStarted, &json!({ "type": "agent_start" }));
                voice.event(AgentEvent::Other, &json!({ "type": "turn_start" }));
            }
            Beat::User(message) => {
                self.hear(run, message, now, voice);
                self.take_steering(run, voice);
            }
            Beat::Junk => voice.say(AgentSaid::Noise { lines: 2 }, Vec::new()),
            Beat::Error => return self.provider_fails(run, now, voice),
            Beat::ToolCall(command) => self.tool_call(run, command, now, voice),
            Beat::ToolOutput => self.tool_output(run, now, voice),
            Beat::ToolEnd => {
                self.tool_end(run, false, now, voice);
                voice.event(AgentEvent::Other, &json!({ "type": "turn_start" }));
                self.take_steering(run, voice);
            }
            Beat::Ask(question) => self.open_dialog(run, &question, now, voice),
            Beat::Open => self.open_answer(run, now, voice),
            Beat::Stall => run.due = None,
            Beat::Die => {
                voice.exited("exit status 1", "demo agent: told to die\n");
                return Step::Died;
            }
            Beat::Think => think(run, now, voice),
            Beat::Speak => speak(run, now, voice),
            Beat::Close => self.close_answer(run, "stop", None, now, voice),
            Beat::End => return self.end(run, voice),
        }
        Step::Goes
    }

    /// A message of the user enters the conversation.
    fn hear(&mut self, run: &mut Run, message: Queued, now: Instant, voice: &mut Voice<'_>) {
        let at = self.calendar.ms(now);
        let message = json!({ "role": "user", "content": message.content, "timestamp": at });
        self.enter(run, message, at, voice);
    }

    /// A complete message enters the conversation.
    fn enter(&mut self, run: &mut Run, message: Value, at_ms: u64, voice: &mut Voice<'_>) {
        for kind in ["message_start", "message_end"] {
            voice.event(AgentEvent::Other, &json!({ "type": kind, "message": message }));
        }
        self.keep(run, message, at_ms);
    }

    fn keep(&mut self, run: &mut Run, message: Value, at_ms: u64) {
        run.fresh.push(message.clone());
        self.talk.add(Kind::Message(message), at_ms);
    }

    /// A steering message that waits decides what happens next; `true` if there was one.
    fn take_steering(&mut self, run: &mut Run, voice: &mut Voice<'_>) -> bool {
        let Some(message) = self.queues.steering.pop_front() else { return false };
        voice.event(AgentEvent::Other, &self.queues.event());
        run.plan(message);
        true
    }

    fn tool_call(&mut self, run: &mut Run, command: String, now: Instant, voice: &mut Voice<'_>) {
        run.issued += 1;
        let id = format!("demo-call-{}-{}", self.calendar.ms(now), run.issued);
        let part = json!({
            "type": "toolCall", "id": id, "name": "bash", "arguments": { "command": command },
        });
        let at = self.calendar.ms(now);
        let call = self.assistant(&json!([part]), "toolUse", 0, at);
        self.enter(run, call.clone(), at, voice);
        voice.event(
            AgentEvent::Other,
            &json!({
                "type": "tool_execution_start", "toolCallId": id, "toolName": "bash",
                "args": { "command": command },
            }),
        );
        run.open = Open::Tool { id, command, call };
        run.pause(run.delay(), now);
    }

    fn tool_output(&mut self, run: &mut Run, now: Instant, voice: &mut Voice<'_>) {
        if let Open::Tool { id, command, call: _ } = &run.open {
            voice.event(
                AgentEvent::Other,
                &json!({
                    "type": "tool_execution_update", "toolCallId": id, "toolName": "bash",
                    "args": { "command": command },
                    "partialResult": { "content": text_content(&format!("$ {command}\n")) },
                }),
            );
        }
        run.pause(run.delay(), now);
    }

    fn tool_end(&mut self, run: &mut Run, aborted: bool, now: Instant, voice: &mut Voice<'_>) {
        let Open::Tool { id, command, call } = std::mem::replace(&mut run.open, Open::Nothing)
        else {
            return;
        };
        let output = if aborted {
            "Command aborted".to_owned()
        } else {
            format!("$ {command}\n(scripted by the demo agent: the command was not run)\n")
        };
        let content = text_content(&output);
        voice.event(
            AgentEvent::Other,
            &json!({
                "type": "tool_execution_end", "toolCallId": id, "toolName": "bash",
                "result": { "content": content }, "isError": aborted,
            }),
        );
        let at = self.calendar.ms(now);
        let result = json!({
            "role": "toolResult", "toolCallId": id, "toolName": "bash", "content": content,
            "isError": aborted, "timestamp": at,
        });
        self.enter(run, result.clone(), at, voice);
        let end = json!({ "type": "turn_end", "message": call, "toolResults": [result] });
        voice.event(AgentEvent::Other, &end);
    }

    fn open_dialog(
        &mut self,
        run: &mut Run,
        question: &Question,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        run.issued += 1;
        let request = format!("demo-{}-{}-{}", self.number, self.calendar.ms(now), run.issued);
        let timeout_ms = question.timeout.and_then(|it| u64::try_from(it.as_millis()).ok());
        let event = super::side::dialog_event(&request, question.method, timeout_ms);
        voice.event(
            AgentEvent::DialogOpened {
                request: request.as_str().into(),
                method: question.method,
                timeout_ms,
            },
            &event,
        );
        run.open = Open::Dialog { request };
        run.due = question.timeout.map(|timeout| now + timeout);
    }

    fn open_answer(&mut self, run: &mut Run, now: Instant, voice: &mut Voice<'_>) {
        run.answer = run.compose();
        run.thought = run.script.think.clone().unwrap_or_default();
        run.spoken = 0;
        run.open = Open::Answer;
        let message = self.assistant(&json!([]), "pending", 0, self.calendar.ms(now));
        voice.event(AgentEvent::Other, &json!({ "type": "message_start", "message": message }));
        run.pause(run.delay(), now);
    }

    fn close_answer(
        &mut self,
        run: &mut Run,
        stop_reason: &str,
        error: Option<&str>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        let said = &run.answer[..run.spoken];
        let mut content = Vec::new();
        if !run.thought.is_empty() {
            content.push(json!({ "type": "thinking", "thinking": run.thought }));
        }
        if !said.is_empty() {
            let index = content.len();
            content.push(json!({ "type": "text", "text": said }));
            update(voice, &json!({ "type": "text_end", "contentIndex": index, "content": said }));
        }
        let at = self.calendar.ms(now);
        let mut message = self.assistant(&Value::Array(content), stop_reason, tokens(said), at);
        if let (Some(error), Some(message)) = (error, message.as_object_mut()) {
            message.insert("errorMessage".to_owned(), json!(error));
        }
        voice.event(AgentEvent::Other, &json!({ "type": "message_end", "message": message }));
        if stop_reason == "stop" && run.failures > 0 {
            let end = json!({ "type": "auto_retry_end", "success": true, "attempt": run.failures });
            voice.event(AgentEvent::RetryEnded, &end);
            run.failures = 0;
        }
        let end = json!({ "type": "turn_end", "message": message, "toolResults": [] });
        voice.event(AgentEvent::Other, &end);
        self.keep(run, message, at);
        run.open = Open::Nothing;
        run.answer.clear();
        run.thought.clear();
        run.spoken = 0;
    }

    /// The provider answers with an error: another attempt follows, or the run is over.
    fn provider_fails(&mut self, run: &mut Run, now: Instant, voice: &mut Voice<'_>) -> Step {
        let Some(failing) = run.script.error.clone() else { return Step::Goes };
        if failing.times.is_some_and(|times| run.failures >= times) {
            return Step::Goes;
        }
        let message = self.assistant(&json!([]), "error", 0, self.calendar.ms(now));
        voice.event(AgentEvent::Other, &json!({ "type": "message_start", "message": message }));
        self.close_answer(run, "error", Some(&failing.text), now, voice);
        let again =
            failing.times.is_some() && self.settings.auto_retry && run.failures < RETRIES_MAX;
        self.run_ended(run, again, true, voice);
        if !again {
            if run.failures > 0 {
                retry_given_up(run.failures, &failing.text, voice);
            }
            settled(false, voice);
            return Step::Over;
        }
        let delay = RETRY_DELAY * (1 << run.failures);
        run.failures += 1;
        voice.event(
            AgentEvent::RetryScheduled,
            &json!({
                "type": "auto_retry_start", "attempt": run.failures, "maxAttempts": RETRIES_MAX,
                "delayMs": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                "errorMessage": failing.text,
            }),
        );
        run.beats.push_front(Beat::Error);
        run.beats.push_front(Beat::Start);
        run.open = Open::Pause;
        run.pause(delay, now);
        Step::Goes
    }

    /// The answer is complete: queued messages go on in the same run, else it is over.
    fn end(&mut self, run: &mut Run, voice: &mut Voice<'_>) -> Step {
        if self.queues.steering.is_empty() && self.queues.follow_up.is_empty() {
            self.run_ended(run, false, false, voice);
            settled(false, voice);
            return Step::Over;
        }
        voice.event(AgentEvent::Other, &json!({ "type": "turn_start" }));
        if !self.take_steering(run, voice)
            && let Some(message) = self.queues.follow_up.pop_front()
        {
            voice.event(AgentEvent::Other, &self.queues.event());
            run.plan(message);
        }
        Step::Goes
    }

    /// Plays the closing events of a run that is aborted.
    pub(super) fn close_aborted(&mut self, now: Instant, voice: &mut Voice<'_>) {
        let Some(mut run) = self.run.take() else { return };
        let words = "Request was aborted";
        let waiting = matches!(run.open, Open::Pause);
        match &run.open {
            Open::Answer => self.close_answer(&mut run, "aborted", Some(words), now, voice),
            Open::Tool { .. } => {
                self.tool_end(&mut run, true, now, voice);
                voice.event(AgentEvent::Other, &json!({ "type": "turn_start" }));
                self.close_answer(&mut run, "aborted", Some(words), now, voice);
            }
            // An agent that waits for another attempt has said `agent_end` already.
            Open::Pause => {
                let failures = std::mem::take(&mut run.failures);
                retry_given_up(failures, "Retry cancelled", voice);
            }
            Open::Nothing | Open::Dialog { .. } => {
                // The core counts on a run having begun before it ends.
                if matches!(run.beats.front(), Some(Beat::Start)) {
                    voice.event(AgentEvent::RunStarted, &json!({ "type": "agent_start" }));
                    voice.event(AgentEvent::Other, &json!({ "type": "turn_start" }));
                }
                self.close_answer(&mut run, "aborted", Some(words), now, voice);
            }
        }
        if !waiting {
            self.run_ended(&mut run, false, false, voice);
        }
        settled(true, voice);
    }

    /// Whether the run waits before another attempt.
    pub(super) fn waits_for_retry(&self) -> bool {
        self.run.as_ref().is_some_and(|run| matches!(run.open, Open::Pause))
    }

    fn run_ended(&self, run: &mut Run, will_retry: bool, failed: bool, voice: &mut Voice<'_>) {
        // Who asks right after the end of the turn is to see the facts as they are then.
        voice.info(self.info());
        let messages = std::mem::take(&mut run.fresh);
        let end = json!({ "type": "agent_end", "messages": messages, "willRetry": will_retry });
        voice.event(AgentEvent::RunEnded { will_retry, failed }, &end);
    }

    fn assistant(&self, content: &Value, stop_reason: &str, output: u64, at_ms: u64) -> Value {
        json!({
            "role": "assistant",
            "content": content,
            "api": "demo",
            "provider": PROVIDER,
            "model": MODELS[self.settings.model].0,
            "usage": {
                "input": 0, "output": output, "cacheRead": 0, "cacheWrite": 0,
                "totalTokens": output,
                "cost": { "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": 0 },
            },
            "stopReason": stop_reason,
            "timestamp": at_ms,
        })
    }
}

/// Streams the whole thought.
fn think(run: &mut Run, now: Instant, voice: &mut Voice<'_>) {
    if run.thought.is_empty() {
        return;
    }
    let thought = &run.thought;
    update(voice, &json!({ "type": "thinking_start", "contentIndex": 0 }));
    update(voice, &json!({ "type": "thinking_delta", "contentIndex": 0, "delta": thought }));
    update(voice, &json!({ "type": "thinking_end", "contentIndex": 0, "content": thought }));
    run.pause(run.delay(), now);
}

/// Streams the next word of the answer.
fn speak(run: &mut Run, now: Instant, voice: &mut Voice<'_>) {
    let rest = &run.answer[run.spoken..];
    if rest.is_empty() {
        return;
    }
    let index = usize::from(!run.thought.is_empty());
    if run.spoken == 0 {
        update(voice, &json!({ "type": "text_start", "contentIndex": index }));
    }
    let piece = first_word(rest);
    update(voice, &json!({ "type": "text_delta", "contentIndex": index, "delta": piece }));
    run.spoken += piece.len();
    if run.spoken < run.answer.len() {
        run.beats.push_front(Beat::Speak);
    }
    run.pause(run.delay(), now);
}

/// A word with the white space around it.
fn first_word(text: &str) -> &str {
    let mut in_word = false;
    let mut after_word = false;
    let end = text.char_indices().find_map(|(at, c)| {
        if c.is_whitespace() {
            after_word = in_word;
        } else if after_word {
            return Some(at);
        } else {
            in_word = true;
        }
        None
    });
    &text[..end.unwrap_or(text.len())]
}

fn update(voice: &mut Voice<'_>, event: &Value) {
    let event = json!({ "type": "message_update", "assistantMessageEvent": event });
    voice.event(AgentEvent::Other, &event);
}

fn retry_given_up(attempt: u32, words: &str, voice: &mut Voice<'_>) {
    let end = json!({
        "type": "auto_retry_end", "success": false, "attempt": attempt, "finalError": words,
    });
    voice.event(AgentEvent::RetryEnded, &end);
}

fn settled(aborted: bool, voice: &mut Voice<'_>) {
    let settled = json!({ "type": "agent_settled", "aborted": aborted });
    voice.event(AgentEvent::RunSettled, &settled);
}

fn text_content(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}
