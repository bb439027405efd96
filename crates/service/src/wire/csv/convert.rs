//! An order's rows as the JSON document they stand for, and back: from a place in the document to
//! a line and a column.
//!
//! An order's own fields may stand in every row or in some; where rows contradict each other, that
//! is a violation. A column nobody knows is the order's where its rows agree, else each line's.

use std::collections::BTreeSet;
use std::ops::Range;

use domain::id::{MerchantId, OrderId};
use serde_json::{Map, Value};

use super::names::{Is, Leaf, Target};
use super::rows::{self, Row};
use super::{Key, Layout, number};
use crate::wire::document::{Fault, Found, Read};
use crate::wire::violation::{Code, Detail, Severity, Violation};

/// Rows as a document.
#[derive(Debug)]
pub(super) struct Converted {
    pub(super) json: Vec<u8>,
    /// What is wrong with the rows as such.
    faults: Vec<RowFault>,
    /// The row that each item of the document stands in, from 0.
    item_rows: Vec<u64>,
    /// The order that a row which could not be read seems to be of.
    broken: Option<(OrderId, Option<MerchantId>)>,
}

#[derive(Debug)]
struct RowFault {
    violation: Violation,
    row: u64,
}

/// A place in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Lines below the order's first line.
    pub line: u64,
    /// The column, from 1, where it is one column's.
    pub column: Option<usize>,
    /// The column's name in the header.
    pub name: Option<Box<str>>,
}

impl Layout {
    /// The document that an order's rows stand for.
    pub(super) fn convert(&self, bytes: &[u8]) -> Converted {
        let mut rows = Rows { layout: self, faults: vec![], cells: vec![], broken: None };
        rows.read(bytes);
        let mut order = Map::new();
        for (at, column) in self.columns.iter().enumerate() {
            if let Target::Order(leaf) = column.target
                && let Some(value) = rows.agreed(at, leaf)
            {
                insert(&mut order, &leaf.path, value);
            }
        }
        let (mut items, item_rows) = rows.items();
        rows.attributes(&mut order, &mut items);
        if !items.is_empty() {
            order.insert("items".to_owned(), items.into_iter().map(Value::Object).collect());
        }
        let json = serde_json::to_vec(&Value::Object(order)).unwrap_or_default();
        Converted { json, faults: rows.faults, item_rows, broken: rows.broken }
    }
}

/// The rows of one order, cell by cell.
struct Rows<'a> {
    layout: &'a Layout,
    faults: Vec<RowFault>,
    /// Each row's line, from 0, and its texts; as many as the header has.
    cells: Vec<(u64, Vec<String>)>,
    broken: Option<(OrderId, Option<MerchantId>)>,
}

impl Rows<'_> {
    fn read(&mut self, bytes: &[u8]) {
        let (mut at, mut line) = (0, 0);
        let mut ranges = Vec::new();
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let next = match rows::row(rest, self.layout.separator, true, &mut ranges) {
                Row::Whole { len, next } => {
                    self.row(rest.get(..len).unwrap_or_default(), &ranges, line);
                    next
                }
                Row::Faulty { len, next } => {
                    ranges.retain(|cell| cell.end <= len);
                    self.broken(rest.get(..len).unwrap_or_default(), &ranges);
                    self.fault("", Code::BadQuotes, line);
                    next
                }
                Row::Blank { next } => next,
                Row::Partial | Row::TooLong => {
                    self.fault("", Code::TooLarge, line);
                    rest.len()
                }
            };
            line += lines(rest.get(..next).unwrap_or_default());
            at += next;
        }
    }

    /// Remembers which order a row that cannot be read seems to be of.
    fn broken(&mut self, row: &[u8], cells: &[Range<usize>]) {
        if let Key::Of { merchant, order } = self.layout.key(row, cells)
            && let Ok(order) = OrderId::parse(&order)
        {
            self.broken.get_or_insert((order, MerchantId::parse(&merchant).ok()));
        }
    }

    fn row(&mut self, row: &[u8], cells: &[Range<usize>], line: u64) {
        let Ok(text) = std::str::from_utf8(row) else {
            self.broken(row, cells);
            return self.fault("", Code::NotUtf8, line);
        };
        let columns = self.layout.columns.len();
        let texts: Vec<String> = cells
            .iter()
            .filter_map(|c| text.get(c.clone()))
            .map(|c| rows::text(c).into())
            .collect();
        // Spreadsheets end rows with separators of their own accord.
        let is_wider = texts.iter().skip(columns).any(|text| !text.is_empty());
        if is_wider || texts.len() < columns {
            self.broken(row, cells);
            return self.fault("", Code::RowWidth, line);
        }
        if texts.iter().all(String::is_empty) {
            return;
        }
        self.cells.push((line, texts));
    }

    fn fault(&mut self, pointer: &str, code: Code, row: u64) {
        let pointer = pointer.to_owned().into();
        let severity = Severity::Error;
        let violation = Violation { pointer, code, severity, detail: Detail::None };
        self.faults.push(RowFault { violation, row });
    }

    /// The texts of a column that are filled in, with their lines.
    fn filled(&self, column: usize) -> impl Iterator<Item = (u64, &str)> {
        let cells =
            self.cells.iter().filter_map(move |(line, row)| Some((*line, row.get(column)?)));
        cells.map(|(line, text)| (line, text.as_str())).filter(|(_, text)| !text.is_empty())
    }

    /// The one value that an order's rows give a field.
    fn agreed(&mut self, column: usize, leaf: &Leaf) -> Option<Value> {
        let (line, first) = self.filled(column).next()?;
        let first = first.to_owned();
        let pointer = format!("/{}", leaf.path.join("/"));
        let other = self.filled(column).find(|(_, text)| *text != first).map(|(line, _)| line);
        if let Some(line) = other {
            self.fault(&pointer, Code::ConflictingValues, line);
            return None;
        }
        self.value(&first, leaf.is, &pointer, line)
    }

    fn value(&mut self, text: &str, is: Is, pointer: &str, line: u64) -> Option<Value> {
        match is {
            Is::Text => Some(text.into()),
            Is::Texts => {
                let texts = text.split('|').map(str::trim).filter(|text| !text.is_empty());
                Some(texts.collect())
            }
            Is::Number => {
                let number = number::plain(text, self.layout.separator == b';');
                if number.is_none() {
                    self.fault(pointer, Code::AmbiguousNumber, line);
                }
                number.map(|number| number.into())
            }
        }
    }

    /// The lines of the order, and the row each stands in.
    fn items(&mut self) -> (Vec<Map<String, Value>>, Vec<u64>) {
        let (mut items, mut item_rows) = (Vec::new(), Vec::new());
        for (line, row) in std::mem::take(&mut self.cells) {
            let mut item = Map::new();
            let is_item = self.item(&row, line, items.len(), &mut item);
            if is_item {
                items.push(item);
                item_rows.push(line);
            }
            self.cells.push((line, row));
        }
        (items, item_rows)
    }

    /// Fills a line from its row; whether the row has one.
    fn item(
        &mut self,
        row: &[String],
        line: u64,
        at: usize,
        item: &mut Map<String, Value>,
    ) -> bool {
        let layout = self.layout;
        let mut is_item = false;
        for (column, text) in layout.columns.iter().zip(row).filter(|(_, text)| !text.is_empty()) {
            let Target::Item(leaf) = column.target else { continue };
            is_item = true;
            let pointer = format!("/items/{at}/{}", leaf.path.join("/"));
            if let Some(value) = self.value(text, leaf.is, &pointer, line) {
                insert(item, &leaf.path, value);
            }
        }
        is_item
    }

    /// Keeps what no field is.
    fn attributes(&self, order: &mut Map<String, Value>, items: &mut [Map<String, Value>]) {
        for (at, column) in self.layout.columns.iter().enumerate() {
            if column.target != Target::Unknown {
                continue;
            }
            let texts: BTreeSet<&str> = self.filled(at).map(|(_, text)| text).collect();
            let is_order = texts.len() == 1 || items.len() != self.cells.len();
            if is_order {
                let all = texts.into_iter().collect::<Vec<_>>().join(" | ");
                if !all.is_empty() {
                    order.insert(column.name.to_string(), all.into());
                }
                continue;
            }
            for (item, (_, row)) in items.iter_mut().zip(&self.cells) {
                if let Some(text) = row.get(at).filter(|text| !text.is_empty()) {
                    item.insert(column.name.to_string(), text.as_str().into());
                }
            }
        }
    }
}

