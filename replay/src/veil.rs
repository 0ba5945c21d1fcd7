//! What an export does not show: what a policy takes out, and identifiers.
//!
//! A journal that is redacted (`crate::redact`) must still replay, so its identifiers and the words
//! of failures stay. An export is for reading only, and all of it can be covered.

use std::ops::ControlFlow;

use pi_server_redact::{Left, Policy, What};

use crate::chart::{Chart, End, Why};
use crate::play::{PlayError, Played, Player};
use crate::pseudonyms::Pseudonyms;
use crate::source::Source;

/// What is hidden in an export of one journal.
#[derive(Clone, Debug)]
pub struct Veil {
    policy: Option<Policy>,
    pseudonyms: Pseudonyms,
}

impl Veil {
    /// Hides what a policy takes out, and identifiers: all of them if `pseudonyms` says so, and else
    /// those in which the policy finds something. The whole journal is stepped for it, so that an
    /// identifier is known before it is named, and has the same pseudonym in every export.
    ///
    /// # Errors
    /// The journal cannot be read or decoded.
    pub fn new(
        source: &Source,
        policy: Option<Policy>,
        pseudonyms: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Veil, PlayError> {
        let mut veil = Veil { policy, pseudonyms: Pseudonyms::default() };
        let player = Player::open(source)?;
        veil.pseudonyms.learn_state(player.state());
        player.run(|played| {
            veil.pseudonyms.learn(played);
            progress(played.input.seq.0);
            Ok(ControlFlow::Continue(()))
        })?;
        let left = |text: &str| veil.policy.as_ref().and_then(|policy| policy.text(text));
        if !pseudonyms {
            veil.pseudonyms.retain(|text| left(text).is_some());
        }
        veil.pseudonyms.also(left);
        Ok(veil)
    }

    /// What is shown of the body of an input, if there is something.
    pub(crate) fn body(&self, played: &Played<'_>) -> Option<Vec<u8>> {
        let body = played.item.remains()?;
        let (what, session) = played.whose.body_of(played.input);
        self.text(what, session.map(|id| &**id), body)
    }

    /// What is shown of a body that is known to be of that kind and about that session.
    pub(crate) fn text(&self, what: What, session: Option<&str>, body: &[u8]) -> Option<Vec<u8>> {
        let left = match self.policy.as_ref().map(|policy| policy.apply(what, session, body)) {
            None | Some(Left::All) => body.to_vec(),
            Some(Left::Part(part)) => part,
            Some(Left::Nothing) => return None,
        };
        if self.pseudonyms.is_empty() {
            return Some(left);
        }
        let covered = match serde_json::from_slice(&left) {
            Ok(value) => self.pseudonyms.json(value).to_string(),
            Err(_) => self.pseudonyms.text(&String::from_utf8_lossy(&left)),
        };
        Some(covered.into_bytes())
    }

    /// Words that are no body: of a failure, of an input in the notation.
    fn words(&self, words: &mut String) {
        if let Some(left) = self.policy.as_ref().and_then(|policy| policy.text(words)) {
            *words = left;
        }
        *words = self.pseudonyms.text(words);
    }

    /// An identifier. What the policy finds in it is hidden with all of it.
    fn identifier(&self, text: &str) -> String {
        self.pseudonyms.text(text)
    }

    /// Covers all of a chart but the bodies in it.
    pub(crate) fn cover(&self, chart: &mut Chart) {
        for bar in &mut chart.bars {
            for text in [&mut bar.id, &mut bar.session].into_iter().flatten() {
                *text = self.identifier(text).into();
            }
            bar.client = self.identifier(&bar.client).into();
            if let End::Failed(Why { words, .. }) | End::Refused(Why { words, .. }) = &mut bar.end {
                self.words(words);
            }
        }
        for event in &mut chart.events {
            event.session = self.identifier(&event.session).into();
        }
        for problem in &mut chart.troubles {
            if let Some(session) = &mut problem.session {
                *session = self.identifier(session).into();
            }
            self.words(&mut problem.words);
        }
        for note in &mut chart.notes {
            if let Some(session) = &mut note.session {
                *session = self.identifier(session).into();
            }
            self.words(&mut note.words);
        }
    }
}
