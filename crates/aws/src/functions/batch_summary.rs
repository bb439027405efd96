//! Says what a batch came to, from how its items came out, and puts it on record: the ledger then
//! knows the batch, and whoever wants to hear of batches is told.
//!
//! Results come in the machine's own state, or as the objects that its map wrote them to. Summed
//! up again, it is the same batch.
//!
//! Never: a number that is not the sum of what the items said.

use std::sync::Arc;

use domain::state::Status;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Deserialize;
use serde_json::{Value, json};
use service::batch::report::report;
use service::batch::summary::{ISSUES_LISTED_MAX, Issue, Summary};
use service::batch::{BatchState, BatchStatus};
use service::ledger::{Answer, Ledger, Request};

use super::batch_validate::Found;
use super::batches::{BatchError, Came, Context, ItemOutcome, folder};
use super::work::blocking;

/// Why a batch failed whose map did.
const MAP_FAILED: &str = "map_failed";

/// Who sums up.
pub struct BatchSummary {
    /// Where the batch is put on record.
    pub ledger: Arc<dyn Ledger>,
    /// The bucket.
    pub store: Arc<dyn ObjectStore>,
}

/// The machine's state at its end.
#[derive(Deserialize)]
pub struct Ran {
    /// What was found of the batch.
    pub batch: Found,
    /// What the map gave back: results, or where they are; nothing, where it did not run.
    #[serde(default)]
    pub map: Value,
    /// Why it did not come to its end.
    #[serde(default)]
    pub failure: Value,
}

/// Where the map's results are.
#[derive(Deserialize)]
struct Details {
    #[serde(rename = "ResultWriterDetails")]
    details: Place,
}

#[derive(Deserialize)]
struct Place {
    #[serde(rename = "Key")]
    key: String,
}

/// The map's list of its objects of results.
#[derive(Deserialize)]
struct Manifest {
    #[serde(rename = "ResultFiles")]
    files: std::collections::BTreeMap<String, Vec<Place>>,
}

/// A child execution, in such an object.
#[derive(Deserialize)]
struct Execution {
    #[serde(rename = "Output")]
    output: Option<String>,
}

impl BatchSummary {
    /// Sums a batch up.
    ///
    /// # Errors
    /// [`BatchError`]
    pub async fn handle(&self, ran: Ran) -> Result<Value, BatchError> {
        let context = Context::get(&*self.store, &ran.batch.context).await?;
        let mut summary = Summary::default();
        for outcome in self.outcomes(&ran.map).await? {
            add(&mut summary, &outcome);
        }
        summary.counts.failed += ran.batch.invalid;
        for (reason, count) in &ran.batch.reasons {
            *summary.by_reason.entry(reason.clone()).or_default() += count;
        }
        let has_failed = !ran.failure.is_null();
        let state = self.record(&context, &ran.batch, &summary, has_failed).await?;
        let told = blocking(|| report(&*self.ledger, &state, &summary))?;
        let mut told =
            serde_json::to_value(told).map_err(|error| BatchError::Invalid(error.to_string()))?;
        let done = state.counts.done();
        told["batchId"] = context.batch_id.as_str().into();
        told["itemCounts"] = json!({
            "pending": 0,
            "running": 0,
            "succeeded": state.counts.succeeded + state.counts.skipped,
            "failed": state.counts.failed,
            "timedOut": 0,
            "aborted": ran.batch.total.saturating_sub(done),
            "total": ran.batch.total,
            "resultsWritten": done,
        });
        let key = format!("{}/summary.json", folder(&state.id));
        self.store.put(&Path::from(key.as_str()), told.to_string().into()).await?;
        told["summaryKey"] = key.into();
        Ok(told)
    }

