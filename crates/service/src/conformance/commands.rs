//! Orders that are amended and called off.

use std::sync::Arc;

use bytes::Bytes;
use domain::command::Verb;
use domain::event::{Event, Refusal, Rejection, Shortage};
use domain::money::Money;
use domain::order::Channel;
use domain::state::{ClaimState, Status};
use domain::stock::ShortagePolicy;

use super::orders::{is_its_history, names, said};
use super::{
    Place, Stage, all_changes, batch_id, cancel, count, order_id, order_key, place, restock, sku,
    stock_key, stock_of, transfer, view,
};
use crate::batch::{BatchState, BatchStatus};
use crate::change::{Seq, What};
use crate::layer::CHANGES_LISTED_MAX;
use crate::ledger::{Amend, Answer, BatchRules, Found, Ledger, Receive, Request};
use crate::view::Read;
use crate::wire::rules;

pub(super) fn run(stage: &mut Stage<'_>) {
    each_revision_keeps_its_document(stage);
    an_amendment_is_priced_as_its_order_first_was(stage);
    a_batchs_rules_and_metadata_price_its_amended_orders(stage);
    places_in_queues_outlive_everything(stage);
    a_cancelled_order_makes_room_for_those_who_wait(stage);
    refusals_are_recorded_and_change_nothing(stage);
    a_command_for_nobodys_order_makes_none(stage);
    commands_of_one_call_apply_in_their_order(stage);
    of_racing_amendments_for_one_revision_one_wins(stage);
}

fn amend(amend: Amend) -> Request {
    Request::Amend(Box::new(amend))
}

fn pens(id: &str, units: i64) -> Place {
    place(id).lines(&[("PEN", units, Some(100))])
}

fn each_revision_keeps_its_document(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(pens("r1", 2).request());
    stage.reopen();
    let second = Place { document: Bytes::from_static(b"{\r\n}two"), ..pens("r1", 3) };
    let lines = [("PEN", 3, Some(100)), ("CAP", 1, Some(50))];
    let done = stage.accepted(amend(second.lines(&lines).amend()));
    assert_eq!((done.state.revision, done.state.total), (2, Some(Money(350))));
    let third = Place { document: "three".into(), customer: Some("ana"), ..pens("r1", 1) };
    stage.accepted(amend(third.amend()));
    stage.twice(|ledger| {
        let found = view(ledger, "r1");
        assert_eq!((found.state.revision, found.state.total), (3, Some(Money(100))));
        assert_eq!(found.document, "three");
        assert_eq!(found.state.customer.as_ref().map(|c| c.as_str()), Some("ana"));
        is_its_history(&found);
        let documents = found.revisions.iter().map(|seq| match ledger.change(*seq) {
            Ok(change) => match change.what {
                What::Order { document, .. } => document.expect("a revision has a document"),
                other => panic!("no revision: {other:?}"),
            },
            Err(error) => panic!("{error}"),
        });
        let first: &[u8] = &pens("r1", 2).document;
        assert_eq!(documents.collect::<Vec<_>>(), [first, b"{\r\n}two", b"three"]);
    });
}

