//! The two threads: one steps the lake's writer and reads the log, one does what concerns files.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use domain::time::Timestamp;
use lake::error::Error;
use lake::perform::{late, patience, perform};
use lake::present::Lake;
use lake::read::stretch;
use lake::rows::MakeRows;
use lake::snapshot::{Files, Present};
use lake::store;
use lake::tail::Committed;
use lake::writer::{Input, Output, Terms, Writer};
use service::change::Seq;
use service::ledger::Ledger;
use service::memory::Clock;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Make, until};

/// How often it hears at most that the log has grown: what comes in between is read with it.
const PULSE: Duration = Duration::from_millis(20);
/// While orders come in, making rows rests so many times as long as it works: at full load it
/// falls behind, and intake does not. 15 per cent of a processor are rows of some 12,000 orders
/// a second.
const RESTS: f64 = 1.0 / 0.15 - 1.0;
/// How long opening waits after a failure.
const PAUSE: Duration = Duration::from_secs(2);
/// What is to be done with files.
pub(super) enum Job {
    /// Read what the newest manifest says.
    Open,
    /// What the writer says.
    Do(Output),
}

/// What became of it.
pub(super) enum Told {
    Opened(Result<Committed, Error>),
    Done(Input),
}

/// The thread that reads the log.
pub(super) struct Follow {
    pub(super) lake: Arc<Lake>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) end: watch::Receiver<u64>,
    pub(super) clock: Clock,
    pub(super) terms: Terms,
    pub(super) make: Make,
    pub(super) jobs: mpsc::UnboundedSender<Job>,
    /// How long what is under way may take, once it is to stop.
    pub(super) stopping: watch::Receiver<Option<Duration>>,
}

impl Follow {
    pub(super) async fn run(self, mut tells: mpsc::UnboundedReceiver<Told>) {
        let mut stopping = self.stopping.clone();
        let committed = tokio::select! {
            committed = self.open(&mut tells) => committed,
            () = async { _ = stopping.wait_for(Option::is_some).await } => return,
        };
        let now = (self.clock)();
        let make = (self.make)(committed.manifest.until);
        self.lake.open(committed);
        let writer = Writer::new(self.lake.clone(), self.terms.clone(), now);
        let wake = Instant::now();
        let mut turn = Turn { writer, make, follow: &self, read: None, rest: wake, wake };
        turn.step(Input::Time);
        turn.run(&mut tells).await;
        turn.finish(&mut tells).await;
    }

    /// What is committed, once its place answers; never, when somebody has to decide.
    async fn open(&self, tells: &mut mpsc::UnboundedReceiver<Told>) -> Committed {
        loop {
            // Without the other thread the program ends.
            _ = self.jobs.send(Job::Open);
            let Some(Told::Opened(opened)) = tells.recv().await else {
                return std::future::pending().await;
            };
            let sound = opened.and_then(|committed| {
                store::check(&committed.manifest, &*self.ledger)?;
                Ok(committed)
            });
            let error = match sound {
                Ok(committed) => return committed,
                Err(error) => error,
            };
            tracing::error!(%error, "the lake is not open: {error}");
            let now = (self.clock)();
            self.lake.fail(now, &error);
            if error.is_final() {
                return std::future::pending().await;
            }
            sleep(PAUSE).await;
        }
    }

    /// Reads on. A panic is the lake's own end, and of nothing else.
    fn stretch(&self, make: &mut dyn MakeRows, after: Option<Seq>) -> Input {
        let end = self.lake.committed();
        let read = AssertUnwindSafe(|| stretch(&*self.ledger, make, after, end));
        Input::Read(catch_unwind(read).unwrap_or(Err(Error::Broken)))
    }
}

/// The writer, and what it waits for.
struct Turn<'a> {
    follow: &'a Follow,
    writer: Writer,
    make: Box<dyn MakeRows>,
    /// It asked to read on.
    read: Option<Option<Seq>>,
    /// Until then it leaves the processor to intake, unless somebody waits for rows.
    rest: Instant,
    wake: Instant,
}

