//! Dead letters, as they are answered and asked for.

use serde_json::Value;
use utoipa::ToSchema;

use super::{
    BatchPlace, Cursor, DeadLetterHow, DeadLetterKind, Links, Name, OrderRow, Time, Violation,
};

/// A page of dead letters, newest first.
#[derive(ToSchema)]
pub struct DeadLetterPage {
    dead_letters: Vec<DeadLetter>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// Something that could not be seen through.
#[derive(ToSchema)]
pub struct DeadLetter {
    /// What it is called: its place in the log.
    id: Cursor,
    at: Time,
    state: LetterState,
    /// When and how it ended; null while it is open.
    settled: Option<LetterEnd>,
    kind: DeadLetterKind,
    /// The step, sink, queue or batch.
    source: String,
    /// Of a step: which.
    #[schema(nullable = false)]
    step: Option<String>,
    /// Of a step: the order's revision.
    #[schema(nullable = false)]
    revision: Option<u32>,
    /// Of a sink: which.
    #[schema(nullable = false)]
    sink: Option<String>,
    /// Of a delivery: its id, the same at every attempt.
    #[schema(nullable = false)]
    delivery_id: Option<String>,
    /// Of a delivery: what it was to tell.
    #[schema(nullable = false, example = "order.completed")]
    tells: Option<String>,
    /// Of a delivery: the change it followed from.
    #[schema(nullable = false)]
    change: Option<Cursor>,
    /// Of a sink that fell behind: the first change it missed.
    #[schema(nullable = false)]
    missed_from: Option<Cursor>,
    /// Of a sink that fell behind: where it goes on.
    #[schema(nullable = false)]
    missed_until: Option<Cursor>,
    /// Of a line or an item: where it stood.
    batch: Option<BatchPlace>,
    /// Of a message: its queue.
    #[schema(nullable = false)]
    queue: Option<String>,
    /// Of a message: its id there.
    #[schema(nullable = false)]
    message_id: Option<String>,
    order_id: Option<Name>,
    merchant_id: Option<Name>,
    /// A code.
    #[schema(example = "retries_exhausted")]
    reason: String,
    /// The last error.
    error: String,
    attempts: u32,
    /// Of a line or an item: what was wrong with it.
    violations: Vec<Violation>,
    /// Whether letters of its kind can be sent again.
    redrivable: bool,
    /// Not in lists: whether the payload is kept, and may still be shown.
    #[schema(nullable = false)]
    payload_kept: Option<bool>,
    /// Not in lists: the payload, when it is JSON.
    #[schema(value_type = Option<Value>)]
    payload: Option<Value>,
    /// Not in lists: the payload's text, when it is not JSON.
    payload_text: Option<String>,
    /// Where a document was sent again: the order as it is then.
    order: Option<OrderRow>,
    links: LetterLinks,
}

/// Whether a letter is open.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum LetterState {
    /// Nothing has become of it.
    Open,
    /// It has ended.
    Settled,
}

/// The end of a letter.
#[derive(ToSchema)]
pub struct LetterEnd {
    how: DeadLetterHow,
    at: Time,
    /// The change that says so.
    change: Cursor,
}

/// Which letters to send again, and how fast: all that is named has to hold.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterFilter {
    kind: Option<DeadLetterKind>,
    /// Of this step, sink or queue.
    #[schema(example = "mail")]
    source: Option<String>,
    /// Lines and items of this batch.
    batch_id: Option<Name>,
    merchant_id: Option<Name>,
    /// About an order with this id.
    order_id: Option<Name>,
    /// With this reason.
    reason: Option<String>,
    /// Since then.
    from: Option<Time>,
    /// Before.
    until: Option<Time>,
    /// Most a second; 20 when not named.
    #[schema(minimum = 1, maximum = 10000)]
    per_second: Option<u32>,
}

/// The sending again, or giving up, of many letters.
#[derive(ToSchema)]
pub struct DeadLetterRedrive {
    id: Cursor,
    what: Sweep,
    status: SweepStatus,
    filter: SweepFilter,
    /// Most a second.
    per_second: u32,
    started_at: Time,
    updated_at: Time,
    /// Letters that it has ended.
    settled: u64,
    /// Letters that it tried and that are still open.
    failed: u64,
    links: Links,
}

/// A page of them, newest first.
#[derive(ToSchema)]
pub struct DeadLetterRedrives {
    redrives: Vec<DeadLetterRedrive>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// What is done with many letters.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Sweep {
    /// They are sent again.
    Redrive,
    /// They are given up.
    Purge,
}

/// Where it stands.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SweepStatus {
    /// It goes on, after a restart too.
    Running,
    /// Every letter was looked at.
    Done,
    /// Somebody stopped it.
    Stopped,
}

/// Which letters it is about.
#[derive(ToSchema)]
pub struct SweepFilter {
    kind: Option<DeadLetterKind>,
    source: Option<String>,
    batch_id: Option<Name>,
    merchant_id: Option<Name>,
    order_id: Option<Name>,
    reason: Option<String>,
    from: Option<Time>,
    until: Option<Time>,
}

/// How a letter ended before.
#[derive(ToSchema)]
pub struct Ended {
    how: DeadLetterHow,
    at: Time,
}

/// Where to go from a letter.
#[derive(ToSchema)]
pub struct LetterLinks {
    /// The letter.
    #[schema(rename = "self", example = "/v1/dead-letters/1f4c")]
    this: String,
    /// The order it is about.
    #[schema(nullable = false)]
    order: Option<String>,
}
