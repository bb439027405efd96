//! Sample data: orders, catalogue, stock and rules that belong together, as many as wanted.
//!
//! The same options give the same bytes on every machine. Orders of every seed fit the catalogue
//! of every other. Never: floats, the clock, memory that grows with the number of documents.

#![allow(unreachable_pub, reason = "the binary, the bench and tests include this module alike")]

mod brazil;
mod catalogue;
mod fault;
mod random;
mod retail;
mod series;
mod small;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::str::FromStr;

use series::Series;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Purchases of customer and items only, one per line (about 0.2 KB each).
    Simple,
    /// Full purchase documents, one per line (about 1.2 KB each).
    Retail,
    /// Transfers between accounts, one per line.
    Transfer,
    /// One JSON document with retail orders, pricing rules and metadata.
    Batch,
    /// The products that retail orders are about, one per line.
    Catalogue,
    /// What is in stock of each product, one per line.
    Stock,
    /// Pricing rules: one JSON document.
    Rules,
}

impl Kind {
    /// Every kind with its name on the command line.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Simple, "simple"),
        (Self::Retail, "retail"),
        (Self::Transfer, "transfer"),
        (Self::Batch, "batch"),
        (Self::Catalogue, "catalogue"),
        (Self::Stock, "stock"),
        (Self::Rules, "rules"),
    ];
}

/// No kind of sample data has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownKind;

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such kind, choose one of")?;
        Kind::ALL.iter().try_for_each(|(_, name)| write!(f, " {name}"))
    }
}

impl std::error::Error for UnknownKind {}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind).ok_or(UnknownKind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

/// What to make, how much of it, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What to make.
    pub kind: Kind,
    /// How many documents, broken and repeated ones included. For the catalogue and the stock the
    /// most rows, 0 meaning all 10,000; nothing for the rules.
    pub count: u64,
    /// Another seed, other documents (with the same order ids: those count up).
    pub seed: u64,
    /// How many of 100 orders are broken (0 to 100), each in one of several ways. No matter for
    /// catalogue, stock and rules. In a batch, the document as a whole stays JSON.
    pub invalid_percent: u8,
    /// How many of 100 orders repeat an earlier one byte for byte (0 to 100, together with
    /// `invalid_percent` at most 100). No matter for catalogue, stock and rules.
    pub duplicates_percent: u8,
}

/// Eight rules, three of them with a condition; the same for every seed.
const RULES: &str = include_str!("rules.json");

/// Writes what `options` ask for.
///
/// # Errors
/// Whatever `out` answers.
pub fn write(options: &Options, out: &mut impl Write) -> io::Result<()> {
    match options.kind {
        Kind::Simple | Kind::Retail | Kind::Transfer => write_lines(options, out),
        Kind::Batch => write_batch(options, out),
        Kind::Catalogue => catalogue::write_products(options.count, out),
        Kind::Stock => catalogue::write_stock(options.seed, options.count, out),
        Kind::Rules => out.write_all(RULES.as_bytes()),
    }
}

fn write_lines(options: &Options, out: &mut impl Write) -> io::Result<()> {
    let mut series = Series::new(options);
    write_each(0..options.count, out, |index, out| {
        series.put_next(index, out);
        out.push(b'\n');
    })
}

fn write_batch(options: &Options, out: &mut impl Write) -> io::Result<()> {
    // Every option is part of the id: another content under the same id would be refused.
    let Options { count, seed, invalid_percent, duplicates_percent, .. } = *options;
    let rules = RULES.trim_end().strip_prefix('{').unwrap_or_default();
    write!(out, r#"{{"batchId":"LOTE-{seed}-{count}-{invalid_percent}-{duplicates_percent}","#)?;
    write!(out, r#""metadata":{{"source":"sample","region":"sudeste","campaign":"verao"}},"#)?;
    write!(out, r#""pricingRules":{{{rules},"orders":["#)?;
    let mut series = Series::new(options);
    write_each(0..count, out, |index, out| {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        series.put_next(index, out);
    })?;
    out.write_all(b"\n]}\n")
}

/// Appends the retail order at place `index` of the seed's orders: one line of JSON of about
/// 1.2 KB, without a line end. No other order need be made first, so any number of threads may
/// each make their share.
///
/// Order ids depend on the index alone: `ORD-20250109-0000123` is number 123 of every seed.
pub fn retail_order(seed: u64, index: u64, out: &mut Vec<u8>) {
    retail::put_retail(seed, index, out);
}

/// Bytes gathered before they are written, so that `out` need not be buffered.
const CHUNK: usize = 64 * 1024;

fn write_each(
    indices: Range<u64>,
    out: &mut impl Write,
    mut put: impl FnMut(u64, &mut Vec<u8>),
) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK + CHUNK / 4);
    for index in indices {
        put(index, &mut chunk);
        if chunk.len() >= CHUNK {
            out.write_all(&chunk)?;
            chunk.clear();
        }
    }
    out.write_all(&chunk)
}
