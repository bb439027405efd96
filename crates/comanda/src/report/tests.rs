//! Whole pages, made of answers such as the API gives.

use anyhow::Result;
use connectors::mail::Customs;
use domain::id::MerchantId;
use domain::time::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use messages::Lang;
use serde_json::{Value, json};

use super::ask::Rows;
use super::{Period, Report, figures, html};

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&";

fn report(from: Date, to: Date, lang: Lang) -> Report {
    let time_zone = TimeZone::get("America/Sao_Paulo").expect("a zone");
    Report {
        period: Period::new(from, to, time_zone.clone()).expect("days"),
        merchant: None,
        customs: Customs { currency: "USD".into(), exponent: 2, time_zone },
        lang,
        at: Timestamp(1_795_340_700_000_000),
    }
}

fn rows(columns: &[&str], rows: Vec<Value>) -> Result<Rows> {
    let columns: Vec<Value> = columns.iter().map(|name| json!({"name": name})).collect();
    Rows::read(json!({"columns": columns, "rows": rows}))
}

/// What a store says that has sold something on each of these days.
fn sold(days: &[Date], sku: &str, sql: &str) -> Result<Rows> {
    if sql.contains("AS day, status") {
        let columns = [
            "day", "status", "kind", "currency", "orders", "units", "gross", "discount", "tax",
            "shipping", "total",
        ];
        let day = |day: &Date| {
            [
                json!([
                    day.to_string(),
                    "COMPLETED",
                    "purchase",
                    "BRL",
                    2,
                    5,
                    "1300.0000",
                    "65.4400",
                    null,
                    "0.0000",
                    "1234.5600"
                ]),
                json!([
                    day.to_string(),
                    "CANCELLED",
                    "purchase",
                    "BRL",
                    1,
                    1,
                    "9.0000",
                    "0.0000",
                    null,
                    null,
                    "9.0000"
                ]),
            ]
        };
        return rows(&columns, days.iter().flat_map(day).collect());
    }
    if sql.contains("FROM rejects") {
        return rows(&["kind", "code", "inputs"], vec![json!(["invalid", "bad_cpf", 3])]);
    }
    if sql.contains("FROM order_lines") {
        let products = vec![
            json!(["loja", sku, 5, "1234.5600"]),
            json!(["loja", "x".repeat(128), 1, "0.0100"]),
        ];
        return rows(&["merchant_id", "sku", "units", "total"], products);
    }
    if sql.contains("AS skus") {
        return rows(&["skus", "units"], vec![json!([1, 7])]);
    }
    if sql.contains("FROM shortages_by_sku") {
        let row = json!(["loja", sku, 7, 2, "2026-11-20T12:30:00Z"]);
        return rows(&["merchant_id", "sku", "units", "orders", "oldest"], vec![row]);
    }
    if sql.contains("AS part") {
        let part = |part: String| json!([part, 2, 0, 1_250, 90_061_000]);
        let parts = if sql.contains("channel AS part") {
            vec![part("api".to_owned())]
        } else if sql.contains("'' AS part") {
            vec![part(String::new())]
        } else {
            days.iter().map(|day| part(day.to_string())).collect()
        };
        return rows(&["part", "orders", "p50_ms", "p90_ms", "p99_ms"], parts);
    }
    assert!(sql.contains("FROM order_rules"), "{sql}");
    let rules = vec![json!([4, "black-friday", 2, "-65.4400"])];
    rows(&["rule_set", "rule_id", "orders", "amount"], rules)
}

fn page(report: &Report, sku: &str) -> String {
    let days = report.period.days();
    let figures = figures::ask(report, |sql| sold(&days, sku, sql)).expect("figures");
    html::page(report, &figures)
}

#[test]
fn amounts_are_the_stores_own_in_the_readers_language() {
    let (from, to) = (date(2026, 11, 21), date(2026, 11, 22));
    let said = [
        (Lang::PtBr, "R$\u{a0}2.469,12", "Receita por dia", "21/11/2026 a 22/11/2026"),
        (Lang::Es, "R$\u{a0}2.469,12", "Ingresos por día", "21/11/2026 a 22/11/2026"),
        (Lang::En, "R$2,469.12", "Revenue by day", "21 Nov 2026 to 22 Nov 2026"),
    ];
    for (lang, total, chart, period) in said {
        let page = page(&report(from, to, lang), "SKU-1");
        for text in [total, chart, period] {
            assert!(page.contains(text), "{}: {text} is not in {page}", lang.as_str());
        }
    }
}

#[test]
fn a_page_needs_nothing_but_itself_and_names_in_it_stay_names() {
    let day = date(2026, 11, 22);
    let mut report = report(day, day, Lang::En);
    report.merchant = MerchantId::parse(HOSTILE).ok();
    assert!(report.merchant.is_some());
    let page = page(&report, HOSTILE);
    for loads in ["<script", "<img", "<link", "<iframe", "@import", "url(", " src=", " href="] {
        let outside = page.replace("src=x onerror", "");
        assert!(!outside.contains(loads), "{loads}");
    }
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
}

#[test]
fn a_hostile_seller_stays_within_its_quotes_in_sql() {
    let day = date(2026, 11, 22);
    let mut report = report(day, day, Lang::En);
    report.merchant = MerchantId::parse("x' OR 'a'='a").ok();
    let figures = figures::ask(&report, |sql| {
        assert!(sql.contains("merchant_id = 'x'' OR ''a''=''a'"), "{sql}");
        sold(&[day], "SKU-1", sql)
    });
    assert!(figures.is_ok());
}

#[test]
fn a_store_without_an_order_has_a_report_too() {
    let nothing = |sql: &str| match sql.contains("AS skus") {
        true => rows(&["skus", "units"], vec![json!([0, null])]),
        false => rows(&[], Vec::new()),
    };
    let report = report(date(2026, 11, 1), date(2026, 11, 22), Lang::PtBr);
    let figures = figures::ask(&report, nothing).expect("figures");
    let page = html::page(&report, &figures);
    assert!(page.contains("Nada nestes dias.") && page.contains("US$\u{a0}0,00"), "{page}");
    assert!(!page.contains("<svg"), "nothing is drawn of nothing");
}

#[test]
fn a_year_is_drawn_by_day_and_listed_by_month_and_adds_up() {
    let report = report(date(2026, 1, 1), date(2026, 12, 31), Lang::En);
    let page = page(&report, "SKU-1");
    let bars = page.matches("<rect").count();
    assert!(bars > 2 * 365, "{bars} bars");
    let months: Vec<&str> = page.split("<tr><td>").filter(|row| row.contains("/2026")).collect();
    assert_eq!(months.len(), 12);
    assert!(page.contains("R$450,614.40"), "365 days of 1,234.56");
    assert!(page.contains(">02/2026<") && page.contains("R$34,567.68"), "28 days");
}

#[test]
fn ten_years_are_drawn_by_month() {
    let from = date(2026, 1, 1);
    let to = from.checked_add(3_651.days()).expect("a day");
    let page = page(&report(from, to, Lang::Es), "SKU-1");
    assert!(page.contains("Ingresos por mes"));
    assert!(page.matches("<rect").count() < 300);
}
