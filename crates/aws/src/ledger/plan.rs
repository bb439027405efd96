//! What a decided commit writes: its overlay and its records, as rows with the conditions under
//! which the decision still holds.
//!
//! A row that is written was read, and is written only if it still is what was read. Rows that are
//! only read need no condition: a commit that found them so is as if it came before whoever changes
//! them meanwhile, and nobody who does reads what this commit writes without meeting it at a row.
//! Where that would not do, there is a row to meet at: the version of the catalogue, the head of
//! the endings of letters, the counters of a product for its queue and for who holds it.
//!
//! Never: a rule about orders. What is written was decided before.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use domain::id::StockKey;
use domain::state::{ClaimState, OrderState, Place};
use domain::stock::Stock;
use service::change::{self, Change, FRAME_HEADER_BYTES, Seq, What};
use service::layer::{Entry, Layer};
use service::letters::{Kind, List};
use service::once::KEPT_US;
use service::view::{Base, Read, damaged};
use service::webhooks::State;

use super::base::{COUNT_SHARDS, channel_name};
use super::item::{Item, Key, b, encoded, maybe_number, n, number, s, size};
use super::keys;
use super::rows::{Rows, encode_entry};

/// Most bytes of a change in one row: an item has at most 400 KB, its names included.
const PART_BYTES: usize = 350_000;

/// Under which condition a row is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Guard {
    /// None: what is written follows from a row that has one.
    None,
    /// It must not be there.
    Absent,
    /// These must be what they were.
    Same(Vec<(&'static str, AttributeValue)>),
}

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// It is this.
    Put(Item),
    /// It goes.
    Delete,
    /// Units are taken from what is free, if so many still are and nobody waits; which lets orders
    /// for one product pass each other. With what the row would be if nobody else took any.
    Take(i64, Item),
    /// Counters change by so much, whatever they are.
    Count(Vec<(&'static str, i64)>),
}

/// One row's change.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) key: Key,
    pub(super) act: Act,
    pub(super) guard: Guard,
}

/// Everything that a commit writes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) writes: Vec<Write>,
    /// Where its frame begins.
    pub(super) position: u64,
}

/// What a plan depends on beside overlay and frame.
pub(super) struct Asked<'a> {
    /// Whether the commit only takes orders in: then stock is only taken.
    pub(super) only_takes: bool,
    /// The product whose free stock it gives out.
    pub(super) releasing: Option<&'a StockKey>,
    /// Drawn for this commit.
    pub(super) random: u64,
}

/// A plan being made.
struct Making<'a, 'r> {
    rows: &'a Rows<'r>,
    overlay: &'a Layer,
    asked: Asked<'a>,
    /// Where the frame ends: the version of every row that the commit writes, and above each of
    /// its changes.
    version: u64,
    writes: Vec<Write>,
}

/// Makes the plan of what `overlay` and `frame` say.
pub(super) fn plan(
    rows: &Rows<'_>,
    overlay: &Layer,
    frame: &[u8],
    position: u64,
    asked: Asked<'_>,
) -> Read<Plan> {
    let version = position + frame.len() as u64;
    let mut making = Making { rows, overlay, asked, version, writes: Vec::new() };
    making.changes(frame, position)?;
    making.orders()?;
    making.stock()?;
    making.releases()?;
    making.letters()?;
    making.catalogue()?;
    making.rest()?;
    Ok(Plan { writes: making.writes, position })
}

impl Plan {
    /// About how many bytes a request with all of it has.
    pub(super) fn bytes(&self) -> usize {
        self.writes.iter().map(Write::bytes).sum()
    }
}

impl Write {
    /// About how many bytes it takes of a request.
    pub(super) fn bytes(&self) -> usize {
        // Its key, its condition and the names in it.
        const AROUND: usize = 300;
        match &self.act {
            Act::Put(item) | Act::Take(_, item) => size(item) + AROUND,
            Act::Delete | Act::Count(_) => AROUND,
        }
    }
}

impl Making<'_, '_> {
    fn write(&mut self, key: Key, act: Act, guard: Guard) {
        self.writes.push(Write { key, act, guard });
    }

