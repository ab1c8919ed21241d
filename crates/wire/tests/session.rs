//! Sessions over hand-made streams: in step, cut, mid-connection, lossy.

mod support;

use kafkascope_wire::{
    Item, Protocol, Side,
    session::{Missing, Session},
};
use support::*;

#[test]
fn requests_meet_their_responses() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 10, &api_versions(1, "me"), &mut log.sink());
    s.data(false, 20, &api_versions_response(1), &mut log.sink());
    s.data(true, 30, &heartbeat(2, "me"), &mut log.sink());
    s.data(true, 31, &heartbeat(3, "me"), &mut log.sink());
    s.data(false, 40, &heartbeat_response(2), &mut log.sink());
    s.data(false, 41, &heartbeat_response(3), &mut log.sink());
    s.close(50, &mut log.sink());
    assert_eq!(
        log.pairs(),
        [
            (18, 1, true, true),
            (12, 2, true, true),
            (12, 3, true, true)
        ]
    );
    assert_eq!(log.protocols(), [Protocol::Kafka]);
    let Item::Exchange(e) = &log.items[1] else {
        panic!()
    };
    assert_eq!((e.client_id.as_deref(), e.api_version), (Some("me"), 3));
    assert_eq!(
        (
            e.request.as_ref().unwrap().first_ns,
            e.response.as_ref().unwrap().last_ns
        ),
        (10, 20)
    );
}

#[test]
fn any_split_of_the_streams_gives_the_same_exchanges() {
    let (up, down) = conversation();
    let whole = run(Some(true), true, &up, &down, usize::MAX);
    assert_eq!(whole.pairs().len(), 7);
    for n in 1..40 {
        for client in [Some(true), None] {
            let split = run(client, true, &up, &down, n);
            assert_eq!(
                split.pairs(),
                whole.pairs(),
                "pieces of {n}, client {client:?}"
            );
            assert_eq!(split.bodies(), whole.bodies(), "pieces of {n}");
        }
    }
}

#[test]
fn a_correlation_id_is_any_number() {
    for ids in [[-3, -2, -1], [i32::MAX, i32::MIN, i32::MIN + 1]] {
        let mut log = Log::default();
        let mut s = Session::new(None, true);
        for (time_ns, id) in (10..).step_by(10).zip(ids) {
            s.data(true, time_ns, &heartbeat(id, "me"), &mut log.sink());
            s.data(false, time_ns + 1, &heartbeat_response(id), &mut log.sink());
        }
        s.close(50, &mut log.sink());
        assert_eq!(log.pairs(), ids.map(|id| (12, id, true, true)));
    }
}

#[test]
fn a_client_id_is_any_text() {
    let longest = "x".repeat(i16::MAX as usize);
    for client in [
        "{\"a\": 1}\n",
        "\u{7f}\u{1} \t",
        &"ü".repeat(16_000),
        &longest,
    ] {
        let mut log = Log::default();
        let mut s = Session::new(None, true);
        for id in 1..3 {
            s.data(true, 10, &heartbeat(id, client), &mut log.sink());
            s.data(false, 20, &heartbeat_response(id), &mut log.sink());
        }
        s.close(50, &mut log.sink());
        assert_eq!(log.pairs(), [(12, 1, true, true), (12, 2, true, true)]);
        let Item::Exchange(e) = &log.items[1] else {
            panic!()
        };
        assert_eq!(e.client_id.as_deref(), Some(client));
    }
}

