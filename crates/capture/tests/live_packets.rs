//! Packets of a real connection over the loopback interface.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use kafkascope_capture::af_packet::AfPacketSource;
use kafkascope_stream::{ConnId, ConnInfo, Dir, Event, HoleReason, StreamSink, Streams};

#[derive(Default)]
struct Sums {
    bytes: Vec<u8>,
    holes: u64,
    handshakes: usize,
}

impl StreamSink for Sums {
    fn open(&mut self, _: ConnId, _: &ConnInfo) {}
    fn data(&mut self, _: ConnId, _: &ConnInfo, _: Dir, _: i64, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }
    fn hole(&mut self, _: ConnId, _: &ConnInfo, _: Dir, _: i64, len: u64, _: HoleReason) {
        self.holes += len;
    }
    fn desync(&mut self, _: ConnId, _: &ConnInfo, _: Dir, _: i64, _: HoleReason) {
        self.holes += 1;
    }
    fn close(&mut self, _: ConnId, info: &ConnInfo, _: i64) {
        self.handshakes += usize::from(info.opened_seen);
    }
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn a_loopback_connection_is_seen_whole_and_once() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let mut source = AfPacketSource::open(&["lo".into()]).expect("packets may be captured");
        let listener = TcpListener::bind(address).expect("a free port");
        let server = listener.local_addr().expect("bound");
        let sent: Vec<u8> = (0..3_000_000u32).map(|i| (i >> 3) as u8).collect();
        let copy = sent.clone();
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            listener
                .accept()
                .expect("a client")
                .0
                .read_to_end(&mut got)
                .map(|_| got)
        });
        TcpStream::connect(server)
            .and_then(|mut s| s.write_all(&copy))
            .expect("sent");
        assert_eq!(reader.join().expect("no panic").expect("received"), sent);

        let mut streams = Streams::default();
        let mut sums = Sums::default();
        let until = Instant::now() + Duration::from_secs(60);
        let mut segments = 0;
        while sums.handshakes == 0 && Instant::now() < until {
            source
                .poll(Duration::from_millis(50), &mut |event| {
                    if let Event::Segment(s) = event {
                        if s.src != server.into_endpoint() && s.dst != server.into_endpoint() {
                            return;
                        }
                        segments += 1;
                    }
                    streams.event(event, &mut sums);
                })
                .expect("polled");
        }
        assert_eq!((sums.handshakes, sums.holes), (1, 0));
        assert!(
            sums.bytes == sent,
            "{} bytes of {}",
            sums.bytes.len(),
            sent.len()
        );
        // A busy machine makes TCP repeat some of it; a packet seen on its way out and in would repeat it all.
        let repeated = streams.stats().repeated_bytes;
        assert!(
            repeated < sent.len() as u64 / 2,
            "each packet comes once: {repeated} bytes again"
        );
        assert!(segments > 0);
    }
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn an_unknown_interface_is_named() {
    let error = AfPacketSource::open(&["nosuch0".into()])
        .err()
        .expect("refused");
    assert_eq!(error.message, "there is no interface nosuch0");
}

trait IntoEndpoint {
    fn into_endpoint(self) -> kafkascope_stream::Endpoint;
}

impl IntoEndpoint for std::net::SocketAddr {
    fn into_endpoint(self) -> kafkascope_stream::Endpoint {
        kafkascope_stream::Endpoint {
            addr: self.ip(),
            port: self.port(),
        }
    }
}
