//! Whether bytes are a Kafka message: a header that makes sense, and a body that reads to its end under the plan.

use crate::{
    apis,
    batch::Batches,
    decode::{Direction, decode},
    fields::f,
    header,
    outcome::Outcome,
    tape::{Tape, Value},
    view::{Hole, View},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    No,
    /// More bytes would tell.
    Open,
    /// All that was captured fits; the message is longer than what was captured.
    Likely,
    Yes,
}

/// What is known about the place of a candidate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// It begins the stream, or a piece of it.
    pub aligned: bool,
    pub opening: bool,
    /// The bytes behind the candidate's are missing, this many at least; 0 when they are to come.
    pub hole: u64,
    /// Waiting for more is over.
    pub last: bool,
}

/// The default of `socket.request.max.bytes`.
const MAX_SIZE: u32 = 100 << 20;
const API_VERSIONS: i16 = 18;
const PRODUCE: i16 = 0;
/// Beyond what any release will reach soon; a client newer than the schemas opens with such a version.
const FAR_VERSION: i16 = 30;
const MAX_CLIENT_ID: usize = 1024;

/// A cheap test of the first bytes of a frame: passes all requests, and nearly nothing else.
#[inline]
pub(crate) fn may_be_request(bytes: &[u8]) -> bool {
    // size: high byte at most 6; key: high byte 0; version: high byte 0; correlation id: not negative
    let Some(b) = bytes.first_chunk::<9>() else {
        return may_be_prefix(bytes);
    };
    b[0] <= 6 && b[4] == 0 && b[6] == 0 && b[8] < 0x80 && known(i16::from(b[5]), i16::from(b[7]))
}

fn may_be_prefix(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|b| *b <= 6)
        && bytes.get(4).is_none_or(|b| *b == 0)
        && bytes
            .get(5)
            .is_none_or(|b| apis::api(i16::from(*b)).is_some())
        && bytes.get(6).is_none_or(|b| *b == 0)
}

fn known(key: i16, version: i16) -> bool {
    apis::api(key).is_some_and(|a| {
        a.versions.has(version) || (key == API_VERSIONS && (0..FAR_VERSION).contains(&version))
    })
}

/// Judges a stream that is in step by the first bytes of a message: future APIs and versions pass.
pub(crate) fn in_step_head(head: &[u8]) -> bool {
    let Some(b) = head.first_chunk::<4>() else {
        return false;
    };
    let (key, version) = (
        i16::from_be_bytes([b[0], b[1]]),
        i16::from_be_bytes([b[2], b[3]]),
    );
    (0..=255).contains(&key) && (0..=63).contains(&version)
}

fn client_id_makes_sense(id: &[u8]) -> bool {
    id.len() <= MAX_CLIENT_ID
        && std::str::from_utf8(id).is_ok_and(|s| !s.chars().any(char::is_control))
}

/// The message at the start of `bytes` (size field first) as a view, its missing end a hole.
fn view<'a>(bytes: &'a [u8], hole: &'a mut [Hole; 1]) -> Option<(View<'a>, bool)> {
    let size = u32::from_be_bytes(*bytes.first_chunk::<4>()?);
    let have = (bytes.len() - 4).min(size as usize);
    let whole = have == size as usize;
    hole[0] = Hole {
        at: have as u32,
        len: size - have as u32,
    };
    let holes = if whole { &[][..] } else { &hole[..] };
    Some((
        View {
            data: &bytes[4..4 + have],
            holes,
            declared: size,
        },
        whole,
    ))
}

pub(crate) fn request(bytes: &[u8], place: Place, tape: &mut Tape) -> Proof {
    if !may_be_request(bytes) {
        return Proof::No;
    }
    let open = if place.hole > 0 || place.last {
        Proof::No
    } else {
        Proof::Open
    };
    let mut hole = [Hole { at: 0, len: 0 }];
    let Some((view, whole)) = view(bytes, &mut hole) else {
        return open;
    };
    if !(8..=MAX_SIZE).contains(&view.declared) {
        return Proof::No;
    }
    let Some(header) = header::request(&view) else {
        return if whole { Proof::No } else { open };
    };
    let named = header.client_id.is_some_and(|id| !id.is_empty());
    if !known(header.api_key, header.api_version)
        || !header.client_id.is_none_or(client_id_makes_sense)
    {
        return Proof::No;
    }
    let outcome = decode(
        header.api_key,
        header.api_version,
        Direction::Request,
        &view,
        header.body_at,
        tape,
    );
    let end = 4 + view.declared as usize;
    match outcome {
        Outcome::UnknownVersion if place.opening => Proof::Yes,
        Outcome::Complete if whole && !request_makes_sense(header.api_key, tape) => Proof::No,
        Outcome::Complete if whole => {
            if named || place.aligned || place.opening {
                return Proof::Yes;
            }
            // A short run of small numbers reads as a request with an empty client id; two in a row do not.
            match bytes.get(end..) {
                Some(next) if !next.is_empty() => {
                    if !may_be_request(next) {
                        Proof::No
                    } else if next.len() >= 9 {
                        Proof::Yes
                    } else {
                        open
                    }
                }
                _ => open,
            }
        }
        Outcome::Complete | Outcome::Truncated { .. } => {
            let reads_on = (bytes.len() as u64).saturating_add(place.hole) <= end as u64;
            if place.hole > 0 && !reads_on || !request_makes_sense(header.api_key, tape) {
                return Proof::No;
            }
            if has_batch(tape, &view) {
                return Proof::Likely;
            }
            let placed = place.opening || place.aligned;
            if place.hole > 0 && placed && (named || tape.nodes.len() >= 2)
                || place.last && placed && tape.nodes.len() >= 16
            {
                Proof::Likely
            } else {
                open
            }
        }
        _ => Proof::No,
    }
}

