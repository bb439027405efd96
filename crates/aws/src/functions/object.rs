//! Objects of the bucket as whoever does blocking work reads and writes them: by ranges, in parts,
//! never whole in memory.
//!
//! Never: two versions of an object read as one. Ranges are asked for by the object's tag.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{Attribute, Attributes, Error, GetOptions, GetRange, ObjectStore};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;

/// Bytes asked for at once: enough to keep a line busy, and little beside a function's memory.
const RANGE_BYTES: u64 = 8 << 20;
/// How often a range is asked for, with pauses between; then whoever reads starts again later.
const ATTEMPTS_MAX: u32 = 4;
/// The first pause; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(200);

/// An object as it is now.
#[derive(Clone, Debug)]
pub struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// Its length in bytes.
    pub size: u64,
    /// What this version of it is called.
    pub tag: Option<String>,
}

impl Object {
    /// The object at `path`; `None` when there is none. A bucket that denies saying so counts as
    /// one without it, as it does for roles that may not list.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn find(store: &Arc<dyn ObjectStore>, path: Path) -> Result<Option<Self>, Error> {
        match store.get_opts(&path, GetOptions { head: true, ..GetOptions::default() }).await {
            Ok(found) => {
                let (size, tag) = (found.meta.size, found.meta.e_tag);
                Ok(Some(Self { store: store.clone(), path, size, tag }))
            }
            Err(Error::NotFound { .. } | Error::PermissionDenied { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads it from its beginning, on a thread that may block; calls are made on `runtime`.
    #[must_use]
    pub fn reader(&self, runtime: &Handle) -> Reader {
        Reader { object: self.clone(), runtime: runtime.clone(), at: 0, rest: Bytes::new() }
    }

    async fn range(&self, from: u64, until: u64) -> Result<Bytes, Error> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let options = GetOptions {
                range: Some(GetRange::Bounded(from..until)),
                if_match: self.tag.clone(),
                ..GetOptions::default()
            };
            let read = async { self.store.get_opts(&self.path, options).await?.bytes().await };
            match read.await {
                Err(Error::Generic { .. }) if attempt < ATTEMPTS_MAX => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                read => return read,
            }
        }
        unreachable!("the last attempt is answered")
    }
}

/// Reads an object range by range.
#[derive(Debug)]
pub struct Reader {
    object: Object,
    runtime: Handle,
    at: u64,
    rest: Bytes,
}

impl Read for Reader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            let until = self.at.saturating_add(RANGE_BYTES).min(self.object.size);
            if self.at >= until {
                return Ok(0);
            }
            self.rest =
                self.runtime.block_on(self.object.range(self.at, until)).map_err(|error| {
                    match error {
                        Error::Precondition { .. } | Error::NotFound { .. } => overtaken(),
                        error => io::Error::other(error),
                    }
                })?;
            self.at = until;
        }
        let count = to.len().min(self.rest.len());
        self.rest.copy_to_slice(to.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

/// What reading an object says that has become another, or none.
fn overtaken() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the object has become another meanwhile")
}

/// Writes an object part by part; it is there once it is finished.
pub struct Writer {
    writer: BufWriter,
    runtime: Handle,
}

impl Writer {
    /// An object at `path`, written on a thread that may block.
    #[must_use]
    pub fn new(
        store: &Arc<dyn ObjectStore>,
        path: Path,
        media_type: &'static str,
        runtime: &Handle,
    ) -> Self {
        let attributes = Attributes::from_iter([(Attribute::ContentType, media_type)]);
        let writer = BufWriter::new(store.clone(), path).with_attributes(attributes);
        Self { writer, runtime: runtime.clone() }
    }

    /// Waits until it is there.
    ///
    /// # Errors
    /// When the store did not take it.
    pub fn finish(mut self) -> io::Result<()> {
        self.runtime.block_on(self.writer.shutdown())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = Bytes::copy_from_slice(bytes);
        self.runtime.block_on(self.writer.put(part)).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