    fn put(
        &mut self,
        key: Key,
        guard: Guard,
        attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) {
        let mut item = key.item();
        item.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.write(key, Act::Put(item), guard);
    }

    /// That a row still is what this decision read.
    fn same(&self, key: &Key) -> Read<Guard> {
        let Some(row) = self.rows.row(key)? else { return Ok(Guard::Absent) };
        let version: u64 = number(&row, "version")?;
        Ok(Guard::Same(vec![("version", n(version))]))
    }

    fn version(&self) -> (&'static str, AttributeValue) {
        ("version", n(self.version))
    }

    fn shard(&self, name: &str, of: Seq) -> AttributeValue {
        s(format!("{name}#{:02}", of.0 % u64::from(self.rows.shape.list_shards)))
    }

    fn changes(&mut self, frame: &[u8], position: u64) -> Read<()> {
        let payload = frame.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let records = change::records(payload, position + FRAME_HEADER_BYTES as u64);
        for (seq, body) in records.map_err(|_| damaged("a frame that does not read"))? {
            let change = change::decode(&Bytes::copy_from_slice(body));
            self.change(seq, body, &change.map_err(|_| damaged("a record that does not read"))?);
        }
        Ok(())
    }

    fn change(&mut self, seq: Seq, body: &[u8], change: &Change) {
        let key = keys::change(seq);
        let mut parts = body.chunks(PART_BYTES);
        let mut attributes = vec![
            ("kind", s(kind(&change.what))),
            ("at", n(change.at.0)),
            ("parts", n(parts.len())),
            ("body", b(parts.next().unwrap_or_default())),
            ("first", n(seq.0)),
            ("log", self.shard("LOG", seq)),
        ];
        let mut list = |merchant: Option<&domain::id::MerchantId>| {
            attributes.push(("list", self.shard("INPUTS", seq)));
            attributes.push(("name", s(keys::digits(seq))));
            attributes.extend(merchant.map(|merchant| ("merchant", s(merchant.as_str()))));
        };
        match &change.what {
            What::Order { key, .. } => attributes.push(("order", s(keys::order(key).pk))),
            What::Audit(audit) => {
                list(audit.merchant.as_ref());
                let id = audit.order.as_ref();
                attributes.extend(id.map(|id| ("by_id", s(keys::invalid_of_id(id)))));
            }
            What::Flood(_) => list(None),
            What::Stray(_)
            | What::Stock { .. }
            | What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Rules { .. }
            | What::Batch(_)
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Kept(_)
            | What::Letter(_)
            | What::Settled(_)
            | What::Sweep(_) => {}
        }
        self.put(key.clone(), Guard::Absent, attributes);
        for (at, part) in parts.enumerate() {
            let key = Key::new(key.pk.clone(), format!("PART#{:02}", at + 1));
            self.put(key, Guard::Absent, [("body", b(part))]);
        }
    }

    fn orders(&mut self) -> Read<()> {
        let overlay = self.overlay;
        let new: BTreeSet<Seq> = overlay.ids().map(|(_, first)| *first).collect();
        for (first, entry) in &overlay.orders {
            let key = keys::order(&entry.state.key);
            let (guard, before) = if new.contains(first) {
                (Guard::Absent, None)
            } else {
                let before = self.rows.entry(*first)?;
                let before = before.ok_or_else(|| super::base::missing("no row of an order"))?;
                (self.same(&key)?, Some(before.state))
            };
            if before.is_none() {
                let (id, merchant) = (&entry.state.key.id, entry.state.key.merchant.as_str());
                let (place, own) = (keys::sellers_of(id), [("first", n(first.0)), self.version()]);
                self.put(Key::new(place, merchant), Guard::None, own);
            }
            self.order(key, guard, *first, entry);
            self.claims(*first, before.as_deref(), &entry.state);
        }
        Ok(())
    }

