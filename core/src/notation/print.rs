//! Inputs and outputs as text.

use core::fmt::{self, Display, Formatter, Write as _};

use crate::frame::{CommandName, Data, DialogEnd, Fate, Frame, Gone, MadeUp, Outcome, Phase};
use crate::ids::{CommandNo, Text};
use crate::input::{
    AgentEvent, AgentInfo, AgentKind, AgentReady, AgentSaid, Answer, Boot, Details, Disposition,
    Earlier, Envelope, Input, InputKind, Malformed, Opened, RecoveryPolicy, Reply, RuleSet,
    Transport,
};
use crate::limits::Limits;
use crate::output::{Ask, Audience, Output, Query};
use crate::wire::text::is_control;

impl Display for Input {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.at.0 / 1_000)?;
        if !self.at.0.is_multiple_of(1_000) {
            write!(f, ".{:03}", self.at.0 % 1_000)?;
        }
        write!(f, " {}", self.kind)?;
        if !self.body.is_empty() {
            let name = if self.body.redacted { "redacted" } else { "body" };
            write!(f, " {name}={}", self.body.len)?;
        }
        Ok(())
    }
}

impl Display for InputKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            InputKind::Boot(boot) => write_boot(f, boot),
            InputKind::Opened(Opened { transport, client }) => {
                f.write_str("open")?;
                match transport {
                    Transport::WebSocket => {}
                    Transport::Unix => f.write_str(" unix")?,
                    Transport::Stdio => f.write_str(" stdio")?,
                }
                client.as_ref().map_or(Ok(()), |name| write!(f, " {}", Quoted(name)))
            }
            InputKind::Closed { conn } => write!(f, "close c{conn}"),
            InputKind::Command { conn, envelope } => {
                write!(f, "command c{conn} ")?;
                write_envelope(f, envelope)
            }
            InputKind::Malformed { conn, malformed } => {
                write!(f, "malformed c{conn} ")?;
                write_malformed(f, malformed)
            }
            InputKind::Agent { agent, said } => {
                write!(f, "agent a{agent} ")?;
                write_said(f, said)
            }
            InputKind::Answered { query, answer } => {
                write!(f, "answered #{query} ")?;
                match answer {
                    Answer::Data => f.write_str("data"),
                    Answer::Directory { cwd } => write!(f, "directory {}", Quoted(cwd)),
                    Answer::SessionFile { path, cwd, name } => {
                        write!(f, "file {} {}", Quoted(path), Quoted(cwd))?;
                        optional(f, "name", name.as_ref())
                    }
                    Answer::Failed(text) => write!(f, "failed {}", Quoted(text)),
                }
            }
            InputKind::Storage { writable: true } => f.write_str("storage ok"),
            InputKind::Storage { writable: false } => f.write_str("storage full"),
            InputKind::Tick => f.write_str("tick"),
            InputKind::Drain => f.write_str("drain"),
            InputKind::Stop => f.write_str("stop"),
            InputKind::Wall { offset } => write!(f, "wall {}", offset.0),
            InputKind::Repeated { conn, envelope, earlier } => {
                write!(f, "repeated c{conn} ")?;
                write_earlier(f, earlier, envelope)?;
                write_envelope(f, envelope)
            }
            InputKind::Indexed { seq } => write!(f, "indexed #{seq}"),
        }
    }
}

/// Of an answer's data only whether it is one: a script needs no more to show who gets it.
fn write_earlier(f: &mut Formatter<'_>, earlier: &Earlier, envelope: &Envelope) -> fmt::Result {
    let (kind, fingerprint, outcome) = match earlier {
        Earlier::Answer { kind, fingerprint, outcome } => (kind, fingerprint, outcome),
        Earlier::Expired => return f.write_str("expired "),
        Earlier::Unavailable => return f.write_str("unavailable "),
    };
    let same = if *fingerprint == envelope.fingerprint { "same" } else { "other" };
    let how = if outcome.result.is_ok() { "ok" } else { "failed" };
    write!(f, "answered {} {same} {how} ", kind.row().name)?;
    if let Some(version) = outcome.session_version {
        write!(f, "version {version} ")?;
    }
    outcome.lane_sequence.map_or(Ok(()), |sequence| write!(f, "lane {sequence} "))
}

