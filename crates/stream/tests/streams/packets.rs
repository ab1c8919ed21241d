//! Packets: cut, repeated, mixed, lost, and of reused ports.

use crate::reader::*;

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
fn bytes_far_away_are_of_another_connection() {
    let events = [
        Event::Segment(segment(1000, b"one", 0)),
        Event::Segment(segment(0x7000_0000, b"two", 2)),
        Event::Segment(segment(0x7000_0003, b"three", 3)),
    ];
    let reader = read(&events);
    assert_eq!(reader.of(1, Dir::AToB), [Got::Bytes(b"one".to_vec())]);
    assert_eq!(
        reader.of(2, Dir::AToB),
        [Got::Desync, Got::Bytes(b"twothree".to_vec())]
    );
    assert_eq!(reader.closed, [1, 2]);
}

#[test]
fn bytes_long_before_the_first_ones_are_of_another_connection() {
    let first = 0x4000_0000;
    let of = |before: u32, later: i64| {
        read(&[
            Event::Segment(segment(first, b"one", 0)),
            Event::Segment(segment(first - before, b"..", later)),
            Event::Segment(segment(first - before + 2, b"two", later + 1)),
        ])
    };
    // under way when the capture began, or sent again
    for before in [5, 1 << 20] {
        let reader = of(before, 2);
        assert_eq!(
            reader.of(1, Dir::AToB),
            [Got::Bytes(b"one".to_vec())],
            "{before}"
        );
        assert_eq!(reader.opened.len(), 1, "{before}");
    }
    for (before, later) in [(5 << 20, 2), (1 << 29, 2), (1 << 10, 20_000 * MS)] {
        assert_eq!(
            of(before, later).of(2, Dir::AToB),
            [Got::Desync, Got::Bytes(b"..two".to_vec())],
            "{before}"
        );
    }
}

#[test]
fn nothing_comes_before_the_first_byte_that_a_handshake_told() {
    let first = 0x4000_0000;
    let of = |before: u32| {
        read(&[
            syn(first - 1, 0),
            Event::Segment(segment(first, b"one", 1)),
            Event::Segment(segment(first - before, b".", 2)),
            Event::Segment(segment(first - before + 1, b"two", 3)),
        ])
    };
    assert_eq!(of(1).opened.len(), 1, "a keep-alive probe");
    let two = [Got::Desync, Got::Bytes(b"two".to_vec())];
    assert_eq!(of(9).of(2, Dir::AToB), two);
}

/// Bytes of the client, or of the broker, that acknowledge the other's.
fn exchange(from_client: bool, seq: u32, ack: u32, bytes: &[u8], time_ns: i64) -> Event<'_> {
    let segment = Segment {
        flags: flag::ACK,
        ack,
        ..segment(seq, bytes, time_ns)
    };
    Event::Segment(if from_client { segment } else { back(segment) })
}

#[test]
fn who_acknowledges_what_nobody_said_is_on_another_connection() {
    let (asked, answered) = (1_000, 0x4000_0000);
    let before = [
        exchange(true, asked, answered, b"one", 0),
        exchange(false, answered, asked + 3, b"yes", 1),
        exchange(true, asked + 3, answered + 3, b"", 1),
    ];
    let later = |seq: u32, ack: u32| {
        let two = exchange(true, seq, ack, b"two", 2);
        let three = exchange(true, seq + 3, ack, b"three", 3);
        read(&[&before[..], &[two, three]].concat())
    };
    let whole = vec![Got::Bytes(b"onetwothree".to_vec())];
    assert_eq!(later(asked + 3, answered + 3).of(1, Dir::AToB), whole);
    // its answers are long past these, or far beyond them; by its own bytes it could go on here
    for ack in [answered - (1 << 24), answered.wrapping_add(3 << 29)] {
        let reader = later(asked + 3, ack);
        assert_eq!(reader.of(1, Dir::AToB), [Got::Bytes(b"one".to_vec())]);
        assert_eq!(
            reader.of(2, Dir::AToB),
            [Got::Desync, Got::Bytes(b"twothree".to_vec())]
        );
    }
    // both numbers say so: no second segment is needed to believe it
    let reader = later(0x9000_0000, answered.wrapping_add(3 << 29));
    let both = [Got::Desync, Got::Bytes(b"twothree".to_vec())];
    assert_eq!(reader.of(2, Dir::AToB), both);
}