fn put_rules(stage: &Stage<'_>, percent: u32, installed: bool) -> u64 {
    let effect = format!(r#"{{"type": "order_percentage_off", "percent": {percent}}}"#);
    let json = format!(r#"[{{"id": "off", "effect": {effect}}}]"#);
    let rules = Arc::new(rules::parse(json.as_bytes(), 0, 2).expect("sound rules"));
    match stage.one(Request::PutRules { rules, installed }) {
        Answer::Rules(version) => version,
        other => panic!("no rules: {other:?}"),
    }
}

fn an_amendment_is_priced_as_its_order_first_was(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(pens("before", 1).request());
    put_rules(stage, 10, true);
    stage.accepted(pens("p1", 1).request());
    put_rules(stage, 50, true);
    stage.reopen();
    for (id, total) in [("p1", 360), ("before", 400)] {
        assert_eq!(
            stage.accepted(amend(pens(id, 4).amend())).state.total,
            Some(Money(total)),
            "{id}"
        );
    }
    assert_eq!(stage.accepted(pens("p2", 4).request()).state.total, Some(Money(200)));
    // Once more, within the commit that began the order.
    let answers = stage.say(vec![pens("p3", 1).request(), amend(pens("p3", 2).amend())]);
    assert!(matches!(&answers[1], Answer::Accepted(a) if a.state.total == Some(Money(100))));
}

fn a_batchs_rules_and_metadata_price_its_amended_orders(stage: &mut Stage<'_>) {
    stage.afresh();
    let json = r#"[{"id": "off", "when": "batch.metadata.campaign == 'natal'",
        "effect": {"type": "order_percentage_off", "percent": 20}}]"#;
    let own = Arc::new(rules::parse(json.as_bytes(), 0, 2).expect("sound rules"));
    let put = Request::PutRules { rules: own, installed: false };
    let Answer::Rules(version) = stage.one(put) else { panic!("no rules") };
    let metadata = r#"{"campaign": "natal"}"#;
    let own = stage.ledger().rules(version).expect("the ledger reads").expect("just put");
    let metadata_read = crate::batch::state::parse_metadata(metadata).expect("metadata");
    let own = Arc::new(BatchRules { rules: Some(own), metadata: metadata_read });
    let receive = Receive { rules: Some(own), ..pens("b1", 1).batch("natal", 0).receive() };
    let checkpoint = BatchState {
        id: batch_id("natal"),
        status: BatchStatus::Succeeded,
        reason: None,
        started_at: Default::default(),
        updated_at: Default::default(),
        counts: Default::default(),
        total: Some(1),
        offset: 1,
        hash: [0; 32],
        tolerance: Default::default(),
        max_concurrency: None,
        rules: Some(version),
        metadata: metadata.into(),
        spool: None,
        previous: None,
        from: Seq(0),
    };
    stage.say(vec![Request::Receive(Box::new(receive)), Request::Checkpoint(Box::new(checkpoint))]);
    stage.reopen();
    let done = stage.accepted(amend(pens("b1", 5).amend()));
    assert_eq!(done.state.total, Some(Money(400)));
    stage.twice(|ledger| {
        let found = view(ledger, "b1");
        assert_eq!(found.state.batch.map(|item| item.batch), Some(batch_id("natal")));
    });
}

/// Who waits for pens, as orders and units.
fn queue(ledger: &dyn Ledger) -> Vec<(String, i64)> {
    let mut found: Read<Vec<(String, i64)>> = Ok(Vec::new());
    let looked = ledger.look(&mut |view| {
        let mut after = None;
        let mut all = Vec::new();
        // In pages of two, so that pages meet everywhere.
        loop {
            let page = view.queue(&stock_key("loja", "PEN"), after, 2)?;
            let Some(last) = page.last() else { break };
            after = Some(last.at);
            all.extend(page.iter().map(|waiting| {
                let is =
                    |c: &&domain::state::Claim| c.sku == sku("PEN") && c.place == waiting.place;
                let claim = waiting.order.claims.iter().find(is).expect("the claim that waits");
                (waiting.order.key.id.to_string(), claim.quantity)
            }));
        }
        found = Ok(all);
        Ok(())
    });
    looked.and(found).expect("the ledger reads")
}

fn places_in_queues_outlive_everything(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 2));
    stage.accepted(pens("q1", 2).request());
    stage.accepted(pens("q2", 3).request());
    stage.reopen();
    stage.accepted(amend(pens("q1", 4).amend()));
    stage.accepted(pens("q3", 1).request());
    stage.reopen();
    stage.accepted(amend(pens("q2", 5).amend()));
    stage.accepted(amend(pens("q3", 2).amend()));
    let stands = [("q2", 3), ("q1", 2), ("q3", 1), ("q2", 2), ("q3", 1)];
    let stands = stands.map(|(id, units)| (id.to_owned(), units));
    stage.twice(move |ledger| {
        assert_eq!(queue(ledger), stands);
        assert_eq!(stock_of(ledger, "PEN"), Some((2, 2, 9)));
    });
    // Three go to q2's own claim, then q3's first, as q1's two are too many: in the order they
    // stand, and nobody blocks anybody.
    stage.one(restock("PEN", 4));
    stage.until("four more are given out", |l| stock_of(l, "PEN") == Some((6, 6, 5)));
    let stands = [("q1", 2), ("q2", 2), ("q3", 1)].map(|(id, units)| (id.to_owned(), units));
    stage.twice(move |ledger| assert_eq!(queue(ledger), stands));
    stage.accepted(amend(pens("q2", 3).amend()));
    stage.one(restock("PEN", 3));
    stage.until("all are served", |l| stock_of(l, "PEN") == Some((9, 9, 0)));
    stage.twice(|ledger| {
        assert_eq!(queue(ledger), []);
        for id in ["q1", "q2", "q3"] {
            let found = view(ledger, id);
            assert_eq!(found.state.status, Status::Completed, "{id}");
            assert_eq!(found.state.claims.len(), 1, "what is done is one claim: {id}");
            is_its_history(&found);
        }
    });
}

