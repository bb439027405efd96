//! `/health`, `/ready`, `/metrics`, and what the start page shows.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::App;
use crate::openapi::schema::{Alive, Readiness, ServerStatus};

/// Alive: whoever answers is.
#[utoipa::path(
    get, path = "/health", tag = "operations", operation_id = "health",
    responses((status = 200, body = Alive, description = "Alive")),
)]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"status": "ok", "version": app.settings.version}))
}

/// Ready: the store takes requests.
#[utoipa::path(
    get, path = "/ready", tag = "operations", operation_id = "ready",
    responses(
        (status = 200, body = Readiness, description = "Requests are taken"),
        (status = 503, body = Readiness, description = "Requests are not taken"),
    ),
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response<Body> {
    let health = (app.health)();
    let ready = health.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(checks(&app))).into_response()
}

fn checks(app: &App) -> Value {
    let health = (app.health)();
    json!({
        "ready": health.is_ready(),
        "writer_alive": health.writer_alive,
        "disk_low": health.disk_low,
        "disk_free_bytes": health.disk_free_bytes,
        "problems": health.problems,
        "degraded": degraded(app),
    })
}

/// Followers that do not deliver. Requests are taken all the same.
fn degraded(app: &App) -> Vec<Value> {
    let followers = app.followers.driven();
    let troubled = followers.iter().filter_map(|follower| {
        let (name, state) = (&*follower.name, follower.standing.as_str());
        let problem = follower.standing.trouble()?;
        Some(json!({"follower": name, "state": state, "problem": problem}))
    });
    troubled.collect()
}

/// Figures of this server since it started.
#[utoipa::path(
    get, path = "/v1/status", tag = "operations", operation_id = "status",
    responses((status = 200, body = ServerStatus, description = "Figures")),
)]
pub(crate) async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    let gauges = (app.gauges)();
    Json(json!({
        "version": app.settings.version,
        "checks": checks(&app),
        "orders_taken": app.metrics.taken(),
        "queue_bytes": gauges.queue_bytes,
        "queue_requests": gauges.queue_requests,
        "projection_lag_bytes": gauges.projection_lag_bytes,
        "log_bytes": gauges.log_bytes,
    }))
}

/// Everything that is counted, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "Everything \
        that is counted, for Prometheus")),
)]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    let mut text = {
        let (followers, now) = (app.followers.driven(), (app.clock)());
        app.metrics.render(&(app.gauges)(), &app.commits, &followers, now)
    };
    text.push_str(&crate::metrics::statements(&app.queries.tally()));
    // Where they cannot be read there is no figure, and the rest is still there.
    if let Ok(open) = app.ledger.letters_open() {
        text.push_str(&crate::metrics::letters(&open));
    }
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
