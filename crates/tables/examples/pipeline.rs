//! How fast one core takes segments of TCP through reassembly, sessions, decoding and state into Arrow columns.
//!
//! `cargo run --release -p kafkascope-tables --example pipeline`

use std::{
    fs,
    hint::black_box,
    io::{Write, stdout},
    net::IpAddr,
    time::{Duration, Instant},
};

use kafkascope_stream::{Endpoint, Event, Segment, Tap, event::flag};
use kafkascope_tables::pipeline::{Pipeline, Settings};

/// A segment on loopback or with segmentation offload.
const PIECE: usize = 60_000;
/// Requests between two looks at the rows.
const TAKE: usize = 1000;
const START_NS: i64 = 1_700_000_000_000_000_000;

/// Name, each request with its response, how often.
type Case = (&'static str, fn(i32) -> (Vec<u8>, Vec<u8>), i32);

fn main() -> std::io::Result<()> {
    let cases: [Case; 4] = [
        ("heartbeats", heartbeat, 100_000),
        ("offset commits of 3 partitions", commit, 50_000),
        ("produce of 16 records of 1 KiB", produce, 20_000),
        ("fetch of 64 records of 1 KiB", fetch, 10_000),
    ];
    for (name, exchange, count) in cases {
        let messages: Vec<_> = (0..count).map(exchange).collect();
        let bytes: usize = messages
            .iter()
            .map(|(up, down)| up.len() + down.len())
            .sum();
        let (mut best, mut rows) = (f64::MAX, 0);
        for _ in 0..5 {
            let (begin, busy) = (Instant::now(), cpu_time());
            rows = run(&messages);
            let spent = match (busy, cpu_time()) {
                (Some(before), Some(after)) => after - before,
                _ => begin.elapsed(),
            };
            best = best.min(spent.as_secs_f64());
        }
        writeln!(
            stdout(),
            "{name:32} {:6.2} GB/s {:6.2} M messages/s {:6.2} M rows/s",
            bytes as f64 / best / 1e9,
            2.0 * f64::from(count) / best / 1e6,
            rows as f64 / best / 1e6,
        )?;
    }
    Ok(())
}

/// Time that this thread was on a processor, by Linux: what else the machine does hardly counts.
fn cpu_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let ns = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(ns))
}

fn run(messages: &[(Vec<u8>, Vec<u8>)]) -> usize {
    let mut pipeline = Pipeline::new(Settings::default());
    let (mut seq, mut rows) = ([1u32, 1], 0);
    for (i, (up, down)) in messages.iter().enumerate() {
        for (side, message) in [up, down].into_iter().enumerate() {
            for bytes in message.chunks(PIECE) {
                let (src, dst) = (end(side == 0), end(side != 0));
                let time_ns = START_NS + 10_000 * (2 * i + side) as i64;
                pipeline.event(Event::Segment(Segment {
                    time_ns,
                    tap: Tap::Packet,
                    src,
                    dst,
                    netns: 0,
                    seq: seq[side],
                    len: bytes.len() as u32,
                    bytes,
                    flags: flag::ACK,
                    ack: seq[1 - side],
                    tap_seq: 0,
                    process: None,
                }));
                seq[side] = seq[side].wrapping_add(bytes.len() as u32);
            }
        }
        if i % TAKE == 0 {
            rows += pipeline.take().iter().map(|b| b.rows).sum::<usize>();
        }
    }
    pipeline.finish();
    let last = black_box(pipeline.take());
    rows + last.iter().map(|b| b.rows).sum::<usize>()
}

fn end(client: bool) -> Endpoint {
    let (addr, port) = if client {
        ([10, 0, 0, 5], 40_000)
    } else {
        ([10, 0, 0, 1], 9092)
    };
    Endpoint {
        addr: IpAddr::from(addr),
        port,
    }
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

fn request(key: i16, version: i16, id: i32, body: &[u8]) -> Vec<u8> {
    let (key, version, id) = (key.to_be_bytes(), version.to_be_bytes(), id.to_be_bytes());
    framed(&[&key, &version, &id, b"\0\x08client-1", body])
}

fn heartbeat(id: i32) -> (Vec<u8>, Vec<u8>) {
    let body = b"\0\x05group\0\0\0\x09\0\x25member-0123456789-0123456789-01234567";
    let answer = framed(&[&id.to_be_bytes(), b"\0\0"]);
    (request(12, 0, id, body), answer)
}

fn commit(id: i32) -> (Vec<u8>, Vec<u8>) {
    let mut body = b"\0\x05group\0\0\0\x09\0\x06member\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x01\0\x06orders\0\0\0\x03".to_vec();
    let mut answer = b"\0\0\0\x01\0\x06orders\0\0\0\x03".to_vec();
    for partition in 0..3i32 {
        body.extend(partition.to_be_bytes());
        body.extend(i64::from(id).to_be_bytes());
        body.extend([0xff, 0xff]);
        answer.extend(partition.to_be_bytes());
        answer.extend([0, 0]);
    }
    let answer = framed(&[&id.to_be_bytes(), &answer]);
    (request(8, 2, id, &body), answer)
}

fn produce(id: i32) -> (Vec<u8>, Vec<u8>) {
    let batch = batch(16);
    let mut body = b"\xff\xff\0\x01\0\0\x75\x30\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\x04".to_vec();
    body.extend((batch.len() as u32).to_be_bytes());
    body.extend(batch);
    let answer = b"\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\x04\0\0";
    let answer = framed(&[&id.to_be_bytes(), answer, &[0; 28]]);
    (request(0, 7, id, &body), answer)
}

fn fetch(id: i32) -> (Vec<u8>, Vec<u8>) {
    let batch = batch(64);
    let body = b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01\0\x10\0\0\0\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\x04\0\0\0\0\0\0\0\x07\0\x10\0\0";
    let head = b"\0\0\0\0\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\x04\0\0";
    let size = (batch.len() as u32).to_be_bytes();
    let answer = framed(&[&id.to_be_bytes(), head, &[0; 16], &[0xff; 4], &size, &batch]);
    (request(1, 4, id, body), answer)
}

fn batch(records: u32) -> Vec<u8> {
    let size = 61 + records as usize * 1030;
    let mut out = vec![0; 8];
    out.extend((size as u32 - 12).to_be_bytes());
    out.extend([0xff, 0xff, 0xff, 0xff, 2]);
    out.resize(57, 0);
    out.extend(records.to_be_bytes());
    out.resize(size, b'r');
    let checksum = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&checksum.to_be_bytes());
    out
}
