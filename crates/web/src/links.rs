//! Links to documents: addresses that need no key, until they expire.
//!
//! A link ends in `expires` and `signature`: BLAKE3, keyed with a secret of this installation, of
//! all that stands before the signature, so that neither the path nor a parameter can be changed.
//! BLAKE3 rather than HMAC-SHA-256: its keyed mode is made for this, hashes compare in constant
//! time, and it is here already.
//!
//! Never: a secret in a log or in an error, a clock of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::time::Timestamp;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

/// Longest a link may last.
pub const LINK_SECONDS_MAX: u64 = 7 * 24 * 3_600;
/// Most secrets whose links still count: each costs a hash a link that is checked.
const SECRETS_MAX: usize = 16;
/// What every signed text begins with: a signature made for a link is good for nothing else.
const PURPOSE: &[u8] = b"comanda link 1\0";
const SIGNATURE: &str = "&signature=";
const EXPIRES: &str = "expires=";

/// What links are signed with.
pub struct Links {
    /// The newest first; it signs.
    secrets: RwLock<Vec<Secret>>,
    /// Where they are kept.
    path: Option<PathBuf>,
}

/// A secret as it is stored.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    /// 32 bytes, in hex.
    secret: String,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// When another took its place; its links count until they expire.
    #[serde(default)]
    replaced_at: Option<i64>,
}

/// Why there are no secrets to sign with.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// The file cannot be read or written.
    #[error("read or write the secrets of links in {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// It is not what was written.
    #[error("the secrets of links in {} are not readable", .0.display())]
    Parse(PathBuf),
    /// The machine gives no random numbers.
    #[error("no random numbers for a secret")]
    Random,
    /// Too many have been replaced within the time a link may last.
    #[error("{SECRETS_MAX} secrets still have links that count; replace all of them instead")]
    TooMany,
}

/// Why a link is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It is not one that was given out.
    Unknown,
    /// Its time is over.
    Expired,
}

/// What happens to links that were given out, when a new secret is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// They count until they expire.
    Count,
    /// They count no longer.
    End,
}

impl Links {
    /// Links signed with `secret`, which is kept nowhere.
    #[must_use]
    pub fn of(secret: [u8; 32]) -> Self {
        let secret = Secret { secret: hex(&secret), created_at: 0, replaced_at: None };
        Self { secrets: RwLock::new(vec![secret]), path: None }
    }

    /// No links are given out, and none counts: documents need a key.
    #[must_use]
    pub fn none() -> Self {
        Self { secrets: RwLock::default(), path: None }
    }

    /// The secrets in `path`, a file that only its owner reads; made on first use.
    ///
    /// # Errors
    /// [`LinksError`] when the file cannot be used, or no secret can be made.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, LinksError> {
        let failed = |error| LinksError::Io(path.to_owned(), error);
        let secrets = match std::fs::read(path) {
            Ok(bytes) => parse(&bytes).ok_or_else(|| LinksError::Parse(path.to_owned()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = vec![Secret::new(now)?];
                write(path, &secrets).map_err(failed)?;
                secrets
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { secrets: RwLock::new(secrets), path: Some(path.to_owned()) })
    }

    /// Signs with a new secret from now on.
    ///
    /// # Errors
    /// [`LinksError`] when it cannot be made or kept; the old one then goes on.
    pub fn replace(&self, now: Timestamp, earlier: Earlier) -> Result<(), LinksError> {
        let mut secrets = self.secrets.write();
        let mut next = vec![Secret::new(now)?];
        if earlier == Earlier::Count {
            next.extend(secrets.iter().cloned());
        }
        let still_counts = |at: i64| at.saturating_add(LINK_SECONDS_MAX as i64) > seconds(now);
        for secret in next.iter_mut().skip(1) {
            secret.replaced_at.get_or_insert(seconds(now));
        }
        next.retain(|secret| secret.replaced_at.is_none_or(still_counts));
        if next.len() > SECRETS_MAX {
            return Err(LinksError::TooMany);
        }
        if let Some(path) = &self.path {
            write(path, &next).map_err(|error| LinksError::Io(path.clone(), error))?;
        }
        *secrets = next;
        Ok(())
    }

    /// `address` as a link that lasts so long: at most [`LINK_SECONDS_MAX`].
    pub(crate) fn sign(&self, address: &str, now: Timestamp, lasts: Duration) -> String {
        let secrets = self.secrets.read();
        let Some(secret) = secrets.first() else { return address.to_owned() };
        let lasts = lasts.as_secs().min(LINK_SECONDS_MAX) as i64;
        let joined = if address.contains('?') { '&' } else { '?' };
        let signed = format!("{address}{joined}{EXPIRES}{}", seconds(now).saturating_add(lasts));
        match secret.hash(&signed) {
            Some(hash) => format!("{signed}{SIGNATURE}{hash}"),
            None => address.to_owned(),
        }
    }

    /// Whether a link that was followed counts.
    pub(crate) fn check(&self, address: &str, now: Timestamp) -> Result<(), Bad> {
        let (signed, signature) = address.rsplit_once(SIGNATURE).ok_or(Bad::Unknown)?;
        let given = blake3::Hash::from_hex(signature).map_err(|_| Bad::Unknown)?;
        let secrets = self.secrets.read();
        // Hashes compare in constant time.
        if !secrets.iter().any(|secret| secret.hash(signed).is_some_and(|hash| hash == given)) {
            return Err(Bad::Unknown);
        }
        let (_, expires) = signed.rsplit_once(EXPIRES).ok_or(Bad::Unknown)?;
        let expires: i64 = expires.parse().map_err(|_| Bad::Unknown)?;
        if expires <= seconds(now) { Err(Bad::Expired) } else { Ok(()) }
    }
}

/// Whether an address says that it is a link.
pub(crate) fn is_link(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part.starts_with("signature=")))
}

