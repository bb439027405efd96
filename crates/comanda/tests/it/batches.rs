//! What batches promise, over HTTP and by command.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Answer, Home, Http, json_lines, priced_order, run_with_input, simple_order, until,
};

/// `count` orders of one unit at 1.50, as JSON Lines.
fn lines(count: usize) -> String {
    (0..count).map(|n| priced_order(&format!("o{n}"), "PEN", "1.50") + "\n").collect()
}

/// Posts a batch and waits until it has ended; the batch.
fn done(http: &mut Http, started: &Answer) -> Value {
    assert_eq!(started.status, 202, "{}", started.text());
    let id = started.json()["batch_id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/batches/{id}");
    assert!(until(30, || http.get(&path).json()["status"] != "RUNNING"), "{id} does not end");
    http.get(&path).json()
}

/// Outcomes of a batch: succeeded, failed, skipped.
fn outcomes(batch: &Value) -> [u64; 3] {
    let counts = batch.get("item_counts").unwrap_or(&batch["items"]);
    ["succeeded", "failed", "skipped"].map(|name| counts[name].as_u64().unwrap_or(u64::MAX))
}

#[test]
fn a_document_brings_its_id_metadata_and_rules() {
    let home = Home::new();
    let server = home.serve();
    let rule = json!({
        "id": "tenth", "priority": 1, "when": "batch.metadata.region == 'sul'",
        "effect": {"type": "line_percentage_off", "percent": "10"},
    });
    let order = |id: &str| serde_json::from_str::<Value>(&priced_order(id, "PEN", "20.00"));
    let document = json!({
        "batchId": "with-rules",
        "metadata": {"region": "sul", "wave": 3},
        "pricingRules": {"rules": [rule]},
        "orders": [order("o1").expect("JSON"), order("o2").expect("JSON")],
    });
    let mut http = server.connect();
    let started = http.post("/v1/batches", document.to_string());
    let batch = done(&mut http, &started);
    assert_eq!((&batch["batch_id"], &batch["status"]), (&"with-rules".into(), &"SUCCEEDED".into()));
    assert_eq!(batch["metadata"], document["metadata"]);
    assert_eq!(outcomes(&batch), [2, 0, 0]);
    assert_eq!(http.get("/v1/orders/o1").json()["total"], "18.00");
    let summary = http.get("/v1/batches/with-rules/summary").json();
    let totals =
        json!({"gross": "40.00", "discounts": "-4.00", "surcharges": "0.00", "net": "36.00"});
    assert_eq!(summary["totals"], totals, "{summary:#}");
    assert_eq!(summary["by_rule"][0]["rule"], "tenth");
    // The rules were that batch's own.
    http.post("/v1/orders", priced_order("o3", "PEN", "20.00"));
    assert_eq!(http.get("/v1/orders/o3").json()["total"], "20.00");
}

#[test]
fn lines_documents_and_standard_input_come_to_the_same() {
    let orders: Vec<Value> = json_lines(lines(50).as_bytes());
    let whole = Value::from(orders.clone()).to_string();
    let object = json!({"orders": orders}).to_string();
    let windows = format!("\u{feff}{}", lines(50).replace('\n', "\r\n"));
    for (kind, input) in
        [("lines", lines(50)), ("array", whole), ("object", object), ("bom", windows)]
    {
        let home = Home::new();
        let mut command = home.comanda();
        command.args(["batch", "run", "-", "--batch-id", "b", "--json"]);
        let ran = run_with_input(&mut command, input.as_bytes());
        assert_eq!(ran.code, 0, "{kind}: {}", ran.err);
        assert_eq!(outcomes(&ran.json()), [50, 0, 0], "{kind}: {}", ran.out);
        assert_eq!(ran.json()["totals"]["net"], "75.00", "{kind}");
    }
}

