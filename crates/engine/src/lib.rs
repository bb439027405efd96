//! The ledger on one disk: a log that acknowledges, a projection that answers.
//!
//! A request passes three stages: prepared on the caller's thread, decided by the one writer,
//! committed as one frame of the log. Everything else is derived: layers in memory hold what the
//! projection (LMDB) does not have yet, and the projection can be made again from the log.
//!
//! Never: an answer before the sync, a change in memory before the frame is on disk.

pub mod backup;
mod desk;
mod disk;
pub mod doctor;
pub mod followers;
pub mod log;
mod migrate;
mod project;
mod projector;
mod store;
mod writer;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use domain::facts::Policy;
use domain::time::Timestamp;
use parking_lot::{Condvar, Mutex, RwLock};
use service::catalogue::Catalogue;
use service::change::{Change, Seq, decode};
use service::ledger::{Answer, By, Changes, Ledger, Look, Request, Task, Timed, Unavailable};
use service::measure::{Calls, Commits};
use service::memory::Clock;
use service::prepare::{Prepared, prepare};
use service::serial::{Layers, Serial, Settings};
use service::view::{Base, Read, View};
use tokio::sync::{oneshot, watch};

use crate::desk::Caller;
use crate::disk::Disk;
use crate::followers::Followers;
use crate::log::{Log, Reader};
use crate::store::{APPLIED, MAP_BYTES, RULES_VERSION, Snapshot, Store};
use crate::writer::{Job, Waits, Writer};

/// Calls that may wait; more are answered [`Unavailable::Full`]. At full load the writer empties
/// this queue some thousand times a second.
const QUEUE_CALLS_MAX: usize = 4_096;
/// Bytes of documents that may wait.
const QUEUE_BYTES_MAX: usize = 128 << 20;
/// Changes replayed in one go at a restart.
const REPLAY_CHANGES: usize = 4_096;

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    /// The installation's settings.
    pub settings: Settings,
    /// Where time comes from.
    pub clock: Clock,
    /// Below this many free bytes nothing more is taken in.
    pub min_free_bytes: u64,
    /// The projection's first address space; enlarged when full.
    pub map_bytes: usize,
}

