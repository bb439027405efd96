//! Orders that come in, come again, or are none.

use bytes::Bytes;
use domain::event::{Event, Refusal};
use domain::evolve::fold;
use domain::id::OrderKey;
use domain::money::Money;
use domain::order::Channel;
use domain::state::{ClaimState, Status};
use domain::time::Timestamp;

use super::{
    Place, Stage, audit, count, fault, merchant, order_id, order_key, place, transfer, view,
};
use crate::change::{AUDIT_DOCUMENT_BYTES_MAX, Flood, RECORD_BYTES_MAX, Seq, What};
use crate::ledger::{Answer, Found, OrderView, Request};

pub(super) fn run(stage: &mut Stage<'_>) {
    an_accepted_order_comes_back_byte_for_byte(stage);
    a_repetition_is_recorded_and_changes_nothing_else(stage);
    sellers_may_share_an_id(stage);
    invalid_input_is_kept_and_does_not_use_up_the_id(stage);
    invalid_input_is_listed_newest_first(stage);
    the_newest_invalid_input_of_an_id_is_found(stage);
    requests_of_a_call_see_each_other(stage);
    only_a_completed_order_is_fulfilled(stage);
    an_answer_is_seen_at_once(stage);
    what_could_not_be_read_again_is_not_written(stage);
}

fn an_accepted_order_comes_back_byte_for_byte(stage: &mut Stage<'_>) {
    let lines = [("PEN", 2, Some(150)), ("CAP", 3, Some(33)), ("PEN", 1, Some(100))];
    let document = Bytes::from_static(b"\xef\xbb\xbf{ \"order_id\":\"a1\",\r\n\0\xff }");
    let order = Place { customer: Some("ana"), channel: Channel::Web, document, ..place("a1") };
    let mut receive = order.lines(&lines).receive();
    receive.warnings = vec![fault("/customer/cpf", "cpf_check_digits")];
    let asked = receive.clone();
    let done = stage.accepted(Request::Receive(Box::new(receive)));
    assert_eq!((done.state.status, done.state.total), (Status::Completed, Some(Money(499))));
    assert_eq!(done.state.claims.len(), 2, "two lines of one SKU are one claim");
    let big = Place { document: vec![b'x'; 200_000].into(), ..place("big") };
    stage.accepted(big.request());
    stage.accepted(transfer("t1", Money(450)));
    let seq = done.seq;
    stage.twice(move |ledger| {
        let found = view(ledger, "a1");
        assert_eq!(found.document, asked.document);
        assert_eq!(found.warnings, asked.warnings);
        assert_eq!((found.seq, &found.state.key), (seq, &asked.order.key));
        assert_eq!(found.state.customer.as_ref().map(|c| c.as_str()), Some("ana"));
        assert_eq!((found.state.channel, found.state.repeats), (Channel::Web, 0));
        assert_eq!(names(&found), ["received", "priced", "allocated"]);
        is_its_history(&found);
        assert_eq!(view(ledger, "big").document.len(), 200_000);
        let transfer = view(ledger, "t1");
        assert_eq!((transfer.state.total, transfer.state.claims.len()), (Some(Money(450)), 0));
        assert_eq!(names(&transfer), ["received", "allocated"]);
        let of = |id: &str, seller: Option<&str>| {
            let seller = seller.map(merchant);
            ledger.order(&order_id(id), seller.as_ref()).expect("the ledger reads")
        };
        assert_eq!(of("a1", Some("loja")), Found::Order(Box::new(found)));
        assert_eq!(of("a1", Some("other")), Found::Nothing);
        assert_eq!(of("a", None), Found::Nothing);
        assert_eq!(of("a11", None), Found::Nothing);
    });
}

fn a_repetition_is_recorded_and_changes_nothing_else(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 5));
    stage.accepted(place("d1").request());
    let duplicate = Answer::Refused(Refusal::Duplicate { status: Status::Completed });
    assert_eq!(stage.one(place("d1").request()), duplicate);
    stage.reopen();
    let other = Place { channel: Channel::Queue, document: "other".into(), ..place("d1") };
    assert_eq!(stage.one(other.lines(&[("PEN", 4, None)]).request()), duplicate);
    let both = stage.say(vec![place("d2").request(), place("d2").request()]);
    assert!(matches!(both[0], Answer::Accepted(_)));
    assert_eq!(both[1], duplicate);
    stage.twice(|ledger| {
        let found = view(ledger, "d1");
        assert_eq!(found.document, place("d1").document);
        assert_eq!(found.state.repeats, 2);
        assert_eq!(names(&found), ["received", "priced", "allocated", "repeated", "repeated"]);
        let again =
            |channel, same_document| Event::Repeated { channel, batch: None, same_document };
        assert_eq!(found.history[3].2, again(Channel::Api, true));
        assert_eq!(found.history[4].2, again(Channel::Queue, false));
        is_its_history(&found);
        assert_eq!(view(ledger, "d2").state.repeats, 1);
        assert_eq!(super::stock_of(ledger, "PEN"), Some((5, 2, 0)));
    });
}

