//! The thread over a ledger in memory, with sinks that behave as they are told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::id::{MerchantId, OrderId, OrderKey};
use parking_lot::Mutex;
use service::change::{Change, Seq, What};
use service::follow::{Begin, Delivery, MemoryStore, Outcome, Sink, Store, Terms};
use service::ledger::{Changes, Ledger, Request, Task, Unavailable};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial::Settings;
use tokio::sync::watch;
use web::followers::{FollowerRuns, Standing};

use super::{Followers, Needs};
use crate::installation::clock;

/// Longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A ledger and what is kept of followers: what a crash leaves.
struct World {
    ledger: Arc<MemoryLedger>,
    store: Arc<MemoryStore>,
    end: watch::Sender<u64>,
}

impl World {
    fn new() -> Self {
        let ledger = MemoryLedger::open(MemoryLog::default(), Settings::default(), clock());
        let ledger = Arc::new(ledger.expect("an empty ledger opens"));
        Self { ledger, store: Arc::default(), end: watch::Sender::new(0) }
    }

    fn place(&self, orders: std::ops::Range<u32>) {
        for n in orders {
            // For an order that is not there: recorded, and nothing else.
            let request = Request::Fulfil(key(&format!("o{n:03}")));
            pollster::block_on(self.ledger.execute(vec![request])).expect("it is taken");
            self.end.send_replace(self.ledger.log_bytes());
        }
    }

    fn follow(&self) -> Arc<Followers> {
        let (store, names, ledger) = (self.store.clone(), self.store.clone(), self.ledger.clone());
        Followers::new(Needs {
            ledger: self.ledger.clone(),
            store: Box::new(move || Ok(store.clone())),
            known: Box::new(move || names.names()),
            end: self.end.subscribe(),
            newest: Box::new(move || Ok(ledger.read(None, 10_000)?.last().map(|(seq, _)| *seq))),
            clock: clock(),
        })
    }
}

/// What a receiver does with an order's delivery, at which attempt.
type Behaviour = dyn Fn(&str, u32) -> Outcome + Send + Sync;

/// A destination that remembers.
struct Receiver {
    name: &'static str,
    begins: Begin,
    behaviour: Box<Behaviour>,
    takes: Duration,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn new(name: &'static str) -> Self {
        let behaviour = Box::new(|_: &str, _| Outcome::Delivered);
        let (seen, takes) = (Arc::default(), Duration::ZERO);
        Self { name, begins: Begin::Oldest, behaviour, takes, seen }
    }

    fn that(mut self, behaves: impl Fn(&str, u32) -> Outcome + Send + Sync + 'static) -> Self {
        self.behaviour = Box::new(behaves);
        self
    }
}

impl Sink for Receiver {
    fn name(&self) -> &str {
        self.name
    }

    fn begins(&self) -> Begin {
        self.begins
    }

    fn terms(&self) -> Terms {
        let pauses = vec![Duration::from_millis(1); 3];
        Terms { concurrency: 4, pauses, ..Terms::default() }
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        let What::Stray(stray) = &change.what else { return Ok(Vec::new()) };
        let id = format!("evt-{}", stray.key.id.as_str()).into();
        let (order, kind) = (Some(stray.key.clone()), "order.refused".into());
        Ok(vec![Delivery { id, seq, order, kind, due: None }])
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery, attempt: u32) -> Task<'a, Outcome> {
        Box::pin(async move {
            tokio::time::sleep(self.takes).await;
            let order = delivery.order.as_ref().expect("orders only").id.as_str();
            let outcome = (self.behaviour)(order, attempt);
            if outcome == Outcome::Delivered {
                self.seen.lock().push(delivery.id.to_string());
            }
            outcome
        })
    }
}

fn key(id: &str) -> OrderKey {
    let merchant = MerchantId::parse("loja").expect("a name");
    OrderKey { merchant, id: OrderId::parse(id).expect("a name") }
}

fn until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn ids(orders: std::ops::Range<u32>) -> Vec<String> {
    orders.map(|n| format!("evt-o{n:03}")).collect()
}

fn sorted(seen: &Mutex<Vec<String>>) -> Vec<String> {
    let mut seen = seen.lock().clone();
    seen.sort();
    seen
}

