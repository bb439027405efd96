//! The two ports: `Ledger`, the one durable door, and `Changes`, which everyone else reads.
//!
//! `execute` takes requests and gives one answer each, in order, after the commit that holds all
//! of them. What was answered survives a crash; what was not may be sent again with the same id.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use domain::command::{self, AdjustStock, StepReport};
use domain::event::{Event, Refusal, Rejection, Shortage};
use domain::facts::Policy;
use domain::id::{BatchId, CustomerId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::order::{BatchItem, Channel, Order};
use domain::pricing::Pricing;
use domain::state::{ClaimState, OrderState, Status};
use domain::stock::Stock;
use domain::time::Timestamp;

use crate::batch::BatchState;
use crate::catalogue::{Catalogue, Customer, Product};
use crate::change::{Audit, Change, Fault, Flood, Seq, Stray, What};
use crate::letters::{self, DeadLetter, Filter, Letters, Settle, Settlement, Sweep, Sweeping};
use crate::measure::Moments;
use crate::once;
use crate::once::{Kept, Once, Outcome};
use crate::view::{Base, Direction, Inputs, View, damaged};
use crate::webhooks::{self, Endpoint};
use crate::wire::rules::CompiledRules;

/// A future on the heap, so that a ledger can be a trait object.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Most requests in one call: a batch commits this many at once, and a call is one commit.
pub const REQUESTS_PER_CALL_MAX: usize = 1_024;

/// Something to do.
#[derive(Clone, Debug)]
pub enum Request {
    /// Take in an order.
    Receive(Box<Receive>),
    /// Record input that is no order.
    Audit(Box<Audit>),
    /// Put a new document in the place of an order's: its next revision.
    Amend(Box<Amend>),
    /// Call an order off.
    Cancel(Box<Cancel>),
    /// Record how much input that is no order was only counted.
    Flood(Box<Flood>),
    /// The goods of an order were handed over.
    Fulfil(OrderKey),
    /// Something became of an external step of an order. Answered with the order after it, whether
    /// that changed it or not.
    Step(Box<StepReport>),
    /// Ask the steps of a failed order anew.
    Redrive(OrderKey),
    /// Change stock on hand.
    AdjustStock(AdjustStock),
    /// Add or change products.
    PutProducts(Vec<Product>),
    /// Add or change a customer.
    PutCustomer(Customer),
    /// Save a rule set: the installation's, or one that only prices a batch.
    PutRules {
        /// The rules.
        rules: Arc<CompiledRules>,
        /// Whether they price the installation's orders from now on.
        installed: bool,
    },
    /// Do it once, however often it is sent.
    Once(Box<Once>),
    /// Record a command for an order that is not there.
    Stray(Box<Stray>),
    /// Do something about a webhook endpoint.
    Webhook(Box<webhooks::Command>),
    /// A batch's checkpoint. Comes last in the call whose orders it covers; its counts are those
    /// of the batch before this call, and the ledger adds what this call's items came to.
    Checkpoint(Box<BatchState>),
    /// File what could not be seen through. Buried again, it is the same letter.
    Bury(Box<DeadLetter>),
    /// End a dead letter, once.
    Settle(Box<Settle>),
    /// How far the ending of many letters got. Comes last in the call whose letters it counts; its
    /// counts are those before this call, and the ledger adds what this call's letters came to.
    Sweep(Box<Sweep>),
}

impl Request {
    /// The batch and place that it comes with, where it comes with one.
    pub(crate) fn item(&self) -> Option<&BatchItem> {
        match self {
            Self::Receive(receive) => receive.batch.as_ref(),
            Self::Audit(audit) => audit.batch.as_ref(),
            Self::Amend(amend) => amend.batch.as_ref(),
            Self::Cancel(cancel) => cancel.command.batch.as_ref(),
            Self::Stray(stray) => stray.batch.as_ref(),
            Self::Flood(_)
            | Self::Fulfil(_)
            | Self::Step(_)
            | Self::Redrive(_)
            | Self::AdjustStock(_)
            | Self::PutProducts(_)
            | Self::PutCustomer(_)
            | Self::PutRules { .. }
            | Self::Once(_)
            | Self::Webhook(_)
            | Self::Checkpoint(_)
            | Self::Bury(_)
            | Self::Settle(_)
            | Self::Sweep(_) => None,
        }
    }
}

/// An order to take in.
#[derive(Clone, Debug)]
pub struct Receive {
    /// The order.
    pub order: Order,
    /// Its document, byte for byte.
    pub document: Bytes,
    /// What was odd about it.
    pub warnings: Vec<Fault>,
    /// The batch it comes with.
    pub batch: Option<BatchItem>,
    /// The batch's own rules and metadata; the installation's rules when absent.
    pub rules: Option<Arc<BatchRules>>,
}

/// A new document for an order that is there.
#[derive(Clone, Debug)]
pub struct Amend {
    /// The order as it is to be, whole. Its rules and the time it is priced for are those of its
    /// first revision.
    pub order: Order,
    /// Its document, byte for byte.
    pub document: Bytes,
    /// What was odd about it.
    pub warnings: Vec<Fault>,
    /// The batch it comes with.
    pub batch: Option<BatchItem>,
    /// The revision it was made for; any, when absent.
    pub revision: Option<u32>,
}

/// An order to call off.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// Which, and why.
    pub command: command::Cancel,
    /// The document that asks for it, when one does.
    pub document: Option<Bytes>,
}

