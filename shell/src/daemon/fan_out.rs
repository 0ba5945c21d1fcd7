//! Frames for many connections: each is written once, and handed to those it is for at the end of the
//! turn, so that a connection costs a step per turn and not one per frame, and one that gets nothing
//! costs nothing.

use std::collections::BTreeMap;

use pi_server_core::audience::Audiences;
use pi_server_core::input::Interest;
use pi_server_core::{ConnId, Seq, Text};

use super::links::Links;
use crate::net::{Entry, Net};

/// Frames of this turn that have not been handed to everyone they are for.
#[derive(Debug, Default)]
pub(super) struct FanOut {
    /// Announcements, for the connections that do not want every lifecycle frame.
    announcements: Vec<Entry>,
    /// Lifecycle frames of a session, for the connections that want those of their sessions.
    sessions: BTreeMap<Text, Vec<Entry>>,
}

impl FanOut {
    /// Nothing to be handed out.
    pub(super) fn new() -> FanOut {
        FanOut::default()
    }

    /// Sends an announcement to everyone.
    pub(super) fn announce(&mut self, seq: Seq, json: &[u8], net: &mut Net) {
        add(&mut self.announcements, net.broadcast(seq, json));
    }

    /// Sends a lifecycle frame. `owner` is the connection that has sent the command, with what it wants.
    pub(super) fn lifecycle(
        &mut self,
        (seq, json): (Seq, &[u8]),
        owner: Option<(ConnId, Interest)>,
        session: Option<&Text>,
        (audiences, links, net): (&Audiences, &Links, &mut Net),
    ) {
        let entry = net.broadcast(seq, json);
        if let Some(session) = session
            && audiences.related(session).next().is_some()
        {
            match self.sessions.get_mut(session) {
                Some(entries) => add(entries, entry),
                None => drop(self.sessions.insert(session.clone(), vec![entry])),
            }
        }
        let Some((owner, interest)) = owner else { return };
        let comes_anyway = match interest {
            Interest::All => true,
            Interest::Related => session.is_some_and(|id| audiences.is_subscribed(owner, id)),
            Interest::Own => false,
            Interest::Nothing => return,
        };
        let Some(link) = links.link(owner) else { return };
        net.own(link, entry);
        if !comes_anyway {
            net.give(link, &[entry]);
        }
    }

    /// Hands everything to everyone it is for. At the end of the turn, and before it changes who that
    /// is.
    pub(super) fn hand_out(&mut self, audiences: &Audiences, links: &Links, net: &mut Net) {
        if !self.announcements.is_empty() {
            for link in audiences.choosy().filter_map(|conn| links.link(conn)) {
                net.give(link, &self.announcements);
            }
            self.announcements = Vec::new();
        }
        if self.sessions.is_empty() {
            return;
        }
        let (sessions, entries): (Vec<Text>, Vec<Vec<Entry>>) =
            std::mem::take(&mut self.sessions).into_iter().unzip();
        for (wanted, conns) in groups(&sessions, audiences) {
            let merged = merge(wanted.iter().filter_map(|index| entries.get(*index)));
            for link in conns.into_iter().filter_map(|conn| links.link(conn)) {
                net.give(link, &merged);
            }
        }
    }
}

/// Groups the connections that are sent something of these sessions by the sessions, so that what several
/// want alike is put in order once.
fn groups(sessions: &[Text], audiences: &Audiences) -> BTreeMap<Vec<usize>, Vec<ConnId>> {
    let mut wanted: BTreeMap<ConnId, Vec<usize>> = BTreeMap::new();
    for (index, session) in sessions.iter().enumerate() {
        for conn in audiences.related(session) {
            wanted.entry(conn).or_default().push(index);
        }
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<ConnId>> = BTreeMap::new();
    for (conn, sessions) in wanted {
        groups.entry(sessions).or_default().push(conn);
    }
    groups
}

/// Puts the frames of several sessions in their order; neighbours become one.
fn merge<'a>(lists: impl Iterator<Item = &'a Vec<Entry>>) -> Vec<Entry> {
    let mut all: Vec<Entry> = lists.flatten().copied().collect();
    all.sort();
    let mut merged = Vec::new();
    for entry in all {
        add(&mut merged, entry);
    }
    merged
}

/// Adds an entry to a list, as part of the last one if nothing lies between them.
fn add(entries: &mut Vec<Entry>, entry: Entry) {
    if !entries.last_mut().is_some_and(|last| last.extend(entry)) {
        entries.push(entry);
    }
}
