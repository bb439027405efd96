//! Where a batch stands: what its checkpoint says, committed with the orders it covers.

use domain::id::BatchId;
use domain::pricing::Metadata;
use domain::time::Timestamp;
use serde_json::Value;

use crate::change::Seq;
use crate::codec::{Corrupt, Decoder, Encoder};

/// BLAKE3 of a batch's bytes, or of those up to a checkpoint.
pub type ContentHash = [u8; 32];

/// The states of a batch, by the names of a Step Functions map run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BatchStatus {
    /// Items are being taken, or will be after a restart.
    Running,
    /// Every item was taken, and failures stayed within what is tolerated.
    Succeeded,
    /// More failures than tolerated, or the input broke off: no more items are taken.
    Failed,
    /// Stopped on request.
    Aborted,
}

impl BatchStatus {
    /// Every status with its name on the wire.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Running, "RUNNING"),
        (Self::Succeeded, "SUCCEEDED"),
        (Self::Failed, "FAILED"),
        (Self::Aborted, "ABORTED"),
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }
}

/// How items came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted, backordered included.
    pub succeeded: u64,
    /// Malformed, invalid, refused or rejected.
    pub failed: u64,
    /// Repetitions of orders that are there already.
    pub skipped: u64,
}

impl Counts {
    /// Items that have come out.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.succeeded + self.failed + self.skipped
    }
}

/// How much failure a batch bears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerance {
    /// Most failed items; checked at every commit. `None`: any number.
    pub count: Option<u64>,
    /// Most failed items in percent of those done; checked after the first 1,000 and at the end.
    pub percentage: Option<u8>,
}

/// Items before the percentage is looked at: of three items, one is a third.
pub const PERCENTAGE_AFTER_ITEMS: u64 = 1_000;

impl Tolerance {
    /// Whether `counts` are more than is borne; `at_end` when no more items come.
    #[must_use]
    pub fn is_exceeded(&self, counts: &Counts, at_end: bool) -> bool {
        let by_count = self.count.is_some_and(|most| counts.failed > most);
        let judged = at_end || counts.done() >= PERCENTAGE_AFTER_ITEMS;
        let by_share = self
            .percentage
            .is_some_and(|most| judged && counts.failed * 100 > u64::from(most) * counts.done());
        by_count || by_share
    }
}

/// A batch, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchState {
    /// Which.
    pub id: BatchId,
    /// Where it stands.
    pub status: BatchStatus,
    /// Why it failed, as a code.
    pub reason: Option<Box<str>>,
    /// When its first item was taken.
    pub started_at: Timestamp,
    /// When it last got on.
    pub updated_at: Timestamp,
    /// How items came out, up to the checkpoint.
    pub counts: Counts,
    /// Items in the whole input, once it has been read.
    pub total: Option<u64>,
    /// Bytes of the input that the checkpoint covers.
    pub offset: u64,
    /// Hash of those bytes; of the whole input once it is done.
    pub hash: ContentHash,
    /// How much failure it bears.
    pub tolerance: Tolerance,
    /// The rule set that prices it, where not the installation's.
    pub rules: Option<u64>,
    /// Most items in flight, where its sender has said.
    pub max_concurrency: Option<u64>,
    /// The sender's metadata, a JSON object.
    pub metadata: Box<str>,
    /// The spooled input of a batch that the server runs.
    pub spool: Option<Box<str>>,
    /// The previous checkpoint, and the first record since: a chain through the batch's records.
    pub previous: Option<Seq>,
    /// The first record that this checkpoint covers.
    pub from: Seq,
}

/// Set in a status's number when a bound of concurrency ends the record. Earlier records have
/// none.
const BOUNDED: u8 = 0x80;

/// Metadata that is no JSON object of texts, numbers and booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata is no JSON object of texts, numbers and booleans")]
pub struct BadMetadata;

