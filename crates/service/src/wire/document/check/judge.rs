//! How one value is judged: as a name, a number, money, a date; and where violations gather.
//!
//! Never: a rule of a certain field. Those are with what the field belongs to.

use std::borrow::Cow;

use domain::id::{MerchantId, NameError};
use domain::limits::NAME_BYTES_MAX;
use domain::money::{DecimalError, Money};

use super::super::date::Moment;
use super::super::shape::{Number, Text};
use super::super::{Settings, number};
use crate::wire::violation::{Code, Detail, Severity, Violation};

/// A place in a document: `/items` + `/3` + `/quantity`.
#[derive(Clone, Copy)]
pub(super) struct At {
    base: &'static str,
    index: Option<usize>,
    leaf: &'static str,
}

impl At {
    pub(super) const fn of(base: &'static str) -> Self {
        Self { base, index: None, leaf: "" }
    }

    pub(super) const fn field(self, leaf: &'static str) -> Self {
        Self { leaf, ..self }
    }

    pub(super) const fn item(base: &'static str, index: usize) -> Self {
        Self { base, index: Some(index), leaf: "" }
    }

    pub(super) fn pointer(self) -> Cow<'static, str> {
        match self {
            Self { base, index: None, leaf: "" } => Cow::Borrowed(base),
            Self { base, index: None, leaf } => Cow::Owned(format!("{base}{leaf}")),
            Self { base, index: Some(index), leaf } => Cow::Owned(format!("{base}/{index}{leaf}")),
        }
    }
}

/// Judges one document.
pub(super) struct Judge<'s> {
    pub(super) settings: &'s Settings,
    /// The seller, as soon as it is known: rules may be its own.
    pub(super) merchant: Option<MerchantId>,
    pub(super) violations: Vec<Violation>,
    /// Whether one of the violations is an error.
    pub(super) failed: bool,
}

/// What one violation is about.
impl<'s> Judge<'s> {
    #[cold]
    pub(super) fn report(&mut self, at: At, code: Code, detail: Detail) {
        if let Some(severity) = self.settings.checks.severity(code, self.merchant.as_ref()) {
            self.failed |= severity == Severity::Error;
            self.violations.push(Violation { pointer: at.pointer(), code, severity, detail });
        }
    }

    pub(super) fn require(&mut self, given: bool, at: At) {
        if !given {
            self.report(at, Code::Required, Detail::None);
        }
    }

    pub(super) fn name<T>(
        &mut self,
        text: &Text<'_>,
        at: At,
        parse: fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        self.parse_name(text.get()?, at, parse)
    }

    pub(super) fn parse_name<T>(
        &mut self,
        text: &str,
        at: At,
        parse: fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let bad = |error| match error {
            NameError::TooLong => (Code::TooLong, limit(NAME_BYTES_MAX)),
            NameError::Empty | NameError::ControlCharacter => (Code::BadName, Detail::None),
        };
        parse(text).map_err(bad).map_err(|(code, detail)| self.report(at, code, detail)).ok()
    }

    pub(super) fn number<T>(
        &mut self,
        number: Number<'_>,
        at: At,
        parse: impl FnOnce(&str) -> Result<T, DecimalError>,
    ) -> Option<T> {
        if number.is_absent() {
            return None;
        }
        let bad = |error| match error {
            DecimalError::NotANumber => (Code::NotANumber, Detail::None),
            DecimalError::TooLarge => (Code::TooLarge, Detail::None),
            DecimalError::TooPrecise => (Code::TooPrecise, Detail::None),
        };
        parse(number.as_str())
            .map_err(bad)
            .map_err(|(code, detail)| self.report(at, code, detail))
            .ok()
    }

    pub(super) fn money(&mut self, number: Number<'_>, at: At) -> Option<Money> {
        let exponent = self.settings.currency_exponent;
        let money = self.number(number, at, |text| number::money(text, exponent))?;
        self.not_negative(money, money >= Money::ZERO, at)
    }

    pub(super) fn not_negative<T>(&mut self, number: T, holds: bool, at: At) -> Option<T> {
        if !holds {
            self.report(at, Code::Negative, Detail::None);
        }
        holds.then_some(number)
    }

    pub(super) fn moment(&mut self, text: &Text<'_>, at: At) -> Option<Moment> {
        let moment = Moment::parse(text.get()?, &self.settings.time_zone);
        if moment.is_none() {
            self.report(at, Code::BadDate, Detail::None);
        }
        moment
    }
}

/// A limit as a message's parameter.
pub(super) fn limit(limit: usize) -> Detail {
    Detail::Limit(i64::try_from(limit).unwrap_or(i64::MAX))
}
