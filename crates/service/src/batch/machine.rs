//! A batch as a step machine: parsed chunks go in in any order, calls come out in the input's
//! order, answers go in in the order of the calls. No threads, no clock, no I/O.
//!
//! Each call ends with the checkpoint that covers its items, so that a crash at any point resumes
//! behind the last item that was done and in front of the first that was not.

use std::collections::BTreeMap;

use crate::ledger::{Answer, Request};

use super::state::{BatchState, BatchStatus, ContentHash};

/// Items of one chunk, read and checked.
#[derive(Debug)]
pub struct Parsed {
    /// Its place among the chunks, from 0.
    pub number: u64,
    /// One request an item.
    pub requests: Vec<Request>,
    /// Where in the input it ends.
    pub end: u64,
    /// Hash of the input up to there.
    pub hash: ContentHash,
    /// Whether the input ends with it.
    pub is_last: bool,
}

/// What a step asks of whoever drives the machine.
#[derive(Debug)]
pub enum Step {
    /// Execute these requests, and give back the answers.
    Execute(Vec<Request>),
    /// Nothing until an answer or a chunk comes.
    Wait,
    /// All is done.
    Done,
}

/// A batch under way.
#[derive(Debug)]
pub struct Machine {
    state: BatchState,
    items: u64,
    parsed: BTreeMap<u64, Parsed>,
    next: u64,
    in_flight: usize,
    window: usize,
    ending: Option<BatchStatus>,
    ended: bool,
}

impl Machine {
    /// Continues `state`, with at most `window` calls unanswered at a time.
    #[must_use]
    pub fn new(state: BatchState, window: usize) -> Self {
        let items = state.counts.done();
        Self {
            state,
            items,
            parsed: BTreeMap::new(),
            next: 0,
            in_flight: 0,
            window: window.max(1),
            ending: None,
            ended: false,
        }
    }

    /// The batch as of the last answer.
    #[must_use]
    pub fn state(&self) -> &BatchState {
        &self.state
    }

    /// A chunk has been read and checked.
    pub fn parsed(&mut self, chunk: Parsed) {
        self.parsed.insert(chunk.number, chunk);
    }

    /// Takes no more items; what is under way is finished.
    pub fn stop(&mut self) {
        self.ending.get_or_insert(BatchStatus::Aborted);
    }

    /// The input broke off: takes no more items, and says why.
    pub fn fail(&mut self, reason: &str) {
        if self.ending.is_none() {
            self.ending = Some(BatchStatus::Failed);
            self.state.reason = Some(reason.into());
        }
    }

    /// Whether a chunk would get it on: it takes items, and does not have the next ones already.
    /// Whoever drives it takes no chunk otherwise, so that what waits stays bounded.
    #[must_use]
    pub fn wants_chunk(&self) -> bool {
        self.ending.is_none() && !self.ended && !self.parsed.contains_key(&self.next)
    }

    /// What to do next.
    pub fn step(&mut self) -> Step {
        if self.in_flight >= self.window {
            return Step::Wait;
        }
        if let Some(status) = self.ending {
            return self.end(status);
        }
        if self.ended {
            return if self.in_flight == 0 { Step::Done } else { Step::Wait };
        }
        let Some(chunk) = self.parsed.remove(&self.next) else { return Step::Wait };
        self.next += 1;
        self.in_flight += 1;
        self.ended = chunk.is_last;
        self.items += chunk.requests.len() as u64;
        let mut requests = chunk.requests;
        let mut checkpoint = self.state.clone();
        checkpoint.offset = chunk.end;
        checkpoint.hash = chunk.hash;
        checkpoint.status = BatchStatus::Running;
        if chunk.is_last {
            checkpoint.status = BatchStatus::Succeeded;
            checkpoint.total = Some(self.items);
        }
        requests.push(Request::Checkpoint(Box::new(checkpoint)));
        Step::Execute(requests)
    }

    /// What to do next when no more calls are to be made, and the batch stays open.
    pub fn pause(&mut self) -> Step {
        if self.in_flight > 0 { Step::Wait } else { Step::Done }
    }

    /// Closes the batch early, once everything under way is answered.
    fn end(&mut self, status: BatchStatus) -> Step {
        if self.in_flight > 0 {
            return Step::Wait;
        }
        if self.ended || self.state.status != BatchStatus::Running {
            return Step::Done;
        }
        self.ended = true;
        self.in_flight += 1;
        let mut checkpoint = self.state.clone();
        checkpoint.status = status;
        Step::Execute(vec![Request::Checkpoint(Box::new(checkpoint))])
    }

    /// The oldest unanswered call was answered.
    pub fn answered(&mut self, answers: &[Answer]) {
        self.in_flight -= 1;
        if let Some(Answer::Batch(state)) = answers.last() {
            let reason = self.state.reason.take();
            self.state = BatchState::clone(state);
            self.state.reason = self.state.reason.take().or(reason);
        }
        if self.state.status != BatchStatus::Running {
            // Somebody stopped it, or too much has failed: the ledger takes no more of it.
            self.ending.get_or_insert(self.state.status);
        }
    }
}
