//! Where rows and cells end (RFC 4180), strictly: a quoted cell that does not end where a cell
//! ends is a fault of its line, so that a lost quotation mark swallows no neighbour.
//!
//! Never: a copy, a look beyond [`ROW_BYTES_MAX`].

use std::borrow::Cow;
use std::ops::Range;

/// Most bytes of one row: what is longer has lost a quotation mark, or is no order.
pub const ROW_BYTES_MAX: usize = 128 << 10;

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// A row of so many bytes, and as many with its line end.
    Whole {
        /// Without the line end.
        len: usize,
        /// With it.
        next: usize,
    },
    /// A line with faulty quotation marks.
    Faulty {
        /// Without the line end.
        len: usize,
        /// With it.
        next: usize,
    },
    /// A blank line.
    Blank {
        /// With its line end.
        next: usize,
    },
    /// More bytes are needed to tell.
    Partial,
    /// A single line longer than a row may be.
    TooLong,
}

/// Looks at the row that begins where `bytes` do, and notes its cells. `ended` when nothing
/// follows them.
pub fn row(bytes: &[u8], separator: u8, ended: bool, cells: &mut Vec<Range<usize>>) -> Row {
    cells.clear();
    let sight = bytes.get(..ROW_BYTES_MAX).unwrap_or(bytes);
    let is_all = ended && sight.len() == bytes.len();
    let more = || if sight.len() == ROW_BYTES_MAX { line(bytes, ended) } else { Row::Partial };
    let mut at = 0;
    loop {
        let begin = at;
        let end = match sight.get(at) {
            Some(b'"') => quoted(sight, at),
            Some(_) | None => plain(sight, at, separator),
        };
        at = match end {
            End::At(end) => end,
            End::OutOfSight if is_all && sight.get(begin) != Some(&b'"') => sight.len(),
            End::OutOfSight if is_all => return line(bytes, ended),
            End::OutOfSight => return more(),
        };
        cells.push(begin..at);
        match sight.get(at) {
            Some(byte) if *byte == separator => at += 1,
            Some(b'\n') => return whole(cells, sight, at, at + 1),
            Some(b'\r') => match sight.get(at + 1) {
                Some(b'\n') => return whole(cells, sight, at, at + 2),
                None if !is_all => return more(),
                Some(_) | None => return whole(cells, sight, at, at + 1),
            },
            None if is_all => return whole(cells, sight, at, at),
            None => return more(),
            // Something follows a closing quotation mark.
            Some(_) => return line(bytes, ended),
        }
    }
}

fn whole(cells: &[Range<usize>], sight: &[u8], len: usize, next: usize) -> Row {
    let is_empty = |cell: &Range<usize>| {
        sight.get(cell.clone()).is_none_or(|cell| cell.iter().all(u8::is_ascii_whitespace))
    };
    // Spreadsheets leave rows of separators behind.
    if cells.iter().all(is_empty) { Row::Blank { next } } else { Row::Whole { len, next } }
}

/// The first line of what is no row.
fn line(bytes: &[u8], ended: bool) -> Row {
    match memchr::memchr(b'\n', bytes) {
        Some(at) if at > ROW_BYTES_MAX => Row::TooLong,
        Some(at) => {
            let is_crlf = at > 0 && bytes.get(at - 1) == Some(&b'\r');
            Row::Faulty { len: at - usize::from(is_crlf), next: at + 1 }
        }
        None if bytes.len() > ROW_BYTES_MAX => Row::TooLong,
        None if ended => Row::Faulty { len: bytes.len(), next: bytes.len() },
        None => Row::Partial,
    }
}

enum End {
    At(usize),
    OutOfSight,
}

fn plain(sight: &[u8], begin: usize, separator: u8) -> End {
    let rest = sight.get(begin..).unwrap_or_default();
    memchr::memchr3(separator, b'\n', b'\r', rest).map_or(End::OutOfSight, |at| End::At(begin + at))
}

/// Behind the closing quotation mark of the cell that begins at `begin`.
fn quoted(sight: &[u8], begin: usize) -> End {
    let mut at = begin + 1;
    while let Some(mark) = memchr::memchr(b'"', sight.get(at..).unwrap_or_default()) {
        match sight.get(at + mark + 1) {
            Some(b'"') => at += mark + 2,
            Some(_) => return End::At(at + mark + 1),
            // It may be the first of two.
            None => return End::At(sight.len()),
        }
    }
    End::OutOfSight
}

/// The cells of one whole row without its line end; `None` when its quotation marks are faulty.
#[must_use]
pub fn cells(row_bytes: &[u8], separator: u8) -> Option<Vec<Range<usize>>> {
    let mut cells = Vec::new();
    match row(row_bytes, separator, true, &mut cells) {
        Row::Whole { len, .. } if len == row_bytes.len() => Some(cells),
        Row::Whole { .. }
        | Row::Faulty { .. }
        | Row::Blank { .. }
        | Row::Partial
        | Row::TooLong => None,
    }
}

/// The text of a cell: without quotation marks, and without blanks around it.
#[must_use]
pub fn text(cell: &str) -> Cow<'_, str> {
    let Some(inner) = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')) else {
        return Cow::Borrowed(cell.trim());
    };
    if inner.contains('"') {
        return Cow::Owned(inner.replace("\"\"", "\"").trim().to_owned());
    }
    Cow::Borrowed(inner.trim())
}

/// A text as a cell: between quotation marks where it has to be.
#[must_use]
pub fn cell(text: &str, separator: u8) -> Cow<'_, str> {
    let special = |b: u8| b == separator || matches!(b, b'"' | b'\n' | b'\r');
    if text.bytes().any(special) {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    Cow::Borrowed(text)
}
