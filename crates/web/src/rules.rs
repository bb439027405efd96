//! `/v1/pricing-rules`: what orders are priced by.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::http::{Response, StatusCode};
use service::ledger::{Answer, Request};
use service::wire::rules;

use crate::App;
use crate::body::{self, JSON, Media, collect};
use crate::error::{Error, Kind};
use crate::openapi::schema::{RulesDocument, RulesInForce, RulesSaved};
use crate::order::json_response;
use crate::orders::blocking;
use crate::params::Params;

/// The installation's rules and their version.
#[utoipa::path(
    get, path = "/v1/pricing-rules", tag = "pricing", operation_id = "show_rules",
    responses((status = 200, body = RulesInForce, description = "The rules in force")),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    uri: axum::http::Uri,
) -> Result<Response<Body>, Error> {
    Params::read(&uri, &[])?;
    let catalogue = app.ledger.catalogue();
    let rules = &catalogue.rules;
    let source = if rules.source.is_empty() { "{\"rules\":[]}" } else { &rules.source };
    let body = format!("{{\"version\":{},\"source\":{source}}}", rules.rules.version);
    Ok(json_response(StatusCode::OK, body))
}

/// Saves rules; orders that come from now on are priced by them.
#[utoipa::path(
    put, path = "/v1/pricing-rules", tag = "pricing", operation_id = "put_rules",
    request_body = RulesDocument,
    responses((status = 200, body = RulesSaved, description = "They are in force")),
)]
pub(crate) async fn put(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Response<Body>, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    if body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let limits = &app.settings.limits;
    let bytes = collect(sent, limits.rules_bytes_max, limits.request).await?;
    // The ledger gives the version.
    let compiled =
        blocking(&app, move |app| Ok(Arc::new(rules::parse(&bytes, 0, app.settings.exponent())?)));
    let rules = compiled.await?;
    let count = rules.rules.rules().len();
    let request = Request::PutRules { rules, installed: true };
    match app.ledger.execute(vec![request]).await?.into_iter().next() {
        Some(Answer::Rules(version)) => {
            let body = format!("{{\"version\":{version},\"rules\":{count}}}");
            Ok(json_response(StatusCode::OK, body))
        }
        Some(Answer::Invalid(faults)) => Err(faults.into()),
        Some(Answer::Refused(refusal)) => Err(refusal.into()),
        Some(
            Answer::Accepted(_)
            | Answer::Recorded
            | Answer::Stock(_)
            | Answer::Batch(_)
            | Answer::Endpoint(_)
            | Answer::Once(_)
            | Answer::Buried(_)
            | Answer::Settled(_)
            | Answer::Sweep(_)
            | Answer::Broken,
        )
        | None => Err(Error::new(Kind::Internal)),
    }
}
