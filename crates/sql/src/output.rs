//! Rows as documents: JSON, CSV, Parquet, Arrow's stream; piece by piece.
//!
//! Amounts are texts in JSON, as everywhere in the API: no reader makes a float of one. Moments
//! are RFC 3339. In CSV what is null is empty, and an empty text is `""`.
//!
//! Never: more than a batch (or a Parquet row group) in memory.

use std::io::{self, Write};
use std::mem::take;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json::writer::{NullableEncoder, make_encoder};
use arrow::json::{EncoderFactory, EncoderOptions};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use parking_lot::Mutex;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use service::query::Form;

/// A row group of a Parquet answer is closed at so many bytes: it is in memory until then.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Writes rows in one form.
pub(crate) enum Encoder {
    Json(Json),
    Csv(Csv),
    Parquet(Box<Parquet>),
    Arrow(Box<Arrow>),
}

impl Encoder {
    /// Begins a document of rows of a schema that see the log up to `until`.
    pub(crate) fn begin(form: Form, schema: &SchemaRef, until: Option<u64>) -> Result<Self> {
        Ok(match form {
            Form::Json => Self::Json(Json::begin(schema, until)),
            Form::Csv => Self::Csv(Csv::begin(schema)),
            Form::Parquet => Self::Parquet(Box::new(Parquet::begin(schema)?)),
            Form::Arrow => Self::Arrow(Box::new(Arrow::begin(schema)?)),
        })
    }

    /// Adds rows; what can be sent of the document by now.
    pub(crate) fn put(&mut self, batch: &RecordBatch) -> Result<Option<Bytes>> {
        match self {
            Self::Json(json) => json.put(batch)?,
            Self::Csv(csv) => csv.put(batch)?,
            Self::Parquet(parquet) => parquet.put(batch)?,
            Self::Arrow(arrow) => arrow.put(batch)?,
        }
        let piece = self.taken();
        Ok((!piece.is_empty()).then(|| piece.into()))
    }

    /// The rest of the document; `is_cut` if there are more rows than it has.
    pub(crate) fn end(mut self, is_cut: bool) -> Result<Bytes> {
        match &mut self {
            Self::Json(json) => write!(json.text, "],\"truncated\":{is_cut}}}")?,
            Self::Csv(_) => {}
            Self::Parquet(parquet) => parquet.writer.finish().map(drop)?,
            Self::Arrow(arrow) => arrow.writer.finish()?,
        }
        Ok(self.taken().into())
    }

    fn taken(&mut self) -> Vec<u8> {
        match self {
            Self::Json(json) => take(&mut json.text),
            Self::Csv(csv) => take(&mut csv.text),
            Self::Parquet(parquet) => take(&mut parquet.written.0.lock()),
            Self::Arrow(arrow) => take(arrow.writer.get_mut()),
        }
    }
}

/// The name of a type, as PostgreSQL has it where it has it.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "integer".to_owned(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double precision".to_owned(),
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => format!("numeric({digits},{scale})"),
        DataType::Timestamp(_, Some(_)) => "timestamptz".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".to_owned(),
        DataType::List(of) | DataType::LargeList(of) => format!("{}[]", type_name(of.data_type())),
        DataType::Dictionary(_, values) => type_name(values),
        DataType::Null => "null".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// A JSON document.
pub(crate) struct Json {
    text: Vec<u8>,
    fields: Vec<FieldRef>,
    options: EncoderOptions,
    is_first: bool,
}

impl Json {
    fn begin(schema: &SchemaRef, until: Option<u64>) -> Self {
        let column = |field: &FieldRef| serde_json::json!({"name": field.name(), "type": type_name(field.data_type())});
        let columns: Vec<_> = schema.fields().iter().map(column).collect();
        // As the API writes positions of the log.
        let as_of = until.map(|until| format!("{until:x}"));
        let text = serde_json::json!({"columns": columns, "as_of": as_of}).to_string();
        // The document goes on where this one ends.
        let text = format!("{},\"rows\":[", text.strip_suffix('}').unwrap_or(&text));
        let options = EncoderOptions::default()
            .with_explicit_nulls(true)
            .with_encoder_factory(Arc::new(AmountsAreTexts));
        let fields = schema.fields().to_vec();
        Self { text: text.into_bytes(), fields, options, is_first: true }
    }

