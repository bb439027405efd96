//! The lake as whoever asks about it sees it: the present, and how the writer is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::time::Timestamp;
use parking_lot::Mutex;
use service::change::Seq;
use service::follow::{Counts, Lag, State};
use service::ledger::Task;
use tokio::sync::{Notify, watch};

use crate::error::Error;
use crate::snapshot::{Files, Present, Snapshot};
use crate::tail::{Committed, Tail};

/// What a change takes of the log, where none was read yet: an order of some lines.
const CHANGE_BYTES: u64 = 1_024;

/// A lake that is written, shared by who writes and who asks.
#[derive(Debug)]
pub struct Lake {
    files: Files,
    tail: Mutex<Tail>,
    /// Up to where the log is shown.
    shown: watch::Sender<u64>,
    /// Where the log ends.
    end: watch::Receiver<u64>,
    figures: Mutex<Figures>,
    is_open: AtomicBool,
    /// Somebody has begun to wait for what is not shown yet.
    asked: Notify,
}

/// How the writer of a lake is, and what it did since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Why it stands still until somebody decides.
    pub stopped: Option<Box<str>>,
    /// Until when it waits after a failure.
    pub held: Option<Timestamp>,
    /// The last failure: when, and why.
    pub last_error: Option<(Timestamp, Box<str>)>,
    /// When the oldest change was decided that is in no file yet.
    pub oldest: Option<Timestamp>,
    /// Changes that are in the tail and in no file yet.
    pub changes: u64,
    /// Changes that went into files.
    pub filed: u64,
    /// Manifests that added rows.
    pub flushes: u64,
    /// Rows written, of all tables, those that compaction wrote again not counted.
    pub rows: u64,
    /// Bytes of files written, those of compaction included.
    pub bytes: u64,
    /// Manifests that replaced segments by fewer or smaller ones.
    pub compactions: u64,
    /// Failures of the folder or bucket.
    pub failures: u64,
}

impl Lake {
    /// A lake of which nothing is known yet; `end` says where the log ends.
    #[must_use]
    pub fn unopened(files: Files, end: watch::Receiver<u64>) -> Self {
        Self {
            files,
            tail: Mutex::default(),
            shown: watch::Sender::default(),
            end,
            figures: Mutex::default(),
            is_open: AtomicBool::default(),
            asked: Notify::new(),
        }
    }

    /// A lake of which this is committed.
    #[must_use]
    pub fn new(files: Files, committed: Committed, end: watch::Receiver<u64>) -> Self {
        let this = Self::unopened(files, end);
        this.open(committed);
        this
    }

    /// What is committed is known from now on.
    pub fn open(&self, committed: Committed) {
        self.change(|tail| *tail = Tail::new(committed));
        self.tell(|figures| *figures = Figures::default());
        self.is_open.store(true, Ordering::Release);
    }

    /// It could not be opened.
    pub fn fail(&self, now: Timestamp, error: &Error) {
        let why: Box<str> = error.to_string().into();
        self.tell(|figures| {
            figures.failures += 1;
            figures.last_error = Some((now, why.clone()));
            figures.held = Some(now);
            figures.stopped = error.is_final().then_some(why);
        });
    }

    /// What the newest manifest says.
    #[must_use]
    pub fn newest(&self) -> Committed {
        self.tail.lock().committed().clone()
    }

    /// Memory that rows take which are in no file yet, in bytes.
    #[must_use]
    pub fn tail_bytes(&self) -> usize {
        self.tail.lock().bytes()
    }

    /// Rows that are in no file yet, of all tables.
    #[must_use]
    pub fn tail_rows(&self) -> u64 {
        self.tail.lock().count()
    }

    /// How the writer is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.figures.lock().clone()
    }

    /// How the writer is, as every follower of the log says it: done is what is in files.
    #[must_use]
    pub fn status(&self) -> service::follow::Status {
        let figures = self.figures();
        let (until, shown) = {
            let tail = self.tail.lock();
            (tail.committed().manifest.until, tail.until())
        };
        let (end, unfiled) = (self.committed(), figures.changes);
        // As long as those that were read last.
        let bytes_each =
            shown.saturating_sub(until).checked_div(unfiled).unwrap_or(CHANGE_BYTES).max(1);
        let changes = unfiled + end.saturating_sub(shown).div_ceil(bytes_each);
        let bytes = end.saturating_sub(if unfiled > 0 { until } else { shown });
        let state = match figures.held {
            Some(until) => State::Held { until },
            None => State::Running,
        };
        service::follow::Status {
            state,
            cursor: (until > 0).then_some(Seq(until)),
            lag: Lag { changes, bytes, oldest: figures.oldest },
            in_flight: 0,
            waiting_orders: 0,
            waiting_deliveries: 0,
            next_try: figures.held,
            last_error: figures.last_error,
            counts: Counts {
                delivered: figures.filed,
                unavailable: figures.failures,
                ..Counts::default()
            },
        }
    }

    /// Whether a statement waits for what is not shown yet.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.shown.receiver_count() > 0
    }

    /// Waits until a statement waits for what is not shown yet.
    pub async fn awaited(&self) {
        while !self.is_awaited() {
            self.asked.notified().await;
        }
    }

    /// Changes the tail, and tells who waits for it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Tail) -> R) -> R {
        let mut tail = self.tail.lock();
        let result = change(&mut tail);
        let until = tail.until();
        drop(tail);
        self.shown.send_if_modified(|shown| std::mem::replace(shown, until) != until);
        result
    }

    /// Says how the writer is.
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Figures)) {
        tell(&mut self.figures.lock());
    }
}

impl Present for Lake {
    fn snapshot(&self) -> Snapshot {
        self.tail.lock().snapshot()
    }

    fn files(&self) -> &Files {
        &self.files
    }

    fn committed(&self) -> u64 {
        *self.end.borrow()
    }

    fn unready(&self) -> Option<String> {
        let figures = self.figures();
        let why = figures.stopped.or(figures.last_error.map(|(_, why)| why));
        let is_open = self.is_open.load(Ordering::Acquire);
        (!is_open).then(|| why.map_or_else(|| "the lake is being opened".to_owned(), String::from))
    }

    fn wait_for(&self, until: u64, patience_ms: u64) -> Task<'_, bool> {
        let mut shown = self.shown.subscribe();
        if *shown.borrow() < until {
            self.asked.notify_one();
        }
        Box::pin(async move {
            let holds = shown.wait_for(|shown| *shown >= until);
            let waited = tokio::time::timeout(Duration::from_millis(patience_ms), holds).await;
            matches!(waited, Ok(Ok(_)))
        })
    }
}
