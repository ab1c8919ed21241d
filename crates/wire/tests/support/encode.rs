//! Random messages, encoded from their definitions: slow, plain, and no code in common with the decoder.

use kafkascope_wire::{
    FieldId,
    schema::{FieldDef, MessageDef, Type},
};

/// xorshift64*: the tests need no better one.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

/// What a tape should say.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Uuid([u8; 16]),
    Text(Vec<u8>),
    Opaque(Vec<u8>),
    Array(u32),
    Struct,
    End,
}

pub struct Encoder<'r> {
    pub out: Vec<u8>,
    pub said: Vec<(FieldId, Said)>,
    /// Ranges of the contents of bytes and records fields.
    pub opaque: Vec<std::ops::Range<usize>>,
    random: &'r mut Random,
    version: i16,
    flexible: bool,
}

pub fn encode<'r>(message: &MessageDef, version: i16, random: &'r mut Random) -> Encoder<'r> {
    let flexible = message.flexible.has(version);
    let mut e = Encoder {
        out: vec![],
        said: vec![],
        opaque: vec![],
        random,
        version,
        flexible,
    };
    e.fields(&message.fields);
    e
}

impl Encoder<'_> {
    fn fields(&mut self, fields: &[FieldDef]) {
        let version = self.version;
        let here = || fields.iter().filter(move |f| f.versions.has(version));
        for field in here().filter(|f| !f.is_tagged(version)) {
            self.field(field, false);
        }
        if !self.flexible {
            return;
        }
        let mut tagged: Vec<_> = here()
            .filter(|f| f.is_tagged(version))
            .filter_map(|f| Some((f.tag?.0, f)))
            .collect();
        tagged.sort_by_key(|t| t.0);
        tagged.retain(|_| self.random.below(3) > 0);
        self.uvarint(tagged.len() as u32);
        for (tag, field) in tagged {
            self.uvarint(tag);
            let mut inner = Encoder {
                out: vec![],
                said: vec![],
                opaque: vec![],
                random: &mut *self.random,
                version,
                flexible: true,
            };
            inner.field(field, true);
            let (bytes, said, opaque) = (inner.out, inner.said, inner.opaque);
            self.uvarint(bytes.len() as u32);
            let start = self.out.len();
            self.opaque
                .extend(opaque.into_iter().map(|r| r.start + start..r.end + start));
            self.out.extend(bytes);
            self.said.extend(said);
        }
    }

    /// `set`: with a value that is no default, since defaults are not sent as tagged fields.
    fn field(&mut self, field: &FieldDef, set: bool) {
        let nullable = field.nullable.has(self.version);
        let null = nullable && !set && self.random.below(4) == 0;
        if field.array {
            if null {
                self.length(None, false, field);
                return self.say(field, Said::Null);
            }
            let n = u32::from(set) + self.random.below(3) as u32;
            self.length(Some(n), false, field);
            self.say(field, Said::Array(n));
            for _ in 0..n {
                self.value(field, false, false, set);
            }
            self.say(field, Said::End);
        } else {
            self.value(field, nullable, null, set);
        }
    }

    fn value(&mut self, field: &FieldDef, nullable: bool, null: bool, set: bool) {
        let n = 1 + self.random.below(100) as i64;
        match field.ty {
            Type::Bool => {
                let value = if set {
                    field.default != Some("true")
                } else {
                    self.random.below(2) == 1
                };
                self.out.push(u8::from(value));
                self.say(field, Said::Bool(value));
            }
            Type::Int8 => self.int(field, n, 1),
            Type::Int16 => self.int(field, n * 300, 2),
            Type::Uint16 => self.int(field, n * 600, 2),
            Type::Int32 => self.int(field, n * -20_000_000, 4),
            Type::Uint32 => self.int(field, n * 40_000_000, 4),
            Type::Int64 => self.int(field, n * 1_000_000_000_000, 8),
            Type::Float64 => {
                self.out.extend((n as f64 / 3.0).to_be_bytes());
                self.say(field, Said::Float(n as f64 / 3.0));
            }
            Type::Uuid => {
                let uuid = std::array::from_fn(|_| self.random.next() as u8);
                self.out.extend(uuid);
                self.say(field, Said::Uuid(uuid));
            }
            Type::String | Type::Bytes | Type::Records => {
                let short = field.ty == Type::String;
                if null {
                    self.length(None, short, field);
                    return self.say(field, Said::Null);
                }
                let most = if self.random.below(8) == 0 { 300 } else { 6 };
                let len = u64::from(set) + self.random.below(most);
                let text: Vec<u8> = (0..len)
                    .map(|_| b'a' + self.random.below(26) as u8)
                    .collect();
                self.length(Some(len as u32), short, field);
                if !short {
                    self.opaque
                        .push(self.out.len()..self.out.len() + text.len());
                }
                self.out.extend(&text);
                self.say(
                    field,
                    if short {
                        Said::Text(text)
                    } else {
                        Said::Opaque(text)
                    },
                );
            }
            Type::Struct => {
                if nullable {
                    self.out.push(if null { 0xff } else { 1 });
                }
                if null {
                    return self.say(field, Said::Null);
                }
                self.say(field, Said::Struct);
                self.fields(&field.children);
                self.say(field, Said::End);
            }
        }
    }

    fn int(&mut self, field: &FieldDef, value: i64, size: usize) {
        self.out.extend(&value.to_be_bytes()[8 - size..]);
        self.say(field, Said::Int(value));
    }

    fn say(&mut self, field: &FieldDef, said: Said) {
        self.said.push((field.id, said));
    }

    fn length(&mut self, n: Option<u32>, short: bool, field: &FieldDef) {
        if self.flexible && !field.plain {
            self.uvarint(n.map_or(0, |n| n + 1));
        } else if short {
            self.out.extend(n.map_or(-1, |n| n as i16).to_be_bytes());
        } else {
            self.out.extend(n.map_or(-1, |n| n as i32).to_be_bytes());
        }
    }

    fn uvarint(&mut self, mut n: u32) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }
}
