//! What a sink must not forget: how far it is, what waits apart, what failed so far.
//!
//! A save that is lost means that some things are delivered again, never that one is skipped:
//! the cursor only ever passes what is delivered, waits here, or is a committed dead letter.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::id::{MerchantId, OrderId, OrderKey};
use domain::time::Timestamp;
use parking_lot::Mutex;

use super::Delivery;
use crate::change::{Seq, read_name};
use crate::codec::{Corrupt, Decoder, Encoder};
use crate::ledger::Unavailable;

/// Where a delivery stands: the change it was selected from, and its number among those that
/// were. A redrive stands where it was asked for, and names the change it delivers besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The change it was selected from.
    pub seq: Seq,
    /// Which of its deliveries, from 0.
    pub nth: u32,
}

/// How far a sink is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything up to it, this change included, is done, waits below, or is buried.
    pub cursor: Option<Seq>,
    /// Deliveries at or before the cursor that wait, by place.
    pub waiting: Vec<Waiting>,
    /// What failed so far and is tried again, by place.
    pub tries: Vec<(Place, Tries)>,
    /// Since when and why the sink delivers nothing any more.
    pub disabled: Option<Disabled>,
}

/// A delivery that the cursor has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Where it stands.
    pub place: Place,
    /// When the change was made that it was selected from.
    pub at: Timestamp,
    /// What is to be delivered.
    pub delivery: Arc<Delivery>,
}

/// The attempts at a delivery so far, all of which failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tries {
    /// How many.
    pub attempts: u32,
    /// When the first failed.
    pub since: Timestamp,
    /// When the next may be made.
    pub next: Timestamp,
    /// Why the last failed, for people.
    pub error: Box<str>,
    /// Whose failure it is.
    pub blame: Blame,
}

/// Whose failure a failed attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The destination did not work, for all that is known: the sink is held.
    Destination,
    /// The destination did not work, and did for others meanwhile: the order waits apart.
    Order,
    /// The destination would not have it: the order waits apart.
    Refused,
}

impl Blame {
    /// Whether the order waits apart while others pass.
    #[must_use]
    pub fn is_own(self) -> bool {
        match self {
            Self::Destination => false,
            Self::Order | Self::Refused => true,
        }
    }
}

/// A sink whose destination is gone for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// When it was found out.
    pub at: Timestamp,
    /// What the destination said, for people.
    pub reason: Box<str>,
}

/// The first byte; a later form gets another number.
const FORM: u8 = 1;

impl Progress {
    /// Writes it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut to = Encoder(out);
        to.u8(FORM);
        to.option(self.cursor, |to, seq| to.u64(seq.0));
        to.list(self.waiting.iter(), |to, waiting| {
            place(to, waiting.place);
            to.i64(waiting.at.0);
            delivery(to, &waiting.delivery);
        });
        to.list(self.tries.iter(), |to, (at, tries)| {
            place(to, *at);
            to.u64(u64::from(tries.attempts));
            to.i64(tries.since.0);
            to.i64(tries.next.0);
            to.text(&tries.error);
            to.u8(tries.blame as u8);
        });
        to.option(self.disabled.as_ref(), |to, disabled| {
            to.i64(disabled.at.0);
            to.text(&disabled.reason);
        });
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are no progress.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut from = Decoder(bytes);
        if from.u8()? != FORM {
            return Err(Corrupt);
        }
        let progress = Self {
            cursor: from.option(|from| from.u64().map(Seq))?,
            waiting: from.list(|from| {
                Ok(Waiting {
                    place: read_place(from)?,
                    at: Timestamp(from.i64()?),
                    delivery: Arc::new(read_delivery(from)?),
                })
            })?,
            tries: from.list(|from| Ok((read_place(from)?, read_tries(from)?)))?,
            disabled: from.option(|from| {
                Ok(Disabled { at: Timestamp(from.i64()?), reason: from.text()?.into() })
            })?,
        };
        if from.0.is_empty() { Ok(progress) } else { Err(Corrupt) }
    }
}

fn place(to: &mut Encoder<'_>, place: Place) {
    to.u64(place.seq.0);
    to.u64(u64::from(place.nth));
}

fn read_place(from: &mut Decoder<'_>) -> Result<Place, Corrupt> {
    Ok(Place { seq: Seq(from.u64()?), nth: from.u32()? })
}

fn read_tries(from: &mut Decoder<'_>) -> Result<Tries, Corrupt> {
    Ok(Tries {
        attempts: from.u32()?,
        since: Timestamp(from.i64()?),
        next: Timestamp(from.i64()?),
        error: from.text()?.into(),
        blame: match from.u8()? {
            0 => Blame::Destination,
            1 => Blame::Order,
            2 => Blame::Refused,
            3.. => return Err(Corrupt),
        },
    })
}

fn delivery(to: &mut Encoder<'_>, delivery: &Delivery) {
    to.text(&delivery.id);
    to.u64(delivery.seq.0);
    to.option(delivery.order.as_ref(), |to, key| {
        to.text(key.id.as_str());
        to.text(key.merchant.as_str());
    });
    to.text(&delivery.kind);
    to.option(delivery.due, |to, due| to.i64(due.0));
}

fn read_delivery(from: &mut Decoder<'_>) -> Result<Delivery, Corrupt> {
    Ok(Delivery {
        id: from.text()?.into(),
        seq: Seq(from.u64()?),
        order: from.option(|from| {
            let id = read_name(OrderId::parse)(from)?;
            Ok(OrderKey { id, merchant: read_name(MerchantId::parse)(from)? })
        })?,
        kind: from.text()?.into(),
        due: from.option(|from| from.i64().map(Timestamp))?,
    })
}

/// Where sinks' progress is kept.
pub trait Store: Send + Sync {
    /// The progress of a sink; `None` when it never had any.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when what is stored cannot be read.
    fn load(&self, sink: &str) -> Result<Option<Progress>, Unavailable>;

    /// Keeps the progress of several sinks, all of it or none.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when it could not be stored; the progress before is still there.
    fn save(&self, sinks: &[(&str, &Progress)]) -> Result<(), Unavailable>;

    /// The sinks that have progress, by name.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when what is stored cannot be read.
    fn names(&self) -> Result<Vec<Box<str>>, Unavailable>;

    /// Forgets a sink that is gone for good.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when it could not be stored.
    fn forget(&self, sink: &str) -> Result<(), Unavailable>;
}

/// Progress in memory, as bytes: for tests and simulation.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeMap<Box<str>, Vec<u8>>>);

impl Store for MemoryStore {
    fn load(&self, sink: &str) -> Result<Option<Progress>, Unavailable> {
        let rows = self.0.lock();
        let progress = rows.get(sink).map(|bytes| Progress::decode(bytes)).transpose();
        progress.map_err(|error| Unavailable::Read(error.to_string()))
    }

    fn save(&self, sinks: &[(&str, &Progress)]) -> Result<(), Unavailable> {
        let mut rows = self.0.lock();
        for (sink, progress) in sinks {
            let mut bytes = Vec::new();
            progress.encode(&mut bytes);
            rows.insert((*sink).into(), bytes);
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<Box<str>>, Unavailable> {
        Ok(self.0.lock().keys().cloned().collect())
    }

    fn forget(&self, sink: &str) -> Result<(), Unavailable> {
        self.0.lock().remove(sink);
        Ok(())
    }
}
