//! Why an order is where it is: what it waits for, how often that was tried, what came of it.
//!
//! Never: a decision. What is durable comes from the order; how the calls of a step are getting on
//! is told by whoever makes them, and nobody has to know.

use domain::event::Event;
use domain::id::{OrderKey, StepName};
use domain::state::{Claim, OrderState, Status};
use domain::time::Timestamp;
use serde_json::{Value, json};
use service::ledger::OrderView;

use crate::App;
use crate::fields::time;

/// How the calls of an external step for one order are getting on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tries {
    /// Calls that came to nothing.
    pub attempts: u32,
    /// What the last of them came to, for people.
    pub last_error: Box<str>,
    /// When it is called again; now, or when the step answers others again, when absent.
    pub next: Option<Timestamp>,
}

/// Whoever makes the calls of external steps.
pub trait Waits: Send + Sync {
    /// How those of a step for an order are getting on; `None` when none has failed yet.
    fn tries(&self, step: &StepName, order: &OrderKey) -> Option<Tries>;
}

/// Nobody makes calls here.
pub(crate) struct Nobody;

impl Waits for Nobody {
    fn tries(&self, _: &StepName, _: &OrderKey) -> Option<Tries> {
        None
    }
}

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
    let tries = app.waits.tries(step, &order.key);
    let tries = tries.as_ref();
    Some(json!({
        "what": "step",
        "step": step.as_str(),
        "steps": pending.steps.iter().map(StepName::as_str).collect::<Vec<_>>(),
        "since": time(pending.since),
        "attempts": tries.map_or(0, |tries| tries.attempts),
        "last_error": tries.map(|tries| &*tries.last_error),
        "next_try": tries.and_then(|tries| tries.next).map(time),
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