fn a_cancelled_order_makes_room_for_those_who_wait(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 3));
    stage.accepted(pens("c1", 3).request());
    stage.accepted(pens("c2", 5).request());
    stage.accepted(pens("c3", 2).request());
    stage.reopen();
    let done = stage.accepted(cancel("c1"));
    assert_eq!(
        (done.state.status, done.state.claims[0].state),
        (Status::Cancelled, ClaimState::Open)
    );
    stage.until("its pens are given out", |l| stock_of(l, "PEN") == Some((3, 2, 5)));
    stage.accepted(cancel("c2"));
    stage.accepted(transfer("t1", Money(100)));
    stage.accepted(cancel("t1"));
    stage.twice(|ledger| {
        assert_eq!(stock_of(ledger, "PEN"), Some((3, 2, 0)));
        assert_eq!(queue(ledger), []);
        let found = view(ledger, "c1");
        let (channel, reason) = (Channel::Web, Some("too late".into()));
        let cancelled = Event::Cancelled { reason, channel, batch: None };
        assert_eq!(found.history.last().map(|(_, _, event)| event), Some(&cancelled));
        is_its_history(&found);
        assert_eq!(view(ledger, "c3").state.status, Status::Completed);
    });
    let again = Answer::Refused(Refusal::Duplicate { status: Status::Cancelled });
    assert_eq!(stage.one(pens("c1", 1).request()), again, "the id stays used");
}

fn refusals_are_recorded_and_change_nothing(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 2));
    let strict = Place { shortage: Some(ShortagePolicy::Reject), ..pens("f1", 2) };
    stage.accepted(strict.clone().request());
    stage.reopen();
    let more = Place { document: "refused".into(), ..strict.clone().lines(&[("PEN", 3, None)]) };
    let short = Shortage { sku: sku("PEN"), wanted: 1, available: 0 };
    let short = Refusal::WouldReject(Rejection::OutOfStock(vec![short]));
    assert_eq!(stage.one(amend(more.amend())), Answer::Refused(short.clone()));
    let stale = Amend { revision: Some(7), ..strict.clone().amend() };
    let current = Answer::Refused(Refusal::StaleRevision { current: 1 });
    assert_eq!(stage.one(amend(stale)), current, "and is not recorded");
    stage.accepted(cancel("f1"));
    let wrong = Refusal::WrongState { status: Status::Cancelled };
    assert_eq!(stage.one(cancel("f1")), Answer::Refused(wrong.clone()));
    assert_eq!(stage.one(amend(strict.clone().amend())), Answer::Refused(wrong.clone()));
    let fulfil = Request::Fulfil(order_key("loja", "f1"));
    assert_eq!(stage.one(fulfil), Answer::Refused(wrong.clone()));
    stage.twice(move |ledger| {
        let found = view(ledger, "f1");
        let refused = found.history.iter().filter_map(|(_, _, event)| match event {
            Event::Refused(refused) => Some((refused.verb, refused.refusal.clone())),
            _ => None,
        });
        let expected = [
            (Verb::Amend, short.clone()),
            (Verb::Cancel, wrong.clone()),
            (Verb::Amend, wrong.clone()),
            (Verb::Fulfil, wrong.clone()),
        ];
        assert_eq!(refused.collect::<Vec<_>>(), expected);
        assert_eq!(found.document, strict.document, "what was refused is not the order's");
        assert_eq!((found.state.revision, found.revisions.len()), (1, 1));
        is_its_history(&found);
    });
    stage.say((0..CHANGES_LISTED_MAX + 9).map(|_| cancel("f1")).collect());
    stage.twice(|ledger| {
        let listed = view(ledger, "f1").history.len();
        assert!(listed <= CHANGES_LISTED_MAX + 3, "a row grows no further: {listed}");
    });
}

