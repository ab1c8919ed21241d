//! One direction of a connection: segments in any order in, bytes and holes in order out.

mod chunks;
mod range;

use std::ops::Range;

use chunks::{Absent, Chunks, Content};
use range::{FAR, SeqRange, distance, nearest};

use crate::conn::HoleReason;
use crate::event::{Segment, Tap, flag};
use crate::feed::Feed;
use crate::limits::Limits;

/// How far one socket's tap has told.
#[derive(Debug, Default, Clone, Copy)]
struct TapPlace {
    next: u64,
    seq: u32,
    seen: bool,
}

/// The first place that stops the stream.
#[derive(Debug, Clone, Copy)]
struct Gap {
    at: u64,
    since: i64,
    /// The peer has acknowledged the missing bytes: they passed unseen.
    proven: Option<i64>,
}

#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// `None` while nothing is known of the stream.
    range: Option<SeqRange>,
    next: u64,
    chunks: Chunks,
    gap: Option<Gap>,
    fin: Option<u64>,
    taps: [TapPlace; 2],
    last_ns: i64,
    /// A segment that does not belong here; a second one near it means that the ends talk on there.
    stray: Option<u32>,
}

impl Flow {
    /// Bytes of memory that wait for earlier ones.
    pub fn buffered(&self) -> usize {
        self.chunks.cost()
    }

    pub fn started(&self) -> bool {
        self.range.is_some()
    }

    /// The handshake told the first byte's sequence number.
    pub fn open_at(&mut self, seq: u32) {
        self.start(SeqRange::opened(seq));
    }

    fn join_at(&mut self, seq: u32, now: i64) {
        self.start(SeqRange::joined(seq, now));
    }

    fn start(&mut self, range: SeqRange) {
        self.next = range.start;
        self.range = Some(range);
    }

    /// The stream began at `seq` as far as was seen.
    pub fn starts_with(&self, seq: u32) -> bool {
        self.range.as_ref().is_some_and(|r| r.start as u32 == seq)
    }

    /// Every byte up to the FIN was handed over.
    pub fn finished(&self) -> bool {
        self.fin.is_some_and(|fin| self.next >= fin)
    }

    fn is_far(&self, seq: u32) -> bool {
        distance(self.next, seq).abs() > FAR
    }

    fn acked(&self) -> u64 {
        self.range.as_ref().map_or(0, |r| r.acked)
    }

    /// Everything that was sent before `seq` was handed over.
    pub fn complete_up_to(&self, seq: u32) -> bool {
        !self.started() || distance(self.next, seq) <= 0
    }

    /// The peer has everything before `seq`.
    pub fn acknowledged(&mut self, seq: u32, now: i64) {
        let Some(range) = &mut self.range else {
            return;
        };
        range.acknowledged(seq, self.next, now);
        if let (Some(gap), Some((first, _))) = (&mut self.gap, self.chunks.first())
            && gap.proven.is_none()
            && range.acked >= first
        {
            gap.proven = Some(now);
        }
    }

    pub fn fin(&mut self, seq: u32, now: i64) {
        if !self.started() {
            self.join_at(seq, now);
        }
        if !self.is_far(seq) {
            self.fin = Some(nearest(self.next, seq));
        }
    }

    /// Whether bytes at `seq` cannot be of this stream by their place.
    pub fn excludes(&self, seq: u32, now: i64) -> bool {
        let range = self.range.as_ref();
        range.is_some_and(|r| r.excludes(self.next, seq, now))
    }

    /// Whether who acknowledges `seq` must have another stream.
    pub fn excludes_ack(&self, seq: u32, now: i64) -> bool {
        let range = self.range.as_ref();
        range.is_some_and(|r| r.excludes_ack(self.next, seq, now))
    }

    /// Whether bytes at `seq` belong to another stream, this one having ended: they repeat nothing of it.
    pub fn is_beyond(&self, seq: u32, len: u32) -> bool {
        self.range.as_ref().is_some_and(|r| {
            let at = nearest(self.next, seq);
            at > self.next || at + u64::from(len) <= r.start
        })
    }

