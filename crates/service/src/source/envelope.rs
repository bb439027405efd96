//! What other services wrap a message in: a notification of SNS, an event of EventBridge, a
//! CloudEvent. The document inside comes out byte for byte.
//!
//! Never: a guess. What is none of these is passed on as it came, an order that happens to have a
//! field of such a name included.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Most envelopes around one message: an event, in a notification, in an event.
const DEPTH_MAX: usize = 3;

/// The fields by which envelopes are known, and what is in them.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "Type")]
    sns: Option<String>,
    #[serde(rename = "TopicArn")]
    topic: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
    specversion: Option<String>,
    r#type: Option<&'a RawValue>,
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

/// What a message says, out of its envelopes.
///
/// ```
/// use service::source::envelope::open;
/// let sent = |body: &'static str| open(&body.into());
/// let sns = r#"{"Type": "Notification", "TopicArn": "arn:aws:sns:…", "Message": "{\"id\": \"1\"}"}"#;
/// assert_eq!(sent(sns), r#"{"id": "1"}"#);
/// let event = r#"{"specversion": "1.0", "type": "t", "source": "s", "data": {"price": 1.50}}"#;
/// assert_eq!(sent(event), r#"{"price": 1.50}"#);
/// assert_eq!(sent(r#"{"id": "1", "data": {}}"#), r#"{"id": "1", "data": {}}"#);
/// ```
#[must_use]
pub fn open(body: &Bytes) -> Bytes {
    let mut inner = body.clone();
    for _ in 0..DEPTH_MAX {
        let Some(next) = opened(&inner) else { break };
        inner = next;
    }
    inner
}

fn opened(body: &Bytes) -> Option<Bytes> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    let envelope: Envelope<'_> = serde_json::from_slice(body).ok()?;
    match envelope {
        Envelope { sns: Some(kind), topic: Some(_), message: Some(message), .. }
            if kind == "Notification" =>
        {
            Some(message.into())
        }
        Envelope { specversion: Some(_), r#type: Some(_), source: Some(_), .. } => {
            let data = envelope.data.map(|data| within(body, data));
            data.or_else(|| STANDARD.decode(envelope.data_base64?).ok().map(Bytes::from))
        }
        Envelope { detail_type: Some(_), source: Some(_), detail: Some(detail), .. } => {
            Some(within(body, detail))
        }
        Envelope { .. } => None,
    }
}

/// A part of a body, without a copy; a text of JSON is what it says.
fn within(body: &Bytes, part: &RawValue) -> Bytes {
    match serde_json::from_str::<String>(part.get()) {
        Ok(text) => text.into(),
        Err(_) => body.slice_ref(part.get().as_bytes()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    const ORDER: &str = r#"{"id":"1","items":[{"sku":"P","quantity":1,"price":2580.00}]}"#;

    fn said(body: &str) -> String {
        String::from_utf8(open(&Bytes::copy_from_slice(body.as_bytes())).to_vec()).unwrap()
    }

    fn sns(message: &str) -> String {
        json!({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:x:1:t",
            "Subject": null, "Message": message, "Timestamp": "2026-01-02T03:04:05.000Z"})
        .to_string()
    }

    #[test]
    fn a_document_comes_out_of_its_envelopes_byte_for_byte() {
        let bridge = format!(
            r#"{{"version":"0","id":"x","detail-type":"order","source":"shop","detail":{ORDER}}}"#
        );
        let event = format!(r#"{{"specversion":"1.0","type":"t","source":"/s","data":{ORDER}}}"#);
        let text = json!({"specversion": "1.0", "type": "t", "source": "/s", "data": ORDER});
        let base64 = json!({"specversion": "1.0", "type": "t", "source": "/s",
            "data_base64": STANDARD.encode(ORDER)});
        for body in [
            ORDER.to_owned(),
            sns(ORDER),
            bridge.clone(),
            event.clone(),
            text.to_string(),
            base64.to_string(),
            sns(&event),
            sns(&sns(&bridge)),
        ] {
            assert_eq!(said(&body), ORDER, "{body}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_passed_on_as_it_came() {
        for body in [
            "",
            "[]",
            "nonsense",
            r#"{"Type":"Notification","Message":"x"}"#,
            r#"{"Type":"SubscriptionConfirmation","TopicArn":"a","Message":"x"}"#,
            r#"{"specversion":"1.0","data":{}}"#,
            r#"{"specversion":"1.0","type":"t","source":"s"}"#,
            r#"{"specversion":"1.0","type":"t","source":"s","data_base64":"%"}"#,
            r#"{"detail":{},"source":"s"}"#,
        ] {
            assert_eq!(said(body), body);
        }
    }

    #[test]
    fn envelopes_are_opened_to_a_depth_only() {
        let mut body = ORDER.to_owned();
        for _ in 0..=DEPTH_MAX {
            body = sns(&body);
        }
        assert_eq!(said(&body), sns(ORDER));
    }
}
