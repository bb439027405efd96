//! What would be told of an order, as its reader would see it. Nothing is sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use domain::notice::Notice;
use messages::Lang;
use serde_json::{Value, json};
use service::ledger::{Found, OrderView, Unavailable};

use crate::App;
use crate::error::{Error, Kind};
use crate::openapi::schema::{Message as MessageSchema, Name, NoticeOfOrder};
use crate::order::find;
use crate::orders::blocking;
use crate::params::{Params, Segment};

/// A message that would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// To whom; nobody, where the order names no valid address.
    pub to: Option<String>,
    /// In which language.
    pub language: Lang,
    /// Its subject.
    pub subject: String,
    /// What readers without HTML see.
    pub text: String,
    /// What others see.
    pub html: String,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The customer whom the order names.
    Customer,
    /// The installation's people.
    Staff,
}

/// Writes messages as they would be sent.
pub trait Previews: Send + Sync {
    /// What would be told of an order: of its last transition of that kind, or of where it stands.
    /// `None` where nobody writes messages.
    ///
    /// # Errors
    /// [`Unavailable::Read`] when stored data is damaged.
    fn of_order(
        &self,
        order: &OrderView,
        notice: Notice,
        reader: Reader,
        language: Option<Lang>,
    ) -> Result<Option<Message>, Unavailable>;
}

/// Where nobody writes messages.
#[derive(Clone, Copy, Debug)]
pub struct NoPreviews;

impl Previews for NoPreviews {
    fn of_order(
        &self,
        _: &OrderView,
        _: Notice,
        _: Reader,
        _: Option<Lang>,
    ) -> Result<Option<Message>, Unavailable> {
        Ok(None)
    }
}

/// The e-mail that would be sent of an order. Nothing is sent.
#[utoipa::path(
    get, path = "/v1/orders/{id}/message", tag = "orders", operation_id = "preview_message",
    params(
        ("id" = Name, Path, description = "The order"),
        ("merchant_id" = Option<Name>, Query, description = "The seller, when several use that id"),
        ("notice" = NoticeOfOrder, Query, description = "What is told; of where the order stands, \
            when that has not happened to it"),
        ("reader" = Option<String>, Query, description = "`customer` (as when not named) or \
            `staff`: the installation's people"),
        ("language" = Option<String>, Query, description = "`pt-BR`, `es` or `en`; the reader's \
            own when not named"),
    ),
    responses(
        (status = 200, body = MessageSchema, description = "As it would be sent"),
        (status = 409, description = "`ambiguous_order` Several sellers have that id"),
    ),
)]
pub(crate) async fn of_order(
    State(app): State<Arc<App>>,
    Segment(id): Segment,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let params = Params::read(&uri, &["merchant_id", "notice", "reader", "language"])?;
    let notice = |name: &str| Notice::parse(name).filter(|notice| notice.is_of_order());
    let notice = params.parsed("notice", notice)?.ok_or_else(|| Error::parameter("notice"))?;
    let reader = params.parsed("reader", |name| match name {
        "customer" => Some(Reader::Customer),
        "staff" => Some(Reader::Staff),
        _ => None,
    })?;
    let reader = reader.unwrap_or(Reader::Customer);
    let language =
        params.parsed("language", |tag| Lang::ALL.into_iter().find(|l| l.as_str() == tag))?;
    blocking(&app, move |app| {
        let Found::Order(order) = find(app, &id, &params)? else {
            return Err(Error::new(Kind::OrderNotFound));
        };
        let message = app.previews.of_order(&order, notice, reader, language)?;
        let message = message.ok_or_else(|| Error::new(Kind::NotFound))?;
        Ok(Json(json!({
            "notice": notice.as_str(),
            "to": message.to,
            "language": message.language.as_str(),
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
        })))
    })
    .await
}
