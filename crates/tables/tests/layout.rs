//! Where fields stand, told from a row's body, beside the bytes of real clients' messages.

mod golden;

use std::collections::BTreeSet;

use golden::exchanges;
use kafkascope_tables::body::layout::{Laid, LayoutError, Place, layout};
use kafkascope_tables::body::{Style, write_body};
use kafkascope_wire::{Direction, Exchange, Message, Outcome, Tape, decode};
use serde_json::Value;

/// An envelope has two secrets.
const UNTOLD: &[i16] = &[58];

/// A message that could be read to its end, with its row's body.
struct Read<'e> {
    exchange: &'e Exchange,
    direction: Direction,
    message: &'e Message,
    body: String,
}

impl Read<'_> {
    fn laid(&self, with_client_id: bool, with_size: bool) -> Vec<Place> {
        let client_id = self.exchange.client_id.as_deref().unwrap_or_default();
        layout(&Laid {
            api_key: self.exchange.api_key,
            api_version: self.exchange.api_version,
            direction: self.direction,
            body: &self.body,
            client_id: with_client_id.then_some(client_id),
            size: with_size.then_some(self.message.declared),
        })
        .unwrap_or_else(|e| panic!("{}: {e}: {}", self.name(), self.body))
    }

    fn name(&self) -> String {
        let (key, version) = (self.exchange.api_key, self.exchange.api_version);
        format!("API {key} v{version} {:?}", self.direction)
    }
}

fn read_whole(exchanges: &[Exchange]) -> Vec<Read<'_>> {
    let mut out = Vec::new();
    let mut tape = Tape::default();
    for exchange in exchanges {
        for direction in [Direction::Request, Direction::Response] {
            let Some((message, at)) = exchange.message(direction) else {
                continue;
            };
            let (key, version) = (exchange.api_key, exchange.api_version);
            let outcome = decode(key, version, direction, &message.view(), at, &mut tape);
            if outcome != Outcome::Complete || version < 0 {
                continue;
            }
            let mut body = String::new();
            let (view, name) = (message.view(), |_: &[u8; 16]| Some("of-an-id".into()));
            write_body(&mut body, Style::Snake, key, direction, &tape, &view, &name);
            out.push(Read {
                exchange,
                direction,
                message,
                body,
            });
        }
    }
    out
}

/// The value that stands there, for the types whose encoding has one size.
fn at_place(message: &Message, place: &Place) -> Option<Value> {
    let view = message.view();
    let (offset, length) = (place.offset?, place.length?);
    let start = view.index_of(offset)? as usize;
    let bytes = view.data.get(start..start + length as usize)?;
    Some(match place.kafka_type.as_str() {
        "bool" => (bytes[0] != 0).into(),
        "int8" => (bytes[0] as i8).into(),
        "int16" => i16::from_be_bytes(bytes.try_into().ok()?).into(),
        "int32" => i32::from_be_bytes(bytes.try_into().ok()?).into(),
        "int64" => i64::from_be_bytes(bytes.try_into().ok()?).into(),
        "string" => String::from_utf8(bytes[2..].to_vec()).ok()?.into(),
        "compact string" if bytes.len() < 128 => {
            String::from_utf8(bytes[1..].to_vec()).ok()?.into()
        }
        _ => return None,
    })
}

#[test]
fn every_field_stands_where_the_layout_says() {
    for (capture, least) in [
        ("java-clients", 37_000),
        ("other-clients", 51_000),
        ("kafka-3.9", 5_300),
        ("two-brokers", 17_000),
    ] {
        let exchanges = exchanges(capture);
        let (mut values, mut untold) = (0, BTreeSet::new());
        for read in &read_whole(&exchanges) {
            let body: Value = serde_json::from_str(&read.body).expect("JSON");
            let places = read.laid(true, true);
            for place in &places {
                let there = at_place(read.message, place);
                if let (Some(there), Some(told)) = (there, body.pointer(&place.path)) {
                    values += 1;
                    assert_eq!(&there, told, "{} {place:?} in {}", read.name(), read.body);
                }
            }
            let ends = places.iter().map(|p| Some(p.offset? + p.length?));
            match ends.collect::<Option<Vec<_>>>() {
                Some(ends) => {
                    let end = ends.into_iter().max();
                    let declared = Some(read.message.declared);
                    assert_eq!(end, declared, "{}: {}", read.name(), read.body);
                }
                None => {
                    untold.insert(read.exchange.api_key);
                }
            }
        }
        assert!(values > least, "{capture}: {values} values");
        assert!(
            untold.iter().all(|key| UNTOLD.contains(key)),
            "{capture}: {untold:?}"
        );
    }
}

#[test]
fn what_cannot_be_told_is_said() {
    let laid = |api_key, api_version, body| {
        layout(&Laid {
            api_key,
            api_version,
            direction: Direction::Request,
            body,
            client_id: None,
            size: None,
        })
    };
    assert_eq!(
        laid(95, 0, "{}"),
        Err(LayoutError::UnknownVersion {
            api_key: 95,
            api_version: 0
        })
    );
    for body in ["", "[]", "{\"omitted_bytes\":1048577}"] {
        assert!(
            matches!(laid(3, 1, body), Err(LayoutError::NotABody(_))),
            "{body}"
        );
    }
}
