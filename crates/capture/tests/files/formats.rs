//! Link types, both formats of files, and how they are packed.

use crate::bytes::*;

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
        (
            "pppoe",
            1,
            ethernet(&[0x88, 0x64, 0x11, 0, 0, 1, 0, 99, 0, 0x57], &six),
            ENDS6,
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
            "erspan I",
            101,
            carried(
                47,
                &[&[0, 0, 0x88, 0xbe][..], &ethernet(&[8, 0], &four)].concat(),
            ),
            ENDS4,
        ),
        (
            "erspan II",
            101,
            carried(
                47,
                &[
                    &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 9][..],
                    &[0x10, 5, 0, 7, 0, 0, 0, 1],
                    &ethernet(&[8, 0], &four),
                ]
                .concat(),
            ),
            ENDS4,
        ),
        (
            "erspan III with its subheader",
            101,
            carried(
                47,
                &[
                    &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 9][..],
                    &[0x20, 5, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1],
                    &[0; 8],
                    &ethernet(&[8, 0], &four),
                ]
                .concat(),
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
