//! What a setting's text may be: one type for each way to read it.
//!
//! A type says what it allows, so that every refusal can. Structures (`Shape::Table`) are read by
//! serde, with the place of what is wrong in them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use domain::id::MerchantId;
use domain::stock::{ShortagePolicy, UnknownSku};
use jiff::tz::TimeZone;
use serde::Deserialize;
use service::wire::checks::{Levels, Rule};
use service::wire::message::Lang;
use service::wire::violation::Severity;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::place::BucketIn;
use super::rows::Rows;

/// What a value is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `"text"`
    Text,
    /// `1_000`
    Integer,
    /// A table of its own; everywhere else as an inline table: `{bad_cpf = "error"}`
    Table,
    /// Tables of their own, `[[so]]`; everywhere else as an array of inline tables.
    Rows,
}

/// A value that is not allowed, and where in the file.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) at: Range<usize>,
    pub(crate) why: String,
}

/// A setting's type, as the table knows it.
pub(crate) struct Kind {
    pub(crate) shape: Shape,
    pub(crate) secret: bool,
    /// What it takes, for people.
    pub(crate) allowed: fn() -> String,
    pub(crate) is_allowed: fn(&str) -> bool,
    /// Why a text that is not allowed is not; a secret is not repeated.
    pub(crate) why: fn(&str) -> String,
    /// What each of several tables is made of.
    pub(crate) rows: Option<&'static Rows>,
    /// The text that a value of the file stands for.
    pub(crate) read_toml: fn(Spanned<DeValue<'_>>) -> Result<String, Unfit>,
}

/// What a setting's text is read as.
pub(super) trait Value: Sized {
    /// What it is in the file.
    const SHAPE: Shape;
    /// Whether it is shown to nobody.
    const SECRET: bool = false;
    /// What each of several tables is made of, where it is that.
    const ROWS: Option<&'static Rows> = None;
    /// What it takes, for people: follows "takes".
    fn allowed() -> String;
    /// Why a text is not allowed: follows the setting's name.
    fn why(text: &str) -> String {
        refused(&Self::allowed(), text, Self::SECRET)
    }
    /// The text, read; `None` when it is not allowed.
    fn parse(text: &str) -> Option<Self>;
    /// The text that a value of the file stands for.
    fn read_toml(value: Spanned<DeValue<'_>>) -> Result<String, Unfit> {
        let at = value.span();
        let text = match (Self::SHAPE, value.get_ref()) {
            (Shape::Text, DeValue::String(text)) => text.to_string(),
            (Shape::Integer, DeValue::Integer(number)) if number.radix() == 10 => {
                number.as_str().to_owned()
            }
            (Shape::Text | Shape::Integer | Shape::Table | Shape::Rows, other) => {
                let why = format!("takes {}, not {}", Self::allowed(), article(other.type_str()));
                return Err(Unfit { at, why });
            }
        };
        let unfit = || Unfit { at, why: Self::why(&text) };
        Self::parse(&text).map(|_| text.clone()).ok_or_else(unfit)
    }
}

pub(super) fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Why a text is refused; a secret is not repeated.
fn refused(allowed: &str, text: &str, secret: bool) -> String {
    if secret { format!("takes {allowed}") } else { format!("takes {allowed}, not `{text}`") }
}

/// A whole number between two bounds, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> Value for Within<MIN, MAX> {
    const SHAPE: Shape = Shape::Integer;
    fn allowed() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }
    fn parse(text: &str) -> Option<Self> {
        let number = text.replace('_', "").parse().ok()?;
        (MIN..=MAX).contains(&number).then_some(Self(number))
    }
}

/// Nothing, when the text is empty.
impl<T: Value> Value for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const SECRET: bool = T::SECRET;
    fn allowed() -> String {
        format!("{}, or nothing (\"\")", T::allowed())
    }
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
    fn why(text: &str) -> String {
        T::why(text)
    }
    fn read_toml(value: Spanned<DeValue<'_>>) -> Result<String, Unfit> {
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => Ok(String::new()),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => T::read_toml(value),
        }
    }
}

impl Value for PathBuf {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "a path".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
}

impl Value for SocketAddr {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "an address with a port, such as 127.0.0.1:8080 or [::]:8080".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Where PostgreSQL's clients are listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SqlListen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl Value for SqlListen {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "an address with a port, such as 127.0.0.1:5439 or [::]:5439, or off".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        if text == "off" { Some(Self::Off) } else { text.parse().ok().map(Self::At) }
    }
}

impl Value for MerchantId {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "1 to 128 bytes without control characters".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Value for TimeZone {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "an IANA time zone such as America/Sao_Paulo".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        Self::get(text).ok()
    }
}

/// What is shown to nobody.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Value for Secret {
    const SHAPE: Shape = Shape::Text;
    const SECRET: bool = true;
    fn allowed() -> String {
        "a text of visible ASCII".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let visible = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        visible.then(|| Self(text.to_owned()))
    }
}

/// The address of a service, without a slash at its end.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint(pub(crate) String);

impl Value for Endpoint {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "an address such as http://127.0.0.1:8080".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
        let host = rest.split('/').next().unwrap_or_default();
        let sound = !host.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        sound.then(|| Self(text.trim_end_matches('/').to_owned()))
    }
}

