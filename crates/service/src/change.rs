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

use bytes::Bytes;
use domain::event::{Event, Kind, Received, Rejection, Shortage};
use domain::id::{BatchId, CustomerId, MerchantId, OrderId, OrderKey, Sku, StockKey};
use domain::money::{Money, UnitPrice};
use domain::order::{BatchItem, Channel};
use domain::pricing::{Effect, LinePrice, Pricing, Target};
use domain::state::{Claim, ClaimState, OrderState, Status};
use domain::stock::ShortagePolicy;
use domain::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::batch::BatchState;
use crate::catalogue::{Customer, Product};
use crate::codec::{Corrupt, Decoder, Encoder};

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
        /// The document, byte for byte, with the change that began the order.
        document: Option<Bytes>,
        /// Codes of what was odd about the document, with pointers.
        warnings: Vec<Fault>,
    },
    /// Input that is no order, kept for audit.
    Audit(Audit),
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
}

/// Input that is no order, with what is wrong about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The id it carries, when one could be read.
    pub order: Option<OrderId>,
    /// The seller it names, when one could be read.
    pub merchant: Option<MerchantId>,
    /// Where it came in.
    pub channel: Channel,
    /// The batch and place it came in with.
    pub batch: Option<BatchItem>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// The bytes, cut at [`AUDIT_DOCUMENT_BYTES_MAX`].
    pub document: Bytes,
}

/// Most bytes of one document; more is malformed.
pub const DOCUMENT_BYTES_MAX: usize = 256 << 10;

/// Most bytes of a faulty document that are kept: all of it, so that it can be sent again.
pub const AUDIT_DOCUMENT_BYTES_MAX: usize = DOCUMENT_BYTES_MAX;

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
const AUDIT: u8 = 2;
const STOCK: u8 = 3;
const RELEASED: u8 = 4;
const PRODUCTS: u8 = 5;
const CUSTOMER: u8 = 6;
const RULES: u8 = 7;
const BATCH: u8 = 8;

/// Writes a change.
pub fn encode(change: &Change, out: &mut Vec<u8>) {
    let mut to = Encoder(out);
    let kind = match &change.what {
        What::Order { .. } => ORDER,
        What::Audit(_) => AUDIT,
        What::Stock { .. } => STOCK,
        What::Released { .. } => RELEASED,
        What::Products(_) => PRODUCTS,
        What::Customer(_) => CUSTOMER,
        What::Rules { .. } => RULES,
        What::Batch(_) => BATCH,
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
        What::Audit(audit) => {
            to.option(audit.order.as_ref(), |to, id| to.text(id.as_str()));
            to.option(audit.merchant.as_ref(), |to, id| to.text(id.as_str()));
            to.u8(audit.channel as u8);
            to.option(audit.batch.as_ref(), batch_item);
            to.list(audit.faults.iter(), fault);
            to.bytes(&audit.document);
        }
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
        AUDIT => What::Audit(Audit {
            order: from.option(read_name(OrderId::parse))?,
            merchant: from.option(read_name(MerchantId::parse))?,
            channel: read_channel(&mut from)?,
            batch: from.option(read_batch_item)?,
            faults: from.list(read_fault)?,
            document: body.slice_ref(from.bytes()?),
        }),
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
        BATCH => What::Batch(Box::new(BatchState::decode(&mut from)?)),
        _ => return Err(Corrupt),
    };
    Ok(Change { at, what })
}

fn fault(to: &mut Encoder<'_>, fault: &Fault) {
    to.text(&fault.pointer);
    to.text(&fault.code);
}

fn read_fault(from: &mut Decoder<'_>) -> Result<Fault, Corrupt> {
    Ok(Fault { pointer: from.text()?.into(), code: from.text()?.into() })
}

fn order_key(to: &mut Encoder<'_>, key: &OrderKey) {
    to.text(key.id.as_str());
    to.text(key.merchant.as_str());
}

fn read_order_key(from: &mut Decoder<'_>) -> Result<OrderKey, Corrupt> {
    Ok(OrderKey {
        id: OrderId::parse(from.text()?).map_err(|_| Corrupt)?,
        merchant: MerchantId::parse(from.text()?).map_err(|_| Corrupt)?,
    })
}

/// Writes a stock key.
pub fn stock_key(to: &mut Encoder<'_>, key: &StockKey) {
    to.text(key.merchant.as_str());
    to.text(key.sku.as_str());
}

/// Reads a stock key.
///
/// # Errors
/// [`Corrupt`] when the bytes are none.
pub fn read_stock_key(from: &mut Decoder<'_>) -> Result<StockKey, Corrupt> {
    Ok(StockKey {
        merchant: MerchantId::parse(from.text()?).map_err(|_| Corrupt)?,
        sku: read_sku(from)?,
    })
}

