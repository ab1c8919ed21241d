//! One connection: tells Kafka from other protocols, finds the messages in its two streams, and pairs them.
//!
//! A stream is opening (its first byte is a message's first), searching (out of step), or in step. It gets in step only by
//! proof: see `proof.rs`.

mod long;
mod search;
mod stretch;

use std::collections::VecDeque;

use crate::{
    answers::Answers,
    decode::{Direction, decode},
    frame::{Framer, Limits, Step},
    header,
    message::{Exchange, Item, Message, Protocol, Side},
    outcome::Outcome,
    pairs::{CLOCK_SLACK_NS, Pairs},
    proof, requests,
    tape::Tape,
    window::Window,
};
use stretch::Stretch;

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    LeftOut,
    Lost,
}

/// What a session has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub requests: u64,
    pub responses: u64,
    /// Requests that want a response and did not get one, and responses without their request.
    pub no_response: u64,
    pub no_request: u64,
    /// Of these, the ones that a limit ended.
    pub evicted: u64,
    /// Times that a stream got out of step.
    pub lost_step: u64,
    pub unreadable_bytes: u64,
    /// Captured bytes beyond the limit for one message.
    pub cut_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Searching,
    InStep,
}

#[derive(Debug)]
struct Half {
    state: State,
    framer: Framer,
    window: Window,
    /// Bytes to be taken again, now that the state has changed.
    backlog: VecDeque<(i64, Vec<u8>)>,
    /// The step was found by a whole message, or has held for more than one.
    proven: bool,
    /// Since the stream got in step.
    messages: u64,
    stretch: Option<Stretch>,
    searched: u64,
    tls_records: u32,
}

/// Bytes taken again at a time: bounds the copying when a stream keeps losing step.
const PIECE: usize = 16 << 10;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// Both directions of one connection; the calls of each come in the order of its bytes.
pub struct Session {
    /// Requests travel from a to b.
    client_is_a: Option<bool>,
    told: bool,
    /// By direction: a to b, b to a.
    halves: [Half; 2],
    pairs: Pairs,
    answers: Answers,
    protocol: Protocol,
    /// Between a SaslHandshake of version 0, or a connection that opens with a token, and the first request after it.
    raw_sasl: bool,
    limits: Limits,
    tape: Tape,
    counters: Counters,
}

impl Session {
    /// `client_is_a`: the end that connected is a, when known. `opened_seen`: the first bytes of both streams are the
    /// connection's first.
    pub fn new(client_is_a: Option<bool>, opened_seen: bool) -> Session {
        Session::with_limits(client_is_a, opened_seen, Limits::default())
    }

    pub fn with_limits(client_is_a: Option<bool>, opened_seen: bool, limits: Limits) -> Session {
        let half = || Half {
            state: if opened_seen {
                State::Opening
            } else {
                State::Searching
            },
            framer: Framer::default(),
            window: Window::default(),
            backlog: VecDeque::new(),
            proven: false,
            messages: 0,
            stretch: None,
            searched: 0,
            tls_records: 0,
        };
        Session {
            client_is_a,
            told: client_is_a.is_some(),
            halves: [half(), half()],
            pairs: Pairs::default(),
            answers: Answers::default(),
            protocol: Protocol::Unknown,
            raw_sasl: false,
            limits,
            tape: Tape::default(),
            counters: Counters::default(),
        }
    }

    /// The next bytes of a direction.
    pub fn data(&mut self, from_a: bool, time_ns: i64, bytes: &[u8], emit: &mut dyn FnMut(Item)) {
        let h = index(from_a);
        self.step(h, time_ns, bytes, emit);
        self.drain(emit);
    }

    fn step(&mut self, h: usize, time_ns: i64, bytes: &[u8], emit: &mut dyn FnMut(Item)) {
        match (self.protocol, self.halves[h].state) {
            (Protocol::Tls | Protocol::Other, _) => {}
            (_, State::InStep) => {
                let rest = self.feed(h, time_ns, bytes, emit);
                for piece in rest.chunks(PIECE).rev() {
                    self.halves[h].backlog.push_front((time_ns, piece.to_vec()));
                }
            }
            _ => self.look(h, time_ns, bytes, emit),
        }
    }

    /// Takes again what a change of state put back; a loop, since each piece may change the state.
    fn drain(&mut self, emit: &mut dyn FnMut(Item)) {
        for h in [0, 1, 0] {
            while let Some((time_ns, bytes)) = self.halves[h].backlog.pop_front() {
                self.step(h, time_ns, &bytes, emit);
            }
        }
    }

