//! Capture files: which format, which packets, several files as one capture, and clear words when a file is something else.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kafkascope_stream::Event;

use crate::checksum::Checksums;
use crate::fragments::Fragments;
use crate::input::Input;
use crate::link::{self, Frame};
use crate::pcap::Pcap;
use crate::pcapng::PcapNg;

/// Packets per `poll`.
const BATCH: usize = 512;
/// Files held open at once; the others are opened when their time comes.
const OPEN_FILES: usize = 64;
const MAX_WARNINGS: usize = 100;

/// Why a capture file cannot be read, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureFileError {
    pub message: String,
    pub hint: String,
}

impl CaptureFileError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        CaptureFileError {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for CaptureFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl std::error::Error for CaptureFileError {}

/// One packet of a file.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'i> {
    pub time_ns: i64,
    pub link: u32,
    pub data: &'i [u8],
    /// On the wire; `data` may be less.
    pub length: u32,
}

/// What follows in a file.
pub enum Next<'i> {
    Packet(Packet<'i>),
    End,
    /// The file ends inside a packet.
    Cut,
    Damaged(String),
}

/// Counters of a capture file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStats {
    pub packets: u64,
    pub tcp: u64,
    /// TCP packets whose payload or header the snap length cut.
    pub cut_packets: u64,
    pub cut_bytes: u64,
    /// IP fragments of packets that did not come whole.
    pub fragments: u64,
    /// TCP segments whose checksum is wrong: left out, as their receiver did.
    pub corrupt: u64,
    /// Packets of a link type that cannot be read.
    pub unknown_link: u64,
    /// Packets that the capturing program said it dropped.
    pub dropped: u64,
}

enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

struct Reader {
    name: String,
    input: Input,
    format: Format,
    packets: u64,
    /// The next packet, read ahead for its time.
    ahead: Option<Ahead>,
    warning: Option<String>,
}

struct Ahead {
    time_ns: i64,
    link: u32,
    length: u32,
    data: Vec<u8>,
}

impl Reader {
    fn open(path: &Path) -> Result<Reader, CaptureFileError> {
        let name = path.display().to_string();
        let mut input = Input::open(path).map_err(|e| unreadable(&name, path, &e))?;
        let magic = input.peek(24).to_vec();
        let format = if PcapNg::is(&magic) {
            Some(Format::PcapNg(PcapNg::default()))
        } else {
            Pcap::open(&mut input).map(Format::Pcap)
        };
        let Some(format) = format else {
            return Err(foreign(&name, &magic, &mut input));
        };
        let mut reader = Reader {
            name,
            input,
            format,
            packets: 0,
            ahead: None,
            warning: None,
        };
        reader.advance();
        if let (None, Some(damage)) = (&reader.ahead, &reader.warning) {
            return Err(CaptureFileError::new(
                damage.clone(),
                "make the capture again, or repair it with pcapfix",
            ));
        }
        Ok(reader)
    }

    fn first_ns(&self) -> Option<i64> {
        self.ahead.as_ref().map(|a| a.time_ns)
    }

    /// Reads the next packet into `ahead`.
    fn advance(&mut self) {
        let next = match &mut self.format {
            Format::Pcap(f) => f.next(&mut self.input),
            Format::PcapNg(f) => f.next(&mut self.input),
        };
        let stopped = match next {
            Next::Packet(p) => {
                self.packets += 1;
                let ahead = self.ahead.get_or_insert_with(|| Ahead {
                    time_ns: 0,
                    link: 0,
                    length: 0,
                    data: Vec::new(),
                });
                (ahead.time_ns, ahead.link, ahead.length) = (p.time_ns, p.link, p.length);
                ahead.data.clear();
                ahead.data.extend_from_slice(p.data);
                return;
            }
            Next::End => None,
            Next::Cut => Some("ends in the middle of a packet".to_owned()),
            Next::Damaged(why) => Some(format!("is damaged ({why})")),
        };
        self.ahead = None;
        let stopped = self
            .input
            .fault()
            .map(|f| format!("cannot be read further ({f})"))
            .or(stopped);
        self.warning = stopped.map(|s| {
            format!(
                "{} {s} after packet {}; everything before it was read",
                self.name, self.packets
            )
        });
    }

    /// `advance` may have to wait for whoever writes the file.
    fn waits(&self) -> bool {
        self.input.live
            && !match &self.format {
                Format::Pcap(f) => f.is_ready(&self.input),
                Format::PcapNg(f) => f.is_ready(&self.input),
            }
    }

