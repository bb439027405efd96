//! What a batch is read from: how its bytes are laid out, and what they say besides their orders.
//!
//! Never: a path. Whoever knows where the bytes are opens them, as often as they are asked to.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use domain::id::BatchId;
use messages::{Phrase, phrase};

use super::split::{self, Format, Header};
use crate::wire::csv::{HEADER_BYTES_MAX, Layout};

/// Bytes at the beginning that say what there is, where nothing else does.
const HEAD_BYTES: usize = 1 << 20;

/// How an input is laid out, as far as its name or its sender says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One JSON document: `{batchId, metadata, pricingRules, orders[]}`, or an array of orders.
    Document,
    /// One order a line.
    Lines,
    /// Rows below a header.
    Table,
}

/// What there is to run.
#[derive(Clone, Debug)]
pub struct Input {
    /// How it is cut into orders.
    pub format: Format,
    /// What it says besides them.
    pub header: Header,
}

impl Input {
    /// Looks at what `open` gives: what its sender says it is, or what its name and its beginning
    /// do.
    ///
    /// # Errors
    /// `InvalidData` when it is nothing of the kind, with the reason as a [`Phrase`].
    pub fn look<R: Read>(
        open: impl Fn() -> io::Result<R>,
        name: &str,
        kind: Option<Kind>,
    ) -> io::Result<Self> {
        let (kind, or_lines) = match kind {
            Some(kind) => (kind, false),
            None => sniff(&open, name)?,
        };
        let lines = || Self { format: Format::JsonLines, header: Header::default() };
        match kind {
            Kind::Lines => Ok(lines()),
            Kind::Document => match split::header(open()?) {
                Err(error) if or_lines && error.kind() == io::ErrorKind::InvalidData => Ok(lines()),
                header => Ok(Self { format: Format::Document, header: header? }),
            },
            Kind::Table => {
                let (layout, rows_at) = Layout::find(&head(&open, HEADER_BYTES_MAX + 64)?)
                    .map_err(|error| invalid(error.phrase()))?;
                let header = Header { orders_at: rows_at as u64, ..Header::default() };
                Ok(Self { format: Format::Table(Arc::new(layout)), header })
            }
        }
    }

    /// The id that the document itself says.
    ///
    /// # Errors
    /// `InvalidData` when what it says is no id.
    pub fn own_id(&self) -> io::Result<Option<BatchId>> {
        let Some(raw) = &self.header.batch_id else { return Ok(None) };
        let id: String =
            serde_json::from_slice(raw).map_err(|_| invalid(phrase!("input-id-text")))?;
        BatchId::parse(&id).map(Some).map_err(|_| invalid(phrase!("input-id-bytes")))
    }

    /// The metadata as a JSON text; empty when there is none.
    #[must_use]
    pub fn metadata(&self) -> String {
        let raw = self.header.metadata.as_deref().unwrap_or_default();
        String::from_utf8_lossy(raw).into_owned()
    }

    /// How it is laid out.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.format {
            Format::Table(_) => Kind::Table,
            Format::JsonLines => Kind::Lines,
            Format::Document => Kind::Document,
        }
    }
}

/// The hash of all bytes: what a file's batch is called.
///
/// # Errors
/// When they cannot be read.
pub fn content_id(mut input: impl Read) -> io::Result<BatchId> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut input, &mut hasher)?;
    let hash = hasher.finalize().to_hex();
    BatchId::parse(&hash[..32]).map_err(|_| io::Error::other("the content's hash is no name"))
}

/// What a file's name says it holds.
#[must_use]
pub fn named(name: &Path) -> Option<Kind> {
    let ending = name.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "csv" | "tsv" | "tab" => Some(Kind::Table),
        "jsonl" | "ndjson" => Some(Kind::Lines),
        _ => None,
    }
}

fn invalid(why: Phrase) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The first bytes of an input.
fn head<R: Read>(open: &impl Fn() -> io::Result<R>, bytes: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    open()?.take(bytes as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// What its name says; else one JSON document when its first line is not one whole order of its
/// own, rows when that is a header of orders, else JSON Lines. And whether a document may be lines
/// all the same, the first of them broken.
fn sniff<R: Read>(open: &impl Fn() -> io::Result<R>, name: &str) -> io::Result<(Kind, bool)> {
    if let Some(kind) = named(Path::new(name)) {
        return Ok((kind, false));
    }
    let head = head(open, HEAD_BYTES)?;
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
        return Ok((Kind::Table, false));
    }
    if !opens || is_order(first) {
        return Ok((Kind::Lines, false));
    }
    let is_next_order = lines.find(|line| !line.is_empty()).is_some_and(is_order);
    Ok((Kind::Document, is_next_order && first != b"["))
}
