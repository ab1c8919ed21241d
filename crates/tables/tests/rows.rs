//! Rows of traffic written here byte by byte, as sockets and packets hand it over.

mod traffic;

use traffic::{Rows, Traffic, produce, request, string};

const METADATA_ID: &[u8] = &[7; 16];

#[test]
fn both_ends_on_one_host_are_one_row_with_both_processes() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    traffic.both(10, true, &produce(1, 1));
    traffic.both(30, false, &produce_answer(1, 5));
    let rows = traffic.rows();
    let produced = rows.table("kafka_produce");
    assert_eq!(produced.len(), 1);
    let expected = [
        ("observed_by", "both"),
        ("client_upid", "3:100:1"),
        ("broker_upid", "3:200:2"),
        ("topic", "orders"),
        ("partition", "4"),
        ("records", "1"),
        ("base_offset", "5"),
        ("last_offset", "5"),
        ("ack_latency", "20000000"),
        ("codec", "none"),
    ];
    for (column, value) in expected {
        assert_eq!(produced[0][column], value, "{column}");
    }
    let event = &rows.table("kafka_events.beta")[0];
    for (column, value) in [
        ("trace_role", "2"),
        ("upid", "3:200:2"),
        ("remote_upid", "3:100:1"),
        ("local_port", "9092"),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
}

#[test]
fn a_client_alone_is_seen_from_its_side() {
    let mut traffic = Traffic::default();
    traffic.open(true, false);
    traffic.client_side(10, true, &produce(1, 1));
    traffic.client_side(30, false, &produce_answer(1, 5));
    let event = &traffic.rows().table("kafka_events.beta")[0];
    for (column, value) in [
        ("trace_role", "1"),
        ("upid", "3:100:1"),
        ("remote_upid", ""),
        ("remote_port", "9092"),
    ] {
        assert_eq!(event[column], value, "{column}");
    }
}

#[test]
fn without_acknowledgement_there_is_no_response_and_none_is_missed() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    traffic.both(10, true, &produce(1, 0));
    traffic.both(20, true, &produce(2, 1));
    traffic.both(30, false, &produce_answer(2, 5));
    let rows = traffic.rows();
    let seen: Vec<_> = rows
        .table("kafka_produce")
        .iter()
        .map(|r| (r["acks"].clone(), r["ack_latency"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("0".into(), "null".into()),
            ("1".to_owned(), "10000000".to_owned())
        ]
    );
    assert!(
        rows.table("kafka_events.beta")
            .iter()
            .all(|r| r["outcome"] == "complete")
    );
}

#[test]
fn a_name_that_comes_later_is_a_row_of_its_own() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    // Produce 13 carries the id alone
    let body = [
        &[0][..],
        &1i16.to_be_bytes(),
        &1000i32.to_be_bytes(),
        &[2],
        METADATA_ID,
        &[2],
        &4i32.to_be_bytes(),
        &[1, 0, 0, 0],
    ]
    .concat();
    traffic.both(10, true, &request(0, 13, 1, true, &body));
    let answer = [
        &1i32.to_be_bytes()[..],
        &[0, 2],
        METADATA_ID,
        &[2],
        &4i32.to_be_bytes(),
        &[0; 2],
        &5i64.to_be_bytes(),
        &[255; 8],
        &[0; 8],
        &[1, 0, 0, 0],
        &0i32.to_be_bytes(),
        &[0],
    ];
    traffic.both(20, false, &answer.concat());
    // Metadata 10: throttle, no broker, cluster "A", controller, one topic
    traffic.both(30, true, &request(3, 10, 2, true, &[1, 1, 0, 0, 0]));
    let topic = [
        &[0, 0, 7][..],
        b"orders",
        METADATA_ID,
        &[0, 1],
        &[0; 4],
        &[0],
    ]
    .concat();
    let answer = [
        &2i32.to_be_bytes()[..],
        &[0],
        &[0; 4],
        &[1, 2, b'A'],
        &[0; 4],
        &[2],
        &topic,
        &[0; 4],
        &[0],
    ]
    .concat();
    traffic.both(40, false, &answer);
    let rows = traffic.rows();
    let produced = &rows.table("kafka_produce")[0];
    assert_eq!(
        (&*produced["topic"], &*produced["topic_id"]),
        ("", "BwcHBwcHBwcHBwcHBwcHBw")
    );
    let name = &rows.table("kafka_topic_names")[0];
    for (column, value) in [
        ("topic_id", "BwcHBwcHBwcHBwcHBwcHBw"),
        ("topic", "orders"),
        ("cluster_id", "A"),
        ("source", "Metadata"),
    ] {
        assert_eq!(name[column], value, "{column}");
    }
}

#[test]
fn what_a_socket_left_out_is_no_loss_when_it_is_record_contents() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    let message = produce(1, 1);
    // all but the last three bytes, which belong to a record
    traffic.prefix(10, true, &message, message.len() - 3);
    traffic.both(30, false, &produce_answer(1, 5));
    let rows = traffic.rows();
    assert_eq!(rows.table("kafka_produce")[0]["records"], "1");
    assert_eq!(rows.table("kafka_events.beta")[0]["outcome"], "complete");
    assert!(rows.table("kafka_loss").is_empty());
}

