//! One keep-alive connection: at most one request in flight.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::response::{self, Response};

/// A connection and what is in flight on it.
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    /// The request in flight; `None` when idle.
    pub(super) request: Option<Flight>,
    /// Bytes of an answer that came in more than one piece.
    partial: Vec<u8>,
}

/// A request on its way.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    /// Which request.
    pub(super) index: usize,
    /// When it was due, in nanoseconds since the run began.
    pub(super) due: u64,
    /// Bytes the kernel has taken so far.
    written: usize,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        socket.set_nodelay(true)?;
        // Loopback has no congestion: the simplest control costs the generator the least.
        let _ = rustix::net::sockopt::set_tcp_congestion(&socket, "reno");
        socket.set_nonblocking(true)?;
        Ok(Self { socket, request: None, partial: Vec::new() })
    }

    /// Sends `bytes`, or as much as fits; [`Connection::resume`] sends the rest.
    #[inline]
    pub(super) fn send(&mut self, index: usize, due: u64, bytes: &[u8]) -> io::Result<()> {
        self.request = Some(Flight { index, due, written: 0 });
        self.resume(bytes)
    }

    /// Sends what is left of the request in flight.
    #[inline]
    pub(super) fn resume(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(flight) = &mut self.request else {
            return Ok(());
        };
        while flight.written < bytes.len() {
            match self.socket.write(&bytes[flight.written..]) {
                Ok(written) => flight.written += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the kernel has not taken the whole request yet.
    #[inline]
    pub(super) fn is_sending(&self, length: usize) -> bool {
        self.request.is_some_and(|flight| flight.written < length)
    }

    /// Reads what is there; `Some` when the answer is complete.
    ///
    /// One read does it nearly always: the answer is small, and nothing can follow it before the
    /// next request has been sent.
    #[inline]
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<Response>> {
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            let answer = if self.partial.is_empty() {
                response::read(&buffer[..read])
            } else {
                self.partial.extend_from_slice(&buffer[..read]);
                response::read(&self.partial)
            };
            match answer.map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))? {
                Some(answer) => {
                    self.partial.clear();
                    return Ok(Some(answer));
                }
                None if self.partial.is_empty() => self.partial.extend_from_slice(&buffer[..read]),
                None => {}
            }
        }
    }
}
