//! Passwords proved without being said: the server's side of SCRAM-SHA-256 (RFC 5802, 7677), and
//! what is stored for it.
//!
//! Channel binding is not offered. A password is taken as it is: keys are ASCII.
//!
//! Never: a password, or anything it could be proved with, in what is stored.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;

/// The one mechanism that is offered.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";
/// Rounds of hashing, as RFC 7677 asks for at least. API keys have 256 random bits: more rounds
/// would add nothing.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4_096).expect("it is not zero");
/// Bytes of SHA-256.
const HASH: usize = 32;

/// What is stored of a password: it can be checked against, and nobody can log in with it.
///
/// Written as PostgreSQL writes it: `SCRAM-SHA-256$<iterations>:<salt>$<stored>:<server>`.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: [u8; HASH],
    server_key: [u8; HASH],
}

/// A text that is no verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SCRAM-SHA-256 verifier")]
pub struct NoVerifier;

impl Verifier {
    /// What to store of a password; the salt is random bytes, new for each.
    #[must_use]
    pub fn new(password: &str, salt: [u8; 16]) -> Self {
        let mut salted = [0; HASH];
        let algorithm = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(algorithm, ITERATIONS, &salt, password.as_bytes(), &mut salted);
        let stored_key = sha256(&sign(&salted, b"Client Key"));
        let server_key = sign(&salted, b"Server Key");
        Self { iterations: ITERATIONS.get(), salt: salt.to_vec(), stored_key, server_key }
    }

    /// What to store of a password, with a salt of its own.
    ///
    /// # Errors
    /// When the machine gives no random numbers.
    pub fn salted(password: &str) -> io::Result<Self> {
        Ok(Self::new(password, super::random()?))
    }

