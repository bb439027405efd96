//! What the log holds: changes, and the frames they are committed in.
//!
//! A change's sequence is where its record starts in the log: it only grows, needs no index, and
//! reading one change is one read. A frame is one commit:
//!
//! ```text
//! frame   magic u32 · payload length u32 · records u32 · position u64 · checksum u64
//! record  length u32 · checksum u64 (of the body, seeded with the record's position) · body
//! ```
//!
//! All integers little-endian; checksums are XXH3-64. A frame counts only when all of it is
//! there and every checksum holds: a torn write is no commit.

mod audit;
mod order;

use std::sync::Arc;

use bytes::Bytes;
use domain::command::Verb;
use domain::event::Event;
use domain::id::{OrderKey, StockKey};
use domain::order::{BatchItem, Channel};
use domain::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use self::audit::{
    AUDIT_DOCUMENT_BYTES_MAX, Audit, DOCUMENT_BYTES_MAX, DocumentHash, Flood, Origin,
};
pub(crate) use self::order::{batch_item, order_key, read_batch_item, read_order_key};
pub use self::order::{decode_state, encode_state, read_name, read_stock_key, stock_key};
use self::order::{event, read_channel, read_event, read_verb};
use crate::batch::BatchState;
use crate::catalogue::{Customer, Product};
use crate::codec::{Corrupt, Decoder, Encoder};
use crate::letters::{DeadLetter, Settled, Sweep};
use crate::once::{Hash, Kept, Key};
use crate::webhooks::{Endpoint, Replay};

/// Where a record starts in the log; the name of a change and of the order it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Bytes before a frame's records.
pub const FRAME_HEADER_BYTES: usize = 28;
/// Bytes before a record's body.
pub const RECORD_HEADER_BYTES: usize = 12;
/// Largest body of one record: a document of 256 KiB with room for its events.
pub const RECORD_BYTES_MAX: usize = 4 << 20;
const MAGIC: u32 = 0xC0DA_1E01;

/// One thing that happened, as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub what: What,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Something happened to an order.
    Order {
        /// Which.
        key: OrderKey,
        /// The change that began it; `None` when this is the one.
        first: Option<Seq>,
        /// What happened, in order.
        events: Vec<Event>,
        /// The document, byte for byte, with the change that began the order or a revision of it,
        /// or asked for what was refused.
        document: Option<Bytes>,
        /// Codes of what was odd about the document, with pointers.
        warnings: Vec<Fault>,
    },
    /// Input that is no order, kept for audit.
    Audit(Audit),
    /// A command for an order that is not there. Makes none.
    Stray(Stray),
    /// Input that is no order and was only counted.
    Flood(Flood),
    /// Stock on hand changed.
    Stock {
        /// Which product.
        stock: StockKey,
        /// By how many units.
        on_hand: i64,
        /// Why, in the words of whoever asked.
        reason: Box<str>,
    },
    /// One step of giving free stock to waiting orders is done.
    Released {
        /// Which product.
        stock: StockKey,
        /// The last waiting order looked at; `None` when all have been.
        next: Option<Seq>,
    },
    /// Products were added or changed.
    Products(Vec<Product>),
    /// A customer was added or changed.
    Customer(Customer),
    /// A rule set was saved.
    Rules {
        /// Its version.
        version: u64,
        /// Whether it prices the installation's orders from now on, or one batch's only.
        installed: bool,
        /// Its JSON.
        source: Box<str>,
    },
    /// A batch got on.
    Batch(Box<BatchState>),
    /// A webhook endpoint was added, changed, disabled or removed: as it is from now on.
    Endpoint(Arc<Endpoint>),
    /// An endpoint is to be told again what followed from earlier changes.
    Replay(Replay),
    /// A key was used up by what the commit did before this.
    Kept(Box<Kept>),
    /// Something could not be seen through.
    Letter(Box<DeadLetter>),
    /// A dead letter has ended.
    Settled(Box<Settled>),
    /// Many dead letters are being ended, and this is how far it got.
    Sweep(Box<Sweep>),
}

