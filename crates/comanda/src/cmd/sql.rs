//! `comanda sql`: a statement over everything that was taken in, up to now.
//!
//! A server that has the store is asked; without one the store is opened here. Never: an answer
//! that broke off taken for a whole one.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget};
use serde_json::{Value, json};

use crate::cli::{Rows, Sql, Store};
use crate::client::Client;
use crate::render;
use crate::spoken::told;

/// Rows of a table when nobody says: more than anybody reads.
const TABLE_ROWS: u64 = 1_000;
/// Rows when all are wanted.
const ALL_ROWS: u64 = 1_000_000_000_000;

pub(super) fn sql(api: &Client, store: &Store, command: &Sql) -> Result<()> {
    let format = if store.json { Rows::Json } else { command.format };
    let (accept, rows) = match format {
        Rows::Table => ("application/json", Some(command.rows.unwrap_or(TABLE_ROWS))),
        Rows::Json => ("application/json", Some(command.rows.unwrap_or(ALL_ROWS))),
        Rows::Csv => ("text/csv", command.rows),
        Rows::Parquet => ("application/vnd.apache.parquet", command.rows),
    };
    if format == Rows::Parquet && command.out.is_none() && io::stdout().is_terminal() {
        bail!(told!("no-parquet-to-terminal"));
    }
    let question =
        json!({"sql": statement(command)?, "rows_max": rows, "timeout_s": command.timeout});
    let body = serde_json::to_vec(&question)?;
    let bar = waiting();
    let answered = match (format, &command.out) {
        (Rows::Table, None) => table(api, accept, body, &bar),
        (Rows::Table, Some(_)) => bail!(told!("no-table-to-file")),
        (Rows::Csv | Rows::Json | Rows::Parquet, None) => {
            let ends_line = format == Rows::Json;
            api.stream("/v1/query", accept, body, &mut |piece| {
                bar.inc(piece.len() as u64);
                Ok(render::bytes(piece)?)
            })
            .and_then(|()| if ends_line { Ok(render::bytes(b"\n")?) } else { Ok(()) })
        }
        (Rows::Csv | Rows::Json | Rows::Parquet, Some(path)) => {
            to_file(api, accept, body, path, &bar)
        }
    };
    bar.finish_and_clear();
    answered
}

/// The statement, from wherever it is.
fn statement(command: &Sql) -> Result<String> {
    let bytes = match (&command.statement, &command.file) {
        (Some(text), _) if text != "-" => return Ok(text.clone()),
        (_, Some(file)) => super::input(file)?,
        (_, None) => super::input(Path::new("-"))?,
    };
    String::from_utf8(bytes).with_context(|| told!("no-utf8-statement"))
}

/// Says that something is on its way, once it takes a second.
fn waiting() -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

fn table(api: &Client, accept: &str, body: Vec<u8>, bar: &ProgressBar) -> Result<()> {
    let mut answer = Vec::new();
    api.stream("/v1/query", accept, body, &mut |piece| {
        bar.inc(piece.len() as u64);
        answer.extend_from_slice(piece);
        Ok(())
    })?;
    bar.finish_and_clear();
    let answer: Value = serde_json::from_slice(&answer).with_context(|| told!("no-json"))?;
    let rows = answer["rows"].as_array().map_or(&[][..], Vec::as_slice);
    render::columns(&answer["columns"], rows);
    let count = rows.len();
    let key = if answer["truncated"] == true {
        told!("said-rows-cut", count = count)
    } else {
        told!("said-rows", count = count)
    };
    render::say(key);
    Ok(())
}

/// Writes the answer beside its place, and moves it there when it is whole.
fn to_file(
    api: &Client,
    accept: &str,
    body: Vec<u8>,
    path: &Path,
    bar: &ProgressBar,
) -> Result<()> {
    let said = || told!("no-create", path = path.display().to_string());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let mut beside = beside.with_context(said)?;
    let mut out = BufWriter::new(beside.as_file_mut());
    let mut bytes = 0;
    api.stream("/v1/query", accept, body, &mut |piece| {
        bytes += piece.len() as u64;
        bar.inc(piece.len() as u64);
        Ok(out.write_all(piece)?)
    })?;
    out.flush().with_context(said)?;
    drop(out);
    let file: &File = beside.as_file();
    file.sync_all().with_context(said)?;
    beside.persist(path).with_context(said)?;
    let size = HumanBytes(bytes).to_string();
    render::say(told!("said-answer-written", path = path.display().to_string(), size = size));
    Ok(())
}
