//! Every way in and out for clients: WebSocket over TCP, newline-delimited JSON over a Unix socket
//! or over standard input and output. PROTOCOL.md section 2.
//!
//! [`Net`] turns what sockets say into [`Happened`] and queues frames for them. It knows framing,
//! who may come in and how much each client is behind; it knows nothing of commands.
//!
//! Each client has a share of a turn: so many bytes, and so many frames. What it says beyond that waits
//! for later turns, and until then it is not read from, so a client that floods waits for itself.
//!
//! A turn of the loop: [`Net::poll`] for each readiness event, [`Net::tick`] once, then the frames
//! of the turn ([`Net::send`], [`Net::broadcast`], [`Net::event`]), then [`Net::flush`].
//!
//! What a client is sent is one stream in the order of the calls, whatever it is made of. A frame
//! for many is framed once per framing into a shared log ([`Net::broadcast`]), in which a client that
//! follows all has only a place, and any other the spans that it was given ([`Net::give`]). Nothing is
//! done for a client that gets nothing. A client that does not read costs at most its unread answers,
//! a bounded queue of events, a bounded list of spans, and a place in the log and in the journal:
//!
//! - answers ([`Net::send`]), and frames about a client's own commands ([`Net::own`]), are never
//!   dropped; a client that leaves them unread is not read from;
//! - other frames that fall off the log are replaced by one `gap` frame that says what was missed;
//! - events beyond a bound are not queued; the client is *lagging* and the daemon feeds it from the
//!   journal ([`Net::lagging`], [`Net::feed`], [`Net::caught_up`]), in order with everything else.

mod allow;
mod bind;
mod config;
mod framing;
mod held;
mod http;
mod lines;
mod log;
mod outbox;
mod peer;
mod peers;
mod receive;
mod send;
mod socket;
mod stdio;
mod strangers;
mod websocket;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Interest, Registry, Token};
use pi_server_core::input::Transport;

pub use allow::{allowed_host, allowed_origin};
pub use bind::BindError;
pub use config::{Auth, Config, Secret};
pub use socket::{Ready, Stream};

use bind::UnixDoor;
use framing::FRAMINGS;
use held::Held;
use log::{Log, Span};
use peer::Peer;
use peers::Peers;
use receive::Door;
use socket::Socket;
use stdio::Stdio;
use strangers::Strangers;

/// Bytes read from one client in one turn.
const READ_BYTES: usize = 64 << 10;
/// How much of a frame is kept that is too large.
const HEAD_BYTES_MAX: usize = 1 << 10;
/// How long the end of the process waits for standard output to be read.
const STDOUT_WITHIN: Duration = Duration::from_secs(2);

/// Places of the listeners among the doors and the tokens.
const TCP: usize = 0;
const UNIX: usize = 1;
const OTHER_TCP: usize = 2;
const LISTENERS: [usize; 3] = [TCP, UNIX, OTHER_TCP];

/// A client, as long as it is there. Never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    slot: u32,
    life: u32,
}

#[cfg(test)]
impl Link {
    /// A link that nobody is behind, for tests of other modules.
    pub(crate) fn for_tests(slot: u32) -> Link {
        Link { slot, life: 0 }
    }
}

/// Where a frame for many clients is in the log, for each framing. In the order of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    spans: [Span; 2],
}

