//! A node that is itself a container, as kind's are: its `/proc` shows other ids than the kernel's.

use kafkascope_capture::ebpf::{Hook, Settings};

use crate::harness::{alone, count, is_within, run_with, whole};

/// Runs itself again in a pid namespace of its own.
#[test]
#[ignore = "needs root and eBPF"]
fn processes_have_the_ids_that_the_readers_proc_shows() {
    const NAME: &str = "containers::processes_have_the_ids_that_the_readers_proc_shows";
    let _alone = alone();
    if !is_within(&["unshare", "--pid", "--fork", "--mount-proc"], NAME) {
        return;
    }
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        for case in ["plain", "older"] {
            let o = run_with(&settings, case, "127.0.0.1", None);
            whole(&o);
            assert!(o.pid < 1000, "{} is the kernel's", o.pid);
            let mut segments = o.seen.iter().filter(|s| s.kind == "segment");
            assert!(segments.all(|s| s.pid == o.pid), "{hook:?}, {case}");
            assert_eq!(count(&o, "exit"), 1, "{hook:?}, {case}");
            assert!(case == "plain" || o.source.stats().older >= 2);
        }
    }
}
