//! Questions in SQL, to whoever has the store, and their answers' rows.
//!
//! Never: an amount as a float. Decimals come as texts and become minor units.

use anyhow::{Result, bail};
use domain::money::{Money, divide_half_even};
use serde_json::{Value, json};

use crate::client::Client;
use crate::spoken::told;

/// Most rows of an answer: a row a day and status of ten years is below that.
const ROWS_MAX: usize = 100_000;

/// The rows of an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    columns: &'a [String],
    cells: &'a [Value],
}

/// Asks the API.
pub(super) fn ask(api: &Client, sql: &str) -> Result<Rows> {
    let question = json!({"sql": sql, "rows_max": ROWS_MAX}).to_string();
    let body = ("application/json", question.into_bytes());
    Rows::read(api.json("POST", "/v1/query", Some(body))?)
}

impl Rows {
    /// The rows of the API's answer.
    pub(super) fn read(mut answer: Value) -> Result<Self> {
        let columns = answer["columns"].as_array().into_iter().flatten();
        let columns = columns.map(|column| column["name"].as_str().unwrap_or_default().to_owned());
        let columns: Vec<String> = columns.collect();
        let Value::Array(rows) = answer["rows"].take() else { bail!(told!("no-json")) };
        let cells = |row: Value| match row {
            Value::Array(cells) if cells.len() == columns.len() => Ok(cells),
            Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => bail!(told!("no-json")),
        };
        Ok(Self { rows: rows.into_iter().map(cells).collect::<Result<_>>()?, columns })
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { columns: &self.columns, cells })
    }
}

impl<'a> Row<'a> {
    fn cell(&self, column: &str) -> &'a Value {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| self.cells.get(at)).unwrap_or(&Value::Null)
    }

    /// A text; empty where there is none.
    pub(super) fn text(&self, column: &str) -> &'a str {
        self.cell(column).as_str().unwrap_or_default()
    }

    /// How many; `None` where there is no number.
    pub(super) fn number(&self, column: &str) -> Option<i64> {
        match self.cell(column) {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// How many; none where there is no number.
    pub(super) fn count(&self, column: &str) -> i64 {
        self.number(column).unwrap_or(0)
    }

    /// An amount in minor units; nothing where there is none.
    pub(super) fn money(&self, column: &str, exponent: u32) -> Result<Money> {
        let text = self.text(column);
        let Some(money) = money(text, exponent) else {
            bail!(told!("report-no-amount", text = text))
        };
        Ok(money)
    }
}

/// A decimal text in minor units. Sums may be far above what one order may come to.
fn money(text: &str, exponent: u32) -> Option<Money> {
    let (text, sign) = text.strip_prefix('-').map_or((text, 1), |text| (text, -1));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() {
        return Some(Money::ZERO);
    }
    let units: i128 = digits.parse().ok()?;
    let decimals = u32::try_from(fraction.len()).ok()?;
    let minor = if decimals > exponent {
        divide_half_even(units, 10_i128.checked_pow(decimals - exponent)?)
    } else {
        units.checked_mul(10_i128.checked_pow(exponent - decimals)?)?
    };
    i64::try_from(minor * sign).ok().map(Money)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_cent() {
        let cents = |text| money(text, 2).map(|money| money.0);
        assert_eq!(cents("1234.5600"), Some(123_456));
        assert_eq!(cents("-0.0500"), Some(-5));
        assert_eq!(cents("7"), Some(700));
        assert_eq!(cents(""), Some(0), "a sum of nothing");
        assert_eq!(cents("99999999999999.9900"), Some(9_999_999_999_999_999), "above one order");
        assert_eq!(cents("1e3"), None);
        assert_eq!(cents("1.2.3"), None);
        assert_eq!(money("1990.0000", 0), Some(Money(1_990)));
    }
}
