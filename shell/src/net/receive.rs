//! The part of [`Net`] that takes in: accepts, reads, deadlines.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mio::Token;
use mio::event::Event;
use mio::net::{TcpListener, UnixListener};
use pi_server_core::input::Transport;
use pi_server_system::report;
use rustix::io::Errno;

use super::peer::{Fate, Gate, Peer, Refused, Scene};
use super::socket::Socket;
use super::{Happened, LISTENERS, Link, Net, OTHER_TCP, Ready, Stream, TCP, UNIX};

/// Connections accepted from one listener in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// How long accepting rests when the system has no more file descriptors, or fails in a way that
/// says nothing of the client.
const EXHAUSTED_FOR: Duration = Duration::from_millis(500);
/// Time between two lines in the log about that.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What is known about a listener beside itself.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// Somebody may be waiting.
    has_more: bool,
    /// Nobody can be let in before.
    rests_until: Option<Instant>,
    /// When the log was told that the system accepts nobody.
    told: Option<Instant>,
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

    /// Lets nobody in for a while, and says why.
    fn rest(&mut self, error: &io::Error, now: Instant) {
        self.rests_until = Some(now + EXHAUSTED_FOR);
        if self.told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY) {
            self.told = Some(now);
            report!("pi-server: cannot accept connections for now: {error}");
        }
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
            TCP | UNIX | OTHER_TCP => {
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
        if self.is_locked {
            return None;
        }
        let mut happened = mem::take(&mut self.pending);
        let link = self.welcome((Socket::Other(stream), None), transport, now, &mut happened);
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
        for place in LISTENERS {
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
        let busy = self.doors.iter().any(Door::is_busy);
        let hungry =
            |link| self.peers.look(link).is_some_and(|peer| peer.outbox.hungry().is_some());
        busy || !self.backlog.is_empty()
            || !self.pending.is_empty()
            || !self.held.is_empty()
            || !self.dirty.is_empty()
            || self.lagging.iter().any(|link| hungry(*link))
    }

    /// Lets in a client that is connected already, from an address if that is known. If there are too
    /// many who are not in yet, or not any more, the oldest of them goes: a flood of those who say
    /// nothing keeps nobody out who does.
    pub(super) fn welcome(
        &mut self,
        (mut socket, source): (Socket, Option<IpAddr>),
        transport: Transport,
        now: Instant,
        happened: &mut Vec<Happened>,
    ) -> io::Result<Link> {
        let gate = match transport {
            Transport::WebSocket => Some(Gate::Tcp),
            Transport::Unix => Some(Gate::Unix),
            Transport::Stdio => None,
        };
        if let Some(gate) = gate
            && self.peers.strangers(gate) as u64 >= self.config.strangers_max
            && let Some(slot) = self.peers.first_stranger(gate)
        {
            if let Some(peer) = self.peers.at_mut(slot) {
                peer.give_way();
            }
            self.remove(slot, happened);
        }
        let link = self.peers.reserve();
        let token = Token(self.first + self.doors.len() + link.slot as usize);
        if let Some(registry) = &self.registry
            && let Err(error) = socket.register(registry, token)
        {
            self.peers.remove(link.slot);
            return Err(error);
        }
        let peer = Peer::new(link, socket, (transport, source), (&self.config, now), happened);
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
            if !self.doors[place].is_busy() {
                return;
            }
            let accepted = match place {
                TCP => self.tcp.as_ref().map(accept_tcp),
                OTHER_TCP => self.other_tcp.as_ref().map(accept_tcp),
                _ => self.unix.as_ref().map(|door| accept_unix(&door.listener)),
            };
            match accepted {
                Some(Ok(stream)) => {
                    let transport =
                        if place == UNIX { Transport::Unix } else { Transport::WebSocket };
                    // A socket that cannot be registered is dropped, which its client notices.
                    let Ok(link) = self.welcome(stream, transport, now, happened) else { continue };
                    // What it has said already is read before many others are let in.
                    if let Some(peer) = self.peers.at_mut(link.slot) {
                        let _ = peer.ready(Ready { readable: true, ..Ready::default() });
                    }
                    self.list(link.slot);
                }
                None => self.doors[place].has_more = false,
                Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {
                    self.doors[place].has_more = false;
                }
                // The client gave up while it waited, or a signal came: on to the next one.
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => self.doors[place].rest(&error, now),
            }
        }
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
        let source = peer.source();
        let scene = Scene {
            config: &self.config,
            trouble: self.trouble.as_deref(),
            delay: self.strangers.delay(source, now),
            is_full: self.talking >= self.config.connections_max,
            now,
            log: &self.logs[peer.outbox.framing().index()],
        };
        let counted = peer.counts();
        let result = act(peer, &scene);
        self.talking = self.talking + u64::from(peer.counts()) - u64::from(counted);
        if let Some(Refused { words, is_wrong_token }) = peer.refused.take()
            && let Some(line) = self.strangers.refused(source, is_wrong_token, &words, now)
        {
            report!("pi-server: {line}");
        }
        self.peers.settle(slot);
        Some(result)
    }
}

type Accepted = (Socket, Option<IpAddr>);

fn accept_tcp(listener: &TcpListener) -> io::Result<Accepted> {
    let (stream, address) = listener.accept()?;
    // Frames of a turn are written in one piece, so waiting for more only costs time. It fails for a
    // client that is gone already, which its first read says as well.
    let _ = stream.set_nodelay(true);
    Ok((Socket::Tcp(stream), Some(address.ip().to_canonical())))
}

fn accept_unix(listener: &UnixListener) -> io::Result<Accepted> {
    listener.accept().map(|(stream, _)| (Socket::Unix(stream), None))
}

/// Returns true if an error of `accept` is of one client or one moment, so that the next call may go
/// well: accept(2) hands on what the network says of a connection. After every other error, such as
/// that there are no more descriptors, to try again at once would only keep the processor busy.
fn is_passing(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(
            Errno::INTR
                | Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NONET
                | Errno::TIMEDOUT
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_one_client_or_moment_are_tried_again_at_once() {
        for errno in [Errno::INTR, Errno::CONNABORTED, Errno::CONNRESET, Errno::PROTO] {
            assert!(is_passing(&errno.into()), "{errno}");
        }
        for errno in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::NOBUFS,
            Errno::PERM,
            Errno::INVAL,
            Errno::BADF,
            Errno::OPNOTSUPP,
        ] {
            assert!(!is_passing(&errno.into()), "{errno}");
        }
        let now = Instant::now();
        let mut door = Door::default();
        door.knock();
        door.rest(&Errno::NOMEM.into(), now);
        assert!(!door.is_busy(), "the loop may sleep");
        assert_eq!(door.deadline(), Some(now + EXHAUSTED_FOR));
    }
}
