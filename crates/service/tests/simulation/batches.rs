//! Batches as their machines drive them, from the last checkpoint after every crash.

use std::collections::VecDeque;

use domain::id::BatchId;
use domain::time::Timestamp;
use service::batch::machine::{Machine, Parsed, Step};
use service::batch::{BatchState, BatchStatus, Counts, Tolerance};
use service::change::Seq;
use service::ledger::{Answer, Request};

use crate::asks::Asks;
use crate::dice::Dice;
use crate::ledger::SimLedger;
use crate::log::Told;

const ITEMS: u64 = 30;
/// Most calls of one batch under way.
const WINDOW: usize = 3;

/// One batch.
pub(crate) struct Runner {
    id: BatchId,
    machine: Option<Machine>,
    /// Chunks that are read, in any order.
    chunks: Vec<Parsed>,
    /// Calls that are not answered, the oldest first.
    calls: VecDeque<Vec<Request>>,
}

impl Runner {
    pub(crate) fn new(name: &str) -> Self {
        let id = BatchId::parse(name).expect("a name");
        Self { id, machine: None, chunks: Vec::new(), calls: VecDeque::new() }
    }

    /// The process ended.
    pub(crate) fn crash(&mut self) {
        (self.machine, self.chunks) = (None, Vec::new());
        self.calls.clear();
    }

    /// Gets on: a call that was not asked before may be ready afterwards.
    pub(crate) fn step(&mut self, dice: &mut Dice, asks: &mut Asks, ledger: &SimLedger) {
        if self.machine.is_none() {
            let state = ledger.view(|view| view.batch(&self.id)).unwrap_or_else(|| self.fresh());
            self.chunks = self.read(dice, asks, state.offset);
            self.machine = Some(Machine::new(state, WINDOW));
        }
        let machine = self.machine.as_mut().expect("it was made above");
        match machine.step() {
            Step::Execute(call) => self.calls.push_back(call),
            Step::Wait if !self.chunks.is_empty() && machine.wants_chunk() => {
                machine.parsed(self.chunks.swap_remove(dice.index(self.chunks.len())));
            }
            Step::Wait | Step::Done => {}
        }
    }

    /// The oldest call that is not answered; its commit may fail, and it is asked again.
    pub(crate) fn call(&self) -> Option<Vec<Request>> {
        self.calls.front().cloned()
    }

    pub(crate) fn answered(&mut self, answers: &[Answer]) {
        self.calls.pop_front();
        self.machine.as_mut().expect("it asked").answered(answers);
    }

    pub(crate) fn is_done(&self) -> bool {
        let is_over = |machine: &Machine| machine.state().status == BatchStatus::Succeeded;
        self.calls.is_empty() && self.machine.as_ref().is_some_and(is_over)
    }

    fn fresh(&self) -> BatchState {
        BatchState {
            id: self.id.clone(),
            status: BatchStatus::Running,
            reason: None,
            started_at: Timestamp(0),
            updated_at: Timestamp(0),
            counts: Counts::default(),
            total: None,
            offset: 0,
            hash: [0; 32],
            tolerance: Tolerance::default(),
            rules: None,
            max_concurrency: None,
            metadata: "".into(),
            spool: None,
            previous: None,
            from: Seq(0),
        }
    }

    /// Items from `offset` on, in chunks of any size; an item is a byte long here.
    fn read(&self, dice: &mut Dice, asks: &mut Asks, offset: u64) -> Vec<Parsed> {
        let (mut chunks, mut at) = (Vec::new(), offset);
        while at < ITEMS {
            let end = ITEMS.min(at + 1 + dice.below(9));
            chunks.push(Parsed {
                number: chunks.len() as u64,
                requests: (at..end).map(|n| asks.item(dice, &self.id, n)).collect(),
                end,
                hash: [0; 32],
                is_last: end == ITEMS,
            });
            at = end;
        }
        chunks
    }

    /// It is through, with every item exactly once.
    pub(crate) fn prove_end(&self, ledger: &SimLedger, told: &Told) {
        let from = (self.id.clone(), 0);
        let items = told.items.range(from..).take_while(|((id, _), _)| *id == self.id);
        let items: Vec<(u64, u32)> = items.map(|((_, index), times)| (*index, *times)).collect();
        let once: Vec<(u64, u32)> = (0..ITEMS).map(|index| (index, 1)).collect();
        assert_eq!(items, once, "{}: each item once", self.id);
        let batch = ledger.view(|view| view.batch(&self.id)).expect("the batch is there");
        assert_eq!((batch.status, batch.offset), (BatchStatus::Succeeded, ITEMS));
        assert_eq!(batch.counts.done(), ITEMS);
    }
}
