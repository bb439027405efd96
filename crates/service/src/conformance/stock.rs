//! Stock: counters, who waits for it, and who gets it.

use domain::command::{BelowReserved, StockChange};
use domain::event::Refusal;
use domain::id::StockKey;
use domain::state::{ClaimState, Status};
use domain::stock::{ShortagePolicy, Stock};

use super::orders::is_its_history;
use super::{Place, Stage, adjust, count, place, restock, stock_key, stock_of, view};
use crate::ledger::Answer;

pub(super) fn run(stage: &mut Stage<'_>) {
    adjustments_are_answered_with_the_counters(stage);
    free_stock_goes_to_those_who_wait_oldest_first(stage);
    a_long_queue_is_served_in_steps_to_its_end(stage);
    release_newest_makes_the_newest_wait(stage);
    whoever_moves_up_in_a_queue_is_served(stage);
    rows_are_listed_by_key_in_pages(stage);
}

fn adjustments_are_answered_with_the_counters(stage: &mut Stage<'_>) {
    let stock = |on_hand, reserved, waiting| Answer::Stock(Stock { on_hand, reserved, waiting });
    assert_eq!(stage.one(count("PEN", 5)), stock(5, 0, 0));
    stage.accepted(place("a1").lines(&[("PEN", 3, None)]).request());
    stage.reopen();
    assert_eq!(stage.one(restock("PEN", -2)), stock(3, 3, 0));
    assert_eq!(stage.one(count("PEN", 2)), Answer::Refused(Refusal::BelowReserved { reserved: 3 }));
    assert_eq!(stage.one(restock("PEN", -9)), Answer::Refused(Refusal::StockOutOfRange));
    assert_eq!(stage.one(count("CAP", -1)), Answer::Refused(Refusal::StockOutOfRange));
    stage.twice(|ledger| {
        assert_eq!(stock_of(ledger, "PEN"), Some((3, 3, 0)));
        assert_eq!(stock_of(ledger, "CAP"), None, "what was refused leaves no row");
    });
}

fn free_stock_goes_to_those_who_wait_oldest_first(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 0));
    for (id, units) in [("b1", 4), ("b2", 9), ("b3", 1), ("b4", 2)] {
        stage.accepted(place(id).lines(&[("PEN", units, None)]).request());
        stage.reopen();
    }
    let whole = Place { shortage: Some(ShortagePolicy::ShipComplete), ..place("b5") };
    stage.accepted(whole.lines(&[("PEN", 1, None), ("CAP", 1, None)]).request());
    assert!(matches!(stage.one(restock("PEN", 6)), Answer::Stock(_)));
    stage.until("six pens are given out", |l| stock_of(l, "PEN").is_some_and(|s| s.1 == 5));
    stage.twice(|ledger| {
        let state = |id| view(ledger, id).state.status;
        let (done, waits) = (Status::Completed, Status::Backordered);
        assert_eq!(["b1", "b2", "b3", "b4", "b5"].map(state), [done, waits, done, waits, waits]);
        assert_eq!(stock_of(ledger, "PEN"), Some((6, 5, 12)));
        is_its_history(&view(ledger, "b1"));
    });
    stage.one(restock("CAP", 1));
    stage.until("the fifth has both", |l| view(l, "b5").state.status == Status::Completed);
    stage.one(restock("PEN", 11));
    stage.until("all are served", |l| stock_of(l, "PEN") == Some((17, 17, 0)));
    stage.twice(|ledger| assert_eq!(stock_of(ledger, "PEN"), Some((17, 17, 0))));
}

fn a_long_queue_is_served_in_steps_to_its_end(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 0));
    let orders = |from: usize, n: usize| {
        (from..from + n).map(|n| place(&format!("q{n:04}")).request()).collect()
    };
    stage.say(orders(0, 400));
    stage.reopen();
    stage.say(orders(400, 200));
    stage.one(restock("PEN", 590));
    // New stock while an earlier release is under way; nobody may be passed over.
    stage.one(restock("PEN", 9));
    stage.until("599 are served", |l| stock_of(l, "PEN") == Some((599, 599, 1)));
    stage.twice(|ledger| {
        assert_eq!(view(ledger, "q0598").state.status, Status::Completed);
        assert_eq!(view(ledger, "q0599").state.status, Status::Backordered);
    });
}

