//! Exactly once: finding the ids of mutations that the state remembers no longer. PROTOCOL.md 6.2.
//!
//! A *mutation* is a command whose class is not read. The state stores the outcomes of the last ones;
//! the journal has all of them. An id is looked for before its command is journaled, and the input
//! carries what was found, so that the state machine stays pure. The places, newest first:
//!
//! 1. the state itself: in flight, or stored;
//! 2. [`RecentIds`]: what ended behind the last segment that is indexed, in memory;
//! 3. [`IdFile`]: one file of ids for each segment, made by the keeper, searched on a thread.
//!
//! Nearly every id is new, so an [`IdFilter`] stands before the third place: one read of 64 bytes
//! says of most ids that no file has them. It is one-sided: what it denies is in no file; what it does not
//! deny, and everything while there is no filter, is searched for. While that goes on only the
//! connection that sent the id waits ([`Paused`]). A search that cannot answer is `busy`, never a run.

mod file;
mod filter;
mod gate;
mod paused;
mod recent;
mod remembered;
mod search;
mod stored;

pub(super) use file::{IdFile, build, unreadable};
pub(super) use filter::{FilterBuilder, IdFilter, filter_bytes};
pub(super) use gate::{Ids, LookUp, Searched};
pub(super) use recent::RecentIds;
pub(super) use search::Search;
