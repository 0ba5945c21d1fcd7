//! A client under test's control: sends frames, waits for frames, remembers all it has seen.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::PATIENCE;

/// Frames shown when a wait fails.
const SHOWN: usize = 60;

/// One connection.
pub struct Client {
    link: Link,
    /// Frames that came and that nobody has taken.
    waiting: VecDeque<Value>,
    /// Everything that came, to be shown when a wait fails.
    seen: Vec<Value>,
}

enum Link {
    WebSocket(Box<WebSocket<TcpStream>>),
    Lines { write: Box<dyn Write + Send>, frames: Receiver<String> },
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("seen", &self.seen.len()).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to a WebSocket.
    ///
    /// # Panics
    /// It is refused.
    pub fn websocket(url: &str) -> Client {
        let place = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
        let stream = TcpStream::connect(place.expect("ws://HOST:PORT/")).expect("a listener");
        stream.set_nodelay(true).expect("an option of every socket");
        let config = WebSocketConfig::default()
            .max_message_size(Some(1 << 30))
            .max_frame_size(Some(1 << 30));
        let (socket, _) = tungstenite::client::client_with_config(url, stream, Some(config))
            .unwrap_or_else(|error| panic!("the handshake failed: {error}"));
        Client::new(Link::WebSocket(Box::new(socket)))
    }

    /// Connects to a Unix socket, with the first line that gives a name.
    ///
    /// # Panics
    /// Nobody listens.
    pub fn unix(path: &Path, name: Option<&str>) -> Client {
        let stream = UnixStream::connect(path).expect("a listener");
        let read = stream.try_clone().expect("a second handle");
        let mut client = Client::new(lines(read, Half(stream)));
        if let Some(name) = name {
            client.send(&json!({ "type": "hello", "client": name }));
        }
        client
    }

    /// The client on pipes.
    pub fn stdio(input: ChildStdin, output: ChildStdout) -> Client {
        Client::new(lines(output, input))
    }

    fn new(link: Link) -> Client {
        Client { link, waiting: VecDeque::new(), seen: Vec::new() }
    }

