//! One connection's two streams in any pieces, with holes, desyncs and silences.
//!
//! Input: a byte for what is known of the ends, then operations of kind, length (two bytes) and, for data, bytes.

use kafkascope_wire::{
    Direction, Exchange, Item, Limits, Message, Session, Tape, decode, session::Missing,
};

use crate::input::Input;

const MESSAGE_BYTES: usize = 4096;
/// The end of a message beyond the limit is kept as well.
const TAIL: usize = 4096;

/// Small, so that each limit is reached.
fn limits() -> Limits {
    Limits {
        message_bytes: MESSAGE_BYTES,
        pending: 8,
        orphans: 4,
        orphan_bytes: 8 << 10,
        window: 2048,
        ..Limits::default()
    }
}

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let known = input.u8();
    let client_is_a = [None, Some(true), Some(false), Some(true)][usize::from(known & 3)];
    let mut session = Session::with_limits(client_is_a, known & 4 != 0, limits());
    let mut told = Told::default();
    let mut sent = [0u64; 2];
    let mut time = 0;
    while !input.is_empty() {
        let (kind, len) = (input.u8(), input.u16());
        time += i64::from(kind >> 3) * 1000;
        let emit = &mut |item| told.item(item);
        let from_a = kind & 1 == 0;
        let side = usize::from(!from_a);
        match kind & 7 {
            0..=3 => {
                let bytes = input.take(usize::from(len));
                sent[side] += bytes.len() as u64;
                session.data(from_a, time, bytes, emit);
            }
            4 | 5 => {
                let missing = if len & 1 == 0 {
                    Missing::Lost
                } else {
                    Missing::LeftOut
                };
                sent[side] += u64::from(len);
                session.hole(from_a, time, u64::from(len), missing, emit);
            }
            6 => session.desync(len & 1 == 0, time, emit),
            _ => {
                time += i64::from(len) * 10_000_000;
                session.tick(time, emit);
            }
        }
    }
    session.close(time, &mut |item| told.item(item));
    let most = sent[0] + sent[1];
    assert!(told.bytes <= most, "{} bytes of {most}", told.bytes);
}

#[derive(Default)]
struct Told {
    tape: Tape,
    /// Captured bytes of all messages.
    bytes: u64,
}

impl Told {
    fn item(&mut self, item: Item) {
        match item {
            Item::Exchange(exchange) => self.exchange(&exchange),
            Item::Unreadable {
                first_ns, last_ns, ..
            } => assert!(first_ns <= last_ns),
            Item::Answers {
                first_ns, last_ns, ..
            } => assert!(first_ns <= last_ns),
            Item::Protocol { .. } => {}
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        assert!(exchange.request.is_some() || exchange.response.is_some());
        for direction in [Direction::Request, Direction::Response] {
            let Some((message, at)) = exchange.message(direction) else {
                continue;
            };
            whole(message);
            self.bytes += message.data.len() as u64;
            decode(
                exchange.api_key,
                exchange.api_version,
                direction,
                &message.view(),
                at,
                &mut self.tape,
            );
        }
    }
}

/// Captured bytes and holes make up what the size field declared.
fn whole(message: &Message) {
    let mut end = 0;
    let mut missing = 0;
    for (i, hole) in message.holes.iter().enumerate() {
        assert!(hole.len > 0, "an empty hole");
        assert!(i == 0 || hole.at > end, "holes touch: {:?}", message.holes);
        end = hole.at + hole.len;
        missing += hole.len;
    }
    assert!(end <= message.declared);
    assert_eq!(message.data.len() as u32 + missing, message.declared);
    assert!(message.data.len() <= MESSAGE_BYTES + TAIL);
    assert!(message.first_ns <= message.last_ns);
}
