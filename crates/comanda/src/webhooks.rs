//! Webhook endpoints beside a store: one follower each, as the ledger has them now.
//!
//! Never: a decision about an endpoint. The ledger's records say who is told; here whoever follows
//! the log is brought in line with them, at the start and after every change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use connectors::http::Client;
use connectors::reach::Reach;
use connectors::webhook::{Attempts, Secrets, Webhook, Webhooks};
use domain::time::Timestamp;
use parking_lot::Mutex;
use service::ledger::{Ledger, Task};
use service::memory::Clock;
use service::webhooks::message::Settings;
use service::webhooks::{Attempt, Endpoint, EndpointId, State};
use web::Hooks;
use web::followers::{FollowerRuns, Standing};

use crate::followers::Followers;

/// The file of the secret that endpoints' secrets follow from, in the store's folder.
pub(crate) const SECRET: &str = "webhooks.secret";

/// What telling endpoints needs.
pub(crate) struct Needs {
    pub(crate) ledger: Arc<dyn Ledger>,
    /// Who drives sinks; nobody in a command that opens the store for a moment.
    pub(crate) followers: Option<Arc<Followers>>,
    pub(crate) secret: PathBuf,
    pub(crate) reach: Reach,
    pub(crate) timeout: Duration,
    pub(crate) messages: Settings,
    pub(crate) clock: Clock,
}

/// The endpoints that are told, for the API.
pub(crate) struct Port {
    needs: Needs,
    /// Made when the first endpoint needs it: an installation without any has no secret and loads
    /// no certificates.
    shared: Mutex<Option<Arc<Webhooks>>>,
    /// The endpoints that are followed for, and since which change of theirs.
    driven: Mutex<BTreeMap<EndpointId, Timestamp>>,
}

impl Port {
    /// Tells the endpoints that the ledger has.
    pub(crate) fn start(needs: Needs) -> Self {
        let port = Self { needs, shared: Mutex::default(), driven: Mutex::default() };
        port.settle();
        port.forget_removed();
        port
    }

    fn shared(&self) -> Result<Arc<Webhooks>> {
        let mut shared = self.shared.lock();
        if let Some(shared) = &*shared {
            return Ok(shared.clone());
        }
        let Needs { ledger, secret, reach, timeout, messages, clock, .. } = &self.needs;
        let made = Arc::new(Webhooks {
            ledger: ledger.clone(),
            client: Client::new(reach.clone(), clock.clone())?,
            secrets: Secrets::open(secret)?,
            messages: messages.clone(),
            timeout: *timeout,
            clock: clock.clone(),
            attempts: Attempts::default(),
        });
        Ok(shared.insert(made).clone())
    }

    /// Brings whoever follows the log in line with the endpoints there are.
    fn settle(&self) {
        let Some(followers) = &self.needs.followers else { return };
        let mut driven = self.driven.lock();
        let endpoints = self.needs.ledger.catalogue().endpoints.clone();
        for endpoint in endpoints.values() {
            let is_new = driven.get(&endpoint.id) != Some(&endpoint.changed_at);
            if is_new && self.put(followers, endpoint) {
                driven.insert(endpoint.id.clone(), endpoint.changed_at);
            }
        }
        driven.retain(|id, _| {
            let stays = endpoints.contains_key(id);
            if !stays && let Err(error) = followers.remove(&id.sink()) {
                tracing::warn!(webhook.id = id.as_str(), %error, "how far it was is kept");
            }
            stays
        });
        if let Some(shared) = &*self.shared.lock() {
            shared.attempts.keep(|id| endpoints.contains_key(id));
        }
    }

    fn put(&self, followers: &Followers, endpoint: &Arc<Endpoint>) -> bool {
        let (id, name) = (endpoint.id.as_str(), endpoint.id.sink());
        let put = self.shared().and_then(|shared| {
            followers.put(Arc::new(Webhook::new(endpoint.clone(), shared)))?;
            // What the ledger says counts, not what is left of what a destination once said.
            match &endpoint.state {
                State::Active => _ = followers.enable(&name),
                State::Disabled { reason, .. } => followers.disable(&name, reason),
                State::Removed => {}
            }
            Ok(())
        });
        if let Err(error) = &put {
            tracing::error!(webhook.id = id, error = format!("{error:#}"), "{id} is not told");
        }
        put.is_ok()
    }

    /// Forgets how far endpoints were told that were removed when a crash came between.
    fn forget_removed(&self) {
        let Some(followers) = &self.needs.followers else { return };
        let endpoints = self.needs.ledger.catalogue().endpoints.clone();
        for follower in followers.list().unwrap_or_default() {
            let id = EndpointId::of_sink(&follower.name);
            let is_gone = id.is_some_and(|id| !endpoints.contains_key(&id));
            if is_gone && matches!(follower.standing, Standing::NotDriven) {
                _ = followers.remove(&follower.name);
            }
        }
    }
}

impl Hooks for Port {
    fn admits(&self, url: &str) -> bool {
        url.parse().is_ok_and(|url| self.needs.reach.check(&url).is_ok())
    }

    fn secret(&self, endpoint: &Endpoint) -> Option<String> {
        match self.shared() {
            Ok(shared) => Some(shared.secrets.for_receiver(endpoint)),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "no secret for webhooks");
                None
            }
        }
    }

    fn changed(&self) {
        self.settle();
    }

    fn ping(&self, endpoint: Arc<Endpoint>) -> Task<'_, Option<Attempt>> {
        Box::pin(async move {
            let shared = self.shared().ok()?;
            let id = format!("ping_{:016x}", fastrand::u64(..));
            Some(shared.ping(&endpoint, &id).await)
        })
    }

    fn attempts(&self, endpoint: &EndpointId, limit: usize) -> Vec<Attempt> {
        let shared = self.shared.lock().clone();
        shared.map(|shared| shared.attempts.of(endpoint, limit)).unwrap_or_default()
    }
}
