//! Disks without room: writes are answered 503, nothing answered is lost, reading goes on.

use crate::support::{Home, Server, document, order_id, priced_order, until};

#[test]
fn a_full_disk_answers_503_and_loses_nothing_that_was_answered() {
    let home = Home::new();
    let server = home.serve_on_full_disk(1_024);
    let mut http = server.connect();
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for index in 0..2_000 {
        let answer = http.post("/v1/orders", document(index));
        match answer.status {
            202 => taken.push(index),
            503 => refused.push(index),
            _ => panic!("{}", answer.text()),
        }
        if refused.len() > 100 {
            break;
        }
    }
    assert!(taken.len() > 100, "{} orders were taken", taken.len());
    assert!(!refused.is_empty(), "the disk never was full");
    for index in &taken {
        assert_eq!(http.get(&format!("/v1/orders/{}", order_id(*index))).status, 200);
    }
    assert_eq!(http.get("/health").status, 200);
    let lines: Vec<u8> = (0..500).flat_map(|n| [document(10_000 + n), b"\n"].concat()).collect();
    let batch = "/v1/batches?batch_id=b";
    let on_record = http.post_lines(batch, &lines).status == 202;
    assert!(until(10, || http.get("/v1/orders?limit=1").status == 200));

    // Room again, without a restart.
    server.limit_files(None);
    for index in refused.drain(..) {
        let answer = http.post("/v1/orders", document(index));
        // 503 said that nobody knows: here the write was undone.
        assert_eq!(answer.status, 202, "{}", answer.text());
        taken.push(index);
    }
    assert!(until(10, || http.post_lines(batch, &lines).status == 202), "{on_record}");
    let succeeded = || http.get("/v1/batches/b").json()["item_counts"]["succeeded"] == 500;
    assert!(until(10, succeeded), "{}", server.connect().get("/v1/batches/b").text());
    server.kill();

    let server = home.serve();
    check_there(&server, &taken);
    assert_eq!(server.stop(), Some(0));
    home.examine();
}

#[test]
fn a_server_on_a_full_disk_stops_when_told_and_comes_back_with_everything() {
    let home = Home::new();
    home.furnish();
    // The log has 1.3 MB by now, the projection 2.2.
    let server = home.serve_on_full_disk(1_700);
    let mut http = server.connect();
    let mut taken = Vec::new();
    for index in 0..400 {
        if http.post("/v1/orders", document(index)).status == 202 {
            taken.push(index);
        }
    }
    assert!((10..390).contains(&taken.len()), "{} orders were taken", taken.len());
    // The projection is written once a second: by now that has failed.
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    let begun = std::time::Instant::now();
    assert_eq!(server.stop(), Some(0));
    assert!(begun.elapsed().as_secs() < 10, "it took {:?} to stop", begun.elapsed());
    check_there(&home.serve(), &taken);
}

fn check_there(server: &Server, taken: &[u64]) {
    let mut http = server.connect();
    for index in taken {
        let answer = http.get(&format!("/v1/orders/{}", order_id(*index)));
        assert_eq!(answer.status, 200, "order {index}: {}", answer.text());
        let (text, sent) = (answer.text(), String::from_utf8_lossy(document(*index)));
        assert!(text.contains(&*sent), "order {index} has another document");
    }
}

#[test]
fn below_the_free_space_threshold_writes_are_refused_and_reads_answered() {
    let home = Home::new();
    let server = home.serve();
    assert_eq!(server.connect().post("/v1/orders", priced_order("o1", "PEN", "1.50")).status, 202);
    assert_eq!(server.stop(), Some(0));

    let server = home.serve_with(&["--min-free-mb", "1000000000"]);
    let mut http = server.connect();
    for path in ["/v1/orders", "/v1/batches", "/v1/stock/PEN/adjustments"] {
        let body = match path {
            "/v1/stock/PEN/adjustments" => "{\"delta\": 5}".to_owned(),
            _ => priced_order("o2", "PEN", "1.50"),
        };
        let answer = http.post(path, body);
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
        assert!(answer.head.to_lowercase().contains("retry-after:"), "{path}: {}", answer.head);
    }
    let ready = http.get("/ready");
    assert_eq!((ready.status, &ready.json()["disk_low"]), (503, &true.into()));
    assert_eq!(http.get("/health").status, 200);
    assert_eq!(http.get("/v1/orders/o1").json()["total"], "1.50");
    assert_eq!(http.get("/v1/orders/o2").status, 404);
    assert_eq!(server.stop(), Some(0));

    let server = home.serve();
    assert_eq!(server.connect().post("/v1/orders", priced_order("o2", "PEN", "1.50")).status, 202);
    assert_eq!(server.connect().get("/ready").status, 200);
}
