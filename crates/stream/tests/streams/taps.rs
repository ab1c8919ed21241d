//! What the sockets of one end or of both tell.

use crate::reader::*;

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

    let filled = |bytes| {
        let received = tapped(Tap::Receive, 5, 6, bytes, 2, 5 * MS);
        let reader = read(&[sent[0], open, sent[1], received]);
        reader.of(1, Dir::AToB)
    };
    assert_eq!(filled(b"answer"), [Got::Bytes(b"sizeanswer".to_vec())]);
    assert_eq!(filled(b"ans"), [Got::Bytes(b"sizeans".to_vec()), hole(3)]);

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
