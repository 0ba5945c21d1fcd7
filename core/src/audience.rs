//! Who gets a frame: the subscriptions and interests of connections, kept by applying outputs in
//! their order, so that the daemon and replay resolve an [`Audience`] alike.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::frame::Frame;
use crate::ids::{ConnId, Text};
use crate::input::Interest;
use crate::output::{Audience, Output};

/// The connections that take part in broadcasts, with what each wants.
#[derive(Clone, Debug, Default)]
pub struct Audiences {
    admitted: BTreeMap<ConnId, Member>,
    subscribers: BTreeMap<Text, BTreeSet<ConnId>>,
    /// How many admitted connections want something other than every lifecycle frame.
    choosy: usize,
}

#[derive(Clone, Debug, Default)]
struct Member {
    interest: Interest,
    sessions: BTreeSet<Text>,
}

impl Audiences {
    /// Nobody.
    pub fn new() -> Audiences {
        Audiences::default()
    }

    /// Takes note of an output. Every output must be applied, in order.
    pub fn apply(&mut self, output: &Output) {
        match output {
            Output::Admit { conn } => {
                self.admitted.entry(*conn).or_default();
            }
            Output::Leave { conn } => self.leave(*conn),
            Output::Subscribe { conn, session, after: _ } => {
                if let Some(member) = self.admitted.get_mut(conn) {
                    member.sessions.insert(session.clone());
                    self.subscribers.entry(session.clone()).or_default().insert(*conn);
                }
            }
            Output::Unsubscribe { conn, session } => {
                if let Some(member) = self.admitted.get_mut(conn) {
                    member.sessions.remove(session);
                }
                self.drop_subscriber(session, *conn);
            }
            Output::Unlist { session } => {
                for conn in self.subscribers.remove(session).unwrap_or_default() {
                    if let Some(member) = self.admitted.get_mut(&conn) {
                        member.sessions.remove(session);
                    }
                }
            }
            Output::SetInterest { conn, interest } => {
                if let Some(member) = self.admitted.get_mut(conn) {
                    let was_choosy = usize::from(member.interest != Interest::All);
                    let is_choosy = usize::from(*interest != Interest::All);
                    self.choosy = self.choosy.saturating_sub(was_choosy).saturating_add(is_choosy);
                    member.interest = *interest;
                }
            }
            Output::Deliver { .. } | Output::Ask(_) | Output::Query { .. } | Output::Exit => {}
        }
    }

    /// Forgets everybody: a daemon life has ended.
    pub fn clear(&mut self) {
        *self = Audiences::default();
    }

    /// Whether a frame to `audience` goes to every admitted connection, so that it can be rendered
    /// and queued once for all of them.
    pub fn is_everyone(&self, audience: &Audience) -> bool {
        match audience {
            Audience::Everyone => true,
            Audience::Lifecycle { .. } => self.choosy == 0,
            Audience::Conn(_) | Audience::Subscribers(_) => false,
        }
    }

    /// Calls `each` for every connection that `frame` to `audience` goes to, in order.
    pub fn resolve(&self, audience: &Audience, frame: &Frame, mut each: impl FnMut(ConnId)) {
        match audience {
            // Responses also go to connections that are not admitted yet or any more.
            Audience::Conn(conn) => each(*conn),
            Audience::Everyone => self.admitted.keys().copied().for_each(each),
            Audience::Subscribers(session) => {
                self.subscribers.get(session).into_iter().flatten().copied().for_each(each);
            }
            Audience::Lifecycle { owner } => {
                let session = frame.session();
                for (conn, member) in &self.admitted {
                    let own = *owner == Some(*conn);
                    let wanted = match member.interest {
                        Interest::All => true,
                        Interest::Own => own,
                        Interest::Related => {
                            own || session.is_some_and(|id| member.sessions.contains(id))
                        }
                        Interest::Nothing => false,
                    };
                    if wanted {
                        each(*conn);
                    }
                }
            }
        }
    }

    /// Whether the connection gets the session's events.
    pub fn is_subscribed(&self, conn: ConnId, session: &str) -> bool {
        self.admitted.get(&conn).is_some_and(|member| member.sessions.contains(session))
    }

    fn leave(&mut self, conn: ConnId) {
        let Some(member) = self.admitted.remove(&conn) else { return };
        if member.interest != Interest::All {
            self.choosy = self.choosy.saturating_sub(1);
        }
        for session in &member.sessions {
            self.drop_subscriber(session, conn);
        }
    }

    fn drop_subscriber(&mut self, session: &Text, conn: ConnId) {
        if let Some(conns) = self.subscribers.get_mut(session) {
            conns.remove(&conn);
            if conns.is_empty() {
                self.subscribers.remove(session);
            }
        }
    }
}

#[cfg(test)]
mod tests;
