//! The log, for whoever follows it: changes in their order, from an index that is spread.
//!
//! Never: a change before one that may still come. What is younger than the settings say is not
//! shown yet, nor what stands behind a commit that is not decided.

use std::collections::BTreeMap;

use service::change::{Change, Seq};
use service::ledger::Unavailable;
use service::view::{Base, Direction, Read};

use super::item::{Item, Key, maybe_number};
use super::position::of_ms;
use super::rows::Rows;
use super::{Shared, base, keys, staged};

/// Changes of one page of a scan.
const SCANNED_AT_ONCE: usize = 1_000;
/// Changes whose bodies are read at a time: about as many as fit an answer in memory.
const READ_AT_ONCE: usize = 1_000;

/// Some of the log. What commits that came to nothing left there is not among it.
struct Page {
    changes: Vec<(Seq, Change)>,
    /// What was looked at last, where there may be more behind it.
    next: Option<Seq>,
}

impl Shared {
    /// Changes after `after`, oldest first.
    pub(super) fn read_changes(
        &self,
        after: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<(Seq, Change)>, Unavailable> {
        if let Some(after) = after
            && self.rows().row(&keys::change(after))?.is_none()
        {
            return Err(Unavailable::Cursor);
        }
        let (mut found, mut from) = (Vec::new(), after);
        while found.len() < limit {
            let page = self.page(from, (limit - found.len()).min(READ_AT_ONCE))?;
            found.extend(page.changes);
            if page.next.is_none() {
                break;
            }
            from = page.next;
        }
        Ok(found)
    }

    /// Shows changes from `from` up to `until`.
    pub(super) fn scan_changes(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Seq, Change),
    ) -> Result<(), Unavailable> {
        let mut after = from.0.checked_sub(1).map(Seq);
        loop {
            let page = self.page(after, SCANNED_AT_ONCE)?;
            for (seq, change) in page.changes {
                if seq >= until {
                    return Ok(());
                }
                visit(seq, change);
            }
            if page.next.is_none() {
                return Ok(());
            }
            after = page.next;
        }
    }

    /// Where what is old enough ends.
    fn settled(&self) -> Option<Seq> {
        let settle = i64::try_from(self.settings.settle.as_micros()).unwrap_or(i64::MAX);
        if settle == 0 {
            return None;
        }
        let until = (self.settings.clock)().0.saturating_sub(settle).max(0) / 1_000;
        u64::try_from(until).ok().map(of_ms)
    }

    fn page(&self, after: Option<Seq>, limit: usize) -> Read<Page> {
        let rows = self.rows();
        let mut seqs = rows.log(after, limit)?;
        let mut next = seqs.last().copied().filter(|_| seqs.len() == limit);
        if let Some(until) = self.settled() {
            seqs.retain(|seq| *seq < until);
            next = next.filter(|next| *next < until);
        }
        let places: Vec<Key> = seqs.iter().map(|seq| keys::change(*seq)).collect();
        rows.fetch(places.clone())?;
        let mut changes = Vec::with_capacity(seqs.len());
        for (seq, place) in seqs.into_iter().zip(places) {
            let Some(row) = rows.row(&place)? else {
                if self.is_open(&rows, &place)? {
                    next = None;
                    break;
                }
                continue; // its commit came to nothing
            };
            let whole = maybe_number::<usize>(&row, "parts")? == Some(1);
            let change = if whole {
                base::read_change(std::slice::from_ref::<Item>(&row))
            } else {
                rows.change(seq)
            };
            changes.push((seq, change?));
        }
        Ok(Page { changes, next })
    }

    /// Whether a commit that is not decided has a change there. One that nobody is at any more is
    /// ended, so that nobody waits for it.
    fn is_open(&self, rows: &Rows<'_>, place: &Key) -> Read<bool> {
        let now = (self.settings.clock)();
        let Some(row) = rows.door.get(vec![place.clone()])?.pop() else { return Ok(false) };
        let Some(lock) = super::item::maybe_text(&row, "lock") else { return Ok(true) };
        match staged::status(rows.door, lock)? {
            Some(staged::Status::Aborted) => Ok(false),
            Some(staged::Status::Pending { .. } | staged::Status::Committed) | None => {
                if let Err(error) = staged::help(rows.door, lock, now) {
                    tracing::warn!(?error, "commit {lock} could not be ended");
                }
                Ok(true)
            }
        }
    }
}

impl Rows<'_> {
    /// What stands in the log after `after`, oldest first.
    fn log(&self, after: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        let partitions = self.shards_of("LOG");
        let rows = self.indexed(keys::LOG, partitions, Direction::Oldest, after, limit)?;
        let seqs: BTreeMap<Seq, ()> = rows.into_iter().map(|(seq, _)| (seq, ())).collect();
        Ok(seqs.into_keys().collect())
    }
}
