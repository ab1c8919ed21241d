//! `kafka_clients`: one row for each connection, again when something new is learned.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use kafkascope_wire::fields::f;

use crate::{
    columns::Batches,
    rows::KafkaClients,
    seen::{EndsText, Seen},
};

/// What is known of a connection's client.
#[derive(Default)]
pub(crate) struct Card {
    client_id: String,
    cluster_id: Arc<str>,
    software: (Arc<str>, Arc<str>),
    /// The greatest version used of each API.
    api_versions: BTreeMap<i16, i16>,
    mechanism: String,
    tls: bool,
    opened_seen: bool,
    /// Something is not in a row yet, since this time.
    changed_ns: Option<i64>,
}

impl Card {
    /// Whether the connection's start was seen.
    pub fn set_opened_seen(&mut self, opened_seen: bool) {
        self.opened_seen = opened_seen;
    }

    pub fn learn(&mut self, seen: &Seen) {
        let (key, version) = (seen.exchange.api_key, seen.exchange.api_version);
        let mut changed = false;
        if key >= 0 && version >= 0 {
            let known = self.api_versions.entry(key).or_insert(-1);
            if version > *known {
                (*known, changed) = (version, true);
            }
        }
        if let Some(id) = &seen.exchange.client_id
            && *id != self.client_id
        {
            (self.client_id, changed) = (id.clone(), true);
        }
        if seen.cluster_id != self.cluster_id {
            (self.cluster_id, changed) = (seen.cluster_id.clone(), true);
        }
        if let Some(software) = &seen.software
            && (&software.name, &software.version) != (&self.software.0, &self.software.1)
        {
            (self.software, changed) = ((software.name.clone(), software.version.clone()), true);
        }
        const SASL_HANDSHAKE: i16 = 17;
        if let (SASL_HANDSHAKE, Some(request)) = (key, seen.call.request) {
            (self.mechanism, changed) = (request.text(f::MECHANISM).into(), true);
        }
        if changed {
            self.changed_ns.get_or_insert(seen.time_ns());
        }
    }

    /// The connection is TLS, which is all that can be known of it.
    pub fn set_tls(&mut self, time_ns: i64) {
        if !self.tls {
            self.tls = true;
            self.changed_ns.get_or_insert(time_ns);
        }
    }

    /// The ends are better known than in the last row.
    pub fn ends_changed(&mut self, time_ns: i64) {
        if self.tls || !self.api_versions.is_empty() {
            self.changed_ns.get_or_insert(time_ns);
        }
    }

    pub fn report(&mut self, ends: &EndsText, out: &mut Batches) {
        let Some(time_ns) = self.changed_ns.take() else {
            return;
        };
        let mut versions = String::from("{");
        for (i, (key, version)) in self.api_versions.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(versions, "{comma}\"{}\":{version}", crate::api_name(*key))
                .expect("writing to a String");
        }
        versions.push('}');
        out.push(&KafkaClients {
            time_: time_ns,
            client_upid: &ends.client_upid,
            client_addr: &ends.client_addr,
            client_port: ends.client_port,
            broker_upid: &ends.broker_upid,
            broker_addr: &ends.broker_addr,
            broker_port: ends.broker_port,
            observed_by: ends.observed_by,
            cluster_id: &self.cluster_id,
            client_id: &self.client_id,
            software_name: &self.software.0,
            software_version: &self.software.1,
            api_versions: &versions,
            mechanism: &self.mechanism,
            tls: self.tls,
            opened_seen: self.opened_seen,
            ..Default::default()
        });
    }
}
