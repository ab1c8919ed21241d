//! Every byte once, whatever calls, addresses and processes it passes.

use std::collections::BTreeSet;
use std::process::Command;

use kafkascope_capture::ebpf::{Hook, Settings};

use crate::harness::{alone, check, count, run, run_with, whole};

#[test]
#[ignore = "needs root and eBPF"]
fn every_byte_at_both_ends_whatever_the_calls() {
    let _alone = alone();
    for hook in Hook::ALL {
        for case in [
            "plain",
            "split",
            "writev",
            "produce_first",
            "peek",
            "waitall",
            "stamped",
            "unicode",
            "negative",
            "empty_token",
        ] {
            let settings = Settings {
                hook: Some(hook),
                ..Settings::default()
            };
            let o = run_with(&settings, case, "127.0.0.1", None);
            whole(&o);
            assert_eq!((count(&o, "open"), count(&o, "close")), (2, 2), "{case}");
            assert_eq!(count(&o, "exit"), 1);
            assert!(o.seen.iter().all(|s| s.kind != "segment" || s.pid == o.pid));
        }
    }
}

/// What a client sent and a server answered is the same at both ends: copied once, by the end that sends.
#[test]
#[ignore = "needs root and eBPF"]
fn a_byte_is_copied_once_where_both_ends_are_here() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        let o = run_with(&settings, "flood", "127.0.0.1", None);
        whole(&o);
        for (from_client, stream) in [(true, &o.sent), (false, &o.answered)] {
            let both = check(&o, from_client, stream);
            assert_eq!(both.send.bytes.len(), stream.len());
            assert!(
                both.receive.bytes.len() < stream.len() / 50,
                "{} of {} bytes copied twice",
                both.receive.bytes.len(),
                stream.len()
            );
        }
        assert!(o.source.stats().paired >= 2);
    }
}

/// An end whose place was taken gets another one, and until then both ends copy.
#[test]
#[ignore = "needs root and eBPF"]
fn more_ends_than_have_a_place_are_told_and_found_again() {
    let _alone = alone();
    let o = run("later outnumbered");
    whole(&o);
    for (from_client, stream) in [(true, &o.sent), (false, &o.answered)] {
        let twice = check(&o, from_client, stream).receive.bytes.len();
        assert!(twice < stream.len() / 3, "{twice} bytes copied twice");
    }
}

/// A receiver that follows by what the sender told goes on by itself where that ends, and in step.
#[test]
#[ignore = "needs root and eBPF"]
fn every_byte_on_connections_whose_ends_know_each_other() {
    let _alone = alone();
    for hook in Hook::ALL {
        for case in [
            "split",
            "peek",
            "behind",
            "splice",
            "sendmmsg",
            "handed_on",
            "waitall",
            "fin",
            "huge",
        ] {
            let settings = Settings {
                hook: Some(hook),
                ..Settings::default()
            };
            let case = format!("later {case}");
            let o = run_with(&settings, &case, "127.0.0.1", None);
            whole(&o);
            assert_eq!((count(&o, "open"), count(&o, "close")), (2, 2), "{case}");
        }
    }
}

#[test]
#[ignore = "needs root and eBPF"]
fn ipv6_is_ipv6_and_loopback_carries_its_namespace() {
    let _alone = alone();
    let o = run_with(&Settings::default(), "plain", "::1", None);
    whole(&o);
    assert!(o.seen.iter().all(|s| s.kind != "segment" || s.netns != 0));
}

/// IPv4 through an IPv6 socket, as a JVM opens them, is IPv4.
#[test]
#[ignore = "needs root and eBPF"]
fn mapped_ipv4_is_ipv4() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        let o = run_with(&settings, "plain", "::ffff:127.0.0.1", None);
        whole(&o);
        assert!(o.source.stats().paired >= 2);
    }
}

/// Two network namespaces with a cable between them, gone when dropped.
struct Cable(String, String);

impl Cable {
    fn lay() -> Cable {
        let tag = std::process::id();
        let (a, b) = (format!("ks-a{tag}"), format!("ks-b{tag}"));
        let (x, y) = (format!("ksx{tag}"), format!("ksy{tag}"));
        let cable = Cable(a.clone(), b.clone());
        for line in [
            format!("netns add {a}"),
            format!("netns add {b}"),
            format!("link add {x} netns {a} type veth peer name {y} netns {b}"),
            format!("-n {a} addr add 10.213.7.1/24 dev {x}"),
            format!("-n {b} addr add 10.213.7.2/24 dev {y}"),
            format!("-n {a} link set {x} up"),
            format!("-n {b} link set {y} up"),
        ] {
            let done = Command::new("ip").args(line.split(' ')).status().unwrap();
            assert!(done.success(), "ip {line}");
        }
        cable
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in [&self.0, &self.1] {
            Command::new("ip")
                .args(["netns", "del", name])
                .status()
                .ok();
        }
    }
}

#[test]
#[ignore = "needs root and eBPF"]
fn both_ends_across_network_namespaces_count_alike() {
    let _alone = alone();
    let cable = Cable::lay();
    for case in ["split", "large", "fin"] {
        let namespaces = format!("{},{}", cable.0, cable.1);
        let o = run_with(&Settings::default(), case, "10.213.7.1", Some(&namespaces));
        whole(&o);
        assert!(o.seen.iter().all(|s| s.netns == 0), "no loopback address");
    }
}

#[test]
#[ignore = "needs root and eBPF"]
fn a_connection_may_change_its_process_or_end_at_once() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        for case in ["handed_on", "passed_on", "short"] {
            let o = run_with(&settings, case, "127.0.0.1", None);
            whole(&o);
            let processes: BTreeSet<u32> =
                o.seen.iter().map(|s| s.pid).filter(|p| *p > 0).collect();
            assert_eq!(
                processes.len(),
                if case == "short" { 1 } else { 2 },
                "{case}"
            );
        }
    }
}

#[test]
#[ignore = "needs root and eBPF"]
fn the_end_of_a_stream_is_no_byte() {
    let _alone = alone();
    whole(&run("fin"));
}
