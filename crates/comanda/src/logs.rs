//! Logs: to standard error, for people or for machines, as much as the settings say.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Installation, LogFormat};

/// Starts logging.
pub(crate) fn start(installation: &Installation) {
    let log = &installation.log;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.level.0))
        .with_ansi(std::io::stderr().is_terminal())
        // A log that cannot be written (a full disk) is not told to the same place: that would
        // end the thread that wanted to log.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}
