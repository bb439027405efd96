//! The truth about the files of a lake: a JSON document, numbered, written last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Every file of the lake at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its number: one more than that of the one before.
    pub version: u64,
    /// The log up to here is in the segments: where the writer goes on.
    pub until: u64,
    /// The segments, in the order of their sequences.
    pub segments: Vec<Segment>,
}

/// The rows of a stretch of the log that fell on one day: a file a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The day (UTC), `YYYY-MM-DD`: the partition.
    pub day: String,
    /// Sequences above this are in it …
    pub from: u64,
    /// … up to this one.
    pub until: u64,
    /// The files by table; a table without rows has none.
    pub files: BTreeMap<String, File>,
    /// Which versions of this segment are superseded; none while all are current.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub superseded: Option<Superseded>,
}

/// A Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Where it is, below the lake's root.
    pub path: String,
    /// Rows in it, superseded ones included.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Lowest sequence in it.
    pub first: u64,
    /// Highest sequence in it.
    pub last: u64,
}

/// A bitmap beside the files: superseded versions, by sequence, in the portable 64-bit format of
/// Roaring bitmaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// Where it is, below the lake's root.
    pub path: String,
    /// How many versions it names.
    pub versions: u64,
}
