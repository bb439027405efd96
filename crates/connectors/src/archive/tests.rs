//! The archive in a folder; in a bucket it is met by the whole program's tests.

use std::collections::BTreeMap;

use service::conformance::ticking;
use service::ledger::{Amend, Answer, Changes, Receive, Request};
use service::memory::{MemoryLedger, MemoryLog};
use service::serial::Settings;
use service::wire::document::{self, Command};

use super::*;
use crate::aws::Account;
use crate::http::REASON_BYTES_MAX;
use crate::place::PREFIX_BYTES_MAX;

fn ledger() -> Arc<MemoryLedger> {
    let settings = Settings { exponent: 2, ..Settings::default() };
    let ledger = MemoryLedger::open(MemoryLog::default(), settings, ticking());
    Arc::new(ledger.expect("an empty log opens"))
}

fn place(url: &str) -> super::Settings {
    let url = url.parse().expect("a url");
    let place = Place { url, endpoint: None, path_style: true, account: Account::default() };
    super::Settings { place, concurrency: 4 }
}

fn folder(path: &std::path::Path, ledger: &Arc<MemoryLedger>) -> Archive {
    let url = Url::from_directory_path(path).expect("an absolute path");
    Archive::open(&place(url.as_str()), ledger.clone()).expect("the folder is there")
}

/// Says a document to the ledger, which it may refuse.
fn say(ledger: &MemoryLedger, text: &str) -> Answer {
    let merchant = domain::id::MerchantId::parse("loja").expect("a name");
    let read = document::read(text.as_bytes(), &document::Settings::new(merchant));
    let document = Bytes::copy_from_slice(text.as_bytes());
    let request = match read.expect("an order").command {
        Command::Create(order) => Request::Receive(Box::new(Receive {
            order,
            document,
            warnings: Vec::new(),
            batch: None,
            rules: None,
        })),
        Command::Amend(order) => Request::Amend(Box::new(Amend {
            order,
            document,
            warnings: Vec::new(),
            batch: None,
            revision: None,
        })),
        Command::Cancel(_) => panic!("no order"),
    };
    let answers = service::conformance::wait(ledger.execute(vec![request]));
    answers.expect("the ledger is available").remove(0)
}

fn order(id: &str, quantity: u32, more: &str) -> String {
    let id = serde_json::to_string(id).expect("a text");
    format!(
        r#"{{ "id": {id}, "customerId": "c",{more} "items": [{{"sku": "P", "quantity": {quantity}}}]}}"#
    )
}

fn deliveries(archive: &Archive, ledger: &MemoryLedger) -> Vec<Delivery> {
    let changes = ledger.read(None, 100).expect("it reads");
    let select = |(seq, change): &(Seq, Change)| archive.select(*seq, change).expect("it selects");
    changes.iter().flat_map(select).collect()
}

fn bring(archive: &Archive, delivery: &Delivery) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(archive.deliver(delivery, 1))
}

/// Every file below a folder, by its path there.
fn files(root: &std::path::Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).expect("it is read"));
            }
        }
    }
    found
}

