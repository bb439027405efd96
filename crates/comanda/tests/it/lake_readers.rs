//! The lake as others read it: DuckDB, pyarrow and a warehouse come to what the ledger says.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Home, Server, python, sampled, until};

/// How long a test waits for what is to come.
const PATIENCE_S: u64 = 30;
/// Orders of the sample; more are made of what is odd about it.
const ORDERS: &str = "2000";

/// A store with orders of every kind: priced by rules, backordered, amended, cancelled, fulfilled,
/// repeated, and input that is none.
fn busy(home: &Home) -> Server {
    home.furnish();
    let rules = home.file("rules.json", sampled(&["--kind", "rules"]));
    let sample = ["--kind", "retail", "--count", ORDERS, "--invalid", "2", "--duplicates", "3"];
    let orders = home.file("orders.jsonl", sampled(&sample));
    for arguments in [["rules", "set"], ["batch", "run"]] {
        let file = if arguments[0] == "rules" { &rules } else { &orders };
        let ran = home.run(&[arguments[0], arguments[1], &file.to_string_lossy()]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let server = home.serve_with(&["--set", "lake.flush_s=1"]);
    let (mut http, mut amended) = (server.connect(), 0);
    for (at, order) in http.list("/v1/orders", "orders").iter().enumerate() {
        let address = order["links"]["self"].as_str().expect("a link");
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let command = match at % 8 {
            1 => "cancel",
            2 => "fulfil",
            3 => {
                let merged = json!({"notes": "mais", "coupons": ["VOLTA10"]}).to_string();
                let path = format!("{path}?{query}");
                let answer = http.call("PATCH", &path, "application/json", merged.as_bytes());
                let answer = answer.expect("an answer");
                assert!([200, 409].contains(&answer.status), "{}", answer.text());
                amended += usize::from(answer.status == 200);
                continue;
            }
            _ => continue,
        };
        let answer = http.post(&format!("{path}/{command}?{query}"), json!({}).to_string());
        // What is backordered cannot be fulfilled: history all the same.
        assert!([200, 409].contains(&answer.status), "{}", answer.text());
    }
    assert!(amended > 5, "{amended} were amended");
    server
}

/// Whether everything is in files.
fn is_flushed(server: &Server) -> bool {
    let list = server.connect().get("/v1/followers").json();
    let rows = list["followers"].as_array().expect("followers");
    rows.iter().any(|row| row["name"] == "lake" && row["lag"]["changes"] == 0)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn peer(script: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script));
    command
}

#[test]
fn duckdb_pyarrow_and_a_warehouse_come_to_what_the_ledger_says_to_the_cent() {
    let home = Home::new();
    let server = busy(&home);
    assert!(until(PATIENCE_S, || is_flushed(&server)), "the lake does not get there");
    let mut command = peer("lake.py");
    command.arg(home.store().join("lake")).arg(format!("http://{}", server.address()));
    let done = command.arg(repository()).arg("--warehouse").output().expect("Python runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said: Value = serde_json::from_slice(&done.stdout).expect("what was compared");
    assert!(said["orders"].as_u64() > Some(1_500), "{said}");
    assert_eq!(said["statuses"], json!(["BACKORDERED", "CANCELLED", "COMPLETED", "FULFILLED"]));
    assert_eq!(said["views"].as_object().map(serde_json::Map::len), Some(10), "{said}");

    let report = home.path("report.html");
    let arguments = ["--lang", "pt-BR", "report", "--out", &report.to_string_lossy()];
    let ran = home.run(&arguments);
    assert_eq!(ran.code, 0, "with a server: {}", ran.err);
    assert_eq!(server.stop(), Some(0));
    let of_server = figures(&report);
    let ran = home.run(&arguments);
    assert_eq!(ran.code, 0, "without one: {}", ran.err);
    let of_store = figures(&report);
    assert!(of_server.len() > 40, "{of_server:?}");
    assert_eq!(of_server, of_store);
    let nonsense = home.run(&["report", "--from", "2026-02-02", "--to", "2026-02-01"]);
    assert_eq!(nonsense.code, 2, "{}", nonsense.err);
}

/// The cells of a report's tables.
fn figures(report: &Path) -> Vec<String> {
    let page = std::fs::read_to_string(report).expect("a page");
    let cells = page.split("<td").skip(1).filter_map(|cell| cell.split_once('>'));
    cells.filter_map(|(_, rest)| Some(rest.split_once("</td>")?.0.to_owned())).collect()
}

#[test]
fn what_redshift_is_told_is_its_own_sql_and_well_laid_out() {
    let folders = ["deploy/redshift", "crates/sql/src/views"].map(|at| repository().join(at));
    let mut command = Command::new(python());
    let parse = "import pathlib, sys, sqlglot\n\
        for folder in sys.argv[1:]:\n\
        \x20   for path in pathlib.Path(folder).glob('*.sql'):\n\
        \x20       found = sqlglot.parse(path.read_text(), dialect='redshift')\n\
        \x20       assert all(not isinstance(s, sqlglot.exp.Command) for s in found), path\n";
    let done = command.args(["-c", parse]).args(&folders).output().expect("Python runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut command = Command::new(python());
    command.args(["-m", "sqlfluff", "lint", "--config"]).arg(folders[0].join(".sqlfluff"));
    let done = command.args(&folders).output().expect("Python runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}
