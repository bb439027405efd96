//! Ending many letters, as its own record tells: what is looked for, how far it got.
//!
//! Never: time or work. Whoever drives it reads a page, ends its letters and this record in one
//! call, and waits as long as its rate says.

use domain::time::Timestamp;

use super::{Filter, How};
use crate::change::Seq;

/// Letters being ended one after another, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What it is called: the change that began it. 0 until that is on record.
    pub id: Seq,
    /// How they are to end.
    pub how: How,
    /// Which; only open ones are.
    pub filter: Filter,
    /// Most a second.
    pub per_second: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it last got on.
    pub updated_at: Timestamp,
    /// The last letter looked at.
    pub after: Seq,
    /// What they came to so far; in a request, what those of this part came to that nothing is
    /// asked for.
    pub swept: Swept,
    /// Where it stands.
    pub status: SweepStatus,
}

/// What became of a sweep that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sweeping {
    /// It stands there.
    On(Box<Sweep>),
    /// Another is on its way: nothing was begun.
    Busy(Seq),
}

/// What letters of a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Ended by it.
    pub settled: u64,
    /// Tried, and still open.
    pub failed: u64,
}

/// Where a sweep stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SweepStatus {
    /// It goes on, after a restart too.
    Running = 0,
    /// Every letter was looked at that was there when it began.
    Done = 1,
    /// Somebody stopped it.
    Stopped = 2,
}

impl SweepStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Done => "DONE",
            Self::Stopped => "STOPPED",
        }
    }
}

impl Sweep {
    /// One that has not begun.
    #[must_use]
    pub fn new(how: How, filter: Filter, per_second: u32) -> Self {
        Self {
            id: Seq(0),
            how,
            filter: Filter { open: Some(true), ..filter },
            per_second,
            started_at: Timestamp(0),
            updated_at: Timestamp(0),
            after: Seq(0),
            swept: Swept::default(),
            status: SweepStatus::Running,
        }
    }
}
