//! What to do with a queue's messages, and when: a step machine. No threads, no clock, no I/O.
//!
//! A message that was handed out is *held*: it is worked on, kept hidden from others for as long
//! as that takes (each time when half of the time is over), and deleted when what it asks for is
//! committed. How many are held is bounded, so nobody receives what cannot be worked on.
//!
//! A message that the ledger cannot take for a while is kept and tried again, one at a time, and
//! nothing more is received meanwhile: giving it back would only count as another receive, and a
//! long outage would end good orders as dead letters. It is given back when the program stops.
//! What is deleted too late, or not at all, comes again and is known then (`intake`).
//!
//! Never: a message deleted before its commit, more of them held than the bound.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use hashbrown::HashMap;

use super::intake::Settled;
use super::{MESSAGES_PER_CALL_MAX, Message, Receipt, SourceError};

/// First pause after a failure; each further one in a row doubles it.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// Longest pause after failures. There is one caller a queue: no jitter is needed to part many.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How a queue's messages are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Most messages held at once.
    pub in_flight_max: usize,
    /// Most calls to receive, and to delete, under way at once.
    pub receivers: usize,
    /// How long the queue hides a message it has handed out, or is asked to.
    pub visibility: Duration,
    /// A message handed out more often than this is a dead letter: whoever worked on it never
    /// came to an end.
    pub receives_max: u32,
}

/// What a held message is called here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Something to do; its end is told to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Receive up to so many: [`Machine::received`].
    Receive(usize),
    /// Take in what a message asks for: [`Machine::worked`].
    Work(Ticket, Arc<Message>),
    /// It was handed out too often: record it as a dead letter: [`Machine::worked`].
    Bury(Ticket, Arc<Message>),
    /// Keep these hidden for [`Terms::visibility`]: [`Machine::extended`].
    Extend(Vec<(Ticket, Receipt)>),
    /// Delete these: [`Machine::deleted`].
    Delete(Vec<(Ticket, Receipt)>),
    /// Show these to others at once: [`Machine::given_back`].
    GiveBack(Vec<(Ticket, Receipt)>),
}

/// What became of a message that was worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is committed, whatever it came to.
    Settled(Settled),
    /// The ledger could not take it, or not all of it.
    Unavailable(Box<str>),
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages handed out to us.
    pub received: u64,
    /// Messages that were committed and deleted.
    pub deleted: u64,
    /// Messages that were not ours any more before they were deleted: they come again.
    pub lost: u64,
    /// Messages that were given back.
    pub given_back: u64,
    /// Calls that the queue did not answer, or refused.
    pub failures: u64,
    /// What the messages' documents came to.
    pub settled: Settled,
}

/// How an intake fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What was counted.
    pub counts: Counts,
    /// Messages held.
    pub in_flight: usize,
    /// When the oldest message that is held was sent, or handed out where that is not known.
    pub oldest: Option<Timestamp>,
    /// What keeps it from working, since when.
    pub trouble: Option<(Timestamp, Box<str>)>,
}

/// A message in our hands.
#[derive(Debug)]
struct Held {
    message: Arc<Message>,
    stage: Stage,
    came_at: Timestamp,
    hidden_until: Timestamp,
    /// When it was asked to keep it hidden for longer.
    extending: Option<Timestamp>,
    /// The queue says that it is not ours any more.
    is_gone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be worked on, when its turn comes.
    Waiting,
    Working,
    /// Committed; to be deleted.
    Done,
    Deleting,
    GivingBack,
}

/// A destination that fails: when to try again, and why.
#[derive(Debug, Default)]
struct Outage {
    pause: Duration,
    until: Option<Timestamp>,
    since: Option<(Timestamp, Box<str>)>,
}

/// A queue's intake.
#[derive(Debug)]
pub struct Machine {
    terms: Terms,
    next: u64,
    held: BTreeMap<Ticket, Held>,
    ready: BTreeSet<Ticket>,
    done: VecDeque<Ticket>,
    groups: HashMap<Box<str>, VecDeque<Ticket>>,
    working: usize,
    receives: usize,
    /// Room that receives under way have been promised.
    promised: usize,
    deletes: usize,
    source: Outage,
    ledger: Outage,
    stopping: bool,
    counts: Counts,
}

