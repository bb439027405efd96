//! The external steps of an installation: a sink for each, and nobody left waiting for one that the
//! settings have no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use connectors::http::{Client, Url};
use connectors::reach::Reach;
use connectors::signature::Secret;
use connectors::step::{Asking, Step, StepSink};
use service::follow::Sink;
use service::ledger::Ledger;
use service::steps::{Steps, Wording, release};
use service::wire::cloud_event::SOURCE;

use crate::config::StepCall;
use crate::installation::{Installation, clock};

/// One sink a step.
///
/// # Errors
/// When calls cannot be made at all, or the orders that wait cannot be read.
pub(crate) fn sinks(
    installation: &Installation,
    ledger: &Arc<dyn Ledger>,
) -> Result<Vec<Arc<dyn Sink>>> {
    if installation.steps.is_empty() {
        return Ok(Vec::new());
    }
    let currency = &installation.orders.currency;
    let wording = Wording {
        source: SOURCE.into(),
        currency: currency.code.clone(),
        exponent: currency.exponent,
    };
    // Only the operator can name a step's address: it is usually one of the own network.
    let client = Client::new(Reach::Anywhere, clock())?;
    let asking = Arc::new(Asking { ledger: ledger.clone(), client, wording, clock: clock() });
    let begins = service::steps::begins(&**ledger)?;
    let sink = |call: &StepCall| {
        Ok(Arc::new(StepSink::new(step(call)?, asking.clone(), begins)) as Arc<dyn Sink>)
    };
    installation.steps.iter().map(sink).collect()
}

fn step(call: &StepCall) -> Result<Step> {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let name = call.name.0.clone();
    let url = Url::parse(&call.url.0).with_context(|| format!("steps.{name}.url"))?;
    let secret = call.secret.as_ref().map(|secret| Secret::parse(&secret.0.0)).transpose();
    Ok(Step {
        url,
        timeout: Duration::from_millis(call.timeout_ms.0),
        attempts_max: small(call.max_attempts.0),
        secrets: secret.with_context(|| format!("steps.{name}.secret"))?.into_iter().collect(),
        concurrency: usize::try_from(call.concurrency.0).unwrap_or(1),
        per_second: call.per_second.map(|rate| small(rate.0)),
        name,
    })
}

/// Lets orders go on that wait for a step which is not there any more; ends when `closing` is set.
pub(crate) fn let_go(
    ledger: Arc<dyn Ledger>,
    steps: Arc<Steps>,
    closing: Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("steps".to_owned()).spawn(move || {
        let go_on = || !closing.load(Ordering::Relaxed);
        match pollster::block_on(release(&*ledger, &steps, &go_on)) {
            Ok(0) => {}
            Ok(orders) => {
                tracing::warn!(orders, "{orders} orders waited for a step that is not there now");
            }
            Err(error) => {
                tracing::error!(%error, "orders may wait for a step that is not there: restart");
            }
        }
    })
}
