//! Names of hosts and origins of web pages, each compared after one normalisation, and the values of
//! `--allow-host` and `--allow-origin`, of which none is taken that could never match.

use std::net::{IpAddr, Ipv6Addr};

/// A host in the one form in which hosts are compared: an address, or a name in small letters without
/// the dot that may end it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

impl Host {
    /// A host as in a URL, without port.
    fn parse(text: &str) -> Option<Host> {
        if let Some(literal) = text.strip_prefix('[') {
            let address: Ipv6Addr = literal.strip_suffix(']')?.parse().ok()?;
            return Some(Host::Address(address.into()));
        }
        if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
            return Some(Host::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let is_name = !name.is_empty() && name.bytes().all(is_plain);
        is_name.then(|| Host::Name(name.to_ascii_lowercase()))
    }

    /// Splits `HOST[:PORT]`.
    pub(super) fn with_port(text: &str) -> Option<(Host, Option<u16>)> {
        let end = match text.find(']') {
            Some(bracket) => bracket + 1,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, port) = text.split_at_checked(end)?;
        let port = match port.strip_prefix(':') {
            // A port may be empty, which is the usual one.
            Some("") => None,
            Some(port) => {
                Some(port.parse().ok().filter(|_| port.bytes().all(|it| it.is_ascii_digit()))?)
            }
            None if port.is_empty() => None,
            None => return None,
        };
        Some((Host::parse(host)?, port))
    }
}

/// An origin as browsers write it: small letters, and no port that is the usual one. `null` is one.
pub(super) fn origin(text: &str) -> Option<String> {
    if text.eq_ignore_ascii_case("null") {
        return Some("null".to_owned());
    }
    let (scheme, rest) = text.split_once("://")?;
    let mut letters = scheme.bytes();
    let is_scheme = letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'-' | b'.'));
    if !is_scheme {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let (host, port) = Host::with_port(rest)?;
    let host = match host {
        Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
        Host::Address(IpAddr::V4(address)) => address.to_string(),
        Host::Name(name) => name,
    };
    let usual = match &*scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    };
    Some(match port.filter(|port| Some(*port) != usual) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// The value of `--allow-origin`, as it is compared.
///
/// # Errors
/// Words for people: no browser sends such an origin.
pub fn allowed_origin(text: &str) -> Result<String, String> {
    origin(text).ok_or_else(|| {
        "no browser sends such an origin: it must be SCHEME://HOST or SCHEME://HOST:PORT, without a \
         path, in ASCII, e.g. http://localhost:5173"
            .to_owned()
    })
}

/// The value of `--allow-host`, as it is compared.
///
/// # Errors
/// Words for people: no client names such a host.
pub fn allowed_host(text: &str) -> Result<String, String> {
    match Host::parse(text) {
        Some(Host::Name(name)) => Ok(name),
        // They are let in anyway.
        Some(Host::Address(address)) => Ok(address.to_string()),
        None => Err("no client names such a host: it must be a name alone, without scheme, port, \
                     path or wildcard, in ASCII, e.g. box.example"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests;
