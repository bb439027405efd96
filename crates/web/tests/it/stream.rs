//! Changes as events: what is told, in which order, and from where; each event held against the
//! description at `/asyncapi.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::sync::watch;
use web::App;

use crate::api::{Api, Ask, order};

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(web::asyncapi::json()).unwrap());

/// A validator for each type of event; fields that are not described are faults.
static VALIDATORS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let mut components = DOCUMENT["components"].clone();
    crate::contract::close(&mut components["schemas"]);
    let messages = components["messages"].as_object().unwrap().clone();
    let validator = |message: &Value| {
        let mut schema = message["payload"].clone();
        schema["components"] = components.clone();
        schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
        let kind = message["name"].as_str().unwrap().to_owned();
        (kind, jsonschema::validator_for(&schema).unwrap())
    };
    messages.values().map(validator).collect()
});

/// Panics when an event is not one that the description promises.
fn holds(event: &Value) {
    let kind = event["type"].as_str().unwrap_or_default();
    let validator = VALIDATORS.get(kind).unwrap_or_else(|| panic!("{kind} is not described"));
    let wrong: Vec<String> = validator
        .iter_errors(event)
        .map(|error| format!("{} at {:?}", error, error.instance_path().as_str()))
        .collect();
    assert!(wrong.is_empty(), "{kind} is not as described: {wrong:#?}\n{event:#}");
}

/// A client of a stream.
struct Client {
    body: Body,
    text: String,
    last_id: String,
}

impl Client {
    async fn open(api: &Api, path: &str, last_event_id: &str) -> Self {
        let request = Request::builder().uri(path).header("accept", "text/event-stream");
        let request = match last_event_id {
            "" => request,
            id => request.header("last-event-id", id),
        };
        let response = api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new(), last_id: String::new() }
    }

    /// The next event; `None` at the end of the stream. A heartbeat is passed over.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                self.last_id = field("id: ").unwrap_or(std::mem::take(&mut self.last_id));
                if let Some(data) = field("data: ") {
                    let event: Value = serde_json::from_str(&data).unwrap();
                    assert_eq!(event["id"], *self.last_id);
                    holds(&event);
                    return Some(event);
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(10), self.body.frame());
            let frame = frame.await.expect("something is said in time")?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.expect("there are more events"));
        }
        events
    }
}

/// Something of everything.
async fn everything(api: &Api) {
    let put = |path: &str, body: Value| Ask::put(path, body.to_string());
    let post = |path: &str, body: Value| Ask::post(path, body.to_string());
    for ask in [
        put("/v1/products", json!({"sku": "PEN", "price": "1.50", "category": "office"})),
        put("/v1/customers/c-1", json!({"tags": ["gold"]})),
        put(
            "/v1/pricing-rules",
            json!([{"id": "r", "effect":
            {"type": "order_percentage_off", "percent": "5"}}]),
        ),
        post("/v1/stock", json!({"sku": "PEN", "on_hand": 3})),
        post("/v1/stock", json!({"sku": "INK", "on_hand": 1})),
        Ask::post("/v1/orders", order("o-1")),
        Ask::post("/v1/orders", order("o-1")),
        post(
            "/v1/orders",
            json!({"order_id": "o-2", "customerId": "c-1",
            "items": [{"sku": "PEN", "quantity": 9}]}),
        ),
        post(
            "/v1/orders",
            json!({"order_id": "o-3", "customerId": "c-1",
            "items": [{"sku": "PEN", "quantity": 9}], "shortage_policy": "reject"}),
        ),
        post("/v1/orders", json!({"order_id": "o-4", "items": []})),
        post("/v1/stock/PEN/adjustments", json!({"delta": 20})),
        Ask::patch("/v1/orders/o-2", json!({"notes": "soon"}).to_string())
            .header("content-type", "application/merge-patch+json"),
        post("/v1/orders/o-2/fulfil", json!({})),
        post("/v1/orders/o-2/cancel", json!({})),
        post("/v1/orders/o-1/cancel", json!({"reason": "too late"})),
        post("/v1/orders/o-9/cancel", json!({})).header("idempotency-key", "k-1"),
    ] {
        api.ask(ask).await;
    }
}

#[tokio::test]
async fn everything_is_told_once_in_order_and_as_described() {
    let api = Api::new();
    everything(&api).await;
    let lines = api.text("/v1/changes").await;
    let changes: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected: Vec<String> = changes
        .iter()
        .flat_map(|change| {
            let cursor = change["cursor"].as_str().unwrap().to_owned();
            match change["events"].as_array() {
                Some(events) => (0..events.len()).map(|at| format!("{cursor}-{at}")).collect(),
                None => vec![cursor],
            }
        })
        .collect();
    let mut client = Client::open(&api, "/v1/changes", "").await;
    let events = client.take(expected.len()).await;
    let ids: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids, expected);
    let types: BTreeSet<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert!(types.len() >= 15, "the story tells of much: {types:?}");
    insta::assert_json_snapshot!(
        "an_event",
        events.iter().find(|e| e["type"] == "comanda.order.received")
    );
}