    /// Where a segment began that was not of this stream, if that is near to `seq`.
    pub fn stray_near(&self, seq: u32) -> Option<u32> {
        self.stray
            .filter(|&stray| distance(u64::from(stray), seq).abs() < FAR >> 6)
    }

    /// Whether bytes at `seq` are near to others that were no more of this stream than they are.
    pub fn went_elsewhere(&mut self, seq: u32) -> bool {
        let near = self.stray_near(seq).is_some();
        if !near {
            self.stray = Some(seq);
        }
        near
    }

    /// A packet's payload.
    pub fn packet(&mut self, seg: &Segment, feed: &mut Feed) {
        if !self.started() {
            // A keep-alive probe repeats one byte of the past: no place to begin.
            if seg.len <= 1 {
                return;
            }
            self.join_at(seg.seq, seg.time_ns);
            // The other end's SYN was seen, and this one's was not: its first bytes may be missing, too.
            if feed.info.opened_seen {
                feed.desync(seg.time_ns, HoleReason::Missing);
            }
        }
        self.stray = None;
        let at = nearest(self.next, seg.seq);
        self.add(at, seg, i64::MIN, 0, feed);
    }

    /// A socket's bytes; `other_end` when the other end has a tap as well.
    pub fn tap(&mut self, seg: &Segment, other_end: bool, feed: &mut Feed) {
        let tap = usize::from(seg.tap == Tap::Receive);
        if !self.started() {
            self.join_at(seg.seq, seg.time_ns);
            if feed.info.opened_seen && seg.tap_seq > 1 {
                feed.desync(seg.time_ns, HoleReason::Lost);
            }
        }
        if self.is_far(seg.seq) {
            self.restart(seg.seq, HoleReason::Lost, feed);
        }
        let at = nearest(self.next, seg.seq);
        let place = self.taps[tap];
        let until = if other_end && seg.flags & flag::FINAL == 0 {
            seg.time_ns + feed.context.limits.other_end_ns
        } else {
            i64::MIN
        };
        let bit = 1 << tap;
        if place.seen && at > place.next {
            let lost = seg.tap_seq.wrapping_sub(place.seq) > 1;
            let reason = if lost {
                HoleReason::Lost
            } else {
                HoleReason::NotCaptured
            };
            let absent = Absent {
                reason,
                until,
                taps: bit,
            };
            self.absent(place.next.max(self.next)..at, seg.time_ns, absent, feed);
        }
        self.taps[tap] = TapPlace {
            next: (at + u64::from(seg.len)).max(place.next),
            seq: seg.tap_seq,
            seen: true,
        };
        self.add(at, seg, until, bit, feed);
    }

    fn restart(&mut self, seq: u32, reason: HoleReason, feed: &mut Feed) {
        self.flush(false, feed);
        feed.desync(feed.context.now, reason);
        self.join_at(seq, feed.context.now);
        self.fin = None;
        self.taps = [TapPlace::default(); 2];
    }

    fn add(&mut self, at: u64, seg: &Segment, until: i64, taps: u8, feed: &mut Feed) {
        let bytes = &seg.bytes[..seg.bytes.len().min(seg.len as usize)];
        let captured = at + bytes.len() as u64;
        let end = at + u64::from(seg.len);
        if seg.len == 0 {
            return;
        }
        if end <= self.next {
            feed.context.stats.repeated_bytes += u64::from(seg.len);
            return;
        }
        if at <= self.next && self.chunks.is_empty() {
            if captured > self.next {
                feed.context.stats.repeated_bytes += self.next - at;
                feed.data(seg.time_ns, &bytes[(self.next - at) as usize..]);
                self.next = captured;
                self.last_ns = seg.time_ns;
            }
        } else {
            let bytes = Content::Bytes(bytes);
            self.insert(at..captured, seg.time_ns, bytes, feed);
        }
        if end > captured {
            let absent = Absent {
                reason: HoleReason::NotCaptured,
                until,
                taps,
            };
            self.absent(captured.max(self.next)..end, seg.time_ns, absent, feed);
        } else {
            self.drain(feed);
        }
        while self.buffered() > feed.context.limits.direction_bytes {
            feed.context.stats.buffer_limits += 1;
            self.give_up_first(feed);
        }
    }

