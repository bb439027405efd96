//! A ledger that decides like another one and changes nothing: dry runs and what-ifs. Orders that
//! need external steps come out as if those had passed.
//!
//! The serial driver runs over what the other ledger holds; frames are decided and thrown away.

use std::sync::Arc;

use domain::facts::Policy;
use domain::id::{BatchId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::stock::Stock;
use domain::time::Timestamp;
use parking_lot::Mutex;

use crate::catalogue::Catalogue;
use crate::change::{Change, Seq};
use crate::layer::Entry;
use crate::ledger::{
    Answer, By, Changes, Found, Ledger, Look, Receive, Request, StockRow, Task, Unavailable,
    first_of, seen,
};
use crate::letters::{Counts, Identity, List, Row, Sweep};
use crate::memory::Clock;
use crate::once;
use crate::prepare::prepare;
use crate::serial::{Layers, Serial, Settings};
use crate::view::{Base, Direction, Read, View, damaged};
use crate::wire::rules::CompiledRules;

use super::state::BatchState;

/// A ledger over another one.
pub struct DryLedger<'a> {
    below: Through<'a>,
    inner: Mutex<(Serial, Layers, u64)>,
    clock: Clock,
    catalogue: Arc<Catalogue>,
}

/// Where frames of a dry run pretend to begin: far behind any log.
const PRETENDED: u64 = 1 << 62;

/// Which orders of the ledger below are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Orders {
    /// All: an id that is used is used.
    Known,
    /// None: every id is free.
    Forgotten,
}

/// What would become of an order that came in now, whether its id is used or not.
///
/// The order is read, priced and decided as one that is placed; nothing is recorded, and no id is
/// used. Another order may take the stock before this one is placed.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn quote(below: &dyn Ledger, receive: Receive, clock: Clock) -> Read<Answer> {
    let merchant = receive.order.key.merchant.clone();
    let sellers = keeps_stock_of(below, &merchant)?.then_some(merchant);
    let dry = DryLedger::over(below, Orders::Forgotten, sellers, clock);
    let answers = dry.decide(vec![Request::Receive(Box::new(receive))])?;
    answers.into_iter().next().ok_or_else(|| damaged("a request without an answer"))
}

impl<'a> DryLedger<'a> {
    /// Decides over what `below` holds now.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    pub fn new(below: &'a dyn Ledger, clock: Clock) -> Read<Self> {
        Ok(Self::over(below, Orders::Known, keeps_stock(below)?, clock))
    }

    fn over(
        below: &'a dyn Ledger,
        orders: Orders,
        keeps_stock: impl IntoIterator<Item = MerchantId>,
        clock: Clock,
    ) -> Self {
        let catalogue = below.catalogue();
        let (policy, exponent) = (below.policy(), catalogue.exponent);
        let mut driver = Serial::new(Settings { policy, exponent, ..Settings::default() });
        // Versions of rule sets made in a dry run must not meet those that exist.
        driver.load(Catalogue::clone(&catalogue), PRETENDED, keeps_stock, []);
        let catalogue = driver.catalogue();
        let inner = Mutex::new((driver, Layers::default(), PRETENDED));
        Self { below: Through { ledger: below, orders }, inner, clock, catalogue }
    }

    fn decide(&self, requests: Vec<Request>) -> Read<Vec<Answer>> {
        let now = (self.clock)();
        let exponent = self.catalogue.exponent;
        let ready = |request| prepare(request, &self.catalogue, now, exponent);
        let calls = vec![requests.into_iter().map(ready).collect()];
        let mut inner = self.inner.lock();
        let (driver, layers, position) = &mut *inner;
        let step = driver.decide(now, *position, &calls, layers, &self.below)?;
        *position += driver.frame().map_or(0, |frame| frame.len() as u64);
        driver.commit(layers);
        Ok(step.answers.into_iter().next().unwrap_or_default())
    }
}

