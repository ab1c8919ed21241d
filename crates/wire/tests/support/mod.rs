//! Frames made by hand, and what a session says of them.
#![allow(dead_code)]

pub mod encode;

use kafkascope_wire::{Item, Protocol, session::Session};

#[derive(Default)]
pub struct Log {
    pub items: Vec<Item>,
}

impl Log {
    pub fn sink(&mut self) -> impl FnMut(Item) + '_ {
        |item| self.items.push(item)
    }

    /// Key, correlation id, whether request and response were seen.
    pub fn pairs(&self) -> Vec<(i16, i32, bool, bool)> {
        self.exchanges()
            .map(|e| {
                (
                    e.api_key,
                    e.correlation_id,
                    e.request.is_some(),
                    e.response.is_some(),
                )
            })
            .collect()
    }

    /// The captured bytes of requests and responses.
    pub fn bodies(&self) -> Vec<[Option<Vec<u8>>; 2]> {
        let data = |m: &Option<kafkascope_wire::Message>| m.as_ref().map(|m| m.data.clone());
        self.exchanges()
            .map(|e| [data(&e.request), data(&e.response)])
            .collect()
    }

    pub fn protocols(&self) -> Vec<Protocol> {
        self.items
            .iter()
            .filter_map(|i| match i {
                Item::Protocol { protocol, .. } => Some(*protocol),
                _ => None,
            })
            .collect()
    }

    fn exchanges(&self) -> impl Iterator<Item = &kafkascope_wire::Exchange> {
        self.items.iter().filter_map(|i| match i {
            Item::Exchange(e) => Some(&**e),
            _ => None,
        })
    }
}

pub fn frame(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

pub fn string(s: &str) -> Vec<u8> {
    [&(s.len() as u16).to_be_bytes()[..], s.as_bytes()].concat()
}

pub fn request(key: i16, version: i16, id: i32, client: &str, body: &[u8]) -> Vec<u8> {
    frame(
        &[
            &key.to_be_bytes()[..],
            &version.to_be_bytes(),
            &id.to_be_bytes(),
            &string(client),
            body,
        ]
        .concat(),
    )
}

pub fn response(id: i32, body: &[u8]) -> Vec<u8> {
    frame(&[&id.to_be_bytes()[..], body].concat())
}

pub fn api_versions(id: i32, client: &str) -> Vec<u8> {
    request(18, 3, id, client, b"\0\x03sw\x031.\0")
}

pub fn api_versions_response(id: i32) -> Vec<u8> {
    response(id, b"\0\0\x02\0\0\0\x03\0\x0d\0\0\0\0\0\0")
}

pub fn heartbeat(id: i32, client: &str) -> Vec<u8> {
    request(
        12,
        0,
        id,
        client,
        &[string("group"), vec![0, 0, 0, 9], string("member")].concat(),
    )
}

pub fn heartbeat_response(id: i32) -> Vec<u8> {
    response(id, b"\0\0")
}

pub fn batch(records: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 8];
    out.extend(((49 + records.len()) as u32).to_be_bytes());
    out.extend([0xff, 0xff, 0xff, 0xff, 2, 1, 2, 3, 4, 0, 0, 0, 0, 0, 2]);
    out.extend(1_700_000_000_000i64.to_be_bytes());
    out.extend(1_700_000_000_005i64.to_be_bytes());
    out.extend((-1i64).to_be_bytes());
    out.extend([0xff; 6]);
    out.extend(3u32.to_be_bytes());
    out.extend(records);
    out
}

pub fn produce(id: i32, client: &str, acks: i16, size: usize) -> Vec<u8> {
    let batch = batch(&vec![b'r'; size]);
    let mut body = vec![0xff, 0xff];
    body.extend(acks.to_be_bytes());
    body.extend(30_000u32.to_be_bytes());
    body.extend(1u32.to_be_bytes());
    body.extend(string("orders"));
    body.extend(1u32.to_be_bytes());
    body.extend(4u32.to_be_bytes());
    body.extend((batch.len() as u32).to_be_bytes());
    body.extend(batch);
    request(0, 7, id, client, &body)
}

pub fn produce_response(id: i32) -> Vec<u8> {
    let mut body = 1u32.to_be_bytes().to_vec();
    body.extend(string("orders"));
    body.extend(1u32.to_be_bytes());
    body.extend(4u32.to_be_bytes());
    body.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 77]);
    body.extend((-1i64).to_be_bytes());
    body.extend(0u64.to_be_bytes());
    body.extend(0u32.to_be_bytes());
    response(id, &body)
}

pub fn sasl_handshake(id: i32, version: i16) -> Vec<u8> {
    request(17, version, id, "me", &string("PLAIN"))
}

pub fn sasl_handshake_response(id: i32) -> Vec<u8> {
    response(id, &[&b"\0\0\0\0\0\x01"[..], &string("PLAIN")].concat())
}

/// Both streams of a connection with seven exchanges.
pub fn conversation() -> (Vec<u8>, Vec<u8>) {
    let up = [
        api_versions(1, "me"),
        heartbeat(2, "me"),
        produce(3, "me", -1, 120),
        heartbeat(4, "me"),
        produce(5, "me", 1, 7),
        heartbeat(6, "me"),
        heartbeat(7, "me"),
    ];
    let down = [
        api_versions_response(1),
        heartbeat_response(2),
        produce_response(3),
        heartbeat_response(4),
        produce_response(5),
        heartbeat_response(6),
        heartbeat_response(7),
    ];
    (up.concat(), down.concat())
}

/// Runs both streams, in pieces of at most `n` bytes, through a session in which a is the client.
pub fn run(client: Option<bool>, opened: bool, up: &[u8], down: &[u8], n: usize) -> Log {
    let mut log = Log::default();
    let mut s = Session::new(client, opened);
    let mut time = 0;
    for piece in up.chunks(n) {
        time += 1;
        s.data(true, time, piece, &mut log.sink());
    }
    for piece in down.chunks(n) {
        time += 1;
        s.data(false, time, piece, &mut log.sink());
    }
    s.close(time + 1, &mut log.sink());
    log
}
