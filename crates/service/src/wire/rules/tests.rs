//! What a document of rules says, and everything that can be wrong with it.

use domain::id::{Coupon, MerchantId, Sku};
use domain::money::{Money, UnitPrice};
use domain::order::{Channel, Line, Lines, Purchase};
use domain::pricing::{Action, Off, Stage, UnitOff};
use domain::time::Timestamp;

use super::*;

fn rules(json: &str) -> CompiledRules {
    parse(json.as_bytes(), 7, 2).unwrap_or_else(|violations| panic!("{json}: {violations:?}"))
}

/// `pointer code`, one per violation.
fn violations(json: &str) -> Vec<String> {
    let violations = parse(json.as_bytes(), 7, 2).map(|_| ()).unwrap_err();
    violations.iter().map(|v| format!("{} {}", v.pointer, v.code)).collect()
}

/// Every effect there is, each in a spelling of its own.
const EVERYTHING: &str = r#"[
  {"id": "a", "effect": {"type": "price_override", "unit_price": "9.900001"}},
  {"id": "b", "effect": {"type": "line_percentage_off", "percent": 12.50}},
  {"id": "c", "effect": {"type": "line_fixed_off", "amount": 0.015}},
  {"id": "d", "effect": {"type": "line_fixed_off", "amount": "3", "per": "line"}},
  {"id": "e", "effect": {"type": "quantity_tiers", "tiers":
    [{"from": 10, "percent": "5"}, {"from": 50, "unit_price": 8.5}]}},
  {"id": "f", "effect": {"type": "buy_x_get_y", "buy": 2, "get": 1}},
  {"id": "g", "effect": {"type": "order_percentage_off", "percent": "1e1"}},
  {"id": "h", "effect": {"type": "order_fixed_off", "amount": 10, "minimum_total": 100}},
  {"id": "i", "effect": {"type": "minimum_total", "minimum_total": "500.00", "percent": 5}},
  {"id": "j", "effect": {"type": "minimum_total", "minimum_total": 500, "amount": "25"}},
  {"id": "k", "effect": {"type": "coupon_percentage_off", "coupon": "PROMO10", "percent": 10}},
  {"id": "l", "effect": {"type": "coupon_fixed_off", "coupon": "MENOS5", "amount": 5}},
  {"id": "m", "effect": {"type": "shipping_percentage_off", "percent": 50}},
  {"id": "n", "effect": {"type": "shipping_fixed_off", "amount": 5}},
  {"id": "o", "effect": {"type": "free_shipping", "minimum_total": 200}},
  {"id": "p", "effect": {"type": "flat_shipping", "amount": 15}},
  {"id": "q", "effect": {"type": "tax", "percent": "7.25", "include_shipping": true}},
  {"id": "r", "priority": -3, "exclusive": true,
    "valid_from": "2025-01-01T00:00:00-03:00", "valid_until": "2025-02-01T00:00:00Z",
    "scope": {"merchants": ["loja"], "skus": ["B", "A"], "categories": ["livros"],
              "channels": ["web", "mobile"]},
    "when": "line.quantity > 2", "effect": {"type": "line_percentage_off", "percent": 1}}
]"#;

#[test]
fn every_effect_is_read() {
    let compiled = rules(EVERYTHING);
    let actions: Vec<&Action> = compiled.rules.rules().iter().map(|r| &r.action).collect();
    assert_eq!(actions[0], &Action::PriceOverride(UnitPrice(9_900_001)));
    assert_eq!(actions[2], &Action::LineFixedOff(UnitOff::PerUnit(UnitPrice(15_000))));
    assert_eq!(actions[7], &Action::OrderOff(Off::Fixed(Money(1_000))));
    assert_eq!(actions[15], &Action::FlatShipping(Money(1_500)));
    let minimums: Vec<_> = compiled.rules.rules().iter().filter_map(|r| r.minimum_total).collect();
    assert_eq!(minimums, [10_000, 50_000, 50_000, 20_000].map(Money));
    let last = &compiled.rules.rules()[17];
    assert_eq!((last.priority, last.exclusive), (-3, true));
    assert_eq!(last.valid_from, Some(Timestamp(1_735_700_400_000_000)));
    assert_eq!(last.scope.skus.len(), 2);
    assert!(last.condition.is_some());
    assert_eq!(compiled.rules.version, 7);
}

