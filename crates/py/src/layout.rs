//! Where the fields of a message stood.

use kafkascope_tables::body::{Direction, layout};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

/// Where each field of a message stood on the wire, told from its row: `path` (JSON pointer into the body), `type`, `offset` and `length`
/// in bytes behind the size field, None where they cannot be told.
#[pyfunction]
#[pyo3(signature = (api_key, api_version, response, body_json, client_id=None, size=None))]
pub fn message_layout<'py>(
    py: Python<'py>,
    api_key: i16,
    api_version: i16,
    response: bool,
    body_json: &str,
    client_id: Option<&str>,
    size: Option<u32>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let message = layout::Laid {
        api_key,
        api_version,
        direction: if response {
            Direction::Response
        } else {
            Direction::Request
        },
        body: body_json,
        client_id,
        size,
    };
    let places = layout::layout(&message).map_err(|e| PyValueError::new_err(e.to_string()))?;
    let dict = |place: layout::Place| {
        let dict = PyDict::new(py);
        dict.set_item("path", place.path)?;
        dict.set_item("type", place.kafka_type)?;
        dict.set_item("offset", place.offset)?;
        dict.set_item("length", place.length)?;
        Ok(dict)
    };
    places.into_iter().map(dict).collect()
}