impl Entry {
    /// Widens this entry by one that follows it. Returns false, and changes nothing, if there are others
    /// between them.
    pub(crate) fn extend(&mut self, next: Entry) -> bool {
        let mut pairs = self.spans.iter_mut().zip(next.spans);
        if !pairs.all(|(span, next)| span.end == next.start) {
            return false;
        }
        for (span, next) in self.spans.iter_mut().zip(next.spans) {
            span.end = next.end;
        }
        true
    }
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
    /// `None` if no socket is the system's.
    registry: Option<Registry>,
    /// When the turn began.
    now: Instant,
    /// Nobody is let in any more.
    is_locked: bool,
    address: Option<SocketAddr>,
    tcp: Option<TcpListener>,
    /// On the other loopback address.
    other_tcp: Option<TcpListener>,
    unix: Option<UnixDoor>,
    doors: [Door; LISTENERS.len()],
    /// Those who were refused.
    strangers: Strangers,
    /// Why the daemon is not healthy.
    trouble: Option<String>,
    peers: Peers,
    /// Frames for many, per framing.
    logs: [Log; 2],
    /// How many clients have ever followed, per framing.
    members: [usize; 2],
    /// Slots of the clients that follow all.
    followers: BTreeSet<u32>,
    /// Slots of the clients that have not read all that is for them of the log.
    behind: Vec<u32>,
    /// How often something was done for a client, for tests of what a client costs.
    #[cfg(test)]
    served: usize,
    /// Slots of clients with something to write of their own.
    dirty: Vec<u32>,
    /// Something was broadcast in this turn.
    has_broadcast: bool,
    /// Slots of clients that have more to read.
    backlog: Vec<u32>,
    /// What clients said beyond their shares of a turn.
    held: Held,
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
        let mut other_tcp = match &tcp {
            Some(tcp) if config.both_loopbacks => {
                let address =
                    tcp.local_addr().map_err(failed("learn the address of the listener"))?;
                bind::other_loopback(address, &config.auth)?
            }
            Some(_) | None => None,
        };
        let mut unix = config.unix.as_deref().map(UnixDoor::open).transpose()?;
        let token = |place| Token(first.0 + place);
        for (listener, place) in [(&mut tcp, TCP), (&mut other_tcp, OTHER_TCP)] {
            let Some(listener) = listener else { continue };
            let registered = registry.register(listener, token(place), Interest::READABLE);
            registered.map_err(failed("watch the TCP listener"))?;
        }
        if let Some(door) = &mut unix {
            let registered = registry.register(&mut door.listener, token(UNIX), Interest::READABLE);
            registered.map_err(failed("watch the Unix socket"))?;
        }
        let address = tcp.as_ref().map(TcpListener::local_addr).transpose();
        let has_stdio = config.stdio;
        let registry = registry.try_clone().map_err(failed("share the event queue"))?;
        let mut net = Net::without_doors(config, first, Instant::now());
        net.registry = Some(registry);
        net.address = address.map_err(failed("learn the address of the TCP listener"))?;
        net.tcp = tcp;
        net.other_tcp = other_tcp;
        net.unix = unix;
        if has_stdio {
            let attached = net.attach(io::stdin(), io::stdout());
            attached.map_err(failed("serve standard input and output"))?;
        }
        Ok(net)
    }

    /// Listens nowhere: clients come by [`Net::connect`] only.
    pub fn without_doors(config: Config, first: Token, now: Instant) -> Net {
        Net {
            logs: FRAMINGS.map(|_| Log::new(config.log_bytes_max)),
            config,
            first: first.0,
            registry: None,
            now,
            is_locked: false,
            address: None,
            tcp: None,
            other_tcp: None,
            unix: None,
            doors: LISTENERS.map(|_| Door::default()),
            strangers: Strangers::default(),
            trouble: None,
            peers: Peers::default(),
            members: [0, 0],
            followers: BTreeSet::new(),
            behind: Vec::new(),
            #[cfg(test)]
            served: 0,
            dirty: Vec::new(),
            has_broadcast: false,
            backlog: Vec::new(),
            held: Held::new(),
            lagging: BTreeSet::new(),
            pending: Vec::new(),
            talking: 0,
            buffer: vec![0; READ_BYTES],
            stdio: None,
        }
    }

    /// Where WebSocket clients connect to.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where WebSocket clients connect to as well.
    pub fn other_addr(&self) -> Option<SocketAddr> {
        self.other_tcp.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Says whether the daemon is healthy, and why not, to whoever asks for `/healthz`.
    pub fn set_trouble(&mut self, trouble: Option<&str>) {
        if self.trouble.as_deref() != trouble {
            self.trouble = trouble.map(str::to_owned);
        }
    }

    /// Wrong tokens that were shown since the start.
    pub fn wrong_tokens(&self) -> u64 {
        self.strangers.wrong_tokens()
    }

    /// Whether a readiness event with this token is for [`Net::poll`].
    pub fn owns(&self, token: Token) -> bool {
        token.0 >= self.first
    }

    /// Whether frames sent to the client can still reach it.
    pub fn is_open(&self, link: Link) -> bool {
        self.peers.look(link).is_some_and(Peer::is_listening)
    }

    /// Whether no client is left.
    pub fn is_empty(&self) -> bool {
        self.peers.len() == 0
    }

    /// Whether a client waits for events that only the journal has.
    pub(crate) fn is_lagging(&self) -> bool {
        !self.lagging.is_empty()
    }

    /// Bytes that are kept for clients.
    pub(crate) fn kept_bytes(&self) -> usize {
        let links = self.peers.links();
        let own = links.iter().filter_map(|link| Some(self.peers.look(*link)?.outbox.bytes()));
        own.sum::<usize>() + self.logs.iter().map(Log::bytes).sum::<usize>()
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
        let link = self.welcome((socket, None), Transport::Stdio, Instant::now(), &mut happened)?;
        self.pending.append(&mut happened);
        Ok(link)
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
