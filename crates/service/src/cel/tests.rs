//! What conditions say, what they refuse, and that both evaluators agree.

use compact_str::CompactString;
use domain::id::{Category, Coupon, CustomerId, MerchantId, Sku};
use domain::money::{Money, UnitPrice};
use domain::order::{Channel, Line, Lines, Purchase};
use domain::pricing::{ConditionFailed, ConditionScope, LineFacts, Metadata, Priceable, Product};
use domain::time::Timestamp;
use proptest::prelude::*;

use super::interpret::Interpreted;
use super::*;

/// Everything a condition can look at.
#[derive(Debug)]
struct World {
    order: Purchase,
    merchant: MerchantId,
    category: Option<Category>,
    tags: Vec<CompactString>,
    metadata: Option<Metadata>,
    total: i64,
    line: bool,
}

impl World {
    /// A customer of the shop buys three of `LIV-1` for 19.905 each with two coupons.
    fn rich() -> Self {
        Self {
            order: Purchase {
                customer: CustomerId::parse("c1").ok(),
                lines: Lines::parse(vec![Line {
                    sku: Sku::parse("LIV-1").unwrap(),
                    quantity: 3,
                    unit_price: None,
                }])
                .unwrap(),
                shipping: None,
                coupons: ["PROMO10", "frete"].map(|c| Coupon::parse(c).unwrap()).to_vec(),
                ordered_at: None,
                shortage: None,
            },
            merchant: MerchantId::parse("loja").unwrap(),
            category: Category::parse("livros").ok(),
            tags: vec!["vip".into(), "b2b".into()],
            metadata: Some([("campaign".into(), "natal".into())].into()),
            total: 60_000,
            line: true,
        }
    }

    /// Nothing that can be missing is there.
    fn poor() -> Self {
        let mut world = Self::rich();
        world.order.customer = None;
        world.order.coupons.clear();
        world.tags.clear();
        (world.category, world.metadata, world.total) = (None, None, 0);
        world
    }

