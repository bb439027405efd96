//! The functions of the state machine, as the machine calls them.

use std::sync::Arc;

use aws::functions::batch_items::{BatchItems, CameOut, Handed};
use aws::functions::batch_summary::{BatchSummary, Ran};
use aws::functions::batch_validate::{BatchValidate, Found, NewBatch};
use aws::functions::batches::{BatchError, Came};
use messages::Lang;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::{Value, json};
use service::change::What;
use service::ledger::Ledger;
use service::memory::MemoryLedger;

use crate::support::{clock, found, installation, ledger_of, log, order, status};

struct World {
    ledger: Arc<MemoryLedger>,
    store: Arc<InMemory>,
}

fn world() -> World {
    World { ledger: ledger_of(&installation("")), store: Arc::default() }
}

impl World {
    async fn validate(&self, asked: Value) -> Result<Found, BatchError> {
        let validate = BatchValidate {
            ledger: self.ledger.clone(),
            documents: installation("").documents,
            store: self.store.clone(),
            clock: clock(),
            lang: Lang::PtBr,
        };
        let asked: NewBatch = serde_json::from_str(&asked.to_string()).unwrap();
        validate.handle(asked).await
    }

    fn doing(&self) -> BatchItems {
        BatchItems::new(self.ledger.clone(), installation("").documents, self.store.clone())
    }

    /// Another process each time.
    async fn take(&self, handed: &Value) -> CameOut {
        let handed: Handed = serde_json::from_str(&handed.to_string()).unwrap();
        self.doing().handle(handed).await.unwrap()
    }

    /// What the map does: hands every item over, alone or several at once, and gathers what comes.
    async fn map(&self, batch: &Found, at_once: usize) -> Value {
        let items = self.items(batch).await;
        let mut results = Vec::new();
        for some in items.chunks(at_once) {
            let handed = if at_once == 1 {
                some[0].clone()
            } else {
                json!({"Items": some, "BatchInput": {"batchId": batch.batch_id, "context": batch.context}})
            };
            results.push(serde_json::to_value(self.take(&handed).await).unwrap());
        }
        json!(results)
    }

    async fn items(&self, batch: &Found) -> Vec<Value> {
        serde_json::from_str(&self.text(&batch.items).await).unwrap()
    }

    async fn text(&self, key: &str) -> String {
        let found = self.store.get(&Path::parse(key).unwrap()).await.unwrap();
        String::from_utf8(found.bytes().await.unwrap().to_vec()).unwrap()
    }

    async fn sum(&self, ran: Value) -> Value {
        let ran: Ran = serde_json::from_value(ran).unwrap();
        let summary = BatchSummary { ledger: self.ledger.clone(), store: self.store.clone() };
        summary.handle(ran).await.unwrap()
    }
}

fn orders(ids: &[&str]) -> Value {
    ids.iter().map(|id| serde_json::from_str::<Value>(&order(id)).unwrap()).collect()
}