fn state(followers: &Followers, name: &str) -> &'static str {
    let all = followers.list().expect("a list");
    all.iter().find(|f| &*f.name == name).map_or("none", |f| f.standing.as_str())
}

#[test]
fn a_restart_goes_on_where_it_was_and_delivers_nothing_twice() {
    let world = World::new();
    world.place(0..40);
    let first = Receiver::new("log");
    let (followers, seen) = (world.follow(), first.seen.clone());
    followers.put(Arc::new(first)).expect("it is driven");
    until("the first forty are there", || seen.lock().len() == 40);
    world.place(40..60);
    until("what is committed later is there", || seen.lock().len() == 60);
    followers.stop();
    assert_eq!(sorted(&seen), ids(0..60));

    world.place(60..70);
    let second = Receiver::new("log");
    let (followers, seen) = (world.follow(), second.seen.clone());
    assert_eq!(state(&followers, "log"), "not_driven");
    followers.put(Arc::new(second)).expect("it is driven");
    until("the rest is there", || seen.lock().len() == 10);
    assert_eq!(state(&followers, "log"), "running");
    followers.stop();
    assert_eq!(sorted(&seen), ids(60..70));
}

#[test]
fn who_begins_now_hears_of_what_comes_later_also_after_a_crash() {
    let world = World::new();
    world.place(0..10);
    let now = || Receiver { begins: Begin::Now, ..Receiver::new("late") };
    // It was added, and the power was cut before anything else.
    let crashed = world.follow();
    crashed.put(Arc::new(now())).expect("it is driven");
    world.place(10..20);
    let (after, receiver) = (world.follow(), now());
    let seen = receiver.seen.clone();
    after.put(Arc::new(receiver)).expect("it is driven");
    until("what came since is there", || seen.lock().len() == 10);
    assert_eq!(sorted(&seen), ids(10..20));
    crashed.stop();
    after.stop();
}

#[test]
fn what_fails_is_tried_again_under_the_same_id_and_holds_no_other_order() {
    let world = World::new();
    let failures = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let counted = failures.clone();
    let receiver = Receiver::new("picky").that(move |order, attempt| {
        if order == "o003" && attempt < 3 {
            *counted.lock().entry(order.to_owned()).or_default() += 1;
            return Outcome::Refused { reason: "not yet".into() };
        }
        Outcome::Delivered
    });
    let (followers, seen) = (world.follow(), receiver.seen.clone());
    followers.put(Arc::new(receiver)).expect("it is driven");
    world.place(0..10);
    until("all are there in the end", || seen.lock().len() == 10);
    assert_eq!(sorted(&seen), ids(0..10));
    assert_eq!(failures.lock()["o003"], 2);
    followers.stop();
}

#[test]
fn what_is_refused_to_the_last_becomes_a_dead_letter_and_its_order_goes_on() {
    let world = World::new();
    let receiver = Receiver::new("strict").that(|order, _| match order {
        "o001" => Outcome::Refused { reason: "unknown customer".into() },
        _ => Outcome::Delivered,
    });
    let (followers, seen) = (world.follow(), receiver.seen.clone());
    followers.put(Arc::new(receiver)).expect("it is driven");
    world.place(0..4);
    world.place(1..2);
    let letters = || {
        let changes = world.ledger.read(None, 100).expect("the log reads");
        let letters = changes.into_iter().filter_map(|(_, change)| match change.what {
            What::Letter(letter) => Some(*letter),
            _ => None,
        });
        letters.collect::<Vec<_>>()
    };
    until("both are buried", || letters().len() == 2);
    until("the others are there", || seen.lock().len() == 3);
    let letter = letters().remove(0);
    assert_eq!((&*letter.reason, &*letter.error), ("refused", "unknown customer"));
    assert_eq!(letter.attempts, 4);
    followers.stop();
    // Everything is behind the cursor: nothing is delivered or buried again.
    let again = Receiver::new("strict");
    let (followers, seen) = (world.follow(), again.seen.clone());
    followers.put(Arc::new(again)).expect("it is driven");
    world.place(9..10);
    until("what is new is there", || seen.lock().len() == 1);
    followers.stop();
    assert_eq!((letters().len(), sorted(&seen)), (2, ids(9..10)));
}

