//! `/v1/stock`: counters, counts and adjustments.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{Response, StatusCode, Uri};
use axum::{Extension, Json};
use bytes::Bytes;
use domain::command::{AdjustStock, BelowReserved, StockChange};
use domain::id::{MerchantId, Sku, StockKey};
use domain::limits::REASON_BYTES_MAX;
use domain::stock::Stock;
use messages::id;
use serde_json::{Value, json};
use service::ledger::{Answer, PAGE_ROWS_MAX, REQUESTS_PER_CALL_MAX, Request, first_of};
use service::wire::violation::Code;

use crate::App;
use crate::body::{self, JSON, Media, collect};
use crate::error::{Error, Kind, RowCode};
use crate::guard::Spoken;
use crate::idempotency;
use crate::openapi::schema::{
    self, Counted, Cursor, Name, StockAdjustment, StockCount, StockLevel, StockPage,
};
use crate::order::json_response;
use crate::orders::blocking;
use crate::params::{Params, Segment, names_cursor, read_stock_cursor};
use crate::products::stock_key;
use crate::rows::{self, Row};

/// Most refused counts that an answer lists; all are counted.
const REFUSED_LISTED_MAX: usize = 1_000;

/// A page of counters, by seller and SKU.
#[utoipa::path(
    get, path = "/v1/stock", tag = "stock", operation_id = "list_stock",
    params(
        ("merchant_id" = Option<Name>, Query, description = "Of this seller"),
        ("sku" = Option<Name>, Query, description = "Of this product"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000,
            description = "Most rows; 100 when not named"),
    ),
    responses((status = 200, body = StockPage, description = "A page")),
)]
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["merchant_id", "sku", "cursor", "limit"])?;
    let merchant = params.name("merchant_id", MerchantId::parse)?;
    let sku = params.name("sku", Sku::parse)?;
    let after = params.parsed("cursor", read_stock_cursor)?;
    let limit = params.limit(100, PAGE_ROWS_MAX)?;
    blocking(&app, move |app| match (merchant, sku) {
        (merchant, Some(sku)) => {
            let default = || app.settings.documents.default_merchant.clone();
            let key = StockKey { merchant: merchant.unwrap_or_else(default), sku };
            let row = app.ledger.stock_of(&key)?.map(|stock| show(&key, stock));
            Ok(Json(json!({"stock": Vec::from_iter(row), "next_cursor": null})))
        }
        (merchant, None) => page(app, merchant.as_ref(), after, limit),
    })
    .await
}

fn page(
    app: &App,
    merchant: Option<&MerchantId>,
    after: Option<StockKey>,
    limit: usize,
) -> Result<Json<Value>, Error> {
    let mut rows = Vec::new();
    // A seller's rows are together: begin where they begin.
    let begin = || merchant.map(first_of);
    if let Some(key) = after.is_none().then(begin).flatten() {
        rows.extend(app.ledger.stock_of(&key)?.map(|stock| (key, stock)));
    }
    let after = after.or_else(begin);
    rows.extend(app.ledger.stock(after.as_ref(), limit)?);
    rows.truncate(limit);
    let full = rows.len() == limit;
    rows.retain(|(key, _)| merchant.is_none_or(|m| key.merchant == *m));
    let more = full && rows.len() == limit;
    let next = rows.last().filter(|_| more);
    let next = next.map(|(key, _)| names_cursor(&[key.merchant.as_str(), key.sku.as_str()]));
    let rows: Vec<Value> = rows.iter().map(|(key, stock)| show(key, *stock)).collect();
    Ok(Json(json!({"stock": rows, "next_cursor": next})))
}

/// The counters of one product.
#[utoipa::path(
    get, path = "/v1/stock/{sku}", tag = "stock", operation_id = "show_stock",
    params(
        ("sku" = Name, Path, description = "The product"),
        ("merchant_id" = Option<Name>, Query,
            description = "The seller; the installation's own when not named"),
    ),
    responses((status = 200, body = StockLevel, description = "Its counters")),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Segment(sku): Segment,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["merchant_id"])?;
    let merchant = params.merchant(&app.settings.documents.default_merchant)?;
    let sku = Sku::parse(&sku).map_err(|_| Error::new(Kind::NotFound))?;
    let key = StockKey { merchant, sku };
    let stock = app.ledger.stock_of(&key)?.ok_or_else(|| Error::new(Kind::NotFound))?;
    Ok(Json(show(&key, stock)))
}

fn show(key: &StockKey, stock: Stock) -> Value {
    json!({
        "merchant_id": key.merchant.as_str(),
        "sku": key.sku.as_str(),
        "on_hand": stock.on_hand,
        "reserved": stock.reserved,
        "available": stock.available(),
        "waiting": stock.waiting,
    })
}

