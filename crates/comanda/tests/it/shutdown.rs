//! Stopping in good order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Chance, Home, Http, document, order_id, until};

#[test]
fn a_server_told_to_stop_under_load_keeps_every_order_it_answered_for() {
    let home = Home::new();
    let mut chance = Chance::new("shutdown");
    let next = AtomicU64::new(0);
    let mut taken = BTreeSet::new();
    for _ in 0..3 {
        let server = home.serve();
        let address = server.address().to_owned();
        let moment = Duration::from_millis(chance.of(100..400));
        let (address, next) = (&address, &next);
        std::thread::scope(|scope| {
            let senders: Vec<_> =
                (0..16).map(|_| scope.spawn(move || send_until_refused(address, next))).collect();
            std::thread::sleep(moment);
            let begun = Instant::now();
            assert_eq!(server.stop(), Some(0));
            assert!(begun.elapsed().as_secs() < 10, "it took {:?}", begun.elapsed());
            for sender in senders {
                taken.extend(sender.join().expect("a sender ends"));
            }
        });
    }
    assert!(taken.len() > 100, "{} orders were answered", taken.len());
    let server = home.serve();
    let mut http = server.connect();
    for index in &taken {
        let answer = http.get(&format!("/v1/orders/{}", order_id(*index)));
        assert_eq!(answer.status, 200, "order {index}");
    }
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

fn send_until_refused(address: &str, next: &AtomicU64) -> Vec<u64> {
    let (mut taken, mut http) = (Vec::new(), Http::connect(address));
    while let Ok(connection) = &mut http {
        let index = next.fetch_add(1, Ordering::Relaxed);
        match connection.try_post("/v1/orders", document(index)) {
            Ok(answer) if answer.status == 202 => {
                taken.push(index);
                if answer.head.to_lowercase().contains("connection: close") {
                    return taken;
                }
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(_) => return taken,
        }
    }
    taken
}

#[test]
fn a_server_told_to_stop_as_soon_as_it_listens_stops() {
    let home = Home::new();
    for _ in 0..10 {
        let server = home.serve();
        assert_eq!(server.stop(), Some(0));
    }
}

#[test]
fn an_idle_connection_does_not_hold_up_the_stop() {
    let home = Home::new();
    let server = home.serve();
    let (mut used, _unused) = (server.connect(), server.connect());
    assert_eq!(used.get("/health").status, 200);
    let begun = Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(begun.elapsed().as_secs() < 10, "it took {:?}", begun.elapsed());
}

#[test]
fn a_batch_interrupted_by_a_stop_goes_on_at_the_next_start() {
    let home = Home::new();
    let server = home.serve();
    let lines: Vec<u8> = (0..10_000)
        .flat_map(|index| document(index).iter().copied().chain(std::iter::once(b'\n')))
        .collect();
    let path = "/v1/batches?batch_id=interrupted&max_concurrency=16";
    let started = server.connect().post_lines(path, lines);
    assert_eq!(started.status, 202, "{}", started.text());
    assert_eq!(server.stop(), Some(0));

    let server = home.serve();
    let mut http = server.connect();
    let done = || http.get("/v1/batches/interrupted").json()["status"] != "RUNNING";
    assert!(until(20, done));
    let batch = server.connect().get("/v1/batches/interrupted").json();
    assert_eq!(batch["status"], "SUCCEEDED", "{batch:#}");
    assert_eq!(batch["item_counts"]["succeeded"], 10_000, "{batch:#}");
    assert_eq!(server.stop(), Some(0));
    home.examine();
}
