//! Writes inputs for every target from the golden captures: `seeds FOLDER` makes `FOLDER/<target>/`.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use kafkascope_capture::FileSource;
use kafkascope_stream::{ConnId, ConnInfo, Dir, Event, HoleReason, StreamSink, Streams};
use kafkascope_wire::{Direction, Exchange, Item, Message, Session, Tape, Value, apis, decode};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures");
/// Of a session's operations in one seed.
const SESSION_BYTES: usize = 6000;
/// How the target `long` writes 30 times 16 bytes of a batch's content.
const RUN_OF_480: u8 = 128 + 30;
const LONG_PRODUCE: (i16, Direction) = (0, Direction::Request);
const LONG_FETCH: (i16, Direction) = (1, Direction::Response);

struct Seeds {
    folder: PathBuf,
    written: HashMap<&'static str, usize>,
    sessions: HashMap<ConnId, (Session, Vec<u8>)>,
    seen: HashSet<(i16, i16, u8)>,
    tape: Tape,
}

impl Seeds {
    fn write(&mut self, target: &'static str, bytes: &[u8]) {
        let n = self.written.entry(target).or_default();
        *n += 1;
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder).expect("a folder for seeds");
        fs::write(folder.join(format!("seed-{n:04}")), bytes).expect("a seed");
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let both = [Direction::Request, Direction::Response];
        for (n, direction) in both.into_iter().enumerate() {
            let (Some(api), Some((message, at))) =
                (apis::api(exchange.api_key), exchange.message(direction))
            else {
                continue;
            };
            if message.data.len() > 4000
                || !self
                    .seen
                    .insert((exchange.api_key, exchange.api_version, n as u8))
            {
                continue;
            }
            let version = (exchange.api_version - api.versions.low) as u8;
            let head = [exchange.api_key as u8, version, n as u8, 9, 3];
            self.write("plans", &[&head, &message.data[at as usize..]].concat());
            if matches!((exchange.api_key, direction), LONG_PRODUCE | LONG_FETCH) {
                self.long(exchange.api_version, direction, &message.data);
            }
            self.inner(exchange, direction, message, at);
        }
    }

    /// A message as it is, for the target of those that are too long.
    fn long(&mut self, version: i16, direction: Direction, message: &[u8]) {
        let (bit, content) = match direction {
            Direction::Request => {
                let client_id = i16::from_be_bytes([message[8], message[9]]).max(0);
                (0, &message[10 + client_id as usize..])
            }
            Direction::Response => (1, &message[4..]),
        };
        let mut seed = vec![(version as u8) << 1 | bit, 0, 3];
        for bytes in content.chunks(127) {
            seed.push(bytes.len() as u8);
            seed.extend(bytes);
        }
        self.write("long", &seed);
    }

    /// Records and blobs inside of a message.
    fn inner(&mut self, exchange: &Exchange, direction: Direction, message: &Message, at: u32) {
        let (key, version) = (exchange.api_key, exchange.api_version);
        let mut tape = std::mem::take(&mut self.tape);
        decode(key, version, direction, &message.view(), at, &mut tape);
        for node in &tape.nodes {
            match node.value {
                Value::Records {
                    start, captured, ..
                } => {
                    let records = &message.data[start as usize..][..captured as usize];
                    self.write("batches", &[&[70, 5], records].concat());
                }
                Value::Bytes { start, len } if matches!(key, 11 | 14 | 15) => {
                    self.write("blobs", &message.data[start as usize..][..len as usize]);
                }
                _ => {}
            }
        }
        self.tape = tape;
    }
}

impl StreamSink for Seeds {
    fn open(&mut self, conn: ConnId, info: &ConnInfo) {
        let client = info.client_dir.map(|d| d == Dir::AToB);
        let known = [0, 1, 2][client.map_or(0, |a| if a { 1 } else { 2 })];
        let known = known | u8::from(info.opened_seen) << 2;
        let session = Session::new(client, info.opened_seen);
        self.sessions.insert(conn, (session, vec![known]));
    }

    fn data(&mut self, conn: ConnId, _: &ConnInfo, dir: Dir, time_ns: i64, bytes: &[u8]) {
        let Some((session, operations)) = self.sessions.get_mut(&conn) else {
            return;
        };
        for piece in bytes.chunks(60_000) {
            if operations.len() < SESSION_BYTES {
                operations.push(dir.index() as u8);
                operations.extend((piece.len() as u16).to_le_bytes());
                operations.extend(piece);
            }
        }
        let mut said = Vec::new();
        session.data(dir == Dir::AToB, time_ns, bytes, &mut |item| {
            if let Item::Exchange(exchange) = item {
                said.push(exchange);
            }
        });
        for exchange in said {
            self.exchange(&exchange);
        }
    }

    fn hole(&mut self, _: ConnId, _: &ConnInfo, _: Dir, _: i64, _: u64, _: HoleReason) {}

    fn desync(&mut self, _: ConnId, _: &ConnInfo, _: Dir, _: i64, _: HoleReason) {}

