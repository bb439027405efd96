//! What a report says, as data, and the questions that it is made of.
//!
//! Each question is answered as of one moment. What is asked about days has its answer by order as
//! it is now: an order that was cancelled today is no revenue of the day it came in.
//!
//! Never: a sum of a page of rows. Sums are the store's own.

use std::collections::BTreeMap;

use anyhow::Result;
use connectors::mail::Customs;
use domain::money::Money;
use domain::state::Status;
use jiff::civil::Date;

use super::Report;
use super::ask::{Row, Rows};
use crate::config::currency_exponent;

/// Most products, rules or codes of a table.
const LISTED_MAX: usize = 15;

/// Everything a report says.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    /// How amounts are written: in the store's own currency.
    pub(super) customs: Customs,
    /// Every day of the period, oldest first.
    pub(super) days: Vec<Day>,
    /// Orders by where they stand.
    pub(super) outcomes: Vec<Outcome>,
    /// Input that was not taken.
    pub(super) rejects: Vec<Reject>,
    /// Products by what they came to, the most first.
    pub(super) products: Vec<Product>,
    /// Products that orders wait for now, the most units first.
    pub(super) shortages: Vec<Shortage>,
    /// All of those: how many products, and units.
    pub(super) short: (i64, i64),
    /// How long orders took, of every day (`None`: none was complete).
    pub(super) waits_by_day: Vec<Option<Wait>>,
    /// The same by channel, all of them last.
    pub(super) waits: Vec<(String, Wait)>,
    /// Rules by what they came to, the largest amounts first.
    pub(super) rules: Vec<Rule>,
}

/// One day, or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    /// Which; the first of several.
    pub(super) date: Date,
    /// Orders that came in, whatever became of them.
    pub(super) received: i64,
    /// Of these: purchases that stand.
    pub(super) orders: i64,
    /// Units in those.
    pub(super) units: i64,
    /// Lines at their prices.
    pub(super) gross: Money,
    /// What rules took off.
    pub(super) discount: Money,
    /// What rules put on top as tax.
    pub(super) tax: Money,
    /// What shipping costs.
    pub(super) shipping: Money,
    /// What they come to.
    pub(super) total: Money,
}

impl Day {
    /// Both together, under this one's date.
    pub(super) fn and(self, other: &Self) -> Self {
        Self {
            date: self.date,
            received: self.received + other.received,
            orders: self.orders + other.orders,
            units: self.units + other.units,
            gross: self.gross + other.gross,
            discount: self.discount + other.discount,
            tax: self.tax + other.tax,
            shipping: self.shipping + other.shipping,
            total: self.total + other.total,
        }
    }
}

/// Orders in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Which state.
    pub(super) status: Status,
    /// How many orders.
    pub(super) orders: i64,
    /// What they come to.
    pub(super) total: Money,
}

/// Input that was not taken for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    /// What sort of no.
    pub(super) kind: String,
    /// What was wrong first.
    pub(super) code: String,
    /// How many.
    pub(super) inputs: i64,
}

/// What one product sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Product {
    /// Which.
    pub(super) sku: String,
    /// Who sells it.
    pub(super) merchant: String,
    /// Units.
    pub(super) units: i64,
    /// What they came to.
    pub(super) total: Money,
}

/// A product that orders wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shortage {
    /// Which.
    pub(super) sku: String,
    /// Who sells it.
    pub(super) merchant: String,
    /// Units waited for.
    pub(super) units: i64,
    /// Orders that wait.
    pub(super) orders: i64,
    /// Since when, as the API writes it.
    pub(super) oldest: String,
}

/// How long orders took to be complete, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wait {
    /// Orders.
    pub(super) orders: i64,
    /// Half of them.
    pub(super) p50: i64,
    /// 90 of 100.
    pub(super) p90: i64,
    /// 99 of 100.
    pub(super) p99: i64,
}

/// What one rule came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The version of the rules.
    pub(super) set: i64,
    /// Which.
    pub(super) id: String,
    /// Orders it had a part in.
    pub(super) orders: i64,
    /// Negative is a discount.
    pub(super) amount: Money,
}

/// Whether an order in that state is sold: what the views count as revenue.
pub(super) fn stands(status: Status) -> bool {
    match status {
        Status::Completed | Status::Backordered | Status::Fulfilled => true,
        Status::Invalid
        | Status::Received
        | Status::Processing
        | Status::Rejected
        | Status::Failed
        | Status::Cancelled => false,
    }
}

const STANDING: &str = "order_status IN ('COMPLETED', 'BACKORDERED', 'FULFILLED')";

