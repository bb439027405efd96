//! A queue that speaks SQS's JSON protocol: AWS's own, or a server that imitates it.
//!
//! Four actions of one protocol are all that is needed, signed by what the archive's store brings
//! along: the vendor's SDK would be some thirty crates for them.
//!
//! Never: a body in a log or in an error, a message kept after it was handed over.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::time::Timestamp;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::HttpRequestBody;
use reqwest::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service::ledger::Task;
use service::source::{MESSAGES_PER_CALL_MAX, Message, Receipt, Source, SourceError};

use crate::aws::{Account, client};
use crate::http::shortened;

/// How long a call to receive waits for a message: the longest that SQS does.
const WAIT: Duration = Duration::from_secs(20);
/// How long an answer may take, beside the time it was asked to wait.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer: ten messages of a megabyte, each character of them escaped.
const REPLY_BYTES_MAX: usize = 64 << 20;
/// The region where nothing says another.
const REGION: &str = "us-east-1";

/// Where a queue is.
#[derive(Clone, Debug)]
pub struct Place {
    /// What people call it.
    pub name: Box<str>,
    /// The queue's address: `https://sqs.us-east-1.amazonaws.com/123456789012/orders`.
    pub url: Url,
    /// Where requests go, when that is not where the queue's address leads.
    pub endpoint: Option<Url>,
    /// Who asks. The region is that of the address, where none is named.
    pub account: Account,
    /// How long a message that was handed out is hidden from others.
    pub visibility: Duration,
}

/// A queue.
pub struct Sqs {
    place: Place,
    endpoint: Url,
    region: String,
    credentials: AwsCredentialProvider,
    client: reqwest::Client,
}

/// Why there can be no queue there.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Without TLS, though that was not allowed.
    #[error("a queue without TLS needs allow_http")]
    Plain,
    /// The credentials do not fit together.
    #[error("set up the queue's credentials")]
    Credentials(#[source] object_store::Error),
    /// The HTTP client could not be set up.
    #[error("set up the HTTP client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Sqs {
    /// The queue there; it is not asked whether it answers.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn new(place: Place) -> Result<Self, PlaceError> {
        let mut endpoint = place.endpoint.clone().unwrap_or_else(|| place.url.clone());
        endpoint.set_path("/");
        endpoint.set_query(None);
        if endpoint.scheme() != "https" && !place.account.allow_http {
            return Err(PlaceError::Plain);
        }
        let region = place.account.region.as_deref().or_else(|| region_of(&place.url));
        Ok(Self {
            region: region.unwrap_or(REGION).to_owned(),
            credentials: place.account.credentials().map_err(PlaceError::Credentials)?,
            client: client(place.account.allow_http).map_err(PlaceError::Client)?,
            endpoint,
            place,
        })
    }

    /// Makes one call.
    async fn call<T: DeserializeOwned>(
        &self,
        action: &str,
        mut body: Value,
        timeout: Duration,
    ) -> Result<T, SourceError> {
        if let Value::Object(members) = &mut body {
            members.insert("QueueUrl".to_owned(), self.place.url.as_str().into());
        }
        let body = Bytes::from(body.to_string());
        let called = tokio::time::timeout(timeout, self.send(action, body)).await;
        let (status, reply) = called.map_err(|_| error("no answer in time"))??;
        if status.is_success() {
            // Some servers answer with nothing where there is nothing to say.
            let reply = if reply.is_empty() { &b"{}"[..] } else { &reply };
            return serde_json::from_slice(reply).map_err(|_| error("an answer that is not SQS's"));
        }
        Err(refused(status, &reply))
    }

    async fn send(&self, action: &str, body: Bytes) -> Result<(StatusCode, Bytes), SourceError> {
        let signed = self.signed(action, &body).await?;
        let request = self.client.post(self.endpoint.clone()).headers(signed).body(body);
        let mut response = request.send().await.map_err(|e| broken(&e))?;
        let mut reply = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| broken(&e))? {
            if reply.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(error("an answer that is too long"));
            }
            reply.extend_from_slice(&chunk);
        }
        Ok((response.status(), reply.freeze()))
    }

    /// The headers of a request, its signature among them.
    async fn signed(&self, action: &str, body: &Bytes) -> Result<http::HeaderMap, SourceError> {
        let unsigned = |e: object_store::Error| error(&format!("no credentials: {e}"));
        let credential = self.credentials.get_credential().await.map_err(unsigned)?;
        let mut request = http::Request::post(self.endpoint.as_str())
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(HttpRequestBody::from(body.clone()))
            .map_err(|_| error("a request that cannot be made"))?;
        let authorizer = AwsAuthorizer::new(&credential, "sqs", &self.region);
        authorizer.try_authorize(&mut request, None).map_err(unsigned)?;
        Ok(std::mem::take(request.headers_mut()))
    }

    /// Does something to messages, ten at a time, and answers with those it was not done to.
    async fn each(
        &self,
        action: &str,
        receipts: Vec<Receipt>,
        entry: impl Fn(usize, &Receipt) -> Value,
    ) -> Result<Vec<Receipt>, SourceError> {
        let mut left = Vec::new();
        for some in receipts.chunks(MESSAGES_PER_CALL_MAX) {
            let entries: Vec<Value> =
                some.iter().enumerate().map(|(at, receipt)| entry(at, receipt)).collect();
            let done: Batch = self.call(action, json!({"Entries": entries}), TIMEOUT).await?;
            for failed in done.failed {
                let receipt = failed.id.parse().ok().and_then(|at: usize| some.get(at));
                left.extend(receipt.cloned());
            }
        }
        Ok(left)
    }

    async fn receive_some(&self, most: usize) -> Result<Vec<Message>, SourceError> {
        let attributes = ["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"];
        let body = json!({
            "MaxNumberOfMessages": most.clamp(1, MESSAGES_PER_CALL_MAX),
            "WaitTimeSeconds": WAIT.as_secs(),
            "VisibilityTimeout": self.place.visibility.as_secs(),
            // The second is the first's older name, which imitations know.
            "MessageSystemAttributeNames": attributes,
            "AttributeNames": attributes,
        });
        let received: Received = self.call("ReceiveMessage", body, WAIT + TIMEOUT).await?;
        Ok(received.messages.unwrap_or_default().into_iter().map(Message::from).collect())
    }
}