/// What prices a batch's orders instead of the installation's rules.
#[derive(Debug)]
pub struct BatchRules {
    /// The rules; the installation's when absent.
    pub rules: Option<Arc<CompiledRules>>,
    /// The sender's metadata that conditions may ask for.
    pub metadata: domain::pricing::Metadata,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The order is in.
    Accepted(Accepted),
    /// It could not apply; recorded where it concerns an order.
    Refused(Refusal),
    /// What it asks for cannot be priced or kept; recorded like any invalid input.
    Invalid(Vec<Fault>),
    /// Recorded.
    Recorded,
    /// Stock after the adjustment.
    Stock(Stock),
    /// The version the rule set got.
    Rules(u64),
    /// The batch at its checkpoint.
    Batch(Box<BatchState>),
    /// The endpoint as it is then, or why nothing was done.
    Endpoint(Result<Arc<Endpoint>, webhooks::Refused>),
    /// What became of a request under a key.
    Once(Box<Outcome>),
    /// What the letter is called, new or not.
    Buried(Seq),
    /// What became of a dead letter.
    Settled(Box<Settlement>),
    /// Where the ending of many letters stands.
    Sweep(Sweeping),
    /// Deciding it failed, even alone: a fault of ours. Its neighbours are unharmed.
    Broken,
}

/// An order that is in, or has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The order after it.
    pub state: Arc<OrderState>,
    /// What was short.
    pub shortages: Vec<Shortage>,
    /// Why it was turned down, when it was.
    pub rejection: Option<Rejection>,
    /// What it is called in the log.
    pub seq: Seq,
    /// What every cent of the total is for, when it was priced by this request.
    pub pricing: Option<Arc<Pricing>>,
}

/// Why nothing could be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Too much is waiting already: nothing was done, try again later.
    #[error("the intake queue is full")]
    Full,
    /// Too little disk space is left to take more in: nothing was done.
    #[error("disk space is below the safe minimum")]
    DiskSpace,
    /// The commit failed: whether the request is in is not known. The same id may be sent again.
    #[error("outcome unknown, retry with the same id")]
    OutcomeUnknown,
    /// The ledger is shutting down: nothing was done.
    #[error("the ledger is closed")]
    Closed,
    /// The cursor that a page is asked behind names no change.
    #[error("the cursor names no change")]
    Cursor,
    /// What is stored could not be read.
    #[error("stored data could not be read: {0}")]
    Read(String),
}

/// Orders to list: one of these filters, each with a time range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// What to list by.
    pub by: By,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Where the previous page ended.
    pub before: Option<Seq>,
    /// Most rows.
    pub limit: usize,
}

/// Most rows of one page.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// The combinations of filters every ledger answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum By {
    /// Every order.
    #[default]
    All,
    /// In a state.
    Status(Status),
    /// Of a seller.
    Merchant(MerchantId),
    /// Of a seller, in a state.
    MerchantStatus(MerchantId, Status),
    /// Of a seller's customer.
    Customer(MerchantId, CustomerId),
    /// With a claim on a product.
    Sku(StockKey),
    /// With a claim on a product in a state.
    SkuStatus(StockKey, ClaimState),
    /// Of a batch.
    Batch(BatchId),
    /// Of a channel.
    Channel(Channel),
}

