//! Rows into files: the segments of a flush.
//!
//! Never: a superseded version where it is known to be one, a file that is named before it is
//! whole.

use std::collections::BTreeMap;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use roaring::RoaringTreemap;

use crate::error::Error;
use crate::manifest::{File, Segment};
use crate::rows::{Day, sequences};
use crate::snapshot::Files;
use crate::table::{Kind, Table};
use crate::tail::Sealed;

/// Rows of a row group: two scan a file side by side once it is half full, and statistics tell
/// groups apart.
const ROW_GROUP_ROWS: usize = 128 << 10;
/// What is gathered before a part of a file goes to the store: S3 takes no part below 5 MiB.
const PART_BYTES: usize = 8 << 20;
/// Parts of a file under way at once.
const PARTS: usize = 2;
/// Bytes of values beyond which a dictionary of a word is given up.
const DICTIONARY_BYTES_MAX: usize = 256 << 10;

/// What tells files of one stretch apart that were written at different times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The manifest that they are written for.
    pub version: u64,
    /// Who writes them.
    pub writer: String,
}

impl Generation {
    fn path(&self, folder: &str, day: &str, from: u64, until: u64, kind: &str) -> String {
        let Self { version, writer } = self;
        format!("{folder}/dt={day}/{from:020}-{until:020}.{version}-{writer}.{kind}")
    }

    /// Where a table's file of a segment goes.
    #[must_use]
    pub fn file(&self, table: Table, day: &str, from: u64, until: u64) -> String {
        self.path(table.name(), day, from, until, "parquet")
    }

    /// Where a segment's set of superseded versions goes: beside its orders.
    #[must_use]
    pub fn superseded(&self, segment: &Segment) -> String {
        let Segment { day, from, until, .. } = segment;
        self.path(Table::Orders.name(), day, *from, *until, "superseded")
    }
}

/// Writes sealed rows as segments, one a day. Rows that others of them supersede are left out.
///
/// # Errors
/// [`Error`]; whatever was written then is named by no manifest.
pub async fn write(
    files: &Files,
    sealed: &Sealed,
    generation: &Generation,
) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::new();
    for part in parts(sealed)? {
        let Part { day, from, until, tables } = part;
        let day = day.name();
        let mut written = BTreeMap::new();
        for (table, batches) in tables {
            let path = generation.file(table, &day, from, until);
            let mut writer = TableWriter::new(files, table, path);
            for batch in batches {
                let current = current(table, batch, &sealed.superseded)?;
                writer.write(&current).await?;
            }
            if let Some(file) = writer.finish().await? {
                written.insert(table.name().to_owned(), file);
            }
        }
        if !written.is_empty() {
            segments.push(Segment { day, from, until, files: written, superseded: None });
        }
    }
    Ok(segments)
}

/// What becomes a segment.
struct Part<'a> {
    day: Day,
    from: u64,
    until: u64,
    tables: BTreeMap<Table, Vec<&'a RecordBatch>>,
}

/// Rows by the day that they fell on. The log's clock never goes back: a day is one stretch.
fn parts(sealed: &Sealed) -> Result<Vec<Part<'_>>, Error> {
    let mut days: BTreeMap<Day, Part<'_>> = BTreeMap::new();
    for (table, day, batch) in sealed.rows.iter().flat_map(|rows| &rows.batches) {
        let (Some(first), Some(last)) = ends(batch)? else { continue };
        let part = days.entry(*day).or_insert_with(|| Part {
            day: *day,
            from: first - 1,
            until: last,
            tables: BTreeMap::new(),
        });
        part.from = part.from.min(first - 1);
        part.until = part.until.max(last);
        part.tables.entry(*table).or_default().push(batch);
    }
    let mut parts: Vec<Part<'_>> = days.into_values().collect();
    let mut from = sealed.from;
    for part in &mut parts {
        if part.from < from {
            return Err(Error::Order { day: part.day.name() });
        }
        part.from = from;
        from = part.until;
    }
    if let Some(last) = parts.last_mut() {
        last.until = sealed.until;
    }
    Ok(parts)
}

/// The first and last sequence of a batch.
fn ends(batch: &RecordBatch) -> Result<(Option<u64>, Option<u64>), Error> {
    let sequences = sequences(batch)?;
    Ok((sequences.first().map(|s| *s as u64), sequences.last().map(|s| *s as u64)))
}

