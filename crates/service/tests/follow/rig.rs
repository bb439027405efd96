//! Drives one machine: a log that is a list, a destination that does as it is told, a clock that
//! moves when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::id::{MerchantId, OrderId, OrderKey};
use domain::time::Timestamp;
use service::change::Seq;
use service::follow::{
    Delivery, Grave, Input, Machine, Outcome, Output, Page, Progress, Selected, Terms, Ticket,
};
use service::letters::DeadLetter;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// When everything begins.
pub(crate) const BEGIN: Timestamp = Timestamp(1_767_225_600_000_000);
/// Bytes of a change.
pub(crate) const BYTES: u64 = 100;

/// A change of the log: what is delivered of it; nothing, when it is of no concern.
pub(crate) struct Change {
    pub(crate) at: Timestamp,
    pub(crate) deliveries: Vec<Arc<Delivery>>,
}

/// An attempt under way.
pub(crate) struct Attempt {
    pub(crate) ticket: Ticket,
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) number: u32,
}

pub(crate) struct Rig {
    pub(crate) machine: Machine,
    pub(crate) terms: Terms,
    pub(crate) now: Timestamp,
    pub(crate) log: Vec<Change>,
    pub(crate) attempts: Vec<Attempt>,
    /// Letters that are asked for and not committed; committed at once when `buries`.
    pub(crate) graves: VecDeque<(Grave, DeadLetter)>,
    pub(crate) buries: bool,
    pub(crate) letters: Vec<DeadLetter>,
    pub(crate) saved: Progress,
    pub(crate) saves: usize,
    pub(crate) wake: Option<Timestamp>,
    /// Pages that were read.
    pub(crate) reads: usize,
    /// Every attempt that was delivered, by id.
    pub(crate) delivered: Vec<String>,
}

pub(crate) fn key(order: &str) -> OrderKey {
    let merchant = MerchantId::parse("loja").expect("a name");
    OrderKey { id: OrderId::parse(order).expect("a name"), merchant }
}

impl Rig {
    pub(crate) fn new(terms: Terms) -> Self {
        let saved = Progress::default();
        Self {
            machine: Machine::new("hook", terms.clone(), &saved, BEGIN, 7),
            terms,
            now: BEGIN,
            log: Vec::new(),
            attempts: Vec::new(),
            graves: VecDeque::new(),
            buries: true,
            letters: Vec::new(),
            saved,
            saves: 0,
            wake: None,
            reads: 0,
            delivered: Vec::new(),
        }
    }

    /// Changes of these orders, one each; `-` is one of no concern.
    pub(crate) fn log(&mut self, orders: &str) {
        for order in orders.split(' ') {
            let name = format!("{order}#{}", self.log.len());
            let order = (order != "-").then(|| key(order));
            let deliveries = order.map(|order| self.delivery(&name, Some(order)));
            self.change(deliveries.into_iter().collect());
        }
    }

    pub(crate) fn delivery(&self, id: &str, order: Option<OrderKey>) -> Arc<Delivery> {
        let (id, seq) = (id.into(), Seq((self.log.len() as u64 + 1) * BYTES));
        Arc::new(Delivery { id, seq, order, kind: "order.completed".into(), due: None })
    }

    pub(crate) fn change(&mut self, deliveries: Vec<Arc<Delivery>>) {
        self.log.push(Change { at: self.now, deliveries });
        self.step(Input::Grown((self.log.len() as u64 + 1) * BYTES));
    }

    pub(crate) fn step(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.wake = None;
            for output in self.machine.step(self.now, input) {
                inputs.extend(self.output(output));
            }
        }
        if let Some(wake) = self.wake {
            assert!(wake > self.now, "it would be woken for ever");
        }
    }

    fn output(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Read { after, limit } => {
                self.reads += 1;
                return Some(Input::Read(self.page(after, limit)));
            }
            Output::Attempt { ticket, delivery, attempt } => {
                self.attempts.push(Attempt { ticket, delivery, number: attempt });
            }
            Output::Bury { grave, letter, .. } if self.buries => {
                self.letters.push(letter);
                return Some(Input::Buried(grave));
            }
            Output::Bury { grave, letter, .. } => self.graves.push_back((grave, letter)),
            Output::Save => {
                self.saved = self.machine.progress();
                self.saves += 1;
                let mut bytes = Vec::new();
                self.saved.encode(&mut bytes);
                assert_eq!(Progress::decode(&bytes).as_ref(), Ok(&self.saved));
                return Some(Input::Saved);
            }
            Output::Wake(at) => self.wake = Some(at),
        }
        None
    }

    fn page(&self, after: Option<Seq>, limit: usize) -> Page {
        let begin = after.map_or(0, |seq| seq.0 / BYTES) as usize;
        let mut page = Page { until: after, is_end: true, ..Page::default() };
        for (at, change) in self.log.iter().enumerate().skip(begin) {
            if page.changes == limit {
                page.is_end = false;
                break;
            }
            let seq = Seq((at as u64 + 1) * BYTES);
            if !change.deliveries.is_empty() {
                let (before, deliveries) = (page.until, change.deliveries.clone());
                page.selected.push(Selected { before, seq, at: change.at, deliveries });
            }
            page.until = Some(seq);
            page.changes += 1;
        }
        page
    }

    /// What is being attempted: `a#0 b#1`.
    pub(crate) fn under_way(&self) -> String {
        let ids: Vec<&str> = self.attempts.iter().map(|a| &*a.delivery.id).collect();
        ids.join(" ")
    }

    /// The attempt at `id` ends so.
    pub(crate) fn end(&mut self, id: &str, outcome: Outcome) {
        let at = self.attempts.iter().position(|attempt| &*attempt.delivery.id == id);
        let at = at.unwrap_or_else(|| panic!("{id} is not among {}", self.under_way()));
        let attempt = self.attempts.remove(at);
        if outcome == Outcome::Delivered {
            self.delivered.push(id.to_owned());
        }
        self.step(Input::Done(attempt.ticket, outcome));
    }

    /// Time goes by, with a step whenever one is due.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = Timestamp(self.now.0 + span.as_micros() as i64);
        while let Some(wake) = self.wake.filter(|wake| *wake <= end) {
            self.now = wake;
            self.step(Input::Time);
        }
        self.now = end;
    }

    /// The process ends, and another goes on from what was saved.
    pub(crate) fn restart(&mut self) {
        self.attempts.clear();
        self.graves.clear();
        let seed = self.now.0 as u64;
        let (terms, saved) = (self.terms.clone(), self.saved.clone());
        self.machine = Machine::new("hook", terms, &saved, self.now, seed);
        self.step(Input::Grown((self.log.len() as u64 + 1) * BYTES));
    }

    /// How often each was delivered.
    pub(crate) fn times(&self) -> BTreeMap<&str, usize> {
        let mut times = BTreeMap::new();
        self.delivered.iter().for_each(|id| *times.entry(&**id).or_default() += 1);
        times
    }
}

pub(crate) fn refused() -> Outcome {
    Outcome::Refused { reason: "422 unknown customer".into() }
}

pub(crate) fn unavailable() -> Outcome {
    Outcome::Unavailable { reason: "503".into(), retry_after: None }
}
