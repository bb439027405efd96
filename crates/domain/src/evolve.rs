//! What an event does: to its order, and to stock. The only place where either changes.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::event::{Amended, Event, Received};
use crate::id::StepName;
use crate::id::{OrderKey, Sku};
use crate::state::{Claim, ClaimId, ClaimState, OrderState, Pending, Place, Status};
use crate::stock::{Movement, ShortagePolicy};
use crate::time::Timestamp;

/// A new order from its first event.
#[must_use]
pub fn begin(key: OrderKey, received: &Received, at: Timestamp) -> OrderState {
    let claim = |(sku, quantity): &(Sku, i64)| Claim {
        sku: sku.clone(),
        quantity: *quantity,
        state: ClaimState::Open,
        place: Place::OF_ORDER,
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
        pending: None,
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
        Event::Amended(amended) => amend(order, amended, &mut moved),
        Event::Allocated { claims, .. } => {
            for (claim, state) in order.claims.iter_mut().zip(claims) {
                turn(claim, *state, &mut moved);
            }
        }
        Event::StepsAwaited { steps } => await_steps(order, steps, at),
        Event::StepTakenUp { .. } => order.status = Status::Processing,
        Event::StepPassed { .. } => {
            order.status = Status::Processing;
            pass(order, at);
        }
        Event::StepRemoved { .. } => pass(order, at),
        Event::Failed { .. } => {
            let pending = order.pending.take();
            let_go(order, Status::Failed, &mut moved);
            order.pending = pending;
        }
        Event::Redriven { steps, .. } => {
            order.status = Status::Received;
            await_steps(order, steps, at);
        }
        Event::Rejected(_) => let_go(order, Status::Rejected, &mut moved),
        Event::Filled { claims } => turn_all(order, claims, ClaimState::Reserved, &mut moved),
        Event::Queued { claims } => turn_all(order, claims, ClaimState::Waiting, &mut moved),
        Event::Unreserved { claims } => {
            turn_all(order, claims, ClaimState::Waiting, &mut moved);
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
        Event::Cancelled { .. } => let_go(order, Status::Cancelled, &mut moved),
        Event::Repeated { .. } => {
            order.repeats = order.repeats.saturating_add(1);
            return;
        }
        Event::Refused(_) | Event::StepIgnored(_) => return,
    }
    order.updated_at = at;
    match event {
        Event::Allocated { .. } => {
            order.pending = None;
            settle(order);
        }
        // An amended order keeps its place in the queues while its steps are asked.
        Event::Filled { .. } | Event::Queued { .. } | Event::Unreserved { .. } => {
            if order.pending.is_none() {
                settle(order);
            }
        }
        Event::Received(_)
        | Event::Priced(_)
        | Event::Amended(_)
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::StepIgnored(_)
        | Event::Failed { .. }
        | Event::Redriven { .. }
        | Event::Rejected(_)
        | Event::Cancelled { .. }
        | Event::Fulfilled
        | Event::Repeated { .. }
        | Event::Refused(_) => {}
    }
}

/// Where the order stands by what its claims have.
fn settle(order: &mut OrderState) {
    order.status = allocated(&order.claims);
    if order.revision > 1 {
        join_done(&mut order.claims);
    }
}

fn await_steps(order: &mut OrderState, steps: &[StepName], at: Timestamp) {
    order.pending = Some(Box::new(Pending { steps: steps.to_vec(), passed: 0, since: at }));
}

fn pass(order: &mut OrderState, at: Timestamp) {
    if let Some(pending) = &mut order.pending {
        pending.passed = pending.passed.saturating_add(1);
        pending.since = at;
    }
}

/// It came to nothing: what it held is free, and it waits for nothing.
fn let_go(order: &mut OrderState, status: Status, moved: &mut impl FnMut(&Sku, Movement)) {
    order.claims.iter_mut().for_each(|claim| turn(claim, ClaimState::Open, moved));
    order.pending = None;
    order.status = status;
}

fn amend(order: &mut OrderState, amended: &Amended, moved: &mut impl FnMut(&Sku, Movement)) {
    order.claims = amended_claims(&order.claims, amended, moved);
    order.revision = order.revision.saturating_add(1);
    order.status = Status::Received;
    order.pending = None;
    order.kind = amended.kind;
    order.customer.clone_from(&amended.customer);
    order.total = amended.total;
    order.shortage = amended.shortage;
    order.document_hash = amended.document_hash;
}

/// The claims of an amended order before anybody looks for stock: of what is wanted still, each
/// keeps its state and its place, the oldest first; what is wanted beyond that is a new claim at
/// [`Amended::place`]. Tells through `moved` what is not wanted any more.
pub(crate) fn amended_claims(
    before: &[Claim],
    amended: &Amended,
    mut moved: impl FnMut(&Sku, Movement),
) -> Vec<Claim> {
    let mut kept: BTreeMap<&Sku, Vec<Claim>> = BTreeMap::new();
    let mut wanted: BTreeMap<&Sku, i64> = amended.demand.iter().map(|(s, q)| (s, *q)).collect();
    for claim in before {
        let left = wanted.entry(&claim.sku).or_default();
        let quantity = claim.quantity.min(*left);
        *left -= quantity;
        let cut = movement(claim.quantity - quantity, claim.state, ClaimState::Open);
        if cut != Movement::default() {
            moved(&claim.sku, cut);
        }
        if quantity > 0 {
            kept.entry(&claim.sku).or_default().push(Claim { quantity, ..claim.clone() });
        }
    }
    let mut claims = Vec::with_capacity(amended.demand.len());
    for (sku, _) in &amended.demand {
        claims.append(&mut kept.remove(sku).unwrap_or_default());
        let added = wanted.remove(sku).unwrap_or_default();
        match claims.last_mut() {
            // Nobody has looked yet: it stands in no queue.
            Some(last) if last.sku == *sku && last.state == ClaimState::Open => {
                last.quantity += added;
            }
            Some(_) | None if added > 0 => claims.push(Claim {
                sku: sku.clone(),
                quantity: added,
                state: ClaimState::Open,
                place: amended.place,
            }),
            Some(_) | None => {}
        }
    }
    claims
}

/// Makes one claim of neighbours on one SKU that want nothing more: who has what they want stands
/// in no queue, and the older place is theirs if it is taken back.
fn join_done(claims: &mut Vec<Claim>) {
    claims.dedup_by(|next, last| {
        let joins = last.sku == next.sku && last.state == next.state && last.state.is_done();
        if joins {
            last.quantity += next.quantity;
        }
        joins
    });
}

fn allocated(claims: &[Claim]) -> Status {
    if claims.iter().all(|c| c.state.is_done()) { Status::Completed } else { Status::Backordered }
}

fn turn_all(
    order: &mut OrderState,
    ids: &[ClaimId],
    to: ClaimState,
    moved: &mut impl FnMut(&Sku, Movement),
) {
    for claim in order.claims.iter_mut().filter(|c| ids.iter().any(|id| c.is(id))) {
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