/// The combinations of filters, for people.
pub const SUPPORTED_FILTERS: &str = "status · merchant_id · merchant_id+status · \
    merchant_id+customer_id · merchant_id+sku · merchant_id+sku+line_status · batch_id · channel; \
    each with from, until";

/// A page of orders, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The orders.
    pub orders: Vec<(Seq, OrderState)>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Seq>,
}

/// An order with everything that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// The order.
    pub state: OrderState,
    /// What it is called in the log.
    pub seq: Seq,
    /// The document of its revision, byte for byte.
    pub document: Bytes,
    /// The changes that brought its revisions, the first's first: each holds its document.
    pub revisions: Vec<Seq>,
    /// What was odd about the document.
    pub warnings: Vec<Fault>,
    /// What happened, oldest first.
    pub history: Vec<(Seq, Timestamp, Event)>,
}

/// What a bare order id leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One order.
    Order(Box<OrderView>),
    /// Orders of several sellers.
    Ambiguous(Vec<MerchantId>),
    /// Only ever invalid input.
    Invalid(Box<(Seq, Timestamp, Audit)>),
    /// Nothing.
    Nothing,
}

/// A product's stock.
pub type StockRow = (StockKey, Stock);

/// Answers, and when their call passed the stages of its commit.
#[derive(Debug)]
pub struct Timed {
    /// One each, in order.
    pub answers: Vec<Answer>,
    /// Where the ledger knows.
    pub moments: Option<Moments>,
}

/// The one durable door.
pub trait Ledger: Changes + Send + Sync {
    /// Does the requests, in order, in one commit; answers after it, one each, in order.
    ///
    /// # Errors
    /// [`Unavailable`]: says whether anything may have been done.
    fn execute(&self, requests: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>>;

    /// Like [`Ledger::execute`], but waits for room in the queue instead of saying
    /// [`Unavailable::Full`]: for callers with a thread of their own.
    fn execute_patiently(
        &self,
        requests: Vec<Request>,
    ) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        self.execute(requests)
    }

    /// Shows `look` one consistent state, everything committed so far included. What every other
    /// read looks through.
    ///
    /// # Errors
    /// What `look` says, and [`Unavailable::Read`] when the state cannot be read.
    fn look(&self, look: &mut Look<'_>) -> Result<(), Unavailable>;

    /// What orders that do not say otherwise are decided by.
    fn policy(&self) -> Policy;

    /// Like [`Ledger::execute`], with when the call passed the stages of its commit, where the
    /// ledger knows.
    fn execute_timed(&self, requests: Vec<Request>) -> Task<'_, Result<Timed, Unavailable>> {
        let answers = self.execute(requests);
        Box::pin(async move { Ok(Timed { answers: answers.await?, moments: None }) })
    }

