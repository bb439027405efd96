//! `/openapi.json` and `/asyncapi.json`, and the page at `/docs` that shows the first: Swagger UI, all of it in the binary.
//!
//! Never: a resource from elsewhere, or anything of the store: both are open to everybody.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::middleware::map_response;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::App;
use crate::order::json_response;
use crate::{asyncapi, openapi};

/// Scripts and styles of the page itself; pictures inside its style sheets.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations", operation_id = "openapi",
    responses((status = 200, body = serde_json::Value, description = "OpenAPI 3.1")),
)]
pub(crate) async fn description() -> Response<Body> {
    json_response(StatusCode::OK, openapi::json().to_owned())
}

/// The description of events.
#[utoipa::path(
    get, path = "/asyncapi.json", tag = "operations", operation_id = "asyncapi",
    responses((status = 200, body = serde_json::Value, description = "AsyncAPI 3.0")),
)]
pub(crate) async fn events() -> Response<Body> {
    json_response(StatusCode::OK, asyncapi::json().to_owned())
}

/// The page and its parts.
pub(crate) fn pages() -> Router<Arc<App>> {
    let config = Config::from("/openapi.json")
        .try_it_out_enabled(true)
        .use_base_layout()
        .display_request_duration(true)
        .doc_expansion("list")
        .default_models_expand_depth(0)
        .persist_authorization(false)
        .validator_url("none");
    let pages: Router<Arc<App>> = SwaggerUi::new("/docs").config(config).into();
    pages.layer(map_response(async |mut response: Response<Body>| {
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }))
}
