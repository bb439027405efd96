//! Cuts a stream of orders into items, in bounded memory, without understanding them.
//!
//! Two formats: JSON Lines (one order a line), and one JSON document: an array of orders, or an
//! object with `batchId`, `metadata`, `pricingRules` and `orders`. A document is looked through
//! once for its other fields before its orders are cut.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::change::DOCUMENT_BYTES_MAX;

/// How the input is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One order a line; empty lines do not count.
    JsonLines,
    /// One JSON document.
    Document,
}

/// Most bytes of a document's `metadata` or `pricingRules`: a full rule set has room.
const FIELD_BYTES_MAX: usize = 1 << 20;
/// What one read asks for.
const READ_BYTES: usize = 512 << 10;

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    start: usize,
    end: usize,
    /// It was longer than a document may be; what is here is its beginning.
    pub is_too_large: bool,
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
    /// Where in the input the chunk ends.
    pub end: u64,
    /// Whether the input ends with it.
    pub is_last: bool,
}

/// Cuts items out of what it reads.
#[derive(Debug)]
pub struct Splitter<R> {
    input: R,
    format: Format,
    buffer: Vec<u8>,
    pool: Pool,
    offset: u64,
    ended: bool,
    closed: bool,
    hasher: blake3::Hasher,
}

impl<R: Read> Splitter<R> {
    /// Cuts `input`, which stands at `offset`. `hasher` has seen everything before that.
    pub fn new(input: R, format: Format, offset: u64, hasher: blake3::Hasher) -> Self {
        let pool = Pool::default();
        let buffer = pool.lock().pop().unwrap_or_default();
        Self { input, format, buffer, pool, offset, ended: false, closed: false, hasher }
    }

    /// Hash of everything up to the last chunk's end.
    #[must_use]
    pub fn hash(&self) -> super::ContentHash {
        *self.hasher.finalize().as_bytes()
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
            match self.format {
                Format::JsonLines => found.lines(&self.buffer, self.ended, items_max),
                Format::Document => found.elements(&self.buffer, self.ended, items_max)?,
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
        let bytes = self.take(found.end);
        let mut chunk = Chunk { bytes, items: found.items, end: self.offset, is_last };
        if is_last {
            self.finish()?;
            chunk.end = self.offset;
        }
        Ok(Some(chunk))
    }

    /// Takes bytes that are dealt with; what follows them begins a new buffer.
    fn take(&mut self, length: usize) -> Bytes {
        let mut rest = self.pool.lock().pop().unwrap_or_default();
        rest.extend_from_slice(&self.buffer[length..]);
        self.buffer.truncate(length);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let bytes = Bytes::from_owner(Pooled { bytes, pool: self.pool.clone() });
        self.hasher.update(&bytes);
        self.offset += length as u64;
        bytes
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut block = self.input.by_ref().take(READ_BYTES as u64);
        self.ended = block.read_to_end(&mut self.buffer)? == 0;
        Ok(())
    }

    /// Reads over an item that is longer than any document may be, keeping its beginning.
    fn skip_large(&mut self) -> io::Result<Chunk> {
        let head = Bytes::copy_from_slice(&self.buffer[..1_024.min(self.buffer.len())]);
        let mut scanner = Scanner::default();
        loop {
            let (end, done) = match self.format {
                Format::JsonLines => match memchr::memchr(b'\n', &self.buffer) {
                    Some(at) => (at + 1, true),
                    None => (self.buffer.len(), false),
                },
                Format::Document => scanner.skip(&self.buffer),
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
        let item = Item { start: 0, end: head.len(), is_too_large: true };
        let is_last = self.ended && self.buffer.is_empty();
        if is_last {
            self.finish()?;
        }
        Ok(Chunk { bytes: head, items: vec![item], end: self.offset, is_last })
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
        self.items.push(Item { start, end, is_too_large });
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
                None if ended => return Err(broken("the orders array does not end")),
                None => {
                    self.end = start;
                    return Ok(());
                }
                Some(b']') => {
                    self.end = start + 1;
                    self.closed = true;
                }
                // Nothing would ever come behind it.
                Some(b'}') => return Err(broken("the orders array does not end")),
                Some(_) => match Scanner::default().skip(&buffer[start..]) {
                    (length, true) => {
                        self.push(start, start + length);
                        self.end = start + length;
                    }
                    (_, false) if ended => return Err(broken("the orders array does not end")),
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

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Finds where a JSON value ends.
#[derive(Debug, Default)]
struct Scanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    /// How many bytes belong to the value, and whether it ends there.
    fn skip(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                } else if let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                    at += next;
                    self.escaped = bytes[at] == b'\\';
                    self.in_string = self.escaped;
                    if !self.in_string && self.depth == 0 {
                        return (at + 1, true);
                    }
                } else {
                    return (bytes.len(), false);
                }
                at += 1;
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return (at, true),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (at + 1, true);
                    }
                }
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 && at > 0 => {
                    return (at, true);
                }
                _ => {}
            }
            at += 1;
        }
        (at, false)
    }
}