    fn look<T>(&self, at: impl FnOnce(&ConditionScope<'_>) -> T) -> T {
        let product =
            Product { unit_price: Some(UnitPrice(19_905_000)), category: self.category.as_ref() };
        let input = Priceable {
            order: &self.order,
            merchant: &self.merchant,
            channel: Channel::Web,
            products: &[product],
            customer_tags: &self.tags,
            metadata: self.metadata.as_ref(),
            // 2025-01-31 23:30:00 UTC, a Friday; 20:30 in São Paulo.
            now: Timestamp(1_738_366_200_000_000),
            exponent: 2,
        };
        let line = self.line.then(|| LineFacts {
            line: &self.order.lines.as_slice()[0],
            product,
            unit_price: UnitPrice(19_905_000),
            total: Money(5_972),
        });
        at(&ConditionScope { order: input.facts(), total: Some(Money(self.total)), line })
    }
}

const FAILS: Result<bool, ConditionFailed> = Err(ConditionFailed);

fn check(world: &World, source: &str, expected: Result<bool, ConditionFailed>) {
    let condition = compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    assert_eq!(world.look(|scope| condition.holds(scope)), expected, "{source}");
}

#[test]
fn what_holds_for_an_order_with_everything() {
    for source in [
        "order.total >= 50000 && order.channel == 'web'",
        "line.quantity >= 3 && product.category == 'livros'",
        "'PROMO10' in order.coupons",
        "order.kind == 'purchase' && order.merchant != 'other'",
        "line.unit_price == 1990 && line.total == 5972",
        "line.sku in ['LIV-1', 'LIV-2'] && !(line.sku in [])",
        "line.quantity in [1, 1 + 2]",
        "line.sku.startsWith('LIV') && line.sku.endsWith('1') && line.sku.contains('-')",
        "line.sku.matches('^LIV-[0-9]+$') && order.coupons.exists(c, c.matches('\\\\d{2}'))",
        "has(product.category) && has(customer.id) && customer.id == 'c1'",
        "'vip' in customer.tags && size(customer.tags) == 2 && customer.tags.size() == 2",
        "batch.metadata.campaign == 'natal' && batch.metadata['campaign'] == 'natal'",
        "has(batch.metadata.campaign) && !has(batch.metadata.other)",
        "'campaign' in batch.metadata",
        "size(batch.metadata) == 1 && batch.metadata.exists(k, k == 'campaign')",
        "order.coupons.exists(c, c.startsWith('PROMO')) && order.coupons.all(c, size(c) > 4)",
        "order.coupons.exists(c, customer.tags.all(t, t != c))",
        "(line.quantity > 5 ? 'a' : 'b') == 'b'",
        "-line.quantity * 2 - 1 == -7 && line.quantity / 2 == 1 && line.quantity % 2 == 1",
        "size('ação') == 4",
        "now >= timestamp('2025-01-31T00:00:00Z') && now < timestamp('2025-02-01T00:00:00-03:00')",
        "now.getHours() == 23 && now.getHours('America/Sao_Paulo') == 20",
        "now.getDayOfWeek() == 5 && now.getMinutes('-01:00') == 30",
        "now.getFullYear() == 2025 && now.getMonth() == 0 && now.getDate() == 31",
        // The interpreter's part.
        "order.coupons.filter(c, c.startsWith('PROMO')).size() == 1",
        "order.coupons.map(c, c + '!') == ['PROMO10!', 'frete!']",
        "order.coupons.exists_one(c, c == 'frete') && order.total > 1",
        "{'livros': 10, 'jogos': 20}[product.category] == 10",
        "order.coupons[0] == 'PROMO10'",
        "string(line.quantity) + 'x' == '3x' && int('12') == 12",
        "[1, 2, 3].exists(x, x == line.quantity)",
        "[1].all(x, has(customer.id) && has(product.category) && has(order.total))",
        "batch.metadata.map(k, batch.metadata[k]) == ['natal']",
        "line.quantity == 3u",
    ] {
        check(&World::rich(), source, Ok(true));
    }
}

#[test]
fn what_is_missing_fails_unless_it_was_asked_for_first() {
    for (source, expected) in [
        ("product.category == 'livros'", FAILS),
        ("has(product.category) && product.category == 'livros'", Ok(false)),
        ("customer.id == 'c1'", FAILS),
        ("!has(customer.id)", Ok(true)),
        ("batch.metadata.campaign == 'natal'", FAILS),
        ("batch.metadata['campaign'] == 'natal'", FAILS),
        ("has(batch.metadata.campaign) || size(batch.metadata) == 0", Ok(true)),
        ("'vip' in customer.tags", Ok(false)),
        ("order.coupons.exists(c, c == customer.id)", Ok(false)),
        ("line.sku in ['LIV-1', product.category]", FAILS),
        ("[product.category].all(c, c == 'x')", FAILS),
        ("[1].exists(x, has(product.category))", Ok(false)),
        ("[1].exists(x, product.category == 'livros')", FAILS),
        ("order.coupons[0] == 'PROMO10'", FAILS),
    ] {
        check(&World::poor(), source, expected);
    }
}

#[test]
fn a_failure_beside_a_decision_does_not_matter() {
    for (source, expected) in [
        ("customer.id == 'c1' && false", Ok(false)),
        ("false && customer.id == 'c1'", Ok(false)),
        ("customer.id == 'c1' && true", FAILS),
        ("customer.id == 'c1' || true", Ok(true)),
        ("customer.id == 'c1' || false", FAILS),
        ("['a', 'b'].exists(x, x == 'b' || x == customer.id)", Ok(true)),
        ("['a', 'b'].all(x, x == 'b' && x == customer.id)", Ok(false)),
        ("line.quantity / (line.quantity - 3) == 1", FAILS),
        ("9223372036854775807 + line.quantity > 0", FAILS),
        ("true ? true : customer.id == ''", Ok(true)),
    ] {
        check(&World::poor(), source, expected);
    }
}

#[test]
fn what_is_no_condition_says_why() {
    let unknown = |name: &str| ConditionError::Unknown(name.into());
    for (source, expected) in [
        ("order.total > 0.5", ConditionError::Double),
        ("[0.5].exists(x, true)", ConditionError::Double),
        ("order.note == ''", unknown("order.note")),
        ("attributes.vip", unknown("attributes.vip")),
        ("order.coupons.exists(c, d == c)", unknown("d")),
        ("order.coupons.filter(c, notes == c) == []", unknown("notes")),
        ("batch.metadata.a.b == ''", unknown("batch.metadata.a.b")),
        ("has(order.note)", unknown("order.note")),
        ("double('0.5') == line.quantity", unknown("double")),
        ("{'a': line.sku}.matches('^A')", unknown("matches")),
        ("_f(1) == 2", unknown("_f")),
        ("Point{x: 1} == Point{x: 1}", unknown("Point")),
        ("order.total", ConditionError::NotBoolean),
        ("order.coupons.map(c, c)", ConditionError::NotBoolean),
        ("line.sku || true", ConditionError::NotBoolean),
        ("", ConditionError::NotBoolean),
    ] {
        match (compile(source), expected) {
            (Err(ConditionError::Syntax { .. }), _) if source.is_empty() => {}
            (got, expected) => assert_eq!(got.unwrap_err(), expected, "{source}"),
        }
    }
    for source in
        ["order == 1", "order.total == 'x'", "line.sku + 1 == 2", "1 in ['a']", "-line.sku == 1"]
    {
        let error = compile(source).unwrap_err();
        assert!(matches!(error, ConditionError::Types(_)), "{source}: {error:?}");
    }
    for source in
        ["line.sku.matches('(')", "line.sku.matches('((\\\\w{9}){9}){9}')", "'a'.matches(line.sku)"]
    {
        assert!(matches!(compile(source).unwrap_err(), ConditionError::Types(_)), "{source}");
    }
    for source in ["now == now || [now] == [now]", "string(now) == ''"] {
        let error = compile(source).unwrap_err();
        assert!(matches!(error, ConditionError::Unsupported(_)), "{source}: {error:?}");
    }
    for source in ["order.total >", "(", ")", "a b", "'", "order.total = 1", "\u{0}", "x ? y"] {
        let error = compile(source).unwrap_err();
        assert!(matches!(error, ConditionError::Syntax { .. }), "{source}: {error:?}");
    }
    assert_eq!(compile(&" ".repeat(2049)).unwrap_err(), ConditionError::TooLong);
    assert_eq!(compile(&"(".repeat(200)).unwrap_err(), ConditionError::TooDeep);
}

#[test]
fn what_an_order_could_not_wait_for_is_refused() {
    let list = format!("[{}]", ["1"; 100].join(","));
    let nested = format!("{list}.all(a, {list}.all(b, {list}.all(c, a + b + c > 0)))");
    assert_eq!(compile(&nested).unwrap_err(), ConditionError::TooCostly);
    let doubled = format!("['a']{} == []", ".map(x, x + x)".repeat(15));
    assert_eq!(compile(&doubled).unwrap_err(), ConditionError::TooCostly);
    let coupons = "order.coupons.exists(c, customer.tags.exists(t, t == c))";
    assert!(compile(coupons).is_ok());
}

#[test]
fn the_deepest_there_may_be_fits_the_stack() {
    let around = |before: &str, after: &str, times: usize| {
        format!("{}true{}", before.repeat(times), after.repeat(times))
    };
    let shapes =
        [("(", ")"), ("!(", ")"), ("true == (", ")"), ("[", "] == []"), ("true ? ", " : true")];
    for (before, after) in shapes {
        let deepest =
            (1..40).map(|n| around(before, after, n)).take_while(|s| depth::check(s).is_ok());
        let deepest = deepest.last().expect("one of them is shallow");
        // A quarter of what threads have; frames of unoptimised builds are far larger.
        let stack = if cfg!(debug_assertions) { 16 << 20 } else { 512 << 10 };
        let thread = std::thread::Builder::new().stack_size(stack);
        let compiled = thread.spawn(move || compile(&deepest).map(|_| ())).expect("a thread");
        assert!(compiled.join().is_ok(), "{before}");
    }
}

#[test]
fn a_condition_tells_whether_it_reads_the_line() {
    for (source, reads) in [
        ("order.total > 1", false),
        ("line.quantity > 1", true),
        ("has(product.category)", true),
        ("[1].exists(x, [line.sku] == ['a'])", true),
        ("order.coupons.exists(product, true)", false),
    ] {
        assert_eq!(compile(source).unwrap().reads_line(), reads, "{source}");
    }
}

fn int() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => (-5..60_i64).prop_map(|n| n.to_string()),
        1 => Just("9223372036854775807".to_string()),
        4 => prop::sample::select(vec![
            "order.total", "line.quantity", "line.unit_price", "line.total",
            "size(order.coupons)", "customer.tags.size()", "size(line.sku)", "size(batch.metadata)",
        ])
        .prop_map(String::from),
    ];
    leaf.prop_recursive(2, 8, 2, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
        (inner.clone(), operator, inner).prop_map(|(a, o, b)| format!("({a} {o} {b})"))
    })
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "'LIV-1'",
        "'vip'",
        "'PROMO10'",
        "'campaign'",
        "'natal'",
        "''",
        "line.sku",
        "order.channel",
        "order.merchant",
        "order.kind",
        "customer.id",
        "product.category",
        "batch.metadata.campaign",
        "batch.metadata['campaign']",
    ])
    .prop_map(String::from)
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("order.coupons".to_string()),
        Just("customer.tags".to_string()),
        prop::collection::vec(text(), 1..4).prop_map(|l| format!("[{}]", l.join(", "))),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let compare = || prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        Just("true".to_string()),
        (int(), compare(), int()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        (text(), compare(), text()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        (text(), texts()).prop_map(|(a, l)| format!("{a} in {l}")),
        text().prop_map(|k| format!("{k} in batch.metadata")),
        (int(), int(), int()).prop_map(|(a, b, c)| format!("{a} in [{b}, {c}]")),
        (text(), prop::sample::select(vec!["startsWith", "endsWith", "contains"]), text())
            .prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
        prop::sample::select(vec![
            "has(customer.id)",
            "has(product.category)",
            "has(batch.metadata.campaign)",
        ])
        .prop_map(String::from),
        (texts(), prop::sample::select(vec!["exists", "all"]), text(), compare())
            .prop_map(|(l, f, t, o)| format!("{l}.{f}(x, x {o} {t} || size(x) > 4)")),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let some = inner.clone();
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone(), some)
                .prop_map(|(a, b, c)| format!("({a} || {b} || {c})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("(({a}) == ({b}))")),
        ]
    })
}

