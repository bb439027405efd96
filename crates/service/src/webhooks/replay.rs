//! What an endpoint is to be told again: changes since a time, cut into records of the log.
//!
//! Never: what follows from them. That is selected when the record is read, as for any change.

use domain::time::Timestamp;

use super::{EndpointId, REPLAY_CHANGES_MAX, Replay};
use crate::change::Seq;
use crate::ledger::{By, Ledger, Query, Unavailable};
use crate::letters::{Filter, Kind};
use crate::view::Direction;

/// Most changes of one replay: a thousand records, some seconds of reading.
pub const CHANGES_MAX: usize = 250_000;
/// Changes read at once.
const READ_AT_ONCE: usize = 4_096;

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The records to commit, oldest changes first.
    pub replays: Vec<Replay>,
    /// How many changes they cover.
    pub changes: usize,
    /// Whether there were more than [`CHANGES_MAX`]: then what is left begins at this time.
    pub rest: Option<Timestamp>,
}

/// Most dead letters of one replay.
pub const LETTERS_MAX: usize = 10_000;
/// Letters read at once.
const LETTERS_AT_ONCE: usize = 1_000;

/// The open dead letters of an endpoint's deliveries that were buried from `since` on, and before
/// `until`, oldest first; at most [`LETTERS_MAX`].
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn failed(
    ledger: &dyn Ledger,
    endpoint: &EndpointId,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<Seq>, Unavailable> {
    let filter = Filter {
        kind: Some(Kind::Delivery),
        source: Some(endpoint.sink().into()),
        open: Some(true),
        from: Some(since),
        until: Some(until),
        ..Filter::default()
    };
    let (mut letters, mut after) = (Vec::new(), None);
    loop {
        let page = ledger.letters(&filter, Direction::Oldest, after, LETTERS_AT_ONCE)?;
        letters.extend(page.rows.into_iter().map(|(seq, _)| seq));
        after = page.next;
        if after.is_none() || letters.len() >= LETTERS_MAX {
            letters.truncate(LETTERS_MAX);
            return Ok(letters);
        }
    }
}

/// Cuts the changes from `since` on, and before `until`, into replays.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn plan(
    ledger: &dyn Ledger,
    endpoint: &EndpointId,
    since: Timestamp,
    until: Timestamp,
) -> Result<Plan, Unavailable> {
    let (mut plan, mut after) = (Plan::default(), before(ledger, since)?);
    let mut open: Option<(Option<Seq>, usize)> = None;
    loop {
        let changes = ledger.read(after, READ_AT_ONCE)?;
        let is_last = changes.len() < READ_AT_ONCE;
        for (seq, change) in changes {
            let last = after.replace(seq);
            if change.at < since {
                continue;
            }
            let is_full = plan.changes == CHANGES_MAX;
            if change.at >= until || is_full {
                plan.rest = is_full.then_some(change.at);
                return Ok(plan.closed(endpoint, open, last));
            }
            let (from, count) = open.unwrap_or((last, 0));
            plan.changes += 1;
            open = Some((from, count + 1));
            if count + 1 == REPLAY_CHANGES_MAX {
                plan = plan.closed(endpoint, open.take(), Some(seq));
            }
        }
        if is_last {
            return Ok(plan.closed(endpoint, open, after));
        }
    }
}

impl Plan {
    fn closed(
        mut self,
        endpoint: &EndpointId,
        open: Option<(Option<Seq>, usize)>,
        until: Option<Seq>,
    ) -> Self {
        if let (Some((after, _)), Some(until)) = (open, until) {
            self.replays.push(Replay { endpoint: endpoint.clone(), after, until });
        }
        self
    }
}

/// A change that everything since a time comes behind, not long before it.
fn before(ledger: &dyn Ledger, since: Timestamp) -> Result<Option<Seq>, Unavailable> {
    let query = Query { by: By::All, from: None, until: Some(since), before: None, limit: 1 };
    Ok(ledger.find(&query)?.orders.first().map(|(seq, _)| *seq))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::catalogue::Customer;
    use crate::ledger::{Changes, Request};
    use crate::memory::{MemoryLedger, MemoryLog};
    use crate::serial::Settings;

    /// A ledger with a change a second, from second 1 on.
    fn ledger(changes: usize) -> MemoryLedger {
        let now = AtomicI64::new(0);
        let clock = Arc::new(move || Timestamp(now.fetch_add(500_000, Ordering::Relaxed)));
        let ledger = MemoryLedger::open(MemoryLog::default(), Settings::default(), clock).unwrap();
        let customer = |n: usize| Customer {
            merchant: domain::id::MerchantId::parse("m").unwrap(),
            id: domain::id::CustomerId::parse(&n.to_string()).unwrap(),
            tags: Vec::new(),
        };
        for n in 0..changes {
            let request = vec![Request::PutCustomer(customer(n))];
            pollster::block_on(ledger.execute(request)).unwrap();
        }
        ledger
    }

    fn covered(ledger: &MemoryLedger, plan: &Plan) -> Vec<i64> {
        let mut times = Vec::new();
        for replay in &plan.replays {
            let changes = ledger.read(replay.after, 10_000).unwrap();
            let mine: Vec<_> = changes.iter().take_while(|(seq, _)| *seq <= replay.until).collect();
            assert!(!mine.is_empty() && mine.len() <= REPLAY_CHANGES_MAX);
            times.extend(mine.iter().map(|(_, change)| change.at.0));
        }
        times
    }

    #[test]
    fn a_replay_covers_each_change_of_its_time_once() {
        let ledger = ledger(600);
        let endpoint = EndpointId::parse("ep_1").unwrap();
        let all: Vec<i64> =
            ledger.read(None, 10_000).unwrap().iter().map(|(_, change)| change.at.0).collect();
        for (from, until) in [(0, 600), (1, 2), (17, 17), (100, 356), (100, 357), (599, 600)] {
            let since = Timestamp(all[from]);
            let end = all.get(until).map_or(Timestamp(i64::MAX), |at| Timestamp(*at));
            let plan = plan(&ledger, &endpoint, since, end).unwrap();
            assert_eq!(covered(&ledger, &plan), all[from..until], "{from} {until}");
            assert_eq!((plan.changes, plan.rest), (until - from, None));
        }
        let later = Timestamp(i64::MAX - 1);
        assert_eq!(plan(&ledger, &endpoint, later, Timestamp(i64::MAX)).unwrap(), Plan::default());
    }
}
