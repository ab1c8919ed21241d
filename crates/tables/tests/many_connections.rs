//! A million connections, one after the other and never closed: what is held stays within its limits.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use kafkascope_stream::{Endpoint, Event, Segment, Tap};
use kafkascope_tables::pipeline::{Pipeline, Settings};

/// Bytes that are allocated now, and the most that ever were.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Three times as many as may be open; a build without optimisation would take minutes for all of the million.
const CONNECTIONS: u32 = if cfg!(debug_assertions) {
    200_000
} else {
    1_000_000
};
const LIMIT: usize = 400_000_000;

#[test]
fn a_million_connections_are_held_within_the_limits() {
    let mut pipeline = Pipeline::new(Settings::default());
    let heartbeat = b"\0\0\0\x1e\0\x0c\0\0\0\0\0\x01\0\x01c\0\x05group\0\0\0\x09\0\x06member";
    assert_eq!(heartbeat.len(), 4 + 0x1e);
    let mut rows = 0;
    for n in 0..CONNECTIONS {
        let [_, a, b, c] = n.to_be_bytes();
        let client = Endpoint {
            addr: IpAddr::from([10, a, b, c]),
            port: 40_000,
        };
        let broker = Endpoint {
            addr: IpAddr::from([10, 255, 0, 1]),
            port: 9092,
        };
        // every other request is cut in its middle, and its rest awaited
        let len = if n % 2 == 0 { heartbeat.len() } else { 30 };
        pipeline.event(Event::Segment(Segment {
            time_ns: 1_700_000_000_000_000_000 + i64::from(n) * 1000,
            tap: Tap::Packet,
            src: client,
            dst: broker,
            netns: 0,
            seq: 1,
            len: len as u32,
            bytes: &heartbeat[..len],
            flags: 16,
            ack: 1,
            tap_seq: 0,
            process: None,
        }));
        if n % 10_000 == 0 {
            rows += pipeline.take().iter().map(|b| b.rows).sum::<usize>();
        }
    }
    let (held, peak) = (HELD.load(Ordering::Relaxed), PEAK.load(Ordering::Relaxed));
    assert!(peak < LIMIT, "{peak} bytes at most, {held} now");
    let stats = pipeline.stats();
    let count = |name| stats.iter().find(|s| s.0 == name).map(|s| s.1);
    assert_eq!(count("connections"), Some(u64::from(CONNECTIONS)));
    assert!(
        rows > CONNECTIONS as usize / 4,
        "{rows} rows: requests of connections that had to go"
    );
}
