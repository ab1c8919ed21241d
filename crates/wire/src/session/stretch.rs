//! What is told of a stream beside its messages: stretches in which none was found, and messages that nothing can be known of.

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

pub(super) fn is_old(first_ns: Option<i64>, now_ns: i64) -> bool {
    first_ns.is_some_and(|first_ns| now_ns.saturating_sub(first_ns) > STRETCH_NS)
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

    pub(super) fn report_answers(&mut self, emit: &mut dyn FnMut(Item)) {
        let counted = self.answers.take();
        if self.protocol == Protocol::Unknown
            && let Some((h, counted)) = counted
        {
            emit(Item::Answers {
                from_a: h == 0,
                first_ns: counted.first_ns,
                last_ns: counted.last_ns,
                messages: counted.messages,
                bytes: counted.bytes,
            });
        }
    }

    /// Of those that last, what there is by now.
    pub(super) fn report_old_stretches(&mut self, now_ns: i64, emit: &mut dyn FnMut(Item)) {
        for h in 0..2 {
            if is_old(self.halves[h].stretch.map(|s| s.first_ns), now_ns) {
                self.report_stretch(h, emit);
            }
        }
    }
}
