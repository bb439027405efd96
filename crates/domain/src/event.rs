//! What happened: past tense, never undone, the only source of an order's state.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::command::{Verb, Verdict};
use crate::id::{CustomerId, Sku, StepName};
use crate::money::Money;
use crate::order::{BatchItem, Channel};
use crate::pricing::Pricing;
use crate::state::{ClaimId, ClaimState, Place, Status};
use crate::stock::ShortagePolicy;

/// Something that happened to one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It came in and was found valid and new.
    Received(Box<Received>),
    /// It was priced; absent for transfers.
    Priced(Arc<Pricing>),
    /// A new document took the place of the one before: the next revision. What comes after it in
    /// the same change is its price and what it found.
    Amended(Box<Amended>),
    /// Stock was looked for: what each claim found, in the order of the order's claims.
    Allocated {
        /// One state a claim.
        claims: Vec<ClaimState>,
        /// What was short, with what was there.
        shortages: Vec<Shortage>,
    },
    /// Its revision must pass these external steps, one after another, before anybody looks for
    /// stock.
    StepsAwaited {
        /// Which, in order; at least one.
        steps: Vec<StepName>,
    },
    /// The first call of its first step is about to be made.
    StepTakenUp {
        /// Which.
        step: StepName,
    },
    /// A step has nothing against it.
    StepPassed {
        /// Which.
        step: StepName,
        /// What it had to say besides.
        note: Option<Box<str>>,
    },
    /// The step it waited for is there no more: it goes on without it.
    StepRemoved {
        /// Which.
        step: StepName,
    },
    /// An answer that nobody waited for: of another revision, of another step, or a second one.
    /// Changes nothing, but is not forgotten.
    StepIgnored(Box<StepIgnored>),
    /// Every attempt at a step came to nothing. It holds nothing, and waits for a redrive.
    Failed {
        /// Which step.
        step: StepName,
        /// The last error, for people.
        error: Box<str>,
        /// Attempts made.
        attempts: u32,
    },
    /// Its steps are asked anew, from the first.
    Redriven {
        /// Which there are still; without any it goes on at once.
        steps: Vec<StepName>,
        /// Where that was asked for.
        channel: Channel,
    },
    /// A business no. What it held is free.
    Rejected(Rejection),
    /// Waiting claims got their stock.
    Filled {
        /// Which.
        claims: Vec<ClaimId>,
    },
    /// Claims of an order that ships complete found no stock either, and wait for it from now on.
    Queued {
        /// Which.
        claims: Vec<ClaimId>,
    },
    /// An adjustment took a reservation back: these claims wait again.
    Unreserved {
        /// Which.
        claims: Vec<ClaimId>,
    },
    /// It was called off: what it held is free, and it waits for nothing.
    Cancelled {
        /// Why, in the words of whoever asked.
        reason: Option<Box<str>>,
        /// Where the cancellation came in.
        channel: Channel,
        /// The batch it came in with.
        batch: Option<BatchItem>,
    },
    /// The goods were handed over, the reserved stock consumed.
    Fulfilled,
    /// The same order came again. Changes nothing, but is not forgotten.
    Repeated {
        /// Where it came in this time.
        channel: Channel,
        /// The batch it came in with this time.
        batch: Option<BatchItem>,
        /// Whether the document was the same, byte for byte.
        same_document: bool,
    },
    /// A command could not apply. Changes nothing, but is not forgotten.
    Refused(Box<Refused>),
}

impl Event {
    /// The event's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Received(_) => "received",
            Self::Priced(_) => "priced",
            Self::Amended(_) => "amended",
            Self::Allocated { .. } => "allocated",
            Self::StepsAwaited { .. } => "steps_awaited",
            Self::StepTakenUp { .. } => "step_taken_up",
            Self::StepPassed { .. } => "step_passed",
            Self::StepRemoved { .. } => "step_removed",
            Self::StepIgnored(_) => "step_ignored",
            Self::Failed { .. } => "failed",
            Self::Redriven { .. } => "redriven",
            Self::Rejected(_) => "rejected",
            Self::Filled { .. } => "filled",
            Self::Queued { .. } => "queued",
            Self::Unreserved { .. } => "unreserved",
            Self::Cancelled { .. } => "cancelled",
            Self::Fulfilled => "fulfilled",
            Self::Repeated { .. } => "repeated",
            Self::Refused(_) => "refused",
        }
    }
}

