//! SQL over a real store: an order is in the answer once it is answered itself, and once only; with
//! a server, without one, after a kill.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Home, Http, priced_order, run_with_input};

fn ask(http: &mut Http, sql: &str) -> Value {
    let answer = http.post("/v1/query", json!({"sql": sql}).to_string());
    assert_eq!(answer.status, 200, "{sql}: {}", answer.text());
    serde_json::from_str(&answer.text()).expect("an answer is JSON")
}

const SUMS: &str = "SELECT count(*), sum(total) FROM orders";

#[test]
fn an_order_is_in_the_answer_as_soon_as_it_is_answered_and_once() {
    let home = Home::new();
    let server = home.serve_with(&[]);
    let mut http = server.connect();
    for n in 1..=40 {
        let order = priced_order(&format!("q-{n}"), "PEN", "2.50");
        assert_eq!(http.post("/v1/orders", order).status, 202);
        let cents = n * 25_000;
        let total = format!("{}.{:04}", cents / 10_000, cents % 10_000);
        assert_eq!(ask(&mut http, SUMS)["rows"], json!([[n, total]]));
    }
    for n in 1..=10 {
        assert_eq!(http.post(&format!("/v1/orders/q-{n}/cancel"), "").status, 200);
    }
    let by_status = "SELECT status, count(*) FROM orders GROUP BY status ORDER BY status";
    let rows = json!([["CANCELLED", 10], ["COMPLETED", 30]]);
    assert_eq!(ask(&mut http, by_status)["rows"], rows);
    server.kill();

    // A command that opens the store brings the tables up to date by itself.
    let here = home.run(&["sql", by_status, "--json"]);
    assert_eq!(here.code, 0, "{}", here.err);
    assert_eq!(here.json()["rows"], rows);

    // Whatever of it is in files by now and whatever is in memory: the same answer.
    let server = home.serve_with(&[]);
    let mut http = server.connect();
    assert_eq!(ask(&mut http, by_status)["rows"], rows);
    let order = priced_order("q-41", "PEN", "2.50");
    assert_eq!(http.post("/v1/orders", order).status, 202);
    assert_eq!(http.post("/v1/orders/q-40/cancel", "").status, 200);
    let rows = json!([["CANCELLED", 11], ["COMPLETED", 30]]);
    assert_eq!(ask(&mut http, by_status)["rows"], rows);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_command_prints_keeps_and_refuses() {
    let home = Home::new();
    let server = home.serve_with(&[]);
    let mut http = server.connect();
    for n in 1..=3 {
        let order = priced_order(&format!("c-{n}"), "INK", "1.05");
        assert_eq!(http.post("/v1/orders", order).status, 202);
    }
    let sql = "SELECT order_id, total FROM orders ORDER BY order_id";
    let csv = home.run(&["sql", sql, "--format", "csv"]);
    assert_eq!(
        (csv.code, csv.out.as_str()),
        (0, "order_id,total\r\nc-1,1.0500\r\nc-2,1.0500\r\nc-3,1.0500\r\n")
    );
    let table = home.run(&["sql", sql, "--rows", "2"]);
    assert!(table.out.contains("c-2") && !table.out.contains("c-3"), "{}", table.out);
    assert!(table.out.contains("there are more"), "{}", table.out);
    let from_input =
        run_with_input(home.comanda().args(["sql", "-", "--format", "csv"]), sql.as_bytes());
    assert_eq!(from_input.out, csv.out);
    let file = home.file("statement.sql", sql);
    let from_file = home.run(&["sql", "--file", &file.to_string_lossy(), "--format", "csv"]);
    assert_eq!(from_file.out, csv.out);

    let out = home.path("orders.parquet");
    let kept = home.run(&["sql", sql, "--format", "parquet", "--out", &out.to_string_lossy()]);
    assert_eq!(kept.code, 0, "{}", kept.err);
    let bytes = fs::read(&out).expect("it is there");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));

    let lost = home.path("lost.csv");
    let lost_path = lost.to_string_lossy();
    let wrong = ["sql", "SELECT totl FROM orders", "--format", "csv", "--out", &lost_path];
    let wrong = home.run(&wrong);
    assert_eq!(wrong.code, 3);
    assert!(wrong.err.contains("totl") && wrong.err.contains("(1:8)"), "{}", wrong.err);
    assert!(!lost.exists(), "a refused statement leaves no file");
    let late = "SELECT sum(value) FROM generate_series(1, 1000000000000)";
    let late = home.run(&["sql", late, "--timeout", "1"]);
    assert_eq!(late.code, 3);
    assert!(late.err.contains("longer than 1 s"), "{}", late.err);
    assert_eq!(home.run(&["sql"]).code, 2);
    assert_eq!(server.stop(), Some(0));
}
