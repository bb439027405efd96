//! Rows on the wire: one JSON object, an array of them, or JSON lines; every violation at once.
//!
//! Never: a float, a field that is ignored. Numbers keep their digits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::Request as HttpRequest;
use bytes::Bytes;
use domain::id::NameError;
use domain::money::{Decimal, DecimalError};
use messages::{Arg, id, phrase};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use service::wire::violation::Code;

use crate::App;
use crate::body::{self, JSON, Media, ROWS, collect};
use crate::error::{Error, Kind, RowCode, Wrong};
use crate::orders::blocking;
use crate::params::Params;

/// Most violations one answer lists: fifty thousand wrong rows are one mistake.
const VIOLATIONS_MAX: usize = 1_000;

/// One row being read.
pub(crate) struct Row<'a> {
    line: usize,
    fields: BTreeMap<Cow<'a, str>, &'a RawValue>,
    wrong: Vec<Wrong>,
}

/// Takes in a body of rows and reads them, where that holds nobody up.
pub(crate) async fn receive<T: Send + 'static>(
    app: &Arc<App>,
    request: HttpRequest,
    parse: impl Fn(&App, &mut Row<'_>) -> Option<T> + Send + 'static,
) -> Result<Vec<T>, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    let media = body::media(&parts.headers, ROWS)?;
    let limits = &app.settings.limits;
    let bytes = collect(sent, limits.rows_bytes_max, limits.request).await?;
    blocking(app, move |app| read(app, &bytes, media, |row| parse(app, row))).await
}

/// Takes in a body that is one JSON object, and reads it.
pub(crate) async fn one<T: Send + 'static>(
    app: &Arc<App>,
    request: HttpRequest,
    parse: impl Fn(&App, &mut Row<'_>) -> Option<T> + Send + 'static,
) -> Result<T, Error> {
    read_one(app, request, parse, b"").await
}

/// Takes in a body that is one JSON object, or nothing at all, and reads it.
pub(crate) async fn one_or_none<T: Send + 'static>(
    app: &Arc<App>,
    request: HttpRequest,
    parse: impl Fn(&App, &mut Row<'_>) -> Option<T> + Send + 'static,
) -> Result<T, Error> {
    read_one(app, request, parse, b"{}").await
}

async fn read_one<T: Send + 'static>(
    app: &Arc<App>,
    request: HttpRequest,
    parse: impl Fn(&App, &mut Row<'_>) -> Option<T> + Send + 'static,
    nothing: &'static [u8],
) -> Result<T, Error> {
    let (parts, sent) = request.into_parts();
    Params::read(&parts.uri, &[])?;
    if body::media(&parts.headers, JSON)? != Media::Json {
        return Err(Error::new(Kind::UnsupportedMediaType).about(JSON));
    }
    let limits = &app.settings.limits;
    let bytes = collect(sent, limits.order_bytes_max, limits.request).await?;
    let bytes = if bytes.is_empty() { Bytes::from_static(nothing) } else { bytes };
    let mut rows = read(app, &bytes, Media::Json, |row| parse(app, row))?;
    match (rows.pop(), rows.is_empty()) {
        (Some(row), true) => Ok(row),
        _ => Err(Error::new(Kind::Malformed).about(id!("malformed-object"))),
    }
}

/// Reads every row of a body, or says everything that is wrong with them.
pub(crate) fn read<T>(
    app: &App,
    bytes: &[u8],
    media: Media,
    parse: impl Fn(&mut Row<'_>) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let most = app.settings.limits.rows_max;
    let parts = split(bytes, media)?;
    if parts.len() > most {
        return Err(
            Error::new(Kind::TooLarge).about(phrase!("about-rows", limit = most.to_string()))
        );
    }
    let (mut rows, mut wrong) = (Vec::with_capacity(parts.len()), Vec::new());
    for (line, text) in parts {
        match serde_json::from_str::<Entries<'_>>(text) {
            Ok(Entries(entries)) => {
                let mut row = Row { line, fields: BTreeMap::new(), wrong: Vec::new() };
                row.fill(entries);
                let value = parse(&mut row);
                row.unknown();
                wrong.append(&mut row.wrong);
                rows.extend(value);
            }
            Err(_) => {
                let code = RowCode::Malformed;
                wrong.push(Wrong::Row { line, pointer: String::new(), code });
            }
        }
        if wrong.len() >= VIOLATIONS_MAX {
            break;
        }
    }
    if wrong.is_empty() { Ok(rows) } else { Err(Error::invalid(wrong)) }
}

/// The rows' texts, with their lines (or places in the array) from 1.
fn split(bytes: &[u8], media: Media) -> Result<Vec<(usize, &str)>, Error> {
    let malformed = |about: Arg| Error::new(Kind::Malformed).about(about);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| malformed(id!("malformed-utf8").into()))?;
    // What is blank at the beginning counts as lines.
    let rows: Vec<&str> = match text.trim_start().as_bytes().first() {
        None => return Err(malformed(id!("malformed-empty").into())),
        Some(b'[') => {
            let array: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|e| malformed(e.to_string().into()))?;
            array.into_iter().map(RawValue::get).collect()
        }
        Some(_) if media == Media::Json && serde_json::from_str::<&RawValue>(text).is_ok() => {
            vec![text.trim()]
        }
        Some(_) => text.lines().collect(),
    };
    let rows = rows.into_iter().enumerate().map(|(at, row)| (at + 1, row.trim()));
    Ok(rows.filter(|(_, row)| !row.is_empty()).collect())
}

