//! Dead letters: what could not be seen through, with all that is needed to understand it and to
//! send it again. One kind of record, whatever it was on its way to.

use bytes::Bytes;
use domain::id::OrderKey;
use domain::order::BatchItem;

use crate::change::Seq;

/// Something that could not be seen through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// What it was.
    pub subject: Subject,
    /// The order it is about, where there is one.
    pub order: Option<OrderKey>,
    /// A code: `refused`, `retries_exhausted`, `malformed`, `too_many_receives`, `fell_behind` …
    pub reason: Box<str>,
    /// The last error, for people; no personal data; at most [`ERROR_BYTES_MAX`] bytes.
    pub error: Box<str>,
    /// Attempts made.
    pub attempts: u32,
    /// What was to be sent or read, up to the size of a document.
    pub payload: Option<Bytes>,
}

/// Longest kept text of a last error, in bytes.
pub const ERROR_BYTES_MAX: usize = 1_024;

/// What a dead letter was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The call of an external step for an order.
    Step {
        /// The step.
        step: Box<str>,
        /// The order's revision.
        revision: u32,
    },
    /// A delivery of a sink.
    Delivery {
        /// The sink's name.
        sink: Box<str>,
        /// The delivery's id.
        id: Box<str>,
        /// What it was to tell.
        kind: Box<str>,
        /// The change it followed from.
        seq: Seq,
    },
    /// Changes that a sink was too late for.
    Missed {
        /// The sink's name.
        sink: Box<str>,
        /// The first of them.
        from: Seq,
        /// Where the sink goes on.
        until: Seq,
    },
    /// A sink whose destination is gone for good.
    Disabled {
        /// The sink's name.
        sink: Box<str>,
    },
    /// A line of a file, or an item of a batch, that is no order.
    Item(BatchItem),
    /// A message of a queue.
    Message {
        /// The queue's name.
        queue: Box<str>,
        /// The message's id there.
        id: Box<str>,
    },
}
