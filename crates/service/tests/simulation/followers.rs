//! One follower: a sink, its machine, its attempts under way, and what it owes: every delivery
//! that follows from the log, until it is taken, buried, or missed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use domain::command::{StepNews, StepReport, Verdict};
use domain::id::{OrderKey, StepName};
use domain::time::Timestamp;
use service::change::{Change, Seq};
use service::follow::{
    Delivery, Grave, Input, Machine, MemoryStore, Outcome, Output, Page, Place, Progress,
    Retention, Sink, State, Store, Ticket,
};
use service::ledger::{Changes, Found, Request};
use service::letters::{DeadLetter, Subject};

use crate::dice::Dice;
use crate::ledger::SimLedger;
use crate::log::Told;
use crate::outside::{Course, Destination};

/// What the answer to a call is for.
pub(crate) enum For {
    /// Its commit is a burial.
    Grave(Grave),
    /// Its commit is the end of an attempt.
    Attempt(Ticket, Outcome),
    /// Whatever it is, nobody waits.
    Nobody,
}

/// What it takes to ask a step.
pub(crate) struct Asking {
    pub(crate) step: StepName,
    pub(crate) ledger: Arc<SimLedger>,
}

/// Attempts at a question before the order has failed.
const QUESTIONS_MAX: u32 = 3;

struct Attempt {
    number: u32,
    /// The revision that a step is asked about.
    revision: u32,
    ticket: Ticket,
    delivery: Arc<Delivery>,
    course: Course,
}

/// What a sink owes.
#[derive(Default)]
struct Owed {
    /// Everything that was selected, by change, as it was when the change was made.
    selected: BTreeMap<Seq, Vec<Delivery>>,
    /// When each of these changes was made.
    times: BTreeMap<Seq, Timestamp>,
    open: BTreeMap<Place, Box<str>>,
    /// Where each delivery stood first; one that is redriven stands elsewhere as well.
    firsts: BTreeMap<Box<str>, Place>,
    of_order: BTreeMap<OrderKey, BTreeSet<Place>>,
    orders: BTreeMap<Place, OrderKey>,
}

pub(crate) struct Follower {
    sink: Arc<dyn Sink>,
    machine: Machine,
    destination: Destination,
    attempts: Vec<Attempt>,
    /// What is on its way with nobody waiting for an answer.
    late: Vec<(Timestamp, Arc<Delivery>)>,
    /// Calls to the ledger that are not answered.
    calls: VecDeque<(For, Vec<Request>)>,
    /// The step that is asked, where this is one.
    asking: Option<Asking>,
    /// Whether something has happened since it was looked at.
    is_changed: bool,
    read: Option<(Option<Seq>, usize)>,
    is_save_asked: bool,
    wake: Option<Timestamp>,
    owed: Owed,
}

impl Follower {
    pub(crate) fn new(
        sink: Arc<dyn Sink>,
        asking: Option<Asking>,
        store: &MemoryStore,
        now: Timestamp,
        seed: u64,
    ) -> Self {
        let machine = machine(&*sink, store, now, seed);
        Self {
            sink,
            machine,
            destination: Destination::default(),
            attempts: Vec::new(),
            late: Vec::new(),
            calls: VecDeque::new(),
            asking,
            is_changed: true,
            read: None,
            is_save_asked: false,
            wake: None,
            owed: Owed::default(),
        }
    }

    /// The process ended; what is on its way may still arrive. It goes on from what was saved.
    pub(crate) fn crash(&mut self, dice: &mut Dice, store: &MemoryStore, now: Timestamp) {
        for Attempt { delivery, course, .. } in self.attempts.drain(..) {
            let late = course.effects.into_iter().filter(|at| *at > now);
            self.late.extend(late.filter(|_| dice.one_in(2)).map(|at| (at, delivery.clone())));
        }
        self.calls.clear();
        self.is_changed = true;
        (self.read, self.is_save_asked, self.wake) = (None, false, None);
        self.machine = machine(&*self.sink, store, now, dice.any());
    }

