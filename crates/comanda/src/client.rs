//! The commands' way to the API: over HTTP to a server, or the same router in this process.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use axum::body::Body;
use axum::http::Request;
use engine::OpenError;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::cli::Store;
use crate::installation::Installation;
use crate::spoken::{self, told};
use crate::wire_up::{Caller, Node};

/// Where a server that holds a store says how to reach it.
pub(crate) const ADDRESS_FILE: &str = "server.url";
/// Most bytes of one answer: pages are bounded, results are streamed elsewhere.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// The API.
pub(crate) enum Client {
    /// A server's.
    Remote { url: String, key: Option<String>, agent: ureq::Agent },
    /// Of a store opened here.
    Local { node: Box<Node>, router: axum::Router, runtime: tokio::runtime::Runtime },
}

/// An answer that is a no.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refused {
    pub(crate) status: u16,
    text: String,
}

/// The store is held, and nobody says by whom.
#[derive(Debug, thiserror::Error)]
#[error("{}", told!("no-held", error = spoken::text(&spoken::opening(.0))))]
pub(crate) struct Held(OpenError);

/// What a store is opened as.
pub(crate) enum Opened {
    /// Here.
    Here(Box<Node>),
    /// By a server, at this address.
    By(String),
}

/// Opens the store, or finds who holds it.
pub(crate) fn open(store: &Store, installation: &Installation) -> Result<Opened> {
    if let Some(url) = &store.server {
        return Ok(Opened::By(url.trim_end_matches('/').to_owned()));
    }
    match Node::open(&store.data_dir, installation, Caller::Owner) {
        Ok(node) => Ok(Opened::Here(Box::new(node))),
        Err(error) => match error.downcast::<OpenError>() {
            Ok(held @ OpenError::Held(_)) => {
                let url = address(&store.data_dir).ok_or(Held(held))?;
                Ok(Opened::By(url))
            }
            Ok(error) => Err(error.into()),
            Err(error) => Err(error),
        },
    }
}

fn address(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join(ADDRESS_FILE)).ok()?;
    Some(text.trim().to_owned()).filter(|url| url.starts_with("http://"))
}