/// Sellers with any stock record: one page of one row each.
fn keeps_stock(ledger: &dyn Ledger) -> Read<Vec<MerchantId>> {
    let (mut sellers, mut after) = (Vec::new(), None);
    while let Some((key, _)) = ledger.stock(after.as_ref(), 1)?.into_iter().next() {
        // Behind every SKU of this seller: no text sorts behind the last code point.
        let sku = Sku::parse("\u{10ffff}").map_err(|_| damaged("the last SKU is no name"))?;
        after = Some(StockKey { merchant: key.merchant.clone(), sku });
        sellers.push(key.merchant);
    }
    Ok(sellers)
}

/// Whether a seller has any stock record.
fn keeps_stock_of(ledger: &dyn Ledger, merchant: &MerchantId) -> Read<bool> {
    let first = first_of(merchant);
    if ledger.stock_of(&first)?.is_some() {
        return Ok(true);
    }
    let next = ledger.stock(Some(&first), 1)?;
    Ok(next.first().is_some_and(|(key, _)| key.merchant == *merchant))
}

impl Changes for DryLedger<'_> {
    fn read(&self, _: Option<Seq>, _: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        Ok(Vec::new())
    }

    fn change(&self, _: Seq) -> Result<Change, Unavailable> {
        Err(damaged("a dry run keeps no changes"))
    }

    fn scan(&self, _: Seq, _: Seq, _: &mut dyn FnMut(Seq, Change)) -> Result<(), Unavailable> {
        Ok(())
    }
}

impl Ledger for DryLedger<'_> {
    fn execute(&self, requests: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        Box::pin(std::future::ready(self.decide(requests)))
    }

    fn look(&self, look: &mut Look<'_>) -> Result<(), Unavailable> {
        let inner = self.inner.lock();
        look(&View::<dyn Base>::new([Some(&inner.1.active), None, None], &self.below))
    }

    fn policy(&self) -> Policy {
        self.below.ledger.policy()
    }

    fn order(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Result<Found, Unavailable> {
        self.below.ledger.order(id, merchant)
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.clone()
    }
}

/// Another ledger's rows; its batches do not count.
struct Through<'a> {
    ledger: &'a dyn Ledger,
    orders: Orders,
}

impl Base for Through<'_> {
    fn change(&self, seq: Seq) -> Read<Change> {
        self.ledger.change(seq)
    }
    fn seq_of(&self, key: &OrderKey) -> Read<Option<Seq>> {
        match self.orders {
            Orders::Known => seen(self.ledger, |view| view.seq_of(key)),
            Orders::Forgotten => Ok(None),
        }
    }
    fn seqs_of(&self, _: &OrderId) -> Read<Vec<(MerchantId, Seq)>> {
        Ok(Vec::new())
    }
    fn entry(&self, seq: Seq) -> Read<Option<Entry>> {
        seen(self.ledger, |view| view.entry(seq)).map(Some)
    }
    fn list(&self, by: &By, way: Direction, bound: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        let rows = seen(self.ledger, |view| view.list(by, way, bound, limit))?;
        Ok(rows.into_iter().map(|(seq, _)| seq).collect())
    }
    fn late(&self, key: &StockKey, after: Option<Seq>, limit: usize) -> Read<Vec<Seq>> {
        seen(self.ledger, |view| view.late_places(key, after, limit))
    }
    fn kept(&self, _: &once::Hash) -> Read<Option<(Seq, Timestamp)>> {
        Ok(None)
    }
    fn until(&self, _: Timestamp) -> Read<Option<Seq>> {
        Ok(None)
    }
    fn stock(&self, key: &StockKey) -> Read<Option<Stock>> {
        self.ledger.stock_of(key)
    }
    fn stock_after(&self, after: Option<&StockKey>, limit: usize) -> Read<Vec<StockRow>> {
        self.ledger.stock(after, limit)
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
    fn rules(&self, version: u64) -> Read<Option<Arc<CompiledRules>>> {
        self.ledger.rules(version)
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
