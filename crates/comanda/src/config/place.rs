//! What the settings of an archive and of queues may be: where they are, and who asks.

use connectors::http::Url;

use super::value::{Secret, Shape, Value};

/// Where an archive is: a bucket, or a folder.
#[derive(Clone, Debug)]
pub(crate) struct ArchiveUrl(pub(crate) Url);

impl Value for ArchiveUrl {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "s3://bucket/prefix, or file:///folder".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_bucket = url.scheme() == "s3" && url.host_str().is_some_and(|host| !host.is_empty());
        let is_folder = url.scheme() == "file" && url.to_file_path().is_ok();
        let is_bare = url.username().is_empty() && url.password().is_none();
        let is_whole = url.query().is_none() && url.fragment().is_none() && is_bare;
        (is_whole && (is_bucket || is_folder)).then_some(Self(url))
    }
}

/// A region of AWS, or what another store calls one.
#[derive(Clone, Debug)]
pub(crate) struct Region(pub(crate) Box<str>);

impl Value for Region {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "a region such as sa-east-1".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let sound = (1..=64).contains(&text.len()) && text.bytes().all(sound);
        sound.then(|| Self(text.into()))
    }
}

/// The id of an access key.
#[derive(Clone, Debug)]
pub(crate) struct AccessKey(pub(crate) Box<str>);

impl Value for AccessKey {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "the id of an access key".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        Secret::parse(text).map(|text| Self(text.0.into()))
    }
}

/// Where a bucket's name stands in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BucketIn {
    /// `endpoint/bucket`
    Path,
    /// `bucket.endpoint`
    Host,
}

/// What a queue is called.
#[derive(Clone, Debug)]
pub(crate) struct QueueName(pub(crate) Box<str>);

/// Longest name of a queue: it is part of metrics' labels.
const NAME_BYTES_MAX: usize = 40;

impl Value for QueueName {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        format!("1 to {NAME_BYTES_MAX} letters (a to z), digits, - and _")
    }
    fn parse(text: &str) -> Option<Self> {
        let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len());
        (fits && text.bytes().all(sound)).then(|| Self(text.into()))
    }
}
