//! A real capture with its packets repeated, mixed and lost: what can be read is what was said.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kafkascope_capture::FileSource;
use kafkascope_stream::{
    ConnId, ConnInfo, Dir, Endpoint, Event, HoleReason, Segment, StreamSink, Streams, Tap,
};
use kafkascope_wire::session::Missing;
use kafkascope_wire::{Item, Message, Session};

/// A packet's segment with its own bytes.
#[derive(Clone)]
struct Packet {
    time_ns: i64,
    src: Endpoint,
    dst: Endpoint,
    seq: u32,
    ack: u32,
    flags: u8,
    bytes: Vec<u8>,
}

/// Of a golden capture.
fn packets(name: &str) -> Vec<Packet> {
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures");
    let path = PathBuf::from(captures).join(format!("{name}.pcap.gz"));
    let mut source = FileSource::open(&[path]).expect("a golden capture");
    let mut out = Vec::new();
    let mut keep = |event: Event| {
        if let Event::Segment(s) = event {
            let Segment {
                time_ns,
                src,
                dst,
                seq,
                ack,
                flags,
                bytes,
                ..
            } = s;
            out.push(Packet {
                time_ns,
                src,
                dst,
                seq,
                ack,
                flags,
                bytes: bytes.to_vec(),
            });
        }
    };
    while source.poll(&mut keep).expect("readable") {}
    out
}

/// Client's port, API and correlation id of an exchange.
type Key = (u16, i16, i32);
/// Its request's and response's bytes.
type Said = BTreeMap<Key, (Vec<u8>, Vec<u8>)>;

#[derive(Default)]
struct Reader {
    sessions: BTreeMap<ConnId, Session>,
    said: Said,
    /// Lengths as declared, also of what was not captured whole.
    lengths: BTreeMap<Key, [Option<u32>; 2]>,
    unreadable: u64,
}

impl Reader {
    fn act(
        &mut self,
        id: ConnId,
        info: &ConnInfo,
        act: impl FnOnce(&mut Session, &mut dyn FnMut(Item)),
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let (said, unreadable) = (&mut self.said, &mut self.unreadable);
        let lengths = &mut self.lengths;
        act(session, &mut |item| match item {
            Item::Exchange(e) => {
                let port = info.a.port.max(info.b.port);
                let key = (port, e.api_key, e.correlation_id);
                let declared = |m: &Option<Message>| m.as_ref().map(|m| m.declared);
                if e.request.is_some() {
                    lengths.insert(key, [declared(&e.request), declared(&e.response)]);
                }
                if let (Some(request), Some(response)) = (e.request, e.response)
                    && request.holes.is_empty()
                    && response.holes.is_empty()
                {
                    said.insert(key, (request.data, response.data));
                }
            }
            Item::Unreadable { bytes, .. } => *unreadable += bytes,
            Item::Answers { .. } | Item::Protocol { .. } => {}
        });
    }
}

impl StreamSink for Reader {
    fn open(&mut self, id: ConnId, info: &ConnInfo) {
        self.sessions.insert(
            id,
            Session::new(info.client_dir.map(|d| d == Dir::AToB), info.opened_seen),
        );
    }
    fn data(&mut self, id: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, bytes: &[u8]) {
        self.act(id, info, |s, sink| {
            s.data(dir == Dir::AToB, time_ns, bytes, sink)
        });
    }
    fn hole(
        &mut self,
        id: ConnId,
        info: &ConnInfo,
        dir: Dir,
        time_ns: i64,
        len: u64,
        reason: HoleReason,
    ) {
        let missing = if reason == HoleReason::NotCaptured {
            Missing::LeftOut
        } else {
            Missing::Lost
        };
        self.act(id, info, |s, sink| {
            s.hole(dir == Dir::AToB, time_ns, len, missing, sink)
        });
    }
    fn desync(&mut self, id: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, _: HoleReason) {
        self.act(id, info, |s, sink| {
            s.desync(dir == Dir::AToB, time_ns, sink)
        });
    }
    fn close(&mut self, id: ConnId, info: &ConnInfo, time_ns: i64) {
        self.act(id, info, |s, sink| s.close(time_ns, sink));
    }
}

