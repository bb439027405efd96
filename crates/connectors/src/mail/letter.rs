//! A message as it goes over the wire: both alternatives, and headers that say what it is.
//!
//! Never: a header made of what a document says without being encoded; every text of a document
//! is one line long before it comes here, and encoded as RFC 2047 wants it here.

use std::time::{Duration, UNIX_EPOCH};

use domain::time::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Message, MultiPart};
use lettre::{Address, error};
use messages::Lang;

use super::page::Page;
use super::{Settings, html, plain};

pub use lettre::message::Mailbox;

/// A message that is written, and to whom.
#[derive(Clone, Debug)]
pub struct Letter {
    /// To whom.
    pub to: Mailbox,
    /// What it says.
    pub page: Page,
    /// In which language.
    pub lang: Lang,
    /// What it is called, wherever it is met: its Message-ID begins with it.
    pub id: Box<str>,
    /// When what it tells happened.
    pub at: Timestamp,
}

/// An address with a name, when it is an address.
///
/// ```
/// use connectors::mail::mailbox;
/// assert_eq!(mailbox("ana@mail.example", None).unwrap().to_string(), "ana@mail.example");
/// assert!(mailbox("ana@mail.example\r\nBcc: all@mail.example", None).is_none());
/// ```
#[must_use]
pub fn mailbox(address: &str, name: Option<&str>) -> Option<Mailbox> {
    let visible = !address.chars().any(|c| c.is_control() || c.is_whitespace());
    let address: Address = visible.then(|| address.parse().ok())??;
    Some(Mailbox::new(name.map(str::to_owned), address))
}

impl Letter {
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

    /// The message.
    ///
    /// # Errors
    /// When it cannot be put together; never for what a document says.
    pub fn message(&self, settings: &Settings) -> Result<Message, error::Error> {
        let header = |name, value: &str| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
        };
        let since = Duration::from_micros(u64::try_from(self.at.0).unwrap_or_default());
        let id = format!("<{}@{}>", self.id, settings.from.email.domain());
        let mut message = Message::builder()
            .from(settings.from.clone())
            .to(self.to.clone())
            .subject(&*self.page.subject)
            .date(UNIX_EPOCH + since)
            .message_id(Some(id))
            // So that nobody's absence answers it (RFC 3834).
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("Content-Language", self.lang.as_str()));
        if let Some(reply_to) = &settings.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        message.multipart(MultiPart::alternative_plain_html(self.text(), self.html()))
    }
}
