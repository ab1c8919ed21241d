//! The live captures as the pipeline's sources.

use std::{io, time::Duration};

use kafkascope_capture::{CaptureError, af_packet::AfPacketSource};
use kafkascope_stream::Event;

use crate::live::Source;

/// Which capture is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// eBPF, and packets where it is refused.
    Auto,
    Ebpf,
    Packet,
}

impl Wanted {
    /// By the name that users give.
    pub fn named(name: &str) -> Option<Wanted> {
        match name {
            "auto" => Some(Wanted::Auto),
            "ebpf" => Some(Wanted::Ebpf),
            "packet" => Some(Wanted::Packet),
            _ => None,
        }
    }
}

/// A capture that has begun, and what it is in words.
pub struct Opened {
    pub hook: String,
    pub source: Box<dyn Source>,
}

/// Begins a capture.
pub fn open(
    wanted: Wanted,
    exclude_pids: &[u32],
    interfaces: &[String],
) -> Result<Opened, CaptureError> {
    let _ = exclude_pids;
    match wanted {
        Wanted::Ebpf => Err(CaptureError::new(
            "eBPF is not in this build",
            "use the source packet",
        )),
        Wanted::Auto | Wanted::Packet => {
            let source = Box::new(AfPacketSource::open(interfaces)?);
            Ok(Opened {
                hook: "AF_PACKET".into(),
                source,
            })
        }
    }
}

/// The error for a thread that cannot be started.
pub fn no_thread(error: &io::Error) -> CaptureError {
    CaptureError::new(
        format!("no thread for the capture: {error}"),
        "the limit of processes or memory is reached",
    )
}

impl Source for AfPacketSource {
    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Event)) -> io::Result<()> {
        AfPacketSource::poll(self, timeout, sink).map_err(io::Error::other)
    }

    fn stats(&self) -> Vec<(&'static str, u64)> {
        let stats = AfPacketSource::stats(self);
        vec![
            ("packets", stats.packets),
            ("packets_dropped", stats.dropped),
            ("fragments", stats.fragments),
        ]
    }
}
