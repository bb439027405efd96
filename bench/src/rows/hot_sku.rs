//! Every order wants the same product: the case where rows cannot be locked side by side.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Options, attempt, stores};
use crate::documents;
use crate::lab::{Lab, System};
use crate::peer::{self, Bulk, Cluster};
use crate::process::{self, Process};
use crate::report::{Better, Report};

/// Orders of the peer's run.
const ORDERS: usize = 100_000;
/// How long one run may take.
const TIME_MAX: Duration = Duration::from_secs(300);
/// Orders in one transaction of the peer: as many as wait at a loaded server.
const PEER_BATCH: usize = 256;

/// Orders for one product, in process.
///
/// # Errors
/// The documents cannot be made.
pub fn hot_sku(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    for system in stores(options) {
        attempt(system, "one hot product", report, |report| {
            let per_second = match system {
                System::Comanda => comanda(lab)?,
                System::Peer | System::Ceiling => peer(lab)?,
            };
            let name = "every order for one product, in process";
            report.add(system, name, "orders/s", Better::More, per_second);
            Ok(())
        });
    }
    Ok(())
}

fn comanda(lab: &Lab) -> io::Result<f64> {
    let mut command = process::bound(&lab.comanda);
    let printed = Process::output(command.args(["bench", "hot-sku", "--json"]), TIME_MAX)?;
    let answer: Value = serde_json::from_slice(&printed)?;
    let number = |name: &str| answer.get(name).and_then(Value::as_f64);
    let given = number("orders_per_second").or_else(|| number("orders_per_s"));
    given
        .or_else(|| Some(number("orders")? / number("seconds")?))
        .ok_or_else(|| io::Error::other("comanda bench hot-sku --json gave no orders_per_second"))
}

fn peer(lab: &Lab) -> io::Result<f64> {
    let cluster = Cluster::start(lab.folder())?;
    let (stock, orders) = documents(lab.folder())?;
    peer::load(&cluster, &stock)?;
    let mut command = lab.worker("bulk")?;
    command.arg(cluster.folder()).arg(orders).arg(peer::FILE_COMMITTERS.to_string());
    let printed = Process::output(command.arg(PEER_BATCH.to_string()), TIME_MAX)?;
    let done: Bulk = serde_json::from_slice(&printed)?;
    let books = peer::audit(&cluster)?;
    if books.oversold > 0 || books.orders != done.orders {
        return Err(io::Error::other(format!("the peer's books are wrong: {books:?}")));
    }
    Ok(done.orders as f64 / done.seconds)
}

/// One product with plenty of stock, and orders of the usual size that all want it.
fn documents(folder: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let (stock, orders) = (folder.join("hot-stock.jsonl"), folder.join("hot-orders.jsonl"));
    documents::one_product(ORDERS, &stock, &orders)?;
    Ok((stock, orders))
}