    /// An order by its id, and by its seller where named.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn order(&self, id: &OrderId, merchant: Option<&MerchantId>) -> Result<Found, Unavailable> {
        seen(self, |view| view.order(id, merchant))
    }

    /// A page of orders.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn find(&self, query: &Query) -> Result<Page, Unavailable> {
        seen(self, |view| view.find(query))
    }

    /// Stock rows after `after`, by seller and SKU.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn stock(&self, after: Option<&StockKey>, limit: usize) -> Result<Vec<StockRow>, Unavailable> {
        seen(self, |view| view.stock_after(after, limit))
    }

    /// The stock of one product.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn stock_of(&self, key: &StockKey) -> Result<Option<Stock>, Unavailable> {
        seen(self, |view| view.stock(key))
    }

    /// A batch by its id.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn batch(&self, id: &BatchId) -> Result<Option<BatchState>, Unavailable> {
        seen(self, |view| view.batch(id))
    }

    /// Batches, by id, after `after`.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn batches(
        &self,
        after: Option<&BatchId>,
        limit: usize,
    ) -> Result<Vec<BatchState>, Unavailable> {
        seen(self, |view| view.batches(after, limit))
    }

    /// Input that is no order (audits, and what was only counted), newest first, before a bound;
    /// of one seller, where named. A page may be short and still have a next one.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn inputs(
        &self,
        merchant: Option<&MerchantId>,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Inputs, Unavailable> {
        seen(self, |view| view.inputs(merchant, before, limit))
    }

    /// The answer that is kept under the key of that name, and not for too long.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn kept(&self, name: &once::Hash, now: Timestamp) -> Result<Option<Kept>, Unavailable> {
        let Some((seq, _)) = seen(self, |view| view.kept(name, now))? else { return Ok(None) };
        match self.change(seq)?.what {
            What::Kept(kept) => Ok(Some(*kept)),
            _ => Err(damaged("a key's row names another change")),
        }
    }

    /// A page of dead letters beyond `bound`.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn letters(
        &self,
        filter: &Filter,
        way: Direction,
        bound: Option<Seq>,
        limit: usize,
    ) -> Result<Letters, Unavailable> {
        seen(self, |view| view.letters(filter, way, bound, limit))
    }

    /// A dead letter, with its row.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn letter(&self, seq: Seq) -> Result<Option<(letters::Row, DeadLetter)>, Unavailable> {
        let Some(row) = seen(self, |view| view.letter(seq))? else { return Ok(None) };
        Ok(Some((row, letters::of_change(self.change(seq)?.what)?)))
    }

    /// Open dead letters by kind.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn letters_open(&self) -> Result<letters::Counts, Unavailable> {
        seen(self, |view| view.letters_open())
    }

    /// The ending of many letters, by what it is called.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn sweep(&self, id: Seq) -> Result<Option<Sweep>, Unavailable> {
        seen(self, |view| view.sweep(id))
    }

    /// The newest of them before one, newest first.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn sweeps(&self, before: Option<Seq>, limit: usize) -> Result<Vec<Sweep>, Unavailable> {
        seen(self, |view| view.sweeps(before, limit))
    }

    /// A rule set by its version.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn rules(&self, version: u64) -> Result<Option<Arc<CompiledRules>>, Unavailable> {
        seen(self, |view| view.rules(version))
    }

    /// Products, customers and rules as they are now.
    fn catalogue(&self) -> Arc<Catalogue>;
}

/// The log, for everyone who follows it.
pub trait Changes {
    /// Changes after `after`, oldest first, at most `limit` (1 to 10,000). Only what is committed.
    ///
    /// # Errors
    /// [`Unavailable::Cursor`] when no change is called `after`, [`Unavailable::Read`] when stored
    /// data is damaged.
    fn read(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, Change)>, Unavailable>;

    /// The change at `seq`.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when there is none, or it is damaged.
    fn change(&self, seq: Seq) -> Result<Change, Unavailable>;

    /// Shows the changes from `from` up to, and not with, `until` to `visit`, oldest first.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn scan(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Seq, Change),
    ) -> Result<(), Unavailable>;
}

/// What [`Ledger::look`] shows a state to.
pub type Look<'a> = dyn FnMut(&View<'_, dyn Base + '_>) -> Result<(), Unavailable> + 'a;

/// What `read` finds in the state of `ledger`.
///
/// # Errors
/// What `read` says, and [`Unavailable::Read`] when the state cannot be read.
pub fn seen<R>(
    ledger: &(impl Ledger + ?Sized),
    read: impl Fn(&View<'_, dyn Base + '_>) -> Result<R, Unavailable>,
) -> Result<R, Unavailable> {
    let mut found = None;
    ledger.look(&mut |view| {
        found = Some(read(view)?);
        Ok(())
    })?;
    found.ok_or_else(|| damaged("a ledger that shows nothing"))
}

/// A product of a seller, by parts.
#[must_use]
pub fn stock_key(merchant: &MerchantId, sku: &Sku) -> StockKey {
    StockKey { merchant: merchant.clone(), sku: sku.clone() }
}

/// Where a seller's products begin: no SKU is before a blank.
#[must_use]
pub fn first_of(merchant: &MerchantId) -> StockKey {
    StockKey { merchant: merchant.clone(), sku: Sku::parse(" ").expect("a blank is a name") }
}
