//! A decoded body as JSON: as Kafka's own request log prints it, or as PxL scripts know it.
//!
//! The first style has Kafka's names and values to the letter, so that the two can be compared field by
//! field; what is ours stands beside them under names that no message has.

mod compression;
mod embedded;
mod json;
mod keys;
pub mod layout;
mod protobuf;
mod secrets;
mod snake;
mod telemetry;

use std::ops::Range;

use kafkascope_wire::batch::{Batch, Batches, TimestampType};
use kafkascope_wire::fields::{self, f};
use kafkascope_wire::{FieldId, Node, Tape, Value, View, errors};

pub use embedded::{ENVELOPE, Enveloped};
pub use json::{write_int, write_string};
pub use kafkascope_wire::Direction;

use embedded::Within;

const SHARE_FETCH: i16 = 78;

/// How names and values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As Kafka's request log: camelCase, UUIDs in Kafka's text, bytes in base64, record sets by size.
    RequestLog,
    /// As `kafka_events.beta`: snake_case, with the shapes that Pixie's scripts read.
    Snake,
}

/// What is known beside the message itself.
pub type TopicName<'a> = &'a dyn Fn(&[u8; 16]) -> Option<String>;

/// Appends the JSON of what `tape` holds. A tape that was cut gives valid JSON of its beginning.
pub fn write_body(
    out: &mut String,
    style: Style,
    api_key: i16,
    direction: Direction,
    tape: &Tape,
    view: &View,
    topic_name: TopicName,
) {
    if style == Style::Snake && snake::write(out, api_key, direction, tape, view, topic_name) {
        return;
    }
    Writer {
        out,
        style,
        api_key,
        view,
        topic_name,
        tags: Vec::new(),
        within: Within::Message,
    }
    .body(&tape.nodes);
}

/// Appends the JSON of an Envelope's response, of which only its request says how to read what is inside.
pub fn write_envelope_answer(
    out: &mut String,
    style: Style,
    tape: &Tape,
    view: &View,
    topic_name: TopicName,
    asked: Option<Enveloped>,
) {
    Writer {
        out,
        style,
        api_key: ENVELOPE,
        view,
        topic_name,
        tags: Vec::new(),
        within: asked.map_or(Within::Message, Within::Envelope),
    }
    .body(&tape.nodes);
}

struct Level {
    array: bool,
    empty: bool,
}

impl Level {
    fn object() -> Level {
        Level {
            array: false,
            empty: true,
        }
    }
}

struct Writer<'w, 'v> {
    out: &'w mut String,
    style: Style,
    api_key: i16,
    view: &'w View<'v>,
    topic_name: TopicName<'w>,
    /// Unknown tagged fields of the open structs: depth, tag, size.
    tags: Vec<(usize, u32, u32)>,
    within: Within,
}

impl Writer<'_, '_> {
    fn body(&mut self, nodes: &[Node]) {
        self.out.push('{');
        self.inside(Level::object(), nodes, 0..nodes.len(), &[]);
        self.out.push('}');
    }

