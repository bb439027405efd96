//! External steps: what their answers mean, and how a failed order is asked about again.
//!
//! An answer counts when the order waits for that step with that revision; any other changes
//! nothing. Never: who is called, when, and how often. That is a follower's business.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Decision;
use super::amend::allocate_claims;
use crate::command::{Redrive, StepNews, StepReport, Verdict};
use crate::event::{Event, Refusal, Rejection, StepIgnored};
use crate::facts::Facts;
use crate::state::{OrderState, Pending, Status};

/// What became of a step: the last one that passes allocates the order in the same decision.
pub(super) fn step(report: &StepReport, facts: &impl Facts) -> Result<Decision, Refusal> {
    let order = facts.order(&report.order).ok_or(Refusal::UnknownOrder)?;
    let counts = report.revision == order.revision && order.awaits() == Some(&report.step);
    let step = report.step.clone();
    let events = match (&report.news, counts) {
        (StepNews::TakenUp, true) if order.status == Status::Received => {
            alloc::vec![Event::StepTakenUp { step }]
        }
        (StepNews::TakenUp, _) | (StepNews::Removed, false) => Vec::new(),
        (StepNews::Removed, true) => pass(&order, Event::StepRemoved { step }, facts),
        (StepNews::Said(verdict), false) => {
            let (revision, verdict) = (report.revision, verdict.clone());
            let ignored = StepIgnored { step, revision, verdict };
            alloc::vec![Event::StepIgnored(Box::new(ignored))]
        }
        (StepNews::Said(Verdict::Approved { note }), true) => {
            pass(&order, Event::StepPassed { step, note: note.clone() }, facts)
        }
        (StepNews::Said(Verdict::Refused { reason }), true) => {
            let reason = reason.clone();
            alloc::vec![Event::Rejected(Rejection::Step { step, reason })]
        }
        (StepNews::Said(Verdict::Failed { error, attempts }), true) => {
            alloc::vec![Event::Failed { step, error: error.clone(), attempts: *attempts }]
        }
    };
    let orders = if events.is_empty() { Vec::new() } else { alloc::vec![(order.key, events)] };
    Ok(Decision { orders, stock: None })
}

/// The step is behind the order; when it was the last, somebody looks for stock.
fn pass(order: &OrderState, passed: Event, facts: &impl Facts) -> Vec<Event> {
    let is_last = |pending: &Pending| pending.passed.saturating_add(1) >= pending.steps.len();
    let allocated = order.pending.as_deref().filter(|pending| is_last(pending));
    let allocated = allocated.map(|_| allocate_order(order, facts));
    core::iter::once(passed).chain(allocated).collect()
}

fn allocate_order(order: &OrderState, facts: &impl Facts) -> Event {
    let (merchant, shortage) = (&order.key.merchant, order.shortage);
    allocate_claims(merchant, &order.claims, shortage, facts).unwrap_or_else(Event::Rejected)
}

/// Asks the steps of a failed order anew, those that are still there.
pub(super) fn redrive(redrive: &Redrive, facts: &impl Facts) -> Result<Decision, Refusal> {
    let order = facts.order(&redrive.order).ok_or(Refusal::UnknownOrder)?;
    match order.status {
        Status::Failed => {}
        Status::Invalid
        | Status::Received
        | Status::Processing
        | Status::Completed
        | Status::Backordered
        | Status::Rejected
        | Status::Cancelled
        | Status::Fulfilled => return Err(Refusal::WrongState { status: order.status }),
    }
    let steps = order.pending.iter().flat_map(|pending| &pending.steps);
    let steps: Vec<_> = steps.filter(|step| redrive.known.contains(step)).cloned().collect();
    let allocated = steps.is_empty().then(|| allocate_order(&order, facts));
    let redriven = Event::Redriven { steps, channel: redrive.channel };
    let events = core::iter::once(redriven).chain(allocated).collect();
    Ok(Decision::order(order.key, events))
}