#[test]
fn a_batch_whose_checksum_is_wrong_is_no_row_of_records() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    let mut message = produce(1, 1);
    *message.last_mut().expect("a record") ^= 1;
    traffic.both(10, true, &message);
    traffic.both(30, false, &produce_answer(1, 5));
    let rows = traffic.rows();
    let expected = [
        ("topic", "orders"),
        ("partition", "4"),
        ("bytes", "68"),
        ("records", "null"),
        ("codec", ""),
        ("min_timestamp", "null"),
        ("base_offset", "5"),
        ("last_offset", "null"),
    ];
    let produced = &rows.table("kafka_produce")[0];
    for (column, value) in expected {
        assert_eq!(produced[column], value, "{column}");
    }
    assert_eq!(rows.table("kafka_events.beta")[0]["outcome"], "malformed");
    let loss = &rows.table("kafka_loss")[0];
    assert_eq!(
        (loss["reason"].as_str(), loss["detail"].as_str()),
        (
            "malformed",
            "Produce v3: records: the checksum of a record batch is wrong"
        )
    );
}

#[test]
fn what_could_not_be_read_is_told() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    traffic.both(10, true, &produce(1, 1));
    traffic.both(20, false, &produce_answer(1, 5));
    traffic.both(30, true, &request(3, 14, 2, true, &[1, 2, 3]));
    traffic.both(40, false, &[0, 0, 0, 2, 0, 9, 9]);
    traffic.lost(50, 17);
    let rows = traffic.rows();
    let events = rows.table("kafka_events.beta");
    assert_eq!(events[1]["outcome"], "unknown_version");
    assert_eq!(events[1]["error_code"], "null");
    let mut reasons: Vec<_> = rows
        .table("kafka_loss")
        .iter()
        .map(|r| (r["reason"].clone(), r["events"].clone()))
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            ("events_lost".to_owned(), "17".to_owned()),
            ("unknown_version".to_owned(), "2".to_owned())
        ]
    );
}

#[test]
fn an_encrypted_connection_is_listed_with_its_bytes() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    let hello = [&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[5; 194]].concat();
    traffic.both(10, true, &hello);
    traffic.both(20, false, &hello);
    let rows = traffic.rows();
    assert_eq!(rows.table("kafka_clients")[0]["tls"], "true");
    let loss = rows.table("kafka_loss");
    assert_eq!(
        loss.iter().map(|r| &*r["reason"]).collect::<Vec<_>>(),
        ["tls"]
    );
    assert_eq!(loss[0]["bytes"], (2 * hello.len()).to_string());
    assert_eq!(
        loss[0]["detail"],
        "encrypted (client: OpenSSL 3): the content cannot be seen"
    );
    assert!(rows.table("kafka_events.beta").is_empty());
}

#[test]
fn other_protocols_give_no_rows_but_their_bytes() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    traffic.both(10, true, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    traffic.both(20, false, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let rows = traffic.rows();
    assert!(rows.table("kafka_events.beta").is_empty() && rows.table("kafka_loss").is_empty());
    let stats = rows.table("conn_stats");
    assert_eq!(
        stats
            .iter()
            .map(|r| (&*r["trace_role"], &*r["bytes_sent"], &*r["protocol"]))
            .collect::<Vec<_>>(),
        [("1", "27", "0"), ("2", "38", "0")]
    );
}

#[test]
fn a_client_tells_its_software() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    let body = [&[4][..], b"lib", &[4], b"1.0", &[0]].concat();
    traffic.both(10, true, &request(18, 3, 1, true, &body));
    traffic.both(
        20,
        false,
        &[&1i32.to_be_bytes()[..], &[0, 0], &[1], &[0; 4], &[0]].concat(),
    );
    traffic.both(30, true, &produce(2, 1));
    traffic.both(40, false, &produce_answer(2, 5));
    let rows = traffic.rows();
    let client = &rows.table("kafka_clients")[0];
    for (column, value) in [
        ("software_name", "lib"),
        ("software_version", "1.0"),
        ("api_versions", r#"{"Produce":3,"ApiVersions":3}"#),
        ("opened_seen", "true"),
    ] {
        assert_eq!(client[column], value, "{column}");
    }
    assert!(
        rows.table("kafka_events.beta")
            .iter()
            .all(|r| r["software_name"] == "lib")
    );
}

#[test]
fn rows_that_nobody_takes_are_refused_and_counted() {
    let mut traffic = Traffic::with_limit(4000);
    traffic.open(true, true);
    for i in 0..100 {
        traffic.both(10 + i, true, &produce(i as i32, 0));
    }
    let rows = traffic.rows();
    assert!(rows.table("kafka_produce").len() < 50);
    let refused: u64 = rows
        .table("kafka_loss")
        .iter()
        .filter(|r| r["reason"] == "limit")
        .map(|r| r["events"].parse::<u64>().expect("a number"))
        .sum();
    assert!(refused > 50, "{refused}");
}

/// Produce 3's answer for topic orders, partition 4.
fn produce_answer(correlation: i32, offset: i64) -> Vec<u8> {
    let mut out = correlation.to_be_bytes().to_vec();
    out.extend(1i32.to_be_bytes());
    out.extend(string("orders"));
    out.extend(1i32.to_be_bytes());
    out.extend(4i32.to_be_bytes());
    out.extend(0i16.to_be_bytes());
    out.extend(offset.to_be_bytes());
    out.extend((-1i64).to_be_bytes());
    out.extend(0i32.to_be_bytes());
    out
}

#[test]
fn every_row_has_every_column() {
    let mut traffic = Traffic::default();
    traffic.open(true, true);
    traffic.both(10, true, &produce(1, 1));
    traffic.both(20, false, &produce_answer(1, 5));
    let Rows { batches } = traffic.rows();
    assert!(batches.len() >= 4);
    for batch in &batches {
        assert_eq!(batch.columns.len(), batch.table.columns.len());
    }
}
