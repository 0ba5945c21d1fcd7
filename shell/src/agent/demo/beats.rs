//! The beats of a run in detail: what enters the conversation, and the events that show it.

use std::time::{Duration, Instant};

use pi_server_core::input::AgentEvent;
use serde_json::{Value, json};

use super::agent::{DemoAgent, MODELS, PROVIDER, Queued};
use super::run::{Beat, Open, Run, Step};
use super::script::Question;
use super::talk::{Kind, tokens};
use crate::agent::voice::Voice;

/// Pause before the first further attempt; it doubles each time.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Most further attempts.
const RETRIES_MAX: u32 = 3;

impl DemoAgent {
    /// A message of the user enters the conversation.
    pub(super) fn hear(
        &mut self,
        run: &mut Run,
        message: &Queued,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
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
    pub(super) fn take_steering(&mut self, run: &mut Run, voice: &mut Voice<'_>) -> bool {
        let Some(message) = self.queues.steering.pop_front() else { return false };
        voice.event(AgentEvent::Other, &self.queues.event());
        run.plan(message);
        true
    }

    pub(super) fn tool_call(
        &mut self,
        run: &mut Run,
        command: String,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
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

    pub(super) fn tool_end(
        &mut self,
        run: &mut Run,
        aborted: bool,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
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

    pub(super) fn open_dialog(
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

    pub(super) fn open_answer(&mut self, run: &mut Run, now: Instant, voice: &mut Voice<'_>) {
        run.answer = run.compose();
        run.thought = run.script.think.clone().unwrap_or_default();
        run.spoken = 0;
        run.open = Open::Answer;
        let message = self.assistant(&json!([]), "pending", 0, self.calendar.ms(now));
        voice.event(AgentEvent::Other, &json!({ "type": "message_start", "message": message }));
        run.pause(run.delay(), now);
    }

    pub(super) fn close_answer(
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
    pub(super) fn provider_fails(
        &mut self,
        run: &mut Run,
        now: Instant,
        voice: &mut Voice<'_>,
    ) -> Step {
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
    pub(super) fn end(&mut self, run: &mut Run, voice: &mut Voice<'_>) -> Step {
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
                self.open_answer(&mut run, now, voice);
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
                self.open_answer(&mut run, now, voice);
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

/// The output of a tool call so far.
pub(super) fn tool_output(run: &mut Run, now: Instant, voice: &mut Voice<'_>) {
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

/// A piece of an answer that streams.
pub(super) fn update(voice: &mut Voice<'_>, event: &Value) {
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
