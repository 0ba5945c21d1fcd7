//! What pi's answers mean to clients: the `data` of PROTOCOL.md sections 5.4 to 5.7. Pure.

use std::path::Path;

use pi_server_core::input::Disposition;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::facts;
use super::hold::Kind;
use super::lines_out::BRIDGE;
use super::noise::Noise;
use super::object::Object;

/// What the answer to a line is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// No data.
    None,
    /// No data, and the session's facts have changed.
    NoneChanged,
    /// The data as it is, an object.
    AsIs,
    /// The data as it is, an object with a list under this name.
    List(&'static str),
    /// The data as it is, and the session's facts have changed.
    AsIsChanged,
    /// No data; says what becomes of a prompt.
    Prompt,
    /// The same for one that may be an extension's command.
    Slash,
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
            | Shape::List(_)
            | Shape::Prompt
            | Shape::Slash
            | Shape::Queued
            | Shape::Usage
            | Shape::LastText
            | Shape::Models
            | Shape::Commands
            | Shape::Skills
            | Shape::Path => false,
        }
    }

    /// What a reply of this shape means for the run.
    pub(super) fn disposition(self, data: Option<&RawValue>) -> Disposition {
        match self {
            Shape::Prompt | Shape::Slash => disposition(data),
            Shape::Queued => Disposition::Queued,
            Shape::None
            | Shape::NoneChanged
            | Shape::AsIs
            | Shape::List(_)
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

    /// The `data` of the reply, compact JSON, empty for none; and what the session's facts have to add
    /// to it. What pi has done is no failure because of how it tells so: only an answer that is all
    /// that the command is for has to be read.
    ///
    /// # Errors
    /// pi's answer is not what it should be; words for the client.
    pub(super) fn body(
        self,
        data: Option<&RawValue>,
        cwd: &Path,
        noise: &mut Noise,
    ) -> Result<(String, Kind), String> {
        let text = data.map_or("null", RawValue::get);
        let object = |noise: &mut Noise| {
            Object::parse(text).ok_or_else(|| {
                noise.unreadable("answer");
                "the agent's answer cannot be read: it is no object".to_owned()
            })
        };
        let plain = |body: String| Ok((body, Kind::Plain));
        match self {
            Shape::None | Shape::NoneChanged | Shape::Prompt | Shape::Slash | Shape::Queued => {
                plain(String::new())
            }
            Shape::AsIs => object(noise).map(|_| (text.to_owned(), Kind::Plain)),
            Shape::List(member) => {
                let list = object(noise)?.get::<Vec<&RawValue>>(member);
                list.map(|_| (text.to_owned(), Kind::Plain)).ok_or_else(|| no_list(member, noise))
            }
            Shape::AsIsChanged => {
                let done = text == "null" || object(noise).is_ok();
                plain(if done { text.to_owned() } else { "null".to_owned() })
            }
            Shape::Replaced | Shape::Fork => {
                let mut answer = object(noise).unwrap_or_default();
                let told = answer.get::<bool>("cancelled");
                if told.is_none() {
                    noise.unreadable("cancelled");
                    answer.set("cancelled", "false".to_owned());
                }
                let kind = if self == Shape::Fork { Kind::Fork } else { Kind::Replaced };
                let went_on = told != Some(true);
                Ok((answer.write(), if went_on { kind } else { Kind::Plain }))
            }
            Shape::Usage => {
                match object(noise)?.raw("contextUsage").map_or("null", RawValue::get) {
                    usage if usage == "null" || usage.starts_with('{') => plain(usage.to_owned()),
                    _ => {
                        noise.unreadable("contextUsage");
                        Err("the agent's answer has no contextUsage that can be read".to_owned())
                    }
                }
            }
            Shape::LastText => match object(noise)?.raw("text").map_or("null", RawValue::get) {
                last if last == "null" || last.starts_with('"') => {
                    plain(format!("{{\"text\":{last}}}"))
                }
                _ => {
                    noise.unreadable("text");
                    Err("the agent's answer has no text that can be read".to_owned())
                }
            },
            Shape::Model => {
                let model = kept(data.and_then(facts::model), "model", noise);
                let kind = if model.is_some() { Kind::Plain } else { Kind::Model };
                Ok((json!({ "model": model }).to_string(), kind))
            }
            Shape::ModelChange if text == "null" => plain(text.to_owned()),
            Shape::ModelChange => {
                let mut change = object(noise).unwrap_or_default();
                let model = kept(change.raw("model").and_then(facts::model), "model", noise);
                let kind = if model.is_some() { Kind::Plain } else { Kind::Model };
                change.set("model", model.unwrap_or_default().to_string());
                Ok((change.write(), kind))
            }
            Shape::Models => {
                let models = list(text, "models", noise)?;
                let models = models.into_iter().filter_map(|raw| {
                    let model = facts::model(raw).filter(|it| it["id"].is_string());
                    kept(model.filter(|it| it["provider"].is_string()), "a model", noise)
                });
                plain(json!({ "models": models.collect::<Vec<_>>() }).to_string())
            }
            Shape::Commands => plain(commands(text, noise)?.to_string()),
            Shape::Skills => plain(skills(text, noise)?.to_string()),
            Shape::Bash => bash(object(noise)?, noise).map(|body| (body, Kind::Plain)),
            Shape::Path => {
                let mut data = object(noise)?;
                let path = data.text("path").ok_or("the agent does not say where the file is")?;
                let path = cwd.join(&*path).display().to_string();
                data.set("path", super::object::quote(&path));
                plain(data.write())
            }
        }
    }
}

/// The result of a shell command.
fn bash(mut result: Object<'_>, noise: &mut Noise) -> Result<String, String> {
    if result.text("output").is_none() {
        noise.unreadable("output");
        return Err(
            "the command has run, but the agent's answer has no output that can be read".to_owned()
        );
    }
    // A command that was killed has no status; the key is there all the same.
    if result.get::<i64>("exitCode").is_none() {
        if result.raw("exitCode").is_some_and(|raw| raw.get() != "null") {
            noise.unreadable("exitCode");
        }
        result.set("exitCode", "null".to_owned());
    }
    if result.get::<bool>("cancelled").is_none() {
        noise.unreadable("cancelled");
        result.set("cancelled", "false".to_owned());
    }
    Ok(result.write())
}

/// The elements of a list that an answer is for.
fn list<'a>(text: &'a str, member: &str, noise: &mut Noise) -> Result<Vec<&'a RawValue>, String> {
    let list = Object::parse(text).and_then(|object| object.get(member));
    list.ok_or_else(|| no_list(member, noise))
}

