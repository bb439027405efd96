//! Bad inputs that a table cannot tell of: hostile names that come back whole, limits that are
//! set, texts in three languages. The others are in the program's own tests, as data.

use crate::api::{Api, Ask, order};

fn hostile(id: &str) -> String {
    order(id)
}

#[tokio::test]
async fn media_types_that_are_json_are_taken() {
    let api = Api::new();
    for (at, media) in
        ["application/json", "Application/JSON; charset=utf-8", "application/vnd.shop+json"]
            .into_iter()
            .enumerate()
    {
        let ask = Ask::post("/v1/orders", order(&format!("o-{at}"))).header("content-type", media);
        assert_eq!(api.ask(ask).await["status"], 202, "{media}");
    }
    assert_eq!(api.ask(Ask::post("/v1/orders", order("none"))).await["status"], 202);
    let packed = Ask::post("/v1/orders", order("z")).header("content-encoding", "gzip");
    assert_eq!(api.ask(packed).await["status"], 415);
    assert_eq!(api.ask(Ask::post("/v1/orders?dry=1", order("z"))).await["status"], 400);
}

#[tokio::test]
async fn hostile_names_are_names_and_come_back_whole() {
    let api = Api::new();
    for id in [
        "../../etc/passwd",
        "'; DROP TABLE orders; --",
        "<img src=x onerror=alert(1)>",
        "a/b?c=d&e#f%00%2e",
        "\u{202e}gnp.exe",
        "ação \u{1f4a5}",
        "${jndi:ldap://x}",
        "\"}\\",
    ] {
        let placed = api.ask(Ask::post("/v1/orders", hostile(id))).await;
        assert_eq!(placed["status"], 202, "{id}");
        let location = placed["location"].as_str().unwrap();
        assert_eq!(placed["body"]["links"]["self"], location, "{id}");
        let found = api.ask(Ask::get(location)).await;
        assert_eq!(found["status"], 200, "{location}");
        assert_eq!(found["body"]["order_id"], id);
        assert_eq!(found["body"]["document"]["order_id"], id);
    }
    // Cut before the byte: it cannot be in a path.
    assert_eq!(api.ask(Ask::get("/v1/orders/a%00b")).await["status"], 404);
    assert_eq!(api.ask(Ask::get("/v1/orders/a%ff")).await["status"], 404);
}

#[tokio::test]
async fn bad_questions_are_answered_in_the_readers_language() {
    let api = Api::new();
    let combination = "/v1/orders?status=COMPLETED&channel=api";
    let mut story = vec![
        api.ask(Ask::get(combination)).await,
        api.ask(Ask::get("/v1/orders?colour=red")).await,
        api.ask(Ask::get("/nowhere").header("accept-language", "pt")).await,
        api.ask(Ask::delete("/v1/orders").header("accept-language", "es")).await,
    ];
    story.push(api.ask(Ask::get("/v1/orders?limit=0")).await);
    insta::assert_json_snapshot!(story);
}

#[tokio::test]
async fn rows_are_bounded() {
    let api = Api::with(|app| {
        app.settings.limits.rows_max = 2;
        app.settings.limits.rows_bytes_max = 100;
    });
    let many = r#"[{"sku":"A"},{"sku":"B"},{"sku":"C"}]"#;
    for (body, status, code) in [
        (many.to_owned(), 413, "too_large"),
        (" ".repeat(101), 413, "too_large"),
        (String::new(), 400, "malformed"),
        ("[{]".to_owned(), 400, "malformed"),
        ("x".to_owned(), 400, "invalid"),
    ] {
        let answer = api.ask(Ask::put("/v1/products", body.clone())).await;
        assert_eq!(answer["status"], status, "{body}: {answer}");
        assert_eq!(answer["body"]["code"], code, "{body}");
    }
}