/// The entries of a batch's metadata, as conditions ask for them.
///
/// # Errors
/// [`BadMetadata`] when it is none.
pub fn parse_metadata(json: &str) -> Result<Metadata, BadMetadata> {
    if json.is_empty() {
        return Ok(Metadata::new());
    }
    let fields: serde_json::Map<String, Value> =
        serde_json::from_str(json).map_err(|_| BadMetadata)?;
    let text = |value| match value {
        Value::String(text) => Ok(text.into_boxed_str()),
        Value::Number(number) => Ok(number.to_string().into_boxed_str()),
        Value::Bool(flag) => Ok(flag.to_string().into_boxed_str()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(BadMetadata),
    };
    fields.into_iter().map(|(key, value)| Ok((key.into_boxed_str(), text(value)?))).collect()
}

impl BatchState {
    /// The sender's metadata, as conditions ask for it.
    ///
    /// # Errors
    /// [`BadMetadata`] when it is none.
    pub fn parsed_metadata(&self) -> Result<Metadata, BadMetadata> {
        parse_metadata(&self.metadata)
    }

    /// Writes the state.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        to.text(self.id.as_str());
        to.u8(self.status as u8 | BOUNDED);
        to.option(self.reason.as_deref(), |to, reason| to.text(reason));
        to.i64(self.started_at.0);
        to.i64(self.updated_at.0);
        to.u64(self.counts.succeeded);
        to.u64(self.counts.failed);
        to.u64(self.counts.skipped);
        to.option(self.total, |to, total| to.u64(total));
        to.u64(self.offset);
        to.bytes(&self.hash);
        to.option(self.tolerance.count, |to, count| to.u64(count));
        to.option(self.tolerance.percentage, |to, share| to.u8(share));
        to.option(self.rules, |to, version| to.u64(version));
        to.text(&self.metadata);
        to.option(self.spool.as_deref(), |to, spool| to.text(spool));
        to.option(self.previous, |to, seq| to.u64(seq.0));
        to.u64(self.from.0);
        to.option(self.max_concurrency, |to, most| to.u64(most));
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        let id = BatchId::parse(from.text()?).map_err(|_| Corrupt)?;
        let number = from.u8()?;
        let status = BatchStatus::ALL.get(usize::from(number & !BOUNDED));
        Ok(Self {
            id,
            status: status.map(|(status, _)| *status).ok_or(Corrupt)?,
            reason: from.option(|f| f.text().map(Into::into))?,
            started_at: Timestamp(from.i64()?),
            updated_at: Timestamp(from.i64()?),
            counts: Counts { succeeded: from.u64()?, failed: from.u64()?, skipped: from.u64()? },
            total: from.option(Decoder::u64)?,
            offset: from.u64()?,
            hash: from.bytes()?.try_into().map_err(|_| Corrupt)?,
            tolerance: Tolerance {
                count: from.option(Decoder::u64)?,
                percentage: from.option(Decoder::u8)?,
            },
            rules: from.option(Decoder::u64)?,
            metadata: from.text()?.into(),
            spool: from.option(|f| f.text().map(Into::into))?,
            previous: from.option(|f| f.u64().map(Seq))?,
            from: Seq(from.u64()?),
            max_concurrency: if number & BOUNDED == 0 { None } else { from.option(Decoder::u64)? },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(succeeded: u64, failed: u64) -> Counts {
        Counts { succeeded, failed, skipped: 0 }
    }

    #[test]
    fn the_count_is_judged_at_once_and_the_percentage_after_a_thousand_items_or_at_the_end() {
        let none = Tolerance { count: Some(0), percentage: None };
        assert!(none.is_exceeded(&counts(0, 1), false));
        let tenth = Tolerance { count: None, percentage: Some(10) };
        assert!(!tenth.is_exceeded(&counts(0, 3), false));
        assert!(tenth.is_exceeded(&counts(0, 3), true));
        assert!(!tenth.is_exceeded(&counts(900, 100), false), "exactly a tenth is borne");
        assert!(tenth.is_exceeded(&counts(899, 101), false));
    }

    #[test]
    fn a_state_comes_back_and_so_does_one_that_was_written_without_a_bound() {
        let state = BatchState {
            id: BatchId::parse("b").expect("a name"),
            status: BatchStatus::Failed,
            reason: Some("why".into()),
            started_at: Timestamp(1),
            updated_at: Timestamp(2),
            counts: counts(3, 4),
            total: Some(9),
            offset: 5,
            hash: [6; 32],
            tolerance: Tolerance { count: Some(1), percentage: None },
            rules: None,
            max_concurrency: Some(7),
            metadata: "{}".into(),
            spool: None,
            previous: Some(Seq(8)),
            from: Seq(9),
        };
        let mut bytes = Vec::new();
        state.encode(&mut Encoder(&mut bytes));
        assert_eq!(BatchState::decode(&mut Decoder(&bytes)), Ok(state.clone()));
        // As it was written before there was a bound: another number, and nothing at the end.
        bytes[2] = BatchStatus::Failed as u8;
        bytes.truncate(bytes.len() - 2);
        let before = BatchState { max_concurrency: None, ..state };
        assert_eq!(BatchState::decode(&mut Decoder(&bytes)), Ok(before));
    }
}
