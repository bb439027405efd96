//! `comanda batch`: run and follow batches.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use domain::id::BatchId;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use service::batch::run::{self, Control, Error, Finished, Options};
use service::batch::summary::records;
use service::batch::{BatchState, BatchStatus, Tolerance, report};
use service::ledger::Ledger;
use service::wire::message::batch_label;

use crate::batches::run_dry;
use crate::cli::{Batch, BatchRun, Store};
use crate::client::{Client, Opened, encode, open, path};
use crate::input::Input;
use crate::installation::Installation;
use crate::render;
use crate::spoken::{self, told, word};
use crate::wire_up::Node;

pub(super) fn batch(
    store: &Store,
    installation: &Installation,
    command: Batch,
) -> Result<ExitCode> {
    let connect = || Client::connect(store, installation);
    match command {
        Batch::Run(args) => match open(store, installation)? {
            Opened::Here(node) => here(store, &node, &args),
            Opened::By(url) => by_server(store, &Client::remote(url, store.api_key.clone()), &args),
        },
        Batch::List => super::done(connect()?, |api| {
            let answer = api.json("GET", "/v1/batches", None)?;
            let columns = [
                (word!("word-batch"), "/batch_id", false),
                (word!("word-status"), "/status_label", false),
                (word!("word-succeeded"), "/item_counts/succeeded", true),
                (word!("word-failed"), "/item_counts/failed", true),
                (word!("word-total"), "/item_counts/total", true),
                (word!("word-started"), "/started_at", false),
            ];
            super::page(store.json, &answer, "batches", &columns);
            Ok(())
        }),
        Batch::Show { id } => super::done(connect()?, |api| {
            let target = format!("/v1/batches/{}/summary", encode(&id));
            let report = api.json("GET", &target, None)?;
            if store.json {
                render::json(&report)
            } else {
                render::summary(&report)
            }
            Ok(())
        }),
        Batch::Results { id } => super::done(connect()?, |api| {
            let target = format!("/v1/batches/{}/results", encode(&id));
            Ok(render::bytes(&api.bytes(&target)?)?)
        }),
        Batch::Stop { id } => post(connect()?, &id, "stop"),
        Batch::Redrive { id } => post(connect()?, &id, "redrive"),
    }
}

fn post(api: Client, id: &str, what: &str) -> Result<ExitCode> {
    super::done(api, |api| {
        let target = format!("/v1/batches/{}/{what}", encode(id));
        render::json(&api.json("POST", &target, None)?);
        Ok(())
    })
}

fn tolerance(args: &BatchRun) -> Tolerance {
    Tolerance { count: args.tolerated_failure_count, percentage: args.tolerated_failure_percentage }
}

/// What a batch is read from: the file, or standard input.
struct Source {
    path: PathBuf,
    /// Standard input is kept here while the batch runs.
    _kept: Option<Kept>,
}

struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Standard input goes to a file first: a batch is looked through before it is run.
fn source(args: &BatchRun) -> Result<Source> {
    if args.file != Path::new("-") {
        return Ok(Source { path: args.file.clone(), _kept: None });
    }
    let path = std::env::temp_dir().join(format!("comanda-stdin-{}.spool", std::process::id()));
    let kept = Kept(path.clone());
    let mut file = File::create(&path)
        .with_context(|| told!("no-create", path = path.display().to_string()))?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    Ok(Source { path, _kept: Some(kept) })
}

fn here(store: &Store, node: &Node, args: &BatchRun) -> Result<ExitCode> {
    let source = source(args)?;
    let input = Input::look(&source.path, None)
        .with_context(|| told!("no-read", path = args.file.display().to_string()))?;
    let id = match &args.batch_id {
        Some(id) => BatchId::parse(id).map_err(|_| anyhow::anyhow!(told!("no-batch-id")))?,
        None => input.id()?,
    };
    let mut options = node.batches.options(id, &input);
    options.tolerance = tolerance(args);
    if let Some(rules) = &args.rules {
        options.rules = Some(super::input(rules)?);
    }
    options.max_concurrency = args.max_concurrency.map(u64::from);
    let ledger: &dyn Ledger = &*node.engine;
    let finished = if args.dry_run {
        run_dry(ledger, &options, &input)
    } else {
        watched(ledger, &options, &input)
    };
    let finished = match finished {
        Err(Error::OtherContent(id)) => {
            eprintln!("comanda: {}", told!("no-batch-other-content", id = id.as_str()));
            return Ok(ExitCode::from(super::REFUSED));
        }
        other => other.with_context(|| told!("no-batch-end"))?,
    };
    finish(store, ledger, args, &finished)
}

