//! The built-in set: what keys and tokens of common services look like.
//!
//! It would rather miss a secret without a shape than take ordinary source code apart: a prompt that
//! lost a part cannot run again after a crash.

use std::sync::LazyLock;

use regex::{Captures, Regex, RegexBuilder, bytes};

use crate::formats::FORMATS;
use crate::text::MARK;

/// What stands before a whole secret: a word boundary of ASCII, or an escape of JSON that is text in
/// JSON. Boundaries of Unicode would leave the fast engine at every other letter, and miss a key right
/// behind one.
const START: &str = r"(?P<start>(?-u:\b)|\\[bfnrt]|\\u[0-9a-fA-F]{4})";

/// A private key. Without its end it goes up to the end of the text.
const PRIVATE_KEY: &str = concat!(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----",
    r"(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
);

/// Whole secrets, recognised by how they begin.
fn tokens() -> String {
    let formats: Vec<&str> = FORMATS.iter().map(|format| format.pattern).collect();
    format!("{START}(?:{})|{PRIVATE_KEY}", formats.join("|"))
}

/// A name or a scheme that stays, and the secret behind it.
const NAMED: &str = concat!(
    r"(?P<bearer>(?i:bearer) +)[A-Za-z0-9._~+/=-]{12,}",
    r#"|(?P<basic>(?i:authorization["'\\]{0,4} *[:=] *["'\\]{0,4}(?:basic|token|digest|apikey)) +)"#,
    r"[A-Za-z0-9+/=._~-]{8,}",
    r"|(?P<url>(?-u:\b)[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/:@]{3,}(?P<at>@)",
    r"|(?P<plain>(?-u:\b)(?i:[a-z0-9_.-]{0,64}",
    r"(?:password|passwd|passphrase|api[_-]?key|secret|token|access[_-]?key|account[_-]?key",
    r"|private[_-]?key|SharedAccessSignature))=)",
    r#"[^\s"'\\&;,<>(){}\[\]$]{6,}"#,
    // `PWD=/home/me` is a directory.
    r#"|(?P<pwd>(?-u:\b)(?i:[a-z0-9_.-]{0,64}pwd)=)[^\s"'\\&;,<>(){}\[\]$/~.][^\s"'\\&;,<>(){}\[\]$]{5,}"#,
    r#"|(?P<quoted>(?i:(?:password|passwd|passphrase|api[_-]?key|secret|token|access[_-]?key"#,
    r#"|private[_-]?key|pwd))["'\\]{0,4} *[:=] *\\{0,3}["'])[^\s"'\\]{6,}"#,
    // Headers of HTTP.
    r"|(?P<header>(?-u:\b)(?i:x-api-key|api-key|x-auth-token|x-access-token|x-goog-api-key",
    r"|x-amz-security-token|ocp-apim-subscription-key|private-token|job-token|x-vault-token",
    r#"|x-auth-key|x-csrf-token)["'\\]{0,4} *: *["'\\]{0,4})[^\s"'\\,;]{6,}"#,
    r#"|(?P<cookie>(?-u:\b)(?i:set-cookie|cookie)["'\\]{0,4}: *["'\\]{0,4})[A-Za-z0-9_.-]+=[^\r\n"'\\]{3,}"#,
    // `curl -u NAME:PASSWORD`, and `.netrc`.
    r#"|(?P<curl>(?-u:\b)curl(?-u:\b)[^\r\n|]{0,512}?[ \t](?:-u|--user|--proxy-user)[ =]?["'\\]{0,4}[^\s:"'\\]*:)"#,
    r#"[^\s"'\\]{3,}"#,
    r"|(?P<netrc>(?-u:\b)machine\s+\S+\s+(?:login\s+\S+\s+)?password\s+)\S{3,}",
    r"|(?P<npmrc>//[^\s=]{3,256}:_(?:authToken|auth|password)=)\S{6,}",
    // Shared access signatures of Azure.
    r"|(?P<sas>[?&]sig=)[A-Za-z0-9%+/=]{30,}",
);

/// What stays of it: the name, of which only one has matched, and the mark.
const NAMED_LEFT: &str = concat!(
    "${bearer}${basic}${url}${plain}${pwd}${quoted}${header}${cookie}${curl}${netrc}${npmrc}${sas}",
    "[redacted]${at}",
);
const _: () = assert!(MARK.len() == "[redacted]".len());

