//! Gives free stock to the orders that wait for it, oldest first.
//!
//! An order that cannot be filled is skipped and blocks nobody. Nor does one that ships complete and
//! waits for an external step: it looks for itself when that has passed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::Decision;
use crate::event::Event;
use crate::facts::Facts;
use crate::id::{Sku, StockKey};
use crate::state::{Claim, ClaimId, ClaimState, OrderState};
use crate::stock::ShortagePolicy;

/// Fills what the waiting orders of one product can now have.
pub(super) fn release(key: &StockKey, facts: &impl Facts) -> Decision {
    let mut free = Free { merchant_of: key, facts, left: BTreeMap::new() };
    let mut orders = Vec::new();
    // An order that ships complete is looked at as a whole, however often it stands in the queue.
    let mut whole = BTreeSet::new();
    for (place, order) in facts.waiting(key) {
        let event = match order.shortage {
            ShortagePolicy::Partial | ShortagePolicy::Reject => {
                let claim = ClaimId { sku: key.sku.clone(), place };
                fill_one(&order, claim, &mut free)
            }
            ShortagePolicy::ShipComplete if order.awaits().is_some() => None,
            ShortagePolicy::ShipComplete if !whole.insert(order.key.clone()) => None,
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

fn fill_one<F: Facts>(order: &OrderState, id: ClaimId, free: &mut Free<'_, F>) -> Option<Event> {
    let claim = order.claims.iter().find(|c| c.is(&id) && c.state == ClaimState::Waiting)?;
    if claim.quantity > free.left(&id.sku) {
        return None;
    }
    free.take(claim);
    Some(Event::Filled { claims: alloc::vec![id] })
}

/// An order that ships complete is filled when everything fits; otherwise it waits in the queue
/// of whatever is short now, so that the arrival of that wakes it.
fn fill_all<F: Facts>(order: &OrderState, free: &mut Free<'_, F>) -> Option<Event> {
    let open = || order.claims.iter().filter(|c| !c.state.is_done());
    let mut wanted: BTreeMap<&Sku, i64> = BTreeMap::new();
    open().for_each(|claim| *wanted.entry(&claim.sku).or_default() += claim.quantity);
    wanted.retain(|sku, units| *units > free.left(sku));
    if wanted.is_empty() {
        open().for_each(|claim| free.take(claim));
        return Some(Event::Filled { claims: open().map(Claim::id).collect() });
    }
    let short = open().filter(|c| wanted.contains_key(&c.sku) && c.state == ClaimState::Standby);
    let claims: Vec<ClaimId> = short.map(Claim::id).collect();
    (!claims.is_empty()).then_some(Event::Queued { claims })
}
