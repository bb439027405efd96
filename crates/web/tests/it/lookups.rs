//! What can be asked afterwards: orders, lists, catalogue, stock, rules, changes.

use crate::api::{Api, Ask, order};

const RULES: &str = r#"{"rules": [
    {"id": "pens", "scope": {"skus": ["PEN"]},
     "effect": {"type": "line_percentage_off", "percent": 10}},
    {"id": "ten-off", "effect": {"type": "order_fixed_off", "amount": "2.00"}},
    {"id": "post", "effect": {"type": "shipping_fixed_off", "amount": 1}},
    {"id": "vat", "effect": {"type": "tax", "percent": "5"}}]}"#;

#[tokio::test]
async fn an_order_is_explained_to_the_cent() {
    let api = Api::new();
    let other = r#"{"id": "o-1", "merchant_id": "other", "customerId": "c",
        "items": [{"sku": "PEN", "quantity": 1}]}"#;
    let story = api.story(vec![
        Ask::put("/v1/pricing-rules", RULES),
        Ask::put("/v1/products", r#"{"sku": "PEN", "price": "1.505", "category": "desk"}"#),
        Ask::post("/v1/stock", r#"[{"sku": "PEN", "on_hand": 2}, {"sku": "INK", "on_hand": 1}]"#),
        Ask::post("/v1/orders", order("o-1")),
        Ask::post("/v1/orders", order("o-1")),
        Ask::get("/v1/orders/o-1").header("accept-language", "pt-BR"),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"delta": 5}"#),
        Ask::post("/v1/orders/o-1/fulfil?merchant_id=shop", ""),
        Ask::post("/v1/orders/o-1/fulfil", ""),
        Ask::post("/v1/orders", other),
        Ask::get("/v1/orders/o-1"),
        Ask::post("/v1/orders/o-1/fulfil", ""),
        Ask::get("/v1/orders/o-1?merchant_id=other"),
        Ask::get("/orders/o-1?merchant_id=shop").header("accept-language", "es"),
        Ask::get("/v1/orders/o-1/document?merchant_id=other"),
        Ask::get("/v1/orders/nobody"),
        Ask::get("/v1/orders/nobody?merchant_id="),
        Ask::post("/v1/orders/nobody/fulfil?merchant_id=shop", ""),
        Ask::get("/v1/changes?limit=5"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn orders_are_listed_by_the_filters_there_are() {
    let api = Api::new();
    for id in ["a", "b", "c"] {
        api.ask(Ask::post("/v1/orders", order(id))).await;
    }
    let first = api.ask(Ask::get("/v1/orders?limit=2")).await;
    let cursor = first["body"]["next_cursor"].as_str().unwrap().to_owned();
    let mut table = Vec::new();
    for query in [
        "limit=2",
        &format!("limit=2&cursor={cursor}"),
        "status=COMPLETED",
        "status=BACKORDERED",
        "merchant_id=shop",
        "merchant_id=nobody",
        "merchant_id=shop&status=COMPLETED",
        "merchant_id=shop&customer_id=c-1",
        "merchant_id=shop&sku=PEN",
        "merchant_id=shop&sku=PEN&line_status=UNTRACKED",
        "merchant_id=shop&sku=PEN&line_status=BACKORDERED",
        "batch_id=b-1",
        "channel=api",
        "from=2026-01-02T03:04:06Z",
        "until=2026-01-02T03:04:06Z",
        "from=2026-01-02&until=2026-01-02",
        "from=2026-01-01&until=2026-01-01",
    ] {
        let answer = api.ask(Ask::get(&format!("/v1/orders?{query}"))).await;
        let orders = answer["body"]["orders"].as_array().unwrap();
        let ids: Vec<&str> = orders.iter().map(|o| o["order_id"].as_str().unwrap()).collect();
        table.push(format!("{query} => {}", ids.join(" ")));
    }
    insta::assert_json_snapshot!("order_filters", table);
    insta::assert_json_snapshot!("order_row", first["body"]["orders"][0]);
}

#[tokio::test]
async fn the_catalogue_is_put_and_read_in_pages() {
    let api = Api::new();
    let lines = "{\"sku\":\"A\",\"description\":\"One\",\"price\":1.5}\r\n\n\
        {\"sku\":\"B\",\"price\":\"0.000001\",\"merchant_id\":\"other\"}\n{\"sku\":7}\n";
    let wrong = r#"[{"sku": "C"}, {"price": "x"}, 3, {"sku": "D", "price": -1, "prize": 2},
        {"sku": "E", "price": 0.0000001, "category": ""}, {"sku": {}}]"#;
    let page = "/v1/products?limit=2";
    let first = async {
        api.ask(Ask::put("/v1/products", lines).header("content-type", "application/x-ndjson"))
            .await;
        api.ask(Ask::get(page)).await["body"]["next_cursor"].as_str().unwrap().to_owned()
    };
    let cursor = first.await;
    let story = api.story(vec![
        Ask::get(page),
        Ask::get(&format!("{page}&cursor={cursor}")),
        Ask::get("/v1/products?merchant_id=other"),
        Ask::get("/v1/products/A"),
        Ask::get("/v1/products/B"),
        Ask::get("/v1/products/B?merchant_id=other"),
        Ask::put("/v1/products", wrong),
        Ask::put("/v1/products", wrong).header("accept-language", "pt"),
        Ask::get("/v1/products/C"),
        Ask::put("/v1/customers/c-1", r#"{"tags": ["gold", "new"]}"#),
        Ask::put("/v1/customers", r#"[{"customer_id": "c-2", "tags": []}]"#),
        Ask::put("/v1/customers", r#"[{"tags": "gold"}]"#),
        Ask::get("/v1/customers"),
        Ask::get("/v1/customers?limit=1"),
        Ask::get("/v1/customers/c-1"),
        Ask::get("/v1/customers/nobody"),
        Ask::get("/v1/changes"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn stock_is_counted_adjusted_and_never_below_what_is_promised() {
    let api = Api::new();
    let counts = "{\"sku\":\"PEN\",\"on_hand\":5}\n{\"sku\":\"INK\",\"on_hand\":\"5\"}\n\
        {\"merchant_id\":\"other\",\"sku\":\"INK\",\"on_hand\":1}";
    let story = api.story(vec![
        Ask::post("/v1/stock", counts).header("content-type", "application/x-ndjson"),
        Ask::post("/v1/orders", order("o-1")),
        Ask::get("/v1/stock"),
        Ask::get("/v1/stock?merchant_id=shop&limit=1"),
        Ask::get("/v1/stock?merchant_id=shop"),
        Ask::get("/v1/stock?sku=PEN"),
        Ask::get("/v1/stock/PEN"),
        Ask::get("/v1/stock/NONE"),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"delta": -3, "reason": "broken"}"#),
        Ask::post("/v1/stock", r#"[{"sku": "PEN", "on_hand": 1}, {"sku": "INK", "on_hand": 9}]"#),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"delta": -3, "release": "newest"}"#),
        Ask::get("/v1/orders/o-1"),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"on_hand": -1}"#),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"delta": 1, "on_hand": 1}"#),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"delta": 1.5}"#),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"delta": 1, "release": "all", "x": 1}"#),
        Ask::post("/v1/stock/PEN/adjustments", "[]"),
        Ask::post("/v1/stock", r#"[{"sku": "PEN"}, {"on_hand": 1}]"#),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn rules_are_compiled_before_they_are_saved() {
    let api = Api::new();
    let wrong = r#"[{"id": "a", "effect": {"type": "tax", "percent": 7.125}},
        {"id": "b", "effect": {"type": "tax", "percent": 1}, "when": "order.total > 1.5"}]"#;
    let story = api.story(vec![
        Ask::get("/v1/pricing-rules"),
        Ask::put("/v1/pricing-rules", RULES),
        Ask::put("/v1/pricing-rules", wrong),
        Ask::put("/v1/pricing-rules", "{"),
        Ask::get("/v1/pricing-rules"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn a_follower_reads_every_change_once() {
    let api = Api::new();
    for id in ["a", "b", "c"] {
        api.ask(Ask::post("/v1/orders", order(id))).await;
    }
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let answer = api.ask(Ask::get(&format!("/v1/changes?limit=2{after}"))).await;
        let lines = answer["body"].as_array().cloned().unwrap_or(vec![answer["body"].clone()]);
        if lines.is_empty() {
            break;
        }
        seen.extend(lines.iter().map(|line| line["order_id"].as_str().unwrap().to_owned()));
        after = format!("&after={}", answer["comanda-next-cursor"].as_str().unwrap());
    }
    assert_eq!(seen, ["a", "b", "c"]);
}

#[tokio::test]
async fn operators_see_how_it_fares() {
    let api = Api::with(|app| {
        app.health = std::sync::Arc::new(|| web::Health {
            writer_alive: false,
            disk_low: true,
            disk_free_bytes: Some(1),
            problems: vec!["the store's writer has stopped".into()],
        });
    });
    let asks = vec![Ask::get("/health"), Ask::get("/ready"), Ask::get("/v1/status")];
    insta::assert_json_snapshot!(api.story(asks).await);
    let metrics = api.ask(Ask::get("/metrics")).await;
    assert_eq!(metrics["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = metrics["body"].to_string();
    assert!(
        text.contains("comanda_http_requests_total{route=\\\"/ready\\\",status=\\\"503\\\"} 1")
    );
    let ready = Api::new().ask(Ask::get("/ready")).await;
    assert_eq!(ready["status"], 200);
}

#[tokio::test]
async fn the_page_speaks_the_readers_language_and_runs_no_script_but_its_own() {
    let api = Api::new();
    for (asked, word) in [("pt-BR", "Últimos pedidos"), ("es", "Últimas órdenes"), ("", "Latest")]
    {
        let page = api.ask(Ask::get("/").header("accept-language", asked)).await;
        let text = page["body"].to_string();
        assert!(text.contains(word), "{asked}");
        assert!(!text.contains("innerHTML") && !text.contains("{texts}"));
        for outside in ["src=", "@import", "url("] {
            assert!(!text.contains(outside), "{outside}");
        }
        let policy = page["content-security-policy"].as_str().unwrap();
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert!(text.contains(&format!("<script nonce=\\\"{nonce}\\\">")));
    }
}
