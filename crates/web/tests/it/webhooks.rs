//! Webhook endpoints over the API.

use serde_json::{Value, json};

use crate::api::{Api, Ask, order};

/// Adds an endpoint and says what it is called.
async fn added(api: &Api, body: Value) -> (String, Value) {
    let answer = api.ask(Ask::post("/v1/webhooks", body.to_string())).await;
    assert_eq!(answer["status"], 201, "{answer}");
    let id = answer["body"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer["location"], format!("/v1/webhooks/{id}"));
    (id.clone(), named(&answer, &id))
}

/// An answer without what is random in it.
fn named(answer: &Value, id: &str) -> Value {
    serde_json::from_str(&answer.to_string().replace(id, "ep_1")).unwrap()
}

#[tokio::test]
async fn an_endpoint_is_added_changed_disabled_and_removed() {
    let api = Api::new();
    let full = json!({
        "url": "https://erp.example/hook", "description": "for the ERP", "kinds": ["order.*"],
        "merchant_ids": ["loja"], "per_second": 20, "concurrency": 2, "signing": "v1a",
    });
    let (id, first) = added(&api, full).await;
    let (small, _) = added(&api, json!({"url": "https://erp.example/all"})).await;
    let path = |rest: &str| format!("/v1/webhooks/{id}{rest}");
    let patch = r#"{"url": "https://erp.example/new", "per_second": null, "merchant_ids": null}"#;
    let mut story = vec![first];
    for ask in [
        Ask::patch(&path(""), patch),
        Ask::post(&path("/rotate-secret"), r#"{"overlap_s": 3600}"#),
        Ask::post(&path("/rotate-secret"), r#"{"overlap_s": 0}"#),
        Ask::post(&path("/disable"), r#"{"reason": "maintenance"}"#),
        Ask::get(&path("")),
        Ask::post(&path("/enable"), ""),
        Ask::post(&path("/test"), ""),
        Ask::get(&path("/deliveries")),
        Ask::delete(&format!("/v1/webhooks/{small}")),
        Ask::get("/v1/webhooks"),
    ] {
        story.push(named(&api.ask(ask).await, &id));
    }
    insta::assert_json_snapshot!(story);
    for ask in [Ask::get(&format!("/v1/webhooks/{small}")), Ask::delete("/v1/webhooks/ep_0")] {
        assert_eq!(api.ask(ask).await["status"], 404);
    }
}

#[tokio::test]
async fn everything_wrong_with_an_endpoint_is_said_at_once() {
    let api = Api::new();
    let wrong = json!({
        "url": "http://10.0.0.1/", "kinds": ["order.lost"], "merchant_ids": ["a\u{0}"],
        "per_second": 0, "concurrency": 65, "signing": "v2", "colour": "red",
        "description": "x".repeat(1_025),
    });
    let mut story = Vec::new();
    for lang in ["en", "es", "pt-BR"] {
        let ask = Ask::post("/v1/webhooks", wrong.to_string()).header("accept-language", lang);
        story.push(api.ask(ask).await);
    }
    story.push(api.ask(Ask::post("/v1/webhooks", r#"{"kinds": []}"#)).await);
    insta::assert_json_snapshot!(story);
}

#[tokio::test]
async fn a_replay_counts_the_changes_of_its_time() {
    let api = Api::new();
    let (id, _) = added(&api, json!({"url": "https://erp.example/all"})).await;
    for n in 0..5 {
        api.ask(Ask::post("/v1/orders", order(&format!("o-{n}")))).await;
    }
    let path = format!("/v1/webhooks/{id}/replay");
    let mut story = Vec::new();
    for range in [
        json!({"since": "2026-01-01T00:00:00Z"}),
        json!({"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:01Z"}),
        json!({"since": "yesterday"}),
        json!({}),
    ] {
        story.push(api.ask(Ask::post(&path, range.to_string())).await);
    }
    insta::assert_json_snapshot!(story);
    let changes = api.ask(Ask::get("/v1/changes")).await;
    let lines = changes["body"].to_string();
    assert!(lines.contains("webhook_replay") && !lines.contains("erp.example"), "{lines}");
}