/// An order as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Goods or money.
    pub kind: Kind,
    /// Where it came in.
    pub channel: Channel,
    /// The buyer, when named.
    pub customer: Option<CustomerId>,
    /// The batch it came in with.
    pub batch: Option<BatchItem>,
    /// Units wanted per SKU.
    pub demand: Vec<(Sku, i64)>,
    /// What happens about a shortage.
    pub shortage: ShortagePolicy,
    /// The total: of the pricing, or the transfer's amount.
    pub total: Option<Money>,
    /// Hash of the document's bytes.
    pub document_hash: u64,
}

/// A new revision of an order, as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amended {
    /// Goods or money.
    pub kind: Kind,
    /// Where the amendment came in.
    pub channel: Channel,
    /// The buyer, when named.
    pub customer: Option<CustomerId>,
    /// The batch the amendment came in with.
    pub batch: Option<BatchItem>,
    /// Units wanted per SKU, now.
    pub demand: Vec<(Sku, i64)>,
    /// Where units that were not wanted before stand in their queues.
    pub place: Place,
    /// What happens about a shortage.
    pub shortage: ShortagePolicy,
    /// The total: of the pricing, or the transfer's amount.
    pub total: Option<Money>,
    /// Hash of the document's bytes.
    pub document_hash: u64,
}

/// An answer of a step that nobody waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepIgnored {
    /// Which step.
    pub step: StepName,
    /// The revision it was asked about.
    pub revision: u32,
    /// How it ended.
    pub verdict: Verdict,
}

/// A command that could not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was asked.
    pub verb: Verb,
    /// Why it could not be.
    pub refusal: Refusal,
    /// Where it came in.
    pub channel: Channel,
    /// The batch it came in with.
    pub batch: Option<BatchItem>,
}

/// Goods or money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An order for goods.
    Purchase,
    /// Money from one account to another.
    Transfer,
}

impl Kind {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::Transfer => "transfer",
        }
    }
}

/// A SKU of which there was too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Which.
    pub sku: Sku,
    /// How many the order wants.
    pub wanted: i64,
    /// How many it could have had.
    pub available: i64,
}

/// Why an order was turned down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Too little stock, and its policy is to reject.
    OutOfStock(Vec<Shortage>),
    /// SKUs that nobody keeps, where that rejects the order.
    UnknownSku(Vec<Sku>),
    /// An external step turned it down.
    Step {
        /// Which.
        step: StepName,
        /// Why, in its own words.
        reason: Box<str>,
    },
}

impl Rejection {
    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfStock(_) => "out_of_stock",
            Self::UnknownSku(_) => "unknown_sku",
            Self::Step { .. } => "step_refused",
        }
    }
}

/// Why a command cannot apply now. Burns nothing: the same command may succeed later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The seller has an order with that id already.
    Duplicate {
        /// Where the first one stands.
        status: Status,
    },
    /// There is no such order.
    UnknownOrder,
    /// The order's state does not allow it.
    WrongState {
        /// Where it stands.
        status: Status,
    },
    /// The amended order would be turned down: it stays as it is.
    WouldReject(Rejection),
    /// The amendment was made for another revision than the current one.
    StaleRevision {
        /// The current one.
        current: u32,
    },
    /// The order has as many revisions as one may have.
    TooManyRevisions,
    /// Less would be left than is promised.
    BelowReserved {
        /// Units promised.
        reserved: i64,
    },
    /// Stock on hand may not be negative or above ten billion units.
    StockOutOfRange,
    /// More reservations would have to be taken back than one command may touch.
    TooManyReleases,
}

impl Refusal {
    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } => "duplicate",
            Self::UnknownOrder => "unknown_order",
            Self::WrongState { .. } => "wrong_state",
            Self::WouldReject(rejection) => rejection.code(),
            Self::StaleRevision { .. } => "stale_revision",
            Self::TooManyRevisions => "too_many_revisions",
            Self::BelowReserved { .. } => "below_reserved",
            Self::StockOutOfRange => "stock_out_of_range",
            Self::TooManyReleases => "too_many_releases",
        }
    }
}
