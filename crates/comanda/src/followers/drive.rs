//! One sink's task: its machine is told what happened, and what it says is done.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use service::follow::{Delivery, Grave, Input, Machine, Outcome, Output, Page, Sink, Terms};
use service::ledger::{Answer, Request};
use service::letters::DeadLetter;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Asked, LAST_ATTEMPTS, Shared, until};

/// Most attempts of one sink under way at once: each may hold a socket and a document.
const CONCURRENCY_MAX: usize = 256;
/// Longest an attempt may take, whatever its sink promised: a delivery that never ends would hold
/// its order for ever.
const ATTEMPT_MAX: Duration = Duration::from_secs(600);
/// How long to wait where a machine names no time: it is asked again by itself.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A sink to be driven.
pub(super) struct Drive {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) machine: Arc<Mutex<Machine>>,
    pub(super) asked: mpsc::UnboundedReceiver<Asked>,
}

/// What a sink asks for, as far as it may.
pub(super) fn bounded(mut terms: Terms) -> Terms {
    terms.concurrency = terms.concurrency.clamp(1, CONCURRENCY_MAX);
    terms
}

/// What the loop works with besides its machine.
struct Loop {
    shared: Shared,
    done: mpsc::UnboundedSender<Input>,
    wake: Instant,
}

impl Drive {
    pub(super) async fn run(mut self, shared: Shared) {
        // At most an input for each attempt under way, dead letter asked for, and one save.
        let (done, mut inputs) = mpsc::unbounded_channel();
        let (mut end, mut stopping) = (shared.end.clone(), shared.stopping.clone());
        let mut this = Loop { shared, done, wake: Instant::now() };
        let first = *end.borrow_and_update();
        self.step(&mut this, Input::Grown(first));
        loop {
            let input = tokio::select! {
                biased;
                Some(input) = inputs.recv() => input,
                asked = self.asked.recv() => match asked {
                    Some(Asked::Replace(sink)) => {
                        self.sink = sink;
                        Input::Time
                    }
                    Some(Asked::Step(input)) => input,
                    Some(Asked::Remove) => return this.shared.saver.forget(self.sink.name()),
                    // Nobody can ask any more: the program ends.
                    None => break,
                },
                () = async { _ = stopping.wait_for(|stop| *stop).await } => break,
                Ok(()) = end.changed() => Input::Grown(*end.borrow_and_update()),
                () = tokio::time::sleep_until(this.wake) => Input::Time,
            };
            self.step(&mut this, input);
        }
        self.finish(this, inputs).await;
    }

    /// Lets what is under way come to an end, and saves a last time.
    async fn finish(self, mut this: Loop, mut inputs: mpsc::UnboundedReceiver<Input>) {
        self.step(&mut this, Input::Stop);
        let over = async {
            while self.machine.lock().in_flight() > 0 {
                let Some(input) = inputs.recv().await else { return };
                self.step(&mut this, input);
            }
        };
        if tokio::time::timeout(LAST_ATTEMPTS, over).await.is_err() {
            let sink = self.sink.name();
            tracing::warn!(sink, "attempts of {sink} were under way at the end: made again later");
        }
        let progress = self.machine.lock().progress();
        this.shared.saver.last(self.sink.name(), progress);
    }

    /// One step, and whatever the machine can be answered at once.
    fn step(&self, this: &mut Loop, input: Input) {
        let mut next = vec![input];
        while let Some(input) = next.pop() {
            let now = (this.shared.clock)();
            let outputs = self.machine.lock().step(now, input);
            this.wake = Instant::now() + LOOK_EVERY;
            for output in outputs {
                match output {
                    Output::Read { after, limit } => next.push(self.read(this, after, limit)),
                    Output::Attempt { ticket, delivery, attempt } => {
                        let sink = self.sink.clone();
                        let done = this.done.clone();
                        tokio::spawn(async move {
                            let outcome = deliver(sink, delivery, attempt).await;
                            // Nobody left to tell: it is made again after the next start.
                            _ = done.send(Input::Done(ticket, outcome));
                        });
                    }
                    Output::Bury { grave, letter, delivery } => {
                        self.bury(this, grave, letter, delivery.as_deref());
                    }
                    Output::Save => {
                        let (sink, progress) = (self.sink.name(), self.machine.lock().progress());
                        this.shared.saver.save(sink, progress, this.done.clone());
                    }
                    Output::Wake(at) => this.wake = Instant::now() + until(now, at),
                }
            }
        }
    }

    fn read(&self, this: &Loop, after: Option<service::change::Seq>, limit: usize) -> Input {
        let end = *this.shared.end.borrow();
        let read = AssertUnwindSafe(|| {
            let changes = this.shared.pages.read(after, limit, end)?;
            Page::select(&*self.sink, after, changes.of(limit), changes.asked(limit))
        });
        let sink = self.sink.name();
        match std::panic::catch_unwind(read) {
            Ok(Ok(page)) => Input::Read(page),
            Ok(Err(error)) => {
                tracing::error!(sink, %error, "changes for {sink} could not be read");
                Input::Unreadable
            }
            Err(_) => {
                tracing::error!(sink, "selecting for {sink} panicked");
                Input::Unreadable
            }
        }
    }

    fn bury(&self, this: &Loop, grave: Grave, letter: DeadLetter, delivery: Option<&Delivery>) {
        let letter = match delivery {
            Some(delivery) => self.sink.letter(delivery, letter),
            None => letter,
        };
        let (sink, done) = (self.sink.name().to_owned(), this.done.clone());
        tracing::warn!(
            sink,
            reason = &*letter.reason,
            attempts = letter.attempts,
            "a dead letter of {sink}: {}",
            letter.reason
        );
        let ledger = this.shared.ledger.clone();
        tokio::spawn(async move {
            let answers = ledger.execute(vec![Request::Bury(Box::new(letter))]).await;
            let input = if let Ok([Answer::Buried(_)]) = answers.as_deref() {
                Input::Buried(grave)
            } else {
                tracing::error!(sink, ?answers, "a dead letter of {sink} is not on record yet");
                Input::NotBuried(grave)
            };
            _ = done.send(input);
        });
    }
}

/// One attempt. A panic is this delivery's own failure, and not its neighbours'.
async fn deliver(sink: Arc<dyn Sink>, delivery: Arc<Delivery>, attempt: u32) -> Outcome {
    let name: Box<str> = sink.name().into();
    let made = tokio::spawn(async move {
        tokio::time::timeout(ATTEMPT_MAX, sink.deliver(&delivery, attempt)).await
    });
    match made.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::Unavailable { reason: "no end to it".into(), retry_after: None },
        Err(_) => {
            tracing::error!(sink = &*name, "delivering to {name} panicked");
            Outcome::Refused { reason: "a fault of ours".into() }
        }
    }
}