impl Client {
    /// Connects to whoever has the store.
    pub(crate) fn connect(store: &Store, installation: &Installation) -> Result<Self> {
        match open(store, installation)? {
            Opened::By(url) => Ok(Self::remote(url, store.api_key.clone())),
            Opened::Here(node) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let router = web::router(node.app.clone());
                Ok(Self::Local { node, router, runtime })
            }
        }
    }

    /// A server's API.
    pub(crate) fn remote(url: String, key: Option<String>) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Self::Remote { url, key, agent: config.build().into() }
    }

    /// Calls the API; the answer's status and bytes.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<(u16, Vec<u8>)> {
        match self {
            Self::Remote { url, key, agent } => {
                let mut request =
                    ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
                if let Some(key) = key {
                    request = request.header("authorization", format!("Bearer {key}"));
                }
                let (kind, bytes) = body.unwrap_or(("application/json", Vec::new()));
                let request = request.header("content-type", kind);
                let request = request.header("accept-language", spoken::lang().as_str());
                let request = request.body(bytes)?;
                let answer =
                    agent.run(request).with_context(|| told!("no-call", url = url.as_str()))?;
                let status = answer.status().as_u16();
                let mut body = answer.into_body();
                let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
                Ok((status, bytes))
            }
            Self::Local { router, runtime, .. } => {
                let (kind, bytes) = body.unwrap_or(("application/json", Vec::new()));
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header("content-type", kind)
                    .header("accept-language", spoken::lang().as_str())
                    .body(Body::from(bytes))?;
                runtime.block_on(async {
                    let answer = router.clone().oneshot(request).await?;
                    let status = answer.status().as_u16();
                    let limit = usize::try_from(ANSWER_BYTES_MAX).unwrap_or(usize::MAX);
                    let bytes = axum::body::to_bytes(answer.into_body(), limit).await?;
                    Ok((status, bytes.to_vec()))
                })
            }
        }
    }

    /// Gets bytes, or the error that the problem document describes.
    pub(crate) fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        match self.call("GET", path, None)? {
            (status, bytes) if status >= 400 => {
                bail!(Refused { status, text: problem(status, &bytes) })
            }
            (_, bytes) => Ok(bytes),
        }
    }

    /// Calls the API; JSON, or the error that the problem document describes.
    pub(crate) fn json(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Value> {
        let (status, bytes) = self.call(method, path, body)?;
        if status >= 400 {
            bail!(Refused { status, text: problem(status, &bytes) });
        }
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).with_context(|| told!("no-json"))
    }

    /// Gets bytes without holding them in memory.
    pub(crate) fn download(&self, path: &str, out: &mut dyn Write) -> Result<()> {
        let Self::Remote { url, key, agent } = self else {
            return Ok(out.write_all(&self.bytes(path)?)?);
        };
        let mut request = agent.get(format!("{url}{path}"));
        request = request.header("accept-language", spoken::lang().as_str());
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let answer = request.call().with_context(|| format!("call {url}"))?;
        let status = answer.status().as_u16();
        let mut body = answer.into_body();
        if status >= 400 {
            bail!(Refused { status, text: problem(status, &body.read_to_vec()?) });
        }
        std::io::copy(&mut body.as_reader(), &mut Out(out)).context("read the answer")?;
        Ok(())
    }

    /// Posts JSON and passes the answer on as it comes, without holding it in memory.
    pub(crate) fn stream(
        &self,
        path: &str,
        accept: &str,
        body: Vec<u8>,
        out: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Remote { url, key, agent } => {
                let mut request = agent.post(format!("{url}{path}"));
                request =
                    request.header("accept", accept).header("content-type", "application/json");
                request = request.header("accept-language", spoken::lang().as_str());
                if let Some(key) = key {
                    request = request.header("authorization", format!("Bearer {key}"));
                }
                let answer =
                    request.send(&body).with_context(|| told!("no-call", url = url.as_str()))?;
                let status = answer.status().as_u16();
                let mut body = answer.into_body();
                if status >= 400 {
                    bail!(Refused { status, text: problem(status, &body.read_to_vec()?) });
                }
                let (mut reader, mut piece) = (body.as_reader(), vec![0; 64 << 10]);
                loop {
                    match reader.read(&mut piece).with_context(|| told!("no-whole-answer"))? {
                        0 => return Ok(()),
                        read => out(&piece[..read])?,
                    }
                }
            }
            Self::Local { router, runtime, .. } => {
                let request = Request::builder()
                    .method("POST")
                    .uri(path)
                    .header("accept", accept)
                    .header("content-type", "application/json")
                    .header("accept-language", spoken::lang().as_str())
                    .body(Body::from(body))?;
                runtime.block_on(async {
                    let answer = router.clone().oneshot(request).await?;
                    let status = answer.status().as_u16();
                    let mut body = answer.into_body();
                    if status >= 400 {
                        let bytes = axum::body::to_bytes(body, 1 << 20).await?;
                        bail!(Refused { status, text: problem(status, &bytes) });
                    }
                    while let Some(frame) = body.frame().await {
                        let frame = frame.with_context(|| told!("no-whole-answer"))?;
                        if let Some(bytes) = frame.data_ref() {
                            out(bytes)?;
                        }
                    }
                    Ok(())
                })
            }
        }
    }

    /// Sends a file without holding it in memory; JSON, or the error.
    pub(crate) fn upload(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        file: &Path,
    ) -> Result<Value> {
        let Self::Remote { url, key, agent } = self else {
            return self.json(method, path, Some((kind, std::fs::read(file)?)));
        };
        let target = format!("{url}{path}");
        let request = if method == "PUT" { agent.put(target) } else { agent.post(target) };
        let mut request = request.header("content-type", kind);
        request = request.header("accept-language", spoken::lang().as_str());
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let answer = request.send(std::fs::File::open(file)?).with_context(|| told!("no-send"))?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().read_to_vec()?;
        if status >= 400 {
            bail!(Refused { status, text: problem(status, &bytes) });
        }
        serde_json::from_slice(&bytes).with_context(|| told!("no-json"))
    }

    /// The local store's node, when there is one.
    pub(crate) fn close(self) {
        if let Self::Local { node, router, runtime } = self {
            drop(router);
            drop(runtime);
            node.batches.close();
        }
    }
}

/// A writer behind a reference.
struct Out<'a>(&'a mut dyn Write);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// A problem document as a text, with its violations.
fn problem(status: u16, bytes: &[u8]) -> String {
    let Ok(problem) = serde_json::from_slice::<Value>(bytes) else {
        return format!("{status} {}", String::from_utf8_lossy(bytes));
    };
    let text = |value: &Value, field| value[field].as_str().unwrap_or_default().to_owned();
    let mut out = status.to_string();
    for (before, part) in [(" ", "title"), (": ", "detail")] {
        let part = text(&problem, part);
        if !part.is_empty() {
            out.extend([before, &part]);
        }
    }
    // Of a statement in SQL: where it is wrong.
    if let (Some(line), Some(column)) = (problem["line"].as_u64(), problem["column"].as_u64()) {
        out.push_str(&format!(" ({line}:{column})"));
    }
    for violation in problem["violations"].as_array().into_iter().flatten() {
        out.push_str("\n  ");
        out.push_str(&text(violation, "pointer"));
        out.push_str("  ");
        out.push_str(&text(violation, "message"));
    }
    out
}

/// A path with query parameters, encoded; those without a value are left out.
pub(crate) fn path(base: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut out = base.to_owned();
    let given = parameters.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (n, (name, value)) in given.enumerate() {
        out.push(if n == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.push_str(&encode(value));
    }
    out
}

/// A text as one part of a URL.
pub(crate) fn encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
