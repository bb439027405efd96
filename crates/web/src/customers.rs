//! `/v1/customers`: the tags that pricing rules may ask for.

use std::ops::Bound;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request as HttpRequest, State};
use axum::http::Uri;
use compact_str::CompactString;
use domain::id::{CustomerId, MerchantId};
use domain::limits::NAME_BYTES_MAX;
use messages::id;
use serde_json::{Value, json};
use service::catalogue::{Customer, TAGS_MAX};
use service::ledger::{PAGE_ROWS_MAX, Request};
use service::wire::violation::Code;

use crate::App;
use crate::error::{Error, Kind, RowCode};
use crate::fields::masked;
use crate::openapi::schema::{self, Cursor, CustomerPage, CustomerRow, CustomerTags, Name, Stored};
use crate::params::{Params, Segment, names_cursor, read_names_cursor};
use crate::products::recorded;
use crate::rows::{self, Row};

/// A page of customers, by seller and id.
#[utoipa::path(
    get, path = "/v1/customers", tag = "catalogue", operation_id = "list_customers",
    params(
        ("merchant_id" = Option<Name>, Query, description = "Of this seller"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Most rows; 100 when not named"),
    ),
    responses((status = 200, body = CustomerPage, description = "A page")),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["merchant_id", "cursor", "limit"])?;
    let merchant = params.name("merchant_id", MerchantId::parse)?;
    let limit = params.limit(100, PAGE_ROWS_MAX)?;
    let after = params.parsed("cursor", |text| {
        let (merchant, id) = read_names_cursor(text)?;
        Some((MerchantId::parse(&merchant).ok()?, CustomerId::parse(&id).ok()?))
    })?;
    let catalogue = app.ledger.catalogue();
    let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
    let rows = catalogue.customers.range((begin, Bound::Unbounded)).map(|(_, customer)| customer);
    let rows = rows.filter(|c| merchant.as_ref().is_none_or(|m| c.merchant == *m));
    let rows: Vec<&Arc<Customer>> = rows.take(limit).collect();
    let next = rows.last().filter(|_| rows.len() == limit);
    let next = next.map(|c| names_cursor(&[c.merchant.as_str(), c.id.as_str()]));
    let rows: Vec<Value> = rows.iter().map(|customer| listed(customer)).collect();
    Ok(Json(json!({"customers": rows, "next_cursor": next})))
}

/// One customer.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "catalogue", operation_id = "show_customer",
    params(
        ("id" = Name, Path, description = "The customer"),
        ("merchant_id" = Option<Name>, Query,
            description = "The seller; the installation's own when not named"),
    ),
    responses((status = 200, body = schema::Customer, description = "The customer")),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["merchant_id"])?;
    let merchant = params.merchant(&app.settings.documents.default_merchant)?;
    let id = CustomerId::parse(&id).map_err(|_| Error::new(Kind::NotFound))?;
    let catalogue = app.ledger.catalogue();
    let customer = catalogue.customers.get(&(merchant, id));
    Ok(Json(show(customer.ok_or_else(|| Error::new(Kind::NotFound))?)))
}

/// A customer in a list.
fn listed(customer: &Customer) -> Value {
    let mut shown = show(customer);
    shown["customer_id"] = masked(&customer.id).into();
    shown
}

/// A customer, on the wire.
pub(crate) fn show(customer: &Customer) -> Value {
    json!({
        "merchant_id": customer.merchant.as_str(),
        "customer_id": customer.id.as_str(),
        "tags": customer.tags.iter().map(|tag| tag.as_str()).collect::<Vec<_>>(),
    })
}

/// Sets the tags of one customer.
#[utoipa::path(
    put, path = "/v1/customers/{id}", tag = "catalogue", operation_id = "put_customer",
    params(("id" = Name, Path, description = "The customer")),
    request_body = CustomerTags,
    responses((status = 200, body = schema::Customer, description = "The customer as it is then")),
)]
pub(crate) async fn put_one(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Json<Value>, Error> {
    let id = CustomerId::parse(&id).map_err(|_| Error::new(Kind::NotFound))?;
    let named = move |app: &App, row: &mut Row<'_>| parse(app, row, Some(&id));
    let mut customers = rows::receive(&app, request, named).await?;
    match (customers.pop(), customers.is_empty()) {
        (Some(customer), true) => {
            recorded(&app, vec![Request::PutCustomer(customer.clone())]).await?;
            Ok(Json(show(&customer)))
        }
        _ => Err(Error::new(Kind::Malformed).about(id!("malformed-object"))),
    }
}

/// Sets the tags of many customers.
#[utoipa::path(
    put, path = "/v1/customers", tag = "catalogue", operation_id = "put_customers",
    request_body(
        description = "A customer, an array of customers, or JSON lines of them",
        content(
            (schema::Rows<CustomerRow> = "application/json"),
            (CustomerRow = "application/x-ndjson"),
        ),
    ),
    responses((status = 200, body = Stored, description = "All of them are stored")),
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Json<Value>, Error> {
    let customers = rows::receive(&app, request, |app, row| parse(app, row, None)).await?;
    let stored = customers.len();
    for chunk in customers.chunks(service::ledger::REQUESTS_PER_CALL_MAX) {
        let requests = chunk.iter().cloned().map(Request::PutCustomer).collect();
        recorded(&app, requests).await?;
    }
    Ok(Json(json!({"stored": stored})))
}

fn parse(app: &App, row: &mut Row<'_>, named: Option<&CustomerId>) -> Option<Customer> {
    let merchant = row.name("merchant_id", MerchantId::parse);
    let merchant = merchant.unwrap_or_else(|| app.settings.documents.default_merchant.clone());
    let id = match named {
        Some(id) => Some(id.clone()),
        None => row.required("customer_id", CustomerId::parse),
    };
    let tags = row.texts("tags").unwrap_or_default();
    if tags.len() > TAGS_MAX {
        row.is_wrong("tags", RowCode::TooMany);
    }
    if tags.iter().any(|tag| tag.is_empty() || tag.len() > NAME_BYTES_MAX) {
        row.is_wrong("tags", RowCode::Known(Code::TooLong));
    }
    if tags.iter().any(|tag| tag.contains(char::is_control)) {
        row.is_wrong("tags", RowCode::Known(Code::BadName));
    }
    Some(Customer { merchant, id: id?, tags: tags.iter().map(CompactString::new).collect() })
}
