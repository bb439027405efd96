//! `GET /v1/orders/{id}`: an order with its lines, the reason for its price, and its history.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use domain::event::Event;
use domain::id::{MerchantId, OrderId};
use domain::order;
use domain::pricing::Pricing;
use domain::state::{Claim, ClaimState, Status};
use domain::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use service::change::{Audit, Seq};
use service::ledger::{Found, OrderView};
use service::wire::csv;
use service::wire::document;
use service::wire::message::{Lang, event_label, line_label, order_label};
use service::wire::violation::Severity;

use crate::App;
use crate::archived;
use crate::audits;
use crate::commands::etag;
use crate::error::{Error, Kind, stored};
use crate::events::{self, kind, policy};
use crate::explain;
use crate::fields::{money, time};
use crate::guard::Spoken;
use crate::openapi::schema::{Name, OrderOrInvalid};
use crate::params::{Params, Segment, cursor};
use crate::place::{Dialect, link};
use crate::waiting;

/// Everything about one order, in the order it is read.
#[derive(Serialize)]
struct Shown<'a> {
    order_id: &'a str,
    merchant_id: &'a str,
    status: &'a str,
    status_label: &'a str,
    valid: bool,
    is_duplicate: bool,
    kind: &'a str,
    revision: u32,
    channel: &'a str,
    customer_id: Option<&'a str>,
    batch: Option<Value>,
    received_at: String,
    updated_at: String,
    total: Option<String>,
    currency: &'a str,
    shortage_policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Value>,
    lines: Vec<Value>,
    pricing: Option<Value>,
    repeats: u32,
    warnings: Vec<Value>,
    history: Vec<Value>,
    attributes: BTreeMap<String, Box<RawValue>>,
    document: Option<&'a RawValue>,
    document_url: String,
    links: Value,
    #[serde(flatten)]
    older: Option<Older<'a>>,
}

/// Names that older systems know.
#[derive(Serialize)]
struct Older<'a> {
    #[serde(rename = "orderId")]
    order_id: Option<&'a str>,
    #[serde(rename = "customerId")]
    customer_id: Option<&'a str>,
    #[serde(rename = "batchId")]
    batch_id: Option<&'a str>,
    #[serde(rename = "isDuplicate")]
    is_duplicate: bool,
    #[serde(rename = "s3Url")]
    s3_url: Option<String>,
    message: &'a str,
}

/// Finds an order by its id, and by its seller when that is given.
pub(crate) fn find(app: &App, id: &str, params: &Params) -> Result<Found, Error> {
    let merchant = params.name("merchant_id", MerchantId::parse)?;
    let Ok(id) = OrderId::parse(id) else { return Err(Error::new(Kind::OrderNotFound)) };
    match app.ledger.order(&id, merchant.as_ref())? {
        Found::Nothing => Err(Error::new(Kind::OrderNotFound)),
        Found::Ambiguous(merchants) => {
            let merchants: Vec<&str> = merchants.iter().map(MerchantId::as_str).collect();
            Err(Error::new(Kind::Ambiguous).with("merchants", merchants))
        }
        found @ (Found::Order(_) | Found::Invalid(_)) => Ok(found),
    }
}

/// One order.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", operation_id = "show_order",
    params(
        ("id" = Name, Path, description = "The order"),
        ("merchant_id" = Option<Name>, Query, description = "The seller, when several use that id"),
    ),
    responses(
        (status = 200, body = OrderOrInvalid, description = "The order with its lines, the \
            explanation of its price, and its history"),
        (status = 409, description = "`ambiguous_order` Several sellers have that id"),
    ),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let dialect = Dialect::of(&uri);
    let params = Params::read(&uri, &["merchant_id"])?;
    match find(&app, &id, &params)? {
        Found::Order(view) => {
            let archived = archived::link(&app, &view).await;
            let shown = order(&app, &view, archived, lang, dialect)?;
            let mut response = json_response(StatusCode::OK, shown);
            response.headers_mut().insert(ETAG, etag(view.state.revision));
            Ok(response)
        }
        Found::Invalid(found) => {
            Ok(json_response(StatusCode::OK, invalid(&app, &found, lang, dialect)?))
        }
        Found::Nothing | Found::Ambiguous(_) => Err(Error::new(Kind::NotFound)),
    }
}

