//! What waits for earlier bytes: ranges of one direction that do not overlap.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::conn::HoleReason;
use crate::limits::Stats;

/// What a chunk costs beside its bytes, so that many tiny ones are bounded too.
const CHUNK_COST: usize = 96;
/// The bits of both taps.
const BOTH_ENDS: u8 = 3;

/// Bytes of which only the number is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Absent {
    pub reason: HoleReason,
    /// Given up then unless another tap brings the bytes.
    pub until: i64,
    /// The taps that do not have them.
    pub taps: u8,
}

#[derive(Debug)]
pub(crate) enum Content<B> {
    Bytes(B),
    Absent(Absent),
}

#[derive(Debug)]
pub(crate) struct Chunk {
    pub end: u64,
    pub time_ns: i64,
    pub content: Content<Vec<u8>>,
}

impl Chunk {
    fn cost(&self) -> usize {
        CHUNK_COST
            + match &self.content {
                Content::Bytes(b) => b.len(),
                Content::Absent(_) => 0,
            }
    }
}

/// By the offset of the first byte.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    by_start: BTreeMap<u64, Chunk>,
    cost: usize,
}

impl Chunks {
    /// Bytes of memory.
    pub fn cost(&self) -> usize {
        self.cost
    }

    pub fn is_empty(&self) -> bool {
        self.by_start.is_empty()
    }

    pub fn first(&self) -> Option<(u64, &Chunk)> {
        self.by_start.first_key_value().map(|(&at, c)| (at, c))
    }

    pub fn take_first(&mut self) -> Option<(u64, Chunk)> {
        let (at, chunk) = self.by_start.pop_first()?;
        self.cost -= chunk.cost();
        Some((at, chunk))
    }

    fn put(&mut self, range: Range<u64>, time_ns: i64, content: Content<Vec<u8>>) {
        let chunk = Chunk {
            end: range.end,
            time_ns,
            content,
        };
        self.cost += chunk.cost();
        self.by_start.insert(range.start, chunk);
    }

    fn take(&mut self, at: u64) -> Option<Chunk> {
        let chunk = self.by_start.remove(&at)?;
        self.cost -= chunk.cost();
        Some(chunk)
    }

    /// Puts what is new of a range, and not before `next`, between the chunks; bytes take the place of absent ones.
    pub fn insert(
        &mut self,
        next: u64,
        range: Range<u64>,
        time_ns: i64,
        content: Content<&[u8]>,
        stats: &mut Stats,
    ) {
        let mut at = range.start.max(next);
        while at < range.end {
            let covering = self
                .by_start
                .range(..=at)
                .next_back()
                .filter(|(_, c)| c.end > at)
                .map(|(&start, c)| (start, c.end));
            let part_end = match covering {
                Some((_, end)) => range.end.min(end),
                None => self
                    .by_start
                    .range(at..)
                    .next()
                    .map_or(range.end, |(&start, _)| range.end.min(start)),
            };
            let mut part = match content {
                Content::Bytes(b) => {
                    let inside = (at - range.start) as usize..(part_end - range.start) as usize;
                    Content::Bytes(b[inside].to_vec())
                }
                Content::Absent(absent) => Content::Absent(absent),
            };
            match covering {
                Some((start, _)) => match self.cut(start, at..part_end) {
                    Some(old) => {
                        if let Content::Absent(absent) = &mut part {
                            absent.taps |= old.taps;
                            absent.reason = old.reason;
                            // Neither end has the bytes: nobody else can bring them.
                            absent.until = match absent.taps {
                                BOTH_ENDS => i64::MIN,
                                _ => absent.until.min(old.until),
                            };
                        }
                    }
                    None => {
                        stats.repeated_bytes += part_end - at;
                        at = part_end;
                        continue;
                    }
                },
                None if at > next => stats.reordered_bytes += part_end - at,
                None => {}
            }
            self.put(at..part_end, time_ns, part);
            at = part_end;
        }
    }

    /// Takes a range out of an absent chunk; `None` when there are bytes.
    fn cut(&mut self, start: u64, range: Range<u64>) -> Option<Absent> {
        let Content::Absent(absent) = self.by_start.get(&start)?.content else {
            return None;
        };
        let old = self.take(start)?;
        if start < range.start {
            self.put(start..range.start, old.time_ns, Content::Absent(absent));
        }
        if range.end < old.end {
            self.put(range.end..old.end, old.time_ns, Content::Absent(absent));
        }
        Some(absent)
    }
}
