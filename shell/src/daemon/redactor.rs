//! Redaction before an input is written. What is taken out of a body is still handed on to agents
//! and clients in this life of the daemon (see [`crate::journal::Journal::append_redacted`]); what is
//! taken out of the words of a failure is gone for everybody, since those are part of the input.

use std::sync::Arc;

use pi_server_core::Text;
use pi_server_core::input::{AgentSaid, Answer, Details, InputKind, Malformed, Opened, Reply};
use pi_server_core::limits::ERROR_TEXT_MAX;
use pi_server_core::record::Secret;
use pi_server_redact::{Left, Policy, What};

use super::authors::Authors;
use crate::agent::{end_of, start_of};

/// In the place of a body that is erased whole: JSON, since it stands in frames.
const NOTHING: &[u8] = br#"{"type":"redacted"}"#;

/// The policy at work.
pub(super) struct Redactor {
    policy: Policy,
}

impl Redactor {
    pub(super) fn new(policy: Policy) -> Redactor {
        Redactor { policy }
    }

    /// Takes secrets out of the words that are part of the input itself, and cuts those of agents to
    /// what is kept: in this order, since half of a secret is not recognised.
    ///
    /// The name of a client is its namespace, so another name stands in the place of one in which
    /// something is found, always the same: a digest, keyed with the journal's secret.
    pub(super) fn words(&self, kind: &mut InputKind, secret: &Secret) {
        match kind {
            InputKind::Opened(Opened { client: Some(name), .. }) => {
                if self.policy.text(name).is_some() {
                    *name = format!("redacted-{}", secret.digest(name.as_bytes())).into();
                }
            }
            InputKind::Agent {
                said: AgentSaid::Replied { reply: Reply::Failed(text), .. },
                ..
            }
            | InputKind::Answered { answer: Answer::Failed(text), .. } => {
                self.text(text);
                keep(text, start_of);
            }
            InputKind::Agent { said: AgentSaid::Exited(exit), .. } => {
                self.text(&mut exit.status);
                keep(&mut exit.status, start_of);
                self.text(&mut exit.stderr);
                keep(&mut exit.stderr, end_of);
            }
            InputKind::Agent { said: AgentSaid::Unavailable { why }, .. } => {
                self.text(why);
                keep(why, start_of);
            }
            InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
                if let Details::Reconcile { note: Some(_), .. } = &envelope.details
                    && let Details::Reconcile { note: Some(note), .. } =
                        &mut Arc::make_mut(envelope).details
                {
                    self.text(note);
                }
            }
            // What was meant for the type of a command is echoed and kept.
            InputKind::Malformed { malformed, .. } => {
                if let Malformed::Invalid { command: Some(command), .. } = &mut **malformed {
                    self.text(command);
                }
            }
            InputKind::Agent { .. }
            | InputKind::Answered { .. }
            | InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => {}
        }
    }

    fn text(&self, text: &mut Text) {
        if let Some(left) = self.policy.text(text) {
            *text = left.into();
        }
    }

    /// What is to be written in the place of a body; `None` for the body itself.
    pub(super) fn body(&self, kind: &InputKind, body: &[u8], authors: &Authors) -> Option<Vec<u8>> {
        if body.is_empty() || self.policy.is_empty() {
            return None;
        }
        let (what, session) = match kind {
            InputKind::Command { envelope, .. } | InputKind::Repeated { envelope, .. } => {
                (What::Command, envelope.session.as_ref())
            }
            InputKind::Malformed { .. } => (What::Malformed, None),
            InputKind::Agent { agent, said } => {
                let what = match said {
                    AgentSaid::Replied { .. } => What::Answer,
                    AgentSaid::Ready(_)
                    | AgentSaid::Event(_)
                    | AgentSaid::Info(_)
                    | AgentSaid::Noise { .. }
                    | AgentSaid::Exited(_)
                    | AgentSaid::Unavailable { .. } => What::Event,
                };
                (what, authors.serves(*agent))
            }
            InputKind::Answered { .. } => (What::Answer, None),
            InputKind::Boot(_)
            | InputKind::Opened(_)
            | InputKind::Closed { .. }
            | InputKind::Storage { .. }
            | InputKind::Tick
            | InputKind::Wall { .. }
            | InputKind::Indexed { .. }
            | InputKind::Drain
            | InputKind::Stop => return None,
        };
        match self.policy.apply(what, session.map(|id| &**id), body) {
            Left::All => None,
            Left::Part(left) => Some(left),
            Left::Nothing => Some(NOTHING.to_vec()),
        }
    }
}

/// Cuts words to what is kept of them.
fn keep(text: &mut Text, part: impl Fn(&str, usize) -> &str) {
    if text.len() > ERROR_TEXT_MAX {
        *text = part(text, ERROR_TEXT_MAX).into();
    }
}