fn write_malformed(f: &mut Formatter<'_>, malformed: &Malformed) -> fmt::Result {
    match malformed {
        Malformed::TooLarge { size, max } => write!(f, "frame_too_large {size} max {max}"),
        Malformed::NotUtf8 { .. } | Malformed::NotJson { .. } | Malformed::NotAnObject => {
            f.write_str("malformed")
        }
        Malformed::Invalid { id, command, problems: _ } => {
            f.write_str("invalid")?;
            optional(f, "id", id.as_ref())?;
            optional(f, "type", command.as_ref())
        }
    }
}

/// The entropy that a script's boot has where it names none.
pub(super) const PLAIN_ENTROPY: [u8; 16] = [7; 16];

fn write_boot(f: &mut Formatter<'_>, boot: &Boot) -> fmt::Result {
    f.write_str("boot")?;
    match boot.rules {
        RuleSet::V1 => f.write_str(" rules=1")?,
        RuleSet::V2 => f.write_str(" rules=2")?,
        RuleSet::V3 => {}
    }
    if boot.clean {
        f.write_str(" clean")?;
    }
    match boot.recovery {
        RecoveryPolicy::Resume => {}
        RecoveryPolicy::Fail => f.write_str(" recovery=fail")?,
    }
    match boot.agent {
        AgentKind::Demo => {}
        AgentKind::Pi => f.write_str(" pi")?,
    }
    if !boot.limits.rate {
        f.write_str(" rate=off")?;
    }
    if boot.entropy != PLAIN_ENTROPY {
        // The ids that the daemon chooses are made of it.
        write!(f, " entropy={:032x}", u128::from_be_bytes(boot.entropy))?;
    }
    if boot.limits.groups != Limits::default().groups {
        // Before the limits: those that a journal of that age lacks are as wide as they can be.
        write!(f, " groups={}", boot.limits.groups)?;
    }
    for (name, default, _, _) in boot.limits.rows() {
        let value = boot.limits.value(name).unwrap_or(*default);
        if value != *default {
            write!(f, " {name}={value}")?;
        }
    }
    if boot.wall.0 != 0 {
        write!(f, " wall={}", boot.wall.0)?;
    }
    Ok(())
}

fn write_envelope(f: &mut Formatter<'_>, envelope: &Envelope) -> fmt::Result {
    match &envelope.id {
        Some(id) => write!(f, "{}", Quoted(id))?,
        None => f.write_str("-")?,
    }
    write!(f, " {}", envelope.kind.row().name)?;
    session(f, envelope.session.as_ref())?;
    if !envelope.depends_on.is_empty() {
        f.write_str(" after")?;
        envelope.depends_on.iter().try_for_each(|id| write!(f, " {}", Quoted(id)))?;
    }
    if let Some(version) = envelope.if_session_version {
        write!(f, " if-version {version}")?;
    }
    optional(f, "key", envelope.idempotency_key.as_ref())?;
    if let Some(ms) = envelope.timeout_ms {
        write!(f, " timeout {ms}")?;
    }
    write_details(f, &envelope.details)
}

fn write_details(f: &mut Formatter<'_>, details: &Details) -> fmt::Result {
    match details {
        Details::None => Ok(()),
        Details::Prompt { streaming, slash } => {
            f.write_str(if *streaming { " streaming" } else { "" })?;
            f.write_str(if *slash { " slash" } else { "" })
        }
        Details::Create { cwd } => optional(f, "cwd", cwd.as_ref()),
        Details::Load { path } => write!(f, " path {}", Quoted(path)),
        Details::Switch { cursor } => cursor.map_or(Ok(()), |cursor| write!(f, " cursor {cursor}")),
        Details::SwitchIn { cursor, epoch } => {
            cursor.map_or(Ok(()), |cursor| write!(f, " cursor {cursor}"))?;
            write!(f, " epoch {epoch:?}")
        }
        Details::DialogAnswer { request, method } => {
            write!(f, " answer {} {}", Quoted(request), method.name())
        }
        Details::Cancel { command } => write!(f, " target {}", Quoted(command)),
        Details::Reconcile { command, succeeded, note } => {
            write!(f, " target {}", Quoted(command))?;
            f.write_str(if *succeeded { " succeeded" } else { " failed" })?;
            optional(f, "note", note.as_ref())
        }
        Details::Interest(interest) => write!(f, " {}", interest.name()),
        Details::History(filter) if *filter == super::parse::plain_history() => Ok(()),
        Details::History(_) => f.write_str(" filter"),
    }
}

