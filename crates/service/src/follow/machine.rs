//! A sink as a step machine: what was read of the log and what became of attempts go in, what to
//! read, to attempt, to bury and to save comes out. No threads, no clock, no I/O; randomness from
//! a seed.
//!
//! Its promises: every delivery that is selected is delivered at least once, or its dead letter is
//! committed, or it waits; those of one order go out one after another; the cursor passes nothing
//! else. Whatever stands still does so because the destination does, or too much waits.

use std::sync::Arc;
use std::time::Duration;

use domain::id::OrderKey;
use domain::time::Timestamp;

use super::breaker::{Admits, Breaker, Pace, later};
use super::lanes::{Doing, Lanes};
use super::page::Page;
use super::progress::{Blame, Disabled, Progress, Tries};
use super::status::{Counts, Holding, Lag, State, Status};
use super::{Delivery, Outcome, Terms};
use crate::change::Seq;
use crate::letters::{DeadLetter, Subject, cut};

/// Most changes with deliveries between the cursor and the last one read: what may be delivered a
/// second time after a crash, and what is kept in memory.
pub const WINDOW_MAX: usize = 1_024;
/// While there is something to do, the log is read on only once so many changes fit in: reading
/// one at a time costs as much as delivering it.
const PAGE_MIN: usize = 256;
/// Most deliveries that wait apart. With more of them the sink reads no further: they are in
/// memory, and saved with its cursor.
pub const APART_MAX: usize = 4_096;
/// How often progress is saved while things get done.
pub const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How often a cursor is saved that only passed changes of no concern.
pub const SAVE_IDLE_EVERY: Duration = Duration::from_secs(30);
/// When something is tried again that failed on our side: a read, a save, a dead letter.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// An attempt, or a burial, for whoever makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What is to be put among the dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grave {
    /// A delivery.
    Delivery(Ticket),
    /// What the sink was too late for.
    Missed,
    /// That its destination is gone.
    Disabled,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time has passed. Also the first input there is.
    Time,
    /// The log ends at this position now.
    Grown(u64),
    /// What was asked for with [`Output::Read`].
    Read(Page),
    /// It could not be read, or the sink could not tell.
    Unreadable,
    /// An attempt came to an end.
    Done(Ticket, Outcome),
    /// The dead letter is committed.
    Buried(Grave),
    /// It could not be; it is asked again.
    NotBuried(Grave),
    /// [`Machine::progress`], as it was when it was asked for, is stored.
    Saved,
    /// It could not be; it is asked again.
    NotSaved,
    /// A disabled sink is to deliver again.
    Enable,
    /// It is to deliver nothing until it is enabled, because somebody says so: no dead letter.
    Disable(Box<str>),
    /// Nothing new is to be begun: what is under way ends, and the caller saves a last time.
    Stop,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Read changes, select from them ([`Page::select`]) and give the page back. Once at a time.
    Read {
        /// Behind this one.
        after: Option<Seq>,
        /// At most so many.
        limit: usize,
    },
    /// Attempt a delivery, and give back the outcome.
    Attempt {
        /// To give back with it.
        ticket: Ticket,
        /// What.
        delivery: Arc<Delivery>,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// Commit a dead letter, and say so.
    Bury {
        /// To give back with it.
        grave: Grave,
        /// The letter, without the payload.
        letter: DeadLetter,
        /// What it was, for the sink to complete the letter ([`super::Sink::letter`]).
        delivery: Option<Arc<Delivery>>,
    },
    /// Save [`Machine::progress`], and say so.
    Save,
    /// Step again then, whatever happens before. Takes the place of the time said before.
    Wake(Timestamp),
}

/// What a sink is too late for, while its dead letter is not committed.
#[derive(Clone, Copy, Debug)]
struct Missed {
    from: Seq,
    /// The first change that is in time again, once it is known.
    until: Option<Seq>,
    deliveries: u64,
}

/// Whether the destination is there for good.
#[derive(Clone, Debug)]
enum Presence {
    There,
    /// It said that it is gone; the dead letter is not committed.
    Leaving(Disabled),
    Gone(Disabled),
}

