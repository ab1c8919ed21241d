//! Messages inside messages: what stands beside their bytes.

use kafkascope_tables::body::{Enveloped, Style, write_body, write_envelope_answer};
use kafkascope_wire::{Direction, Outcome, Tape, View, decode};
use serde_json::{Value, json};

fn short(text: &str) -> Vec<u8> {
    [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as i32).to_be_bytes()[..], bytes].concat()
}

fn compact(bytes: &[u8]) -> Vec<u8> {
    [&[bytes.len() as u8 + 1][..], bytes].concat()
}

/// JoinGroup 2 with one protocol.
fn join(protocol_type: &str, protocol: &str, metadata: &[u8]) -> Vec<u8> {
    [
        short("g"),
        vec![0; 8],
        short(""),
        short(protocol_type),
        vec![0, 0, 0, 1],
        short(protocol),
        long(metadata),
    ]
    .concat()
}

/// ConsumerProtocolSubscription 0 of topic t.
fn subscription(user_data: &[u8]) -> Vec<u8> {
    [b"\0\0\0\0\0\x01\0\x01t".to_vec(), long(user_data)].concat()
}

/// PushTelemetry 0 of one gauge.
fn push(compression: u8, damage: bool) -> Vec<u8> {
    let mut metrics =
        b"\x0a\x14\x12\x12\x12\x10\x0a\x01a\x2a\x0b\x0a\x09\x31\x07\0\0\0\0\0\0\0".to_vec();
    if damage {
        metrics.pop();
    }
    [vec![0; 21], vec![compression], compact(&metrics), vec![0]].concat()
}

fn body(key: i16, version: i16, bytes: &[u8]) -> Value {
    let (mut tape, mut out) = (Tape::default(), String::new());
    let view = View::whole(bytes);
    let outcome = decode(key, version, Direction::Request, &view, 0, &mut tape);
    assert_eq!(outcome, Outcome::Complete);
    let style = Style::RequestLog;
    write_body(
        &mut out,
        style,
        key,
        Direction::Request,
        &tape,
        &view,
        &|_| None,
    );
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

#[test]
fn what_members_and_clients_say_inside_their_bytes() {
    let worker = [
        b"\0\x01".to_vec(),
        short("http://w"),
        vec![0, 0, 0, 0, 0, 0, 0, 9],
    ]
    .concat();
    let tasks = [
        b"\0\x01\0\0".to_vec(),
        short("w"),
        short("u"),
        vec![0; 8],
        b"\0\0\0\x01\0\x01c\0\0\0\x01\0\0\0\x02\xff\xff\xff\xff\0\0\0\0".to_vec(),
    ]
    .concat();
    let sticky = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03\0\0\0\x05";
    let metadata = |pointer: &str| format!("/protocols/0/metadata{pointer}");
    let none = long(&[]);
    let allocation = [worker.clone(), long(&tasks)].concat();
    for (case, key, version, bytes, pointer, expected) in [
        (
            "a consumer",
            11,
            2,
            join("consumer", "range", &subscription(&[])),
            metadata("Decoded"),
            json!({"topics": ["t"], "userData": ""}),
        ),
        (
            "a sticky one",
            11,
            2,
            join("consumer", "sticky", &subscription(sticky)),
            metadata("Decoded/userDataDecoded"),
            json!({"previousAssignment": [{"topic": "t", "partitions": [3]}], "generation": 5}),
        ),
        (
            "a cooperative one",
            11,
            2,
            join(
                "consumer",
                "cooperative-sticky",
                &subscription(b"\0\0\0\x07"),
            ),
            metadata("Decoded/userDataDecoded"),
            json!({"generation": 7}),
        ),
        (
            "bytes of another assignor",
            11,
            2,
            join("consumer", "mine", &subscription(b"\0\0\0\x07")),
            metadata("Decoded"),
            json!({"topics": ["t"], "userData": "AAAABw=="}),
        ),
        (
            "a worker of Kafka Connect",
            11,
            2,
            join("connect", "compatible", &[worker.clone(), none].concat()),
            metadata("Decoded"),
            json!({"url": "http://w", "configOffset": 9, "allocation": ""}),
        ),
        (
            "its tasks",
            11,
            2,
            join("connect", "sessioned", &allocation),
            metadata("Decoded/allocationDecoded/assignment"),
            json!([{"connector": "c", "tasks": [2]}]),
        ),
        (
            "a group of others",
            11,
            2,
            join("sr", "v0", b"{}"),
            metadata(""),
            json!("e30="),
        ),
        (
            "a metric",
            72,
            0,
            push(0, false),
            "/metricsDecoded".into(),
            json!([{"resource": {}, "metrics": [{"name": "a", "value": 7, "attributes": {}}]}]),
        ),
        (
            "no metric",
            72,
            0,
            push(0, true),
            "/metricsUnreadable".into(),
            json!("no MetricsData"),
        ),
        (
            "no codec",
            72,
            0,
            push(7, false),
            "/metricsUnreadable".into(),
            json!("no compression type 7"),
        ),
    ] {
        let body = body(key, version, &bytes);
        assert_eq!(body.pointer(&pointer), Some(&expected), "{case}: {body}");
    }
}

#[test]
fn a_forwarded_request_and_its_answer_are_read_in_their_envelopes() {
    let inside = [b"\0\x3c\0\0\0\0\0\x09\0\x01a\0".to_vec(), vec![1, 0]].concat();
    let request = [
        compact(&inside),
        compact(b"\0\0\x05User\x06alice\0\0"),
        compact(&[10, 0, 0, 5]),
        vec![0],
    ]
    .concat();
    let found = body(58, 0, &request);
    assert_eq!(found["requestData"], "<masked>");
    assert_eq!(
        found["requestDataDecoded"],
        json!({"apiKey": 60, "apiName": "DescribeCluster", "apiVersion": 0, "correlationId": 9, "clientId": "a",
            "request": {"includeClusterAuthorizedOperations": true}})
    );
    assert_eq!(
        found["requestPrincipalDecoded"],
        json!({"type": "User", "name": "alice", "tokenAuthenticated": false})
    );

    let (mut tape, view) = (Tape::default(), View::whole(&request));
    decode(58, 0, Direction::Request, &view, 0, &mut tape);
    let asked = Enveloped::of(tape.root(), &view);
    assert_eq!(asked.map(|a| (a.api_key, a.api_version)), Some((60, 0)));

    let answer = [
        b"\0\0\0\x09\0".to_vec(),
        b"\0\0\0\0\0\0\0\x02K\0\0\0\x03\x01\x80\0\0\0\0".to_vec(),
    ]
    .concat();
    let response = [compact(&answer), vec![0, 0, 0]].concat();
    let view = View::whole(&response);
    decode(58, 0, Direction::Response, &view, 0, &mut tape);
    for (asked, expected) in [
        (
            asked,
            json!({"correlationId": 9, "response": {"throttleTimeMs": 0, "errorCode": 0, "errorMessage": null,
            "clusterId": "K", "controllerId": 3, "brokers": [], "clusterAuthorizedOperations": i32::MIN}}),
        ),
        (None, Value::Null),
    ] {
        let mut out = String::new();
        write_envelope_answer(&mut out, Style::RequestLog, &tape, &view, &|_| None, asked);
        let found: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(found["responseDataDecoded"], expected);
        assert_eq!(found["responseData"], "<masked>");
    }
}