impl Machine {
    /// An intake that holds nothing yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            next: 0,
            held: BTreeMap::new(),
            ready: BTreeSet::new(),
            done: VecDeque::new(),
            groups: HashMap::new(),
            working: 0,
            receives: 0,
            promised: 0,
            deletes: 0,
            source: Outage::default(),
            ledger: Outage::default(),
            stopping: false,
            counts: Counts::default(),
        }
    }

    /// What to do now.
    pub fn acts(&mut self, now: Timestamp) -> Vec<Act> {
        let mut acts = Vec::new();
        self.forget_lost(now);
        if self.stopping {
            self.give_back(&mut acts);
        } else {
            self.work(now, &mut acts);
        }
        self.extend(now, &mut acts);
        self.delete(now, &mut acts);
        self.receive(now, &mut acts);
        acts
    }

    /// When [`Machine::acts`], which has just been asked, has something new to say by itself.
    #[must_use]
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let half = self.terms.visibility / 2;
        let held = self.held.values().filter(|held| held.is_to_be_extended());
        let extensions =
            held.flat_map(|held| [earlier(held.hidden_until, half), held.hidden_until]);
        let pauses = [self.source.until, self.ledger.until].into_iter().flatten();
        // What is due already waits for one of the others.
        extensions.chain(pauses).filter(|at| *at > now).min()
    }

    /// Receives and begins nothing more; what is not begun is given back.
    pub fn stop(&mut self) {
        self.stopping = true;
        // What was promised to calls that whoever drives it drops now.
        (self.receives, self.promised) = (0, 0);
    }

    /// Whether it was stopped and holds nothing any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stopping && self.held.is_empty()
    }

    /// How it fares.
    #[must_use]
    pub fn state(&self) -> State {
        let came = |held: &Held| held.message.sent_at.unwrap_or(held.came_at);
        State {
            counts: self.counts,
            in_flight: self.held.len(),
            oldest: self.held.values().map(came).min(),
            trouble: self.ledger.since.clone().or_else(|| self.source.since.clone()),
        }
    }

    /// A call to receive `most` has ended.
    pub fn received(
        &mut self,
        now: Timestamp,
        most: usize,
        result: Result<Vec<Message>, SourceError>,
    ) {
        self.receives = self.receives.saturating_sub(1);
        self.promised = self.promised.saturating_sub(most);
        let Some(messages) = self.answered(now, result) else { return };
        for message in messages {
            self.counts.received += 1;
            let ticket = Ticket(self.next);
            self.next += 1;
            let waits = match &message.group {
                None => false,
                Some(group) => {
                    let group = self.groups.entry(group.clone()).or_default();
                    group.push_back(ticket);
                    group.len() > 1
                }
            };
            if !waits {
                self.ready.insert(ticket);
            }
            let held = Held {
                message: Arc::new(message),
                stage: Stage::Waiting,
                came_at: now,
                hidden_until: later(now, self.terms.visibility),
                extending: None,
                is_gone: false,
            };
            self.held.insert(ticket, held);
        }
    }

    /// A message was worked on.
    pub fn worked(&mut self, now: Timestamp, ticket: Ticket, verdict: Verdict) {
        let Some(held) = self.held.get_mut(&ticket) else { return };
        self.working = self.working.saturating_sub(1);
        match verdict {
            Verdict::Settled(settled) => {
                held.stage = Stage::Done;
                let group = held.message.group.clone();
                self.done.push_back(ticket);
                self.counts.settled.add(&settled);
                self.ledger = Outage::default();
                let next = group.and_then(|group| self.leave(&group, ticket));
                self.ready.extend(next);
            }
            Verdict::Unavailable(why) => {
                held.stage = Stage::Waiting;
                self.ready.insert(ticket);
                self.ledger.fails(now, why);
            }
        }
    }

    /// These were asked to be kept hidden; `result` names those that are not ours any more.
    pub fn extended(
        &mut self,
        now: Timestamp,
        tickets: &[Ticket],
        result: Result<Vec<Ticket>, SourceError>,
    ) {
        let gone = self.answered(now, result);
        for ticket in tickets {
            let Some(held) = self.held.get_mut(ticket) else { continue };
            let asked = held.extending.take();
            match (&gone, asked) {
                (Some(gone), _) if gone.contains(ticket) => held.is_gone = true,
                (Some(_), Some(asked)) => held.hidden_until = later(asked, self.terms.visibility),
                (Some(_), None) | (None, _) => {}
            }
        }
    }

    /// These were asked to be deleted; `result` names those that were not.
    pub fn deleted(
        &mut self,
        now: Timestamp,
        tickets: &[Ticket],
        result: Result<Vec<Ticket>, SourceError>,
    ) {
        self.deletes = self.deletes.saturating_sub(1);
        let left = self.answered(now, result);
        for ticket in tickets {
            let is_left = left.as_ref().is_none_or(|left| left.contains(ticket));
            let Some(held) = self.held.get_mut(ticket) else { continue };
            if !is_left {
                self.held.remove(ticket);
                self.counts.deleted += 1;
            } else if held.hidden_until > now && !held.is_gone && !self.stopping {
                held.stage = Stage::Done;
                self.done.push_back(*ticket);
            } else {
                self.lose(*ticket);
            }
        }
        if left.is_some_and(|left| !left.is_empty()) {
            // The queue answers, and deletes some: those are tried again after a pause as well.
            self.source.fails(now, "the queue did not delete every message".into());
        }
    }

    /// These were asked to be given back: they are no longer ours, either way.
    pub fn given_back(&mut self, tickets: &[Ticket]) {
        for ticket in tickets {
            self.counts.given_back += u64::from(self.held.remove(ticket).is_some());
        }
    }

    /// What the queue answered, if it did.
    fn answered<T>(&mut self, now: Timestamp, result: Result<T, SourceError>) -> Option<T> {
        match result {
            Ok(answer) => {
                self.source = Outage::default();
                Some(answer)
            }
            Err(SourceError(why)) => {
                self.counts.failures += 1;
                self.source.fails(now, why);
                None
            }
        }
    }

    /// Messages that others may see by now, and that nothing is under way for.
    fn forget_lost(&mut self, now: Timestamp) {
        let is_lost = |held: &Held| {
            let is_over = held.hidden_until <= now && held.extending.is_none();
            held.stage == Stage::Waiting && (held.is_gone || is_over)
        };
        let lost = self.held.iter().filter(|(_, held)| is_lost(held));
        let lost: Vec<Ticket> = lost.map(|(ticket, _)| *ticket).collect();
        for ticket in lost {
            self.lose(ticket);
        }
    }

    /// A message comes again. So do those behind it in its group: they must not overtake it.
    fn lose(&mut self, ticket: Ticket) {
        let Some(held) = self.held.remove(&ticket) else { return };
        self.counts.lost += 1;
        self.ready.remove(&ticket);
        let Some(group) = &held.message.group else { return };
        if held.stage != Stage::Waiting {
            return;
        }
        for behind in self.groups.remove(group).unwrap_or_default() {
            if self.held.get(&behind).is_some_and(|held| held.stage == Stage::Waiting) {
                self.held.remove(&behind);
                self.counts.lost += 1;
            }
        }
    }

    /// A message is done with: whose turn it is in its group.
    fn leave(&mut self, group: &str, ticket: Ticket) -> Option<Ticket> {
        let members = self.groups.get_mut(group)?;
        members.retain(|member| *member != ticket);
        let next = members.front().copied();
        if next.is_none() {
            self.groups.remove(group);
        }
        next
    }

    fn work(&mut self, now: Timestamp, acts: &mut Vec<Act>) {
        let is_probing = self.ledger.since.is_some();
        if self.ledger.until.is_some_and(|until| now < until) {
            return;
        }
        self.ledger.until = None;
        while !(is_probing && self.working > 0) {
            let Some(ticket) = self.ready.pop_first() else { return };
            let Some(held) = self.held.get_mut(&ticket) else { continue };
            held.stage = Stage::Working;
            self.working += 1;
            let message = held.message.clone();
            if message.receives > self.terms.receives_max {
                acts.push(Act::Bury(ticket, message));
            } else {
                acts.push(Act::Work(ticket, message));
            }
        }
    }

    fn extend(&mut self, now: Timestamp, acts: &mut Vec<Act>) {
        // After a failure once a pause, not with every step.
        if self.stopping || self.source.until.is_some_and(|until| now < until) {
            return;
        }
        let half = self.terms.visibility / 2;
        let mut due = Vec::new();
        for (ticket, held) in &mut self.held {
            if held.is_to_be_extended() && now >= earlier(held.hidden_until, half) {
                held.extending = Some(now);
                due.push((*ticket, held.message.receipt.clone()));
            }
        }
        acts.extend(due.chunks(MESSAGES_PER_CALL_MAX).map(|some| Act::Extend(some.to_vec())));
    }

    fn delete(&mut self, now: Timestamp, acts: &mut Vec<Act>) {
        if self.source.until.is_some_and(|until| now < until) && !self.stopping {
            return;
        }
        while self.deletes < self.terms.receivers.max(1) && !self.done.is_empty() {
            let mut some = Vec::new();
            while some.len() < MESSAGES_PER_CALL_MAX
                && let Some(ticket) = self.done.pop_front()
            {
                let Some(held) = self.held.get_mut(&ticket) else { continue };
                held.stage = Stage::Deleting;
                some.push((ticket, held.message.receipt.clone()));
            }
            if some.is_empty() {
                return;
            }
            self.deletes += 1;
            acts.push(Act::Delete(some));
        }
    }

    fn give_back(&mut self, acts: &mut Vec<Act>) {
        self.ready.clear();
        self.groups.clear();
        let mut back = Vec::new();
        for (ticket, held) in &mut self.held {
            // A call under way that keeps it hidden could come after the one that gives it back.
            if held.stage == Stage::Waiting && held.extending.is_none() {
                held.stage = Stage::GivingBack;
                back.push((*ticket, held.message.receipt.clone()));
            }
        }
        acts.extend(back.chunks(MESSAGES_PER_CALL_MAX).map(|some| Act::GiveBack(some.to_vec())));
    }

    fn receive(&mut self, now: Timestamp, acts: &mut Vec<Act>) {
        if self.stopping || self.ledger.since.is_some() {
            return;
        }
        if self.source.until.is_some_and(|until| now < until) {
            return;
        }
        self.source.until = None;
        // A queue that fails is asked by one call until it answers.
        let calls = if self.source.since.is_some() { 1 } else { self.terms.receivers.max(1) };
        while self.receives < calls {
            let taken = self.held.len() + self.promised;
            let room = self.terms.in_flight_max.max(1).saturating_sub(taken);
            let most = room.min(MESSAGES_PER_CALL_MAX);
            if most == 0 {
                return;
            }
            self.receives += 1;
            self.promised += most;
            acts.push(Act::Receive(most));
        }
    }
}

impl Held {
    fn is_to_be_extended(&self) -> bool {
        match self.stage {
            Stage::Waiting | Stage::Working | Stage::Done => {
                self.extending.is_none() && !self.is_gone
            }
            Stage::Deleting | Stage::GivingBack => false,
        }
    }
}

impl Outage {
    fn fails(&mut self, now: Timestamp, why: Box<str>) {
        let since = self.since.as_ref().map_or(now, |(since, _)| *since);
        self.since = Some((since, why));
        // Calls that were under way together fail together, and count as one.
        if self.until.is_none_or(|until| until <= now) {
            self.pause = (self.pause * 2).clamp(PAUSE_FIRST, PAUSE_MAX);
            self.until = Some(later(now, self.pause));
        }
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
