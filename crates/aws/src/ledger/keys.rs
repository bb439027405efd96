//! What rows of the table are called, and under which lists they are found.
//!
//! One table holds everything; a row's partition is what is read together:
//!
//! ```text
//! CHANGE#<seq>                    CHANGE, PART#<n>    one record of the log
//! MERCHANT#<m>#ORDER#<id>         ORDER               an order as it is
//! ORDERS#<id>                     <m>                 sellers that have an order of that id
//! STOCK#<m>#<sku>                 SHARD#<nn>          counters
//!                                 RELEASE             free stock that is being given out
//!                                 CLAIM#<state>#<seq> orders with a claim on it
//!                                 LATE#<seq>          places in its queue that amendments gave
//! MERCHANT#<m>                    KEEPS_STOCK         the seller has a record of stock
//! BATCH#<id>                      BATCH               KEY#<hash>  KEY       answers under keys
//! LETTER#<seq>                    LETTER              LETTERNAME#<hash>  LETTERNAME
//! LETTERS#<term>                  <seq>               COUNTS#<nn>  LETTERS  open ones by kind
//! SWEEPS                          HEAD, <seq>         endings of many letters
//! CATALOGUE                       VERSION             PRODUCTS, CUSTOMERS, ENDPOINTS, RULES
//! COMMIT#<id>                     COMMIT, ROWS#<nn>   a commit in several pages
//! ```
//!
//! Never: a name that could be read as two. `#` and `%` inside of ids are escaped.

use domain::id::{BatchId, MerchantId, OrderId, OrderKey, StockKey};
use domain::state::ClaimState;
use service::change::Seq;
use service::letters::Kind;

use super::item::Key;

/// An index: where rows that have its attribute are found by it, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// What it is called.
    pub(super) name: &'static str,
    /// Its partition's attribute.
    pub(super) partition: &'static str,
    /// What its rows are ordered by.
    pub(super) order: &'static str,
}

const fn by(name: &'static str) -> Index {
    Index { name, partition: name, order: "first" }
}

/// Changes, by when they happened.
pub(super) const LOG: Index = by("log");
/// Invalid input with an id.
pub(super) const BY_ID: Index = by("by_id");
/// Every order.
pub(super) const BY_ALL: Index = by("by_all");
/// Orders in a state.
pub(super) const BY_STATUS: Index = by("by_status");
/// Orders of a seller in a state.
pub(super) const BY_SELLER: Index = by("by_seller");
/// Orders of a seller's customer.
pub(super) const BY_CUSTOMER: Index = by("by_customer");
/// Orders of a batch.
pub(super) const BY_BATCH: Index = by("by_batch");
/// Orders of a channel.
pub(super) const BY_CHANNEL: Index = by("by_channel");
/// Everything else that is listed, by name.
pub(super) const LISTED: Index = Index { name: "listed", partition: "list", order: "name" };

/// A name as part of a key: what separates the parts is escaped, and what escapes it.
pub(super) fn part(name: &str) -> String {
    name.replace('%', "%25").replace('#', "%23")
}

/// A sequence as text, in the order of numbers.
pub(super) fn digits(seq: Seq) -> String {
    format!("{:020}", seq.0)
}

pub(super) fn change(seq: Seq) -> Key {
    Key::new(format!("CHANGE#{}", digits(seq)), "CHANGE")
}

pub(super) fn order(key: &OrderKey) -> Key {
    let (merchant, id) = (part(key.merchant.as_str()), part(key.id.as_str()));
    Key::new(format!("MERCHANT#{merchant}#ORDER#{id}"), "ORDER")
}

pub(super) fn stock(key: &StockKey) -> String {
    format!("STOCK#{}#{}", part(key.merchant.as_str()), part(key.sku.as_str()))
}

pub(super) fn shard(key: &StockKey, shard: u32) -> Key {
    Key::new(stock(key), format!("SHARD#{shard:02}"))
}

pub(super) fn release(key: &StockKey) -> Key {
    Key::new(stock(key), "RELEASE")
}

pub(super) fn claims(state: ClaimState) -> String {
    // Not its name on the wire, where two states are one.
    let name = match state {
        ClaimState::Open => "OPEN",
        ClaimState::Untracked => "UNTRACKED",
        ClaimState::Reserved => "RESERVED",
        ClaimState::Waiting => "WAITING",
        ClaimState::Standby => "STANDBY",
        ClaimState::Consumed => "CONSUMED",
    };
    format!("CLAIM#{name}#")
}

