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
    /// Behind another candidate.
    pub second: bool,
    /// The bytes behind the candidate's are missing, this many at least; 0 when they are to come.
    pub hole: u64,
    /// Waiting for more is over.
    pub last: bool,
}

impl Place {
    /// That of the message behind one which proves nothing alone.
    fn behind(self) -> Place {
        Place {
            opening: false,
            second: true,
            ..self
        }
    }

    /// What a candidate is whose bytes are not all there: open while more may come.
    fn unread(self) -> Proof {
        if self.hole > 0 || self.last {
            Proof::No
        } else {
            Proof::Open
        }
    }
}

/// The default of `socket.request.max.bytes`.
const MAX_SIZE: u32 = 100 << 20;
/// The default of `sasl.server.max.receive.size`.
const MAX_TOKEN: u32 = 512 << 10;
/// Of the first message of a client that is newer than the schemas: the longest client id, and the names of its software.
const MAX_GREETING: u32 = 128 << 10;
const API_VERSIONS: i16 = 18;
const PRODUCE: i16 = 0;
/// Beyond what any release will reach soon; a client newer than the schemas opens with such a version.
const FAR_VERSION: i16 = 30;
/// Bytes that are read of a candidate before the whole of it.
const GLANCE: usize = 256;

/// A cheap test of the first bytes of a frame: passes all requests, and nearly nothing else.
#[inline]
pub(crate) fn may_be_request(bytes: &[u8]) -> bool {
    let Some(b) = bytes.first_chunk::<9>() else {
        return may_be_prefix(bytes);
    };
    let size = u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
    b[4] == 0
        && b[6] == 0
        && (8..=MAX_SIZE).contains(&size)
        && apis::api(i16::from(b[5])).is_some()
        && i16::from(b[7]) < FAR_VERSION
}

fn may_be_prefix(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|b| *b <= 6)
        && bytes.get(4).is_none_or(|b| *b == 0)
        && bytes
            .get(5)
            .is_none_or(|b| apis::api(i16::from(*b)).is_some())
        && bytes.get(6).is_none_or(|b| *b == 0)
}

/// The mechanism of Kerberos 5 as DER (RFC 4121): 1.2.840.113554.1.2.2.
const KERBEROS: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02,
];

/// Judges the first bytes of a connection that may begin with a client's GSSAPI token (RFC 2743, 3.1) in a frame: clients
/// before KIP-43 authenticate without a SaslHandshake.
pub(crate) fn gssapi_token(bytes: &[u8]) -> Proof {
    let Some((size, token)) = bytes.split_first_chunk::<4>() else {
        return Proof::Open;
    };
    let size = u32::from_be_bytes(*size);
    if size > MAX_TOKEN || token.first().is_some_and(|tag| *tag != 0x60) {
        return Proof::No;
    }
    let Some(length_at) = token.get(1) else {
        return Proof::Open;
    };
    // Short lengths are in the byte itself; a token with a ticket is long.
    let more = match length_at {
        0x81 | 0x82 => usize::from(length_at & 0x7f),
        _ => return Proof::No,
    };
    let (Some(length), Some(mechanism)) = (
        token.get(2..2 + more),
        token.get(2 + more..2 + more + KERBEROS.len()),
    ) else {
        return Proof::Open;
    };
    let length = length.iter().fold(0, |n, b| n << 8 | u32::from(*b));
    if mechanism == KERBEROS && 2 + more as u32 + length == size {
        Proof::Yes
    } else {
        Proof::No
    }
}

/// A version that a newer release may have; API versions before the first schema are nobody's.
fn is_future(key: i16, version: i16) -> bool {
    apis::api(key).is_some_and(|a| version > a.versions.high && version < FAR_VERSION)
}

fn known(key: i16, version: i16) -> bool {
    apis::api(key).is_some_and(|a| {
        a.versions.has(version) || (key == API_VERSIONS && (0..FAR_VERSION).contains(&version))
    })
}

/// A broker answers ApiVersions of any version (KIP-511), and a client may open a connection with it.
fn is_far_greeting(bytes: &[u8]) -> bool {
    match bytes.get(4..) {
        Some([0, 18, high, low, ..]) => {
            !(0..FAR_VERSION).contains(&i16::from_be_bytes([*high, *low]))
        }
        // it may become one
        Some([0, 18] | [0, 18, _]) => true,
        _ => false,
    }
}