    /// A change is on the disk: what is owed for it.
    pub(crate) fn owe(&mut self, seq: Seq, change: &Change) {
        let selected = self.sink.select(seq, change).expect("a sound log reads");
        for (nth, delivery) in (0..).zip(&selected) {
            if self.destination.taken.contains_key(&delivery.id) {
                continue;
            }
            let place = Place { seq, nth };
            self.owed.firsts.entry(delivery.id.clone()).or_insert(place);
            self.owed.open.insert(place, delivery.id.clone());
            if let Some(order) = &delivery.order {
                self.owed.of_order.entry(order.clone()).or_default().insert(place);
                self.owed.orders.insert(place, order.clone());
            }
        }
        if !selected.is_empty() {
            self.owed.times.insert(seq, change.at);
            self.owed.selected.insert(seq, selected);
        }
    }

    /// What is among the dead letters is owed no more.
    pub(crate) fn settle(&mut self, letter: &DeadLetter, told: &Told, now: Timestamp, end: u64) {
        let name = self.sink.name();
        let retention = self.sink.terms().retention;
        let open = self.owed.open.iter();
        let settled: Vec<Place> = match &letter.subject {
            Subject::Delivery { sink, id, .. } if **sink == *name => {
                // What is of no order and has one id is one delivery, wherever it follows from.
                let is_it = |place: &Place| letter.order.is_none() || place.seq == letter.cause;
                let same = open.filter(|(place, other)| ***other == **id && is_it(place));
                same.map(|(place, _)| *place).collect()
            }
            Subject::Missed { sink, from, until } if **sink == *name => {
                let is_in = |place: &Place| (*from..*until).contains(&place.seq);
                let is_late =
                    |place: &Place| is_late(retention, place.seq, told.times[&place.seq], now, end);
                open.map(|(place, _)| *place).filter(|at| is_in(at) && is_late(at)).collect()
            }
            Subject::Delivery { .. }
            | Subject::Missed { .. }
            | Subject::Step { .. }
            | Subject::Disabled { .. }
            | Subject::Item(_)
            | Subject::Message { .. }
            | Subject::Decision(_) => Vec::new(),
        };
        settled.into_iter().for_each(|place| self.owed.end(place));
    }

    /// Time goes by: what is under way arrives and ends, and some of what was asked is done.
    pub(crate) fn step(
        &mut self,
        dice: &mut Dice,
        now: Timestamp,
        ledger: &SimLedger,
        store: &MemoryStore,
        is_calm: bool,
    ) {
        self.feed(dice, now, Input::Grown(ledger.end()), is_calm);
        self.arrive(now);
        while let Some(at) = self.next_end(now) {
            let attempt = self.attempts.swap_remove(at);
            self.end(dice, now, attempt, is_calm);
        }
        if let Some((after, limit)) = self.read.take_if(|_| is_calm || dice.one_in(2)) {
            let input = self.page(dice, ledger, after, limit, is_calm);
            self.feed(dice, now, input, is_calm);
        }
        if self.is_save_asked && (is_calm || dice.one_in(2)) {
            self.is_save_asked = false;
            let is_saved = is_calm || !dice.one_in(10);
            let progress = self.machine.progress();
            if is_saved {
                store.save(&[(self.sink.name(), &progress)]).expect("memory takes it");
                let saved = store.load(self.sink.name()).expect("memory reads");
                self.prove(&saved.expect("it was saved"));
            }
            self.feed(dice, now, if is_saved { Input::Saved } else { Input::NotSaved }, is_calm);
        }
        if self.wake.is_some_and(|at| at <= now) {
            self.feed(dice, now, Input::Time, is_calm);
        }
        let is_disabled = matches!(self.machine.status(now).state, State::Disabled(_));
        if is_disabled && self.calls.is_empty() && (is_calm || dice.one_in(20)) {
            self.feed(dice, now, Input::Enable, is_calm);
        }
        if !is_calm && dice.one_in(40) {
            let is_down = dice.one_in(2);
            self.destination.turn(is_down);
        }
    }