    /// Writes the fields of an object, `nodes[range]`, but for those that stand in it already.
    fn inside(&mut self, object: Level, nodes: &[Node], range: Range<usize>, written: &[FieldId]) {
        let mut levels = vec![object];
        // Containers of a field that is left out.
        let mut left_out = 0;
        for i in range {
            let node = &nodes[i];
            let depth = levels.len();
            if left_out > 0 || depth == 1 && written.contains(&node.field) {
                match node.value {
                    Value::Array { .. } | Value::Struct => left_out += 1,
                    Value::End if left_out > 0 => left_out -= 1,
                    _ => {}
                }
                continue;
            }
            match node.value {
                Value::End if depth > 1 => {
                    self.close(&mut levels);
                    continue;
                }
                Value::End => continue,
                Value::UnknownTag { tag, size } => {
                    self.tags.push((depth, tag, size));
                    continue;
                }
                _ => {}
            }
            let Some(level) = levels.last_mut() else {
                return;
            };
            if level.array {
                if !std::mem::replace(&mut level.empty, false) {
                    self.out.push(',');
                }
            } else if !matches!(node.value, Value::Records { .. }) {
                self.key(level, self.name(node.field), "");
            }
            match node.value {
                Value::Null => self.out.push_str("null"),
                Value::Bool(b) => self.out.push_str(if b { "true" } else { "false" }),
                Value::Int(n) => {
                    json::write_int(self.out, n);
                    if n != 0 && !level.array {
                        self.error_name(level, node.field, n);
                    }
                }
                Value::Float(x) => json::write_float(self.out, x),
                Value::Uuid(id) => {
                    json::write_uuid(self.out, &id);
                    if node.field == f::TOPIC_ID && !level.array && !named_beside(nodes, i) {
                        self.topic_name(level, &id);
                    }
                }
                Value::Str { .. } => {
                    if secrets::hides(self.api_key, nodes, i, self.view) {
                        self.out.push_str(secrets::MASKED);
                    } else {
                        json::write_string(
                            self.out,
                            &self.view.str(node.value).unwrap_or_default(),
                        );
                    }
                }
                Value::Bytes { .. } => {
                    if secrets::hides(self.api_key, nodes, i, self.view) {
                        self.out.push_str(secrets::MASKED);
                    } else {
                        json::write_bytes(
                            self.out,
                            self.view.bytes(node.value).unwrap_or_default(),
                        );
                    }
                    if !level.array {
                        self.embedded(level, nodes, i);
                    }
                }
                Value::Records { size, captured, .. } => self.records(level, node, size, captured),
                Value::Array { .. } => {
                    self.out.push('[');
                    levels.push(Level {
                        array: true,
                        empty: true,
                    });
                }
                Value::Struct => {
                    self.out.push('{');
                    levels.push(Level {
                        array: false,
                        empty: true,
                    });
                }
                Value::End | Value::UnknownTag { .. } => {}
            }
        }
        while levels.len() > 1 {
            self.close(&mut levels);
        }
        if let Some(object) = levels.first_mut() {
            self.unknown_tags(object, 1);
        }
    }

