//! SQL over PostgreSQL's wire, of a real server: orders are there when they were answered, and
//! whoever asks needs a key as over HTTP.

use std::process::{Command, Output};

use crate::support::{Home, Server, priced_order};

/// `host:port` of a server's SQL.
fn port(home: &Home) -> String {
    let url = std::fs::read_to_string(home.store().join("sql.url")).expect("it listens for SQL");
    let address = url.strip_prefix("postgresql://127.0.0.1:").expect("on this machine");
    address.strip_suffix("/comanda").expect("one database").to_owned()
}

fn serve(home: &Home) -> Server {
    home.serve_with(&["--sql-listen", "127.0.0.1:0"])
}

fn psql(home: &Home, user: &str, password: &str, statement: &str) -> Output {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-h", "127.0.0.1", "-d", "comanda", "-U", user, "-p"]);
    psql.arg(port(home)).args(["-c", statement]);
    psql.env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "10");
    psql.output().expect("psql 15 is installed")
}

fn said(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(said).expect("psql says text").trim().to_owned()
}

#[test]
fn an_order_that_was_answered_is_asked_about_in_sql_at_once() {
    let home = Home::new();
    let server = serve(&home);
    let count = "SELECT count(*), sum(total) FROM orders";
    for n in 1..=3 {
        let order = priced_order(&format!("o{n}"), "PEN", "1.50");
        assert_eq!(server.connect().post("/v1/orders", order).status, 202);
        let asked = said(&psql(&home, "ana", "", count));
        assert!(asked.starts_with(&format!("{n}|")), "{asked}");
    }
    assert!(said(&psql(&home, "ana", "", "\\dt")).contains("public|orders|table|comanda"));
    assert!(said(&psql(&home, "ana", "", "DELETE FROM orders")).contains("cannot execute DELETE"));
    assert_eq!(server.stop(), Some(0));
    assert!(!home.store().join("sql.url").exists(), "it says where it listened");
}

#[test]
fn a_key_opens_sql_until_it_is_revoked() {
    let home = Home::new();
    let key = home.run(&["keys", "create", "--scope", "read"]).out.trim().to_owned();
    let id = key.split('_').nth(1).expect("a key has an id");
    let server = serve(&home);
    assert_eq!(said(&psql(&home, id, &key, "SELECT 1")), "1");
    assert!(said(&psql(&home, id, "wrong", "SELECT 1")).contains("password authentication failed"));
    assert!(said(&psql(&home, "ana", &key, "SELECT 1")).contains("password authentication failed"));
    assert_eq!(home.run(&["keys", "revoke", id]).code, 0);
    assert!(said(&psql(&home, id, &key, "SELECT 1")).contains("password authentication failed"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_address_that_was_given_must_be_had_and_be_safe() {
    let home = Home::new();
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = held.local_addr().expect("an address").to_string();
    let refused = home.run(&["serve", "--listen", "127.0.0.1:0", "--sql-listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("needs API keys"), "{}", refused.err);
    let refused = home.run(&["serve", "--listen", "127.0.0.1:0", "--sql-listen", &taken]);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("cannot listen on"), "{}", refused.err);
    drop(held);
}
