//! Products, customers and rules: what orders cost from then on.

use std::sync::Arc;

use domain::event::Event;
use domain::id::{Category, CustomerId};
use domain::money::{Money, UnitPrice};
use domain::pricing::Metadata;

use super::{Place, Stage, merchant, place, stock_key, view};
use crate::catalogue::{Customer, Product};
use crate::ledger::{Answer, BatchRules, Receive, Request};
use crate::wire::rules::{CompiledRules, parse};

pub(super) fn run(stage: &mut Stage<'_>) {
    a_product_has_a_price_for_orders_that_name_none(stage);
    rules_have_versions_and_the_installed_one_prices(stage);
    a_customers_tags_are_for_rules_to_read(stage);
    a_batch_is_priced_by_its_own_rules(stage);
}

fn product(id: &str, cents: Option<i64>) -> Product {
    Product {
        key: stock_key("loja", id),
        description: format!("what {id} is").into(),
        category: Some(Category::parse("stationery").expect("a name")),
        price: cents.map(|cents| UnitPrice(cents * 10_000)),
    }
}

fn unpriced(id: &str) -> Place {
    place(id).lines(&[("PEN", 2, None)])
}

fn total(stage: &Stage<'_>, order: Place) -> Option<Money> {
    stage.accepted(order.request()).state.total
}

fn a_product_has_a_price_for_orders_that_name_none(stage: &mut Stage<'_>) {
    assert_eq!(total(stage, unpriced("p1")), None);
    let products = vec![product("PEN", Some(150)), product("CAP", None)];
    assert_eq!(stage.one(Request::PutProducts(products)), Answer::Recorded);
    assert_eq!(total(stage, unpriced("p2")), Some(Money(300)));
    assert_eq!(total(stage, unpriced("p3").seller("other")), None, "another seller's product");
    stage.reopen();
    assert_eq!(total(stage, unpriced("p4")), Some(Money(300)));
    assert_eq!(total(stage, place("p5").lines(&[("PEN", 1, Some(99))])), Some(Money(99)));
    // Priced beforehand by the old price; what counts is the catalogue when it is decided.
    let dearer = Request::PutProducts(vec![product("PEN", Some(200))]);
    let answers = stage.say(vec![unpriced("p6").request(), dearer, unpriced("p7").request()]);
    let totals = answers.iter().filter_map(|answer| match answer {
        Answer::Accepted(accepted) => Some(accepted.state.total),
        _ => None,
    });
    assert_eq!(totals.collect::<Vec<_>>(), [Some(Money(300)), Some(Money(400))]);
    stage.twice(|ledger| {
        let catalogue = ledger.catalogue();
        let row = |id| catalogue.products.get(&stock_key("loja", id)).cloned();
        assert_eq!(row("PEN").as_deref(), Some(&product("PEN", Some(200))));
        assert_eq!(row("CAP").as_deref(), Some(&product("CAP", None)));
        assert_eq!(view(ledger, "p6").state.total, Some(Money(300)), "a price once said stands");
    });
    let many = (0..5_000).map(|n| product(&format!("M{n}"), Some(n)));
    assert_eq!(stage.one(Request::PutProducts(many.collect())), Answer::Recorded);
    stage.twice(|ledger| assert_eq!(ledger.catalogue().products.len(), 5_002));
}

fn rules(json: &str) -> Arc<CompiledRules> {
    Arc::new(parse(json.as_bytes(), 0, 2).expect("sound rules"))
}

