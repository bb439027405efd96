//! What may be asked of an order or of stock.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::id::{OrderKey, StepName, StockKey};
use crate::order::{BatchItem, Channel, Order};
use crate::pricing::Pricing;

/// One thing to decide. Commands for one order apply in the order they reach the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Take in an order that is new.
    Receive(Box<Receive>),
    /// What became of an external step of an order. The last one that passes allocates it.
    Step(Box<StepReport>),
    /// Put a new document in the place of an order's: its next revision.
    Amend(Box<Amend>),
    /// Call an order off.
    Cancel(Cancel),
    /// The goods were handed over.
    Fulfil {
        /// Which.
        order: OrderKey,
    },
    /// Ask the steps of a failed order anew, from the first.
    Redrive(Redrive),
    /// Stock came, went or was counted.
    AdjustStock(AdjustStock),
    /// Give stock that is free to the orders that wait for it, oldest first. Internal: follows
    /// from [`Command::AdjustStock`].
    Release {
        /// What became free.
        stock: StockKey,
    },
}

/// Take in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receive {
    /// The order.
    pub order: Order,
    /// What it costs; `None` for a transfer.
    pub pricing: Option<Arc<Pricing>>,
    /// The batch it came in with.
    pub batch: Option<BatchItem>,
    /// Hash of the document's bytes, to tell a repetition from another document with that id.
    pub document_hash: u64,
    /// The external steps it must pass first, in order; at most [`crate::limits::STEPS_MAX`].
    pub steps: Vec<StepName>,
}

/// Put a new document in the place of an order's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amend {
    /// The order as it is to be, whole.
    pub order: Order,
    /// What it costs then; `None` for a transfer.
    pub pricing: Option<Arc<Pricing>>,
    /// The batch the amendment came in with.
    pub batch: Option<BatchItem>,
    /// Hash of the document's bytes.
    pub document_hash: u64,
    /// The revision it was made for; any, when absent.
    pub revision: Option<u32>,
    /// The external steps that the new revision must pass first, in order.
    pub steps: Vec<StepName>,
}

/// What became of an external step of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Which order.
    pub order: OrderKey,
    /// Which revision of it was asked about.
    pub revision: u32,
    /// Which step.
    pub step: StepName,
    /// What became of it.
    pub news: StepNews,
}

/// What may become of an external step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepNews {
    /// Its first call is about to be made.
    TakenUp,
    /// It has come to an end.
    Said(Verdict),
    /// There is no such step any more: nobody will answer.
    Removed,
}

/// How a step ended. Texts have at most [`crate::limits::REASON_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has nothing against the order.
    Approved {
        /// What it had to say besides.
        note: Option<Box<str>>,
    },
    /// It turns the order down.
    Refused {
        /// Why, in its own words.
        reason: Box<str>,
    },
    /// No usable answer after every attempt there was.
    Failed {
        /// The last error, for people.
        error: Box<str>,
        /// Attempts made.
        attempts: u32,
    },
}

/// Ask the steps of a failed order anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// Which.
    pub order: OrderKey,
    /// The steps there are now: others are not asked any more.
    pub known: Vec<StepName>,
    /// Where that was asked for.
    pub channel: Channel,
}

/// Call an order off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// Which.
    pub order: OrderKey,
    /// Why, in the words of whoever asked; at most [`crate::limits::REASON_BYTES_MAX`] bytes.
    pub reason: Option<Box<str>>,
    /// Where the cancellation came in.
    pub channel: Channel,
    /// The batch it came in with.
    pub batch: Option<BatchItem>,
}

/// What the commands for an order that is there are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// [`Command::Amend`].
    Amend,
    /// [`Command::Cancel`].
    Cancel,
    /// [`Command::Fulfil`].
    Fulfil,
    /// [`Command::Redrive`].
    Redrive,
}

impl Verb {
    /// Every verb with its name on the wire.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Amend, "amend"),
        (Self::Cancel, "cancel"),
        (Self::Fulfil, "fulfil"),
        (Self::Redrive, "redrive"),
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amend => "amend",
            Self::Cancel => "cancel",
            Self::Fulfil => "fulfil",
            Self::Redrive => "redrive",
        }
    }
}

/// Change what is on hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdjustStock {
    /// Which product of which seller.
    pub stock: StockKey,
    /// How.
    pub change: StockChange,
    /// What to do when less would be left than is reserved.
    pub below_reserved: BelowReserved,
    /// Why, in the words of whoever asked.
    pub reason: Box<str>,
}

/// How stock on hand changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockChange {
    /// By so many units, more or fewer.
    By(i64),
    /// To so many units, as counted.
    To(i64),
}

/// What to do when an adjustment leaves less than is reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BelowReserved {
    /// Refuse it.
    #[default]
    Refuse,
    /// Take the reservation back from the newest orders, which then wait.
    ReleaseNewest,
}
