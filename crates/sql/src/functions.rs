//! The functions there are: DataFusion's, less those that make values of any size of little.
//!
//! What a function returns is not counted as a statement's memory before it is there, so
//! `repeat('x', 2000000000)` would take what the limits say there is not.
//!
//! Never: a function that reads a file, or changes anything.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::{cast, kernels::aggregate::max};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::limits::Exceeded;

/// Lists of any length from a number: the table `generate_series(…)` gives its rows one by one.
const LEFT_OUT: [&str; 4] = ["array_repeat", "array_resize", "range", "generate_series"];

/// Texts that are as long as an argument says, the second one.
const SIZED: [&str; 3] = ["repeat", "lpad", "rpad"];

/// Most that the second argument of those may be: a line of a report is shorter.
const SIZE_MAX: i64 = 10_000;

/// The functions of a row.
pub(crate) fn scalar() -> Vec<Arc<ScalarUDF>> {
    let all = SessionStateDefaults::default_scalar_functions().into_iter();
    let kept = all.filter(|function| !LEFT_OUT.contains(&function.name()));
    kept.map(|function| {
        if SIZED.contains(&function.name()) {
            Arc::new(ScalarUDF::from(Bounded { function }))
        } else {
            function
        }
    })
    .collect()
}

/// A function whose second argument is bounded.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    function: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.function.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.function.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(size) = arguments.args.get(1) {
            let sizes = size.to_array(1)?;
            let sizes = cast(&sizes, &DataType::Int64)?;
            if max(sizes.as_primitive::<Int64Type>()).is_some_and(|size| size > SIZE_MAX) {
                return Err(Exceeded::Size(SIZE_MAX).into());
            }
        }
        self.function.invoke_with_args(arguments)
    }
}
