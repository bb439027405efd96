//! The serial driver: decides calls one after another, as one commit. A step machine.
//!
//! `decide` fills a frame and an overlay and changes nothing else; when the frame is on disk,
//! `commit` absorbs the overlay; when it is not, `abort` forgets it. Whoever drives it does the
//! I/O, so that a simulator can drive it as well as a thread.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::command::Command;
use domain::decide::{Decision, decide};
use domain::event::{Event, Refusal};
use domain::evolve::{begin, evolve};
use domain::facts::{Facts, Policy};
use domain::id::{BatchId, MerchantId, OrderKey, StockKey};
use domain::limits::RELEASE_ORDERS_MAX;
use domain::order::BatchItem;
use domain::state::{ClaimState, OrderState, Status};
use domain::stock::{Movement, Stock};
use domain::time::Timestamp;
use hashbrown::{HashMap, HashSet};

use crate::batch::{BatchState, BatchStatus, Counts};
use crate::catalogue::Catalogue;
use crate::change::{Audit, Change, Fault, Frame, Seq, What};
use crate::layer::{CHANGES_LISTED_MAX, Entry, Layer};
use crate::ledger::{Accepted, Answer, Request, Unavailable};
use crate::prepare::{self, Prepared, cut};
use crate::view::{Base, Direction, Read, View};
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
    /// Called before every decision; tests make it panic for a request of their choice.
    pub probe: Option<fn(&Prepared)>,
}

