//! Stories of documents: what is taken, what is not and why, however untidy.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use domain::id::{MerchantId, OrderId};
use domain::money::{Money, UnitPrice};
use domain::order::{Body, Channel, Order, Purchase, Transfer};
use domain::stock::ShortagePolicy;
use proptest::prelude::*;
use service::wire::checks::{Checks, Levels};
use service::wire::document::{Command, Fault, MissingId, Read, Settings, attributes, read, split};
use service::wire::message::{Lang, text};
use service::wire::violation::{Severity, Violation};

/// An order of the event-driven system: its shape and its spelling.
const EVENT_DRIVEN: &str = r#"{
  "order_id": "ORD-20240315-0042",
  "company": {
    "name": "Livraria do Porto Ltda",
    "cnpj": "98.765.432/0001-10"
  },
  "customer": {
    "first_name": "Beatriz",
    "last_name": "Nogueira",
    "cpf": "987.654.321-99",
    "email": "beatriz.nogueira@example.com",
    "phone": "+55 (81) 9 8765-4321",
    "address": {
      "street": "Praça da República",
      "number": "17",
      "complement": "Sala 12, fundos",
      "neighborhood": "Santo Antônio",
      "city": "Recife",
      "state": "PE",
      "zip_code": "50010-040"
    }
  },
  "order_date": "2024-03-15T14:05:09Z",
  "items": [
    {
      "product_id": "LIV-0815",
      "description": "Dicionário de sinônimos, edição de bolso",
      "quantity": 1,
      "unit_price": 2500.00
    },
    {
      "product_id": "LIV-4711",
      "description": "Atlas das águas",
      "quantity": 2,
      "unit_price": 150.00
    }
  ],
  "payment": {
    "method": "Boleto à vista",
    "transaction_id": "BOL-000123",
    "amount": 2800.00
  },
  "shipping": {
    "method": "Econômico",
    "cost": 50.00,
    "address": {
      "street": "Praça da República",
      "number": "17",
      "complement": "Sala 12, fundos",
      "neighborhood": "Santo Antônio",
      "city": "Recife",
      "state": "PE",
      "zip_code": "50010-040"
    },
    "expected_delivery_date": "2024-03-22"
  },
  "order_status": "Pendente",
  "notes": "Não deixar com vizinhos; tocar duas vezes."
}
"#;

/// An order of the queued system: its shape and its spelling.
const TRANSFER: &str = r#"{
  "id": "tr-7",
  "amount": 1975,
  "fromAccount": "3303303",
  "toAccount": "4404404"
}"#;

fn settings() -> Settings {
    Settings::new(MerchantId::parse("house").unwrap())
}

/// The installation's checks, changed by these levels.
fn checks(levels: &str) -> Checks {
    Checks::new(&serde_json::from_str(levels).unwrap(), [])
}

fn ok(document: &str) -> Read {
    read(document.as_bytes(), &settings()).unwrap_or_else(|fault| panic!("{document}: {fault:?}"))
}

fn order(document: &str) -> Order {
    match ok(document).command {
        Command::Create(order) => order,
        other => panic!("{document}: {other:?}"),
    }
}

fn purchase(document: &str) -> Purchase {
    match order(document).body {
        Body::Purchase(purchase) => purchase,
        Body::Transfer(_) => panic!("{document} is a transfer"),
    }
}

fn transfer(document: &str) -> Transfer {
    match order(document).body {
        Body::Transfer(transfer) => transfer,
        Body::Purchase(_) => panic!("{document} is a purchase"),
    }
}

/// A purchase with these fields beside its id, customer and one line.
fn with(fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { "," };
    format!(
        r#"{{"order_id":"o","customerId":"c",
        "items":[{{"sku":"A","quantity":2,"price":"1.50"}}]{comma}{fields}}}"#
    )
}

