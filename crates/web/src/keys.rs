//! API keys: who may call, and what.
//!
//! A key is `ck_<id>_<secret>`; only the BLAKE3 hash of all of it is kept. The id finds the
//! record, the hash is compared in constant time.
//!
//! Never: a secret on disk, in a log, or in an error.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use governor::DefaultDirectRateLimiter;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::clients;
use crate::limits::Limits;

/// What a key allows: each scope holds those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask.
    Read,
    /// Send orders, stock, products, customers, batches.
    Write,
    /// Change what everything costs.
    Admin,
}

impl Scope {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// A key as it is stored: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its public part.
    pub id: String,
    /// What it allows.
    pub scope: Scope,
    /// BLAKE3 of the whole key, in hex.
    pub hash: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// What the whole key is checked against where it is proved and not said: for SQL, a
    /// SCRAM-SHA-256 verifier as PostgreSQL writes it. Keys made before there was SQL have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scram: Option<String>,
}

/// Why keys cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("read the file of API keys")]
    Read(#[source] io::Error),
    /// It is not a list of keys.
    #[error("parse the file of API keys")]
    Parse(#[source] serde_json::Error),
    /// A key's hash is not one.
    #[error("the hash of API key {0} is not one")]
    Hash(String),
    /// The machine gives no random numbers.
    #[error("no random numbers for a new API key")]
    Random,
}

/// Every key that is let in.
pub struct Keys(HashMap<String, Entry>);

/// A key with its allowance.
pub(crate) struct Entry {
    hash: blake3::Hash,
    pub(crate) scope: Scope,
    pub(crate) allowance: Option<DefaultDirectRateLimiter>,
}

impl Keys {
    /// The keys of a JSON file: a list of [`Key`]. A key that is taken out of the file counts no
    /// longer after the next load.
    ///
    /// # Errors
    /// [`KeysError`] when the file cannot be read or is not one of keys.
    pub fn load(path: &Path, limits: &Limits) -> Result<Self, KeysError> {
        let bytes = std::fs::read(path).map_err(KeysError::Read)?;
        let keys: Vec<Key> = serde_json::from_slice(&bytes).map_err(KeysError::Parse)?;
        Self::new(&keys, limits)
    }

    /// These keys.
    ///
    /// # Errors
    /// [`KeysError::Hash`] when a hash is not one.
    pub fn new(keys: &[Key], limits: &Limits) -> Result<Self, KeysError> {
        let entry = |key: &Key| {
            let hash = blake3::Hash::from_hex(&key.hash);
            let hash = hash.map_err(|_| KeysError::Hash(key.id.clone()))?;
            let allowance = clients::allowance(limits);
            Ok((key.id.clone(), Entry { hash, scope: key.scope, allowance }))
        };
        keys.iter().map(entry).collect::<Result<_, _>>().map(Self)
    }

    /// Makes a key: the secret to hand over, once, and the record to store.
    ///
    /// # Errors
    /// [`KeysError::Random`] when the machine gives no random numbers.
    pub fn create(scope: Scope, now: jiff::Timestamp) -> Result<(String, Key), KeysError> {
        let mut random = [0_u8; 40];
        getrandom::fill(&mut random).map_err(|_| KeysError::Random)?;
        let (id, secret) = (hex(&random[..8]), hex(&random[8..]));
        let token = format!("ck_{id}_{secret}");
        let hash = blake3::hash(token.as_bytes()).to_hex().to_string();
        let created_at = now.to_string();
        Ok((token, Key { id, scope, hash, created_at, scram: None }))
    }

    /// The id of the key that `token` is.
    pub(crate) fn id_of<'a>(&self, token: &'a str) -> Option<&'a str> {
        self.find(token)?;
        token.strip_prefix("ck_")?.split_once('_').map(|(id, _)| id)
    }

    /// The key that `token` is.
    pub(crate) fn find(&self, token: &str) -> Option<&Entry> {
        let (id, _) = token.strip_prefix("ck_")?.split_once('_')?;
        let entry = self.0.get(id)?;
        let hash = blake3::hash(token.as_bytes());
        bool::from(hash.as_bytes().ct_eq(entry.hash.as_bytes())).then_some(entry)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_secret_only() {
        let (secret, key) = Keys::create(Scope::Write, jiff::Timestamp::UNIX_EPOCH).unwrap();
        assert!(!serde_json::to_string(&key).unwrap().contains(&secret[20..]));
        let keys = Keys::new(std::slice::from_ref(&key), &Limits::default()).unwrap();
        assert_eq!(keys.find(&secret).map(|e| e.scope), Some(Scope::Write));
        for wrong in ["", "ck_", "ck__", &secret[1..], &secret[..secret.len() - 1]] {
            assert!(keys.find(wrong).is_none(), "{wrong}");
        }
        assert!(keys.find(&format!("ck_{}_{}", key.id, "0".repeat(64))).is_none());
    }

    #[test]
    fn write_holds_read_and_admin_holds_everything() {
        assert!(Scope::Admin > Scope::Write && Scope::Write > Scope::Read);
    }
}
