//! Takes in what another producer puts into a table of its own (`OrdersInbox`): each new item is an
//! order document, its attributes the fields.
//!
//! An item becomes JSON by its attributes alone, numbers digit for digit, and then goes the way of
//! a queue's message: known by the record it came with, recorded once, a dead letter when it is no
//! order. Items that are changed are documents too (`order_status` says what they ask for); items
//! that are removed say nothing.
//!
//! Never: a float, a field that is left out.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lambda_events::event::dynamodb::Event;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_dynamo::{AttributeValue, Item};
use service::ledger::Ledger;
use service::memory::Clock;
use service::source::intake::Intake as Taker;
use service::source::{Message, Receipt};
use service::wire::document;

use super::events::{Failures, Happened, Record, Unreadable, records, up_to};
use super::intake::settled;

/// The table's name in records.
pub const QUEUE: &str = "orders-inbox";

/// Who takes items in.
pub struct Inbox {
    ledger: Arc<dyn Ledger>,
    taker: Taker,
    clock: Clock,
}

impl Inbox {
    /// Into `ledger`, by how documents are read.
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, documents: document::Settings, clock: Clock) -> Self {
        Self { ledger, taker: Taker::new(QUEUE, documents), clock }
    }

    /// Takes in what is new in the table, in its order.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub async fn handle(&self, event: Event) -> Result<Failures, Unreadable> {
        let records = records(event)?;
        for (at, record) in records.iter().enumerate() {
            let Some(message) = message(record) else { continue };
            let verdict = self.taker.take(&*self.ledger, &message, (self.clock)()).await;
            if let Err(why) = settled(verdict) {
                tracing::warn!(record.id = %record.id, %why, "an item is not taken in");
                return Ok(up_to(&records, Some(at)));
            }
        }
        Ok(Failures::default())
    }
}

fn message(record: &Record) -> Option<Message> {
    match record.happened {
        Happened::Removed => return None,
        Happened::Inserted | Happened::Modified => {}
    }
    Some(Message {
        id: record.id.as_str().into(),
        receipt: Receipt(Box::default()),
        body: document(&record.item).into(),
        receives: 1,
        sent_at: None,
        group: None,
    })
}

/// An item as JSON, its fields by name: the same item is the same text.
#[must_use]
pub fn document(item: &Item) -> String {
    let mut text = String::new();
    let mut fields: Vec<_> = item.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    object(&mut text, fields.into_iter().map(|(name, value)| (name.as_str(), value)));
    text
}

fn object<'a>(to: &mut String, fields: impl Iterator<Item = (&'a str, &'a AttributeValue)>) {
    to.push('{');
    for (at, (name, value)) in fields.enumerate() {
        if at > 0 {
            to.push(',');
        }
        quoted(to, name);
        to.push(':');
        write(to, value);
    }
    to.push('}');
}

fn write(to: &mut String, value: &AttributeValue) {
    match value {
        AttributeValue::N(number) => to.push_str(number),
        AttributeValue::S(text) => quoted(to, text),
        AttributeValue::Bool(flag) => _ = write!(to, "{flag}"),
        AttributeValue::Null(_) => to.push_str("null"),
        AttributeValue::B(bytes) => quoted(to, &STANDARD.encode(bytes)),
        AttributeValue::M(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            object(to, fields.into_iter().map(|(name, value)| (name.as_str(), value)));
        }
        AttributeValue::L(values) => list(to, values, write),
        AttributeValue::Ss(texts) => list(to, texts, |to, text| quoted(to, text)),
        AttributeValue::Ns(numbers) => list(to, numbers, |to, number| to.push_str(number)),
        AttributeValue::Bs(all) => list(to, all, |to, bytes| quoted(to, &STANDARD.encode(bytes))),
    }
}

fn list<T>(to: &mut String, values: &[T], write: impl Fn(&mut String, &T)) {
    to.push('[');
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            to.push(',');
        }
        write(to, value);
    }
    to.push(']');
}

fn quoted(to: &mut String, text: &str) {
    to.push_str(&serde_json::Value::from(text).to_string());
}
