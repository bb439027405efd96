//! Secrets of endpoints. None is stored: each follows from one secret of the installation, the
//! endpoint's id and the number of its key (BLAKE3, keyed), so that there is one file to guard.
//!
//! Never: a secret in a log, in an error, or in the ledger.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::time::Timestamp;
use service::webhooks::{Endpoint, Scheme};

use crate::signature::Secret;

/// Bytes of the installation's secret.
const ROOT_BYTES: usize = 32;
/// More of the file than this is not read: it is no secret of ours.
const FILE_BYTES_MAX: u64 = 1_024;
/// What every derived secret begins with: it is good for nothing else.
const PURPOSE: &[u8] = b"comanda webhook 1\0";

/// What the key of pseudonyms is made with.
const PSEUDONYMS: &[u8] = b"comanda pseudonyms 1\0";

/// What secrets of endpoints follow from.
pub struct Secrets([u8; ROOT_BYTES]);

/// Why there is nothing to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file cannot be read or written.
    #[error("read or write the secret of webhooks in {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// It is not what was written.
    #[error("the secret of webhooks in {} is not readable", .0.display())]
    Parse(PathBuf),
    /// The machine gives no random numbers.
    #[error("no random numbers for a secret")]
    Random,
}

impl Secrets {
    /// Secrets that follow from this one.
    #[must_use]
    pub fn of(root: [u8; ROOT_BYTES]) -> Self {
        Self(root)
    }

    /// The secret in `path`, a file that only its owner reads; made on first use.
    ///
    /// # Errors
    /// [`SecretsError`] when the file cannot be used, or no secret can be made.
    pub fn open(path: &Path) -> Result<Self, SecretsError> {
        let failed = |error| SecretsError::Io(path.to_owned(), error);
        let mut text = String::new();
        match File::open(path) {
            Ok(file) => {
                file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
                let root = STANDARD.decode(text.trim()).ok().and_then(|root| root.try_into().ok());
                root.map(Self).ok_or_else(|| SecretsError::Parse(path.to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut root = [0; ROOT_BYTES];
                getrandom::fill(&mut root).map_err(|_| SecretsError::Random)?;
                write(path, &STANDARD.encode(root)).map_err(failed)?;
                Ok(Self(root))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The key that pseudonyms of customers are made with.
    #[must_use]
    pub fn pseudonyms(&self) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, PSEUDONYMS).as_bytes()
    }

    /// What the receiver of an endpoint checks its newest signatures with.
    #[must_use]
    pub fn for_receiver(&self, endpoint: &Endpoint) -> String {
        let secret = self.secret(endpoint, endpoint.signing.key);
        secret.map(|secret| secret.for_receiver()).unwrap_or_default()
    }

    /// What signs for an endpoint now, the newest first.
    pub(super) fn signing(&self, endpoint: &Endpoint, now: Timestamp) -> Vec<Secret> {
        endpoint.signing.keys(now).filter_map(|key| self.secret(endpoint, key)).collect()
    }

    fn secret(&self, endpoint: &Endpoint, key: u32) -> Option<Secret> {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(PURPOSE);
        hasher.update(endpoint.id.as_str().as_bytes());
        hasher.update(&[0, endpoint.signing.scheme as u8]);
        hasher.update(&key.to_le_bytes());
        let derived = *hasher.finalize().as_bytes();
        match endpoint.signing.scheme {
            Scheme::V1 => Secret::shared(&derived).ok(),
            Scheme::V1a => Secret::pair(derived).ok(),
        }
    }
}

/// Writes the file so that a crash leaves it whole or absent.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use service::webhooks::{EndpointId, Signing, State, Terms};

    use super::*;

    fn endpoint(id: &str, scheme: Scheme, key: u32) -> Endpoint {
        let terms = Terms {
            url: "https://example.com".into(),
            description: "".into(),
            kinds: vec!["*".into()],
            merchants: Vec::new(),
            per_second: None,
            concurrency: 1,
        };
        Endpoint {
            id: EndpointId::parse(id).unwrap(),
            terms,
            signing: Signing { scheme, key, previous_until: None },
            state: State::Active,
            since: service::change::Seq(0),
            created_at: Timestamp(0),
            changed_at: Timestamp(0),
        }
    }

    #[test]
    fn every_endpoint_scheme_and_number_has_a_secret_of_its_own_that_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("webhooks.secret");
        let secrets = Secrets::open(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Secrets::open(&path).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for (id, key) in [("ep_1", 1), ("ep_1", 2), ("ep_2", 1)] {
            for scheme in [Scheme::V1, Scheme::V1a] {
                let endpoint = endpoint(id, scheme, key);
                let secret = secrets.for_receiver(&endpoint);
                assert_eq!(again.for_receiver(&endpoint), secret);
                assert!(seen.insert(secret));
            }
        }
        std::fs::write(&path, "not a secret").unwrap();
        assert!(matches!(Secrets::open(&path), Err(SecretsError::Parse(_))));
    }

    /// Receivers keep these: they may never follow in another way.
    #[test]
    fn what_a_secret_follows_from_does_not_change() {
        let secrets = Secrets::of([7; 32]);
        let of = |scheme| secrets.for_receiver(&endpoint("ep_1", scheme, 1));
        assert_eq!(of(Scheme::V1), "whsec_ScM96+8qsLhOfiuE5pg5cC56NiD/w4p7bXqs0eSq3OA=");
        assert_eq!(of(Scheme::V1a), "whpk_hVPOVkpiRSmdNJU2GgmK0KYyVSVe8FDYdgzy7ZBS8Aw=");
    }
}
