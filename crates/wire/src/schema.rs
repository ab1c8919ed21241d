//! The schema files as values: messages with their fields and the versions that hold for each.

use std::sync::OnceLock;

use crate::{fields, tape::FieldId};

/// An inclusive range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub low: i16,
    pub high: i16,
}

impl Versions {
    pub const NONE: Versions = Versions { low: 0, high: -1 };

    pub fn has(self, version: i16) -> bool {
        self.low <= version && version <= self.high
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint16,
    Uint32,
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct,
}

impl Type {
    /// Bytes of a value on the wire, where all values take as many.
    pub fn fixed_size(self) -> Option<u32> {
        match self {
            Type::Bool | Type::Int8 => Some(1),
            Type::Int16 | Type::Uint16 => Some(2),
            Type::Int32 | Type::Uint32 => Some(4),
            Type::Int64 | Type::Float64 => Some(8),
            Type::Uuid => Some(16),
            Type::String | Type::Bytes | Type::Records | Type::Struct => None,
        }
    }

    /// Bytes of a length or count before such a value, where it is not compact.
    pub fn plain_prefix(self) -> u32 {
        if self == Type::String { 2 } else { 4 }
    }
}

#[derive(Clone, Debug)]
pub struct FieldDef {
    pub id: FieldId,
    pub ty: Type,
    /// As the definitions write it, `int32` or `FetchTopic`; of an array that of its elements.
    pub type_name: &'static str,
    pub array: bool,
    pub versions: Versions,
    /// Where null is allowed.
    pub nullable: Versions,
    /// The tag, and the versions in which the field is a tagged one.
    pub tag: Option<(u32, Versions)>,
    /// Keeps the plain encoding in flexible versions.
    pub plain: bool,
    /// As Kafka's definitions write it; a tagged field that has this value is not sent.
    pub default: Option<&'static str>,
    /// What the value names, as `topicName`.
    pub entity: Option<&'static str>,
    /// Must never be shown.
    pub secret: bool,
    pub children: Vec<FieldDef>,
}

impl FieldDef {
    pub fn is_tagged(&self, version: i16) -> bool {
        self.tag.is_some_and(|(_, versions)| versions.has(version))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Header,
    /// Not a message of its own: blobs inside messages, and records.
    Data,
}

#[derive(Clone, Debug)]
pub struct MessageDef {
    pub kind: Kind,
    pub name: &'static str,
    /// -1 for headers and data.
    pub key: i16,
    pub versions: Versions,
    pub flexible: Versions,
    pub fields: Vec<FieldDef>,
}

/// All messages of the schema files.
pub fn messages() -> &'static [MessageDef] {
    static MESSAGES: OnceLock<Vec<MessageDef>> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        // The text is part of the program and a test parses it: a fault in it never reaches a user.
        parse(include_str!(concat!(env!("OUT_DIR"), "/schema.txt")))
            .unwrap_or_else(|e| panic!("schema: {e}"))
    })
}

/// The message of this name, as `ConsumerProtocolSubscription`.
pub fn message(name: &str) -> Option<&'static MessageDef> {
    messages().iter().find(|m| m.name == name)
}

fn parse(text: &'static str) -> Result<Vec<MessageDef>, String> {
    let mut out: Vec<MessageDef> = Vec::new();
    let mut file = "";
    for (n, line) in text.lines().enumerate() {
        let fault = |what: &str| format!("{file}: joined line {}: {what}: {line:?}", n + 1);
        if line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix("! ") {
            file = name;
        } else if let Some(field) = line.strip_prefix("  ") {
            let inner = field.trim_start();
            let depth = (field.len() - inner.len()) / 2;
            let message = out
                .last_mut()
                .ok_or_else(|| fault("a field before any message"))?;
            let top = message.versions.high;
            let mut within = message.versions;
            let mut list = &mut message.fields;
            for _ in 0..depth {
                let parent = list.last_mut().ok_or_else(|| fault("indented too far"))?;
                within = parent.versions;
                list = &mut parent.children;
            }
            list.push(parse_field(inner, within, top).map_err(|what| fault(&what))?);
        } else {
            out.push(parse_message(line).map_err(|what| fault(&what))?);
        }
    }
    Ok(out)
}

fn parse_message(line: &'static str) -> Result<MessageDef, String> {
    let mut words = line.split(' ');
    let kind = match words.next() {
        Some("request") => Kind::Request,
        Some("response") => Kind::Response,
        Some("header") => Kind::Header,
        Some("data") => Kind::Data,
        _ => return Err("unknown kind".into()),
    };
    let name = words.next().ok_or("no name")?;
    let mut def = MessageDef {
        kind,
        name,
        key: -1,
        versions: Versions::NONE,
        flexible: Versions::NONE,
        fields: Vec::new(),
    };
    while let Some(word) = words.next() {
        let value = words.next().ok_or("a word without a value")?;
        match word {
            "key" => def.key = value.parse().map_err(|_| "key is no number")?,
            "versions" => def.versions = range(value, i16::MAX)?,
            "flexible" => def.flexible = range(value, def.versions.high)?,
            "removed" | "unstable" => {}
            _ => return Err(format!("unknown word {word}")),
        }
    }
    Ok(def)
}

