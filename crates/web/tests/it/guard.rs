//! Keys, scopes and allowances.

use std::num::NonZeroU32;

use web::{Keys, Limits, Scope};

use crate::api::{Api, Ask, order};

fn api_with_keys(limits: &Limits) -> (Api, [String; 3]) {
    let made = [Scope::Read, Scope::Write, Scope::Admin]
        .map(|scope| Keys::create(scope, jiff::Timestamp::UNIX_EPOCH).unwrap());
    let records: Vec<_> = made.iter().map(|(_, record)| record.clone()).collect();
    let api = Api::with(|app| app.keys = Some(Keys::new(&records, limits).unwrap()));
    (api, made.map(|(secret, _)| secret))
}

#[tokio::test]
async fn each_scope_opens_what_it_should() {
    let (api, [read, write, admin]) = api_with_keys(&Limits::default());
    let rules = r#"{"rules": []}"#;
    for (at, (key, asks)) in [
        ("", [401, 401, 401, 200]),
        ("ck_0_0", [401, 401, 401, 200]),
        (&*read, [200, 403, 403, 200]),
        (&*write, [200, 202, 403, 200]),
        (&*admin, [200, 202, 200, 200]),
    ]
    .into_iter()
    .enumerate()
    {
        let asked = [
            Ask::get("/v1/orders"),
            Ask::post("/v1/orders", order(&format!("o-{at}"))),
            Ask::put("/v1/pricing-rules", rules),
            Ask::get("/health"),
        ];
        for (ask, status) in asked.into_iter().zip(asks) {
            let ask = if at % 2 == 0 {
                ask.header("authorization", &format!("Bearer {key}"))
            } else {
                ask.header("x-api-key", key)
            };
            let answer = api.ask(ask).await;
            assert_eq!(answer["status"], status, "{at} {answer}");
        }
    }
}

#[tokio::test]
async fn a_missing_key_and_a_small_one_are_told_apart() {
    let (api, [read, _, _]) = api_with_keys(&Limits::default());
    let small = Ask::post("/v1/orders", order("o")).header("x-api-key", &read);
    let story = [
        api.ask(Ask::get("/v1/orders").header("accept-language", "pt")).await,
        api.ask(small).await,
    ];
    insta::assert_json_snapshot!(story);
}

#[tokio::test]
async fn a_key_that_asks_too_often_waits() {
    let limits = Limits {
        rate_per_second: NonZeroU32::new(1),
        rate_burst: NonZeroU32::new(2).unwrap(),
        ..Limits::default()
    };
    let (api, [read, write, _]) = api_with_keys(&limits);
    let ask = |key: &str| Ask::get("/v1/orders").header("x-api-key", key);
    assert_eq!(api.ask(ask(&read)).await["status"], 200);
    assert_eq!(api.ask(ask(&read)).await["status"], 200);
    insta::assert_json_snapshot!(api.ask(ask(&read)).await);
    assert_eq!(api.ask(ask(&write)).await["status"], 200, "others are not held up");
}
