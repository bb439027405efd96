//! E-mail: what of the log is told by it, written for its reader, and handed to a mail server.
//!
//! Every attempt at a message writes it anew from the log, with the same Message-ID. Each
//! recipient gets a message of its own, so that nobody sees another's address, and one that does
//! not exist costs nobody else anything.
//!
//! Never: a message without a rule; an address or a name in a log line or an error.

mod html;
mod letter;
mod page;
mod plain;
mod server;
mod spoken;
mod write;

use std::sync::Arc;
use std::time::Duration;

use domain::notice::Notice;
use messages::Lang;
use service::change::{Change, Seq, What};
use service::follow::{Begin, Delivery, Outcome, Sink, Terms};
use service::ledger::{Ledger, OrderView, Task, Unavailable};
use service::notify::{Channel, Planned, Planner, Rule, Subject, Window, occasions, order_facts};
use service::wire::document;

pub use self::letter::{Letter, Mailbox, mailbox};
pub use self::page::{List, Page, Row, Tone};
pub use self::server::{Server, Settings as ServerSettings, SettingsError, Tls};
pub use self::spoken::{Customs, decimal};
pub use self::write::{LINES_MAX, Reader, Writer};

/// What the sink's cursor is filed under.
pub const NAME: &str = "mail";

/// From whom messages are, and how they are written and sent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whom they are from.
    pub from: Mailbox,
    /// Who gets answers; the sender when absent.
    pub reply_to: Option<Mailbox>,
    /// The language of readers whose own is not known.
    pub language: Lang,
    /// In which amounts and times are written.
    pub customs: Customs,
    /// How documents are read.
    pub documents: document::Settings,
    /// How often, how many at once, and how long a message is tried.
    pub terms: Terms,
}

/// How long a message is tried again: for two days, as mail servers do among themselves.
#[must_use]
pub fn pauses() -> Vec<Duration> {
    const MINUTES: [u64; 9] = [1, 5, 15, 30, 60, 240, 480, 960, 1_200];
    MINUTES.map(|minutes| Duration::from_secs(minutes * 60)).to_vec()
}

/// The sink of everything that is told by e-mail.
pub struct MailSink {
    ledger: Arc<dyn Ledger>,
    server: Arc<Server>,
    settings: Settings,
    planner: Planner,
}

impl std::fmt::Debug for MailSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailSink").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why there is no letter.
enum NoLetter {
    /// What it tells cannot be read now.
    Unreadable(Unavailable),
    /// There is nothing to tell, or nobody to tell it to.
    Nobody(&'static str),
}

impl From<Unavailable> for NoLetter {
    fn from(error: Unavailable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<NoLetter> for Outcome {
    fn from(no: NoLetter) -> Self {
        match no {
            NoLetter::Unreadable(error) => {
                Self::Unavailable { reason: error.to_string().into(), retry_after: None }
            }
            NoLetter::Nobody(reason) => Self::Skipped { reason: reason.into() },
        }
    }
}

impl MailSink {
    /// Tells what `rules` say is told by e-mail.
    #[must_use]
    pub fn new(
        ledger: Arc<dyn Ledger>,
        server: Arc<Server>,
        settings: Settings,
        rules: &[Rule],
    ) -> Self {
        let planner = Planner::new(ledger.clone(), rules, Channel::is_mail);
        Self { ledger, server, settings, planner }
    }

    /// The message of a delivery, written anew.
    fn letter(&self, delivery: &Delivery) -> Result<Letter, NoLetter> {
        let again = self.planner.again(delivery)?;
        let (planned, change) = again.ok_or(NoLetter::Nobody("no rule tells of it any more"))?;
        self.write(&planned, &change.what)
    }

    fn write(&self, planned: &Planned<'_>, what: &What) -> Result<Letter, NoLetter> {
        let Planned { delivery, occasion, rule, channel, window } = planned;
        let lang = rule.language.unwrap_or(self.settings.language);
        let staff = match channel {
            Channel::Customer | Channel::Log => None,
            Channel::Address(address) => {
                Some(mailbox(address, None).ok_or(NoLetter::Nobody("the rule's address is none"))?)
            }
        };
        let at = window.map_or(occasion.at, |window| window.until);
        let letter = |to, page, lang| Letter { to, page, lang, id: delivery.id.clone(), at };
        match (&occasion.subject, what, staff) {
            (Subject::Order { .. }, What::Order { first, .. }, staff) => {
                let documents = &self.settings.documents;
                let facts = order_facts(&*self.ledger, documents, occasion.seq, *first)?;
                let (to, lang, reader) = match staff {
                    Some(to) => (to, lang, Reader::Staff),
                    None => {
                        let who = &facts.addressee;
                        let to = who.email.as_deref().and_then(|e| mailbox(e, who.name.as_deref()));
                        let to = to.ok_or(NoLetter::Nobody("the order names no valid address"))?;
                        (to, rule.language.or(who.language).unwrap_or(lang), Reader::Customer)
                    }
                };
                Ok(letter(to, self.writer(lang).order(occasion.notice, &facts, reader), lang))
            }
            (Subject::Input { .. }, _, Some(to)) => {
                let window = window.unwrap_or(Window::of(occasion.at, rule.every_minutes));
                let digest = self.planner.digests.gather(rule, window, occasion.seq)?;
                Ok(letter(to, self.writer(lang).inputs(&digest, window), lang))
            }
            (Subject::Batch(_), What::Batch(batch), Some(to)) => {
                Ok(letter(to, self.writer(lang).batch(batch), lang))
            }
            (Subject::Order { .. } | Subject::Input { .. } | Subject::Batch(_), _, _) => {
                Err(NoLetter::Nobody("it concerns no customer"))
            }
        }
    }

    fn writer(&self, lang: Lang) -> Writer<'_> {
        Writer { customs: &self.settings.customs, lang }
    }

    async fn send(&self, delivery: &Delivery) -> Outcome {
        let letter = match self.letter(delivery) {
            Ok(letter) => letter,
            Err(no) => return no.into(),
        };
        send(&self.server, &self.settings, &letter).await
    }
}

/// Sends a letter: one attempt, which ends by itself.
pub async fn send(server: &Server, settings: &Settings, letter: &Letter) -> Outcome {
    match letter.message(settings) {
        Ok(message) => server.send(message.envelope(), &message.formatted()).await,
        Err(error) => Outcome::Refused { reason: error.to_string().into() },
    }
}

impl Sink for MailSink {
    fn name(&self) -> &str {
        NAME
    }