/// Most products whose counters are kept in memory besides those of the layers: about 100 MB.
const STOCK_CACHED_MAX: usize = 1_000_000;
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
    draft: Draft,
}

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
            catalogue: Arc::new(Catalogue { exponent: settings.exponent, ..Catalogue::default() }),
            settings,
            rules_version: 0,
            keeps_stock: HashSet::new(),
            stock: RefCell::default(),
            releases: std::collections::BTreeMap::new(),
            draft: Draft::default(),
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

    /// Whether free stock waits to be given out: step again, with or without calls.
    #[must_use]
    pub fn has_releases(&self) -> bool {
        !self.releases.is_empty()
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
        let mut step = Step::default();
        for (c, call) in calls.iter().enumerate() {
            let mut run = Run { driver: self, now, layers, base, error: RefCell::new(None) };
            let closed = run.closed_batch(call)?;
            let mut answers = Vec::with_capacity(call.len());
            let mut tally = Tally::new(&run.driver.draft.frame);
            for (r, request) in call.iter().enumerate() {
                let answer = if let Some(refusal) = &closed {
                    Ok(Answer::Batch(refusal.clone()))
                } else if broken.contains(&(c, r)) {
                    Ok(run.broken(request))
                } else {
                    match catch_unwind(AssertUnwindSafe(|| run.request(request, &tally))) {
                        Ok(answer) => answer,
                        Err(_) => return Ok(Err((c, r))),
                    }
                }?;
                tally.count(&answer);
                answers.push(answer);
            }
            step.answers.push(answers);
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

/// One call's sums, for its checkpoint.
struct Tally {
    counts: Counts,
    from: Seq,
}

impl Tally {
    fn new(frame: &Frame) -> Self {
        Self { counts: Counts::default(), from: frame.next() }
    }

    fn count(&mut self, answer: &Answer) {
        match answer {
            Answer::Accepted(accepted) if accepted.rejection.is_none() => {
                self.counts.succeeded += 1
            }
            Answer::Refused(Refusal::Duplicate { .. }) => self.counts.skipped += 1,
            Answer::Accepted(_)
            | Answer::Refused(_)
            | Answer::Invalid(_)
            | Answer::Recorded
            | Answer::Broken => self.counts.failed += 1,
            Answer::Stock(_) | Answer::Rules(_) | Answer::Batch(_) => {}
        }
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
        match request {
            Prepared::Receive(order) => self.receive(order),
            Prepared::Unpriceable(audit) => {
                self.audit(Audit::clone(audit));
                Ok(Answer::Invalid(audit.faults.clone()))
            }
            Prepared::Other(request) => self.other(request, tally),
        }
    }

    fn other(&mut self, request: &Request, tally: &Tally) -> Result<Answer, Unavailable> {
        match request {
            Request::Receive(_) => Ok(Answer::Broken),
            Request::Audit(audit) => {
                self.audit(Audit::clone(audit));
                Ok(Answer::Recorded)
            }
            Request::Fulfil(order) => self.command(&Command::Fulfil { order: order.clone() }, ""),
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
            Request::Checkpoint(batch) => self.checkpoint(batch, tally),
        }
    }

    fn receive(&mut self, order: &prepare::Order) -> Result<Answer, Unavailable> {
        let current = self.draft_catalogue();
        let repriced;
        let order = if order.catalogue == current.version {
            order
        } else {
            let mut again = order.clone();
            if let Err(audit) =
                prepare::price(&mut again, &current, self.now, self.driver.settings.exponent)
            {
                let faults = audit.faults.clone();
                self.audit(*audit);
                return Ok(Answer::Invalid(faults));
            }
            repriced = again;
            &repriced
        };
        let decision = domain::decide::receive::receive(&order.command, &*self);
        self.check()?;
        match decision {
            Ok(decision) => self.begin(order, decision),
            Err(refusal) => {
                if let Refusal::Duplicate { .. } = refusal {
                    self.repeated(order)?;
                }
                Ok(Answer::Refused(refusal))
            }
        }
    }

    /// Records a new order's events, and what they do.
    fn begin(&mut self, order: &prepare::Order, decision: Decision) -> Result<Answer, Unavailable> {
        let Some((key, events)) = decision.orders.into_iter().next() else {
            return Ok(Answer::Broken);
        };
        let what = What::Order {
            key,
            first: None,
            events,
            document: Some(order.document.clone()),
            warnings: order.warnings.clone(),
        };
        let change = Change { at: self.now, what };
        let seq = self.driver.draft.frame.push(&change);
        let What::Order { key, events, .. } = change.what else { return Ok(Answer::Broken) };
        let state = self.begin_order(seq, key, &events)?;
        Ok(Answer::Accepted(accepted(seq, &state, &events)))
    }

    fn begin_order(
        &mut self,
        seq: Seq,
        key: OrderKey,
        events: &[Event],
    ) -> Result<Arc<OrderState>, Unavailable> {
        let Some((Event::Received(received), rest)) = events.split_first() else {
            return Err(crate::view::damaged("an order does not begin with its receipt"));
        };
        let mut state = begin(key.clone(), received, self.now);
        self.evolve(&mut state, rest)?;
        self.driver.draft.overlay.begin(key, seq);
        let state = Arc::new(state);
        let entry = Entry { state: state.clone(), later: Vec::new() };
        self.driver.draft.overlay.orders.insert(seq, entry);
        Ok(state)
    }

    /// Lets events change an order, and the stock with it.
    fn evolve(&mut self, state: &mut OrderState, events: &[Event]) -> Result<(), Unavailable> {
        let mut moved: Vec<(StockKey, Movement)> = Vec::new();
        let merchant = state.key.merchant.clone();
        for event in events {
            evolve(state, event, self.now, |sku, movement| {
                moved.push((StockKey { merchant: merchant.clone(), sku: sku.clone() }, movement));
            });
        }
        moved.into_iter().try_for_each(|(key, movement)| self.move_stock(key, movement))
    }

    fn move_stock(&mut self, key: StockKey, movement: Movement) -> Result<(), Unavailable> {
        let before = self.stock_now(&key)?;
        let after = movement.apply(before.unwrap_or_default());
        assert!(
            0 <= after.reserved && after.reserved <= after.on_hand && after.waiting >= 0,
            "stock of {key:?} would be {after:?}"
        );
        let draft = &mut self.driver.draft;
        if before.is_none() && !self.driver.keeps_stock.contains(&key.merchant) {
            draft.keeps_stock.push(key.merchant.clone());
        }
        let before = before.unwrap_or_default();
        let freed = after.available() > before.available();
        // Whoever stood before the others may have left the queue with stock of another product.
        let moved_up = after.waiting < before.waiting;
        if (freed || moved_up) && after.waiting > 0 && after.available() > 0 {
            // From the start again: what was too little for an earlier order may do now.
            draft.overlay.releases.insert(key.clone(), Some(Seq(0)));
        }
        draft.overlay.stock.insert(key, after);
        Ok(())
    }

    fn stock_now(&self, key: &StockKey) -> Read<Option<Stock>> {
        if let Some(stock) = self.driver.draft.overlay.stock.get(key) {
            return Ok(Some(*stock));
        }
        if let Some(stock) = self.driver.stock.borrow().get(key) {
            return Ok(*stock);
        }
        let stock = self.view().stock(key)?;
        self.driver.stock.borrow_mut().insert(key.clone(), stock);
        Ok(stock)
    }

    /// Runs a command that concerns known orders or stock.
    fn command(&mut self, command: &Command, reason: &str) -> Result<Answer, Unavailable> {
        let decision = decide(command, &*self);
        self.check()?;
        let decision = match decision {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Answer::Refused(refusal)),
        };
        let mut answer = Answer::Recorded;
        for (key, events) in decision.orders {
            answer = self.change_order(key, events)?;
        }
        if let Some(event) = decision.stock {
            let (stock, on_hand) = (event.stock, event.on_hand);
            self.push(What::Stock { stock: stock.clone(), on_hand, reason: reason.into() });
            self.move_stock(stock.clone(), Movement { on_hand, ..Movement::default() })?;
            answer = Answer::Stock(self.stock_now(&stock)?.unwrap_or_default());
        }
        Ok(answer)
    }

    fn change_order(&mut self, key: OrderKey, events: Vec<Event>) -> Result<Answer, Unavailable> {
        let Some(first) = self.view().seq_of(&key)? else {
            return Err(crate::view::damaged("a decided order is not there"));
        };
        let what =
            What::Order { key, first: Some(first), events, document: None, warnings: Vec::new() };
        let change = Change { at: self.now, what };
        let seq = self.driver.draft.frame.push(&change);
        let What::Order { events, .. } = change.what else { return Ok(Answer::Broken) };
        let state = self.append_order(seq, first, &events)?;
        Ok(Answer::Accepted(accepted(first, &state, &events)))
    }

    fn append_order(
        &mut self,
        seq: Seq,
        first: Seq,
        events: &[Event],
    ) -> Result<Arc<OrderState>, Unavailable> {
        let entry = self.view().entry(first)?;
        let (mut state, mut later) = (Arc::unwrap_or_clone(entry.state), entry.later);
        self.evolve(&mut state, events)?;
        let only_repeats = events.iter().all(|e| matches!(e, Event::Repeated { .. }));
        if !only_repeats || later.len() < CHANGES_LISTED_MAX {
            later.push(seq);
        }
        let state = Arc::new(state);
        let entry = Entry { state: state.clone(), later };
        self.driver.draft.overlay.orders.insert(first, entry);
        Ok(state)
    }

    fn repeated(&mut self, order: &prepare::Order) -> Result<(), Unavailable> {
        let key = order.command.order.key.clone();
        let first = self.view().seq_of(&key)?;
        let original = first.map(|seq| self.view().entry(seq)).transpose()?;
        let same = original.is_some_and(|o| o.state.document_hash == order.command.document_hash);
        let event = Event::Repeated {
            channel: order.command.order.channel,
            batch: order.command.batch.clone(),
            same_document: same,
        };
        self.change_order(key, vec![event]).map(|_| ())
    }

    fn audit(&mut self, audit: Audit) {
        let seq = self.push(What::Audit(audit.clone()));
        self.note_audit(seq, audit);
    }

    fn note_audit(&mut self, seq: Seq, audit: Audit) {
        if let Some(order) = audit.order {
            self.driver.draft.overlay.audits.insert((order, audit.merchant), seq);
        }
    }

    /// Records a request whose decision panics, so that it can be looked into.
    fn broken(&mut self, request: &Prepared) -> Answer {
        let fault = Fault { pointer: "".into(), code: "internal_error".into() };
        if let Prepared::Receive(order) = request {
            self.audit(Audit {
                order: Some(order.command.order.key.id.clone()),
                merchant: Some(order.command.order.key.merchant.clone()),
                channel: order.command.order.channel,
                batch: order.command.batch.clone(),
                faults: vec![fault],
                document: cut(&order.document),
            });
        }
        Answer::Broken
    }

    fn draft_catalogue(&self) -> Arc<Catalogue> {
        self.driver.draft.catalogue.as_ref().unwrap_or(&self.driver.catalogue).clone()
    }

    fn edit_catalogue(&mut self, edit: impl FnOnce(&mut Catalogue)) {
        let mut catalogue = Catalogue::clone(&self.draft_catalogue());
        catalogue.version += 1;
        edit(&mut catalogue);
        self.driver.draft.catalogue = Some(Arc::new(catalogue));
    }

    fn products(&mut self, products: &[crate::catalogue::Product]) {
        let rows: Vec<_> = products.iter().map(|p| (p.key.clone(), Arc::new(p.clone()))).collect();
        self.driver.draft.overlay.products.extend(rows.iter().cloned());
        self.edit_catalogue(|catalogue| {
            for (key, row) in rows {
                catalogue.products.insert(key, row);
            }
        });
    }

    fn customer(&mut self, customer: crate::catalogue::Customer) {
        let key = (customer.merchant.clone(), customer.id.clone());
        let row = Arc::new(customer);
        self.driver.draft.overlay.customers.insert(key.clone(), row.clone());
        self.edit_catalogue(|catalogue| {
            catalogue.customers.insert(key, row);
        });
    }

    fn put_rules(&mut self, rules: &CompiledRules, installed: bool) -> Answer {
        let version = self.driver.draft.rules_version + 1;
        self.push(What::Rules { version, installed, source: rules.source.as_str().into() });
        match crate::wire::rules::parse(
            rules.source.as_bytes(),
            version,
            self.driver.settings.exponent,
        ) {
            Ok(rules) => self.rules(version, installed, rules),
            Err(_) => return Answer::Broken,
        }
        Answer::Rules(version)
    }

    fn rules(&mut self, version: u64, installed: bool, rules: CompiledRules) {
        let rules = Arc::new(rules);
        self.driver.draft.rules_version = version;
        self.driver.draft.overlay.rules.insert(version, (rules.clone(), installed));
        if installed {
            self.edit_catalogue(|catalogue| catalogue.rules = rules);
        }
    }

    /// The batch of a call that takes no more items: it was stopped, or has failed.
    fn closed_batch(&self, call: &[Prepared]) -> Result<Option<Box<BatchState>>, Unavailable> {
        let Some(Prepared::Other(Request::Checkpoint(next))) = call.last() else { return Ok(None) };
        let Some(stored) = self.view().batch(&next.id)? else { return Ok(None) };
        let takes_items = stored.status == BatchStatus::Running || call.len() == 1;
        Ok((!takes_items).then(|| Box::new(stored)))
    }

    fn checkpoint(&mut self, next: &BatchState, tally: &Tally) -> Result<Answer, Unavailable> {
        let stored = self.view().batch(&next.id)?;
        let mut batch = next.clone();
        batch.updated_at = self.now;
        batch.previous = None;
        batch.from = tally.from;
        batch.counts = Counts::default();
        if let Some(stored) = &stored {
            batch.started_at = stored.started_at;
            batch.counts = stored.counts;
            batch.previous = Some(self.checkpoint_seq(&next.id)?);
        } else {
            batch.started_at = self.now;
        }
        batch.counts.succeeded += tally.counts.succeeded;
        batch.counts.failed += tally.counts.failed;
        batch.counts.skipped += tally.counts.skipped;
        let at_end = batch.status == BatchStatus::Succeeded;
        let running = batch.status == BatchStatus::Running || at_end;
        if running && batch.tolerance.is_exceeded(&batch.counts, at_end) {
            batch.status = BatchStatus::Failed;
            batch.reason = Some("tolerated_failures_exceeded".into());
        }
        let seq = self.push(What::Batch(Box::new(batch.clone())));
        self.note_batch(seq, batch.clone());
        batch.previous = Some(seq);
        Ok(Answer::Batch(Box::new(batch)))
    }

    /// A batch's row names its own latest checkpoint in `previous`; the record names the one
    /// before it.
    fn checkpoint_seq(&self, id: &BatchId) -> Result<Seq, Unavailable> {
        let row = self.view().batch(id)?.and_then(|batch| batch.previous);
        row.ok_or_else(|| crate::view::damaged("a batch without a checkpoint"))
    }

    fn note_batch(&mut self, seq: Seq, mut batch: BatchState) {
        batch.previous = Some(seq);
        self.driver.draft.overlay.batches.insert(batch.id.clone(), Arc::new(batch));
    }

    /// Gives free stock of one product to the next orders that wait for it.
    fn release(&mut self, key: &StockKey) -> Result<(), Unavailable> {
        let waiting = self.waiting_rows(key);
        self.check()?;
        let last = waiting.last().map(|(seq, _)| *seq);
        self.command(&Command::Release { stock: key.clone() }, "")?;
        let more = waiting.len() == RELEASE_ORDERS_MAX;
        let next = last.filter(|_| more);
        self.push(What::Released { stock: key.clone(), next });
        self.driver.draft.overlay.releases.insert(key.clone(), next);
        Ok(())
    }

    fn waiting_rows(&self, key: &StockKey) -> Vec<(Seq, Arc<OrderState>)> {
        // What this commit's calls have freed is given out from the start again.
        let freed = self.driver.draft.overlay.releases.get(key).copied().flatten();
        let after = freed.or_else(|| self.driver.releases.get(key).copied());
        let way = Direction::Oldest;
        let rows = self.view().claims(key, ClaimState::Waiting, way, after, RELEASE_ORDERS_MAX);
        self.keep(rows).unwrap_or_default()
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
            What::Batch(batch) => self.note_batch(seq, *batch),
        }
        Ok(())
    }
}

