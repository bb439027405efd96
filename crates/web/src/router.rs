//! The whole API on one page. Each handler's address and method stand above it, in the declaration
//! that also documents it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::error::{Error, Kind};
use crate::{
    audits, changes, commands, customers, docs, documents, files, guard, intake, openapi, order,
    orders, page, place, products, quotes, rules, rules_test, status, stock,
};

/// Every address there is, with its description. [`crate::serve()`] answers `POST /v1/orders` by
/// the same functions without coming through here.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(orders::list, place::handle))
        .routes(routes!(order::show, commands::amend))
        .routes(routes!(documents::of_order))
        .routes(routes!(commands::cancel))
        .routes(routes!(commands::fulfil))
        .routes(routes!(products::list, products::put))
        .routes(routes!(products::one))
        .routes(routes!(stock::list, stock::count))
        .routes(routes!(stock::one))
        .routes(routes!(stock::adjust))
        .routes(routes!(customers::list, customers::put))
        .routes(routes!(customers::one, customers::put_one))
        .routes(routes!(rules::show, rules::put))
        .routes(routes!(rules_test::test))
        .routes(routes!(quotes::quote))
        .routes(routes!(documents::replace_secret))
        .routes(routes!(audits::list))
        .routes(routes!(audits::show))
        .routes(routes!(audits::document))
        .routes(routes!(intake::list, intake::start))
        .routes(routes!(intake::one))
        .routes(routes!(intake::results))
        .routes(routes!(intake::summary))
        .routes(routes!(intake::stop))
        .routes(routes!(intake::redrive))
        .routes(routes!(files::list))
        .routes(routes!(files::one, files::put))
        .routes(routes!(files::rejects))
        .routes(routes!(changes::list))
        .routes(routes!(status::status))
        .routes(routes!(status::health))
        .routes(routes!(status::ready))
        .routes(routes!(status::metrics))
        .routes(routes!(page::show))
        .routes(routes!(docs::description))
}

/// The API, ready to be called.
pub fn router(app: Arc<App>) -> Router {
    let (documented, _) = routes().split_for_parts();
    documented
        // The same handlers by their older names; answers carry older names beside ours.
        .route("/orders", get(orders::list).post(place::handle))
        .route("/orders/{id}", get(order::show).patch(commands::amend))
        .merge(docs::pages())
        .fallback(async || Error::new(Kind::NoRoute))
        .method_not_allowed_fallback(async || Error::new(Kind::MethodNotAllowed))
        // Each handler has its own bound, with its own answer.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
