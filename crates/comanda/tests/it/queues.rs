//! Orders from a queue of a real server: each taken in once, whatever ends in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Aws, Home, Server, order_id, until};

/// Settings that name this queue. Messages come again soon, where nothing says when.
fn settings(home: &Home, aws: &Aws, queue: &str, more: &str) -> String {
    let (key, secret) = (&aws.key, &aws.secret);
    let soon = if more.contains("visibility_s") { "" } else { "visibility_s = 2\n" };
    let text = format!(
        "[[queues]]\nname = \"orders\"\nurl = \"{queue}\"\naccess_key = \"{key}\"\n\
         secret_key = \"{secret}\"\n{soon}{more}"
    );
    home.file("queues.toml", text).to_string_lossy().into_owned()
}

fn order(index: u64) -> String {
    let order = json!({"id": order_id(index), "customerId": "c",
        "items": [{"sku": "PEN", "quantity": 1}]});
    order.to_string()
}

/// What `/metrics` says of the queue.
fn metric(server: &Server, name: &str) -> u64 {
    let text = server.connect().get("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{name}:\n{text}"))
}

fn documents(server: &Server, outcome: &str) -> u64 {
    let labels = format!("queue=\"orders\",outcome=\"{outcome}\"");
    metric(server, &format!("comanda_intake_documents_total{{{labels}}}"))
}

fn received(server: &Server) -> u64 {
    metric(server, "comanda_intake_received_total{queue=\"orders\"}")
}

fn is_drained(aws: &mut Aws, queue: &str) -> bool {
    until(20, || aws.waiting(queue) == (0, 0))
}

fn problems(server: &Server) -> String {
    server.connect().get("/ready").json()["problems"].to_string()
}

/// Each of these orders is there, and came in so many messages beside the first.
fn each_is_in(server: &Server, orders: impl Iterator<Item = (u64, u64)>) {
    let mut http = server.connect();
    for (index, repeats) in orders {
        let answer = http.get(&format!("/v1/orders/{}", order_id(index)));
        assert_eq!(answer.status, 200, "order {index}: {}", answer.text());
        let order = answer.json();
        assert_eq!(order["repeats"], repeats, "order {index}");
        assert_eq!(order["channel"], "queue");
    }
}

