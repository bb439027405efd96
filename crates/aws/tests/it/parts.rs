//! Calls that are larger than a transaction: done in parts, answered as one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws::ledger::{DynamoLedger, Settings};
use domain::id::BatchId;
use domain::order::{BatchItem, Channel};
use domain::time::Timestamp;
use service::batch::{BatchState, BatchStatus, Counts, Tolerance};
use service::change::Seq;
use service::ledger::{Answer, Ledger, Request, Unavailable};
use service::serial::item_of;

use crate::support::{
    log, open, order, say, settings, table, the_log_explains_every_counter, wall,
};

const ITEMS: u64 = 120;

fn id() -> BatchId {
    BatchId::parse("b").expect("a name")
}

fn item(index: u64) -> Request {
    let Request::Receive(mut receive) = order(&format!("i{index}"), &[("PEN", 1), ("CAP", 2)])
    else {
        panic!("an order is received");
    };
    receive.batch = Some(BatchItem { batch: id(), index, at: None });
    receive.order.channel = Channel::Batch;
    Request::Receive(receive)
}

fn call() -> Vec<Request> {
    let checkpoint = BatchState {
        id: id(),
        status: BatchStatus::Succeeded,
        reason: None,
        started_at: Timestamp(0),
        updated_at: Timestamp(0),
        counts: Counts::default(),
        total: Some(ITEMS),
        offset: 9_000,
        hash: [7; 32],
        tolerance: Tolerance::default(),
        rules: None,
        max_concurrency: None,
        metadata: "{}".into(),
        spool: None,
        previous: None,
        from: Seq(0),
    };
    (0..ITEMS).map(item).chain([Request::Checkpoint(Box::new(checkpoint))]).collect()
}

/// A ledger that dies at its nth write.
fn mortal(table: &str, dies_at: usize) -> DynamoLedger {
    let passed = AtomicUsize::new(0);
    let interrupt = move || passed.fetch_add(1, Ordering::Relaxed) >= dies_at;
    let base = settings(table, wall(), dies_at as u64);
    open(Settings { interrupt: Some(Arc::new(interrupt)), ..base })
}

/// The items that the batch's checkpoint covers, as its results are made.
fn results(ledger: &dyn Ledger) -> Vec<u64> {
    let batch = ledger.batch(&id()).expect("the ledger reads").expect("the batch is there");
    let last = batch.previous.expect("it has a checkpoint");
    let (mut from, mut items) = (last, Vec::new());
    for (seq, change) in log(ledger) {
        if let service::change::What::Batch(record) = &change.what
            && seq == last
        {
            from = record.from;
        }
    }
    let mut visit = |_, change: service::change::Change| {
        items.extend(item_of(&change.what).map(|item| item.index));
    };
    ledger.scan(from, last, &mut visit).expect("the log reads");
    items
}

#[test]
fn a_call_that_is_cut_short_anywhere_is_sent_again_and_does_no_item_twice() {
    for dies_at in [0, 1, 4, 9] {
        let table = table();
        let dead = say(&mortal(&table, dies_at), call());
        assert_eq!(dead, Err(Unavailable::OutcomeUnknown), "it dies at {dies_at}");
        let sound = mortal(&table, usize::MAX);
        assert_eq!(sound.batch(&id()), Ok(None), "the checkpoint comes with the last part");
        let done = log(&sound).len();
        assert_eq!(done > 0, dies_at > 0, "{done} records, dead at {dies_at}");
        let answers = say(&sound, call()).expect("the ledger is available");
        assert_eq!(answers.len() as u64, ITEMS + 1);
        let Some(Answer::Batch(batch)) = answers.last() else { panic!("no checkpoint") };
        assert_eq!(batch.counts, Counts { succeeded: ITEMS, failed: 0, skipped: 0 });
        assert!(answers[..ITEMS as usize].iter().all(|a| matches!(a, Answer::Accepted(_))));
        assert_eq!(log(&sound).len() as u64, ITEMS + 1, "each item once, and the checkpoint");
        assert_eq!(results(&sound), (0..ITEMS).collect::<Vec<_>>());
        the_log_explains_every_counter(&sound);
    }
}
