//! Random messages of every API and version: another implementation takes the same bytes for the same message, and the
//! decoder reads back what was encoded, also from a part of it.

mod support;

use bytes::{Buf, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use kafkascope_wire::{
    Direction, Hole, Outcome, Tape, Value, View, apis, decode,
    schema::{self, Kind, MessageDef},
};
use support::encode::{Random, Said, encode};

fn messages() -> impl Iterator<Item = (&'static MessageDef, Direction)> {
    schema::messages().iter().filter_map(|m| match m.kind {
        Kind::Request => Some((m, Direction::Request)),
        Kind::Response => Some((m, Direction::Response)),
        _ => None,
    })
}

/// What the tape says, up to where it ends.
fn said(tape: &Tape, view: &View) -> Vec<(u16, Said)> {
    let say = |value| match value {
        Value::Null => Said::Null,
        Value::Bool(b) => Said::Bool(b),
        Value::Int(i) => Said::Int(i),
        Value::Float(f) => Said::Float(f),
        Value::Uuid(u) => Said::Uuid(u),
        Value::Str { .. } => Said::Text(view.bytes(value).unwrap().to_vec()),
        Value::Bytes { .. } => Said::Opaque(view.bytes(value).unwrap().to_vec()),
        Value::Records {
            start, captured, ..
        } => Said::Opaque(view.data[start as usize..][..captured as usize].to_vec()),
        Value::Array { n } => Said::Array(n),
        Value::Struct => Said::Struct,
        Value::End => Said::End,
        Value::UnknownTag { .. } => panic!("no unknown tag was sent"),
    };
    tape.nodes.iter().map(|n| (n.field, say(n.value))).collect()
}

#[test]
fn another_implementation_agrees_on_the_bytes() {
    let mut random = Random(7);
    let mut compared = 0;
    let mut skipped = std::collections::BTreeSet::new();
    for (message, direction) in messages() {
        let Ok(api) = ApiKey::try_from(message.key) else {
            continue;
        };
        for version in message.versions.low..=message.versions.high {
            let known = api.valid_versions();
            if version < known.min || version > known.max {
                continue;
            }
            for _ in 0..4 {
                let bytes = encode(message, version, &mut random).out;
                let mut input = BytesMut::from(&bytes[..]).freeze();
                let mut again = BytesMut::new();
                let what = format!("{} v{version}: {bytes:02x?}", message.name);
                let result = match direction {
                    Direction::Request => RequestKind::decode(api, &mut input, version)
                        .and_then(|kind| kind.encode(&mut again, version)),
                    Direction::Response => ResponseKind::decode(api, &mut input, version)
                        .and_then(|kind| kind.encode(&mut again, version)),
                };
                if let Err(error) = result {
                    // Its list of versions is ahead of some of its messages.
                    let unsupported = error
                        .root_cause()
                        .to_string()
                        .contains("version not supported");
                    assert!(unsupported, "{error:#}: {what}");
                    skipped.insert((message.name, version));
                    continue;
                }
                assert_eq!(input.remaining(), 0, "{what}");
                assert_eq!(again[..], bytes[..], "{what}");
                compared += 1;
            }
        }
    }
    assert!(
        compared > 2000 && skipped.len() < 10,
        "{compared}, not {skipped:?}"
    );
}

#[test]
fn every_message_reads_back() {
    let mut random = Random(1);
    let mut tape = Tape::default();
    for (message, direction) in messages() {
        for version in message.versions.low..=message.versions.high {
            for _ in 0..4 {
                let sent = encode(message, version, &mut random);
                let view = View::whole(&sent.out);
                if apis::name(message.key) == "ApiVersions" && sent.out.starts_with(&[0, 35]) {
                    continue;
                }
                let outcome = decode(message.key, version, direction, &view, 0, &mut tape);
                assert_eq!(outcome, Outcome::Complete, "{} v{version}", message.name);
                assert_eq!(said(&tape, &view), sent.said, "{} v{version}", message.name);
            }
        }
    }
}

#[test]
fn a_prefix_of_a_message_gives_a_prefix_of_its_tape() {
    let mut random = Random(2);
    let mut tape = Tape::default();
    for (message, direction) in messages() {
        for version in [message.versions.low, message.versions.high] {
            let sent = encode(message, version, &mut random);
            let declared = sent.out.len() as u32;
            for n in 0..sent.out.len() {
                let holes = [Hole {
                    at: n as u32,
                    len: declared - n as u32,
                }];
                let view = View {
                    data: &sent.out[..n],
                    holes: &holes,
                    declared,
                };
                let outcome = decode(message.key, version, direction, &view, 0, &mut tape);
                let what = format!("{} v{version}, {n} of {declared} bytes", message.name);
                let got = said(&tape, &view);
                // Of an opaque field that is cut, what was captured.
                let same = |(a, b): (&(u16, Said), &(u16, Said))| match (&a.1, &b.1) {
                    (Said::Opaque(part), Said::Opaque(whole)) => {
                        a.0 == b.0 && whole.starts_with(part)
                    }
                    _ => a == b,
                };
                assert!(
                    got.len() <= sent.said.len() && got.iter().zip(&sent.said).all(same),
                    "{what}: {got:?}"
                );
                match outcome {
                    Outcome::Truncated { at, .. } => assert!(at <= declared, "{what}"),
                    Outcome::Complete => assert!(
                        sent.opaque.iter().any(|r| r.end == sent.out.len()),
                        "{what}"
                    ),
                    _ => panic!("{what}: {outcome:?}"),
                }
            }
        }
    }
}

#[test]
fn a_hole_inside_an_opaque_field_changes_nothing_else() {
    let mut random = Random(3);
    let (mut tape, mut whole_tape) = (Tape::default(), Tape::default());
    let mut punched = 0;
    for (message, direction) in messages() {
        for version in message.versions.low..=message.versions.high {
            for _ in 0..6 {
                let sent = encode(message, version, &mut random);
                let declared = sent.out.len() as u32;
                let whole = View::whole(&sent.out);
                decode(message.key, version, direction, &whole, 0, &mut whole_tape);
                for range in sent.opaque.iter().filter(|r| r.len() > 1) {
                    let (start, len) = (range.start + 1, range.len() - 1);
                    let holes = [Hole {
                        at: start as u32,
                        len: len as u32,
                    }];
                    let data = [&sent.out[..start], &sent.out[start + len..]].concat();
                    let view = View {
                        data: &data,
                        holes: &holes,
                        declared,
                    };
                    let outcome = decode(message.key, version, direction, &view, 0, &mut tape);
                    assert_eq!(outcome, Outcome::Complete, "{} v{version}", message.name);
                    let (a, b) = (said(&tape, &view), said(&whole_tape, &whole));
                    let other: Vec<_> = a.iter().zip(&b).filter(|(a, b)| a != b).collect();
                    assert!(
                        a.len() == b.len() && other.len() == 1,
                        "{} v{version}: {other:?}",
                        message.name
                    );
                    punched += 1;
                }
            }
        }
    }
    assert!(punched > 100);
}

#[test]
fn a_hole_elsewhere_is_a_gap() {
    let mut tape = Tape::default();
    let group = b"\0\x05group\0\0\0\x09\0\x06member";
    let holes = [Hole { at: 4, len: 2 }];
    let data = [&group[..4], &group[6..]].concat();
    let view = View {
        data: &data,
        holes: &holes,
        declared: group.len() as u32,
    };
    let outcome = decode(12, 0, Direction::Request, &view, 0, &mut tape);
    assert_eq!(
        outcome,
        Outcome::Gap {
            at: 2,
            field: kafkascope_wire::fields::f::GROUP_ID
        }
    );
    assert!(tape.nodes.is_empty());
}

#[test]
fn changed_bytes_never_panic_and_never_cost_more_than_they_are() {
    let mut random = Random(4);
    let mut tape = Tape::default();
    for (message, direction) in messages() {
        for version in message.versions.low..=message.versions.high {
            for _ in 0..20 {
                let mut bytes = encode(message, version, &mut random).out;
                if bytes.is_empty() {
                    continue;
                }
                for _ in 0..=random.below(4) {
                    let at = random.below(bytes.len() as u64) as usize;
                    bytes[at] =
                        [0, 1, 0x7f, 0x80, 0xff, random.next() as u8][random.below(6) as usize];
                }
                bytes.truncate(1 + random.below(bytes.len() as u64) as usize);
                decode(
                    message.key,
                    version,
                    direction,
                    &View::whole(&bytes),
                    0,
                    &mut tape,
                );
                assert!(
                    tape.nodes.len() <= 4 * bytes.len() + 64,
                    "{} v{version}: {bytes:02x?}",
                    message.name
                );
            }
        }
    }
}

#[test]
fn a_refused_api_versions_is_read_as_version_0() {
    let mut tape = Tape::default();
    let body = b"\0\x23\0\0\0\x01\0\x12\0\0\0\x04";
    let outcome = decode(18, 9, Direction::Response, &View::whole(body), 0, &mut tape);
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(
        decode(
            18,
            9,
            Direction::Response,
            &View::whole(b"\0\0"),
            0,
            &mut tape
        ),
        Outcome::UnknownVersion
    );
}

#[test]
fn unknown_tags_are_named_and_skipped() {
    let mut tape = Tape::default();
    let body = b"\x02g\0\0\0\x09\x02m\0\x01\x63\x03abc";
    assert_eq!(
        decode(12, 4, Direction::Request, &View::whole(body), 0, &mut tape),
        Outcome::Complete
    );
    assert_eq!(
        tape.nodes.last().unwrap().value,
        Value::UnknownTag { tag: 99, size: 3 }
    );
}
