//! `comanda rules`: pricing rules in force, and others checked.

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Rules, Store};
use crate::client::Client;
use crate::installation::Installation;
use crate::render;
use crate::spoken::{self, told};

pub(super) fn rules(
    store: &Store,
    installation: &Installation,
    command: Rules,
) -> Result<ExitCode> {
    let connect = || Client::connect(store, installation);
    match command {
        Rules::Show => super::done(connect()?, |api| {
            render::json(&api.json("GET", "/v1/pricing-rules", None)?);
            Ok(())
        }),
        Rules::Set { file } => super::done(connect()?, |api| {
            let body = ("application/json", super::input(&file)?);
            let answer = api.json("PUT", "/v1/pricing-rules", Some(body))?;
            let version = render::cell(answer.pointer("/version"));
            render::say(told!("rules-in-force", version = version));
            Ok(())
        }),
        Rules::Test(args) => {
            super::done(connect()?, |api| super::rules_test::test(api, store, &args))
        }
        Rules::Check { file } => {
            let exponent = installation.engine().settings.exponent;
            match service::wire::rules::parse(&super::input(&file)?, 0, exponent) {
                Ok(rules) => {
                    render::say(told!("rules-sound", count = rules.rules.rules().len()));
                    Ok(ExitCode::SUCCESS)
                }
                Err(violations) => {
                    for violation in violations {
                        println!("{}  {}", violation.pointer, spoken::text(&violation.message));
                    }
                    Ok(ExitCode::from(super::REFUSED))
                }
            }
        }
    }
}
