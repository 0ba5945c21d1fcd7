//! The fields of every command beyond the envelope: one table, from which the decoder checks and
//! the schema is written. PROTOCOL.md section 5.

use alloc::format;

use super::decode::Problems;
use super::json::{Object, Value};
use super::number::{Decimal, Integer};
use super::text::{is_blank, is_control, is_longer};
use crate::command::CommandKind;
use crate::input::{DialogMethod, Interest, OneOf, Rule};
use crate::limits::{
    BASH_CHARS_MAX, EPOCH_CHARS_MAX, ERROR_TEXT_MAX, ID_CHARS_MAX, MESSAGE_CHARS_MAX,
    PATH_CHARS_MAX,
};

/// Most entries that one page of the history has.
pub const HISTORY_LIMIT_MAX: u64 = 500;

/// One field of a command.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What it must be.
    pub check: Check,
    /// Whether it must be there. A key that is there must hold, `null` included.
    pub required: bool,
}

/// What a field must be. Lengths are in UTF-16 units.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// A string of at most so many units; where required, not the empty one.
    Text(usize),
    /// A string of at most so many units that is not blank.
    NotBlank(usize),
    /// A string that can name a session to be created.
    SessionId,
    /// A string without control characters: a session's name.
    Name,
    /// The id of a dialog, without control characters.
    RequestId,
    /// A path without `..`, leading `~` or NUL.
    Path,
    /// A path without leading `~` or NUL.
    Directory,
    /// `true` or `false`.
    Boolean,
    /// A word of a closed vocabulary.
    OneOf(OneOf),
    /// An integer from 0.
    Count,
    /// An integer in this range.
    Between(u64, u64),
    /// Milliseconds since the epoch.
    Timestamp,
    /// A timestamp that is not before the one of the other field, which is to blame otherwise.
    TimestampFrom(&'static str),
    /// An array of image blocks.
    Images,
    /// An object with these fields.
    Object(&'static [Field]),
    /// The answer of a dialog.
    Answer,
}

const fn required(name: &'static str, check: Check) -> Field {
    Field { name, check, required: true }
}

const fn optional(name: &'static str, check: Check) -> Field {
    Field { name, check, required: false }
}

const SESSION: Field = required("sessionId", Check::NotBlank(ID_CHARS_MAX));
const MESSAGE: Field = required("message", Check::Text(MESSAGE_CHARS_MAX));
const IMAGES: Field = optional("images", Check::Images);
const SESSION_PATH: Field = required("sessionPath", Check::Path);
const COMMAND_ID: Field = required("commandId", Check::NotBlank(ID_CHARS_MAX));
const ENABLED: Field = required("enabled", Check::Boolean);
const INSTRUCTIONS: Field = optional("customInstructions", Check::Text(MESSAGE_CHARS_MAX));

const NAVIGATION: &[Field] = &[
    optional("summarize", Check::Boolean),
    INSTRUCTIONS,
    optional("replaceInstructions", Check::Boolean),
    optional("label", Check::Text(ERROR_TEXT_MAX)),
];

const HISTORY: &[Field] = &[
    optional("sessionIdFilter", Check::NotBlank(ID_CHARS_MAX)),
    optional("commandId", Check::NotBlank(ID_CHARS_MAX)),
    optional("commandType", Check::OneOf(OneOf::CommandType)),
    optional("outcome", Check::OneOf(OneOf::Outcome)),
    optional("fromTimestamp", Check::Timestamp),
    optional("toTimestamp", Check::TimestampFrom("fromTimestamp")),
    optional("limit", Check::Between(1, HISTORY_LIMIT_MAX)),
    optional("cursor", Check::Count),
];

const CREATE: &[Field] =
    &[optional("sessionId", Check::SessionId), optional("cwd", Check::Directory)];
const LOAD: &[Field] = &[SESSION_PATH, optional("sessionId", Check::SessionId)];
const SWITCH: &[Field] = &[
    SESSION,
    optional("cursor", Check::Count),
    optional("epoch", Check::NotBlank(EPOCH_CHARS_MAX)),
];
const INTEREST: &[Field] = &[required("lifecycle", Check::OneOf(OneOf::Interest))];
const RECONCILE: &[Field] = &[
    COMMAND_ID,
    required("outcome", Check::OneOf(OneOf::Outcome)),
    optional("note", Check::Text(ERROR_TEXT_MAX)),
];
const UI_RESPONSE: &[Field] =
    &[required("requestId", Check::RequestId), required("response", Check::Answer)];
const PROMPT: &[Field] =
    &[MESSAGE, IMAGES, optional("streamingBehavior", Check::OneOf(OneOf::StreamingBehavior))];
const BASH: &[Field] = &[
    required("command", Check::Text(BASH_CHARS_MAX)),
    optional("excludeFromContext", Check::Boolean),
];
const NEW_SESSION: &[Field] = &[optional("parentSession", Check::Text(PATH_CHARS_MAX))];
const FORK: &[Field] = &[required("entryId", Check::Text(ID_CHARS_MAX))];
const NAVIGATE: &[Field] = &[
    required("targetId", Check::Text(ID_CHARS_MAX)),
    optional("options", Check::Object(NAVIGATION)),
];
const MODEL: &[Field] = &[
    required("provider", Check::Text(ID_CHARS_MAX)),
    required("modelId", Check::Text(ID_CHARS_MAX)),
];
const CYCLE: &[Field] = &[optional("direction", Check::OneOf(OneOf::Direction))];
const THINKING: &[Field] = &[required("level", Check::OneOf(OneOf::ThinkingLevel))];
const NAME: &[Field] = &[required("name", Check::Name)];
const EXPORT: &[Field] = &[optional("outputPath", Check::Path)];

/// The fields of a command beyond the envelope, in the order in which they are checked. Session
/// commands have `sessionId` in their envelope.
pub const fn fields(kind: CommandKind) -> &'static [Field] {
    use CommandKind as C;
    match kind {
        C::CreateSession => CREATE,
        C::LoadSession => LOAD,
        C::DeleteSession | C::Unsubscribe => &[SESSION],
        C::SwitchSession => SWITCH,
        C::GetCommandHistory => HISTORY,
        C::SetInterest => INTEREST,
        C::CancelCommand => &[COMMAND_ID],
        C::ReconcileCommand => RECONCILE,
        C::ExtensionUiResponse => UI_RESPONSE,
        C::Prompt => PROMPT,
        C::Steer | C::FollowUp => &[MESSAGE, IMAGES],
        C::Compact => &[INSTRUCTIONS],
        C::Bash => BASH,
        C::NewSession => NEW_SESSION,
        C::SwitchSessionFile => &[SESSION_PATH],
        C::Fork => FORK,
        C::NavigateTree => NAVIGATE,
        C::SetModel => MODEL,
        C::CycleModel => CYCLE,
        C::SetThinkingLevel => THINKING,
        C::SetAutoCompaction | C::SetAutoRetry => &[ENABLED],
        C::SetSessionName => NAME,
        C::ExportHtml => EXPORT,
        C::ListSessions
        | C::ListStoredSessions
        | C::GetMetrics
        | C::HealthCheck
        | C::GetStartupRecovery
        | C::GetCapabilities
        | C::GetState
        | C::GetMessages
        | C::GetSessionStats
        | C::GetForkMessages
        | C::GetTree
        | C::GetLastAssistantText
        | C::GetContextUsage
        | C::GetAvailableModels
        | C::GetCommands
        | C::GetSkills
        | C::GetTools
        | C::ListSessionFiles
        | C::Abort
        | C::AbortCompaction
        | C::AbortRetry
        | C::AbortBash
        | C::CycleThinkingLevel => &[],
    }
}