#[test]
fn a_connection_opens_with_any_version_of_api_versions() {
    let refusal = |id| response(id, b"\0\x23\0\0\0\x01\0\x12\0\0\0\x05");
    for version in [6, 29, 30, 64, 255, 256, i16::MAX, -1, i16::MIN] {
        let greeting = request(18, version, 1, "new", b"\0\x04new\x041.0\0");
        for split in [1, 4, 6, 7, 8, 12, greeting.len()] {
            let mut log = Log::default();
            let mut s = Session::new(None, true);
            s.data(true, 10, &greeting[..split], &mut log.sink());
            s.data(true, 11, &greeting[split..], &mut log.sink());
            s.data(false, 20, &refusal(1), &mut log.sink());
            s.data(true, 30, &heartbeat(2, "new"), &mut log.sink());
            s.data(false, 40, &heartbeat_response(2), &mut log.sink());
            s.close(50, &mut log.sink());
            let both = [(18, 1, true, true), (12, 2, true, true)];
            assert_eq!(log.pairs(), both, "version {version}, split at {split}");
        }
    }
    // Neither whole nor with a client id that is text.
    for bytes in [
        frame(b"\0\x12\x40\0\0\0\0\x01\0\x02\xff\xfe"),
        frame(b"\0\x12\x40\0\0\0\0\x01\x7f\xffab"),
        frame(&[0, 18, 64, 0])[..7].to_vec(),
    ] {
        let mut log = Log::default();
        let mut s = Session::new(Some(true), true);
        s.data(true, 10, &bytes, &mut log.sink());
        s.close(50, &mut log.sink());
        assert_eq!(log.pairs(), [], "{bytes:x?}");
    }
}

#[test]
fn a_connection_opens_with_what_its_broker_refuses() {
    let unnamed = |request: Vec<u8>| {
        let mut body = request[4..].to_vec();
        // The client id "x" becomes null.
        body.splice(8..11, [0xff, 0xff]);
        frame(&body)
    };
    let no_group = [0, 1, b'g', 0xff, 0xff, 0xff, 0xf0, 0, 1, b'm'];
    for (key, version, body) in [
        (0, 3, &b"\xff\xff\0\x4d\xff\xff\xff\xfe\0\0\0\0"[..]),
        (0, 0, b"\0\x01\0\0\x03\xe8\0\0\0\x01\0\x03a b\0\0\0\0"),
        (
            1,
            7,
            b"\0\0\0\x02\0\0\0\x0a\0\0\0\x02\0\0\0\x08\0\0\0\0\x08\xff\xff\xff\xfe\0\0\0\0\0\0\0\0",
        ),
        (12, 0, &no_group),
    ] {
        let first = |client| request(key, version, 1, client, body);
        for opening in [first("me"), first("x"), unnamed(first("x")), first("")] {
            for split in [1, 9, 14, opening.len() - 1, opening.len()] {
                let mut log = Log::default();
                let mut s = Session::new(Some(true), true);
                s.data(true, 10, &opening[..split], &mut log.sink());
                s.data(true, 11, &opening[split..], &mut log.sink());
                s.data(false, 20, &response(1, b"\0\x2a"), &mut log.sink());
                s.data(true, 30, &heartbeat(2, ""), &mut log.sink());
                s.data(false, 40, &heartbeat_response(2), &mut log.sink());
                s.close(50, &mut log.sink());
                let both = [(key, 1, true, true), (12, 2, true, true)];
                assert_eq!(log.pairs(), both, "{opening:x?}, split at {split}");
            }
        }
    }
}

#[test]
fn the_role_is_found_on_either_side() {
    let (up, down) = conversation();
    let mut log = Log::default();
    let mut s = Session::new(None, false);
    s.data(false, 1, &up, &mut log.sink());
    s.data(true, 2, &down, &mut log.sink());
    s.close(3, &mut log.sink());
    assert_eq!(log.pairs().len(), 7);
    assert_eq!(s.client_is_a(), Some(false));
}

#[test]
fn a_start_at_any_byte_gets_in_step() {
    let (up, down) = conversation();
    let all = run(Some(true), true, &up, &down, usize::MAX).pairs();
    for client in [Some(true), None] {
        for at in 0..up.len() - 60 {
            let log = run(client, false, &up[at..], &down, usize::MAX);
            let pairs: Vec<_> = log.pairs().into_iter().filter(|p| p.2).collect();
            assert!(
                !pairs.is_empty() && all.ends_with(&pairs),
                "start at {at}: {pairs:?}"
            );
        }
    }
}

