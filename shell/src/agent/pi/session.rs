//! The protocol with one pi: which lines wait for which answers, what is open, and what the core is
//! told when ([`super::hold`]). It reads and writes bytes in memory only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pi_server_core::command::CommandKind;
use pi_server_core::input::{AgentEvent, AgentInfo, AgentSaid};
use pi_server_core::{CommandNo, Text};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::files;
use super::hold::{Hold, Kind};
use super::lines_in::{self, Line};
use super::lines_out::{self, Plan};
use super::object::Object;
use super::replies::{self, Shape};
use super::version::{Dialect, Version};
use crate::agent::fields::{Answer, Fields};
use crate::agent::voice::Voice;

mod answers;

/// How long a statement is held for pi's answer to what the session looks like.
const HOLD_MAX: Duration = Duration::from_secs(5);

/// How long after stopping shell commands it is tried again while one still runs: a command that
/// has just been given is not running yet, and then pi stops nothing.
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
    running: bool,
    /// Shell commands are being stopped: when to try again.
    stopping_bash: Option<Instant>,
    info: AgentInfo,
    hold: Hold,
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
            running: false,
            stopping_bash: None,
            info: AgentInfo::default(),
            hold: Hold::default(),
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

    /// When [`Session::tick`] is wanted.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.hold.deadline().into_iter().chain(self.stopping_bash).min()
    }

    /// Releases what pi's answer did not come in time for.
    pub(super) fn tick(&mut self, now: Instant, voice: &mut Voice<'_>) {
        self.hold.expire(now);
        self.hold.release(voice);
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
        self.hold.give_up();
        self.hold.release(voice);
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
                    self.write(line, Pending::Call { call, shape: Shape::Replaced });
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
            self.hold.say(AgentSaid::Noise { lines }, Vec::new(), voice);
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
            AgentEvent::RunEnded { .. } => {
                self.running = false;
                refresh = self.version.dialect() == Dialect::Old;
            }
            AgentEvent::RunSettled => refresh = true,
            AgentEvent::CompactionStarted => self.compacting = true,
            AgentEvent::CompactionEnded { .. } => {
                self.compacting = false;
                refresh = true;
            }
            AgentEvent::RetryScheduled => self.hold.retry_follows(),
            AgentEvent::RunStarted => self.running = true,
            AgentEvent::RetryEnded => {}
            AgentEvent::Other => self.other(&body, voice),
        }
        let said = AgentSaid::Event(event);
        if refresh {
            self.say_later(said, body.into_bytes(), Kind::Plain, now);
        } else {
            self.hold.say(said, body.into_bytes(), voice);
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

    /// Asks what the session looks like, and says something once that is known.
    fn say_later(&mut self, said: AgentSaid, body: Vec<u8>, kind: Kind, now: Instant) {
        self.write(json!({ "type": "get_state" }), Pending::Refresh);
        self.hold.wait((self.issued, now + HOLD_MAX), kind, said, body);
    }

    /// pi has said what the session looks like. What waits for an older answer is right with this
    /// one, too.
    fn refreshed(&mut self, id: u64, data: Option<&RawValue>, voice: &mut Voice<'_>) {
        let facts = replies::info(data).ok();
        let inner = facts.as_ref().and_then(|(_, inner)| inner.as_deref());
        self.hold.answered(id, inner);
        if let Some((info, _)) = facts {
            self.know(info, voice);
        }
        self.hold.release(voice);
    }

    /// Tells the core what the session looks like, if that is news. Needs no place in the order.
    fn know(&mut self, info: AgentInfo, voice: &mut Voice<'_>) {
        if info != self.info {
            self.info = info.clone();
            voice.info(info);
        }
    }

    /// Writes a line that pi answers, under the id that is then `self.issued`.
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