impl DialogMethod {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            DialogMethod::Select => "select",
            DialogMethod::Confirm => "confirm",
            DialogMethod::Input => "input",
            DialogMethod::Editor => "editor",
            DialogMethod::Interview => "interview",
            DialogMethod::Cancelled => "cancelled",
        }
    }

    /// The method that is called `name`.
    pub fn from_name(name: &str) -> Option<DialogMethod> {
        let all = [
            DialogMethod::Select,
            DialogMethod::Confirm,
            DialogMethod::Input,
            DialogMethod::Editor,
            DialogMethod::Interview,
            DialogMethod::Cancelled,
        ];
        all.into_iter().find(|method| method.name() == name)
    }
}

impl Interest {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Interest::All => "all",
            Interest::Related => "related",
            Interest::Own => "own",
            Interest::Nothing => "none",
        }
    }

    /// The interest that is called `name`.
    pub fn from_name(name: &str) -> Option<Interest> {
        let all = [Interest::All, Interest::Related, Interest::Own, Interest::Nothing];
        all.into_iter().find(|interest| interest.name() == name)
    }
}

impl OneOf {
    /// Whether `word` is in the vocabulary.
    pub fn has(self, word: &str) -> bool {
        match self {
            OneOf::CommandType => CommandKind::from_name(word).is_some(),
            OneOf::StreamingBehavior
            | OneOf::Direction
            | OneOf::ThinkingLevel
            | OneOf::DialogMethod
            | OneOf::Interest
            | OneOf::Outcome => self.words().contains(&word),
        }
    }

