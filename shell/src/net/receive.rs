//! The part of [`Net`] that takes in: accepts, reads, deadlines.

use std::io::{self, ErrorKind};
use std::mem;
use std::time::{Duration, Instant};

use mio::Token;
use mio::event::Event;
use mio::net::{TcpListener, UnixListener};
use pi_server_core::input::Transport;
use rustix::io::Errno;

use super::peer::{Fate, Peer, Scene};
use super::socket::Socket;
use super::{Happened, Link, Net, Ready, Stream, TCP, UNIX};

/// Connections accepted from one listener in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Sockets beyond the limit of connections: in the upgrade, or about to close.
const SOCKETS_EXTRA: u64 = 256;
/// How long accepting rests when the system has no more file descriptors.
const EXHAUSTED_FOR: Duration = Duration::from_millis(500);

/// What is known about a listener beside itself.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// Somebody may be waiting.
    has_more: bool,
    /// Nobody can be let in before.
    rests_until: Option<Instant>,
}

impl Door {
    /// Somebody may be waiting.
    pub(super) fn knock(&mut self) {
        self.has_more = true;
    }

    /// Whether somebody may be waiting who can be let in.
    pub(super) fn is_busy(&self) -> bool {
        self.has_more && self.rests_until.is_none()
    }

    /// When somebody can be let in again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.rests_until.filter(|_| self.has_more)
    }
}

impl Net {
    /// Takes in what one source has, up to a bounded share; the rest is taken by later ticks.
    pub fn poll(&mut self, event: &Event, now: Instant, happened: &mut Vec<Happened>) {
        // What happened before this event is said before it.
        happened.append(&mut self.pending);
        self.now = now;
        let Some(place) = event.token().0.checked_sub(self.first) else { return };
        match place {
            TCP | UNIX => {
                self.doors[place].knock();
                self.accept(place, now, happened);
            }
            _ => {
                let Ok(slot) = u32::try_from(place - self.doors.len()) else { return };
                self.serve(slot, event.into(), now, happened);
            }
        }
    }

    /// The same for a client of [`Net::connect`], whose readiness the caller announces. As with
    /// sockets, only what begins to be true needs to be said.
    pub fn ready(&mut self, link: Link, ready: Ready, now: Instant, happened: &mut Vec<Happened>) {
        happened.append(&mut self.pending);
        self.now = now;
        if self.peers.look(link).is_some() {
            self.serve(link.slot, ready, now, happened);
        }
    }

    fn serve(&mut self, slot: u32, ready: Ready, now: Instant, happened: &mut Vec<Happened>) {
        let Some(peer) = self.peers.at_mut(slot) else { return };
        let fate = peer.ready(ready);
        self.mark_dirty(slot);
        match fate {
            Fate::Gone => self.remove(slot, happened),
            Fate::Stays => self.read(slot, now, happened),
        }
    }

    /// Lets in a client that comes over a stream of the caller's. `None` if there is no room.
    pub fn connect(
        &mut self,
        stream: Box<dyn Stream>,
        transport: Transport,
        now: Instant,
    ) -> Option<Link> {
        if self.is_locked || !self.has_room() {
            return None;
        }
        let mut happened = mem::take(&mut self.pending);
        let link = self.welcome(Socket::Other(stream), transport, now, &mut happened);
        self.pending = happened;
        link.ok()
    }

    /// Once per turn, after the polls: goes on with sources that had more than a share, pings,
    /// and ends what took too long.
    pub fn tick(&mut self, now: Instant, happened: &mut Vec<Happened>) {
        happened.append(&mut self.pending);
        self.now = now;
        self.peers.rest();
        for slot in mem::take(&mut self.backlog) {
            if let Some(peer) = self.peers.at_mut(slot) {
                peer.is_listed = false;
            }
            self.read(slot, now, happened);
        }
        for place in [TCP, UNIX] {
            if self.doors[place].rests_until.is_some_and(|until| until <= now) {
                self.doors[place].rests_until = None;
            }
            self.accept(place, now, happened);
        }
        while let Some(slot) = self.peers.overdue(now) {
            let fate = self.with(slot, now, |peer, scene| peer.expire(scene, happened));
            self.mark_dirty(slot);
            if fate == Some(Fate::Gone) {
                self.remove(slot, happened);
            }
        }
        for link in self.held.release(happened) {
            self.list(link.slot);
        }
    }

