//! How a stream gets in step, and what a connection is taken for.

use super::{Session, State, Stretch};
use crate::{
    message::{Item, Protocol, Side},
    proof::{self, Place, Proof},
    window::Window,
};

/// A foreign protocol is given up on after so many bytes; a Kafka request of this size is rare.
const SEARCH_LIMIT: u64 = 8 << 20;
/// Pieces of a stream that begin as TLS records do.
const TLS_RECORDS: u32 = 3;

impl Session {
    /// Takes bytes of a stream that is not in step.
    pub(super) fn look(
        &mut self,
        h: usize,
        time_ns: i64,
        bytes: &[u8],
        emit: &mut dyn FnMut(Item),
    ) {
        let half = &mut self.halves[h];
        if half.window.bytes.is_empty() && half.stretch.is_none() {
            half.stretch = Some(Stretch {
                first_ns: time_ns,
                last_ns: time_ns,
                bytes: 0,
                why: "out of step",
            });
        }
        half.window.push(time_ns, bytes);
        half.searched += bytes.len() as u64;
        if self.protocol == Protocol::Unknown {
            self.answers.data(h, time_ns, bytes);
        }
        let half = &mut self.halves[h];
        if self.protocol == Protocol::Unknown && looks_like_tls_record(bytes) {
            half.tls_records += 1;
            let hello = half.state == State::Opening && bytes[0] == 0x16;
            if half.tls_records >= TLS_RECORDS || hello {
                return self.verdict(Protocol::Tls, emit);
            }
        }
        self.search(h, false, emit);
        let half = &mut self.halves[h];
        if half.state != State::InStep && half.window.bytes.len() > self.limits.window {
            self.search(h, true, emit);
            self.trim(h, time_ns);
        }
        self.give_up(emit);
    }

    /// Keeps the window bounded.
    fn trim(&mut self, h: usize, time_ns: i64) {
        let half = &mut self.halves[h];
        let size = half.window.bytes.len();
        if half.state == State::InStep || size <= self.limits.window {
            return;
        }
        // A broker's bytes may become readable when the other stream's requests are found: then the newest count.
        let n = if half.state == State::Opening {
            size
        } else {
            size - self.limits.window / 2
        };
        half.window.drop_front(n);
        half.state = State::Searching;
        self.unread(h, time_ns, n as u64, "out of step");
    }

    fn give_up(&mut self, emit: &mut dyn FnMut(Item)) {
        if self.protocol != Protocol::Unknown {
            return;
        }
        let done =
            |h: usize| self.side(h) == Some(Side::Broker) || self.halves[h].searched > SEARCH_LIMIT;
        if done(0) && done(1) {
            self.verdict(Protocol::Other, emit);
        }
    }

    pub(super) fn verdict(&mut self, protocol: Protocol, emit: &mut dyn FnMut(Item)) {
        self.protocol = protocol;
        if protocol != Protocol::Kafka {
            for half in &mut self.halves {
                half.window = Window::default();
                half.stretch = None;
            }
        }
        emit(Item::Protocol {
            protocol,
            client_is_first: self.client_is_a.unwrap_or(true),
        });
    }

    /// Looks for the next message in the window. `last`: more bytes will not be waited for.
    pub(super) fn search(&mut self, h: usize, last: bool, emit: &mut dyn FnMut(Item)) {
        if self.halves[h].window.bytes.is_empty() {
            return;
        }
        match self.side(h) {
            Some(Side::Broker) if self.protocol != Protocol::Kafka => {}
            Some(Side::Broker) if self.halves[h].state == State::Opening => {
                self.enter(h, 0, true, emit)
            }
            _ if self.halves[h].state == State::Opening => self.judge_opening(h, last, emit),
            _ => self.scan(h, last, 0, emit),
        }
    }

    fn judge_opening(&mut self, h: usize, last: bool, emit: &mut dyn FnMut(Item)) {
        let place = Place {
            aligned: true,
            opening: true,
            second: false,
            hole: 0,
            last,
        };
        let window = &self.halves[h].window;
        match proof::gssapi_token(&window.bytes) {
            Proof::No => {}
            Proof::Open if !last => return,
            Proof::Open | Proof::Likely => {}
            Proof::Yes => {
                self.raw_sasl = true;
                return self.enter(h, 0, true, emit);
            }
        }
        match proof::request(&window.bytes, place, &mut self.tape) {
            Proof::Open => {}
            Proof::Yes => self.enter(h, 0, true, emit),
            Proof::Likely => self.enter(h, 0, false, emit),
            Proof::No if self.told || self.protocol == Protocol::Kafka => {
                let tls = looks_like_tls_record(&self.halves[h].window.bytes);
                self.verdict(if tls { Protocol::Tls } else { Protocol::Other }, emit);
            }
            Proof::No => {
                // Perhaps the broker's stream. When neither stream opens with a request, it is something else.
                self.halves[h].searched = u64::MAX / 2;
                self.give_up(emit);
            }
        }
    }

