//! Queues that orders come from: what an intake asks of one, and what it does with a message.
//!
//! A [`Source`] hands out messages and hides them for a while; what is not deleted by then is
//! handed out again. So everything arrives at least once, and takes effect once: a message is
//! deleted only after the commit of what it asks for, and one that comes again is known by its id
//! (`intake`). What to do when is a step machine (`machine`); whoever drives it does the I/O.
//!
//! Never: sockets, threads, a clock of its own.

pub mod envelope;
pub mod intake;
pub mod machine;

use std::time::Duration;

use bytes::Bytes;
use domain::time::Timestamp;

use crate::ledger::Task;

/// Most messages of one call, as SQS has it.
pub const MESSAGES_PER_CALL_MAX: usize = 10;

/// A queue that orders come from.
pub trait Source: Send + Sync {
    /// What people call it.
    fn name(&self) -> &str;

    /// Waits a while for messages and takes up to `most` of them, from 1 to
    /// [`MESSAGES_PER_CALL_MAX`]; each is hidden from others from then on. It may be dropped while
    /// it waits.
    ///
    /// # Errors
    /// [`SourceError`] when the queue cannot be asked; it is asked again later.
    fn receive(&self, most: usize) -> Task<'_, Result<Vec<Message>, SourceError>>;

    /// Hides messages for so long from now on; not at all gives them back. Answers with those that
    /// are no longer ours to hide.
    ///
    /// # Errors
    /// [`SourceError`] when the queue cannot be asked.
    fn hide(
        &self,
        receipts: Vec<Receipt>,
        lasts: Duration,
    ) -> Task<'_, Result<Vec<Receipt>, SourceError>>;

    /// Deletes messages for good. Answers with those that were not.
    ///
    /// # Errors
    /// [`SourceError`] when the queue cannot be asked: whether they are gone is not known.
    fn delete(&self, receipts: Vec<Receipt>) -> Task<'_, Result<Vec<Receipt>, SourceError>>;
}

/// What one delivery of a message is called at its queue; the next has another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub Box<str>);

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id: the same whenever it is handed out.
    pub id: Box<str>,
    /// What this delivery of it is called.
    pub receipt: Receipt,
    /// What it says.
    pub body: Bytes,
    /// How often it has been handed out, this time included.
    pub receives: u32,
    /// When it was sent, where the queue says so.
    pub sent_at: Option<Timestamp>,
    /// Messages of one group are done one after another, in the order they came.
    pub group: Option<Box<str>>,
}

/// Why a queue could not be asked, for people; no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub Box<str>);