/// A JSON answer.
pub(crate) fn json_response(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

pub(crate) fn written(shown: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(shown).map_err(|_| Error::new(Kind::Internal))
}

fn order(
    app: &App,
    view: &OrderView,
    archived: Option<String>,
    lang: Lang,
    dialect: Dialect,
) -> Result<String, Error> {
    let state = &view.state;
    let label = order_label(state.status, lang);
    let pricing = view.history.iter().rev().find_map(|(_, _, event)| priced(event));
    let pricing = pricing.map(|pricing| explain::pricing(app, pricing));
    let purchase = read_again(app, view);
    let json = csv::canonical(&view.document);
    let link = link(&state.key);
    let document_url = archived.unwrap_or_else(|| link_to_document(app, &link, state.revision));
    written(&Shown {
        order_id: state.key.id.as_str(),
        merchant_id: state.key.merchant.as_str(),
        status: state.status.as_str(),
        status_label: label,
        valid: true,
        is_duplicate: false,
        kind: kind(state.kind),
        revision: state.revision,
        channel: state.channel.as_str(),
        customer_id: state.customer.as_ref().map(|c| c.as_str()),
        batch: state.batch.as_ref().map(events::batch),
        received_at: time(state.received_at),
        updated_at: time(state.updated_at),
        total: state.total.map(|total| money(total, app.settings.exponent())),
        currency: &app.settings.currency,
        shortage_policy: policy(state.shortage),
        waiting_for: waiting::waiting_for(app, state),
        failure: waiting::failure(view),
        lines: lines(purchase.as_ref(), &state.claims, pricing.as_ref(), lang),
        pricing: pricing.map(without_lines),
        repeats: state.repeats,
        warnings: view.warnings.iter().map(|w| stored(w, Severity::Warn, lang)).collect(),
        history: history(app, &view.history, lang),
        attributes: document::attributes(&json),
        document: events::raw(&json),
        document_url: document_url.clone(),
        links: json!({"self": link}),
        older: (dialect == Dialect::Older).then(|| Older {
            order_id: Some(state.key.id.as_str()),
            customer_id: state.customer.as_ref().map(|c| c.as_str()),
            batch_id: state.batch.as_ref().map(|item| item.batch.as_str()),
            is_duplicate: false,
            s3_url: Some(document_url),
            message: label,
        }),
    })
}

/// Where the document of a revision is, for whoever has the link.
fn link_to_document(app: &App, link: &str, revision: u32) -> String {
    let (path, query) = link.split_once('?').unwrap_or((link, ""));
    let address = format!("{path}/document?{query}&revision={revision}");
    app.links.sign(&address, (app.clock)(), app.settings.limits.document_link)
}

fn priced(event: &Event) -> Option<&Pricing> {
    match event {
        Event::Priced(pricing) => Some(pricing),
        Event::Received(_)
        | Event::Amended(_)
        | Event::Allocated { .. }
        | Event::Rejected(_)
        | Event::Filled { .. }
        | Event::Queued { .. }
        | Event::Unreserved { .. }
        | Event::Cancelled { .. }
        | Event::StepsAwaited { .. }
        | Event::StepTakenUp { .. }
        | Event::StepPassed { .. }
        | Event::StepRemoved { .. }
        | Event::StepIgnored(_)
        | Event::Failed { .. }
        | Event::Redriven { .. }
        | Event::Fulfilled
        | Event::Repeated { .. }
        | Event::Refused(_) => None,
    }
}

/// The explanation beside the lines, which carry their own part of it.
pub(crate) fn without_lines(mut pricing: Value) -> Value {
    if let Some(members) = pricing.as_object_mut() {
        members.remove("lines");
    }
    pricing
}

fn history(app: &App, history: &[(Seq, Timestamp, Event)], lang: Lang) -> Vec<Value> {
    let one = |(seq, at, event): &(Seq, Timestamp, Event)| {
        let details = match event {
            Event::Priced(_) => without_lines(events::details(app, event)),
            _ => events::details(app, event),
        };
        json!({
            "sequence": cursor(*seq),
            "at": time(*at),
            "event": event.name(),
            "event_label": event_label(event, lang),
            "details": details,
        })
    };
    history.iter().map(one).collect()
}

/// The document's lines, each with what it costs and what its claim has. A document that is not
/// read any more (rules have changed since) leaves the claims.
pub(crate) fn lines(
    purchase: Option<&order::Purchase>,
    claims: &[Claim],
    pricing: Option<&Value>,
    lang: Lang,
) -> Vec<Value> {
    let explained = |at: usize| pricing.and_then(|p| p.get("lines")?.get(at).cloned());
    let Some(purchase) = purchase else {
        let mut skus: Vec<&str> = claims.iter().map(|claim| claim.sku.as_str()).collect();
        skus.dedup();
        return skus.into_iter().map(|sku| claimed(claims, sku, lang)).collect();
    };
    let of_line = |(at, line): (usize, &order::Line)| {
        let mut shown = claimed(claims, line.sku.as_str(), lang);
        if let Value::Object(members) = &mut shown {
            members.insert("line".into(), (at + 1).into());
            members.insert("quantity".into(), line.quantity.into());
            if let Some(Value::Object(mut price)) = explained(at) {
                members.append(&mut price);
            }
        }
        shown
    };
    purchase.lines.as_slice().iter().enumerate().map(of_line).collect()
}

fn claimed(claims: &[Claim], sku: &str, lang: Lang) -> Value {
    // An amended order may have several claims on a product: it has what the last of them has.
    let own = || claims.iter().filter(|claim| claim.sku.as_str() == sku);
    let open = own().find(|claim| !claim.state.is_done()).or_else(|| own().next());
    let line = open.map_or(ClaimState::Open, |claim| claim.state);
    json!({
        "sku": sku,
        "quantity": open.map(|_| own().map(|claim| claim.quantity).sum::<i64>()),
        "status": line.as_str(),
        "status_label": line_label(line, lang),
    })
}

fn read_again(app: &App, view: &OrderView) -> Option<order::Purchase> {
    let order = document::read_again(&view.document, &view.state.key.id, &app.settings.documents)?;
    match order.body {
        order::Body::Purchase(purchase) => Some(purchase),
        order::Body::Transfer(_) => None,
    }
}

/// What was only ever invalid.
#[derive(Serialize)]
struct ShownInvalid<'a> {
    order_id: Option<&'a str>,
    merchant_id: Option<&'a str>,
    status: &'a str,
    status_label: &'a str,
    valid: bool,
    is_duplicate: bool,
    channel: &'a str,
    batch: Option<Value>,
    received_at: String,
    sequence: String,
    violations: Vec<Value>,
    document: Option<&'a RawValue>,
    document_text: Option<String>,
    document_url: Option<String>,
    #[serde(flatten)]
    older: Option<Older<'a>>,
}

