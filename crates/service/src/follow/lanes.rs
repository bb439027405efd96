//! The deliveries of a sink that are not done: one lane an order, in which they go out one after
//! another, and the window of changes that hold the cursor.
//!
//! A lane is either *in the window*, where its deliveries hold the cursor, or *apart*: the cursor
//! passes them, and they are kept with it. Never: a decision about what an outcome means.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use domain::id::OrderKey;
use domain::time::Timestamp;
use hashbrown::HashMap;

use super::Delivery;
use super::machine::Ticket;
use super::page::Selected;
use super::progress::{Blame, Place, Progress, Tries, Waiting};
use crate::change::Seq;

/// A delivery that is not done.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) at: Timestamp,
    pub(super) delivery: Arc<Delivery>,
}

/// What the first delivery of a lane is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Its time, and a turn.
    Waiting,
    /// What becomes of the attempt under way.
    Attempt,
    /// Its dead letter to be committed.
    Burying,
}

/// The deliveries of one order, or one that is of none.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    queue: VecDeque<Entry>,
    pub(super) doing: Doing,
    /// When the first may go out.
    pub(super) due: Timestamp,
    /// Attempts at the first, when there were any.
    pub(super) tries: Option<Tries>,
    /// How many answers the destination had given when the first last failed.
    pub(super) mark: u64,
    /// Whether the cursor passes it.
    pub(super) is_apart: bool,
}

impl Lane {
    /// The delivery whose turn it is.
    pub(super) fn first(&self) -> &Entry {
        self.queue.front().expect("a lane without deliveries is removed")
    }

    /// How many deliveries it has.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn attempts(&self) -> u32 {
        self.tries.as_ref().map_or(0, |tries| tries.attempts)
    }
}

/// A change in the window.
#[derive(Clone, Debug)]
struct Open {
    before: Option<Seq>,
    at: Timestamp,
    /// Deliveries that hold the cursor; 0 when all are done, and one before it is not.
    holds: usize,
    tickets: Vec<Ticket>,
}

/// What was taken out of the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expired {
    /// The first change of it.
    pub(super) first: Seq,
    /// The first change in the window behind it.
    pub(super) next: Option<Seq>,
    pub(super) deliveries: u64,
}

/// All of a sink's deliveries that are not done.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Ticket, Lane>,
    by_order: HashMap<OrderKey, Ticket>,
    /// Those of no order, by id: what gathers up under one id is one delivery.
    by_id: HashMap<Box<str>, Ticket>,
    due: BTreeSet<(Timestamp, Place, Ticket)>,
    window: BTreeMap<Seq, Open>,
    /// Attempts made before a restart, for deliveries that are read again.
    remembered: BTreeMap<Place, Tries>,
    tickets: u64,
    apart: usize,
}

impl Lanes {
    /// Takes over what was kept.
    pub(super) fn restore(progress: &Progress, now: Timestamp) -> Self {
        let remembered = progress.tries.iter().cloned().collect();
        let mut lanes = Self { remembered, ..Self::default() };
        for waiting in &progress.waiting {
            let Waiting { place, at, delivery } = waiting.clone();
            lanes.push(Entry { place, at, delivery }, now, true);
        }
        lanes
    }

    /// A change was read.
    pub(super) fn add(&mut self, change: Selected, now: Timestamp) {
        self.open(change.seq, change.before, change.at);
        for (nth, delivery) in (0..).zip(change.deliveries) {
            let place = Place { seq: change.seq, nth };
            self.push(Entry { place, at: change.at, delivery }, now, false);
        }
        self.close(change.seq);
    }

    /// Holds the cursor before `seq`, until [`Lanes::close`].
    pub(super) fn open(&mut self, seq: Seq, before: Option<Seq>, at: Timestamp) {
        let open = Open { before, at, holds: 0, tickets: Vec::new() };
        self.window.entry(seq).or_insert(open).holds += 1;
    }

    /// Holds the cursor there no more on this account.
    pub(super) fn close(&mut self, seq: Seq) {
        if let Some(open) = self.window.get_mut(&seq) {
            open.holds = open.holds.saturating_sub(1);
        }
        while self.window.first_key_value().is_some_and(|(_, open)| open.holds == 0) {
            self.window.pop_first();
        }
    }

    fn push(&mut self, entry: Entry, now: Timestamp, is_apart: bool) {
        let known = match &entry.delivery.order {
            Some(order) => self.by_order.get(order).copied(),
            None => self.by_id.get(&entry.delivery.id).copied(),
        };
        match known {
            // The same thing again, before it went out.
            Some(_) if entry.delivery.order.is_none() => {}
            Some(ticket) => self.append(ticket, entry),
            None => self.begin(entry, now, is_apart),
        }
    }

