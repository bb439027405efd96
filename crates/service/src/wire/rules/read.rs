//! Reads JSON field by field, keeping a number's digits, and notes everything that is wrong.
//!
//! Never: stops at the first violation.

use std::collections::HashSet;

use domain::id::NameError;
use domain::limits::NAME_BYTES_MAX;
use domain::money::{Decimal, DecimalError, Money, UnitPrice};
use domain::pricing::Percent;
use domain::time::Timestamp;
use messages::{Id, Phrase, id, phrase};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::RuleViolation;

/// What has been found wrong so far.
#[derive(Default)]
pub(super) struct Violations(pub(super) Vec<RuleViolation>);

impl Violations {
    /// Notes a violation, and is nothing.
    pub(super) fn note<T>(
        &mut self,
        pointer: &str,
        code: &'static str,
        message: Phrase,
    ) -> Option<T> {
        self.0.push(RuleViolation { pointer: pointer.into(), code, message });
        None
    }
}

/// A value and where it stands.
#[derive(Clone)]
pub(super) struct Value<'j> {
    pub(super) pointer: String,
    pub(super) json: &'j RawValue,
}

/// The fields of an object, taken one by one; what is left over is unknown.
pub(super) struct Fields<'j> {
    pub(super) pointer: String,
    entries: Vec<(String, &'j RawValue)>,
}

impl<'j> Fields<'j> {
    /// The value of a field; null is as good as none.
    pub(super) fn optional(&mut self, name: &str) -> Option<Value<'j>> {
        let at = self.entries.iter().position(|(key, _)| key == name)?;
        let (key, json) = self.entries.remove(at);
        let value = Value { pointer: below(&self.pointer, &key), json };
        (json.get() != "null").then_some(value)
    }

    /// The value of a field that must be there.
    pub(super) fn required(&mut self, name: &str, noted: &mut Violations) -> Option<Value<'j>> {
        let value = self.optional(name);
        if value.is_none() {
            let pointer = below(&self.pointer, name);
            noted.note::<()>(&pointer, "required", phrase!("rules-required", name = name));
        }
        value
    }

    /// Notes the fields nobody took.
    pub(super) fn finish(self, noted: &mut Violations) {
        for (name, _) in self.entries {
            let pointer = below(&self.pointer, &name);
            noted.note::<()>(
                &pointer,
                "unknown_field",
                phrase!("rules-unknown-field", name = name),
            );
        }
    }
}

/// The pointer of `name` within `pointer`.
fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

impl<'j> Value<'j> {
    /// Whether it is an array, judged by its first character.
    pub(super) fn is_array(&self) -> bool {
        self.json.get().starts_with('[')
    }

    fn wrong<T>(&self, wanted: Id, noted: &mut Violations) -> Option<T> {
        noted.note(&self.pointer, "wrong_type", phrase!("rules-wrong-type", expected = wanted))
    }

