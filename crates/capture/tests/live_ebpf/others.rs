//! What is not Kafka, not readable or not wanted.

use std::process::Command;

use kafkascope_capture::ebpf::Settings;
use kafkascope_stream::Tap;

use crate::harness::{alone, count, run, run_with, track};

#[test]
#[ignore = "needs root and eBPF"]
fn other_protocols_are_left_alone() {
    let _alone = alone();
    let o = run("others");
    assert!(o.seen.is_empty(), "{:?}", o.seen.first());
    assert!(o.source.stats().not_kafka >= 14);
}

#[test]
#[ignore = "needs root and eBPF"]
fn other_protocols_are_left_alone_in_mid_connection() {
    let _alone = alone();
    let o = run("older_others");
    assert!(o.seen.is_empty(), "{:?}", o.seen.first());
}

#[test]
#[ignore = "needs root and eBPF"]
fn tls_is_told_once_and_then_counted() {
    let _alone = alone();
    let o = run("tls");
    for t in [track(&o, true, Tap::Send), track(&o, true, Tap::Receive)] {
        assert_eq!(t.end as usize, o.sent.len(), "all bytes are counted");
        assert!(t.bytes.len() <= 1024 && t.bytes[&0] == 0x16);
    }
    assert!(count(&o, "segment") <= 8, "not each of 21 messages");
}

/// Whoever reads the heads of some records can tell that they are TLS.
#[test]
#[ignore = "needs root and eBPF"]
fn tls_older_than_the_capture_is_told_as_well() {
    let _alone = alone();
    let o = run("older_tls");
    for from_client in [true, false] {
        let t = track(&o, from_client, Tap::Send);
        let heads = (0..8).filter(|i| t.bytes.get(&(i * 261)) == Some(&0x17));
        assert!(heads.count() >= 7);
        assert!(t.bytes.len() <= 8 * 261, "not each of 20 records");
    }
}

/// MPTCP sockets of other processes may add to the count: it is at least the case's own.
#[test]
#[ignore = "needs root and eBPF"]
fn mptcp_is_counted_where_the_kernel_has_it() {
    let _alone = alone();
    let enabled = std::fs::read_to_string("/proc/sys/net/mptcp/enabled").unwrap_or_default();
    if enabled.trim() != "1" {
        eprintln!("skipped: this kernel has no MPTCP");
        return;
    }
    let o = run("mptcp");
    assert_eq!(
        count(&o, "segment"),
        0,
        "what cannot be followed is not told"
    );
    assert!(o.source.stats().mptcp >= 12);
}

#[test]
#[ignore = "needs root and eBPF"]
fn processes_left_out_are_left_out() {
    let _alone = alone();
    // The speaker's id is not known beforehand: leave out a range that holds it.
    let next = std::process::id();
    let probe = Command::new("true").spawn().map(|mut c| {
        c.wait().ok();
        c.id()
    });
    let from = probe.unwrap_or(next);
    let settings = Settings {
        exclude_pids: (from..from + 900).collect(),
        ..Settings::default()
    };
    let o = run_with(&settings, "plain", "127.0.0.1", None);
    assert!((from..from + 900).contains(&o.pid));
    assert_eq!(count(&o, "segment"), 0);
}
