//! Documents of the wrong shape: what is wrong is reported and left out, what is left is judged
//! like any other document. Also puts the places of violations into the document's own spelling.
//!
//! Never: on the path of a document that is right the first time.

use std::borrow::Cow;

use domain::limits::LINES_PER_ORDER_MAX;
use serde_json::value::RawValue;

use super::shape::{Document, Entries, Field, Item, Kind, Text};
use super::{Fault, Malformed, Read, Reason, Settings, check};
use crate::wire::violation::{Code, Detail, Expected, Severity, Violation};

/// Reads a document that the fast pass could not.
pub(super) fn read(text: &str, settings: &Settings) -> Result<Read, Fault> {
    let Repair { out, violations: misshapen, .. } = repair(text)?;
    let mut document = Document::default();
    document.read(&out).ok_or_else(|| Malformed::after(b"", Reason::NoObject))?;
    let mut outcome = check::check(&document, settings);
    // A seller that could not be read is nobody, not the default.
    if misshapen
        .iter()
        .any(|m| ["/merchant_id", "/company", "/company/cnpj"].contains(&&*m.pointer))
    {
        outcome.found.merchant = None;
    }
    // What was left out is not missing, and nothing is known of what stood in it.
    outcome.violations.retain(|v| !misshapen.iter().any(|m| is_under(&v.pointer, &m.pointer)));
    outcome.violations.splice(..0, misshapen);
    outcome.conclude(|violations| respell(text, violations))
}

/// What is right about a document, every known field once and by its first spelling.
pub(super) fn repaired(text: &str) -> Result<String, Malformed> {
    repair(text).map(|repair| repair.out)
}

fn repair(text: &str) -> Result<Repair<'_>, Malformed> {
    let document: &RawValue = serde_json::from_str(text).map_err(|e| Malformed::from_json(&e))?;
    if !document.get().starts_with('{') {
        return Err(Malformed::at(text, document.get(), Reason::NoObject));
    }
    let mut repair = Repair { text, out: String::with_capacity(text.len()), violations: vec![] };
    repair.object(document, Document::FIELDS, &mut String::new())?;
    Ok(repair)
}

/// Puts pointers, which name a field by its first spelling, into the spelling of the document.
pub(super) fn respell(text: &str, violations: &mut [Violation]) {
    let Ok(document) = serde_json::from_str::<Entries<'_>>(text) else {
        return;
    };
    let items = document.0.iter().find(|(name, _)| name == "items");
    let items =
        items.and_then(|(_, items)| serde_json::from_str::<Vec<&RawValue>>(items.get()).ok());
    for violation in violations {
        let mut segments = violation.pointer.split('/').skip(1);
        let spelled = match [segments.next(), segments.next(), segments.next()] {
            [Some("items"), Some(index), Some(name)] => {
                let item = index.parse().ok().and_then(|at: usize| items.as_ref()?.get(at));
                item.and_then(|item| serde_json::from_str::<Entries<'_>>(item.get()).ok())
                    .and_then(|item| spelling(&item, Item::FIELDS, name))
                    .map(|name| format!("/items/{index}/{name}"))
            }
            _ => nested(&document, Document::FIELDS, &violation.pointer),
        };
        if let Some(pointer) = spelled {
            violation.pointer = Cow::Owned(pointer);
        }
    }
}

/// A pointer through objects as the document spells it; `None` where it does not have the field.
fn nested(object: &Entries<'_>, fields: &[Field], pointer: &str) -> Option<String> {
    let pointer = pointer.strip_prefix('/')?;
    let (name, rest) = pointer.split_at(pointer.find('/').unwrap_or(pointer.len()));
    let spelled = spelling(object, fields, name)?;
    let field = fields.iter().find(|field| field.names.contains(&name))?;
    let below = match &field.kind {
        Kind::Object(fields) | Kind::Loose(fields) => {
            let (_, raw) = object.0.iter().find(|(name, _)| name == spelled)?;
            let object = serde_json::from_str::<Entries<'_>>(raw.get()).ok();
            object.and_then(|object| nested(&object, fields, rest))
        }
        Kind::Text | Kind::Number | Kind::List(_) | Kind::Any => None,
    };
    Some(format!("/{spelled}{}", below.as_deref().unwrap_or(rest)))
}

