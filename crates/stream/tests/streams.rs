//! However a stream was cut, repeated, mixed or thinned out, its reader gets the same bytes, or holes of the right length.

use std::net::{IpAddr, Ipv4Addr};

use kafkascope_stream::event::flag;
use kafkascope_stream::{
    ConnId, ConnInfo, Dir, Endpoint, Event, HoleReason, Limits, Process, Segment, StreamSink,
    Streams, Tap,
};

const MS: i64 = 1_000_000;

fn end(port: u16) -> Endpoint {
    Endpoint {
        addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port,
    }
}

fn client() -> Endpoint {
    end(40_000)
}

fn broker() -> Endpoint {
    end(9092)
}

#[derive(Debug, PartialEq, Eq, Clone)]
enum Got {
    Bytes(Vec<u8>),
    Hole(u64, HoleReason),
    Desync,
}

/// Both directions of each connection, neighbours joined.
#[derive(Default)]
struct Reader {
    got: Vec<(ConnId, Dir, Got)>,
    opened: Vec<(ConnId, Endpoint)>,
    closed: Vec<ConnId>,
    last: Option<ConnInfo>,
}

impl Reader {
    fn of(&self, conn: ConnId, dir: Dir) -> Vec<Got> {
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
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn stream(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn segment<'a>(seq: u32, bytes: &'a [u8], time_ns: i64) -> Segment<'a> {
    Segment {
        time_ns,
        tap: Tap::Packet,
        src: client(),
        dst: broker(),
        netns: 0,
        seq,
        len: bytes.len() as u32,
        bytes,
        flags: flag::ACK,
        ack: 1,
        tap_seq: 0,
        process: None,
    }
}

fn syn(seq: u32, time_ns: i64) -> Event<'static> {
    syn_with(seq, b"", time_ns)
}

fn syn_with(seq: u32, bytes: &[u8], time_ns: i64) -> Event<'_> {
    Event::Segment(Segment {
        flags: flag::SYN,
        ack: 0,
        ..segment(seq, bytes, time_ns)
    })
}

fn ack(seq: u32, time_ns: i64) -> Event<'static> {
    Event::Segment(Segment {
        src: broker(),
        dst: client(),
        ack: seq,
        ..segment(1, b"", time_ns)
    })
}

fn read(events: &[Event]) -> Reader {
    let mut reader = Reader::default();
    let mut streams = Streams::default();
    for event in events {
        streams.event(*event, &mut reader);
    }
    streams.finish(&mut reader);
    assert_eq!(streams.sizes(), (0, 0), "nothing stays behind");
    reader
}

#[test]
fn cutting_mixing_and_repeating_change_nothing() {
    let bytes = stream(3000);
    for seed in 1..400u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let isn = [5, u32::MAX - 700, 0x7FFF_FFF0, u32::MAX][seed as usize % 4];
        let mut cuts = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let n = (1 + dice.below(200) as usize).min(bytes.len() - at);
            // Overlap: begin earlier and end later than the cut.
            let from = at.saturating_sub(dice.below(40) as usize);
            let to = (at + n + dice.below(40) as usize).min(bytes.len());
            cuts.push((from, to));
            if dice.below(4) == 0 {
                cuts.push((from, to));
            }
            at += n;
        }
        for _ in 0..cuts.len() / 3 {
            let i = dice.below(cuts.len() as u64 - 1) as usize;
            let j = (i + 1 + dice.below(5) as usize).min(cuts.len() - 1);
            cuts.swap(i, j);
        }
        let mut events = vec![syn(isn, 0)];
        events.extend(cuts.iter().enumerate().map(|(i, &(f, t))| {
            Event::Segment(segment(
                isn.wrapping_add(1 + f as u32),
                &bytes[f..t],
                i as i64,
            ))
        }));
        let reader = read(&events);
        assert_eq!(
            reader.of(1, Dir::AToB),
            [Got::Bytes(bytes.clone())],
            "seed {seed}"
        );
        assert_eq!(reader.opened.len(), 1);
    }
}

#[test]
fn each_lost_segment_is_a_hole_of_its_length() {
    let bytes = stream(1000);
    for lost in 0..10usize {
        for acked in [false, true] {
            let mut events = vec![syn(99, 0)];
            for i in (0..10).filter(|&i| i != lost) {
                let time = (i as i64 + 1) * MS;
                events.push(Event::Segment(segment(
                    100 + i as u32 * 100,
                    &bytes[i * 100..][..100],
                    time,
                )));
                if acked {
                    events.push(ack(100 + (i as u32 + 1) * 100, time));
                }
            }
            let reader = read(&events);
            let mut expected = Vec::new();
            if lost > 0 {
                expected.push(Got::Bytes(bytes[..lost * 100].to_vec()));
            }
            if lost < 9 || acked && lost != 9 {
                expected.push(Got::Hole(100, HoleReason::Missing));
                expected.push(Got::Bytes(bytes[(lost + 1) * 100..].to_vec()));
            }
            assert_eq!(
                reader.of(1, Dir::AToB),
                expected,
                "segment {lost} lost, acknowledged: {acked}"
            );
        }
    }
}

