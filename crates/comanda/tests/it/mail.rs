//! E-mail by the program itself: an order comes in over HTTP, and a mail server has the message,
//! whatever happens to the program in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Home, python};

/// Longest that a message is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
const ORDERS: usize = 40;

/// A mail server of others.
struct Post {
    server: Child,
    port: String,
    received: Receiver<String>,
}

impl Post {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/smtp.py");
        let mut command = Command::new(python());
        let mut server = command.arg(script).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(server.stdout.take().expect("its output")).lines();
        let port = lines.next().expect("a line").expect("a port");
        let (sender, received) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                _ = sender.send(line);
            }
        });
        Self { server, port, received }
    }

    fn next(&self) -> Value {
        let line = self.received.recv_timeout(PATIENCE).expect("a message");
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        _ = self.server.kill();
        _ = self.server.wait();
    }
}

fn settings(post: &Post) -> Vec<String> {
    let set = [
        ("email.host", "localhost"),
        ("email.port", &post.port),
        ("email.tls", "plain"),
        ("email.from", "Loja <pedidos@loja.example>"),
        // So slow that a kill comes in the middle.
        ("email.per_second", "40"),
        ("notify", "[{on = \"order.completed\", to = \"customer\"}]"),
    ];
    set.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]).collect()
}

fn order(number: usize) -> String {
    format!(
        r#"{{"order_id": "m-{number}", "customer": {{"name": "Ana", "email": "ana@mail.example"}},
            "items": [{{"sku": "PEN", "quantity": 1, "price": "1.50"}}]}}"#
    )
}

#[test]
fn every_order_is_told_by_one_message_though_the_program_is_killed_in_between() {
    let (home, post) = (Home::new(), Post::start());
    let settings = settings(&post);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    // Of an order, the names of its messages.
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut next = || {
        let mail = post.next();
        let header = |name: &str| mail["headers"][name].as_str().expect("a header").to_owned();
        told.entry(header("Subject")).or_default().insert(header("Message-ID"));
        told.len()
    };
    let server = home.serve_with(&settings);
    let mut http = server.connect();
    for number in 0..ORDERS {
        assert_eq!(http.post("/v1/orders", order(number)).status, 202);
    }
    while next() < ORDERS / 5 {}
    server.kill();
    let server = home.serve_with(&settings);
    while next() < ORDERS {}
    for (subject, ids) in &told {
        assert_eq!(ids.len(), 1, "{subject} by several names: {ids:?}");
    }
    let subjects: BTreeSet<String> =
        (0..ORDERS).map(|number| format!("Order m-{number} is confirmed")).collect();
    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), subjects);
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_dead_letter_is_told_to_operations_at_once() {
    let (home, post) = (Home::new(), Post::start());
    let mut settings = settings(&post);
    for set in ["alerts.every_minutes=1", "alerts.to=ops@loja.example", "orders.language=pt-BR"] {
        settings.extend(["--set".to_owned(), set.to_owned()]);
    }
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let server = home.serve_with(&settings);
    let mut http = server.connect();
    let lines = "{\"order_id\": \"x-1\", \"customerId\": \"c\", \"items\": []}\n";
    assert_eq!(http.post_lines("/v1/batches?batch_id=short", lines).status, 202);
    let headers = &post.next()["headers"];
    assert_eq!(headers["Subject"], "1 mensagem não entregue (dead letter)");
    assert_eq!(headers["To"], "ops@loja.example");
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn the_mail_server_is_tried_before_anybody_gets_a_message() {
    let (home, post) = (Home::new(), Post::start());
    let try_with = |settings: &[&str], to: &str| {
        let arguments = [settings, &["notify", "test", "--in", "pt-BR", "--to", to]].concat();
        home.run(&arguments)
    };
    let settings = settings(&post);
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let sent = try_with(&settings, "ops@loja.example");
    assert_eq!(sent.code, 0, "{}", sent.err);
    assert_eq!(post.next()["headers"]["Subject"], "Mensagem de teste do Comanda");
    let refused = try_with(&settings, "nobody@loja.example");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("no such person"), "{}", refused.err);
    assert!(try_with(&[], "ops@loja.example").err.contains("email.host"));
    assert!(try_with(&settings, "ops").err.contains("no e-mail address"));
}