#[test]
fn a_sink_that_panics_or_takes_its_time_holds_up_nobody_else() {
    let world = World::new();
    let slow = Receiver { takes: Duration::from_secs(30), ..Receiver::new("slow") };
    let broken = Receiver::new("broken").that(|order, attempt| {
        assert!(order != "o000" || attempt > 1, "as it is told");
        Outcome::Delivered
    });
    let well = Receiver::new("well");
    let (followers, seen, mended) = (world.follow(), well.seen.clone(), broken.seen.clone());
    for sink in [slow, broken, well] {
        followers.put(Arc::new(sink)).expect("it is driven");
    }
    world.place(0..30);
    until("the others are done", || seen.lock().len() == 30 && mended.lock().len() == 30);
    let holding = followers.holding(&key("o000"));
    assert!(matches!(&holding[..], [(name, held)] if &**name == "slow" && held.is_under_way));
    let begun = Instant::now();
    followers.stop();
    assert!(begun.elapsed() < Duration::from_secs(10), "the end does not wait for ever");
}

#[test]
fn a_destination_that_is_down_holds_its_sink_and_is_delivered_to_when_it_is_back() {
    let world = World::new();
    let is_up = Arc::new(AtomicBool::new(false));
    let up = is_up.clone();
    let receiver = Receiver::new("hook").that(move |_, _| {
        if up.load(Ordering::Relaxed) {
            return Outcome::Delivered;
        }
        Outcome::Unavailable { reason: "connection refused".into(), retry_after: None }
    });
    let (followers, seen) = (world.follow(), receiver.seen.clone());
    followers.put(Arc::new(receiver)).expect("it is driven");
    world.place(0..20);
    until("it is held", || state(&followers, "hook") == "held");
    let trouble = followers.driven().iter().find_map(|f| f.standing.trouble());
    assert!(trouble.is_some_and(|why| why.contains("connection refused")));
    is_up.store(true, Ordering::Relaxed);
    until("everything is there", || seen.lock().len() == 20);
    until("it runs", || state(&followers, "hook") == "running");
    followers.stop();
}

#[test]
fn a_sink_is_replaced_where_it_stands_and_one_that_is_gone_is_forgotten() {
    let world = World::new();
    let (first, second) = (Receiver::new("hook"), Receiver::new("hook"));
    let (before, after) = (first.seen.clone(), second.seen.clone());
    let followers = world.follow();
    followers.put(Arc::new(first)).expect("it is driven");
    world.place(0..5);
    until("the first is told", || before.lock().len() == 5);
    followers.put(Arc::new(second)).expect("it is another now");
    world.place(5..9);
    until("the second is told", || before.lock().len() + after.lock().len() == 9);
    followers.remove("hook").expect("it is gone");
    until("nothing is kept of it", || world.store.names().expect("names").is_empty());
    assert!(followers.list().expect("a list").is_empty());
    followers.stop();
    assert!(world.store.names().expect("names").is_empty());
}

#[test]
fn progress_that_cannot_be_read_is_said_and_nothing_is_sent_again() {
    struct Damaged;
    impl Store for Damaged {
        fn load(&self, sink: &str) -> Result<Option<service::follow::Progress>, Unavailable> {
            Err(Unavailable::Read(format!("the progress of {sink} is damaged")))
        }
        fn save(&self, _: &[(&str, &service::follow::Progress)]) -> Result<(), Unavailable> {
            Ok(())
        }
        fn names(&self) -> Result<Vec<Box<str>>, Unavailable> {
            Ok(vec!["hook".into()])
        }
        fn forget(&self, _: &str) -> Result<(), Unavailable> {
            Ok(())
        }
    }
    let world = World::new();
    world.place(0..3);
    let receiver = Receiver::new("hook");
    let seen = receiver.seen.clone();
    let ledger = world.ledger.clone();
    let followers = Followers::new(Needs {
        ledger: ledger.clone(),
        store: Box::new(|| Ok(Arc::new(Damaged))),
        known: Box::new(|| Damaged.names()),
        end: world.end.subscribe(),
        newest: Box::new(|| Ok(None)),
        clock: clock(),
    });
    assert!(followers.put(Arc::new(receiver)).is_err());
    let all = followers.list().expect("a list");
    assert!(matches!(&all[..], [one] if matches!(one.standing, Standing::Damaged(_))));
    followers.stop();
    assert!(seen.lock().is_empty());
}
