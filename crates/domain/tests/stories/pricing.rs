//! Stories of pricing: every kind of rule, how rules get along, and that every cent is explained.
//!
//! An order is `sku quantity x price` per line, then what else it says; the outcome is each line's
//! base, what every rule did to it, and what it comes to.

use compact_str::CompactString;
use domain::id::{Category, Coupon, CustomerId, MerchantId, RuleId, Sku};
use domain::limits::MONEY_MAX;
use domain::money::{Amount, Decimal, Money, UnitPrice};
use domain::order::{Channel, Line, Lines, Purchase};
use domain::pricing::{
    Action, ConditionFailed, ConditionRef, ConditionScope, Conditions, FaultKind, NoConditions,
    Off, Percent, Priceable, Pricing, PricingError, Product, Rule, RuleSet, Scope, Target, Tier,
    TierPrice, UnitOff, price,
};
use domain::time::Timestamp;
use proptest::prelude::*;

/// What rules do to an order that came in by the web at second 100 for the seller `loja`.
fn check(order: &str, rules: &[Rule], outcome: &str) {
    let pricing = priced(order, rules).expect("amounts within range");
    explained(&pricing);
    assert_eq!(told(order, rules, &pricing), outcome, "{order}");
}

#[test]
fn without_rules_lines_and_shipping_add_up() {
    check("A 3 x 19.90 | B 1 x 5", &[], "A 59.70 | B 5.00 | total 64.70");
    check("A 3 x 19.90 | shipping 8.50", &[], "A 59.70 | shipping 8.50 | total 68.20");
}

#[test]
fn a_line_is_rounded_once_half_to_even() {
    check(
        "A 1 x 0.005 | B 1 x 0.015 | C 3 x 0.333333",
        &[],
        "A 0.00 | B 0.02 | C 1.00 | total 1.02",
    );
}

#[test]
fn a_line_without_a_price_costs_what_the_catalogue_says() {
    check("A 2 x ? catalogue 7.25 | B 1 x 5", &[], "A 14.50 | B 5.00 | total 19.50");
    check("A 2 x 7 catalogue 9", &[], "A 14.00 | total 14.00");
}

#[test]
fn an_order_with_an_unpriced_line_has_no_total_and_no_rules() {
    let rules = [rule("ten", Action::OrderOff(percent_off(10)))];
    check("A 2 x ?", &rules, "A - | total -");
    check("A 2 x ? | B 1 x 5 | shipping 3", &rules, "A - | B 5.00 | shipping 3.00 | total -");
}

#[test]
fn a_price_override_replaces_the_price() {
    let nine = rule("nine", Action::PriceOverride(UnitPrice(9_000_000)));
    check("A 3 x 10", std::slice::from_ref(&nine), "A 30.00 -3.00 nine = 27.00 | total 27.00");
    check("A 3 x 8", &[nine], "A 24.00 +3.00 nine = 27.00 | total 27.00");
}

#[test]
fn of_two_overrides_the_last_wins() {
    let to = |id, price| rule(id, Action::PriceOverride(UnitPrice(price)));
    let rules = [to("a", 9_000_000), to("b", 12_000_000)];
    check("A 1 x 10", &rules, "A 10.00 -1.00 a +3.00 b = 12.00 | total 12.00");
}

#[test]
fn a_percentage_off_a_line_is_rounded_half_to_even() {
    let half = [rule("half", Action::LinePercentageOff(percent(50)))];
    check("A 1 x 0.01", &half, "A 0.01 | total 0.01");
    check("A 1 x 0.03", &half, "A 0.03 -0.02 half = 0.01 | total 0.01");
    check("A 1 x 0.05", &half, "A 0.05 -0.02 half = 0.03 | total 0.03");
}

#[test]
fn percentages_take_their_share_of_what_is_left() {
    let rules = [
        rule("ten", Action::LinePercentageOff(percent(10))),
        rule("five", Action::LinePercentageOff(percent(5))),
    ];
    check("A 1 x 100", &rules, "A 100.00 -10.00 ten -4.50 five = 85.50 | total 85.50");
}

