//! The rows that one decision, or one look, has read: each is asked for once, many at a time where
//! it is known beforehand which.
//!
//! A row that a commit in several pages has locked is read as that commit stands: what it will be
//! once it is committed, what it was before. Which commits were met is kept for whoever writes.
//!
//! Never: a write.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::{OrderKey, StockKey};
use domain::stock::Stock;
use hashbrown::HashMap;
use service::change::{Seq, decode_state, encode_state};
use service::codec::Encoder;
use service::layer::Entry;
use service::view::{Direction, Read, damaged};

use super::door::{Door, Range};
use super::item::{Item, Key, bytes, decoded, maybe_number, maybe_text, number};
use super::{Shape, keys, staged};

/// Most rows that one query asks for at a time.
const PAGE_ROWS: usize = 1_000;
/// Most times that a row is read again because the commit that locked it has just ended.
const READ_AGAIN_MAX: u32 = 8;

/// Rows by key, and what was met on the way.
pub(super) struct Rows<'a> {
    pub(super) door: &'a Door,
    pub(super) shape: &'a Shape,
    rows: RefCell<HashMap<Key, Option<Rc<Item>>>>,
    orders: RefCell<HashMap<Seq, Key>>,
    commits: RefCell<HashMap<String, Option<staged::Status>>>,
    met: RefCell<BTreeSet<String>>,
    highest: Cell<u64>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(door: &'a Door, shape: &'a Shape) -> Self {
        let (rows, orders, commits) = Default::default();
        let (met, highest) = (RefCell::default(), Cell::new(0));
        Self { door, shape, rows, orders, commits, met, highest }
    }

    /// Above every version that was read: what follows from these rows comes behind it.
    pub(super) fn highest(&self) -> u64 {
        self.highest.get()
    }

    /// The commits in several pages that were met.
    pub(super) fn met(&self) -> BTreeSet<String> {
        self.met.borrow().clone()
    }

    /// The row of that key.
    pub(super) fn row(&self, key: &Key) -> Read<Option<Rc<Item>>> {
        if let Some(row) = self.rows.borrow().get(key) {
            return Ok(row.clone());
        }
        self.fetch(vec![key.clone()])?;
        Ok(self.rows.borrow().get(key).cloned().flatten())
    }

    /// Reads rows that are going to be asked for, those that are not there already.
    pub(super) fn fetch(&self, mut wanted: Vec<Key>) -> Read<()> {
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|key| !self.rows.borrow().contains_key(key));
        if wanted.is_empty() {
            return Ok(());
        }
        let found = self.door.get(wanted.clone())?;
        let mut found: HashMap<Key, Item> =
            found.into_iter().map(|item| Ok((Key::of(&item)?, item))).collect::<Read<_>>()?;
        for key in wanted {
            let row = found.remove(&key).map(|item| self.resolved(item)).transpose()?.flatten();
            self.keep(key, row)?;
        }
        Ok(())
    }

    fn keep(&self, key: Key, row: Option<Item>) -> Read<()> {
        if let Some(row) = &row {
            let version = maybe_number(row, "version")?.unwrap_or_default();
            self.highest.set(self.highest.get().max(version));
        }
        self.rows.borrow_mut().insert(key, row.map(Rc::new));
        Ok(())
    }

    /// At most `range.limit` rows, each as it is.
    pub(super) fn range(&self, range: Range) -> Read<Vec<Item>> {
        Ok(self.ranges(vec![range])?.pop().unwrap_or_default())
    }

    /// The same of several ranges at once.
    pub(super) fn ranges(&self, ranges: Vec<Range>) -> Read<Vec<Vec<Item>>> {
        let mut found: Vec<Vec<Item>> = ranges.iter().map(|_| Vec::new()).collect();
        let mut under_way: Vec<(usize, Option<Item>)> =
            (0..ranges.len()).map(|at| (at, None)).collect();
        while !under_way.is_empty() {
            let asked = under_way.iter().filter_map(|(at, next)| {
                let range = ranges.get(*at)?;
                let missing = range.limit.saturating_sub(found.get(*at)?.len());
                Some((Range { limit: missing.clamp(1, PAGE_ROWS), ..range.clone() }, next.clone()))
            });
            let pages = self.door.query(asked.collect())?;
            let mut next = Vec::new();
            for ((at, _), page) in under_way.into_iter().zip(pages) {
                let (Some(range), Some(found)) = (ranges.get(at), found.get_mut(at)) else {
                    continue;
                };
                for item in page.items {
                    found.extend(self.resolved(item)?);
                }
                found.truncate(range.limit);
                if page.next.is_some() && found.len() < range.limit {
                    next.push((at, page.next));
                }
            }
            under_way = next;
        }
        Ok(found)
    }

    /// A row as it is, whoever has locked it; `None` when it is not there.
    fn resolved(&self, mut item: Item) -> Read<Option<Item>> {
        for _ in 0..READ_AGAIN_MAX {
            let Some(lock) = maybe_text(&item, "lock").map(str::to_owned) else {
                return Ok(Some(item));
            };
            self.met.borrow_mut().insert(lock.clone());
            match self.status(&lock)? {
                Some(staged::Status::Committed) => return staged::after(item),
                Some(staged::Status::Pending { .. } | staged::Status::Aborted) => {
                    return Ok(staged::before(item));
                }
                // It has ended since, and its rows are as they should be.
                None => match self.door.get(vec![Key::of(&item)?])?.pop() {
                    Some(now) => item = now,
                    None => return Ok(None),
                },
            }
        }
        Err(service::ledger::Unavailable::Full)
    }

    fn status(&self, commit: &str) -> Read<Option<staged::Status>> {
        if let Some(status) = self.commits.borrow().get(commit) {
            return Ok(*status);
        }
        let status = staged::status(self.door, commit)?;
        self.commits.borrow_mut().insert(commit.to_owned(), status);
        Ok(status)
    }

    /// Remembers where the order of that name is.
    pub(super) fn is_at(&self, first: Seq, key: Key) {
        self.orders.borrow_mut().insert(first, key);
    }

    pub(super) fn place_of(&self, first: Seq) -> Option<Key> {
        self.orders.borrow().get(&first).cloned()
    }

    /// The row of an order, with what it is called in the log.
    pub(super) fn order_row(&self, key: &OrderKey) -> Read<Option<(Seq, Rc<Item>)>> {
        let place = keys::order(key);
        let Some(row) = self.row(&place)? else { return Ok(None) };
        let first = super::item::seq(&row, "first")?;
        self.is_at(first, place);
        Ok(Some((first, row)))
    }

    /// The rows of a product's counters: as many as the settings say, and any that there are more.
    pub(super) fn shards(&self, key: &StockKey) -> Read<Vec<(Key, Option<Rc<Item>>)>> {
        let places = |shards: u32| (0..shards).map(|shard| keys::shard(key, shard)).collect();
        let mut wanted: Vec<Key> = places(self.shape.stock_shards);
        self.fetch(wanted.clone())?;
        let first = self.row(&keys::shard(key, 0))?;
        if let Some(there) = first.map(|row| number::<u32>(&row, "shards")).transpose()?
            && there > self.shape.stock_shards
        {
            wanted = places(there);
            self.fetch(wanted.clone())?;
        }
        wanted.into_iter().map(|key| Ok((key.clone(), self.row(&key)?))).collect()
    }
}

