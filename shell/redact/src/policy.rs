//! The policy file.

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::text;

/// Largest compiled pattern in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Most rules of a policy.
const RULES_MAX: usize = 256;

/// What is to be redacted. The built-in set for keys and tokens is part of it unless it says
/// `"builtin": false`.
#[derive(Clone, Debug)]
pub struct Policy {
    builtin: bool,
    rules: Vec<Rule>,
}

/// The built-in set and no rules.
impl Default for Policy {
    fn default() -> Policy {
        Policy { builtin: true, rules: Vec::new() }
    }
}

/// Whose bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Everybody's.
    #[default]
    All,
    /// Frames that are commands.
    Command,
    /// Frames that are none.
    Malformed,
    /// Events of agents.
    Event,
    /// Data of responses.
    Answer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default = "yes")]
    builtin: bool,
    /// Every rule whose conditions hold is applied.
    #[serde(default)]
    rules: Vec<RuleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    what: What,
    #[serde(rename = "type")]
    kind: Option<String>,
    session: Option<String>,
    #[serde(default)]
    erase: bool,
    #[serde(default)]
    pointers: Vec<String>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    patterns: Vec<String>,
}

fn yes() -> bool {
    true
}

/// One rule, checked.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Which bodies; all if it is not given.
    what: What,
    /// Only those whose JSON has this `type`.
    kind: Option<String>,
    /// Only those about this session.
    session: Option<String>,
    /// Erase them whole.
    erase: bool,
    /// Values to take out; `*` stands for every member or element.
    pointers: Vec<Vec<String>>,
    /// Texts to take out of every string.
    words: Vec<String>,
    /// Regular expressions; what they match is taken out of every string.
    patterns: Vec<Regex>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Policy, String> {
        let file: PolicyFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.rules.len() > RULES_MAX {
            return Err(format!("more than {RULES_MAX} rules"));
        }
        let rules = file.rules.into_iter().zip(1..);
        let rules: Result<Vec<Rule>, String> =
            rules.map(|(rule, number)| Rule::new(rule, number)).collect();
        Ok(Policy { builtin: file.builtin, rules: rules? })
    }

    /// Whether nothing is ever taken out.
    pub fn is_empty(&self) -> bool {
        !self.builtin && self.rules.is_empty()
    }

    pub(crate) fn has_builtin(&self) -> bool {
        self.builtin
    }

    /// The rules that may be for such a body, whatever its type is.
    pub(crate) fn rules<'a>(
        &'a self,
        what: What,
        session: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| {
            (rule.what == What::All || rule.what == what)
                && rule.session.as_deref().is_none_or(|id| session == Some(id))
        })
    }
}

impl Rule {
    fn new(file: RuleFile, number: usize) -> Result<Rule, String> {
        let RuleFile { what, kind, session, erase, pointers, words, patterns } = file;
        if !erase && pointers.is_empty() && words.is_empty() && patterns.is_empty() {
            return Err(format!(
                "rule {number} takes nothing out (erase, pointers, words or patterns)"
            ));
        }
        if let Some(bad) = pointers.iter().find(|pointer| !pointer.starts_with('/')) {
            return Err(format!("rule {number}: the pointer {bad:?} does not begin with /"));
        }
        if words.iter().any(String::is_empty) {
            return Err(format!("rule {number} has an empty word"));
        }
        let compile = |pattern: &String| {
            let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
            let regex = built.map_err(|error| format!("rule {number}: {error}"))?;
            if regex.is_match("") {
                return Err(format!(
                    "rule {number}: the pattern {pattern:?} matches nothing at all"
                ));
            }
            Ok(regex)
        };
        let patterns: Result<Vec<Regex>, String> = patterns.iter().map(compile).collect();
        let tokens = |pointer: &String| pointer.split('/').skip(1).map(unescape).collect();
        let pointers = pointers.iter().map(tokens).collect();
        Ok(Rule { what, kind, session, erase, pointers, words, patterns: patterns? })
    }

    /// Whether it is for bodies of this type.
    pub(crate) fn fits(&self, kind: Option<&str>) -> bool {
        self.kind.as_deref().is_none_or(|wanted| kind == Some(wanted))
    }

    /// Whether it has no condition at all.
    pub(crate) fn is_general(&self) -> bool {
        self.kind.is_none() && self.session.is_none()
    }

    pub(crate) fn erases(&self) -> bool {
        self.erase
    }

    pub(crate) fn pointers(&self) -> impl Iterator<Item = &[String]> {
        self.pointers.iter().map(Vec::as_slice)
    }

    /// The text without what is to be taken out; `None` if nothing is found.
    pub(crate) fn cut(&self, text: &str) -> Option<String> {
        let mut left: Option<String> = None;
        for word in &self.words {
            let now = left.as_deref().unwrap_or(text);
            if now.contains(word.as_str()) {
                left = Some(now.replace(word.as_str(), text::MARK));
            }
        }
        for pattern in &self.patterns {
            let now = left.as_deref().unwrap_or(text);
            if pattern.is_match(now) {
                left = Some(pattern.replace_all(now, text::MARK).into_owned());
            }
        }
        left
    }
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
