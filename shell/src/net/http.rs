//! The request that every TCP connection begins with: who may come in, and under which name.

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Header, Request, Status};
use pi_server_core::limits::ID_CHARS_MAX;
use pi_server_system::text::escape;
use serde_json::json;
use tungstenite::handshake::derive_accept_key;

use super::allow::{self, Host};
use super::config::{Auth, Config};

/// Longest request that is read.
pub(super) const REQUEST_BYTES_MAX: usize = 8 << 10;
/// What a stranger is told who must make room for the next one.
pub(super) const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";
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
    /// So is this one, which is refused.
    Refuse {
        /// The answer.
        answer: Vec<u8>,
        /// Why, for the log.
        words: String,
        /// Whether it showed a token that is wrong.
        is_wrong_token: bool,
    },
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
struct Refusal {
    status: &'static str,
    text: Cow<'static, str>,
    is_wrong_token: bool,
}

impl Refusal {
    fn new(status: &'static str, text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { status, text: text.into(), is_wrong_token: false }
    }
}

/// Judges what has arrived of a request. `trouble` is why the daemon is not healthy.
pub(super) fn judge(bytes: &[u8], config: &Config, trouble: Option<&str>) -> Verdict {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    let used = match request.parse(bytes) {
        Ok(Status::Complete(used)) if used <= REQUEST_BYTES_MAX => used,
        Ok(Status::Partial) if bytes.len() < REQUEST_BYTES_MAX => return Verdict::Incomplete,
        Ok(Status::Complete(_) | Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return refuse(
                Refusal::new(
                    "431 Request Header Fields Too Large",
                    "the request is longer than 8 KiB or has more than 64 headers",
                ),
                true,
            );
        }
        Err(_) => {
            return refuse(Refusal::new("400 Bad Request", "this is not an HTTP request"), true);
        }
    };
    let has_body = request.method != Some("HEAD");
    match examine(&request, config) {
        Ok(Admission::Health) => Verdict::Answer(match trouble {
            None => answer("200 OK", "", "text/plain", "ok\n", has_body),
            Some(trouble) => answer(
                "503 Service Unavailable",
                "",
                "text/plain",
                &format!("{trouble}\n"),
                has_body,
            ),
        }),
        Ok(Admission::Upgrade { answer, client }) => Verdict::Upgrade { answer, client, used },
        Err(refusal) => refuse(refusal, has_body),
    }
}

enum Admission {
    Health,
    Upgrade { answer: Vec<u8>, client: Option<String> },
}

