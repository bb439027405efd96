//! What an event does: to its order, and to stock. The only place where either changes.

use alloc::vec::Vec;

use crate::event::{Event, Received};
use crate::id::{OrderKey, Sku};
use crate::state::{Claim, ClaimState, OrderState, Status};
use crate::stock::{Movement, ShortagePolicy};
use crate::time::Timestamp;

/// A new order from its first event.
#[must_use]
pub fn begin(key: OrderKey, received: &Received, at: Timestamp) -> OrderState {
    let claim = |(sku, quantity): &(Sku, i64)| Claim {
        sku: sku.clone(),
        quantity: *quantity,
        state: ClaimState::Open,
    };
    OrderState {
        key,
        revision: 1,
        status: Status::Received,
        kind: received.kind,
        channel: received.channel,
        customer: received.customer.clone(),
        batch: received.batch.clone(),
        received_at: at,
        updated_at: at,
        total: received.total,
        shortage: received.shortage,
        claims: received.demand.iter().map(claim).collect(),
        repeats: 0,
        document_hash: received.document_hash,
    }
}

/// The order after `event`; tells what moved in the stock through `moved`.
///
/// [`Event::Received`] begins an order (see [`begin`]) and changes nothing here.
pub fn evolve(
    order: &mut OrderState,
    event: &Event,
    at: Timestamp,
    mut moved: impl FnMut(&Sku, Movement),
) {
    match event {
        Event::Received(_) | Event::Priced(_) => {}
        Event::Allocated { claims, .. } => {
            for (claim, state) in order.claims.iter_mut().zip(claims) {
                turn(claim, *state, &mut moved);
            }
        }
        Event::Rejected(_) => order.status = Status::Rejected,
        Event::Filled { skus } => turn_all(order, skus, ClaimState::Reserved, &mut moved),
        Event::Queued { skus } => turn_all(order, skus, ClaimState::Waiting, &mut moved),
        Event::Unreserved { skus } => {
            turn_all(order, skus, ClaimState::Waiting, &mut moved);
            if order.shortage == ShortagePolicy::ShipComplete {
                // It holds nothing while it waits: what else it held is free again.
                for claim in order.claims.iter_mut().filter(|c| c.state == ClaimState::Reserved) {
                    turn(claim, ClaimState::Standby, &mut moved);
                }
            }
        }
        Event::Fulfilled => {
            for claim in order.claims.iter_mut().filter(|c| c.state == ClaimState::Reserved) {
                turn(claim, ClaimState::Consumed, &mut moved);
            }
            order.status = Status::Fulfilled;
        }
        Event::Repeated { .. } => {
            order.repeats = order.repeats.saturating_add(1);
            return;
        }
    }
    order.updated_at = at;
    match event {
        Event::Allocated { .. }
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. } => order.status = allocated(&order.claims),
        Event::Received(_)
        | Event::Priced(_)
        | Event::Rejected(_)
        | Event::Fulfilled
        | Event::Repeated { .. } => {}
    }
}

fn allocated(claims: &[Claim]) -> Status {
    if claims.iter().all(|c| c.state.is_done()) { Status::Completed } else { Status::Backordered }
}

fn turn_all(
    order: &mut OrderState,
    skus: &[Sku],
    to: ClaimState,
    moved: &mut impl FnMut(&Sku, Movement),
) {
    for claim in order.claims.iter_mut().filter(|c| skus.contains(&c.sku)) {
        turn(claim, to, moved);
    }
}

fn turn(claim: &mut Claim, to: ClaimState, moved: &mut impl FnMut(&Sku, Movement)) {
    let movement = movement(claim.quantity, claim.state, to);
    claim.state = to;
    if movement != Movement::default() {
        moved(&claim.sku, movement);
    }
}

/// What a claim's turn does to the counters: each state holds so much of each.
fn movement(quantity: i64, from: ClaimState, to: ClaimState) -> Movement {
    let holds = |state| match state {
        ClaimState::Open | ClaimState::Untracked | ClaimState::Standby => (0, 0, 0),
        ClaimState::Reserved => (0, quantity, 0),
        ClaimState::Waiting => (0, 0, quantity),
        ClaimState::Consumed => (-quantity, 0, 0),
    };
    let (before, after) = (holds(from), holds(to));
    Movement {
        on_hand: after.0 - before.0,
        reserved: after.1 - before.1,
        waiting: after.2 - before.2,
    }
}

/// The state that a whole history comes to; `None` when it does not begin with a receipt.
#[must_use]
pub fn fold<'a>(
    key: OrderKey,
    events: impl IntoIterator<Item = (Timestamp, &'a Event)>,
) -> Option<OrderState> {
    let mut events = events.into_iter();
    let (at, Event::Received(received)) = events.next()? else { return None };
    let mut order = begin(key, received, at);
    for (at, event) in events {
        evolve(&mut order, event, at, |_, _| {});
    }
    Some(order)
}

/// Stock movements of a whole history, per SKU as they happened.
#[must_use]
pub fn movements<'a>(
    key: OrderKey,
    events: impl IntoIterator<Item = (Timestamp, &'a Event)>,
) -> Vec<(Sku, Movement)> {
    let mut rows = Vec::new();
    let mut events = events.into_iter();
    let Some((at, Event::Received(received))) = events.next() else { return rows };
    let mut order = begin(key, received, at);
    for (at, event) in events {
        evolve(&mut order, event, at, |sku, movement| rows.push((sku.clone(), movement)));
    }
    rows
}