fn invalid(
    app: &App,
    (seq, at, audit): &(Seq, Timestamp, Audit),
    lang: Lang,
    dialect: Dialect,
) -> Result<String, Error> {
    let kept = audits::kept(app, *at, audit);
    let document = kept.and_then(|document| events::raw(document));
    let order_id = audit.order.as_ref().map(OrderId::as_str);
    written(&ShownInvalid {
        order_id,
        merchant_id: audit.merchant.as_ref().map(MerchantId::as_str),
        status: "INVALID",
        status_label: order_label(Status::Invalid, lang),
        valid: false,
        is_duplicate: false,
        channel: audit.channel.as_str(),
        batch: audit.batch.as_ref().map(events::batch),
        received_at: time(*at),
        sequence: cursor(*seq),
        violations: audit.faults.iter().map(|f| stored(f, Severity::Error, lang)).collect(),
        document,
        document_text: kept
            .filter(|_| document.is_none())
            .map(|text| String::from_utf8_lossy(text).into_owned()),
        document_url: kept.map(|_| audits::document_url(app, *seq)),
        older: (dialect == Dialect::Older).then(|| Older {
            order_id,
            customer_id: None,
            batch_id: audit.batch.as_ref().map(|item| item.batch.as_str()),
            is_duplicate: false,
            // What was no order was not archived as one.
            s3_url: None,
            message: order_label(Status::Invalid, lang),
        }),
    })
}
