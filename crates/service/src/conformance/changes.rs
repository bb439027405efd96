//! The log: everything once, in order, for whoever keeps a cursor.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::evolve::{begin, evolve};
use domain::id::{OrderKey, StockKey};
use domain::state::OrderState;
use domain::stock::{Movement, Stock};

use super::{Stage, all_changes, audit, count, order_key, place, restock, stock_of};
use crate::change::{Change, Seq, What};
use crate::ledger::{Answer, Ledger, Request, Unavailable};
use crate::passed::passed;

pub(super) fn run(stage: &mut Stage<'_>) {
    a_follower_reads_everything_once_in_order(stage);
    the_log_explains_every_counter(stage);
    copies_of_one_order_leave_one_original(stage);
}

fn follow(ledger: &dyn Ledger, mut cursor: Option<Seq>, limit: usize) -> Vec<(Seq, Change)> {
    let mut read = Vec::new();
    loop {
        let some = ledger.read(cursor, limit).expect("the log reads");
        assert!(some.len() <= limit);
        let Some((last, _)) = some.last() else { return read };
        cursor = Some(*last);
        read.extend(some);
    }
}

fn a_follower_reads_everything_once_in_order(stage: &mut Stage<'_>) {
    assert_eq!(stage.ledger().read(None, 10), Ok(Vec::new()));
    let (mut cursor, mut followed) = (None, Vec::new());
    for n in 0..30 {
        let id = format!("c{n}");
        stage.say(vec![
            place(&id).request(),
            Request::Audit(Box::new(audit(Some("w"), None, "empty_items"))),
            place(&id).request(),
        ]);
        let new = follow(stage.ledger(), cursor, 10);
        assert_eq!(new.len(), 3, "what is answered can be read");
        cursor = new.last().map(|(seq, _)| *seq);
        followed.extend(new);
        if n % 10 == 9 {
            stage.reopen();
        }
    }
    assert!(followed.is_sorted_by(|a, b| a.0 < b.0 && a.1.at <= b.1.at));
    stage.twice(|ledger| {
        for limit in [1, 2, 7, 90, 10_000] {
            assert_eq!(follow(ledger, None, limit), followed, "by {limit}");
        }
        for (at, (seq, _)) in followed.iter().enumerate() {
            assert_eq!(ledger.read(Some(*seq), 10_000).as_deref(), Ok(&followed[at + 1..]));
            let beside = Some(Seq(seq.0 + 1));
            assert_eq!(ledger.read(beside, 1), Err(Unavailable::Cursor), "no change begins there");
        }
    });
    // What is refused on stock leaves nothing; a command for nobody's order is told as such.
    assert!(matches!(stage.one(count("PEN", -1)), Answer::Refused(_)));
    assert_eq!(stage.ledger().read(cursor, 10), Ok(Vec::new()));
    let unknown = Request::Fulfil(order_key("loja", "nobody"));
    assert!(matches!(stage.one(unknown), Answer::Refused(_)));
    let told = stage.ledger().read(cursor, 10).expect("the log reads");
    assert!(matches!(&told[..], [(_, change)] if matches!(change.what, What::Stray(_))));
}

fn the_log_explains_every_counter(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.say(vec![count("PEN", 5), count("CAP", 1)]);
    for n in 0..12 {
        let lines = [("PEN", 1, None), ("CAP", 1, None)];
        stage.accepted(place(&format!("s{n}")).lines(&lines[n % 2..]).request());
    }
    stage.say((0..3).map(|n| Request::Fulfil(order_key("loja", &format!("s{n}")))).collect());
    stage.one(restock("PEN", 2));
    stage.until("pens are given out", |l| {
        let pen = stock_of(l, "PEN");
        pen.is_some_and(|(on_hand, reserved, waiting)| on_hand == reserved || waiting == 0)
    });
    stage.twice(|ledger| {
        let mut counters: BTreeMap<StockKey, Stock> = BTreeMap::new();
        let mut histories: BTreeMap<OrderKey, Vec<_>> = BTreeMap::new();
        for (_, change) in all_changes(ledger) {
            match change.what {
                What::Order { key, events, .. } => {
                    let events = events.into_iter().map(|event| (change.at, event));
                    histories.entry(key).or_default().extend(events);
                }
                What::Stock { stock, on_hand, .. } => {
                    let counter = counters.entry(stock).or_default();
                    *counter = Movement { on_hand, ..Movement::default() }.apply(*counter);
                }
                What::Audit(_)
                | What::Stray(_)
                | What::Flood(_)
                | What::Released { .. }
                | What::Products(_)
                | What::Customer(_)
                | What::Rules { .. }
                | What::Endpoint(_)
                | What::Replay(_)
                | What::Kept(_)
                | What::Letter(_)
                | What::Settled(_)
                | What::Sweep(_)
                | What::Batch(_) => {}
            }
        }
        for (key, events) in histories {
            let events = events.iter().map(|(at, event)| (*at, event));
            for (sku, movement) in domain::evolve::movements(key.clone(), events) {
                let stock = StockKey { merchant: key.merchant.clone(), sku };
                let counter = counters.entry(stock).or_default();
                *counter = movement.apply(*counter);
            }
        }
        an_order_passed_the_states_of_its_events(ledger);
        let rows: BTreeMap<StockKey, Stock> =
            ledger.stock(None, 100).expect("the ledger reads").into_iter().collect();
        assert_eq!(rows, counters);
    });
}

/// What `passed` says of each change, against folding the log from its beginning.
fn an_order_passed_the_states_of_its_events(ledger: &dyn Ledger) {
    let mut orders: BTreeMap<OrderKey, OrderState> = BTreeMap::new();
    for (seq, change) in all_changes(ledger) {
        let What::Order { key, events, .. } = &change.what else { continue };
        let mut states = Vec::new();
        for event in events {
            if let Event::Received(received) = event {
                orders.insert(key.clone(), begin(key.clone(), received, change.at));
            } else {
                let order = orders.get_mut(key).expect("an order begins with its receipt");
                evolve(order, event, change.at, |_, _| {});
            }
            states.push(orders[key].clone());
        }
        assert_eq!(passed(ledger, seq, &change).expect("the log reads"), states);
    }
}

fn copies_of_one_order_leave_one_original(stage: &mut Stage<'_>) {
    stage.afresh();
    let ledger = stage.ledger();
    let originals: usize = std::thread::scope(|threads| {
        let copies: Vec<_> = (0..4)
            .map(|_| {
                threads.spawn(|| {
                    let one = |n: usize| {
                        let request = place(&format!("r{}", n % 25)).request();
                        let answers = super::wait(ledger.execute(vec![request]));
                        let answers = answers.expect("the ledger is available");
                        usize::from(matches!(answers[0], Answer::Accepted(_)))
                    };
                    (0..50).map(one).sum::<usize>()
                })
            })
            .collect();
        copies.into_iter().map(|copy| copy.join().expect("no panic")).sum()
    });
    assert_eq!(originals, 25);
    stage.twice(|ledger| {
        let log = all_changes(ledger);
        assert_eq!(log.len(), 200, "25 orders and 175 repetitions");
        let began = log.iter().filter_map(|(_, change)| match &change.what {
            What::Order { key, first: None, .. } => Some(key.clone()),
            _ => None,
        });
        let began: Vec<_> = began.collect();
        assert_eq!(began.iter().collect::<BTreeSet<_>>().len(), began.len());
    });
}
