//! `comanda report`: a page of figures and charts on a stretch of days.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use connectors::mail::Customs;
use domain::id::MerchantId;
use jiff::{ToSpan, Zoned};
use serde_json::json;

use super::Misused;
use crate::cli::{ReportOf, Store};
use crate::client::Client;
use crate::installation::{self, Installation};
use crate::render;
use crate::report::{DAYS_MAX, Period, Report};
use crate::spoken::{self, told};

/// Days before the last one that a report has when nobody says since when.
const DAYS: i32 = 29;

pub(super) fn report(
    store: &Store,
    installation: &Installation,
    asked: &ReportOf,
) -> Result<ExitCode> {
    let report = what(installation, asked)?;
    super::done(Client::connect(store, installation)?, |api| {
        deliver(store, asked, &report.page(api)?)
    })
}

fn deliver(store: &Store, asked: &ReportOf, page: &str) -> Result<()> {
    if asked.out == Path::new("-") {
        return Ok(render::bytes(page.as_bytes())?);
    }
    let path = asked.out.display().to_string();
    write(&asked.out, page.as_bytes()).with_context(|| told!("no-write", path = path.as_str()))?;
    if store.json {
        render::json(&json!({"out": path, "bytes": page.len()}));
    } else {
        render::say(told!("report-written", path = path));
    }
    Ok(())
}

/// What is to be reported; a fault of the command line otherwise.
fn what(installation: &Installation, asked: &ReportOf) -> Result<Report> {
    let orders = &installation.orders;
    let at = installation::clock()();
    let today = Zoned::new(jiff::Timestamp::from_microsecond(at.0)?, orders.time_zone.clone());
    let to = asked.to.unwrap_or(today.date());
    let from = asked.from.map_or_else(|| to.checked_sub(DAYS.days()), Ok)?;
    let period = Period::new(from, to, orders.time_zone.clone());
    let merchant = asked.merchant.as_deref().map(MerchantId::parse).transpose();
    Ok(Report {
        period: period.ok_or_else(|| Misused(told!("report-no-period", days = DAYS_MAX)))?,
        merchant: merchant.map_err(|_| Misused(told!("report-no-merchant")))?,
        customs: Customs {
            currency: orders.currency.code.clone(),
            exponent: orders.currency.exponent,
            time_zone: orders.time_zone.clone(),
        },
        lang: spoken::lang(),
        at,
    })
}

/// Writes a file whole or not at all: a report that is there already is replaced by a whole one.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = folder.unwrap_or(Path::new(".")).join(name);
    let written = std::fs::File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // What is half written is of no use; the error is the one before.
        let _ = std::fs::remove_file(&part);
    }
    written
}
