//! Where the settings say that documents go and orders come from besides: the archive, the lake, queues.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use connectors::archive::{self, Archive};
use connectors::aws::Account;
use connectors::http::Url;
use connectors::place::Place;
use connectors::sqs::{self, Sqs};
use service::ledger::Ledger;
use service::source::intake::Intake;
use service::source::machine::Terms;

use crate::config::{
    AccessKey, ArchiveStore, ArchiveUrl, BucketIn, Endpoint, LakeStore, QueueIntake, Region, Secret,
};
use crate::installation::Installation;
use crate::queues::Queue;
use crate::spoken::told;

/// The archive, where there is one.
pub(crate) fn archive(
    installation: &Installation,
    ledger: Arc<dyn Ledger>,
) -> Result<Option<Arc<Archive>>> {
    let ArchiveStore { url, endpoint, bucket_in, region, access_key, secret_key, concurrency } =
        &installation.archive;
    let Some(url) = url else { return Ok(None) };
    let failed = || told!("no-archive", address = url.0.as_str());
    let account = account("[archive]", region, access_key, secret_key, endpoint.as_ref())?;
    let place = place(url, endpoint.as_ref(), *bucket_in, account)?;
    let settings = archive::Settings { place, concurrency: size(concurrency.0) };
    let archive = Archive::open(&settings, ledger).with_context(failed)?;
    Ok(Some(Arc::new(archive)))
}

/// Where the lake is, when that is not the store's folder.
pub(crate) fn lake(installation: &Installation) -> Result<Option<Place>> {
    let LakeStore { url, endpoint, bucket_in, region, access_key, secret_key, .. } =
        &installation.lake;
    let Some(url) = url else { return Ok(None) };
    let account = account("[lake]", region, access_key, secret_key, endpoint.as_ref())?;
    place(url, endpoint.as_ref(), *bucket_in, account).map(Some)
}

fn place(
    url: &ArchiveUrl,
    endpoint: Option<&Endpoint>,
    bucket_in: Option<BucketIn>,
    account: Account,
) -> Result<Place> {
    Ok(Place {
        url: url.0.clone(),
        endpoint: endpoint.map(address).transpose()?,
        path_style: bucket_in.map_or(endpoint.is_some(), |place| place == BucketIn::Path),
        account,
    })
}

/// The queues that orders come from.
pub(crate) fn queues(installation: &Installation) -> Result<Vec<Queue>> {
    let queue = |row: &QueueIntake| {
        let place = format!("[[queues]] {}", row.name.0);
        let called = row.endpoint.as_ref().unwrap_or(&row.url);
        let account = account(&place, &row.region, &row.access_key, &row.secret_key, Some(called))?;
        let visibility = Duration::from_secs(row.visibility_s.0);
        let source = Sqs::new(sqs::Place {
            name: row.name.0.clone(),
            url: address(&row.url)?,
            endpoint: row.endpoint.as_ref().map(address).transpose()?,
            account,
            visibility,
        });
        let source = source.with_context(|| told!("unusable-queue", name = &*row.name.0))?;
        let terms = Terms {
            in_flight_max: size(row.in_flight.0),
            receivers: size(row.receivers.0),
            visibility,
            receives_max: u32::try_from(row.max_receives.0).unwrap_or(u32::MAX),
        };
        let intake = Intake::new(&row.name.0, installation.documents());
        Ok(Queue { source: Arc::new(source), intake, terms })
    };
    installation.queues.iter().map(queue).collect()
}

fn account(
    place: &str,
    region: &Option<Region>,
    access_key: &Option<AccessKey>,
    secret_key: &Option<Secret>,
    called: Option<&Endpoint>,
) -> Result<Account> {
    if access_key.is_some() != secret_key.is_some() {
        bail!(told!("half-key", place = place));
    }
    Ok(Account {
        region: region.as_ref().map(|region| region.0.clone()),
        access_key: access_key.as_ref().map(|key| key.0.clone()),
        secret_key: secret_key.as_ref().map(|key| key.0.as_str().into()),
        // Whoever writes http:// means it.
        allow_http: called.is_some_and(|to| to.0.starts_with("http://")),
    })
}

fn address(endpoint: &Endpoint) -> Result<Url> {
    Url::parse(&endpoint.0).with_context(|| told!("unfit-address", address = &*endpoint.0))
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