impl Secret {
    fn new(now: Timestamp) -> Result<Self, LinksError> {
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|_| LinksError::Random)?;
        Ok(Self { secret: hex(&random), created_at: seconds(now), replaced_at: None })
    }

    fn hash(&self, text: &str) -> Option<blake3::Hash> {
        let key = blake3::Hash::from_hex(&self.secret).ok()?;
        let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
        hasher.update(PURPOSE).update(text.as_bytes());
        Some(hasher.finalize())
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

fn parse(bytes: &[u8]) -> Option<Vec<Secret>> {
    let secrets: Vec<Secret> = serde_json::from_slice(bytes).ok()?;
    let are_hashes = secrets.iter().all(|secret| blake3::Hash::from_hex(&secret.secret).is_ok());
    (!secrets.is_empty() && secrets.len() <= SECRETS_MAX && are_hashes).then_some(secrets)
}

/// Writes the file anew beside the old one, readable by its owner alone.
fn write(path: &Path, secrets: &[Secret]) -> io::Result<()> {
    let scratch = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(&scratch)?;
    file.write_all(&serde_json::to_vec_pretty(secrets)?)?;
    file.sync_all()?;
    std::fs::rename(&scratch, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_767_323_045_000_000);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn later(seconds: i64) -> Timestamp {
        Timestamp(NOW.0 + seconds * 1_000_000)
    }

    #[test]
    fn a_link_counts_until_it_expires_and_as_it_was_given_only() {
        let links = Links::of([7; 32]);
        let link = links.sign("/v1/orders/o%201/document?revision=1", NOW, HOUR);
        assert_eq!(links.check(&link, later(3_599)), Ok(()));
        assert_eq!(links.check(&link, later(3_600)), Err(Bad::Expired));
        let expires = (seconds(NOW) + 3_600).to_string();
        for (is, put) in [
            ("o%201", "o%202"),
            ("revision=1", "revision=2"),
            (&expires, "9999999999"),
            ("&signature", "&x=1&signature"),
            ("&signature=", "&signature=0"),
            ("signature", "Signature"),
        ] {
            let tampered = link.replace(is, put);
            assert_ne!(tampered, link);
            assert_eq!(links.check(&tampered, NOW), Err(Bad::Unknown), "{tampered}");
        }
        assert_eq!(links.check(&link[..link.len() - 1], NOW), Err(Bad::Unknown));
        assert_eq!(Links::of([8; 32]).check(&link, NOW), Err(Bad::Unknown));
        assert_eq!(Links::none().check(&link, NOW), Err(Bad::Unknown));
        assert_eq!(Links::none().sign("/x", NOW, HOUR), "/x");
    }

    #[test]
    fn no_link_lasts_longer_than_a_week() {
        let links = Links::of([7; 32]);
        let link = links.sign("/x", NOW, Duration::MAX);
        assert_eq!(links.check(&link, later(LINK_SECONDS_MAX as i64 - 1)), Ok(()));
        assert_eq!(links.check(&link, later(LINK_SECONDS_MAX as i64)), Err(Bad::Expired));
    }

    #[test]
    fn a_replaced_secret_counts_until_its_links_expire_and_survives_a_restart() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links.json");
        let links = Links::open(&path, NOW).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let old = links.sign("/x", NOW, Duration::MAX);
        links.replace(NOW, Earlier::Count).unwrap();
        let links = Links::open(&path, NOW).unwrap();
        let new = links.sign("/x", NOW, HOUR);
        assert_ne!(old, new);
        assert_eq!((links.check(&old, NOW), links.check(&new, NOW)), (Ok(()), Ok(())));
        // Nothing it signed can count after a week: then it goes.
        links.replace(later(LINK_SECONDS_MAX as i64 + 1), Earlier::Count).unwrap();
        assert_eq!(links.check(&old, NOW), Err(Bad::Unknown));
        assert_eq!(links.check(&new, NOW), Ok(()));
        links.replace(NOW, Earlier::End).unwrap();
        assert_eq!(links.check(&new, NOW), Err(Bad::Unknown));
        for _ in 1..SECRETS_MAX {
            links.replace(NOW, Earlier::Count).unwrap();
        }
        assert!(matches!(links.replace(NOW, Earlier::Count), Err(LinksError::TooMany)));
        std::fs::write(&path, "[]").unwrap();
        assert!(matches!(Links::open(&path, NOW), Err(LinksError::Parse(_))));
    }
}
