//! Tables for people; what programs want is the JSON behind them.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use domain::state::Status;
use serde_json::Value;
use service::batch::BatchStatus;
use service::wire::message::{batch_label, order_label};

use crate::spoken::{self, told, word};

/// A column: its heading, where in the row it is (JSON pointer), whether it is a number.
pub(crate) type Column = (&'static str, &'static str, bool);

/// Prints a line.
pub(crate) fn say(line: impl Display) {
    let said = bytes(format!("{line}\n").as_bytes());
    said.expect("standard output takes what is said");
}

/// Prints bytes. A reader that has gone away (`… | head`) has what it wanted.
///
/// # Errors
/// What writing to standard output says besides.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints rows of JSON objects as a table.
pub(crate) fn table(rows: &[Value], columns: &[Column]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(columns.iter().map(|(heading, _, _)| *heading));
    for row in rows {
        table.add_row(columns.iter().map(|(_, pointer, _)| cell(row.pointer(pointer))));
    }
    for (n, (_, _, is_number)) in columns.iter().enumerate() {
        if let (true, Some(column)) = (is_number, table.column_mut(n)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    say(&table);
}

/// Prints an answer's rows (lists of values) under its columns (`name`, `type`).
pub(crate) fn columns(columns: &Value, rows: &[Value]) {
    let columns = columns.as_array().map_or(&[][..], Vec::as_slice);
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(columns.iter().map(|column| cell(column.get("name"))));
    for row in rows {
        let values = row.as_array().map_or(&[][..], Vec::as_slice);
        table.add_row(values.iter().map(|value| cell(Some(value))));
    }
    let numbers = ["bigint", "integer", "smallint", "numeric", "double", "real"];
    for (n, column) in columns.iter().enumerate() {
        let kind = column["type"].as_str().unwrap_or_default();
        let is_number = numbers.iter().any(|number| kind.starts_with(number));
        if let (true, Some(column)) = (is_number, table.column_mut(n)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    say(&table);
}

/// A value as a cell. Control characters of hostile names must not reach the terminal.
pub(crate) fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_))) => {
            other.to_string()
        }
    };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Prints JSON, indented.
pub(crate) fn json(value: &Value) {
    say(format_args!("{value:#}"));
}

/// Prints name and value pairs.
pub(crate) fn facts(rows: &[(&str, String)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        say(format_args!("{name:width$}  {value}"));
    }
}

/// What was wrong with a document, where the answer that shows it says so.
pub(crate) fn violations(shown: &Value) {
    let violations = shown["violations"].as_array().map_or(&[][..], Vec::as_slice);
    if violations.is_empty() {
        return;
    }
    say("");
    let columns = [
        (word!("word-where"), "/pointer", false),
        (word!("word-code"), "/code", false),
        (word!("word-what"), "/message", false),
    ];
    table(violations, &columns);
}

/// Prints a batch's summary.
pub(crate) fn summary(report: &Value) {
    let text = |pointer| cell(report.pointer(pointer));
    say("");
    facts(&[
        (word!("word-batch"), text("/batch_id")),
        (word!("word-status"), status(report)),
        (word!("word-items"), text("/items/total")),
        (&part(word!("word-items-succeeded")), text("/items/succeeded")),
        (&part(word!("word-items-failed")), text("/items/failed")),
        (&part(word!("word-items-skipped")), text("/items/skipped")),
        (&part(word!("word-items-pending")), text("/items/pending")),
        (word!("word-orders-by-status"), by_status(&report["by_status"])),
        (word!("word-not-accepted"), pairs(&report["by_reason"])),
        (word!("word-gross"), text("/totals/gross")),
        (word!("word-discounts"), text("/totals/discounts")),
        (word!("word-surcharges"), text("/totals/surcharges")),
        (word!("word-net"), text("/totals/net")),
        (word!("word-units"), text("/units")),
        (word!("word-unpriced"), text("/unpriced")),
        (word!("word-stock-problems"), text("/issues_total")),
        (word!("word-started"), text("/started_at")),
        (word!("word-ended"), text("/updated_at")),
        (word!("word-orders-per-second"), text("/orders_per_second")),
    ]);
    let rows = |field: &str| report[field].as_array().cloned().unwrap_or_default();
    if !rows("by_rule").is_empty() {
        say("");
        let columns = [
            (word!("word-rule"), "/rule", false),
            (word!("word-effects"), "/effects", true),
            (word!("word-amount"), "/amount", true),
        ];
        table(&rows("by_rule"), &columns);
    }
    let short: Vec<Value> = rows("shortages").into_iter().take(10).collect();
    if !short.is_empty() {
        say("");
        say(told!("said-shortages", count = short.len()));
        let columns = [
            (word!("word-merchant"), "/merchant_id", false),
            (word!("word-sku"), "/sku", false),
            (word!("word-missing"), "/missing", true),
        ];
        table(&short, &columns);
    }
}

/// The name of a fact that is part of the one above it.
pub(crate) fn part(name: &str) -> String {
    format!("  {name}")
}

/// A batch's state as people call it, and why it failed.
fn status(report: &Value) -> String {
    let name = report["status"].as_str().unwrap_or_default();
    let known = BatchStatus::ALL.iter().find(|(_, known)| *known == name);
    let label = known.map_or(name, |(status, _)| batch_label(*status, spoken::lang()));
    format!("{label} {}", cell(report.get("reason"))).trim().to_owned()
}

/// How many orders are in each state, as people call it.
fn by_status(counts: &Value) -> String {
    let label = |name: &str| {
        Status::parse(name).map_or(name.to_owned(), |s| order_label(s, spoken::lang()).to_owned())
    };
    let counts = counts.as_object().into_iter().flatten();
    counts.map(|(name, n)| format!("{} {n}", label(name))).collect::<Vec<_>>().join(" · ")
}

fn pairs(object: &Value) -> String {
    let fields = object.as_object().into_iter().flatten();
    fields.map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(" · ")
}
