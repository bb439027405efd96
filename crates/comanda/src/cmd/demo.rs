//! `comanda demo`: everything once, on a store of its own, then the server stays up.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cli::Store;
use crate::client::Client;
use crate::installation::Installation;
use crate::render;
use crate::sample::{Kind, Options, write};
use crate::spoken::{self, told, word};

/// A folder with this file in it was made by a demo, and may be made anew.
const MARK: &str = "MADE-BY-COMANDA-DEMO";
/// Orders of the demo's batch.
const BATCH_ORDERS: u64 = 5_000;

pub(super) fn demo(
    store: &Store,
    installation: &Installation,
    listen: SocketAddr,
    exit: bool,
) -> Result<ExitCode> {
    let dir = fresh(&store.data_dir)?;
    let failed = Arc::new(AtomicBool::new(false));
    let tour = |url: &str, _: Option<&str>| {
        let path = dir.display().to_string();
        println!("{}\n", told!("demo-store", path = path, url = url));
        let (url, dir, failed) = (url.to_owned(), dir.clone(), failed.clone());
        std::thread::spawn(move || {
            let done = tour(&Client::remote(url.clone(), None));
            if let Err(error) = &done {
                eprintln!("comanda: {}", spoken::chain(error));
                failed.store(true, Ordering::Relaxed);
            }
            if exit || done.is_err() {
                // The server stops as it does for anybody: in good order.
                drop(signal_hook::low_level::raise(signal_hook::consts::SIGTERM));
            } else {
                next_steps(&url, &dir);
                println!("{}", told!("demo-stays"));
            }
        });
    };
    let code = super::serve::serve(&dir, installation, free(listen), tour)?;
    Ok(if failed.load(Ordering::Relaxed) { ExitCode::from(super::FAILED) } else { code })
}

/// A new, empty folder beside the store; only what a demo made is ever removed.
fn fresh(data_dir: &Path) -> Result<PathBuf> {
    let dir = data_dir.with_file_name("demo");
    if dir.join(MARK).exists() {
        std::fs::remove_dir_all(&dir)
            .with_context(|| told!("no-write", path = dir.display().to_string()))?;
    } else if dir.exists() {
        bail!(told!("no-demo-folder", path = dir.display().to_string()));
    }
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join(MARK), "")?;
    Ok(dir)
}

/// The address, or any free port where that one is taken.
fn free(listen: SocketAddr) -> SocketAddr {
    match TcpListener::bind(listen) {
        Ok(_) => listen,
        Err(_) => SocketAddr::new(listen.ip(), 0),
    }
}

fn sample(kind: Kind, count: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let (invalid_percent, duplicates_percent) = match kind {
        Kind::Batch => (3, 2),
        Kind::Simple
        | Kind::Retail
        | Kind::Transfer
        | Kind::Catalogue
        | Kind::Stock
        | Kind::Rules => (0, 0),
    };
    let options = Options { kind, count, seed: 7, invalid_percent, duplicates_percent };
    write(&options, &mut bytes)?;
    Ok(bytes)
}

const LINES: &str = "application/x-ndjson";
const JSON: &str = "application/json";

fn tour(api: &Client) -> Result<()> {
    println!("{}", word!("demo-catalogue"));
    api.json("PUT", "/v1/products", Some((LINES, sample(Kind::Catalogue, 0)?)))?;
    api.json("POST", "/v1/stock", Some((LINES, sample(Kind::Stock, 0)?)))?;
    api.json("PUT", "/v1/pricing-rules", Some((JSON, sample(Kind::Rules, 0)?)))?;
    println!("   {}\n", word!("demo-catalogue-is"));

    println!("{}", word!("demo-orders"));
    let retail = sample(Kind::Retail, 1)?;
    place(api, word!("demo-full"), retail.clone())?;
    place(api, word!("demo-again"), retail)?;
    place(api, word!("demo-simple"), sample(Kind::Simple, 1)?)?;
    place(api, word!("demo-transfer"), sample(Kind::Transfer, 1)?)?;
    place(api, word!("demo-short"), SHORT.as_bytes().to_vec())?;
    place(api, word!("demo-invalid"), br#"{"order_id":"BAD-1","items":[]}"#.to_vec())?;

    println!("\n{}", word!("demo-restock"));
    let seller = "12345678000195";
    let body = format!(r#"{{"merchant_id":"{seller}","delta":1000000,"reason":"truck 7"}}"#);
    api.json("POST", "/v1/stock/PRD-00004/adjustments", Some((JSON, body.into_bytes())))?;
    let waited = filled(api)?;
    println!("   {}", told!("demo-now", order = "DEMO-SHORT", status = waited));

    println!("\n{}", told!("demo-batch", orders = BATCH_ORDERS.to_string()));
    println!("   {}", word!("demo-batch-is"));
    let sent = api.json("POST", "/v1/batches", Some((JSON, sample(Kind::Batch, BATCH_ORDERS)?)))?;
    let id = render::cell(sent.pointer("/batch_id"));
    let (_, report) = super::batch::follow(api, &id)?;
    render::summary(&report);
    Ok(())
}

/// Wants more than the catalogue's stock of one product.
const SHORT: &str = r#"{"order_id":"DEMO-SHORT","merchant_id":"12345678000195",
  "customerId":"C-1","items":[{"sku":"PRD-00004","quantity":900000,"price":"1.00"}]}"#;

/// The waiting order's status once the release has run: it follows the restock within moments.
fn filled(api: &Client) -> Result<String> {
    let mut status = String::new();
    for _ in 0..50 {
        let order = api.json("GET", "/v1/orders/DEMO-SHORT?merchant_id=12345678000195", None)?;
        status = render::cell(order.pointer("/status_label"));
        if order["status"] == "COMPLETED" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(status)
}

fn place(api: &Client, what: &str, document: Vec<u8>) -> Result<()> {
    let (code, bytes) = api.call("POST", "/v1/orders", Some((JSON, document)))?;
    let answer: Value = serde_json::from_slice(&bytes)?;
    let told = ["/order_id", "/status", "/total", "/title"];
    let texts = told.map(|pointer| render::cell(answer.pointer(pointer)));
    let text = texts.iter().filter(|t| !t.is_empty() && **t != code.to_string());
    let text = text.map(String::as_str).collect::<Vec<_>>().join("  ");
    println!("   {what:26} {code}  {text}");
    Ok(())
}

fn next_steps(url: &str, dir: &Path) {
    let dir = dir.display();
    println!("\n{}", word!("demo-look"));
    println!("   {url}/                         {}", word!("demo-start-page"));
    println!("   curl {url}/v1/orders/DEMO-SHORT    {}", word!("demo-one-order"));
    println!("   curl '{url}/v1/orders?status=BACKORDERED&limit=5'");
    println!("   curl {url}/metrics");
    println!("   comanda --data-dir {dir} orders list");
    println!("   comanda --data-dir {dir} stock list --limit 5");
    println!("   comanda --data-dir {dir} sql 'SELECT * FROM revenue_by_day'");
    println!("   comanda --data-dir {dir} report --out report.html");
    println!(
        "   comanda sample --kind retail --count 100000 --seed 9 | \
         comanda --data-dir {dir} batch run -\n"
    );
}