/// Where something to be found may be in raw bytes: cheaper than parsing, and only ever too often.
static RAW: LazyLock<bytes::Regex> = LazyLock::new(|| {
    let names = concat!(
        r"(?i:passw|passphrase|api[_-]?key|secret|authorization|private[_-]?key|credential|cookie",
        r#"|(?:token|pwd|pass)["'\\]*[ \t\r\n]*[:=])"#,
    );
    let bare = r"[A-Za-z0-9/+]{40}";
    let pattern = format!("{}|{NAMED}|{names}|{bare}|{ESCAPE}", tokens());
    // The letter of an escape such as \\n may stand right before a key.
    let pattern = pattern.replace(BOUNDARY, "");
    let built = bytes::RegexBuilder::new(&pattern).size_limit(SIZE_MAX).build();
    built.expect("the built-in set compiles")
});
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    let built = RegexBuilder::new(&tokens()).size_limit(SIZE_MAX).build();
    built.expect("the built-in set compiles")
});
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    let built = RegexBuilder::new(NAMED).size_limit(SIZE_MAX).build();
    built.expect("the built-in set compiles")
});
/// Largest compiled pattern in bytes.
const SIZE_MAX: usize = 64 << 20;
const BOUNDARY: &str = r"(?-u:\b)";
/// A character that needs no escape and has one.
const ESCAPE: &str = r"\\u00[2-7][0-9a-fA-F]|\\/";
static ESCAPED: LazyLock<bytes::Regex> =
    LazyLock::new(|| bytes::Regex::new(ESCAPE).expect("the built-in set compiles"));
/// A run of the letters that secret access keys of AWS are made of.
static RUN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9/+=]+").expect("the built-in set compiles"));

/// How sure a member's name is that its value is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Secrecy {
    /// It says nothing.
    None,
    /// Texts are secret; numbers under such a name are counts.
    Texts,
    /// Whatever it is.
    All,
}

/// How names of members end whose values are secret whatever they look like, without `-` and `_`, in
/// small letters.
const NAMES: [&str; 18] = [
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "secret",
    "clientsecret",
    "secretkey",
    "secretaccesskey",
    "authorization",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "sessiontoken",
    "bearertoken",
    "securitytoken",
    "idtoken",
    "accountkey",
    "privatekey",
];
/// The same, of names that also stand for other things.
const TEXT_NAMES: [&str; 6] = ["token", "pwd", "pass", "cookie", "setcookie", "credentials"];
/// Longest name that is looked at.
const NAME_BYTES_MAX: usize = 64;

/// Whether [`cut`] may find something in JSON with these bytes, or [`is_secret`] hold.
pub(crate) fn may_hold(bytes: &[u8]) -> bool {
    RAW.is_match(bytes)
}

/// Whether ordinary characters are written as escapes, behind which everything may hide.
pub(crate) fn is_escaped(bytes: &[u8]) -> bool {
    ESCAPED.is_match(bytes)
}

/// How sure a member's name is that its value is secret.
pub(crate) fn secrecy(name: &str) -> Secrecy {
    if name.len() > NAME_BYTES_MAX {
        return Secrecy::None;
    }
    let plain: String = name
        .chars()
        .filter(|letter| !matches!(letter, '-' | '_' | '.' | ' '))
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    if NAMES.iter().any(|end| plain.ends_with(end)) {
        Secrecy::All
    } else if TEXT_NAMES.contains(&plain.as_str()) {
        Secrecy::Texts
    } else {
        Secrecy::None
    }
}

/// Secret access keys of AWS have no prefix: forty letters, digits, `/` and `+` in no order. What has
/// neither `/` nor `+`, such as a hash, or what has words in it, such as a path, is none.
fn is_bare_key(run: &str) -> bool {
    let count = |is: fn(&u8) -> bool| run.bytes().filter(is).count();
    let words = || run.split(|letter: char| !letter.is_ascii_lowercase());
    run.len() == 40
        && count(u8::is_ascii_uppercase) >= 5
        && count(u8::is_ascii_lowercase) >= 5
        && count(u8::is_ascii_digit) >= 1
        && count(|it| matches!(it, b'/' | b'+')) >= 1
        && words().all(|word| word.len() < 7)
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
        left = Some(NAME.replace_all(now, NAMED_LEFT).into_owned());
    }
    let now = left.as_deref().unwrap_or(text);
    if RUN.find_iter(now).any(|run| is_bare_key(run.as_str())) {
        let marked = RUN.replace_all(now, |run: &Captures<'_>| {
            if is_bare_key(&run[0]) { MARK.to_owned() } else { run[0].to_owned() }
        });
        left = Some(marked.into_owned());
    }
    left.filter(|left| left != text)
}
