//! How far followers are: kept, proved, copied, and never guessed.
// Helpers of tests are tests as well.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use domain::id::{MerchantId, OrderId, OrderKey};
use domain::time::Timestamp;
use engine::backup::{self, Plan};
use engine::{Engine, Options};
use service::change::Seq;
use service::follow::{Blame, Delivery, Place, Progress, Store, Tries, Waiting};
use service::ledger::{Changes, Ledger, Request};

fn open(dir: &Path) -> Engine {
    let mut options = Options::new(Arc::new(|| Timestamp(1_767_323_045_000_000)));
    options.map_bytes = 64 << 20;
    Engine::open(dir, options).unwrap()
}

/// Makes `count` changes.
fn fill(engine: &Engine, count: usize) {
    for n in 0..count {
        let key = OrderKey {
            merchant: MerchantId::parse("loja").unwrap(),
            id: OrderId::parse(&format!("nobody-{n}")).unwrap(),
        };
        pollster::block_on(engine.execute(vec![Request::Fulfil(key)])).unwrap();
    }
}

fn progress(cursor: Option<Seq>) -> Progress {
    let place = Place { seq: Seq(7), nth: 1 };
    let delivery = Delivery {
        id: "evt-1".into(),
        seq: Seq(7),
        order: Some(OrderKey {
            merchant: MerchantId::parse("loja").unwrap(),
            id: OrderId::parse("o-1").unwrap(),
        }),
        kind: "order.completed".into(),
        due: None,
    };
    let tries = Tries {
        attempts: 3,
        since: Timestamp(1),
        next: Timestamp(2),
        error: "unknown customer".into(),
        blame: Blame::Refused,
    };
    Progress {
        cursor,
        waiting: vec![Waiting { place, at: Timestamp(1), delivery: Arc::new(delivery) }],
        tries: vec![(place, tries)],
        disabled: None,
    }
}

#[test]
fn progress_is_there_after_a_restart_and_gone_when_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    assert!(engine.known_followers().unwrap().is_empty());
    assert!(!dir.path().join("followers").exists(), "who follows nothing costs nothing");
    fill(&engine, 3);
    let newest = engine.newest().unwrap();
    assert_eq!(newest, engine.read(None, 10).unwrap().last().map(|(seq, _)| *seq));
    let (mail, hook) = (progress(newest), progress(None));
    engine.followers().unwrap().save(&[("mail", &mail), ("webhook:ep_1", &hook)]).unwrap();
    drop(engine);
    let engine = open(dir.path());
    let followers = engine.followers().unwrap();
    assert_eq!(followers.load("mail").unwrap(), Some(mail));
    assert_eq!(followers.load("webhook:ep_1").unwrap(), Some(hook));
    assert_eq!(followers.load("step:fraud").unwrap(), None);
    followers.forget("mail").unwrap();
    assert_eq!(*engine.known_followers().unwrap(), ["webhook:ep_1".into()]);
}

#[test]
fn doctor_finds_a_cursor_that_is_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    fill(&engine, 2);
    let followers = engine.followers().unwrap();
    followers.save(&[("mail", &progress(engine.newest().unwrap()))]).unwrap();
    assert!(engine.examine().unwrap().is_sound());
    followers.save(&[("mail", &progress(Some(Seq(9_999_999))))]).unwrap();
    let found = engine.examine().unwrap();
    let faults: Vec<&String> = found.checks.iter().flat_map(|check| &check.faults).collect();
    assert!(matches!(&faults[..], [fault] if fault.contains("mail")), "{faults:?}");
}

#[test]
fn a_row_that_is_not_whole_is_no_progress() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    fill(&engine, 1);
    engine.followers().unwrap().save(&[("mail", &progress(None))]).unwrap();
    drop(engine);
    // A byte of the delivery's id, wherever LMDB put it: in every copy of the page.
    let file = dir.path().join("followers/data.mdb");
    let mut bytes = std::fs::read(&file).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - 5).filter(|at| &bytes[*at..*at + 5] == b"evt-1").collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&file, bytes).unwrap();
    let engine = open(dir.path());
    let error = engine.followers().unwrap().load("mail").unwrap_err();
    assert!(error.to_string().contains("mail"), "{error}");
    assert!(!engine.examine().unwrap().is_sound());
}

#[test]
fn a_restored_store_goes_on_where_its_followers_were() {
    let dir = tempfile::tempdir().unwrap();
    let (store, copy, restored) =
        (dir.path().join("store"), dir.path().join("copy"), dir.path().join("restored"));
    let engine = open(&store);
    fill(&engine, 5);
    let kept = progress(engine.newest().unwrap());
    engine.followers().unwrap().save(&[("mail", &kept)]).unwrap();
    drop(engine);
    let plan = Plan {
        store: &store,
        to: &copy,
        since: None,
        beside: &[],
        bytes_per_second: u64::MAX,
        taken: "now".into(),
    };
    backup::backup(&plan).unwrap();
    let options = Options::new(Arc::new(|| Timestamp(1_767_323_045_000_000)));
    let found = backup::restore(&copy, &restored, options).unwrap();
    assert!(found.findings.is_sound());
    assert_eq!(open(&restored).followers().unwrap().load("mail").unwrap(), Some(kept));
}
