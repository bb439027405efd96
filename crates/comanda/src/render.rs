//! Tables for people; what programs want is the JSON behind them.

use std::fmt::Display;
use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde_json::Value;

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

/// Prints a batch's summary.
pub(crate) fn summary(report: &Value) {
    let text = |pointer| cell(report.pointer(pointer));
    say("");
    facts(&[
        ("Batch", text("/batch_id")),
        ("Status", format!("{} {}", text("/status"), text("/reason")).trim().to_owned()),
        ("Items", text("/items/total")),
        ("  succeeded", text("/items/succeeded")),
        ("  failed", text("/items/failed")),
        ("  skipped (duplicates)", text("/items/skipped")),
        ("  pending", text("/items/pending")),
        ("Orders by status", pairs(&report["by_status"])),
        ("Not accepted", pairs(&report["by_reason"])),
        ("Gross", text("/totals/gross")),
        ("Discounts", text("/totals/discounts")),
        ("Surcharges", text("/totals/surcharges")),
        ("Net", text("/totals/net")),
        ("Units", text("/units")),
        ("Unpriced orders", text("/unpriced")),
        ("Stock problems", text("/issues_total")),
        ("Started", text("/started_at")),
        ("Ended", text("/updated_at")),
        ("Orders per second", text("/orders_per_second")),
    ]);
    let rows = |field: &str| report[field].as_array().cloned().unwrap_or_default();
    if !rows("by_rule").is_empty() {
        say("");
        let columns =
            [("Rule", "/rule", false), ("Effects", "/effects", true), ("Amount", "/amount", true)];
        table(&rows("by_rule"), &columns);
    }
    let short: Vec<Value> = rows("shortages").into_iter().take(10).collect();
    if !short.is_empty() {
        say(format_args!("\nShortages (the {} largest)", short.len()));
        let columns = [
            ("Merchant", "/merchant_id", false),
            ("SKU", "/sku", false),
            ("Missing", "/missing", true),
        ];
        table(&short, &columns);
    }
}

fn pairs(object: &Value) -> String {
    let fields = object.as_object().into_iter().flatten();
    fields.map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(" · ")
}
