//! Requests with an idempotency key: done once, answered as often as they are sent.

use serde_json::{Value, json};
use web::{Keys, Limits, Scope};

use crate::api::{Api, Ask, order};

const KEY: &str = "idempotency-key";

/// What came back, but for the word that it came before.
fn plain(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("idempotency-replayed");
    answer
}

/// Asks twice; the second answer is the first one, and nothing was done for it.
async fn twice(api: &Api, ask: impl Fn() -> Ask) -> Value {
    let first = api.ask(ask()).await;
    assert_eq!(first["idempotency-replayed"], Value::Null, "{first}");
    let log = api.ask(Ask::get("/v1/changes?limit=1000")).await;
    let again = api.ask(ask()).await;
    assert_eq!(again["idempotency-replayed"], "true", "{again}");
    assert_eq!(plain(again), first);
    assert_eq!(api.ask(Ask::get("/v1/changes?limit=1000")).await, log, "nothing was recorded");
    first
}

#[tokio::test]
async fn an_order_sent_again_under_its_key_is_answered_as_before() {
    let api = Api::new();
    let placed = twice(&api, || Ask::post("/v1/orders", order("o-1")).header(KEY, "k-1")).await;
    assert_eq!((&placed["status"], &placed["body"]["status"]), (&json!(202), &json!("COMPLETED")));
    let quoted = api.ask(Ask::post("/v1/orders", order("o-1")).header(KEY, "\"k-1\"")).await;
    assert_eq!(quoted["idempotency-replayed"], "true", "with quotes it is the same key");
    // In the language of the first answer: it is that answer.
    let other = Ask::post("/v1/orders", order("o-1")).header(KEY, "k-1");
    assert_eq!(plain(api.ask(other.header("accept-language", "pt-BR")).await), placed);
    let shown = api.ask(Ask::get("/v1/orders/o-1")).await;
    assert_eq!(shown["body"]["repeats"], 0, "a replay is no repetition");
    let duplicate = api.ask(Ask::post("/v1/orders", order("o-1")).header(KEY, "k-2")).await;
    assert_eq!(duplicate["status"], 409);
    let metrics = api.ask(Ask::get("/metrics")).await.to_string();
    assert!(metrics.contains("comanda_idempotent_replays_total 3"), "{metrics}");
}

#[tokio::test]
async fn an_order_without_an_id_is_safe_to_send_again() {
    let api = Api::new();
    let sent = r#"{"customerId": "c", "items": [{"sku": "A", "quantity": 1}]}"#;
    twice(&api, || Ask::post("/v1/orders", sent).header(KEY, "k")).await;
}

#[tokio::test]
async fn every_kind_of_answer_is_given_again() {
    let api = Api::new();
    let patch = r#"{"notes": "soon"}"#;
    api.ask(Ask::post("/v1/stock/PEN/adjustments", r#"{"on_hand": 9}"#)).await;
    api.ask(Ask::post("/v1/stock/INK/adjustments", r#"{"on_hand": 9}"#)).await;
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    type Case = (&'static str, &'static str, fn(&str, String) -> Ask, String, u16);
    let post = |path: &str, body: String| Ask::post(path, body);
    let change = |path: &str, body: String| Ask::patch(path, body);
    let cases: [Case; 12] = [
        ("invalid", "/v1/orders", post, r#"{"id": "bad", "items": []}"#.into(), 400),
        ("malformed", "/v1/orders", post, "{".into(), 400),
        ("duplicate", "/v1/orders", post, order("o-1"), 409),
        ("older", "/orders", post, order("o-1"), 409),
        ("amended", "/v1/orders/o-1", change, patch.into(), 200),
        ("broken", "/v1/orders/o-1", change, r#"{"items": []}"#.into(), 400),
        ("handed", "/v1/orders/o-1/fulfil", post, String::new(), 200),
        ("twice", "/v1/orders/o-1/cancel", post, String::new(), 409),
        ("late", "/v1/orders/o-1", change, patch.into(), 409),
        ("counted", "/v1/stock/PEN/adjustments", post, r#"{"delta": 1}"#.into(), 200),
        ("too few", "/v1/stock/PEN/adjustments", post, r#"{"delta": -99}"#.into(), 409),
        (
            "stray",
            "/v1/orders",
            post,
            r#"{"id": "no", "order_status": "PedidoCancelado"}"#.into(),
            404,
        ),
    ];
    for (key, path, ask, body, status) in cases {
        let answer = twice(&api, || ask(path, body.clone()).header(KEY, key)).await;
        assert_eq!(answer["status"], status, "{key}");
    }
    let stock = api.ask(Ask::get("/v1/stock/PEN")).await;
    assert_eq!(stock["body"]["on_hand"], 7, "one came in, three were handed over");
}

#[tokio::test]
async fn a_key_is_for_one_content_one_address_one_sender() {
    let made = [(), ()].map(|()| Keys::create(Scope::Write, jiff::Timestamp::UNIX_EPOCH).unwrap());
    let records: Vec<_> = made.iter().map(|(_, record)| record.clone()).collect();
    let keys = Keys::new(&records, &Limits::default()).unwrap();
    let api = Api::with(|app| app.keys = Some(keys));
    let send = |who: usize, path: &str, body: String| {
        Ask::post(path, body).header("x-api-key", &made[who].0).header(KEY, "k")
    };
    let placed = api.ask(send(0, "/v1/orders", order("o-1"))).await;
    assert_eq!(placed["status"], 202);
    let reused = api.ask(send(0, "/v1/orders", order("o-2"))).await;
    assert_eq!(
        (&reused["status"], &reused["body"]["code"]),
        (&json!(422), &json!("idempotency_key_reused"))
    );
    let other = api.ask(send(1, "/v1/orders", order("o-2"))).await;
    assert_eq!(other["status"], 202, "another sender has keys of their own");
    let older = api.ask(send(0, "/orders", order("o-3"))).await;
    assert_eq!(older["status"], 202, "another address is another request");
    let patch = Ask::patch("/v1/orders/o-1", "{}").header("x-api-key", &made[0].0).header(KEY, "k");
    assert_eq!(api.ask(patch).await["status"], 200, "another method as well");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_nothing_is_done() {
    let api = Api::new();
    let long = "x".repeat(256);
    for key in ["", "  ", "\"\"", &long] {
        let answer = api.ask(Ask::post("/v1/orders", order("o-1")).header(KEY, key)).await;
        assert_eq!(
            (&answer["status"], &answer["body"]["code"]),
            (&json!(400), &json!("bad_idempotency_key")),
            "{key:?}"
        );
    }
    let two = Ask::post("/v1/orders", order("o-1")).header(KEY, "a").header(KEY, "b");
    assert_eq!(api.ask(two).await["status"], 400);
    assert_eq!(api.ask(Ask::get("/v1/orders/o-1")).await["status"], 404);
}

#[tokio::test]
async fn an_amendment_under_a_key_is_not_made_again_of_what_it_made() {
    let api = Api::new();
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    let tagged = || {
        let patch = Ask::patch("/v1/orders/o-1", r#"{"notes": "a"}"#);
        patch.header(KEY, "k").header("if-match", "\"1\"")
    };
    let amended = twice(&api, tagged).await;
    assert_eq!((&amended["status"], &amended["etag"]), (&json!(200), &json!("\"2\"")));
}
