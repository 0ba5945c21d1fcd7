//! What a connection was sent, byte for byte.
//!
//! Outputs are resolved and rendered by the same pure functions that the daemon uses. What the
//! journal does not know is how fast the client read: one that lagged may have been told of a gap
//! in place of some lifecycle frames, and got events that it missed later than shown here.

use std::io::Write;
use std::ops::ControlFlow;

use pi_server_core::audience::Audiences;
use pi_server_core::frame::Frame;
use pi_server_core::input::InputKind;
use pi_server_core::output::{Audience, Output};
use pi_server_core::record::{Place, RECORD_HEADER_BYTES};
use pi_server_core::state::ConnView;
use pi_server_core::wire::{Bodies, render};
use pi_server_core::{BodyRef, ConnId, Seq, State, Text};

use super::Range;
use crate::pack::Packs;
use crate::play::{Ending, PlayError, Played, Player};
use crate::source::Source;
use crate::times::Iso;

/// Writes every frame that was addressed to a connection by the steps in `range`, one a line; with
/// `json`, an object a line that has the frame in `frame` and the step in `seq`, `at` and `time`. `progress` is
/// called with the number of inputs.
///
/// # Errors
/// The journal cannot be read or has no such connection, or the result cannot be written.
pub fn frames(
    source: &Source,
    conn: ConnId,
    range: Range,
    json: bool,
    progress: &mut dyn FnMut(u64),
    out: &mut dyn Write,
) -> Result<Ending, PlayError> {
    let player = Player::open(source)?;
    // A connection from before is known if it is open where the journal begins.
    let mut opened = player.whose().client(conn).is_some();
    let first = Seq(player.seq().0 + 1);
    let none = |last: Seq| PlayError::NoConnection { conn: conn.0, first, last };
    if !opened && conn.0 <= player.seq().0 {
        return Err(none(player.seq()));
    }
    let packs = if player.begins().is_some() { Packs::read(source)? } else { Packs::default() };
    let mut sent = Sent {
        source,
        conn,
        range,
        json,
        out,
        audiences: audiences_of(player.state()),
        events: Vec::new(),
        places: Vec::new(),
        packs,
        frame: Vec::new(),
    };
    let ending = player.run(|played| {
        let is_it = played.input.seq.0 == conn.0;
        if is_it && !matches!(played.input.kind, InputKind::Opened(_)) {
            return Err(none(played.input.seq));
        }
        opened |= is_it;
        progress(played.input.seq.0);
        sent.step(played)?;
        let is_last = range.ends_at(played.input.seq);
        Ok(if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if opened { Ok(ending) } else { Err(ending.not_found(none(ending.last))) }
}

/// Who gets which frames, as a state has it.
fn audiences_of(state: &State) -> Audiences {
    let mut audiences = Audiences::new();
    for ConnView { conn, client: _, interest, subscriptions } in state.connections() {
        audiences.apply(&Output::Admit { conn });
        audiences.apply(&Output::SetInterest { conn, interest });
        for session in subscriptions {
            let session = session.clone();
            audiences.apply(&Output::Subscribe { conn, session, after: None });
        }
    }
    audiences
}

struct Sent<'a> {
    source: &'a Source,
    conn: ConnId,
    range: Range,
    json: bool,
    out: &'a mut dyn Write,
    audiences: Audiences,
    /// Every event so far, for a subscription that catches up.
    events: Vec<(Seq, Frame)>,
    /// Where the records with bodies are, by their number.
    places: Vec<(Seq, Place)>,
    /// Bodies that were kept of dropped segments.
    packs: Packs,
    frame: Vec<u8>,
}

impl Sent<'_> {
    fn step(&mut self, played: &Played<'_>) -> Result<(), PlayError> {
        let Played { input, item, outputs, .. } = played;
        if matches!(input.kind, InputKind::Boot(_)) {
            // A daemon life has ended, and with it every connection.
            self.audiences.clear();
        }
        if !input.body.is_empty() {
            self.places.push((input.seq, item.place));
        }
        for output in *outputs {
            self.audiences.apply(output);
            match output {
                Output::Deliver { to, frame } => {
                    if let (Audience::Subscribers(_), Some(cursor)) = (to, frame.cursor()) {
                        self.events.push((cursor, frame.clone()));
                    }
                    let mut mine = false;
                    self.audiences.resolve(to, frame, |conn| mine |= conn == self.conn);
                    if mine {
                        self.send(frame, played)?;
                    }
                }
                Output::Subscribe { conn, session, after: Some(after) } if *conn == self.conn => {
                    self.catch_up(session, *after, played)?;
                }
                Output::Subscribe { .. }
                | Output::Admit { .. }
                | Output::Leave { .. }
                | Output::Unsubscribe { .. }
                | Output::Unlist { .. }
                | Output::SetInterest { .. }
                | Output::Ask(_)
                | Output::Query { .. }
                | Output::Exit => {}
            }
        }
        Ok(())
    }

    /// The events that a subscription with a cursor asked for.
    fn catch_up(
        &mut self,
        session: &Text,
        after: Seq,
        played: &Played<'_>,
    ) -> Result<(), PlayError> {
        let begin = self.events.partition_point(|(cursor, _)| *cursor <= after);
        let missed: Vec<Frame> = self.events[begin..]
            .iter()
            .map(|(_, frame)| frame)
            .filter(|frame| frame.session() == Some(session))
            .cloned()
            .collect();
        missed.iter().try_for_each(|frame| self.send(frame, played))
    }

    fn send(&mut self, frame: &Frame, played: &Played<'_>) -> Result<(), PlayError> {
        let Played { input, .. } = played;
        if !self.range.contains(input.seq) {
            return Ok(());
        }
        let body = match frame.body() {
            Some(body) => Loaded { body, bytes: self.load(body, played)? },
            None => Loaded { body: BodyRef::default(), bytes: None },
        };
        self.frame.clear();
        render(frame, &body, &mut self.frame);
        if self.json {
            let (seq, at, time) = (input.seq, input.at, Iso(played.state.wall(input.at)));
            write!(self.out, r#"{{"seq":{seq},"at":{at},"time":"{time}","frame":"#)?;
            self.out.write_all(&self.frame)?;
            self.out.write_all(b"}\n")?;
        } else {
            self.out.write_all(&self.frame)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// The bytes of a body of any age; `None` if it was erased.
    fn load(&self, body: BodyRef, played: &Played<'_>) -> Result<Option<Vec<u8>>, PlayError> {
        if body == played.input.body {
            return Ok(played.item.body().map(<[u8]>::to_vec));
        }
        let Ok(index) = self.places.binary_search_by_key(&body.seq, |(seq, _)| *seq) else {
            return Ok(self.packs.body(body).map(<[u8]>::to_vec));
        };
        let (_, place) = self.places[index];
        let offset = u64::try_from(place.offset).unwrap_or(u64::MAX);
        let mut head = [0; RECORD_HEADER_BYTES];
        self.source.read_part(place.segment, offset, &mut head)?;
        let Some(header) = pi_server_core::record::peek(&head, 0) else { return Ok(None) };
        if header.erased || header.body_ref() != body {
            return Ok(None);
        }
        let at = offset + RECORD_HEADER_BYTES as u64 + u64::from(header.input_len);
        let mut bytes = vec![0; usize::try_from(header.body_len).unwrap_or(usize::MAX)];
        self.source.read_part(place.segment, at, &mut bytes)?;
        Ok(Some(bytes))
    }
}

/// The body of one frame.
struct Loaded {
    body: BodyRef,
    bytes: Option<Vec<u8>>,
}

impl Bodies for Loaded {
    fn body(&self, body: BodyRef) -> Option<&[u8]> {
        if body.is_empty() {
            return Some(&[]);
        }
        if body == self.body { self.bytes.as_deref() } else { None }
    }
}
