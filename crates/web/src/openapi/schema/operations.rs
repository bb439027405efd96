//! Rules, changes, and how the server fares.

use std::collections::HashMap;

use serde_json::Value;
use utoipa::ToSchema;

use super::{Cursor, Decimal, Time};

/// The rules in force.
#[derive(ToSchema)]
pub struct RulesInForce {
    /// 0 while none were ever saved.
    version: u64,
    /// The document as it was saved.
    #[schema(value_type = Value)]
    source: Value,
}

/// Rules to put in force. An array of rules is such a document as well.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rules": [{"id": "gold-5", "when": "'gold' in customer.tags",
    "effect": {"type": "order_percentage_off", "percent": "5"}}]}))]
pub struct RulesDocument {
    /// Of a batch's rules: whether they are added to the installation's.
    extend: Option<bool>,
    rules: Vec<Rule>,
}

/// A rule: where it holds, on what condition, and what it does.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Shown in explanations; once in a document.
    id: super::Name,
    /// Smaller ones first.
    priority: Option<i64>,
    /// Whether no other rule of its stage applies after it.
    exclusive: Option<bool>,
    /// RFC 3339.
    valid_from: Option<String>,
    /// RFC 3339.
    valid_until: Option<String>,
    scope: Option<RuleScope>,
    /// A CEL expression over `order`, `line`, `product`, `customer`, `now` and `batch`.
    #[schema(example = "order.total >= 10000 && 'gold' in customer.tags")]
    when: Option<String>,
    effect: RuleEffect,
}

/// What a rule does. Amounts and percentages are numbers or texts, never below zero.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RuleEffect {
    /// The unit price is this one.
    PriceOverride {
        /// In major units.
        unit_price: Decimal,
    },
    /// Off a line.
    LinePercentageOff {
        /// From 0 to 100, with up to two decimals.
        percent: Decimal,
    },
    /// Off a line.
    LineFixedOff {
        /// In major units.
        amount: Decimal,
        /// `unit` or `line`; `unit` when not named.
        per: Option<String>,
    },
    /// By how many there are in a line.
    QuantityTiers {
        /// Each from its quantity on.
        tiers: Vec<RuleTier>,
    },
    /// Of every `buy` + `get` units, `get` cost less.
    BuyXGetY {
        /// How many are paid in full.
        buy: u32,
        /// How many are not.
        get: u32,
        /// How much less; 100 when not named.
        percent: Option<Decimal>,
    },
    /// Off the order.
    OrderPercentageOff {
        /// From 0 to 100, with up to two decimals.
        percent: Decimal,
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// Off the order.
    OrderFixedOff {
        /// In major units.
        amount: Decimal,
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// Off the order from a total on: `percent` or `amount`, one of them.
    MinimumTotal {
        /// The least that the goods come to for it.
        minimum_total: Decimal,
        /// From 0 to 100, with up to two decimals.
        percent: Option<Decimal>,
        /// In major units.
        amount: Option<Decimal>,
    },
    /// Off the order, for who has the coupon.
    CouponPercentageOff {
        /// Its code.
        coupon: super::Name,
        /// From 0 to 100, with up to two decimals.
        percent: Decimal,
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// Off the order, for who has the coupon.
    CouponFixedOff {
        /// Its code.
        coupon: super::Name,
        /// In major units.
        amount: Decimal,
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// Off shipping.
    ShippingPercentageOff {
        /// From 0 to 100, with up to two decimals.
        percent: Decimal,
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// Off shipping.
    ShippingFixedOff {
        /// In major units.
        amount: Decimal,
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// Shipping costs nothing.
    FreeShipping {
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// Shipping costs this.
    FlatShipping {
        /// In major units.
        amount: Decimal,
        /// The least that the goods come to for it.
        minimum_total: Option<Decimal>,
    },
    /// On top of everything.
    Tax {
        /// From 0 to 100, with up to two decimals.
        percent: Decimal,
        /// Whether shipping is taxed; it is not when not named.
        include_shipping: Option<bool>,
    },
}

/// A step of quantity tiers: `percent` or `unit_price`, one of them.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTier {
    /// The least quantity.
    from: u32,
    /// Off each unit.
    #[schema(nullable = false)]
    percent: Option<Decimal>,
    /// For each unit.
    #[schema(nullable = false)]
    unit_price: Option<Decimal>,
}

/// Where a rule holds; a list that is not there holds everywhere.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleScope {
    merchants: Option<Vec<super::Name>>,
    channels: Option<Vec<super::Channel>>,
    skus: Option<Vec<super::Name>>,
    categories: Option<Vec<super::Name>>,
}

/// What saving rules came to.
#[derive(ToSchema)]
pub struct RulesSaved {
    /// Explanations of prices name it.
    #[schema(minimum = 1)]
    version: u64,
    /// How many there are.
    rules: u64,
}

/// A new secret signs links.
#[derive(ToSchema)]
pub struct LinksSecret {
    /// What becomes of links that were given out: `count` or `end`.
    #[schema(example = "count")]
    earlier: String,
}

/// One change: a line. What else it has depends on its kind.
#[derive(ToSchema)]
pub struct Change {
    /// Its place in the log.
    cursor: Cursor,
    at: Time,
    kind: ChangeKind,
    /// What it says beyond that.
    #[serde(flatten)]
    #[schema(value_type = HashMap<String, Value>)]
    more: HashMap<String, Value>,
}

/// What a change is about.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Something happened to an order.
    Order,
    /// Something was sent that is no order.
    Invalid,
    /// So much was sent that is no order that it was only counted.
    Flood,
    /// A command was refused, because there is no such order.
    Refused,
    /// An idempotency key was used up.
    IdempotencyKey,
    /// Stock on hand was counted or adjusted.
    Stock,
    /// Free stock was given to orders that waited.
    StockReleased,
    /// Products were stored.
    Products,
    /// A customer's tags were stored.
    Customer,
    /// Rules were saved.
    PricingRules,
    /// A batch got on.
    Batch,
    /// Something could not be seen through.
    DeadLetter,
    /// A dead letter has ended.
    DeadLetterSettled,
    /// The ending of many dead letters got on.
    DeadLetterRedrive,
    /// A webhook endpoint was added, changed, disabled or removed.
    Webhook,
    /// A webhook endpoint is told again what happened earlier.
    WebhookReplay,
}

/// The server is alive.
#[derive(ToSchema)]
pub struct Alive {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: String,
    /// The program's version.
    version: String,
}

/// Whether requests are taken, and why not.
#[derive(ToSchema)]
pub struct Readiness {
    ready: bool,
    /// Whether the store's writer takes requests.
    writer_alive: bool,
    /// Whether disk space is below the safe minimum.
    disk_low: bool,
    disk_free_bytes: Option<u64>,
    /// What is wrong, for operators.
    problems: Vec<String>,
    /// Followers that do not deliver; requests are taken all the same.
    degraded: Vec<Degraded>,
}

/// A follower that does not deliver.
#[derive(ToSchema)]
pub struct Degraded {
    #[schema(example = "step:fraud")]
    follower: String,
    state: super::FollowerState,
    /// Why.
    problem: String,
}

/// Figures of this server since it started.
#[derive(ToSchema)]
pub struct ServerStatus {
    /// The program's version.
    version: String,
    checks: Readiness,
    /// Orders taken in over HTTP.
    orders_taken: u64,
    /// Bytes that wait for the writer.
    queue_bytes: u64,
    /// Requests that wait for the writer.
    queue_requests: u64,
    /// Bytes of the log that are not yet in the projection.
    projection_lag_bytes: u64,
    log_bytes: u64,
}
