//! Where each field of a message stood on the wire, told from the JSON of its body as `kafka_events.beta` has it.
//!
//! Rows do not keep the bytes, but a value has one encoding in a version: what it took follows from the schema. Null and empty take the same
//! space, so it does not matter that some bodies write the one for the other. What a row does not keep whole (masked secrets, and what
//! stands behind the end of a capture) has no length of its own; the message's size tells that of the only such field, and the places behind the
//! last.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use kafkascope_wire::fields::{self, f};
use kafkascope_wire::schema::{FieldDef, Type};
use kafkascope_wire::{Direction, apis, header, is_refusal};
use serde_json::{Map, Value};

use super::{keys, secrets};

const METADATA: i16 = 3;

/// A message whose body is known as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Laid<'a> {
    pub api_key: i16,
    pub api_version: i16,
    pub direction: Direction,
    /// `req_body` or `resp`.
    pub body: &'a str,
    /// Of the request's header, empty for null; `None` when it is not known.
    pub client_id: Option<&'a str>,
    /// The size field before the message, where it is known.
    pub size: Option<u32>,
}

/// A field and its bytes, counted from behind the size field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// JSON pointer into the body (RFC 6901); fields of the header have none and are called `header/client_id`, and the tagged
    /// fields of a struct end in `/_tagged_fields`.
    pub path: String,
    /// As `int32`, `compact nullable string`, `array of FetchTopic`, `tag 1 ReplicaState`.
    pub kafka_type: String,
    pub offset: Option<u32>,
    /// With what precedes the value: its length, count, tag.
    pub length: Option<u32>,
}

/// Why nothing can be told of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutError {
    UnknownVersion { api_key: i16, api_version: i16 },
    NotABody(String),
}

impl fmt::Display for LayoutError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::UnknownVersion {
                api_key,
                api_version,
            } => write!(
                out,
                "no message definition for API {api_key} version {api_version}"
            ),
            LayoutError::NotABody(why) => write!(out, "not the body of a message: {why}"),
        }
    }
}

impl std::error::Error for LayoutError {}

/// The fields of a message in the order of the wire, containers before what they hold.
pub fn layout(message: &Laid) -> Result<Vec<Place>, LayoutError> {
    let body: Value = serde_json::from_str(message.body)
        .map_err(|e| LayoutError::NotABody(format!("not JSON: {e}")))?;
    let Value::Object(body) = body else {
        return Err(LayoutError::NotABody("not a JSON object".into()));
    };
    if body.contains_key("omitted_bytes") {
        return Err(LayoutError::NotABody("too long to be kept".into()));
    }
    let error_code = || i16::try_from(body.get("error_code")?.as_i64()?).ok();
    let refused = is_refusal(message.api_key, message.direction, error_code);
    let version = if refused { 0 } else { message.api_version };
    let api = apis::api(message.api_key)
        .filter(|api| api.versions.has(version))
        .ok_or(LayoutError::UnknownVersion {
            api_key: message.api_key,
            api_version: version,
        })?;
    let mut walk = Walk {
        api_key: message.api_key,
        direction: message.direction,
        version,
        flexible: api.flexible.has(version),
        path: String::new(),
        at: Extent::default(),
        walked: Vec::new(),
    };
    walk.header(message.client_id);
    let header = walk.walked.len();
    walk.fields(api.fields(message.direction), &body);
    Ok(walk.solve(header, message.size))
}

/// Bytes: so many that are known, and so many values whose length is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    bytes: u64,
    unknown: u64,
}

impl Extent {
    fn and(self, more: Extent) -> Extent {
        Extent {
            bytes: self.bytes + more.bytes,
            unknown: self.unknown + more.unknown,
        }
    }
}

struct Walk {
    api_key: i16,
    direction: Direction,
    version: i16,
    flexible: bool,
    path: String,
    at: Extent,
    walked: Vec<Walked>,
}

/// A field, and what precedes its first byte and the one behind it.
struct Walked {
    path: String,
    kafka_type: String,
    from: Extent,
    to: Extent,
}

impl Walk {
    fn header(&mut self, client_id: Option<&str>) {
        let fixed: &[(&str, &str, u64)] = match self.direction {
            Direction::Request => &[
                ("header/api_key", "int16", 2),
                ("header/api_version", "int16", 2),
                ("header/correlation_id", "int32", 4),
            ],
            Direction::Response => &[("header/correlation_id", "int32", 4)],
        };
        for (path, kafka_type, size) in fixed {
            self.leaf((*path).into(), (*kafka_type).into(), Some(*size));
        }
        if self.direction == Direction::Request {
            if !header::has_client_id(self.api_key, self.version) {
                return;
            }
            let size = client_id.map(|id| 2 + id.len() as u64);
            self.leaf("header/client_id".into(), "nullable string".into(), size);
        }
        if header::has_tags(self.api_key, self.version, self.direction) {
            self.leaf(
                "header/_tagged_fields".into(),
                "tagged fields".into(),
                Some(1),
            );
        }
    }

