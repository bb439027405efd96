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
    pub comanda: Figure,
    /// The same work without a store.
    pub ceiling: Figure,
    /// The same work on PostgreSQL.
    pub peer: Figure,
}

/// A quantity as it was measured: once, or once a round.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Figure(Vec<f64>);

impl Figure {
    /// The middle of its rounds; the lower one of two.
    fn median(&self) -> Option<f64> {
        let mut rounds = self.0.clone();
        rounds.sort_unstable_by(f64::total_cmp);
        rounds.get(rounds.len().saturating_sub(1) / 2).copied()
    }
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

    /// Notes a figure; figures of one name stand in one row, and several of one system in one
    /// place of it: its rounds.
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
            let none = Figure::default;
            let (comanda, ceiling, peer) = (none(), none(), none());
            self.rows.push(Row { name, unit, better, comanda, ceiling, peer });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        let figure = match system {
            System::Comanda => &mut row.comanda,
            System::Ceiling => &mut row.ceiling,
            System::Peer => &mut row.peer,
        };
        figure.0.push(value);
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
                figure(row.comanda.median()),
                figure(row.ceiling.median()),
                figure(row.peer.median()),
                ratio(row, &row.ceiling),
                ratio(row, &row.peer),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let notes: String = self.notes.iter().map(|note| format!("note: {note}\n")).collect();
        let key = "✓ Comanda is better · ✗ it is not; medians of the rounds";
        format!("{}\n{table}\n{key}\n{notes}", self.machine.text())
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
fn ratio(row: &Row, other: &Figure) -> String {
    let other = other.median().filter(|&other| other > 0.0);
    let (Some(own), Some(other)) = (row.comanda.median(), other) else {
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
    fn a_ratio_is_that_of_the_medians_and_says_whether_it_is_good() {
        let row = Row {
            name: "p99".into(),
            unit: "ms",
            better: Better::Less,
            comanda: Figure(vec![9.0, 1.0, 0.5]),
            ceiling: Figure::default(),
            peer: Figure(vec![4.0]),
        };
        assert_eq!(ratio(&row, &row.peer), "0.25 ✓");
        assert_eq!(ratio(&row, &row.ceiling), "");
    }
}
