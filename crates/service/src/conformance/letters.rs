//! Dead letters: buried once, found by what is known of them, ended once.

use domain::id::MerchantId;
use domain::order::BatchItem;

use super::{Stage, all_changes, audit, batch_id, order_id, order_key, place, view};
use crate::change::{Audit, Seq, What};
use crate::ledger::{Answer, Ledger, Request};
use crate::letters::{
    DeadLetter, Filter, How, Kind, Settle, Settlement, Subject, Sweep, SweepStatus, Sweeping, Swept,
};
use crate::view::Direction;

pub(super) fn run(stage: &mut Stage<'_>) {
    a_letter_is_filed_once_however_often_it_is_buried(stage);
    letters_are_found_by_what_is_known_of_them(stage);
    a_letter_ends_once(stage);
    what_is_done_for_a_letter_and_its_end_are_one(stage);
    many_letters_are_ended_and_counted(stage);
}

fn delivery(sink: &str, id: &str, cause: u64) -> DeadLetter {
    DeadLetter {
        subject: Subject::Delivery {
            sink: sink.into(),
            id: id.into(),
            kind: "order.completed".into(),
            seq: Seq(28),
        },
        order: Some(order_key("loja", id)),
        cause: Seq(cause),
        reason: "retries_exhausted".into(),
        error: "connection refused".into(),
        attempts: 8,
        payload: None,
    }
}

fn message(id: &str) -> DeadLetter {
    DeadLetter {
        subject: Subject::Message { queue: "orders".into(), id: id.into() },
        order: None,
        cause: Seq(0),
        reason: "malformed".into(),
        error: "no JSON".into(),
        attempts: 3,
        payload: Some("{".into()),
    }
}

fn bad_line(batch: &str, index: u64, order: &str) -> Audit {
    let batch = Some(BatchItem { batch: batch_id(batch), index, at: None });
    Audit { batch, ..audit(Some(order), Some("loja"), "empty_items") }
}

fn bury(stage: &Stage<'_>, letter: DeadLetter) -> Seq {
    match stage.one(Request::Bury(Box::new(letter))) {
        Answer::Buried(seq) => seq,
        other => panic!("not buried: {other:?}"),
    }
}

fn settle(stage: &Stage<'_>, letter: Seq, how: How, with: Option<Request>) -> Settlement {
    match stage.one(Request::Settle(Box::new(Settle { letter, how, with }))) {
        Answer::Settled(settlement) => *settlement,
        other => panic!("no settlement: {other:?}"),
    }
}