impl Source for Sqs {
    fn name(&self) -> &str {
        &self.place.name
    }

    fn receive(&self, most: usize) -> Task<'_, Result<Vec<Message>, SourceError>> {
        Box::pin(self.receive_some(most))
    }

    fn hide(
        &self,
        receipts: Vec<Receipt>,
        lasts: Duration,
    ) -> Task<'_, Result<Vec<Receipt>, SourceError>> {
        Box::pin(self.each("ChangeMessageVisibilityBatch", receipts, move |at, receipt| {
            json!({
                "Id": at.to_string(),
                "ReceiptHandle": receipt.0,
                "VisibilityTimeout": lasts.as_secs(),
            })
        }))
    }

    fn delete(&self, receipts: Vec<Receipt>) -> Task<'_, Result<Vec<Receipt>, SourceError>> {
        Box::pin(self.each(
            "DeleteMessageBatch",
            receipts,
            |at, receipt| json!({"Id": at.to_string(), "ReceiptHandle": receipt.0}),
        ))
    }
}

/// An answer to `ReceiveMessage`.
#[derive(Deserialize)]
struct Received {
    #[serde(rename = "Messages")]
    messages: Option<Vec<Found>>,
}

/// A message as SQS has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: Stated,
}

/// What SQS says of a message; every number is a text.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stated {
    approximate_receive_count: Option<String>,
    sent_timestamp: Option<String>,
    message_group_id: Option<String>,
}

/// An answer to a batch.
#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Failed", default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
struct Failed {
    #[serde(rename = "Id")]
    id: String,
}

impl From<Found> for Message {
    fn from(found: Found) -> Self {
        let Stated { approximate_receive_count, sent_timestamp, message_group_id } =
            found.attributes;
        let millis = sent_timestamp.and_then(|text| text.parse::<i64>().ok());
        Self {
            id: found.message_id.into(),
            receipt: Receipt(found.receipt_handle.into()),
            body: found.body.into(),
            receives: approximate_receive_count.and_then(|text| text.parse().ok()).unwrap_or(1),
            sent_at: millis.map(|millis| Timestamp(millis.saturating_mul(1_000))),
            group: message_group_id.map(Into::into),
        }
    }
}