fn insert(object: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [name] => drop(object.insert((*name).to_owned(), value)),
        [name, rest @ ..] => {
            let part = object.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(part) = part {
                insert(part, rest, value);
            }
        }
    }
}

/// Line ends in some bytes.
fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

impl Converted {
    /// The reader's judgement, with what is wrong about the rows before it.
    pub(super) fn judge(self, read: Result<Read, Fault>) -> Result<Read, Fault> {
        if self.faults.is_empty() {
            return read;
        }
        let (mut found, judged) = match read {
            Ok(read) => {
                let (key, channel) = (read.key().clone(), read.channel);
                (Found { id: Some(key.id), merchant: Some(key.merchant), channel }, read.warnings)
            }
            Err(Fault::Invalid { found, violations }) => (found, violations),
            Err(malformed @ Fault::Malformed(_)) => return Err(malformed),
        };
        // What could not be read is not missing.
        let is_at = |pointer: &str| self.faults.iter().any(|f| f.violation.pointer == pointer);
        let is_missing = |code| matches!(code, Code::Required | Code::NoCustomer);
        let is_known = |v: &Violation| is_at(&v.pointer) || (is_at("") && is_missing(v.code));
        let judged = judged.into_iter().filter(|v| !is_known(v)).collect::<Vec<_>>();
        if found.id.is_none() {
            let (id, merchant) = self.broken.unzip();
            found = Found { id, merchant: merchant.flatten(), ..found };
        }
        let faults = self.faults.into_iter().map(|fault| fault.violation);
        Err(Fault::Invalid { found, violations: faults.chain(judged).collect() })
    }

    /// The line and column of a place in the document.
    pub(super) fn locate(&self, layout: &Layout, pointer: &str, code: &str) -> Option<Located> {
        let segments: Vec<&str> = pointer.split('/').skip(1).collect();
        let item = match segments.as_slice() {
            ["items", item, ..] => item.parse::<usize>().ok(),
            _ => None,
        };
        let column = layout.columns.iter().position(|column| match (column.target, item) {
            (Target::Item(leaf), Some(_)) => segments.get(2..) == Some(&leaf.path),
            (Target::Order(leaf), None) => leaf.path == segments,
            (Target::Item(_) | Target::Order(_) | Target::Unknown | Target::Ignored, _) => false,
        });
        let same = |fault: &&RowFault| {
            fault.violation.pointer == pointer && fault.violation.code.as_str() == code
        };
        let fault = self.faults.iter().find(same).map(|fault| fault.row);
        let line = fault.or_else(|| self.item_rows.get(item?).copied()).unwrap_or(0);
        let name = column.and_then(|at| layout.columns.get(at)).map(|column| column.name.clone());
        Some(Located { line, column: column.map(|at| at + 1), name })
    }
}
