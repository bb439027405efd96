//! A ledger, and events as their sources write them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::functions::events::Failures;
use aws::settings::Installation;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::id::{MerchantId, OrderId};
use domain::time::Timestamp;
use serde_json::{Value, json};
use service::change::{Change, Seq};
use service::ledger::{Changes, Found, Ledger, OrderView};
use service::memory::{Clock, MemoryLedger, MemoryLog};

/// 2026-01-02T03:04:05Z.
pub(crate) const NOW: i64 = 1_767_323_045_000_000;

pub(crate) fn clock() -> Clock {
    Arc::new(|| Timestamp(NOW))
}

pub(crate) fn installation(file: &str) -> Installation {
    Installation::read(file, |_| None).unwrap()
}

/// A ledger of an installation with these settings.
pub(crate) fn ledger_of(installation: &Installation) -> Arc<MemoryLedger> {
    let ledger = MemoryLedger::open(MemoryLog::default(), installation.driver(), clock());
    Arc::new(ledger.unwrap())
}

pub(crate) fn ledger() -> (Arc<MemoryLedger>, Installation) {
    let installation = installation("");
    (ledger_of(&installation), installation)
}

/// An order for one thing.
pub(crate) fn order(id: &str) -> String {
    format!(
        r#"{{"orderId":"{id}","merchantId":"loja","customerId":"c","items":[{{"sku":"P","quantity":2,"price":"1.50"}}]}}"#
    )
}

pub(crate) fn found(ledger: &dyn Ledger, id: &str) -> Option<OrderView> {
    let (id, merchant) = (OrderId::parse(id).unwrap(), MerchantId::parse("loja").unwrap());
    match ledger.order(&id, Some(&merchant)).unwrap() {
        Found::Order(order) => Some(*order),
        Found::Ambiguous(_) | Found::Invalid(_) | Found::Nothing => None,
    }
}

pub(crate) fn status(ledger: &dyn Ledger, id: &str) -> &'static str {
    found(ledger, id).map_or("-", |order| order.state.status.as_str())
}

/// What is in the log, by kind.
pub(crate) fn log(ledger: &dyn Changes) -> Vec<(Seq, Change)> {
    ledger.read(None, 10_000).unwrap()
}

pub(crate) fn failed(failures: &Failures) -> Vec<&str> {
    failures.items.iter().map(|failed| failed.item.as_str()).collect()
}

/// A message of SQS, as Lambda hands it over.
pub(crate) fn message(id: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1767323044000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1767323044010"
        },
        "messageAttributes": {},
        "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:orders",
        "awsRegion": "us-east-1"
    })
}

/// The same of a group of a FIFO queue.
pub(crate) fn grouped(id: &str, group: &str, body: &str, receives: u32) -> Value {
    let mut message = message(id, body);
    message["attributes"]["MessageGroupId"] = group.into();
    message["attributes"]["ApproximateReceiveCount"] = receives.to_string().into();
    message["attributes"]["SequenceNumber"] = "18849496460467696128".into();
    message
}

pub(crate) fn event<T: serde::de::DeserializeOwned>(records: &[Value]) -> T {
    serde_json::from_value(json!({"Records": records})).unwrap()
}

/// A record of a stream of DynamoDB: `happened` is INSERT, MODIFY or REMOVE.
pub(crate) fn record(sequence: &str, happened: &str, new: Value, old: Value) -> Value {
    let mut record = json!({
        "eventID": format!("id-{sequence}"),
        "eventName": happened,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1767323045,
            "Keys": {},
            "SequenceNumber": sequence,
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES"
        },
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/comanda/stream/x"
    });
    for (name, image) in [("NewImage", new), ("OldImage", old)] {
        if !image.is_null() {
            record["dynamodb"][name] = image;
        }
    }
    record
}

/// An item of the table with texts only.
pub(crate) fn item(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(name, text)| ((*name).to_owned(), json!({"S": text}))).collect()
}

/// A change as the ledger files it.
pub(crate) fn change_item(seq: Seq, change: &Change) -> Value {
    let body = encoded(change);
    let mut item: BTreeMap<String, Value> = BTreeMap::new();
    item.insert("PK".into(), json!({"S": format!("CHANGE#{:020}", seq.0)}));
    item.insert("SK".into(), json!({"S": "CHANGE"}));
    item.insert("parts".into(), json!({"N": "1"}));
    item.insert("body".into(), json!({"B": STANDARD.encode(body)}));
    json!(item)
}

fn encoded(change: &Change) -> Vec<u8> {
    let mut bytes = Vec::new();
    service::change::encode(change, &mut bytes);
    bytes
}
