//! Every API in every version and both directions, over any body.
//!
//! Input: API key, version, direction, two bytes for a hole or cut, body.

use kafkascope_tables::body::{Style, write_body};
use kafkascope_wire::{Direction, Hole, Outcome, Tape, Value, View, apis, decode};

use serde::de::IgnoredAny;

use crate::input::Input;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let (key, version) = (i16::from(input.u8()), i16::from(input.u8()));
    let how = input.u8();
    let (at, len) = (input.u8(), input.u8());
    let body = input.0;
    let key = key % 96;
    let Some(api) = apis::api(key) else { return };
    let span = api.versions.high - api.versions.low + 2;
    let version = api.versions.low + version % span;
    let direction = [Direction::Request, Direction::Response][usize::from(how & 1)];
    let mut whole = Tape::default();
    let view = View::whole(body);
    let outcome = decode(key, version, direction, &view, 0, &mut whole);
    laws(&whole, &view, &outcome);
    let style = [Style::RequestLog, Style::Snake][usize::from(how >> 2 & 1)];
    let mut text = String::new();
    write_body(&mut text, style, key, direction, &whole, &view, &|_| None);
    let json = serde_json::from_str::<IgnoredAny>(&text);
    assert!(json.is_ok(), "{style:?} {key} v{version}: {text}");
    let at = u32::from(at).min(view.declared);
    let left = view.declared - at;
    let len = if how & 2 == 0 {
        left
    } else {
        u32::from(len).min(left)
    };
    if len > 0 {
        holed(key, version, direction, body, at, len, &whole);
    }
}

/// The same body with a stretch that was not captured: nothing is said that the whole does not say.
fn holed(
    key: i16,
    version: i16,
    direction: Direction,
    body: &[u8],
    at: u32,
    len: u32,
    whole: &Tape,
) {
    let mut data = body.to_vec();
    data.drain(at as usize..(at + len) as usize);
    let view = View {
        data: &data,
        holes: &[Hole { at, len }],
        declared: body.len() as u32,
    };
    let mut tape = Tape::default();
    let outcome = decode(key, version, direction, &view, 0, &mut tape);
    laws(&tape, &view, &outcome);
    // ApiVersions' own version is in its first bytes.
    if key == 18 && at < 2 {
        return;
    }
    assert!(tape.nodes.len() <= whole.nodes.len());
    for (seen, said) in tape.nodes.iter().zip(&whole.nodes) {
        assert_eq!(seen.field, said.field, "{key} v{version}");
        let same = match (seen.value, said.value) {
            // Ranges of other data; a cut bytes field is told by its size.
            (Value::Str { len: a, .. }, Value::Str { len: b, .. })
            | (Value::Bytes { len: a, .. }, Value::Bytes { len: b, .. })
            | (Value::Records { size: a, .. }, Value::Bytes { len: b, .. })
            | (Value::Records { size: a, .. }, Value::Records { size: b, .. }) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        };
        assert!(same, "{key} v{version}: {seen:?} where {said:?}");
    }
}

fn laws(tape: &Tape, view: &View, outcome: &Outcome) {
    // Each value takes a byte at least; arrays and structs have two nodes.
    let most = 4 * view.data.len() + 64;
    assert!(tape.nodes.len() <= most, "{} nodes", tape.nodes.len());
    let mut depth = 0i32;
    for node in &tape.nodes {
        assert!(node.at <= view.declared);
        match node.value {
            Value::Array { .. } | Value::Struct => depth += 1,
            Value::End => depth -= 1,
            Value::Str { start, len } | Value::Bytes { start, len } => {
                assert!((start + len) as usize <= view.data.len());
            }
            Value::Records {
                size,
                start,
                captured,
            } => {
                assert!(captured <= size && (start + captured) as usize <= view.data.len());
            }
            _ => {}
        }
        assert!(depth >= 0);
    }
    assert!(*outcome != Outcome::Complete || depth == 0);
}
