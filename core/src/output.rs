//! All that can be asked for. Typed data; bytes are made of it by [`crate::wire::render`].

use alloc::vec::Vec;
use bincode::Encode;

use crate::command::CommandKind;
use crate::frame::Frame;
use crate::ids::{AgentNo, BodyRef, CommandNo, ConnId, Seq, Text};
use crate::input::{HistoryFilter, Interest};

/// One thing to do, in the order in which it is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum Output {
    /// Send a frame.
    Deliver {
        /// To whom. Resolved by [`crate::audience::Audiences`] at this place in the order.
        to: Audience,
        /// What.
        frame: Frame,
    },
    /// The connection takes part in broadcasts from here on.
    Admit {
        /// The connection.
        conn: ConnId,
    },
    /// The connection takes part in nothing any more.
    Leave {
        /// The connection.
        conn: ConnId,
    },
    /// The connection gets the session's events from here on.
    Subscribe {
        /// The connection.
        conn: ConnId,
        /// The session.
        session: Text,
        /// First deliver the events after this cursor, from the journal.
        after: Option<Seq>,
    },
    /// The connection gets the session's events no longer.
    Unsubscribe {
        /// The connection.
        conn: ConnId,
        /// The session.
        session: Text,
    },
    /// Every subscription to the session ends: it was deleted.
    Unlist {
        /// The session.
        session: Text,
    },
    /// The connection wants these lifecycle frames from here on.
    SetInterest {
        /// The connection.
        conn: ConnId,
        /// What it wants.
        interest: Interest,
    },
    /// Ask an agent for something.
    Ask(Ask),
    /// Look something up; the answer comes as [`crate::input::InputKind::Answered`].
    Query {
        /// The command that wants to know.
        query: CommandNo,
        /// What.
        what: Query,
    },
    /// Everything in flight has ended (or the drain has taken too long): stop.
    Exit,
}

/// To whom a frame goes.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum Audience {
    /// One connection.
    Conn(ConnId),
    /// Every connection that was admitted.
    Everyone,
    /// The subscribers of a session.
    Subscribers(Text),
    /// Those whose [`Interest`] covers the command that the frame, a [`Frame::Lifecycle`], is about.
    Lifecycle {
        /// Who sent the command, while that connection lives.
        owner: Option<ConnId>,
    },
}

/// What is asked of agents.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum Ask {
    /// Bring an agent up. It answers with `Ready` or `Exited`.
    Spawn {
        /// Its number from here on.
        agent: AgentNo,
        /// The session it serves.
        session: Text,
        /// Where it works.
        cwd: Text,
        /// The session file to go on from.
        resume: Option<Text>,
    },
    /// Do a command. It answers with `Replied`.
    Call {
        /// Which agent.
        agent: AgentNo,
        /// The command.
        call: CommandNo,
        /// Its kind.
        kind: CommandKind,
        /// Its frame, which has the fields.
        frame: BodyRef,
    },
    /// Stop what is running. No answer is expected.
    Interrupt {
        /// Which agent.
        agent: AgentNo,
        /// What is to be stopped: the command that holds the turn.
        kind: CommandKind,
    },
    /// Answer a dialog.
    Dialog {
        /// Which agent.
        agent: AgentNo,
        /// Its question.
        request: Text,
        /// The frame of the `extension_ui_response`; `None` dismisses the dialog.
        answer: Option<BodyRef>,
    },
    /// End it: politely first, then by force. It answers with `Exited`.
    Kill {
        /// Which agent.
        agent: AgentNo,
    },
}

/// What the shell is asked to look up.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub enum Query {
    /// Whether a session may work in a directory: [`crate::input::Answer::Directory`].
    Directory {
        /// The client's `cwd`; `None` for the default.
        cwd: Option<Text>,
    },
    /// Whether a file is a session file that may be loaded:
    /// [`crate::input::Answer::SessionFile`].
    SessionFile {
        /// The client's `sessionPath`.
        path: Text,
    },
    /// `list_stored_sessions`: [`crate::input::Answer::Data`].
    StoredSessions,
    /// `get_command_history`: [`crate::input::Answer::Data`].
    History(HistoryFilter),
    /// `get_metrics`: [`crate::input::Answer::Data`].
    Metrics,
}

/// The reusable buffer that a step writes to, in order.
#[derive(Debug, Default)]
pub struct Outputs {
    list: Vec<Output>,
}

impl Outputs {
    /// An empty buffer.
    pub fn new() -> Outputs {
        Outputs::default()
    }

    /// Forgets what is in it, keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// What a step has asked for.
    pub fn as_slice(&self) -> &[Output] {
        &self.list
    }

    /// Takes everything out, in order.
    pub fn drain(&mut self) -> alloc::vec::Drain<'_, Output> {
        self.list.drain(..)
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.list.push(output);
    }

    pub(crate) fn deliver(&mut self, to: Audience, frame: Frame) {
        self.list.push(Output::Deliver { to, frame });
    }
}
