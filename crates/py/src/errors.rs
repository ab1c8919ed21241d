//! Errors with a message and a hint.

use pyo3::{create_exception, exceptions::PyException, prelude::*};

create_exception!(
    kafkascope._core,
    CaptureFileError,
    PyException,
    "A capture file cannot be read: (message, hint)."
);
create_exception!(
    kafkascope._core,
    CaptureError,
    PyException,
    "This host cannot be captured: (message, hint)."
);

pub fn file_error(error: kafkascope_capture::CaptureFileError) -> PyErr {
    CaptureFileError::new_err((error.message, error.hint))
}

pub fn capture_error(error: kafkascope_capture::CaptureError) -> PyErr {
    CaptureError::new_err((error.message, error.hint))
}
