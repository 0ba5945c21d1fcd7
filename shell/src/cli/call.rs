//! `pi-server call`: frames out, responses in. A client like any other; it shares no code with the
//! daemon's side of the wire.

use std::fmt::{self, Write as _};
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use pi_server_core::wire::text::is_control;
use serde_json::value::RawValue;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderValue, Request, Uri, header};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use super::{Complaint, DataDir, Status};
use crate::daemon::token;

/// Largest frame that is taken from a daemon, in bytes: more than any daemon sends.
const FRAME_BYTES_MAX: usize = 512 << 20;

/// Most frames under way at a time: less than the daemon's limit of unanswered commands.
const WINDOW: usize = 64;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pi-server call '{\"type\":\"create_session\",\"sessionId\":\"s\"}'
  pi-server call '{\"type\":\"prompt\",\"sessionId\":\"s\",\"message\":\"hello\"}' --all
  printf '%s\\n' '{\"type\":\"list_sessions\"}' '{\"type\":\"get_metrics\"}' | pi-server call -

Without --url and --unix it calls the daemon of the data directory: over WebSocket with its token,
or over its Unix socket if it was started with --no-listen.

The exit status is 0 if every command succeeded, 1 if one failed or was not answered, 5 if nobody
could be reached.")]
pub(super) struct Call {
    /// WebSocket URL of the daemon, as printed at its start.
    #[arg(long, value_name = "URL", conflicts_with = "unix")]
    url: Option<String>,
    /// Unix socket of the daemon.
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Token, if the URL has none [default: the one of the data directory].
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    #[command(flatten)]
    data_dir: DataDir,
    /// Client name: the namespace of command ids. Without one it is the shared namespace.
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Seconds to wait for all responses.
    #[arg(long, value_name = "S", default_value_t = 60)]
    timeout: u64,
    /// Print every frame that arrives, not only responses.
    #[arg(long)]
    all: bool,
    /// A frame, or `-` for one frame per line of standard input.
    #[arg(value_name = "JSON|-")]
    frame: String,
}

