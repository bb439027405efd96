//! What a step is asked about an order: which changes lead to a question, its name and its body.
//!
//! A pure function of the log: asked again after a crash, it is the same question with the same id.
//! Never: a question about an order that has gone on since.

use blake3::Hasher;
use bytes::Bytes;
use domain::event::Event;
use domain::id::{OrderKey, StepName};
use domain::money::Amount;
use domain::state::OrderState;
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::change::{Change, Seq, What};
use crate::follow::Delivery;
use crate::ledger::{Found, Ledger, OrderView, Unavailable};
use crate::passed::passed;
use crate::wire::cloud_event::CloudEvent;
use crate::wire::{csv, rfc3339};

/// What kind of event a question is.
pub const KIND: &str = "comanda.order.step_requested";

/// A question to a step, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which order.
    pub order: OrderKey,
    /// Which revision of it.
    pub revision: u32,
    /// Whether nobody has begun to ask about it.
    pub is_first: bool,
    /// The event, as it is sent.
    pub body: Bytes,
}

/// How an installation's questions read.
#[derive(Clone, Debug)]
pub struct Wording {
    /// Where they come from: a URI reference.
    pub source: Box<str>,
    /// ISO 4217 code of the currency.
    pub currency: Box<str>,
    /// Its decimals.
    pub exponent: u32,
}

/// The question that a change leads to: after it, its order waits for that step.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn select(
    ledger: &dyn Ledger,
    step: &StepName,
    seq: Seq,
    change: &Change,
) -> Result<Option<Delivery>, Unavailable> {
    let What::Order { key, events, .. } = &change.what else { return Ok(None) };
    if !events.iter().any(|event| may_ask(event, step)) {
        return Ok(None);
    }
    let after = passed(ledger, seq, change)?.pop();
    let Some(order) = after.filter(|order| order.awaits() == Some(step)) else { return Ok(None) };
    let id = id(key, order.revision, step);
    let (order, kind) = (Some(key.clone()), KIND.into());
    Ok(Some(Delivery { id, seq, order, kind, due: None }))
}

/// The question that an order waits with, however it came to; `None` when it waits for no step. Who
/// looks at orders and not at the log asks by it: the same question has the same id.
#[must_use]
pub fn awaited(order: &OrderView) -> Option<Delivery> {
    let state = &order.state;
    let step = state.awaits()?;
    let asked = order.history.iter().rev().find(|(_, _, event)| may_ask(event, step));
    Some(Delivery {
        id: id(&state.key, state.revision, step),
        seq: asked.map_or(order.seq, |(seq, _, _)| *seq),
        order: Some(state.key.clone()),
        kind: KIND.into(),
        due: None,
    })
}

/// Whether an order may begin to wait for that step with an event; most changes need no more.
fn may_ask(event: &Event, step: &StepName) -> bool {
    match event {
        Event::StepsAwaited { steps } | Event::Redriven { steps, .. } => {
            steps.first() == Some(step)
        }
        Event::StepPassed { .. } | Event::StepRemoved { .. } => true,
        Event::Received(_)
        | Event::Priced(_)
        | Event::Amended(_)
        | Event::StepTakenUp { .. }
        | Event::StepIgnored(_)
        | Event::Failed { .. }
        | Event::Allocated { .. }
        | Event::Rejected(_)
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. }
        | Event::Cancelled { .. }
        | Event::Fulfilled
        | Event::Repeated { .. }
        | Event::Refused(_) => false,
    }
}

/// The name of the question to a step about a revision: whoever is asked twice knows.
fn id(order: &OrderKey, revision: u32, step: &StepName) -> Box<str> {
    let mut hasher = Hasher::new();
    let number = revision.to_le_bytes();
    let (merchant, id) = (order.merchant.as_str(), order.id.as_str());
    for part in [b"comanda step", merchant.as_bytes(), id.as_bytes(), &number] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let hash = hasher.update(step.as_str().as_bytes()).finalize();
    format!("step_{}", &hash.to_hex()[..32]).into()
}

/// The question of a delivery; `None` when its order does not wait for it any more.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn question(
    ledger: &dyn Ledger,
    wording: &Wording,
    step: &StepName,
    delivery: &Delivery,
) -> Result<Option<Question>, Unavailable> {
    let Some(key) = &delivery.order else { return Ok(None) };
    let Found::Order(view) = ledger.order(&key.id, Some(&key.merchant))? else { return Ok(None) };
    let order = &view.state;
    if order.awaits() != Some(step) || id(key, order.revision, step) != delivery.id {
        return Ok(None);
    }
    Ok(Some(Question {
        order: key.clone(),
        revision: order.revision,
        is_first: order.status == domain::state::Status::Received,
        body: body(wording, step, &delivery.id, &view),
    }))
}

/// What a step is told of an order.
#[derive(Serialize)]
struct Data<'a> {
    step: &'a str,
    order_id: &'a str,
    merchant_id: &'a str,
    revision: u32,
    kind: &'a str,
    channel: &'a str,
    customer_id: Option<&'a str>,
    received_at: String,
    total: Option<String>,
    currency: &'a str,
    lines: Vec<Line<'a>>,
    /// As it came, where it is JSON; rows of a table as the JSON they stand for.
    document: Option<&'a RawValue>,
}

/// Units of a product.
#[derive(Serialize)]
struct Line<'a> {
    sku: &'a str,
    quantity: i64,
}

fn body(wording: &Wording, step: &StepName, id: &str, view: &OrderView) -> Bytes {
    let order = &view.state;
    let json = csv::canonical(&view.document);
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&json);
    let subject = format!("{}/{}", order.key.merchant, order.key.id);
    let event = CloudEvent {
        id,
        source: &wording.source,
        kind: KIND,
        subject: Some(&subject),
        time: asked_at(order),
        data: Data {
            step: step.as_str(),
            order_id: order.key.id.as_str(),
            merchant_id: order.key.merchant.as_str(),
            revision: order.revision,
            kind: order.kind.as_str(),
            channel: order.channel.as_str(),
            customer_id: order.customer.as_ref().map(|customer| customer.as_str()),
            received_at: rfc3339(order.received_at),
            total: order.total.map(|total| Amount(total, wording.exponent).to_string()),
            currency: &wording.currency,
            lines: wanted(order),
            document: serde_json::from_slice(json).ok(),
        },
    };
    serde_json::to_vec(&event).unwrap_or_default().into()
}

/// Units per product: claims of one product stand together.
fn wanted(order: &OrderState) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::with_capacity(order.claims.len());
    for claim in &order.claims {
        let sku = claim.sku.as_str();
        match lines.last_mut() {
            Some(line) if line.sku == sku => line.quantity += claim.quantity,
            Some(_) | None => lines.push(Line { sku, quantity: claim.quantity }),
        }
    }
    lines
}

fn asked_at(order: &OrderState) -> Timestamp {
    order.pending.as_ref().map_or(order.updated_at, |pending| pending.since)
}
