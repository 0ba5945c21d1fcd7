//! The fields of clients' frames that agents need. The core's decoder has checked them; what cannot
//! be read here was erased or is a bug, and becomes a failed call.

use pi_server_core::BodyRef;
use pi_server_core::wire::Bodies;
use serde::Deserialize;

/// The fields of all commands that agents do; each command uses its own few.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) images: Option<Vec<Image>>,
    pub(super) streaming_behavior: Option<Streaming>,
    pub(super) provider: String,
    pub(super) model_id: String,
    pub(super) direction: Option<Direction>,
    pub(super) level: String,
    pub(super) enabled: bool,
    pub(super) custom_instructions: Option<String>,
    pub(super) command: String,
    pub(super) exclude_from_context: Option<bool>,
    pub(super) name: String,
    pub(super) output_path: Option<String>,
    pub(super) parent_session: Option<String>,
    /// Where a look-up has found the session file of `sessionPath`. What the client has written is not
    /// looked at here.
    #[serde(skip)]
    pub(super) session_file: Option<String>,
    pub(super) entry_id: String,
    pub(super) target_id: String,
    pub(super) options: Option<Navigation>,
}

/// An image block.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    pub(super) data: String,
    pub(super) mime_type: String,
}

/// How a prompt joins a run that is going.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) enum Streaming {
    Steer,
    FollowUp,
}

/// Which way to go through the models.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) enum Direction {
    #[default]
    Forward,
    Backward,
}

/// `options` of `navigate_tree`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Navigation {
    pub(super) summarize: Option<bool>,
    pub(super) custom_instructions: Option<String>,
    pub(super) replace_instructions: Option<bool>,
    pub(super) label: Option<String>,
}

/// How a dialog was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Of a select, input or editor.
    Value(String),
    /// Of a confirm.
    Confirmed(bool),
    /// Dismissed.
    Cancelled,
}

#[derive(Deserialize)]
struct DialogFrame {
    response: DialogResponse,
}

#[derive(Deserialize)]
struct DialogResponse {
    value: Option<String>,
    confirmed: Option<bool>,
}

/// Reads the fields of a command's frame.
///
/// # Errors
/// Words for the client.
pub(super) fn of_frame(frame: BodyRef, bodies: &dyn Bodies) -> Result<Fields, String> {
    let bytes =
        words(frame, bodies).ok_or("the text of the command was erased from the journal")?;
    serde_json::from_slice(bytes).map_err(|error| format!("cannot read the command: {error}"))
}

/// Reads the answer out of an `extension_ui_response`; anything unreadable dismisses the dialog.
pub(super) fn answer(frame: Option<BodyRef>, bodies: &dyn Bodies) -> Answer {
    let response = frame
        .and_then(|frame| words(frame, bodies))
        .and_then(|bytes| serde_json::from_slice::<DialogFrame>(bytes).ok())
        .map(|frame| frame.response);
    match response {
        Some(DialogResponse { value: Some(value), confirmed: _ }) => Answer::Value(value),
        Some(DialogResponse { value: None, confirmed: Some(yes) }) => Answer::Confirmed(yes),
        Some(DialogResponse { value: None, confirmed: None }) | None => Answer::Cancelled,
    }
}

/// What the client has said, to the letter: an agent is never given what redaction has left of it.
fn words(frame: BodyRef, bodies: &dyn Bodies) -> Option<&[u8]> {
    bodies.original(frame).or_else(|| bodies.body(frame).filter(|_| !frame.redacted))
}
