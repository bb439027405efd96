//! Names, events, prices and states of orders as bytes.
//!
//! A number once given to an event keeps its meaning for ever.

use domain::command::{Verb, Verdict};
use domain::event::{
    Amended, Event, Kind, Received, Refusal, Refused, Rejection, Shortage, StepIgnored,
};
use domain::id::{BatchId, CustomerId, MerchantId, OrderId, OrderKey, Sku, StepName, StockKey};
use domain::money::{Money, UnitPrice};
use domain::order::{BatchItem, Channel, InputPlace};
use domain::pricing::{Effect, LinePrice, Pricing, Target};
use domain::state::{Claim, ClaimId, ClaimState, OrderState, Pending, Place, Status};
use domain::stock::ShortagePolicy;
use domain::time::Timestamp;

use crate::codec::{Corrupt, Decoder, Encoder};

pub(crate) fn order_key(to: &mut Encoder<'_>, key: &OrderKey) {
    to.text(key.id.as_str());
    to.text(key.merchant.as_str());
}

pub(crate) fn read_order_key(from: &mut Decoder<'_>) -> Result<OrderKey, Corrupt> {
    Ok(OrderKey {
        id: OrderId::parse(from.text()?).map_err(|_| Corrupt)?,
        merchant: MerchantId::parse(from.text()?).map_err(|_| Corrupt)?,
    })
}

/// Writes a stock key.
pub fn stock_key(to: &mut Encoder<'_>, key: &StockKey) {
    to.text(key.merchant.as_str());
    to.text(key.sku.as_str());
}

/// Reads a stock key.
///
/// # Errors
/// [`Corrupt`] when the bytes are none.
pub fn read_stock_key(from: &mut Decoder<'_>) -> Result<StockKey, Corrupt> {
    Ok(StockKey {
        merchant: MerchantId::parse(from.text()?).map_err(|_| Corrupt)?,
        sku: read_sku(from)?,
    })
}

/// Reads a name with its parser.
pub fn read_name<T, E>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&mut Decoder<'_>) -> Result<T, Corrupt> {
    move |from| parse(from.text()?).map_err(|_| Corrupt)
}

fn read_sku(from: &mut Decoder<'_>) -> Result<Sku, Corrupt> {
    Sku::parse(from.text()?).map_err(|_| Corrupt)
}

/// What follows says where an order came from: nothing, its batch and place in it, or also where
/// that begins in the batch's input.
const NO_ITEM: u8 = 0;
const ITEM: u8 = 1;
const PLACED_ITEM: u8 = 2;

pub(crate) fn batch_item(to: &mut Encoder<'_>, item: Option<&BatchItem>) {
    let Some(item) = item else { return to.u8(NO_ITEM) };
    to.u8(if item.at.is_some() { PLACED_ITEM } else { ITEM });
    to.text(item.batch.as_str());
    to.u64(item.index);
    if let Some(at) = item.at {
        to.u64(at.line);
        to.u64(at.byte);
    }
}

pub(crate) fn read_batch_item(from: &mut Decoder<'_>) -> Result<Option<BatchItem>, Corrupt> {
    let kind = from.u8()?;
    if kind == NO_ITEM {
        return Ok(None);
    }
    let batch = BatchId::parse(from.text()?).map_err(|_| Corrupt)?;
    let index = from.u64()?;
    let at = match kind {
        ITEM => None,
        PLACED_ITEM => Some(InputPlace { line: from.u64()?, byte: from.u64()? }),
        _ => return Err(Corrupt),
    };
    Ok(Some(BatchItem { batch, index, at }))
}

pub(super) fn read_channel(from: &mut Decoder<'_>) -> Result<Channel, Corrupt> {
    pick(from, &Channel::ALL)
}

/// The enumeration's variant of that number: tables list them in the order of their numbers.
pub(super) fn pick<T: Copy, N>(from: &mut Decoder<'_>, all: &[(T, N)]) -> Result<T, Corrupt> {
    let number = from.u8()? as usize;
    all.get(number).map(|(variant, _)| *variant).ok_or(Corrupt)
}

