//! `comanda completions`, `comanda man` and `comanda openapi`: the command line and the HTTP API,
//! told to shells, to `man`, and to whatever reads OpenAPI.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::render;
use crate::spoken::told;

pub(super) fn completions(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "comanda", &mut script);
    render::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(dir: &Path) -> Result<ExitCode> {
    let write = || {
        std::fs::create_dir_all(dir)?;
        clap_mangen::generate_to(Cli::command(), dir)
    };
    write().with_context(|| told!("no-write", path = dir.display().to_string()))?;
    render::say(told!("said-man-pages", path = dir.display().to_string()));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn openapi() -> Result<ExitCode> {
    render::say(web::openapi::json());
    Ok(ExitCode::SUCCESS)
}
