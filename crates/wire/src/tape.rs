//! A decoded message as one flat list of nodes, reused from message to message.
//!
//! The decoder writes nodes in wire order; readers walk them. A node names its field by a `FieldId`
//! (an interned name of the schema), so that a reader compares integers. Strings and bytes are ranges
//! of the message's captured bytes (`View::data`): nothing is copied. A prefix of a message gives a
//! prefix of its tape.

/// An interned field name; `crate::fields` maps both ways.
pub type FieldId = u16;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// int8, int16, int32, int64, uint16, uint32 alike.
    Int(i64),
    Float(f64),
    Uuid([u8; 16]),
    /// Range in `View::data`, UTF-8 not checked.
    Str { start: u32, len: u32 },
    Bytes { start: u32, len: u32 },
    /// A records field: declared size, and the range in `View::data` of the part that was captured.
    /// A hole in it is no fault.
    Records { size: u32, start: u32, captured: u32 },
    /// `n` elements follow, then `End`. For a struct element each begins with `Struct` and ends with `End`.
    Array { n: u32 },
    Struct,
    /// Ends the innermost open `Array` or `Struct`. Missing ends at the tape's end mean a cut message.
    End,
    /// A tagged field that no schema names.
    UnknownTag { tag: u32, size: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    pub field: FieldId,
    /// Offset in the message (`View` coordinates) where the field begins.
    pub at: u32,
    pub value: Value,
}

#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub nodes: Vec<Node>,
}