#[test]
fn a_fixed_amount_off_counts_per_unit_or_per_line() {
    let unit = [rule("unit", Action::LineFixedOff(UnitOff::PerUnit(UnitPrice(1_500_000))))];
    check("A 3 x 10", &unit, "A 30.00 -4.50 unit = 25.50 | total 25.50");
    let line = [rule("line", Action::LineFixedOff(UnitOff::PerLine(Money(150))))];
    check("A 3 x 10", &line, "A 30.00 -1.50 line = 28.50 | total 28.50");
}

#[test]
fn a_discount_takes_what_is_there_and_no_more() {
    let line = rule("line", Action::LineFixedOff(UnitOff::PerLine(Money(5_000))));
    let order = rule("order", Action::OrderOff(Off::Fixed(Money(9_900))));
    let ship = rule("ship", Action::ShippingOff(Off::Fixed(Money(9_900))));
    check(
        "A 1 x 10 | B 1 x 60 | shipping 4",
        &[line, order, ship],
        "A 10.00 -10.00 line = 0.00 | B 60.00 -50.00 line -10.00 order = 0.00 \
         | shipping 4.00 -4.00 ship = 0.00 | total 0.00",
    );
}

#[test]
fn the_greatest_tier_that_is_reached_counts() {
    let tier = |from, price| Tier { from, price };
    let tiers = [rule(
        "tiers",
        Action::QuantityTiers(vec![
            tier(10, TierPrice::PercentOff(percent(5))),
            tier(50, TierPrice::UnitPrice(UnitPrice(8_000_000))),
        ]),
    )];
    check("A 9 x 10", &tiers, "A 90.00 | total 90.00");
    check("A 10 x 10", &tiers, "A 100.00 -5.00 tiers = 95.00 | total 95.00");
    check("A 50 x 10", &tiers, "A 500.00 -100.00 tiers = 400.00 | total 400.00");
    check("A 50 x 7", &tiers, "A 350.00 | total 350.00");
}

#[test]
fn of_every_three_one_is_free() {
    let three = Action::BuyXGetY { buy: 2, get: 1, off: percent(100) };
    let three = [rule("3x2", three)];
    check("A 2 x 10", &three, "A 20.00 | total 20.00");
    check("A 3 x 10", &three, "A 30.00 -10.00 3x2 = 20.00 | total 20.00");
    check("A 8 x 10", &three, "A 80.00 -20.00 3x2 = 60.00 | total 60.00");
    let second = [rule("2nd", Action::BuyXGetY { buy: 1, get: 1, off: percent(50) })];
    check("A 3 x 10", &second, "A 30.00 -5.00 2nd = 25.00 | total 25.00");
}

#[test]
fn an_order_discount_is_spread_by_largest_remainder() {
    let one = [rule("one", Action::OrderOff(Off::Fixed(Money(100))))];
    check(
        "A 1 x 10 | B 1 x 10 | C 1 x 10",
        &one,
        "A 10.00 -0.34 one = 9.66 | B 10.00 -0.33 one = 9.67 | C 10.00 -0.33 one = 9.67 \
         | total 29.00",
    );
    check(
        "A 1 x 90 | B 1 x 0 | C 1 x 10",
        &one,
        "A 90.00 -0.90 one = 89.10 | B 0.00 | C 10.00 -0.10 one = 9.90 | total 99.00",
    );
}

#[test]
fn an_order_percentage_is_rounded_as_one_amount() {
    // A third of ten cents each would round to 3 + 3 + 3; together they are 10.
    let third = [rule("third", Action::OrderOff(Off::Percent(basis_points(3_333))))];
    check(
        "A 1 x 0.10 | B 1 x 0.10 | C 1 x 0.10",
        &third,
        "A 0.10 -0.04 third = 0.06 | B 0.10 -0.03 third = 0.07 | C 0.10 -0.03 third = 0.07 \
         | total 0.20",
    );
}

#[test]
fn a_minimum_total_counts_goods_as_the_stage_found_them() {
    let ten = with_minimum(100, rule("ten", Action::OrderOff(Off::Fixed(Money(1_000)))));
    let again = with_minimum(100, rule("again", Action::OrderOff(Off::Fixed(Money(1_000)))));
    check(
        "A 1 x 99.99 | shipping 50",
        std::slice::from_ref(&ten),
        "A 99.99 | shipping 50.00 | total 149.99",
    );
    check(
        "A 1 x 100",
        &[ten.clone(), again],
        "A 100.00 -10.00 ten -10.00 again = 80.00 | total 80.00",
    );
    let half = rule("half", Action::LinePercentageOff(percent(50)));
    check("A 1 x 100", &[half, ten], "A 100.00 -50.00 half = 50.00 | total 50.00");
}

