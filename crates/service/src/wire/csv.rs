//! Orders as rows of a table: a header, one line an item; consecutive rows of one (merchant, order
//! id) are one order. Rows become the JSON document that the one reader of documents judges.
//!
//! The rules, all of them settled by the header: the separator is the one of comma, semicolon and
//! tab that stands in it; the decimal mark is a comma where the separator is a semicolon, and a
//! point elsewhere (see `csv/number.rs`). What could be read in two ways is a violation, never a guess.
//!
//! Never: a judgement about an order, a column that is silently dropped.

mod convert;
mod names;
mod number;
pub mod rows;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use self::names::Target;
use super::document::{self, Fault, Settings};
use messages::{Phrase, phrase};

pub use self::convert::Located;

/// Most bytes of a header: it is kept with every order.
pub const HEADER_BYTES_MAX: usize = 16 << 10;
/// Most columns: some hundred fields are known, the rest are attributes.
pub const COLUMNS_MAX: usize = 500;

/// A column that we write and never read: where a rejected row stood.
pub const LINE_COLUMN: &str = "comanda_line";
/// A column that we write and never read: what is wrong with a rejected row.
pub const FAULT_COLUMN: &str = "comanda_fault";

/// What a header says about the rows below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    header: Box<str>,
    separator: u8,
    columns: Vec<Column>,
    order_id: usize,
    merchant: Option<usize>,
    cnpj: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: Box<str>,
    target: Target,
}

/// Why a header is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Not UTF-8.
    #[error(
        "the header is not UTF-8; save the file as UTF-8, or convert it with \
         `iconv -f WINDOWS-1252 -t UTF-8`"
    )]
    NotUtf8,
    /// Longer than [`HEADER_BYTES_MAX`], or more than [`COLUMNS_MAX`] columns.
    #[error("the header is longer than {HEADER_BYTES_MAX} bytes or {COLUMNS_MAX} columns")]
    TooLarge,
    /// A quotation mark that does not end where a cell ends.
    #[error("the header's quotation marks do not pair")]
    BadQuotes,
    /// No comma, semicolon or tab.
    #[error("the header has no separator: comma, semicolon or tab")]
    NoSeparator,
    /// More than one of them.
    #[error("the header has more than one of comma, semicolon and tab: which one separates?")]
    AmbiguousSeparator,
    /// No column says the order's id.
    #[error("no column of the header is the order's id: order_id, orderId, orderid or id")]
    NoOrderId,
    /// Two columns for one thing.
    #[error("columns {0} and {1} of the header are the same field")]
    Twice(usize, usize),
    /// A column named like an object or a list.
    #[error("column '{0}' has parts; name the part, such as customer.name or address.city")]
    HasParts(Box<str>),
}

impl LayoutError {
    /// Why, for people.
    #[must_use]
    pub fn phrase(&self) -> Phrase {
        match self {
            Self::NotUtf8 => phrase!("input-header-utf8"),
            Self::TooLarge => phrase!(
                "input-header-large",
                bytes = HEADER_BYTES_MAX.to_string(),
                columns = COLUMNS_MAX.to_string(),
            ),
            Self::BadQuotes => phrase!("input-header-quotes"),
            Self::NoSeparator => phrase!("input-header-no-separator"),
            Self::AmbiguousSeparator => phrase!("input-header-separators"),
            Self::NoOrderId => phrase!("input-header-no-id"),
            Self::Twice(first, second) => phrase!(
                "input-header-twice",
                first = first.to_string(),
                second = second.to_string(),
            ),
            Self::HasParts(name) => phrase!("input-header-parts", name = &**name),
        }
    }
}

/// Which order a row belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Of this seller, where the row says, with this id.
    Of {
        /// The seller's column, or the company's CNPJ; empty when neither is filled in.
        merchant: Box<str>,
        /// The order's id; not empty.
        order: Box<str>,
    },
    /// It has neither an id nor anything else that is an order's: it goes with the row above.
    Above,
    /// It has no id that could be read.
    Unknown,
}

impl Layout {
    /// Reads a header: the first row of a file, without byte order mark and line end.
    ///
    /// # Errors
    /// [`LayoutError`] for bytes that are no header of orders.
    pub fn parse(header: &[u8]) -> Result<Self, LayoutError> {
        if header.len() > HEADER_BYTES_MAX {
            return Err(LayoutError::TooLarge);
        }
        let text = std::str::from_utf8(header).map_err(|_| LayoutError::NotUtf8)?;
        let separator = separator(text)?;
        let cells = rows::cells(header, separator).ok_or(LayoutError::BadQuotes)?;
        if cells.len() > COLUMNS_MAX {
            return Err(LayoutError::TooLarge);
        }
        let cells = cells.into_iter().map(|cell| rows::text(&text[cell]).into_owned());
        let columns = columns(cells)?;
        let at = |path: &[&str]| {
            columns.iter().position(|c| c.target.leaf().is_some_and(|leaf| leaf.path == path))
        };
        Ok(Self {
            order_id: at(&["order_id"]).ok_or(LayoutError::NoOrderId)?,
            merchant: at(&["merchant_id"]),
            cnpj: at(&["company", "cnpj"]),
            header: text.into(),
            separator,
            columns,
        })
    }

