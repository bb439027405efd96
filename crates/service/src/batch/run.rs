//! Runs a batch: reads, checks in parallel, commits in the input's order. Threads around the
//! step machine; never a barrier.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use domain::command;
use domain::id::{BatchId, MerchantId, OrderId};
use domain::order::{BatchItem, Channel, InputPlace};
use parking_lot::Mutex;

use crate::change::{Audit, Fault, Origin};
use crate::ledger::{
    Amend, Answer, BatchRules, Cancel, Ledger, REQUESTS_PER_CALL_MAX, Receive, Request, Task,
    Unavailable,
};
use crate::prepare::cut;
use crate::wire::document::{self, Command, MissingId};
use crate::wire::rules::RuleViolation;
use crate::wire::violation::{Code, Severity};

use super::machine::{Machine, Parsed, Step};
use super::open::{batch_rules, open_batch, prefix, remembering};
use super::split::{Chunk, Flaw, Format, Splitter};
use super::state::{BatchState, BatchStatus, ContentHash, Tolerance};
use super::summary::{Asked, Summary};

/// Items of one commit at most, unless concurrency is bounded lower.
pub(super) const CHUNK_ITEMS: usize = 512;
/// Commits that may be under way: one is written while the next are decided and checked.
const CALLS_IN_FLIGHT: usize = 6;
/// Chunks that may wait between reading and committing.
const CHUNKS_WAITING: usize = 8;
/// Default for the most items in flight.
pub const MAX_CONCURRENCY: usize = CHUNK_ITEMS * CALLS_IN_FLIGHT;

/// How a batch is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its id.
    pub id: BatchId,
    /// How its input is laid out.
    pub format: Format,
    /// Where the first order may begin in the input.
    pub orders_at: u64,
    /// Most items in flight; [`MAX_CONCURRENCY`] when absent. An earlier run's, when it goes on.
    pub max_concurrency: Option<u64>,
    /// Threads that check orders.
    pub threads: usize,
    /// How much failure it bears.
    pub tolerance: Tolerance,
    /// The sender's metadata, a JSON object.
    pub metadata: String,
    /// Rules of its own, as JSON; they replace the installation's unless they say `extend`.
    pub rules: Option<Vec<u8>>,
    /// The spooled input of a batch that the server runs.
    pub spool: Option<String>,
    /// How its documents are read; the channel of those that name none is `channel`.
    pub settings: document::Settings,
    /// Where it came in.
    pub channel: Channel,
}

