//! The indexes of the history: one for each segment, made when it is fed, and made again where it is
//! missing or damaged.

use std::collections::BTreeSet;

use pi_server_core::record::Cursor;

use super::{Covered, HISTORY_DIR, Past, Trouble, Worker, history, identity};

impl Worker {
    /// Writes the index of the segment that was fed last, and the file of its ids; then the filter
    /// may say of the ids in it that they are in none.
    pub(super) fn index(&mut self, cursor: &Cursor, past: &mut Past) -> Result<(), Trouble> {
        self.write_index(cursor, past)?;
        self.extend_filter(cursor.segment)?;
        let Cursor { segment, seq, .. } = *cursor;
        self.shared.report().indexed = Covered { segment, seq };
        Ok(())
    }

    fn write_index(&mut self, cursor: &Cursor, past: &mut Past) -> Result<(), Trouble> {
        let bytes = history::build(cursor, past.history.take_finished());
        let saved = self.archive.save_index(cursor.segment, &bytes);
        saved.map_err(|error| Trouble::Io("write an index of the history", error))?;
        let bytes = identity::build(cursor, past.ids.take());
        let saved = self.archive.save_ids(cursor.segment, &bytes);
        saved.map_err(|error| Trouble::Io("write a file of ids", error))?;
        self.bad_indexes.remove(&cursor.segment);
        Ok(())
    }

    /// Makes the indexes that are missing or damaged of the segments up to `upto`.
    pub(super) fn mend(&mut self, upto: u64) -> Result<(), Trouble> {
        let failed = |error| Trouble::Io("list the indexes of the history", error);
        let segments = self.archive.segments().map_err(failed)?;
        let mut there: BTreeSet<u64> =
            self.archive.indexes().map_err(failed)?.into_iter().collect();
        let ids: BTreeSet<u64> = self.archive.ids().map_err(failed)?.into_iter().collect();
        there.retain(|segment| ids.contains(segment));
        self.bad_indexes.retain(|segment| segments.contains(segment));
        let mut wanted: BTreeSet<u64> = segments
            .into_iter()
            .filter(|segment| *segment <= upto && !self.given_up.contains(segment))
            .filter(|segment| !there.contains(segment) || self.bad_indexes.contains(segment))
            .collect();
        while let Some(segment) = wanted.first().copied() {
            let (mut cursor, mut past) = self.base(segment - 1)?;
            while let Some(last) = wanted.last().filter(|last| **last > cursor.segment) {
                // Where a snapshot is nearer to the next one, it is fed from there.
                let next = wanted.range(cursor.segment + 1..=*last).next();
                if next.is_some_and(|next| *next > cursor.segment + 1 && *next > segment) {
                    break;
                }
                if let Err(trouble) = self.feed(&mut cursor, &mut past) {
                    self.give_up(segment, &trouble);
                    return Err(trouble);
                }
                if wanted.remove(&cursor.segment) {
                    self.write_index(&cursor, &mut past)?;
                } else {
                    past.history.take_finished();
                    past.ids.take();
                }
            }
        }
        Ok(())
    }

    /// A segment that cannot be fed will not be by trying again.
    fn give_up(&mut self, segment: u64, trouble: &Trouble) {
        if matches!(trouble, Trouble::Read(_)) {
            self.given_up.insert(segment);
            pi_server_system::report!("pi-server: {HISTORY_DIR}/{segment:08}.idx cannot be made");
            self.give_up_ids(segment);
        }
    }
}
