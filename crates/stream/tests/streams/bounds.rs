//! Memory has a limit, and nothing that comes can break it.

use crate::reader::*;

#[test]
fn memory_is_bounded() {
    let limits = Limits {
        connections: 8,
        direction_bytes: 4000,
        total_bytes: 10_000,
        ..Limits::default()
    };
    let mut reader = Reader::default();
    let mut streams = Streams::new(limits);
    let bytes = stream(100);
    for port in 0..50u16 {
        let seg = |seq, bytes, t| {
            Event::Segment(Segment {
                src: end(1000 + port),
                ..segment(seq, bytes, t)
            })
        };
        streams.event(seg(1, b"start", i64::from(port)), &mut reader);
        for i in 1..60 {
            streams.event(seg(i * 200, &bytes, i64::from(port)), &mut reader);
            let (conns, buffered) = streams.sizes();
            assert!(
                conns <= 8 && buffered <= 10_200,
                "{conns} connections, {buffered} bytes"
            );
        }
    }
    let stats = streams.stats();
    assert!(stats.evicted >= 42 && stats.buffer_limits > 0);
    streams.finish(&mut reader);
    assert_eq!(reader.closed.len(), 50);
}

#[test]
fn few_segments_that_fit_no_connection_are_kept() {
    let elsewhere = 0x7000_0000;
    for (others, len, kept) in [
        (10, 3, true),
        (63, 3, true),
        (64, 3, false),
        (10, 1 << 20, false),
    ] {
        let mut reader = Reader::default();
        let mut streams = Streams::default();
        let mut say = |port: u16, seq: u32, bytes: &[u8]| {
            let src = end(1000 + port);
            streams.event(
                Event::Segment(Segment {
                    src,
                    ..segment(seq, bytes, 0)
                }),
                &mut reader,
            );
        };
        let bytes = stream(len);
        for port in 0..=others {
            say(port, 1000, b"one");
            say(port, elsewhere, if port == 0 { b"two" } else { &bytes });
        }
        say(0, elsewhere + 3, b"three");
        let later = reader.opened.last().map(|&(conn, _)| conn);
        let told: &[u8] = if kept { b"twothree" } else { b"three" };
        assert_eq!(
            reader.of(later.unwrap_or_default(), Dir::AToB),
            [Got::Desync, Got::Bytes(told.to_vec())]
        );
    }
}

#[test]
fn quiet_connections_are_closed() {
    let mut reader = Reader::default();
    let mut streams = Streams::default();
    streams.event(Event::Segment(segment(1, b"ping", 0)), &mut reader);
    streams.tick(3000 * 1000 * MS, &mut reader);
    assert_eq!(reader.closed, []);
    streams.tick(4000 * 1000 * MS, &mut reader);
    assert_eq!((&reader.closed[..], streams.stats().idle), (&[1][..], 1));
}

/// Anything at all as events: nothing panics, and the sums agree with what was handed over.
#[test]
fn no_events_can_break_the_bounds() {
    #[derive(Default)]
    struct Sums {
        open: std::collections::HashMap<ConnId, [u64; 2]>,
    }
    impl StreamSink for Sums {
        fn open(&mut self, conn: ConnId, _: &ConnInfo) {
            assert!(self.open.insert(conn, [0; 2]).is_none());
        }
        fn data(&mut self, conn: ConnId, info: &ConnInfo, dir: Dir, _: i64, bytes: &[u8]) {
            let sums = self.open.get_mut(&conn).expect("opened before");
            sums[dir.index()] += bytes.len() as u64;
            assert_eq!(*sums, info.bytes);
        }
        fn hole(
            &mut self,
            conn: ConnId,
            info: &ConnInfo,
            dir: Dir,
            _: i64,
            len: u64,
            _: HoleReason,
        ) {
            assert!(len > 0, "a hole of nothing");
            let sums = self.open.get_mut(&conn).expect("opened before");
            sums[dir.index()] += len;
            assert_eq!(*sums, info.bytes);
        }
        fn desync(&mut self, conn: ConnId, _: &ConnInfo, _: Dir, _: i64, _: HoleReason) {
            assert!(self.open.contains_key(&conn));
        }
        fn close(&mut self, conn: ConnId, _: &ConnInfo, _: i64) {
            assert!(self.open.remove(&conn).is_some(), "closed twice");
        }
    }
    let bytes = stream(300);
    for seed in 1..60u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let limits = Limits {
            connections: 4,
            direction_bytes: 2000,
            total_bytes: 5000,
            idle_ns: 5000 * MS,
            ..Limits::default()
        };
        let mut streams = Streams::new(limits);
        let mut sums = Sums::default();
        let mut time = 0;
        for _ in 0..2000 {
            time += dice.below(20) as i64 * MS;
            let (x, y) = (end(1000 + dice.below(6) as u16), broker());
            let (src, dst) = if dice.below(2) == 0 { (x, y) } else { (y, x) };
            let len = dice.below(300) as u32;
            let seq = match dice.below(20) {
                0 => dice.below(1 << 32) as u32,
                _ => (u32::MAX - 2000).wrapping_add(dice.below(5000) as u32),
            };
            let tap = [Tap::Packet, Tap::Send, Tap::Receive][dice.below(3) as usize];
            let process = Process {
                pid: dice.below(3) as u32,
                start_boot_ns: 1,
            };
            let observer = Some(process);
            let event = match dice.below(40) {
                0 => Event::Open {
                    time_ns: time,
                    client: x,
                    server: y,
                    netns: 0,
                    observer,
                    observer_is_client: dice.below(2) == 0,
                },
                1 => Event::Close {
                    time_ns: time,
                    local: src,
                    remote: dst,
                    netns: 0,
                    observer,
                },
                2 => Event::ProcessExit {
                    time_ns: time,
                    process,
                },
                3 => Event::Lost {
                    time_ns: time,
                    count: 1,
                },
                _ => Event::Segment(Segment {
                    time_ns: time - dice.below(3) as i64 * MS,
                    tap,
                    src,
                    dst,
                    netns: 0,
                    seq,
                    len,
                    bytes: &bytes[..dice.below(u64::from(len) + 1) as usize],
                    flags: if tap == Tap::Packet {
                        [0, 16, 16, 16, 17, 2, 18, 4][dice.below(8) as usize]
                    } else {
                        0
                    },
                    ack: seq.wrapping_add(dice.below(1000) as u32),
                    tap_seq: dice.below(50) as u32,
                    process: observer,
                }),
            };
            streams.event(event, &mut sums);
            let (conns, buffered) = streams.sizes();
            assert!(
                conns <= 4 && buffered <= 5000 + 2400,
                "{conns} connections, {buffered} bytes"
            );
        }
        streams.finish(&mut sums);
        assert!(
            sums.open.is_empty() && streams.sizes() == (0, 0),
            "seed {seed}"
        );
    }
}
