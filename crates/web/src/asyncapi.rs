//! The description of events (AsyncAPI 3), made from the list of kinds that `feed` tells and the
//! schemas that `openapi::schema` has for what they say. Every event of the tests is held against
//! it.
//!
//! Never: an event that is not told, or a field that is not described.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use service::wire::cloud_event::MEDIA_TYPE;
use strum::IntoEnumIterator;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::feed::{Kind, brings};
use crate::openapi::schema::{
    AllocatedDetails, BatchData, CancelledDetails, CustomerData, DocumentDetails, FailedDetails,
    FloodData, InvalidData, KeyData, LetterData, LetterSettledData, LettersSweptData, Name,
    NoDetails, PricedDetails, ProductsData, RedrivenDetails, RefusedDetails, Rejection,
    RepeatedDetails, ReplayData, RulesData, SkusDetails, Status, StepDetails, StepIgnoredDetails,
    StepPassedDetails, StepsDetails, StockChangedData, StockReleasedData, StrayData, Violation,
    WebhookData,
};

const ABOUT: &str = "Everything that happened, in the order it was committed, as CloudEvents 1.0 \
    over Server-Sent Events: `GET /v1/changes` with `Accept: text/event-stream`. An event's `id` \
    is its place in the log: send the last one back as `Last-Event-ID` (browsers do so by \
    themselves) to go on behind it. Each event is told at least once; `source` and `id` name it for \
    ever. What one change of an order brought is told event by event, each with where the order \
    stood after it.";

/// The whole description, as JSON text.
#[must_use]
pub fn json() -> &'static str {
    static JSON: LazyLock<String> = LazyLock::new(|| format!("{:#}", document()));
    &JSON
}

fn document() -> Value {
    let mut schemas = Schemas::default();
    let (mut messages, mut carried, mut sent) = (Map::new(), Map::new(), Vec::new());
    for kind in Kind::iter() {
        let name = name(kind);
        messages.insert(name.clone(), message(kind, &mut schemas));
        carried.insert(name.clone(), reference(&format!("/components/messages/{name}")));
        sent.push(reference(&format!("/channels/changes/messages/{name}")));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Comanda's events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
        },
        "defaultContentType": MEDIA_TYPE,
        "channels": {
            "changes": {
                "address": "/v1/changes",
                "title": "Changes",
                "description": "The change log, as a stream of events that does not end.",
                "messages": carried,
            },
        },
        "operations": {
            "followChanges": {
                "action": "send",
                "channel": reference("/channels/changes"),
                "summary": "Tells whoever asks what happened, and what happens from then on.",
                "bindings": {"http": {
                    "method": "GET",
                    "query": query(),
                    "bindingVersion": "0.3.0",
                }},
                "messages": sent,
            },
        },
        "components": {"messages": messages, "schemas": schemas.0},
    })
}

/// The parameters of a stream.
fn query() -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    let types = "Types, with commas between them; `comanda.order.*` is all that begin so.";
    json!({"type": "object", "additionalProperties": false, "properties": {
        "after": text("Begin behind this event."),
        "type": text(types),
        "merchant_id": text("Of this seller only."),
        "order_id": text("Of this order only."),
        "status": text("After which the order stands so."),
    }})
}

fn message(kind: Kind, schemas: &mut Schemas) -> Value {
    let data = data(kind, schemas);
    json!({
        "name": kind.as_str(),
        "title": kind.as_str(),
        "summary": summary(kind),
        "contentType": MEDIA_TYPE,
        "payload": {
            "type": "object",
            "required":
                ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
            "additionalProperties": false,
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string", "pattern": "^[0-9a-f]+(-[0-9]+)?$"},
                "source": {"type": "string", "format": "uri-reference", "minLength": 1},
                "type": {"const": kind.as_str()},
                "subject": {"type": "string", "minLength": 1},
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "data": data,
            },
        },
    })
}

/// `comanda.order.received` as a key: `orderReceived`.
fn name(kind: Kind) -> String {
    let words = kind.as_str().split(['.', '_']).skip(1).enumerate();
    words.fold(String::new(), |mut name, (at, word)| {
        let (first, rest) = word.split_at(1);
        name.push_str(&if at == 0 { first.to_owned() } else { first.to_uppercase() });
        name.push_str(rest);
        name
    })
}

