//! `px decode` lines of captures written here byte by byte.

use std::{io::Write, os::fd::AsRawFd, path::PathBuf, sync::mpsc, thread, time::Duration};

use kafkascope_tables::decode::{Format, Summary, decode_files};
use serde_json::{Value, json};

/// A packet capture of raw IP packets between clients and one broker.
#[derive(Default)]
struct Capture {
    packets: Vec<(u64, Vec<u8>)>,
    seqs: std::collections::HashMap<(u16, bool), u32>,
}

const SYN: u8 = 2;
const ACK: u8 = 16;

impl Capture {
    fn packet(&mut self, ms: u64, port: u16, from_client: bool, flags: u8, payload: &[u8]) {
        let seq = *self.seqs.entry((port, from_client)).or_insert(1000);
        let (src, dst) = if from_client {
            (port, 9092u16)
        } else {
            (9092, port)
        };
        let (a, b) = if from_client { (1, 2) } else { (2, 1) };
        let mut ip = vec![0x45, 0];
        ip.extend(((40 + payload.len()) as u16).to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, a, 10, 0, 0, b]);
        ip.extend(src.to_be_bytes());
        ip.extend(dst.to_be_bytes());
        ip.extend(seq.to_be_bytes());
        ip.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        ip.extend(payload);
        let used = payload.len() as u32 + u32::from(flags & SYN != 0);
        self.seqs.insert((port, from_client), seq + used);
        self.packets.push((ms, ip));
    }

    fn open(&mut self, ms: u64, port: u16) {
        self.packet(ms, port, true, SYN, b"");
        self.packet(ms, port, false, SYN | 1 << 4, b"");
    }

    fn client(&mut self, ms: u64, port: u16, message: &[u8]) {
        self.packet(ms, port, true, ACK, &framed(message));
    }

    fn broker(&mut self, ms: u64, port: u16, message: &[u8]) {
        self.packet(ms, port, false, ACK, &framed(message));
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for n in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65535, 101] {
            out.extend(n.to_le_bytes());
        }
        for (ms, packet) in &self.packets {
            for n in [
                (ms / 1000) as u32,
                (ms % 1000 * 1000) as u32,
                packet.len() as u32,
                packet.len() as u32,
            ] {
                out.extend(n.to_le_bytes());
            }
            out.extend(packet);
        }
        out
    }

    fn decode(&self, format: Format) -> (String, Summary) {
        decode(&self.bytes(), format)
    }

    fn lines(&self) -> (Vec<Value>, Summary) {
        let (text, summary) = self.decode(Format::Json);
        (
            text.lines()
                .map(|l| serde_json::from_str(l).expect(l))
                .collect(),
            summary,
        )
    }
}

fn decode(capture: &[u8], format: Format) -> (String, Summary) {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path: PathBuf = std::env::temp_dir().join(format!(
        "kafkascope-lines-{}-{number}.pcap",
        std::process::id()
    ));
    std::fs::write(&path, capture).expect("the temporary folder is writable");
    let mut out = Vec::new();
    let summary = decode_files(std::slice::from_ref(&path), format, &mut out);
    std::fs::remove_file(&path).expect("just written");
    (
        String::from_utf8(out).expect("UTF-8"),
        summary.expect("a capture"),
    )
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

fn header(key: i16, version: i16, correlation: i32, flexible: bool) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(key.to_be_bytes());
    out.extend(version.to_be_bytes());
    out.extend(correlation.to_be_bytes());
    out.extend(b"\0\x02me");
    if flexible {
        out.push(0);
    }
    out
}

fn request(key: i16, version: i16, correlation: i32, flexible: bool, body: &[u8]) -> Vec<u8> {
    [&header(key, version, correlation, flexible)[..], body].concat()
}

fn response(correlation: i32, flexible: bool, body: &[u8]) -> Vec<u8> {
    [
        &correlation.to_be_bytes()[..],
        if flexible { &[0][..] } else { &[] },
        body,
    ]
    .concat()
}

const TOPIC_ID: [u8; 16] = [0xff, 0xfe, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const TOPIC_ID_TEXT: &str = "__4DBAUGBwgJCgsMDQ4PEA";

/// Produce v13 of one partition without records.
fn produce(correlation: i32, acks: i16) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(acks.to_be_bytes());
    body.extend(b"\0\0\x75\x30\x02");
    body.extend(TOPIC_ID);
    body.extend(b"\x02\0\0\0\x03\0\0\0\0");
    request(0, 13, correlation, true, &body)
}

