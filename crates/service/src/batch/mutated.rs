//! A batch is cut into the same items however its bytes arrive, and they are what is there.

use std::io::Read;

use serde_json::value::RawValue;

use super::split::{Format, Splitter, header};

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
    format: Format,
    at: u64,
    begun: blake3::Hasher,
    most: usize,
) -> Option<(Vec<String>, [u8; 32])> {
    let (mut splitter, mut found) = (Splitter::new(input, format, at, begun), Vec::new());
    while let Some(chunk) = splitter.next(most).ok()? {
        assert!(chunk.items.len() <= most);
        found.extend(chunk.items.iter().map(|item| {
            let item = chunk.bytes.get(item.range()).expect("an item is inside its chunk");
            String::from_utf8_lossy(item).trim().to_owned()
        }));
    }
    Some((found, splitter.hash()))
}

fn begun(bytes: &[u8]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes);
    hasher
}

fn cut(bytes: &[u8], format: Format, at: u64) -> Option<Vec<String>> {
    let (before, input) = bytes.split_at(usize::try_from(at).expect("a small input"));
    let whole = items(input, format, at, begun(before), 1_000);
    let slow = items(Drops(input), format, at, begun(before), 2);
    assert_eq!(whole, slow, "it depends on how bytes arrive");
    let (items, hash) = whole?;
    assert_eq!(hash, *blake3::hash(bytes).as_bytes(), "not everything was hashed");
    Some(items)
}

#[test]
fn mutated_lines_are_cut_where_they_end() {
    fuzz::check("batch", |bytes| {
        let found = cut(bytes, Format::JsonLines, 0).expect("any bytes are lines");
        // A byte order mark is the first document's, whose reader knows what it is.
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let lines = lines.filter(|line| !line.is_empty());
        let lines = lines.map(|line| String::from_utf8_lossy(line).trim().to_owned());
        assert_eq!(found, lines.collect::<Vec<_>>());
    });
}

#[test]
fn mutated_documents_are_cut_as_json_is_or_refused() {
    fuzz::check("batch", |bytes| {
        let Ok(header) = header(bytes) else { return };
        let found = cut(bytes, Format::Document, header.orders_at);
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        if let Ok(array) = serde_json::from_slice::<Vec<&RawValue>>(text) {
            let items: Vec<&str> = array.iter().map(|raw| raw.get().trim()).collect();
            assert_eq!(found.expect("it is an array"), items);
        }
    });
}
