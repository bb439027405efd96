//! The lake of a real server: killed, in a bucket, beside a restored store.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Decimal128Type;
use futures_util::StreamExt;
use lake::snapshot::Files;
use lake::{compact, store};
use serde_json::{Value, json};

use crate::support::{Aws, Chance, Home, Server, document, priced_order, until};

const BUCKET: &str = "lake";
/// How long a test waits for what is to come.
const PATIENCE_S: u64 = 20;

/// Orders by seller and id: their state, and their total in ten-thousandths.
type Orders = BTreeMap<(String, String), (String, i128)>;

/// The newest versions of orders in the files of a lake; none may be there twice.
fn in_files(folder: &Path) -> Orders {
    let objects = connectors::place::folder(folder).expect("the lake is there");
    let files = Files { store: objects.store, root: objects.prefix };
    let mut orders = Orders::new();
    pollster::block_on(async {
        let committed = store::open(&files).await.expect("it opens");
        for (segment, superseded) in committed.manifest.segments.iter().zip(&committed.superseded) {
            let Some(file) = segment.files.get("orders") else { continue };
            let mut rows =
                compact::read(&files, file).await.expect("a file that is named is there");
            while let Some(batch) = rows.next().await {
                let batch = batch.expect("it is sound");
                let text = |name: &str| batch.column_by_name(name).expect(name).as_string::<i32>();
                let totals = batch.column_by_name("total").expect("total");
                let totals = totals.as_primitive::<Decimal128Type>();
                let sequences = lake::rows::sequences(&batch).expect("sequences");
                for (row, sequence) in sequences.iter().enumerate() {
                    let sequence = *sequence as u64;
                    if superseded.as_ref().is_some_and(|set| set.contains(sequence)) {
                        continue;
                    }
                    let key = ["merchant_id", "order_id"].map(|name| text(name).value(row));
                    let total = if totals.is_null(row) { 0 } else { totals.value(row) };
                    let found = (text("status").value(row).to_owned(), total);
                    let before = orders.insert((key[0].into(), key[1].into()), found);
                    assert_eq!(before, None, "{key:?} is there twice");
                }
            }
        }
    });
    orders
}

/// The same, as the API has it.
fn in_ledger(server: &Server) -> Orders {
    let (mut http, mut orders) = (server.connect(), Orders::new());
    let mut target = "/v1/orders?limit=1000".to_owned();
    loop {
        let page = http.get(&target).json();
        for order in page["orders"].as_array().expect("orders") {
            let text = |name: &str| order[name].as_str().unwrap_or_default().to_owned();
            let found = (text("status"), ten_thousandths(order["total"].as_str().unwrap_or("0")));
            orders.insert((text("merchant_id"), text("order_id")), found);
        }
        let Some(next) = page["next_cursor"].as_str() else { return orders };
        target = format!("/v1/orders?limit=1000&cursor={next}");
    }
}

fn ten_thousandths(amount: &str) -> i128 {
    let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
    format!("{whole}{decimals:0<4}").parse().expect("an amount")
}

/// What is said of the lake.
fn told(server: &Server) -> Value {
    let list = server.connect().get("/v1/followers").json();
    let rows = list["followers"].as_array().expect("followers");
    rows.iter().find(|row| row["name"] == "lake").expect("the lake is one of them").clone()
}

/// Whether everything is in files.
fn is_done(server: &Server) -> bool {
    told(server)["lag"]["changes"] == 0
}

