//! `kafkascope._core`: the core as Python sees it. Conversions, errors and the interpreter lock; no logic.

mod batch;
mod decode;
mod errors;
mod file_pipeline;
mod live_pipeline;

use pyo3::prelude::*;

/// The core: capture, decoding and rows.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::batch::RowBatch;
    #[pymodule_export]
    use crate::decode::decode_files;
    #[pymodule_export]
    use crate::errors::{CaptureError, CaptureFileError};
    #[pymodule_export]
    use crate::file_pipeline::FilePipeline;
    #[pymodule_export]
    use crate::live_pipeline::LivePipeline;

    /// The column catalogue's text.
    #[pyfunction]
    fn catalogue() -> &'static str {
        kafkascope_tables::CATALOGUE
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
