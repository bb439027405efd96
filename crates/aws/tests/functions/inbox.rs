//! Items of another producer's table.

use aws::functions::inbox::{Inbox, document};
use serde_json::{Value, json};
use service::change::What;

use crate::support::{clock, event, failed, found, ledger, log, record, status};

fn order(id: &str) -> Value {
    json!({
        "orderid": {"S": id},
        "merchantid": {"S": "loja"},
        "customerid": {"S": "c"},
        "items": {"L": [{"M": {
            "sku": {"S": "P"}, "quantity": {"N": "2"}, "price": {"N": "1.10"}
        }}]}
    })
}

#[tokio::test]
async fn an_item_is_an_order_and_its_numbers_come_through_digit_for_digit() {
    let (ledger, installation) = ledger();
    let inbox = Inbox::new(ledger.clone(), installation.documents, clock());
    let records = [record("1", "INSERT", order("a"), Value::Null)];
    assert!(failed(&inbox.handle(event(&records)).await.unwrap()).is_empty());
    let view = found(&*ledger, "a").unwrap();
    assert_eq!(view.state.total.map(|total| total.0), Some(220));
    assert!(String::from_utf8_lossy(&view.document).contains(r#""price":1.10"#));
    // Handed over again, as streams do.
    let before = log(&*ledger).len();
    inbox.handle(event(&records)).await.unwrap();
    assert_eq!(log(&*ledger).len(), before);
}

#[tokio::test]
async fn items_that_go_say_nothing_and_items_that_are_no_orders_are_letters() {
    let (ledger, installation) = ledger();
    let inbox = Inbox::new(ledger.clone(), installation.documents, clock());
    let mut gone = record("1", "REMOVE", Value::Null, order("a"));
    gone["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    let bare = json!({"orderid": {"S": "b"}, "merchantid": {"S": "loja"},
        "customerid": {"S": "c"}, "status": {"S": "new"}});
    let records = [
        gone,
        record("2", "INSERT", bare, Value::Null),
        record("3", "INSERT", order("c"), Value::Null),
    ];
    assert!(failed(&inbox.handle(event(&records)).await.unwrap()).is_empty());
    assert_eq!((status(&*ledger, "a"), status(&*ledger, "c")), ("-", "COMPLETED"));
    let letters = log(&*ledger);
    assert_eq!(letters.iter().filter(|(_, c)| matches!(c.what, What::Letter(_))).count(), 1);
}

#[test]
fn every_kind_of_attribute_has_its_json() {
    let item: serde_dynamo::Item = serde_json::from_value(json!({
        "n": {"N": "12345678901234567890.123"},
        "s": {"S": "a \"b\"\n"},
        "t": {"BOOL": true},
        "z": {"NULL": true},
        "b": {"B": "AAE="},
        "m": {"M": {"y": {"N": "1"}, "x": {"N": "2"}}},
        "l": {"L": [{"N": "1"}, {"S": "x"}]},
        "ss": {"SS": ["a"]},
        "ns": {"NS": ["1.0"]},
        "bs": {"BS": ["AAE="]}
    }))
    .unwrap();
    assert_eq!(
        document(&item),
        r#"{"b":"AAE=","bs":["AAE="],"l":[1,"x"],"m":{"x":2,"y":1},"n":12345678901234567890.123,"#
            .to_owned()
            + r#""ns":[1.0],"s":"a \"b\"\n","ss":["a"],"t":true,"z":null}"#
    );
}
