//! Orders that are amended and called off, over HTTP.

use serde_json::{Value, json};

use crate::api::{Api, Ask, order};

/// The events of an order's history.
async fn history(api: &Api, path: &str) -> Vec<String> {
    let shown = api.ask(Ask::get(path)).await;
    let events = shown["body"]["history"].as_array().unwrap().iter();
    events.map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_order_is_amended_in_part_and_as_a_whole() {
    let api = Api::new();
    let whole = json!({
        "order_id": "o-1", "customerId": "c-2", "order_status": "Alterar Pedido",
        "items": [{"sku": "PEN", "quantity": 1, "unit_price": "1.50"}],
    });
    let fewer = r#"{"items": [{"sku": "PEN", "quantity": 2, "unit_price": 1.50}], "gift": null}"#;
    let more = r#"{"items": [{"sku": "PEN", "quantity": 5, "unit_price": 1.50}]}"#;
    let story = api.story(vec![
        Ask::post("/v1/stock/PEN/adjustments", r#"{"on_hand": 3}"#),
        Ask::post("/v1/orders", order("o-1")),
        Ask::patch("/v1/orders/o-1", fewer).header("content-type", "application/merge-patch+json"),
        Ask::get("/v1/orders/o-1"),
        Ask::patch("/v1/orders/o-1", more).header("if-match", "\"2\""),
        Ask::patch("/v1/orders/o-1", more).header("if-match", "\"2\""),
        Ask::post("/v1/orders", whole.to_string()).header("accept-language", "pt-BR"),
        Ask::post("/orders", whole.to_string().replace("Alterar Pedido", "PedidoAlterado")),
        Ask::get("/v1/orders/o-1").header("accept-language", "es"),
        Ask::get("/v1/changes?limit=3"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn a_patch_that_cannot_be_applied_says_why_and_leaves_the_order() {
    let api = Api::new();
    let strict = order("o-1").replacen('{', "{\"shortage_policy\": \"reject\",", 1);
    api.ask(Ask::post("/v1/stock/PEN/adjustments", r#"{"on_hand": 3}"#)).await;
    api.ask(Ask::post("/v1/stock/INK/adjustments", r#"{"on_hand": 1}"#)).await;
    api.ask(Ask::post("/v1/orders", strict)).await;
    let short = r#"{"items": [{"sku": "PEN", "quantity": 9, "unit_price": 1}]}"#;
    let patch = |body: &str| Ask::patch("/v1/orders/o-1", body);
    let story = api.story(vec![
        patch(short).header("accept-language", "pt-BR"),
        patch("[]"),
        patch("{\"notes\": "),
        patch("{}").header("content-type", "text/plain"),
        patch(r#"{"items": []}"#),
        patch(r#"{"order_id": "o-2"}"#),
        patch(r#"{"merchant_id": "other"}"#),
        patch(r#"{"order_status": "Cancela Pedido"}"#),
        patch("{}").header("if-match", "\"7\"").header("accept-language", "es"),
        Ask::patch("/v1/orders/nobody", "{}"),
        Ask::patch("/v1/orders/o-1?merchant_id=nobody", "{}"),
        Ask::get("/v1/orders/nobody"),
        Ask::get("/v1/orders/o-1"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn an_order_is_cancelled_once_and_for_good() {
    let api = Api::new();
    let cancel = |body: &str| Ask::post("/v1/orders/o-1/cancel", body);
    let document = r#"{"id": "o-2", "order_status": "PedidoCancelado"}"#;
    let story = api.story(vec![
        Ask::post("/v1/stock/PEN/adjustments", r#"{"on_hand": 3}"#),
        Ask::post("/v1/orders", order("o-1")),
        Ask::post("/v1/orders", order("o-2")),
        cancel(&json!({"reason": "x".repeat(501)}).to_string()),
        cancel(r#"{"why": "no such field"}"#),
        cancel(r#"{"reason": "changed my mind"}"#).header("accept-language", "pt-BR"),
        cancel("").header("accept-language", "pt-BR"),
        Ask::patch("/v1/orders/o-1", "{}"),
        Ask::post("/v1/orders/o-1/fulfil", ""),
        Ask::post("/v1/orders", order("o-1")),
        Ask::post("/v1/orders", document),
        Ask::post("/v1/orders", document),
        Ask::post("/v1/orders", document.replace("o-2", "nobody")).header("accept-language", "es"),
        Ask::post("/v1/orders/nobody/cancel", ""),
        Ask::get("/v1/orders/nobody"),
        Ask::get("/v1/orders/o-1"),
        Ask::get("/v1/stock/PEN"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn an_id_of_several_sellers_needs_the_seller() {
    let api = Api::new();
    let other = order("o-1").replacen('{', "{\"merchant_id\": \"other\",", 1);
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    api.ask(Ask::post("/v1/orders", other)).await;
    for ask in [
        Ask::patch("/v1/orders/o-1", "{}"),
        Ask::post("/v1/orders/o-1/cancel", ""),
        Ask::post("/v1/orders/o-1/fulfil", ""),
    ] {
        let answer = api.ask(ask).await;
        assert_eq!(
            (&answer["status"], &answer["body"]["code"]),
            (&json!(409), &json!("ambiguous_order"))
        );
    }
    let patched = api.ask(Ask::patch("/v1/orders/o-1?merchant_id=other", "{}")).await;
    assert_eq!((&patched["status"], &patched["etag"]), (&json!(200), &json!("\"2\"")));
    let cancelled = api.ask(Ask::post("/v1/orders/o-1/cancel?merchant_id=shop", "")).await;
    assert_eq!(cancelled["body"]["status"], "CANCELLED");
    let told = history(&api, "/v1/orders/o-1?merchant_id=other").await;
    assert_eq!(told, ["received", "priced", "allocated", "amended", "priced", "allocated"]);
}

#[tokio::test]
async fn an_order_whose_id_the_server_made_is_amended_by_it() {
    let api = Api::new();
    let sent = r#"{"customerId": "c", "items": [{"sku": "A", "quantity": 1, "price": "0.10"}]}"#;
    let placed = api.ask(Ask::post("/v1/orders", sent)).await;
    let id = placed["body"]["order_id"].as_str().unwrap();
    let address = format!("/v1/orders/{id}");
    let patch = r#"{"items": [{"sku": "A", "quantity": 3, "price": 0.10}], "notes": "soon"}"#;
    let patched = api.ask(Ask::patch(&address, patch)).await;
    assert_eq!(patched["body"]["total"], "0.30");
    let shown = api.ask(Ask::get(&address)).await;
    assert_eq!(shown["body"]["document"]["notes"], "soon");
    assert_eq!(shown["body"]["document"]["customerId"], "c", "what is not named stays");
}

#[tokio::test]
async fn every_revision_has_its_document_and_what_was_refused_is_none() {
    let api = Api::new();
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    let whole = |notes: &str| {
        let amend = format!("{{\"notes\": \"{notes}\", \"order_status\": \"PedidoAlterado\",");
        order("o-1").replacen('{', &amend, 1)
    };
    api.ask(Ask::post("/v1/orders", whole("two"))).await;
    api.ask(Ask::post("/v1/orders/o-1/cancel", "")).await;
    let refused = api.ask(Ask::post("/v1/orders", whole("three"))).await;
    assert_eq!(refused["status"], 409);
    let document = |query: &'static str| {
        let address = format!("/v1/orders/o-1/document{query}");
        let ask = api.ask(Ask::get(&address));
        async move { ask.await["body"].to_string() }
    };
    let first = document("?revision=1").await;
    assert!(first.contains("gift") && !first.contains("two"), "{first}");
    assert!(document("?revision=2").await.contains("two"));
    assert!(document("").await.contains("two"), "the refused one is not the order's");
    assert!(document("?revision=3").await.contains("not_found"));
}

#[tokio::test]
async fn of_racing_patches_with_one_tag_one_wins_and_without_a_tag_all_do() {
    let api = Api::new();
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    let patch = |n: usize| Ask::patch("/v1/orders/o-1", format!("{{\"notes\": \"{n}\"}}"));
    let race = |asks: Vec<Ask>| async {
        let mut answers = Vec::new();
        let mut asked: Vec<_> = asks.into_iter().map(|ask| Box::pin(api.ask(ask))).collect();
        // All are begun before any is finished.
        for ask in &mut asked {
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(std::future::Future::poll(ask.as_mut(), cx))
            });
            answers.push(polled.await);
        }
        let mut done: Vec<Value> = Vec::new();
        for (ask, answer) in asked.into_iter().zip(answers) {
            done.push(match answer {
                std::task::Poll::Ready(answer) => answer,
                std::task::Poll::Pending => ask.await,
            });
        }
        let statuses = done.iter().map(|answer| answer["status"].as_u64().unwrap());
        statuses.collect::<Vec<_>>()
    };
    let tagged = (0..6).map(|n| patch(n).header("if-match", "\"1\"")).collect();
    let mut statuses = race(tagged).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
    assert_eq!(race((0..6).map(patch).collect()).await, [200; 6]);
    let shown = api.ask(Ask::get("/v1/orders/o-1")).await;
    assert_eq!(shown["body"]["revision"], 8);
}
