//! Runs batches beside a server: one thread each, resumed after a restart.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use domain::id::BatchId;
use domain::order::Channel;
use engine::Engine;
use messages::{Arg, Phrase, id};
use parking_lot::Mutex;
use service::batch::rejects::Shape;
use service::batch::run::{self, Control, Error, Finished, Options};
use service::batch::summary::{Summary, records_from, summary};
use service::batch::{BatchState, BatchStatus, Tolerance, dry::DryLedger, rejects, report};
use service::ledger::{Ledger, Task, Unavailable};
use service::wire::document;
use service::wire::message::Lang;
use web::batches::{BatchError, BatchRuns, Format, Lines, Live, NewBatch, Shown, Started};

use crate::input::Input;
use crate::installation::clock;

/// Batches that run at the same time: each has threads of its own, on few cores.
const RUNNING_MAX: usize = 4;
/// Summaries of dry runs that are kept, the oldest go.
const DRY_RUNS_KEPT: usize = 100;
/// Threads that check one batch's orders.
pub(crate) const CHECKING_THREADS: usize = 2;

/// How long a batch waits before it goes on where the ledger could not take more, doubled each
/// time it still cannot.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// The longest such wait: whoever makes room sees work go on within it.
const RETRY_LAST: Duration = Duration::from_secs(30);

/// Runs batches.
pub(crate) struct Runner {
    engine: Arc<Engine>,
    documents: document::Settings,
    spool: PathBuf,
    running: Mutex<HashMap<BatchId, Arc<Control>>>,
    dry: Mutex<Vec<(BatchState, Summary)>>,
    closing: AtomicBool,
}

/// Whether two files hold the same bytes.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let hash = |mut file: File| -> io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut file, &mut hasher)?;
        Ok(hasher.finalize())
    };
    Ok(hash(one)? == hash(other)?)
}

/// Whether what the ledger says may pass by itself.
fn passes(why: &Unavailable) -> bool {
    match why {
        Unavailable::Full | Unavailable::DiskSpace | Unavailable::OutcomeUnknown => true,
        Unavailable::Closed | Unavailable::Cursor | Unavailable::Read(_) => false,
    }
}

impl Runner {
    pub(crate) fn new(
        engine: Arc<Engine>,
        documents: document::Settings,
        spool: PathBuf,
    ) -> Arc<Self> {
        let (running, dry) = (Mutex::default(), Mutex::default());
        let closing = AtomicBool::new(false);
        Arc::new(Self { engine, documents, spool, running, dry, closing })
    }

    /// The options of a run.
    pub(crate) fn options(&self, id: BatchId, input: &Input) -> Options {
        Options {
            id,
            format: input.format.clone(),
            orders_at: input.header.orders_at,
            max_concurrency: None,
            threads: CHECKING_THREADS,
            tolerance: Tolerance::default(),
            metadata: input.metadata(),
            rules: input.header.pricing_rules.clone(),
            spool: None,
            settings: self.documents.clone(),
            channel: Channel::Batch,
        }
    }

