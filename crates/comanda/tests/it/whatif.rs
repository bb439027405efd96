//! What would be, from the command line: alone, and beside a server.

use serde_json::Value;

use crate::support::{Home, priced_order, sampled};

const RULES: &str = r#"{"rules": [{"id": "ten",
    "effect": {"type": "order_percentage_off", "percent": 10}}]}"#;

#[test]
fn quotes_and_other_rules_on_past_orders_say_the_same_alone_and_beside_a_server() {
    let home = Home::new();
    let path = |name: &str, bytes: &[u8]| home.file(name, bytes).display().to_string();
    let orders = sampled(&["--kind", "retail", "--count", "40"]);
    let orders = path("orders.jsonl", &orders);
    assert_eq!(home.run(&["batch", "run", &orders]).code, 0);
    let rules = path("rules", RULES.as_bytes());
    let order = path("order", priced_order("q-1", "PEN", "1.50").as_bytes());
    let check = || {
        let quote = home.run(&["quote", &order, "--json"]);
        assert_eq!((quote.code, &quote.json()["total"]), (0, &"1.50".into()), "{}", quote.err);
        assert_eq!(home.run(&["orders", "show", "q-1"]).code, 3, "nothing was placed");
        let tested = home.run(&["rules", "test", &rules, "--json"]);
        assert_eq!(tested.code, 0, "{}", tested.err);
        let lines: Vec<Value> =
            tested.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let (sums, changes) = lines.split_last().expect("sums");
        let minor = |value: &Value| {
            let text = value.as_str().expect("an amount").replace('.', "");
            text.parse::<i64>().expect("digits")
        };
        let sum: i64 = changes.iter().map(|change| minor(&change["difference"])).sum();
        assert!(sum < 0 && sum == minor(&sums["totals"]["difference"]), "{sums:#}");
        assert_eq!(minor(&sums["by_rule"][0]["after"]["amount"]), sum);
        let table = home.run(&["rules", "test", &rules, "--to", "2020-01-01"]);
        assert!(table.code == 0 && table.out.contains("0.00 BRL"), "{}", table.out);
        lines
    };
    let alone = check();
    let server = home.serve();
    assert_eq!(check(), alone);
    assert_eq!(server.stop(), Some(0));
}
