//! What functions are told: by their environment which one they are and what they work with, by an
//! optional file in the bucket how orders are read and decided. The file is the program's own
//! (`comanda.toml`): one installation reads alike wherever it runs.
//!
//! Never: a setting that is misread or silently out of range, a secret that is shown.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use connectors::http::Url;
use connectors::signature::Secret;
use domain::facts::Policy;
use domain::id::{MerchantId, StepName};
use domain::money::decimals;
use domain::stock::{ShortagePolicy, UnknownSku};
use jiff::tz::TimeZone;
use messages::Lang;
use serde::{Deserialize, Deserializer};
use service::cel::{Condition, compile};
use service::serial;
use service::steps::{Step, Steps};
use service::wire::checks::{Checks, Levels};
use service::wire::document;

use crate::functions::Function;

/// Most bytes of the file of settings: a thousand times what the example is long.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// Most external steps, as the program has it.
const STEPS_MAX: usize = 16;
/// Longest link to a document, in seconds: a week, as S3 has it.
const LINK_SECONDS_MAX: u64 = 604_800;
/// How long one request may take: API Gateway hangs up after 29 seconds.
const REQUEST: Duration = Duration::from_secs(25);
/// Largest body of a batch or a file over HTTP: what a function is handed is at most 6 MB, in
/// Base64 where it is no text. Larger ones are put into the bucket.
const BATCH_BYTES_MAX: u64 = 4 << 20;

/// Sections of the program's file that say something about a machine, or about something that is
/// another service here. They are left alone, and named in the log.
const ELSEWHERE: [&str; 13] = [
    "store",
    "server",
    "inbox",
    "webhooks",
    "archive",
    "sql",
    "lake",
    "client",
    "log",
    "alerts",
    "telemetry",
    "email",
    "queues",
];

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable of the environment is missing.
    #[error("{function} needs the variable {name}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// Who needs it.
        function: Function,
    },
    /// A variable has a value that it may not have.
    #[error("{name} takes {allowed}, not `{value}`")]
    Unfit {
        /// The variable.
        name: &'static str,
        /// What it takes.
        allowed: &'static str,
        /// What it has.
        value: String,
    },
    /// The file is not as it must be; says where.
    #[error("the file of settings: {0}")]
    File(String),
}

/// Who may call the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever has one of the keys in the bucket (`config/keys.json`); nobody without them.
    Keys,
    /// Whoever the API's gateway lets through: it has an authorizer of its own.
    Gateway,
}

/// How orders meet their stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// With the order; after too many lost races behind it.
    Direct,
    /// Always behind it: orders await the step `allocation`.
    Deferred,
}

/// What a function works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Which one it is.
    pub function: Function,
    /// The table.
    pub table: Box<str>,
    /// The bucket.
    pub bucket: Box<str>,
    /// Where work is queued: the address of `work.fifo`.
    pub work_queue: Option<Box<str>>,
    /// Where files are queued: a file that takes longer than one invocation goes on from there.
    pub files_queue: Option<Box<str>>,
    /// The topics, by what they are for.
    pub topics: Topics,
    /// How orders meet their stock.
    pub intake: Intake,
    /// In how many rows a product's stock is kept.
    pub stock_shards: u8,
    /// Who may call.
    pub access: Access,
    /// The name of the file of settings in the bucket.
    pub config: Option<Box<str>>,
}

/// ARNs of the topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    /// Orders that are in, complete, cancelled, handed over.
    pub completed: Option<Box<str>>,
    /// Orders that wait for stock.
    pub pending: Option<Box<str>>,
    /// Input that is no order, orders that failed or were rejected.
    pub errors: Option<Box<str>>,
    /// Batches that are over.
    pub batches: Option<Box<str>>,
}

