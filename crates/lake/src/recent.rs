//! Orders that changed not long ago: most change again soon, if they ever do.
//!
//! Never: the only place where something is. An order that is not here is read from the ledger.

use std::collections::HashMap;

use service::change::Seq;

use crate::order::Order;

/// Most of a generation, in [`Order::weight`]: there are two, so about 40 MB in all, of which the
/// youngest ten thousand orders or more are always among them.
const GENERATION_WEIGHT_MAX: usize = 200_000;

/// Recent orders by the change that began them, in two generations: what nobody asked for while a
/// whole generation came is dropped with its own.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: HashMap<Seq, Box<Order>>,
    old: HashMap<Seq, Box<Order>>,
    weight: usize,
}

impl Recent {
    /// The order that began there, taken out.
    pub(crate) fn take(&mut self, first: Seq) -> Option<Box<Order>> {
        let young = self.young.remove(&first);
        self.weight -= young.as_ref().map_or(0, |order| order.weight());
        young.or_else(|| self.old.remove(&first))
    }

    /// Puts an order in, as it is now.
    pub(crate) fn put(&mut self, order: Box<Order>) {
        self.weight += order.weight();
        if self.weight > GENERATION_WEIGHT_MAX {
            self.weight = order.weight();
            // What was old makes room, and its memory is used again.
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(order.first, order);
    }
}