    /// Whether the stream got in step. `hole`: so many bytes are missing behind the window.
    fn scan(&mut self, h: usize, last: bool, hole: u64, emit: &mut dyn FnMut(Item)) {
        let requests = self.side(h) != Some(Side::Broker);
        if !requests && self.pairs.is_empty() {
            return;
        }
        let size = self.halves[h].window.bytes.len();
        let place = Place {
            aligned: false,
            opening: false,
            second: false,
            hole,
            last,
        };
        // Candidates that more bytes would settle do not hide a sure one behind them.
        let open = std::mem::take(&mut self.halves[h].window.open);
        let mut doubtful = false;
        let mut found = None;
        for candidate in &open {
            if candidate.due > size && !last && hole == 0 {
                self.halves[h].window.open.push(*candidate);
                doubtful = true;
            } else if found.is_none() {
                found = self.settle(h, candidate.at, place, &mut doubtful);
            }
        }
        let mut at = self.halves[h].window.scanned;
        while found.is_none() && at < size {
            let bytes = &self.halves[h].window.bytes[at..];
            let fits = if requests {
                proof::may_be_request(bytes)
            } else {
                bytes[0] <= 6
            };
            if fits {
                found = self.settle(h, at, place, &mut doubtful);
            }
            at += 1;
        }
        match found {
            Some((at, sure)) => self.enter(h, at, sure, emit),
            None => {
                self.halves[h].window.scanned = at;
                if !requests && !self.told && self.pairs.counts.matched == 0 {
                    self.doubt_role(h, emit);
                }
            }
        }
    }

    /// Nothing has ever been paired, and the stream that should have responses may have requests: then the roles are the
    /// other way round.
    fn doubt_role(&mut self, h: usize, emit: &mut dyn FnMut(Item)) {
        let window = &self.halves[h].window;
        let place = Place {
            aligned: true,
            opening: false,
            second: false,
            hole: 0,
            last: false,
        };
        let tape = &mut self.tape;
        let is_request =
            |at: &usize| proof::request(&window.bytes[*at..], place, tape) == Proof::Yes;
        let found = window.piece_starts().find(is_request);
        let Some(at) = found else { return };
        let other = &mut self.halves[1 - h];
        other.state = State::Searching;
        other.framer.reset();
        other.window = Window::default();
        self.pairs.clear();
        self.client_is_a = Some(h == 0);
        self.verdict(Protocol::Kafka, emit);
        self.enter(h, at, true, emit);
    }

    /// Where the stream is in step, and whether that is sure.
    fn settle(
        &mut self,
        h: usize,
        at: usize,
        place: Place,
        doubtful: &mut bool,
    ) -> Option<(usize, bool)> {
        let requests = self.side(h) != Some(Side::Broker);
        let window = &self.halves[h].window;
        let bytes = &window.bytes[at..];
        let place = Place {
            aligned: window.begins_piece(at),
            ..place
        };
        let proof = if requests {
            proof::request(bytes, place, &mut self.tape)
        } else {
            proof::response(bytes, place, &|id| self.pairs.find(id), &mut self.tape)
        };
        match proof {
            Proof::Yes => return Some((at, true)),
            // What is inside a candidate that is still open may look likely, too.
            Proof::Likely if !*doubtful => return Some((at, false)),
            Proof::Likely | Proof::Open => {
                self.halves[h].window.add_open(at);
                *doubtful = true;
            }
            Proof::No => {}
        }
        None
    }

    pub(super) fn find_before_hole(&mut self, h: usize, len: u64, emit: &mut dyn FnMut(Item)) {
        let half = &self.halves[h];
        if half.window.bytes.is_empty() {
            return;
        }
        match (half.state, self.side(h)) {
            (State::Opening, Some(Side::Broker)) => {}
            (State::Opening, _) => {
                let place = Place {
                    aligned: true,
                    opening: true,
                    second: false,
                    hole: len,
                    last: false,
                };
                match proof::request(&half.window.bytes, place, &mut self.tape) {
                    Proof::Yes | Proof::Likely => self.enter(h, 0, false, emit),
                    _ => {}
                }
            }
            _ => self.scan(h, false, len, emit),
        }
    }

    /// The stream is in step from `at` of its window on.
    fn enter(&mut self, h: usize, at: usize, sure: bool, emit: &mut dyn FnMut(Item)) {
        let pieces = self.halves[h].window.take_from(at);
        let time_ns = pieces.first().map_or(0, |p| p.0);
        if at > 0 {
            self.unread(h, time_ns, at as u64, "out of step");
        }
        let half = &mut self.halves[h];
        half.state = State::InStep;
        half.framer.reset();
        half.proven = sure;
        half.messages = 0;
        if self.client_is_a.is_none() {
            self.client_is_a = Some(h == 0);
        }
        if self.protocol != Protocol::Kafka {
            self.verdict(Protocol::Kafka, emit);
            // What was searched for requests is now searched for responses.
            self.halves[1 - h].window.rescan();
        }
        self.report_stretch(h, emit);
        for piece in pieces.into_iter().rev() {
            self.halves[h].backlog.push_front(piece);
        }
    }
}

fn looks_like_tls_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 0..=4, high, _, ..] if *high <= 0x41)
}
