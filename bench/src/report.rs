//! The result: a table for people, a JSON file for comparisons over time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::lab::System;
use crate::machine::Machine;

/// One measured quantity, side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// In what.
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// Comanda.
    pub comanda: Option<f64>,
    /// The same work without a store.
    pub ceiling: Option<f64>,
    /// The same work on PostgreSQL.
    pub peer: Option<f64>,
}

/// Which direction is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The more the better.
    More,
    /// The less the better.
    Less,
    /// It only explains the others.
    Neither,
}

/// Everything one run measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    machine: Machine,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// Nothing measured yet.
    pub fn new(machine: Machine) -> Self {
        Self { machine, rows: Vec::new(), notes: Vec::new() }
    }

    /// Notes a figure; figures of one name stand in one row.
    pub fn add(
        &mut self,
        system: System,
        name: &str,
        unit: &'static str,
        better: Better,
        value: f64,
    ) {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            let name = name.to_owned();
            self.rows.push(Row { name, unit, better, comanda: None, ceiling: None, peer: None });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        match system {
            System::Comanda => row.comanda = Some(value),
            System::Ceiling => row.ceiling = Some(value),
            System::Peer => row.peer = Some(value),
        }
    }

    /// Notes something a reader must know: a part that was left out, answers that were no 202.
    pub fn note(&mut self, text: String) {
        eprintln!("  note: {text}");
        self.notes.push(text);
    }

    /// The table with what it was measured on.
    pub fn text(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header([
            "",
            "unit",
            "Comanda",
            "ceiling",
            "PostgreSQL",
            "÷ ceiling",
            "÷ PostgreSQL",
        ]);
        for row in &self.rows {
            table.add_row([
                row.name.clone(),
                row.unit.to_owned(),
                figure(row.comanda),
                figure(row.ceiling),
                figure(row.peer),
                ratio(row, row.ceiling),
                ratio(row, row.peer),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let notes: String = self.notes.iter().map(|note| format!("note: {note}\n")).collect();
        format!("{}\n{table}\n✓ Comanda is better · ✗ it is not\n{notes}", self.machine.text())
    }

    /// Writes the JSON file below `folder`; where it is.
    ///
    /// # Errors
    /// The folder cannot be made or the file not be written.
    pub fn write(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let name = self.machine.date.replace([' ', ':'], "-").replace("-UTC", "");
        let path = folder.join(format!("bench-{name}.json"));
        fs::write(&path, serde_json::to_string_pretty(self)?)?;
        Ok(path)
    }
}

/// What Comanda has of `other`, and whether that is good.
fn ratio(row: &Row, other: Option<f64>) -> String {
    let (Some(own), Some(other)) = (row.comanda, other.filter(|&other| other > 0.0)) else {
        return String::new();
    };
    let ratio = own / other;
    let sign = match row.better {
        Better::More if ratio >= 1.0 => " ✓",
        Better::Less if ratio <= 1.0 => " ✓",
        Better::More | Better::Less => " ✗",
        Better::Neither => "",
    };
    format!("{ratio:.2}{sign}")
}

fn figure(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) if value < 1_000.0 => format!("{value:.1}"),
        Some(value) => grouped(value.round() as u64),
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let shown = |value| figure(Some(value));
        assert_eq!(shown(1.234), "1.23");
        assert_eq!(shown(12.34), "12.3");
        assert_eq!(shown(1_234_567.4), "1,234,567");
    }

    #[test]
    fn a_ratio_says_whether_it_is_good() {
        let row = Row {
            name: "p99".into(),
            unit: "ms",
            better: Better::Less,
            comanda: Some(1.0),
            ceiling: None,
            peer: Some(4.0),
        };
        assert_eq!(ratio(&row, row.peer), "0.25 ✓");
        assert_eq!(ratio(&row, row.ceiling), "");
    }
}
