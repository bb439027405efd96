//! Alerts: when they are due, and what they say.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::time::Timestamp;
use parking_lot::Mutex;
use service::change::Seq;
use service::conformance::wait;
use service::follow::{Delivery, Outcome, Sink};
use service::ledger::{Changes, Ledger, Request, Task};
use service::letters::{Alert, Alerts, DeadLetter, Kind, Subject, Tell};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial::Settings;

const MINUTE: i64 = 60_000_000;

#[derive(Default)]
struct Told(Mutex<Vec<Alert>>);

impl Tell for Told {
    fn tell(&self, alert: Alert) -> Task<'_, Outcome> {
        self.0.lock().push(alert);
        Box::pin(std::future::ready(Outcome::Delivered))
    }
}

struct World {
    ledger: Arc<MemoryLedger>,
    now: Arc<AtomicI64>,
    told: Arc<Told>,
}

impl World {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(0));
        let clock = now.clone();
        let clock = Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)));
        let settings = Settings { exponent: 2, ..Settings::default() };
        let ledger = MemoryLedger::open(MemoryLog::default(), settings, clock);
        let ledger = Arc::new(ledger.expect("an empty log"));
        Self { ledger, now, told: Arc::default() }
    }

    /// Afresh each time: what was decided before a crash is decided after it.
    fn alerts(&self) -> Alerts {
        Alerts::new(self.ledger.clone(), 10, self.told.clone())
    }

    /// Buries a delivery of a sink in a minute; the alert it is told with, and when.
    fn bury(&self, minute: i64, sink: &str, id: &str) -> Vec<Delivery> {
        self.now.store(minute * MINUTE, Ordering::Relaxed);
        let (sink, id, kind) = (sink.into(), id.into(), "order.completed".into());
        let letter = DeadLetter {
            subject: Subject::Delivery { sink, id, kind, seq: Seq(28) },
            order: None,
            cause: Seq(28),
            reason: "refused".into(),
            error: "answered 400".into(),
            attempts: 1,
            payload: None,
        };
        let request = Request::Bury(Box::new(letter));
        wait(self.ledger.execute(vec![request])).expect("the ledger is available");
        let changes = self.ledger.read(None, 1_000).expect("the log reads");
        let (seq, change) = changes.last().expect("a letter");
        self.alerts().select(*seq, change).expect("the ledger reads")
    }

    fn due(&self, minute: i64, id: &str) -> Option<i64> {
        let told = self.bury(minute, "mail", id);
        assert_eq!(told.len(), 1);
        told[0].due.map(|due| due.0 / MINUTE)
    }
}

#[test]
fn the_first_letter_is_told_at_once_and_what_follows_once_a_window() {
    let world = World::new();
    let dues = [3, 4, 12, 25, 26, 60, 69, 71].map(|minute| world.due(minute, &minute.to_string()));
    let expected = [None, Some(20), Some(20), Some(30), Some(30), None, Some(80), Some(80)];
    assert_eq!(dues, expected);
}

#[test]
fn what_is_told_together_has_one_name_and_is_counted() {
    let world = World::new();
    world.bury(3, "mail", "a");
    let second = world.bury(4, "webhook:x", "b").remove(0);
    let third = world.bury(12, "mail", "c").remove(0);
    assert_eq!(second.id, third.id);
    world.bury(31, "mail", "later");
    wait(world.alerts().deliver(&second, 1));
    let told = world.told.0.lock().pop().expect("an alert");
    assert_eq!(
        (told.count, told.at_least, &told.kinds[..]),
        (2, false, &[(Kind::Delivery, 2)][..])
    );
    assert_eq!(told.sources, ["webhook:x", "mail"]);
}

#[test]
fn an_alert_that_cannot_be_told_causes_none() {
    let world = World::new();
    assert_eq!(world.bury(3, "alerts", "alert-0-first"), []);
    assert_eq!(world.due(4, "a"), None, "and does not count as a letter before");
}