impl Call {
    pub(super) fn run(&self) -> Result<Status, Complaint> {
        let frames = self.frames()?;
        // A time that the clock cannot hold is as good as a year.
        let wait = Duration::from_secs(self.timeout.min(31_536_000));
        let until = Instant::now() + wait;
        let mut link = self.connect(until)?;
        let lost = |error: io::Error| Complaint {
            status: Status::Failed,
            text: format!("the connection broke: {error}"),
        };
        let mut output = io::stdout().lock();
        let (mut sent, mut answered) = (0, 0);
        let mut succeeded = true;
        while answered < frames.len() {
            while let Some(frame) = frames.get(sent).filter(|_| sent - answered < WINDOW) {
                link.send(frame).map_err(lost)?;
                sent += 1;
            }
            let text = link.receive(until).map_err(|error| {
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
                    let missing = frames.len().saturating_sub(answered);
                    let seconds = self.timeout;
                    Complaint {
                        status: Status::Failed,
                        text: format!("{missing} of the responses did not come in {seconds} s"),
                    }
                } else {
                    lost(error)
                }
            })?;
            let (is_response, success) = judge(&text);
            if is_response {
                answered += 1;
                succeeded &= success;
            }
            if (is_response || self.all) && writeln!(output, "{}", Harmless(&text)).is_err() {
                // Nobody reads any more.
                return Ok(Status::Failed);
            }
        }
        link.close();
        Ok(if succeeded { Status::Ok } else { Status::Failed })
    }

    fn frames(&self) -> Result<Vec<String>, Complaint> {
        if self.frame != "-" {
            return Ok(vec![self.frame.clone()]);
        }
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Complaint::usage(format!("cannot read frames: {error}")))?;
        let frames: Vec<String> =
            text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        if frames.is_empty() {
            return Err(Complaint::usage("standard input holds no frame"));
        }
        Ok(frames)
    }

    fn connect(&self, until: Instant) -> Result<Link, Complaint> {
        if let Some(path) = &self.unix {
            return self.connect_unix(path);
        }
        if let Some(url) = &self.url {
            return self.connect_websocket(url, until);
        }
        let dir = self.resolve()?;
        let socket = dir.join("pi-server.sock");
        match token::last_address(&dir) {
            Some(address) => self.connect_websocket(&format!("ws://{address}/"), until),
            None if socket.exists() => self.connect_unix(&socket),
            None => self.connect_websocket(&format!("ws://{}/", token::DEFAULT_ADDRESS), until),
        }
    }

    fn resolve(&self) -> Result<PathBuf, Complaint> {
        self.data_dir.resolve().map_err(Complaint::usage)
    }

    fn connect_unix(&self, path: &std::path::Path) -> Result<Link, Complaint> {
        let stream =
            UnixStream::connect(path).map_err(|error| unreachable_at(path.display(), &error))?;
        let mut link = Link::Unix(BufReader::new(stream));
        if let Some(client) = &self.client {
            let hello = serde_json::json!({ "type": "hello", "client": client });
            link.send(&hello.to_string())
                .map_err(|error| unreachable_at(path.display(), &error))?;
        }
        Ok(link)
    }

    fn connect_websocket(&self, url: &str, until: Instant) -> Result<Link, Complaint> {
        let request = self.request(url)?;
        let uri = request.uri();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let address = (host, uri.port_u16().unwrap_or(80));
        // The query may hold the token, which has no place in a message.
        let place = format!("ws://{}", uri.authority().map_or("", |authority| authority.as_str()));
        let stream = TcpStream::connect(address).map_err(|error| unreachable_at(&place, &error))?;
        let ready = stream
            .set_nodelay(true)
            .and_then(|()| set_wait(until, |wait| stream.set_read_timeout(Some(wait))));
        ready.map_err(|error| unreachable_at(&place, &error))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        match tungstenite::client::client_with_config(request, stream, Some(config)) {
            Ok((socket, _)) => Ok(Link::WebSocket(Box::new(socket))),
            Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => Err(Complaint {
                status: Status::CannotConnect,
                text: format!(
                    "{place} refused the connection: {}{}",
                    response.status(),
                    if response.status() == 401 { "; is the token right? (--token)" } else { "" }
                ),
            }),
            Err(error) => Err(unreachable_at(&place, &io::Error::other(error.to_string()))),
        }
    }

    fn request(&self, url: &str) -> Result<Request<()>, Complaint> {
        let bad = |error: &dyn std::fmt::Display| {
            Complaint::usage(format!("--url {}: {error}", url.split('?').next().unwrap_or("")))
        };
        let uri: Uri = url.parse().map_err(|error| bad(&error))?;
        if uri.scheme_str() != Some("ws") || uri.host().is_none() {
            return Err(bad(&"must be ws://HOST:PORT"));
        }
        let has_token = uri
            .query()
            .is_some_and(|query| query.split('&').any(|pair| pair.starts_with("token=")));
        let mut request = uri.into_client_request().map_err(|error| bad(&error))?;
        let token = match &self.token {
            Some(token) => Some(token.clone()),
            None if has_token => None,
            // A daemon without authentication needs none.
            None => token::read(&self.resolve()?).ok().map(|token| token.as_str().to_owned()),
        };
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Complaint::usage("--token: no header can carry that"))?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        if let Some(client) = &self.client {
            let value = HeaderValue::from_str(&percent_encoded(client))
                .map_err(|_| Complaint::usage("--client: no header can carry that"))?;
            request.headers_mut().insert("x-pi-client", value);
        }
        Ok(request)
    }
}

/// Whether a frame is a response, and one of success. It need not be readable as a whole: a frame
/// that this program cannot take apart still ends the wait for its command.
fn judge(frame: &str) -> (bool, bool) {
    #[derive(serde::Deserialize)]
    struct Outline<'a> {
        #[serde(borrow, rename = "type")]
        kind: &'a RawValue,
        #[serde(borrow)]
        success: Option<&'a RawValue>,
    }
    if let Ok(Outline { kind, success }) = serde_json::from_str(frame) {
        let success = success.is_some_and(|success| success.get() == "true");
        return (kind.get() == "\"response\"", success);
    }
    // Responses begin in one of two ways, as the daemon writes them.
    let begins = frame.starts_with("{\"id\":") || frame.starts_with("{\"type\":\"response\"");
    (begins && frame.contains("\"type\":\"response\""), false)
}

fn unreachable_at(place: impl std::fmt::Display, error: &io::Error) -> Complaint {
    Complaint {
        status: Status::CannotConnect,
        text: format!("nobody answers at {place}: {error}; is `pi-server serve` running?"),
    }
}