#[test]
fn a_gap_is_given_up_when_it_is_proven_or_old() {
    // (acknowledged, milliseconds, given up)
    for (acked, ms, given_up) in [
        (false, 900, false),
        (false, 1001, true),
        (true, 40, false),
        (true, 60, true),
    ] {
        let mut reader = Reader::default();
        let mut streams = Streams::default();
        streams.event(syn(0, 0), &mut reader);
        streams.event(Event::Segment(segment(11, b"later", 0)), &mut reader);
        if acked {
            streams.event(ack(16, 0), &mut reader);
        }
        streams.tick(ms * MS, &mut reader);
        let expected: &[Got] = if given_up {
            &[
                Got::Hole(10, HoleReason::Missing),
                Got::Bytes(b"later".to_vec()),
            ]
        } else {
            &[]
        };
        assert_eq!(
            reader.of(1, Dir::AToB),
            expected,
            "acknowledged {acked}, {ms} ms"
        );
    }
}

#[test]
fn the_end_of_a_stream_that_only_the_peer_has_is_a_hole() {
    let events = [
        syn(0, 0),
        Event::Segment(segment(1, b"seen", 1)),
        ack(105, 2),
    ];
    assert_eq!(
        read(&events).of(1, Dir::AToB),
        [
            Got::Bytes(b"seen".to_vec()),
            Got::Hole(100, HoleReason::Missing)
        ]
    );
}

#[test]
fn the_snap_length_leaves_a_hole_at_once() {
    let mut reader = Reader::default();
    let mut streams = Streams::default();
    streams.event(
        Event::Segment(Segment {
            len: 100,
            ..segment(1, b"head", 0)
        }),
        &mut reader,
    );
    streams.event(Event::Segment(segment(101, b"next", 0)), &mut reader);
    let expected = [
        Got::Bytes(b"head".to_vec()),
        Got::Hole(96, HoleReason::NotCaptured),
        Got::Bytes(b"next".to_vec()),
    ];
    assert_eq!(reader.of(1, Dir::AToB), expected);
}

#[test]
fn keep_alive_probes_and_far_away_numbers_are_ignored() {
    let events = [
        Event::Segment(segment(999, b"x", 0)),
        Event::Segment(segment(1000, b"one", 0)),
        Event::Segment(segment(1002, b"e", 1)),
        Event::Segment(segment(1002, b"", 1)),
        Event::Segment(segment(0x7000_0000, b"stray", 2)),
        Event::Segment(segment(1003, b"two", 3)),
    ];
    assert_eq!(
        read(&events).of(1, Dir::AToB),
        [Got::Bytes(b"onetwo".to_vec())]
    );
}

#[test]
fn a_stream_that_went_on_far_away_is_out_of_step() {
    let events = [
        Event::Segment(segment(1000, b"one", 0)),
        Event::Segment(segment(0x7000_0000, b"..", 2)),
        Event::Segment(segment(0x7000_0002, b"two", 3)),
    ];
    assert_eq!(
        read(&events).of(1, Dir::AToB),
        [
            Got::Bytes(b"one".to_vec()),
            Got::Desync,
            Got::Bytes(b"two".to_vec())
        ]
    );
}

#[test]
fn a_reused_port_is_a_new_connection() {
    let fin = |seq, time| {
        Event::Segment(Segment {
            flags: flag::FIN | flag::ACK,
            ..segment(seq, b"", time)
        })
    };
    let events = [
        syn(100, 0),
        syn(100, 1), // a repeated SYN
        Event::Segment(segment(101, b"first", 2)),
        fin(106, 3),
        syn(70_000, 4),
        Event::Segment(segment(70_001, b"second", 5)),
    ];
    let reader = read(&events);
    assert_eq!(reader.of(1, Dir::AToB), [Got::Bytes(b"first".to_vec())]);
    assert_eq!(reader.of(2, Dir::AToB), [Got::Bytes(b"second".to_vec())]);
    assert_eq!(reader.closed, [1, 2]);
}

#[test]
fn the_first_bytes_may_ride_on_the_syn() {
    let whole = [Got::Bytes(b"firstsecond".to_vec())];
    let second = Event::Segment(segment(106, b"second", 3));
    let accepted = [syn_with(100, b"first", 0), second];
    assert_eq!(read(&accepted).of(1, Dir::AToB), whole);
    // the server did not take them
    let again = Event::Segment(segment(101, b"first", 2));
    let refused = [syn_with(100, b"first", 0), ack(101, 1), again, second];
    assert_eq!(read(&refused).of(1, Dir::AToB), whole);
}

