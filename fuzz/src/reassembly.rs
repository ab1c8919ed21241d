//! Segments of two ends in any order, repeated, cut and lost: what is handed over stands where its sequence number says.
//!
//! Every byte is a function of its sequence number, so a byte at a wrong place shows.

use std::{collections::HashMap, net::IpAddr};

use kafkascope_stream::{
    ConnId, ConnInfo, Dir, Endpoint, Event, HoleReason, Limits, Process, Segment, StreamSink,
    Streams, Tap, event::flag,
};

use crate::input::Input;

const TOTAL_BYTES: usize = 1536;
const MS: i64 = 1_000_000;
fn limits() -> Limits {
    Limits {
        connections: 2,
        direction_bytes: 1024,
        total_bytes: TOTAL_BYTES,
        gap_ns: 1000 * MS,
        proven_gap_ns: 50 * MS,
        other_end_ns: 200 * MS,
        linger_ns: 500 * MS,
        half_closed_ns: 1000 * MS,
        ..Limits::default()
    }
}
/// Sequence numbers wrap in the middle of what is sent.
const FIRST: u32 = u32::MAX - 2000;
const SPAN: u32 = 4096;

fn byte(dir: usize, seq: u32) -> u8 {
    let x = (seq ^ (dir as u32) << 31).wrapping_mul(0x9e37_79b1);
    ((x ^ x >> 15).wrapping_mul(0x85eb_ca77) >> 24) as u8
}

#[derive(Default)]
struct Reader {
    /// Where each stream may stand by now: sequence numbers of the next byte.
    places: HashMap<(ConnId, usize), Vec<u32>>,
    handed: u64,
}

impl Reader {
    fn places(&mut self, conn: ConnId, dir: Dir) -> &mut Vec<u32> {
        self.places
            .entry((conn, dir.index()))
            .or_insert_with(|| (0..SPAN).map(|n| FIRST.wrapping_add(n)).collect())
    }
}

impl StreamSink for Reader {
    fn open(&mut self, conn: ConnId, _: &ConnInfo) {
        assert!(!self.places.keys().any(|(c, _)| *c == conn), "a used id");
    }

    fn data(&mut self, conn: ConnId, info: &ConnInfo, dir: Dir, _: i64, bytes: &[u8]) {
        self.handed += bytes.len() as u64;
        let which = usize::from(
            if dir == Dir::AToB {
                info.a.port
            } else {
                info.b.port
            } != A,
        );
        let places = self.places(conn, dir);
        for seen in bytes {
            places.retain(|seq| byte(which, *seq) == *seen);
            assert!(!places.is_empty(), "a byte at a wrong place");
            for seq in &mut *places {
                *seq = seq.wrapping_add(1);
            }
        }
    }

    fn hole(&mut self, conn: ConnId, _: &ConnInfo, dir: Dir, _: i64, len: u64, _: HoleReason) {
        for seq in self.places(conn, dir) {
            *seq = seq.wrapping_add(len as u32);
        }
    }

    fn desync(&mut self, conn: ConnId, _: &ConnInfo, dir: Dir, _: i64, _: HoleReason) {
        self.places.remove(&(conn, dir.index()));
    }

    fn close(&mut self, conn: ConnId, _: &ConnInfo, _: i64) {
        self.places.retain(|(c, _), _| *c != conn);
    }
}

const A: u16 = 40000;

fn end(second: bool) -> Endpoint {
    Endpoint {
        addr: IpAddr::from([10, 0, 0, 1 + u8::from(second)]),
        port: if second { 9092 } else { A },
    }
}

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mut streams = Streams::new(limits());
    let mut reader = Reader::default();
    let mut time_ns = 1;
    let mut taps = [[0u32; 2]; 2];
    let mut sent = 0u64;
    while !input.is_empty() {
        let (kind, place, len) = (input.u8(), input.u16(), input.u16());
        let from_b = kind & 1 != 0;
        let (src, dst) = (end(from_b), end(!from_b));
        time_ns += i64::from(kind >> 5) * i64::from(kind >> 5) * 7 * MS;
        let seq = FIRST.wrapping_add(u32::from(place) % SPAN);
        let len = u32::from(len) % 600;
        let len = len.min(SPAN - u32::from(place) % SPAN);
        let process = |end: bool| Process {
            pid: 1 + u32::from(end),
            start_boot_ns: 1,
        };
        let event = match kind >> 1 & 15 {
            // How long missing bytes are waited for depends on the acknowledgements of the other direction.
            0 => Event::Open {
                time_ns,
                client: src,
                server: dst,
                netns: 0,
                observer: None,
                observer_is_client: false,
            },
            1 => Event::Close {
                time_ns,
                local: src,
                remote: dst,
                netns: 0,
                observer: Some(process(from_b)),
            },
            2 => Event::Lost {
                time_ns,
                count: u64::from(len),
            },
            3 => Event::ProcessExit {
                time_ns,
                process: process(from_b),
            },
            what => {
                let tap = match what {
                    4..=6 => Tap::Send,
                    7..=8 => Tap::Receive,
                    _ => Tap::Packet,
                };
                let (flags, len) = match what {
                    9 => (flag::SYN, 0),
                    10 => (flag::FIN | flag::ACK, len),
                    11 if place % 8 == 0 => (flag::RST, 0),
                    12 => (flag::ACK, 0),
                    13.. => (flag::ACK, len),
                    _ => (0, len),
                };
                let syn = u32::from(flags & flag::SYN != 0);
                let bytes: Vec<u8> = (0..len)
                    .map(|n| byte(usize::from(from_b), seq.wrapping_add(n)))
                    .collect();
                let cut = if what == 14 { len / 2 } else { len };
                let packet = tap == Tap::Packet;
                let at_receiver = tap == Tap::Receive;
                let count = &mut taps[usize::from(from_b)][usize::from(at_receiver)];
                *count += 1 + u32::from(place % 32 == 31);
                let tap_seq = if packet { 0 } else { *count };
                sent += u64::from(len);
                let segment = Segment {
                    time_ns,
                    tap,
                    src,
                    dst,
                    netns: 0,
                    seq: seq.wrapping_sub(syn),
                    len,
                    bytes: &bytes[..cut as usize],
                    flags: if packet { flags } else { 0 },
                    ack: FIRST.wrapping_add(u32::from(place) / 2 % SPAN),
                    tap_seq,
                    process: (!packet).then(|| process(from_b != at_receiver)),
                };
                streams.event(Event::Segment(segment), &mut reader);
                let (_, buffered) = streams.sizes();
                assert!(buffered <= TOTAL_BYTES + 600, "{buffered} bytes");
                continue;
            }
        };
        streams.event(event, &mut reader);
    }
    streams.tick(time_ns + 10_000 * MS, &mut reader);
    streams.finish(&mut reader);
    assert!(reader.handed <= sent, "{} of {sent}", reader.handed);
}
