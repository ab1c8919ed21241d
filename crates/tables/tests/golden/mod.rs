//! The golden captures as exchanges.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kafkascope_capture::FileSource;
use kafkascope_stream::{ConnId, ConnInfo, Dir, HoleReason, StreamSink, Streams};
use kafkascope_wire::{Exchange, Item, Session};

#[derive(Default)]
struct Exchanges {
    sessions: BTreeMap<ConnId, Session>,
    all: Vec<Exchange>,
}

impl StreamSink for Exchanges {
    fn open(&mut self, id: ConnId, info: &ConnInfo) {
        self.sessions.insert(
            id,
            Session::new(info.client_dir.map(|d| d == Dir::AToB), info.opened_seen),
        );
    }
    fn data(&mut self, id: ConnId, _: &ConnInfo, dir: Dir, time_ns: i64, bytes: &[u8]) {
        let all = &mut self.all;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.data(dir == Dir::AToB, time_ns, bytes, &mut |item| {
                if let Item::Exchange(exchange) = item {
                    all.push(*exchange);
                }
            });
        }
    }
    fn hole(&mut self, _: ConnId, _: &ConnInfo, _: Dir, _: i64, len: u64, _: HoleReason) {
        panic!("{len} bytes are missing");
    }
    fn desync(&mut self, _: ConnId, _: &ConnInfo, _: Dir, _: i64, _: HoleReason) {
        panic!("out of step");
    }
    fn close(&mut self, _: ConnId, _: &ConnInfo, _: i64) {}
}

/// Of a capture without losses.
pub fn exchanges(capture: &str) -> Vec<Exchange> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures"))
        .join(format!("{capture}.pcap.gz"));
    let mut source = FileSource::open(&[path]).expect("a golden capture");
    let mut streams = Streams::default();
    let mut exchanges = Exchanges::default();
    while source
        .poll(&mut |event| streams.event(event, &mut exchanges))
        .expect("readable")
    {}
    exchanges.all
}
