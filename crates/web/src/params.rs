//! Query parameters: known ones only, each once, parsed once. And cursors, which are opaque.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use domain::id::{MerchantId, NameError, Sku, StockKey};
use domain::time::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use service::change::Seq;

use crate::error::{Error, Kind};

/// The parameters of one request.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads them; `known` are the names that mean something here.
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Error> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        let Query(pairs) = pairs.map_err(|_| Error::parameter("?"))?;
        // Bytes that are no text are read as this one, which may also be meant.
        let meant =
            uri.query().is_some_and(|query| query.to_ascii_uppercase().contains("%EF%BF%BD"));
        if let Some((name, _)) =
            pairs.iter().find(|(name, value)| !meant && (name.clone() + value).contains('\u{fffd}'))
        {
            return Err(Error::parameter(&shown(name)));
        }
        for (at, (name, _)) in pairs.iter().enumerate() {
            let repeated = pairs.iter().take(at).any(|(earlier, _)| earlier == name);
            if repeated || !known.contains(&name.as_str()) {
                let error = Error::parameter(&shown(name));
                return Err(error.with("known", known.to_vec()));
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that something else may make of its text.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| Error::parameter(name))
    }

    /// A name of ours.
    pub(crate) fn name<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, NameError>,
    ) -> Result<Option<T>, Error> {
        self.parsed(name, |text| parse(text).ok())
    }

    /// The seller; the installation's own when not named.
    pub(crate) fn merchant(&self, default: &MerchantId) -> Result<MerchantId, Error> {
        Ok(self.name("merchant_id", MerchantId::parse)?.unwrap_or_else(|| default.clone()))
    }

    /// Most rows: from 1 to `most`.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Error> {
        let limit = self
            .parsed("limit", |text| text.parse().ok().filter(|limit| (1..=most).contains(limit)))?;
        Ok(limit.unwrap_or(default))
    }

    /// A moment (RFC 3339), or a day in `zone`: its beginning.
    pub(crate) fn from(&self, name: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Error> {
        self.parsed(name, |text| moment(text).or_else(|| day(text.parse().ok()?, zone)))
    }

    /// A moment (RFC 3339), or a day in `zone`: its end, so that the day is included.
    pub(crate) fn until(&self, name: &str, zone: &TimeZone) -> Result<Option<Timestamp>, Error> {
        self.parsed(name, |text| {
            moment(text).or_else(|| day(text.parse::<Date>().ok()?.tomorrow().ok()?, zone))
        })
    }
}

/// A parameter's name as it may be repeated to whoever sent it.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A name in a path. One that is not UTF-8 names nothing.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        name.map(|Path(name)| Self(name)).map_err(|_| Error::new(Kind::NotFound))
    }
}

/// For addresses that take no parameters.
pub(crate) struct NoParams;

impl<S: Send + Sync> FromRequestParts<S> for NoParams {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Params::read(&parts.uri, &[]).map(|_| Self)
    }
}

/// A moment (RFC 3339).
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond()))
}

fn day(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = date.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(zoned.timestamp().as_microsecond()))
}

/// A place in the log, as callers hold it.
pub(crate) fn cursor(seq: Seq) -> String {
    format!("{:x}", seq.0)
}

/// What [`cursor`] wrote.
pub(crate) fn read_cursor(text: &str) -> Option<Seq> {
    // A number may have a sign; a cursor has none.
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(text, 16).ok().map(Seq)).flatten()
}

/// Names as one cursor: no name holds the byte between them.
pub(crate) fn names_cursor(names: &[&str]) -> String {
    names.join("\0").bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What [`names_cursor`] wrote, when it was two names.
pub(crate) fn read_names_cursor(text: &str) -> Option<(String, String)> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    let text = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
    text.split_once('\0').map(|(a, b)| (a.to_owned(), b.to_owned()))
}

/// A cursor that is a product.
pub(crate) fn read_stock_cursor(text: &str) -> Option<StockKey> {
    let (merchant, sku) = read_names_cursor(text)?;
    Some(StockKey { merchant: MerchantId::parse(&merchant).ok()?, sku: Sku::parse(&sku).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_nonsense_does_not() {
        assert_eq!(read_cursor(&cursor(Seq(12_345))), Some(Seq(12_345)));
        let names = names_cursor(&["m", "ç\""]);
        assert_eq!(read_names_cursor(&names), Some(("m".into(), "ç\"".into())));
        for text in ["", "zz", "6", "616", "ff00ff", "+1"] {
            assert_eq!(read_names_cursor(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_included_to_its_end() {
        let uri: Uri = "/?from=2025-01-09&until=2025-01-09".parse().unwrap();
        let params = Params::read(&uri, &["from", "until"]).unwrap();
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let from = params.from("from", &zone).unwrap().unwrap();
        let until = params.until("until", &zone).unwrap().unwrap();
        assert_eq!(until.0 - from.0, 24 * 3_600 * 1_000_000);
        assert_eq!(from.0 % (24 * 3_600 * 1_000_000), 3 * 3_600 * 1_000_000);
    }
}
