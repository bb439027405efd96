//! What the log says: every order folded, stock summed, money added up, change by change. What the
//! ledger says is compared with it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use domain::event::Event;
use domain::evolve::{begin, evolve};
use domain::id::{BatchId, OrderKey, StockKey};
use domain::money::Money;
use domain::pricing::{Pricing, Target};
use domain::state::{ClaimState, OrderState};
use domain::stock::{Movement, Stock};
use domain::time::Timestamp;
use service::change::{self, Change, FRAME_HEADER_BYTES, Seq, What};
use service::letters::{DeadLetter, Identity, Kind};
use service::memory::MemoryLog;
use service::serial::item_of;

use crate::asks::{Open, QUANTITY_MAX};

/// The changes of the whole frames from `position` on, from their bytes.
pub(crate) fn frames(disk: &MemoryLog, position: u64) -> Vec<(Seq, Change)> {
    let (mut at, mut found) = (position as usize, Vec::new());
    while let Some(header) = change::frame_header(&disk.0[at..], at as u64) {
        let start = at + FRAME_HEADER_BYTES;
        let Some(payload) = disk.0.get(start..start + header.payload as usize) else { break };
        for (seq, body) in change::records(payload, start as u64).expect("a whole frame is sound") {
            let change = change::decode(&Bytes::copy_from_slice(body)).expect("a sound record");
            found.push((seq, change));
        }
        at = start + payload.len();
    }
    found
}

/// An order, as its changes come to.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) first: Seq,
    pub(crate) state: OrderState,
}

/// Everything the log says so far.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) orders: BTreeMap<OrderKey, Row>,
    pub(crate) stock: BTreeMap<StockKey, Stock>,
    /// How often each text that is somebody's alone is there.
    pub(crate) texts: BTreeMap<String, u32>,
    /// How often each item of a batch was done.
    pub(crate) items: BTreeMap<(BatchId, u64), u32>,
    pub(crate) strays: usize,
    pub(crate) letters: BTreeMap<Seq, DeadLetter>,
    names: BTreeMap<Identity, Seq>,
    /// Letters that have an end.
    settled: BTreeSet<Seq>,
    /// What each rule set takes off, in percent.
    percents: BTreeMap<u64, i128>,
    /// When each change was made.
    pub(crate) times: BTreeMap<Seq, Timestamp>,
    pub(crate) changes: usize,
}

/// What a change touched, to be compared.
#[derive(Default)]
pub(crate) struct Touched {
    pub(crate) orders: BTreeSet<OrderKey>,
    pub(crate) stock: BTreeSet<StockKey>,
}

impl Told {
    pub(crate) fn take(&mut self, seq: Seq, change: &Change, touched: &mut Touched) {
        self.changes += 1;
        self.times.insert(seq, change.at);
        if let Some(item) = item_of(&change.what) {
            *self.items.entry((item.batch.clone(), item.index)).or_default() += 1;
        }
        match &change.what {
            What::Order { key, first, events, .. } => {
                touched.orders.insert(key.clone());
                events.iter().for_each(|event| prove_money(event, &self.percents));
                self.order(seq, change.at, key, *first, events, touched);
            }
            What::Stock { stock, on_hand, reason } => {
                self.stock.entry(stock.clone()).or_default().on_hand += on_hand;
                touched.stock.insert(stock.clone());
                *self.texts.entry(reason.to_string()).or_default() += 1;
            }
            What::Audit(audit) => {
                for fault in &audit.faults {
                    *self.texts.entry(fault.code.to_string()).or_default() += 1;
                }
            }
            What::Rules { version, source, .. } => {
                self.percents.insert(*version, percent(source));
            }
            What::Stray(_) => self.strays += 1,
            What::Letter(letter) => self.letter(seq, letter),
            What::Settled(settled) => {
                assert!(self.settled.insert(settled.letter), "ended twice: {settled:?}");
            }
            What::Flood(_)
            | What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Kept(_)
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Sweep(_)
            | What::Batch(_) => {}
        }
    }

