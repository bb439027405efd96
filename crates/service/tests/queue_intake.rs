//! A queue's intake under a seeded driver: calls that end in any order, fail, or end after a
//! crash; messages handed out twice, or for too short a time; a ledger that cannot take more.
//! Whatever happens, every order is in once, and only another message is a business duplicate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::id::{MerchantId, OrderId};
use domain::time::Timestamp;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use service::conformance::wait;
use service::ledger::{Found, Ledger};
use service::memory::{MemoryLedger, MemoryLog};
use service::once::KEPT_US;
use service::serial::Settings;
use service::source::intake::Intake;
use service::source::machine::{Act, Machine, Terms, Ticket, Verdict};
use service::source::{Message, Receipt, SourceError};
use service::wire::document;

const SEEDS: u64 = 300;
const VISIBILITY: Duration = Duration::from_secs(30);

#[test]
fn every_order_is_in_once_and_every_message_is_gone_at_the_end() {
    let seeds = match std::env::var("COMANDA_SEED") {
        Ok(seed) => seed.parse().map(|seed| seed..seed + 1).expect("COMANDA_SEED is a number"),
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        assert!(run.is_ok(), "seed {seed} fails; replay with COMANDA_SEED={seed}");
    }
}

/// A message in the queue.
struct Kept {
    id: String,
    body: String,
    hidden_until: i64,
    receives: u32,
    receipt: Option<String>,
}

/// A call that has not ended: what it asks for, or how it ended where nobody was told yet.
enum Call {
    Asked(Act),
    Worked(Ticket, Verdict),
}

struct World {
    rng: ChaCha8Rng,
    now: Arc<AtomicI64>,
    queue: Vec<Kept>,
    ledger: MemoryLedger,
    machine: Machine,
    calls: Vec<Call>,
    /// How many messages hold each order.
    sent: BTreeMap<String, u32>,
    /// The longest a message waited so far may have outlived its key.
    slept: bool,
    in_flight_max: usize,
}

fn open(log: MemoryLog, now: &Arc<AtomicI64>) -> MemoryLedger {
    let (settings, now) = (Settings { exponent: 2, ..Settings::default() }, now.clone());
    let clock = Arc::new(move || Timestamp(now.load(Ordering::Relaxed)));
    MemoryLedger::open(log, settings, clock).expect("a sound log opens")
}

