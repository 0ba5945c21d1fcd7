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

use super::facts::Facts;
use super::halves::Halves;
use super::hold::{Hold, Kind};
use super::lines_in::{self, Line};
use super::lines_out::{self, Plan};
use super::noise::Noise;
use super::object::Object;
use super::replies::Shape;
use super::tidy::tidy;
use super::version::Version;
use crate::agent::fields::{Answer, Fields};
use crate::agent::voice::Voice;

mod again;
mod answers;
mod bash;
mod events;
mod prompt;

use prompt::Unproven;

/// How long a statement is held for pi's answer to what the session looks like.
const HOLD_MAX: Duration = Duration::from_secs(5);

/// The protocol with one pi.
pub(super) struct Session {
    version: Version,
    cwd: PathBuf,
    phase: Phase,
    /// Whether pi has loaded the bridge, once it has said so.
    bridge: Option<bool>,
    /// It began without a session file.
    is_fresh: bool,
    issued: u64,
    pending: BTreeMap<u64, Waiting>,
    /// Dialogs that wait for an answer.
    dialogs: BTreeSet<Text>,
    /// Aborts that pi has not answered.
    aborting: u32,
    compacting: bool,
    run: Run,
    /// Lines of shell commands that are being stopped, and when to try again.
    stopping_bash: Option<(Instant, BTreeSet<u64>)>,
    /// A prompt that was accepted, of which it is not known whether a run comes of it.
    unproven: Option<Unproven>,
    /// What pi was asked to do after the last line that it wrote: it may not have read it.
    unheard: Vec<Asked>,
    /// What is to be asked of this pi once it is up, because the one before it had ended.
    again: Option<Vec<Asked>>,
    info: AgentInfo,
    hold: Hold,
    halves: Halves,
    noise: Noise,
    out: Vec<u8>,
}

/// What is known of a session before its agent has said anything.
#[derive(Default)]
pub(super) struct Known {
    /// Its id.
    pub(super) session: String,
    /// What earlier agents have said of it.
    pub(super) info: AgentInfo,
    /// Names of what could not be read of earlier agents, which were logged then.
    pub(super) named: BTreeSet<String>,
    /// Its agent begins without a session file: what earlier agents were told is gone with them.
    pub(super) is_fresh: bool,
}

/// A call, as it was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    call: CommandNo,
    kind: CommandKind,
    fields: Fields,
}

/// A line that pi has not answered.
struct Waiting {
    /// Its type, by which an answer is known that has no id.
    line: String,
    pending: Pending,
}

/// Whether pi has shown signs of life.
enum Phase {
    /// Not both of them.
    Starting,
    Up,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    /// It goes on.
    Going,
    /// It has ended and another attempt may follow, or something else of pi's own accord.
    Ended,
    /// It has ended for good, but pi has not said that it has settled.
    Unsettled,
    /// There is none.
    Settled,
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
    /// Whether a run has come of a prompt.
    Idle { call: CommandNo },
    /// A line that the daemon sent of its own accord.
    Own,
}

