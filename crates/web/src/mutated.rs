//! Addresses and rows that nobody meant: refused, or read as what they say.

use axum::http::Uri;
use domain::facts::Policy;
use domain::id::{MerchantId, Sku};
use jiff::tz::TimeZone;
use service::memory::{MemoryLedger, MemoryLog};
use service::serial;
use service::wire::document;

use crate::body::Media;
use crate::error::RowCode;
use crate::params::{Params, cursor, names_cursor, read_cursor, read_names_cursor};
use crate::{App, Settings, rows};

#[test]
fn mutated_queries_are_refused_or_read_as_others_read_them() {
    const KNOWN: [&str; 8] =
        ["status", "merchant_id", "limit", "from", "until", "cursor", "sku", "x"];
    fuzz::check("query", |bytes| {
        let Ok(query) = std::str::from_utf8(bytes) else { return };
        let Ok(uri) = format!("/v1/orders?{query}").parse::<Uri>() else { return };
        let Ok(params) = Params::read(&uri, &KNOWN) else { return };
        let said = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let given = KNOWN.iter().filter(|name| params.get(name).is_some());
        assert_eq!(given.count(), said.count(), "a parameter was lost, or came from nowhere");
        if let Ok(Some(merchant)) = params.name("merchant_id", MerchantId::parse) {
            assert_eq!(params.get("merchant_id").map(MerchantId::parse), Some(Ok(merchant)));
        }
        if let Ok(limit) = params.limit(50, 1_000) {
            assert!((1..=1_000).contains(&limit));
        }
        let zone = TimeZone::UTC;
        if let (Ok(Some(from)), Ok(Some(until))) =
            (params.from("from", &zone), params.until("from", &zone))
        {
            assert!(from <= until, "a day ends before it begins");
        }
    });
}

#[test]
fn mutated_cursors_are_refused_or_lead_to_one_place() {
    let made = [cursor(service::change::Seq(8_012)), names_cursor(&["shop", "CER\"ç"])];
    fuzz::check_all(made.map(String::into_bytes).to_vec(), |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Some(seq) = read_cursor(text) {
            assert_eq!(read_cursor(&cursor(seq)), Some(seq));
            assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        }
        if let Some((one, other)) = read_names_cursor(text) {
            assert_eq!(names_cursor(&[&one, &other]), text.to_lowercase());
        }
    });
}

fn app() -> App {
    let settings = serial::Settings { policy: Policy::default(), ..serial::Settings::default() };
    let clock = service::conformance::ticking();
    let ledger = MemoryLedger::open(MemoryLog::default(), settings, clock);
    let documents = document::Settings::new(MerchantId::parse("shop").expect("a name"));
    let settings = Settings::new(documents, std::env::temp_dir());
    App::new(std::sync::Arc::new(ledger.expect("an empty log is sound")), settings)
}

#[test]
fn mutated_rows_are_all_read_or_all_refused_with_their_lines() {
    let app = app();
    fuzz::check("rows", move |bytes| {
        for media in [Media::Json, Media::JsonLines] {
            let read = rows::read(&app, bytes, media, |row| {
                let sku = row.required("sku", Sku::parse);
                row.text("description");
                row.texts("tags");
                row.decimal("price", domain::money::Decimal::to_unit_price, RowCode::NotWhole);
                row.integer("on_hand");
                sku
            });
            match read {
                Ok(skus) => assert!(skus.len() <= app.settings.limits.rows_max),
                Err(error) => {
                    let status = error.status().as_u16();
                    assert!(matches!(status, 400 | 413), "{status}");
                }
            }
        }
    });
}
