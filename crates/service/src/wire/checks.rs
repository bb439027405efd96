//! How bad the rules of documents are: for the installation, and for single sellers.
//!
//! Never: a rule without which there is no order; those are always errors.

use std::collections::BTreeMap;
use std::fmt;

use domain::id::MerchantId;
use serde::{Deserialize, Serialize};

use super::violation::{Code, Severity};

/// How bad each rule is. Looked at only where a document breaks a rule, so that neither it nor
/// the number of sellers with rules of their own costs anything for an order that breaks none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    everyone: Severities,
    merchants: BTreeMap<MerchantId, Severities>,
}

/// One severity a rule that can be adjusted, in the order of [`ADJUSTABLE`]; `None` is off.
type Severities = [Option<Severity>; ADJUSTABLE.len()];

const ADJUSTABLE: [(Code, Severity); 9] = [
    (Code::NoCustomer, Severity::Error),
    (Code::BadDate, Severity::Error),
    (Code::TooPrecise, Severity::Warn),
    (Code::BadCpf, Severity::Warn),
    (Code::BadCnpj, Severity::Warn),
    (Code::BadEmail, Severity::Warn),
    (Code::CepStateMismatch, Severity::Warn),
    (Code::PaymentMismatch, Severity::Warn),
    (Code::DeliveryBeforeOrder, Severity::Warn),
];

/// The place of a rule in [`ADJUSTABLE`].
fn place(code: Code) -> Option<usize> {
    ADJUSTABLE.iter().position(|(adjustable, _)| *adjustable == code)
}

impl Default for Checks {
    fn default() -> Self {
        let everyone = ADJUSTABLE.map(|(_, severity)| Some(severity));
        Self { everyone, merchants: BTreeMap::new() }
    }
}

impl Checks {
    /// The default severities, changed by `everyone`; those of a seller changed again by its own
    /// levels.
    ///
    /// ```
    /// use domain::id::MerchantId;
    /// use service::wire::checks::{Checks, Levels};
    /// use service::wire::violation::{Code, Severity};
    /// let levels = |json| serde_json::from_str::<Levels>(json).unwrap();
    /// let shop = MerchantId::parse("shop").unwrap();
    /// let own = levels(r#"{"bad_cpf": "error"}"#);
    /// let checks = Checks::new(&levels(r#"{"bad_email": "off"}"#), [(shop.clone(), &own)]);
    /// assert_eq!(checks.severity(Code::BadCpf, None), Some(Severity::Warn));
    /// assert_eq!(checks.severity(Code::BadCpf, Some(&shop)), Some(Severity::Error));
    /// assert_eq!(checks.severity(Code::BadEmail, Some(&shop)), None);
    /// ```
    #[must_use]
    pub fn new<'l>(
        everyone: &Levels,
        merchants: impl IntoIterator<Item = (MerchantId, &'l Levels)>,
    ) -> Self {
        let default = Self::default().everyone;
        let everyone = everyone.over(default);
        let merchants = merchants.into_iter().map(|(id, levels)| (id, levels.over(everyone)));
        Self { everyone, merchants: merchants.collect() }
    }

    /// Every rule off that can be: for documents that were accepted before, by whatever checks.
    #[must_use]
    pub fn off() -> Self {
        Self { everyone: [None; ADJUSTABLE.len()], merchants: BTreeMap::new() }
    }

    /// How bad a rule is for documents of that seller; `None` when it is off.
    #[must_use]
    pub fn severity(&self, code: Code, merchant: Option<&MerchantId>) -> Option<Severity> {
        let Some(at) = place(code) else { return Some(Severity::Error) };
        let own = merchant.and_then(|merchant| self.merchants.get(merchant));
        own.unwrap_or(&self.everyone).get(at).copied().flatten()
    }
}

/// Severities as configuration writes them: `bad_cpf = "error"`. Rules that are not named stay
/// as they are. A rule that does not exist or cannot be adjusted is an error of reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Levels(pub BTreeMap<Rule, Level>);

impl Levels {
    fn over(&self, mut severities: Severities) -> Severities {
        for (rule, level) in &self.0 {
            if let Some(severity) = place(rule.0).and_then(|at| severities.get_mut(at)) {
                *severity = level.severity();
            }
        }
        severities
    }
}

/// How bad a rule is, as configuration writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A document that breaks it is not taken.
    Error,
    /// A document that breaks it is taken, and the answer says so.
    Warn,
    /// Nobody looks.
    Off,
}

impl Level {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warn => Some(Severity::Warn),
            Self::Off => None,
        }
    }
}

/// A rule whose severity can be adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct Rule(Code);

impl Rule {
    /// Every rule that can be adjusted, and how bad it is where nothing else is said.
    pub fn all() -> impl Iterator<Item = (Self, Severity)> {
        ADJUSTABLE.into_iter().map(|(code, severity)| (Self(code), severity))
    }

    /// The rule.
    #[must_use]
    pub fn code(self) -> Code {
        self.0
    }
}

/// No rule that can be adjusted has that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAdjustable(String);

impl fmt::Display for NotAdjustable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.0;
        match Code::parse(name) {
            Some(_) => write!(f, "the rule '{name}' is always an error")?,
            None => write!(f, "there is no rule '{name}'")?,
        }
        f.write_str("; rules that can be adjusted: ")?;
        for (at, (code, _)) in ADJUSTABLE.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { ", " } else { "" }, code.as_str())?;
        }
        Ok(())
    }
}

impl std::error::Error for NotAdjustable {}

impl TryFrom<String> for Rule {
    type Error = NotAdjustable;
    fn try_from(name: String) -> Result<Self, NotAdjustable> {
        let adjustable = Code::parse(&name).filter(|code| place(*code).is_some());
        adjustable.map(Self).ok_or(NotAdjustable(name))
    }
}

impl From<Rule> for &'static str {
    fn from(rule: Rule) -> Self {
        rule.0.as_str()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rules_without_which_there_is_no_order_are_always_errors() {
        for code in Code::ALL {
            let off = Checks::off().severity(*code, None);
            let adjustable = Rule::all().any(|(rule, _)| rule.code() == *code);
            assert_eq!(off, (!adjustable).then_some(Severity::Error), "{}", code.as_str());
        }
    }

    #[test]
    fn a_level_that_means_nothing_is_refused_and_the_error_says_what_there_is() {
        let refused = |json| serde_json::from_str::<Levels>(json).unwrap_err().to_string();
        let text = refused(r#"{"bad_cpg": "warn"}"#);
        assert!(text.starts_with("there is no rule 'bad_cpg'; rules that can be"), "{text}");
        let text = refused(r#"{"required": "warn"}"#);
        assert!(text.starts_with("the rule 'required' is always an error"), "{text}");
        assert!(refused(r#"{"bad_cpf": "loud"}"#).contains("`error`, `warn`, `off`"));
        let levels = r#"{"bad_date":"warn","bad_cpf":"off"}"#;
        let read: Levels = serde_json::from_str(levels).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), levels, "and written as it is read");
    }
}