    /// Goes on with batches that a crash or a stop of the server interrupted.
    pub(crate) fn resume(self: &Arc<Self>) -> Result<(), Unavailable> {
        let (mut interrupted, mut after) = (Vec::new(), None);
        loop {
            let page = self.engine.batches(after.as_ref(), 100)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id.clone());
            interrupted.extend(page.into_iter().filter(|s| s.status == BatchStatus::Running));
        }
        if !interrupted.is_empty() {
            let runner = self.clone();
            let thread = std::thread::Builder::new().name("resume".to_owned());
            let spawned = thread.spawn(move || interrupted.iter().for_each(|s| runner.go_on(s)));
            drop(spawned.map_err(|error| tracing::error!(%error, "batches were not resumed")));
        }
        Ok(())
    }

    /// Goes on with one batch, once there is room for it.
    fn go_on(self: &Arc<Self>, state: &BatchState) {
        let Some(spool) = state.spool.as_deref() else { return };
        // A store that was moved, or made of a backup, has its bodies elsewhere than it wrote.
        let moved = Path::new(spool).file_name().map(|name| self.spool.join(name));
        let spool = moved.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(spool));
        let input = match Input::look(&spool, None) {
            Ok(input) => input,
            Err(error) => {
                tracing::error!(batch.id = %state.id, %error, "spooled batch is gone");
                return;
            }
        };
        let mut options = self.options(state.id.clone(), &input);
        options.tolerance = state.tolerance;
        options.metadata = state.metadata.to_string();
        options.spool = Some(spool.to_string_lossy().into_owned());
        while !self.closing.load(Ordering::Relaxed) {
            match self.spawn(options.clone(), input.clone()) {
                Err(BatchError::Busy) => std::thread::sleep(Duration::from_millis(50)),
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Stops every batch at its next checkpoint without closing it, and waits.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        for control in self.running.lock().values() {
            control.pause();
        }
        while !self.running.lock().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts a thread; returns once the batch is on record.
    fn spawn(
        self: &Arc<Self>,
        options: Options,
        input: Input,
    ) -> Result<mpsc::Receiver<Result<Started, BatchError>>, BatchError> {
        let control = Arc::new(Control::default());
        {
            let mut running = self.running.lock();
            if running.len() >= RUNNING_MAX || running.contains_key(&options.id) {
                return Err(BatchError::Busy);
            }
            running.insert(options.id.clone(), control.clone());
        }
        let (started, wait) = mpsc::sync_channel(1);
        let runner = self.clone();
        let thread = std::thread::Builder::new().name("batch".to_owned());
        let spawned = thread.spawn(move || {
            let opened =
                |state: &BatchState| drop(started.try_send(Ok(Started::New(state.clone()))));
            let result = match runner.run(&options, &input, &control, opened) {
                Ok(done) => {
                    // A repetition is answered by what was: its input is whoever's sent it.
                    if done.state.status != BatchStatus::Running && !done.is_repeat {
                        drop(std::fs::remove_file(&input.path));
                    }
                    Ok(Started::Known(done.state))
                }
                Err(error) => {
                    // What the sender is told, and can mend, is no fault of ours.
                    let error = match runner.error(&options.id, error) {
                        told @ (BatchError::OtherContent(_)
                        | BatchError::Malformed(_)
                        | BatchError::Rules(_)) => told,
                        error => {
                            tracing::error!(batch.id = %options.id, %error, "batch interrupted");
                            error
                        }
                    };
                    Err(error)
                }
            };
            runner.running.lock().remove(&options.id);
            // When it was on record already, nobody waits for this any more.
            drop(started.try_send(result));
        });
        spawned.map_err(BatchError::Io)?;
        Ok(wait)
    }

    /// Runs a batch on this thread, and goes on when the ledger could not take more for a while:
    /// a full disk, or a commit that failed. `opened` is called once it is on record; what fails
    /// before that is for whoever sent it.
    fn run(
        &self,
        options: &Options,
        input: &Input,
        control: &Control,
        opened: impl Fn(&BatchState),
    ) -> Result<Finished, Error> {
        let is_open = AtomicBool::new(false);
        let mut wait = RETRY_FIRST;
        loop {
            let open = || File::open(&input.path);
            let done = run::run(&*self.engine, options, control, open, |state| {
                is_open.store(true, Ordering::Relaxed);
                opened(state);
            });
            match done {
                Err(Error::Ledger(why)) if is_open.load(Ordering::Relaxed) && passes(&why) => {
                    tracing::warn!(batch.id = %options.id, error = %why, "batch waits: {why}");
                    if !self.sleep(wait) {
                        return Err(Error::Ledger(why));
                    }
                    wait = (wait * 2).min(RETRY_LAST);
                }
                done => return done,
            }
        }
    }

    /// Runs a batch on this thread, as one of those that run; waits for its turn.
    pub(crate) fn run_now(&self, options: &Options, input: &Input) -> Result<Finished, Error> {
        let control = Arc::new(Control::default());
        loop {
            let mut running = self.running.lock();
            if running.len() < RUNNING_MAX && !running.contains_key(&options.id) {
                running.insert(options.id.clone(), control.clone());
                break;
            }
            drop(running);
            if !self.sleep(Duration::from_millis(50)) {
                return Err(Error::Ledger(Unavailable::Closed));
            }
        }
        let done = self.run(options, input, &control, |_| ());
        self.running.lock().remove(&options.id);
        done
    }

    /// The ledger that batches go into.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether the program closes.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Sleeps, unless the program closes; whether it does not.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.closing.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        !self.closing.load(Ordering::Relaxed)
    }

    pub(crate) fn error(&self, id: &BatchId, error: Error) -> BatchError {
        match error {
            Error::OtherContent(_) => match self.engine.batch(id) {
                Ok(Some(state)) => BatchError::OtherContent(Box::new(state)),
                Ok(None) => BatchError::Unknown,
                Err(error) => BatchError::Unavailable(error),
            },
            Error::Input(error) if error.kind() == io::ErrorKind::InvalidData => {
                BatchError::Malformed(reason(&error))
            }
            Error::Input(error) => BatchError::Io(error),
            Error::Ledger(error) => BatchError::Unavailable(error),
            Error::Rules(violations) => BatchError::Rules(violations),
            Error::Metadata => BatchError::Malformed(id!("input-metadata").into()),
        }
    }

    fn start_now(self: &Arc<Self>, new: NewBatch) -> Result<Started, BatchError> {
        let malformed = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => BatchError::Malformed(reason(&error)),
            _ => BatchError::Io(error),
        };
        let input = Input::look(&new.path, Some(new.format)).map_err(malformed)?;
        let id = new.id.map_or_else(|| input.id(), Ok).map_err(malformed)?;
        let mut options = self.options(id.clone(), &input);
        options.tolerance = new.tolerance;
        options.spool = Some(new.path.to_string_lossy().into_owned());
        options.max_concurrency = new.max_concurrency.map(u64::from);
        if new.dry_run {
            return self.dry_run(&options, &input).map_err(|e| self.error(&id, e));
        }
        self.start_input(options, input)
    }

    fn start_input(
        self: &Arc<Self>,
        options: Options,
        input: Input,
    ) -> Result<Started, BatchError> {
        if let Some(answer) = self.runs_already(&options.id, &input) {
            return answer;
        }
        let wait = self.spawn(options, input)?;
        wait.recv().map_err(|_| BatchError::Unavailable(Unavailable::Closed))?
    }

    /// What the start of a batch that runs is answered with: its run, when it is the same content.
    fn runs_already(&self, id: &BatchId, input: &Input) -> Option<Result<Started, BatchError>> {
        let state = self.running.lock().get(id)?.state()?;
        // A spooled body that is gone belongs to a run that has just ended.
        let is_same = is_same(Path::new(state.spool.as_deref()?), &input.path).ok()?;
        Some(if is_same {
            Ok(Started::Known(state))
        } else {
            Err(BatchError::OtherContent(Box::new(state)))
        })
    }

    fn dry_run(&self, options: &Options, input: &Input) -> Result<Started, Error> {
        let done = run_dry(&*self.engine, options, input)?;
        drop(std::fs::remove_file(&input.path));
        let mut kept = self.dry.lock();
        if kept.len() == DRY_RUNS_KEPT {
            kept.remove(0);
        }
        kept.push((done.state.clone(), done.summary));
        Ok(Started::New(done.state))
    }

    fn state(&self, id: &BatchId) -> Result<BatchState, BatchError> {
        if let Some(state) = self.engine.batch(id)? {
            return Ok(state);
        }
        let dry = self.dry.lock();
        let found = dry.iter().rev().find(|(state, _)| state.id == *id);
        found.map(|(state, _)| state.clone()).ok_or(BatchError::Unknown)
    }

    fn summary_now(&self, id: &BatchId) -> Result<serde_json::Value, BatchError> {
        let state = self.state(id)?;
        let dry = self.dry.lock().iter().rev().find(|(s, _)| s.id == *id).map(|(_, s)| s.clone());
        let sums = match self.engine.batch(id)? {
            Some(_) => summary(&*self.engine, &state)?,
            None => dry.unwrap_or_default(),
        };
        let report = report::report(&*self.engine, &state, &sums)?;
        serde_json::to_value(report).map_err(|e| BatchError::Io(e.into()))
    }

    /// Sends what became of each item to `lines`; what failed to be read ends it.
    fn send_results(
        &self,
        state: &BatchState,
        show: Shown,
        lines: &tokio::sync::mpsc::Sender<io::Result<bytes::Bytes>>,
    ) {
        let (exponent, mut left) = (self.engine.catalogue().exponent, show.limit);
        let sent = records_from(&*self.engine, state, show.first, &mut |_, change| {
            let line = report::line(&change, exponent, show.lang);
            let Some(line) = line.filter(|_| !show.only_failed || report::has_failed(&change))
            else {
                return ControlFlow::Continue(());
            };
            left = left.saturating_sub(1);
            // A receiver that is gone wants no more.
            match lines.blocking_send(Ok(line.into())) {
                Ok(()) if left > 0 => ControlFlow::Continue(()),
                Ok(()) | Err(_) => ControlFlow::Break(()),
            }
        });
        if let Err(error) = sent {
            drop(lines.blocking_send(Err(io::Error::other(error))));
        }
    }

    /// A batch with items on record: a dry run has none.
    fn recorded(&self, id: &BatchId) -> Result<BatchState, BatchError> {
        let recorded = self.engine.batch(id)?;
        recorded.map_or_else(|| Err(BatchError::WrongState(Box::new(self.state(id)?))), Ok)
    }

    fn redrive_now(self: &Arc<Self>, id: &BatchId) -> Result<Started, BatchError> {
        let state = self.recorded(id)?;
        if state.status == BatchStatus::Running {
            return Err(BatchError::WrongState(Box::new(state)));
        }
        let next = (1..).map(|n| format!("{id}.redrive-{n}"));
        let unused = next.map(|name| BatchId::parse(&name)).find(|name| match name {
            Ok(name) => !matches!(self.engine.batch(name), Ok(Some(_))),
            Err(_) => true,
        });
        let Some(Ok(name)) = unused else { return Err(BatchError::WrongState(Box::new(state))) };
        let format = match rejects::shape(&*self.engine, &state)? {
            Shape::Table => Format::Table,
            Shape::Lines | Shape::Document => Format::JsonLines,
        };
        let hash = blake3::hash(name.as_str().as_bytes()).to_hex();
        let path = self.spool.join(format!("redrive-{hash}.{}", format.suffix()));
        let started = self.write_rejects(&state, format, &path).and_then(|()| {
            let input = Input::look(&path, Some(format))?;
            let mut options = self.options(name, &input);
            options.tolerance = state.tolerance;
            options.max_concurrency = state.max_concurrency;
            options.metadata = state.metadata.to_string();
            options.rules = self.rules_of(&state)?;
            options.spool = Some(path.to_string_lossy().into_owned());
            self.start_input(options, input)
        });
        if !matches!(started, Ok(Started::New(_))) {
            drop(std::fs::remove_file(&path));
        }
        started
    }

    /// What a batch did not take, as a file, synced.
    pub(crate) fn write_rejects(
        &self,
        state: &BatchState,
        format: Format,
        path: &Path,
    ) -> Result<(), BatchError> {
        let shape = match format {
            Format::Table => Shape::Table,
            Format::JsonDocument => Shape::Document,
            Format::JsonLines => Shape::Lines,
        };
        let mut out = io::BufWriter::new(File::create(path)?);
        rejects::write(&*self.engine, state, shape, Lang::En, &mut out)?;
        Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?)
    }

    /// The rules that a batch was priced by, where they were its own.
    fn rules_of(&self, state: &BatchState) -> Result<Option<Vec<u8>>, BatchError> {
        let rules = state.rules.map(|version| self.engine.rules(version)).transpose()?.flatten();
        Ok(rules.map(|rules| rules.source.clone().into_bytes()))
    }
}