    /// The next `len` bytes of a direction will not come.
    pub fn hole(
        &mut self,
        from_a: bool,
        time_ns: i64,
        len: u64,
        why: Missing,
        emit: &mut dyn FnMut(Item),
    ) {
        let h = index(from_a);
        if len == 0 || matches!(self.protocol, Protocol::Tls | Protocol::Other) {
            return;
        }
        if self.halves[h].state != State::InStep {
            self.find_before_hole(h, len, emit);
            self.drain(emit);
        }
        if self.halves[h].state != State::InStep {
            if self.protocol == Protocol::Unknown {
                self.answers.hole(h, len);
            }
            let half = &mut self.halves[h];
            half.state = State::Searching;
            let skipped = half.window.bytes.len() as u64;
            half.window = Window::default();
            self.unread(h, time_ns, len.saturating_add(skipped), "out of step");
            return;
        }
        let mut left = len;
        while left > 0 {
            let lost = why == Missing::Lost;
            match self.halves[h].framer.hole(time_ns, &mut left, lost) {
                Step::More | Step::Head | Step::Full => {}
                Step::Done(message) => {
                    self.message(h, message, emit);
                    self.drain(emit);
                }
                Step::Lost(why) => {
                    self.lose_step(h, time_ns, why, emit);
                    self.unread(h, time_ns, left, why);
                    return;
                }
            }
        }
    }

    /// The stream is out of step: how many bytes are missing here is not known.
    pub fn desync(&mut self, from_a: bool, time_ns: i64, emit: &mut dyn FnMut(Item)) {
        let h = index(from_a);
        if self.halves[h].state == State::InStep {
            let why = "an unknown number of bytes was lost";
            let begun = self.halves[h].framer.begun();
            match self.halves[h].framer.abort() {
                Some(message) => {
                    self.message(h, message, emit);
                    self.drain(emit);
                }
                None => self.unread(h, time_ns, begun, why),
            }
            self.lose_step(h, time_ns, why, emit);
        } else {
            let skipped = self.halves[h].window.bytes.len() as u64;
            self.halves[h].window = Window::default();
            self.halves[h].state = State::Searching;
            self.unread(h, time_ns, skipped, "an unknown number of bytes was lost");
        }
    }

    /// Time has passed: gives up on what does not come.
    pub fn tick(&mut self, now_ns: i64, emit: &mut dyn FnMut(Item)) {
        self.pairs.tick(now_ns, emit);
        self.report_old_stretches(now_ns, emit);
        if stretch::is_old(self.answers.since_ns(), now_ns) {
            self.report_answers(emit);
        }
    }

    /// Nothing more comes.
    pub fn close(&mut self, time_ns: i64, emit: &mut dyn FnMut(Item)) {
        for h in 0..2 {
            if self.halves[h].state == State::InStep {
                let begun = self.halves[h].framer.begun();
                match self.halves[h].framer.abort() {
                    Some(message) => self.message(h, message, emit),
                    None => self.unread(h, time_ns, begun, "the connection ended"),
                }
            } else {
                let left = self.halves[h].window.bytes.len() as u64;
                self.halves[h].window = Window::default();
                self.unread(h, time_ns, left, "the connection ended");
            }
        }
        self.drain(emit);
        self.pairs.close(emit);
        for h in 0..2 {
            self.report_stretch(h, emit);
        }
        self.report_answers(emit);
    }

    /// The end that connected became known after the session began.
    pub fn learn_client(&mut self, client_is_a: bool) {
        if self.client_is_a.is_none() {
            self.client_is_a = Some(client_is_a);
            self.told = true;
        }
    }

    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether a sends the requests, when known.
    pub fn client_is_a(&self) -> Option<bool> {
        self.client_is_a
    }

    pub fn counters(&self) -> Counters {
        let pairs = self.pairs.counts;
        Counters {
            no_response: pairs.no_response,
            no_request: pairs.no_request,
            evicted: pairs.evicted,
            cut_bytes: self.halves.iter().map(|h| h.framer.cut_bytes).sum(),
            ..self.counters
        }
    }

    /// The side that sends in this direction; `None` while nobody knows.
    fn side(&self, h: usize) -> Option<Side> {
        self.client_is_a.map(|a| {
            if a == (h == 0) {
                Side::Client
            } else {
                Side::Broker
            }
        })
    }

