//! What the functions of the state machine hand to each other: where a batch's items are, what
//! they were priced by, and how each came out.
//!
//! Between states there are names only (256 KiB at most); what they name is in the bucket. An
//! item's document is a text in a text: Step Functions reads numbers its own way, a text comes
//! through byte for byte.
//!
//! Never: an amount as a number of JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::id::BatchId;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::batch::summary::Asked;
use service::batch::{BatchState, BatchStatus, ContentHash, Tolerance};
use service::change::Seq;
use service::ledger::{Accepted, Answer, BatchRules, Ledger, Unavailable};

/// What batches are below.
pub const FOLDER: &str = "batches";

/// Why a function of the state machine came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Tried again it may work: the ledger, or the bucket, did not answer.
    #[error("{0}")]
    Unavailable(String),
    /// What was asked for is no batch: why.
    #[error("{0}")]
    Invalid(String),
    /// The id was used for other content.
    #[error("the batch id {0} was used for other content")]
    Conflict(BatchId),
}

impl BatchError {
    /// Its name for the machine's `Retry` and `Catch`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "Unavailable",
            Self::Invalid(_) => "InvalidBatch",
            Self::Conflict(_) => "BatchConflict",
        }
    }
}

impl From<Unavailable> for BatchError {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Error> for BatchError {
    fn from(error: Error) -> Self {
        Self::Unavailable(format!("the bucket: {error}"))
    }
}

/// What all items of a batch share: an object of the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// The batch.
    pub batch_id: String,
    /// Hash of its input, in hex: the same id with another is another batch.
    pub content: String,
    /// The rule set that prices it, where not the installation's.
    pub rules: Option<u64>,
    /// The sender's metadata, a JSON object as text.
    pub metadata: String,
    /// When it began, in microseconds since 1970.
    pub started_at: i64,
    /// How much failure it bears.
    pub tolerated_failures: Option<u64>,
    /// The same in percent.
    pub tolerated_percentage: Option<u8>,
}

impl Context {
    /// Where the context of a batch is.
    #[must_use]
    pub fn key(batch: &BatchId) -> String {
        format!("{}/context.json", folder(batch))
    }

    /// Puts it, once: what another run of the same batch has put stays, and is what counts.
    ///
    /// # Errors
    /// [`BatchError::Conflict`] when that is of other content.
    pub async fn put(self, store: &dyn ObjectStore, batch: &BatchId) -> Result<Self, BatchError> {
        let bytes = serde_json::to_vec(&self).map_err(|e| BatchError::Invalid(e.to_string()))?;
        let path = Path::from(Self::key(batch));
        match store.put_opts(&path, bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(self),
            Err(Error::AlreadyExists { .. }) => {
                let there = Self::get(store, &Self::key(batch)).await?;
                if there.content == self.content {
                    Ok(there)
                } else {
                    Err(BatchError::Conflict(batch.clone()))
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`BatchError`] when it is not there, or is none.
    pub async fn get(store: &dyn ObjectStore, key: &str) -> Result<Self, BatchError> {
        let path = Path::parse(key).map_err(|error| BatchError::Invalid(error.to_string()))?;
        let bytes = store.get(&path).await?.bytes().await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| BatchError::Invalid(format!("{key} is no batch's context: {error}")))
    }

    /// The batch, as it stands before any of its items.
    ///
    /// # Errors
    /// [`BatchError::Invalid`] when its id is none.
    pub fn state(&self) -> Result<BatchState, BatchError> {
        let hash = blake3::Hash::from_hex(&self.content);
        Ok(BatchState {
            id: batch_id(&self.batch_id)?,
            status: BatchStatus::Running,
            reason: None,
            started_at: domain::time::Timestamp(self.started_at),
            updated_at: Default::default(),
            counts: Default::default(),
            total: None,
            offset: 0,
            hash: hash.map_or(ContentHash::default(), |hash| *hash.as_bytes()),
            tolerance: Tolerance {
                count: self.tolerated_failures,
                percentage: self.tolerated_percentage,
            },
            rules: self.rules,
            max_concurrency: None,
            metadata: self.metadata.as_str().into(),
            spool: None,
            previous: None,
            from: Seq(0),
        })
    }

    /// What prices its items: its own rules where it has some, and its metadata.
    ///
    /// # Errors
    /// [`BatchError`] when they cannot be read.
    pub fn rules(&self, ledger: &dyn Ledger) -> Result<Option<Arc<BatchRules>>, BatchError> {
        let metadata = service::batch::state::parse_metadata(&self.metadata);
        let metadata = metadata.map_err(|error| BatchError::Invalid(error.to_string()))?;
        let rules = self.rules.map(|version| ledger.rules(version)).transpose()?.flatten();
        let own = rules.is_some() || !metadata.is_empty();
        Ok(own.then(|| Arc::new(BatchRules { rules, metadata })))
    }
}

/// Where everything of a batch is. Its id may be any name: what parts keys is escaped.
#[must_use]
pub fn folder(batch: &BatchId) -> String {
    let name =
        percent_encoding::utf8_percent_encode(batch.as_str(), percent_encoding::NON_ALPHANUMERIC);
    format!("{FOLDER}/{}", name.to_string().replace('%', "="))
}

/// A batch's id.
///
/// # Errors
/// [`BatchError::Invalid`] when it is none.
pub fn batch_id(text: &str) -> Result<BatchId, BatchError> {
    BatchId::parse(text).map_err(|_| BatchError::Invalid(format!("`{text}` is no id of a batch")))
}

/// An item of a batch, as the map hands it over.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its place in the batch, from 0.
    pub index: u64,
    /// The order's document: a text, or an object of JSON.
    pub document: Box<RawValue>,
    /// Where the batch's context is; else the batch's input says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

impl Item {
    /// The document's bytes.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        match serde_json::from_str::<Cow<'_, str>>(self.document.get()) {
            Ok(text) => Bytes::copy_from_slice(text.as_bytes()),
            Err(_) => Bytes::copy_from_slice(self.document.get().as_bytes()),
        }
    }
}

