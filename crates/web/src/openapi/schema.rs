//! What bodies look like. Fields are described here and written by the handlers: the tests hold
//! every answer against these, unknown fields included.
//!
//! Never: made or read. They only become schemas, so nothing uses their fields.
#![expect(dead_code, reason = "described, never made")]

mod audits;
mod batches;
mod events;
mod files;
mod followers;
mod letters;
mod operations;
mod orders;
mod query;
mod rows;
mod sent;
mod webhooks;
mod whatif;

pub use audits::*;
pub use batches::*;
pub use events::*;
pub use files::*;
pub use followers::*;
pub use letters::*;
pub use operations::*;
pub use orders::*;
pub use query::*;
pub use rows::*;
pub use sent::*;
pub use webhooks::*;
pub use whatif::*;

use domain::limits::NAME_BYTES_MAX;
use domain::notice::Notice;
use domain::order;
use domain::state;
use service::batch;
use service::letters as letters_of;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error;

/// A text with a form of its own.
macro_rules! text {
    ($($(#[doc = $doc:literal])* $name:ident = $pattern:expr, $example:literal;)*) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String);
                let text = text.description(Some(concat!($($doc),*).trim()));
                text.pattern(Some($pattern)).examples([$example]).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

/// A text that is one of a list the code itself matches on.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident = $all:expr;)*) => {$(
        $(#[doc = $doc])*
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let mut all: Vec<&str> = $all;
                all.dedup();
                let text = ObjectBuilder::new().schema_type(Type::String);
                let text = text.description(Some(concat!($($doc),*).trim()));
                text.enum_values(Some(all)).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

text! {
    /// Money in major units, with the currency's decimals: never a float.
    Money = r"^-?[0-9]+(\.[0-9]+)?$", "2580.00";
    /// A moment in UTC (RFC 3339), to the microsecond.
    Time = r"^-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{1,6})?Z$", "2026-01-02T03:04:05Z";
    /// A place in a list or in the log: send it back as it came.
    Cursor = r"^[0-9a-f]+$", "1f4c";
}

/// Names without control characters.
const NAME_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// What may happen when stock is short.
const SHORTAGE_POLICIES: [&str; 3] = ["partial", "ship_complete", "reject"];

/// A name: an order's id, a seller, an SKU. 1 to 128 bytes, no control characters.
pub struct Name;

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).examples(["P-1001"]);
        let text = text.description(Some("A name of 1 to 128 bytes without control characters."));
        let text = text.pattern(Some(NAME_PATTERN));
        text.min_length(Some(1)).max_length(Some(NAME_BYTES_MAX)).into()
    }
}

impl ToSchema for Name {}

/// Bytes as they came.
pub struct Bytes;

impl PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
    }
}

impl ToSchema for Bytes {}

fn notices_of_order() -> Vec<&'static str> {
    let all = Notice::ALL.iter().filter(|(notice, _)| notice.is_of_order());
    all.map(|(_, name)| *name).collect()
}

names! {
    /// Where an order stands.
    Status = state::Status::ALL.map(|(_, name)| name).to_vec();
    /// What an order has of one SKU.
    LineStatus = state::ClaimState::ALL.map(|(_, name)| name).to_vec();
    /// Where an order came in.
    Channel = order::Channel::ALL.map(|(_, name)| name).to_vec();
    /// What is told of an order: a transition.
    NoticeOfOrder = notices_of_order();
    /// Where a batch stands.
    BatchStatus = batch::BatchStatus::ALL.map(|(_, name)| name).to_vec();
    /// What a dead letter was.
    DeadLetterKind = letters_of::Kind::ALL.map(|(_, name)| name).to_vec();
    /// How a dead letter ended.
    DeadLetterHow = letters_of::How::ALL.map(|(_, name)| name).to_vec();
    /// Which dead letters a list shows.
    DeadLetterState = vec!["open", "settled", "all"];
    /// What kind of no. Stable: programs react to this.
    ProblemCode = error::codes();
    /// How a consumer of changes is.
    FollowerState = crate::followers::Standing::NAMES.to_vec();
    /// Goods or money.
    Kind = vec!["purchase", "transfer"];
    /// What happens when stock is short.
    ShortagePolicy = SHORTAGE_POLICIES.to_vec();
    /// How bad it is: a warning does not keep a document out.
    Severity = vec!["error", "warn"];
}