/// How far the log was read.
#[derive(Clone, Copy, Debug)]
struct Reading {
    until: Option<Seq>,
    is_asked: bool,
    is_end: bool,
    not_before: Timestamp,
    /// Where the log ends.
    end: u64,
    /// Where it ended when the page under way was asked for: it may have grown since.
    asked_at: u64,
    /// Changes and bytes read so far, for how many are not read yet.
    changes: u64,
    bytes: u64,
}

/// What of the progress is not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsaved {
    Nothing,
    /// The cursor passed changes of no concern.
    Cursor,
    /// Something got done.
    Work,
}

/// A sink being driven.
#[derive(Clone, Debug)]
pub struct Machine {
    name: Box<str>,
    terms: Terms,
    jitter: fastrand::Rng,
    lanes: Lanes,
    breaker: Breaker,
    pace: Pace,
    reading: Reading,
    presence: Presence,
    missed: Option<Missed>,
    graves: Vec<(Timestamp, Grave)>,
    /// Answers of the destination so far: by them an order's own failure is told from everybody's.
    answers: u64,
    in_flight: usize,
    unsaved: Unsaved,
    is_saving: bool,
    last_save: Timestamp,
    is_stopped: bool,
    counts: Counts,
    last_error: Option<(Timestamp, Box<str>)>,
}

impl Machine {
    /// A sink that goes on from `progress`, whose pauses are random by `seed`.
    #[must_use]
    pub fn new(name: &str, terms: Terms, progress: &Progress, now: Timestamp, seed: u64) -> Self {
        let presence = progress.disabled.clone().map_or(Presence::There, Presence::Gone);
        let from = progress.cursor.map_or(0, |seq| seq.0);
        Self {
            name: name.into(),
            pace: Pace::new(terms.per_second),
            terms,
            jitter: fastrand::Rng::with_seed(seed),
            lanes: Lanes::restore(progress, now),
            breaker: Breaker::default(),
            reading: Reading {
                until: progress.cursor,
                is_asked: false,
                is_end: false,
                not_before: now,
                end: from,
                asked_at: from,
                changes: 0,
                bytes: 0,
            },
            presence,
            missed: None,
            graves: Vec::new(),
            answers: 0,
            in_flight: 0,
            unsaved: Unsaved::Nothing,
            is_saving: false,
            last_save: now,
            is_stopped: false,
            counts: Counts::default(),
            last_error: None,
        }
    }

    /// Its sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it wants to be called from now on.
    pub fn set_terms(&mut self, terms: Terms) {
        self.pace = Pace::new(terms.per_second);
        self.terms = terms;
    }

    /// Takes in what happened, and says what to do.
    #[must_use]
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.take(now, input);
        if !self.is_stopped {
            self.expire(now);
            self.read(now, &mut out);
        }
        let attempts_at = self.attempt(now, &mut out);
        let graves_at = self.bury(now, &mut out);
        let save_at = self.save(now, &mut out);
        let read_at = Some(self.reading.not_before).filter(|at| *at > now && self.may_read());
        let wake = [attempts_at, graves_at, save_at, read_at].into_iter().flatten().min();
        out.extend(wake.map(Output::Wake));
        out
    }

    /// What is to be stored, as of now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let cursor = self.lanes.cursor(self.reading.until);
        let mut progress = Progress { cursor, ..Progress::default() };
        self.lanes.keep(cursor, &mut progress);
        if let Presence::Gone(disabled) = &self.presence {
            progress.disabled = Some(disabled.clone());
        }
        progress
    }

    /// Attempts under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }
}