fn off(percent: u32, when: &str) -> Arc<CompiledRules> {
    let effect = format!(r#"{{"type": "order_percentage_off", "percent": {percent}}}"#);
    rules(&format!(r#"[{{"id": "off", "when": "{when}", "effect": {effect}}}]"#))
}

fn rules_have_versions_and_the_installed_one_prices(stage: &mut Stage<'_>) {
    stage.afresh();
    assert_eq!(total(stage, place("r1")), Some(Money(150)));
    let put = |percent, installed| Request::PutRules { rules: off(percent, "true"), installed };
    assert_eq!(stage.one(put(10, true)), Answer::Rules(1));
    assert_eq!(total(stage, place("r2")), Some(Money(135)));
    stage.reopen();
    assert_eq!(stage.one(put(50, false)), Answer::Rules(2));
    assert_eq!(total(stage, place("r3")), Some(Money(135)), "a batch's rules price no others");
    stage.reopen();
    assert_eq!(total(stage, place("r4")), Some(Money(135)));
    assert_eq!(stage.one(put(20, true)), Answer::Rules(3));
    stage.twice(|ledger| {
        for (version, percent) in [(1, 10), (2, 50), (3, 20)] {
            let stored = ledger.rules(version).expect("the ledger reads").expect("a version");
            assert_eq!(stored.source, off(percent, "true").source);
            assert_eq!(stored.rules.version, version);
        }
        assert!(ledger.rules(4).expect("the ledger reads").is_none());
        assert_eq!(ledger.catalogue().rules.rules.version, 3);
        for (event, version) in
            [("r1", 0), ("r2", 1), ("r4", 1)].map(|(id, v)| (view(ledger, id), v))
        {
            let priced = event.history.iter().find_map(|(_, _, event)| match event {
                Event::Priced(pricing) => Some(pricing.rule_set),
                _ => None,
            });
            assert_eq!(priced, Some(version), "the rule set that priced it is named");
        }
    });
    assert_eq!(total(stage, place("r5")), Some(Money(120)));
}

fn a_customers_tags_are_for_rules_to_read(stage: &mut Stage<'_>) {
    stage.afresh();
    let vip = off(10, "'vip' in customer.tags");
    stage.one(Request::PutRules { rules: vip, installed: true });
    let customer = |tags: &[&str]| {
        let id = CustomerId::parse("ana").expect("a name");
        let tags = tags.iter().map(|tag| (*tag).into()).collect();
        Request::PutCustomer(Customer { merchant: merchant("loja"), id, tags })
    };
    let ana = |id| Place { customer: Some("ana"), ..place(id) };
    assert_eq!(total(stage, ana("c1")), Some(Money(150)));
    assert_eq!(stage.one(customer(&["new", "vip"])), Answer::Recorded);
    assert_eq!(total(stage, ana("c2")), Some(Money(135)));
    assert_eq!(total(stage, ana("c3").seller("other")), Some(Money(150)));
    stage.reopen();
    assert_eq!(total(stage, ana("c4")), Some(Money(135)));
    assert_eq!(stage.one(customer(&[])), Answer::Recorded);
    stage.reopen();
    assert_eq!(total(stage, ana("c5")), Some(Money(150)));
}

fn a_batch_is_priced_by_its_own_rules(stage: &mut Stage<'_>) {
    stage.afresh();
    stage.one(Request::PutRules { rules: off(10, "true"), installed: true });
    let mut metadata = Metadata::new();
    metadata.insert("campaign".into(), "june".into());
    let of_june = Some(off(50, "batch.metadata.campaign == 'june'"));
    let own = Arc::new(BatchRules { rules: of_june, metadata });
    let in_batch = |id: &str, rules| {
        let receive = Receive { rules, ..place(id).batch("b", 0).receive() };
        stage.accepted(Request::Receive(Box::new(receive))).state.total
    };
    assert_eq!(in_batch("b1", Some(own.clone())), Some(Money(75)));
    let none = Arc::new(BatchRules { rules: None, metadata: Metadata::new() });
    assert_eq!(in_batch("b2", Some(none)), Some(Money(135)), "without rules, the installation's");
    assert_eq!(in_batch("b3", None), Some(Money(135)));
    // Also when the catalogue has changed between pricing and deciding.
    let receive = Receive { rules: Some(own), ..place("b4").batch("b", 3).receive() };
    let answers = stage.say(vec![
        Request::PutProducts(vec![product("CAP", None)]),
        Request::Receive(Box::new(receive)),
    ]);
    assert!(matches!(&answers[1], Answer::Accepted(a) if a.state.total == Some(Money(75))));
}