#[test]
fn a_stream_whose_syn_was_lost_may_not_begin_at_its_beginning() {
    let answer = Event::Segment(Segment {
        src: broker(),
        dst: client(),
        ..segment(7_000, b"end of an answer", 3)
    });
    let events = [
        syn(100, 0),
        Event::Segment(segment(101, b"asked", 1)),
        answer,
    ];
    let reader = read(&events);
    assert_eq!(reader.of(1, Dir::AToB), [Got::Bytes(b"asked".to_vec())]);
    let got = reader.of(1, Dir::BToA);
    assert!(
        matches!(got[..], [Got::Desync, Got::Bytes(_)]),
        "{got:?}"
    );
}

#[test]
fn both_fins_or_a_reset_close_and_late_packets_open_nothing() {
    for reset in [false, true] {
        let flags = if reset {
            flag::RST
        } else {
            flag::FIN | flag::ACK
        };
        let mut reader = Reader::default();
        let mut streams = Streams::default();
        streams.event(syn(0, 0), &mut reader);
        let back = Segment {
            src: broker(),
            dst: client(),
            ack: 3,
            ..segment(500, b"", 3)
        };
        streams.event(
            Event::Segment(Segment {
                flags: flag::SYN | flag::ACK,
                ack: 1,
                seq: 499,
                ..back
            }),
            &mut reader,
        );
        streams.event(Event::Segment(segment(1, b"hi", 1)), &mut reader);
        streams.event(
            Event::Segment(Segment {
                flags,
                ..segment(3, b"", 2)
            }),
            &mut reader,
        );
        if !reset {
            assert_eq!(reader.closed, [], "half closed");
            streams.event(Event::Segment(Segment { flags, ..back }), &mut reader);
        }
        assert_eq!(reader.closed, [1]);
        streams.event(Event::Segment(segment(1, b"hi", 4)), &mut reader);
        streams.tick(2000 * MS, &mut reader);
        assert_eq!((reader.opened.len(), streams.sizes().0), (1, 0));
    }
}

fn tapped<'a>(
    tap: Tap,
    seq: u32,
    len: u32,
    bytes: &'a [u8],
    tap_seq: u32,
    time_ns: i64,
) -> Event<'a> {
    let pid = if tap == Tap::Send { 10 } else { 20 };
    let process = Some(Process {
        pid,
        start_boot_ns: 1,
    });
    Event::Segment(Segment {
        tap,
        len,
        tap_seq,
        process,
        flags: 0,
        ack: 0,
        ..segment(seq, bytes, time_ns)
    })
}

#[test]
fn both_ends_of_a_connection_are_one_stream() {
    let events = [
        tapped(Tap::Send, 1, 5, b"hello", 1, 0),
        tapped(Tap::Receive, 1, 2, b"he", 1, 1),
        tapped(Tap::Send, 6, 5, b"world", 2, 2),
        tapped(Tap::Receive, 3, 8, b"lloworld", 2, 3),
    ];
    let reader = read(&events);
    assert_eq!(
        reader.of(1, Dir::AToB),
        [Got::Bytes(b"helloworld".to_vec())]
    );
    let info = reader.last.expect("closed");
    assert_eq!(
        (info.a_process.map(|p| p.pid), info.b_process.map(|p| p.pid)),
        (Some(10), Some(20))
    );
    assert!(info.seen_a && info.seen_b && !info.seen_packet);
}

#[test]
fn what_one_end_leaves_out_the_other_end_may_bring() {
    let hole = |n| Got::Hole(n, HoleReason::NotCaptured);
    // The sender's tap has the size and then only a length (sendfile).
    let sent = [
        tapped(Tap::Send, 1, 4, b"size", 1, 0),
        tapped(Tap::Send, 5, 6, b"", 2, 1),
    ];
    let open = tapped(Tap::Receive, 1, 4, b"size", 1, 1);

    let alone = read(&sent);
    assert_eq!(
        alone.of(1, Dir::AToB),
        [Got::Bytes(b"size".to_vec()), hole(6)]
    );

    let filled = read(&[
        sent[0],
        open,
        sent[1],
        tapped(Tap::Receive, 5, 6, b"answer", 2, 5 * MS),
    ]);
    assert_eq!(
        filled.of(1, Dir::AToB),
        [Got::Bytes(b"sizeanswer".to_vec())]
    );

    let part = read(&[
        sent[0],
        open,
        sent[1],
        tapped(Tap::Receive, 5, 6, b"ans", 2, 5 * MS),
    ]);
    assert_eq!(
        part.of(1, Dir::AToB),
        [Got::Bytes(b"sizeans".to_vec()), hole(3)]
    );

    let mut reader = Reader::default();
    let mut streams = Streams::default();
    for event in [sent[0], open, sent[1]] {
        streams.event(event, &mut reader);
    }
    streams.tick(100 * MS, &mut reader);
    assert_eq!(
        reader.of(1, Dir::AToB).len(),
        1,
        "the other end still has time"
    );
    streams.tick(250 * MS, &mut reader);
    assert_eq!(reader.of(1, Dir::AToB)[1..], [hole(6)]);
    streams.event(
        tapped(Tap::Receive, 5, 6, b"answer", 2, 300 * MS),
        &mut reader,
    );
    assert_eq!(reader.of(1, Dir::AToB).len(), 2, "too late");
}

