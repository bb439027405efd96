//! The envelope of everything that is told to other systems: CloudEvents 1.0, as structured JSON.
//!
//! Never: what an event says, or where it goes.

use domain::time::Timestamp;
use serde::{Serialize, Serializer};

use super::rfc3339;

/// What a body that is one such event is sent as.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// Where events come from, when the installation says nothing else.
pub const SOURCE: &str = "/comanda";

/// An event. `source` and `id` together name it for ever: whoever receives it twice knows.
///
/// ```
/// # use domain::time::Timestamp;
/// # use service::wire::cloud_event::{CloudEvent, SOURCE};
/// let event = CloudEvent {
///     id: "1f4c-0",
///     source: SOURCE,
///     kind: "comanda.order.received",
///     subject: Some("shop/P-1001"),
///     time: Timestamp(1_767_323_045_000_000),
///     data: ["anything"],
/// };
/// assert_eq!(
///     serde_json::to_string(&event)?,
///     "{\"specversion\":\"1.0\",\"id\":\"1f4c-0\",\"source\":\"/comanda\",\
///       \"type\":\"comanda.order.received\",\"subject\":\"shop/P-1001\",\
///       \"time\":\"2026-01-02T03:04:05Z\",\"datacontenttype\":\"application/json\",\
///       \"data\":[\"anything\"]}"
/// );
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CloudEvent<'a, D> {
    /// Its name: the same whenever it is sent.
    pub id: &'a str,
    /// The installation it comes from: a URI reference.
    pub source: &'a str,
    /// What kind of event: `comanda.order.received`.
    pub kind: &'a str,
    /// What it is about: `merchant/order`.
    pub subject: Option<&'a str>,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub data: D,
}

impl<D: Serialize> Serialize for CloudEvent<'_, D> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Structured<'a, D> {
            specversion: &'static str,
            id: &'a str,
            source: &'a str,
            r#type: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            subject: Option<&'a str>,
            time: String,
            datacontenttype: &'static str,
            data: &'a D,
        }
        let structured = Structured {
            specversion: "1.0",
            id: self.id,
            source: self.source,
            r#type: self.kind,
            subject: self.subject,
            time: rfc3339(self.time),
            datacontenttype: "application/json",
            data: &self.data,
        };
        structured.serialize(to)
    }
}