#[test]
fn a_server_killed_again_and_again_has_every_order_once_in_the_files_of_its_lake() {
    let home = Home::new();
    home.furnish();
    let mut chance = Chance::new("lake");
    let mut next = 0;
    for _ in 0..6 {
        let server = home.serve_with(&["--set", "lake.flush_s=1"]);
        let mut http = server.connect();
        for n in next..next + 120 {
            assert_eq!(http.post("/v1/orders", document(n)).status, 202);
            if n % 3 == 0 {
                let id = crate::support::order_id(n);
                let shown = http.get(&format!("/v1/orders/{id}")).json();
                let target = format!("{}/cancel", shown["links"]["self"].as_str().expect("a link"));
                // Whatever state it is in: history all the same.
                http.post(&target, r#"{"reason": "changed their mind"}"#);
            }
        }
        next += 120;
        std::thread::sleep(std::time::Duration::from_millis(chance.of(0..1_500)));
        server.kill();
    }
    let server = home.serve_with(&["--set", "lake.flush_s=1"]);
    assert!(until(PATIENCE_S, || is_done(&server)), "{:#}", told(&server));
    let (ledger, files) = (in_ledger(&server), in_files(&home.store().join("lake")));
    assert_eq!(ledger.len(), 720);
    assert_eq!(files, ledger);
    let metrics = server.connect().get("/metrics").text();
    assert!(metrics.contains("comanda_lake_flushes_total "), "{metrics}");
    assert_eq!(server.stop(), Some(0));

    let status = home.run(&["lake", "status", "--json"]).json();
    assert!(status["tables"][0]["rows"].as_u64().is_some_and(|rows| rows >= 720), "{status:#}");
    let rebuilt = home.run(&["lake", "rebuild", "--json"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.err);
    assert!(rebuilt.json()["removed"].as_u64().is_some_and(|files| files > 0), "{rebuilt:?}");
    assert_eq!(in_files(&home.store().join("lake")), ledger, "made anew it is the same");
    home.examine();
}

#[test]
fn a_store_of_before_its_lake_says_so_and_has_it_made_anew() {
    let home = Home::new();
    let server = home.serve_with(&["--set", "lake.flush_s=1"]);
    let place = |server: &Server, id: &str| {
        let order = priced_order(id, "PEN", "1.50");
        assert_eq!(server.connect().post("/v1/orders", order).status, 202);
    };
    place(&server, "o-1");
    let copy = home.path("copy");
    assert_eq!(home.run(&["backup", &copy.to_string_lossy()]).code, 0);
    place(&server, "o-2");
    assert!(until(PATIENCE_S, || is_done(&server)), "{:#}", told(&server));
    assert_eq!(server.stop(), Some(0));

    // The lake is no part of a backup; one that is elsewhere is newer than what is restored.
    let (restored, lake) = (Home::new(), home.store().join("lake"));
    let ran = restored.run(&["restore", &copy.to_string_lossy()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(!restored.store().join("lake").exists());
    let elsewhere = format!("lake.url=file://{}", lake.display());
    let arguments = ["--set", &elsewhere, "--set", "lake.flush_s=1"];
    let server = restored.serve_with(&arguments);
    let is_refused = || told(&server)["state"] == "damaged";
    assert!(until(PATIENCE_S, is_refused), "{:#}", told(&server));
    let why = told(&server)["problem"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("comanda lake rebuild"), "{why}");
    let ready = server.connect().get("/ready");
    assert_eq!((ready.status, &ready.json()["degraded"][0]["follower"]), (200, &json!("lake")));
    place(&server, "o-3");
    let refused = restored.run(&["lake", "rebuild", "--set", &elsewhere]);
    assert!(refused.code != 0 && refused.err.contains("stop it first"), "{refused:?}");
    assert_eq!(server.stop(), Some(0));
    let rebuilt = restored.run(&["lake", "rebuild", "--set", &elsewhere]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.err);
    let server = restored.serve_with(&arguments);
    assert!(until(PATIENCE_S, || is_done(&server)), "{:#}", told(&server));
    assert_eq!(in_files(&lake), in_ledger(&server));
    assert_eq!(in_files(&lake).len(), 2);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_bucket_that_is_away_holds_the_lake_and_nothing_else_and_all_is_there_in_the_end() {
    let (mut aws, home) = (Aws::start(), Home::new());
    aws.call("s3", "create_bucket", json!({"Bucket": BUCKET}));
    let text = format!(
        "[lake]\nurl = \"s3://{BUCKET}/one\"\nendpoint = \"{}\"\naccess_key = \"{}\"\n\
         secret_key = \"{}\"\nflush_s = 1\n",
        aws.url, aws.key, aws.secret
    );
    let config = home.file("lake.toml", text).to_string_lossy().into_owned();
    let server = home.serve_with(&["--config", &config]);
    let mut http = server.connect();
    let mut place = |id: &str| {
        assert_eq!(http.post("/v1/orders", priced_order(id, "PEN", "1.50")).status, 202);
    };
    place("o-1");
    assert!(until(PATIENCE_S, || is_done(&server)), "{:#}", told(&server));
    aws.down();
    place("o-2");
    assert!(until(PATIENCE_S, || told(&server)["state"] == "held"), "{:#}", told(&server));
    assert_eq!(server.connect().get("/ready").status, 200);
    place("o-3");
    aws.up();
    assert!(until(PATIENCE_S, || is_done(&server)), "{:#}", told(&server));
    assert_eq!(server.stop(), Some(0));
    let status = home.run(&["--config", &config, "lake", "status", "--json"]).json();
    assert_eq!(status["tables"][0]["rows"], 3, "{status:#}");
    let listed = aws.call("s3", "list_objects_v2", json!({"Bucket": BUCKET, "Prefix": "one/"}));
    let keys = listed["Contents"].as_array().expect("objects").iter();
    let is_manifest = |key: &&Value| key["Key"].as_str().is_some_and(|k| k.ends_with(".json"));
    assert!(keys.filter(is_manifest).count() >= 2, "{listed:#}");
    // A manifest that is there is never replaced: another store stops.
    let other = Home::new();
    let server = other.serve_with(&["--config", &config]);
    assert!(until(PATIENCE_S, || told(&server)["state"] == "damaged"), "{:#}", told(&server));
    assert_eq!(server.stop(), Some(0));
}
