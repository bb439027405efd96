//! Lists: every supported filter, in pages of any size, is the list one would get by looking at
//! every order.

use std::collections::BTreeMap;

use domain::id::CustomerId;
use domain::order::Channel;
use domain::state::{ClaimState, OrderState, Status};
use domain::stock::ShortagePolicy;
use domain::time::Timestamp;

use super::{
    Place, Stage, all_changes, batch_id, count, merchant, order_key, place, restock, stock_key,
    stock_of,
};
use crate::change::{Seq, What};
use crate::ledger::{By, Ledger, PAGE_ROWS_MAX, Query, Request};

pub(super) fn run(stage: &mut Stage<'_>) {
    assert!(list(stage.ledger(), &By::All, None, None, 10).is_empty());
    fill(stage);
    let one_in = stage.subject.asks_one_in();
    stage.twice(|ledger| {
        let orders = everything(ledger);
        assert_eq!(orders.len(), 90);
        for by in filters() {
            by_filter(ledger, &by, &orders, one_in);
        }
    });
    stage.twice(|ledger| {
        let orders = everything(ledger);
        for by in [By::All, By::Status(Status::Completed), By::Channel(Channel::Batch)] {
            by_time(ledger, &by, &orders, one_in);
        }
    });
    long_lists_are_whole(stage);
}

/// Ninety orders of three sellers, in every state, that changed before and after being filed.
fn fill(stage: &mut Stage<'_>) {
    stage.say(vec![count("PEN", 20), count("CAP", 4)]);
    for n in 0..90_u64 {
        let products = [("PEN", 1, Some(100)), ("CAP", 1, None), ("GUM", 2, Some(50))];
        let lines = if n % 4 == 0 { &products[..2] } else { &products[(n as usize % 3)..][..1] };
        let mut order = Place {
            customer: ["ana", "bia"].get(n as usize % 3).copied(),
            channel: [Channel::Web, Channel::Api, Channel::File][n as usize % 3],
            shortage: (n % 7 == 0).then_some(ShortagePolicy::Reject),
            ..place(&format!("o{n}"))
        };
        if n % 5 == 0 {
            order = order.batch(["b1", "b2"][n as usize % 2], n);
        }
        stage.accepted(
            order.seller(["loja", "lo", "z"][n as usize % 11 % 3]).lines(lines).request(),
        );
        if n % 30 == 29 {
            stage.reopen();
        }
        if n % 20 == 10 {
            stage.say((0..n).step_by(6).map(|n| fulfil(&format!("o{n}"))).collect());
        }
    }
    stage.one(restock("CAP", 5));
    // Lists are compared when all is quiet.
    stage.until("all caps are given out", |l| {
        stock_of(l, "CAP").is_some_and(|(on_hand, reserved, _)| on_hand == reserved)
    });
    // A duplicate changes a row, but no list.
    stage.say(vec![place("o3").request(), place("o44").request()]);
}

fn fulfil(id: &str) -> Request {
    Request::Fulfil(order_key("loja", id))
}

fn filters() -> Vec<By> {
    let sellers = ["loja", "lo", "z", "nobody"].map(merchant);
    let mut all = vec![By::All];
    all.extend(Status::ALL.map(|(status, _)| By::Status(status)));
    all.extend(Channel::ALL.map(|(channel, _)| By::Channel(channel)));
    all.extend(["b1", "b2", "b"].map(|id| By::Batch(batch_id(id))));
    for seller in sellers {
        all.push(By::Merchant(seller.clone()));
        all.extend(Status::ALL.map(|(status, _)| By::MerchantStatus(seller.clone(), status)));
        for customer in ["ana", "bia", "an"] {
            let customer = CustomerId::parse(customer).expect("a name");
            all.push(By::Customer(seller.clone(), customer));
        }
        for sku in ["PEN", "CAP", "GUM", "P"] {
            let key = stock_key(seller.as_str(), sku);
            all.push(By::Sku(key.clone()));
            let states = [ClaimState::Open, ClaimState::Untracked, ClaimState::Reserved];
            let later = [ClaimState::Waiting, ClaimState::Standby, ClaimState::Consumed];
            let states = states.into_iter().chain(later);
            all.extend(states.map(|state| By::SkuStatus(key.clone(), state)));
        }
    }
    all
}

/// Every order as the log tells it, newest first.
fn everything(ledger: &dyn Ledger) -> Vec<(Seq, OrderState)> {
    let mut orders: BTreeMap<Seq, OrderState> = BTreeMap::new();
    for (seq, change) in all_changes(ledger) {
        let What::Order { key, first, events, .. } = change.what else { continue };
        let mut events = events.iter();
        if first.is_none() {
            let Some(domain::event::Event::Received(received)) = events.next() else {
                panic!("an order begins with its receipt");
            };
            orders.insert(seq, domain::evolve::begin(key, received, change.at));
        }
        let state = orders.get_mut(&first.unwrap_or(seq)).expect("an order that began");
        events.for_each(|event| domain::evolve::evolve(state, event, change.at, |_, _| {}));
    }
    orders.into_iter().rev().collect()
}