    fn order(
        &mut self,
        seq: Seq,
        at: Timestamp,
        key: &OrderKey,
        first: Option<Seq>,
        events: &[Event],
        touched: &mut Touched,
    ) {
        let Self { orders, stock, .. } = self;
        if first.is_none() {
            let Some(Event::Received(received)) = events.first() else { panic!("{events:?}") };
            let row = Row { first: seq, state: begin(key.clone(), received, at) };
            assert!(orders.insert(key.clone(), row).is_none(), "two originals of {key:?}");
        }
        let row = orders.get_mut(key).expect("an order begins before it goes on");
        assert_eq!(row.first, first.unwrap_or(seq), "{key:?}");
        for event in events {
            evolve(&mut row.state, event, at, |sku, movement| {
                let key = StockKey { merchant: key.merchant.clone(), sku: sku.clone() };
                let row = stock.entry(key.clone()).or_default();
                *row = Movement::apply(movement, *row);
                touched.stock.insert(key);
            });
        }
    }

    fn letter(&mut self, seq: Seq, letter: &DeadLetter) {
        let before = self.names.insert(letter.identity(), seq);
        let is_open = before.is_some_and(|before| !self.settled.contains(&before));
        assert!(!is_open, "buried twice: {letter:?}");
        self.letters.insert(seq, letter.clone());
    }

    /// The dead letters without an end; with the order, where a step failed.
    pub(crate) fn open(&self) -> Vec<Open> {
        let open = self.letters.iter().filter(|(seq, _)| !self.settled.contains(seq));
        let order = |letter: &DeadLetter| {
            let is_step = letter.subject.kind() == Kind::Step;
            letter.order.clone().filter(|_| is_step)
        };
        open.map(|(seq, letter)| (*seq, order(letter))).collect()
    }

    /// Units of a product that orders hold, and units that they wait for.
    pub(crate) fn held(&self) -> BTreeMap<StockKey, (i64, i64)> {
        let mut held: BTreeMap<StockKey, (i64, i64)> = BTreeMap::new();
        for (key, row) in &self.orders {
            for claim in &row.state.claims {
                let key = StockKey { merchant: key.merchant.clone(), sku: claim.sku.clone() };
                let (reserved, waiting) = held.entry(key).or_default();
                match claim.state {
                    ClaimState::Reserved => *reserved += claim.quantity,
                    ClaimState::Waiting => *waiting += claim.quantity,
                    ClaimState::Open
                    | ClaimState::Untracked
                    | ClaimState::Standby
                    | ClaimState::Consumed => {}
                }
            }
        }
        held
    }
}

/// Each cent is accounted for: prices times quantities are the bases, the rule's percentage of them
/// is what is taken off the lines, and lines, shipping and tax come to the total.
fn prove_money(event: &Event, percents: &BTreeMap<u64, i128>) {
    let Event::Priced(pricing) = event else { return };
    let Pricing { lines, shipping, effects, total: Some(total), rule_set, .. } = &**pricing else {
        return;
    };
    let (mut sum, mut goods, mut off) = (shipping.unwrap_or_default(), 0, 0);
    for (at, line) in (0..).zip(lines) {
        let (Some(base), Some(price)) = (line.base, line.unit_price) else { panic!("{line:?}") };
        let is_product = |n| half_even(i128::from(price.0) * n, 10_000) == i128::from(base.0);
        assert!((1..=QUANTITY_MAX).any(is_product), "{line:?}");
        let own = effects.iter().filter(|effect| effect.target == Target::Line(at));
        let own: Money = own.map(|effect| effect.amount).sum();
        assert_eq!(line.total, Some(base + own), "{pricing:?}");
        sum += line.total.unwrap_or_default();
        (goods, off) = (goods + i128::from(base.0), off - i128::from(own.0));
    }
    for effect in effects {
        match effect.target {
            Target::Line(_) => {}
            Target::Shipping | Target::Tax => sum += effect.amount,
        }
    }
    assert_eq!(sum, *total, "{pricing:?}");
    let percent = percents.get(rule_set).copied().unwrap_or_default();
    assert_eq!(off, half_even(goods * percent, 100), "{pricing:?}");
}

/// A quotient of what is not negative, rounded half to even.
fn half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, twice) = (dividend / divisor, dividend % divisor * 2);
    quotient + i128::from(twice > divisor || twice == divisor && quotient % 2 == 1)
}

/// What the one rule of a set here takes off.
fn percent(source: &str) -> i128 {
    let rules: serde_json::Value = serde_json::from_str(source).expect("stored rules are JSON");
    let percent = &rules["rules"][0]["effect"]["percent"];
    percent.as_str().and_then(|percent| percent.parse().ok()).expect("a whole percentage")
}
