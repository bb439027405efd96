//! Retail orders, and the catalogue and stock they are about.

use std::collections::{HashMap, HashSet};

use super::super::{Kind, retail_order};
use super::document::{Address, Product, Stock, cents, merchant, order};
use super::{options, text};

#[test]
fn retail_orders_are_of_the_size_shops_send() {
    let (mut smallest, mut largest, mut sum, mut lines) = (usize::MAX, 0, 0, 0);
    for line in text(&options(Kind::Retail, 10_000, 3)).lines() {
        (smallest, largest, sum) =
            (smallest.min(line.len()), largest.max(line.len()), sum + line.len());
        lines += order(line).items.len();
    }
    assert!((1_150..1_250).contains(&(sum / 10_000)), "{smallest} to {largest}, {sum}");
    assert!(smallest > 800 && largest < 1_600, "{smallest} to {largest}");
    assert!((19_000..21_000).contains(&lines), "{lines} lines");
}

#[test]
fn retail_orders_add_up_and_match_the_catalogue() {
    let catalogue = text(&options(Kind::Catalogue, 0, 1));
    let products: HashMap<(String, &str), Product<'_>> = catalogue
        .lines()
        .map(|line| serde_json::from_str::<Product<'_>>(line).expect("a product"))
        .map(|product| ((product.merchant_id.to_owned(), product.sku), product))
        .collect();
    assert_eq!(products.len(), 10_000);
    assert_eq!(products.keys().map(|(_, sku)| sku).collect::<HashSet<_>>().len(), 10_000);
    assert_eq!(products.values().map(|p| p.category).collect::<HashSet<_>>().len(), 8);
    let mut sold = HashSet::new();
    for line in text(&options(Kind::Retail, 20_000, 11)).lines() {
        let order = order(line);
        let mut total = 0;
        for item in &order.items {
            let product = &products[&(merchant(order.company.cnpj), item.product_id)];
            assert_eq!(product.description, item.description);
            assert_eq!(product.price, item.unit_price.get());
            assert!((1..=12).contains(&item.quantity));
            total += item.quantity * cents(item.unit_price.get());
            sold.insert(product.sku);
        }
        assert!((1..=3).contains(&order.items.len()));
        assert_eq!(total, cents(order.payment.amount.get()), "{line}");
        let cost = order.shipping.cost.get();
        let decimals = cost.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert!(decimals <= 15 && cost.len() <= 18, "{cost}");
    }
    assert!(sold.len() > 8_500, "only {} products are ever sold", sold.len());
}

#[test]
fn retail_orders_look_brazilian() {
    for line in text(&options(Kind::Retail, 5_000, 5)).lines() {
        let order = order(line);
        let customer = &order.customer;
        check_digits_of_cpf(customer.cpf);
        let name = format!("{} {}", customer.first_name, customer.last_name);
        assert!(customer.name.is_none_or(|full| full == name));
        let (user, domain) = customer.email.split_once('@').expect("an e-mail address has an @");
        assert!(user.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'), "{user}");
        assert!(domain.starts_with("example."), "{domain}");
        let digits = customer.phone.bytes().filter(u8::is_ascii_digit).count();
        assert!(digits == 11 || digits == 13, "{}", customer.phone);
        check_address(&customer.address);
        check_address(&order.shipping.address);
        assert!(order.channel.is_none_or(|c| ["web", "mobile", "api"].contains(&c)));
        assert!(["Boleto", "Pix", "Cartão de Crédito"].contains(&order.payment.method));
        assert!(order.payment.transaction_id.starts_with("TXN-"));
        assert!(order.coupons.is_none_or(|coupons| !coupons.is_empty()));
        assert!(!order.shipping.method.is_empty() && !order.company.name.is_empty());
        assert_eq!(order.order_status, "Pendente");
        assert!(order.notes.is_empty() || order.notes.ends_with(['.', '!']));
    }
}

fn check_address(address: &Address<'_>) {
    let cep: String = address.zip_code.chars().filter(|c| *c != '-').collect();
    assert_eq!(cep.len(), 8, "{}", address.zip_code);
    assert!(matches!(address.zip_code.find('-'), None | Some(5)), "{}", address.zip_code);
    // The postal service's spans, by the first two digits.
    let state = match cep[..2].parse::<u8>().expect("a CEP has digits") {
        1..=19 => "SP",
        20..=28 => "RJ",
        29 => "ES",
        30..=39 => "MG",
        40..=48 => "BA",
        49 => "SE",
        50..=56 => "PE",
        57 => "AL",
        58 => "PB",
        59 => "RN",
        60..=63 => "CE",
        64 => "PI",
        65 => "MA",
        66..=67 => "PA",
        69 => "AM",
        70..=71 => "DF",
        74..=75 => "GO",
        79 => "MS",
        80..=87 => "PR",
        88..=89 => "SC",
        90..=99 => "RS",
        _ => "another",
    };
    assert_eq!(address.state, state, "{cep} {}", address.city);
    assert!(address.number.parse::<u32>().is_ok_and(|number| number > 0));
    assert!(!address.street.is_empty() && !address.neighborhood.is_empty());
    assert!(address.complement.len() < 30);
}

/// Each check digit is 11 − (sum of digits × 2, 3, … from the right mod 11), 0 beyond 9; for a
/// CNPJ the weights start over after 9.
fn check_digit(digits: &[u32], weights: u32) -> u32 {
    let weighted = digits.iter().rev().zip((2..=weights).cycle());
    match weighted.map(|(digit, weight)| digit * weight).sum::<u32>() % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn check_digits_of_cpf(cpf: &str) {
    let digits: Vec<u32> = cpf.chars().filter_map(|c| c.to_digit(10)).collect();
    assert_eq!(digits.len(), 11, "{cpf}");
    assert!(cpf.len() == 11 || cpf.len() == 14, "{cpf}");
    assert_eq!(digits[9], check_digit(&digits[..9], 11), "{cpf}");
    assert_eq!(digits[10], check_digit(&digits[..10], 11), "{cpf}");
    assert!(digits.iter().any(|digit| *digit != digits[0]), "{cpf}");
}

#[test]
fn every_seller_has_a_right_cnpj_and_one_has_letters() {
    let orders = text(&options(Kind::Retail, 1_000, 1));
    let cnpjs: HashSet<&str> = orders.lines().map(|line| order(line).company.cnpj).collect();
    assert_eq!(cnpjs.len(), 3);
    for cnpj in &cnpjs {
        let values: Vec<u32> = merchant(cnpj).bytes().map(|b| u32::from(b) - 48).collect();
        assert_eq!(values.len(), 14, "{cnpj}");
        assert_eq!(values[12], check_digit(&values[..12], 9), "{cnpj}");
        assert_eq!(values[13], check_digit(&values[..13], 9), "{cnpj}");
    }
    assert_eq!(cnpjs.iter().filter(|c| c.contains(|c: char| c.is_ascii_uppercase())).count(), 1);
}

#[test]
fn ids_count_up_and_dates_are_the_days_in_them() {
    let mut forms = [0; 3];
    let mut line = Vec::new();
    // Every 997th order: over many days, at all hours.
    for index in (0..5_000).map(|n| n * 997) {
        line.clear();
        retail_order(9, index, &mut line);
        let order = order(std::str::from_utf8(&line).expect("UTF-8"));
        let (form, local) = local_time(order.order_date);
        forms[form] += 1;
        let day = local.date().strftime("%Y%m%d").to_string();
        assert_eq!(order.order_id, format!("ORD-{day}-{index:07}"));
        let delivery: jiff::civil::Date =
            order.shipping.expected_delivery_date.parse().expect("a date");
        assert!(delivery > local.date(), "{} {delivery}", order.order_date);
    }
    assert!(forms.iter().all(|count| *count > 1_000), "{forms:?}");
}

/// Which way a date is written, and what the clocks of São Paulo showed.
fn local_time(text: &str) -> (usize, jiff::civil::DateTime) {
    let zone = jiff::tz::Offset::constant(-3);
    match (text.ends_with('Z'), text.ends_with("-03:00")) {
        (true, _) => (0, zone.to_datetime(text.parse().expect("an instant"))),
        (_, true) => (1, zone.to_datetime(text.parse().expect("an instant"))),
        (_, _) => (2, text.replace(' ', "T").parse().expect("a date and a time")),
    }
}

#[test]
fn stock_is_ample_for_a_million_orders_but_for_the_scarce_products() {
    let stock = text(&options(Kind::Stock, 0, 2));
    let on_hand: HashMap<(String, &str), u64> = stock
        .lines()
        .map(|line| serde_json::from_str::<Stock<'_>>(line).expect("a stock row"))
        .map(|stock| ((stock.merchant_id.to_owned(), stock.sku), stock.on_hand))
        .collect();
    assert_eq!(on_hand.len(), 10_000);
    let scarce = on_hand.values().filter(|units| **units < 10).count();
    assert!((150..250).contains(&scarce), "{scarce}");
    let orders = text(&options(Kind::Retail, 20_000, 2));
    let mut demand: HashMap<(String, &str), u64> = HashMap::new();
    for order in orders.lines().map(order) {
        for item in &order.items {
            *demand.entry((merchant(order.company.cnpj), item.product_id)).or_default() +=
                item.quantity;
        }
    }
    let (mut short, mut top) = (0, 0);
    for (key, wanted) in &demand {
        let units = on_hand[key];
        assert!(units < 10 || wanted * 50 <= units, "{key:?}: {wanted} of {units}");
        short += usize::from(*wanted > units);
        top = top.max(*wanted);
    }
    assert!(short > 20, "{short} products run out");
    assert!((500..2_500).contains(&top), "the best seller sells {top}");
}