fn many() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn our_tree_and_the_interpreter_agree(
        source in condition(),
        poor in any::<bool>(),
        line in prop::bool::weighted(0.9),
    ) {
        let Ok(condition) = compile(&source) else { return Ok(()) };
        prop_assert!(!format!("{condition:?}").contains("Interpreted"), "not ours: {}", source);
        let whole = Interpreted::new(&Parser::new().parse(&source).unwrap()).unwrap();
        let mut world = if poor { World::poor() } else { World::rich() };
        world.line = line;
        world.look(|scope| {
            prop_assert_eq!(condition.holds(scope), whole.holds(scope), "{}", source);
            Ok(())
        })?;
    }

    #[test]
    fn no_text_makes_it_panic(source in prop_oneof![
        any::<String>(),
        prop::collection::vec(prop::sample::select(vec![
            "(", ")", "[", "]", "{", "}", "'", "\"", "'''", "r'", "b'", "\\", "\n", "//", ".", ",",
            "?", ":", "!", "-", "+", "*", "/", "%", "<", ">", "=", "==", "&&", "||", "&", "|", "in",
            "order", ".total", "line", "x", "has(", ".exists(x, ", ".map(", ".all(", "1", "0x",
            "1u", "1.5", "1e9", "9223372036854775808", "true", "null", "\u{0}", "é", "😀", "`",
            "@", "#", " ", "timestamp(", "now", ".getHours(", "size(", "loop",
            "-9223372036854775808",
        ]), 0..24).prop_map(|parts| parts.concat()),
    ]) {
        if let Ok(condition) = compile(&source) {
            let _ = World::rich().look(|scope| condition.holds(scope));
        }
    }
}

#[test]
fn evaluators_agree_about_mutated_conditions() {
    fuzz::check("condition", |bytes| {
        let Ok(source) = std::str::from_utf8(bytes) else { return };
        let Ok(condition) = compile(source) else { return };
        let parsed = Parser::new().parse(source).expect("it was parsed before");
        for world in [World::rich(), World::poor()] {
            let ours = world.look(|scope| condition.holds(scope));
            // Some of what is ours the interpreter does not have: patterns, and the time of day.
            if let Ok(whole) = Interpreted::new(&parsed) {
                assert_eq!(ours, world.look(|scope| whole.holds(scope)), "{source}");
            }
        }
    });
}
