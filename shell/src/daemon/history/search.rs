//! Answering `get_command_history`: what the loop has in memory, and then the indexes of segments,
//! newest first, as far as the page wants.
//!
//! An index that is damaged or missing is never answered without: the search says so, and the keeper
//! makes it again.

use std::cmp::Reverse;

use pi_server_core::Seq;
use pi_server_core::input::HistoryFilter;
use serde_json::{Map, Value, json};

use super::Tail;
use super::entry::Entry;
use super::index::Index;
use super::pages::Damage;
use crate::journal::Archive;

/// Largest page.
const PAGE_MAX: u32 = 500;

/// How many commands are wanted.
pub(super) fn page(filter: &HistoryFilter) -> usize {
    usize::try_from(filter.limit.clamp(1, PAGE_MAX)).unwrap_or(usize::MAX - 1)
}

/// A question, with what the loop knows about it.
#[derive(Debug)]
pub(in crate::daemon) struct Search {
    pub(in crate::daemon) filter: HistoryFilter,
    pub(in crate::daemon) tail: Tail,
}

/// The index of a segment that is needed for an answer and cannot be used.
#[derive(Debug)]
pub(in crate::daemon) struct Damaged {
    pub(in crate::daemon) segment: u64,
    pub(in crate::daemon) damage: Damage,
}

impl Search {
    /// The `data` of the response.
    ///
    /// # Errors
    /// An index that is needed cannot be used.
    pub(in crate::daemon) fn answer(
        self,
        archive: &Archive,
        journal_path: &str,
    ) -> Result<Value, Damaged> {
        let Search { filter, mut tail } = self;
        let wanted = page(&filter);
        let mut entries = std::mem::take(&mut tail.entries);
        let first = collect(archive, &filter, &tail, wanted + 1, &mut entries)?;
        let more = entries.len() > wanted;
        entries.truncate(wanted);
        let is_cut = first.0 > 1 || tail.missing.is_some();
        let mut data = json!({
            "enabled": true,
            "initialized": true,
            "initState": "ready",
            "journalPath": journal_path,
            "schemaVersion": 1,
            "filters": filters(&filter),
            "entries": entries.iter().map(Entry::render).collect::<Vec<_>>(),
            "returned": entries.len(),
            "truncated": more || is_cut,
            "maxItemsReturned": wanted,
            "maxItemsAllowed": PAGE_MAX,
        });
        if more && let Some(last) = entries.last() {
            data["nextCursor"] = json!(last.command.0);
        }
        if first.0 > 1 {
            data["oldestSeq"] = json!(first.0);
        }
        if let Some(missing) = tail.missing {
            data["missing"] = json!({ "fromSeq": missing.start(), "toSeq": missing.end() });
        }
        Ok(data)
    }
}

/// Adds what the indexes have, so that `entries` are the newest `wanted`, newest first. The first
/// input whose segment is still there.
fn collect(
    archive: &Archive,
    filter: &HistoryFilter,
    tail: &Tail,
    wanted: usize,
    entries: &mut Vec<Entry>,
) -> Result<Seq, Damaged> {
    let unlisted = |error| Damaged { segment: 0, damage: Damage::Io(error) };
    let segments = archive.segments().map_err(unlisted)?;
    let mut first = tail.first;
    let covered = segments.into_iter().filter(|segment| *segment <= tail.covered.segment);
    let covered: Vec<u64> = covered.collect();
    for segment in covered.into_iter().rev() {
        let failed = |damage| Damaged { segment, damage };
        // What ended in this segment or before it was admitted before the segment's end.
        let floor = entries.get(wanted - 1).map_or(0, |entry| entry.command.0);
        let index = match Index::open(archive, segment) {
            Ok(index) => index,
            Err(damage) => {
                // Dropped since they were listed: everything before it is gone too.
                let is_there = archive.segments().map_err(unlisted)?.contains(&segment);
                if is_there {
                    return Err(failed(damage));
                }
                first = first.max(Seq(archive.first_input(segment + 1).unwrap_or(first.0)));
                break;
            }
        };
        if floor >= index.seq().0 {
            break;
        }
        if floor >= index.newest() {
            continue;
        }
        index.search(filter, wanted, floor, entries).map_err(failed)?;
        entries.sort_unstable_by_key(|entry| Reverse(entry.command));
        entries.truncate(wanted);
    }
    Ok(first)
}

/// The filters that were given, under their names on the wire.
fn filters(filter: &HistoryFilter) -> Value {
    let HistoryFilter { session, command, kind, success, from_ms, to_ms, limit: _, before } =
        filter;
    let mut given = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            given.insert(key.to_owned(), value);
        }
    };
    set("sessionIdFilter", session.as_deref().map(Value::from));
    set("commandId", command.as_deref().map(Value::from));
    set("commandType", kind.map(|kind| kind.row().name.into()));
    set("outcome", success.map(|success| if success { "succeeded" } else { "failed" }.into()));
    set("fromTimestamp", from_ms.map(Value::from));
    set("toTimestamp", to_ms.map(Value::from));
    set("cursor", before.map(|before| before.0.into()));
    Value::Object(given)
}
