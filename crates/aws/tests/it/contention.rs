//! Many at once, each a process of its own as far as the table can tell.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws::ledger::{DynamoLedger, Intake, Releases, Settings};
use domain::command::StockChange;
use domain::state::Status;
use service::ledger::{Answer, Found, Ledger, Unavailable};

use crate::support::{
    adjust, log, one, open, order, order_key, say, settings, stock_of, table,
    the_log_explains_every_counter, wall,
};

fn process(table: &str, seed: u64, shards: u32) -> DynamoLedger {
    open(Settings { stock_shards: shards, ..settings(table, wall(), seed) })
}

/// Sends until there is an answer: what is not known is asked again with the same id.
fn insist(ledger: &dyn Ledger, request: service::ledger::Request) -> Answer {
    loop {
        match one(ledger, request.clone()) {
            Ok(answer) => return answer,
            Err(Unavailable::Full | Unavailable::OutcomeUnknown) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn copies_of_one_order_that_race_leave_one_original() {
    let table = table();
    let originals = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for process_id in 0..8 {
            let (table, originals) = (&table, &originals);
            threads.spawn(move || {
                let ledger = process(table, process_id, 1);
                for n in 0..4 {
                    let answer = insist(&ledger, order(&format!("c{n}"), &[("PEN", 1)]));
                    if matches!(answer, Answer::Accepted(_)) {
                        originals.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(originals.load(Ordering::Relaxed), 4);
    let ledger = process(&table, 99, 1);
    assert_eq!(log(&ledger).len(), 32, "four orders and the record of each repetition");
}

/// 32 workers, each of them a process, and fewer pens than orders.
fn on_one_product(shards: u32) {
    const WORKERS: u64 = 32;
    const ORDERS: u64 = 6;
    const PENS: i64 = 150;
    let table = table();
    let first = process(&table, 0, shards);
    one(&first, adjust("PEN", StockChange::To(PENS))).expect("the ledger is available");
    let (conflicts, begun) = (AtomicUsize::new(0), Instant::now());
    std::thread::scope(|threads| {
        for worker in 0..WORKERS {
            let (table, conflicts) = (&table, &conflicts);
            threads.spawn(move || {
                let ledger = process(table, worker + 1, shards);
                for n in 0..ORDERS {
                    let answer = insist(&ledger, order(&format!("w{worker}-{n}"), &[("PEN", 1)]));
                    // An answer that was not heard comes back as a repetition.
                    assert!(matches!(answer, Answer::Accepted(_) | Answer::Refused(_)));
                }
                conflicts.fetch_add(ledger.conflicts(), Ordering::Relaxed);
            });
        }
    });
    let orders = WORKERS * ORDERS;
    let (lost, took) = (conflicts.load(Ordering::Relaxed), begun.elapsed());
    println!("{shards} rows of counters: {lost} conflicts for {orders} orders, {took:?}");
    assert_eq!(stock_of(&first, "PEN"), (PENS, PENS, orders as i64 - PENS));
    the_log_explains_every_counter(&first);
    for worker in 0..WORKERS {
        for n in 0..ORDERS {
            let id = order_key(&format!("w{worker}-{n}")).id;
            assert!(matches!(first.order(&id, None), Ok(Found::Order(_))), "{id} is lost");
        }
    }
}

#[test]
fn workers_on_one_product_never_oversell_and_lose_no_order() {
    on_one_product(1);
}

#[test]
fn workers_on_a_product_with_several_rows_of_counters_never_oversell_either() {
    on_one_product(8);
}

#[test]
fn an_order_that_is_deferred_looks_for_stock_when_its_step_passes() {
    use domain::command::{StepNews, StepReport, Verdict};
    let table = table();
    let settings = settings(&table, wall(), 1);
    let ledger = open(Settings { intake: Intake::Deferred, ..settings });
    one(&ledger, adjust("PEN", StockChange::To(1))).expect("the ledger is available");
    let status = |answer: Result<Answer, Unavailable>| match answer {
        Ok(Answer::Accepted(accepted)) => accepted.state.status,
        other => panic!("not accepted: {other:?}"),
    };
    assert_eq!(status(one(&ledger, order("d1", &[("PEN", 1)]))), Status::Received);
    assert_eq!(stock_of(&ledger, "PEN"), (1, 0, 0), "nobody has looked for stock yet");
    let pass = || {
        let step = domain::id::StepName::parse(aws::ledger::ALLOCATION).expect("a name");
        let news = StepNews::Said(Verdict::Approved { note: None });
        let report = StepReport { order: order_key("d1"), revision: 1, step, news };
        service::ledger::Request::Step(Box::new(report))
    };
    assert_eq!(status(one(&ledger, pass())), Status::Completed);
    assert_eq!(status(one(&ledger, pass())), Status::Completed, "the second time changes nothing");
    assert_eq!(stock_of(&ledger, "PEN"), (1, 1, 0));
}

#[test]
fn free_stock_is_given_out_by_whoever_is_asked_to() {
    let table = table();
    let base = settings(&table, wall(), 1);
    let ledger = open(Settings { releases: Releases::Elsewhere, ..base });
    one(&ledger, adjust("PEN", StockChange::To(0))).expect("the ledger is available");
    let orders = (0..300).map(|n| order(&format!("q{n:03}"), &[("PEN", 1)])).collect();
    say(&ledger, orders).expect("the ledger is available");
    one(&ledger, adjust("PEN", StockChange::To(299))).expect("the ledger is available");
    assert_eq!(stock_of(&ledger, "PEN"), (299, 0, 300), "nobody was asked yet");
    let key = crate::support::stock_key("PEN");
    assert_eq!(ledger.unfinished(10), Ok((vec![key.clone()], Vec::new())));
    let other = process(&table, 2, 1);
    assert_eq!(other.release(&key), Ok(false));
    assert_eq!(stock_of(&ledger, "PEN"), (299, 299, 1));
    assert_eq!(ledger.unfinished(10), Ok((Vec::new(), Vec::new())), "nothing is left over");
    let last = ledger.order(&order_key("q299").id, None).expect("the ledger reads");
    assert!(matches!(last, Found::Order(view) if view.state.status == Status::Backordered));
    the_log_explains_every_counter(&ledger);
}
