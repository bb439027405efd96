//! The command line: exit codes, help, samples, and commands beside a server.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Home, comanda, priced_order, run, run_with_input, sampled, until};

#[test]
fn every_command_has_a_help_text() {
    let mut seen = 0;
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let ran = run(comanda().args(&path).arg("--help"));
        assert_eq!(ran.code, 0, "{path:?}: {}", ran.err);
        assert!(ran.out.contains("Usage: comanda"), "{path:?}: {}", ran.out);
        assert!(!ran.out.trim_start().starts_with("Usage"), "{path:?} does not say what it does");
        let commands = ran.out.split("Commands:\n").nth(1).unwrap_or_default();
        let names = commands.lines().take_while(|line| !line.is_empty());
        for name in names.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            let (name, about) = name.trim().split_once(' ').expect("a name and what it does");
            assert!(!about.trim().is_empty(), "{path:?} {name}");
            if name != "help" {
                open.push(path.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
        seen += 1;
    }
    assert!(seen >= 30, "{seen} commands were found");
    let long = run(comanda().arg("--help"));
    assert!(long.out.contains("Exit codes"), "{}", long.out);
    assert!(run(comanda().arg("--version")).out.starts_with("comanda "));
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(comanda().args(["completions", shell]));
        assert_eq!(script.code, 0, "{}", script.err);
        for word in ["redrive", "tolerated-failure-count", "data-dir"] {
            assert!(script.out.contains(word), "{shell} does not know {word}");
        }
    }
    let bash = home.file("comanda.bash", run(comanda().args(["completions", "bash"])).bytes);
    let parsed = run(std::process::Command::new("bash").arg("-n").arg(bash));
    assert_eq!(parsed.code, 0, "{}", parsed.err);
    let dir = home.path("man");
    assert_eq!(run(comanda().arg("man").arg(&dir)).code, 0);
    let page = |name: &str| std::fs::read_to_string(dir.join(name)).expect("a page");
    assert!(page("comanda.1").contains("Exit codes"), "{}", page("comanda.1"));
    assert!(page("comanda-batch-run.1").contains("dry\\-run"), "{}", page("comanda-batch-run.1"));
}