    fn page(
        &self,
        dice: &mut Dice,
        ledger: &SimLedger,
        after: Option<Seq>,
        limit: usize,
        is_calm: bool,
    ) -> Input {
        if !is_calm && dice.one_in(10) {
            return Input::Unreadable;
        }
        // Whoever reads may give less than was asked for.
        let limit = limit.min(1 + dice.index(60));
        let changes = ledger.read(after, limit).expect("the cursor names a change");
        let page = Page::select(&*self.sink, after, &changes, limit).expect("a sound log reads");
        for change in &page.selected {
            let then = self.owed.selected.get(&change.seq).into_iter().flatten();
            let now = change.deliveries.iter().map(|delivery| &**delivery);
            assert!(now.eq(then), "another selection than before: {change:?}");
        }
        Input::Read(page)
    }

    /// What is on its way arrives, in the order of time.
    fn arrive(&mut self, now: Timestamp) {
        let mut arrived: Vec<(Timestamp, Arc<Delivery>, bool)> = Vec::new();
        self.late.retain(|(at, delivery)| {
            if *at <= now {
                arrived.push((*at, delivery.clone(), true));
            }
            *at > now
        });
        for Attempt { delivery, course, .. } in &mut self.attempts {
            course.effects.retain(|at| {
                if *at <= now {
                    arrived.push((*at, delivery.clone(), false));
                }
                *at > now
            });
        }
        arrived.sort_by_key(|(at, delivery, _)| (*at, delivery.seq));
        arrived.into_iter().for_each(|(_, delivery, late)| self.taken(&delivery, late, now));
    }

    /// The destination has it. Taken for the first time, nothing of its order before it is owed;
    /// unless it is late: what nobody waited for any more may have been given up meanwhile.
    fn taken(&mut self, delivery: &Delivery, late: bool, now: Timestamp) {
        if !self.destination.take(&delivery.id) {
            return;
        }
        // Buried, and nobody was told before the crash: then it goes out again where it stood.
        let first = self.owed.firsts.get(&delivery.id);
        if let (Some(order), false) = (&delivery.order, late) {
            // What the sink is too late for stays behind; its letter may not be committed yet.
            let retention = self.sink.terms().retention;
            let has_time = |place: &&Place| {
                !is_late(retention, place.seq, self.owed.times[&place.seq], now, 0)
            };
            let owed = self.owed.of_order.get(order);
            let oldest = owed.and_then(|places| places.iter().find(has_time));
            let is_next = oldest.is_none_or(|oldest| Some(oldest) >= first);
            assert!(is_next, "{delivery:?} came before what is at {oldest:?}");
        }
        self.owed.end_all(&delivery.id);
    }

    /// The attempt that ends next, if it has ended by now.
    fn next_end(&self, now: Timestamp) -> Option<usize> {
        let ends = self.attempts.iter().enumerate().filter(|(_, a)| a.course.ends <= now);
        ends.min_by_key(|(_, a)| (a.course.ends, a.ticket)).map(|(at, _)| at)
    }

    fn end(&mut self, dice: &mut Dice, now: Timestamp, attempt: Attempt, is_calm: bool) {
        let Attempt { number, revision, ticket, delivery, course } = attempt;
        self.late.extend(course.effects.into_iter().map(|at| (at, delivery.clone())));
        let outcome = course.outcome;
        if outcome == Outcome::Delivered {
            let is_there = self.destination.taken.contains_key(&delivery.id);
            assert!(is_there, "{delivery:?} is not there");
        }
        let is_skipped = matches!(outcome, Outcome::Skipped { .. });
        if is_skipped {
            self.owed.end_all(&delivery.id);
        }
        if self.asking.is_none() || is_skipped {
            return self.feed(dice, now, Input::Done(ticket, outcome), is_calm);
        }
        match (self.verdict(&delivery, revision, number, &outcome), outcome) {
            (Some(call), Outcome::Delivered) => {
                // Some steps answer twice.
                let again = dice.one_in(10).then(|| (For::Nobody, call.clone()));
                let is_for = For::Attempt(ticket, Outcome::Delivered);
                self.calls.extend([(is_for, call)].into_iter().chain(again));
            }
            (Some(call), _) => {
                self.owed.end_all(&delivery.id);
                let reason = "its order has failed".into();
                self.calls.push_back((For::Attempt(ticket, Outcome::Skipped { reason }), call));
            }
            (None, outcome) => self.feed(dice, now, Input::Done(ticket, outcome), is_calm),
        }
    }

