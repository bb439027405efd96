//! Values that a client binds to `$1`, `$2`, …: from the wire, as text or binary, to the engine's.
//!
//! A value has the type that the client says it has; what it says nothing of is what the statement
//! wants there. The engine then brings types together as it does for literals.
//!
//! Never: a number that passes through floating point unless it was sent as one.

use std::iter::Peekable;
use std::str::Chars;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::failure::{Failure, code};
use super::message::Bind;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
const EPOCH_US: i64 = EPOCH_DAYS as i64 * 86_400_000_000;
/// Digits of a number that is bound: as many as the engine has.
const DIGITS_MAX: u8 = 38;
/// Decimal places of a number that is bound, at most; the engine's own sums stay within.
const SCALE_MAX: u8 = 18;

/// A type that values are bound as.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    /// As the client says.
    Said(Type),
    /// As the statement wants it there.
    Wanted(DataType),
    /// Nobody knows: a text.
    Unknown,
}

impl Bound {
    /// What a parameter is bound as, by what the client says (0 is nothing) and by what the
    /// statement wants.
    pub(super) fn of(said: u32, wanted: Option<&DataType>) -> Self {
        match Type::from_oid(said) {
            Some(Type::UNKNOWN) | None => wanted.cloned().map_or(Self::Unknown, Self::Wanted),
            // A text that is bound where a moment or a number is wanted means one.
            Some(Type::TEXT | Type::VARCHAR) => match wanted {
                Some(wanted) if !wanted.is_string() => Self::Wanted(wanted.clone()),
                _ => Self::Said(Type::TEXT),
            },
            Some(said) => Self::Said(said),
        }
    }

    /// The type that the client is told.
    pub(super) fn told(&self) -> Type {
        match self {
            Self::Said(said) => said.clone(),
            Self::Wanted(wanted) => arrow_pg::datatypes::into_pg_type(wanted).unwrap_or(Type::TEXT),
            Self::Unknown => Type::TEXT,
        }
    }

    /// No value of this type.
    pub(super) fn null(&self) -> Result<ScalarValue, Failure> {
        self.value(None, Coding::Text)
    }

