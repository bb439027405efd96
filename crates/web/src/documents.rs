//! Documents as they came, byte for byte: with a key, or by a link that expires.
//!
//! Never: a document that a browser would show or run. What somebody sent is no page of ours.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, Uri};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use service::change::What;
use service::ledger::{Found, OrderView};

use crate::App;
use crate::audits;
use crate::error::{Error, Kind};
use crate::links::Earlier;
use crate::openapi::schema::{Bytes, LinksSecret, Name};
use crate::order::find;
use crate::orders::blocking;
use crate::params::{Params, Segment};

/// An order's document, byte for byte. With an API key, or by the link in an order's
/// `document_url`, which needs none until it expires.
#[utoipa::path(
    get, path = "/v1/orders/{id}/document", tag = "orders", operation_id = "order_document",
    params(
        ("id" = Name, Path, description = "The order"),
        ("merchant_id" = Option<Name>, Query, description = "The seller, when several use that id"),
        ("revision" = Option<u32>, Query, minimum = 1, description = "The newest when not named"),
        ("expires" = Option<i64>, Query, description = "Of a link: seconds since 1970"),
        ("signature" = Option<String>, Query, description = "Of a link: as it was given"),
    ),
    responses(
        (status = 200, body = Bytes, content_type = "application/octet-stream",
            description = "What was sent"),
        (status = 403, description = "`link_unknown` Not a link that was given out · \
            `link_expired` Its time is over"),
        (status = 409, description = "`ambiguous_order` Several sellers have that id"),
    ),
)]
pub(crate) async fn of_order(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Response<Body>, Error> {
    let params = Params::read(&uri, &["merchant_id", "revision", "expires", "signature"])?;
    // With a key a link's own parameters decide nothing, and are no nonsense either.
    params.parsed("expires", |text| text.parse::<i64>().ok())?;
    let revision = params.parsed("revision", |text| text.parse().ok().filter(|n: &u32| *n > 0))?;
    blocking(&app, move |app| match find(app, &id, &params)? {
        Found::Order(view) => Ok(served(document_of(app, &view, revision)?)),
        Found::Invalid(found) => match audits::kept(app, found.1, &found.2) {
            Some(document) => Ok(served(document.clone())),
            None => Err(Error::new(Kind::NotFound)),
        },
        Found::Nothing | Found::Ambiguous(_) => Err(Error::new(Kind::NotFound)),
    })
    .await
}

/// The document of a revision; the newest when none is named.
fn document_of(app: &App, view: &OrderView, revision: Option<u32>) -> Result<bytes::Bytes, Error> {
    if revision.is_none_or(|revision| revision == view.state.revision) {
        return Ok(view.document.clone());
    }
    let at = revision.and_then(|revision| usize::try_from(revision).ok()?.checked_sub(1));
    let seq = at.and_then(|at| view.revisions.get(at)).ok_or_else(|| Error::new(Kind::NotFound))?;
    match app.ledger.change(*seq)?.what {
        What::Order { document: Some(document), .. } => Ok(document),
        _ => Err(Error::new(Kind::NotFound)),
    }
}

/// Bytes that a browser saves, and never shows or runs.
pub(crate) fn served(document: bytes::Bytes) -> Response<Body> {
    let headers = [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename=\"order.json\""),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "private, no-store"),
    ];
    (headers, document).into_response()
}

/// Signs links with a new secret from now on. Links that were given out count until they expire,
/// or end at once.
#[utoipa::path(
    post, path = "/v1/link-secrets", tag = "operations", operation_id = "replace_link_secret",
    params(("earlier" = Option<String>, Query, description = "`count` (as when not named): links \
        that were given out count until they expire; `end`: they end now")),
    responses((status = 200, body = LinksSecret, description = "It signs from now on")),
)]
pub(crate) async fn replace_secret(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let earlier = Params::read(&uri, &["earlier"])?.parsed("earlier", |text| match text {
        "count" => Some(Earlier::Count),
        "end" => Some(Earlier::End),
        _ => None,
    })?;
    let earlier = earlier.unwrap_or(Earlier::Count);
    blocking(&app, move |app| {
        app.links.replace((app.clock)(), earlier)?;
        let name = match earlier {
            Earlier::Count => "count",
            Earlier::End => "end",
        };
        Ok(Json(json!({"earlier": name})))
    })
    .await
}
