//! What operators see: metrics that Prometheus reads, logs without personal data, traces that reach
//! a collector and wait for none.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prometheus_parse::{Scrape, Value as Sample};
use prost::Message;
use serde_json::Value;

use crate::support::{Home, document, priced_order, until};

#[test]
fn metrics_are_read_by_a_parser_and_say_where_orders_spend_their_time() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    for index in 0..20 {
        assert_eq!(http.post("/v1/orders", document(index)).status, 202);
    }
    let lines: Vec<u8> = (100..700).flat_map(|n| [document(n), b"\n"].concat()).collect();
    assert_eq!(http.post_lines("/v1/batches?batch_id=b", lines).status, 202);
    assert!(until(20, || http.get("/v1/batches/b").json()["status"] == "SUCCEEDED"));
    let text = http.get("/metrics").text();
    assert_eq!(server.stop(), Some(0));

    let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("it parses");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let families: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let manual = include_str!("../../../../docs/operate.md");
    for family in &families {
        assert!(manual.contains(family), "docs/operate.md does not explain {family}");
    }
    for line in lines {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|s| name.strip_suffix(s));
        let known = families.contains(name) || plain.is_some_and(|name| families.contains(name));
        assert!(known && name.starts_with("comanda_"), "{line} is of no family");
    }
    let mut counts = BTreeMap::new();
    for sample in &scrape.samples {
        let Sample::Histogram(buckets) = &sample.value else { continue };
        assert!(buckets.windows(2).all(|two| two[0].count <= two[1].count), "{sample:?}");
        assert!(buckets.last().is_some_and(|last| last.less_than.is_infinite()), "{sample:?}");
        let label = |name: &str| sample.labels.get(name).unwrap_or_default().to_owned();
        let key = (sample.metric.clone(), label("call") + &label("route"), label("stage"));
        counts.insert(key, buckets.last().map_or(0.0, |last| last.count));
    }
    let count = |metric: &str, call: &str, stage: &str| {
        let key = (metric.to_owned(), call.to_owned(), stage.to_owned());
        *counts.get(&key).unwrap_or_else(|| panic!("{key:?} is not in {counts:#?}"))
    };
    let stage = "comanda_stage_duration_seconds";
    assert_eq!(count(stage, "single", "prepare"), 20.0);
    for name in ["queue", "decide", "sync"] {
        assert!(count(stage, "single", name) >= 20.0, "{name}");
        assert!(count(stage, "batch", name) >= 2.0, "{name}");
    }
    assert!(count("comanda_commit_requests", "", "") >= 3.0);
    assert!(count("comanda_http_request_duration_seconds", "/v1/orders", "") >= 20.0);
    assert!(text.contains("comanda_orders_total{outcome=\"backordered\"}"), "{text}");
}

#[test]
fn answers_carry_the_callers_request_id_or_one_of_ours() {
    let home = Home::new();
    let server = home.serve_with(&["--log", "debug", "--log-format", "json"]);
    let mut http = server.connect();
    let id = |head: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut ids = lines.filter(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
        ids.next().map(|(_, value)| value.trim().to_owned()).expect("a request has a name")
    };
    for path in ["/health", "/v1/orders/nothing", "/nowhere"] {
        http.headers = "x-request-id: call-7\r\n".to_owned();
        assert_eq!(id(&http.get(path).head), "call-7", "{path}");
        http.headers = String::new();
        assert_eq!(id(&http.get(path).head).len(), 19, "{path}");
    }
    http.headers = "x-request-id: order-7\r\n".to_owned();
    assert_eq!(id(&http.post("/v1/orders", document(0)).head), "order-7");
    assert_eq!(id(&http.post("/v1/orders", "{").head), "order-7");
    http.headers = "x-request-id: maria da silva\r\n".to_owned();
    assert_eq!(id(&http.post("/v1/orders", document(1)).head).len(), 19);
    assert_eq!(server.stop(), Some(0));

    let log = std::fs::read_to_string(home.path("server.log")).expect("a log");
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let of = |id: &str| lines.iter().filter(|line| line["request.id"] == id).count();
    assert_eq!((of("call-7"), of("order-7")), (3, 2), "{log}");
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
    assert!(!log.contains("maria"), "{log}");
}

