//! Protocol Buffers' wire format, as far as telemetry needs it: fields of a message in their order.

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire<'b> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A string, bytes, a message inside, or packed numbers.
    Len(&'b [u8]),
}

/// Walks the fields of a message; ends early, with `failed`, where the bytes are no message.
#[derive(Clone, Debug)]
pub struct Fields<'b> {
    rest: &'b [u8],
    pub failed: bool,
}

impl<'b> Fields<'b> {
    pub fn new(message: &'b [u8]) -> Fields<'b> {
        Fields {
            rest: message,
            failed: false,
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if *byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u32, Wire<'b>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => {
                let (bytes, rest) = self.rest.split_first_chunk()?;
                self.rest = rest;
                Wire::Fixed64(u64::from_le_bytes(*bytes))
            }
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.rest.split_at_checked(len)?;
                self.rest = rest;
                Wire::Len(bytes)
            }
            5 => {
                let (bytes, rest) = self.rest.split_first_chunk()?;
                self.rest = rest;
                Wire::Fixed32(u32::from_le_bytes(*bytes))
            }
            // groups were given up long before telemetry
            _ => return None,
        };
        Some((u32::try_from(key >> 3).ok()?, value))
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = (u32, Wire<'b>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            (self.rest, self.failed) = (&[], true);
        }
        field
    }
}

/// The bytes of every field of this number.
pub fn each(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    Fields::new(message).filter_map(move |field| match field {
        (n, Wire::Len(bytes)) if n == number => Some(bytes),
        _ => None,
    })
}

/// The last value of a field, which is the one that holds.
pub fn last(message: &[u8], number: u32) -> Option<Wire<'_>> {
    Fields::new(message)
        .filter(|(n, _)| *n == number)
        .last()
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_all_kinds_and_where_they_end() {
        let message = b"\x08\x96\x01\x12\x03abc\x19\x01\0\0\0\0\0\0\0\x25\x02\0\0\0";
        let all: Vec<_> = Fields::new(message).collect();
        let expected = [
            (1, Wire::Varint(150)),
            (2, Wire::Len(b"abc")),
            (3, Wire::Fixed64(1)),
            (4, Wire::Fixed32(2)),
        ];
        assert_eq!(all, expected);
        for n in 0..message.len() {
            let mut fields = Fields::new(&message[..n]);
            let seen: Vec<_> = fields.by_ref().collect();
            assert!(expected.starts_with(&seen), "cut at {n}");
            assert_eq!(fields.failed, ![0, 3, 8, 17].contains(&n), "cut at {n}");
        }
        for bad in [
            &b"\x0b"[..],
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x12\xff\xff\xff\xff\x0f",
        ] {
            let mut fields = Fields::new(bad);
            assert_eq!(fields.next(), None);
            assert!(fields.failed);
        }
    }
}