#[test]
fn the_canonical_text_says_the_same() {
    let first = rules(EVERYTHING);
    let again = rules(&first.source);
    assert_eq!(again.rules, first.rules);
    assert_eq!(again.source, first.source);
    assert!(first.source.contains(r#"{"percent":"12.5","type":"line_percentage_off"}"#));
    let extending = rules(r#"{"extend": true, "rules": []}"#);
    assert!(extending.extend && rules(&extending.source).extend);
    assert_eq!(rules("[]").source, r#"{"rules":[]}"#);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let json = r#"{"rules": [
      {"priority": "high", "effect": {"type": "tax", "percent": 101, "extra": 1}, "wen": "true"},
      {"id": "", "valid_from": "2025-01-01", "effect": {"type": "order_fixed_off", "amount": -1}},
      {"id": "c", "when": "order.note == 1", "scope": {"channels": ["fax"], "sku": []},
       "effect": {"type": "quantity_tiers", "tiers": [{"from": 1}, {"percent": 5}]}},
      {"id": "d", "effect": {"type": "discount"}},
      {"id": "e", "id": "f", "effect": {"type": "line_fixed_off", "amount": "1,5", "per": "box"}},
      {"id": "g", "when": "line.quantity > 1", "effect": {"type": "free_shipping"}},
      7
    ], "a/b": 1}"#;
    assert_eq!(
        violations(json),
        [
            "/a~1b unknown_field",
            "/rules/0/id required",
            "/rules/0/priority wrong_type",
            "/rules/0/effect/percent out_of_range",
            "/rules/0/effect/extra unknown_field",
            "/rules/0/wen unknown_field",
            "/rules/1/id bad_name",
            "/rules/1/valid_from bad_date",
            "/rules/1/effect/amount out_of_range",
            "/rules/2/scope/channels/0 unknown_value",
            "/rules/2/scope/sku unknown_field",
            "/rules/2/when bad_condition",
            "/rules/2/effect/tiers/0 required",
            "/rules/2/effect/tiers/1/from required",
            "/rules/3/effect/type unknown_value",
            "/rules/4/id duplicate_field",
            "/rules/4/effect/per unknown_value",
            "/rules/5/when bad_condition",
            "/rules/6 wrong_type",
        ]
    );
}

#[test]
fn rules_that_are_well_formed_can_still_be_wrong() {
    let json = r#"[
      {"id": "a", "effect": {"type": "free_shipping"}},
      {"id": "a", "effect": {"type": "buy_x_get_y", "buy": 0, "get": 1}},
      {"id": "b", "valid_from": "2025-01-02T00:00:00Z", "valid_until": "2025-01-01T00:00:00Z",
       "effect": {"type": "quantity_tiers",
                  "tiers": [{"from": 5, "percent": 1}, {"from": 5, "percent": 2}]}}
    ]"#;
    assert_eq!(
        violations(json),
        [
            "/1/id duplicate_id",
            "/1/effect out_of_range",
            "/2/valid_until empty_period",
            "/2/effect/tiers bad_tiers",
        ]
    );
    let rule = |at| format!(r#"{{"id": "r{at}", "effect": {{"type": "free_shipping"}}}}"#);
    let many = |count| format!("[{}]", (0..count).map(rule).collect::<Vec<_>>().join(","));
    assert_eq!(violations(&many(201)), [" too_many_rules"]);
    assert_eq!(rules(&many(200)).rules.rules().len(), 200);
}

#[test]
fn what_is_no_document_of_rules_says_so() {
    for json in ["", "{", "[1,]", "\u{feff}[]"] {
        assert_eq!(violations(json), [" malformed"], "{json}");
    }
    assert_eq!(violations("7"), [" wrong_type"]);
    assert_eq!(violations("{}"), ["/rules required"]);
    assert_eq!(violations(r#"{"rules": {}}"#), ["/rules wrong_type"]);
    assert_eq!(parse(b"\xff", 1, 2).map(|_| ()).unwrap_err()[0].code, "malformed");
}

#[test]
fn a_decimal_keeps_its_digits_or_is_refused() {
    let percent = |digits: &str| {
        let effect = format!(r#"{{"type": "line_percentage_off", "percent": {digits}}}"#);
        parse(format!(r#"[{{"id": "a", "effect": {effect}}}]"#).as_bytes(), 1, 2)
            .map(|_| "fine")
            .unwrap_or_else(|violations| violations[0].code)
    };
    for (digits, expected) in [
        ("0", "fine"),
        ("99.99", "fine"),
        ("\"100.00\"", "fine"),
        ("100.01", "out_of_range"),
        ("0.001", "too_precise"),
        ("0.30000000000000004", "too_precise"),
        ("\"ten\"", "not_a_number"),
        ("true", "wrong_type"),
        ("null", "required"),
        ("1e99", "out_of_range"),
    ] {
        assert_eq!(percent(digits), expected, "{digits}");
    }
    let amount = r#"[{"id": "a", "effect": {"type": "order_fixed_off", "amount": 0.005}}]"#;
    assert_eq!(violations(amount), ["/0/effect/amount too_precise"]);
}

fn order() -> Purchase {
    let line = |sku, quantity, price| Line {
        sku: Sku::parse(sku).unwrap(),
        quantity,
        unit_price: Some(UnitPrice(price)),
    };
    Purchase {
        customer: None,
        lines: Lines::parse(vec![line("A", 3, 100_000_000), line("B", 1, 300_000_000)]).unwrap(),
        shipping: Some(Money(2_000)),
        coupons: vec![Coupon::parse("PROMO10").unwrap()],
        ordered_at: None,
        shortage: None,
    }
}

fn total(rules: &CompiledRules) -> (Option<Money>, Vec<u16>) {
    let (order, merchant) = (order(), MerchantId::parse("loja").unwrap());
    let input = Priceable {
        order: &order,
        merchant: &merchant,
        channel: Channel::Web,
        products: &[],
        customer_tags: &[],
        metadata: None,
        now: Timestamp(0),
        exponent: 2,
    };
    let pricing = rules.price(&input).unwrap();
    (pricing.total, pricing.failed)
}

#[test]
fn conditions_decide_which_rules_apply() {
    let compiled = rules(
        r#"[
      {"id": "big", "when": "order.total >= 50000 && order.channel == 'web'",
       "effect": {"type": "order_percentage_off", "percent": 10}},
      {"id": "three", "when": "line.quantity >= 3",
       "effect": {"type": "line_percentage_off", "percent": 50}},
      {"id": "books", "when": "product.category == 'livros'",
       "effect": {"type": "price_override", "unit_price": 1}},
      {"id": "coupon", "when": "'PROMO10' in order.coupons", "effect": {"type": "free_shipping"}}
    ]"#,
    );
    // 300 + 300 + 20: half of A's 300, below 500 then, and shipping free.
    assert_eq!(total(&compiled), (Some(Money(45_000)), vec![2]));
    assert_eq!(compiled.rules.rules()[2].action.stage(), Stage::Override);
}

#[test]
fn rules_of_a_batch_come_on_top_of_the_installations() {
    let base = rules(
        r#"[
      {"id": "a", "when": "order.total > 0",
       "effect": {"type": "order_percentage_off", "percent": 10}},
      {"id": "b", "when": "order.total < 0", "effect": {"type": "flat_shipping", "amount": 99}}]"#,
    );
    let batch = rules(
        r#"{"extend": true, "rules": [
      {"id": "c", "when": "size(order.coupons) == 1", "effect": {"type": "free_shipping"}},
      {"id": "a", "effect": {"type": "order_fixed_off", "amount": 1}}]}"#,
    );
    let both = batch.extending(&base).unwrap();
    let ids: Vec<&str> = both.rules.rules().iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["b", "c", "a"]);
    assert_eq!(total(&both).0, Some(Money(59_900)));
    assert_eq!(rules(&both.source).rules, both.rules);
}

#[test]
fn compiled_rules_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Arc::new(CompiledRules::default()));
}
