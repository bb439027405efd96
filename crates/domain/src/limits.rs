//! Every bound of a document, in one place, with its reason.

/// Longest order id, merchant, SKU, customer or batch id, in bytes: a key of two of them stays
/// below the 511 bytes an LMDB key may have.
pub const NAME_BYTES_MAX: usize = 128;

/// Most lines in one order, so that one command stays below 256 KiB.
pub const LINES_PER_ORDER_MAX: usize = 1_000;

/// Most units on one line. A thousand such lines still sum far below `i64::MAX`.
pub const QUANTITY_MAX: i64 = 1_000_000_000;

/// Largest amount of money, in minor units (ten trillion in a two-decimal currency): a thousand
/// of them still add up inside an `i64`.
pub const MONEY_MAX: i64 = 1_000_000_000_000_000;

/// Most coupons on one order; each is looked at by every coupon rule.
pub const COUPONS_PER_ORDER_MAX: usize = 20;

/// Most rules in one rule set, so that pricing an order has a bounded cost.
pub const RULES_PER_SET_MAX: usize = 200;

/// Longest CEL condition, in bytes.
pub const CONDITION_BYTES_MAX: usize = 2_048;

/// Deepest nesting of a CEL condition.
pub const CONDITION_DEPTH_MAX: usize = 32;

/// Most waiting orders one release command looks at, so that a restock of a popular SKU does not
/// hold up the intake.
pub const RELEASE_ORDERS_MAX: usize = 256;

/// Most revisions of one order: each keeps a document, and may leave a claim in a queue.
pub const REVISIONS_MAX: u32 = 100;

/// Longest reason of a cancellation, in bytes: a sentence or two, kept in the order's history.
pub const REASON_BYTES_MAX: usize = 500;

/// Most external steps of an installation, and so of one order: each adds a call to how long an
/// order takes.
pub const STEPS_MAX: usize = 16;

/// Most decimals of a unit price.
pub const UNIT_PRICE_DECIMALS_MAX: u32 = 6;
