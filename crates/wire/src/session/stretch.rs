//! Stretches of a stream in which no message was found.

use super::Session;
use crate::message::{Item, Protocol};

/// A stretch without messages is told in parts, so that it shows while it lasts.
const STRETCH_NS: i64 = 5_000_000_000;

/// Bytes that gave no messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub first_ns: i64,
    pub last_ns: i64,
    pub bytes: u64,
    pub why: &'static str,
}

impl Session {
    pub(super) fn unread(&mut self, h: usize, time_ns: i64, bytes: u64, why: &'static str) {
        self.unread_since(h, time_ns, time_ns, bytes, why);
    }

    pub(super) fn unread_since(
        &mut self,
        h: usize,
        first_ns: i64,
        last_ns: i64,
        bytes: u64,
        why: &'static str,
    ) {
        let stretch = self.halves[h].stretch.get_or_insert(Stretch {
            first_ns,
            last_ns,
            bytes: 0,
            why,
        });
        if stretch.bytes == 0 {
            stretch.why = why;
        }
        stretch.bytes = stretch.bytes.saturating_add(bytes);
        stretch.last_ns = stretch.last_ns.max(last_ns);
    }

    pub(super) fn report_stretch(&mut self, h: usize, emit: &mut dyn FnMut(Item)) {
        if let (Protocol::Kafka, Some(side), Some(s)) =
            (self.protocol, self.side(h), self.halves[h].stretch.take())
            && s.bytes > 0
        {
            self.counters.unreadable_bytes += s.bytes;
            emit(Item::Unreadable {
                side,
                first_ns: s.first_ns,
                last_ns: s.last_ns,
                bytes: s.bytes,
                why: s.why,
            });
        }
    }

    /// Of those that last, what there is by now.
    pub(super) fn report_old_stretches(&mut self, now_ns: i64, emit: &mut dyn FnMut(Item)) {
        for h in 0..2 {
            if self.halves[h]
                .stretch
                .is_some_and(|s| now_ns.saturating_sub(s.first_ns) > STRETCH_NS)
            {
                self.report_stretch(h, emit);
            }
        }
    }
}
