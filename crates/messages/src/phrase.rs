//! A message on its way to a reader whose language is not known yet.
//!
//! Never: a value of a document that may be personal.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use fluent_bundle::{FluentArgs, FluentValue};

use crate::texts::formatted;
use crate::{Id, Lang};

/// A message and what fills its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    id: Id,
    arguments: Vec<(&'static str, Arg)>,
}

/// What fills a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A name, a path, a code: the same in every language.
    Text(String),
    /// How many there are: what the words around it agree with.
    Count(u64),
    /// Words of our own, in the reader's language.
    Phrase(Phrase),
}

impl Phrase {
    /// A message without variables so far.
    #[must_use]
    pub fn new(id: Id) -> Self {
        Self { id, arguments: Vec::new() }
    }

    /// The message with a variable filled.
    #[must_use]
    pub fn with(mut self, variable: &'static str, value: impl Into<Arg>) -> Self {
        self.arguments.push((variable, value.into()));
        self
    }

    /// The message.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// The text for a reader of that language.
    #[must_use]
    pub fn to(&self, lang: Lang) -> String {
        let mut arguments = FluentArgs::with_capacity(self.arguments.len());
        for (variable, value) in &self.arguments {
            arguments.set(*variable, value.to(lang));
        }
        formatted(self.id, lang, &arguments)
    }
}

/// In English, for logs. Where a reader is known, see [`Phrase::to`].
impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to(Lang::En))
    }
}

/// So that reasons for people travel within errors.
impl Error for Phrase {}

impl Arg {
    fn to(&self, lang: Lang) -> FluentValue<'_> {
        match self {
            Self::Text(text) => FluentValue::String(Cow::Borrowed(text)),
            Self::Count(count) => FluentValue::from(*count),
            Self::Phrase(phrase) => FluentValue::String(Cow::Owned(phrase.to(lang))),
        }
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Arg {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Arg {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<Phrase> for Arg {
    fn from(phrase: Phrase) -> Self {
        Self::Phrase(phrase)
    }
}

impl From<Id> for Arg {
    fn from(id: Id) -> Self {
        Self::Phrase(Phrase::new(id))
    }
}
