//! Reads a lake's Parquet files for DataFusion: ranges by the object store, footers from memory.
//!
//! Files of a lake never change, so a footer that was read is right for ever.
//! Never: a listing, a write, a file that no manifest names.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lake::snapshot::Files;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

/// Most bytes of footers kept: some ten thousand files', as their footers take a few KiB.
const FOOTER_BYTES_MAX: usize = 64 << 20;

/// How much of a file's end is read at first: footer and page index of most files, in one read.
const FOOTER_HINT: usize = 64 << 10;

/// Footers that were read, oldest first out.
#[derive(Debug, Default)]
pub(crate) struct Footers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_path: HashMap<Path, Arc<ParquetMetaData>>,
    oldest_first: VecDeque<Path>,
    bytes: usize,
}

impl Footers {
    fn get(&self, path: &Path) -> Option<Arc<ParquetMetaData>> {
        self.kept.lock().by_path.get(path).cloned()
    }

    fn put(&self, path: &Path, footer: &Arc<ParquetMetaData>) {
        let mut kept = self.kept.lock();
        if kept.by_path.insert(path.clone(), Arc::clone(footer)).is_none() {
            kept.oldest_first.push_back(path.clone());
            kept.bytes += footer.memory_size();
        }
        while kept.bytes > FOOTER_BYTES_MAX
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            if let Some(gone) = kept.by_path.remove(&oldest) {
                kept.bytes -= gone.memory_size();
            }
        }
    }
}

/// Where a scan's file is, kept with DataFusion's own name of it.
#[derive(Clone, Debug)]
pub(crate) struct Place(pub(crate) Path);

/// Opens the files of a lake.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    files: Files,
    footers: Arc<Footers>,
}

impl Readers {
    /// Of files, with footers that were read before.
    pub(crate) fn new(files: Files, footers: Arc<Footers>) -> Self {
        Self { files, footers }
    }

    /// Where a path of the manifest is.
    pub(crate) fn place(&self, path: &str) -> Place {
        Place(self.files.path(path))
    }
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        _: usize,
        file: PartitionedFile,
        _: Option<usize>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let Some(Place(path)) = file.extension::<Place>().cloned() else {
            return Err(DataFusionError::Internal("a file that is not of the lake".to_owned()));
        };
        let bytes = file.object_meta.size;
        Ok(Box::new(Reader { readers: self.clone(), path, bytes }))
    }
}

/// One file.
struct Reader {
    readers: Readers,
    path: Path,
    bytes: u64,
}

fn failed(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move { self.readers.files.store.get_range(&self.path, range).await.map_err(failed) }
            .boxed()
    }

    // One call for all ranges of a row group: the store reads them one after the other on one
    // blocking thread, or joins close ones into one request.
    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move { self.readers.files.store.get_ranges(&self.path, &ranges).await.map_err(failed) }
            .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            if let Some(footer) = self.readers.footers.get(&self.path) {
                return Ok(footer);
            }
            let (path, bytes) = (self.path.clone(), self.bytes);
            let footers = Arc::clone(&self.readers.footers);
            // With the page index, so that nobody has to come back for it.
            let footer = ParquetMetaDataReader::new()
                .with_page_index_policy(PageIndexPolicy::Optional)
                .with_prefetch_hint(Some(FOOTER_HINT))
                .load_and_finish(self, bytes)
                .await?;
            let footer = Arc::new(footer);
            footers.put(&path, &footer);
            Ok(footer)
        }
        .boxed()
    }
}
