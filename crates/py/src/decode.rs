//! Lines of capture files, written past Python to a file descriptor.

use std::{
    fs::File,
    io::BufWriter,
    mem::ManuallyDrop,
    os::fd::{FromRawFd, RawFd},
    path::PathBuf,
};

use kafkascope_tables::decode::{self, DecodeError, Format};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::errors::file_error;

/// Writes every request of capture files to a file descriptor, as "json" or "text" lines; returns a summary.
#[pyfunction]
pub fn decode_files<'py>(
    py: Python<'py>,
    paths: Vec<PathBuf>,
    format: &str,
    fd: RawFd,
) -> PyResult<Bound<'py, PyDict>> {
    let format = match format {
        "json" => Format::Json,
        "text" => Format::Text,
        other => {
            return Err(PyValueError::new_err(format!(
                "format '{other}' is neither json nor text"
            )));
        }
    };
    // SAFETY: the caller lends the descriptor for this call; it is not closed here
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd) });
    let summary = py.detach(|| {
        decode::decode_files(
            &paths,
            format,
            &mut BufWriter::with_capacity(1 << 16, &*file),
        )
    });
    let summary = summary.map_err(|error| match error {
        DecodeError::Capture(error) => file_error(error),
        DecodeError::Io(error) => error.into(),
    })?;
    let dict = PyDict::new(py);
    let counters = [
        ("requests", summary.requests),
        ("packets", summary.packets),
        ("incomplete", summary.incomplete),
        ("unreadable_bytes", summary.unreadable_bytes),
        ("cut_packets", summary.cut_packets),
        ("missing_bytes", summary.missing_bytes),
        ("connections", summary.connections),
        ("kafka_connections", summary.kafka_connections),
        ("tls_connections", summary.tls_connections),
        ("answer_connections", summary.answer_connections),
        ("fragments", summary.fragments),
        ("late_lines", summary.late_lines),
    ];
    for (name, value) in counters {
        dict.set_item(name, value)?;
    }
    dict.set_item("warnings", summary.warnings)?;
    Ok(dict)
}