/// Two orders, one that is none, one twice.
fn batch() -> Value {
    let mut all = orders(&["a", "b", "x", "a"]);
    all[2]["items"] = json!([]);
    json!({"request": {"batchId": "lote 1", "orders": all}, "execution": "e",
        "startedAt": "2026-01-02T03:04:05Z"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_looked_at_taken_in_and_summed_up() {
    for at_once in [1, 25] {
        let world = world();
        let found = world.validate(batch()).await.unwrap();
        assert_eq!((found.total, found.valid, found.invalid), (4, 3, 1));
        assert_eq!(found.violations[0].order_id.as_deref(), Some("x"));
        assert_eq!(found.violations[0].index, 2);
        let map = world.map(&found, at_once).await;
        let told = world.sum(json!({"batch": found, "map": map})).await;
        assert_eq!(told["status"], "SUCCEEDED", "{told}");
        assert_eq!(
            told["itemCounts"],
            json!({"pending": 0, "running": 0, "succeeded": 3, "failed": 1, "timedOut": 0,
                "aborted": 0, "total": 4, "resultsWritten": 4})
        );
        assert_eq!(told["items"]["skipped"], 1);
        assert_eq!(told["totals"]["net"], "6.00");
        assert_eq!(told["by_reason"]["duplicate"], 1);
        assert_eq!(told["units"], 4);
        let kept: Value =
            serde_json::from_str(&world.text(told["summaryKey"].as_str().unwrap()).await).unwrap();
        assert_eq!(kept["itemCounts"], told["itemCounts"]);
        let id = domain::id::BatchId::parse("lote 1").unwrap();
        let state = world.ledger.batch(&id).unwrap().unwrap();
        assert_eq!((state.counts.succeeded, state.counts.failed, state.counts.skipped), (2, 1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invocation_that_is_tried_again_gives_the_same_outcomes_and_records_nothing() {
    let world = world();
    let found = world.validate(batch()).await.unwrap();
    let first = world.map(&found, 25).await;
    let before = log(&*world.ledger).len();
    assert_eq!(world.map(&found, 25).await, first);
    assert_eq!(world.map(&found, 1).await.as_array().unwrap().len(), 3);
    assert_eq!(world.validate(batch()).await.unwrap(), found, "looked at again it is the same");
    assert_eq!(log(&*world.ledger).len(), before);
    let ran = json!({"batch": found, "map": first});
    assert_eq!(world.sum(ran.clone()).await, world.sum(ran).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_keep_every_byte_on_their_way_through_the_machine() {
    let world = world();
    let text = r#"{"orderId":"z","merchantId":"loja","customerId":"ção","items":[{"sku":"P","quantity":1,"price":2580.00}],"shipping":{"cost":10.123456789012345}}"#;
    world.store.put(&Path::from("inbox/lote.jsonl"), format!("{text}\n").into()).await.unwrap();
    let found = world.validate(json!({"key": "inbox/lote.jsonl"})).await.unwrap();
    assert_eq!(found.valid, 1);
    world.map(&found, 1).await;
    assert_eq!(found_document(&world, "z"), text);
}

fn found_document(world: &World, id: &str) -> String {
    String::from_utf8(found(&*world.ledger, id).unwrap().document.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_table_are_items_and_rules_of_the_batch_price_them() {
    let world = world();
    let csv = "order_id;customer_id;sku;quantity;unit_price\na;c;P;1;100,00\na;c;Q;1;10,00\nb;c;P;2;50,00\n";
    world.store.put(&Path::from("inbox/l.csv"), csv.into()).await.unwrap();
    let rules = json!([{"id": "ten", "effect": {"type": "order_percentage_off", "percent": "10"}}]);
    let asked = json!({"key": "inbox/l.csv", "batchId": "b1", "metadata": {"campaign": "june"},
        "pricingRules": rules});
    let found = match world.validate(asked).await {
        Ok(found) => found,
        Err(error) => panic!("{error}"),
    };
    assert_eq!((found.total, found.valid), (2, 2));
    let map = world.map(&found, 25).await;
    let told = world.sum(json!({"batch": found, "map": map})).await;
    assert_eq!(told["totals"]["gross"], "210.00", "{told}");
    assert_eq!(told["totals"]["net"], "189.00");
    assert_eq!(
        (&told["by_rule"][0]["rule"], &told["by_rule"][0]["amount"]),
        (&json!("ten"), &json!("-21.00"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_was_used_for_other_content_is_refused_and_so_is_what_is_no_batch() {
    let world = world();
    world.validate(batch()).await.unwrap();
    let mut other = batch();
    other["request"]["orders"] = orders(&["c"]);
    let error = world.validate(other).await.unwrap_err();
    assert!(matches!(error, BatchError::Conflict(_)) && error.name() == "BatchConflict");
    for wrong in [
        json!({"orders": "nonsense"}),
        json!({}),
        json!({"orders": [], "key": "x"}),
        json!({"key": "inbox/missing.json"}),
        json!({"orders": [], "batchId": ""}),
        json!({"orders": [], "metadata": {"a": []}}),
        json!({"orders": [], "pricingRules": [{"id": 1}]}),
    ] {
        let error = world.validate(wrong.clone()).await.unwrap_err();
        assert_eq!(error.name(), "InvalidBatch", "{wrong}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_the_map_wrote_into_the_bucket_are_summed_up_alike() {
    let world = world();
    let found = world.validate(batch()).await.unwrap();
    let results = world.map(&found, 25).await;
    let output = results[0].to_string();
    let files = json!([{"ExecutionArn": "x", "Output": output, "Status": "SUCCEEDED"}]);
    let manifest = json!({"DestinationBucket": "b", "MapRunArn": "m", "ResultFiles": {
        "FAILED": [], "PENDING": [],
        "SUCCEEDED": [{"Key": "batches/r/SUCCEEDED_0.json", "Size": 1}]}});
    world
        .store
        .put(&Path::from("batches/r/SUCCEEDED_0.json"), files.to_string().into())
        .await
        .unwrap();
    world
        .store
        .put(&Path::from("batches/r/manifest.json"), manifest.to_string().into())
        .await
        .unwrap();
    let details = json!({"MapRunArn": "m",
        "ResultWriterDetails": {"Bucket": "b", "Key": "batches/r/manifest.json"}});
    let told = world.sum(json!({"batch": found, "map": details})).await;
    assert_eq!(told["itemCounts"]["resultsWritten"], 4);
    assert_eq!(told["totals"]["net"], "6.00");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_that_failed_is_a_batch_that_failed_and_says_what_is_not_done() {
    let world = world();
    let found = world.validate(batch()).await.unwrap();
    let told = world.sum(json!({"batch": found, "failure": {"Error": "States.Runtime"}})).await;
    assert_eq!((&told["status"], &told["reason"]), (&json!("FAILED"), &json!("map_failed")));
    assert_eq!(told["itemCounts"]["aborted"], 3);
    let batches = log(&*world.ledger);
    assert_eq!(batches.iter().filter(|(_, c)| matches!(c.what, What::Batch(_))).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_in_a_batch_change_orders_and_what_is_refused_says_why() {
    let world = world();
    let cancel =
        |id: &str| json!({"orderId": id, "merchantId": "loja", "order_status": "Cancela Pedido"});
    let mut all = orders(&["a"]);
    all.as_array_mut().unwrap().extend([cancel("a"), cancel("unknown")]);
    let found = world.validate(json!({"orders": all})).await.unwrap();
    let CameOut::Several { results } = world
        .take(
            &json!({"Items": world.items(&found).await, "BatchInput": {"context": found.context}}),
        )
        .await
    else {
        panic!("several")
    };
    let came: Vec<_> = results.iter().map(|result| result.outcome).collect();
    assert_eq!(came, [Came::Succeeded, Came::Succeeded, Came::Failed]);
    assert_eq!(results[2].reason.as_deref(), Some("unknown_order"));
    assert_eq!(status(&*world.ledger, "a"), "CANCELLED");
}
