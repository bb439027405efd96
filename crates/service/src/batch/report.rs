//! Batches as JSON: the summary, and one line of results an item.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::command::Verb;
use domain::event::{Event, Refusal, Shortage};
use domain::money::{Amount, Money};
use domain::state::Status;
use domain::time::Timestamp;
use serde::Serialize;

use crate::change::{Audit, Change, Fault, What};
use crate::ledger::{Ledger, Unavailable};
use crate::serial::item_of;
use crate::wire::csv;
use crate::wire::message::{self, Lang};
use crate::wire::rules::CompiledRules;

use super::state::BatchState;
use super::summary::Summary;

/// An amount as JSON: an exact decimal number in a text.
fn amount(minor: i128, exponent: u32) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let one = 10_u128.pow(exponent);
    let (whole, rest) = (minor.unsigned_abs() / one, minor.unsigned_abs() % one);
    if exponent == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{rest:0width$}", width = exponent as usize)
}

/// A batch's summary, for people and programs.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The batch.
    pub batch_id: String,
    /// Where it stands.
    pub status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Items by outcome.
    pub items: Items,
    /// Accepted orders by status; RECEIVED and PROCESSING are those that wait for external steps.
    pub by_status: BTreeMap<&'static str, u64>,
    /// Items not accepted, by reason.
    pub by_reason: BTreeMap<String, u64>,
    /// Money, in major units.
    pub totals: Totals,
    /// What each rule did.
    pub by_rule: Vec<RuleRow>,
    /// Units ordered.
    pub units: i128,
    /// Orders without a total, because a price is missing.
    pub unpriced: u64,
    /// Units missing by seller and SKU, the most first; at most 100.
    pub shortages: Vec<ShortageRow>,
    /// Stock problems by order, as far as listed.
    pub issues: Vec<IssueRow>,
    /// Stock problems in all.
    pub issues_total: u64,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it last got on, RFC 3339.
    pub updated_at: String,
    /// Items a second, from its first to its last commit.
    pub orders_per_second: u64,
}

/// Items by outcome.
#[derive(Debug, Serialize)]
pub struct Items {
    /// In the whole input, once it has been read.
    pub total: Option<u64>,
    /// Accepted.
    pub succeeded: u64,
    /// Not accepted.
    pub failed: u64,
    /// Repetitions.
    pub skipped: u64,
    /// Not reached.
    pub pending: Option<u64>,
}

/// Money of what was accepted.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// Base prices and shipping.
    pub gross: String,
    /// What rules took off.
    pub discounts: String,
    /// What rules added.
    pub surcharges: String,
    /// What is to be paid.
    pub net: String,
}

/// What one rule did.
#[derive(Debug, Serialize)]
pub struct RuleRow {
    /// Its id.
    pub rule: String,
    /// The version of its rule set.
    pub rule_set: u64,
    /// How often.
    pub effects: u64,
    /// What it came to.
    pub amount: String,
}

/// What was short of one product.
#[derive(Debug, Serialize)]
pub struct ShortageRow {
    /// The seller.
    pub merchant_id: String,
    /// The product.
    pub sku: String,
    /// Units missing.
    pub missing: i64,
}

/// A stock problem.
#[derive(Debug, Serialize)]
pub struct IssueRow {
    /// The order.
    pub order_id: String,
    /// Its seller.
    pub merchant_id: String,
    /// What was short.
    pub sku: String,
    /// How many it wants.
    pub wanted: i64,
    /// How many there were.
    pub available: i64,
}

/// Most products in a report's list of shortages.
const SHORTAGES_LISTED_MAX: usize = 100;

/// RFC 3339 in UTC.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| String::new(), |t| t.to_string())
}