    /// How the items came out that came out.
    async fn outcomes(&self, map: &Value) -> Result<Vec<ItemOutcome>, BatchError> {
        let mut outcomes = Vec::new();
        if let Ok(Details { details }) = Details::deserialize(map) {
            let manifest: Manifest = self.object(&details.key).await?;
            for place in manifest.files.into_values().flatten() {
                let executions: Vec<Execution> = self.object(&place.key).await?;
                for output in executions.into_iter().filter_map(|execution| execution.output) {
                    let value: Value = serde_json::from_str(&output).unwrap_or_default();
                    collect(&value, &mut outcomes);
                }
            }
        } else {
            collect(map, &mut outcomes);
        }
        outcomes.sort_by_key(|outcome| outcome.index);
        outcomes.dedup_by_key(|outcome| outcome.index);
        Ok(outcomes)
    }

    async fn object<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<T, BatchError> {
        let path = Path::parse(key).map_err(|error| BatchError::Invalid(error.to_string()))?;
        let bytes = self.store.get(&path).await?.bytes().await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| BatchError::Invalid(format!("{key} holds no results: {error}")))
    }

    /// Puts the batch on record, once.
    async fn record(
        &self,
        context: &Context,
        found: &Found,
        summary: &Summary,
        has_failed: bool,
    ) -> Result<BatchState, BatchError> {
        let mut state = context.state()?;
        if let Some(known) = blocking(|| self.ledger.batch(&state.id))? {
            return Ok(known);
        }
        (state.counts, state.total) = (summary.counts, Some(found.total));
        // What is tolerated is judged by the ledger, as with every batch.
        state.status = if has_failed { BatchStatus::Failed } else { BatchStatus::Succeeded };
        state.reason = has_failed.then(|| MAP_FAILED.into());
        let request = Request::Checkpoint(Box::new(state));
        match self.ledger.execute_patiently(vec![request]).await?.pop() {
            Some(Answer::Batch(state)) => Ok(*state),
            Some(_) | None => Err(BatchError::Unavailable("a batch was not recorded".to_owned())),
        }
    }
}

/// The outcomes in a result, however it is wrapped: lists of them, lists of lists, invocations.
fn collect(value: &Value, to: &mut Vec<ItemOutcome>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, to)),
        Value::Object(fields) => match (fields.get("results"), fields.get("Payload")) {
            (Some(results), _) => collect(results, to),
            (None, Some(payload)) => collect(payload, to),
            (None, None) if fields.contains_key("outcome") => {
                to.extend(serde_json::from_value(value.clone()));
            }
            (None, None) => {}
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Adds how an item came out.
fn add(summary: &mut Summary, item: &ItemOutcome) {
    match item.outcome {
        Came::Succeeded => summary.counts.succeeded += 1,
        Came::Failed => summary.counts.failed += 1,
        Came::Skipped => summary.counts.skipped += 1,
    }
    if let Some(reason) = &item.reason {
        *summary.by_reason.entry(reason.clone()).or_default() += 1;
    }
    let status = item.status.as_deref().and_then(Status::parse);
    if let (Came::Succeeded, Some(status)) = (item.outcome, status) {
        *summary.by_status.entry(status.as_str()).or_default() += 1;
    }
    summary.units += i128::from(item.units);
    let minor = |text: &str| text.parse::<i128>().unwrap_or_default();
    match &item.amounts {
        Some(amounts) => {
            summary.gross += minor(&amounts.gross);
            summary.discounts += minor(&amounts.discounts);
            summary.surcharges += minor(&amounts.surcharges);
            summary.net += minor(&amounts.net);
        }
        None if item.outcome == Came::Succeeded && item.units > 0 => summary.unpriced += 1,
        None => {}
    }
    for (set, rule, times, amount) in &item.rules {
        let sum = summary.by_rule.entry((*set, *rule)).or_default();
        sum.0 += times;
        sum.1 += minor(amount);
    }
    for short in &item.shortages {
        summary.issues_total += 1;
        let merchant = item.merchant_id.clone().unwrap_or_default();
        let missing = short.wanted - short.available.clamp(0, short.wanted.max(0));
        *summary.shortages.entry((merchant.clone(), short.sku.clone())).or_default() += missing;
        if summary.issues.len() < ISSUES_LISTED_MAX {
            summary.issues.push(Issue {
                order: item.order_id.clone().unwrap_or_default(),
                merchant,
                sku: short.sku.clone(),
                wanted: short.wanted,
                available: short.available,
            });
        }
    }
}