/// What happened.
impl Machine {
    fn take(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Time => {}
            Input::Grown(end) => self.grown(end),
            Input::Read(page) => self.page(now, page),
            Input::Unreadable => {
                self.reading.is_asked = false;
                self.reading.not_before = later(now, AGAIN_AFTER);
            }
            Input::Done(ticket, outcome) => self.done(now, ticket, outcome),
            Input::Buried(grave) => self.buried(now, grave),
            Input::NotBuried(grave) => self.graves.push((later(now, AGAIN_AFTER), grave)),
            Input::Saved => self.is_saving = false,
            Input::NotSaved => {
                self.is_saving = false;
                self.unsaved = Unsaved::Work;
            }
            Input::Disable(reason) => {
                self.presence = Presence::Gone(Disabled { at: now, reason: cut(&reason).into() });
                self.unsaved = Unsaved::Work;
            }
            Input::Enable => {
                self.presence = Presence::There;
                self.breaker = Breaker::default();
                self.unsaved = Unsaved::Work;
            }
            Input::Stop => self.is_stopped = true,
        }
    }

    fn grown(&mut self, end: u64) {
        if end > self.reading.end {
            self.reading.end = end;
            self.reading.is_end = false;
        }
    }

    fn page(&mut self, now: Timestamp, page: Page) {
        let reading = &mut self.reading;
        let (from, until) = (reading.until, page.until);
        reading.is_asked = false;
        reading.is_end = page.is_end && reading.end == reading.asked_at;
        reading.until = until;
        reading.end = reading.end.max(until.map_or(0, |seq| seq.0));
        let bytes = until.map_or(0, |seq| seq.0) - from.map_or(0, |seq| seq.0);
        reading.changes = reading.changes.saturating_add(page.changes as u64);
        reading.bytes = reading.bytes.saturating_add(bytes);
        if page.changes > 0 && self.unsaved == Unsaved::Nothing {
            self.unsaved = Unsaved::Cursor;
        }
        for change in page.selected {
            if self.missed.is_none_or(|missed| missed.until.is_none())
                && self.is_late(now, change.seq, change.at)
            {
                let deliveries = change.deliveries.len() as u64;
                self.lanes.open(change.seq, change.before, change.at);
                self.miss(change.seq, deliveries);
            } else {
                self.in_time(now, change.seq);
                self.lanes.add(change, now);
            }
        }
        if page.is_end
            && let Some(seq) = until
        {
            self.in_time(now, Seq(self.reading.end.max(seq.0 + 1)));
        }
    }

    fn done(&mut self, now: Timestamp, ticket: Ticket, outcome: Outcome) {
        if self.lanes.get(ticket).is_none_or(|lane| lane.doing != Doing::Attempt) {
            return;
        }
        self.in_flight -= 1;
        self.unsaved = Unsaved::Work;
        match outcome {
            Outcome::Delivered => {
                self.counts.delivered += 1;
                self.answered(now);
                self.lanes.done(ticket, now);
            }
            Outcome::Skipped { .. } => {
                self.counts.skipped += 1;
                self.breaker.lost(now, ticket);
                self.lanes.done(ticket, now);
            }
            Outcome::Refused { reason } => {
                self.counts.refused += 1;
                self.answered(now);
                self.failed(now, ticket, &reason, Blame::Refused, None);
            }
            Outcome::Unavailable { reason, retry_after } => {
                self.counts.unavailable += 1;
                let blame = self.blame(ticket);
                let pauses = &self.terms.pauses;
                self.breaker.failed(now, ticket, blame.is_own(), retry_after, pauses);
                self.failed(now, ticket, &reason, blame, retry_after);
            }
            Outcome::Gone { reason } => self.gone(now, ticket, &reason),
        }
    }

    /// Whose failure it is that the destination did not work.
    fn blame(&self, ticket: Ticket) -> Blame {
        let lane = self.lanes.get(ticket);
        let before = lane.and_then(|lane| Some((lane.tries.as_ref()?.blame, lane.mark)));
        match before {
            Some((Blame::Order | Blame::Refused, _)) => Blame::Order,
            Some((Blame::Destination, mark)) if mark < self.answers => Blame::Order,
            Some((Blame::Destination, _)) | None => Blame::Destination,
        }
    }

    fn answered(&mut self, now: Timestamp) {
        self.answers += 1;
        if self.breaker.answered() {
            self.lanes.release(now);
        }
    }

    /// Tries again later, or no more.
    fn failed(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        reason: &str,
        blame: Blame,
        retry_after: Option<Duration>,
    ) {
        let Some(lane) = self.lanes.get(ticket) else { return };
        let (attempts, length) = (lane.attempts() + 1, lane.len());
        let since = lane.tries.as_ref().map_or(now, |tries| tries.since);
        let error: Box<str> = cut(reason).into();
        self.last_error = Some((now, error.clone()));
        let pause = self.terms.pauses.get(attempts as usize - 1).copied();
        let asked = retry_after.unwrap_or_default().min(super::breaker::RETRY_AFTER_MAX);
        let next = later(now, pause.map_or(asked, |pause| self.jittered(pause).max(asked)));
        let tries = Tries { attempts, since, next, error, blame };
        self.lanes.failed(ticket, tries, self.answers);
        if pause.is_none() {
            self.lanes.set(ticket, Doing::Burying, now);
            self.graves.push((now, Grave::Delivery(ticket)));
        } else {
            self.lanes.set(ticket, Doing::Waiting, next);
        }
        if blame.is_own() && self.lanes.apart() + length <= APART_MAX {
            self.lanes.set_apart(ticket);
        }
    }

    /// Any time up to `pause`, so that what failed together is not tried again together.
    fn jittered(&mut self, pause: Duration) -> Duration {
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.jitter.u64(0..=micros))
    }

    fn gone(&mut self, now: Timestamp, ticket: Ticket, reason: &str) {
        self.lanes.set(ticket, Doing::Waiting, now);
        self.last_error = Some((now, cut(reason).into()));
        if let Presence::There = self.presence {
            self.presence = Presence::Leaving(Disabled { at: now, reason: cut(reason).into() });
            self.graves.push((now, Grave::Disabled));
        }
    }

    fn buried(&mut self, now: Timestamp, grave: Grave) {
        self.unsaved = Unsaved::Work;
        match grave {
            Grave::Delivery(ticket) => {
                if self.lanes.get(ticket).is_some_and(|lane| lane.doing == Doing::Burying) {
                    self.counts.buried += 1;
                    self.lanes.done(ticket, now);
                }
            }
            Grave::Missed => {
                if let Some(missed) = self.missed.take() {
                    self.counts.missed += missed.deliveries;
                    self.lanes.close(missed.from);
                }
            }
            Grave::Disabled => {
                if let Presence::Leaving(disabled) = &self.presence {
                    self.presence = Presence::Gone(disabled.clone());
                }
            }
        }
    }
}