/// A purchase of this one line.
fn of_item(item: &str) -> String {
    format!(r#"{{"order_id":"o","customerId":"c","items":[{item}]}}"#)
}

fn listed(violations: &[Violation]) -> Vec<String> {
    violations.iter().map(|v| format!("{} {}", v.code.as_str(), v.pointer)).collect()
}

/// Everything wrong with a document, in any order.
fn faults(document: &str) -> Vec<String> {
    match read(document.as_bytes(), &settings()) {
        Err(Fault::Invalid { violations, .. }) => {
            let mut faults = listed(&violations);
            faults.sort();
            faults
        }
        other => panic!("{document}: {other:?}"),
    }
}

fn check(document: &str, expected: &[&str]) {
    let mut expected: Vec<&str> = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(faults(document), expected, "{document}");
}

fn warned(document: &str, expected: &[&str]) {
    assert_eq!(listed(&ok(document).warnings), expected, "{document}");
}

#[test]
fn the_event_driven_systems_order_is_taken_with_its_spelling() {
    let read = ok(EVENT_DRIVEN);
    let oddities = ["bad_cnpj /company/cnpj", "bad_cpf /customer/cpf"];
    assert_eq!(listed(&read.warnings), oddities, "and nothing else");
    let order = order(EVENT_DRIVEN);
    assert_eq!(order.key.id.as_str(), "ORD-20240315-0042");
    assert_eq!(order.key.merchant.as_str(), "98765432000110");
    assert_eq!(order.channel, Channel::Api);
    let purchase = purchase(EVENT_DRIVEN);
    assert_eq!(purchase.customer.unwrap().as_str(), "98765432199");
    assert_eq!(purchase.shipping, Some(Money(5_000)));
    assert_eq!(purchase.ordered_at.unwrap().0, 1_710_511_509_000_000);
    let lines = purchase.lines.as_slice().iter();
    let lines: Vec<_> = lines.map(|l| (l.sku.as_str(), l.quantity, l.unit_price)).collect();
    let (dictionary, atlas) = (UnitPrice(2_500_000_000), UnitPrice(150_000_000));
    assert_eq!(lines, [("LIV-0815", 1, Some(dictionary)), ("LIV-4711", 2, Some(atlas))]);
}

#[test]
fn byte_order_marks_line_ends_and_missing_white_space_change_nothing() {
    let plain = ok(EVENT_DRIVEN);
    let windows = format!("\u{feff}{}", EVENT_DRIVEN.replace('\n', "\r\n"));
    assert_eq!(ok(&windows), plain);
    let value: serde_json::Value = serde_json::from_str(EVENT_DRIVEN).unwrap();
    assert_eq!(ok(&value.to_string()), plain);
}

#[test]
fn the_queued_systems_transfer_is_taken_with_its_spelling() {
    let order = order(TRANSFER);
    assert_eq!(order.key.merchant.as_str(), "house");
    assert!(ok(TRANSFER).warnings.is_empty());
    let expected = Transfer {
        amount: Money(197_500),
        from_account: "3303303".into(),
        to_account: "4404404".into(),
    };
    assert_eq!(transfer(TRANSFER), expected);
    let other = r#"{"orderId":1,"amount":"1975.00","from_account":3303303,"to_account":"4404404"}"#;
    assert_eq!(transfer(other), expected);
}

#[test]
fn the_rest_systems_order_is_a_customer_and_items() {
    let document =
        r#"{"orderId":"A-1","customerId":"C-9","items":[{"productId":"P","quantity":1}]}"#;
    let purchase = purchase(document);
    assert_eq!(purchase.customer.unwrap().as_str(), "C-9");
    assert_eq!(purchase.lines.as_slice()[0].unit_price, None, "never priced at zero");
    assert_eq!(purchase.shipping, None);
    assert!(ok(document).warnings.is_empty());
}

#[test]
fn the_batch_systems_orders_are_an_id_a_customer_and_items() {
    let document = r#"{"batchId":"B-3","metadata":{"source":"branch 12"},"pricingRules":[],
        "orders":[{"orderId":"L-1","customerId":"C-1","items":[{"productId":"P","quantity":2,
        "price":10.5}]}]}"#;
    let batch: serde_json::Value = serde_json::from_str(document).unwrap();
    let read = ok(&batch["orders"][0].to_string());
    assert_eq!((read.key().id.as_str(), read.warnings.len()), ("L-1", 0));
}

#[test]
fn the_pipeline_systems_orders_are_any_of_these_with_fields_of_its_own() {
    let document = r#"{"id":"t-1","customer_id":"c","order_date":"2023-10-27 18:57:59",
        "items":[{"sku":"A","quantity":"1","unit_price":"3.10"}],"partition":"2023/10"}"#;
    assert_eq!(purchase(document).ordered_at.unwrap().0, 1_698_443_879_000_000);
    let unknown = serde_json::to_string(&attributes(document.as_bytes())).unwrap();
    assert_eq!(unknown, r#"{"partition":"2023/10"}"#);
}

