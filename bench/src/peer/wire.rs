//! As much of PostgreSQL's wire protocol (version 3) as the peer needs: prepared statements,
//! binary parameters, COPY, and whole pipelines that go out in one write.
//!
//! Why not a library: this is the fastest client the peer can have. One transaction is one write
//! and one wait, and COPY runs inside the pipeline, which libraries do not offer.
//! Never: passwords or TLS. The server is our own, on a Unix socket in a private folder.

use std::io;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Type of a `text` element in an array.
pub const TEXT: u32 = 25;
/// Type of a `bigint` element in an array.
pub const BIGINT: u32 = 20;
/// Type of an `integer` element in an array.
pub const INTEGER: u32 = 23;

/// A connection with statements queued but not sent.
pub struct Client {
    socket: UnixStream,
    out: Vec<u8>,
    input: Vec<u8>,
}

/// Why PostgreSQL refused the pipeline: nothing of it happened.
#[derive(Clone, Debug)]
pub struct Refused {
    /// SQLSTATE, five characters.
    pub code: String,
    /// The server's text.
    pub message: String,
}

/// The rows of a pipeline's answers, each a list of binary fields.
pub type Rows = Vec<Vec<Option<Vec<u8>>>>;

impl Client {
    /// Connects as `user` to the database of the same name.
    ///
    /// # Errors
    /// The server is not there or not ready.
    pub async fn connect(folder: &Path, user: &str) -> io::Result<Self> {
        let socket = UnixStream::connect(folder.join(".s.PGSQL.5432")).await?;
        let mut client = Self { socket, out: Vec::new(), input: Vec::new() };
        let mut start = 196_608_u32.to_be_bytes().to_vec();
        for text in ["user", user, "database", "postgres", ""] {
            start.extend_from_slice(text.as_bytes());
            start.push(0);
        }
        client.out.extend_from_slice(&(start.len() as u32 + 4).to_be_bytes());
        client.out.extend_from_slice(&start);
        client.round_trip().await?.map_err(|refused| io::Error::other(refused.message))?;
        Ok(client)
    }

    /// Runs statements separated by semicolons, at once.
    ///
    /// # Errors
    /// The connection broke, or the server refused.
    pub async fn run(&mut self, sql: &str) -> io::Result<Rows> {
        self.message(b'Q', |out| text(out, sql));
        self.round_trip().await?.map_err(|refused| io::Error::other(refused.message))
    }

    /// Queues the preparation of a statement.
    pub fn prepare(&mut self, name: &str, sql: &str) {
        self.message(b'P', |out| {
            text(out, name);
            text(out, sql);
            out.extend_from_slice(&[0, 0]);
        });
    }

    /// Queues the execution of a prepared statement; `parameters` are binary values.
    pub fn execute(&mut self, name: &str, parameters: &[&[u8]]) {
        self.message(b'B', |out| {
            text(out, "");
            text(out, name);
            out.extend_from_slice(&[0, 1, 0, 1]);
            out.extend_from_slice(&(parameters.len() as u16).to_be_bytes());
            for parameter in parameters {
                out.extend_from_slice(&(parameter.len() as u32).to_be_bytes());
                out.extend_from_slice(parameter);
            }
            out.extend_from_slice(&[0, 1, 0, 1]);
        });
        self.message(b'E', |out| {
            text(out, "");
            out.extend_from_slice(&[0, 0, 0, 0]);
        });
    }

    /// Queues a prepared `COPY … FROM STDIN (FORMAT binary)` with its rows.
    pub fn copy(&mut self, name: &str, rows: impl FnOnce(&mut Vec<u8>)) {
        self.execute(name, &[]);
        self.message(b'd', |out| {
            out.extend_from_slice(b"PGCOPY\n\xff\r\n\0");
            out.extend_from_slice(&[0; 8]);
            rows(out);
            out.extend_from_slice(&[0xff, 0xff]);
        });
        self.message(b'c', |_| {});
    }

    /// Sends what is queued as one transaction and waits for its commit.
    ///
    /// # Errors
    /// Outer: the connection broke. Inner: the server refused; nothing of it happened.
    pub async fn commit(&mut self) -> io::Result<Result<Rows, Refused>> {
        self.message(b'S', |_| {});
        self.round_trip().await
    }

    fn message(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(kind);
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        body(&mut self.out);
        let length = (self.out.len() - at) as u32;
        self.out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    async fn round_trip(&mut self) -> io::Result<Result<Rows, Refused>> {
        self.socket.write_all(&self.out).await?;
        self.out.clear();
        let mut rows = Rows::new();
        let mut refused = None;
        loop {
            let (kind, body) = match self.next().await {
                Ok(message) => message,
                // Before the first ReadyForQuery the server explains itself and hangs up.
                Err(_) if refused.is_some() => break,
                Err(error) => return Err(error),
            };
            match kind {
                b'D' => rows.push(row(&body).ok_or(io::ErrorKind::InvalidData)?),
                b'E' => {
                    refused = Some(Refused { code: part(&body, b'C'), message: part(&body, b'M') })
                }
                b'Z' => break,
                _ => {}
            }
        }
        Ok(refused.map_or(Ok(rows), Err))
    }

    async fn next(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some(head) = self.input.get(..5) {
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                if self.input.len() > length {
                    let kind = head[0];
                    let body = self.input[5..=length].to_vec();
                    self.input.drain(..=length);
                    return Ok((kind, body));
                }
            }
            self.input.reserve(8 * 1_024);
            if self.socket.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

fn row(body: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    let mut rest = body.get(2..)?;
    let mut fields = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*length);
        let taken = usize::try_from(length).unwrap_or(0);
        fields.push((length >= 0).then(|| after.get(..taken).map(<[u8]>::to_vec)).flatten());
        rest = after.get(taken..)?;
    }
    Some(fields)
}

/// One part of an error message: each is a letter and a text that ends with a zero.
fn part(body: &[u8], letter: u8) -> String {
    let found = body.split(|&byte| byte == 0).find(|part| part.first() == Some(&letter));
    found.map_or_else(String::new, |part| String::from_utf8_lossy(&part[1..]).into_owned())
}

/// An array parameter of `count` elements; `element` appends the bytes of each.
pub fn array<T>(kind: u32, items: &[T], element: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(20 + items.len() * 12);
    let dimensions = u32::from(!items.is_empty());
    for number in [dimensions, 0, kind] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    if items.is_empty() {
        return out;
    }
    for number in [items.len() as u32, 1] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    for item in items {
        field(&mut out, |out| element(item, out));
    }
    out
}

/// One value with its length before it, in arrays and in COPY rows.
pub fn field(out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    value(out);
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// A `bigint` of a row.
pub fn bigint(value: Option<&Option<Vec<u8>>>) -> Option<i64> {
    Some(i64::from_be_bytes(value?.as_deref()?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_written_as_postgres_reads_it() {
        let bytes = array(BIGINT, &[7_i64], |n, out| out.extend_from_slice(&n.to_be_bytes()));
        assert_eq!(bytes.len(), 20 + 4 + 8);
        assert_eq!(bytes[..4], 1_u32.to_be_bytes());
        assert_eq!(array::<i64>(BIGINT, &[], |_, _| {}).len(), 12);
    }

    #[test]
    fn an_error_is_taken_apart() {
        let body = b"SERROR\0C23505\0Mduplicate key\0\0";
        assert_eq!(
            (part(body, b'C').as_str(), part(body, b'M').as_str()),
            ("23505", "duplicate key")
        );
    }
}
