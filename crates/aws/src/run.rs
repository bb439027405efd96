//! Puts a function together, of what it needs and nothing else, and hands it to Lambda.
//!
//! Never: a decision. Everything here is a client, a setting, or the way from an event to a
//! function.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use axum::body::Bytes;
use connectors::archive::{Archive, Settings as ArchiveSettings};
use connectors::place::Objects;
use domain::id::StockKey;
use domain::time::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use service::ledger::{Ledger, Task, Unavailable};
use service::memory::Clock;
use service::webhooks::message::Settings as Wording;
use web::Keys;

use crate::clients::{self, Sns, Sqs};
use crate::functions::Function;
use crate::functions::api::{Api, Parts, customs};
use crate::functions::batch_items::BatchItems;
use crate::functions::batch_summary::BatchSummary;
use crate::functions::batch_validate::BatchValidate;
use crate::functions::batches::BatchError;
use crate::functions::events::Undone;
use crate::functions::fanout::Fanout;
use crate::functions::files::{Again, Files};
use crate::functions::inbox::Inbox;
use crate::functions::intake::Intake;
use crate::functions::lake::Lake;
use crate::functions::relay::Relay;
use crate::functions::work::{Chores, Work};
use crate::ledger::{self, DynamoLedger, Releases};
use crate::settings::{self, Access, Environment, Installation};

/// Where the API's keys are, in the bucket: hashes, as the program writes them.
pub const KEYS: &str = "config/keys.json";
/// Where the secret is that customers' pseudonyms in the lake are made with.
pub const LAKE_SECRET: &str = "secrets/lake";
/// What documents are below.
const ARCHIVE: &str = "archive";
/// What the lake is below.
const LAKE: &str = "lake";
/// How old a change is before followers are shown it: indexes and clocks have caught up by then.
const SETTLE: Duration = Duration::from_secs(30);
/// How far behind the table its indexes may be, when it has nothing better to do.
const INDEXES: Duration = Duration::from_secs(5);
/// Races for stock that an order loses before it is taken in without.
const RACES: u32 = 8;

/// What functions are made of, made when it is asked for.
pub struct Workshop {
    environment: Environment,
    installation: Installation,
    config: SdkConfig,
    bucket: Objects,
}

/// A variable of the process's environment.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The system's clock, in microseconds.
#[must_use]
pub fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    })
}

impl Workshop {
    /// What the environment says, and the file of settings where it names one.
    ///
    /// # Errors
    /// When something is missing, or not as it must be: says what.
    pub async fn open(environment: Environment) -> Result<Self, Error> {
        let bucket = clients::bucket(&environment.bucket, "", variable)?;
        let text = match &environment.config {
            None => String::new(),
            Some(name) => {
                let bytes = bucket.store.get(&Path::parse(name)?).await?.bytes().await?;
                if bytes.len() > settings::FILE_BYTES_MAX {
                    return Err("the file of settings is too long".into());
                }
                String::from_utf8(bytes.to_vec())?
            }
        };
        let installation = Installation::read(&text, variable)?;
        let config = clients::config().await;
        Ok(Self { environment, installation, config, bucket })
    }

    /// What its environment is.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The ledger. What it leaves to be done is on the table's stream.
    ///
    /// # Errors
    /// When the machine has no threads left.
    pub fn ledger(&self) -> Result<Arc<DynamoLedger>, Error> {
        let random = Arc::new(|| getrandom::u64().unwrap_or_else(|_| fastrand::u64(..)));
        let mut settings = ledger::Settings::new(&*self.environment.table, clock(), random);
        settings.serial = self.installation.driver();
        settings.settle = SETTLE;
        settings.stock_shards = self.environment.stock_shards.into();
        settings.releases = Releases::Elsewhere;
        settings.intake = match self.environment.intake {
            settings::Intake::Direct => ledger::Intake::AtOnce { races: Some(RACES) },
            settings::Intake::Deferred => ledger::Intake::Deferred,
        };
        let client = aws_sdk_dynamodb::Client::new(&self.config);
        Ok(Arc::new(DynamoLedger::open(client, settings)?))
    }

    /// The API, with the keys that the bucket holds.
    ///
    /// # Errors
    /// When the keys cannot be read.
    pub async fn api(&self) -> Result<Api, Error> {
        let (ledger, access) = (self.ledger()?, self.environment.access);
        let keys = match access {
            Access::Gateway => None,
            Access::Keys => match self.bucket.store.get(&Path::from(KEYS)).await {
                Ok(found) => {
                    let keys: Vec<web::Key> = serde_json::from_slice(&found.bytes().await?)?;
                    Some(Keys::new(&keys, &self.installation.limits)?)
                }
                Err(object_store::Error::NotFound { .. }) => {
                    tracing::warn!("there is no {KEYS} in the bucket: nobody is let in");
                    None
                }
                Err(error) => return Err(error.into()),
            },
        };
        let archive = self.archive(ledger.clone())?;
        Ok(Api::new(Parts { ledger, keys, archive }, &self.installation, access))
    }