#[test]
fn a_coupon_counts_when_it_was_presented() {
    let promo = Coupon::parse("PROMO10").expect("a name");
    let rules = [rule("promo", Action::CouponOff { code: promo, off: percent_off(10) })];
    check("A 1 x 50 | coupon PROMO10", &rules, "A 50.00 -5.00 promo = 45.00 | total 45.00");
    check("A 1 x 50 | coupon promo10", &rules, "A 50.00 | total 50.00");
    check("A 1 x 50", &rules, "A 50.00 | total 50.00");
}

#[test]
fn shipping_gets_cheaper_or_free_or_flat() {
    let half = rule("half", Action::ShippingOff(percent_off(50)));
    let free = rule("free", Action::ShippingOff(percent_off(100)));
    let flat = rule("flat", Action::FlatShipping(Money(1_500)));
    let a = "A 1 x 1 | shipping 8.01";
    check(a, std::slice::from_ref(&half), "A 1.00 | shipping 8.01 -4.00 half = 4.01 | total 5.01");
    check(a, &[free], "A 1.00 | shipping 8.01 -8.01 free = 0.00 | total 1.00");
    check(
        a,
        std::slice::from_ref(&flat),
        "A 1.00 | shipping 8.01 +6.99 flat = 15.00 | total 16.00",
    );
    check("A 1 x 1", std::slice::from_ref(&half), "A 1.00 | total 1.00");
    let rules = [flat, half];
    check("A 1 x 1", &rules, "A 1.00 | shipping - +15.00 flat -7.50 half = 7.50 | total 8.50");
}

#[test]
fn tax_is_on_goods_after_discounts_and_on_shipping_if_it_says_so() {
    let tax =
        |id, include_shipping| rule(id, Action::Tax { percent: percent(10), include_shipping });
    let half = rule("half", Action::OrderOff(percent_off(50)));
    let a = "A 1 x 100 | shipping 20";
    let rules = [tax("goods", false), half.clone()];
    check(
        a,
        &rules,
        "A 100.00 -50.00 half = 50.00 | shipping 20.00 | tax +5.00 goods | total 75.00",
    );
    let rules = [tax("all", true), half];
    check(a, &rules, "A 100.00 -50.00 half = 50.00 | shipping 20.00 | tax +7.00 all | total 77.00");
    let rules = [tax("one", false), tax("two", true)];
    check(a, &rules, "A 100.00 | shipping 20.00 | tax +10.00 one +12.00 two | total 142.00");
}

#[test]
fn stages_run_in_their_order_whatever_the_priority() {
    let last = [
        with_priority(
            -9,
            rule("tax", Action::Tax { percent: percent(10), include_shipping: true }),
        ),
        with_priority(-8, rule("ship", Action::FlatShipping(Money(1_000)))),
        with_priority(-7, rule("order", Action::OrderOff(percent_off(50)))),
        with_priority(-6, rule("line", Action::LinePercentageOff(percent(50)))),
        with_priority(-5, rule("price", Action::PriceOverride(UnitPrice(80_000_000)))),
    ];
    check(
        "A 1 x 100",
        &last,
        "A 100.00 -20.00 price -40.00 line -20.00 order = 20.00 | shipping - +10.00 ship = 10.00 \
         | tax +3.00 tax | total 33.00",
    );
}

#[test]
fn within_a_stage_lower_priority_runs_first_and_equals_as_given() {
    let fixed = |id, priority| {
        with_priority(priority, rule(id, Action::LineFixedOff(UnitOff::PerLine(Money(600)))))
    };
    let rules = [fixed("c", 5), fixed("a", -1), fixed("b", 5)];
    check("A 1 x 10", &rules, "A 10.00 -6.00 a -4.00 c = 0.00 | total 0.00");
}