#[test]
fn lost_bytes_cost_the_messages_they_hit() {
    let (up, down) = conversation();
    let all = run(Some(true), true, &up, &down, usize::MAX).pairs();
    for at in 0..up.len() - 2 {
        for len in [1usize, 3, 7, 40] {
            let end = (at + len).min(up.len());
            let mut log = Log::default();
            let mut s = Session::new(Some(true), true);
            s.data(true, 1, &up[..at], &mut log.sink());
            s.hole(true, 2, (end - at) as u64, Missing::Lost, &mut log.sink());
            s.data(true, 3, &up[end..], &mut log.sink());
            s.data(false, 4, &down, &mut log.sink());
            s.close(5, &mut log.sink());
            let read: Vec<_> = log.pairs().into_iter().filter(|p| p.2 && p.3).collect();
            assert!(read.iter().all(|p| all.contains(p)), "hole {at}+{len}");
            if at > 40 && end < up.len() - 150 {
                assert!(
                    read.len() + 4 >= all.len(),
                    "hole {at}+{len} leaves {read:?}"
                );
            }
            let seen: u64 = log
                .items
                .iter()
                .map(|i| match i {
                    Item::Exchange(e) => {
                        e.request.as_ref().map_or(0, |m| 4 + u64::from(m.declared))
                    }
                    Item::Unreadable {
                        side: Side::Client,
                        bytes,
                        ..
                    } => *bytes,
                    _ => 0,
                })
                .sum();
            if s.protocol() == Protocol::Kafka {
                assert_eq!(
                    seen,
                    up.len() as u64,
                    "hole {at}+{len}: every byte is in a message or a stretch"
                );
            }
        }
    }
}

#[test]
fn a_hole_of_known_length_inside_a_body_keeps_step() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &api_versions(1, "me"), &mut log.sink());
    let produce = produce(2, "me", 1, 5000);
    s.data(true, 2, &produce[..300], &mut log.sink());
    s.hole(
        true,
        3,
        produce.len() as u64 - 300,
        Missing::LeftOut,
        &mut log.sink(),
    );
    s.data(true, 4, &heartbeat(3, "me"), &mut log.sink());
    s.close(9, &mut log.sink());
    assert_eq!(
        log.pairs(),
        [
            (18, 1, true, false),
            (0, 2, true, false),
            (12, 3, true, false)
        ]
    );
    let Item::Exchange(e) = &log.items[2] else {
        panic!()
    };
    let message = e.request.as_ref().unwrap();
    assert_eq!(
        (message.holes.len(), message.lost, message.data.len()),
        (1, 0, 296)
    );
}

#[test]
fn acks_0_expects_no_response() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &produce(1, "me", 0, 10), &mut log.sink());
    s.data(true, 2, &heartbeat(2, "me"), &mut log.sink());
    s.data(false, 3, &heartbeat_response(2), &mut log.sink());
    assert_eq!(log.pairs(), [(0, 1, true, false), (12, 2, true, true)]);
    assert_eq!(s.counters().no_response, 0);
}

#[test]
fn skipped_responses_and_unknown_ones_are_told() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &api_versions(1, "me"), &mut log.sink());
    s.data(true, 1, &heartbeat(2, "me"), &mut log.sink());
    s.data(true, 1, &heartbeat(3, "me"), &mut log.sink());
    s.data(false, 2, &heartbeat_response(77), &mut log.sink());
    s.data(false, 2, &heartbeat_response(3), &mut log.sink());
    s.close(3, &mut log.sink());
    assert_eq!(
        log.pairs(),
        [
            (18, 1, true, false),
            (12, 2, true, false),
            (-1, 77, false, true),
            (12, 3, true, true)
        ]
    );
    assert_eq!((s.counters().no_response, s.counters().no_request), (2, 1));
}

