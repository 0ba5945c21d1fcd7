//! What pi's answers mean to clients: the `data` of PROTOCOL.md sections 5.4 to 5.7. Pure.

use std::path::Path;

use pi_server_core::input::{AgentInfo, Disposition};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::lines_out::BRIDGE;
use super::object::Object;

/// Largest model object that the core is given, in bytes.
const MODEL_BYTES_MAX: usize = 8 << 10;

/// What the answer to a line is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// No data.
    None,
    /// No data, and the session's facts have changed.
    NoneChanged,
    /// The data as it is.
    AsIs,
    /// The data as it is, and the session's facts have changed.
    AsIsChanged,
    /// No data; says what becomes of a prompt.
    Prompt,
    /// No data; the message waits in the queue.
    Queued,
    /// The context usage out of the statistics.
    Usage,
    /// The text, or `null`.
    LastText,
    /// The model that was set.
    Model,
    /// The model that was gone on to, and more.
    ModelChange,
    /// All models.
    Models,
    /// The commands that clients may use.
    Commands,
    /// The skills among the commands.
    Skills,
    /// The result of a shell command.
    Bash,
    /// A path, made absolute.
    Path,
    /// The data as it is, and another conversation has taken the place of the old one.
    Replaced,
    /// The text that was forked at; the agent's own id of the conversation is added later.
    Fork,
}

impl Shape {
    /// Whether success changes what a client sees of the session, so that it has to be asked for
    /// before the reply.
    pub(super) fn changes(self) -> bool {
        match self {
            Shape::NoneChanged
            | Shape::AsIsChanged
            | Shape::Model
            | Shape::ModelChange
            | Shape::Bash
            | Shape::Replaced
            | Shape::Fork => true,
            Shape::None
            | Shape::AsIs
            | Shape::Prompt
            | Shape::Queued
            | Shape::Usage
            | Shape::LastText
            | Shape::Models
            | Shape::Commands
            | Shape::Skills
            | Shape::Path => false,
        }
    }

    /// Whether success puts another conversation in the place of the one that was there, with which
    /// a run would be over.
    pub(super) fn replaces(self) -> bool {
        matches!(self, Shape::Replaced | Shape::Fork)
    }

    /// What a reply of this shape means for the run.
    pub(super) fn disposition(self, data: Option<&RawValue>) -> Disposition {
        match self {
            Shape::Prompt => disposition(data.map_or("null", RawValue::get)),
            Shape::Queued => Disposition::Queued,
            Shape::None
            | Shape::NoneChanged
            | Shape::AsIs
            | Shape::AsIsChanged
            | Shape::Usage
            | Shape::LastText
            | Shape::Model
            | Shape::ModelChange
            | Shape::Models
            | Shape::Commands
            | Shape::Skills
            | Shape::Bash
            | Shape::Path
            | Shape::Replaced
            | Shape::Fork => Disposition::Unspecified,
        }
    }

    /// The `data` of the reply, compact JSON; empty for none.
    ///
    /// # Errors
    /// pi's answer is not what it should be; words for the client.
    pub(super) fn body(self, data: Option<&RawValue>, cwd: &Path) -> Result<String, String> {
        let text = data.map_or("null", RawValue::get);
        let object = || Object::parse(text).ok_or("the agent's answer is no object");
        let clean =
            || serde_json::from_str(text).map_err(|error| strange(&error)).map(without_secrets);
        match self {
            Shape::None | Shape::NoneChanged | Shape::Prompt | Shape::Queued => Ok(String::new()),
            Shape::AsIs | Shape::AsIsChanged | Shape::Replaced | Shape::Fork => Ok(text.to_owned()),
            Shape::Usage => {
                Ok(object()?.raw("contextUsage").map_or("null", RawValue::get).to_owned())
            }
            Shape::LastText => {
                let last = Object::parse(text).and_then(|data| data.raw("text"));
                Ok(format!("{{\"text\":{}}}", last.map_or("null", RawValue::get)))
            }
            Shape::Model => Ok(json!({ "model": clean()? }).to_string()),
            Shape::ModelChange | Shape::Models => Ok(clean()?.to_string()),
            Shape::Commands => Ok(commands(text)?.to_string()),
            Shape::Skills => Ok(skills(text)?.to_string()),
            Shape::Bash => {
                let mut result = object()?;
                // A command that was killed has no status; the key is there all the same.
                if result.raw("exitCode").is_none() {
                    result.set("exitCode", "null".to_owned());
                }
                Ok(result.write())
            }
            Shape::Path => {
                let mut data = object()?;
                let path = data.text("path").ok_or("the agent does not say where the file is")?;
                let path = cwd.join(&*path).display().to_string();
                data.set("path", super::object::quote(&path));
                Ok(data.write())
            }
        }
    }
}

fn strange(error: &serde_json::Error) -> String {
    format!("the agent's answer cannot be read: {error}")
}