fn write_said(f: &mut Formatter<'_>, said: &AgentSaid) -> fmt::Result {
    match said {
        AgentSaid::Ready(ready) => write_ready(f, ready),
        AgentSaid::Replied { call, reply } => {
            write!(f, "replied #{call} ")?;
            match reply {
                Reply::Done(Disposition::Unspecified) => f.write_str("done"),
                Reply::Done(Disposition::Started) => f.write_str("done started"),
                Reply::Done(Disposition::Queued) => f.write_str("done queued"),
                Reply::Done(Disposition::Handled) => f.write_str("done handled"),
                Reply::Failed(text) => write!(f, "failed {}", Quoted(text)),
            }
        }
        AgentSaid::Event(event) => {
            f.write_str("event ")?;
            write_event(f, event)
        }
        AgentSaid::Info(info) => {
            f.write_str("info")?;
            write_info(f, info)
        }
        AgentSaid::Noise { lines } => write!(f, "noise {lines}"),
        AgentSaid::Exited(exit) => {
            write!(f, "exited {} {}", Quoted(&exit.status), Quoted(&exit.stderr))
        }
        AgentSaid::Unavailable { why } => write!(f, "unavailable {}", Quoted(why)),
    }
}

fn write_ready(f: &mut Formatter<'_>, ready: &AgentReady) -> fmt::Result {
    f.write_str("ready")?;
    f.write_str(if ready.settles { " settles" } else { "" })?;
    f.write_str(if ready.disposition { " disposition" } else { "" })?;
    for kind in &ready.absent {
        write!(f, " absent {}", kind.row().name)?;
    }
    if !ready.version.is_empty() {
        write!(f, " version {}", Quoted(&ready.version))?;
    }
    write_info(f, &ready.info)
}

fn write_info(f: &mut Formatter<'_>, info: &AgentInfo) -> fmt::Result {
    optional(f, "name", info.name.as_ref())?;
    optional(f, "file", info.file.as_ref())?;
    optional(f, "model", info.model.as_ref())?;
    optional(f, "provider", info.provider.as_ref())?;
    if !info.thinking.is_empty() {
        write!(f, " thinking {}", Quoted(&info.thinking))?;
    }
    if info.messages > 0 {
        write!(f, " messages {}", info.messages)?;
    }
    if info.queued > 0 {
        write!(f, " queued {}", info.queued)?;
    }
    Ok(())
}

fn write_event(f: &mut Formatter<'_>, event: &AgentEvent) -> fmt::Result {
    match event {
        AgentEvent::RunStarted => f.write_str("run-started"),
        AgentEvent::RunEnded { will_retry, failed } => {
            f.write_str("run-ended")?;
            f.write_str(if *will_retry { " will-retry" } else { "" })?;
            f.write_str(if *failed { " failed" } else { "" })
        }
        AgentEvent::RunRefused { will_retry } => {
            f.write_str("run-refused")?;
            f.write_str(if *will_retry { " will-retry" } else { "" })
        }
        AgentEvent::RunSettled => f.write_str("run-settled"),
        AgentEvent::CompactionStarted => f.write_str("compaction-started"),
        AgentEvent::CompactionEnded { will_retry } => {
            f.write_str("compaction-ended")?;
            f.write_str(if *will_retry { " will-retry" } else { "" })
        }
        AgentEvent::RetryScheduled => f.write_str("retry-scheduled"),
        AgentEvent::RetryEnded => f.write_str("retry-ended"),
        AgentEvent::DialogOpened { request, method, timeout_ms } => {
            write!(f, "dialog {} {}", Quoted(request), method.name())?;
            timeout_ms.map_or(Ok(()), |ms| write!(f, " timeout {ms}"))
        }
        AgentEvent::Other => f.write_str("other"),
    }
}

