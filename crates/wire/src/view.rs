//! A message with two lengths: what the wire declared and what was captured.

use std::borrow::Cow;

use crate::tape::Value;

/// Bytes of the message that are missing, `at` counted from the start of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    pub at: u32,
    pub len: u32,
}

/// One message without its 4-byte size field. `data` holds the captured bytes one after another,
/// `holes` (ordered, not touching) say where bytes are missing, and a capture that ends early is a
/// message whose last hole reaches `declared`.
///
/// Invariant: `data.len() + sum of holes == declared`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub data: &'a [u8],
    pub holes: &'a [Hole],
    pub declared: u32,
}

impl<'a> View<'a> {
    pub fn whole(data: &'a [u8]) -> Self {
        View {
            data,
            holes: &[],
            declared: data.len() as u32,
        }
    }

    /// A string of this message; bytes that are not UTF-8 become U+FFFD.
    pub fn str(&self, value: Value) -> Option<Cow<'a, str>> {
        match value {
            Value::Str { start, len } => {
                let bytes = self.slice(start, len)?;
                // nearly all are, and asking for that alone is quicker
                Some(match std::str::from_utf8(bytes) {
                    Ok(text) => Cow::Borrowed(text),
                    Err(_) => String::from_utf8_lossy(bytes),
                })
            }
            _ => None,
        }
    }

    /// A string's or bytes field's bytes; `None` for a field that was not captured whole.
    pub fn bytes(&self, value: Value) -> Option<&'a [u8]> {
        match value {
            Value::Str { start, len } | Value::Bytes { start, len } => self.slice(start, len),
            _ => None,
        }
    }

    fn slice(&self, start: u32, len: u32) -> Option<&'a [u8]> {
        self.data.get(start as usize..start as usize + len as usize)
    }

    /// The index in `data` of the byte at `at` of the message, `None` when it was not captured.
    pub fn index_of(&self, at: u32) -> Option<u32> {
        let mut missing = 0;
        for hole in self.holes {
            if at < hole.at {
                break;
            }
            if at - hole.at < hole.len {
                return None;
            }
            missing += hole.len;
        }
        (at < self.declared).then(|| at - missing)
    }

    /// The captured bytes that follow `at` of the message without a gap, at most `len`.
    pub fn from(&self, at: u32, len: u32) -> &'a [u8] {
        let Some(start) = self.index_of(at) else {
            return &[];
        };
        let until = self
            .holes
            .iter()
            .find(|h| h.at > at)
            .map_or(self.declared, |h| h.at);
        let len = len.min(until - at) as usize;
        self.data
            .get(start as usize..start as usize + len)
            .unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_message_map_to_captured_bytes() {
        // message 0..10, captured 0..3 and 5..8
        let view = View {
            data: b"abcfgh",
            holes: &[Hole { at: 3, len: 2 }, Hole { at: 8, len: 2 }],
            declared: 10,
        };
        let seen: Vec<_> = (0..11).map(|at| view.index_of(at)).collect();
        assert_eq!(
            seen,
            [
                Some(0),
                Some(1),
                Some(2),
                None,
                None,
                Some(3),
                Some(4),
                Some(5),
                None,
                None,
                None
            ]
        );
        assert_eq!(view.from(1, 10), b"bc");
        assert_eq!(view.from(5, 2), b"fg");
        assert_eq!(view.from(4, 2), b"");
    }
}
