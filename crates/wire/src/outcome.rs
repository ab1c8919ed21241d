//! How a message could be read. Decoding never fails: it delivers what it read, and this.

/// `at` is a byte offset in the message (after the size field), `field` the field that was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Complete,
    /// The capture ends inside the message; everything before `at` was delivered.
    Truncated {
        at: u32,
        field: u16,
    },
    /// Bytes are missing in the middle, inside something that is not opaque.
    Gap {
        at: u32,
        field: u16,
    },
    /// The bytes are there and do not fit the schema.
    Malformed {
        at: u32,
        field: u16,
        why: &'static str,
    },
    /// API or version without a schema; only the header was read.
    UnknownVersion,
}

impl Outcome {
    /// The name users see: `complete`, `truncated`, `gap`, `malformed`, `unknown_version`.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Truncated { .. } => "truncated",
            Outcome::Gap { .. } => "gap",
            Outcome::Malformed { .. } => "malformed",
            Outcome::UnknownVersion => "unknown_version",
        }
    }
}
