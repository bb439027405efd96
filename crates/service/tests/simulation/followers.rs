//! One follower: a sink, its machine, its attempts under way, and what it owes: every delivery
//! that follows from the log, until it is taken, buried, or missed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use domain::id::OrderKey;
use domain::time::Timestamp;
use service::change::{Change, Seq};
use service::follow::{
    Delivery, Grave, Input, Machine, MemoryStore, Outcome, Output, Page, Place, Retention, Sink,
    State, Store, Ticket,
};
use service::ledger::{Changes, Request};
use service::letters::DeadLetter;

use crate::dice::Dice;
use crate::ledger::SimLedger;
use crate::log::Told;
use crate::outside::{Course, Destination};

struct Attempt {
    ticket: Ticket,
    delivery: Arc<Delivery>,
    course: Course,
}

/// What a sink owes.
#[derive(Default)]
struct Owed {
    /// Everything that was selected, by change, as it was when the change was made.
    selected: BTreeMap<Seq, Vec<Delivery>>,
    open: BTreeMap<Place, Box<str>>,
    /// Where each delivery stood first; one that is redriven stands elsewhere as well.
    firsts: BTreeMap<Box<str>, Place>,
    of_order: BTreeMap<OrderKey, BTreeSet<Place>>,
}

pub(crate) struct Follower {
    sink: Arc<dyn Sink>,
    machine: Machine,
    destination: Destination,
    attempts: Vec<Attempt>,
    /// What is on its way with nobody waiting for an answer.
    late: Vec<(Timestamp, Arc<Delivery>)>,
    letters: VecDeque<(Grave, DeadLetter)>,
    read: Option<(Option<Seq>, usize)>,
    is_save_asked: bool,
    wake: Option<Timestamp>,
    owed: Owed,
}

