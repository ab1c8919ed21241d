//! Packets lost and packets cut, in all combinations: how much is still read, and that no row says what was not said.

#[allow(dead_code)]
mod traffic;

use std::collections::BTreeMap;
use std::path::PathBuf;

use kafkascope_capture::FileSource;
use kafkascope_stream::Event;
use kafkascope_tables::pipeline::{Pipeline, Settings};
use traffic::Rows;

type Row = BTreeMap<&'static str, String>;

/// What other packets than the row's own tell, and when they came: may differ, or be unknown.
const CONTEXT: &[&str] = &[
    "time_",
    "response_time",
    "latency",
    "ack_latency",
    "waited",
    "batches",
    "cluster_id",
    "broker_id",
    "software_name",
    "software_version",
    "group_id",
    "group_source",
    "captured_bytes",
    "declared_bytes",
    "outcome",
    // which of the rows that are left counts their request
    "first_of_request",
    "first_of_topic",
];
/// A row that was read completely has the same bodies, but for names that only other packets tell.
const BODIES: &[&str] = &["req_body", "resp"];

/// The rows of a capture of which one packet in `lost` is missing and of whose payloads at most `snap` bytes are there.
fn rows(capture: &str, lost: u64, snap: usize) -> Rows {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../captures");
    let path = path.join(capture).with_extension("pcap.gz");
    let mut source = FileSource::open(&[path]).expect("a golden capture");
    let mut pipeline = Pipeline::new(Settings::default());
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut is_lost = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        lost > 0 && state.is_multiple_of(lost)
    };
    let mut take = |event: Event| match event {
        Event::Segment(_) if is_lost() => {}
        Event::Segment(mut segment) => {
            segment.bytes = &segment.bytes[..segment.bytes.len().min(snap)];
            pipeline.event(Event::Segment(segment));
        }
        other => pipeline.event(other),
    };
    while source.poll(&mut take).expect("a golden capture") {}
    pipeline.finish();
    Rows {
        batches: pipeline.take(),
    }
}

/// Whether `row` says nothing that `truth` does not say: values may be unknown.
fn agrees(row: &Row, truth: &Row) -> bool {
    let complete = row.get("outcome").is_some_and(|o| o == "complete");
    row.iter().all(|(column, value)| {
        CONTEXT.contains(column)
            || *value == truth[column]
            || matches!(value.as_str(), "null" | "")
            || BODIES.contains(column) && (!complete || same_body(value, &truth[column]))
    })
}

/// The same but for topics' names, which stand beside ids, and for what is inside records.
fn same_body(body: &str, truth: &str) -> bool {
    fn nameless(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                // contents of records may be missing from a complete message
                fields.remove("records_batches");
                if fields.contains_key("topic_id") {
                    fields.remove("topic_name");
                    fields.remove("name");
                    fields.remove("topic");
                }
                fields.values_mut().for_each(nameless);
            }
            serde_json::Value::Array(all) => all.iter_mut().for_each(nameless),
            _ => {}
        }
    }
    let read = |text| {
        let mut value = serde_json::from_str(text).expect("a body is JSON");
        nameless(&mut value);
        value
    };
    read(body) == read(truth)
}

/// What makes a row one of its table: the values that no damage changes.
fn key(table: &str, row: &Row) -> Vec<String> {
    let columns: &[&str] = match table {
        "kafka_events.beta" => &["remote_port", "correlation_id"],
        "kafka_produce" | "kafka_commits" => &["client_port", "partition"],
        _ => &["client_port", "partition", "session_id", "session_epoch"],
    };
    columns.iter().map(|c| row[c].clone()).collect()
}

/// Shares in percent: complete, cut or with a gap, anything else, not seen at all.
fn shares(truth: &Rows, seen: &Rows) -> [usize; 4] {
    let all = truth.table("kafka_events.beta").len();
    let mut counts = [0; 4];
    for row in seen.table("kafka_events.beta") {
        counts[match row["outcome"].as_str() {
            "complete" => 0,
            "truncated" | "gap" => 1,
            _ => 2,
        }] += 1;
    }
    counts[3] = all.saturating_sub(counts.iter().sum());
    counts.map(|n| (100 * n).div_ceil(all))
}

#[test]
fn what_is_lost_is_told_and_nothing_else_is() {
    // capture; one packet lost in so many, 0 none; payload bytes kept; at least so many requests complete in percent
    let matrix: &[(&str, u64, usize, usize)] = &[
        ("other-clients", 0, usize::MAX, 99),
        ("other-clients", 100, usize::MAX, 97),
        ("other-clients", 20, usize::MAX, 88),
        ("other-clients", 5, usize::MAX, 58),
        ("other-clients", 0, 512, 90),
        ("other-clients", 20, 128, 15),
        ("other-clients", 20, 32, 0),
        ("java-clients", 0, usize::MAX, 99),
        ("java-clients", 20, usize::MAX, 86),
        ("java-clients", 20, 128, 0),
    ];
    let mut truths = BTreeMap::new();
    for (capture, lost, snap, complete) in matrix {
        let truth: &Rows = truths
            .entry(capture)
            .or_insert_with(|| rows(capture, 0, usize::MAX));
        let seen = rows(capture, *lost, *snap);
        let what = format!("{capture}, 1 in {lost} lost, {snap} bytes kept");
        for table in [
            "kafka_events.beta",
            "kafka_produce",
            "kafka_fetch",
            "kafka_commits",
        ] {
            let mut said: BTreeMap<Vec<String>, Vec<Row>> = BTreeMap::new();
            for row in truth.table(table) {
                said.entry(key(table, &row)).or_default().push(row);
            }
            for row in seen.table(table) {
                // a response alone says nothing of what was asked
                let alone = row.get("outcome").is_some_and(|o| o == "no_request");
                let candidates = said.get(&key(table, &row)).map(Vec::as_slice);
                let found = candidates
                    .unwrap_or_default()
                    .iter()
                    .any(|t| agrees(&row, t));
                assert!(alone || found, "{what}: {table}: {row:?}\n{candidates:?}");
            }
        }
        let shares = shares(truth, &seen);
        let losses = seen.table("kafka_loss").len();
        assert!(shares[0] >= *complete, "{what}: {shares:?}");
        assert!(
            shares[0] == 100 || shares[1] == 0 || losses > 0,
            "{what}: {shares:?} and no loss told"
        );
    }
}
