//! Comanda, the program: flags, wiring, exit codes. What it does is in the crates below.

mod alerts;
mod archive;
mod batches;
mod cli;
mod client;
mod cmd;
mod config;
mod files;
mod followers;
mod input;
mod installation;
mod lake;
mod logs;
mod memory;
mod notices;
mod places;
mod queries;
mod queues;
mod render;
mod report;
mod sample;
mod settled;
mod spoken;
mod sql_listen;
mod steps;
mod sweeps;
mod telemetry;
mod webhooks;
mod wire_up;
mod workers;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    memory::keep_freed_memory();
    let cli = cli::Cli::parse();
    spoken::settle(cli.lang);
    match cmd::run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("comanda: {}", spoken::chain(&error));
            cmd::exit_code(&error)
        }
    }
}
