//! What changes come to, as rows.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use domain::time::Timestamp;
use roaring::RoaringTreemap;
use service::change::{Change, Seq};
use service::ledger::Unavailable;

use crate::error::Error;
use crate::table::Table;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// The rows that a stretch of the log comes to.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The log up to here was before it: the end of the stretch before, 0 at the beginning.
    pub from: u64,
    /// The log up to here is in it or before it.
    pub until: u64,
    /// When its newest change was decided.
    pub newest: Option<Timestamp>,
    /// The rows, by table and by the day (UTC) of their change; those of a table oldest first, in
    /// one batch a day or several. Empty ones are left out.
    pub batches: Vec<(Table, Day, RecordBatch)>,
    /// Versions, by sequence, that these rows supersede: in themselves or in what came before.
    pub superseded: RoaringTreemap,
    /// Memory that the rows take, in bytes.
    pub bytes: usize,
}

/// Makes rows of changes: given the log in order, emptied now and then. The rows are a pure
/// function of the log, wherever it is cut.
pub trait MakeRows: Send {
    /// The change that was pushed last, or where it began.
    fn until(&self) -> u64;

    /// Takes in the next change; one that is in already does nothing.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when what the change refers to cannot be read: nothing of it was taken
    /// in, and it may be pushed again.
    fn push(&mut self, seq: Seq, change: &Change) -> Result<(), Unavailable>;

    /// The rows of what was pushed since they were last taken.
    fn take(&mut self) -> Rows;
}

/// A day in UTC, by its number since 1970-01-01: what files are partitioned by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        Self(i32::try_from(at.0.div_euclid(DAY_US)).unwrap_or(i32::MAX))
    }

    /// Its name: `YYYY-MM-DD`.
    #[must_use]
    pub fn name(self) -> String {
        let days = jiff::Span::new().try_days(self.0);
        let day = days.and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days));
        day.unwrap_or(jiff::civil::Date::MAX).to_string()
    }
}

impl Rows {
    /// These rows and those that follow them, as one.
    ///
    /// # Errors
    /// [`Error::Rows`] when rows of one table have different columns.
    pub fn join(&self, later: &Self) -> Result<Self, Error> {
        let mut all: Vec<&(Table, Day, RecordBatch)> =
            self.batches.iter().chain(&later.batches).collect();
        // Stable: rows of one table and day stay in their order.
        all.sort_by_key(|(table, day, _)| (*table, *day));
        let mut batches = Vec::new();
        for same in all.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (table, day, first) = same[0];
            let joined = concat_batches(&first.schema(), same.iter().map(|(_, _, batch)| batch))?;
            batches.push((*table, *day, joined));
        }
        Ok(Self {
            from: self.from,
            until: later.until,
            newest: later.newest.or(self.newest),
            batches,
            superseded: &self.superseded | &later.superseded,
            bytes: self.bytes + later.bytes,
        })
    }

    /// How many rows there are, of all tables.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.batches.iter().map(|(_, _, batch)| batch.num_rows() as u64).sum()
    }
}

/// The sequences of a batch's rows.
///
/// # Errors
/// [`Error::Rows`] when it has no such column: it is no table of the lake.
pub fn sequences(batch: &RecordBatch) -> Result<&[i64], Error> {
    let column = batch.column_by_name("sequence");
    let values = column.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let missing = || arrow::error::ArrowError::SchemaError("no column `sequence`".to_owned());
    Ok(values.ok_or_else(missing)?.values())
}