#[tokio::test]
async fn a_client_goes_on_behind_any_event_and_hears_the_rest() {
    let api = Api::new();
    everything(&api).await;
    let mut whole = Client::open(&api, "/v1/changes", "").await;
    let last = Client::open(&api, "/v1/changes", "").await;
    drop(last);
    let events = whole.take(20).await;
    for (at, event) in events.iter().enumerate().take(19) {
        let id = event["id"].as_str().unwrap();
        let mut client = Client::open(&api, "/v1/changes?after=0", id).await;
        assert_eq!(client.next().await.unwrap()["id"], events[at + 1]["id"], "behind {id}");
        let mut client = Client::open(&api, &format!("/v1/changes?after={id}"), "").await;
        assert_eq!(client.next().await.unwrap()["id"], events[at + 1]["id"], "behind {id}");
    }
}

#[tokio::test]
async fn a_client_hears_only_what_it_asked_for() {
    let api = Api::new();
    everything(&api).await;
    for (filter, field, value, count) in [
        ("type=comanda.order.received", "/type", "comanda.order.received", 3),
        ("type=comanda.order.rec*,comanda.stock.x*&order_id=o-1", "/type", "", 0),
        ("order_id=o-2&type=comanda.order.*", "/data/order_id", "o-2", 6),
        ("status=REJECTED", "/data/status", "REJECTED", 1),
        ("merchant_id=shop&type=comanda.stock.changed", "/data/merchant_id", "shop", 3),
    ] {
        let path = format!("/v1/changes?{filter}");
        if count == 0 {
            let refused = Ask::get(&path).header("accept", "text/event-stream");
            assert_eq!(api.ask(refused).await["body"]["parameter"], "type");
            continue;
        }
        let mut client = Client::open(&api, &path, "").await;
        for event in client.take(count).await {
            assert_eq!(event.pointer(field).unwrap(), value, "{filter}");
        }
    }
    for refused in ["type=comanda.order.received", "status=COMPLETED", "order_id=o-1"] {
        let answer = api.ask(Ask::get(&format!("/v1/changes?{refused}"))).await;
        assert_eq!(answer["body"]["code"], "bad_parameter", "a page is whole: {refused}");
    }
    for (path, parameter) in [
        ("/v1/changes?after=zz", "after"),
        ("/v1/changes?limit=3", "limit"),
        ("/v1/changes?type=comanda.nothing", "type"),
        ("/v1/changes?status=GREEN", "status"),
    ] {
        let answer = api.ask(Ask::get(path).header("accept", "text/event-stream")).await;
        assert_eq!(answer["body"]["parameter"], parameter, "{path}");
    }
}

#[tokio::test]
async fn what_is_committed_later_is_told_at_once_and_a_quiet_stream_says_that_it_is_there() {
    let (grown, end) = watch::channel(0);
    let api = Api::with(|app: &mut App| {
        app.end = end;
        app.settings.limits.stream_heartbeat = Duration::from_millis(50);
    });
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    let mut client = Client::open(&api, "/v1/changes?type=comanda.order.cancelled", "").await;
    let mut heartbeats = String::new();
    while heartbeats.matches(": here").count() < 2 {
        let frame = client.body.frame().await.unwrap().unwrap();
        heartbeats.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    // It goes on from here, and not from the last event that it wanted: there was none.
    assert_eq!(heartbeats.matches("id: ").count(), 1, "{heartbeats}");
    api.ask(Ask::post("/v1/orders/o-1/cancel", "{}")).await;
    grown.send_replace(1);
    assert_eq!(client.next().await.unwrap()["type"], "comanda.order.cancelled");
}

#[tokio::test]
async fn streams_are_bounded_and_one_that_takes_nothing_is_cut_off() {
    let api = Api::with(|app: &mut App| {
        app.settings.limits.stream_idle = Duration::from_millis(50);
        app.bound_streams(1);
    });
    for n in 0..600 {
        api.ask(Ask::post("/v1/orders", order(&format!("o-{n}")))).await;
    }
    let slow = Client::open(&api, "/v1/changes", "").await;
    let crowded = api.ask(Ask::get("/v1/changes").header("accept", "text/event-stream")).await;
    assert_eq!((&crowded["status"], &crowded["retry-after"]), (&json!(429), &json!("10")));
    // It takes nothing: its place is free for another.
    let mut another = None;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let request = Request::builder().uri("/v1/changes").header("accept", "text/event-stream");
        let response = api.send(request.body(Body::empty()).unwrap()).await;
        if response.status() == 200 {
            another = Some(response);
            break;
        }
    }
    assert!(another.is_some(), "it was never cut off");
    drop(slow);
}

#[test]
fn the_description_is_an_asyncapi_document() {
    let peers = std::env::var_os("COMANDA_PEERS").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
            cache.unwrap_or_else(home).join("comanda/peers")
        },
        PathBuf::from,
    );
    let published = peers.join("node_modules/@asyncapi/specs/schemas/3.0.0.json");
    let schema = std::fs::read(&published)
        .unwrap_or_else(|_| panic!("{} is missing: run `make peers` first", published.display()));
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(&DOCUMENT).map(|e| e.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut broken = DOCUMENT.clone();
    broken["operations"]["followChanges"]["action"] = "tell".into();
    assert!(!validator.is_valid(&broken), "it would find a fault");
}
