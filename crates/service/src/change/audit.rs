//! Input that is no order: kept one by one, and summed up where one source sends too much of it.
//!
//! Never: a decision about what is kept one by one. Whoever takes input in knows its source.

use bytes::Bytes;
use compact_str::CompactString;
use domain::id::{MerchantId, OrderId};
use domain::order::{BatchItem, Channel};
use domain::time::Timestamp;

use super::order::{batch_item, read_batch_item, read_channel};
use super::{Fault, fault, read_fault, read_name};
use crate::codec::{Corrupt, Decoder, Encoder};

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
    /// Whose it is, and what all of it was.
    pub origin: Origin,
    /// The bytes, cut at [`AUDIT_DOCUMENT_BYTES_MAX`]; none where its source had sent too many.
    pub document: Bytes,
}

/// Most bytes of one document; more is malformed.
pub const DOCUMENT_BYTES_MAX: usize = 256 << 10;

/// Most bytes of a faulty document that are kept: all of it, so that it can be sent again.
pub const AUDIT_DOCUMENT_BYTES_MAX: usize = DOCUMENT_BYTES_MAX;

/// BLAKE3 of a document.
pub type DocumentHash = [u8; 32];

/// Whose input it was, and what all of it was, however much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who sent it, as far as that is known beside a batch; an address is cut to its network.
    pub source: Option<CompactString>,
    /// Bytes of all of it.
    pub bytes: u64,
    /// Hash of all of it.
    pub hash: DocumentHash,
}

impl Origin {
    /// Of a document as it came, from `source`.
    #[must_use]
    pub fn of(source: Option<CompactString>, document: &[u8]) -> Self {
        Self { source, bytes: document.len() as u64, hash: *blake3::hash(document).as_bytes() }
    }
}

/// Input that is no order and was only counted: one source sent too much of it within a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Who sent it.
    pub source: CompactString,
    /// When the first of it came.
    pub since: Timestamp,
    /// How many documents.
    pub count: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Hash of the first.
    pub first: DocumentHash,
    /// Hash of the last.
    pub last: DocumentHash,
}

impl Audit {
    pub(super) fn encode(&self, to: &mut Encoder<'_>) {
        to.option(self.order.as_ref(), |to, id| to.text(id.as_str()));
        to.option(self.merchant.as_ref(), |to, id| to.text(id.as_str()));
        to.u8(self.channel as u8);
        batch_item(to, self.batch.as_ref());
        to.list(self.faults.iter(), fault);
        to.bytes(&self.document);
        to.option(self.origin.source.as_ref(), |to, source| to.text(source));
        to.u64(self.origin.bytes);
        to.bytes(&self.origin.hash);
    }

    pub(super) fn decode(from: &mut Decoder<'_>, body: &Bytes) -> Result<Self, Corrupt> {
        let mut audit = Self::decode_first(from, body)?;
        audit.origin = Origin {
            source: from.option(Decoder::string)?,
            bytes: from.u64()?,
            hash: read_hash(from)?,
        };
        Ok(audit)
    }

    /// Reads the first format, which kept every document whole and did not say whose it was.
    pub(super) fn decode_first(from: &mut Decoder<'_>, body: &Bytes) -> Result<Self, Corrupt> {
        let mut audit = Self {
            order: from.option(read_name(OrderId::parse))?,
            merchant: from.option(read_name(MerchantId::parse))?,
            channel: read_channel(from)?,
            batch: read_batch_item(from)?,
            faults: from.list(read_fault)?,
            origin: Origin { source: None, bytes: 0, hash: DocumentHash::default() },
            document: body.slice_ref(from.bytes()?),
        };
        if from.0.is_empty() {
            audit.origin = Origin::of(None, &audit.document);
        }
        Ok(audit)
    }
}

impl Flood {
    pub(super) fn encode(&self, to: &mut Encoder<'_>) {
        to.text(&self.source);
        to.i64(self.since.0);
        to.u64(self.count);
        to.u64(self.bytes);
        to.bytes(&self.first);
        to.bytes(&self.last);
    }

    pub(super) fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            source: from.string()?,
            since: Timestamp(from.i64()?),
            count: from.u64()?,
            bytes: from.u64()?,
            first: read_hash(from)?,
            last: read_hash(from)?,
        })
    }
}

fn read_hash(from: &mut Decoder<'_>) -> Result<DocumentHash, Corrupt> {
    from.bytes()?.try_into().map_err(|_| Corrupt)
}
