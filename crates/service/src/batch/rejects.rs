//! What of a batch was not taken, as an input of the same layout: to be corrected and sent again.
//!
//! Orders that are in already (repetitions, and those that were rejected, whose id is used up) are
//! left out: sent again they would only be repetitions. So is what was too large to be kept.
//!
//! Never: more of it in memory than one order.

use std::io::{self, Write};
use std::ops::{ControlFlow, Range};

use domain::event::{Event, Refusal};
use domain::order::BatchItem;

use crate::change::What;
use crate::ledger::{Ledger, Unavailable};
use crate::wire::csv::rows::{self, Row};
use crate::wire::csv::{self, FAULT_COLUMN, LINE_COLUMN, Layout};
use crate::wire::message::{self, Lang};

use super::state::BatchState;
use super::summary::{records, records_from};

/// How rejects are laid out: like the input they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One order a line.
    Lines,
    /// One document with `orders`, and with the batch's own metadata and rules.
    Document,
    /// Rows, with a column for what is wrong and one for the line it stood in.
    Table,
}

/// Writes what a batch did not take; how many items that is.
///
/// # Errors
/// What writing says; `Other` when stored data is damaged.
pub fn write(
    ledger: &dyn Ledger,
    batch: &BatchState,
    shape: Shape,
    lang: Lang,
    out: &mut dyn Write,
) -> io::Result<u64> {
    let mut writer = Writer { out, shape, items: 0 };
    if shape == Shape::Document {
        writer.frame(ledger, batch)?;
    }
    let mut failed = None;
    let scanned = records(ledger, batch, &mut |_, change| {
        if failed.is_none()
            && let Some(reject) = Reject::of(&change.what, lang)
            && let Err(error) = writer.item(&reject)
        {
            failed = Some(error);
        }
    });
    failed.map_or(Ok(()), Err)?;
    scanned.map_err(io::Error::other)?;
    if shape == Shape::Document {
        writer.out.write_all(b"\n]}\n")?;
    }
    Ok(writer.items)
}

/// An item that was not taken.
struct Reject<'a> {
    document: &'a [u8],
    /// The line it stood in.
    line: Option<u64>,
    /// What is wrong with it, for people.
    wrong: String,
}

impl<'a> Reject<'a> {
    /// What a record says of one; `None` when there is nothing that could be sent again.
    fn of(what: &'a What, lang: Lang) -> Option<Self> {
        let line = |item: Option<&BatchItem>| item.and_then(|item| item.at).map(|at| at.line);
        match what {
            What::Audit(audit) => {
                // Only the beginning of it was kept.
                let is_cut = matches!(&*audit.faults, [fault] if &*fault.code == "too_large");
                let texts = audit.faults.iter().map(|fault| message::stored(fault, lang));
                (!is_cut).then(|| Self {
                    document: &audit.document,
                    line: line(audit.batch.as_ref()),
                    wrong: texts.collect::<Vec<_>>().join(" "),
                })
            }
            // The order may have come in the meantime.
            What::Stray(stray) => Some(Self {
                document: stray.document.as_ref()?,
                line: line(stray.batch.as_ref()),
                wrong: message::refusal(&Refusal::UnknownOrder, lang).into_owned(),
            }),
            // Its state may be another by now.
            What::Order { events, document, .. } => match events.first() {
                Some(Event::Refused(refused)) => Some(Self {
                    document: document.as_ref()?,
                    line: line(refused.batch.as_ref()),
                    wrong: message::refusal(&refused.refusal, lang).into_owned(),
                }),
                Some(_) | None => None,
            },
            What::Letter(letter) => letter.payload.as_ref().map(|document| Self {
                document,
                line: line(letter.subject.item()),
                wrong: message::stored(&letter.fault(), lang),
            }),
            What::Stock { .. }
            | What::Released { .. }
            | What::Products(_)
            | What::Customer(_)
            | What::Rules { .. }
            | What::Batch(_)
            | What::Endpoint(_)
            | What::Replay(_)
            | What::Kept(_)
            | What::Settled(_)
            | What::Sweep(_)
            | What::Flood(_) => None,
        }
    }
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    shape: Shape,
    items: u64,
}

