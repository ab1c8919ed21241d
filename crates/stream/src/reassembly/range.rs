//! Which sequence numbers can be those of one stream, and which must be another connection's between the same ends.
//!
//! Places are sequence numbers in 64 bits: the first one plus 2^32, so that earlier ones have a place.

/// Sequence numbers further away than this say nothing about before or after.
pub(super) const FAR: i64 = 1 << 30;
/// Bytes from before the first ones that were captured may have been under way still, or are sent again: so many, for so long.
const BEFORE: u64 = 1 << 22;
const BEFORE_NS: i64 = 10_000_000_000;
/// A keep-alive probe repeats one byte.
const PROBE: u64 = 1;

/// From a place to the nearest one with this sequence number.
pub(super) fn distance(place: u64, seq: u32) -> i64 {
    i64::from(seq.wrapping_sub(place as u32) as i32)
}

/// The place nearest to another one that has this sequence number.
pub(super) fn nearest(place: u64, seq: u32) -> u64 {
    place.saturating_add_signed(distance(place, seq))
}

#[derive(Debug)]
pub(super) struct SeqRange {
    pub start: u64,
    /// Until then, bytes from before the start may come.
    joined_until: i64,
    /// The peer has everything before, whether it was captured or not.
    pub acked: u64,
    /// The peer has acknowledged bytes that were captured.
    acks_are_sound: bool,
}

impl SeqRange {
    /// The handshake told the first byte's sequence number.
    pub fn opened(seq: u32) -> SeqRange {
        SeqRange::new(seq, i64::MIN)
    }

    /// The first byte that was captured, at `now`, has this sequence number.
    pub fn joined(seq: u32, now: i64) -> SeqRange {
        SeqRange::new(seq, now.saturating_add(BEFORE_NS))
    }

    fn new(seq: u32, joined_until: i64) -> SeqRange {
        let start = (1 << 32) | u64::from(seq);
        SeqRange {
            start,
            joined_until,
            acked: start,
            acks_are_sound: false,
        }
    }

    /// The peer says that it has everything before `seq`; the bytes before `captured` were seen.
    pub fn acknowledged(&mut self, seq: u32, captured: u64, now: i64) {
        let known = self.acked.max(captured);
        if !self.excludes(known, seq, now) {
            let at = nearest(known, seq);
            self.acks_are_sound |= self.start < at && at <= captured;
            self.acked = self.acked.max(at);
        }
    }

    /// Whether a segment at `seq` cannot be of this stream, which has come to `place`: it is too far away, or before the first byte.
    /// What comes again, however late, is neither.
    pub fn excludes(&self, place: u64, seq: u32, now: i64) -> bool {
        let before = if now < self.joined_until {
            BEFORE
        } else {
            PROBE
        };
        distance(place, seq).abs() > FAR || nearest(place, seq) + before < self.start
    }

    /// Whether who acknowledges `seq` must have another stream. Of this one, nothing but the acknowledgements may have been
    /// captured; and who makes packets up for others to read may write any number there.
    pub fn excludes_ack(&self, captured: u64, seq: u32, now: i64) -> bool {
        self.acks_are_sound && self.excludes(self.acked.max(captured), seq, now)
    }
}
