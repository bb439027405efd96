//! Reads the configuration file: every value with its place, everything that is wrong at once.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::rows;
use super::table::{Section, Setting};
use super::value::Unfit;

/// A value of the file.
pub(super) struct Found {
    pub(super) setting: &'static Setting,
    pub(super) text: String,
    /// From 1.
    pub(super) line: usize,
    /// Where each row of a list begins, from 1.
    pub(super) lines: Vec<usize>,
}

/// The values in `text`, and what is wrong with it: each fault begins with its place.
pub(super) fn read(
    path: &Path,
    text: &str,
    sections: &'static [Section],
) -> (Vec<Found>, Vec<String>) {
    let mut reading = Reading { path, text, found: Vec::new(), faults: Vec::new() };
    match DeTable::parse(text) {
        Err(error) => reading.fault(error.span().unwrap_or(0..0), error.message()),
        Ok(document) => {
            for (name, value) in document.into_inner() {
                reading.section(&name, value, sections);
            }
        }
    }
    reading.faults.sort();
    let faults = reading.faults.into_iter().map(|(_, fault)| fault).collect();
    (reading.found, faults)
}

struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    found: Vec<Found>,
    /// With their places.
    faults: Vec<(usize, String)>,
}

impl Reading<'_> {
    fn section(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: Spanned<DeValue<'_>>,
        sections: &'static [Section],
    ) {
        let Some(section) = sections.iter().find(|section| section.name == name.get_ref()) else {
            let there: Vec<_> = sections.iter().map(Section::heading).collect();
            let why = format!("no section is called [{}]; there are {}", name, there.join(" "));
            return self.fault(name.span(), &why);
        };
        if let [whole] = section.settings
            && whole.name.is_empty()
        {
            return match whole.kind.rows {
                Some(rows) => self.rows(name.span(), whole, rows, value),
                None => self.value(name.span(), whole, value),
            };
        }
        let at = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            return self.fault(at, &format!("[{}] is a table of settings", section.name));
        };
        for (name, value) in table {
            match section.settings.iter().find(|setting| setting.name == name.get_ref()) {
                Some(setting) => self.value(name.span(), setting, value),
                None => {
                    let there: Vec<_> = section.settings.iter().map(|s| s.name).collect();
                    let there = there.join(", ");
                    let why = format!("[{}] has no {name}; it has {there}", section.name);
                    self.fault(name.span(), &why);
                }
            }
        }
    }

    fn value(&mut self, at: Range<usize>, setting: &'static Setting, value: Spanned<DeValue<'_>>) {
        match (setting.kind.read_toml)(value) {
            Ok(text) => {
                let (line, _) = place(self.text, at.start);
                self.found.push(Found { setting, text, line, lines: Vec::new() });
            }
            Err(Unfit { at, why }) => self.fault(at, &format!("{} {why}", setting.key)),
        }
    }

    fn rows(
        &mut self,
        at: Range<usize>,
        setting: &'static Setting,
        rows: &'static rows::Rows,
        value: Spanned<DeValue<'_>>,
    ) {
        match rows::read(rows, value) {
            Ok(found) => {
                let (line, _) = place(self.text, at.start);
                let lines = found.iter().map(|row| place(self.text, row.at).0).collect();
                self.found.push(Found { setting, text: rows::render(&found), line, lines });
            }
            Err(faults) => {
                for Unfit { at, why } in faults {
                    self.fault(at, &format!("{} {why}", setting.key));
                }
            }
        }
    }

    fn fault(&mut self, at: Range<usize>, why: &str) {
        let (line, column) = place(self.text, at.start);
        let fault = format!("{}:{line}:{column}: {why}", self.path.display());
        self.faults.push((at.start, fault));
    }
}

/// Line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
