//! A file of orders, end to end: Comanda's batch command, and the peer in process.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Options, attempt, stores};
use crate::lab::{Lab, System};
use crate::peer;
use crate::process::{self, MemoryPeak, Process};
use crate::report::{Better, Report};

/// Orders in one transaction of the peer: more made it no faster.
const PEER_BATCH: usize = 1_000;
/// How long one file may take.
const TIME_MAX: Duration = Duration::from_secs(600);
/// Sizes that show whether an order costs the same in a long file as in a short one.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// One file of `options.orders`.
///
/// # Errors
/// The documents cannot be made.
pub fn bulk(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    let file = lab.retail(options.orders)?;
    let what = format!("file of {} orders", options.orders);
    for system in stores(options) {
        attempt(system, &what, report, |report| {
            let done = measure(lab, system, &file)?;
            let orders = options.orders as f64;
            let mut add = |name: &str, unit, better, value| {
                report.add(system, &format!("{what}: {name}"), unit, better, value);
            };
            add("throughput", "orders/s", Better::More, orders / done.elapsed.as_secs_f64());
            add("time", "s", Better::Less, done.elapsed.as_secs_f64());
            add("CPU", "µs/order", Better::Less, done.cpu.as_secs_f64() * 1e6 / orders);
            add("peak memory", "MB", Better::Less, done.memory_peak as f64 / 1e6);
            Ok(())
        });
    }
    Ok(())
}

/// The cost of an order in files of growing size.
///
/// # Errors
/// The documents cannot be made.
pub fn linear(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    for size in SIZES {
        let file = lab.retail(size)?;
        for system in stores(options) {
            attempt(system, &format!("file of {size}"), report, |report| {
                let done = measure(lab, system, &file)?;
                let name = format!("cost in a file of {size}");
                let micros = done.elapsed.as_secs_f64() * 1e6 / size as f64;
                report.add(system, &name, "µs/order", Better::Less, micros);
                Ok(())
            });
        }
    }
    Ok(())
}

/// What one file took.
struct Done {
    elapsed: Duration,
    cpu: Duration,
    memory_peak: u64,
}

fn measure(lab: &Lab, system: System, file: &Path) -> io::Result<Done> {
    match system {
        System::Comanda => {
            let data = lab.scratch("bulk-")?;
            lab.load_comanda(data.path())?;
            run_to_end(comanda_batch(lab, data.path(), file), None)
        }
        System::Peer | System::Ceiling => {
            let cluster = lab.start_cluster()?;
            let done = run_to_end(peer_bulk(lab, &cluster, file)?, Some(cluster.id()))?;
            let books = peer::audit(&cluster)?;
            if books.oversold > 0 {
                return Err(io::Error::other(format!("the peer oversold: {books:?}")));
            }
            Ok(done)
        }
    }
}

/// Comanda's own command for a file.
pub(super) fn comanda_batch(lab: &Lab, data: &Path, file: &Path) -> Command {
    let mut command = process::bound(&lab.comanda);
    command.args(["batch", "run"]).arg(file).arg("--data-dir").arg(data);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The peer's counterpart.
pub(super) fn peer_bulk(lab: &Lab, cluster: &peer::Cluster, file: &Path) -> io::Result<Command> {
    let mut command = lab.worker("bulk")?;
    command.arg(cluster.folder()).arg(file).arg(peer::FILE_COMMITTERS.to_string());
    command.arg(PEER_BATCH.to_string()).stdout(Stdio::null());
    Ok(command)
}

/// Runs a command to its end, looking at its memory and at that of the database behind it.
fn run_to_end(mut command: Command, database: Option<u32>) -> io::Result<Done> {
    let cpu = || process::cpu_of_ended() + database.map(process::cpu).unwrap_or_default();
    let cpu_before = cpu();
    let began = Instant::now();
    let mut process = Process::start(&mut command)?;
    let memory = MemoryPeak::watch(std::iter::once(process.id()).chain(database).collect());
    let succeeded = process.wait(TIME_MAX)?;
    let elapsed = began.elapsed();
    if !succeeded {
        return Err(io::Error::other("the run failed"));
    }
    Ok(Done { elapsed, cpu: cpu().saturating_sub(cpu_before), memory_peak: memory.stop() })
}
