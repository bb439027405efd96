//! Files, by every way they come: done once whatever they are called, told line by line, and what
//! was not taken comes back in a form that can be corrected.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Home, Http, json_lines, until};

const HEADER: &str = "order_id;customerId;sku;quantity;price\r\n";

/// A file of rows: an order of two lines, three broken ones, and a good one.
fn rows() -> String {
    let rows = [
        "1;c;PEN;2;1,50",
        "1;;INK;1;10,00",
        "2;c;PEN;x;1,50",
        "3;c;\"PEN;1;1,50",
        "4;c;PEN;1;1.500",
        "5;c;PEN;1;1,50",
    ];
    format!("{HEADER}{}\r\n", rows.join("\r\n"))
}

/// Rows of single-line orders.
fn many(orders: std::ops::Range<usize>) -> String {
    let rows = orders.map(|n| format!("{n};c;PEN;1;1,50\n"));
    HEADER.to_owned() + &rows.collect::<String>()
}

fn put(http: &mut Http, name: &str, body: &str) -> (u16, Value) {
    let answer = http.call("PUT", &format!("/v1/files/{name}"), "text/csv", body.as_bytes());
    let answer = answer.expect("the server answers");
    (answer.status, answer.json())
}

fn file(http: &mut Http, name: &str) -> Value {
    http.get(&format!("/v1/files/{name}")).json()
}

fn is_done(http: &mut Http, name: &str) -> bool {
    until(30, || file(http, name)["status"] == "SUCCEEDED")
}

/// Successes, failures, skipped.
fn counts(file: &Value) -> [u64; 3] {
    let count = |what: &str| file["batch"]["item_counts"][what].as_u64().unwrap_or(u64::MAX);
    [count("succeeded"), count("failed"), count("skipped")]
}

fn serve_inbox(home: &Home) -> crate::support::Server {
    let mut command = home.comanda();
    command.args(["serve", "--listen", "127.0.0.1:0", "--inbox"]).arg(home.path("inbox"));
    command.env("COMANDA_INBOX_SETTLE_MS", "200").env("COMANDA_INBOX_POLL_MS", "20");
    crate::support::Server::start(command, &home.path("server.log"))
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    names
}

