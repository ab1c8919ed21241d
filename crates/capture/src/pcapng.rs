//! The pcapng format: sections of blocks, with interfaces that differ in link type and clock.

use crate::file::{Next, Packet};
use crate::input::Input;
use crate::pcap::MAX_PACKET;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;
const OPTION_IFDROP: u16 = 5;

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u32,
    snaplen: u32,
    /// Nanoseconds are `ticks * numerator / denominator`.
    numerator: u64,
    denominator: u64,
    offset_s: i64,
}

/// Reads the sections of a pcapng file.
#[derive(Default)]
pub struct PcapNg {
    big_endian: bool,
    interfaces: Vec<Interface>,
    last_ns: i64,
    /// Packets that the capturing program says it dropped.
    pub dropped: u64,
}

/// What a block holds once its place is known.
enum Found {
    Nothing,
    /// Time, link type, offset in the block, captured and whole length.
    Packet(i64, u32, usize, usize, u32),
    Damaged(String),
}

impl PcapNg {
    pub fn is(magic: &[u8]) -> bool {
        magic.starts_with(&SECTION.to_be_bytes())
    }

    fn u16(&self, b: &[u8], at: usize) -> u16 {
        let two = [b[at], b[at + 1]];
        if self.big_endian {
            u16::from_be_bytes(two)
        } else {
            u16::from_le_bytes(two)
        }
    }

    fn u32(&self, b: &[u8], at: usize) -> u32 {
        let four = [b[at], b[at + 1], b[at + 2], b[at + 3]];
        if self.big_endian {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        }
    }

    /// Whether `next` finds its packet without waiting for more of the file; not when another block comes before it.
    pub fn is_ready(&self, input: &Input) -> bool {
        let bytes = input.buffered();
        bytes.len() >= 12
            && matches!(
                self.u32(bytes, 0),
                OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
            )
            && bytes.len() >= self.u32(bytes, 4) as usize
    }

