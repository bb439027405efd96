//! Drives the consumers of changes: one thread of its own, so that a destination which takes its
//! time never touches a thread that takes orders.
//!
//! What to do says each sink's machine (`service::follow`); here it is done: the log is read, an
//! attempt made, a dead letter committed, progress saved. Sinks come, change and go while it
//! runs. The thread begins with the first of them.
//!
//! Never: a decision about a delivery; a wake-up of its own for every commit.

mod drive;
mod pages;
mod save;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use domain::id::OrderKey;
use domain::time::Timestamp;
use parking_lot::Mutex;
use service::change::Seq;
use service::follow::{Begin, Holding, Input, Machine, Progress, Sink, Store};
use service::ledger::{Ledger, Unavailable};
use service::memory::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use web::followers::{Follower, FollowerRuns, Standing};

use self::drive::Drive;
use self::pages::Pages;
use self::save::Saver;

/// Most sinks: each costs some memory and a wake-up when the log grows.
const SINKS_MAX: usize = 1_000;
/// How often sinks hear at most that the log has grown: what comes in between is read with it.
const PULSE: Duration = Duration::from_millis(10);
/// How long attempts under way may take at the end; what is not over is made again.
const LAST_ATTEMPTS: Duration = Duration::from_secs(5);

/// What following needs.
pub(crate) struct Needs {
    pub(crate) ledger: Arc<dyn Ledger>,
    /// Opened when the first sink comes: an installation without any needs none.
    pub(crate) store: Box<dyn Fn() -> Result<Arc<dyn Store>, Unavailable> + Send + Sync>,
    /// The sinks that ever had progress.
    pub(crate) known: Box<dyn Fn() -> Result<Vec<Box<str>>, Unavailable> + Send + Sync>,
    /// Where the log ends, told after each commit.
    pub(crate) end: watch::Receiver<u64>,
    /// The newest change there is.
    pub(crate) newest: Box<dyn Fn() -> Result<Option<Seq>, Unavailable> + Send + Sync>,
    pub(crate) clock: Clock,
}

/// The sinks that are driven, for whoever adds, changes, removes or asks about them.
pub(crate) struct Followers {
    needs: Needs,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    thread: Option<Thread>,
    sinks: BTreeMap<Box<str>, Row>,
    is_stopped: bool,
}

struct Thread {
    handle: JoinHandle<()>,
    told: mpsc::UnboundedSender<Told>,
}

/// A sink that was put here.
enum Row {
    /// It is driven.
    Driven { machine: Arc<Mutex<Machine>>, inputs: mpsc::UnboundedSender<Asked> },
    /// Its progress cannot be read: somebody has to decide.
    Damaged(String),
}

/// What the thread is told.
enum Told {
    /// Drive this one.
    Put(Box<Drive>),
    /// End, in good order.
    Stop,
}

/// What a sink that is driven is told from outside.
pub(super) enum Asked {
    /// It is another now, by the same name.
    Replace(Arc<dyn Sink>),
    /// A step of its machine.
    Step(Input),
    /// It is gone.
    Remove,
}

impl Followers {
    pub(crate) fn new(needs: Needs) -> Arc<Self> {
        Arc::new(Self { needs, running: Mutex::default() })
    }

    /// Drives a sink from now on; in the place of the one of that name, when there is one, and
    /// going on where that was.
    ///
    /// # Errors
    /// When its progress cannot be read or stored: it is listed, and not driven.
    pub(crate) fn put(&self, sink: Arc<dyn Sink>) -> Result<(), Unavailable> {
        let mut running = self.running.lock();
        if running.is_stopped {
            return Err(Unavailable::Closed);
        }
        let name: Box<str> = sink.name().into();
        if let Some(Row::Driven { machine, inputs }) = running.sinks.get(&name) {
            machine.lock().set_terms(drive::bounded(sink.terms()));
            _ = inputs.send(Asked::Replace(sink));
            return Ok(());
        }
        if running.sinks.len() >= SINKS_MAX {
            return Err(Unavailable::Full);
        }
        let begun = self.begin(&mut running, &name, sink);
        let row = match &begun {
            Ok(_) => None,
            Err(error) => {
                tracing::error!(sink = &*name, %error, "{name} is not driven");
                Some(Row::Damaged(error.to_string()))
            }
        };
        running.sinks.extend(row.map(|row| (name.clone(), row)));
        begun.map(|row| _ = running.sinks.insert(name, row))
    }