    fn append(&mut self, ticket: Ticket, entry: Entry) {
        let lane = self.lanes.get_mut(&ticket).expect("a named lane is there");
        let (is_apart, seq) = (lane.is_apart, entry.place.seq);
        lane.queue.push_back(entry);
        if is_apart { self.apart += 1 } else { self.hold(seq, ticket) }
    }

    fn begin(&mut self, entry: Entry, now: Timestamp, is_apart: bool) {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        match &entry.delivery.order {
            Some(order) => self.by_order.insert(order.clone(), ticket),
            None => self.by_id.insert(entry.delivery.id.clone(), ticket),
        };
        let seq = entry.place.seq;
        let queue = VecDeque::from([entry]);
        let (doing, due, tries) = (Doing::Waiting, now, None);
        self.lanes.insert(ticket, Lane { queue, doing, due, tries, mark: 0, is_apart });
        if is_apart {
            self.apart += 1
        } else {
            self.hold(seq, ticket)
        }
        self.rise(ticket, now);
    }

    fn hold(&mut self, seq: Seq, ticket: Ticket) {
        if let Some(open) = self.window.get_mut(&seq) {
            open.holds += 1;
            open.tickets.push(ticket);
        }
    }

    /// The first of a lane is a new one: as far as it got before, and when it may go out.
    fn rise(&mut self, ticket: Ticket, now: Timestamp) {
        let lane = self.lanes.get_mut(&ticket).expect("the caller has it");
        let first = lane.queue.front().expect("the caller saw one");
        lane.tries = self.remembered.remove(&first.place);
        let due = lane.tries.as_ref().map_or(now, |tries| tries.next);
        lane.due = first.delivery.due.map_or(due, |not_before| due.max(not_before));
        lane.doing = Doing::Waiting;
        self.due.insert((lane.due, first.place, ticket));
        let is_own = lane.tries.as_ref().is_some_and(|tries| tries.blame.is_own());
        if is_own || first.delivery.due.is_some_and(|due| due > now) {
            self.set_apart(ticket);
        }
    }

    /// The cursor may pass this lane from now on.
    pub(super) fn set_apart(&mut self, ticket: Ticket) {
        let Some(lane) = self.lanes.get_mut(&ticket).filter(|lane| !lane.is_apart) else { return };
        lane.is_apart = true;
        self.apart += lane.queue.len();
        let seqs: Vec<Seq> = lane.queue.iter().map(|entry| entry.place.seq).collect();
        seqs.into_iter().for_each(|seq| self.close(seq));
    }

    /// A lane by its ticket; `None` when it is done.
    pub(super) fn get(&self, ticket: Ticket) -> Option<&Lane> {
        self.lanes.get(&ticket)
    }

    /// The lane of an order, when it has deliveries.
    pub(super) fn of(&self, order: &OrderKey) -> Option<&Lane> {
        self.by_order.get(order).and_then(|ticket| self.lanes.get(ticket))
    }

    /// Every lane.
    pub(super) fn all(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.values()
    }

