//! `kafka_events.beta`: every request with its response.

use kafkascope_wire::{Outcome, Tape, Value, fields::f};

use crate::{columns::Batches, reading::verdict, rows::KafkaEventsBeta, seen::Seen};

const CLIENT: i64 = 1;
const SERVER: i64 = 2;

pub(crate) fn write(seen: &Seen, request_body: &str, response_body: &str, out: &mut Batches) {
    let ends = seen.ends;
    // the broker's side unless only the client was observed; a packet belongs to neither
    let server = ends.observed_by != "client";
    let broker = (
        ends.broker_upid.as_str(),
        ends.broker_addr.as_str(),
        ends.broker_port,
    );
    let client = (
        ends.client_upid.as_str(),
        ends.client_addr.as_str(),
        ends.client_port,
    );
    let (local, remote) = if server {
        (broker, client)
    } else {
        (client, broker)
    };
    let exchange = seen.exchange;
    let messages = || {
        [&exchange.request, &exchange.response]
            .into_iter()
            .flatten()
    };
    let response = seen
        .call
        .response
        .filter(|r| readable(seen.response_outcome) && !r.tape.nodes.is_empty());
    let (software_name, software_version) = seen
        .software
        .as_ref()
        .map_or(("", ""), |s| (&*s.name, &*s.version));
    out.push(&KafkaEventsBeta {
        time_: seen.time_ns(),
        upid: local.0,
        remote_addr: remote.1,
        remote_port: remote.2,
        local_addr: local.1,
        local_port: local.2,
        trace_role: if server { SERVER } else { CLIENT },
        encrypted: false,
        req_cmd: exchange.api_key.into(),
        client_id: seen.client_id(),
        req_body: request_body,
        resp: response_body,
        latency: seen.latency_ns().unwrap_or(0),
        req_cmd_name: crate::api_name(exchange.api_key),
        api_version: exchange.api_version.into(),
        correlation_id: exchange.correlation_id.into(),
        error_code: response.map(|r| first_error(r.tape)),
        throttle_ms: response.and_then(|r| r.root().int(f::THROTTLE_TIME_MS)),
        req_bytes: exchange.request.as_ref().map(|m| m.declared.into()),
        resp_bytes: exchange.response.as_ref().map(|m| m.declared.into()),
        outcome: verdict(exchange, seen.request_outcome, seen.response_outcome).outcome,
        captured_bytes: messages().map(|m| m.data.len() as i64).sum(),
        declared_bytes: messages().map(|m| i64::from(m.declared)).sum(),
        cluster_id: &seen.cluster_id,
        broker_id: seen.node_id.map(i64::from),
        software_name,
        software_version,
        remote_upid: remote.0,
        ..Default::default()
    });
}

fn readable(outcome: Option<Outcome>) -> bool {
    outcome.is_some_and(|o| !matches!(o, Outcome::UnknownVersion | Outcome::Malformed { .. }))
}

/// The first error code that is not 0, in the order of the wire.
fn first_error(tape: &Tape) -> i64 {
    let error = |n: &kafkascope_wire::Node| match (n.field, n.value) {
        (f::ERROR_CODE | f::PARTITION_ERROR_CODE | f::ACKNOWLEDGE_ERROR_CODE, Value::Int(code))
            if code != 0 =>
        {
            Some(code)
        }
        _ => None,
    };
    tape.nodes.iter().find_map(error).unwrap_or(0)
}
