//! Sockets of another process through the kernel's programs. Needs root: `cargo test -- --ignored`.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kafkascope_capture::ebpf::{EbpfSource, Hook, Settings};
use kafkascope_capture::live;
use kafkascope_stream::{Event, Tap};

const REASON: &str = "these tests run as root";

/// One at a time: they count what the kernel holds, and share its ring's speed.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An event, keeping its bytes.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    kind: &'static str,
    tap: Option<Tap>,
    from_client: bool,
    pid: u32,
    netns: u32,
    seq: u32,
    len: u32,
    tap_seq: u32,
    bytes: Vec<u8>,
}

/// What one case said about itself and what was captured of it.
struct Outcome {
    pid: u32,
    sent: Vec<u8>,
    answered: Vec<u8>,
    seen: Vec<Seen>,
    lost: u64,
    source: EbpfSource,
}

fn speaker(case: &str, host: &str, netns: Option<&str>) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/speaker.py");
    Command::new("python3")
        .args([script, case, host, netns.unwrap_or_default()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs")
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn run_with(settings: &Settings, case: &str, host: &str, netns: Option<&str>) -> Outcome {
    let older = case.starts_with("older");
    let open = || EbpfSource::open(settings).expect(REASON);
    let mut source = if older { None } else { Some(open()) };
    let mut child = speaker(case, host, netns);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    if older {
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        source = Some(open());
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }
    let line = lines.next().expect("the case ends well").unwrap();
    child.wait().unwrap();
    let fields: Vec<&str> = line
        .split(|c: char| "[]\", ".contains(c))
        .filter(|f| !f.is_empty())
        .collect();
    let (client, server): (u16, u16) = (fields[0].parse().unwrap(), fields[1].parse().unwrap());
    let hex = |at: usize| fields.get(at).map(|f| unhex(f)).unwrap_or_default();
    let mut source = source.unwrap();
    let (mut seen, mut lost, pid) = (Vec::new(), 0, child.id());
    let until = Instant::now() + Duration::from_millis(150);
    while Instant::now() < until {
        source
            .poll(Duration::from_millis(20), &mut |event| {
                take(event, pid, (client, server), &mut seen, &mut lost);
            })
            .unwrap();
    }
    Outcome {
        pid,
        sent: hex(2),
        answered: hex(3),
        seen,
        lost,
        source,
    }
}

fn take(event: Event, pid: u32, ports: (u16, u16), seen: &mut Vec<Seen>, lost: &mut u64) {
    let (client, server) = ports;
    let mut one = Seen {
        kind: "",
        tap: None,
        from_client: false,
        pid: 0,
        netns: 0,
        seq: 0,
        len: 0,
        tap_seq: 0,
        bytes: Vec::new(),
    };
    match event {
        Event::Segment(s) => {
            let whose = s.process.map_or(0, |p| p.pid);
            let ours = (s.src.port, s.dst.port) == (client, server)
                || (s.src.port, s.dst.port) == (server, client);
            if !ours && (client != 0 || whose != pid) {
                return;
            }
            one.kind = "segment";
            one.tap = Some(s.tap);
            one.from_client = s.src.port == client;
            one.pid = whose;
            one.netns = s.netns;
            (one.seq, one.len, one.tap_seq) = (s.seq, s.len, s.tap_seq);
            one.bytes = s.bytes.to_vec();
            assert!(s.bytes.len() <= s.len as usize);
        }
        Event::Open {
            client: c,
            server: s,
            observer_is_client,
            ..
        } if (c.port, s.port) == ports => {
            one.kind = "open";
            one.from_client = observer_is_client;
        }
        Event::Close { local, remote, .. }
            if (local.port, remote.port) == (client, server)
                || (local.port, remote.port) == (server, client) =>
        {
            one.kind = "close";
            one.from_client = local.port == client;
        }
        Event::ProcessExit { process, .. } if process.pid == pid => one.kind = "exit",
        Event::Lost { count, .. } => {
            *lost += count;
            return;
        }
        _ => return,
    }
    seen.push(one);
}

fn run(case: &str) -> Outcome {
    run_with(&Settings::default(), case, "127.0.0.1", None)
}

/// A tap's bytes by their place in the stream, and how far the tap goes.
struct Track {
    first: u32,
    bytes: BTreeMap<u32, u8>,
    end: u32,
}

fn track(o: &Outcome, from_client: bool, tap: Tap) -> Track {
    let of_tap: Vec<&Seen> = o
        .seen
        .iter()
        .filter(|s| s.kind == "segment" && s.from_client == from_client && s.tap == Some(tap))
        .collect();
    let first = of_tap.first().expect("the tap saw something").seq;
    let (mut bytes, mut end) = (BTreeMap::new(), 0);
    for (n, s) in of_tap.iter().enumerate() {
        assert_eq!(s.tap_seq as usize, n + 1, "events are counted");
        let at = s.seq.wrapping_sub(first);
        assert!(
            at >= end,
            "a socket's bytes come in order: {at} after {end}"
        );
        for (i, b) in s.bytes.iter().enumerate() {
            bytes.insert(at + u32::try_from(i).unwrap(), *b);
        }
        end = at + s.len;
    }
    Track { first, bytes, end }
}

/// One direction as its sender told it and as its receiver did, who leaves out what the sender has told.
struct Both {
    send: Track,
    receive: Track,
}

impl Both {
    /// Bytes that either end told.
    fn told(&self) -> BTreeMap<u32, u8> {
        let mut all = self.send.bytes.clone();
        all.extend(&self.receive.bytes);
        all
    }
}

/// Both taps of a direction agree on places, hold only what went over the wire, and the sender's reaches its end.
fn check(o: &Outcome, from_client: bool, stream: &[u8]) -> Both {
    let [send, receive] = [Tap::Send, Tap::Receive].map(|tap| track(o, from_client, tap));
    assert_eq!(send.first, receive.first, "both ends count alike");
    assert_eq!(send.end as usize, stream.len());
    assert!(receive.end <= send.end);
    for (at, b) in send.bytes.iter().chain(&receive.bytes) {
        assert_eq!(*b, stream[*at as usize], "byte {at}");
    }
    Both { send, receive }
}

fn whole(o: &Outcome) {
    for (from_client, stream) in [(true, &o.sent), (false, &o.answered)] {
        let told = check(o, from_client, stream).told();
        assert_eq!(told.len(), stream.len(), "nothing is missing");
    }
}

fn count(o: &Outcome, kind: &str) -> usize {
    o.seen.iter().filter(|s| s.kind == kind).count()
}

#[test]
#[ignore = "needs root and eBPF"]
fn every_byte_at_both_ends_whatever_the_calls() {
    let _alone = alone();
    for hook in Hook::ALL {
        for case in ["plain", "split", "writev", "produce_first", "peek"] {
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

#[test]
#[ignore = "needs root and eBPF"]
fn ipv6_is_ipv6_and_loopback_carries_its_namespace() {
    let _alone = alone();
    let o = run_with(&Settings::default(), "plain", "::1", None);
    whole(&o);
    assert!(o.seen.iter().all(|s| s.kind != "segment" || s.netns != 0));
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
        let o = run_with(&settings, "batches", "127.0.0.1", None);
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
            assert_eq!(missing.len(), 6 * (20_000 - 61));
        }
        let whole_settings = Settings {
            whole_batch: 0,
            ..settings
        };
        whole(&run_with(&whole_settings, "batches", "127.0.0.1", None));
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

#[test]
#[ignore = "needs root and eBPF"]
fn sendfile_is_a_length_for_the_sender_and_bytes_for_the_receiver() {
    let _alone = alone();
    for hook in Hook::ALL {
        let settings = Settings {
            hook: Some(hook),
            ..Settings::default()
        };
        let o = run_with(&settings, "sendfile", "127.0.0.1", None);
        check(&o, true, &o.sent);
        let both = check(&o, false, &o.answered);
        assert_eq!(both.send.bytes.len(), o.answered.len() - 10_000);
        assert_eq!(both.told().len(), o.answered.len());
        assert!(o.source.stats().no_buffer > 0);
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
        assert!(o.source.stats().no_buffer >= 3);
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
fn a_message_of_more_than_a_megabyte_is_whole() {
    let _alone = alone();
    whole(&run("huge"));
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

#[test]
#[ignore = "needs root and eBPF"]
fn the_end_of_a_stream_is_no_byte() {
    let _alone = alone();
    whole(&run("fin"));
}

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

/// Runs itself again in a mount namespace in which the kernel's types are hidden.
#[test]
#[ignore = "needs root"]
fn without_the_kernels_types_packets_are_captured() {
    const NAME: &str = "without_the_kernels_types_packets_are_captured";
    if std::env::var_os("KERNEL_TYPES_HIDDEN").is_none() {
        let hidden =
            "mount -t tmpfs hidden /sys/kernel/btf && exec \"$0\" --ignored --exact \"$1\"";
        let done = Command::new("unshare")
            .args(["-m", "sh", "-c", hidden])
            .arg(std::env::current_exe().unwrap())
            .arg(NAME)
            .env("KERNEL_TYPES_HIDDEN", "1")
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stdout)
        );
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
    let until = Instant::now() + Duration::from_secs(5);
    while programs().iter().any(|id| ours.contains(id)) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let left: Vec<u32> = programs()
        .into_iter()
        .filter(|id| ours.contains(id))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
