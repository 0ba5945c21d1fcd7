//! The protocol with one pi: which lines wait for which answers, what is open, and what the core is
//! told when. It reads and writes bytes in memory only, so that recorded traffic can be played to it.
//!
//! One rule of order runs through it: before the core hears something after which the session looks
//! different (the end of a run, a rename), it hears what it looks like by then. pi has to be asked
//! for that, so such a statement, and all that follows, is held until pi has answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, AgentInfo, AgentReady, AgentSaid, Disposition, Reply};
use pi_server_core::{CommandNo, Text};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::files;
use super::lines_in::{self, Line, Response};
use super::lines_out::{self, Plan};
use super::object::{Object, quote};
use super::replies::{self, Shape};
use super::version::{Dialect, Version};
use crate::agent::fields::{Answer, Fields};
use crate::agent::voice::{Voice, cut};

/// How long a statement is held for pi's answer to what the session looks like.
const HOLD_MAX: Duration = Duration::from_secs(5);

/// How long after stopping shell commands it is tried again while one still runs: a command that has
/// just been given is not running yet, and then pi stops nothing.
const STOP_AGAIN: Duration = Duration::from_millis(200);

/// The protocol with one pi.
pub(super) struct Session {
    version: Version,
    cwd: PathBuf,
    /// Directories that a session file may be in.
    roots: Vec<PathBuf>,
    phase: Phase,
    issued: u64,
    pending: BTreeMap<u64, Pending>,
    /// Dialogs that wait for an answer.
    dialogs: BTreeSet<Text>,
    /// Aborts that pi has not answered.
    aborting: u32,
    compacting: bool,
    /// Shell commands are being stopped: when to try again.
    stopping_bash: Option<Instant>,
    info: AgentInfo,
    held: VecDeque<Held>,
    noise: u32,
    out: Vec<u8>,
}

/// Whether pi has shown signs of life.
enum Phase {
    /// What it looks like is known, and whether it has loaded the bridge.
    Starting {
        info: Option<AgentInfo>,
        bridge: Option<bool>,
    },
    Up,
}

/// What the answer to a line is for.
enum Pending {
    /// The first `get_state`.
    Start,
    /// The first `get_commands`.
    StartCommands,
    /// What the session looks like by now; releases what is held for it.
    Refresh,
    /// A call.
    Call { call: CommandNo, shape: Shape },
    /// A call through the bridge, whose answer comes as a status before the response.
    Bridged { call: CommandNo, shape: Shape },
    /// The models, to find the one before the one in use.
    Models { call: CommandNo },
    /// The model before the one in use was set.
    PreviousModel { call: CommandNo },
    /// An abort, for a call or of the daemon's own accord.
    Abort { call: Option<CommandNo> },
    /// A line that the daemon sent of its own accord.
    Own,
}

/// Something said that the core has not heard yet.
struct Held {
    /// The `get_state` whose answer must come first.
    until: Option<(u64, Instant)>,
    said: AgentSaid,
    body: Vec<u8>,
    /// It is the reply to a fork, which carries pi's new id of the conversation.
    fork: bool,
}

impl Session {
    /// The protocol with a pi that was just started: asks it for signs of life.
    pub(super) fn new(version: Version, cwd: PathBuf, roots: Vec<PathBuf>) -> Session {
        let mut session = Session {
            version,
            cwd,
            roots,
            phase: Phase::Starting { info: None, bridge: None },
            issued: 0,
            pending: BTreeMap::new(),
            dialogs: BTreeSet::new(),
            aborting: 0,
            compacting: false,
            stopping_bash: None,
            info: AgentInfo::default(),
            held: VecDeque::new(),
            noise: 0,
            out: Vec::new(),
        };
        session.write(json!({ "type": "get_state" }), Pending::Start);
        session.write(json!({ "type": "get_commands" }), Pending::StartCommands);
        session
    }

