//! Reads through layers and projection as if they were one table.

mod letters;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use domain::event::Event;
use domain::evolve::{begin, evolve};
use domain::id::{BatchId, MerchantId, OrderId, OrderKey, StockKey};
use domain::state::{Claim, ClaimState, OrderState, Place};
use domain::stock::Stock;
use domain::time::Timestamp;

use crate::batch::BatchState;
use crate::change::{Change, Seq, What};
use crate::layer::{Entry, Layer, matches};
use crate::ledger::{By, Found, OrderView, Page, Query, Unavailable};
use crate::letters::{Counts, Identity, List, Row, Sweep};
use crate::once;
use crate::wire::rules::CompiledRules;

/// What reading stored rows comes to.
pub type Read<T> = Result<T, Unavailable>;

/// Which way a list is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first, after the bound.
    Oldest,
    /// Newest first, before the bound.
    Newest,
}

/// The projection, and the log below it: rows by key.
pub trait Base {
    /// The change at `seq`.
    fn change(&self, seq: Seq) -> Read<Change>;
    /// The order of that key.
    fn seq_of(&self, key: &OrderKey) -> Read<Option<Seq>>;
    /// Every order with that id.
    fn seqs_of(&self, id: &OrderId) -> Read<Vec<(MerchantId, Seq)>>;
    /// An order that changed after it began; others are what their first change says.
    fn entry(&self, seq: Seq) -> Read<Option<Entry>>;
    /// At most `limit` orders of a list, beyond `bound`.
    fn list(&self, by: &By, way: Direction, bound: Option<Seq>, limit: usize) -> Read<Vec<Seq>>;
    /// At most `limit` places of a product's queue that amendments gave out, after `after`.
    fn late(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Seq>>;
    /// A bound that orders received before `time` lie before; may lie somewhat later than needed.
    /// `None` when no order is known to be that late.
    fn until(&self, time: Timestamp) -> Read<Option<Seq>>;
    /// Counters.
    fn stock(&self, key: &StockKey) -> Read<Option<Stock>>;
    /// Counters after a key, by key.
    fn stock_after(&self, after: Option<&StockKey>, limit: usize) -> Read<Vec<(StockKey, Stock)>>;
    /// The newest invalid input that carries that id.
    fn audit(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Read<Option<Seq>>;
    /// Input that is no order, newest first, before a bound, with the seller it names.
    fn inputs(&self, before: Option<Seq>, limit: usize) -> Read<Vec<(Seq, Option<MerchantId>)>>;
    /// A batch.
    fn batch(&self, id: &BatchId) -> Read<Option<BatchState>>;
    /// Batches after an id, by id.
    fn batches(&self, after: Option<&BatchId>, limit: usize) -> Read<Vec<BatchState>>;
    /// A rule set.
    fn rules(&self, version: u64) -> Read<Option<Arc<CompiledRules>>>;
    /// Where the answer under a key is, and since when.
    fn kept(&self, name: &once::Hash) -> Read<Option<(Seq, Timestamp)>>;
    /// A dead letter.
    fn letter(&self, seq: Seq) -> Read<Option<Row>>;
    /// At most `limit` dead letters of a list, beyond `bound`.
    fn letters(
        &self,
        list: &List,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Row)>>;
    /// The dead letter of that identity.
    fn letter_named(&self, name: &Identity) -> Read<Option<Seq>>;
    /// Open dead letters by kind.
    fn letters_open(&self) -> Read<Counts>;
    /// The ending of many letters.
    fn sweep(&self, id: Seq) -> Read<Option<Sweep>>;
    /// At most `limit` of them before one, newest first.
    fn sweeps(&self, before: Option<Seq>, limit: usize) -> Read<Vec<Sweep>>;
}

/// Layers, newest first, over the projection.
#[derive(Debug)]
pub struct View<'a, B: ?Sized> {
    layers: [Option<&'a Layer>; 3],
    base: &'a B,
}

impl<'a, B: Base + ?Sized> View<'a, B> {
    /// Reads through up to three layers, newest first.
    #[must_use]
    pub fn new(layers: [Option<&'a Layer>; 3], base: &'a B) -> Self {
        Self { layers, base }
    }

    fn layers(&self) -> impl Iterator<Item = &'a Layer> {
        self.layers.into_iter().flatten()
    }

    /// The order of that key.
    pub fn seq_of(&self, key: &OrderKey) -> Read<Option<Seq>> {
        match self.layers().find_map(|layer| layer.seq_of(key)) {
            Some(seq) => Ok(Some(seq)),
            None => self.base.seq_of(key),
        }
    }

    /// An order by the change that began it.
    pub fn entry(&self, seq: Seq) -> Read<Entry> {
        if let Some(entry) = self.layers().find_map(|layer| layer.orders.get(&seq)) {
            return Ok(entry.clone());
        }
        if let Some(entry) = self.base.entry(seq)? {
            return Ok(entry);
        }
        let state = Arc::new(first_state(self.base.change(seq)?)?);
        Ok(Entry { state, later: Vec::new() })
    }

    /// Counters.
    pub fn stock(&self, key: &StockKey) -> Read<Option<Stock>> {
        match self.layers().find_map(|layer| layer.stock.get(key)) {
            Some(stock) => Ok(Some(*stock)),
            None => self.base.stock(key),
        }
    }

    /// Counters after a key, by key.
    pub fn stock_after(
        &self,
        after: Option<&StockKey>,
        limit: usize,
    ) -> Read<Vec<(StockKey, Stock)>> {
        let mut rows: std::collections::BTreeMap<StockKey, Stock> =
            self.base.stock_after(after, limit)?.into_iter().collect();
        // Older layers first: what is newer replaces it.
        for layer in self.layers.into_iter().rev().flatten() {
            let later = layer.stock.iter().filter(|(key, _)| after.is_none_or(|a| *key > a));
            rows.extend(later.map(|(key, stock)| (key.clone(), *stock)));
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    /// At most `limit` orders of a list, beyond `bound`, as they are now.
    pub fn list(
        &self,
        by: &By,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Arc<OrderState>)>> {
        let mut rows = self.list_layers(by, way, bound, limit);
        let (mut from, mut listed) = (bound, 0);
        // What the projection lists may have changed since: its rows count only where no layer
        // knows better, and more are asked for until enough are found.
        while listed < limit {
            let seqs = self.base.list(by, way, from, limit)?;
            let (asked, got) = (limit, seqs.len());
            from = seqs.last().copied().or(from);
            for seq in seqs {
                if !self.layers().any(|layer| layer.orders.contains_key(&seq)) {
                    rows.push((seq, self.entry(seq)?.state));
                    listed += 1;
                }
            }
            if got < asked {
                break;
            }
        }
        match way {
            Direction::Oldest => rows.sort_by_key(|(seq, _)| *seq),
            Direction::Newest => rows.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq)),
        }
        rows.truncate(limit);
        Ok(rows)
    }

    fn list_layers(
        &self,
        by: &By,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Vec<(Seq, Arc<OrderState>)> {
        let mut rows = Vec::new();
        let layers: Vec<&Layer> = self.layers().collect();
        for (depth, layer) in layers.iter().enumerate() {
            let hidden =
                |seq: &Seq| layers.iter().take(depth).any(|newer| newer.orders.contains_key(seq));
            let row = |(seq, entry): (&Seq, &Entry)| (*seq, entry.state.clone());
            let wanted = |(seq, entry): &(&Seq, &Entry)| matches(by, &entry.state) && !hidden(seq);
            match way {
                Direction::Oldest => {
                    let after = bound.map_or(Seq(0), |b| Seq(b.0 + 1));
                    rows.extend(layer.orders.range(after..).filter(wanted).take(limit).map(row));
                }
                Direction::Newest => {
                    let before = bound.unwrap_or(Seq(u64::MAX));
                    let found = layer.orders.range(..before).rev().filter(wanted);
                    rows.extend(found.take(limit).map(row));
                }
            }
        }
        rows
    }

    /// A page of orders, newest first.
    pub fn find(&self, query: &Query) -> Read<Page> {
        let mut page = Page::default();
        let mut before = query.before;
        if let Some(late) = query.until.map(|until| self.base.until(until)).transpose()?.flatten() {
            before = Some(before.map_or(late, |before| before.min(late)));
        }
        loop {
            let rows = self.list(&query.by, Direction::Newest, before, query.limit + 1)?;
            let full = rows.len() > query.limit;
            for (seq, state) in rows {
                if query.from.is_some_and(|from| state.received_at < from) {
                    return Ok(page);
                }
                before = Some(seq);
                if query.until.is_some_and(|until| state.received_at >= until) {
                    continue;
                }
                if page.orders.len() == query.limit {
                    page.next = page.orders.last().map(|(seq, _)| *seq);
                    return Ok(page);
                }
                page.orders.push((seq, Arc::unwrap_or_clone(state)));
            }
            if !full {
                return Ok(page);
            }
        }
    }

    /// An order by its id, and by its seller where named.
    pub fn order(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Read<Found> {
        let mut sellers: Vec<(MerchantId, Seq)> = match merchant {
            Some(merchant) => {
                let key = OrderKey { id: id.clone(), merchant: merchant.clone() };
                self.seq_of(&key)?.map(|seq| (merchant.clone(), seq)).into_iter().collect()
            }
            None => {
                let layered = self.layers().flat_map(|layer| layer.seqs_of(id));
                let mut all: Vec<_> = layered.map(|(m, seq)| (m.clone(), seq)).collect();
                all.extend(self.base.seqs_of(id)?);
                all.sort();
                all.dedup();
                all
            }
        };
        match sellers.len() {
            0 => self.invalid(id, merchant),
            1 => {
                let (_, seq) = sellers.remove(0);
                Ok(Found::Order(Box::new(self.order_view(seq)?)))
            }
            2.. => Ok(Found::Ambiguous(sellers.into_iter().map(|(m, _)| m).collect())),
        }
    }

    fn invalid(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Read<Found> {
        let layered = self.layers().find_map(|layer| {
            let of_id = layer.audits.range((id.clone(), None)..).take_while(|(k, _)| k.0 == *id);
            let of_both = of_id.filter(|(k, _)| merchant.is_none() || k.1.as_ref() == merchant);
            of_both.map(|(_, seq)| *seq).max()
        });
        let seq = match layered {
            Some(seq) => Some(seq),
            None => self.base.audit(id, merchant)?,
        };
        let Some(seq) = seq else { return Ok(Found::Nothing) };
        let change = self.base.change(seq)?;
        match change.what {
            What::Audit(audit) => Ok(Found::Invalid(Box::new((seq, change.at, audit)))),
            _ => Err(damaged("an audit entry points at another change")),
        }
    }

    /// Input that is no order, newest first; of one seller, where named. Looks at no more than
    /// [`INPUTS_LOOKED_AT_MAX`] rows, and says where to go on.
    pub fn inputs(
        &self,
        merchant: Option<&MerchantId>,
        before: Option<Seq>,
        limit: usize,
    ) -> Read<Inputs> {
        let most = if merchant.is_some() { INPUTS_LOOKED_AT_MAX } else { limit };
        let bound = before.unwrap_or(Seq(u64::MAX));
        // No two places hold the same row, and every layer is newer than what is below it.
        let layered = self.layers().flat_map(|layer| layer.inputs.range(..bound).rev());
        let mut rows: Vec<_> = layered.map(|(seq, m)| (*seq, m.clone())).take(most).collect();
        rows.extend(self.base.inputs(before, most - rows.len())?);
        let mut page = Inputs { next: rows.last().map(|(seq, _)| *seq), ..Inputs::default() };
        if rows.len() < most {
            page.next = None;
        }
        for (seq, seller) in rows {
            if merchant.is_none() || seller.as_ref() == merchant {
                page.seqs.push(seq);
                if page.seqs.len() == limit {
                    page.next = Some(seq);
                    break;
                }
            }
        }
        Ok(page)
    }

    /// An order with everything that happened to it.
    pub fn order_view(&self, seq: Seq) -> Read<OrderView> {
        let entry = self.entry(seq)?;
        let mut view = OrderView {
            state: Arc::unwrap_or_clone(entry.state),
            seq,
            document: Bytes::new(),
            revisions: Vec::new(),
            warnings: Vec::new(),
            history: Vec::new(),
        };
        for at in std::iter::once(seq).chain(entry.later) {
            let change = self.base.change(at)?;
            let What::Order { events, document, warnings, .. } = change.what else {
                return Err(damaged("an order's history points at another change"));
            };
            if events.iter().any(opens_revision) {
                view.document = document.unwrap_or_default();
                view.warnings = warnings;
                view.revisions.push(at);
            }
            view.history.extend(events.into_iter().map(|event| (at, change.at, event)));
        }
        Ok(view)
    }

    /// A batch.
    pub fn batch(&self, id: &BatchId) -> Read<Option<BatchState>> {
        match self.layers().find_map(|layer| layer.batches.get(id)) {
            Some(batch) => Ok(Some(BatchState::clone(batch))),
            None => self.base.batch(id),
        }
    }

    /// Batches after an id, by id.
    pub fn batches(&self, after: Option<&BatchId>, limit: usize) -> Read<Vec<BatchState>> {
        let base = self.base.batches(after, limit)?;
        let mut rows: std::collections::BTreeMap<BatchId, BatchState> =
            base.into_iter().map(|batch| (batch.id.clone(), batch)).collect();
        for layer in self.layers.into_iter().rev().flatten() {
            let later = layer.batches.iter().filter(|(id, _)| after.is_none_or(|a| *id > a));
            rows.extend(later.map(|(id, batch)| (id.clone(), BatchState::clone(batch))));
        }
        Ok(rows.into_values().take(limit).collect())
    }

    /// A rule set.
    pub fn rules(&self, version: u64) -> Read<Option<Arc<CompiledRules>>> {
        match self.layers().find_map(|layer| layer.rules.get(&version)) {
            Some((rules, _)) => Ok(Some(rules.clone())),
            None => self.base.rules(version),
        }
    }

    /// Where the answer under a key is, and since when; `None` when that is too long ago.
    pub fn kept(&self, name: &once::Hash, now: Timestamp) -> Read<Option<(Seq, Timestamp)>> {
        let row = match self.layers().find_map(|layer| layer.kept.get(name)) {
            Some(row) => Some(*row),
            None => self.base.kept(name)?,
        };
        Ok(row.filter(|(_, at)| now.0.saturating_sub(at.0) < once::KEPT_US))
    }

    /// Claims that wait for a product, in the order they stand, after a place; each with the place
    /// it is called by, and its order.
    pub fn queue(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Waiting>> {
        let mut queue = self.first_claims(key, after, limit)?;
        let late = self.late_claims(key, after, limit)?;
        if !late.is_empty() {
            queue.extend(late);
            queue.sort_by_key(|waiting| waiting.at);
            queue.truncate(limit);
        }
        Ok(queue)
    }

    /// Waiting claims that stand where their orders stand.
    fn first_claims(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Waiting>> {
        let by = By::SkuStatus(key.clone(), ClaimState::Waiting);
        let (mut found, mut from) = (Vec::new(), after);
        while found.len() < limit {
            let asked = limit - found.len();
            let rows = self.list(&by, Direction::Oldest, from, asked)?;
            let got = rows.len();
            from = rows.last().map(|(seq, _)| *seq).or(from);
            let own = rows.into_iter().filter(|(_, o)| waits(o, key, Place::OF_ORDER));
            found.extend(own.map(|(at, order)| Waiting { at, place: Place::OF_ORDER, order }));
            if got < asked {
                break;
            }
        }
        Ok(found)
    }

    /// Places of a product's queue that amendments gave out, after a place.
    pub fn late_places(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        let late = self.late_claims(key, after, limit)?;
        Ok(late.into_iter().map(|waiting| waiting.at).collect())
    }

    /// Waiting claims that amendments put where they stand.
    fn late_claims(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Waiting>> {
        let behind = Bound::Excluded((key.clone(), after.unwrap_or_default()));
        let of_layer = |layer: &'a Layer| layer.late.range((behind.clone(), Bound::Unbounded));
        let mut found = BTreeMap::new();
        for layer in self.layers() {
            for ((_, at), first) in of_layer(layer).take_while(|((of, _), _)| of == key) {
                let order = self.entry(*first)?.state;
                if waits(&order, key, Place(at.0)) {
                    found.insert(*at, Waiting { at: *at, place: Place(at.0), order });
                }
            }
        }
        let (mut from, mut listed) = (after, 0);
        while listed < limit {
            let places = self.base.late(key, from, limit)?;
            let got = places.len();
            from = places.last().copied().or(from);
            for at in places {
                let What::Order { first: Some(first), .. } = self.base.change(at)?.what else {
                    return Err(damaged("a queue names another change"));
                };
                // What the projection says of it counts only where no layer knows better.
                if !self.layers().any(|layer| layer.orders.contains_key(&first)) {
                    let order = self.entry(first)?.state;
                    found.insert(at, Waiting { at, place: Place(at.0), order });
                    listed += 1;
                }
            }
            if got < limit {
                break;
            }
        }
        Ok(found.into_values().take(limit).collect())
    }
}

/// A claim in a product's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Where it stands.
    pub at: Seq,
    /// What the order calls that place.
    pub place: Place,
    /// The order.
    pub order: Arc<OrderState>,
}

fn waits(order: &OrderState, key: &StockKey, place: Place) -> bool {
    let is = |c: &Claim| c.place == place && c.sku == key.sku && c.state == ClaimState::Waiting;
    order.key.merchant == key.merchant && order.claims.iter().any(is)
}

/// Whether an event brings a document that the order is read by from then on.
fn opens_revision(event: &Event) -> bool {
    match event {
        Event::Received(_) | Event::Amended(_) => true,
        Event::Priced(_)
        | Event::Allocated { .. }
        | Event::Rejected(_)
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. }
        | Event::Cancelled { .. }
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::StepIgnored(_)
        | Event::Failed { .. }
        | Event::Redriven { .. }
        | Event::Fulfilled
        | Event::Repeated { .. }
        | Event::Refused(_) => false,
    }
}

/// Most rows that a page of audits looks at: sellers that are rare are found over several pages.
pub const INPUTS_LOOKED_AT_MAX: usize = 10_000;

/// A page of input that is no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The changes, newest first.
    pub seqs: Vec<Seq>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Seq>,
}

/// Stored rows that contradict each other.
#[must_use]
pub fn damaged(what: &str) -> Unavailable {
    Unavailable::Read(what.to_owned())
}

/// The state that the change which began an order left it in.
pub fn first_state(change: Change) -> Read<OrderState> {
    let What::Order { key, first: None, events, .. } = change.what else {
        return Err(damaged("no order begins at this change"));
    };
    let mut events = events.iter();
    let Some(Event::Received(received)) = events.next() else {
        return Err(damaged("an order does not begin with its receipt"));
    };
    let mut state = begin(key, received, change.at);
    for event in events {
        evolve(&mut state, event, change.at, |_, _| {});
    }
    Ok(state)
}

/// A projection that holds nothing: the whole ledger is in its layers.
#[derive(Debug)]
pub struct Nothing<C>(pub C);

impl<C: Fn(Seq) -> Read<Change>> Base for Nothing<C> {
    fn change(&self, seq: Seq) -> Read<Change> {
        (self.0)(seq)
    }
    fn seq_of(&self, _: &OrderKey) -> Read<Option<Seq>> {
        Ok(None)
    }
    fn seqs_of(&self, _: &OrderId) -> Read<Vec<(MerchantId, Seq)>> {
        Ok(Vec::new())
    }
    fn entry(&self, _: Seq) -> Read<Option<Entry>> {
        Ok(None)
    }
    fn list(&self, _: &By, _: Direction, _: Option<Seq>, _: usize) -> Read<Vec<Seq>> {
        Ok(Vec::new())
    }
    fn late(&self, _: &StockKey, _: Option<Seq>, _: usize) -> Read<Vec<Seq>> {
        Ok(Vec::new())
    }
    fn until(&self, _: Timestamp) -> Read<Option<Seq>> {
        Ok(None)
    }
    fn stock(&self, _: &StockKey) -> Read<Option<Stock>> {
        Ok(None)
    }
    fn stock_after(&self, _: Option<&StockKey>, _: usize) -> Read<Vec<(StockKey, Stock)>> {
        Ok(Vec::new())
    }
    fn audit(&self, _: &OrderId, _: Option<&MerchantId>) -> Read<Option<Seq>> {
        Ok(None)
    }
    fn inputs(&self, _: Option<Seq>, _: usize) -> Read<Vec<(Seq, Option<MerchantId>)>> {
        Ok(Vec::new())
    }
    fn batch(&self, _: &BatchId) -> Read<Option<BatchState>> {
        Ok(None)
    }
    fn batches(&self, _: Option<&BatchId>, _: usize) -> Read<Vec<BatchState>> {
        Ok(Vec::new())
    }
    fn rules(&self, _: u64) -> Read<Option<Arc<CompiledRules>>> {
        Ok(None)
    }
    fn kept(&self, _: &once::Hash) -> Read<Option<(Seq, Timestamp)>> {
        Ok(None)
    }
    fn letter(&self, _: Seq) -> Read<Option<Row>> {
        Ok(None)
    }
    fn letters(&self, _: &List, _: Direction, _: Option<Seq>, _: usize) -> Read<Vec<(Seq, Row)>> {
        Ok(Vec::new())
    }
    fn letter_named(&self, _: &Identity) -> Read<Option<Seq>> {
        Ok(None)
    }
    fn letters_open(&self) -> Read<Counts> {
        Ok(Counts::default())
    }
    fn sweep(&self, _: Seq) -> Read<Option<Sweep>> {
        Ok(None)
    }
    fn sweeps(&self, _: Option<Seq>, _: usize) -> Read<Vec<Sweep>> {
        Ok(Vec::new())
    }
}