    fn dropped(&self) -> u64 {
        match &self.format {
            Format::Pcap(_) => 0,
            Format::PcapNg(f) => f.dropped,
        }
    }
}

fn unreadable(name: &str, path: &Path, error: &std::io::Error) -> CaptureFileError {
    match error.kind() {
        ErrorKind::NotFound => {
            CaptureFileError::new(format!("there is no file {name}"), "check the path")
        }
        ErrorKind::PermissionDenied => CaptureFileError::new(
            format!("no permission to read {name}"),
            "tcpdump writes files that only root can read: use chmod or sudo",
        ),
        _ if path.is_dir() => CaptureFileError::new(
            format!("{name} is a folder"),
            "name the capture files in it",
        ),
        _ => CaptureFileError::new(
            format!("{name} cannot be read: {error}"),
            "check the file and the disk",
        ),
    }
}

/// Says what a file is that is no capture.
fn foreign(name: &str, magic: &[u8], input: &mut Input) -> CaptureFileError {
    let hint = "a capture is written by: tcpdump -i any -w FILE tcp";
    if magic.is_empty() {
        if let Some(fault) = input.fault() {
            return CaptureFileError::new(
                format!("{name} cannot be read: {fault}"),
                "the file is damaged or cut; copy it again",
            );
        }
        return CaptureFileError::new(format!("{name} is empty"), hint);
    }
    if Pcap::is(magic) {
        return CaptureFileError::new(
            format!("{name} ends inside its first 24 bytes"),
            "the capture was cut; copy it again",
        );
    }
    let looks = looks_like(magic);
    let message = match input.compression {
        Some(how) => format!("{name} is no packet capture: it is {how} of {looks}"),
        None => format!("{name} is no packet capture: it looks like {looks}"),
    };
    let hint = match looks {
        "a snoop capture" | "a Network Monitor capture" => "convert it: editcap -F pcap FILE OUT",
        "a tar archive" | "a ZIP archive" => "unpack it and name the capture inside",
        "an xz file" | "a bzip2 file" | "an LZ4 file" => {
            "decompress it first; gzip and zstd are read as they are"
        }
        _ => hint,
    };
    CaptureFileError::new(message, hint)
}

fn looks_like(magic: &[u8]) -> &'static str {
    let known: &[(&[u8], &str)] = &[
        (b"\x7fELF", "a program (ELF)"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"snoop\0\0\0", "a snoop capture"),
        (b"GMBU", "a Network Monitor capture"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"BZh", "a bzip2 file"),
        (b"\x04\x22\x4d\x18", "an LZ4 file"),
        (b"PAR1", "a Parquet file"),
        (b"SQLite format", "an SQLite database"),
        (b"\x1f\x8b", "gzip data"),
        (b"%PDF", "a PDF document"),
        (b"\x89PNG", "a PNG picture"),
    ];
    if let Some((_, what)) = known.iter().find(|(start, _)| magic.starts_with(start)) {
        return what;
    }
    let first = magic.iter().find(|b| !b.is_ascii_whitespace());
    if magic
        .iter()
        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace() || *b >= 0x80)
    {
        return match first {
            Some(b'{' | b'[') => "JSON",
            Some(b'<') => "XML or HTML",
            _ => "text",
        };
    }
    "unknown binary data"
}

/// Several capture files as one, in the order of time.
pub struct FileSource {
    /// Not yet begun, by falling time of their first packet.
    later: Vec<(i64, PathBuf, Option<Reader>)>,
    readers: Vec<Reader>,
    /// The reader whose packet was handed over, and whose next one is not here yet.
    waiting: Option<usize>,
    live: bool,
    stats: FileStats,
    fragments: Fragments,
    checksums: Checksums,
    warnings: Vec<String>,
    unknown_links: Vec<u32>,
    failed: Option<CaptureFileError>,
}