    fn order(&mut self, key: Key, guard: Guard, first: Seq, entry: &Entry) {
        let state = &*entry.state;
        let (merchant, status) = (state.key.merchant.as_str(), state.status.as_str());
        let seller = keys::part(merchant);
        let mut attributes = vec![
            self.version(),
            ("first", n(first.0)),
            ("body", b(encode_entry(entry))),
            ("merchant", s(merchant)),
            ("order_id", s(state.key.id.as_str())),
            ("status", s(status)),
            ("revision", n(state.revision)),
            ("by_all", self.shard("ORDERS", first)),
            ("by_status", self.shard(status, first)),
            ("by_seller", self.shard(&format!("{seller}#{status}"), first)),
            ("by_channel", self.shard(channel_name(state.channel), first)),
        ];
        attributes.extend(state.total.map(|total| ("total", n(total.0))));
        attributes.extend(state.awaits().map(|step| ("awaits", s(step.as_str()))));
        if let Some(customer) = &state.customer {
            let customer = keys::part(customer.as_str());
            attributes.push(("by_customer", s(format!("{seller}#{customer}"))));
        }
        if let Some(item) = &state.batch {
            let batch = keys::part(item.batch.as_str());
            attributes.push(("by_batch", self.shard(&batch, first)));
        }
        self.put(key, guard, attributes);
    }

    /// Files an order under what it claims. The order's own row has the condition for these.
    fn claims(&mut self, first: Seq, before: Option<&OrderState>, after: &OrderState) {
        let then = before.map(|order| claimed(order, first)).unwrap_or_default();
        let now = claimed(after, first);
        for key in then.difference(&now) {
            self.write(key.clone(), Act::Delete, Guard::None);
        }
        let order = keys::order(&after.key).pk;
        for key in now.difference(&then) {
            self.put(key.clone(), Guard::None, [("order", s(&*order))]);
        }
    }

    fn stock(&mut self) -> Read<()> {
        let mut stock: Vec<(&StockKey, Stock)> =
            self.overlay.stock.iter().map(|(key, stock)| (key, *stock)).collect();
        stock.sort_unstable_by_key(|(key, _)| *key);
        let mut keepers = BTreeSet::new();
        for (key, after) in stock {
            let rows = self.rows.shards(key)?;
            let before = super::rows::sum(&rows)?;
            if before.is_none() && keepers.insert(&key.merchant) {
                let own = [self.version()];
                self.put(keys::keeps_stock(&key.merchant), Guard::None, own);
            }
            let taken = before.filter(|before| {
                self.asked.only_takes
                    && (before.waiting, after.waiting) == (0, 0)
                    && before.on_hand == after.on_hand
                    && before.reserved < after.reserved
            });
            match taken {
                Some(before) => self.take(&rows, after.reserved - before.reserved)?,
                None => self.count(key, &rows, after)?,
            }
        }
        Ok(())
    }

    /// Takes units from one row of counters, or from several where none has enough.
    fn take(&mut self, rows: &[(Key, Option<std::rc::Rc<Item>>)], units: i64) -> Read<()> {
        let mut free = Vec::new();
        for (key, row) in rows {
            let Some(row) = row else { continue };
            let stock = super::rows::read_stock(row)?;
            free.push((key, row, stock, stock.available()));
        }
        let start = (self.asked.random % free.len().max(1) as u64) as usize;
        free.rotate_left(start);
        if let Some(at) = free.iter().position(|(.., available)| *available >= units) {
            free.rotate_left(at);
        }
        let mut missing = units;
        for (key, row, stock, available) in free {
            let some = available.min(missing);
            if some <= 0 {
                continue;
            }
            missing -= some;
            let after = Stock { reserved: stock.reserved + some, ..stock };
            let mut item = Item::clone(row);
            item.extend(counters(after).map(|(name, value)| (name.to_owned(), value)));
            item.insert("version".to_owned(), n(self.version));
            let guard = same_stock(row)?;
            self.write(key.clone(), Act::Take(some, item), guard);
        }
        if missing > 0 {
            return Err(damaged("more was taken than there is"));
        }
        Ok(())
    }

