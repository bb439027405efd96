//! The API's description (OpenAPI 3.1), made from the declarations that also make its routes.
//!
//! A handler's `#[utoipa::path]` says its address, parameters, body and answers; what holds for
//! many of them (keys, limits, languages, bodies that cannot be read) is added here from the
//! functions that enforce it. Every answer of the tests in `tests/it` is held against this.
//!
//! Never: a route, a rule. The structs in [`schema`] describe answers and are never made.

pub mod schema;

use std::fmt::Write;
use std::sync::LazyLock;

use axum::http::Method;
use utoipa::OpenApi;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Content, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response, Type};

use crate::error::{self, Kind};
use crate::guard;

/// Answers that are added to the operations they may come from.
mod kinds {
    use crate::error::Kind;

    /// Of every operation.
    pub(super) const ALWAYS: &[Kind] = &[Kind::Timeout, Kind::Internal];
    /// Of operations that ask who calls.
    pub(super) const GUARDED: &[Kind] =
        &[Kind::BadParameter, Kind::Unauthorized, Kind::Forbidden, Kind::TooManyRequests];
    /// Of operations that change something.
    pub(super) const WRITING: &[Kind] =
        &[Kind::Full, Kind::DiskSpace, Kind::OutcomeUnknown, Kind::Closed];
    /// Of operations that read a body.
    pub(super) const BODY: &[Kind] = &[
        Kind::Malformed,
        Kind::Invalid,
        Kind::BodyBroken,
        Kind::BodyTimeout,
        Kind::TooLarge,
        Kind::UnsupportedMediaType,
    ];
    /// Of operations on one named thing.
    pub(super) const NAMED: &[Kind] = &[Kind::NotFound];
}

/// Addresses that older systems know, and those whose handlers answer there.
pub(crate) const OLDER: [(&str, &str); 2] =
    [("/orders", "/v1/orders"), ("/orders/{id}", "/v1/orders/{id}")];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Comanda",
        description = "Orders in from every channel, each validated, deduplicated, priced, its \
            stock reserved, and on disk before it is answered.\n\n\
            Money is text in major units (`\"2580.00\"`), never a float. Times are RFC 3339 in \
            UTC. Ids, sellers and SKUs are 1 to 128 bytes without control characters; an order is \
            identified by its seller and its id. Unknown query parameters are refused. Lists are \
            read page by page: send `next_cursor` back as `cursor` until it is null.\n\n\
            A no is a problem document (RFC 9457) whose `code` is stable; its texts come in \
            Portuguese, Spanish or English by `Accept-Language`.",
    ),
    tags(
        (name = "orders", description = "Place orders, look them up, see them through."),
        (name = "batches", description = "Many orders at once, each with its result."),
        (name = "files", description = "Files of orders, and line by line what became of them."),
        (name = "catalogue", description = "Products and customers."),
        (name = "stock", description = "What is on hand, reserved, available and waited for."),
        (name = "pricing", description = "The rules that orders are priced by."),
        (name = "webhooks", description = "Who is told of what, and how that fares."),
        (name = "query", description = "SQL over everything, up to now."),
        (name = "changes", description = "Everything that happened, in order."),
        (name = "operations", description = "How the server fares."),
    ),
    components(schemas(schema::Problem)),
)]
struct Base;

/// What the description begins with, before any route.
pub(crate) fn base() -> Document {
    Base::openapi()
}

/// The whole description, as JSON text.
#[must_use]
pub fn json() -> &'static str {
    static JSON: LazyLock<String> = LazyLock::new(|| {
        let complete = complete(crate::router::described());
        complete.to_pretty_json().expect("strings and lists of strings are JSON")
    });
    &JSON
}

/// Adds what no handler has to say for itself.
fn complete(mut document: Document) -> Document {
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let header = ApiKey::Header(ApiKeyValue::new("X-Api-Key"));
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(header));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            finish(path, &method, operation);
        }
    }
    for (older, path) in OLDER {
        let mut item = document.paths.paths.get(path).cloned().unwrap_or_default();
        for (_, operation) in operations(&mut item) {
            older_name(operation, path);
        }
        document.paths.paths.insert(older.to_owned(), item);
    }
    document
}