/// Why a batch was not run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A batch of that id has other content.
    #[error("batch {0} exists with other content")]
    OtherContent(BatchId),
    /// The input could not be read.
    #[error("read the batch's input")]
    Input(#[from] io::Error),
    /// The ledger could not take more; run it again to go on from its last checkpoint.
    #[error("the ledger stopped: {0}")]
    Ledger(#[from] Unavailable),
    /// Its rules do not compile.
    #[error("the batch's pricing rules break {} rules", .0.len())]
    Rules(Vec<RuleViolation>),
    /// Its metadata is no JSON object of short texts.
    #[error("metadata must be a JSON object of texts, numbers and booleans")]
    Metadata,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The batch.
    pub state: BatchState,
    /// What it came to.
    pub summary: Summary,
    /// It had been done before: this is what it came to then.
    pub is_repeat: bool,
    /// Items done by an earlier, interrupted run.
    pub resumed_at: u64,
}

/// Stops a batch, and says how far it is.
#[derive(Debug, Default)]
pub struct Control {
    stop: AtomicBool,
    pause: AtomicBool,
    in_flight: AtomicU64,
    state: Mutex<Option<BatchState>>,
}

impl Control {
    /// Takes no more items; what is under way is finished.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Takes no more items and leaves the batch open, to go on after a restart.
    pub fn pause(&self) {
        self.pause.store(true, Ordering::Relaxed);
    }

    /// Items executed but not answered.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The batch as of its last commit.
    #[must_use]
    pub fn state(&self) -> Option<BatchState> {
        self.state.lock().clone()
    }
}

/// Runs a batch to its end, from where an earlier run of it stopped. `open` gives the input from
/// its beginning; `opened` is called once the batch is on record and before its first item.
///
/// # Errors
/// [`Error`]; what was committed stays done, and running it again goes on from there.
pub fn run<R: Read + Send>(
    ledger: &dyn Ledger,
    options: &Options,
    control: &Control,
    open: impl Fn() -> io::Result<R>,
    opened: impl FnOnce(&BatchState),
) -> Result<Finished, Error> {
    let stored = ledger.batch(&options.id)?;
    let mut input = open()?;
    let at = stored.as_ref().map_or(options.orders_at, |s| s.offset.max(options.orders_at));
    let read = prefix(&mut input, at)?;
    let mut summary = Summary::default();
    if let Some(state) = &stored {
        let is_done = state.status == BatchStatus::Succeeded;
        let goes_on = is_done && input.read(&mut [0])? > 0;
        if goes_on || (state.offset > 0 && read.hash() != state.hash) {
            return Err(Error::OtherContent(options.id.clone()));
        }
        summary = super::summary::summary(ledger, state)?;
        if is_done {
            let state = state.clone();
            return Ok(Finished { state, summary, is_repeat: true, resumed_at: 0 });
        }
    }
    let state = open_batch(ledger, options, stored)?;
    let rules = batch_rules(ledger, &state)?;
    *control.state.lock() = Some(state.clone());
    opened(&state);
    let resumed_at = state.counts.done();
    let splitter = match options.format {
        Format::Table(_) if at > options.orders_at => remembering(&open, options, at)?,
        Format::JsonLines | Format::Document | Format::Table(_) => {
            Splitter::new(input, &options.format, read)
        }
    };
    let run = Run { ledger, options, control, rules };
    let state = run.pipeline(splitter, state, &mut summary)?;
    Ok(Finished { state, summary, is_repeat: false, resumed_at })
}

/// A chunk on its way from the reader to a checker.
struct Work {
    number: u64,
    first: u64,
    chunk: Chunk,
    hash: ContentHash,
}

/// What comes back to the thread that commits.
enum Event {
    Parsed(Parsed),
    Broken(io::Error),
}

struct Run<'a> {
    ledger: &'a dyn Ledger,
    options: &'a Options,
    control: &'a Control,
    rules: Option<Arc<BatchRules>>,
}

