//! One connection of client process 100 to broker process 200, in socket events.

use std::{collections::BTreeMap, net::IpAddr};

use kafkascope_stream::{Endpoint, Event, Process, Segment, Tap};
use kafkascope_tables::{
    Batch,
    columns::{Column, Data},
    pipeline::{Pipeline, Settings},
};

pub struct Traffic {
    pipeline: Pipeline,
    /// Next sequence numbers by direction, next event numbers by direction and tap.
    seq: [u32; 2],
    tap_seq: [[u32; 2]; 2],
}

const MS: i64 = 1_000_000;
const START_NS: i64 = 1_700_000_000_000 * MS;
const CLIENT: Process = Process {
    pid: 100,
    start_boot_ns: 10_000_000,
};
const BROKER: Process = Process {
    pid: 200,
    start_boot_ns: 20_000_000,
};

impl Default for Traffic {
    fn default() -> Self {
        Traffic::with_limit(1 << 20)
    }
}

impl Traffic {
    pub fn with_limit(pending_bytes: usize) -> Self {
        let settings = Settings {
            asid: 3,
            pending_bytes,
            tls_library: |pid| (pid == CLIENT.pid).then(|| "OpenSSL 3".into()),
            ..Settings::default()
        };
        Traffic {
            pipeline: Pipeline::new(settings),
            seq: [1000, 5000],
            tap_seq: [[1; 2]; 2],
        }
    }

    /// The handshake, seen at the client, at the broker, or at both.
    pub fn open(&mut self, client: bool, broker: bool) {
        for (seen, process, observer_is_client) in [(client, CLIENT, true), (broker, BROKER, false)]
        {
            if seen {
                let (client, server) = (end(true), end(false));
                self.pipeline.event(Event::Open {
                    time_ns: START_NS,
                    client,
                    server,
                    netns: 0,
                    observer: Some(process),
                    observer_is_client,
                });
            }
        }
    }

    /// Bytes with their size field, sent at one end and received at the other.
    pub fn both(&mut self, ms: i64, from_client: bool, message: &[u8]) {
        let bytes = framed(message);
        self.segment(ms, from_client, Tap::Send, &bytes, bytes.len());
        self.segment(ms, from_client, Tap::Receive, &bytes, bytes.len());
        self.seq[usize::from(from_client)] += bytes.len() as u32;
    }

    /// The same, seen at the client alone.
    pub fn client_side(&mut self, ms: i64, from_client: bool, message: &[u8]) {
        let bytes = framed(message);
        self.segment(
            ms,
            from_client,
            if from_client { Tap::Send } else { Tap::Receive },
            &bytes,
            bytes.len(),
        );
        self.seq[usize::from(from_client)] += bytes.len() as u32;
    }

    /// Both ends, with the first bytes of the message only.
    pub fn prefix(&mut self, ms: i64, from_client: bool, message: &[u8], kept: usize) {
        let bytes = framed(message);
        self.segment(ms, from_client, Tap::Send, &bytes, kept + 4);
        self.segment(ms, from_client, Tap::Receive, &bytes, kept + 4);
        self.seq[usize::from(from_client)] += bytes.len() as u32;
    }

    pub fn lost(&mut self, ms: i64, count: u64) {
        self.pipeline.event(Event::Lost {
            time_ns: START_NS + ms * MS,
            count,
        });
    }

    fn segment(&mut self, ms: i64, from_client: bool, tap: Tap, bytes: &[u8], kept: usize) {
        let at_client = (tap == Tap::Send) == from_client;
        let tap_seq = &mut self.tap_seq[usize::from(from_client)][usize::from(at_client)];
        self.pipeline.event(Event::Segment(Segment {
            time_ns: START_NS + ms * MS,
            tap,
            src: end(from_client),
            dst: end(!from_client),
            netns: 0,
            seq: self.seq[usize::from(from_client)],
            len: bytes.len() as u32,
            bytes: &bytes[..kept],
            flags: 0,
            ack: 0,
            tap_seq: *tap_seq,
            process: Some(if at_client { CLIENT } else { BROKER }),
        }));
        *tap_seq += 1;
    }

