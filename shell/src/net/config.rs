//! What the transports are told at their start.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where to listen and what to allow. [`Config::default`] listens nowhere.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP address for WebSocket clients; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// Whether the other loopback address is listened on as well, with the same port: a client that
    /// is told `localhost` may take either.
    pub both_loopbacks: bool,
    /// Path of the Unix socket for clients that speak newline-delimited JSON.
    pub unix: Option<PathBuf>,
    /// Whether standard input and output are a client.
    pub stdio: bool,
    /// What TCP clients must show. Unix and stdio clients are let in by file mode and ancestry.
    pub auth: Auth,
    /// Values of `Origin` that are let in. A request without the header is not from a web page.
    pub allowed_origins: Vec<String>,
    /// Values of `Host` that are let in beside IP literals and `localhost`, without port.
    pub allowed_hosts: Vec<String>,
    /// Bytes in one frame from a client; a frame of exactly this size is allowed.
    pub frame_bytes_max: u64,
    /// Connections open at a time; the next one is let in and told why it is closed.
    pub connections_max: u64,
    /// Sockets that are not in, or not any more, of TCP and of the Unix socket each: in the upgrade,
    /// refused, or about to close. When there is one more, the oldest of them goes.
    pub strangers_max: u64,
    /// Time between two pings on a WebSocket.
    pub ping_every: Duration,
    /// Time in which a ping must be followed by any sign of life.
    pub pong_within: Duration,
    /// Time in which the upgrade request must be complete.
    pub handshake_within: Duration,
    /// Time that a closed connection is kept to see the client close too.
    pub linger: Duration,
    /// Time in which a `hello` line is expected from a Unix client before it is let in without a
    /// name.
    pub hello_within: Duration,
    /// Bytes of broadcasts that are kept for clients that read slowly, per framing.
    pub log_bytes_max: u64,
    /// Bytes of session events that are queued for one client before it counts as lagging.
    pub event_bytes_max: u64,
    /// Sends every WebSocket message back as it came, and reports none: for conformance suites.
    pub echo: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: None,
            both_loopbacks: false,
            unix: None,
            stdio: false,
            auth: Auth::None,
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            frame_bytes_max: 10 << 20,
            connections_max: 1_000,
            strangers_max: 256,
            ping_every: Duration::from_secs(30),
            pong_within: Duration::from_secs(10),
            handshake_within: Duration::from_secs(10),
            linger: Duration::from_secs(2),
            hello_within: Duration::from_millis(100),
            log_bytes_max: 8 << 20,
            event_bytes_max: 256 << 10,
            echo: false,
        }
    }
}

/// What a TCP client must show.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Nothing. Only for loopback addresses.
    None,
    /// This token.
    Token(Secret),
}

/// A text that is never printed.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Hides a text.
    pub fn new(text: &str) -> Secret {
        Secret(text.into())
    }

    /// Whether it is this text, in time that depends on the lengths only.
    pub fn is(&self, text: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.0.as_bytes(), text).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
