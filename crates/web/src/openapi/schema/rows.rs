//! Products, customers and stock: what is sent and what is answered.

use utoipa::ToSchema;

use super::{
    Cursor, Decimal, DecimalOrNothing, Money, Name, NameOrNothing, SentName, TextOrNothing,
};

/// A product to store. A row replaces the product of that seller and SKU.
#[derive(ToSchema)]
#[schema(example = json!({"sku": "PEN", "description": "Pen, blue", "category": "office",
    "price": "1.50"}))]
#[serde(deny_unknown_fields)]
pub struct ProductRow {
    /// The seller; the installation's own when not named.
    #[schema(nullable = false)]
    merchant_id: Option<NameOrNothing>,
    sku: SentName,
    /// At most 1,000 bytes.
    #[schema(nullable = false)]
    description: Option<TextOrNothing>,
    #[schema(nullable = false)]
    category: Option<NameOrNothing>,
    /// Per unit, in major units, with up to six decimals; a number or a text.
    #[schema(nullable = false)]
    price: Option<DecimalOrNothing>,
}

/// A product.
#[derive(ToSchema)]
pub struct Product {
    merchant_id: Name,
    sku: Name,
    description: String,
    category: Option<Name>,
    price: Option<Money>,
}

/// A page of products, by seller and SKU.
#[derive(ToSchema)]
pub struct ProductPage {
    products: Vec<Product>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// How many rows were stored: all of them.
#[derive(ToSchema)]
pub struct Stored {
    stored: u64,
}

/// A customer's tags, which pricing rules may ask for.
#[derive(ToSchema)]
#[schema(example = json!({"customer_id": "c-7", "tags": ["gold"]}))]
#[serde(deny_unknown_fields)]
pub struct CustomerRow {
    /// The seller; the installation's own when not named.
    #[schema(nullable = false)]
    merchant_id: Option<NameOrNothing>,
    customer_id: SentName,
    /// All of them: tags that are not named are gone.
    tags: Option<Vec<Name>>,
}

/// The tags of the customer that the address names.
#[derive(ToSchema)]
#[schema(example = json!({"tags": ["gold"]}))]
#[serde(deny_unknown_fields)]
pub struct CustomerTags {
    /// The seller; the installation's own when not named.
    #[schema(nullable = false)]
    merchant_id: Option<NameOrNothing>,
    /// All of them: tags that are not named are gone.
    tags: Option<Vec<Name>>,
}

/// A customer.
#[derive(ToSchema)]
pub struct Customer {
    merchant_id: Name,
    customer_id: Name,
    tags: Vec<String>,
}

/// A page of customers, by seller and id.
#[derive(ToSchema)]
pub struct CustomerPage {
    customers: Vec<Customer>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// Counters of one product.
#[derive(ToSchema)]
pub struct StockLevel {
    merchant_id: Name,
    sku: Name,
    #[schema(minimum = 0)]
    on_hand: i64,
    /// Promised to orders.
    #[schema(minimum = 0)]
    reserved: i64,
    /// On hand and not promised.
    #[schema(minimum = 0)]
    available: i64,
    /// Units that orders wait for.
    #[schema(minimum = 0)]
    waiting: i64,
}

/// A page of counters, by seller and SKU.
#[derive(ToSchema)]
pub struct StockPage {
    stock: Vec<StockLevel>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<Cursor>,
}

/// A count of one product.
#[derive(ToSchema)]
#[schema(example = json!({"sku": "PEN", "on_hand": 120}))]
#[serde(deny_unknown_fields)]
pub struct StockCount {
    /// The seller; the installation's own when not named.
    #[schema(nullable = false)]
    merchant_id: Option<NameOrNothing>,
    sku: SentName,
    /// A whole number, as a number or a text.
    on_hand: Decimal,
    /// At most 500 bytes, kept in the log.
    #[schema(nullable = false)]
    reason: Option<TextOrNothing>,
}

/// What became of counts. One that cannot apply keeps none of its neighbours back.
#[derive(ToSchema)]
pub struct Counted {
    adjusted: u64,
    refused: u64,
    /// The first 1,000 of them.
    refusals: Vec<RefusedCount>,
}

/// A count that cannot apply.
#[derive(ToSchema)]
pub struct RefusedCount {
    merchant_id: Name,
    sku: Name,
    #[schema(example = "below_reserved")]
    code: String,
    /// `below_reserved`: units that are promised.
    #[schema(nullable = false)]
    reserved: Option<i64>,
}

/// A change of what is on hand: `delta` or `on_hand`, one of them.
#[derive(ToSchema)]
#[schema(example = json!({"delta": -3, "reason": "broken"}))]
#[serde(deny_unknown_fields)]
pub struct StockAdjustment {
    /// The seller; the installation's own when not named.
    #[schema(nullable = false)]
    merchant_id: Option<NameOrNothing>,
    /// By so many units, more or fewer.
    #[schema(nullable = false)]
    delta: Option<DecimalOrNothing>,
    /// To so many units, as counted.
    #[schema(nullable = false)]
    on_hand: Option<DecimalOrNothing>,
    /// `newest` takes reservations back from the newest orders when less is left than is promised.
    release: Option<Release>,
    /// At most 500 bytes, kept in the log.
    #[schema(nullable = false)]
    reason: Option<TextOrNothing>,
}

/// Whose reservations are taken back.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Release {
    /// Those of the newest orders.
    Newest,
}