/// A no (RFC 9457). Members beyond the first five belong to the codes they are described for.
#[derive(ToSchema)]
pub struct Problem {
    /// A URN for the kind of problem.
    #[schema(example = "urn:comanda:problem:duplicate")]
    r#type: String,
    /// What happened, in the reader's language.
    #[schema(example = "Duplicate order")]
    title: String,
    /// The HTTP status.
    #[schema(example = 409, minimum = 400, maximum = 599)]
    status: u16,
    /// What to do about it, in the reader's language.
    detail: String,
    code: ProblemCode,
    /// `invalid`: everything that is wrong, all at once.
    #[schema(nullable = false)]
    violations: Option<Vec<Violation>>,
    /// `duplicate`: the order that was first.
    #[schema(nullable = false)]
    order: Option<FirstOrder>,
    /// `bad_parameter`: the parameter.
    #[schema(nullable = false)]
    parameter: Option<String>,
    /// `bad_statement`: the line that is wrong, from 1.
    #[schema(nullable = false)]
    line: Option<u32>,
    /// … and the column in it, in characters from 1.
    #[schema(nullable = false)]
    column: Option<u32>,
    /// `bad_parameter`: the parameters there are, when it is not one of them.
    #[schema(nullable = false)]
    known: Option<Vec<String>>,
    /// `ambiguous_order`: the sellers that have an order of that id.
    #[schema(nullable = false)]
    merchants: Option<Vec<String>>,
    /// `wrong_state`: where it stands.
    #[schema(nullable = false)]
    state: Option<String>,
    /// `below_reserved`: units that are promised.
    #[schema(nullable = false)]
    reserved: Option<i64>,
    /// `stale_revision`: the current one.
    #[schema(nullable = false)]
    revision: Option<u32>,
    /// `would_reject`: why.
    #[schema(nullable = false)]
    rejection: Option<Rejection>,
    /// `already_settled`: when and how it ended.
    #[schema(nullable = false)]
    settled: Option<Ended>,
    /// `redrive_running`: the one that is on its way.
    #[schema(nullable = false)]
    redrive: Option<String>,
    /// `batch_conflict`, `wrong_state`: the batch.
    #[schema(nullable = false)]
    batch_id: Option<String>,
    /// At older addresses only: whether the document itself is an order.
    #[schema(nullable = false)]
    valid: Option<bool>,
    /// At older addresses only: whether it was a repetition.
    #[schema(rename = "isDuplicate", nullable = false)]
    is_duplicate: Option<bool>,
    /// At older addresses only: what `detail` says.
    #[schema(nullable = false)]
    message: Option<String>,
}

/// The order that a repetition repeats.
#[derive(ToSchema)]
pub struct FirstOrder {
    #[schema(nullable = false)]
    order_id: Option<String>,
    #[schema(nullable = false)]
    merchant_id: Option<String>,
    status: Status,
    /// The status in the reader's language.
    status_label: String,
    #[schema(nullable = false)]
    links: Option<Links>,
}

/// One thing wrong with what was sent.
#[derive(ToSchema)]
pub struct Violation {
    /// Where, as a JSON pointer in the document's own spelling; empty for all of it.
    #[schema(example = "/items/0/quantity")]
    pointer: String,
    /// Which rule. Stable.
    #[schema(example = "bad_quantity")]
    code: String,
    severity: Severity,
    /// What is wrong, in the reader's language.
    #[schema(nullable = false)]
    message: Option<String>,
    /// Of rows: the line, or the place in the array, from 1.
    #[schema(nullable = false, minimum = 1)]
    line: Option<u64>,
}

/// Where to go from here.
#[derive(ToSchema)]
pub struct Links {
    /// The thing itself.
    #[schema(rename = "self", example = "/v1/orders/P-1001?merchant_id=shop")]
    this: String,
}
