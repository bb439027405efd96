//! Orders over HTTP: at full load, and at a fixed rate.

use std::io;
use std::ops::Range;
use std::time::Duration;

use super::{Options, attempt};
use crate::documents::Lines;
use crate::lab::{Lab, Running, System};
use crate::load::{self, Outcome, Pace, Plan, Requests};
use crate::process::{MemoryPeak, cpu_of_machine};
use crate::report::{Better, Report};

/// Orders sent before the clock starts.
const WARM_UP: usize = 5_000;
/// Most orders a second any system takes on two cores: how many documents to prepare.
const PER_SECOND_MAX: u64 = 160_000;
/// Rates of the latency rows, with enough connections to keep the schedule.
const RATES: [u32; 2] = [1_000, 10_000];
const RATE_CONNECTIONS: usize = 64;

/// Full load with each number of connections.
///
/// # Errors
/// The documents cannot be made.
pub fn full(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    let requests = requests(lab, options.time, PER_SECOND_MAX)?;
    for &connections in &options.connections {
        for system in options.rounds() {
            let what = format!("HTTP, {connections} connections");
            attempt(system, &what, report, |report| {
                let running = lab.start(system)?;
                warm_up(&running, connections, &requests)?;
                let range = WARM_UP..requests.len();
                let plan = plan(&running, connections, Pace::Full, range, options.time);
                full_rows(&measure(&running, &plan, &requests)?, &what, system, report);
                Ok(())
            });
        }
    }
    Ok(())
}

/// Latency at fixed rates, from the moment each order was due.
///
/// # Errors
/// The documents cannot be made.
pub fn rate(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    let fastest = u64::from(RATES.iter().sum::<u32>());
    let requests = requests(lab, options.time, fastest)?;
    for system in options.rounds() {
        attempt(system, "fixed rate", report, |report| {
            let running = lab.start(system)?;
            warm_up(&running, RATE_CONNECTIONS, &requests)?;
            let mut next = WARM_UP;
            for rate in RATES {
                let count = (options.time.as_secs_f64() * f64::from(rate)) as usize;
                let range = next..(next + count).min(requests.len());
                next = range.end;
                let pace = Pace::PerSecond(rate);
                let plan = plan(&running, RATE_CONNECTIONS, pace, range, options.time);
                let what = format!("{rate} orders/s");
                rate_rows(&measure(&running, &plan, &requests)?, &what, system, report);
            }
            Ok(())
        });
    }
    Ok(())
}

fn requests(lab: &Lab, time: Duration, per_second: u64) -> io::Result<Requests> {
    let count = WARM_UP + (time.as_secs_f64() * per_second as f64) as usize;
    let documents = Lines::open(&lab.retail(count)?)?;
    Ok(Requests::posts("/v1/orders", documents.iter()))
}

fn plan(
    running: &Running,
    connections: usize,
    pace: Pace,
    range: Range<usize>,
    time_max: Duration,
) -> Plan {
    Plan { address: running.address, connections, pace, range, time_max }
}

fn warm_up(running: &Running, connections: usize, requests: &Requests) -> io::Result<()> {
    let range = 0..WARM_UP;
    let plan = plan(running, connections, Pace::Full, range, Duration::from_secs(10));
    load::run(&plan, requests).map(drop)
}

/// One run of the generator with what it cost the server.
struct Measured {
    outcome: Outcome,
    server_cpu: Duration,
    memory_peak: u64,
    commits: Option<u64>,
    /// What everything else on the machine used, as a share of one core: 0 on a quiet machine.
    others: f64,
}

fn measure(running: &Running, plan: &Plan, requests: &Requests) -> io::Result<Measured> {
    let commits_before = running.commits();
    let memory = MemoryPeak::watch(running.ids());
    let (cpu_before, machine_before) = (running.cpu(), cpu_of_machine());
    let outcome = load::run(plan, requests)?;
    let server_cpu = running.cpu().saturating_sub(cpu_before);
    let ours = server_cpu + outcome.cpu;
    let others = cpu_of_machine().saturating_sub(machine_before).saturating_sub(ours);
    let others = others.as_secs_f64() / outcome.elapsed.as_secs_f64().max(1e-9);
    let memory_peak = memory.stop();
    let commits = running.commits().zip(commits_before).map(|(after, before)| after - before);
    Ok(Measured { outcome, server_cpu, memory_peak, commits, others })
}

fn full_rows(measured: &Measured, what: &str, system: System, report: &mut Report) {
    let Measured { outcome, server_cpu, memory_peak, commits, others } = measured;
    let orders = outcome.statuses.total().max(1) as f64;
    let mut add = |name: &str, unit, better, value| {
        report.add(system, &format!("{what}: {name}"), unit, better, value);
    };
    add("throughput", "orders/s", Better::More, outcome.per_second());
    add("p50", "ms", Better::Less, outcome.latency.quantile(0.5) as f64 / 1e6);
    add("p99", "ms", Better::Less, outcome.latency.quantile(0.99) as f64 / 1e6);
    add("server CPU", "µs/order", Better::Less, server_cpu.as_secs_f64() * 1e6 / orders);
    add("generator CPU", "µs/order", Better::Neither, outcome.cpu_micros());
    add("peak memory", "MB", Better::Less, *memory_peak as f64 / 1e6);
    add("cores used by others", "", Better::Neither, *others);
    if let Some(commits) = commits {
        add("orders per commit", "", Better::Neither, orders / (*commits).max(1) as f64);
    }
    note_the_rest(outcome, what, system, report);
}

fn rate_rows(measured: &Measured, what: &str, system: System, report: &mut Report) {
    let Measured { outcome, server_cpu, others, .. } = measured;
    let orders = outcome.statuses.total().max(1) as f64;
    let latency = &outcome.latency;
    let mut add = |name: &str, unit, value| {
        report.add(system, &format!("{what}: {name}"), unit, Better::Less, value);
    };
    add("p50", "ms", latency.quantile(0.5) as f64 / 1e6);
    add("p99", "ms", latency.quantile(0.99) as f64 / 1e6);
    add("p99.9", "ms", latency.quantile(0.999) as f64 / 1e6);
    add("max", "ms", latency.max() as f64 / 1e6);
    add("server CPU", "µs/order", server_cpu.as_secs_f64() * 1e6 / orders);
    report.add(system, &format!("{what}: cores used by others"), "", Better::Neither, *others);
    note_the_rest(outcome, what, system, report);
}

/// Whatever was not a 202 is said: a fast refusal is no order taken.
fn note_the_rest(outcome: &Outcome, what: &str, system: System, report: &mut Report) {
    let rest = outcome.statuses.total() - outcome.statuses.accepted + outcome.unanswered;
    if rest > 0 {
        let (statuses, unanswered) = (outcome.statuses, outcome.unanswered);
        report.note(format!("{what}, {}: {statuses:?}, unanswered {unanswered}", system.as_str()));
    }
}
