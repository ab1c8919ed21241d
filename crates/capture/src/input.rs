//! A file as a window of bytes: whatever it was compressed with, found out from its first bytes.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, StreamingDecoder};

const WINDOW: usize = 256 << 10;

/// Reads ahead into one buffer and lends it, so that packets are not copied.
pub struct Input {
    inner: Box<dyn Read + Send>,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The reader has no more, with what it said when that was no regular end.
    ended: Option<Option<String>>,
    pub compression: Option<&'static str>,
    /// It is written while it is read: a pipe or a socket, whose reader may have to wait.
    pub live: bool,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path) -> io::Result<Input> {
        if path == Path::new("-") {
            let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
            return Self::of(stdin);
        }
        Self::of(File::open(path)?)
    }

    fn of(file: File) -> io::Result<Input> {
        let live = !file.metadata()?.is_file();
        Ok(Input {
            live,
            ..Self::new(Box::new(file))?
        })
    }

    pub fn new(file: Box<dyn Read + Send>) -> io::Result<Input> {
        let mut file = BufReader::with_capacity(WINDOW, file);
        let magic = file.fill_buf()?;
        let (inner, compression): (Box<dyn Read + Send>, _) = match magic {
            [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(file)), Some("gzip")),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                (Box::new(Zstd::new(file)), Some("zstd"))
            }
            _ => (Box::new(file), None),
        };
        Ok(Input {
            inner,
            buf: vec![0; WINDOW],
            start: 0,
            end: 0,
            ended: None,
            compression,
            live: false,
        })
    }

    /// What can be taken without waiting for more.
    pub fn buffered(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// The next `n` bytes without taking them; fewer at the end.
    pub fn peek(&mut self, n: usize) -> &[u8] {
        while self.end - self.start < n && self.ended.is_none() {
            if self.buf.len() - self.start < n {
                self.buf.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
                if self.buf.len() < n {
                    self.buf.resize(n.next_power_of_two(), 0);
                }
            }
            match self.inner.read(&mut self.buf[self.end..]) {
                Ok(0) => self.ended = Some(None),
                Ok(read) => self.end += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => self.ended = Some(Some(e.to_string())),
            }
        }
        &self.buf[self.start..self.end.min(self.start + n)]
    }

    /// Takes `n` bytes that `peek` has shown.
    pub fn take(&mut self, n: usize) -> &[u8] {
        let from = self.start;
        self.start = (from + n).min(self.end);
        &self.buf[from..self.start]
    }

    /// Leaves out `n` bytes; `false` when the file ends before.
    pub fn skip(&mut self, mut n: usize) -> bool {
        while n > 0 {
            let step = self.peek(n.min(WINDOW)).len();
            if step == 0 {
                return false;
            }
            self.take(step);
            n -= step;
        }
        true
    }

    /// What the decompressor or the disk complained about.
    pub fn fault(&self) -> Option<&str> {
        self.ended.as_ref()?.as_deref()
    }
}

/// All frames of a zstd file one after another; the decoder itself stops after one.
struct Zstd<R: BufRead> {
    frame: Option<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
    between: Option<R>,
    /// The file ends inside a frame: told when all that was decoded has been handed over.
    cut: bool,
}

/// The last block of a frame, a raw one of no bytes, and room for a checksum (RFC 8878, 3.1.1).
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

impl<R: BufRead> Zstd<R> {
    fn new(file: R) -> Self {
        Zstd {
            frame: None,
            between: Some(file),
            cut: false,
        }
    }

    /// The next bytes of the frame, 0 at its end. The decoder holds back a window of what it has decoded until a last block comes:
    /// where the file was cut there is none.
    fn of_frame(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(frame) = &mut self.frame else {
            return Ok(0);
        };
        match frame.read(out) {
            Err(error) if is_cut(&error) => {
                self.cut = true;
                frame
                    .decoder
                    .decode_blocks(LAST_BLOCK, BlockDecodingStrategy::All)
                    .map_err(io::Error::other)?;
                frame.read(out)
            }
            read => read,
        }
    }
}

/// Whether the decoder failed since the file ended.
fn is_cut(error: &io::Error) -> bool {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&e| e.source())
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .any(|e| e.kind() == io::ErrorKind::UnexpectedEof)
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.is_some() {
                let n = self.of_frame(out)?;
                if n > 0 {
                    return Ok(n);
                }
                if self.cut {
                    let what = "incomplete zstd frame";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
                }
                self.between = self.frame.take().map(StreamingDecoder::into_inner);
            }
            let Some(mut file) = self.between.take() else {
                return Ok(0);
            };
            let mut magic = [0; 4];
            let have = file.fill_buf()?;
            if have.is_empty() {
                return Ok(0);
            }
            let n = have.len().min(4);
            magic[..n].copy_from_slice(&have[..n]);
            if matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
                let mut header = [0; 8];
                file.read_exact(&mut header)?;
                let len = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
                io::copy(&mut file.by_ref().take(u64::from(len)), &mut io::sink())?;
                self.between = Some(file);
                continue;
            }
            self.frame = Some(StreamingDecoder::new(file).map_err(io::Error::other)?);
        }
    }
}