fn finish(
    store: &Store,
    ledger: &dyn Ledger,
    args: &BatchRun,
    finished: &Finished,
) -> Result<ExitCode> {
    if finished.is_repeat {
        eprintln!("{}", told!("said-batch-repeat"));
    }
    if finished.resumed_at > 0 {
        eprintln!("{}", told!("said-batch-resumed", item = finished.resumed_at.to_string()));
    }
    if let Some(path) = &args.results {
        write_results(ledger, &finished.state, path)?;
    }
    let report = report::report(ledger, &finished.state, &finished.summary)?;
    let mut report = serde_json::to_value(report)?;
    // As a server's summary has it.
    report["status_label"] = batch_label(finished.state.status, spoken::lang()).into();
    if store.json {
        render::json(&report)
    } else {
        render::summary(&report)
    }
    Ok(exit(finished.state.status == BatchStatus::Succeeded))
}

fn exit(succeeded: bool) -> ExitCode {
    if succeeded { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) }
}

/// Runs with a progress bar; Ctrl-C stops at the next checkpoint.
fn watched(ledger: &dyn Ledger, options: &Options, input: &Input) -> Result<Finished, Error> {
    let (control, bar) = (Arc::new(Control::default()), bar(std::fs::metadata(&input.path)?.len()));
    let stopping = control.clone();
    let mut signals = signal_hook::iterator::Signals::new([2, 15])?;
    let handle = signals.handle();
    std::thread::scope(|scope| {
        scope.spawn(move || signals.forever().for_each(|_| stopping.stop()));
        let (ended, watch) = std::sync::mpsc::channel::<()>();
        let seen = control.clone();
        scope.spawn(move || {
            while watch.recv_timeout(Duration::from_millis(100)).is_err_and(is_timeout) {
                if let Some(state) = seen.state() {
                    show(&bar, &state);
                }
            }
            bar.finish_and_clear();
        });
        let open = || File::open(&input.path);
        let finished = run::run(ledger, options, &control, open, |_| ());
        drop(ended);
        handle.close();
        finished
    })
}

fn is_timeout(error: std::sync::mpsc::RecvTimeoutError) -> bool {
    error == std::sync::mpsc::RecvTimeoutError::Timeout
}

fn bar(bytes: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let template = format!("{{bar:30}} {{percent:>3}} %  {{msg}}  {{eta}} {}", word!("said-eta"));
    let style = ProgressStyle::with_template(&template).unwrap_or(ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(bytes), target).with_style(style)
}

fn show(bar: &ProgressBar, state: &BatchState) {
    let counts = state.counts;
    let seconds = bar.elapsed().as_millis().max(1) as u64;
    let rate = counts.done() * 1_000 / seconds;
    bar.set_position(state.offset);
    let (done, failed, skipped) = (counts.done(), counts.failed, counts.skipped);
    let [done, failed, skipped, rate] = [done, failed, skipped, rate].map(|n| n.to_string());
    bar.set_message(told!(
        "said-progress",
        done = done,
        failed = failed,
        skipped = skipped,
        rate = rate
    ));
}