fn parse_field(line: &'static str, within: Versions, top: i16) -> Result<FieldDef, String> {
    let mut words = line.split(' ').peekable();
    let name = words.next().ok_or("no name")?;
    let ty = words.next().ok_or("no type")?;
    let (array, ty) = ty
        .strip_prefix("[]")
        .map_or((false, ty), |rest| (true, rest));
    let (ty, null) = ty
        .split_once('?')
        .map_or((ty, None), |(ty, versions)| (ty, Some(versions)));
    let versions = match words.peek() {
        Some(word) if word.starts_with(|c: char| c.is_ascii_digit()) => {
            range(words.next().unwrap_or_default(), top)?
        }
        _ => within,
    };
    let mut field = FieldDef {
        id: fields::id(name).ok_or("a name without a number")?,
        ty: match ty {
            "bool" => Type::Bool,
            "int8" => Type::Int8,
            "int16" => Type::Int16,
            "int32" => Type::Int32,
            "int64" => Type::Int64,
            "uint16" => Type::Uint16,
            "uint32" => Type::Uint32,
            "float64" => Type::Float64,
            "uuid" => Type::Uuid,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "records" => Type::Records,
            _ if ty.starts_with(|c: char| c.is_ascii_uppercase()) => Type::Struct,
            _ => return Err(format!("unknown type {ty}")),
        },
        type_name: ty,
        array,
        versions,
        nullable: match null {
            None => Versions::NONE,
            Some("") => versions,
            Some(text) => range(text, top)?,
        },
        tag: None,
        plain: false,
        default: None,
        entity: None,
        secret: false,
        children: Vec::new(),
    };
    while let Some(word) = words.next() {
        match word {
            "tag" => {
                let tag = words
                    .next()
                    .and_then(|t| t.parse().ok())
                    .ok_or("tag is no number")?;
                let mut tagged = versions;
                if words.peek() == Some(&"in") {
                    words.next();
                    tagged = range(words.next().unwrap_or_default(), top)?;
                }
                field.tag = Some((tag, tagged));
            }
            "plain" => field.plain = true,
            "secret" => field.secret = true,
            "=" => {
                field.default = Some(words.next().ok_or("no default behind =")?.trim_matches('"'))
            }
            _ => {
                field.entity = Some(
                    word.strip_prefix('@')
                        .ok_or_else(|| format!("unknown word {word}"))?,
                )
            }
        }
    }
    Ok(field)
}

/// `3`, `0-3` or `2+`.
fn range(text: &str, top: i16) -> Result<Versions, String> {
    let number = |t: &str| {
        t.parse::<i16>()
            .map_err(|_| format!("no versions: {text:?}"))
    };
    if let Some(low) = text.strip_suffix('+') {
        return Ok(Versions {
            low: number(low)?,
            high: top,
        });
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Ok(Versions {
        low: number(low)?,
        high: number(high)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::f;

    #[test]
    fn the_schema_parses_and_versions_are_bounded() {
        assert!(messages().len() > 190);
        for message in messages() {
            let versions = message.versions;
            assert!(
                versions.low >= 0 && versions.low <= versions.high && versions.high < 100,
                "{}",
                message.name
            );
        }
    }

    #[test]
    fn a_field_line_has_all_its_parts() {
        let field = parse_field(
            "noSuchName []User?1+ 1-3 tag 4 in 2+ = null @userName secret",
            Versions::NONE,
            3,
        );
        assert!(field.is_err(), "a name that no schema uses");
        let field = parse_field(
            "topics []User?1+ 1-3 tag 4 in 2+ = null @userName secret",
            Versions::NONE,
            3,
        )
        .unwrap();
        assert_eq!(
            (field.id, field.ty, field.array),
            (f::TOPICS, Type::Struct, true)
        );
        assert_eq!(field.versions, Versions { low: 1, high: 3 });
        assert_eq!(field.nullable, Versions { low: 1, high: 3 });
        assert_eq!(field.tag, Some((4, Versions { low: 2, high: 3 })));
        assert_eq!(
            (field.default, field.entity, field.secret),
            (Some("null"), Some("userName"), true)
        );
        assert!(!field.is_tagged(1) && field.is_tagged(2));
    }

    #[test]
    fn faults_in_the_text_are_named() {
        for (text, what) in [
            ("request A key x versions 0\n", "key is no number"),
            ("  topics string\n", "a field before any message"),
            ("data A versions 0\n  topics text\n", "unknown type text"),
            ("data A versions 0\n  topics string 0-x\n", "no versions"),
            (
                "data A versions 0\n      topics string\n",
                "indented too far",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
