//! Calls whose bytes lie in no memory of the process.

use kafkascope_capture::ebpf::{Hook, Settings};

use crate::harness::{alone, check, run, run_with, whole};

#[test]
#[ignore = "needs root and eBPF"]
fn sendfile_is_a_length_for_the_sender_and_bytes_for_the_receiver() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        for case in ["sendfile", "later sendfile"] {
            let o = run_with(&settings, case, "127.0.0.1", None);
            check(&o, true, &o.sent);
            let both = check(&o, false, &o.answered);
            assert_eq!(both.send.bytes.len(), o.answered.len() - 10_000, "{case}");
            assert_eq!(both.told().len(), o.answered.len(), "{case}");
            assert!(o.source.stats().no_buffer > 0);
        }
    }
}

/// Messages that the sender's call does not hold in memory of its own: its end counts them, the receiver's has them.
#[test]
#[ignore = "needs root and eBPF"]
fn what_the_sender_cannot_read_the_receiver_tells() {
    let _alone = alone();
    for case in ["splice", "sendmmsg", "uring_send"] {
        if case == "uring_send" && !has_io_uring() {
            continue;
        }
        let o = run(case);
        whole(&o);
        assert!(o.source.stats().no_buffer > 0, "{case}");
    }
}

#[test]
#[ignore = "needs root and eBPF"]
fn what_the_receiver_cannot_read_the_sender_tells() {
    let _alone = alone();
    if has_io_uring() {
        let o = run("uring_recv");
        whole(&o);
        // The first of them looks into the call, which those that follow the sender need not.
        assert!(o.source.stats().no_buffer >= 1);
    }
}

/// A receive that throws bytes away has none of them in its memory: what nobody could read is missing, and nothing false stands there.
#[test]
#[ignore = "needs root and eBPF"]
fn what_neither_end_can_read_is_missing() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        let o = run_with(&settings, "discarded", "127.0.0.1", None);
        let told = check(&o, true, &o.sent).told();
        assert_eq!(told.len(), o.sent.len() / 7 * 6);
        assert_eq!(check(&o, false, &o.answered).told().len(), o.answered.len());
    }
}

fn has_io_uring() -> bool {
    let setting = std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled");
    // Kernels before 6.6 have io_uring and no such setting.
    let has = setting.map_or(true, |s| s.trim() != "2");
    if !has {
        eprintln!("skipped: io_uring is forbidden here");
    }
    has
}
