//! `POST /v1/quotes`: what would become of an order and what it would cost, without placing it.
//!
//! The document is read, priced and decided as one that is placed. Never: a record, an id used. An
//! id that is used already makes no difference.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use domain::order::{self, Order};
use serde::Serialize;
use serde_json::Value;
use service::batch::dry;
use service::ledger::{Accepted, Answer, Receive};
use service::wire::document::{self, Command, Read};
use service::wire::message::{Lang, order_label};
use service::wire::violation::Violation;

use crate::App;
use crate::body::{self, JSON, Media, collect};
use crate::error::{Error, Kind, violation};
use crate::events::{rejection, shortages};
use crate::explain;
use crate::fields::money;
use crate::guard::Spoken;
use crate::openapi::schema::{self, OrderDocument};
use crate::order::{json_response, lines, without_lines, written};
use crate::orders::blocking;
use crate::params::Params;

/// What an order would come to.
#[derive(Serialize)]
struct Quote<'a> {
    /// Null for a document without one: placed, it would be given one.
    order_id: Option<&'a str>,
    merchant_id: &'a str,
    status: &'a str,
    status_label: &'a str,
    kind: &'a str,
    channel: &'a str,
    total: Option<String>,
    currency: &'a str,
    lines: Vec<Value>,
    shortages: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<Value>,
    pricing: Option<Value>,
    warnings: Vec<Value>,
}

/// Quotes one order: what would become of it now, and what it would cost.
///
/// It is read, priced and decided like one that is placed. Nothing is recorded, no id is used, and
/// an id that is used makes no difference. Another order may take the stock before it is placed.
#[utoipa::path(
    post, path = "/v1/quotes", tag = "orders", operation_id = "quote_order",
    request_body = OrderDocument,
    responses(
        (status = 200, body = schema::Quote, description = "What it would come to"),
        (status = 422, description = "`not_quotable` The document amends or cancels an order"),
    ),
)]
pub(crate) async fn quote(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    if body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let limits = &app.settings.limits;
    let document = collect(sent, limits.order_bytes_max, limits.request).await?;
    let quoted = blocking(&app, move |app| quoted(app, document, lang)).await?;
    Ok(json_response(StatusCode::OK, quoted))
}

fn quoted(app: &App, document: Bytes, lang: Lang) -> Result<String, Error> {
    let read = document::read(&document, &app.settings.documents).map_err(|fault| match fault {
        document::Fault::Malformed(fault) => Error::from(fault),
        document::Fault::Invalid { violations, .. } => Error::documents(violations),
    })?;
    let Read { command, server_made_id, warnings, .. } = read;
    let order = match command {
        Command::Create(order) => order,
        // What they come to depends on the order they are for.
        Command::Amend(_) | Command::Cancel(_) => return Err(Error::new(Kind::NotQuotable)),
    };
    let receive =
        Receive { order: order.clone(), document, warnings: Vec::new(), batch: None, rules: None };
    let accepted = match dry::quote(&*app.ledger, receive, app.clock.clone())? {
        Answer::Accepted(accepted) => accepted,
        Answer::Invalid(faults) => return Err(faults.into()),
        Answer::Refused(refusal) => return Err(refusal.into()),
        Answer::Recorded
        | Answer::Stock(_)
        | Answer::Rules(_)
        | Answer::Batch(_)
        | Answer::Endpoint(_)
        | Answer::Once(_)
        | Answer::Buried(_)
        | Answer::Settled(_)
        | Answer::Sweep(_)
        | Answer::Broken => return Err(Error::new(Kind::Internal)),
    };
    let mut shown = shown(app, &order, &accepted, &warnings, lang);
    if server_made_id {
        shown.order_id = None;
    }
    written(&shown)
}

fn shown<'a>(
    app: &'a App,
    order: &'a Order,
    accepted: &'a Accepted,
    warnings: &[Violation],
    lang: Lang,
) -> Quote<'a> {
    let pricing = accepted.pricing.as_deref().map(|pricing| explain::pricing(app, pricing));
    let (kind, purchase) = match &order.body {
        order::Body::Purchase(purchase) => ("purchase", Some(purchase)),
        order::Body::Transfer(_) => ("transfer", None),
    };
    Quote {
        order_id: Some(order.key.id.as_str()),
        merchant_id: order.key.merchant.as_str(),
        status: accepted.state.status.as_str(),
        status_label: order_label(accepted.state.status, lang),
        kind,
        channel: order.channel.as_str(),
        total: accepted.state.total.map(|total| money(total, app.settings.exponent())),
        currency: &app.settings.currency,
        lines: lines(purchase, &accepted.state.claims, pricing.as_ref(), lang),
        shortages: shortages(&accepted.shortages),
        rejection: accepted.rejection.as_ref().map(rejection),
        pricing: pricing.map(without_lines),
        warnings: warnings.iter().map(|warning| violation(warning, lang)).collect(),
    }
}
