//! Capture files to `px decode` lines.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use kafkascope_capture::{CaptureFileError, FileSource};
use kafkascope_stream::{ConnId, ConnInfo, Dir, HoleReason, StreamSink, Streams};
use kafkascope_wire::{Exchange, Item, Message, Protocol, Session};

use crate::conn::{begin, missing};
use crate::files::streams_limits;
pub use crate::lines::Format;
use crate::lines::{Ends, LineStats, Lines, Unreadable};

/// Exchanges that go to the printer at once, and batches that may wait for it.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 1 << 20;
const QUEUE: usize = 8;
/// A line from a pipe waits for earlier ones from one to two of these: a Fetch answered after its usual wait of 500 ms comes in order.
const AGE: Duration = Duration::from_millis(400);

/// What was found in the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub requests: u64,
    pub packets: u64,
    /// Lines whose outcome is not `complete`.
    pub incomplete: u64,
    pub unreadable_bytes: u64,
    /// Packets that the snap length cut.
    pub cut_packets: u64,
    /// Bytes of TCP streams that the capture does not have.
    pub missing_bytes: u64,
    pub connections: u64,
    pub kafka_connections: u64,
    pub tls_connections: u64,
    /// Of these only one direction was captured, and that looks like a broker's answers.
    pub answer_connections: u64,
    /// IP fragments of packets that did not come whole.
    pub fragments: u64,
    /// Lines printed behind a later one.
    pub late_lines: u64,
    pub warnings: Vec<String>,
}

