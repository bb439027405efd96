//! What is said to bytes that are no request: hyper's own answer does not leave while answers to
//! pipelined requests are collected.
//!
//! Never: behind the answer to a request, where it would be taken for another one's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A stream that hyper does not shut down when it is done: it closes when it is dropped, and
/// until then [`refuse`] may have something to say.
pub(crate) struct StillOpen<'a>(pub(crate) &'a mut TokioIo<TcpStream>);

impl rt::Read for StillOpen<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl rt::Write for StillOpen<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, bufs)
    }
}

/// Most bytes that are read to no end: a sender that has more should have asked first
/// (`Expect: 100-continue`), and is cut off.
const UNREAD_BYTES_MAX: u64 = 64 << 20;
/// Longest they are read.
const UNREAD: Duration = Duration::from_secs(5);

/// Answers bytes that are no request. Hyper has an answer as well, and keeps it to itself while
/// answers to pipelined requests are collected; behind one of those, this would be taken for its.
pub(crate) async fn refuse(stream: &mut TcpStream, error: &hyper::Error) {
    let status = match error {
        error if error.is_parse_too_large() => "431 Request Header Fields Too Large",
        error if error.is_parse() => "400 Bad Request",
        _ => return,
    };
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    _ = stream.write_all(answer.as_bytes()).await;
    linger(stream).await;
}

/// Says that nothing more comes, and hears the sender out: a connection that is closed over bytes
/// that nobody read is reset, and the answer that was on its way is lost with it.
pub(crate) async fn linger(stream: &mut TcpStream) {
    _ = stream.shutdown().await;
    let (mut rest, mut nowhere) = (stream.take(UNREAD_BYTES_MAX), tokio::io::sink());
    let read = tokio::io::copy(&mut rest, &mut nowhere);
    _ = tokio::time::timeout(UNREAD, read).await;
}
