//! How a connection begins: what it is for, who it is, what it is told of the server.
//!
//! Never: an answer to a statement; a word on whether a user is known to who could not prove it.

use std::time::Duration;

use bytes::Bytes;
use pgwire::messages::PgWireBackendMessage as Reply;
use pgwire::messages::response::SslResponse;
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, SecretKey,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::warn;

use super::failure::{Failure, code};
use super::message::{self, Message, Opening, PROOF_BYTES_MAX};
use super::pipe::Pipe;
use super::scram::{self, MECHANISM, No, Verifier};
use super::session::Session;
use super::talk::{Stop, Talk};
use super::variables::Variables;
use super::{Access, Found, Host};

/// How long whoever could not prove who they are waits for the answer.
const WRONG_PROOF: Duration = Duration::from_secs(1);
/// The protocol that is spoken: 3.0.
const PROTOCOL: i32 = 3 << 16;

/// A connection's first words up to where statements may follow; nothing when it was for something
/// else, or went away.
pub(super) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(
    pipe: &mut Pipe<S>,
    host: &Host,
) -> Result<Option<(message::Session, Variables)>, Stop> {
    let session = loop {
        match pipe.opening().await? {
            Some(Opening::Tls | Opening::Gss) => {
                // Both are answered the same: one letter, and the client goes on without.
                pipe.put(&Reply::SslResponse(SslResponse::Refuse))?;
                pipe.flush().await?;
            }
            Some(Opening::Cancel { process, secret }) => {
                host.running.cancel(process, &secret);
                return Ok(None);
            }
            Some(Opening::Session(session)) => break session,
            None => return Ok(None),
        }
    };
    let unknown = session.parameters.iter().map(|(name, _)| name);
    let unknown: Vec<_> = unknown.filter(|name| name.starts_with("_pq_.")).cloned().collect();
    if session.minor > 0 || !unknown.is_empty() {
        let spoken = NegotiateProtocolVersion::new(PROTOCOL, unknown);
        pipe.put(&Reply::NegotiateProtocolVersion(spoken))?;
    }
    let user = session.parameter("user").filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| {
        Failure::fatal(code::INVALID_AUTHORIZATION, "no user is named in the startup packet")
    })?;
    match &host.access {
        Access::Anyone => {}
        Access::Keys(door) => {
            let found = door.find(user);
            prove(pipe, host, user, found).await?;
        }
    }
    let asked = session.parameters.iter().map(|(name, value)| (&**name, &**value));
    let variables = Variables::begin(user, asked).map_err(Failure::into_fatal)?;
    Ok(Some((session, variables)))
}

/// Has a user prove that they know their key.
async fn prove<S: AsyncRead + AsyncWrite + Unpin>(
    pipe: &mut Pipe<S>,
    host: &Host,
    user: &str,
    found: Found,
) -> Result<(), Stop> {
    let verifier = match found {
        Found::Verifier(verifier) => verifier,
        Found::Nobody => Verifier::of_nobody(user, &host.secret),
        Found::Older => {
            let message = format!("API key \"{user}\" was made before SQL was there");
            let failure = Failure::fatal(code::INVALID_AUTHORIZATION, message);
            return Err(failure.hint("Make a new one: comanda keys create --scope read").into());
        }
        Found::Unavailable => {
            let message = "API keys cannot be read now";
            return Err(Failure::fatal(code::INTERNAL, message).into());
        }
    };
    let mechanisms = Authentication::SASL(vec![MECHANISM.to_owned()]);
    let first = answer(pipe, mechanisms).await?;
    let (mechanism, first) = message::first_step(first).map_err(|_| broken())?;
    if mechanism != MECHANISM {
        return Err(broken().into());
    }
    let nonce = host.nonce()?;
    let (asked, question) = scram::ask(&first, verifier, &nonce).map_err(|_| broken())?;
    let last = answer(pipe, Authentication::SASLContinue(question.into())).await?;
    match asked.check(&last) {
        Ok(ours) => {
            pipe.put(&Reply::Authentication(Authentication::SASLFinal(ours.into())))?;
            Ok(())
        }
        Err(No::Broken) => Err(broken().into()),
        Err(No::Wrong) => {
            host.counts.refused();
            let name: String = user.chars().take(64).collect();
            warn!(user = name, "a wrong password for SQL");
            tokio::time::sleep(WRONG_PROOF).await;
            let message = format!("password authentication failed for user \"{name}\"");
            let failure = Failure::fatal(code::INVALID_PASSWORD, message);
            Err(failure.hint("The user is an API key's id, the password the whole key.").into())
        }
    }
}

fn broken() -> Failure {
    Failure::fatal(code::PROTOCOL_VIOLATION, "this is no step of SCRAM-SHA-256")
}

/// Asks, and waits for the proof.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    pipe: &mut Pipe<S>,
    question: Authentication,
) -> Result<Bytes, Stop> {
    pipe.put(&Reply::Authentication(question))?;
    pipe.flush().await?;
    match pipe.next_within(PROOF_BYTES_MAX).await? {
        Some(Message::Proof(proof)) => Ok(proof),
        Some(_) | None => Err(broken().into()),
    }
}

/// Tells a client that it is in, and all it needs to know.
pub(super) async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    pipe: Pipe<S>,
    host: &Host,
    user: &str,
    variables: Variables,
) -> Result<Talk<S>, Stop> {
    let context = host.catalogue.session(user);
    let settings = variables.reported();
    let session = Session::new(context, host.reader.clone(), variables);
    let seat = host.running.seat(host.secret()?);
    let key = BackendKeyData::new(seat.process, SecretKey::I32(seat.secret));
    let (closing, idle) = (host.closing.clone(), host.settings.idle);
    let mut talk = Talk { pipe, session, seat, closing, idle };
    talk.pipe.put(&Reply::Authentication(Authentication::Ok))?;
    talk.tell_settings(settings)?;
    talk.pipe.put(&Reply::BackendKeyData(key))?;
    talk.ready().await?;
    Ok(talk)
}