    fn typed<T: Deserialize<'j>>(&self, wanted: Id, noted: &mut Violations) -> Option<T> {
        let value = serde_json::from_str(self.json.get()).ok();
        if value.is_none() { self.wrong(wanted, noted) } else { value }
    }

    pub(super) fn fields(&self, noted: &mut Violations) -> Option<Fields<'j>> {
        let mut entries = self.typed::<Entries<'j>>(id!("expected-object"), noted)?.0;
        let mut seen = HashSet::new();
        entries.retain(|(name, _)| {
            let first = seen.insert(name.clone());
            if !first {
                let pointer = below(&self.pointer, name);
                let message = phrase!("rules-duplicate-field", name = name.as_str());
                noted.note::<()>(&pointer, "duplicate_field", message);
            }
            first
        });
        Some(Fields { pointer: self.pointer.clone(), entries })
    }

    pub(super) fn elements(&self, noted: &mut Violations) -> Option<Vec<Value<'j>>> {
        let elements: Vec<&'j RawValue> = self.typed(id!("expected-list"), noted)?;
        let elements = elements.into_iter().enumerate();
        Some(elements.map(|(at, json)| self.element(at, json)).collect())
    }

    fn element(&self, at: usize, json: &'j RawValue) -> Value<'j> {
        Value { pointer: format!("{}/{at}", self.pointer), json }
    }

    pub(super) fn boolean(&self, noted: &mut Violations) -> Option<bool> {
        self.typed(id!("expected-boolean"), noted)
    }

    pub(super) fn integer<T: Deserialize<'j>>(&self, noted: &mut Violations) -> Option<T> {
        self.typed(id!("expected-integer"), noted)
    }

    pub(super) fn text(&self, noted: &mut Violations) -> Option<String> {
        self.typed(id!("expected-text"), noted)
    }

    /// A name, parsed by `parse`.
    pub(super) fn name<T>(
        &self,
        parse: impl Fn(&str) -> Result<T, NameError>,
        noted: &mut Violations,
    ) -> Option<T> {
        match parse(&self.text(noted)?) {
            Ok(name) => Some(name),
            Err(NameError::Empty) => self.bad_name(phrase!("rules-empty-name"), noted),
            Err(NameError::TooLong) => {
                let message = phrase!("rules-long-name", limit = NAME_BYTES_MAX.to_string());
                self.bad_name(message, noted)
            }
            Err(NameError::ControlCharacter) => {
                self.bad_name(phrase!("rules-control-character"), noted)
            }
        }
    }

    fn bad_name<T>(&self, message: Phrase, noted: &mut Violations) -> Option<T> {
        noted.note(&self.pointer, "bad_name", message)
    }

    pub(super) fn time(&self, noted: &mut Violations) -> Option<Timestamp> {
        match self.text(noted)?.parse::<jiff::Timestamp>() {
            Ok(time) => Some(Timestamp(time.as_microsecond())),
            Err(_) => noted.note(&self.pointer, "bad_date", phrase!("rules-bad-date")),
        }
    }

    fn decimal(&self, noted: &mut Violations) -> Option<Decimal> {
        let json = self.json.get();
        let text = match json.as_bytes().first() {
            Some(b'"') => self.text(noted)?,
            Some(b'-' | b'0'..=b'9') => json.to_string(),
            _ => return self.wrong(id!("expected-decimal"), noted),
        };
        match Decimal::parse(&text) {
            Ok(decimal) if decimal.is_negative() => self.range(phrase!("rules-negative"), noted),
            Ok(decimal) => Some(decimal),
            Err(error) => self.no(error, noted),
        }
    }

    fn range<T>(&self, message: Phrase, noted: &mut Violations) -> Option<T> {
        noted.note(&self.pointer, "out_of_range", message)
    }

    fn no<T>(&self, error: DecimalError, noted: &mut Violations) -> Option<T> {
        match error {
            DecimalError::NotANumber => {
                noted.note(&self.pointer, "not_a_number", phrase!("rules-not-a-number"))
            }
            DecimalError::TooLarge => self.range(phrase!("rules-too-large"), noted),
            DecimalError::TooPrecise => {
                noted.note(&self.pointer, "too_precise", phrase!("rules-too-precise"))
            }
        }
    }

    pub(super) fn unit_price(&self, noted: &mut Violations) -> Option<UnitPrice> {
        match self.decimal(noted)?.to_unit_price() {
            Ok(price) => Some(price),
            Err(error) => self.no(error, noted),
        }
    }

    /// An amount of a currency with `exponent` decimals, which it does not exceed.
    pub(super) fn money(&self, exponent: u32, noted: &mut Violations) -> Option<Money> {
        let decimal = self.decimal(noted)?;
        let step = 10_i64.pow(6_u32.saturating_sub(exponent));
        // Above a billion this cannot tell, and a fraction of a cent is rounded half to even.
        let exact = match decimal.to_unit_price() {
            Ok(price) => price.0 % step == 0,
            Err(DecimalError::TooPrecise) => false,
            Err(DecimalError::TooLarge | DecimalError::NotANumber) => true,
        };
        match decimal.to_money(exponent) {
            Ok(money) if exact => Some(money),
            Ok(_) => self.no(DecimalError::TooPrecise, noted),
            Err(error) => self.no(error, noted),
        }
    }

    pub(super) fn percent(&self, noted: &mut Violations) -> Option<Percent> {
        const STEP: i64 = 10_000;
        match self.decimal(noted)?.to_unit_price() {
            Ok(millionths) if millionths.0 % STEP == 0 => match Percent::new(millionths.0 / STEP) {
                Some(percent) => Some(percent),
                None => self.range(phrase!("rules-percentage"), noted),
            },
            Ok(_) => self.no(DecimalError::TooPrecise, noted),
            Err(error) => self.no(error, noted),
        }
    }
}

/// The entries of an object in the order they came, repeated ones included.
struct Entries<'j>(Vec<(String, &'j RawValue)>);

impl<'j> Deserialize<'j> for Entries<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'j> Visitor<'j> for Collect {
            type Value = Entries<'j>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Entries<'j>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