/// Percent-encodes all but the characters that need it nowhere.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let put = write!(encoded, "%{byte:02X}");
            debug_assert!(put.is_ok(), "writing to a String cannot fail");
        }
    }
    encoded
}

/// Sets a timeout of what is left until `until`.
fn set_wait(until: Instant, set: impl FnOnce(Duration) -> io::Result<()>) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    set(left)
}

enum Link {
    WebSocket(Box<WebSocket<TcpStream>>),
    Unix(BufReader<UnixStream>),
}

impl Link {
    fn send(&mut self, frame: &str) -> io::Result<()> {
        match self {
            Link::WebSocket(socket) => socket.send(Message::text(frame)).map_err(into_io),
            Link::Unix(stream) => {
                let stream = stream.get_mut();
                // A line break inside a frame can only be white space between tokens.
                let line = frame.replace(['\r', '\n'], " ");
                stream.write_all(line.as_bytes())?;
                stream.write_all(b"\n")
            }
        }
    }

    /// The next frame. `WouldBlock` or `TimedOut` when there is none until `until`.
    fn receive(&mut self, until: Instant) -> io::Result<String> {
        match self {
            Link::WebSocket(socket) => loop {
                set_wait(until, |wait| socket.get_ref().set_read_timeout(Some(wait)))?;
                match socket.read().map_err(into_io)? {
                    Message::Text(text) => return Ok(text.as_str().to_owned()),
                    Message::Close(Some(why)) => {
                        return Err(io::Error::other(format!(
                            "closed: {} {}",
                            why.code, why.reason
                        )));
                    }
                    Message::Close(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Message::Binary(_)
                    | Message::Ping(_)
                    | Message::Pong(_)
                    | Message::Frame(_) => {}
                }
            },
            Link::Unix(stream) => {
                set_wait(until, |wait| stream.get_ref().set_read_timeout(Some(wait)))?;
                let mut line = String::new();
                if stream.read_line(&mut line)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                line.truncate(line.trim_end_matches(['\r', '\n']).len());
                Ok(line)
            }
        }
    }

    /// Says goodbye, so that the daemon need not find out.
    fn close(self) {
        match self {
            Link::WebSocket(mut socket) => {
                // All answers are here; what becomes of the goodbye does not matter.
                drop(socket.close(None));
                drop(socket.flush());
            }
            Link::Unix(stream) => drop(stream),
        }
    }
}

fn into_io(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// Displays JSON with escapes in the place of what a terminal would act on, which stands in strings
/// only: whoever reads it as JSON reads the same.
struct Harmless<'a>(&'a str);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            if is_control(letter) && !letter.is_ascii_whitespace() {
                write!(f, "\\u{:04x}", u32::from(letter))?;
            } else {
                f.write_char(letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Harmless, judge};
    use pi_server_core::wire::text::is_control;

    #[test]
    fn a_response_can_do_nothing_to_a_terminal_and_says_the_same() {
        let said = "\u{9b}31m\u{202e}e\u{2066}f\u{7f}\u{2028}\u{200f}\u{61c} naïve 名前";
        let frame = format!("{{\"type\":\"response\",\n\"error\":\"{said}\"}}");
        let shown = Harmless(&frame).to_string();
        let is_left = |letter: char| is_control(letter) && letter != '\n';
        assert!(!shown.chars().any(is_left), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(read["error"], said);
        assert!(shown.contains("naïve 名前"), "{shown}");
    }

    #[test]
    fn a_response_that_cannot_be_read_is_one_all_the_same() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for (frame, expected) in [
            (
                r#"{"type":"response","success":true,"data":{"a":"\ud83d"}}"#.to_owned(),
                (true, true),
            ),
            (
                format!(r#"{{"id":"1","type":"response","success":true,"data":{deep}}}"#),
                (true, true),
            ),
            (r#"{"id":"\ud83d","type":"response","success":true}"#.to_owned(), (true, true)),
            (
                r#"{"id":"1","type":"response","success":true,"success":true}"#.to_owned(),
                (true, false),
            ),
            (r#"{"type":"response","data":{"a"#.to_owned(), (true, false)),
            (r#"{"type":"event","event":{"type":"response"}}"#.to_owned(), (false, false)),
            (r#"{"type":"server_ready"}"#.to_owned(), (false, false)),
        ] {
            assert_eq!(judge(&frame), expected, "{frame}");
        }
    }
}
