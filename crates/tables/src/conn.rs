//! What the pipeline keeps of a connection.

use kafkascope_state::{Ends, Host};
use kafkascope_stream::{ConnId, ConnInfo, Dir, Endpoint, HoleReason, Process};
use kafkascope_wire::{Protocol, Session, session::Missing};

use crate::{
    clients::Card,
    conn_stats::Counted,
    loss::{LossBook, Reason},
    seen::EndsText,
    tls::Libraries,
};

/// Ports of well-known services under TLS that are not Kafka: their connections are counted, not listed.
const OTHER_TLS: [u16; 20] = [
    22, 443, 465, 563, 587, 636, 853, 989, 990, 993, 995, 2376, 2379, 2380, 3306, 5432, 6379, 6443,
    8443, 10250,
];

/// Begins a session with the first bytes, when the handshake is known as far as it will be; later tells it who the client
/// is. Whether it has just begun.
pub(crate) fn begin(session: &mut Session, begun: &mut bool, info: &ConnInfo) -> bool {
    let client_is_a = info.client_dir.map(|dir| dir == Dir::AToB);
    let first = !std::mem::replace(begun, true);
    if first {
        *session = Session::new(client_is_a, info.opened_seen);
    } else if let Some(client_is_a) = client_is_a {
        session.learn_client(client_is_a);
    }
    first
}

/// Why a session misses the bytes of a stream's hole.
pub(crate) fn missing(reason: HoleReason) -> Missing {
    match reason {
        HoleReason::NotCaptured => Missing::LeftOut,
        _ => Missing::Lost,
    }
}

/// A connection with its session and what its rows say of the ends.
pub(crate) struct Conn {
    pub session: Session,
    /// Bytes have come, so the handshake is known as far as it will be.
    pub begun: bool,
    pub info: ConnInfo,
    pub client_dir: Dir,
    pub protocol: Protocol,
    pub ends: Ends,
    pub text: EndsText,
    pub card: Card,
    pub counted: Counted,
    /// TLS that may be Kafka.
    pub tls_listed: bool,
    /// Bytes of a TLS connection that are in a row of `kafka_loss`.
    pub tls_bytes: u64,
    /// Something happened since the last `conn_stats`.
    pub active: bool,
}

impl Conn {
    /// A connection of which no byte has come yet.
    pub fn new(asid: u32, info: &ConnInfo) -> Conn {
        let client_dir = info.client_dir.unwrap_or(Dir::AToB);
        let any = Host {
            addr: std::net::SocketAddr::new(info.a.addr, info.a.port),
            netns: info.netns,
            process: None,
        };
        let mut conn = Conn {
            session: Session::new(None, false),
            begun: false,
            info: info.clone(),
            client_dir,
            protocol: Protocol::Unknown,
            ends: Ends {
                client: any,
                broker: any,
            },
            text: EndsText::default(),
            card: Card::default(),
            counted: Counted::default(),
            tls_listed: false,
            tls_bytes: 0,
            active: true,
        };
        conn.set_ends(asid, client_dir);
        conn
    }

    /// Whether neither port belongs to a well-known service that is something else.
    pub fn may_be_kafka(&self) -> bool {
        ![self.info.a.port, self.info.b.port]
            .iter()
            .any(|p| OTHER_TLS.contains(p))
    }

    /// Notes the bytes of a TLS connection since the last time.
    pub fn note_tls(
        &mut self,
        id: ConnId,
        now_ns: i64,
        libraries: &mut Libraries,
        losses: &mut LossBook,
    ) {
        let bytes: u64 = self.info.bytes.iter().sum();
        if self.tls_listed && bytes > self.tls_bytes {
            let (first, more) = (
                i64::from(self.tls_bytes == 0),
                (bytes - self.tls_bytes) as i64,
            );
            losses.note(
                Some((id, &self.text)),
                Reason::Tls,
                &libraries.detail(&self.ends),
                now_ns,
                first,
                more,
            );
            self.tls_bytes = bytes;
        }
    }

    pub fn set_ends(&mut self, asid: u32, client_dir: Dir) {
        let process = |p: Option<Process>| p.map(|p| (p.pid, p.start_boot_ns));
        let host = |end: Endpoint, p| Host {
            addr: std::net::SocketAddr::new(end.addr, end.port),
            netns: self.info.netns,
            process: process(p),
        };
        let (a, b) = (
            host(self.info.a, self.info.a_process),
            host(self.info.b, self.info.b_process),
        );
        let (client, broker) = if client_dir == Dir::AToB {
            (a, b)
        } else {
            (b, a)
        };
        self.client_dir = client_dir;
        self.ends = Ends { client, broker };
        self.text = EndsText::new(asid, &self.info, client_dir);
        self.card.ends_changed(self.info.first_ns);
    }
}
