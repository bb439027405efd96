//! A mail server, by SMTP: connections that are kept, and what each of its answers means.
//!
//! The commands and messages are [`lettre`]'s; the keeping is ours. A connection goes back only
//! after its last answer was read: one that a time limit cut short would give the next message the
//! answer of the one before. And the place of an answer says whose failure it is, which an error
//! alone does not.
//!
//! Never: a secret or an address in what an [`Outcome`] says.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Severity;
use lettre::transport::smtp::{self};
use parking_lot::Mutex;
use service::follow::Outcome;
use tracing::{error, warn};

/// Where a mail server is, and how it is spoken to.
#[derive(Clone)]
pub struct Settings {
    /// Its name, which its certificate has to bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How what is said is kept from others.
    pub tls: Tls,
    /// A file of certificates (PEM) to trust besides the web's authorities and the machine's own.
    pub authorities: Option<PathBuf>,
    /// Who sends, for servers that ask: name and password.
    pub login: Option<(String, String)>,
    /// Longest one message may take, from connecting to the last answer.
    pub timeout: Duration,
}

/// How what is said to a mail server is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (port 465).
    Implicit,
    /// From STARTTLS on (port 587); a server that cannot is not used.
    StartTls,
    /// Not at all: a server on the same machine, or a network of one's own.
    Plain,
}

/// Why a mail server cannot be spoken to as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file of certificates cannot be read.
    #[error("read certificates from {}", path.display())]
    Authorities {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of certificates holds none, or the server's name is none.
    #[error("set up TLS")]
    Tls(#[source] smtp::Error),
    /// A password would go over the wire for everybody to read.
    #[error("a password is never sent without TLS, except to this machine")]
    PasswordInTheClear,
}

/// A mail server.
pub struct Server {
    settings: Settings,
    tls: Option<TlsParameters>,
    hello: ClientId,
    kept: Mutex<Vec<Kept>>,
}

/// A connection at rest.
struct Kept {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// Longest a connection rests before it is thrown away: servers close them after minutes.
const REST_MAX: Duration = Duration::from_secs(20);
/// Most connections at rest.
const KEPT_MAX: usize = 64;
/// Longest part of an answer that is told, in characters.
const ANSWER_CHARS_MAX: usize = 300;

/// Where in the conversation something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before a message: connection, TLS, greeting, login.
    Begin,
    /// The sender.
    Sender,
    /// The recipient.
    Recipient,
    /// The message itself.
    Content,
}

/// What went wrong, and where.
struct Failure {
    place: Place,
    error: smtp::Error,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Settings { host, port, tls, .. } = &self.settings;
        f.debug_struct("Server").field("host", host).field("port", port).field("tls", tls).finish()
    }
}