/// The rows of a batch that are not superseded.
///
/// # Errors
/// [`Error::Rows`] when it is no table of the lake.
pub(crate) fn current(
    table: Table,
    batch: &RecordBatch,
    superseded: &RoaringTreemap,
) -> Result<RecordBatch, Error> {
    if !table.is_versioned() || superseded.is_empty() {
        return Ok(batch.clone());
    }
    let (Some(first), Some(last)) = ends(batch)? else { return Ok(batch.clone()) };
    if superseded.range_cardinality(first..=last) == 0 {
        return Ok(batch.clone());
    }
    let kept = sequences(batch)?.iter().map(|sequence| !superseded.contains(*sequence as u64));
    let kept = BooleanArray::from(kept.collect::<Vec<_>>());
    Ok(filter_record_batch(batch, &kept)?)
}

/// Writes one file of a table; none at all when there is no row.
pub(crate) struct TableWriter<'a> {
    files: &'a Files,
    table: Table,
    path: String,
    open: Option<AsyncArrowWriter<BufWriter>>,
    rows: u64,
    first: u64,
    last: u64,
}

impl<'a> TableWriter<'a> {
    pub(crate) fn new(files: &'a Files, table: Table, path: String) -> Self {
        Self { files, table, path, open: None, rows: 0, first: 0, last: 0 }
    }

    /// Adds rows, which follow those before.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let (Some(first), Some(last)) = ends(batch)? else { return Ok(()) };
        if self.open.is_none() {
            self.first = first;
            self.open = Some(self.start(batch.schema())?);
        }
        (self.last, self.rows) = (last, self.rows + batch.num_rows() as u64);
        let Some(writer) = &mut self.open else { return Ok(()) };
        let written = writer.write(batch).await;
        if written.is_err() {
            self.give_up().await;
        }
        Ok(written?)
    }

    fn start(&self, schema: SchemaRef) -> Result<AsyncArrowWriter<BufWriter>, Error> {
        let properties = properties(self.table, &schema);
        let (store, path) = (self.files.store.clone(), self.files.path(&self.path));
        let out = BufWriter::with_capacity(store, path, PART_BYTES).with_max_concurrency(PARTS);
        Ok(AsyncArrowWriter::try_new(out, schema, Some(properties))?)
    }

    /// Parts of a file that are in the store already cost money until they are taken back.
    async fn give_up(&mut self) {
        if let Some(writer) = self.open.take()
            && let Err(error) = writer.into_inner().abort().await
        {
            tracing::debug!(%error, "parts of a file may be left in the lake's store");
        }
    }

    /// The file, whole and durable; `None` when there was no row.
    pub(crate) async fn finish(mut self) -> Result<Option<File>, Error> {
        let Some(writer) = &mut self.open else { return Ok(None) };
        writer.finish().await?;
        let bytes = writer.bytes_written() as u64;
        let Self { path, rows, first, last, .. } = self;
        Ok(Some(File { path, rows, bytes, first, last }))
    }
}

/// How a table's file is laid out.
fn properties(table: Table, schema: &SchemaRef) -> WriterProperties {
    let texts = table.columns().iter().filter(|column| column.kind == Kind::Text);
    let texts: Vec<&str> = texts.map(|column| column.name).collect();
    let mut properties = WriterProperties::builder()
        .set_created_by("comanda".to_owned())
        // The quickest level: intake has the same processors.
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_enabled(false)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX);
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        properties = match field.data_type() {
            // Those whose values repeat; a dictionary that grows too large is given up by itself.
            DataType::Utf8 if !texts.contains(&field.name().as_str()) => {
                properties.set_column_dictionary_enabled(path, true)
            }
            // Both grow with the log, or nearly: what is written is by how much.
            DataType::Int64 | DataType::Timestamp(..) => {
                properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            }
            _ => properties,
        };
    }
    let sorted = schema.index_of("sequence").ok().and_then(|at| i32::try_from(at).ok());
    let sorted = sorted.map(|column_idx| {
        vec![SortingColumn { column_idx, descending: false, nulls_first: false }]
    });
    properties.set_sorting_columns(sorted).build()
}
