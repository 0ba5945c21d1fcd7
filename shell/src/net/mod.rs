//! Every way in and out for clients: WebSocket over TCP, newline-delimited JSON over a Unix socket
//! or over standard input and output. PROTOCOL.md section 2.
//!
//! [`Net`] turns what sockets say into [`Happened`] and queues frames for them. It knows framing,
//! who may come in and how much each client is behind; it knows nothing of commands.
//!
//! A turn of the loop: [`Net::poll`] for each readiness event, [`Net::tick`] once, then the frames
//! of the turn ([`Net::send`], [`Net::broadcast`], [`Net::event`]), then [`Net::flush`].
//!
//! What a client is sent is one stream in the order of the calls, whatever it is made of. A frame
//! for everyone is framed once per framing into a shared log in which each client has only a place.
//! A client that does not read costs at most its unread answers, a bounded queue of events, and a
//! place in the log and in the journal:
//!
//! - answers ([`Net::send`]) are never dropped; a client that leaves them unread is not read from;
//! - broadcasts that fall off the log are replaced by one `gap` frame that says what was missed;
//! - events beyond a bound are not queued; the client is *lagging* and the daemon feeds it from the
//!   journal ([`Net::lagging`], [`Net::feed`], [`Net::caught_up`]), in order with everything else.

mod bind;
mod config;
mod framing;
mod http;
mod lines;
mod log;
mod outbox;
mod peer;
mod peers;
mod receive;
mod socket;
mod stdio;
mod websocket;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use pi_server_core::Seq;
use pi_server_core::input::Transport;

pub use bind::BindError;
pub use config::{Auth, Config, Secret};

use bind::UnixDoor;
use framing::{FRAMINGS, Shared};
use log::Log;
use peer::{Fate, Scene};
use peers::Peers;
use receive::Door;
use socket::Socket;
use stdio::Stdio;

/// Bytes read from one client in one turn.
const READ_BYTES: usize = 64 << 10;
/// How much of a frame is kept that is too large.
const HEAD_BYTES_MAX: usize = 1 << 10;
/// How long the end of the process waits for standard output to be read.
const STDOUT_WITHIN: Duration = Duration::from_secs(2);

/// Places of the listeners among the doors and the tokens.
const TCP: usize = 0;
const UNIX: usize = 1;

/// A client, as long as it is there. Never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    slot: u32,
    life: u32,
}

/// What clients did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A client has been let in. It takes part in broadcasts from [`Net::admit`] on.
    Opened {
        /// The client.
        link: Link,
        /// How it came.
        transport: Transport,
        /// The name it gave.
        client: Option<String>,
    },
    /// A frame came. Its bytes may be anything, also no UTF-8 and nothing at all.
    Frame {
        /// From whom.
        link: Link,
        /// The frame, without framing.
        bytes: Vec<u8>,
    },
    /// A frame of more than [`Config::frame_bytes_max`] bytes came and was not kept. The
    /// connection lives on.
    TooLarge {
        /// From whom.
        link: Link,
        /// Bytes that it had.
        size: u64,
        /// How it began, at most 1 KiB.
        head: Vec<u8>,
    },
    /// The client says nothing more: it is gone, or it has ended its half of a line transport.
    /// Comes once for each `Opened`, also after [`Net::close`]. In the second case it may still
    /// listen, so frames may be sent to it until [`Net::is_open`] says no.
    Closed {
        /// Which client.
        link: Link,
    },
}

/// What a client's bytes come to, before it is said who the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Frame(Vec<u8>),
    TooLarge { size: u64, head: Vec<u8> },
}

impl Said {
    fn by(self, link: Link) -> Happened {
        match self {
            Said::Frame(bytes) => Happened::Frame { link, bytes },
            Said::TooLarge { size, head } => Happened::TooLarge { link, size, head },
        }
    }
}

/// All clients.
#[derive(Debug)]
pub struct Net {
    config: Config,
    first: usize,
    registry: Registry,
    address: Option<SocketAddr>,
    tcp: Option<TcpListener>,
    unix: Option<UnixDoor>,
    doors: [Door; 2],
    peers: Peers,
    /// Frames for everyone, per framing.
    logs: [Log; 2],
    /// Slots of the clients that take part in broadcasts.
    admitted: Vec<u32>,
    /// Slots of clients with something to write of their own.
    dirty: Vec<u32>,
    /// Something was broadcast in this turn.
    has_broadcast: bool,
    /// Slots of clients that have more to read.
    backlog: Vec<u32>,
    lagging: BTreeSet<Link>,
    /// What happened outside polls and ticks.
    pending: Vec<Happened>,
    /// How many clients count towards the limit.
    talking: u64,
    buffer: Vec<u8>,
    /// Dropped after the clients: see [`Net::drop`].
    stdio: Option<Stdio>,
}

