//! Input that is no order, gathered up: one message a window of time, however much of it comes.
//!
//! A window is named by the time it begins; what came within it is told after its end. Whoever
//! asks whether a change is the first of its window gets the answer from the log, so that one
//! message is decided before a crash as after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::id::{MerchantId, OrderId};
use domain::time::Timestamp;
use parking_lot::Mutex;

use super::{Rule, named};
use crate::change::{Change, Fault, Seq, What};
use crate::ledger::{Ledger, Unavailable};

/// A stretch of time whose input is told together: it begins at a whole multiple of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Window {
    /// The window that `at` is in, of so many minutes.
    ///
    /// ```
    /// use domain::time::Timestamp;
    /// use service::notify::Window;
    /// let window = Window::of(Timestamp(125_000_000), 1);
    /// assert_eq!((window.from, window.until), (Timestamp(120_000_000), Timestamp(180_000_000)));
    /// ```
    #[must_use]
    pub fn of(at: Timestamp, minutes: u32) -> Self {
        let length = i64::from(minutes.max(1)) * 60_000_000;
        let from = at.0.div_euclid(length) * length;
        Self { from: Timestamp(from), until: Timestamp(from + length) }
    }

    /// What the message is called that tells, on `channel`, of these sellers' input.
    #[must_use]
    pub fn id(&self, merchants: &BTreeSet<MerchantId>, channel: &str) -> Box<str> {
        let (from, until) = (self.from.0.to_le_bytes(), self.until.0.to_le_bytes());
        let mut parts: Vec<&[u8]> = vec![b"inputs", &from, &until, channel.as_bytes()];
        parts.extend(merchants.iter().map(|id| id.as_str().as_bytes()));
        named(&parts)
    }

    fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// Most records that are looked at for one window. An installation records a thousand inputs a
/// minute one by one; a batch's lines may be more, and then a message says "at least".
const LOOKED_AT_MAX: usize = 8_192;
/// Most inputs that a message lists.
pub const LISTED_MAX: usize = 10;
/// Most windows whose first change is remembered: those of a day's quarters of an hour.
const REMEMBERED_MAX: usize = 96;

/// What came within a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many documents.
    pub count: u64,
    /// Whether there may have been more.
    pub at_least: bool,
    /// How many had each code, most first.
    pub codes: Vec<(Box<str>, u64)>,
    /// The first of them.
    pub listed: Vec<Seen>,
}

/// One input that is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it is called in the log.
    pub seq: Seq,
    /// When it came.
    pub at: Timestamp,
    /// The id it carries.
    pub order: Option<OrderId>,
    /// The seller it names.
    pub merchant: Option<MerchantId>,
    /// What was wrong.
    pub faults: Vec<Fault>,
}

/// Knows which change is the first of its window.
pub struct Digests {
    ledger: Arc<dyn Ledger>,
    /// By the rule's number and the window.
    firsts: Mutex<BTreeMap<(Window, usize), Seq>>,
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digests").finish_non_exhaustive()
    }
}

impl Digests {
    /// Looks into the log of `ledger`.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, firsts: Mutex::default() }
    }

    /// Where it looks.
    pub(super) fn ledger(&self) -> &dyn Ledger {
        &*self.ledger
    }

    /// Whether the input at `seq` is the first of its window that `rule`, the `number`th, tells of.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when earlier input is not readable.
    pub fn is_first(
        &self,
        rule: &Rule,
        number: usize,
        window: Window,
        seq: Seq,
    ) -> Result<bool, Unavailable> {
        if let Some(first) = self.firsts.lock().get(&(window, number)) {
            return Ok(*first == seq);
        }
        let mut first = seq;
        self.back_from(Some(seq), window, |earlier, change| {
            if told(rule, &change.what).is_some() {
                first = earlier;
            }
        })?;
        let mut firsts = self.firsts.lock();
        firsts.insert((window, number), first);
        if firsts.len() > REMEMBERED_MAX {
            firsts.pop_first();
        }
        Ok(first == seq)
    }

    /// What `rule` tells of a window that is over. The change at `first` is in it.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when the input is not readable.
    pub fn gather(&self, rule: &Rule, window: Window, first: Seq) -> Result<Digest, Unavailable> {
        let mut found: Vec<(Seq, Change)> = Vec::new();
        let whole = self.back_from(None, window, |seq, change| {
            if told(rule, &change.what).is_some() {
                found.push((seq, change));
            }
        })?;
        if found.is_empty() {
            found.push((first, self.ledger.change(first)?));
        }
        found.reverse();
        let mut digest = Digest { at_least: !whole, ..Digest::default() };
        let mut codes: BTreeMap<Box<str>, u64> = BTreeMap::new();
        for (seq, change) in found {
            digest.count += told(rule, &change.what).unwrap_or_default();
            let What::Audit(audit) = change.what else { continue };
            let own: BTreeSet<&str> = audit.faults.iter().map(|fault| &*fault.code).collect();
            own.into_iter().for_each(|code| *codes.entry(code.into()).or_default() += 1);
            if digest.listed.len() < LISTED_MAX {
                digest.listed.push(Seen {
                    seq,
                    at: change.at,
                    order: audit.order,
                    merchant: audit.merchant,
                    faults: audit.faults,
                });
            }
        }
        digest.codes = codes.into_iter().collect();
        digest.codes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(digest)
    }

    /// Shows the window's input before `bound` to `visit`, newest first; whether that was all of
    /// it.
    fn back_from(
        &self,
        bound: Option<Seq>,
        window: Window,
        mut visit: impl FnMut(Seq, Change),
    ) -> Result<bool, Unavailable> {
        const PAGE: usize = 512;
        let mut before = bound;
        for _ in 0..LOOKED_AT_MAX / PAGE {
            let page = self.ledger.inputs(None, before, PAGE)?;
            for seq in page.seqs {
                let change = self.ledger.change(seq)?;
                if change.at < window.from {
                    return Ok(true);
                }
                if window.has(change.at) {
                    visit(seq, change);
                }
            }
            before = page.next;
            if before.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// How many documents `rule` tells of by this change; `None` when it does not.
fn told(rule: &Rule, what: &What) -> Option<u64> {
    match what {
        What::Audit(audit) if audit.batch.is_none() => {
            rule.concerns(audit.merchant.as_ref()).then_some(1)
        }
        What::Flood(flood) => Some(flood.count),
        What::Audit(_)
        | What::Order { .. }
        | What::Stray(_)
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
        | What::Sweep(_) => None,
    }
}