/// Makes the report of a batch.
///
/// # Errors
/// [`Unavailable::Read`] when a rule set cannot be read.
pub fn report(
    ledger: &dyn Ledger,
    state: &BatchState,
    summary: &Summary,
) -> Result<Report, Unavailable> {
    let exponent = ledger.catalogue().exponent;
    let mut shortages: Vec<_> = summary.shortages.iter().collect();
    shortages.sort_by_key(|(_, missing)| std::cmp::Reverse(**missing));
    let elapsed = (state.updated_at.0 - state.started_at.0).max(1) as u64;
    let done = state.counts.done();
    Ok(Report {
        batch_id: state.id.to_string(),
        status: state.status.as_str(),
        reason: state.reason.as_deref().map(str::to_owned),
        items: Items {
            total: state.total,
            succeeded: state.counts.succeeded,
            failed: state.counts.failed,
            skipped: state.counts.skipped,
            pending: state.total.map(|total| total.saturating_sub(done)),
        },
        by_status: summary.by_status.clone(),
        by_reason: summary.by_reason.clone(),
        totals: Totals {
            gross: amount(summary.gross, exponent),
            discounts: amount(summary.discounts, exponent),
            surcharges: amount(summary.surcharges, exponent),
            net: amount(summary.net, exponent),
        },
        by_rule: rules(ledger, summary, exponent)?,
        units: summary.units,
        unpriced: summary.unpriced,
        shortages: shortages
            .into_iter()
            .take(SHORTAGES_LISTED_MAX)
            .map(|((merchant, sku), missing)| ShortageRow {
                merchant_id: merchant.clone(),
                sku: sku.clone(),
                missing: *missing,
            })
            .collect(),
        issues: summary
            .issues
            .iter()
            .map(|issue| IssueRow {
                order_id: issue.order.clone(),
                merchant_id: issue.merchant.clone(),
                sku: issue.sku.clone(),
                wanted: issue.wanted,
                available: issue.available,
            })
            .collect(),
        issues_total: summary.issues_total,
        started_at: rfc3339(state.started_at),
        updated_at: rfc3339(state.updated_at),
        orders_per_second: done * 1_000_000 / elapsed,
    })
}

fn rules(
    ledger: &dyn Ledger,
    summary: &Summary,
    exponent: u32,
) -> Result<Vec<RuleRow>, Unavailable> {
    let mut sets: BTreeMap<u64, Option<std::sync::Arc<CompiledRules>>> = BTreeMap::new();
    let mut rows = Vec::new();
    for ((version, rule), (effects, sum)) in &summary.by_rule {
        if !sets.contains_key(version) {
            sets.insert(*version, ledger.rules(*version)?);
        }
        let set = sets.get(version).and_then(Option::as_ref);
        let id = set.and_then(|set| set.rules.rule(*rule)).map(|rule| rule.id.to_string());
        rows.push(RuleRow {
            rule: id.unwrap_or_else(|| rule.to_string()),
            rule_set: *version,
            effects: *effects,
            amount: amount(*sum, exponent),
        });
    }
    Ok(rows)
}

#[derive(Serialize)]
struct Line<'a> {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte: Option<u64>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shortages: Vec<Short<'a>>,
}

#[derive(Serialize)]
struct Reason<'a> {
    pointer: &'a str,
    code: &'a str,
    message: Cow<'a, str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    cell: Option<Cell>,
}

/// Where in a file of rows something is wrong.
#[derive(Serialize)]
struct Cell {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_name: Option<Box<str>>,
}

#[derive(Serialize)]
struct Short<'a> {
    sku: &'a str,
    wanted: i64,
    available: i64,
}

/// One record of a batch as a line of its results, for a reader of that language; `None` for
/// records that are no item's.
#[must_use]
pub fn line(change: &Change, exponent: u32, lang: Lang) -> Option<Vec<u8>> {
    let item = item_of(&change.what)?;
    let mut line = Line {
        index: item.index,
        line: item.at.map(|at| at.line),
        byte: item.at.map(|at| at.byte),
        outcome: "failed",
        command: None,
        order_id: None,
        merchant_id: None,
        status: None,
        total: None,
        reasons: Vec::new(),
        shortages: Vec::new(),
    };
    match &change.what {
        What::Audit(audit) => {
            line.order_id = audit.order.as_ref().map(|id| id.as_str());
            line.merchant_id = audit.merchant.as_ref().map(|id| id.as_str());
            let faults = audit.faults.iter();
            line.reasons = faults.map(|fault| kept(fault, audit, lang)).collect();
        }
        What::Stray(stray) => {
            line.order_id = Some(stray.key.id.as_str());
            line.merchant_id = Some(stray.key.merchant.as_str());
            line.command = Some(stray.verb.as_str());
            line.reasons = vec![refused(&Refusal::UnknownOrder, lang)];
        }
        What::Order { key, events, .. } => {
            line.order_id = Some(key.id.as_str());
            line.merchant_id = Some(key.merchant.as_str());
            order(&mut line, events, exponent, lang);
        }
        What::Letter(letter) => {
            line.order_id = letter.order.as_ref().map(|order| order.id.as_str());
            line.merchant_id = letter.order.as_ref().map(|order| order.merchant.as_str());
            let message = message::stored(&letter.fault(), lang).into();
            line.reasons = vec![Reason { pointer: "", code: &letter.reason, message, cell: None }];
        }
        What::Flood(_)
        | What::Stock { .. }
        | What::Released { .. }
        | What::Products(_)
        | What::Customer(_)
        | What::Rules { .. }
        | What::Endpoint(_)
        | What::Replay(_)
        | What::Kept(_)
        | What::Settled(_)
        | What::Sweep(_)
        | What::Batch(_) => return None,
    }
    serde_json::to_vec(&line).ok().map(|mut bytes| {
        bytes.push(b'\n');
        bytes
    })
}