fn a_command_for_nobodys_order_makes_none(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(pens("n1", 1).seller("other").request());
    let unknown = Answer::Refused(Refusal::UnknownOrder);
    assert_eq!(stage.one(amend(pens("n1", 1).amend())), unknown);
    assert_eq!(stage.one(cancel("n2")), unknown);
    assert_eq!(stage.one(Request::Fulfil(order_key("loja", "n2"))), unknown);
    stage.twice(|ledger| {
        let find = |id, seller| ledger.order(&order_id(id), seller).expect("the ledger reads");
        assert_eq!(find("n2", None), Found::Nothing);
        assert_eq!(find("n1", Some(&super::merchant("loja"))), Found::Nothing);
        let strays = all_changes(ledger).into_iter().filter_map(|(_, change)| match change.what {
            What::Stray(stray) => Some((stray.key.id.to_string(), stray.verb, stray.document)),
            _ => None,
        });
        let document = Some(pens("n1", 1).document);
        let expected = [
            ("n1".to_owned(), Verb::Amend, document),
            ("n2".to_owned(), Verb::Cancel, None),
            ("n2".to_owned(), Verb::Fulfil, None),
        ];
        assert_eq!(strays.collect::<Vec<_>>(), expected);
    });
}

fn commands_of_one_call_apply_in_their_order(stage: &mut Stage<'_>) {
    stage.afresh();
    let answers = stage.say(vec![
        count("PEN", 3),
        amend(pens("o1", 1).amend()),
        pens("o1", 2).request(),
        amend(pens("o1", 4).amend()),
        Request::Fulfil(order_key("loja", "o1")),
        amend(pens("o1", 3).amend()),
        pens("o2", 1).request(),
        cancel("o1"),
        amend(pens("o2", 2).amend()),
        Request::Fulfil(order_key("loja", "o2")),
        cancel("o2"),
    ]);
    let told: Vec<String> = answers.iter().map(said).collect();
    let expected = [
        "stock",
        "unknown_order",
        "COMPLETED",
        "BACKORDERED",
        "wrong_state",
        "COMPLETED",
        "BACKORDERED",
        "CANCELLED",
        "COMPLETED",
        "FULFILLED",
        "wrong_state",
    ];
    assert_eq!(told, expected);
    stage.twice(|ledger| {
        let o1 = view(ledger, "o1");
        let happened = [
            "received",
            "priced",
            "allocated",
            "amended",
            "priced",
            "allocated",
            "refused",
            "amended",
            "priced",
            "allocated",
            "cancelled",
        ];
        assert_eq!(names(&o1), happened);
        is_its_history(&o1);
        is_its_history(&view(ledger, "o2"));
        assert_eq!(stock_of(ledger, "PEN"), Some((1, 0, 0)));
    });
}

fn of_racing_amendments_for_one_revision_one_wins(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.accepted(pens("w1", 1).request());
    let ledger = stage.ledger();
    let racing = |n: i64| {
        let amendment = Amend { revision: Some(1), ..pens("w1", 2 + n).amend() };
        super::wait(ledger.execute(vec![amend(amendment)])).expect("the ledger is available")
    };
    let answers: Vec<Vec<Answer>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || racing(n))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it answers")).collect()
    });
    let accepted = |answers: &&Vec<Answer>| matches!(answers[0], Answer::Accepted(_));
    assert_eq!(answers.iter().filter(accepted).count(), 1);
    let stale = Answer::Refused(Refusal::StaleRevision { current: 2 });
    assert_eq!(answers.iter().filter(|answers| answers[0] == stale).count(), 7);
    stage.twice(|ledger| assert_eq!(view(ledger, "w1").state.revision, 2));
}