/// What a document says besides its orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `batchId`, raw.
    pub batch_id: Option<Vec<u8>>,
    /// `metadata`, raw.
    pub metadata: Option<Vec<u8>>,
    /// `pricingRules`, raw.
    pub pricing_rules: Option<Vec<u8>>,
    /// Where the first order may begin: behind the `[`.
    pub orders_at: u64,
}

/// Looks through a document for everything but its orders.
///
/// # Errors
/// `InvalidData` when it is no such document, and says why; what reading says.
pub fn header(input: impl Read) -> io::Result<Header> {
    let mut bytes = Peek { input, buffer: BytesMut::new(), at: 0, last: 0, ended: false };
    bytes.skip_bom()?;
    match bytes.token()? {
        Some(b'[') => {
            let orders_at = bytes.at + 1;
            bytes.array()?;
            bytes.end()?;
            Ok(Header { orders_at, ..Header::default() })
        }
        Some(b'{') => object(&mut bytes),
        Some(_) | None => Err(broken("neither a JSON object nor an array")),
    }
}

fn object<R: Read>(bytes: &mut Peek<R>) -> io::Result<Header> {
    let (mut header, mut orders_at) = (Header::default(), None);
    bytes.take(1);
    loop {
        match bytes.token()? {
            Some(b'}') => break,
            Some(b',') => bytes.take(1),
            Some(b'"') => {
                let key = bytes.value(true)?;
                if bytes.token()? != Some(b':') {
                    return Err(broken("a field without a value"));
                }
                bytes.take(1);
                let first = bytes.token()?;
                match key.as_slice() {
                    b"\"orders\"" => {
                        if first != Some(b'[') || orders_at.is_some() {
                            return Err(broken("'orders' must be one array"));
                        }
                        orders_at = Some(bytes.at + 1);
                        bytes.array()?;
                    }
                    b"\"batchId\"" | b"\"batch_id\"" => {
                        header.batch_id = Some(bytes.value(true)?);
                    }
                    b"\"metadata\"" => header.metadata = Some(bytes.value(true)?),
                    b"\"pricingRules\"" | b"\"pricing_rules\"" => {
                        header.pricing_rules = Some(bytes.value(true)?);
                    }
                    _ => drop(bytes.value(false)?),
                }
            }
            Some(_) | None => return Err(broken("the document does not end like a JSON object")),
        }
    }
    bytes.take(1);
    bytes.end()?;
    header.orders_at = orders_at.ok_or_else(|| broken("'orders' is missing"))?;
    Ok(header)
}

/// Reads ahead, a value at a time.
struct Peek<R> {
    input: R,
    buffer: BytesMut,
    at: u64,
    /// The byte before `at`.
    last: u8,
    ended: bool,
}

impl<R: Read> Peek<R> {
    fn more(&mut self) -> io::Result<()> {
        let mut block = vec![0; READ_BYTES];
        let got = self.input.read(&mut block)?;
        self.buffer.extend_from_slice(&block[..got]);
        self.ended = got == 0;
        Ok(())
    }

    fn take(&mut self, bytes: usize) {
        let taken = self.buffer.split_to(bytes);
        self.last = taken.last().copied().unwrap_or(self.last);
        self.at += bytes as u64;
    }

