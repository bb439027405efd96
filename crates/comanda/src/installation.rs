//! What an installation settles once: currency, time zone, policies.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use domain::facts::Policy;
use domain::id::MerchantId;
use domain::stock::{ShortagePolicy, UnknownSku};
use domain::time::Timestamp;
use service::memory::Clock;
use service::wire::document;

/// The installation's settings. They belong to a store: start it with the same ones every time.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Installation")]
pub(crate) struct Installation {
    /// The seller of orders that name none
    #[arg(long, global = true, env = "COMANDA_DEFAULT_MERCHANT", default_value = "default")]
    default_merchant: String,
    /// Time zone of dates without one
    #[arg(long, global = true, env = "COMANDA_TIME_ZONE", default_value = "America/Sao_Paulo")]
    time_zone: String,
    /// ISO 4217 code of the currency
    #[arg(long, global = true, env = "COMANDA_CURRENCY", default_value = "BRL")]
    pub(crate) currency: String,
    /// What happens to orders that find too little stock
    #[arg(long, global = true, env = "COMANDA_SHORTAGE", value_enum, default_value = "partial")]
    shortage: Shortage,
    /// What a product without stock record means
    #[arg(
        long,
        global = true,
        env = "COMANDA_UNKNOWN_SKU",
        value_enum,
        default_value = "by-merchant"
    )]
    unknown_sku: Unknown,
    /// Below this many free megabytes on the store's disk nothing more is taken in
    #[arg(long, global = true, env = "COMANDA_MIN_FREE_MB", default_value_t = 256)]
    min_free_mb: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shortage {
    /// Each product takes what it needs or waits
    Partial,
    /// Nothing is taken until everything fits
    ShipComplete,
    /// The order is rejected
    Reject,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unknown {
    /// Untracked while the seller has no stock record at all, backordered afterwards
    ByMerchant,
    /// Always untracked
    Untracked,
    /// Always waits for stock
    Backorder,
    /// Rejects the order
    Reject,
}

/// Decimals of the currencies that do not have two (ISO 4217, list one).
const EXPONENTS: [(&[&str], u32); 3] = [
    (
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
            "VND", "VUV", "XAF", "XOF", "XPF",
        ],
        0,
    ),
    (&["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    (&["CLF", "UYW"], 4),
];

impl Installation {
    /// Decimals of the currency.
    fn exponent(&self) -> Result<u32> {
        let code = self.currency.as_str();
        if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
            bail!("--currency takes an ISO 4217 code such as BRL");
        }
        let other = EXPONENTS.iter().find(|(codes, _)| codes.contains(&code));
        Ok(other.map_or(2, |(_, exponent)| *exponent))
    }

    /// How documents are read.
    pub(crate) fn documents(&self) -> Result<document::Settings> {
        let merchant = MerchantId::parse(&self.default_merchant)
            .map_err(|e| anyhow::anyhow!("--default-merchant: {e:?}"))?;
        let mut settings = document::Settings::new(merchant);
        settings.currency_exponent = self.exponent()?;
        settings.time_zone = jiff::tz::TimeZone::get(&self.time_zone)
            .with_context(|| format!("--time-zone {}", self.time_zone))?;
        Ok(settings)
    }

    /// How the store is opened.
    pub(crate) fn engine(&self) -> Result<engine::Options> {
        let mut options = engine::Options::new(clock());
        options.settings = self.driver()?;
        options.min_free_bytes = self.min_free_mb.saturating_mul(1 << 20);
        Ok(options)
    }

    /// How commands are decided.
    pub(crate) fn driver(&self) -> Result<service::serial::Settings> {
        let shortage = match self.shortage {
            Shortage::Partial => ShortagePolicy::Partial,
            Shortage::ShipComplete => ShortagePolicy::ShipComplete,
            Shortage::Reject => ShortagePolicy::Reject,
        };
        let unknown_sku = match self.unknown_sku {
            Unknown::ByMerchant => UnknownSku::ByMerchant,
            Unknown::Untracked => UnknownSku::Untracked,
            Unknown::Backorder => UnknownSku::Backorder,
            Unknown::Reject => UnknownSku::Reject,
        };
        let policy = Policy { shortage, unknown_sku };
        Ok(service::serial::Settings { policy, exponent: self.exponent()?, probe: None })
    }
}

/// The system's clock, in microseconds.
pub(crate) fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    })
}