    fn leaf(&mut self, path: String, kafka_type: String, size: Option<u64>) {
        let from = self.at;
        match size {
            Some(size) => self.at.bytes += size,
            None => self.at.unknown += 1,
        }
        let to = self.at;
        self.walked.push(Walked {
            path,
            kafka_type,
            from,
            to,
        });
    }

    /// A value whose parts are walked by `inside`.
    fn container(&mut self, kafka_type: String, inside: impl FnOnce(&mut Self)) {
        let index = self.walked.len();
        self.walked.push(Walked {
            path: self.path.clone(),
            kafka_type,
            from: self.at,
            to: self.at,
        });
        inside(self);
        self.walked[index].to = self.at;
    }

    fn below(&mut self, step: &str, inside: impl FnOnce(&mut Self)) {
        let outer = self.path.len();
        self.path.push('/');
        self.path.push_str(step);
        inside(self);
        self.path.truncate(outer);
    }

    fn fields(&mut self, defs: &[FieldDef], object: &Map<String, Value>) {
        let version = self.version;
        let of_version = || defs.iter().filter(|def| def.versions.has(version));
        for def in of_version().filter(|def| !def.is_tagged(version)) {
            self.field(def, object);
        }
        if self.flexible {
            let tagged: Vec<(u32, &FieldDef)> = of_version()
                .filter(|def| def.is_tagged(version))
                .filter_map(|def| Some((def.tag?.0, def)))
                .collect();
            self.tagged(&tagged, object);
        }
    }