fn release_newest_makes_the_newest_wait(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(count("PEN", 6));
    for id in ["n1", "n2", "n3"] {
        stage.accepted(place(id).lines(&[("PEN", 2, None)]).request());
        stage.reopen();
    }
    let newest = adjust("loja", "PEN", StockChange::To(3), BelowReserved::ReleaseNewest);
    let after = Answer::Stock(Stock { on_hand: 3, reserved: 2, waiting: 4 });
    assert_eq!(stage.one(newest), after);
    stage.twice(|ledger| {
        let state = |id| view(ledger, id).state.status;
        let (done, waits) = (Status::Completed, Status::Backordered);
        assert_eq!(["n1", "n2", "n3"].map(state), [done, waits, waits]);
        assert_eq!(stock_of(ledger, "PEN"), Some((3, 2, 4)));
        is_its_history(&view(ledger, "n3"));
    });
    stage.one(restock("PEN", 1));
    stage.until("the older of them is served", |l| stock_of(l, "PEN") == Some((4, 4, 2)));
    stage.twice(|l| assert_eq!(view(l, "n2").state.claims[0].state, ClaimState::Reserved));
}

/// An order that ships complete leaves the queue of one product when the other arrives: those
/// behind it come first now, although nothing of their product has come in.
fn whoever_moves_up_in_a_queue_is_served(stage: &mut Stage<'_>) {
    stage.afresh();
    let ship = Some(ShortagePolicy::ShipComplete);
    stage.say(vec![count("PEN", 0), count("CAP", 0)]);
    let both = Place { shortage: ship, ..place("m1") }.lines(&[("PEN", 1, None), ("CAP", 1, None)]);
    stage.accepted(both.request());
    stage.one(restock("PEN", 5));
    stage.until("the release is over", |l| {
        let log = super::all_changes(l);
        matches!(log.last(), Some((_, c)) if matches!(c.what, crate::change::What::Released { .. }))
    });
    stage.accepted(place("m2").request());
    stage.one(restock("CAP", 1));
    stage.until("both are served", |l| stock_of(l, "PEN") == Some((5, 2, 0)));
    stage.twice(|ledger| {
        assert_eq!(["m1", "m2"].map(|id| view(ledger, id).state.status), [Status::Completed; 2]);
    });
}

fn rows_are_listed_by_key_in_pages(stage: &mut Stage<'_>) {
    stage.afresh();
    let mut keys: Vec<StockKey> = Vec::new();
    // Names that begin like each other must not get in each other's way.
    for (n, seller) in ["loja", "a", "lo", "lojas"].into_iter().enumerate() {
        for id in ["B", "A", "AB", "A-1"] {
            stage.one(adjust(seller, id, StockChange::To(7), BelowReserved::Refuse));
            keys.push(stock_key(seller, id));
        }
        if n == 1 {
            stage.reopen();
        }
    }
    stage.one(count("A", 9));
    keys.sort();
    stage.twice(|ledger| {
        for limit in [1, 2, 3, 5, 16, 100] {
            let (mut listed, mut after) = (Vec::new(), None);
            loop {
                let page = ledger.stock(after.as_ref(), limit).expect("the ledger reads");
                assert!(page.len() <= limit);
                after = page.last().map(|(key, _)| key.clone());
                listed.extend(page);
                if after.is_none() || listed.len() > keys.len() {
                    break;
                }
            }
            assert_eq!(
                listed.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>(),
                keys,
                "by {limit}"
            );
            let nine = listed.iter().filter(|(_, stock)| stock.on_hand == 9).count();
            assert_eq!(nine, 1, "the newest row counts");
        }
    });
}