impl Options {
    /// Defaults for a currency of two decimals, with the system's clock handed in.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let settings = Settings { exponent: 2, ..Settings::default() };
        Self { settings, clock, min_free_bytes: 256 << 20, map_bytes: MAP_BYTES }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store in {} is held by another process", .0.display())]
    Held(PathBuf),
    /// It was written by a version that this one does not know.
    #[error("the store in {} says \"{found}\"; this version reads up to \"{}\"", dir.display(),
        migrate::FORMAT)]
    Format {
        /// The store.
        dir: PathBuf,
        /// What it says it is.
        found: String,
    },
    /// A file could not be made or read.
    #[error("open the store's files")]
    Io(#[from] std::io::Error),
    /// The log cannot be used.
    #[error("open the log")]
    Log(#[from] log::Error),
    /// The projection cannot be used.
    #[error("open the projection")]
    Store(#[from] heed::Error),
    /// The projection cannot be brought up to date.
    #[error("bring the projection up to date")]
    Project(#[from] project::Error),
    /// What is stored does not add up.
    #[error("read the store: {0}")]
    Read(#[from] Unavailable),
}

pub use desk::hand_out;
pub use migrate::FORMAT;
pub use project::Error as ProjectError;

/// What the threads share.
pub(crate) struct Shared {
    pub(crate) layers: RwLock<Layers>,
    pub(crate) store: Store,
    pub(crate) catalogue: RwLock<Arc<Catalogue>>,
    pub(crate) clock: Clock,
    pub(crate) exponent: u32,
    policy: Policy,
    pub(crate) disk: Disk,
    pub(crate) queued_bytes: AtomicUsize,
    pub(crate) commits: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) applied: AtomicU64,
    pub(crate) measured: Arc<Commits>,
    /// Where the log ends, for whoever waits for it to grow. Told once a commit.
    pub(crate) end: watch::Sender<u64>,
    closing: AtomicBool,
    work: (Mutex<()>, Condvar),
    room: (Mutex<()>, Condvar),
}

impl Shared {
    fn publish(&self, catalogue: Arc<Catalogue>) {
        if !Arc::ptr_eq(&self.catalogue.read(), &catalogue) {
            *self.catalogue.write() = catalogue;
        }
    }

    /// Waits for work, a while at most; whether the engine closes.
    fn wait_for_work(&self, timeout: Duration) -> bool {
        let mut guard = self.work.0.lock();
        if !self.closing.load(Ordering::Acquire) {
            self.work.1.wait_for(&mut guard, timeout);
        }
        self.closing.load(Ordering::Acquire)
    }

    fn wake_projection(&self, orders: usize) {
        if orders >= projector::LAYER_ORDERS {
            self.work.1.notify_one();
        }
    }

    fn projected(&self) {
        let _guard = self.room.0.lock();
        self.room.1.notify_all();
    }

    /// Waits until the projection lags behind by no more than `most` orders; whether it does.
    fn wait_for_projection(&self, most: usize, patience: Duration) -> bool {
        let (mut guard, begun) = (self.room.0.lock(), Instant::now());
        while self.layers.read().active.size() > most {
            if begun.elapsed() > patience {
                return false;
            }
            self.room.1.wait_for(&mut guard, Duration::from_millis(100));
        }
        true
    }

    fn snapshot(&self) -> Read<Snapshot<'_>> {
        self.store.snapshot()
    }
}

/// The ledger on one disk.
pub struct Engine {
    shared: Arc<Shared>,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    projector: Option<JoinHandle<()>>,
    log: Arc<Reader>,
    followers: Mutex<Option<Arc<Followers>>>,
    dir: PathBuf,
    lock: File,
}

impl Engine {
    /// Opens or creates the store in `dir`, and brings it up to date with its log.
    ///
    /// # Errors
    /// [`OpenError`] says why not.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        std::fs::create_dir_all(dir)?;
        let lock = lock(dir)?;
        migrate::bring_up(dir)?;
        migrate::check_index(dir)?;
        let (env, tables) = Store::open_env(&dir.join("index"), options.map_bytes)?;
        let applied = Store::number(&env, &tables, APPLIED)?;
        let rules_version = Store::number(&env, &tables, RULES_VERSION)?;
        let log = Log::open(&dir.join("log"), applied)?;
        let (exponent, policy) = (options.settings.exponent, options.settings.policy);
        let store = Store::new(env, tables, log.reader(), exponent);
        let mut driver = Serial::new(options.settings);
        let base = store.snapshot()?;
        driver.load(base.catalogue()?, rules_version, base.keeps_stock()?, base.releases()?);
        drop(base);
        let (layers, last) = replay(&mut driver, &store, applied, log.end())?;
        let reader = log.reader();
        let shared = Arc::new(Shared {
            layers: RwLock::new(layers),
            store,
            catalogue: RwLock::new(driver.catalogue()),
            clock: options.clock,
            exponent,
            policy,
            disk: Disk::new(dir.to_owned(), options.min_free_bytes),
            queued_bytes: AtomicUsize::new(0),
            commits: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            applied: AtomicU64::new(applied),
            measured: Arc::default(),
            end: watch::Sender::new(log.end()),
            closing: AtomicBool::new(false),
            work: Default::default(),
            room: Default::default(),
        });
        let (jobs, queue) = crossbeam_channel::bounded(QUEUE_CALLS_MAX);
        let writer = Writer { driver, log, jobs: queue, shared: shared.clone(), last };
        let projecting = shared.clone();
        Ok(Self {
            shared,
            jobs: Some(jobs),
            writer: Some(thread("writer", move || writer.run())?),
            projector: Some(thread("projector", move || projector::run(&projecting))?),
            log: reader,
            followers: Mutex::default(),
            dir: dir.to_owned(),
            lock,
        })
    }

    /// Commits since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// How commits fared since the store was opened.
    #[must_use]
    pub fn measured(&self) -> Arc<Commits> {
        self.shared.measured.clone()
    }

    /// Where the log ends, in bytes: told anew after each commit. Waiting for it to grow costs
    /// the writer nothing but waking whoever waits at that moment.
    #[must_use]
    pub fn end(&self) -> watch::Receiver<u64> {
        self.shared.end.subscribe()
    }

    /// Bytes of documents that wait to be decided.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.shared.queued_bytes.load(Ordering::Relaxed)
    }

    /// Calls that wait to be decided.
    #[must_use]
    pub fn queued_calls(&self) -> usize {
        self.jobs.as_ref().map_or(0, Sender::len)
    }

    /// Requests committed since the store was opened.
    #[must_use]
    pub fn committed_requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Bytes of the log that are not in the projection yet.
    #[must_use]
    pub fn projection_lag_bytes(&self) -> u64 {
        let applied = self.shared.applied.load(Ordering::Relaxed);
        self.log.end().saturating_sub(applied)
    }

    /// Whether the disk has more room than the threshold.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.shared.disk.has_room()
    }

    /// Free bytes of the store's disk, when the system tells.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        self.shared.disk.free_bytes()
    }

    /// Bytes of the log.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.log.end()
    }

    /// Whether the writer still works: it stops only at a broken invariant.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| !writer.is_finished())
    }

    /// How many orders a list has: those of the projection, less and plus what layers changed.
    fn count(&self, by: &By) -> Read<u64> {
        let layers = self.shared.layers.read_recursive();
        let base = self.shared.snapshot()?;
        let mut count = base.list_length(by)?;
        let later = layers.frozen.iter().flat_map(|frozen| frozen.orders.iter());
        let mut newest: std::collections::BTreeMap<_, _> = later.collect();
        newest.extend(layers.active.orders.iter());
        let nothing = View::new([None, None, None], &base);
        for (seq, entry) in newest {
            if base.is_filed(*seq)? && service::layer::matches(by, &nothing.entry(*seq)?.state) {
                count -= 1;
            }
            count += u64::from(service::layer::matches(by, &entry.state));
        }
        Ok(count)
    }

    fn enqueue(
        &self,
        requests: Vec<Request>,
        calls: Calls,
    ) -> Result<oneshot::Receiver<writer::Reply>, Unavailable> {
        let jobs = self.jobs.as_ref().ok_or(Unavailable::Closed)?;
        let (catalogue, now) = (self.catalogue(), (self.shared.clock)());
        let ready = |request| prepare(request, &catalogue, now, self.shared.exponent);
        let call: Vec<Prepared> = requests.into_iter().map(ready).collect();
        let bytes = call.iter().map(weight).sum();
        let queued = self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let (caller, answer) = Caller::here();
        let job = Job { call, bytes, waits: Waits { caller, calls, queued: Instant::now() } };
        let sent = match calls {
            // A batch has few calls under way, each of bounded size: it waits for room.
            Calls::Batch => jobs.send(job).map_err(|_| Unavailable::Closed),
            Calls::Single if queued > QUEUE_BYTES_MAX => Err(Unavailable::Full),
            Calls::Single => jobs.try_send(job).map_err(|error| match error {
                TrySendError::Full(_) => Unavailable::Full,
                TrySendError::Disconnected(_) => Unavailable::Closed,
            }),
        };
        if let Err(error) = sent {
            self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(error);
        }
        Ok(answer)
    }
}

