//! The demo agent's answers to calls.

use std::time::Instant;

use pi_server_core::CommandNo;
use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, Disposition};
use serde_json::{Value, json};

use super::agent::{CONTEXT_WINDOW, DemoAgent, LEVELS, MODELS, PROVIDER, Queued, model};
use super::run::Run;
use super::script::{HELP, Mark, Script};
use super::talk::{Kind, Talk};
use crate::agent::fields::{Direction, Fields, Streaming};
use crate::agent::voice::Voice;

impl DemoAgent {
    /// Does a call: answers it at once, or when it is done.
    pub(super) fn call(
        &mut self,
        call: CommandNo,
        kind: CommandKind,
        fields: &Fields,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        match kind {
            CommandKind::Prompt => self.prompt(call, fields, now, voice),
            CommandKind::Steer => self.queue_call(call, fields, Streaming::Steer, voice),
            CommandKind::FollowUp => self.queue_call(call, fields, Streaming::FollowUp, voice),
            CommandKind::Abort => {
                self.abort_run(now, voice);
                voice.done(call, None);
            }
            CommandKind::AbortCompaction => {
                self.end_compaction(true, now, voice);
                voice.done(call, None);
            }
            CommandKind::AbortRetry => {
                if self.waits_for_retry() {
                    self.abort_run(now, voice);
                }
                voice.done(call, None);
            }
            CommandKind::AbortBash => {
                self.abort_shells(voice);
                voice.done(call, None);
            }
            CommandKind::Bash => self.start_shell(call, fields, now, voice),
            CommandKind::Compact => self.start_compaction(call, fields, now, voice),
            CommandKind::NewSession => self.new_session(call, now, voice),
            CommandKind::Fork => self.fork(call, &fields.entry_id, voice),
            CommandKind::NavigateTree => self.navigate(call, fields, now, voice),
            CommandKind::SetModel => self.set_model(call, fields, now, voice),
            CommandKind::CycleModel => self.cycle_model(call, fields, now, voice),
            CommandKind::SetThinkingLevel => {
                self.set_level(&fields.level, now, voice);
                voice.done(call, None);
            }
            CommandKind::CycleThinkingLevel => {
                let at = LEVELS.iter().position(|level| *level == self.settings.level);
                let next = LEVELS[at.map_or(0, |at| (at + 1) % LEVELS.len())];
                self.set_level(next, now, voice);
                voice.done(call, Some(&json!({ "level": next })));
            }
            CommandKind::SetAutoCompaction => {
                self.settings.auto_compaction = fields.enabled;
                voice.done(call, None);
            }
            CommandKind::SetAutoRetry => {
                self.settings.auto_retry = fields.enabled;
                voice.done(call, None);
            }
            CommandKind::SetSessionName => self.set_name(call, &fields.name, now, voice),
            CommandKind::GetMessages
            | CommandKind::GetSessionStats
            | CommandKind::GetForkMessages
            | CommandKind::GetTree
            | CommandKind::GetLastAssistantText
            | CommandKind::GetContextUsage
            | CommandKind::GetAvailableModels
            | CommandKind::GetCommands
            | CommandKind::GetSkills
            | CommandKind::GetTools
            | CommandKind::ListSessionFiles => voice.done(call, Some(&self.read(kind))),
            CommandKind::SwitchSessionFile
            | CommandKind::ExportHtml
            | CommandKind::ListSessions
            | CommandKind::CreateSession
            | CommandKind::DeleteSession
            | CommandKind::SwitchSession
            | CommandKind::Unsubscribe
            | CommandKind::ListStoredSessions
            | CommandKind::LoadSession
            | CommandKind::GetMetrics
            | CommandKind::HealthCheck
            | CommandKind::GetStartupRecovery
            | CommandKind::GetCommandHistory
            | CommandKind::GetCapabilities
            | CommandKind::SetInterest
            | CommandKind::CancelCommand
            | CommandKind::ReconcileCommand
            | CommandKind::ExtensionUiResponse
            | CommandKind::GetState => {
                let words = format!("the demo agent cannot do {}", kind.row().name);
                voice.failed(call, &words);
            }
        }
    }