/// A word for each field that may tell of a person.
const PERSONAL: [&str; 14] = [
    "Guilhermina",
    "Vasconcelos",
    "52998224725",
    "529.982.247-25",
    "guilhermina@exemplo",
    "98765-4321",
    "Hortênsias",
    "Jardim Secreto",
    "Florianópolis",
    "88010-400",
    "TX-GEHEIM-1",
    "campainha quebrada",
    "apelido-secreto",
    "Caminho dos Fundos",
];

fn personal(id: &str) -> String {
    let address = |street: &str| {
        serde_json::json!({"street": street, "number": "7", "neighborhood": "Jardim Secreto",
            "city": "Florianópolis", "state": "SC", "zip_code": "88010-400"})
    };
    serde_json::json!({
        "order_id": id,
        "customer": {"first_name": "Guilhermina", "last_name": "Vasconcelos",
            "cpf": "529.982.247-25", "email": "guilhermina@exemplo.com.br",
            "phone": "(48) 98765-4321", "address": address("Rua das Hortênsias")},
        "items": [{"sku": "PEN", "quantity": 1, "unit_price": "1.50", "description": "PEN"}],
        "payment": {"method": "pix", "transaction_id": "TX-GEHEIM-1", "amount": 99},
        "shipping": {"method": "express", "cost": 1, "address": address("Caminho dos Fundos")},
        "notes": "campainha quebrada", "nickname": "apelido-secreto",
    })
    .to_string()
}

#[test]
fn no_log_line_tells_of_a_person_however_much_is_logged() {
    let home = Home::new();
    let server = home.serve_with(&["--log", "trace"]);
    let mut http = server.connect();
    http.headers = "x-request-id: guilhermina@exemplo.com.br\r\n".to_owned();
    let sound = personal("o1");
    assert_eq!(http.post("/v1/orders", &sound).status, 202);
    assert_eq!(http.post("/v1/orders", &sound).status, 409);
    assert_eq!(
        http.post("/v1/orders", sound.replace("\"quantity\":1", "\"quantity\":0")).status,
        400
    );
    assert_eq!(http.post("/v1/orders", &sound[..sound.len() - 1]).status, 400);
    let lines = [personal("b1"), personal("b1"), personal("b2")[1..].to_owned()].join("\n");
    assert_eq!(http.post_lines("/v1/batches?batch_id=b", lines).status, 202);
    assert!(until(20, || http.get("/v1/batches/b").json()["status"] != "RUNNING"));
    http.get("/v1/orders?merchant_id=default&customer_id=529.982.247-25");
    http.get("/v1/orders/guilhermina@exemplo.com.br");
    http.get("/v1/customers/52998224725?merchant_id=default");
    let tagged = "{\"tags\": [\"Vasconcelos\"]}";
    let put = http.call("PUT", "/v1/customers/52998224725", "application/json", tagged.as_bytes());
    assert!(put.is_ok_and(|answer| answer.status < 500));
    assert_eq!(server.stop(), Some(0));
    let log = std::fs::read_to_string(home.path("server.log")).expect("a log");
    assert!(log.matches("answered 4").count() >= 4, "little was logged: {log}");
    for word in PERSONAL {
        assert!(!log.contains(word), "the log tells of {word}");
    }
}

/// A collector: takes OTLP over HTTP, and keeps the spans.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Starts one; its address.
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let spans = self.0.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let spans = spans.clone();
                std::thread::spawn(move || take(stream, &spans));
            }
        });
        address
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("spans").clone()
    }
}

/// Takes the requests of one connection.
fn take(stream: std::net::TcpStream, spans: &Mutex<Vec<Span>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut length, mut first) = (String::new(), 0, String::new());
        while stream.read_line(&mut line).ok()? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            assert!(!lower.starts_with("content-type:") || lower.contains("x-protobuf"), "{line}");
            first = if first.is_empty() { std::mem::take(&mut line) } else { first };
            line.clear();
        }
        assert!(first.starts_with("POST /v1/traces HTTP/1.1"), "{first}");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let message = ExportTraceServiceRequest::decode(&*body).expect("it is OTLP");
        let of_resource = message.resource_spans.into_iter().flat_map(|r| r.scope_spans);
        spans.lock().expect("spans").extend(of_resource.flat_map(|scope| scope.spans));
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}