pub(super) fn money(to: &mut Encoder<'_>, amount: Money) {
    to.i64(amount.0);
}

pub(super) fn read_money(from: &mut Decoder<'_>) -> Result<Money, Corrupt> {
    from.i64().map(Money)
}

const SHORTAGE: [(ShortagePolicy, ()); 3] = [
    (ShortagePolicy::Partial, ()),
    (ShortagePolicy::ShipComplete, ()),
    (ShortagePolicy::Reject, ()),
];
const KIND: [(Kind, ()); 2] = [(Kind::Purchase, ()), (Kind::Transfer, ())];

pub(super) fn event(to: &mut Encoder<'_>, event: &Event) {
    let skus = |to: &mut Encoder<'_>, skus: &[Sku]| {
        to.list(skus.iter(), |to, sku| to.text(sku.as_str()));
    };
    match event {
        Event::Received(received) => {
            to.u8(1);
            to.u8(received.kind as u8);
            to.u8(received.channel as u8);
            to.option(received.customer.as_ref(), |to, c| to.text(c.as_str()));
            batch_item(to, received.batch.as_ref());
            demand(to, &received.demand);
            to.u8(received.shortage as u8);
            to.option(received.total, money);
            to.fixed64(received.document_hash);
        }
        Event::Priced(pricing) => {
            to.u8(2);
            encode_pricing(to, pricing);
        }
        Event::Allocated { claims, shortages } => {
            to.u8(3);
            to.list(claims.iter(), |to, claim| to.u8(*claim as u8));
            to.list(shortages.iter(), shortage);
        }
        Event::Rejected(Rejection::OutOfStock(shortages)) => {
            to.u8(4);
            to.list(shortages.iter(), shortage);
        }
        Event::Rejected(Rejection::UnknownSku(unknown)) => {
            to.u8(5);
            skus(to, unknown);
        }
        Event::StepsAwaited { steps } => {
            to.u8(17);
            to.list(steps.iter(), step);
        }
        Event::StepTakenUp { step: name } => {
            to.u8(18);
            to.u8(STEP_TAKEN_UP);
            step(to, name);
        }
        Event::StepPassed { step: name, note } => {
            to.u8(18);
            to.u8(STEP_PASSED);
            step(to, name);
            to.option(note.as_deref(), |to, note| to.text(note));
        }
        Event::StepRemoved { step: name } => {
            to.u8(18);
            to.u8(STEP_REMOVED);
            step(to, name);
        }
        Event::StepIgnored(ignored) => {
            to.u8(18);
            to.u8(STEP_IGNORED);
            step(to, &ignored.step);
            to.u64(u64::from(ignored.revision));
            verdict(to, &ignored.verdict);
        }
        Event::Rejected(Rejection::Step { step: name, reason }) => {
            to.u8(19);
            step(to, name);
            to.text(reason);
        }
        Event::Failed { step: name, error, attempts } => {
            to.u8(20);
            to.u8(FAILED);
            step(to, name);
            to.text(error);
            to.u64(u64::from(*attempts));
        }
        Event::Redriven { steps, channel } => {
            to.u8(20);
            to.u8(REDRIVEN);
            to.list(steps.iter(), step);
            to.u8(*channel as u8);
        }
        Event::Filled { claims } => claim_ids(to, 6, claims),
        Event::Queued { claims } => claim_ids(to, 7, claims),
        Event::Unreserved { claims } => claim_ids(to, 8, claims),
        Event::Fulfilled => to.u8(9),
        Event::Repeated { channel, batch, same_document } => {
            to.u8(10);
            to.u8(*channel as u8);
            batch_item(to, batch.as_ref());
            to.u8(u8::from(*same_document));
        }
        Event::Amended(amended) => {
            to.u8(11);
            to.u8(amended.kind as u8);
            to.u8(amended.channel as u8);
            to.option(amended.customer.as_ref(), |to, c| to.text(c.as_str()));
            batch_item(to, amended.batch.as_ref());
            demand(to, &amended.demand);
            to.u64(amended.place.0);
            to.u8(amended.shortage as u8);
            to.option(amended.total, money);
            to.fixed64(amended.document_hash);
        }
        Event::Cancelled { reason, channel, batch } => {
            to.u8(12);
            to.option(reason.as_deref(), |to, reason| to.text(reason));
            to.u8(*channel as u8);
            batch_item(to, batch.as_ref());
        }
        Event::Refused(refused) => {
            to.u8(13);
            to.u8(refused.verb as u8);
            refusal(to, &refused.refusal);
            to.u8(refused.channel as u8);
            batch_item(to, refused.batch.as_ref());
        }
    }
}

