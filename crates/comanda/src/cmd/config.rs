//! `comanda config`: what is in force and why, what is wrong, what there is.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::cli;
use crate::config::{Config, Effective, Faults, example};
use crate::render;
use crate::spoken::{told, word};

pub(super) fn config(
    command: cli::Config,
    loaded: Result<Config, Faults>,
    json: bool,
) -> Result<ExitCode> {
    match command {
        cli::Config::Example => render::say(format_args!("{}", example().trim_end())),
        cli::Config::Check => {
            let config = loaded?;
            let file = config.file.map(|file| file.display().to_string());
            for name in crate::config::unknown_variables() {
                eprintln!("comanda: {}", told!("said-unknown-variable", name = name));
            }
            let file = file.unwrap_or_else(|| told!("said-no-file"));
            let count = config.effective.len();
            render::say(told!("said-settings-sound", count = count, file = file));
        }
        cli::Config::Show => show(&loaded?, json),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(config: &Config, json: bool) {
    let rows: Vec<_> = config
        .effective
        .iter()
        .flat_map(Effective::shown)
        .map(|shown| {
            let from = shown.origin.to_string();
            json!({"setting": shown.key, "value": shown.value, "from": from})
        })
        .collect();
    if json {
        return render::json(&json!({"file": config.file, "settings": rows}));
    }
    let columns = [
        (word!("word-setting"), "/setting", false),
        (word!("word-value"), "/value", false),
        (word!("word-from"), "/from", false),
    ];
    render::table(&rows, &columns);
}