#[test]
fn an_exclusive_rule_closes_its_target_to_the_rest_of_the_stage() {
    let off = |id, percentage| rule(id, Action::LinePercentageOff(percent(percentage)));
    let only_a = Scope { skus: vec![sku("A")], ..Scope::default() };
    let rules = [exclusive(with_scope(only_a, off("best", 50))), off("ten", 10)];
    check(
        "A 1 x 10 | B 1 x 10",
        &rules,
        "A 10.00 -5.00 best = 5.00 | B 10.00 -1.00 ten = 9.00 | total 14.00",
    );
}

#[test]
fn an_exclusive_rule_is_skipped_where_another_has_applied() {
    let off = |id, percentage| rule(id, Action::LinePercentageOff(percent(percentage)));
    let rules = [off("ten", 10), exclusive(off("best", 50)), off("five", 5)];
    check("A 1 x 10", &rules, "A 10.00 -1.00 ten -0.45 five = 8.55 | total 8.55");
}

#[test]
fn exclusive_says_nothing_about_other_stages() {
    let line = exclusive(rule("line", Action::LinePercentageOff(percent(10))));
    let order = exclusive(rule("order", Action::OrderOff(percent_off(10))));
    let late = rule("late", Action::OrderOff(percent_off(10)));
    let rules = [line, order, late];
    check("A 1 x 10", &rules, "A 10.00 -1.00 line -0.90 order = 8.10 | total 8.10");
}

#[test]
fn an_exclusive_rule_that_did_not_apply_closes_nothing() {
    let code = Coupon::parse("X").expect("a name");
    let coupon =
        exclusive(rule("x", Action::CouponOff { code: code.clone(), off: percent_off(50) }));
    let other = rule(
        "y",
        Action::CouponOff { code: Coupon::parse("Y").expect("a name"), off: percent_off(10) },
    );
    let rules = [coupon, other];
    check("A 1 x 10 | coupon Y", &rules, "A 10.00 -1.00 y = 9.00 | total 9.00");
    check("A 1 x 10 | coupon X | coupon Y", &rules, "A 10.00 -5.00 x = 5.00 | total 5.00");
}

#[test]
fn an_exclusive_rule_that_came_out_as_zero_has_applied() {
    let same = exclusive(rule("same", Action::PriceOverride(UnitPrice(10_000_000))));
    let other = rule("other", Action::PriceOverride(UnitPrice(1_000_000)));
    check("A 1 x 10", &[same, other], "A 10.00 | total 10.00");
}

#[test]
fn a_rule_is_valid_from_its_beginning_until_before_its_end() {
    let off = |from: Option<i64>, until: Option<i64>| Rule {
        valid_from: from.map(second),
        valid_until: until.map(second),
        ..rule("off", Action::LinePercentageOff(percent(10)))
    };
    let (yes, no) = ("A 10.00 -1.00 off = 9.00 | total 9.00", "A 10.00 | total 10.00");
    check("A 1 x 10", &[off(Some(100), None)], yes);
    check("A 1 x 10", &[off(Some(101), None)], no);
    check("A 1 x 10", &[off(None, Some(101))], yes);
    check("A 1 x 10", &[off(None, Some(100))], no);
}

#[test]
fn a_rule_concerns_the_sellers_and_channels_in_its_scope() {
    let off = rule("off", Action::LinePercentageOff(percent(10)));
    let merchants = |names: &[&str]| Scope {
        merchants: names.iter().map(|n| MerchantId::parse(n).expect("a name")).collect(),
        ..Scope::default()
    };
    let channels = |channels: &[Channel]| Scope { channels: channels.into(), ..Scope::default() };
    let (yes, no) = ("A 10.00 -1.00 off = 9.00 | total 9.00", "A 10.00 | total 10.00");
    for (scope, outcome) in [
        (merchants(&["x", "loja"]), yes),
        (merchants(&["x"]), no),
        (channels(&[Channel::Mobile, Channel::Web]), yes),
        (channels(&[Channel::Batch]), no),
        (Scope { channels: vec![Channel::Batch], ..merchants(&["loja"]) }, no),
    ] {
        check("A 1 x 10", &[with_scope(scope, off.clone())], outcome);
    }
}

