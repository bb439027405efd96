//! Orders, as they are answered.

use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    Channel, Cursor, Kind, LineStatus, Links, Money, Name, NoticeOfOrder, ShortagePolicy, Status,
    Time, Violation,
};

/// A new order, on disk.
#[derive(ToSchema)]
pub struct Placed {
    order_id: Name,
    merchant_id: Name,
    status: Status,
    /// The status in the reader's language.
    status_label: String,
    /// What it comes to; null while a price is missing.
    total: Option<Money>,
    /// ISO 4217.
    #[schema(example = "BRL")]
    currency: String,
    /// One a product.
    lines: Vec<PlacedLine>,
    shortages: Vec<Shortage>,
    #[schema(nullable = false)]
    rejection: Option<Rejection>,
    /// What is odd about the document.
    warnings: Vec<Violation>,
    links: Links,
    /// At older addresses only.
    #[schema(rename = "orderId", nullable = false)]
    older_order_id: Option<String>,
    /// At older addresses only.
    #[schema(nullable = false)]
    valid: Option<bool>,
    /// At older addresses only.
    #[schema(rename = "isDuplicate", nullable = false)]
    is_duplicate: Option<bool>,
    /// At older addresses only: the status in the reader's language.
    #[schema(nullable = false)]
    message: Option<String>,
}

/// What a new order has of one product.
#[derive(ToSchema)]
pub struct PlacedLine {
    sku: Name,
    #[schema(minimum = 1)]
    quantity: i64,
    status: LineStatus,
    /// The status in the reader's language.
    status_label: String,
}

/// What was short.
#[derive(ToSchema)]
pub struct Shortage {
    sku: Name,
    wanted: i64,
    available: i64,
}

/// Why an order was turned down.
#[derive(ToSchema)]
pub struct Rejection {
    #[schema(example = "out_of_stock")]
    code: String,
    /// `out_of_stock`
    #[schema(nullable = false)]
    shortages: Option<Vec<Shortage>>,
    /// `unknown_sku`
    #[schema(nullable = false)]
    skus: Option<Vec<Name>>,
    /// `step_refused`: which
    #[schema(nullable = false)]
    step: Option<String>,
    /// `step_refused`: why, in its own words
    #[schema(nullable = false)]
    reason: Option<String>,
}

