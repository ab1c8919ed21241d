//! Real captures with damage: whatever the bytes say, every row is whole and nothing panics.

use std::path::PathBuf;

use kafkascope_capture::FileSource;
use kafkascope_stream::Event;
use kafkascope_tables::{
    Batch,
    columns::Data,
    pipeline::{Pipeline, Settings},
};

/// A small generator, so that a failure is found again by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// Runs a capture whose payloads are damaged at about one byte in `every`, and of whose packets one in `every` is missing.
fn damaged(capture: &str, seed: u64, every: usize) -> Vec<Batch> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../captures")
        .join(capture);
    let mut source = FileSource::open(&[path]).expect("a golden capture");
    let mut pipeline = Pipeline::new(Settings::default());
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut more = true;
    while more {
        more = source
            .poll(&mut |event| match event {
                Event::Segment(mut segment) => {
                    let mut bytes = segment.bytes.to_vec();
                    for byte in &mut bytes {
                        if random.next(every) == 0 {
                            *byte = [0, 0x7f, 0x80, 0xff, random.next(256) as u8][random.next(5)];
                        }
                    }
                    if random.next(every) != 0 {
                        segment.bytes =
                            &bytes[..bytes.len() - random.next(every).min(bytes.len()) % 2];
                        pipeline.event(Event::Segment(segment));
                    }
                }
                other => pipeline.event(other),
            })
            .expect("a golden capture");
    }
    pipeline.finish();
    pipeline.take()
}

fn check(batches: &[Batch]) {
    assert!(!batches.is_empty());
    for batch in batches {
        for (column, spec) in batch.columns.iter().zip(&batch.table.columns) {
            let name = format!("{}.{}", batch.table.name, spec.name);
            assert!(spec.nullable || column.nulls == 0, "{name} is null");
            if let Data::Str { offsets, bytes } = &column.data {
                assert_eq!(offsets.len(), batch.rows + 1, "{name}");
                let text = std::str::from_utf8(bytes).expect("UTF-8");
                assert!(
                    offsets.iter().all(|o| text.is_char_boundary(*o as usize)),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn damaged_captures_give_whole_rows() {
    for seed in 1..=12 {
        for every in [20, 300, 5000] {
            check(&damaged("kafka-3.9.pcap.gz", seed, every));
        }
    }
    for (seed, capture) in [
        "java-clients.pcap.gz",
        "other-clients.pcap.gz",
        "two-brokers.pcap.gz",
    ]
    .into_iter()
    .enumerate()
    {
        check(&damaged(capture, 100 + seed as u64, 2000));
    }
}