#[test]
fn a_rule_concerns_the_products_in_its_scope() {
    let books = Scope { categories: vec![category("livros")], ..Scope::default() };
    let order = "A 1 x 10 in livros | B 1 x 10 in jogos | C 1 x 10";
    let line = with_scope(books.clone(), rule("off", Action::LinePercentageOff(percent(10))));
    check(order, &[line], "A 10.00 -1.00 off = 9.00 | B 10.00 | C 10.00 | total 29.00");
    let whole = with_scope(books.clone(), rule("off", Action::OrderOff(percent_off(10))));
    check(order, &[whole], "A 10.00 -1.00 off = 9.00 | B 10.00 | C 10.00 | total 29.00");
    let tax = rule("tax", Action::Tax { percent: percent(10), include_shipping: false });
    check(
        order,
        &[with_scope(books.clone(), tax)],
        "A 10.00 | B 10.00 | C 10.00 | tax +1.00 tax | total 31.00",
    );
    let both = Scope { skus: vec![sku("B")], ..books.clone() };
    let both = with_scope(both, rule("off", Action::LinePercentageOff(percent(10))));
    check(order, &[both], "A 10.00 | B 10.00 | C 10.00 | total 30.00");
    let free = with_scope(books, rule("free", Action::FlatShipping(Money(0))));
    let shipping = "B 1 x 10 in jogos | shipping 5";
    check(shipping, std::slice::from_ref(&free), "B 10.00 | shipping 5.00 | total 15.00");
    let shipping = "A 1 x 10 in livros | shipping 5";
    check(shipping, &[free], "A 10.00 | shipping 5.00 -5.00 free = 0.00 | total 10.00");
}

#[test]
fn a_scope_of_many_names_still_finds_each() {
    let skus = ["Z", "Q", "B", "A", "M", "C", "X", "K", "D", "L"].map(sku).to_vec();
    let scope = Scope { skus, ..Scope::default() };
    let off = with_scope(scope, rule("off", Action::LinePercentageOff(percent(10))));
    check("M 1 x 10 | N 1 x 10", &[off], "M 10.00 -1.00 off = 9.00 | N 10.00 | total 19.00");
}

#[test]
fn a_condition_decides_line_by_line_or_for_the_order() {
    let off = rule("off", Action::LinePercentageOff(percent(10)));
    let order = "A 3 x 10 | B 1 x 10";
    let three = with_condition(THREE_UNITS, off.clone());
    check(order, &[three], "A 30.00 -3.00 off = 27.00 | B 10.00 | total 37.00");
    let never = with_condition(NEVER, off.clone());
    check(order, &[never], "A 30.00 | B 10.00 | total 40.00");
    // Seen from the line, the goods' total is still what it was when the stage began.
    let forty = with_condition(FORTY, off);
    check(
        order,
        &[forty.clone(), forty_again(forty)],
        "A 30.00 -3.00 off -2.70 again = 24.30 \
         | B 10.00 -1.00 off -0.90 again = 8.10 | total 32.40",
    );
}

#[test]
fn a_condition_that_cannot_be_evaluated_is_recorded_and_does_not_hold() {
    let order = with_condition(FAILS, rule("order", Action::OrderOff(percent_off(10))));
    let line = with_condition(FAILS, rule("line", Action::LinePercentageOff(percent(10))));
    let fine = rule("fine", Action::LinePercentageOff(percent(10)));
    check(
        "A 1 x 10 | B 1 x 10",
        &[order, fine, line],
        "A 10.00 -1.00 fine = 9.00 | B 10.00 -1.00 fine = 9.00 \
         | total 18.00 | failed line order",
    );
}

#[test]
fn a_condition_is_not_asked_where_the_rule_is_out_of_scope() {
    let scope = Scope { skus: vec![sku("B")], ..Scope::default() };
    let off = rule("off", Action::LinePercentageOff(percent(10)));
    let off = with_scope(scope, with_condition(FAILS, off));
    check("A 1 x 10", std::slice::from_ref(&off), "A 10.00 | total 10.00");
    let early = Rule { valid_until: Some(second(1)), scope: Scope::default(), ..off };
    check("A 1 x 10", &[early], "A 10.00 | total 10.00");
}

#[test]
fn amounts_beyond_all_money_are_refused() {
    let out = Err(PricingError::OutOfRange);
    assert_eq!(priced("A 1000000000 x 999999999", &[]), out);
    let dear = rule("dear", Action::PriceOverride(UnitPrice(MONEY_MAX)));
    assert_eq!(priced("A 1000000000 x 1", std::slice::from_ref(&dear)), out);
    let scope = Scope { skus: vec![sku("B")], ..Scope::default() };
    check("A 1000000000 x 1", &[with_scope(scope, dear)], "A 1000000000.00 | total 1000000000.00");
    assert_eq!(priced("A 1 x 1 | shipping -1", &[]), out);
}

