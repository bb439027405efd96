//! What happened: past tense, never undone, the only source of an order's state.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::id::{CustomerId, Sku};
use crate::money::Money;
use crate::order::{BatchItem, Channel};
use crate::pricing::Pricing;
use crate::state::{ClaimState, Status};
use crate::stock::ShortagePolicy;

/// Something that happened to one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It came in and was found valid and new.
    Received(Box<Received>),
    /// It was priced; absent for transfers.
    Priced(Arc<Pricing>),
    /// Stock was looked for: what each claim found, in the order of [`Received::demand`].
    Allocated {
        /// One state a claim.
        claims: Vec<ClaimState>,
        /// What was short, with what was there.
        shortages: Vec<Shortage>,
    },
    /// A business no.
    Rejected(Rejection),
    /// Waiting claims got their stock.
    Filled {
        /// Which.
        skus: Vec<Sku>,
    },
    /// Claims of an order that ships complete found no stock either, and wait for it from now on.
    Queued {
        /// Which.
        skus: Vec<Sku>,
    },
    /// An adjustment took a reservation back: these claims wait again.
    Unreserved {
        /// Which.
        skus: Vec<Sku>,
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
}

impl Event {
    /// The event's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Received(_) => "received",
            Self::Priced(_) => "priced",
            Self::Allocated { .. } => "allocated",
            Self::Rejected(_) => "rejected",
            Self::Filled { .. } => "filled",
            Self::Queued { .. } => "queued",
            Self::Unreserved { .. } => "unreserved",
            Self::Fulfilled => "fulfilled",
            Self::Repeated { .. } => "repeated",
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

/// Goods or money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An order for goods.
    Purchase,
    /// Money from one account to another.
    Transfer,
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
}

impl Rejection {
    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfStock(_) => "out_of_stock",
            Self::UnknownSku(_) => "unknown_sku",
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
            Self::BelowReserved { .. } => "below_reserved",
            Self::StockOutOfRange => "stock_out_of_range",
            Self::TooManyReleases => "too_many_releases",
        }
    }
}