#[test]
fn a_response_may_be_delivered_before_its_request() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &api_versions(1, "me"), &mut log.sink());
    s.data(false, 2, &api_versions_response(1), &mut log.sink());
    s.data(false, 1000, &heartbeat_response(2), &mut log.sink());
    s.data(true, 900, &heartbeat(2, "me"), &mut log.sink());
    assert_eq!(log.pairs(), [(18, 1, true, true), (12, 2, true, true)]);
}

#[test]
fn raw_sasl_tokens_until_the_first_request() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &sasl_handshake(1, 0), &mut log.sink());
    s.data(false, 2, &sasl_handshake_response(1), &mut log.sink());
    s.data(true, 3, &frame(b"\0user\0password"), &mut log.sink());
    s.data(false, 4, &frame(b""), &mut log.sink());
    s.data(true, 5, &heartbeat(2, "me"), &mut log.sink());
    s.data(false, 6, &heartbeat_response(2), &mut log.sink());
    assert_eq!(
        log.pairs(),
        [
            (17, 1, true, true),
            (36, -1, true, true),
            (12, 2, true, true)
        ]
    );
    let Item::Exchange(token) = &log.items[2] else {
        panic!()
    };
    assert!(token.raw_sasl);
}

#[test]
fn a_connection_may_open_with_a_token_of_kerberos() {
    let mut token = vec![0x60, 0x82, 0x01, 0x0b];
    token.extend(b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
    token.extend([0xee; 256]);
    let opening = frame(&token);
    for split in [0, 1, 4, 5, 7, 12, 18, 19, 100] {
        let mut log = Log::default();
        let mut s = Session::new(Some(true), true);
        s.data(true, 1, &opening[..split], &mut log.sink());
        s.data(true, 1, &opening[split..], &mut log.sink());
        s.data(false, 2, &frame(&[0x60; 100]), &mut log.sink());
        s.data(true, 3, &frame(b""), &mut log.sink());
        s.data(false, 4, &frame(&[5; 32]), &mut log.sink());
        s.data(true, 5, &heartbeat(2, "me"), &mut log.sink());
        s.data(false, 6, &heartbeat_response(2), &mut log.sink());
        assert_eq!(
            log.pairs(),
            [
                (36, -1, true, true),
                (36, -1, true, true),
                (12, 2, true, true)
            ],
            "split at {split}"
        );
        assert_eq!(s.counters().unreadable_bytes, 0);
    }
    // Of another mechanism, or longer than its frame: not Kafka.
    for (at, byte) in [(3, 0x0c), (10, 0x49)] {
        let mut other = token.clone();
        other[at] = byte;
        let mut log = Log::default();
        let mut s = Session::new(Some(true), true);
        s.data(true, 1, &frame(&other), &mut log.sink());
        assert_eq!(log.pairs(), []);
        assert_eq!(s.protocol(), Protocol::Other);
    }
}

#[test]
fn a_message_beyond_the_limit_keeps_its_beginning_and_its_end() {
    let limits = kafkascope_wire::Limits {
        message_bytes: 100,
        ..Default::default()
    };
    let mut log = Log::default();
    let mut s = Session::with_limits(Some(true), true, limits);
    let mut sent = produce(1, "me", 1, 10_000);
    // with a magic that nobody knows, so that no batch can be left out
    let batch_at = sent.len() - 10_061;
    sent[batch_at + 16] = 9;
    for segment in sent.chunks(1448) {
        s.data(true, 1, segment, &mut log.sink());
    }
    s.close(2, &mut log.sink());
    let Item::Exchange(e) = &log.items[1] else {
        panic!()
    };
    let message = e.request.as_ref().unwrap();
    assert_eq!(message.lost, 0);
    assert_eq!(message.holes.len(), 1);
    assert_eq!(message.holes[0].at, 100);
    let kept = message.data.len();
    assert_eq!(message.data[..100], sent[4..104]);
    assert_eq!(message.data[100..], sent[sent.len() - (kept - 100)..]);
    assert!((1000..5000).contains(&kept), "{kept}");
    assert_eq!(
        s.counters().cut_bytes,
        u64::from(message.declared) - kept as u64
    );
}

#[test]
fn pending_requests_are_bounded() {
    let limits = kafkascope_wire::Limits {
        pending: 3,
        ..Default::default()
    };
    let mut log = Log::default();
    let mut s = Session::with_limits(Some(true), true, limits);
    for id in 0..10 {
        s.data(true, 1, &heartbeat(id, "me"), &mut log.sink());
    }
    assert_eq!(log.pairs().len(), 7);
    assert_eq!(s.counters().evicted, 7);
}

/// Of each item about answers without requests: the direction and how many.
fn answers(log: &Log) -> Vec<(bool, u64, u64)> {
    let of = |item: &Item| match item {
        Item::Answers {
            from_a,
            messages,
            bytes,
            ..
        } => Some((*from_a, *messages, *bytes)),
        _ => None,
    };
    log.items.iter().filter_map(of).collect()
}

#[test]
fn one_direction_alone_is_told() {
    let (up, down) = conversation();
    let first = api_versions_response(1).len();
    let all = down.len() as u64;
    let rest = all - first as u64;
    for piece in [1, 3, 50, usize::MAX] {
        // of requests: all are rows without an answer
        let log = run(None, false, &up, &[], piece);
        let pairs = log.pairs();
        assert_eq!(pairs.len(), 7, "pieces of {piece}");
        assert!(
            pairs
                .iter()
                .all(|(.., request, response)| *request && !response)
        );
        assert_eq!(answers(&log), []);
        // of answers: nothing tells what they are, and how many is told
        let log = run(None, false, &[], &down, piece);
        assert_eq!(log.pairs(), []);
        assert_eq!(answers(&log), [(false, 7, all)], "pieces of {piece}");
        assert_eq!(log.protocols(), []);
        // both
        assert_eq!(answers(&run(None, false, &up, &down, piece)), []);
    }
    // the broker's acknowledgements tell of requests that were not captured
    let mut log = Log::default();
    let mut s = Session::new(None, false);
    for part in down.chunks(100) {
        s.data(false, 1, part, &mut log.sink());
        s.hole(true, 1, 40, Missing::Lost, &mut log.sink());
    }
    s.close(2, &mut log.sink());
    assert_eq!(answers(&log), [(false, 7, all)]);
    let mut log = Log::default();
    let mut s = Session::new(None, false);
    let (in_the_middle, others) = down.split_at(first);
    s.data(false, 1, &in_the_middle[6..], &mut log.sink());
    s.data(false, 2, others, &mut log.sink());
    s.tick(6_000_000_000, &mut log.sink());
    assert_eq!(answers(&log), [(false, 6, rest)]);
    s.close(7_000_000_000, &mut log.sink());
    assert_eq!(answers(&log).len(), 1);
}

#[test]
fn what_only_api_versions_and_client_ids_may_be() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    // a version far beyond, behind other requests; a client id that is null by another number than -1
    let far = request(18, 100, 2, "me", b"?");
    let null = frame(b"\0\x12\0\0\0\0\0\x03\x80\0");
    let asked = [api_versions(1, "me"), far, null, heartbeat(4, "me")].concat();
    s.data(true, 1, &asked, &mut log.sink());
    let answers = [1, 2, 3].map(api_versions_response).concat();
    s.data(
        false,
        2,
        &[answers, heartbeat_response(4)].concat(),
        &mut log.sink(),
    );
    assert_eq!(
        log.pairs(),
        [
            (18, 1, true, true),
            (18, 2, true, true),
            (18, 3, true, true),
            (12, 4, true, true)
        ]
    );

    // nobody opens with such a client id
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(
        true,
        1,
        &frame(b"\0\x12\0\0\0\0\0\x03\x80\0"),
        &mut log.sink(),
    );
    s.close(2, &mut log.sink());
    assert_eq!(log.pairs(), []);
}