impl Run<'_> {
    fn pipeline<R: Read + Send>(
        &self,
        splitter: Splitter<R>,
        state: BatchState,
        summary: &mut Summary,
    ) -> Result<BatchState, Error> {
        let most = state.max_concurrency.and_then(|most| usize::try_from(most).ok());
        let most = most.unwrap_or(MAX_CONCURRENCY);
        let items = most.clamp(1, CHUNK_ITEMS).min(REQUESTS_PER_CALL_MAX - 1);
        let window = (most / items).clamp(1, CALLS_IN_FLIGHT);
        let first = state.counts.done();
        let (to_check, checks) = sync_channel::<Work>(CHUNKS_WAITING);
        let (to_commit, events) = sync_channel::<Event>(CHUNKS_WAITING);
        let checks = Arc::new(Mutex::new(checks));
        std::thread::scope(|scope| {
            let failed = to_commit.clone();
            scope.spawn(move || read(splitter, items, first, &to_check, &failed));
            for _ in 0..self.options.threads.max(1) {
                let (checks, done) = (checks.clone(), to_commit.clone());
                scope.spawn(move || self.check(&checks, &done));
            }
            drop((to_commit, checks));
            // Dropping `events` afterwards ends the other threads, whatever they are at.
            self.commit(Machine::new(state, window), events, summary)
        })
    }

    /// Checks chunks until there are no more.
    fn check(&self, checks: &Mutex<Receiver<Work>>, done: &SyncSender<Event>) {
        loop {
            let next = checks.lock().recv();
            let Ok(work) = next else { return };
            if done.send(Event::Parsed(self.parse(&work))).is_err() {
                return;
            }
        }
    }

    fn parse(&self, work: &Work) -> Parsed {
        let mut settings = self.options.settings.clone();
        settings.missing_id = MissingId::Refuse;
        settings.channel = self.options.channel;
        let (mut line, mut seen) = (work.chunk.line, 0);
        let items = work.chunk.items.iter().zip(work.first..);
        let requests = items.map(|(item, index)| {
            let range = item.range();
            let between = work.chunk.bytes.get(seen..range.start).unwrap_or_default();
            line += memchr::memchr_iter(b'\n', between).count() as u64;
            seen = range.start;
            let at = Some(InputPlace { line, byte: work.chunk.begin + range.start as u64 });
            let place = BatchItem { batch: self.options.id.clone(), index, at };
            self.item(&settings, place, work.chunk.bytes.slice(range), item.flaw)
        });
        Parsed {
            number: work.number,
            requests: requests.collect(),
            end: work.chunk.end,
            hash: work.hash,
            is_last: work.chunk.is_last,
        }
    }

    fn item(
        &self,
        settings: &document::Settings,
        place: BatchItem,
        bytes: Bytes,
        flaw: Option<Flaw>,
    ) -> Request {
        let (document, read) = match &self.options.format {
            _ if flaw == Some(Flaw::TooLarge) => {
                return self.audit(None, None, vec![fault("", "too_large")], place, bytes);
            }
            Format::Table(layout) => (layout.original(&bytes), layout.read(&bytes, settings)),
            Format::JsonLines | Format::Document => {
                let read = document::read(&bytes, settings);
                (bytes, read)
            }
        };
        match flaw {
            Some(Flaw::TooLarge) | None => self.request(read, place, document),
            Some(Flaw::Apart) => {
                let key = read.ok().map(|read| read.key().clone());
                let (id, merchant) = key.map(|key| (key.id, key.merchant)).unzip();
                let faults = vec![fault("/order_id", Code::RowsApart.as_str())];
                self.audit(id, merchant, faults, place, document)
            }
        }
    }

    fn request(
        &self,
        read: Result<document::Read, document::Fault>,
        place: BatchItem,
        document: Bytes,
    ) -> Request {
        match read {
            Ok(read) => match read.command {
                Command::Create(order) => Request::Receive(Box::new(Receive {
                    order,
                    warnings: read.warnings.iter().map(Fault::from).collect(),
                    document,
                    batch: Some(place),
                    rules: self.rules.clone(),
                })),
                Command::Amend(order) => Request::Amend(Box::new(Amend {
                    order,
                    warnings: read.warnings.iter().map(Fault::from).collect(),
                    document,
                    batch: Some(place),
                    revision: None,
                })),
                Command::Cancel(order) => Request::Cancel(Box::new(Cancel {
                    command: command::Cancel {
                        order,
                        reason: None,
                        channel: read.channel,
                        batch: Some(place),
                    },
                    document: Some(document),
                })),
            },
            Err(document::Fault::Malformed(_)) => {
                self.audit(None, None, vec![fault("", "malformed")], place, document)
            }
            Err(document::Fault::Invalid { found, violations }) => {
                let faults = violations.iter().filter(|v| v.severity == Severity::Error);
                let faults = faults.map(Fault::from).collect();
                self.audit(found.id, found.merchant, faults, place, document)
            }
        }
    }

    fn audit(
        &self,
        order: Option<OrderId>,
        merchant: Option<MerchantId>,
        faults: Vec<Fault>,
        place: BatchItem,
        document: Bytes,
    ) -> Request {
        let (origin, batch) = (Origin::of(None, &document), Some(place));
        let (channel, document) = (self.options.channel, cut(&document));
        let audit = Audit { order, merchant, channel, batch, faults, origin, document };
        Request::Audit(Box::new(audit))
    }

    /// Commits chunks in order, with some calls under way at a time.
    fn commit(
        &self,
        mut machine: Machine,
        events: Receiver<Event>,
        summary: &mut Summary,
    ) -> Result<BatchState, Error> {
        let mut under_way: VecDeque<(Task<'_, _>, Vec<Asked>)> = VecDeque::new();
        let mut broken = None;
        loop {
            if self.control.stop.load(Ordering::Relaxed) {
                machine.stop();
            }
            let step = if self.control.pause.load(Ordering::Relaxed) {
                machine.pause()
            } else {
                machine.step()
            };
            match step {
                Step::Done => break,
                Step::Execute(requests) => {
                    let asked: Vec<Asked> = requests.iter().map(asked).collect();
                    self.control.in_flight.fetch_add(asked.len() as u64 - 1, Ordering::Relaxed);
                    under_way.push_back((self.ledger.execute_patiently(requests), asked));
                }
                Step::Wait => {
                    let chunk = if machine.wants_chunk() { events.try_recv().ok() } else { None };
                    if let Some(event) = chunk {
                        take(event, &mut machine, &mut broken);
                    } else if let Some((task, asked)) = under_way.pop_front() {
                        self.answered(&mut machine, &asked, &pollster::block_on(task)?, summary);
                    } else if let Ok(event) = events.recv() {
                        take(event, &mut machine, &mut broken);
                    } else {
                        machine.fail("input_broke_off");
                    }
                }
            }
        }
        drop(events);
        broken.map_or_else(|| Ok(machine.state().clone()), |error| Err(Error::Input(error)))
    }

    /// The oldest call was answered: sums it up, and shows how far the batch is.
    fn answered(
        &self,
        machine: &mut Machine,
        asked: &[Asked],
        answers: &[Answer],
        summary: &mut Summary,
    ) {
        for (asked, answer) in asked.iter().zip(answers) {
            summary.answer(asked, answer);
        }
        self.control.in_flight.fetch_sub(asked.len() as u64 - 1, Ordering::Relaxed);
        machine.answered(answers);
        *self.control.state.lock() = Some(machine.state().clone());
    }
}

