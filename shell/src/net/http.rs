//! The request that every TCP connection begins with: who may come in, and under which name.

use std::borrow::Cow;
use std::net::IpAddr;

use httparse::{EMPTY_HEADER, Header, Request, Status};
use pi_server_core::limits::ID_CHARS_MAX;
use tungstenite::handshake::derive_accept_key;

use super::config::{Auth, Config};

/// Longest request that is read.
pub(super) const REQUEST_BYTES_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;
const SUBPROTOCOL: &str = "pi-server";
const TOKEN_SUBPROTOCOL: &str = "token.";

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not complete.
    Incomplete,
    /// It is answered with these bytes, and the connection ends.
    Answer(Vec<u8>),
    /// It is answered with these bytes, and what follows its first `used` bytes is WebSocket.
    Upgrade {
        /// The answer.
        answer: Vec<u8>,
        /// The name that the client gave.
        client: Option<String>,
        /// Length of the request.
        used: usize,
    },
}

/// Why a request is refused: status, and a sentence that says what to do.
struct Refusal(&'static str, &'static str);

/// Judges what has arrived of a request.
pub(super) fn judge(bytes: &[u8], config: &Config) -> Verdict {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    let used = match request.parse(bytes) {
        Ok(Status::Complete(used)) if used <= REQUEST_BYTES_MAX => used,
        Ok(Status::Partial) if bytes.len() < REQUEST_BYTES_MAX => return Verdict::Incomplete,
        Ok(Status::Complete(_) | Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return refuse(&Refusal(
                "431 Request Header Fields Too Large",
                "the request is longer than 8 KiB or has more than 64 headers",
            ));
        }
        Err(_) => return refuse(&Refusal("400 Bad Request", "this is not an HTTP request")),
    };
    match examine(&request, config) {
        Ok(Admission::Healthy) => Verdict::Answer(answer("200 OK", "", "text/plain", "ok\n")),
        Ok(Admission::Upgrade { answer, client }) => Verdict::Upgrade { answer, client, used },
        Err(refusal) => refuse(&refusal),
    }
}

enum Admission {
    Healthy,
    Upgrade { answer: Vec<u8>, client: Option<String> },
}

/// The checks, in their order.
fn examine(request: &Request<'_, '_>, config: &Config) -> Result<Admission, Refusal> {
    let headers = &*request.headers;
    let (path, query) = split_target(request.path.unwrap_or_default());
    if request.method != Some("GET") {
        return Err(Refusal("405 Method Not Allowed", "only GET is served here"));
    }
    if path == "/healthz" {
        return Ok(Admission::Healthy);
    }
    check_host(headers, config)?;
    check_origin(headers, config)?;
    let key = check_upgrade(headers)?;
    let offered = list(headers, "sec-websocket-protocol").collect::<Vec<_>>();
    check_token(headers, &offered, query, config)?;
    let client = client_name(headers, query)?;
    let accept = derive_accept_key(key);
    let chosen =
        if offered.contains(&SUBPROTOCOL) { "Sec-WebSocket-Protocol: pi-server\r\n" } else { "" };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{chosen}\r\n"
    );
    Ok(Admission::Upgrade { answer: answer.into_bytes(), client })
}

/// A name that resolves to this machine is not enough: a web page can have one made.
fn check_host(headers: &[Header<'_>], config: &Config) -> Result<(), Refusal> {
    let mut hosts = values(headers, "host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal("400 Bad Request", "there must be one Host header"));
    };
    let name = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let listed = |allowed: &String| allowed.eq_ignore_ascii_case(name);
    if name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || config.allowed_hosts.iter().any(listed)
    {
        return Ok(());
    }
    Err(Refusal(
        "421 Misdirected Request",
        "this host name is not allowed; use an IP address or localhost, or allow it",
    ))
}

fn check_origin(headers: &[Header<'_>], config: &Config) -> Result<(), Refusal> {
    let listed = |origin: &str| {
        config.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    };
    if values(headers, "origin").all(listed) {
        return Ok(());
    }
    Err(Refusal("403 Forbidden", "web pages of this origin are not allowed; list it to allow them"))
}

/// The client's key.
fn check_upgrade<'a>(headers: &[Header<'a>]) -> Result<&'a [u8], Refusal> {
    let has =
        |name, wanted: &str| list(headers, name).any(|item| item.eq_ignore_ascii_case(wanted));
    if !has("upgrade", "websocket") || !has("connection", "upgrade") {
        return Err(Refusal("426 Upgrade Required", "connect with a WebSocket client: ws://..."));
    }
    if !values(headers, "sec-websocket-version").eq(["13"]) {
        return Err(Refusal("426 Upgrade Required", "WebSocket version 13 is spoken here"));
    }
    let mut keys = values(headers, "sec-websocket-key");
    match (keys.next(), keys.next()) {
        (Some(key), None) if key.len() == 24 => Ok(key.as_bytes()),
        _ => Err(Refusal("400 Bad Request", "there must be one Sec-WebSocket-Key of 16 bytes")),
    }
}

