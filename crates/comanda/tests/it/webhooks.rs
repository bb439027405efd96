//! Webhooks of the real program, towards a receiver that verifies them with the published library
//! of Standard Webhooks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Home, Server, python, simple_order, until};

/// How long a test waits for what is to come.
const PATIENCE_S: u64 = 30;

/// A receiver that runs; killed when dropped.
struct Receiver {
    child: Child,
    control: ChildStdin,
    port: u16,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/webhooks.py");
        let mut command = Command::new(python());
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the receiver starts");
        let control = child.stdin.take().expect("standard input is piped");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let port = lines.next().and_then(Result::ok).and_then(|line| line.parse().ok());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let said = serde_json::from_str(&line).expect("a line of JSON");
                hears.lock().expect("nobody panicked").push(said);
            }
        });
        Self { child, control, port: port.expect("the receiver says its port"), heard }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The secret that messages to a path are verified with from now on.
    fn trust(&mut self, path: &str, secret: &str) {
        let line = json!({"path": path, "secret": secret});
        writeln!(self.control, "{line}").expect("the receiver listens");
    }

    /// What came to a path and was taken, without pings.
    fn taken(&self, path: &str) -> Vec<Value> {
        let heard = self.heard.lock().expect("nobody panicked").clone();
        let is_event = |said: &&Value| said["message"]["type"] != "webhook.ping";
        let here = heard.iter().filter(is_event).filter(|said| said["path"] == path);
        here.filter(|said| said["status"] == 204).cloned().collect()
    }

    fn wait(&self, path: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let came = until(PATIENCE_S, || enough(&self.taken(path)));
        let taken = self.taken(path);
        assert!(came, "waited in vain; {} came: {:#?}", taken.len(), taken.last());
        taken
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Serves a store whose webhooks may reach this machine.
fn serve(home: &Home) -> Server {
    let mut command = home.comanda();
    command.env("COMANDA_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8");
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    Server::start(command, &home.path("server.log"))
}

/// Adds an endpoint: its id and its secret.
fn add(home: &Home, url: &str, more: &[&str]) -> (String, String) {
    let added = home.run(&[&["webhooks", "add", url, "--json"], more].concat());
    assert_eq!(added.code, 0, "{}", added.err);
    let added = added.json();
    let text = |field: &str| added[field].as_str().expect("a text").to_owned();
    (text("id"), text("secret"))
}

fn place(server: &Server, ids: impl Iterator<Item = String>) {
    let mut http = server.connect();
    for id in ids {
        let answer = http.post("/v1/orders", simple_order(&id, "PEN", 1));
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
}

/// Which event has which id.
fn ids(taken: &[Value]) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for said in taken {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = &said["message"];
        let event = (text(&message["data"]["order_id"]), text(&message["type"]));
        ids.entry(event).or_default().insert(text(&said["id"]));
    }
    ids
}

#[test]
fn what_is_told_is_signed_as_published_while_secrets_change_and_is_told_again_by_the_same_ids() {
    let (home, mut receiver) = (Home::new(), Receiver::start());
    let server = serve(&home);
    let (id, secret) = add(&home, &receiver.url("/ok"), &["--kind", "order.completed"]);
    receiver.trust("/ok", &secret);
    let tried = home.run(&["webhooks", "test", &id, "--json"]);
    assert_eq!((tried.code, &tried.json()["status"]), (0, &json!(204)), "{}", tried.err);
    place(&server, (0..3).map(|n| format!("a-{n}")));
    receiver.wait("/ok", |taken| taken.len() == 3);
    // The receiver knows the old secret only, then the new one only.
    let rotated = home.run(&["webhooks", "rotate", &id]);
    assert_eq!(rotated.code, 0, "{}", rotated.err);
    place(&server, (0..3).map(|n| format!("b-{n}")));
    receiver.wait("/ok", |taken| taken.len() == 6);
    receiver.trust("/ok", rotated.out.trim());
    place(&server, (0..3).map(|n| format!("z-{n}")));
    let first = receiver.wait("/ok", |taken| taken.len() == 9);
    for said in &first {
        assert_eq!(said["verified"], true, "{said:#}");
        let message = &said["message"];
        assert_eq!(message["type"], "order.completed");
        assert_eq!(message["data"]["status"], "COMPLETED");
        assert_eq!(
            message["data"]["lines"],
            json!([
                {"sku": "PEN", "quantity": 1, "status": "UNTRACKED", "total": null}
            ])
        );
        assert!(!message.to_string().contains("c-1\""), "no customer is told: {message:#}");
    }
    let replayed = home.run(&["webhooks", "replay", &id, "--since", "2020-01-01T00:00:00Z"]);
    assert_eq!(replayed.code, 0, "{}", replayed.err);
    let all = receiver.wait("/ok", |taken| taken.len() == 18);
    assert_eq!(ids(&all), ids(&first), "told again by the same ids");
    let log = home.run(&["webhooks", "deliveries", &id, "--json"]).json();
    assert_eq!(log["attempts"].as_array().map(Vec::len), Some(19), "{log:#}");
    let listed = home.run(&["webhooks", "list", "--json"]).out + &home.run(&["changes"]).out;
    assert!(!listed.contains("whsec_"), "{listed}");
}

#[test]
fn a_server_killed_in_the_middle_of_deliveries_tells_everything_by_one_id_each() {
    const ORDERS: usize = 150;
    let (home, receiver) = (Home::new(), Receiver::start());
    let mut server = serve(&home);
    let more = ["--kind", "order.*", "--per-second", "200"];
    add(&home, &receiver.url("/ok"), &more);
    place(&server, (0..ORDERS).map(|n| format!("o-{n}")));
    for part in [1, 2, 3] {
        receiver.wait("/ok", |taken| taken.len() >= part * ORDERS / 3);
        server.kill();
        server = serve(&home);
    }
    // Received and completed, of each.
    let taken = receiver.wait("/ok", |taken| ids(taken).len() == 2 * ORDERS);
    let ids = ids(&taken);
    assert!(ids.values().all(|ids| ids.len() == 1), "one id for one event");
    assert_eq!(ids.values().flatten().collect::<BTreeSet<_>>().len(), 2 * ORDERS);
    drop(server);
    home.examine();
}

#[test]
fn each_endpoint_is_told_in_its_own_time_and_one_that_is_gone_is_told_no_more() {
    let (home, receiver) = (Home::new(), Receiver::start());
    let server = serve(&home);
    let kind = ["--kind", "order.completed"];
    let (once, _) = add(&home, &receiver.url("/once"), &kind);
    let (gone, _) = add(&home, &receiver.url("/gone"), &kind);
    let (moved, _) = add(&home, &receiver.url("/moved"), &kind);
    let (own, _) = add(&home, &receiver.url("/own"), &kind);
    place(&server, ["o-1", "bad-1", "o-2"].into_iter().map(str::to_owned));
    receiver.wait("/once", |taken| taken.len() == 3);
    // An order that is not wanted holds up no other.
    receiver.wait("/own", |taken| taken.len() == 2);
    let show = |id: &str| home.run(&["webhooks", "show", id, "--json"]).json();
    assert!(until(PATIENCE_S, || show(&gone)["status"] == "disabled"), "{:#}", show(&gone));
    assert_eq!(show(&gone)["disabled"]["reason"], "answered 410 Gone");
    let errors = |id: &str| {
        let log = home.run(&["webhooks", "deliveries", id, "--json"]).json();
        let attempts = log["attempts"].as_array().cloned().unwrap_or_default();
        attempts.iter().map(|a| a["error"].clone()).collect::<Vec<_>>()
    };
    let redirected =
        "answered 307 Temporary Redirect: redirects to /ok; redirects are not followed";
    assert_eq!(errors(&moved)[0], redirected);
    assert!(errors(&own).contains(&json!("answered 422 Unprocessable Entity")));
    assert!(errors(&once).contains(&json!("answered 429 Too Many Requests")));
    assert!(receiver.taken("/ok").is_empty(), "redirects are not followed");
    for id in [&once, &moved, &own] {
        assert_eq!(show(id)["status"], "active");
    }
}

#[test]
fn an_address_inside_our_network_is_refused_unless_the_settings_allow_it() {
    let home = Home::new();
    let server = home.serve();
    for url in ["http://127.0.0.1:1/", "https://169.254.169.254/latest", "https://[::1]/"] {
        let added = home.run(&["webhooks", "add", url]);
        assert_eq!(added.code, 3, "{url}: {}", added.out);
        assert!(added.err.contains("/url"), "{}", added.err);
    }
    // A name is judged when it is called.
    let (id, _) = add(&home, "https://localhost:1/", &[]);
    let tried = home.run(&["webhooks", "test", &id, "--json"]);
    assert_eq!(tried.json()["error"], "localhost resolves to no public address");
    drop(server);
}