    /// Gives back the bytes from where the stream got out of step.
    fn feed<'b>(
        &mut self,
        h: usize,
        time_ns: i64,
        mut bytes: &'b [u8],
        emit: &mut dyn FnMut(Item),
    ) -> &'b [u8] {
        while !bytes.is_empty() {
            let client = self.side(h) == Some(Side::Client);
            let raw = if client {
                self.raw_sasl
            } else {
                self.pairs.raw_next()
            };
            let min_size = if raw {
                0
            } else if client {
                8
            } else {
                4
            };
            let message =
                match self.halves[h]
                    .framer
                    .data(time_ns, &mut bytes, min_size, &self.limits)
                {
                    Step::More => continue,
                    Step::Full => {
                        self.shed(h);
                        continue;
                    }
                    Step::Done(message) => message,
                    Step::Head => {
                        if !raw && !self.head_fits(h, client) {
                            let (back, first_ns) = self.halves[h].framer.take_back();
                            self.lose_step(h, time_ns, "no message begins here", emit);
                            self.look(h, first_ns, &back, emit);
                            return bytes;
                        }
                        match self.halves[h].framer.after_head() {
                            Some(message) => message,
                            None => continue,
                        }
                    }
                    Step::Lost(why) => {
                        self.lose_step(h, time_ns, why, emit);
                        return bytes;
                    }
                };
            self.message(h, message, emit);
        }
        bytes
    }

    fn head_fits(&self, h: usize, client: bool) -> bool {
        let half = &self.halves[h];
        let head = half.framer.head();
        if client {
            return proof::in_step_head(&head.data);
        }
        // A response whose request was not seen is possible; one so early or so large is not likely.
        let id = header::correlation_id(&head.view());
        half.proven && head.declared < 64 << 20
            || id.is_some_and(|id| self.pairs.find(id).is_some())
    }

    fn message(&mut self, h: usize, message: Message, emit: &mut dyn FnMut(Item)) {
        if self.side(h) == Some(Side::Client) {
            self.counters.requests += 1;
            self.request(h, message, emit);
            self.look_for_response(1 - h, emit);
        } else {
            self.counters.responses += 1;
            self.pairs.response(message, &self.limits, emit);
        }
        let half = &mut self.halves[h];
        half.proven |= half.messages > 0;
        half.messages += 1;
    }

    /// The response to the newest request may be in the other stream's window already; those to others were looked for before.
    fn look_for_response(&mut self, h: usize, emit: &mut dyn FnMut(Item)) {
        let half = &mut self.halves[h];
        if half.state == State::InStep {
            return;
        }
        // Each request would cost a look at the whole window for every one that waits.
        let may_be_there = self.pairs.newest().is_some_and(|(id, first_ns)| {
            let since_ns = first_ns.saturating_sub(CLOCK_SLACK_NS);
            half.window.has_since(since_ns, id.to_be_bytes())
        });
        if may_be_there {
            half.window.rescan();
            self.search(h, false, emit);
        }
    }

    fn request(&mut self, h: usize, message: Message, emit: &mut dyn FnMut(Item)) {
        let view = message.view();
        let found = header::request(&view)
            .filter(|_| !self.raw_sasl || self.is_request(&message))
            .or_else(|| header::cut_request(&view).filter(|_| !self.raw_sasl));
        let Some(found) = found else {
            if self.raw_sasl {
                self.pairs
                    .request(Box::new(raw_token(message)), &self.limits, emit);
            } else {
                let bytes = 4 + u64::from(message.declared);
                self.unread_since(
                    h,
                    message.first_ns,
                    message.last_ns,
                    bytes,
                    "a request without its header",
                );
                self.report_stretch(h, emit);
            }
            return;
        };
        self.raw_sasl = found.api_key == SASL_HANDSHAKE && found.api_version == 0;
        let exchange = Exchange {
            api_key: found.api_key,
            api_version: found.api_version,
            correlation_id: found.correlation_id,
            client_id: found
                .client_id
                .map(|id| String::from_utf8_lossy(id).into_owned()),
            request_body_at: found.body_at,
            response_body_at: 0,
            no_reply: requests::wants_no_reply(&found, &view),
            raw_sasl: false,
            request: Some(message),
            response: None,
        };
        self.pairs.request(Box::new(exchange), &self.limits, emit);
    }

    /// Tells a request from a raw token.
    fn is_request(&mut self, message: &Message) -> bool {
        let view = message.view();
        let Some(found) = header::request(&view) else {
            return false;
        };
        let outcome = decode(
            found.api_key,
            found.api_version,
            Direction::Request,
            &view,
            found.body_at,
            &mut self.tape,
        );
        matches!(
            outcome,
            Outcome::Complete | Outcome::Truncated { .. } | Outcome::Gap { .. }
        ) && self.tape.odd_null.is_none()
            && !header::is_oddly_null(&view, &found)
    }

    fn lose_step(&mut self, h: usize, time_ns: i64, why: &'static str, emit: &mut dyn FnMut(Item)) {
        self.counters.lost_step += 1;
        let begun = self.halves[h].framer.begun();
        let half = &mut self.halves[h];
        half.framer.reset();
        half.state = State::Searching;
        half.searched = 0;
        let proven = half.proven;
        half.proven = false;
        if !proven
            && !self.told
            && self.pairs.counts.matched == 0
            && self.side(h) == Some(Side::Client)
        {
            // The only message of this stream was likely none.
            self.pairs.clear();
            self.client_is_a = None;
            self.verdict(Protocol::Unknown, emit);
        }
        self.unread(h, time_ns, begun, why);
    }
}

fn index(from_a: bool) -> usize {
    usize::from(!from_a)
}

fn raw_token(message: Message) -> Exchange {
    Exchange {
        api_key: SASL_AUTHENTICATE,
        api_version: -1,
        correlation_id: -1,
        client_id: None,
        request: Some(message),
        response: None,
        request_body_at: 0,
        response_body_at: 0,
        no_reply: false,
        raw_sasl: true,
    }
}
