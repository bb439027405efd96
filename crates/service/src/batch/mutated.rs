//! A batch is cut into the same items however its bytes arrive, and they are what is there.

use std::io::Read;
use std::sync::Arc;

use domain::id::MerchantId;
use serde_json::value::RawValue;

use super::split::{Format, Prefix, Splitter, header};
use crate::wire::csv::{Layout, canonical};
use crate::wire::document;

/// Gives out a few bytes a read, as a slow sender would.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(7);
        self.0.read(&mut into[..most])
    }
}

/// The items and the content's hash; nothing when the input does not go on like a batch.
fn items(
    input: impl Read,
    format: &Format,
    read: Prefix,
    most: usize,
) -> Option<(Vec<Vec<u8>>, [u8; 32])> {
    let (mut splitter, mut found) = (Splitter::new(input, format, read), Vec::new());
    while let Some(chunk) = splitter.next(most).ok()? {
        assert!(chunk.items.len() <= most);
        found.extend(chunk.items.iter().map(|item| {
            chunk.bytes.get(item.range()).expect("an item is inside its chunk").to_vec()
        }));
    }
    Some((found, splitter.hash()))
}

/// The items of an input whose first is behind `at`.
fn cut(bytes: &[u8], format: &Format, at: usize) -> Option<Vec<Vec<u8>>> {
    let (before, input) = bytes.split_at(at);
    let mut read = Prefix::default();
    read.add(before);
    let whole = items(input, format, read.clone(), 1_000);
    let slow = items(Drops(input), format, read, 2);
    assert_eq!(whole, slow, "it depends on how bytes arrive");
    let (items, hash) = whole?;
    assert_eq!(hash, *blake3::hash(bytes).as_bytes(), "not everything was hashed");
    Some(items)
}

fn text(item: &[u8]) -> String {
    String::from_utf8_lossy(item).trim().to_owned()
}

#[test]
fn mutated_lines_are_cut_where_they_end() {
    fuzz::check("batch", |bytes| {
        let found = cut(bytes, &Format::JsonLines, 0).expect("any bytes are lines");
        // A byte order mark is the first document's, whose reader knows what it is.
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let lines: Vec<_> = lines.filter(|line| !line.is_empty()).map(text).collect();
        assert_eq!(found.iter().map(|item| text(item)).collect::<Vec<_>>(), lines);
    });
}

#[test]
fn mutated_documents_are_cut_as_json_is_or_refused() {
    fuzz::check("batch", |bytes| {
        let Ok(header) = header(bytes) else { return };
        let orders_at = usize::try_from(header.orders_at).expect("a small input");
        let found = cut(bytes, &Format::Document, orders_at);
        let array = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        if let Ok(array) = serde_json::from_slice::<Vec<&RawValue>>(array) {
            let found = found.expect("it is an array");
            let items: Vec<&str> = array.iter().map(|raw| raw.get().trim()).collect();
            assert_eq!(found.iter().map(|item| text(item)).collect::<Vec<_>>(), items);
        }
    });
}

#[test]
fn mutated_tables_are_cut_into_whole_rows_that_say_what_is_kept_of_them() {
    let settings = document::Settings::new(MerchantId::parse("shop").expect("a name"));
    fuzz::check("table", |bytes| {
        let Ok((layout, at)) = Layout::find(bytes) else { return };
        let format = Format::Table(Arc::new(layout.clone()));
        for rows in cut(bytes, &format, at).into_iter().flatten() {
            let original = layout.original(&rows);
            assert!(original.ends_with(&rows), "not what was sent");
            let (Ok(read), kept) = (layout.read(&rows, &settings), canonical(&original)) else {
                continue;
            };
            let again = document::read(&kept, &settings).expect("what was taken is read again");
            assert_eq!(again.command, read.command, "{}", String::from_utf8_lossy(&kept));
        }
    });
}
