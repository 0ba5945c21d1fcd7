//! Bringing a daemon up: journal, past, transports, and the input that begins its life.
//!
//! Everything that can fail for reasons of the place (a lock, a port, a missing program) is tried
//! before the first record is written, so that a failed start leaves no trace in the journal.

use std::env;
use std::sync::Arc;

use mio::{Events, Poll, Waker};
use pi_server_core::input::{Boot, InputKind, JournalFacts, RuleSet};
use pi_server_core::Seq;

use super::error::Error;
use super::event_loop::{AGENTS, CLIENTS, EVENTS, EventLoop, SIGNALS, Turn, WAKER};
use super::greeting::Greeting;
use super::hands::Hands;
use super::machine::{Machine, Past};
use super::options::Options;
use super::program::{self, Program};
use super::query::{Places, Queries};
use super::signals::Signals;
use super::token::{self, Token};
use crate::agent::{self, Agents};
use crate::journal::{self, Journal};
use crate::net::{self, Auth, Net, Secret};

/// Brings a daemon up.
///
/// # Errors
/// What is in the way.
pub(super) fn start(options: &Options) -> Result<EventLoop, Error> {
    let program = program::choose(options.agent, &options.pi_command)?;
    let poll = Poll::new().map_err(system("make an event queue"))?;
    let waker = Waker::new(poll.registry(), WAKER).map_err(system("make a waker"))?;
    let waker = Arc::new(waker);
    let signals =
        Signals::catch(poll.registry(), SIGNALS).map_err(system("catch signals"))?;
    let (mut journal, facts) = open_journal(options, &waker)?;
    let token = if options.auth && options.listen.is_some() {
        Some(token::read_or_make(&options.data_dir).map_err(Error::Token)?)
    } else {
        None
    };
    let net = bind(options, token.as_ref(), poll.registry())?;
    let past = feed(&mut journal, options)?;
    let agents = agents(options, &program, poll.registry())?;
    let default_cwd = default_cwd();
    let journal_path = options.data_dir.join("journal");
    let path_text = journal_path.to_string_lossy().into_owned();
    let queries = {
        let waker = Arc::clone(&waker);
        let places = Places::of_process(&default_cwd, &options.data_dir);
        Queries::start(places, path_text.clone(), move || wake(&waker))
            .map_err(system("start a thread"))?
    };
    let boot = Boot {
        rules: RuleSet::V1,
        server_version: env!("CARGO_PKG_VERSION").into(),
        limits: options.limits.clone(),
        entropy: entropy()?,
        clean: past.is_clean(),
        recovery: options.recovery,
        agent: program.kind,
        default_cwd: default_cwd.as_str().into(),
        journal_path: path_text.into(),
        journal: facts.clone(),
    };
    let mut machine = Machine::new(journal, past);
    machine.take(InputKind::Boot(Box::new(boot)), &[])?;
    machine.commit()?;
    if let Some(address) = net.local_addr() {
        token::remember_address(&options.data_dir, address).map_err(Error::Token)?;
    }
    if token::is_exposed(&options.data_dir) {
        eprintln!("pi-server: others can read the token; chmod 600 its file, or make a new one");
    }
    Greeting {
        options,
        address: net.local_addr(),
        token: token.as_ref(),
        program: &program,
        journal: &journal_path,
        durability: &facts.durability,
        recovery: machine.state().recovery(),
    }
    .print();
    Ok(EventLoop {
        poll,
        events: Events::with_capacity(EVENTS),
        signals,
        machine,
        hands: Hands::new(net, agents, queries),
        only_stdio: options.stdio && options.listen.is_none() && options.unix.is_none(),
        turn: Turn::new(),
    })
}
