//! Where an order stands: the fold of its events.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::event::Kind;
use crate::id::{CustomerId, OrderKey, Sku, StepName};
use crate::money::Money;
use crate::order::{BatchItem, Channel};
use crate::stock::ShortagePolicy;
use crate::time::Timestamp;

/// The states of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Broke rules: recorded for audit, does not use up the id.
    Invalid,
    /// Taken in; waits for its first external step to be taken up.
    Received,
    /// Waits for an external step.
    Processing,
    /// Every line is reserved or untracked.
    Completed,
    /// A line waits for stock.
    Backordered,
    /// A business no.
    Rejected,
    /// Every attempt at an external step came to nothing; holds nothing, may be redriven.
    Failed,
    /// Called off.
    Cancelled,
    /// Goods handed over.
    Fulfilled,
}

impl Status {
    /// Every status with its name on the wire.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Invalid, "INVALID"),
        (Self::Received, "RECEIVED"),
        (Self::Processing, "PROCESSING"),
        (Self::Completed, "COMPLETED"),
        (Self::Backordered, "BACKORDERED"),
        (Self::Rejected, "REJECTED"),
        (Self::Failed, "FAILED"),
        (Self::Cancelled, "CANCELLED"),
        (Self::Fulfilled, "FULFILLED"),
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(status, _)| *status)
    }
}

/// What an order has of one SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimState {
    /// Nobody has looked yet, or the order came to nothing.
    Open,
    /// Nobody counts this SKU: done.
    Untracked,
    /// Stock is promised.
    Reserved,
    /// Short, and in the SKU's queue.
    Waiting,
    /// There was enough, but the order ships complete and another SKU is short: holds nothing.
    Standby,
    /// Handed over.
    Consumed,
}

impl ClaimState {
    /// Every state with its name on the wire. A standing-by claim is backordered to the outside.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Open, "OPEN"),
        (Self::Untracked, "UNTRACKED"),
        (Self::Reserved, "RESERVED"),
        (Self::Waiting, "BACKORDERED"),
        (Self::Standby, "BACKORDERED"),
        (Self::Consumed, "FULFILLED"),
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// Whether the order needs nothing more of this claim to be complete.
    #[must_use]
    pub fn is_done(self) -> bool {
        match self {
            Self::Untracked | Self::Reserved | Self::Consumed => true,
            Self::Open | Self::Waiting | Self::Standby => false,
        }
    }
}

/// Where a claim stands in its product's queue; lower comes first. The ledger gives places out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u64);

impl Place {
    /// Where the order itself stands, since it was received.
    pub const OF_ORDER: Self = Self(0);
}

/// An order's claim on one SKU, its lines summed. An order that was amended may have several on
/// one SKU: what it wanted first, and what was added later and stands behind others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What.
    pub sku: Sku,
    /// How many units.
    pub quantity: i64,
    /// What it has of them.
    pub state: ClaimState,
    /// Where it stands in the queue.
    pub place: Place,
}

impl Claim {
    /// What names it among its order's claims.
    #[must_use]
    pub fn id(&self) -> ClaimId {
        ClaimId { sku: self.sku.clone(), place: self.place }
    }

    /// Whether it is the one called `id`.
    #[must_use]
    pub fn is(&self, id: &ClaimId) -> bool {
        self.place == id.place && self.sku == id.sku
    }
}

/// Names one claim of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimId {
    /// The product.
    pub sku: Sku,
    /// Where the claim stands.
    pub place: Place,
}

/// An order, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderState {
    /// Who sells, and how they call it.
    pub key: OrderKey,
    /// 1 for an order as it first came; an amend opens the next. At most
    /// [`crate::limits::REVISIONS_MAX`].
    pub revision: u32,
    /// Where it stands.
    pub status: Status,
    /// Goods or money.
    pub kind: Kind,
    /// Where it came in.
    pub channel: Channel,
    /// The buyer, when named.
    pub customer: Option<CustomerId>,
    /// The batch it came in with.
    pub batch: Option<BatchItem>,
    /// When it came in.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What it comes to; `None` while no price is known for some line.
    pub total: Option<Money>,
    /// What happens about a shortage.
    pub shortage: ShortagePolicy,
    /// What it has of each SKU; claims on one SKU stand together, in the order of their places.
    pub claims: Vec<Claim>,
    /// How often the same order came again.
    pub repeats: u32,
    /// Hash of the document's bytes.
    pub document_hash: u64,
    /// The external steps of its revision, until they have passed; of a failed order those that a
    /// redrive asks.
    pub pending: Option<Box<Pending>>,
}

/// External steps that an order must pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// All of them, in order.
    pub steps: Vec<StepName>,
    /// How many of them it has passed.
    pub passed: usize,
    /// Since when it waits for the next.
    pub since: Timestamp,
}

impl OrderState {
    /// The external step that it waits for.
    #[must_use]
    pub fn awaits(&self) -> Option<&StepName> {
        let pending = self.pending.as_ref()?;
        match self.status {
            Status::Received | Status::Processing => pending.steps.get(pending.passed),
            Status::Invalid
            | Status::Completed
            | Status::Backordered
            | Status::Rejected
            | Status::Failed
            | Status::Cancelled
            | Status::Fulfilled => None,
        }
    }
}
