//! What pi is sent: a call becomes a line, made of the checked fields of the client's frame. No
//! client's bytes are ever passed on as they came. Pure.

use pi_server_core::command::CommandKind;
use serde_json::{Value, json};

use super::replies::Shape;
use super::version::Version;
use crate::agent::fields::{Answer, Direction, Fields, Image, Streaming};

/// Name of the extension command through which the daemon asks what pi's RPC leaves out.
pub(super) const BRIDGE: &str = "pi-server-bridge";

/// How a call is done.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    /// One line, without its id, and what its response is made into.
    Line(Value, Shape),
    /// A request of the bridge, and what its answer is made into.
    Bridge(Value, Shape),
    /// Stop the run: empty the queue where that is possible, abort, dismiss the dialogs.
    Abort,
    /// Stop shell commands, if any run.
    AbortBash,
    /// Stop a compaction, if one goes on.
    AbortCompaction,
    /// Go to the model before the one in use.
    PreviousModel,
    /// It cannot be done; words for the client.
    Refuse(String),
}

/// How pi is made to do a command.
pub(super) fn plan(kind: CommandKind, fields: &Fields, version: Version) -> Plan {
    let bare = |name: &str, shape| Plan::Line(json!({ "type": name }), shape);
    let set = |name: &str| json!({ "type": name, "enabled": fields.enabled });
    match kind {
        CommandKind::Prompt => prompt(fields),
        CommandKind::Steer => queued("steer", fields),
        CommandKind::FollowUp => queued("follow_up", fields),
        CommandKind::Abort => Plan::Abort,
        CommandKind::AbortCompaction => Plan::AbortCompaction,
        CommandKind::AbortRetry => bare("abort_retry", Shape::None),
        CommandKind::AbortBash => Plan::AbortBash,
        CommandKind::Bash => bash(fields, version),
        CommandKind::Compact => {
            let instructions = fields.custom_instructions.as_deref();
            Plan::Line(with("compact", "customInstructions", instructions), Shape::AsIsChanged)
        }
        CommandKind::NewSession => {
            let parent = fields.parent_session.as_deref();
            Plan::Line(with("new_session", "parentSession", parent), Shape::Replaced)
        }
        CommandKind::SwitchSessionFile => match &fields.session_file {
            Some(path) => {
                let line = json!({ "type": "switch_session", "sessionPath": path });
                Plan::Line(line, Shape::Replaced)
            }
            // The core looks it up before it asks an agent.
            None => Plan::Refuse("the session file was not looked up".to_owned()),
        },
        CommandKind::Fork => {
            Plan::Line(json!({ "type": "fork", "entryId": fields.entry_id }), Shape::Fork)
        }
        CommandKind::NavigateTree => navigate(fields),
        CommandKind::GetTree => Plan::Bridge(json!({ "op": "tree" }), Shape::AsIs),
        CommandKind::GetTools => Plan::Bridge(json!({ "op": "tools" }), Shape::AsIs),
        CommandKind::ListSessionFiles => Plan::Bridge(json!({ "op": "files" }), Shape::AsIs),
        CommandKind::GetMessages => bare("get_messages", Shape::List("messages")),
        CommandKind::GetSessionStats => bare("get_session_stats", Shape::AsIs),
        CommandKind::GetContextUsage => bare("get_session_stats", Shape::Usage),
        CommandKind::GetForkMessages => bare("get_fork_messages", Shape::List("messages")),
        CommandKind::GetLastAssistantText => bare("get_last_assistant_text", Shape::LastText),
        CommandKind::GetAvailableModels => bare("get_available_models", Shape::Models),
        CommandKind::GetCommands => bare("get_commands", Shape::Commands),
        CommandKind::GetSkills => bare("get_commands", Shape::Skills),
        CommandKind::SetModel => Plan::Line(
            json!({
                "type": "set_model", "provider": fields.provider, "modelId": fields.model_id,
            }),
            Shape::Model,
        ),
        CommandKind::CycleModel => match fields.direction.unwrap_or_default() {
            Direction::Forward => bare("cycle_model", Shape::ModelChange),
            Direction::Backward => Plan::PreviousModel,
        },
        CommandKind::SetThinkingLevel => {
            // `none` is the peer's word.
            let level = if fields.level == "none" { "off" } else { &fields.level };
            Plan::Line(json!({ "type": "set_thinking_level", "level": level }), Shape::NoneChanged)
        }
        CommandKind::CycleThinkingLevel => bare("cycle_thinking_level", Shape::AsIsChanged),
        CommandKind::SetAutoCompaction => Plan::Line(set("set_auto_compaction"), Shape::None),
        CommandKind::SetAutoRetry => Plan::Line(set("set_auto_retry"), Shape::None),
        CommandKind::SetSessionName => Plan::Line(
            json!({ "type": "set_session_name", "name": fields.name }),
            Shape::NoneChanged,
        ),
        CommandKind::ExportHtml => {
            let path = fields.output_path.as_deref();
            Plan::Line(with("export_html", "outputPath", path), Shape::Path)
        }
        CommandKind::ListSessions
        | CommandKind::CreateSession
        | CommandKind::DeleteSession
        | CommandKind::SwitchSession
        | CommandKind::Unsubscribe
        | CommandKind::ListStoredSessions
        | CommandKind::LoadSession
        | CommandKind::GetMetrics
        | CommandKind::HealthCheck
        | CommandKind::GetStartupRecovery
        | CommandKind::GetCommandHistory
        | CommandKind::GetCapabilities
        | CommandKind::SetInterest
        | CommandKind::CancelCommand
        | CommandKind::ReconcileCommand
        | CommandKind::ExtensionUiResponse
        | CommandKind::GetState => {
            Plan::Refuse(format!("pi has nothing to do with {}", kind.row().name))
        }
    }
}

