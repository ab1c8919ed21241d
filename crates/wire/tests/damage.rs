//! Sessions over streams that are damaged, late, or not what they seem.

mod support;

use kafkascope_wire::{
    Item, Protocol, Side,
    session::{Missing, Session},
};
use support::{encode::Random, *};

/// Bytes of the client's stream that are told of, as messages or as unreadable.
fn told(log: &Log) -> u64 {
    let of = |item: &Item| match item {
        Item::Exchange(e) => e.request.as_ref().map_or(0, |m| 4 + u64::from(m.declared)),
        Item::Unreadable {
            side: Side::Client,
            bytes,
            ..
        } => *bytes,
        _ => 0,
    };
    log.items.iter().map(of).sum()
}

#[test]
fn any_damage_is_told_and_none_panics() {
    let (up, down) = conversation();
    let mut random = Random(5);
    for round in 0..3000 {
        let mut log = Log::default();
        let mut s = Session::new(Some(true), true);
        let mut sent = 0;
        let mut time = 0;
        for turn in 0..3 {
            for (from_a, stream) in [(true, &up), (false, &down)] {
                let mut stream = stream.clone();
                if turn > 0 && random.below(3) == 0 {
                    let at = random.below(stream.len() as u64) as usize;
                    stream[at] = random.next() as u8;
                }
                let mut rest = &stream[..];
                while !rest.is_empty() {
                    time += 1;
                    let n = (1 + random.below(90) as usize).min(rest.len());
                    sent += if from_a { n as u64 } else { 0 };
                    match random.below(12) {
                        0 if turn > 0 => {
                            s.hole(from_a, time, n as u64, Missing::Lost, &mut log.sink())
                        }
                        1 if turn > 0 => {
                            sent -= if from_a { n as u64 } else { 0 };
                            s.desync(from_a, time, &mut log.sink());
                        }
                        _ => s.data(from_a, time, &rest[..n], &mut log.sink()),
                    }
                    rest = &rest[n..];
                }
            }
            s.tick(time, &mut log.sink());
        }
        s.close(time, &mut log.sink());
        assert_eq!(log.protocols(), [Protocol::Kafka], "round {round}");
        assert!(
            told(&log) >= sent,
            "round {round}: {} of {sent} bytes are told of",
            told(&log)
        );
        let read = log.pairs().iter().filter(|p| p.2 && p.3).count();
        assert!(
            read >= 7,
            "round {round}: the undamaged part gave {read} exchanges"
        );
    }
}

#[test]
fn after_an_unknown_loss_both_streams_get_in_step_again() {
    let (up, down) = conversation();
    let cut = up.len() / 2;
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &up[..cut], &mut log.sink());
    s.desync(true, 2, &mut log.sink());
    s.data(true, 3, &up[cut + 30..], &mut log.sink());
    s.data(false, 4, &down[..60], &mut log.sink());
    s.desync(false, 5, &mut log.sink());
    s.data(false, 6, &down[65..], &mut log.sink());
    s.close(7, &mut log.sink());
    let read: Vec<_> = log
        .pairs()
        .into_iter()
        .filter(|p| p.2 && p.3)
        .map(|p| p.1)
        .collect();
    assert!(read.contains(&1) && read.ends_with(&[6, 7]), "{read:?}");
    assert!(s.counters().lost_step == 2 && s.counters().unreadable_bytes > 0);
}

#[test]
fn any_interleaving_of_the_two_streams_pairs_the_same() {
    let (up, down) = conversation();
    let mut random = Random(9);
    for _ in 0..500 {
        let mut log = Log::default();
        let mut s = Session::new(Some(true), true);
        let (mut a, mut b) = (&up[..], &down[..]);
        while !a.is_empty() || !b.is_empty() {
            let from_a = random.below(2) == 0;
            let rest = if from_a { &mut a } else { &mut b };
            let n = (1 + random.below(50) as usize).min(rest.len());
            s.data(from_a, 1, &rest[..n], &mut log.sink());
            *rest = &rest[n..];
        }
        let pairs = log.pairs();
        assert_eq!(
            pairs.iter().map(|p| p.1).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7]
        );
        assert!(pairs.iter().all(|p| p.2 && p.3));
    }
}