/// `find` gives key and version of the request that awaits a correlation id.
pub(crate) fn response(
    bytes: &[u8],
    place: Place,
    find: &dyn Fn(i32) -> Option<(i16, i16)>,
    tape: &mut Tape,
) -> Proof {
    if bytes.first().is_some_and(|b| *b > 6) {
        return Proof::No;
    }
    let open = if place.hole > 0 || place.last {
        Proof::No
    } else {
        Proof::Open
    };
    let mut hole = [Hole { at: 0, len: 0 }];
    let Some((view, whole)) = view(bytes, &mut hole) else {
        return open;
    };
    if !(4..=MAX_SIZE).contains(&view.declared) {
        return Proof::No;
    }
    let Some(id) = header::correlation_id(&view) else {
        return if whole { Proof::No } else { open };
    };
    let Some((key, version)) = find(id) else {
        return Proof::No;
    };
    let Some(at) = header::response_body_at(key, version, &view) else {
        return if whole { Proof::No } else { open };
    };
    let outcome = decode(key, version, Direction::Response, &view, at, tape);
    match outcome {
        Outcome::UnknownVersion if place.aligned => Proof::Likely,
        Outcome::Complete if whole => {
            if response_makes_sense(tape) {
                Proof::Yes
            } else {
                Proof::No
            }
        }
        Outcome::Complete | Outcome::Truncated { .. } => {
            let end = 4 + u64::from(view.declared);
            if place.hole > 0 && (bytes.len() as u64).saturating_add(place.hole) > end
                || !response_makes_sense(tape)
            {
                return Proof::No;
            }
            if has_batch(tape, &view)
                || place.hole > 0 && (place.aligned || tape.nodes.len() >= 3)
                || place.last && tape.nodes.len() >= 16
            {
                Proof::Likely
            } else {
                open
            }
        }
        _ => Proof::No,
    }
}

/// Some records field begins as a record batch does, under a topic and partition that can be.
fn has_batch(tape: &Tape, view: &View) -> bool {
    let mut found = false;
    for node in &tape.nodes {
        match node.value {
            Value::Str { len: 0, .. } if matches!(node.field, f::NAME | f::TOPIC) => return false,
            Value::Int(n)
                if n < 0 && matches!(node.field, f::INDEX | f::PARTITION_INDEX | f::PARTITION) =>
            {
                return false;
            }
            Value::Records { .. } if !found => found = Batches::new(view, node).next().is_some(),
            _ => {}
        }
    }
    found
}

fn request_makes_sense(api_key: i16, tape: &Tape) -> bool {
    let root = tape.root();
    let at_least = |field, low| root.int(field).is_none_or(|n| n >= low);
    match api_key {
        // A run of zeros reads as a Produce request without topics; nobody sends one.
        PRODUCE => {
            at_least(f::TIMEOUT_MS, 0)
                && root
                    .int(f::ACKS)
                    .is_none_or(|acks| (-1..=1).contains(&acks))
                && !matches!(root.value(f::TOPIC_DATA), Some(Value::Array { n: 0 }))
        }
        _ => {
            at_least(f::MAX_WAIT_MS, 0)
                && at_least(f::GENERATION_ID, -1)
                && at_least(f::SESSION_EPOCH, -1)
        }
    }
}

fn response_makes_sense(tape: &Tape) -> bool {
    let root = tape.root();
    root.int(f::ERROR_CODE)
        .is_none_or(|code| (-1..=512).contains(&code))
        && root
            .int(f::THROTTLE_TIME_MS)
            .is_none_or(|ms| (0..86_400_000).contains(&ms))
}