/// What became of one step: follows number 18.
const STEP_TAKEN_UP: u8 = 0;
const STEP_PASSED: u8 = 1;
const STEP_REMOVED: u8 = 2;
const STEP_IGNORED: u8 = 3;
/// What became of the steps as a whole: follows number 20.
const FAILED: u8 = 0;
const REDRIVEN: u8 = 1;

fn step(to: &mut Encoder<'_>, step: &StepName) {
    to.text(step.as_str());
}

fn read_step(from: &mut Decoder<'_>) -> Result<StepName, Corrupt> {
    StepName::parse(from.text()?).map_err(|_| Corrupt)
}

fn verdict(to: &mut Encoder<'_>, verdict: &Verdict) {
    match verdict {
        Verdict::Approved { note } => {
            to.u8(0);
            to.option(note.as_deref(), |to, note| to.text(note));
        }
        Verdict::Refused { reason } => {
            to.u8(1);
            to.text(reason);
        }
        Verdict::Failed { error, attempts } => {
            to.u8(2);
            to.text(error);
            to.u64(u64::from(*attempts));
        }
    }
}

fn read_verdict(from: &mut Decoder<'_>) -> Result<Verdict, Corrupt> {
    Ok(match from.u8()? {
        0 => Verdict::Approved { note: from.option(|f| f.text().map(Into::into))? },
        1 => Verdict::Refused { reason: from.text()?.into() },
        2 => Verdict::Failed { error: from.text()?.into(), attempts: from.u32()? },
        _ => return Err(Corrupt),
    })
}

fn read_step_event(from: &mut Decoder<'_>) -> Result<Event, Corrupt> {
    let what = from.u8()?;
    let step = read_step(from)?;
    Ok(match what {
        STEP_TAKEN_UP => Event::StepTakenUp { step },
        STEP_PASSED => Event::StepPassed { step, note: from.option(|f| f.text().map(Into::into))? },
        STEP_REMOVED => Event::StepRemoved { step },
        STEP_IGNORED => {
            let (revision, verdict) = (from.u32()?, read_verdict(from)?);
            Event::StepIgnored(Box::new(StepIgnored { step, revision, verdict }))
        }
        _ => return Err(Corrupt),
    })
}

fn demand(to: &mut Encoder<'_>, demand: &[(Sku, i64)]) {
    to.list(demand.iter(), |to, (sku, quantity)| {
        to.text(sku.as_str());
        to.i64(*quantity);
    });
}

fn read_demand(from: &mut Decoder<'_>) -> Result<Vec<(Sku, i64)>, Corrupt> {
    from.list(|f| Ok((read_sku(f)?, f.i64()?)))
}

/// Claims that stand where their order stands are named by their SKUs, under `number`; others
/// with their places, under a number of their own.
fn claim_ids(to: &mut Encoder<'_>, number: u8, claims: &[ClaimId]) {
    let placed = claims.iter().any(|claim| claim.place != Place::OF_ORDER);
    to.u8(if placed { number + PLACED } else { number });
    to.list(claims.iter(), |to, claim| {
        to.text(claim.sku.as_str());
        if placed {
            to.u64(claim.place.0);
        }
    });
}