#[test]
fn an_api_of_the_future_keeps_step() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &api_versions(1, "me"), &mut log.sink());
    s.data(
        true,
        2,
        &request(120, 3, 2, "me", b"whatever"),
        &mut log.sink(),
    );
    s.data(
        true,
        3,
        &request(1, 40, 3, "me", b"whatever"),
        &mut log.sink(),
    );
    s.data(true, 4, &heartbeat(4, "me"), &mut log.sink());
    let down = [
        api_versions_response(1),
        response(2, b"??"),
        response(3, b"??"),
        heartbeat_response(4),
    ];
    s.data(false, 5, &down.concat(), &mut log.sink());
    assert_eq!(
        log.pairs(),
        [
            (18, 1, true, true),
            (120, 2, true, true),
            (1, 3, true, true),
            (12, 4, true, true)
        ]
    );
}

/// A client newer than the schemas, on a connection older than the capture.
#[test]
fn versions_of_the_future_are_found_from_any_byte_on() {
    let mut body = [0x55; 40];
    body[0] = 0;
    let up: Vec<u8> = (1..8)
        .flat_map(|id| request(1, 25, id, "me", &body))
        .collect();
    let down: Vec<u8> = (1..8).flat_map(|id| response(id, &body)).collect();
    let size = up.len() / 7;
    for from in 0..up.len() - 3 * size {
        let mut log = Log::default();
        let mut s = Session::new(None, false);
        let first = from.div_ceil(size);
        for (i, piece) in up[from..].chunks(17).enumerate() {
            s.data(true, i as i64, piece, &mut log.sink());
        }
        s.data(
            false,
            1000,
            &down[first * down.len() / 7..],
            &mut log.sink(),
        );
        s.close(2000, &mut log.sink());
        let expected: Vec<_> = (first as i32 + 1..8)
            .map(|id| (1, id, true, true))
            .collect();
        assert_eq!(log.pairs(), expected, "from {from}");
    }
}

#[test]
fn tls_is_seen_at_the_start_and_in_the_middle() {
    let mut log = Log::default();
    let mut s = Session::new(None, true);
    s.data(true, 1, b"\x16\x03\x01\x00\xfa\x01\x00", &mut log.sink());
    assert_eq!(log.protocols(), [Protocol::Tls]);

    let record = [&b"\x17\x03\x03\x01\x00"[..], &[0x5a; 256]].concat();
    let mut log = Log::default();
    let mut s = Session::new(None, false);
    for i in 0..3 {
        s.data(i % 2 == 0, i, &record, &mut log.sink());
        s.data(i % 2 != 0, i, &record, &mut log.sink());
    }
    assert_eq!(log.protocols(), [Protocol::Tls]);
}

#[test]
fn what_does_not_come_is_given_up_in_time() {
    const SECOND: i64 = 1_000_000_000;
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &api_versions(1, "me"), &mut log.sink());
    s.data(
        false,
        2,
        &[api_versions_response(1), heartbeat_response(9)].concat(),
        &mut log.sink(),
    );
    s.data(true, 3, &heartbeat(2, "me"), &mut log.sink());
    s.tick(SECOND / 2, &mut log.sink());
    assert_eq!(log.pairs(), [(18, 1, true, true)]);
    // a request may wait as long as its stream waits for bytes before it
    s.tick(4 * SECOND, &mut log.sink());
    assert_eq!(log.pairs().len(), 1);
    s.tick(6 * SECOND, &mut log.sink());
    assert_eq!(log.pairs()[1..], [(-1, 9, false, true)]);
    s.tick(700 * SECOND, &mut log.sink());
    assert_eq!(log.pairs()[2..], [(12, 2, true, false)]);
}

#[test]
fn a_header_cut_inside_of_its_client_id_is_a_request() {
    let cut = 20;
    let (mut up, mut down) = (
        api_versions(1, "a client with a long name"),
        api_versions_response(1),
    );
    let left = [up.split_off(cut).len(), down.split_off(cut).len()];
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    for (from_a, bytes, left) in [(true, &up, left[0]), (false, &down, left[1])] {
        s.data(from_a, 1, bytes, &mut log.sink());
        s.hole(from_a, 1, left as u64, Missing::LeftOut, &mut log.sink());
    }
    assert_eq!(log.pairs(), [(18, 1, true, true)]);

    // a hole that ends elsewhere, or an id that is longer than the message
    for (longer, id_length) in [(1, 25), (0, 99)] {
        let mut other = up.clone();
        other[12..14].copy_from_slice(&u16::to_be_bytes(id_length));
        let mut log = Log::default();
        let mut s = Session::new(Some(true), true);
        s.data(true, 1, &other, &mut log.sink());
        s.hole(
            true,
            1,
            left[0] as u64 + longer,
            Missing::LeftOut,
            &mut log.sink(),
        );
        s.close(2, &mut log.sink());
        assert_eq!(log.items, []);
    }
}

