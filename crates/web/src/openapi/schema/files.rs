//! Files, as they are described.

use serde_json::Value;
use utoipa::ToSchema;

use super::{Batch, BatchResult, Cursor, Name, Time};

/// A file's body: orders, or one document with `orders`.
#[derive(ToSchema)]
#[schema(value_type = Value)]
pub struct FileBody(#[allow(dead_code, reason = "described, never made")] Value);

/// Where a file stands.
#[derive(ToSchema)]
pub enum FileStatus {
    /// On disk; not begun.
    #[schema(rename = "RECEIVED")]
    Received,
    /// It could not be read as a whole: nothing of it was done.
    #[schema(rename = "REJECTED")]
    Rejected,
    /// Items are being taken.
    #[schema(rename = "RUNNING")]
    Running,
    /// Every item was taken.
    #[schema(rename = "SUCCEEDED")]
    Succeeded,
    /// More failures than tolerated, or it broke off.
    #[schema(rename = "FAILED")]
    Failed,
    /// Stopped on request.
    #[schema(rename = "ABORTED")]
    Aborted,
}

/// A file, and in an answer about it alone a page of its items.
#[derive(ToSchema)]
pub struct FileReport {
    name: String,
    status: FileStatus,
    /// In the reader's language.
    status_label: String,
    /// Why it could not be read as a whole, in English.
    reason: Option<String>,
    /// `csv`, `jsonl` or `json`.
    format: String,
    bytes: u64,
    received_at: Time,
    /// `put`, `inbox` or `run`.
    came_by: String,
    /// Its content had come before, under whatever name.
    is_repeat: bool,
    /// Its content's hash.
    batch_id: Name,
    /// Its run; null while it waits.
    batch: Option<Batch>,
    links: FileLinks,
    /// A page of what became of its items, in the file's order.
    #[schema(nullable = false)]
    items: Option<Vec<BatchResult>>,
    /// Where the next page begins; null at the end.
    next_from: Option<u64>,
}

/// Where to go on.
#[derive(ToSchema)]
pub struct FileLinks {
    #[schema(rename = "self")]
    this: String,
    rejects: String,
}

/// A page of files, by name.
#[derive(ToSchema)]
pub struct FilePage {
    files: Vec<FileReport>,
    next_cursor: Option<Cursor>,
}
