//! The serial driver: decides calls one after another, as one commit. A step machine.
//!
//! `decide` fills a frame and an overlay and changes nothing else; when the frame is on disk,
//! `commit` absorbs the overlay; when it is not, `abort` forgets it. Whoever drives it does the
//! I/O, so that a simulator can drive it as well as a thread.

mod batches;
mod catalogue;
mod commands;
mod letters;
mod once;
mod orders;
mod stock;
mod webhooks;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::command::Command;
use domain::event::Refusal;
use domain::facts::Policy;
use domain::id::{MerchantId, StockKey};
use domain::stock::{Movement, Stock};
use domain::time::Timestamp;
use hashbrown::{HashMap, HashSet};

use self::batches::Tally;
pub use self::orders::item_of;
use crate::batch::BatchState;
use crate::catalogue::Catalogue;
use crate::change::{Audit, Change, Flood, Frame, Seq, Stray, What};
use crate::layer::Layer;
use crate::ledger::{Answer, Request, Unavailable};
use crate::prepare::Prepared;
use crate::steps::Steps;
use crate::view::{Base, Read, View};
use crate::wire::rules::CompiledRules;

/// The requests of one `execute`.
pub type Call = Vec<Prepared>;

/// What a driver needs to know of its installation.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Stock policies.
    pub policy: Policy,
    /// Decimals of the currency.
    pub exponent: u32,
    /// External steps.
    pub steps: Arc<Steps>,
    /// Called before every decision; tests make it panic for a request of their choice.
    pub probe: Option<fn(&Prepared)>,
}

/// Most products whose counters are kept in memory besides those of the layers: about 100 MB.
const STOCK_CACHED_MAX: usize = 1_000_000;
/// Most earlier rule sets that are kept compiled for amendments.
const RULE_SETS_CACHED_MAX: usize = 16;
/// Most products of one record, so that it stays far below its limit.
const PRODUCTS_PER_RECORD_MAX: usize = 1_000;

/// The committed layers, newest first, that readers share with the driver.
#[derive(Debug, Default)]
pub struct Layers {
    /// What commits are absorbed into.
    pub active: Layer,
    /// What is being written to the projection.
    pub frozen: Option<Arc<Layer>>,
}

/// What a step came to.
#[derive(Debug, Default)]
pub struct Step {
    /// One list of answers a call; to be given after the commit.
    pub answers: Vec<Vec<Answer>>,
}

/// The serial driver.
#[derive(Debug)]
pub struct Serial {
    settings: Settings,
    catalogue: Arc<Catalogue>,
    rules_version: u64,
    keeps_stock: HashSet<MerchantId>,
    stock: RefCell<HashMap<StockKey, Option<Stock>>>,
    releases: std::collections::BTreeMap<StockKey, Seq>,
    rule_sets: RefCell<HashMap<u64, Arc<CompiledRules>>>,
    draft: Draft,
    part: Option<Carried>,
}

/// What the earlier parts of a call came to, for a ledger whose commits are smaller than a call:
/// it decides such a call part by part, each over what the ones before have committed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried(Option<Tally>);

/// What the commit being decided will add.
#[derive(Debug, Default)]
struct Draft {
    frame: Frame,
    overlay: Layer,
    catalogue: Option<Arc<Catalogue>>,
    rules_version: u64,
    keeps_stock: Vec<MerchantId>,
}