/// Reads a name with its parser.
pub fn read_name<T, E>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&mut Decoder<'_>) -> Result<T, Corrupt> {
    move |from| parse(from.text()?).map_err(|_| Corrupt)
}

fn read_sku(from: &mut Decoder<'_>) -> Result<Sku, Corrupt> {
    Sku::parse(from.text()?).map_err(|_| Corrupt)
}

fn batch_item(to: &mut Encoder<'_>, item: &BatchItem) {
    to.text(item.batch.as_str());
    to.u64(item.index);
}

fn read_batch_item(from: &mut Decoder<'_>) -> Result<BatchItem, Corrupt> {
    let batch = BatchId::parse(from.text()?).map_err(|_| Corrupt)?;
    Ok(BatchItem { batch, index: from.u64()? })
}

fn read_channel(from: &mut Decoder<'_>) -> Result<Channel, Corrupt> {
    pick(from, &Channel::ALL)
}

/// The enumeration's variant of that number: tables list them in the order of their numbers.
fn pick<T: Copy, N>(from: &mut Decoder<'_>, all: &[(T, N)]) -> Result<T, Corrupt> {
    let number = from.u8()? as usize;
    all.get(number).map(|(variant, _)| *variant).ok_or(Corrupt)
}

fn money(to: &mut Encoder<'_>, amount: Money) {
    to.i64(amount.0);
}

fn read_money(from: &mut Decoder<'_>) -> Result<Money, Corrupt> {
    from.i64().map(Money)
}

const SHORTAGE: [(ShortagePolicy, ()); 3] = [
    (ShortagePolicy::Partial, ()),
    (ShortagePolicy::ShipComplete, ()),
    (ShortagePolicy::Reject, ()),
];
const KIND: [(Kind, ()); 2] = [(Kind::Purchase, ()), (Kind::Transfer, ())];

fn event(to: &mut Encoder<'_>, event: &Event) {
    let skus = |to: &mut Encoder<'_>, skus: &[Sku]| {
        to.list(skus.iter(), |to, sku| to.text(sku.as_str()));
    };
    match event {
        Event::Received(received) => {
            to.u8(1);
            to.u8(received.kind as u8);
            to.u8(received.channel as u8);
            to.option(received.customer.as_ref(), |to, c| to.text(c.as_str()));
            to.option(received.batch.as_ref(), batch_item);
            to.list(received.demand.iter(), |to, (sku, quantity)| {
                to.text(sku.as_str());
                to.i64(*quantity);
            });
            to.u8(received.shortage as u8);
            to.option(received.total, money);
            to.fixed64(received.document_hash);
        }
        Event::Priced(pricing) => {
            to.u8(2);
            encode_pricing(to, pricing);
        }
        Event::Allocated { claims, shortages } => {
            to.u8(3);
            to.list(claims.iter(), |to, claim| to.u8(*claim as u8));
            to.list(shortages.iter(), shortage);
        }
        Event::Rejected(Rejection::OutOfStock(shortages)) => {
            to.u8(4);
            to.list(shortages.iter(), shortage);
        }
        Event::Rejected(Rejection::UnknownSku(unknown)) => {
            to.u8(5);
            skus(to, unknown);
        }
        Event::Filled { skus: which } => {
            to.u8(6);
            skus(to, which);
        }
        Event::Queued { skus: which } => {
            to.u8(7);
            skus(to, which);
        }
        Event::Unreserved { skus: which } => {
            to.u8(8);
            skus(to, which);
        }
        Event::Fulfilled => to.u8(9),
        Event::Repeated { channel, batch, same_document } => {
            to.u8(10);
            to.u8(*channel as u8);
            to.option(batch.as_ref(), batch_item);
            to.u8(u8::from(*same_document));
        }
    }
}

fn read_event(from: &mut Decoder<'_>) -> Result<Event, Corrupt> {
    let skus = |from: &mut Decoder<'_>| from.list(read_sku);
    Ok(match from.u8()? {
        1 => Event::Received(Box::new(Received {
            kind: pick(from, &KIND)?,
            channel: read_channel(from)?,
            customer: from.option(read_name(CustomerId::parse))?,
            batch: from.option(read_batch_item)?,
            demand: from.list(|f| Ok((read_sku(f)?, f.i64()?)))?,
            shortage: pick(from, &SHORTAGE)?,
            total: from.option(read_money)?,
            document_hash: from.fixed64()?,
        })),
        2 => Event::Priced(decode_pricing(from)?.into()),
        3 => Event::Allocated {
            claims: from.list(|f| pick(f, &ClaimState::ALL))?,
            shortages: from.list(read_shortage)?,
        },
        4 => Event::Rejected(Rejection::OutOfStock(from.list(read_shortage)?)),
        5 => Event::Rejected(Rejection::UnknownSku(skus(from)?)),
        6 => Event::Filled { skus: skus(from)? },
        7 => Event::Queued { skus: skus(from)? },
        8 => Event::Unreserved { skus: skus(from)? },
        9 => Event::Fulfilled,
        10 => Event::Repeated {
            channel: read_channel(from)?,
            batch: from.option(read_batch_item)?,
            same_document: from.u8()? == 1,
        },
        _ => return Err(Corrupt),
    })
}

