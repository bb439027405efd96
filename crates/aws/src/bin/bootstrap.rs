//! The one artifact of all functions: which one this is says `COMANDA_FUNCTION`.

use std::process::ExitCode;

use aws::run::{run, variable};
use aws::settings::Environment;
use tracing_subscriber::EnvFilter;

/// What one thread allocates another frees: the ledger's talk to its callers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads that answer: one does, another goes on where it waits for a read.
const THREADS: usize = 2;

fn main() -> ExitCode {
    log();
    let done = runtime().and_then(|runtime| {
        let environment = Environment::read(variable)?;
        runtime.block_on(run(environment))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function does not start: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, lambda_runtime::Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(THREADS).enable_all().build()?)
}

/// One JSON object a line, for CloudWatch; no paths, documents or names of people.
fn log() {
    let filter = variable("COMANDA_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("info")))
        .with_current_span(true)
        .with_span_list(false)
        .init();
}
