//! What the fields of `[[notify]]` and `[email]` may be.

use connectors::mail::{Mailbox, Tls, mailbox};
use domain::notice::Notice;
use toml::Spanned;
use toml::de::DeValue;

use super::value::{Shape, Unfit, Value, article, choices};

/// Several of a kind: a list in the file, a comma between two elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Several<T>(pub(crate) Vec<T>);

/// Most of them.
const SEVERAL_MAX: usize = 64;

impl<T: Value> Value for Several<T> {
    const SHAPE: Shape = Shape::Text;

    fn allowed() -> String {
        format!("a list of {}", T::allowed())
    }

    fn parse(text: &str) -> Option<Self> {
        let each = text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(T::parse);
        let all: Vec<T> = each.collect::<Option<_>>()?;
        (!all.is_empty() && all.len() <= SEVERAL_MAX).then_some(Self(all))
    }

    fn read_toml(value: Spanned<DeValue<'_>>) -> Result<String, Unfit> {
        let at = value.span();
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Array(array) => {
                let mut texts = Vec::new();
                for value in array {
                    let DeValue::String(text) = value.get_ref() else {
                        let not = article(value.get_ref().type_str());
                        let why = format!("takes {}, not of {not}", Self::allowed());
                        return Err(Unfit { at: value.span(), why });
                    };
                    if T::parse(text).is_none() {
                        return Err(Unfit { at: value.span(), why: T::why(text) });
                    }
                    texts.push(text.to_string());
                }
                texts.join(", ")
            }
            other => {
                let why = format!("takes {}, not {}", Self::allowed(), article(other.type_str()));
                return Err(Unfit { at, why });
            }
        };
        let unfit = || Unfit { at, why: Self::why(&text) };
        Self::parse(&text).map(|_| text.clone()).ok_or_else(unfit)
    }
}

impl Value for Notice {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        Self::ALL.map(|(_, name)| name).join(", ")
    }
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// By what a rule tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Email,
    Log,
}

choices!(By { "email" => Self::Email, "log" => Self::Log });

/// Whom a rule tells.
#[derive(Clone, Debug)]
pub(crate) enum To {
    Customer,
    Address(Box<str>),
}

impl Value for To {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "customer (whom the order names) or e-mail addresses".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        match text {
            "customer" => Some(Self::Customer),
            address => mailbox(address, None).map(|_| Self::Address(address.into())),
        }
    }
}

/// A person's or a shop's address, with a name or without.
#[derive(Clone, Debug)]
pub(crate) struct MailAddress(pub(crate) Mailbox);

impl Value for MailAddress {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "an e-mail address, such as orders@shop.example or Shop <orders@shop.example>".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let one_line = !text.chars().any(char::is_control);
        one_line.then(|| text.parse().ok())?.map(Self)
    }
}

/// The name of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Host(pub(crate) String);

impl Value for Host {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "a name or an address of a machine, without a port".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
        let is_name = !text.is_empty() && text.len() <= 253 && text.bytes().all(sound);
        (is_name && text.matches(':').count() != 1).then(|| Self(text.to_owned()))
    }
}

/// A name to log in by.
#[derive(Clone, Debug)]
pub(crate) struct Login(pub(crate) String);

impl Value for Login {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "1 to 256 characters".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let sound = (1..=256).contains(&text.len()) && !text.chars().any(char::is_control);
        sound.then(|| Self(text.to_owned()))
    }
}

choices!(Tls { "starttls" => Self::StartTls, "implicit" => Self::Implicit, "plain" => Self::Plain });
