//! Holds every answer of these tests against the API's description: address, method, status, media
//! type, headers, code of a problem, and the body's schema, fields that are not described included.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::api::{Api, Ask};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(web::openapi::json()).unwrap());

/// A validator for each body of each answer, by where its schema stands.
static VALIDATORS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let mut components = DOCUMENT["components"].clone();
    close(&mut components["schemas"]);
    let mut validators = BTreeMap::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                for (media, content) in response["content"].as_object().into_iter().flatten() {
                    let mut schema = content["schema"].clone();
                    schema["components"] = components.clone();
                    let validator = jsonschema::validator_for(&schema).unwrap();
                    validators.insert(format!("{method} {path} {status} {media}"), validator);
                }
            }
        }
    }
    validators
});

/// Lets objects have no other fields than those described, unless they say that they may.
pub(crate) fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) {
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The address, as it is described, that a path is one of.
fn template(path: &str) -> Option<&'static str> {
    let paths = DOCUMENT["paths"].as_object().unwrap().keys();
    let fits = |template: &str| {
        let (mut ours, mut theirs) = (template.split('/'), path.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(our), Some(their)) if our == their => {}
                (Some(our), Some(their)) if our.starts_with('{') && !their.is_empty() => {}
                _ => return false,
            }
        }
    };
    paths.map(String::as_str).find(|template| fits(template))
}

/// Panics when an answer is not one that the description promises.
pub(crate) fn holds(name: &str, method: &Method, path: &str, answer: &Value, body: &str) {
    let status = answer["status"].to_string();
    let Some(template) = template(path) else {
        let is_outside = status == "404" || path.starts_with("/docs");
        assert!(is_outside, "{name} is answered {status}, and is not described");
        return;
    };
    let verb = method.as_str().to_lowercase();
    let operation = &DOCUMENT["paths"][template][&verb];
    if operation.is_null() {
        assert_eq!(status, "405", "{name} is not described");
        return;
    }
    let response = &operation["responses"][&status];
    assert!(!response.is_null(), "{name}: status {status} is not described\n{body}");
    for header in response["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        let header = header.to_lowercase();
        let may_lack = ["comanda-next-cursor", "comanda-as-of"].contains(&header.as_str());
        assert!(may_lack || answer[&header].is_string(), "{name} {status}: no {header}");
    }
    if status == "204" {
        assert!(body.is_empty() && response["content"].is_null(), "{name}: {body}");
        return;
    }
    let media = answer["content-type"].as_str().unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default();
    let Some(validator) = VALIDATORS.get(&format!("{verb} {template} {status} {media}")) else {
        panic!("{name} {status}: {media:?} is not described");
    };
    let is_lines = media == "application/x-ndjson";
    for part in if is_lines { body.lines().collect() } else { vec![body] } {
        let value = serde_json::from_str(part).unwrap_or_else(|_| part.into());
        let wrong: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{} at {:?}", error, error.instance_path().as_str()))
            .collect();
        assert!(wrong.is_empty(), "{name} {status} is not as described: {wrong:#?}\n{part}");
        if let Some(code) = value["code"].as_str().filter(|_| media.contains("problem")) {
            let described = response["description"].as_str().unwrap_or_default();
            let code = format!("`{code}`");
            assert!(described.contains(&code), "{name} {status}: {code} is not described");
        }
    }
}

#[tokio::test]
async fn parameters_that_are_read_are_described_and_the_reverse() {
    let api = Api::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (verb, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let queried = parameters.filter(|parameter| parameter["in"] == "query");
            let mut described: Vec<&str> =
                queried.map(|parameter| parameter["name"].as_str().unwrap()).collect();
            let path = path.replace("{id}", "x").replace("{sku}", "x").replace("{name}", "x");
            let method = Method::from_bytes(verb.to_uppercase().as_bytes()).unwrap();
            let ask = Ask::new(method, &format!("{path}?no_such=1"), "{}");
            let answer = api.ask(ask).await;
            if answer["status"] == 200 && described.is_empty() {
                continue; // Pages and probes look at no parameters.
            }
            assert_eq!(answer["body"]["code"], "bad_parameter", "{verb} {path}: {answer}");
            let known = answer["body"]["known"].as_array().unwrap();
            let mut known: Vec<&str> = known.iter().map(|name| name.as_str().unwrap()).collect();
            described.sort_unstable();
            known.sort_unstable();
            assert_eq!(described, known, "{verb} {path}");
        }
    }
}

#[tokio::test]
async fn the_examples_are_taken() {
    let api = Api::new();
    let examples = &DOCUMENT["paths"]["/v1/orders"]["post"]["requestBody"]["content"];
    let examples = examples["application/json"]["examples"].as_object().unwrap();
    assert!(!examples.is_empty());
    for (name, example) in examples {
        let answer = api.ask(Ask::post("/v1/orders", example["value"].to_string())).await;
        assert_eq!(answer["status"], 202, "{name}: {answer}");
    }
    for (method, path, schema) in [
        (Method::PUT, "/v1/products", "ProductRow"),
        (Method::PUT, "/v1/customers", "CustomerRow"),
        (Method::PUT, "/v1/customers/c-7", "CustomerTags"),
        (Method::POST, "/v1/stock", "StockCount"),
        (Method::POST, "/v1/stock/INK/adjustments", "StockAdjustment"),
        (Method::PUT, "/v1/pricing-rules", "RulesDocument"),
    ] {
        if path.ends_with("adjustments") {
            let stock = json!({"sku": "INK", "on_hand": 9}).to_string();
            assert_eq!(api.ask(Ask::post("/v1/stock", stock)).await["status"], 200);
        }
        let example = &DOCUMENT["components"]["schemas"][schema]["example"];
        let answer = api.ask(Ask::new(method, path, example.to_string())).await;
        assert_eq!(answer["status"], 200, "{schema}: {answer}");
    }
}

#[tokio::test]
async fn the_page_shows_the_description_and_loads_nothing_from_elsewhere() {
    let api = Api::new();
    let page = api.ask(Ask::get("/docs/")).await;
    assert_eq!(page["status"], 200);
    let html = page["body"].to_string();
    assert!(!html.contains("//unpkg") && !html.contains("https://"), "{html}");
    let policy = page["content-security-policy"].as_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let script = api.ask(Ask::get("/docs/swagger-initializer.js")).await;
    assert!(script["body"].to_string().contains("/openapi.json"), "{script}");
    assert_eq!(api.ask(Ask::get("/docs/nothing.js")).await["status"], 404);
}
