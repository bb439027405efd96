//! What decisions and reads look at, as `service` asks for it: rows by key, lists by index.
//!
//! Rows and a product's claims are consistent. Lists of orders, batches and letters come from
//! indexes, which may be behind the table by a moment.
//!
//! Never: a read that grows with the table.

use std::sync::Arc;

use bytes::Bytes;
use domain::id::{BatchId, MerchantId, OrderId, OrderKey, StockKey};
use domain::order::Channel;
use domain::state::{ClaimState, Status};
use domain::stock::Stock;
use domain::time::Timestamp;
use service::batch::BatchState;
use service::change::{self, Change, Seq, What};
use service::layer::{Entry, matches};
use service::ledger::{By, Unavailable};
use service::letters::{Counts, Identity, Kind, List, Row, Sweep};
use service::once;
use service::view::{Base, Direction, Read, damaged};
use service::wire::rules::{self, CompiledRules};

use super::door::Range;
use super::item::{Item, Key, decoded, maybe_number, maybe_text, number, s, seq, text};
use super::keys::{self, Index};
use super::position::not_before;
use super::rows::{Rows, beyond, read_entry, read_parts, seq_value, sum};

/// Behind every name.
pub(super) const LAST: &str = "\u{10ffff}";
/// Before every name.
const FIRST: &str = "\u{1}";
/// Most parts that a change has: many times what the largest takes.
const PARTS_MAX: usize = 100;

