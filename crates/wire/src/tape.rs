//! A decoded message as one flat list of nodes, reused from message to message.
//!
//! The decoder writes nodes in wire order; readers walk them. A node names its field by a `FieldId`
//! (an interned name of the schema), so that a reader compares integers. Strings and bytes are ranges
//! of the message's captured bytes (`View::data`): nothing is copied. A prefix of a message gives a
//! prefix of its tape.
//!
//! `tape.root()` is the message's body as an `Object`; `Object::items(f::TOPICS)` walks an array of
//! structs, `Object::int(f::ERROR_CODE)` reads a value. Fields absent from the version or behind the
//! end of the capture are `None`.

use std::borrow::Cow;

use crate::{fields::f, view::View};

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
    Str {
        start: u32,
        len: u32,
    },
    Bytes {
        start: u32,
        len: u32,
    },
    /// A records field, or a bytes field not captured whole: declared size, and the range in
    /// `View::data` of the part that was captured. A hole in it is no fault.
    Records {
        size: u32,
        start: u32,
        captured: u32,
    },
    /// `n` elements follow, then `End`. For a struct element each begins with `Struct` and ends with `End`.
    Array {
        n: u32,
    },
    Struct,
    /// Ends the innermost open `Array` or `Struct`. Missing ends at the tape's end mean a cut message.
    End,
    /// A tagged field that no schema names.
    UnknownTag {
        tag: u32,
        size: u32,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Elements of an array carry the array's field, `End` carries what it ends.
    pub field: FieldId,
    /// Offset in the message (`View` coordinates) where the field begins; for `Records` where its
    /// content begins.
    pub at: u32,
    /// Of an array or a struct: nodes up to its `End`, that included, so that readers pass over them at once; 0 where they have to
    /// walk, since it has no end or more nodes than are counted.
    pub span: u16,
    pub value: Value,
}

/// By what was read: a node of a tape that was cut is the same as that of the whole one, and its span is not.
impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        (self.field, self.at, self.value) == (other.field, other.at, other.value)
    }
}

impl Node {
    pub fn new(field: FieldId, at: u32, value: Value) -> Node {
        Node {
            field,
            at,
            span: 0,
            value,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub nodes: Vec<Node>,
    /// How many nodes stand before the first null that no serializer writes: one told by another negative number than -1.
    pub odd_null: Option<usize>,
}

impl Tape {
    /// The message's fields.
    pub fn root(&self) -> Object<'_> {
        Object { nodes: &self.nodes }
    }

    /// The fields that hold record batches, of which the tape has the place and the size.
    pub fn record_sets(&self) -> impl Iterator<Item = &Node> {
        let is_one = |n: &&Node| n.field == f::RECORDS && matches!(n.value, Value::Records { .. });
        self.nodes.iter().filter(is_one)
    }

    /// Every node with its depth, `End` at the depth of what it ends.
    pub fn walk(&self) -> impl Iterator<Item = (u32, &Node)> {
        let mut depth = 0u32;
        self.nodes.iter().map(move |node| match node.value {
            Value::Array { .. } | Value::Struct => {
                depth += 1;
                (depth - 1, node)
            }
            Value::End => {
                depth = depth.saturating_sub(1);
                (depth, node)
            }
            _ => (depth, node),
        })
    }
}

/// The nodes between a `Struct` and its `End`, or a whole message.
#[derive(Clone, Copy, Debug)]
pub struct Object<'t> {
    nodes: &'t [Node],
}

/// A field of an object, with the nodes inside it when it is an array or a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field<'t> {
    pub node: &'t Node,
    inner: &'t [Node],
}

impl<'t> Object<'t> {
    pub(crate) fn new(nodes: &'t [Node]) -> Object<'t> {
        Object { nodes }
    }

    pub fn fields(&self) -> Fields<'t> {
        Fields { rest: self.nodes }
    }

    pub fn get(&self, field: FieldId) -> Option<Field<'t>> {
        self.fields().find(|f| f.node.field == field)
    }

    /// The value, `None` when absent; a null is `Some(Value::Null)`.
    pub fn value(&self, field: FieldId) -> Option<Value> {
        self.get(field).map(|f| f.node.value)
    }

    pub fn int(&self, field: FieldId) -> Option<i64> {
        self.get(field)?.int()
    }

    pub fn bool(&self, field: FieldId) -> Option<bool> {
        match self.value(field)? {
            Value::Bool(b) => Some(b),
            _ => None,
        }
    }

    pub fn uuid(&self, field: FieldId) -> Option<[u8; 16]> {
        match self.value(field)? {
            Value::Uuid(u) => Some(u),
            _ => None,
        }
    }

    /// A string; `None` when absent or null.
    pub fn str<'v>(&self, view: &View<'v>, field: FieldId) -> Option<Cow<'v, str>> {
        view.str(self.value(field)?)
    }

    /// Bytes; `None` when absent, null or not captured whole.
    pub fn bytes<'v>(&self, view: &View<'v>, field: FieldId) -> Option<&'v [u8]> {
        view.bytes(self.value(field)?)
    }

    pub fn object(&self, field: FieldId) -> Option<Object<'t>> {
        self.get(field)?.object()
    }

    /// The structs of an array; nothing when absent or null.
    pub fn items(&self, field: FieldId) -> impl Iterator<Item = Object<'t>> + use<'t> {
        self.elements(field).filter_map(|e| e.object())
    }

    /// The elements of an array of anything; nothing when absent or null.
    pub fn elements(&self, field: FieldId) -> Fields<'t> {
        Fields {
            rest: self
                .get(field)
                .filter(|f| matches!(f.node.value, Value::Array { .. }))
                .map_or(&[], |f| f.inner),
        }
    }

    pub fn nodes(&self) -> &'t [Node] {
        self.nodes
    }
}

