//! Messages longer than may be kept: every partition and every batch header of them is read all the same.

mod support;

use kafkascope_wire::{
    Direction, Exchange, Item, Limits, Outcome, Session, Tape, Value, View, batch::Batches, decode,
    fields::f,
};
use support::*;

const LIMIT: usize = 4000;

/// Partitions, batches of each, and bytes of a batch's records.
const SHAPES: [[usize; 3]; 4] = [[1, 1, 20_000], [3, 1, 9_000], [5, 4, 1_000], [2, 12, 500]];

fn records([_, batches, size]: [usize; 3]) -> Vec<u8> {
    batch(&vec![b'x'; size]).repeat(batches)
}

fn partitions(shape: [usize; 3], fields: &[u8]) -> Vec<u8> {
    let records = records(shape);
    let mut out = (shape[0] as i32).to_be_bytes().to_vec();
    for index in 0..shape[0] as i32 {
        out.extend(index.to_be_bytes());
        out.extend(fields);
        out.extend((records.len() as i32).to_be_bytes());
        out.extend(&records);
    }
    out
}

fn produced(shape: [usize; 3]) -> Vec<u8> {
    let body = [
        &b"\xff\xff\0\x01\0\0\0\x64\0\0\0\x01"[..],
        &string("orders"),
        &partitions(shape, b""),
    ]
    .concat();
    request(0, 3, 7, "me", &body)
}

fn fetched(shape: [usize; 3]) -> Vec<u8> {
    // error code, high watermark 9, last stable offset 9, no aborted transactions
    let fields = b"\0\0\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x09\xff\xff\xff\xff";
    let body = [
        &b"\0\0\0\0\0\0\0\x01"[..],
        &string("orders"),
        &partitions(shape, fields),
    ]
    .concat();
    response(7, &body)
}

fn fetch() -> Vec<u8> {
    request(
        1,
        4,
        7,
        "me",
        b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01\x7f\xff\xff\xff\0\0\0\0\0",
    )
}

fn exchange(up: &[u8], down: &[u8], piece: usize) -> Exchange {
    let mut log = Log::default();
    let limits = Limits {
        message_bytes: LIMIT,
        ..Limits::default()
    };
    let mut s = Session::with_limits(Some(true), true, limits);
    for (from_a, bytes) in [(true, up), (false, down)] {
        for part in bytes.chunks(piece) {
            s.data(from_a, 1, part, &mut log.sink());
        }
    }
    s.close(2, &mut log.sink());
    assert_eq!(s.counters().cut_bytes, 0);
    let exchange = log.items.into_iter().find_map(|item| match item {
        Item::Exchange(e) => Some(*e),
        _ => None,
    });
    exchange.expect("a request")
}

/// The fields, and what the headers of each records field say.
fn read(exchange: &Exchange, direction: Direction, view: &View) -> (Vec<String>, usize) {
    let (_, at) = exchange.message(direction).expect("a message");
    let mut tape = Tape::default();
    let (key, version) = (exchange.api_key, exchange.api_version);
    let outcome = decode(key, version, direction, view, at, &mut tape);
    assert_eq!(outcome, Outcome::Complete);
    let mut batches = 0;
    let mut said = Vec::new();
    for node in &tape.nodes {
        match node.value {
            Value::Records { size, .. } if node.field == f::RECORDS => {
                let mut walk = Batches::new(view, node);
                for batch in walk.by_ref() {
                    batches += 1;
                    said.push(format!("{batch:?}"));
                }
                assert!(!walk.is_incomplete());
                said.push(format!("{size} bytes"));
            }
            Value::Str { .. } => said.push(format!("{:?}", view.str(node.value))),
            value => said.push(format!("{value:?}")),
        }
    }
    (said, batches)
}

#[test]
fn all_partitions_and_batches_of_a_long_message_are_read() {
    for shape in SHAPES {
        for (up, down, direction) in [
            (produced(shape), Vec::new(), Direction::Request),
            (fetch(), fetched(shape), Direction::Response),
        ] {
            let whole = match direction {
                Direction::Request => &up[4..],
                Direction::Response => &down[4..],
            };
            for piece in [1, 7, 1448, usize::MAX] {
                let exchange = exchange(&up, &down, piece);
                let (message, _) = exchange.message(direction).expect("a message");
                let what = format!("{shape:?} {direction:?} in pieces of {piece}");
                assert!(message.data.len() <= LIMIT, "{what}");
                assert_eq!(message.declared as usize, whole.len(), "{what}");
                let kept = read(&exchange, direction, &message.view());
                assert_eq!(
                    kept,
                    read(&exchange, direction, &View::whole(whole)),
                    "{what}"
                );
                assert_eq!(kept.1, shape[0] * shape[1], "{what}");
            }
        }
    }
}
