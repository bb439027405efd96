//! Gives free stock to the orders that wait for it, oldest first.
//!
//! An order that cannot be filled is skipped and blocks nobody.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Decision;
use crate::event::Event;
use crate::facts::Facts;
use crate::id::{Sku, StockKey};
use crate::state::{Claim, ClaimState, OrderState};
use crate::stock::ShortagePolicy;

/// Fills what the waiting orders of one product can now have.
pub(super) fn release(key: &StockKey, facts: &impl Facts) -> Decision {
    let mut free = Free { merchant_of: key, facts, left: BTreeMap::new() };
    let mut orders = Vec::new();
    for order in facts.waiting(key) {
        let event = match order.shortage {
            ShortagePolicy::Partial | ShortagePolicy::Reject => {
                fill_one(&order, &key.sku, &mut free)
            }
            ShortagePolicy::ShipComplete => fill_all(&order, &mut free),
        };
        if let Some(event) = event {
            orders.push((order.key, alloc::vec![event]));
        }
    }
    Decision { orders, stock: None }
}

/// Units still free, less what earlier orders of this release took.
struct Free<'a, F> {
    merchant_of: &'a StockKey,
    facts: &'a F,
    left: BTreeMap<Sku, i64>,
}

impl<F: Facts> Free<'_, F> {
    fn left(&mut self, sku: &Sku) -> i64 {
        if let Some(left) = self.left.get(sku) {
            return *left;
        }
        let key = StockKey { merchant: self.merchant_of.merchant.clone(), sku: sku.clone() };
        let left = self.facts.stock(&key).map_or(0, crate::stock::Stock::available);
        self.left.insert(sku.clone(), left);
        left
    }

    fn take(&mut self, claim: &Claim) {
        let left = self.left(&claim.sku) - claim.quantity;
        self.left.insert(claim.sku.clone(), left);
    }
}

fn fill_one<F: Facts>(order: &OrderState, sku: &Sku, free: &mut Free<'_, F>) -> Option<Event> {
    let claim = order.claims.iter().find(|c| &c.sku == sku && c.state == ClaimState::Waiting)?;
    if claim.quantity > free.left(sku) {
        return None;
    }
    free.take(claim);
    Some(Event::Filled { skus: alloc::vec![sku.clone()] })
}

/// An order that ships complete is filled when everything fits; otherwise it waits in the queue
/// of whatever is short now, so that the arrival of that wakes it.
fn fill_all<F: Facts>(order: &OrderState, free: &mut Free<'_, F>) -> Option<Event> {
    let open = || order.claims.iter().filter(|c| !c.state.is_done());
    let short: Vec<&Claim> = open().filter(|c| c.quantity > free.left(&c.sku)).collect();
    if short.is_empty() {
        open().for_each(|claim| free.take(claim));
        return Some(Event::Filled { skus: open().map(|c| c.sku.clone()).collect() });
    }
    let skus: Vec<Sku> = short
        .into_iter()
        .filter(|c| c.state == ClaimState::Standby)
        .map(|c| c.sku.clone())
        .collect();
    (!skus.is_empty()).then_some(Event::Queued { skus })
}
