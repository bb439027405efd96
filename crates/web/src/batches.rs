//! The port to whatever runs batches.
//!
//! A posted body is on disk, synced, before [`BatchRuns::start`] is called; nothing of it has been
//! read or judged by then.

use std::path::PathBuf;

use bytes::Bytes;
use domain::id::BatchId;
use messages::Arg;
use service::batch::{BatchState, Tolerance};
use service::ledger::{Task, Unavailable};
use service::wire::message::Lang;
use tokio::sync::mpsc;

/// Runs batches.
pub trait BatchRuns: Send + Sync {
    /// Starts a batch and returns once its first checkpoint is durable. The spooled file belongs
    /// to the runner when it answers `New`; otherwise the caller removes it.
    ///
    /// # Errors
    /// [`BatchError::OtherContent`] when that id was used for other content,
    /// [`BatchError::Malformed`] when a document's frame cannot be read.
    fn start(&self, new: NewBatch) -> Task<'_, Result<Started, BatchError>>;

    /// Takes no more items; those in flight come out.
    ///
    /// # Errors
    /// [`BatchError::Unknown`], or [`BatchError::WrongState`] when it does not run.
    fn stop(&self, id: &BatchId) -> Task<'_, Result<BatchState, BatchError>>;

    /// Runs the failed items of a finished batch again.
    ///
    /// # Errors
    /// [`BatchError::Unknown`], or [`BatchError::WrongState`] while it runs.
    fn redrive(&self, id: &BatchId) -> Task<'_, Result<Started, BatchError>>;

    /// Counts by outcome and reason, totals, shortages: a JSON object.
    ///
    /// # Errors
    /// [`BatchError::Unknown`].
    fn summary(&self, id: &BatchId) -> Task<'_, Result<serde_json::Value, BatchError>>;

    /// What became of each item: JSON lines in the reader's language, in chunks of any size, each
    /// line with its newline.
    /// The channel is bounded; when the receiver goes away, so should the sender. A sender that
    /// cannot go on sends an error: the answer breaks off instead of looking complete.
    ///
    /// # Errors
    /// [`BatchError::Unknown`].
    fn results(&self, id: &BatchId, show: Shown) -> Task<'_, Result<Lines, BatchError>>;

    /// A dry run that is remembered: it leaves nothing in the ledger.
    fn dry_run(&self, _: &BatchId) -> Option<BatchState> {
        None
    }

    /// What is known of a running batch beyond its checkpoint; `None` when it does not run here.
    fn live(&self, id: &BatchId) -> Option<Live>;
}

/// Which results are shown, and how.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// The reader's language.
    pub lang: Lang,
    /// Items before this one are not shown; counted from 0.
    pub first: u64,
    /// Most lines.
    pub limit: u64,
    /// Items that failed, and no others.
    pub only_failed: bool,
}

impl Shown {
    /// All of them.
    #[must_use]
    pub fn all(lang: Lang) -> Self {
        Self { lang, first: 0, limit: u64::MAX, only_failed: false }
    }
}

/// Lines of results, as they are read.
pub type Lines = mpsc::Receiver<std::io::Result<Bytes>>;

/// A batch to start.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// The id the sender wants; else the document's `batchId`, else the content's hash.
    pub id: Option<BatchId>,
    /// What the spooled file holds.
    pub format: Format,
    /// The spooled body: complete, synced.
    pub path: PathBuf,
    /// How much failure it bears.
    pub tolerance: Tolerance,
    /// Most items in flight; the runner's choice when absent. At least 1.
    pub max_concurrency: Option<u32>,
    /// Validate and price only.
    pub dry_run: bool,
}

/// What a spooled body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document: `{batchId, metadata, pricingRules, orders[]}`, or an array of orders.
    JsonDocument,
    /// One order a line.
    JsonLines,
    /// Rows of a table below their header; one row for each line of an order.
    Table,
}

impl Format {
    /// The ending of a spooled body's name: what it is must be told again after a restart.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::JsonDocument => "json",
            Self::JsonLines => "jsonl",
            Self::Table => "csv",
        }
    }
}

/// What starting came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    New(BatchState),
    /// The same content was sent before under that id: this is its run.
    Known(BatchState),
}

impl Started {
    /// The batch.
    #[must_use]
    pub fn state(&self) -> &BatchState {
        match self {
            Self::New(state) | Self::Known(state) => state,
        }
    }
}

/// What is known of a running batch beyond its checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Items in flight.
    pub running: u64,
    /// Items in the whole input, when known.
    pub total: Option<u64>,
    /// Lines of results written.
    pub results_written: u64,
    /// Items that ran out of time.
    pub timed_out: u64,
}

/// Why something cannot be done with a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// There is no such batch.
    #[error("there is no such batch")]
    Unknown,
    /// The id was used for other content.
    #[error("the batch id was used for other content")]
    OtherContent(Box<BatchState>),
    /// Its state does not allow it.
    #[error("the batch's state does not allow it")]
    WrongState(Box<BatchState>),
    /// The body's frame cannot be read: what is wrong.
    #[error("the batch cannot be read")]
    Malformed(Arg),
    /// The batch's pricing rules do not compile.
    #[error("the batch's pricing rules break {} rules", .0.len())]
    Rules(Vec<service::wire::rules::RuleViolation>),
    /// Too many batches run: nothing was done.
    #[error("too many batches run")]
    Busy,
    /// The ledger cannot.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The spooled input or the results cannot be read or written.
    #[error("batch files")]
    Io(#[from] std::io::Error),
}

/// Runs no batches: for deployables without a disk of their own, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBatches;

fn ready<T: Send + 'static>(result: Result<T, BatchError>) -> Task<'static, Result<T, BatchError>> {
    Box::pin(std::future::ready(result))
}

impl BatchRuns for NoBatches {
    fn start(&self, _: NewBatch) -> Task<'_, Result<Started, BatchError>> {
        ready(Err(BatchError::Busy))
    }
    fn stop(&self, _: &BatchId) -> Task<'_, Result<BatchState, BatchError>> {
        ready(Err(BatchError::Unknown))
    }
    fn redrive(&self, _: &BatchId) -> Task<'_, Result<Started, BatchError>> {
        ready(Err(BatchError::Unknown))
    }
    fn summary(&self, _: &BatchId) -> Task<'_, Result<serde_json::Value, BatchError>> {
        ready(Err(BatchError::Unknown))
    }
    fn results(&self, _: &BatchId, _: Shown) -> Task<'_, Result<Lines, BatchError>> {
        ready(Err(BatchError::Unknown))
    }
    fn live(&self, _: &BatchId) -> Option<Live> {
        None
    }
}