fn read<R: Read>(
    mut splitter: Splitter<R>,
    items_max: usize,
    mut first: u64,
    to_check: &SyncSender<Work>,
    failed: &SyncSender<Event>,
) {
    for number in 0.. {
        match splitter.next(items_max) {
            Ok(Some(chunk)) => {
                let (items, hash) = (chunk.items.len() as u64, splitter.hash());
                if to_check.send(Work { number, first, chunk, hash }).is_err() {
                    return;
                }
                first += items;
            }
            Ok(None) => return,
            Err(error) => {
                // Nobody listens any more when the batch has ended already.
                drop(failed.send(Event::Broken(error)));
                return;
            }
        }
    }
}

fn take(event: Event, machine: &mut Machine, broken: &mut Option<io::Error>) {
    match event {
        Event::Parsed(chunk) => machine.parsed(chunk),
        Event::Broken(error) => {
            machine.fail("input_broke_off");
            *broken = Some(error);
        }
    }
}

fn asked(request: &Request) -> Asked {
    match request {
        Request::Receive(receive) => Asked::Order(receive.order.key.clone()),
        Request::Amend(amend) => Asked::Change(amend.order.key.clone()),
        Request::Cancel(cancel) => Asked::Change(cancel.command.order.clone()),
        Request::Audit(audit) => Asked::Nothing(audit.faults.clone()),
        Request::Flood(_)
        | Request::Fulfil(_)
        | Request::Step(_)
        | Request::Redrive(_)
        | Request::AdjustStock(_)
        | Request::PutProducts(_)
        | Request::PutCustomer(_)
        | Request::PutRules { .. }
        | Request::Once(_)
        | Request::Stray(_)
        | Request::Webhook(_)
        | Request::Bury(_)
        | Request::Settle(_)
        | Request::Sweep(_)
        | Request::Checkpoint(_) => Asked::Nothing(Vec::new()),
    }
}

fn fault(pointer: &str, code: &str) -> Fault {
    Fault { pointer: pointer.into(), code: code.into() }
}
