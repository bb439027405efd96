//! What followers cost intake: the same load with nobody to tell, and with a local webhook receiver
//! that is told of every order, a thousand times a second and no oftener.
//!
//! Comanda alone: the peer tells nobody.

use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Options, attempt};
use crate::documents::Lines;
use crate::lab::{self, Lab, Running, System};
use crate::load::{self, Pace, Plan, Requests};
use crate::process::Process;
use crate::report::{Better, Report};

/// Deliveries a second that the endpoint asks for at most.
const PER_SECOND: u32 = 1_000;
/// Connections of the load.
const CONNECTIONS: usize = 64;
/// Most orders a second: how many documents to prepare.
const PER_SECOND_MAX: u64 = 100_000;
/// How long a file may take.
const TIME_MAX: Duration = Duration::from_secs(600);

/// Orders over HTTP and a file of orders, alone and with a receiver, in turn.
///
/// # Errors
/// The documents cannot be made.
pub fn followers(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    if !options.systems.contains(&System::Comanda) {
        return Ok(());
    }
    let orders = lab.retail(documents(options))?;
    let requests = Requests::posts("/v1/orders", Lines::open(&orders)?.iter());
    for _ in 0..options.rounds {
        for told in [false, true] {
            let what = if told { "told to a receiver" } else { "told to nobody" };
            attempt(System::Comanda, what, report, |report| {
                measure(lab, options, &requests, told, what, report)
            });
        }
    }
    Ok(())
}

/// Documents for the load over HTTP.
fn documents(options: &Options) -> usize {
    (options.time.as_secs_f64() * PER_SECOND_MAX as f64) as usize
}

fn measure(
    lab: &Lab,
    options: &Options,
    requests: &Requests,
    told: bool,
    what: &str,
    report: &mut Report,
) -> io::Result<()> {
    let receiver = told.then(|| Process::serve(&mut lab::ours(&["receiver"])?)).transpose()?;
    let running = lab.start(System::Comanda)?;
    if let Some((_, address)) = &receiver {
        let endpoint = serde_json::json!({
            "url": format!("http://{address}/"), "kinds": ["*"], "per_second": PER_SECOND,
            "concurrency": 16,
        });
        lab::post_json(running.address, "/v1/webhooks", &endpoint)?;
    }
    let (pace, time_max) = (Pace::Full, options.time);
    let (address, range) = (running.address, 0..requests.len());
    let plan = Plan { address, connections: CONNECTIONS, pace, range, time_max };
    let outcome = load::run(&plan, requests)?;
    let mut add = |name: &str, unit, better, value| {
        report.add(System::Comanda, &format!("{what}: {name}"), unit, better, value);
    };
    add("HTTP, 64 connections", "orders/s", Better::More, outcome.per_second());
    add("HTTP p99", "ms", Better::Less, outcome.latency.quantile(0.99) as f64 / 1e6);
    let took = file(lab, options, &running)?;
    let per_second = options.orders as f64 / took.as_secs_f64();
    add(&format!("file of {}", options.orders), "orders/s", Better::More, per_second);
    if told {
        let of = |name: &str| running.metric(name).unwrap_or_default();
        add("delivered", "", Better::Neither, of("comanda_follower_deliveries_total"));
        add("lag at the end", "changes", Better::Neither, of("comanda_follower_lag_changes"));
    }
    Ok(())
}

/// Has the running server do a file; how long it took.
fn file(lab: &Lab, options: &Options, running: &Running) -> io::Result<Duration> {
    // Others than the load sent: those would be repetitions.
    let orders = lab.later_retail(documents(options), options.orders)?;
    let mut command = Command::new(&lab.comanda);
    let url = format!("http://{}", running.address);
    command.args(["batch", "run"]).arg(orders).args(["--server", &url]);
    let began = Instant::now();
    Process::output(&mut command, TIME_MAX)?;
    Ok(began.elapsed())
}
