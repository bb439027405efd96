//! Decides a command: facts in, events out. One file a command.
//!
//! Never: changes anything. What an event does to state is `evolve`'s business alone.

pub mod adjust;
pub mod allocate;
pub mod amend;
pub mod cancel;
pub mod fulfil;
pub mod receive;
pub mod release;
pub mod steps;

use alloc::vec::Vec;

use crate::command::Command;
use crate::event::{Event, Refusal};
use crate::facts::Facts;
use crate::id::{OrderKey, StockKey};

/// What a command comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happens to which order, in this order.
    pub orders: Vec<(OrderKey, Vec<Event>)>,
    /// What happens to stock on hand, besides what the orders' events do to it.
    pub stock: Option<StockEvent>,
}

/// Stock on hand changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockEvent {
    /// Which product.
    pub stock: StockKey,
    /// By how many units.
    pub on_hand: i64,
}

impl Decision {
    fn order(key: OrderKey, events: Vec<Event>) -> Self {
        Self { orders: alloc::vec![(key, events)], stock: None }
    }
}

/// Decides `command` by `facts`.
///
/// # Errors
/// A [`Refusal`]: the command cannot apply now, and nothing happens.
pub fn decide(command: &Command, facts: &impl Facts) -> Result<Decision, Refusal> {
    match command {
        Command::Receive(receive) => receive::receive(receive, facts),
        Command::Step(report) => steps::step(report, facts),
        Command::Redrive(redrive) => steps::redrive(redrive, facts),
        Command::Amend(amend) => amend::amend(amend, facts),
        Command::Cancel(cancel) => cancel::cancel(cancel, facts),
        Command::Fulfil { order } => fulfil::fulfil(order, facts),
        Command::AdjustStock(adjust) => adjust::adjust(adjust, facts),
        Command::Release { stock } => Ok(release::release(stock, facts)),
    }
}