    /// Writes all counters of a product, spread evenly over its rows.
    fn count(
        &mut self,
        key: &StockKey,
        rows: &[(Key, Option<std::rc::Rc<Item>>)],
        after: Stock,
    ) -> Read<()> {
        let parts = rows.len() as i64;
        let share = |units: i64, at: i64| units / parts + i64::from(at < units % parts);
        for (at, (place, row)) in rows.iter().enumerate() {
            let guard = row.as_ref().map_or(Ok(Guard::Absent), |row| same_stock(row))?;
            let reserved = share(after.reserved, at as i64);
            // Counted from the other end, so that what is odd of both evens out.
            let free = share(after.available(), parts - 1 - at as i64);
            let own = Stock { on_hand: reserved + free, reserved, waiting: after.waiting };
            let mut attributes = counters(own).to_vec();
            attributes.push(self.version());
            if at == 0 {
                attributes.push(("shards", n(rows.len())));
                attributes.push(("list", s(keys::STOCKS)));
                attributes.push(("name", s(keys::stock_name(key))));
            }
            self.put(place.clone(), guard, attributes);
        }
        Ok(())
    }

    fn releases(&mut self) -> Read<()> {
        for (key, next) in &self.overlay.releases {
            let place = keys::release(key);
            // Whoever frees stock has it given out from the start again, whatever is under way;
            // whoever gives it out must not pass over that.
            let is_own = self.asked.releasing == Some(key);
            let guard = if is_own { self.same(&place)? } else { Guard::None };
            match next {
                Some(next) => {
                    let name = s(keys::stock_name(key));
                    let list = [("list", s(keys::RELEASES)), ("name", name)];
                    let own = [("passed", n(next.0)), self.version()];
                    self.put(place, guard, own.into_iter().chain(list));
                }
                None => self.write(place, Act::Delete, guard),
            }
        }
        Ok(())
    }

    fn letters(&mut self) -> Read<()> {
        for (seq, row) in &self.overlay.letters {
            let (key, open) = (keys::letter(*seq), row.end.is_none());
            let guard = self.same(&key)?;
            if guard == Guard::Absent {
                for term in List::terms(row) {
                    let place = Key::new(keys::letters(&term), keys::digits(*seq));
                    let own = [self.version()];
                    self.put(place, Guard::None, own);
                }
            }
            let shard = (seq.0 % u64::from(self.rows.shape.list_shards)) as u32;
            let list = s(keys::letters_of_kind(row.kind, open, shard));
            let body = encoded(|to| row.encode(to));
            let name = s(keys::digits(*seq));
            let own = [self.version(), ("body", body), ("list", list), ("name", name)];
            self.put(key, guard, own);
        }
        for (name, seq) in &self.overlay.letter_names {
            let key = keys::letter_name(name);
            let guard = self.same(&key)?;
            self.put(key, guard, [self.version(), ("letter", n(seq.0))]);
        }
        let open = &self.overlay.letters_open;
        let by: Vec<_> = Kind::ALL
            .iter()
            .filter_map(|(kind, name)| Some((*name, *open.0.get(*kind as usize)?)))
            .filter(|(_, by)| *by != 0)
            .collect();
        if !by.is_empty() {
            let shard = (self.asked.random % u64::from(COUNT_SHARDS)) as u32;
            self.write(keys::counts(shard), Act::Count(by), Guard::None);
        }
        for (id, sweep) in &self.overlay.sweeps {
            let key = keys::sweep(*id);
            let guard = self.same(&key)?;
            if guard == Guard::Absent {
                let (head, own) = (keys::sweeps_head(), self.version());
                let guard = self.same(&head)?;
                self.put(head, guard, [own]);
            }
            let body = encoded(|to| sweep.encode(to));
            self.put(key, guard, [self.version(), ("body", body)]);
        }
        Ok(())
    }

