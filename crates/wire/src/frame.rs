//! Cuts a stream that is in step into messages.

use crate::{message::Message, shed};

/// What a session may keep; each limit has a counter.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Captured bytes kept of one message. One that is longer loses the contents of its record batches; where that is not enough,
    /// all but this many bytes and the last few KiB becomes a hole.
    pub message_bytes: usize,
    /// Requests that wait for their responses, and the bytes they hold.
    pub pending: usize,
    pub pending_bytes: usize,
    /// Responses that wait for their requests: the two directions are not delivered in lockstep.
    pub orphans: usize,
    pub orphan_bytes: usize,
    /// Bytes looked at while a stream is out of step.
    pub window: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message_bytes: 8 << 20,
            pending: 1024,
            pending_bytes: 64 << 20,
            orphans: 256,
            orphan_bytes: 32 << 20,
            window: 64 << 10,
        }
    }
}

/// No broker takes a larger request unless configured to, and no client a larger response.
const MAX_SIZE: i32 = 1 << 30;
/// The end of a message beyond `Limits::message_bytes` is kept as well: behind its records are the last fields.
const TAIL: u32 = 4 << 10;
/// Enough of a message to tell whether the stream is in step.
const HEAD: u32 = 8;

#[derive(Debug)]
pub(crate) enum Step {
    /// All bytes were taken.
    More,
    /// The first bytes of a message are there to be judged.
    Head,
    /// More of a message is to come than may be kept: see `Framer::shed`.
    Full,
    Done(Message),
    /// No message can have this size, or its size is missing.
    Lost(&'static str),
}

#[derive(Debug, Default)]
pub(crate) struct Framer {
    size: [u8; 4],
    have: usize,
    message: Message,
    /// Of the body; meaningful when `have` is 4.
    remaining: u32,
    judged: bool,
    /// Nothing more can be taken out of the message.
    full: bool,
    /// Bytes beyond `Limits::message_bytes`.
    pub cut_bytes: u64,
}

impl Framer {
    /// Bytes of the message in progress that the stream has delivered, its size field and holes included.
    pub(crate) fn begun(&self) -> u64 {
        if self.have < 4 {
            self.have as u64
        } else {
            4 + u64::from(self.message.declared - self.remaining)
        }
    }

    pub(crate) fn head(&self) -> &Message {
        &self.message
    }

    /// The bytes so far, for a new search when the head turned out wrong.
    pub(crate) fn take_back(&mut self) -> (Vec<u8>, i64) {
        let mut bytes = self.size[..self.have].to_vec();
        bytes.extend_from_slice(&self.message.data);
        let first_ns = self.message.first_ns;
        self.reset();
        (bytes, first_ns)
    }

    pub(crate) fn reset(&mut self) {
        let cut_bytes = self.cut_bytes;
        *self = Framer {
            cut_bytes,
            ..Framer::default()
        };
    }

    pub(crate) fn data(
        &mut self,
        time_ns: i64,
        bytes: &mut &[u8],
        min_size: i32,
        limits: &Limits,
    ) -> Step {
        if self.have < 4 {
            if self.have == 0 {
                self.message.first_ns = time_ns;
            }
            let n = bytes.len().min(4 - self.have);
            self.size[self.have..self.have + n].copy_from_slice(&bytes[..n]);
            self.have += n;
            *bytes = &bytes[n..];
            if self.have < 4 {
                return Step::More;
            }
            let size = i32::from_be_bytes(self.size);
            if size < min_size || size > MAX_SIZE {
                return Step::Lost("no message has this size");
            }
            self.message.declared = size as u32;
            self.message.last_ns = time_ns;
            self.remaining = size as u32;
            self.judged = size == 0;
            if size == 0 {
                return self.done();
            }
            if !bytes.is_empty() {
                let expected = self
                    .remaining
                    .min(bytes.len() as u32)
                    .min(limits.message_bytes as u32);
                self.message.data.reserve_exact(expected as usize);
            }
        }
        if bytes.is_empty() {
            return Step::More;
        }
        let mut n = bytes.len().min(self.remaining as usize);
        if !self.judged {
            let head = HEAD.min(self.message.declared) as usize;
            n = n.min(head.saturating_sub(self.message.data.len()));
        }
        let room = limits.message_bytes.saturating_sub(self.message.data.len());
        if !self.full {
            if room == 0 {
                return Step::Full;
            }
            n = n.min(room);
        }
        self.message.last_ns = time_ns;
        let keep = n.min(room);
        self.keep(&bytes[..keep], limits);
        let cut = (n - keep).min(self.remaining.saturating_sub(TAIL) as usize);
        self.cut_bytes += cut as u64;
        self.push_hole(cut as u32);
        self.keep(&bytes[keep + cut..n], limits);
        *bytes = &bytes[n..];
        if !self.judged && self.message.data.len() >= HEAD.min(self.message.declared) as usize {
            self.judged = true;
            return Step::Head;
        }
        if self.remaining == 0 {
            self.done()
        } else {
            Step::More
        }
    }

    /// To be called after `Full`: `shed` makes shorter what has come of the message, of which it is told the length on the wire.
    pub(crate) fn shed(&mut self, limits: &Limits, shed: impl FnOnce(&mut Message, u32)) {
        let arrived = self.message.declared - self.remaining;
        shed(&mut self.message, arrived);
        // each time costs as much as there is to read
        self.full = self.message.data.len() > limits.message_bytes / 2;
    }

    fn keep(&mut self, bytes: &[u8], limits: &Limits) {
        self.make_room(bytes.len(), limits);
        self.message.data.extend_from_slice(bytes);
        self.remaining -= bytes.len() as u32;
    }

    /// Grows by what has come, so that a size that lies costs little, and in large steps, so that a long message is not copied
    /// again and again.
    fn make_room(&mut self, more: usize, limits: &Limits) {
        let data = &mut self.message.data;
        if data.capacity() - data.len() < more {
            let most = limits.message_bytes + TAIL as usize;
            let rest = (self.remaining as usize).min(most - data.len());
            data.reserve_exact(rest.min((7 * data.len()).max(more)));
        }
    }

    /// To be called after `Head`: the message may be complete already.
    pub(crate) fn after_head(&mut self) -> Option<Message> {
        (self.have == 4 && self.remaining == 0).then(|| self.take())
    }

    pub(crate) fn hole(&mut self, time_ns: i64, len: &mut u64, lost: bool) -> Step {
        if self.have < 4 {
            return Step::Lost("bytes are missing between two messages");
        }
        let n = (*len).min(u64::from(self.remaining)) as u32;
        *len -= u64::from(n);
        self.message.last_ns = time_ns;
        self.judged = true;
        if lost {
            self.message.lost += n;
        }
        self.push_hole(n);
        if self.remaining == 0 {
            self.done()
        } else {
            Step::More
        }
    }

    /// The message in progress, its rest a hole; `None` when not even its size is known.
    pub(crate) fn abort(&mut self) -> Option<Message> {
        if self.have < 4 || self.message.data.is_empty() {
            self.reset();
            return None;
        }
        self.message.lost += self.remaining;
        self.push_hole(self.remaining);
        Some(self.take())
    }

    fn push_hole(&mut self, len: u32) {
        if len == 0 {
            return;
        }
        let at = self.message.declared - self.remaining;
        self.remaining -= len;
        shed::push(&mut self.message.holes, at, len);
    }

    fn done(&mut self) -> Step {
        Step::Done(self.take())
    }

    fn take(&mut self) -> Message {
        let message = std::mem::take(&mut self.message);
        self.have = 0;
        self.remaining = 0;
        self.judged = false;
        self.full = false;
        message
    }
}
