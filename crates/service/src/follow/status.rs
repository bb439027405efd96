//! How a sink is, and what an order waits for: for people and for metrics.

use std::sync::Arc;

use domain::time::Timestamp;

use super::Delivery;
use super::progress::Disabled;
use crate::change::Seq;

/// How a sink is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it delivers.
    pub state: State,
    /// Everything up to this change is done, waits apart, or is buried.
    pub cursor: Option<Seq>,
    /// How far behind it is.
    pub lag: Lag,
    /// Attempts under way.
    pub in_flight: usize,
    /// Orders whose deliveries wait apart, because of a failure of their own.
    pub waiting_orders: usize,
    /// Deliveries that wait apart.
    pub waiting_deliveries: usize,
    /// When the next attempt is made, if that depends on time.
    pub next_try: Option<Timestamp>,
    /// The last failure since it was started: when, and why.
    pub last_error: Option<(Timestamp, Box<str>)>,
    /// What became of attempts since it was started.
    pub counts: Counts,
}

/// Whether a sink delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It does.
    Running,
    /// Its destination does not answer.
    Held {
        /// When it is tried again.
        until: Timestamp,
    },
    /// So much waits apart that nothing more is read.
    Crowded,
    /// Its destination is gone for good.
    Disabled(Disabled),
}

/// How far a sink is behind the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Changes it has not got done; of those it has not read, an estimate by their bytes.
    pub changes: u64,
    /// Bytes of the log behind its cursor.
    pub bytes: u64,
    /// When the oldest change was made that holds its cursor.
    pub oldest: Option<Timestamp>,
}

/// What became of attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Delivered.
    pub delivered: u64,
    /// Of no concern to anybody after all.
    pub skipped: u64,
    /// Attempts that were refused.
    pub refused: u64,
    /// Attempts that found the destination not working.
    pub unavailable: u64,
    /// Deliveries among the dead letters.
    pub buried: u64,
    /// Deliveries that it was too late for.
    pub missed: u64,
}

/// What an order waits for at a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The delivery whose turn it is.
    pub delivery: Arc<Delivery>,
    /// Deliveries of the order that are not done, this one included.
    pub deliveries: usize,
    /// Attempts at it, the one under way included.
    pub attempts: u32,
    /// Whether one is.
    pub is_under_way: bool,
    /// When the change was made that it follows from.
    pub since: Timestamp,
    /// When the next attempt may be made; absent while one is under way.
    pub next_try: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<Box<str>>,
}