/// The region that an address of AWS's names: `sqs.sa-east-1.amazonaws.com`.
fn region_of(url: &Url) -> Option<&str> {
    let host = url.host_str()?.strip_prefix("sqs.")?;
    let (region, rest) = host.split_once('.')?;
    rest.starts_with("amazonaws.com").then_some(region)
}

fn error(text: &str) -> SourceError {
    SourceError(text.into())
}

/// Why there is no whole answer: the innermost cause, without the address.
fn broken(error: &reqwest::Error) -> SourceError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    SourceError(shortened(&text).into())
}

/// What the queue says when it will not: its code, and its own words.
fn refused(status: StatusCode, reply: &[u8]) -> SourceError {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "__type")]
        kind: Option<String>,
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let said: Option<Said> = serde_json::from_slice(reply).ok();
    let (kind, message) = said.map_or((None, None), |said| (said.kind, said.message));
    let kind = kind.as_deref().map(|kind| kind.rsplit('#').next().unwrap_or(kind));
    let text = match (kind, message) {
        (Some(kind), Some(message)) => format!("the queue answered {kind}: {message}"),
        (Some(kind), None) => format!("the queue answered {kind}"),
        (None, _) => format!("the queue answered {status}"),
    };
    SourceError(shortened(&text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_that_of_the_address() {
        let of = |url: &str| region_of(&url.parse().expect("a url")).map(str::to_owned);
        assert_eq!(of("https://sqs.sa-east-1.amazonaws.com/1/q").as_deref(), Some("sa-east-1"));
        assert_eq!(
            of("https://sqs.cn-north-1.amazonaws.com.cn/1/q").as_deref(),
            Some("cn-north-1")
        );
        assert_eq!(of("http://localhost:4566/1/q"), None);
        assert_eq!(of("https://sqs.example.org/1/q"), None);
    }

    #[test]
    fn a_message_is_read_with_what_is_said_of_it() {
        let found: Found = serde_json::from_value(json!({
            "MessageId": "m", "ReceiptHandle": "r", "MD5OfBody": "x", "Body": "{\"id\": \"é\"}",
            "Attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1767323045123",
                "MessageGroupId": "g"},
        }))
        .expect("SQS's form");
        let message = Message::from(found);
        assert_eq!((message.receives, &*message.body), (3, "{\"id\": \"é\"}".as_bytes()));
        assert_eq!(message.sent_at, Some(Timestamp(1_767_323_045_123_000)));
        assert_eq!(message.group.as_deref(), Some("g"));
        let bare = json!({"MessageId": "m", "ReceiptHandle": "r", "Body": ""});
        let message = Message::from(serde_json::from_value::<Found>(bare).expect("enough"));
        assert_eq!((message.receives, message.sent_at, message.group), (1, None, None));
    }

    #[test]
    fn what_a_queue_will_not_do_is_said_in_its_words() {
        let body = br#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such"}"#;
        let said = refused(StatusCode::BAD_REQUEST, body).to_string();
        assert_eq!(said, "the queue answered QueueDoesNotExist: no such");
        let said = refused(StatusCode::SERVICE_UNAVAILABLE, b"<html>").to_string();
        assert_eq!(said, "the queue answered 503 Service Unavailable");
    }

    #[test]
    fn without_tls_only_when_it_is_allowed() {
        let url: Url = "http://127.0.0.1:1/0/q".parse().expect("a url");
        let account = Account {
            access_key: Some("a".into()),
            secret_key: Some("s3cret".into()),
            ..Account::default()
        };
        assert!(!format!("{account:?}").contains("s3cret"));
        let place = Place {
            name: "q".into(),
            url,
            endpoint: None,
            account,
            visibility: Duration::from_secs(30),
        };
        assert!(matches!(Sqs::new(place), Err(PlaceError::Plain)));
    }
}
