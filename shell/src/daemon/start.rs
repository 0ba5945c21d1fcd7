//! Bringing a daemon up: journal, past, transports, and the input that begins its life.
//!
//! Everything that can fail for reasons of the place (a lock, a port, a missing program) is tried
//! before the first record is written, so that a failed start leaves no trace in the journal.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::{env, io};

use mio::{Events, Poll, Waker};
use pi_server_core::WallOffset;
use pi_server_core::input::{AgentKind, Boot, RuleSet};
use pi_server_system::report;

use super::clock::SystemClocks;
use super::error::Error;
use super::event_loop::{AGENTS, CLIENTS, EVENTS, EventLoop, SIGNALS, WAKER};
use super::greeting::Greeting;
use super::hands::Hands;
use super::identity::{Ids, Search};
use super::keeper::{self, Ages, Keeper, Retention};
use super::machine::Machine;
use super::options::Options;
use super::past::Past;
use super::program::{self, Program};
use super::query::{Places, Queries};
use super::signals::Signals;
use super::token::{self, Token};
use super::turn::{Daemon, Turn};
use crate::agent::{self, Agents};
use crate::descriptors::{self, Share};
use crate::journal::{self, Journal, Opened, SNAPSHOT_DIR};
use crate::net::{self, Auth, Net, Secret};

/// Brings a daemon up.
///
/// # Errors
/// What is in the way.
pub(super) fn start(options: &Options) -> Result<EventLoop, Error> {
    let program = program::choose(options.agent, &options.pi_command)?;
    let (share, shortage) = descriptors(options, program.kind);
    let poll = Poll::new().map_err(system("make an event queue"))?;
    let waker = Waker::new(poll.registry(), WAKER).map_err(system("make a waker"))?;
    let waker = Arc::new(waker);
    let signals = Signals::catch(poll.registry(), SIGNALS).map_err(system("catch signals"))?;
    let (journal, past, facts) = open_journal(options, &waker)?;
    let bad = facts.rejected.iter().map(|(number, _)| *number).collect();
    let facts = facts.journal_facts();
    let token = if options.auth && options.listen.is_some() {
        Some(token::read_or_make(&options.data_dir).map_err(Error::Token)?.0)
    } else {
        None
    };
    let net = bind(options, share, token.as_ref(), poll.registry())?;
    let (past, stepped) = feed(&journal, past, &options.data_dir)?;
    let agents = agents(options, &program, poll.registry())?;
    let default_cwd = default_cwd();
    let journal_path = options.data_dir.join("journal");
    let path_text = journal_path.to_string_lossy().into_owned();
    let queries = {
        let waker = Arc::clone(&waker);
        let places = Places::of_process(&default_cwd, &options.data_dir);
        Queries::start(places, journal.archive(), path_text.clone(), move || wake(&waker))
    };
    let boot = Boot {
        rules: RuleSet::default(),
        server_version: env!("CARGO_PKG_VERSION").into(),
        limits: options.limits.clone(),
        entropy: entropy()?,
        clean: past.is_clean(),
        recovery: options.recovery,
        agent: program.kind,
        default_cwd: default_cwd.as_str().into(),
        journal_path: path_text.into(),
        journal: facts.clone(),
        // The machine reads the clock.
        wall: WallOffset(0),
    };
    let keeper = {
        let waker = Arc::clone(&waker);
        let retention = Retention {
            bytes: options.retain_bytes,
            age: options.retain_age,
            tiers: Ages { warm: options.warm_after, cold: options.cold_after },
            compress: options.compress,
        };
        Keeper::start(&journal, retention, bad, move || wake(&waker))
            .map_err(system("start a thread"))?
    };
    let ids = {
        let (waker, archive) = (Arc::clone(&waker), journal.archive());
        let search = Search::start(archive.clone(), move || wake(&waker));
        Ids::new(search.map_err(system("start a thread"))?, archive)
    };
    let mut machine = Machine::new(journal, past).with_policy(options.redact.clone());
    machine.begin(boot)?;
    machine.commit()?;
    token::remember_address(&options.data_dir, net.local_addr()).map_err(Error::Token)?;
    if token::is_exposed(&options.data_dir) {
        report!("pi-server: others can read the token; chmod 600 its file, or make a new one");
    }
    if let Some(words) = shortage.filter(|_| !options.quiet) {
        report!("pi-server: {words}");
    }
    Greeting {
        options,
        addresses: net.local_addr().into_iter().chain(net.other_addr()).collect(),
        token: token.as_ref(),
        program: &program,
        journal: &journal_path,
        durability: &facts.durability,
        recovery: machine.state().recovery(),
        stepped,
    }
    .print();
    Ok(EventLoop {
        poll,
        events: Events::with_capacity(EVENTS),
        signals,
        daemon: Daemon {
            machine,
            keeper,
            ids,
            hands: Hands::new(net, agents, queries),
            only_stdio: options.stdio && options.listen.is_none() && options.unix.is_none(),
            turn: Turn::new(std::time::Instant::now()),
            time: Rc::new(SystemClocks),
        },
    })
}