#[test]
fn wrong_usage_is_two() {
    let home = Home::new();
    for arguments in [
        &["--no-such-flag"][..],
        &["no-such-command"],
        &[],
        &["orders"],
        &["orders", "show"],
        &["sample", "--kind", "nonsense"],
        &["sample", "--kind", "retail", "--invalid", "101"],
        &["batch", "run"],
        &["batch", "run", "x", "--tolerated-failure-percentage", "101"],
        &["serve", "--listen", "nowhere"],
        &["stock", "adjust", "PEN"],
        &["stock", "adjust", "PEN", "--by", "1", "--on-hand", "2"],
        &["keys", "create", "--scope", "everything"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn what_the_api_refuses_is_three_and_what_fails_is_one() {
    let home = Home::new();
    let order = home.file("order", priced_order("o1", "PEN", "1.50"));
    let order = order.to_string_lossy();
    let broken = home.file("broken", "{\"order_id\": \"o2\"}");
    let broken = broken.to_string_lossy();
    let check = |beside: &str| {
        for (arguments, code) in [
            (&["orders", "place", &*order][..], 3),
            (&["orders", "place", &*broken], 3),
            (&["orders", "show", "nothing"], 3),
            (&["orders", "fulfil", "nothing"], 3),
            (&["orders", "list", "--status", "NONE"], 3),
            (&["batch", "show", "nothing"], 3),
            (&["batch", "results", "nothing"], 3),
            (&["batch", "stop", "nothing"], 3),
            (&["changes", "--after", "nowhere"], 3),
            (&["rules", "check", &*broken], 3),
            (&["rules", "set", &*broken], 3),
            (&["orders", "place", "/does/not/exist"], 1),
            (&["batch", "run", "/does/not/exist"], 1),
            (&["orders", "list", "--json"], 0),
            (&["orders", "show", "o1"], 0),
            (&["changes"], 0),
        ] {
            let ran = home.run(arguments);
            assert_eq!(ran.code, code, "{arguments:?} {beside}: {}{}", ran.out, ran.err);
            assert!(code == 0 || !ran.err.is_empty() || !ran.out.is_empty(), "{arguments:?}");
        }
    };
    assert_eq!(home.run(&["orders", "place", &order]).code, 0);
    check("alone");
    let server = home.serve();
    check("beside a server");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_store_that_is_held_is_four_unless_its_holder_can_be_asked() {
    let home = Home::new();
    let server = home.serve();
    let order = home.file("order", priced_order("o1", "PEN", "1.50"));
    let placed = home.run(&["orders", "place", &order.to_string_lossy(), "--json"]);
    assert_eq!((placed.code, &placed.json()["total"]), (0, &"1.50".into()), "{}", placed.err);
    assert_eq!(server.connect().get("/v1/orders/o1").status, 200, "the server has it");
    assert_eq!(home.run(&["doctor"]).code, 4, "proving needs the store at rest");
    let other = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(matches!(other.code, 1 | 4), "{}", other.err);
    assert!(other.err.contains("held"), "{}", other.err);
    let elsewhere = Home::new();
    let ran = elsewhere.run(&["--server", &server.url, "orders", "show", "o1", "--json"]);
    assert_eq!((ran.code, &ran.json()["order_id"]), (0, &"o1".into()), "{}", ran.err);

    std::fs::remove_file(home.store().join("server.url")).expect("the address is there");
    let ran = home.run(&["orders", "list"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(home.run(&["orders", "list"]).code, 0);
}

#[test]
fn the_address_of_a_server_that_died_misleads_nobody() {
    let home = Home::new();
    home.serve().kill();
    assert!(home.store().join("server.url").exists());
    assert_eq!(home.run(&["orders", "list"]).code, 0);
}

#[test]
fn a_store_of_another_format_is_left_alone() {
    let home = Home::new();
    assert_eq!(home.run(&["orders", "list"]).code, 0);
    std::fs::write(home.store().join("FORMAT"), "comanda store 99\n").expect("written");
    for arguments in [&["orders", "list"][..], &["serve", "--listen", "127.0.0.1:0"], &["doctor"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("comanda store 99"), "{}", ran.err);
    }
    let format = std::fs::read_to_string(home.store().join("FORMAT")).expect("read");
    assert_eq!(format, "comanda store 99\n");
}

#[test]
fn samples_are_the_same_every_time_and_other_seeds_give_others() {
    for kind in ["simple", "retail", "transfer", "batch", "catalogue", "stock", "rules"] {
        let sample = |seed: &str| {
            let options = ["--kind", kind, "--count", "50", "--seed", seed, "--invalid", "10"];
            sampled(&options)
        };
        assert!(sample("1") == sample("1"), "{kind}");
        assert!(!sample("1").is_empty(), "{kind}");
        if !matches!(kind, "catalogue" | "rules") {
            assert!(sample("1") != sample("2"), "{kind}");
        }
    }
}

/// Runs a command whose output nobody reads beyond its first bytes.
fn with_a_reader_that_goes_away(home: &Home, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = home.comanda();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdout = child.stdout.take().expect("standard output is piped");
    let mut first = [0; 10];
    let mut stderr = child.stderr.take().expect("standard error is piped");
    stdout.read_exact(&mut first).expect("some output");
    drop(stdout);
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("standard error is text");
    (child.wait().expect("it ends").code(), said)
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let retail = ["sample", "--kind", "retail", "--count", "20000"];
    assert_eq!(with_a_reader_that_goes_away(&home, &retail), (Some(0), String::new()));
    let products = home.file("products", sampled(&["--kind", "catalogue"]));
    assert_eq!(home.run(&["products", "import", &products.to_string_lossy()]).code, 0);
    let batch = home.file("batch", sampled(&["--kind", "simple", "--count", "2000"]));
    let batch = batch.to_string_lossy();
    assert_eq!(home.run(&["batch", "run", &batch, "--batch-id", "b"]).code, 0);
    for arguments in [
        &["changes", "--limit", "2000"][..],
        &["batch", "results", "b"],
        &["products", "list", "--limit", "1000"],
        &["products", "list", "--limit", "1000", "--json"],
        &["orders", "list", "--limit", "1000"],
    ] {
        let (code, said) = with_a_reader_that_goes_away(&home, arguments);
        assert!(code == Some(0) && !said.contains("panicked"), "{arguments:?}: {code:?} {said}");
    }
}

#[test]
fn the_tour_ends_well() {
    let home = Home::new();
    let ran = home.run(&["demo", "--listen", "127.0.0.1:0", "--exit"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn commands_without_a_server_do_what_the_api_does() {
    let home = Home::new();
    let stock = "{\"merchant_id\": \"default\", \"sku\": \"PEN\", \"on_hand\": 5}\n";
    let imported = run_with_input(home.comanda().args(["stock", "import", "-"]), stock.as_bytes());
    assert_eq!(imported.code, 0, "{}", imported.err);
    let placed = |id: &str| {
        let order = priced_order(id, "PEN", "1.50").replace("\"quantity\":1", "\"quantity\":3");
        let mut command = home.comanda();
        let ran =
            run_with_input(command.args(["orders", "place", "-", "--json"]), order.as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json()["status"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!((placed("o1"), placed("o2")), ("COMPLETED".to_owned(), "BACKORDERED".to_owned()));
    let adjusted = home.run(&["stock", "adjust", "PEN", "--by", "-3", "--json"]);
    assert_eq!(adjusted.code, 3, "{}", adjusted.out);
    let adjusted = home.run(&["stock", "adjust", "PEN", "--by", "4", "--json"]);
    assert_eq!((adjusted.code, &adjusted.json()["on_hand"]), (0, &9.into()), "{}", adjusted.err);
    // What came in is given out behind the answer, by whoever has the store open.
    let second = || home.run(&["orders", "show", "o2", "--json"]).json()["status"] == "COMPLETED";
    assert!(until(10, second), "stock that came in goes to the order that waits");
    assert_eq!(home.run(&["orders", "fulfil", "o1"]).code, 0);
    assert_eq!(home.run(&["orders", "fulfil", "o1"]).code, 3);
    let row = home.run(&["stock", "list", "--json"]).json()["stock"][0].clone();
    assert_eq!((&row["on_hand"], &row["reserved"]), (&6.into(), &3.into()));
    let rules = home.file("rules", sampled(&["--kind", "rules"]));
    assert_eq!(home.run(&["rules", "check", &rules.to_string_lossy()]).code, 0);
    assert_eq!(home.run(&["rules", "set", &rules.to_string_lossy()]).code, 0);
    let shown: Value = home.run(&["rules", "show"]).json();
    assert_eq!(shown["source"]["rules"].as_array().map(Vec::len), Some(8), "{shown:#}");
    home.examine();
}

#[test]
fn the_api_describes_itself_without_a_store() {
    let home = Home::new();
    let described = home.run(&["openapi"]);
    assert_eq!(described.code, 0, "{}", described.err);
    let described = described.json();
    assert_eq!(described["openapi"], "3.1.0");
    assert!(described["paths"]["/v1/orders"]["post"].is_object());
    assert!(!home.store().exists());
}
