//! Orders that must pass external steps: where they stand meanwhile, what answers do, and what is
//! still known of it all after a restart.

use std::sync::Arc;

use domain::command::{BelowReserved, StepNews, StepReport, StockChange, Verdict};
use domain::event::{Event, Refusal, Rejection};
use domain::id::StepName;
use domain::state::{ClaimState, Status};

use super::orders::{is_its_history, names};
use super::{Place, Stage, adjust, all_changes, merchant, order_key, place, stock_key, view};
use crate::change::What;
use crate::ledger::{Accepted, Answer, By, Ledger, Query, Request};
use crate::steps::{Step, Steps};

/// The steps that a ledger under this suite has: `fraud` for every order of the seller `asks`, and
/// after it `erp` where that comes to 10.00.
#[must_use]
pub fn steps() -> Arc<Steps> {
    let step = |name: &str, when: &str| {
        let when = crate::cel::compile(when).expect("a condition");
        Step { name: step_name(name), when: Some(Arc::new(when)) }
    };
    let fraud = step("fraud", "order.merchant == 'asks'");
    let erp = step("erp", "order.merchant == 'asks' && order.total >= 1000");
    Arc::new(Steps::new(vec![fraud, erp]))
}

pub(super) fn run(stage: &mut Stage<'_>) {
    an_order_waits_for_the_steps_it_needs(stage);
    what_needs_no_step_has_no_trace_of_them(stage);
    refused_and_failed_orders_stay_that_and_a_redrive_asks_anew(stage);
    answers_that_nobody_waits_for_are_history_and_no_more(stage);
    who_passes_late_gets_what_is_free(stage);
    an_amendment_asks_its_own_steps(stage);
}

fn step_name(name: &str) -> StepName {
    StepName::parse(name).expect("a name")
}

fn asks(id: &str, cents: i64) -> Place {
    place(id).seller("asks").lines(&[("PEN", 2, Some(cents))])
}

fn count(units: i64) -> Request {
    adjust("asks", "PEN", StockChange::To(units), BelowReserved::Refuse)
}

fn report(id: &str, revision: u32, step: &str, news: StepNews) -> Request {
    let (order, step) = (order_key("asks", id), step_name(step));
    Request::Step(Box::new(StepReport { order, revision, step, news }))
}

fn approved() -> StepNews {
    StepNews::Said(Verdict::Approved { note: Some("score 3".into()) })
}

fn failed() -> StepNews {
    StepNews::Said(Verdict::Failed { error: "no answer in time".into(), attempts: 8 })
}

fn waits_for(accepted: &Accepted) -> Option<&str> {
    accepted.state.awaits().map(StepName::as_str)
}

fn listed(ledger: &dyn Ledger, status: Status) -> Vec<String> {
    let by = By::MerchantStatus(merchant("asks"), status);
    let query = Query { by, limit: 100, ..Query::default() };
    let page = ledger.find(&query).expect("the ledger reads");
    page.orders.iter().map(|(_, order)| order.key.id.to_string()).collect()
}

fn an_order_waits_for_the_steps_it_needs(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count(9));
    let small = stage.accepted(asks("small", 499).request());
    assert_eq!((small.state.status, waits_for(&small)), (Status::Received, Some("fraud")));
    let large = stage.accepted(asks("large", 500).request());
    assert_eq!(large.state.pending.as_ref().map(|pending| pending.steps.len()), Some(2));
    stage.twice(|ledger| {
        assert_eq!(listed(ledger, Status::Received), ["large", "small"]);
        let found = view(ledger, "large");
        assert_eq!(found.state.awaits().map(StepName::as_str), Some("fraud"));
        is_its_history(&found);
    });
    let taken = stage.accepted(report("large", 1, "fraud", StepNews::TakenUp));
    assert_eq!(taken.state.status, Status::Processing);
    let passed = stage.accepted(report("large", 1, "fraud", approved()));
    assert_eq!((passed.state.status, waits_for(&passed)), (Status::Processing, Some("erp")));
    stage.twice(|ledger| {
        assert_eq!(listed(ledger, Status::Processing), ["large"]);
        let found = view(ledger, "large");
        assert_eq!(found.state.awaits().map(StepName::as_str), Some("erp"));
        is_its_history(&found);
    });
    let records = all_changes(stage.ledger()).len();
    let done = stage.accepted(report("large", 1, "erp", approved()));
    assert_eq!(done.state.status, Status::Completed);
    assert_eq!(
        all_changes(stage.ledger()).len(),
        records + 1,
        "passed and allocated in one record"
    );
    let done = stage.accepted(report("small", 1, "fraud", approved()));
    assert_eq!(done.state.status, Status::Completed);
    stage.twice(|ledger| {
        assert_eq!(listed(ledger, Status::Completed), ["large", "small"]);
        assert_eq!(listed(ledger, Status::Processing), Vec::<String>::new());
        let found = view(ledger, "large");
        let happened = ["received", "priced", "steps_awaited", "step_taken_up", "step_passed"];
        assert_eq!(names(&found)[..5], happened);
        assert_eq!(names(&found)[5..], ["step_passed", "allocated"]);
        is_its_history(&found);
        let stock = ledger.stock_of(&stock_key("asks", "PEN")).expect("the ledger reads");
        assert_eq!(stock.map(|stock| stock.reserved), Some(4));
    });
}

