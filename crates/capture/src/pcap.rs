//! The pcap format: one header, then packets.

use crate::file::{Next, Packet};
use crate::input::Input;

const HEADER: usize = 24;
/// No link layer makes longer packets; a larger number means a damaged file.
pub(crate) const MAX_PACKET: u32 = 64 << 20;

/// What the magic number says of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    big_endian: bool,
    nanoseconds: bool,
    /// Alexey Kuznetsov's variant, with 8 more bytes in each packet's header.
    modified: bool,
}

impl Layout {
    fn of(magic: [u8; 4]) -> Option<Layout> {
        [false, true].into_iter().find_map(|big_endian| {
            let number = if big_endian {
                u32::from_be_bytes(magic)
            } else {
                u32::from_le_bytes(magic)
            };
            let (nanoseconds, modified) = match number {
                0xa1b2_c3d4 => (false, false),
                0xa1b2_3c4d => (true, false),
                0xa1b2_cd34 => (false, true),
                _ => return None,
            };
            Some(Layout {
                big_endian,
                nanoseconds,
                modified,
            })
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if self.big_endian {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        }
    }
}

/// Reads one pcap file, and others glued to its end.
pub struct Pcap {
    layout: Layout,
    link: u32,
}

impl Pcap {
    pub fn is(magic: &[u8]) -> bool {
        magic
            .first_chunk()
            .is_some_and(|m| Layout::of(*m).is_some())
    }

    /// Reads the header; `None` when the file is no pcap file or ends inside it.
    pub fn open(input: &mut Input) -> Option<Pcap> {
        let header = input.peek(HEADER);
        let layout = Layout::of(*header.first_chunk()?)?;
        if header.len() < HEADER {
            return None;
        }
        // The upper bits tell the length of a frame check sequence.
        let link = layout.u32(header, 20) & 0x0fff_ffff;
        input.take(HEADER);
        Some(Pcap { layout, link })
    }

    /// Whether `next` finds its packet without waiting for more of the file.
    pub fn is_ready(&self, input: &Input) -> bool {
        let bytes = input.buffered();
        bytes.len() >= HEADER && bytes.len() - self.header() >= self.layout.u32(bytes, 8) as usize
    }

    /// Bytes before a packet's own.
    fn header(&self) -> usize {
        if self.layout.modified { 24 } else { 16 }
    }

    pub fn next<'i>(&mut self, input: &'i mut Input) -> Next<'i> {
        let size = self.header();
        let start = input.peek(HEADER);
        if start.is_empty() {
            return Next::End;
        }
        // Another file's header where a packet should be: seconds of the year 2055 and microseconds 262146.
        if let Some(glued) = start.first_chunk().and_then(|m| Layout::of(*m))
            && start.len() == HEADER
            && start[4..8]
                == if glued.big_endian {
                    [0, 2, 0, 4]
                } else {
                    [2, 0, 4, 0]
                }
        {
            return match Pcap::open(input) {
                Some(other) => {
                    *self = other;
                    self.next(input)
                }
                None => Next::Cut,
            };
        }
        if start.len() < size {
            return Next::Cut;
        }
        let seconds = self.layout.u32(start, 0);
        let fraction = self.layout.u32(start, 4);
        let captured = self.layout.u32(start, 8);
        let length = self.layout.u32(start, 12);
        if captured > MAX_PACKET {
            return Next::Damaged(format!("a packet of {captured} bytes"));
        }
        let whole = size + captured as usize;
        if input.peek(whole).len() < whole {
            return Next::Cut;
        }
        let scale = if self.layout.nanoseconds { 1 } else { 1000 };
        let time_ns = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * scale;
        Next::Packet(Packet {
            time_ns,
            link: self.link,
            data: &input.take(whole)[size..],
            length: length.max(captured),
        })
    }
}
