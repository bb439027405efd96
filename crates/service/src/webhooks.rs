//! Webhook endpoints: which addresses want to be told what, and how it is signed for them.
//!
//! An endpoint is a record of the log like an order: added, changed, disabled and removed by
//! requests to the ledger, in their order.
//!
//! Never: a secret. A secret follows from the installation's own, the endpoint and the number of
//! its key, so neither the log nor a list of endpoints has one to give away.

mod attempt;
pub mod message;
pub mod replay;

use std::sync::Arc;

use domain::id::MerchantId;
use domain::time::Timestamp;

use crate::change::{Seq, read_name};
use crate::codec::{Corrupt, Decoder, Encoder};

pub use self::attempt::Attempt;

/// The kind of a message that only tries an endpoint.
pub const PING: &str = "webhook.ping";
/// Most endpoints: each is a follower of its own, with its own cursor and connections.
pub const ENDPOINTS_MAX: usize = 256;
/// Most changes that one record of a replay covers: what it leads to is selected at once.
pub const REPLAY_CHANGES_MAX: usize = 256;
/// Most kinds of events that one endpoint names.
pub const KINDS_MAX: usize = 64;
/// Most sellers that one endpoint names.
pub const MERCHANTS_MAX: usize = 256;
/// Longest address, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// Longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 1_024;
/// Longest text of why an endpoint is disabled, in bytes.
pub const REASON_BYTES_MAX: usize = 1_024;
/// Most attempts under way at once towards one endpoint.
pub const CONCURRENCY_MAX: u16 = 64;
/// Most attempts a second towards one endpoint.
pub const PER_SECOND_MAX: u32 = 10_000;

/// What the sinks of endpoints are called begins so.
const SINK_PREFIX: &str = "webhook:";

/// The name of an endpoint: `ep_` and up to 32 small letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(Box<str>);

impl EndpointId {
    /// Reads a name; `None` for a text that is none.
    ///
    /// ```
    /// use service::webhooks::EndpointId;
    /// assert!(EndpointId::parse("ep_4f1c").is_some());
    /// assert!(["", "ep_", "ep_A", "ep_a.b", "4f1c"].iter().all(|t| EndpointId::parse(t).is_none()));
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("ep_").filter(|rest| (1..=32).contains(&rest.len()))?;
        let is_id = rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        is_id.then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its sink is called: `webhook:ep_…`.
    #[must_use]
    pub fn sink(&self) -> String {
        format!("{SINK_PREFIX}{}", self.0)
    }

    /// The endpoint whose sink is called so.
    #[must_use]
    pub fn of_sink(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix(SINK_PREFIX)?)
    }
}

/// How what is sent to an endpoint is signed (Standard Webhooks).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scheme {
    /// HMAC-SHA256 with a secret that both sides know.
    V1 = 1,
    /// ed25519: the receiver knows the public key only.
    V1a = 2,
}

impl Scheme {
    /// Every scheme with its name on the wire.
    pub const ALL: [(Self, &'static str); 2] = [(Self::V1, "v1"), (Self::V1a, "v1a")];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1a => "v1a",
        }
    }

    /// The scheme of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, n)| *n == name).map(|(scheme, _)| scheme)
    }

    fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().map(|(scheme, _)| scheme).find(|scheme| *scheme as u8 == number)
    }
}

/// Whether an endpoint is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Active,
    /// It is not, until it is enabled; what happens meanwhile waits for it.
    Disabled {
        /// Why, for people.
        reason: Box<str>,
        /// Since when.
        at: Timestamp,
    },
    /// It is gone.
    Removed,
}

/// Which of an endpoint's secrets sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signing {
    /// How.
    pub scheme: Scheme,
    /// The number of the newest secret, from 1.
    pub key: u32,
    /// Until when the one before it signs as well.
    pub previous_until: Option<Timestamp>,
}

impl Signing {
    /// The numbers of the secrets that sign now, the newest first.
    pub fn keys(&self, now: Timestamp) -> impl Iterator<Item = u32> {
        let signs_still = self.previous_until.is_some_and(|until| now < until);
        let previous = self.key.checked_sub(1).filter(|key| *key > 0 && signs_still);
        std::iter::once(self.key).chain(previous)
    }
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub id: EndpointId,
    /// What can be set about it.
    pub terms: Terms,
    /// How it is signed for.
    pub signing: Signing,
    /// Whether it is told.
    pub state: State,
    /// The change that added it: it is told what comes behind.
    pub since: Seq,
    /// When it was added.
    pub created_at: Timestamp,
    /// When anything about it last changed.
    pub changed_at: Timestamp,
}

/// What can be set about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where to, at most [`URL_BYTES_MAX`] bytes. May hold a token: for administrators only.
    pub url: Box<str>,
    /// What it is for, in its owner's words.
    pub description: Box<str>,
    /// Kinds of events it is told: `order.completed`, `order.*`, `*`. At least one.
    pub kinds: Vec<Box<str>>,
    /// Of these sellers; of all when there are none. What concerns no seller is told always.
    pub merchants: Vec<MerchantId>,
    /// Most attempts a second; unbounded when absent.
    pub per_second: Option<u32>,
    /// Most attempts under way at once.
    pub concurrency: u16,
}

