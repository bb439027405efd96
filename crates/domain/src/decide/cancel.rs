//! Calls an order off.

use super::Decision;
use crate::command::Cancel;
use crate::event::{Event, Refusal};
use crate::facts::Facts;
use crate::state::Status;

/// Cancels an order that is not final; what it held is free again.
pub(super) fn cancel(cancel: &Cancel, facts: &impl Facts) -> Result<Decision, Refusal> {
    let status = facts.status(&cancel.order).ok_or(Refusal::UnknownOrder)?;
    match status {
        Status::Received
        | Status::Processing
        | Status::Completed
        | Status::Backordered
        | Status::Failed => {}
        Status::Invalid | Status::Rejected | Status::Cancelled | Status::Fulfilled => {
            return Err(Refusal::WrongState { status });
        }
    }
    let cancelled = Event::Cancelled {
        reason: cancel.reason.clone(),
        channel: cancel.channel,
        batch: cancel.batch.clone(),
    };
    Ok(Decision::order(cancel.order.clone(), alloc::vec![cancelled]))
}
