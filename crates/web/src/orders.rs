//! `GET /v1/orders`: lists of orders.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::{Extension, Json};
use domain::id::{BatchId, CustomerId, MerchantId, Sku, StockKey};
use domain::order::Channel;
use domain::state::{Claim, ClaimState, OrderState, Status};
use serde_json::{Value, json};
use service::change::Seq;
use service::ledger::{By, PAGE_ROWS_MAX, Query, SUPPORTED_FILTERS};
use service::wire::message::{Lang, line_label, order_label};

use crate::App;
use crate::error::{Error, Kind};
use crate::events::{self, kind};
use crate::fields::{masked, money, time};
use crate::guard::Spoken;
use crate::openapi::schema::Status as StatusName;
use crate::openapi::schema::{Channel as ChannelName, Cursor, LineStatus, Name, OrderPage};
use crate::params::{Params, cursor, read_cursor};
use crate::place::{Dialect, link};

const PARAMETERS: [&str; 11] = [
    "status",
    "merchant_id",
    "customer_id",
    "sku",
    "line_status",
    "batch_id",
    "channel",
    "from",
    "until",
    "limit",
    "cursor",
];

/// A page of orders, newest first.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", operation_id = "list_orders",
    params(
        ("status" = Option<StatusName>, Query, description = "In this state"),
        ("merchant_id" = Option<Name>, Query, description = "Of this seller"),
        ("customer_id" = Option<Name>, Query, description = "Of this customer of the seller"),
        ("sku" = Option<Name>, Query, description = "With this product of the seller"),
        ("line_status" = Option<LineStatus>, Query, description = "With the product in this state"),
        ("batch_id" = Option<Name>, Query, description = "Of this batch"),
        ("channel" = Option<ChannelName>, Query, description = "That came in there"),
        ("from" = Option<String>, Query, description = "Received at or after (RFC 3339, or a day)"),
        ("until" = Option<String>, Query, description = "Received before (RFC 3339), or by the \
            end of a day"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most rows; 50 \
            when not named"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
    ),
    responses(
        (status = 200, body = OrderPage, description = "A page"),
        (status = 400, description = "`unsupported_filters` These filters do not go together"),
    ),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let dialect = Dialect::of(&uri);
    let query = query(&app, &Params::read(&uri, &PARAMETERS)?)?;
    let page = blocking(&app, move |app| Ok(app.ledger.find(&query)?)).await?;
    let rows = page.orders.iter().map(|(seq, state)| match dialect {
        Dialect::V1 => row(&app, *seq, state, lang),
        Dialect::Older => with_older_names(row(&app, *seq, state, lang), state),
    });
    Ok(Json(json!({
        "orders": rows.collect::<Vec<_>>(),
        "next_cursor": page.next.map(cursor),
    })))
}

/// Runs what may wait for a disk where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let app = app.clone();
    let done = tokio::task::spawn_blocking(move || work(&app)).await;
    done.map_err(|_| Error::new(Kind::Internal))?
}

fn query(app: &App, params: &Params) -> Result<Query, Error> {
    let zone = &app.settings.documents.time_zone;
    Ok(Query {
        by: by(params)?,
        from: params.from("from", zone)?,
        until: params.until("until", zone)?,
        before: params.parsed("cursor", read_cursor)?,
        limit: params.limit(50, PAGE_ROWS_MAX)?,
    })
}

fn by(params: &Params) -> Result<By, Error> {
    let merchant = params.name("merchant_id", MerchantId::parse)?;
    let status = params.parsed("status", Status::parse)?;
    let customer = params.name("customer_id", CustomerId::parse)?;
    let sku = params.name("sku", Sku::parse)?;
    let line = params.parsed("line_status", claim_state)?;
    let batch = params.name("batch_id", BatchId::parse)?;
    let channel = params.parsed("channel", Channel::parse)?;
    if status == Some(Status::Invalid) {
        // What was only ever invalid is no order, and has a list of its own.
        return Err(Error::new(Kind::UnsupportedFilters).about("GET /v1/audits"));
    }
    match (merchant, status, customer, sku, line, batch, channel) {
        (None, None, None, None, None, None, None) => Ok(By::All),
        (None, Some(status), None, None, None, None, None) => Ok(By::Status(status)),
        (Some(m), None, None, None, None, None, None) => Ok(By::Merchant(m)),
        (Some(m), Some(status), None, None, None, None, None) => Ok(By::MerchantStatus(m, status)),
        (Some(m), None, Some(customer), None, None, None, None) => Ok(By::Customer(m, customer)),
        (Some(merchant), None, None, Some(sku), None, None, None) => {
            Ok(By::Sku(StockKey { merchant, sku }))
        }
        (Some(merchant), None, None, Some(sku), Some(line), None, None) => {
            Ok(By::SkuStatus(StockKey { merchant, sku }, line))
        }
        (None, None, None, None, None, Some(batch), None) => Ok(By::Batch(batch)),
        (None, None, None, None, None, None, Some(channel)) => Ok(By::Channel(channel)),
        _ => Err(Error::new(Kind::UnsupportedFilters).about(SUPPORTED_FILTERS)),
    }
}

/// A line status on the wire. `BACKORDERED` is a claim in the SKU's queue, not one that only
/// stands by for it.
fn claim_state(name: &str) -> Option<ClaimState> {
    ClaimState::ALL.iter().find(|(_, n)| *n == name).map(|(state, _)| *state)
}

/// An order in a list.
pub(crate) fn row(app: &App, seq: Seq, state: &OrderState, lang: Lang) -> Value {
    let line = |claim: &Claim| {
        json!({
            "sku": claim.sku.as_str(),
            "quantity": claim.quantity,
            "status": claim.state.as_str(),
            "status_label": line_label(claim.state, lang),
        })
    };
    json!({
        "order_id": state.key.id.as_str(),
        "merchant_id": state.key.merchant.as_str(),
        "status": state.status.as_str(),
        "status_label": order_label(state.status, lang),
        "revision": state.revision,
        "kind": kind(state.kind),
        "channel": state.channel.as_str(),
        "customer_id": state.customer.as_ref().map(masked),
        "batch": state.batch.as_ref().map(events::batch),
        "received_at": time(state.received_at),
        "updated_at": time(state.updated_at),
        "total": state.total.map(|total| money(total, app.settings.exponent())),
        "currency": &app.settings.currency,
        "lines": state.claims.iter().map(line).collect::<Vec<_>>(),
        "repeats": state.repeats,
        "sequence": cursor(seq),
        "links": {"self": link(&state.key)},
    })
}

/// A listed order with the names that older systems know.
fn with_older_names(mut row: Value, state: &OrderState) -> Value {
    row["orderId"] = state.key.id.as_str().into();
    row["customerId"] = row["customer_id"].clone();
    row["batchId"] = state.batch.as_ref().map(|item| item.batch.as_str()).into();
    row["valid"] = true.into();
    row["isDuplicate"] = false.into();
    row
}
