//! What would be told of an order: whoever writes it is asked for the right thing.

use std::sync::Arc;

use domain::notice::Notice;
use messages::Lang;
use service::ledger::{OrderView, Unavailable};
use web::{Message, Previews, Reader};

use crate::api::{Api, Ask, order};

/// Says what it was asked.
struct Echo;

impl Previews for Echo {
    fn of_order(
        &self,
        order: &OrderView,
        notice: Notice,
        reader: Reader,
        language: Option<Lang>,
    ) -> Result<Option<Message>, Unavailable> {
        Ok(Some(Message {
            to: (reader == Reader::Customer).then(|| "ana@mail.example".to_owned()),
            language: language.unwrap_or(Lang::PtBr),
            subject: format!("{} {}", notice.as_str(), order.state.key.id.as_str()),
            text: "text".to_owned(),
            html: "<p>text</p>".to_owned(),
        }))
    }
}

#[tokio::test]
async fn a_message_is_shown_as_it_would_be_sent() {
    let api = Api::with(|app| app.previews = Arc::new(Echo));
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    let story = api.story(vec![
        Ask::get("/v1/orders/o-1/message?notice=order.completed"),
        Ask::get("/v1/orders/o-1/message?notice=stock.pending&reader=staff&language=es"),
        Ask::get("/v1/orders/o-1/message"),
        Ask::get("/v1/orders/o-1/message?notice=batch.finished"),
        Ask::get("/v1/orders/o-1/message?notice=order.completed&reader=king"),
        Ask::get("/v1/orders/o-1/message?notice=order.completed&language=tlh"),
        Ask::get("/v1/orders/o-2/message?notice=order.completed"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn where_nobody_writes_messages_there_are_none() {
    let api = Api::with(|_| ());
    api.ask(Ask::post("/v1/orders", order("o-1"))).await;
    let answer = api.ask(Ask::get("/v1/orders/o-1/message?notice=order.completed")).await;
    assert_eq!((&answer["status"], &answer["body"]["code"]), (&404.into(), &"not_found".into()));
}