impl Serial {
    /// A driver over an empty ledger; [`Serial::replay`] brings it up to date.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            catalogue: Arc::new(Catalogue {
                exponent: settings.exponent,
                steps: settings.steps.clone(),
                ..Catalogue::default()
            }),
            settings,
            rules_version: 0,
            keeps_stock: HashSet::new(),
            stock: RefCell::default(),
            releases: std::collections::BTreeMap::new(),
            rule_sets: RefCell::default(),
            draft: Draft::default(),
            part: None,
        }
    }

    /// Takes over what the projection holds: catalogue, who keeps stock, unfinished releases.
    pub fn load(
        &mut self,
        mut catalogue: Catalogue,
        rules_version: u64,
        keeps_stock: impl IntoIterator<Item = MerchantId>,
        releases: impl IntoIterator<Item = (StockKey, Seq)>,
    ) {
        catalogue.exponent = self.settings.exponent;
        catalogue.steps = self.settings.steps.clone();
        self.catalogue = Arc::new(catalogue);
        self.rules_version = rules_version;
        self.keeps_stock.extend(keeps_stock);
        self.releases.extend(releases);
    }

    /// The catalogue as committed.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.clone()
    }

    /// What orders that do not say otherwise are decided by.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.settings.policy
    }

    /// Whether free stock waits to be given out: step again, with or without calls.
    #[must_use]
    pub fn has_releases(&self) -> bool {
        !self.releases.is_empty()
    }

    /// The batch that takes no items of this call any more. [`Serial::decide`] asks it of whole
    /// calls by itself.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    pub fn closes(
        &mut self,
        call: &[Prepared],
        layers: &Layers,
        base: &impl Base,
    ) -> Result<Option<Box<BatchState>>, Unavailable> {
        self.abort();
        let now = Timestamp::default();
        Run { driver: self, now, layers, base, error: RefCell::new(None) }.closed_batch(call)
    }

    /// Decides one part of a call that [`Serial::closes`] not; the checkpoint, or how far a sweep
    /// is, comes with the last part. `carried` is replaced by what the call has come to with it.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    pub fn decide_part(
        &mut self,
        now: Timestamp,
        position: u64,
        part: &Call,
        carried: &mut Carried,
        layers: &Layers,
        base: &impl Base,
    ) -> Result<Vec<Answer>, Unavailable> {
        self.part = Some(*carried);
        let step = self.decide(now, position, std::slice::from_ref(part), layers, base);
        if let Some(part) = self.part.take() {
            *carried = part;
        }
        Ok(step?.answers.pop().unwrap_or_default())
    }

    /// Decides `calls` as one commit that begins at `position` of the log.
    ///
    /// Whatever it returns, nothing has changed until [`Serial::commit`].
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    pub fn decide(
        &mut self,
        now: Timestamp,
        position: u64,
        calls: &[Call],
        layers: &Layers,
        base: &impl Base,
    ) -> Result<Step, Unavailable> {
        let mut broken = BTreeSet::new();
        loop {
            match self.attempt(now, position, calls, layers, base, &broken)? {
                Ok(step) => return Ok(step),
                // It is left out from now on, so that its neighbours come to no harm.
                Err(culprit) => broken.insert(culprit),
            };
        }
    }

    /// One attempt; the inner error is the (call, request) that panicked.
    fn attempt(
        &mut self,
        now: Timestamp,
        position: u64,
        calls: &[Call],
        layers: &Layers,
        base: &impl Base,
        broken: &BTreeSet<(usize, usize)>,
    ) -> Result<Result<Step, (usize, usize)>, Unavailable> {
        self.abort();
        self.draft.frame.begin(position);
        let part = self.part;
        let mut step = Step::default();
        for (c, call) in calls.iter().enumerate() {
            let mut run = Run { driver: self, now, layers, base, error: RefCell::new(None) };
            let closed = if part.is_none() { run.closed_batch(call)? } else { None };
            let mut answers = Vec::with_capacity(call.len());
            let carried = part.and_then(|Carried(tally)| tally);
            let mut tally = carried.unwrap_or_else(|| Tally::new(&run.driver.draft.frame));
            for (r, request) in call.iter().enumerate() {
                let answer = if let Some(refusal) = &closed {
                    Ok(Answer::Batch(refusal.clone()))
                } else if broken.contains(&(c, r)) {
                    run.broken(request)
                } else {
                    match catch_unwind(AssertUnwindSafe(|| run.request(request, &tally))) {
                        Ok(answer) => answer,
                        Err(_) => return Ok(Err((c, r))),
                    }
                }?;
                tally.count(request, &answer);
                answers.push(answer);
            }
            step.answers.push(answers);
            if part.is_some() {
                self.part = Some(Carried(Some(tally)));
            }
        }
        if let Some((key, _)) = self.releases.first_key_value() {
            let key = key.clone();
            let mut run = Run { driver: self, now, layers, base, error: RefCell::new(None) };
            run.release(&key)?;
        }
        Ok(Ok(step))
    }

    /// The frame to write; `None` when nothing happened.
    pub fn frame(&mut self) -> Option<&[u8]> {
        (!self.draft.frame.is_empty()).then(|| self.draft.frame.finish())
    }

    /// The rows that the decided commit writes, for a ledger that keeps them elsewhere.
    #[must_use]
    pub fn overlay(&self) -> &Layer {
        &self.draft.overlay
    }

    /// The version of the newest rule set, as committed.
    #[must_use]
    pub fn rules_version(&self) -> u64 {
        self.rules_version
    }

    /// The frame is on disk: what it says is so from now on.
    pub fn commit(&mut self, layers: &mut Layers) {
        let draft = &mut self.draft;
        let cached = self.stock.get_mut();
        if cached.len() > STOCK_CACHED_MAX {
            cached.clear();
        }
        for (key, stock) in &draft.overlay.stock {
            match cached.get_mut(key) {
                Some(row) => *row = Some(*stock),
                None => drop(cached.insert(key.clone(), Some(*stock))),
            }
        }
        for (key, next) in &draft.overlay.releases {
            match next {
                Some(next) => self.releases.insert(key.clone(), *next),
                None => self.releases.remove(key),
            };
        }
        if let Some(catalogue) = draft.catalogue.take() {
            self.catalogue = catalogue;
        }
        self.rules_version = draft.rules_version;
        self.keeps_stock.extend(draft.keeps_stock.drain(..));
        if !draft.frame.is_empty() {
            draft.overlay.until = draft.frame.next().0;
            layers.active.absorb(&mut draft.overlay);
        }
    }

    /// The frame did not reach the disk: forget it.
    pub fn abort(&mut self) {
        self.draft.overlay.clear();
        self.draft.catalogue = None;
        self.draft.rules_version = self.rules_version;
        self.draft.keeps_stock.clear();
    }

    /// Applies changes that are in the log but not in the projection, after a restart.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when the log contradicts itself.
    pub fn replay(
        &mut self,
        changes: impl IntoIterator<Item = (Seq, Change)>,
        until: u64,
        layers: &mut Layers,
        base: &impl Base,
    ) -> Result<(), Unavailable> {
        for (seq, change) in changes {
            self.abort();
            let now = change.at;
            let mut run = Run { driver: self, now, layers, base, error: RefCell::new(None) };
            run.apply(seq, change)?;
            self.draft.overlay.until = until;
            self.commit_replayed(layers);
        }
        layers.active.until = layers.active.until.max(until);
        Ok(())
    }

    fn commit_replayed(&mut self, layers: &mut Layers) {
        let until = self.draft.overlay.until;
        self.draft.frame.begin(0);
        self.commit(layers);
        let mut overlay = std::mem::take(&mut self.draft.overlay);
        overlay.until = until;
        layers.active.absorb(&mut overlay);
        self.draft.overlay = overlay;
    }
}

