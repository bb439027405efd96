//! Documents in an archive: a bucket of a real server, and a folder.

use std::path::Path;

use serde_json::json;

use crate::support::{Aws, Home, Server, until};

const BUCKET: &str = "documents";

/// Settings that name this server's bucket.
fn settings(home: &Home, aws: &Aws, more: &str) -> String {
    let text = format!(
        "[archive]\nurl = \"s3://{BUCKET}/orders\"\nendpoint = \"{}\"\naccess_key = \"{}\"\n\
         secret_key = \"{}\"\n{more}",
        aws.url, aws.key, aws.secret
    );
    home.file("archive.toml", text).to_string_lossy().into_owned()
}

fn order(id: &str, quantity: u32) -> String {
    // Blanks, so that no parser could have made these bytes.
    let id = serde_json::to_string(id).expect("a text");
    format!(
        "{{ \"id\" :{id}, \"customerId\":\"c\",\n \
         \"items\": [{{\"sku\": \"PEN\",\"quantity\": {quantity}}}] }}"
    )
}

fn place(server: &Server, text: &str) -> String {
    let answer = server.connect().post("/v1/orders", text);
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["links"]["self"].as_str().expect("a link").to_owned()
}

/// The link to an order's document.
fn link(server: &Server, order: &str) -> String {
    let shown = server.connect().get(order).json();
    shown["document_url"].as_str().unwrap_or_else(|| panic!("{shown}")).to_owned()
}

/// What a link leads to: the status, and the bytes.
fn follow(link: &str) -> (u16, Vec<u8>) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut answer = agent.get(link).call().expect("the store answers");
    (answer.status().as_u16(), answer.body_mut().read_to_vec().expect("a body"))
}

/// What is said of the archive.
fn told(server: &Server) -> String {
    server.connect().get("/v1/followers").text()
}

#[test]
fn documents_are_in_the_bucket_byte_for_byte_and_the_stores_own_links_lead_to_them() {
    let (mut aws, home) = (Aws::start(), Home::new());
    aws.call("s3", "create_bucket", json!({"Bucket": BUCKET}));
    let config = settings(&home, &aws, "[documents]\nlink_s = 3\n");
    let server = home.serve_with(&["--config", &config]);
    let unicode = "é".repeat(64);
    for id in ["o-1", "../../o-2", "a/b c?#%2e", &*unicode] {
        let text = order(id, 1);
        let order = place(&server, &text);
        assert!(until(10, || link(&server, &order).starts_with(&aws.url)), "{}", told(&server));
        let stored = link(&server, &order);
        assert_eq!(follow(&stored), (200, text.into_bytes()), "{stored}");
        let tampered = stored.replace("orders/default", "orders/defaulu");
        assert_eq!(follow(&tampered).0, 403, "{tampered}");
    }
    let first = link(&server, "/v1/orders/o-1");
    let amended = server.connect().call(
        "PATCH",
        "/v1/orders/o-1",
        "application/merge-patch+json",
        br#"{"items": [{"sku": "PEN", "quantity": 2}]}"#,
    );
    assert_eq!(amended.expect("an answer").status, 200);
    assert!(until(10, || {
        let link = link(&server, "/v1/orders/o-1");
        link.contains("o-1.2.json") && link.starts_with(&aws.url)
    }));
    let listed = aws.call("s3", "list_objects_v2", json!({"Bucket": BUCKET}));
    assert_eq!(listed["KeyCount"], 5, "both revisions: {listed}");
    assert!(until(10, || follow(&first).0 == 403), "a link expires");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_store_that_is_away_holds_the_archive_and_everything_is_there_in_the_end() {
    let (mut aws, home) = (Aws::start(), Home::new());
    let config = settings(&home, &aws, "");
    let server = home.serve_with(&["--config", &config]);
    let order_ = place(&server, &order("o-1", 1));
    // A bucket that is missing is said so.
    assert!(until(10, || told(&server).contains("NoSuchBucket")), "{}", told(&server));
    assert!(link(&server, &order_).starts_with("/v1/orders/"), "our own link, until it is there");
    aws.down();
    let other = place(&server, &order("o-2", 1));
    aws.up();
    aws.call("s3", "create_bucket", json!({"Bucket": BUCKET}));
    server.kill();
    let server = home.serve_with(&["--config", &config]);
    for order in [&order_, &other] {
        assert!(until(20, || link(&server, order).starts_with(&aws.url)), "{}", told(&server));
    }
    let own = server.connect().get(&format!("{}/document", "/v1/orders/o-1"));
    assert_eq!(own.body, order("o-1", 1).into_bytes(), "our own document stays");
}

#[test]
fn a_folder_is_an_archive_and_our_own_links_stay() {
    let home = Home::new();
    let folder = home.path("archive");
    let text = format!("[archive]\nurl = \"file://{}\"\n", folder.display());
    let config = home.file("archive.toml", text).to_string_lossy().into_owned();
    let refused = home.run(&["--config", &config, "serve", "--listen", "127.0.0.1:0"]);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("its folder is not there; make it first"), "{}", refused.err);
    std::fs::create_dir(&folder).expect("a folder");
    let server = home.serve_with(&["--config", &config]);
    let text = order("../o-1", 1);
    let placed = place(&server, &text);
    assert!(until(10, || found(&folder) == 1));
    assert!(link(&server, &placed).starts_with("/v1/orders/"));
    assert_eq!(server.stop(), Some(0));
}

/// How many files are below a folder.
fn found(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("it is listed").flatten();
    entries.map(|entry| if entry.path().is_dir() { found(&entry.path()) } else { 1 }).sum()
}
