//! The bytes of a stream that is not in step, in which its next message is looked for.

use std::collections::VecDeque;

/// A place that may turn out to begin a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub at: usize,
    /// Not to be judged again before the window is this long: judging costs as much as there is to read.
    pub due: usize,
}

/// More are forgotten: they are found where small numbers abound, and there are none of them messages.
const MAX_OPEN: usize = 64;
const SIZE_FIELD: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Window {
    pub bytes: Vec<u8>,
    /// Where each delivered piece begins, and its time.
    pieces: VecDeque<(usize, i64)>,
    /// Everything before was judged, and is no message but for what is open.
    pub scanned: usize,
    pub open: Vec<Open>,
}

impl Window {
    pub(crate) fn push(&mut self, time_ns: i64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.pieces.push_back((self.bytes.len(), time_ns));
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// A writer's call often begins a message, and so does a piece. One that is shorter than a size field says nothing: where every byte
    /// comes alone, each would.
    pub(crate) fn begins_piece(&self, at: usize) -> bool {
        self.pieces
            .binary_search_by_key(&at, |p| p.0)
            .is_ok_and(|i| self.end_of(i) - at >= SIZE_FIELD)
    }

    fn end_of(&self, piece: usize) -> usize {
        self.pieces
            .get(piece + 1)
            .map_or(self.bytes.len(), |next| next.0)
    }

    pub(crate) fn piece_starts(&self) -> impl Iterator<Item = usize> {
        self.pieces.iter().map(|p| p.0)
    }

    /// Forgets the first `n` bytes.
    pub(crate) fn drop_front(&mut self, n: usize) {
        self.bytes.drain(..n);
        while self.pieces.get(1).is_some_and(|second| second.0 <= n) {
            self.pieces.pop_front();
        }
        for piece in &mut self.pieces {
            piece.0 = piece.0.saturating_sub(n);
        }
        if self.bytes.is_empty() {
            self.pieces.clear();
        }
        self.scanned = self.scanned.saturating_sub(n);
        self.open.retain_mut(|open| {
            let stays = open.at >= n;
            open.at = open.at.wrapping_sub(n);
            open.due = open.due.saturating_sub(n);
            stays
        });
    }

    /// Judges all again.
    pub(crate) fn rescan(&mut self) {
        self.scanned = 0;
        self.open.clear();
    }

    /// Whether these bytes stand anywhere in the newest pieces, those from `since_ns` on.
    pub(crate) fn has_since(&self, since_ns: i64, number: [u8; 4]) -> bool {
        let newest = self.pieces.iter().rev();
        let first = newest.take_while(|p| p.1 >= since_ns).last();
        first.is_some_and(|p| self.bytes[p.0..].windows(4).any(|w| w == number))
    }

    pub(crate) fn add_open(&mut self, at: usize) {
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        let have = self.bytes.len() - at;
        let size = self.bytes[at..]
            .first_chunk::<4>()
            .map_or(0, |b| u32::from_be_bytes(*b) as usize + 4);
        let due = at + (2 * have).min(size).max(have + 1);
        self.open.push(Open { at, due });
    }

    /// The bytes from `at` on in pieces with their times; the window is empty afterwards.
    pub(crate) fn take_from(&mut self, at: usize) -> Vec<(i64, Vec<u8>)> {
        let mut out = Vec::with_capacity(self.pieces.len());
        for (i, (start, time_ns)) in self.pieces.iter().enumerate() {
            let end = self.end_of(i);
            if end > at {
                out.push((*time_ns, self.bytes[(*start).max(at)..end].to_vec()));
            }
        }
        *self = Window::default();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_looked_for_in_what_is_new() {
        let mut window = Window::default();
        window.push(1, &[0, 0, 0, 7, 9]);
        window.push(5, &[0, 0]);
        window.push(6, &[0, 8]);
        for (since_ns, number, found) in [
            (1, 7, true),
            (2, 7, false),
            (5, 8, true),
            (6, 8, false),
            (7, 8, false),
            (1, 6, false),
        ] {
            let has = window.has_since(since_ns, i32::to_be_bytes(number));
            assert_eq!(has, found, "{number} since {since_ns}");
        }
    }

    #[test]
    fn pieces_keep_their_times_when_the_front_goes() {
        let mut window = Window::default();
        window.push(1, b"abc");
        window.push(2, b"def");
        window.push(3, b"ghij");
        window.push(4, b"kl");
        window.drop_front(4);
        let begins: Vec<_> = (0..8).filter(|at| window.begins_piece(*at)).collect();
        assert_eq!(begins, [2]);
        assert_eq!(
            window.take_from(1),
            [
                (2, b"f".to_vec()),
                (3, b"ghij".to_vec()),
                (4, b"kl".to_vec())
            ]
        );
    }
}
