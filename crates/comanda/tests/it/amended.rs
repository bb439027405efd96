//! Orders that are amended and called off: by commands, by documents of a batch, and again after
//! the process was killed.

use serde_json::{Value, json};

use crate::support::{Home, json_lines, simple_order};

/// A document that asks for something else than a new order.
fn asks(id: &str, status: &str, quantity: u64) -> String {
    let order = simple_order(id, "PEN", quantity);
    let mut order: Value = serde_json::from_str(&order).expect("JSON");
    order["order_status"] = status.into();
    order.to_string()
}

#[test]
fn documents_of_a_batch_amend_and_cancel_and_fail_each_alone() {
    let home = Home::new();
    let lines = [
        simple_order("a", "PEN", 2),
        asks("a", "Alterar Pedido", 3),
        asks("nobody", "PedidoAlterado", 3),
        asks("a", "Cancela Pedido", 1),
        asks("a", "PedidoCancelado", 1),
        simple_order("a", "PEN", 2),
        simple_order("b", "PEN", 1),
    ];
    let file = home.file("orders.jsonl", lines.join("\n"));
    let file = file.to_string_lossy();
    let dry = home.run(&["batch", "run", &file, "--batch-id", "b", "--dry-run", "--json"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    let ran = home.run(&["batch", "run", &file, "--batch-id", "b", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let results = json_lines(&home.run(&["batch", "results", "b"]).bytes);
    let told = results.iter().map(|line| {
        let word = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
        let reason = line["reasons"][0]["code"].as_str().unwrap_or("-");
        format!("{} {} {} {reason}", word("outcome"), word("command"), word("status"))
    });
    let expected = [
        "succeeded - COMPLETED -",
        "succeeded amend COMPLETED -",
        "failed amend - unknown_order",
        "succeeded cancel CANCELLED -",
        "failed cancel - wrong_state",
        "skipped - - duplicate",
        "succeeded - COMPLETED -",
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    let shown = home.run(&["orders", "show", "a", "--json"]).json();
    assert_eq!((&shown["status"], &shown["revision"]), (&json!("CANCELLED"), &json!(2)));
    assert_ne!(home.run(&["orders", "show", "nobody"]).code, 0);
    home.examine();
}

#[test]
fn an_order_is_amended_and_cancelled_from_the_command_line() {
    let home = Home::new();
    let order = home.file("order.json", simple_order("a", "PEN", 2));
    assert_eq!(home.run(&["orders", "place", &order.to_string_lossy()]).code, 0);
    let patch = home.file("patch.json", r#"{"notes": "ring twice"}"#);
    let amended = home.run(&["orders", "amend", "a", &patch.to_string_lossy(), "--json"]);
    assert_eq!((amended.code, &amended.json()["revision"]), (0, &json!(2)), "{}", amended.err);
    let wrong = home.file("wrong.json", r#"{"items": []}"#);
    let refused = home.run(&["orders", "amend", "a", &wrong.to_string_lossy()]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    let cancelled = home.run(&["orders", "cancel", "a", "--reason", "too late", "--json"]);
    assert_eq!(cancelled.json()["status"], "CANCELLED");
    assert_eq!(home.run(&["orders", "cancel", "a"]).code, 3);
    let shown = home.run(&["orders", "show", "a", "--json"]).json();
    let events = shown["history"].as_array().expect("a history").iter();
    let cancelled = events.clone().find(|event| event["event"] == "cancelled");
    assert_eq!(cancelled.expect("it was cancelled")["details"]["reason"], "too late");
    assert_eq!(shown["document"]["notes"], "ring twice");
    home.examine();
}

#[test]
fn what_was_answered_under_a_key_is_answered_so_after_a_kill() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let adjusted = http.post("/v1/stock/PEN/adjustments", r#"{"on_hand": 9}"#);
    assert_eq!(adjusted.status, 200);
    http.headers = "idempotency-key: k-1\r\n".to_owned();
    let sent: [(&str, &str, String); 4] = [
        ("POST", "/v1/orders", simple_order("a", "PEN", 2)),
        ("PATCH", "/v1/orders/a", json!({"notes": "x"}).to_string()),
        ("POST", "/v1/orders/a/cancel", String::new()),
        ("POST", "/v1/stock/PEN/adjustments", json!({"delta": -4}).to_string()),
    ];
    let send = |http: &mut crate::support::Http| {
        let call = |(method, path, body): &(&str, &str, String)| {
            let answer = http.call(method, path, "application/json", body.as_bytes());
            let answer = answer.expect("an answer");
            (answer.status, answer.text())
        };
        sent.iter().map(call).collect::<Vec<_>>()
    };
    let first = send(&mut http);
    let statuses: Vec<u16> = first.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [202, 200, 200, 200]);
    assert_eq!(send(&mut http), first);
    server.kill();
    let server = home.serve();
    let mut http = server.connect();
    http.headers = "idempotency-key: k-1\r\n".to_owned();
    assert_eq!(send(&mut http), first);
    let other = http.post("/v1/orders", simple_order("b", "PEN", 2));
    assert_eq!(other.status, 422, "{}", other.text());
    let stock = http.get("/v1/stock/PEN").json();
    assert_eq!((&stock["on_hand"], &stock["reserved"]), (&json!(5), &json!(0)));
    assert_eq!(server.stop(), Some(0));
    home.examine();
}
