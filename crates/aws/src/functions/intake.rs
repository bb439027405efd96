//! Takes in what other producers send: messages with an order, an array of them or JSON Lines, in
//! envelopes of SNS, EventBridge or CloudEvents or as they are.
//!
//! What a message comes to is decided and recorded once, however often it is handed out (see
//! `service::source::intake`); what is no order is a record and a dead letter, and the message is
//! done.
//!
//! Never: a message that is done before its commit.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use service::ledger::Ledger;
use service::memory::Clock;
use service::source::Message;
use service::source::intake::Intake as Taker;
use service::source::machine::Verdict;
use service::wire::document;

use super::events::{Failures, Undone, Unreadable, messages};

/// The queue's name in records.
pub const QUEUE: &str = "orders";

/// Who takes messages in.
pub struct Intake {
    ledger: Arc<dyn Ledger>,
    taker: Taker,
    clock: Clock,
}

impl Intake {
    /// Into `ledger`, by how documents are read.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, documents: document::Settings, clock: Clock) -> Self {
        Self { ledger, taker: Taker::new(QUEUE, documents), clock }
    }

    /// Takes in what the messages ask for.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub async fn handle(&self, event: SqsEvent) -> Result<Failures, Unreadable> {
        let take = async |message: &Message| {
            settled(self.taker.take(&*self.ledger, message, (self.clock)()).await)
        };
        let bury = async |message: &Message| {
            settled(self.taker.bury(&*self.ledger, message, "internal_error").await)
        };
        messages(event, take, bury).await
    }
}

/// Whether a message is done.
pub(crate) fn settled(verdict: Verdict) -> Result<(), Undone> {
    match verdict {
        Verdict::Settled(_) => Ok(()),
        Verdict::Unavailable(why) => Err(Undone(why)),
    }
}
