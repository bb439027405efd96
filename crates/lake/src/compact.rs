//! Compaction: which segments become one, and how. Rows of several files that follow each other
//! are one file after the other: by sequence they are sorted already.
//!
//! Never: a whole file in memory, a wait of a flush for more than one batch of rows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStream};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use roaring::RoaringTreemap;
use tokio::sync::Mutex;

use crate::error::Error;
use crate::manifest::{File, Manifest, Segment};
use crate::segment::{Generation, TableWriter, current};
use crate::snapshot::Files;
use crate::table::Table;
use crate::tail::{Committed, Superseded};

/// So many segments of a size become one: each row is written again once for each size, and a day
/// has at most so many segments of each.
const FAN_IN: usize = 8;
/// Segments below this are all of the smallest size; the next size is [`FAN_IN`] times as large.
const SMALLEST_BYTES: u64 = 1 << 20;
/// A segment of this size is not merged any more: large enough to be read in long stretches, small
/// enough to be rewritten when much of it is superseded.
const LARGE_BYTES: u64 = 256 << 20;
/// A segment of whose versions more than so many per cent are superseded is written anew.
const SUPERSEDED_PERCENT: u64 = 30;
/// Rows that are read at once.
const BATCH_ROWS: usize = 8_192;
/// Most segments in one go: each keeps a file open for every table in turn, and its rows are all
/// read again if it fails.
const SEGMENTS_MAX: usize = 64;
/// What is read of a file's end at first: its footer, nearly always.
const FOOTER_BYTES: usize = 64 << 10;

/// Segments that become one.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The segments, neighbours of one day.
    pub segments: Vec<Segment>,
    /// Which of their versions are left out.
    pub superseded: Vec<Superseded>,
    /// What the new files are called after.
    pub generation: Generation,
}

/// The segments to merge next, the smallest first; nothing when all is as it should be. `today` is
/// the day that is still being added to.
#[must_use]
pub fn choose(committed: &Committed, today: &str) -> Option<Range<usize>> {
    let segments = &committed.manifest.segments;
    let mut best: Option<(u64, Range<usize>)> = None;
    let mut from = 0;
    for day in segments.chunk_by(|a, b| a.day == b.day) {
        let is_over = day.first().is_some_and(|segment| *segment.day < *today);
        let found = if is_over { rest_of_day(day) } else { None };
        if let Some(found) = found.or_else(|| same_size(day)).or_else(|| outdated(day, is_over)) {
            let bytes = day[found.clone()].iter().map(Segment::bytes).sum();
            if best.as_ref().is_none_or(|(least, _)| bytes < *least) {
                best = Some((bytes, found.start + from..found.end + from));
            }
        }
        from += day.len();
    }
    best.map(|(_, found)| found)
}

/// The size of a segment: how often [`FAN_IN`] of the smallest make it.
fn size(segment: &Segment) -> u32 {
    (segment.bytes() / SMALLEST_BYTES).checked_ilog(FAN_IN as u64).map_or(0, |size| size + 1)
}

/// Neighbours of about one size, as soon as there are enough of them.
fn same_size(day: &[Segment]) -> Option<Range<usize>> {
    (0..=size_of_large()).find_map(|most| {
        let fits = |segment: &Segment| segment.bytes() < LARGE_BYTES && size(segment) <= most;
        let run = runs(day, fits).find(|run| run.len() >= FAN_IN)?;
        Some(run.start..run.start + FAN_IN)
    })
}

fn size_of_large() -> u32 {
    (LARGE_BYTES / SMALLEST_BYTES).ilog(FAN_IN as u64) + 1
}

/// Of a day that is over all that is small becomes one.
fn rest_of_day(day: &[Segment]) -> Option<Range<usize>> {
    let run = runs(day, |segment| segment.bytes() < LARGE_BYTES).find(|run| run.len() > 1)?;
    let (mut bytes, mut count) = (0, 0);
    for segment in &day[run.clone()] {
        bytes += segment.bytes();
        if count > 1 && bytes > LARGE_BYTES || count == SEGMENTS_MAX {
            break;
        }
        count += 1;
    }
    Some(run.start..run.start + count)
}

