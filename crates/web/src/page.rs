//! `GET /`: the start page. Shows what the API says, and nothing else.
//!
//! Never: a resource from elsewhere, markup made of data. Everything shown is set as text, and
//! the content policy lets only this page's own script run.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::response::IntoResponse;
use service::wire::message::Lang;

use crate::App;
use crate::error::{Error, Kind};
use crate::guard::Spoken;

const PAGE: &str = include_str!("page.html");

/// The page, in the reader's language.
#[utoipa::path(
    get, path = "/", tag = "operations", operation_id = "start_page",
    responses((status = 200, body = String, content_type = "text/html", description = "The start \
        page")),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Extension(Spoken(lang)): Extension<Spoken>,
) -> Result<Response<Body>, Error> {
    let nonce = nonce()?;
    let page = PAGE
        .replace("{lang}", lang.as_str())
        .replace("{nonce}", &nonce)
        .replace("{version}", app.settings.version)
        .replace("{texts}", texts(lang));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", policy.as_str()),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("vary", "accept-language"),
    ];
    Ok((headers, page).into_response())
}

fn nonce() -> Result<String, Error> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| Error::new(Kind::Internal))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The page's words, as a JavaScript object.
fn texts(lang: Lang) -> &'static str {
    match lang {
        Lang::PtBr => include_str!("page/pt-BR.json"),
        Lang::Es => include_str!("page/es.json"),
        Lang::En => include_str!("page/en.json"),
    }
}
