//! PostgreSQL's wire, spoken to by psql, by Python's drivers, and by whoever means it no good.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::catalog::SchemaProvider;
use parking_lot::Mutex;
use sql::Engine;
use sql::wire::{Access, Door, Found, Server, Settings, Verifier};

use crate::fake::{self, Fake, Version};

/// Orders of one line each; the third has no total.
fn orders(count: u64) -> Vec<Version> {
    let order = |n: u64| Version {
        sequence: n,
        order: format!("o-{n}"),
        status: "COMPLETED",
        total: (n != 3).then_some(12_345 * n as i64),
        quantities: vec![1],
    };
    (1..=count).map(order).collect()
}

fn engine(fake: &Arc<Fake>) -> Engine {
    fake.show(&orders(100), &[40], false);
    let engine = fake::engine(fake);
    let view = "SELECT status, sum(total) AS total FROM orders GROUP BY status";
    let view = engine.runtime().block_on(engine.session().sql(view)).unwrap().into_view();
    engine.schema().register_table("totals".to_owned(), view).unwrap();
    engine
}

fn serve(engine: &Engine, access: Access, settings: Settings) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    Server::start(listener, engine, access, settings).unwrap()
}

fn served(engine: &Engine) -> Server {
    serve(engine, Access::Anyone, Settings::default())
}

fn psql(server: &Server, user: &str, password: &str, commands: &[&str]) -> Output {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-v", "VERBOSITY=verbose", "-d", "comanda", "-U", user, "-h"]);
    psql.arg("127.0.0.1").args(["-p", &server.address().port().to_string()]);
    psql.env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "10");
    for command in commands {
        psql.args(["-c", command]);
    }
    psql.output().expect("psql 15 is installed")
}

/// What psql says for a command.
fn said(server: &Server, command: &str) -> String {
    let output = psql(server, "ana", "", &[command]);
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// Where `make peers` put Python.
fn python() -> PathBuf {
    let folder = std::env::var_os("COMANDA_PEERS").map_or_else(
        || {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
            cache.unwrap_or_else(home).join("comanda/peers")
        },
        PathBuf::from,
    );
    let python = folder.join("bin/python");
    assert!(python.exists(), "{} is missing: run `make peers` first", python.display());
    python
}

#[test]
fn psql_lists_describes_and_asks() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let server = served(&engine);
    let tables = "public|order_lines|table|comanda\npublic|orders|table|comanda";
    assert_eq!(said(&server, "\\dt"), tables);
    assert_eq!(said(&server, "\\dv"), "public|totals|view|comanda");
    let columns = "sequence|bigint||not null|\norder_id|text||not null|\nstatus|text||not null|\n\
                   total|numeric|||\nat|timestamp with time zone||not null|\nnote|text|||";
    assert_eq!(said(&server, "\\d orders"), columns);
    assert_eq!(said(&server, "SELECT count(*), sum(total) FROM orders"), "100|6230.5215");
    let row = "3|o-3|COMPLETED||1970-01-01 00:00:03.000000+00|third";
    assert_eq!(said(&server, "SELECT * FROM orders WHERE sequence = 3"), row);
    assert_eq!(said(&server, "SELECT current_user"), "ana");
    assert!(said(&server, "\\conninfo").contains("as user \"ana\""));
    let version = said(&server, "SELECT version()");
    assert!(version.starts_with("PostgreSQL 15.0 (Comanda "), "{version}");
    for (command, code) in [
        ("SELECT * FROM nothing", "42P01"),
        ("SELECT nope FROM orders", "42703"),
        ("SELEC 1", "42601"),
        ("DROP TABLE orders", "25006"),
        ("SELECT * INTO x FROM orders", "25006"),
    ] {
        let said = said(&server, command);
        assert!(said.starts_with(&format!("ERROR:  {code}: ")), "{command}: {said}");
    }
    let pointed = said(&server, "SELECT 1,, 2");
    assert!(pointed.contains("LINE 1: SELECT 1,, 2\n                 ^"), "{pointed}");
}

#[test]
fn a_statement_sees_what_was_there_when_it_began() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let server = served(&engine);
    assert_eq!(said(&server, "SELECT count(*) FROM orders"), "100");
    fake.show(&orders(101), &[40], false);
    assert_eq!(said(&server, "SELECT count(*) FROM orders"), "101");
}

#[test]
fn drivers_and_inspectors_read_exactly_what_there_is() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let server = served(&engine);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../comanda/tests/peers");
    let mut script = Command::new(python());
    script.arg(folder.join("sql_clients.py")).arg(server.address().to_string());
    let output = script.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Keys that tests give and take back.