    fn name(&self, field: FieldId) -> &'static str {
        match self.style {
            Style::RequestLog => fields::name(field),
            Style::Snake => fields::snake_name(field),
        }
    }

    fn pick(&self, camel: &'static str, snake: &'static str) -> &'static str {
        if self.style == Style::RequestLog {
            camel
        } else {
            snake
        }
    }

    fn key(&mut self, level: &mut Level, name: &str, suffix: &str) {
        if !std::mem::replace(&mut level.empty, false) {
            self.out.push(',');
        }
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str(suffix);
        self.out.push_str("\":");
    }

    fn close(&mut self, levels: &mut Vec<Level>) {
        let depth = levels.len();
        let Some(mut level) = levels.pop() else {
            return;
        };
        if level.array {
            self.out.push(']');
            return;
        }
        self.unknown_tags(&mut level, depth);
        self.out.push('}');
    }

    /// Of the object that ends.
    fn unknown_tags(&mut self, level: &mut Level, depth: usize) {
        let Some(first) = self.tags.iter().position(|(d, _, _)| *d == depth) else {
            return;
        };
        self.key(level, self.pick("unknownTags", "unknown_tags"), "");
        for (i, (_, tag, size)) in self.tags.drain(first..).enumerate() {
            self.out.push(if i == 0 { '[' } else { ',' });
            self.out.push_str("{\"tag\":");
            json::write_int(self.out, i64::from(tag));
            self.out.push_str(",\"size\":");
            json::write_int(self.out, i64::from(size));
            self.out.push('}');
        }
        self.out.push(']');
    }

    fn error_name(&mut self, level: &mut Level, field: FieldId, code: i64) {
        let name = self.name(field);
        let Some(stem) = name.strip_suffix(self.pick("rrorCode", "rror_code")) else {
            return;
        };
        let Some(error) = i16::try_from(code).ok().and_then(errors::name) else {
            return;
        };
        self.key(level, stem, self.pick("rrorName", "rror_name"));
        json::write_string(self.out, error);
    }

    fn topic_name(&mut self, level: &mut Level, id: &[u8; 16]) {
        if let Some(name) = (self.topic_name)(id) {
            self.key(level, self.pick("topicName", "topic_name"), "");
            json::write_string(self.out, &name);
        }
    }

    fn records(&mut self, level: &mut Level, node: &Node, size: u32, captured: u32) {
        if level.array {
            self.out.push_str("null");
            return;
        }
        let name = self.name(node.field);
        // Kafka logs a share group's record sets as empty bytes, all others by their size.
        if self.api_key == SHARE_FETCH && self.style == Style::RequestLog {
            self.key(level, name, "");
            self.out.push_str("\"\"");
        }
        self.key(level, name, self.pick("SizeInBytes", "_size_in_bytes"));
        json::write_int(self.out, i64::from(size));
        // A row's body says the same whether or not the tap copied what records contain.
        if captured < size && !(is_record_set(node.field) && self.style == Style::Snake) {
            self.key(level, name, self.pick("CapturedBytes", "_captured_bytes"));
            json::write_int(self.out, i64::from(captured));
        }
        if !is_record_set(node.field) {
            return;
        }
        let mut first = true;
        for batch in Batches::new(self.view, node) {
            if std::mem::replace(&mut first, false) {
                self.key(level, name, self.pick("Batches", "_batches"));
                self.out.push('[');
            } else {
                self.out.push(',');
            }
            self.batch(&batch);
        }
        if !first {
            self.out.push(']');
        }
    }

    fn batch(&mut self, batch: &Batch) {
        let mut level = Level {
            array: false,
            empty: true,
        };
        self.out.push('{');
        for (camel, snake, value) in [
            ("baseOffset", "base_offset", Some(batch.base_offset)),
            ("lastOffset", "last_offset", Some(batch.last_offset)),
            ("records", "records", batch.records.map(i64::from)),
        ] {
            self.key(&mut level, self.pick(camel, snake), "");
            match value {
                Some(n) => json::write_int(self.out, n),
                None => self.out.push_str("null"),
            }
        }
        self.key(&mut level, "codec", "");
        json::write_string(self.out, batch.codec.name());
        for (camel, snake, value) in [
            ("producerId", "producer_id", batch.producer_id),
            (
                "producerEpoch",
                "producer_epoch",
                i64::from(batch.producer_epoch),
            ),
            (
                "baseSequence",
                "base_sequence",
                i64::from(batch.base_sequence),
            ),
            ("baseTimestamp", "base_timestamp", batch.base_timestamp),
            ("maxTimestamp", "max_timestamp", batch.max_timestamp),
        ] {
            self.key(&mut level, self.pick(camel, snake), "");
            json::write_int(self.out, value);
        }
        self.key(&mut level, self.pick("timestampType", "timestamp_type"), "");
        json::write_string(
            self.out,
            if batch.timestamp_type == TimestampType::Create {
                "CreateTime"
            } else {
                "LogAppendTime"
            },
        );
        for (name, value) in [
            ("transactional", batch.transactional),
            ("control", batch.control),
            ("cut", batch.cut),
        ] {
            self.key(&mut level, name, "");
            self.out.push_str(if value { "true" } else { "false" });
        }
        if let Some(kind) = batch.control_type {
            self.key(&mut level, self.pick("controlType", "control_type"), "");
            json::write_int(self.out, i64::from(kind));
        }
        for (camel, snake, value) in [
            (
                "partitionLeaderEpoch",
                "partition_leader_epoch",
                i64::from(batch.partition_leader_epoch),
            ),
            ("sizeInBytes", "size_in_bytes", i64::from(batch.size)),
            ("magic", "magic", i64::from(batch.magic)),
        ] {
            self.key(&mut level, self.pick(camel, snake), "");
            json::write_int(self.out, value);
        }
        self.out.push('}');
    }
}

/// Whether a field of type `Value::Records` holds records; the others are bytes that were not captured whole.
pub(crate) fn is_record_set(field: FieldId) -> bool {
    matches!(field, f::RECORDS | f::UNALIGNED_RECORDS)
}

/// The topic's name stands right before or behind its id.
fn named_beside(nodes: &[Node], i: usize) -> bool {
    let is_name = |n: &Node| {
        matches!(n.field, f::NAME | f::TOPIC | f::TOPIC_NAME)
            && matches!(n.value, Value::Str { .. })
    };
    i.checked_sub(1)
        .and_then(|before| nodes.get(before))
        .is_some_and(is_name)
        || nodes.get(i + 1).is_some_and(is_name)
}