#[test]
fn a_rule_set_with_faults_names_them_all() {
    let fixed = |amount| Action::OrderOff(Off::Fixed(Money(amount)));
    let backwards = Rule {
        valid_from: Some(second(2)),
        valid_until: Some(second(2)),
        ..rule("b", Action::QuantityTiers(Vec::new()))
    };
    let units = Action::BuyXGetY { buy: 1, get: 0, off: percent(100) };
    let rules =
        vec![rule("a", fixed(-1)), rule("a", fixed(MONEY_MAX + 1)), backwards, rule("c", units)];
    let faults = RuleSet::new(1, rules).expect_err("faults");
    let faults: Vec<_> = faults.iter().map(|f| (f.rule, f.kind)).collect();
    assert_eq!(
        faults,
        [
            (0, FaultKind::Amount),
            (1, FaultKind::DuplicateId),
            (1, FaultKind::Amount),
            (2, FaultKind::EmptyPeriod),
            (2, FaultKind::Tiers),
            (3, FaultKind::Units),
        ]
    );
    let many = (0..=200).map(|n| rule(&format!("r{n}"), fixed(1))).collect();
    assert_eq!(RuleSet::new(1, many).expect_err("faults")[0].kind, FaultKind::TooMany);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_cent_is_explained_whatever_the_rules(
        lines in prop::collection::vec((0..4_usize, 1..30_i64, amount()), 1..25),
        shipping in prop::option::of(amount()),
        actions in prop::collection::vec(any_rule(), 0..12),
    ) {
        let order = Purchase {
            lines: Lines::parse(lines.iter().map(|(name, quantity, price)| Line {
                sku: sku(["A", "B", "C", "D"][*name]),
                quantity: *quantity,
                unit_price: Some(UnitPrice(*price)),
            }).collect()).expect("lines"),
            shipping: shipping.map(Money),
            ..purchase()
        };
        let rules: Vec<Rule> = actions.into_iter().enumerate()
            .map(|(at, r)| Rule { id: RuleId::parse(&format!("r{at}")).expect("a name"), ..r })
            .collect();
        let rules = RuleSet::new(1, rules).expect("rules without faults");
        let merchant = MerchantId::parse("loja").expect("a name");
        let books = category("livros");
        let products = [Product { unit_price: None, category: Some(&books) }];
        let input = Priceable { products: &products, ..priceable(&order, &merchant) };
        let pricing = price(&input, &rules, &Told).expect("amounts within range");
        explained(&pricing);
        prop_assert_eq!(&pricing, &price(&input, &rules, &Told).expect("the same"));
    }
}

/// Base, effects and totals add up, and nothing is below zero.
fn explained(pricing: &Pricing) {
    let of = |target| {
        let effects = pricing.effects.iter().filter(|e| e.target == target);
        effects.map(|e| e.amount).sum::<Money>()
    };
    assert!(pricing.effects.iter().all(|e| e.amount != Money::ZERO));
    let Some(total) = pricing.total else {
        assert!(pricing.effects.is_empty());
        return;
    };
    let mut sum = pricing.shipping.unwrap_or_default() + of(Target::Shipping);
    assert!(sum >= Money::ZERO && of(Target::Tax) >= Money::ZERO);
    for (at, line) in (0..).zip(&pricing.lines) {
        let base = line.base.expect("a priced line");
        assert_eq!(line.total, Some(base + of(Target::Line(at))), "line {at}");
        assert!(line.total >= Some(Money::ZERO), "line {at}");
        sum += line.total.unwrap_or_default();
    }
    assert_eq!(total, sum + of(Target::Tax));
}

/// Conditions as facts: the number says which.
struct Told;
const NEVER: u16 = 0;
const THREE_UNITS: u16 = 1;
const FORTY: u16 = 2;
const FAILS: u16 = 3;