/// Runs a batch without any effect.
pub(crate) fn run_dry(
    ledger: &dyn Ledger,
    options: &Options,
    input: &Input,
) -> Result<Finished, Error> {
    let dry = DryLedger::new(ledger, clock())?;
    run::run(&dry, options, &Control::default(), || File::open(&input.path), |_| ())
}

/// Does blocking work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BatchError> + Send + 'static,
) -> Result<T, BatchError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| BatchError::Unavailable(Unavailable::Closed))?
}

/// The runner as the web crate's port.
pub(crate) struct Port(pub(crate) Arc<Runner>);

impl BatchRuns for Port {
    fn start(&self, new: NewBatch) -> Task<'_, Result<Started, BatchError>> {
        let runner = self.0.clone();
        Box::pin(blocking(move || runner.start_now(new)))
    }

    fn stop(&self, id: &BatchId) -> Task<'_, Result<BatchState, BatchError>> {
        let (runner, id) = (self.0.clone(), id.clone());
        Box::pin(blocking(move || {
            let control = runner.running.lock().get(&id).cloned();
            let Some(control) = control else {
                return Err(BatchError::WrongState(Box::new(runner.state(&id)?)));
            };
            control.stop();
            while runner.running.lock().contains_key(&id) {
                std::thread::sleep(Duration::from_millis(2));
            }
            runner.state(&id)
        }))
    }

    fn redrive(&self, id: &BatchId) -> Task<'_, Result<Started, BatchError>> {
        let (runner, id) = (self.0.clone(), id.clone());
        Box::pin(blocking(move || runner.redrive_now(&id)))
    }

    fn summary(&self, id: &BatchId) -> Task<'_, Result<serde_json::Value, BatchError>> {
        let (runner, id) = (self.0.clone(), id.clone());
        Box::pin(blocking(move || runner.summary_now(&id)))
    }

    fn results(&self, id: &BatchId, show: Shown) -> Task<'_, Result<Lines, BatchError>> {
        let (runner, id) = (self.0.clone(), id.clone());
        Box::pin(async move {
            let state = runner.recorded(&id)?;
            let (lines, receiver) = tokio::sync::mpsc::channel(256);
            tokio::task::spawn_blocking(move || runner.send_results(&state, show, &lines));
            Ok(receiver)
        })
    }

    fn dry_run(&self, id: &BatchId) -> Option<BatchState> {
        self.0.dry.lock().iter().rev().find(|(state, _)| state.id == *id).map(|(s, _)| s.clone())
    }

    fn live(&self, id: &BatchId) -> Option<Live> {
        let control = self.0.running.lock().get(id).cloned()?;
        let state = control.state();
        Some(Live {
            running: control.in_flight(),
            total: state.as_ref().and_then(|s| s.total),
            results_written: state.map_or(0, |s| s.counts.done()),
            timed_out: 0,
        })
    }
}

/// Why an input cannot be read: ours in the reader's language, others in their own words.
pub(crate) fn reason(error: &io::Error) -> Arg {
    let ours = error.get_ref().and_then(|error| error.downcast_ref::<Phrase>());
    ours.map_or_else(|| error.to_string().into(), |phrase| phrase.clone().into())
}
