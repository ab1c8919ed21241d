//! Putting IP packets together that routers or tunnels cut into fragments (RFC 791 3.2, RFC 8200 4.5).

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::link::{self, Frame};

/// Packets that wait for more; each has at most 64 KiB.
const WAITING: usize = 64;
const PARTS: usize = 512;
const LONGEST: usize = 65_535;

/// A part of an IP packet's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'p> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub id: u32,
    pub protocol: u8,
    /// Where it begins in the payload.
    pub offset: usize,
    /// Others follow.
    pub more: bool,
    /// As many as the IP header says, or fewer when the capture cut it.
    pub bytes: &'p [u8],
    pub len: usize,
}

type Key = (IpAddr, IpAddr, u32, u8);

struct Packet {
    key: Key,
    parts: Vec<(usize, Vec<u8>)>,
    /// Known from the last part.
    len: Option<usize>,
}

impl Packet {
    /// The whole payload, when every byte of it is there.
    fn joined(&mut self) -> Option<Vec<u8>> {
        let len = self.len?;
        self.parts.sort_by_key(|part| part.0);
        let mut whole = Vec::with_capacity(len);
        for (offset, bytes) in &self.parts {
            // The network may bring a part twice.
            let known = whole.len().checked_sub(*offset)?;
            whole.extend_from_slice(bytes.get(known..).unwrap_or_default());
        }
        (whole.len() == len).then_some(whole)
    }
}

/// The packets of which some parts have come.
#[derive(Default)]
pub struct Fragments {
    waiting: VecDeque<Packet>,
    lost: u64,
}

impl Fragments {
    /// Hands on what a frame holds; of a fragment, what its packet holds once that is complete.
    pub fn frame(&mut self, frame: Frame, sink: &mut dyn FnMut(Frame)) {
        let Frame::Fragment(part) = frame else {
            return sink(frame);
        };
        if let Some(whole) = self.add(&part) {
            match link::joined(&whole, part.protocol, part.src, part.dst) {
                Frame::Fragment(_) => self.lost += 1,
                frame => sink(frame),
            }
        }
    }

    /// Fragments that belong to no complete packet so far.
    pub fn unread(&self) -> u64 {
        let waiting: usize = self.waiting.iter().map(|p| p.parts.len()).sum();
        self.lost + waiting as u64
    }

    fn add(&mut self, part: &Fragment) -> Option<Vec<u8>> {
        let end = part.offset + part.len;
        if part.bytes.len() < part.len || end > LONGEST || part.len == 0 {
            self.lost += 1;
            return None;
        }
        let key = (part.src, part.dst, part.id, part.protocol);
        let at = match self.waiting.iter().position(|p| p.key == key) {
            Some(at) => at,
            None => {
                if self.waiting.len() >= WAITING {
                    self.drop_packet(0);
                }
                self.waiting.push_back(Packet {
                    key,
                    parts: Vec::new(),
                    len: None,
                });
                self.waiting.len() - 1
            }
        };
        let packet = &mut self.waiting[at];
        packet.parts.push((part.offset, part.bytes.to_vec()));
        if !part.more {
            packet.len = Some(end);
        }
        if let Some(whole) = packet.joined() {
            self.waiting.remove(at);
            return Some(whole);
        }
        if self.waiting[at].parts.len() >= PARTS {
            self.drop_packet(at);
        }
        None
    }

    fn drop_packet(&mut self, at: usize) {
        if let Some(packet) = self.waiting.remove(at) {
            self.lost += packet.parts.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(id: u32, offset: usize, bytes: &[u8], more: bool) -> Fragment<'_> {
        Fragment {
            src: [10, 0, 0, 1].into(),
            dst: [10, 0, 0, 2].into(),
            id,
            protocol: 6,
            offset,
            more,
            bytes,
            len: bytes.len(),
        }
    }

    #[test]
    fn parts_in_any_order_make_a_packet() {
        let parts = [(0, &b"01234567"[..]), (8, b"89abcdef"), (16, b"end")];
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
            let mut fragments = Fragments::default();
            let mut whole = None;
            for (n, i) in order.into_iter().enumerate() {
                let (offset, bytes) = parts[i];
                whole = fragments.add(&part(7, offset, bytes, i != 2));
                assert_eq!(whole.is_some(), n == 2, "{order:?}");
                // A second packet on the way is another one.
                fragments.add(&part(8, 0, b"other...", true));
            }
            assert_eq!(whole.as_deref(), Some(&b"0123456789abcdefend"[..]));
        }
    }

    #[test]
    fn what_is_never_complete_is_counted_and_bounded() {
        let mut fragments = Fragments::default();
        for id in 0..1000 {
            assert_eq!(fragments.add(&part(id, 0, b"01234567", true)), None);
        }
        assert_eq!(
            (fragments.waiting.len(), fragments.unread()),
            (WAITING, 1000)
        );
        for n in 0..2000 {
            fragments.add(&part(5000, 8 * (n % 3 + 1), b"repeated", true));
        }
        assert!(fragments.waiting.iter().all(|p| p.parts.len() < PARTS));
        assert_eq!(fragments.unread(), 3000);
        let mut cut = part(9, 0, b"0123", false);
        cut.len = 8;
        assert_eq!(fragments.add(&cut), None);
        assert_eq!(fragments.add(&part(9, 65_528, b"too long", false)), None);
        assert_eq!(fragments.unread(), 3002);
    }
}