fn sellers_may_share_an_id(stage: &mut Stage<'_>) {
    stage.afresh();
    for seller in ["loja", "z", "a"] {
        stage.accepted(place("s1").seller(seller).request());
        stage.reopen();
    }
    // A name that begins like another, or ends like it, is another name.
    stage.accepted(place("s").seller("1").request());
    stage.twice(|ledger| {
        let of = |seller| ledger.order(&order_id("s1"), seller).expect("the ledger reads");
        let sellers = ["a", "loja", "z"].map(merchant).to_vec();
        assert_eq!(of(None), Found::Ambiguous(sellers.clone()));
        for seller in &sellers {
            let Found::Order(found) = of(Some(seller)) else { panic!("{seller} has it") };
            assert_eq!(found.state.key.merchant, *seller);
        }
        assert_eq!(view(ledger, "s").state.key, order_key("1", "s"));
    });
}

fn invalid_input_is_kept_and_does_not_use_up_the_id(stage: &mut Stage<'_>) {
    stage.afresh();
    let wrong = audit(Some("i1"), Some("loja"), "empty_items");
    assert_eq!(stage.one(Request::Audit(Box::new(wrong.clone()))), Answer::Recorded);
    assert_eq!(
        stage.one(Request::Audit(Box::new(audit(None, None, "malformed")))),
        Answer::Recorded
    );
    let long = vec![b'x'; AUDIT_DOCUMENT_BYTES_MAX + 9];
    let too_much = Place { document: long.into(), ..place("i2") };
    let too_much = too_much.lines(&[("PEN", 1_000_000_000, Some(9_000_000_000_000))]);
    let answer = stage.one(too_much.request());
    assert_eq!(answer, Answer::Invalid(vec![fault("", "total_out_of_range")]));
    stage.twice(|ledger| {
        for seller in [None, Some(merchant("loja"))] {
            let found = ledger.order(&order_id("i1"), seller.as_ref());
            let Found::Invalid(found) = found.expect("the ledger reads") else {
                panic!("i1 is invalid");
            };
            assert_eq!(found.2, wrong);
        }
        let Found::Invalid(found) = ledger.order(&order_id("i2"), None).expect("reads") else {
            panic!("i2 is invalid");
        };
        assert_eq!(found.2.document.len(), AUDIT_DOCUMENT_BYTES_MAX);
    });
    stage.accepted(place("i1").request());
    stage.accepted(place("i2").request());
    assert_eq!(stage.one(Request::Audit(Box::new(wrong.clone()))), Answer::Recorded);
    stage.twice(|ledger| {
        assert_eq!(view(ledger, "i1").state.status, Status::Completed, "the valid order counts");
        assert_eq!(view(ledger, "i2").state.status, Status::Completed);
    });
}

fn invalid_input_is_listed_newest_first(stage: &mut Stage<'_>) {
    stage.afresh();
    let flood = Flood {
        source: "net:192.0.2.0/24".into(),
        since: Timestamp(7),
        count: 3,
        bytes: 4_000,
        first: [1; 32],
        last: [2; 32],
    };
    let sellers = [Some("a"), None, Some("b"), Some("a")];
    for (at, seller) in sellers.into_iter().enumerate() {
        stage.one(Request::Audit(Box::new(audit(None, seller, "empty_items"))));
        stage.accepted(place(&format!("o{at}")).request());
        if at == 1 {
            let recorded = stage.one(Request::Flood(Box::new(flood.clone())));
            assert_eq!(recorded, Answer::Recorded);
            stage.reopen();
        }
    }
    stage.twice(|ledger| {
        let pages = |seller: Option<&str>, limit| {
            let (seller, mut before, mut found) = (seller.map(merchant), None, Vec::new());
            loop {
                let page = ledger.inputs(seller.as_ref(), before, limit).expect("it reads");
                assert!(page.seqs.len() <= limit);
                found.extend(page.seqs);
                before = page.next;
                if before.is_none() {
                    return found;
                }
            }
        };
        let all = pages(None, 2);
        assert_eq!(all, pages(None, 100));
        let what = |seq: &Seq| ledger.change(*seq).expect("it is there").what;
        let shown = |seq: &Seq| match what(seq) {
            What::Audit(audit) => audit.merchant.map_or("-".to_owned(), |m| m.to_string()),
            What::Flood(found) => {
                assert_eq!(found, flood);
                "flood".to_owned()
            }
            other => panic!("not invalid input: {other:?}"),
        };
        assert_eq!(all.iter().map(shown).collect::<Vec<_>>(), ["a", "b", "flood", "-", "a"]);
        assert_eq!(pages(Some("a"), 1), [all[0], all[4]]);
        assert_eq!(pages(Some("nobody"), 1), []);
    });
}

