//! `comanda lake`: what is in it, and how it is made anew.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use lake::manifest::Manifest;
use lake::snapshot::Present;
use lake::table::Table;
use lake::{store, writer};
use serde_json::{Value, json};

use crate::cli::{Lake, Store};
use crate::client::{self, Opened};
use crate::installation::Installation;
use crate::lake as beside;
use crate::render;
use crate::spoken::{told, word};

/// How often it is looked at how far it is.
const LOOK: Duration = Duration::from_millis(50);

pub(super) fn lake(store: &Store, installation: &Installation, command: &Lake) -> Result<ExitCode> {
    match command {
        Lake::Status => status(store, installation)?,
        Lake::Rebuild => rebuild(store, installation)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What the newest manifest says. It is read where it is: no server is asked.
fn status(store: &Store, installation: &Installation) -> Result<()> {
    let files = beside::files(&store.data_dir, installation)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let manifest = runtime.block_on(store::open(&files))?.manifest;
    let rows: Vec<Value> = Table::ALL.iter().map(|table| of_table(&manifest, *table)).collect();
    if store.json {
        render::json(&json!({
            "version": manifest.version,
            "until": manifest.until,
            "segments": manifest.segments.len(),
            "bytes": manifest.bytes(),
            "tables": rows,
        }));
        return Ok(());
    }
    let columns = [
        (word!("word-table"), "/table", false),
        (word!("word-rows"), "/rows", true),
        (word!("word-superseded"), "/superseded", true),
        (word!("word-files"), "/files", true),
        (word!("word-bytes"), "/bytes", true),
    ];
    render::table(&rows, &columns);
    render::say(told!(
        "said-lake",
        version = manifest.version.to_string(),
        until = manifest.until.to_string(),
        segments = manifest.segments.len().to_string(),
        bytes = manifest.bytes().to_string(),
    ));
    Ok(())
}

fn of_table(manifest: &Manifest, table: Table) -> Value {
    let files = manifest.segments.iter().filter_map(|segment| segment.files.get(table.name()));
    let (count, bytes) = files.fold((0_u64, 0), |(n, bytes), file| (n + 1, bytes + file.bytes));
    // Only of orders and batches is a version one row.
    let counts_versions = table == Table::Orders;
    let sets = manifest.segments.iter().filter_map(|segment| segment.superseded.as_ref());
    let superseded: u64 = sets.map(|set| set.versions).sum();
    json!({
        "table": table.name(),
        "rows": manifest.rows(table.name()),
        "superseded": if counts_versions { json!(superseded) } else { Value::Null },
        "files": count,
        "bytes": bytes,
    })
}

/// An empty lake, then all of the log; the files of before are removed last.
fn rebuild(store: &Store, installation: &Installation) -> Result<()> {
    if !beside::is_enabled(installation) {
        bail!(told!("no-lake-here"));
    }
    let node = match client::open(store, installation)? {
        Opened::Here(node) => node,
        Opened::By(url) => bail!(told!("no-lake-rebuild-held", url = url)),
    };
    let files = beside::files(&store.data_dir, installation)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let name = format!("{:08x}", getrandom::u32().with_context(|| told!("no-lake"))?);
    runtime.block_on(store::empty(&files, &name))?;
    let writing = node.write_lake(&store.data_dir, installation)?;
    let bar = ProgressBar::new(writing.lake.committed());
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    catch_up(&writing, |until| bar.set_position(until))?;
    bar.finish_and_clear();
    let made = writing.finish()?;
    let named = made.paths().map(str::to_owned).chain([Manifest::path(made.version)]).collect();
    let sweep = writer::Sweep { writer: name, named };
    let removed = runtime.block_on(store::sweep(&files, &sweep))?;
    if store.json {
        render::json(&json!({
            "version": made.version,
            "until": made.until,
            "segments": made.segments.len(),
            "bytes": made.bytes(),
            "removed": removed,
        }));
    } else {
        render::say(told!(
            "said-lake-rebuilt",
            rows = made.rows(Table::Orders.name()).to_string(),
            segments = made.segments.len().to_string(),
            bytes = made.bytes().to_string(),
            removed = removed.to_string(),
        ));
    }
    Ok(())
}

/// Waits until all that is committed is in the lake.
///
/// # Errors
/// When the lake stands still.
pub(crate) fn catch_up(writing: &beside::Writing, mut told: impl FnMut(u64)) -> Result<()> {
    let lake = &writing.lake;
    let until = lake.committed();
    loop {
        let shown = lake.snapshot().until;
        told(shown.min(until));
        if let Some(why) = lake.figures().stopped {
            bail!("{why}");
        }
        if shown >= until && lake.unready().is_none() {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}
