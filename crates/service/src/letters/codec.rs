//! The bytes of letters: in the log, in the projection, and what makes two of them one.
//!
//! Never: another meaning for a number that was written once.

use bytes::Bytes;
use domain::id::{BatchId, MerchantId, OrderId};
use domain::time::Timestamp;

use super::{
    DeadLetter, End, Filter, How, Identity, Kind, Row, Settled, Subject, Sweep, SweepStatus, Swept,
    cut,
};
use crate::change::{Seq, batch_item, order_key, read_batch_item, read_name, read_order_key};
use crate::codec::{Corrupt, Decoder, Encoder};

/// A letter's identity: its kind, whose it is, its id there, and the change that led to it.
pub(super) fn identity(letter: &DeadLetter) -> Identity {
    let mut bytes = Vec::with_capacity(128);
    let mut to = Encoder(&mut bytes);
    to.u8(letter.subject.kind() as u8);
    to.u64(letter.cause.0);
    match &letter.subject {
        Subject::Step { step, revision } => {
            to.text(step);
            to.u64(u64::from(*revision));
            to.option(letter.order.as_ref(), order_key);
        }
        Subject::Delivery { sink, id, .. } => {
            to.text(sink);
            to.text(id);
        }
        Subject::Missed { sink, from, until } => {
            to.text(sink);
            to.u64(from.0);
            to.u64(until.0);
        }
        Subject::Disabled { sink } => to.text(sink),
        Subject::Item(item) => batch_item(&mut to, Some(item)),
        Subject::Message { queue, id } => {
            to.text(queue);
            to.text(id);
        }
        Subject::Decision(item) => {
            batch_item(&mut to, item.as_ref());
            to.option(letter.order.as_ref(), order_key);
            to.option(letter.payload.as_ref(), |to, payload| to.bytes(payload));
        }
    }
    let hash = blake3::hash(&bytes);
    let mut identity = Identity::default();
    identity.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    identity
}

fn subject(to: &mut Encoder<'_>, subject: &Subject) {
    to.u8(subject.kind() as u8);
    match subject {
        Subject::Step { step, revision } => {
            to.text(step);
            to.u64(u64::from(*revision));
        }
        Subject::Delivery { sink, id, kind, seq } => {
            to.text(sink);
            to.text(id);
            to.text(kind);
            to.u64(seq.0);
        }
        Subject::Missed { sink, from, until } => {
            to.text(sink);
            to.u64(from.0);
            to.u64(until.0);
        }
        Subject::Disabled { sink } => to.text(sink),
        Subject::Item(item) => batch_item(to, Some(item)),
        Subject::Message { queue, id } => {
            to.text(queue);
            to.text(id);
        }
        Subject::Decision(item) => batch_item(to, item.as_ref()),
    }
}

fn read_subject(from: &mut Decoder<'_>) -> Result<Subject, Corrupt> {
    Ok(match read_kind(from)? {
        Kind::Step => Subject::Step { step: from.text()?.into(), revision: from.u32()? },
        Kind::Delivery => Subject::Delivery {
            sink: from.text()?.into(),
            id: from.text()?.into(),
            kind: from.text()?.into(),
            seq: Seq(from.u64()?),
        },
        Kind::Missed => Subject::Missed {
            sink: from.text()?.into(),
            from: Seq(from.u64()?),
            until: Seq(from.u64()?),
        },
        Kind::Disabled => Subject::Disabled { sink: from.text()?.into() },
        Kind::Item => Subject::Item(read_batch_item(from)?.ok_or(Corrupt)?),
        Kind::Message => Subject::Message { queue: from.text()?.into(), id: from.text()?.into() },
        Kind::Decision => Subject::Decision(read_batch_item(from)?),
    })
}

fn read_kind(from: &mut Decoder<'_>) -> Result<Kind, Corrupt> {
    let number = from.u8()?;
    let kinds = Kind::ALL.iter().map(|(kind, _)| *kind);
    kinds.into_iter().find(|kind| *kind as u8 == number).ok_or(Corrupt)
}

fn read_how(from: &mut Decoder<'_>) -> Result<How, Corrupt> {
    let number = from.u8()?;
    How::ALL.iter().map(|(how, _)| *how).find(|how| *how as u8 == number).ok_or(Corrupt)
}

impl DeadLetter {
    pub(crate) fn encode(&self, to: &mut Encoder<'_>) {
        subject(to, &self.subject);
        to.option(self.order.as_ref(), order_key);
        to.u64(self.cause.0);
        to.text(&self.reason);
        to.text(cut(&self.error));
        to.u64(u64::from(self.attempts));
        to.option(self.payload.as_ref(), |to, payload| to.bytes(payload));
    }

