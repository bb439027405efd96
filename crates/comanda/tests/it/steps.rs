//! External steps: another system that answers as it pleases, and what becomes of orders.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Home, Http, Server, priced_order, python, until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The other system: `tests/peers/step.py`. Killed when dropped.
struct Peer {
    child: Child,
    port: u16,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Peer {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/step.py");
        let mut command = Command::new(python());
        command.args([script, SECRET]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the peer starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let port = lines.next().and_then(Result::ok).and_then(|line| line.parse().ok());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let row = serde_json::from_str(&line).expect("a line of JSON");
                heard.lock().expect("nobody panicked").push(row);
            }
        });
        Self { child, port: port.expect("the peer says its port"), asked }
    }

    /// What it was asked about an order, in order.
    fn asked(&self, order: &str) -> Vec<Value> {
        let rows = self.asked.lock().expect("nobody panicked");
        let is_it = |row: &&Value| row["event"]["data"]["order_id"] == order;
        rows.iter().filter(is_it).cloned().collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn serve(home: &Home, steps: &str) -> Server {
    let config = home.file("steps.toml", steps).display().to_string();
    home.serve_with(&["--config", &config])
}

fn step(name: &str, url: &str, rest: &str) -> String {
    format!("[[steps]]\nname = \"{name}\"\nurl = \"{url}\"\n{rest}\n")
}

fn place(http: &mut Http, id: &str, price: &str) -> Value {
    let answer = http.post("/v1/orders", priced_order(id, "PEN", price));
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()
}

fn show(http: &mut Http, id: &str) -> Value {
    http.get(&format!("/v1/orders/{id}")).json()
}

fn comes_to(http: &mut Http, id: &str, status: &str) -> Value {
    let mut order = Value::Null;
    let came = until(20, || {
        order = show(http, id);
        order["status"] == status
    });
    assert!(came, "{id} did not come to {status}: {order:#}");
    order
}

fn events(order: &Value) -> Vec<&str> {
    let history = order["history"].as_array().expect("a history");
    history.iter().filter_map(|event| event["event"].as_str()).collect()
}

#[test]
fn an_order_is_what_its_steps_say_of_it() {
    let (home, peer) = (Home::new(), Peer::start());
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", peer.port);
    let terms = format!("timeout_ms = 400\nmax_attempts = 3\nsecret = \"{SECRET}\"");
    let fraud = step("fraud", &url("fraud"), &format!("{terms}\nwhen = \"order.total < 90000\""));
    let erp = step("erp", &url("erp"), &format!("{terms}\nwhen = \"order.total >= 50000\""));
    let server = serve(&home, &(fraud + &erp));
    let http = &mut server.connect();
    assert_eq!(place(http, "yes-1", "1.50")["status"], "RECEIVED");
    for id in ["no-1", "bad-1", "odd-1"] {
        place(http, id, "1.50");
    }
    place(http, "yes-both", "500.00");
    let transfer = json!({"id": "t-1", "amount": "9.00", "fromAccount": "1", "toAccount": "2"});
    assert_eq!(http.post("/v1/orders", transfer.to_string()).status, 202);
    let yes = comes_to(http, "yes-1", "COMPLETED");
    let expected =
        ["received", "priced", "steps_awaited", "step_taken_up", "step_passed", "allocated"];
    assert_eq!(events(&yes), expected);
    assert_eq!(yes["history"][4]["details"], json!({"step": "fraud", "note": "score 3"}));
    let asked = peer.asked("yes-1");
    assert_eq!(asked.len(), 1, "{asked:#?}");
    let event = &asked[0]["event"];
    assert_eq!((&asked[0]["signed"], &asked[0]["path"]), (&true.into(), &"/fraud".into()));
    assert_eq!(asked[0]["media"], "application/cloudevents+json");
    assert_eq!((&event["specversion"], &event["type"]), (&"1.0".into(), &KIND.into()));
    assert_eq!((&event["data"]["total"], &event["data"]["revision"]), (&"1.50".into(), &1.into()));
    assert_eq!(event["data"]["document"]["customerId"], "c-1");
    let no = comes_to(http, "no-1", "REJECTED");
    let why = json!({"code": "step_refused", "step": "fraud", "reason": "stolen card"});
    assert_eq!(no["history"].as_array().and_then(|h| h.last()).map(|e| &e["details"]), Some(&why));
    let bad = comes_to(http, "bad-1", "REJECTED");
    assert!(bad.to_string().contains("limit exceeded"), "{bad:#}");
    let both = comes_to(http, "yes-both", "COMPLETED");
    let asked = peer.asked("yes-both");
    assert_eq!(asked.iter().map(|row| &row["path"]).collect::<Vec<_>>(), ["/fraud", "/erp"]);
    assert_ne!(asked[0]["id"], asked[1]["id"]);
    assert_eq!(events(&both).iter().filter(|event| **event == "step_passed").count(), 2);
    comes_to(http, "t-1", "COMPLETED");
    assert_eq!(peer.asked("t-1").len(), 1, "a transfer is asked about as well");
    let odd = comes_to(http, "odd-1", "FAILED");
    assert_eq!(
        (&odd["failure"]["step"], &odd["failure"]["attempts"]),
        (&"fraud".into(), &3.into())
    );
    assert_eq!(peer.asked("odd-1").len(), 3);
    drop(server);
    home.examine();
}

const KIND: &str = "comanda.order.step_requested";

#[test]
fn a_step_that_does_not_work_for_a_while_is_asked_again_and_at_last_the_order_fails() {
    let (home, peer) = (Home::new(), Peer::start());
    let url = format!("http://127.0.0.1:{}/fraud", peer.port);
    let terms = format!("timeout_ms = 400\nmax_attempts = 3\nsecret = \"{SECRET}\"");
    let server = serve(&home, &step("fraud", &url, &terms));
    let http = &mut server.connect();
    place(http, "busy-1", "1.50");
    comes_to(http, "busy-1", "COMPLETED");
    assert_eq!(peer.asked("busy-1").len(), 2);
    place(http, "down4-1", "1.50");
    let failed = comes_to(http, "down4-1", "FAILED");
    assert_eq!(failed["failure"]["error"], "answered 503 Service Unavailable");
    let listed = http.get("/v1/orders?status=FAILED").json();
    assert_eq!(listed["orders"][0]["order_id"], "down4-1", "{listed:#}");
    let letters = http.get("/v1/changes").text();
    assert_eq!(letters.matches("\"kind\":\"dead_letter\"").count(), 1, "{letters}");
    // Asked anew, by the same name, so that the other side knows.
    let redriven = http.post("/v1/orders/down4-1/redrive", b"");
    assert_eq!((redriven.status, &redriven.json()["status"]), (200, &"RECEIVED".into()));
    comes_to(http, "down4-1", "COMPLETED");
    let ids: Vec<Value> = peer.asked("down4-1").into_iter().map(|row| row["id"].clone()).collect();
    assert!(ids.len() == 5 && ids.windows(2).all(|two| two[0] == two[1]), "{ids:?}");
    assert_eq!(http.post("/v1/orders/down4-1/redrive", b"").status, 409);
    assert_eq!(http.post("/v1/orders/nobody/redrive", b"").status, 404);
    place(http, "hang-1", "1.50");
    let failed = comes_to(http, "hang-1", "FAILED");
    assert_eq!(failed["failure"]["error"], "no answer in time");
    drop(server);
    home.examine();
}

#[test]
fn a_crash_between_question_and_answer_asks_again_by_the_same_name_with_one_effect() {
    let (home, peer) = (Home::new(), Peer::start());
    let url = format!("http://127.0.0.1:{}/late", peer.port);
    let steps = step("fraud", &url, &format!("secret = \"{SECRET}\""));
    let server = serve(&home, &steps);
    place(&mut server.connect(), "yes-1", "1.50");
    assert!(until(10, || !peer.asked("yes-1").is_empty()), "nobody asked");
    server.kill();
    let server = serve(&home, &steps);
    let order = comes_to(&mut server.connect(), "yes-1", "COMPLETED");
    let asked = peer.asked("yes-1");
    assert_eq!(asked.len(), 2, "{asked:#?}");
    assert_eq!((&asked[0]["id"], &asked[0]["event"]), (&asked[1]["id"], &asked[1]["event"]));
    let passed = events(&order).into_iter().filter(|event| *event == "step_passed").count();
    assert_eq!(passed, 1, "{order:#}");
    drop(server);
    home.examine();
}

#[test]
fn an_order_says_what_it_waits_for_and_goes_on_when_the_settings_have_that_no_more() {
    let home = Home::new();
    // A port that nobody listens on.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = nowhere.local_addr().expect("it has an address").port();
    drop(nowhere);
    let url = format!("http://127.0.0.1:{port}");
    let steps = step("fraud", &url, "max_attempts = 50") + &step("erp", &url, "");
    // It came in while no server ran; the first that starts asks.
    let config = home.file("steps.toml", &steps).display().to_string();
    let order = home.file("o", priced_order("o-1", "PEN", "1.50")).display().to_string();
    let placed = home.run(&["--config", &config, "orders", "place", &order, "--json"]).json();
    assert_eq!(placed["status"], "RECEIVED");
    let server = serve(&home, &steps);
    let http = &mut server.connect();
    let tried = until(10, || show(http, "o-1")["waiting_for"]["last_error"].is_string());
    let order = show(http, "o-1");
    assert!(tried, "{order:#}");
    let waiting = &order["waiting_for"];
    assert_eq!((&order["status"], &waiting["step"]), (&"PROCESSING".into(), &"fraud".into()));
    assert_eq!(waiting["steps"], json!(["fraud", "erp"]));
    assert!(waiting["attempts"].as_u64() >= Some(1) && waiting["since"].is_string(), "{order:#}");
    let told = home.run(&["--config", &config, "orders", "show", "o-1"]);
    assert!(told.out.contains("fraud") && told.out.contains("Attempts"), "{}", told.out);
    assert_eq!(server.stop(), Some(0));
    let server = home.serve();
    let order = comes_to(&mut server.connect(), "o-1", "COMPLETED");
    assert_eq!(events(&order).iter().filter(|event| **event == "step_removed").count(), 2);
    drop(server);
    home.examine();
}
