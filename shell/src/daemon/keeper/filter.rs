//! The filter over the ids in all segments: added to with each segment, and made anew from the files
//! of ids where it is missing, damaged, too small, or mostly about segments that are gone.

use super::super::identity::{self, FilterBuilder, IdFile, IdFilter};
use super::{Trouble, Worker};

impl Worker {
    /// Adds the ids of the segment whose file was just written, if there is a filter of all segments
    /// before it. Without one, all ids are searched for until there is.
    pub(super) fn extend_filter(&mut self, segment: u64) -> Result<(), Trouble> {
        let failed = |error| Trouble::Io("list the segments", error);
        let Some(first) = self.archive.segments().map_err(failed)?.first().copied() else {
            return Ok(());
        };
        let Ok(file) = IdFile::open(&self.archive, segment) else { return Ok(()) };
        let builder = if first == segment {
            Some(FilterBuilder::new(first, file.count(), self.filter_bytes_max()))
        } else {
            IdFilter::open_newest(&self.archive)
                .filter(|filter| filter.last() + 1 == segment && filter.is_of(first))
                .and_then(|filter| filter.extend(file.count(), self.filter_bytes_max()))
        };
        let Some(mut builder) = builder else { return Ok(()) };
        if file.hashes(|hash| builder.add(hash)).is_err() {
            return Ok(());
        }
        self.save_filter(builder, segment)
    }

    /// Makes what is missing or damaged of the segments up to `last`: indexes, files of ids, and the
    /// filter.
    pub(super) fn mend_ids(&mut self, last: u64) -> Result<(), Trouble> {
        self.mend(last)?;
        if !self.refresh_filter(last)? {
            // A file of ids turned out to be damaged.
            self.mend(last)?;
            self.refresh_filter(last)?;
        }
        Ok(())
    }

    /// Makes the filter of the segments up to `last` anew from their files, unless there is a good
    /// one. Returns false if a file cannot be used, which is then to be made anew.
    fn refresh_filter(&mut self, last: u64) -> Result<bool, Trouble> {
        let failed = |error| Trouble::Io("list the segments", error);
        let mut segments = self.archive.segments().map_err(failed)?;
        segments.retain(|segment| *segment <= last);
        let Some(first) = segments.first().copied() else { return Ok(true) };
        let newest = IdFilter::open_newest(&self.archive);
        let newest = newest.filter(|filter| filter.last() == last && filter.is_of(first));
        if !self.bad_filter && newest.is_some() {
            return Ok(true);
        }
        // One after the other, twice: there may be more files than may be open.
        let mut count = 0;
        for segment in &segments {
            match IdFile::open(&self.archive, *segment) {
                Ok(file) => count += file.count(),
                Err(_) => return Ok(self.is_bad(*segment)),
            }
        }
        let mut builder = FilterBuilder::new(first, count, self.filter_bytes_max());
        for segment in segments {
            let file = IdFile::open(&self.archive, segment);
            if file.and_then(|file| file.hashes(|hash| builder.add(hash))).is_err() {
                return Ok(self.is_bad(segment));
            }
        }
        self.save_filter(builder, last)?;
        self.bad_filter = false;
        Ok(true)
    }

    /// Has the file of a segment's ids made anew. Always false: it cannot be used.
    fn is_bad(&mut self, segment: u64) -> bool {
        self.bad_indexes.insert(segment);
        false
    }

    /// A segment that cannot be read any more has no ids: the journal does not hold them.
    pub(super) fn give_up_ids(&mut self, segment: u64) {
        let Ok(tag) = self.archive.tag_behind(segment) else { return };
        let bytes = identity::unreadable(self.archive.journal(), segment, tag);
        if self.archive.save_ids(segment, &bytes).is_ok() {
            pi_server_system::report!(
                "pi-server: ids of commands in segment {segment} are not known any more"
            );
        }
    }

    fn save_filter(&mut self, builder: FilterBuilder, last: u64) -> Result<(), Trouble> {
        let failed = |error| Trouble::Io("write the filter of ids", error);
        let tag = self.archive.tag_behind(last).map_err(failed)?;
        let (head, bits) = builder.finish(self.archive.journal(), last, tag);
        self.archive.save_filter(last, [&head, &bits]).map_err(failed)?;
        let mut report = self.shared.report();
        (report.filter, report.filters) = (last, report.filters + 1);
        Ok(())
    }

    fn filter_bytes_max(&self) -> u64 {
        identity::filter_bytes(self.retention.bytes)
    }
}
