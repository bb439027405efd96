//! Quotes and rules tried on past orders: nothing changes, everything adds up.

use serde_json::{Value, json};
use service::ledger::{Amend, Answer, Request};
use service::wire::document;

use crate::api::{Api, Ask, order};

const RULES: &str = r#"{"rules": [
    {"id": "pens", "scope": {"categories": ["desk"]},
     "effect": {"type": "line_percentage_off", "percent": 10}},
    {"id": "web", "when": "order.channel == 'web'",
     "effect": {"type": "order_percentage_off", "percent": "3.33"}},
    {"id": "gold", "when": "'gold' in customer.tags",
     "effect": {"type": "shipping_percentage_off", "percent": "33.33"}},
    {"id": "vat", "effect": {"type": "tax", "percent": "7.77", "include_shipping": true}}]}"#;

/// The parts of an answer that a quote and a placed order share.
fn shared(answer: &Value) -> Value {
    let body = &answer["body"];
    let mut shared = json!({});
    for field in ["status", "status_label", "total", "currency", "lines", "pricing", "kind"] {
        shared[field] = body[field].clone();
    }
    shared
}

async fn shop() -> Api {
    let api = Api::new();
    api.ask(Ask::put("/v1/pricing-rules", RULES)).await;
    api.ask(Ask::put("/v1/products", r#"{"sku": "PEN", "price": "1.505", "category": "desk"}"#))
        .await;
    api.ask(Ask::put("/v1/customers/c-1", r#"{"tags": ["gold"]}"#)).await;
    api.ask(Ask::post("/v1/stock", r#"[{"sku": "PEN", "on_hand": 4}]"#)).await;
    api
}

#[tokio::test]
async fn a_quote_says_what_the_order_then_is() {
    let api = shop().await;
    let before = api.ask(Ask::get("/v1/changes")).await;
    let quoted = api.ask(Ask::post("/v1/quotes", order("o-1"))).await;
    insta::assert_json_snapshot!(quoted);
    assert_eq!(api.ask(Ask::get("/v1/changes")).await, before, "nothing was recorded");
    assert_eq!(api.ask(Ask::get("/v1/orders/o-1")).await["status"], 404);
    let placed = api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    assert_eq!(placed["status"], 202);
    let order_now = api.ask(Ask::get("/v1/orders/o-1")).await;
    assert_eq!(shared(&quoted), shared(&order_now));
    for field in ["shortages", "warnings"] {
        assert_eq!(quoted["body"][field], placed["body"][field]);
    }
    // The id is used now, and one pen is left: a quote minds the pen only.
    let again = api.ask(Ask::post("/v1/quotes", order("o-1"))).await;
    assert_eq!((&again["status"], &again["body"]["status"]), (&200.into(), &"BACKORDERED".into()));
    assert_eq!(
        again["body"]["shortages"],
        json!([{"sku": "PEN", "wanted": 3, "available": 1},
            {"sku": "INK", "wanted": 1, "available": 0}])
    );
    let stock = api.ask(Ask::get("/v1/stock/PEN")).await;
    assert_eq!((&stock["body"]["reserved"], &stock["body"]["waiting"]), (&3.into(), &0.into()));
}

#[tokio::test]
async fn what_is_no_order_is_no_quote() {
    let api = Api::new();
    let story = api.story(vec![
        Ask::post("/v1/quotes", "{"),
        Ask::post("/v1/quotes", r#"{"order_id": "o", "items": [{"quantity": 0}]}"#)
            .header("accept-language", "pt-BR"),
        Ask::post(
            "/v1/quotes",
            order("o").replace("\"gift\"", "\"order_status\":\"Cancela Pedido\",\"gift\""),
        ),
        Ask::post("/v1/quotes", order("o")).header("content-type", "text/csv"),
        Ask::post("/v1/quotes", r#"{"amount": "10.5", "fromAccount": "1", "toAccount": "2"}"#)
            .header("accept-language", "es"),
        Ask::get("/v1/quotes"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn the_rules_in_force_make_no_difference_and_others_make_theirs_to_the_cent() {
    let api = shop().await;
    for n in 0..7 {
        let document = order(&format!("o-{n}")).replace("1.50", &format!("1.{n}7"));
        let document =
            document.replacen('{', if n % 2 == 0 { "{\"channel\":\"web\"," } else { "{" }, 1);
        assert_eq!(api.ask(Ask::post("/v1/orders", document)).await["status"], 202);
    }
    let transfer = r#"{"id": "t", "amount": 1, "fromAccount": "1", "toAccount": "2"}"#;
    api.ask(Ask::post("/v1/orders", transfer)).await;
    // Prices of the catalogue change: what orders were priced at counts.
    api.ask(Ask::put("/v1/products", r#"{"sku": "PEN", "price": "9.99", "category": "desk"}"#))
        .await;
    let same = api.ask(Ask::post("/v1/pricing-rules/test", RULES)).await;
    assert_eq!(same["body"]["orders"]["changed"], 0);
    assert_eq!(same["body"]["orders"]["left_out"]["transfers"], 1);
    assert_eq!(same["body"]["totals"]["difference"], "0.00");
    for rule in same["body"]["by_rule"].as_array().unwrap() {
        assert_eq!(rule["before"], rule["after"]);
        assert_eq!(rule["difference"], "0.00");
    }
    let other = RULES.replace("\"3.33\"", "12.5").replace("pens", "all pens");
    let page = |cursor: &str| {
        api.ask(Ask::post(&format!("/v1/pricing-rules/test?limit=4{cursor}"), other.clone()))
    };
    let first = page("").await;
    insta::assert_json_snapshot!(first);
    let cursor = first["body"]["next_cursor"].as_str().unwrap();
    let second = page(&format!("&cursor={cursor}")).await;
    let whole = api.ask(Ask::post("/v1/pricing-rules/test", other.clone())).await;
    let of = |answer: &Value, pointer: &str| {
        let text = answer["body"].pointer(pointer).and_then(Value::as_str).unwrap();
        text.replace('.', "").parse::<i64>().unwrap()
    };
    for pointer in ["/totals/before", "/totals/after", "/totals/difference"] {
        assert_eq!(of(&first, pointer) + of(&second, pointer), of(&whole, pointer), "{pointer}");
    }
    let by_rule = whole["body"]["by_rule"].as_array().unwrap();
    let sum: i64 = by_rule.iter().map(|rule| of(&json!({"body": rule}), "/difference")).sum();
    assert_eq!(sum, of(&whole, "/totals/difference"));
    // By the other rules in force, a new order costs what the test said of the old one.
    let said = whole["body"]["changes"].as_array().unwrap();
    let said = said.iter().find(|o| o["order_id"] == "o-6").unwrap()["after"].clone();
    api.ask(Ask::put("/v1/pricing-rules", other)).await;
    let document = order("new").replace("1.50", "1.67").replacen('{', "{\"channel\":\"web\",", 1);
    assert_eq!(api.ask(Ask::post("/v1/orders", document)).await["body"]["total"], said);
    let nothing = api.ask(Ask::post("/v1/pricing-rules/test?until=2020-01-01", RULES)).await;
    assert_eq!(nothing["body"]["orders"]["tested"], 0);
    assert_eq!(api.ask(Ask::post("/v1/pricing-rules/test", "[{}]")).await["status"], 400);
}

#[tokio::test]
async fn an_amended_order_is_tested_by_its_newest_revision_as_of_when_it_came_in() {
    let api = shop().await;
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    // Rules that came into force after the order do not concern its amendments.
    let later = RULES.replace("\"web\",", "\"web\", \"valid_from\": \"2026-01-02T03:05:00Z\",");
    api.ask(Ask::put("/v1/pricing-rules", later)).await;
    let amended = order("o-1").replace("\"quantity\":3", "\"quantity\":2");
    let read = document::read(amended.as_bytes(), &api.app.settings.documents).unwrap();
    let document::Command::Create(changed) = read.command else { panic!("an order") };
    let amend = Amend {
        order: changed,
        document: amended.clone().into(),
        warnings: Vec::new(),
        batch: None,
        revision: None,
    };
    let done = api.app.ledger.execute(vec![Request::Amend(Box::new(amend))]).await.unwrap();
    assert!(matches!(done[..], [Answer::Accepted(_)]), "{done:?}");
    let same = api.ask(Ask::post("/v1/pricing-rules/test", RULES)).await;
    assert_eq!(
        (&same["body"]["orders"]["tested"], &same["body"]["orders"]["changed"]),
        (&1.into(), &0.into())
    );
    let total = api.ask(Ask::get("/v1/orders/o-1")).await["body"]["total"].clone();
    assert_eq!(same["body"]["totals"]["before"], total);
    for (revision, document) in [(1, order("o-1")), (2, amended)] {
        let path = format!("/v1/orders/o-1/document?revision={revision}");
        let served = api.ask(Ask::get(&path)).await;
        assert_eq!(served["body"], serde_json::from_str::<Value>(&document).unwrap());
    }
    assert_eq!(api.ask(Ask::get("/v1/orders/o-1/document?revision=3")).await["status"], 404);
}
