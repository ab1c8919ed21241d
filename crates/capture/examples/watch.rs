//! Prints what a capture delivers: `watch [seconds] [payload bytes]`, all bytes as hexadecimal digits with
//! HEX=1, hook 0, 1 or 2 with HOOK. Needs root.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use kafkascope_capture::ebpf::{EbpfSource, Hook, Settings};
use kafkascope_stream::Event;

fn main() {
    let number = |at: usize, other: u64| {
        std::env::args()
            .nth(at)
            .and_then(|a| a.parse().ok())
            .unwrap_or(other)
    };
    let hook = std::env::var("HOOK")
        .ok()
        .and_then(|h| h.parse::<usize>().ok().map(|h| Hook::ALL[h]));
    let mut source = match EbpfSource::open(&Settings {
        hook,
        ..Settings::default()
    }) {
        Ok(source) => source,
        Err(error) => {
            println!("{error}");
            std::process::exit(1);
        }
    };
    println!("hook {}", source.hook());
    for (name, visited) in source.verified() {
        println!("verifier visited {visited} instructions of {name}");
    }
    let hex = std::env::var_os("HEX").is_some();
    let (end, shown) = (
        Instant::now() + Duration::from_secs(number(1, 10)),
        number(2, 48) as usize,
    );
    while Instant::now() < end {
        let polled = source.poll(Duration::from_millis(20), &mut |event| match event {
            Event::Segment(s) => println!(
                "{:?} {}:{} > {}:{} ns {} seq {} len {} kept {} #{} {:?} {:?}",
                s.tap,
                s.src.addr,
                s.src.port,
                s.dst.addr,
                s.dst.port,
                s.netns,
                s.seq,
                s.len,
                s.bytes.len(),
                s.tap_seq,
                s.process.map(|p| p.pid),
                if hex {
                    s.bytes.iter().map(|b| format!("{b:02x}")).collect()
                } else {
                    String::from_utf8_lossy(&s.bytes[..s.bytes.len().min(shown)]).into_owned()
                },
            ),
            other => println!("{other:?}"),
        });
        if let Err(error) = polled {
            println!("{error}");
            break;
        }
    }
    println!("{:?}", source.stats());
}
