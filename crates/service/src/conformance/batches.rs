//! Batches: a checkpoint commits with the orders it covers, and says what they came to.

use domain::event::Refusal;
use domain::state::Status;
use domain::stock::ShortagePolicy;
use domain::time::Timestamp;

use super::{Place, Stage, all_changes, audit, batch_id, count, place, view};
use crate::batch::{BatchState, BatchStatus, Counts, Tolerance};
use crate::change::{Seq, What};
use crate::ledger::{Answer, Found, Ledger, Request};
use crate::serial::item_of;

pub(super) fn run(stage: &mut Stage<'_>) {
    a_checkpoint_adds_what_its_items_came_to(stage);
    an_item_that_comes_again_is_answered_as_the_first_time(stage);
    records_of_a_batch_are_chained_by_its_checkpoints(stage);
    a_closed_batch_takes_no_items(stage);
    items_behind_some_that_were_not_committed_are_not_taken(stage);
    more_failures_than_tolerated_fail_the_batch(stage);
    the_percentage_is_judged_at_the_end(stage);
    batches_are_listed_by_id_in_pages(stage);
}

fn an_item_that_comes_again_is_answered_as_the_first_time(stage: &mut Stage<'_>) {
    stage.one(count("CUP", 1));
    let reject = Some(ShortagePolicy::Reject);
    let cup = |id, index, shortage| {
        let lines = vec![("CUP", 1, Some(150))];
        Place { lines, shortage, ..place(id).batch("again", index) }.request()
    };
    let items = || vec![cup("i0", 0, None), cup("i1", 1, None), cup("i2", 2, reject)];
    let brief = |answers: Vec<Answer>| -> Vec<_> {
        let of = |answer| match answer {
            Answer::Accepted(a) => (a.state.key.clone(), a.seq, a.shortages, a.rejection),
            other => panic!("not accepted: {other:?}"),
        };
        answers.into_iter().map(of).collect()
    };
    let first = brief(stage.say(items()));
    assert!(!first[1].2.is_empty() && first[2].3.is_some(), "one short, one rejected: {first:?}");
    let changes = all_changes(stage.ledger()).len();
    stage.reopen();
    assert_eq!(brief(stage.say(items())), first);
    assert_eq!(all_changes(stage.ledger()).len(), changes, "nothing happened");
    let answer = stage.one(place("i0").request());
    assert!(matches!(answer, Answer::Refused(Refusal::Duplicate { .. })), "{answer:?}");
}

/// A batch up to `offset`; counts are for the ledger to fill in, wherever they come from.
fn batch(id: &str, status: BatchStatus, offset: u64) -> BatchState {
    BatchState {
        id: batch_id(id),
        status,
        reason: None,
        started_at: Timestamp(0),
        updated_at: Timestamp(0),
        counts: Counts { succeeded: 77, failed: 77, skipped: 77 },
        total: None,
        offset,
        hash: [offset as u8; 32],
        tolerance: Tolerance::default(),
        rules: Some(3),
        max_concurrency: Some(7),
        metadata: r#"{"campaign": "june"}"#.into(),
        spool: Some("spool/b".into()),
        previous: Some(Seq(99)),
        from: Seq(99),
    }
}

fn checkpoint(batch: BatchState) -> Request {
    Request::Checkpoint(Box::new(batch))
}

fn running(id: &str, offset: u64) -> Request {
    checkpoint(batch(id, BatchStatus::Running, offset))
}

fn state(answer: Option<&Answer>) -> &BatchState {
    match answer {
        Some(Answer::Batch(state)) => state,
        other => panic!("no batch: {other:?}"),
    }
}

fn stored(ledger: &dyn Ledger, id: &str) -> BatchState {
    ledger.batch(&batch_id(id)).expect("the ledger reads").expect("the batch is there")
}