/// Judges such a message by its header: it must be whole, and have a client id that is text.
fn greeting(bytes: &[u8], open: Proof) -> Proof {
    let mut hole = [Hole { at: 0, len: 0 }];
    match view(bytes, &mut hole) {
        Some((view, _)) if !(8..=MAX_GREETING).contains(&view.declared) => Proof::No,
        Some((view, true)) => match header::request(&view) {
            Some(header)
                if !header::is_oddly_null(&view, &header)
                    && header
                        .client_id
                        .is_none_or(|id| client_id_makes_sense(id, true)) =>
            {
                Proof::Yes
            }
            _ => Proof::No,
        },
        _ => open,
    }
}

/// Judges a stream that is in step by the first bytes of a message: future APIs and versions pass, and of ApiVersions any.
pub(crate) fn in_step_head(head: &[u8]) -> bool {
    let Some(b) = head.first_chunk::<4>() else {
        return false;
    };
    let (key, version) = (
        i16::from_be_bytes([b[0], b[1]]),
        i16::from_be_bytes([b[2], b[3]]),
    );
    (0..=255).contains(&key) && (0..=63).contains(&version) || key == API_VERSIONS
}

/// Kafka takes any text; control characters are rather another protocol's numbers, but where a connection opens.
fn client_id_makes_sense(id: &[u8], opening: bool) -> bool {
    std::str::from_utf8(id).is_ok_and(|s| opening || !s.chars().any(char::is_control))
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
    if place.opening && is_far_greeting(bytes) {
        return greeting(bytes, place.unread());
    }
    if !may_be_request(bytes) {
        return Proof::No;
    }
    let open = place.unread();
    let mut hole = [Hole { at: 0, len: 0 }];
    let Some((view, whole)) = view(bytes, &mut hole) else {
        return open;
    };
    if !(8..=MAX_SIZE).contains(&view.declared) {
        return Proof::No;
    }
    let exact = (bytes.len() as u64).saturating_add(place.hole) == 4 + u64::from(view.declared);
    let Some(header) = header::request(&view) else {
        return match whole {
            true => Proof::No,
            // Of small packets not even the client's id is left; what is left of one fits in every byte.
            false if place.opening && place.hole > 0 && exact && cut_header_fits(&view) => {
                Proof::Likely
            }
            false => open,
        };
    };
    let named = header.client_id.is_some_and(|id| !id.is_empty());
    // Small numbers with many zeros read as headers with an empty client id: such a one must begin where a write does.
    if !(named || place.opening || place.second || place.aligned)
        || header::is_oddly_null(&view, &header)
    {
        return Proof::No;
    }
    if !header
        .client_id
        .is_none_or(|id| client_id_makes_sense(id, place.opening))
    {
        return Proof::No;
    }
    if !known(header.api_key, header.api_version) {
        // nothing tells how to read its body, but the client's next request is like it
        let numbered = named && is_future(header.api_key, header.api_version);
        return match numbered && whole {
            true => follows(&header, &bytes[4 + view.declared as usize..], open),
            false if numbered => open,
            false => Proof::No,
        };
    }
    if !place.opening && view.data.len() > GLANCE {
        // Most candidates inside other data fail early; reading each to its end would cost too much.
        let rest = [Hole {
            at: GLANCE as u32,
            len: view.declared - GLANCE as u32,
        }];
        let glance = View {
            data: &view.data[..GLANCE],
            holes: &rest,
            declared: view.declared,
        };
        let outcome = decode(
            header.api_key,
            header.api_version,
            Direction::Request,
            &glance,
            header.body_at,
            tape,
        );
        if matches!(outcome, Outcome::Malformed { .. })
            || !request_makes_sense(header.api_key, tape, &glance)
        {
            return Proof::No;
        }
    }
    let outcome = decode(
        header.api_key,
        header.api_version,
        Direction::Request,
        &view,
        header.body_at,
        tape,
    );
    // A negative number is null to Kafka's readers, and half of all noise.
    if tape.odd_null.is_some() && !(place.opening && named) {
        return Proof::No;
    }
    let end = 4 + view.declared as usize;
    match outcome {
        Outcome::UnknownVersion if place.opening => Proof::Yes,
        Outcome::Complete if whole && !request_makes_sense(header.api_key, tape, &view) => {
            let next = &bytes[end..];
            match header.client_id {
                _ if !place.opening => Proof::No,
                // Who opens a connection may ask what its broker refuses.
                None => Proof::Yes,
                Some(_) if named => Proof::Yes,
                // Small numbers read as such a request too, but not twice.
                Some(_) if next.is_empty() => open,
                Some(_) => request(next, place.behind(), tape),
            }
        }
        // Small numbers with many zeros read as a Produce request of version 0, but not as record batches, too.
        Outcome::Complete
            if whole && header.api_key == PRODUCE && !place.opening && !has_batch(tape, &view) =>
        {
            Proof::No
        }
        Outcome::Complete if whole => {
            let ends_here = bytes.len() == end;
            if named || place.opening || place.second || place.aligned && ends_here {
                return Proof::Yes;
            }
            // A short run of small numbers reads as a request with an empty client id; two in a row do not.
            if ends_here || place.last {
                return open;
            }
            let next = Place {
                opening: true,
                ..place
            };
            match request(&bytes[end..], next, tape) {
                Proof::Yes | Proof::Likely => Proof::Yes,
                proof => proof,
            }
        }
        Outcome::Complete | Outcome::Truncated { .. } => {
            let reads_on = (bytes.len() as u64).saturating_add(place.hole) <= end as u64;
            if place.hole > 0 && !reads_on {
                return Proof::No;
            }
            if !request_makes_sense(header.api_key, tape, &view) {
                return if place.opening { open } else { Proof::No };
            }
            if (named || place.opening || place.aligned) && has_batch(tape, &view) {
                return Proof::Likely;
            }
            // A hole that ends just where the message does is how a capture that keeps the beginnings of messages looks.
            let cut = place.hole > 0
                && (place.opening || place.aligned)
                && (named || exact && tape.nodes.len() >= 4);
            let long =
                place.last && named && (place.opening || place.aligned) && tape.nodes.len() >= 16;
            if cut || long { Proof::Likely } else { open }
        }
        _ => Proof::No,
    }
}

