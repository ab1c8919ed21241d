//! Capture files to `px decode` lines.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

use kafkascope_capture::{CaptureFileError, FileSource};
use kafkascope_stream::{ConnId, ConnInfo, Dir, HoleReason, StreamSink, Streams};
use kafkascope_wire::session::Missing;
use kafkascope_wire::{Item, Protocol, Session};

pub use crate::lines::Format;
use crate::lines::{Ends, Lines, Unreadable};

/// What was found in the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub requests: u64,
    pub packets: u64,
    /// Lines whose outcome is not `complete`, but for requests that want no response.
    pub incomplete: u64,
    pub unreadable_bytes: u64,
    /// Packets that the snap length cut.
    pub cut_packets: u64,
    /// Bytes of TCP streams that the capture does not have.
    pub missing_bytes: u64,
    pub connections: u64,
    pub kafka_connections: u64,
    pub tls_connections: u64,
    /// IP fragments, which are not put together.
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

/// Prints every request and response of the files, in the order of time. A reader that has had enough (`head`) ends it
/// without an error.
pub fn decode_files(
    paths: &[PathBuf],
    format: Format,
    out: &mut dyn Write,
) -> Result<Summary, DecodeError> {
    let mut source = FileSource::open(paths)?;
    let mut streams = Streams::default();
    let mut reader = Reader::new(format);
    let printed = loop {
        let more = source.poll(&mut |event| streams.event(event, &mut reader))?;
        if !more {
            streams.finish(&mut reader);
        }
        if let Err(error) = reader.lines.print(out, !more) {
            break Err(error);
        }
        if !more {
            break out.flush();
        }
    };
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(DecodeError::Io(error)),
        _ => {}
    }
    let (files, lines, tcp) = (source.stats(), reader.lines.stats(), streams.stats());
    let mut warnings = source.warnings().to_vec();
    if files.dropped > 0 {
        warnings.push(format!(
            "the capturing program dropped {} packets: capture with a larger buffer (tcpdump -B)",
            files.dropped
        ));
    }
    if files.cut_packets > 0 {
        warnings.push(format!(
            "{} packets were cut by the snap length: capture with tcpdump -s 0",
            files.cut_packets
        ));
    }
    Ok(Summary {
        requests: lines.requests,
        packets: files.packets,
        incomplete: lines.incomplete,
        unreadable_bytes: lines.unreadable_bytes,
        cut_packets: files.cut_packets,
        missing_bytes: tcp.missing_bytes + tcp.lost_bytes,
        connections: tcp.connections,
        kafka_connections: reader.kafka,
        tls_connections: reader.tls,
        fragments: files.fragments,
        late_lines: lines.late,
        warnings,
    })
}

/// The sessions of the open connections.
struct Reader {
    conns: HashMap<ConnId, Conn, foldhash::fast::RandomState>,
    lines: Lines,
    kafka: u64,
    tls: u64,
    items: Vec<Item>,
}

struct Conn {
    session: Session,
    protocol: Protocol,
    client_is_a: bool,
}

impl Reader {
    fn new(format: Format) -> Reader {
        Reader {
            conns: HashMap::default(),
            lines: Lines::new(format),
            kafka: 0,
            tls: 0,
            items: Vec::new(),
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
        let items = &mut self.items;
        act(&mut conn.session, &mut |item| items.push(item));
        for item in self.items.drain(..) {
            let (client, broker) = if conn.client_is_a {
                (info.a, info.b)
            } else {
                (info.b, info.a)
            };
            let ends = Ends { client, broker };
            match item {
                Item::Exchange(exchange) => self.lines.exchange(ends, &exchange),
                Item::Unreadable {
                    side,
                    first_ns,
                    bytes,
                    why,
                    ..
                } => {
                    self.lines.unreadable(
                        ends,
                        Unreadable {
                            side,
                            first_ns,
                            bytes,
                            why,
                        },
                    );
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
    }
}

impl StreamSink for Reader {
    fn open(&mut self, id: ConnId, info: &ConnInfo) {
        let client_is_a = info.client_dir.map(|d| d == Dir::AToB);
        let conn = Conn {
            session: Session::new(client_is_a, info.opened_seen),
            protocol: Protocol::Unknown,
            client_is_a: client_is_a.unwrap_or(true),
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
        let missing = if reason == HoleReason::NotCaptured {
            Missing::LeftOut
        } else {
            Missing::Lost
        };
        self.session(id, info, |session, sink| {
            session.hole(dir == Dir::AToB, time_ns, len, missing, sink)
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
