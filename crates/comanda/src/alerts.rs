//! The follower that tells of dead letters, as the settings want it.

use std::sync::Arc;

use anyhow::{Context, Result};
use connectors::alerts::Channels;
use connectors::http::Client;
use connectors::reach::Reach;
use service::follow::Sink;
use service::ledger::Ledger;
use service::letters::Alerts;

use crate::installation::{Installation, clock};
use crate::notices;

/// The follower; none where alerts are off.
pub(crate) fn alerts(
    installation: &Installation,
    ledger: &Arc<dyn Ledger>,
) -> Result<Option<Arc<dyn Sink>>> {
    let settings = &installation.alerts;
    let minutes = u32::try_from(settings.every_minutes.0).unwrap_or(u32::MAX);
    if minutes == 0 {
        return Ok(None);
    }
    let mut channels = Channels::default();
    if let Some(url) = &settings.webhook {
        let client = Client::new(Reach::Anywhere, clock())?;
        channels = channels.with_webhook(client, &url.0).context("alerts.webhook is no address")?;
    }
    if let Some(to) = &settings.to
        && let Some((server, written)) = notices::mail(installation)?
    {
        channels = channels.with_mail(server, written, to.0.clone());
    }
    Ok(Some(Arc::new(Alerts::new(ledger.clone(), minutes, Arc::new(channels)))))
}