impl Net {
    /// Listens as configured. Takes every token from `first` on; the caller keeps those below.
    ///
    /// # Errors
    /// [`BindError`]; nothing is left behind.
    pub fn bind(config: Config, registry: &Registry, first: Token) -> Result<Net, BindError> {
        let failed = |operation| move |source| BindError::System { operation, source };
        let mut tcp = config.listen.map(|address| bind::tcp(address, &config.auth)).transpose()?;
        let mut unix = config.unix.as_deref().map(UnixDoor::open).transpose()?;
        let token = |place| Token(first.0 + place);
        if let Some(listener) = &mut tcp {
            let registered = registry.register(listener, token(TCP), Interest::READABLE);
            registered.map_err(failed("watch the TCP listener"))?;
        }
        if let Some(door) = &mut unix {
            let registered = registry.register(&mut door.listener, token(UNIX), Interest::READABLE);
            registered.map_err(failed("watch the Unix socket"))?;
        }
        let address = tcp.as_ref().map(TcpListener::local_addr).transpose();
        let has_stdio = config.stdio;
        let mut net = Net {
            logs: FRAMINGS.map(|_| Log::new(config.log_bytes_max)),
            config,
            first: first.0,
            registry: registry.try_clone().map_err(failed("share the event queue"))?,
            address: address.map_err(failed("learn the address of the TCP listener"))?,
            tcp,
            unix,
            doors: [Door::default(), Door::default()],
            peers: Peers::default(),
            admitted: Vec::new(),
            dirty: Vec::new(),
            has_broadcast: false,
            backlog: Vec::new(),
            lagging: BTreeSet::new(),
            pending: Vec::new(),
            talking: 0,
            buffer: vec![0; READ_BYTES],
            stdio: None,
        };
        if has_stdio {
            let attached = net.attach(io::stdin(), io::stdout());
            attached.map_err(failed("serve standard input and output"))?;
        }
        Ok(net)
    }

    /// Where WebSocket clients connect to.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whether a readiness event with this token is for [`Net::poll`].
    pub fn owns(&self, token: Token) -> bool {
        token.0 >= self.first
    }

    /// Whether frames sent to the client can still reach it.
    pub fn is_open(&self, link: Link) -> bool {
        self.peers.look(link).is_some_and(peer::Peer::is_listening)
    }

    /// The client takes part in broadcasts from here on.
    pub fn admit(&mut self, link: Link) {
        let Some(peer) = self.peers.get(link).filter(|peer| peer.is_listening()) else { return };
        if peer.outbox.place().is_none() {
            let framing = peer.outbox.framing();
            peer.outbox.admit(&self.logs[framing.index()]);
            self.admitted.push(link.slot);
        }
    }

    /// The client takes part in broadcasts no longer.
    pub fn dismiss(&mut self, link: Link) {
        let Some(peer) = self.peers.get(link) else { return };
        let framing = peer.outbox.framing();
        peer.outbox.dismiss(&self.logs[framing.index()]);
        self.admitted.retain(|slot| *slot != link.slot);
        self.mark_dirty(link.slot);
    }

    /// Sends a frame to one client. Never dropped while the client lives. `seq` is the input that
    /// caused it: a lagging client gets it after the events before that place.
    pub fn send(&mut self, link: Link, seq: Seq, json: &[u8]) {
        self.queue(link, |outbox, log| outbox.answer(log, seq, json));
    }

    /// Sends a lifecycle frame to every admitted client.
    pub fn broadcast(&mut self, seq: Seq, json: &[u8]) {
        self.has_broadcast = true;
        for framing in FRAMINGS {
            self.logs[framing.index()].push(seq, |bytes| framing.put(json, bytes));
        }
    }

    /// Sends a lifecycle frame to some clients. One that is far behind gets a gap frame for it.
    pub fn multicast(&mut self, links: &[Link], seq: Seq, json: &[u8]) {
        let mut shared = Shared::new(json);
        for link in links {
            self.queue(*link, |outbox, log| {
                outbox.notice(log, seq, shared.get(outbox.framing()));
            });
        }
    }

    /// Sends a session event to some clients. One that is far behind, or lagging, is lagging from
    /// its cursor on.
    pub fn event(&mut self, links: &[Link], cursor: Seq, json: &[u8]) {
        let mut shared = Shared::new(json);
        for link in links {
            let queued = self.queue(*link, |outbox, log| {
                outbox.event(log, cursor, shared.get(outbox.framing()))
            });
            if queued == Some(false) {
                self.lagging.insert(*link);
            }
        }
    }

    /// Makes the client lag from `after` on, so that older events can be fed before newer ones.
    /// If it lags already, from the earlier of the two places on.
    pub fn lag(&mut self, link: Link, after: Seq) {
        if self.queue(link, |outbox, log| outbox.lag(log, after)).is_some() {
            self.lagging.insert(link);
        }
    }

    /// Lagging clients that have room, each with the place up to which it has every event.
    pub fn lagging(&mut self) -> Vec<(Link, Seq)> {
        let Net { lagging, peers, .. } = self;
        lagging.retain(|link| peers.look(*link).is_some_and(peer::Peer::is_listening));
        let hungry = |link: &Link| Some((*link, peers.look(*link)?.outbox.hungry()?));
        lagging.iter().filter_map(hungry).collect()
    }

