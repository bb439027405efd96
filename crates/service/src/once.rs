//! Requests that are done once, however often they are sent: idempotency keys.
//!
//! A key commits with what it was given for, in the same frame, together with the answer as its
//! sender saw it. Sent again, the answer comes back byte for byte; sent with other content, it is
//! refused. Two that are under way at once meet at the ledger, and the second waits for the first.
//!
//! Never: a key as it was sent. Only a hash of it is kept, with whoever sent it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::ledger::{Answer, Request};

/// How long a key is remembered, in microseconds: a day.
pub const KEPT_US: i64 = 24 * 3_600 * 1_000_000;
/// Most keys that a projection remembers; the oldest go first. About 200 MB of its rows.
pub const KEPT_MAX: u64 = 1_000_000;
/// Most bytes of an answer that is kept; a longer one is given, and not again.
pub const KEPT_ANSWER_BYTES_MAX: usize = 1 << 20;

/// A BLAKE3 hash.
pub type Hash = [u8; 32];

/// A key, and what it was sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Hash of who sent it, what for, and of the key itself.
    pub name: Hash,
    /// Hash of the content.
    pub content: Hash,
}

/// Makes the bytes that are kept of an answer; `None` for one that is not to be kept. Called by
/// whoever decides, perhaps more than once for one request.
#[derive(Clone)]
pub struct Render(pub Arc<Rendering>);

/// What [`Render`] holds.
pub type Rendering = dyn Fn(&Answer) -> Option<Bytes> + Send + Sync;

impl fmt::Debug for Render {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Render")
    }
}

/// A request under a key.
#[derive(Clone, Debug)]
pub struct Once {
    /// The key.
    pub key: Key,
    /// What to do the first time.
    pub request: Request,
    /// What to keep of the answer.
    pub render: Render,
}

/// What became of a request under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done now.
    Now {
        /// The answer.
        answer: Answer,
        /// What was kept of it; `None` when nothing was.
        kept: Option<Bytes>,
    },
    /// It had been done: this was the answer.
    Before(Bytes),
    /// The key was sent with other content.
    OtherContent,
}

/// A key as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The key, and the hash of what it was sent with.
    pub key: Key,
    /// The answer, as its sender saw it.
    pub answer: Bytes,
}
