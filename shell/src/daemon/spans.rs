//! Which events each connection still has to get, as far as that is not simply "from here on": the
//! bookkeeping behind catching up. PROTOCOL.md section 8.5.
//!
//! A connection that reads along needs nothing of this. One that subscribed with a cursor, or that
//! fell behind, reads its events from the journal; what it gets there is decided per session by a
//! span: after which place, and up to which one if the subscription has ended meanwhile.

use std::collections::BTreeMap;

use pi_server_core::output::Output;
use pi_server_core::{ConnId, Seq, Text};

/// The spans of every connection.
#[derive(Debug, Default)]
pub(super) struct Spans {
    readers: BTreeMap<ConnId, Reader>,
}

#[derive(Debug, Default)]
struct Reader {
    sessions: BTreeMap<Text, Span>,
    /// Place in the journal up to which a lagging connection has been served.
    position: Option<Seq>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// Events up to this place were delivered, or are not wanted.
    after: Seq,
    /// The subscription ended at this place.
    until: Option<Seq>,
}

impl Spans {
    /// Nobody.
    pub(super) fn new() -> Spans {
        Spans::default()
    }

    /// Takes note of an output of the step of input `seq`; `lag` tells the place from which a
    /// connection lags, if it does. Returns the place from which a connection is to be served from
    /// the journal, if it is.
    pub(super) fn apply(
        &mut self,
        seq: Seq,
        output: &Output,
        lag: impl Fn(ConnId) -> Option<Seq>,
    ) -> Option<(ConnId, Seq)> {
        match output {
            Output::Admit { conn } => {
                self.readers.entry(*conn).or_default();
                None
            }
            Output::Leave { conn } => {
                self.readers.remove(conn);
                None
            }
            Output::Subscribe { conn, session, after } => {
                let reader = self.readers.get_mut(conn)?;
                let from = reader.subscribe(seq, session, *after, lag(*conn))?;
                Some((*conn, from))
            }
            Output::Unsubscribe { conn, session } => {
                if let Some(reader) = self.readers.get_mut(conn) {
                    reader.end(seq, session, lag(*conn).is_some());
                }
                None
            }
            Output::Unlist { session } => {
                for (conn, reader) in &mut self.readers {
                    reader.end(seq, session, lag(*conn).is_some());
                }
                None
            }
            Output::Deliver { .. }
            | Output::SetInterest { .. }
            | Output::Ask(_)
            | Output::Query { .. }
            | Output::Exit => None,
        }
    }

    /// Where to go on serving a lagging connection, given the place that the transport knows.
    pub(super) fn position(&mut self, conn: ConnId, cursor: Seq) -> Option<Seq> {
        let reader = self.readers.get_mut(&conn)?;
        Some(*reader.position.get_or_insert(cursor))
    }

    /// Whether a lagging connection wants the session's event of this place.
    pub(super) fn wants(&self, conn: ConnId, session: &str, cursor: Seq) -> bool {
        self.readers.get(&conn).and_then(|reader| reader.sessions.get(session)).is_some_and(
            |span| span.after < cursor && span.until.is_none_or(|until| cursor <= until),
        )
    }

    /// What a lagging connection cannot be served any more, because the journal begins at `first`:
    /// sessions, each with the first and the last place that may have been missed.
    pub(super) fn lose(&mut self, conn: ConnId, first: Seq) -> Vec<(Text, Seq, Seq)> {
        let Some(reader) = self.readers.get_mut(&conn) else { return Vec::new() };
        let before = Seq(first.0.saturating_sub(1));
        let mut lost = Vec::new();
        for (session, span) in &mut reader.sessions {
            let upto = span.until.map_or(before, |until| until.min(before));
            if span.after < upto {
                lost.push((session.clone(), Seq(span.after.0.saturating_add(1)), upto));
                span.after = upto;
            }
        }
        lost
    }

    /// A lagging connection has been served up to this place.
    pub(super) fn served(&mut self, conn: ConnId, position: Seq) {
        if let Some(reader) = self.readers.get_mut(&conn) {
            reader.position = Some(position);
        }
    }

    /// A lagging connection has been served everything: it reads along again.
    pub(super) fn caught_up(&mut self, conn: ConnId) {
        if let Some(reader) = self.readers.get_mut(&conn) {
            reader.position = None;
            reader.sessions.retain(|_, span| span.until.is_none());
        }
    }
}

impl Reader {
    /// A subscription at `seq`. Returns from where to read the journal if older events are wanted.
    fn subscribe(
        &mut self,
        seq: Seq,
        session: &Text,
        after: Option<Seq>,
        lag: Option<Seq>,
    ) -> Option<Seq> {
        let Some(after) = after.filter(|after| *after < seq) else {
            // A subscription that goes on keeps its span: what it still has to get is not lost.
            let goes_on = self.sessions.get(session).is_some_and(|span| span.until.is_none());
            if !goes_on {
                self.sessions.insert(session.clone(), Span { after: seq, until: None });
            }
            return None;
        };
        // Everything else has been delivered up to here, and must not be delivered again.
        let position = self.position.or(lag).unwrap_or(seq);
        for span in self.sessions.values_mut() {
            span.after = span.after.max(position);
        }
        self.sessions.insert(session.clone(), Span { after, until: None });
        let from = after.min(position);
        self.position = Some(from);
        Some(from)
    }

    /// A subscription ends at `seq`. A connection that lags still gets what came before.
    fn end(&mut self, seq: Seq, session: &str, lags: bool) {
        if !lags && self.position.is_none() {
            self.sessions.remove(session);
        } else if let Some(span) = self.sessions.get_mut(session)
            && span.until.is_none()
        {
            span.until = Some(seq);
        }
    }
}

#[cfg(test)]
mod tests;
