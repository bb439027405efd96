//! Reads one order document: bytes in, a checked order or every reason why not out.
//!
//! The hot path is one pass over the bytes into borrowed fields (`shape`) and one judgement of
//! those (`check`). A document of the wrong shape is repaired first (`repair`), so that what
//! is right about it is judged by the same rules, and all violations are reported at once.
//!
//! Never: a float, a clock, an invented value, an unknown field taken into an order.

mod check;
mod date;
mod glance;
mod merge;
mod number;
mod reader;
mod repair;
mod shape;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use domain::id::{MerchantId, OrderId, OrderKey};
use domain::limits::{COUPONS_PER_ORDER_MAX, LINES_PER_ORDER_MAX, NAME_BYTES_MAX, QUANTITY_MAX};
use domain::order::{Channel, Order};
use jiff::tz::TimeZone;
use serde_json::value::RawValue;

pub use self::glance::{Glance, glance};
pub use self::merge::merge;
use self::shape::Document;
pub use self::shape::{Field, Kind as FieldKind};
use super::checks::Checks;
use super::violation::{Code, Detail, Violation};

/// What an intake says about the documents it reads. Made once, borrowed by every [`read`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decimals of the installation's currency (ISO 4217): 2 for BRL.
    pub currency_exponent: u32,
    /// The zone of dates that name none.
    pub time_zone: TimeZone,
    /// The seller of documents that name none.
    pub default_merchant: MerchantId,
    /// What to do without an order id.
    pub missing_id: MissingId,
    /// The channel of documents that name none.
    pub channel: Channel,
    /// How bad the adjustable rules are, for everybody and for single sellers.
    pub checks: Checks,
}

impl Settings {
    /// Brazilian reais, the zone of São Paulo, an order id demanded, channel `api`.
    ///
    /// ```
    /// use domain::id::MerchantId;
    /// use service::wire::document::{Command, Settings, read};
    /// let settings = Settings::new(MerchantId::parse("shop").unwrap());
    /// let document = r#"{"id": "o", "customerId": "c", "items": [{"sku": "P", "quantity": 3}]}"#;
    /// let read = read(document.as_bytes(), &settings).unwrap();
    /// assert_eq!(read.key().id.as_str(), "o");
    /// assert!(matches!(read.command, Command::Create(_)));
    /// ```
    #[must_use]
    pub fn new(default_merchant: MerchantId) -> Self {
        Self {
            currency_exponent: 2,
            time_zone: TimeZone::get("America/Sao_Paulo").unwrap_or(TimeZone::UTC),
            default_merchant,
            missing_id: MissingId::Refuse,
            channel: Channel::default(),
            checks: Checks::default(),
        }
    }
}

/// What to do about a document without an order id.
#[derive(Clone)]
pub enum MissingId {
    /// It is a violation: files, batches, queues.
    Refuse,
    /// The server makes one: REST. Asked only for a valid create that names no `company`.
    Make(Arc<dyn Fn() -> OrderId + Send + Sync>),
}

impl fmt::Debug for MissingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "Refuse",
            Self::Make(_) => "Make",
        })
    }
}

/// A valid document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// What it asks for.
    pub command: Command,
    /// Where it came in.
    pub channel: Channel,
    /// True when the document had no id: a safe retry then needs an idempotency key.
    pub server_made_id: bool,
    /// What is odd about it.
    pub warnings: Vec<Violation>,
}

impl Read {
    /// The order that is meant.
    #[must_use]
    pub fn key(&self) -> &OrderKey {
        match &self.command {
            Command::Create(order) | Command::Amend(order) => &order.key,
            Command::Cancel(key) => key,
        }
    }
}

/// What a document asks for, by its `order_status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Absent, `Pendente`, `Novo Pedido`, `PedidoNovo`.
    Create(Order),
    /// `Alterar Pedido`, `PedidoAlterado`.
    Amend(Order),
    /// `Cancela Pedido`, `PedidoCancelado`. Names an order; the rest of the document is not judged.
    Cancel(OrderKey),
}

