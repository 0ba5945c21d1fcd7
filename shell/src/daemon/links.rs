//! Which client is which connection: the transports call it a link, the core a connection.
//!
//! A client that has said its last word but still listens (the end of a pipe, half a socket) counts
//! as connected until everything it asked has been answered.

use std::collections::{BTreeMap, BTreeSet};

use pi_server_core::ConnId;

use crate::net::Link;

/// Both ways between [`ConnId`] and [`Link`].
#[derive(Debug, Default)]
pub(super) struct Links {
    by_conn: BTreeMap<ConnId, Client>,
    by_link: BTreeMap<Link, ConnId>,
    /// Clients that say nothing more.
    silent: BTreeSet<ConnId>,
}

#[derive(Debug)]
struct Client {
    link: Link,
    /// Frames that have had no response.
    unanswered: u64,
}

impl Links {
    /// No clients.
    pub(super) fn new() -> Links {
        Links::default()
    }

    /// A client has been let in as `conn`.
    pub(super) fn opened(&mut self, conn: ConnId, link: Link) {
        self.by_conn.insert(conn, Client { link, unanswered: 0 });
        self.by_link.insert(link, conn);
    }

    /// A client has sent a frame, which will be answered.
    pub(super) fn asked(&mut self, conn: ConnId) {
        if let Some(client) = self.by_conn.get_mut(&conn) {
            client.unanswered = client.unanswered.saturating_add(1);
        }
    }

    /// A client has been sent a response.
    pub(super) fn answered(&mut self, conn: ConnId) {
        if let Some(client) = self.by_conn.get_mut(&conn) {
            client.unanswered = client.unanswered.saturating_sub(1);
        }
    }

    /// A client says nothing more.
    pub(super) fn silent(&mut self, link: Link) {
        if let Some(conn) = self.by_link.get(&link) {
            self.silent.insert(*conn);
        }
    }

    /// Takes out a client that says nothing more and has no answer to wait for, or no way to get
    /// one.
    pub(super) fn take_gone(&mut self, is_open: impl Fn(Link) -> bool) -> Option<(ConnId, Link)> {
        let gone = self.silent.iter().copied().find(|conn| {
            self.by_conn
                .get(conn)
                .is_none_or(|client| client.unanswered == 0 || !is_open(client.link))
        })?;
        self.silent.remove(&gone);
        let client = self.by_conn.remove(&gone)?;
        self.by_link.remove(&client.link);
        Some((gone, client.link))
    }

    /// The client that is this connection.
    pub(super) fn link(&self, conn: ConnId) -> Option<Link> {
        self.by_conn.get(&conn).map(|client| client.link)
    }

    /// The connection that this client is.
    pub(super) fn conn(&self, link: Link) -> Option<ConnId> {
        self.by_link.get(&link).copied()
    }

    /// How many clients there are.
    pub(super) fn count(&self) -> usize {
        self.by_conn.len()
    }
}

#[cfg(test)]
mod tests;
