//! What an object store and a queue of AWS's kind have in common: an account, and calls to a
//! place that the operator named.
//!
//! Never: a redirect followed, a proxy, a secret that is shown.

use std::fmt;
use std::time::Duration;

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use reqwest::redirect::Policy;

use crate::http::tls;

/// How long a connection may take, name and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept open unused; many servers hang up after 60 seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Who asks, and where. What is absent is taken from the standard environment of AWS:
/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, the role of a
/// container, of a pod, or of the machine.
#[derive(Clone, Default)]
pub struct Account {
    /// The region that requests are signed for.
    pub region: Option<Box<str>>,
    /// The access key's id.
    pub access_key: Option<Box<str>>,
    /// The access key's secret.
    pub secret_key: Option<Box<str>>,
    /// Whether it may be called without TLS.
    pub allow_http: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, access_key, secret_key, allow_http } = self;
        f.debug_struct("Account")
            .field("region", region)
            .field("access_key", access_key)
            .field("secret_key", &secret_key.as_ref().map(|_| "***"))
            .field("allow_http", allow_http)
            .finish()
    }
}

impl Account {
    /// The beginning of a store, or of whatever asks with a store's credentials.
    pub(crate) fn builder(&self) -> AmazonS3Builder {
        let mut builder = AmazonS3Builder::from_env()
            .with_allow_http(self.allow_http)
            .with_http_connector(Connector)
            // Whoever drives deliveries tries again, and says so; nothing does it out of sight.
            .with_retry(RetryConfig {
                max_retries: 0,
                backoff: BackoffConfig::default(),
                retry_timeout: Duration::ZERO,
            });
        if let Some(region) = &self.region {
            builder = builder.with_region(&**region);
        }
        if let (Some(access), Some(secret)) = (&self.access_key, &self.secret_key) {
            // Nothing of the environment's is mixed in.
            builder = builder.with_access_key_id(&**access).with_secret_access_key(&**secret);
        }
        builder
    }

    /// What signs requests.
    ///
    /// # Errors
    /// When there is half of an access key.
    pub(crate) fn credentials(&self) -> Result<AwsCredentialProvider, object_store::Error> {
        let store = self.builder().with_bucket_name("none").build()?;
        Ok(store.credentials().clone())
    }
}

/// Calls of what the operator named: with TLS, unless he says otherwise.
///
/// # Errors
/// When TLS cannot be set up.
pub(crate) fn client(
    allow_http: bool,
) -> Result<reqwest::Client, Box<dyn std::error::Error + Send + Sync>> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls()?)
        .https_only(!allow_http)
        .redirect(Policy::none())
        .no_proxy()
        .http1_only()
        .user_agent(concat!("comanda/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT);
    Ok(client.build()?)
}

/// Gives the store's library our client: one TLS stack, one set of roots.
#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allowed = options.get_config_value(&ClientConfigKey::AllowHttp);
        let client = client(allowed.as_deref() == Some("true"));
        let failed = |source| object_store::Error::Generic { store: "S3", source };
        Ok(HttpClient::new(client.map_err(failed)?))
    }
}
