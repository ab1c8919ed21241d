//! A request with its response becomes rows.

use kafkascope_state::{Body, Call};
use kafkascope_stream::ConnId;
use kafkascope_wire::{Direction, Exchange, Outcome, Tape};

use crate::{
    body::{ENVELOPE, Enveloped, Style, write_body, write_envelope_answer},
    commits,
    conn::Conn,
    connections::Connections,
    events, fetch, fetch_groups, group_events,
    loss::Reason,
    produce,
    reading::{Reading, read},
    seen::Seen,
    topics,
};

/// Longest JSON of a body; one that is longer is told by its length.
const BODY: usize = 1 << 20;

impl Connections {
    pub fn exchange(&mut self, id: ConnId, conn: &mut Conn, exchange: &Exchange) {
        self.counts.exchanges += 1;
        let [mut request_tape, mut response_tape] = std::mem::take(&mut self.tapes);
        let request = read(exchange, Direction::Request, &mut request_tape);
        let response = read(exchange, Direction::Response, &mut response_tape);
        let call = Call {
            conn: id,
            ends: conn.ends,
            api_key: exchange.api_key,
            api_version: exchange.api_version,
            client_id: exchange.client_id.as_deref(),
            time_ns: exchange
                .request
                .as_ref()
                .or(exchange.response.as_ref())
                .map_or(0, |m| m.first_ns),
            request: body(exchange.request.as_ref(), &request_tape, request),
            response: body(exchange.response.as_ref(), &response_tape, response),
        };
        let lesson = self.state.learn(&call);
        let seen = Seen {
            exchange,
            call,
            ends: &conn.text,
            request_outcome: request.map(|r| r.outcome),
            response_outcome: response.map(|r| r.outcome),
            cluster_id: lesson.broker.cluster_id.clone(),
            node_id: lesson.broker.node_id,
            software: self
                .state
                .software(&conn.ends, id, exchange.client_id.as_deref())
                .cloned(),
        };
        conn.card.learn(&seen);
        topics::write(
            &lesson.names,
            seen.response_ns().unwrap_or(call.time_ns),
            &mut self.out,
        );
        match exchange.api_key {
            0 => produce::write(&seen, &self.state, &mut self.out),
            1 | fetch::SHARE_FETCH => {
                fetch::write(&seen, lesson.fetch.as_ref(), &mut self.state, &mut self.out)
            }
            8 | 28 => commits::write(&seen, &self.state, &mut self.out),
            _ => {}
        }
        fetch_groups::write(&seen, &lesson.late_groups, &self.state, &mut self.out);
        group_events::write(&seen, &lesson.group_events, &self.state, &mut self.out);
        self.event_row(&seen);
        self.note_faults(id, conn, &seen);
        (request_tape.nodes, response_tape.nodes) =
            (cleared(request_tape.nodes), cleared(response_tape.nodes));
        self.tapes = [request_tape, response_tape];
    }

    fn event_row(&mut self, seen: &Seen) {
        let name = |id: &[u8; 16]| self.state.topic_name(id).map(|n| n.to_string());
        let (key, version) = (seen.exchange.api_key, seen.exchange.api_version);
        for (i, direction) in [Direction::Request, Direction::Response]
            .into_iter()
            .enumerate()
        {
            self.bodies[i].clear();
            let body = if i == 0 {
                seen.call.request
            } else {
                seen.call.response
            };
            // of a raw SASL token or an unknown version nothing was read
            if let Some(body) = body
                .filter(|b| b.complete || !b.tape.nodes.is_empty())
                .filter(|_| version >= 0)
            {
                if key == ENVELOPE && direction == Direction::Response {
                    let request = seen.call.request;
                    let asked = request.and_then(|r| Enveloped::of(r.root(), &r.view));
                    let out = &mut self.bodies[i];
                    write_envelope_answer(out, Style::Snake, body.tape, &body.view, &name, asked);
                    continue;
                }
                write_body(
                    &mut self.bodies[i],
                    Style::Snake,
                    key,
                    direction,
                    body.tape,
                    &body.view,
                    &name,
                );
                if self.bodies[i].len() > BODY {
                    self.bodies[i] = format!("{{\"omitted_bytes\":{}}}", self.bodies[i].len());
                }
            }
        }
        events::write(seen, &self.bodies[0], &self.bodies[1], &mut self.out);
    }

    fn note_faults(&mut self, id: ConnId, conn: &Conn, seen: &Seen) {
        let messages = [
            (&seen.exchange.request, seen.request_outcome),
            (&seen.exchange.response, seen.response_outcome),
        ];
        for (message, outcome) in messages {
            let (Some(message), Some(outcome)) = (message, outcome) else {
                continue;
            };
            let missing = i64::from(message.declared) - message.data.len() as i64;
            let (reason, bytes) = match outcome {
                Outcome::Complete => continue,
                // a response whose request was not seen: its row says so
                _ if seen.exchange.request.is_none() => continue,
                Outcome::Truncated { .. } | Outcome::Gap { .. } if message.lost > 0 => continue,
                Outcome::Truncated { .. } | Outcome::Gap { .. } => (Reason::NotCaptured, missing),
                Outcome::Malformed { .. } => (Reason::Malformed, i64::from(message.declared)),
                Outcome::UnknownVersion => (Reason::UnknownVersion, i64::from(message.declared)),
            };
            self.counts.incomplete += 1;
            let api = crate::api_name(seen.exchange.api_key);
            let detail = match outcome {
                Outcome::Malformed { field, why, .. } => {
                    format!(
                        "{api} v{}: {}: {why}",
                        seen.exchange.api_version,
                        kafkascope_wire::fields::name(field)
                    )
                }
                _ => format!("{api} v{}", seen.exchange.api_version),
            };
            self.losses.note(
                Some((id, &conn.text)),
                reason,
                &detail,
                message.last_ns,
                1,
                bytes,
            );
        }
    }
}

fn cleared<T>(mut vec: Vec<T>) -> Vec<T> {
    vec.clear();
    vec
}

fn body<'a>(
    message: Option<&'a kafkascope_wire::Message>,
    tape: &'a Tape,
    reading: Option<Reading>,
) -> Option<Body<'a>> {
    Some(Body {
        tape,
        view: message?.view(),
        complete: reading.is_some_and(|r| r.fields),
    })
}