#[test]
fn every_spelling_is_the_same_field() {
    let plain = order(&with(r#""merchant_id":"m","order_date":"2023-10-01""#));
    for id in ["order_id", "orderId", "orderid", "id"] {
        for merchant in ["merchant_id", "merchantId", "merchantid"] {
            for sku in ["product_id", "productId", "sku"] {
                for price in ["unit_price", "unitPrice", "price"] {
                    for [customer, date] in
                        [["customerId", "order_date"], ["customer_id", "orderDate"]]
                    {
                        let document = format!(
                            r#"{{"{id}":"o","{merchant}":"m","{customer}":"c","{date}":"2023-10-01",
                            "items":[{{"{sku}":"A","quantity":2,"{price}":1.5}}]}}"#
                        );
                        assert_eq!(order(&document), plain, "{document}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_seller_is_the_merchant_id_or_the_cnpj_or_the_installations() {
    let merchant = |fields: &str| order(&with(fields)).key.merchant.as_str().to_owned();
    assert_eq!(merchant(""), "house");
    assert_eq!(merchant(r#""company":{"name":"Loja"}"#), "house");
    assert_eq!(merchant(r#""company":{"name":"Loja","cnpj":null}"#), "house");
    assert_eq!(merchant(r#""company":{"cnpj":"12.abc.345/01de-35"}"#), "12ABC34501DE35");
    assert_eq!(merchant(r#""company":{"cnpj":191}"#), "00000000000191", "a number lost its zeros");
    assert_eq!(merchant(r#""company":{"cnpj":"SEM CNPJ"}"#), "SEMCNPJ", "with a warning");
    assert_eq!(merchant(r#""merchantId":"m","company":{"name":"Loja"}"#), "m");
    let same = r#""merchantId":"12.ABC.345/01DE-35","company":{"cnpj":"12abc34501de35"}"#;
    assert_eq!(merchant(same), "12.ABC.345/01DE-35");
    let other = r#""merchantId":"m","company":{"cnpj":"12.ABC.345/01DE-35"}"#;
    check(&with(other), &["merchant_conflict /merchantId"]);
    check(
        &with(r#""company":{"cnpj":"./-"}"#),
        &["bad_cnpj /company/cnpj", "bad_name /company/cnpj"],
    );
}

#[test]
fn the_customer_is_the_explicit_id_or_the_cpf_or_the_email_or_nobody() {
    let customer = |fields: &str| {
        let document = format!(r#"{{"id":"o","items":[{{"sku":"A","quantity":1}}],{fields}}}"#);
        purchase(&document).customer.map(|id| id.as_str().to_owned())
    };
    let both = r#""customer":{"cpf":"529.982.247-25","email":"a@b.example"}"#;
    assert_eq!(customer(&format!(r#""customer_id":"c-1",{both}"#)).as_deref(), Some("c-1"));
    assert_eq!(customer(both).as_deref(), Some("52998224725"));
    assert_eq!(customer(r#""customer":{"cpf":52998224725}"#).as_deref(), Some("52998224725"));
    assert_eq!(customer(r#""customer":{"cpf":1234567890}"#).as_deref(), Some("01234567890"));
    let masked = r#""customer":{"cpf":"***.982.247-**","email":"a@b.example"}"#;
    assert_eq!(customer(masked).as_deref(), Some("a@b.example"), "a mask names nobody");
    assert_eq!(customer(r#""customer":{"name":"Ana","email":"n/a"}"#), None);
    assert_eq!(customer(r#""customer":{}"#), None);
    let nobody = r#"{"id":"o","items":[{"sku":"A","quantity":1}]}"#;
    check(nobody, &["no_customer /customerId"]);
    let mut lenient = settings();
    lenient.checks = checks(r#"{"no_customer": "off"}"#);
    assert!(read(nobody.as_bytes(), &lenient).is_ok_and(|read| read.warnings.is_empty()));
}

#[test]
fn a_missing_id_is_made_only_where_that_is_allowed() {
    let document = r#"{"customerId":"c","items":[{"sku":"A","quantity":1}]}"#;
    check(document, &["required /order_id"]);
    let mut rest = settings();
    rest.missing_id = MissingId::Make(Arc::new(|| OrderId::parse("made").unwrap()));
    let made = read(document.as_bytes(), &rest).unwrap();
    assert_eq!((made.key().id.as_str(), made.server_made_id), ("made", true));
    let given = read(with("").as_bytes(), &rest).unwrap();
    assert_eq!((given.key().id.as_str(), given.server_made_id), ("o", false));
    let refused = [
        document.replace('{', r#"{"company":{"name":"L"},"#),
        r#"{"order_status":"Cancela Pedido"}"#.to_owned(),
        document.replacen('{', r#"{"order_status":"PedidoAlterado","#, 1),
    ];
    for document in refused {
        let fault = read(document.as_bytes(), &rest);
        let Err(Fault::Invalid { violations, found }) = fault else { panic!("{document}") };
        assert_eq!(listed(&violations)[0], "required /order_id", "{document}");
        assert_eq!(found.id, None);
    }
}

#[test]
fn the_order_status_is_a_command() {
    let command = |status: &str| ok(&with(&format!(r#""order_status":"{status}""#))).command;
    for status in ["", "Pendente", "Novo Pedido", "PedidoNovo"] {
        assert!(matches!(command(status), Command::Create(_)), "{status}");
    }
    for status in ["Alterar Pedido", "PedidoAlterado"] {
        assert!(matches!(command(status), Command::Amend(_)), "{status}");
    }
    for status in ["Cancela Pedido", "PedidoCancelado"] {
        assert!(matches!(command(status), Command::Cancel(_)), "{status}");
    }
    let cancel = ok(r#"{"id":"o","merchant_id":"m","order_status":"PedidoCancelado"}"#);
    assert_eq!((cancel.key().id.as_str(), cancel.key().merchant.as_str()), ("o", "m"));
    assert!(matches!(ok(&with(r#""orderStatus":"PedidoCancelado""#)).command, Command::Cancel(_)));
    for status in ["\"pendente\"", "\"Enviado\"", "1"] {
        check(&with(&format!(r#""order_status":{status}"#)), &["unknown_status /order_status"]);
    }
}

#[test]
fn channels_and_shortage_policies() {
    assert_eq!(ok(&with(r#""channel":"atm""#)).channel, Channel::Atm);
    let policies = [
        ("partial", ShortagePolicy::Partial),
        ("ship_complete", ShortagePolicy::ShipComplete),
        ("reject", ShortagePolicy::Reject),
    ];
    for (name, policy) in policies {
        let fields = format!(r#""shortage_policy":"{name}""#);
        assert_eq!(purchase(&with(&fields)).shortage, Some(policy));
    }
    assert_eq!(purchase(&with("")).shortage, None);
    let wrong = with(r#""channel":"fax","shortage_policy":"maybe""#);
    check(&wrong, &["unknown_channel /channel", "unknown_shortage_policy /shortage_policy"]);
}

#[test]
fn money_comes_through_to_the_cent() {
    let shipping =
        |cost: &str| purchase(&with(&format!(r#""shipping":{{"cost":{cost}}}"#))).shipping;
    assert_eq!(shipping("23.450000000000003"), Some(Money(2_345)));
    assert_eq!(shipping("\"29.989999999999998\""), Some(Money(2_999)));
    assert_eq!(shipping("0.125"), Some(Money(12)), "half to even");
    assert_eq!(shipping("\"0.135\""), Some(Money(14)), "half to even");
    assert_eq!(shipping("1e2"), Some(Money(10_000)));
    assert_eq!(shipping("0"), Some(Money(0)), "free is not unknown");
    assert_eq!(shipping("null"), None);
    assert_eq!(shipping("\"\""), None);
    let line = |price: &str, quantity: &str| {
        let item = format!(r#"{{"sku":"A","quantity":{quantity},"price":{price}}}"#);
        let line = purchase(&of_item(&item)).lines.as_slice()[0].clone();
        (line.unit_price.map(|price| price.0), line.quantity)
    };
    assert_eq!(line("0.000001", "\"3\""), (Some(1), 3));
    assert_eq!(line("\" 1.5000000000 \"", "3.0"), (Some(1_500_000), 3));
    assert_eq!(line("null", "1e3"), (None, 1_000));
}

#[test]
fn a_unit_price_with_noise_behind_its_decimals_is_rounded_and_that_is_said() {
    let item = |price: &str| of_item(&format!(r#"{{"sku":"A","quantity":3,"price":{price}}}"#));
    let noisy = ["19.899999999999999", "\"19.900000000000002\"", "19.9000004999"];
    for price in noisy {
        let line = purchase(&item(price)).lines.as_slice()[0].clone();
        assert_eq!(line.unit_price, Some(UnitPrice(19_900_000)), "{price}");
        warned(&item(price), &["too_precise /items/0/unit_price"]);
    }
    let mut strict = settings();
    strict.checks = checks(r#"{"too_precise": "error"}"#);
    assert!(read(item(noisy[0]).as_bytes(), &strict).is_err());
    assert!(read(item("19.900000").as_bytes(), &strict).is_ok());
}

#[test]
fn what_is_only_shown_may_have_any_shape() {
    let shapes = [
        r#""payment":"Pix""#,
        r#""payment":[{"method":"card","amount":1},{"method":"pix","amount":2}]"#,
        r#""notes":["ring twice","leave at the door"]"#,
        r#""notes":{"gift":"no invoice, please"}"#,
        r#""customer":{"name":{"given":"Ana","family":"Lima"},"phone":["(11) 98765-4321"]}"#,
        r#""customer":{"first_name":"Zoë 李","lastName":7,"phone":5511987654321}"#,
        r#""customer":{"phone":"11 98765 4321 / 3210-0000","address":"Rua das Flores, 10, Recife"}"#,
        r#""customer":{"address":{"number":10,"zip_code":1310100,"state":"SP","complement":null}}"#,
        r#""shipping":{"address":["Rua das Flores, 10","50000-000 Recife"],"cost":1}"#,
    ];
    for fields in shapes {
        warned(&with(fields), &[]);
    }
}

#[test]
fn a_place_is_named_as_the_sender_spelled_it_at_any_depth() {
    let document = with(
        r#""orderStatus":"?","shipping":{"expectedDeliveryDate":"soon",
        "address":{"zipCode":{}}},"shortagePolicy":"x""#,
    );
    check(
        &document,
        &[
            "unknown_status /orderStatus",
            "bad_date /shipping/expectedDeliveryDate",
            "wrong_type /shipping/address/zipCode",
            "unknown_shortage_policy /shortagePolicy",
        ],
    );
}

#[test]
fn dates_with_and_without_a_zone() {
    let at = |date: &str| {
        let fields = format!(r#""order_date":"{date}""#);
        purchase(&with(&fields)).ordered_at.unwrap().0 / 1_000_000
    };
    assert_eq!(at("2025-01-09T09:28:37Z"), 1_736_414_917);
    assert_eq!(at("2025-01-09 09:28:37"), 1_736_414_917 + 3 * 3_600, "São Paulo");
    assert_eq!(at("2025-01-09T09:28:37+01:00"), 1_736_414_917 - 3_600);
    assert_eq!(at("2025-01-09T09:28:37.999Z"), 1_736_414_917);
    for date in ["09/01/2025", "2025-02-30", "ontem", "1736414917"] {
        check(&with(&format!(r#""orderDate":"{date}""#)), &["bad_date /orderDate"]);
    }
}

#[test]
fn two_lines_of_one_product_stay_two_lines() {
    let line = r#"{"sku":"A","quantity":1,"price":1}"#;
    let purchase = purchase(&of_item(&format!("{line},{line}")));
    assert_eq!(purchase.lines.as_slice().len(), 2);
}

#[test]
fn escapes_accents_and_hostile_names_are_just_names() {
    let names = [
        (r"S\u00e3o", "São"),
        (r"Sa\u0303o", "São"),
        (r"\ud83d\ude00", "😀"),
        (r"..\/..\/etc\/passwd", "../../etc/passwd"),
        (r"'; DROP TABLE orders;--", "'; DROP TABLE orders;--"),
        (r#"\"\\"#, r#""\"#),
        ("{{field}}", "{{field}}"),
        (" ", " "),
        ("__proto__", "__proto__"),
    ];
    for (written, name) in names {
        let document =
            of_item(r#"{"sku":"A","quantity":1}"#).replace(r#""o""#, &format!("\"{written}\""));
        assert_eq!(order(&document).key.id.as_str(), name);
    }
    let escaped_key =
        r#"{"order\u005fid":"o","customerId":"c","items":[{"sk\u0075":"A","quantity":1}]}"#;
    assert_eq!(order(escaped_key).key.id.as_str(), "o");
}

#[test]
fn documents_that_break_rules_are_told_every_one() {
    check("{}", &["required /order_id", "no_customer /customerId", "required /items"]);
    check(
        r#"{"id":null,"amount":1}"#,
        &["required /id", "required /fromAccount", "required /toAccount"],
    );
    check(
        r#"{"id":"o","amount":"0.001","fromAccount":"12-3","to_account":"A"}"#,
        &["not_positive /amount", "bad_account /fromAccount", "bad_account /to_account"],
    );
    check(r#"{"id":"o","amount":-1,"fromAccount":"1","toAccount":"1"}"#, &["negative /amount"]);
    check(
        r#"{"id":"o","amount":1,"fromAccount":"1","toAccount":"1"}"#,
        &["same_account /toAccount"],
    );
    check(
        r#"{"id":"o","amount":"1,50","fromAccount":"1","toAccount":"2"}"#,
        &["not_a_number /amount"],
    );
    check(&with(r#""amount":3"#), &["mixed_kinds "]);
    check(r#"{"id":"o","customerId":"c","items":[]}"#, &["empty_items /items"]);
    check(&of_item("{}"), &["required /items/0/product_id", "required /items/0/quantity"]);
    check(
        &of_item(
            r#"{"sku":"A\u0000","quantity":0,"price":-1},
            {"productId":"B","quantity":"x","unitPrice":0.0000001}"#,
        ),
        &[
            "bad_name /items/0/sku",
            "bad_quantity /items/0/quantity",
            "negative /items/0/price",
            "not_a_number /items/1/quantity",
            "too_precise /items/1/unitPrice",
        ],
    );
    for quantity in ["0", "-1", "1.5", "\"-2\"", "-1e30"] {
        let item = format!(r#"{{"sku":"A","quantity":{quantity}}}"#);
        check(&of_item(&item), &["bad_quantity /items/0/quantity"]);
    }
    check(&of_item(r#"{"sku":"A","quantity":1000000001}"#), &["too_large /items/0/quantity"]);
    check(&of_item(r#"{"sku":"A","quantity":1e30}"#), &["too_large /items/0/quantity"]);
    check(&of_item(r#"{"sku":"A","quantity":1,"price":1e99}"#), &["too_large /items/0/price"]);
    let line = r#"{"sku":"A","quantity":1000000000,"unit_price":999999999}"#;
    check(&of_item(line), &["too_large /items/0/unit_price"]);
    check(
        &with(r#""shipping":{"cost":-0.01},"payment":{"amount":"abc"}"#),
        &["negative /shipping/cost", "not_a_number /payment/amount"],
    );
    let long = "x".repeat(129);
    check(
        &with(
            &format!(r#""merchant_id":"{long}","coupons":["{long}","a\tb"]"#)
                .replace("\\t", "\\u0009"),
        ),
        &["too_long /merchant_id", "too_long /coupons/0", "bad_name /coupons/1"],
    );
}

#[test]
fn wrong_types_are_told_with_everything_else() {
    check(
        r#"{"order_id":{},"items":{"0":1},"customer":[],"company":"x","shipping":1}"#,
        &[
            "wrong_type /order_id",
            "wrong_type /items",
            "wrong_type /customer",
            "wrong_type /company",
            "wrong_type /shipping",
        ],
    );
    check(
        r#"{"id":"o","channel":"fax",
        "items":[1,{"sku":true,"quantity":[2],"price":{}},null,{"sku":"A","quantity":0}]}"#,
        &[
            "wrong_type /items/0",
            "wrong_type /items/1/sku",
            "wrong_type /items/1/quantity",
            "wrong_type /items/1/price",
            "wrong_type /items/2",
            "bad_quantity /items/3/quantity",
            "no_customer /customerId",
            "unknown_channel /channel",
        ],
    );
    check(
        &with(
            r#""payment":{"amount":true,"method":{}},
            "shipping":{"address":{"city":[]},"cost":"x"},"coupons":"A""#,
        ),
        &[
            "wrong_type /payment/amount",
            "wrong_type /payment/method",
            "wrong_type /shipping/address/city",
            "not_a_number /shipping/cost",
            "wrong_type /coupons",
        ],
    );
    check(
        &with(r#""customer":{"cpf":1.5,"email":false,"address":{"city":[]}},"merchant_id":-1"#),
        &[
            "wrong_type /customer/cpf",
            "wrong_type /customer/email",
            "wrong_type /customer/address/city",
            "wrong_type /merchant_id",
        ],
    );
    check(
        &with(r#""notes":"\ud800","channel":"\udfff""#),
        &["bad_name /notes", "bad_name /channel"],
    );
}

#[test]
fn a_field_given_twice_must_say_the_same() {
    let twice = with(r#""id":"o","customer_id":"c","items":null,"order_id":"""#);
    assert_eq!(ok(&twice), ok(&with("")), "the same twice, or nothing, is no conflict");
    check(
        &with(r#""id":"other","customer_id":"c2","notes":"a","notes":"b""#),
        &[
            "conflicting_values /order_id",
            "conflicting_values /customerId",
            "conflicting_values /notes",
        ],
    );
    let item =
        r#"{"sku":"A","product_id":"B","quantity":1,"quantity":"1","price":1,"unitPrice":2}"#;
    check(
        &of_item(item),
        &["conflicting_values /items/0/sku", "conflicting_values /items/0/price"],
    );
    check(&with(r#""items":[]"#), &["conflicting_values /items"]);
}

#[test]
fn what_is_over_the_limits_is_refused_without_a_flood() {
    let items = |count: usize, item: &str| of_item(&vec![item; count].join(","));
    assert_eq!(
        purchase(&items(1_000, r#"{"sku":"A","quantity":1}"#)).lines.as_slice().len(),
        1_000
    );
    check(&items(1_001, r#"{"sku":"A","quantity":1}"#), &["too_many_items /items"]);
    assert_eq!(faults(&items(5_000, "{}")).len(), 2_001);
    assert_eq!(faults(&items(5_000, "7")).len(), 1_001);
    let coupons =
        |count: usize| with(&format!(r#""coupons":[{}]"#, vec![r#""A""#; count].join(",")));
    assert_eq!(purchase(&coupons(20)).coupons.len(), 20);
    check(&coupons(21), &["too_many_coupons /coupons"]);
}

#[test]
fn what_is_odd_is_warned_about_and_taken() {
    warned(&with(r#""payment":{"amount":3},"shipping":{"cost":1}"#), &[]);
    warned(&with(r#""payment":{"amount":"4.00"},"shipping":{"cost":1}"#), &[]);
    warned(
        &with(r#""payment":{"amount":3.01},"shipping":{"cost":1}"#),
        &["payment_mismatch /payment/amount"],
    );
    let unpriced = of_item(r#"{"sku":"A","quantity":1},{"sku":"B","quantity":1,"price":2}"#);
    warned(&unpriced.replacen('{', r#"{"payment":{"amount":9},"#, 1), &[]);
    let address =
        |cep: &str| with(&format!(r#""customer":{{"address":{{"state":"SP","zip_code":{cep}}}}}"#));
    warned(&address("\"01310-100\""), &[]);
    warned(&address("1310100"), &[]);
    warned(&address("\"22.640-102\""), &["cep_state_mismatch /customer/address/zip_code"]);
    for email in ["a", "a@b", "@b.example", "a@b.example.", "a b@c.example", "a@@b.example", "a@.b"]
    {
        let document = with(&format!(r#""customer":{{"email":"{email}"}}"#));
        warned(&document, &["bad_email /customer/email"]);
    }
    warned(&with(r#""customer":{"email":"josé.d'ávila+x@sub.exemplo.com.br"}"#), &[]);
    warned(&with(r#""company":{"cnpj":"12.ABC.345/01DE-36"}"#), &["bad_cnpj /company/cnpj"]);
}

#[test]
fn a_delivery_before_the_order_is_odd() {
    let dates = |order: &str, delivery: &str| {
        with(&format!(
            r#""order_date":"{order}","shipping":{{"expected_delivery_date":"{delivery}"}}"#
        ))
    };
    let late = ["delivery_before_order /shipping/expected_delivery_date"];
    warned(&dates("2023-10-01T10:30:00Z", "2023-10-01"), &[]);
    warned(&dates("2023-10-01T10:30:00Z", "2023-09-30"), &late);
    warned(&dates("2023-10-02T01:00:00Z", "2023-10-01"), &[]); // 22:00 the day before in São Paulo
    warned(&dates("2023-10-01 10:30:00", "2023-10-01 10:29:59"), &late);
    warned(&dates("2023-10-01 10:30:00", "2023-10-01 10:30:01"), &[]);
    let bad = dates("2023-10-01", "03/10/2023");
    check(&bad, &["bad_date /shipping/expected_delivery_date"]);
}

#[test]
fn severities_follow_the_installation() {
    let document = with(r#""customer":{"cpf":"1","email":"x"},"order_date":"soon""#);
    let mut strict = settings();
    strict.checks = checks(r#"{"bad_cpf": "error", "bad_email": "off", "bad_date": "warn"}"#);
    let Err(Fault::Invalid { violations, .. }) = read(document.as_bytes(), &strict) else {
        panic!()
    };
    assert_eq!(listed(&violations), ["bad_cpf /customer/cpf", "bad_date /order_date"]);
    assert_eq!(
        violations.iter().map(|v| v.severity.as_str()).collect::<Vec<_>>(),
        ["error", "warn"]
    );
}

#[test]
fn a_seller_may_have_severities_of_its_own() {
    let own: Levels = serde_json::from_str(r#"{"bad_cnpj": "error", "bad_cpf": "off"}"#).unwrap();
    let strict = MerchantId::parse("98765432000110").unwrap();
    let everyone = serde_json::from_str(r#"{"bad_email": "off"}"#).unwrap();
    let mut settings = settings();
    settings.checks = Checks::new(&everyone, [(strict, &own)]);
    let judged = |fields: &str| match read(with(fields).as_bytes(), &settings) {
        Ok(read) => listed(&read.warnings),
        Err(Fault::Invalid { violations, .. }) => listed(&violations),
        Err(Fault::Malformed(fault)) => panic!("{fault}"),
    };
    let customer = r#""customer":{"cpf":"1","email":"x"}"#;
    let of_strict = format!(r#""company":{{"cnpj":"98.765.432/0001-10"}},{customer}"#);
    assert_eq!(judged(&of_strict), ["bad_cnpj /company/cnpj"], "its own rules, even for its CNPJ");
    assert!(read(with(&of_strict).as_bytes(), &settings).is_err());
    let of_other = format!(r#""company":{{"cnpj":"12.345.678/0001-98"}},{customer}"#);
    assert_eq!(judged(&of_other), ["bad_cnpj /company/cnpj", "bad_cpf /customer/cpf"]);
    assert!(read(with(&of_other).as_bytes(), &settings).is_ok());
    let named = format!(r#""merchant_id":"98765432000110",{customer}"#);
    assert!(judged(&named).is_empty(), "the seller is who counts, however it is named");
}

#[test]
fn an_invalid_document_still_says_whose_it_is() {
    let document = r#"{"id":"o","merchant_id":"m","channel":"web","items":[7]}"#;
    let Err(Fault::Invalid { found, .. }) = read(document.as_bytes(), &settings()) else {
        panic!()
    };
    assert_eq!(found.id.unwrap().as_str(), "o");
    assert_eq!(found.merchant.unwrap().as_str(), "m");
    assert_eq!(found.channel, Channel::Web);
    for seller in [r#""merchantId":{}"#, r#""company":"x""#, r#""company":{"cnpj":[]}"#] {
        let fault = read(with(seller).as_bytes(), &settings());
        let Err(Fault::Invalid { found, .. }) = fault else { panic!("{seller}") };
        assert_eq!(found.merchant, None, "{seller}: not the default, for the sender named another");
    }
}

#[test]
fn messages_name_the_field_as_the_sender_spelled_it() {
    let document = of_item(r#"{"sku":"A","quantity":1},{"sku":"A","quantity":1,"price":-1}"#);
    let Err(Fault::Invalid { violations, .. }) = read(document.as_bytes(), &settings()) else {
        panic!()
    };
    assert_eq!(text(&violations[0], Lang::PtBr), "Campo 'items[1].price' não pode ser negativo.");
}

#[test]
fn bytes_that_are_no_document_say_where() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let table: [(&[u8], usize, usize); 11] = [
        (b"", 1, 0),
        (b"{\n  \"id\": }", 2, 9),
        (b"{\"id\":\"o\"} x", 1, 12),
        (b"{\"id\":\"o\"", 1, 9),
        (b"[]", 1, 1),
        (b"\n 7", 2, 2),
        (b"null", 1, 1),
        (b"{\"id\":\"\xff\"}", 1, 8),
        (b"{\"id\":'o'}", 1, 7),
        (b"{\"a\":\n{\"\\ud800\":1}, \"company\":{\n\"\\ud800\":1}}", 3, 8),
        (deep.as_bytes(), 1, 133),
    ];
    for (bytes, line, column) in table {
        let shown = String::from_utf8_lossy(bytes);
        match read(bytes, &settings()) {
            Err(Fault::Malformed(m)) => {
                assert_eq!((m.line, m.column), (line, column), "{shown}: {m}")
            }
            other => panic!("{shown}: {other:?}"),
        }
    }
}

#[test]
fn a_body_is_one_order_or_many() {
    let slices = |body: &str| -> Vec<String> {
        split(body.as_bytes()).unwrap().iter().map(|order| order.get().to_owned()).collect()
    };
    assert_eq!(slices("\u{feff} {\"id\": 1}\r\n"), ["{\"id\": 1}"]);
    assert_eq!(slices("[{\"id\": 1} , 7,[]]"), ["{\"id\": 1}", "7", "[]"]);
    assert!(slices("[]").is_empty());
    for body in ["", "7", "[1,]", "{} {}", "\"x\""] {
        assert!(matches!(split(body.as_bytes()), Err(Fault::Malformed(_))), "{body}");
    }
}

#[test]
fn unknown_fields_are_shown_with_their_exact_digits() {
    let document = with(r#""gift":true,"rate":0.10000000000000000001,"pedido":"x""#);
    let unknown = attributes(document.as_bytes());
    let json = serde_json::to_string(&unknown).unwrap();
    assert_eq!(json, r#"{"gift":true,"pedido":"x","rate":0.10000000000000000001}"#);
    assert!(attributes(b"[1]").is_empty());
    assert!(ok(&document).warnings.is_empty(), "unknown fields are no fault");
}

#[test]
fn unknown_fields_within_known_ones_are_shown_in_their_place() {
    let document = r#"{"id":"o","customer":{"name":"Ana","vip":true,"address":{"city":"Rio",
        "floor":"3"}},"items":[{"sku":"A","quantity":1},{"sku":"B","quantity":1,"size":"M"}],
        "payment":{"method":"pix","key":1.50},"shipping":{"address":"Rua A, 1","cost":0}}"#;
    let json = serde_json::to_string(&attributes(document.as_bytes())).unwrap();
    let expected = r#"{"customer":{"address":{"floor":"3"},"vip":true},"#.to_owned()
        + r#""items":[{},{"size":"M"}],"payment":{"key":1.50}}"#;
    assert_eq!(json, expected);
    assert!(attributes(EVENT_DRIVEN.as_bytes()).is_empty(), "every field of it is known");
}

/// What must hold for any bytes.
fn holds(bytes: &[u8]) -> Result<(), TestCaseError> {
    match read(bytes, &settings()) {
        Ok(read) => prop_assert!(read.warnings.iter().all(|v| v.severity == Severity::Warn)),
        Err(Fault::Malformed(_)) => {}
        Err(Fault::Invalid { violations, .. }) => {
            prop_assert!(violations.iter().any(|v| v.severity == Severity::Error));
            for violation in violations {
                let pointer = violation.pointer.as_ref();
                prop_assert!(pointer.is_empty() || pointer.starts_with('/'), "{}", pointer);
            }
        }
    }
    let _ = (split(bytes), attributes(bytes));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        holds(&bytes)?;
    }

    #[test]
    fn no_damaged_document_makes_it_panic(
        is_transfer in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let document = if is_transfer { TRANSFER } else { EVENT_DRIVEN };
        let mut bytes = document.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        holds(&bytes)?;
        bytes.truncate(cut.index(bytes.len()));
        holds(&bytes)?;
    }

    #[test]
    fn no_value_in_the_wrong_place_makes_it_panic(
        at in any::<prop::sample::Index>(),
        value in prop_oneof![
            Just("null"), Just("true"), Just("[]"), Just("{}"), Just("[null]"), Just("-1"),
            Just("1e400"), Just("\"\""), Just("\"\\ud800\""),
            Just("99999999999999999999999999999999999999999"),
        ],
    ) {
        let places: Vec<usize> = EVENT_DRIVEN.match_indices(": ").map(|(at, _)| at + 2).collect();
        let from = places[at.index(places.len())];
        let tail = &EVENT_DRIVEN[from..];
        let mut values = serde_json::Deserializer::from_str(tail).into_iter::<serde_json::Value>();
        let len = match values.next() {
            Some(Ok(_)) => values.byte_offset(),
            _ => 0,
        };
        let document = format!("{}{value}{}", &EVENT_DRIVEN[..from], &tail[len..]);
        holds(document.as_bytes())?;
    }
}
