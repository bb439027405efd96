//! How a table is read at a moment: files in which everything is current, files in which some
//! versions are superseded, and the tail, which is in memory.
//!
//! Never: a file that the manifest does not name; a row of a superseded version.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use lake::manifest::File;
use lake::table::Table;

use crate::superseded::{CurrentExec, Superseded};
use crate::table::Moment;

/// The column that names a row's change, and with it its version.
const SEQUENCE: &str = "sequence";

/// What a scan is to give.
pub(crate) struct Asked {
    /// Of which table.
    pub(crate) table: Table,
    /// All its columns, as SQL has them.
    pub(crate) schema: SchemaRef,
    /// Which of them, in order.
    pub(crate) columns: Vec<usize>,
    /// As many rows are enough.
    pub(crate) limit: Option<usize>,
    /// How many streams to read files by.
    pub(crate) partitions: usize,
}

impl Asked {
    /// The columns to read where versions are dropped, and where `sequence` is in them.
    fn with_sequence(&self) -> Result<(Vec<usize>, usize)> {
        let sequence = self.schema.index_of(SEQUENCE)?;
        let mut columns = self.columns.clone();
        let at = columns.iter().position(|column| *column == sequence).unwrap_or_else(|| {
            columns.push(sequence);
            columns.len() - 1
        });
        Ok((columns, at))
    }
}

/// Files of one kind.
#[derive(Default)]
struct Kind {
    files: Vec<PartitionedFile>,
    superseded: Superseded,
}

/// The plan that reads a table at a moment.
pub(crate) fn plan(moment: &Moment, asked: &Asked) -> Result<Arc<dyn ExecutionPlan>> {
    let (mut current, mut mixed) = (Kind::default(), Kind::default());
    for (segment, superseded) in moment.snapshot.segments() {
        let Some(file) = segment.files.get(asked.table.name()) else {
            continue;
        };
        let file = described(moment, asked, file);
        match superseded.filter(|set| asked.table.is_versioned() && !set.is_empty()) {
            None => current.files.push(file),
            Some(versions) => {
                mixed.superseded.add(segment.from, segment.until, Arc::clone(versions));
                mixed.files.push(file);
            }
        }
    }
    let mut plans: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
    if !current.files.is_empty() {
        plans.push(files(moment, asked, current.files, asked.columns.clone(), asked.limit)?);
    }
    if !mixed.files.is_empty() {
        let (columns, sequence) = asked.with_sequence()?;
        // How many rows are left is not known before they are read: no limit goes down.
        let read = files(moment, asked, mixed.files, columns, None)?;
        let superseded = Arc::new(mixed.superseded);
        plans.push(Arc::new(CurrentExec::new(read, superseded, sequence, asked.columns.len())?));
    }
    if let Some(tail) = tail(moment, asked)? {
        plans.push(tail);
    }
    match plans.len() {
        0 => memory(asked, Vec::new()),
        1 => Ok(plans.swap_remove(0)),
        _ => UnionExec::try_new(plans),
    }
}

/// A file as DataFusion knows it, with what is known of it without opening it.
fn described(moment: &Moment, asked: &Asked, file: &File) -> PartitionedFile {
    let mut statistics = Statistics::new_unknown(&asked.schema);
    statistics.num_rows = Precision::Exact(usize::try_from(file.rows).unwrap_or(usize::MAX));
    if let Ok(sequence) = asked.schema.index_of(SEQUENCE) {
        let bound = |at: u64| ScalarValue::Int64(i64::try_from(at).ok());
        statistics.column_statistics[sequence] = ColumnStatistics {
            null_count: Precision::Exact(0),
            min_value: Precision::Exact(bound(file.first)),
            max_value: Precision::Exact(bound(file.last)),
            ..ColumnStatistics::new_unknown()
        };
    }
    PartitionedFile::new(file.path.clone(), file.bytes)
        .with_extension(moment.readers.place(&file.path))
        .with_statistics(Arc::new(statistics))
}

/// Reads files.
fn files(
    moment: &Moment,
    asked: &Asked,
    files: Vec<PartitionedFile>,
    columns: Vec<usize>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let statistics = together(asked, &files);
    let source = ParquetSource::new(Arc::clone(&asked.schema))
        .with_table_parquet_options(TableParquetOptions::default())
        .with_parquet_file_reader_factory(Arc::new(moment.readers.clone()));
    // The name of a store that is never asked: files are opened by `Readers`.
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups(files, asked.partitions))
        .with_statistics(statistics)
        .with_projection_indices(Some(columns))?
        .with_limit(limit)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// What is known of several files: their rows, and their sequences from the first to the last.
fn together(asked: &Asked, files: &[PartitionedFile]) -> Statistics {
    let each = files.iter().filter_map(|file| file.statistics.as_deref());
    Statistics::try_merge_iter(each, &asked.schema)
        .unwrap_or_else(|_| Statistics::new_unknown(&asked.schema))
}

/// Files in their order, in groups of about as many bytes.
fn groups(files: Vec<PartitionedFile>, count: usize) -> Vec<FileGroup> {
    let total: u64 = files.iter().map(|file| file.object_meta.size).sum();
    let share = total.div_ceil(count.max(1) as u64).max(1);
    let mut groups: Vec<FileGroup> = Vec::new();
    let mut before = 0;
    for file in files {
        let bytes = file.object_meta.size;
        // A file goes where its middle falls.
        let group = usize::try_from((before + bytes / 2) / share).unwrap_or(usize::MAX);
        if groups.len() <= group || groups.is_empty() {
            groups.push(FileGroup::new(Vec::new()));
        }
        groups.last_mut().expect("one was pushed").push(file);
        before += bytes;
    }
    groups
}

/// The rows of the tail; `None` if it has none.
fn tail(moment: &Moment, asked: &Asked) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut superseded = Superseded::default();
    if asked.table.is_versioned() {
        let versions = Arc::clone(&moment.snapshot.superseded_in_tail);
        superseded.add(0, u64::MAX, versions);
    }
    let batches = moment.snapshot.tail.iter().flat_map(|rows| &rows.batches);
    let batches = batches.filter(|(table, _, batch)| *table == asked.table && batch.num_rows() > 0);
    let batches: Vec<RecordBatch> =
        batches.map(|(_, _, batch)| shown(asked, &superseded, batch)).collect::<Result<_>>()?;
    if batches.is_empty() {
        return Ok(None);
    }
    memory(asked, batches).map(Some)
}

/// A batch of the tail as a scan gives it.
fn shown(asked: &Asked, superseded: &Superseded, batch: &RecordBatch) -> Result<RecordBatch> {
    let mut batch = batch.clone();
    if !superseded.is_empty() {
        let sequence = batch.schema().index_of(SEQUENCE)?;
        batch = superseded.drop_from(batch, sequence)?;
    }
    let column = |index: &usize| -> Result<ArrayRef> {
        let field = asked.schema.field(*index);
        Ok(match batch.column_by_name(field.name()) {
            Some(column) => cast(column, field.data_type())?,
            None => new_null_array(field.data_type(), batch.num_rows()),
        })
    };
    let columns = asked.columns.iter().map(column).collect::<Result<_>>()?;
    let schema = Arc::new(asked.schema.project(&asked.columns)?);
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// Rows in memory.
fn memory(asked: &Asked, batches: Vec<RecordBatch>) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::new(asked.schema.project(&asked.columns)?);
    let source = MemorySourceConfig::try_new(&[batches], schema, None)?.with_limit(asked.limit);
    Ok(DataSourceExec::from_data_source(source))
}