#[test]
fn every_revision_is_kept_byte_for_byte_under_a_name_that_is_read_back() {
    let (folder_, ledger) = (tempfile::tempdir().expect("a folder"), ledger());
    let archive = folder(folder_.path(), &ledger);
    let unicode = "é".repeat(64);
    let ids = ["o-1", "../../o-2", "a/b", "%2e", &*unicode, "C:\\x", "."];
    let mut sent = BTreeMap::new();
    for id in ids {
        let text = order(id, 1, "");
        assert!(matches!(say(&ledger, &text), Answer::Accepted(_)), "{id}");
        sent.insert((id.to_owned(), 1), text.into_bytes());
    }
    let text = order("o-1", 2, r#" "order_status": "Alterar Pedido","#);
    assert!(matches!(say(&ledger, &text), Answer::Accepted(_)));
    sent.insert(("o-1".to_owned(), 2), text.into_bytes());
    // A repetition and an amendment of what is not there are no documents of an order.
    say(&ledger, &order("o-1", 1, ""));
    say(&ledger, &order("none", 1, r#" "order_status": "Alterar Pedido","#));
    let deliveries = deliveries(&archive, &ledger);
    assert_eq!(deliveries.len(), ids.len() + 1);
    for delivery in deliveries.iter().chain(&deliveries) {
        assert_eq!(bring(&archive, delivery), Outcome::Delivered, "again, it is the same");
    }
    let mut found = BTreeMap::new();
    for (name, bytes) in files(folder_.path()) {
        let (order, revision) = key::read(&name).unwrap_or_else(|| panic!("{name}"));
        found.insert((order.id.as_str().to_owned(), revision), bytes);
    }
    assert_eq!(found, sent);
}

#[test]
fn a_delivery_has_the_same_id_whenever_it_is_asked_for_and_no_other_has_it() {
    let (folder_, ledger) = (tempfile::tempdir().expect("a folder"), ledger());
    let archive = folder(folder_.path(), &ledger);
    say(&ledger, &order("o-1", 1, ""));
    say(&ledger, &order("o-2", 1, ""));
    let first = deliveries(&archive, &ledger);
    assert_eq!(first, deliveries(&archive, &ledger));
    assert_ne!(first[0].id, first[1].id);
}

#[test]
fn other_bytes_under_a_documents_name_are_left_as_they_are() {
    let (folder_, ledger) = (tempfile::tempdir().expect("a folder"), ledger());
    let archive = folder(folder_.path(), &ledger);
    say(&ledger, &order("o-1", 1, ""));
    let delivery = deliveries(&archive, &ledger).remove(0);
    assert_eq!(bring(&archive, &delivery), Outcome::Delivered);
    let name = files(folder_.path()).pop_first().expect("a file").0;
    std::fs::write(folder_.path().join(&name), "mine").expect("it is written");
    assert!(matches!(bring(&archive, &delivery), Outcome::Refused { .. }));
    assert_eq!(files(folder_.path())[&name], b"mine");
}

#[test]
fn a_folder_that_goes_away_holds_the_archive_and_one_that_never_was_is_refused() {
    let (folder_, ledger) = (tempfile::tempdir().expect("a folder"), ledger());
    let path = folder_.path().join("archive");
    let url = Url::from_directory_path(&path).expect("an absolute path");
    let none = Archive::open(&place(url.as_str()), ledger.clone());
    assert!(matches!(none, Err(PlaceError::Folder(_))));
    std::fs::create_dir(&path).expect("a folder");
    let archive = folder(&path, &ledger);
    say(&ledger, &order("o-1", 1, ""));
    std::fs::remove_dir(&path).expect("it goes away");
    std::fs::write(&path, "a file in its place").expect("it is written");
    let delivery = deliveries(&archive, &ledger).remove(0);
    assert!(matches!(bring(&archive, &delivery), Outcome::Unavailable { .. }));
}

#[test]
fn a_place_is_a_bucket_or_a_folder_and_its_prefix_is_short() {
    let open = |url: &str| Archive::open(&place(url), ledger()).map(|archive| archive.prefix);
    let long = format!("s3://bucket/{}", "p".repeat(PREFIX_BYTES_MAX + 1));
    assert!(matches!(open(&long), Err(PlaceError::Prefix)));
    assert!(matches!(open("ftp://bucket/x"), Err(PlaceError::Url)));
    let prefix = open("s3://bucket/orders/2026/").expect("a bucket");
    assert_eq!(prefix.as_ref(), "orders/2026");
    assert_eq!(open("s3://bucket").expect("a bucket").as_ref(), "");
}

#[test]
fn what_a_store_says_is_told_without_what_was_put() {
    let said = "Server returned non-2xx status code: 404 Not Found: <Error>\
        <Code>NoSuchBucket</Code><BucketName>b</BucketName></Error>";
    let error = |text: &str| Error::NotFound { path: "loja/o-1".into(), source: text.into() };
    assert_eq!(reason(&error(said)), "the bucket is not there: NoSuchBucket");
    let denied = said.replace("NoSuchBucket", "AccessDenied");
    assert_eq!(reason(&error(&denied)), "the store denies access: AccessDenied");
    let long = "é".repeat(REASON_BYTES_MAX);
    assert!(reason(&error(&long)).len() <= REASON_BYTES_MAX);
}
