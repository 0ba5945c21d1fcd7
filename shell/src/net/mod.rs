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

mod config;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use mio::event::Event;
use mio::{Registry, Token};
use pi_server_core::Seq;
use pi_server_core::input::Transport;

pub use config::{Auth, Config, Secret};

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

/// Why the transports cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// A program listens on the address.
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address is not loopback, and no token is asked for.
    OpenToAll {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A program answers on the Unix socket.
    SocketInUse {
        /// Its path.
        path: PathBuf,
    },
    /// There is something at the path, and it is not a socket.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The Unix socket cannot be made.
    Unix {
        /// Its path.
        path: PathBuf,
        /// What failed.
        operation: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The event queue or a thread cannot be had.
    System {
        /// What failed.
        operation: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

/// All clients.
#[derive(Debug)]
pub struct Net {
    first: Token,
    address: Option<SocketAddr>,
}

impl Net {
    /// Listens as configured. Takes every token from `first` on; the caller keeps those below.
    ///
    /// # Errors
    /// [`BindError`]; nothing is left behind.
    pub fn bind(_config: Config, _registry: &Registry, first: Token) -> Result<Net, BindError> {
        Ok(Net { first, address: None })
    }

    /// Where WebSocket clients connect to.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whether a readiness event with this token is for [`Net::poll`].
    pub fn owns(&self, token: Token) -> bool {
        token >= self.first
    }

    /// Takes in what one source has, up to a bounded share; the rest is taken by later ticks.
    pub fn poll(&mut self, _event: &Event, _now: Instant, _happened: &mut Vec<Happened>) {}

    /// Once per turn, after the polls: goes on with sources that had more than a share, pings,
    /// and ends what took too long.
    pub fn tick(&mut self, _now: Instant, _happened: &mut Vec<Happened>) {}

    /// When [`Net::tick`] is needed, if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Whether something is left for [`Net::tick`] that no readiness event will announce: the loop
    /// must not wait then.
    pub fn has_backlog(&self) -> bool {
        false
    }

    /// Whether frames sent to the client can still reach it.
    pub fn is_open(&self, _link: Link) -> bool {
        false
    }

    /// The client takes part in broadcasts from here on.
    pub fn admit(&mut self, _link: Link) {}

    /// The client takes part in broadcasts no longer.
    pub fn dismiss(&mut self, _link: Link) {}

    /// Sends a frame to one client. Never dropped while the client lives. `seq` is the input that
    /// caused it: a lagging client gets it after the events before that place.
    pub fn send(&mut self, _link: Link, _seq: Seq, _json: &[u8]) {}

    /// Sends a lifecycle frame to every admitted client.
    pub fn broadcast(&mut self, _seq: Seq, _json: &[u8]) {}

    /// Sends a lifecycle frame to some clients. One that is far behind gets a gap frame for it.
    pub fn multicast(&mut self, _links: &[Link], _seq: Seq, _json: &[u8]) {}

    /// Sends a session event to some clients. One that is far behind, or lagging, is lagging from
    /// its cursor on.
    pub fn event(&mut self, _links: &[Link], _cursor: Seq, _json: &[u8]) {}

    /// Makes the client lag from `after` on, so that older events can be fed before newer ones.
    pub fn lag(&mut self, _link: Link, _after: Seq) {}

    /// Lagging clients that have room, each with the cursor of the last event it was given.
    pub fn lagging(&mut self) -> Vec<(Link, Seq)> {
        Vec::new()
    }

    /// Gives a lagging client the next event it missed, in order. `false`: no more for now.
    pub fn feed(&mut self, _link: Link, _cursor: Seq, _json: &[u8]) -> bool {
        false
    }

    /// The client has been fed everything that it missed.
    pub fn caught_up(&mut self, _link: Link) {}

    /// Ends a connection after everything that was sent to it. The code and the reason (cut to 123
    /// bytes) are those of a WebSocket close frame; a line transport just ends.
    pub fn close(&mut self, _link: Link, _code: u16, _reason: &str) {}

    /// Writes what is queued, in as few calls as possible. At the end of the turn.
    pub fn flush(&mut self) {}
}