    fn absent(&mut self, range: Range<u64>, time_ns: i64, absent: Absent, feed: &mut Feed) {
        if range.is_empty() {
            return;
        }
        if range.start == self.next && self.chunks.is_empty() && feed.context.now >= absent.until {
            feed.hole(time_ns, range.end - range.start, absent.reason);
            self.next = range.end;
            self.last_ns = time_ns;
            return;
        }
        self.insert(range, time_ns, Content::Absent(absent), feed);
        self.drain(feed);
    }

    fn insert(
        &mut self,
        range: Range<u64>,
        time_ns: i64,
        content: Content<&[u8]>,
        feed: &mut Feed,
    ) {
        let stats = &mut feed.context.stats;
        self.chunks
            .insert(self.next, range, time_ns, content, stats);
    }

    /// Hands over what is in order by now.
    pub fn drain(&mut self, feed: &mut Feed) {
        while let Some((start, chunk)) = self.chunks.first() {
            if start > self.next {
                let gap = match self.gap {
                    Some(gap) if gap.at == self.next => gap,
                    _ => Gap {
                        at: self.next,
                        since: feed.context.now,
                        proven: (self.acked() >= start).then_some(feed.context.now),
                    },
                };
                self.gap = Some(gap);
                if feed.context.now < gap_deadline(&gap, &feed.context.limits) {
                    return;
                }
                self.give_up_first(feed);
                continue;
            }
            match &chunk.content {
                Content::Absent(absent) if feed.context.now < absent.until => return,
                _ => self.deliver_first(feed),
            }
        }
        self.gap = None;
    }

    fn deliver_first(&mut self, feed: &mut Feed) {
        let Some((start, chunk)) = self.chunks.take_first() else {
            return;
        };
        self.next = chunk.end;
        self.last_ns = chunk.time_ns;
        match chunk.content {
            Content::Bytes(bytes) => feed.data(chunk.time_ns, &bytes),
            Content::Absent(absent) => feed.hole(chunk.time_ns, chunk.end - start, absent.reason),
        }
    }

    /// The first thing that is waited for will not come.
    fn give_up_first(&mut self, feed: &mut Feed) {
        let Some((start, chunk)) = self.chunks.first() else {
            return;
        };
        if start > self.next {
            let reason = if feed.context.lost_ns >= self.last_ns {
                HoleReason::Lost
            } else {
                HoleReason::Missing
            };
            feed.hole(chunk.time_ns, start - self.next, reason);
            self.next = start;
            self.gap = None;
        } else {
            self.deliver_first(feed);
        }
        self.drain(feed);
    }

    /// Hands over all that is there; with `end`, what the peer acknowledged beyond it as a hole.
    pub fn flush(&mut self, end: bool, feed: &mut Feed) {
        while !self.chunks.is_empty() {
            self.give_up_first(feed);
        }
        if !end || !self.started() {
            return;
        }
        // An acknowledgement one beyond may count a FIN that was not seen.
        let last = self.fin.unwrap_or(if self.acked() > self.next + 1 {
            self.acked()
        } else {
            self.next
        });
        if last > self.next {
            feed.hole(feed.context.now, last - self.next, HoleReason::Missing);
            self.next = last;
        }
    }

    /// When to give up on what is waited for, `None` when nothing is.
    pub fn deadline(&self, limits: &Limits) -> Option<i64> {
        let (start, chunk) = self.chunks.first()?;
        Some(match (&chunk.content, &self.gap) {
            (Content::Absent(absent), _) if start <= self.next => absent.until,
            (_, Some(gap)) => gap_deadline(gap, limits),
            _ => i64::MIN,
        })
    }
}

fn gap_deadline(gap: &Gap, limits: &Limits) -> i64 {
    let late = gap.since + limits.gap_ns;
    gap.proven
        .map_or(late, |proven| late.min(proven + limits.proven_gap_ns))
}
