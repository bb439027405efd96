//! Dead letters over the real process: a file's bad lines are found, mended and taken in; many are
//! ended whatever is killed meanwhile, each once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Chance, Home, Http, until};

/// A batch of lines without items, which are no orders.
fn bad_lines(count: usize) -> String {
    let line = |n| format!("{{\"order_id\":\"o-{n}\",\"customerId\":\"c\",\"items\":[]}}\n");
    (0..count).map(line).collect()
}

fn sent(http: &mut Http, count: usize) {
    let begun = http.post_lines("/v1/batches?batch_id=bad", bad_lines(count));
    assert_eq!(begun.status, 202, "{}", begun.text());
    assert!(until(20, || http.get("/v1/batches/bad").json()["status"] != "RUNNING"));
}

fn open(http: &mut Http) -> usize {
    http.list("/v1/dead-letters", "dead_letters").len()
}

#[test]
fn a_bad_line_of_a_file_is_listed_mended_and_taken_in_and_its_letter_ends() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let rows = "order_id;customerId;sku;quantity;price\n1;c;PEN;2;1,50\n2;c;PEN;x;1,50\n";
    let put = http.call("PUT", "/v1/files/june.csv", "text/csv", rows.as_bytes());
    assert_eq!(put.expect("the server answers").status, 202);
    assert!(until(20, || open(&mut http) == 1));
    let listed = home.run(&["dlq", "list", "--kind", "item", "--json"]);
    let letter = listed.json()["dead_letters"][0].clone();
    assert_eq!((&letter["order_id"], &letter["reason"]), (&"2".into(), &"not_a_number".into()));
    let id = letter["id"].as_str().expect("a letter has an id");
    let shown = home.run(&["dlq", "show", id]);
    assert!(shown.out.contains("2;c;PEN;x;1,50"), "{}", shown.out);

    let same = home.run(&["dlq", "redrive", id]);
    assert_eq!(same.code, 3, "what was wrong is wrong still: {}", same.err);
    let mended = json!({"order_id": "2", "customerId": "c",
        "items": [{"sku": "PEN", "quantity": 2, "price": "1.50"}]});
    let file = home.file("mended.json", mended.to_string());
    let file = file.to_str().expect("a path");
    let redriven = home.run(&["dlq", "redrive", id, "--payload", file, "--json"]).json();
    assert_eq!(redriven["settled"]["how"], "redriven");
    assert_eq!(redriven["order"]["total"], "3.00");
    assert_eq!(home.run(&["dlq", "redrive", id, "--payload", file]).code, 3, "once is enough");
    assert_eq!(http.get("/v1/orders/2").json()["total"], "3.00");
    assert_eq!(open(&mut http), 0);
    assert_eq!(home.run(&["dlq", "purge"]).code, 2, "which is not said");
    drop(server);
    home.examine();
}

#[test]
fn killed_while_many_letters_are_redriven_it_goes_on_and_each_ends_once() {
    const LETTERS: usize = 120;
    let (home, mut chance) = (Home::new(), Chance::new("killed_redrive"));
    let server = home.serve();
    let mut http = server.connect();
    sent(&mut http, LETTERS);
    assert_eq!(open(&mut http), LETTERS);
    let mut killed = Some((server, http));
    let target = {
        let (_, http) = killed.as_mut().expect("a server");
        let begun = http.call("DELETE", "/v1/dead-letters?batch_id=bad", "", b"");
        let begun = begun.expect("the server answers");
        assert_eq!(begun.status, 202, "{}", begun.text());
        begun.json()["links"]["self"].as_str().expect("an address").to_owned()
    };
    std::thread::sleep(Duration::from_millis(chance.of(0..60)));
    if let Some((server, _)) = killed.take() {
        server.kill();
    }
    let server = home.serve();
    let mut http = server.connect();
    assert!(until(20, || http.get(&target).json()["status"] == "DONE"));
    let swept = http.get(&target).json();
    assert_eq!([&swept["settled"], &swept["failed"]], [&json!(LETTERS), &json!(0)], "{swept}");
    assert_eq!(open(&mut http), 0);
    let changes = http.get("/v1/changes?limit=10000").text();
    let ends = changes.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ends = ends.filter(|change| change["kind"] == "dead_letter_settled");
    assert_eq!(ends.count(), LETTERS, "each ended once");
    drop(server);
    home.examine();
}
