//! Reads a body by its plan onto a tape.

use crate::{
    apis,
    cursor::{Cursor, Fault, PAST_END},
    defaults::Default,
    fields::f,
    outcome::Outcome,
    plan::{Op, Plan, StructPlan},
    schema::Type,
    tape::{FieldId, Node, Object, Tape, Value},
    view::View,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Request,
    Response,
}

const UNSUPPORTED_VERSION: i16 = 35;
const API_VERSIONS: i16 = 18;

/// Reads the body that begins at `at` of the message. The tape is cleared first and then holds all that could be read.
///
/// Never panics, and never takes more memory than the captured bytes justify.
pub fn decode(
    api_key: i16,
    version: i16,
    direction: Direction,
    view: &View,
    at: u32,
    tape: &mut Tape,
) -> Outcome {
    tape.nodes.clear();
    tape.odd_null = None;
    let version = body_version(api_key, version, direction, view, at);
    match apis::plans(api_key, direction).and_then(|plans| plans.get(version)) {
        Some(plan) => run(plan, view, at, tape, true),
        None => Outcome::UnknownVersion,
    }
}

/// The version that the body is written in: a broker that does not know the version of an ApiVersions request answers with
/// version 0 and error 35 (KIP-511).
pub fn body_version(api_key: i16, version: i16, direction: Direction, view: &View, at: u32) -> i16 {
    let error_code = || Cursor::new(view, at).i16().ok();
    if is_refusal(api_key, direction, error_code) {
        0
    } else {
        version
    }
}

/// Whether a body is the answer, in version 0, to an ApiVersions request of a version that the broker does not know (KIP-511).
pub fn is_refusal(
    api_key: i16,
    direction: Direction,
    error_code: impl FnOnce() -> Option<i16>,
) -> bool {
    api_key == API_VERSIONS
        && direction == Direction::Response
        && error_code() == Some(UNSUPPORTED_VERSION)
}

/// `whole`: bytes behind the last field are a fault.
pub(crate) fn run(plan: &Plan, view: &View, at: u32, tape: &mut Tape, whole: bool) -> Outcome {
    let mut decoder = Decoder {
        cursor: Cursor::new(view, at),
        view: *view,
        plan,
        nodes: &mut tape.nodes,
        odd_null: &mut tape.odd_null,
        field: f::NONE,
    };
    let read = if at > view.declared {
        Err(PAST_END)
    } else {
        decoder.fields(0)
    };
    let (at, field) = (decoder.cursor.at, decoder.field);
    let outcome = match read {
        Ok(()) if whole && decoder.cursor.remaining() > 0 => Outcome::Malformed {
            at,
            field: f::NONE,
            why: "bytes behind the last field",
        },
        Ok(()) => Outcome::Complete,
        Err(Fault::End) => Outcome::Truncated { at, field },
        Err(Fault::Hole) => Outcome::Gap { at, field },
        Err(Fault::Bad(why)) => Outcome::Malformed { at, field, why },
    };
    // Noise has such a null sooner than a fault, and what follows is noise as well.
    if let (Outcome::Malformed { .. }, Some(sense)) = (&outcome, tape.odd_null) {
        tape.nodes.truncate(sense);
    }
    outcome
}

struct Decoder<'p, 'v, 't> {
    cursor: Cursor<'v>,
    view: View<'v>,
    plan: &'p Plan,
    nodes: &'t mut Vec<Node>,
    odd_null: &'t mut Option<usize>,
    /// Being read.
    field: FieldId,
}

impl<'p> Decoder<'p, '_, '_> {
    // The depth of this recursion is that of the schema.
    fn fields(&mut self, index: u16) -> Result<(), Fault> {
        let plan: &'p Plan = self.plan;
        let of = &plan.structs[index as usize];
        for op in &of.ops {
            self.op(op)?;
        }
        if of.flexible {
            self.tags(of)?;
        }
        Ok(())
    }

    fn tags(&mut self, of: &StructPlan) -> Result<(), Fault> {
        let StructPlan {
            tags: known,
            defaults,
            ..
        } = of;
        self.field = f::NONE;
        let count = self.cursor.uvarint()?;
        for _ in 0..count {
            self.field = f::NONE;
            let at = self.cursor.at;
            let tag = self.cursor.uvarint()?;
            let size = self.cursor.uvarint()?;
            if size > self.cursor.remaining() {
                return Err(PAST_END);
            }
            let Some((_, op)) = known.iter().find(|(t, _)| *t == tag) else {
                self.nodes
                    .push(Node::new(f::NONE, at, Value::UnknownTag { tag, size }));
                self.cursor.skip(size)?;
                continue;
            };
            let outer = self.cursor.limit;
            self.cursor.limit = self.cursor.at + size;
            let begin = self.nodes.len();
            let read = self.op(op);
            // also of a value that was cut: what stays is a beginning of what the whole message gives
            if self.is_default(op, defaults, begin) {
                self.nodes.truncate(begin);
            }
            read?;
            if self.cursor.remaining() > 0 {
                return Err(Fault::Bad("a tagged field is longer than its value"));
            }
            self.cursor.limit = outer;
        }
        Ok(())
    }

