//! Files in the bucket.

use std::sync::Arc;
use std::time::Duration;

use aws::functions::events::Undone;
use aws::functions::files::{Again, Files};
use messages::Lang;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use parking_lot::Mutex;
use serde_json::{Value, json};
use service::change::What;
use service::ledger::{Ledger, Task};
use service::memory::MemoryLedger;

use crate::support::{clock, event, failed, installation, ledger_of, log, message, order, status};

struct World {
    ledger: Arc<MemoryLedger>,
    store: Arc<InMemory>,
    files: Files,
    again: Arc<Queue>,
}

/// The queue of files.
#[derive(Default)]
struct Queue(Mutex<Vec<String>>);

impl Again for Queue {
    fn again(&self, message: String) -> Task<'_, Result<(), Undone>> {
        self.0.lock().push(message);
        Box::pin(std::future::ready(Ok(())))
    }
}

fn world() -> World {
    let installation = installation("");
    let ledger = ledger_of(&installation);
    let (store, again) = (Arc::new(InMemory::new()), Arc::new(Queue::default()));
    let files = Files {
        ledger: ledger.clone(),
        documents: installation.documents,
        store: store.clone(),
        again: Some(again.clone()),
        clock: clock(),
        lang: Lang::PtBr,
        settle: Duration::ZERO,
    };
    World { ledger, store, files, again }
}

/// A notification of S3, with the object's name as it writes them.
fn made(key: &str) -> String {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-01-02T03:04:05.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDA"},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {"x-amz-request-id": "r", "x-amz-id-2": "i"},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "inbox",
            "bucket": {"name": "b", "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::b"},
            "object": {"key": key, "size": 1024, "eTag": "t", "sequencer": "0055AED6DCD90281E5"}}
    }]})
    .to_string()
}

impl World {
    async fn put(&self, key: &str, text: &str) {
        self.store.put(&Path::parse(key).unwrap(), text.to_owned().into()).await.unwrap();
    }

    async fn told(&self, bodies: &[&str], left: Duration) -> Vec<String> {
        let ids = ["1", "2", "3"];
        let records: Vec<Value> =
            ids.iter().zip(bodies).map(|(id, body)| message(id, body)).collect();
        let failures = self.files.handle(event(&records), left).await.unwrap();
        failed(&failures).into_iter().map(str::to_owned).collect()
    }

    async fn text(&self, key: &str) -> Option<String> {
        let found = self.store.get(&Path::parse(key).unwrap()).await.ok()?;
        Some(String::from_utf8(found.bytes().await.unwrap().to_vec()).unwrap())
    }

