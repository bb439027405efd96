//! Items of the table: attributes by name, and how ours are written and read.
//!
//! Never: a default for what should be there. An item that lacks it is damage.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use service::change::Seq;
use service::codec::{Decoder, Encoder};
use service::ledger::Unavailable;
use service::view::{Read, damaged};

/// An item as the table has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// What an item is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    /// The partition.
    pub(super) pk: String,
    /// The place in it.
    pub(super) sk: String,
}

impl Key {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(super) fn of(item: &Item) -> Read<Self> {
        Ok(Self::new(text(item, "PK")?, text(item, "SK")?))
    }

    /// The item that has nothing but this key.
    pub(super) fn item(&self) -> Item {
        [("PK", s(&self.pk)), ("SK", s(&self.sk))].map(|(name, v)| (name.to_owned(), v)).into()
    }
}

/// A text.
pub(super) fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A whole number.
pub(super) fn n(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Bytes.
pub(super) fn b(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value.into()))
}

/// What one of our encoders writes.
pub(super) fn encoded(write: impl FnOnce(&mut Encoder<'_>)) -> AttributeValue {
    let mut bytes = Vec::new();
    write(&mut Encoder(&mut bytes));
    b(bytes)
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> Read<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(lacks(item, name)),
    }
}

pub(super) fn maybe_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

pub(super) fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Read<T> {
    let number = item.get(name).and_then(|value| value.as_n().ok());
    number.and_then(|text| text.parse().ok()).ok_or_else(|| lacks(item, name))
}

/// A number that an item need not have.
pub(super) fn maybe_number<T: std::str::FromStr>(item: &Item, name: &str) -> Read<Option<T>> {
    if item.contains_key(name) { number(item, name).map(Some) } else { Ok(None) }
}

pub(super) fn seq(item: &Item, name: &str) -> Read<Seq> {
    number(item, name).map(Seq)
}

pub(super) fn bytes<'a>(item: &'a Item, name: &str) -> Read<&'a [u8]> {
    match item.get(name) {
        Some(AttributeValue::B(blob)) => Ok(blob.as_ref()),
        _ => Err(lacks(item, name)),
    }
}

/// What one of our decoders reads.
pub(super) fn decoded<T>(
    item: &Item,
    read: impl FnOnce(&mut Decoder<'_>) -> Result<T, service::codec::Corrupt>,
) -> Read<T> {
    read(&mut Decoder(bytes(item, "body")?)).map_err(|_| lacks(item, "a sound body"))
}

fn lacks(item: &Item, name: &str) -> Unavailable {
    let of = |name| maybe_text(item, name).unwrap_or("?");
    damaged(&format!("item {} {} lacks {name}", of("PK"), of("SK")))
}

/// About how many bytes an item takes of a request, with room for how it is written there.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value) + 16).sum()
}

fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        // Bytes travel as base64.
        AttributeValue::B(blob) => blob.as_ref().len() / 3 * 4 + 4,
        AttributeValue::M(item) => size(item),
        _ => 16,
    }
}
