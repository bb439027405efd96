//! The end of one dead letter: sent again, or given up.
//!
//! Never: an end without what it is for. Both commit together, and the second of two callers is
//! told how it ended.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use serde_json::json;
use service::ledger::{Accepted, Answer, Request};
use service::letters::{End, How, Settle, Settlement, Unsent, again};
use service::wire::document;
use service::wire::message::Lang;

use super::{find, oldest};
use crate::App;
use crate::body::{self, JSON, Media, collect};
use crate::error::{Error, Kind};
use crate::fields::time;
use crate::guard::Spoken;
use crate::openapi::schema::{Cursor, DeadLetter as Shown, OrderDocument};
use crate::order::json_response;
use crate::orders::{blocking, row};
use crate::params::{NoParams, Params, Segment};

/// Sends a dead letter again, once.
///
/// A delivery goes out again behind what waits for its order; an order that failed at a step goes
/// on at its first; a line, an item or a message is taken in like any document, and its letter
/// ends only if that went through. Such a document may be mended: send another in the body.
#[utoipa::path(
    post, path = "/v1/dead-letters/{id}/redrive", tag = "operations",
    operation_id = "redrive_dead_letter",
    params(("id" = Cursor, Path, description = "The letter")),
    request_body(content = Option<OrderDocument>, description = "The document to take in instead \
        of what was kept, for lines, items and messages; nothing for others"),
    responses(
        (status = 200, body = Shown, description = "It has ended; `order` is what came of a \
            document"),
        (status = 404, description = "`not_found` There is no such letter, or the document amends \
            or cancels an order that is not there"),
        (status = 409, description = "`already_settled` It had ended before: nothing was done · \
            `not_redrivable` Letters of this kind are not sent again · `payload_gone` Its \
            document is not kept, or no longer: send one · `duplicate` The seller has an order \
            with that id · `wrong_state` The state of the order does not allow it · \
            `would_reject` The amended order would be rejected · `too_many_revisions` The order \
            has been amended as often as it may be"),
        (status = 422, description = "`payload_not_taken` What is sent again is made anew: it \
            takes no document"),
    ),
)]
pub(crate) async fn redrive(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    let limits = &app.settings.limits;
    let edited = collect(sent, limits.order_bytes_max, limits.request).await?;
    let edited = (!edited.is_empty()).then_some(edited);
    if edited.is_some() && body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let named = id.clone();
    let settle = blocking(&app, move |app| prepared(app, &named, edited)).await?;
    ended(&app, &id, settle, lang).await
}

/// Gives a dead letter up: nothing is to become of it. It stays on record.
#[utoipa::path(
    delete, path = "/v1/dead-letters/{id}", tag = "operations", operation_id = "purge_dead_letter",
    params(("id" = Cursor, Path, description = "The letter")),
    responses(
        (status = 200, body = Shown, description = "It has ended"),
        (status = 409, description = "`already_settled` It had ended before"),
    ),
)]
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
    Segment(id): Segment,
    _: NoParams,
) -> Result<Response<Body>, Error> {
    let named = id.clone();
    let letter = blocking(&app, move |app| Ok(find(app, &named)?.seq)).await?;
    ended(&app, &id, Settle { letter, how: How::Purged, with: None }, lang).await
}

/// What sends a letter again, as it is or with another document.
fn prepared(app: &App, id: &str, edited: Option<Bytes>) -> Result<Settle, Error> {
    let found = find(app, id)?;
    if let Some(end) = found.row.end {
        return Err(before(end));
    }
    let mut documents = app.settings.documents.clone();
    documents.missing_id = document::MissingId::Refuse;
    let dead = (found.row.at, &found.letter);
    again(found.seq, dead, edited, oldest(app), &documents).map_err(unsent)
}

fn unsent(why: Unsent) -> Error {
    match why {
        Unsent::Kind => Error::new(Kind::NotRedrivable),
        Unsent::Payload => Error::new(Kind::PayloadGone),
        Unsent::Edited => Error::new(Kind::PayloadNotTaken),
        Unsent::Document(document::Fault::Malformed(fault)) => fault.into(),
        Unsent::Document(document::Fault::Invalid { violations, .. }) => {
            Error::documents(violations)
        }
    }
}

fn before(end: End) -> Error {
    let settled = json!({"how": end.how.as_str(), "at": time(end.at)});
    Error::new(Kind::AlreadySettled).with("settled", settled)
}

/// Ends a letter; the answer shows it, with the order that came of it.
async fn ended(
    app: &Arc<App>,
    id: &str,
    settle: Settle,
    lang: Lang,
) -> Result<Response<Body>, Error> {
    let asked = app.ledger.execute(vec![Request::Settle(Box::new(settle))]).await?;
    let Some(Answer::Settled(settlement)) = asked.into_iter().next() else {
        return Err(Error::new(Kind::Internal));
    };
    let order = match *settlement {
        Settlement::Done { with: Some(Answer::Accepted(accepted)), .. } => Some(accepted),
        Settlement::Done { .. } => None,
        Settlement::Before(end) => return Err(before(end)),
        Settlement::Unknown => return Err(Error::new(Kind::NotFound)),
        Settlement::Open(answer) => return Err(refused(answer)),
    };
    let id = id.to_owned();
    let shown = blocking(app, move |app| {
        let whole = find(app, &id)?.whole(app, lang);
        Ok(with_order(app, whole, order, lang))
    });
    Ok(json_response(StatusCode::OK, shown.await?))
}

fn with_order(app: &App, mut whole: String, order: Option<Accepted>, lang: Lang) -> String {
    let order = order.map(|accepted| row(app, accepted.seq, &accepted.state, lang));
    whole.pop();
    format!("{whole},\"order\":{}}}", json!(order))
}

/// Why what was done for a letter did not go through: as if it had come by itself.
fn refused(answer: Answer) -> Error {
    if let Answer::Refused(refusal) = answer {
        refusal.into()
    } else if let Answer::Invalid(faults) = answer {
        faults.into()
    } else {
        Error::new(Kind::Internal)
    }
}
