//! HTTP/1.1 as a test wants it: one connection, nothing sent twice behind its back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longest an answer may take: longer than the server's own limit of 30 seconds.
const PATIENCE: Duration = Duration::from_secs(45);

/// A connection that is kept.
pub(crate) struct Http {
    stream: BufReader<TcpStream>,
    /// Lines of the head that every request carries, each with its line end.
    pub(crate) headers: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

impl Http {
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), headers: String::new() })
    }

    /// Gets; panics when there is no answer.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, "", b"").unwrap_or_else(|e| panic!("GET {path}: {e}"))
    }

    /// Posts JSON; panics when there is no answer.
    pub(crate) fn post(&mut self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let answer = self.try_post(path, body.as_ref());
        answer.unwrap_or_else(|e| panic!("POST {path}: {e}"))
    }

    /// Posts JSON.
    pub(crate) fn try_post(&mut self, path: &str, body: &[u8]) -> io::Result<Answer> {
        self.call("POST", path, "application/json", body)
    }

    /// Posts JSON Lines; panics when there is no answer.
    pub(crate) fn post_lines(&mut self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let answer = self.call("POST", path, "application/x-ndjson", body.as_ref());
        answer.unwrap_or_else(|e| panic!("POST {path}: {e}"))
    }

    /// Every row of a list, page by page.
    pub(crate) fn list(&mut self, path: &str, field: &str) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=1000{cursor}"));
            assert_eq!(page.status, 200, "{}", page.text());
            let mut page = page.json();
            if let Value::Array(more) = page[field].take() {
                rows.extend(more);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> io::Result<Answer> {
        self.send(method, path, kind, body)?;
        self.receive()
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> io::Result<()> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{}", self.headers);
        if !kind.is_empty() {
            request.push_str(&format!("content-type: {kind}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes)
    }

    /// Reads the next answer.
    pub(crate) fn receive(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if head[before..].trim_end().is_empty() {
                break;
            }
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut answer = Answer { status, head, body: Vec::new() };
        answer.body = if answer.header("transfer-encoding").is_some() {
            self.chunks()?
        } else {
            let length = answer.header("content-length").and_then(|n| n.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            self.stream.read_exact(&mut body)?;
            body
        };
        Ok(answer)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16);
            let length = length.map_err(|_| io::ErrorKind::UnexpectedEof)?;
            let begin = body.len();
            body.resize(begin + length + 2, 0);
            self.stream.read_exact(&mut body[begin..])?;
            body.truncate(begin + length);
            if length == 0 {
                return Ok(body);
            }
        }
    }
}