    /// One that no password fits, the same for a name every time: whoever tries names learns
    /// nothing from being asked for a proof.
    pub(super) fn of_nobody(name: &str, secret: &[u8; HASH]) -> Self {
        let salt = sign(secret, name.as_bytes());
        let nothing = sign(secret, &salt);
        let (stored_key, server_key) = (sign(&nothing, b"stored"), sign(&nothing, b"server"));
        let iterations = ITERATIONS.get();
        Self { iterations, salt: salt[..16].to_vec(), stored_key, server_key }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(|bytes| BASE64.encode(bytes));
        write!(f, "{MECHANISM}${}:{salt}${stored}:{server}", self.iterations)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

impl FromStr for Verifier {
    type Err = NoVerifier;

    fn from_str(text: &str) -> Result<Self, NoVerifier> {
        let parts = || {
            let (head, keys) = text.strip_prefix(MECHANISM)?.strip_prefix('$')?.split_once('$')?;
            let ((iterations, salt), (stored, server)) =
                (head.split_once(':')?, keys.split_once(':')?);
            Some(Self {
                iterations: iterations.parse().ok().filter(|iterations| *iterations > 0)?,
                salt: BASE64.decode(salt).ok()?,
                stored_key: BASE64.decode(stored).ok()?.try_into().ok()?,
                server_key: BASE64.decode(server).ok()?.try_into().ok()?,
            })
        };
        parts().ok_or(NoVerifier)
    }
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    /// What was said is no step of the mechanism.
    Broken,
    /// The proof is wrong.
    Wrong,
}

/// A proof that was asked for.
pub(super) struct Asked {
    verifier: Verifier,
    /// What was said before channels were to be bound, as the client is to repeat it.
    header: String,
    nonce: String,
    /// Both first messages.
    said: String,
}

/// Takes the client's first message; what it is asked for, and the question to send.
///
/// # Errors
/// [`No::Broken`] when it is no first message.
pub(super) fn ask(
    first: &[u8],
    verifier: Verifier,
    server_nonce: &str,
) -> Result<(Asked, String), No> {
    let first = std::str::from_utf8(first).map_err(|_| No::Broken)?;
    // "n": the client does not bind channels; "y": it would, and knows that we do not.
    let rest = first.strip_prefix("n,").or_else(|| first.strip_prefix("y,")).ok_or(No::Broken)?;
    let (identity, bare) = rest.split_once(',').ok_or(No::Broken)?;
    if !identity.is_empty() {
        return Err(No::Broken);
    }
    let (name, nonce) = bare.split_once(',').ok_or(No::Broken)?;
    let client_nonce = nonce.strip_prefix("r=").filter(|nonce| !nonce.is_empty());
    let client_nonce = client_nonce.and_then(|nonce| nonce.split(',').next()).ok_or(No::Broken)?;
    if !name.starts_with("n=") {
        return Err(No::Broken);
    }
    let nonce = format!("{client_nonce}{server_nonce}");
    let (salt, iterations) = (BASE64.encode(&verifier.salt), verifier.iterations);
    let question = format!("r={nonce},s={salt},i={iterations}");
    let header = first[..first.len() - bare.len()].to_owned();
    let said = format!("{bare},{question}");
    Ok((Asked { verifier, header, nonce, said }, question))
}

impl Asked {
    /// Takes the client's proof; what proves in turn that we know its password.
    ///
    /// # Errors
    /// [`No::Wrong`] when the proof is not one, [`No::Broken`] when it is nothing.
    pub(super) fn check(self, last: &[u8]) -> Result<String, No> {
        let last = std::str::from_utf8(last).map_err(|_| No::Broken)?;
        let (bare, proof) = last.rsplit_once(",p=").ok_or(No::Broken)?;
        let (binding, nonce) = bare.split_once(",r=").ok_or(No::Broken)?;
        let binding = binding.strip_prefix("c=").ok_or(No::Broken)?;
        let nonce = nonce.split(',').next().unwrap_or_default();
        if BASE64.decode(binding).as_deref() != Ok(self.header.as_bytes()) || nonce != self.nonce {
            return Err(No::Wrong);
        }
        let proof = BASE64.decode(proof).map_err(|_| No::Broken)?;
        let proof: [u8; HASH] = proof.try_into().map_err(|_| No::Broken)?;
        let said = format!("{},{bare}", self.said);
        let signature = sign(&self.verifier.stored_key, said.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature).map(|(p, s)| p ^ s).collect();
        let right = sha256(&client_key).ct_eq(&self.verifier.stored_key);
        if !bool::from(right) {
            return Err(No::Wrong);
        }
        let ours = sign(&self.verifier.server_key, said.as_bytes());
        Ok(format!("v={}", BASE64.encode(ours)))
    }
}

fn sign(key: &[u8], message: &[u8]) -> [u8; HASH] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn sha256(bytes: &[u8]) -> [u8; HASH] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of RFC 7677, section 3.
    const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const LAST: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn verifier(password: &str) -> Verifier {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        Verifier::new(password, salt.try_into().unwrap())
    }

    #[test]
    fn the_example_of_the_standard_is_let_in() {
        let (asked, question) = ask(FIRST.as_bytes(), verifier("pencil"), NONCE).unwrap();
        let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(question, expected);
        let ours = asked.check(LAST.as_bytes());
        assert_eq!(ours.as_deref(), Ok("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    }

    #[test]
    fn another_password_another_nonce_and_another_header_are_wrong() {
        let check = |password, server_nonce, last: &str| {
            let (asked, _) = ask(FIRST.as_bytes(), verifier(password), server_nonce).unwrap();
            asked.check(last.as_bytes())
        };
        assert_eq!(check("pencils", NONCE, LAST), Err(No::Wrong));
        assert_eq!(check("pencil", "other", LAST), Err(No::Wrong));
        assert_eq!(check("pencil", NONCE, &LAST.replace("biws", "eSws")), Err(No::Wrong));
        assert_eq!(check("pencil", NONCE, "c=biws,r=x"), Err(No::Broken));
        assert_eq!(check("pencil", NONCE, "c=biws,r=x,p=!"), Err(No::Wrong));
    }

    #[test]
    fn what_is_no_first_message_is_refused() {
        let broken = ["", "n,,", "n,,n=user", "n,,n=user,r=", "p=tls,,n=u,r=x", "n,a=x,n=u,r=x"];
        for first in broken {
            assert!(ask(first.as_bytes(), verifier("pencil"), NONCE).is_err(), "{first}");
        }
    }

    #[test]
    fn a_verifier_is_read_as_it_is_written_and_holds_no_password() {
        let stored = verifier("pencil").to_string();
        assert!(stored.starts_with("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"), "{stored}");
        assert_eq!(stored.parse::<Verifier>(), Ok(verifier("pencil")));
        assert!(!stored.contains("pencil"));
        for wrong in ["", "SCRAM-SHA-256$0:eA==$eA==:eA==", "md5abc", &stored[..60]] {
            assert_eq!(wrong.parse::<Verifier>(), Err(NoVerifier), "{wrong}");
        }
    }

    #[test]
    fn nobody_is_asked_the_same_every_time() {
        let secret = [7; HASH];
        assert_eq!(Verifier::of_nobody("ana", &secret), Verifier::of_nobody("ana", &secret));
        assert_ne!(Verifier::of_nobody("ana", &secret), Verifier::of_nobody("bia", &secret));
    }
}
