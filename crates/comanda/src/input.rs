//! What a batch is read from: a file, how it is laid out, and what it says besides its orders.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::id::BatchId;
use messages::{Phrase, phrase};
use service::batch::split;
use service::wire::csv::{HEADER_BYTES_MAX, Layout};
use web::batches::Format;

/// What there is to run.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) format: split::Format,
    pub(crate) header: split::Header,
}

impl Input {
    /// Looks at a file: what it says it is, or what its name and its beginning do.
    ///
    /// # Errors
    /// `InvalidData` when it is nothing of the kind, with the reason.
    pub(crate) fn look(path: &Path, format: Option<Format>) -> io::Result<Self> {
        let (format, or_lines) = match format {
            Some(format) => (format, false),
            None => sniff(path)?,
        };
        let lines = || Self {
            path: path.to_owned(),
            format: split::Format::JsonLines,
            header: split::Header::default(),
        };
        match format {
            Format::JsonLines => Ok(lines()),
            Format::JsonDocument => match split::header(File::open(path)?) {
                Err(error) if or_lines && error.kind() == io::ErrorKind::InvalidData => Ok(lines()),
                header => Ok(Self { format: split::Format::Document, header: header?, ..lines() }),
            },
            Format::Table => {
                let (layout, rows_at) = Layout::find(&head(path, HEADER_BYTES_MAX + 64)?)
                    .map_err(|error| invalid(error.phrase()))?;
                let header = split::Header { orders_at: rows_at as u64, ..Default::default() };
                Ok(Self { format: split::Format::Table(Arc::new(layout)), header, ..lines() })
            }
        }
    }

    /// The document's own id, else the content's hash.
    pub(crate) fn id(&self) -> io::Result<BatchId> {
        if let Some(raw) = &self.header.batch_id {
            let id: String =
                serde_json::from_slice(raw).map_err(|_| invalid(phrase!("input-id-text")))?;
            return BatchId::parse(&id).map_err(|_| invalid(phrase!("input-id-bytes")));
        }
        self.content_id()
    }

    /// The content's hash: what a file's batch is called.
    pub(crate) fn content_id(&self) -> io::Result<BatchId> {
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut File::open(&self.path)?, &mut hasher)?;
        let hash = hasher.finalize().to_hex();
        BatchId::parse(&hash[..32]).map_err(|_| io::Error::other("the content's hash is no name"))
    }

    /// The metadata as a JSON text; empty when there is none.
    pub(crate) fn metadata(&self) -> String {
        let raw = self.header.metadata.as_deref().unwrap_or_default();
        String::from_utf8_lossy(raw).into_owned()
    }
}

fn invalid(why: Phrase) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The first bytes of a file.
fn head(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(bytes as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// What a file's name says it holds.
pub(crate) fn named(name: &Path) -> Option<Format> {
    let ending = name.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "csv" | "tsv" | "tab" => Some(Format::Table),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        _ => None,
    }
}

/// What its name says; else one JSON document when its first line is not one whole order of its
/// own, rows when that is a header of orders, else JSON Lines. And whether a document may be lines
/// all the same, the first of them broken.
fn sniff(path: &Path) -> io::Result<(Format, bool)> {
    if let Some(format) = named(path) {
        return Ok((format, false));
    }
    let head = head(path, 1 << 20)?;
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    let is_order = |line: &[u8]| {
        let whole = serde_json::from_slice::<serde_json::Value>(line);
        let is_frame = |v: &serde_json::Value| v.get("orders").or(v.get("batchId")).is_some();
        whole.is_ok_and(|v| v.is_object() && !is_frame(&v))
    };
    let mut lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    let opens = matches!(first.first(), Some(b'{' | b'['));
    if !opens && Layout::find(text.get(..HEADER_BYTES_MAX).unwrap_or(text)).is_ok() {
        return Ok((Format::Table, false));
    }
    if !opens || is_order(first) {
        return Ok((Format::JsonLines, false));
    }
    let is_next_order = lines.find(|line| !line.is_empty()).is_some_and(is_order);
    Ok((Format::JsonDocument, is_next_order && first != b"["))
}