/// Opens the journal, and takes in the newest snapshot of it that is good.
fn open_journal(
    options: &Options,
    waker: &Arc<Waker>,
) -> Result<(Journal, Past, journal::Facts), Error> {
    let waker = Arc::clone(waker);
    let mut settings = journal::Options::new(&options.data_dir);
    settings.durability = options.durability;
    settings.backend = options.backend;
    settings.waker = Arc::new(move || wake(&waker));
    settings.segment_bytes =
        options.segment_bytes.unwrap_or_else(|| keeper::segment_bytes(options.retain_bytes));
    let least = keeper::floor(settings.segment_bytes);
    if options.retain_bytes > 0 && options.retain_bytes < least {
        pi_server_system::report!(
            "pi-server: --retain-bytes {} cannot be kept with journal files of {} bytes: the journal \
             cannot do with less than {least} bytes",
            options.retain_bytes,
            settings.segment_bytes,
        );
    }
    let mut past = Past::new();
    let opened = Journal::open_with(&settings, &mut |snapshot| {
        past = Past::restore(snapshot)?;
        Ok(())
    });
    let Opened { journal, facts } = opened.map_err(Error::Open)?;
    for (number, error) in &facts.rejected {
        report!("pi-server: {SNAPSHOT_DIR}/{number:08}.snap cannot be used: {error}");
    }
    Ok((journal, past, facts))
}

/// Feeds the journal's inputs behind the snapshot, with outputs off, and compares what the steps put
/// out with what they put out when they were recorded. Says how many inputs these were.
///
/// # Errors
/// The journal cannot be read, or does not replay.
pub(super) fn feed(journal: &Journal, mut past: Past, dir: &Path) -> Result<(Past, u64), Error> {
    let (mut diverged, mut stepped) = (None, 0);
    journal
        .replay(|input, previous| {
            if diverged.is_none() {
                stepped += 1;
                diverged = past.feed(input, previous).err();
            }
        })
        .map_err(Error::Read)?;
    if diverged.is_none() {
        diverged = past.check(journal.last_seq(), journal.last_outputs()).err();
    }
    match diverged {
        None => Ok((past, stepped)),
        Some(divergence) => {
            let dir = dir.display().to_string();
            Err(Error::Diverged { divergence, dir })
        }
    }
}

/// Divides the descriptors of this process among clients, agents and the daemon itself. With words for
/// people if there are not enough for what was configured.
fn descriptors(options: &Options, kind: AgentKind) -> (Share, Option<String>) {
    let connections = options.limits.connections_max;
    let agents = match kind {
        AgentKind::Pi => options.limits.agents_max,
        AgentKind::Demo => 0,
    };
    let limit = descriptors::raise(connections, agents);
    let share = descriptors::divide(limit, connections, agents);
    let shortage = (share.connections < connections).then(|| {
        format!(
            "{limit} file descriptors are enough for {} connections, not for \
             limits.connections_max={connections}: raise the hard limit (ulimit -Hn, LimitNOFILE=)",
            share.connections
        )
    });
    (share, shortage)
}

fn bind(
    options: &Options,
    share: Share,
    token: Option<&Token>,
    registry: &mio::Registry,
) -> Result<Net, Error> {
    let config = net::Config {
        listen: options.listen,
        both_loopbacks: options.both_loopbacks,
        unix: options.unix.clone(),
        stdio: options.stdio,
        auth: token.map_or(Auth::None, |token| Auth::Token(Secret::new(token.as_str()))),
        allowed_origins: options.allowed_origins.clone(),
        allowed_hosts: options.allowed_hosts.clone(),
        frame_bytes_max: options.limits.frame_bytes_max,
        connections_max: share.connections,
        strangers_max: share.strangers,
        ..net::Config::default()
    };
    Net::bind(config, registry, CLIENTS).map_err(Error::Bind)
}

fn agents(options: &Options, program: &Program, registry: &mio::Registry) -> Result<Agents, Error> {
    let config = agent::Config {
        kind: program.kind,
        pi_command: program.command.clone(),
        pi_args: Vec::new(),
        pi_folder: None,
        no_pi: program.no_pi.clone(),
        wrapper: env::current_exe().ok(),
        data_dir: options.data_dir.clone(),
    };
    let registry = registry.try_clone().map_err(system("share the event queue"))?;
    Ok(Agents::new(config, registry, AGENTS))
}

/// The directory of this process: where sessions work that name none.
fn default_cwd() -> String {
    env::current_dir()
        .ok()
        .and_then(|dir| std::fs::canonicalize(dir).ok())
        .and_then(|dir| dir.to_str().map(str::to_owned))
        .unwrap_or_else(|| "/".to_owned())
}

fn entropy() -> Result<[u8; 16], Error> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy).map_err(|error| Error::System {
        operation: "get randomness",
        source: io::Error::other(error.to_string()),
    })?;
    Ok(entropy)
}

fn wake(waker: &Waker) {
    // It fails only when the loop that it would wake is gone.
    drop(waker.wake());
}

fn system(operation: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::System { operation, source }
}
