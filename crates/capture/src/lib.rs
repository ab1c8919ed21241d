//! Where bytes come from: capture files, packets of interfaces, sockets of the kernel. All of them deliver
//! `stream::Event`s.

#[cfg(target_os = "linux")]
pub mod af_packet;
mod checksum;
#[cfg(target_os = "linux")]
pub mod doctor;
#[cfg(ebpf)]
pub mod ebpf;
mod error;
pub mod file;
pub mod fragments;
mod input;
pub mod link;
#[cfg(target_os = "linux")]
pub mod live;
mod pcap;
mod pcapng;
#[cfg(target_os = "linux")]
pub mod tls;

pub use error::CaptureError;
pub use file::{CaptureFileError, FileSource};
