//! Rows of an answer: told as PostgreSQL's types, some at a time.
//!
//! Never: an answer held in memory as a whole.

use std::sync::Arc;

use arrow_pg::datatypes::arrow_schema_to_pg_fields;
use arrow_pg::encoder::encode_value;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::StreamExt;
use pgwire::api::portal::Format;
use pgwire::api::results::{DataRowEncoder, FieldInfo};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{DataRow, RowDescription};

use super::failure::Failure;
use super::parameter;

/// How columns are told.
#[derive(Clone)]
pub(super) struct Columns(Arc<Vec<FieldInfo>>);

impl Columns {
    /// Of a schema, in the formats a client asks for: none, one for all, or one each.
    pub(super) fn new(schema: &Schema, formats: &[i16]) -> Result<Self, Failure> {
        let formats = parameter::formats(formats, schema.fields().len())?;
        let told = arrow_schema_to_pg_fields(schema, &Format::Individual(formats), None)?;
        let told = told.into_iter().zip(schema.fields());
        let told = told.map(|(told, field)| {
            let (size, modifier) = shape(field.data_type());
            told.with_type_size(size).with_type_modifier(modifier)
        });
        Ok(Self(Arc::new(told.collect())))
    }

    /// As the protocol has it.
    pub(super) fn to_message(&self) -> PgWireBackendMessage {
        let fields = self.0.iter().map(Into::into).collect();
        PgWireBackendMessage::RowDescription(RowDescription::new(fields))
    }

    /// The rows of a batch, as messages.
    pub(super) fn encode(
        &self,
        batch: &RecordBatch,
    ) -> impl Iterator<Item = Result<PgWireBackendMessage, Failure>> {
        let mut encoder = DataRowEncoder::new(self.0.clone());
        (0..batch.num_rows()).map(move |row| {
            let row = self.row(&mut encoder, batch, row)?;
            Ok(PgWireBackendMessage::DataRow(row))
        })
    }

    fn row(
        &self,
        encoder: &mut DataRowEncoder,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<DataRow, Failure> {
        let schema = batch.schema_ref();
        for (at, (array, told)) in batch.columns().iter().zip(&*self.0).enumerate() {
            if array.is_null(row) {
                encoder.encode_field(&None::<&str>)?;
            } else {
                encode_value(encoder, array, row, schema.field(at), told)?;
            }
        }
        Ok(encoder.take_row())
    }
}

/// Bytes of a type, and what PostgreSQL calls its modifier; −1 is any.
fn shape(data_type: &DataType) -> (i16, i32) {
    match data_type {
        DataType::Boolean => (1, -1),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => (2, -1),
        DataType::Int32 | DataType::UInt16 | DataType::Float32 | DataType::Date32 => (4, -1),
        DataType::Int64 | DataType::UInt32 | DataType::Float64 | DataType::Timestamp(..) => (8, -1),
        DataType::Decimal128(precision, scale) => {
            // Digits above, places below, and the four that PostgreSQL adds.
            (-1, ((i32::from(*precision) << 16) | (i32::from(*scale) & 0x7ff)) + 4)
        }
        _ => (-1, -1),
    }
}

/// An answer that is told, from where it was left.
pub(super) struct Rows {
    stream: SendableRecordBatchStream,
    /// What of the newest batch is not told yet.
    left: Option<RecordBatch>,
    is_done: bool,
}

impl Rows {
    pub(super) fn new(stream: SendableRecordBatchStream) -> Self {
        Self { stream, left: None, is_done: false }
    }

    /// Its columns.
    pub(super) fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// The next rows, at most so many; nothing at the end. May be dropped and called again.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<RecordBatch>, Failure> {
        loop {
            let batch = match self.left.take() {
                Some(batch) => batch,
                None if self.is_done => return Ok(None),
                None => match self.stream.next().await {
                    Some(batch) => batch?,
                    None => {
                        self.is_done = true;
                        return Ok(None);
                    }
                },
            };
            if batch.num_rows() > most {
                self.left = Some(batch.slice(most, batch.num_rows() - most));
                return Ok(Some(batch.slice(0, most)));
            }
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }
}
