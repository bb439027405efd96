//! Why an order is where it is: what it waits for, how often that was tried, what came of it.
//!
//! Never: a decision. What is durable comes from the order; how the calls of a step are getting on
//! is told by whoever makes them, and nobody has to know.

use domain::event::Event;
use domain::id::StepName;
use domain::state::{Claim, OrderState, Status};
use serde_json::{Value, json};
use service::ledger::OrderView;
use service::steps::sink_name;

use crate::App;
use crate::fields::time;

/// What an order waits for, if for anything.
pub(crate) fn waiting_for(app: &App, order: &OrderState) -> Option<Value> {
    match order.status {
        Status::Received | Status::Processing => step(app, order),
        Status::Backordered => Some(stock(order)),
        Status::Invalid
        | Status::Completed
        | Status::Rejected
        | Status::Failed
        | Status::Cancelled
        | Status::Fulfilled => None,
    }
}

fn step(app: &App, order: &OrderState) -> Option<Value> {
    let (pending, step) = (order.pending.as_ref()?, order.awaits()?);
    let sink = sink_name(step);
    let holding = app.followers.holding(&order.key);
    let held = holding.iter().find(|(name, _)| *name == sink).map(|(_, held)| held);
    Some(json!({
        "what": "step",
        "step": step.as_str(),
        "steps": pending.steps.iter().map(StepName::as_str).collect::<Vec<_>>(),
        "since": time(pending.since),
        "attempts": held.map_or(0, |held| held.attempts),
        "last_error": held.and_then(|held| held.last_error.as_deref()),
        "next_try": held.and_then(|held| held.next_try).map(time),
    }))
}

fn stock(order: &OrderState) -> Value {
    let open = order.claims.iter().filter(|claim| !claim.state.is_done());
    let short = |claim: &Claim| json!({"sku": claim.sku.as_str(), "quantity": claim.quantity});
    json!({"what": "stock", "products": open.map(short).collect::<Vec<_>>()})
}

/// Why an order has failed, if it has.
pub(crate) fn failure(view: &OrderView) -> Option<Value> {
    if view.state.status != Status::Failed {
        return None;
    }
    view.history.iter().rev().find_map(|(_, at, event)| {
        let Event::Failed { step, error, attempts } = event else { return None };
        Some(json!({
            "step": step.as_str(),
            "error": &**error,
            "attempts": attempts,
            "at": time(*at),
        }))
    })
}