#[test]
fn the_same_id_is_a_repetition_with_the_same_content_and_refused_with_other_content() {
    let home = Home::new();
    let (file, other) = (home.file("a", lines(20)), home.file("b", lines(21)));
    let (file, other) = (file.to_string_lossy(), other.to_string_lossy());
    let by_command = |file: &str| home.run(&["batch", "run", file, "--batch-id", "b", "--json"]);
    let (first, again, refused) = (by_command(&file), by_command(&file), by_command(&other));
    assert_eq!((first.code, again.code, refused.code), (0, 0, 3), "{}", refused.err);
    assert_eq!(first.json(), again.json());
    let shorter = home.file("c", lines(19));
    assert_eq!(by_command(&shorter.to_string_lossy()).code, 3);

    let server = home.serve();
    let mut http = server.connect();
    let again = http.post_lines("/v1/batches?batch_id=b", lines(20));
    assert_eq!(outcomes(&done(&mut http, &again)), [20, 0, 0]);
    let refused = http.post_lines("/v1/batches?batch_id=b", lines(21));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(by_command(&file).json()["items"], first.json()["items"], "asked of the server");
    assert_eq!(by_command(&other).code, 3, "asked of the server");
    assert_eq!(http.list("/v1/orders", "orders").len(), 20);
}

#[test]
fn an_empty_batch_is_done_at_once_and_its_id_is_not_free_for_other_content() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    for (id, empty) in [("none", ""), ("blank", "\n\n")] {
        let path = format!("/v1/batches?batch_id={id}");
        let started = http.post_lines(&path, empty);
        let batch = done(&mut http, &started);
        assert_eq!((&batch["status"], outcomes(&batch)), (&"SUCCEEDED".into(), [0; 3]), "{id}");
        assert_eq!(http.post_lines(&path, empty).status, 202, "{id}");
        let other = http.post_lines(&path, lines(3));
        assert_eq!(other.status, 409, "{id}: {}", other.text());
    }
    let document = http.post("/v1/batches", "{\"batchId\": \"d\", \"orders\": []}");
    assert_eq!(outcomes(&done(&mut http, &document)), [0; 3]);
}

#[test]
fn a_dry_run_changes_nothing_and_comes_to_what_the_real_run_comes_to() {
    let home = Home::new();
    let stock = "{\"merchant_id\": \"default\", \"sku\": \"PEN\", \"on_hand\": 30}\n";
    let stock = home.file("stock", stock);
    assert_eq!(home.run(&["stock", "import", &stock.to_string_lossy()]).code, 0);
    let input =
        lines(40) + &lines(2) + "{\"order_id\": \"x\"}\n" + &simple_order("u", "CUP", 2) + "\n";
    let file = home.file("batch", input);
    let file = file.to_string_lossy();
    let run = |more: &[&str]| {
        let ran =
            home.run(&[&["batch", "run", &*file, "--batch-id", "b", "--json"], more].concat());
        assert_eq!(ran.code, 0, "{more:?}: {}", ran.err);
        let mut summary = ran.json();
        let fields = summary.as_object_mut().expect("an object");
        fields.retain(|name, _| !name.ends_with("_at") && name != "orders_per_second");
        summary
    };
    let counters = || home.run(&["stock", "list", "--json"]).json();
    let before = counters();
    let by_itself = run(&["--dry-run"]);
    let server = home.serve();
    let by_server = run(&["--dry-run"]);
    assert_eq!(server.connect().list("/v1/orders", "orders").len(), 0);
    assert_eq!(server.connect().get("/v1/changes?after=").status, 400);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(counters(), before);
    assert_eq!(home.run(&["batch", "list", "--json"]).json()["batches"], json!([]));
    let real = run(&[]);
    assert_eq!(outcomes(&real), [41, 1, 2], "{real:#}");
    assert_eq!(real["shortages"][0]["missing"], 10, "{real:#}");
    assert_eq!(by_itself, real);
    assert_eq!(by_server, real);
}