    async fn report(&self, key: &str) -> Value {
        let text = self.text(&format!("reports/{key}.json")).await.unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

const LEFT: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_taken_in_and_reported_on_line_by_line() {
    let world = world();
    let text = format!(
        "{}\n{}\n{{\"id\":\"x\",\"customerId\":\"c\",\"items\":[]}}\n",
        order("a"),
        order("b")
    );
    world.put("inbox/june/orders.jsonl", &text).await;
    assert!(world.told(&[&made("inbox/june/orders.jsonl")], LEFT).await.is_empty());
    assert_eq!(
        (status(&*world.ledger, "a"), status(&*world.ledger, "b")),
        ("COMPLETED", "COMPLETED")
    );
    let report = world.report("june/orders.jsonl").await;
    assert_eq!((&report["status"], &report["is_repeat"]), (&json!("SUCCEEDED"), &json!(false)));
    assert_eq!(report["summary"]["items"]["failed"], 1);
    let lines = world.text("reports/june/orders.jsonl.jsonl").await.unwrap();
    let outcomes: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["succeeded", "succeeded", "failed"]);
    let rejects = world.text("reports/june/orders.jsonl.rejects.jsonl").await.unwrap();
    assert_eq!(rejects.lines().count(), 1);
    assert!(world.text("inbox/june/orders.jsonl").await.is_some(), "it is its sender's");

    // The same message again, and the same content by another name.
    let before = log(&*world.ledger).len();
    assert!(world.told(&[&made("inbox/june/orders.jsonl")], LEFT).await.is_empty());
    world.put("inbox/copy.jsonl", &text).await;
    assert!(world.told(&[&made("inbox/copy.jsonl")], LEFT).await.is_empty());
    assert_eq!(log(&*world.ledger).len(), before);
    assert_eq!(world.report("copy.jsonl").await["is_repeat"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_decoded_and_every_layout_is_read() {
    let world = world();
    world
        .put(
            "inbox/pedidos de março+1.csv",
            "order_id;customer_id;sku;quantity;unit_price\na;c;P;1;2,50\n",
        )
        .await;
    world.put("inbox/lote.json", &format!("{{\"orders\":[{}]}}", order("b"))).await;
    let csv = made("inbox/pedidos+de+mar%C3%A7o%2B1.csv");
    // By SNS, and by EventBridge, whose names are not encoded.
    let sns = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:x", "MessageId": "m",
        "Message": csv});
    let bridge = json!({"version": "0", "detail-type": "Object Created", "source": "aws.s3",
        "detail": {"bucket": {"name": "b"}, "object": {"key": "inbox/lote.json", "size": 1}}});
    assert!(world.told(&[&sns.to_string(), &bridge.to_string()], LEFT).await.is_empty());
    let report = world.report("pedidos de março+1.csv").await;
    assert_eq!(report["summary"]["items"]["succeeded"], 1, "{report}");
    assert_eq!(status(&*world.ledger, "b"), "COMPLETED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_of_the_bucket_folders_and_objects_that_are_gone_are_done() {
    let world = world();
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b",
        "Time": "2026-01-02T03:04:05.000Z", "RequestId": "r", "HostId": "h"});
    let removed = made("inbox/a.jsonl").replace("ObjectCreated:Put", "ObjectRemoved:Delete");
    assert!(world.told(&[&test.to_string(), &removed], LEFT).await.is_empty());
    world.put("elsewhere.jsonl", &order("a")).await;
    let bodies = [made("inbox/folder/"), made("inbox/gone.jsonl"), made("elsewhere.jsonl")];
    assert!(world.told(&[&bodies[0], &bodies[1], &bodies[2]], LEFT).await.is_empty());
    assert!(log(&*world.ledger).is_empty());
    assert_eq!(world.told(&["nonsense"], LEFT).await, ["1"], "what is no notification comes again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_none_is_a_letter_and_says_why() {
    let world = world();
    world.put("inbox/broken.json", "{\"orders\": [").await;
    world.put("inbox/broken.csv", "this is no table\nof orders\n").await;
    let bodies = [made("inbox/broken.json"), made("inbox/broken.csv")];
    assert!(world.told(&[&bodies[0], &bodies[1]], LEFT).await.is_empty());
    let table = world.report("broken.csv").await;
    assert_eq!(table["status"], "REJECTED", "{table}");
    assert!(!table["reason"].as_str().unwrap().is_empty());
    let letters = log(&*world.ledger);
    assert!(letters.iter().any(|(_, change)| matches!(change.what, What::Letter(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_file_is_read_by_ranges_and_goes_on_where_time_ran_out() {
    let world = world();
    // Two ranges of eight megabytes, most of it in a field that nobody reads.
    let padding = "x".repeat(60 << 10);
    let line = |n: usize| {
        format!(
            "{}\n",
            order(&format!("o{n:03}")).replacen('{', &format!("{{\"padding\":\"{padding}\","), 1)
        )
    };
    let text: String = (0..150).map(line).collect();
    assert!(text.len() > (8 << 20));
    world.put("inbox/long.jsonl", &text).await;
    // No time at all: it stops at a checkpoint and is queued again, as often as it takes.
    let mut message = made("inbox/long.jsonl");
    let mut turns = 0;
    loop {
        let left = if turns < 3 { Duration::ZERO } else { LEFT };
        assert!(world.told(&[&message], left).await.is_empty());
        turns += 1;
        match world.again.0.lock().pop() {
            Some(next) => message = next,
            None => break,
        }
    }
    let report = world.report("long.jsonl").await;
    assert_eq!(report["summary"]["items"]["succeeded"], 150, "{report}");
    let orders = log(&*world.ledger);
    let orders = orders.iter().filter(|(_, c)| matches!(c.what, What::Order { first: None, .. }));
    assert_eq!(orders.count(), 150, "no item twice, in {turns} turns");
    assert!(turns > 1, "it was interrupted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_became_another_meanwhile_is_left_to_its_own_message() {
    let world = world();
    world.put("inbox/a.jsonl", &order("a")).await;
    let begun = json!({"key": "inbox/a.jsonl", "tag": "another", "batch": "b"}).to_string();
    assert!(world.told(&[&begun], LEFT).await.is_empty());
    let ledger: &dyn Ledger = &*world.ledger;
    assert_eq!(status(ledger, "a"), "-");
}
