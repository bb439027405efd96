//! Documents as they came: for whoever has a key, or a link that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::time::Timestamp;
use web::{Keys, Limits, Scope};

use crate::api::{Api, Ask, order};

const HOSTILE: &str = "<!DOCTYPE html><script>alert(document.cookie)</script>";

/// A server that asks for keys, a key, and its clock in seconds.
fn guarded() -> (Api, String, Arc<AtomicI64>) {
    let (secret, key) = Keys::create(Scope::Admin, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let seconds = Arc::new(AtomicI64::new(1_767_323_045));
    let now = seconds.clone();
    let api = Api::with(|app| {
        app.keys = Some(Keys::new(&[key], &Limits::default()).unwrap());
        app.clock = Arc::new(move || Timestamp(now.load(Ordering::Relaxed) * 1_000_000));
    });
    (api, format!("Bearer {secret}"), seconds)
}

#[tokio::test]
async fn a_link_needs_no_key_until_it_expires_and_leads_to_one_document() {
    let (api, key, seconds) = guarded();
    for id in ["o-1", "o-2"] {
        api.ask(Ask::post("/v1/orders", order(id)).header("authorization", &key)).await;
    }
    let shown = api.ask(Ask::get("/orders/o-1").header("authorization", &key)).await;
    let link = shown["body"]["document_url"].as_str().unwrap().to_owned();
    assert_eq!(shown["body"]["s3Url"], link, "by its older name");
    let story = api.story(vec![
        Ask::get(&link),
        Ask::get(&link.replace("o-1", "o-2")),
        Ask::get(&link.replace("revision=1", "revision=2")),
        Ask::get(&link.replace("expires=1767", "expires=9767")).header("accept-language", "pt-BR"),
        Ask::get(&format!("{link}&merchant_id=x")),
        Ask::get(link.rsplit_once("&signature=").unwrap().0),
        Ask::get(&link.replace("/document?", "?")),
        Ask::get("/v1/orders/o-2/document?merchant_id=shop&revision=1")
            .header("authorization", &key),
        Ask::get("/v1/orders/o-2/document?revision=2").header("authorization", &key),
        Ask::get("/v1/orders/o-2/document?revision=0").header("authorization", &key),
    ]);
    insta::assert_json_snapshot!(story.await);
    seconds.fetch_add(899, Ordering::Relaxed);
    assert_eq!(api.ask(Ask::get(&link)).await["status"], 200);
    seconds.fetch_add(1, Ordering::Relaxed);
    insta::assert_json_snapshot!(api.ask(Ask::get(&link).header("accept-language", "es")).await);
    let fresh = api.ask(Ask::get("/v1/orders/o-1").header("authorization", &key)).await;
    assert_eq!(
        api.ask(Ask::get(fresh["body"]["document_url"].as_str().unwrap())).await["status"],
        200
    );
}

#[tokio::test]
async fn links_end_with_the_secret_that_signed_them_when_that_is_wished() {
    let (api, key, _) = guarded();
    api.ask(Ask::post("/v1/orders", order("o-1")).header("authorization", &key)).await;
    let link = || async {
        let shown = api.ask(Ask::get("/v1/orders/o-1").header("authorization", &key)).await;
        shown["body"]["document_url"].as_str().unwrap().to_owned()
    };
    let replace = |earlier: &str| {
        let path = format!("/v1/link-secrets{earlier}");
        api.ask(Ask::post(&path, "").header("authorization", &key))
    };
    let first = link().await;
    assert_eq!(api.ask(Ask::post("/v1/link-secrets", "")).await["status"], 401);
    assert_eq!(replace("?earlier=never").await["status"], 400);
    assert_eq!(replace("").await["body"]["earlier"], "count");
    let second = link().await;
    assert_ne!(first, second);
    assert_eq!(api.ask(Ask::get(&first)).await["status"], 200);
    assert_eq!(replace("?earlier=end").await["status"], 200);
    for ended in [first, second] {
        assert_eq!(api.ask(Ask::get(&ended)).await["body"]["code"], "link_unknown");
    }
    assert_eq!(api.ask(Ask::get(&link().await)).await["status"], 200);
}

#[tokio::test]
async fn what_somebody_sent_is_saved_by_a_browser_and_never_shown() {
    let api = Api::new();
    let hostile = order("o-1").replace("true", &serde_json::to_string(HOSTILE).unwrap());
    api.ask(Ask::post("/v1/orders", hostile.clone())).await;
    let headers = api.headers(Ask::get("/v1/orders/o-1/document")).await;
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename=\"order.json\""),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "private, no-store"),
    ] {
        assert_eq!(headers[name], value);
    }
}