/// The fields of an object in their order, repetitions included.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Pairs<'a> {
            type Value = Entries<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'a>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

impl<'a> Row<'a> {
    fn fill(&mut self, entries: Vec<(Cow<'a, str>, &'a RawValue)>) {
        for (name, value) in entries {
            let twice = self.fields.get(&name).is_some_and(|other| other.get() != value.get());
            if twice {
                self.is_wrong(&name, RowCode::Known(Code::ConflictingValues));
            }
            self.fields.insert(name, value);
        }
    }

    pub(crate) fn is_wrong(&mut self, field: &str, code: RowCode) {
        let pointer = if field.is_empty() { String::new() } else { format!("/{field}") };
        self.wrong.push(Wrong::Row { line: self.line, pointer, code });
    }

    /// A field that must be there and was not, or was wrong (which is said already).
    pub(crate) fn missing(&mut self, field: &str) {
        let at = format!("/{field}");
        let said = |wrong: &Wrong| matches!(wrong, Wrong::Row { pointer, .. } if *pointer == at);
        if !self.wrong.iter().any(said) {
            self.is_wrong(field, RowCode::Known(Code::Required));
        }
    }

    /// A field's raw text; null and absent are the same.
    pub(crate) fn raw(&mut self, field: &str) -> Option<&'a str> {
        self.fields.remove(field).map(RawValue::get).filter(|text| *text != "null")
    }

    /// Whether a field is there and says nothing.
    pub(crate) fn is_null(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| value.get() == "null")
    }

    /// A text, or a whole number of at most twenty digits, as in documents.
    pub(crate) fn text(&mut self, field: &str) -> Option<String> {
        let raw = self.raw(field)?;
        let text = match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str(raw).ok(),
            Some(b'0'..=b'9') if is_whole(raw) => Some(raw.to_owned()),
            _ => None,
        };
        if text.is_none() {
            self.is_wrong(field, RowCode::Known(Code::WrongType));
        }
        text.filter(|text: &String| !text.is_empty())
    }

    /// A text and nothing else, perhaps empty.
    pub(crate) fn string(&mut self, field: &str) -> Option<String> {
        let text = serde_json::from_str(self.raw(field)?).ok();
        if text.is_none() {
            self.is_wrong(field, RowCode::Known(Code::WrongType));
        }
        text
    }

    /// A name of ours; absent is no violation.
    pub(crate) fn name<T>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let text = self.text(field)?;
        self.named(field, &text, parse)
    }

    /// A name that narrows something down, as a text: an empty one is a violation, and never no
    /// name.
    pub(crate) fn bound<T>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let text = self.string(field)?;
        self.named(field, &text, parse)
    }

    fn named<T>(
        &mut self,
        field: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        match parse(text) {
            Ok(name) => Some(name),
            Err(error) => {
                self.is_wrong(field, RowCode::Known(name_code(error)));
                None
            }
        }
    }

    /// A name that must be there.
    pub(crate) fn required<T>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let before = self.wrong.len();
        let name = self.name(field, parse);
        if name.is_none() && self.wrong.len() == before {
            self.is_wrong(field, RowCode::Known(Code::Required));
        }
        name
    }

    /// A number, as a JSON number or as text.
    pub(crate) fn decimal<T>(
        &mut self,
        field: &str,
        read: impl Fn(Decimal) -> Result<T, DecimalError>,
        fraction: RowCode,
    ) -> Option<T> {
        let raw = self.raw(field)?;
        let text =
            if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { Some(raw.into()) };
        let text: Cow<'_, str> = text.unwrap_or_default();
        match Decimal::parse(text.trim()).and_then(read) {
            Ok(value) => Some(value),
            Err(error) => {
                let code = match error {
                    DecimalError::NotANumber => RowCode::Known(Code::NotANumber),
                    DecimalError::TooLarge => RowCode::Known(Code::TooLarge),
                    DecimalError::TooPrecise => fraction,
                };
                self.is_wrong(field, code);
                None
            }
        }
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, field: &str) -> Option<i64> {
        self.decimal(field, Decimal::to_integer, RowCode::NotWhole)
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, field: &str) -> Option<Vec<String>> {
        let raw = self.raw(field)?;
        let texts = serde_json::from_str(raw).ok();
        if texts.is_none() {
            self.is_wrong(field, RowCode::NotTexts);
        }
        texts
    }

    fn unknown(&mut self) {
        for (name, _) in std::mem::take(&mut self.fields) {
            let name = name.replace('~', "~0").replace('/', "~1");
            self.is_wrong(&name, RowCode::UnknownField);
        }
    }
}

fn is_whole(raw: &str) -> bool {
    raw.len() <= 20 && raw.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn name_code(error: NameError) -> Code {
    match error {
        NameError::Empty => Code::Required,
        NameError::TooLong => Code::TooLong,
        NameError::ControlCharacter => Code::BadName,
    }
}