/// A segment much of which is superseded. A small one of today is merged soon anyway.
fn outdated(day: &[Segment], is_over: bool) -> Option<Range<usize>> {
    let is_outdated = |segment: &Segment| {
        let versioned = [Table::Orders, Table::Batches];
        let rows = versioned.iter().filter_map(|table| segment.files.get(table.name()));
        let rows: u64 = rows.map(|file| file.rows).sum();
        let superseded = segment.superseded.as_ref().map_or(0, |set| set.versions);
        let is_worth = is_over || segment.bytes() >= SMALLEST_BYTES;
        is_worth && superseded * 100 > rows * SUPERSEDED_PERCENT
    };
    let at = day.iter().position(is_outdated)?;
    Some(at..at + 1)
}

/// Stretches of neighbours that fit.
fn runs(day: &[Segment], fits: impl Fn(&Segment) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let of = day.chunk_by(move |a, b| fits(a) && fits(b));
    of.map(move |run| {
        let found = at..at + run.len();
        at = found.end;
        found
    })
}

impl Merge {
    /// What `range` of the segments comes to as one.
    #[must_use]
    pub fn of(committed: &Committed, range: Range<usize>, generation: Generation) -> Self {
        let Manifest { segments, .. } = &*committed.manifest;
        let superseded = committed.superseded[range.clone()].to_vec();
        Self { segments: segments[range].to_vec(), superseded, generation }
    }

    /// Writes the one segment; `None` when nothing of them is left. Between two batches of rows
    /// it waits for `turn`: whoever is more urgent holds it.
    ///
    /// # Errors
    /// [`Error`]; whatever was written then is named by no manifest.
    pub async fn write(&self, files: &Files, turn: &Mutex<()>) -> Result<Option<Segment>, Error> {
        let (Some(first), Some(last)) = (self.segments.first(), self.segments.last()) else {
            return Ok(None);
        };
        let (day, from, until) = (first.day.clone(), first.from, last.until);
        let mut written = BTreeMap::new();
        for table in Table::ALL {
            let path = self.generation.file(table, &day, from, until);
            let mut writer = TableWriter::new(files, table, path);
            self.table(files, turn, table, &mut writer).await?;
            if let Some(file) = writer.finish().await? {
                written.insert(table.name().to_owned(), file);
            }
        }
        let segment = Segment { day, from, until, files: written, superseded: None };
        Ok((!segment.files.is_empty()).then_some(segment))
    }

    async fn table(
        &self,
        files: &Files,
        turn: &Mutex<()>,
        table: Table,
        writer: &mut TableWriter<'_>,
    ) -> Result<(), Error> {
        let nothing = RoaringTreemap::new();
        let all = self.segments.iter().zip(&self.superseded);
        let all = all.filter_map(|(segment, set)| Some((segment.files.get(table.name())?, set)));
        // The newest file has all columns that there are.
        let Some((newest, _)) = all.clone().next_back() else { return Ok(()) };
        let schema = read(files, newest).await?.schema().clone();
        for (file, superseded) in all {
            let superseded = superseded.as_deref().unwrap_or(&nothing);
            let mut rows = read(files, file).await?;
            while let Some(batch) = rows.next().await {
                let _turn = turn.lock().await;
                let batch = current(table, &batch?, superseded)?;
                writer.write(&widened(&batch, &schema)?).await?;
            }
        }
        Ok(())
    }
}

/// The rows of a file, in order.
///
/// # Errors
/// [`Error`] when the file cannot be read or is no Parquet file.
pub async fn read(
    files: &Files,
    file: &File,
) -> Result<ParquetRecordBatchStream<FileReader>, Error> {
    let (store, path) = (files.store.clone(), files.path(&file.path));
    let reader = FileReader { store, path, bytes: file.bytes };
    let rows = ParquetRecordBatchStreamBuilder::new(reader).await?;
    Ok(rows.with_batch_size(BATCH_ROWS).build()?)
}

/// A batch with the columns that its table has later on: those that it lacks are null.
fn widened(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let columns = schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => column.clone(),
        None => new_null_array(field.data_type(), batch.num_rows()),
    });
    Ok(RecordBatch::try_new(schema.clone(), columns.collect())?)
}

/// A file of the lake, read in parts.
pub struct FileReader {
    store: Arc<dyn object_store::ObjectStore>,
    path: Path,
    bytes: u64,
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let failed = |error| ParquetError::External(Box::new(error));
        Box::pin(async move { self.store.get_range(&self.path, range).await.map_err(failed) })
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let failed = |error| ParquetError::External(Box::new(error));
        Box::pin(async move { self.store.get_ranges(&self.path, &ranges).await.map_err(failed) })
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        Box::pin(async move {
            let bytes = self.bytes;
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_BYTES));
            Ok(Arc::new(reader.load_and_finish(self, bytes).await?))
        })
    }
}
