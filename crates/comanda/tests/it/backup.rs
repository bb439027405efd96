//! Backup of a server under load and restore, by the real process.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::{Home, document, order_id, run, until};

#[test]
fn a_backup_of_a_server_under_load_has_every_order_answered_before_it_began() {
    let home = Home::new();
    let server = home.serve();
    document(0); // are made at their first use
    let (done, next) = (AtomicBool::new(false), AtomicU64::new(0));
    let answered = Mutex::new(BTreeSet::new());
    let address = server.address().to_owned();
    let mut backups = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut http = crate::support::Http::connect(&address).expect("it accepts");
                while !done.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(http.post("/v1/orders", document(index)).status, 202);
                    answered.lock().expect("a set").insert(index);
                }
            });
        }
        for n in 0..2 {
            let enough = (n + 1) * 100;
            assert!(until(20, || answered.lock().expect("a set").len() >= enough));
            let before = answered.lock().expect("a set").clone();
            let to = home.path(&format!("b{n}")).display().to_string();
            let since = home.path(&format!("b{}", n.max(1) - 1)).display().to_string();
            let mut arguments = vec!["backup", &to, "--json"];
            if n > 0 {
                arguments.extend(["--since", &since]);
            }
            let made = home.run(&arguments);
            assert_eq!(made.code, 0, "{}", made.err);
            backups.push((to, before));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(server.stop(), Some(0));
    let total = answered.lock().expect("a set").len();
    for (backup, before) in backups {
        assert!((100..total).contains(&before.len()), "{} of {total}", before.len());
        let restored = Home::new();
        let ran = restored.run(&["restore", &backup, "--json"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let checks = ran.json()["checks"].as_array().map_or(0, Vec::len);
        assert!(checks >= 7, "it was not proved: {}", ran.out);
        let server = restored.serve();
        let mut http = server.connect();
        for index in before {
            let answer = http.get(&format!("/v1/orders/{}", order_id(index)));
            assert_eq!(answer.status, 200, "order {index} is not there");
        }
        assert_eq!(server.stop(), Some(0));
    }
}

#[test]
fn a_batch_under_way_goes_on_where_the_backup_has_it() {
    let home = Home::new();
    let server = home.serve();
    let lines: Vec<u8> = (0..6_000).flat_map(|n| [document(n), b"\n"].concat()).collect();
    let path = "/v1/batches?batch_id=big&max_concurrency=16";
    assert_eq!(server.connect().post_lines(path, lines).status, 202);
    let mut http = server.connect();
    let begun = || http.get("/v1/batches/big").json()["item_counts"]["succeeded"] != 0;
    assert!(until(20, begun));
    let to = home.path("b").display().to_string();
    assert_eq!(home.run(&["backup", &to]).code, 0);
    server.kill();
    std::fs::remove_dir_all(home.store()).expect("the store is lost");
    let restored = Home::new();
    let ran = restored.run(&["restore", &to]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let server = restored.serve();
    let mut http = server.connect();
    let mut state = serde_json::Value::Null;
    let ended = || {
        state = http.get("/v1/batches/big").json();
        state["status"] != "RUNNING"
    };
    assert!(until(30, ended));
    assert_eq!(state["item_counts"]["succeeded"], 6_000, "{state:#}");
    assert_eq!(server.stop(), Some(0));
    restored.examine();
}

#[test]
fn backups_that_cannot_be_made_or_used_are_refused_with_a_reason() {
    let home = Home::new();
    let to = home.path("b").display().to_string();
    let refused = |arguments: &[&str], says: &str| {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.out);
        assert!(ran.err.contains(says), "{arguments:?}: {}", ran.err);
    };
    refused(&["backup", &to], "is no store");
    assert_eq!(home.run(&["orders", "list"]).code, 0);
    refused(&["--server", "http://127.0.0.1:9", "backup", &to], "where the store's files are");
    assert_eq!(home.run(&["backup", &to]).code, 0);
    refused(&["backup", &to], "is not empty");
    refused(&["restore", &to], "is not empty");
    refused(&["restore", "/nowhere"], "no finished backup");
    std::fs::remove_file(home.path("b/MANIFEST")).expect("it is there");
    std::fs::remove_dir_all(home.store()).expect("the store is lost");
    refused(&["restore", &to], "no finished backup");
    assert!(!home.store().exists());
    let usage = run(home.comanda().args(["backup", "x", "--mb-per-second", "0"]));
    assert_eq!(usage.code, 2, "{}", usage.err);
}