/// The line that asks the bridge; the answer carries the id.
pub(super) fn bridge(id: u64, mut request: Value) -> Value {
    request["id"] = json!(id.to_string());
    json!({ "type": "prompt", "message": format!("/{BRIDGE} {request}") })
}

/// The line that answers a dialog.
pub(super) fn dialog(request: &str, answer: &Answer) -> Value {
    let mut line = json!({ "type": "extension_ui_response", "id": request });
    match answer {
        Answer::Value(value) => line["value"] = json!(value),
        Answer::Confirmed(yes) => line["confirmed"] = json!(yes),
        Answer::Cancelled => line["cancelled"] = json!(true),
    }
    line
}

fn prompt(fields: &Fields) -> Plan {
    if is_bridge(&fields.message) {
        return Plan::Refuse(format!("/{BRIDGE} is for the daemon alone"));
    }
    let mut line = message("prompt", fields);
    match fields.streaming_behavior {
        Some(Streaming::Steer) => line["streamingBehavior"] = json!("steer"),
        Some(Streaming::FollowUp) => line["streamingBehavior"] = json!("followUp"),
        None => {}
    }
    let shape = if fields.message.starts_with('/') { Shape::Slash } else { Shape::Prompt };
    Plan::Line(line, shape)
}

fn queued(name: &str, fields: &Fields) -> Plan {
    if is_bridge(&fields.message) {
        return Plan::Refuse(format!("/{BRIDGE} is for the daemon alone"));
    }
    Plan::Line(message(name, fields), Shape::Queued)
}

/// Whether a message would reach the bridge: a client must not speak to it.
fn is_bridge(message: &str) -> bool {
    message.trim_start().strip_prefix('/').is_some_and(|rest| rest.starts_with(BRIDGE))
}

fn message(name: &str, fields: &Fields) -> Value {
    let mut line = json!({ "type": name, "message": fields.message });
    if let Some(images) = &fields.images {
        line["images"] = images.iter().map(block).collect();
    }
    line
}

fn block(image: &Image) -> Value {
    json!({ "type": "image", "data": image.data, "mimeType": image.mime_type })
}

fn bash(fields: &Fields, version: Version) -> Plan {
    let mut line = json!({ "type": "bash", "command": fields.command });
    if fields.exclude_from_context == Some(true) {
        if !version.excludes_output() {
            return Plan::Refuse(format!(
                "{} cannot keep the output of a command out of the context",
                version.describe()
            ));
        }
        line["excludeFromContext"] = json!(true);
    }
    Plan::Line(line, Shape::Bash)
}

fn navigate(fields: &Fields) -> Plan {
    let options = fields.options.clone().unwrap_or_default();
    let request = json!({
        "op": "navigate",
        "entryId": fields.target_id,
        "summarize": options.summarize.unwrap_or(false),
        "customInstructions": options.custom_instructions,
        "replaceInstructions": options.replace_instructions,
        "label": options.label,
    });
    Plan::Bridge(request, Shape::AsIsChanged)
}

fn with(name: &str, key: &str, value: Option<&str>) -> Value {
    let mut line = json!({ "type": name });
    if let Some(value) = value {
        line[key] = json!(value);
    }
    line
}