    /// Reads the header at the beginning of a file, behind a byte order mark and blank lines; and
    /// where the rows begin.
    ///
    /// # Errors
    /// [`LayoutError`] for bytes that do not begin with a header of orders.
    pub fn find(head: &[u8]) -> Result<(Self, usize), LayoutError> {
        let begin = head.strip_prefix(b"\xEF\xBB\xBF").map_or(0, |_| 3);
        let rest = head.get(begin..).unwrap_or_default();
        let blank = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let (begin, rest) = (begin + blank, rest.get(blank..).unwrap_or_default());
        let mut quoted = false;
        let end = rest.iter().position(|byte| {
            quoted ^= *byte == b'"';
            !quoted && matches!(byte, b'\r' | b'\n')
        });
        let end = end.unwrap_or(rest.len());
        let layout = Self::parse(rest.get(..end).unwrap_or_default())?;
        let line_end = match rest.get(end..).unwrap_or_default() {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        Ok((layout, begin + end + line_end))
    }

    /// The byte between cells.
    #[must_use]
    pub fn separator(&self) -> u8 {
        self.separator
    }

    /// How many of its columns, from the left, are the sender's: those of rejects end with ours.
    #[must_use]
    pub fn senders_columns(&self) -> usize {
        let own = self.columns.iter().rev().take_while(|c| c.target == Target::Ignored);
        self.columns.len() - own.count()
    }

    /// The header as it stands in the file.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Most bytes of one order's rows, so that they fit a document with the header.
    #[must_use]
    pub fn rows_bytes_max(&self) -> usize {
        crate::change::DOCUMENT_BYTES_MAX.saturating_sub(self.header.len() + 1)
    }

    /// What is kept of an order: the header and its rows, byte for byte.
    #[must_use]
    pub fn original(&self, rows: &[u8]) -> Bytes {
        [self.header.as_bytes(), b"\n", rows].concat().into()
    }

    /// Which order a row belongs to, by its cells.
    #[must_use]
    pub fn key(&self, row: &[u8], cells: &[Range<usize>]) -> Key {
        if cells.len() <= self.order_id {
            return Key::Unknown;
        }
        let cell = |at: usize| {
            let bytes = cells.get(at).and_then(|range| row.get(range.clone()));
            bytes.map_or(Some(Cow::Borrowed("")), |b| std::str::from_utf8(b).ok().map(rows::text))
        };
        let (Some(order), Some(merchant), Some(cnpj)) = (
            cell(self.order_id),
            self.merchant.map_or(Some("".into()), cell),
            self.cnpj.map_or(Some("".into()), cell),
        ) else {
            return Key::Unknown;
        };
        if !order.is_empty() {
            let merchant = if merchant.is_empty() { cnpj } else { merchant };
            return Key::Of { merchant: merchant.into(), order: order.into() };
        }
        let filled = |(at, column): (usize, &Column)| {
            let is_orders = matches!(column.target, Target::Order(_));
            is_orders && cell(at).is_none_or(|text| !text.is_empty())
        };
        if self.columns.iter().enumerate().any(filled) { Key::Unknown } else { Key::Above }
    }

    /// Reads an order from its rows.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with every violation, by the pointers of the JSON document.
    pub fn read(&self, rows: &[u8], settings: &Settings) -> Result<document::Read, Fault> {
        let converted = self.convert(rows);
        let read = document::read(&converted.json, settings);
        converted.judge(read)
    }
}

/// The header's separator: whichever of the three stands outside its quotation marks.
fn separator(header: &str) -> Result<u8, LayoutError> {
    let (mut quoted, mut found) = (false, None);
    for byte in header.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b',' | b';' | b'\t' if !quoted => match found {
                Some(other) if other != byte => return Err(LayoutError::AmbiguousSeparator),
                Some(_) | None => found = Some(byte),
            },
            _ => {}
        }
    }
    found.ok_or(LayoutError::NoSeparator)
}

fn columns(cells: impl Iterator<Item = String>) -> Result<Vec<Column>, LayoutError> {
    let mut columns: Vec<Column> = Vec::new();
    for (at, cell) in cells.enumerate() {
        let name = if cell.is_empty() { format!("column_{}", at + 1) } else { cell };
        let target = names::target(&name).map_err(|()| LayoutError::HasParts((*name).into()))?;
        let is_same = |column: &Column| match (&column.target, &target) {
            (Target::Ignored, _) | (_, Target::Ignored) => false,
            (Target::Unknown, Target::Unknown) => *column.name == *name,
            (one, other) => one == other,
        };
        if let Some(first) = columns.iter().position(is_same) {
            return Err(LayoutError::Twice(first + 1, at + 1));
        }
        columns.push(Column { name: name.into(), target });
    }
    Ok(columns)
}

/// A kept original as JSON: itself, or what its rows come to. What is neither stays as it is.
///
/// ```
/// use service::wire::csv::canonical;
/// let kept = b"order_id;sku;quantity;gift\no-1;PEN;2;yes";
/// let json = br#"{"gift":"yes","items":[{"product_id":"PEN","quantity":"2"}],"order_id":"o-1"}"#;
/// assert_eq!(*canonical(kept), json[..]);
/// assert_eq!(*canonical(json), json[..]);
/// ```
#[must_use]
pub fn canonical(original: &[u8]) -> Cow<'_, [u8]> {
    match table(original) {
        Some((layout, rows)) => Cow::Owned(layout.convert(rows).json),
        None => Cow::Borrowed(original),
    }
}

/// Where in a kept original a violation is; `None` where that is JSON, or nowhere in particular.
#[must_use]
pub fn locate(original: &[u8], pointer: &str, code: &str) -> Option<Located> {
    let (layout, rows) = table(original)?;
    layout.convert(rows).locate(&layout, pointer, code)
}

/// The header and rows of an original that is a table.
#[must_use]
pub fn table(original: &[u8]) -> Option<(Layout, &[u8])> {
    let is_json = matches!(original.trim_ascii_start().first(), Some(b'{' | b'[') | None);
    let end = memchr::memchr(b'\n', original).filter(|_| !is_json)?;
    let layout = Layout::parse(original.get(..end)?).ok()?;
    Some((layout, original.get(end + 1..)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