impl Terms {
    /// Whether events of that kind are told.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.kinds.iter().any(|pattern| covers(pattern, kind))
    }

    /// Whether what concerns this seller, or none, is told.
    #[must_use]
    pub fn concerns(&self, merchant: Option<&MerchantId>) -> bool {
        self.merchants.is_empty() || merchant.is_none_or(|m| self.merchants.contains(m))
    }
}

/// Whether a kind is one of those that a pattern names.
///
/// ```
/// use service::webhooks::covers;
/// assert!(covers("*", "order.failed") && covers("order.*", "order.failed"));
/// assert!(covers("order.failed", "order.failed"));
/// assert!(!covers("order.*", "orders.failed") && !covers("order", "order.failed"));
/// ```
#[must_use]
pub fn covers(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && kind.starts_with(group),
        None => pattern == kind,
    }
}

/// What to do about an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin to tell it.
    Add {
        /// Its name: new.
        id: EndpointId,
        /// What is set about it.
        terms: Terms,
        /// How to sign.
        scheme: Scheme,
    },
    /// Set what is named.
    Change(EndpointId, Patch),
    /// Sign with a new secret.
    Rotate {
        /// Which endpoint.
        id: EndpointId,
        /// How long the secret before it signs as well, in microseconds. One before that ends now.
        overlap: i64,
    },
    /// Tell it no more, until it is enabled.
    Disable {
        /// Which endpoint.
        id: EndpointId,
        /// Why, for people.
        reason: Box<str>,
    },
    /// Tell it again, beginning with what it missed.
    Enable(EndpointId),
    /// Forget it.
    Remove(EndpointId),
    /// Tell it again what followed from these changes, by the same ids.
    Replay(Replay),
}

/// What to set about an endpoint; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// See [`Terms::url`].
    pub url: Option<Box<str>>,
    /// See [`Terms::description`].
    pub description: Option<Box<str>>,
    /// See [`Terms::kinds`].
    pub kinds: Option<Vec<Box<str>>>,
    /// See [`Terms::merchants`].
    pub merchants: Option<Vec<MerchantId>>,
    /// See [`Terms::per_second`].
    pub per_second: Option<Option<u32>>,
    /// See [`Terms::concurrency`].
    pub concurrency: Option<u16>,
}

/// Changes whose deliveries an endpoint is to get again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Behind this one.
    pub after: Option<Seq>,
    /// Up to this one, at most [`REPLAY_CHANGES_MAX`] of them.
    pub until: Seq,
}

/// Why a command about an endpoint was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such endpoint.
    #[error("there is no such endpoint")]
    Unknown,
    /// There are as many as there may be.
    #[error("there are {ENDPOINTS_MAX} endpoints already")]
    TooMany,
    /// There is one of that name, or was.
    #[error("there is an endpoint of that name")]
    Taken,
}

impl Command {
    /// The endpoint it is about.
    #[must_use]
    pub fn endpoint(&self) -> &EndpointId {
        match self {
            Self::Add { id, .. }
            | Self::Change(id, _)
            | Self::Rotate { id, .. }
            | Self::Disable { id, .. }
            | Self::Enable(id)
            | Self::Remove(id) => id,
            Self::Replay(replay) => &replay.endpoint,
        }
    }

    /// The endpoint after it, given as it is now; unchanged when nothing is to be recorded.
    ///
    /// # Errors
    /// [`Refused`]. How many there are is for the caller to count.
    pub fn apply(
        &self,
        now: Option<&Arc<Endpoint>>,
        at: Timestamp,
    ) -> Result<Arc<Endpoint>, Refused> {
        if let Self::Add { id, terms, scheme } = self {
            let signing = Signing { scheme: *scheme, key: 1, previous_until: None };
            let endpoint = Endpoint {
                id: id.clone(),
                terms: terms.clone(),
                signing,
                state: State::Active,
                since: Seq::default(),
                created_at: at,
                changed_at: at,
            };
            return if now.is_none() { Ok(Arc::new(endpoint)) } else { Err(Refused::Taken) };
        }
        let now = now.ok_or(Refused::Unknown)?;
        let mut next = Endpoint::clone(now);
        match self {
            Self::Add { .. } | Self::Replay(_) => {}
            Self::Change(_, patch) => patch.apply(&mut next.terms),
            Self::Rotate { overlap, .. } => {
                let until = (*overlap > 0).then(|| Timestamp(at.0.saturating_add(*overlap)));
                next.signing.key = next.signing.key.saturating_add(1);
                next.signing.previous_until = until;
            }
            Self::Disable { reason, .. } if next.state == State::Active => {
                next.state = State::Disabled { reason: reason.clone(), at };
            }
            Self::Disable { .. } => {}
            Self::Enable(_) => next.state = State::Active,
            Self::Remove(_) => next.state = State::Removed,
        }
        if next == **now {
            return Ok(now.clone());
        }
        next.changed_at = at;
        Ok(Arc::new(next))
    }
}

