//! Bodies that are sent. An order's schema is made from the table that its reader is made from.

use domain::limits::NAME_BYTES_MAX;
use domain::order;
use serde_json::json;
use service::wire::document::{FIELDS, Field, FieldKind};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{NAME_PATTERN, SHORTAGE_POLICIES};

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
        FieldKind::Number => DecimalOrNothing::schema(),
        FieldKind::Any => ObjectBuilder::new().schema_type(SchemaType::AnyValue).into(),
        FieldKind::Loose(fields) => {
            let object = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
            fields.iter().fold(object, described).into()
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
    let one_of = |names: &[&str]| {
        let names = names.iter().map(|name| json!(name)).chain([json!(""), json!(null)]);
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).enum_values(Some(names)).into()
    };
    match name {
        "channel" => one_of(&order::Channel::ALL.map(|(_, name)| name)),
        "shortage_policy" => one_of(&SHORTAGE_POLICIES),
        "order_id" | "orderId" | "orderid" | "id" | "merchant_id" | "merchantId" | "merchantid"
        | "customerId" | "customer_id" | "customerid" | "product_id" | "productId" | "sku" => {
            NameOrNothing::schema()
        }
        _ => TextOrNothing::schema(),
    }
}

/// Most that a whole number that stands for a text may be: twenty digits.
const DIGITS_MAX: f64 = 99_999_999_999_999_999_999.0;
/// What a number in a text may look like, blanks around it included.
const DECIMAL_PATTERN: &str = r"^\s*[+-]?[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?\s*$";

/// A value that may be sent as more than one type.
macro_rules! sent {
    ($($(#[doc = $doc:literal])* $name:ident = $types:expr, $finish:expr;)*) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new().schema_type(SchemaType::from_iter($types));
                let finish: fn(ObjectBuilder) -> ObjectBuilder = $finish;
                finish(object.description(Some(concat!($($doc),*).trim()))).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

sent! {
    /// A name; many systems number their things.
    SentName = [Type::String, Type::Integer], |name| {
        let name = name.minimum(Some(0)).maximum(Some(DIGITS_MAX)).pattern(Some(NAME_PATTERN));
        name.min_length(Some(1)).max_length(Some(NAME_BYTES_MAX))
    };
    /// A name, or none: null, or empty.
    NameOrNothing = [Type::String, Type::Integer, Type::Null], |name| {
        let name = name.minimum(Some(0)).maximum(Some(DIGITS_MAX));
        name.pattern(Some(NAME_PATTERN.replace('+', "*"))).max_length(Some(NAME_BYTES_MAX))
    };
    /// A text, or none; whole numbers are read as their digits.
    TextOrNothing = [Type::String, Type::Integer, Type::Null], |text| {
        text.minimum(Some(0)).maximum(Some(DIGITS_MAX))
    };
    /// A number, or a text that holds one.
    Decimal = [Type::Number, Type::String], |number| number.pattern(Some(DECIMAL_PATTERN));
    /// A number, a text that holds one, or none.
    DecimalOrNothing = [Type::Number, Type::String, Type::Null], |number| {
        number.pattern(Some(DECIMAL_PATTERN))
    };
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

/// Changes to an order's document.
pub struct OrderPatch;

impl PartialSchema for OrderPatch {
    fn schema() -> RefOr<Schema> {
        let patch = ObjectBuilder::new().schema_type(Type::Object);
        patch
            .description(Some(
                "Changes to an order's document (RFC 7396): what is named replaces what is there, \
                 null takes it away, the rest stays as it is. Lists are replaced whole.",
            ))
            .examples([json!({"notes": null, "items": [
                {"sku": "PEN", "quantity": 2, "unit_price": "1.50"},
            ]})])
            .into()
    }
}

impl ToSchema for OrderPatch {}

/// Why an order is cancelled.
#[derive(ToSchema)]
pub struct Cancellation {
    /// In the words of whoever asks; at most 500 bytes. Kept in the order's history.
    reason: Option<String>,
}