#[test]
fn more_failures_than_tolerated_fail_the_batch_and_keep_what_is_done() {
    let broken = |every: usize, count: usize| -> String {
        let line = |n| match every - 1 - n % every {
            0 => "{\"order_id\": \"broken\"}\n".to_owned(),
            _ => priced_order(&format!("o{n}"), "PEN", "1.50") + "\n",
        };
        (0..count).map(line).collect()
    };
    let cases = [
        (broken(10, 4_000), "tolerated_failure_count=20", true),
        (broken(10, 4_000), "tolerated_failure_count=400", false),
        (broken(10, 4_000), "tolerated_failure_percentage=9", true),
        (broken(10, 4_000), "tolerated_failure_percentage=10", false),
        (broken(3, 30), "tolerated_failure_percentage=20", true),
        (broken(10, 4_000), "tolerated_failure_count=0", true),
    ];
    for (input, tolerance, fails) in cases {
        let home = Home::new();
        let server = home.serve();
        let mut http = server.connect();
        let path = format!("/v1/batches?batch_id=b&max_concurrency=100&{tolerance}");
        let started = http.post_lines(&path, &input);
        let batch = done(&mut http, &started);
        let expected = if fails { "FAILED" } else { "SUCCEEDED" };
        assert_eq!(batch["status"], expected, "{tolerance}: {batch:#}");
        let [succeeded, failed, _] = outcomes(&batch);
        let listed = http.list("/v1/orders", "orders").len() as u64;
        assert_eq!(listed, succeeded, "{tolerance}: what is done stays done, and no more");
        let results = json_lines(&http.get("/v1/batches/b/results").body);
        assert_eq!(results.len() as u64, succeeded + failed, "{tolerance}");
        let all = input.lines().count() as u64;
        match fails && all > 30 {
            // No more than is in flight at once is taken behind the last failure tolerated.
            true => assert!(succeeded + failed < all, "{tolerance}: {batch:#}"),
            false => assert_eq!(succeeded + failed, all, "{tolerance}: {batch:#}"),
        }
        if let Some(reason) = fails.then(|| batch["reason"].as_str()) {
            assert!(reason.is_some(), "{tolerance}: {batch:#}");
        }
        let name =
            format!("--{}", tolerance.split('=').next().unwrap_or_default()).replace('_', "-");
        let (_, number) = tolerance.split_once('=').expect("name and number");
        let alone = Home::new();
        let file = alone.file("batch", &input);
        let ran = alone.run(&["batch", "run", &file.to_string_lossy(), &name, number]);
        assert_eq!(ran.code, i32::from(fails), "{name} {number}: {}", ran.err);
        assert_eq!(server.stop(), Some(0));
        home.examine();
    }
}

