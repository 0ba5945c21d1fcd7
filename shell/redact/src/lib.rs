//! What is taken out of bodies: by the daemon before they are kept, and by `pi-replay` before they
//! are passed on. One policy, one engine. docs/guides/privacy.md is the same for users.
//!
//! A body that is JSON loses values (by pointer) and parts of strings (by word, by pattern); the
//! rest stays what it was, byte for byte. What is no JSON loses parts of its text.

mod builtin;
mod formats;
mod json;
mod policy;
mod text;

pub use policy::{Policy, What};
pub use text::MARK;

use serde_json::Value;

use policy::Rule;

/// What is left of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// All of it: nothing was found.
    All,
    /// A part.
    Part(Vec<u8>),
    /// Nothing: a rule erases it, or it cannot be taken apart.
    Nothing,
}

impl Policy {
    /// What is left of a body about a session.
    pub fn apply(&self, what: What, session: Option<&str>, body: &[u8]) -> Left {
        let rules: Vec<&Rule> = self.rules(what, session).collect();
        if rules.is_empty() && !self.is_suspicious(body) {
            return Left::All;
        }
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return self.apply_to_raw(&rules, body);
        };
        let kind = json.get("type").and_then(Value::as_str).map(str::to_owned);
        let rules: Vec<&Rule> =
            rules.into_iter().filter(|rule| rule.fits(kind.as_deref())).collect();
        if rules.iter().any(|rule| rule.erases()) {
            return Left::Nothing;
        }
        let rewritten = json::rewrite(
            body,
            &json::Rules {
                pointers: rules.iter().flat_map(|rule| rule.pointers()).collect(),
                cut: &|text| self.cut(&rules, text),
                names: self.has_builtin(),
            },
        );
        match rewritten {
            json::Rewritten::Unchanged => Left::All,
            json::Rewritten::Changed(left) => Left::Part(left),
            // What cannot be taken apart is not kept.
            json::Rewritten::Unreadable => Left::Nothing,
        }
    }

    /// The text without what the built-in set finds, and without the words and patterns of rules that
    /// are for everything; `None` if nothing is found.
    pub fn text(&self, text: &str) -> Option<String> {
        let rules: Vec<&Rule> = self.rules(What::All, None).filter(|it| it.is_general()).collect();
        self.cut(&rules, text)
    }

    fn cut(&self, rules: &[&Rule], text: &str) -> Option<String> {
        let mut left: Option<String> = None;
        let mut take = |cut: &dyn Fn(&str) -> Option<String>| {
            if let Some(shorter) = cut(left.as_deref().unwrap_or(text)) {
                left = Some(shorter);
            }
        };
        if self.has_builtin() {
            take(&builtin::cut);
        }
        for rule in rules {
            take(&|text| rule.cut(text));
        }
        left
    }

    /// Whether the built-in set may find something: it is looked for in the raw bytes, where
    /// escapes may hide it.
    fn is_suspicious(&self, body: &[u8]) -> bool {
        self.has_builtin() && builtin::may_hold(body)
    }

    fn apply_to_raw(&self, rules: &[&Rule], body: &[u8]) -> Left {
        if rules.iter().any(|rule| rule.erases()) {
            return Left::Nothing;
        }
        let cannot = |rule: &&Rule| rule.pointers().next().is_some();
        if rules.iter().any(cannot) || (self.has_builtin() && builtin::is_escaped(body)) {
            let bare = json::bare(body, &|text| self.cut(rules, text).is_some());
            return bare.map_or(Left::Nothing, Left::Part);
        }
        let text = String::from_utf8_lossy(body);
        match self.cut(rules, &text) {
            Some(left) => Left::Part(left.into_bytes()),
            None => Left::All,
        }
    }
}

#[cfg(test)]
mod tests;