    /// The bytes to be written to pi; the caller takes them.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Whether pi has shown its signs of life.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Up)
    }

    /// When [`Session::tick`] is wanted.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let held = self.held.front().and_then(|held| held.until).map(|(_, due)| due);
        held.into_iter().chain(self.stopping_bash).min()
    }

    /// Releases what pi's answer did not come in time for.
    pub(super) fn tick(&mut self, now: Instant, voice: &mut Voice<'_>) {
        for held in &mut self.held {
            held.until = held.until.filter(|(_, due)| *due > now);
        }
        self.release(voice);
        if self.stopping_bash.is_some_and(|due| due <= now) {
            self.stopping_bash = None;
            self.stop_bash(now);
        }
    }

    /// Stops shell commands; goes on trying while there are any.
    fn stop_bash(&mut self, now: Instant) {
        let is_bash =
            |pending: &Pending| matches!(pending, Pending::Call { call: _, shape: Shape::Bash });
        if self.pending.values().any(is_bash) {
            self.write(json!({ "type": "abort_bash" }), Pending::Own);
            self.stopping_bash = Some(now + STOP_AGAIN);
        }
    }

    /// Says everything that is held: pi is gone.
    pub(super) fn end(&mut self, voice: &mut Voice<'_>) {
        self.report_noise(voice);
        for held in &mut self.held {
            held.until = None;
        }
        self.release(voice);
    }

    /// Does a call.
    pub(super) fn call(
        &mut self,
        call: CommandNo,
        kind: CommandKind,
        fields: &Fields,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        match lines_out::plan(kind, fields, self.version) {
            Plan::Line(line, shape) => self.write(line, Pending::Call { call, shape }),
            Plan::Bridge(request, shape) => {
                let line = lines_out::bridge(self.issued + 1, request);
                self.write(line, Pending::Bridged { call, shape });
            }
            Plan::Abort => self.abort(Some(call)),
            Plan::AbortBash => {
                self.stop_bash(now);
                self.reply(call, Shape::None, None, now, voice);
            }
            Plan::AbortCompaction if !self.version.stops_compaction() => {
                let words = format!("{} cannot stop a compaction", self.version.describe());
                self.fail(call, &words, voice);
            }
            Plan::AbortCompaction if self.compacting => {
                self.write(json!({ "type": "abort" }), Pending::Call { call, shape: Shape::None });
            }
            Plan::AbortCompaction => self.reply(call, Shape::None, None, now, voice),
            Plan::PreviousModel => {
                let line = json!({ "type": "get_available_models" });
                self.write(line, Pending::Models { call });
            }
            Plan::SwitchFile(path) => match files::check(&path, &self.roots) {
                Ok(path) => {
                    let line = json!({ "type": "switch_session", "sessionPath": path });
                    self.write(line, Pending::Call { call, shape: Shape::AsIsChanged });
                }
                Err(words) => self.fail(call, &words, voice),
            },
            Plan::Refuse(words) => self.fail(call, &words, voice),
        }
    }

    /// The core wants the turn stopped.
    pub(super) fn interrupt(&mut self, kind: CommandKind, now: Instant) {
        if kind == CommandKind::Bash {
            self.stop_bash(now);
        } else if kind == CommandKind::Compact {
            if self.version.stops_compaction() {
                self.write(json!({ "type": "abort" }), Pending::Own);
            }
        } else {
            self.abort(None);
        }
    }

    /// A dialog was answered, or dismissed.
    pub(super) fn answer(&mut self, request: &Text, answer: &Answer) {
        if self.dialogs.remove(request) {
            self.write_line(&lines_out::dialog(request, answer));
        }
    }

    /// Stops the run. Queued messages would come back in the next run, so they go as well where pi
    /// can drop them; a dialog that nobody answers would keep pi from ending the run at all.
    fn abort(&mut self, call: Option<CommandNo>) {
        if self.version.clears_queue() {
            self.write(json!({ "type": "clear_queue" }), Pending::Own);
        }
        self.aborting += 1;
        self.write(json!({ "type": "abort" }), Pending::Abort { call });
        for request in std::mem::take(&mut self.dialogs) {
            self.write_line(&lines_out::dialog(&request, &Answer::Cancelled));
        }
    }

    /// A line of pi, without its line end.
    pub(super) fn line(&mut self, line: &[u8], now: Instant, voice: &mut Voice<'_>) {
        match lines_in::read(line, self.version.dialect()) {
            Line::Response(response) => self.response(&response, now, voice),
            Line::Event { event, body } => self.event(event, body, now, voice),
            Line::Bridged { id, answer } => self.bridged(id, &answer, now, voice),
            Line::Junk => self.noise = self.noise.saturating_add(1),
        }
    }

    /// Counts a line that was never read.
    pub(super) fn junk(&mut self) {
        self.noise = self.noise.saturating_add(1);
    }

    /// Reports the junk since the last report, once for many lines.
    pub(super) fn report_noise(&mut self, voice: &mut Voice<'_>) {
        let lines = std::mem::take(&mut self.noise);
        if lines > 0 {
            self.say(AgentSaid::Noise { lines }, Vec::new(), voice);
        }
    }

    fn event(&mut self, event: AgentEvent, body: String, now: Instant, voice: &mut Voice<'_>) {
        let mut refresh = false;
        match &event {
            AgentEvent::DialogOpened { request, method: _, timeout_ms: _ } => {
                // What an extension asks after an abort would keep the run from ending.
                if self.aborting > 0 {
                    return self.write_line(&lines_out::dialog(request, &Answer::Cancelled));
                }
                self.dialogs.insert(request.clone());
            }
            AgentEvent::RunEnded { .. } => refresh = self.version.dialect() == Dialect::Old,
            AgentEvent::RunSettled => refresh = true,
            AgentEvent::CompactionStarted => self.compacting = true,
            AgentEvent::CompactionEnded { .. } => {
                self.compacting = false;
                refresh = true;
            }
            AgentEvent::RetryScheduled => self.retry_follows(),
            AgentEvent::RunStarted | AgentEvent::RetryEnded => {}
            AgentEvent::Other => self.other(&body, voice),
        }
        let said = AgentSaid::Event(event);
        if refresh {
            self.hold(said, body.into_bytes(), false, now);
        } else {
            self.say(said, body.into_bytes(), voice);
        }
    }

    /// Some events say themselves how the session looks by then.
    fn other(&mut self, body: &str, voice: &mut Voice<'_>) {
        let Some(event) = Object::parse(body) else { return };
        let mut info = self.info.clone();
        match event.text("type").as_deref() {
            Some("queue_update") => {
                let len = |key| event.get::<Vec<&RawValue>>(key).unwrap_or_default().len() as u64;
                info.queued = len("steering") + len("followUp");
            }
            Some("session_info_changed") => {
                info.name = event.text("name").map(|name| name.as_ref().into());
            }
            Some("thinking_level_changed") => {
                if let Some(level) = event.text("level") {
                    info.thinking = level.as_ref().into();
                }
            }
            Some(_) | None => return,
        }
        self.know(info, voice);
    }

    /// The old dialect does not say at the end of a run that it tries again; by what follows it can
    /// still be said, while the end is held.
    fn retry_follows(&mut self) {
        let end = self
            .held
            .iter_mut()
            .rev()
            .find(|held| matches!(held.said, AgentSaid::Event(AgentEvent::RunEnded { .. })));
        let Some(end) = end else { return };
        if let AgentSaid::Event(AgentEvent::RunEnded { will_retry, .. }) = &mut end.said
            && !*will_retry
        {
            *will_retry = true;
            let patched = std::str::from_utf8(&end.body).ok().and_then(Object::parse);
            if let Some(mut body) = patched {
                body.set("willRetry", "true".to_owned());
                end.body = body.write().into_bytes();
            }
        }
    }

    fn response(&mut self, response: &Response<'_>, now: Instant, voice: &mut Voice<'_>) {
        let found = response.id.and_then(|id| Some((id, self.pending.remove(&id)?)));
        let Some((id, pending)) = found else { return self.junk() };
        let result = match &response.result {
            Ok(data) => Ok(*data),
            Err(words) => Err(words.as_str()),
        };
        match pending {
            Pending::Start | Pending::StartCommands => self.started(&pending, result, voice),
            Pending::Refresh => self.refreshed(id, result.ok().flatten(), voice),
            Pending::Call { call, shape } => match result {
                Ok(data) => self.reply(call, shape, data, now, voice),
                Err(words) => self.fail(call, words, voice),
            },
            // Its answer came before, unless the extension failed.
            Pending::Bridged { call, shape: _ } => {
                self.fail(call, result.err().unwrap_or("the bridge did not answer"), voice);
            }
            Pending::Models { call } => match result.and_then(|data| self.model_before(data)) {
                Ok(line) => self.write(line, Pending::PreviousModel { call }),
                Err(words) => self.fail(call, words, voice),
            },
            Pending::PreviousModel { call } => match result {
                Ok(data) => self.previous_model(call, data, now, voice),
                Err(words) => self.fail(call, words, voice),
            },
            Pending::Abort { call } => {
                self.aborting -= 1;
                if let Some(call) = call {
                    self.reply(call, Shape::None, None, now, voice);
                }
            }
            Pending::Own => {}
        }
    }

    fn bridged(&mut self, id: u64, answer: &str, now: Instant, voice: &mut Voice<'_>) {
        let Some(Pending::Bridged { call, shape }) = self.pending.remove(&id) else {
            return self.junk();
        };
        // The response to the prompt that carried the request is still to come.
        self.pending.insert(id, Pending::Own);
        let Some(answer) = Object::parse(answer) else {
            return self.fail(call, "the bridge's answer cannot be read", voice);
        };
        if answer.get("ok") == Some(true) {
            self.reply(call, shape, answer.raw("data"), now, voice);
        } else {
            let words = answer.text("error").unwrap_or_default();
            self.fail(call, &words, voice);
        }
    }

    /// One of the two signs of life.
    fn started(
        &mut self,
        which: &Pending,
        result: Result<Option<&RawValue>, &str>,
        voice: &mut Voice<'_>,
    ) {
        let Phase::Starting { info, bridge } = &mut self.phase else { return };
        if matches!(which, Pending::Start) {
            let facts = result.ok().and_then(|data| replies::info(data).ok());
            *info = Some(facts.map(|(info, _)| info).unwrap_or_default());
        } else {
            let text = result.ok().flatten().map_or("", RawValue::get);
            *bridge = Some(replies::has_bridge(text));
        }
        let (Some(_), Some(bridge)) = (&info, *bridge) else { return };
        self.info = info.take().unwrap_or_default();
        self.phase = Phase::Up;
        voice.ready(AgentReady {
            version: self.version.describe().into(),
            settles: self.version.dialect() == Dialect::New,
            disposition: self.version.says_disposition(),
            absent: self.version.absent(bridge),
            info: self.info.clone(),
        });
    }

    fn reply(
        &mut self,
        call: CommandNo,
        shape: Shape,
        data: Option<&RawValue>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        match shape.body(data, &self.cwd) {
            Ok(body) => {
                let disposition = shape.disposition(data);
                let said = AgentSaid::Replied { call, reply: Reply::Done(disposition) };
                // An extension that handled a prompt may have changed anything.
                if shape.changes() || disposition == Disposition::Handled {
                    self.hold(said, body.into_bytes(), shape == Shape::Fork, now);
                } else {
                    self.say(said, body.into_bytes(), voice);
                }
            }
            Err(words) => self.fail(call, &words, voice),
        }
    }

    fn fail(&mut self, call: CommandNo, words: &str, voice: &mut Voice<'_>) {
        let said = AgentSaid::Replied { call, reply: Reply::Failed(cut(words)) };
        self.say(said, Vec::new(), voice);
    }

    /// The line that sets the model before the one in use.
    fn model_before(&self, data: Option<&RawValue>) -> Result<Value, &'static str> {
        let text = data.map_or("null", RawValue::get);
        let listed: Value = serde_json::from_str(text).map_err(|_| "the models cannot be read")?;
        let models = listed["models"].as_array().map_or(&[][..], Vec::as_slice);
        let current: Value =
            serde_json::from_str(self.info.model.as_deref().unwrap_or("null")).unwrap_or_default();
        let is_current = |model: &Value| {
            model["id"] == current["id"] && model["provider"] == current["provider"]
        };
        let at = models.iter().position(is_current).unwrap_or(0);
        let before = at.checked_sub(1).unwrap_or(models.len().saturating_sub(1));
        let model = models.get(before).ok_or("the agent has no models")?;
        let (provider, id) = (&model["provider"], &model["id"]);
        Ok(json!({ "type": "set_model", "provider": provider, "modelId": id }))
    }

    fn previous_model(
        &mut self,
        call: CommandNo,
        data: Option<&RawValue>,
        now: Instant,
        voice: &mut Voice<'_>,
    ) {
        match Shape::Model.body(data, &self.cwd) {
            Ok(body) => {
                let inside = body.strip_suffix('}').unwrap_or(&body);
                let level = quote(&self.info.thinking);
                let body = format!("{inside},\"thinkingLevel\":{level},\"isScoped\":false}}");
                let reply = Reply::Done(Disposition::Unspecified);
                let said = AgentSaid::Replied { call, reply };
                self.hold(said, body.into_bytes(), false, now);
            }
            Err(words) => self.fail(call, &words, voice),
        }
    }

    /// Asks what the session looks like, and holds a statement until that is known.
    fn hold(&mut self, said: AgentSaid, body: Vec<u8>, fork: bool, now: Instant) {
        let id = self.issued + 1;
        self.write(json!({ "type": "get_state" }), Pending::Refresh);
        self.held.push_back(Held { until: Some((id, now + HOLD_MAX)), said, body, fork });
    }

    /// pi has said what the session looks like.
    fn refreshed(&mut self, id: u64, data: Option<&RawValue>, voice: &mut Voice<'_>) {
        let facts = replies::info(data).ok();
        // What was held for an older answer is right with this one, too.
        let waits = self.held.iter_mut().filter(|held| held.until.is_some_and(|(at, _)| at <= id));
        for held in waits {
            held.until = None;
            let inner = facts.as_ref().and_then(|(_, inner)| inner.as_deref());
            if let (true, Some(inner)) = (held.fork, inner)
                && let Some(mut body) = std::str::from_utf8(&held.body).ok().and_then(Object::parse)
            {
                body.set("sessionId", quote(inner));
                held.body = body.write().into_bytes();
            }
        }
        if let Some((info, _)) = facts {
            self.know(info, voice);
        }
        self.release(voice);
    }

    /// Tells the core what the session looks like, if that is news. Needs no place in the order.
    fn know(&mut self, info: AgentInfo, voice: &mut Voice<'_>) {
        if info != self.info {
            self.info = info.clone();
            voice.info(info);
        }
    }

    /// Says something, in order.
    fn say(&mut self, said: AgentSaid, body: Vec<u8>, voice: &mut Voice<'_>) {
        if self.held.is_empty() {
            voice.say(said, body);
        } else {
            self.held.push_back(Held { until: None, said, body, fork: false });
        }
    }

    fn release(&mut self, voice: &mut Voice<'_>) {
        while self.held.front().is_some_and(|held| held.until.is_none()) {
            if let Some(held) = self.held.pop_front() {
                voice.say(held.said, held.body);
            }
        }
    }

    /// Writes a line that pi answers.
    fn write(&mut self, mut line: Value, pending: Pending) {
        self.issued += 1;
        line["id"] = json!(self.issued);
        self.pending.insert(self.issued, pending);
        self.write_line(&line);
    }

    fn write_line(&mut self, line: &Value) {
        self.out.extend_from_slice(line.to_string().as_bytes());
        self.out.push(b'\n');
    }
}
