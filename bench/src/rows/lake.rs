//! The lake and its SQL: how long orders take to become Parquet, what that costs intake, and the
//! ready-made views over them beside DuckDB over the same files.
//!
//! Comanda alone, and DuckDB where the tests' Python has it: the peer has no lake.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bulk::comanda_batch;
use super::{Options, attempt};
use crate::documents::Lines;
use crate::lab::{self, Lab, Running, System};
use crate::load::{self, Pace, Plan, Requests};
use crate::process::{MemoryPeak, Process};
use crate::report::{Better, Report};

/// Orders a second while the lake is written beside them.
const PER_SECOND: u32 = 10_000;
/// Connections of that load.
const CONNECTIONS: usize = 64;
/// Threads that both engines have.
const THREADS: &str = "2";
/// Memory for statements.
const MEMORY: &str = "sql.memory_mb=1024";
/// How long a file, a lake, or all views may take.
const TIME_MAX: Duration = Duration::from_secs(1_800);

/// Intake with the lake off and on in turn; then a lake of `options.orders`, and the views over it.
///
/// # Errors
/// The documents cannot be made.
pub fn lake(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    if !options.systems.contains(&System::Comanda) {
        return Ok(());
    }
    let seconds = options.time.as_secs() + 1;
    let orders =
        lab.retail(usize::try_from(seconds).unwrap_or(usize::MAX) * PER_SECOND as usize)?;
    let requests = Requests::posts("/v1/orders", Lines::open(&orders)?.iter());
    for _ in 0..options.rounds {
        for on in [false, true] {
            let what = if on { "lake on" } else { "lake off" };
            attempt(System::Comanda, what, report, |report| {
                intake(lab, options, &requests, on, report)
            });
        }
    }
    attempt(System::Comanda, "lake and views", report, |report| views(lab, options, report));
    Ok(())
}

fn switched(on: bool) -> [&'static str; 2] {
    ["--set", if on { "lake.enabled=yes" } else { "lake.enabled=no" }]
}

fn intake(
    lab: &Lab,
    options: &Options,
    requests: &Requests,
    on: bool,
    report: &mut Report,
) -> io::Result<()> {
    let data = lab.scratch("lake-intake-")?;
    lab.load_comanda(data.path())?;
    let running = lab.serve_comanda(data, &switched(on))?;
    let (pace, range) = (Pace::PerSecond(PER_SECOND), 0..requests.len());
    let plan = Plan {
        address: running.address,
        connections: CONNECTIONS,
        pace,
        range,
        time_max: options.time,
    };
    let outcome = load::run(&plan, requests)?;
    let what = if on { "lake on" } else { "lake off" };
    let mut add = |name: &str, unit, better, value| {
        report.add(System::Comanda, &format!("{what}: {name}"), unit, better, value);
    };
    let ms = |quantile| outcome.latency.quantile(quantile) as f64 / 1e6;
    add("p50 at 10,000/s", "ms", Better::Less, ms(0.50));
    add("p99 at 10,000/s", "ms", Better::Less, ms(0.99));
    if on {
        let lag = running.metric("comanda_follower_lag_changes").unwrap_or_default();
        add("lag at the end", "changes", Better::Neither, lag);
    }
    Ok(())
}

fn views(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<()> {
    let (running, folder) = written(lab, options, report)?;
    let memory = MemoryPeak::watch(running.ids());
    let what = |view: &str| format!("view {view} over {} orders", options.orders);
    for (view, _) in texts()? {
        let began = Instant::now();
        let question = json!({"sql": format!("SELECT * FROM {view}"), "rows_max": 100_000});
        lab::post_json(running.address, "/v1/query", &question)?;
        let took = began.elapsed().as_secs_f64();
        report.add(System::Comanda, &what(&view), "s", Better::Less, took);
    }
    let peak = memory.stop() as f64 / 1e6;
    report.add(System::Comanda, "peak memory, server and views", "MB", Better::Less, peak);
    let Some(duckdb) = duckdb(&folder)? else {
        report.note("DuckDB left out: `make peers` installs it".to_owned());
        return Ok(());
    };
    for (view, done) in duckdb["views"].as_object().into_iter().flatten() {
        let seconds = done["seconds"].as_f64().unwrap_or_default();
        report.note(format!("{}, DuckDB: {seconds:.2} s", what(view)));
    }
    let peak = duckdb["peak_bytes"].as_f64().unwrap_or_default() / 1e6;
    report.note(format!("peak memory, DuckDB: {peak:.0} MB"));
    Ok(())
}

/// A store of a file of orders, and how long its lake took an idle server.
fn written(lab: &Lab, options: &Options, report: &mut Report) -> io::Result<(Running, PathBuf)> {
    let file = lab.retail(options.orders)?;
    let data = lab.scratch("lake-")?;
    lab.load_comanda(data.path())?;
    let mut batch = comanda_batch(lab, data.path(), &file);
    Process::output(batch.args(switched(false)), TIME_MAX)?;
    let folder = data.path().join("lake");
    let began = Instant::now();
    let [set, on] = switched(true);
    let running = lab.serve_comanda(data, &[set, on, "--set", MEMORY])?;
    while running.metric("comanda_follower_lag_changes") != Some(0.0) {
        if began.elapsed() > TIME_MAX {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let name = format!("{} orders to Parquet, idle server", options.orders);
    report.add(System::Comanda, &name, "s", Better::Less, began.elapsed().as_secs_f64());
    Ok((running, folder))
}

/// Where the views' texts are.
fn texts_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/sql/src/views")
}

/// The views, by name.
fn texts() -> io::Result<Vec<(String, PathBuf)>> {
    let files = std::fs::read_dir(texts_folder())?.map(|file| Ok(file?.path()));
    let files: Vec<PathBuf> = files.collect::<io::Result<_>>()?;
    let named = |path: PathBuf| Some((path.file_stem()?.to_str()?.to_owned(), path.clone()));
    let mut views: Vec<_> = files.into_iter().filter_map(named).collect();
    views.sort();
    Ok(views)
}

/// What DuckDB made of the same files; `None` where it is not installed.
fn duckdb(folder: &Path) -> io::Result<Option<Value>> {
    let Some(python) = python() else { return Ok(None) };
    let mut command = Command::new(python);
    command.args(["-c", include_str!("lake.py")]).arg(folder).arg(texts_folder()).arg(THREADS);
    let printed = Process::output(&mut command, TIME_MAX)?;
    serde_json::from_slice(&printed).map(Some).map_err(io::Error::other)
}

/// The tests' Python, where `make peers` put it.
fn python() -> Option<PathBuf> {
    let peers = std::env::var_os("COMANDA_PEERS").map(PathBuf::from);
    let cache = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/comanda/peers"));
    let python = peers.or_else(cache)?.join("bin/python");
    python.exists().then_some(python)
}
