//! The change stream of the real process: through crashes, restarts and the end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Home, Server, simple_order};

/// A client of a stream, as a browser is one.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &Server, query: &str, last_event_id: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let last = match last_event_id {
            "" => String::new(),
            id => format!("last-event-id: {id}\r\n"),
        };
        let head = "host: test\r\naccept: text/event-stream\r\n";
        let request = format!("GET /v1/changes?{query} HTTP/1.1\r\n{head}{last}\r\n");
        stream.write_all(request.as_bytes()).expect("it is asked");
        Self(BufReader::new(stream))
    }

    /// The next event; `None` at the end of the stream. The sizes of chunks between events are no
    /// lines of theirs.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            match self.0.read_line(&mut line) {
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                read => read.expect("something is said in time"),
            };
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("an event is JSON"));
            }
        }
    }
}

fn place(server: &Server, orders: std::ops::Range<u64>) {
    let mut http = server.connect();
    for n in orders {
        let order = simple_order(&format!("s-{n}"), "PEN", 1);
        assert_eq!(http.post("/v1/orders", order).status, 202);
    }
}

#[test]
fn a_client_misses_nothing_and_hears_nothing_twice_through_a_crash() {
    let home = Home::new();
    let (mut ids, mut orders, mut last) = (BTreeSet::new(), BTreeSet::new(), String::new());
    for round in 0..3 {
        let server = home.serve();
        let mut stream = Stream::open(&server, "type=comanda.order.received", &last);
        place(&server, round * 50..(round + 1) * 50);
        // It is killed while the client has not heard of all.
        for _ in 0..30 {
            let event = stream.next().expect("there is more");
            last = event["id"].as_str().expect("an id").to_owned();
            assert!(ids.insert(last.clone()), "{last} came twice");
            orders.insert(event["data"]["order_id"].as_str().expect("an order").to_owned());
        }
        server.kill();
    }
    let server = home.serve();
    let mut stream = Stream::open(&server, "type=comanda.order.received", &last);
    while orders.len() < 150 {
        let event = stream.next().expect("there is more");
        assert!(ids.insert(event["id"].as_str().expect("an id").to_owned()), "{event}");
        orders.insert(event["data"]["order_id"].as_str().expect("an order").to_owned());
    }
    assert_eq!(orders, (0..150).map(|n| format!("s-{n}")).collect());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn streams_tell_at_once_and_do_not_hold_up_the_end() {
    let home = Home::new();
    let server = home.serve();
    let mut streams: Vec<Stream> = (0..20).map(|_| Stream::open(&server, "", "")).collect();
    place(&server, 0..5);
    let begun = Instant::now();
    for stream in &mut streams {
        assert_eq!(stream.next().expect("an event")["type"], "comanda.order.received");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    for stream in &mut streams {
        while stream.next().is_some() {}
    }
}
