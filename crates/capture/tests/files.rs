//! Every format, link type and kind of damage of capture files, written here byte by byte.

use std::io::Write;
use std::path::PathBuf;

use kafkascope_capture::FileSource;
use kafkascope_stream::Event;

/// A file that is gone after the test.
struct Temp(PathBuf);

impl Temp {
    fn new(name: &str, bytes: &[u8]) -> Temp {
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
type Seen = (i64, String, u32, u32, Vec<u8>);

fn read(paths: &[&Temp]) -> (Vec<Seen>, FileSource) {
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

fn refusal(name: &str, bytes: &[u8]) -> String {
    let file = Temp::new(name, bytes);
    let error = FileSource::open(std::slice::from_ref(&file.0))
        .err()
        .expect("no capture");
    assert!(!error.hint.is_empty());
    error
        .to_string()
        .replace(&file.0.display().to_string(), "FILE")
}

fn tcp(seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x9c, 0x40, 0x23, 0x84];
    out.extend(seq.to_be_bytes());
    out.extend([0, 0, 0, 1, 0x60, 0x18, 0, 0, 0, 0, 0, 0]);
    out.extend([1, 1, 1, 1]); // options
    out.extend(payload);
    out
}

fn ipv4(tcp: &[u8]) -> Vec<u8> {
    let total = (20 + 4 + tcp.len()) as u16;
    let mut out = vec![0x46, 0];
    out.extend(total.to_be_bytes());
    out.extend([0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    out.extend([1, 1, 1, 0]); // options
    out.extend(tcp);
    out
}

/// An IPv4 packet that carries something else than TCP.
fn carried(protocol: u8, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend(((20 + inner.len()) as u16).to_be_bytes());
    out.extend([
        0, 1, 0, 0, 64, protocol, 0, 0, 192, 168, 0, 1, 192, 168, 0, 2,
    ]);
    out.extend(inner);
    out
}

fn udp(port: u16) -> Vec<u8> {
    [&[0x9c, 0x40][..], &port.to_be_bytes(), &[0, 0, 0, 0]].concat()
}

fn ipv6(first: u8, extensions: &[u8], tcp: &[u8]) -> Vec<u8> {
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

fn ethernet(ethertype: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[2; 12], ethertype, payload].concat()
}

fn n32(big: bool, n: u32) -> [u8; 4] {
    if big {
        n.to_be_bytes()
    } else {
        n.to_le_bytes()
    }
}

/// A pcap file of (seconds, fraction, frame, length on the wire).
fn pcap(big: bool, magic: u32, link: u32, packets: &[(u32, u32, &[u8], usize)]) -> Vec<u8> {
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

fn plain(payload: &[u8]) -> Vec<u8> {
    let frame = ipv4(&tcp(7, payload));
    pcap(false, 0xa1b2_c3d4, 101, &[(1, 5, &frame, frame.len())])
}

fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let pad = body.len().next_multiple_of(4) - body.len();
    let len = n32(big, (12 + body.len() + pad) as u32);
    [&n32(big, kind)[..], &len, body, &vec![0; pad], &len].concat()
}

fn section(big: bool) -> Vec<u8> {
    let body = [
        &n32(big, 0x1a2b_3c4d)[..],
        if big { &[0, 1, 0, 0] } else { &[1, 0, 0, 0] },
        &[0xff; 8],
    ]
    .concat();
    block(big, 0x0a0d_0d0a, &body)
}

fn interface(big: bool, link: u8, resolution: Option<u8>) -> Vec<u8> {
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

fn enhanced(big: bool, interface: u32, ticks: u64, frame: &[u8]) -> Vec<u8> {
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

fn zstd_raw(content: &[u8]) -> Vec<u8> {
    // One frame with one raw block: magic, descriptor (single segment, 4-byte size), size, block header, content.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(&(((content.len() as u32) << 3) | 1).to_le_bytes()[..3]);
    out.extend(content);
    out
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(content).expect("in memory");
    out.finish().expect("in memory")
}

const ENDS4: &str = "10.0.0.1:40000 > 10.0.0.2:9092";
const ENDS6: &str = "fd00::1:40000 > fd00::2:9092";

#[test]
fn each_link_type_gives_the_same_segment() {
    let four = ipv4(&tcp(7, b"hello"));
    let six = ipv6(6, b"", &tcp(7, b"hello"));
    let inner6 = six.clone();
    let extended = ipv6(
        0,
        &[
            60, 0, 0, 0, 0, 0, 0, 0, 51, 0, 0, 0, 0, 0, 0, 0, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        &tcp(7, b"hello"),
    );
    let atomic = ipv6(44, &[6, 0, 0, 0, 0, 0, 0, 9], &tcp(7, b"hello"));
    let padded = [&four[..], b"padding"].concat();
    let sll = |ethertype: [u8; 2], ip: &[u8]| [&[0; 14], &ethertype[..], ip].concat();
    let cases: &[(&str, u32, Vec<u8>, &str)] = &[
        ("ethernet", 1, ethernet(&[8, 0], &four), ENDS4),
        ("ethernet v6", 1, ethernet(&[0x86, 0xdd], &six), ENDS6),
        ("vlan", 1, ethernet(&[0x81, 0, 0, 5, 8, 0], &four), ENDS4),
        (
            "qinq",
            1,
            ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0], &four),
            ENDS4,
        ),
        (
            "mpls with two labels",
            1,
            ethernet(&[0x88, 0x47, 0, 0, 0x10, 64, 0, 0, 0x21, 64], &four),
            ENDS4,
        ),
        ("null", 0, [&[2, 0, 0, 0][..], &four].concat(), ENDS4),
        ("loop", 108, [&[0, 0, 0, 24][..], &six].concat(), ENDS6),
        ("raw", 101, four.clone(), ENDS4),
        ("raw as bsd numbers it", 12, six.clone(), ENDS6),
        ("raw v4", 228, four.clone(), ENDS4),
        ("raw v6", 229, six, ENDS6),
        ("cooked", 113, sll([8, 0], &four), ENDS4),
        (
            "cooked 2",
            276,
            [&[8, 0][..], &[0; 18], &four].concat(),
            ENDS4,
        ),
        ("extension headers", 229, extended, ENDS6),
        ("atomic fragment", 229, atomic, ENDS6),
        ("padding", 101, padded, ENDS4),
        ("ip in ip", 101, carried(4, &four), ENDS4),
        ("ipv6 in ip", 101, carried(41, &inner6), ENDS6),
        (
            "gre with a key",
            101,
            carried(47, &[&[0x20, 0, 8, 0, 0, 0, 0, 9][..], &four].concat()),
            ENDS4,
        ),
        (
            "gre of ethernet",
            101,
            carried(
                47,
                &[&[0, 0, 0x65, 0x58][..], &ethernet(&[8, 0], &four)].concat(),
            ),
            ENDS4,
        ),
        (
            "vxlan",
            101,
            carried(
                17,
                &[
                    &udp(4789)[..],
                    &[8, 0, 0, 0, 0, 0, 5, 0],
                    &ethernet(&[8, 0], &four),
                ]
                .concat(),
            ),
            ENDS4,
        ),
        (
            "geneve",
            101,
            carried(
                17,
                &[
                    &udp(6081)[..],
                    &[1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 3, 4],
                    &ethernet(&[8, 0], &four),
                ]
                .concat(),
            ),
            ENDS4,
        ),
    ];
    for (name, link, frame, ends) in cases {
        let file = Temp::new(
            "link",
            &pcap(false, 0xa1b2_c3d4, *link, &[(1, 2, frame, frame.len())]),
        );
        let (seen, _) = read(&[&file]);
        assert_eq!(
            seen,
            [(1_000_002_000, ends.to_string(), 7, 5, b"hello".to_vec())],
            "{name}"
        );
    }
}

#[test]
fn pcap_of_either_order_and_clock() {
    let frame = ipv4(&tcp(7, b"x"));
    for big in [false, true] {
        for (magic, ns) in [
            (0xa1b2_c3d4, 3_000_004_000),
            (0xa1b2_3c4d, 3_000_000_004),
            (0xa1b2_cd34, 3_000_004_000),
        ] {
            let packets: &[(u32, u32, &[u8], usize)] =
                &[(3, 4, &frame, frame.len()), (3, 4, &frame, frame.len())];
            let (seen, _) = read(&[&Temp::new("pcap", &pcap(big, magic, 101, packets))]);
            assert_eq!(
                seen.iter().map(|s| s.0).collect::<Vec<_>>(),
                [ns, ns],
                "{magic:x} {big}"
            );
        }
    }
}

#[test]
fn pcapng_sections_interfaces_and_blocks() {
    let frame = ipv4(&tcp(7, b"x"));
    let wrapped = ethernet(&[8, 0], &frame);
    let mut file = Vec::new();
    for big in [false, true] {
        file.extend(section(big));
        file.extend(block(big, 0x0bad, b"not known"));
        file.extend(interface(big, 101, None)); // microseconds
        file.extend(enhanced(big, 0, 5_000_001, &frame));
        file.extend(interface(big, 1, Some(9)));
        file.extend(enhanced(big, 1, 6_000_000_001, &wrapped));
        file.extend(interface(big, 101, Some(0x80 | 10)));
        file.extend(enhanced(big, 2, 7 * 1024 + 512, &frame));
        let simple = [&n32(big, frame.len() as u32)[..], &frame].concat();
        file.extend(block(big, 3, &simple));
        let obsolete = [
            if big { &[0, 0, 0, 0] } else { &[0u8; 4][..] },
            &n32(big, 0),
            &n32(big, 8_000_000),
            &n32(big, frame.len() as u32),
            &n32(big, frame.len() as u32),
            &frame,
        ]
        .concat();
        file.extend(block(big, 2, &obsolete));
        let drops = [
            &n32(big, 0)[..],
            &[0; 8],
            if big { &[0, 5, 0, 8] } else { &[5, 0, 8, 0] },
            &if big {
                3u64.to_be_bytes()
            } else {
                3u64.to_le_bytes()
            },
        ]
        .concat();
        file.extend(block(big, 5, &drops));
    }
    let (seen, source) = read(&[&Temp::new("ng", &file)]);
    let times = [
        5_000_001_000,
        6_000_000_001,
        7_500_000_000,
        7_500_000_000,
        8_000_000_000,
    ];
    assert_eq!(
        seen.iter().map(|s| s.0).collect::<Vec<_>>(),
        [times, times].concat()
    );
    assert!(seen.iter().all(|s| s.4 == b"x"));
    assert_eq!(source.stats().dropped, 6);
}

#[test]
fn compressed_and_glued_files_are_read_to_their_end() {
    let (one, two) = (plain(b"one"), plain(b"two"));
    for (name, bytes) in [
        ("glued", [one.clone(), two.clone()].concat()),
        ("gzip", [gzip(&one), gzip(&two)].concat()),
        (
            "zstd",
            [
                zstd_raw(&one),
                vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9],
                zstd_raw(&two),
            ]
            .concat(),
        ),
    ] {
        let (seen, source) = read(&[&Temp::new(name, &bytes)]);
        assert_eq!(
            seen.iter().map(|s| &s.4[..]).collect::<Vec<_>>(),
            [b"one", b"two"],
            "{name}"
        );
        assert_eq!(source.warnings(), [""; 0]);
    }
}

/// A segment in three parts, the last one first, as IPv4 and as IPv6.
#[test]
fn fragments_are_put_together() {
    let whole = tcp(7, b"hello fragmented world, hello");
    let v4 = |from: usize, to: usize| {
        let mut packet = ipv4(&whole[from..to]);
        packet[4..6].copy_from_slice(&[0x12, 0x34]);
        let more = if to < whole.len() { 0x2000 } else { 0 };
        let place = u16::try_from(from / 8).unwrap() | more;
        packet[6..8].copy_from_slice(&place.to_be_bytes());
        packet
    };
    let v6 = |from: usize, to: usize| {
        let place = u16::try_from(from).unwrap() | u16::from(to < whole.len());
        let mut payload = vec![6, 0];
        payload.extend(place.to_be_bytes());
        payload.extend([0, 0, 0x12, 0x34]);
        payload.extend(&whole[from..to]);
        ipv6(44, &payload, &[])
    };
    let cuts = [(32, whole.len()), (0, 16), (16, 32)];
    for (link, ends, frames) in [
        (101, ENDS4, cuts.map(|(from, to)| v4(from, to))),
        (101, ENDS6, cuts.map(|(from, to)| v6(from, to))),
    ] {
        let packets: Vec<(u32, u32, &[u8], usize)> = frames
            .iter()
            .map(|f| (1, 0, f.as_slice(), f.len()))
            .collect();
        let file = Temp::new("fragments", &pcap(false, 0xa1b2_c3d4, link, &packets));
        let (seen, source) = read(&[&file]);
        let text = b"hello fragmented world, hello".to_vec();
        assert_eq!(seen, [(1_000_000_000, ends.into(), 7, 29, text)]);
        assert_eq!((source.stats().fragments, source.stats().tcp), (0, 1));
        let (seen, source) = read(&[&Temp::new(
            "fragments-lost",
            &pcap(false, 0xa1b2_c3d4, link, &packets[..2]),
        )]);
        assert!(seen.is_empty());
        assert_eq!(source.stats().fragments, 2);
    }
}

#[test]
fn the_snap_length_is_known_and_fragments_are_counted() {
    let frame = ipv4(&tcp(7, b"hello world"));
    let mut fragment = frame.clone();
    fragment[6] = 0x20;
    let packets: &[(u32, u32, &[u8], usize)] = &[
        (1, 0, &frame[..frame.len() - 6], frame.len()),
        (1, 0, &frame[..30], frame.len()),
        (1, 0, &fragment, fragment.len()),
    ];
    let (seen, source) = read(&[&Temp::new("snap", &pcap(false, 0xa1b2_c3d4, 101, packets))]);
    assert_eq!(
        seen,
        [(1_000_000_000, ENDS4.into(), 7, 11, b"hello".to_vec())]
    );
    let stats = source.stats();
    assert_eq!(
        (
            stats.packets,
            stats.tcp,
            stats.cut_packets,
            stats.cut_bytes,
            stats.fragments
        ),
        (3, 1, 2, 6, 1)
    );
}

#[test]
fn several_files_are_one_capture_in_time_order() {
    let frame = |n: u8| ipv4(&tcp(0, &[n]));
    let frames: Vec<Vec<u8>> = (0..6).map(frame).collect();
    let packet = |n: usize| (n as u32, 0, &frames[n][..], frames[n].len());
    let early = Temp::new(
        "early",
        &pcap(false, 0xa1b2_c3d4, 101, &[packet(0), packet(1), packet(3)]),
    );
    let late = Temp::new(
        "late",
        &pcap(true, 0xa1b2_3c4d, 101, &[packet(2), packet(4)]),
    );
    let last = Temp::new("last", &gzip(&pcap(false, 0xa1b2_c3d4, 101, &[packet(5)])));
    let (seen, _) = read(&[&last, &late, &early]);
    assert_eq!(
        seen.iter().map(|s| s.4[0]).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5]
    );
}

#[test]
fn what_comes_before_a_cut_is_read_and_the_cut_is_told() {
    let frame = ipv4(&tcp(7, b"hello"));
    let packets = [
        (1, 0, &frame[..], frame.len()),
        (2, 0, &frame[..], frame.len()),
    ];
    let whole = pcap(false, 0xa1b2_c3d4, 101, &packets);
    let first_end = 24 + 16 + frame.len();
    for cut in first_end + 1..whole.len() {
        let (seen, source) = read(&[&Temp::new("cut", &whole[..cut])]);
        assert_eq!(
            (seen.len(), source.warnings().len()),
            (1, 1),
            "cut at {cut}"
        );
        assert!(source.warnings()[0].contains("in the middle of a packet after packet 1"));
    }
    let zipped = gzip(&whole);
    let (seen, source) = read(&[&Temp::new("cut.gz", &zipped[..zipped.len() - 6])]);
    assert_eq!((seen.len(), source.warnings().len()), (2, 1));
    let mut damaged = whole.clone();
    damaged[first_end + 11] = 0xff;
    let (seen, source) = read(&[&Temp::new("damaged", &damaged)]);
    assert_eq!(seen.len(), 1);
    assert!(
        source.warnings()[0].contains("is damaged"),
        "{:?}",
        source.warnings()
    );
}

#[test]
fn a_file_that_is_no_capture_is_named() {
    for (bytes, expected) in [
        (&b""[..], "FILE is empty"),
        (
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0",
            "FILE is no packet capture: it looks like a program (ELF)",
        ),
        (
            b"{\"request\": 1, \"response\": null}",
            "FILE is no packet capture: it looks like JSON",
        ),
        (
            b"just a text file\n",
            "FILE is no packet capture: it looks like text",
        ),
        (
            &gzip(b"text in a gzip file"),
            "FILE is no packet capture: it is gzip of text",
        ),
        (
            &zstd_raw(b"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"),
            "FILE is no packet capture: it is zstd of JSON",
        ),
        (
            &[0, 1, 2, 3, 4],
            "FILE is no packet capture: it looks like unknown binary data",
        ),
        (&plain(b"x")[..20], "FILE ends inside its first 24 bytes"),
        (
            &pcap(false, 0xa1b2_c3d4, 105, &[(0, 0, &[0; 40], 40)]),
            "FILE has packets of link type 105",
        ),
        (&[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff], "FILE cannot be read"),
    ] {
        let message = refusal("foreign", bytes);
        assert!(message.starts_with(expected), "{message}");
    }
    let missing = FileSource::open(&[PathBuf::from("/no/such/file")])
        .err()
        .expect("an error");
    assert_eq!(missing.message, "there is no file /no/such/file");
    let folder = FileSource::open(&[std::env::temp_dir()])
        .err()
        .expect("an error");
    assert!(folder.message.ends_with("is a folder"), "{folder}");
}

/// Files that are damaged in any way give an error or what is left of them, and never an endless read.
#[test]
fn damaged_files_end() {
    let frame = ethernet(&[8, 0], &ipv4(&tcp(7, b"hello")));
    let packets: &[(u32, u32, &[u8], usize)] = &[
        (1, 0, &frame, frame.len()),
        (2, 0, &frame, frame.len()),
        (3, 0, &frame, frame.len()),
    ];
    let ng = [
        section(false),
        interface(false, 1, Some(9)),
        enhanced(false, 0, 5, &frame),
        enhanced(false, 0, 6, &frame),
    ]
    .concat();
    let plain = pcap(false, 0xa1b2_c3d4, 1, packets);
    let mut state = 88_172_645_463_325_252u64;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let mut read = 0;
    for (name, whole) in [
        ("pcap", &plain),
        ("ng", &ng),
        ("gz", &gzip(&plain)),
        ("zst", &zstd_raw(&plain)),
    ] {
        for _ in 0..80 {
            let mut bytes = whole.clone();
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                bytes[at] = [0, 0xff, below(256) as u8][below(3)];
            }
            let file = Temp::new(&format!("damaged-{name}"), &bytes);
            let Ok(mut source) = FileSource::open(std::slice::from_ref(&file.0)) else {
                continue;
            };
            let mut polls = 0;
            while matches!(source.poll(&mut |_| read += 1), Ok(true)) {
                polls += 1;
                assert!(polls < 100, "{name} does not end");
            }
        }
    }
    assert!(read > 300, "most packets survive: {read}");
}
