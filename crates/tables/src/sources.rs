//! The live captures as the pipeline's sources.

use std::{io, time::Duration};

use kafkascope_capture::{
    CaptureError,
    af_packet::AfPacketSource,
    ebpf::{self, EbpfSource},
};
use kafkascope_stream::{Endpoint, Event};

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
pub fn open(wanted: Wanted, exclude_pids: &[u32], interfaces: &[String]) -> Result<Opened, CaptureError> {
    let ebpf = || {
        let settings = ebpf::Settings { exclude_pids: exclude_pids.to_vec(), ..ebpf::Settings::default() };
        let source = EbpfSource::open(&settings)?;
        Ok(Opened { hook: source.hook().into(), source: Box::new(source) })
    };
    let packet = || {
        let source = Box::new(AfPacketSource::open(interfaces)?);
        Ok(Opened { hook: "packets of interfaces".into(), source })
    };
    match wanted {
        Wanted::Ebpf => ebpf(),
        Wanted::Packet => packet(),
        Wanted::Auto => ebpf().or_else(|refused: CaptureError| {
            let mut opened: Opened = packet().map_err(|_: CaptureError| refused.clone())?;
            opened.hook = format!("{} (eBPF was refused: {})", opened.hook, refused.message);
            Ok(opened)
        }),
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

impl Source for EbpfSource {
    fn poll(&mut self, timeout: Duration, sink: &mut dyn FnMut(Event)) -> io::Result<()> {
        EbpfSource::poll(self, timeout, sink).map_err(io::Error::other)
    }

    fn reject(&mut self, a: Endpoint, b: Endpoint, netns: u32) {
        EbpfSource::reject(self, a, b, netns);
    }

    fn stats(&self) -> Vec<(&'static str, u64)> {
        EbpfSource::stats(self).named().to_vec()
    }
}