/// The token may come as a bearer token, as a subprotocol (browsers can send nothing else), or in
/// the query (for tools that can do nothing else).
fn check_token(
    headers: &[Header<'_>],
    offered: &[&str],
    query: &str,
    config: &Config,
) -> Result<(), Refusal> {
    let Auth::Token(secret) = &config.auth else { return Ok(()) };
    let bearer = values(headers, "authorization").filter_map(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Cow::Borrowed(token.trim().as_bytes()))
    });
    let subprotocol = offered
        .iter()
        .filter_map(|item| item.strip_prefix(TOKEN_SUBPROTOCOL))
        .map(|token| Cow::Borrowed(token.as_bytes()));
    let queried = parameter(query, "token").map(|value| Cow::Owned(percent_decode(value)));
    let mut tokens = bearer.chain(subprotocol).chain(queried);
    match tokens.next() {
        None => Err(Refusal(
            "401 Unauthorized",
            "a token is needed: Authorization: Bearer TOKEN, or ?token=TOKEN",
        )),
        Some(token) => {
            // Every token is looked at, so that the time does not tell which one was right.
            let first = secret.is(&token);
            if tokens.fold(first, |right, token| right | secret.is(&token)) {
                Ok(())
            } else {
                Err(Refusal("401 Unauthorized", "the token is wrong"))
            }
        }
    }
}

/// The name that the client gives itself, if any.
fn client_name(headers: &[Header<'_>], query: &str) -> Result<Option<String>, Refusal> {
    let given = values(headers, "x-pi-client").next().or_else(|| parameter(query, "client").next());
    let Some(given) = given else { return Ok(None) };
    let name = String::from_utf8(percent_decode(given)).ok().filter(|name| is_name(name));
    name.map(Some).ok_or(Refusal(
        "400 Bad Request",
        "a client name has 1 to 256 characters, percent-encoded where they are not plain",
    ))
}

/// Whether a text may be a client's name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&name.encode_utf16().count())
}

fn split_target(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// The values of every header of a name (in small letters), as far as they are UTF-8.
fn values<'h, 'a: 'h>(
    headers: &'h [Header<'a>],
    name: &'static str,
) -> impl Iterator<Item = &'a str> + use<'h, 'a> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| std::str::from_utf8(header.value).unwrap_or("\u{fffd}").trim())
}

/// The items of comma-separated headers.
fn list<'h, 'a: 'h>(
    headers: &'h [Header<'a>],
    name: &'static str,
) -> impl Iterator<Item = &'a str> + use<'h, 'a> {
    values(headers, name).flat_map(|value| value.split(',')).map(str::trim)
}

/// The values of a query parameter, still encoded.
fn parameter<'a>(query: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value)
}

/// Bytes of a percent-encoded text. A percent sign that encodes nothing stands for itself.
fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        let code = (*first == b'%').then(|| Some(digit(0)? * 16 + digit(1)?)).flatten();
        let code = code.and_then(|code| u8::try_from(code).ok());
        rest = if code.is_some() { &tail[2..] } else { tail };
        bytes.push(code.unwrap_or(*first));
    }
    bytes
}

fn refuse(refusal: &Refusal) -> Verdict {
    let Refusal(status, text) = refusal;
    let extra = match &status[..3] {
        "401" => "WWW-Authenticate: Bearer realm=\"pi-server\"\r\n",
        "405" => "Allow: GET\r\n",
        "426" => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        _ => "",
    };
    let body = format!("{{\"error\":\"{text}\"}}\n");
    Verdict::Answer(answer(status, extra, "application/json", &body))
}

fn answer(status: &str, extra: &str, kind: &str, body: &str) -> Vec<u8> {
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{extra}Content-Type: {kind}\r\nContent-Length: {len}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests;