    /// The vocabulary; empty for command types, which are the names of the command table.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            OneOf::StreamingBehavior => &["steer", "followUp"],
            OneOf::Direction => &["forward", "backward"],
            OneOf::ThinkingLevel => {
                &["off", "none", "minimal", "low", "medium", "high", "xhigh", "max"]
            }
            OneOf::DialogMethod => {
                &["select", "confirm", "input", "editor", "interview", "cancelled"]
            }
            OneOf::Interest => &["all", "related", "own", "none"],
            OneOf::Outcome => &["succeeded", "failed"],
            OneOf::CommandType => &[],
        }
    }
}

/// Checks `fields` of `object`, which itself is the field `prefix` (with its dot) of the command.
pub(super) fn check(fields: &[Field], object: &Object<'_>, prefix: &str, problems: &mut Problems) {
    for field in fields {
        let value = object.get(field.name);
        if value.is_none() && !field.required {
            continue;
        }
        check_field(field, value, object, prefix, problems);
    }
}

fn check_field(
    field: &Field,
    value: Option<&Value<'_>>,
    object: &Object<'_>,
    prefix: &str,
    problems: &mut Problems,
) {
    let nested = |name: &str| format!("{prefix}{name}");
    match (field.check, value) {
        (Check::Object(inner), Some(Value::Object(object))) => {
            check(inner, object, &nested(&format!("{}.", field.name)), problems);
        }
        (Check::Answer, Some(Value::Object(answer))) => check_answer(answer, problems),
        (Check::TimestampFrom(from), value) => {
            let to = value.and_then(integer);
            let after = object.get(from).and_then(integer);
            if to.is_none() {
                problems.add(&nested(field.name), Rule::Timestamp);
            } else if to < after {
                problems.add(&nested(from), Rule::TimestampOrder);
            }
        }
        (check, value) => {
            if let Err(rule) = check_value(check, field.required, value) {
                problems.add(&nested(field.name), rule);
            }
        }
    }
}

/// Checks what can be checked without looking at other fields.
fn check_value(check: Check, required: bool, value: Option<&Value<'_>>) -> Result<(), Rule> {
    let either = |if_required, if_optional| if required { if_required } else { if_optional };
    let string_rule = either(Rule::RequiredString, Rule::StringIfProvided);
    let not_blank_rule = either(Rule::RequiredNonEmptyString, Rule::NonEmptyStringIfProvided);
    match check {
        Check::Text(max) => text(value, required, string_rule, max).map(drop),
        Check::NotBlank(max) => not_blank(value, not_blank_rule, max).map(drop),
        Check::SessionId => {
            let id = not_blank(value, not_blank_rule, ID_CHARS_MAX)?;
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            holds(id.bytes().all(fits), Rule::SessionIdCharacters)
        }
        Check::Name => {
            let name = text(value, required, string_rule, ID_CHARS_MAX)?;
            holds(!name.chars().any(is_control), Rule::ControlCharacters)
        }
        Check::RequestId => {
            let request = text(value, required, string_rule, ID_CHARS_MAX)?;
            holds(!request.chars().any(is_control), Rule::RequestIdCharacters)
        }
        Check::Path => {
            let path = text(value, required, string_rule, PATH_CHARS_MAX)?;
            holds(!leaves_home(path) && !path.contains(".."), Rule::DangerousPath)
        }
        Check::Directory => {
            let path = text(value, required, string_rule, PATH_CHARS_MAX)?;
            holds(!leaves_home(path), Rule::DangerousPath)
        }
        Check::Boolean => {
            let rule = either(Rule::RequiredBoolean, Rule::BooleanIfProvided);
            holds(matches!(value, Some(Value::Bool(_))), rule)
        }
        Check::OneOf(words) => {
            holds(string(value).is_some_and(|word| words.has(word)), Rule::OneOf(words))
        }
        Check::Count => holds(value.and_then(integer).is_some(), Rule::NonNegativeInteger),
        Check::Timestamp | Check::TimestampFrom(_) => {
            holds(value.and_then(integer).is_some(), Rule::Timestamp)
        }
        Check::Between(min, max) => between(value, min, max),
        Check::Images => holds(value.is_some_and(are_images), Rule::Images),
        Check::Object(_) | Check::Answer => {
            Err(either(Rule::RequiredObject, Rule::ObjectIfProvided))
        }
    }
}

