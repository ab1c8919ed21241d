//! Streams of other protocols are never taken for Kafka, whole or from any byte on.

mod support;

use kafkascope_wire::{Item, Protocol, session::Session};
use support::{encode::Random, *};

fn le(n: u32, size: usize) -> Vec<u8> {
    n.to_le_bytes()[..size].to_vec()
}

fn mysql(seq: u8, body: &[u8]) -> Vec<u8> {
    [le(body.len() as u32, 3), vec![seq], body.to_vec()].concat()
}

fn postgres(kind: &[u8], body: &[u8]) -> Vec<u8> {
    [kind, &(body.len() as u32 + 4).to_be_bytes(), body].concat()
}

/// ZooKeeper's framing is Kafka's, and its packets are full of small numbers.
fn zookeeper(xid: i32, op: i32, path: &str) -> Vec<u8> {
    frame(
        &[
            &xid.to_be_bytes()[..],
            &op.to_be_bytes(),
            &(path.len() as u32).to_be_bytes(),
            path.as_bytes(),
            b"\0",
        ]
        .concat(),
    )
}

/// Name, what the client sends, what the server sends; `n` varies ids, lengths and texts.
fn openings(n: u32) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let path = format!("/a/{}", "x".repeat(n as usize * 3));
    let text = path.as_bytes();
    let zk_connect = frame(
        &[
            &[0; 4][..],
            &u64::from(n).to_be_bytes(),
            &(4000 * n).to_be_bytes(),
            &[0; 8],
            &[0, 0, 0, 16],
            &[0; 16],
            &[0],
        ]
        .concat(),
    );
    let zk_again = frame(
        &[
            &[0; 4][..],
            &u64::from(n).to_be_bytes(),
            &30_000u32.to_be_bytes(),
            &[1, 0, 0, 5, 0, 0, 0, n as u8],
            &[0, 0, 0, 16],
            &[7; 16],
        ]
        .concat(),
    );
    let tls = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        vec![n as u8; 507],
    ]
    .concat();
    vec![
        (
            "http",
            format!("GET {path} HTTP/1.1\r\nHost: h{n}\r\n\r\n").into(),
            format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n").into(),
        ),
        (
            "http post",
            format!("POST {path} HTTP/1.1\r\nContent-Length: 40\r\n\r\n{{\"n\":{n}}}").into(),
            b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        ),
        (
            "http/2",
            [
                &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0"[..],
                &[n as u8; 14],
            ]
            .concat(),
            b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x40\0\0\0\0\x04\x01\0\0\0\0".to_vec(),
        ),
        (
            "redis",
            format!("*2\r\n$3\r\nGET\r\n${}\r\n{path}\r\n", path.len()).into(),
            b"$5\r\nhello\r\n".to_vec(),
        ),
        (
            "memcached",
            format!("get {n}\r\n").into(),
            b"END\r\n".to_vec(),
        ),
        (
            "memcached binary",
            [
                &b"\x80\x00\0\x04\0\0\0\0\0\0\0\x04\0\0\0\0"[..],
                &[0; 8],
                b"key1",
            ]
            .concat(),
            b"\x81\0\0\0\0\0\0\0".to_vec(),
        ),
        (
            "postgres",
            [
                postgres(
                    b"",
                    &[&b"\0\x03\0\0user\0"[..], text, b"\0database\0db\0\0"].concat(),
                ),
                postgres(b"Q", &[text, b"\0"].concat()),
            ]
            .concat(),
            postgres(b"R", b"\0\0\0\0"),
        ),
        (
            "postgres tls",
            postgres(b"", b"\x04\xd2\x16\x2f"),
            b"S".to_vec(),
        ),
        (
            "postgres cancel",
            postgres(
                b"",
                &[&b"\x04\xd2\x16\x2e\0\0\0"[..], &[n as u8], &[0, 1, 2, 3]].concat(),
            ),
            vec![],
        ),
        (
            "mysql",
            [
                mysql(
                    1,
                    &[
                        &le(0x000f_a285, 4)[..],
                        &[0, 0, 0, 1, 33],
                        &[0; 23],
                        text,
                        b"\0",
                    ]
                    .concat(),
                ),
                mysql(0, &[b"\x03select ", text].concat()),
            ]
            .concat(),
            mysql(0, &[b"\x0a8.0.33\0", text].concat()),
        ),
        (
            "mongodb",
            [le(60 + n, 4), le(n, 4), le(0, 4), le(2013, 4), vec![0; 45]].concat(),
            [le(40, 4), le(n + 1, 4), le(n, 4), le(2013, 4), vec![0; 24]].concat(),
        ),
        (
            "zookeeper",
            [
                zk_connect,
                zookeeper(n as i32, 4, &path),
                zookeeper(-2, 11, ""),
                zookeeper(n as i32 + 1, 8, &path),
            ]
            .concat(),
            frame(&[0; 36]),
        ),
        (
            "zookeeper again",
            [
                zk_again,
                zookeeper(1, 3, "/brokers/ids"),
                zookeeper(2, 12, "/controller"),
            ]
            .concat(),
            frame(&[0; 37]),
        ),
        ("tls", tls.clone(), tls),
        (
            "ssh",
            format!("SSH-2.0-OpenSSH_9.{n}\r\n").into(),
            b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec(),
        ),
        (
            "amqp",
            [
                &b"AMQP\0\0\x09\x01\x01\0\0\0\0"[..],
                &[0, 8, 0, 10, 0, 11, 0, n as u8, 0xce],
            ]
            .concat(),
            b"\x01\0\0\0\0\x01\xbf\0\x0a\0\x0a\0\x09".to_vec(),
        ),
        (
            "mqtt",
            [
                &[0x10, 16 + n as u8, 0, 4],
                &b"MQTT\x04\x02\0\x3c\0"[..],
                &[4 + n as u8],
                b"dev1",
                text,
            ]
            .concat(),
            b"\x20\x02\0\0".to_vec(),
        ),
        (
            "nats",
            format!("CONNECT {{\"name\":\"{n}\"}}\r\nPING\r\n").into(),
            b"INFO {\"version\":\"2\"}\r\nPONG\r\n".to_vec(),
        ),
        (
            "cassandra",
            [
                &b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0"[..],
                &[4, 0, 0, n as u8, 7, 0, 0, 0, 1, 0],
            ]
            .concat(),
            b"\x84\0\0\0\x02\0\0\0\0".to_vec(),
        ),
        (
            "dns",
            [
                &[0, 33, 0, n as u8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..],
                b"\x07example\x03com\0\0\x01\0\x01",
            ]
            .concat(),
            b"\0\x31\0\x01\x81\x80\0\x01\0\x01\0\0\0\0".to_vec(),
        ),
        (
            "ldap",
            [
                &b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0\x30\x25\x02\x01"[..],
                &[n as u8],
            ]
            .concat(),
            b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0".to_vec(),
        ),
        (
            "smtp",
            format!("EHLO h{n}\r\nMAIL FROM:<a@b>\r\n").into(),
            b"220 mail ESMTP\r\n250 OK\r\n".to_vec(),
        ),
        (
            "thrift",
            frame(&[&b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0"[..], &[n as u8, 0]].concat()),
            frame(b"\x80\x01\0\x02\0\0\0\x04ping\0\0\0\x01\0"),
        ),
        (
            "thrift compact",
            frame(&[&[0x82, 0x21, n as u8, 4][..], b"ping\0"].concat()),
            frame(b"\x82\x41\x01\x04ping\0"),
        ),
        (
            "pulsar",
            [
                frame(
                    &[
                        &(20 + n).to_be_bytes()[..],
                        &[8, 2, 0x12, 16],
                        &vec![b'a'; 16 + n as usize],
                    ]
                    .concat(),
                ),
                frame(b"\0\0\0\x05\x08\x12\x92\x01\0"),
            ]
            .concat(),
            frame(b"\0\0\0\x05\x08\x13\x9a\x01\0"),
        ),
        (
            "smb",
            frame(&[&b"\xfeSMB\x40\0"[..], &[n as u8; 60]].concat()),
            frame(&[&b"\xfeSMB\x40\0\x01"[..], &[0; 57]].concat()),
        ),
        (
            "oracle",
            [
                &b"\0\x3a\0\0\x01\0\0\0\x01\x36\x01\x2c\0\0\x08\0\x7f\xff\x7f\x08\0\0\0"[..],
                &[n as u8; 35],
            ]
            .concat(),
            b"\0\x20\0\0\x02\0\0\0".to_vec(),
        ),
        (
            "tds",
            [
                &b"\x12\x01\0\x2f\0\0\x01\0\0\0\x1a\0\x06\x01\0"[..],
                &[n as u8; 32],
            ]
            .concat(),
            b"\x04\x01\0\x2b\0\0\x01\0".to_vec(),
        ),
        (
            "openwire",
            frame(&[&b"\x01ActiveMQ\0\0\0\x0c\x01\0\0\0"[..], text].concat()),
            frame(b"\x01ActiveMQ\0\0\0\x0c\x01\0\0\0"),
        ),
        (
            "kerberos",
            frame(&[&b"\x6a\x81\xae\x30\x81\xab\xa1\x03\x02\x01\x05"[..], text].concat()),
            frame(b"\x6b\x82\x02\xd6"),
        ),
        (
            "bgp",
            [
                &[0xff; 16][..],
                &[0, 29, 1, 4, 0, n as u8, 0, 180, 10, 0, 0, 1, 0],
            ]
            .concat(),
            vec![0xff; 29],
        ),
        (
            "rpc",
            [&[0x80, 0, 0, 40, 0, 0, 0, n as u8][..], &[0; 32]].concat(),
            [&[0x80, 0, 0, 24][..], &[0; 24]].concat(),
        ),
        ("zeros", vec![0; 100 + n as usize], vec![0; 64]),
    ]
}

fn verdicts(
    client: Option<bool>,
    opened: bool,
    up: &[u8],
    down: &[u8],
    server_first: bool,
) -> Vec<Protocol> {
    let mut log = Log::default();
    let mut s = Session::new(client, opened);
    for turn in 0..2 {
        let (from_a, bytes) = if (turn == 0) == server_first {
            (false, down)
        } else {
            (true, up)
        };
        for piece in bytes.chunks(700) {
            s.data(from_a, turn, piece, &mut log.sink());
        }
    }
    s.close(9, &mut log.sink());
    let messages = log
        .items
        .iter()
        .any(|i| !matches!(i, Item::Protocol { .. }));
    assert!(!messages, "{:?}", log.items);
    log.protocols()
}

#[test]
fn openings_of_other_protocols() {
    for n in 1..=20 {
        let all = openings(n);
        assert!(all.len() > 30);
        for (name, up, down) in all {
            for client in [Some(true), None] {
                for server_first in [false, true] {
                    let verdicts = verdicts(client, true, &up, &down, server_first);
                    let expected = if name == "tls" {
                        Protocol::Tls
                    } else {
                        Protocol::Other
                    };
                    if client.is_some() {
                        assert_eq!(verdicts, [expected], "{name} {n}");
                    }
                    assert!(!verdicts.contains(&Protocol::Kafka), "{name} {n}");
                }
            }
        }
    }
}

#[test]
fn other_protocols_from_any_byte_on() {
    for n in [1, 7, 20] {
        for (name, up, down) in openings(n) {
            let up = up.repeat(3);
            for at in 0..up.len() / 3 {
                for client in [Some(true), None] {
                    let verdicts = verdicts(client, false, &up[at..], &down.repeat(3), false);
                    assert!(
                        !verdicts.contains(&Protocol::Kafka),
                        "{name} {n} from byte {at}"
                    );
                }
            }
        }
    }
}

#[test]
fn random_bytes() {
    let mut random = Random(11);
    for round in 0..300 {
        // Small bytes look more like Kafka than any do, those with many zeros among them most of all.
        let (most, zeros) = [(256, 0), (4, 0), (20, 7), (128, 7), (20, 3)][round % 5];
        let mut make = |n| {
            let byte = |_| {
                if zeros > 0 && random.below(zeros + 1) > 0 {
                    0
                } else {
                    random.below(most) as u8
                }
            };
            (0..n).map(byte).collect::<Vec<_>>()
        };
        let (up, down) = (make(if round < 5 { 200_000 } else { 4000 }), make(4000));
        let found = verdicts(None, false, &up, &down, false);
        assert!(!found.contains(&Protocol::Kafka), "round {round}");
    }
}