/// A command for an order that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The order that was meant.
    pub key: OrderKey,
    /// What was asked.
    pub verb: Verb,
    /// Where it came in.
    pub channel: Channel,
    /// The batch and place it came in with.
    pub batch: Option<BatchItem>,
    /// The document that asked, when one did.
    pub document: Option<Bytes>,
}

/// One thing wrong or odd about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer to it (RFC 6901).
    pub pointer: Box<str>,
    /// Its code.
    pub code: Box<str>,
}

impl From<&crate::wire::violation::Violation> for Fault {
    fn from(violation: &crate::wire::violation::Violation) -> Self {
        Self { pointer: (*violation.pointer).into(), code: violation.code.as_str().into() }
    }
}

/// A frame being filled: one commit's records.
#[derive(Debug, Default)]
pub struct Frame {
    start: u64,
    bytes: Vec<u8>,
    records: u32,
}

impl Frame {
    /// Begins a frame at `position` of the log.
    pub fn begin(&mut self, position: u64) {
        self.start = position;
        self.records = 0;
        self.bytes.clear();
        self.bytes.resize(FRAME_HEADER_BYTES, 0);
    }

    /// Whether nothing was put in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes so far, the header's included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The sequence that the next record will have.
    #[must_use]
    pub fn next(&self) -> Seq {
        Seq(self.start + self.bytes.len() as u64)
    }

    /// Adds a record.
    pub fn push(&mut self, change: &Change) -> Seq {
        let seq = self.next();
        let header = self.bytes.len();
        self.bytes.resize(header + RECORD_HEADER_BYTES, 0);
        encode(change, &mut self.bytes);
        let body = header + RECORD_HEADER_BYTES;
        let length = self.bytes.len() - body;
        // Once acknowledged, it could never be read again.
        assert!(length <= RECORD_BYTES_MAX, "a record of {length} bytes");
        let length = length as u32;
        let checksum = xxh3_64_with_seed(&self.bytes[body..], seq.0);
        self.bytes[header..header + 4].copy_from_slice(&length.to_le_bytes());
        self.bytes[header + 4..body].copy_from_slice(&checksum.to_le_bytes());
        self.records += 1;
        seq
    }

    /// A record that was put in, by its sequence.
    ///
    /// # Errors
    /// [`Corrupt`] when none was put in there.
    pub fn read(&self, seq: Seq) -> Result<Change, Corrupt> {
        let at = seq.0.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let bytes = at.and_then(|at| self.bytes.get(at..)).ok_or(Corrupt)?;
        decode(&Bytes::copy_from_slice(record_body(bytes, seq)?))
    }

    /// Takes back every record from `seq` on.
    pub fn truncate(&mut self, seq: Seq, records: u32) {
        self.bytes.truncate((seq.0 - self.start) as usize);
        self.records = records;
    }

    /// Records so far.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.records
    }

    /// The frame's bytes, complete.
    pub fn finish(&mut self) -> &[u8] {
        let payload = (self.bytes.len() - FRAME_HEADER_BYTES) as u32;
        let mut header = [0_u8; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&MAGIC.to_le_bytes());
        header[4..8].copy_from_slice(&payload.to_le_bytes());
        header[8..12].copy_from_slice(&self.records.to_le_bytes());
        header[12..20].copy_from_slice(&self.start.to_le_bytes());
        let checksum = xxh3_64_with_seed(&header[..20], self.start);
        header[20..].copy_from_slice(&checksum.to_le_bytes());
        self.bytes[..FRAME_HEADER_BYTES].copy_from_slice(&header);
        &self.bytes
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of records after the header.
    pub payload: u32,
    /// Records.
    pub records: u32,
}

/// Reads the frame header at `position`; `None` when there is none.
#[must_use]
pub fn frame_header(bytes: &[u8], position: u64) -> Option<FrameHeader> {
    let header = bytes.get(..FRAME_HEADER_BYTES)?;
    let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let long = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let sound = word(0)? == MAGIC
        && long(12)? == position
        && long(20)? == xxh3_64_with_seed(&header[..20], position);
    sound.then_some(FrameHeader { payload: word(4)?, records: word(8)? })
}

