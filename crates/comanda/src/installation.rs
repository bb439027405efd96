//! What an installation's settings come to: how documents are read, orders decided, the store
//! opened, requests bounded. The settings themselves are in `config/settings.rs`.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connectors::reach::Reach;
use domain::facts::Policy;
use domain::time::Timestamp;
use service::memory::Clock;
use service::steps::{Step, Steps};
use service::wire::checks::Checks;
use service::wire::document;

pub(crate) use crate::config::Installation;
use crate::config::StepCall;

impl Installation {
    /// How documents are read.
    pub(crate) fn documents(&self) -> document::Settings {
        let orders = &self.orders;
        let mut settings = document::Settings::new(orders.default_merchant.clone());
        settings.currency_exponent = orders.currency.exponent;
        settings.time_zone = orders.time_zone.clone();
        let merchants = self.merchants.0.iter().map(|(id, own)| (id.clone(), &own.checks));
        settings.checks = Checks::new(&self.checks, merchants);
        settings
    }

    /// How the store is opened.
    pub(crate) fn engine(&self) -> engine::Options {
        let mut options = engine::Options::new(clock());
        options.settings = self.driver();
        options.min_free_bytes = self.store.min_free_mb.0.saturating_mul(1 << 20);
        options
    }

    /// How commands are decided.
    pub(crate) fn driver(&self) -> service::serial::Settings {
        let policy = Policy { shortage: self.stock.shortage, unknown_sku: self.stock.unknown_sku };
        let exponent = self.orders.currency.exponent;
        service::serial::Settings { policy, exponent, steps: self.external_steps(), probe: None }
    }

    /// Which external steps orders must pass.
    pub(crate) fn external_steps(&self) -> Arc<Steps> {
        let when = |step: &StepCall| step.when.as_ref().map(|when| when.0.clone());
        let steps = self.steps.iter();
        Arc::new(Steps::new(
            steps.map(|step| Step { name: step.name.0.clone(), when: when(step) }).collect(),
        ))
    }

    /// Which addresses webhook endpoints may have.
    pub(crate) fn reach(&self) -> Reach {
        let webhooks = &self.webhooks;
        let allowed = webhooks.allow_networks.0.clone();
        Reach::Public { allowed, plain: webhooks.plain_http }
    }

    /// What a server bears.
    pub(crate) fn limits(&self) -> web::Limits {
        let server = &self.server;
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let seconds = |number: u64| Duration::from_secs(number);
        web::Limits {
            batch_bytes_max: server.batch_bytes_max.0,
            batch_idle: seconds(server.batch_idle_s.0),
            request: seconds(server.request_s.0),
            header: seconds(server.header_s.0),
            rate_per_second: NonZeroU32::new(small(server.rate_per_second.0)),
            rate_burst: NonZeroU32::new(small(server.rate_burst.0)).unwrap_or(NonZeroU32::MIN),
            connections_max: small(server.connections_max.0),
            shutdown: seconds(server.shutdown_s.0),
            document_link: seconds(self.documents.link_s.0),
            invalid_records: small(self.documents.invalid_records.0),
            query_rows_max: self.sql.rows_max.0,
            invalid_bytes: self.documents.invalid_bytes.0,
            invalid_days: small(self.documents.invalid_days.0),
            ..web::Limits::default()
        }
    }
}

/// The system's clock, in microseconds.
pub(crate) fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    })
}