/// From the numbers of events that name claims by SKU to those that name them with places.
const PLACED: u8 = 8;

fn read_claim_ids(from: &mut Decoder<'_>, number: u8) -> Result<Vec<ClaimId>, Corrupt> {
    let placed = number > 8;
    from.list(|f| {
        let sku = read_sku(f)?;
        let place = if placed { Place(f.u64()?) } else { Place::OF_ORDER };
        Ok(ClaimId { sku, place })
    })
}

fn refusal(to: &mut Encoder<'_>, refusal: &Refusal) {
    match refusal {
        Refusal::Duplicate { status } => {
            to.u8(0);
            to.u8(*status as u8);
        }
        Refusal::UnknownOrder => to.u8(1),
        Refusal::WrongState { status } => {
            to.u8(2);
            to.u8(*status as u8);
        }
        Refusal::WouldReject(Rejection::OutOfStock(shortages)) => {
            to.u8(3);
            to.list(shortages.iter(), shortage);
        }
        Refusal::WouldReject(Rejection::UnknownSku(skus)) => {
            to.u8(4);
            to.list(skus.iter(), |to, sku| to.text(sku.as_str()));
        }
        Refusal::WouldReject(Rejection::Step { step: name, reason }) => {
            to.u8(10);
            step(to, name);
            to.text(reason);
        }
        Refusal::StaleRevision { current } => {
            to.u8(5);
            to.u64(u64::from(*current));
        }
        Refusal::TooManyRevisions => to.u8(6),
        Refusal::BelowReserved { reserved } => {
            to.u8(7);
            to.i64(*reserved);
        }
        Refusal::StockOutOfRange => to.u8(8),
        Refusal::TooManyReleases => to.u8(9),
    }
}

fn read_refusal(from: &mut Decoder<'_>) -> Result<Refusal, Corrupt> {
    Ok(match from.u8()? {
        0 => Refusal::Duplicate { status: pick(from, &Status::ALL)? },
        1 => Refusal::UnknownOrder,
        2 => Refusal::WrongState { status: pick(from, &Status::ALL)? },
        3 => Refusal::WouldReject(Rejection::OutOfStock(from.list(read_shortage)?)),
        4 => Refusal::WouldReject(Rejection::UnknownSku(from.list(read_sku)?)),
        5 => Refusal::StaleRevision { current: from.u32()? },
        6 => Refusal::TooManyRevisions,
        7 => Refusal::BelowReserved { reserved: from.i64()? },
        8 => Refusal::StockOutOfRange,
        9 => Refusal::TooManyReleases,
        10 => {
            let (step, reason) = (read_step(from)?, from.text()?.into());
            Refusal::WouldReject(Rejection::Step { step, reason })
        }
        _ => return Err(Corrupt),
    })
}

pub(super) fn read_verb(from: &mut Decoder<'_>) -> Result<Verb, Corrupt> {
    pick(from, &Verb::ALL)
}

