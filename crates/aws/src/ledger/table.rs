//! The table itself: made as `table.json` says, which the templates of `deploy/` are held against.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, DisplayErrorContext};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
    TimeToLiveSpecification,
};
use serde::Deserialize;
use service::ledger::Unavailable;

/// What `table.json` says.
#[must_use]
pub fn definition() -> &'static str {
    include_str!("../../table.json")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Definition {
    #[serde(rename = "TableName")]
    _name: String,
    billing_mode: String,
    key_schema: Vec<Element>,
    attribute_definitions: Vec<Attribute>,
    global_secondary_indexes: Vec<Index>,
    stream_specification: Stream,
    time_to_live_specification: TimeToLive,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Element {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Index {
    index_name: String,
    key_schema: Vec<Element>,
    projection: Projected,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Projected {
    projection_type: String,
    #[serde(default)]
    non_key_attributes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Stream {
    stream_enabled: bool,
    stream_view_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimeToLive {
    attribute_name: String,
    enabled: bool,
}

/// Makes the table, with its indexes, its stream and what it forgets, and waits until it is there.
/// One that is there already is left as it is.
///
/// # Errors
/// [`Unavailable::Read`] when DynamoDB makes none.
pub async fn create(client: &Client, table: &str) -> Result<(), Unavailable> {
    let definition: Definition = serde_json::from_str(definition()).map_err(said)?;
    let is_there = client.describe_table().table_name(table).send().await.is_ok();
    if is_there {
        return Ok(());
    }
    let mut call = client.create_table().table_name(table);
    call = call.billing_mode(BillingMode::from(definition.billing_mode.as_str()));
    call = call.set_key_schema(Some(schema(&definition.key_schema).map_err(said)?));
    for Attribute { attribute_name, attribute_type } in definition.attribute_definitions {
        let kind = ScalarAttributeType::from(attribute_type.as_str());
        let attribute = AttributeDefinition::builder().attribute_name(attribute_name);
        let attribute = attribute.attribute_type(kind).build().map_err(said)?;
        call = call.attribute_definitions(attribute);
    }
    for Index { index_name, key_schema, projection } in definition.global_secondary_indexes {
        let kind = ProjectionType::from(projection.projection_type.as_str());
        let projection = Projection::builder()
            .projection_type(kind)
            .set_non_key_attributes(projection.non_key_attributes)
            .build();
        let index = GlobalSecondaryIndex::builder()
            .index_name(index_name)
            .set_key_schema(Some(schema(&key_schema).map_err(said)?))
            .projection(projection);
        call = call.global_secondary_indexes(index.build().map_err(said)?);
    }
    let stream = definition.stream_specification;
    let stream = StreamSpecification::builder()
        .stream_enabled(stream.stream_enabled)
        .stream_view_type(StreamViewType::from(stream.stream_view_type.as_str()));
    call = call.stream_specification(stream.build().map_err(said)?);
    call.send().await.map_err(|error| Unavailable::Read(DisplayErrorContext(error).to_string()))?;
    active(client, table).await?;
    let forgets = definition.time_to_live_specification;
    let forgets = TimeToLiveSpecification::builder()
        .attribute_name(forgets.attribute_name)
        .enabled(forgets.enabled);
    let call = client.update_time_to_live().table_name(table);
    let call = call.time_to_live_specification(forgets.build().map_err(said)?);
    let done = call.send().await;
    done.map(drop).map_err(|error| Unavailable::Read(DisplayErrorContext(error).to_string()))
}

/// Looks so often, a second apart, whether a table is there.
const LOOKS_MAX: u32 = 300;

async fn active(client: &Client, table: &str) -> Result<(), Unavailable> {
    for look in 0..LOOKS_MAX {
        let seen = client.describe_table().table_name(table).send().await;
        let status = seen.ok().and_then(|seen| seen.table).and_then(|table| table.table_status);
        if status == Some(TableStatus::Active) {
            return Ok(());
        }
        let wait = if look < 10 { 50 } else { 1_000 };
        tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    }
    Err(Unavailable::Read("the table does not become active".to_owned()))
}

fn schema(elements: &[Element]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |element: &Element| {
        KeySchemaElement::builder()
            .attribute_name(&element.attribute_name)
            .key_type(KeyType::from(element.key_type.as_str()))
            .build()
    };
    elements.iter().map(element).collect()
}

fn said(error: impl std::fmt::Display) -> Unavailable {
    Unavailable::Read(error.to_string())
}
