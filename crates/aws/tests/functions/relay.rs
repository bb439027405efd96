//! What is handed on of the table's stream.

use std::sync::Arc;

use aws::functions::events::Undone;
use aws::functions::relay::{Entry, Job, Queue, Relay};
use parking_lot::Mutex;
use serde_json::{Value, json};
use service::ledger::Task;

use crate::support::{event, failed, item, record};

/// A queue that refuses what says so, or does not answer at all.
#[derive(Default)]
struct Fake {
    sent: Mutex<Vec<Entry>>,
    refuses: Option<&'static str>,
    is_away: bool,
}

impl Queue for Fake {
    fn send<'a>(&'a self, entries: &'a [Entry]) -> Task<'a, Result<Vec<bool>, Undone>> {
        assert!(entries.len() <= 10, "as many as SQS takes");
        let refuses = |entry: &Entry| self.refuses.is_some_and(|text| entry.body.contains(text));
        let taken: Vec<bool> = entries.iter().map(|entry| !refuses(entry)).collect();
        let in_queue = entries.iter().zip(&taken).filter(|(_, taken)| **taken);
        self.sent.lock().extend(in_queue.map(|(entry, _)| entry.clone()));
        let answer = if self.is_away { Err(Undone::why("away")) } else { Ok(taken) };
        Box::pin(std::future::ready(answer))
    }
}

fn awaiting(id: &str, version: u64) -> Value {
    let mut row =
        item(&[("PK", &format!("MERCHANT#loja#ORDER#{id}")), ("SK", "ORDER"), ("awaits", "fraud")]);
    row["version"] = json!({"N": version.to_string()});
    row
}

async fn relayed(queue: Fake, records: &[Value]) -> (Vec<String>, Vec<Entry>) {
    let queue = Arc::new(queue);
    let failures = Relay { queue: queue.clone() }.handle(event(records)).await.unwrap();
    let failed = failed(&failures).into_iter().map(str::to_owned).collect();
    (failed, queue.sent.lock().clone())
}

fn jobs(sent: &[Entry]) -> Vec<Job> {
    sent.iter().map(|entry| serde_json::from_str(&entry.body).unwrap()).collect()
}

#[tokio::test]
async fn rows_that_wait_are_handed_on_and_others_are_not() {
    let row = |pk: &str, sk: &str| item(&[("PK", pk), ("SK", sk)]);
    let records = [
        record("1", "INSERT", awaiting("5%25%23", 1), Value::Null),
        record("2", "INSERT", row("MERCHANT#loja#ORDER#b", "ORDER"), Value::Null),
        record("3", "MODIFY", row("STOCK#loja#P", "RELEASE"), row("STOCK#loja#P", "RELEASE")),
        record("4", "INSERT", row("COMMIT#7f", "COMMIT"), Value::Null),
        record("5", "INSERT", row("SWEEPS", "00000000000000000009"), Value::Null),
        record("6", "INSERT", row("CHANGE#00000000000000000001", "CHANGE"), Value::Null),
        record("7", "REMOVE", Value::Null, awaiting("c", 1)),
    ];
    let (failed, sent) = relayed(Fake::default(), &records).await;
    assert!(failed.is_empty());
    let step = Job::Step { merchant: "loja".into(), order: "5%#".into() };
    let release = Job::Release { merchant: "loja".into(), sku: "P".into() };
    assert_eq!(jobs(&sent), [step, release, Job::Finish { commit: "7f".into() }, Job::Sweep]);
}

#[tokio::test]
async fn one_order_is_one_group_and_one_version_one_message() {
    let records = [
        record("1", "INSERT", awaiting("a", 1), Value::Null),
        record("2", "MODIFY", awaiting("a", 2), awaiting("a", 1)),
        record("3", "INSERT", awaiting("b", 1), Value::Null),
    ];
    let (_, first) = relayed(Fake::default(), &records).await;
    let (_, again) = relayed(Fake::default(), &records).await;
    assert_eq!(first, again, "handed over again they are the same messages");
    assert_eq!(first[0].group, first[1].group);
    assert_ne!(first[0].group, first[2].group);
    assert_ne!(first[0].deduplication, first[1].deduplication);
    let fits = |text: &str| text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    assert!(first.iter().all(|entry| fits(&entry.group) && fits(&entry.deduplication)));
}

#[tokio::test]
async fn a_stream_comes_again_from_the_first_record_that_was_not_taken() {
    let ids: Vec<String> = (0..25).map(|n| format!("o{n:02}")).collect();
    let records: Vec<Value> = ids
        .iter()
        .enumerate()
        .map(|(at, id)| record(&at.to_string(), "INSERT", awaiting(id, 1), Value::Null))
        .collect();
    let queue = Fake { refuses: Some("o13"), ..Fake::default() };
    let (failed, sent) = relayed(queue, &records).await;
    assert_eq!(failed, ["13"]);
    assert!(!sent.iter().any(|entry| entry.body.contains("o20")), "what is behind waits");
    let (failed, _) = relayed(Fake { is_away: true, ..Fake::default() }, &records).await;
    assert_eq!(failed, ["0"]);
}

#[tokio::test]
async fn a_row_that_a_commit_has_locked_is_handed_on_once_it_is_unlocked() {
    let mut locked = awaiting("a", 1);
    locked["lock"] = json!({"S": "7f"});
    let (_, sent) =
        relayed(Fake::default(), &[record("1", "INSERT", locked.clone(), Value::Null)]).await;
    assert!(sent.is_empty());
    let (_, sent) =
        relayed(Fake::default(), &[record("2", "MODIFY", awaiting("a", 1), locked)]).await;
    assert_eq!(sent.len(), 1);
}