fn the_newest_invalid_input_of_an_id_is_found(stage: &mut Stage<'_>) {
    stage.afresh();
    let inputs = [(Some("z"), "one"), (None, "two"), (Some("a"), "three"), (Some("m"), "four")];
    for (at, (seller, code)) in inputs.into_iter().enumerate() {
        stage.one(Request::Audit(Box::new(audit(Some("n1"), seller, code))));
        stage.one(Request::Audit(Box::new(audit(Some("n1x"), Some("zz"), "another id"))));
        if at % 2 == 1 {
            stage.reopen();
        }
        stage.twice(move |ledger| {
            let found = ledger.order(&order_id("n1"), None).expect("the ledger reads");
            let Found::Invalid(found) = found else { panic!("n1 is invalid") };
            assert_eq!(&*found.2.faults[0].code, code);
        });
    }
    stage.twice(|ledger| {
        let found = ledger.order(&order_id("n1"), Some(&merchant("z"))).expect("reads");
        let Found::Invalid(found) = found else { panic!("n1 of z is invalid") };
        assert_eq!(&*found.2.faults[0].code, "one");
    });
}

fn requests_of_a_call_see_each_other(stage: &mut Stage<'_>) {
    stage.afresh();
    assert_eq!(stage.say(Vec::new()), [], "a call without requests is answered as well");
    let answers = stage.say(vec![
        count("PEN", 2),
        place("c1").lines(&[("PEN", 2, None)]).request(),
        place("c2").request(),
        Request::Fulfil(order_key("loja", "c1")),
        Request::Fulfil(order_key("loja", "c2")),
        Request::Fulfil(order_key("loja", "c9")),
        place("c1").request(),
    ]);
    let told: Vec<String> = answers.iter().map(said).collect();
    assert_eq!(
        told,
        [
            "stock",
            "COMPLETED",
            "BACKORDERED",
            "FULFILLED",
            "wrong_state",
            "unknown_order",
            "duplicate"
        ],
    );
    stage.twice(|ledger| {
        assert_eq!(super::stock_of(ledger, "PEN"), Some((0, 0, 1)));
        assert_eq!(view(ledger, "c1").state.claims[0].state, ClaimState::Consumed);
    });
}

fn only_a_completed_order_is_fulfilled(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 1));
    stage.accepted(place("f1").request());
    stage.accepted(place("f2").request());
    stage.reopen();
    let fulfil = |id: &str| Request::Fulfil(order_key("loja", id));
    assert_eq!(said(&stage.one(fulfil("f1"))), "FULFILLED");
    let refused = |status| Answer::Refused(Refusal::WrongState { status });
    assert_eq!(stage.one(fulfil("f1")), refused(Status::Fulfilled));
    assert_eq!(stage.one(fulfil("f2")), refused(Status::Backordered));
    assert_eq!(stage.one(fulfil("f3")), Answer::Refused(Refusal::UnknownOrder));
    stage.twice(|ledger| {
        let happened = ["received", "priced", "allocated", "fulfilled", "refused"];
        assert_eq!(names(&view(ledger, "f1")), happened);
        is_its_history(&view(ledger, "f1"));
        assert_eq!(super::stock_of(ledger, "PEN"), Some((0, 0, 1)));
    });
}

fn an_answer_is_seen_at_once(stage: &mut Stage<'_>) {
    stage.afresh();
    for n in 0..200 {
        let id = format!("r{n}");
        let done = stage.accepted(place(&id).request());
        assert_eq!(view(stage.ledger(), &id).seq, done.seq);
        if n == 100 {
            stage.reopen();
        }
    }
}

fn what_could_not_be_read_again_is_not_written(stage: &mut Stage<'_>) {
    stage.afresh();
    let huge = Place { document: vec![b'x'; RECORD_BYTES_MAX + 1].into(), ..place("w2") };
    let answers = stage.say(vec![place("w1").request(), huge.request(), place("w3").request()]);
    let told = answers.iter().map(|answer| matches!(answer, Answer::Accepted(_)));
    assert_eq!(told.collect::<Vec<_>>(), [true, false, true], "its neighbours are unharmed");
    stage.twice(|ledger| {
        let found = ["w1", "w2", "w3"].map(|id| ledger.order(&order_id(id), None));
        let told = found.map(|found| matches!(found, Ok(Found::Order(_))));
        assert_eq!(told, [true, false, true]);
    });
}

pub(super) fn names(found: &OrderView) -> Vec<&'static str> {
    found.history.iter().map(|(_, _, event)| event.name()).collect()
}

/// The state is the fold of the history, and the history is in order.
pub(super) fn is_its_history(found: &OrderView) {
    let key: OrderKey = found.state.key.clone();
    let events = found.history.iter().map(|(_, at, event)| (*at, event));
    assert_eq!(fold(key, events).as_ref(), Some(&found.state));
    assert!(found.history.is_sorted_by_key(|(seq, at, _)| (*seq, *at)));
}

pub(super) fn said(answer: &Answer) -> String {
    match answer {
        Answer::Accepted(accepted) => accepted.state.status.as_str().to_owned(),
        Answer::Refused(refusal) => refusal.code().to_owned(),
        Answer::Stock(_) => "stock".to_owned(),
        Answer::Invalid(_)
        | Answer::Recorded
        | Answer::Rules(_)
        | Answer::Batch(_)
        | Answer::Endpoint(_)
        | Answer::Once(_)
        | Answer::Buried(_)
        | Answer::Settled(_)
        | Answer::Sweep(_)
        | Answer::Broken => format!("{answer:?}"),
    }
}
