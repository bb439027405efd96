//! A table of the lake as SQL sees it: first without a moment, then of one.
//!
//! Names resolve to a [`Table`](LakeTable) without a moment. When a statement is about to run,
//! every scan in its plan is bound to the same [`Moment`] (`plan.rs`), so that no answer is made
//! of two.
//!
//! Never: a scan without a moment.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_err};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use lake::snapshot::Snapshot;
use lake::table::Table;

use crate::reader::Readers;
use crate::scan;

/// One moment of the lake, and what reads its files.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) snapshot: Snapshot,
    pub(crate) readers: Readers,
}

/// A table, of a moment or not yet.
#[derive(Clone, Debug)]
pub(crate) struct LakeTable {
    pub(crate) table: Table,
    schema: SchemaRef,
    moment: Option<Arc<Moment>>,
}

impl LakeTable {
    /// A table without a moment; `schema` as the lake writes it.
    pub(crate) fn new(table: Table, schema: &Schema) -> Self {
        Self { table, schema: told(schema), moment: None }
    }

    /// The same, of a moment.
    pub(crate) fn of(&self, moment: &Arc<Moment>) -> Self {
        Self { moment: Some(Arc::clone(moment)), ..self.clone() }
    }
}

/// The columns as SQL has them: texts as views, which are compared, grouped and passed on without
/// being copied.
fn told(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => Field::clone(field).with_data_type(DataType::Utf8View),
        _ => Field::clone(field),
    };
    let fields: Vec<Field> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new(fields))
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // Files are passed over by what their footers say; what is left is looked at row by row.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    // Filters reach the files as DataFusion pushes them down through the plan that is made here.
    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(moment) = &self.moment else {
            return internal_err!("a scan without a moment");
        };
        let all = || (0..self.schema.fields().len()).collect();
        let asked = scan::Asked {
            table: self.table,
            schema: Arc::clone(&self.schema),
            columns: projection.cloned().unwrap_or_else(all),
            limit: limit.filter(|_| filters.is_empty()),
            partitions: session.config().target_partitions(),
        };
        scan::plan(moment, &asked)
    }
}