impl FileSource {
    /// Looks into every file, so that a wrong one is told before any output.
    pub fn open(paths: &[PathBuf]) -> Result<FileSource, CaptureFileError> {
        let mut source = FileSource {
            later: Vec::new(),
            readers: Vec::new(),
            waiting: None,
            live: false,
            stats: FileStats::default(),
            fragments: Fragments::default(),
            checksums: Checksums::default(),
            warnings: Vec::new(),
            unknown_links: Vec::new(),
            failed: None,
        };
        for path in paths {
            let reader = Reader::open(path)?;
            source.live |= reader.input.live;
            if let Some(Ahead { link, .. }) = &reader.ahead
                && !link::knows(*link)
            {
                return Err(unknown_link(&reader.name, *link));
            }
            match reader.first_ns() {
                // A pipe cannot be opened twice.
                Some(ns) if source.later.len() < OPEN_FILES || !path.is_file() => {
                    source.later.push((ns, path.clone(), Some(reader)))
                }
                Some(ns) => source.later.push((ns, path.clone(), None)),
                None => source.warn(format!("{} holds no packets", path.display())),
            }
        }
        source
            .later
            .sort_by_key(|(ns, _, _)| std::cmp::Reverse(*ns));
        Ok(source)
    }

    pub fn stats(&self) -> FileStats {
        FileStats {
            fragments: self.fragments.unread(),
            ..self.stats
        }
    }

    /// What a user should know: cut or damaged files, unknown link types, fragments.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// A file is a pipe: its packets come as they pass.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Hands over the next packets, of a pipe those that are here; `false` when there are no more.
    pub fn poll(&mut self, sink: &mut dyn FnMut(Event)) -> Result<bool, CaptureFileError> {
        if let Some(index) = self.waiting.take() {
            self.advance(index);
        }
        for _ in 0..BATCH {
            self.begin_due();
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            let Some(index) = (0..self.readers.len()).min_by_key(|&i| self.readers[i].first_ns())
            else {
                return Ok(false);
            };
            if let Some(ahead) = &self.readers[index].ahead {
                let (time_ns, link, length) = (ahead.time_ns, ahead.link, ahead.length);
                packet(
                    &mut self.stats,
                    &mut self.fragments,
                    &mut self.checksums,
                    Packet {
                        time_ns,
                        link,
                        data: &ahead.data,
                        length,
                    },
                    sink,
                );
                if !link::knows(link) && !self.unknown_links.contains(&link) {
                    self.unknown_links.push(link);
                    let error = unknown_link(&self.readers[index].name.clone(), link);
                    self.warn(error.to_string());
                }
            }
            if self.readers[index].waits() {
                self.waiting = Some(index);
                break;
            }
            self.advance(index);
        }
        Ok(true)
    }

    fn advance(&mut self, index: usize) {
        self.readers[index].advance();
        if self.readers[index].ahead.is_none() {
            let mut done = self.readers.swap_remove(index);
            self.stats.dropped += done.dropped();
            if let Some(warning) = done.warning.take() {
                self.warn(warning);
            }
        }
    }

    fn begin_due(&mut self) {
        while let Some((ns, _, _)) = self.later.last()
            && self
                .readers
                .iter()
                .filter_map(Reader::first_ns)
                .min()
                .is_none_or(|now| *ns <= now)
        {
            let Some((_, path, reader)) = self.later.pop() else {
                return;
            };
            match reader.map_or_else(|| Reader::open(&path), Ok) {
                Ok(reader) => self.readers.push(reader),
                Err(error) => self.failed = Some(error),
            }
        }
    }

    fn warn(&mut self, warning: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        }
    }
}

fn unknown_link(name: &str, link: u32) -> CaptureFileError {
    CaptureFileError::new(
        format!("{name} has packets of link type {link}, which is not supported"),
        "supported are Ethernet, Linux cooked (any), loopback and raw IP: capture with -i any",
    )
}

fn packet(
    stats: &mut FileStats,
    fragments: &mut Fragments,
    checksums: &mut Checksums,
    packet: Packet,
    sink: &mut dyn FnMut(Event),
) {
    stats.packets += 1;
    let frame = link::parse(packet.link, packet.data, packet.length);
    fragments.frame(frame, &mut |frame| match frame {
        Frame::Tcp(tcp) => {
            stats.tcp += 1;
            let missing = u64::from(tcp.len) - (tcp.bytes.len() as u64).min(u64::from(tcp.len));
            if missing > 0 {
                stats.cut_packets += 1;
                stats.cut_bytes += missing;
            }
            if checksums.refute(&tcp) {
                stats.corrupt += 1;
                return;
            }
            sink(Event::Segment(tcp.segment(packet.time_ns)));
        }
        Frame::Cut => stats.cut_packets += 1,
        Frame::Fragment(_) | Frame::Other => {
            stats.unknown_link += u64::from(!link::knows(packet.link));
        }
    });
}