impl Server {
    /// A server by its settings. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SettingsError`] when certificates cannot be read, or a password would be sent in the
    /// clear.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let local = matches!(&*settings.host, "localhost" | "127.0.0.1" | "::1");
        let tls = match settings.tls {
            Tls::Plain if settings.login.is_some() && !local => {
                return Err(SettingsError::PasswordInTheClear);
            }
            Tls::Plain => None,
            Tls::Implicit | Tls::StartTls => Some(parameters(&settings)?),
        };
        Ok(Self { settings, tls, hello: ClientId::default(), kept: Mutex::default() })
    }

    /// Hands one message over. Ends by itself.
    pub async fn send(&self, envelope: &Envelope, message: &[u8]) -> Outcome {
        match tokio::time::timeout(self.settings.timeout, self.attempt(envelope, message)).await {
            Ok(Ok(())) => Outcome::Delivered,
            Ok(Err(failure)) => self.judge(&failure),
            Err(_) => unavailable(format!(
                "the mail server took longer than {} s",
                self.settings.timeout.as_secs()
            )),
        }
    }

    async fn attempt(&self, envelope: &Envelope, message: &[u8]) -> Result<(), Failure> {
        if let Some(mut connection) = self.rested() {
            match converse(&mut connection, envelope, message).await {
                // It was closed while it rested: nobody has read anything.
                Err(Failure { place: Place::Sender, error }) if error.status().is_none() => {}
                ended => return self.ended(connection, ended).await,
            }
        }
        let mut connection =
            self.connect().await.map_err(|error| Failure { place: Place::Begin, error })?;
        let ended = converse(&mut connection, envelope, message).await;
        self.ended(connection, ended).await
    }

    fn rested(&self) -> Option<AsyncSmtpConnection> {
        let mut kept = self.kept.lock();
        kept.retain(|kept| kept.since.elapsed() < REST_MAX);
        kept.pop().map(|kept| kept.connection)
    }

    /// Lets a connection rest whose last answer was read.
    async fn ended(
        &self,
        mut connection: AsyncSmtpConnection,
        ended: Result<(), Failure>,
    ) -> Result<(), Failure> {
        let sound = match &ended {
            Ok(()) => true,
            // It said no and is in the middle of a message, which is taken back.
            Err(failure) if failure.error.status().is_some() => {
                connection.command(Rset).await.is_ok()
            }
            Err(_) => false,
        };
        let mut kept = self.kept.lock();
        if sound && kept.len() < KEPT_MAX {
            kept.push(Kept { connection, since: Instant::now() });
        }
        ended
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let Settings { host, port, tls, login, timeout, .. } = &self.settings;
        let first = match tls {
            Tls::Implicit => self.tls.clone(),
            Tls::StartTls | Tls::Plain => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), *port),
            Some(*timeout),
            &self.hello,
            first,
            None,
        )
        .await?;
        if let (Tls::StartTls, Some(parameters)) = (tls, &self.tls) {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some((name, password)) = login {
            let credentials = Credentials::new(name.clone(), password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    /// Whose failure it is: what the server says of one recipient or message is the order's own;
    /// everything else concerns every message.
    fn judge(&self, failure: &Failure) -> Outcome {
        let reason = told(&failure.error);
        let severity = failure.error.status().map(|code| (u16::from(code), code.severity));
        match (failure.place, severity) {
            // The server is about to close (RFC 5321, 3.8).
            (_, Some((421, _))) => unavailable(reason),
            (Place::Recipient, Some(_)) => refused(reason),
            (Place::Content, Some((_, Severity::PermanentNegativeCompletion))) => refused(reason),
            (Place::Begin | Place::Sender, Some((_, Severity::PermanentNegativeCompletion))) => {
                let host = &self.settings.host;
                error!(%host, "the mail server refuses all we send: {reason}");
                unavailable(reason)
            }
            (Place::Recipient, None) if failure.error.is_client() => refused(reason),
            (_, None) if failure.error.is_tls() => {
                let host = &self.settings.host;
                error!(%host, "the mail server's certificate is not trusted: {reason}");
                unavailable(reason)
            }
            (Place::Begin | Place::Sender | Place::Recipient | Place::Content, _) => {
                warn!(host = %self.settings.host, "the mail server does not work: {reason}");
                unavailable(reason)
            }
        }
    }
}

fn unavailable(reason: String) -> Outcome {
    Outcome::Unavailable { reason: reason.into(), retry_after: None }
}

fn refused(reason: String) -> Outcome {
    Outcome::Refused { reason: reason.into() }
}

/// One message over an open connection.
async fn converse(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    message: &[u8],
) -> Result<(), Failure> {
    let at = |place| move |error| Failure { place, error };
    let mut parameters = Vec::new();
    // Names and texts are encoded; only an address can be more than ASCII.
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let ascii = envelope.to().iter().chain(envelope.from()).all(is_ascii);
    if !ascii && connection.server_info().supports_feature(Extension::SmtpUtfEight) {
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let from = envelope.from().cloned();
    connection.command(Mail::new(from, parameters)).await.map_err(at(Place::Sender))?;
    for recipient in envelope.to() {
        let command = Rcpt::new(recipient.clone(), Vec::new());
        connection.command(command).await.map_err(at(Place::Recipient))?;
    }
    connection.command(Data).await.map_err(at(Place::Content))?;
    connection.message(message).await.map_err(at(Place::Content))?;
    Ok(())
}

fn parameters(settings: &Settings) -> Result<TlsParameters, SettingsError> {
    let mut builder = TlsParameters::builder(settings.host.clone())
        .certificate_store(CertificateStore::WebpkiRoots);
    // What of the machine's own cannot be read is not trusted; the web's authorities are.
    for certificate in rustls_native_certs::load_native_certs().certs {
        if let Ok(certificate) = Certificate::from_der(certificate.to_vec()) {
            builder = builder.add_root_certificate(certificate);
        }
    }
    if let Some(path) = &settings.authorities {
        let pem = read(path)?;
        let certificates = Certificate::from_pem(&pem).map_err(SettingsError::Tls)?;
        builder = builder.add_root_certificate(certificates);
    }
    builder.build_rustls().map_err(SettingsError::Tls)
}

fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    let unreadable = |source| SettingsError::Authorities { path: path.to_owned(), source };
    std::fs::read(path).map_err(unreadable)
}

/// What an error says, in one line and without addresses: servers repeat the recipient's.
fn told(error: &smtp::Error) -> String {
    let mut whole = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !whole.contains(&said) {
            whole.push_str(": ");
            whole.push_str(&said);
        }
        cause = error.source();
    }
    let word = |word: &str| if word.contains('@') { "***".to_owned() } else { word.to_owned() };
    let line = whole.split(|c: char| c.is_whitespace() || c.is_control());
    let line: Vec<String> = line.filter(|word| !word.is_empty()).map(word).collect();
    line.join(" ").chars().take(ANSWER_CHARS_MAX).collect()
}
