//! Who should hear of what: notices as data. Sending them is a follower's business.

use crate::event::Event;
use crate::state::{OrderState, Status};

/// What to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// The order is complete: to the customer.
    OrderCompleted,
    /// A line waits for stock: to operations.
    StockPending,
    /// The order was rejected: to operations.
    OrderRejected,
    /// The goods were handed over: to the customer.
    OrderFulfilled,
}

impl Notice {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderCompleted => "order.completed",
            Self::StockPending => "stock.pending",
            Self::OrderRejected => "order.rejected",
            Self::OrderFulfilled => "order.fulfilled",
        }
    }
}

/// The notice that `event` calls for, with the order as it is after it. At most one: a transition
/// is told once.
#[must_use]
pub fn notice(event: &Event, after: &OrderState) -> Option<Notice> {
    match event {
        Event::Allocated { .. } | Event::Filled { .. } if after.status == Status::Completed => {
            Some(Notice::OrderCompleted)
        }
        Event::Allocated { .. } | Event::Unreserved { .. } => Some(Notice::StockPending),
        Event::Rejected(_) => Some(Notice::OrderRejected),
        Event::Fulfilled => Some(Notice::OrderFulfilled),
        Event::Received(_)
        | Event::Priced(_)
        | Event::Amended(_)
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Cancelled { .. }
        | Event::Repeated { .. }
        | Event::Refused(_) => None,
    }
}
