//! The catalogue: read whole, kept as long as its version is the table's.
//!
//! Never: half of a change. Its rows are read between two looks at the version.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::MerchantId;
use service::catalogue::{Catalogue, Customer, Product};
use service::ledger::Unavailable;
use service::view::{Direction, Read};
use service::webhooks::Endpoint;

use super::base::{LAST, read_rules};
use super::door::Range;
use super::item::{Item, decoded, number, s};
use super::keys;
use super::rows::Rows;

/// Most times that a catalogue that changes is read again.
const READ_AGAIN_MAX: u32 = 8;

/// A catalogue as of a version.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    /// The table's version of it; 0 where it has none yet.
    pub(super) version: u64,
    /// The newest rule set.
    pub(super) rules_version: u64,
    /// Products, customers, endpoints, rules. Its own version is the table's.
    pub(super) catalogue: Arc<Catalogue>,
}

/// The version that the table has.
pub(super) fn version(rows: &Rows<'_>) -> Read<(u64, u64)> {
    match rows.row(&keys::catalogue())? {
        Some(row) => Ok((number(&row, "version")?, number(&row, "rules")?)),
        None => Ok((0, 0)),
    }
}

/// Reads the catalogue, unless `known` is it.
pub(super) fn load(rows: &Rows<'_>, known: &Loaded) -> Read<Loaded> {
    let (mut version, mut rules_version) = self::version(rows)?;
    if version == known.version {
        return Ok(known.clone());
    }
    for _ in 0..READ_AGAIN_MAX {
        let again = Rows::new(rows.door, rows.shape);
        let mut catalogue = read(&again)?;
        catalogue.version = version;
        let now = self::version(&Rows::new(rows.door, rows.shape))?;
        if now == (version, rules_version) {
            return Ok(Loaded { version, rules_version, catalogue: Arc::new(catalogue) });
        }
        (version, rules_version) = now;
    }
    Err(Unavailable::Full)
}

fn read(rows: &Rows<'_>) -> Read<Catalogue> {
    let all = |partition: &str| {
        rows.range(Range {
            index: None,
            partition: partition.to_owned(),
            from: s("\u{1}"),
            until: s(LAST),
            way: Direction::Oldest,
            limit: usize::MAX,
        })
    };
    let mut catalogue = Catalogue { exponent: rows.shape.exponent, ..Catalogue::default() };
    for row in all(keys::PRODUCTS)? {
        catalogue.put(Arc::new(decoded(&row, Product::decode)?));
    }
    for row in all(keys::CUSTOMERS)? {
        let customer = decoded(&row, Customer::decode)?;
        let key = (customer.merchant.clone(), customer.id.clone());
        catalogue.customers.insert(key, Arc::new(customer));
    }
    for row in all(keys::ENDPOINTS)? {
        let endpoint = decoded(&row, Endpoint::decode)?;
        catalogue.endpoints.insert(endpoint.id.clone(), Arc::new(endpoint));
    }
    if let Some(row) = all(keys::RULES)?.iter().rev().find(|row| is_installed(row)) {
        catalogue.rules = read_rules(row, rows.shape.exponent)?;
    }
    Ok(catalogue)
}

fn is_installed(row: &Item) -> bool {
    matches!(row.get("installed"), Some(AttributeValue::Bool(true)))
}

/// Whether a seller has any stock record; one that has keeps it.
pub(super) fn keeps_stock(rows: &Rows<'_>, merchant: &MerchantId) -> Read<bool> {
    Ok(rows.row(&keys::keeps_stock(merchant))?.is_some())
}
