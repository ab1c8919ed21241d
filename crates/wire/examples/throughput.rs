//! How fast one core takes streams through a session and the decoder.
//!
//! `cargo run --release -p kafkascope-wire --example throughput`

use std::{
    fs,
    io::{Write, stdout},
    time::{Duration, Instant},
};

use kafkascope_wire::{
    Direction, Item, Message, Tape, Value, batch::Batches, decode, session::Session,
};

/// As large as a reader's buffer.
const PIECE: usize = 64 << 10;

fn main() -> std::io::Result<()> {
    for (name, up, down, messages) in [
        small("heartbeats, no decoding", 20_000),
        small("heartbeats", 20_000),
        bulk("produce and fetch of 1 MB, no decoding", 64),
        bulk("produce and fetch of 1 MB", 64),
        bulk_of("produce of 16 KB", 4000, 16 << 10),
    ] {
        let decoding = !name.ends_with("no decoding");
        let mut best = f64::MAX;
        let mut exchanges = 0;
        for _ in 0..5 {
            let (begin, busy) = (Instant::now(), cpu_time());
            exchanges = run(&up, &down, decoding);
            let spent = match (busy, cpu_time()) {
                (Some(before), Some(after)) => after - before,
                _ => begin.elapsed(),
            };
            best = best.min(spent.as_secs_f64());
        }
        let bytes = (up.len() + down.len()) as f64;
        writeln!(
            stdout(),
            "{name:42} {:7.2} GB/s {:7.2} M messages/s   ({exchanges} of {} exchanges)",
            bytes / best / 1e9,
            messages as f64 / best / 1e6,
            messages / 2,
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

fn run(up: &[u8], down: &[u8], decoding: bool) -> usize {
    let mut session = Session::new(Some(true), true);
    let mut tape = Tape::default();
    let mut seen = 0usize;
    let mut read = |key, version, direction, message: &Option<Message>, at| {
        let Some(message) = message else { return 0 };
        let view = message.view();
        decode(key, version, direction, &view, at, &mut tape);
        let records = tape
            .nodes
            .iter()
            .filter(|n| matches!(n.value, Value::Records { .. }));
        records.map(|n| Batches::new(&view, n).count()).sum()
    };
    let mut batches = 0usize;
    let mut emit = |item| {
        if let Item::Exchange(e) = item {
            seen += usize::from(e.response.is_some());
            if decoding {
                batches += read(
                    e.api_key,
                    e.api_version,
                    Direction::Request,
                    &e.request,
                    e.request_body_at,
                );
                batches += read(
                    e.api_key,
                    e.api_version,
                    Direction::Response,
                    &e.response,
                    e.response_body_at,
                );
            }
        }
    };
    // Both directions go on at the same pace, as they do on a wire.
    let rounds = up.len().max(down.len()).div_ceil(PIECE);
    for i in 0..rounds {
        let part = |s: &'_ [u8]| (s.len() * i / rounds, s.len() * (i + 1) / rounds);
        let (from, to) = part(up);
        session.data(true, i as i64, &up[from..to], &mut emit);
        let (from, to) = part(down);
        session.data(false, i as i64, &down[from..to], &mut emit);
    }
    session.close(rounds as i64, &mut emit);
    std::hint::black_box(batches);
    seen
}

type Case = (&'static str, Vec<u8>, Vec<u8>, usize);

fn small(name: &'static str, n: i32) -> Case {
    let body = b"\0\x05group\0\0\0\x09\0\x25member-0123456789-0123456789-01234567";
    let up = (0..n).flat_map(|id| request(12, 0, id, body)).collect();
    let down = (0..n)
        .flat_map(|id| framed(&[&id.to_be_bytes()[..], b"\0\0"].concat()))
        .collect();
    (name, up, down, 2 * n as usize)
}

fn bulk(name: &'static str, n: i32) -> Case {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let batch = batch(1 << 20);
    for id in 0..n {
        if id % 2 == 0 {
            up.extend(request(0, 7, id, &produce_body(&batch)));
            down.extend(produce_response(id));
        } else {
            up.extend(request(
                1,
                4,
                id,
                b"\xff\xff\xff\xff\0\0\x01\xf4\0\0\0\x01\0\0\0\0\0\0\0\0\0",
            ));
            let mut body = id.to_be_bytes().to_vec();
            body.extend(b"\0\0\0\0\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\x04\0\0");
            body.extend([0; 16]);
            body.extend([0xff; 4]);
            body.extend((batch.len() as u32).to_be_bytes());
            body.extend(&batch);
            down.extend(framed(&body));
        }
    }
    (name, up, down, 2 * n as usize)
}

fn bulk_of(name: &'static str, n: i32, size: usize) -> Case {
    let body = produce_body(&batch(size));
    let up = (0..n).flat_map(|id| request(0, 7, id, &body)).collect();
    let down = (0..n).flat_map(produce_response).collect();
    (name, up, down, 2 * n as usize)
}

fn produce_body(batch: &[u8]) -> Vec<u8> {
    let mut body = b"\xff\xff\0\x01\0\0\x75\x30\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\x04".to_vec();
    body.extend((batch.len() as u32).to_be_bytes());
    body.extend(batch);
    body
}

fn produce_response(id: i32) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(b"\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\x04\0\0");
    body.extend([0; 24]);
    body.extend([0; 4]);
    framed(&body)
}

fn batch(size: usize) -> Vec<u8> {
    let mut out = vec![0; 8];
    out.extend((size as u32 - 12).to_be_bytes());
    out.extend([0xff, 0xff, 0xff, 0xff, 2]);
    out.resize(57, 0);
    out.extend(1000u32.to_be_bytes());
    out.resize(size, b'r');
    out
}

fn request(key: i16, version: i16, id: i32, body: &[u8]) -> Vec<u8> {
    framed(
        &[
            &key.to_be_bytes()[..],
            &version.to_be_bytes(),
            &id.to_be_bytes(),
            b"\0\x08client-1",
            body,
        ]
        .concat(),
    )
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}
