//! Segments that did not fit their connection, kept until it shows whether they were the first of a later one.

use std::collections::VecDeque;

use super::Key;
use crate::event::{Endpoint, Segment};

/// Of all connections together: so many, of so many bytes; the oldest goes first.
const KEPT: usize = 64;
const KEPT_BYTES: usize = 4 << 20;

/// A segment that has its bytes with it.
pub(super) struct Stray {
    key: Key,
    head: Segment<'static>,
    bytes: Box<[u8]>,
}

impl Stray {
    pub fn segment(&self) -> Segment<'_> {
        Segment {
            bytes: &self.bytes,
            ..self.head
        }
    }
}

#[derive(Default)]
pub(super) struct Strays {
    kept: VecDeque<Stray>,
}

impl Strays {
    pub fn keep(&mut self, key: Key, segment: &Segment) {
        self.kept.push_back(Stray {
            key,
            head: Segment {
                bytes: &[],
                ..*segment
            },
            bytes: segment.bytes.into(),
        });
        while self.kept.len() > KEPT
            || self.kept.iter().map(|s| s.bytes.len()).sum::<usize>() > KEPT_BYTES
        {
            self.kept.pop_front();
        }
    }

    /// Those between two ends that begin at one of `places`, in the order in which they came.
    pub fn take(&mut self, key: Key, places: &[(Endpoint, u32)]) -> Vec<Stray> {
        if places.is_empty() {
            return Vec::new();
        }
        let (taken, kept) = std::mem::take(&mut self.kept)
            .into_iter()
            .partition(|s| s.key == key && places.contains(&(s.head.src, s.head.seq)));
        self.kept = kept;
        Vec::from(taken)
    }
}
