//! Which library encrypts for a process, as far as its memory maps and its program file tell.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// By part of a mapped file's name; the first that is mapped counts, so what is bundled stands before what a
/// runtime brings.
const LIBRARIES: [(&str, &str); 12] = [
    ("netty_tcnative", "netty-tcnative (BoringSSL)"),
    ("conscrypt", "Conscrypt (BoringSSL)"),
    ("libjvm.so", "JSSE (Java)"),
    ("libssl3.so", "NSS"),
    ("libgnutls.so", "GnuTLS"),
    ("libgnutls-", "GnuTLS"),
    ("libmbedtls", "Mbed TLS"),
    ("libwolfssl", "wolfSSL"),
    ("librdkafka", "OpenSSL in librdkafka"),
    ("libssl.so", "OpenSSL"),
    ("libssl-", "OpenSSL"),
    (
        "libSystem.Security.Cryptography.Native.OpenSsl",
        "OpenSSL (.NET)",
    ),
];
/// The section that every Go program has.
const GO_SECTION: &[u8] = b".go.buildinfo";
/// Names of a program's sections are not longer than this in all.
const NAMES_BYTES: u64 = 64 << 10;

/// The TLS library of a running process by its usual name, `None` when it cannot be told: the process is
/// another user's, or has its library built in.
pub fn library(pid: u32) -> Option<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    by_maps(&maps).or_else(|| by_program(pid))
}

/// From the text of `/proc/PID/maps`.
fn by_maps(maps: &str) -> Option<String> {
    let names: Vec<&str> = maps
        .lines()
        .filter_map(|line| line.split_ascii_whitespace().nth(5))
        .filter_map(|path| path.rsplit('/').next())
        .collect();
    LIBRARIES.iter().find_map(|(part, library)| {
        let file = names.iter().find(|name| name.contains(part))?;
        Some(match file.split_once(".so.") {
            Some((_, version)) if *library == "OpenSSL" && version.len() < 8 => {
                format!("{library} {version}")
            }
            _ => (*library).to_owned(),
        })
    })
}

fn by_program(pid: u32) -> Option<String> {
    let link = format!("/proc/{pid}/exe");
    let program = fs::read_link(&link).ok()?;
    if is_node(&program) {
        return Some("OpenSSL in Node.js".into());
    }
    let names = section_names(&mut File::open(link).ok()?)?;
    names
        .windows(GO_SECTION.len())
        .any(|name| name == GO_SECTION)
        .then(|| "crypto/tls (Go)".into())
}

/// Its file may have been replaced while it runs.
fn is_node(program: &Path) -> bool {
    let name = program.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.trim_end_matches(" (deleted)") == "node")
}

/// The names of the sections of a 64-bit little-endian ELF file, as they stand in it.
fn section_names(file: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    let mut header = [0; 64];
    file.read_exact(&mut header).ok()?;
    if header[..6] != *b"\x7fELF\x02\x01" {
        return None;
    }
    let half = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let table = u64::from_le_bytes(*header[40..].first_chunk()?);
    let names_section = table.checked_add(half(58) * half(62))?;
    let mut section = [0; 40];
    file.seek(SeekFrom::Start(names_section)).ok()?;
    file.read_exact(&mut section).ok()?;
    let (offset, size) = (
        u64::from_le_bytes(*section[24..].first_chunk()?),
        u64::from_le_bytes(*section[32..].first_chunk()?),
    );
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut names = Vec::new();
    file.take(size.min(NAMES_BYTES))
        .read_to_end(&mut names)
        .ok()?;
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_by_maps() {
        let line = |path: &str| format!("7f00-7f01 r-xp 00000000 08:01 42 {path}\n");
        for (paths, expected) in [
            (&["/usr/lib/libssl.so.3"][..], Some("OpenSSL 3")),
            (&["/usr/lib/libssl.so.1.1"], Some("OpenSSL 1.1")),
            (
                &["/opt/libc.so.6", "/usr/lib/libgnutls.so.30"],
                Some("GnuTLS"),
            ),
            (&["/jdk/lib/server/libjvm.so"], Some("JSSE (Java)")),
            (
                &["/jdk/libjvm.so", "/tmp/libnetty_tcnative_linux_x86_64.so"],
                Some("netty-tcnative (BoringSSL)"),
            ),
            (
                &["/wheel/librdkafka-2f2cf2b2.so.1", "/usr/lib/libssl.so.3"],
                Some("OpenSSL in librdkafka"),
            ),
            (&["/wheel/libssl-4f7d0f3a.so.3"], Some("OpenSSL 3")),
            (&["/usr/lib/libc.so.6"], None),
            (&[], None),
        ] {
            let maps: String = paths.iter().map(|p| line(p)).collect();
            assert_eq!(by_maps(&maps).as_deref(), expected, "{paths:?}");
        }
    }

    #[test]
    fn node_by_its_file() {
        for (program, expected) in [
            ("/usr/bin/node", true),
            ("/usr/bin/node (deleted)", true),
            ("/usr/bin/nodes", false),
            ("/", false),
        ] {
            assert_eq!(is_node(Path::new(program)), expected, "{program}");
        }
    }

    #[test]
    fn sections_of_this_program() {
        let names = section_names(&mut File::open("/proc/self/exe").unwrap()).unwrap();
        assert!(names.windows(6).any(|n| n == b".text\0"));
        for odd in [&b""[..], &[0x7f; 200], b"\x7fELF\x02\x01"] {
            assert_eq!(section_names(&mut std::io::Cursor::new(odd)), None);
        }
        let mut wild = [0xff; 64];
        wild[..6].copy_from_slice(b"\x7fELF\x02\x01");
        assert_eq!(section_names(&mut std::io::Cursor::new(wild)), None);
    }

    #[test]
    fn a_process_that_is_gone_has_no_library() {
        assert_eq!(library(u32::MAX), None);
    }
}
