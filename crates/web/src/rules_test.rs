//! `POST /v1/pricing-rules/test`: past orders priced again by other rules, and the difference.
//!
//! One page at a time, bounded in orders and in time. Never: a change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Request as HttpRequest, State};
use domain::id::{MerchantId, RuleId};
use domain::money::Money;
use serde_json::{Value, json};
use service::ledger::{By, PAGE_ROWS_MAX, Query};
use service::whatif::{self, Repriced, Share, Tested};
use service::wire::rules;

use crate::App;
use crate::body::{self, JSON, Media, collect};
use crate::error::{Error, Kind};
use crate::fields::{money, time};
use crate::openapi::schema::{Cursor, Name, RulesDocument, RulesTested};
use crate::orders::blocking;
use crate::params::{Params, cursor, read_cursor};
use crate::place::link;

/// How long one page may take: well below the time a request may.
const PAGE_TIME: Duration = Duration::from_secs(5);

/// Prices a page of past orders again by the rules that are sent, newest first.
///
/// An order is priced at the unit prices it had, as of the moment it came in; categories of
/// products and tags of customers are those of today. The rules in force make no difference.
/// Nothing changes. A page ends early after five seconds: go on at `next_cursor`.
#[utoipa::path(
    post, path = "/v1/pricing-rules/test", tag = "pricing", operation_id = "test_rules",
    params(
        ("merchant_id" = Option<Name>, Query, description = "Orders of this seller"),
        ("from" = Option<String>, Query, description = "Received at or after (RFC 3339, or a day)"),
        ("until" = Option<String>, Query, description = "Received before (RFC 3339), or by the \
            end of a day"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Most orders; \
            1,000 when not named"),
        ("cursor" = Option<Cursor>, Query, description = "Go on behind an earlier page"),
    ),
    request_body = RulesDocument,
    responses((status = 200, body = RulesTested, description = "The difference they make")),
)]
pub(crate) async fn test(
    State(app): State<Arc<App>>,
    request: HttpRequest,
) -> Result<Json<Value>, Error> {
    let (parts, sent) = request.into_parts();
    let params = ["merchant_id", "from", "until", "limit", "cursor"];
    let query = query(&app, &Params::read(&parts.uri, &params)?)?;
    if body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let limits = &app.settings.limits;
    let bytes = collect(sent, limits.rules_bytes_max, limits.request).await?;
    blocking(&app, move |app| {
        let rules = rules::parse(&bytes, 0, app.settings.exponent())?;
        let began = Instant::now();
        let mut goes_on = || began.elapsed() < PAGE_TIME;
        let documents = &app.settings.documents;
        let tested = whatif::test(&*app.ledger, &rules, &query, documents, &mut goes_on)?;
        Ok(Json(shown(app, &tested)))
    })
    .await
}

fn query(app: &App, params: &Params) -> Result<Query, Error> {
    let zone = &app.settings.documents.time_zone;
    let merchant = params.name("merchant_id", MerchantId::parse)?;
    Ok(Query {
        by: merchant.map_or(By::All, By::Merchant),
        from: params.from("from", zone)?,
        until: params.until("until", zone)?,
        before: params.parsed("cursor", read_cursor)?,
        limit: params.limit(PAGE_ROWS_MAX, PAGE_ROWS_MAX)?,
    })
}

fn shown(app: &App, tested: &Tested) -> Value {
    let amount = |amount: Money| money(amount, app.settings.exponent());
    let both = tested.orders.iter().filter_map(priced);
    let (before, after) = both.fold((Money(0), Money(0)), |(before, after), (b, a)| {
        // A thousand orders at most: far from what 64 bits hold.
        (before + b, after + a)
    });
    let count = |is: &dyn Fn(&Repriced) -> bool| tested.orders.iter().filter(|o| is(o)).count();
    let changed = tested.orders.iter().filter(|order| Ok(order.before) != order.after);
    json!({
        "orders": {
            "tested": tested.orders.len(),
            "changed": changed.clone().count(),
            "unpriced": count(&|o| o.after.is_ok() && priced(o).is_none()),
            "out_of_range": count(&|o| o.after.is_err()),
            "left_out": {
                "transfers": tested.left_out.transfers,
                "not_taken": tested.left_out.not_taken,
                "own_rules": tested.left_out.own_rules,
                "unreadable": tested.left_out.unreadable,
            },
        },
        "totals": {
            "before": amount(before),
            "after": amount(after),
            "difference": amount(after - before),
        },
        "currency": &app.settings.currency,
        "by_rule": tested.by_rule.iter().map(|row| rule(app, row)).collect::<Vec<_>>(),
        "changes": changed.map(|order| change(app, order)).collect::<Vec<_>>(),
        "next_cursor": tested.next.map(cursor),
    })
}

/// The totals of an order that has one by both rule sets.
fn priced(order: &Repriced) -> Option<(Money, Money)> {
    Some((order.before?, order.after.ok()??))
}

fn rule(app: &App, (rule, share): (&RuleId, &Share)) -> Value {
    let amount = |amount: Money| money(amount, app.settings.exponent());
    json!({
        "rule": rule.as_str(),
        "before": {"effects": share.effects_before, "amount": amount(share.before)},
        "after": {"effects": share.effects_after, "amount": amount(share.after)},
        "difference": amount(share.after - share.before),
        "failed": share.failed,
    })
}

fn change(app: &App, order: &Repriced) -> Value {
    let amount = |amount: Money| money(amount, app.settings.exponent());
    json!({
        "order_id": order.key.id.as_str(),
        "merchant_id": order.key.merchant.as_str(),
        "received_at": time(order.received_at),
        "before": order.before.map(amount),
        "after": order.after.ok().flatten().map(amount),
        "difference": priced(order).map(|(before, after)| amount(after - before)),
        "out_of_range": order.after.is_err(),
        "links": {"self": link(&order.key)},
    })
}
