//! What bounds the work of `Streams`, and what it counts.

use crate::conn::ConnInfo;

/// What bounds the memory and the patience of `Streams`. Times are nanoseconds of capture time.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Beyond this the connections that were quiet longest are closed.
    pub connections: usize,
    /// Bytes that wait for earlier ones, per direction and in all.
    pub direction_bytes: usize,
    pub total_bytes: usize,
    /// How long missing bytes are waited for.
    pub gap_ns: i64,
    /// The same, once the peer has acknowledged them.
    pub proven_gap_ns: i64,
    /// How long the other end's tap may take to bring bytes that this end's tap left out.
    pub other_end_ns: i64,
    /// How long a half-closed connection is waited for.
    pub linger_ns: i64,
    /// How long to wait behind a reset before which nothing is missing, as far as is known.
    pub reset_ns: i64,
    /// How long a closed one is remembered, so that its packets are known when they come again.
    pub closed_ns: i64,
    /// The same for a half-closed one whose other end has a tap, which tells its own close: a broker answers a long
    /// poll before it looks whether the client is still there.
    pub half_closed_ns: i64,
    pub idle_ns: i64,
}

const MS: i64 = 1_000_000;

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 65_536,
            direction_bytes: 4 << 20,
            total_bytes: 64 << 20,
            gap_ns: 1000 * MS,
            proven_gap_ns: 50 * MS,
            other_end_ns: 200 * MS,
            linger_ns: 500 * MS,
            reset_ns: 0,
            closed_ns: 500 * MS,
            half_closed_ns: 60_000 * MS,
            idle_ns: 3_600_000 * MS,
        }
    }
}

impl Limits {
    /// For what was recorded before: nobody waits for rows, and whoever merged files may have put packets far behind their place.
    pub fn of_recordings() -> Limits {
        Limits {
            proven_gap_ns: 500 * MS,
            linger_ns: 5_000 * MS,
            reset_ns: 5_000 * MS,
            closed_ns: 60_000 * MS,
            ..Limits::default()
        }
    }

    /// How long to wait for the rest of a connection of which one end is gone.
    pub(crate) fn patience(&self, info: &ConnInfo, a_is_gone: bool) -> i64 {
        let other_seen = if a_is_gone { info.seen_b } else { info.seen_a };
        if other_seen {
            self.half_closed_ns
        } else {
            self.linger_ns
        }
    }
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub segments: u64,
    pub connections: u64,
    /// Bytes handed over.
    pub bytes: u64,
    pub missing_bytes: u64,
    pub lost_bytes: u64,
    pub not_captured_bytes: u64,
    /// Bytes seen again: retransmissions, overlaps, the other end's tap.
    pub repeated_bytes: u64,
    pub reordered_bytes: u64,
    /// Segments that did not fit their connection when they came.
    pub strays: u64,
    pub desyncs: u64,
    /// Gaps given up because too many bytes waited behind them.
    pub buffer_limits: u64,
    /// Connections closed because there were too many.
    pub evicted: u64,
    /// Connections closed because nothing came for long.
    pub idle: u64,
    /// Segments of connections that had ended.
    pub after_close: u64,
    /// Events that the capture lost.
    pub lost_events: u64,
}
