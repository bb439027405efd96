//! What is done for a letter that is sent again: nothing beside its end, where that is what its
//! sink selects; a request, where it was a document or a step.
//!
//! Never: a way in of its own. A document is read, priced and decided like any other.

use bytes::Bytes;
use domain::command;
use domain::order::Channel;
use domain::time::Timestamp;

use super::{DeadLetter, How, Kind, Settle};
use crate::change::{Fault, Seq};
use crate::ledger::{Amend, Cancel, Receive, Request};
use crate::wire::csv;
use crate::wire::document::{self, Command, Settings, read};

/// Why a letter cannot be sent again, or not so.
#[derive(Clone, Debug)]
pub enum Unsent {
    /// Nothing of that kind is sent again: a sink that fell behind, or is disabled.
    Kind,
    /// What was read was not kept, or not for so long.
    Payload,
    /// What is sent again is made anew of the order: another payload cannot take its place.
    Edited,
    /// The document is none, or breaks rules.
    Document(document::Fault),
}

/// What sends a letter again.
///
/// `edited` takes the place of its document. What was buried before `oldest` is kept no longer.
///
/// # Errors
/// [`Unsent`] says why it cannot be.
pub fn again(
    letter: Seq,
    (buried_at, dead): (Timestamp, &DeadLetter),
    edited: Option<Bytes>,
    oldest: Timestamp,
    settings: &Settings,
) -> Result<Settle, Unsent> {
    let kind = dead.subject.kind();
    if edited.is_some() && !kind.is_document() {
        return Err(Unsent::Edited);
    }
    let with = match kind {
        Kind::Delivery => None,
        Kind::Step => Some(Request::Redrive(dead.order.clone().ok_or(Unsent::Kind)?)),
        Kind::Missed | Kind::Disabled => return Err(Unsent::Kind),
        Kind::Item | Kind::Message | Kind::Decision => {
            let kept = dead.payload.clone().filter(|_| buried_at >= oldest);
            let document = edited.or(kept).filter(|payload| !payload.is_empty());
            Some(request(document.ok_or(Unsent::Payload)?, channel(kind), settings)?)
        }
    };
    Ok(Settle { letter, how: How::Redriven, with })
}

/// Where a document of that kind came in, where it does not say.
fn channel(kind: Kind) -> Channel {
    match kind {
        Kind::Item => Channel::Batch,
        Kind::Message => Channel::Queue,
        Kind::Decision | Kind::Step | Kind::Delivery | Kind::Missed | Kind::Disabled => {
            Channel::Api
        }
    }
}

/// What a document asks for.
fn request(document: Bytes, channel: Channel, settings: &Settings) -> Result<Request, Unsent> {
    let settings = Settings { channel, ..settings.clone() };
    let read = read(&csv::canonical(&document), &settings).map_err(Unsent::Document)?;
    let warnings: Vec<Fault> = read.warnings.iter().map(Fault::from).collect();
    Ok(match read.command {
        Command::Create(order) => {
            let receive = Receive { order, document, warnings, batch: None, rules: None };
            Request::Receive(Box::new(receive))
        }
        Command::Amend(order) => {
            let amend = Amend { order, document, warnings, batch: None, revision: None };
            Request::Amend(Box::new(amend))
        }
        Command::Cancel(order) => {
            let channel = read.channel;
            let command = command::Cancel { order, reason: None, channel, batch: None };
            Request::Cancel(Box::new(Cancel { command, document: Some(document) }))
        }
    })
}
