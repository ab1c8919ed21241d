//! Runs a case of `speaker.py` in a process of its own, and keeps what the capture told of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kafkascope_capture::ebpf::{EbpfSource, Settings};
use kafkascope_stream::{Event, Tap};

pub const REASON: &str = "these tests run as root";

/// One at a time: they count what the kernel holds, and share its ring's speed.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this is the run of `test` within what `command` makes; else it is started there, by the end of that command line, and must pass.
pub fn is_within(command: &[&str], test: &str) -> bool {
    const WITHIN: &str = "KAFKASCOPE_TEST_WITHIN";
    if std::env::var_os(WITHIN).is_some() {
        return true;
    }
    let done = Command::new(command[0])
        .args(&command[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .env(WITHIN, "1")
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stdout)
    );
    false
}

/// An event, keeping its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub kind: &'static str,
    pub tap: Option<Tap>,
    pub from_client: bool,
    pub pid: u32,
    pub netns: u32,
    pub seq: u32,
    pub len: u32,
    pub tap_seq: u32,
    pub bytes: Vec<u8>,
}

/// What one case said about itself and what was captured of it.
pub struct Outcome {
    pub pid: u32,
    pub sent: Vec<u8>,
    pub answered: Vec<u8>,
    pub seen: Vec<Seen>,
    pub lost: u64,
    pub source: EbpfSource,
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

/// So many polls in a row without an event of the case end it: on a busy machine one poll may take as long as the pause.
const QUIET_POLLS: u32 = 8;

pub fn run_with(settings: &Settings, case: &str, host: &str, netns: Option<&str>) -> Outcome {
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
    let mut quiet = 0;
    while quiet < QUIET_POLLS || Instant::now() < until {
        let known = seen.len();
        source
            .poll(Duration::from_millis(20), &mut |event| {
                take(event, pid, (client, server), &mut seen, &mut lost);
            })
            .unwrap();
        quiet = if seen.len() == known { quiet + 1 } else { 0 };
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

pub fn run(case: &str) -> Outcome {
    run_with(&Settings::default(), case, "127.0.0.1", None)
}

/// A tap's bytes by their place in the stream, and how far the tap goes.
pub struct Track {
    pub first: u32,
    pub bytes: BTreeMap<u32, u8>,
    pub end: u32,
}

pub fn track(o: &Outcome, from_client: bool, tap: Tap) -> Track {
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
pub struct Both {
    pub send: Track,
    pub receive: Track,
}

impl Both {
    /// Bytes that either end told.
    pub fn told(&self) -> BTreeMap<u32, u8> {
        let mut all = self.send.bytes.clone();
        all.extend(&self.receive.bytes);
        all
    }
}

/// Both taps of a direction agree on places, hold only what went over the wire, and the sender's reaches its end.
pub fn check(o: &Outcome, from_client: bool, stream: &[u8]) -> Both {
    let [send, receive] = [Tap::Send, Tap::Receive].map(|tap| track(o, from_client, tap));
    assert_eq!(send.first, receive.first, "both ends count alike");
    assert_eq!(send.end as usize, stream.len());
    assert!(receive.end <= send.end);
    for (at, b) in send.bytes.iter().chain(&receive.bytes) {
        assert_eq!(*b, stream[*at as usize], "byte {at}");
    }
    Both { send, receive }
}

pub fn whole(o: &Outcome) {
    for (from_client, stream) in [(true, &o.sent), (false, &o.answered)] {
        let told = check(o, from_client, stream).told();
        assert_eq!(told.len(), stream.len(), "nothing is missing");
    }
}

pub fn count(o: &Outcome, kind: &str) -> usize {
    o.seen.iter().filter(|s| s.kind == kind).count()
}