impl<B: Base> Facts for Run<'_, B> {
    fn order(&self, key: &OrderKey) -> Option<OrderState> {
        let seq = self.keep(self.view().seq_of(key)).flatten()?;
        let entry = self.keep(self.view().entry(seq))?;
        Some(Arc::unwrap_or_clone(entry.state))
    }

    fn status(&self, key: &OrderKey) -> Option<Status> {
        let seq = self.keep(self.view().seq_of(key)).flatten()?;
        self.keep(self.view().entry(seq)).map(|entry| entry.state.status)
    }

    fn stock(&self, key: &StockKey) -> Option<Stock> {
        self.keep(self.stock_now(key)).flatten()
    }

    fn keeps_stock(&self, merchant: &MerchantId) -> bool {
        self.driver.keeps_stock.contains(merchant)
            || self.driver.draft.keeps_stock.contains(merchant)
    }

    fn policy(&self) -> Policy {
        self.driver.settings.policy
    }

    fn waiting(&self, stock: &StockKey) -> Vec<OrderState> {
        let rows = self.waiting_rows(stock).into_iter();
        rows.map(|(_, order)| Arc::unwrap_or_clone(order)).collect()
    }

    fn holding(&self, stock: &StockKey) -> Vec<OrderState> {
        let (way, limit) = (Direction::Newest, RELEASE_ORDERS_MAX);
        let rows = self.view().claims(stock, ClaimState::Reserved, way, None, limit);
        let rows = self.keep(rows).unwrap_or_default().into_iter();
        rows.map(|(_, order)| Arc::unwrap_or_clone(order)).collect()
    }
}