struct Keys(Mutex<Vec<(&'static str, Found)>>);

impl Door for Keys {
    fn find(&self, user: &str) -> Found {
        let keys = self.0.lock();
        let key = keys.iter().find(|(name, _)| *name == user);
        key.map_or(Found::Nobody, |(_, found)| found.clone())
    }
}

#[test]
fn a_key_is_user_and_password_as_long_as_it_counts() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let verifier = Verifier::new("ck_1_secret", [7; 16]);
    let known = vec![("1", Found::Verifier(verifier)), ("2", Found::Older)];
    let keys = Arc::new(Keys(Mutex::new(known)));
    let server = serve(&engine, Access::Keys(keys.clone()), Settings::default());
    let asked = |user, password| {
        let output = psql(&server, user, password, &["SELECT 1"]);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert_eq!(asked("1", "ck_1_secret"), "1\n");
    let wrong = asked("1", "ck_1_other");
    assert!(wrong.contains("FATAL:  password authentication failed for user \"1\""), "{wrong}");
    let nobody = asked("3", "ck_1_secret");
    assert!(nobody.contains("FATAL:  password authentication failed for user \"3\""), "{nobody}");
    let older = asked("2", "ck_2_secret");
    assert!(older.contains("comanda keys create --scope read"), "{older}");
    keys.0.lock().clear();
    assert!(asked("1", "ck_1_secret").contains("password authentication failed"));
    let counted = server.counts().now();
    assert_eq!((counted.accepted, counted.refused), (1, 3));
}

/// What a server answers to bytes, until it ends the connection.
fn answer(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // One that ends it with bytes of ours unread resets it: what it said is there all the same.
    _ = socket.read_to_end(&mut answer);
    answer
}

fn startup() -> Vec<u8> {
    let body = [&[0, 3, 0, 0][..], b"user\0ana\0\0"].concat();
    [&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

fn says(answer: &[u8], code: &str) -> bool {
    String::from_utf8_lossy(answer).contains(code)
}

#[test]
fn what_is_no_message_ends_the_connection_at_once_and_harms_nobody() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let server = served(&engine);
    let begun = Instant::now();
    let huge = [0xff; 8];
    let http = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let older = [0, 0, 0, 9, 0, 2, 0, 0, 0];
    let cut = [0, 0, 0, 14, 0, 3, 0, 0, b'u', b's', b'e', b'r', 0, b'a'];
    for opening in [&huge[..], http, &older, &cut] {
        assert!(says(&answer(&server, opening), "08P01"), "{opening:?}");
    }
    let after = |message: &[u8]| answer(&server, &[&startup()[..], message].concat());
    for message in [
        // A length beyond all bounds, and one that is less than itself.
        &[b'Q', 0x7f, 0xff, 0xff, 0xff][..],
        &[b'Q', 0, 0, 0, 3],
        // A bind whose counts and lengths lie; a kind that is none.
        &[b'B', 0, 0, 0, 10, 0, 0, 0xff, 0xff, 0, 1],
        &[b'!', 0, 0, 0, 4],
    ] {
        assert!(says(&after(message), "08P01"), "{message:?}");
    }
    // More rows than there could ever be are as many as there are.
    let all = [
        message(b'P', b"\0SELECT sequence FROM orders LIMIT 2\0\0\0"),
        message(b'B', &[0; 8]),
        message(b'E', b"\0\x7f\xff\xff\xff"),
        message(b'S', b""),
        message(b'X', b""),
    ];
    assert!(says(&after(&all.concat()), "SELECT 2"));
    assert!(begun.elapsed() < Duration::from_secs(5), "somebody was waited for");
    assert_eq!(said(&server, "SELECT 1"), "1");
}

#[test]
fn tls_is_declined_and_the_client_goes_on_without() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let server = served(&engine);
    let asks = [0, 0, 0, 8, 4, 210, 22, 47];
    let answer = answer(&server, &[&asks[..], &startup(), b"X\0\0\0\x04"].concat());
    assert_eq!(answer[..2], *b"NR");
}

#[test]
fn who_does_not_begin_or_says_nothing_is_sent_away() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let short = Duration::from_millis(200);
    let settings = Settings { startup: short, idle: short, ..Settings::default() };
    let server = serve(&engine, Access::Anyone, settings);
    assert!(says(&answer(&server, &[0, 0]), "the startup took too long"));
    assert!(says(&answer(&server, &startup()), "57P05"));
}

#[test]
fn there_are_no_more_connections_than_may_be() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let settings = Settings { connections_max: 1, ..Settings::default() };
    let server = serve(&engine, Access::Anyone, settings);
    let mut first = TcpStream::connect(server.address()).unwrap();
    first.write_all(&startup()).unwrap();
    assert_eq!(first.read(&mut [0; 1]).unwrap(), 1);
    assert!(says(&answer(&server, &startup()), "53300"));
    assert_eq!(server.counts().now().turned_away, 1);
}

#[test]
fn a_server_that_stops_says_so_to_whoever_is_connected() {
    let fake = Fake::empty();
    let engine = engine(&fake);
    let server = served(&engine);
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.write_all(&startup()).unwrap();
    assert_eq!(socket.read(&mut [0; 1]).unwrap(), 1);
    let long = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";
    let query = message(b'Q', format!("{long}\0").as_bytes());
    let mut busy = TcpStream::connect(server.address()).unwrap();
    busy.write_all(&[startup(), query].concat()).unwrap();
    assert_eq!(busy.read(&mut [0; 1]).unwrap(), 1);
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(3), "it waited for a statement");
    for mut socket in [socket, busy] {
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        assert!(says(&rest, "57P01"));
    }
}