    fn begin(
        &self,
        running: &mut Running,
        name: &str,
        sink: Arc<dyn Sink>,
    ) -> Result<Row, Unavailable> {
        let store = (self.needs.store)()?;
        let progress = self.progress(&*store, name, sink.begins())?;
        let now = (self.needs.clock)();
        let terms = drive::bounded(sink.terms());
        let machine = Machine::new(name, terms, &progress, now, fastrand::u64(..));
        let machine = Arc::new(Mutex::new(machine));
        // What people ask of a sink, one call of the API each.
        let (inputs, asked) = mpsc::unbounded_channel();
        if running.thread.is_none() {
            running.thread = Some(self.start(store)?);
        }
        let thread = running.thread.as_ref().ok_or(Unavailable::Closed)?;
        let drive = Drive { sink, machine: machine.clone(), asked };
        thread.told.send(Told::Put(Box::new(drive))).map_err(|_| Unavailable::Closed)?;
        Ok(Row::Driven { machine, inputs })
    }

    /// Where a sink goes on. One that begins now is on record before it is driven: after a crash
    /// it must not begin later than it did.
    fn progress(
        &self,
        store: &dyn Store,
        name: &str,
        begin: Begin,
    ) -> Result<Progress, Unavailable> {
        if let Some(progress) = store.load(name)? {
            return Ok(progress);
        }
        let cursor = match begin {
            Begin::Oldest => None,
            Begin::Now => (self.needs.newest)()?,
            Begin::Behind(seq) => Some(seq),
        };
        let progress = Progress { cursor, ..Progress::default() };
        store.save(&[(name, &progress)])?;
        Ok(progress)
    }

    /// Drives a sink no more, and forgets how far it was.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Unavailable> {
        let row = self.running.lock().sinks.remove(name);
        match row {
            Some(Row::Driven { inputs, .. }) if inputs.send(Asked::Remove).is_ok() => Ok(()),
            Some(Row::Driven { .. } | Row::Damaged(_)) | None => (self.needs.store)()?.forget(name),
        }
    }

    /// Lets a sink deliver nothing until it is enabled, whatever its destination says.
    pub(crate) fn disable(&self, name: &str, why: &str) {
        if let Some(Row::Driven { inputs, .. }) = self.running.lock().sinks.get(name) {
            // One whose task has ended delivers nothing anyway.
            _ = inputs.send(Asked::Step(Input::Disable(why.into())));
        }
    }

    /// Whether a sink is done with what it was to deliver of an order up to a change: brought, or
    /// among the dead letters.
    pub(crate) fn has_done(&self, name: &str, seq: Seq, order: &OrderKey) -> bool {
        let running = self.running.lock();
        let Some(Row::Driven { machine, .. }) = running.sinks.get(name) else { return false };
        let machine = machine.lock();
        let is_past = machine.status((self.needs.clock)()).cursor.is_some_and(|at| at >= seq);
        is_past && machine.holding(order).is_none_or(|held| held.delivery.seq > seq)
    }

    /// Ends in good order: nothing new is begun, what is under way gets some seconds, and how
    /// far each sink is gets saved.
    pub(crate) fn stop(&self) {
        let thread = {
            let mut running = self.running.lock();
            running.is_stopped = true;
            running.thread.take()
        };
        if let Some(Thread { handle, told }) = thread {
            _ = told.send(Told::Stop);
            if handle.join().is_err() {
                tracing::error!("the followers' thread panicked");
            }
        }
    }

    fn start(&self, store: Arc<dyn Store>) -> Result<Thread, Unavailable> {
        let failed = |error: std::io::Error| Unavailable::Read(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        // At most a message for each sink that is put, and the end.
        let (told, tells) = mpsc::unbounded_channel();
        let work = Work {
            ledger: self.needs.ledger.clone(),
            store,
            clock: self.needs.clock.clone(),
            end: self.needs.end.clone(),
        };
        let thread = std::thread::Builder::new().name("followers".to_owned());
        let handle = thread.spawn(move || {
            runtime.block_on(run(work, tells));
            runtime.shutdown_background();
        });
        Ok(Thread { handle: handle.map_err(failed)?, told })
    }
}