    /// Waits for the two frames of the greeting.
    #[must_use]
    pub fn greeted(mut self) -> Client {
        self.expect("server_ready", |frame| frame["type"] == "server_ready");
        self.expect("summary", |frame| frame["type"] == "startup_recovery_summary");
        self
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string());
    }

    /// Sends text as one frame.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn send_text(&mut self, text: &str) {
        match &mut self.link {
            Link::WebSocket(socket) => {
                socket.send(Message::text(text)).expect("a connection that takes frames");
            }
            Link::Lines { write, .. } => {
                write.write_all(text.as_bytes()).expect("a connection that takes frames");
                write.write_all(b"\n").expect("a connection that takes frames");
                write.flush().expect("a connection that takes frames");
            }
        }
    }

    /// Sends bytes as one frame: a binary message, or a line.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        match &mut self.link {
            Link::WebSocket(socket) => {
                let message = Message::binary(bytes.to_vec());
                socket.send(message).expect("a connection that takes frames");
            }
            Link::Lines { write, .. } => {
                write.write_all(bytes).expect("a connection that takes frames");
                write.write_all(b"\n").expect("a connection that takes frames");
                write.flush().expect("a connection that takes frames");
            }
        }
    }

    /// Sends a text message that is no UTF-8, as no honest client would.
    ///
    /// # Panics
    /// This is no WebSocket, or the connection is gone.
    pub fn send_bad_text(&mut self) {
        let Link::WebSocket(socket) = &mut self.link else { panic!("lines have no messages") };
        // A final text frame of one byte, with a mask of zeros.
        let frame = [0x81, 0x81, 0, 0, 0, 0, 0xff];
        socket.get_mut().write_all(&frame).expect("a connection that takes frames");
    }

    /// Sends a command under a fresh id and waits for its response.
    pub fn call(&mut self, mut command: Value) -> Value {
        // Clients without a name share one namespace, so the number is one for all of them.
        static CALLS: AtomicU64 = AtomicU64::new(1);
        let id = format!("call-{}", CALLS.fetch_add(1, Ordering::Relaxed));
        command["id"] = json!(id);
        self.send(&command);
        self.response(&id)
    }

    /// As [`Client::call`], and the response must be a success.
    ///
    /// # Panics
    /// It is not.
    pub fn ok(&mut self, command: Value) -> Value {
        let sent = command.to_string();
        let response = self.call(command);
        assert_eq!(response["success"], true, "{sent} was answered {response}");
        response
    }

    /// Waits for the response to an id.
    pub fn response(&mut self, id: &str) -> Value {
        self.expect(&format!("the response to {id}"), |frame| {
            frame["type"] == "response" && frame["id"] == id
        })
    }

    /// Waits for an event of a session's agent.
    pub fn event(&mut self, session: &str, kind: &str) -> Value {
        self.expect(&format!("the event {kind} of {session}"), |frame| {
            frame["type"] == "event"
                && frame["sessionId"] == session
                && frame["event"]["type"] == kind
        })
    }

    /// Waits for a lifecycle frame of a command: `accepted`, `started` or `finished`.
    pub fn lifecycle(&mut self, id: &str, phase: &str) -> Value {
        let kind = format!("command_{phase}");
        self.expect(&format!("{kind} of {id}"), |frame| {
            frame["type"] == *kind && frame["data"]["commandId"] == id
        })
    }

    /// Waits for a success for as many times as long as for anything else.
    ///
    /// # Panics
    /// It does not come in time, or is none.
    pub fn patient_response(&mut self, id: &str, times: u32) -> Value {
        let until = Instant::now() + PATIENCE * times;
        let fits = |frame: &Value| frame["type"] == "response" && frame["id"] == id;
        let place = self.waiting.iter().position(fits);
        let mut found = place.and_then(|place| self.waiting.remove(place));
        while found.is_none() {
            match self.receive(until) {
                Ok(frame) if fits(&frame) => found = Some(frame),
                Ok(frame) => self.waiting.push_back(frame),
                Err(why) => self.fail(id, &why),
            }
        }
        let frame = found.expect("it was just found");
        assert_eq!(frame["success"], true, "{frame}");
        frame
    }

    /// Takes the first frame that fits, waiting for it if need be. The others stay, in order.
    ///
    /// # Panics
    /// It does not come in time, or the connection ends; shows all that came.
    pub fn expect(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(place) = self.waiting.iter().position(&fits) {
            return self.waiting.remove(place).expect("a place that was just found");
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match self.receive(until) {
                Ok(frame) if fits(&frame) => return frame,
                Ok(frame) => self.waiting.push_back(frame),
                Err(why) => self.fail(what, &why),
            }
        }
    }

    /// Frames that came before now or come until nothing comes for `quiet`.
    pub fn drain(&mut self, quiet: Duration) -> Vec<Value> {
        let mut frames: Vec<Value> = self.waiting.drain(..).collect();
        while let Ok(frame) = self.receive(Instant::now() + quiet) {
            frames.push(frame);
        }
        frames
    }

    /// Everything that has come so far, taken or not, in order.
    pub fn seen(&self) -> &[Value] {
        &self.seen
    }

    /// Waits until the daemon closes the connection; the close code on a WebSocket.
    ///
    /// # Panics
    /// It does not.
    pub fn closed(&mut self) -> Option<u16> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.receive(until) {
                Ok(frame) => self.waiting.push_back(frame),
                Err(Gone::Closed(code)) => return code,
                Err(why @ Gone::Silent) => self.fail("the end of the connection", &why),
            }
        }
    }

    /// Ends its own half, so that the daemon sees the end of the input.
    pub fn finish(&mut self) {
        match &mut self.link {
            Link::WebSocket(socket) => drop(socket.close(None)),
            Link::Lines { write, .. } => *write = Box::new(std::io::sink()),
        }
    }

    fn receive(&mut self, until: Instant) -> Result<Value, Gone> {
        let text = match &mut self.link {
            Link::WebSocket(socket) => receive_message(socket, until)?,
            Link::Lines { frames, .. } => {
                let left = until.saturating_duration_since(Instant::now());
                frames.recv_timeout(left).map_err(|error| match error {
                    RecvTimeoutError::Timeout => Gone::Silent,
                    RecvTimeoutError::Disconnected => Gone::Closed(None),
                })?
            }
        };
        let frame: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("a frame that is no JSON ({error}): {text}"));
        self.seen.push(frame.clone());
        Ok(frame)
    }

    fn fail(&self, what: &str, why: &Gone) -> ! {
        let skipped = self.seen.len().saturating_sub(SHOWN);
        let frames: Vec<String> =
            self.seen.iter().skip(skipped).map(|frame| format!("  {frame}")).collect();
        panic!(
            "waited for {what}: {why:?}; {} frames came, the last ones:\n{}",
            self.seen.len(),
            frames.join("\n")
        );
    }
}

/// Why there is no frame.
#[derive(Debug)]
enum Gone {
    /// None came in time.
    Silent,
    /// The connection has ended, with this close code.
    Closed(Option<u16>),
}

fn receive_message(socket: &mut WebSocket<TcpStream>, until: Instant) -> Result<String, Gone> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Gone::Silent);
        }
        socket.get_ref().set_read_timeout(Some(left)).expect("an option of every socket");
        match socket.read() {
            Ok(Message::Text(text)) => return Ok(text.as_str().to_owned()),
            Ok(Message::Close(why)) => return Err(Gone::Closed(why.map(|why| why.code.into()))),
            Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                return Err(Gone::Silent);
            }
            Err(_) => return Err(Gone::Closed(None)),
        }
    }
}

/// The writing half of a Unix socket: dropped, it ends that half.
struct Half(UnixStream);

impl Write for Half {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // The other side may have ended it all already.
        drop(self.0.shutdown(std::net::Shutdown::Write));
    }
}

fn lines(read: impl Read + Send + 'static, write: impl Write + Send + 'static) -> Link {
    let (sender, frames): (Sender<String>, _) = channel();
    thread::spawn(move || {
        for line in BufReader::new(read).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Link::Lines { write: Box::new(write), frames }
}