/// Whether a record is of an item that failed.
#[must_use]
pub fn has_failed(change: &Change) -> bool {
    match &change.what {
        What::Audit(_) | What::Stray(_) | What::Letter(_) => true,
        What::Order { events, .. } => {
            events.iter().any(|e| matches!(e, Event::Rejected(_) | Event::Refused(_)))
        }
        What::Stock { .. }
        | What::Released { .. }
        | What::Products(_)
        | What::Customer(_)
        | What::Rules { .. }
        | What::Batch(_)
        | What::Endpoint(_)
        | What::Replay(_)
        | What::Kept(_)
        | What::Settled(_)
        | What::Sweep(_)
        | What::Flood(_) => false,
    }
}

fn kept<'a>(fault: &'a Fault, audit: &Audit, lang: Lang) -> Reason<'a> {
    let message = message::stored(fault, lang).into();
    let first = audit.batch.as_ref().and_then(|item| item.at);
    let located = first.zip(csv::locate(&audit.document, &fault.pointer, &fault.code));
    let cell = located.map(|(first, at)| Cell {
        line: first.line + at.line,
        column: at.column,
        column_name: at.name,
    });
    Reason { pointer: &fault.pointer, code: &fault.code, message, cell }
}

fn refused(refusal: &Refusal, lang: Lang) -> Reason<'static> {
    let message = message::refusal(refusal, lang);
    Reason { pointer: "", code: refusal.code(), message, cell: None }
}

fn order<'a>(line: &mut Line<'a>, events: &'a [Event], exponent: u32, lang: Lang) {
    let reason = |code: &'static str, message| Reason {
        pointer: "",
        code,
        message: Cow::Borrowed(message),
        cell: None,
    };
    let short = |shortages: &'a [Shortage]| {
        let row = |s: &'a Shortage| Short {
            sku: s.sku.as_str(),
            wanted: s.wanted,
            available: s.available,
        };
        shortages.iter().map(row).collect()
    };
    let total = |money: Money| Amount(money, exponent).to_string();
    for event in events {
        match event {
            Event::Received(received) => line.total = received.total.map(total),
            Event::Allocated { claims, shortages } => {
                let done = claims.iter().all(|claim| claim.is_done());
                line.outcome = "succeeded";
                line.status = Some(if done { "COMPLETED" } else { "BACKORDERED" });
                line.shortages = short(shortages);
            }
            Event::Rejected(why) => {
                line.status = Some("REJECTED");
                line.reasons = vec![reason(why.code(), message::rejection(why, lang))];
            }
            Event::Amended(amended) => {
                line.outcome = "succeeded";
                line.command = Some(Verb::Amend.as_str());
                line.status = Some(Status::Received.as_str());
                line.total = amended.total.map(total);
            }
            Event::Cancelled { .. } => {
                line.outcome = "succeeded";
                line.command = Some(Verb::Cancel.as_str());
                line.status = Some(Status::Cancelled.as_str());
            }
            Event::Refused(refused) => {
                line.command = Some(refused.verb.as_str());
                line.reasons = vec![self::refused(&refused.refusal, lang)];
            }
            Event::Repeated { .. } => {
                line.outcome = "skipped";
                line.reasons = vec![reason("duplicate", message::duplicate(lang))];
            }
            Event::StepsAwaited { .. } => {
                line.outcome = "pending";
                line.status = Some(Status::Received.as_str());
            }
            Event::Priced(_)
            | Event::StepTakenUp { .. }
            | Event::StepPassed { .. }
            | Event::StepRemoved { .. }
            | Event::StepIgnored(_)
            | Event::Failed { .. }
            | Event::Redriven { .. }
            | Event::Filled { .. }
            | Event::Queued { .. }
            | Event::Unreserved { .. }
            | Event::Fulfilled => {}
        }
    }
}
