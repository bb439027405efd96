//! What queues and streams hand over, and how functions answer for a part of it.
//!
//! A queue's messages of one group are done one after another and no further than the first that
//! fails; groups go side by side. A stream is done up to its first record that fails: those behind
//! it come again with it. What panics fails like anything else, and harms none of its neighbours.
//!
//! Never: a message or record that is answered for and was not done.

use std::fmt;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use domain::time::Timestamp;
use futures_util::{FutureExt, StreamExt, stream};
use hashbrown::HashMap;
use serde::Serialize;
use serde_dynamo::{AttributeValue, Item};
use service::source::{Message, Receipt};

/// Groups of messages that are worked on at once: each waits for the table, none for a processor.
pub const GROUPS_AT_ONCE: usize = 8;

/// What could not be done, as Lambda has it (`ReportBatchItemFailures`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// Those to be handed over again.
    #[serde(rename = "batchItemFailures")]
    pub items: Vec<Failed>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The message's id, or the record's sequence number.
    #[serde(rename = "itemIdentifier")]
    pub item: String,
}

impl Failures {
    /// None but these.
    #[must_use]
    pub fn of(items: impl IntoIterator<Item = String>) -> Self {
        Self { items: items.into_iter().map(|item| Failed { item }).collect() }
    }
}

/// An event that cannot be answered in parts: all of it comes again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub &'static str);

/// Why a message or record is not done, for operators; no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undone(pub Box<str>);

impl Undone {
    /// For that reason.
    #[must_use]
    pub fn why(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

/// Does a queue's messages. What panics is told to `broken`, which may do it another way.
///
/// # Errors
/// [`Unreadable`] when a message has no id: nobody could say that it is the one that failed.
pub async fn messages(
    event: SqsEvent,
    work: impl AsyncFn(&Message) -> Result<(), Undone>,
    broken: impl AsyncFn(&Message) -> Result<(), Undone>,
) -> Result<Failures, Unreadable> {
    let messages: Vec<Message> = event
        .records
        .into_iter()
        .map(message)
        .collect::<Option<_>>()
        .ok_or(Unreadable("a message without an id"))?;
    let mut groups: Vec<Vec<Message>> = Vec::new();
    let mut known: HashMap<Box<str>, usize> = HashMap::new();
    for message in messages {
        let Some(group) = message.group.clone() else {
            groups.push(vec![message]);
            continue;
        };
        let at = *known.entry(group).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(message),
            None => groups.push(vec![message]),
        }
    }
    let (work, broken) = (&work, &broken);
    let done = stream::iter(groups).map(async |group| {
        for (at, message) in group.iter().enumerate() {
            if !is_done(message, work, broken).await {
                return group.iter().skip(at).map(|message| message.id.to_string()).collect();
            }
        }
        Vec::new()
    });
    let failed: Vec<Vec<String>> = done.buffer_unordered(GROUPS_AT_ONCE).collect().await;
    Ok(Failures::of(failed.into_iter().flatten()))
}

async fn is_done(
    message: &Message,
    work: &impl AsyncFn(&Message) -> Result<(), Undone>,
    broken: &impl AsyncFn(&Message) -> Result<(), Undone>,
) -> bool {
    let done = match AssertUnwindSafe(work(message)).catch_unwind().await {
        Ok(done) => done,
        Err(_) => broken(message).await,
    };
    if let Err(why) = &done {
        tracing::warn!(message.id = %message.id, message.receives, %why, "a message is not done");
    }
    done.is_ok()
}

fn message(sent: SqsMessage) -> Option<Message> {
    let attribute = |name: &str| sent.attributes.get(name);
    let receives = attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let sent_at = attribute("SentTimestamp").and_then(|ms| ms.parse::<i64>().ok());
    Some(Message {
        group: attribute("MessageGroupId").map(|group| group.as_str().into()),
        receives: receives.unwrap_or(1),
        sent_at: sent_at.map(|ms| Timestamp(ms.saturating_mul(1_000))),
        receipt: Receipt(sent.receipt_handle.unwrap_or_default().into()),
        body: sent.body.unwrap_or_default().into(),
        id: sent.message_id.filter(|id| !id.is_empty())?.into(),
    })
}

/// What happened to an item of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It is new.
    Inserted,
    /// It is another than before.
    Modified,
    /// It is gone, by somebody's hand or because its time was over.
    Removed,
}

/// A record of a stream.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place in its shard.
    pub sequence: String,
    /// Its name: the same whenever it is handed over.
    pub id: String,
    /// What happened.
    pub happened: Happened,
    /// The item now.
    pub item: Item,
    /// It was locked before, by a commit of several transactions: only now it is what it says.
    pub was_locked: bool,
}

/// What a row has while a commit of several transactions is not over.
const LOCK: &str = "lock";

impl Record {
    /// Whether a commit of several transactions is under way: the item is to become another.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.item.contains_key(LOCK)
    }

    /// A text of the item.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.item.get(name) {
            Some(AttributeValue::S(text)) => Some(text),
            Some(_) | None => None,
        }
    }

    /// Bytes of the item.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.item.get(name) {
            Some(AttributeValue::B(bytes)) => Some(bytes),
            Some(_) | None => None,
        }
    }

    /// A whole number of the item.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.item.get(name) {
            Some(AttributeValue::N(number)) => number.parse().ok(),
            Some(_) | None => None,
        }
    }
}

/// The records of an event, in their order.
///
/// # Errors
/// [`Unreadable`] when a record has no place, or something happened that is not known.
pub fn records(event: StreamEvent) -> Result<Vec<Record>, Unreadable> {
    event.records.into_iter().map(record).collect()
}

fn record(record: EventRecord) -> Result<Record, Unreadable> {
    let happened = match record.event_name.as_str() {
        "INSERT" => Happened::Inserted,
        "MODIFY" => Happened::Modified,
        "REMOVE" => Happened::Removed,
        _ => return Err(Unreadable("a record of a kind that is not known")),
    };
    let sequence = record.change.sequence_number.filter(|number| !number.is_empty());
    Ok(Record {
        sequence: sequence.ok_or(Unreadable("a record without a place"))?,
        id: record.event_id,
        happened,
        was_locked: record.change.old_image.contains_key(LOCK),
        item: record.change.new_image,
    })
}

/// Answers for records that are done up to the first that is not.
#[must_use]
pub fn up_to(records: &[Record], first_failed: Option<usize>) -> Failures {
    let failed = first_failed.and_then(|at| records.get(at));
    Failures::of(failed.map(|record| record.sequence.clone()))
}