    fn tagged(&mut self, known: &[(u32, &FieldDef)], object: &Map<String, Value>) {
        let unknown: Vec<(u64, u64)> = object
            .get("unknown_tags")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|t| Some((t.get("tag")?.as_u64()?, t.get("size")?.as_u64()?)))
            .collect();
        let mut sent: Vec<&(u32, &FieldDef)> = known
            .iter()
            .filter(|(_, def)| self.is_sent(def, object))
            .collect();
        sent.sort_by_key(|(tag, _)| *tag);
        let count = (sent.len() + unknown.len()) as u64;
        let path = format!("{}/_tagged_fields", self.path);
        let kafka_type = "tagged fields".to_string();
        self.leaf(path, kafka_type, Some(uvarint(count)));
        for (tag, def) in sent {
            let (from, index) = (self.at, self.walked.len());
            self.field(def, object);
            let size = self.at.bytes - from.bytes;
            let lead = if self.at.unknown == from.unknown {
                Extent {
                    bytes: uvarint(u64::from(*tag)) + uvarint(size),
                    unknown: 0,
                }
            } else {
                Extent {
                    bytes: 0,
                    unknown: 1,
                }
            };
            for (i, place) in self.walked[index..].iter_mut().enumerate() {
                if i == 0 {
                    place.kafka_type = format!("tag {tag} {}", place.kafka_type);
                } else {
                    place.from = place.from.and(lead);
                }
                place.to = place.to.and(lead);
            }
            self.at = self.at.and(lead);
        }
        for (i, (tag, size)) in unknown.into_iter().enumerate() {
            let path = format!("{}/unknown_tags/{i}", self.path);
            let size = uvarint(tag) + uvarint(size) + size;
            self.leaf(path, format!("tag {tag} unknown"), Some(size));
        }
    }

    /// A tagged field that has its default is not sent, and not shown when it was.
    fn is_sent(&self, def: &FieldDef, object: &Map<String, Value>) -> bool {
        let key = self.key(def);
        object.contains_key(key) || object.contains_key(&sized(key))
    }

    fn key(&self, def: &FieldDef) -> &'static str {
        keys::of(self.api_key, self.direction, def).unwrap_or_else(|| fields::snake_name(def.id))
    }

    fn kafka_type(&self, def: &FieldDef, element: bool) -> String {
        let mut out = String::new();
        let counted = def.array || matches!(def.ty, Type::String | Type::Bytes | Type::Records);
        if self.flexible && !def.plain && counted && !(element && def.ty == Type::Struct) {
            out.push_str("compact ");
        }
        if def.nullable.has(self.version) && !element {
            out.push_str("nullable ");
        }
        if def.array && !element {
            out.push_str("array of ");
        }
        out.push_str(def.type_name);
        out
    }

    fn field(&mut self, def: &FieldDef, object: &Map<String, Value>) {
        let key = self.key(def);
        let kafka_type = self.kafka_type(def, false);
        let captured_in_part = sized(key);
        if let Some(size) = object.get(&captured_in_part).and_then(Value::as_u64) {
            let size = self.counted(def, 4, size);
            self.below(&captured_in_part, |w| {
                w.leaf(w.path.clone(), kafka_type, Some(size));
            });
            return;
        }
        let value = object.get(key);
        self.below(key, |w| match (value, def.array) {
            (Some(Value::Array(items)), true) => w.container(kafka_type, |w| {
                w.at.bytes += w.prefix(def, 4, items.len() as u64);
                for (i, item) in items.iter().enumerate() {
                    w.below(&i.to_string(), |w| w.value(def, Some(item), true));
                }
            }),
            (Some(Value::Null), true) => {
                let size = w.counted(def, 4, 0);
                w.leaf(w.path.clone(), kafka_type, Some(size));
            }
            (_, true) => w.leaf(w.path.clone(), kafka_type, None),
            (value, false) => {
                // a Metadata request that asks by id has no name on the wire; its body tells the name of the id
                let by_id = w.api_key == METADATA
                    && def.id == f::NAME
                    && w.direction == Direction::Request
                    && object
                        .get("topic_id")
                        .and_then(Value::as_str)
                        .is_some_and(|id| !id.is_empty());
                w.value(def, if by_id { Some(&Value::Null) } else { value }, false);
            }
        });
    }

    /// One value, or one element of an array.
    fn value(&mut self, def: &FieldDef, value: Option<&Value>, element: bool) {
        let kafka_type = self.kafka_type(def, element);
        let fixed = def.ty.fixed_size().map(u64::from);
        let plain = u64::from(def.ty.plain_prefix());
        let size = match (def.ty, value) {
            _ if fixed.is_some() => fixed,
            (Type::Struct, Some(Value::Object(object))) => {
                let marked = !element && def.nullable.has(self.version);
                self.container(kafka_type, |w| {
                    w.at.bytes += u64::from(marked);
                    w.fields(&def.children, object);
                });
                return;
            }
            (Type::Struct, Some(Value::Null)) => Some(1),
            (Type::Struct, _) => None,
            (_, Some(Value::Null)) => Some(self.counted(def, plain, 0)),
            (_, Some(Value::String(text))) if text == secrets::MASKED.trim_matches('"') => None,
            (Type::String, Some(Value::String(text))) => {
                Some(self.counted(def, plain, text.len() as u64))
            }
            (Type::Bytes, Some(Value::String(text))) => STANDARD
                .decode(text)
                .ok()
                .map(|bytes| self.counted(def, plain, bytes.len() as u64)),
            (Type::Records, Some(Value::Object(set))) => set
                .get("size")
                .and_then(Value::as_u64)
                .map(|size| self.counted(def, plain, size)),
            _ => None,
        };
        self.leaf(self.path.clone(), kafka_type, size);
    }

    /// What a length or count takes, of `plain` bytes where it is not compact.
    fn prefix(&self, def: &FieldDef, plain: u64, n: u64) -> u64 {
        if self.flexible && !def.plain {
            uvarint(n + 1)
        } else {
            plain
        }
    }

    fn counted(&self, def: &FieldDef, plain: u64, size: u64) -> u64 {
        size + self.prefix(def, plain, size)
    }

    fn solve(self, header: usize, size: Option<u32>) -> Vec<Place> {
        let end = self.at;
        let rest = size.map(|size| i64::from(size) - end.bytes as i64);
        // Then something was sent that the body does not tell, as a tagged field with its default.
        let contradicts = rest.is_some_and(|rest| rest < 0 || end.unknown == 0 && rest != 0);
        let bytes = |extent: Extent| -> Option<u32> {
            let known = extent.bytes as i64;
            let bytes = match (extent.unknown, rest) {
                (0, _) => known,
                (n, Some(rest)) if n == end.unknown => known + rest,
                _ => return None,
            };
            u32::try_from(bytes).ok()
        };
        let place = |(i, field): (usize, Walked)| {
            let told = i < header || !contradicts;
            let inside = Extent {
                bytes: field.to.bytes - field.from.bytes,
                unknown: field.to.unknown - field.from.unknown,
            };
            Place {
                path: field.path,
                kafka_type: field.kafka_type,
                offset: told.then(|| bytes(field.from)).flatten(),
                length: told.then(|| bytes(inside)).flatten(),
            }
        };
        self.walked.into_iter().enumerate().map(place).collect()
    }
}

/// Where a body tells the size of bytes that were not captured whole.
fn sized(key: &str) -> String {
    format!("{key}_size_in_bytes")
}

fn uvarint(n: u64) -> u64 {
    u64::from((u64::BITS - (n | 1).leading_zeros()).div_ceil(7))
}
