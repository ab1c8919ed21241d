//! How far the messages of an exchange could be read: rows and lines say the same.

use kafkascope_wire::{
    Direction, Exchange, Outcome, Tape, Value, View, checksum, decode, fields, is_refusal,
};

use crate::body::is_record_set;

/// The fault of bytes behind a body. Brokers ignore them, and librdkafka sends some: a request that was read so far is complete. No
/// broker sends any.
const BEHIND: &str = "bytes behind the last field";

/// The fault of a batch with which no broker and no client would go on.
const CORRUPT: &str = "the checksum of a record batch is wrong";

/// A message that was read onto a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub outcome: Outcome,
    /// Every field was read; the content of an opaque one may be missing.
    pub fields: bool,
    /// Where bytes are behind the body.
    pub behind: Option<u32>,
}

impl Reading {
    fn complete(behind: Option<u32>) -> Reading {
        Reading {
            outcome: Outcome::Complete,
            fields: true,
            behind,
        }
    }
}

/// Decodes one message of an exchange; `None` when it is not there, or nobody knows what it is.
pub(crate) fn read(exchange: &Exchange, direction: Direction, tape: &mut Tape) -> Option<Reading> {
    tape.nodes.clear();
    let (message, at) = exchange.message(direction)?;
    if exchange.raw_sasl {
        return Some(Reading::complete(None));
    }
    if exchange.api_key < 0 {
        return None;
    }
    let view = message.view();
    if direction == Direction::Request && exchange.client_id.is_none() && !exchange.says_client() {
        // Where the header ends, and the body begins, is not known.
        return Some(Reading {
            outcome: Outcome::Truncated {
                at,
                field: fields::f::CLIENT_ID,
            },
            fields: false,
            behind: None,
        });
    }
    let (key, version) = (exchange.api_key, exchange.api_version);
    let reading = match decode(key, version, direction, &view, at, tape) {
        Outcome::Complete => Reading::complete(None),
        Outcome::Malformed {
            at, why: BEHIND, ..
        } if direction == Direction::Request => Reading::complete(Some(at)),
        // its broker reads the header alone (KIP-511): there is no field that it saw and we do not show
        Outcome::UnknownVersion if direction == Direction::Request && is_refused(exchange) => {
            Reading::complete(Some(at))
        }
        outcome => Reading {
            outcome,
            fields: false,
            behind: None,
        },
    };
    if let Some(corrupt) = first_corrupt(tape, &view) {
        return Some(Reading {
            outcome: corrupt,
            ..reading
        });
    }
    if !reading.fields {
        return Some(reading);
    }
    // Opaque bytes may be missing without harm to what follows; they are shown, so it is not complete. Records are not.
    let cut = tape.nodes.iter().find(|n| match n.value {
        Value::Records { size, captured, .. } => captured < size && !is_record_set(n.field),
        _ => false,
    });
    Some(match cut {
        Some(node) => Reading {
            outcome: Outcome::Truncated {
                at: node.at,
                field: node.field,
            },
            ..reading
        },
        None => reading,
    })
}

/// Whether the answer says that the broker does not know the request's version of ApiVersions.
fn is_refused(exchange: &Exchange) -> bool {
    let Some((response, at)) = exchange.message(Direction::Response) else {
        return false;
    };
    is_refusal(exchange.api_key, Direction::Response, || {
        let code = response.view().from(at, 2).first_chunk()?;
        Some(i16::from_be_bytes(*code))
    })
}

fn first_corrupt(tape: &Tape, view: &View) -> Option<Outcome> {
    tape.record_sets().find_map(|node| {
        Some(Outcome::Malformed {
            at: checksum::first_corrupt(view, node)?,
            field: node.field,
            why: CORRUPT,
        })
    })
}

/// What is said of the whole exchange, and the message of which it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub outcome: &'static str,
    pub of: Option<(Direction, Outcome)>,
}

/// The worse of what was read decides; that a message is missing counts where nothing is wrong with the other.
pub(crate) fn verdict(
    exchange: &Exchange,
    request: Option<Outcome>,
    response: Option<Outcome>,
) -> Verdict {
    let rank = |o: Outcome| match o {
        Outcome::Complete => 0,
        Outcome::Truncated { .. } => 1,
        Outcome::Gap { .. } => 2,
        Outcome::UnknownVersion => 3,
        Outcome::Malformed { .. } => 4,
    };
    let plain = |outcome| Verdict { outcome, of: None };
    if exchange.request.is_none() {
        return plain("no_request");
    }
    let sides = [
        (Direction::Response, response),
        (Direction::Request, request),
    ];
    let worst = sides
        .into_iter()
        .filter_map(|(direction, outcome)| Some((direction, outcome?)))
        .max_by_key(|(_, outcome)| rank(*outcome))
        .filter(|(_, outcome)| *outcome != Outcome::Complete);
    match worst {
        Some((_, outcome)) => Verdict {
            outcome: outcome.name(),
            of: worst,
        },
        None if exchange.response.is_none() && !exchange.no_reply => plain("no_response"),
        None => plain("complete"),
    }
}
