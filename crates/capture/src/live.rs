//! The best live capture this host allows: sockets by eBPF, otherwise packets of interfaces.

use std::time::Duration;

use kafkascope_stream::{Endpoint, Event};

use crate::af_packet::{self, AfPacketSource};
#[cfg(ebpf)]
use crate::ebpf::{self, EbpfSource};
use crate::error::CaptureError;

/// Memory between kernel and reader of an eBPF capture. The agent maps it twice, as its resident memory shows.
pub const RING_BYTES: u32 = 16 << 20;
/// At about 0.3 µs each, a tenth of a processor.
pub const RECORDS_PER_S: u32 = 300_000;

/// Which live capture a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// eBPF, and packets where that is refused.
    #[default]
    Auto,
    Ebpf,
    Packet,
}

impl Source {
    /// By its name in commands and settings.
    pub fn parse(name: &str) -> Result<Source, CaptureError> {
        match name {
            "auto" => Ok(Source::Auto),
            "ebpf" => Ok(Source::Ebpf),
            "packet" => Ok(Source::Packet),
            _ => Err(CaptureError::new(
                format!("there is no capture source {name:?}"),
                "use auto, ebpf or packet",
            )),
        }
    }
}

/// What to capture.
#[derive(Clone, Debug)]
pub struct Settings {
    pub source: Source,
    /// Processes left out (eBPF only); the own one never is captured.
    pub exclude_pids: Vec<u32>,
    /// Interfaces of the packet capture; all of this network namespace when empty.
    pub interfaces: Vec<String>,
    /// Memory between kernel and reader (eBPF only), rounded up to a power of two.
    pub ring_bytes: u32,
    /// What the kernel's programs tell at most per second and processor (eBPF only), 0 for no limit.
    pub records_per_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            source: Source::Auto,
            exclude_pids: Vec::new(),
            interfaces: Vec::new(),
            ring_bytes: RING_BYTES,
            records_per_s: RECORDS_PER_S,
        }
    }
}

/// A capture that runs.
pub enum Live {
    #[cfg(ebpf)]
    Ebpf(Box<EbpfSource>),
    Packet(AfPacketSource),
}

/// A capture and what the user should know about it.
pub struct Opened {
    pub live: Live,
    /// The hook in use, for people.
    pub hook: String,
    /// Why eBPF is not in use, and what is missing without it.
    pub notice: Option<String>,
}

/// Opens the capture that was asked for, or the best one.
pub fn open_auto(settings: &Settings) -> Result<Opened, CaptureError> {
    let refusal = match settings.source {
        Source::Packet => None,
        source => match open_ebpf(settings) {
            Ok(opened) => return Ok(opened),
            Err(error) if source == Source::Ebpf => return Err(error),
            Err(error) => Some(error),
        },
    };
    match AfPacketSource::open(&settings.interfaces) {
        Ok(live) => Ok(Opened {
            live: Live::Packet(live),
            hook: "packets: AF_PACKET".into(),
            notice: refusal.map(|r| format!("{}; {r}", af_packet::LIMITS)),
        }),
        Err(error) => match refusal {
            None => Err(error),
            Some(refusal) => Err(CaptureError::new(
                format!(
                    "nothing can be captured: {}; {}",
                    refusal.message, error.message
                ),
                error.hint,
            )),
        },
    }
}

#[cfg(ebpf)]
fn open_ebpf(settings: &Settings) -> Result<Opened, CaptureError> {
    let source = EbpfSource::open(&ebpf::Settings {
        exclude_pids: settings.exclude_pids.clone(),
        ring_bytes: settings
            .ring_bytes
            .checked_next_power_of_two()
            .unwrap_or(1 << 31),
        records_per_s: settings.records_per_s,
        ..ebpf::Settings::default()
    })?;
    Ok(Opened {
        hook: source.hook().into(),
        live: Live::Ebpf(Box::new(source)),
        notice: None,
    })
}

#[cfg(not(ebpf))]
fn open_ebpf(_: &Settings) -> Result<Opened, CaptureError> {
    Err(CaptureError::new(
        "this build has no eBPF program for its processor",
        "eBPF capture is for x86-64 and arm64; capture packets instead",
    ))
}

impl Live {
    /// Hands over what came, after waiting at most `timeout` for something.
    pub fn poll(
        &mut self,
        timeout: Duration,
        sink: &mut dyn FnMut(Event),
    ) -> Result<(), CaptureError> {
        match self {
            #[cfg(ebpf)]
            Live::Ebpf(source) => source.poll(timeout, sink),
            Live::Packet(source) => source.poll(timeout, sink),
        }
    }

    /// A connection speaks something else than Kafka: its bytes need not come any more.
    pub fn reject(&mut self, a: Endpoint, b: Endpoint, netns: u32) {
        match self {
            #[cfg(ebpf)]
            Live::Ebpf(source) => source.reject(a, b, netns),
            // packets are taken whatever they carry
            Live::Packet(_) => {
                let _ = (a, b, netns);
            }
        }
    }

    /// Counters since the start, by name.
    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        match self {
            #[cfg(ebpf)]
            Live::Ebpf(source) => source.stats().named().to_vec(),
            Live::Packet(source) => {
                let s = source.stats();
                vec![
                    ("packets", s.packets),
                    ("lost", s.dropped),
                    ("fragments", s.fragments),
                    ("corrupt_packets", s.corrupt),
                ]
            }
        }
    }
}