    fn catalogue(&mut self) -> Read<()> {
        let overlay = self.overlay;
        let before = self.writes.len();
        for (key, product) in &overlay.products {
            let place = Key::new(keys::PRODUCTS, keys::stock_name(key));
            self.put(place, Guard::None, [("body", encoded(|to| product.encode(to)))]);
        }
        for ((merchant, id), customer) in &overlay.customers {
            let place = Key::new(keys::CUSTOMERS, format!("{merchant}\t{id}"));
            self.put(place, Guard::None, [("body", encoded(|to| customer.encode(to)))]);
        }
        for (id, endpoint) in &overlay.endpoints {
            let place = Key::new(keys::ENDPOINTS, id.as_str());
            if endpoint.state == State::Removed {
                self.write(place, Act::Delete, Guard::None);
            } else {
                self.put(place, Guard::None, [("body", encoded(|to| endpoint.encode(to)))]);
            }
        }
        for (version, (rules, installed)) in &overlay.rules {
            let installed = AttributeValue::Bool(*installed);
            let own = [("number", n(version)), ("installed", installed)];
            let source = [("source", s(rules.source.as_str()))];
            self.put(keys::rules(*version), Guard::Absent, own.into_iter().chain(source));
        }
        if self.writes.len() > before {
            let key = keys::catalogue();
            let guard = self.same(&key)?;
            let stored = self.rows.row(&key)?;
            let stored = stored.map(|row| maybe_number(&row, "rules")).transpose()?.flatten();
            let newest = overlay.rules.keys().last().copied().or(stored).unwrap_or_default();
            self.put(key, guard, [self.version(), ("rules", n(newest))]);
        }
        Ok(())
    }

    fn rest(&mut self) -> Read<()> {
        for (id, batch) in &self.overlay.batches {
            let key = keys::batch(id);
            let guard = self.same(&key)?;
            let list = [("list", s(keys::BATCHES)), ("name", s(id.as_str()))];
            let own = [self.version(), ("body", encoded(|to| batch.encode(to)))];
            self.put(key, guard, own.into_iter().chain(list));
        }
        for (name, (seq, at)) in &self.overlay.kept {
            let key = keys::kept(name);
            let guard = self.same(&key)?;
            // The table forgets it a while after we do.
            let expires = at.0.saturating_add(KEPT_US) / 1_000_000 + 3_600;
            let own = [("record", n(seq.0)), ("at", n(at.0)), ("expires", n(expires))];
            self.put(key, guard, own.into_iter().chain([self.version()]));
        }
        Ok(())
    }
}

/// The rows that an order is filed under by what it claims.
fn claimed(order: &OrderState, first: Seq) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for claim in &order.claims {
        let stock = StockKey { merchant: order.key.merchant.clone(), sku: claim.sku.clone() };
        keys.insert(keys::claim(&stock, claim.state, first));
        if claim.place != Place::OF_ORDER && claim.state == ClaimState::Waiting {
            keys.insert(keys::late(&stock, Seq(claim.place.0)));
        }
    }
    keys
}

fn counters(stock: Stock) -> [(&'static str, AttributeValue); 4] {
    [
        ("on_hand", n(stock.on_hand)),
        ("reserved", n(stock.reserved)),
        ("waiting", n(stock.waiting)),
        ("available", n(stock.available())),
    ]
}

/// Takes change the version whatever it was, so what is reserved has to be the same too.
fn same_stock(row: &Item) -> Read<Guard> {
    let (version, reserved): (u64, i64) = (number(row, "version")?, number(row, "reserved")?);
    Ok(Guard::Same(vec![("version", n(version)), ("reserved", n(reserved))]))
}

/// What a change is about, in a word.
fn kind(what: &What) -> &'static str {
    match what {
        What::Order { .. } => "order",
        What::Audit(_) => "audit",
        What::Stray(_) => "stray",
        What::Flood(_) => "flood",
        What::Stock { .. } => "stock",
        What::Released { .. } => "released",
        What::Products(_) => "products",
        What::Customer(_) => "customer",
        What::Rules { .. } => "rules",
        What::Batch(_) => "batch",
        What::Endpoint(_) => "endpoint",
        What::Replay(_) => "replay",
        What::Kept(_) => "kept",
        What::Letter(_) => "letter",
        What::Settled(_) => "settled",
        What::Sweep(_) => "sweep",
    }
}
