//! Requests as both gateways hand them over.

use std::sync::Arc;

use aws::functions::api::{Api, Parts};
use aws::settings::Access;
use connectors::archive::{Archive, Settings};
use connectors::http::Url;
use connectors::place::Place;
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent, Service};
use serde_json::{Value, json};
use service::ledger::Ledger;
use service::memory::MemoryLedger;
use web::{Keys, Scope};

use crate::support::{found, ledger, order, status};

fn api(ledger: &Arc<MemoryLedger>, keys: Option<Keys>, access: Access) -> Api {
    let installation = crate::support::installation("");
    let url = Url::from_file_path(std::env::temp_dir()).unwrap();
    let place = Place { url, endpoint: None, path_style: true, account: Default::default() };
    let settings = Settings { place, concurrency: 1 };
    let archive = Archive::open(&settings, ledger.clone()).unwrap();
    let ledger: Arc<dyn Ledger> = ledger.clone();
    Api::new(Parts { ledger, keys, archive }, &installation, access)
}

/// An event of an HTTP API (payload 2.0).
fn http(method: &str, path: &str, query: &str, body: Option<&str>) -> Value {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "accept-language": "pt-BR",
            "host": "id.execute-api.us-east-1.amazonaws.com"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7", "userAgent": "agent"},
            "requestId": "r", "routeKey": "$default", "stage": "$default",
            "time": "02/Jan/2026:03:04:05 +0000", "timeEpoch": 1767323045000_i64
        },
        "isBase64Encoded": false
    });
    event["body"] = body.into();
    event
}

/// An event of a REST API.
fn rest(method: &str, path: &str, query: Value, body: Option<&str>) -> Value {
    let multi: Value = match &query {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), json!([value]))).collect()
        }
        _ => Value::Null,
    };
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", "Host": "id.execute-api"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "Host": ["id.execute-api"]},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": multi,
        "pathParameters": {"proxy": "x"},
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "id", "stage": "prod",
            "resourceId": "x", "resourcePath": "/{proxy+}", "httpMethod": method,
            "path": format!("/prod{path}"), "protocol": "HTTP/1.1", "requestId": "r",
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "agent"}
        },
        "body": body,
        "isBase64Encoded": false
    })
}

/// What a gateway is answered.
async fn ask(api: &Api, event: Value) -> (u64, Value, Value) {
    let payload: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
    let event = LambdaEvent::new(payload, Context::default());
    let answer = api.clone().service().call(event).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    let body = answer["body"].as_str().unwrap_or_default().to_owned();
    let json = serde_json::from_str(&body).unwrap_or(Value::String(body));
    (answer["statusCode"].as_u64().unwrap(), json, answer)
}

#[tokio::test]
async fn both_gateways_place_orders_and_show_them() {
    let (ledger, _) = ledger();
    let api = api(&ledger, None, Access::Gateway);
    let (code, placed, answer) = ask(&api, http("POST", "/v1/orders", "", Some(&order("a")))).await;
    assert_eq!((code, &placed["status"]), (202, &json!("COMPLETED")));
    assert_eq!(answer["headers"]["location"], "/v1/orders/a?merchant_id=loja");
    let (code, placed, answer) =
        ask(&api, rest("POST", "/v1/orders", Value::Null, Some(&order("b")))).await;
    assert_eq!((code, &placed["status"]), (202, &json!("COMPLETED")));
    assert_eq!(answer["multiValueHeaders"]["location"], json!(["/v1/orders/b?merchant_id=loja"]));
    let by_seller = json!({"merchant_id": "loja"});
    let (code, shown, _) = ask(&api, rest("GET", "/v1/orders/a", by_seller, None)).await;
    assert_eq!((code, &shown["order_id"]), (200, &json!("a")));
    let (code, shown, _) = ask(&api, http("GET", "/v1/orders/b", "merchant_id=loja", None)).await;
    assert_eq!((code, &shown["order_id"]), (200, &json!("b")));
    let (code, again, _) = ask(&api, http("POST", "/v1/orders", "", Some(&order("a")))).await;
    assert_eq!(
        (code, &again["detail"]),
        (409, &json!("Este vendedor já enviou um pedido com este número; vale o primeiro."))
    );
}

#[tokio::test]
async fn a_name_with_blanks_accents_and_percents_is_found_however_the_gateway_decodes_it() {
    let (ledger, _) = ledger();
    let api = api(&ledger, None, Access::Gateway);
    let id = "5% de é";
    assert_eq!(ask(&api, http("POST", "/v1/orders", "", Some(&order(id)))).await.0, 202);
    for path in ["/v1/orders/5%25%20de%20%C3%A9", "/v1/orders/5% de é"] {
        let (code, shown, _) = ask(&api, http("GET", path, "merchant_id=loja", None)).await;
        assert_eq!((code, &shown["order_id"]), (200, &json!(id)), "{path}");
        let (code, _, _) = ask(&api, rest("GET", path, json!({"merchant_id": "loja"}), None)).await;
        assert_eq!(code, 200, "{path}");
    }
}

