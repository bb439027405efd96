//! Dead letters: found, understood, sent again once, given up.

use domain::id::{BatchId, MerchantId, OrderId, OrderKey};
use domain::order::{BatchItem, Channel, InputPlace};
use serde_json::{Value, json};
use service::change::{Audit, Fault, Origin, Seq, What};
use service::ledger::{Answer, Request};
use service::letters::{DeadLetter, Subject};

use crate::api::{Api, Ask, order};

fn line(id: &str, index: u64, document: &str) -> Request {
    let document = bytes::Bytes::from(document.to_owned());
    let batch = BatchId::parse("b-1").unwrap();
    Request::Audit(Box::new(Audit {
        order: OrderId::parse(id).ok(),
        merchant: MerchantId::parse("loja").ok(),
        channel: Channel::Batch,
        batch: Some(BatchItem { batch, index, at: Some(InputPlace { line: index + 1, byte: 0 }) }),
        faults: vec![Fault { pointer: "/items".into(), code: "empty_items".into() }],
        origin: Origin::of(None, &document),
        document,
    }))
}

fn delivery(id: &str) -> Request {
    let key =
        OrderKey { id: OrderId::parse(id).unwrap(), merchant: MerchantId::parse("loja").unwrap() };
    Request::Bury(Box::new(DeadLetter {
        subject: Subject::Delivery {
            sink: "mail".into(),
            id: format!("d-{id}").into(),
            kind: "order.completed".into(),
            seq: Seq(28),
        },
        order: Some(key),
        cause: Seq(28),
        reason: "retries_exhausted".into(),
        error: "connection refused".into(),
        attempts: 6,
        payload: None,
    }))
}

fn wrong() -> String {
    json!({"order_id": "o-1", "merchant_id": "loja", "customerId": "c", "items": []}).to_string()
}

async fn filed(api: &Api, requests: Vec<Request>) {
    let answers = api.app.ledger.execute(requests).await.unwrap();
    assert!(answers.iter().all(|a| matches!(a, Answer::Recorded | Answer::Buried(_))));
}

async fn listed(api: &Api, query: &str) -> Vec<Value> {
    let page = api.ask(Ask::get(&format!("/v1/dead-letters{query}"))).await;
    assert_eq!(page["status"], 200, "{page}");
    page["body"]["dead_letters"].as_array().unwrap().clone()
}

async fn address(api: &Api, query: &str) -> String {
    let letter = listed(api, query).await.remove(0);
    letter["links"]["self"].as_str().unwrap().to_owned()
}

fn post(path: &str, body: impl Into<Vec<u8>>) -> Ask {
    Ask::post(path, body)
}

#[tokio::test]
async fn letters_are_listed_without_what_was_in_them_and_shown_with_it() {
    let api = Api::new();
    filed(&api, vec![line("o-1", 0, &wrong()), line("o-2", 1, "{no json"), delivery("o-3")]).await;
    let of_line = address(&api, "?batch_id=b-1&order_id=o-1").await;
    let of_text = address(&api, "?order_id=o-2").await;
    let story = api.story(vec![
        Ask::get("/v1/dead-letters").header("accept-language", "pt-BR"),
        Ask::get("/v1/dead-letters?kind=delivery&source=mail&reason=retries_exhausted"),
        Ask::get("/v1/dead-letters?kind=item&limit=1"),
        Ask::get("/v1/dead-letters?state=settled"),
        Ask::get("/v1/dead-letters?kind=letter"),
        Ask::get("/v1/dead-letters?until=2026-01-01&state=all"),
        Ask::get(&of_line).header("accept-language", "es"),
        Ask::get(&of_text),
        Ask::get("/v1/dead-letters/1"),
    ]);
    insta::assert_json_snapshot!(story.await);
    let list = Value::from(listed(&api, "").await).to_string();
    assert!(!list.contains("customerId"), "{list}");
    let text = api.ask(Ask::get("/metrics")).await["body"].to_string().replace('\\', "");
    assert!(text.contains("comanda_dead_letters_open{kind=\"item\"} 2"), "{text}");
}