/// Writes one line an item, and a manifest beside it.
fn write_results(ledger: &dyn Ledger, state: &BatchState, path: &Path) -> Result<()> {
    let create = |path: &Path| {
        File::create(path).with_context(|| told!("no-create", path = path.display().to_string()))
    };
    let exponent = ledger.catalogue().exponent;
    let (mut out, mut failed) = (BufWriter::new(create(path)?), None);
    let mut lines = 0_u64;
    records(ledger, state, &mut |_, change| {
        if let Some(line) = report::line(&change, exponent, spoken::lang()) {
            lines += 1;
            if let Err(error) = out.write_all(&line) {
                failed.get_or_insert(error);
            }
        }
    })?;
    if let Some(error) = failed {
        return Err(error).with_context(|| told!("no-write", path = path.display().to_string()));
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    write_manifest(
        path,
        json!({
            "batch_id": state.id.as_str(),
            "status": state.status.as_str(),
            "results_written": lines,
            "succeeded": state.counts.succeeded,
            "failed": state.counts.failed,
            "skipped": state.counts.skipped,
            "pending": state.total.map(|total| total - state.counts.done()),
            "pending_from_byte": (state.total.is_none()).then_some(state.offset),
        }),
    )
}

/// Writes what a server's results came to, line by line as they come, and their manifest.
fn fetch_results(api: &Client, id: &str, path: &Path) -> Result<()> {
    let target = format!("/v1/batches/{}", encode(id));
    let create = || File::create(path).with_context(|| format!("create {}", path.display()));
    let mut out = Counted { out: BufWriter::new(create()?), lines: 0 };
    api.download(&format!("{target}/results"), &mut out)?;
    out.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    let state = api.json("GET", &target, None)?;
    let counts = &state["item_counts"];
    let (is_whole, at) = (!counts["total"].is_null(), &state["checkpoint_bytes"]);
    write_manifest(
        path,
        json!({
            "batch_id": id,
            "status": state["status"],
            "results_written": out.lines,
            "succeeded": counts["succeeded"],
            "failed": counts["failed"],
            "skipped": counts["skipped"],
            "pending": if is_whole { counts["aborted"].clone() } else { Value::Null },
            "pending_from_byte": if is_whole { Value::Null } else { at.clone() },
        }),
    )
}

/// Counts lines on their way.
struct Counted {
    out: BufWriter<File>,
    lines: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.lines += bytes.iter().take(written).filter(|b| **b == b'\n').count() as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes the manifest beside results.
fn write_manifest(path: &Path, mut manifest: Value) -> Result<()> {
    manifest["results_file"] =
        path.file_name().map(|name| name.to_string_lossy().into_owned()).into();
    let mut name = path.as_os_str().to_owned();
    name.push(".manifest.json");
    let mut file = File::create(&name).with_context(|| format!("create {}", name.display()))?;
    Ok(writeln!(file, "{manifest:#}")?)
}

/// Sends the batch to the server that holds the store, and follows it.
fn by_server(store: &Store, api: &Client, args: &BatchRun) -> Result<ExitCode> {
    if args.rules.is_some() {
        bail!(told!("no-batch-rules"));
    }
    let source = source(args)?;
    let input = Input::look(&source.path, None)
        .with_context(|| told!("no-read", path = args.file.display().to_string()))?;
    let kind = match input.format {
        service::batch::split::Format::JsonLines => "application/x-ndjson",
        service::batch::split::Format::Document => "application/json",
        service::batch::split::Format::Table(_) => "text/csv",
    };
    let number = |n: Option<u64>| n.map(|n| n.to_string());
    let target = path(
        "/v1/batches",
        &[
            ("batch_id", args.batch_id.clone()),
            ("max_concurrency", number(args.max_concurrency.map(u64::from))),
            ("tolerated_failure_count", number(args.tolerated_failure_count)),
            (
                "tolerated_failure_percentage",
                number(args.tolerated_failure_percentage.map(u64::from)),
            ),
            ("dry_run", args.dry_run.then(|| "true".to_owned())),
        ],
    );
    let sent = api.upload("POST", &target, kind, &source.path)?;
    let (id, status) = (render::cell(sent.pointer("/batch_id")), sent["status"].as_str());
    let (state, report) = match status {
        // A dry run has ended by now, and leaves nothing but its summary.
        Some(status) if status != BatchStatus::Running.as_str() => {
            let summary = api.json("GET", &format!("/v1/batches/{}/summary", encode(&id)), None)?;
            (status.to_owned(), summary)
        }
        Some(_) | None => follow(api, &id)?,
    };
    if let Some(path) = &args.results {
        fetch_results(api, &id, path)?;
    }
    if store.json {
        render::json(&report)
    } else {
        render::summary(&report)
    }
    Ok(exit(state == BatchStatus::Succeeded.as_str()))
}

/// Waits until a batch that a server runs has ended; its status and summary.
pub(super) fn follow(api: &Client, id: &str) -> Result<(String, Value)> {
    let target = format!("/v1/batches/{}", encode(id));
    loop {
        let state = api.json("GET", &target, None)?;
        let status = render::cell(state.pointer("/status"));
        if status != BatchStatus::Running.as_str() {
            return Ok((status, api.json("GET", &format!("{target}/summary"), None)?));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