    /// The `data` of the calls that only read.
    fn read(&self, kind: CommandKind) -> Value {
        if kind == CommandKind::GetMessages {
            json!({ "messages": self.talk.messages() })
        } else if kind == CommandKind::GetSessionStats {
            self.stats()
        } else if kind == CommandKind::GetForkMessages {
            json!({ "messages": self.talk.user_messages() })
        } else if kind == CommandKind::GetTree {
            self.talk.tree()
        } else if kind == CommandKind::GetLastAssistantText {
            json!({ "text": self.talk.last_answer() })
        } else if kind == CommandKind::GetContextUsage {
            self.context_usage()
        } else if kind == CommandKind::GetAvailableModels {
            json!({ "models": (0..MODELS.len()).map(model).collect::<Vec<_>>() })
        } else if kind == CommandKind::GetCommands {
            json!({ "commands": [{
                "name": "help", "description": "Lists the demo agent's directives",
                "source": "extension",
            }] })
        } else if kind == CommandKind::GetSkills {
            json!({ "skills": [] })
        } else if kind == CommandKind::GetTools {
            json!({ "tools": [{
                "name": "bash",
                "description": "Shows a command; the demo agent never runs one",
            }] })
        } else {
            // The demo agent keeps no files.
            json!({ "files": [] })
        }
    }

    fn prompt(&mut self, call: CommandNo, fields: &Fields, now: Instant, voice: &mut Voice<'_>) {
        let script = Script::parse(&fields.message);
        if script.has(Mark::NoAck) {
            return;
        }
        if let Some(words) = script.fail {
            return voice.failed(call, &words);
        }
        if fields.message == "/help" {
            voice.event(
                AgentEvent::Other,
                &json!({
                    "type": "extension_ui_request", "requestId": format!("notify-{call}"),
                    "method": "notify", "message": HELP, "notifyType": "info",
                }),
            );
            return voice.accepted(call, Disposition::Handled);
        }
        match (self.run.is_some(), fields.streaming_behavior) {
            (true, Some(how)) => self.queue_call(call, fields, how, voice),
            (true, None) => voice.failed(
                call,
                "Agent is already processing. Specify streamingBehavior ('steer' or 'followUp') \
                 to queue the message.",
            ),
            (false, _) if self.compaction.is_some() => {
                voice.failed(call, "the demo agent is compacting its conversation");
            }
            (false, _) => {
                voice.accepted(call, Disposition::Started);
                self.run = Some(Run::new(Queued::of(fields), now));
            }
        }
    }

    fn queue_call(
        &mut self,
        call: CommandNo,
        fields: &Fields,
        how: Streaming,
        voice: &mut Voice<'_>,
    ) {
        match self.queue(fields, how) {
            Ok(()) => {
                voice.event(AgentEvent::Other, &self.queues.event());
                voice.info(self.info());
                voice.accepted(call, Disposition::Queued);
            }
            Err(words) => voice.failed(call, words),
        }
    }

    /// Begins an empty conversation with the settings in force.
    pub(super) fn begin_conversation(&mut self, now: Instant) {
        let at = self.calendar.ms(now);
        self.talk = Talk::default();
        self.talk.add(self.model_entry(), at);
        self.talk.add(Kind::Thinking(self.settings.level), at);
    }

    fn model_entry(&self) -> Kind {
        Kind::Model { provider: PROVIDER, model: MODELS[self.settings.model].0 }
    }

    fn new_session(&mut self, call: CommandNo, now: Instant, voice: &mut Voice<'_>) {
        if self.is_busy() {
            return voice.failed(call, "the demo agent is busy");
        }
        self.conversation += 1;
        self.settings.name = None;
        self.begin_conversation(now);
        voice.info(self.info());
        voice.done(call, Some(&json!({ "cancelled": false })));
    }

    fn fork(&mut self, call: CommandNo, entry: &str, voice: &mut Voice<'_>) {
        if self.is_busy() {
            return voice.failed(call, "the demo agent is busy");
        }
        match self.talk.fork(entry) {
            Some(text) => {
                self.conversation += 1;
                let id = self.inner_id();
                let data = json!({ "sessionId": id, "text": text, "cancelled": false });
                voice.info(self.info());
                voice.done(call, Some(&data));
            }
            None => voice.failed(call, "Invalid entry ID for forking"),
        }
    }