/// Why a document is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are no document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The document breaks rules.
    #[error("the document breaks {} rules", violations.len())]
    Invalid {
        /// What could be told of it, to record it by.
        found: Found,
        /// Everything wrong with it, warnings included; at least one is an error.
        violations: Vec<Violation>,
    },
}

/// Where and why bytes stop being a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// The byte in that line, from 1; 0 when the line has not begun.
    pub column: usize,
    /// Why.
    pub reason: Reason,
}

/// Why bytes are no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Some of them are no UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested too deep")]
    TooDeep,
    /// JSON, but no object.
    #[error("expected a JSON object")]
    NoObject,
    /// JSON, but neither an object nor an array.
    #[error("expected a JSON object or array")]
    NoObjectOrArray,
    /// No JSON: the parser's reason, in English.
    #[error("{0}")]
    NoJson(String),
}

/// What could be told of an invalid document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The order id, when it is one.
    pub id: Option<OrderId>,
    /// The seller, when it is clear who.
    pub merchant: Option<MerchantId>,
    /// Where it came in.
    pub channel: Channel,
}

/// The fields that mean something in a document: the table it is read by.
pub const FIELDS: &[Field] = Document::FIELDS;

/// Deepest nesting of a document. Documents are read again by others, and no parser of theirs
/// may run out of stack.
pub const DEPTH_MAX: usize = 128;

/// Reads one order document. The caller bounds its length.
///
/// # Errors
/// [`Fault::Malformed`] for bytes that are no JSON object, [`Fault::Invalid`] with every violation
/// for a document that breaks rules.
pub fn read(bytes: &[u8], settings: &Settings) -> Result<Read, Fault> {
    let text = text(bytes)?;
    let mut document = Document::default();
    match document.read(text) {
        Some(()) => {
            check::check(&document, settings).conclude(|found| repair::respell(text, found))
        }
        None => repair::read(text, settings),
    }
}

/// The order of a kept original, JSON or rows, that was taken in before, whose id is known. Checks that have become
/// stricter since do not take it back; `None` where it is no order even so.
#[must_use]
pub fn read_again(bytes: &[u8], id: &OrderId, settings: &Settings) -> Option<Order> {
    let (mut settings, id) = (Settings { checks: Checks::off(), ..settings.clone() }, id.clone());
    settings.missing_id = MissingId::Make(Arc::new(move || id.clone()));
    match read(&super::csv::canonical(bytes), &settings).ok()?.command {
        Command::Create(order) | Command::Amend(order) => Some(order),
        Command::Cancel(_) => None,
    }
}

/// The orders of a body that is one order or an array of orders, unjudged.
///
/// # Errors
/// [`Fault::Malformed`] for bytes that are neither a JSON object nor an array.
///
/// ```
/// use service::wire::document::split;
/// let orders = split(br#"[{"id": 1}, {"id": 2}]"#).unwrap();
/// assert_eq!(orders[1].get(), r#"{"id": 2}"#);
/// ```
pub fn split(bytes: &[u8]) -> Result<Vec<&RawValue>, Fault> {
    let text = text(bytes)?;
    let body: &RawValue = serde_json::from_str(text).map_err(|e| Malformed::from_json(&e))?;
    match body.get().as_bytes().first() {
        Some(b'{') => Ok(vec![body]),
        Some(b'[') => Ok(serde_json::from_str(text).map_err(|e| Malformed::from_json(&e))?),
        _ => Err(Malformed::at(text, body.get(), Reason::NoObjectOrArray).into()),
    }
}