/// What one row of counters says. Who waits is told by the first.
pub(super) fn read_stock(row: &Item) -> Read<Stock> {
    Ok(Stock {
        on_hand: number(row, "on_hand")?,
        reserved: number(row, "reserved")?,
        waiting: number(row, "waiting")?,
    })
}

/// All counters of a product; `None` when it has no record.
pub(super) fn sum(rows: &[(Key, Option<Rc<Item>>)]) -> Read<Option<Stock>> {
    let mut total: Option<Stock> = None;
    for row in rows.iter().filter_map(|(_, row)| row.as_ref()) {
        let own = read_stock(row)?;
        total = Some(match total {
            None => own,
            Some(sum) => Stock {
                on_hand: sum.on_hand + own.on_hand,
                reserved: sum.reserved + own.reserved,
                waiting: sum.waiting,
            },
        });
    }
    Ok(total)
}

/// An order with where its later changes are, as bytes.
pub(super) fn encode_entry(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    Encoder(&mut out).list(entry.later.iter(), |to, seq| to.u64(seq.0));
    encode_state(&entry.state, &mut out);
    out
}

pub(super) fn read_entry(row: &Item) -> Read<Entry> {
    decoded(row, |from| {
        let later = from.list(|from| from.u64().map(Seq))?;
        Ok(Entry { state: std::sync::Arc::new(decode_state(from)?), later })
    })
}

/// The body of a change, whose later parts have rows of their own.
pub(super) fn read_parts(rows: &[Item]) -> Read<Vec<u8>> {
    let Some(first) = rows.first() else { return Err(damaged("no change is called so")) };
    let parts: usize = number(first, "parts")?;
    if rows.len() != parts {
        return Err(damaged("a change lacks a part"));
    }
    let mut body = Vec::new();
    for row in rows {
        body.extend_from_slice(bytes(row, "body")?);
    }
    Ok(body)
}

/// Places beyond `bound`, as first and last; `None` when there are none.
pub(super) fn beyond(way: Direction, bound: Option<Seq>) -> Option<(Seq, Seq)> {
    match (way, bound) {
        (_, None) => Some((Seq(0), Seq(u64::MAX))),
        (Direction::Oldest, Some(bound)) => Some((Seq(bound.0.checked_add(1)?), Seq(u64::MAX))),
        (Direction::Newest, Some(bound)) => Some((Seq(0), Seq(bound.0.checked_sub(1)?))),
    }
}

/// A sequence as a number of the table.
pub(super) fn seq_value(seq: Seq) -> AttributeValue {
    super::item::n(seq.0)
}
