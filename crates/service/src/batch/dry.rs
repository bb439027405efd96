//! A ledger that decides like another one and changes nothing: dry runs and what-ifs.
//!
//! The serial driver runs over what the other ledger holds; frames are decided and thrown away.

use std::sync::Arc;

use domain::id::{BatchId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::stock::Stock;
use domain::time::Timestamp;
use parking_lot::Mutex;

use crate::catalogue::Catalogue;
use crate::change::{Change, Seq};
use crate::layer::Entry;
use crate::ledger::{
    Answer, By, Changes, Found, Ledger, Page, Query, Request, StockRow, Task, Unavailable,
};
use crate::memory::Clock;
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

impl<'a> DryLedger<'a> {
    /// Decides over what `below` holds now.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    pub fn new(below: &'a dyn Ledger, settings: Settings, clock: Clock) -> Read<Self> {
        let mut driver = Serial::new(settings);
        let catalogue = below.catalogue();
        // Versions of rule sets made in a dry run must not meet those that exist.
        driver.load(Catalogue::clone(&catalogue), PRETENDED, keeps_stock(below)?, []);
        let catalogue = driver.catalogue();
        let inner = Mutex::new((driver, Layers::default(), PRETENDED));
        Ok(Self { below: Through(below), inner, clock, catalogue })
    }

    fn view<R>(&self, read: impl FnOnce(&View<'_, Through<'a>>) -> Read<R>) -> Read<R> {
        let inner = self.inner.lock();
        read(&View::new([Some(&inner.1.active), None, None], &self.below))
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
        let now = (self.clock)();
        let exponent = self.catalogue.exponent;
        let ready = |request| prepare(request, &self.catalogue, now, exponent);
        let calls = vec![requests.into_iter().map(ready).collect()];
        let mut inner = self.inner.lock();
        let (driver, layers, position) = &mut *inner;
        let step = driver.decide(now, *position, &calls, layers, &self.below);
        let answers = step.map(|step| {
            *position += driver.frame().map_or(0, |frame| frame.len() as u64);
            driver.commit(layers);
            step.answers.into_iter().next().unwrap_or_default()
        });
        Box::pin(std::future::ready(answers))
    }

    fn order(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Result<Found, Unavailable> {
        self.below.0.order(id, merchant)
    }

    fn find(&self, query: &Query) -> Result<Page, Unavailable> {
        self.view(|view| view.find(query))
    }

    fn stock(&self, after: Option<&StockKey>, limit: usize) -> Result<Vec<StockRow>, Unavailable> {
        self.view(|view| view.stock_after(after, limit))
    }

    fn stock_of(&self, key: &StockKey) -> Result<Option<Stock>, Unavailable> {
        self.view(|view| view.stock(key))
    }

    fn batch(&self, id: &BatchId) -> Result<Option<BatchState>, Unavailable> {
        self.view(|view| view.batch(id))
    }

    fn batches(
        &self,
        after: Option<&BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchState>, Unavailable> {
        self.view(|view| view.batches(after, limit))
    }

    fn rules(&self, version: u64) -> Result<Option<Arc<CompiledRules>>, Unavailable> {
        self.view(|view| view.rules(version))
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.clone()
    }
}

/// Another ledger's rows; its batches do not count.
struct Through<'a>(&'a dyn Ledger);

impl Base for Through<'_> {
    fn change(&self, seq: Seq) -> Read<Change> {
        self.0.change(seq)
    }
    fn seq_of(&self, key: &OrderKey) -> Read<Option<Seq>> {
        Ok(match self.0.order(&key.id, Some(&key.merchant))? {
            Found::Order(view) => Some(view.seq),
            Found::Ambiguous(_) | Found::Invalid(_) | Found::Nothing => None,
        })
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
    fn until(&self, _: Timestamp) -> Read<Option<Seq>> {
        Ok(None)
    }
    fn stock(&self, key: &StockKey) -> Read<Option<Stock>> {
        self.0.stock_of(key)
    }
    fn stock_after(&self, after: Option<&StockKey>, limit: usize) -> Read<Vec<StockRow>> {
        self.0.stock(after, limit)
    }
    fn audit(&self, _: &OrderId, _: Option<&MerchantId>) -> Read<Option<Seq>> {
        Ok(None)
    }
    fn batch(&self, _: &BatchId) -> Read<Option<BatchState>> {
        Ok(None)
    }
    fn batches(&self, _: Option<&BatchId>, _: usize) -> Read<Vec<BatchState>> {
        Ok(Vec::new())
    }
    fn rules(&self, version: u64) -> Read<Option<Arc<CompiledRules>>> {
        self.0.rules(version)
    }
}