    /// The first of a lane does something else from now on; `due` is for [`Doing::Waiting`].
    pub(super) fn set(&mut self, ticket: Ticket, doing: Doing, due: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&ticket) else { return };
        let place = lane.first().place;
        self.due.remove(&(lane.due, place, ticket));
        (lane.doing, lane.due) = (doing, due);
        if doing == Doing::Waiting {
            self.due.insert((due, place, ticket));
        }
    }

    /// An attempt at the first of a lane failed.
    pub(super) fn failed(&mut self, ticket: Ticket, tries: Tries, mark: u64) {
        if let Some(lane) = self.lanes.get_mut(&ticket) {
            (lane.tries, lane.mark) = (Some(tries), mark);
        }
    }

    /// The first of a lane is done: the next one's turn.
    pub(super) fn done(&mut self, ticket: Ticket, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(&ticket) else { return };
        self.due.remove(&(lane.due, lane.first().place, ticket));
        let Some(entry) = lane.queue.pop_front() else { return };
        if lane.is_apart {
            self.apart -= 1;
        }
        let (is_apart, is_empty) = (lane.is_apart, lane.queue.is_empty());
        if is_empty {
            self.remove(ticket, &entry);
        } else {
            self.rise(ticket, now);
        }
        if !is_apart {
            self.close(entry.place.seq);
        }
    }

    fn remove(&mut self, ticket: Ticket, last: &Entry) {
        self.lanes.remove(&ticket);
        match &last.delivery.order {
            Some(order) => self.by_order.remove(order),
            None => self.by_id.remove(&last.delivery.id),
        };
    }

    /// Whose turn it is among those that may go out: the one that waited longest.
    pub(super) fn next_due(&self, now: Timestamp) -> Result<Ticket, Option<Timestamp>> {
        match self.due.first() {
            Some((due, _, ticket)) if *due <= now => Ok(*ticket),
            other => Err(other.map(|(due, ..)| *due)),
        }
    }

    /// Who tells best whether the destination answers: the one that was tried least, and not one
    /// that failed while others passed.
    pub(super) fn best_probe(&self, now: Timestamp) -> Result<Ticket, Option<Timestamp>> {
        let able = self.due.iter().take_while(|(due, ..)| *due <= now);
        let best = able.min_by_key(|(_, place, ticket)| {
            let lane = self.lanes.get(ticket);
            (lane.map(|lane| (lane.is_apart, lane.attempts())), *place)
        });
        best.map(|(.., ticket)| *ticket).ok_or(self.due.first().map(|(due, ..)| *due))
    }

    /// The destination answers again: who failed because it did not may go out.
    pub(super) fn release(&mut self, now: Timestamp) {
        let held = |lane: &Lane| {
            let is_early = lane.doing == Doing::Waiting && lane.due > now;
            is_early && !lane.is_apart && lane.tries.is_some()
        };
        let held = self.lanes.iter().filter(|(_, lane)| held(lane));
        let tickets: Vec<Ticket> = held.map(|(ticket, _)| *ticket).collect();
        tickets.into_iter().for_each(|ticket| self.set(ticket, Doing::Waiting, now));
    }

    /// Sets those apart that hold the cursor and failed while the destination answered others.
    pub(super) fn let_pass(&mut self, answers: u64) {
        let Some((_, oldest)) = self.window.first_key_value() else { return };
        for ticket in oldest.tickets.clone() {
            let Some(lane) = self.lanes.get_mut(&ticket) else { continue };
            if let Some(tries) = lane.tries.as_mut().filter(|_| lane.mark < answers) {
                tries.blame = Blame::Order;
                self.set_apart(ticket);
            }
        }
    }

    /// Takes out of the window what `is_late`, unless something is under way for it. The first of
    /// those changes holds the cursor from now on, for whoever answers for them.
    pub(super) fn expire(
        &mut self,
        now: Timestamp,
        is_late: impl Fn(Seq, Timestamp) -> bool,
    ) -> Option<Expired> {
        let mut late: Vec<(Place, Ticket)> = Vec::new();
        for (ticket, lane) in self.lanes.iter().filter(|(_, lane)| !lane.is_apart) {
            if lane.doing == Doing::Waiting {
                let some = lane.queue.iter().filter(|entry| is_late(entry.place.seq, entry.at));
                late.extend(some.map(|entry| (entry.place, *ticket)));
            }
        }
        late.sort_unstable();
        let (first, last) = (late.first()?.0.seq, late.last()?.0.seq);
        self.window.get_mut(&first)?.holds += 1;
        let next = self.window.range((Bound::Excluded(last), Bound::Unbounded)).next();
        let next = next.map(|(seq, _)| *seq);
        // A lane's deliveries are in the order of their places: each is its lane's first in turn.
        late.iter().for_each(|(_, ticket)| self.done(*ticket, now));
        Some(Expired { first, next, deliveries: late.len() as u64 })
    }

    /// Everything up to it is done, apart, or answered for. `read` is the last change read.
    pub(super) fn cursor(&self, read: Option<Seq>) -> Option<Seq> {
        self.window.first_key_value().map_or(read, |(_, open)| open.before)
    }

    /// The oldest change that holds the cursor, and when it was made.
    pub(super) fn oldest(&self) -> Option<(Seq, Timestamp)> {
        self.window.first_key_value().map(|(seq, open)| (*seq, open.at))
    }

    /// Changes between the cursor and the last one read that something was selected from.
    pub(super) fn window(&self) -> usize {
        self.window.len()
    }

    /// Deliveries that are apart.
    pub(super) fn apart(&self) -> usize {
        self.apart
    }

    /// What is to be kept, for this cursor.
    pub(super) fn keep(&self, cursor: Option<Seq>, progress: &mut Progress) {
        for lane in self.lanes.values() {
            let passed = lane.queue.iter().filter(|entry| Some(entry.place.seq) <= cursor);
            progress.waiting.extend(passed.map(|entry| Waiting {
                place: entry.place,
                at: entry.at,
                delivery: entry.delivery.clone(),
            }));
            progress.tries.extend(lane.tries.iter().map(|t| (lane.first().place, t.clone())));
        }
        progress.waiting.sort_unstable_by_key(|waiting| waiting.place);
        let read_again = self.remembered.iter().filter(|(place, _)| Some(place.seq) > cursor);
        progress.tries.extend(read_again.map(|(place, tries)| (*place, tries.clone())));
        progress.tries.sort_unstable_by_key(|(place, _)| *place);
    }
}
