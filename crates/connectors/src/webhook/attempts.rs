//! The delivery log: the last attempts of each endpoint, in memory.
//!
//! Never: on disk. What failed for good is a dead letter, which is.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use service::webhooks::{Attempt, EndpointId};

/// Most attempts that are kept of one endpoint: with every endpoint there may be, 40 MB.
pub const ATTEMPTS_KEPT_MAX: usize = 500;

/// The last attempts by endpoint.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<EndpointId, VecDeque<Attempt>>>);

impl Attempts {
    pub(super) fn add(&self, endpoint: &EndpointId, attempt: Attempt) {
        let mut all = self.0.lock();
        let of = all.entry(endpoint.clone()).or_default();
        if of.len() >= ATTEMPTS_KEPT_MAX {
            of.pop_front();
        }
        of.push_back(attempt);
    }

    /// The last attempts of an endpoint, newest first.
    #[must_use]
    pub fn of(&self, endpoint: &EndpointId, limit: usize) -> Vec<Attempt> {
        let all = self.0.lock();
        all.get(endpoint).into_iter().flat_map(|of| of.iter().rev().take(limit)).cloned().collect()
    }

    /// Forgets what is not one of `endpoints`.
    pub fn keep(&self, endpoints: impl Fn(&EndpointId) -> bool) {
        self.0.lock().retain(|endpoint, _| endpoints(endpoint));
    }
}
