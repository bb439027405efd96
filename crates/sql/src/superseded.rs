//! Drops the rows of versions that a later one superseded, by merging their sequences with Roaring
//! bitmaps.
//!
//! Never: a row changed; a batch copied in which nothing is superseded.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::equivalence::ProjectionMapping;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    PlanProperties, StatisticsArgs,
};
use futures_util::StreamExt;
use roaring::RoaringTreemap;

/// Which versions are superseded, by stretches of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Superseded {
    /// Sequences above the first, up to the second, and which of them.
    stretches: Vec<(u64, u64, Arc<RoaringTreemap>)>,
}

impl Superseded {
    /// Adds a stretch (`from`, `until`] of the log.
    pub(crate) fn add(&mut self, from: u64, until: u64, versions: Arc<RoaringTreemap>) {
        if !versions.is_empty() {
            self.stretches.push((from, until, versions));
        }
    }

    /// Whether nothing is.
    pub(crate) fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// The rows of a batch that are current; `None` when all are. Its sequences ascend.
    fn current(&self, sequences: &Int64Array) -> Result<Option<BooleanArray>> {
        let rows = sequences.values();
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else {
            return Ok(None);
        };
        let (first, last) = (position(first)?, position(last)?);
        if first > last || sequences.null_count() > 0 {
            return internal_err!("sequences do not ascend");
        }
        let mut dropped = Vec::new();
        for (from, until, versions) in &self.stretches {
            if *from < last && first <= *until {
                let mut versions = versions.iter();
                versions.advance_to(first);
                dropped.extend(versions.take_while(|version| *version <= last));
            }
        }
        if dropped.is_empty() {
            return Ok(None);
        }
        // Stretches of one day beside those of another may interleave; mostly this is sorted.
        dropped.sort_unstable();
        let mut dropped = dropped.into_iter().peekable();
        let mut before = first;
        let mut keep = Vec::with_capacity(rows.len());
        for row in rows {
            let row = position(*row)?;
            if row < before {
                return internal_err!("sequences do not ascend");
            }
            before = row;
            while dropped.peek().is_some_and(|version| *version < row) {
                dropped.next();
            }
            keep.push(dropped.peek() != Some(&row));
        }
        Ok(Some(BooleanArray::from(keep)))
    }

    /// The batch without the rows of superseded versions; `sequence` is where their column is.
    pub(crate) fn drop_from(&self, batch: RecordBatch, sequence: usize) -> Result<RecordBatch> {
        let Some(sequences) = batch.column(sequence).as_any().downcast_ref::<Int64Array>() else {
            return internal_err!("sequences are no whole numbers");
        };
        match self.current(sequences)? {
            Some(keep) => Ok(filter_record_batch(&batch, &keep)?),
            None => Ok(batch),
        }
    }
}

/// A row's sequence as a position of the log.
fn position(sequence: i64) -> Result<u64> {
    u64::try_from(sequence)
        .map_err(|_| DataFusionError::Internal("a sequence below zero".to_owned()))
}

/// Passes on the rows of its input that are current.
///
/// The input's columns are the output's, and `sequence` may follow them.
#[derive(Clone, Debug)]
pub(crate) struct CurrentExec {
    input: Arc<dyn ExecutionPlan>,
    superseded: Arc<Superseded>,
    /// Where the column `sequence` is in the input.
    sequence: usize,
    /// How many of the input's columns are passed on.
    columns: usize,
    properties: Arc<PlanProperties>,
}

impl CurrentExec {
    /// Of an input whose column `sequence` is the one at `sequence`, the first `columns` columns.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        superseded: Arc<Superseded>,
        sequence: usize,
        columns: usize,
    ) -> Result<Self> {
        let indices: Vec<usize> = (0..columns).collect();
        let schema: SchemaRef = Arc::new(input.schema().project(&indices)?);
        let mapping = ProjectionMapping::from_indices(&indices, &input.schema())?;
        let from = input.equivalence_properties();
        let properties = PlanProperties::new(
            from.project(&mapping, schema),
            input.output_partitioning().project(&mapping, from),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Ok(Self { input, superseded, sequence, columns, properties: Arc::new(properties) })
    }
}

impl DisplayAs for CurrentExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let versions: u64 = self.superseded.stretches.iter().map(|(_, _, set)| set.len()).sum();
        write!(f, "CurrentExec: superseded={versions}")
    }
}

impl ExecutionPlan for CurrentExec {
    fn name(&self) -> &str {
        "CurrentExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    // To repartition batches would part them from the order of their file.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("CurrentExec has one input");
        };
        let superseded = Arc::clone(&self.superseded);
        Ok(Arc::new(Self::new(input, superseded, self.sequence, self.columns)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let superseded = Arc::clone(&self.superseded);
        let (sequence, columns) = (self.sequence, self.columns);
        let schema = self.schema();
        let passed = Arc::clone(&schema);
        let rows = input.map(move |batch| {
            let batch = superseded.drop_from(batch?, sequence)?;
            let kept: Vec<ArrayRef> = batch.columns()[..columns].to_vec();
            let options =
                arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&passed), kept, &options)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        input: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let Some(input) = input.first() else {
            return internal_err!("CurrentExec has one input");
        };
        let mut statistics = Statistics::clone(input).to_inexact();
        statistics.column_statistics.truncate(self.columns);
        statistics.total_byte_size = Precision::Absent;
        Ok(Arc::new(statistics))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }

    // A filter of rows may come before or after another.
    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(result))
    }
}
