//! The goods were handed over.

use super::Decision;
use crate::event::{Event, Refusal};
use crate::facts::Facts;
use crate::id::OrderKey;
use crate::state::Status;

/// Fulfils a completed order; its reserved stock leaves the house.
pub(super) fn fulfil(key: &OrderKey, facts: &impl Facts) -> Result<Decision, Refusal> {
    match facts.status(key) {
        None => Err(Refusal::UnknownOrder),
        Some(Status::Completed) => Ok(Decision::order(key.clone(), alloc::vec![Event::Fulfilled])),
        Some(status) => Err(Refusal::WrongState { status }),
    }
}
