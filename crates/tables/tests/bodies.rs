//! Bodies of real clients' messages in both styles.

mod golden;

use std::collections::BTreeSet;

use golden::exchanges;
use kafkascope_tables::body::{Style, write_body};
use kafkascope_wire::{Direction, Outcome, Tape, Value as Kind, decode};
use serde_json::Value;

/// Every body of the capture as JSON text: API, version, direction, text.
fn bodies(capture: &str, style: Style) -> Vec<(i16, i16, Direction, String)> {
    let mut out = Vec::new();
    let mut tape = Tape::default();
    for exchange in exchanges(capture) {
        for direction in [Direction::Request, Direction::Response] {
            let Some((message, at)) = exchange.message(direction) else {
                continue;
            };
            let (key, version) = (exchange.api_key, exchange.api_version);
            if decode(key, version, direction, &message.view(), at, &mut tape) != Outcome::Complete
            {
                continue;
            }
            let mut text = String::new();
            write_body(
                &mut text,
                style,
                key,
                direction,
                &tape,
                &message.view(),
                &|_| Some("named".into()),
            );
            out.push((key, version, direction, text));
        }
    }
    out
}

/// The keys of an object, with those of the objects in its arrays, as `topics: [ name, … ]`.
fn shape(value: &Value, out: &mut BTreeSet<String>, path: &str) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                shape(inner, out, &path);
                out.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, out, path)),
        _ => {}
    }
}

/// API, direction, and the keys that scripts may rely on.
const SHAPES: &[(i16, Direction, &str)] = &[
    (
        0,
        Direction::Request,
        "transactional_id acks timeout_ms topics topics.name topics.partitions topics.partitions.index topics.partitions.message_set topics.partitions.message_set.size",
    ),
    (
        0,
        Direction::Response,
        "topics topics.name topics.partitions topics.partitions.index topics.partitions.error_code topics.partitions.base_offset topics.partitions.log_append_time_ms topics.partitions.log_start_offset topics.partitions.record_errors topics.partitions.error_message throttle_time_ms",
    ),
    (
        1,
        Direction::Request,
        "replica_id session_id session_epoch topics topics.name topics.partitions topics.partitions.index topics.partitions.current_leader_epoch topics.partitions.fetch_offset topics.partitions.last_fetched_epoch topics.partitions.log_start_offset topics.partitions.partition_max_bytes forgotten_topics forgotten_topics.name forgotten_topics.partitions_indices rack_id",
    ),
    (
        1,
        Direction::Response,
        "throttle_time_ms error_code session_id topics topics.name topics.partitions topics.partitions.index topics.partitions.error_code topics.partitions.high_watermark topics.partitions.last_stable_offset topics.partitions.log_start_offset topics.partitions.aborted_transactions topics.partitions.aborted_transactions.producer_id topics.partitions.aborted_transactions.first_offset topics.partitions.preferred_read_replica topics.partitions.message_set topics.partitions.message_set.size",
    ),
    (
        3,
        Direction::Request,
        "topics topics.topic_id topics.name allow_auto_topic_creation include_cluster_authorized_operations include_topic_authorized_operations",
    ),
    (
        11,
        Direction::Request,
        "group_id session_timeout_ms rebalance_timeout_ms member_id group_instance_id protocol_type protocols protocols.protocol",
    ),
    (
        11,
        Direction::Response,
        "throttle_time_ms error_code generation_id protocol_type protocol_name leader member_id members members.member_id members.group_instance_id",
    ),
    (
        14,
        Direction::Request,
        "group_id generation_id member_id group_instance_id protocol_type protocol_name assignments assignments.member_id",
    ),
    (
        14,
        Direction::Response,
        "throttle_time_ms error_code protocol_type protocol_name",
    ),
];

#[test]
fn the_five_bodies_that_scripts_read_have_their_shape() {
    let all = bodies("java-clients", Style::Snake);
    for (api, direction, keys) in SHAPES {
        let mut seen = BTreeSet::new();
        let mut versions = BTreeSet::new();
        for (key, version, _, text) in all.iter().filter(|b| b.0 == *api && b.2 == *direction) {
            let value: Value = serde_json::from_str(text)
                .unwrap_or_else(|e| panic!("{key} v{version}: {e}: {text}"));
            shape(&value, &mut seen, "");
            versions.insert(*version);
            for key in keys.split(' ').filter(|k| !k.contains('.')) {
                assert!(
                    value.get(key).is_some_and(|v| !v.is_null()),
                    "{api} v{version}: no {key} in {text}"
                );
            }
        }
        let keys: BTreeSet<String> = keys.split(' ').map(String::from).collect();
        let missing: Vec<_> = keys.difference(&seen).collect();
        assert!(
            missing.is_empty(),
            "API {api} {direction:?} {versions:?}: {missing:?}"
        );
    }
}

