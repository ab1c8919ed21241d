//! Segments, and who reads what becomes of them.

use std::net::{IpAddr, Ipv4Addr};

pub use kafkascope_stream::event::flag;
pub use kafkascope_stream::{
    ConnId, ConnInfo, Dir, Endpoint, Event, HoleReason, Limits, Process, Segment, StreamSink,
    Streams, Tap,
};

pub const MS: i64 = 1_000_000;

pub fn end(port: u16) -> Endpoint {
    Endpoint {
        addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port,
    }
}

pub fn client() -> Endpoint {
    end(40_000)
}

pub fn broker() -> Endpoint {
    end(9092)
}

#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Got {
    Bytes(Vec<u8>),
    Hole(u64, HoleReason),
    Desync,
}

/// Both directions of each connection, neighbours joined.
#[derive(Default)]
pub struct Reader {
    pub got: Vec<(ConnId, Dir, Got)>,
    pub opened: Vec<(ConnId, Endpoint)>,
    pub closed: Vec<ConnId>,
    pub last: Option<ConnInfo>,
}

impl Reader {
    pub fn of(&self, conn: ConnId, dir: Dir) -> Vec<Got> {
        let mut out: Vec<Got> = Vec::new();
        for (_, _, got) in self.got.iter().filter(|(c, d, _)| *c == conn && *d == dir) {
            match (out.last_mut(), got) {
                (Some(Got::Bytes(before)), Got::Bytes(more)) => before.extend(more),
                (Some(Got::Hole(before, r)), Got::Hole(more, reason)) if r == reason => {
                    *before += more
                }
                _ => out.push(got.clone()),
            }
        }
        out
    }
}

impl StreamSink for Reader {
    fn open(&mut self, conn: ConnId, info: &ConnInfo) {
        self.opened.push((conn, info.a));
    }
    fn data(&mut self, conn: ConnId, info: &ConnInfo, dir: Dir, _: i64, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "a call with nothing in it");
        self.last = Some(info.clone());
        self.got.push((conn, dir, Got::Bytes(bytes.to_vec())));
    }
    fn hole(
        &mut self,
        conn: ConnId,
        info: &ConnInfo,
        dir: Dir,
        _: i64,
        len: u64,
        reason: HoleReason,
    ) {
        self.last = Some(info.clone());
        self.got.push((conn, dir, Got::Hole(len, reason)));
    }
    fn desync(&mut self, conn: ConnId, _: &ConnInfo, dir: Dir, _: i64, _: HoleReason) {
        self.got.push((conn, dir, Got::Desync));
    }
    fn close(&mut self, conn: ConnId, info: &ConnInfo, _: i64) {
        self.last = Some(info.clone());
        self.closed.push(conn);
    }
}

/// A small generator of numbers, so that every failure comes again.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

pub fn stream(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

pub fn segment<'a>(seq: u32, bytes: &'a [u8], time_ns: i64) -> Segment<'a> {
    Segment {
        time_ns,
        tap: Tap::Packet,
        src: client(),
        dst: broker(),
        netns: 0,
        seq,
        len: bytes.len() as u32,
        bytes,
        flags: 0,
        ack: 0,
        tap_seq: 0,
        process: None,
    }
}

pub fn syn(seq: u32, time_ns: i64) -> Event<'static> {
    syn_with(seq, b"", time_ns)
}

pub fn syn_with(seq: u32, bytes: &[u8], time_ns: i64) -> Event<'_> {
    Event::Segment(Segment {
        flags: flag::SYN,
        ..segment(seq, bytes, time_ns)
    })
}

/// The same from the other end.
pub fn back(segment: Segment) -> Segment {
    Segment {
        src: segment.dst,
        dst: segment.src,
        ..segment
    }
}

pub fn ack(seq: u32, time_ns: i64) -> Event<'static> {
    Event::Segment(Segment {
        flags: flag::ACK,
        ack: seq,
        ..back(segment(1, b"", time_ns))
    })
}

pub fn read(events: &[Event]) -> Reader {
    let mut reader = Reader::default();
    let mut streams = Streams::default();
    for event in events {
        streams.event(*event, &mut reader);
    }
    streams.finish(&mut reader);
    assert_eq!(streams.sizes(), (0, 0), "nothing stays behind");
    reader
}
