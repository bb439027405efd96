//! What events say, as they are told to others: the `data` of each CloudEvent, without what every
//! event of an order has.

use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Batch, BatchPlace, Channel, Cursor, Customer, Effect, Kind, LineStatus, Money, Name, Priced,
    Product, Shortage, ShortagePolicy, Taxed, Time, Violation,
};

/// An order came in, or a new revision of it.
#[derive(ToSchema)]
pub struct DocumentDetails {
    kind: Kind,
    channel: Channel,
    customer_id: Option<Name>,
    batch: Option<BatchPlace>,
    shortage_policy: ShortagePolicy,
    /// What it comes to; null while a price is missing.
    total: Option<Money>,
    demand: Vec<Demand>,
}

/// Units wanted of a product.
#[derive(ToSchema)]
pub struct Demand {
    sku: Name,
    quantity: i64,
}

/// Why an order costs what it costs.
#[derive(ToSchema)]
pub struct PricedDetails {
    /// The version of the rules.
    rule_set: u64,
    lines: Vec<PricedLine>,
    shipping: Priced,
    tax: Taxed,
    total: Option<Money>,
    /// Rules whose conditions could not be judged, and so did not apply.
    #[schema(value_type = Vec<Value>)]
    failed_rules: Vec<Value>,
}

/// What a line costs.
#[derive(ToSchema)]
pub struct PricedLine {
    /// Null when no price is known.
    unit_price: Option<Money>,
    /// Price times quantity, rounded once.
    base: Option<Money>,
    effects: Vec<Effect>,
    /// With every effect.
    total: Option<Money>,
}

/// Stock was looked for.
#[derive(ToSchema)]
pub struct AllocatedDetails {
    /// What each product of the order found, in their order.
    lines: Vec<LineStatus>,
    shortages: Vec<Shortage>,
}

/// Products of an order.
#[derive(ToSchema)]
pub struct SkusDetails {
    skus: Vec<Name>,
}

/// The order was called off.
#[derive(ToSchema)]
pub struct CancelledDetails {
    reason: Option<String>,
    channel: Channel,
    batch: Option<BatchPlace>,
}

/// Nothing beyond its name.
#[derive(ToSchema)]
pub struct NoDetails {}

/// The same order came again.
#[derive(ToSchema)]
pub struct RepeatedDetails {
    channel: Channel,
    batch: Option<BatchPlace>,
    /// Whether the document was the same, byte for byte.
    same_document: bool,
    /// Always true.
    is_duplicate: bool,
}

/// A command could not apply.
#[derive(ToSchema)]
pub struct RefusedDetails {
    /// What was asked.
    #[schema(example = "cancel")]
    command: String,
    /// Why not.
    #[schema(example = "wrong_state")]
    code: String,
    channel: Channel,
    batch: Option<BatchPlace>,
}

/// Input that is no order.
#[derive(ToSchema)]
pub struct InvalidData {
    order_id: Option<Name>,
    merchant_id: Option<Name>,
    channel: Channel,
    batch: Option<BatchPlace>,
    /// Who sent it.
    source: Option<String>,
    /// Bytes of all of it.
    bytes: u64,
    /// BLAKE3 of all of it.
    hash: String,
    /// Always false.
    valid: bool,
    violations: Vec<Violation>,
    /// As it came, where it is kept: JSON, or its text.
    #[schema(value_type = Option<Value>)]
    document: Option<Value>,
}

/// Input that was no order and was only counted.
#[derive(ToSchema)]
pub struct FloodData {
    /// Who sent it.
    source: String,
    /// When the first of it came.
    since: Time,
    /// How many documents.
    count: u64,
    /// Bytes of all of them.
    bytes: u64,
    /// BLAKE3 of the first.
    first_hash: String,
    /// BLAKE3 of the last.
    last_hash: String,
}

/// A command for an order that is not there.
#[derive(ToSchema)]
pub struct StrayData {
    order_id: Name,
    merchant_id: Name,
    /// What was asked.
    #[schema(example = "cancel")]
    command: String,
    /// Always `unknown_order`.
    code: String,
    channel: Channel,
    batch: Option<BatchPlace>,
    /// The document that asked, when one did: JSON, or its text.
    #[schema(value_type = Option<Value>)]
    document: Option<Value>,
}

/// Stock on hand was counted or adjusted.
#[derive(ToSchema)]
pub struct StockChangedData {
    merchant_id: Name,
    sku: Name,
    on_hand_change: i64,
    /// Why, in the words of whoever asked.
    reason: String,
}

/// Free stock was given to orders that waited.
#[derive(ToSchema)]
pub struct StockReleasedData {
    merchant_id: Name,
    sku: Name,
    /// The last waiting order looked at; null when all have been.
    next: Option<Cursor>,
}

/// Products were stored.
#[derive(ToSchema)]
pub struct ProductsData {
    products: Vec<Product>,
}

/// A customer's tags were stored.
#[derive(ToSchema)]
pub struct CustomerData {
    customer: Customer,
}