/// A page of orders, newest first.
#[derive(ToSchema)]
pub struct OrderPage {
    orders: Vec<OrderRow>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// An order in a list.
#[derive(ToSchema)]
pub struct OrderRow {
    order_id: Name,
    merchant_id: Name,
    status: Status,
    /// The status in the reader's language.
    status_label: String,
    kind: Kind,
    channel: Channel,
    customer_id: Option<Name>,
    batch: Option<BatchPlace>,
    received_at: Time,
    updated_at: Time,
    /// What it comes to; null while a price is missing.
    total: Option<Money>,
    /// ISO 4217.
    #[schema(example = "BRL")]
    currency: String,
    lines: Vec<RowLine>,
    /// 1 as it first came.
    #[schema(minimum = 1)]
    revision: u32,
    /// How often the same order came again.
    repeats: u32,
    /// Its place in the log.
    sequence: Cursor,
    links: Links,
    /// At older addresses only.
    #[schema(rename = "orderId", nullable = false)]
    older_order_id: Option<String>,
    /// At older addresses only.
    #[schema(rename = "customerId")]
    older_customer_id: Option<String>,
    /// At older addresses only.
    #[schema(rename = "batchId")]
    older_batch_id: Option<String>,
    /// At older addresses only: always true.
    #[schema(nullable = false)]
    valid: Option<bool>,
    /// At older addresses only: always false.
    #[schema(rename = "isDuplicate", nullable = false)]
    older_is_duplicate: Option<bool>,
}

/// What a listed order has of one product.
#[derive(ToSchema)]
pub struct RowLine {
    sku: Name,
    #[schema(minimum = 1)]
    quantity: i64,
    status: LineStatus,
    /// The status in the reader's language.
    status_label: String,
}

/// A batch, and a place in it.
#[derive(ToSchema)]
pub struct BatchPlace {
    batch_id: Name,
    /// From 0.
    index: u64,
}

/// Everything about one order.
#[derive(ToSchema)]
pub struct Order {
    order_id: Name,
    merchant_id: Name,
    status: Status,
    /// The status in the reader's language.
    status_label: String,
    /// Always true: see `InvalidOrder`.
    valid: bool,
    is_duplicate: bool,
    kind: Kind,
    /// 1 as it first came.
    #[schema(minimum = 1)]
    revision: u32,
    channel: Channel,
    customer_id: Option<Name>,
    batch: Option<BatchPlace>,
    received_at: Time,
    updated_at: Time,
    /// What it comes to; null while a price is missing.
    total: Option<Money>,
    /// ISO 4217.
    #[schema(example = "BRL")]
    currency: String,
    shortage_policy: ShortagePolicy,
    /// What it waits for, while it is RECEIVED, PROCESSING or BACKORDERED.
    #[schema(nullable = false)]
    waiting_for: Option<WaitingFor>,
    /// Why it is FAILED, while it is.
    #[schema(nullable = false)]
    failure: Option<Failure>,
    /// The document's lines, each with what it costs and what it has.
    lines: Vec<OrderLine>,
    /// Why it costs what it costs; null for transfers.
    pricing: Option<Pricing>,
    /// How often the same order came again.
    repeats: u32,
    warnings: Vec<Violation>,
    /// What happened to it, oldest first.
    history: Vec<HistoryEvent>,
    /// Fields of the document that Comanda does not know, as they came.
    #[schema(value_type = Map<String, Value>)]
    attributes: Map<String, Value>,
    /// The document as it came.
    #[schema(value_type = Option<Map<String, Value>>)]
    document: Option<Map<String, Value>>,
    /// The document byte for byte: a link that needs no key, until it expires.
    #[schema(
        example = "/v1/orders/P-1001/document?merchant_id=shop&revision=1&expires=1767323945\
        &signature=5d41402abc4b2a76b9719d911017c592"
    )]
    document_url: String,
    links: Links,
    /// At older addresses only.
    #[schema(rename = "orderId", nullable = false)]
    older_order_id: Option<String>,
    /// At older addresses only.
    #[schema(rename = "isDuplicate", nullable = false)]
    older_is_duplicate: Option<bool>,
    /// At older addresses only.
    #[schema(rename = "customerId")]
    older_customer_id: Option<String>,
    /// At older addresses only.
    #[schema(rename = "batchId")]
    older_batch_id: Option<String>,
    /// At older addresses only: `document_url`.
    #[schema(rename = "s3Url", nullable = false)]
    s3_url: Option<String>,
    /// At older addresses only: the status in the reader's language.
    #[schema(nullable = false)]
    message: Option<String>,
}

/// What an order waits for.
#[derive(ToSchema)]
pub struct WaitingFor {
    /// `step`: an external step. `stock`: products it finds too little of.
    #[schema(example = "step")]
    what: String,
    /// The external step that is being asked.
    #[schema(nullable = false, example = "fraud")]
    step: Option<String>,
    /// All steps that it must pass, in order.
    #[schema(nullable = false)]
    steps: Option<Vec<String>>,
    /// Since when it waits for this step.
    #[schema(nullable = false)]
    since: Option<Time>,
    /// Calls of this step so far, the one under way included.
    #[schema(nullable = false)]
    attempts: Option<u32>,
    /// What the last of them came to.
    last_error: Option<String>,
    /// When it is called again, where that is known.
    next_try: Option<Time>,
    /// What it finds too little of.
    #[schema(nullable = false)]
    products: Option<Vec<WantedProduct>>,
}

/// A product that an order waits for.
#[derive(ToSchema)]
pub struct WantedProduct {
    sku: Name,
    #[schema(minimum = 1)]
    quantity: i64,
}

/// Why an order failed.
#[derive(ToSchema)]
pub struct Failure {
    /// The external step.
    #[schema(example = "fraud")]
    step: String,
    /// What its last call came to.
    error: String,
    /// Calls made.
    attempts: u32,
    at: Time,
}