fn shortage(to: &mut Encoder<'_>, shortage: &Shortage) {
    to.text(shortage.sku.as_str());
    to.i64(shortage.wanted);
    to.i64(shortage.available);
}

fn read_shortage(from: &mut Decoder<'_>) -> Result<Shortage, Corrupt> {
    Ok(Shortage { sku: read_sku(from)?, wanted: from.i64()?, available: from.i64()? })
}

fn encode_pricing(to: &mut Encoder<'_>, pricing: &Pricing) {
    to.u64(pricing.rule_set);
    to.list(pricing.lines.iter(), |to, line| {
        to.option(line.unit_price, |to, p| to.i64(p.0));
        to.option(line.base, money);
        to.option(line.total, money);
    });
    to.option(pricing.shipping, money);
    to.list(pricing.effects.iter(), |to, effect| {
        to.u64(u64::from(effect.rule));
        match effect.target {
            Target::Line(line) => to.u64(u64::from(line) + 2),
            Target::Shipping => to.u8(0),
            Target::Tax => to.u8(1),
        }
        money(to, effect.amount);
    });
    to.option(pricing.total, money);
    to.list(pricing.failed.iter(), |to, rule| to.u64(u64::from(*rule)));
}

fn decode_pricing(from: &mut Decoder<'_>) -> Result<Pricing, Corrupt> {
    let short = |value: u64| u16::try_from(value).map_err(|_| Corrupt);
    Ok(Pricing {
        rule_set: from.u64()?,
        lines: from.list(|f| {
            Ok(LinePrice {
                unit_price: f.option(|f| f.i64().map(UnitPrice))?,
                base: f.option(read_money)?,
                total: f.option(read_money)?,
            })
        })?,
        shipping: from.option(read_money)?,
        effects: from.list(|f| {
            Ok(Effect {
                rule: short(f.u64()?)?,
                target: match f.u64()? {
                    0 => Target::Shipping,
                    1 => Target::Tax,
                    line => Target::Line(short(line - 2)?),
                },
                amount: read_money(f)?,
            })
        })?,
        total: from.option(read_money)?,
        failed: from.list(|f| short(f.u64()?))?,
    })
}

/// Writes an order's state, for rows of a projection.
pub fn encode_state(order: &OrderState, out: &mut Vec<u8>) {
    let mut to = Encoder(out);
    order_key(&mut to, &order.key);
    to.u64(u64::from(order.revision));
    to.u8(order.status as u8);
    to.u8(order.kind as u8);
    to.u8(order.channel as u8);
    to.option(order.customer.as_ref(), |to, c| to.text(c.as_str()));
    to.option(order.batch.as_ref(), batch_item);
    to.i64(order.received_at.0);
    to.i64(order.updated_at.0);
    to.option(order.total, money);
    to.u8(order.shortage as u8);
    to.list(order.claims.iter(), |to, claim| {
        to.text(claim.sku.as_str());
        to.i64(claim.quantity);
        to.u8(claim.state as u8);
    });
    to.u64(u64::from(order.repeats));
    to.fixed64(order.document_hash);
}

/// Reads an order's state back.
///
/// # Errors
/// [`Corrupt`] when the bytes are none.
pub fn decode_state(from: &mut Decoder<'_>) -> Result<OrderState, Corrupt> {
    Ok(OrderState {
        key: read_order_key(from)?,
        revision: from.u32()?,
        status: pick(from, &Status::ALL)?,
        kind: pick(from, &KIND)?,
        channel: read_channel(from)?,
        customer: from.option(read_name(CustomerId::parse))?,
        batch: from.option(read_batch_item)?,
        received_at: Timestamp(from.i64()?),
        updated_at: Timestamp(from.i64()?),
        total: from.option(read_money)?,
        shortage: pick(from, &SHORTAGE)?,
        claims: from.list(|f| {
            Ok(Claim { sku: read_sku(f)?, quantity: f.i64()?, state: pick(f, &ClaimState::ALL)? })
        })?,
        repeats: from.u32()?,
        document_hash: from.fixed64()?,
    })
}