impl Display for Output {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Output::Deliver { to, frame } => {
                f.write_str("deliver ")?;
                write_audience(f, to, frame)?;
                f.write_char(' ')?;
                write_frame(f, frame)
            }
            Output::Admit { conn } => write!(f, "admit c{conn}"),
            Output::Leave { conn } => write!(f, "leave c{conn}"),
            Output::Subscribe { conn, session, after } => {
                write!(f, "subscribe c{conn} {}", Session(session))?;
                after.map_or(Ok(()), |cursor| write!(f, " after {cursor}"))
            }
            Output::Unsubscribe { conn, session } => {
                write!(f, "unsubscribe c{conn} {}", Session(session))
            }
            Output::Unlist { session } => write!(f, "unlist {}", Session(session)),
            Output::SetInterest { conn, interest } => {
                write!(f, "interest c{conn} {}", interest.name())
            }
            Output::Ask(ask) => write_ask(f, ask),
            Output::Query { query, what } => {
                write!(f, "query #{query} ")?;
                match what {
                    Query::Directory { cwd } => {
                        f.write_str("directory")?;
                        cwd.as_ref().map_or(Ok(()), |cwd| write!(f, " {}", Quoted(cwd)))
                    }
                    Query::SessionFile { path } => write!(f, "file {}", Quoted(path)),
                    Query::StoredSessions => f.write_str("stored-sessions"),
                    Query::History(_) => f.write_str("history"),
                    Query::Metrics => f.write_str("metrics"),
                }
            }
            Output::Exit => f.write_str("exit"),
        }
    }
}

fn write_ask(f: &mut Formatter<'_>, ask: &Ask) -> fmt::Result {
    match ask {
        Ask::Spawn { agent, session, cwd, resume } => {
            write!(f, "spawn a{agent} {} {}", Session(session), Quoted(cwd))?;
            optional(f, "resume", resume.as_ref())
        }
        Ask::Call { agent, call, kind, frame: _ } => {
            write!(f, "call a{agent} #{call} {}", kind.row().name)
        }
        Ask::Interrupt { agent, kind } => write!(f, "interrupt a{agent} {}", kind.row().name),
        Ask::Dialog { agent, request, answer } => {
            write!(f, "dialog a{agent} {}", Quoted(request))?;
            match answer {
                Some(frame) => write!(f, " answer #{}", frame.seq),
                None => f.write_str(" dismissed"),
            }
        }
        Ask::Kill { agent } => write!(f, "kill a{agent}"),
    }
}

fn write_audience(f: &mut Formatter<'_>, audience: &Audience, frame: &Frame) -> fmt::Result {
    match audience {
        Audience::Conn(conn) => write!(f, "c{conn}"),
        Audience::Everyone => f.write_str("everyone"),
        Audience::Subscribers(id) => write!(f, "subscribers {}", Session(id)),
        Audience::Lifecycle { owner } => {
            f.write_str("lifecycle")?;
            match owner {
                Some(conn) => write!(f, " c{conn}")?,
                None => f.write_str(" -")?,
            }
            session(f, frame.session())
        }
    }
}

fn write_frame(f: &mut Formatter<'_>, frame: &Frame) -> fmt::Result {
    match frame {
        Frame::ServerReady { .. } | Frame::ServerReadyIn { .. } => f.write_str("server_ready"),
        Frame::Lost { session, from, to, exact: _ } => {
            write!(f, "lost {} {from}..{to}", Session(session))
        }
        Frame::RecoverySummary(report) => write!(
            f,
            "startup_recovery_summary boot {} recoverable {} failed {}",
            report.boot, report.recoverable, report.failed
        ),
        Frame::ServerShutdown { timeout_ms } => write!(f, "server_shutdown {timeout_ms}"),
        Frame::SessionCreated(info) => write!(f, "session_created {}", Session(&info.id)),
        Frame::SessionDeleted { session } => write!(f, "session_deleted {}", Session(session)),
        Frame::Event { session, cursor, event: _ } => {
            write!(f, "event {} @{cursor}", Session(session))
        }
        Frame::Interrupted { session, cursor, what, gone } => {
            let what = match what {
                MadeUp::CompactionEnd => "compaction",
                MadeUp::AgentEnd => "run",
                MadeUp::AgentSettled => "settled",
            };
            write!(f, "interrupted {} @{cursor} {what} by ", Session(session))?;
            match gone {
                Gone::Daemon => f.write_str("daemon"),
                Gone::Agent { status } => write!(f, "agent {}", Quoted(status)),
            }
        }
        Frame::DialogClosed { session, request, how } => {
            let how = match how {
                DialogEnd::Answered => "answered",
                DialogEnd::Dismissed => "dismissed",
                DialogEnd::TimedOut => "timed-out",
                DialogEnd::Withdrawn => "withdrawn",
            };
            write!(f, "dialog-closed {} {} {how}", Session(session), Quoted(request))
        }
        Frame::Lifecycle { command, envelope, session: _, lane_sequence, phase } => {
            write_lifecycle(f, *command, envelope, *lane_sequence, phase)
        }
        Frame::Response { id, command, outcome, replayed } => {
            f.write_str("response ")?;
            match id {
                Some(id) => write!(f, "{}", Quoted(id))?,
                None => f.write_char('-')?,
            }
            match command {
                Some(CommandName::Known(kind)) => write!(f, " {}", kind.row().name)?,
                Some(CommandName::Raw(name)) => write!(f, " {}", Quoted(name))?,
                None => f.write_str(" unknown")?,
            }
            write_outcome(f, outcome)?;
            f.write_str(if *replayed { " replayed" } else { "" })
        }
    }
}