impl Conditions for Told {
    fn holds(&self, at: ConditionRef, scope: &ConditionScope<'_>) -> Result<bool, ConditionFailed> {
        match at.0 {
            NEVER => Ok(false),
            THREE_UNITS => Ok(scope.line.is_some_and(|line| line.line.quantity >= 3)),
            FORTY => Ok(scope.total == Some(Money(4_000))),
            _ => Err(ConditionFailed),
        }
    }
}

fn forty_again(rule: Rule) -> Rule {
    Rule { id: RuleId::parse("again").expect("a name"), ..rule }
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![0..100_000_i64, 0..1_000_000_000_i64, Just(0)]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let bp = || (0..=10_000_i64).prop_map(basis_points);
    let money = || amount().prop_map(Money);
    let off = move || prop_oneof![bp().prop_map(Off::Percent), money().prop_map(Off::Fixed)];
    let action = prop_oneof![
        amount().prop_map(|p| Action::PriceOverride(UnitPrice(p))),
        bp().prop_map(Action::LinePercentageOff),
        amount().prop_map(|p| Action::LineFixedOff(UnitOff::PerUnit(UnitPrice(p)))),
        money().prop_map(|m| Action::LineFixedOff(UnitOff::PerLine(m))),
        (1..20_i64, bp(), amount()).prop_map(|(from, percent, price)| Action::QuantityTiers(vec![
            Tier { from, price: TierPrice::PercentOff(percent) },
            Tier { from: from + 5, price: TierPrice::UnitPrice(UnitPrice(price)) },
        ])),
        (1..4_i64, 1..4_i64, bp()).prop_map(|(buy, get, off)| Action::BuyXGetY { buy, get, off }),
        off().prop_map(Action::OrderOff),
        off().prop_map(|off| Action::CouponOff { code: Coupon::parse("X").expect("a name"), off }),
        off().prop_map(Action::ShippingOff),
        money().prop_map(Action::FlatShipping),
        (bp(), any::<bool>())
            .prop_map(|(percent, include_shipping)| Action::Tax { percent, include_shipping }),
    ];
    let scope = prop_oneof![
        2 => Just(Scope::default()),
        1 => Just(Scope { skus: vec![sku("A"), sku("C")], ..Scope::default() }),
        1 => Just(Scope { categories: vec![category("livros")], ..Scope::default() }),
    ];
    let condition = prop::option::weighted(0.3, (0..4_u16).prop_map(ConditionRef));
    (action, -2..3_i32, prop::bool::weighted(0.2), scope, condition).prop_map(
        |(action, priority, exclusive, scope, condition)| Rule {
            priority,
            exclusive,
            scope,
            condition,
            ..rule("r", action)
        },
    )
}

fn rule(id: &str, action: Action) -> Rule {
    Rule {
        id: RuleId::parse(id).expect("a name"),
        priority: 0,
        exclusive: false,
        valid_from: None,
        valid_until: None,
        scope: Scope::default(),
        minimum_total: None,
        condition: None,
        action,
    }
}

fn exclusive(rule: Rule) -> Rule {
    Rule { exclusive: true, ..rule }
}

fn with_priority(priority: i32, rule: Rule) -> Rule {
    Rule { priority, ..rule }
}

fn with_scope(scope: Scope, rule: Rule) -> Rule {
    Rule { scope, ..rule }
}

fn with_minimum(major: i64, rule: Rule) -> Rule {
    Rule { minimum_total: Some(Money(major * 100)), ..rule }
}

fn with_condition(condition: u16, rule: Rule) -> Rule {
    Rule { condition: Some(ConditionRef(condition)), ..rule }
}

fn percent(percent: i64) -> Percent {
    basis_points(percent * 100)
}

fn basis_points(basis_points: i64) -> Percent {
    Percent::new(basis_points).expect("a percentage")
}

fn percent_off(whole: i64) -> Off {
    Off::Percent(percent(whole))
}

fn second(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).expect("a name")
}

fn category(name: &str) -> Category {
    Category::parse(name).expect("a name")
}

fn purchase() -> Purchase {
    let line = Line { sku: sku("A"), quantity: 1, unit_price: None };
    Purchase {
        customer: CustomerId::parse("c1").ok(),
        lines: Lines::parse(vec![line]).expect("lines"),
        shipping: None,
        coupons: vec![Coupon::parse("X").expect("a name")],
        ordered_at: None,
        shortage: None,
    }
}

