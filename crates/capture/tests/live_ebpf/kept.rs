//! What of a message is kept.

use kafkascope_capture::ebpf::{Hook, Settings};

use crate::harness::{Both, alone, check, run, run_with, whole};

#[test]
#[ignore = "needs root and eBPF"]
fn what_carries_records_is_cut_and_nothing_else() {
    let _alone = alone();
    let settings = Settings {
        records_cap: 16 << 10,
        ..Settings::default()
    };
    let o = run_with(&settings, "large", "127.0.0.1", None);
    check(&o, true, &o.sent);
    let told = check(&o, false, &o.answered).told();
    let (cap, fetched) = (16 << 10, 4 + 4 + 320_000);
    assert_eq!(told.len(), o.answered.len() - fetched + cap);
}

#[test]
#[ignore = "needs root and eBPF"]
fn a_message_of_more_than_a_megabyte_is_whole() {
    let _alone = alone();
    whole(&run("huge"));
}

/// Every header is kept, however few of the contents are; the next message is found all the same.
#[test]
#[ignore = "needs root and eBPF"]
fn of_large_batches_only_the_headers_are_kept() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        // The later one's server has not read the request for records itself.
        for case in ["batches", "later batches"] {
            let o = run_with(&settings, case, "127.0.0.1", None);
            for (from_client, stream) in [(true, &o.sent), (false, &o.answered)] {
                let both = check(&o, from_client, stream);
                let told = both.told();
                let missing: Vec<u32> = (0..both.send.end)
                    .filter(|i| !told.contains_key(i))
                    .collect();
                assert!(
                    missing.iter().all(|&i| stream[i as usize] == 2),
                    "a header is missing"
                );
                assert_eq!(missing.len(), 6 * (20_000 - 61), "{case}");
            }
        }
        let whole_settings = Settings {
            whole_batch: 0,
            ..settings
        };
        whole(&run_with(&whole_settings, "batches", "127.0.0.1", None));
    }
}

/// Both directions of a case whose messages are longer than what is kept of them, by every hook.
fn beyond_the_limit(case: &str, look: impl Fn(&Both, &[u8])) {
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            records_cap: 16 << 10,
            ..Settings::default()
        };
        let o = run_with(&settings, case, "127.0.0.1", None);
        for (from_client, stream) in [(true, &o.sent), (false, &o.answered)] {
            look(&check(&o, from_client, stream), stream);
        }
    }
}

/// What is left out does not count against the limit of what is kept: the last field of a message of 120 kB is there.
#[test]
#[ignore = "needs root and eBPF"]
fn batches_beyond_the_limit_are_found_when_those_before_them_were_left_out() {
    let _alone = alone();
    beyond_the_limit("batches", |both, stream| {
        assert_eq!(both.told().len(), stream.len() - 6 * (20_000 - 61));
    });
}

/// A message that does not fit is read batch by batch: a large one is found behind small ones, wherever it begins.
#[test]
#[ignore = "needs root and eBPF"]
fn of_batches_of_all_sizes_beyond_the_limit_every_header_is_kept() {
    let _alone = alone();
    beyond_the_limit("mixed", |both, stream| {
        let told = both.told();
        let missing = |i: &u32| !told.contains_key(i);
        let left_out: Vec<u32> = (0..both.send.end).filter(missing).collect();
        assert!(left_out.len() > 60_000);
        assert!(
            left_out.iter().all(|&i| stream[i as usize] == 2),
            "a header or a field is missing"
        );
    });
}

/// A large batch is found behind small ones, which are kept together.
#[test]
#[ignore = "needs root and eBPF"]
fn behind_small_batches_of_large_ones_only_the_headers_are_kept() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        let o = run_with(&settings, "mixed", "127.0.0.1", None);
        for (from_client, stream) in [(true, &o.sent), (false, &o.answered)] {
            let told = check(&o, from_client, stream).told();
            let left_out: Vec<usize> = (0..stream.len())
                .filter(|&i| !told.contains_key(&(i as u32)))
                .collect();
            assert!(left_out.iter().all(|&i| stream[i] == 2));
            let large = [4100, 20_000, 30_000, 25_000];
            assert_eq!(
                left_out.len(),
                large.iter().map(|size| size - 61).sum::<usize>()
            );
        }
    }
}

/// The sender's end is enough, in however many pieces of memory a message lies.
#[test]
#[ignore = "needs root and eBPF"]
fn a_message_in_hundreds_of_pieces_is_followed() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        let o = run_with(&settings, "pieces", "127.0.0.1", None);
        let sent = check(&o, true, &o.sent).send;
        let missing: Vec<u32> = (0..sent.end)
            .filter(|i| !sent.bytes.contains_key(i))
            .collect();
        assert!(missing.iter().all(|&i| o.sent[i as usize] == 2));
        assert_eq!(missing.len(), 16_000 - 61);
    }
}