impl<'t> Field<'t> {
    pub fn int(&self) -> Option<i64> {
        match self.node.value {
            Value::Int(i) => Some(i),
            _ => None,
        }
    }

    pub fn object(&self) -> Option<Object<'t>> {
        matches!(self.node.value, Value::Struct).then_some(Object { nodes: self.inner })
    }

    /// The elements of an array, else nothing.
    pub fn elements(&self) -> Fields<'t> {
        Fields {
            rest: if matches!(self.node.value, Value::Array { .. }) {
                self.inner
            } else {
                &[]
            },
        }
    }
}

/// Walks the fields of an object or the elements of an array, over what is inside them.
#[derive(Clone, Debug)]
pub struct Fields<'t> {
    rest: &'t [Node],
}

impl<'t> Iterator for Fields<'t> {
    type Item = Field<'t>;

    fn next(&mut self) -> Option<Field<'t>> {
        let (node, rest) = self.rest.split_first()?;
        if !matches!(node.value, Value::Array { .. } | Value::Struct) {
            self.rest = rest;
            return Some(Field { node, inner: &[] });
        }
        // a tape that was cut may end before
        if let Some(end) = usize::from(node.span).checked_sub(1)
            && let Some((inner, behind)) = rest.split_at_checked(end)
            && let Some((_, behind)) = behind.split_first()
        {
            self.rest = behind;
            return Some(Field { node, inner });
        }
        self.walk(node, rest)
    }
}

impl<'t> Fields<'t> {
    /// An array or a struct of which only its `End` tells where it ends.
    fn walk(&mut self, node: &'t Node, rest: &'t [Node]) -> Option<Field<'t>> {
        let mut depth = 1;
        for (i, inside) in rest.iter().enumerate() {
            match inside.value {
                Value::Array { .. } | Value::Struct => depth += 1,
                Value::End => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = &rest[i + 1..];
                return Some(Field {
                    node,
                    inner: &rest[..i],
                });
            }
        }
        self.rest = &[];
        Some(Field { node, inner: rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(field: FieldId, value: Value) -> Node {
        Node::new(field, 0, value)
    }

    fn topics() -> Tape {
        Tape {
            nodes: vec![
                node(1, Value::Int(7)),
                node(2, Value::Array { n: 2 }),
                node(2, Value::Struct),
                node(3, Value::Int(1)),
                node(2, Value::End),
                node(2, Value::Struct),
                node(3, Value::Int(2)),
                node(2, Value::End),
                node(2, Value::End),
                node(4, Value::Null),
            ],
            ..Tape::default()
        }
    }

    #[test]
    fn fields_are_found_behind_arrays() {
        let tape = topics();
        assert_eq!(tape.root().int(1), Some(7));
        assert_eq!(tape.root().value(4), Some(Value::Null));
        assert_eq!(
            tape.root().int(3),
            None,
            "a field of an inner struct is no field of the outer one"
        );
        assert_eq!(
            tape.root()
                .items(2)
                .filter_map(|t| t.int(3))
                .collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!(tape.walk().last().map(|(depth, _)| depth), Some(0));
    }

    /// The spans that a decoder writes.
    fn with_spans(mut tape: Tape) -> Tape {
        let mut open = Vec::new();
        for i in 0..tape.nodes.len() {
            match tape.nodes[i].value {
                Value::Array { .. } | Value::Struct => open.push(i),
                Value::End => {
                    let begin: usize = open.pop().expect("an End ends something");
                    tape.nodes[begin].span = (i - begin) as u16;
                }
                _ => {}
            }
        }
        tape
    }

    #[test]
    fn spans_lead_where_walking_does_also_in_a_cut_tape() {
        let (walked, spanned) = (topics(), with_spans(topics()));
        for n in 0..=walked.nodes.len() {
            let fields = |tape: &Tape| {
                let nodes = Object::new(&tape.nodes[..n]);
                let all = |object: Object| -> Vec<(Node, Vec<Node>)> {
                    object
                        .fields()
                        .map(|f| (*f.node, f.inner.to_vec()))
                        .collect()
                };
                (all(nodes), nodes.items(2).map(all).collect::<Vec<_>>())
            };
            assert_eq!(fields(&walked), fields(&spanned), "{n} nodes");
        }
    }

    #[test]
    fn a_cut_tape_gives_what_it_has() {
        let whole = topics();
        for n in 0..whole.nodes.len() {
            let cut = Tape {
                nodes: whole.nodes[..n].to_vec(),
                ..Tape::default()
            };
            let seen: Vec<_> = cut.root().items(2).filter_map(|t| t.int(3)).collect();
            assert!([1, 2].starts_with(&seen));
        }
    }
}