fn answers<'a>(
    queued: Result<oneshot::Receiver<writer::Reply>, Unavailable>,
) -> Task<'a, Result<Vec<Answer>, Unavailable>> {
    Box::pin(async move { Ok(queued?.await.map_err(|_| Unavailable::OutcomeUnknown)??.answers) })
}

/// Finishes what was accepted, and writes what is left to the projection.
impl Drop for Engine {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
        self.shared.closing.store(true, Ordering::Release);
        self.shared.work.1.notify_all();
        if let Some(projector) = self.projector.take() {
            drop(projector.join());
        }
        // In so many words: a process that is being started by another thread of this one holds
        // a copy of the file for a moment, and with it the lock.
        let _ = rustix::fs::flock(&self.lock, rustix::fs::FlockOperation::Unlock);
    }
}

fn weight(request: &Prepared) -> usize {
    match request {
        Prepared::Receive(order) => order.document.len(),
        Prepared::Unpriceable(audit) => audit.document.len(),
        Prepared::Once(once) => weight(&once.request),
        Prepared::Settle(settle) => 256 + settle.with.as_ref().map_or(0, weight),
        Prepared::Other(Request::Amend(amend)) => amend.document.len(),
        Prepared::Other(Request::Audit(audit)) => 256 + audit.document.len(),
        Prepared::Other(Request::Bury(letter)) => {
            256 + letter.payload.as_ref().map_or(0, |payload| payload.len())
        }
        Prepared::Other(_) => 256,
    }
}