    /// What the ledger is told of a question's end; `None` when it is asked again.
    fn verdict(
        &self,
        delivery: &Delivery,
        revision: u32,
        number: u32,
        outcome: &Outcome,
    ) -> Option<Vec<Request>> {
        let step = self.asking.as_ref()?.step.clone();
        let order = delivery.order.clone()?;
        let is_refused = delivery.id.bytes().map(u32::from).sum::<u32>() % 6 == 0;
        let error: Box<str> = "503".into();
        let (verdict, letter) = match outcome {
            Outcome::Delivered if is_refused => (Verdict::Refused { reason: "no".into() }, None),
            Outcome::Delivered => (Verdict::Approved { note: None }, None),
            _ if number < QUESTIONS_MAX => return None,
            _ => {
                let subject = Subject::Step { step: step.as_str().into(), revision };
                let letter = DeadLetter {
                    subject,
                    order: Some(order.clone()),
                    cause: delivery.seq,
                    reason: "retries_exhausted".into(),
                    error: error.clone(),
                    attempts: number,
                    payload: None,
                };
                (Verdict::Failed { error, attempts: number }, Some(letter))
            }
        };
        let report = StepReport { order, revision, step, news: StepNews::Said(verdict) };
        let letter = letter.map(|letter| Request::Bury(Box::new(letter)));
        Some([Request::Step(Box::new(report))].into_iter().chain(letter).collect())
    }

    /// What becomes of an attempt. A step is asked only about an order that waits for it, and the
    /// first time it is on record that somebody asks.
    fn begin(
        &mut self,
        dice: &mut Dice,
        now: Timestamp,
        delivery: &Delivery,
        is_calm: bool,
    ) -> (u32, Course) {
        let course = self.destination.course(dice, now, delivery, is_calm);
        let Some(Asking { step, ledger }) = &self.asking else { return (0, course) };
        let key = delivery.order.clone().expect("a question is about an order");
        let found = ledger.view(|view| view.order(&key.id, Some(&key.merchant)));
        let Found::Order(found) = found else { panic!("{key:?} is lost") };
        let (revision, step) = (found.state.revision, step.clone());
        let is_it = delivery.id.ends_with(&format!("/{revision}"));
        if !is_it || found.state.awaits() != Some(&step) {
            let outcome = Outcome::Skipped { reason: "overtaken".into() };
            return (revision, Course { effects: Vec::new(), ends: now, outcome });
        }
        let mut course = course;
        if let Outcome::Skipped { reason } | Outcome::Gone { reason } = course.outcome {
            // Whoever asks takes no such answer for one.
            course.outcome = Outcome::Refused { reason };
        }
        let report = StepReport { order: key, revision, step, news: StepNews::TakenUp };
        self.calls.push_back((For::Nobody, vec![Request::Step(Box::new(report))]));
        (revision, course)
    }

    fn feed(&mut self, dice: &mut Dice, now: Timestamp, input: Input, is_calm: bool) {
        self.wake = None;
        self.is_changed |= !matches!(input, Input::Time | Input::Grown(_));
        for output in self.machine.step(now, input) {
            match output {
                Output::Read { after, limit } => {
                    assert_eq!(self.read, None, "one at a time");
                    self.read = Some((after, limit));
                }
                Output::Attempt { ticket, delivery, attempt } => {
                    let under_way = self.attempts.iter().map(|attempt| &attempt.delivery.order);
                    let same = under_way.flatten().any(|key| Some(key) == delivery.order.as_ref());
                    assert!(!same, "two of one order at once: {delivery:?}");
                    let (revision, course) = self.begin(dice, now, &delivery, is_calm);
                    let number = attempt;
                    self.attempts.push(Attempt { number, revision, ticket, delivery, course });
                    assert!(self.attempts.len() <= self.sink.terms().concurrency);
                }
                Output::Bury { grave, letter, delivery } => {
                    let letter = match &delivery {
                        Some(delivery) => self.sink.letter(delivery, letter),
                        None => letter,
                    };
                    let call = vec![Request::Bury(Box::new(letter))];
                    self.calls.push_back((For::Grave(grave), call));
                }
                Output::Save => self.is_save_asked = true,
                Output::Wake(at) => self.wake = Some(at),
            }
        }
    }

