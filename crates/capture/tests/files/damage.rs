//! Fragments, cut packets, cut files, and files that are no captures.

use crate::bytes::*;

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

/// Blocks of zstd are up to 128 KiB, and refer to what the decoder holds back of those before.
#[test]
fn what_comes_before_a_cut_of_zstd_is_read() {
    let frames: Vec<Vec<u8>> = (0..4000u32)
        .map(|i| {
            ipv4(&tcp(
                i * 100,
                &i.wrapping_mul(2_654_435_761).to_be_bytes().repeat(20),
            ))
        })
        .collect();
    let packets: Vec<_> = (1..)
        .zip(&frames)
        .map(|(i, f)| (i, 0, &f[..], f.len()))
        .collect();
    let whole = pcap(false, 0xa1b2_c3d4, 101, &packets);
    let zipped =
        ruzstd::encoding::compress_to_vec(&whole[..], ruzstd::encoding::CompressionLevel::Fastest);
    let of = |zipped: &[u8]| {
        let (seen, source) = read(&[&Temp::new("cut.zst", zipped)]);
        (seen, source.warnings().to_vec())
    };
    let (all, warnings) = of(&zipped);
    assert_eq!((all.len(), warnings.len()), (4000, 0));
    let mut before = 0;
    for eighths in [3, 5, 7] {
        let (seen, warnings) = of(&zipped[..zipped.len() * eighths / 8]);
        // What a block gives is not known before it has come whole.
        assert!(
            seen.len() + 1500 >= 4000 * eighths / 8,
            "{eighths}: {}",
            seen.len()
        );
        assert!(
            before < seen.len() && seen == all[..seen.len()],
            "{eighths}"
        );
        before = seen.len();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("(incomplete zstd frame) after packet"),
            "{warnings:?}"
        );
    }
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