impl Environment {
    /// What `env` says.
    ///
    /// # Errors
    /// [`SettingsError`] when something is missing or unfit.
    pub fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let given = |name: &str| env(name).filter(|text| !text.is_empty()).map(String::into);
        let name = env(FUNCTION).unwrap_or_default();
        let function = Function::parse(&name).ok_or(SettingsError::Unfit {
            name: FUNCTION,
            allowed: Function::NAMES,
            value: name,
        })?;
        let needed = |name| given(name).ok_or(SettingsError::Missing { name, function });
        Ok(Self {
            function,
            table: needed("COMANDA_TABLE")?,
            bucket: needed("COMANDA_BUCKET")?,
            work_queue: given("COMANDA_WORK_QUEUE"),
            files_queue: given("COMANDA_FILES_QUEUE"),
            topics: Topics {
                completed: given("COMANDA_TOPIC_COMPLETED"),
                pending: given("COMANDA_TOPIC_PENDING"),
                errors: given("COMANDA_TOPIC_ERRORS"),
                batches: given("COMANDA_TOPIC_BATCHES"),
            },
            intake: choice(&env, "COMANDA_INTAKE", "direct or deferred", |text| match text {
                "" | "direct" => Some(Intake::Direct),
                "deferred" => Some(Intake::Deferred),
                _ => None,
            })?,
            stock_shards: choice(&env, "COMANDA_STOCK_SHARDS", "1 to 32", |text| match text {
                "" => Some(1),
                text => text.parse().ok().filter(|shards| (1..=32).contains(shards)),
            })?,
            access: choice(&env, "COMANDA_API_ACCESS", "keys or gateway", |text| match text {
                "" | "keys" => Some(Access::Keys),
                "gateway" => Some(Access::Gateway),
                _ => None,
            })?,
            config: given("COMANDA_CONFIG"),
        })
    }
}

/// Says which function it is.
pub const FUNCTION: &str = "COMANDA_FUNCTION";

fn choice<T>(
    env: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    allowed: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, SettingsError> {
    let value = env(name).unwrap_or_default();
    read(&value).ok_or(SettingsError::Unfit { name, allowed, value })
}

/// What an installation's settings come to.
pub struct Installation {
    /// How documents are read.
    pub documents: document::Settings,
    /// ISO 4217 code of the currency.
    pub currency: Box<str>,
    /// The language of those who ask for none of ours.
    pub language: Lang,
    /// What orders that do not say otherwise are decided by.
    pub policy: Policy,
    /// What the API bears.
    pub limits: web::Limits,
    /// The external steps, in the order they are asked.
    pub steps: Vec<StepCall>,
}

/// An external step.
#[derive(Clone, Debug)]
pub struct StepCall {
    /// What it is called.
    pub name: StepName,
    /// Where.
    pub url: Url,
    /// Which orders it is for; all of them when absent.
    pub when: Option<Arc<Condition>>,
    /// Longest one call may take.
    pub timeout: Duration,
    /// How often it is called for one order, at most.
    pub attempts_max: u32,
    /// What signs each call.
    pub secret: Option<Hidden>,
}

/// The text of a secret that was found to be one; shown to nobody.
#[derive(Clone)]
pub struct Hidden(Box<str>);

impl Hidden {
    /// What it signs with.
    #[must_use]
    pub fn secret(&self) -> Option<Secret> {
        Secret::parse(&self.0).ok()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Installation {
    /// What the file says and, counting more, the environment. An empty text says nothing.
    ///
    /// # Errors
    /// [`SettingsError`]: what is wrong, and where.
    pub fn read(text: &str, env: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let wrong = |error: toml::de::Error| SettingsError::File(error.to_string());
        let mut table: toml::Table = toml::from_str(text).map_err(wrong)?;
        let elsewhere: Vec<_> =
            ELSEWHERE.into_iter().filter(|name| table.remove(*name).is_some()).collect();
        if !elsewhere.is_empty() {
            tracing::info!(sections = elsewhere.join(" "), "settings that mean nothing here");
        }
        if table.remove("notify").is_some() {
            tracing::info!("notices go to topics here: [[notify]] says nothing about those");
        }
        let mut file: File = table.try_into().map_err(wrong)?;
        file.orders.override_by(&env)?;
        file.stock.override_by(&env)?;
        file.installation()
    }

    /// How the ledger decides.
    #[must_use]
    pub fn driver(&self) -> serial::Settings {
        let step = |call: &StepCall| Step { name: call.name.clone(), when: call.when.clone() };
        serial::Settings {
            policy: self.policy,
            exponent: self.documents.currency_exponent,
            steps: Arc::new(Steps::new(self.steps.iter().map(step).collect())),
            probe: None,
        }
    }
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installation").field("currency", &self.currency).finish_non_exhaustive()
    }
}

/// The file, as far as it concerns functions. What it holds besides is refused by name.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    orders: Orders,
    stock: Stock,
    documents: Documents,
    checks: Levels,
    merchants: BTreeMap<String, Merchant>,
    steps: Vec<StepRow>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Orders {
    default_merchant: String,
    time_zone: String,
    currency: String,
    language: String,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            default_merchant: "default".to_owned(),
            time_zone: "America/Sao_Paulo".to_owned(),
            currency: "BRL".to_owned(),
            language: "en".to_owned(),
        }
    }
}

