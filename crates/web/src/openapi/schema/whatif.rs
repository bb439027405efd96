//! What would be: quotes, and other rules tried on past orders.

use utoipa::ToSchema;

use super::{
    Channel, Cursor, Kind, Links, Money, Name, OrderLine, Pricing, Rejection, Shortage, Status,
    Time, Violation,
};

/// What an order would come to.
#[derive(ToSchema)]
pub struct Quote {
    /// Null for a document without one: placed, it would be given one.
    order_id: Option<Name>,
    merchant_id: Name,
    /// Where it would stand.
    status: Status,
    /// The status in the reader's language.
    status_label: String,
    kind: Kind,
    channel: Channel,
    /// Null while a price is missing.
    total: Option<Money>,
    /// ISO 4217.
    #[schema(example = "BRL")]
    currency: String,
    lines: Vec<OrderLine>,
    shortages: Vec<Shortage>,
    #[schema(nullable = false)]
    rejection: Option<Rejection>,
    pricing: Option<Pricing>,
    /// What is odd about the document.
    warnings: Vec<Violation>,
}

/// A page of orders priced again.
#[derive(ToSchema)]
pub struct RulesTested {
    orders: TestedOrders,
    /// Of orders that have a total both ways.
    totals: TestedTotals,
    /// ISO 4217.
    #[schema(example = "BRL")]
    currency: String,
    by_rule: Vec<TestedRule>,
    /// The orders that differ.
    changes: Vec<TestedOrder>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// How many orders.
#[derive(ToSchema)]
pub struct TestedOrders {
    /// Priced again.
    tested: u64,
    /// That differ.
    changed: u64,
    /// Without a total before or after.
    unpriced: u64,
    /// With a total by these rules that no order may have.
    out_of_range: u64,
    left_out: LeftOut,
}

/// Orders that are not priced again.
#[derive(ToSchema)]
pub struct LeftOut {
    /// They have no price.
    transfers: u64,
    /// Rejected, cancelled or failed.
    not_taken: u64,
    /// Priced by rules that came with their batch.
    own_rules: u64,
    /// Not read as an order any more.
    unreadable: u64,
}

/// Totals before and after.
#[derive(ToSchema)]
pub struct TestedTotals {
    before: Money,
    after: Money,
    difference: Money,
}

/// What one rule did and would do. Rules of one id are one rule.
#[derive(ToSchema)]
pub struct TestedRule {
    rule: Name,
    before: TestedEffects,
    after: TestedEffects,
    difference: Money,
    /// Orders where its condition could not be judged, and so it did not apply.
    failed: u64,
}

/// Effects of a rule.
#[derive(ToSchema)]
pub struct TestedEffects {
    effects: u64,
    /// What they come to; below zero for what was taken off.
    amount: Money,
}

/// An order that differs.
#[derive(ToSchema)]
pub struct TestedOrder {
    order_id: Name,
    merchant_id: Name,
    received_at: Time,
    /// Null when a price was missing.
    before: Option<Money>,
    /// Null when a price is missing, or the total is out of range.
    after: Option<Money>,
    difference: Option<Money>,
    /// Whether these rules come to a total that no order may have.
    out_of_range: bool,
    links: Links,
}
