//! One demo agent: its settings, its conversation, and what is going on in it.

use std::collections::VecDeque;
use std::time::Instant;

use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, AgentInfo, AgentReady};
use pi_server_core::{AgentNo, Text};
use serde_json::{Value, json};

use super::run::{Run, Step};
use super::side::{Compaction, Shell};
use super::talk::Talk;
use super::time::Calendar;
use crate::agent::fields::{Answer, Fields, Streaming};
use crate::agent::voice::Voice;

/// The models it pretends to have.
pub(super) const MODELS: [(&str, &str); 2] = [("demo-1", "Demo One"), ("demo-2", "Demo Two")];
/// The provider of its models.
pub(in crate::agent) const PROVIDER: &str = "demo";
/// The thinking levels, in order.
pub(super) const LEVELS: [&str; 7] = ["off", "minimal", "low", "medium", "high", "xhigh", "max"];
/// Size of its models' context window, in words.
pub(super) const CONTEXT_WINDOW: u64 = 128_000;
/// Steps of a run in one tick, so that a run without pauses leaves room for other agents.
const STEPS_MAX: u32 = 64;
/// Messages that may wait for a run.
const QUEUED_MAX: usize = 1_000;

/// What an agent is and knows.
pub(super) struct DemoAgent {
    pub(super) number: AgentNo,
    pub(super) calendar: Calendar,
    pub(super) talk: Talk,
    pub(super) settings: Settings,
    pub(super) queues: Queues,
    /// The file that its first conversation was loaded from. It is never written, but it is taken.
    file: Option<Text>,
    /// Counts the conversations that this agent has had; part of their inner id.
    pub(super) conversation: u64,
    pub(super) run: Option<Run>,
    pub(super) compaction: Option<Compaction>,
    pub(super) shells: Vec<Shell>,
}

/// What a client can set.
pub(super) struct Settings {
    pub(super) model: usize,
    pub(super) level: &'static str,
    pub(super) name: Option<String>,
    pub(super) auto_compaction: bool,
    pub(super) auto_retry: bool,
}

/// Messages that wait for the run, or for the next one.
#[derive(Default)]
pub(super) struct Queues {
    pub(super) steering: VecDeque<Queued>,
    pub(super) follow_up: VecDeque<Queued>,
}

/// A message that waits.
pub(super) struct Queued {
    /// Its text.
    pub(super) text: String,
    /// The message as it enters the conversation, still without a timestamp.
    pub(super) content: Value,
}

impl Queues {
    fn len(&self) -> usize {
        self.steering.len() + self.follow_up.len()
    }

    /// The event that shows the whole queue.
    pub(super) fn event(&self) -> Value {
        let texts = |queue: &VecDeque<Queued>| -> Vec<Value> {
            queue.iter().map(|queued| json!(queued.text)).collect()
        };
        json!({
            "type": "queue_update",
            "steering": texts(&self.steering),
            "followUp": texts(&self.follow_up),
        })
    }
}

impl Queued {
    /// The message that a command carries.
    pub(super) fn of(fields: &Fields) -> Queued {
        let mut content = vec![json!({ "type": "text", "text": fields.message })];
        content.extend(fields.images.iter().flatten().map(
            |image| json!({ "type": "image", "data": image.data, "mimeType": image.mime_type }),
        ));
        Queued { text: fields.message.clone(), content: Value::Array(content) }
    }
}

impl DemoAgent {
    /// An agent with an empty conversation, whatever is in the file.
    pub(super) fn new(
        number: AgentNo,
        file: Option<Text>,
        calendar: Calendar,
        now: Instant,
    ) -> DemoAgent {
        let mut agent = DemoAgent {
            number,
            file,
            calendar,
            talk: Talk::default(),
            settings: Settings {
                model: 0,
                level: "off",
                name: None,
                auto_compaction: true,
                auto_retry: true,
            },
            queues: Queues::default(),
            conversation: 1,
            run: None,
            compaction: None,
            shells: Vec::new(),
        };
        agent.begin_conversation(now);
        agent
    }

