//! Where the bytes of one direction go, and what is counted of them.

use crate::conn::{ConnId, ConnInfo, Dir, HoleReason, StreamSink};
use crate::limits::{Limits, Stats};

/// What all connections share.
pub(crate) struct Context {
    pub limits: Limits,
    pub stats: Stats,
    pub now: i64,
    /// Time of the newest `Event::Lost`.
    pub lost_ns: i64,
}

/// Where the bytes of one direction go.
pub(crate) struct Feed<'a> {
    pub id: ConnId,
    pub info: &'a mut ConnInfo,
    pub dir: Dir,
    pub sink: &'a mut dyn StreamSink,
    pub context: &'a mut Context,
}

impl Feed<'_> {
    pub fn data(&mut self, time_ns: i64, bytes: &[u8]) {
        self.info.bytes[self.dir.index()] += bytes.len() as u64;
        self.context.stats.bytes += bytes.len() as u64;
        self.sink.data(self.id, self.info, self.dir, time_ns, bytes);
    }

    pub fn hole(&mut self, time_ns: i64, len: u64, reason: HoleReason) {
        self.info.bytes[self.dir.index()] += len;
        *match reason {
            HoleReason::NotCaptured => &mut self.context.stats.not_captured_bytes,
            HoleReason::Lost => &mut self.context.stats.lost_bytes,
            HoleReason::Missing => &mut self.context.stats.missing_bytes,
        } += len;
        self.sink
            .hole(self.id, self.info, self.dir, time_ns, len, reason);
    }

    pub fn desync(&mut self, time_ns: i64, reason: HoleReason) {
        self.context.stats.desyncs += 1;
        self.sink
            .desync(self.id, self.info, self.dir, time_ns, reason);
    }
}