/// How an item came out. Amounts are minor units in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ItemOutcome {
    /// Its place in the batch.
    pub index: u64,
    /// `succeeded`, `failed` or `skipped`.
    pub outcome: Came,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// Its seller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<String>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why it is not in, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Base prices and shipping, what rules took off and added, what is to be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amounts: Option<Amounts>,
    /// Units ordered.
    pub units: i64,
    /// What was short.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shortages: Vec<Short>,
    /// What each rule did: rule set, rule, how often, minor units.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<(u64, u16, u64, String)>,
}

/// How an item came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Came {
    /// It is in.
    Succeeded,
    /// It is not.
    #[default]
    Failed,
    /// It was in before.
    Skipped,
}

/// An order's amounts, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Amounts {
    /// Base prices and shipping.
    pub gross: String,
    /// What rules took off.
    pub discounts: String,
    /// What they added.
    pub surcharges: String,
    /// The total.
    pub net: String,
}

/// What was short of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Short {
    /// The product.
    pub sku: String,
    /// Units wanted.
    pub wanted: i64,
    /// Units there were.
    pub available: i64,
}

impl ItemOutcome {
    /// How the item at `index` came out, by the ledger's answer to what it asked.
    #[must_use]
    pub fn of(index: u64, asked: &Asked, answer: &Answer) -> Self {
        let mut sums = service::batch::summary::Summary::default();
        sums.answer(asked, answer);
        let key = match asked {
            Asked::Order(key) | Asked::Change(key) => Some(key),
            Asked::Nothing(_) => None,
        };
        let is_in = sums.counts.succeeded > 0;
        let outcome = match (is_in, sums.counts.skipped > 0) {
            (true, _) => Came::Succeeded,
            (false, true) => Came::Skipped,
            (false, false) => Came::Failed,
        };
        let status = match answer {
            Answer::Accepted(Accepted { state, .. }) => Some(state.status.as_str().to_owned()),
            _ => None,
        };
        let shortages = sums.issues.iter().map(|issue| Short {
            sku: issue.sku.clone(),
            wanted: issue.wanted,
            available: issue.available,
        });
        let rules = sums
            .by_rule
            .iter()
            .map(|((set, rule), (times, amount))| (*set, *rule, *times, amount.to_string()));
        let is_priced = is_in && sums.unpriced == 0 && matches!(asked, Asked::Order(_));
        Self {
            index,
            outcome,
            order_id: key.map(|key| key.id.as_str().to_owned()),
            merchant_id: key.map(|key| key.merchant.as_str().to_owned()),
            status,
            reason: sums.by_reason.keys().next().cloned(),
            amounts: is_priced.then(|| Amounts {
                gross: sums.gross.to_string(),
                discounts: sums.discounts.to_string(),
                surcharges: sums.surcharges.to_string(),
                net: sums.net.to_string(),
            }),
            units: i64::try_from(sums.units).unwrap_or(i64::MAX),
            shortages: shortages.collect(),
            rules: rules.collect(),
        }
    }
}

/// Counts by reason.
pub type Reasons = BTreeMap<String, u64>;