pub(super) fn read_event(from: &mut Decoder<'_>) -> Result<Event, Corrupt> {
    let skus = |from: &mut Decoder<'_>| from.list(read_sku);
    let number = from.u8()?;
    Ok(match number {
        1 => Event::Received(Box::new(Received {
            kind: pick(from, &KIND)?,
            channel: read_channel(from)?,
            customer: from.option(read_name(CustomerId::parse))?,
            batch: read_batch_item(from)?,
            demand: read_demand(from)?,
            shortage: pick(from, &SHORTAGE)?,
            total: from.option(read_money)?,
            document_hash: from.fixed64()?,
        })),
        2 => Event::Priced(decode_pricing(from)?.into()),
        3 => Event::Allocated {
            claims: from.list(|f| pick(f, &ClaimState::ALL))?,
            shortages: from.list(read_shortage)?,
        },
        4 => Event::Rejected(Rejection::OutOfStock(from.list(read_shortage)?)),
        5 => Event::Rejected(Rejection::UnknownSku(skus(from)?)),
        6 | 14 => Event::Filled { claims: read_claim_ids(from, number)? },
        7 | 15 => Event::Queued { claims: read_claim_ids(from, number)? },
        8 | 16 => Event::Unreserved { claims: read_claim_ids(from, number)? },
        9 => Event::Fulfilled,
        10 => Event::Repeated {
            channel: read_channel(from)?,
            batch: read_batch_item(from)?,
            same_document: from.u8()? == 1,
        },
        11 => Event::Amended(Box::new(Amended {
            kind: pick(from, &KIND)?,
            channel: read_channel(from)?,
            customer: from.option(read_name(CustomerId::parse))?,
            batch: read_batch_item(from)?,
            demand: read_demand(from)?,
            place: Place(from.u64()?),
            shortage: pick(from, &SHORTAGE)?,
            total: from.option(read_money)?,
            document_hash: from.fixed64()?,
        })),
        12 => Event::Cancelled {
            reason: from.option(|f| f.text().map(Into::into))?,
            channel: read_channel(from)?,
            batch: read_batch_item(from)?,
        },
        13 => Event::Refused(Box::new(Refused {
            verb: read_verb(from)?,
            refusal: read_refusal(from)?,
            channel: read_channel(from)?,
            batch: read_batch_item(from)?,
        })),
        17 => Event::StepsAwaited { steps: from.list(read_step)? },
        18 => read_step_event(from)?,
        19 => {
            let (step, reason) = (read_step(from)?, from.text()?.into());
            Event::Rejected(Rejection::Step { step, reason })
        }
        20 => match from.u8()? {
            FAILED => Event::Failed {
                step: read_step(from)?,
                error: from.text()?.into(),
                attempts: from.u32()?,
            },
            REDRIVEN => {
                Event::Redriven { steps: from.list(read_step)?, channel: read_channel(from)? }
            }
            _ => return Err(Corrupt),
        },
        _ => return Err(Corrupt),
    })
}

pub(super) fn shortage(to: &mut Encoder<'_>, shortage: &Shortage) {
    to.text(shortage.sku.as_str());
    to.i64(shortage.wanted);
    to.i64(shortage.available);
}

pub(super) fn read_shortage(from: &mut Decoder<'_>) -> Result<Shortage, Corrupt> {
    Ok(Shortage { sku: read_sku(from)?, wanted: from.i64()?, available: from.i64()? })
}

pub(super) fn encode_pricing(to: &mut Encoder<'_>, pricing: &Pricing) {
    to.u64(pricing.rule_set);
    to.list(pricing.lines.iter(), |to, line| {
        to.option(line.unit_price, |to, p| to.i64(p.0));
        to.option(line.base, money);
        to.option(line.total, money);
    });
    to.option(pricing.shipping, money);
    to.list(pricing.effects.iter(), |to, effect| {
        to.u64(u64::from(effect.rule));
        match effect.target {
            Target::Line(line) => to.u64(u64::from(line) + 2),
            Target::Shipping => to.u8(0),
            Target::Tax => to.u8(1),
        }
        money(to, effect.amount);
    });
    to.option(pricing.total, money);
    to.list(pricing.failed.iter(), |to, rule| to.u64(u64::from(*rule)));
}

pub(super) fn decode_pricing(from: &mut Decoder<'_>) -> Result<Pricing, Corrupt> {
    let short = |value: u64| u16::try_from(value).map_err(|_| Corrupt);
    Ok(Pricing {
        rule_set: from.u64()?,
        lines: from.list(|f| {
            Ok(LinePrice {
                unit_price: f.option(|f| f.i64().map(UnitPrice))?,
                base: f.option(read_money)?,
                total: f.option(read_money)?,
            })
        })?,
        shipping: from.option(read_money)?,
        effects: from.list(|f| {
            Ok(Effect {
                rule: short(f.u64()?)?,
                target: match f.u64()? {
                    0 => Target::Shipping,
                    1 => Target::Tax,
                    line => Target::Line(short(line - 2)?),
                },
                amount: read_money(f)?,
            })
        })?,
        total: from.option(read_money)?,
        failed: from.list(|f| short(f.u64()?))?,
    })
}

