//! Where the values of a JSON document end, and what it says besides its orders.
//!
//! Never: an understanding of the values.

use std::io::{self, Read};

use bytes::BytesMut;

use super::{READ_BYTES, broken};
use messages::id;

/// Most bytes of a document's `metadata` or `pricingRules`: a full rule set has room.
const FIELD_BYTES_MAX: usize = 1 << 20;

/// Finds where a JSON value ends.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    /// How many bytes belong to the value, and whether it ends there.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> (usize, bool) {
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
        Some(_) | None => Err(broken(id!("input-no-object"))),
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
                    return Err(broken(id!("input-no-value")));
                }
                bytes.take(1);
                let first = bytes.token()?;
                match key.as_slice() {
                    b"\"orders\"" => {
                        if first != Some(b'[') || orders_at.is_some() {
                            return Err(broken(id!("input-one-array")));
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
            Some(_) | None => return Err(broken(id!("input-no-end"))),
        }
    }
    bytes.take(1);
    bytes.end()?;
    header.orders_at = orders_at.ok_or_else(|| broken(id!("input-no-orders")))?;
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
            return Err(broken(id!("input-no-value")));
        }
        loop {
            let (length, done) = scanner.skip(&self.buffer);
            if keep {
                kept.extend_from_slice(&self.buffer[..length]);
                if kept.len() > FIELD_BYTES_MAX {
                    return Err(broken(id!("input-large-field")));
                }
            }
            self.take(length);
            if done {
                return Ok(kept);
            }
            if self.ended {
                return Err(broken(id!("input-breaks-off")));
            }
            self.more()?;
        }
    }

    /// Takes a whole array. Its end must be its own, or its items would have none.
    fn array(&mut self) -> io::Result<()> {
        self.value(false)?;
        if self.last == b']' { Ok(()) } else { Err(broken(id!("input-open-array"))) }
    }

    fn end(&mut self) -> io::Result<()> {
        match self.token()? {
            None => Ok(()),
            Some(_) => Err(broken(id!("input-trailing"))),
        }
    }
}
