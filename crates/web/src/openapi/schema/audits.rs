//! Input that was no order, as it is answered.

use serde_json::Value;
use utoipa::ToSchema;

use super::{BatchPlace, Channel, Cursor, Links, Name, Time, Violation};

/// A page of input that was no order, newest first.
#[derive(ToSchema)]
pub struct AuditPage {
    audits: Vec<Audit>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// Input that was no order, or a sum of such input that was only counted.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Audit {
    /// One input.
    #[schema(title = "invalid")]
    Invalid(Box<InvalidInput>),
    /// A sum.
    #[schema(title = "flood")]
    Flood(Box<Flood>),
}

/// What an audit is about.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum InvalidKind {
    /// One input.
    Invalid,
}

/// What an audit is about.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum FloodKind {
    /// A sum.
    Flood,
}

/// One input that was no order.
#[derive(ToSchema)]
pub struct InvalidInput {
    /// Its place in the log.
    sequence: Cursor,
    at: Time,
    kind: InvalidKind,
    order_id: Option<Name>,
    merchant_id: Option<Name>,
    channel: Channel,
    batch: Option<BatchPlace>,
    /// Who sent it: an API key's id, or a network; null for a batch's items.
    #[schema(example = "key:5d41402abc4b2a76")]
    source: Option<String>,
    /// Bytes of all of it.
    bytes: u64,
    /// BLAKE3 of all of it.
    hash: String,
    /// Whether the document is kept, and may still be shown.
    document_kept: bool,
    /// What was wrong.
    violations: Vec<Violation>,
    /// Not in lists: the document as it came, when it is JSON.
    #[schema(value_type = Option<Value>)]
    document: Option<Value>,
    /// Not in lists: the document's text, when it is not JSON.
    document_text: Option<String>,
    /// Not in lists: the document byte for byte, by a link that needs no key until it expires.
    #[schema(nullable = false)]
    document_url: Option<String>,
    links: Links,
}

/// Input of one source within a minute that was no order and was only counted.
#[derive(ToSchema)]
pub struct Flood {
    /// Its place in the log.
    sequence: Cursor,
    at: Time,
    kind: FloodKind,
    /// Who sent it.
    #[schema(example = "net:192.0.2.0/24")]
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
    links: Links,
}
