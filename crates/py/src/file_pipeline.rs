//! Rows of capture files.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kafkascope_tables::{files::Files, pipeline::Settings};
use pyo3::{prelude::*, types::PyDict};

use crate::{
    batch::{by_table, counters},
    errors::file_error,
};

/// Reads capture files, several as one by time, and yields the rows of every table.
#[pyclass(frozen, module = "kafkascope._core")]
pub struct FilePipeline {
    files: Mutex<Files>,
}

impl FilePipeline {
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl FilePipeline {
    #[new]
    #[pyo3(signature = (paths, asid=0))]
    fn new(py: Python<'_>, paths: Vec<PathBuf>, asid: u32) -> PyResult<Self> {
        let settings = Settings {
            asid,
            ..Settings::default()
        };
        let files = py
            .detach(|| Files::open(&paths, settings))
            .map_err(file_error)?;
        Ok(FilePipeline {
            files: Mutex::new(files),
        })
    }

    /// The next rows by table, None after the last.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let batches = py
            .detach(|| self.lock().next_batches())
            .map_err(file_error)?;
        batches.map(|batches| by_table(py, batches)).transpose()
    }

    /// Counters so far and, under "warnings", what a user should know of the files.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (stats, warnings) = py.detach(|| {
            let files = self.lock();
            (files.stats(), files.warnings().to_vec())
        });
        let dict = counters(py, &stats)?;
        dict.set_item("warnings", warnings)?;
        Ok(dict)
    }
}
