//! `comanda sample`: the same bytes for the same seed.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::Sample;
use crate::sample::{Options, write};

pub(super) fn sample(args: &Sample) -> Result<ExitCode> {
    let options = Options {
        kind: args.kind,
        count: args.count,
        seed: args.seed,
        invalid_percent: args.invalid,
        duplicates_percent: args.duplicates,
    };
    match write(&options, &mut std::io::stdout().lock()) {
        // `comanda sample … | head` ends here, and is fine.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => Ok(result.map(|()| ExitCode::SUCCESS)?),
    }
}
