//! What a capture may use.

use kafkascope_capture::ebpf::{EbpfSource, Hook, Settings};

use crate::harness::{REASON, alone, count, run_with};

#[test]
#[ignore = "needs root and eBPF"]
fn what_a_full_ring_loses_is_counted() {
    let _alone = alone();
    let settings = Settings {
        ring_bytes: 4096,
        ..Settings::default()
    };
    let o = run_with(&settings, "flood", "127.0.0.1", None);
    assert!(o.lost > 1000, "{} lost", o.lost);
    assert_eq!(o.lost, o.source.stats().lost);
}

#[test]
#[ignore = "needs root and eBPF"]
fn what_is_beyond_the_limit_of_records_is_counted() {
    let _alone = alone();
    let settings = Settings {
        records_per_s: 100,
        ..Settings::default()
    };
    let o = run_with(&settings, "flood", "127.0.0.1", None);
    let stats = o.source.stats();
    assert!(stats.limited > 100, "{stats:?}");
    assert_eq!(o.lost, stats.lost);
    assert!(count(&o, "segment") > 0, "up to the limit all is told");
}

/// Kernels refuse a program for which they visit a million instructions, and older ones visit more for the same program.
const VERIFIED_INSTRUCTIONS: u32 = 120_000;

#[test]
#[ignore = "needs root and eBPF"]
fn the_verifier_is_far_from_its_limit() {
    let _alone = alone();
    for hook in Hook::ALL {
        let source = EbpfSource::open(&Settings {
            hook: Some(hook),
            ..Settings::default()
        })
        .expect(REASON);
        let verified = source.verified();
        assert!(verified.len() >= 4, "{verified:?}");
        for (program, visited) in verified {
            assert!(
                (1..VERIFIED_INSTRUCTIONS).contains(&visited),
                "{program}: {visited} instructions"
            );
        }
    }
}
