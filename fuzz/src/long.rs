//! A message longer than may be kept, in pieces: what is kept of it says what the whole says.
//!
//! Input: version and direction, the limit, the length of a piece, then the message behind its correlation id: a byte below 128 is the
//! length of bytes that follow, another stands for 16 times as many bytes of a batch's content.

use std::iter;

use kafkascope_wire::{
    Direction, Exchange, Item, Limits, Outcome, Session, Tape, Value, View, batch::Batch,
    batch::Batches, decode, tape::Node,
};

use crate::input::Input;

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const RUN: usize = 16;
/// A message beyond the largest limit and the end that is kept; more costs time and finds nothing new.
const LONGEST: usize = 6 << 10;
/// The end of a message beyond the limit is kept as well.
const TAIL: usize = 4096;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let (what, limit, piece) = (input.u8(), input.u8(), input.u8());
    let version = i16::from(what >> 1 & 31);
    let direction = [Direction::Request, Direction::Response][usize::from(what & 1)];
    let limit = 256 + 4 * usize::from(limit);
    let piece = 16 + 8 * usize::from(piece);
    let message = message(direction, version, &content(input));
    let (exchange, cut_bytes) = session(direction, version, &message, limit, piece);
    let Some(exchange) = exchange else { return };
    let Some((kept, at)) = exchange.message(direction) else {
        return;
    };
    assert!(kept.data.len() <= limit + TAIL);
    assert_eq!(kept.declared as usize, message.len());
    let view = kept.view();
    let mut held = 0;
    for hole in view.holes {
        let before = &message[held..hole.at as usize];
        assert_eq!(view.from(held as u32, before.len() as u32), before);
        held = (hole.at + hole.len) as usize;
    }
    assert_eq!(
        view.from(held as u32, (message.len() - held) as u32),
        &message[held..]
    );
    same(
        (exchange.api_key, version, direction, at),
        &view,
        &View::whole(&message),
        cut_bytes > 0,
    );
}

fn content(mut input: Input) -> Vec<u8> {
    let mut out = Vec::new();
    while !input.is_empty() && out.len() < LONGEST {
        match input.u8() {
            n @ 0..128 => out.extend_from_slice(input.take(n.into())),
            n => out.extend(iter::repeat_n(b'r', RUN * usize::from(n & 127))),
        }
    }
    out
}

/// Without its size field.
fn message(direction: Direction, version: i16, content: &[u8]) -> Vec<u8> {
    let header = match direction {
        Direction::Request => request_header(PRODUCE, version),
        Direction::Response => vec![0, 0, 0, 1],
    };
    [&header, content].concat()
}

fn request_header(key: i16, version: i16) -> Vec<u8> {
    let mut header = key.to_be_bytes().to_vec();
    header.extend(version.to_be_bytes());
    header.extend(b"\0\0\0\x01\0\x02me");
    header
}

fn session(
    direction: Direction,
    version: i16,
    message: &[u8],
    limit: usize,
    piece: usize,
) -> (Option<Box<Exchange>>, u64) {
    let limits = Limits {
        message_bytes: limit,
        ..Limits::default()
    };
    let mut session = Session::with_limits(Some(true), true, limits);
    let mut told = None;
    let mut emit = |item| match item {
        Item::Exchange(e) if matches!(e.api_key, PRODUCE | FETCH) => told = Some(e),
        _ => {}
    };
    let mut send = |from_a, message: &[u8]| {
        let framed = [&(message.len() as u32).to_be_bytes()[..], message].concat();
        for bytes in framed.chunks(piece) {
            session.data(from_a, 1, bytes, &mut emit);
        }
    };
    // it opens as a connection does
    send(true, b"\0\x12\0\0\0\0\0\0\0\x02me");
    match direction {
        Direction::Request => send(true, message),
        Direction::Response => {
            send(true, &request_header(FETCH, version));
            send(false, message);
        }
    }
    session.close(2, &mut emit);
    (told, session.counters().cut_bytes)
}

fn same(
    (key, version, direction, at): (i16, i16, Direction, u32),
    kept: &View,
    whole: &View,
    cut: bool,
) {
    let (mut kept_tape, mut whole_tape) = (Tape::default(), Tape::default());
    let outcome = decode(key, version, direction, kept, at, &mut kept_tape);
    let expected = decode(key, version, direction, whole, at, &mut whole_tape);
    if !cut {
        assert_eq!(outcome, expected, "{key} v{version}");
        assert_eq!(kept_tape.nodes.len(), whole_tape.nodes.len());
    } else if outcome == Outcome::Complete {
        assert_eq!(expected, Outcome::Complete);
    }
    assert!(kept_tape.nodes.len() <= whole_tape.nodes.len());
    for (seen, said) in kept_tape.nodes.iter().zip(&whole_tape.nodes) {
        assert_eq!((seen.field, seen.at), (said.field, said.at));
        match (seen.value, said.value) {
            (Value::Str { .. }, Value::Str { .. }) => {
                assert_eq!(kept.bytes(seen.value), whole.bytes(said.value));
            }
            (Value::Records { size: a, .. }, Value::Records { size: b, .. }) => {
                assert_eq!(a, b);
                same_batches(&batches(kept, seen), &batches(whole, said), cut);
            }
            // a range of other data, or cut and told by its size
            (Value::Bytes { len: a, .. }, Value::Bytes { len: b, .. })
            | (Value::Records { size: a, .. }, Value::Bytes { len: b, .. }) => assert_eq!(a, b),
            (a, b) => assert_eq!(a, b, "{key} v{version}"),
        }
    }
}

fn batches(view: &View, node: &Node) -> Vec<Batch> {
    Batches::new(view, node).collect()
}

/// All headers; where the message was cut, those before.
fn same_batches(kept: &[Batch], whole: &[Batch], cut: bool) {
    if !cut {
        assert_eq!(kept, whole);
        return;
    }
    assert!(kept.len() <= whole.len());
    for (kept, whole) in kept.iter().zip(whole) {
        let control_type = kept.control_type.and(whole.control_type);
        assert_eq!(
            *kept,
            Batch {
                control_type,
                ..*whole
            }
        );
    }
}
