//! What a capture hands over: pieces of TCP byte streams, wherever they were seen.
//!
//! One shape serves packets and sockets: the place of every byte is its TCP sequence number. A socket
//! tap reads it from `write_seq` and `copied_seq`, so both ends of a connection, a capture that began in
//! mid-connection and a packet capture of the same traffic all speak of the same bytes.

use std::net::IpAddr;

/// Address and port of one end. IPv4-mapped IPv6 addresses are stored as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    pub addr: IpAddr,
    pub port: u16,
}

/// A process as the kernel names it: id and start time, so that a reused id is another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    pub pid: u32,
    /// Nanoseconds since boot (`start_boottime` of the group leader).
    pub start_boot_ns: u64,
}

/// Bits of `Segment::flags`.
pub mod flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const ACK: u8 = 16;
    /// Of a socket's segment: what its tap left out before and within it was left out on purpose, and the other
    /// end's tap does not bring it either.
    pub const FINAL: u8 = 128;
}

/// Where a segment was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tap {
    /// On the wire or on an interface: may be repeated, reordered or missing.
    Packet,
    /// In the sending process, after the send call: in order, never repeated.
    Send,
    /// In the receiving process, after the receive call: in order, never repeated.
    Receive,
}

/// Bytes that travelled from `src` to `dst`, or a stretch of which only the length is known.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Wall clock of the observing host, nanoseconds since the epoch.
    pub time_ns: i64,
    pub tap: Tap,
    pub src: Endpoint,
    pub dst: Endpoint,
    /// Network namespace for addresses that repeat in each (loopback), otherwise 0.
    pub netns: u32,
    /// TCP sequence number of the first byte.
    pub seq: u32,
    /// Bytes of the stream that this stands for.
    pub len: u32,
    /// The captured prefix: at most `len` bytes, none for sendfile.
    pub bytes: &'a [u8],
    /// TCP flags of a packet (FIN 1, SYN 2, RST 4, ACK 16); 0 or `flag::FINAL` for sockets.
    pub flags: u8,
    /// Acknowledgement number of a packet, valid with the flag ACK; 0 for sockets.
    pub ack: u32,
    /// Counts the events of one tap of one connection, lost ones included: a jump means loss, a jump in
    /// `seq` alone means bytes left out on purpose. 0 for packets.
    pub tap_seq: u32,
    /// The process at this tap; none for packets.
    pub process: Option<Process>,
}

/// One observation, in the order in which the capture saw it.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    Segment(Segment<'a>),
    /// The handshake ended; `client` opened the connection. Packets tell the same with SYN flags.
    Open {
        time_ns: i64,
        client: Endpoint,
        server: Endpoint,
        netns: u32,
        observer: Option<Process>,
        observer_is_client: bool,
    },
    /// A socket was closed.
    Close {
        time_ns: i64,
        local: Endpoint,
        remote: Endpoint,
        netns: u32,
        observer: Option<Process>,
    },
    /// The process ended.
    ProcessExit {
        time_ns: i64,
        process: Process,
    },
    /// `count` events did not fit a buffer between the last event and this one.
    Lost {
        time_ns: i64,
        count: u64,
    },
}
