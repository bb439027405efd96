//! Requests under a key: done once, and answered as before however often they are sent.

use std::sync::Arc;

use bytes::Bytes;
use domain::event::Refusal;

use super::orders::said;
use super::{Stage, all_changes, audit, cancel, count, place, restock, stock_of, view, wait};
use crate::change::What;
use crate::ledger::{Answer, Found, Request};
use crate::once::{Key, Once, Outcome, Render};

pub(super) fn run(stage: &mut Stage<'_>) {
    a_key_is_done_once_and_answered_for_ever_after(stage);
    a_key_commits_with_what_it_was_given_for(stage);
    of_racing_copies_under_one_key_one_is_done(stage);
    what_is_not_kept_may_be_sent_again(stage);
}

/// `request` under a key; what is kept says what became of it.
fn once(name: u8, content: u8, request: Request) -> Request {
    let render = Render(Arc::new(move |answer: &Answer| Some(told(content, answer))));
    let key = Key { name: [name; 32], content: [content; 32] };
    Request::Once(Box::new(Once { key, request, render }))
}

fn told(content: u8, answer: &Answer) -> Bytes {
    format!("{content} {}", said(answer)).into()
}

/// What became of a request under a key, in short.
fn outcome(answer: &Answer) -> String {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    match answer {
        Answer::Once(outcome) => match &**outcome {
            Outcome::Now { kept: Some(kept), .. } => format!("now {}", text(kept)),
            Outcome::Now { kept: None, answer } => format!("now, not kept {}", said(answer)),
            Outcome::Before(kept) => format!("before {}", text(kept)),
            Outcome::OtherContent => "other content".to_owned(),
        },
        other => panic!("not under a key: {other:?}"),
    }
}

fn a_key_is_done_once_and_answered_for_ever_after(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 5));
    let asked = |name: u8, content: u8| match name {
        1 => once(1, content, place("k1").request()),
        2 => once(2, content, cancel("k1")),
        3 => once(3, content, restock("PEN", 2)),
        4 => once(4, content, cancel("nobody")),
        _ => once(5, content, Request::Audit(Box::new(audit(Some("k5"), None, "empty_items")))),
    };
    let firsts = ["COMPLETED", "CANCELLED", "stock", "unknown_order", "Recorded"];
    for (name, first) in (1..).zip(firsts) {
        assert_eq!(outcome(&stage.one(asked(name, 0))), format!("now 0 {first}"));
        stage.reopen();
    }
    let log = all_changes(stage.ledger());
    for _ in 0..2 {
        for (name, first) in (1..).zip(firsts) {
            assert_eq!(outcome(&stage.one(asked(name, 0))), format!("before 0 {first}"));
            assert_eq!(outcome(&stage.one(asked(name, 1))), "other content");
        }
        stage.reopen();
    }
    assert_eq!(all_changes(stage.ledger()), log, "nothing was recorded for them");
    stage.twice(|ledger| {
        assert_eq!(view(ledger, "k1").state.repeats, 0);
        assert_eq!(stock_of(ledger, "PEN"), Some((7, 0, 0)));
        let now = domain::time::Timestamp(0);
        let kept = ledger.kept(&[1; 32], now).expect("the ledger reads").expect("a key");
        assert_eq!((kept.key.content, &*kept.answer), ([0; 32], &b"0 COMPLETED"[..]));
        assert_eq!(ledger.kept(&[9; 32], now), Ok(None));
    });
}

fn a_key_commits_with_what_it_was_given_for(stage: &mut Stage<'_>) {
    stage.afresh();
    let answers = stage.say(vec![
        once(1, 0, place("c1").request()),
        once(1, 0, place("c1").request()),
        once(1, 7, place("c2").request()),
        place("c1").request(),
    ]);
    let told: Vec<String> = answers[..3].iter().map(outcome).collect();
    assert_eq!(told, ["now 0 COMPLETED", "before 0 COMPLETED", "other content"]);
    assert!(matches!(answers[3], Answer::Refused(Refusal::Duplicate { .. })));
    stage.twice(|ledger| {
        let log = all_changes(ledger);
        assert_eq!(log.len(), 3, "the order, its key, its repetition");
        assert!(matches!(&log[1].1.what, What::Kept(kept) if kept.key.name == [1; 32]));
        let c2 = ledger.order(&super::order_id("c2"), None).expect("the ledger reads");
        assert_eq!(c2, Found::Nothing);
    });
}

fn of_racing_copies_under_one_key_one_is_done(stage: &mut Stage<'_>) {
    stage.afresh();
    let ledger = stage.ledger();
    let race = || {
        let request = once(3, 0, place("r1").request());
        let answers = wait(ledger.execute(vec![request])).expect("the ledger is available");
        outcome(&answers[0])
    };
    let told: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it answers")).collect()
    });
    assert_eq!(told.iter().filter(|told| *told == "now 0 COMPLETED").count(), 1);
    assert_eq!(told.iter().filter(|told| *told == "before 0 COMPLETED").count(), 7);
    stage.twice(|ledger| assert_eq!(view(ledger, "r1").state.repeats, 0));
}

fn what_is_not_kept_may_be_sent_again(stage: &mut Stage<'_>) {
    stage.afresh();
    let passing = |request| {
        let render = Render(Arc::new(|_: &Answer| None));
        let key = Key { name: [4; 32], content: [0; 32] };
        Request::Once(Box::new(Once { key, request, render }))
    };
    assert_eq!(outcome(&stage.one(passing(place("p1").request()))), "now, not kept COMPLETED");
    stage.reopen();
    assert_eq!(outcome(&stage.one(passing(place("p1").request()))), "now, not kept duplicate");
}
