//! What a small request costs the thread that reads a live capture: a Produce of one record of 100 bytes with its answer,
//! as a socket's tap tells them. With caches that are warm, and as live, where others use them between two polls.
//!
//! `cargo run --release -p kafkascope-tables --example small [rounds]`; one round is enough for a tool that counts instructions.

use std::{
    fs,
    hint::black_box,
    io::{Write, stdout},
    net::IpAddr,
    time::Duration,
};

use kafkascope_stream::{Endpoint, Event, Process, Segment, Tap, event::flag};
use kafkascope_tables::pipeline::{Pipeline, Settings};

const REQUESTS: usize = 35_000;
/// Requests that one poll finds, and polls between two looks at the rows.
const POLL: usize = 350;
const TAKE: usize = 8;
const CLIENTS: usize = 3;
/// What others do to the caches between two polls: more than the second level holds.
const OTHERS: usize = 4 << 20;
const START_NS: i64 = 1_700_000_000_000_000_000;
const STEP_NS: i64 = 140_000;

fn main() -> std::io::Result<()> {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let mut others = vec![1u8; OTHERS];
    for (name, cold) in [("warm", false), ("cold", true)] {
        let mut best = f64::MAX;
        for _ in 0..rounds.unwrap_or(5) {
            let busy = run(|| {
                if cold {
                    others
                        .iter_mut()
                        .step_by(64)
                        .for_each(|b| *b = b.wrapping_add(1));
                }
            });
            best = best.min(busy.as_secs_f64());
        }
        writeln!(
            stdout(),
            "{name}: {:5.2} µs a request",
            best / REQUESTS as f64 * 1e6
        )?;
    }
    black_box(&others);
    Ok(())
}

/// Time that this thread was on a processor, by Linux: what else the machine does hardly counts.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or(0))
}

fn run(mut between: impl FnMut()) -> Duration {
    let mut pipeline = Pipeline::new(Settings::default());
    let mut seq = [[1u32; 2]; CLIENTS];
    let mut tap_seq = [[0u32; 2]; CLIENTS];
    let mut busy = Duration::ZERO;
    let messages: Vec<_> = (0..REQUESTS).map(|i| produce(i as i32)).collect();
    for (poll, some) in messages.chunks(POLL).enumerate() {
        between();
        let begin = cpu_time();
        for (i, (up, down)) in some.iter().enumerate() {
            let client = i % CLIENTS;
            for (side, bytes) in [up, down].into_iter().enumerate() {
                let n = 2 * (poll * POLL + i) + side;
                let (seq, tap_seq) = (&mut seq[client][side], &mut tap_seq[client][side]);
                *tap_seq += 1;
                pipeline.event(Event::Segment(Segment {
                    time_ns: START_NS + STEP_NS / 2 * n as i64,
                    tap: Tap::Send,
                    src: end(client, side == 0),
                    dst: end(client, side != 0),
                    netns: 0,
                    seq: *seq,
                    len: bytes.len() as u32,
                    bytes,
                    flags: flag::FINAL,
                    ack: 0,
                    tap_seq: *tap_seq,
                    process: Some(Process {
                        pid: 4000 + side as u32,
                        start_boot_ns: 1_000_000_000,
                    }),
                }));
                *seq = seq.wrapping_add(bytes.len() as u32);
            }
        }
        if poll % TAKE == TAKE - 1 {
            black_box(pipeline.take());
        }
        busy += cpu_time() - begin;
    }
    let begin = cpu_time();
    pipeline.finish();
    black_box(pipeline.take());
    busy + cpu_time() - begin
}

fn end(client: usize, of_client: bool) -> Endpoint {
    Endpoint {
        addr: IpAddr::from([127, 0, 0, 1]),
        port: if of_client {
            40_000 + client as u16
        } else {
            9092
        },
    }
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

/// Version 10, as librdkafka 2 asks.
fn produce(id: i32) -> (Vec<u8>, Vec<u8>) {
    let batch = batch();
    let size = [
        (batch.len() + 1) as u8 | 0x80,
        ((batch.len() + 1) >> 7) as u8,
    ];
    let request = framed(&[
        b"\0\0\0\x0a",
        &id.to_be_bytes(),
        b"\0\x10bench-producer-0\0",
        b"\0\0\x01\0\0\x75\x30\x02\x06bench\x02\0\0\0\0",
        &size,
        &batch,
        b"\0\0\0",
    ]);
    let answer = framed(&[
        &id.to_be_bytes(),
        b"\0\x02\x06bench\x02\0\0\0\0\0\0",
        &i64::from(id).to_be_bytes(),
        &[0xff; 8],
        &[0; 8],
        b"\x01\0\0\0\0\0\0\0\0",
    ]);
    (request, answer)
}

/// One record of 100 bytes without a key.
fn batch() -> Vec<u8> {
    let record = [&b"\xd6\x01\0\0\0\x01\xc8\x01"[..], &[0; 100], b"\0"].concat();
    let size = 61 + record.len();
    let mut out = vec![0; 8];
    out.extend((size as u32 - 12).to_be_bytes());
    out.extend([0, 0, 0, 0, 2, 0, 0, 0, 0]);
    out.extend(START_NS.to_be_bytes().map(|b| b >> 1));
    out.resize(43, 0);
    out.extend([0xff; 14]);
    out.extend(1u32.to_be_bytes());
    out.extend(record);
    let checksum = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&checksum.to_be_bytes());
    out
}
