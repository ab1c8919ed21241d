//! Rows of this host's traffic.

use std::time::Duration;

use kafkascope_capture::live::Source;
use kafkascope_tables::{live::Live, pipeline::Settings, sources};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::{
    batch::{by_table, counters},
    errors::{CaptureError, capture_error},
};

/// Captures this host until closed; a thread decodes, so that a slow reader loses nothing at once.
#[pyclass(frozen, module = "kafkascope._core")]
pub struct LivePipeline {
    live: Live,
    hook: String,
}

#[pymethods]
impl LivePipeline {
    #[new]
    #[pyo3(signature = (source="auto", asid=0, exclude_pids=Vec::new(), interfaces=None, ring_bytes=None, records_per_s=None))]
    fn new(
        py: Python<'_>,
        source: &str,
        asid: u32,
        exclude_pids: Vec<u32>,
        interfaces: Option<Vec<String>>,
        ring_bytes: Option<u32>,
        records_per_s: Option<u32>,
    ) -> PyResult<Self> {
        let source =
            Source::parse(source).map_err(|e| PyValueError::new_err((e.message, e.hint)))?;
        let usual = sources::Settings::default();
        let capture = sources::Settings {
            source,
            exclude_pids,
            interfaces: interfaces.unwrap_or_default(),
            ring_bytes: ring_bytes.unwrap_or(usual.ring_bytes),
            records_per_s: records_per_s.unwrap_or(usual.records_per_s),
        };
        let (hook, live) = py
            .detach(|| {
                let opened = sources::open_auto(&capture)?;
                let hook = match opened.notice {
                    Some(notice) => format!("{} ({notice})", opened.hook),
                    None => opened.hook,
                };
                let live = Live::start(
                    Box::new(opened.live),
                    Settings {
                        asid,
                        ..Settings::default()
                    },
                );
                live.map(|live| (hook, live))
                    .map_err(|e| sources::no_thread(&e))
            })
            .map_err(capture_error)?;
        Ok(LivePipeline { live, hook })
    }

    /// The rows since the last call by table; waits for some, at most the timeout.
    fn poll<'py>(&self, py: Python<'py>, timeout_ms: u64) -> PyResult<Bound<'py, PyDict>> {
        let batches = py.detach(|| self.live.poll(Duration::from_millis(timeout_ms)));
        by_table(
            py,
            batches
                .map_err(|why| CaptureError::new_err((why, "the log of this process says more")))?,
        )
    }

    /// How it captures.
    #[getter]
    fn hook(&self) -> &str {
        &self.hook
    }

    /// Counters since the start.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = py.detach(|| self.live.stats());
        counters(py, &stats)
    }

    /// Names of topic ids (Kafka's text) from a broker's log directory. Texts that are no id are left out.
    fn learn_topics(&self, py: Python<'_>, topics: Vec<(String, String)>) {
        let ids = topics
            .into_iter()
            .filter_map(|(id, name)| Some((kafkascope_state::parse_uuid(&id)?, name)));
        let ids: Vec<_> = ids.collect();
        py.detach(|| self.live.learn_topics(ids));
    }

    /// Cluster id and node id (None where it does not say) of brokers' processes by upid, from their log directories.
    /// They hold for as long as no message tells. Texts that are no upid are left out.
    fn learn_brokers(&self, py: Python<'_>, brokers: Vec<(String, String, Option<i32>)>) {
        let brokers = brokers.into_iter().filter_map(|(upid, id, node_id)| {
            let cluster_id = id.into();
            Some((
                kafkascope_tables::parse_upid(&upid)?,
                kafkascope_state::Broker {
                    cluster_id,
                    node_id,
                },
            ))
        });
        let brokers: Vec<_> = brokers.collect();
        py.detach(|| self.live.learn_processes(brokers));
    }

    /// Ends the capture; rows already taken in can still be polled.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.live.close());
    }
}
