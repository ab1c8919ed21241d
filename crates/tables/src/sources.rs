//! The live capture as the pipeline's source.

use std::{io, time::Duration};

use kafkascope_capture::live::{self, Live};
use kafkascope_capture::tls::library;
use kafkascope_stream::{Endpoint, Event};

use crate::{live::Source, tls::Lookup};

pub use live::{Opened, Settings, open_auto};

/// The error for a thread that cannot be started.
pub fn no_thread(error: &io::Error) -> kafkascope_capture::CaptureError {
    kafkascope_capture::CaptureError::new(
        format!("no thread for the capture: {error}"),
        "the limit of processes or memory is reached",
    )
}

impl Source for Live {
    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Event)) -> io::Result<()> {
        Live::poll(self, timeout, sink).map_err(io::Error::other)
    }

    fn reject(&mut self, a: Endpoint, b: Endpoint, netns: u32) {
        Live::reject(self, a, b, netns);
    }

    fn tls_library(&self) -> Lookup {
        library
    }

    fn stats(&self) -> Vec<(&'static str, u64)> {
        Live::stats(self)
    }
}
