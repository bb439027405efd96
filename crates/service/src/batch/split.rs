//! Cuts a stream of orders into items, in bounded memory, without understanding them.
//!
//! Three formats: JSON Lines (one order a line); one JSON document: an array of orders, or an
//! object with `batchId`, `metadata`, `pricingRules` and `orders`, which is looked through once
//! for its other fields before its orders are cut; and rows of a table below their header.

mod json;
mod table;

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use self::json::Scanner;
pub use self::json::{Header, header};
use self::table::Table;
use crate::change::DOCUMENT_BYTES_MAX;
use crate::wire::csv::Layout;
use messages::{Id, Phrase, id};

/// How the input is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One order a line; empty lines do not count.
    JsonLines,
    /// One JSON document.
    Document,
    /// Rows below a header; consecutive rows of one order are one item.
    Table(Arc<Layout>),
}

/// What one read asks for.
const READ_BYTES: usize = 512 << 10;

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    start: usize,
    end: usize,
    /// Why it cannot be an order, whatever it says.
    pub flaw: Option<Flaw>,
}

/// What is wrong with an item as a part of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is longer than a document may be; what is here is its beginning.
    TooLarge,
    /// Rows of the same order stand further up.
    Apart,
}

impl Item {
    /// Where it is in its chunk.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Some items that follow each other.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// Bytes that the items are part of.
    pub bytes: Bytes,
    /// The items.
    pub items: Vec<Item>,
    /// Where in the input the chunk's bytes begin.
    pub begin: u64,
    /// The line that is, from 1.
    pub line: u64,
    /// Where in the input the chunk ends.
    pub end: u64,
    /// Whether the input ends with it.
    pub is_last: bool,
}

/// Cuts items out of what it reads.
#[derive(Debug)]
pub struct Splitter<R> {
    input: R,
    layout: Cut,
    buffer: Vec<u8>,
    pool: Pool,
    read: Prefix,
    ended: bool,
    closed: bool,
    /// What one read asks for.
    block: usize,
}

/// The part of an input that has been read.
#[derive(Clone, Debug, Default)]
pub struct Prefix {
    /// How many bytes.
    pub bytes: u64,
    /// How many line ends are among them.
    pub lines: u64,
    hasher: blake3::Hasher,
}

impl Prefix {
    /// Adds what follows.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.hasher.update(bytes);
    }

    /// Hash of it.
    #[must_use]
    pub fn hash(&self) -> super::ContentHash {
        *self.hasher.finalize().as_bytes()
    }
}

/// How items are found, and what has to be remembered for it.
#[derive(Debug)]
enum Cut {
    JsonLines,
    Document,
    Table(Box<Table>),
}

impl<R: Read> Splitter<R> {
    /// Cuts `input`, which stands behind `read`.
    pub fn new(input: R, format: &Format, read: Prefix) -> Self {
        let pool = Pool::default();
        let buffer = pool.lock().pop().unwrap_or_default();
        let layout = match format {
            Format::JsonLines => Cut::JsonLines,
            Format::Document => Cut::Document,
            Format::Table(layout) => Cut::Table(Box::new(Table::new(layout.clone()))),
        };
        Self { input, layout, buffer, pool, read, ended: false, closed: false, block: READ_BYTES }
    }

    /// What it remembers, without what it reads.
    pub fn without_input(self) -> Splitter<()> {
        let Self { layout, buffer, pool, read, ended, closed, block, .. } = self;
        Splitter { input: (), layout, buffer, pool, read, ended, closed, block }
    }

    /// Goes on with `input` where `earlier` came to its end, with what it remembers.
    pub fn resume(input: R, earlier: Splitter<()>) -> Self {
        let Splitter { layout, buffer, pool, read, .. } = earlier;
        Self { input, layout, buffer, pool, read, ended: false, closed: false, block: READ_BYTES }
    }

    /// Hash of everything up to the last chunk's end.
    #[must_use]
    pub fn hash(&self) -> super::ContentHash {
        self.read.hash()
    }

    /// The next items, at most `items_max`; `None` behind the last.
    ///
    /// # Errors
    /// What reading says; `InvalidData` when a document does not go on like one.
    pub fn next(&mut self, items_max: usize) -> io::Result<Option<Chunk>> {
        if self.closed {
            return Ok(None);
        }
        let mut found = Found::default();
        loop {
            match &mut self.layout {
                Cut::JsonLines => found.lines(&self.buffer, self.ended, items_max),
                Cut::Document => found.elements(&self.buffer, self.ended, items_max)?,
                Cut::Table(table) => table.find(&self.buffer, self.ended, items_max, &mut found),
            }
            if found.items.is_empty() && found.end > 0 && !found.closed {
                // Blanks between items are no part of any, and may be as many as they like.
                self.take(found.end);
                found.end = 0;
            }
            let cut_short = found.items.len() < items_max && !found.closed;
            let too_large = found.items.is_empty()
                && self.buffer.len() - found.end > DOCUMENT_BYTES_MAX + READ_BYTES;
            if too_large {
                return self.skip_large().map(Some);
            }
            let enough = found.end >= READ_BYTES
                || self.buffer.len() - found.end > DOCUMENT_BYTES_MAX + READ_BYTES;
            if self.ended || !cut_short || (enough && !found.items.is_empty()) {
                break;
            }
            self.fill()?;
        }
        let is_last = found.closed || (self.ended && found.end == self.buffer.len());
        let (begin, line) = (self.read.bytes, self.read.lines + 1);
        let bytes = self.take(found.end);
        if is_last {
            self.finish()?;
        }
        Ok(Some(Chunk { bytes, items: found.items, begin, line, end: self.read.bytes, is_last }))
    }