fn produced(correlation: i32, error: i16) -> Vec<u8> {
    let mut body = vec![2];
    body.extend(TOPIC_ID);
    body.extend(b"\x02\0\0\0\x03");
    body.extend(error.to_be_bytes());
    body.extend([0xff; 24]);
    body.extend(b"\x01\0\0\0\0\0\0\0\0");
    response(correlation, true, &body)
}

/// Metadata v12 and its response, which names the topic and the cluster.
fn metadata(correlation: i32) -> (Vec<u8>, Vec<u8>) {
    let mut body = b"\0\0\0\0\x01\x0acluster-1\0\0\0\x01\x02\0\0\x07orders".to_vec();
    body.extend(TOPIC_ID);
    body.extend(b"\0\x01\0\0\0\0\0\0");
    (
        request(3, 12, correlation, true, b"\0\x01\0\0"),
        response(correlation, true, &body),
    )
}

fn api_versions(capture: &mut Capture, ms: u64, port: u16) {
    capture.open(ms, port);
    capture.client(ms, port, &request(18, 0, 1, false, b""));
    capture.broker(
        ms + 1,
        port,
        &response(1, false, b"\0\0\0\0\0\x01\0\x03\0\0\0\x0c"),
    );
}

#[test]
fn a_line_has_everything_that_the_two_messages_say() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 1_700_000_000_000, 4000);
    let (lines, summary) = capture.lines();
    let expected = json!({
        "time": "2023-11-14T22:13:20.000000000Z", "client": "10.0.0.1:4000", "broker": "10.0.0.2:9092",
        "apiKey": 18, "apiName": "ApiVersions", "apiVersion": 0, "correlationId": 1, "clientId": "me",
        "requestBytes": 12, "responseBytes": 16, "latencyNs": 1_000_000, "cluster": null, "outcome": "complete",
        "request": {}, "response": {"errorCode": 0, "apiKeys": [{"apiKey": 3, "minVersion": 0, "maxVersion": 12}]},
    });
    assert_eq!(lines, [expected]);
    assert_eq!(
        (
            summary.requests,
            summary.packets,
            summary.incomplete,
            summary.connections
        ),
        (1, 4, 0, 1)
    );
}

#[test]
fn a_null_client_id_is_an_empty_one_as_brokers_log_it() {
    let mut capture = Capture::default();
    let null = b"\0\x12\0\0\0\0\0\x05\xff\xff";
    capture.open(0, 4000);
    capture.client(0, 4000, null);
    let answer = response(5, false, b"\0\0\0\0\0\x01\0\x03\0\0\0\x0c");
    capture.broker(1, 4000, &answer);
    let (lines, _) = capture.lines();
    assert_eq!(lines[0]["correlationId"], 5);
    assert_eq!(lines[0]["clientId"], "");
}

#[test]
fn names_and_clusters_that_become_known_later_are_filled_in() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 0, 4000);
    capture.client(10, 4000, &produce(2, -1));
    capture.broker(20, 4000, &produced(2, 6));
    let (unnamed, _) = capture.lines();
    assert_eq!(
        unnamed[1]["request"]["topicData"][0]["topicId"],
        TOPIC_ID_TEXT
    );
    assert_eq!(unnamed[1]["request"]["topicData"][0].get("topicName"), None);
    assert_eq!(unnamed[1]["cluster"], Value::Null);
    let (text, _) = capture.decode(Format::Text);
    assert!(
        text.contains(&format!(
            "Produce v13 client=me 46>62 B 10.000 ms {TOPIC_ID_TEXT}[3] NOT_LEADER_OR_FOLLOWER"
        )),
        "{text}"
    );

    api_versions(&mut capture, 30, 4001);
    let (ask, answer) = metadata(2);
    capture.client(40, 4001, &ask);
    capture.broker(41, 4001, &answer);
    let (lines, _) = capture.lines();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[1]["request"]["topicData"][0]["topicName"], "orders");
    let partition = &lines[1]["response"]["responses"][0];
    assert_eq!(partition["topicName"], "orders");
    assert_eq!(
        partition["partitionResponses"][0]["errorName"],
        "NOT_LEADER_OR_FOLLOWER"
    );
    assert!(lines.iter().all(|l| l["cluster"] == "cluster-1"));
    assert_eq!(
        lines[3]["response"]["topics"][0].get("topicName"),
        None,
        "the name stands beside the id already"
    );
    let (text, _) = capture.decode(Format::Text);
    assert!(
        text.contains("Produce v13 client=me 46>62 B 10.000 ms orders[3] NOT_LEADER_OR_FOLLOWER\n"),
        "{text}"
    );
}