/// The checks, in their order.
fn examine(request: &Request<'_, '_>, config: &Config) -> Result<Admission, Refusal> {
    let headers = &*request.headers;
    let Target { authority, path, query } = split_target(request.path.unwrap_or_default());
    match request.method {
        Some("GET" | "HEAD") if path == "/healthz" => return Ok(Admission::Health),
        Some("GET") => {}
        _ => {
            let text = "only GET is served here, and HEAD for /healthz";
            return Err(Refusal::new("405 Method Not Allowed", text));
        }
    }
    check_host(authority, headers, config)?;
    check_origin(headers, config)?;
    if path != "/" && values(headers, "upgrade").next().is_none() {
        let text =
            "nothing is here: WebSocket clients connect to any path, /healthz tells of health";
        return Err(Refusal::new("404 Not Found", text));
    }
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

/// A name that resolves to this machine is not enough: a web page can have one made. A target in
/// absolute form names the host in the place of the header (RFC 9112, 3.2.2).
fn check_host(
    authority: Option<&str>,
    headers: &[Header<'_>],
    config: &Config,
) -> Result<(), Refusal> {
    let mut hosts = values(headers, "host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal::new("400 Bad Request", "there must be one Host header"));
    };
    let host = authority.unwrap_or(host);
    let is_allowed = match Host::with_port(host) {
        Some((Host::Address(_), _)) => true,
        Some((host @ Host::Name(_), _)) => {
            let is = |allowed: &str| Host::with_port(allowed).is_some_and(|(it, _)| it == host);
            is("localhost") || config.allowed_hosts.iter().any(|allowed| is(allowed))
        }
        None => false,
    };
    if is_allowed {
        return Ok(());
    }
    let text = format!(
        "the Host header is {}, which is not allowed: use an IP address or localhost, or start the \
         daemon with --allow-host NAME",
        shown(host)
    );
    Err(Refusal::new("421 Misdirected Request", text))
}

/// Pages of other sites can connect, but they cannot set the header `Authorization`: whoever shows
/// the token there is no page, whatever `Origin` its library sends.
fn check_origin(headers: &[Header<'_>], config: &Config) -> Result<(), Refusal> {
    let is_listed = |seen: &str| {
        allow::origin(seen).is_some_and(|seen| {
            let mut allowed = config.allowed_origins.iter();
            allowed.any(|allowed| allow::origin(allowed).is_some_and(|allowed| allowed == seen))
        })
    };
    let Some(origin) = values(headers, "origin").find(|origin| !is_listed(origin)) else {
        return Ok(());
    };
    let is_wrong_token = match (&config.auth, bearers(headers).next()) {
        (Auth::Token(secret), Some(first)) => {
            let is_right = |right, token: &[u8]| right | secret.is(token);
            if bearers(headers).skip(1).fold(secret.is(first), is_right) {
                return Ok(());
            }
            true
        }
        (Auth::None | Auth::Token(_), _) => false,
    };
    let text = format!(
        "the Origin header is {}, whose pages are not allowed: start the daemon with --allow-origin \
         ORIGIN; programs may send the token in the Authorization header instead",
        shown(origin)
    );
    Err(Refusal { is_wrong_token, ..Refusal::new("403 Forbidden", text) })
}

/// The tokens in headers that only programs can set.
fn bearers<'h, 'a: 'h>(headers: &'h [Header<'a>]) -> impl Iterator<Item = &'a [u8]> + use<'h, 'a> {
    values(headers, "authorization").filter_map(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().as_bytes())
    })
}

/// What a stranger wrote, in quotation marks, safe for a terminal and not long.
fn shown(value: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    let (short, rest) = match value.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => (value.get(..end).unwrap_or_default(), "..."),
        None => (value, ""),
    };
    format!("`{}{rest}`", escape(short))
}

/// The client's key.
fn check_upgrade<'a>(headers: &[Header<'a>]) -> Result<&'a [u8], Refusal> {
    let has =
        |name, wanted: &str| list(headers, name).any(|item| item.eq_ignore_ascii_case(wanted));
    if !has("upgrade", "websocket") || !has("connection", "upgrade") {
        return Err(Refusal::new(
            "426 Upgrade Required",
            "connect with a WebSocket client: ws://...",
        ));
    }
    if !values(headers, "sec-websocket-version").eq(["13"]) {
        return Err(Refusal::new("426 Upgrade Required", "WebSocket version 13 is spoken here"));
    }
    let mut keys = values(headers, "sec-websocket-key");
    match (keys.next(), keys.next()) {
        (Some(key), None) if key.len() == 24 => Ok(key.as_bytes()),
        _ => {
            Err(Refusal::new("400 Bad Request", "there must be one Sec-WebSocket-Key of 16 bytes"))
        }
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
    let subprotocol = offered.iter().filter_map(|item| item.strip_prefix(TOKEN_SUBPROTOCOL));
    let queried = parameter(query, "token").map(percent_decode);
    let mut tokens: Vec<(&str, Cow<'_, [u8]>)> = Vec::new();
    tokens.extend(bearers(headers).map(|it| ("the Authorization header", it.into())));
    tokens
        .extend(subprotocol.map(|it| ("the Sec-WebSocket-Protocol header", it.as_bytes().into())));
    tokens.extend(queried.map(|it| ("the query parameter `token`", it.into())));
    if tokens.is_empty() {
        let text = "no token came: send the header Authorization: Bearer TOKEN, or ?token=TOKEN \
            (`pi-server token` prints it; --auth none asks for none on loopback)";
        return Err(Refusal::new("401 Unauthorized", text));
    }
    // Every token is looked at, so that the time does not tell which one was right.
    if tokens.iter().fold(false, |right, (_, token)| right | secret.is(token)) {
        return Ok(());
    }
    let mut places: Vec<&str> = tokens.iter().map(|(place, _)| *place).collect();
    places.dedup();
    let text = format!(
        "the token in {} is wrong: `pi-server token` prints the right one",
        places.join(" and in ")
    );
    Err(Refusal { is_wrong_token: true, ..Refusal::new("401 Unauthorized", text) })
}

/// The name that the client gives itself, if any.
fn client_name(headers: &[Header<'_>], query: &str) -> Result<Option<String>, Refusal> {
    let given = values(headers, "x-pi-client").next().or_else(|| parameter(query, "client").next());
    let Some(given) = given else { return Ok(None) };
    let name = String::from_utf8(percent_decode(given)).ok().filter(|name| is_name(name));
    let text = "a client name has 1 to 256 characters, percent-encoded where they are not plain";
    name.map(Some).ok_or(Refusal::new("400 Bad Request", text))
}

/// Whether a text may be a client's name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&name.encode_utf16().count())
}

/// What a request is for.
struct Target<'a> {
    /// The host in the absolute form, which proxies are sent.
    authority: Option<&'a str>,
    path: &'a str,
    query: &'a str,
}

fn split_target(target: &str) -> Target<'_> {
    let absolute = ["http://", "https://", "ws://", "wss://"].into_iter().find_map(|scheme| {
        let (given, rest) = target.split_at_checked(scheme.len())?;
        given.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let (authority, rest) = match absolute {
        None => (None, target),
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(end);
            (Some(authority), rest)
        }
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Target { authority, path: if path.is_empty() { "/" } else { path }, query }
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

fn refuse(refusal: Refusal, has_body: bool) -> Verdict {
    let Refusal { status, text, is_wrong_token } = refusal;
    let extra = match &status[..3] {
        "401" => "WWW-Authenticate: Bearer realm=\"pi-server\"\r\n",
        "405" => "Allow: GET, HEAD\r\n",
        "426" => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        _ => "",
    };
    let body = format!("{}\n", json!({ "error": text }));
    let answer = answer(status, extra, "application/json", &body, has_body);
    Verdict::Refuse { answer, words: format!("{status}: {text}"), is_wrong_token }
}

fn answer(status: &str, extra: &str, kind: &str, body: &str, has_body: bool) -> Vec<u8> {
    let len = body.len();
    let body = if has_body { body } else { "" };
    format!(
        "HTTP/1.1 {status}\r\n{extra}Content-Type: {kind}\r\nContent-Length: {len}\r\n\
         X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n\
         {body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests;