#[test]
fn a_file_is_told_line_by_line_and_its_rejects_are_sent_again_once_corrected() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let (status, taken) = put(&mut http, "june%2Fa.csv", &rows());
    assert_eq!((status, &taken["status"]), (202, &"RECEIVED".into()), "{taken}");
    assert!(is_done(&mut http, "june%2Fa.csv"));
    let told = file(&mut http, "june%2Fa.csv");
    assert_eq!((counts(&told), &told["name"]), ([2, 3, 0], &"june/a.csv".into()));
    let line = |item: &Value| {
        let reason = &item["reasons"][0];
        let part = |value: &Value| value.to_string().replace('"', "");
        let [line, code] = [&item["line"], &reason["code"]].map(part);
        let [row, column] = [&reason["line"], &reason["column"]].map(part);
        format!("{line} {} {code} {row}:{column}", part(&item["order_id"]))
    };
    let lines: Vec<String> = told["items"].as_array().into_iter().flatten().map(line).collect();
    let expected = [
        "2 1 null null:null",
        "4 2 not_a_number 4:4",
        "5 3 bad_quotes 5:null",
        "6 4 ambiguous_number 6:5",
        "7 5 null null:null",
    ];
    assert_eq!(lines, expected);
    http.headers = "accept: application/x-ndjson\r\naccept-language: pt-BR\r\n".to_owned();
    let failed = json_lines(&http.get("/v1/files/june%2Fa.csv?outcome=failed&from=2").body);
    assert_eq!(failed.len(), 2);
    let text = failed[1]["reasons"][0]["message"].as_str().unwrap_or_default();
    assert!(text.contains("duas formas"), "{text}");
    http.headers.clear();

    let rejects = http.get("/v1/files/june%2Fa.csv/rejects").text();
    assert_eq!(rejects.lines().count(), 4, "{rejects}");
    let corrected =
        rejects.replace(";x;", ";2;").replace("\"PEN;", "PEN;").replace("1.500", "1,50");
    assert_eq!(put(&mut http, "b.csv", &corrected).0, 202);
    assert!(is_done(&mut http, "b.csv"));
    assert_eq!(counts(&file(&mut http, "b.csv")), [3, 0, 0]);
    assert_eq!(http.list("/v1/orders", "orders").len(), 5);
    let first = http.get("/v1/orders/1").json();
    let prices = [&first["total"], &first["channel"], &first["lines"][1]["sku"]];
    assert_eq!(prices, ["13.00", "file", "INK"]);

    // The same content under another name, and other content under the same name.
    let (status, again) = put(&mut http, "c.csv", &corrected);
    assert_eq!((status, &again["is_repeat"]), (200, &true.into()), "{again}");
    assert_eq!(again["batch_id"], file(&mut http, "b.csv")["batch_id"]);
    assert_eq!(put(&mut http, "b.csv", &many(1..8)).0, 202);
    assert!(until(20, || counts(&file(&mut http, "b.csv")) == [2, 0, 5]));
    let listed: Vec<_> = http.list("/v1/files", "files");
    let listed: Vec<&str> = listed.iter().filter_map(|file| file["name"].as_str()).collect();
    assert_eq!(listed, ["b.csv", "c.csv", "june/a.csv"]);
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn names_never_lead_anywhere_and_what_is_no_file_of_orders_is_refused_whole() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let long = "x".repeat(256);
    for name in ["..", "%2e%2e", "..%2F..%2Fx", "%2Fetc%2Fpasswd", "a%00b", "a%5Cb", "a%2F", &long]
    {
        let (status, answer) = put(&mut http, name, &rows());
        assert_eq!((status, &answer["code"]), (400, &"bad_parameter".into()), "{name}: {answer}");
    }
    let bodies =
        ["", "order_id\n1\n", "order_id;sku,quantity\n", "sku;quantity\n", "id;nome \u{0}\n1;2\n"];
    for body in &bodies[..4] {
        let (status, answer) = put(&mut http, "a.csv", body);
        assert_eq!((status, &answer["code"]), (400, &"malformed".into()), "{body}: {answer}");
    }
    assert_eq!(http.list("/v1/files", "files").len(), 0);
    let left = names(&home.store().join("spool"));
    assert_eq!(left, [""; 0], "bodies are left behind");
    for name in ["CON", "%7Ba%7D.csv", "a%20b%3F.csv", "%F0%9F%93%A6.csv"] {
        assert!([200, 202].contains(&put(&mut http, name, &rows()).0), "{name}");
        assert!(is_done(&mut http, name), "{name}");
    }
    assert_eq!(names(&home.path("")).len(), 2, "{:?}", names(&home.path("")));
}