    fn close(&mut self, conn: ConnId, _: &ConnInfo, _: i64) {
        let Some((_, operations)) = self.sessions.remove(&conn) else {
            return;
        };
        if operations.len() < SESSION_BYTES {
            self.write("session", &operations);
        }
    }
}

/// The file header and the packets of one connection, in the file's own form (pcap, microseconds).
fn connection(file: &[u8], port: [u8; 2]) -> Vec<u8> {
    let mut out = file[..24].to_vec();
    let mut rest = &file[24..];
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(record) = rest.get(..16 + length) else {
            break;
        };
        // Ethernet 14, IPv4 20, then the ports.
        let ports = record.get(50..54).unwrap_or(&[]);
        if ports.starts_with(&port) || ports.ends_with(&port) {
            out.extend(record);
        }
        rest = &rest[16 + length..];
    }
    out
}

/// What `gzip -d` gives; seeds are plain files, since a fuzzer cannot see through a checksum.
fn unpacked(path: &Path) -> Vec<u8> {
    let done = std::process::Command::new("gzip")
        .arg("-dc")
        .arg(path)
        .output();
    done.expect("gzip").stdout
}

fn segment(kind: u8, place: u16, len: u16) -> Vec<u8> {
    let [p, q] = place.to_le_bytes();
    let [l, m] = len.to_le_bytes();
    vec![kind, p, q, l, m]
}

/// Produce requests of version 3 with `partitions` partitions of `batches` batches whose records are `runs` times 480 bytes.
fn long_produce(partitions: u8, batches: u8, runs: u8) -> Vec<u8> {
    let mut header = vec![0; 8];
    let records = u32::from(runs) * 480;
    header.extend((49 + records).to_be_bytes());
    header.extend([0, 0, 0, 0, 2]);
    header.resize(61, 0);
    let size = u32::from(batches) * (61 + records);
    // version 3, a limit of 384 bytes, pieces of 1040
    let mut seed = vec![3 << 1, 32, 128];
    let literal = |seed: &mut Vec<u8>, bytes: &[u8]| {
        seed.push(bytes.len() as u8);
        seed.extend(bytes);
    };
    literal(
        &mut seed,
        b"\xff\xff\0\x01\0\0\x75\x30\0\0\0\x01\0\x06orders",
    );
    literal(&mut seed, &[0, 0, 0, partitions]);
    for partition in 0..partitions {
        literal(&mut seed, &[0, 0, 0, partition]);
        literal(&mut seed, &size.to_be_bytes());
        for _ in 0..batches {
            literal(&mut seed, &header);
            seed.resize(seed.len() + usize::from(runs), RUN_OF_480);
        }
    }
    seed
}

#[expect(clippy::print_stdout, reason = "what it is run for")]
fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: seeds FOLDER"));
    let mut seeds = Seeds {
        folder,
        written: HashMap::new(),
        sessions: HashMap::new(),
        seen: HashSet::new(),
        tape: Tape::default(),
    };
    let captures = fs::read_dir(CAPTURES).expect("the golden captures");
    let mut captures: Vec<PathBuf> = captures.filter_map(|e| Some(e.ok()?.path())).collect();
    captures.retain(|p| p.to_string_lossy().ends_with(".pcap.gz"));
    captures.sort();
    for path in captures {
        let mut source = FileSource::open(std::slice::from_ref(&path)).expect("a golden capture");
        let mut streams = Streams::default();
        let mut ports = Vec::new();
        let mut event = |event: Event| {
            if let Event::Segment(s) = &event
                && ports.last() != Some(&s.src.port)
                && !ports.contains(&s.src.port)
            {
                ports.push(s.src.port);
            }
            streams.event(event, &mut seeds);
        };
        while source.poll(&mut event).expect("readable") {}
        streams.finish(&mut seeds);
        let file = unpacked(&path);
        for port in ports {
            let capture = connection(&file, port.to_be_bytes());
            if (100..8000).contains(&capture.len()) {
                seeds.write("captures", &capture);
                seeds.write("lines", &capture);
            }
        }
    }
    let packet = 13 << 1;
    let in_order: Vec<u8> = (0..8).flat_map(|n| segment(packet, n * 500, 500)).collect();
    let mixed: Vec<u8> = [3, 1, 2, 0, 1, 5]
        .iter()
        .flat_map(|n| segment(packet, n * 500, 550))
        .collect();
    let taps: Vec<u8> = (0..8)
        .flat_map(|n| [segment(4 << 1, n * 300, 300), segment(7 << 1, n * 300, 300)].concat())
        .collect();
    for bytes in [in_order, mixed, taps] {
        seeds.write("reassembly", &bytes);
    }
    for (partitions, batches, runs) in [(1, 1, 9), (3, 1, 3), (4, 2, 1)] {
        seeds.write("long", &long_produce(partitions, batches, runs));
    }
    for (target, n) in &seeds.written {
        println!("{target}: {n} seeds");
    }
}
