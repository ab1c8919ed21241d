//! Reads a message's fields in order, and knows at each byte whether it was declared and whether it was captured.

use crate::view::{Hole, View};

/// Why a read did not give a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not captured, and nothing behind it.
    End,
    /// Not captured, but bytes behind it were.
    Hole,
    /// Against the format.
    Bad(&'static str),
}

pub(crate) const PAST_END: Fault = Fault::Bad("the value is longer than the message");

/// A place in a message: `at` in the message, `pos` in the captured bytes.
pub(crate) struct Cursor<'v> {
    data: &'v [u8],
    holes: &'v [Hole],
    declared: u32,
    /// Where reading must stop: the message's end, or that of the tagged field being read.
    pub limit: u32,
    pub at: u32,
    pos: usize,
    /// The captured bytes go on without a gap up to here (index in `data`).
    run_end: usize,
}

impl<'v> Cursor<'v> {
    #[inline]
    pub(crate) fn new(view: &View<'v>, at: u32) -> Cursor<'v> {
        let run = view
            .holes
            .first()
            .map_or(view.data.len(), |h| (h.at as usize).min(view.data.len()));
        let mut cursor = Cursor {
            data: view.data,
            holes: view.holes,
            declared: view.declared,
            limit: view.declared,
            at: 0,
            pos: 0,
            run_end: run,
        };
        // A start behind the end reads nothing.
        let _ = cursor.skip(at.min(view.declared));
        cursor
    }

    #[inline]
    pub(crate) fn remaining(&self) -> u32 {
        self.limit - self.at
    }

    /// Index in `View::data` of the next captured byte.
    #[inline]
    pub(crate) fn pos(&self) -> u32 {
        self.pos as u32
    }

    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> Result<&'v [u8], Fault> {
        if n > self.remaining() as usize {
            return Err(PAST_END);
        }
        if n > self.run_end - self.pos {
            if self.pos == self.run_end {
                self.enter_run();
            }
            if n > self.run_end - self.pos {
                return Err(self.missing());
            }
        }
        let bytes = &self.data[self.pos..self.pos + n];
        self.pos += n;
        self.at += n as u32;
        Ok(bytes)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().unwrap_or([0; N]))
    }

    #[inline]
    pub(crate) fn i8(&mut self) -> Result<i8, Fault> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i16(&mut self) -> Result<i16, Fault> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, Fault> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, Fault> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// An unsigned varint of at most 32 bits.
    #[inline]
    pub(crate) fn uvarint(&mut self) -> Result<u32, Fault> {
        // lengths and counts are small
        if self.pos < self.run_end
            && self.at < self.limit
            && let Some(&byte) = self.data.get(self.pos)
            && byte < 0x80
        {
            self.pos += 1;
            self.at += 1;
            return Ok(u32::from(byte));
        }
        self.long_uvarint()
    }

    fn long_uvarint(&mut self) -> Result<u32, Fault> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.array::<1>()?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| Fault::Bad("varint of more than 32 bits"));
            }
        }
        Err(Fault::Bad("varint of more than 5 bytes"))
    }

    /// Skips bytes whether or not they were captured; gives how many of them were.
    pub(crate) fn skip(&mut self, n: u32) -> Result<u32, Fault> {
        if n > self.remaining() {
            return Err(PAST_END);
        }
        let from = self.pos;
        let run = (self.run_end - self.pos) as u32;
        if n <= run {
            self.pos += n as usize;
            self.at += n;
            return Ok(n);
        }
        let end = self.at + n;
        self.pos = self.run_end;
        self.at += run;
        for hole in self.holes {
            if hole.at + hole.len <= self.at {
                continue;
            }
            if self.at < end && hole.at > self.at {
                let step = (hole.at - self.at).min(end - self.at);
                self.pos += step as usize;
                self.at += step;
            }
            if self.at >= end {
                break;
            }
            self.at = (hole.at + hole.len).min(end);
        }
        if self.at < end {
            self.pos += (end - self.at) as usize;
            self.at = end;
        }
        self.pos = self.pos.min(self.data.len());
        self.find_run();
        Ok((self.pos - from) as u32)
    }

    /// Sets `run_end` for the place at hand; a place inside a hole has an empty run.
    fn find_run(&mut self) {
        let mut end = self.declared;
        for hole in self.holes {
            if self.at < hole.at {
                end = hole.at;
                break;
            }
            if self.at - hole.at < hole.len {
                end = self.at;
                break;
            }
        }
        self.run_end = (self.pos + (end - self.at) as usize).min(self.data.len());
    }

    #[cold]
    fn enter_run(&mut self) {
        self.find_run();
    }

    #[cold]
    fn missing(&self) -> Fault {
        let here = (self.at + (self.run_end - self.pos) as u32).min(self.declared);
        let cut = self
            .holes
            .last()
            .is_none_or(|h| h.at <= here && h.at + h.len >= self.declared);
        if cut { Fault::End } else { Fault::Hole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View<'static> {
        // message 0..10: captured 0..3 and 5..8
        View {
            data: b"abcfgh",
            holes: &[Hole { at: 3, len: 2 }, Hole { at: 8, len: 2 }],
            declared: 10,
        }
    }

    #[test]
    fn reads_stop_at_holes_and_say_which() {
        let view = view();
        let mut c = Cursor::new(&view, 1);
        assert_eq!(c.take(2), Ok(&b"bc"[..]));
        assert_eq!(c.take(1), Err(Fault::Hole));
        assert_eq!(c.take(8), Err(PAST_END));
        let mut c = Cursor::new(&view, 6);
        assert_eq!(c.take(3), Err(Fault::End));
        assert_eq!(c.take(2), Ok(&b"gh"[..]));
        assert_eq!(c.take(1), Err(Fault::End));
    }

    #[test]
    fn skips_cross_holes_from_and_to_anywhere() {
        let view = view();
        for from in 0..=10 {
            for to in from..=10 {
                let mut c = Cursor::new(&view, from);
                let captured = c.skip(to - from).unwrap();
                let expected = (from..to).filter(|at| view.index_of(*at).is_some()).count() as u32;
                assert_eq!((c.at, captured), (to, expected), "{from}..{to}");
                let next = c.take(1).ok().map(|b| b[0]);
                assert_eq!(
                    next,
                    view.index_of(to).map(|i| view.data[i as usize]),
                    "{from}..{to}"
                );
            }
        }
    }

    #[test]
    fn varints_of_more_than_32_bits_are_faults() {
        for (bytes, value) in [
            (&[0x00][..], Ok(0)),
            (&[0x80, 0x01], Ok(128)),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], Ok(u32::MAX)),
            (
                &[0xff, 0xff, 0xff, 0xff, 0x1f],
                Err(Fault::Bad("varint of more than 32 bits")),
            ),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff],
                Err(Fault::Bad("varint of more than 5 bytes")),
            ),
            (&[0x80], Err(PAST_END)),
        ] {
            assert_eq!(Cursor::new(&View::whole(bytes), 0).uvarint(), value);
        }
    }
}