/// Why decoding stopped.
#[derive(Debug)]
pub enum DecodeError {
    Capture(CaptureFileError),
    /// Of the output.
    Io(io::Error),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Capture(error) => error.fmt(f),
            DecodeError::Io(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

impl From<CaptureFileError> for DecodeError {
    fn from(error: CaptureFileError) -> Self {
        DecodeError::Capture(error)
    }
}

/// Prints every request and response of the files, in the order of time; of a pipe as they pass, as far in order as a second allows. A
/// reader that has had enough (`head`) ends it without an error.
///
/// One thread reads and finds the messages, another turns them into text.
pub fn decode_files(
    paths: &[PathBuf],
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<Summary, DecodeError> {
    let mut source = FileSource::open(paths)?;
    let live = source.is_live();
    let mut streams = Streams::new(streams_limits(&source));
    let (send, receive) = mpsc::sync_channel(QUEUE);
    let (read, printed) = thread::scope(|scope| {
        let printer = scope.spawn(move || print(&receive, format, out, live));
        let mut reader = Reader::new(send);
        let read = loop {
            match source.poll(&mut |event| streams.event(event, &mut reader)) {
                Ok(true) if !reader.abandoned => {
                    if live && !reader.batch.is_empty() {
                        reader.send();
                    }
                }
                Ok(_) => {
                    streams.finish(&mut reader);
                    break Ok(());
                }
                Err(error) => break Err(error),
            }
        };
        reader.send();
        let counts = (reader.kafka, reader.tls, reader.answering);
        drop(reader);
        (read.map(|()| counts), printer.join())
    });
    let (kafka_connections, tls_connections, answer_connections) = read?;
    // A panic of the printer is a bug of ours: it goes on here.
    let (lines, printed) = printed.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(DecodeError::Io(error)),
        _ => {}
    }
    let (files, tcp) = (source.stats(), streams.stats());
    Ok(Summary {
        requests: lines.requests,
        packets: files.packets,
        incomplete: lines.incomplete,
        unreadable_bytes: lines.unreadable_bytes,
        cut_packets: files.cut_packets,
        missing_bytes: tcp.missing_bytes + tcp.lost_bytes,
        connections: tcp.connections,
        kafka_connections,
        tls_connections,
        answer_connections,
        fragments: files.fragments,
        late_lines: lines.late,
        warnings: warnings(&source, answer_connections),
    })
}

fn warnings(source: &FileSource, answer_connections: u64) -> Vec<String> {
    let files = source.stats();
    let mut warnings = source.warnings().to_vec();
    if answer_connections > 0 {
        warnings.push(format!(
            "{answer_connections} connections have one direction only, framed and numbered as a broker's answers: nothing tells which, \
             capture the requests, too"
        ));
    }
    if files.dropped > 0 {
        let dropped = files.dropped;
        warnings.push(format!("the capturing program dropped {dropped} packets: capture with a larger buffer (tcpdump -B)"));
    }
    if files.corrupt > 0 {
        let corrupt = files.corrupt;
        warnings.push(format!(
            "{corrupt} packets have a wrong checksum and were left out, as their receivers did: look for a faulty cable, card or switch"
        ));
    }
    if files.cut_packets > 0 {
        let cut = files.cut_packets;
        warnings.push(format!(
            "{cut} packets were cut by the snap length: capture with tcpdump -s 0"
        ));
    }
    warnings
}

/// Prints what comes until the sender is gone, or the output. Of a pipe no line waits longer than two `AGE`s.
fn print(
    work: &Receiver<Vec<Work>>,
    format: Format,
    out: &mut dyn Write,
    live: bool,
) -> (LineStats, io::Result<()>) {
    let mut lines = Lines::new(format);
    let mut printed = Ok(());
    let mut next_age = live.then(|| Instant::now() + AGE);
    while printed.is_ok() {
        let wait = next_age.map_or(Duration::MAX, |at| {
            at.saturating_duration_since(Instant::now())
        });
        match work.recv_timeout(wait) {
            Ok(batch) => take(&mut lines, batch),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let aged = next_age.is_some_and(|at| Instant::now() >= at);
        if aged {
            next_age = Some(Instant::now() + AGE);
            lines.age();
        }
        printed = lines.print(out, false);
        if aged {
            printed = printed.and_then(|()| out.flush());
        }
    }
    let printed = printed
        .and_then(|()| lines.print(out, true))
        .and_then(|()| out.flush());
    (lines.stats(), printed)
}

fn take(lines: &mut Lines, batch: Vec<Work>) {
    for work in batch {
        match work {
            Work::Exchange(ends, exchange) => lines.exchange(ends, &exchange),
            Work::Unreadable(ends, what) => lines.unreadable(ends, what),
        }
    }
}

enum Work {
    Exchange(Ends, Box<Exchange>),
    Unreadable(Ends, Unreadable),
}

/// The sessions of the open connections.
struct Reader {
    conns: HashMap<ConnId, Conn, foldhash::fast::RandomState>,
    kafka: u64,
    tls: u64,
    answering: u64,
    items: Vec<Item>,
    batch: Vec<Work>,
    batch_bytes: usize,
    printer: SyncSender<Vec<Work>>,
    /// Nobody prints any more.
    abandoned: bool,
}

struct Conn {
    session: Session,
    /// Bytes have come.
    begun: bool,
    protocol: Protocol,
    client_is_a: bool,
    /// It has one direction only, which looks like a broker's answers.
    answering: bool,
}

impl Reader {
    fn new(printer: SyncSender<Vec<Work>>) -> Reader {
        Reader {
            conns: HashMap::default(),
            kafka: 0,
            tls: 0,
            answering: 0,
            items: Vec::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            printer,
            abandoned: false,
        }
    }

    fn send(&mut self) {
        self.batch_bytes = 0;
        self.abandoned |= self.printer.send(std::mem::take(&mut self.batch)).is_err();
    }

    fn work(&mut self, work: Work) {
        if let Work::Exchange(_, exchange) = &work {
            let bytes = |m: &Option<Message>| m.as_ref().map_or(0, |m| m.data.len());
            self.batch_bytes += bytes(&exchange.request) + bytes(&exchange.response);
        }
        self.batch.push(work);
        if self.batch.len() >= BATCH || self.batch_bytes >= BATCH_BYTES {
            self.send();
        }
    }

    fn session(
        &mut self,
        id: ConnId,
        info: &ConnInfo,
        act: impl FnOnce(&mut Session, &mut dyn FnMut(Item)),
    ) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        begin(&mut conn.session, &mut conn.begun, info);
        let mut items = std::mem::take(&mut self.items);
        act(&mut conn.session, &mut |item| items.push(item));
        for item in items.drain(..) {
            let Some(conn) = self.conns.get_mut(&id) else {
                break;
            };
            let (client, broker) = if conn.client_is_a {
                (info.a, info.b)
            } else {
                (info.b, info.a)
            };
            let ends = Ends { client, broker };
            match item {
                Item::Exchange(exchange) => self.work(Work::Exchange(ends, exchange)),
                Item::Unreadable {
                    side,
                    first_ns,
                    bytes,
                    why,
                    ..
                } => {
                    self.work(Work::Unreadable(
                        ends,
                        Unreadable {
                            side,
                            first_ns,
                            bytes,
                            why,
                        },
                    ));
                }
                Item::Answers { .. } => {
                    self.answering += u64::from(!std::mem::replace(&mut conn.answering, true));
                }
                Item::Protocol {
                    protocol,
                    client_is_first,
                } => {
                    if protocol != conn.protocol {
                        self.kafka += u64::from(protocol == Protocol::Kafka);
                        self.tls += u64::from(protocol == Protocol::Tls);
                        conn.protocol = protocol;
                    }
                    if protocol == Protocol::Kafka {
                        conn.client_is_a = client_is_first;
                    }
                }
            }
        }
        self.items = items;
    }
}

impl StreamSink for Reader {
    fn open(&mut self, id: ConnId, info: &ConnInfo) {
        let conn = Conn {
            session: Session::new(None, false),
            begun: false,
            protocol: Protocol::Unknown,
            client_is_a: info.client_dir != Some(Dir::BToA),
            answering: false,
        };
        self.conns.insert(id, conn);
    }

    fn data(&mut self, id: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, bytes: &[u8]) {
        self.session(id, info, |session, sink| {
            session.data(dir == Dir::AToB, time_ns, bytes, sink)
        });
    }

    fn hole(
        &mut self,
        id: ConnId,
        info: &ConnInfo,
        dir: Dir,
        time_ns: i64,
        len: u64,
        reason: HoleReason,
    ) {
        self.session(id, info, |session, sink| {
            session.hole(dir == Dir::AToB, time_ns, len, missing(reason), sink)
        });
    }

    fn desync(&mut self, id: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, _: HoleReason) {
        self.session(id, info, |session, sink| {
            session.desync(dir == Dir::AToB, time_ns, sink)
        });
    }

    fn close(&mut self, id: ConnId, info: &ConnInfo, time_ns: i64) {
        self.session(id, info, |session, sink| session.close(time_ns, sink));
        self.conns.remove(&id);
    }
}
