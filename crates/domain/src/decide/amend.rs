//! Puts a new document in the place of an order's: the next revision.
//!
//! What the order has, it keeps, and where it waits, it goes on waiting; what is added is looked
//! for as a new order's would be, behind everybody who waits. Where external steps apply, they are
//! asked about the new revision first.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Decision;
use super::allocate::{short, stand_by, unknown_sku};
use super::receive::{Wanted, wanted};
use crate::command::Amend;
use crate::event::{Amended, Event, Refusal, Rejection};
use crate::evolve::amended_claims;
use crate::facts::Facts;
use crate::id::{MerchantId, Sku, StockKey};
use crate::limits::REVISIONS_MAX;
use crate::state::{Claim, ClaimState, OrderState, Status};
use crate::stock::{Movement, ShortagePolicy, Stock};

/// Amends an order that is not final.
pub(super) fn amend(amend: &Amend, facts: &impl Facts) -> Result<Decision, Refusal> {
    let key = &amend.order.key;
    let order = facts.order(key).ok_or(Refusal::UnknownOrder)?;
    if amend.revision.is_some_and(|revision| revision != order.revision) {
        return Err(Refusal::StaleRevision { current: order.revision });
    }
    match order.status {
        Status::Received | Status::Processing | Status::Completed | Status::Backordered => {}
        Status::Invalid
        | Status::Rejected
        | Status::Failed
        | Status::Cancelled
        | Status::Fulfilled => return Err(Refusal::WrongState { status: order.status }),
    }
    if order.revision >= REVISIONS_MAX {
        return Err(Refusal::TooManyRevisions);
    }
    let amended = amended(amend, facts);
    let mut events = Vec::with_capacity(3);
    let next = if amend.steps.is_empty() {
        reallocate(&order, &amended, facts).map_err(Refusal::WouldReject)?
    } else {
        Event::StepsAwaited { steps: amend.steps.clone() }
    };
    events.push(Event::Amended(Box::new(amended)));
    events.extend(amend.pricing.clone().map(Event::Priced));
    events.push(next);
    Ok(Decision::order(key.clone(), events))
}

fn amended(amend: &Amend, facts: &impl Facts) -> Amended {
    let default = facts.policy().shortage;
    let Wanted { kind, customer, demand, shortage, total } =
        wanted(&amend.order, amend.pricing.as_deref(), default);
    Amended {
        kind,
        channel: amend.order.channel,
        customer,
        batch: amend.batch.clone(),
        demand,
        place: facts.end_of_queues(),
        shortage,
        total,
        document_hash: amend.document_hash,
    }
}

/// What the amended order's claims find: an [`Event::Allocated`].
///
/// # Errors
/// The [`Rejection`] that its policy would make of it.
fn reallocate(
    order: &OrderState,
    amended: &Amended,
    facts: &impl Facts,
) -> Result<Event, Rejection> {
    let mut room = Room { merchant: &order.key.merchant, facts, counters: BTreeMap::new() };
    let claims = amended_claims(&order.claims, amended, |sku, movement| room.moved(sku, movement));
    look(room, &claims, amended.shortage)
}

/// What an order's claims find, whatever they have already: an [`Event::Allocated`].
///
/// # Errors
/// The [`Rejection`] that its policy makes of it.
pub(super) fn allocate_claims(
    merchant: &MerchantId,
    claims: &[Claim],
    shortage: ShortagePolicy,
    facts: &impl Facts,
) -> Result<Event, Rejection> {
    look(Room { merchant, facts, counters: BTreeMap::new() }, claims, shortage)
}

fn look<F: Facts>(
    mut room: Room<'_, F>,
    claims: &[Claim],
    shortage: ShortagePolicy,
) -> Result<Event, Rejection> {
    // Who stands in a queue is not in their own way.
    for claim in claims.iter().filter(|c| c.state == ClaimState::Waiting) {
        room.moved(&claim.sku, Movement { waiting: -claim.quantity, ..Movement::default() });
    }
    let (mut states, mut shortages, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for claim in claims {
        let (state, available) = room.look(claim);
        match state {
            ClaimState::Waiting => shortages.push(short(&claim.sku, claim.quantity, available)),
            ClaimState::Open => unknown.push(claim.sku.clone()),
            ClaimState::Untracked
            | ClaimState::Reserved
            | ClaimState::Standby
            | ClaimState::Consumed => {}
        }
        states.push(state);
    }
    if !unknown.is_empty() {
        return Err(Rejection::UnknownSku(unknown));
    }
    if !shortages.is_empty() {
        match shortage {
            ShortagePolicy::Partial => {}
            ShortagePolicy::Reject => return Err(Rejection::OutOfStock(shortages)),
            ShortagePolicy::ShipComplete => stand_by(&mut states),
        }
    }
    Ok(Event::Allocated { claims: states, shortages })
}

/// The counters as this order's claims find them, one after another.
struct Room<'a, F> {
    merchant: &'a MerchantId,
    facts: &'a F,
    counters: BTreeMap<Sku, Option<Stock>>,
}

impl<F: Facts> Room<'_, F> {
    fn of(&mut self, sku: &Sku) -> Option<Stock> {
        if let Some(stock) = self.counters.get(sku) {
            return *stock;
        }
        let key = StockKey { merchant: self.merchant.clone(), sku: sku.clone() };
        let stock = self.facts.stock(&key);
        self.counters.insert(sku.clone(), stock);
        stock
    }

    fn moved(&mut self, sku: &Sku, movement: Movement) {
        let stock = self.of(sku).unwrap_or_default();
        self.counters.insert(sku.clone(), Some(movement.apply(stock)));
    }

    /// What a claim finds, and how much there was. `Open` stands for "rejects the order".
    fn look(&mut self, claim: &Claim) -> (ClaimState, i64) {
        match claim.state {
            ClaimState::Untracked | ClaimState::Reserved | ClaimState::Consumed => {
                return (claim.state, 0);
            }
            ClaimState::Open | ClaimState::Waiting | ClaimState::Standby => {}
        }
        let Some(stock) = self.of(&claim.sku) else {
            return (unknown_sku(self.merchant, self.facts), 0);
        };
        let (state, movement) = if stock.can_take(claim.quantity) {
            let reserved = Movement { reserved: claim.quantity, ..Movement::default() };
            (ClaimState::Reserved, reserved)
        } else {
            let waiting = Movement { waiting: claim.quantity, ..Movement::default() };
            (ClaimState::Waiting, waiting)
        };
        self.moved(&claim.sku, movement);
        (state, stock.available())
    }
}