impl Patch {
    fn apply(&self, terms: &mut Terms) {
        fn set<T: Clone>(to: &mut T, new: Option<&T>) {
            if let Some(new) = new {
                *to = new.clone();
            }
        }
        set(&mut terms.url, self.url.as_ref());
        set(&mut terms.description, self.description.as_ref());
        set(&mut terms.kinds, self.kinds.as_ref());
        set(&mut terms.merchants, self.merchants.as_ref());
        set(&mut terms.per_second, self.per_second.as_ref());
        set(&mut terms.concurrency, self.concurrency.as_ref());
    }
}

impl Endpoint {
    /// Writes the endpoint.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        let Self { id, terms, signing, state, since, created_at, changed_at } = self;
        to.text(id.as_str());
        to.text(&terms.url);
        to.text(&terms.description);
        to.list(terms.kinds.iter(), |to, kind| to.text(kind));
        to.list(terms.merchants.iter(), |to, merchant| to.text(merchant.as_str()));
        to.option(terms.per_second, |to, n| to.u64(n.into()));
        to.u64(terms.concurrency.into());
        to.u8(signing.scheme as u8);
        to.u64(signing.key.into());
        to.option(signing.previous_until, |to, until| to.i64(until.0));
        match state {
            State::Active => to.u8(0),
            State::Disabled { reason, at } => {
                to.u8(1);
                to.text(reason);
                to.i64(at.0);
            }
            State::Removed => to.u8(2),
        }
        to.u64(since.0);
        to.i64(created_at.0);
        to.i64(changed_at.0);
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            id: read_id(from)?,
            terms: Terms {
                url: from.text()?.into(),
                description: from.text()?.into(),
                kinds: from.list(|f| f.text().map(Into::into))?,
                merchants: from.list(read_name(MerchantId::parse))?,
                per_second: from.option(Decoder::u32)?,
                concurrency: u16::try_from(from.u64()?).map_err(|_| Corrupt)?,
            },
            signing: Signing {
                scheme: Scheme::of(from.u8()?).ok_or(Corrupt)?,
                key: from.u32()?,
                previous_until: from.option(|f| f.i64().map(Timestamp))?,
            },
            state: match from.u8()? {
                0 => State::Active,
                1 => State::Disabled { reason: from.text()?.into(), at: Timestamp(from.i64()?) },
                2 => State::Removed,
                3.. => return Err(Corrupt),
            },
            since: Seq(from.u64()?),
            created_at: Timestamp(from.i64()?),
            changed_at: Timestamp(from.i64()?),
        })
    }
}

impl Replay {
    /// Writes the record.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        to.text(self.endpoint.as_str());
        to.option(self.after, |to, seq| to.u64(seq.0));
        to.u64(self.until.0);
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`Corrupt`] when the bytes are none.
    pub fn decode(from: &mut Decoder<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            endpoint: read_id(from)?,
            after: from.option(|f| f.u64().map(Seq))?,
            until: Seq(from.u64()?),
        })
    }
}

fn read_id(from: &mut Decoder<'_>) -> Result<EndpointId, Corrupt> {
    EndpointId::parse(from.text()?).ok_or(Corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_before_the_newest_signs_until_its_time_is_over() {
        let signing = |key, until: Option<i64>| Signing {
            scheme: Scheme::V1,
            key,
            previous_until: until.map(Timestamp),
        };
        let keys = |signing: Signing, now| signing.keys(Timestamp(now)).collect::<Vec<_>>();
        assert_eq!(keys(signing(1, None), 0), [1]);
        assert_eq!(keys(signing(3, Some(10)), 9), [3, 2]);
        assert_eq!(keys(signing(3, Some(10)), 10), [3]);
        assert_eq!(keys(signing(1, Some(10)), 0), [1], "there is none before the first");
    }

    #[test]
    fn an_endpoint_of_some_sellers_hears_of_them_and_of_what_concerns_none() {
        let merchant = |id| MerchantId::parse(id).unwrap();
        let mut terms = Terms {
            url: "".into(),
            description: "".into(),
            kinds: vec!["batch.finished".into(), "order.*".into()],
            merchants: Vec::new(),
            per_second: None,
            concurrency: 1,
        };
        assert!(terms.concerns(Some(&merchant("a"))));
        terms.merchants.push(merchant("b"));
        assert!(!terms.concerns(Some(&merchant("a"))));
        assert!(terms.concerns(Some(&merchant("b"))) && terms.concerns(None));
        assert!(terms.wants("order.failed") && terms.wants("batch.finished"));
        assert!(!terms.wants("stock.pending"));
    }
}