fn disposition(text: &str) -> Disposition {
    match Object::parse(text).and_then(|data| data.text("disposition")).as_deref() {
        Some("started") => Disposition::Started,
        Some("queued") => Disposition::Queued,
        Some("handled") => Disposition::Handled,
        Some(_) | None => Disposition::Unspecified,
    }
}

/// What `get_commands` lists.
#[derive(Deserialize)]
struct Listed {
    commands: Vec<Command>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Command {
    name: String,
    description: Option<String>,
    source: Option<String>,
    source_info: Option<SourceInfo>,
}

#[derive(Default, Deserialize)]
struct SourceInfo {
    path: Option<String>,
    scope: Option<String>,
}

/// Whether pi has loaded the bridge, by its answer to `get_commands`.
pub(super) fn has_bridge(text: &str) -> bool {
    let listed: Result<Listed, _> = serde_json::from_str(text);
    listed.is_ok_and(|listed| listed.commands.iter().any(|command| command.name == BRIDGE))
}

/// The commands that clients may use: all but the bridge.
fn commands(text: &str) -> Result<Value, String> {
    let listed: Listed = serde_json::from_str(text).map_err(|error| strange(&error))?;
    let shown = listed.commands.into_iter().filter(|command| command.name != BRIDGE);
    let commands = shown.map(|command| {
        let mut shown = json!({ "name": command.name, "source": command.source });
        let info = command.source_info.unwrap_or_default();
        for (key, value) in
            [("description", command.description), ("path", info.path), ("location", info.scope)]
        {
            if let Some(value) = value {
                shown[key] = json!(value);
            }
        }
        shown
    });
    Ok(json!({ "commands": commands.collect::<Vec<_>>() }))
}

/// The skills among the commands.
fn skills(text: &str) -> Result<Value, String> {
    let listed: Listed = serde_json::from_str(text).map_err(|error| strange(&error))?;
    let skills = listed.commands.into_iter().filter(|it| it.source.as_deref() == Some("skill"));
    let skills = skills.map(|command| {
        let info = command.source_info.unwrap_or_default();
        json!({
            "name": command.name.strip_prefix("skill:").unwrap_or(&command.name),
            "description": command.description.unwrap_or_default(),
            "filePath": info.path.unwrap_or_default(),
            "source": info.scope.unwrap_or_default(),
        })
    });
    Ok(json!({ "skills": skills.collect::<Vec<_>>() }))
}

/// Leaves out of a model (or whatever holds models) what may be a credential: request headers,
/// keys, and those parts of an address that may hold one.
pub(super) fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(key, _)| !is_secret(key));
            let clean = kept.map(|(key, value)| match (key.as_str(), value) {
                ("baseUrl", Value::String(url)) => (key, json!(plain_url(&url))),
                (_, value) => (key, without_secrets(value)),
            });
            Value::Object(clean.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn is_secret(key: &str) -> bool {
    let key: String =
        key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let parts = [
        "header",
        "apikey",
        "secret",
        "password",
        "passwd",
        "authorization",
        "credential",
        "accesstoken",
        "authtoken",
        "bearer",
        "cookie",
        "privatekey",
    ];
    matches!(key.as_str(), "key" | "token" | "auth") || parts.iter().any(|part| key.contains(part))
}

/// An address without user information, query and fragment.
fn plain_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// What `get_state` says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    model: Option<Value>,
    thinking_level: Option<String>,
    session_file: Option<String>,
    session_id: Option<String>,
    session_name: Option<String>,
    #[serde(default)]
    message_count: u64,
    #[serde(default)]
    pending_message_count: u64,
}

/// The facts of a session, and pi's own id of it, by its answer to `get_state`.
///
/// # Errors
/// The answer cannot be read.
pub(super) fn info(data: Option<&RawValue>) -> Result<(AgentInfo, Option<String>), String> {
    let text = data.ok_or("the agent's state is empty")?.get();
    let state: State = serde_json::from_str(text).map_err(|error| strange(&error))?;
    let model = state.model.filter(Value::is_object);
    let provider = model.as_ref().and_then(|model| model["provider"].as_str()).map(Into::into);
    let info = AgentInfo {
        name: state.session_name.map(Into::into),
        file: state.session_file.map(Into::into),
        model: model.map(model_text),
        provider,
        thinking: state.thinking_level.as_deref().unwrap_or("off").into(),
        messages: state.message_count,
        queued: state.pending_message_count,
    };
    Ok((info, state.session_id))
}

/// A model object as the core keeps it.
fn model_text(model: Value) -> pi_server_core::Text {
    let clean = without_secrets(model);
    let text = clean.to_string();
    if text.len() <= MODEL_BYTES_MAX {
        return text.into();
    }
    let short = json!({ "id": clean["id"], "provider": clean["provider"], "name": clean["name"] });
    short.to_string().into()
}