fn no_list(member: &str, noise: &mut Noise) -> String {
    noise.unreadable(member);
    format!("the agent's answer has no {member} that can be read")
}

/// An element of a list; one that cannot be read is left out and counted.
fn kept<T>(element: Option<T>, what: &str, noise: &mut Noise) -> Option<T> {
    if element.is_none() {
        noise.unreadable(what);
    }
    element
}

fn disposition(data: Option<&RawValue>) -> Disposition {
    let data = data.and_then(|data| Object::parse(data.get()));
    match data.and_then(|data| data.text("disposition")).as_deref() {
        Some("started") => Disposition::Started,
        Some("queued") => Disposition::Queued,
        Some("handled") => Disposition::Handled,
        Some(_) | None => Disposition::Unspecified,
    }
}

/// One of what `get_commands` lists. Of members that cannot be read it has none.
struct Command {
    name: String,
    description: Option<String>,
    source: Option<String>,
    path: Option<String>,
    scope: Option<String>,
}

/// The commands that can be read.
fn listed(text: &str, noise: &mut Noise) -> Result<Vec<Command>, String> {
    let commands = list(text, "commands", noise)?;
    Ok(commands.into_iter().filter_map(|raw| command(raw, noise)).collect())
}

fn command(raw: &RawValue, noise: &mut Noise) -> Option<Command> {
    let object = kept(Object::parse(raw.get()), "a command", noise)?;
    let name = object.text("name").filter(|name| !name.is_empty());
    let name = kept(name, "a command's name", noise)?.into_owned();
    let mut text = |object: &Object<'_>, key: &str| {
        let raw = object.raw(key)?;
        kept(facts::text(raw), &format!("a command's {key}"), noise)
    };
    let (description, source) = (text(&object, "description"), text(&object, "source"));
    let info = object.raw("sourceInfo").and_then(|raw| Object::parse(raw.get()));
    let info = info.unwrap_or_default();
    let (path, scope) = (text(&info, "path"), text(&info, "scope"));
    Some(Command { name, description, source, path, scope })
}

/// Whether the bridge is loaded. pi is started with it and does not run without it, so only a list
/// that can be read and does not have it says no.
pub(super) fn has_bridge(data: Option<&RawValue>, noise: &mut Noise) -> bool {
    let text = data.map_or("null", RawValue::get);
    listed(text, noise).map_or(true, |all| all.iter().any(|command| command.name == BRIDGE))
}

/// The commands, without the daemon's own.
fn commands(text: &str, noise: &mut Noise) -> Result<Value, String> {
    let commands = listed(text, noise)?.into_iter().filter(|command| command.name != BRIDGE);
    let commands = commands.map(|command| {
        let mut shown = json!({ "name": command.name, "source": command.source });
        for (key, value) in [
            ("description", command.description),
            ("path", command.path),
            ("location", command.scope),
        ] {
            if let Some(value) = value {
                shown[key] = json!(value);
            }
        }
        shown
    });
    Ok(json!({ "commands": commands.collect::<Vec<_>>() }))
}

/// The skills among the commands.
fn skills(text: &str, noise: &mut Noise) -> Result<Value, String> {
    let skills = listed(text, noise)?.into_iter();
    let skills = skills.filter(|command| command.source.as_deref() == Some("skill"));
    let skills = skills.map(|command| {
        json!({
            "name": command.name.strip_prefix("skill:").unwrap_or(&command.name),
            "description": command.description.unwrap_or_default(),
            "filePath": command.path.unwrap_or_default(),
            "source": command.scope.unwrap_or_default(),
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
