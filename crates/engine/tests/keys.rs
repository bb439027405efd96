//! Keys are remembered for a day, on a disk and when its projection is made again, and not longer.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::id::OrderKey;
use domain::money::Money;
use domain::order::{Body, Channel, Order, Transfer};
use engine::{Engine, Options};
use service::ledger::{Answer, Ledger, Receive, Request};
use service::once::{KEPT_US, Key, Once, Outcome, Render};
use support::{by_hand, key, options, say, without_index};

/// A transfer under a key; which content the key comes with is up to the test.
fn once(order: OrderKey, name: u64) -> Request {
    let (from_account, to_account) = ("1".into(), "2".into());
    let transfer = Transfer { amount: Money(100), from_account, to_account };
    let request = Request::Receive(Box::new(Receive {
        order: Order { key: order, channel: Channel::Atm, body: Body::Transfer(transfer) },
        document: "{}".into(),
        warnings: Vec::new(),
        batch: None,
        rules: None,
    }));
    let render = Render(Arc::new(|answer: &Answer| match answer {
        Answer::Accepted(_) => Some("taken".into()),
        _ => Some("refused".into()),
    }));
    let mut key = Key { name: [0; 32], content: [0; 32] };
    key.name[..8].copy_from_slice(&name.to_le_bytes());
    Request::Once(Box::new(Once { key, request, render }))
}

fn told(engine: &Engine, id: &str, name: u64) -> &'static str {
    match &say(engine, vec![once(key(id), name)]).expect("the ledger is available")[..] {
        [Answer::Once(outcome)] => match &**outcome {
            Outcome::Now { kept: Some(kept), .. } if kept == "taken" => "now",
            Outcome::Now { .. } => "refused",
            Outcome::Before(_) => "before",
            Outcome::OtherContent => "other",
        },
        other => panic!("not under a key: {other:?}"),
    }
}

#[test]
fn a_key_outlives_restarts_and_a_lost_projection_for_a_day() {
    let now = Arc::new(AtomicI64::new(1_767_225_600_000_000));
    let dir = tempfile::tempdir().expect("a scratch folder");
    let open = || {
        let options = Options { clock: by_hand(&now), ..options() };
        Engine::open(dir.path(), options).expect("the store opens")
    };
    let engine = open();
    assert_eq!(told(&engine, "a", 1), "now");
    now.fetch_add(KEPT_US / 2, Ordering::Relaxed);
    assert_eq!(told(&engine, "b", 2), "now");
    drop(engine);
    let engine = open();
    assert_eq!((told(&engine, "a", 1), told(&engine, "b", 2)), ("before", "before"));
    drop(engine);
    without_index(dir.path());
    let engine = open();
    assert_eq!((told(&engine, "a", 1), told(&engine, "b", 2)), ("before", "before"));
    now.fetch_add(KEPT_US / 2, Ordering::Relaxed);
    assert_eq!(told(&engine, "a", 1), "refused", "a day later the key is new, the order is not");
    assert_eq!(told(&engine, "b", 2), "before");
    drop(engine);
    let engine = open();
    let findings = engine.examine().expect("the store reads");
    assert!(findings.is_sound(), "{findings:?}");
    assert_eq!(told(&engine, "a", 1), "before", "the later use of the key counts");
    now.fetch_add(KEPT_US / 2, Ordering::Relaxed);
    assert_eq!(told(&engine, "c", 3), "now");
    drop(engine);
    // What is older than a day was forgotten when the newer key was filed.
    let engine = open();
    let kept = |name: u64| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&name.to_le_bytes());
        let whenever = domain::time::Timestamp(0);
        engine.kept(&hash, whenever).expect("the store reads").is_some()
    };
    assert_eq!([1, 2, 3].map(kept), [true, false, true]);
}