/// The fields of a document that Comanda does not know, with their exact digits, for display:
/// what is left of it when every known field is taken out, each in its place. Of bytes that are
/// no document: none.
///
/// ```
/// use service::wire::document::attributes;
/// let document = r#"{"id": "o-1", "gift": {"wrap": 1.10},
///     "items": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1, "size": "M"}]}"#;
/// let unknown = serde_json::to_string(&attributes(document.as_bytes())).unwrap();
/// assert_eq!(unknown, r#"{"gift":{"wrap": 1.10},"items":[{},{"size":"M"}]}"#);
/// ```
#[must_use]
pub fn attributes(bytes: &[u8]) -> BTreeMap<String, Box<RawValue>> {
    let document = text(bytes).ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    document.map(|document| shape::unknown(document, Document::FIELDS)).unwrap_or_default()
}

/// What a violation's message says beyond the place. It follows from the rule and the place: the
/// ledger keeps no more than these.
///
/// ```
/// use service::wire::document::detail;
/// use service::wire::violation::{Code, Detail, Expected};
/// assert_eq!(detail(Code::TooManyItems, "/items"), Detail::Limit(1_000));
/// let number = Detail::Expected(Expected::Number);
/// assert_eq!(detail(Code::WrongType, "/items/3/quantity"), number);
/// ```
#[must_use]
pub fn detail(code: Code, pointer: &str) -> Detail {
    let limit = |limit: usize| Detail::Limit(i64::try_from(limit).unwrap_or(i64::MAX));
    match code {
        Code::TooLong => limit(NAME_BYTES_MAX),
        Code::TooManyItems => limit(LINES_PER_ORDER_MAX),
        Code::TooManyCoupons => limit(COUPONS_PER_ORDER_MAX),
        Code::TooLarge if pointer.ends_with("/quantity") => Detail::Limit(QUANTITY_MAX),
        Code::WrongType => Detail::Expected(shape::expected(pointer)),
        Code::TooLarge
        | Code::Required
        | Code::ConflictingValues
        | Code::MerchantConflict
        | Code::RowsApart
        | Code::RowWidth
        | Code::BadQuotes
        | Code::NotUtf8
        | Code::AmbiguousNumber
        | Code::MixedKinds
        | Code::BadName
        | Code::EmptyItems
        | Code::NotANumber
        | Code::BadQuantity
        | Code::Negative
        | Code::TooPrecise
        | Code::NotPositive
        | Code::BadDate
        | Code::UnknownStatus
        | Code::UnknownChannel
        | Code::UnknownShortagePolicy
        | Code::BadAccount
        | Code::SameAccount
        | Code::NoCustomer
        | Code::BadCpf
        | Code::BadCnpj
        | Code::BadEmail
        | Code::CepStateMismatch
        | Code::PaymentMismatch
        | Code::DeliveryBeforeOrder => Detail::None,
    }
}

/// The bytes as text without a byte order mark, not nested too deep.
fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        Malformed::after(valid, Reason::NotUtf8)
    })?;
    // Almost no document has enough brackets to be too deep: counting those is far cheaper.
    if brackets(bytes) <= DEPTH_MAX {
        return Ok(text);
    }
    match too_deep(bytes) {
        Some(before) => Err(Malformed::after(before, Reason::TooDeep)),
        None => Ok(text),
    }
}

/// How many `[` and `{`, those inside strings included.
fn brackets(bytes: &[u8]) -> usize {
    // Sums of bytes, 255 at a time, so that the compiler can count sixteen at once.
    let count = |bytes: &[u8]| {
        bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(u8::from(byte | 0x20 == b'{')))
    };
    bytes.chunks(255).map(|chunk| usize::from(count(chunk))).sum()
}

/// What stands before the first bracket that is nested too deep.
fn too_deep(bytes: &[u8]) -> Option<&[u8]> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return bytes.get(..at);
        }
    }
    None
}