fn found(ledger: &dyn Ledger, filter: &Filter) -> Vec<Seq> {
    let (mut seqs, mut before) = (Vec::new(), None);
    loop {
        let page = ledger.letters(filter, Direction::Newest, before, 2).expect("the ledger reads");
        assert!(page.rows.len() <= 2);
        seqs.extend(page.rows.iter().map(|(seq, _)| *seq));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let oldest = ledger.letters(filter, Direction::Oldest, None, 100).expect("the ledger reads");
    assert!(oldest.rows.iter().map(|(seq, _)| seq).eq(seqs.iter().rev()), "both ways, the same");
    seqs
}

fn open(ledger: &dyn Ledger) -> Vec<(Kind, u64)> {
    let counts = ledger.letters_open().expect("the ledger reads");
    counts.iter().filter(|(_, count)| *count > 0).collect()
}

fn letters_in_log(ledger: &dyn Ledger) -> usize {
    let is_letter = |what: &What| matches!(what, What::Letter(_) | What::Settled(_));
    all_changes(ledger).iter().filter(|(_, change)| is_letter(&change.what)).count()
}

fn a_letter_is_filed_once_however_often_it_is_buried(stage: &mut Stage<'_>) {
    let first = bury(stage, delivery("mail", "o1", 28));
    assert_eq!(bury(stage, delivery("mail", "o1", 28)), first, "at once");
    stage.reopen();
    assert_eq!(bury(stage, delivery("mail", "o1", 28)), first, "after a restart");
    assert_ne!(bury(stage, delivery("webhook:a", "o1", 28)), first, "of another sink");
    settle(stage, first, How::Redriven, None);
    assert_eq!(bury(stage, delivery("mail", "o1", 28)), first, "it keeps its end");
    assert_ne!(bury(stage, delivery("mail", "o1", 900)), first, "sent again, it failed again");
    stage.twice(|ledger| {
        assert_eq!(letters_in_log(ledger), 4);
        assert_eq!(open(ledger), [(Kind::Delivery, 2)]);
        let (row, letter) = ledger.letter(first).expect("the ledger reads").expect("a letter");
        assert_eq!(letter, delivery("mail", "o1", 28));
        assert_eq!(row.end.map(|end| end.how), Some(How::Redriven));
        assert_eq!(ledger.letter(Seq(first.0 + 1)), Ok(None), "no letter begins there");
    });
    let document = |subject| DeadLetter { subject, ..message("-") };
    let failed = bury(stage, document(Subject::Decision(None)));
    assert_eq!(bury(stage, document(Subject::Decision(None))), failed);
    settle(stage, failed, How::Purged, None);
    assert_ne!(bury(stage, document(Subject::Decision(None))), failed, "a document sent again");
}

fn letters_are_found_by_what_is_known_of_them(stage: &mut Stage<'_>) {
    stage.afresh();
    let audits = [bad_line("b1", 0, "o1"), bad_line("b1", 4, "o2"), bad_line("b2", 0, "o1")];
    stage.say(audits.map(|audit| Request::Audit(Box::new(audit))).into());
    stage.one(Request::Audit(Box::new(audit(Some("o1"), None, "empty_items"))));
    let lines: Vec<Seq> = found(stage.ledger(), &Filter::default());
    assert_eq!(lines.len(), 3, "input by itself was answered, and is no letter");
    let mail = bury(stage, delivery("mail", "o1", 28));
    let hook = bury(stage, delivery("webhook:a", "o2", 28));
    let queue = bury(stage, message("m1"));
    settle(stage, lines[1], How::Purged, None);
    settle(stage, mail, How::Purged, None);
    let all = Filter::default();
    let (b2, b1_second, b1_first) = (lines[0], lines[1], lines[2]);
    let cases = [
        (all.clone(), vec![queue, hook, mail, b2, b1_second, b1_first]),
        (Filter { open: Some(true), ..all.clone() }, vec![queue, hook, b2, b1_first]),
        (Filter { open: Some(false), ..all.clone() }, vec![mail, b1_second]),
        (Filter { kind: Some(Kind::Item), ..all.clone() }, vec![b2, b1_second, b1_first]),
        (Filter { kind: Some(Kind::Step), ..all.clone() }, vec![]),
        (Filter { source: Some("webhook:a".into()), ..all.clone() }, vec![hook]),
        (Filter { source: Some("b1".into()), ..all.clone() }, vec![]),
        (Filter { batch: Some(batch_id("b1")), ..all.clone() }, vec![b1_second, b1_first]),
        (Filter { order: Some(order_id("o1")), ..all.clone() }, vec![mail, b2, b1_first]),
        (
            Filter { order: Some(order_id("o1")), open: Some(true), ..all.clone() },
            vec![b2, b1_first],
        ),
        (Filter { merchant: MerchantId::parse("nobody").ok(), ..all.clone() }, vec![]),
        (Filter { reason: Some("malformed".into()), ..all.clone() }, vec![queue]),
    ];
    stage.twice(|ledger| {
        for (filter, expected) in &cases {
            assert_eq!(found(ledger, filter), *expected, "{filter:?}");
        }
        assert_eq!(open(ledger), [(Kind::Delivery, 1), (Kind::Item, 2), (Kind::Message, 1)]);
        let row = ledger.letter(hook).expect("the ledger reads").expect("a letter").0;
        let since = Filter { from: Some(row.at), ..all.clone() };
        assert_eq!(found(ledger, &since), [queue, hook]);
        let before = Filter { until: Some(row.at), ..all.clone() };
        assert_eq!(found(ledger, &before), [mail, b2, b1_second, b1_first]);
    });
}

fn a_letter_ends_once(stage: &mut Stage<'_>) {
    stage.afresh();
    let letter = bury(stage, delivery("mail", "o1", 28));
    let ends = |how| Request::Settle(Box::new(Settle { letter, how, with: None }));
    let answers = stage.say(vec![ends(How::Redriven), ends(How::Purged)]);
    let Answer::Settled(done) = &answers[0] else { panic!("no settlement: {answers:?}") };
    let Settlement::Done { seq, with: None } = **done else { panic!("not ended: {done:?}") };
    let Answer::Settled(before) = &answers[1] else { panic!("no settlement: {answers:?}") };
    let Settlement::Before(end) = **before else { panic!("ended twice: {before:?}") };
    assert_eq!((end.seq, end.how), (seq, How::Redriven), "the second of one commit sees it");
    stage.reopen();
    assert_eq!(settle(stage, letter, How::Redriven, None), Settlement::Before(end));
    assert_eq!(settle(stage, Seq(29), How::Purged, None), Settlement::Unknown);
    stage.twice(|ledger| {
        let change = ledger.change(seq).expect("the log reads");
        let What::Settled(settled) = change.what else { panic!("no end: {change:?}") };
        assert_eq!((settled.letter, settled.how), (letter, How::Redriven));
        assert_eq!(settled.subject, delivery("mail", "o1", 28).subject, "a sink needs no more");
        assert_eq!(letters_in_log(ledger), 2);
    });
}

fn what_is_done_for_a_letter_and_its_end_are_one(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(place("taken").request());
    stage.one(Request::Audit(Box::new(bad_line("b1", 0, "o1"))));
    let letter = found(stage.ledger(), &Filter::default())[0];
    let refused = settle(stage, letter, How::Redriven, Some(place("taken").request()));
    assert!(matches!(refused, Settlement::Open(Answer::Refused(_))), "{refused:?}");
    assert_eq!(open(stage.ledger()), [(Kind::Item, 1)]);
    let done = settle(stage, letter, How::Redriven, Some(place("o1").request()));
    let Settlement::Done { with: Some(Answer::Accepted(_)), .. } = done else {
        panic!("not taken in: {done:?}")
    };
    let again = settle(stage, letter, How::Redriven, Some(place("o1").request()));
    assert!(matches!(again, Settlement::Before(_)), "{again:?}");
    stage.twice(|ledger| {
        assert_eq!(view(ledger, "o1").state.repeats, 0, "what had ended did nothing");
        assert_eq!(open(ledger), []);
    });
}

fn many_letters_are_ended_and_counted(stage: &mut Stage<'_>) {
    stage.afresh();
    let letters: Vec<Seq> = (0..3).map(|n| bury(stage, message(&format!("m{n}")))).collect();
    let filter = Filter { kind: Some(Kind::Message), ..Filter::default() };
    let sweep = |stage: &Stage<'_>, requests: Vec<Request>| match stage.say(requests).pop() {
        Some(Answer::Sweep(sweep)) => match sweep {
            Sweeping::On(sweep) => *sweep,
            Sweeping::Busy(other) => panic!("{other:?} is on its way"),
        },
        other => panic!("no sweep: {other:?}"),
    };
    let new = || Request::Sweep(Box::new(Sweep::new(How::Purged, filter.clone(), 10)));
    let begun = sweep(stage, vec![new()]);
    let second = stage.one(new());
    assert_eq!(second, Answer::Sweep(Sweeping::Busy(begun.id)), "one at a time");
    assert!(begun.id > letters[2] && begun.status == SweepStatus::Running);
    settle(stage, letters[1], How::Purged, None);
    let end = |letter| Request::Settle(Box::new(Settle { letter, how: How::Purged, with: None }));
    let on = |after, status| {
        Request::Sweep(Box::new(Sweep { after, status, swept: Swept::default(), ..begun.clone() }))
    };
    let on_its_way =
        sweep(stage, vec![end(letters[0]), end(letters[1]), on(letters[1], SweepStatus::Running)]);
    assert_eq!(on_its_way.swept, Swept { settled: 1, failed: 0 }, "one had ended before");
    stage.twice(|ledger| {
        assert_eq!(ledger.sweep(begun.id), Ok(Some(on_its_way.clone())));
        assert_eq!(ledger.sweeps(None, 10), Ok(vec![on_its_way.clone()]));
    });
    let stopped = sweep(stage, vec![on(letters[1], SweepStatus::Stopped)]);
    assert_eq!(stopped.status, SweepStatus::Stopped);
    let too_late = sweep(stage, vec![end(letters[2]), on(letters[2], SweepStatus::Running)]);
    assert_eq!(too_late.status, SweepStatus::Stopped, "what was stopped does not go on");
    stage.twice(|ledger| {
        let stored = ledger.sweep(begun.id).expect("the ledger reads").expect("a sweep");
        assert_eq!((stored.status, stored.swept.settled), (SweepStatus::Stopped, 2));
        assert_eq!(open(ledger), []);
    });
}