    pub(crate) fn decode(from: &mut Decoder<'_>, body: &Bytes) -> Result<Self, Corrupt> {
        Ok(Self {
            subject: read_subject(from)?,
            order: from.option(read_order_key)?,
            cause: Seq(from.u64()?),
            reason: from.text()?.into(),
            error: from.text()?.into(),
            attempts: from.u32()?,
            payload: from.option(|f| Ok(body.slice_ref(f.bytes()?)))?,
        })
    }
}

impl Settled {
    pub(crate) fn encode(&self, to: &mut Encoder<'_>) {
        to.u64(self.letter.0);
        to.u8(self.how as u8);
        subject(to, &self.subject);
        to.option(self.order.as_ref(), order_key);
    }

    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            letter: Seq(from.u64()?),
            how: read_how(from)?,
            subject: read_subject(from)?,
            order: from.option(read_order_key)?,
        })
    }
}

impl Row {
    /// Writes a row of the projection.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        to.u8(self.kind as u8);
        to.text(&self.source);
        to.option(self.merchant.as_ref(), |to, id| to.text(id.as_str()));
        to.option(self.order.as_ref(), |to, id| to.text(id.as_str()));
        to.text(&self.reason);
        to.i64(self.at.0);
        to.option(self.end, |to, end| {
            to.u8(end.how as u8);
            to.u64(end.seq.0);
            to.i64(end.at.0);
        });
    }

    /// Reads a row of the projection.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            kind: read_kind(from)?,
            source: from.string()?,
            merchant: from.option(read_name(MerchantId::parse))?,
            order: from.option(read_name(OrderId::parse))?,
            reason: from.string()?,
            at: Timestamp(from.i64()?),
            end: from.option(|from| {
                let (how, seq) = (read_how(from)?, Seq(from.u64()?));
                Ok(End { how, seq, at: Timestamp(from.i64()?) })
            })?,
        })
    }
}

impl Filter {
    fn encode(&self, to: &mut Encoder<'_>) {
        let text = |to: &mut Encoder<'_>, text: &str| to.text(text);
        to.option(self.kind, |to, kind| to.u8(kind as u8));
        to.option(self.source.as_deref(), text);
        to.option(self.batch.as_ref().map(BatchId::as_str), text);
        to.option(self.merchant.as_ref().map(MerchantId::as_str), text);
        to.option(self.order.as_ref().map(OrderId::as_str), text);
        to.option(self.reason.as_deref(), text);
        to.option(self.open, |to, open| to.u8(u8::from(open)));
        to.option(self.from, |to, at| to.i64(at.0));
        to.option(self.until, |to, at| to.i64(at.0));
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            kind: from.option(read_kind)?,
            source: from.option(Decoder::string)?,
            batch: from.option(read_name(BatchId::parse))?,
            merchant: from.option(read_name(MerchantId::parse))?,
            order: from.option(read_name(OrderId::parse))?,
            reason: from.option(Decoder::string)?,
            open: from.option(|from| Ok(from.u8()? == 1))?,
            from: from.option(|from| from.i64().map(Timestamp))?,
            until: from.option(|from| from.i64().map(Timestamp))?,
        })
    }
}

impl Sweep {
    /// Writes a sweep.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        to.u64(self.id.0);
        to.u8(self.how as u8);
        self.filter.encode(to);
        to.u64(u64::from(self.per_second));
        to.i64(self.started_at.0);
        to.i64(self.updated_at.0);
        to.u64(self.after.0);
        to.u64(self.swept.settled);
        to.u64(self.swept.failed);
        to.u8(self.status as u8);
    }

    /// Reads a sweep.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            id: Seq(from.u64()?),
            how: read_how(from)?,
            filter: Filter::decode(from)?,
            per_second: from.u32()?,
            started_at: Timestamp(from.i64()?),
            updated_at: Timestamp(from.i64()?),
            after: Seq(from.u64()?),
            swept: Swept { settled: from.u64()?, failed: from.u64()? },
            status: match from.u8()? {
                0 => SweepStatus::Running,
                1 => SweepStatus::Done,
                2 => SweepStatus::Stopped,
                _ => return Err(Corrupt),
            },
        })
    }
}

/// Writes open letters by kind.
pub fn encode_counts(counts: &super::Counts, to: &mut Encoder<'_>) {
    to.list(counts.0.iter(), |to, count| to.i64(*count));
}

/// Reads open letters by kind.
///
/// # Errors
/// [`Corrupt`] when the bytes are none.
pub fn read_counts(from: &mut Decoder<'_>) -> Result<super::Counts, Corrupt> {
    let mut counts = super::Counts::default();
    let stored = from.list(Decoder::i64)?;
    counts.0.iter_mut().zip(stored).for_each(|(count, stored)| *count = stored);
    Ok(counts)
}
