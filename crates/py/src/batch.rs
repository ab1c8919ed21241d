//! Rows of one table, handed over through Arrow's PyCapsule interface.

use std::sync::Arc;

use kafkascope_tables::{Batch, arrow};
use pyo3::{
    prelude::*,
    types::{PyCapsule, PyDict},
};

/// Rows of one table; `pyarrow.record_batch(batch)` takes them without a copy.
#[pyclass(frozen, module = "kafkascope._core")]
pub struct RowBatch {
    batch: Arc<Batch>,
}

#[pymethods]
impl RowBatch {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        // a best-effort request by the interface: the consumer casts
        drop(requested_schema);
        let (schema, array) = arrow::export(&self.batch);
        let schema = PyCapsule::new_with_value(py, schema, c"arrow_schema")?;
        Ok((
            schema,
            PyCapsule::new_with_value(py, array, c"arrow_array")?,
        ))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        PyCapsule::new_with_value(py, arrow::export_schema(&self.batch), c"arrow_schema")
    }

    /// The table's name.
    #[getter]
    fn table(&self) -> &'static str {
        self.batch.table.name
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.batch.rows
    }

    fn __len__(&self) -> usize {
        self.batch.rows
    }

    fn __repr__(&self) -> String {
        format!(
            "<RowBatch {} rows={}>",
            self.batch.table.name, self.batch.rows
        )
    }
}

/// Batches by table.
pub fn by_table(py: Python<'_>, batches: Vec<Batch>) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for batch in batches {
        dict.set_item(
            batch.table.name,
            RowBatch {
                batch: Arc::new(batch),
            },
        )?;
    }
    Ok(dict)
}

/// Counters by name.
pub fn counters<'py>(
    py: Python<'py>,
    stats: &[(&'static str, u64)],
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in stats {
        dict.set_item(*name, *value)?;
    }
    Ok(dict)
}
