//! Which client is which connection: the transports call it a link, the core a connection.

use std::collections::BTreeMap;

use pi_server_core::ConnId;

use crate::net::Link;

/// Both ways between [`ConnId`] and [`Link`].
#[derive(Debug, Default)]
pub(super) struct Links {
    by_conn: BTreeMap<ConnId, Link>,
    by_link: BTreeMap<Link, ConnId>,
    /// Clients that say nothing more but may still listen to the end of what they asked.
    listening: Vec<ConnId>,
}

impl Links {
    /// No clients.
    pub(super) fn new() -> Links {
        Links::default()
    }

    /// A client has been let in as `conn`.
    pub(super) fn opened(&mut self, conn: ConnId, link: Link) {
        self.by_conn.insert(conn, link);
        self.by_link.insert(link, conn);
    }

    /// A client says nothing more: the connection it was, unless that is known already. It stays
    /// reachable by [`Links::link`] until [`Links::sweep`] finds it gone.
    pub(super) fn closed(&mut self, link: Link) -> Option<ConnId> {
        let conn = self.by_link.remove(&link)?;
        self.listening.push(conn);
        Some(conn)
    }

    /// Forgets the clients that were closed and do not listen any more.
    pub(super) fn sweep(&mut self, is_open: impl Fn(Link) -> bool) {
        let by_conn = &mut self.by_conn;
        self.listening.retain(|conn| {
            let open = by_conn.get(conn).is_some_and(|link| is_open(*link));
            if !open {
                by_conn.remove(conn);
            }
            open
        });
    }

    /// The client that is this connection, while frames may reach it.
    pub(super) fn link(&self, conn: ConnId) -> Option<Link> {
        self.by_conn.get(&conn).copied()
    }

    /// The connection that this client is, until it is closed.
    pub(super) fn conn(&self, link: Link) -> Option<ConnId> {
        self.by_link.get(&link).copied()
    }

    /// Every client that frames may reach.
    pub(super) fn all(&self) -> impl Iterator<Item = Link> + '_ {
        self.by_conn.values().copied()
    }

    /// How many clients may say something.
    pub(super) fn count(&self) -> usize {
        self.by_link.len()
    }
}