    fn value(&self, bytes: Option<&[u8]>, coding: Coding) -> Result<ScalarValue, Failure> {
        let (kind, scalar) = match self {
            Self::Said(said) => (said.clone(), engine_type(said)?),
            Self::Wanted(wanted) => (self.told(), wanted.clone()),
            Self::Unknown => (Type::TEXT, DataType::Utf8),
        };
        let Some(bytes) = bytes else {
            return ScalarValue::try_from(&scalar).map_err(Failure::from);
        };
        let is_number = *self == Self::Said(Type::NUMERIC);
        match coding {
            // A number keeps the decimal places that it is written with.
            Coding::Text if is_number => of_text(bytes, &decimal(bytes)),
            Coding::Binary if is_number => of_binary(bytes, &kind),
            Coding::Text => of_text(bytes, &scalar),
            Coding::Binary => of_binary(bytes, &kind)?.cast_to(&scalar).map_err(Failure::from),
        }
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Text,
    Binary,
}

/// The values of a bind, as many as the statement has parameters.
pub(super) fn values(bind: &Bind, bound: &[Bound]) -> Result<Vec<ScalarValue>, Failure> {
    if bind.values.len() != bound.len() {
        let message = format!(
            "bind message supplies {} parameters, but prepared statement \"{}\" requires {}",
            bind.values.len(),
            bind.statement,
            bound.len(),
        );
        return Err(Failure::new(code::PROTOCOL_VIOLATION, message));
    }
    let codings = codings(&bind.formats, bound.len())?;
    let values = bind.values.iter().zip(bound).zip(codings);
    values.map(|((value, bound), coding)| bound.value(value.as_deref(), coding)).collect()
}

/// Format codes, one each: as they are sent, one for all, or text where none is.
pub(super) fn formats(sent: &[i16], count: usize) -> Result<Vec<i16>, Failure> {
    let refused = |message: String| Err(Failure::new(code::PROTOCOL_VIOLATION, message));
    if let Some(wrong) = sent.iter().find(|format| !matches!(format, 0 | 1)) {
        return refused(format!("there is no format {wrong}"));
    }
    match sent {
        [] => Ok(vec![0; count]),
        [one] => Ok(vec![*one; count]),
        each if each.len() == count => Ok(each.to_vec()),
        each => refused(format!("{} formats are given for {count} values", each.len())),
    }
}

fn codings(sent: &[i16], count: usize) -> Result<Vec<Coding>, Failure> {
    let formats = formats(sent, count)?;
    let coding = |format| if format == 1 { Coding::Binary } else { Coding::Text };
    Ok(formats.into_iter().map(coding).collect())
}

/// The engine's type of values that a client says the type of.
fn engine_type(said: &Type) -> Result<DataType, Failure> {
    let list = |item: DataType| DataType::new_list(item, true);
    let numeric = DataType::Decimal128(DIGITS_MAX, SCALE_MAX.cast_signed());
    Ok(match *said {
        Type::BOOL => DataType::Boolean,
        Type::INT2 => DataType::Int16,
        Type::INT4 => DataType::Int32,
        Type::INT8 => DataType::Int64,
        Type::OID => DataType::Int32,
        Type::FLOAT4 => DataType::Float32,
        Type::FLOAT8 => DataType::Float64,
        Type::NUMERIC => numeric,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UUID => DataType::Utf8,
        Type::JSON | Type::JSONB => DataType::Utf8,
        Type::DATE => DataType::Date32,
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::BYTEA => DataType::Binary,
        Type::INT2_ARRAY => list(DataType::Int16),
        Type::INT4_ARRAY => list(DataType::Int32),
        Type::INT8_ARRAY => list(DataType::Int64),
        Type::NUMERIC_ARRAY => list(numeric),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => list(DataType::Utf8),
        ref other => {
            let message = format!("parameters of type {} are not taken", other.name());
            return Err(Failure::new(code::FEATURE_NOT_SUPPORTED, message));
        }
    })
}

/// The type of a number with as many decimal places as are written.
fn decimal(text: &[u8]) -> DataType {
    let places = text.iter().skip_while(|byte| **byte != b'.').skip(1);
    let places = places.take_while(|byte| byte.is_ascii_digit()).count();
    let places = u8::try_from(places).unwrap_or(SCALE_MAX).min(SCALE_MAX);
    DataType::Decimal128(DIGITS_MAX, places.cast_signed())
}

fn of_text(bytes: &[u8], scalar: &DataType) -> Result<ScalarValue, Failure> {
    let invalid = || {
        let shown: String = String::from_utf8_lossy(bytes).chars().take(100).collect();
        Failure::new(code::INVALID_TEXT, format!("\"{shown}\" is no value of type {scalar}"))
    };
    let text = std::str::from_utf8(bytes).map_err(|_| invalid())?;
    match scalar {
        DataType::List(item) => {
            let items = array(text).ok_or_else(invalid)?;
            let items = items.iter().map(|value| match value {
                Some(value) => of_text(value.as_bytes(), item.data_type()),
                None => ScalarValue::try_from(item.data_type()).map_err(Failure::from),
            });
            let items: Vec<_> = items.collect::<Result<_, _>>()?;
            Ok(ScalarValue::List(ScalarValue::new_list_nullable(&items, item.data_type())))
        }
        DataType::Binary => {
            let digits = text.strip_prefix("\\x").ok_or_else(invalid)?;
            let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
            let bytes = (0..digits.len()).step_by(2).map(pair).collect::<Option<Vec<_>>>();
            Ok(ScalarValue::Binary(Some(bytes.ok_or_else(invalid)?)))
        }
        _ => {
            let text = if scalar.is_string() { text } else { text.trim() };
            match ScalarValue::Utf8(Some(text.to_owned())).cast_to(scalar) {
                // Where a text cannot be read, the engine makes nothing of it.
                Ok(value) if !value.is_null() => Ok(value),
                Ok(_) | Err(_) => Err(invalid()),
            }
        }
    }
}

/// The values of `{a,"b c",NULL}`.
fn array(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut values = Vec::new();
    if inner.trim().is_empty() {
        return Some(values);
    }
    let mut left = inner.chars().peekable();
    loop {
        values.push(if left.next_if_eq(&'"').is_some() {
            Some(quoted(&mut left)?)
        } else {
            Some(unquoted(&mut left)?).filter(|value| !value.eq_ignore_ascii_case("null"))
        });
        match left.next() {
            Some(',') => {}
            Some(_) => return None,
            None => return Some(values),
        }
    }
}

type Letters<'a> = Peekable<Chars<'a>>;

/// What stands before a closing quote, which is passed.
fn quoted(left: &mut Letters<'_>) -> Option<String> {
    let mut value = String::new();
    loop {
        match left.next()? {
            '"' => return Some(value),
            '\\' => value.push(left.next()?),
            other => value.push(other),
        }
    }
}

/// What stands before a comma or the end.
fn unquoted(left: &mut Letters<'_>) -> Option<String> {
    let mut value = String::new();
    while let Some(letter) = left.next_if(|letter| *letter != ',') {
        match letter {
            '{' | '}' | '"' => return None,
            '\\' => value.push(left.next()?),
            other => value.push(other),
        }
    }
    Some(value)
}

fn of_binary(bytes: &[u8], kind: &Type) -> Result<ScalarValue, Failure> {
    let value = match *kind {
        Type::BOOL => exact(bytes).map(|[byte]| ScalarValue::Boolean(Some(byte != 0))),
        Type::INT2 => exact(bytes).map(|b| ScalarValue::Int16(Some(i16::from_be_bytes(b)))),
        Type::INT4 | Type::OID => {
            exact(bytes).map(|b| ScalarValue::Int32(Some(i32::from_be_bytes(b))))
        }
        Type::INT8 => exact(bytes).map(|b| ScalarValue::Int64(Some(i64::from_be_bytes(b)))),
        Type::FLOAT4 => exact(bytes).map(|b| ScalarValue::Float32(Some(f32::from_be_bytes(b)))),
        Type::FLOAT8 => exact(bytes).map(|b| ScalarValue::Float64(Some(f64::from_be_bytes(b)))),
        Type::NUMERIC => numeric(bytes),
        Type::DATE => exact(bytes).and_then(|b| {
            let days = i32::from_be_bytes(b).checked_add(EPOCH_DAYS)?;
            Some(ScalarValue::Date32(Some(days)))
        }),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => exact(bytes).and_then(|b| {
            let us = i64::from_be_bytes(b).checked_add(EPOCH_US)?;
            let zone = (*kind == Type::TIMESTAMPTZ).then(|| "UTC".into());
            Some(ScalarValue::TimestampMicrosecond(Some(us), zone))
        }),
        Type::BYTEA => Some(ScalarValue::Binary(Some(bytes.to_vec()))),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => {
            let text = std::str::from_utf8(bytes).ok();
            text.map(|text| ScalarValue::Utf8(Some(text.to_owned())))
        }
        Type::INT2_ARRAY => list(bytes, &Type::INT2),
        Type::INT4_ARRAY => list(bytes, &Type::INT4),
        Type::INT8_ARRAY => list(bytes, &Type::INT8),
        Type::NUMERIC_ARRAY => list(bytes, &Type::NUMERIC),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY => list(bytes, &Type::TEXT),
        ref other => {
            let message = format!("binary parameters of type {} are not taken", other.name());
            return Err(Failure::new(code::FEATURE_NOT_SUPPORTED, message));
        }
    };
    value.ok_or_else(|| {
        let message = format!("a parameter holds no binary value of type {}", kind.name());
        Failure::new(code::INVALID_BINARY, message)
    })
}

fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// A number: groups of four digits, the first of which has a weight of ten thousands.
fn numeric(bytes: &[u8]) -> Option<ScalarValue> {
    const POSITIVE: u16 = 0;
    const NEGATIVE: u16 = 0x4000;
    let (head, groups) = bytes.split_at_checked(8)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight) = (usize::from(word(0)), word(2).cast_signed());
    let (sign, scale) = (word(4), u8::try_from(word(6)).ok().filter(|s| *s <= SCALE_MAX)?);
    if groups.len() != count * 2 || !matches!(sign, POSITIVE | NEGATIVE) {
        return None;
    }
    let mut value: i128 = 0;
    for (at, group) in groups.chunks_exact(2).enumerate() {
        let group = i128::from(u16::from_be_bytes([group[0], group[1]]));
        // How many zeros follow the group's last digit, once the point is `scale` digits back.
        let zeros = (i32::from(weight) - i32::try_from(at).ok()?) * 4 + i32::from(scale);
        let part = match u32::try_from(zeros) {
            Ok(zeros) => group.checked_mul(10_i128.checked_pow(zeros)?)?,
            Err(_) => group / 10_i128.checked_pow(zeros.unsigned_abs())?,
        };
        value = value.checked_add(part)?;
    }
    let value = if sign == NEGATIVE { -value } else { value };
    let fits = value.unsigned_abs() < 10_u128.pow(u32::from(DIGITS_MAX));
    let scale = i8::try_from(scale).ok()?;
    fits.then_some(ScalarValue::Decimal128(Some(value), DIGITS_MAX, scale))
}

