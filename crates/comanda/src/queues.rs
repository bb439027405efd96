//! Intakes from queues beside a server: one thread, on which each queue's machine
//! (`service::source`) is driven.
//!
//! Never: a decision about a message; work on the threads that answer HTTP.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use domain::time::Timestamp;
use parking_lot::Mutex;
use service::ledger::Ledger;
use service::memory::Clock;
use service::source::intake::Intake;
use service::source::machine::{Act, Machine, State, Terms, Ticket, Verdict};
use service::source::{Message, Receipt, Source, SourceError};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};
use web::metrics::IntakeState;

/// How long the end may take: for what is being committed, deleted, and given back.
const LAST_WORK: Duration = Duration::from_secs(1);
/// Longest without a look at what the machine wants.
const IDLE: Duration = Duration::from_secs(60);

/// A queue to take orders from.
pub(crate) struct Queue {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) intake: Intake,
    pub(crate) terms: Terms,
}

/// The intakes of a server.
pub(crate) struct Queues {
    drives: Vec<Arc<Drive>>,
    clock: Clock,
    thread: Mutex<Option<JoinHandle<()>>>,
    closing: watch::Sender<bool>,
}

/// An intake, being driven.
struct Drive {
    queue: Queue,
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    state: Mutex<State>,
}

/// What a call came to.
enum Done {
    Received(usize, Result<Vec<Message>, SourceError>),
    Worked(Ticket, Verdict),
    Extended(Vec<(Ticket, Receipt)>, Result<Vec<Receipt>, SourceError>),
    Deleted(Vec<(Ticket, Receipt)>, Result<Vec<Receipt>, SourceError>),
    GivenBack(Vec<(Ticket, Receipt)>),
}

impl Queues {
    /// Intakes that are not started.
    pub(crate) fn new(queues: Vec<Queue>, ledger: &Arc<dyn Ledger>, clock: &Clock) -> Self {
        let drive = |queue| {
            let (ledger, clock) = (ledger.clone(), clock.clone());
            Arc::new(Drive { queue, ledger, clock, state: Mutex::default() })
        };
        Self {
            drives: queues.into_iter().map(drive).collect(),
            clock: clock.clone(),
            thread: Mutex::default(),
            closing: watch::channel(false).0,
        }
    }

    /// Starts them, where there are any.
    pub(crate) fn start(&self) -> io::Result<()> {
        if self.drives.is_empty() {
            return Ok(());
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (drives, closing) = (self.drives.clone(), self.closing.clone());
        let thread = std::thread::Builder::new().name("queues".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::spawn(engine::hand_out());
                let mut running = JoinSet::new();
                for drive in drives {
                    running.spawn(drive.run(closing.subscribe()));
                }
                running.join_all().await;
            });
        })?;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Ends them: what is being committed comes to its end, the rest is given back.
    pub(crate) fn stop(&self) {
        // Nobody left to tell is as good as told.
        _ = self.closing.send(true);
        if let Some(thread) = self.thread.lock().take() {
            drop(thread.join());
        }
    }

    /// How they fare.
    pub(crate) fn faring(&self) -> Vec<IntakeState> {
        let now = (self.clock)();
        let of = |drive: &Arc<Drive>| {
            let state = drive.state.lock().clone();
            let waited = state.oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0));
            let lag = Duration::from_micros(u64::try_from(waited).unwrap_or_default());
            IntakeState { queue: drive.queue.source.name().into(), state, lag }
        };
        self.drives.iter().map(of).collect()
    }

    /// What keeps any of them from working, for operators.
    pub(crate) fn problems(&self) -> Vec<String> {
        let problem = |faring: IntakeState| {
            let (_, why) = faring.state.trouble?;
            Some(format!("queue {}: {why}", faring.queue))
        };
        self.faring().into_iter().filter_map(problem).collect()
    }
}

impl Drive {
    async fn run(self: Arc<Self>, mut closing: watch::Receiver<bool>) {
        let mut machine = Machine::new(self.queue.terms);
        let (mut receives, mut calls) = (JoinSet::new(), JoinSet::new());
        let mut ends: Option<Instant> = None;
        info!(queue = self.queue.source.name(), "taking orders from a queue");
        loop {
            let now = (self.clock)();
            for act in machine.acts(now) {
                // A call that waits for messages is dropped at the end; no other is.
                match act {
                    Act::Receive(_) => receives.spawn(self.clone().act(act)),
                    Act::Work(..)
                    | Act::Bury(..)
                    | Act::Extend(_)
                    | Act::Delete(_)
                    | Act::GiveBack(_) => calls.spawn(self.clone().act(act)),
                };
            }
            self.show(machine.state());
            if machine.is_over() || ends.is_some_and(|ends| ends <= Instant::now()) {
                break;
            }
            let wake = machine.wake_at(now).map_or(IDLE, |at| until(now, at).min(IDLE));
            tokio::select! {
                Some(done) = receives.join_next() => self.tell(&mut machine, done.ok()),
                Some(done) = calls.join_next() => self.tell(&mut machine, done.ok()),
                () = sleep(wake) => {}
                () = sleep_until(ends.unwrap_or_else(Instant::now)), if ends.is_some() => {}
                () = closed(&mut closing), if ends.is_none() => {
                    receives.shutdown().await;
                    machine.stop();
                    ends = Some(Instant::now() + LAST_WORK);
                }
            }
        }
    }