fn write_lifecycle(
    f: &mut Formatter<'_>,
    command: CommandNo,
    envelope: &Envelope,
    lane_sequence: u64,
    phase: &Phase,
) -> fmt::Result {
    let name = envelope.kind.row().name;
    match phase {
        Phase::Accepted => write!(f, "accepted #{command} {name} lane {lane_sequence}"),
        Phase::Started => write!(f, "started #{command} {name}"),
        Phase::Finished(outcome) => {
            write!(f, "finished #{command} {name}")?;
            write_outcome(f, outcome)
        }
    }
}

fn write_outcome(f: &mut Formatter<'_>, outcome: &Outcome) -> fmt::Result {
    match &outcome.result {
        Ok(data) => {
            f.write_str(" ok")?;
            write_data(f, data)?;
            outcome.session_version.map_or(Ok(()), |version| write!(f, " v{version}"))
        }
        Err(failure) => write!(f, " failed {}", failure.code().name()),
    }
}

fn write_data(f: &mut Formatter<'_>, data: &Data) -> fmt::Result {
    match data {
        Data::None => Ok(()),
        Data::Body(body) => write!(f, " data@{}", body.seq),
        Data::Sessions(list) => {
            f.write_str(" sessions")?;
            list.iter().try_for_each(|info| write!(f, " {}", Session(&info.id)))
        }
        Data::Created(info) => write!(f, " created {}", Session(&info.id)),
        Data::Deleted => f.write_str(" deleted"),
        Data::Switched { info, cursor } | Data::SwitchedIn { info, cursor, epoch: _ } => {
            write!(f, " switched {} @{cursor}", Session(&info.id))
        }
        Data::State(info) => {
            write!(f, " state {} version {}", Session(&info.id), info.version)?;
            f.write_str(if info.streaming { " streaming" } else { "" })?;
            f.write_str(if info.compacting { " compacting" } else { "" })
        }
        Data::Health(health) => write!(f, " issues {}", health.issues.len()),
        Data::Recovery(report) => {
            write!(f, " boot {}", report.boot)?;
            report.in_flight.iter().try_for_each(|command| {
                let fate = match command.fate {
                    Fate::NotStarted => "not-started",
                    Fate::Read => "read",
                    Fate::Unknown => "unknown",
                    Fate::NotRecovered => "not-recovered",
                    Fate::Redacted => "redacted",
                };
                write!(f, " #{} {fate}", command.command)
            })
        }
        Data::Capabilities(_) => f.write_str(" capabilities"),
        Data::Cancelled { started: true } => f.write_str(" cancelled started"),
        Data::Cancelled { started: false } => f.write_str(" cancelled"),
    }
}

fn session(f: &mut Formatter<'_>, id: Option<&Text>) -> fmt::Result {
    id.map_or(Ok(()), |id| write!(f, " {}", Session(id)))
}

fn optional(f: &mut Formatter<'_>, word: &str, text: Option<&Text>) -> fmt::Result {
    text.map_or(Ok(()), |text| write!(f, " {word} {}", Quoted(text)))
}

/// A session, in quotes where its id is not one that a session can be created with.
struct Session<'a>(&'a str);

impl Display for Session<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !self.0.is_empty() && self.0.bytes().all(is_plain) {
            write!(f, "s:{}", self.0)
        } else {
            write!(f, "s:{}", Quoted(self.0))
        }
    }
}

/// Text in quotes, on one line.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Escaped(self.0))
    }
}

/// Displays a text as the notation writes it between quotes: on one line, with nothing in it that
/// controls a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                c if is_control(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
