//! The whole API on one page. Each handler's address and method stand above it, in the declaration
//! that also documents it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, get, on};
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::{OpenApi, Paths};

use crate::App;
use crate::error::{Error, Kind};
use crate::letters::{ends as letter_ends, sweeps as letter_sweeps};
use crate::{
    audits, changes, commands, customers, docs, documents, files, followers, guard, intake,
    letters, openapi, order, orders, page, place, preview, products, query, quotes, rules,
    rules_test, status, stock, webhooks,
};

/// Makes two functions of one list of handlers: their routes, and their description. A server
/// needs the first at every start and the second when somebody asks for it.
macro_rules! api {
    ($($module:ident::$handler:ident),+ $(,)?) => {
        /// Every address there is. [`crate::serve()`] answers `POST /v1/orders` by the same
        /// functions without coming through here.
        fn routes() -> Router<Arc<App>> {
            let router = Router::new();
            pastey::paste! {$(
                let router = {
                    type Declared = $module::[<__path_ $handler>];
                    let methods = <Declared as utoipa::Path>::methods();
                    router.route(&<Declared as utoipa::Path>::path(),
                        on(filter(&methods), $module::$handler))
                };
            )+}
            router
        }

        /// What every handler declares.
        pub(crate) fn described() -> OpenApi {
            let (mut document, mut paths) = (openapi::base(), Paths::new());
            let mut schemas = Vec::new();
            pastey::paste! {$({
                type Declared = $module::[<__path_ $handler>];
                let mut operation = <Declared as utoipa::Path>::operation();
                let tags = <Declared as utoipa::__dev::Tags>::tags();
                operation.tags.get_or_insert_default().extend(tags.into_iter().map(str::to_owned));
                let methods = <Declared as utoipa::Path>::methods();
                paths.add_path_operation(<Declared as utoipa::Path>::path(), methods, operation);
                <Declared as utoipa::__dev::SchemaReferences>::schemas(&mut schemas);
            })+}
            document.paths = paths;
            document.components.get_or_insert_default().schemas.extend(schemas);
            document
        }
    };
}

api! {
    orders::list, place::handle,
    order::show, commands::amend,
    documents::of_order,
    preview::of_order,
    commands::cancel,
    commands::fulfil,
    commands::redrive,
    products::list, products::put,
    products::one,
    stock::list, stock::count,
    stock::one,
    stock::adjust,
    customers::list, customers::put,
    customers::one, customers::put_one,
    rules::show, rules::put,
    rules_test::test,
    quotes::quote,
    documents::replace_secret,
    audits::list,
    audits::show,
    audits::document,
    letters::list, letter_sweeps::purge,
    letter_sweeps::redrive,
    letter_sweeps::list,
    letter_sweeps::one,
    letter_sweeps::stop,
    letters::show, letter_ends::purge,
    letter_ends::redrive,
    intake::list, intake::start,
    intake::one,
    intake::results,
    intake::summary,
    intake::stop,
    intake::redrive,
    files::list,
    files::one, files::put,
    files::rejects,
    webhooks::list, webhooks::add,
    webhooks::one, webhooks::change, webhooks::remove,
    webhooks::rotate,
    webhooks::test,
    webhooks::enable,
    webhooks::disable,
    webhooks::deliveries,
    webhooks::replay,
    query::query,
    changes::list,
    followers::list,
    followers::enable,
    status::status,
    status::health,
    status::ready,
    status::metrics,
    page::show,
    docs::description,
    docs::events,
}

fn filter(methods: &[HttpMethod]) -> MethodFilter {
    let one = |method: &HttpMethod| match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    };
    let all = methods.iter().map(one).reduce(MethodFilter::or);
    all.expect("a declaration names its method")
}

/// The API, ready to be called.
pub fn router(app: Arc<App>) -> Router {
    routes()
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
