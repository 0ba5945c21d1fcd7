//! What a demo agent does besides runs: shell commands (never executed), compactions, dialogs.

use std::time::{Duration, Instant};

use pi_server_core::CommandNo;
use pi_server_core::input::{AgentEvent, DialogMethod};
use serde_json::{Value, json};

use super::agent::DemoAgent;
use super::script::{Mark, Script};
use super::talk::{Kind, tokens};
use crate::agent::fields::Fields;
use crate::agent::voice::Voice;

/// How long a compaction takes, unless a directive says otherwise.
const COMPACTION: Duration = Duration::from_millis(100);
/// Shell commands that may go on at a time.
const SHELLS_MAX: usize = 100;

/// A `bash` call that goes on.
pub(super) struct Shell {
    call: CommandNo,
    command: String,
    exclude: bool,
    exit: i32,
    /// When it ends; `None` if only an abort ends it.
    pub(super) due: Option<Instant>,
}

/// A `compact` call that goes on.
pub(super) struct Compaction {
    call: CommandNo,
    /// When it ends; `None` if only an abort ends it.
    pub(super) due: Option<Instant>,
}

impl DemoAgent {
    /// `bash`: shows the command, does not run it.
    pub(super) fn start_shell(
        &mut self,
        call: CommandNo,
        fields: &Fields,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        let script = Script::parse(&fields.command);
        if let Some(words) = script.fail {
            return voice.failed(call, &words);
        }
        if self.shells.len() >= SHELLS_MAX {
            return voice.failed(call, "the demo agent has too many commands going");
        }
        self.shells.push(Shell {
            call,
            command: fields.command.clone(),
            exclude: fields.exclude_from_context.unwrap_or(false),
            exit: script.exit,
            due: (!script.has(Mark::Stall)).then(|| now + script.delay.unwrap_or_default()),
        });
    }

    /// Ends the shell commands whose time is up.
    pub(super) fn finish_shells(&mut self, now: Instant, voice: &mut Voice<'_>) {
        let is_due = |shell: &mut Shell| shell.due.is_some_and(|due| due <= now);
        for shell in self.shells.extract_if(.., is_due).collect::<Vec<_>>() {
            let output = format!(
                "$ {}\n(scripted by the demo agent: the command was not run)\n",
                shell.command
            );
            let result = json!({
                "output": output, "exitCode": shell.exit, "cancelled": false, "truncated": false,
            });
            if !shell.exclude {
                let at = self.calendar.ms(now);
                let message = json!({
                    "role": "bashExecution", "command": shell.command, "output": output,
                    "exitCode": shell.exit, "cancelled": false, "truncated": false,
                    "timestamp": at,
                });
                self.talk.add(Kind::Message(message), at);
            }
            voice.info(self.info());
            voice.done(shell.call, Some(&result));
        }
    }

    /// Stops all shell commands.
    pub(super) fn abort_shells(&mut self, voice: &mut Voice<'_>) {
        for shell in self.shells.drain(..) {
            let result = json!({
                "output": "", "exitCode": null, "cancelled": true, "truncated": false,
            });
            voice.done(shell.call, Some(&result));
        }
    }

    /// `compact`: takes a moment.
    pub(super) fn start_compaction(
        &mut self,
        call: CommandNo,
        fields: &Fields,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        if self.is_busy() {
            return voice.failed(call, "the demo agent is busy");
        }
        if !self.talk.can_compact() {
            return voice.failed(call, "Nothing to compact (session too small)");
        }
        let script = Script::parse(fields.custom_instructions.as_deref().unwrap_or_default());
        let due = (!script.has(Mark::Stall)).then(|| now + script.delay.unwrap_or(COMPACTION));
        self.compaction = Some(Compaction { call, due });
        let start = json!({ "type": "compaction_start", "reason": "manual" });
        voice.event(AgentEvent::CompactionStarted, &start);
    }

    /// Ends the compaction, if one goes on: as done, or before its time.
    pub(super) fn end_compaction(&mut self, aborted: bool, now: Instant, voice: &mut Voice<'_>) {
        let Some(Compaction { call, due: _ }) = self.compaction.take() else { return };
        let mut end = json!({
            "type": "compaction_end", "reason": "manual", "aborted": aborted, "willRetry": false,
        });
        let ended = AgentEvent::CompactionEnded { will_retry: false };
        if aborted {
            end["errorMessage"] = json!("Compaction cancelled");
            voice.event(ended, &end);
            return voice.failed(call, "Compaction cancelled");
        }
        let counts = self.talk.counts();
        let summary = format!(
            "The demo agent's summary: {} messages, {} of them from the user.",
            counts.messages, counts.users
        );
        let first_kept = self.talk.leaf_name();
        let tokens_before = counts.tokens_in + counts.tokens_out;
        let compaction = Kind::Compaction { summary: summary.clone(), tokens_before };
        self.talk.add(compaction, self.calendar.ms(now));
        let result = json!({
            "summary": summary, "firstKeptEntryId": first_kept, "tokensBefore": tokens_before,
            "estimatedTokensAfter": tokens(&summary),
        });
        end["result"] = result.clone();
        voice.event(ended, &end);
        voice.info(self.info());
        voice.done(call, Some(&result));
    }
}

/// The event that opens a dialog.
pub(super) fn dialog_event(request: &str, method: DialogMethod, timeout_ms: Option<u64>) -> Value {
    let mut event = json!({ "type": "extension_ui_request", "requestId": request });
    let Some(fields) = event.as_object_mut() else { return event };
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    match method {
        DialogMethod::Select => {
            set("method", json!("select"));
            set("title", json!("The demo agent asks: which one?"));
            set("options", json!(["first", "second", "third"]));
        }
        DialogMethod::Confirm => {
            set("method", json!("confirm"));
            set("title", json!("The demo agent asks"));
            set("message", json!("Go on?"));
        }
        DialogMethod::Input => {
            set("method", json!("input"));
            set("title", json!("The demo agent asks for a line of text"));
            set("placeholder", json!("anything"));
        }
        // The last two are never asked; see `script`.
        DialogMethod::Editor | DialogMethod::Interview | DialogMethod::Cancelled => {
            set("method", json!("editor"));
            set("title", json!("The demo agent asks for a longer text"));
            set("prefill", json!("Write here."));
        }
    }
    if let Some(timeout) = timeout_ms {
        set("timeout", json!(timeout));
    }
    event
}
