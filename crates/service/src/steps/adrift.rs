//! Orders that wait for a step when a server starts: those of a step which the settings have no
//! more would never be answered.

use domain::command::{StepNews, StepReport};
use domain::id::StepName;
use domain::state::{OrderState, Status};

use super::Steps;
use crate::change::Seq;
use crate::follow::Begin;
use crate::ledger::{By, Ledger, Request, Unavailable, seen};
use crate::view::Direction;

/// Orders looked at in one go, and let go in one commit.
const PAGE: usize = 256;

/// Where the sink of a step begins that has no cursor yet: when orders wait already (they came in
/// while no server ran), at the beginning of the log, so that none of them is passed over.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn begins(ledger: &dyn Ledger) -> Result<Begin, Unavailable> {
    for status in WAITING {
        if !waiting(ledger, status, None, 1)?.is_empty() {
            return Ok(Begin::Oldest);
        }
    }
    Ok(Begin::Now)
}

/// Lets every order go on that waits for a step which is not among `steps`, as long as `go_on` says
/// so. Answers how many there were.
///
/// # Errors
/// [`Unavailable`] when they cannot be read or recorded; it may be called again.
pub async fn release(
    ledger: &dyn Ledger,
    steps: &Steps,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<usize, Unavailable> {
    let known = steps.names();
    let mut released = 0;
    for status in WAITING {
        let mut after = None;
        while go_on() {
            let page = waiting(ledger, status, after, PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            let reports = page.iter().map(|(_, order)| removed(order, &known));
            let reports: Vec<_> = reports.filter(|reports| !reports.is_empty()).collect();
            released += reports.len();
            for call in calls(reports) {
                ledger.execute(call).await?;
            }
        }
    }
    Ok(released)
}

type Rows = Vec<(Seq, OrderState)>;

/// The states in which an order waits for a step.
const WAITING: [Status; 2] = [Status::Received, Status::Processing];

fn waiting(
    ledger: &dyn Ledger,
    status: Status,
    after: Option<Seq>,
    limit: usize,
) -> Result<Rows, Unavailable> {
    let by = By::Status(status);
    let rows = seen(ledger, |view| view.list(&by, Direction::Oldest, after, limit))?;
    Ok(rows.into_iter().map(|(seq, order)| (seq, (*order).clone())).collect())
}

/// One report for each step that an order would meet next and that is there no more.
fn removed(order: &OrderState, known: &[StepName]) -> Vec<Request> {
    let Some(pending) = &order.pending else { return Vec::new() };
    let steps = pending.steps.iter().skip(pending.passed).cloned();
    let report = |step| {
        let (order, revision) = (order.key.clone(), order.revision);
        Request::Step(Box::new(StepReport { order, revision, step, news: StepNews::Removed }))
    };
    steps.take_while(|step| !known.contains(step)).map(report).collect()
}

/// Calls of at most [`PAGE`] orders' first, second … reports, far below what one may hold.
fn calls(reports: Vec<Vec<Request>>) -> impl Iterator<Item = Vec<Request>> {
    let mut queues: Vec<_> = reports.into_iter().map(Vec::into_iter).collect();
    std::iter::from_fn(move || {
        let call: Vec<Request> = queues.iter_mut().filter_map(Iterator::next).collect();
        (!call.is_empty()).then_some(call)
    })
}
