//! Bad inputs, and what each is told.

use crate::api::{Api, Ask, order};

fn hostile(id: &str) -> String {
    order(id)
}

#[tokio::test]
async fn every_bad_order_has_its_status_and_code() {
    let api = Api::new();
    let huge = format!("{{\"id\": \"{}\"}}", "x".repeat(300 << 10));
    let nested = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let wrong_types = r#"{"id": [], "customerId": {}, "items": {"sku": 1}, "shipping": "x"}"#;
    let table: Vec<(&str, Vec<u8>, &str, u16, &str)> = vec![
        ("empty", vec![], "application/json", 400, "malformed"),
        ("blank", b" \r\n".to_vec(), "application/json", 400, "malformed"),
        ("huge", huge.into_bytes(), "application/json", 413, "too_large"),
        ("cut off", order("o")[..40].into(), "application/json", 400, "malformed"),
        ("not UTF-8", b"{\"id\": \"\xff\"}".to_vec(), "application/json", 400, "malformed"),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), "application/json", 400, "malformed"),
        ("array", b"[]".to_vec(), "application/json", 400, "malformed"),
        ("number", b"7".to_vec(), "application/json", 400, "malformed"),
        ("null", b"null".to_vec(), "application/json", 400, "malformed"),
        ("two documents", b"{} {}".to_vec(), "application/json", 400, "malformed"),
        ("nested", nested.into_bytes(), "application/json", 400, "malformed"),
        ("nothing in it", b"{}".to_vec(), "application/json", 400, "invalid"),
        ("wrong types", wrong_types.into(), "application/json", 400, "invalid"),
        ("NUL", hostile("a\0b").into(), "application/json", 400, "invalid"),
        ("long id", hostile(&"x".repeat(129)).into(), "application/json", 400, "invalid"),
        ("XML", b"<o/>".to_vec(), "text/xml", 415, "unsupported_media_type"),
        (
            "form",
            b"id=1".to_vec(),
            "application/x-www-form-urlencoded",
            415,
            "unsupported_media_type",
        ),
        ("lines", order("o").into(), "application/x-ndjson", 415, "unsupported_media_type"),
        ("type of spaces", order("o").into(), " ", 415, "unsupported_media_type"),
    ];
    for (name, body, media, status, code) in table {
        let answer = api.ask(Ask::post("/v1/orders", body).header("content-type", media)).await;
        assert_eq!(answer["status"], status, "{name}: {answer}");
        assert_eq!(answer["body"]["code"], code, "{name}");
        assert_eq!(answer["content-type"], "application/problem+json", "{name}");
        assert_eq!(answer["body"]["status"], status, "{name}");
    }
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
async fn every_bad_question_has_its_status_and_code() {
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
    for (path, status, code) in [
        ("/v1/orders?status=DONE", 400, "bad_parameter"),
        ("/v1/orders?status=COMPLETED&status=FAILED", 400, "bad_parameter"),
        ("/v1/orders?limit=1001", 400, "bad_parameter"),
        ("/v1/orders?limit=-1", 400, "bad_parameter"),
        ("/v1/orders?cursor=zzz", 400, "bad_parameter"),
        ("/v1/orders?from=yesterday", 400, "bad_parameter"),
        ("/v1/orders?channel=fax", 400, "bad_parameter"),
        ("/v1/orders?merchant_id=", 400, "bad_parameter"),
        ("/v1/orders?merchant_id=%00", 400, "bad_parameter"),
        ("/v1/orders?customer_id=c", 400, "unsupported_filters"),
        ("/v1/orders?sku=PEN", 400, "unsupported_filters"),
        ("/v1/orders?line_status=RESERVED", 400, "unsupported_filters"),
        ("/v1/products?cursor=61", 400, "bad_parameter"),
        ("/v1/stock?cursor=00", 400, "bad_parameter"),
        ("/v1/customers?cursor=x", 400, "bad_parameter"),
        ("/v1/changes?after=-1", 400, "bad_parameter"),
        ("/v1/changes?limit=10001", 400, "bad_parameter"),
        ("/v1/batches/nothing", 404, "not_found"),
        ("/v1/batches/nothing/results", 404, "not_found"),
        ("/v1/orders/", 404, "no_route"),
        ("/v1", 404, "no_route"),
    ] {
        let answer = api.ask(Ask::get(path)).await;
        assert_eq!(answer["status"], status, "{path}: {answer}");
        assert_eq!(answer["body"]["code"], code, "{path}");
    }
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