/// Asks for all of it.
pub(super) fn ask(report: &Report, ask: impl Fn(&str) -> Result<Rows>) -> Result<Figures> {
    let questions = Questions::new(report);
    let by_status = ask(&questions.by_day_and_status())?;
    let customs = customs(report, &by_status);
    let exponent = customs.exponent;
    let days = report.period.days();
    let waits_by_day = ask(&questions.waits(&questions.day))?;
    let short = ask(&questions.all_shortages())?;
    let short = short.iter().next().map_or((0, 0), |r| (r.count("skus"), r.count("units")));
    Ok(Figures {
        days: by_day(&days, &by_status, exponent)?,
        outcomes: outcomes(&by_status, exponent)?,
        rejects: ask(&questions.rejects())?.iter().map(reject).collect(),
        products: each(&ask(&questions.products())?, |row| product(row, exponent))?,
        shortages: ask(&questions.shortages())?.iter().map(shortage).collect(),
        short,
        waits_by_day: of_each_day(&days, &waits_by_day),
        waits: waits(&ask(&questions.waits("channel"))?, &ask(&questions.waits("''"))?),
        rules: each(&ask(&questions.rules())?, |row| rule(row, exponent))?,
        customs,
    })
}

/// The questions, in SQL.
struct Questions {
    day: String,
    received: String,
    at: String,
    now: String,
}

impl Questions {
    fn new(report: &Report) -> Self {
        let quoted = |merchant: &str| merchant.replace('\'', "''");
        let merchant = report.merchant.as_ref().map_or_else(String::new, |merchant| {
            format!(" AND merchant_id = '{}'", quoted(merchant.as_str()))
        });
        let within = |column| report.period.holds(column) + &merchant;
        Self {
            day: report.period.day("received_at"),
            received: within("received_at"),
            at: within("at"),
            now: format!("units > 0{merchant}"),
        }
    }

    fn by_day_and_status(&self) -> String {
        let Self { day, received, .. } = self;
        format!(
            "SELECT {day} AS day, status, kind, MIN(currency) AS currency, COUNT(*) AS orders, \
             SUM(units) AS units, SUM(subtotal) AS gross, SUM(discount) AS discount, \
             SUM(tax) AS tax, SUM(shipping) AS shipping, SUM(total) AS total \
             FROM orders WHERE {received} GROUP BY {day}, status, kind"
        )
    }

    fn rejects(&self) -> String {
        format!(
            "SELECT kind, code, SUM(rejects.count) AS inputs FROM rejects WHERE {} \
             GROUP BY kind, code ORDER BY inputs DESC, kind, code LIMIT {LISTED_MAX}",
            self.at
        )
    }

    fn products(&self) -> String {
        format!(
            "SELECT merchant_id, sku, SUM(quantity) AS units, SUM(total) AS total \
             FROM order_lines WHERE {STANDING} AND {} GROUP BY merchant_id, sku \
             ORDER BY total DESC NULLS LAST, units DESC, sku LIMIT {LISTED_MAX}",
            self.received
        )
    }

    fn shortages(&self) -> String {
        format!(
            "SELECT merchant_id, sku, units, orders, oldest FROM shortages_by_sku WHERE {} \
             ORDER BY units DESC, sku, merchant_id LIMIT {LISTED_MAX}",
            self.now
        )
    }

    fn all_shortages(&self) -> String {
        let now = &self.now;
        format!("SELECT COUNT(*) AS skus, SUM(units) AS units FROM shortages_by_sku WHERE {now}")
    }

    /// Exact percentiles, by nearest rank: as the view `time_to_complete` has them.
    fn waits(&self, by: &str) -> String {
        let rank =
            |p| format!("MIN(CASE WHEN up_to * 100 >= of_all * {p} THEN took_ms END) AS p{p}_ms");
        let (p50, p90, p99, received) = (rank(50), rank(90), rank(99), &self.received);
        format!(
            "SELECT part, SUM(orders) AS orders, {p50}, {p90}, {p99} FROM (\
             SELECT part, took_ms, orders, SUM(orders) OVER (PARTITION BY part ORDER BY took_ms \
             ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS up_to, \
             SUM(orders) OVER (PARTITION BY part) AS of_all FROM (\
             SELECT {by} AS part, completed_after_ms AS took_ms, COUNT(*) AS orders FROM orders \
             WHERE completed_after_ms IS NOT NULL AND {received} GROUP BY {by}, completed_after_ms\
             ) AS counted) AS ranked GROUP BY part ORDER BY part"
        )
    }

