//! `comanda notify`: see what would be sent, and try the mail server.

use anyhow::{Context, Result, bail};
use connectors::mail::{self, Letter, Writer, mailbox};
use messages::Lang;
use service::follow::Outcome;

use crate::cli::{Notify, NotifyPreview, NotifyTest, Store};
use crate::client::{Client, encode, path};
use crate::installation::{Installation, clock};
use crate::notices;
use crate::render::{self, cell};
use crate::spoken::{told, word};

pub(super) fn notify(store: &Store, installation: &Installation, command: Notify) -> Result<()> {
    match command {
        Notify::Test(test) => send_test(installation, &test),
        Notify::Preview(preview) => {
            let api = Client::connect(store, installation)?;
            let shown = show_preview(&api, store, preview);
            api.close();
            shown
        }
    }
}

/// Sends a message the way notices go. Needs no store, and asks no server but the mail server.
fn send_test(installation: &Installation, test: &NotifyTest) -> Result<()> {
    let (server, settings) =
        notices::mail(installation)?.with_context(|| told!("no-email-settings"))?;
    let to = mailbox(&test.to, None);
    let to = to.with_context(|| told!("no-email-address", address = test.to.as_str()))?;
    let lang = test.language.unwrap_or(settings.language);
    let letter = Letter {
        to,
        page: Writer { customs: &settings.customs, lang }.test(),
        lang,
        id: format!("{:032x}", fastrand::u128(..)).into(),
        at: clock()(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(mail::send(&server, &settings, &letter)) {
        Outcome::Delivered => {
            let host = installation.email.host.as_ref().map_or("", |host| &host.0);
            render::say(told!("said-test-sent", to = test.to.as_str(), host = host));
            Ok(())
        }
        Outcome::Refused { reason }
        | Outcome::Unavailable { reason, .. }
        | Outcome::Skipped { reason }
        | Outcome::Gone { reason } => bail!(told!("no-test-sent", reason = &*reason)),
    }
}

fn show_preview(api: &Client, store: &Store, preview: NotifyPreview) -> Result<()> {
    let NotifyPreview { kind, order, merchant, staff, language, html } = preview;
    let base = format!("/v1/orders/{}/message", encode(&order));
    let parameters = [
        ("notice", Some(kind)),
        ("merchant_id", merchant),
        ("reader", staff.then(|| "staff".to_owned())),
        ("language", language.map(|language: Lang| language.as_str().to_owned())),
    ];
    let message = api.json("GET", &path(&base, &parameters), None)?;
    if store.json {
        render::json(&message);
    } else if html {
        render::say(message["html"].as_str().unwrap_or_default());
    } else {
        render::facts(&[
            (word!("word-to"), cell(message.get("to"))),
            (word!("word-subject"), cell(message.get("subject"))),
            (word!("word-language"), cell(message.get("language"))),
        ]);
        render::say(format_args!("\n{}", message["text"].as_str().unwrap_or_default()));
    }
    Ok(())
}
