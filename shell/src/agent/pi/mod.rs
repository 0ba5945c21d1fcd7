//! Real pi: one child process per session, `pi --mode rpc`, JSON lines on pipes in the loop.
//!
//! [`lines_in`], [`lines_out`] and [`replies`] translate; [`session`] keeps what waits for what;
//! [`child`] keeps the process; this module keeps all of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use mio::{Registry, Token};
use pi_server_core::input::AgentInfo;
use pi_server_core::output::Ask;
use pi_server_core::wire::Bodies;
use pi_server_core::{AgentNo, CommandNo, Text};
use pi_server_system::file::read_regular;

use super::voice::Voice;
use super::{Config, Heard, fields};
pub(crate) use facts::plain_name;
pub(crate) use files::{SessionHeader, header_of, session_header};
pub(crate) use home::{session_folders, user_folder};
pub use rendered::rendered_frame;
pub use scripted::{Script, Scripted};
pub use target::pi_line;

use child::{Child, Launch, Source, TOKENS};
use found::FoundFiles;
use probe::Probe;
use session::{Known, Session};
use version::Version;

mod child;
mod diagnostics;
mod facts;
mod files;
mod found;
mod halves;
mod hold;
mod home;
mod lines_in;
mod lines_out;
mod noise;
mod object;
mod pipes;
mod probe;
mod rendered;
mod replies;
mod scripted;
mod session;
mod settings;
pub(super) mod sweep;
mod target;
mod tidy;
mod version;

#[cfg(test)]
mod tests;

/// The bridge, written to the data directory at the start.
const BRIDGE_SOURCE: &str = include_str!("bridge.ts");

/// All pi children.
pub(super) struct Pi {
    config: Config,
    registry: Registry,
    tokens: Range<usize>,
    /// The mark that all children of this data directory share, and the one of this life's.
    mark: String,
    life: String,
    /// The process that clears up if this one is killed. It sees the end of its input; nothing is
    /// ever written to it.
    watcher: Option<std::process::Child>,
    version: Asked,
    children: BTreeMap<AgentNo, Child>,
    /// Which child has which slot of tokens; slot 0 is the probe's.
    slots: BTreeMap<usize, AgentNo>,
    /// What is to be started once pi's version is known, in order.
    waiting: VecDeque<Spawn>,
    /// Session and working directory of each child.
    spawned: BTreeMap<AgentNo, (Text, Text)>,
    /// What is known of the sessions of agents that are about to be asked for.
    remembered: BTreeMap<AgentNo, AgentInfo>,
    found: FoundFiles,
    /// By session, the names of what could not be read of its agents, which were logged.
    named: BTreeMap<Text, BTreeSet<String>>,
}

/// What is known of pi's version.
enum Asked {
    /// Nothing yet.
    No,
    /// It is being asked for.
    Asking(Probe),
    /// This.
    Known(Version),
}

struct Spawn {
    agent: AgentNo,
    session: Text,
    cwd: Text,
    resume: Option<Text>,
    /// What is known of its session.
    info: AgentInfo,
}

impl Pi {
    /// No children yet. Leftovers of an earlier life are swept aside.
    pub(super) fn new(config: Config, registry: Registry, tokens: Range<usize>) -> Pi {
        let mark = sweep::data_dir_mark(&config.data_dir);
        let life = format!("{mark}:{}", sweep::life_mark());
        // Without it there is still the death signal, and the sweep of the next start.
        let watcher = config.wrapper.as_deref().and_then(|wrapper| watch(wrapper, &life).ok());
        let mut pi = Pi {
            config,
            registry,
            tokens,
            mark,
            life,
            watcher,
            version: Asked::No,
            children: BTreeMap::new(),
            slots: BTreeMap::new(),
            waiting: VecDeque::new(),
            spawned: BTreeMap::new(),
            remembered: BTreeMap::new(),
            found: FoundFiles::default(),
            named: BTreeMap::new(),
        };
        // If it cannot even be asked, the first spawn tries again and says why.
        drop(pi.ask_version());
        pi
    }

    /// Takes note of what is known of the session of an agent that is about to be asked for.
    pub(super) fn remember(&mut self, agent: AgentNo, info: AgentInfo) {
        self.remembered.insert(agent, info);
    }

