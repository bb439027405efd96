//! Batches, as they are sent and answered. The summary is `service`'s own.

use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{BatchStatus, Cursor, Money, Name, OrderDocument, Shortage, Status, Time};

/// A batch as one document. An array of orders is one as well.
#[derive(ToSchema)]
#[schema(example = json!({"batchId": "2026-01-02", "orders": [{"order_id": "P-1001",
    "customerId": "c-7", "items": [{"sku": "PEN", "quantity": 3, "unit_price": "1.50"}]}]}))]
pub struct BatchDocument {
    /// Else the parameter `batch_id`, else the content's hash.
    #[schema(rename = "batchId")]
    batch_id: Option<Name>,
    /// Yours; conditions of rules may ask for it.
    #[schema(value_type = Option<Map<String, Value>>)]
    metadata: Option<Map<String, Value>>,
    /// Rules for this batch only: they replace the installation's unless they say `extend`.
    #[schema(rename = "pricingRules", value_type = Value)]
    pricing_rules: Option<Value>,
    orders: Vec<OrderDocument>,
}

/// Where a batch stands.
#[derive(ToSchema)]
pub struct Batch {
    batch_id: Name,
    status: BatchStatus,
    /// In the reader's language.
    status_label: String,
    /// Why it failed.
    reason: Option<String>,
    started_at: Time,
    updated_at: Time,
    /// Null while it runs.
    stopped_at: Option<Time>,
    item_counts: ItemCounts,
    /// Bytes of the input that are done.
    checkpoint_bytes: u64,
    /// BLAKE3 of those bytes.
    content_hash: String,
    tolerated_failure_count: Option<u64>,
    tolerated_failure_percentage: Option<u8>,
    /// The version of the rules it is priced by.
    pricing_rules_version: Option<u64>,
    /// As it was sent.
    #[schema(value_type = Value)]
    metadata: Value,
    links: BatchLinks,
}

/// Items by what became of them, by the names of Step Functions' `DescribeMapRun`.
#[derive(ToSchema)]
pub struct ItemCounts {
    /// Not reached; null while the input is not read to its end.
    pending: Option<u64>,
    running: u64,
    succeeded: u64,
    failed: u64,
    /// Repetitions.
    skipped: u64,
    timed_out: u64,
    /// Never reached.
    aborted: Option<u64>,
    /// Null while the input is not read to its end.
    total: Option<u64>,
    results_written: u64,
}

/// Where a batch's parts are.
#[derive(ToSchema)]
pub struct BatchLinks {
    #[schema(rename = "self")]
    this: String,
    results: String,
    summary: String,
}

/// A page of batches, by id.
#[derive(ToSchema)]
pub struct BatchPage {
    batches: Vec<Batch>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// What a batch came to.
#[derive(ToSchema)]
pub struct BatchSummary {
    batch_id: Name,
    status: BatchStatus,
    /// The status in the reader's language.
    status_label: String,
    /// Why it failed.
    #[schema(nullable = false)]
    reason: Option<String>,
    items: SummaryItems,
    /// Accepted orders by status.
    #[schema(value_type = Map<String, Value>)]
    by_status: Map<String, Value>,
    /// Items not accepted, by reason.
    #[schema(value_type = Map<String, Value>)]
    by_reason: Map<String, Value>,
    totals: SummaryTotals,
    by_rule: Vec<SummaryRule>,
    /// Units ordered.
    units: i64,
    /// Orders without a total, because a price is missing.
    unpriced: u64,
    /// Units missing by seller and SKU, the most first; at most 100.
    shortages: Vec<SummaryShortage>,
    /// Stock problems by order, as far as listed.
    issues: Vec<StockIssue>,
    /// Stock problems in all.
    issues_total: u64,
    started_at: Time,
    updated_at: Time,
    orders_per_second: u64,
}

/// Items by outcome.
#[derive(ToSchema)]
pub struct SummaryItems {
    total: Option<u64>,
    succeeded: u64,
    failed: u64,
    /// Repetitions.
    skipped: u64,
    pending: Option<u64>,
}

/// Money of what was accepted.
#[derive(ToSchema)]
pub struct SummaryTotals {
    /// Base prices and shipping.
    gross: Money,
    /// What rules took off.
    discounts: Money,
    /// What rules added.
    surcharges: Money,
    /// What is to be paid.
    net: Money,
}

/// What one rule did.
#[derive(ToSchema)]
pub struct SummaryRule {
    rule: String,
    rule_set: u64,
    /// How often.
    effects: u64,
    amount: Money,
}

/// What was short of one product.
#[derive(ToSchema)]
pub struct SummaryShortage {
    merchant_id: Name,
    sku: Name,
    missing: i64,
}

/// A stock problem of one order.
#[derive(ToSchema)]
pub struct StockIssue {
    order_id: Name,
    merchant_id: Name,
    sku: Name,
    wanted: i64,
    available: i64,
}

/// What became of one item: a line of results.
#[derive(ToSchema)]
pub struct BatchResult {
    /// Its place in the batch, from 0.
    index: u64,
    /// The line of the input it begins in, from 1.
    #[schema(nullable = false)]
    line: Option<u64>,
    /// Bytes of the input before it.
    #[schema(nullable = false)]
    byte: Option<u64>,
    outcome: ItemOutcome,
    #[schema(nullable = false)]
    order_id: Option<Name>,
    #[schema(nullable = false)]
    merchant_id: Option<Name>,
    #[schema(nullable = false)]
    status: Option<Status>,
    #[schema(nullable = false)]
    total: Option<Money>,
    /// Why it was not accepted.
    #[schema(nullable = false)]
    reasons: Option<Vec<ItemReason>>,
    #[schema(nullable = false)]
    shortages: Option<Vec<Shortage>>,
}

/// How an item came out.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ItemOutcome {
    /// Accepted.
    Succeeded,
    /// Not accepted.
    Failed,
    /// A repetition.
    Skipped,
}

/// Why an item was not accepted.
#[derive(ToSchema)]
pub struct ItemReason {
    pointer: String,
    code: String,
    /// In the reader's language.
    message: String,
    /// In a file of rows: the line, from 1.
    #[schema(nullable = false)]
    line: Option<u64>,
    /// In a file of rows: the column, from 1.
    #[schema(nullable = false)]
    column: Option<u32>,
    /// What the header calls that column.
    #[schema(nullable = false)]
    column_name: Option<String>,
}
