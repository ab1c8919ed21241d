//! `kafkascope._core`: the core as Python sees it. Conversions, errors and the interpreter lock; no logic.

mod batch;
mod errors;
mod file_pipeline;

use pyo3::prelude::*;

/// The core: capture, decoding and rows.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::batch::RowBatch;
    #[pymodule_export]
    use crate::errors::{CaptureError, CaptureFileError};
    #[pymodule_export]
    use crate::file_pipeline::FilePipeline;

    /// The column catalogue's text.
    #[pyfunction]
    fn catalogue() -> &'static str {
        kafkascope_tables::CATALOGUE
    }
}
