//! An order's events as rows, with the stock they moved and what of them was not taken.
//!
//! Never: words that people or other systems wrote about an order. They stay in the ledger.

use domain::command::Verdict;
use domain::event::{Event, Rejection, Shortage};
use domain::id::{Sku, StepName};
use domain::order::Channel;
use domain::state::{ClaimId, OrderState};
use domain::stock::Movement;
use serde_json::{Value, json};
use service::change::Seq;

use super::{number, rejects};
use crate::order::{OrderChange, Witness};
use crate::tables::{Draft, order_events::OrderEvent, stock_movements::StockMovement};

/// Most products that a detail lists; of more it says how many.
const LISTED_MAX: usize = 20;

/// Writes rows of what happens while an order takes in a change.
pub(super) struct Telling<'a> {
    draft: &'a mut Draft,
    change: &'a OrderChange<'a>,
    first: Seq,
    events: i64,
    movements: i64,
}

impl<'a> Telling<'a> {
    pub(super) fn new(draft: &'a mut Draft, change: &'a OrderChange<'a>, first: Seq) -> Self {
        Self { draft, change, first, events: 0, movements: 0 }
    }
}

impl Witness for Telling<'_> {
    fn moved(&mut self, event: &Event, sku: &Sku, movement: Movement) {
        self.movements += 1;
        let OrderChange { seq, at, key, .. } = *self.change;
        self.draft.stock_movements.push(StockMovement {
            sequence: number(seq),
            position: self.movements,
            at,
            merchant_id: key.merchant.as_str(),
            sku: sku.as_str(),
            on_hand: movement.on_hand,
            reserved: movement.reserved,
            waiting: movement.waiting,
            order_id: Some(key.id.as_str()),
            reason: event.name(),
            note: None,
        });
    }

    fn happened(&mut self, event: &Event, state: &OrderState) {
        self.events += 1;
        let OrderChange { seq, at, key, .. } = *self.change;
        let detail = detail(event);
        self.draft.order_events.push(OrderEvent {
            sequence: number(seq),
            position: self.events,
            merchant_id: key.merchant.as_str(),
            order_id: key.id.as_str(),
            first_sequence: number(self.first),
            revision: i64::from(state.revision),
            event: event.name(),
            at,
            status: state.status.as_str(),
            channel: channel(event).map(Channel::as_str),
            detail: detail.as_deref(),
        });
        if let Event::Refused(refused) = event {
            rejects::refused(self.draft, (seq, at), key, refused);
        } else if let Event::Repeated { channel, batch, .. } = event {
            rejects::repeated(self.draft, (seq, at), key, (*channel, batch.as_ref()));
        }
    }
}

/// Where an event came in, if it did.
fn channel(event: &Event) -> Option<Channel> {
    match event {
        Event::Received(received) => Some(received.channel),
        Event::Amended(amended) => Some(amended.channel),
        Event::Refused(refused) => Some(refused.channel),
        Event::Cancelled { channel, .. }
        | Event::Redriven { channel, .. }
        | Event::Repeated { channel, .. } => Some(*channel),
        Event::Priced(_)
        | Event::Allocated { .. }
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::StepIgnored(_)
        | Event::Failed { .. }
        | Event::Rejected(_)
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. }
        | Event::Fulfilled => None,
    }
}

/// What matters about an event beyond its name and its order's columns.
fn detail(event: &Event) -> Option<String> {
    let detail = match event {
        Event::Received(_)
        | Event::Priced(_)
        | Event::Amended(_)
        | Event::Cancelled { .. }
        | Event::Fulfilled => return None,
        Event::Allocated { shortages: short, .. } if short.is_empty() => return None,
        Event::Allocated { shortages: short, .. } => json!({"shortages": shortages(short)}),
        Event::StepsAwaited { steps } | Event::Redriven { steps, .. } => {
            json!({"steps": steps.iter().map(StepName::as_str).collect::<Vec<_>>()})
        }
        Event::StepTakenUp { step }
        | Event::StepPassed { step, .. }
        | Event::StepRemoved { step } => json!({"step": step.as_str()}),
        Event::StepIgnored(ignored) => json!({
            "step": ignored.step.as_str(),
            "revision": ignored.revision,
            "answer": answer(&ignored.verdict),
        }),
        Event::Failed { step, attempts, .. } => {
            json!({"step": step.as_str(), "attempts": attempts})
        }
        Event::Rejected(why) => rejection(why),
        Event::Filled { claims } | Event::Queued { claims } | Event::Unreserved { claims } => {
            json!({"skus": listed(claims, |claim: &ClaimId| claim.sku.as_str().into())})
        }
        Event::Repeated { same_document, .. } => json!({"same_document": same_document}),
        Event::Refused(refused) => {
            json!({"command": refused.verb.as_str(), "code": refused.refusal.code()})
        }
    };
    Some(detail.to_string())
}

fn answer(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Approved { .. } => "approved",
        Verdict::Refused { .. } => "refused",
        Verdict::Failed { .. } => "failed",
    }
}

fn rejection(why: &Rejection) -> Value {
    match why {
        Rejection::OutOfStock(short) => json!({"code": why.code(), "shortages": shortages(short)}),
        Rejection::UnknownSku(skus) => {
            json!({"code": why.code(), "skus": listed(skus, |sku| sku.as_str().into())})
        }
        Rejection::Step { step, .. } => json!({"code": why.code(), "step": step.as_str()}),
    }
}

fn shortages(shortages: &[Shortage]) -> Vec<Value> {
    listed(
        shortages,
        |s| json!({"sku": s.sku.as_str(), "wanted": s.wanted, "available": s.available}),
    )
}

/// The first of them; of more than are listed, how many there are beyond.
fn listed<T>(all: &[T], show: impl Fn(&T) -> Value) -> Vec<Value> {
    let more = all.len().saturating_sub(LISTED_MAX);
    let shown = all.iter().take(LISTED_MAX).map(show);
    shown.chain((more > 0).then(|| json!({"more": more}))).collect()
}
