//! `kafkascope._core`: the core as Python sees it. Conversions, errors and the interpreter lock; no logic.

mod batch;
mod decode;
mod errors;
mod file_pipeline;
mod layout;
mod live_pipeline;

use pyo3::prelude::*;

/// The core: capture, decoding and rows.
#[pymodule]
mod _core {
    use pyo3::{prelude::*, types::PyDict};

    #[pymodule_export]
    use crate::batch::RowBatch;
    #[pymodule_export]
    use crate::decode::decode_files;
    #[pymodule_export]
    use crate::errors::{CaptureError, CaptureFileError};
    #[pymodule_export]
    use crate::file_pipeline::FilePipeline;
    #[pymodule_export]
    use crate::layout::message_layout;
    #[pymodule_export]
    use crate::live_pipeline::LivePipeline;

    /// The column catalogue's text.
    #[pyfunction]
    fn catalogue() -> &'static str {
        kafkascope_tables::CATALOGUE
    }

    /// What this host allows, and what to do about what it does not.
    #[pyfunction]
    fn doctor(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
        let checks = py.detach(kafkascope_capture::doctor::checks);
        let dict = |check: kafkascope_capture::doctor::Check| {
            let dict = PyDict::new(py);
            dict.set_item("name", check.name)?;
            dict.set_item("status", check.status.name())?;
            dict.set_item("found", check.found)?;
            dict.set_item("hint", check.hint)?;
            Ok(dict)
        };
        checks.into_iter().map(dict).collect()
    }

    /// Version and kind of this build.
    #[pyfunction]
    fn build_info() -> String {
        let kind = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        format!(
            "{} ({kind}, {})",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH
        )
    }
}