    /// Ends the capture.
    pub fn rows(mut self) -> Rows {
        self.pipeline.finish();
        Rows {
            batches: self.pipeline.take(),
        }
    }
}

fn end(client: bool) -> Endpoint {
    let (addr, port) = if client {
        ([10, 0, 0, 5], 4000)
    } else {
        ([10, 0, 0, 1], 9092)
    };
    Endpoint {
        addr: IpAddr::from(addr),
        port,
    }
}

/// TLS and text have no size field.
fn framed(message: &[u8]) -> Vec<u8> {
    if matches!(message, [0x16, 3, ..] | [b'G' | b'H', ..]) {
        return message.to_vec();
    }
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

pub struct Rows {
    pub batches: Vec<Batch>,
}

impl Rows {
    /// The rows of a table as text, `null` for a missing value.
    pub fn table(&self, name: &str) -> Vec<BTreeMap<&'static str, String>> {
        let Some(batch) = self.batches.iter().find(|b| b.table.name == name) else {
            return Vec::new();
        };
        let names = || batch.table.columns.iter().map(|c| c.name);
        (0..batch.rows)
            .map(|row| {
                names()
                    .zip(batch.columns.iter().map(|c| text(c, row)))
                    .collect()
            })
            .collect()
    }
}

fn text(column: &Column, row: usize) -> String {
    let bit = |bits: &[u8]| bits[row / 8] >> (row % 8) & 1 == 1;
    if column.valid.as_deref().is_some_and(|valid| !bit(valid)) {
        return "null".into();
    }
    match &column.data {
        Data::Bool(bits) => bit(bits).to_string(),
        Data::Int(values) => values[row].to_string(),
        Data::Float(values) => values[row].to_string(),
        Data::Str { offsets, bytes } => {
            String::from_utf8_lossy(&bytes[offsets[row] as usize..offsets[row + 1] as usize])
                .into_owned()
        }
    }
}

pub fn string(text: &str) -> Vec<u8> {
    [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// A request of client `me`.
pub fn request(key: i16, version: i16, correlation: i32, flexible: bool, body: &[u8]) -> Vec<u8> {
    let tags: &[u8] = if flexible { &[0] } else { &[] };
    [
        &key.to_be_bytes()[..],
        &version.to_be_bytes(),
        &correlation.to_be_bytes(),
        &string("me"),
        tags,
        body,
    ]
    .concat()
}

/// Produce 3 of one record to topic orders, partition 4.
pub fn produce(correlation: i32, acks: i16) -> Vec<u8> {
    let record = b"\x0c\0\0\0\x01\0\0";
    let mut batch = Vec::new();
    batch.extend(0i64.to_be_bytes());
    batch.extend((49 + record.len() as i32).to_be_bytes());
    batch.extend((-1i32).to_be_bytes());
    batch.extend([2, 0, 0, 0, 0]);
    let checksum_at = batch.len() - 4;
    batch.extend(0i16.to_be_bytes());
    batch.extend(0i32.to_be_bytes());
    batch.extend(
        [
            1_700_000_000_000i64.to_be_bytes(),
            1_700_000_000_000i64.to_be_bytes(),
            (-1i64).to_be_bytes(),
        ]
        .concat(),
    );
    batch.extend([255; 6]);
    batch.extend(1i32.to_be_bytes());
    batch.extend(record);
    let checksum = crc32c::crc32c(&batch[checksum_at + 4..]);
    batch[checksum_at..checksum_at + 4].copy_from_slice(&checksum.to_be_bytes());
    let mut body = (-1i16).to_be_bytes().to_vec();
    body.extend(acks.to_be_bytes());
    body.extend(1000i32.to_be_bytes());
    body.extend(1i32.to_be_bytes());
    body.extend(string("orders"));
    body.extend(1i32.to_be_bytes());
    body.extend(4i32.to_be_bytes());
    body.extend((batch.len() as i32).to_be_bytes());
    body.extend(batch);
    request(0, 3, correlation, false, &body)
}
