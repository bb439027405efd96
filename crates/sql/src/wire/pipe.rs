//! A connection's bytes: messages in, messages out, both bounded.
//!
//! Never: more read than one message may have; more kept to be sent than a little beyond
//! [`KEPT_BYTES`].

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use pgwire::messages::PgWireBackendMessage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::message::{self, MESSAGE_BYTES_MAX, Malformed, Message, OPENING_BYTES_MAX, Opening};

/// Bytes that are kept before they are sent: rows go out in large pieces.
const KEPT_BYTES: usize = 64 << 10;
/// Longest a client may read nothing of what it is sent: afterwards it is gone for all we know.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing more can be said.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error("no message")]
    Malformed(#[from] Malformed),
    #[error("an answer cannot be put into a message: {0}")]
    Answer(String),
}

/// A connection's bytes.
pub(super) struct Pipe<S> {
    socket: S,
    read: BytesMut,
    write: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pipe<S> {
    pub(super) fn new(socket: S) -> Self {
        Self { socket, read: BytesMut::new(), write: BytesMut::new() }
    }

    /// How the connection begins; nothing when it ends instead. May be dropped and called again.
    pub(super) async fn opening(&mut self) -> Result<Option<Opening>, Cut> {
        let Some(length) = self.length(0, 8..=OPENING_BYTES_MAX).await? else { return Ok(None) };
        if !self.holds(length).await? {
            return Ok(None);
        }
        let mut frame = self.read.split_to(length);
        frame.advance(4);
        Ok(Some(message::opening(frame.freeze())?))
    }

    /// The next message; nothing when the client is gone. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Cut> {
        self.next_within(MESSAGE_BYTES_MAX).await
    }

    /// The next message, with a bound of its own.
    pub(super) async fn next_within(&mut self, bytes_max: usize) -> Result<Option<Message>, Cut> {
        let Some(length) = self.length(1, 4..=bytes_max).await? else { return Ok(None) };
        if !self.holds(length + 1).await? {
            return Ok(None);
        }
        let mut frame = self.read.split_to(length + 1);
        let kind = frame[0];
        frame.advance(5);
        Ok(Some(message::message(kind, frame.freeze())?))
    }

    /// What a message says of its length, `at` so many bytes from here; refused before its bytes
    /// are read when it is none that may be.
    async fn length(
        &mut self,
        at: usize,
        allowed: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, Cut> {
        if !self.holds(at + 4).await? {
            return Ok(None);
        }
        let length = (&self.read[at..]).get_u32();
        match usize::try_from(length) {
            Ok(length) if allowed.contains(&length) => Ok(Some(length)),
            Ok(_) | Err(_) => Err(Malformed::Length(length).into()),
        }
    }

    /// Reads until so many bytes are there; whether they are.
    async fn holds(&mut self, bytes: usize) -> Result<bool, Cut> {
        while self.read.len() < bytes {
            if self.socket.read_buf(&mut self.read).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps a message to be sent.
    pub(super) fn put(&mut self, message: &PgWireBackendMessage) -> Result<(), Cut> {
        message.encode(&mut self.write).map_err(|error| Cut::Answer(error.to_string()))
    }

    /// Keeps a message, and sends what is kept when it is much.
    pub(super) async fn put_many(&mut self, message: &PgWireBackendMessage) -> Result<(), Cut> {
        self.put(message)?;
        if self.write.len() >= KEPT_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Sends what is kept.
    pub(super) async fn flush(&mut self) -> Result<(), Cut> {
        while !self.write.is_empty() {
            let sent = tokio::time::timeout(SEND_PATIENCE, self.socket.write_buf(&mut self.write));
            if sent.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
        }
        self.socket.flush().await?;
        Ok(())
    }

    /// Waits until the client goes, while it is not its turn to speak: what it says meanwhile is
    /// kept, as far as one message goes.
    pub(super) async fn gone(&mut self) {
        while self.read.len() < MESSAGE_BYTES_MAX {
            match self.socket.read_buf(&mut self.read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }
}
