//! Default values: a tagged field that has its own need not be sent, and Kafka's request log leaves it out also when it was.

use crate::{
    schema::{FieldDef, Type},
    tape::{FieldId, Node, Object, Value},
    view::View,
};

/// A field's value when nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Default {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Uuid,
    Str(&'static str),
    /// No bytes, no elements.
    Empty,
    /// All fields have theirs.
    Struct,
}

impl Default {
    pub(crate) fn of(field: &FieldDef) -> Default {
        let text = field.default;
        if text == Some("null") {
            return Default::Null;
        }
        if field.array {
            return Default::Empty;
        }
        match field.ty {
            Type::Bool => Default::Bool(text == Some("true")),
            Type::Float64 => Default::Float(text.and_then(|t| t.parse().ok()).unwrap_or(0.0)),
            Type::Uuid => Default::Uuid,
            Type::String => Default::Str(text.unwrap_or_default()),
            Type::Bytes | Type::Records => Default::Empty,
            Type::Struct => Default::Struct,
            _ => Default::Int(text.map_or(0, integer)),
        }
    }

    /// Whether the value is this default; `inner` are the nodes inside it, `of` gives the defaults of its fields.
    pub(crate) fn is(
        self,
        node: &Node,
        inner: Object,
        view: &View,
        of: &[(FieldId, Default)],
    ) -> bool {
        match (self, node.value) {
            (Default::Null, Value::Null) | (Default::Empty, Value::Array { n: 0 }) => true,
            (Default::Bool(default), Value::Bool(value)) => value == default,
            (Default::Int(default), Value::Int(value)) => value == default,
            (Default::Float(default), Value::Float(value)) => value == default,
            (Default::Uuid, Value::Uuid(value)) => value == [0; 16],
            (Default::Str(default), Value::Str { .. }) => {
                view.str(node.value).is_some_and(|value| value == default)
            }
            (Default::Empty, Value::Bytes { len, .. }) => len == 0,
            (Default::Empty, Value::Records { size, .. }) => size == 0,
            // a struct inside a tagged struct does not occur; one that has other fields is not the default
            (Default::Struct, Value::Struct) => inner.fields().all(|field| {
                let default = of.iter().find(|(id, _)| *id == field.node.field);
                default.is_some_and(|(_, default)| {
                    *default != Default::Struct && default.is(field.node, inner, view, &[])
                })
            }),
            _ => false,
        }
    }
}

fn integer(text: &str) -> i64 {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).unwrap_or(0),
        None => text.parse().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Direction, Hole, Outcome, Tape, View, decode, fields::f};

    /// A Fetch of version 15 with the two tagged fields, cluster id and replica state.
    fn fetch(cluster_id: &[u8], replica_id: i32, replica_epoch: i64) -> Vec<u8> {
        let mut bytes = [0; 21].to_vec();
        bytes.extend([1, 1, 1, 2, 0, cluster_id.len() as u8]);
        bytes.extend(cluster_id);
        bytes.extend([1, 13]);
        bytes.extend(replica_id.to_be_bytes());
        bytes.extend(replica_epoch.to_be_bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_tagged_field_that_says_its_default_says_nothing() {
        let mut tape = Tape::default();
        for (cluster_id, replica, named, state) in [
            (&[0][..], (-1, -1), false, false),
            (b"\x02a", (-1, -1), true, false),
            (&[1], (-1, -1), true, false),
            (&[0], (3, -1), false, true),
            (&[0], (-1, 3), false, true),
        ] {
            let bytes = fetch(cluster_id, replica.0, replica.1);
            let read =
                |view: &View, tape: &mut Tape| decode(1, 15, Direction::Request, view, 0, tape);
            assert_eq!(read(&View::whole(&bytes), &mut tape), Outcome::Complete);
            let has = |field| tape.root().get(field).is_some();
            assert_eq!(
                (has(f::CLUSTER_ID), has(f::REPLICA_STATE)),
                (named, state),
                "{bytes:?}"
            );
            let whole = tape.nodes.clone();
            for n in 0..bytes.len() {
                let (at, len) = (n as u32, (bytes.len() - n) as u32);
                let view = View {
                    data: &bytes[..n],
                    holes: &[Hole { at, len }],
                    declared: bytes.len() as u32,
                };
                read(&view, &mut tape);
                assert!(whole.starts_with(&tape.nodes), "{n} of {bytes:?}");
            }
        }
    }
}
