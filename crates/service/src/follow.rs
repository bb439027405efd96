//! Consumers of changes: what of the log is for them, and what became of bringing it there.
//!
//! A consumer is a [`Sink`]. Whoever drives it keeps its cursor, which is durable, and calls it
//! again after a crash: every change reaches every sink at least once, what concerns one order in
//! its order, and each delivery has an id that is the same every time, so that it takes effect
//! once. A sink decides nothing about an order: what the world answers comes back to the ledger
//! as a request.
//!
//! [`Machine`] is what drives a sink, without doing any of it: cursor, order, retries, limits.
//! Whoever has a clock and sockets steps it and does what it says.

mod breaker;
mod lanes;
mod machine;
mod page;
mod progress;
mod status;

use std::time::Duration;

use domain::id::OrderKey;
use domain::time::Timestamp;

use crate::change::{Change, Seq, What};
use crate::ledger::{Task, Unavailable};
use crate::letters::{DeadLetter, How, Subject};

pub use self::breaker::{FAILURES_TO_OPEN, OPEN_MAX, RETRY_AFTER_MAX};
pub use self::machine::{
    APART_MAX, Grave, Input, Machine, Output, SAVE_EVERY, SAVE_IDLE_EVERY, Ticket, WINDOW_MAX,
};
pub use self::page::{Page, Selected};
pub use self::progress::{Blame, Disabled, MemoryStore, Place, Progress, Store, Tries, Waiting};
pub use self::status::{Counts, Holding, Lag, State, Status};

/// A consumer of changes.
pub trait Sink: Send + Sync {
    /// What its cursor is filed under and people call it: `mail`, `webhook:ep_…`, `step:fraud`.
    /// At most [`NAME_BYTES_MAX`] bytes.
    fn name(&self) -> &str;

    /// Where it begins when it has no cursor yet.
    fn begins(&self) -> Begin;

    /// How it wants to be called.
    fn terms(&self) -> Terms;

    /// What of a change is to be delivered, in order. The same whenever it is asked.
    ///
    /// A redrive is a change too: for the one that asks to send a dead delivery of this sink
    /// again, it returns that delivery ([`Delivery::again`]), with its first id and the `seq` of
    /// the change that it follows from. It then stands behind whatever else waits for its order.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when what it needs to know is not readable; it is asked again.
    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable>;

    /// One attempt at one delivery; `attempt` counts from 1. It must end by itself (a timeout).
    fn deliver<'a>(&'a self, delivery: &'a Delivery, attempt: u32) -> Task<'a, Outcome>;

    /// The dead letter of a delivery, complete: with what was to be sent, under the subject that
    /// it is redriven by. Handed in is what every sink knows of it.
    fn letter(&self, _: &Delivery, letter: DeadLetter) -> DeadLetter {
        letter
    }
}

/// Longest name of a sink, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// Where a sink that has no cursor yet begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the first change there is.
    Oldest,
    /// With what is committed from now on.
    Now,
    /// With what comes behind this change.
    Behind(Seq),
}

/// How a sink wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Most attempts under way at once.
    pub concurrency: usize,
    /// Most attempts a second; unbounded when absent.
    pub per_second: Option<u32>,
    /// How long to wait after each failed attempt, jitter aside: as many retries as there are
    /// pauses, then a dead letter. The wait is any time up to the pause, so that what failed
    /// together is not tried again together; longer where the destination asks for it.
    pub pauses: Vec<Duration>,
    /// How far behind the log it may fall.
    pub retention: Retention,
}

impl Default for Terms {
    fn default() -> Self {
        let pauses = [1, 5, 30, 120, 600].map(Duration::from_secs).to_vec();
        Self { concurrency: 4, per_second: None, pauses, retention: Retention::default() }
    }
}

/// How far behind the log a sink may fall before it goes on without what it missed: one dead letter
/// then names the range. Unbounded where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Changes older than this are not delivered any more.
    pub age: Option<Duration>,
    /// Changes further than this from the end of the log are not delivered any more, in bytes.
    pub bytes: Option<u64>,
}

/// Something to bring to a sink's destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// Its name for the receiver (webhook-id, Message-ID, a CloudEvent's id): the same at every
    /// attempt, after every crash.
    pub id: Box<str>,
    /// The change it follows from.
    pub seq: Seq,
    /// Deliveries of one order go out one after another; those of none are independent.
    pub order: Option<OrderKey>,
    /// What it tells: `order.completed`.
    pub kind: Box<str>,
    /// Not before this time; at once when absent. What gathers up (a minute's invalid input) waits
    /// apart until then, and holds nothing up.
    pub due: Option<Timestamp>,
}

impl Delivery {
    /// The dead delivery of `sink` that this change sends again, under its first id.
    #[must_use]
    pub fn again(sink: &str, change: &Change) -> Option<Self> {
        let What::Settled(settled) = &change.what else { return None };
        match (&settled.subject, settled.how) {
            (Subject::Delivery { sink: of, id, kind, seq }, How::Redriven) if **of == *sink => {
                Some(Self {
                    id: id.clone(),
                    seq: *seq,
                    order: settled.order.clone(),
                    kind: kind.clone(),
                    due: None,
                })
            }
            (_, How::Redriven | How::Purged | How::Overtaken) => None,
        }
    }
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Delivered,
    /// There is nobody to bring it to (a customer without an e-mail address): done, and counted as
    /// such. No failure, and no dead letter.
    Skipped {
        /// Why, for people; no personal data.
        reason: Box<str>,
    },
    /// The destination works and will not have it (a 4xx): this order's own failure.
    Refused {
        /// Why, for people; no personal data.
        reason: Box<str>,
    },
    /// The destination does not work (no connection, timeout, 5xx, 429): everybody's failure.
    Unavailable {
        /// Why, for people; no personal data.
        reason: Box<str>,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The destination is gone for good (410): the sink is to stop.
    Gone {
        /// Why, for people.
        reason: Box<str>,
    },
}