/// One call being decided.
struct Run<'a, B> {
    driver: &'a mut Serial,
    now: Timestamp,
    layers: &'a Layers,
    base: &'a B,
    error: RefCell<Option<Unavailable>>,
}

impl<B: Base> Run<'_, B> {
    fn view(&self) -> View<'_, B> {
        let layers = [
            Some(&self.driver.draft.overlay),
            Some(&self.layers.active),
            self.layers.frozen.as_deref(),
        ];
        View::new(layers, self.base)
    }

    fn push(&mut self, what: What) -> Seq {
        self.driver.draft.frame.push(&Change { at: self.now, what })
    }

    fn request(&mut self, request: &Prepared, tally: &Tally) -> Result<Answer, Unavailable> {
        if let Some(probe) = self.driver.settings.probe {
            probe(request);
        }
        self.prepared(request, tally)
    }

    fn prepared(&mut self, request: &Prepared, tally: &Tally) -> Result<Answer, Unavailable> {
        match request {
            Prepared::Receive(order) => self.receive(order),
            Prepared::Once(once) => self.once(once, tally),
            Prepared::Settle(settle) => self.settle(settle, tally),
            Prepared::Unpriceable(audit) => {
                self.audit(Audit::clone(audit));
                Ok(Answer::Invalid(audit.faults.clone()))
            }
            Prepared::Other(request) => self.other(request, tally),
        }
    }

    fn other(&mut self, request: &Request, tally: &Tally) -> Result<Answer, Unavailable> {
        match request {
            Request::Receive(_) | Request::Once(_) | Request::Settle(_) => Ok(Answer::Broken),
            Request::Stray(stray) => {
                self.push(What::Stray(Stray::clone(stray)));
                Ok(Answer::Refused(Refusal::UnknownOrder))
            }
            Request::Audit(audit) => {
                self.audit(Audit::clone(audit));
                Ok(Answer::Recorded)
            }
            Request::Amend(amend) => self.amend(amend),
            Request::Cancel(cancel) => self.cancel(cancel),
            Request::Flood(flood) => {
                let seq = self.push(What::Flood(Flood::clone(flood)));
                self.note_flood(seq);
                Ok(Answer::Recorded)
            }
            Request::Fulfil(order) => self.fulfil(order),
            Request::Step(report) => self.step(report),
            Request::Redrive(order) => self.redrive(order),
            Request::AdjustStock(adjust) => {
                self.command(&Command::AdjustStock(adjust.clone()), &adjust.reason)
            }
            Request::PutProducts(products) => {
                for some in products.chunks(PRODUCTS_PER_RECORD_MAX) {
                    self.push(What::Products(some.to_vec()));
                }
                self.products(products);
                Ok(Answer::Recorded)
            }
            Request::PutCustomer(customer) => {
                self.push(What::Customer(customer.clone()));
                self.customer(customer.clone());
                Ok(Answer::Recorded)
            }
            Request::PutRules { rules, installed } => Ok(self.put_rules(rules, *installed)),
            Request::Webhook(command) => self.webhook(command),
            Request::Checkpoint(batch) => self.checkpoint(batch, tally),
            Request::Bury(letter) => self.bury(letter),
            Request::Sweep(sweep) => self.sweep(sweep, tally),
        }
    }

    /// Keeps an error for [`Run::check`], where a decision has no place for one.
    fn keep<T>(&self, result: Read<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.error.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    fn check(&self) -> Result<(), Unavailable> {
        self.error.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// Applies a change read from the log.
    fn apply(&mut self, seq: Seq, change: Change) -> Result<(), Unavailable> {
        match change.what {
            What::Order { key, first: None, events, .. } => {
                self.begin_order(seq, key, &events)?;
            }
            What::Order { first: Some(first), events, .. } => {
                self.append_order(seq, first, &events)?;
            }
            What::Audit(audit) => self.note_audit(seq, audit),
            What::Stray(_) => {}
            What::Flood(_) => self.note_flood(seq),
            What::Kept(kept) => self.note_kept(seq, kept.key.name),
            What::Stock { stock, on_hand, .. } => {
                self.move_stock(stock, Movement { on_hand, ..Movement::default() })?;
            }
            What::Released { stock, next } => {
                self.driver.draft.overlay.releases.insert(stock, next);
            }
            What::Products(products) => self.products(&products),
            What::Customer(customer) => self.customer(customer),
            What::Rules { version, installed, source } => {
                let exponent = self.driver.settings.exponent;
                let rules = crate::wire::rules::parse(source.as_bytes(), version, exponent)
                    .map_err(|_| crate::view::damaged("a stored rule set does not compile"))?;
                self.rules(version, installed, rules);
            }
            What::Endpoint(endpoint) => drop(self.endpoint(seq, &endpoint)),
            What::Replay(_) => {}
            What::Batch(batch) => self.note_batch(seq, *batch),
            What::Letter(letter) => self.note_letter(seq, &letter),
            What::Settled(settled) => self.note_settled(seq, &settled)?,
            What::Sweep(sweep) => self.note_sweep(seq, *sweep),
        }
        Ok(())
    }
}