fn a_checkpoint_adds_what_its_items_came_to(stage: &mut Stage<'_>) {
    assert_eq!(stage.ledger().batch(&batch_id("b")).expect("the ledger reads"), None);
    stage.one(count("PEN", 1));
    let mut wrong = audit(Some("w"), None, "empty_items");
    wrong.batch = place("w").batch("b", 3).receive().batch;
    let reject = Some(ShortagePolicy::Reject);
    let first = stage.say(vec![
        place("o0").batch("b", 0).request(),
        place("o1").batch("b", 1).request(),
        place("o0").batch("b", 2).request(),
        Request::Audit(Box::new(wrong)),
        Place { shortage: reject, ..place("o4").batch("b", 4) }.request(),
        running("b", 100),
    ]);
    let at = state(first.last()).clone();
    assert_eq!(at.counts, Counts { succeeded: 2, failed: 2, skipped: 1 }, "backordered succeeds");
    assert_eq!((at.status, at.offset), (BatchStatus::Running, 100));
    stage.twice(|ledger| {
        let stored = stored(ledger, "b");
        assert_eq!((stored.counts, stored.offset, stored.hash), (at.counts, 100, [100; 32]));
        assert_eq!((stored.rules, &*stored.metadata), (Some(3), r#"{"campaign": "june"}"#));
        assert_eq!(stored.spool.as_deref(), Some("spool/b"));
        assert_eq!(stored.started_at, stored.updated_at);
        assert!(stored.started_at > Timestamp(0), "the ledger's clock, not the caller's");
    });
    let begun = stored(stage.ledger(), "b").started_at;
    let second = stage.say(vec![
        place("o5").batch("b", 5).request(),
        place("o5").batch("b", 6).request(),
        checkpoint(BatchState { total: Some(7), ..batch("b", BatchStatus::Succeeded, 200) }),
    ]);
    let counts = Counts { succeeded: 3, failed: 2, skipped: 2 };
    assert_eq!(state(second.last()).counts, counts);
    stage.twice(|ledger| {
        let stored = stored(ledger, "b");
        assert_eq!((stored.counts, stored.total), (counts, Some(7)));
        assert_eq!((stored.status, stored.offset), (BatchStatus::Succeeded, 200));
        assert_eq!(stored.started_at, begun);
        assert!(stored.updated_at > begun);
        let item = view(ledger, "o5").state.batch.map(|item| item.index);
        assert_eq!(item, Some(5), "the first of two has the id");
    });
}

fn records_of_a_batch_are_chained_by_its_checkpoints(stage: &mut Stage<'_>) {
    stage.afresh();
    for round in 0..4_u64 {
        // Others' orders between a batch's own are none of its business.
        stage.accepted(place(&format!("x{round}")).request());
        let item = |n: u64| place(&format!("c{round}-{n}")).batch("c", round * 3 + n).request();
        let mut call: Vec<Request> = (0..3).map(item).collect();
        call.push(running("c", round + 1));
        stage.say(call);
        if round == 1 {
            stage.reopen();
        }
    }
    stage.twice(|ledger| {
        let log = all_changes(ledger);
        let mut at = stored(ledger, "c").previous;
        let mut items = Vec::new();
        while let Some(seq) = at {
            let (_, change) = log.iter().find(|(s, _)| *s == seq).expect("a checkpoint's record");
            let What::Batch(record) = &change.what else { panic!("{seq:?} is no checkpoint") };
            let covered = log.iter().filter(|(s, _)| (record.from..seq).contains(s));
            let own: Vec<u64> =
                covered.filter_map(|(_, c)| item_of(&c.what)).map(|item| item.index).collect();
            assert_eq!(own.len(), 3);
            items.splice(0..0, own);
            at = record.previous;
        }
        assert_eq!(items, (0..12).collect::<Vec<_>>(), "every item once, in order");
    });
}

fn a_closed_batch_takes_no_items(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.say(vec![place("s0").batch("s", 0).request(), running("s", 1)]);
    stage.say(vec![checkpoint(batch("s", BatchStatus::Aborted, 1))]);
    stage.reopen();
    let late = stage.say(vec![place("s1").batch("s", 1).request(), running("s", 2)]);
    for answer in &late {
        assert_eq!(state(Some(answer)).status, BatchStatus::Aborted, "every request says so");
    }
    stage.twice(|ledger| {
        let stored = stored(ledger, "s");
        assert_eq!((stored.status, stored.offset), (BatchStatus::Aborted, 1));
        assert_eq!(stored.counts, Counts { succeeded: 1, failed: 0, skipped: 0 });
        let found = ledger.order(&place("s1").receive().order.key.id, None);
        assert_eq!(found, Ok(Found::Nothing));
    });
}

/// Several calls of a batch are under way at a time: when one fails, those behind it must too.
fn items_behind_some_that_were_not_committed_are_not_taken(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.say(vec![place("h0").batch("h", 0).request(), running("h", 1)]);
    let late = stage.say(vec![
        Request::Audit(Box::new(audit(Some("h2"), None, "empty_items"))),
        place("h3").batch("h", 3).request(),
        running("h", 4),
    ]);
    for answer in &late {
        assert_eq!(state(Some(answer)).offset, 1, "every request says how far it is");
    }
    stage.twice(|ledger| {
        assert_eq!(stored(ledger, "h").counts, Counts { succeeded: 1, failed: 0, skipped: 0 });
        let found = ledger.order(&place("h3").receive().order.key.id, None);
        assert_eq!(found, Ok(Found::Nothing));
    });
    let next = stage.say(vec![place("h1").batch("h", 1).request(), running("h", 2)]);
    assert_eq!(state(next.last()).counts.succeeded, 2);
}

fn more_failures_than_tolerated_fail_the_batch(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(place("dup").request());
    let tolerance = Tolerance { count: Some(1), percentage: None };
    let next = |offset, status| checkpoint(BatchState { tolerance, ..batch("t", status, offset) });
    let wrong = |id: &str| Request::Audit(Box::new(audit(Some(id), None, "empty_items")));
    let first = stage.say(vec![
        wrong("t0"),
        place("dup").batch("t", 1).request(),
        next(1, BatchStatus::Running),
    ]);
    assert_eq!(state(first.last()).status, BatchStatus::Running, "one is borne, duplicates too");
    assert_eq!(first[1], Answer::Refused(Refusal::Duplicate { status: Status::Completed }));
    let second = stage.say(vec![
        wrong("t2"),
        place("t3").batch("t", 3).request(),
        next(2, BatchStatus::Running),
    ]);
    assert_eq!(state(second.last()).status, BatchStatus::Failed);
    assert_eq!(state(second.last()).reason.as_deref(), Some("tolerated_failures_exceeded"));
    stage.twice(|ledger| {
        let stored = stored(ledger, "t");
        assert_eq!((stored.status, stored.offset), (BatchStatus::Failed, 2));
        assert_eq!(stored.counts, Counts { succeeded: 1, failed: 2, skipped: 1 });
        assert_eq!(view(ledger, "t3").state.status, Status::Completed, "what is done stays done");
    });
    let late =
        stage.say(vec![place("t4").batch("t", 4).request(), next(3, BatchStatus::Succeeded)]);
    assert_eq!(state(late.first()).status, BatchStatus::Failed);
}

fn the_percentage_is_judged_at_the_end(stage: &mut Stage<'_>) {
    stage.afresh();
    let tolerance = Tolerance { count: None, percentage: Some(10) };
    let next = |status| checkpoint(BatchState { tolerance, ..batch("p", status, 1) });
    let wrong = Request::Audit(Box::new(audit(None, None, "malformed")));
    let first = stage.say(vec![wrong, next(BatchStatus::Running)]);
    assert_eq!(state(first.last()).status, BatchStatus::Running);
    let end = stage.say(vec![place("p1").batch("p", 1).request(), next(BatchStatus::Succeeded)]);
    assert_eq!(state(end.last()).status, BatchStatus::Failed);
    assert_eq!(stored(stage.ledger(), "p").status, BatchStatus::Failed);
}

fn batches_are_listed_by_id_in_pages(stage: &mut Stage<'_>) {
    stage.afresh();
    let mut ids: Vec<String> = (0..12).map(|n| format!("l{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        stage.say(vec![running(id, 1)]);
        if n == 6 {
            stage.reopen();
        }
    }
    stage.say(vec![running("l3", 2)]);
    ids.sort();
    stage.twice(|ledger| {
        for limit in [1, 5, 12, 50] {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let page = ledger.batches(after.as_ref(), limit).expect("the ledger reads");
                assert!(page.len() <= limit);
                after = page.last().map(|batch| batch.id.clone());
                listed.extend(page);
                if after.is_none() || listed.len() > ids.len() {
                    break;
                }
            }
            assert_eq!(listed.iter().map(|b| b.id.as_str()).collect::<Vec<_>>(), ids);
            assert_eq!(listed.iter().filter(|batch| batch.offset == 2).count(), 1);
        }
    });
}