impl Writer<'_> {
    /// What stands before a document's orders.
    fn frame(&mut self, ledger: &dyn Ledger, batch: &BatchState) -> io::Result<()> {
        self.out.write_all(b"{")?;
        if !batch.metadata.is_empty() {
            write!(self.out, "\"metadata\": {},\n ", batch.metadata)?;
        }
        let rules = batch.rules.map(|version| ledger.rules(version)).transpose();
        if let Some(rules) = rules.map_err(io::Error::other)?.flatten() {
            write!(self.out, "\"pricingRules\": {},\n ", rules.source)?;
        }
        self.out.write_all(b"\"orders\": [")
    }

    fn item(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        match self.shape {
            Shape::Lines => {
                self.out.write_all(&one_line(reject.document))?;
                self.out.write_all(b"\n")?;
            }
            Shape::Document => {
                self.out.write_all(if self.items == 0 { b"\n" } else { b",\n" })?;
                self.out.write_all(reject.document)?;
            }
            Shape::Table => {
                let Some((layout, rows)) = csv::table(reject.document) else { return Ok(()) };
                self.rows(&layout, rows, reject)?;
            }
        }
        self.items += 1;
        Ok(())
    }

    /// The rows of one order, each with where it stood; the first says what is wrong.
    fn rows(&mut self, layout: &Layout, bytes: &[u8], reject: &Reject<'_>) -> io::Result<()> {
        let separator = layout.separator();
        let mark = char::from(separator);
        if self.items == 0 {
            let header = layout.header().as_bytes();
            let cells = rows::cells(header, separator).unwrap_or_default();
            self.out.write_all(senders(header, &cells, layout))?;
            writeln!(self.out, "{mark}{LINE_COLUMN}{mark}{FAULT_COLUMN}")?;
        }
        let wrong = rows::cell(&reject.wrong, separator).into_owned();
        let mut line = reject.line;
        let (mut at, mut wrong, mut cells) = (0, wrong.as_str(), Vec::new());
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (len, next) = match rows::row(rest, separator, true, &mut cells) {
                Row::Whole { len, next } | Row::Faulty { len, next } => (len, next),
                Row::Blank { next } => (0, next),
                Row::Partial | Row::TooLong => (rest.len(), rest.len()),
            };
            if len > 0 {
                cells.retain(|cell| cell.end <= len);
                self.out.write_all(senders(rest.get(..len).unwrap_or_default(), &cells, layout))?;
                let line = line.map_or_else(String::new, |line| line.to_string());
                writeln!(self.out, "{mark}{line}{mark}{}", std::mem::take(&mut wrong))?;
            }
            let lines = memchr::memchr_iter(b'\n', rest.get(..next).unwrap_or_default()).count();
            line = line.map(|line| line + lines as u64);
            at += next;
        }
        Ok(())
    }
}

/// The part of a row that its sender wrote: rejects that are rejected again have our columns.
fn senders<'a>(row: &'a [u8], cells: &[Range<usize>], layout: &Layout) -> &'a [u8] {
    match cells.get(layout.senders_columns()) {
        Some(own) if own.start > 0 => row.get(..own.start - 1).unwrap_or(row),
        Some(_) | None => row,
    }
}

/// The layout of what a batch did not take, by the first of it.
///
/// # Errors
/// [`Unavailable::Read`] when stored data is damaged.
pub fn shape(ledger: &dyn Ledger, batch: &BatchState) -> Result<Shape, Unavailable> {
    let mut shape = Shape::Lines;
    records_from(ledger, batch, 0, &mut |_, change| match &change.what {
        what @ (What::Audit(_) | What::Stray(_) | What::Letter(_) | What::Order { .. }) => {
            match Reject::of(what, Lang::En) {
                Some(reject) => {
                    if csv::table(reject.document).is_some() {
                        shape = Shape::Table;
                    }
                    ControlFlow::Break(())
                }
                None => ControlFlow::Continue(()),
            }
        }
        What::Stock { .. }
        | What::Released { .. }
        | What::Products(_)
        | What::Customer(_)
        | What::Rules { .. }
        | What::Batch(_)
        | What::Endpoint(_)
        | What::Replay(_)
        | What::Kept(_)
        | What::Settled(_)
        | What::Sweep(_)
        | What::Flood(_) => ControlFlow::Continue(()),
    })?;
    Ok(shape)
}

/// A document on one line: line ends inside it are white space to JSON.
fn one_line(document: &[u8]) -> Vec<u8> {
    document.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }).collect()
}