impl Rows<'_> {
    /// The change at `seq`; `None` when there is none.
    pub(super) fn find_change(&self, seq: Seq) -> Read<Option<Change>> {
        let partition = keys::change(seq).pk;
        let rows = self.range(Range {
            index: None,
            partition,
            from: s("CHANGE"),
            until: s("PART#9"),
            way: Direction::Oldest,
            limit: PARTS_MAX,
        })?;
        if rows.is_empty() { Ok(None) } else { read_change(&rows).map(Some) }
    }

    /// Rows of an index's partitions beyond `bound`, merged.
    pub(super) fn indexed(
        &self,
        index: Index,
        partitions: Vec<String>,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Item)>> {
        let Some((from, until)) = beyond(way, bound) else { return Ok(Vec::new()) };
        let value = |seq: Seq| {
            if index == keys::LISTED { s(keys::digits(seq)) } else { seq_value(seq) }
        };
        let (from, until) = (value(from), value(until));
        let range = |partition| Range {
            index: Some(index),
            partition,
            from: from.clone(),
            until: until.clone(),
            way,
            limit,
        };
        let lists = self.ranges(partitions.into_iter().map(range).collect())?;
        let place = |item: Item| {
            let at = if index == keys::LISTED {
                read_digits(text(&item, "name")?)
            } else {
                seq(&item, "first")
            };
            Ok((at?, item))
        };
        let mut rows = lists.into_iter().flatten().map(place).collect::<Read<Vec<_>>>()?;
        in_order(&mut rows, way, limit);
        Ok(rows)
    }

    /// Rows of one partition of the table whose places are a prefix and a sequence.
    fn placed(
        &self,
        partition: &str,
        prefixes: &[String],
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Item)>> {
        let Some((from, until)) = beyond(way, bound) else { return Ok(Vec::new()) };
        let range = |prefix: &String| Range {
            index: None,
            partition: partition.to_owned(),
            from: s(format!("{prefix}{}", keys::digits(from))),
            until: s(format!("{prefix}{}", keys::digits(until))),
            way,
            limit,
        };
        let lists = self.ranges(prefixes.iter().map(range).collect())?;
        let mut rows = Vec::new();
        for item in lists.into_iter().flatten() {
            let place = text(&item, "SK")?;
            let digits = place.rsplit('#').next().unwrap_or(place);
            rows.push((read_digits(digits)?, item));
        }
        in_order(&mut rows, way, limit);
        Ok(rows)
    }

    pub(super) fn shards_of(&self, name: &str) -> Vec<String> {
        (0..self.shape.list_shards).map(|shard| format!("{name}#{shard:02}")).collect()
    }

    /// Where a list of orders is kept.
    fn partitions(&self, by: &By) -> Option<(Index, Vec<String>)> {
        let status = |status: Status| status.as_str();
        let seller = |merchant: &MerchantId, state: Status| {
            self.shards_of(&format!("{}#{}", keys::part(merchant.as_str()), status(state)))
        };
        Some(match by {
            By::All => (keys::BY_ALL, self.shards_of("ORDERS")),
            By::Status(state) => (keys::BY_STATUS, self.shards_of(status(*state))),
            By::Merchant(merchant) => {
                let states = Status::ALL.iter().flat_map(|(state, _)| seller(merchant, *state));
                (keys::BY_SELLER, states.collect())
            }
            By::MerchantStatus(merchant, state) => (keys::BY_SELLER, seller(merchant, *state)),
            By::Customer(merchant, customer) => {
                let (m, c) = (keys::part(merchant.as_str()), keys::part(customer.as_str()));
                (keys::BY_CUSTOMER, vec![format!("{m}#{c}")])
            }
            By::Batch(batch) => (keys::BY_BATCH, self.shards_of(&keys::part(batch.as_str()))),
            By::Channel(channel) => (keys::BY_CHANNEL, self.shards_of(channel_name(*channel))),
            By::Sku(_) | By::SkuStatus(..) => return None,
        })
    }

    /// One page of a list of orders, each with where its row is.
    fn list_page(
        &self,
        by: &By,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Key)>> {
        if let Some((index, partitions)) = self.partitions(by) {
            let rows = self.indexed(index, partitions, way, bound, limit)?;
            return rows.into_iter().map(|(at, item)| Ok((at, Key::of(&item)?))).collect();
        }
        let (By::Sku(key) | By::SkuStatus(key, _)) = by else { return Ok(Vec::new()) };
        let states: Vec<String> = match by {
            By::SkuStatus(_, state) => vec![keys::claims(*state)],
            _ => ClaimState::ALL.iter().map(|(state, _)| keys::claims(*state)).collect(),
        };
        let rows = self.placed(&keys::stock(key), &states, way, bound, limit)?;
        let order = |item: &Item| text(item, "order").map(|order| Key::new(order, "ORDER"));
        rows.iter().map(|(at, item)| Ok((*at, order(item)?))).collect()
    }

    fn letter_rows(&self, seqs: Vec<Seq>) -> Read<Vec<(Seq, Row)>> {
        self.fetch(seqs.iter().map(|at| keys::letter(*at)).collect())?;
        let row = |at: Seq| Ok(self.letter(at)?.map(|row| (at, row)));
        seqs.into_iter().filter_map(|at| row(at).transpose()).collect()
    }

    /// Rows that are listed by name, after one.
    pub(super) fn named(&self, list: &str, after: Option<&str>, limit: usize) -> Read<Vec<Item>> {
        let mut rows = self.range(Range {
            index: Some(keys::LISTED),
            partition: list.to_owned(),
            from: s(after.unwrap_or(FIRST)),
            until: s(LAST),
            way: Direction::Oldest,
            limit: limit.saturating_add(1),
        })?;
        rows.retain(|row| maybe_text(row, "name") != after);
        rows.truncate(limit);
        Ok(rows)
    }
}

/// A channel as a part of keys.
pub(super) fn channel_name(channel: Channel) -> &'static str {
    channel.as_str()
}

/// A change as its rows have it.
pub(super) fn read_change(rows: &[Item]) -> Read<Change> {
    let body = Bytes::from(read_parts(rows)?);
    change::decode(&body).map_err(|error| damaged(&error.to_string()))
}

pub(super) fn read_digits(digits: &str) -> Read<Seq> {
    digits.parse().map(Seq).map_err(|_| damaged("a place that is no number"))
}

/// Sorts what several partitions gave, keeps each once, and cuts it.
fn in_order(rows: &mut Vec<(Seq, Item)>, way: Direction, limit: usize) {
    match way {
        Direction::Oldest => rows.sort_by_key(|(at, _)| *at),
        Direction::Newest => rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at)),
    }
    rows.dedup_by_key(|(at, _)| *at);
    rows.truncate(limit);
}