/// An array of one dimension.
fn list(bytes: &[u8], kind: &Type) -> Option<ScalarValue> {
    let item_type = engine_type(kind).ok()?;
    let word = |at: usize| -> Option<i32> { exact(bytes.get(at..at + 4)?).map(i32::from_be_bytes) };
    if u32::try_from(word(8)?) != Ok(kind.oid()) && kind != &Type::TEXT {
        return None;
    }
    let count = match word(0)? {
        0 => 0,
        1 => usize::try_from(word(12)?).ok()?,
        _ => return None,
    };
    let (mut items, mut at) = (Vec::new(), 20);
    for _ in 0..count {
        let length = word(at)?;
        at += 4;
        let value = match usize::try_from(length) {
            Ok(length) => {
                let value = of_binary(bytes.get(at..at.checked_add(length)?)?, kind).ok()?;
                at += length;
                value.cast_to(&item_type).ok()?
            }
            Err(_) => ScalarValue::try_from(&item_type).ok()?,
        };
        items.push(value);
    }
    Some(ScalarValue::List(ScalarValue::new_list_nullable(&items, &item_type)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, bound: &Bound) -> Result<String, &'static str> {
        let value = bound.value(Some(value.as_bytes()), Coding::Text);
        value.map(|value| value.to_string()).map_err(|failure| failure.code)
    }

    fn said(kind: Type) -> Bound {
        Bound::Said(kind)
    }

    #[test]
    fn texts_are_read_as_what_they_are_said_to_be() {
        assert_eq!(text("42", &said(Type::INT4)).as_deref(), Ok("42"));
        assert_eq!(text(" t", &said(Type::BOOL)).as_deref(), Ok("true"));
        assert_eq!(text(" x ", &said(Type::TEXT)).as_deref(), Ok(" x "));
        assert_eq!(text("forty", &said(Type::INT4)), Err("22P02"));
        assert_eq!(text("1", &said(Type::POINT)), Err("0A000"));
        let wanted = Bound::Wanted(DataType::Decimal128(18, 4));
        assert_eq!(text("12.5", &wanted).as_deref(), Ok("12.5000"));
    }

    #[test]
    fn moments_have_offsets_or_are_days() {
        let wanted = Bound::of(0, Some(&engine_type(&Type::TIMESTAMPTZ).unwrap()));
        let at = |us| ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into())).to_string();
        let noon = "2026-11-22 12:00:00";
        for (value, us) in [
            (format!("{noon}+00"), 1_795_348_800_000_000_i64),
            (format!("{noon}.5-03:00"), 1_795_359_600_500_000),
            ("2026-11-22".to_owned(), 1_795_305_600_000_000),
        ] {
            assert_eq!(text(&value, &wanted), Ok(at(us)), "{value}");
        }
        assert_eq!(text("yesterday", &wanted), Err("22P02"));
    }

    #[test]
    fn numbers_of_ten_thousands_are_exact() {
        // 12345.6789 and -0.0001, as PostgreSQL sends them.
        let value = |bytes: &[u8]| numeric(bytes).map(|value| value.to_string());
        let one = [0, 3, 0, 1, 0, 0, 0, 4, 0, 1, 9, 41, 26, 133];
        assert_eq!(value(&one), Some("12345.6789".to_owned()));
        let other = [0, 1, 255, 255, 0x40, 0, 0, 4, 0, 1];
        assert_eq!(value(&other), Some("-0.0001".to_owned()));
        let not_a_number = [0, 0, 0, 0, 0xc0, 0, 0, 0];
        assert_eq!(value(&not_a_number), None);
        assert_eq!(value(&one[..10]), None);
        assert_eq!(value(&[0, 1, 127, 255, 0, 0, 0, 0, 0, 1]), None);
    }

    #[test]
    fn arrays_are_read_with_quotes_and_nulls() {
        let read = |text| {
            let values = array(text)?;
            Some(values.into_iter().map(|v| v.unwrap_or("-".to_owned())).collect::<Vec<_>>())
        };
        let some = |values: &[&str]| Some(values.iter().map(|v| (*v).to_owned()).collect());
        assert_eq!(
            read("{a,\"b,\\\"c\",NULL,\"NULL\",d}"),
            some(&["a", "b,\"c", "-", "NULL", "d"])
        );
        assert_eq!(read("{}"), some(&[]));
        assert_eq!(read("{\"a\"}"), some(&["a"]));
        for wrong in ["", "a", "{a", "{\"a}", "{\"a\"b}", "{{a}}", "{a\\"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_binary_array_is_read_to_its_end_only() {
        let bytes = [
            [0, 0, 0, 1],
            [0, 0, 0, 1],
            [0, 0, 0, 21],
            [0, 0, 0, 2],
            [0, 0, 0, 1],
            [0, 0, 0, 2],
            [0, 7, 255, 255],
            [255, 255, 0, 0],
        ];
        let bytes = &bytes.concat()[..30];
        let read = list(bytes, &Type::INT2).map(|list| list.to_string());
        assert_eq!(read.as_deref(), Some("[7, ]"));
        assert_eq!(list(&bytes[..24], &Type::INT2), None);
        assert_eq!(list(bytes, &Type::INT8), None);
    }

    #[test]
    fn formats_are_none_one_or_one_each() {
        assert_eq!(formats(&[], 2), Ok(vec![0, 0]));
        assert_eq!(formats(&[1], 2), Ok(vec![1, 1]));
        assert_eq!(formats(&[1, 0], 2), Ok(vec![1, 0]));
        assert!(formats(&[1, 0], 3).is_err() && formats(&[2], 1).is_err());
    }
}