/// How an object spells a field: where it has a value, or else at all.
fn spelling(object: &Entries<'_>, fields: &[Field], name: &str) -> Option<&'static str> {
    let field = fields.iter().find(|field| field.names.first() == Some(&name))?;
    let mut given = values(object, field.names);
    let spelled = given.clone().find(|(_, raw)| !is_absent(raw));
    let (spelled, _) = spelled.or_else(|| given.next())?;
    field.names.iter().copied().find(|name| *name == spelled)
}

/// The values of one field, under every spelling.
fn values<'e, 'a>(
    object: &'e Entries<'a>,
    names: &'e [&str],
) -> impl Iterator<Item = (&'e str, &'a RawValue)> + Clone {
    let entries = object.0.iter().map(|(name, raw)| (name.as_ref(), *raw));
    entries.filter(|(name, _)| names.contains(name))
}

fn is_under(pointer: &str, above: &str) -> bool {
    pointer.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

struct Repair<'a> {
    text: &'a str,
    /// The known fields of the document that have the right shape, each once.
    out: String,
    violations: Vec<Violation>,
}

impl<'a> Repair<'a> {
    fn report(&mut self, pointer: &str, code: Code, detail: Detail) {
        let pointer = Cow::Owned(pointer.to_owned());
        self.violations.push(Violation { pointer, code, severity: Severity::Error, detail });
    }

    fn stand_in(&mut self, value: &str, expected: Expected, at: &str) {
        self.report(at, Code::WrongType, Detail::Expected(expected));
        self.out.push_str(value);
    }

    /// Writes what is right about a value, or something empty when nothing is.
    fn value(&mut self, raw: &'a RawValue, kind: &Kind, at: &mut String) -> Result<(), Malformed> {
        match (kind, raw.get().as_bytes().first()) {
            (Kind::Object(fields) | Kind::Loose(fields), Some(b'{')) => {
                return self.object(raw, fields, at);
            }
            (Kind::List(of), Some(b'[')) => return self.list(raw, of, at),
            (Kind::Object(_), _) => self.stand_in("{}", Expected::Object, at),
            (Kind::List(_), _) => self.stand_in("[]", Expected::List, at),
            (Kind::Text, _) => match text(raw) {
                Ok(_) => self.out.push_str(raw.get()),
                Err(Code::WrongType) => self.stand_in("null", Expected::Text, at),
                Err(code) => {
                    self.report(at, code, Detail::None);
                    self.out.push_str("null");
                }
            },
            (Kind::Any | Kind::Loose(_), Some(b'"')) if text(raw).is_err() => {
                self.report(at, Code::BadName, Detail::None);
                self.out.push_str("null");
            }
            (Kind::Any | Kind::Loose(_), _) => self.out.push_str(raw.get()),
            (Kind::Number, Some(b'"' | b'n' | b'-' | b'0'..=b'9')) => self.out.push_str(raw.get()),
            (Kind::Number, _) => self.stand_in("null", Expected::Number, at),
        }
        Ok(())
    }

    fn object(
        &mut self,
        raw: &'a RawValue,
        fields: &[Field],
        at: &mut String,
    ) -> Result<(), Malformed> {
        let entries = serde_json::from_str::<Entries<'a>>(raw.get());
        let entries = entries.map_err(|e| Malformed::within(self.text, raw.get(), &e))?;
        self.out.push('{');
        let mut separator = "";
        for Field { names, kind } in fields {
            let name = names.first().copied().unwrap_or_default();
            let above = at.len();
            at.extend(["/", name]);
            if let Some(raw) = self.one(&entries, names, kind, at) {
                self.out.extend([separator, "\"", name, "\":"]);
                self.value(raw, kind, at)?;
                separator = ",";
            }
            at.truncate(above);
        }
        self.out.push('}');
        Ok(())
    }

    /// The one value of a field, if it is clear which.
    fn one(
        &mut self,
        entries: &Entries<'a>,
        names: &[&str],
        kind: &Kind,
        at: &str,
    ) -> Option<&'a RawValue> {
        let is_given = |raw: &&RawValue| match kind {
            Kind::Text | Kind::Number => !is_absent(raw),
            Kind::Object(_) | Kind::List(_) | Kind::Loose(_) | Kind::Any => raw.get() != "null",
        };
        let mut given = values(entries, names).map(|(_, raw)| raw).filter(is_given);
        let first = given.next()?;
        if given.all(|other| is_same(first, other)) {
            return Some(first);
        }
        self.report(at, Code::ConflictingValues, Detail::None);
        None
    }

    fn list(&mut self, raw: &'a RawValue, of: &Kind, at: &mut String) -> Result<(), Malformed> {
        let elements = serde_json::from_str::<Vec<&'a RawValue>>(raw.get());
        let elements = elements.map_err(|e| Malformed::within(self.text, raw.get(), &e))?;
        self.out.push('[');
        for (index, raw) in elements.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            // Longer lists are refused whole; their ends are not looked at.
            if index >= LINES_PER_ORDER_MAX {
                self.out.push_str("{}");
                continue;
            }
            let above = at.len();
            at.extend(["/", &index.to_string()]);
            self.value(raw, of, at)?;
            at.truncate(above);
        }
        self.out.push(']');
        Ok(())
    }
}

/// No value: null or the empty text.
fn is_absent(raw: &RawValue) -> bool {
    matches!(raw.get(), "null" | "\"\"")
}

/// The text of a value, a whole number's digits included.
///
/// # Errors
/// `WrongType`, or `BadName` for escapes that are no characters.
fn text(raw: &RawValue) -> Result<Cow<'_, str>, Code> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).map(Cow::Owned).map_err(|_| Code::BadName),
        Some(b'0'..=b'9') if Text::whole(raw.get()).is_some() => Ok(Cow::Borrowed(raw.get())),
        _ if raw.get() == "null" => Ok(Cow::Borrowed("")),
        _ => Err(Code::WrongType),
    }
}

/// The same value: byte for byte, or as a text.
fn is_same(a: &RawValue, b: &RawValue) -> bool {
    a.get() == b.get() || matches!((text(a), text(b)), (Ok(a), Ok(b)) if a == b)
}
