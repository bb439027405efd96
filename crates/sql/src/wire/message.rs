//! What a client says, read from bytes that nobody vouches for.
//!
//! Never: a length that is believed before the bytes are there; bytes left over that are passed by.

use bytes::Bytes;

/// Longest opening of a connection, as PostgreSQL has it: settings of a session are short.
pub(super) const OPENING_BYTES_MAX: usize = 10_000;
/// Longest message of a session: a statement's text is at most 64 KiB, the rest is parameters.
pub(super) const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Longest message before somebody is let in: passwords and proofs are short.
pub(super) const PROOF_BYTES_MAX: usize = 4_096;

/// Asks for TLS.
const TLS_REQUEST: u32 = 80_877_103;
/// Asks for encryption by GSSAPI.
const GSS_REQUEST: u32 = 80_877_104;
/// Asks to cancel what another connection does.
const CANCEL_REQUEST: u32 = 80_877_102;

/// Bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a message is shorter than what it says it holds")]
    Short,
    #[error("a message is longer than what it holds")]
    Long,
    #[error("a message of {0} bytes is refused")]
    Length(u32),
    #[error("a text is not UTF-8")]
    Text,
    #[error("there is no message of kind {0:#04x}")]
    Kind(u8),
    #[error("protocol {0}.{1} is not spoken here")]
    Protocol(u32, u32),
}

/// How a connection begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Wants TLS.
    Tls,
    /// Wants encryption by GSSAPI.
    Gss,
    /// Wants what another connection does to end.
    Cancel { process: i32, secret: Bytes },
    /// Wants a session.
    Session(Session),
}

/// What a session begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// The protocol's minor version; the major one is 3.
    pub(super) minor: u32,
    /// Names and values, in their order: `user`, `database`, settings.
    pub(super) parameters: Vec<(String, String)>,
}

impl Session {
    /// The value of a parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// A message of a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A password, or a step of a proof.
    Proof(Bytes),
    /// Statements to carry out at once.
    Query(String),
    /// A statement to keep under a name.
    Parse { name: String, sql: String, types: Vec<u32> },
    /// Values for a kept statement.
    Bind(Bind),
    /// Says what a kept statement or a portal takes and gives.
    Describe(Target),
    /// Rows of a portal, at most so many; all of them when 0.
    Execute { portal: String, rows: usize },
    /// Forgets a kept statement or a portal.
    Close(Target),
    /// Sends what waits to be sent.
    Flush,
    /// Ends a series, and what a failure passes over.
    Sync,
    /// Says goodbye.
    Terminate,
    /// A part of a COPY that nobody asked for.
    Copy,
}

/// What is meant by a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Statement(String),
    Portal(String),
}

/// Values for a kept statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    /// Whether parameters are binary: none, one for all, or one each.
    pub(super) formats: Vec<i16>,
    pub(super) values: Vec<Option<Bytes>>,
    /// Whether columns shall be binary: none, one for all, or one each.
    pub(super) results: Vec<i16>,
}

/// Reads how a connection begins, from a frame without its length.
pub(super) fn opening(frame: Bytes) -> Result<Opening, Malformed> {
    let mut fields = Fields(frame);
    let opening = match fields.u32()? {
        TLS_REQUEST => Opening::Tls,
        GSS_REQUEST => Opening::Gss,
        CANCEL_REQUEST => {
            let process = fields.i32()?;
            Opening::Cancel { process, secret: fields.rest() }
        }
        version if version >> 16 == 3 => {
            let mut parameters = Vec::new();
            loop {
                let name = fields.text()?;
                if name.is_empty() {
                    break;
                }
                parameters.push((name, fields.text()?));
            }
            Opening::Session(Session { minor: version & 0xffff, parameters })
        }
        version => return Err(Malformed::Protocol(version >> 16, version & 0xffff)),
    };
    fields.end()?;
    Ok(opening)
}

/// Reads a message: its kind, and its bytes without kind and length.
pub(super) fn message(kind: u8, body: Bytes) -> Result<Message, Malformed> {
    let mut fields = Fields(body);
    let message = match kind {
        b'p' => Message::Proof(fields.rest()),
        b'Q' => Message::Query(fields.text()?),
        b'P' => Message::Parse {
            name: fields.text()?,
            sql: fields.text()?,
            types: fields.many(Fields::u32)?,
        },
        b'B' => Message::Bind(Bind {
            portal: fields.text()?,
            statement: fields.text()?,
            formats: fields.many(Fields::i16)?,
            values: fields.many(Fields::value)?,
            results: fields.many(Fields::i16)?,
        }),
        b'D' => Message::Describe(fields.target()?),
        b'E' => Message::Execute {
            portal: fields.text()?,
            // A negative number of rows is as none: all of them.
            rows: usize::try_from(fields.i32()?).unwrap_or_default(),
        },
        b'C' => Message::Close(fields.target()?),
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'X' => Message::Terminate,
        b'd' | b'c' | b'f' => {
            fields.rest();
            Message::Copy
        }
        other => return Err(Malformed::Kind(other)),
    };
    fields.end()?;
    Ok(message)
}