    fn archive(&self, ledger: Arc<dyn Ledger>) -> Result<Archive, Error> {
        let place = clients::place(&self.environment.bucket, ARCHIVE, variable)?;
        Ok(Archive::open(&ArchiveSettings { place, concurrency: 1 }, ledger)?)
    }

    /// Who takes messages in.
    ///
    /// # Errors
    /// As [`Workshop::ledger`].
    pub fn intake(&self) -> Result<Intake, Error> {
        Ok(Intake::new(self.ledger()?, self.installation.documents.clone(), clock()))
    }

    /// Who takes files in.
    ///
    /// # Errors
    /// As [`Workshop::ledger`].
    pub fn files(&self) -> Result<Files, Error> {
        let again = self.environment.files_queue.as_deref();
        let again =
            again.map(|url| Arc::new(FilesQueue(Sqs::new(&self.config, url))) as Arc<dyn Again>);
        Ok(Files {
            ledger: self.ledger()?,
            documents: self.installation.documents.clone(),
            store: self.bucket.store.clone(),
            again,
            clock: clock(),
            lang: self.installation.language,
            settle: SETTLE + INDEXES,
        })
    }

    /// The relay.
    ///
    /// # Errors
    /// When no work queue is named.
    pub fn relay(&self) -> Result<Relay, Error> {
        let function = self.environment.function;
        let name = "COMANDA_WORK_QUEUE";
        let url = self.environment.work_queue.as_deref();
        let url = url.ok_or(settings::SettingsError::Missing { name, function })?;
        Ok(Relay { queue: Arc::new(Sqs::new(&self.config, url)) })
    }

    /// Who works.
    ///
    /// # Errors
    /// As [`Workshop::ledger`], and when steps cannot be called.
    pub fn work(&self) -> Result<Work, Error> {
        let ledger = self.ledger()?;
        let chores = Arc::new(Left(ledger.clone()));
        Ok(Work::new(ledger, chores, &self.installation, clock())?)
    }

    /// Who tells.
    ///
    /// # Errors
    /// As [`Workshop::ledger`].
    pub fn fanout(&self) -> Result<Fanout, Error> {
        let ledger = self.ledger()?;
        let documents = self.installation.documents.clone();
        let mut settings = web::Settings::new(documents.clone(), std::env::temp_dir());
        settings.currency = self.installation.currency.clone();
        settings.language = self.installation.language;
        settings.limits = self.installation.limits.clone();
        let archive = self.archive(ledger.clone())?;
        Ok(Fanout {
            app: Arc::new(web::App::new(ledger, settings)),
            topics: Arc::new(Sns::new(&self.config, self.environment.topics.clone())),
            archive,
            store: self.bucket.store.clone(),
            wording: Wording { documents, currency: self.installation.currency.clone() },
            customs: customs(&self.installation),
        })
    }

    /// Who writes the lake.
    ///
    /// # Errors
    /// As [`Workshop::ledger`], and when its secret can be neither read nor made.
    pub async fn lake(&self) -> Result<Lake, Error> {
        let root = Path::from(LAKE);
        let secrets = connectors::webhook::Secrets::of(secret(&*self.bucket.store).await?);
        Ok(Lake {
            ledger: self.ledger()?,
            files: lake::snapshot::Files { store: self.bucket.store.clone(), root },
            rows: lake::scribe::Terms {
                exponent: self.installation.documents.currency_exponent,
                currency: self.installation.currency.clone(),
                time_zone: self.installation.documents.time_zone.clone(),
                pseudonyms: secrets.pseudonyms(),
            },
            clock: clock(),
        })
    }

    /// Who takes items of another producer's table in.
    ///
    /// # Errors
    /// As [`Workshop::ledger`].
    pub fn inbox(&self) -> Result<Inbox, Error> {
        Ok(Inbox::new(self.ledger()?, self.installation.documents.clone(), clock()))
    }

    fn batch_validate(&self) -> Result<BatchValidate, Error> {
        Ok(BatchValidate {
            ledger: self.ledger()?,
            documents: self.installation.documents.clone(),
            store: self.bucket.store.clone(),
            clock: clock(),
            lang: self.installation.language,
        })
    }

    fn batch_items(&self) -> Result<BatchItems, Error> {
        let (documents, store) = (self.installation.documents.clone(), self.bucket.store.clone());
        Ok(BatchItems::new(self.ledger()?, documents, store))
    }

    fn batch_summary(&self) -> Result<BatchSummary, Error> {
        Ok(BatchSummary { ledger: self.ledger()?, store: self.bucket.store.clone() })
    }
}