#[tokio::test]
async fn a_name_with_slashes_is_one_name_though_http_apis_decode_them() {
    let (ledger, _) = ledger();
    let api = api(&ledger, None, Access::Gateway);
    let id = "2026/06/ç#%25 &?";
    assert_eq!(ask(&api, http("POST", "/v1/orders", "", Some(&order(id)))).await.0, 202);
    // Every escape is decoded but that of `%`.
    let path = "/v1/orders/2026/06/ç#%2525 &?";
    let (code, shown, _) = ask(&api, http("GET", path, "merchant_id=loja", None)).await;
    assert_eq!((code, &shown["order_id"]), (200, &json!(id)), "{shown}");
    let cancel = format!("{path}/cancel");
    let (code, shown, _) = ask(&api, http("POST", &cancel, "merchant_id=loja", Some("{}"))).await;
    assert_eq!((code, &shown["status"]), (200, &json!("CANCELLED")), "{shown}");
}

#[tokio::test]
async fn the_name_of_a_stage_is_no_part_of_the_address() {
    let (ledger, _) = ledger();
    let api = api(&ledger, None, Access::Gateway);
    let mut staged = http("GET", "/live/health", "", None);
    staged["requestContext"]["stage"] = "live".into();
    assert_eq!(ask(&api, staged).await.0, 200);
    let mut named_like_it = http("GET", "/health", "", None);
    named_like_it["requestContext"]["stage"] = "heal".into();
    assert_eq!(ask(&api, named_like_it).await.0, 200);
}

#[tokio::test]
async fn a_body_in_base64_keeps_every_byte() {
    use base64::Engine;
    let (ledger, _) = ledger();
    let api = api(&ledger, None, Access::Gateway);
    let text = order("a").replace("\"c\"", "\"ção\"");
    let encoded = base64::engine::general_purpose::STANDARD.encode(&text);
    let mut event = http("POST", "/v1/orders", "", Some(&encoded));
    event["isBase64Encoded"] = true.into();
    assert_eq!(ask(&api, event).await.0, 202);
    assert_eq!(found(&*ledger, "a").unwrap().document, text);
}

#[tokio::test]
async fn without_keys_nobody_is_let_in_and_with_them_whoever_has_one() {
    let (ledger, installation) = ledger();
    let place = || http("POST", "/v1/orders", "", Some(&order("a")));
    let closed = api(&ledger, None, Access::Keys);
    assert_eq!(ask(&closed, place()).await.0, 401);
    assert_eq!(ask(&closed, http("GET", "/health", "", None)).await.0, 200);
    assert_eq!(status(&*ledger, "a"), "-");
    let (secret, key) = Keys::create(Scope::Write, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let keys = Keys::new(&[key], &installation.limits).unwrap();
    let api = api(&ledger, Some(keys), Access::Keys);
    let mut event = place();
    event["headers"]["authorization"] = format!("Bearer {secret}").into();
    assert_eq!(ask(&api, event).await.0, 202);
}

#[tokio::test]
async fn what_is_not_offered_here_says_so_and_where_to_go() {
    let (ledger, _) = ledger();
    let api = api(&ledger, None, Access::Gateway);
    for (method, path) in [
        ("GET", "/v1/webhooks"),
        ("POST", "/v1/webhooks/ep_1/test"),
        ("POST", "/v1/query"),
        ("GET", "/v1/followers"),
        ("GET", "/metrics"),
        ("POST", "/v1/link-secrets"),
        ("PUT", "/v1/files/a.csv"),
        ("POST", "/v1/batches"),
        ("POST", "/v1/batches/b/stop"),
        ("GET", "/v1/batches/b/results"),
        ("GET", "/v1/batches/b/summary"),
    ] {
        let (code, problem, _) = ask(&api, http(method, path, "", Some("{}"))).await;
        assert_eq!((code, &problem["code"]), (501, &json!("not_offered")), "{method} {path}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("Isto não é oferecido"), "{detail}");
        assert!(detail.len() > 60 && detail.ends_with('.'), "{detail}");
    }
    let mut events = http("GET", "/v1/changes", "", None);
    events["headers"]["accept"] = "text/event-stream".into();
    assert_eq!(ask(&api, events).await.0, 501);
    assert_eq!(ask(&api, http("GET", "/v1/batches", "", None)).await.0, 200);
}

#[tokio::test]
async fn changes_are_lines_of_text_for_gateways_too() {
    let (ledger, _) = ledger();
    let api = api(&ledger, None, Access::Gateway);
    ask(&api, http("POST", "/v1/orders", "", Some(&order("a")))).await;
    let (code, _, answer) = ask(&api, http("GET", "/v1/changes", "", None)).await;
    assert_eq!(code, 200);
    assert!(answer["body"].as_str().unwrap().contains("\"order_id\":\"a\""));
}
