//! Bodies that are sent. An order's schema is made from the table that its reader is made from.

use serde_json::json;
use service::wire::document::{FIELDS, Field, FieldKind};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::{Channel, Name, ShortagePolicy};

/// An order to place, in any of the spellings that are read. Unknown fields are kept.
pub struct OrderDocument;

impl PartialSchema for OrderDocument {
    fn schema() -> RefOr<Schema> {
        let fields = FIELDS.iter().fold(ObjectBuilder::new(), described);
        fields
            .description(Some(
                "An order to place: a purchase (`items`) or a transfer (`amount`, `fromAccount`, \
                 `toAccount`). Each field has the spellings listed; of one field, one spelling. \
                 Numbers may stand in texts. Unknown fields are kept with the order.",
            ))
            .examples([purchase(), transfer()])
            .into()
    }
}

impl ToSchema for OrderDocument {}

/// A purchase, as it may be sent.
pub(crate) fn purchase() -> serde_json::Value {
    json!({
        "order_id": "P-1001",
        "customerId": "c-7",
        "items": [
            {"sku": "PEN", "description": "Pen, blue", "quantity": 3, "unit_price": "1.50"},
            {"sku": "INK", "quantity": 1, "unit_price": 20},
        ],
        "shipping": {"method": "post", "cost": "7.00"},
    })
}

/// A transfer, as it may be sent.
pub(crate) fn transfer() -> serde_json::Value {
    json!({"id": "T-1", "amount": "99.90", "fromAccount": "1001", "toAccount": "2002"})
}

fn described(object: ObjectBuilder, field: &Field) -> ObjectBuilder {
    let mut object = object;
    for name in field.names {
        object = object.property(*name, of_kind(name, &field.kind));
    }
    object
}

/// What the reader takes for a field: texts may be whole numbers, numbers may be texts, and null
/// is as good as absent.
fn of_kind(name: &str, kind: &FieldKind) -> RefOr<Schema> {
    match kind {
        FieldKind::Text => text(name),
        FieldKind::Number => {
            let types = SchemaType::from_iter([Type::Number, Type::String, Type::Null]);
            ObjectBuilder::new().schema_type(types).into()
        }
        FieldKind::Object(fields) => {
            let types = SchemaType::from_iter([Type::Object, Type::Null]);
            fields.iter().fold(ObjectBuilder::new().schema_type(types), described).into()
        }
        FieldKind::List(item) => {
            let types = SchemaType::from_iter([Type::Array, Type::Null]);
            ArrayBuilder::new().schema_type(types).items(of_kind("", item)).into()
        }
    }
}

fn text(name: &str) -> RefOr<Schema> {
    let known = match name {
        "channel" => Some(Channel::schema()),
        "shortage_policy" => Some(ShortagePolicy::schema()),
        "order_id" | "merchant_id" | "sku" => Some(Name::schema()),
        _ => None,
    };
    let types = SchemaType::from_iter([Type::String, Type::Integer, Type::Null]);
    let any = ObjectBuilder::new().schema_type(types).minimum(Some(0));
    match known {
        Some(schema) => AnyOfBuilder::new()
            .item(schema)
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .into(),
        None => any.into(),
    }
}

/// One row, or an array of rows.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum Rows<T> {
    /// One.
    #[schema(title = "one")]
    One(T),
    /// Many.
    #[schema(title = "many")]
    Many(Vec<T>),
}

/// A batch in JSON.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum BatchBody {
    /// With an id, rules and metadata of its own.
    #[schema(title = "document")]
    Document(super::BatchDocument),
    /// Orders alone.
    #[schema(title = "array")]
    Array(Vec<OrderDocument>),
}