fn holds(fact: bool, rule: Rule) -> Result<(), Rule> {
    if fact { Ok(()) } else { Err(rule) }
}

fn text<'v>(
    value: Option<&'v Value<'_>>,
    required: bool,
    rule: Rule,
    max: usize,
) -> Result<&'v str, Rule> {
    let text = string(value).filter(|text| !required || !text.is_empty()).ok_or(rule)?;
    holds(!is_longer(text, max), too_long(max))?;
    Ok(text)
}

/// A string that is not blank and has at most `max` UTF-16 units.
pub(super) fn not_blank<'v>(
    value: Option<&'v Value<'_>>,
    rule: Rule,
    max: usize,
) -> Result<&'v str, Rule> {
    let text = string(value).filter(|text| !is_blank(text)).ok_or(rule)?;
    holds(!is_longer(text, max), too_long(max))?;
    Ok(text)
}

/// An integer from `min` to `max`.
pub(super) fn between(value: Option<&Value<'_>>, min: u64, max: u64) -> Result<(), Rule> {
    let Some(Value::Number(number)) = value else { return Err(Rule::IntegerIfProvided) };
    match Decimal::of(number).integer() {
        Integer::No => Err(Rule::IntegerIfProvided),
        Integer::Is(value) if (min..=max).contains(&value) => Ok(()),
        Integer::Is(_) | Integer::OutOfRange => Err(Rule::Between { min, max }),
    }
}

fn too_long(max: usize) -> Rule {
    Rule::TooLong { max: u32::try_from(max).unwrap_or(u32::MAX) }
}

fn string<'v>(value: Option<&'v Value<'_>>) -> Option<&'v str> {
    match value {
        Some(Value::String(text)) => Some(text),
        Some(
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
        )
        | None => None,
    }
}

/// A non-negative integer of 64 bits.
pub(super) fn integer(value: &Value<'_>) -> Option<u64> {
    let Value::Number(number) = value else { return None };
    match Decimal::of(number).integer() {
        Integer::Is(value) => Some(value),
        Integer::No | Integer::OutOfRange => None,
    }
}

fn leaves_home(path: &str) -> bool {
    path.starts_with('~') || path.contains('\0')
}

fn are_images(value: &Value<'_>) -> bool {
    let Value::Array(blocks) = value else { return false };
    blocks.iter().all(|block| match block {
        Value::Object(block) => {
            block.text("type") == Some("image")
                && block.text("data").is_some()
                && block.text("mimeType").is_some()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            false
        }
    })
}

fn check_answer(answer: &Object<'_>, problems: &mut Problems) {
    let Some(method) = answer.text("method").and_then(DialogMethod::from_name) else {
        return problems.add("response.method", Rule::OneOf(OneOf::DialogMethod));
    };
    let fits = match method {
        DialogMethod::Select | DialogMethod::Input | DialogMethod::Editor => {
            answer.text("value").is_some()
        }
        DialogMethod::Confirm => matches!(answer.get("confirmed"), Some(Value::Bool(_))),
        DialogMethod::Interview => matches!(answer.get("responses"), Some(Value::Object(_))),
        DialogMethod::Cancelled => true,
    };
    if !fits {
        problems.add("response", Rule::AnswerMismatch);
    }
}

#[cfg(test)]
mod tests;
