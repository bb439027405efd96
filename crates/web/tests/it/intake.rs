//! Orders in: what each kind of order is answered.

use std::sync::Arc;

use domain::facts::Policy;
use service::catalogue::Catalogue;
use service::change::{Change, Seq};
use service::ledger::{Answer, Changes, Ledger, Look, Request, Task, Unavailable};

use crate::api::{Api, Ask, order};

#[tokio::test]
async fn an_order_is_answered_with_what_became_of_it() {
    let api = Api::new();
    let transfer = r#"{"id": "t-1", "amount": "10.5", "fromAccount": "1", "toAccount": "2"}"#;
    let no_id = r#"{"customerId": "c", "items": [{"sku": "A", "quantity": 1}]}"#;
    let odd = r#"{"id": "w-1", "customer": {"name": "A", "cpf": "111"}, "items":
        [{"sku": "A", "quantity": 1, "price": 1}]}"#;
    let story = api.story(vec![
        Ask::post("/v1/orders", order("o-1")),
        Ask::post("/v1/stock/PEN/adjustments", r#"{"on_hand": 4, "reason": "counted"}"#),
        Ask::post("/v1/orders", order("o-2")),
        Ask::post("/v1/orders", order("o-2")),
        Ask::post("/v1/orders", order("o-2")).header("accept-language", "pt-BR"),
        Ask::post("/v1/orders", transfer),
        Ask::post("/v1/orders", no_id),
        Ask::post("/v1/orders", odd).header("accept-language", "es"),
        Ask::post("/v1/orders", order("../\"<b>'; DROP TABLE orders--\\é")),
        Ask::post(
            "/v1/orders",
            r#"{"id": "r-1", "customerId": "c", "shortage_policy": "reject",
            "items": [{"sku": "PEN", "quantity": 9}]}"#,
        ),
        Ask::post("/orders", order("o-9")).header("accept-language", "pt"),
        Ask::post("/orders", order("o-9")).header("accept-language", "pt"),
        Ask::post("/orders", "{\"id\": \"o-8\"}"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn what_is_no_order_is_told_why_and_recorded() {
    let api = Api::new();
    let wrong = r#"{"id": "bad-1", "items": [{"sku": "A", "quantity": 0, "price": -1}, {}]}"#;
    let cancel = r#"{"id": "o-1", "order_status": "Cancela Pedido"}"#;
    let story = api.story(vec![
        Ask::post("/v1/orders", wrong),
        Ask::post("/v1/orders", wrong).header("accept-language", "pt-BR,pt;q=0.9"),
        Ask::post("/v1/orders", "{\"id\": \"x\",").header("accept-language", "es"),
        Ask::post("/v1/orders", cancel),
        Ask::get("/v1/orders/bad-1").header("accept-language", "pt"),
        Ask::get("/orders/bad-1"),
        Ask::get("/v1/changes"),
    ]);
    insta::assert_json_snapshot!(story.await);
}

#[tokio::test]
async fn a_ledger_that_cannot_says_when_to_come_back() {
    let mut story = Vec::new();
    for unavailable in [
        Unavailable::Full,
        Unavailable::DiskSpace,
        Unavailable::OutcomeUnknown,
        Unavailable::Closed,
        Unavailable::Read("page 7".into()),
    ] {
        let api = Api::with(|app| app.ledger = Arc::new(Unwilling(unavailable)));
        story.extend(api.story(vec![Ask::post("/v1/orders", order("o-1"))]).await);
    }
    let api = Api::with(|app| app.ledger = Arc::new(Unwilling(Unavailable::Full)));
    // What could not be recorded is not called received.
    story.extend(api.story(vec![Ask::post("/v1/orders", "{}")]).await);
    insta::assert_json_snapshot!(story);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_goes_on() {
    let api = Api::with(|app| {
        app.health = Arc::new(|| panic!("a fault of ours"));
    });
    insta::assert_json_snapshot!(api.story(vec![Ask::get("/ready"), Ask::get("/health")]).await);
}

/// A ledger that cannot.
struct Unwilling(Unavailable);

impl Changes for Unwilling {
    fn read(&self, _: Option<Seq>, _: usize) -> Result<Vec<(Seq, Change)>, Unavailable> {
        Err(self.0.clone())
    }
    fn change(&self, _: Seq) -> Result<Change, Unavailable> {
        Err(self.0.clone())
    }
    fn scan(&self, _: Seq, _: Seq, _: &mut dyn FnMut(Seq, Change)) -> Result<(), Unavailable> {
        Err(self.0.clone())
    }
}

impl Ledger for Unwilling {
    fn execute(&self, _: Vec<Request>) -> Task<'_, Result<Vec<Answer>, Unavailable>> {
        Box::pin(std::future::ready(Err(self.0.clone())))
    }
    fn look(&self, _: &mut Look<'_>) -> Result<(), Unavailable> {
        Err(self.0.clone())
    }
    fn policy(&self) -> Policy {
        Policy::default()
    }
    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::default()
    }
}
