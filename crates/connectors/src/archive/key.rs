//! Where a document is in an archive: `seller/yyyy/mm/dd/order.revision.json`.
//!
//! Ids are whatever sellers call their orders, `../x` and `a/b` included. Every byte but letters,
//! digits, `-` and `_` is written `%XX`, so that no id names another place, and a long name goes
//! on in the next segment behind a `!`, because file systems end names at 255 bytes. Both can be
//! read back.
//!
//! Never: two documents under one name, one document under two.

use domain::id::{MerchantId, OrderId, OrderKey};
use domain::time::Timestamp;
use jiff::tz::TimeZone;

/// Most characters of one segment: below the 255 bytes that file systems have, suffix included.
const SEGMENT_MAX: usize = 200;
/// What a segment ends with whose name goes on in the next one.
const GOES_ON: char = '!';

/// How a document is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A JSON document.
    Json,
    /// A header and rows.
    Table,
}

impl Layout {
    /// Of a document as it was kept.
    #[must_use]
    pub fn of(document: &[u8]) -> Self {
        match service::wire::csv::table(document) {
            Some(_) => Self::Table,
            None => Self::Json,
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Table => "text/csv; charset=utf-8",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Table => "csv",
        }
    }
}

/// The name of an order's document below an archive's prefix: of a revision that came at `at`.
///
/// ```
/// use connectors::archive::key::{Layout, name, read};
/// use domain::id::{MerchantId, OrderId, OrderKey};
/// use domain::time::Timestamp;
/// let merchant = MerchantId::parse("12.345/0001").unwrap();
/// let order = OrderKey { merchant, id: OrderId::parse("../o 1").unwrap() };
/// let name = name(&order, 2, Timestamp(1_767_323_045_000_000), Layout::Json);
/// assert_eq!(name, "12%2E345%2F0001/2026/01/02/%2E%2E%2Fo%201.2.json");
/// assert_eq!(read(&name), Some((order, 2)));
/// ```
#[must_use]
pub fn name(order: &OrderKey, revision: u32, at: Timestamp, layout: Layout) -> String {
    let day = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    let day = day.to_zoned(TimeZone::UTC).strftime("%Y/%m/%d").to_string();
    let (merchant, id) = (escaped(order.merchant.as_str()), escaped(order.id.as_str()));
    format!("{merchant}/{day}/{id}.{revision}.{}", layout.suffix())
}

/// Which order and revision a document of an archive is of: what [`name`] was made from.
#[must_use]
pub fn read(name: &str) -> Option<(OrderKey, u32)> {
    let (path, suffix) = name.rsplit_once('.')?;
    let (path, revision) = path.rsplit_once('.')?;
    if ![Layout::Json, Layout::Table].iter().any(|layout| layout.suffix() == suffix) {
        return None;
    }
    let joined = path.replace("!/", "");
    let mut parts = joined.split('/');
    let merchant = MerchantId::parse(&unescaped(parts.next()?)?).ok()?;
    let id = OrderId::parse(&unescaped(parts.nth(3)?)?).ok()?;
    parts.next().is_none().then_some((OrderKey { merchant, id }, revision.parse().ok()?))
}

fn escaped(id: &str) -> String {
    let (mut out, mut length) = (String::with_capacity(id.len()), 0);
    for byte in id.bytes() {
        if length + 3 > SEGMENT_MAX {
            out.push(GOES_ON);
            out.push('/');
            length = 0;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            out.push(char::from(byte));
            length += 1;
        } else {
            out.push_str(&format!("%{byte:02X}"));
            length += 3;
        }
    }
    out
}

fn unescaped(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_767_323_045_000_000);

    fn named(merchant: &str, id: &str) -> (OrderKey, String) {
        let merchant = MerchantId::parse(merchant).expect("a name");
        let order = OrderKey { merchant, id: OrderId::parse(id).expect("a name") };
        let name = name(&order, 1, AT, Layout::Json);
        (order, name)
    }

    #[test]
    fn no_id_leaves_its_place_and_every_name_is_read_back() {
        let long = "é".repeat(64);
        let slashes = "/".repeat(128);
        let hostile =
            ["..", ".", "a/b", "../../etc/passwd", "%2e%2e", "a!", "!/", "a.1", "~", "C:\\x"];
        let ids = hostile.iter().copied().chain([&*long, &*slashes, "o-1", "日本", "a b", "?#&=+"]);
        let mut names = std::collections::BTreeMap::new();
        for id in ids {
            for (merchant, id) in [("loja", id), (id, "o-1"), (id, id)] {
                let (order, name) = named(merchant, id);
                assert_eq!(read(&name), Some((order.clone(), 1)), "{name}");
                for segment in name.split('/') {
                    assert!(segment.len() < 255 && !segment.is_empty(), "{name}");
                    assert!(![".", ".."].contains(&segment), "{name}");
                }
                let is_harmless = |c: char| c.is_ascii_alphanumeric() || "-_%!./".contains(c);
                assert!(name.chars().all(is_harmless), "{name}");
                assert!(name.len() <= 823, "{}: {name}", name.len());
                let other = names.insert(name, order.clone());
                assert!(other.is_none_or(|other| other == order), "two under one name");
            }
        }
    }

    #[test]
    fn an_id_that_looks_like_another_revision_is_none() {
        let (first, second) = (named("m", "a").1, named("m", "a.1").1);
        assert_eq!((&*first, &*second), ("m/2026/01/02/a.1.json", "m/2026/01/02/a%2E1.1.json"));
        for stray in ["", "a", "m/2026/01/02/a.1.txt", "m/2026/01/a.1.json", "m/1/1/1/a.x.json"] {
            assert_eq!(read(stray), None, "{stray}");
        }
    }

    #[test]
    fn a_table_is_named_and_served_as_one() {
        assert_eq!(Layout::of(b"order_id;sku;quantity\no-1;PEN;2"), Layout::Table);
        assert_eq!(Layout::of(b" {\"id\": 1,\n\"x\": 2}"), Layout::Json);
        let order = named("m", "a").0;
        assert!(name(&order, 3, AT, Layout::Table).ends_with("/a.3.csv"));
    }
}