/// Whether a frame header starts here, as opposed to a record.
#[must_use]
pub fn is_frame_start(bytes: &[u8]) -> bool {
    bytes.get(..4).is_some_and(|b| b == MAGIC.to_le_bytes())
}

/// The length of the body of the record that starts here.
///
/// # Errors
/// [`Corrupt`] when no record starts here.
pub fn record_length(bytes: &[u8]) -> Result<usize, Corrupt> {
    let length = bytes.get(..4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    length.map(|l| l as usize).filter(|l| *l <= RECORD_BYTES_MAX).ok_or(Corrupt)
}

/// The checked body of the record that starts here at `seq`.
///
/// # Errors
/// [`Corrupt`] when the checksum does not hold.
pub fn record_body(bytes: &[u8], seq: Seq) -> Result<&[u8], Corrupt> {
    let length = record_length(bytes)?;
    let body = bytes.get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + length).ok_or(Corrupt)?;
    let stored = bytes.get(4..12).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    if stored == Some(xxh3_64_with_seed(body, seq.0)) { Ok(body) } else { Err(Corrupt) }
}

/// Every record of a frame's payload that starts at `position`, checked.
///
/// # Errors
/// [`Corrupt`] when one of them is damaged or cut short.
pub fn records(payload: &[u8], position: u64) -> Result<Vec<(Seq, &[u8])>, Corrupt> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < payload.len() {
        let seq = Seq(position + at as u64);
        let body = record_body(payload.get(at..).ok_or(Corrupt)?, seq)?;
        at += RECORD_HEADER_BYTES + body.len();
        found.push((seq, body));
    }
    Ok(found)
}

const ORDER: u8 = 1;
/// The first format of audits; read, and written no more.
const AUDIT_FIRST: u8 = 2;
const STOCK: u8 = 3;
const RELEASED: u8 = 4;
const PRODUCTS: u8 = 5;
const CUSTOMER: u8 = 6;
const RULES: u8 = 7;
const BATCH: u8 = 8;
const STRAY: u8 = 9;
const KEPT: u8 = 10;
const ENDPOINT: u8 = 16;
const REPLAY: u8 = 17;
const LETTER: u8 = 13;
const SETTLED: u8 = 14;
const SWEEP: u8 = 15;
const AUDIT: u8 = 20;
const FLOOD: u8 = 21;

/// Writes a change.
pub fn encode(change: &Change, out: &mut Vec<u8>) {
    let mut to = Encoder(out);
    let kind = match &change.what {
        What::Order { .. } => ORDER,
        What::Audit(_) => AUDIT,
        What::Flood(_) => FLOOD,
        What::Stock { .. } => STOCK,
        What::Released { .. } => RELEASED,
        What::Products(_) => PRODUCTS,
        What::Customer(_) => CUSTOMER,
        What::Rules { .. } => RULES,
        What::Batch(_) => BATCH,
        What::Stray(_) => STRAY,
        What::Endpoint(_) => ENDPOINT,
        What::Replay(_) => REPLAY,
        What::Kept(_) => KEPT,
        What::Letter(_) => LETTER,
        What::Settled(_) => SETTLED,
        What::Sweep(_) => SWEEP,
    };
    to.u8(kind);
    to.i64(change.at.0);
    match &change.what {
        What::Order { key, first, events, document, warnings } => {
            order_key(&mut to, key);
            to.u64(first.map_or(0, |s| s.0));
            to.list(events.iter(), event);
            to.list(warnings.iter(), fault);
            to.option(document.as_ref(), |to, d| to.bytes(d));
        }
        What::Audit(audit) => audit.encode(&mut to),
        What::Flood(flood) => flood.encode(&mut to),
        What::Stock { stock, on_hand, reason } => {
            stock_key(&mut to, stock);
            to.i64(*on_hand);
            to.text(reason);
        }
        What::Released { stock, next } => {
            stock_key(&mut to, stock);
            to.option(*next, |to, seq| to.u64(seq.0));
        }
        What::Products(products) => to.list(products.iter(), |to, p| p.encode(to)),
        What::Customer(customer) => customer.encode(&mut to),
        What::Rules { version, installed, source } => {
            to.u64(*version);
            to.u8(u8::from(*installed));
            to.text(source);
        }
        What::Batch(batch) => batch.encode(&mut to),
        What::Endpoint(endpoint) => endpoint.encode(&mut to),
        What::Replay(replay) => replay.encode(&mut to),
        What::Letter(letter) => letter.encode(&mut to),
        What::Settled(settled) => settled.encode(&mut to),
        What::Sweep(sweep) => sweep.encode(&mut to),
        What::Kept(kept) => {
            to.bytes(&kept.key.name);
            to.bytes(&kept.key.content);
            to.bytes(&kept.answer);
        }
        What::Stray(stray) => {
            order_key(&mut to, &stray.key);
            to.u8(stray.verb as u8);
            to.u8(stray.channel as u8);
            batch_item(&mut to, stray.batch.as_ref());
            to.option(stray.document.as_ref(), |to, d| to.bytes(d));
        }
    }
}