    /// A session file was looked up for a call; `is_wanted` says which calls may still come.
    pub(super) fn found(
        &mut self,
        call: CommandNo,
        file: Text,
        is_wanted: &dyn Fn(CommandNo) -> bool,
    ) {
        self.found.note(call, file, is_wanted);
    }

    fn ask_version(&mut self) -> io::Result<()> {
        let command = self.program();
        let mark = format!("{}:", self.mark);
        let life = format!("{}:probe", self.life);
        let probe = Probe::start(command, mark, life, &self.registry, Token(self.tokens.start))?;
        self.version = Asked::Asking(probe);
        Ok(())
    }

    /// The program, made absolute where it is a path: children work in other directories.
    fn program(&self) -> PathBuf {
        let given = &self.config.pi_command;
        if given.components().count() > 1 {
            given.canonicalize().unwrap_or_else(|_| given.clone())
        } else {
            given.clone()
        }
    }

    /// Does what the core asks for.
    pub(super) fn ask(
        &mut self,
        ask: &Ask,
        bodies: &dyn Bodies,
        now: Instant,
        heard: &mut Vec<Heard>,
    ) {
        match ask {
            Ask::Spawn { agent, session, cwd, resume } => {
                self.waiting.push_back(Spawn {
                    agent: *agent,
                    session: session.clone(),
                    cwd: cwd.clone(),
                    resume: resume.clone(),
                    info: self.remembered.remove(agent).unwrap_or_default(),
                });
                self.start_waiting(heard);
            }
            Ask::Call { agent, call, kind, frame } => {
                let fields = self.found.fields(*call, *frame, bodies);
                if let Some(child) = self.children.get_mut(agent) {
                    let voice = &mut Voice::new(*agent, heard);
                    match fields {
                        Ok(fields) => child.session.call(*call, *kind, &fields, now, voice),
                        Err(words) => voice.failed(*call, &words),
                    }
                    child.write(now);
                }
            }
            Ask::Interrupt { agent, kind } => {
                if let Some(child) = self.children.get_mut(agent) {
                    child.session.interrupt(*kind, now);
                    child.write(now);
                }
            }
            Ask::Dialog { agent, request, answer } => {
                if let Some(child) = self.children.get_mut(agent) {
                    child.session.answer(request, &fields::answer(*answer, bodies));
                    child.write(now);
                }
            }
            Ask::Kill { agent } => {
                if let Some(child) = self.children.get_mut(agent) {
                    child.ask_to_end(now);
                } else if let Some(at) = self.waiting.iter().position(|it| it.agent == *agent) {
                    self.waiting.remove(at);
                    Voice::new(*agent, heard).exited("ended before it was started", "");
                }
            }
        }
    }

    /// Reads and writes what is ready on a token.
    pub(super) fn poll(
        &mut self,
        token: Token,
        readable: bool,
        writable: bool,
        heard: &mut Vec<Heard>,
    ) {
        let now = Instant::now();
        let Some(distance) = token.0.checked_sub(self.tokens.start) else { return };
        let slot = distance / TOKENS;
        if slot == 0 {
            return self.probed(heard);
        }
        // An event of a child that is gone already is no surprise.
        let Some(agent) = self.slots.get(&slot).copied() else { return };
        let Some(child) = self.children.get_mut(&agent) else { return };
        let voice = &mut Voice::new(agent, heard);
        match Source::at(distance % TOKENS) {
            Source::Input if writable => child.write(now),
            Source::Output if readable => {
                child.read(now, voice);
                child.write(now);
            }
            Source::Errors if readable => child.read_errors(),
            Source::Process if readable => {
                if let Some(child) = self.children.remove(&agent) {
                    let (session, named) = child.session.named();
                    if !named.is_empty() {
                        self.named.insert(session.into(), named.clone());
                    }
                    let unheard = child.finish(now, &self.registry, voice);
                    self.slots.remove(&slot);
                    self.next(agent, unheard, heard);
                }
            }
            Source::Input | Source::Output | Source::Errors | Source::Process => {}
        }
        self.start_waiting(heard);
    }

