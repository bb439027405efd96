//! `/v1/products`: the catalogue.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request as HttpRequest, State};
use axum::http::Uri;
use domain::id::{Category, MerchantId, Sku, StockKey};
use domain::money::Decimal;
use serde_json::{Value, json};
use service::catalogue::Product;
use service::ledger::{Answer, PAGE_ROWS_MAX, Request};
use service::wire::violation::Code;

use crate::App;
use crate::error::{Error, Kind, RowCode};
use crate::fields::unit_price;
use crate::openapi::schema::{self, Cursor, Name, ProductPage, ProductRow, Stored};
use crate::orders::blocking;
use crate::params::{Params, Segment, names_cursor, read_stock_cursor};
use crate::rows::{self, Row};

/// Most products that one commit takes: other requests wait for no more than that.
const PRODUCTS_PER_COMMIT_MAX: usize = 1_000;
/// Longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1_000;

/// A page of products, by seller and SKU.
#[utoipa::path(
    get, path = "/v1/products", tag = "catalogue", operation_id = "list_products",
    params(
        ("merchant_id" = Option<Name>, Query, description = "Of this seller"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Most rows; 100 when not named"),
    ),
    responses((status = 200, body = ProductPage, description = "A page")),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["merchant_id", "cursor", "limit"])?;
    let merchant = params.name("merchant_id", MerchantId::parse)?;
    let after = params.parsed("cursor", read_stock_cursor)?;
    let limit = params.limit(100, PAGE_ROWS_MAX)?;
    blocking(&app, move |app| {
        let catalogue = app.ledger.catalogue();
        let rows = catalogue.page(merchant.as_ref(), after.as_ref()).take(limit);
        let rows: Vec<&Arc<Product>> = rows.collect();
        let next = rows.last().filter(|_| rows.len() == limit);
        let next = next.map(|p| names_cursor(&[p.key.merchant.as_str(), p.sku().as_str()]));
        let rows: Vec<Value> = rows.iter().map(|product| show(app, product)).collect();
        Ok(Json(json!({"products": rows, "next_cursor": next})))
    })
    .await
}

/// One product.
#[utoipa::path(
    get, path = "/v1/products/{sku}", tag = "catalogue", operation_id = "show_product",
    params(
        ("sku" = Name, Path, description = "The product"),
        ("merchant_id" = Option<Name>, Query,
            description = "The seller; the installation's own when not named"),
    ),
    responses((status = 200, body = schema::Product, description = "The product")),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(sku): Segment,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["merchant_id"])?;
    let merchant = params.merchant(&app.settings.documents.default_merchant)?;
    let sku = Sku::parse(&sku).map_err(|_| Error::new(Kind::NotFound))?;
    let catalogue = app.ledger.catalogue();
    let product = catalogue.products.get(&StockKey { merchant, sku });
    let product = product.ok_or_else(|| Error::new(Kind::NotFound))?;
    Ok(Json(show(&app, product)))
}

/// A product, on the wire.
pub(crate) fn show(app: &App, product: &Product) -> Value {
    json!({
        "merchant_id": product.key.merchant.as_str(),
        "sku": product.sku().as_str(),
        "description": product.description,
        "category": product.category.as_ref().map(|c| c.as_str()),
        "price": product.price.map(|price| unit_price(price, app.settings.exponent())),
    })
}

/// Adds or changes products: all of them, or none when a row is invalid.
#[utoipa::path(
    put, path = "/v1/products", tag = "catalogue", operation_id = "put_products",
    request_body(
        description = "A product, an array of products, or JSON lines of them",
        content(
            (schema::Rows<ProductRow> = "application/json"),
            (ProductRow = "application/x-ndjson"),
        ),
    ),
    responses((status = 200, body = Stored, description = "All of them are stored")),
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Json<Value>, Error> {
    let products = rows::receive(&app, request, parse).await?;
    let stored = products.len();
    let mut left = products.into_iter();
    loop {
        let chunk: Vec<Product> = left.by_ref().take(PRODUCTS_PER_COMMIT_MAX).collect();
        if chunk.is_empty() {
            return Ok(Json(json!({"stored": stored})));
        }
        recorded(&app, vec![Request::PutProducts(chunk)]).await?;
    }
}

/// Executes what is only recorded.
pub(crate) async fn recorded(app: &App, requests: Vec<Request>) -> Result<(), Error> {
    for answer in app.ledger.execute(requests).await? {
        match answer {
            Answer::Recorded => {}
            Answer::Invalid(faults) => return Err(faults.into()),
            Answer::Refused(refusal) => return Err(refusal.into()),
            Answer::Accepted(_)
            | Answer::Stock(_)
            | Answer::Rules(_)
            | Answer::Batch(_)
            | Answer::Endpoint(_)
            | Answer::Once(_)
            | Answer::Buried(_)
            | Answer::Settled(_)
            | Answer::Sweep(_)
            | Answer::Broken => return Err(Error::new(Kind::Internal)),
        }
    }
    Ok(())
}

fn parse(app: &App, row: &mut Row<'_>) -> Option<Product> {
    let key = stock_key(app, row);
    let description = row.text("description").unwrap_or_default();
    if description.len() > DESCRIPTION_BYTES_MAX {
        row.is_wrong("description", RowCode::Known(Code::TooLong));
    }
    let category = row.name("category", Category::parse);
    let price = row.decimal("price", Decimal::to_unit_price, RowCode::Known(Code::TooPrecise));
    if price.is_some_and(|price| price.0 < 0) {
        row.is_wrong("price", RowCode::Known(Code::Negative));
    }
    Some(Product { key: key?, description: description.into(), category, price })
}

/// The product that a row is about.
pub(crate) fn stock_key(app: &App, row: &mut Row<'_>) -> Option<StockKey> {
    let merchant = row.name("merchant_id", MerchantId::parse);
    let merchant = merchant.unwrap_or_else(|| app.settings.documents.default_merchant.clone());
    Some(StockKey { merchant, sku: row.required("sku", Sku::parse)? })
}