/// The installation's secret of the lake: made by whoever comes first, the same for ever.
async fn secret(store: &dyn ObjectStore) -> Result<[u8; 32], Error> {
    let path = Path::from(LAKE_SECRET);
    let read = async |found: object_store::GetResult| -> Result<[u8; 32], Error> {
        let bytes: Bytes = found.bytes().await?;
        let text = std::str::from_utf8(&bytes)?;
        Ok(*blake3::Hash::from_hex(text.trim())?.as_bytes())
    };
    match store.get(&path).await {
        Ok(found) => return read(found).await,
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut made = [0; 32];
    getrandom::fill(&mut made).map_err(|_| "no random numbers for a secret")?;
    let text = blake3::Hash::from_bytes(made).to_hex().to_string();
    match store.put_opts(&path, text.into(), PutMode::Create.into()).await {
        Ok(_) => Ok(made),
        Err(object_store::Error::AlreadyExists { .. }) => read(store.get(&path).await?).await,
        Err(error) => Err(error.into()),
    }
}

/// The queue of files.
struct FilesQueue(Sqs);

impl Again for FilesQueue {
    fn again(&self, message: String) -> Task<'_, Result<(), Undone>> {
        Box::pin(self.0.send_one(message))
    }
}

/// What the ledger on DynamoDB leaves to be done.
struct Left(Arc<DynamoLedger>);

impl Chores for Left {
    fn release<'a>(&'a self, stock: &'a StockKey) -> Task<'a, Result<(), Unavailable>> {
        let (ledger, stock) = (self.0.clone(), stock.clone());
        // What is left then is a change of its row, which brings the next message.
        Box::pin(apart(move || ledger.release(&stock).map(|_| ())))
    }

    fn finish<'a>(&'a self, commit: &'a str) -> Task<'a, Result<(), Unavailable>> {
        let (ledger, commit) = (self.0.clone(), commit.to_owned());
        Box::pin(apart(move || ledger.finish(&commit)))
    }
}

async fn apart(
    work: impl FnOnce() -> Result<(), Unavailable> + Send + 'static,
) -> Result<(), Unavailable> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Unavailable::OutcomeUnknown))
}

/// Runs the function that the environment names, for as long as Lambda hands over events.
///
/// # Errors
/// When it cannot be put together, or Lambda cannot be asked.
pub async fn run(environment: Environment) -> Result<(), Error> {
    let function = environment.function;
    let shop = Workshop::open(environment).await?;
    match function {
        Function::Api => lambda_runtime::run(shop.api().await?.service()).await,
        Function::Intake => {
            let intake = shop.intake()?;
            serve(async |event, _| intake.handle(event).await.map_err(failed)).await
        }
        Function::Files => {
            let files = shop.files()?;
            serve(async |event, left| files.handle(event, left).await.map_err(failed)).await
        }
        Function::Relay => {
            let relay = shop.relay()?;
            serve(async |event, _| relay.handle(event).await.map_err(failed)).await
        }
        Function::Work => {
            let work = shop.work()?;
            serve(async |event, _| work.handle(event).await.map_err(failed)).await
        }
        Function::Fanout => {
            let fanout = shop.fanout()?;
            serve(async |event, _| fanout.handle(event).await.map_err(failed)).await
        }
        Function::Inbox => {
            let inbox = shop.inbox()?;
            serve(async |event, _| inbox.handle(event).await.map_err(failed)).await
        }
        Function::Lake => {
            let lake = shop.lake().await?;
            serve(async |_: serde_json::Value, left| {
                let name =
                    format!("{:08x}", getrandom::u32().unwrap_or_else(|_| fastrand::u32(..)));
                lake.handle(&name, left).await.map_err(failed)
            })
            .await
        }
        Function::BatchValidate => {
            let validate = shop.batch_validate()?;
            serve(async |event: Box<RawValue>, _| {
                validate.handle(read(&event)?).await.map_err(batch)
            })
            .await
        }
        Function::BatchItems => {
            let items = shop.batch_items()?;
            serve(async |event: Box<RawValue>, _| items.handle(read(&event)?).await.map_err(batch))
                .await
        }
        Function::BatchSummary => {
            let summary = shop.batch_summary()?;
            serve(async |event: Box<RawValue>, _| {
                summary.handle(read(&event)?).await.map_err(batch)
            })
            .await
        }
    }
}

/// Answers events by `handle`, which is told how long the invocation may still take.
async fn serve<E, R>(
    handle: impl AsyncFn(E, Duration) -> Result<R, Diagnostic>,
) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<E>| {
        let left = event.context.deadline().duration_since(SystemTime::now());
        handle(event.payload, left.unwrap_or_default()).await
    }))
    .await
}

fn failed(error: impl std::fmt::Display) -> Diagnostic {
    tracing::error!(%error, "an event is not answered");
    Diagnostic { error_type: "Unavailable".into(), error_message: error.to_string() }
}

/// An error of the state machine's functions, by its name for `Retry` and `Catch`.
fn batch(error: BatchError) -> Diagnostic {
    tracing::error!(%error, "an event of a batch is not answered");
    Diagnostic { error_type: error.name().into(), error_message: error.to_string() }
}

fn read<T: DeserializeOwned>(event: &RawValue) -> Result<T, Diagnostic> {
    let wrong = |error: serde_json::Error| batch(BatchError::Invalid(error.to_string()));
    serde_json::from_str(event.get()).map_err(wrong)
}
