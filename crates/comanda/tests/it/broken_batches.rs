//! Input that is no batch, or that has items which are no orders: neighbours are unharmed, and
//! whatever cannot be read is refused before anything is done.

use serde_json::Value;

use crate::support::{Home, json_lines, priced_order, until};

fn order(n: usize) -> String {
    priced_order(&format!("o{n}"), "PEN", "1.50")
}

/// An order with so many bytes of notes.
fn large(n: usize, bytes: usize) -> String {
    let notes = "x".repeat(bytes);
    order(n).replacen('{', &format!("{{\"notes\": \"{notes}\", "), 1)
}

/// Runs `input` by command and over HTTP; outcomes and reasons of each item, which are the same.
fn items(input: &str, is_lines: bool) -> Vec<String> {
    let alone = Home::new();
    let file = alone.file(if is_lines { "batch.jsonl" } else { "batch.json" }, input);
    let ran = alone.run(&["batch", "run", &file.to_string_lossy(), "--batch-id", "b"]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    let by_command = json_lines(&alone.run(&["batch", "results", "b"]).bytes);

    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let path = "/v1/batches?batch_id=b";
    let started = if is_lines { http.post_lines(path, input) } else { http.post(path, input) };
    assert_eq!(started.status, 202, "{}", started.text());
    assert!(until(20, || http.get("/v1/batches/b").json()["status"] != "RUNNING"));
    let by_server = json_lines(&http.get("/v1/batches/b/results").body);
    assert_eq!(by_command, by_server);
    let listed = http.list("/v1/orders", "orders").len();
    let succeeded = by_server.iter().filter(|line| line["outcome"] == "succeeded").count();
    assert_eq!(listed, succeeded);
    assert_eq!(server.stop(), Some(0));
    home.examine();
    by_server.iter().map(outcome).collect()
}

fn outcome(line: &Value) -> String {
    let outcome = line["outcome"].as_str().unwrap_or_default();
    match line["reasons"][0]["code"].as_str() {
        Some(reason) => format!("{outcome} {reason}"),
        None => outcome.to_owned(),
    }
}

#[test]
fn a_malformed_line_fails_alone() {
    let input = [&order(0), "{\"order_id\": ", &order(1), "[]", "\u{0}", "", "7", &order(2)];
    let expected = [
        "succeeded",
        "failed malformed",
        "succeeded",
        "failed malformed",
        "failed malformed",
        "failed malformed",
        "succeeded",
    ];
    assert_eq!(items(&input.join("\n"), true), expected);
}

#[test]
fn a_malformed_first_line_fails_alone() {
    for first in ["{\"order_id\": \"cut", "{broken", "[", "nothing", "{\"orders\": 7"] {
        let input = format!("{first}\n{}\n{}\n", order(0), order(1));
        assert_eq!(items(&input, true), ["failed malformed", "succeeded", "succeeded"], "{first}");
    }
}

#[test]
fn an_item_larger_than_an_order_may_be_fails_alone() {
    for bytes in [300 << 10, 3 << 20] {
        let (first, large, last) = (order(0), large(1, bytes), order(2));
        let expected = ["succeeded", "failed too_large", "succeeded"];
        assert_eq!(items(&format!("{first}\n{large}\n{last}\n"), true), expected, "{bytes}");
        for between in [",", ",\n", " ,\n  "] {
            let array = format!("[ \n {first}{between}{large}{between}{last}\n]");
            assert_eq!(items(&array, false), expected, "{bytes} {between:?}");
            let object = format!("{{\"orders\": {array}, \"metadata\": {{}}}}");
            assert_eq!(items(&object, false), expected, "{bytes} {between:?}");
        }
        let array = format!("[ \n {large}{}\n]", ",\n".to_owned() + &first);
        assert_eq!(items(&array, false), ["failed too_large", "succeeded"], "{bytes} first");
    }
}

#[test]
fn a_document_that_is_none_is_refused_and_nothing_of_it_is_done() {
    let (a, b) = (order(0), order(1));
    let documents = [
        format!("{{\"batchId\": \"b\", \"orders\": [{a}, {b}"),
        format!("{{\"batchId\": \"b\", \"orders\": [{a}, {b}]"),
        format!("[{a}, {b}"),
        format!("[{a}, {{\"order_id\": \"cut"),
        "{\"batchId\": \"b\"}".to_owned(),
        "{\"batchId\": 7, \"orders\": []}".to_owned(),
        format!("{{\"orders\": {a}}}"),
        "{\"orders\": [ }}".to_owned(),
        "[ }".to_owned(),
        format!("[{a} }}"),
        format!("{{\"orders\": [{a}}}}}"),
        "\"text\"".to_owned(),
        String::new(),
    ];
    for document in documents {
        let home = Home::new();
        let file = home.file("batch.json", &document);
        let server = home.serve();
        let mut http = server.connect();
        let answer = http.post("/v1/batches", &document);
        assert_eq!(answer.status, 400, "{document}: {}", answer.text());
        assert_eq!(http.list("/v1/orders", "orders").len(), 0, "{document}");
        assert_eq!(http.list("/v1/batches", "batches").len(), 0, "{document}");
        let left = std::fs::read_dir(home.store().join("spool")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{document}: its spooled body is still there");
        assert_eq!(server.stop(), Some(0));
        if document.starts_with('{') && document.contains("batchId") {
            let ran = home.run(&["batch", "run", &file.to_string_lossy()]);
            assert_ne!(ran.code, 0, "{document}: {}", ran.out);
            assert_eq!(home.run(&["orders", "list", "--json"]).json()["orders"][0], Value::Null);
        }
    }
}

#[test]
fn what_stands_where_an_order_should_fails_alone() {
    let input = format!("[{}, 7, \"text\", null, [], {{}}, {}]", order(0), order(1));
    let outcomes = items(&input, false);
    assert_eq!(outcomes.len(), 7, "{outcomes:?}");
    assert_eq!((&*outcomes[0], &*outcomes[6]), ("succeeded", "succeeded"));
    assert!(outcomes[1..6].iter().all(|outcome| outcome.starts_with("failed")), "{outcomes:?}");
}
