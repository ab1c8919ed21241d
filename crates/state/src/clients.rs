//! Client software as ApiVersions names it (KIP-511).

use std::{net::IpAddr, sync::Arc};

use kafkascope_wire::fields::f;

use crate::{Call, Ends, bounded::Bounded, call::ProcessKey};

/// Name and version of a client library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    pub name: Arc<str>,
    pub version: Arc<str>,
}

/// Who a client is beyond its connection: its process, else its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Actor {
    Process(ProcessKey),
    Address(u32, IpAddr),
}

impl Actor {
    pub fn of(ends: &Ends) -> Actor {
        match ends.client.process {
            Some(process) => Actor::Process(process),
            None => Actor::Address(ends.client.netns, ends.client.addr.ip()),
        }
    }
}

pub(crate) struct Clients {
    by_conn: Bounded<u64, Software>,
    /// For connections that are older than the capture: what the same client said on another.
    by_client: Bounded<(Actor, String), Software>,
}

impl Clients {
    pub fn new(limit: usize) -> Self {
        Clients {
            by_conn: Bounded::new(limit),
            by_client: Bounded::new(limit),
        }
    }

    /// True when the connection's software is new.
    pub fn learn(&mut self, call: &Call) -> bool {
        let (18, Some(body)) = (call.api_key, call.request) else {
            return false;
        };
        let name = body.text(f::CLIENT_SOFTWARE_NAME);
        if name.is_empty() {
            return false;
        }
        let software = Software {
            name: (&*name).into(),
            version: (&*body.text(f::CLIENT_SOFTWARE_VERSION)).into(),
        };
        let client = (
            Actor::of(&call.ends),
            call.client_id.unwrap_or_default().to_owned(),
        );
        *self.by_client.entry(client, || software.clone()) = software.clone();
        let mut new = false;
        let known = self.by_conn.entry(call.conn, || {
            new = true;
            software.clone()
        });
        new |= *known != software;
        *known = software;
        new
    }

    pub fn software(&self, ends: &Ends, conn: u64, client_id: Option<&str>) -> Option<&Software> {
        self.by_conn.peek(&conn).or_else(|| {
            self.by_client
                .peek(&(Actor::of(ends), client_id.unwrap_or_default().to_owned()))
        })
    }

    pub fn closed(&mut self, conn: u64) {
        self.by_conn.remove(&conn);
    }

    pub fn forgotten(&self) -> u64 {
        self.by_conn.forgotten() + self.by_client.forgotten()
    }
}
