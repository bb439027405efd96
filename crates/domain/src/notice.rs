//! Who should hear of what: notices as data. Sending them is a follower's business.

use crate::event::Event;
use crate::state::{ClaimState, Status};

/// What to tell. Each is a transition of an order, or something that concerns a whole
/// installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// The order is in.
    OrderReceived,
    /// A new document took the place of the order's.
    OrderAmended,
    /// The order is complete: to the customer.
    OrderCompleted,
    /// A line waits for stock: to operations.
    StockPending,
    /// The order was rejected: to operations.
    OrderRejected,
    /// Retries for the order are used up: to operations.
    OrderFailed,
    /// The order was called off: to the customer.
    OrderCancelled,
    /// The goods were handed over: to the customer.
    OrderFulfilled,
    /// Input came that is no order: to operations.
    OrderInvalid,
    /// A batch, or a file, is over: to operations.
    BatchFinished,
}

impl Notice {
    /// Every notice with its name on the wire.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::OrderReceived, "order.received"),
        (Self::OrderAmended, "order.amended"),
        (Self::OrderCompleted, "order.completed"),
        (Self::StockPending, "stock.pending"),
        (Self::OrderRejected, "order.rejected"),
        (Self::OrderFailed, "order.failed"),
        (Self::OrderCancelled, "order.cancelled"),
        (Self::OrderFulfilled, "order.fulfilled"),
        (Self::OrderInvalid, "order.invalid"),
        (Self::BatchFinished, "batch.finished"),
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(notice, _)| *notice == self).map_or("", |(_, name)| name)
    }

    /// The notice of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(notice, _)| *notice)
    }

    /// Whether it is a transition of one order.
    #[must_use]
    pub fn is_of_order(self) -> bool {
        match self {
            Self::OrderReceived
            | Self::OrderAmended
            | Self::OrderCompleted
            | Self::StockPending
            | Self::OrderRejected
            | Self::OrderFailed
            | Self::OrderCancelled
            | Self::OrderFulfilled => true,
            Self::OrderInvalid | Self::BatchFinished => false,
        }
    }
}

/// A set of notices.
///
/// ```
/// use domain::notice::{Notice, Notices};
/// let wanted: Notices = [Notice::OrderCompleted, Notice::StockPending].into_iter().collect();
/// assert!(wanted.has(Notice::StockPending) && !wanted.has(Notice::OrderFailed));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notices(u16);

impl Notices {
    /// Whether `notice` is one of them.
    #[must_use]
    pub fn has(self, notice: Notice) -> bool {
        self.0 & (1 << notice as u16) != 0
    }

    /// Those that are in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Notice> for Notices {
    fn from_iter<I: IntoIterator<Item = Notice>>(notices: I) -> Self {
        Self(notices.into_iter().fold(0, |set, notice| set | 1 << notice as u16))
    }
}

/// The notice that `event` may call for, as far as it can be told without its order.
#[must_use]
pub fn candidate(event: &Event) -> Option<Notice> {
    match event {
        Event::Received(_) => Some(Notice::OrderReceived),
        Event::Amended(_) => Some(Notice::OrderAmended),
        Event::Allocated { claims, .. } if claims.iter().copied().all(ClaimState::is_done) => {
            Some(Notice::OrderCompleted)
        }
        Event::Allocated { .. } | Event::Unreserved { .. } => Some(Notice::StockPending),
        Event::Filled { .. } => Some(Notice::OrderCompleted),
        Event::Rejected(_) => Some(Notice::OrderRejected),
        Event::Cancelled { .. } => Some(Notice::OrderCancelled),
        Event::Fulfilled => Some(Notice::OrderFulfilled),
        Event::Failed { .. } => Some(Notice::OrderFailed),
        Event::Priced(_)
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::StepIgnored(_)
        | Event::Redriven { .. }
        | Event::Queued { .. }
        | Event::Repeated { .. }
        | Event::Refused(_) => None,
    }
}

/// The notice that `event` calls for, with where its order stood and stands now. At most one: a
/// transition is told once, and what only moves within a state is not told.
#[must_use]
pub fn notice(event: &Event, before: Status, after: Status) -> Option<Notice> {
    let leads_to = |notice| match notice {
        Notice::OrderCompleted => Some(Status::Completed),
        Notice::StockPending => Some(Status::Backordered),
        Notice::OrderRejected => Some(Status::Rejected),
        Notice::OrderFailed => Some(Status::Failed),
        Notice::OrderCancelled => Some(Status::Cancelled),
        Notice::OrderFulfilled => Some(Status::Fulfilled),
        // A document came in, wherever the order stood.
        Notice::OrderReceived | Notice::OrderAmended => None,
        Notice::OrderInvalid | Notice::BatchFinished => None,
    };
    candidate(event).filter(|notice| match leads_to(*notice) {
        Some(status) => after == status && before != status,
        None => true,
    })
}