/// What the sink is too late for.
impl Machine {
    fn is_late(&self, now: Timestamp, seq: Seq, at: Timestamp) -> bool {
        let retention = self.terms.retention;
        retention.age.is_some_and(|age| later(at, age) < now)
            || retention.bytes.is_some_and(|bytes| seq.0.saturating_add(bytes) < self.reading.end)
    }

    /// Deliveries that waited in the window for too long, because the destination does not answer.
    fn expire(&mut self, now: Timestamp) {
        let late = |this: &Self| {
            let oldest = this.lanes.oldest();
            oldest.is_some_and(|(seq, at)| this.is_late(now, seq, at))
        };
        // A page under way would bring more that is late.
        if self.missed.is_some() || self.reading.is_asked || !late(self) {
            return;
        }
        let (retention, end) = (self.terms.retention, self.reading.end);
        let is_late = |seq: Seq, at| {
            retention.age.is_some_and(|age| later(at, age) < now)
                || retention.bytes.is_some_and(|bytes| seq.0.saturating_add(bytes) < end)
        };
        let Some(expired) = self.lanes.expire(now, is_late) else { return };
        self.miss(expired.first, expired.deliveries);
        let read = self.reading.until.map_or(0, |seq| seq.0);
        self.in_time(now, expired.next.unwrap_or(Seq(read + 1)));
    }

    fn miss(&mut self, seq: Seq, deliveries: u64) {
        match &mut self.missed {
            Some(missed) => {
                missed.deliveries += deliveries;
                self.lanes.close(seq);
            }
            None => self.missed = Some(Missed { from: seq, until: None, deliveries }),
        }
    }

    /// From this change on the sink is in time: the letter can be written.
    fn in_time(&mut self, now: Timestamp, seq: Seq) {
        if let Some(missed) = self.missed.as_mut().filter(|missed| missed.until.is_none()) {
            missed.until = Some(seq);
            self.graves.push((now, Grave::Missed));
        }
    }
}

