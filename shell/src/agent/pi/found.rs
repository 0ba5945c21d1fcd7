//! The session files that were looked up for calls that are about to come: nothing here follows a path
//! that a client has given.

use std::collections::BTreeMap;

use pi_server_core::wire::Bodies;
use pi_server_core::{BodyRef, CommandNo, Text};

use crate::agent::fields::{self, Fields};

/// Session files by the calls that they were looked up for.
#[derive(Debug, Default)]
pub(super) struct FoundFiles(BTreeMap<CommandNo, Text>);

impl FoundFiles {
    /// A file was looked up for a call; `is_wanted` says which calls may still come.
    pub(super) fn note(
        &mut self,
        call: CommandNo,
        file: Text,
        is_wanted: &dyn Fn(CommandNo) -> bool,
    ) {
        self.0.retain(|call, _| is_wanted(*call));
        self.0.insert(call, file);
    }

    /// The fields of a call, with the file that was looked up for it.
    ///
    /// # Errors
    /// Words for the client: the frame is not there any more.
    pub(super) fn fields(
        &mut self,
        call: CommandNo,
        frame: BodyRef,
        bodies: &dyn Bodies,
    ) -> Result<Fields, String> {
        let session_file = self.0.remove(&call).map(|file| file.to_string());
        Ok(Fields { session_file, ..fields::of_frame(frame, bodies)? })
    }
}
