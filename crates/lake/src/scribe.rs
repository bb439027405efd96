//! Changes in, rows out: what the log says, as rows of every table.
//!
//! Rows are a function of the log and of [`Terms`]: where it is cut into stretches, what is
//! remembered of earlier changes and when it is done make no difference.
//!
//! Never: where an order stands now. A row says what was so when its change had happened.

mod batches;
mod events;
mod orders;
mod rejects;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use domain::id::RuleId;
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use roaring::RoaringTreemap;
use service::change::{Change, Seq, What};
use service::ledger::{Ledger, Unavailable};

use crate::cell::Exact;
use crate::order::{Order, OrderChange};
use crate::recent::Recent;
use crate::rows::{Day, MakeRows, Rows};
use crate::table::Table;
use crate::tables::{Draft, stock_movements};

/// What rows depend on besides the log: the installation's, and the same for ever.
#[derive(Clone)]
pub struct Terms {
    /// Decimals of the currency (ISO 4217), at most 4.
    pub exponent: u32,
    /// The currency (ISO 4217).
    pub currency: Box<str>,
    /// The zone of dates in documents that name none.
    pub time_zone: TimeZone,
    /// What customers' pseudonyms are made with. With another key the same customer is somebody
    /// else: the lake is then to be made anew.
    pub pseudonyms: [u8; 32],
}

/// Rows of a table that are one batch at most, give or take those of one change: some megabytes,
/// far from what an Arrow text column can hold.
const BATCH_ROWS: usize = 65_536;

/// Most rule sets whose ids are kept; an installation has a handful, and batches one each.
const RULE_SETS_MAX: usize = 64;

/// Makes rows of changes.
pub struct Scribe {
    ledger: Arc<dyn Ledger>,
    terms: Terms,
    recent: Recent,
    rules: RuleIds,
    from: u64,
    until: u64,
    newest: Option<Timestamp>,
    day: Day,
    draft: Draft,
    batches: Vec<(Table, Day, RecordBatch)>,
    superseded: RoaringTreemap,
}

impl Scribe {
    /// Begins behind `until`, a change or 0. Earlier changes of orders are read from `ledger`, in
    /// whose log the changes are.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, terms: Terms, until: u64) -> Self {
        Self {
            ledger,
            terms,
            recent: Recent::default(),
            rules: RuleIds::default(),
            from: until,
            until,
            newest: None,
            day: Day(i32::MIN),
            draft: Draft::default(),
            batches: Vec::new(),
            superseded: RoaringTreemap::new(),
        }
    }

    /// Rows that were not taken yet, of all tables.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.draft.rows() + self.batches.iter().map(|(_, _, batch)| batch.num_rows()).sum::<usize>()
    }

    fn write(&mut self, seq: Seq, change: &Change) -> Result<(), Unavailable> {
        match &change.what {
            What::Order { .. } => return self.order(seq, change),
            What::Stock { stock, on_hand, reason } => {
                self.draft.stock_movements.push(stock_movements::StockMovement {
                    sequence: number(seq),
                    position: 1,
                    at: change.at,
                    merchant_id: stock.merchant.as_str(),
                    sku: stock.sku.as_str(),
                    on_hand: *on_hand,
                    reserved: 0,
                    waiting: 0,
                    order_id: None,
                    reason: "adjusted",
                    note: Some(reason).map(|reason| &**reason).filter(|reason| !reason.is_empty()),
                });
            }
            What::Batch(batch) => {
                self.superseded.extend(batch.previous.map(|seq| seq.0));
                batches::write(&mut self.draft, seq, batch);
            }
            What::Audit(audit) => rejects::audit(&mut self.draft, seq, change.at, audit),
            What::Flood(flood) => rejects::flood(&mut self.draft, seq, change.at, flood),
            What::Stray(stray) => rejects::stray(&mut self.draft, seq, change.at, stray),
            What::Letter(letter) => rejects::letter(&mut self.draft, seq, change.at, letter),
            What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Rules { .. }
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Kept(_)
            | What::Settled(_)
            | What::Sweep(_) => {}
        }
        Ok(())
    }

    /// An order's change: its events, what they moved, and the version they make.
    fn order(&mut self, seq: Seq, change: &Change) -> Result<(), Unavailable> {
        let Some((change, first)) = OrderChange::of(seq, change) else { return Ok(()) };
        let zone = &self.terms.time_zone;
        // Everything that can fail comes before the first row.
        let mut order = match first {
            None => Box::new(Order::begin(&change)?),
            Some(first) => match self.recent.take(first) {
                Some(order) => order,
                None => Box::new(Order::read(&*self.ledger, first, seq, zone)?),
            },
        };
        let pricing = orders::pricing_after(&order, change.events);
        let rules = pricing.map(|p| self.rules.of(&*self.ledger, p.rule_set)).transpose()?;

        let before = (order.version > 0).then_some(order.sequence);
        let mut witness = events::Telling::new(&mut self.draft, &change, order.first);
        order.take_in(&change, zone, &mut witness);
        if change.alters() {
            self.superseded.extend(before.map(|seq| seq.0));
            orders::write(&mut self.draft, &self.terms, &order, rules.as_deref());
        }
        self.recent.put(order);
        Ok(())
    }
}

impl MakeRows for Scribe {
    fn until(&self) -> u64 {
        self.until
    }

    fn push(&mut self, seq: Seq, change: &Change) -> Result<(), Unavailable> {
        if seq.0 <= self.until {
            return Ok(());
        }
        let day = Day::of(change.at);
        if day != self.day || self.draft.longest() >= BATCH_ROWS {
            self.draft.seal(self.day, &mut self.batches);
            self.day = day;
        }
        self.write(seq, change)?;
        self.until = seq.0;
        self.newest = Some(change.at);
        Ok(())
    }

    fn take(&mut self) -> Rows {
        self.draft.seal(self.day, &mut self.batches);
        let batches = std::mem::take(&mut self.batches);
        let from = std::mem::replace(&mut self.from, self.until);
        Rows {
            from,
            until: self.until,
            newest: self.newest.take(),
            bytes: batches.iter().map(|(_, _, batch)| batch.get_array_memory_size()).sum(),
            batches,
            superseded: std::mem::take(&mut self.superseded),
        }
    }
}

/// The ids of the rules of sets, by their versions.
#[derive(Default)]
struct RuleIds(HashMap<u64, Arc<[RuleId]>>);

impl RuleIds {
    fn of(&mut self, ledger: &dyn Ledger, version: u64) -> Result<Arc<[RuleId]>, Unavailable> {
        if let Some(ids) = self.0.get(&version) {
            return Ok(ids.clone());
        }
        // Version 0 is before any rules were saved.
        let set = if version == 0 { None } else { ledger.rules(version)? };
        let rules = set.as_ref().map(|set| set.rules.rules()).unwrap_or_default();
        let ids: Arc<[RuleId]> = rules.iter().map(|rule| rule.id.clone()).collect();
        if self.0.len() >= RULE_SETS_MAX {
            self.0.clear();
        }
        self.0.insert(version, ids.clone());
        Ok(ids)
    }
}

/// A sequence as a column has it. A log would be eight exabytes long before one did not fit.
fn number(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// A count as a column has it.
fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Terms {
    fn money(&self, amount: domain::money::Money) -> Option<Exact> {
        Exact::of(amount, self.exponent)
    }
}