#[test]
fn the_answer_may_be_what_shows_that_a_request_was_of_another_connection() {
    let (asked, answered) = (1_000, 0x4000_0000);
    let (later, elsewhere) = (0x9000_0000, 0xD000_0000);
    let reader = read(&[
        exchange(false, answered, asked, b"yes", 0),
        exchange(true, asked, answered + 3, b"one", 1),
        exchange(false, answered + 3, asked + 3, b"yes", 2),
        // damaged on its way: nobody goes on there
        exchange(true, 0x6000_0000, answered + 6, b"bad", 3),
        exchange(true, later, answered + 6, b"two", 4),
        exchange(false, elsewhere, later + 3, b"no", 5),
    ]);
    assert_eq!(reader.of(1, Dir::BToA), [Got::Bytes(b"one".to_vec())]);
    assert_eq!(
        reader.of(2, Dir::AToB),
        [Got::Desync, Got::Bytes(b"two".to_vec())]
    );
    assert_eq!(reader.of(2, Dir::BToA), [Got::Bytes(b"no".to_vec())]);
}

#[test]
fn packets_that_were_made_up_may_acknowledge_anything() {
    let ack = 7;
    let events = [
        exchange(true, 1_000, ack, b"one", 0),
        exchange(false, 0x4000_0000, ack, b"yes", 1),
        exchange(true, 1_003, ack, b"two", 2),
        exchange(false, 0x4000_0003, ack, b"no", 3),
    ];
    let reader = read(&events);
    let whole = [b"onetwo".to_vec(), b"yesno".to_vec()].map(|b| [Got::Bytes(b)]);
    assert_eq!(reader.of(1, Dir::AToB), whole[0]);
    assert_eq!(reader.of(1, Dir::BToA), whole[1]);
}

#[test]
fn a_stream_of_which_only_the_acknowledgements_are_captured_may_be_long() {
    let mut events = vec![
        syn(99, 0),
        Event::Segment(Segment {
            flags: flag::SYN | flag::ACK,
            ack: 100,
            ..back(segment(499, b"", 1))
        }),
    ];
    for n in 0..40u32 {
        let far = 100u32.wrapping_add((n + 1) << 28);
        events.push(exchange(false, 500 + n, far, b".", 2 + i64::from(n)));
    }
    assert_eq!(read(&events).opened.len(), 1);
}

#[test]
fn what_comes_again_long_after_it_is_no_other_connection() {
    let first = 0x4000_0000;
    let step = 1 << 24;
    let mut events = vec![Event::Segment(segment(first, b"ab", 0))];
    // a capture with holes, far on by now
    for n in 1..20u32 {
        events.push(Event::Segment(segment(
            first + n * step,
            b"x",
            i64::from(n) * 1_000,
        )));
    }
    events.push(Event::Segment(segment(first, b"ab", 20_000)));
    events.push(Event::Segment(segment(first, b"ab", 20_001)));
    assert_eq!(read(&events).opened.len(), 1);
}

#[test]
fn what_an_ended_connection_did_not_say_is_of_another_one() {
    let fin = |seq, from_client: bool, time| {
        let segment = Segment {
            flags: flag::FIN | flag::ACK,
            ..segment(seq, b"", time)
        };
        Event::Segment(if from_client { segment } else { back(segment) })
    };
    // beyond the first one's bytes, and before them
    for seq in [50_000, 90] {
        let events = [
            syn(100, 0),
            Event::Segment(segment(101, b"first", 2)),
            fin(106, true, 3),
            fin(500, false, 3),
            Event::Segment(segment(101, b"first", 4)),
            Event::Segment(segment(103, b"rst", 4)),
            Event::Segment(segment(seq, b"second", 5)),
        ];
        let reader = read(&events);
        assert_eq!(reader.of(1, Dir::AToB), [Got::Bytes(b"first".to_vec())]);
        let second = [Got::Desync, Got::Bytes(b"second".to_vec())];
        assert_eq!(reader.of(2, Dir::AToB), second, "{seq}");
        assert_eq!(reader.opened.len(), 2);
    }
}

#[test]
fn a_syn_behind_answers_begins_another_connection() {
    let events = [
        Event::Segment(back(segment(7000, b"answer", 0))),
        syn(100, 1),
        Event::Segment(segment(101, b"asked", 2)),
    ];
    let reader = read(&events);
    assert_eq!(reader.of(1, Dir::AToB), [Got::Bytes(b"answer".to_vec())]);
    assert_eq!(reader.of(2, Dir::AToB), [Got::Bytes(b"asked".to_vec())]);
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
    let answer = Event::Segment(back(segment(7_000, b"end of an answer", 3)));
    let events = [
        syn(100, 0),
        Event::Segment(segment(101, b"asked", 1)),
        answer,
    ];
    let reader = read(&events);
    assert_eq!(reader.of(1, Dir::AToB), [Got::Bytes(b"asked".to_vec())]);
    let got = reader.of(1, Dir::BToA);
    assert!(matches!(got[..], [Got::Desync, Got::Bytes(_)]), "{got:?}");
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
            ack: 3,
            ..back(segment(500, b"", 3))
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