    fn rules(&self) -> String {
        format!(
            "SELECT rule_set, rule_id, orders, amount FROM (\
             SELECT rule_set, rule_id, COUNT(DISTINCT sequence) AS orders, \
             SUM(amount) AS amount FROM order_rules WHERE {STANDING} AND {} \
             GROUP BY rule_set, rule_id) AS costs \
             ORDER BY ABS(amount) DESC, rule_set, rule_id LIMIT {LISTED_MAX}",
            self.received
        )
    }
}

/// The currency is the store's: whoever asks a server may have settings of their own.
fn customs(report: &Report, by_status: &Rows) -> Customs {
    let mut customs = report.customs.clone();
    let mut currencies = by_status.iter().map(|row| row.text("currency"));
    let known = currencies.find_map(|code| Some((code, currency_exponent(code)?)));
    if let Some((code, exponent)) = known {
        (customs.currency, customs.exponent) = (code.into(), exponent);
    }
    customs
}

fn each<T>(rows: &Rows, read: impl Fn(Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    rows.iter().map(read).collect()
}

fn by_day(days: &[Date], rows: &Rows, exponent: u32) -> Result<Vec<Day>> {
    let none = |date: &Date| (*date, Day { date: *date, ..Day::default() });
    let mut by_day: BTreeMap<Date, Day> = days.iter().map(none).collect();
    for row in rows.iter() {
        let Some(day) = date(row, "day").and_then(|date| by_day.get_mut(&date)) else { continue };
        *day = day.and(&sold(row, exponent)?);
    }
    Ok(by_day.into_values().collect())
}

/// What a row of a day, status and kind adds to its day.
fn sold(row: Row<'_>, exponent: u32) -> Result<Day> {
    let received = row.count("orders");
    let is_sold = Status::parse(row.text("status")).is_some_and(stands);
    if !is_sold || row.text("kind") != "purchase" {
        return Ok(Day { received, ..Day::default() });
    }
    let money = |column| row.money(column, exponent);
    Ok(Day {
        date: Date::default(),
        received,
        orders: received,
        units: row.count("units"),
        gross: money("gross")?,
        discount: money("discount")?,
        tax: money("tax")?,
        shipping: money("shipping")?,
        total: money("total")?,
    })
}

fn outcomes(rows: &Rows, exponent: u32) -> Result<Vec<Outcome>> {
    let mut by_status: BTreeMap<Status, Outcome> = BTreeMap::new();
    for row in rows.iter() {
        let Some(status) = Status::parse(row.text("status")) else { continue };
        let none = Outcome { status, orders: 0, total: Money::ZERO };
        let outcome = by_status.entry(status).or_insert(none);
        outcome.orders += row.count("orders");
        outcome.total += row.money("total", exponent)?;
    }
    let mut outcomes: Vec<Outcome> = by_status.into_values().collect();
    outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.orders));
    Ok(outcomes)
}

fn reject(row: Row<'_>) -> Reject {
    let text = |column| row.text(column).to_owned();
    Reject { kind: text("kind"), code: text("code"), inputs: row.count("inputs") }
}

fn product(row: Row<'_>, exponent: u32) -> Result<Product> {
    Ok(Product {
        sku: row.text("sku").to_owned(),
        merchant: row.text("merchant_id").to_owned(),
        units: row.count("units"),
        total: row.money("total", exponent)?,
    })
}

fn shortage(row: Row<'_>) -> Shortage {
    Shortage {
        sku: row.text("sku").to_owned(),
        merchant: row.text("merchant_id").to_owned(),
        units: row.count("units"),
        orders: row.count("orders"),
        oldest: row.text("oldest").to_owned(),
    }
}

fn rule(row: Row<'_>, exponent: u32) -> Result<Rule> {
    Ok(Rule {
        set: row.count("rule_set"),
        id: row.text("rule_id").to_owned(),
        orders: row.count("orders"),
        amount: row.money("amount", exponent)?,
    })
}

fn of_each_day(days: &[Date], rows: &Rows) -> Vec<Option<Wait>> {
    let by_day: BTreeMap<Date, Wait> =
        rows.iter().filter_map(|row| Some((date(row, "part")?, wait(row)))).collect();
    days.iter().map(|day| by_day.get(day).copied()).collect()
}

fn waits(by_channel: &Rows, all: &Rows) -> Vec<(String, Wait)> {
    let rows = by_channel.iter().chain(all.iter());
    rows.map(|row| (row.text("part").to_owned(), wait(row))).collect()
}

fn wait(row: Row<'_>) -> Wait {
    let ms = |column| row.count(column);
    Wait { orders: ms("orders"), p50: ms("p50_ms"), p90: ms("p90_ms"), p99: ms("p99_ms") }
}

fn date(row: Row<'_>, column: &str) -> Option<Date> {
    row.text(column).get(..10)?.parse().ok()
}
