//! What changes come to, as rows.

use arrow::array::RecordBatch;
use domain::time::Timestamp;
use roaring::RoaringTreemap;

use crate::table::Table;

/// The rows that a stretch of the log comes to.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The log up to here was before it: the end of the stretch before, 0 at the beginning.
    pub from: u64,
    /// The log up to here is in it or before it.
    pub until: u64,
    /// When its newest change was decided.
    pub newest: Option<Timestamp>,
    /// The rows, by table and by the day (UTC) of their change; oldest first. Empty ones are left
    /// out.
    pub batches: Vec<(Table, Day, RecordBatch)>,
    /// Versions, by sequence, that these rows supersede: in themselves or in what came before.
    pub superseded: RoaringTreemap,
    /// Memory that the rows take, in bytes.
    pub bytes: usize,
}

/// A day in UTC, by its number since 1970-01-01: what files are partitioned by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);
