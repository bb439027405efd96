//! What a decision may look at.

use alloc::vec::Vec;

use crate::command::Command;
use crate::id::{OrderKey, StockKey};
use crate::order::Order;
use crate::state::{OrderState, Place};
use crate::stock::{ShortagePolicy, Stock, UnknownSku};

/// The rows a decision reads. A ledger answers from its store, with everything that earlier
/// commands of the same commit did.
pub trait Facts {
    /// The order as it stands.
    fn order(&self, key: &OrderKey) -> Option<OrderState>;
    /// Whether the seller has that order, and where it stands; cheaper than the order itself.
    fn status(&self, key: &OrderKey) -> Option<crate::state::Status>;
    /// The counters of a product.
    fn stock(&self, key: &StockKey) -> Option<Stock>;
    /// Whether the seller has any stock record.
    fn keeps_stock(&self, merchant: &crate::id::MerchantId) -> bool;
    /// The installation's policies.
    fn policy(&self) -> Policy;
    /// A place behind every claim there is.
    fn end_of_queues(&self) -> Place;
    /// Claims that wait for a product, in the order they stand, from where the last release
    /// stopped; at most [`crate::limits::RELEASE_ORDERS_MAX`]. Each with the order it is of.
    fn waiting(&self, stock: &StockKey) -> Vec<(Place, OrderState)>;
    /// Orders that hold a reservation of a product, newest first; at most
    /// [`crate::limits::RELEASE_ORDERS_MAX`].
    fn holding(&self, stock: &StockKey) -> Vec<OrderState>;
}

/// The installation's policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// For orders that do not say.
    pub shortage: ShortagePolicy,
    /// For SKUs without a stock record.
    pub unknown_sku: UnknownSku,
}

/// The rows a command's decision may look at, for ledgers that must fetch them first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The order.
    pub order: Option<OrderKey>,
    /// The products.
    pub stock: Vec<StockKey>,
}

/// Names the rows that deciding `command` may look at.
#[must_use]
pub fn needs(command: &Command) -> Needs {
    match command {
        Command::Receive(receive) => {
            Needs { order: Some(receive.order.key.clone()), stock: stock_of(&receive.order) }
        }
        Command::Step(report) => Needs { order: Some(report.order.clone()), stock: Vec::new() },
        Command::Redrive(redrive) => {
            Needs { order: Some(redrive.order.clone()), stock: Vec::new() }
        }
        Command::Fulfil { order } => Needs { order: Some(order.clone()), stock: Vec::new() },
        Command::Amend(amend) => {
            Needs { order: Some(amend.order.key.clone()), stock: stock_of(&amend.order) }
        }
        Command::Cancel(cancel) => Needs { order: Some(cancel.order.clone()), stock: Vec::new() },
        Command::AdjustStock(adjust) => {
            Needs { order: None, stock: alloc::vec![adjust.stock.clone()] }
        }
        Command::Release { stock } => Needs { order: None, stock: alloc::vec![stock.clone()] },
    }
}

fn stock_of(order: &Order) -> Vec<StockKey> {
    let merchant = &order.key.merchant;
    let demand = crate::decide::receive::demand(order).into_iter();
    demand.map(|(sku, _)| StockKey { merchant: merchant.clone(), sku }).collect()
}