fn thread(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, std::io::Error> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let flock = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    flock.map_err(|_| OpenError::Held(dir.to_owned()))?;
    Ok(file)
}

/// Applies the changes that the projection does not have; writes them to it where they are many.
fn replay(
    driver: &mut Serial,
    store: &Store,
    applied: u64,
    end: u64,
) -> Result<(Layers, Timestamp), OpenError> {
    let (mut layers, mut at, mut last) = (Layers::default(), applied, Timestamp::default());
    while at < end {
        let mut changes = Vec::new();
        at = store.log.scan(at, end, |seq, body| {
            let change = decode(&body).map_err(|_| log::Error::Damaged { at: seq.0 })?;
            last = last.max(change.at);
            changes.push((seq, change));
            Ok::<_, log::Error>(changes.len() < REPLAY_CHANGES)
        })?;
        let base = store.snapshot()?;
        driver.replay(changes, at, &mut layers, &base)?;
        drop(base);
        if layers.active.size() >= projector::LAYER_ORDERS {
            store.project(&layers.active)?;
            layers.active = Default::default();
        }
    }
    Ok((layers, last))
}

impl Changes for Engine {
    fn read(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        let failed = |error: log::Error| Unavailable::Read(error.to_string());
        let cursor = |_| Unavailable::Cursor;
        let from = after.map_or(Ok(0), |seq| self.log.after(seq)).map_err(cursor)?;
        let mut found = Vec::new();
        if limit > 0 {
            let scanned = self.log.scan(from, self.log.end(), |seq, body| {
                let change = decode(&body).map_err(|_| log::Error::Damaged { at: seq.0 })?;
                found.push((seq, change));
                Ok(found.len() < limit)
            });
            scanned.map_err(failed)?;
        }
        Ok(found)
    }

    fn change(&self, seq: Seq) -> Result<Change, Unavailable> {
        self.log.change(seq).map_err(|error| Unavailable::Read(error.to_string()))
    }

    fn scan(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Seq, Change),
    ) -> Result<(), Unavailable> {
        let until = until.0.min(self.log.end());
        let scanned = self.log.scan(from.0, until, |seq, body| {
            visit(seq, decode(&body).map_err(|_| log::Error::Damaged { at: seq.0 })?);
            Ok::<_, log::Error>(true)
        });
        scanned.map(|_| ()).map_err(|error| Unavailable::Read(error.to_string()))
    }
}

impl Ledger for Engine {
    fn execute(&self, requests: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        // Queued now, not when the future is first polled: calls keep the order they came in.
        answers(self.enqueue(requests, Calls::Single))
    }

    fn execute_timed(&self, requests: Vec<Request>) -> Task<'_, Result<Timed, Unavailable>> {
        let queued = self.enqueue(requests, Calls::Single);
        Box::pin(async move {
            let done = queued?.await.map_err(|_| Unavailable::OutcomeUnknown)??;
            Ok(Timed { answers: done.answers, moments: Some(done.moments) })
        })
    }

    fn execute_patiently(
        &self,
        requests: Vec<Request>,
    ) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        answers(self.enqueue(requests, Calls::Batch))
    }

    fn look(&self, look: &mut Look<'_>) -> Result<(), Unavailable> {
        let layers = self.shared.layers.read_recursive();
        let base = self.shared.snapshot()?;
        let layers = [Some(&layers.active), layers.frozen.as_deref(), None];
        look(&View::<dyn Base>::new(layers, &base))
    }

    fn policy(&self) -> Policy {
        self.shared.policy
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.shared.catalogue.read().clone()
    }
}