fn older_name(operation: &mut Operation, path: &str) {
    if let Some(id) = &mut operation.operation_id {
        id.push_str("_older");
    }
    let note = format!("`{path}` by its older name; answers carry older names beside ours.");
    operation.description = Some(note);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn finish(path: &str, method: &Method, operation: &mut Operation) {
    let mut kinds = kinds::ALWAYS.to_vec();
    if let Some(scope) = guard::scope(method, Some(path)) {
        kinds.extend(kinds::GUARDED);
        let needs = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
        // Without keys an installation is open: no security is one of the ways in.
        operation.security =
            Some(vec![needs("bearer"), needs("api_key"), SecurityRequirement::default()]);
        let note = format!("Needs the scope `{}` where keys are in use.", scope.as_str());
        let said = operation.description.take().unwrap_or_default();
        operation.description = Some(format!("{said}\n\n{note}").trim().to_owned());
        if scope != crate::keys::Scope::Read {
            kinds.extend(kinds::WRITING);
        }
    }
    if operation.request_body.is_some() {
        kinds.extend(kinds::BODY);
    }
    if path.contains('{') {
        kinds.extend(kinds::NAMED);
    }
    for kind in kinds {
        may_be(operation, kind);
    }
    for (status, response) in &mut operation.responses.responses {
        if let (Ok(status), RefOr::T(response)) = (status.parse(), response) {
            problem(status, response);
        }
    }
    operation.parameters.get_or_insert_default().push(RefOr::T(language()));
}

fn language() -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name("Accept-Language")
        .parameter_in(ParameterIn::Header)
        .description(Some("The language of texts: pt-BR, es or en."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some("pt-BR".into()))
        .build()
}

/// Says of an operation that it may be answered so.
fn may_be(operation: &mut Operation, kind: Kind) {
    let status = error::Error::new(kind).status().as_str().to_owned();
    let response = operation.responses.responses.entry(status);
    if let RefOr::T(response) = response.or_insert_with(|| Response::new("").into()) {
        let (code, title) = error::name(kind);
        if !response.description.contains(&format!("`{code}`")) {
            let gap = if response.description.is_empty() { "" } else { " · " };
            _ = write!(response.description, "{gap}`{code}` {title}");
        }
    }
}

/// The form of every no, and the headers that some of them carry.
fn problem(status: u16, response: &mut Response) {
    if status < 400 || !response.content.is_empty() {
        return;
    }
    let schema = Ref::from_schema_name("Problem");
    let content = Content::new(Some(schema));
    response.content.insert("application/problem+json".to_owned(), content.into());
    let (name, about) = match status {
        401 => ("WWW-Authenticate", "How to call: with a bearer key."),
        405 => ("Allow", "What the address takes."),
        429 | 503 => ("Retry-After", "Seconds to wait before asking again."),
        _ => return,
    };
    let text = ObjectBuilder::new().schema_type(Type::String);
    let header = HeaderBuilder::new().schema(Some(text)).description(Some(about)).build();
    response.headers.insert(name.to_owned(), header.into());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_counted_by_its_address_is_documented_and_the_reverse() {
        let document: serde_json::Value = serde_json::from_str(json()).unwrap();
        let documented: BTreeSet<&str> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let counted: BTreeSet<&str> = crate::metrics::ROUTES.iter().copied().collect();
        let undocumented = ["other", "/docs"];
        let expected: BTreeSet<&str> =
            counted.into_iter().filter(|route| !undocumented.contains(route)).collect();
        assert_eq!(documented, expected);
    }

    #[test]
    fn operations_have_names_of_their_own_and_say_what_they_do() {
        let mut document = complete(crate::router::described());
        let mut names = BTreeSet::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                let name = operation.operation_id.clone().unwrap();
                assert!(names.insert(name.clone()), "{name} is the name of two operations");
                assert!(operation.summary.is_some(), "{method} {path} has no summary");
                assert!(operation.tags.is_some(), "{method} {path} has no tag");
            }
        }
    }
}
