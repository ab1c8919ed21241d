//! Frames and capture files, and what is read of them.

pub use std::io::Write;
pub use std::path::PathBuf;

pub use kafkascope_capture::FileSource;
pub use kafkascope_stream::Event;

/// A file that is gone after the test.
pub struct Temp(pub PathBuf);

impl Temp {
    pub fn new(name: &str, bytes: &[u8]) -> Temp {
        let path = std::env::temp_dir().join(format!("kafkascope-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).expect("the temporary folder is writable");
        Temp(path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What a reader gets: time, "src > dst", seq, length, bytes.
pub type Seen = (i64, String, u32, u32, Vec<u8>);

pub fn read(paths: &[&Temp]) -> (Vec<Seen>, FileSource) {
    let paths: Vec<PathBuf> = paths.iter().map(|t| t.0.clone()).collect();
    let mut source = FileSource::open(&paths).expect("a capture");
    let mut seen = Vec::new();
    while source
        .poll(&mut |event| {
            if let Event::Segment(s) = event {
                let ends = format!(
                    "{}:{} > {}:{}",
                    s.src.addr, s.src.port, s.dst.addr, s.dst.port
                );
                seen.push((s.time_ns, ends, s.seq, s.len, s.bytes.to_vec()));
            }
        })
        .expect("readable to its end")
    {}
    (seen, source)
}

pub fn refusal(name: &str, bytes: &[u8]) -> String {
    let file = Temp::new(name, bytes);
    let error = FileSource::open(std::slice::from_ref(&file.0))
        .err()
        .expect("no capture");
    assert!(!error.hint.is_empty());
    error
        .to_string()
        .replace(&file.0.display().to_string(), "FILE")
}

pub fn tcp(seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x9c, 0x40, 0x23, 0x84];
    out.extend(seq.to_be_bytes());
    out.extend([0, 0, 0, 1, 0x60, 0x18, 0, 0, 0, 0, 0, 0]);
    out.extend([1, 1, 1, 1]); // options
    out.extend(payload);
    out
}

pub fn ipv4(tcp: &[u8]) -> Vec<u8> {
    let total = (20 + 4 + tcp.len()) as u16;
    let mut out = vec![0x46, 0];
    out.extend(total.to_be_bytes());
    out.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    out.extend([1, 1, 1, 0]); // options
    out.extend(tcp);
    out
}

/// An IPv4 packet that carries something else than TCP.
pub fn carried(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend(((20 + inner.len()) as u16).to_be_bytes());
    out.extend([
        0, 1, 0, 0, 64, protocol, 0, 0, 192, 168, 0, 1, 192, 168, 0, 2,
    ]);
    out.extend(inner);
    out
}

pub fn udp(port: u16) -> Vec<u8> {
    [&[0x9c, 0x40][..], &port.to_be_bytes(), &[0, 0, 0, 0]].concat()
}

pub fn ipv6(first: u8, extensions: &[u8], tcp: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend(((extensions.len() + tcp.len()) as u16).to_be_bytes());
    out.extend([first, 64]);
    for last in [1, 2] {
        out.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    out.extend(extensions);
    out.extend(tcp);
    out
}

pub fn ethernet(ethertype: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[2; 12], ethertype, payload].concat()
}

pub fn n32(big: bool, n: u32) -> [u8; 4] {
    if big {
        n.to_be_bytes()
    } else {
        n.to_le_bytes()
    }
}

/// A pcap file of (seconds, fraction, frame, length on the wire).
pub fn pcap(big: bool, magic: u32, link: u32, packets: &[(u32, u32, &[u8], usize)]) -> Vec<u8> {
    let mut out = n32(big, magic).to_vec();
    out.extend(if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] });
    for n in [0, 0, 65535, link] {
        out.extend(n32(big, n));
    }
    for (seconds, fraction, frame, length) in packets {
        for n in [*seconds, *fraction, frame.len() as u32, *length as u32] {
            out.extend(n32(big, n));
        }
        if magic == 0xa1b2_cd34 {
            out.extend([0; 8]);
        }
        out.extend(*frame);
    }
    out
}

pub fn plain(payload: &[u8]) -> Vec<u8> {
    let frame = ipv4(&tcp(7, payload));
    pcap(false, 0xa1b2_c3d4, 101, &[(1, 5, &frame, frame.len())])
}

pub fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let pad = body.len().next_multiple_of(4) - body.len();
    let len = n32(big, (12 + body.len() + pad) as u32);
    [&n32(big, kind)[..], &len, body, &vec![0; pad], &len].concat()
}

pub fn section(big: bool) -> Vec<u8> {
    let body = [
        &n32(big, 0x1a2b_3c4d)[..],
        if big { &[0, 1, 0, 0] } else { &[1, 0, 0, 0] },
        &[0xff; 8],
    ]
    .concat();
    block(big, 0x0a0d_0d0a, &body)
}

pub fn interface(big: bool, link: u8, resolution: Option<u8>) -> Vec<u8> {
    let link = if big {
        [0, link, 0, 0]
    } else {
        [link, 0, 0, 0]
    };
    let mut body = [&link[..], &n32(big, 0)].concat();
    if let Some(resolution) = resolution {
        body.extend(if big { [0, 9, 0, 1] } else { [9, 0, 1, 0] });
        body.extend([resolution, 0, 0, 0, 0, 0, 0, 0]);
    }
    block(big, 1, &body)
}

pub fn enhanced(big: bool, interface: u32, ticks: u64, frame: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for n in [
        interface,
        (ticks >> 32) as u32,
        ticks as u32,
        frame.len() as u32,
        frame.len() as u32,
    ] {
        body.extend(n32(big, n));
    }
    body.extend(frame);
    block(big, 6, &body)
}

pub fn zstd_raw(content: &[u8]) -> Vec<u8> {
    // One frame with one raw block: magic, descriptor (single segment, 4-byte size), size, block header, content.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(&(((content.len() as u32) << 3) | 1).to_le_bytes()[..3]);
    out.extend(content);
    out
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(content).expect("in memory");
    out.finish().expect("in memory")
}

pub const ENDS4: &str = "10.0.0.1:40000 > 10.0.0.2:9092";
pub const ENDS6: &str = "fd00::1:40000 > fd00::2:9092";
