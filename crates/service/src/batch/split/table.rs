//! Cuts rows of a table into orders: consecutive rows of one (merchant, order id) are one item.
//!
//! Where an item ends depends on the bytes alone, never on how they came in. A row whose order
//! cannot be told is an item of its own, unless rows of one order stand before and behind it: then
//! that order is broken. A row that has only a line's fields goes with the row above.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashSet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Flaw, Found, Item};
use crate::wire::csv::rows::{self, Row};
use crate::wire::csv::{Key, Layout};

/// Orders among which rows of one order are found that stand apart: about 25 MB. Further apart,
/// the later rows are told by their order's id, which is used up.
const ORDERS_REMEMBERED: usize = 1 << 20;
/// What is kept of an item that is too large.
const HEAD_BYTES: usize = 1_024;

/// What has to be remembered from row to row.
#[derive(Debug)]
pub(super) struct Table {
    layout: Arc<Layout>,
    seen: Seen,
    /// The order that was too large: its other rows say nothing more.
    swallowed: Option<Name>,
    cells: Vec<Range<usize>>,
}

/// Which order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    /// Empty while no row has said.
    merchant: Box<str>,
    order: Box<str>,
}

impl Name {
    /// Whether a row is of this order: a seller left out is the one the other rows name.
    fn is(&self, merchant: &str, order: &str) -> bool {
        let same = self.merchant.is_empty() || merchant.is_empty() || *self.merchant == *merchant;
        *self.order == *order && same
    }
}

/// Rows of one order that stand together, so far.
struct Group {
    name: Name,
    start: usize,
    /// Behind its last row, and behind that row's line end.
    end: usize,
    next: usize,
}

impl Table {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, seen: Seen::default(), swallowed: None, cells: Vec::new() }
    }

    /// Finds whole orders from `found.end` on.
    pub(super) fn find(&mut self, buffer: &[u8], ended: bool, items_max: usize, found: &mut Found) {
        let (mut at, mut group): (usize, Option<Group>) = (found.end, None);
        while found.items.len() < items_max {
            let rest = buffer.get(at..).unwrap_or_default();
            let row = if rest.is_empty() {
                None
            } else {
                Some(rows::row(rest, self.layout.separator(), ended, &mut self.cells))
            };
            let (len, next) = match row {
                Some(Row::Whole { len, next }) => (len, next),
                Some(Row::Faulty { len, next }) => {
                    self.cells.retain(|cell| cell.end <= len);
                    (len, next)
                }
                Some(Row::Blank { next }) => {
                    at += next;
                    if group.is_none() {
                        found.end = at;
                    }
                    continue;
                }
                Some(Row::Partial) => return,
                None if !ended => return,
                Some(Row::TooLong) | None => match group.take() {
                    Some(group) => {
                        at = self.close(group, found);
                        continue;
                    }
                    None if row.is_none() => return,
                    None => match too_long(rest, ended) {
                        Some((len, next)) => {
                            flawed(found, at, at + len, at + next);
                            at += next;
                            continue;
                        }
                        // Read over by whoever fills the buffer.
                        None => return,
                    },
                },
            };
            let key = self.layout.key(rest.get(..len).unwrap_or_default(), &self.cells);
            match (&mut group, key) {
                (Some(open), Key::Of { merchant, order }) if open.name.is(&merchant, &order) => {
                    open.take(merchant, at + len, at + next);
                }
                (Some(open), Key::Above) if open.next == at => {
                    open.take("".into(), at + len, at + next);
                }
                // Whose these are shows when the next row that says so comes.
                (Some(_), Key::Above | Key::Unknown) => {}
                (Some(_), Key::Of { .. }) => {
                    at = group.take().map_or(at, |group| self.close(group, found));
                    continue;
                }
                (None, Key::Above) if self.swallowed.is_some() => found.end = at + next,
                (None, Key::Of { merchant, order }) => {
                    if self.swallows(&merchant, &order) {
                        found.end = at + next;
                    } else {
                        let name = Name { merchant, order };
                        let (start, end, next) = (at, at + len, at + next);
                        group = Some(Group { name, start, end, next });
                    }
                }
                (None, Key::Above | Key::Unknown) => {
                    found.items.push(Item { start: at, end: at + len, flaw: None });
                    found.end = at + next;
                }
            }
            at += next;
            if let Some(open) = group.take_if(|g| at - g.start > self.layout.rows_bytes_max()) {
                at = self.close(open, found);
            }
        }
    }

    /// An order is whole, or larger than it may be; where its last row ends.
    fn close(&mut self, group: Group, found: &mut Found) -> usize {
        let Group { name, start, end, next } = group;
        let is_known = self.seen.add(&name);
        if next - start > self.layout.rows_bytes_max() {
            flawed(found, start, end, next);
            self.swallowed = Some(name);
            return next;
        }
        let flaw = is_known.then_some(Flaw::Apart);
        found.items.push(Item { start, end, flaw });
        found.end = next;
        next
    }

    /// Whether a row is of the order that was too large.
    fn swallows(&mut self, merchant: &str, order: &str) -> bool {
        let is = self.swallowed.as_ref().is_some_and(|name| name.is(merchant, order));
        if !is {
            self.swallowed = None;
        }
        is
    }
}

impl Group {
    fn take(&mut self, merchant: Box<str>, end: usize, next: usize) {
        if self.name.merchant.is_empty() {
            self.name.merchant = merchant;
        }
        (self.end, self.next) = (end, next);
    }
}

fn flawed(found: &mut Found, start: usize, end: usize, next: usize) {
    let end = end.min(start + HEAD_BYTES);
    found.items.push(Item { start, end, flaw: Some(Flaw::TooLarge) });
    found.end = next;
}

/// A line longer than a row may be, when all of it is there.
fn too_long(rest: &[u8], ended: bool) -> Option<(usize, usize)> {
    match memchr::memchr(b'\n', rest) {
        Some(at) => Some((at, at + 1)),
        None => ended.then_some((rest.len(), rest.len())),
    }
}

/// The orders of which rows were seen, by hash, the latest of them.
#[derive(Debug, Default)]
struct Seen {
    set: HashSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    /// Notes an order; whether it was seen before.
    fn add(&mut self, name: &Name) -> bool {
        let seed = xxh3_64_with_seed(name.merchant.as_bytes(), 0);
        let hash = xxh3_64_with_seed(name.order.as_bytes(), seed);
        if !self.set.insert(hash) {
            return true;
        }
        self.order.push_back(hash);
        if self.order.len() > ORDERS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        false
    }
}