/// What to do.
impl Machine {
    fn may_read(&self) -> bool {
        let is_answered_for = self.missed.is_none_or(|missed| missed.until.is_none());
        !self.reading.is_asked
            && !self.reading.is_end
            && !self.is_stopped
            && matches!(self.presence, Presence::There)
            && is_answered_for
            && self.lanes.window() < WINDOW_MAX
            && self.lanes.apart() < APART_MAX
    }

    fn read(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let is_full = self.lanes.window() >= WINDOW_MAX;
        if is_full && self.lanes.apart() < APART_MAX {
            self.lanes.let_pass(self.answers);
        }
        if self.may_read() && self.reading.not_before <= now {
            let limit = WINDOW_MAX - self.lanes.window();
            if limit < PAGE_MIN && self.lanes.next_due(now).is_ok() {
                return;
            }
            (self.reading.is_asked, self.reading.asked_at) = (true, self.reading.end);
            out.push(Output::Read { after: self.reading.until, limit });
        }
    }

    /// Begins what may be begun; when more may be, if that depends on time.
    fn attempt(&mut self, now: Timestamp, out: &mut Vec<Output>) -> Option<Timestamp> {
        while self.in_flight < self.terms.concurrency.max(1) {
            if self.is_stopped || !matches!(self.presence, Presence::There) {
                return None;
            }
            let next = match self.breaker.admits(now) {
                Admits::All => self.lanes.next_due(now),
                Admits::One => self.lanes.best_probe(now),
                Admits::After(until) => {
                    return self
                        .lanes
                        .next_due(until)
                        .map_or_else(|due| due.map(|due| due.max(until)), |_| Some(until));
                }
                Admits::Answer => return None,
            };
            let ticket = match next {
                Ok(ticket) => ticket,
                Err(due) => return due,
            };
            if let Err(at) = self.pace.take(now) {
                return Some(at);
            }
            self.breaker.probe(ticket);
            self.begin(now, ticket, out);
        }
        None
    }

    fn begin(&mut self, now: Timestamp, ticket: Ticket, out: &mut Vec<Output>) {
        let lane = self.lanes.get(ticket).expect("what is due is there");
        let (attempt, delivery) = (lane.attempts() + 1, lane.first().delivery.clone());
        self.lanes.set(ticket, Doing::Attempt, now);
        self.in_flight += 1;
        out.push(Output::Attempt { ticket, delivery, attempt });
    }

    /// Asks for the burials whose time has come; when the next one's comes.
    fn bury(&mut self, now: Timestamp, out: &mut Vec<Output>) -> Option<Timestamp> {
        let graves = std::mem::take(&mut self.graves);
        let (ripe, later): (Vec<_>, Vec<_>) = graves.into_iter().partition(|(at, _)| *at <= now);
        self.graves = later;
        for (_, grave) in ripe {
            if let Some((letter, delivery)) = self.letter(grave) {
                out.push(Output::Bury { grave, letter, delivery });
            }
        }
        self.graves.iter().map(|(at, _)| *at).min()
    }

    fn letter(&self, grave: Grave) -> Option<(DeadLetter, Option<Arc<Delivery>>)> {
        let sink = self.name.clone();
        let letter = |subject, reason: &str, error: &str| DeadLetter {
            subject,
            order: None,
            cause: Seq(0),
            reason: reason.into(),
            error: error.into(),
            attempts: 0,
            payload: None,
        };
        match grave {
            Grave::Delivery(ticket) => {
                let lane = self.lanes.get(ticket)?;
                let (delivery, tries) = (lane.first().delivery.clone(), lane.tries.as_ref()?);
                let Delivery { id, kind, seq, order, due: _ } = Delivery::clone(&delivery);
                let reason = match tries.blame {
                    Blame::Refused => "refused",
                    Blame::Destination | Blame::Order => "retries_exhausted",
                };
                let mut letter =
                    letter(Subject::Delivery { sink, id, kind, seq }, reason, &tries.error);
                (letter.order, letter.attempts) = (order, tries.attempts);
                // Not the change that it tells of: sent again, it may fail again.
                letter.cause = lane.first().place.seq;
                Some((letter, Some(delivery)))
            }
            Grave::Missed => {
                let missed = self.missed?;
                let (from, until) = (missed.from, missed.until?);
                let error = format!("{} deliveries were too late", missed.deliveries);
                Some((letter(Subject::Missed { sink, from, until }, "fell_behind", &error), None))
            }
            Grave::Disabled => {
                let Presence::Leaving(disabled) = &self.presence else { return None };
                Some((letter(Subject::Disabled { sink }, "gone", &disabled.reason), None))
            }
        }
    }