fn summary(kind: Kind) -> &'static str {
    match kind {
        Kind::OrderReceived => "An order came in and was found valid and new.",
        Kind::OrderPriced => "It was priced; every cent is explained.",
        Kind::OrderAmended => "A new document took the place of the one before.",
        Kind::OrderAllocated => "Stock was looked for.",
        Kind::OrderStepsAwaited => "Its revision must pass external steps first.",
        Kind::OrderStepTakenUp => "The first call of its first step is about to be made.",
        Kind::OrderStepPassed => "A step has nothing against it.",
        Kind::OrderStepRemoved => "The step it waited for is there no more.",
        Kind::OrderStepIgnored => "An answer came that nobody waited for, and changed nothing.",
        Kind::OrderFailed => "Every attempt at a step came to nothing.",
        Kind::OrderRedriven => "Its steps are asked anew.",
        Kind::OrderRejected => "It was turned down.",
        Kind::OrderFilled => "Lines that waited got their stock.",
        Kind::OrderQueued => "Lines wait for stock from now on.",
        Kind::OrderUnreserved => "An adjustment took a reservation back.",
        Kind::OrderCancelled => "It was called off.",
        Kind::OrderFulfilled => "The goods were handed over.",
        Kind::OrderRepeated => "The same order came again, and changed nothing.",
        Kind::OrderRefused => "A command could not apply, and changed nothing.",
        Kind::InputInvalid => "Something was sent that is no order.",
        Kind::InputFlood => "So much was sent that is no order that it was only counted.",
        Kind::CommandRefused => "A command was refused, because there is no such order.",
        Kind::StockChanged => "Stock on hand was counted or adjusted.",
        Kind::StockReleased => "Free stock was given to orders that waited.",
        Kind::ProductsStored => "Products were stored.",
        Kind::CustomerStored => "A customer's tags were stored.",
        Kind::RulesSaved => "Pricing rules were saved.",
        Kind::BatchProgressed => "A batch began, got on, or ended.",
        Kind::WebhookChanged => "A webhook endpoint was added, changed, disabled or removed.",
        Kind::WebhookReplayed => "A webhook endpoint is told again what it missed.",
        Kind::LetterFiled => "Something could not be seen through.",
        Kind::LetterSettled => "A dead letter was sent again, or purged.",
        Kind::LettersSwept => "The ending of many dead letters got on.",
        Kind::KeyKept => "An idempotency key was used up.",
    }
}

/// What an event of a kind says.
fn data(kind: Kind, schemas: &mut Schemas) -> Value {
    match kind {
        Kind::OrderReceived | Kind::OrderAmended => schemas.order::<DocumentDetails>(kind),
        Kind::OrderPriced => schemas.order::<PricedDetails>(kind),
        Kind::OrderAllocated => schemas.order::<AllocatedDetails>(kind),
        Kind::OrderStepsAwaited => schemas.order::<StepsDetails>(kind),
        Kind::OrderStepTakenUp => schemas.order::<StepDetails>(kind),
        Kind::OrderStepPassed => schemas.order::<StepPassedDetails>(kind),
        Kind::OrderStepRemoved => schemas.order::<StepDetails>(kind),
        Kind::OrderStepIgnored => schemas.order::<StepIgnoredDetails>(kind),
        Kind::OrderFailed => schemas.order::<FailedDetails>(kind),
        Kind::OrderRedriven => schemas.order::<RedrivenDetails>(kind),
        Kind::OrderRejected => schemas.order::<Rejection>(kind),
        Kind::OrderFilled | Kind::OrderQueued | Kind::OrderUnreserved => {
            schemas.order::<SkusDetails>(kind)
        }
        Kind::OrderCancelled => schemas.order::<CancelledDetails>(kind),
        Kind::OrderFulfilled => schemas.order::<NoDetails>(kind),
        Kind::OrderRepeated => schemas.order::<RepeatedDetails>(kind),
        Kind::OrderRefused => schemas.order::<RefusedDetails>(kind),
        Kind::InputInvalid => schemas.of::<InvalidData>(),
        Kind::InputFlood => schemas.of::<FloodData>(),
        Kind::CommandRefused => schemas.of::<StrayData>(),
        Kind::StockChanged => schemas.of::<StockChangedData>(),
        Kind::StockReleased => schemas.of::<StockReleasedData>(),
        Kind::ProductsStored => schemas.of::<ProductsData>(),
        Kind::CustomerStored => schemas.of::<CustomerData>(),
        Kind::RulesSaved => schemas.of::<RulesData>(),
        Kind::BatchProgressed => schemas.of::<BatchData>(),
        Kind::WebhookChanged => schemas.of::<WebhookData>(),
        Kind::WebhookReplayed => schemas.of::<ReplayData>(),
        Kind::LetterFiled => schemas.of::<LetterData>(),
        Kind::LetterSettled => schemas.of::<LetterSettledData>(),
        Kind::LettersSwept => schemas.of::<LettersSweptData>(),
        Kind::KeyKept => schemas.of::<KeyData>(),
    }
}

/// Schemas by name, each once.
#[derive(Default)]
struct Schemas(Map<String, Value>);

impl Schemas {
    /// A schema with everything that it refers to; how to refer to it.
    fn of<T: ToSchema + PartialSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            self.0.entry(name).or_insert_with(|| shown(&schema));
        }
        reference(&format!("/components/schemas/{}", T::name()))
    }

    /// What an event of an order says: which order, how it stands, and the details.
    fn order<T: ToSchema + PartialSchema>(&mut self, kind: Kind) -> Value {
        let mut properties = json!({
            "order_id": self.of::<Name>(),
            "merchant_id": self.of::<Name>(),
            "revision": {"type": "integer", "minimum": 1},
            "status": self.of::<Status>(),
            "details": self.of::<T>(),
        });
        let required = ["order_id", "merchant_id", "revision", "status", "details"];
        if brings(kind) {
            properties["warnings"] = json!({"type": "array", "items": self.of::<Violation>()});
            let about = "The document as it came: JSON, or its text.";
            properties["document"] = json!({"description": about});
        }
        json!({"type": "object", "required": required, "properties": properties,
            "additionalProperties": false})
    }
}

fn shown(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).expect("strings and lists of strings are JSON")
}

fn reference(to: &str) -> Value {
    json!({"$ref": format!("#{to}")})
}
