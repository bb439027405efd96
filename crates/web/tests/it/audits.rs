//! Input that was no order: nothing is without a trace, and nobody fills the disk with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::time::Timestamp;
use serde_json::{Value, json};

use crate::api::{Api, Ask, order};

const DAY: i64 = 24 * 3_600;

/// A server with a clock in seconds, that keeps two invalid documents a minute.
fn strict() -> (Api, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_767_323_045));
    let now = seconds.clone();
    let api = Api::with(|app| {
        app.settings.limits.invalid_records = 2;
        app.clock = Arc::new(move || Timestamp(now.load(Ordering::Relaxed) * 1_000_000));
    });
    (api, seconds)
}

fn wrong(id: &str) -> String {
    json!({"order_id": id, "merchant_id": "m-1", "customerId": "c", "items": []}).to_string()
}

#[tokio::test]
async fn what_was_no_order_is_listed_and_shown_without_using_up_its_id() {
    let api = Api::new();
    api.ask(Ask::post("/v1/orders", wrong("o-1"))).await;
    api.ask(Ask::post("/v1/orders", "<script>alert(1)</script>")).await;
    let list = api.ask(Ask::get("/v1/audits")).await;
    let sequence = |at: usize| list["body"]["audits"][at]["sequence"].as_str().unwrap().to_owned();
    let of_id = api.ask(Ask::get("/v1/orders/o-1")).await;
    assert_eq!((&of_id["status"], &of_id["body"]["status"]), (&200.into(), &"INVALID".into()));
    let story = api.story(vec![
        Ask::get("/v1/audits").header("accept-language", "pt-BR"),
        Ask::get("/v1/audits?limit=1"),
        Ask::get(&format!("/v1/audits?limit=1&cursor={}", sequence(0))),
        Ask::get("/v1/audits?merchant_id=m-1&code=empty_items&from=2026-01-02&until=2026-01-02"),
        Ask::get("/v1/audits?code=bad_date"),
        Ask::get("/v1/audits?until=2026-01-01"),
        Ask::get("/v1/audits?status=INVALID"),
        Ask::get(&format!("/v1/audits/{}", sequence(1))).header("accept-language", "es"),
        Ask::get(&format!("/v1/audits/{}", sequence(0))),
        Ask::get(&format!("/v1/audits/{}/document", sequence(0))),
        Ask::get(of_id["body"]["document_url"].as_str().unwrap()),
        Ask::get(
            &of_id["body"]["document_url"].as_str().unwrap().replace("expires=1", "expires=2"),
        ),
        Ask::get("/v1/audits/1"),
        Ask::get("/v1/audits/zz"),
    ]);
    insta::assert_json_snapshot!(story.await);
    let placed = api
        .ask(Ask::post("/v1/orders", order("o-1").replacen('{', "{\"merchant_id\":\"m-1\",", 1)));
    assert_eq!(placed.await["status"], 202, "the id was not used up");
    assert_eq!(api.ask(Ask::get("/v1/orders/o-1")).await["body"]["valid"], true);
}

#[tokio::test]
async fn beyond_the_bounds_input_is_counted_and_answered_the_same() {
    let (api, seconds) = strict();
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(api.ask(Ask::post("/v1/orders", wrong(&format!("o-{n}")))).await);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "all are answered alike");
    let kinds = |list: &Value| -> Vec<String> {
        let rows = list["body"]["audits"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["kind"].as_str().unwrap(), row["count"])).collect()
    };
    let list = api.ask(Ask::get("/v1/audits")).await;
    assert_eq!(kinds(&list), ["invalid null", "invalid null"]);
    seconds.fetch_add(60, Ordering::Relaxed);
    api.app.settle_invalid().await;
    let list = api.ask(Ask::get("/v1/audits")).await;
    assert_eq!(kinds(&list), ["flood 3", "invalid null", "invalid null"]);
    let flood = list["body"]["audits"][0].clone();
    insta::assert_json_snapshot!(flood);
    let sequence = flood["sequence"].as_str().unwrap();
    assert_eq!(api.ask(Ask::get(&format!("/v1/audits/{sequence}"))).await["body"], flood);
    assert_eq!(api.ask(Ask::get(&format!("/v1/audits/{sequence}/document"))).await["status"], 404);
    let changes = api.ask(Ask::get("/v1/changes")).await;
    assert_eq!(changes["body"][2]["kind"], "flood");
    api.ask(Ask::post("/v1/orders", wrong("o-9"))).await;
    let list = api.ask(Ask::get("/v1/audits?limit=1")).await;
    assert_eq!(kinds(&list), ["invalid null"], "a new minute, new bounds");
}

#[tokio::test]
async fn of_too_many_bytes_the_document_is_not_kept_but_what_was_wrong_is() {
    let api = Api::with(|app| app.settings.limits.invalid_bytes = 10);
    api.ask(Ask::post("/v1/orders", wrong("o-1"))).await;
    let row = api.ask(Ask::get("/v1/audits")).await["body"]["audits"][0].clone();
    assert_eq!((&row["document_kept"], &row["bytes"]), (&false.into(), &wrong("o-1").len().into()));
    assert_eq!(row["hash"], blake3::hash(wrong("o-1").as_bytes()).to_hex().as_str());
    assert_eq!(row["violations"][0]["code"], "empty_items");
    let shown = api.ask(Ask::get("/v1/orders/o-1")).await;
    assert_eq!(shown["body"]["status"], "INVALID");
    for field in ["document", "document_text", "document_url"] {
        assert_eq!(shown["body"][field], Value::Null);
    }
}

#[tokio::test]
async fn documents_of_invalid_input_are_shown_for_so_many_days() {
    let (api, seconds) = strict();
    api.ask(Ask::post("/v1/orders", wrong("o-1"))).await;
    let sequence = api.ask(Ask::get("/v1/audits")).await["body"]["audits"][0]["sequence"].clone();
    let document = format!("/v1/audits/{}/document", sequence.as_str().unwrap());
    seconds.fetch_add(89 * DAY, Ordering::Relaxed);
    assert_eq!(api.ask(Ask::get(&document)).await["status"], 200);
    seconds.fetch_add(2 * DAY, Ordering::Relaxed);
    assert_eq!(api.ask(Ask::get(&document)).await["status"], 404);
    let shown = api.ask(Ask::get("/v1/orders/o-1")).await;
    assert_eq!((&shown["status"], &shown["body"]["document"]), (&200.into(), &Value::Null));
    assert_eq!(shown["body"]["violations"][0]["code"], "empty_items", "that is kept for ever");
    assert_eq!(api.ask(Ask::get("/v1/orders/o-1/document")).await["status"], 404);
    let changes = api.ask(Ask::get("/v1/changes")).await["body"].to_string();
    assert!(!changes.contains("customerId"), "{changes}");
}