/// Takes counted stock over, many products at once. A count that cannot apply is listed; its
/// neighbours apply.
#[utoipa::path(
    post, path = "/v1/stock", tag = "stock", operation_id = "count_stock",
    request_body(
        description = "A count, an array of counts, or JSON lines of them",
        content(
            (schema::Rows<StockCount> = "application/json"),
            (StockCount = "application/x-ndjson"),
        ),
    ),
    responses((status = 200, body = Counted, description = "What became of them")),
)]
pub(crate) async fn count(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Json<Value>, Error> {
    let counts = rows::receive(&app, request, counted).await?;
    let (mut adjusted, mut refused) = (0_u64, Vec::new());
    for chunk in counts.chunks(REQUESTS_PER_CALL_MAX) {
        let requests = chunk.iter().cloned().map(Request::AdjustStock).collect();
        let answers = app.ledger.execute(requests).await?;
        for (count, answer) in chunk.iter().zip(answers) {
            match answered(answer) {
                Ok(_) => adjusted += 1,
                Err(error) => refused.push(error.row(&count.stock)),
            }
        }
    }
    let number = refused.len();
    refused.truncate(REFUSED_LISTED_MAX);
    Ok(Json(json!({"adjusted": adjusted, "refused": number, "refusals": refused})))
}

fn counted(app: &App, row: &mut Row<'_>) -> Option<AdjustStock> {
    let stock = stock_key(app, row);
    let reason = reason(row);
    let on_hand = row.integer("on_hand");
    if on_hand.is_none() {
        row.missing("on_hand");
    }
    let change = StockChange::To(on_hand?);
    Some(AdjustStock { stock: stock?, change, below_reserved: BelowReserved::Refuse, reason })
}

pub(crate) fn reason(row: &mut Row<'_>) -> Box<str> {
    let reason = row.text("reason").unwrap_or_default();
    if reason.len() > REASON_BYTES_MAX {
        row.is_wrong("reason", RowCode::TooLong(REASON_BYTES_MAX));
    }
    reason.into()
}

/// Changes one product's stock on hand.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/adjustments", tag = "stock", operation_id = "adjust_stock",
    params(
        ("sku" = Name, Path, description = "The product"),
        ("Idempotency-Key" = Option<String>, Header, description = "Do it once, however often it \
            is sent"),
    ),
    request_body = StockAdjustment,
    responses(
        (status = 400, description = "`bad_idempotency_key` The key is none"),
        (status = 422, description = "`idempotency_key_reused` The key was used with other \
            content"),
        (status = 200, body = StockLevel, description = "The counters as they are then"),
        (status = 409, description = "`below_reserved` Less would be left than is promised · \
            `stock_out_of_range` Below zero or above what a counter holds · `too_many_releases` \
            Too many orders would lose their reservations at once"),
    ),
)]
pub(crate) async fn adjust(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(sku): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    let sku = Sku::parse(&sku).map_err(|_| Error::new(Kind::NotFound))?;
    Params::read(&parts.uri, &[])?;
    if body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let limits = &app.settings.limits;
    let bytes = collect(sent, limits.order_bytes_max, limits.request).await?;
    let once = idempotency::key(&app, &parts, &bytes)?;
    let adjustment = adjustment(&app, &bytes, &sku)?;
    let stock = adjustment.stock.clone();
    let shown = move |_: &App, answer: &Answer| {
        let shown = show(&stock, answered(answer.clone())?);
        Ok(json_response(StatusCode::OK, shown.to_string()))
    };
    let request = Request::AdjustStock(adjustment);
    let (response, _) = idempotency::execute(&app, once, lang, request, shown).await?;
    Ok(response)
}

fn adjustment(app: &App, bytes: &Bytes, sku: &Sku) -> Result<AdjustStock, Error> {
    let parse = |row: &mut Row<'_>| {
        let merchant = row.name("merchant_id", MerchantId::parse);
        let merchant = merchant.unwrap_or_else(|| app.settings.documents.default_merchant.clone());
        let delta = row.integer("delta");
        let on_hand = row.integer("on_hand");
        let below_reserved = match row.text("release").as_deref() {
            None => BelowReserved::Refuse,
            Some("newest") => BelowReserved::ReleaseNewest,
            Some(_) => {
                row.is_wrong("release", RowCode::Known(Code::WrongType));
                BelowReserved::Refuse
            }
        };
        let reason = reason(row);
        let change = match (delta, on_hand) {
            (Some(delta), None) => StockChange::By(delta),
            (None, Some(on_hand)) => StockChange::To(on_hand),
            (None, None) | (Some(_), Some(_)) => {
                if row.is_right() {
                    row.is_wrong("", RowCode::OneOf);
                }
                return None;
            }
        };
        let stock = StockKey { merchant, sku: sku.clone() };
        Some(AdjustStock { stock, change, below_reserved, reason })
    };
    let mut rows = rows::read(app, bytes, Media::Json, parse)?;
    match (rows.pop(), rows.is_empty()) {
        (Some(adjustment), true) => Ok(adjustment),
        _ => Err(Error::new(Kind::Malformed).about(id!("malformed-object"))),
    }
}

fn answered(answer: Answer) -> Result<Stock, Error> {
    match answer {
        Answer::Stock(stock) => Ok(stock),
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Invalid(faults) => Err(faults.into()),
        Answer::Accepted(_)
        | Answer::Recorded
        | Answer::Rules(_)
        | Answer::Batch(_)
        | Answer::Endpoint(_)
        | Answer::Once(_)
        | Answer::Buried(_)
        | Answer::Settled(_)
        | Answer::Sweep(_)
        | Answer::Broken => Err(Error::new(Kind::Internal)),
    }
}