#[test]
fn requests_without_a_response_and_responses_without_a_request_are_lines() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 0, 4000);
    capture.client(10, 4000, &produce(2, 0));
    capture.client(20, 4000, &produce(3, -1));
    let (lines, summary) = capture.lines();
    let outcomes: Vec<_> = lines
        .iter()
        .map(|l| (l["outcome"].as_str(), l["why"].as_str()))
        .collect();
    let expected = [
        (Some("complete"), None),
        (Some("complete"), Some("acks=0: no response is sent")),
        (Some("no_response"), Some("none was seen")),
    ];
    assert_eq!(outcomes, expected);
    assert!(lines[1..].iter().all(|l| l["response"].is_null()
        && l["responseBytes"].is_null()
        && l["latencyNs"].is_null()));
    assert_eq!(
        (summary.requests, summary.incomplete),
        (3, 1),
        "acks=0 is no fault"
    );
}

#[test]
fn bytes_behind_a_body_are_told_and_harm_nothing() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 0, 4000);
    let (mut ask, answer) = metadata(2);
    ask.extend([0, 0]);
    capture.client(10, 4000, &ask);
    capture.broker(20, 4000, &answer);
    let (lines, summary) = capture.lines();
    assert_eq!(lines[1]["outcome"], "complete");
    assert_eq!(
        lines[1]["why"],
        "request: bytes behind the last field at 17"
    );
    assert_eq!(summary.incomplete, 0);
}

#[test]
fn bytes_behind_an_answer_are_a_fault() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 0, 4000);
    let (ask, mut answer) = metadata(2);
    answer.push(0);
    capture.client(10, 4000, &ask);
    capture.broker(20, 4000, &answer);
    let (lines, _) = capture.lines();
    assert_eq!(lines[1]["outcome"], "malformed");
}

#[test]
fn secrets_are_masked() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 0, 4000);
    capture.client(10, 4000, &request(17, 1, 2, false, b"\0\x05PLAIN"));
    capture.broker(11, 4000, &response(2, false, b"\0\0\0\0\0\x01\0\x05PLAIN"));
    capture.client(
        12,
        4000,
        &request(36, 0, 3, false, b"\0\0\0\x0c\0bob\0hunter2"),
    );
    capture.broker(13, 4000, &response(3, false, b"\0\0\xff\xff\0\0\0\0"));
    let mut configs = b"\0\0\0\x01\x02\0\x06orders\0\0\0\x02".to_vec();
    configs.extend(b"\0\x0cretention.ms\0\0\x0520000");
    configs.extend(b"\0\x15ssl.keystore.password\0\0\x07hunter2\0");
    capture.client(14, 4000, &request(44, 0, 4, false, &configs));
    capture.broker(15, 4000, &response(4, false, b"\0\0\0\0\0\0\0\0"));
    for format in [Format::Json, Format::Text] {
        let (text, summary) = capture.decode(format);
        assert_eq!((summary.requests, summary.incomplete), (4, 0), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("AGJvYgBodW50ZXIy"),
            "{text}"
        );
    }
    let (lines, _) = capture.lines();
    assert_eq!(lines[2]["request"]["authBytes"], "<masked>");
    let configs = &lines[3]["request"]["resources"][0]["configs"];
    assert_eq!(configs[0]["value"], "20000");
    assert_eq!(configs[1]["value"], "<masked>");
}

#[test]
fn every_cut_of_a_capture_gives_whole_lines() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 0, 4000);
    let (ask, answer) = metadata(2);
    capture.client(10, 4000, &ask);
    capture.broker(20, 4000, &answer);
    capture.client(30, 4000, &produce(3, 1));
    capture.broker(40, 4000, &produced(3, 0));
    let bytes = capture.bytes();
    let mut outcomes = std::collections::BTreeSet::new();
    for end in (80..bytes.len()).step_by(7) {
        let (text, _) = decode(&bytes[..end], Format::Json);
        for line in text.lines() {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("cut at {end}: {e}: {line}"));
            outcomes.insert(line["outcome"].as_str().expect("a string").to_owned());
        }
    }
    assert!(
        outcomes.contains("complete") && outcomes.contains("no_response"),
        "{outcomes:?}"
    );
}