    /// Asks for a save when it is time for one; when that is, otherwise.
    fn save(&mut self, now: Timestamp, out: &mut Vec<Output>) -> Option<Timestamp> {
        let every = match self.unsaved {
            Unsaved::Nothing => return None,
            Unsaved::Cursor => SAVE_IDLE_EVERY,
            Unsaved::Work => SAVE_EVERY,
        };
        if self.is_saving {
            return None;
        }
        let at = later(self.last_save, every);
        if at > now {
            return Some(at);
        }
        (self.is_saving, self.last_save, self.unsaved) = (true, now, Unsaved::Nothing);
        out.push(Output::Save);
        None
    }
}

/// What people are told.
impl Machine {
    /// How the sink is.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let cursor = self.lanes.cursor(self.reading.until);
        let apart = self.lanes.all().filter(|lane| lane.is_apart);
        let next_try = match self.breaker.admits(now) {
            Admits::After(until) => Some(until),
            Admits::All | Admits::One | Admits::Answer => {
                self.lanes.next_due(Timestamp(i64::MIN)).err().flatten()
            }
        };
        Status {
            state: self.state(now),
            cursor,
            lag: self.lag(cursor),
            in_flight: self.in_flight,
            waiting_orders: apart.count(),
            waiting_deliveries: self.lanes.apart(),
            next_try: next_try.filter(|at| *at > now),
            last_error: self.last_error.clone(),
            counts: self.counts,
        }
    }

    fn state(&self, now: Timestamp) -> State {
        match &self.presence {
            Presence::Leaving(disabled) | Presence::Gone(disabled) => {
                return State::Disabled(disabled.clone());
            }
            Presence::There => {}
        }
        match &self.breaker {
            Breaker::Open { until, .. } => State::Held { until: (*until).max(now) },
            Breaker::Probing { .. } => State::Held { until: now },
            Breaker::Closed { .. } if self.lanes.apart() >= APART_MAX => State::Crowded,
            Breaker::Closed { .. } => State::Running,
        }
    }

    fn lag(&self, cursor: Option<Seq>) -> Lag {
        let position = |seq: Option<Seq>| seq.map_or(0, |seq| seq.0);
        let unread = self.reading.end.saturating_sub(position(self.reading.until));
        let unread = if self.reading.is_end { 0 } else { unread };
        let each = self.reading.bytes / self.reading.changes.max(1);
        let changes = self.lanes.window() as u64 + unread / each.max(1);
        let oldest = self.lanes.oldest().map(|(_, at)| at);
        let bytes = match oldest {
            None if self.reading.is_end => 0,
            _ => self.reading.end.saturating_sub(position(cursor)),
        };
        Lag { changes, bytes, oldest }
    }

    /// What an order waits for here; `None` when nothing is to be delivered of it.
    #[must_use]
    pub fn holding(&self, order: &OrderKey) -> Option<Holding> {
        let lane = self.lanes.of(order)?;
        let tries = lane.tries.as_ref();
        let is_under_way = lane.doing == Doing::Attempt;
        Some(Holding {
            delivery: lane.first().delivery.clone(),
            deliveries: lane.len(),
            attempts: lane.attempts() + u32::from(is_under_way),
            is_under_way,
            since: lane.first().at,
            next_try: (lane.doing == Doing::Waiting).then_some(lane.due),
            last_error: tries.map(|tries| tries.error.clone()),
        })
    }
}
