//! What is null: any negative length, count or marker, as in the readers that Kafka generates from its message definitions.

use kafkascope_wire::{Direction, Outcome, Tape, Value, View, decode, fields};

use Direction::{Request, Response};

const PRODUCE: i16 = 0;
const METADATA: i16 = 3;
const JOIN_GROUP: i16 = 11;
const CONSUMER_GROUP_HEARTBEAT: i16 = 68;

fn read(key: i16, version: i16, direction: Direction, body: &[u8]) -> (Outcome, Tape) {
    let mut tape = Tape::default();
    let outcome = decode(key, version, direction, &View::whole(body), 0, &mut tape);
    (outcome, tape)
}

fn is_null(tape: &Tape, name: &str) -> bool {
    tape.nodes
        .iter()
        .any(|n| fields::name(n.field) == name && n.value == Value::Null)
}

#[test]
fn any_negative_number_is_null() {
    let join = |instance: &[u8]| {
        [
            b"\0\x01g\0\0\x27\x10\0\0\x27\x10\0\0",
            instance,
            b"\0\x01c\0\0\0\0",
        ]
        .concat()
    };
    let produce = |transaction: &[u8], records: &[u8]| {
        [
            transaction,
            b"\0\x01\0\0\x03\xe8\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x05",
            records,
        ]
        .concat()
    };
    for (key, version, body, field, odd) in [
        (
            METADATA,
            4,
            b"\xff\xff\xff\xff\x01".to_vec(),
            "topics",
            false,
        ),
        (
            METADATA,
            4,
            b"\xff\xff\xff\xfe\x01".to_vec(),
            "topics",
            true,
        ),
        (METADATA, 4, b"\x80\0\0\0\x01".to_vec(), "topics", true),
        (METADATA, 9, b"\0\x01\0\0\0".to_vec(), "topics", false),
        (
            METADATA,
            9,
            b"\xff\xff\xff\xff\x0f\x01\0\0\0".to_vec(),
            "topics",
            true,
        ),
        (JOIN_GROUP, 5, join(b"\xff\xff"), "groupInstanceId", false),
        (JOIN_GROUP, 5, join(b"\xff\xfd"), "groupInstanceId", true),
        (
            PRODUCE,
            3,
            produce(b"\x80\0", b"\0\0\0\0"),
            "transactionalId",
            true,
        ),
        (
            PRODUCE,
            3,
            produce(b"\0\x01x", b"\xff\xff\0\0"),
            "records",
            true,
        ),
    ] {
        let (outcome, tape) = read(key, version, Request, &body);
        assert_eq!(outcome, Outcome::Complete, "{key} {version} {body:x?}");
        assert!(is_null(&tape, field), "{key} {version} {body:x?}");
        assert_eq!(tape.odd_null.is_some(), odd, "{key} {version} {body:x?}");
    }
}

#[test]
fn a_struct_is_there_unless_its_marker_is_negative() {
    let answer = |marker: u8, rest: &[u8]| {
        let head = b"\0\0\0\0\0\0\0\x02m\0\0\0\x01\0\0\x13\x88";
        [&head[..], &[marker], rest].concat()
    };
    for (marker, rest, null) in [
        (0xff, &b"\0"[..], true),
        (0x80, b"\0", true),
        (0, b"\x01\0\0", false),
        (1, b"\x01\0\0", false),
        (2, b"\x01\0\0", false),
    ] {
        let (outcome, tape) = read(CONSUMER_GROUP_HEARTBEAT, 0, Response, &answer(marker, rest));
        assert_eq!(outcome, Outcome::Complete, "{marker}");
        assert_eq!(is_null(&tape, "assignment"), null, "{marker}");
    }
}

#[test]
fn what_may_not_be_null_is_a_fault_at_any_negative_number() {
    for (key, version, body) in [
        (METADATA, 0, &b"\xff\xff\xff\xff"[..]),
        (METADATA, 0, b"\xff\xff\xff\xf0"),
        (METADATA, 1, b"\0\0\0\x01\xff\xfe"),
    ] {
        let (outcome, _) = read(key, version, Request, body);
        assert!(
            matches!(outcome, Outcome::Malformed { why, .. } if why == "null where no null is allowed"),
            "{key} {version} {body:x?}: {outcome:?}"
        );
    }
}

#[test]
fn what_stands_behind_an_odd_null_of_a_malformed_message_is_not_told() {
    const HEARTBEAT: i16 = 12;
    for (instance, told) in [(&b"\xff\xff"[..], true), (b"\xff\xfe", false)] {
        let body = [&b"\0\x01g\0\0\0\x07\0\x01m"[..], instance, b"behind"].concat();
        let (outcome, tape) = read(HEARTBEAT, 3, Request, &body);
        assert!(matches!(outcome, Outcome::Malformed { .. }), "{outcome:?}");
        assert!(
            tape.nodes
                .iter()
                .any(|n| fields::name(n.field) == "memberId")
        );
        assert_eq!(is_null(&tape, "groupInstanceId"), told, "{instance:x?}");
    }
}
