//! What pi says of a session, member by member. One that cannot be read is as if it had not been
//! said: the others count, and what was known of it stays. Pure.

use pi_server_core::Text;
use pi_server_core::input::AgentInfo;
use pi_server_core::limits::{ID_CHARS_MAX, PATH_CHARS_MAX};
use pi_server_core::wire::number::{Decimal, Integer};
use pi_server_core::wire::text::is_control;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::noise::Noise;
use super::object::Object;
use super::replies::without_secrets;
use crate::agent::first_units;

/// Largest model object that the core is given, in bytes.
const MODEL_BYTES_MAX: usize = 8 << 10;
/// Largest count that every reader of JSON reads exactly.
const COUNT_MAX: u64 = (1 << 53) - 1;
/// Longest name of a thinking level.
const LEVEL_CHARS_MAX: usize = 32;

/// The readable members of an answer to `get_state`. `None` where there is none, or none that can
/// be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    name: Name,
    /// The session file.
    pub(super) file: Option<Text>,
    /// The model object.
    pub(super) model: Option<Text>,
    provider: Option<Text>,
    thinking: Option<Text>,
    messages: Option<u64>,
    queued: Option<u64>,
    /// pi's own id of the conversation.
    pub(super) inner: Option<String>,
    /// Whether a run or a compaction goes on.
    pub(super) busy: Option<bool>,
}

impl Facts {
    /// Reads the `data` of an answer to `get_state`.
    pub(super) fn read(data: Option<&RawValue>, noise: &mut Noise) -> Facts {
        let Some(state) = data.and_then(|data| Object::parse(data.get())) else {
            noise.unreadable("state");
            return Facts::default();
        };
        let mut read = Reader { state: &state, noise };
        let model = read.optional("model", model);
        let flags = [read.flag("isStreaming"), read.flag("isCompacting")];
        Facts {
            name: match state.raw("sessionName") {
                // A session without a name has none, if this is the state of one at all.
                None if state.raw("sessionId").is_some() => Name::Missing,
                None => Name::Unread,
                Some(_) => read.optional("sessionName", name).map_or(Name::Unread, Name::Is),
            },
            file: read.optional("sessionFile", file),
            provider: model.as_ref().and_then(provider),
            model: model.as_ref().map(model_text),
            thinking: read.required("thinkingLevel", level),
            messages: read.required("messageCount", count),
            queued: read.required("pendingMessageCount", count),
            inner: read.required("sessionId", id),
            busy: match flags {
                [Some(true), _] | [_, Some(true)] => Some(true),
                [Some(false), Some(false)] => Some(false),
                _ => None,
            },
        }
    }

    /// What is known of the session with these facts over what was known before.
    pub(super) fn over(&self, known: &AgentInfo) -> AgentInfo {
        AgentInfo {
            name: match &self.name {
                Name::Unread => known.name.clone(),
                Name::Missing => None,
                Name::Is(name) => Some(name.clone()),
            },
            file: self.file.clone().or_else(|| known.file.clone()),
            model: self.model.clone().or_else(|| known.model.clone()),
            provider: self.provider.clone().or_else(|| known.provider.clone()),
            thinking: self.thinking.clone().unwrap_or_else(|| known.thinking.clone()),
            messages: self.messages.unwrap_or(known.messages),
            queued: self.queued.unwrap_or(known.queued),
        }
    }
}

/// What is said of the display name.
#[derive(Clone, Debug, Default)]
enum Name {
    /// Nothing that can be read.
    #[default]
    Unread,
    /// The session has none.
    Missing,
    /// This one.
    Is(Text),
}

struct Reader<'a, 'b> {
    state: &'a Object<'b>,
    noise: &'a mut Noise,
}

impl Reader<'_, '_> {
    /// A member that may be missing.
    fn optional<T>(&mut self, key: &str, read: impl Fn(&RawValue) -> Option<T>) -> Option<T> {
        let value = read(self.state.raw(key)?);
        if value.is_none() {
            self.noise.unreadable(key);
        }
        value
    }

    /// A member that every version has.
    fn required<T>(&mut self, key: &str, read: impl Fn(&RawValue) -> Option<T>) -> Option<T> {
        let value = self.state.raw(key).and_then(read);
        if value.is_none() {
            self.noise.unreadable(key);
        }
        value
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        self.optional(key, |raw| serde_json::from_str(raw.get()).ok())
    }
}

/// A string.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// A number of things: an integer from 0, however it is written.
pub(super) fn count(raw: &RawValue) -> Option<u64> {
    match raw.get().as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => match Decimal::of(raw.get()).integer() {
            Integer::Is(count) if count <= COUNT_MAX => Some(count),
            Integer::Is(_) | Integer::No | Integer::OutOfRange => None,
        },
        _ => None,
    }
}

/// A text as the name that a client could have given: what must not reach a terminal becomes a space,
/// and what is too long is cut.
pub(crate) fn plain_name(text: &str) -> String {
    let plain = |letter| if is_control(letter) { ' ' } else { letter };
    first_units(text, ID_CHARS_MAX).chars().map(plain).collect()
}

/// The name of a session, as a client could have given it: longer ones are cut, and what controls a
/// terminal becomes a space.
pub(super) fn name(raw: &RawValue) -> Option<Text> {
    Some(plain_name(&text(raw)?).into())
}

/// The name of a thinking level: one of those that there are, or a word like them.
pub(super) fn level(raw: &RawValue) -> Option<Text> {
    let level = text(raw)?;
    let is_word = level.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_word && (1..=LEVEL_CHARS_MAX).contains(&level.len())).then(|| level.into())
}

/// How long a text is as the protocol counts it.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The path of a session file.
fn file(raw: &RawValue) -> Option<Text> {
    let path = text(raw)?;
    let can_be = path.starts_with('/') && !path.contains('\0') && units(&path) <= PATH_CHARS_MAX;
    can_be.then(|| path.into())
}

fn id(raw: &RawValue) -> Option<String> {
    text(raw).filter(|id| !id.is_empty() && units(id) <= ID_CHARS_MAX)
}

/// A model object without credentials.
pub(super) fn model(raw: &RawValue) -> Option<Value> {
    let model: Value = serde_json::from_str(raw.get()).ok()?;
    model.is_object().then(|| without_secrets(model))
}

/// Who serves a model.
fn provider(model: &Value) -> Option<Text> {
    let provider = model["provider"].as_str()?;
    (!provider.is_empty() && units(provider) <= ID_CHARS_MAX).then(|| provider.into())
}

/// A model object as the core keeps it.
fn model_text(model: &Value) -> Text {
    let text = model.to_string();
    if text.len() <= MODEL_BYTES_MAX {
        return text.into();
    }
    let mut short = json!({});
    for key in ["id", "provider", "name"] {
        if let Some(text) = model[key].as_str() {
            short[key] = first_units(text, ID_CHARS_MAX).into();
        }
    }
    short.to_string().into()
}