    /// Does something, and comes to an end even where that breaks us.
    async fn act(self: Arc<Self>, act: Act) -> Done {
        // Dropped, it ends what it began.
        let mut alone = JoinSet::new();
        alone.spawn(self.clone().attempt(act.clone()));
        match alone.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(_)) | None => self.broken(act).await,
        }
    }

    async fn attempt(self: Arc<Self>, act: Act) -> Done {
        let (source, intake) = (&self.queue.source, &self.queue.intake);
        match act {
            Act::Receive(most) => Done::Received(most, source.receive(most).await),
            Act::Work(ticket, message) => {
                let now = (self.clock)();
                Done::Worked(ticket, intake.take(&*self.ledger, &message, now).await)
            }
            Act::Bury(ticket, message) => {
                let worn = intake.bury(&*self.ledger, &message, "too_many_receives");
                Done::Worked(ticket, worn.await)
            }
            Act::Extend(some) => {
                let gone = source.hide(receipts(&some), self.queue.terms.visibility).await;
                Done::Extended(some, gone)
            }
            Act::Delete(some) => {
                let left = source.delete(receipts(&some)).await;
                Done::Deleted(some, left)
            }
            Act::GiveBack(some) => {
                // Where that fails, they come again by themselves, only later.
                drop(source.hide(receipts(&some), Duration::ZERO).await);
                Done::GivenBack(some)
            }
        }
    }

    /// What broke us comes to this. A message that does is recorded, and holds up nobody.
    async fn broken(&self, act: Act) -> Done {
        warn!(queue = self.queue.source.name(), "work for a queue failed: a fault of ours");
        let fault = || SourceError("a fault of ours".into());
        match act {
            Act::Receive(most) => Done::Received(most, Err(fault())),
            Act::Work(ticket, message) => {
                let buried = self.queue.intake.bury(&*self.ledger, &message, "internal_error");
                Done::Worked(ticket, buried.await)
            }
            Act::Bury(ticket, _) => Done::Worked(ticket, Verdict::Unavailable(fault().0)),
            Act::Extend(some) => Done::Extended(some, Err(fault())),
            Act::Delete(some) => Done::Deleted(some, Err(fault())),
            Act::GiveBack(some) => Done::GivenBack(some),
        }
    }

    fn tell(&self, machine: &mut Machine, done: Option<Done>) {
        let now = (self.clock)();
        let tickets = |some: &[(Ticket, Receipt)]| named(some, &receipts(some));
        match done {
            Some(Done::Received(most, messages)) => machine.received(now, most, messages),
            Some(Done::Worked(ticket, verdict)) => machine.worked(now, ticket, verdict),
            Some(Done::Extended(some, gone)) => {
                machine.extended(now, &tickets(&some), gone.map(|gone| named(&some, &gone)));
            }
            Some(Done::Deleted(some, left)) => {
                machine.deleted(now, &tickets(&some), left.map(|left| named(&some, &left)));
            }
            Some(Done::GivenBack(some)) => machine.given_back(&tickets(&some)),
            // It was dropped.
            None => {}
        }
    }

    /// Shows how it fares, and says so where that has changed.
    fn show(&self, state: State) {
        let mut shown = self.state.lock();
        let queue = self.queue.source.name();
        let why = |state: &State| state.trouble.as_ref().map(|(_, why)| why.clone());
        match (why(&shown), why(&state)) {
            (before, Some(now)) if before.as_ref() != Some(&now) => {
                warn!(queue, reason = %now, "queue {queue} waits: {now}");
            }
            (Some(_), None) => info!(queue, "queue {queue} goes on"),
            (Some(_), Some(_)) | (None, None | Some(_)) => {}
        }
        *shown = state;
    }
}

fn receipts(some: &[(Ticket, Receipt)]) -> Vec<Receipt> {
    some.iter().map(|(_, receipt)| receipt.clone()).collect()
}

/// Resolves when the program closes, or nobody is left to say so.
async fn closed(closing: &mut watch::Receiver<bool>) {
    drop(closing.wait_for(|closing| *closing).await);
}

/// Those of the tickets whose receipts these are.
fn named(some: &[(Ticket, Receipt)], receipts: &[Receipt]) -> Vec<Ticket> {
    let are = some.iter().filter(|(_, receipt)| receipts.contains(receipt));
    are.map(|(ticket, _)| *ticket).collect()
}

fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or_default())
}
