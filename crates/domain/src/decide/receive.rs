//! Takes an order in, and allocates it, unless external steps must look at it first.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Decision;
use super::allocate::allocate;
use crate::command::Receive;
use crate::event::{Event, Kind, Received, Refusal};
use crate::facts::Facts;
use crate::id::{CustomerId, Sku};
use crate::money::Money;
use crate::order::{Body, Order};
use crate::pricing::Pricing;
use crate::stock::ShortagePolicy;

/// Receives an order that is new, and looks for its stock at once when no external step applies.
///
/// # Errors
/// [`Refusal::Duplicate`] when the seller has an order of that id.
pub fn receive(receive: &Receive, facts: &impl Facts) -> Result<Decision, Refusal> {
    let key = &receive.order.key;
    if let Some(status) = facts.status(key) {
        return Err(Refusal::Duplicate { status });
    }
    let received = received(receive, facts.policy().shortage);
    let next = if receive.steps.is_empty() {
        allocate(&key.merchant, &received.demand, received.shortage, facts)
    } else {
        Event::StepsAwaited { steps: receive.steps.clone() }
    };
    let mut events = Vec::with_capacity(3);
    events.push(Event::Received(Box::new(received)));
    if let Some(pricing) = &receive.pricing {
        events.push(Event::Priced(pricing.clone()));
    }
    events.push(next);
    Ok(Decision::order(key.clone(), events))
}

fn received(receive: &Receive, default: ShortagePolicy) -> Received {
    let Wanted { kind, customer, demand, shortage, total } =
        wanted(&receive.order, receive.pricing.as_deref(), default);
    Received {
        kind,
        channel: receive.order.channel,
        customer,
        batch: receive.batch.clone(),
        demand,
        shortage,
        total,
        document_hash: receive.document_hash,
    }
}

/// What a document asks for, as its event keeps it.
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) customer: Option<CustomerId>,
    pub(super) demand: Vec<(Sku, i64)>,
    pub(super) shortage: ShortagePolicy,
    pub(super) total: Option<Money>,
}

/// What `order` asks for, at that price.
pub(super) fn wanted(order: &Order, price: Option<&Pricing>, default: ShortagePolicy) -> Wanted {
    let demand = demand(order);
    match &order.body {
        Body::Purchase(p) => Wanted {
            kind: Kind::Purchase,
            customer: p.customer.clone(),
            demand,
            shortage: p.shortage.unwrap_or(default),
            total: price.and_then(|price| price.total),
        },
        Body::Transfer(t) => Wanted {
            kind: Kind::Transfer,
            customer: None,
            demand,
            shortage: default,
            total: Some(t.amount),
        },
    }
}

/// Units an order wants per SKU; none for a transfer.
pub(crate) fn demand(order: &Order) -> Vec<(Sku, i64)> {
    match &order.body {
        Body::Purchase(p) => {
            p.lines.demand().into_iter().map(|(sku, quantity)| (sku.clone(), quantity)).collect()
        }
        Body::Transfer(_) => Vec::new(),
    }
}