    /// With what comes from now on: a shop's customers must not hear of last year's orders when
    /// e-mail is set up.
    fn begins(&self) -> Begin {
        Begin::Now
    }

    fn terms(&self) -> Terms {
        self.settings.terms.clone()
    }

    fn select(&self, seq: Seq, change: &Change) -> Result<Vec<Delivery>, Unavailable> {
        if let Some(again) = Delivery::again(NAME, change) {
            return Ok(vec![again]);
        }
        Ok(self.planner.plan(seq, change)?.into_iter().map(|planned| planned.delivery).collect())
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery, _: u32) -> Task<'a, Outcome> {
        Box::pin(self.send(delivery))
    }
}

/// A message that nobody was sent.
#[derive(Clone, Debug)]
pub struct Preview {
    /// To whom it would go; nobody, where the order names no valid address.
    pub to: Option<Mailbox>,
    /// What it says.
    pub page: Page,
    /// In which language.
    pub lang: Lang,
}

impl Preview {
    /// What readers without HTML see.
    #[must_use]
    pub fn text(&self) -> String {
        plain::render(&self.page, self.lang)
    }

    /// What others see.
    #[must_use]
    pub fn html(&self) -> String {
        html::render(&self.page, self.lang)
    }
}

/// What would be told of an order: of its last transition of that kind, or of where it stands when
/// there has been none.
///
/// # Errors
/// [`Unavailable::Read`] when the order is not readable.
pub fn preview(
    ledger: &dyn Ledger,
    settings: &Settings,
    notice: Notice,
    order: &OrderView,
    reader: Reader,
    lang: Option<Lang>,
) -> Result<Preview, Unavailable> {
    let mut told = order.history.last().map_or(order.seq, |(seq, _, _)| *seq);
    for (seq, _, _) in order.history.iter().rev() {
        let change = ledger.change(*seq)?;
        if !occasions(ledger, *seq, &change, [notice].into_iter().collect())?.is_empty() {
            told = *seq;
            break;
        }
    }
    let first = (told != order.seq).then_some(order.seq);
    let facts = order_facts(ledger, &settings.documents, told, first)?;
    let who = &facts.addressee;
    let (to, own) = match reader {
        Reader::Customer => (
            who.email.as_deref().and_then(|email| mailbox(email, who.name.as_deref())),
            who.language,
        ),
        Reader::Staff => (None, None),
    };
    let lang = lang.or(own).unwrap_or(settings.language);
    let page = Writer { customs: &settings.customs, lang }.order(notice, &facts, reader);
    Ok(Preview { to, page, lang })
}