#[test]
fn three_hundred_messages_are_in_once_each_though_the_server_is_killed_among_them() {
    let (mut aws, home) = (Aws::start(), Home::new());
    let queue = aws.queue("orders");
    let mut bodies: Vec<String> = (0..240).map(order).collect();
    // Some come in a second message, some are no orders, some come several in one message.
    bodies.extend((0..30).map(order));
    bodies.extend((0..20).map(|n| format!("{{\"id\": {n},,}}")));
    bodies.push(format!("[{},{}]", order(240), order(241)));
    bodies.extend((0..9).map(|n| format!("{}\nno order\n{}", order(242 + n), order(251 + n))));
    assert_eq!(bodies.len(), 300);
    let flags = ["--config", &settings(&home, &aws, &queue, "receivers = 2\n")];
    let server = home.serve_with(&flags);
    aws.send(&queue, &bodies[..150]);
    assert!(until(10, || documents(&server, "accepted") > 20));
    server.kill();
    aws.send(&queue, &bodies[150..]);
    let server = home.serve_with(&flags);
    assert!(is_drained(&mut aws, &queue), "{:?}", aws.waiting(&queue));
    each_is_in(&server, (0..260).map(|index| (index, u64::from(index < 30))));
    let audits = server.connect().list("/v1/audits", "audits");
    assert_eq!(audits.len(), 29, "each poison is on record once");
    assert!(audits.iter().all(|audit| audit["source"] == "queue:orders"), "{audits:#?}");
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn what_was_committed_but_not_deleted_before_a_kill_is_no_business_duplicate() {
    let (mut aws, home) = (Aws::start(), Home::new());
    let queue = aws.queue("orders");
    let flags = ["--config", &settings(&home, &aws, &queue, "")];
    let server = home.serve_with(&flags);
    aws.fail(&["DeleteMessageBatch"]);
    aws.send(&queue, &(0..10).map(order).collect::<Vec<_>>());
    assert!(until(10, || documents(&server, "accepted") == 10));
    server.kill();
    aws.fail(&[]);
    let server = home.serve_with(&flags);
    assert!(is_drained(&mut aws, &queue), "{:?}", aws.waiting(&queue));
    assert_eq!(documents(&server, "redelivered"), 10);
    assert_eq!(documents(&server, "duplicate"), 0);
    each_is_in(&server, (0..10).map(|index| (index, 0)));
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn what_cannot_be_committed_is_kept_hidden_and_given_back_at_the_end() {
    let (mut aws, home) = (Aws::start(), Home::new());
    let queue = aws.queue("orders");
    let flags = ["--config", &settings(&home, &aws, &queue, "visibility_s = 8\n")];
    let server = home.serve_with_limits(&flags);
    // No file may grow: as on a full disk.
    server.limit_files(Some(0));
    aws.send(&queue, &(0..5).map(order).collect::<Vec<_>>());
    assert!(until(10, || problems(&server).contains("queue orders: ")), "{}", problems(&server));
    // Longer than they are hidden for, and nobody else was handed them.
    std::thread::sleep(Duration::from_secs(9));
    assert_eq!(aws.waiting(&queue), (0, 5));
    assert_eq!(received(&server), 5);
    server.terminate();
    // By themselves they would come four seconds later at the soonest.
    assert!(until(3, || aws.waiting(&queue) == (5, 0)), "{:?}", aws.waiting(&queue));
    server.stop();
    let server = home.serve_with(&flags);
    assert!(is_drained(&mut aws, &queue), "{:?}", aws.waiting(&queue));
    each_is_in(&server, (0..5).map(|index| (index, 0)));
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_queue_that_is_away_is_said_so_and_waited_for() {
    let (mut aws, home) = (Aws::start(), Home::new());
    let queue = aws.queue("orders");
    let server = home.serve_with(&["--config", &settings(&home, &aws, &queue, "")]);
    aws.down();
    assert!(until(10, || problems(&server).contains("queue orders: ")), "{}", problems(&server));
    assert_eq!(metric(&server, "comanda_intake_up{queue=\"orders\"}"), 0);
    assert_eq!(server.connect().get("/ready").status, 200, "others' orders are taken");
    assert_eq!(server.connect().post("/v1/orders", order(1)).status, 202);
    aws.up();
    aws.send(&queue, &[order(2)]);
    assert!(is_drained(&mut aws, &queue), "{:?}", aws.waiting(&queue));
    assert!(until(5, || problems(&server) == "[]"), "{}", problems(&server));
    each_is_in(&server, [(2, 0)].into_iter());
}

#[test]
fn a_message_that_was_handed_out_too_often_is_on_record_and_holds_up_nobody() {
    let (mut aws, home) = (Aws::start(), Home::new());
    let queue = aws.queue("orders");
    aws.send(&queue, &[order(1)]);
    for _ in 0..2 {
        let args = json!({"QueueUrl": queue, "VisibilityTimeout": 0});
        let handed = aws.call("sqs", "receive_message", args);
        assert_eq!(handed["Messages"].as_array().map(Vec::len), Some(1), "{handed}");
    }
    aws.send(&queue, &[order(2)]);
    let server =
        home.serve_with(&["--config", &settings(&home, &aws, &queue, "max_receives = 2\n")]);
    assert!(is_drained(&mut aws, &queue), "{:?}", aws.waiting(&queue));
    each_is_in(&server, [(2, 0)].into_iter());
    let audits = server.connect().list("/v1/audits", "audits");
    let codes: Vec<&Value> = audits.iter().map(|audit| &audit["violations"][0]["code"]).collect();
    assert_eq!(codes, ["too_many_receives"]);
    let address = audits[0]["links"]["self"].as_str().expect("a link");
    let shown = server.connect().get(address).json();
    assert_eq!(shown["document"]["id"], order_id(1), "with all that it said");
}

#[test]
fn a_wrong_secret_and_a_queue_that_is_not_there_are_said_clearly() {
    let (mut aws, home) = (Aws::start(), Home::new());
    let queue = aws.queue("orders");
    for (queue, secret, says) in [
        (queue.clone(), "wrong".to_owned(), "SignatureDoesNotMatch"),
        (format!("{queue}-none"), aws.secret.clone(), "QueueDoesNotExist"),
    ] {
        aws.secret = secret;
        let server = home.serve_with(&["--config", &settings(&home, &aws, &queue, "")]);
        assert!(until(10, || problems(&server).contains(says)), "{}", problems(&server));
        assert_eq!(server.stop(), Some(0));
    }
}