/// API, direction, and what the wire has beyond what scripts read.
const REST: &[(i16, Direction, &[&str])] = &[
    (
        1,
        Direction::Request,
        &["max_wait_ms", "min_bytes", "max_bytes", "isolation_level"],
    ),
    (
        11,
        Direction::Request,
        &[
            "reason",
            "protocols.metadata",
            "protocols.metadata_decoded.topics",
        ],
    ),
    (
        11,
        Direction::Response,
        &[
            "skip_assignment",
            "members.metadata",
            "members.metadata_decoded.topics",
        ],
    ),
    (
        14,
        Direction::Request,
        &[
            "assignments.assignment",
            "assignments.assignment_decoded.assigned_partitions.partitions",
        ],
    ),
    (
        14,
        Direction::Response,
        &["assignment", "assignment_decoded.assigned_partitions.topic"],
    ),
];

#[test]
fn nothing_of_those_bodies_is_left_out() {
    let all = bodies("java-clients", Style::Snake);
    for (api, direction, keys) in REST {
        let mut seen = BTreeSet::new();
        for (_, _, _, text) in all.iter().filter(|b| b.0 == *api && b.2 == *direction) {
            shape(&serde_json::from_str(text).expect("JSON"), &mut seen, "");
        }
        for key in *keys {
            assert!(
                seen.contains(*key),
                "API {api} {direction:?}: {key}: {seen:?}"
            );
        }
    }
}

#[test]
fn scripts_find_a_topic_by_a_compact_search() {
    let all = bodies("other-clients", Style::Snake);
    let produced = |needle: &str| all.iter().any(|b| b.0 == 0 && b.3.contains(needle));
    assert!(
        produced("\"topics\":[{\"name\":\"lj\",\"partitions\":[{\"index\":"),
        "by name"
    );
    assert!(
        produced("{\"name\":\"named\",\"partitions\":[{\"index\":"),
        "by id"
    );
}

#[test]
fn every_body_is_json_in_both_styles() {
    for capture in ["java-clients", "other-clients", "kafka-3.9", "two-brokers"] {
        for style in [Style::RequestLog, Style::Snake] {
            let all = bodies(capture, style);
            assert!(all.len() > 200, "{capture}: {}", all.len());
            for (key, version, direction, text) in &all {
                let value: Result<Value, _> = serde_json::from_str(text);
                assert!(
                    value.is_ok_and(|v| v.is_object()),
                    "{key} v{version} {direction:?}: {text}"
                );
            }
        }
    }
}

/// A body cut anywhere is JSON, and what it has is what the whole body has.
#[test]
fn a_cut_body_is_a_beginning() {
    let mut tape = Tape::default();
    let mut cuts = 0;
    for exchange in exchanges("two-brokers").iter().step_by(9) {
        let Some(message) = &exchange.response else {
            continue;
        };
        let (key, version, at) = (
            exchange.api_key,
            exchange.api_version,
            exchange.response_body_at,
        );
        decode(
            key,
            version,
            Direction::Response,
            &message.view(),
            at,
            &mut tape,
        );
        let whole = tape.clone();
        for n in (0..=whole.nodes.len()).step_by(1 + whole.nodes.len() / 40) {
            let cut = Tape {
                nodes: whole.nodes[..n].to_vec(),
                ..Tape::default()
            };
            let mut text = String::new();
            write_body(
                &mut text,
                Style::RequestLog,
                key,
                Direction::Response,
                &cut,
                &message.view(),
                &|_| None,
            );
            serde_json::from_str::<Value>(&text)
                .unwrap_or_else(|e| panic!("{key} v{version}, {n} nodes: {e}: {text}"));
            cuts += 1;
        }
    }
    assert!(cuts > 200, "{cuts}");
}

#[test]
fn a_row_says_the_same_without_what_records_contain() {
    let mut told = 0;
    for exchange in exchanges("matrix/java-4.4") {
        let Some((message, at)) = exchange.message(Direction::Response) else {
            continue;
        };
        let (key, version) = (exchange.api_key, exchange.api_version);
        let view = message.view();
        let text = |tape: &Tape, style| {
            let mut text = String::new();
            write_body(
                &mut text,
                style,
                key,
                Direction::Response,
                tape,
                &view,
                &|_| None,
            );
            text
        };
        let mut whole = Tape::default();
        decode(key, version, Direction::Response, &view, at, &mut whole);
        let mut headers = whole.clone();
        for node in &mut headers.nodes {
            if let Kind::Records { size, captured, .. } = &mut node.value {
                *captured = 61.min(*size - 1);
                told += 1;
            }
        }
        assert_eq!(
            text(&headers, Style::Snake),
            text(&whole, Style::Snake),
            "key {key}"
        );
        if headers.nodes != whole.nodes {
            let line = text(&headers, Style::RequestLog);
            assert!(line.contains("\"recordsCapturedBytes\":"), "{line}");
        }
    }
    assert!(told > 5, "{told} record sets");
}
