//! What the fields of `[[steps]]` may be.

use std::sync::Arc;

use domain::id;
use service::cel::{Condition, ConditionError, compile};

use super::value::{Secret, Shape, Value};

/// Longest name of a step: it is part of metrics' labels and of sinks' names.
const NAME_BYTES_MAX: usize = 40;

/// What a step is called.
#[derive(Clone, Debug)]
pub(crate) struct StepName(pub(crate) id::StepName);

impl Value for StepName {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        format!("1 to {NAME_BYTES_MAX} letters (a to z), digits, - and _")
    }
    fn parse(text: &str) -> Option<Self> {
        let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let sound = text.len() <= NAME_BYTES_MAX && text.bytes().all(sound);
        id::StepName::parse(text).ok().filter(|_| sound).map(Self)
    }
}

/// Which orders a step is for: a condition over the order as a whole.
#[derive(Clone, Debug)]
pub(crate) struct When(pub(crate) Arc<Condition>);

fn condition(text: &str) -> Result<Condition, ConditionError> {
    let condition = compile(text)?;
    let names = || ConditionError::Unsupported("a step looks at orders, not at lines".to_owned());
    if condition.reads_line() { Err(names()) } else { Ok(condition) }
}

impl Value for When {
    const SHAPE: Shape = Shape::Text;
    fn allowed() -> String {
        "a condition as in pricing rules (CEL), such as `order.total >= 50000`".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        condition(text).ok().map(|condition| Self(Arc::new(condition)))
    }
    fn why(text: &str) -> String {
        let why = condition(text).err().map(|error| error.to_string());
        format!("is no condition: {}", why.unwrap_or_default())
    }
}

/// A secret as Standard Webhooks writes them.
#[derive(Clone, Debug)]
pub(crate) struct SigningSecret(pub(crate) Secret);

impl Value for SigningSecret {
    const SHAPE: Shape = Shape::Text;
    const SECRET: bool = true;
    fn allowed() -> String {
        "whsec_ and 24 to 64 bytes in Base64".to_owned()
    }
    fn parse(text: &str) -> Option<Self> {
        let key = text.strip_prefix("whsec_")?.trim_end_matches('=');
        let sound = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        let fits = (32..=86).contains(&key.len());
        Secret::parse(text).filter(|_| sound && fits).map(Self)
    }
}
