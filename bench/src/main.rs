//! `cargo run --release -p bench -- all`: Comanda beside its ceiling and beside PostgreSQL.
//!
//! Never: figures of different machines or different runs beside each other.

mod args;
mod ceiling;
mod documents;
mod lab;
mod load;
mod machine;
mod peer;
mod process;
mod report;
mod rows;
mod serve;
mod work;

use std::process::ExitCode;

use clap::Parser as _;

// The allocator Comanda uses: the same for every system under test.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match args::Args::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