fn read<'p>(packets: impl Iterator<Item = &'p Packet>) -> Reader {
    let mut streams = Streams::default();
    let mut reader = Reader::default();
    for p in packets {
        let segment = Segment {
            time_ns: p.time_ns,
            tap: Tap::Packet,
            src: p.src,
            dst: p.dst,
            netns: 0,
            seq: p.seq,
            len: p.bytes.len() as u32,
            bytes: &p.bytes,
            flags: p.flags,
            ack: p.ack,
            tap_seq: 0,
            process: None,
        };
        streams.event(Event::Segment(segment), &mut reader);
    }
    streams.finish(&mut reader);
    reader
}

fn dice(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |n| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    }
}

#[test]
fn repeated_and_mixed_packets_say_the_same() {
    let packets = packets("other-clients");
    let truth = read(packets.iter()).said;
    assert!(truth.len() > 1000);
    let mut below = dice(1);
    let mut mixed = Vec::new();
    for window in packets.chunks(5) {
        let mut window: Vec<&Packet> = window.iter().collect();
        if below(3) == 0 {
            window.push(window[0]);
        }
        for i in (1..window.len()).rev() {
            window.swap(i, below(i + 1));
        }
        mixed.extend(window);
    }
    let reader = read(mixed.into_iter());
    assert_eq!(reader.said.len(), truth.len());
    assert!(reader.said == truth, "other bytes");
    assert_eq!(reader.unreadable, 0);
}

#[test]
fn lost_packets_take_only_what_was_in_them() {
    let packets = packets("other-clients");
    let truth = read(packets.iter()).said;
    // (one packet lost in so many, exchanges that must be left in percent)
    for (one_in, percent) in [(1000, 99), (100, 95), (20, 75)] {
        let mut below = dice(one_in as u64);
        let kept: Vec<&Packet> = packets.iter().filter(|_| below(one_in) != 0).collect();
        let said = read(kept.into_iter()).said;
        for (key, bytes) in &said {
            assert!(
                truth.get(key) == Some(bytes),
                "1 in {one_in} lost: {key:?} says something else"
            );
        }
        assert!(
            said.len() * 100 >= truth.len() * percent,
            "1 in {one_in} lost: {} of {} left",
            said.len(),
            truth.len()
        );
    }
}

#[test]
fn a_capture_may_begin_anywhere() {
    let packets = packets("other-clients");
    let truth = read(packets.iter()).said;
    for part in 1..8 {
        let from = packets.len() * part / 8;
        let said = read(packets[from..].iter()).said;
        for (key, bytes) in &said {
            assert!(
                truth.get(key) == Some(bytes),
                "from packet {from}: {key:?} says something else"
            );
        }
        let possible = truth.len() * (8 - part) / 8;
        assert!(
            said.len() * 2 > possible,
            "from packet {from}: {} of about {possible}",
            said.len()
        );
    }
}

/// The same bytes in segments of at most `size` bytes.
fn cut(packets: &[Packet], size: usize) -> Vec<Packet> {
    let mut out = Vec::new();
    for packet in packets {
        if packet.bytes.len() <= size {
            out.push(packet.clone());
            continue;
        }
        for (i, bytes) in packet.bytes.chunks(size).enumerate() {
            out.push(Packet {
                seq: packet.seq.wrapping_add((i * size) as u32),
                bytes: bytes.to_vec(),
                ..packet.clone()
            });
        }
    }
    out
}

#[test]
fn segments_of_a_few_bytes_begun_late_and_lost_invent_nothing() {
    let packets = packets("java-clients");
    let truth = read(packets.iter());
    let mut below = dice(7);
    for (size, one_in) in [(1, 500), (1, 2000), (3, 300), (4, 300), (9, 100), (90, 30)] {
        for part in 1..4 {
            let from = packets.len() * part / 4;
            let late = cut(&packets[from..(from + 400).min(packets.len())], size);
            let reader = read(late.iter().filter(|_| below(one_in) != 0));
            let what = format!("{size} bytes, 1 in {one_in} lost, from packet {from}");
            for (key, bytes) in &reader.said {
                assert_eq!(truth.said.get(key), Some(bytes), "{what}: {key:?}");
            }
            for (key, lengths) in &reader.lengths {
                let whole = truth.lengths.get(key);
                let whole = whole.unwrap_or_else(|| panic!("{what}: nobody sent {key:?}"));
                for (said, is) in lengths.iter().zip(whole) {
                    assert!(
                        said.is_none() || said == is,
                        "{what}: {key:?} of {lengths:?}, and it is {whole:?}"
                    );
                }
            }
        }
    }
}