#[test]
fn a_collector_gets_every_request_with_its_stages_in_the_callers_trace() {
    let home = Home::new();
    let collector = Collector::default();
    let endpoint = format!("telemetry.otlp_endpoint={}", collector.start());
    let server = home.serve_with(&["--set", &endpoint]);
    let mut http = server.connect();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    http.headers =
        format!("traceparent: 00-{trace}-b7ad6b7169203331-01\r\nx-request-id: traced-1\r\n");
    assert_eq!(http.post("/v1/orders", document(0)).status, 202);
    http.headers = format!("traceparent: 00-{trace}-b7ad6b7169203332-00\r\n");
    assert_eq!(http.post("/v1/orders", document(1)).status, 202, "its caller keeps no trace");
    http.headers = String::new();
    assert_eq!(http.get("/v1/orders/nothing").status, 404);
    // What waits is sent when the server stops.
    assert_eq!(server.stop(), Some(0));

    let spans = collector.spans();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let root = spans.iter().find(|span| span.name == "POST /v1/orders").expect("the order's span");
    assert_eq!(
        (hex(&root.trace_id), hex(&root.parent_span_id)),
        (trace.into(), "b7ad6b7169203331".into())
    );
    let attribute = |key: &str| {
        let found = root.attributes.iter().find(|attribute| attribute.key == key);
        format!("{:?}", found.and_then(|attribute| attribute.value.clone()))
    };
    assert!(attribute("request.id").contains("traced-1"), "{root:#?}");
    assert!(attribute("http.response.status_code").contains("202"), "{root:#?}");
    let mut below: Vec<&Span> =
        spans.iter().filter(|span| span.parent_span_id == root.span_id).collect();
    below.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
    let names: Vec<&str> = below.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["prepare", "queue", "decide", "commit", "answer"]);
    assert!(below.iter().all(|span| span.trace_id == root.trace_id));
    // One stage begins where the last ended, and together they are the request.
    let near = |a: u64, b: u64| a.abs_diff(b) < 1_000;
    assert!(
        below.windows(2).all(|two| near(two[0].end_time_unix_nano, two[1].start_time_unix_nano))
    );
    assert!(near(below[0].start_time_unix_nano, root.start_time_unix_nano));
    assert!(near(below[4].end_time_unix_nano, root.end_time_unix_nano));
    let other = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect::<Vec<_>>();
    assert_eq!(other.len(), 1, "{other:#?}");
    assert_eq!(other[0].name, "GET /v1/orders/{id}");
    assert_eq!(spans.len(), 7, "the trace that its caller does not keep is not sent");
}

#[test]
fn a_collector_that_does_not_answer_holds_up_neither_orders_nor_the_stop() {
    let home = Home::new();
    // Takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address");
    let endpoint = format!("telemetry.otlp_endpoint=http://{address}");
    let server = home.serve_with(&["--set", &endpoint]);
    let mut http = server.connect();
    let begun = Instant::now();
    for n in 0..2_000 {
        assert_eq!(
            http.post("/v1/orders", priced_order(&format!("o{n}"), "PEN", "1.5")).status,
            202
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(12), "it took {:?} to stop", begun.elapsed());
}

#[test]
fn a_collector_that_is_not_there_is_told_of_once() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it");
    let endpoint = format!("telemetry.otlp_endpoint=http://{closed}");
    let server = home.serve_with(&["--set", &endpoint]);
    assert_eq!(server.connect().post("/v1/orders", document(0)).status, 202);
    let log = || std::fs::read_to_string(home.path("server.log")).unwrap_or_default();
    assert!(until(10, || log().contains("traces are not taken")), "{}", log());
    assert_eq!(server.connect().post("/v1/orders", document(1)).status, 202);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(log().matches("traces are not taken").count(), 1, "{}", log());
}