#[test]
fn an_inbox_takes_whole_files_once_and_moves_them_aside() {
    let home = Home::new();
    let inbox = home.path("inbox");
    std::fs::create_dir_all(inbox.join("june")).expect("a folder");
    let write = |name: &str, content: &str| {
        std::fs::write(inbox.join(name), content).expect("it is written");
    };
    write("june/a.csv", &rows());
    write("a.part", &many(100..110));
    write(".b.csv", &many(100..110));
    write("c.csv.tmp", &many(100..110));
    write("notes.txt", "nothing");
    write("bad.csv", "no;header,here\n1;2\n");
    std::os::unix::fs::symlink("/etc/hostname", inbox.join("l.csv")).expect("a link");
    std::os::unix::fs::symlink(home.path(""), inbox.join("out")).expect("a link");
    home.file("beside.csv", many(200..210));
    let server = serve_inbox(&home);
    let mut http = server.connect();
    assert!(is_done(&mut http, "june%2Fa.csv"));
    let done = inbox.join("done/june");
    assert!(until(10, || names(&done) == ["a.csv", "a.faults.jsonl", "a.rejects.csv"]));
    assert!(until(10, || names(&inbox.join("rejected")) == ["bad.csv", "bad.reason.txt"]));
    assert_eq!(file(&mut http, "bad.csv")["status"], "REJECTED");

    // One that grows is waited for; one that is renamed into its place is whole.
    let mut growing = std::fs::File::create(inbox.join("d.csv")).expect("it is made");
    for part in many(300..340).as_bytes().chunks(64) {
        std::io::Write::write_all(&mut growing, part).expect("it is written");
        assert_eq!(http.get("/v1/files/d.csv").status, 404, "taken before it was whole");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(growing);
    std::fs::rename(inbox.join("a.part"), inbox.join("e.csv")).expect("it is renamed");
    assert!(is_done(&mut http, "d.csv") && is_done(&mut http, "e.csv"));
    assert_eq!(counts(&file(&mut http, "d.csv")), [40, 0, 0]);
    assert_eq!(counts(&file(&mut http, "e.csv")), [10, 0, 0]);

    // The same name again, with the same content and with other: nothing is written over.
    write("june/a.csv", &rows());
    assert!(until(10, || names(&done).len() == 6), "{:?}", names(&done));
    assert_eq!(file(&mut http, "june%2Fa.csv")["is_repeat"], true);
    write("june/a.csv", &many(1..8));
    assert!(until(10, || names(&done).len() == 7), "{:?}", names(&done));
    assert_eq!(counts(&file(&mut http, "june%2Fa.csv")), [5, 0, 2]);
    let left = [
        ".b.csv",
        "c.csv.tmp",
        "done",
        "june",
        "l.csv",
        "notes.txt",
        "out",
        "processing",
        "rejected",
    ];
    assert_eq!(names(&inbox), left);
    assert_eq!(http.list("/v1/orders", "orders").len(), 40 + 10 + 7);
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_file_whose_server_is_killed_again_and_again_is_done_once_and_whole() {
    const ORDERS: usize = 9_000;
    let home = Home::new();
    let inbox = home.path("inbox");
    std::fs::create_dir_all(&inbox).expect("a folder");
    let two_lines = |n: usize| format!("{n};c;PEN;1;1,50\n{n};;INK;2;2,00\n");
    let rows = HEADER.to_owned() + &(0..ORDERS).map(two_lines).collect::<String>();
    std::fs::write(inbox.join("a.csv"), &rows).expect("it is written");
    let mut put_too = false;
    for kill in 0..6 {
        let server = serve_inbox(&home);
        let mut http = server.connect();
        if !put_too {
            // A file that was answered for is done as well, whenever the server dies.
            put_too = put(&mut http, "p.csv", &many(20_000..21_000)).0 == 202;
        }
        std::thread::sleep(std::time::Duration::from_millis(300 + 60 * kill));
        server.kill();
        let is_somewhere = |folder: &str| inbox.join(folder).join("a.csv").exists();
        let places = ["", "processing", "done"].iter().filter(|f| is_somewhere(f)).count();
        assert_eq!(places, 1, "the file is in {places} places");
    }
    assert!(put_too);
    let server = serve_inbox(&home);
    let mut http = server.connect();
    assert!(is_done(&mut http, "a.csv") && is_done(&mut http, "p.csv"));
    assert!(until(20, || names(&inbox.join("done")) == ["a.csv"]));
    let told = file(&mut http, "a.csv");
    assert_eq!(counts(&told), [ORDERS as u64, 0, 0], "{told:#}");
    assert_eq!(counts(&file(&mut http, "p.csv")), [1_000, 0, 0]);
    assert_eq!(std::fs::read_to_string(inbox.join("done/a.csv")).expect("it is there"), rows);
    assert_eq!(http.list("/v1/orders", "orders").len(), ORDERS + 1_000);
    assert!(until(10, || names(&home.store().join("spool")).is_empty()), "a body is left");
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_folder_run_here_and_by_a_server_comes_to_the_same() {
    let run = |home: &Home| {
        let folder = home.path("in");
        std::fs::create_dir_all(folder.join("sub")).expect("a folder");
        std::fs::write(folder.join("a.csv"), rows()).expect("it is written");
        std::fs::write(folder.join("sub/b.csv"), many(5..9)).expect("it is written");
        let ran = home.run(&["files", "run", &folder.to_string_lossy(), "--json"]);
        assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
        let mut rows = ran.json();
        let rejects = rows[0]["rejects"].take();
        let rejects = PathBuf::from(rejects.as_str().expect("there are rejects"));
        (rows, std::fs::read_to_string(rejects).expect("rejects are there"))
    };
    let (alone, home) = (Home::new(), Home::new());
    let server = home.serve();
    let (here, by_server) = (run(&alone), run(&home));
    assert_eq!(here, by_server);
    assert_eq!(here.0[1]["skipped"], 1, "order 5 is in both");
    let again = home.path("in/a.csv");
    let ran = home.run(&["files", "run", &again.to_string_lossy(), "--json"]);
    assert_eq!((ran.code, &ran.json()[0]["is_repeat"]), (0, &true.into()), "{}", ran.err);
    let shown = home.run(&["files", "show", "a.csv", "--failed"]);
    assert!(shown.out.contains("line 4 column 4"), "{}", shown.out);
    assert_eq!(
        home.run(&["files", "list", "--json"]).json()["files"].as_array().map(Vec::len),
        Some(2)
    );
    let none = home.run(&["files", "run", "no/such/*.csv"]);
    assert_eq!(none.code, 1, "{}", none.out);
    drop(server);
}

#[test]
fn a_batch_that_a_full_disk_holds_up_goes_on_by_itself() {
    let home = Home::new();
    let server = home.serve_on_full_disk(1_024);
    let mut http = server.connect();
    let lines = many(0..30_000);
    let sent = http.call("POST", "/v1/batches?batch_id=b", "text/csv", lines.as_bytes());
    let sent = sent.expect("the server answers");
    assert_eq!(sent.status, 202, "{}", sent.text());
    let log = || std::fs::read_to_string(home.path("server.log")).unwrap_or_default();
    assert!(until(20, || log().contains("batch waits")), "the disk never was full: {}", log());
    assert_eq!(http.get("/v1/batches/b").json()["status"], "RUNNING");
    server.limit_files(None);
    let succeeded = || http.get("/v1/batches/b").json()["item_counts"]["succeeded"] == 30_000;
    assert!(until(40, succeeded), "{}", server.connect().get("/v1/batches/b").text());
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_dry_run_is_shown_and_results_of_a_server_have_their_manifest() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    let body = rows();
    let path = "/v1/batches?batch_id=try&dry_run=true";
    let sent = http.call("POST", path, "text/csv", body.as_bytes()).expect("the server answers");
    assert_eq!(sent.status, 202, "{}", sent.text());
    let shown = http.get("/v1/batches/try");
    assert_eq!((shown.status, &shown.json()["item_counts"]["failed"]), (200, &3.into()));
    let (file, results) = (home.file("a.csv", &body), home.path("results.jsonl"));
    let (file, written) = (file.to_string_lossy(), results.to_string_lossy());
    let ran = home.run(&["batch", "run", &file, "--results", &written]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines = json_lines(&std::fs::read(&results).expect("results are there"));
    let manifest = std::fs::read(home.path("results.jsonl.manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("it is JSON");
    let of = |field: &str| manifest[field].clone();
    assert_eq!(
        (of("results_written"), of("failed"), of("pending")),
        (lines.len().into(), 3.into(), 0.into())
    );

    // What failed is run again in its own layout.
    let again = home.run(&["batch", "redrive", &lines_batch(&mut http)]).json();
    let id = again["batch_id"].as_str().unwrap_or_default().to_owned();
    assert!(until(10, || http.get(&format!("/v1/batches/{id}")).json()["status"] == "SUCCEEDED"));
    let codes = |path: &str, http: &mut Http| {
        let lines = json_lines(&http.get(path).body);
        let failed = lines.iter().filter(|line| line["outcome"] == "failed");
        failed.map(|line| line["reasons"][0]["code"].clone()).collect::<Vec<_>>()
    };
    let first = codes(&format!("/v1/batches/{}/results", lines_batch(&mut http)), &mut http);
    assert_eq!(codes(&format!("/v1/batches/{id}/results"), &mut http), first);
    assert_eq!(names(&home.store().join("spool")), [""; 0]);
}

/// The one batch that is no redrive.
fn lines_batch(http: &mut Http) -> String {
    let batches = http.list("/v1/batches", "batches");
    let ids = batches.iter().filter_map(|batch| batch["batch_id"].as_str());
    ids.filter(|id| !id.contains("redrive")).map(str::to_owned).collect()
}
