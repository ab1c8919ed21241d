//! What the kernel allows, and what stays in it.

use std::time::{Duration, Instant};

use kafkascope_capture::ebpf::{EbpfSource, Settings};
use kafkascope_capture::live;

use crate::harness::{REASON, alone, is_within};

/// Runs itself again in a mount namespace in which the kernel's types are hidden.
#[test]
#[ignore = "needs root"]
fn without_the_kernels_types_packets_are_captured() {
    const NAME: &str = "kernel::without_the_kernels_types_packets_are_captured";
    let hidden = "mount -t tmpfs hidden /sys/kernel/btf && exec \"$0\" \"$@\"";
    if !is_within(&["unshare", "-m", "sh", "-c", hidden], NAME) {
        return;
    }
    let opened = live::open_auto(&live::Settings::default()).expect(REASON);
    assert!(matches!(opened.live, live::Live::Packet(_)));
    let notice = opened.notice.expect("says why");
    assert!(notice.contains("does not describe its types"), "{notice}");
    let refused = live::open_auto(&live::Settings {
        source: live::Source::Ebpf,
        ..live::Settings::default()
    });
    let error = refused.err().expect("eBPF was asked for");
    assert!(error.hint.contains("CONFIG_DEBUG_INFO_BTF"), "{error}");
}

/// Ids of all programs that the kernel holds.
fn programs() -> Vec<u32> {
    let mut ids = Vec::new();
    let mut at = 0u32;
    loop {
        // BPF_PROG_GET_NEXT_ID takes the id to start after and writes the next one behind it.
        let mut attr = [0u32; 32];
        attr[0] = at;
        // SAFETY: `attr` is larger than what the command reads and writes.
        let done = unsafe { libc::syscall(libc::SYS_bpf, 11, attr.as_mut_ptr(), 16) };
        if done < 0 {
            return ids;
        }
        at = attr[1];
        ids.push(at);
    }
}

#[test]
#[ignore = "needs root and eBPF"]
fn nothing_stays_in_the_kernel() {
    let _alone = alone();
    let before = programs();
    let source = EbpfSource::open(&Settings::default()).expect(REASON);
    let during = programs();
    drop(source);
    let ours: Vec<u32> = during
        .into_iter()
        .filter(|id| !before.contains(id))
        .collect();
    assert!(ours.len() >= 5, "{ours:?}");
    // The kernel frees programs after a grace period.
    let until = Instant::now() + Duration::from_secs(60);
    while programs().iter().any(|id| ours.contains(id)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let left: Vec<u32> = programs()
        .into_iter()
        .filter(|id| ours.contains(id))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
