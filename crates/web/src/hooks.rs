//! The port to whatever tells webhook endpoints.
//!
//! Endpoints themselves are records of the ledger; this is what a ledger does not know: secrets,
//! which addresses may be called, and how deliveries fare.

use std::sync::Arc;

use domain::time::Timestamp;
use service::ledger::Task;
use service::webhooks::{Attempt, Endpoint, EndpointId, PING};

/// Tells webhook endpoints.
pub trait Hooks: Send + Sync {
    /// Whether this address may be called, as far as its text tells.
    fn admits(&self, url: &str) -> bool;

    /// What a receiver needs to check the newest signatures: `whsec_…` or `whpk_…`. `None` when
    /// there is nothing to sign with, which was logged.
    fn secret(&self, endpoint: &Endpoint) -> Option<String>;

    /// Endpoints have changed: whoever tells them looks at the ledger again.
    fn changed(&self);

    /// One message to an endpoint, now, beside all others; what came of it. `None` when
    /// there is nothing to sign with, which was logged.
    fn ping(&self, endpoint: Arc<Endpoint>) -> Task<'_, Option<Attempt>>;

    /// The last attempts of an endpoint since the program started, newest first, at most `limit`.
    fn attempts(&self, endpoint: &EndpointId, limit: usize) -> Vec<Attempt>;
}

/// Tells nobody: for deployables that do not, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn admits(&self, url: &str) -> bool {
        url.starts_with("https://")
    }
    fn secret(&self, _: &Endpoint) -> Option<String> {
        Some("whsec_none".to_owned())
    }
    fn changed(&self) {}
    fn ping(&self, _: Arc<Endpoint>) -> Task<'_, Option<Attempt>> {
        let (id, kind) = (Box::default(), PING.into());
        let error = Some("nobody is told".into());
        let attempt = Attempt {
            at: Timestamp(0),
            id,
            kind,
            order: None,
            number: 1,
            status: None,
            took_us: 0,
            error,
        };
        Box::pin(std::future::ready(Some(attempt)))
    }
    fn attempts(&self, _: &EndpointId, _: usize) -> Vec<Attempt> {
        Vec::new()
    }
}