    pub fn next<'i>(&mut self, input: &'i mut Input) -> Next<'i> {
        loop {
            let head = input.peek(12);
            if head.is_empty() {
                return Next::End;
            }
            if head.len() < 12 {
                return Next::Cut;
            }
            if PcapNg::is(head) {
                self.big_endian = match head[8..12] {
                    [0x1a, 0x2b, 0x3c, 0x4d] => true,
                    [0x4d, 0x3c, 0x2b, 0x1a] => false,
                    _ => return Next::Damaged("a section without a byte-order mark".into()),
                };
                self.interfaces.clear();
            }
            let kind = self.u32(head, 0);
            let len = self.u32(head, 4);
            if len < 12 || !len.is_multiple_of(4) || len > MAX_PACKET + 4096 {
                return Next::Damaged(format!("a block of {len} bytes"));
            }
            let len = len as usize;
            if !matches!(
                kind,
                INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | STATISTICS | ENHANCED_PACKET
            ) {
                if !input.skip(len) {
                    return Next::Cut;
                }
                continue;
            }
            let block = input.peek(len);
            if block.len() < len {
                return Next::Cut;
            }
            let body = &block[8..len - 4];
            let found = match kind {
                INTERFACE => self.interface(body),
                STATISTICS => self.statistics(body),
                _ => self.packet(kind, body),
            };
            match found {
                Found::Nothing => {
                    input.take(len);
                }
                Found::Damaged(why) => return Next::Damaged(why),
                Found::Packet(time_ns, link, at, captured, length) => {
                    self.last_ns = time_ns;
                    let data = &input.take(len)[8 + at..8 + at + captured];
                    return Next::Packet(Packet {
                        time_ns,
                        link,
                        data,
                        length: length.max(captured as u32),
                    });
                }
            }
        }
    }

    fn interface(&mut self, body: &[u8]) -> Found {
        if body.len() < 8 {
            return Found::Damaged("an interface block that is too short".into());
        }
        let mut interface = Interface {
            link: u32::from(self.u16(body, 0)),
            snaplen: self.u32(body, 4),
            numerator: 1000,
            denominator: 1,
            offset_s: 0,
        };
        for (code, value) in self.options(&body[8..]) {
            match (code, value) {
                (OPTION_TSRESOL, [resolution]) => {
                    (interface.numerator, interface.denominator) = scale(*resolution)
                }
                (OPTION_TSOFFSET, value) if value.len() == 8 => {
                    let eight: [u8; 8] = value.try_into().expect("of length 8");
                    interface.offset_s = if self.big_endian {
                        i64::from_be_bytes(eight)
                    } else {
                        i64::from_le_bytes(eight)
                    };
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Found::Nothing
    }

    fn statistics(&mut self, body: &[u8]) -> Found {
        if body.len() >= 12 {
            let drops = self
                .options(&body[12..])
                .find(|(code, v)| *code == OPTION_IFDROP && v.len() == 8)
                .map(|(_, v)| {
                    let eight: [u8; 8] = v.try_into().expect("of length 8");
                    if self.big_endian {
                        u64::from_be_bytes(eight)
                    } else {
                        u64::from_le_bytes(eight)
                    }
                });
            self.dropped = self.dropped.saturating_add(drops.unwrap_or(0));
        }
        Found::Nothing
    }

    fn packet(&self, kind: u32, body: &[u8]) -> Found {
        let header = if kind == SIMPLE_PACKET { 4 } else { 20 };
        if body.len() < header {
            return Found::Damaged("a packet block that is too short".into());
        }
        let index = match kind {
            SIMPLE_PACKET => 0,
            OBSOLETE_PACKET => usize::from(self.u16(body, 0)),
            _ => self.u32(body, 0) as usize,
        };
        let Some(interface) = self.interfaces.get(index) else {
            return Found::Damaged(format!(
                "a packet of interface {index}, which was not described"
            ));
        };
        let room = body.len() - header;
        if kind == SIMPLE_PACKET {
            let length = self.u32(body, 0);
            let limit = if interface.snaplen == 0 {
                length
            } else {
                length.min(interface.snaplen)
            };
            return Found::Packet(
                self.last_ns,
                interface.link,
                header,
                room.min(limit as usize),
                length,
            );
        }
        let ticks = u64::from(self.u32(body, 4)) << 32 | u64::from(self.u32(body, 8));
        let captured = self.u32(body, 12) as usize;
        if captured > room {
            return Found::Damaged(format!("a packet of {captured} bytes in a block of {room}"));
        }
        let ns =
            u128::from(ticks) * u128::from(interface.numerator) / u128::from(interface.denominator);
        let time_ns = i64::try_from(ns)
            .unwrap_or(i64::MAX)
            .saturating_add(interface.offset_s.saturating_mul(1_000_000_000));
        Found::Packet(
            time_ns,
            interface.link,
            header,
            captured,
            self.u32(body, 16),
        )
    }

    fn options<'b>(&self, mut rest: &'b [u8]) -> impl Iterator<Item = (u16, &'b [u8])> {
        std::iter::from_fn(move || {
            if rest.len() < 4 {
                return None;
            }
            let (code, len) = (self.u16(rest, 0), usize::from(self.u16(rest, 2)));
            let value = rest.get(4..4 + len)?;
            rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
            (code != 0).then_some((code, value))
        })
    }
}

/// Nanoseconds per tick as a fraction, from `if_tsresol`: a negative power of ten, or of two with the high bit.
fn scale(resolution: u8) -> (u64, u64) {
    let exponent = u32::from(resolution & 0x7f);
    match resolution & 0x80 {
        0 if exponent <= 9 => (10u64.pow(9 - exponent), 1),
        0 => (1, 10u64.saturating_pow(exponent - 9)),
        _ => (
            1_000_000_000,
            1u64.checked_shl(exponent).unwrap_or(u64::MAX),
        ),
    }
}