/// Each end leaves out what the other one has told, so nobody brings what the sender leaves out on purpose.
#[test]
fn what_is_left_out_for_good_is_not_waited_for() {
    let for_good = |event| match event {
        Event::Segment(seg) => Event::Segment(Segment {
            flags: flag::FINAL,
            ..seg
        }),
        other => other,
    };
    let mut reader = Reader::default();
    let mut streams = Streams::default();
    for event in [
        tapped(Tap::Send, 1, 4, b"size", 1, 0),
        tapped(Tap::Receive, 1, 4, b"size", 1, 1),
        for_good(tapped(Tap::Send, 105, 4, b"next", 2, 2)),
    ] {
        streams.event(event, &mut reader);
    }
    assert_eq!(
        reader.of(1, Dir::AToB),
        [
            Got::Bytes(b"size".to_vec()),
            Got::Hole(100, HoleReason::NotCaptured),
            Got::Bytes(b"next".to_vec())
        ]
    );
}

#[test]
fn lost_events_are_told_from_bytes_left_out() {
    // (tap_seq of the second event, reason)
    for (tap_seq, reason) in [(2, HoleReason::NotCaptured), (4, HoleReason::Lost)] {
        let reader = read(&[
            tapped(Tap::Send, 1, 3, b"abc", 1, 0),
            tapped(Tap::Send, 104, 3, b"xyz", tap_seq, 1),
        ]);
        let expected = [
            Got::Bytes(b"abc".to_vec()),
            Got::Hole(100, reason),
            Got::Bytes(b"xyz".to_vec()),
        ];
        assert_eq!(reader.of(1, Dir::AToB), expected);
    }
}

#[test]
fn opens_from_both_ends_and_closes_from_both_ends_are_one_connection() {
    let open = |time_ns, observer_is_client| Event::Open {
        time_ns,
        client: client(),
        server: broker(),
        netns: 0,
        observer: None,
        observer_is_client,
    };
    let close = |time_ns, local, remote| Event::Close {
        time_ns,
        local,
        remote,
        netns: 0,
        observer: None,
    };
    let mut reader = Reader::default();
    let mut streams = Streams::default();
    streams.event(open(0, true), &mut reader);
    streams.event(tapped(Tap::Send, 1, 2, b"hi", 1, 1), &mut reader);
    streams.event(open(2, false), &mut reader);
    streams.event(close(3, client(), broker()), &mut reader);
    streams.event(tapped(Tap::Receive, 1, 2, b"hi", 1, 4), &mut reader);
    assert_eq!(reader.closed, []);
    streams.event(close(5, broker(), client()), &mut reader);
    assert_eq!((&reader.closed[..], reader.opened.len()), (&[1][..], 1));
    assert_eq!(
        reader.last.as_ref().and_then(|i| i.client_dir),
        Some(Dir::AToB)
    );
    streams.event(open(6, true), &mut reader);
    assert_eq!(reader.opened.len(), 2, "the port was used again");
}

/// A broker answers the long poll of a client that has gone.
#[test]
fn the_answer_to_a_client_that_has_gone_is_waited_for() {
    let close = |time_ns, local, remote| Event::Close {
        time_ns,
        local,
        remote,
        netns: 0,
        observer: None,
    };
    for broker_has_a_tap in [true, false] {
        let mut reader = Reader::default();
        let mut streams = Streams::default();
        streams.event(tapped(Tap::Send, 1, 4, b"poll", 1, 0), &mut reader);
        if broker_has_a_tap {
            streams.event(tapped(Tap::Receive, 1, 4, b"poll", 1, 1), &mut reader);
        }
        streams.event(close(2, client(), broker()), &mut reader);
        streams.tick(30_000 * MS, &mut reader);
        assert_eq!(reader.closed.is_empty(), broker_has_a_tap);
        if broker_has_a_tap {
            streams.event(close(30_001 * MS, broker(), client()), &mut reader);
            assert_eq!(reader.closed, [1]);
        }
    }
}

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
