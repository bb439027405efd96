//! A report on a stretch of days: one HTML page that needs nothing but itself.
//!
//! ```text
//! period ─► figures (asked by SQL) ─► page (HTML) ◄─ charts (SVG)
//! ```
//!
//! Never: a script, an address of others, an amount that went through a float.

mod ask;
mod chart;
mod figures;
mod html;
mod period;
#[cfg(test)]
mod tests;
mod words;

use anyhow::Result;
use connectors::mail::Customs;
use domain::id::MerchantId;
use domain::time::Timestamp;
use messages::Lang;

use crate::client::Client;

pub(crate) use self::period::{DAYS_MAX, Period};

/// What is reported, and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Which days.
    pub(crate) period: Period,
    /// Of one seller only.
    pub(crate) merchant: Option<MerchantId>,
    /// How amounts and times are written.
    pub(crate) customs: Customs,
    /// In which language.
    pub(crate) lang: Lang,
    /// When it is made.
    pub(crate) at: Timestamp,
}

impl Report {
    /// Asks for the figures and writes the page.
    pub(crate) fn page(&self, api: &Client) -> Result<String> {
        let figures = figures::ask(self, |sql| ask::ask(api, sql))?;
        Ok(html::page(self, &figures))
    }
}
