//! Clients of the services that functions work with, each made only where it is needed: whoever
//! answers first after a cold start waits for all that is made before.
//!
//! Addresses and credentials come from the environment, by AWS's own rules (`AWS_REGION`,
//! `AWS_ENDPOINT_URL`, the function's role). TLS is the one that is here already.
//!
//! Never: a secret in an error or a log, an answer without a time limit.

use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use connectors::aws::Account;
use connectors::http::Url;
use connectors::place::{Objects, Place, PlaceError};
use service::ledger::Task;

use crate::functions::events::Undone;
use crate::functions::fanout::{Note, Topic, Topics};
use crate::functions::relay::{Entry, Queue};
use crate::settings;

/// Longest one call may take, attempts and pauses included: below every function's own limit.
const CALL: Duration = Duration::from_secs(20);
/// Longest one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Longest a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// Most characters of an e-mail's subject, as SNS has it.
const SUBJECT_CHARS_MAX: usize = 100;

/// What every client of AWS's own library is made of.
pub async fn config() -> SdkConfig {
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .timeout_config(timeouts)
        .load()
        .await
}

/// The bucket: what is below `prefix` in it.
///
/// # Errors
/// [`PlaceError`] when the names do not fit together; whether it answers is not asked.
pub fn bucket(
    name: &str,
    prefix: &str,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Objects, PlaceError> {
    place(name, prefix, env)?.open()
}

/// Where the bucket is.
///
/// # Errors
/// [`PlaceError::Url`] when the name is none.
pub fn place(
    name: &str,
    prefix: &str,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Place, PlaceError> {
    let url = Url::parse(&format!("s3://{name}/{prefix}")).map_err(|_| PlaceError::Url)?;
    let given = |name| env(name).filter(|text: &String| !text.is_empty());
    let endpoint = given("AWS_ENDPOINT_URL_S3").or_else(|| given("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.map(|text| Url::parse(&text).map_err(|_| PlaceError::Url));
    let endpoint = endpoint.transpose()?;
    let region = given("AWS_REGION").or_else(|| given("AWS_DEFAULT_REGION"));
    let account = Account {
        region: region.map(Into::into),
        // Whoever writes http:// means it.
        allow_http: endpoint.as_ref().is_some_and(|url| url.scheme() == "http"),
        ..Account::default()
    };
    Ok(Place { url, path_style: endpoint.is_some(), endpoint, account })
}

/// The work queue of SQS.
pub struct Sqs {
    client: aws_sdk_sqs::Client,
    url: Box<str>,
}

impl Sqs {
    /// The queue at that address.
    #[must_use]
    pub fn new(config: &SdkConfig, url: &str) -> Self {
        Self { client: aws_sdk_sqs::Client::new(config), url: url.into() }
    }

    /// Sends one message to a queue without order.
    ///
    /// # Errors
    /// [`Undone`] when the queue did not take it.
    pub async fn send_one(&self, body: String) -> Result<(), Undone> {
        let sent = self.client.send_message().queue_url(&*self.url).message_body(body).send();
        sent.await.map(|_| ()).map_err(|error| undone(&error))
    }
}

impl Queue for Sqs {
    fn send<'a>(&'a self, entries: &'a [Entry]) -> Task<'a, Result<Vec<bool>, Undone>> {
        Box::pin(async move {
            let mut call = self.client.send_message_batch().queue_url(&*self.url);
            for (at, entry) in entries.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(at.to_string())
                    .message_group_id(&entry.group)
                    .message_deduplication_id(&entry.deduplication)
                    .message_body(&entry.body)
                    .build();
                call = call.entries(entry.map_err(Undone::why)?);
            }
            let sent = call.send().await.map_err(|error| undone(&error))?;
            let ids = sent.successful().iter().map(|entry| entry.id());
            Ok(told(entries.len(), ids))
        })
    }
}

/// The topics of SNS.
pub struct Sns {
    client: aws_sdk_sns::Client,
    topics: settings::Topics,
}

impl Sns {
    /// These topics.
    #[must_use]
    pub fn new(config: &SdkConfig, topics: settings::Topics) -> Self {
        Self { client: aws_sdk_sns::Client::new(config), topics }
    }

    fn arn(&self, topic: Topic) -> Option<&str> {
        match topic {
            Topic::Completed => self.topics.completed.as_deref(),
            Topic::Pending => self.topics.pending.as_deref(),
            Topic::Errors => self.topics.errors.as_deref(),
            Topic::Batches => self.topics.batches.as_deref(),
        }
    }
}

impl Topics for Sns {
    fn publish<'a>(
        &'a self,
        topic: Topic,
        notes: &'a [Note],
    ) -> Task<'a, Result<Vec<bool>, Undone>> {
        Box::pin(async move {
            let Some(arn) = self.arn(topic) else { return Ok(vec![true; notes.len()]) };
            let mut call = self.client.publish_batch().topic_arn(arn);
            for (at, note) in notes.iter().enumerate() {
                call = call.publish_batch_request_entries(entry(at, note)?);
            }
            let sent = call.send().await.map_err(|error| undone(&error))?;
            let ids = sent.successful().iter().filter_map(|entry| entry.id());
            Ok(told(notes.len(), ids))
        })
    }

    fn has(&self, topic: Topic) -> bool {
        self.arn(topic).is_some()
    }
}

fn entry(at: usize, note: &Note) -> Result<PublishBatchRequestEntry, Undone> {
    let mut entry = PublishBatchRequestEntry::builder().id(at.to_string());
    entry = match &note.letter {
        None => entry.message(&note.body),
        Some((subject, text)) => {
            let bodies = serde_json::json!({"default": note.body, "email": text});
            entry
                .subject(subject_line(subject))
                .message_structure("json")
                .message(bodies.to_string())
        }
    };
    let attributes = [
        ("type", Some(note.kind)),
        ("language", Some(note.language.as_str())),
        ("merchant", note.merchant.as_deref()),
        ("id", Some(note.id.as_str())),
    ];
    for (name, value) in attributes {
        let Some(value) = value else { continue };
        let value = MessageAttributeValue::builder().data_type("String").string_value(value);
        entry = entry.message_attributes(name, value.build().map_err(Undone::why)?);
    }
    entry.build().map_err(Undone::why)
}

/// A subject as SNS takes it: ASCII, one line, no longer than it bears.
fn subject_line(subject: &str) -> String {
    let plain = |char: char| match char {
        'á' | 'à' | 'â' | 'ã' => 'a',
        'é' | 'ê' => 'e',
        'í' => 'i',
        'ó' | 'ô' | 'õ' => 'o',
        'ú' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        char if char.is_ascii() && !char.is_control() => char,
        _ => '?',
    };
    subject.chars().map(plain).take(SUBJECT_CHARS_MAX).collect()
}

/// Of each of so many, whether its number is among `ids`.
fn told<'a>(count: usize, ids: impl Iterator<Item = &'a str>) -> Vec<bool> {
    let mut told = vec![false; count];
    for id in ids {
        if let Some(told) = id.parse::<usize>().ok().and_then(|at| told.get_mut(at)) {
            *told = true;
        }
    }
    told
}

/// Why a call came to nothing, with what the service says and without what was sent.
fn undone<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Undone {
    match error.as_service_error().and_then(|error| error.code()) {
        Some(code) => Undone::why(format_args!("the service answered {code}")),
        None => Undone::why("the service did not answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_ascii() {
        assert_eq!(subject_line("Pedido P-1: em produção\nx"), "Pedido P-1: em producao?x");
        assert_eq!(subject_line(&"é".repeat(300)).len(), SUBJECT_CHARS_MAX);
    }

    #[test]
    fn the_bucket_is_where_the_environment_says() {
        let local =
            |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://127.0.0.1:4566".to_owned());
        let at = place("b", "lake", local).expect("a place");
        assert!(at.path_style && at.account.allow_http && at.url.as_str() == "s3://b/lake");
        let there = place("b", "", |_| None).expect("a place");
        assert!(!there.path_style && !there.account.allow_http && there.endpoint.is_none());
    }
}