fn order(id: &str) -> String {
    format!(r#"{{"id":"{id}","customerId":"c","items":[{{"sku":"P","quantity":1}}]}}"#)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let now = Arc::new(AtomicI64::new(1));
        let mut sent = BTreeMap::new();
        let messages = rng.random_range(1..40);
        let mut queue = Vec::new();
        for n in 0..messages {
            let name = format!("o-{}", rng.random_range(0..messages));
            let body = match rng.random_range(0..8) {
                0 => "{poison".to_owned(),
                1 => format!("[{},{}]", order(&name), order(&format!("{name}-b"))),
                _ => order(&name),
            };
            if body.contains("items") {
                *sent.entry(name.clone()).or_default() += 1;
            }
            if body.starts_with('[') {
                *sent.entry(format!("{name}-b")).or_default() += 1;
            }
            let (hidden_until, receives, receipt) = (0, 0, None);
            queue.push(Kept { id: format!("m-{n}"), body, hidden_until, receives, receipt });
        }
        let in_flight_max = rng.random_range(1..15);
        Self {
            machine: Machine::new(Self::terms(in_flight_max)),
            ledger: open(MemoryLog::default(), &now),
            calls: Vec::new(),
            slept: false,
            rng,
            now,
            queue,
            sent,
            in_flight_max,
        }
    }

    fn terms(in_flight_max: usize) -> Terms {
        // Nothing here is worn out by crashes: that is another story.
        Terms { in_flight_max, receivers: 2, visibility: VISIBILITY, receives_max: 10_000 }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    fn run(mut self) {
        for step in 0_u32.. {
            // The last steps are left in peace, so that every run comes to its end.
            let is_peaceful = step > 600;
            self.step(is_peaceful);
            if self.queue.is_empty() {
                break;
            }
            assert!(step < 5_000, "{} messages are never done", self.queue.len());
        }
        self.prove();
    }

    fn step(&mut self, is_peaceful: bool) {
        let acts = self.machine.acts(self.now());
        self.calls.extend(acts.into_iter().map(Call::Asked));
        assert!(self.machine.state().in_flight <= self.in_flight_max, "too many are held");
        match self.rng.random_range(0..40) {
            0 if !is_peaceful => self.crash(),
            1 if !is_peaceful => self.pass(Duration::from_secs(20)),
            _ if self.calls.is_empty() => {
                let wakes = self.machine.wake_at(self.now());
                let until = wakes.map_or(1_000_000, |at| at.0 - self.now().0);
                self.pass(Duration::from_micros(until.unsigned_abs().min(5_000_000)));
            }
            _ => {
                let at = self.rng.random_range(0..self.calls.len());
                let call = self.calls.swap_remove(at);
                let fails = !is_peaceful && self.rng.random_ratio(1, 6);
                self.end(call, fails);
                self.pass(Duration::from_millis(5));
            }
        }
    }

    fn pass(&self, time: Duration) {
        let time = i64::try_from(time.as_micros()).expect("a short time");
        self.now.fetch_add(time, Ordering::Relaxed);
    }

    /// The program is gone, and comes again on what its disk holds; perhaps days later.
    fn crash(&mut self) {
        self.calls.clear();
        if self.rng.random_ratio(1, 4) {
            self.pass(Duration::from_micros(KEPT_US.unsigned_abs()));
            self.slept = true;
        }
        self.ledger = open(self.ledger.log(), &self.now);
        self.machine = Machine::new(Self::terms(self.in_flight_max));
    }

    fn end(&mut self, call: Call, fails: bool) {
        let now = self.now();
        let away = || SourceError("away".into());
        match call {
            Call::Asked(Act::Receive(most)) => {
                let messages = if fails { Err(away()) } else { Ok(self.hand_out(most)) };
                self.machine.received(now, most, messages);
            }
            Call::Asked(Act::Work(ticket, message)) => {
                let verdict = if fails {
                    Verdict::Unavailable("full".into())
                } else {
                    let settings = MerchantId::parse("loja").map(document::Settings::new);
                    let intake = Intake::new("q", settings.expect("a name"));
                    wait(Box::pin(intake.take(&self.ledger, &message, now)))
                };
                // A crash may come between the commit and its being told.
                self.calls.push(Call::Worked(ticket, verdict));
            }
            Call::Worked(ticket, verdict) => self.machine.worked(now, ticket, verdict),
            Call::Asked(Act::Bury(..) | Act::GiveBack(_)) => panic!("nothing is worn out here"),
            Call::Asked(Act::Extend(some)) => {
                let tickets: Vec<Ticket> = some.iter().map(|(ticket, _)| *ticket).collect();
                let gone = if fails { Err(away()) } else { Ok(self.hide(&some)) };
                self.machine.extended(now, &tickets, gone);
            }
            Call::Asked(Act::Delete(some)) => {
                let tickets: Vec<Ticket> = some.iter().map(|(ticket, _)| *ticket).collect();
                // What the queue did before its answer was lost is done.
                let done_unheard = fails && self.rng.random();
                let left = if fails && !done_unheard { Vec::new() } else { self.delete(&some) };
                self.machine.deleted(now, &tickets, if fails { Err(away()) } else { Ok(left) });
            }
        }
    }

    fn hand_out(&mut self, most: usize) -> Vec<Message> {
        let now = self.now();
        let seen = self.queue.iter_mut().filter(|kept| kept.hidden_until <= now.0);
        seen.take(most)
            .map(|kept| {
                kept.receives += 1;
                kept.hidden_until = now.0 + VISIBILITY.as_micros() as i64;
                let receipt = format!("{} {}", kept.id, kept.receives);
                kept.receipt = Some(receipt.clone());
                Message {
                    id: kept.id.as_str().into(),
                    receipt: Receipt(receipt.into()),
                    body: Bytes::from(kept.body.clone()),
                    receives: kept.receives,
                    sent_at: Some(Timestamp(0)),
                    group: None,
                }
            })
            .collect()
    }

    fn hide(&mut self, some: &[(Ticket, Receipt)]) -> Vec<Ticket> {
        let now = self.now();
        let mut gone = Vec::new();
        for (ticket, receipt) in some {
            let ours = |kept: &&mut Kept| kept.receipt.as_deref() == Some(&receipt.0);
            match self.queue.iter_mut().find(ours) {
                Some(kept) if kept.hidden_until > now.0 => {
                    kept.hidden_until = now.0 + VISIBILITY.as_micros() as i64;
                }
                Some(_) | None => gone.push(*ticket),
            }
        }
        gone
    }

    fn delete(&mut self, some: &[(Ticket, Receipt)]) -> Vec<Ticket> {
        let mut left = Vec::new();
        for (ticket, receipt) in some {
            let before = self.queue.len();
            self.queue.retain(|kept| kept.receipt.as_deref() != Some(&receipt.0));
            if self.queue.len() == before {
                left.push(*ticket);
            }
        }
        left
    }

    fn prove(&self) {
        let merchant = MerchantId::parse("loja").expect("a name");
        for (name, messages) in &self.sent {
            let id = OrderId::parse(name).expect("a name");
            let found = self.ledger.order(&id, Some(&merchant)).expect("it reads");
            let Found::Order(view) = found else { panic!("{name} is lost") };
            let repeats = u64::from(messages - 1);
            let told = u64::from(view.state.repeats);
            // After days, a message that was begun but never committed is taken for the same.
            assert!(told == repeats || (self.slept && told < repeats), "{name}: {told} {repeats}");
        }
    }
}