impl Orders {
    fn override_by(&mut self, env: &impl Fn(&str) -> Option<String>) -> Result<(), SettingsError> {
        for (name, value) in [
            ("COMANDA_DEFAULT_MERCHANT", &mut self.default_merchant),
            ("COMANDA_TIME_ZONE", &mut self.time_zone),
            ("COMANDA_CURRENCY", &mut self.currency),
            ("COMANDA_LANGUAGE", &mut self.language),
        ] {
            if let Some(text) = env(name).filter(|text| !text.is_empty()) {
                *value = text;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Shortage {
    Partial,
    ShipComplete,
    Reject,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Unknown {
    ByMerchant,
    Untracked,
    Backorder,
    Reject,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stock {
    shortage: Shortage,
    unknown_sku: Unknown,
}

impl Default for Stock {
    fn default() -> Self {
        Self { shortage: Shortage::Partial, unknown_sku: Unknown::ByMerchant }
    }
}

impl Stock {
    fn override_by(&mut self, env: &impl Fn(&str) -> Option<String>) -> Result<(), SettingsError> {
        let shortage = "partial, ship-complete or reject";
        if let Some(read) = word(env, "COMANDA_SHORTAGE", shortage)? {
            self.shortage = read;
        }
        let unknown = "by-merchant, untracked, backorder or reject";
        if let Some(read) = word(env, "COMANDA_UNKNOWN_SKU", unknown)? {
            self.unknown_sku = read;
        }
        Ok(())
    }

    fn policy(&self) -> Policy {
        Policy {
            shortage: match self.shortage {
                Shortage::Partial => ShortagePolicy::Partial,
                Shortage::ShipComplete => ShortagePolicy::ShipComplete,
                Shortage::Reject => ShortagePolicy::Reject,
            },
            unknown_sku: match self.unknown_sku {
                Unknown::ByMerchant => UnknownSku::ByMerchant,
                Unknown::Untracked => UnknownSku::Untracked,
                Unknown::Backorder => UnknownSku::Backorder,
                Unknown::Reject => UnknownSku::Reject,
            },
        }
    }
}

fn word<T: for<'a> Deserialize<'a>>(
    env: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    allowed: &'static str,
) -> Result<Option<T>, SettingsError> {
    let Some(value) = env(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = toml::Value::String(value.clone()).try_into();
    read.map(Some).map_err(|_| SettingsError::Unfit { name, allowed, value })
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Documents {
    link_s: Within<1, LINK_SECONDS_MAX>,
    invalid_records: Within<0, 1_000>,
    invalid_bytes: Within<0, 4_194_304>,
    invalid_days: Within<0, 36_500>,
}

impl Default for Documents {
    fn default() -> Self {
        Self {
            link_s: Within(900),
            invalid_records: Within(60),
            invalid_bytes: Within(262_144),
            invalid_days: Within(90),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Merchant {
    checks: Levels,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepRow {
    name: String,
    url: String,
    #[serde(default)]
    when: String,
    #[serde(default = "five_seconds")]
    timeout_ms: Within<100, 30_000>,
    #[serde(default = "eight")]
    max_attempts: Within<1, 50>,
    #[serde(default)]
    secret: String,
    /// Read and left alone: how many orders are asked about at once says the queue's mapping.
    #[serde(default, rename = "concurrency")]
    _concurrency: Option<u32>,
    #[serde(default, rename = "per_second")]
    _per_second: Option<u32>,
}

fn five_seconds() -> Within<100, 30_000> {
    Within(5_000)
}

fn eight() -> Within<1, 50> {
    Within(8)
}

/// A whole number between two bounds, both included.
#[derive(Clone, Copy)]
struct Within<const MIN: u64, const MAX: u64>(u64);

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(from)?;
        let wrong = || serde::de::Error::custom(format!("takes {MIN} to {MAX}, not {number}"));
        (MIN..=MAX).contains(&number).then_some(Self(number)).ok_or_else(wrong)
    }
}

impl File {
    fn installation(self) -> Result<Installation, SettingsError> {
        let wrong = |what: String| SettingsError::File(what);
        let Orders { default_merchant, time_zone, currency, language } = &self.orders;
        let merchant = MerchantId::parse(default_merchant)
            .map_err(|_| wrong("orders.default_merchant is no name of a seller".to_owned()))?;
        let exponent = decimals(currency)
            .ok_or_else(|| wrong(format!("orders.currency: `{currency}` is no ISO 4217 code")))?;
        let zone = TimeZone::get(time_zone)
            .map_err(|_| wrong(format!("orders.time_zone: `{time_zone}` is no IANA time zone")))?;
        let language = match language.as_str() {
            "pt-BR" => Lang::PtBr,
            "es" => Lang::Es,
            "en" => Lang::En,
            other => return Err(wrong(format!("orders.language: pt-BR, es or en, not `{other}`"))),
        };
        let mut documents = document::Settings::new(merchant);
        documents.currency_exponent = exponent;
        documents.time_zone = zone;
        documents.checks = self.checks()?;
        if self.steps.len() > STEPS_MAX {
            return Err(wrong(format!("more than {STEPS_MAX} steps")));
        }
        Ok(Installation {
            documents,
            currency: self.orders.currency.as_str().into(),
            language,
            policy: self.stock.policy(),
            limits: self.limits(),
            steps: self.steps.iter().map(StepRow::call).collect::<Result<_, _>>()?,
        })
    }

    fn checks(&self) -> Result<Checks, SettingsError> {
        let named = |(name, merchant)| match MerchantId::parse(name) {
            Ok(id) => Ok((id, merchant)),
            Err(_) => Err(SettingsError::File(format!("merchants: `{name}` is no seller's name"))),
        };
        let merchants = self.merchants.iter().map(|(name, own)| named((name, &own.checks)));
        let merchants: Vec<_> = merchants.collect::<Result<_, _>>()?;
        Ok(Checks::new(&self.checks, merchants))
    }

    fn limits(&self) -> web::Limits {
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        web::Limits {
            request: REQUEST,
            batch_bytes_max: BATCH_BYTES_MAX,
            // The gateway counts: an instance sees one request at a time and few of a client's.
            rate_per_second: None::<NonZeroU32>,
            document_link: Duration::from_secs(self.documents.link_s.0),
            invalid_records: small(self.documents.invalid_records.0),
            invalid_bytes: self.documents.invalid_bytes.0,
            invalid_days: small(self.documents.invalid_days.0),
            ..web::Limits::default()
        }
    }
}

impl StepRow {
    fn call(&self) -> Result<StepCall, SettingsError> {
        let wrong = |what: String| SettingsError::File(format!("steps.{}: {what}", self.name));
        let name = StepName::parse(&self.name).map_err(|_| wrong("is no name".to_owned()))?;
        let is_http = self.url.starts_with("http://") || self.url.starts_with("https://");
        let url = Url::parse(&self.url).ok().filter(|_| is_http);
        let when = match self.when.as_str() {
            "" => None,
            text => {
                let condition = compile(text).map_err(|error| wrong(error.to_string()))?;
                if condition.reads_line() {
                    return Err(wrong("a step looks at orders, not at lines".to_owned()));
                }
                Some(Arc::new(condition))
            }
        };
        let secret = match self.secret.as_str() {
            "" => None,
            text => {
                Secret::parse(text).map_err(|error| wrong(error.to_string()))?;
                Some(Hidden(text.into()))
            }
        };
        Ok(StepCall {
            name,
            url: url.ok_or_else(|| wrong("url is no address".to_owned()))?,
            when,
            timeout: Duration::from_millis(self.timeout_ms.0),
            attempts_max: u32::try_from(self.max_attempts.0).unwrap_or(u32::MAX),
            secret,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn env<'a>(pairs: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_function_says_what_it_misses() {
        let wrong = |pairs: &[(&str, &str)]| Environment::read(env(pairs)).unwrap_err().to_string();
        let unknown = wrong(&[(FUNCTION, "apii")]);
        assert!(unknown.starts_with("COMANDA_FUNCTION takes api, intake"), "{unknown}");
        assert_eq!(wrong(&[(FUNCTION, "api")]), "api needs the variable COMANDA_TABLE");
        let shards = [
            (FUNCTION, "api"),
            ("COMANDA_TABLE", "t"),
            ("COMANDA_BUCKET", "b"),
            ("COMANDA_STOCK_SHARDS", "0"),
        ];
        assert_eq!(wrong(&shards), "COMANDA_STOCK_SHARDS takes 1 to 32, not `0`");
        let read = Environment::read(env(&shards[..3])).unwrap();
        assert_eq!((read.intake, read.access), (Intake::Direct, Access::Keys), "keys by default");
    }

    #[test]
    fn the_programs_own_file_is_read_and_what_concerns_a_machine_left_alone() {
        let read = Installation::read(
            r#"
            [store]
            data_dir = "/var/lib/comanda"
            [orders]
            currency = "CLP"
            language = "es"
            [stock]
            shortage = "ship-complete"
            [documents]
            link_s = 60
            [checks]
            bad_cpf = "error"
            [merchants."12345678000195".checks]
            bad_cpf = "off"
            [[steps]]
            name = "fraud"
            url = "https://checks.example/fraud"
            when = "order.total >= 50000"
            concurrency = 4
            "#,
            env(&[("COMANDA_LANGUAGE", "pt-BR")]),
        )
        .unwrap();
        assert_eq!((read.documents.currency_exponent, &*read.currency), (0, "CLP"));
        assert_eq!(read.language, Lang::PtBr, "the environment counts more");
        assert_eq!(read.policy.shortage, ShortagePolicy::ShipComplete);
        assert_eq!(read.limits.document_link, Duration::from_secs(60));
        assert_eq!(read.driver().steps.names().len(), 1);
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said_with_its_place() {
        for (text, said) in [
            ("[orders]\ncurency = \"BRL\"", "unknown field `curency`"),
            ("[ordres]\n", "unknown field `ordres`"),
            ("[orders]\ncurrency = \"R$\"", "`R$` is no ISO 4217 code"),
            ("[documents]\nlink_s = 0", "takes 1 to 604800, not 0"),
            ("[[steps]]\nname = \"a\"\nurl = \"ftp://x\"", "steps.a: url is no address"),
            ("[[steps]]\nname = \"a\"\nurl = \"http://x\"\nwhen = \"1 +\"", "steps.a: "),
            ("[checks]\nbad_cpg = \"off\"", "there is no rule 'bad_cpg'"),
            ("orders = [", "TOML parse error"),
        ] {
            let wrong = Installation::read(text, nothing).unwrap_err().to_string();
            assert!(wrong.contains(said), "{text}: {wrong}");
        }
        let wrong = Installation::read("", env(&[("COMANDA_SHORTAGE", "none")])).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "COMANDA_SHORTAGE takes partial, ship-complete or reject, not `none`"
        );
    }
}