/// What the thread works with.
struct Work {
    ledger: Arc<dyn Ledger>,
    store: Arc<dyn Store>,
    clock: Clock,
    end: watch::Receiver<u64>,
}

/// What every sink's task shares.
#[derive(Clone)]
pub(super) struct Shared {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    pages: Arc<Pages>,
    saver: Saver,
    /// Where the log ended at the last pulse.
    end: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

async fn run(mut work: Work, mut tells: mpsc::UnboundedReceiver<Told>) {
    let (stop, stopping) = watch::channel(false);
    let (pulse, end) = watch::channel(*work.end.borrow_and_update());
    let shared = Shared {
        pages: Arc::new(Pages::new(work.ledger.clone())),
        saver: Saver::start(work.store.clone()),
        ledger: work.ledger,
        clock: work.clock,
        end,
        stopping,
    };
    let mut sinks = JoinSet::new();
    loop {
        tokio::select! {
            told = tells.recv() => match told {
                Some(Told::Put(drive)) => _ = sinks.spawn(drive.run(shared.clone())),
                Some(Told::Stop) | None => break,
            },
            Some(ended) = sinks.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a sink's task ended: it stands still until a restart");
                }
            }
            grown = grown(&mut work.end) => match grown {
                Some(end) => _ = pulse.send_replace(end),
                None => break,
            },
        }
    }
    _ = stop.send(true);
    let all = async { while sinks.join_next().await.is_some() {} };
    _ = tokio::time::timeout(LAST_ATTEMPTS + Duration::from_secs(1), all).await;
    shared.saver.close().await;
}

/// Where the log ends, once it has grown; `None` when nobody will tell any more.
async fn grown(end: &mut watch::Receiver<u64>) -> Option<u64> {
    tokio::time::sleep(PULSE).await;
    end.changed().await.ok()?;
    Some(*end.borrow_and_update())
}

impl FollowerRuns for Followers {
    fn list(&self) -> Result<Vec<Follower>, Unavailable> {
        let mut all = self.driven();
        let mut known = (self.needs.known)()?;
        known.retain(|name| all.iter().all(|follower| follower.name != *name));
        let gone = |name| Follower { name, standing: Standing::NotDriven };
        all.extend(known.into_iter().map(gone));
        Ok(all)
    }

    fn driven(&self) -> Vec<Follower> {
        let now = (self.needs.clock)();
        let running = self.running.lock();
        let standing = |row: &Row| match row {
            Row::Driven { machine, .. } => Standing::Driven(machine.lock().status(now)),
            Row::Damaged(why) => Standing::Damaged(why.clone()),
        };
        let sinks = running.sinks.iter();
        sinks.map(|(name, row)| Follower { name: name.clone(), standing: standing(row) }).collect()
    }

    fn holding(&self, order: &OrderKey) -> Vec<(Box<str>, Holding)> {
        let running = self.running.lock();
        let held = running.sinks.iter().filter_map(|(name, row)| match row {
            Row::Driven { machine, .. } => Some((name.clone(), machine.lock().holding(order)?)),
            Row::Damaged(_) => None,
        });
        held.collect()
    }

    fn enable(&self, name: &str) -> bool {
        match self.running.lock().sinks.get(name) {
            Some(Row::Driven { inputs, .. }) => inputs.send(Asked::Step(Input::Enable)).is_ok(),
            Some(Row::Damaged(_)) | None => false,
        }
    }
}

/// How long from `now` until `at`.
pub(super) fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0))
}