fn belongs(by: &By, order: &OrderState) -> bool {
    let seller = &order.key.merchant;
    match by {
        By::All => true,
        By::Status(status) => order.status == *status,
        By::Merchant(m) => seller == m,
        By::MerchantStatus(m, status) => seller == m && order.status == *status,
        By::Customer(m, customer) => seller == m && order.customer.as_ref() == Some(customer),
        By::Sku(key) => *seller == key.merchant && order.claims.iter().any(|c| c.sku == key.sku),
        By::SkuStatus(key, state) => {
            let has = |c: &domain::state::Claim| c.sku == key.sku && c.state == *state;
            *seller == key.merchant && order.claims.iter().any(has)
        }
        By::Batch(batch) => order.batch.as_ref().is_some_and(|item| item.batch == *batch),
        By::Channel(channel) => order.channel == *channel,
    }
}

fn list(
    ledger: &dyn Ledger,
    by: &By,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: usize,
) -> Vec<(Seq, OrderState)> {
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let query = Query { by: by.clone(), from, until, before, limit };
        let page = ledger.find(&query).expect("the ledger reads");
        assert!(page.orders.len() <= limit);
        listed.extend(page.orders);
        assert!(listed.len() <= 2_000, "pages without end");
        match page.next {
            Some(next) => {
                assert_eq!(listed.last().map(|(seq, _)| *seq), Some(next));
                before = Some(next);
            }
            None => return listed,
        }
    }
}

fn by_filter(ledger: &dyn Ledger, by: &By, orders: &[(Seq, OrderState)], one_in: usize) {
    let wanted: Vec<_> = orders.iter().filter(|(_, o)| belongs(by, o)).cloned().collect();
    let limits = [7, 1, 2, wanted.len().max(1), wanted.len() + 1, PAGE_ROWS_MAX];
    for limit in limits.into_iter().step_by(one_in.min(3)) {
        assert_eq!(list(ledger, by, None, None, limit), wanted, "{by:?} in pages of {limit}");
    }
}

fn by_time(ledger: &dyn Ledger, by: &By, orders: &[(Seq, OrderState)], one_in: usize) {
    let times: Vec<Timestamp> = orders.iter().rev().map(|(_, o)| o.received_at).collect();
    let bounds = [0, 1, 29, 30, 31, 60, 89].map(|n| times[n]);
    let (before, after) = (Timestamp(times[0].0 - 1), Timestamp(times[89].0 + 1));
    let bounds: Vec<Option<Timestamp>> = bounds
        .into_iter()
        .chain([before, after, Timestamp(i64::MAX)])
        .map(Some)
        .chain([None])
        .collect();
    for (at, from) in bounds.iter().enumerate() {
        // Another one of them for each beginning, so that each end is asked for as well.
        for until in bounds.iter().skip(at % one_in).step_by(one_in) {
            let within = |o: &OrderState| {
                from.is_none_or(|from| o.received_at >= from)
                    && until.is_none_or(|until| o.received_at < until)
            };
            let wanted = orders.iter().filter(|(_, o)| belongs(by, o) && within(o));
            let wanted: Vec<Seq> = wanted.map(|(seq, _)| *seq).collect();
            for limit in [1, 5, 100] {
                let listed = list(ledger, by, *from, *until, limit);
                let listed: Vec<Seq> = listed.into_iter().map(|(seq, _)| seq).collect();
                assert_eq!(listed, wanted, "{by:?} from {from:?} until {until:?} by {limit}");
            }
        }
    }
}

/// More orders than are filed by time one by one, so that ranges must be found within.
fn long_lists_are_whole(stage: &mut Stage<'_>) {
    stage.afresh();
    for part in 0..3 {
        for call in 0..4 {
            let id = |n: u32| format!("l{part}-{call}-{n}");
            stage.say((0..100).map(|n| place(&id(n)).request()).collect());
        }
        stage.reopen();
    }
    stage.twice(|ledger| {
        let orders = everything(ledger);
        assert_eq!(list(ledger, &By::All, None, None, 1_000), orders);
        for n in (1..1_200).step_by(157) {
            let (seq, order) = &orders[n];
            let until = Some(order.received_at);
            let earlier = list(ledger, &By::Merchant(merchant("loja")), None, until, 1_000);
            let wanted = orders.iter().filter(|(_, o)| Some(o.received_at) < until);
            assert_eq!(earlier.len(), wanted.count());
            assert!(earlier.iter().all(|(s, _)| s < seq));
            let since = list(ledger, &By::All, until, None, 1_000);
            assert_eq!(since.len() + earlier.len(), 1_200);
        }
    });
}