    /// Starts the next pi of a session in the place of one that had ended before it read what it was
    /// asked; otherwise the one that ended is forgotten.
    fn next(
        &mut self,
        agent: AgentNo,
        unheard: Option<(Vec<session::Asked>, AgentInfo)>,
        heard: &mut Vec<Heard>,
    ) {
        let spawned = self.spawned.remove(&agent);
        let version = match &self.version {
            Asked::Known(version) => *version,
            Asked::No | Asked::Asking(_) => return,
        };
        let (Some((session, cwd)), Some((calls, info))) = (spawned, unheard) else { return };
        let spawn = Spawn { agent, session, cwd, resume: info.file.clone(), info };
        if let Err(words) = self.start(&spawn, version, Some(calls)) {
            Voice::new(agent, heard).exited(&words, "");
        }
    }

    /// Whether [`Pi::tick`] has something to do right away.
    pub(super) fn has_backlog(&self) -> bool {
        self.children.values().any(Child::has_more)
    }

    /// When [`Pi::tick`] is wanted.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.children.values().filter_map(Child::deadline).min()
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        for (agent, child) in &mut self.children {
            if child.has_more() || child.deadline().is_some_and(|due| due <= now) {
                child.tick(now, &mut Voice::new(*agent, heard));
            }
        }
    }

    /// Whether an agent's process runs.
    #[cfg(test)]
    pub(super) fn runs(&self, agent: AgentNo) -> bool {
        self.children.contains_key(&agent)
    }

    /// Ends all children; returns when they are gone.
    pub(super) fn stop_all(&mut self) {
        self.waiting.clear();
        let now = Instant::now();
        for child in self.children.values_mut() {
            child.ask_to_end(now);
        }
        let until = self.deadline().unwrap_or(now);
        for child in self.children.values_mut() {
            if !child.wait_until(until) {
                child.kill();
                child.wait_until(Instant::now() + std::time::Duration::from_secs(1));
            }
        }
        if !self.children.is_empty() || matches!(self.version, Asked::Asking(_)) {
            sweep::sweep(&format!("{}:", self.life));
        }
        if let Some(mut watcher) = self.watcher.take() {
            // Nothing is left for it to do.
            let ended = watcher.kill().and_then(|()| watcher.wait());
            drop(ended);
        }
        self.children.clear();
        self.slots.clear();
    }

    /// pi's version has come, or cannot be had.
    fn probed(&mut self, heard: &mut Vec<Heard>) {
        let Asked::Asking(probe) = &mut self.version else { return };
        match probe.read(&self.registry) {
            None => {}
            Some(Ok(version)) => {
                self.version = Asked::Known(version);
                self.start_waiting(heard);
            }
            Some(Err(words)) => {
                // Asked again for the next one: the user may have installed it meanwhile.
                self.version = Asked::No;
                for spawn in self.waiting.drain(..) {
                    Voice::new(spawn.agent, heard).exited(&words, "");
                }
            }
        }
    }

    /// Starts those that wait, once pi's version is known.
    fn start_waiting(&mut self, heard: &mut Vec<Heard>) {
        while !self.waiting.is_empty() {
            let version = match &self.version {
                Asked::Known(version) => *version,
                Asked::Asking(_) => return,
                Asked::No => {
                    if let Err(error) = self.ask_version() {
                        let words = format!("cannot ask pi for its version: {error}");
                        for spawn in self.waiting.drain(..) {
                            Voice::new(spawn.agent, heard).exited(&words, "");
                        }
                    }
                    return;
                }
            };
            let Some(spawn) = self.waiting.pop_front() else { return };
            let agent = spawn.agent;
            if let Err(words) = self.start(&spawn, version, None) {
                Voice::new(agent, heard).exited(&words, "");
            }
        }
    }

    /// Starts a pi; in the place of one that had ended, if there are calls that it had not read.
    fn start(
        &mut self,
        spawn: &Spawn,
        version: Version,
        instead: Option<Vec<session::Asked>>,
    ) -> Result<(), String> {
        let slot = self.free_slot().ok_or("too many agents at a time")?;
        let given = self.config.pi_folder.clone().or_else(home::user_folder);
        let user = given.ok_or("cannot find the home directory")?;
        let folders = self.config.data_dir.join("agents");
        let folder = home::prepare(&folders, &spawn.session, &user).map_err(|error| {
            format!("cannot make an agent folder in {}: {error}", folders.display())
        })?;
        let bridge = self.write_bridge().map_err(|error| {
            format!("cannot write to {}: {error}", self.config.data_dir.display())
        })?;
        let sessions = home::session_folder(&user, &spawn.cwd);
        let resume = match &spawn.resume {
            Some(file) => Some(resumable(Path::new(&**file))?),
            None => None,
        };
        let command = self.command_line(&bridge, sessions.as_deref(), resume.as_deref());
        let known = Known {
            session: spawn.session.to_string(),
            info: AgentInfo { file: spawn.resume.clone(), ..spawn.info.clone() },
            named: self.named.get(&spawn.session).cloned().unwrap_or_default(),
            is_fresh: !resume.as_ref().is_some_and(|file| file.exists()),
        };
        let session = Session::new(version, PathBuf::from(&*spawn.cwd), known);
        // The sweep behind the one before must not meet this one.
        let which = if instead.is_some() { "again:" } else { "" };
        let session = match instead {
            Some(calls) => session.instead(calls),
            None => session,
        };
        let launch = Launch {
            command,
            cwd: PathBuf::from(&*spawn.cwd),
            folder,
            mark: format!("{}:{}:{which}{}", self.life, spawn.session, spawn.agent),
            first_token: self.tokens.start + slot * TOKENS,
        };
        let program = self.config.pi_command.display();
        let mut child = Child::start(launch, session, &self.registry)
            .map_err(|error| format!("cannot start {program} in {}: {error}", spawn.cwd))?;
        child.write(Instant::now());
        self.slots.insert(slot, spawn.agent);
        self.spawned.insert(spawn.agent, (spawn.session.clone(), spawn.cwd.clone()));
        self.children.insert(spawn.agent, child);
        Ok(())
    }

    fn command_line(
        &self,
        bridge: &Path,
        sessions: Option<&Path>,
        resume: Option<&Path>,
    ) -> Vec<OsString> {
        let mut line: Vec<OsString> = Vec::new();
        if let Some(wrapper) = &self.config.wrapper {
            line.push(wrapper.into());
            line.push(super::CHILD_COMMAND.into());
            line.push(super::child_main::parent_word().into());
        }
        line.push(self.program().into());
        line.extend(["--mode".into(), "rpc".into(), "--extension".into(), bridge.into()]);
        if let Some(sessions) = sessions {
            line.extend(["--session-dir".into(), sessions.into()]);
        }
        if let Some(file) = resume {
            line.extend(["--session".into(), file.into()]);
        }
        line.extend(self.config.pi_args.iter().cloned());
        line
    }

    /// Writes the bridge where children find it, unless it is there.
    fn write_bridge(&self) -> io::Result<PathBuf> {
        let path = self.config.data_dir.join("agents").join("bridge.ts");
        let found = read_regular(&path, BRIDGE_SOURCE.len() as u64);
        if !found.is_ok_and(|found| found == BRIDGE_SOURCE.as_bytes()) {
            let fresh = path.with_extension("new");
            std::fs::write(&fresh, BRIDGE_SOURCE)?;
            std::fs::rename(&fresh, &path)?;
        }
        Ok(path)
    }

    fn free_slot(&self) -> Option<usize> {
        let slots = self.tokens.len() / TOKENS;
        (1..slots).find(|slot| !self.slots.contains_key(slot))
    }
}

/// Starts the process that clears up behind this one if it is killed. It has a process group of its
/// own, so that what a terminal sends to the daemon does not end it first.
fn watch(wrapper: &Path, life: &str) -> io::Result<std::process::Child> {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new(wrapper);
    command.args([super::CHILD_COMMAND, super::child_main::WATCH]).arg(format!("{life}:"));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).spawn()
}

/// Makes a session file ready to go on from. One that does not exist is as good: pi begins it
/// there, as it does when a session ends before its first answer.
fn resumable(file: &Path) -> Result<PathBuf, String> {
    if file.exists() {
        if !files::is_session(file) {
            return Err(format!("{} is not a session file", file.display()));
        }
        files::end_last_line(file)
            .map_err(|error| format!("cannot make {} ready: {error}", file.display()))?;
    }
    Ok(file.to_owned())
}
