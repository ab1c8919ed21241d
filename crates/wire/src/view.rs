//! A message with two lengths: what the wire declared and what was captured.

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
        View { data, holes: &[], declared: data.len() as u32 }
    }
}
