//! The full purchase document of a shop, as shops really send it: three ways to write a date,
//! shipping costs with float debris, optional fields that come and go.
//!
//! Never: an amount that does not add up. What is broken is broken on purpose, in `fault`.

use super::brazil::{put_address, put_customer};
use super::catalogue::{SELLERS, Seller, draw};
use super::random::{Random, Stream};
use super::text::{DAY_S, Date, put, put_cents, put_number, put_padded, put_time};

/// 2025-01-09, in days since 1970-01-01: the first sample order's day.
const FIRST_DAY: i64 = 20_097;

/// Orders of one day; then the next day begins.
const ORDERS_PER_DAY: u64 = 20_000;

/// Days of sample orders; then the calendar starts over (ids stay different).
const DAYS: u64 = 3_650;

/// People who buy, over and over.
const CUSTOMERS: u64 = 200_000;

/// Sellers by the share of orders they get, as indices of [`SELLERS`].
const SELLER_SHARES: [usize; 10] = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2];

const PAYMENTS: [&str; 5] = ["Pix", "Pix", "Boleto", "Cartão de Crédito", "Cartão de Crédito"];

const SHIPPINGS: [&str; 4] = ["Express", "Sedex", "PAC", "Transportadora"];

const COUPONS: [&str; 3] = [r#"["PROMO10"]"#, r#"["BEMVINDO15"]"#, r#"["PROMO10","FRETE50"]"#];

const NOTES: [&str; 8] = [
    "Entregar no período da tarde.",
    "",
    "Deixar com o porteiro; se ele não estiver, na loja de ferragens em frente.",
    "Favor ligar antes da entrega; o interfone não está funcionando.",
    "É presente: embrulhar e não enviar a nota fiscal junto com a mercadoria.",
    "Entregar somente em dias úteis, das 8h às 18h, na recepção do prédio.",
    "Cuidado, frágil: não virar a caixa e não empilhar outras por cima.",
    "Não há campainha, bater no portão azul ao lado da padaria.",
];

/// When an order was placed, by the clocks of São Paulo (UTC−3, without daylight saving).
struct Moment {
    /// Days since 1970-01-01.
    day: i64,
    /// Seconds since midnight.
    second: i64,
}

/// Hours that UTC is ahead, in seconds.
const OFFSET_S: i64 = 3 * 3_600;

impl Moment {
    fn of(index: u64) -> Self {
        let day = index / ORDERS_PER_DAY % DAYS;
        let second = index % ORDERS_PER_DAY * DAY_S.unsigned_abs() / ORDERS_PER_DAY;
        Self { day: FIRST_DAY + day.cast_signed(), second: second.cast_signed() }
    }
}

/// Appends one order; see [`super::retail_order`].
pub(super) fn put_retail(seed: u64, index: u64, out: &mut Vec<u8>) {
    let random = &mut Random::at(seed, Stream::Retail, index);
    let moment = Moment::of(index);
    let seller = random.pick(&SELLER_SHARES);
    put(out, r#"{"order_id":"ORD-"#);
    Date::from_days(moment.day).put(out, "");
    put(out, "-");
    put_padded(out, index, 7);
    put_company(out, &SELLERS[seller]);
    put(out, r#","customer":"#);
    let customer = random.below(CUSTOMERS);
    let home = put_customer(out, &mut Random::at(seed, Stream::Customer, customer));
    put_order_date(out, random, &moment);
    let total = put_items(out, random, seller);
    put_payment(out, random, total);
    put_shipping(out, random, &moment, home);
    put(out, r#","order_status":"Pendente","notes":""#);
    put(out, random.pick(&NOTES));
    put_channel(out, random);
    if random.percent(12) {
        put(out, r#","coupons":"#);
        put(out, random.pick(&COUPONS));
    }
    put(out, "}");
}

fn put_company(out: &mut Vec<u8>, seller: &Seller) {
    put(out, r#"","company":{"name":""#);
    put(out, seller.name);
    put(out, r#"","cnpj":""#);
    put(out, seller.cnpj);
    put(out, r#""}"#);
}

fn put_order_date(out: &mut Vec<u8>, random: &mut Random, moment: &Moment) {
    let utc = moment.second + OFFSET_S;
    let (day, separator, second, zone) = match random.below(4) {
        0 => (moment.day, " ", moment.second, ""),
        1 => (moment.day, "T", moment.second, "-03:00"),
        _ => (moment.day + utc / DAY_S, "T", utc % DAY_S, "Z"),
    };
    put(out, r#","order_date":""#);
    Date::from_days(day).put(out, "-");
    put(out, separator);
    put_time(out, second);
    put(out, zone);
    put(out, "\"");
}

/// One to three lines. Returns their total in cents.
fn put_items(out: &mut Vec<u8>, random: &mut Random, seller: usize) -> u64 {
    put(out, r#","items":["#);
    let lines = random.pick(&[1, 1, 1, 2, 2, 2, 2, 3, 3, 3]);
    let mut total = 0;
    for line in 0..lines {
        let product = draw(random, seller);
        let quantity = quantity(random);
        total += quantity * product.price;
        put(out, if line == 0 { "" } else { "," });
        put(out, &product.line);
        put_number(out, quantity);
        put(out, r#","unit_price":"#);
        put_cents(out, product.price);
        put(out, "}");
    }
    put(out, "]");
    total
}

/// How many of one product: mostly one.
pub(super) fn quantity(random: &mut Random) -> u64 {
    match random.below(100) {
        0..70 => 1,
        70..87 => 2,
        87..95 => 3,
        _ => 4 + random.below(9),
    }
}

fn put_payment(out: &mut Vec<u8>, random: &mut Random, total: u64) {
    put(out, r#","payment":{"method":""#);
    put(out, random.pick(&PAYMENTS));
    put(out, r#"","transaction_id":"TXN-"#);
    put_padded(out, random.below(10_000_000_000), 10);
    put(out, r#"","amount":"#);
    put_cents(out, total);
    put(out, "}");
}

fn put_shipping(
    out: &mut Vec<u8>,
    random: &mut Random,
    moment: &Moment,
    home: std::ops::Range<usize>,
) {
    put(out, r#","shipping":{"method":""#);
    put(out, random.pick(&SHIPPINGS));
    put(out, r#"","cost":"#);
    put_cost(out, random);
    put(out, r#","address":"#);
    if random.percent(12) {
        put_address(out, random);
    } else {
        out.extend_from_within(home);
    }
    put(out, r#","expected_delivery_date":""#);
    let days = 2 + random.below(12).cast_signed();
    Date::from_days(moment.day + days).put(out, "-");
    put(out, r#""}"#);
}

/// A cost as shops send it: two decimals, or what float arithmetic made of them, which rounds to
/// the same cent, or more decimals than any coin has.
fn put_cost(out: &mut Vec<u8>, random: &mut Random) {
    let cents = 790 + random.below(6_000);
    match random.below(20) {
        0 => put(out, "0"),
        1 => {
            put_number(out, cents / 100);
            out.push(b'.');
            put_number(out, cents / 10 % 10);
        }
        2 | 3 => {
            put_cents(out, cents);
            put(out, "000000000000");
            put_number(out, 1 + random.below(4));
        }
        4 | 5 => {
            put_cents(out, cents - 1);
            put(out, "999999999999");
            put_number(out, 6 + random.below(4));
        }
        6 => {
            let decimals = random.below(13);
            put_cents(out, cents);
            put_padded(out, random.below(10_u64.pow(decimals as u32)), decimals as usize);
            put_number(out, 1 + random.below(9));
        }
        _ => put_cents(out, cents),
    }
}

fn put_channel(out: &mut Vec<u8>, random: &mut Random) {
    match random.below(20) {
        0..11 => put(out, r#"","channel":"web""#),
        11..17 => put(out, r#"","channel":"mobile""#),
        17 => put(out, r#"","channel":"api""#),
        _ => put(out, "\""),
    }
}
