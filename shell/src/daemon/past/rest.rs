//! What a snapshot holds beside the state, as a format of its own: layout 4 of it, which is written,
//! and layout 3, which is read. docs/journal-format.md, "Snapshots".
//!
//! The types of the history and of the agents' sessions follow what the daemon needs; these do not
//! change. A change of them that has to survive makes a new layout, beside this one.

use std::sync::Arc;

use bincode::{Decode, Encode};
use pi_server_core::frame::{Gone, MadeUp};
use pi_server_core::input::Envelope;
use pi_server_core::{AgentNo, CommandNo, Micros, Seq, Text};

/// The layout that this build writes.
pub(in crate::daemon) const LAYOUT: u32 = 4;
/// The oldest layout that this build reads: it ends before `made_up`.
const OLDEST_LAYOUT: u32 = 3;
/// Largest rest of a snapshot that is decoded: bounds what arbitrary bytes can allocate.
const BYTES_MAX: usize = 1 << 30;

/// All of it.
#[derive(Debug)]
pub(in crate::daemon) struct Rest {
    /// Commands that have not ended, ascending.
    pub(in crate::daemon) open: Vec<(CommandNo, Open)>,
    /// The agents that are remembered, ascending.
    pub(in crate::daemon) agents: Vec<(AgentNo, Agent)>,
    /// The last life ended with a stop.
    pub(in crate::daemon) clean: bool,
    /// The events that the core made up, by the inputs of their steps, ascending. Since layout 4.
    pub(in crate::daemon) made_up: MadeUps,
}

/// By input, ascending: the session, the event, and why it was made up.
pub(in crate::daemon) type MadeUps = Vec<(Seq, Vec<(Text, MadeUp, Gone)>)>;
/// What layout 3 has.
type First = (Vec<(CommandNo, Open)>, Vec<(AgentNo, Agent)>, bool);

/// What the history knows of a command that has not ended.
#[derive(Debug, Encode, Decode)]
pub(in crate::daemon) struct Open {
    pub(in crate::daemon) command: CommandNo,
    pub(in crate::daemon) envelope: Arc<Envelope>,
    pub(in crate::daemon) session: Option<Text>,
    pub(in crate::daemon) lane_sequence: u64,
    /// The input that brought it, and its time.
    pub(in crate::daemon) accepted: (Seq, Micros),
    /// The input with which it started, and its time.
    pub(in crate::daemon) started: Option<(Seq, Micros)>,
    /// How it ended: nothing, since it has not. The place is from a time when others were kept too.
    pub(in crate::daemon) ended: Option<Never>,
    /// Recovery runs it again.
    pub(in crate::daemon) recovered: bool,
}

/// Something of which there is none.
#[derive(Debug, Encode, Decode)]
pub(in crate::daemon) enum Never {}

/// Which session an agent served, and since when.
#[derive(Debug, Encode, Decode)]
pub(in crate::daemon) struct Agent {
    pub(in crate::daemon) session: Text,
    /// The input that asked for the agent.
    pub(in crate::daemon) since: Seq,
    /// The first of its events that made no frame.
    pub(in crate::daemon) silent_from: Option<Seq>,
}

impl Rest {
    /// The bytes in a snapshot.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Rest { open, agents, clean, made_up } = self;
        let all = (LAYOUT, open, agents, clean, made_up);
        // Encoding into a growing vector has no way to fail.
        bincode::encode_to_vec(all, bincode::config::standard()).unwrap_or_default()
    }

    /// What a build of this layout or of one before has written. `None` if the bytes are something
    /// else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Rest> {
        let (layout, used) = part::<u32>(bytes)?;
        let bytes = bytes.get(used..)?;
        let ((open, agents, clean), used) = part::<First>(bytes)?;
        let bytes = bytes.get(used..)?;
        let (made_up, used) = match layout {
            OLDEST_LAYOUT => (MadeUps::new(), 0),
            LAYOUT => part::<MadeUps>(bytes)?,
            _ => return None,
        };
        (used == bytes.len()).then_some(Rest { open, agents, clean, made_up })
    }
}

/// A value from the beginning of some bytes, and how many of them it took.
fn part<T: Decode<()>>(bytes: &[u8]) -> Option<(T, usize)> {
    let config = bincode::config::standard().with_limit::<BYTES_MAX>();
    bincode::decode_from_slice(bytes, config).ok()
}