impl Base for Rows<'_> {
    fn change(&self, seq: Seq) -> Read<Change> {
        self.find_change(seq)?.ok_or_else(|| damaged("no change is called so"))
    }

    fn seq_of(&self, key: &OrderKey) -> Read<Option<Seq>> {
        Ok(self.order_row(key)?.map(|(first, _)| first))
    }

    fn seqs_of(&self, id: &OrderId) -> Read<Vec<(MerchantId, Seq)>> {
        let rows = self.range(Range {
            index: None,
            partition: keys::sellers_of(id),
            from: s(FIRST),
            until: s(LAST),
            way: Direction::Oldest,
            limit: usize::MAX,
        })?;
        let seller = |item: Item| {
            let merchant = MerchantId::parse(text(&item, "SK")?);
            let merchant = merchant.map_err(|_| damaged("a seller's name does not read"))?;
            let (id, first) = (id.clone(), seq(&item, "first")?);
            self.is_at(first, keys::order(&OrderKey { id, merchant: merchant.clone() }));
            Ok((merchant, first))
        };
        rows.into_iter().map(seller).collect()
    }

    fn entry(&self, first: Seq) -> Read<Option<Entry>> {
        let place = match self.place_of(first) {
            Some(place) => place,
            None => match self.change(first)?.what {
                What::Order { key, .. } => keys::order(&key),
                _ => return Err(damaged("no order begins at this change")),
            },
        };
        self.row(&place)?.map(|row| read_entry(&row)).transpose()
    }

    fn list(&self, by: &By, way: Direction, bound: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        let (mut found, mut from) = (Vec::new(), bound);
        while found.len() < limit {
            let missing = limit - found.len();
            let page = self.list_page(by, way, from, missing)?;
            let got = page.len();
            from = page.last().map(|(at, _)| *at).or(from);
            self.fetch(page.iter().map(|(_, place)| place.clone()).collect())?;
            for (first, place) in page {
                self.is_at(first, place);
                // An index may not know yet what has become of an order.
                if self.entry(first)?.is_some_and(|entry| matches(by, &entry.state)) {
                    found.push(first);
                }
            }
            if got < missing {
                break;
            }
        }
        Ok(found)
    }

    fn late(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        let prefix = ["LATE#".to_owned()];
        let rows = self.placed(&keys::stock(key), &prefix, Direction::Oldest, after, limit)?;
        Ok(rows.into_iter().map(|(place, _)| place).collect())
    }

    fn until(&self, time: Timestamp) -> Read<Option<Seq>> {
        Ok(not_before(time))
    }

    fn stock(&self, key: &StockKey) -> Read<Option<Stock>> {
        sum(&self.shards(key)?)
    }

    fn stock_after(&self, after: Option<&StockKey>, limit: usize) -> Read<Vec<(StockKey, Stock)>> {
        let after = after.map(keys::stock_name);
        let rows = self.named(keys::STOCKS, after.as_deref(), limit)?;
        let key = |row: &Item| keys::read_stock_name(maybe_text(row, "name")?);
        let found: Option<Vec<StockKey>> = rows.iter().map(key).collect();
        let found = found.ok_or_else(|| damaged("a product's name does not read"))?;
        self.fetch(found.iter().map(|key| keys::shard(key, 0)).collect())?;
        let stock = |key: StockKey| Ok(self.stock(&key)?.map(|stock| (key, stock)));
        found.into_iter().filter_map(|key| stock(key).transpose()).collect()
    }

    fn audit(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Read<Option<Seq>> {
        let (partition, way) = (keys::invalid_of_id(id), Direction::Newest);
        let mut before = None;
        loop {
            let partition = vec![partition.clone()];
            let rows = self.indexed(keys::BY_ID, partition, way, before, AUDITS_AT_ONCE)?;
            let of = |item: &Item| maybe_text(item, "merchant") == merchant.map(|m| m.as_str());
            if let Some((at, _)) = rows.iter().find(|(_, item)| merchant.is_none() || of(item)) {
                return Ok(Some(*at));
            }
            if rows.len() < AUDITS_AT_ONCE {
                return Ok(None);
            }
            before = rows.last().map(|(at, _)| *at);
        }
    }

    fn inputs(&self, before: Option<Seq>, limit: usize) -> Read<Vec<(Seq, Option<MerchantId>)>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let partitions = self.shards_of("INPUTS");
        let rows = self.indexed(keys::LISTED, partitions, Direction::Newest, before, limit)?;
        let seller = |item: &Item| match maybe_text(item, "merchant") {
            Some(_) => read_merchant(item).map(Some),
            None => Ok(None),
        };
        rows.iter().map(|(at, item)| Ok((*at, seller(item)?))).collect()
    }

    fn batch(&self, id: &BatchId) -> Read<Option<BatchState>> {
        let row = self.row(&keys::batch(id))?;
        row.map(|row| decoded(&row, BatchState::decode)).transpose()
    }

    fn batches(&self, after: Option<&BatchId>, limit: usize) -> Read<Vec<BatchState>> {
        let rows = self.named(keys::BATCHES, after.map(|id| id.as_str()), limit)?;
        let places = rows.iter().map(Key::of).collect::<Read<Vec<_>>>()?;
        self.fetch(places.clone())?;
        let rows = places.iter().filter_map(|place| self.row(place).transpose());
        rows.map(|row| decoded(&*row?, BatchState::decode)).collect()
    }

    fn rules(&self, version: u64) -> Read<Option<Arc<CompiledRules>>> {
        let row = self.row(&keys::rules(version))?;
        row.map(|row| read_rules(&row, self.shape.exponent)).transpose()
    }

    fn kept(&self, name: &once::Hash) -> Read<Option<(Seq, Timestamp)>> {
        let Some(row) = self.row(&keys::kept(name))? else { return Ok(None) };
        Ok(Some((seq(&row, "record")?, Timestamp(number(&row, "at")?))))
    }

    fn letter(&self, at: Seq) -> Read<Option<Row>> {
        let row = self.row(&keys::letter(at))?;
        row.map(|row| decoded(&row, Row::decode)).transpose()
    }

    fn letters(
        &self,
        list: &List,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Read<Vec<(Seq, Row)>> {
        let seqs = match list {
            List::Kind { kind, open } => {
                let shards = 0..self.shape.list_shards;
                let lists = shards.map(|shard| keys::letters_of_kind(*kind, *open, shard));
                let rows = self.indexed(keys::LISTED, lists.collect(), way, bound, limit)?;
                rows.into_iter().map(|(at, _)| at).collect()
            }
            List::Source(_) | List::Order(_) => {
                let partition = keys::letters(&list.term().unwrap_or_default());
                let rows = self.placed(&partition, &[String::new()], way, bound, limit)?;
                rows.into_iter().map(|(at, _)| at).collect()
            }
        };
        self.letter_rows(seqs)
    }

    fn letter_named(&self, name: &Identity) -> Read<Option<Seq>> {
        let row = self.row(&keys::letter_name(name))?;
        row.map(|row| seq(&row, "letter")).transpose()
    }

    fn letters_open(&self) -> Read<Counts> {
        let shards: Vec<Key> = (0..COUNT_SHARDS).map(keys::counts).collect();
        self.fetch(shards.clone())?;
        let mut counts = Counts::default();
        for key in shards {
            let Some(row) = self.row(&key)? else { continue };
            for (kind, name) in Kind::ALL {
                counts.add(kind, maybe_number(&row, name)?.unwrap_or_default());
            }
        }
        Ok(counts)
    }

    fn sweep(&self, id: Seq) -> Read<Option<Sweep>> {
        let row = self.row(&keys::sweep(id))?;
        row.map(|row| decoded(&row, Sweep::decode)).transpose()
    }

    fn sweeps(&self, before: Option<Seq>, limit: usize) -> Read<Vec<Sweep>> {
        // Read first: whoever begins one after this look is told apart by it.
        self.row(&keys::sweeps_head())?;
        let none = [String::new()];
        let rows = self.placed(keys::SWEEPS, &none, Direction::Newest, before, limit)?;
        rows.iter().map(|(_, row)| decoded(row, Sweep::decode)).collect()
    }
}

/// Rows of counts of open letters: commits that bury meet at one of so many.
pub(super) const COUNT_SHARDS: u32 = 16;
/// Invalid inputs of one id that are looked at for a seller at a time.
const AUDITS_AT_ONCE: usize = 100;

fn read_merchant(item: &Item) -> Read<MerchantId> {
    let merchant = MerchantId::parse(text(item, "merchant")?);
    merchant.map_err(|_| damaged("a seller's name does not read"))
}

/// A rule set, compiled.
pub(super) fn read_rules(row: &Item, exponent: u32) -> Read<Arc<CompiledRules>> {
    let version = number(row, "number")?;
    let compiled = rules::parse(text(row, "source")?.as_bytes(), version, exponent);
    compiled.map(Arc::new).map_err(|_| damaged("a stored rule set does not compile"))
}

/// What a read that found nothing where there must be something says.
pub(super) fn missing(what: &str) -> Unavailable {
    damaged(what)
}