impl Follower {
    pub(crate) fn new(sink: Arc<dyn Sink>, store: &MemoryStore, now: Timestamp, seed: u64) -> Self {
        let machine = machine(&*sink, store, now, seed);
        Self {
            sink,
            machine,
            destination: Destination::default(),
            attempts: Vec::new(),
            late: Vec::new(),
            letters: VecDeque::new(),
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
        self.letters.clear();
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
            }
        }
        if !selected.is_empty() {
            self.owed.selected.insert(seq, selected);
        }
    }

    /// What is among the dead letters is owed no more.
    pub(crate) fn settle(&mut self, told: &Told, now: Timestamp, end: u64) {
        let name = self.sink.name();
        let ranges = told.missed.iter().filter(|(sink, ..)| sink == name);
        let ranges: Vec<(Seq, Seq)> = ranges.map(|(_, from, until)| (*from, *until)).collect();
        let retention = self.sink.terms().retention;
        let open = self.owed.open.iter();
        let settled = open.filter(|(place, id)| {
            let (sink, id) = (name.to_owned(), id.to_string());
            let is_missed = ranges.iter().any(|(from, until)| (*from..*until).contains(&place.seq));
            told.buried.contains(&(sink, id, place.seq))
                || is_missed && is_late(retention, place.seq, told.times[&place.seq], now, end)
        });
        let settled: Vec<Place> = settled.map(|(place, _)| *place).collect();
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
            }
            self.feed(dice, now, if is_saved { Input::Saved } else { Input::NotSaved }, is_calm);
        }
        if self.wake.is_some_and(|at| at <= now) {
            self.feed(dice, now, Input::Time, is_calm);
        }
        let is_disabled = matches!(self.machine.status(now).state, State::Disabled(_));
        if is_disabled && self.letters.is_empty() && (is_calm || dice.one_in(20)) {
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
        arrived.into_iter().for_each(|(_, delivery, is_late)| self.taken(&delivery, is_late));
    }

    /// The destination has it. Taken for the first time, nothing of its order before it is owed;
    /// unless it is late: what nobody waited for any more may have been given up meanwhile.
    fn taken(&mut self, delivery: &Delivery, is_late: bool) {
        if !self.destination.take(&delivery.id) {
            return;
        }
        // Buried, and nobody was told before the crash: then it goes out again where it stood.
        let first = self.owed.firsts.get(&delivery.id);
        if let (Some(order), false) = (&delivery.order, is_late) {
            let oldest = self.owed.of_order.get(order).and_then(BTreeSet::first);
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
        let Attempt { ticket, delivery, course } = attempt;
        self.late.extend(course.effects.into_iter().map(|at| (at, delivery.clone())));
        match &course.outcome {
            Outcome::Delivered => {
                let is_there = self.destination.taken.contains_key(&delivery.id);
                assert!(is_there, "{delivery:?} is not there");
            }
            Outcome::Skipped { .. } => self.owed.end_all(&delivery.id),
            Outcome::Refused { .. } | Outcome::Unavailable { .. } | Outcome::Gone { .. } => {}
        }
        self.feed(dice, now, Input::Done(ticket, course.outcome), is_calm);
    }

    fn feed(&mut self, dice: &mut Dice, now: Timestamp, input: Input, is_calm: bool) {
        self.wake = None;
        for output in self.machine.step(now, input) {
            match output {
                Output::Read { after, limit } => {
                    assert_eq!(self.read, None, "one at a time");
                    self.read = Some((after, limit));
                }
                Output::Attempt { ticket, delivery, attempt: _ } => {
                    let under_way = self.attempts.iter().map(|attempt| &attempt.delivery.order);
                    let same = under_way.flatten().any(|key| Some(key) == delivery.order.as_ref());
                    assert!(!same, "two of one order at once: {delivery:?}");
                    let course = self.destination.course(dice, now, &delivery, is_calm);
                    self.attempts.push(Attempt { ticket, delivery, course });
                    assert!(self.attempts.len() <= self.sink.terms().concurrency);
                }
                Output::Bury { grave, letter, delivery } => {
                    let letter = match &delivery {
                        Some(delivery) => self.sink.letter(delivery, letter),
                        None => letter,
                    };
                    self.letters.push_back((grave, letter));
                }
                Output::Save => self.is_save_asked = true,
                Output::Wake(at) => self.wake = Some(at),
            }
        }
    }

    /// A dead letter to be committed, with the grave to say so of.
    pub(crate) fn letter(&mut self) -> Option<(Grave, Vec<Request>)> {
        let (grave, letter) = self.letters.pop_front()?;
        Some((grave, vec![Request::Bury(Box::new(letter))]))
    }

    pub(crate) fn buried(&mut self, dice: &mut Dice, now: Timestamp, grave: Grave, is_done: bool) {
        let input = if is_done { Input::Buried(grave) } else { Input::NotBuried(grave) };
        self.feed(dice, now, input, false);
    }

    /// The cursor passes nothing that is owed and does not wait: in memory and as saved.
    pub(crate) fn prove(&self, store: &MemoryStore) {
        let saved = store.load(self.sink.name()).expect("memory reads");
        for progress in [Some(self.machine.progress()), saved].into_iter().flatten() {
            let waiting: BTreeSet<&str> =
                progress.waiting.iter().map(|waiting| &*waiting.delivery.id).collect();
            for (place, id) in &self.owed.open {
                if Some(place.seq) > progress.cursor {
                    break;
                }
                assert!(waiting.contains(&**id), "the cursor passed {id} at {place:?}");
            }
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
        let progress = self.machine.progress();
        let rest = ledger.read(progress.cursor, 1).expect("the cursor names a change");
        let is_quiet = self.attempts.is_empty() && self.late.is_empty() && self.letters.is_empty();
        rest.is_empty() && progress.waiting.is_empty() && is_quiet
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
        self.of_order.values_mut().for_each(|places| _ = places.remove(&place));
        self.of_order.retain(|_, places| !places.is_empty());
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