/// Rules were saved.
#[derive(ToSchema)]
pub struct RulesData {
    version: u64,
    /// Whether they price the installation's orders from now on, or one batch's only.
    installed: bool,
    /// As they were saved.
    #[schema(value_type = Value)]
    source: Value,
}

/// A batch got on.
#[derive(ToSchema)]
pub struct BatchData {
    batch: Batch,
}

/// An idempotency key was used up.
#[derive(ToSchema)]
pub struct KeyData {
    /// BLAKE3 of what the key is kept under.
    key_hash: String,
}

/// A webhook endpoint is another now.
#[derive(ToSchema)]
pub struct WebhookData {
    webhook_id: String,
    /// How it is from now on.
    status: String,
}

/// A webhook endpoint is told again what it missed.
#[derive(ToSchema)]
pub struct ReplayData {
    webhook_id: String,
    /// Behind this change; from the beginning when null.
    after: Option<Cursor>,
    /// Up to this one.
    until: Cursor,
}

/// Something could not be seen through.
#[derive(ToSchema)]
pub struct LetterData {
    /// What it was on its way to.
    #[schema(example = "delivery")]
    subject: String,
    order_id: Option<Name>,
    merchant_id: Option<Name>,
    /// Of a step.
    #[schema(nullable = false)]
    step: Option<String>,
    /// Of a step: the order's revision.
    #[schema(nullable = false)]
    revision: Option<u32>,
    /// The follower.
    #[schema(nullable = false)]
    sink: Option<String>,
    /// Of a delivery: its name for the receiver.
    #[schema(nullable = false)]
    delivery_id: Option<String>,
    /// Of a delivery: what it was to tell.
    #[schema(nullable = false)]
    tells: Option<String>,
    /// Of a delivery: the change it followed from.
    #[schema(nullable = false)]
    change: Option<Cursor>,
    /// Of changes that a follower was too late for: the first.
    #[schema(nullable = false)]
    from: Option<Cursor>,
    /// Of changes that a follower was too late for: where it goes on.
    #[schema(nullable = false)]
    until: Option<Cursor>,
    batch: Option<BatchPlace>,
    /// Of a message.
    #[schema(nullable = false)]
    queue: Option<String>,
    /// Of a message.
    #[schema(nullable = false)]
    message_id: Option<String>,
    #[schema(example = "retries_exhausted")]
    reason: String,
    /// The last error.
    error: String,
    attempts: u32,
    /// What was to be sent or read, where it is kept: JSON, or its text.
    #[schema(value_type = Option<Value>)]
    document: Option<Value>,
}

/// A dead letter came to an end.
#[derive(ToSchema)]
pub struct LetterSettledData {
    dead_letter: Cursor,
    #[schema(example = "redriven")]
    how: String,
    /// What it was on its way to.
    #[schema(example = "delivery")]
    subject: String,
    order_id: Option<Name>,
    merchant_id: Option<Name>,
    /// Of a step.
    #[schema(nullable = false)]
    step: Option<String>,
    /// Of a step: the order's revision.
    #[schema(nullable = false)]
    revision: Option<u32>,
    /// The follower.
    #[schema(nullable = false)]
    sink: Option<String>,
    /// Of a delivery: its name for the receiver.
    #[schema(nullable = false)]
    delivery_id: Option<String>,
    /// Of a delivery: what it was to tell.
    #[schema(nullable = false)]
    tells: Option<String>,
    /// Of a delivery: the change it followed from.
    #[schema(nullable = false)]
    change: Option<Cursor>,
    /// Of changes that a follower was too late for: the first.
    #[schema(nullable = false)]
    from: Option<Cursor>,
    /// Of changes that a follower was too late for: where it goes on.
    #[schema(nullable = false)]
    until: Option<Cursor>,
    batch: Option<BatchPlace>,
    /// Of a message.
    #[schema(nullable = false)]
    queue: Option<String>,
    /// Of a message.
    #[schema(nullable = false)]
    message_id: Option<String>,
}

/// The ending of many dead letters got on.
#[derive(ToSchema)]
pub struct LettersSweptData {
    id: Option<Cursor>,
    status: String,
    settled: u64,
    failed: u64,
}

/// External steps of an order.
#[derive(ToSchema)]
pub struct StepsDetails {
    /// In the order they are asked.
    steps: Vec<String>,
}

/// An external step of an order.
#[derive(ToSchema)]
pub struct StepDetails {
    step: String,
}

/// A step has nothing against an order.
#[derive(ToSchema)]
pub struct StepPassedDetails {
    step: String,
    /// What it had to say besides.
    note: Option<String>,
}

/// An answer that nobody waited for.
#[derive(ToSchema)]
pub struct StepIgnoredDetails {
    step: String,
    /// The order's revision that it was about.
    revision: u32,
    #[schema(example = "approved")]
    answer: String,
}

/// Every attempt at a step came to nothing.
#[derive(ToSchema)]
pub struct FailedDetails {
    step: String,
    /// The last error.
    error: String,
    attempts: u32,
}

/// The steps of an order are asked anew.
#[derive(ToSchema)]
pub struct RedrivenDetails {
    /// In the order they are asked.
    steps: Vec<String>,
    channel: Channel,
}