#[tokio::test]
async fn a_line_is_taken_in_once_mended_and_its_letter_ends_with_it() {
    let api = Api::new();
    filed(&api, vec![line("o-1", 0, &wrong())]).await;
    let letter = address(&api, "").await;
    let redrive = format!("{letter}/redrive");
    let mended = order("o-1");
    let story = api.story(vec![
        post(&redrive, "").header("accept-language", "pt-BR"),
        post(&redrive, "{").header("accept-language", "es"),
        post(&redrive, mended.clone()),
        post(&redrive, mended.clone()),
        Ask::delete(&letter),
        Ask::get("/v1/dead-letters"),
        Ask::get("/v1/orders/o-1"),
    ]);
    insta::assert_json_snapshot!(story.await);
    // What is there already keeps its letter open: somebody has to look.
    filed(&api, vec![line("o-1", 3, &mended)]).await;
    let repeated = address(&api, "").await;
    let answer = api.ask(post(&format!("{repeated}/redrive"), "")).await;
    assert_eq!((&answer["status"], &answer["body"]["code"]), (&409.into(), &"duplicate".into()));
    assert_eq!(api.ask(Ask::delete(&repeated)).await["body"]["settled"]["how"], "purged");
    assert!(listed(&api, "").await.is_empty());
}

#[tokio::test]
async fn an_empty_text_is_never_a_bound_that_was_left_out() {
    let api = Api::new();
    filed(&api, vec![line("o-1", 0, &wrong())]).await;
    for field in
        ["kind", "source", "batch_id", "merchant_id", "order_id", "reason", "from", "until"]
    {
        let body = json!({(field): ""}).to_string();
        let answer = api.ask(post("/v1/dead-letters/redrive", body)).await;
        assert_eq!(answer["status"], 400, "{field}: {answer}");
    }
    assert_eq!(listed(&api, "").await.len(), 1);
}

#[tokio::test]
async fn a_delivery_that_is_sent_again_is_a_change_that_says_all_its_sink_needs() {
    let api = Api::new();
    filed(&api, vec![delivery("o-3")]).await;
    let letter = address(&api, "").await;
    let redrive = format!("{letter}/redrive");
    let edited = api.ask(post(&redrive, order("o-3"))).await;
    assert_eq!(edited["body"]["code"], "payload_not_taken", "{edited}");
    let (one, other) = tokio::join!(api.ask(post(&redrive, "")), api.ask(post(&redrive, "")));
    let mut codes = [one["status"].clone(), other["status"].clone()].map(|s| s.as_u64());
    codes.sort_unstable();
    assert_eq!(codes, [Some(200), Some(409)], "twice at once is once");
    let changes = api.app.ledger.read(None, 100).unwrap();
    let ends = changes.iter().filter_map(|(_, change)| match &change.what {
        What::Settled(settled) => Some(settled),
        _ => None,
    });
    let ends: Vec<_> = ends.collect();
    let Subject::Delivery { sink, id, .. } = &ends[0].subject else { panic!("{ends:?}") };
    assert_eq!((ends.len(), &**sink, &**id), (1, "mail", "d-o-3"));
    let told = api.ask(Ask::get("/v1/changes")).await;
    insta::assert_json_snapshot!(told["body"]);
}

#[tokio::test]
async fn many_letters_are_asked_for_with_a_filter_and_one_such_request_runs_at_a_time() {
    let api = Api::new();
    filed(&api, vec![line("o-1", 0, &wrong()), delivery("o-3")]).await;
    let begun =
        api.ask(post("/v1/dead-letters/redrive", json!({"kind": "delivery"}).to_string())).await;
    let address = begun["location"].as_str().unwrap().to_owned();
    let story = api.story(vec![
        Ask::get(&address),
        Ask::delete("/v1/dead-letters?kind=item").header("accept-language", "pt-BR"),
        post(&format!("{address}/stop"), ""),
        Ask::delete("/v1/dead-letters"),
        Ask::delete("/v1/dead-letters?all=true&kind=item"),
        Ask::delete("/v1/dead-letters?all=true"),
        Ask::get("/v1/dead-letters/redrives?limit=1"),
        Ask::get("/v1/dead-letters/redrives/1"),
        post("/v1/dead-letters/redrive", json!({"kind": "x", "per_second": 0}).to_string()),
    ]);
    insta::assert_json_snapshot!(story.await);
}