impl Session {
    /// The protocol with a pi that was just started: asks it for signs of life.
    pub(super) fn new(version: Version, cwd: PathBuf, known: Known) -> Session {
        let mut session = Session {
            version,
            cwd,
            phase: Phase::Starting,
            bridge: None,
            is_fresh: known.is_fresh,
            issued: 0,
            pending: BTreeMap::new(),
            dialogs: BTreeSet::new(),
            aborting: 0,
            compacting: false,
            run: Run::Settled,
            stopping_bash: None,
            unproven: None,
            unheard: Vec::new(),
            again: None,
            info: known.info,
            hold: Hold::default(),
            halves: Halves::default(),
            noise: Noise::new(&known.session, known.named),
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
        let bash = self.stopping_bash.as_ref().map(|(due, _)| *due);
        let prompt = self.unproven.as_ref().and_then(Unproven::due);
        self.hold.deadline().into_iter().chain(bash).chain(prompt).min()
    }

    /// Releases what pi's answer did not come in time for.
    pub(super) fn tick(&mut self, now: Instant, voice: &mut Voice<'_>) {
        self.hold.expire(now, self.info.file.is_some());
        self.hold.release(voice);
        self.stop_bash_again(now);
        self.ask_if_idle(now);
    }

    /// What the next pi of this session is to be asked instead of this one, which has ended as it
    /// wanted to: all that it was asked and has not answered, if it had not written anything since.
    /// `None` if it was asked something else, too, or was the second one already.
    pub(super) fn unheard(&mut self) -> Option<Vec<Asked>> {
        let calls =
            self.pending.values().filter(|waiting| !matches!(waiting.pending, Pending::Own));
        let only = calls.count() == self.unheard.len() && self.hold.is_empty();
        let usual =
            matches!(self.phase, Phase::Up) && self.again.is_none() && self.run != Run::Going;
        (only && usual && !self.unheard.is_empty()).then(|| std::mem::take(&mut self.unheard))
    }

    /// Begins this pi in the place of one that had ended before it read these calls. The core is not
    /// told of it: it has an agent that is up.
    pub(super) fn instead(mut self, calls: Vec<Asked>) -> Session {
        self.again = Some(calls);
        self
    }

    /// What is known of the session.
    pub(super) fn info(&self) -> &AgentInfo {
        &self.info
    }

    /// Says everything that is held: pi is gone; `by_itself` says that it has ended as it wanted to.
    /// A run that it had finished by then is over.
    pub(super) fn end(&mut self, by_itself: bool, voice: &mut Voice<'_>) {
        let now = Instant::now();
        for line in self.halves.end() {
            self.whole_line(&line, now, voice);
        }
        self.report_noise(voice);
        self.hold.give_up(self.info.file.is_some());
        self.hold.release(voice);
        if by_itself && self.run == Run::Unsettled {
            self.run = Run::Settled;
            let body = json!({ "type": "agent_settled" }).to_string();
            voice.say(AgentSaid::Event(AgentEvent::RunSettled), body.into_bytes());
        }
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
        if matches!(self.phase, Phase::Starting) {
            // Only what a pi was asked that had ended comes while its successor starts.
            self.again.get_or_insert_default().push(Asked { call, kind, fields: fields.clone() });
            return;
        }
        self.unheard.push(Asked { call, kind, fields: fields.clone() });
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
        self.unheard.clear();
        let Ok(line) = std::str::from_utf8(line) else { return self.noise.line() };
        let (before, line) = self.halves.join(line);
        for line in before {
            self.whole_line(&line, now, voice);
        }
        self.whole_line(&line, now, voice);
    }

    /// A line whose characters are whole, as far as they ever will be.
    fn whole_line(&mut self, raw: &str, now: Instant, voice: &mut Voice<'_>) {
        let line = tidy(raw);
        match lines_in::read(&line, self.version, &mut self.noise) {
            Line::Response(response) => self.response(&response, now, voice),
            Line::Event { event, body } => self.event(event, body, now, voice),
            Line::Bridged { id, answer } => self.bridged(id, &answer, now, voice),
            Line::Nameless => self.withdraw(raw),
            Line::Junk => self.noise.line(),
        }
    }

    /// Withdraws a dialog that no client could name. pi knows its id by the way in which it wrote it.
    fn withdraw(&mut self, raw: &str) {
        let id = Object::parse(raw).and_then(|request| request.raw("id").map(RawValue::get));
        if let Some(id) = id {
            let line =
                format!("{{\"type\":\"extension_ui_response\",\"id\":{id},\"cancelled\":true}}\n");
            self.out.extend_from_slice(line.as_bytes());
        }
    }

    /// The session's id, and the names of what could not be read, which were logged.
    pub(super) fn named(&self) -> (&str, &BTreeSet<String>) {
        self.noise.named()
    }

    /// Reports the junk since the last report, once for many lines.
    pub(super) fn report_noise(&mut self, voice: &mut Voice<'_>) {
        let lines = self.noise.take();
        if lines > 0 {
            self.hold.say(AgentSaid::Noise { lines }, Vec::new(), voice);
        }
    }

    /// Asks what the session looks like, and says something once that is known.
    fn say_later(&mut self, said: AgentSaid, body: Vec<u8>, kind: Kind, now: Instant) {
        self.write(json!({ "type": "get_state" }), Pending::Refresh);
        self.hold.wait((self.issued, now + HOLD_MAX), kind, said, body);
    }

    /// pi has said what the session looks like. What waits for an older answer is right with this
    /// one, too.
    fn refreshed(&mut self, id: u64, data: Option<&RawValue>, voice: &mut Voice<'_>) {
        let facts = Facts::read(data, &mut self.noise);
        self.hold.answered(id, &facts, self.info.file.is_some());
        self.know(facts.over(&self.info), voice);
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
        let waiting =
            Waiting { line: line["type"].as_str().unwrap_or_default().to_owned(), pending };
        self.pending.insert(self.issued, waiting);
        self.write_line(&line);
    }

    fn write_line(&mut self, line: &Value) {
        self.out.extend_from_slice(line.to_string().as_bytes());
        self.out.push(b'\n');
    }
}
