//! Runs batches beside a server: one thread each, resumed after a restart.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use domain::event::Event;
use domain::id::BatchId;
use domain::order::Channel;
use engine::Engine;
use parking_lot::Mutex;
use service::batch::run::{self, Control, Error, Finished, Options};
use service::batch::summary::{Summary, records, summary};
use service::batch::{BatchState, BatchStatus, Tolerance, dry::DryLedger, report};
use service::change::What;
use service::ledger::{Ledger, Task, Unavailable};
use service::wire::document;
use service::wire::message::Lang;
use web::batches::{BatchError, BatchRuns, Format, Lines, Live, NewBatch, Started};

use crate::input::Input;
use crate::installation::clock;

/// Batches that run at the same time: each has threads of its own, on few cores.
const RUNNING_MAX: usize = 4;
/// Summaries of dry runs that are kept, the oldest go.
const DRY_RUNS_KEPT: usize = 100;
/// Threads that check one batch's orders.
pub(crate) const CHECKING_THREADS: usize = 2;

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
            let ledger: &dyn Ledger = &*runner.engine;
            let opened =
                |state: &BatchState| drop(started.try_send(Ok(Started::New(state.clone()))));
            let done = run::run(ledger, &options, &control, || File::open(&input.path), opened);
            let result = match done {
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
                        told @ (BatchError::OtherContent(_) | BatchError::Malformed(_)) => told,
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

    fn error(&self, id: &BatchId, error: Error) -> BatchError {
        match error {
            Error::OtherContent(_) => match self.engine.batch(id) {
                Ok(Some(state)) => BatchError::OtherContent(Box::new(state)),
                Ok(None) => BatchError::Unknown,
                Err(error) => BatchError::Unavailable(error),
            },
            Error::Input(error) if error.kind() == io::ErrorKind::InvalidData => {
                BatchError::Malformed(error.to_string())
            }
            Error::Input(error) => BatchError::Io(error),
            Error::Ledger(error) => BatchError::Unavailable(error),
            Error::Rules(violations) => BatchError::Rules(violations),
            Error::Metadata => BatchError::Malformed(error.to_string()),
        }
    }

    fn start_now(self: &Arc<Self>, new: NewBatch) -> Result<Started, BatchError> {
        let malformed = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData => BatchError::Malformed(error.to_string()),
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
        if let Some(answer) = self.runs_already(&id, &input) {
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
        lang: Lang,
        lines: &tokio::sync::mpsc::Sender<io::Result<bytes::Bytes>>,
    ) {
        let exponent = self.engine.catalogue().exponent;
        let sent = records(&*self.engine, state, &mut |_, change| {
            if let Some(line) = report::line(&change, exponent, lang) {
                // A receiver that is gone wants no more; the scan is bounded by the batch.
                drop(lines.blocking_send(Ok(line.into())));
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
        let mut failed = Vec::new();
        records(&*self.engine, &state, &mut |_, change| {
            failed.extend(failed_document(change.what));
        })?;
        let next = (1..).map(|n| format!("{id}.redrive-{n}"));
        let unused = next.map(|name| BatchId::parse(&name)).find(|name| match name {
            Ok(name) => !matches!(self.engine.batch(name), Ok(Some(_))),
            Err(_) => true,
        });
        let Some(Ok(name)) = unused else { return Err(BatchError::WrongState(Box::new(state))) };
        // Not where the batch had its body: that may be another machine's folder.
        let path =
            self.spool.join(format!("redrive-{}.jsonl", blake3::hash(name.as_str().as_bytes())));
        write_lines(&path, &failed)?;
        self.start_now(NewBatch {
            id: Some(name),
            format: Format::JsonLines,
            path,
            tolerance: state.tolerance,
            max_concurrency: None,
            dry_run: false,
        })
    }
}

/// The document of an item that failed, to be sent again: what was no order, and commands that
/// were refused.
fn failed_document(what: What) -> Option<bytes::Bytes> {
    match what {
        What::Audit(audit) => Some(audit.document),
        What::Stray(stray) => stray.document,
        What::Order { events, document, .. } => {
            document.filter(|_| matches!(events.first(), Some(Event::Refused(_))))
        }
        What::Flood(_)
        | What::Stock { .. }
        | What::Released { .. }
        | What::Products(_)
        | What::Customer(_)
        | What::Rules { .. }
        | What::Kept(_)
        | What::Batch(_) => None,
    }
}

/// Documents as JSON Lines, synced. Line ends inside a document are white space to JSON.
fn write_lines(path: &Path, documents: &[bytes::Bytes]) -> io::Result<()> {
    use std::io::Write;
    let mut out = io::BufWriter::new(File::create(path)?);
    for document in documents {
        let line: Vec<u8> = document
            .iter()
            .map(|b| if matches!(b, b'\n' | b'\r') { &b' ' } else { b })
            .copied()
            .collect();
        out.write_all(&line)?;
        out.write_all(b"\n")?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
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
async fn blocking<T: Send + 'static>(
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

    fn results(&self, id: &BatchId, lang: Lang) -> Task<'_, Result<Lines, BatchError>> {
        let (runner, id) = (self.0.clone(), id.clone());
        Box::pin(async move {
            let state = runner.recorded(&id)?;
            let (lines, receiver) = tokio::sync::mpsc::channel(256);
            tokio::task::spawn_blocking(move || runner.send_results(&state, lang, &lines));
            Ok(receiver)
        })
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
