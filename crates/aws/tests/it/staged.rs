//! Commits in several pages: true at once or not at all, wherever whoever writes them dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use aws::ledger::{DynamoLedger, Settings};
use domain::command::StockChange;
use domain::event::Refusal;
use service::change::What;
use service::ledger::{Answer, Found, Ledger, Request, Unavailable};

use crate::support::{
    adjust, by_hand, log, one, open, order, order_key, say, settings, stock_key, stock_of, table,
    the_log_explains_every_counter,
};

const STAGING: Duration = Duration::from_secs(15);

/// A ledger that dies at its nth write: before it, or behind it. `None` never does.
fn mortal(table: &str, now: &Arc<AtomicI64>, dies_at: Option<usize>) -> DynamoLedger {
    let passed = AtomicUsize::new(0);
    let interrupt = move || {
        let passed = passed.fetch_add(1, Ordering::Relaxed);
        dies_at.is_some_and(|at| passed >= at)
    };
    let seed = dies_at.map_or(0, |at| at as u64 + 1);
    let base = settings(table, by_hand(now), seed);
    open(Settings { staging: STAGING, interrupt: Some(Arc::new(interrupt)), ..base })
}

fn clock() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(1_767_225_600_000_000))
}

fn skus(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("S{n:04}")).collect()
}

fn of_all(id: &str, skus: &[String]) -> Request {
    let lines: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    order(id, &lines)
}

fn stocked(ledger: &dyn Ledger, skus: &[String], units: i64) {
    let counts = skus.iter().map(|sku| adjust(sku, StockChange::To(units))).collect();
    say(ledger, counts).expect("the ledger is available");
}

#[test]
fn an_order_of_a_thousand_products_is_one_commit() {
    let (table, now, skus) = (table(), clock(), skus(1_000));
    let ledger = mortal(&table, &now, None);
    stocked(&ledger, &skus, 1);
    let answer = one(&ledger, of_all("big", &skus)).expect("the ledger is available");
    assert!(matches!(answer, Answer::Accepted(accepted) if accepted.shortages.is_empty()));
    let again = one(&ledger, of_all("big", &skus)).expect("the ledger is available");
    assert!(matches!(again, Answer::Refused(Refusal::Duplicate { .. })));
    let short = one(&ledger, of_all("late", &skus)).expect("the ledger is available");
    assert!(matches!(short, Answer::Accepted(accepted) if accepted.shortages.len() == 1_000));
    the_log_explains_every_counter(&ledger);
    assert_eq!(ledger.unfinished(10), Ok((Vec::new(), Vec::new())), "nothing is left over");
}

/// Dies at every write of a commit in several pages, one after the other; each time another process
/// goes on, at once and again once the commit may be aborted.
#[test]
fn whoever_dies_in_a_commit_of_several_pages_leaves_all_of_it_or_nothing() {
    let (table, now, skus) = (table(), clock(), skus(100));
    let sound = mortal(&table, &now, None);
    stocked(&sound, &skus, 1_000);
    let (mut done, mut undone) = (0, 0);
    for dies_at in 0.. {
        now.fetch_add(10_000, Ordering::Relaxed);
        let id = format!("d{dies_at:03}");
        let answer = one(&mortal(&table, &now, Some(dies_at)), of_all(&id, &skus));
        // At once: what a reader finds is whole, whatever is under way.
        let found = sound.order(&order_key(&id).id, Some(&order_key(&id).merchant));
        let is_in = matches!(found, Ok(Found::Order(_)));
        let reserved = stock_of(&sound, "S0000").1;
        for sku in &skus {
            assert_eq!(stock_of(&sound, sku).1, reserved, "{sku}, dead at {dies_at}");
        }
        assert_eq!(reserved, done + i64::from(is_in), "dead at {dies_at}");
        if answer.is_ok() {
            assert!(is_in);
        }
        // Later: whoever wants the rows ends what was begun, and it comes to the same.
        now.fetch_add(STAGING.as_micros() as i64 + 1_000_000, Ordering::Relaxed);
        let again = one(&sound, of_all(&id, &skus)).expect("the ledger is available");
        match again {
            Answer::Accepted(_) => assert!(!is_in, "what was in is not taken in again"),
            Answer::Refused(Refusal::Duplicate { .. }) => assert!(is_in),
            other => panic!("{other:?}"),
        }
        if !is_in {
            undone += 1;
        }
        done += 1;
        assert_eq!(stock_of(&sound, "S0099").1, done);
        // Of a commit whose rows are as they should be, nobody meets the rest.
        for commit in sound.unfinished(10).expect("the ledger reads").1 {
            sound.finish(&commit).expect("the ledger is available");
        }
        assert_eq!(sound.unfinished(10), Ok((Vec::new(), Vec::new())), "dead at {dies_at}");
        let began = log(&sound).into_iter();
        let began = began.filter(|(_, c)| matches!(c.what, What::Order { first: None, .. }));
        assert_eq!(began.count() as i64, done, "in the log once, dead at {dies_at}");
        if answer.is_ok() && !matches!(answer, Err(Unavailable::OutcomeUnknown)) && dies_at > 20 {
            break;
        }
        assert!(dies_at < 200, "it never gets through");
    }
    assert!(undone > 4 && done - undone > 4, "{undone} came to nothing, {done} in all");
    the_log_explains_every_counter(&sound);
}

#[test]
fn a_commit_that_is_not_decided_holds_followers_back_and_is_ended_for_them() {
    let (table, now, skus) = (table(), clock(), skus(100));
    let sound = mortal(&table, &now, None);
    stocked(&sound, &skus, 10);
    let before = log(&sound).len();
    now.fetch_add(10_000, Ordering::Relaxed);
    // The first page is written, the second is not.
    let dead = one(&mortal(&table, &now, Some(2)), of_all("half", &skus));
    assert_eq!(dead, Err(Unavailable::OutcomeUnknown));
    now.fetch_add(10_000, Ordering::Relaxed);
    one(&sound, adjust("OTHER", StockChange::To(1))).expect("the ledger is available");
    assert_eq!(log(&sound).len(), before, "what stands behind it is not shown yet");
    assert_eq!(stock_of(&sound, "OTHER"), (1, 0, 0));
    now.fetch_add(STAGING.as_micros() as i64 + 1_000_000, Ordering::Relaxed);
    log(&sound); // ends it
    assert_eq!(log(&sound).len(), before + 1);
    assert_eq!(sound.stock_of(&stock_key("S0050")).map(|s| s.map(|s| s.reserved)), Ok(Some(0)));
}