/// Reads a change back.
///
/// # Errors
/// [`Corrupt`] when the bytes are no change.
pub fn decode(body: &Bytes) -> Result<Change, Corrupt> {
    let mut from = Decoder(body);
    let kind = from.u8()?;
    let at = Timestamp(from.i64()?);
    let what = match kind {
        ORDER => What::Order {
            key: read_order_key(&mut from)?,
            first: Some(from.u64()?).filter(|s| *s != 0).map(Seq),
            events: from.list(read_event)?,
            warnings: from.list(read_fault)?,
            document: from.option(|f| Ok(body.slice_ref(f.bytes()?)))?,
        },
        AUDIT_FIRST => What::Audit(Audit::decode_first(&mut from, body)?),
        AUDIT => What::Audit(Audit::decode(&mut from, body)?),
        FLOOD => What::Flood(Flood::decode(&mut from)?),
        STOCK => What::Stock {
            stock: read_stock_key(&mut from)?,
            on_hand: from.i64()?,
            reason: from.text()?.into(),
        },
        RELEASED => What::Released {
            stock: read_stock_key(&mut from)?,
            next: from.option(|f| f.u64().map(Seq))?,
        },
        PRODUCTS => What::Products(from.list(Product::decode)?),
        CUSTOMER => What::Customer(Customer::decode(&mut from)?),
        RULES => What::Rules {
            version: from.u64()?,
            installed: from.u8()? == 1,
            source: from.text()?.into(),
        },
        LETTER => What::Letter(Box::new(DeadLetter::decode(&mut from, body)?)),
        SETTLED => What::Settled(Box::new(Settled::decode(&mut from)?)),
        SWEEP => What::Sweep(Box::new(Sweep::decode(&mut from)?)),
        BATCH => What::Batch(Box::new(BatchState::decode(&mut from)?)),
        ENDPOINT => What::Endpoint(Arc::new(Endpoint::decode(&mut from)?)),
        REPLAY => What::Replay(Replay::decode(&mut from)?),
        KEPT => What::Kept(Box::new(Kept {
            key: Key { name: read_hash(&mut from)?, content: read_hash(&mut from)? },
            answer: body.slice_ref(from.bytes()?),
        })),
        STRAY => What::Stray(Stray {
            key: read_order_key(&mut from)?,
            verb: read_verb(&mut from)?,
            channel: read_channel(&mut from)?,
            batch: read_batch_item(&mut from)?,
            document: from.option(|f| Ok(body.slice_ref(f.bytes()?)))?,
        }),
        _ => return Err(Corrupt),
    };
    Ok(Change { at, what })
}

fn read_hash(from: &mut Decoder<'_>) -> Result<Hash, Corrupt> {
    from.bytes()?.try_into().map_err(|_| Corrupt)
}

fn fault(to: &mut Encoder<'_>, fault: &Fault) {
    to.text(&fault.pointer);
    to.text(&fault.code);
}

fn read_fault(from: &mut Decoder<'_>) -> Result<Fault, Corrupt> {
    Ok(Fault { pointer: from.text()?.into(), code: from.text()?.into() })
}