    /// Gives a lagging client the next event it missed, in order. `false`: no more for now.
    pub fn feed(&mut self, link: Link, cursor: Seq, json: &[u8]) -> bool {
        self.queue(link, |outbox, log| outbox.feed(log, cursor, json)).unwrap_or(false)
    }

    /// The client has been fed everything that it missed.
    pub fn caught_up(&mut self, link: Link) {
        self.queue(link, |outbox, _| outbox.caught_up());
        self.lagging.remove(&link);
    }

    /// Ends a connection after everything that was sent to it. The code and the reason (cut to 123
    /// bytes) are those of a WebSocket close frame; a line transport just ends.
    pub fn close(&mut self, link: Link, code: u16, reason: &str) {
        if self.peers.get(link).is_none() {
            return;
        }
        let close = |peer: &mut peer::Peer, scene: &Scene<'_>| peer.close(code, reason, scene);
        if self.with(link.slot, Instant::now(), close) == Some(true) {
            self.pending.push(Happened::Closed { link });
        }
        self.lagging.remove(&link);
        self.admitted.retain(|slot| *slot != link.slot);
        self.mark_dirty(link.slot);
    }

    /// Writes what is queued, in as few calls as possible. At the end of the turn.
    pub fn flush(&mut self) {
        let now = Instant::now();
        let mut slots = std::mem::take(&mut self.dirty);
        for slot in &slots {
            self.write(*slot, now);
        }
        slots.clear();
        if std::mem::take(&mut self.has_broadcast) {
            slots.extend_from_slice(&self.admitted);
            for slot in &slots {
                self.write(*slot, now);
            }
            slots.clear();
        }
        self.dirty.append(&mut slots);
        self.trim();
    }

    /// Serves a pair of streams as the stdio client.
    fn attach(
        &mut self,
        input: impl io::Read + Send + 'static,
        output: impl io::Write + Send + 'static,
    ) -> io::Result<Link> {
        let (stdio, ours) = Stdio::start(input, output)?;
        self.stdio = Some(stdio);
        let socket = Socket::Unix(mio::net::UnixStream::from_std(ours));
        let mut happened = Vec::new();
        let link = self.welcome(socket, Transport::Stdio, Instant::now(), &mut happened)?;
        self.pending.append(&mut happened);
        Ok(link)
    }

    /// Does something to the queue of a client that can still be sent something.
    fn queue<T>(
        &mut self,
        link: Link,
        act: impl FnOnce(&mut outbox::Outbox, &Log) -> T,
    ) -> Option<T> {
        let peer = self.peers.get(link).filter(|peer| peer.is_listening())?;
        let framing = peer.outbox.framing();
        let result = act(&mut peer.outbox, &self.logs[framing.index()]);
        self.mark_dirty(link.slot);
        Some(result)
    }

    fn mark_dirty(&mut self, slot: u32) {
        let Some(peer) = self.peers.at(slot) else { return };
        if !std::mem::replace(&mut peer.is_dirty, true) {
            self.dirty.push(slot);
        }
    }

    fn write(&mut self, slot: u32, now: Instant) {
        let Some(peer) = self.peers.at(slot) else { return };
        peer.is_dirty = false;
        let fate = self.with(slot, now, |peer, scene| {
            peer.leave(scene);
            peer.write(scene)
        });
        match fate {
            Some(Fate::Gone) => {
                let mut happened = std::mem::take(&mut self.pending);
                self.remove(slot, &mut happened);
                self.pending = happened;
            }
            // Now that it has taken some answers it may be read again.
            Some(Fate::Stays) | None => self.list(slot),
        }
    }

    /// Drops what everyone has taken from the logs, and what is too much.
    fn trim(&mut self) {
        for framing in FRAMINGS {
            let log = &mut self.logs[framing.index()];
            if log.is_empty() {
                continue;
            }
            let (admitted, peers) = (&self.admitted, &mut self.peers);
            let mut slowest = log.end();
            for slot in admitted {
                let place = peers.at(*slot).filter(|peer| peer.outbox.framing() == framing);
                let place = place.and_then(|peer| peer.outbox.place());
                slowest = slowest.min(place.unwrap_or(slowest));
            }
            log.trim(slowest);
            while let Some(until) = log.excess() {
                for slot in admitted {
                    let Some(peer) = peers.at(*slot) else { continue };
                    let is_here = peer.outbox.framing() == framing;
                    if is_here && peer.outbox.place().is_some_and(|place| place < until) {
                        peer.outbox.skip(log);
                    }
                }
                log.trim(until);
            }
        }
    }
}

impl Drop for Net {
    /// Closes every connection, and lets standard output take what it was sent.
    fn drop(&mut self) {
        self.peers = Peers::default();
        if let Some(stdio) = self.stdio.take() {
            stdio.wait(STDOUT_WITHIN);
        }
    }
}

#[cfg(test)]
mod tests;