    /// What the core is told of it at the start.
    pub(super) fn ready(&self) -> AgentReady {
        AgentReady {
            version: concat!("demo ", env!("CARGO_PKG_VERSION")).into(),
            settles: true,
            disposition: true,
            // There are no files to switch to or to write.
            absent: vec![CommandKind::SwitchSessionFile, CommandKind::ExportHtml],
            info: self.info(),
        }
    }

    /// What it looks like by now.
    pub(super) fn info(&self) -> AgentInfo {
        AgentInfo {
            name: self.settings.name.as_deref().map(Into::into),
            file: self.file.clone().filter(|_| self.conversation == 1),
            model: Some(self.model().to_string().into()),
            provider: Some(PROVIDER.into()),
            thinking: self.settings.level.into(),
            messages: self.talk.len(),
            queued: self.queues.len() as u64,
        }
    }

    /// The model in use.
    pub(super) fn model(&self) -> Value {
        model(self.settings.model)
    }

    /// Inner id of the conversation, which `fork` and `new_session` change.
    pub(super) fn inner_id(&self) -> String {
        format!("demo-{}-{}", self.number, self.conversation)
    }

    /// Whether a run or a compaction goes on.
    pub(super) fn is_busy(&self) -> bool {
        self.run.is_some() || self.compaction.is_some()
    }

    /// Queues a message for the run, or for the next one.
    ///
    /// # Errors
    /// The queue is full.
    pub(super) fn queue(&mut self, fields: &Fields, how: Streaming) -> Result<(), &'static str> {
        if self.queues.len() >= QUEUED_MAX {
            return Err("the demo agent's queue is full");
        }
        match how {
            Streaming::Steer => self.queues.steering.push_back(Queued::of(fields)),
            Streaming::FollowUp => self.queues.follow_up.push_back(Queued::of(fields)),
        }
        Ok(())
    }

    /// When [`DemoAgent::tick`] is wanted next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let run = self.run.as_ref().and_then(Run::deadline);
        let compaction = self.compaction.as_ref().and_then(|compaction| compaction.due);
        let shells = self.shells.iter().filter_map(|shell| shell.due);
        shells.chain(run).chain(compaction).min()
    }

    /// Does what is due; `false` if the agent has died of it.
    pub(super) fn tick(&mut self, now: Instant, voice: &mut Voice<'_>) -> bool {
        self.finish_shells(now, voice);
        if self.compaction.as_ref().and_then(|it| it.due).is_some_and(|due| due <= now) {
            self.end_compaction(false, now, voice);
        }
        for _ in 0..STEPS_MAX {
            if self.run.as_ref().and_then(Run::deadline).is_none_or(|due| due > now) {
                break;
            }
            match self.step(now, voice) {
                Step::Goes => {}
                Step::Over => self.run = None,
                Step::Died => return false,
            }
        }
        true
    }

    /// The core wants the turn stopped.
    pub(super) fn interrupt(&mut self, kind: CommandKind, now: Instant, voice: &mut Voice<'_>) {
        if kind == CommandKind::Bash {
            self.abort_shells(voice);
        } else if kind == CommandKind::Compact {
            self.end_compaction(true, now, voice);
        } else {
            // All else that holds a turn is a prompt, or is over at once.
            self.abort_run(now, voice);
        }
    }

    /// Ends the run before its time, as a real agent does: with all the closing events.
    pub(super) fn abort_run(&mut self, now: Instant, voice: &mut Voice<'_>) {
        // What was queued for the run goes with it.
        if self.queues.len() > 0 {
            self.queues = Queues::default();
            voice.event(AgentEvent::Other, &self.queues.event());
            voice.info(self.info());
        }
        if self.run.is_some() {
            self.close_aborted(now, voice);
        }
    }

    /// A client has answered a dialog.
    pub(super) fn answer(&mut self, request: &str, answer: &Answer, now: Instant) {
        if let Some(run) = &mut self.run {
            run.answered(request, answer, now);
        }
    }
}

/// A model object, in the shape of the real agent's.
pub(super) fn model(index: usize) -> Value {
    let (id, name) = MODELS[index % MODELS.len()];
    json!({
        "id": id,
        "name": name,
        "api": "demo",
        "provider": PROVIDER,
        "reasoning": true,
        "input": ["text", "image"],
        "cost": { "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0 },
        "contextWindow": CONTEXT_WINDOW,
        "maxTokens": 4096,
    })
}