    /// Takes bytes that are dealt with; what follows them begins a new buffer.
    fn take(&mut self, length: usize) -> Bytes {
        let mut rest = self.pool.lock().pop().unwrap_or_default();
        rest.extend_from_slice(&self.buffer[length..]);
        self.buffer.truncate(length);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let bytes = Bytes::from_owner(Pooled { bytes, pool: self.pool.clone() });
        self.read.add(&bytes);
        bytes
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut block = self.input.by_ref().take(self.block as u64);
        self.ended = block.read_to_end(&mut self.buffer)? == 0;
        Ok(())
    }

    /// Reads over an item that is longer than any document may be, keeping its beginning.
    fn skip_large(&mut self) -> io::Result<Chunk> {
        let head = Bytes::copy_from_slice(&self.buffer[..1_024.min(self.buffer.len())]);
        let (begin, line) = (self.read.bytes, self.read.lines + 1);
        let mut scanner = Scanner::default();
        loop {
            let (end, done) = match self.layout {
                Cut::JsonLines | Cut::Table(_) => match memchr::memchr(b'\n', &self.buffer) {
                    Some(at) => (at + 1, true),
                    None => (self.buffer.len(), false),
                },
                Cut::Document => scanner.skip(&self.buffer),
            };
            self.take(end);
            if done {
                break;
            }
            self.fill()?;
            if self.ended {
                break;
            }
        }
        let item = Item { start: 0, end: head.len(), flaw: Some(Flaw::TooLarge) };
        let is_last = self.ended && self.buffer.is_empty();
        if is_last {
            self.finish()?;
        }
        Ok(Chunk { bytes: head, items: vec![item], begin, line, end: self.read.bytes, is_last })
    }

    /// Hashes what is behind the last item.
    fn finish(&mut self) -> io::Result<()> {
        self.closed = true;
        loop {
            self.take(self.buffer.len());
            if self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }
}

/// Buffers that may be used again: the kernel clears fresh memory before it hands it out.
type Pool = Arc<Mutex<Vec<Vec<u8>>>>;

/// Most buffers kept: more than are ever under way at a time.
const POOLED_MAX: usize = 64;

/// A buffer that goes back to its pool when the last slice of it is gone.
struct Pooled {
    bytes: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut pool = self.pool.lock();
        if pool.len() < POOLED_MAX {
            self.bytes.clear();
            pool.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// Items found in a buffer so far.
#[derive(Debug, Default)]
struct Found {
    items: Vec<Item>,
    end: usize,
    closed: bool,
}

impl Found {
    fn push(&mut self, start: usize, end: usize) {
        let is_too_large = end - start > DOCUMENT_BYTES_MAX;
        let end = if is_too_large { start + 1_024 } else { end };
        let flaw = is_too_large.then_some(Flaw::TooLarge);
        self.items.push(Item { start, end, flaw });
    }

    fn lines(&mut self, buffer: &[u8], ended: bool, items_max: usize) {
        while self.items.len() < items_max && self.end < buffer.len() {
            let rest = &buffer[self.end..];
            let (length, next) = match memchr::memchr(b'\n', rest) {
                Some(at) => (at, at + 1),
                None if ended => (rest.len(), rest.len()),
                None => return,
            };
            let start = self.end;
            if !rest[..length].trim_ascii().is_empty() {
                self.push(start, start + length);
            }
            self.end += next;
        }
    }

    /// Elements of an array, from behind its `[` or behind an element.
    fn elements(&mut self, buffer: &[u8], ended: bool, items_max: usize) -> io::Result<()> {
        while self.items.len() < items_max && !self.closed {
            let blank = |b: &u8| b.is_ascii_whitespace() || *b == b',';
            let skip = buffer[self.end..].iter().take_while(|b| blank(b)).count();
            let start = self.end + skip;
            match buffer.get(start) {
                None if ended => return Err(broken(id!("input-open-array"))),
                None => {
                    self.end = start;
                    return Ok(());
                }
                Some(b']') => {
                    self.end = start + 1;
                    self.closed = true;
                }
                // Nothing would ever come behind it.
                Some(b'}') => return Err(broken(id!("input-open-array"))),
                Some(_) => match Scanner::default().skip(&buffer[start..]) {
                    (length, true) => {
                        self.push(start, start + length);
                        self.end = start + length;
                    }
                    (_, false) if ended => return Err(broken(id!("input-open-array"))),
                    (_, false) => {
                        self.end = start;
                        return Ok(());
                    }
                },
            }
        }
        Ok(())
    }
}

fn broken(what: Id) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Phrase::new(what))
}

#[cfg(test)]
mod tests;
