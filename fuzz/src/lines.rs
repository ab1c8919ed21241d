//! Any bytes as a capture file, printed as JSON lines: each line is JSON.

use kafkascope_tables::decode::{Format, decode_files};
use serde::de::IgnoredAny;

use crate::scratch::with_file;

pub fn run(data: &[u8]) {
    let mut out = Vec::new();
    let done = with_file(data, |path| {
        decode_files(&[path], Format::Json, &mut out).is_ok()
    });
    let text = String::from_utf8(out).expect("UTF-8");
    for line in text.lines() {
        let json = serde_json::from_str::<IgnoredAny>(line);
        assert!(json.is_ok(), "{line}");
    }
    assert!(done || text.is_empty() || text.ends_with('\n'));
}