fn what_needs_no_step_has_no_trace_of_them(stage: &mut Stage<'_>) {
    stage.afresh();
    let done = stage.accepted(place("o1").request());
    assert_eq!((done.state.status, &done.state.pending), (Status::Completed, &None));
    let changes = all_changes(stage.ledger());
    let [(_, change)] = changes.as_slice() else { panic!("one record: {changes:?}") };
    let What::Order { events, .. } = &change.what else { panic!("an order: {change:?}") };
    let happened: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(happened, ["received", "priced", "allocated"]);
}

fn refused_and_failed_orders_stay_that_and_a_redrive_asks_anew(stage: &mut Stage<'_>) {
    stage.afresh();
    for id in ["no", "lost"] {
        stage.accepted(asks(id, 100).request());
    }
    let refused = StepNews::Said(Verdict::Refused { reason: "known for fraud".into() });
    let no = stage.accepted(report("no", 1, "fraud", refused));
    let (step, reason) = (step_name("fraud"), "known for fraud".into());
    assert_eq!(no.rejection, Some(Rejection::Step { step, reason }));
    let lost = stage.accepted(report("lost", 1, "fraud", failed()));
    assert_eq!((lost.state.status, waits_for(&lost)), (Status::Failed, None));
    stage.twice(|ledger| {
        assert_eq!(listed(ledger, Status::Rejected), ["no"]);
        assert_eq!(listed(ledger, Status::Failed), ["lost"]);
        is_its_history(&view(ledger, "no"));
        is_its_history(&view(ledger, "lost"));
    });
    let again = stage.accepted(Request::Redrive(order_key("asks", "lost")));
    assert_eq!((again.state.status, waits_for(&again)), (Status::Received, Some("fraud")));
    for id in ["no", "lost"] {
        let Answer::Refused(Refusal::WrongState { .. }) =
            stage.one(Request::Redrive(order_key("asks", id)))
        else {
            panic!("{id} was redriven");
        };
    }
    let nobody = stage.one(Request::Redrive(order_key("asks", "nobody")));
    assert_eq!(nobody, Answer::Refused(Refusal::UnknownOrder));
    stage.accepted(report("lost", 1, "fraud", approved()));
    stage.twice(|ledger| {
        let found = view(ledger, "lost");
        assert_eq!(found.state.status, Status::Completed);
        is_its_history(&found);
    });
}

fn answers_that_nobody_waits_for_are_history_and_no_more(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(asks("a", 100).request());
    stage.accepted(report("a", 1, "fraud", approved()));
    let before = all_changes(stage.ledger()).len();
    let late = stage.accepted(report("a", 1, "fraud", failed()));
    assert_eq!(late.state.status, Status::Completed);
    let known = stage.accepted(report("a", 1, "fraud", StepNews::TakenUp));
    assert_eq!(known.state, late.state);
    assert_eq!(all_changes(stage.ledger()).len(), before + 1, "an answer is kept, a call is not");
    let nobody = stage.one(report("nobody", 1, "fraud", approved()));
    assert_eq!(nobody, Answer::Refused(Refusal::UnknownOrder));
    stage.twice(|ledger| {
        let found = view(ledger, "a");
        assert_eq!(names(&found).last().copied(), Some("step_ignored"));
        assert_eq!(found.state.status, Status::Completed);
        is_its_history(&found);
    });
}

/// Who came first stands first, even who was looked at last: free stock that somebody larger waits
/// for is given to them.
fn who_passes_late_gets_what_is_free(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count(5));
    stage.accepted(asks("first", 100).request());
    let large = asks("large", 100).lines(&[("PEN", 9, Some(10))]);
    stage.accepted(large.request());
    stage.accepted(report("large", 1, "fraud", approved()));
    stage.accepted(report("first", 1, "fraud", approved()));
    stage.until("the first has its pens", |ledger| {
        view(ledger, "first").state.status == Status::Completed
    });
    stage.twice(|ledger| {
        let large = view(ledger, "large").state;
        assert_eq!(large.claims[0].state, ClaimState::Waiting);
        is_its_history(&view(ledger, "first"));
    });
}

fn an_amendment_asks_its_own_steps(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(asks("a", 100).request());
    stage.accepted(report("a", 1, "fraud", approved()));
    let amended = stage.accepted(Request::Amend(Box::new(asks("a", 900).amend())));
    assert_eq!((amended.state.status, waits_for(&amended)), (Status::Received, Some("fraud")));
    let late = stage.accepted(report("a", 1, "fraud", failed()));
    assert_eq!(waits_for(&late), Some("fraud"), "an answer about another revision");
    stage.accepted(report("a", 2, "fraud", approved()));
    stage.twice(|ledger| {
        let found = view(ledger, "a");
        assert_eq!(found.state.awaits().map(StepName::as_str), Some("erp"));
        is_its_history(&found);
    });
    let done = stage.accepted(report("a", 2, "erp", approved()));
    assert_eq!((done.state.status, done.state.revision), (Status::Completed, 2));
}