    /// A call to be committed.
    pub(crate) fn call(&mut self) -> Option<(For, Vec<Request>)> {
        self.calls.pop_front()
    }

    /// Its commit ended well, or did not.
    pub(crate) fn answered(&mut self, dice: &mut Dice, now: Timestamp, of: For, is_done: bool) {
        let reason = || "the ledger is not there".into();
        let input = match (of, is_done) {
            (For::Nobody, _) => return,
            (For::Grave(grave), true) => Input::Buried(grave),
            (For::Grave(grave), false) => Input::NotBuried(grave),
            (For::Attempt(ticket, outcome), true) => Input::Done(ticket, outcome),
            (For::Attempt(ticket, _), false) => {
                Input::Done(ticket, Outcome::Unavailable { reason: reason(), retry_after: None })
            }
        };
        self.feed(dice, now, input, false);
    }

    /// The cursor in memory passes nothing that is owed and does not wait.
    pub(crate) fn look(&mut self) {
        if std::mem::take(&mut self.is_changed) {
            self.prove(&self.machine.progress());
        }
    }

    /// What is owed and is not behind the cursor waits. Later changes are behind it, so that what
    /// was saved needs one look.
    fn prove(&self, progress: &Progress) {
        let waiting: BTreeSet<&str> =
            progress.waiting.iter().map(|waiting| &*waiting.delivery.id).collect();
        for (place, id) in &self.owed.open {
            if Some(place.seq) > progress.cursor {
                break;
            }
            assert!(waiting.contains(&**id), "the cursor passed {id} at {place:?}");
        }
    }

    /// When something happens next, without anybody doing anything.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let attempts = self.attempts.iter().flat_map(|attempt| {
            attempt.course.effects.iter().copied().chain([attempt.course.ends])
        });
        attempts.chain(self.late.iter().map(|(at, _)| *at)).chain(self.wake).min()
    }

    pub(crate) fn is_through(&self, ledger: &SimLedger) -> bool {
        if !(self.attempts.is_empty() && self.late.is_empty() && self.calls.is_empty()) {
            return false;
        }
        let progress = self.machine.progress();
        let rest = ledger.read(progress.cursor, 1).expect("the cursor names a change");
        rest.is_empty() && progress.waiting.is_empty()
    }

    /// Nothing is owed.
    pub(crate) fn prove_end(&self) {
        assert_eq!(self.owed.open, BTreeMap::new(), "{}: lost", self.sink.name());
    }

    /// What its destination has taken, and how often.
    pub(crate) fn taken_so_far(&self) -> &BTreeMap<Box<str>, u32> {
        &self.destination.taken
    }

    pub(crate) fn explain(&self, now: Timestamp) -> String {
        format!("{} {:#?}", self.sink.name(), self.machine.status(now))
    }
}

impl Owed {
    fn end_all(&mut self, id: &str) {
        let places = self.open.iter().filter(|(_, other)| ***other == *id);
        let places: Vec<Place> = places.map(|(place, _)| *place).collect();
        places.into_iter().for_each(|place| self.end(place));
    }

    fn end(&mut self, place: Place) {
        self.open.remove(&place);
        if let Some(order) = self.orders.remove(&place)
            && let Some(places) = self.of_order.get_mut(&order)
        {
            places.remove(&place);
        }
    }
}

fn machine(sink: &dyn Sink, store: &MemoryStore, now: Timestamp, seed: u64) -> Machine {
    let progress = store.load(sink.name()).expect("memory reads").unwrap_or_default();
    Machine::new(sink.name(), sink.terms(), &progress, now, seed)
}

fn is_late(retention: Retention, seq: Seq, at: Timestamp, now: Timestamp, end: u64) -> bool {
    let age = |span: std::time::Duration| at.0 + (span.as_micros() as i64) < now.0;
    retention.age.is_some_and(age) || retention.bytes.is_some_and(|bytes| seq.0 + bytes < end)
}