/// What of the logs is shown.
#[derive(Clone, Debug)]
pub(crate) struct Filter(pub(crate) String);

impl Value for Filter {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "off, error, warn, info, debug, trace, or a filter such as `info,web=debug`".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let sound = tracing_subscriber::EnvFilter::try_new(text).is_ok();
        // A word that is no level would be read as the name of a part of the program.
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        let is_level = |part: &str| part.contains('=') || levels.contains(&part);
        (sound && text.split(',').all(is_level)).then(|| Self(text.to_owned()))
    }
}

/// A currency, and how many decimals it has.
#[derive(Clone, Debug)]
pub(crate) struct Currency {
    pub(crate) code: Box<str>,
    pub(crate) exponent: u32,
}

/// Decimals of a currency; `None` for what is no code.
pub(crate) fn currency_exponent(code: &str) -> Option<u32> {
    Currency::parse(code).map(|currency| currency.exponent)
}

impl Value for Currency {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "an ISO 4217 code such as BRL".to_owned()
    }
    fn parse(code: &str) -> Option<Self> {
        domain::money::decimals(code).map(|exponent| Self { code: code.into(), exponent })
    }
}

/// For whom logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// One of a few words.
macro_rules! choices {
    ($type:ty { $($word:literal => $value:expr),+ $(,)? }) => {
        impl Value for $type {
            const SHAPE: Shape = Shape::Text;
            fn allowed() -> String {
                [$($word),+].join(", ")
            }
            fn parse(text: &str) -> Option<Self> {
                match text {
                    $($word => Some($value),)+
                    _ => None,
                }
            }
        }
    };
}

pub(super) use choices;

choices!(LogFormat { "text" => Self::Text, "json" => Self::Json });
choices!(Lang { "pt-BR" => Self::PtBr, "es" => Self::Es, "en" => Self::En });
choices!(ShortagePolicy {
    "partial" => Self::Partial,
    "ship-complete" => Self::ShipComplete,
    "reject" => Self::Reject,
});
choices!(UnknownSku {
    "by-merchant" => Self::ByMerchant,
    "untracked" => Self::Untracked,
    "backorder" => Self::Backorder,
    "reject" => Self::Reject,
});

choices!(BucketIn { "path" => Self::Path, "host" => Self::Host });
choices!(Folders { "nested" => Self::Nested, "flat" => Self::Flat });
choices!(Enabled { "yes" => Self::Yes, "no" => Self::No });

/// Whether something is done at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enabled {
    Yes,
    No,
}

/// Whether folders in the inbox are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folders {
    Nested,
    Flat,
}

/// Globs of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patterns(pub(crate) Vec<String>);

impl Value for Patterns {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "patterns such as `*.csv, june/*.jsonl`, a comma between two".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let patterns: Vec<String> = text.split(',').map(|p| p.trim().to_owned()).collect();
        let is_glob = |p: &String| !p.is_empty() && globset::Glob::new(p).is_ok();
        patterns.iter().all(is_glob).then_some(Self(patterns))
    }
}

/// Types that serde reads a table of the file as. Their text is that table, inline.
macro_rules! structures {
    ($($type:ty: $allowed:expr;)+) => { $(
        impl Value for $type {
            const SHAPE: Shape = Shape::Table;
            fn allowed() -> String {
                $allowed
            }
            fn parse(text: &str) -> Option<Self> {
                serde::Deserialize::deserialize(ValueDeserializer::parse(text).ok()?).ok()
            }
            fn read_toml(value: Spanned<DeValue<'_>>) -> Result<String, Unfit> {
                let whole = value.span();
                let unfit = |e: toml::de::Error| Unfit {
                    at: e.span().unwrap_or(whole.clone()),
                    why: format!("is not as it must be: {}", e.message()),
                };
                let read = ValueDeserializer::from(value.clone());
                <$type as serde::Deserialize>::deserialize(read).map_err(unfit)?;
                let read = ValueDeserializer::from(value);
                let table = <toml::Value as serde::Deserialize>::deserialize(read);
                Ok(table.map_err(unfit)?.to_string())
            }
        }
    )+ };
}

/// What is different for one seller.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merchant {
    /// How bad rules are for its documents.
    #[serde(default)]
    pub(crate) checks: Levels,
}

/// Sellers for whom something is different.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Merchant>")]
pub(crate) struct Merchants(pub(crate) BTreeMap<MerchantId, Merchant>);

impl TryFrom<BTreeMap<String, Merchant>> for Merchants {
    type Error = String;
    fn try_from(named: BTreeMap<String, Merchant>) -> Result<Self, String> {
        let parse = |(name, merchant): (String, Merchant)| match MerchantId::parse(&name) {
            Ok(id) => Ok((id, merchant)),
            Err(_) => Err(format!("a seller's name takes {}", <MerchantId as Value>::allowed())),
        };
        named.into_iter().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

structures! {
    Levels: format!("For each rule error, warn or off. By default: {}.", rules());
    Merchants: "For example [merchants.\"12345678000195\".checks], with rules as in [checks]."
        .to_owned();
}

fn rules() -> String {
    let rule = |(rule, severity): (Rule, Severity)| {
        format!("{} = \"{}\"", rule.code().as_str(), severity.as_str())
    };
    Rule::all().map(rule).collect::<Vec<_>>().join(", ")
}