    fn put(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = self.fields.iter().zip(batch.columns());
        let mut columns = columns
            .map(|(field, column)| make_encoder(field, column, &self.options))
            .collect::<Result<Vec<_>, _>>()?;
        let text = &mut self.text;
        for row in 0..batch.num_rows() {
            text.extend_from_slice(if take(&mut self.is_first) { b"[" } else { b",[" });
            for (at, column) in columns.iter_mut().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                if column.is_null(row) {
                    text.extend_from_slice(b"null");
                } else {
                    column.encode(row, text);
                }
            }
            text.push(b']');
        }
        Ok(())
    }
}

/// Decimals in quotes, at any depth.
#[derive(Debug)]
struct AmountsAreTexts;

impl EncoderFactory for AmountsAreTexts {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        if !array.data_type().is_decimal() {
            return Ok(None);
        }
        let texts = ArrayFormatter::try_new(array, &FORMAT)?;
        let encoder = Box::new(Quoted(texts));
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct Quoted<'a>(ArrayFormatter<'a>);

impl arrow::json::Encoder for Quoted<'_> {
    fn encode(&mut self, row: usize, text: &mut Vec<u8>) {
        // Writing to a Vec cannot fail, and digits need no escapes.
        _ = write!(text, "\"{}\"", self.0.value(row));
    }
}

const FORMAT: FormatOptions<'static> = FormatOptions::new();

/// CSV.
pub(crate) struct Csv {
    text: Vec<u8>,
}

impl Csv {
    fn begin(schema: &SchemaRef) -> Self {
        let mut csv = Self { text: Vec::new() };
        for (at, field) in schema.fields().iter().enumerate() {
            csv.field(at, field.name());
        }
        csv.text.extend_from_slice(b"\r\n");
        csv
    }

    fn put(&mut self, batch: &RecordBatch) -> Result<()> {
        let texts = |column| ArrayFormatter::try_new(column, &FORMAT);
        let columns = batch.columns();
        let texts = columns.iter().map(|column| texts(column.as_ref()));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let mut value = String::new();
        for row in 0..batch.num_rows() {
            for (at, (column, text)) in columns.iter().zip(&texts).enumerate() {
                if column.is_null(row) {
                    if at > 0 {
                        self.text.push(b',');
                    }
                    continue;
                }
                value.clear();
                text.value(row).write(&mut value)?;
                self.field(at, &value);
            }
            self.text.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn field(&mut self, at: usize, value: &str) {
        if at > 0 {
            self.text.push(b',');
        }
        let is_plain = !value.is_empty() && !value.contains(['"', ',', '\r', '\n']);
        if is_plain {
            self.text.extend_from_slice(value.as_bytes());
            return;
        }
        self.text.push(b'"');
        self.text.extend_from_slice(value.replace('"', "\"\"").as_bytes());
        self.text.push(b'"');
    }
}

/// Columns as every reader of Arrow knows them: no views of texts.
fn plain(schema: &Schema) -> SchemaRef {
    let field = |field: &FieldRef| match field.data_type() {
        DataType::Utf8View => Field::clone(field).with_data_type(DataType::Utf8),
        DataType::BinaryView => Field::clone(field).with_data_type(DataType::Binary),
        _ => Field::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn as_plain(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let fields = schema.fields().iter().zip(batch.columns());
    let columns: Vec<ArrayRef> =
        fields.map(|(field, column)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Bytes that a writer wrote, to be taken while it goes on.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A Parquet file.
pub(crate) struct Parquet {
    written: Written,
    writer: ArrowWriter<Written>,
    schema: SchemaRef,
}

impl Parquet {
    fn begin(schema: &SchemaRef) -> Result<Self> {
        let (written, schema) = (Written::default(), plain(schema));
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(zstd).build();
        let writer = ArrowWriter::try_new(written.clone(), Arc::clone(&schema), Some(properties))?;
        Ok(Self { written, writer, schema })
    }

    fn put(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(&as_plain(batch, &self.schema)?)?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(())
    }
}

/// A stream of Arrow's IPC format.
pub(crate) struct Arrow {
    writer: StreamWriter<Vec<u8>>,
    schema: SchemaRef,
}

impl Arrow {
    fn begin(schema: &SchemaRef) -> Result<Self> {
        let schema = plain(schema);
        Ok(Self { writer: StreamWriter::try_new(Vec::new(), &schema)?, schema })
    }

    fn put(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(&as_plain(batch, &self.schema)?).map_err(DataFusionError::from)
    }
}