/// Writes an order's state, for rows of a projection.
pub fn encode_state(order: &OrderState, out: &mut Vec<u8>) {
    let mut to = Encoder(out);
    order_key(&mut to, &order.key);
    to.u64(u64::from(order.revision));
    to.u8(order.status as u8);
    to.u8(order.kind as u8);
    to.u8(order.channel as u8);
    to.option(order.customer.as_ref(), |to, c| to.text(c.as_str()));
    batch_item(&mut to, order.batch.as_ref());
    to.i64(order.received_at.0);
    to.i64(order.updated_at.0);
    to.option(order.total, money);
    to.u8(order.shortage as u8);
    to.list(order.claims.iter(), |to, claim| {
        to.text(claim.sku.as_str());
        to.i64(claim.quantity);
        to.u8(claim.state as u8);
    });
    to.u64(u64::from(order.repeats));
    to.fixed64(order.document_hash);
    // Added later: only where an amendment or external steps made it necessary.
    let is_late = order.claims.iter().any(|claim| claim.place != Place::OF_ORDER);
    if is_late || order.pending.is_some() {
        to.list(order.claims.iter(), |to, claim| to.u64(claim.place.0));
    }
    if let Some(pending) = &order.pending {
        to.list(pending.steps.iter(), step);
        to.u64(pending.passed as u64);
        to.i64(pending.since.0);
    }
}

/// Reads an order's state back.
///
/// # Errors
/// [`Corrupt`] when the bytes are none.
pub fn decode_state(from: &mut Decoder<'_>) -> Result<OrderState, Corrupt> {
    let mut order = OrderState {
        key: read_order_key(from)?,
        revision: from.u32()?,
        status: pick(from, &Status::ALL)?,
        kind: pick(from, &KIND)?,
        channel: read_channel(from)?,
        customer: from.option(read_name(CustomerId::parse))?,
        batch: read_batch_item(from)?,
        received_at: Timestamp(from.i64()?),
        updated_at: Timestamp(from.i64()?),
        total: from.option(read_money)?,
        shortage: pick(from, &SHORTAGE)?,
        claims: from.list(|f| {
            let (sku, quantity) = (read_sku(f)?, f.i64()?);
            let state = pick(f, &ClaimState::ALL)?;
            Ok(Claim { sku, quantity, state, place: Place::OF_ORDER })
        })?,
        repeats: from.u32()?,
        document_hash: from.fixed64()?,
        pending: None,
    };
    if !from.0.is_empty() {
        let places = from.list(|f| f.u64().map(Place))?;
        for (claim, place) in order.claims.iter_mut().zip(places) {
            claim.place = place;
        }
    }
    if !from.0.is_empty() {
        order.pending = Some(Box::new(Pending {
            steps: from.list(read_step)?,
            passed: from.u32()? as usize,
            since: Timestamp(from.i64()?),
        }));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_order_came_from_comes_back_and_so_does_what_was_written_without_a_place() {
        let batch = BatchId::parse("b").expect("a name");
        let at = Some(InputPlace { line: 300, byte: 70_000 });
        let placed = BatchItem { batch, index: 5, at };
        for item in [None, Some(BatchItem { at: None, ..placed.clone() }), Some(placed)] {
            let mut bytes = Vec::new();
            batch_item(&mut Encoder(&mut bytes), item.as_ref());
            assert_eq!(read_batch_item(&mut Decoder(&bytes)), Ok(item));
        }
        let unplaced = [1, 1, b'b', 5];
        let item = read_batch_item(&mut Decoder(&unplaced)).expect("it was written so before");
        assert_eq!(item.map(|item| (item.index, item.at)), Some((5, None)));
        assert_eq!(read_batch_item(&mut Decoder(&[3, 1, b'b', 5])), Err(Corrupt));
    }
}