#[test]
fn a_short_snap_length_gives_what_was_captured() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 0, 4000);
    let (ask, answer) = metadata(2);
    capture.client(10, 4000, &ask);
    capture.broker(20, 4000, &answer);
    // The last packet keeps 75 bytes of its length.
    let mut bytes = capture.bytes();
    let len = 44 + answer.len();
    let start = bytes.len() - len;
    bytes.truncate(start + 75);
    bytes[start - 8..start - 4].copy_from_slice(&75u32.to_le_bytes());
    let (text, summary) = decode(&bytes, Format::Json);
    let line: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
    assert_eq!(
        (
            line["outcome"].as_str(),
            line["response"]["clusterId"].as_str()
        ),
        (Some("truncated"), Some("cluster-1"))
    );
    assert_eq!((summary.cut_packets, summary.incomplete), (1, 1));
    assert_eq!(line["responseBytes"], answer.len());
}

#[test]
fn a_request_of_a_version_that_its_broker_refused_is_logged_as_the_broker_does() {
    let mut capture = Capture::default();
    capture.open(1, 5000);
    // version 9 has fields that nobody knows; of the answer, version 0, the one pair
    let asked = request(18, 9, 0, true, b"\x05java\x064.4.0\x07unknown");
    capture.client(2, 5000, &asked);
    capture.broker(
        3,
        5000,
        &response(0, false, b"\0\x23\0\0\0\x01\0\x12\0\0\0\x05"),
    );
    capture.client(4, 5000, &request(18, 9, 1, true, b"\x05java"));
    capture.broker(5, 5000, &response(1, false, b"\0\0\x05what"));
    let (lines, _) = capture.lines();
    assert_eq!(lines[0]["outcome"], "complete");
    assert_eq!(lines[0]["request"], json!({}));
    assert_eq!(
        lines[0]["response"],
        json!({
            "errorCode": 35,
            "errorName": "UNSUPPORTED_VERSION",
            "apiKeys": [{"apiKey": 18, "minVersion": 0, "maxVersion": 5}],
        })
    );
    assert_eq!(
        lines[0]["why"],
        "request: bytes behind the last field at 13"
    );
    // a broker that knows it has read fields that we do not
    assert_eq!(lines[1]["outcome"], "unknown_version");
    assert_eq!(lines[1]["request"], Value::Null);
}

#[test]
fn a_version_is_any_number_that_a_header_says() {
    let mut capture = Capture::default();
    for (port, version) in [(5000, -2), (5001, i16::MIN), (5002, i16::MAX)] {
        capture.open(1, port);
        capture.client(2, port, &request(18, version, 1, false, b""));
        capture.broker(3, port, &response(1, false, b"\0\x23\0\0\0\0"));
    }
    let versions: Vec<_> = capture
        .lines()
        .0
        .iter()
        .map(|l| l["apiVersion"].clone())
        .collect();
    assert_eq!(versions, [-2, -32768, 32767]);
    let (text, _) = decode(&capture.bytes(), Format::Text);
    assert!(text.contains("ApiVersions v-2 "), "{text}");
}

#[test]
fn one_direction_alone_is_told() {
    let mut capture = Capture::default();
    for n in 0..6 {
        capture.broker(n, 5000, &response(n as i32, false, b"\0\0"));
    }
    let (lines, summary) = capture.lines();
    assert_eq!((lines.len(), summary.answer_connections), (0, 1));
    assert!(summary.warnings[0].contains("capture the requests"));
}

/// What is written, at once.
struct Told(mpsc::Sender<Vec<u8>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let told = self.0.send(bytes.to_vec());
        told.map(|()| bytes.len()).map_err(std::io::Error::other)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_pipe_gives_lines_while_it_is_open() {
    let mut capture = Capture::default();
    api_versions(&mut capture, 1, 5000);
    let first = capture.bytes();
    api_versions(&mut capture, 2, 5001);
    let all = capture.bytes();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let mut writer = writer;
        let decoding = scope
            .spawn(|| decode_files(&[path], Format::Json, &mut Told(tell)).expect("a capture"));
        for part in [&first[..], &all[first.len()..]] {
            writer.write_all(part).expect("somebody reads");
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                // as long as the machine may be busy with others
                let more = told.recv_timeout(Duration::from_secs(60));
                line.extend(more.expect("a line before the pipe's end"));
            }
            let line: Value = serde_json::from_slice(&line).expect("JSON");
            assert_eq!(line["apiName"], "ApiVersions");
        }
        drop(writer);
        assert_eq!(decoding.join().expect("no panic").requests, 2);
    });
}
