//! The whole API on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::App;
use crate::error::{Error, Kind};
use crate::{
    changes, customers, guard, intake, order, orders, page, place, products, rules, status, stock,
};

/// Every address there is. [`crate::serve()`] answers `POST /v1/orders` by the same functions
/// without coming through here.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/orders", get(orders::list).post(place::handle))
        .route("/v1/orders/{id}", get(order::show))
        .route("/v1/orders/{id}/document", get(order::document))
        .route("/v1/orders/{id}/fulfil", post(orders::fulfil))
        .route("/v1/products", get(products::list).put(products::put))
        .route("/v1/products/{sku}", get(products::one))
        .route("/v1/stock", get(stock::list).post(stock::count))
        .route("/v1/stock/{sku}", get(stock::one))
        .route("/v1/stock/{sku}/adjustments", post(stock::adjust))
        .route("/v1/customers", get(customers::list).put(customers::put))
        .route("/v1/customers/{id}", get(customers::one).put(customers::put_one))
        .route("/v1/pricing-rules", get(rules::show).put(rules::put))
        .route("/v1/batches", get(intake::list).post(intake::start))
        .route("/v1/batches/{id}", get(intake::one))
        .route("/v1/batches/{id}/results", get(intake::results))
        .route("/v1/batches/{id}/summary", get(intake::summary))
        .route("/v1/batches/{id}/stop", post(intake::stop))
        .route("/v1/batches/{id}/redrive", post(intake::redrive))
        .route("/v1/changes", get(changes::list))
        .route("/v1/status", get(status::status))
        // The same handlers by their older names; answers carry older names beside ours.
        .route("/orders", get(orders::list).post(place::handle))
        .route("/orders/{id}", get(order::show))
        .route("/health", get(status::health))
        .route("/ready", get(status::ready))
        .route("/metrics", get(status::metrics))
        .route("/", get(page::show))
        .fallback(async || Error::new(Kind::NoRoute))
        .method_not_allowed_fallback(async || Error::new(Kind::MethodNotAllowed))
        // Each handler has its own bound, with its own answer.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