/// Reads the first step of a proof: which mechanism, and what it begins with.
pub(super) fn first_step(proof: Bytes) -> Result<(String, Bytes), Malformed> {
    let mut fields = Fields(proof);
    let mechanism = fields.text()?;
    let step = fields.value()?.unwrap_or_default();
    fields.end()?;
    Ok((mechanism, step))
}

/// Bytes that are read from the front.
struct Fields(Bytes);

impl Fields {
    fn take(&mut self, length: usize) -> Result<Bytes, Malformed> {
        if self.0.len() < length {
            return Err(Malformed::Short);
        }
        Ok(self.0.split_to(length))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let bytes = self.take(N)?;
        Ok(bytes[..].try_into().expect("so many bytes were taken"))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    /// A text that ends with a zero.
    fn text(&mut self) -> Result<String, Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed::Short)?;
        let text = self.0.split_to(end);
        self.take(1)?;
        String::from_utf8(text.into()).map_err(|_| Malformed::Text)
    }

    /// A value, or none.
    fn value(&mut self) -> Result<Option<Bytes>, Malformed> {
        match usize::try_from(self.i32()?) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// A count, and so many of them. Nothing is reserved for a count that may be a lie.
    fn many<T>(
        &mut self,
        one: impl Fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.array().map(u16::from_be_bytes)?;
        (0..count).map(|_| one(self)).collect()
    }

    fn target(&mut self) -> Result<Target, Malformed> {
        let [kind] = self.array()?;
        match kind {
            b'S' => self.text().map(Target::Statement),
            b'P' => self.text().map(Target::Portal),
            other => Err(Malformed::Kind(other)),
        }
    }

    fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }

    fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Long) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(parts: &[&[u8]]) -> Bytes {
        parts.concat().into()
    }

    #[test]
    fn a_session_says_who_and_what_it_wants() {
        let bytes = frame(&[&[0, 3, 0, 0], b"user\0ana\0database\0shop\0\0"]);
        let Ok(Opening::Session(session)) = opening(bytes) else { panic!("a session") };
        assert_eq!((session.parameter("user"), session.minor), (Some("ana"), 0));
        assert_eq!(session.parameter("options"), None);
    }

    #[test]
    fn openings_that_are_cut_short_or_of_another_protocol_are_refused() {
        assert_eq!(opening(frame(&[&[0, 3]])), Err(Malformed::Short));
        assert_eq!(opening(frame(&[&[0, 3, 0, 0], b"user\0ana"])), Err(Malformed::Short));
        assert_eq!(opening(frame(&[&[0, 2, 0, 0]])), Err(Malformed::Protocol(2, 0)));
        assert_eq!(opening(frame(&[&[0, 3, 0, 0], b"\0x"])), Err(Malformed::Long));
        assert_eq!(opening(frame(&[&[0, 3, 0, 0], b"user\0\xff\0\0"])), Err(Malformed::Text));
    }

    #[test]
    fn a_bind_holds_values_and_nulls() {
        let bytes = frame(&[
            b"p\0s\0",
            &[0, 1, 0, 1],
            &[0, 2, 0, 0, 0, 2, 7, 8, 255, 255, 255, 255],
            &[0, 0],
        ]);
        let bind = Bind {
            portal: "p".to_owned(),
            statement: "s".to_owned(),
            formats: vec![1],
            values: vec![Some(Bytes::from_static(&[7, 8])), None],
            results: Vec::new(),
        };
        assert_eq!(message(b'B', bytes), Ok(Message::Bind(bind)));
    }

    #[test]
    fn counts_and_lengths_that_lie_are_refused() {
        let lie = frame(&[b"\0\0", &[255, 255]]);
        assert_eq!(message(b'B', lie), Err(Malformed::Short));
        let lie = frame(&[b"\0\0", &[0, 0, 0, 1, 127, 255, 255, 255], b"x"]);
        assert_eq!(message(b'B', lie), Err(Malformed::Short));
        assert_eq!(message(b'Q', frame(&[b"select 1\0more"])), Err(Malformed::Long));
        assert_eq!(message(b'Q', frame(&[b"select 1"])), Err(Malformed::Short));
        assert_eq!(message(b'!', Bytes::new()), Err(Malformed::Kind(b'!')));
        assert_eq!(message(b'D', frame(&[b"?x\0"])), Err(Malformed::Kind(b'?')));
    }
}
