//! More than the server takes at once: everybody gets an answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::{Answer, Home, Http, priced_order, until};

/// Connections that send at the same moment.
const CONNECTIONS: usize = 1_200;
/// Bytes of each order's notes: together more than the queue takes.
const NOTES_BYTES: usize = 230 << 10;

/// An order of nearly as many bytes as one may have.
fn large_order(id: usize) -> String {
    let order = priced_order(&format!("large-{id}"), "PEN", "1.50");
    let notes = "x".repeat(NOTES_BYTES);
    order.replacen('{', &format!("{{\"notes\": \"{notes}\", "), 1)
}

#[test]
fn more_bytes_than_the_queue_takes_are_answered_one_by_one_and_none_hangs() {
    let home = Home::new();
    let server = home.serve();
    let begun = Instant::now();
    let threads = 16;
    let answers: Vec<(usize, Answer)> = std::thread::scope(|scope| {
        let sending = (0..threads).map(|thread| {
            let address = server.address();
            scope.spawn(move || {
                let ids = (thread..CONNECTIONS).step_by(threads);
                let sent = ids.map(|id| {
                    let mut http = Http::connect(address).expect("the server accepts");
                    let body = large_order(id);
                    http.send("POST", "/v1/orders", "application/json", body.as_bytes())
                        .expect("the server reads");
                    (id, http)
                });
                // Every one is sent before the first answer is waited for.
                let sent: Vec<_> = sent.collect();
                let answer =
                    |(id, mut http): (usize, Http)| (id, http.receive().expect("an answer"));
                sent.into_iter().map(answer).collect::<Vec<_>>()
            })
        });
        let sending: Vec<_> = sending.collect();
        sending.into_iter().flat_map(|s| s.join().expect("all are answered")).collect()
    });
    let mut by_status: BTreeMap<u16, usize> = BTreeMap::new();
    for (_, answer) in &answers {
        *by_status.entry(answer.status).or_default() += 1;
    }
    println!("answers by status: {by_status:?} in {:?}", begun.elapsed());
    assert!(by_status.keys().all(|status| matches!(status, 202 | 429 | 503)), "{by_status:?}");
    assert!(by_status.contains_key(&202), "{by_status:?}");
    let mut http = server.connect();
    for (id, answer) in answers.iter().step_by(7) {
        let found = http.get(&format!("/v1/orders/large-{id}")).status;
        match answer.status {
            202 => assert_eq!(found, 200, "large-{id} was answered 202"),
            _ => assert!(answer.head.to_lowercase().contains("retry-after:"), "{}", answer.head),
        }
    }
    assert_eq!(http.post("/v1/orders", priced_order("after", "PEN", "1.50")).status, 202);
}

#[test]
fn connections_beyond_the_file_descriptors_wait_and_are_answered() {
    let home = Home::new();
    let server = home.serve_with_files(128);
    let begun = Instant::now();
    let mut waiting: Vec<Http> = (0..300)
        .map(|id| {
            let mut http = server.connect();
            let body = priced_order(&format!("o{id}"), "PEN", "1.50");
            let sent = http.send("POST", "/v1/orders", "application/json", body.as_bytes());
            sent.expect("the request is sent");
            http
        })
        .collect();
    for (id, mut http) in waiting.drain(..).enumerate() {
        let answer = http.receive().unwrap_or_else(|e| panic!("o{id}: {e}"));
        assert_eq!(answer.status, 202, "o{id}: {}", answer.text());
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
    let mut http = server.connect();
    assert!(until(5, || http.get("/v1/orders/o299").status == 200));
}

#[test]
fn many_slow_readers_of_lists_do_not_hold_up_orders() {
    let home = Home::new();
    let server = home.serve();
    let mut http = server.connect();
    for id in 0..200 {
        let body = priced_order(&format!("o{id}"), "PEN", "1.50");
        assert_eq!(http.post("/v1/orders", body).status, 202);
    }
    // Nobody reads these answers until orders have been taken.
    let mut readers: Vec<Http> = (0..600)
        .map(|_| {
            let mut reader = server.connect();
            reader.send("GET", "/v1/orders?limit=1000", "", b"").expect("a list is asked for");
            reader
        })
        .collect();
    for id in 200..220 {
        let body = priced_order(&format!("o{id}"), "PEN", "1.50");
        assert_eq!(http.post("/v1/orders", body).status, 202);
    }
    for reader in &mut readers {
        let answer = reader.receive().expect("a list");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}
