//! Metrics that clients push (KIP-714): OpenTelemetry's MetricsData, compressed, as names and values.

use super::compression::decompress;
use super::json;
use super::protobuf::{Fields, Wire, each, last};

/// What a push may hold: brokers refuse more than 1 MiB by default (`telemetry.max.bytes`).
const LIMIT: usize = 4 << 20;
/// Values may hold lists of values, and so on.
const DEPTH: u32 = 4;

/// Appends `[{"resource":{…},"metrics":[{"name":…,"value":…,"attributes":{…}}]}]`, one value for each data point; an error says
/// why the payload is none.
pub fn write(out: &mut String, compression: i64, payload: &[u8]) -> Result<(), String> {
    let data = decompress(compression, payload, LIMIT)?;
    let mut fields = Fields::new(&data);
    fields.by_ref().for_each(drop);
    if fields.failed {
        return Err("no MetricsData".into());
    }
    out.push('[');
    for (i, resource) in each(&data, 1).enumerate() {
        separate(out, i);
        out.push_str("{\"resource\":");
        attributes(out, last_message(resource, 1), 1);
        out.push_str(",\"metrics\":[");
        let mut written = 0;
        for metric in each(resource, 2).flat_map(|scope| each(scope, 2)) {
            points(out, metric, &mut written);
        }
        out.push_str("]}");
    }
    out.push(']');
    Ok(())
}

fn separate(out: &mut String, written: usize) {
    if written > 0 {
        out.push(',');
    }
}

fn last_message(message: &[u8], number: u32) -> &[u8] {
    match last(message, number) {
        Some(Wire::Len(bytes)) => bytes,
        _ => &[],
    }
}

fn text(message: &[u8], number: u32) -> String {
    String::from_utf8_lossy(last_message(message, number)).into_owned()
}

/// The data points of a metric: a gauge's and a sum's are numbers, all others are counted and summed up.
fn points(out: &mut String, metric: &[u8], written: &mut usize) {
    for (kind, data) in Fields::new(metric) {
        let (5 | 7 | 9 | 10 | 11, Wire::Len(data)) = (kind, data) else {
            continue;
        };
        for point in each(data, 1) {
            separate(out, *written);
            *written += 1;
            out.push_str("{\"name\":");
            json::write_string(out, &text(metric, 1));
            let unit = text(metric, 3);
            if !unit.is_empty() {
                out.push_str(",\"unit\":");
                json::write_string(out, &unit);
            }
            let tags = if kind <= 7 {
                number(out, point);
                7
            } else {
                distribution(out, point);
                match kind {
                    9 => 9,
                    10 => 1,
                    _ => 7,
                }
            };
            out.push_str(",\"attributes\":");
            attributes(out, point, tags);
            out.push('}');
        }
    }
}

/// NumberDataPoint.
fn number(out: &mut String, point: &[u8]) {
    out.push_str(",\"value\":");
    match (last(point, 4), last(point, 6)) {
        (Some(Wire::Fixed64(bits)), _) => json::write_float(out, f64::from_bits(bits)),
        (_, Some(Wire::Fixed64(bits))) => json::write_int(out, bits as i64),
        _ => out.push_str("null"),
    }
}

/// Count and sum, which the points of histograms and summaries have in the same place.
fn distribution(out: &mut String, point: &[u8]) {
    if let Some(Wire::Fixed64(count)) = last(point, 4) {
        out.push_str(",\"count\":");
        json::write_int(out, count as i64);
    }
    if let Some(Wire::Fixed64(bits)) = last(point, 5) {
        out.push_str(",\"sum\":");
        json::write_float(out, f64::from_bits(bits));
    }
}

/// The `KeyValue`s that a message has in a field.
fn attributes(out: &mut String, message: &[u8], number: u32) {
    out.push('{');
    for (i, pair) in each(message, number).enumerate() {
        separate(out, i);
        json::write_string(out, &text(pair, 1));
        out.push(':');
        value(out, last_message(pair, 2), DEPTH);
    }
    out.push('}');
}

/// AnyValue.
fn value(out: &mut String, any: &[u8], depth: u32) {
    match Fields::new(any).last() {
        Some((1, Wire::Len(bytes))) => json::write_string(out, &String::from_utf8_lossy(bytes)),
        Some((2, Wire::Varint(b))) => out.push_str(if b != 0 { "true" } else { "false" }),
        Some((3, Wire::Varint(n))) => json::write_int(out, n as i64),
        Some((4, Wire::Fixed64(bits))) => json::write_float(out, f64::from_bits(bits)),
        Some((5, Wire::Len(list))) if depth > 0 => {
            out.push('[');
            for (i, element) in each(list, 1).enumerate() {
                separate(out, i);
                value(out, element, depth - 1);
            }
            out.push(']');
        }
        Some((7, Wire::Len(bytes))) => json::write_bytes(out, bytes),
        _ => out.push_str("null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with its length.
    fn len(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8][..], content].concat()
    }

    fn tag(key: &str, value: &[u8]) -> Vec<u8> {
        [len(1, key.as_bytes()), len(2, value)].concat()
    }

    fn written(data: &[u8]) -> Result<String, String> {
        let mut out = String::new();
        write(&mut out, 0, data).map(|()| out)
    }

    #[test]
    fn points_have_names_values_and_attributes() {
        let fixed = |number: u8, bits: u64| [&[number << 3 | 1][..], &bits.to_le_bytes()].concat();
        let node = len(7, &tag("node_id", &[0x18, 3]));
        let gauge = [
            len(1, b"a"),
            len(3, b"ms"),
            len(5, &len(1, &[fixed(4, 1.5f64.to_bits()), node].concat())),
        ]
        .concat();
        let sum = [len(1, b"b"), len(7, &len(1, &fixed(6, (-2i64) as u64)))].concat();
        let point = [
            fixed(4, 3),
            fixed(5, 4.5f64.to_bits()),
            len(9, &tag("x", &len(1, b"y"))),
        ]
        .concat();
        let histogram = [len(1, b"c"), len(9, &len(1, &point))].concat();
        let scope = [len(2, &gauge), len(2, &sum), len(2, &histogram)].concat();
        let resource = len(1, &len(1, &tag("client_rack", &len(1, b"r1"))));
        let data = len(1, &[resource, len(2, &scope)].concat());
        let expected = concat!(
            r#"[{"resource":{"client_rack":"r1"},"metrics":[{"name":"a","unit":"ms","value":1.5,"attributes":{"node_id":3}},"#,
            r#"{"name":"b","value":-2,"attributes":{}},{"name":"c","count":3,"sum":4.5,"attributes":{"x":"y"}}]}]"#
        );
        assert_eq!(written(&data).as_deref(), Ok(expected));
        for n in 0..data.len() {
            if let Ok(text) = written(&data[..n]) {
                serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
            }
        }
        assert_eq!(written(b""), Ok("[]".into()));
        assert_eq!(written(b"\xff"), Err("no MetricsData".into()));
    }
}