pub(super) fn claim(key: &StockKey, state: ClaimState, first: Seq) -> Key {
    Key::new(stock(key), claims(state) + &digits(first))
}

pub(super) fn late(key: &StockKey, place: Seq) -> Key {
    Key::new(stock(key), format!("LATE#{}", digits(place)))
}

pub(super) fn keeps_stock(merchant: &MerchantId) -> Key {
    Key::new(format!("MERCHANT#{}", part(merchant.as_str())), "KEEPS_STOCK")
}

pub(super) fn batch(id: &BatchId) -> Key {
    Key::new(format!("BATCH#{}", part(id.as_str())), "BATCH")
}

pub(super) fn kept(name: &service::once::Hash) -> Key {
    Key::new(format!("KEY#{}", hex(name)), "KEY")
}

pub(super) fn letter(seq: Seq) -> Key {
    Key::new(format!("LETTER#{}", digits(seq)), "LETTER")
}

pub(super) fn letter_name(name: &service::letters::Identity) -> Key {
    Key::new(format!("LETTERNAME#{}", hex(name)), "LETTERNAME")
}

/// Letters of a source or an order: the bytes of a term are a tag, a name and a zero.
pub(super) fn letters(term: &[u8]) -> String {
    let name = term.strip_suffix(&[0]).unwrap_or(term);
    format!("LETTERS#{}", part(&String::from_utf8_lossy(name)))
}

pub(super) fn letters_of_kind(kind: Kind, open: bool, shard: u32) -> String {
    format!("LETTERS#{}#{}#{shard:02}", kind.as_str(), if open { "open" } else { "ended" })
}

pub(super) fn counts(shard: u32) -> Key {
    Key::new(format!("COUNTS#{shard:02}"), "LETTERS")
}

/// The partition of endings of many letters.
pub(super) const SWEEPS: &str = "SWEEPS";

/// What two that begin to end many letters at once meet at.
pub(super) fn sweeps_head() -> Key {
    Key::new(SWEEPS, "HEAD")
}

pub(super) fn sweep(id: Seq) -> Key {
    Key::new(SWEEPS, digits(id))
}

/// The version of the catalogue.
pub(super) fn catalogue() -> Key {
    Key::new("CATALOGUE", "VERSION")
}

/// The partitions of the catalogue's rows.
pub(super) const PRODUCTS: &str = "PRODUCTS";
pub(super) const CUSTOMERS: &str = "CUSTOMERS";
pub(super) const ENDPOINTS: &str = "ENDPOINTS";
pub(super) const RULES: &str = "RULES";

pub(super) fn rules(version: u64) -> Key {
    Key::new(RULES, format!("{version:020}"))
}

pub(super) fn commit(id: &str) -> Key {
    Key::new(format!("COMMIT#{id}"), "COMMIT")
}

pub(super) fn commit_rows(id: &str, page: usize) -> Key {
    Key::new(format!("COMMIT#{id}"), format!("ROWS#{page:04}"))
}

/// What lists by name are called.
pub(super) const STOCKS: &str = "STOCK";
pub(super) const BATCHES: &str = "BATCH";
pub(super) const RELEASES: &str = "RELEASE";
pub(super) const COMMITS: &str = "COMMIT";

/// A product as a name in order: no name has a character as low as a tab.
pub(super) fn stock_name(key: &StockKey) -> String {
    format!("{}\t{}", key.merchant, key.sku)
}

pub(super) fn read_stock_name(name: &str) -> Option<StockKey> {
    let (merchant, sku) = name.split_once('\t')?;
    let sku = domain::id::Sku::parse(sku).ok()?;
    Some(StockKey { merchant: MerchantId::parse(merchant).ok()?, sku })
}

/// The sellers that have an order of an id: read as soon as it is answered, so no index.
pub(super) fn sellers_of(id: &OrderId) -> String {
    format!("ORDERS#{}", part(id.as_str()))
}

pub(super) fn invalid_of_id(id: &OrderId) -> String {
    format!("INVALID#{}", part(id.as_str()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // writing to a text cannot fail
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(merchant: &str, id: &str) -> Key {
        let merchant = MerchantId::parse(merchant).expect("a name");
        order(&OrderKey { id: OrderId::parse(id).expect("a name"), merchant })
    }

    #[test]
    fn no_two_orders_share_a_key_whatever_their_names() {
        assert_ne!(key("a#ORDER#b", "c"), key("a", "b#ORDER#c"));
        assert_ne!(key("a%23", "b"), key("a#", "b"));
        assert_eq!(key("Ação#1", "x%").pk, "MERCHANT#Ação%231#ORDER#x%25");
    }
}
