//! Batches in and out, over a runner that only remembers.

use std::sync::Arc;

use bytes::Bytes;
use domain::id::BatchId;
use domain::time::Timestamp;
use parking_lot::Mutex;
use service::batch::{BatchState, BatchStatus, Counts};
use service::change::Seq;
use service::ledger::Task;
use web::batches::Lines;
use web::{BatchError, BatchRuns, Live, NewBatch, Shown, Started};

use crate::api::{Api, Ask, order};

#[derive(Default)]
struct Fake(Mutex<Vec<(NewBatch, Vec<u8>)>>);

fn state(id: &str) -> BatchState {
    BatchState {
        id: BatchId::parse(id).unwrap(),
        status: BatchStatus::Running,
        reason: None,
        started_at: Timestamp(1_767_323_045_000_000),
        updated_at: Timestamp(1_767_323_046_000_000),
        counts: Counts { succeeded: 5, failed: 2, skipped: 1 },
        total: None,
        offset: 4_096,
        hash: [7; 32],
        tolerance: Default::default(),
        rules: None,
        max_concurrency: Some(7),
        metadata: "{\"campaign\":\"x\"}".into(),
        spool: None,
        previous: None,
        from: Seq(1),
    }
}

fn ready<T: Send + 'static>(result: Result<T, BatchError>) -> Task<'static, Result<T, BatchError>> {
    Box::pin(std::future::ready(result))
}

impl BatchRuns for Fake {
    fn start(&self, new: NewBatch) -> Task<'_, Result<Started, BatchError>> {
        let id = new.id.as_ref().map_or("content".to_owned(), |id| id.to_string());
        let body = std::fs::read(&new.path).unwrap();
        self.0.lock().push((new, body));
        ready(match id.as_str() {
            "known" => Ok(Started::Known(state("known"))),
            "other" => Err(BatchError::OtherContent(Box::new(state("other")))),
            "torn" => Err(BatchError::Malformed("line 3: expected `,`".into())),
            "full" => Err(BatchError::Io(std::io::ErrorKind::StorageFull.into())),
            "busy" => Err(BatchError::Busy),
            id => Ok(Started::New(state(id))),
        })
    }
    fn stop(&self, id: &BatchId) -> Task<'_, Result<BatchState, BatchError>> {
        let done = BatchState { status: BatchStatus::Succeeded, ..state(id.as_str()) };
        ready(Err(BatchError::WrongState(Box::new(done))))
    }
    fn redrive(&self, id: &BatchId) -> Task<'_, Result<Started, BatchError>> {
        ready(Ok(Started::New(state(id.as_str()))))
    }
    fn summary(&self, id: &BatchId) -> Task<'_, Result<serde_json::Value, BatchError>> {
        ready(Ok(serde_json::json!({
            "batch_id": id.as_str(),
            "status": "SUCCEEDED",
            "items": {"total": 0, "succeeded": 0, "failed": 0, "skipped": 0, "pending": 0},
            "by_status": {},
            "by_reason": {},
            "totals": {"gross": "0.00", "discounts": "0.00", "surcharges": "0.00", "net": "0.00"},
            "by_rule": [],
            "units": 0,
            "unpriced": 0,
            "shortages": [],
            "issues": [],
            "issues_total": 0,
            "started_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:05Z",
            "orders_per_second": 0,
        })))
    }
    fn results(&self, _: &BatchId, _: Shown) -> Task<'_, Result<Lines, BatchError>> {
        let (to, lines) = tokio::sync::mpsc::channel(2);
        tokio::spawn(async move {
            for at in 0..10 {
                let line = format!("{{\"index\":{at},\"outcome\":\"succeeded\"}}\n");
                _ = to.send(Ok(Bytes::from(line))).await;
            }
        });
        ready(Ok(lines))
    }
    fn live(&self, _: &BatchId) -> Option<Live> {
        Some(Live { running: 2, total: Some(12), results_written: 8, timed_out: 0 })
    }
}

#[tokio::test]
async fn a_batch_is_spooled_before_it_is_accepted() {
    let fake = Arc::new(Fake::default());
    let api = Api::with(|app| app.batches = fake.clone());
    let body = format!("{}\n{}\n", order("a"), order("b"));
    let options = "/v1/batches?batch_id=b%201&max_concurrency=8&tolerated_failure_count=0\
        &tolerated_failure_percentage=5&dry_run=true";
    let lines =
        |path: &str| Ask::post(path, body.clone()).header("content-type", "application/x-ndjson");
    let story = api.story(vec![
        lines(options),
        lines("/v1/batches"),
        lines("/v1/batches?batch_id=known"),
        lines("/v1/batches?batch_id=other"),
        lines("/v1/batches?batch_id=torn"),
        lines("/v1/batches?batch_id=full"),
        lines("/v1/batches?batch_id=busy"),
        lines("/v1/batches?max_concurrency=0"),
        lines("/v1/batches?tolerated_failure_percentage=101"),
        Ask::post("/v1/batches", "a,b").header("content-type", "text/plain"),
        Ask::post("/v1/batches", "a,b").header("content-type", "text/csv"),
        Ask::get("/v1/batches"),
        Ask::get("/v1/batches/b-1/results"),
        Ask::get("/v1/batches/b-1/summary"),
        Ask::post("/v1/batches/b-1/stop", ""),
        Ask::post("/v1/batches/b-1/redrive", ""),
    ]);
    insta::assert_json_snapshot!(story.await);
    let started = fake.0.lock();
    let (first, spooled) = &started[0];
    assert_eq!(spooled, body.as_bytes());
    assert_eq!(first.max_concurrency, Some(8));
    assert!(first.dry_run && first.tolerance.count == Some(0));
    // Three run; the others' files are gone.
    assert_eq!(std::fs::read_dir(api.spool_dir()).unwrap().count(), 3);
}

#[tokio::test]
async fn a_batch_above_the_bound_leaves_nothing_behind() {
    let api = Api::with(|app| {
        app.batches = Arc::new(Fake::default());
        app.settings.limits.batch_bytes_max = 10;
    });
    assert_eq!(api.ask(Ask::post("/v1/batches", "[1, 2, 3, 4]")).await["status"], 413);
    assert_eq!(std::fs::read_dir(api.spool_dir()).unwrap().count(), 0);
    let low = Api::with(|app| {
        app.health = Arc::new(|| web::Health { disk_low: true, ..web::Health::default() });
    });
    assert_eq!(low.ask(Ask::post("/v1/batches", "[]")).await["body"]["code"], "disk_space");
}