    fn skip_bom(&mut self) -> io::Result<()> {
        while self.buffer.len() < 3 && !self.ended {
            self.more()?;
        }
        if self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.take(3);
        }
        Ok(())
    }

    /// The next byte that is no white space.
    fn token(&mut self) -> io::Result<Option<u8>> {
        loop {
            let blank = self.buffer.iter().take_while(|b| b.is_ascii_whitespace()).count();
            self.take(blank);
            match self.buffer.first() {
                Some(byte) => return Ok(Some(*byte)),
                None if self.ended => return Ok(None),
                None => self.more()?,
            }
        }
    }

    /// Takes a whole value; its bytes when they are wanted.
    fn value(&mut self, keep: bool) -> io::Result<Vec<u8>> {
        let (mut scanner, mut kept) = (Scanner::default(), Vec::new());
        if matches!(self.token()?, Some(b'}' | b']' | b',' | b':') | None) {
            return Err(broken("a field without a value"));
        }
        loop {
            let (length, done) = scanner.skip(&self.buffer);
            if keep {
                kept.extend_from_slice(&self.buffer[..length]);
                if kept.len() > FIELD_BYTES_MAX {
                    return Err(broken("a field is larger than 1 MiB"));
                }
            }
            self.take(length);
            if done {
                return Ok(kept);
            }
            if self.ended {
                return Err(broken("the document breaks off"));
            }
            self.more()?;
        }
    }

    /// Takes a whole array. Its end must be its own, or its items would have none.
    fn array(&mut self) -> io::Result<()> {
        self.value(false)?;
        if self.last == b']' { Ok(()) } else { Err(broken("the orders array does not end")) }
    }

    fn end(&mut self) -> io::Result<()> {
        match self.token()? {
            None => Ok(()),
            Some(_) => Err(broken("something follows the document")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(input: &[u8], format: Format, at: u64, items_max: usize) -> Vec<String> {
        let input = &input[at as usize..];
        let mut splitter = Splitter::new(input, format, at, blake3::Hasher::new());
        let mut found = Vec::new();
        while let Some(chunk) = splitter.next(items_max).expect("it splits") {
            found.extend(
                chunk.items.iter().map(|item| {
                    String::from_utf8_lossy(&chunk.bytes[item.range()]).trim().to_owned()
                }),
            );
            if chunk.is_last {
                assert_eq!(chunk.end, at + input.len() as u64);
            }
        }
        found
    }

    #[test]
    fn lines_are_items_whatever_ends_them() {
        for items_max in [1, 2, 100] {
            let input = b"{\"a\":1}\r\n\n  \n[2]\n\"x\"";
            let found = split(input, Format::JsonLines, 0, items_max);
            assert_eq!(found, ["{\"a\":1}", "[2]", "\"x\""]);
        }
        assert!(split(b"", Format::JsonLines, 0, 5).is_empty());
    }

    #[test]
    fn a_documents_orders_are_items_and_its_other_fields_are_found() {
        let document = br#" {"batchId":"b\"1","orders":[ {"a":"]}\\"} ,[1,{"b":2}], 3 ,"x,y"],
            "metadata":{"k":"v"},"pricingRules":[],"other":[{"orders":[9]}]} "#;
        let header = header(&document[..]).expect("it has a header");
        assert_eq!(header.batch_id.as_deref(), Some(&br#""b\"1""#[..]));
        assert_eq!(header.metadata.as_deref(), Some(&br#"{"k":"v"}"#[..]));
        assert_eq!(header.pricing_rules.as_deref(), Some(&b"[]"[..]));
        for items_max in [1, 3, 100] {
            let found = split(document, Format::Document, header.orders_at, items_max);
            assert_eq!(found, [r#"{"a":"]}\\"}"#, r#"[1,{"b":2}]"#, "3", r#""x,y""#]);
        }
    }

    #[test]
    fn a_document_that_breaks_off_or_goes_on_is_refused() {
        for text in [
            r#"{"orders":[],"metadata":}"#,
            "",
            "7",
            "{\"orders\":[{}",
            "[1] x",
            "{\"orders\":{}}",
            "{\"a\":1}",
            "[\"x",
        ] {
            assert!(header(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_item_larger_than_a_document_is_skipped_and_its_neighbours_are_not() {
        let large = format!("\"{}\"", "x".repeat(3 << 20));
        let lines = format!("1\n{large}\n2\n");
        let array = format!("[1,{large},2]");
        for (input, format, at) in [(lines, Format::JsonLines, 0), (array, Format::Document, 1)] {
            let mut splitter =
                Splitter::new(&input.as_bytes()[at..], format, at as u64, blake3::Hasher::new());
            let mut found = Vec::new();
            while let Some(chunk) = splitter.next(10).expect("it splits") {
                found.extend(chunk.items.iter().map(|item| item.is_too_large));
            }
            assert_eq!(found, [false, true, false], "{format:?}");
        }
    }
}
