//! Where bytes come from: capture files, packets of interfaces, sockets of the kernel. All of them deliver
//! `stream::Event`s.

pub mod file;
mod input;
pub mod link;
mod pcap;
mod pcapng;

pub use file::{CaptureFileError, FileSource};
