//! What is told to whom, as the settings say: rules, the mail server, and what contradicts itself.
//!
//! Never: a message. `connectors` writes and sends them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use connectors::log::LogSink;
use connectors::mail::{
    Customs, MailSink, Reader, Server, ServerSettings, Settings, Tls, pauses, preview,
};
use domain::notice::Notice;
use messages::Lang;
use service::follow::{Sink, Terms};
use service::ledger::{Ledger, OrderView, Unavailable};
use service::notify::{Channel, Rule};

use crate::config::{By, Email, NotifyRule, To};
use crate::installation::Installation;
use crate::spoken::told;

/// The rules, in their order.
pub(crate) fn rules(installation: &Installation) -> Vec<Rule> {
    installation.notify.iter().map(rule).collect()
}

fn rule(row: &NotifyRule) -> Rule {
    let to = |to: &To| match to {
        To::Customer => Channel::Customer,
        To::Address(address) => Channel::Address(address.clone()),
    };
    let channels = match by(row) {
        By::Log => vec![Channel::Log],
        By::Email => row.to.iter().flat_map(|several| &several.0).map(to).collect(),
    };
    Rule {
        on: row.on.0.iter().copied().collect(),
        merchants: row.merchants.iter().flat_map(|several| several.0.iter().cloned()).collect(),
        channels,
        language: row.language,
        every_minutes: u32::try_from(row.every_minutes.0).unwrap_or(u32::MAX),
    }
}

fn by(row: &NotifyRule) -> By {
    row.channel.unwrap_or(if row.to.is_some() { By::Email } else { By::Log })
}

/// What of the settings does not go together, a line each.
pub(crate) fn contradictions(installation: &Installation) -> Vec<String> {
    let email = &installation.email;
    let mut found: Vec<String> =
        installation.notify.iter().filter_map(|row| contradiction(row, email)).collect();
    if email.host.is_some() && email.from.is_none() {
        found.push("email.from: whom messages are from must be given with email.host".to_owned());
    }
    if installation.alerts.to.is_some() && email.host.is_none() {
        found.push("alerts.to: e-mail needs email.host".to_owned());
    }
    if email.username.is_some() != email.password.is_some() {
        found.push("email.username and email.password: both or none".to_owned());
    }
    found
}

fn contradiction(row: &NotifyRule, email: &Email) -> Option<String> {
    let names: Vec<&str> = row.on.0.iter().map(|notice| notice.as_str()).collect();
    let rule = format!("notify on \"{}\"", names.join(", "));
    let to = match (by(row), &row.to) {
        (By::Log, None) => return None,
        (By::Log, Some(_)) => return Some(format!("{rule}: channel \"log\" takes no `to`")),
        (By::Email, None) => {
            return Some(format!("{rule}: give `to`: \"customer\" or addresses"));
        }
        (By::Email, Some(to)) => to,
    };
    if email.host.is_none() {
        return Some(format!("{rule}: e-mail needs email.host"));
    }
    let other = row.on.0.iter().find(|notice| !notice.is_of_order())?;
    let to_people = to.0.iter().any(|to| matches!(to, To::Address(_)));
    let other = other.as_str();
    (!to_people).then(|| format!("{rule}: {other} is about no customer; give `to` addresses"))
}

/// A mail server and how it is written to, where the settings name one.
pub(crate) fn mail(installation: &Installation) -> Result<Option<(Arc<Server>, Settings)>> {
    let email = &installation.email;
    let (Some(host), Some(from)) = (&email.host, &email.from) else { return Ok(None) };
    let login = email.username.as_ref().zip(email.password.as_ref());
    let server = Server::new(ServerSettings {
        host: host.0.clone(),
        port: port(email),
        tls: email.tls,
        authorities: email.ca_file.clone(),
        login: login.map(|(name, password)| (name.0.clone(), password.0.clone())),
        timeout: Duration::from_secs(email.timeout_s.0),
    });
    let server = server.with_context(|| told!("no-mail-server", host = host.0.as_str()))?;
    let settings = Settings { from: from.0.clone(), ..written(installation) };
    Ok(Some((Arc::new(server), settings)))
}

/// How messages are written, whoever they are from.
pub(crate) fn written(installation: &Installation) -> Settings {
    let (email, orders) = (&installation.email, &installation.orders);
    let nobody = || "comanda@localhost.invalid".parse().expect("an address");
    Settings {
        from: email.from.as_ref().map_or_else(nobody, |from| from.0.clone()),
        reply_to: email.reply_to.as_ref().map(|address| address.0.clone()),
        language: orders.language,
        customs: Customs {
            currency: orders.currency.code.clone(),
            exponent: orders.currency.exponent,
            time_zone: orders.time_zone.clone(),
        },
        documents: installation.documents(),
        terms: Terms {
            concurrency: usize::try_from(email.concurrency.0).unwrap_or(1),
            per_second: u32::try_from(email.per_second.0).ok(),
            pauses: pauses(),
            ..Terms::default()
        },
    }
}

fn port(email: &Email) -> u16 {
    let default = match email.tls {
        Tls::StartTls => 587,
        Tls::Implicit => 465,
        Tls::Plain => 25,
    };
    email.port.and_then(|port| u16::try_from(port.0).ok()).unwrap_or(default)
}

/// The sinks that the rules ask for; none where nothing is told.
pub(crate) fn sinks(
    installation: &Installation,
    ledger: &Arc<dyn Ledger>,
) -> Result<Vec<Arc<dyn Sink>>> {
    let rules = rules(installation);
    let has = |wanted: fn(&Channel) -> bool| rules.iter().flat_map(|r| &r.channels).any(wanted);
    let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
    if has(|channel| *channel == Channel::Log) {
        sinks.push(Arc::new(LogSink::new(ledger.clone(), &rules)));
    }
    if has(Channel::is_mail)
        && let Some((server, settings)) = mail(installation)?
    {
        sinks.push(Arc::new(MailSink::new(ledger.clone(), server, settings, &rules)));
    }
    Ok(sinks)
}

/// Messages as they would be sent, for the API.
pub(crate) struct Previews {
    ledger: Arc<dyn Ledger>,
    settings: Settings,
}

impl Previews {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, installation: &Installation) -> Self {
        Self { ledger, settings: written(installation) }
    }
}

impl web::Previews for Previews {
    fn of_order(
        &self,
        order: &OrderView,
        notice: Notice,
        reader: web::Reader,
        language: Option<Lang>,
    ) -> Result<Option<web::Message>, Unavailable> {
        let reader = match reader {
            web::Reader::Customer => Reader::Customer,
            web::Reader::Staff => Reader::Staff,
        };
        let shown = preview(&*self.ledger, &self.settings, notice, order, reader, language)?;
        Ok(Some(web::Message {
            to: shown.to.as_ref().map(ToString::to_string),
            language: shown.lang,
            subject: shown.page.subject.clone(),
            text: shown.text(),
            html: shown.html(),
        }))
    }
}
