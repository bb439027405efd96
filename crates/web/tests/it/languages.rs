//! The same thing said to readers of three languages, at once and later.

use serde_json::{Value, json};

use crate::api::{Api, Ask};

/// A valid order that is odd in several ways, with money as a shop's floats made it.
const ODD: &str = r#"{"order_id":"odd","customer":{"cpf":"111.222.333-44","email":"nobody"},
    "items":[{"sku":"PEN","quantity":"3","unit_price":"19.899999999999999"}],
    "shipping":{"cost":23.450000000000003},"payment":{"amount":1},"color":{"rgb":0.10}}"#;

fn told(violations: &Value) -> Vec<String> {
    let texts = violations.as_array().unwrap().iter();
    texts.map(|v| format!("{} {}", v["severity"].as_str().unwrap(), v["message"])).collect()
}

#[tokio::test]
async fn warnings_are_kept_with_the_order_and_told_to_each_reader_in_their_language() {
    let api = Api::new();
    let placed = api.ask(Ask::post("/v1/orders", ODD).header("accept-language", "pt")).await;
    assert_eq!(placed["status"], 202, "{placed}");
    let portuguese = [
        "warn \"Campo 'customer.cpf' não é um CPF válido.\"",
        "warn \"Campo 'customer.email' não é um endereço de e-mail válido.\"",
        "warn \"Campo 'items[0].unit_price' tem mais do que as seis casas decimais que são \
         guardadas.\"",
        "warn \"Campo 'payment.amount' não corresponde ao total dos itens, com ou sem frete.\"",
    ];
    assert_eq!(told(&placed["body"]["warnings"]), portuguese);
    let again = async |lang: &str| {
        let ask = Ask::get("/v1/orders/odd").header("accept-language", lang);
        api.ask(ask).await["body"].take()
    };
    assert_eq!(told(&again("pt-BR").await["warnings"]), portuguese, "and later the same");
    let english = "warn \"Field 'customer.cpf' is not a valid CPF.\"";
    assert_eq!(told(&again("fr, en;q=0.1").await["warnings"])[0], english);
    let spanish = again("es-419").await;
    assert_eq!(spanish["warnings"][0]["message"], "El campo 'customer.cpf' no es un CPF válido.");
    let labels = [&spanish["status_label"], &spanish["lines"][0]["status_label"]];
    assert_eq!(labels, ["Confirmada", "Sin control de stock"]);
}

#[tokio::test]
async fn money_is_rounded_to_the_cent_and_shown_as_it_was_sent_too() {
    let api = Api::new();
    let placed = api.ask(Ask::post("/v1/orders", ODD)).await;
    assert_eq!(placed["body"]["total"], "83.15", "3 × 19.90 and 23.45");
    let text = api.text("/v1/orders/odd").await;
    for sent in ["23.450000000000003", "\"19.899999999999999\"", r#"{"color":{"rgb":0.10}}"#] {
        assert!(text.contains(sent), "{sent} in {text}");
    }
}

#[tokio::test]
async fn an_order_without_any_price_has_no_total_and_one_with_a_catalogue_price_has() {
    let api = Api::new();
    let order = |id: &str| {
        format!(r#"{{"id":"{id}","customerId":"c","items":[{{"sku":"P","quantity":2}}]}}"#)
    };
    let total =
        async |id: &str| api.ask(Ask::post("/v1/orders", order(id))).await["body"]["total"].take();
    assert_eq!(total("before").await, Value::Null, "never zero");
    let product = json!([{"sku": "P", "price": "4.995"}]).to_string();
    assert_eq!(api.ask(Ask::put("/v1/products", product)).await["status"], 200);
    assert_eq!(total("after").await, "9.99");
}

#[tokio::test]
async fn every_violation_of_an_invalid_order_is_a_sentence_ever_after() {
    let api = Api::new();
    let long = "x".repeat(129);
    let coupons = vec!["\"A\""; 21].join(",");
    let document = format!(
        r#"{{"order_id":"bad","merchant_id":"{long}","coupons":[{coupons}],"customer":[],
        "items":[{{"sku":7.5,"quantity":1000000001}},{{"quantity":0,"price":"1,50"}}]}}"#
    );
    for lang in ["pt-BR", "es", "en"] {
        let ask = Ask::post("/v1/orders", document.clone()).header("accept-language", lang);
        let refused = api.ask(ask).await;
        assert_eq!(refused["content-language"], lang);
        let at_once = told(&refused["body"]["violations"]);
        assert_eq!(at_once.len(), 8, "{at_once:?}");
        let ask = Ask::get("/v1/orders/bad").header("accept-language", lang);
        let recorded = api.ask(ask).await;
        assert_eq!(told(&recorded["body"]["violations"]), at_once);
    }
}

#[tokio::test]
async fn rules_are_refused_in_the_readers_language() {
    let api = Api::new();
    let rules = r#"[{"id":"r","when":"order.total > 0.5","effect":{"type":"tax","percent":101},
        "wen":1},{"id":"r","effect":{"type":"minimum_total"}}]"#;
    let told = async |lang: &str| {
        let ask = Ask::put("/v1/pricing-rules", rules).header("accept-language", lang);
        told(&api.ask(ask).await["body"]["violations"])
    };
    let portuguese = [
        "error \"Números decimais não são permitidos em condições: valores são inteiros na menor \
         unidade da moeda, como centavos.\"",
        "error \"Uma porcentagem vai de 0 a 100.\"",
        "error \"O campo 'wen' não existe aqui.\"",
        "error \"Informe exatamente um: 'percent' ou 'amount'.\"",
        "error \"Campo 'minimum_total' é obrigatório.\"",
    ];
    assert_eq!(told("pt").await, portuguese);
    assert_eq!(told("es").await[1], "error \"Un porcentaje va de 0 a 100.\"");
}

#[tokio::test]
async fn an_order_that_is_not_there_is_called_one() {
    let api = Api::new();
    let title = async |lang: &str| {
        let ask = Ask::get("/v1/orders/none").header("accept-language", lang);
        api.ask(ask).await["body"]["title"].take()
    };
    assert_eq!(title("es").await, "Orden no encontrada");
    assert_eq!(title("pt").await, "Pedido não encontrado");
    assert_eq!(title("*").await, "Order not found");
}