/// The answer to whoever sent the order.
fn accepted(seq: Seq, state: &OrderState, events: &[Event]) -> Accepted {
    let mut answer = Accepted {
        status: state.status,
        total: state.total,
        claims: state.claims.clone(),
        shortages: Vec::new(),
        rejection: None,
        seq,
        pricing: None,
    };
    for event in events {
        match event {
            Event::Allocated { shortages, .. } => answer.shortages.clone_from(shortages),
            Event::Rejected(rejection) => answer.rejection = Some(rejection.clone()),
            Event::Priced(pricing) => answer.pricing = Some(pricing.clone()),
            Event::Received(_)
            | Event::Filled { .. }
            | Event::Queued { .. }
            | Event::Unreserved { .. }
            | Event::Fulfilled
            | Event::Repeated { .. } => {}
        }
    }
    answer
}

/// The batch item that an audit or repetition belongs to.
#[must_use]
pub fn item_of(what: &What) -> Option<&BatchItem> {
    match what {
        What::Audit(audit) => audit.batch.as_ref(),
        What::Order { events, .. } => events.iter().find_map(|event| match event {
            Event::Received(received) => received.batch.as_ref(),
            Event::Repeated { batch, .. } => batch.as_ref(),
            Event::Priced(_)
            | Event::Allocated { .. }
            | Event::Rejected(_)
            | Event::Filled { .. }
            | Event::Queued { .. }
            | Event::Unreserved { .. }
            | Event::Fulfilled => None,
        }),
        What::Stock { .. }
        | What::Released { .. }
        | What::Products(_)
        | What::Customer(_)
        | What::Rules { .. }
        | What::Batch(_) => None,
    }
}
