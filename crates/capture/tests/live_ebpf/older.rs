//! Connections and requests that were there before the capture.

use std::collections::BTreeMap;

use kafkascope_capture::ebpf::{Hook, Settings};

use crate::harness::{Outcome, Seen, alone, count, run_with, whole};

#[test]
#[ignore = "needs root and eBPF"]
fn connections_older_than_the_capture_are_found() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        for case in ["older", "older_answer"] {
            let o = run_with(&settings, case, "127.0.0.1", None);
            whole(&o);
            assert_eq!(count(&o, "open"), 0, "nobody saw it open");
            assert!(o.source.stats().older >= 2);
        }
    }
}

/// Correlation ids of the messages of one direction, from the first byte that either end told on, without a hole.
fn correlation_ids(o: &Outcome, from_client: bool) -> Vec<u32> {
    let mut bytes = BTreeMap::new();
    let of_way = |s: &&Seen| s.kind == "segment" && s.from_client == from_client;
    let base = o.seen.iter().find(of_way).expect("told").seq;
    for s in o.seen.iter().filter(of_way) {
        for (i, b) in (0..).zip(&s.bytes) {
            // The other end may have told of earlier bytes.
            let at = s.seq.wrapping_sub(base).wrapping_add(i) as i32;
            bytes.insert(at, *b);
        }
    }
    let first = *bytes.keys().next().unwrap();
    let stream: Vec<u8> = bytes.values().copied().collect();
    let last = *bytes.keys().last().unwrap();
    assert_eq!(stream.len(), (last - first) as usize + 1, "a hole");
    let word = |at: usize| u32::from_be_bytes(stream[at..at + 4].try_into().unwrap());
    let (mut at, mut ids) = (0, Vec::new());
    while at < stream.len() {
        ids.push(word(at + if from_client { 8 } else { 4 }));
        at += 4 + word(at) as usize;
    }
    ids
}

/// However the programs are attached one after another: what was asked while they were is told with its answer.
#[test]
#[ignore = "needs root and eBPF"]
fn every_request_since_the_capture_began_has_its_answer() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        let o = run_with(&settings, "older_busy", "127.0.0.1", None);
        let (asked, answered) = (correlation_ids(&o, true), correlation_ids(&o, false));
        assert!(asked.len() > 20, "{} requests", asked.len());
        let unanswered = asked.iter().filter(|id| !answered.contains(id)).count();
        assert_eq!(unanswered, 0, "{hook:?}: of {} requests", asked.len());
    }
}
