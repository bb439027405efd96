//! Hands on what rows of the table wait for: orders that await a step, free stock to be given out,
//! commits to be ended, sweeps to go on with. Nothing else hangs here, so that trouble elsewhere
//! never holds orders up.
//!
//! A message says which row, not what to do with it: whoever works on it looks at the row again.
//! Messages of one row are one group and stay in their order; the same version of a row is told
//! once.
//!
//! Never: a look at the table, a decision.

use std::sync::Arc;

use aws_lambda_events::event::dynamodb::Event;
use domain::id::{MerchantId, OrderId, Sku};
use serde::{Deserialize, Serialize};
use service::ledger::Task;

use super::events::{Failures, Happened, Record, Undone, Unreadable, records, up_to};
use super::places::Place;

/// Most messages of one call, as SQS has it.
const PER_CALL_MAX: usize = 10;

/// Something to do, as it stands in the work queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Job {
    /// See an order through the step that it awaits.
    Step {
        /// Its seller.
        merchant: String,
        /// Its id.
        order: String,
    },
    /// Give out a product's free stock.
    Release {
        /// Its seller.
        merchant: String,
        /// The product.
        sku: String,
    },
    /// End a commit whose process may be gone.
    Finish {
        /// Which.
        commit: String,
    },
    /// Go on with the ending of many dead letters.
    Sweep,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose messages it stays in order with: at most 128 letters and digits.
    pub group: String,
    /// The same message sent again has the same: at most 128 letters and digits.
    pub deduplication: String,
    /// What it says.
    pub body: String,
}

/// The work queue.
pub trait Queue: Send + Sync {
    /// Sends at most 10 messages; says of each whether it is in the queue.
    ///
    /// # Errors
    /// When the queue did not answer: whether they are in is not known.
    fn send<'a>(&'a self, entries: &'a [Entry]) -> Task<'a, Result<Vec<bool>, Undone>>;
}

/// The relay.
pub struct Relay {
    /// Where it hands things to.
    pub queue: Arc<dyn Queue>,
}

impl Relay {
    /// Hands on what is new in the table.
    ///
    /// # Errors
    /// [`Unreadable`]
    pub async fn handle(&self, event: Event) -> Result<Failures, Unreadable> {
        let records = records(event)?;
        let entries: Vec<(usize, Entry)> =
            records.iter().enumerate().filter_map(|(at, r)| Some((at, entry(r)?))).collect();
        for some in entries.chunks(PER_CALL_MAX) {
            let (places, entries): (Vec<usize>, Vec<Entry>) = some.iter().cloned().unzip();
            let sent = self.queue.send(&entries).await.unwrap_or_else(|why| {
                tracing::warn!(%why, "work is not handed on");
                Vec::new()
            });
            let is_sent = |at: usize| sent.get(at).copied().unwrap_or(false);
            let missed = places.iter().enumerate().find(|(at, _)| !is_sent(*at));
            if let Some((_, place)) = missed {
                return Ok(up_to(&records, Some(*place)));
            }
        }
        Ok(Failures::default())
    }
}

/// What a record asks for; nothing, for most.
fn entry(record: &Record) -> Option<Entry> {
    match record.happened {
        Happened::Removed => return None,
        // What is locked is told when it is what it is to be.
        Happened::Inserted | Happened::Modified if record.is_locked() => return None,
        Happened::Inserted | Happened::Modified => {}
    }
    let (pk, sk) = (record.text("PK")?, record.text("SK")?);
    let job = match Place::read(pk, sk)? {
        Place::Order(order) => {
            record.text("awaits")?;
            let (merchant, id) = (order.merchant.as_str().into(), order.id.as_str().into());
            Job::Step { merchant, order: id }
        }
        Place::Release(stock) => {
            let (merchant, sku) = (stock.merchant.as_str().into(), stock.sku.as_str().into());
            Job::Release { merchant, sku }
        }
        Place::Commit(id) => Job::Finish { commit: id.into() },
        Place::Sweep => Job::Sweep,
        Place::Change => return None,
    };
    let version = record.number("version").map(|version| version.to_string());
    let body = serde_json::to_string(&job).ok()?;
    Some(Entry {
        group: name(&[pk, sk]),
        deduplication: name(&[pk, sk, version.as_deref().unwrap_or(&record.id)]),
        body,
    })
}

/// A name made of parts, of any length, in 64 letters and digits.
fn name(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

impl Job {
    /// The order that is meant, where one is.
    #[must_use]
    pub fn order(&self) -> Option<(MerchantId, OrderId)> {
        match self {
            Self::Step { merchant, order } => {
                Some((MerchantId::parse(merchant).ok()?, OrderId::parse(order).ok()?))
            }
            Self::Release { .. } | Self::Finish { .. } | Self::Sweep => None,
        }
    }

    /// The product that is meant, where one is.
    #[must_use]
    pub fn stock(&self) -> Option<domain::id::StockKey> {
        match self {
            Self::Release { merchant, sku } => {
                let merchant = MerchantId::parse(merchant).ok()?;
                Some(domain::id::StockKey { merchant, sku: Sku::parse(sku).ok()? })
            }
            Self::Step { .. } | Self::Finish { .. } | Self::Sweep => None,
        }
    }
}