/// A line of an order.
#[derive(ToSchema)]
pub struct OrderLine {
    /// From 1.
    #[schema(nullable = false, minimum = 1)]
    line: Option<u32>,
    sku: Name,
    quantity: Option<i64>,
    status: LineStatus,
    /// The status in the reader's language.
    status_label: String,
    /// Null when no price is known.
    unit_price: Option<Money>,
    /// Price times quantity, rounded once.
    base: Option<Money>,
    #[schema(nullable = false)]
    effects: Option<Vec<Effect>>,
    /// With every effect.
    total: Option<Money>,
}

/// What one rule did.
#[derive(ToSchema)]
pub struct Effect {
    /// The rule's id; its place in the rule set where those rules are not kept any more.
    #[schema(value_type = Value)]
    rule: Value,
    /// Below zero for what it took off.
    amount: Money,
}

/// Why an order costs what it costs. The lines carry their own part.
#[derive(ToSchema)]
pub struct Pricing {
    /// The version of the rules.
    rule_set: u64,
    shipping: Priced,
    tax: Taxed,
    total: Option<Money>,
    /// Rules whose conditions could not be judged, and so did not apply.
    #[schema(value_type = Vec<Value>)]
    failed_rules: Vec<Value>,
}

/// What shipping comes to.
#[derive(ToSchema)]
pub struct Priced {
    /// As the document says.
    cost: Option<Money>,
    effects: Vec<Effect>,
    total: Option<Money>,
}

/// What taxes come to.
#[derive(ToSchema)]
pub struct Taxed {
    effects: Vec<Effect>,
    total: Money,
}

/// Something that happened to an order.
#[derive(ToSchema)]
pub struct HistoryEvent {
    /// Its place in the log.
    sequence: Cursor,
    at: Time,
    #[schema(example = "received")]
    event: String,
    /// In the reader's language.
    event_label: String,
    /// What the event says beyond its name.
    #[schema(value_type = Map<String, Value>)]
    details: Map<String, Value>,
}

/// An id that was only ever sent with documents that are no orders.
#[derive(ToSchema)]
pub struct InvalidOrder {
    order_id: Option<Name>,
    merchant_id: Option<Name>,
    /// Always `INVALID`.
    status: Status,
    /// The status in the reader's language.
    status_label: String,
    /// Always false.
    valid: bool,
    is_duplicate: bool,
    channel: Channel,
    batch: Option<BatchPlace>,
    received_at: Time,
    /// Its place in the log.
    sequence: Cursor,
    /// What is wrong with it.
    violations: Vec<Violation>,
    /// The document as it came, when it is JSON.
    #[schema(value_type = Value)]
    document: Option<Value>,
    /// The document's text, when it is not.
    document_text: Option<String>,
    /// The document byte for byte, by a link that needs no key until it expires; null when the
    /// document is not kept, or not any more.
    document_url: Option<String>,
    /// At older addresses only.
    #[schema(rename = "orderId")]
    older_order_id: Option<String>,
    /// At older addresses only.
    #[schema(rename = "isDuplicate", nullable = false)]
    older_is_duplicate: Option<bool>,
    /// At older addresses only: null.
    #[schema(rename = "customerId")]
    older_customer_id: Option<String>,
    /// At older addresses only.
    #[schema(rename = "batchId")]
    older_batch_id: Option<String>,
    /// At older addresses only: null, because what is no order is not archived as one.
    #[schema(rename = "s3Url")]
    s3_url: Option<String>,
    /// At older addresses only: the status in the reader's language.
    #[schema(nullable = false)]
    message: Option<String>,
}

/// An order, or what was only ever invalid.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum OrderOrInvalid {
    /// An order.
    #[schema(title = "order")]
    Order(Box<Order>),
    /// No order.
    #[schema(title = "invalid")]
    Invalid(Box<InvalidOrder>),
}

/// A message that would be sent.
#[derive(ToSchema)]
pub struct Message {
    notice: NoticeOfOrder,
    /// To whom; null where the order names no valid address, or the reader is no customer.
    to: Option<String>,
    /// `pt-BR`, `es` or `en`.
    language: String,
    subject: String,
    /// What readers without HTML see.
    text: String,
    /// What others see.
    html: String,
}