impl Malformed {
    fn from_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        let reason = Reason::NoJson(message.to_owned());
        Self { line: error.line(), column: error.column(), reason }
    }

    /// An error of parsing `part`, which is a part of `text`.
    fn within(text: &str, part: &str, error: &serde_json::Error) -> Self {
        let (before, inside) = (Self::at(text, part, Reason::NoObject), Self::from_json(error));
        let column = if inside.line > 1 { 0 } else { before.column.saturating_sub(1) };
        Self {
            line: before.line + inside.line.saturating_sub(1),
            column: column + inside.column,
            reason: inside.reason,
        }
    }

    /// The fault is the first byte after `valid`.
    fn after(valid: &[u8], reason: Reason) -> Self {
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = valid.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Self { line, column, reason }
    }

    /// The fault is where `part` begins, which is a part of `text`.
    fn at(text: &str, part: &str, reason: Reason) -> Self {
        let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        Self::after(text.as_bytes().get(..offset).unwrap_or_default(), reason)
    }
}

#[cfg(test)]
mod mutated;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use domain::order::Body;
    use proptest::prelude::*;

    const ORDER: &str = r#"{"orderId":"o-1","merchantid":"m","x":[{},1e5],"channel":"web",
        "company":{"name":"Loja \u00e9","cnpj":11222333000181},
        "customer":{"cpf":"529.982.247-25","email":"a@b.example",
            "address":{"state":"RJ","zip_code":22640102}},
        "items":[{"sku":"A","quantity":"2","price":1.5},{"productId":"B","quantity":1}],
        "payment":{"amount":"3.00"},"coupons":["C","D"],"notes":null,
        "shipping":{"cost":2.345,"expected_delivery_date":"2023-10-03"},
        "order_date":"2023-10-01 10:30:00"}"#;

    /// Somewhere, so many bytes are replaced by that piece.
    type Damage = (prop::sample::Index, usize, &'static str);

    fn damage() -> impl Strategy<Value = Vec<Damage>> {
        let pieces = prop::sample::select(vec![
            "",
            "0",
            "\"",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "null",
            "\\u00e1",
            "\\",
            "-",
            ".",
            "e9",
            " ",
            "\"id\":1,",
            "true",
            "99999999999999999999999",
            "\"\"",
            "[]",
            "{}",
            "\u{1}",
            "ção",
        ]);
        prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, pieces), 0..4)
    }

    fn damaged(damage: Vec<Damage>) -> String {
        let mut text = ORDER.to_owned();
        for (at, len, piece) in damage {
            let boundary = |at: usize| (at..).find(|at| text.is_char_boundary(*at)).unwrap();
            let from = boundary(at.index(text.len() + 1));
            let to = boundary((from + len).min(text.len()));
            text.replace_range(from..to, piece);
        }
        text
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]
        #[test]
        fn a_glance_sees_the_lines_that_were_taken_in(text in damage().prop_map(damaged)) {
            let settings = Settings::new(MerchantId::parse("default").unwrap());
            if let Ok(Command::Create(order)) = read(text.as_bytes(), &settings).map(|r| r.command)
                && let Body::Purchase(purchase) = order.body
            {
                let seen = glance(text.as_bytes(), &settings.time_zone).unwrap_or_default();
                let lines = purchase.lines.as_slice().iter();
                let lines: Vec<_> = lines.map(|l| (l.sku.clone(), l.quantity)).collect();
                prop_assert_eq!((seen.lines, seen.ordered_at), (lines, purchase.ordered_at), "{}", text);
            }
        }

        #[test]
        fn the_fast_and_the_careful_way_agree(text in damage().prop_map(damaged)) {
            let settings = Settings::new(MerchantId::parse("default").unwrap());
            let careful = repair::read(&text, &settings);
            prop_assert_eq!(read(text.as_bytes(), &settings), careful, "{}", text);
        }
    }

    #[test]
    fn what_is_too_deep_is_found_and_brackets_in_texts_are_not() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(text(nested(DEPTH_MAX).as_bytes()).is_ok());
        let deep = text(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err();
        assert_eq!((deep.line, deep.column), (1, DEPTH_MAX + 1));
        assert!(text(format!("\"{}\\\"{{\"", "[{".repeat(500)).as_bytes()).is_ok());
        assert_eq!(brackets("é[{".repeat(1_000).as_bytes()), 2_000);
    }
}