fn priceable<'a>(order: &'a Purchase, merchant: &'a MerchantId) -> Priceable<'a> {
    const NO_TAGS: &[CompactString] = &[];
    Priceable {
        order,
        merchant,
        channel: Channel::Web,
        products: &[],
        customer_tags: NO_TAGS,
        metadata: None,
        now: second(100),
        exponent: 2,
    }
}

fn priced(order: &str, rules: &[Rule]) -> Result<Pricing, PricingError> {
    let (mut lines, mut products) = (Vec::new(), Vec::new());
    let (mut shipping, mut coupons) = (None, Vec::new());
    let decimal = |text: &str| Decimal::parse(text).expect("a decimal");
    let unit_price = |text: &str| decimal(text).to_unit_price().expect("a price");
    for part in order.split(" | ") {
        let words: Vec<&str> = part.split(' ').collect();
        match words.as_slice() {
            ["shipping", cost] => shipping = decimal(cost).to_money(2).ok(),
            ["coupon", code] => coupons.push(Coupon::parse(code).expect("a name")),
            [name, quantity, "x", price, rest @ ..] => {
                let quantity = quantity.parse().expect("a quantity");
                let given = (*price != "?").then(|| unit_price(price));
                lines.push(Line { sku: sku(name), quantity, unit_price: given });
                products.push(match rest {
                    ["catalogue", price] => (Some(unit_price(price)), None),
                    ["in", name] => (None, Some(category(name))),
                    _ => (None, None),
                });
            }
            _ => panic!("no part of an order: {part}"),
        }
    }
    let lines = Lines::parse(lines).expect("lines");
    let order = Purchase { lines, shipping, coupons, ..purchase() };
    let merchant = MerchantId::parse("loja").expect("a name");
    let products: Vec<Product<'_>> = products
        .iter()
        .map(|(unit_price, category)| Product {
            unit_price: *unit_price,
            category: category.as_ref(),
        })
        .collect();
    let input = Priceable { products: &products, ..priceable(&order, &merchant) };
    let rules = RuleSet::new(1, rules.to_vec()).expect("rules without faults");
    if rules.rules().is_empty() {
        return price(&input, &rules, &NoConditions);
    }
    price(&input, &rules, &Told)
}

/// The pricing as the stories tell it.
fn told(order: &str, rules: &[Rule], pricing: &Pricing) -> String {
    let name = |at: u16| rules[usize::from(at)].id.as_str();
    let money = |amount: Option<Money>| amount.map_or("-".into(), |m| Amount(m, 2).to_string());
    let effects = |target| {
        let effects = pricing.effects.iter().filter(|e| e.target == target);
        let signed = |m: Money| format!("{}{}", if m.0 > 0 { "+" } else { "" }, Amount(m, 2));
        effects.map(|e| format!(" {} {}", signed(e.amount), name(e.rule))).collect::<String>()
    };
    let outcome = |effects: &str, total| {
        if effects.is_empty() { String::new() } else { format!("{effects} = {}", money(total)) }
    };
    let mut parts = Vec::new();
    for ((at, line), part) in (0..).zip(&pricing.lines).zip(order.split(" | ")) {
        let sku = part.split(' ').next().unwrap_or_default();
        let outcome = outcome(&effects(Target::Line(at)), line.total);
        parts.push(format!("{sku} {}{outcome}", money(line.base)));
    }
    let shipping = effects(Target::Shipping);
    if pricing.shipping.is_some() || !shipping.is_empty() {
        let moved = pricing.effects.iter().filter(|e| e.target == Target::Shipping);
        let cost = pricing.shipping.unwrap_or_default() + moved.map(|e| e.amount).sum();
        parts.push(format!(
            "shipping {}{}",
            money(pricing.shipping),
            outcome(&shipping, Some(cost))
        ));
    }
    let tax = effects(Target::Tax);
    if !tax.is_empty() {
        parts.push(format!("tax{tax}"));
    }
    parts.push(format!("total {}", money(pricing.total)));
    if !pricing.failed.is_empty() {
        let failed: Vec<&str> = pricing.failed.iter().map(|at| name(*at)).collect();
        parts.push(format!("failed {}", failed.join(" ")));
    }
    parts.join(" | ")
}
