//! TCP's checksums (RFC 9293 3.1): a segment that was changed on its way is one that its receiver drops.
//!
//! A sender that leaves checksums to its network card has none in a capture made on its own host, only the sum of the pseudo-header; cards that
//! join received segments leave the first one's. So a wrong checksum tells of damage only in a segment like others from the same
//! address that were right.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::link::Tcp;

/// Senders that are remembered; of those beyond, no segment is taken for damaged.
const SENDERS: usize = 65_536;
/// Whatever is longer than what was right so far may have been joined; every network carries this much.
const ETHERNET_PAYLOAD: u32 = 1460;
/// From here on, a sender with more than two wrong in three is one whose checksums say nothing.
const DOUBT: u32 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// Not captured whole, or left to the network card.
    Unknown,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    right: u32,
    wrong: u32,
    /// Payload of the longest segment that was right.
    longest: u32,
}

/// What the checksums of each address were worth so far.
#[derive(Debug, Default)]
pub(crate) struct Checksums {
    senders: HashMap<IpAddr, Sender>,
}

impl Checksums {
    /// Whether the segment is not what its sender sent.
    pub fn refute(&mut self, tcp: &Tcp) -> bool {
        let verdict = verdict(tcp);
        let sender = match verdict {
            Verdict::Unknown => return false,
            Verdict::Wrong => self.senders.get_mut(&tcp.src.addr),
            Verdict::Right if self.senders.len() < SENDERS => {
                Some(self.senders.entry(tcp.src.addr).or_default())
            }
            Verdict::Right => self.senders.get_mut(&tcp.src.addr),
        };
        let Some(sender) = sender else {
            return false;
        };
        if verdict == Verdict::Right {
            sender.right = sender.right.saturating_add(1);
            sender.longest = sender.longest.max(tcp.len);
            return false;
        }
        sender.wrong = sender.wrong.saturating_add(1);
        tcp.len <= sender.longest.max(ETHERNET_PAYLOAD)
            && sender.wrong / 2 <= sender.right.saturating_add(DOUBT)
    }
}

fn verdict(tcp: &Tcp) -> Verdict {
    let Some(segment) = tcp.whole else {
        return Verdict::Unknown;
    };
    let written = u16::from_be_bytes([segment[16], segment[17]]);
    let addresses = match (tcp.src.addr, tcp.dst.addr) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => sum(&src.octets()) + sum(&dst.octets()),
        (IpAddr::V6(src), IpAddr::V6(dst)) => sum(&src.octets()) + sum(&dst.octets()),
        _ => return Verdict::Unknown,
    };
    let without_length = addresses + 6;
    let pseudo = without_length + segment.len() as u64;
    if written == 0 || written == fold(pseudo) || written == fold(without_length) {
        return Verdict::Unknown;
    }
    if fold(pseudo + sum(segment)) == u16::MAX {
        Verdict::Right
    } else {
        Verdict::Wrong
    }
}

/// The sum of the 16-bit words, an odd last byte with a 0 behind it (RFC 1071).
fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(2);
    let last = words.remainder().first().map_or(0, |b| u64::from(*b) << 8);
    words.fold(last, |sum, word| {
        sum + u64::from(u16::from_be_bytes([word[0], word[1]]))
    })
}

fn fold(mut sum: u64) -> u16 {
    while sum > u64::from(u16::MAX) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use kafkascope_stream::Endpoint;

    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum Written {
        Right,
        /// What the kernel leaves to the network card.
        Partial,
        Zero,
        Other,
    }

    /// A segment without options whose payload is `len` bytes.
    fn segment(src: &str, dst: &str, len: usize, written: Written) -> Vec<u8> {
        let mut bytes = [&[7; 12][..], &[0x50, 0x10, 1, 0, 0, 0, 0, 0], &vec![9; len]].concat();
        let octets = |addr: &str| match addr.parse().unwrap() {
            IpAddr::V4(addr) => addr.octets().to_vec(),
            IpAddr::V6(addr) => addr.octets().to_vec(),
        };
        let pseudo = sum(&octets(src)) + sum(&octets(dst)) + 6 + bytes.len() as u64;
        let checksum = match written {
            Written::Right => !fold(pseudo + sum(&bytes)),
            Written::Partial => fold(pseudo),
            Written::Zero => 0,
            Written::Other => !fold(pseudo + sum(&bytes)) ^ 0x0404,
        };
        bytes[16..18].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    fn refuted(
        checksums: &mut Checksums,
        ends: (&str, &str),
        len: usize,
        written: Written,
    ) -> bool {
        let bytes = segment(ends.0, ends.1, len, written);
        let end = |addr: &str, port| Endpoint {
            addr: addr.parse().unwrap(),
            port,
        };
        checksums.refute(&Tcp {
            src: end(ends.0, 40_000),
            dst: end(ends.1, 9092),
            seq: 0,
            ack: 0,
            flags: 16,
            len: len as u32,
            bytes: &bytes[20..],
            whole: Some(&bytes),
        })
    }

    #[test]
    fn a_wrong_checksum_counts_where_others_were_right() {
        for ends in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
            for len in [0, 1, 2, 1001] {
                let mut checksums = Checksums::default();
                let mut refuted = |written| refuted(&mut checksums, ends, len, written);
                assert!(!refuted(Written::Other), "nothing is known of the sender");
                assert!(!refuted(Written::Right));
                assert!(refuted(Written::Other), "{ends:?} {len}");
                assert!(!refuted(Written::Partial) && !refuted(Written::Zero));
            }
        }
    }

    #[test]
    fn segments_that_a_card_joined_are_kept() {
        let (mut checksums, ends) = (Checksums::default(), ("10.0.0.1", "10.0.0.2"));
        assert!(!refuted(&mut checksums, ends, 1448, Written::Right));
        assert!(!refuted(&mut checksums, ends, 2896, Written::Other));
        assert!(refuted(&mut checksums, ends, 1448, Written::Other));
        let other = ("10.0.0.2", "10.0.0.1");
        assert!(
            !refuted(&mut checksums, other, 100, Written::Other),
            "another sender"
        );
    }

    #[test]
    fn a_sender_that_is_mostly_wrong_is_doubted() {
        let (mut checksums, ends) = (Checksums::default(), ("10.0.0.1", "10.0.0.2"));
        assert!(!refuted(&mut checksums, ends, 100, Written::Right));
        let refuted = (0..1000).filter(|_| refuted(&mut checksums, ends, 100, Written::Other));
        assert_eq!(refuted.count(), 35);
    }
}
