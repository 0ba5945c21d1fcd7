//! The built-in set: what keys and tokens of common services look like.
//!
//! It would rather miss a secret without a shape than take ordinary source code apart: a prompt that
//! lost a part cannot run again after a crash.

use std::sync::LazyLock;

use regex::{Regex, bytes};

use crate::text::MARK;

/// Whole secrets, recognised by how they begin. Word boundaries are those of ASCII: those of Unicode
/// would leave the fast engine at every other letter, and miss a key right behind one.
const TOKENS: &str = concat!(
    // A key may stand behind an escape of JSON that is text in JSON.
    r"(?P<start>(?-u:\b)|\\[bfnrt]|\\u[0-9a-fA-F]{4})(?:",
    r"sk-[A-Za-z0-9_-]{16,}",
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"|gh[pousr]_[A-Za-z0-9]{20,}",
    r"|github_pat_[A-Za-z0-9_]{20,}",
    r"|glpat-[A-Za-z0-9_-]{16,}",
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"|AIza[A-Za-z0-9_-]{30,}",
    r"|hf_[A-Za-z0-9]{20,}",
    r"|npm_[A-Za-z0-9]{30,}",
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
    // Without its end the key goes up to the end of the text.
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
);

/// A name or a scheme that stays, and the secret behind it.
const NAMED: &str = concat!(
    r"(?P<bearer>(?i:bearer) +)[A-Za-z0-9._~+/=-]{12,}",
    r"|(?P<basic>(?i:authorization: *basic) +)[A-Za-z0-9+/=]{8,}",
    r"|(?P<url>(?-u:\b)[a-z][a-z0-9+.-]*://[^\s/:@]+:)[^\s/:@]{3,}(?P<at>@)",
    r"|(?P<plain>(?-u:\b)(?i:[a-z0-9_.-]{0,64}",
    r"(?:password|passwd|api[_-]?key|secret|token|access[_-]?key|private[_-]?key))=)",
    r#"[^\s"'\\&;,<>(){}\[\]$]{6,}"#,
    r#"|(?P<quoted>(?i:(?:password|passwd|api[_-]?key|secret|token|access[_-]?key"#,
    r#"|private[_-]?key))["'\\]{0,4} *[:=] *\\{0,3}["'])[^\s"'\\]{6,}"#,
);

/// Where something to be found may be in raw bytes: cheaper than parsing, and only ever too often.
static RAW: LazyLock<bytes::Regex> = LazyLock::new(|| {
    let names = r#"(?i:passw|api[_-]?key|secret|token["'\\]*[:=]|authorization|private[_-]?key)"#;
    let pattern = format!("{TOKENS}|{NAMED}|{names}|{ESCAPE}");
    // The letter of an escape such as \\n may stand right before a key.
    let pattern = pattern.replace(BOUNDARY, "");
    bytes::Regex::new(&pattern).expect("the built-in set compiles")
});
static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(TOKENS).expect("the built-in set compiles"));
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(NAMED).expect("the built-in set compiles"));
const BOUNDARY: &str = r"(?-u:\b)";
/// A character that needs no escape and has one.
const ESCAPE: &str = r"\\u00[2-7][0-9a-fA-F]|\\/";
static ESCAPED: LazyLock<bytes::Regex> =
    LazyLock::new(|| bytes::Regex::new(ESCAPE).expect("the built-in set compiles"));

/// Members whose texts are secret whatever they look like, without `-` and `_`, in small letters.
const NAMES: [&str; 14] = [
    "password",
    "passwd",
    "apikey",
    "xapikey",
    "secret",
    "clientsecret",
    "secretkey",
    "secretaccesskey",
    "authorization",
    "proxyauthorization",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "privatekey",
];

/// Whether [`cut`] may find something in JSON with these bytes, or [`is_secret`] hold.
pub(crate) fn may_hold(bytes: &[u8]) -> bool {
    RAW.is_match(bytes)
}

/// Whether ordinary characters are written as escapes, behind which everything may hide.
pub(crate) fn is_escaped(bytes: &[u8]) -> bool {
    ESCAPED.is_match(bytes)
}

/// Whether a member's text is secret because of its name.
pub(crate) fn is_secret(name: &str, text: &str) -> bool {
    if text.is_empty() || text == MARK || name.len() > 32 {
        return false;
    }
    let plain: String = name
        .chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    NAMES.contains(&plain.as_str())
}

/// The text without keys and tokens; `None` if there are none.
pub(crate) fn cut(text: &str) -> Option<String> {
    let mut left: Option<String> = None;
    if TOKEN.is_match(text) {
        let mark = format!("${{start}}{MARK}");
        left = Some(TOKEN.replace_all(text, mark.as_str()).into_owned());
    }
    let now = left.as_deref().unwrap_or(text);
    if NAME.is_match(now) {
        let mark = format!("${{bearer}}${{basic}}${{url}}${{plain}}${{quoted}}{MARK}${{at}}");
        left = Some(NAME.replace_all(now, mark.as_str()).into_owned());
    }
    left.filter(|left| left != text)
}