    /// When [`Net::tick`] is needed, if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let doors = self.doors.iter().filter_map(Door::deadline);
        doors.chain(self.peers.deadline()).min()
    }

    /// Reads nothing from a client until [`Net::resume`]. What was read before still comes.
    pub fn pause(&mut self, link: Link) {
        if let Some(peer) = self.peers.get_mut(link) {
            peer.pause(true);
        }
    }

    /// Goes on reading from a client.
    pub fn resume(&mut self, link: Link) {
        if let Some(peer) = self.peers.get_mut(link) {
            peer.pause(false);
            self.list(link.slot);
        }
    }

    /// Whether something is left to do that no readiness event will announce, such as more input
    /// than a share, or a lagging client that has room: the loop must not wait then.
    pub fn has_backlog(&self) -> bool {
        let busy = self.has_room() && self.doors.iter().any(Door::is_busy);
        let hungry =
            |link| self.peers.look(link).is_some_and(|peer| peer.outbox.hungry().is_some());
        busy || !self.backlog.is_empty()
            || !self.pending.is_empty()
            || !self.held.is_empty()
            || !self.dirty.is_empty()
            || self.lagging.iter().any(|link| hungry(*link))
    }

    /// Lets in a client that is connected already.
    pub(super) fn welcome(
        &mut self,
        mut socket: Socket,
        transport: Transport,
        now: Instant,
        happened: &mut Vec<Happened>,
    ) -> io::Result<Link> {
        let link = self.peers.reserve();
        let token = Token(self.first + self.doors.len() + link.slot as usize);
        if let Some(registry) = &self.registry
            && let Err(error) = socket.register(registry, token)
        {
            self.peers.remove(link.slot);
            return Err(error);
        }
        let peer = Peer::new(link, socket, transport, (&self.config, now), happened);
        self.peers.insert(link, peer);
        Ok(link)
    }

    /// Takes the client out.
    pub(super) fn remove(&mut self, slot: u32, happened: &mut Vec<Happened>) {
        let Some(mut peer) = self.peers.remove(slot) else { return };
        self.held.behind(peer.link(), happened, |happened| peer.say_closed(happened));
        self.talking -= u64::from(peer.counts());
        self.followers.remove(&slot);
        self.members[peer.outbox.framing().index()] -= usize::from(peer.is_member);
        // The socket is closed right after, which ends its registration too.
        if let Some(registry) = &self.registry {
            let _ = peer.socket().deregister(registry);
        }
    }

    fn accept(&mut self, place: usize, now: Instant, happened: &mut Vec<Happened>) {
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.doors[place].is_busy() || !self.has_room() {
                return;
            }
            let accepted = match place {
                TCP => self.tcp.as_ref().map(accept_tcp),
                _ => self.unix.as_ref().map(|door| accept_unix(&door.listener)),
            };
            match accepted {
                Some(Ok(socket)) => {
                    let transport =
                        if place == TCP { Transport::WebSocket } else { Transport::Unix };
                    // A socket that cannot be registered is dropped, which its client notices.
                    let _ = self.welcome(socket, transport, now, happened);
                }
                None => self.doors[place].has_more = false,
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                    self.doors[place].has_more = false;
                }
                Some(Err(error)) if is_exhaustion(&error) => {
                    self.doors[place].rests_until = Some(now + EXHAUSTED_FOR);
                }
                // The client gave up while it waited, or the like: on to the next one.
                Some(Err(_)) => {}
            }
        }
    }

    fn has_room(&self) -> bool {
        (self.peers.len() as u64) < self.config.connections_max.saturating_add(SOCKETS_EXTRA)
    }

    /// Reads a share from a client, if it has something and may be read.
    fn read(&mut self, slot: u32, now: Instant, happened: &mut Vec<Happened>) {
        let Some(peer) = self.peers.at(slot).filter(|peer| peer.wants_reading()) else { return };
        let link = peer.link();
        if self.held.has(link) {
            return;
        }
        let before = happened.len();
        let mut buffer = mem::take(&mut self.buffer);
        let fate = self.with(slot, now, |peer, scene| peer.read(&mut buffer, scene, happened));
        self.buffer = buffer;
        let said = self.held.hold_back(link, happened, before);
        if let Some(peer) = self.peers.at_mut(slot) {
            peer.said(said);
        }
        self.mark_dirty(slot);
        if fate == Some(Fate::Gone) {
            self.remove(slot, happened);
        } else {
            self.list(slot);
        }
    }

    /// Sees to it that the next tick reads what a client has.
    pub(super) fn list(&mut self, slot: u32) {
        let Some(peer) = self.peers.at_mut(slot).filter(|peer| peer.wants_reading()) else {
            return;
        };
        if !self.held.has(peer.link()) && !mem::replace(&mut peer.is_listed, true) {
            self.backlog.push(slot);
        }
    }

    /// Does something with a client, and keeps the books about it.
    pub(super) fn with<T>(
        &mut self,
        slot: u32,
        now: Instant,
        act: impl FnOnce(&mut Peer, &Scene<'_>) -> T,
    ) -> Option<T> {
        let peer = self.peers.at_mut(slot)?;
        let scene = Scene {
            config: &self.config,
            is_full: self.talking >= self.config.connections_max,
            now,
            log: &self.logs[peer.outbox.framing().index()],
        };
        let counted = peer.counts();
        let result = act(peer, &scene);
        self.talking = self.talking + u64::from(peer.counts()) - u64::from(counted);
        self.peers.settle(slot);
        Some(result)
    }
}

fn accept_tcp(listener: &TcpListener) -> io::Result<Socket> {
    let (stream, _) = listener.accept()?;
    // Frames of a turn are written in one piece, so waiting for more only costs time.
    stream.set_nodelay(true)?;
    Ok(Socket::Tcp(stream))
}

fn accept_unix(listener: &UnixListener) -> io::Result<Socket> {
    listener.accept().map(|(stream, _)| Socket::Unix(stream))
}

/// Whether an error of `accept` means that nothing can be accepted for now.
fn is_exhaustion(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}