impl Turn<'_> {
    fn step(&mut self, input: Input) {
        let now: Timestamp = (self.follow.clock)();
        for output in self.writer.step(now, input) {
            match output {
                Output::Read(after) => self.read = Some(after),
                Output::Wake(at) => self.wake = Instant::now() + until(now, at),
                Output::Write(..)
                | Output::Merge(_)
                | Output::Commit(_)
                | Output::Delete(_)
                | Output::Sweep(_) => _ = self.follow.jobs.send(Job::Do(output)),
            }
        }
    }

    async fn run(&mut self, tells: &mut mpsc::UnboundedReceiver<Told>) {
        let (mut stopping, mut end) = (self.follow.stopping.clone(), self.follow.end.clone());
        while stopping.borrow_and_update().is_none() {
            // What has become of files comes first: it makes room.
            if let Ok(told) = tells.try_recv() {
                self.told(told);
                continue;
            }
            let lake = &self.follow.lake;
            let is_resting = !lake.is_awaited() && Instant::now() < self.rest;
            if !is_resting && let Some(after) = self.read.take() {
                self.read_on(after);
                continue;
            }
            let (reads, rest) = (self.read.is_some(), self.rest);
            let input = tokio::select! {
                () = sleep_until(rest), if reads => continue,
                () = lake.awaited(), if reads => continue,
                told = tells.recv() => match told {
                    Some(told) => { self.told(told); continue }
                    None => return,
                },
                _ = stopping.changed() => return,
                grown = grown(&mut end), if !reads => match grown {
                    true => Input::Grown,
                    false => return,
                },
                () = sleep_until(self.wake) => Input::Time,
            };
            self.step(input);
        }
    }

    fn read_on(&mut self, after: Option<Seq>) {
        let (begun, end) = (Instant::now(), self.follow.lake.committed());
        let read = self.follow.stretch(&mut *self.make, after);
        if self.follow.lake.committed() > end {
            self.rest = Instant::now() + begun.elapsed().mul_f64(RESTS);
        }
        self.step(read);
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Done(input) => self.step(input),
            // It is open.
            Told::Opened(_) => {}
        }
    }

    /// Lets what is under way come to an end, and writes what is in memory.
    async fn finish(&mut self, tells: &mut mpsc::UnboundedReceiver<Told>) {
        let patience = self.follow.stopping.borrow().unwrap_or_default();
        self.step(Input::Stop);
        let over = async {
            while !self.writer.is_over() {
                let Some(told) = tells.recv().await else { return };
                self.told(told);
            }
        };
        if tokio::time::timeout(patience, over).await.is_err() {
            tracing::info!("rows of the lake were not in files at the end: made again later");
        }
    }
}

/// Whether the log has grown; `false` when nobody will tell any more.
async fn grown(end: &mut watch::Receiver<u64>) -> bool {
    sleep(PULSE).await;
    end.changed().await.is_ok()
}

/// Does what concerns files, until nobody asks any more.
pub(super) async fn file(
    files: Files,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    told: mpsc::UnboundedSender<Told>,
) {
    let (files, turn) = (Arc::new(files), Arc::new(Mutex::new(())));
    let mut under_way = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        // Those that are over: their memory goes with them.
        while under_way.try_join_next().is_some() {}
        let (files, turn, told) = (files.clone(), turn.clone(), told.clone());
        under_way.spawn(async move {
            let said = match job {
                Job::Open => Some(Told::Opened(store::open(&files).await)),
                Job::Do(output) => done(&files, &turn, output).await.map(Told::Done),
            };
            // Nobody left to tell: it is done again after the next start.
            said.map(|said| told.send(said).ok())
        });
    }
}

/// Does one thing; what takes too long has failed.
async fn done(files: &Files, turn: &Mutex<()>, output: Output) -> Option<Input> {
    let (patience, late) = (patience(&output), late(&output));
    tokio::time::timeout(patience, perform(files, turn, output)).await.unwrap_or(late)
}
