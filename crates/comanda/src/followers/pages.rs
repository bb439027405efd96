//! Reads of the log that several sinks share: those that are at the same place read it once.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use service::change::{Change, Seq};
use service::follow::WINDOW_MAX;
use service::ledger::{Ledger, Unavailable};

/// Pages that are kept: sinks that keep up are at the last one, some that do not at others.
const PAGES_KEPT: usize = 4;
/// Changes read at once: a page of large documents stops soon after its bound.
const CHANGES_PER_READ: usize = 256;
/// A page goes on until it has so many bytes of the log; it holds at least one change.
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// The log, in pages.
pub(super) struct Pages {
    ledger: Arc<dyn Ledger>,
    kept: Mutex<VecDeque<Arc<Changes>>>,
}

/// Changes that follow one another.
pub(super) struct Changes {
    after: Option<Seq>,
    changes: Vec<(Seq, Change)>,
    /// Where the log ended when it was found to have no more.
    end: Option<u64>,
}

impl Changes {
    /// The first of them, at most `limit`.
    pub(super) fn of(&self, limit: usize) -> &[(Seq, Change)] {
        self.changes.get(..limit).unwrap_or(&self.changes)
    }

    /// How many were asked for, as far as whoever counts them is concerned: as many as there
    /// are where there may be more behind them.
    pub(super) fn asked(&self, limit: usize) -> usize {
        if self.end.is_some() { limit } else { limit.min(self.changes.len()) }
    }

    /// Whether it still says all that there is to say at this end of the log.
    fn holds(&self, after: Option<Seq>, end: u64) -> bool {
        self.after == after && self.end.is_none_or(|known| known >= end)
    }
}

impl Pages {
    pub(super) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, kept: Mutex::default() }
    }

    /// Changes after `after`, where the log is known to end at `end` or later.
    pub(super) fn read(
        &self,
        after: Option<Seq>,
        limit: usize,
        end: u64,
    ) -> Result<Arc<Changes>, Unavailable> {
        let mut kept = self.kept.lock();
        if let Some(page) = kept.iter().find(|page| page.holds(after, end)) {
            return Ok(page.clone());
        }
        let page = Arc::new(self.fresh(after, limit, end)?);
        kept.retain(|old| old.after != after);
        kept.truncate(PAGES_KEPT - 1);
        kept.push_front(page.clone());
        Ok(page)
    }

    fn fresh(&self, after: Option<Seq>, limit: usize, end: u64) -> Result<Changes, Unavailable> {
        let (mut changes, most) = (Vec::<(Seq, Change)>::new(), limit.clamp(1, WINDOW_MAX));
        loop {
            let at = changes.last().map_or(after, |(seq, _)| Some(*seq));
            let wanted = CHANGES_PER_READ.min(most - changes.len());
            let some = self.ledger.read(at, wanted)?;
            let is_end = some.len() < wanted;
            changes.extend(some);
            // A change is called by where it stands in the log.
            let ends = changes.first().zip(changes.last());
            let bytes = ends.map_or(0, |((first, _), (last, _))| last.0 - first.0);
            if is_end || changes.len() >= most || bytes >= PAGE_BYTES_MAX {
                return Ok(Changes { after, changes, end: is_end.then_some(end) });
            }
        }
    }
}