    fn navigate(&mut self, call: CommandNo, fields: &Fields, now: Instant, voice: &mut Voice<'_>) {
        if self.is_busy() {
            return voice.failed(call, "the demo agent is busy");
        }
        if !self.talk.has(&fields.target_id) {
            return voice.failed(call, &format!("Entry {} not found", fields.target_id));
        }
        let left = self.talk.len();
        let editor_text = self.talk.navigate(&fields.target_id);
        let options = fields.options.clone().unwrap_or_default();
        if options.summarize == Some(true) {
            let summary = format!("The demo agent's summary of a branch of {left} messages.");
            self.talk.add(Kind::BranchSummary(summary), self.calendar.ms(now));
        }
        if let Some(label) = &options.label {
            self.talk.label(&fields.target_id, label);
        }
        let mut data = json!({ "cancelled": false });
        if let Some(text) = editor_text {
            data["editorText"] = json!(text);
        }
        voice.info(self.info());
        voice.done(call, Some(&data));
    }

    fn set_model(&mut self, call: CommandNo, fields: &Fields, now: Instant, voice: &mut Voice<'_>) {
        let Fields { provider, model_id, .. } = fields;
        let found = MODELS.iter().position(|(id, _)| id == model_id && provider == PROVIDER);
        match found {
            Some(index) => {
                self.take_model(index, now);
                voice.info(self.info());
                voice.done(call, Some(&json!({ "model": self.model() })));
            }
            None => voice.failed(call, &format!("Model not found: {provider}/{model_id}")),
        }
    }

    fn cycle_model(
        &mut self,
        call: CommandNo,
        fields: &Fields,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        let step = match fields.direction.unwrap_or_default() {
            Direction::Forward => 1,
            Direction::Backward => MODELS.len() - 1,
        };
        self.take_model((self.settings.model + step) % MODELS.len(), now);
        let data = json!({
            "model": self.model(), "thinkingLevel": self.settings.level, "isScoped": false,
        });
        voice.info(self.info());
        voice.done(call, Some(&data));
    }

    fn take_model(&mut self, index: usize, now: Instant) {
        self.settings.model = index;
        self.talk.add(self.model_entry(), self.calendar.ms(now));
    }

    fn set_level(&mut self, level: &str, now: Instant, voice: &mut Voice<'_>) {
        // `none` is the peer's word for the real agent's `off`.
        let level = LEVELS.iter().find(|known| **known == level).copied().unwrap_or("off");
        if level != self.settings.level {
            self.settings.level = level;
            self.talk.add(Kind::Thinking(level), self.calendar.ms(now));
            let event = json!({ "type": "thinking_level_changed", "level": level });
            voice.event(AgentEvent::Other, &event);
        }
        voice.info(self.info());
    }

    fn set_name(&mut self, call: CommandNo, name: &str, now: Instant, voice: &mut Voice<'_>) {
        let name = name.trim();
        if name.is_empty() {
            return voice.failed(call, "Session name cannot be empty");
        }
        self.settings.name = Some(name.to_owned());
        self.talk.add(Kind::Name(name.to_owned()), self.calendar.ms(now));
        let event = json!({ "type": "session_info_changed", "name": name });
        voice.event(AgentEvent::Other, &event);
        voice.info(self.info());
        voice.done(call, None);
    }

    fn stats(&self) -> Value {
        let counts = self.talk.counts();
        json!({
            "sessionId": self.inner_id(),
            "userMessages": counts.users,
            "assistantMessages": counts.assistants,
            "toolCalls": counts.tool_calls,
            "toolResults": counts.tool_results,
            "totalMessages": counts.messages,
            "tokens": {
                "input": counts.tokens_in, "output": counts.tokens_out,
                "cacheRead": 0, "cacheWrite": 0, "total": counts.tokens_in + counts.tokens_out,
            },
            "cost": 0,
            "contextUsage": self.context_usage(),
        })
    }

    fn context_usage(&self) -> Value {
        let counts = self.talk.counts();
        let used = counts.tokens_in + counts.tokens_out;
        json!({
            "tokens": used, "contextWindow": CONTEXT_WINDOW, "percent": used * 100 / CONTEXT_WINDOW,
        })
    }
}