#[test]
fn a_long_stretch_is_told_while_it_lasts() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    s.data(true, 1, &api_versions(1, "me"), &mut log.sink());
    s.hole(true, 2, 1000, Missing::Lost, &mut log.sink());
    s.tick(6_000_000_000, &mut log.sink());
    let told: Vec<_> = log
        .items
        .iter()
        .filter(|i| matches!(i, Item::Unreadable { bytes: 1000, .. }))
        .collect();
    assert_eq!(told.len(), 1);
}

#[test]
fn sasl_may_be_repeated_in_the_middle() {
    let mut log = Log::default();
    let mut s = Session::new(Some(true), true);
    let token = request(36, 1, 2, "me", b"\0\0\0\x04\0u\0p");
    let again = request(36, 1, 5, "me", b"\0\0\0\x04\0u\0p");
    let up = [
        sasl_handshake(1, 1),
        token,
        heartbeat(3, "me"),
        sasl_handshake(4, 1),
        again,
        heartbeat(6, "me"),
    ];
    let answer = b"\0\0\xff\xff\0\0\0\0\0\0\0\0\0\0\x75\x30";
    let down = [
        sasl_handshake_response(1),
        response(2, answer),
        heartbeat_response(3),
        sasl_handshake_response(4),
        response(5, answer),
        heartbeat_response(6),
    ];
    for (up, down) in up.iter().zip(&down) {
        s.data(true, 1, up, &mut log.sink());
        s.data(false, 2, down, &mut log.sink());
    }
    let keys: Vec<_> = log.pairs().iter().map(|p| (p.0, p.2 && p.3)).collect();
    assert_eq!(
        keys,
        [
            (17, true),
            (36, true),
            (12, true),
            (17, true),
            (36, true),
            (12, true)
        ]
    );
}

#[test]
fn a_wrong_guess_of_the_roles_is_corrected() {
    let (up, down) = conversation();
    let mut log = Log::default();
    let mut s = Session::new(None, false);
    // A record that holds a request, sent by the broker.
    s.data(false, 1, &heartbeat(50, "inner"), &mut log.sink());
    assert_eq!(s.client_is_a(), Some(false));
    s.data(true, 2, &up, &mut log.sink());
    s.data(false, 3, &down, &mut log.sink());
    s.close(4, &mut log.sink());
    assert_eq!(s.client_is_a(), Some(true));
    let read: Vec<_> = log
        .pairs()
        .iter()
        .filter(|p| p.2 && p.3)
        .map(|p| p.1)
        .collect();
    assert_eq!(read, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_capture_of_the_beginnings_of_messages_is_read_from_the_middle() {
    let exchanges = [
        (produce(3, "me", -1, 120), produce_response(3)),
        (produce(5, "", 1, 7000), produce_response(5)),
        (heartbeat(6, "me"), heartbeat_response(6)),
        (produce(7, "me", 1, 70_000), produce_response(7)),
    ];
    for first in 0..exchanges.len() {
        for client in [Some(true), None] {
            let mut log = Log::default();
            let mut s = Session::new(client, false);
            for (up, down) in &exchanges[first..] {
                for (from_a, message) in [(true, up), (false, down)] {
                    let kept = message.len().min(130);
                    s.data(from_a, 1, &message[..kept], &mut log.sink());
                    s.hole(
                        from_a,
                        1,
                        (message.len() - kept) as u64,
                        Missing::LeftOut,
                        &mut log.sink(),
                    );
                }
            }
            let read = log.pairs().iter().filter(|p| p.2 && p.3).count();
            assert_eq!(
                (read, s.counters().lost_step),
                (exchanges.len() - first, 0),
                "from {first}, client {client:?}"
            );
        }
    }
}
