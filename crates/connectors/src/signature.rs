//! Signatures of Standard Webhooks: `v1` (HMAC-SHA256) and `v1a` (ed25519), several at once while a
//! secret is replaced.
//!
//! Never: a secret in a `Debug`, a `Display` or an error.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// The header with a message's id: the same at every attempt.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// The header with the time of the attempt, in seconds since 1970.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// The header with the signatures.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A shared secret of `v1` is 24 to 64 bytes.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// A secret key of `v1a` is an ed25519 seed, alone or with its public key behind it.
const SEED_BYTES: usize = 32;

/// A secret that signs.
pub struct Secret(Key);

enum Key {
    /// `v1`, with the bytes it was made of.
    Shared(hmac::Key, Box<[u8]>),
    /// `v1a`.
    Pair(Box<Ed25519KeyPair>),
}

/// What is wrong with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It begins with neither `whsec_` nor `whsk_`.
    #[error("a signing secret begins with whsec_ or whsk_")]
    Prefix,
    /// What follows is not base64.
    #[error("a signing secret is base64 after its prefix")]
    Base64,
    /// It is of another length.
    #[error("a whsec_ secret has 24 to 64 bytes, a whsk_ one 32 or 64")]
    Length,
    /// The public key in it belongs to another.
    #[error("the public key in a whsk_ secret is not its own")]
    Pair,
}

impl Secret {
    /// Reads `whsec_…` or `whsk_…`.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let decode = |text| STANDARD.decode(text).map_err(|_| SecretError::Base64);
        if let Some(shared) = text.strip_prefix("whsec_") {
            return Self::shared(&decode(shared)?);
        }
        let bytes = decode(text.strip_prefix("whsk_").ok_or(SecretError::Prefix)?)?;
        let (seed, public) = bytes.split_first_chunk().ok_or(SecretError::Length)?;
        let secret = Self::pair(*seed)?;
        match (&secret.0, public) {
            (_, []) => Ok(secret),
            (Key::Pair(pair), public) if public == pair.public_key().as_ref() => Ok(secret),
            (_, public) if public.len() == SEED_BYTES => Err(SecretError::Pair),
            _ => Err(SecretError::Length),
        }
    }

    /// A secret that both sides know: `v1`.
    ///
    /// # Errors
    /// [`SecretError::Length`].
    pub fn shared(bytes: &[u8]) -> Result<Self, SecretError> {
        if !SHARED_BYTES.contains(&bytes.len()) {
            return Err(SecretError::Length);
        }
        Ok(Self(Key::Shared(hmac::Key::new(hmac::HMAC_SHA256, bytes), bytes.into())))
    }

    /// A key pair, of which the receiver knows the public half: `v1a`.
    ///
    /// # Errors
    /// [`SecretError::Pair`], which no seed of random bytes causes.
    pub fn pair(seed: [u8; SEED_BYTES]) -> Result<Self, SecretError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| SecretError::Pair)?;
        Ok(Self(Key::Pair(Box::new(pair))))
    }

    /// What a receiver needs to check signatures: `whsec_…`, or the public key, `whpk_…`.
    #[must_use]
    pub fn for_receiver(&self) -> String {
        match &self.0 {
            Key::Shared(_, bytes) => format!("whsec_{}", STANDARD.encode(bytes)),
            Key::Pair(pair) => format!("whpk_{}", STANDARD.encode(pair.public_key())),
        }
    }

    fn sign(&self, content: &[u8]) -> String {
        match &self.0 {
            Key::Shared(key, _) => format!("v1,{}", STANDARD.encode(hmac::sign(key, content))),
            Key::Pair(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(content))),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An id that no message can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message's id is visible ASCII without a full stop")]
pub struct InvalidId;

/// The three headers of a message, signed with every one of `secrets`; no signature without any.
/// `at` is the time of the attempt, in seconds since 1970.
///
/// # Errors
/// [`InvalidId`] when `id` is not visible ASCII without a full stop.
pub fn headers(secrets: &[Secret], id: &str, at: i64, body: &[u8]) -> Result<HeaderMap, InvalidId> {
    // A full stop would let one part of what is signed pass as another.
    let named = HeaderValue::from_str(id).ok().filter(|_| is_id(id));
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(ID, named.ok_or(InvalidId)?);
    headers.insert(TIMESTAMP, HeaderValue::from(at));
    if !secrets.is_empty() {
        let content = [format!("{id}.{at}.").as_bytes(), body].concat();
        let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(&content)).collect();
        let value = HeaderValue::try_from(signatures.join(" ")).expect("base64 is visible ASCII");
        headers.insert(SIGNATURE, value);
    }
    Ok(headers)
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID_SENT: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const AT: i64 = 1_614_265_330;

    fn signature(secrets: &[Secret]) -> String {
        let headers = headers(secrets, ID_SENT, AT, BODY).unwrap();
        headers[SIGNATURE].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_shared_secret_signs_as_published() {
        let secret = Secret::parse(SECRET).unwrap();
        assert_eq!(secret.for_receiver(), SECRET);
        let headers = headers(&[secret], ID_SENT, AT, BODY).unwrap();
        assert_eq!(headers[ID], ID_SENT);
        assert_eq!(headers[TIMESTAMP], "1614265330");
        assert_eq!(headers[SIGNATURE], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_pair_signs_what_its_public_half_verifies() {
        use ed25519_dalek::{Signature, Verifier, VerifyingKey};
        let secret = Secret::pair([7; 32]).unwrap();
        let public = STANDARD.decode(&secret.for_receiver()["whpk_".len()..]).unwrap();
        let public = VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
        let signed = signature(&[secret]);
        let signed = STANDARD.decode(signed.strip_prefix("v1a,").unwrap()).unwrap();
        let signed = Signature::from_slice(&signed).unwrap();
        let content = [format!("{ID_SENT}.{AT}.").as_bytes(), BODY].concat();
        public.verify(&content, &signed).unwrap();
        assert!(public.verify(b"something else", &signed).is_err());
    }

    #[test]
    fn every_secret_of_a_rotation_signs() {
        let two = [Secret::shared(&[1; 32]).unwrap(), Secret::pair([2; 32]).unwrap()];
        let both = signature(&two);
        let [new, old] = two;
        assert_eq!(both, format!("{} {}", signature(&[new]), signature(&[old])));
        assert!(!headers(&[], ID_SENT, AT, BODY).unwrap().contains_key(SIGNATURE));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_said() {
        let long = |n| STANDARD.encode(vec![1; n]);
        for (text, error) in [
            ("", SecretError::Prefix),
            ("whpk_AAAA", SecretError::Prefix),
            ("whsec_?", SecretError::Base64),
            (&format!("whsec_{}", long(23)), SecretError::Length),
            (&format!("whsec_{}", long(65)), SecretError::Length),
            (&format!("whsk_{}", long(31)), SecretError::Length),
            (&format!("whsk_{}", long(33)), SecretError::Length),
            (&format!("whsk_{}", long(64)), SecretError::Pair),
        ] {
            assert_eq!(Secret::parse(text).map(|_| ()), Err(error), "{text}");
        }
        assert!(Secret::parse(&format!("whsk_{}", long(32))).is_ok());
        assert_eq!(format!("{:?}", Secret::parse(SECRET)), "Ok(***)");
    }

    #[test]
    fn an_id_cannot_pass_a_part_of_itself_off_as_the_time() {
        for id in ["", "a.b", "a\nb", "a b", "é"] {
            assert_eq!(headers(&[], id, AT, BODY), Err(InvalidId), "{id}");
        }
    }
}
