//! Who gets a frame: the subscriptions and interests of connections, kept by applying outputs in
//! their order, so that the daemon and replay resolve an [`Audience`] alike.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::frame::Frame;
use crate::ids::{ConnId, Text};
use crate::input::Interest;
use crate::output::{Audience, Output};

/// The connections that take part in broadcasts, with what each wants.
///
/// Who gets a frame is found in time that depends on how many get it, not on how many are
/// connected: connections are kept by what they want.
#[derive(Clone, Debug, Default)]
pub struct Audiences {
    admitted: BTreeMap<ConnId, Member>,
    /// Admitted connections that want every lifecycle frame.
    all: BTreeSet<ConnId>,
    /// Admitted connections that want something else.
    choosy: BTreeSet<ConnId>,
    sessions: BTreeMap<Text, Subscribers>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    interest: Interest,
    sessions: BTreeSet<Text>,
}

/// The admitted connections that are subscribed to one session.
#[derive(Clone, Debug, Default)]
struct Subscribers {
    all: BTreeSet<ConnId>,
    /// Those of them whose interest is [`Interest::Related`].
    related: BTreeSet<ConnId>,
}

impl Audiences {
    /// Returns the audiences of a daemon that has no connections.
    pub fn new() -> Audiences {
        Audiences::default()
    }

    /// Takes note of an output. Every output must be applied, in order.
    pub fn apply(&mut self, output: &Output) {
        match output {
            Output::Admit { conn } => {
                self.admitted.entry(*conn).or_insert_with(|| {
                    self.all.insert(*conn);
                    Member::default()
                });
            }
            Output::Leave { conn } => self.leave(*conn),
            Output::Subscribe { conn, session, after: _ } => {
                if let Some(member) = self.admitted.get_mut(conn) {
                    member.sessions.insert(session.clone());
                    let subscribers = self.sessions.entry(session.clone()).or_default();
                    subscribers.all.insert(*conn);
                    if member.interest == Interest::Related {
                        subscribers.related.insert(*conn);
                    }
                }
            }
            Output::Unsubscribe { conn, session } => {
                if let Some(member) = self.admitted.get_mut(conn) {
                    member.sessions.remove(session);
                }
                self.drop_subscriber(session, *conn);
            }
            Output::Unlist { session } => {
                for conn in self.sessions.remove(session).unwrap_or_default().all {
                    if let Some(member) = self.admitted.get_mut(&conn) {
                        member.sessions.remove(session);
                    }
                }
            }
            Output::SetInterest { conn, interest } => self.set_interest(*conn, *interest),
            Output::Deliver { .. } | Output::Ask(_) | Output::Query { .. } | Output::Exit => {}
        }
    }

    /// Forgets everybody: a daemon life has ended.
    pub fn clear(&mut self) {
        *self = Audiences::default();
    }

    /// Calls `each` for every connection that `frame` to `audience` goes to, in order.
    pub fn resolve(&self, audience: &Audience, frame: &Frame, each: impl FnMut(ConnId)) {
        match audience {
            // Responses also go to connections that are not admitted yet or any more.
            Audience::Conn(conn) => [*conn].into_iter().for_each(each),
            Audience::Everyone => self.admitted.keys().copied().for_each(each),
            Audience::Subscribers(session) => {
                let subscribers = self.sessions.get(session);
                subscribers.into_iter().flat_map(|of| &of.all).copied().for_each(each);
            }
            Audience::Lifecycle { owner } => {
                let related = frame.session().into_iter().flat_map(|id| self.related(id));
                let own = owner.filter(|conn| self.wants_own(*conn)).into_iter();
                merge(merge(self.all.iter().copied(), related), own).for_each(each);
            }
        }
    }

    /// Returns the interest of an admitted connection, and nothing for others.
    pub fn interest(&self, conn: ConnId) -> Option<Interest> {
        self.admitted.get(&conn).map(|member| member.interest)
    }

    /// Returns true if the connection gets the lifecycle frames of its own commands.
    fn wants_own(&self, conn: ConnId) -> bool {
        match self.interest(conn) {
            Some(Interest::All | Interest::Related | Interest::Own) => true,
            Some(Interest::Nothing) | None => false,
        }
    }

    /// Returns true if some connection gets every lifecycle frame.
    pub fn has_all(&self) -> bool {
        !self.all.is_empty()
    }

    /// Returns true if nobody gets announcements.
    pub fn is_empty(&self) -> bool {
        self.admitted.is_empty()
    }

    /// Returns, in order, the connections that want lifecycle frames other than all.
    pub fn choosy(&self) -> impl Iterator<Item = ConnId> {
        self.choosy.iter().copied()
    }

    /// Returns, in order, the connections that get a session's lifecycle frames because they are
    /// subscribed to it, whoever sent the command.
    pub fn related(&self, session: &str) -> impl Iterator<Item = ConnId> {
        self.sessions.get(session).into_iter().flat_map(|of| &of.related).copied()
    }

    /// Returns true if the connection gets the session's events.
    pub fn is_subscribed(&self, conn: ConnId, session: &str) -> bool {
        self.admitted.get(&conn).is_some_and(|member| member.sessions.contains(session))
    }

    fn set_interest(&mut self, conn: ConnId, interest: Interest) {
        let Some(member) = self.admitted.get_mut(&conn) else { return };
        member.interest = interest;
        let (into, out_of) = match interest {
            Interest::All => (&mut self.all, &mut self.choosy),
            Interest::Related | Interest::Own | Interest::Nothing => {
                (&mut self.choosy, &mut self.all)
            }
        };
        into.insert(conn);
        out_of.remove(&conn);
        for session in &member.sessions {
            if let Some(subscribers) = self.sessions.get_mut(session) {
                if interest == Interest::Related {
                    subscribers.related.insert(conn);
                } else {
                    subscribers.related.remove(&conn);
                }
            }
        }
    }

    fn leave(&mut self, conn: ConnId) {
        let Some(member) = self.admitted.remove(&conn) else { return };
        self.all.remove(&conn);
        self.choosy.remove(&conn);
        for session in &member.sessions {
            self.drop_subscriber(session, conn);
        }
    }

    fn drop_subscriber(&mut self, session: &Text, conn: ConnId) {
        if let Some(subscribers) = self.sessions.get_mut(session) {
            subscribers.all.remove(&conn);
            subscribers.related.remove(&conn);
            if subscribers.all.is_empty() {
                self.sessions.remove(session);
            }
        }
    }
}

/// Returns what two ordered sources have, in order, and once what both have.
fn merge(
    one: impl Iterator<Item = ConnId>,
    other: impl Iterator<Item = ConnId>,
) -> impl Iterator<Item = ConnId> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    core::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(left), Some(right)) if left == right => {
            other.next();
            one.next()
        }
        (Some(left), Some(right)) if left > right => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}

#[cfg(test)]
mod tests;
