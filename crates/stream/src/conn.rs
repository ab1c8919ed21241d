//! What is known of a connection, and what a reader of its two streams is told.

use crate::event::{Endpoint, Process};

/// Numbers connections in the order in which they were first seen; never used twice.
pub type ConnId = u64;

/// Which way bytes travel, relative to `ConnInfo { a, b }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dir {
    AToB,
    BToA,
}

impl Dir {
    pub fn other(self) -> Dir {
        match self {
            Dir::AToB => Dir::BToA,
            Dir::BToA => Dir::AToB,
        }
    }

    /// 0 and 1, for arrays of two.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HoleReason {
    /// Left out on purpose: the snap length of a packet capture, the kernel side's limit, sendfile.
    NotCaptured,
    /// Events that a full buffer dropped.
    Lost,
    /// Segments that never came.
    Missing,
}

/// A connection as far as it is known by now; fields are filled in as they are learned.
#[derive(Clone, Debug)]
pub struct ConnInfo {
    pub a: Endpoint,
    pub b: Endpoint,
    /// Network namespace where addresses repeat in each, otherwise 0.
    pub netns: u32,
    /// The direction of the requests, when the handshake was seen: from the end that connected.
    pub client_dir: Option<Dir>,
    /// The first bytes of both streams are the connection's first.
    pub opened_seen: bool,
    /// Time of the first event.
    pub first_ns: i64,
    pub a_process: Option<Process>,
    pub b_process: Option<Process>,
    /// Some event came from a packet, from a socket of `a`, from a socket of `b`.
    pub seen_packet: bool,
    pub seen_a: bool,
    pub seen_b: bool,
    /// Bytes of the two streams by now (`Dir::index`), missing ones included.
    pub bytes: [u64; 2],
}

/// Reads the streams of all connections. Calls of one direction come in the order of its bytes.
pub trait StreamSink {
    /// A connection was seen for the first time.
    fn open(&mut self, conn: ConnId, info: &ConnInfo);
    /// The next bytes of a direction. `time_ns` is the time at which their last byte was first seen.
    fn data(&mut self, conn: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, bytes: &[u8]);
    /// The next `len` bytes of a direction will not come.
    fn hole(
        &mut self,
        conn: ConnId,
        info: &ConnInfo,
        dir: Dir,
        time_ns: i64,
        len: u64,
        reason: HoleReason,
    );
    /// The stream is out of step: how many bytes are missing here is not known.
    fn desync(&mut self, conn: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, reason: HoleReason);
    /// Nothing more comes.
    fn close(&mut self, conn: ConnId, info: &ConnInfo, time_ns: i64);
}