/// Judges a header that was cut inside of its client id.
fn cut_header_fits(view: &View) -> bool {
    let Some(header) = header::cut_request(view) else {
        return false;
    };
    let Some(&[high, low]) = view.from(8, 2).first_chunk::<2>() else {
        return false;
    };
    let (length, left) = (i16::from_be_bytes([high, low]), view.declared - 10);
    let text = view.from(10, left);
    let is_text = match std::str::from_utf8(text) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(),
    };
    known(header.api_key, header.api_version)
        && u32::try_from(length).is_ok_and(|n| n <= left && n as usize > text.len())
        && is_text
}

/// Whether the bytes behind a request begin the same client's next one: its id again, and the next correlation id.
fn follows(before: &header::RequestHeader, bytes: &[u8], open: Proof) -> Proof {
    let mut hole = [Hole { at: 0, len: 0 }];
    let Some((view, whole)) = view(bytes, &mut hole) else {
        return open;
    };
    if !may_be_request(bytes) {
        return Proof::No;
    }
    match header::request(&view) {
        Some(next)
            if next.client_id == before.client_id
                && next.correlation_id == before.correlation_id.wrapping_add(1) =>
        {
            Proof::Yes
        }
        None if !whole => open,
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
    let open = place.unread();
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
        _ if tape.odd_null.is_some() => Proof::No,
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
            // Inside of other data, a few zeros read as the answer to a client's first request: one that was cut must begin
            // where a write does, or end just where the hole does.
            let exact = (bytes.len() as u64).saturating_add(place.hole) == end;
            let cut = place.hole > 0 && (place.aligned || exact && tape.nodes.len() >= 3);
            if has_batch(tape, &view) || cut || place.last && tape.nodes.len() >= 16 {
                Proof::Likely
            } else {
                open
            }
        }
        _ => Proof::No,
    }
}

/// Some records field begins as a record batch does.
fn has_batch(tape: &Tape, view: &View) -> bool {
    let is_batch = |node| Batches::new(view, node).next().is_some();
    names_make_sense(tape, view)
        && tape
            .nodes
            .iter()
            .any(|n| matches!(n.value, Value::Records { .. }) && is_batch(n))
}

/// Topics have legal names, and partitions numbers from 0.
fn names_make_sense(tape: &Tape, view: &View) -> bool {
    let legal = |name: &[u8]| {
        !name.is_empty()
            && name
                .iter()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'))
    };
    tape.nodes.iter().all(|node| match node.value {
        Value::Str { .. } if matches!(node.field, f::NAME | f::TOPIC) => {
            view.bytes(node.value).is_some_and(legal)
        }
        Value::Int(n) if n < 0 => {
            !matches!(node.field, f::INDEX | f::PARTITION_INDEX | f::PARTITION)
        }
        _ => true,
    })
}

fn request_makes_sense(api_key: i16, tape: &Tape, view: &View) -> bool {
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
                && names_make_sense(tape, view)
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
