//! JSON values as Kafka's converters and Jackson write them.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Appends a JSON string with its quotes.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    write_escaped(out, text);
    out.push('"');
}

/// Appends text as it stands inside a JSON string.
pub fn write_escaped(out: &mut String, text: &str) {
    let mut from = 0;
    for (i, b) in text.bytes().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.push_str(&text[from..i]);
        from = i + 1;
        match b {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                let _ = write!(out, "\\u{b:04x}");
            }
        }
    }
    out.push_str(&text[from..]);
}

pub fn write_int(out: &mut String, n: i64) {
    out.push_str(itoa::Buffer::new().format(n));
}

pub fn write_float(out: &mut String, x: f64) {
    let _ = match x {
        _ if x.is_nan() => write!(out, "\"NaN\""),
        f64::INFINITY => write!(out, "\"Infinity\""),
        f64::NEG_INFINITY => write!(out, "\"-Infinity\""),
        _ => write!(out, "{x:?}"),
    };
}

/// Kafka's text of a UUID: base64 without padding, with the alphabet for addresses.
pub fn write_uuid(out: &mut String, id: &[u8; 16]) {
    out.push('"');
    URL_SAFE_NO_PAD.encode_string(id, out);
    out.push('"');
}

pub fn write_bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn values_as_jackson_writes_them() {
        assert_eq!(
            written(|o| write_string(o, "a\"b\\c\nd\u{1}é\u{7f}")),
            "\"a\\\"b\\\\c\\nd\\u0001é\u{7f}\""
        );
        for n in [0, 7, -7, i64::MAX, i64::MIN] {
            assert_eq!(written(|o| write_int(o, n)), n.to_string());
        }
        assert_eq!(written(|o| write_float(o, 1.0)), "1.0");
        assert_eq!(written(|o| write_float(o, f64::NAN)), "\"NaN\"");
        assert_eq!(
            written(|o| write_uuid(o, &[0xff; 16])),
            "\"_____________________w\""
        );
        assert_eq!(written(|o| write_bytes(o, &[0xff; 4])), "\"/////w==\"");
    }
}