#[test]
fn a_stopped_batch_keeps_what_is_done_and_goes_on_when_it_is_sent_again() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let path = "/v1/batches?batch_id=b&max_concurrency=1";
    let started = http.post_lines(path, lines(20_000));
    assert_eq!(started.status, 202, "{}", started.text());
    let some = || http.get("/v1/batches/b").json()["item_counts"]["succeeded"] != 0;
    assert!(until(10, some));
    let stopped = http.post("/v1/batches/b/stop", "");
    assert_eq!(stopped.status, 202, "{}", stopped.text());
    let batch = http.get("/v1/batches/b").json();
    assert_eq!(batch["status"], "ABORTED", "{batch:#}");
    let [first, failed, skipped] = outcomes(&batch);
    assert!((1..20_000).contains(&first) && failed + skipped == 0, "{batch:#}");
    assert_eq!(http.list("/v1/orders", "orders").len() as u64, first);
    assert_eq!(http.post("/v1/batches/b/stop", "").status, 409, "it does not run any more");

    let again = http.post_lines("/v1/batches?batch_id=b&max_concurrency=16", lines(20_000));
    assert_eq!(again.status, 202, "{}", again.text());
    server.kill();

    let server = home.serve();
    let mut http = server.connect();
    let batch = done(&mut http, &again);
    assert_eq!((&batch["status"], outcomes(&batch)), (&"SUCCEEDED".into(), [20_000, 0, 0]));
    let results = json_lines(&http.get("/v1/batches/b/results").body);
    let indices: Vec<_> = results.iter().filter_map(|line| line["index"].as_u64()).collect();
    assert_eq!(indices, (0..20_000).collect::<Vec<_>>());
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_redrive_takes_the_failed_items_and_no_others() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let input = lines(10) + "{\"order_id\": \"no-items\"}\nno JSON\n" + &lines(3);
    let started = http.post_lines("/v1/batches?batch_id=b", input);
    assert_eq!(outcomes(&done(&mut http, &started)), [10, 2, 3]);
    for name in ["b.redrive-1", "b.redrive-2"] {
        let redriven = http.post("/v1/batches/b/redrive", "");
        assert_eq!(redriven.json()["batch_id"], name, "{}", redriven.text());
        assert_eq!(outcomes(&done(&mut http, &redriven)), [0, 2, 0]);
    }
    let reasons = |batch: &str, http: &mut Http| {
        let lines = json_lines(&http.get(&format!("/v1/batches/{batch}/results")).body);
        let failed = lines.iter().filter(|line| line["outcome"] == "failed");
        failed.map(|line| line["reasons"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(reasons("b", &mut http), reasons("b.redrive-1", &mut http));
    assert_eq!(http.list("/v1/orders", "orders").len(), 10);
    assert_eq!(http.post("/v1/batches/unknown/redrive", "").status, 404);
}

#[test]
fn one_item_at_a_time_is_enough() {
    let home = Home::new();
    let file = home.file("batch", lines(300));
    let file = file.to_string_lossy();
    let ran = home.run(&["batch", "run", &file, "--max-concurrency", "1", "--json"]);
    assert_eq!((ran.code, outcomes(&ran.json())), (0, [300, 0, 0]), "{}", ran.err);
    assert_eq!(home.run(&["batch", "run", &file, "--max-concurrency", "0"]).code, 2);
}

#[test]
fn one_batch_posted_from_many_sides_at_once_is_run_once() {
    let home = Home::new();
    let server = home.serve();
    for round in 0..5 {
        let id = format!("same-{round}");
        let order = |n| priced_order(&format!("r{round}-{n}"), "PEN", "1.50") + "\n";
        let input: String = (0..200).map(order).collect();
        let path = format!("/v1/batches?batch_id={id}&max_concurrency=8");
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let send = || scope.spawn(|| server.connect().post_lines(&path, &input).status);
            let sending: Vec<_> = (0..6).map(|_| send()).collect();
            sending.into_iter().map(|s| s.join().expect("an answer")).collect()
        });
        // Busy is who comes while the first is being put on record.
        assert!(statuses.contains(&202), "{statuses:?}");
        assert!(statuses.iter().all(|s| matches!(s, 202 | 503)), "{statuses:?}");
        // Busy once more is who comes at the very moment the first run ends.
        let mut other = server.connect().post_lines(&path, lines(3));
        for _ in 0..100 {
            if other.status != 503 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
            other = server.connect().post_lines(&path, lines(3));
        }
        assert_eq!(other.status, 409, "{}", other.text());
        let mut http = server.connect();
        let path = format!("/v1/batches/{id}");
        assert!(until(20, || http.get(&path).json()["status"] != "RUNNING"));
        let batch = http.get(&path).json();
        assert_eq!(outcomes(&batch), [200, 0, 0], "{statuses:?} {batch:#}");
        let results = json_lines(&http.get(&format!("{path}/results")).body);
        assert_eq!(results.len(), 200, "each item once");
    }
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_batch_beside_a_server_is_run_by_that_server() {
    let home = Home::new();
    let server = home.serve();
    let file = home.file("batch", lines(100) + "broken\n");
    let results = home.path("results");
    let ran = home.run(&[
        "batch",
        "run",
        &file.to_string_lossy(),
        "--json",
        "--results",
        &results.to_string_lossy(),
        "--batch-id",
        "b",
    ]);
    assert_eq!((ran.code, outcomes(&ran.json())), (0, [100, 1, 0]), "{}", ran.err);
    let mut http = server.connect();
    assert_eq!(outcomes(&http.get("/v1/batches/b").json()), [100, 1, 0]);
    let written = std::fs::read(results).expect("results are written");
    assert_eq!(json_lines(&written).len(), 101);
    assert_eq!(home.run(&["batch", "results", "b"]).bytes, written);
    let shown = home.run(&["batch", "show", "b", "--json"]);
    assert_eq!(shown.json()["items"], ran.json()["items"]);
    assert_eq!(home.run(&["batch", "stop", "b"]).code, 3, "it has ended");
    let redriven = home.run(&["batch", "redrive", "b"]);
    assert_eq!(redriven.code, 0, "{}", redriven.err);
}
