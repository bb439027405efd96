//! `comanda batch run`, killed in the middle and run again.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Chance, Home, Ran, json_lines, sampled};

/// Orders of the batch.
const ORDERS: usize = 12_000;
/// How often it is killed at most.
const KILLS: u32 = 8;

#[test]
fn a_batch_killed_again_and_again_comes_to_what_an_uninterrupted_run_comes_to() {
    let mut chance = Chance::new("killed batch");
    let count = ORDERS.to_string();
    let document = sampled(&[
        "--kind",
        "batch",
        "--count",
        &count,
        "--invalid",
        "3",
        "--duplicates",
        "2",
        "--seed",
        "3",
    ]);
    let (killed, whole) = (Home::new(), Home::new());
    killed.furnish();
    whole.furnish();
    let uninterrupted = finished(&whole, &whole.file("batch.json", &document));
    let (begun, done) = (log_bytes(&killed), log_bytes(&whole));
    let file = killed.file("batch.json", &document);
    let mut middles = 0;
    for _ in 0..KILLS {
        let mut running = killed.comanda();
        running.args(["batch", "run"]).arg(&file).args(["--max-concurrency", "16"]);
        let running = running.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = running.spawn().expect("the batch starts");
        // By how far it is, not by the clock: machines differ.
        let at = chance.of(log_bytes(&killed)..done.max(log_bytes(&killed) + 1));
        let is_over =
            |running: &mut Child| running.try_wait().expect("the process can be asked").is_some();
        while log_bytes(&killed) <= at && !is_over(&mut running) {
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(running.kill());
        if running.wait().expect("the process ends").success() {
            break;
        }
        let state = killed.run(&["batch", "list", "--json"]).json();
        let Some(batch) = state["batches"].get(0) else { continue };
        middles +=
            u32::from(batch["status"] == "RUNNING" && batch["item_counts"]["succeeded"] != 0);
    }
    println!("killed {middles} times in the middle, between {begun} and {done} bytes of log");
    assert!(middles > 0, "it was never killed in the middle");

    let interrupted = finished(&killed, &file);
    assert_eq!(summary(&interrupted), summary(&uninterrupted));
    let results = |home: &Home| std::fs::read(home.path("results.jsonl")).expect("results");
    assert!(results(&killed) == results(&whole), "results differ");
    let lines = json_lines(&results(&killed));
    let indices: Vec<u64> = lines.iter().filter_map(|line| line["index"].as_u64()).collect();
    assert_eq!(indices, (0..ORDERS as u64).collect::<Vec<_>>());
    check_manifest(&killed, &interrupted.json());

    let again = killed.run(&["batch", "run", &file.to_string_lossy(), "--json"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(again.err.contains("was run before"), "{}", again.err);
    assert_eq!(again.json(), interrupted.json(), "a repetition is answered with the first run");
    killed.examine();
}

/// How far a store is.
fn log_bytes(home: &Home) -> u64 {
    let files = std::fs::read_dir(home.path("store/log")).expect("a log");
    files.map(|file| file.and_then(|file| file.metadata()).expect("a segment").len()).sum()
}

fn finished(home: &Home, file: &Path) -> Ran {
    let results = home.path("results.jsonl");
    let arguments = [
        "batch",
        "run",
        &file.to_string_lossy(),
        "--json",
        "--results",
        &results.to_string_lossy(),
    ];
    let ran = home.run(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

/// A summary without what depends on the clock.
fn summary(ran: &Ran) -> Value {
    let mut summary = ran.json();
    let fields = summary.as_object_mut().expect("a summary is an object");
    for field in ["started_at", "updated_at", "orders_per_second"] {
        assert!(fields.remove(field).is_some(), "{field}");
    }
    summary
}

fn check_manifest(home: &Home, summary: &Value) {
    let manifest = std::fs::read(home.path("results.jsonl.manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("the manifest is JSON");
    assert_eq!(manifest["results_written"], ORDERS);
    assert_eq!(manifest["batch_id"], summary["batch_id"]);
    for outcome in ["succeeded", "failed", "skipped"] {
        assert_eq!(manifest[outcome], summary["items"][outcome]);
        assert_ne!(manifest[outcome], 0, "the sample has some that {outcome}");
    }
}
