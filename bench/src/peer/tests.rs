//! The peer keeps Comanda's promises, or its figures would mean nothing: no order twice, nothing
//! oversold, whatever races. Needs PostgreSQL; says so and passes where there is none.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;

use super::cluster::{self, Cluster};
use super::commit::{Answer, Committer, Shared};
use super::{audit, load, wire};
use crate::work::{Placed, Status, Work};

fn order(id: usize, lines: &[(&str, i64)]) -> Placed {
    let items: Vec<String> = lines
        .iter()
        .map(|(sku, quantity)| format!(r#"{{"product_id":"{sku}","quantity":{quantity}}}"#))
        .collect();
    let items = items.join(",");
    let text =
        format!(r#"{{"order_id":"o{id}","merchant_id":"m","customerId":"c","items":[{items}]}}"#);
    Work::open(std::path::Path::new("none")).unwrap().read(&Bytes::from(text)).unwrap()
}

fn start() -> Cluster {
    let cluster = Cluster::start(&std::env::temp_dir()).expect("PostgreSQL 15 runs");
    let stock = cluster.folder().join("stock.jsonl");
    let row = |sku, on_hand| format!(r#"{{"merchant_id":"m","sku":"{sku}","on_hand":{on_hand}}}"#);
    std::fs::write(&stock, [row("A", 5), row("B", 1_000), row("C", 40)].join("\n")).unwrap();
    load(&cluster, &stock).unwrap();
    cluster
}

/// `(reserved, waiting)` of each product.
async fn counters(folder: &Path) -> HashMap<String, (i64, i64)> {
    let mut client = wire::Client::connect(folder, cluster::USER).await.unwrap();
    let sql = "SELECT sku, reserved, waiting FROM stock JOIN products USING (id)";
    let word = |field: &Option<Vec<u8>>| String::from_utf8(field.clone().unwrap()).unwrap();
    let rows = client.run(sql).await.unwrap();
    let number = |field| word(field).parse().unwrap();
    rows.iter().map(|row| (word(&row[0]), (number(&row[1]), number(&row[2])))).collect()
}

#[test]
fn duplicates_and_shortages_are_decided_order_by_order() {
    let cluster = start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let shared = Shared::load(cluster.folder()).await.unwrap();
        let mut committer = Committer::connect(cluster.folder(), shared).await.unwrap();
        let completed = Answer::Placed(Status::Completed);
        let backordered = Answer::Placed(Status::Backordered);

        let first = [order(1, &[("A", 3)]), order(1, &[("A", 3)]), order(2, &[("B", 1)])];
        let answers = committer.place(&first).await.unwrap();
        assert_eq!(answers, [completed, Answer::Duplicate, completed]);

        // o3 is short of A; o4 queues behind it, and its line of B is not held up.
        let second =
            [order(2, &[("B", 1)]), order(3, &[("A", 3)]), order(4, &[("A", 1), ("B", 2)])];
        let answers = committer.place(&second).await.unwrap();
        assert_eq!(answers, [Answer::Duplicate, backordered, backordered]);

        let counters = counters(cluster.folder()).await;
        assert_eq!((counters["A"], counters["B"]), ((3, 4), (3, 0)));
    });
    assert_eq!(audit(&cluster).unwrap().orders, 4);
}

#[test]
fn racing_committers_neither_repeat_nor_oversell() {
    let cluster = start();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let placed: usize = runtime.block_on(async {
        let shared = Shared::load(cluster.folder()).await.unwrap();
        let racers: Vec<_> = (0..4)
            .map(|_| tokio::spawn(race(cluster.folder().to_owned(), Arc::clone(&shared))))
            .collect();
        let mut placed = 0;
        for racer in racers {
            placed += racer.await.unwrap();
        }
        let counters = counters(cluster.folder()).await;
        assert_eq!(counters["B"], (200, 0));
        let (reserved, waiting) = counters["C"];
        assert!(reserved <= 40 && reserved + waiting == 200, "{reserved} and {waiting}");
        placed
    });
    assert_eq!(placed, 200, "each order is placed by exactly one of the racers");
    let books = audit(&cluster).unwrap();
    assert_eq!((books.orders, books.oversold), (200, 0));
}

/// Places the same 200 orders as every other racer; how many were new.
async fn race(folder: std::path::PathBuf, shared: Arc<Shared>) -> usize {
    let mut committer = Committer::connect(&folder, shared).await.unwrap();
    let orders: Vec<Placed> = (0..200).map(|n| order(n, &[("B", 1), ("C", 1)])).collect();
    let mut placed = 0;
    for batch in orders.chunks(16) {
        let answers = committer.place(batch).await.unwrap();
        placed += answers.iter().filter(|&&answer| answer != Answer::Duplicate).count();
    }
    placed
}