    /// Whether the tagged field whose nodes begin at `begin` might as well not have been sent.
    fn is_default(&self, op: &Op, defaults: &[(FieldId, Default)], begin: usize) -> bool {
        let Some((node, inner)) = self.nodes[begin..].split_first() else {
            return false;
        };
        let (inner, of): (&[Node], &[_]) = match (op.ty, op.array) {
            (Type::Struct, false) => (
                match inner.split_last() {
                    Some((end, before)) if end.value == Value::End => before,
                    _ => inner,
                },
                &self.plan.structs[op.index as usize].defaults,
            ),
            _ => (&[], &[]),
        };
        let default = defaults.iter().find(|(id, _)| *id == op.field);
        default.is_some_and(|(_, default)| default.is(node, Object::new(inner), &self.view, of))
    }

    #[inline]
    fn push(&mut self, at: u32, value: Value) {
        self.nodes.push(Node::new(self.field, at, value));
    }

    #[inline]
    fn op(&mut self, op: &Op) -> Result<(), Fault> {
        self.field = op.field;
        let at = self.cursor.at;
        if op.array {
            return self.array(op, at);
        }
        let value = match op.ty {
            Type::Bool => Value::Bool(self.cursor.i8()? != 0),
            Type::Int8 => Value::Int(i64::from(self.cursor.i8()?)),
            Type::Int16 => Value::Int(i64::from(self.cursor.i16()?)),
            Type::Int32 => Value::Int(i64::from(self.cursor.i32()?)),
            Type::Int64 => Value::Int(self.cursor.i64()?),
            Type::Uint16 => Value::Int(i64::from(self.cursor.i16()? as u16)),
            Type::Uint32 => Value::Int(i64::from(self.cursor.i32()? as u32)),
            Type::Float64 => Value::Float(f64::from_be_bytes(self.cursor.array()?)),
            Type::Uuid => Value::Uuid(self.cursor.array()?),
            Type::String => match self.length(op, true)? {
                None => Value::Null,
                Some(len) => {
                    let start = self.cursor.pos();
                    self.cursor.take(len as usize)?;
                    Value::Str { start, len }
                }
            },
            Type::Bytes | Type::Records => match self.length(op, false)? {
                None => Value::Null,
                Some(size) => return self.opaque(op, at, size),
            },
            Type::Struct => {
                if op.nullable {
                    // Kafka's readers look at the sign alone.
                    let marker = self.cursor.i8()?;
                    if marker < 0 {
                        self.note_null(i32::from(marker));
                        self.push(at, Value::Null);
                        return Ok(());
                    }
                }
                return self.structure(op.field, at, op.index);
            }
        };
        self.push(at, value);
        Ok(())
    }

    fn structure(&mut self, field: FieldId, at: u32, index: u16) -> Result<(), Fault> {
        let begin = self.nodes.len();
        self.nodes.push(Node::new(field, at, Value::Struct));
        self.fields(index)?;
        self.end(field, begin);
        Ok(())
    }

    /// Ends the array or struct that begins with this node.
    #[inline]
    fn end(&mut self, field: FieldId, begin: usize) {
        let span = self.nodes.len() - begin;
        self.nodes
            .push(Node::new(field, self.cursor.at, Value::End));
        self.nodes[begin].span = u16::try_from(span).unwrap_or(0);
    }

    fn array(&mut self, op: &Op, at: u32) -> Result<(), Fault> {
        let Some(n) = self.length(op, false)? else {
            self.push(at, Value::Null);
            return Ok(());
        };
        let plan: &'p Plan = self.plan;
        let element = &plan.elements[op.index as usize];
        if u64::from(n) * u64::from(element.min_size) > u64::from(self.cursor.remaining()) {
            return Err(Fault::Bad("more elements than the message has room for"));
        }
        let begin = self.nodes.len();
        self.push(at, Value::Array { n });
        if element.op.ty == Type::Struct {
            for _ in 0..n {
                let at = self.cursor.at;
                self.structure(op.field, at, element.op.index)?;
            }
        } else {
            for _ in 0..n {
                self.op(&element.op)?;
            }
        }
        self.end(op.field, begin);
        Ok(())
    }

    fn opaque(&mut self, op: &Op, at: u32, size: u32) -> Result<(), Fault> {
        let content = self.cursor.at;
        let start = self.cursor.pos();
        let captured = self.cursor.skip(size)?;
        let (at, value) = if op.ty == Type::Records || captured < size {
            (
                content,
                Value::Records {
                    size,
                    start,
                    captured,
                },
            )
        } else {
            (at, Value::Bytes { start, len: size })
        };
        self.push(at, value);
        Ok(())
    }

    /// A null that was told by this number.
    fn note_null(&mut self, number: i32) {
        if number != -1 {
            self.odd_null.get_or_insert(self.nodes.len());
        }
    }

    /// A length or count in the encoding of the field; `None` for null, which any negative number is to Kafka's readers.
    #[inline]
    fn length(&mut self, op: &Op, short: bool) -> Result<Option<u32>, Fault> {
        let signed = if op.compact {
            (self.cursor.uvarint()? as i32).wrapping_sub(1)
        } else if short {
            i32::from(self.cursor.i16()?)
        } else {
            self.cursor.i32()?
        };
        match u32::try_from(signed) {
            Ok(n) if n > self.cursor.remaining() => Err(PAST_END),
            Ok(n) => Ok(Some(n)),
            Err(_) if !op.nullable => Err(Fault::Bad("null where no null is allowed")),
            Err(_) => {
                self.note_null(signed);
                Ok(None)
            }
        }
    }
}
