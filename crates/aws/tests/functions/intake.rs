//! Messages of other producers.

use aws::functions::intake::Intake;
use serde_json::{Value, json};
use service::change::What;
use service::ledger::Ledger;

use crate::support::{clock, event, failed, found, grouped, ledger, log, message, order, status};

async fn take(ledger: &std::sync::Arc<impl Ledger + 'static>, records: &[Value]) -> Vec<String> {
    let documents = crate::support::installation("").documents;
    let intake = Intake::new(ledger.clone(), documents, clock());
    let failures = intake.handle(event(records)).await.unwrap();
    failed(&failures).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn orders_come_in_alone_in_lists_in_lines_and_in_envelopes() {
    let (ledger, _) = ledger();
    let list = format!("[{},{}]", order("b"), order("c"));
    let lines = format!("{}\n{}\n", order("d"), order("e"));
    let sns = json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:x",
        "Message": order("f"), "Timestamp": "2026-01-02T03:04:05.000Z"});
    let bridge = format!(
        r#"{{"version":"0","detail-type":"order","source":"shop","detail":{}}}"#,
        order("g")
    );
    let records = [
        message("1", &order("a")),
        message("2", &list),
        message("3", &lines),
        message("4", &sns.to_string()),
        message("5", &bridge),
    ];
    assert!(take(&ledger, &records).await.is_empty());
    for id in ["a", "b", "c", "d", "e", "f", "g"] {
        assert_eq!(status(&*ledger, id), "COMPLETED", "{id}");
    }
    let kept = found(&*ledger, "g").unwrap().document;
    assert_eq!(kept, order("g"), "the document, without its envelope, byte for byte");
}

#[tokio::test]
async fn a_message_that_comes_again_is_no_duplicate_and_another_with_the_same_order_is() {
    let (ledger, _) = ledger();
    take(&ledger, &[message("1", &order("a"))]).await;
    let before = log(&*ledger).len();
    assert!(take(&ledger, &[message("1", &order("a"))]).await.is_empty());
    assert_eq!(log(&*ledger).len(), before, "nothing is recorded of a redelivery");
    assert!(take(&ledger, &[message("2", &order("a"))]).await.is_empty());
    let repeated = |what: &What| {
        matches!(what, What::Order { events, .. }
        if events.iter().any(|e| matches!(e, domain::event::Event::Repeated { .. })))
    };
    assert_eq!(log(&*ledger).iter().filter(|(_, change)| repeated(&change.what)).count(), 1);
}

#[tokio::test]
async fn what_is_no_order_is_a_record_and_a_letter_and_harms_no_neighbour() {
    let (ledger, _) = ledger();
    let records = [
        message("1", "nonsense"),
        message("2", r#"{"orderId":"x","customerId":"c","items":[]}"#),
        message("3", &order("a")),
    ];
    assert!(take(&ledger, &records).await.is_empty(), "they are done: kept as dead letters");
    assert_eq!(status(&*ledger, "a"), "COMPLETED");
    let of_kind = |wanted: fn(&What) -> bool| {
        log(&*ledger).iter().filter(|(_, change)| wanted(&change.what)).count()
    };
    assert_eq!(of_kind(|what| matches!(what, What::Audit(_))), 2);
    assert_eq!(of_kind(|what| matches!(what, What::Letter(_))), 2);
}

#[tokio::test]
async fn commands_of_one_group_are_applied_in_their_order() {
    let (ledger, _) = ledger();
    let cancel = r#"{"orderId":"a","merchantId":"loja","order_status":"Cancela Pedido"}"#;
    let records = [
        grouped("1", "g", &order("a"), 1),
        grouped("2", "g", cancel, 1),
        grouped("3", "h", &order("b"), 1),
    ];
    assert!(take(&ledger, &records).await.is_empty());
    assert_eq!((status(&*ledger, "a"), status(&*ledger, "b")), ("CANCELLED", "COMPLETED"));
}

#[tokio::test]
async fn a_message_without_an_id_brings_the_whole_event_back() {
    let (ledger, installation) = ledger();
    let mut nameless = message("", &order("a"));
    nameless["messageId"] = Value::Null;
    let intake = Intake::new(ledger.clone(), installation.documents, clock());
    assert!(intake.handle(event(&[nameless])).await.is_err());
    assert_eq!(status(&*ledger, "a"), "-", "and nothing is done");
}
