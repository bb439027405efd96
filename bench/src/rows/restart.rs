//! Power cuts and empty starts: how soon a server is back, and whether it remembers.

use std::io;
use std::time::{Duration, Instant};

use super::bulk::{comanda_batch, peer_bulk};
use super::{Options, attempt, stores};
use crate::documents::Lines;
use crate::lab::{self, Lab, Running};
use crate::load::{self, Pace, Plan, Requests};
use crate::process::{self, Process};
use crate::report::{Better, Report};
use crate::work::Work;

/// Orders sent while the power goes.
const SENT: usize = 100_000;
/// How long the load lasts before the power goes.
const LOAD: Duration = Duration::from_millis(700);
/// How long a server rests before its memory is looked at.
const REST: Duration = Duration::from_secs(1);
/// How long a file of stored orders may take.
const FILL_MAX: Duration = Duration::from_secs(600);

/// Starts empty; fills, kills under load, starts again, reads back the last order it answered.
///
/// # Errors
/// The documents cannot be made.
pub fn restart(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    // The first documents are stored from a file, the rest arrive while the power goes.
    let all = Lines::open(&lab.retail(options.orders + SENT)?)?;
    let stored = lab.folder().join("stored.jsonl");
    let first: Vec<&[u8]> = all.iter().take(options.orders).collect();
    std::fs::write(&stored, first.join(&b'\n'))?;
    let requests = Requests::posts("/v1/orders", all.iter().skip(options.orders));
    for system in stores(options) {
        attempt(system, "restart", report, |report| {
            let running = lab.start(system)?;
            let ready = running.ready_after + running.database_after();
            report.add(system, "start on an empty store", "ms", Better::Less, millis(ready));
            std::thread::sleep(REST);
            let memory: u64 = running.ids().into_iter().map(process::memory).sum();
            report.add(system, "memory when idle", "MB", Better::Less, memory as f64 / 1e6);

            let running = fill(lab, running, &stored)?;
            let (running, last) = kill_under_load(running, &requests)?;
            let (after, running) = start_again(lab, running)?;
            let name = format!("back after a power cut, {} orders stored", options.orders);
            report.add(system, &name, "ms", Better::Less, millis(after));

            let document = all.get(options.orders + last);
            let order = Work::open(lab.folder())?.read(&document).map_err(io::Error::other)?;
            let path = format!("/v1/orders/{}?merchant_id={}", order.id, order.merchant);
            let (status, _) = lab::get(running.address, &path)?;
            if status != 200 {
                let why = format!("LOST: {path} was answered 202, and {status} after the restart");
                return Err(io::Error::other(why));
            }
            Ok(())
        });
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Stores the orders of a file, with the server out of the way, and starts it again.
fn fill(lab: &Lab, mut running: Running, file: &std::path::Path) -> io::Result<Running> {
    running.stop();
    let system = running.system;
    let (data, cluster) = running.into_store();
    let mut command = match (&data, &cluster) {
        (Some(data), _) => comanda_batch(lab, data.path(), file),
        (None, Some(cluster)) => peer_bulk(lab, cluster, file)?,
        (None, None) => return Err(io::Error::other("there is no store")),
    };
    if !Process::start(&mut command)?.wait(FILL_MAX)? {
        return Err(io::Error::other("the orders could not be stored"));
    }
    lab.serve_on(system, data, cluster)
}

/// Sends orders, kills the server meanwhile; the place of the last order it answered.
fn kill_under_load(mut running: Running, requests: &Requests) -> io::Result<(Running, usize)> {
    let (address, range) = (running.address, 0..requests.len());
    let plan = Plan { address, connections: 64, pace: Pace::Full, range, time_max: LOAD * 4 };
    let outcome = std::thread::scope(|scope| {
        let load = scope.spawn(|| load::run(&plan, requests));
        std::thread::sleep(LOAD);
        running.kill();
        load.join().unwrap_or_else(|_| Err(io::Error::other("the generator stopped")))
    })?;
    let last = outcome.accepted_last.ok_or_else(|| io::Error::other("no order was accepted"))?;
    Ok((running, last))
}

/// From starting the processes to the first 200 of `/ready`, recovery included.
fn start_again(lab: &Lab, running: Running) -> io::Result<(Duration, Running)> {
    let system = running.system;
    let (data, mut cluster) = running.into_store();
    let began = Instant::now();
    if let Some(cluster) = &mut cluster {
        cluster.restart()?;
    }
    let running = lab.serve_on(system, data, cluster)?;
    Ok((began.elapsed(), running))
}
