//! A run of the demo agent: a list of beats, played one after another with pauses in between.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pi_server_core::input::{AgentEvent, AgentSaid};
use serde_json::{Value, json};

use super::agent::{DemoAgent, Queued};
use super::beats::{tool_output, update};
use super::script::{Mark, Question, Script};
use crate::agent::fields::Answer;
use crate::agent::voice::Voice;

/// Pause before each streamed piece, unless a directive sets another one.
const DELAY: Duration = Duration::from_millis(15);

/// A run that is going.
pub(super) struct Run {
    pub(super) script: Script,
    pub(super) beats: VecDeque<Beat>,
    pub(super) due: Option<Instant>,
    pub(super) open: Open,
    /// Messages of this stretch, for `agent_end`.
    pub(super) fresh: Vec<Value>,
    pub(super) thought: String,
    /// The whole answer, and how much of it has been streamed.
    pub(super) answer: String,
    pub(super) spoken: usize,
    /// What was answered to the dialogs.
    pub(super) told: Vec<String>,
    /// Failed attempts so far.
    pub(super) failures: u32,
    /// Counts tool calls and dialogs; part of their ids.
    pub(super) issued: u64,
}

/// One thing that happens in a run.
pub(super) enum Beat {
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
pub(super) enum Open {
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
    pub(super) fn plan(&mut self, message: Queued) {
        self.script = Script::parse(&message.text);
        self.told.clear();
        self.failures = 0;
        self.beats.clear();
        self.beats.push_back(Beat::User(message));
        if self.script.has(Mark::Junk) {
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
        if self.script.has(Mark::Die) {
            self.beats.push_back(Beat::Die);
        }
        if self.script.has(Mark::Stall) {
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

    pub(super) fn delay(&self) -> Duration {
        self.script.delay.unwrap_or(DELAY)
    }

    /// The next beat is due after a pause, counted from when this one was due, so that pauses do
    /// not add up to more than they should.
    pub(super) fn pause(&mut self, pause: Duration, now: Instant) {
        let from = self.due.unwrap_or(now);
        self.due = Some((from + pause).max(now));
    }

    /// The whole answer.
    pub(super) fn compose(&self) -> String {
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
                self.hear(run, &message, now, voice);
                self.take_steering(run, voice);
            }
            Beat::Junk => voice.say(AgentSaid::Noise { lines: 2 }, Vec::new()),
            Beat::Error => return self.provider_fails(run, now, voice),
            Beat::ToolCall(command) => self.tool_call(run, command, now, voice),
            Beat::ToolOutput => tool_output(run, now, voice),
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
