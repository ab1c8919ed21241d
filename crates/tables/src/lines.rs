//! `px decode` lines: one per request with its response, as JSON or as text for people, in the order of time.

mod names;
mod order;
mod text;
mod time;

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kafkascope_stream::Endpoint;
use kafkascope_wire::{Direction, Exchange, Message, Outcome, Side, Tape, apis, fields};

use crate::body::{
    ENVELOPE, Enveloped, Style, write_body, write_envelope_answer, write_int, write_string,
};
use crate::reading::{self, Reading, read};
use names::Names;
use order::{Line, Order};

/// Lines that wait for earlier ones take at most this much memory, and at most this much capture time: longer than
/// a JoinGroup usually waits for the other members.
const HELD_BYTES: usize = 256 << 20;
const HELD_NS: i64 = 600 * 1_000_000_000;

/// Begins the text that stands for a topic's name until one is known; its id in base64 follows. JSON escapes it
/// and the text form replaces it where it comes from the wire, so that no message can contain it.
pub(crate) const MARK: char = '\u{1}';
const MARK_JSON: &str = ",\"topicName\":\"\\u0001";
const ID_LEN: usize = 22;

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    Text,
}

/// Client and broker of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub client: Endpoint,
    pub broker: Endpoint,
}

/// A stretch that gave no messages.
#[derive(Clone, Copy, Debug)]
pub struct Unreadable {
    pub side: Side,
    pub first_ns: i64,
    pub bytes: u64,
    pub why: &'static str,
}

/// Counters of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStats {
    pub requests: u64,
    /// Exchanges whose outcome is not `complete`.
    pub incomplete: u64,
    pub unreadable_bytes: u64,
    pub late: u64,
}

/// Turns exchanges into lines.
pub struct Lines {
    format: Format,
    names: Names,
    order: Order,
    tapes: [Tape; 2],
    /// The line being written: one buffer for all, so that none grows from nothing.
    scratch: String,
    stats: LineStats,
}

/// What became of an exchange, and of which side it is told.
struct Verdict {
    outcome: &'static str,
    why: Option<String>,
}

impl Lines {
    pub fn new(format: Format) -> Lines {
        Lines {
            format,
            names: Names::default(),
            order: Order::new(HELD_BYTES, HELD_NS),
            tapes: Default::default(),
            scratch: String::new(),
            stats: LineStats::default(),
        }
    }

    pub fn stats(&self) -> LineStats {
        LineStats {
            late: self.order.late,
            ..self.stats
        }
    }

    /// Takes a request with its response, or one of them alone.
    pub fn exchange(&mut self, ends: Ends, exchange: &Exchange) {
        let mut tapes = std::mem::take(&mut self.tapes);
        let [request, response] = &mut tapes;
        let readings = [
            read(exchange, Direction::Request, request),
            read(exchange, Direction::Response, response),
        ];
        let outcomes = readings.map(|r| r.map(|r| r.outcome));
        let verdict = Verdict::of(exchange, readings);
        self.stats.requests += u64::from(exchange.request.is_some());
        self.stats.incomplete += u64::from(verdict.outcome != "complete");
        self.names.learn(ends, exchange, &tapes, readings);
        let time_ns = exchange
            .request
            .as_ref()
            .or(exchange.response.as_ref())
            .map_or(0, |m| m.first_ns);
        let line = match self.format {
            Format::Json => self.json(time_ns, ends, exchange, &tapes, outcomes, &verdict),
            Format::Text => text::exchange(time_ns, ends, exchange, &tapes, &verdict, &self.names),
        };
        self.order.push(time_ns, line);
        self.tapes = tapes;
    }

    /// Takes a stretch of a Kafka connection that could not be read.
    pub fn unreadable(&mut self, ends: Ends, what: Unreadable) {
        self.stats.unreadable_bytes += what.bytes;
        self.stats.incomplete += 1;
        let mut out = String::with_capacity(300);
        let from_client = what.side == Side::Client;
        let line = match self.format {
            Format::Json => {
                head(&mut out, what.first_ns, ends);
                out.push_str(",\"apiKey\":null,\"apiName\":null,\"apiVersion\":null,\"correlationId\":null,\"clientId\":null");
                for (key, mine) in [
                    ("requestBytes", from_client),
                    ("responseBytes", !from_client),
                ] {
                    out.push_str(&format!(",\"{key}\":"));
                    if mine {
                        write_int(&mut out, what.bytes as i64)
                    } else {
                        out.push_str("null")
                    }
                }
                out.push_str(",\"latencyNs\":null,\"cluster\":");
                let cluster_at = Some(out.len());
                out.push_str(",\"outcome\":\"unreadable\",\"why\":");
                write_string(&mut out, what.why);
                out.push_str(",\"request\":null,\"response\":null}");
                Line {
                    text: out,
                    cluster_at,
                    broker: ends.broker,
                    unnamed: false,
                }
            }
            Format::Text => {
                let text = text::unreadable(ends, &what);
                Line {
                    text,
                    cluster_at: None,
                    broker: ends.broker,
                    unnamed: false,
                }
            }
        };
        self.order.push(what.first_ns, line);
    }

    /// Lines that were held already at the last call do not wait any more.
    pub fn age(&mut self) {
        self.order.age();
    }

    /// Prints the lines that need not wait; with `end`, all.
    pub fn print(&mut self, out: &mut dyn Write, end: bool) -> io::Result<()> {
        while let Some(line) = self.order.pop(end) {
            let mut text = line.text.as_str();
            let named;
            let mut cluster_at = line.cluster_at;
            if line.unnamed {
                // Marks stand behind the place of the cluster.
                named = self.with_names(text, cluster_at.unwrap_or(0));
                text = &named;
            }
            if let Some(at) = cluster_at.take() {
                out.write_all(&text.as_bytes()[..at])?;
                let mut cluster = String::new();
                match self.names.cluster(line.broker) {
                    Some(id) => write_string(&mut cluster, &id),
                    None => cluster.push_str("null"),
                }
                out.write_all(cluster.as_bytes())?;
                text = &text[at..];
            }
            out.write_all(text.as_bytes())?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn json(
        &mut self,
        time_ns: i64,
        ends: Ends,
        exchange: &Exchange,
        tapes: &[Tape; 2],
        outcomes: [Option<Outcome>; 2],
        verdict: &Verdict,
    ) -> Line {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        head(&mut out, time_ns, ends);
        let known = exchange.api_key >= 0;
        out.push_str(",\"apiKey\":");
        optional(&mut out, known.then_some(i64::from(exchange.api_key)));
        out.push_str(",\"apiName\":");
        if known {
            write_string(&mut out, apis::name(exchange.api_key))
        } else {
            out.push_str("null")
        }
        out.push_str(",\"apiVersion\":");
        optional(&mut out, exchange.version().map(i64::from));
        out.push_str(",\"correlationId\":");
        optional(&mut out, exchange.numbered().map(i64::from));
        out.push_str(",\"clientId\":");
        match &exchange.client_id {
            Some(id) => write_string(&mut out, id),
            // Brokers take a null client id for an empty one, and log it so.
            None if exchange.says_client() => out.push_str("\"\""),
            None => out.push_str("null"),
        }
        let declared = |m: &Option<Message>| m.as_ref().map(|m| i64::from(m.declared));
        out.push_str(",\"requestBytes\":");
        optional(&mut out, declared(&exchange.request));
        out.push_str(",\"responseBytes\":");
        optional(&mut out, declared(&exchange.response));
        out.push_str(",\"latencyNs\":");
        optional(&mut out, latency_ns(exchange));
        out.push_str(",\"cluster\":");
        let cluster_at = Some(out.len());
        out.push_str(",\"outcome\":\"");
        out.push_str(verdict.outcome);
        out.push('"');
        if let Some(why) = &verdict.why {
            out.push_str(",\"why\":");
            write_string(&mut out, why);
        }
        let unnamed = Cell::new(false);
        let topic_name = |id: &[u8; 16]| match self.names.topic(id) {
            Some(name) => Some(name.to_owned()),
            None if *id == [0; 16] => None,
            None => {
                unnamed.set(true);
                Some(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(id)))
            }
        };
        let sides = [
            ("request", Direction::Request, &exchange.request),
            ("response", Direction::Response, &exchange.response),
        ];
        for (i, (key, direction, message)) in sides.into_iter().enumerate() {
            out.extend([",\"", key, "\":"]);
            match (message, outcomes[i]) {
                (Some(_), _) if exchange.raw_sasl => out.push_str("{\"authBytes\":\"<masked>\"}"),
                (None, _) | (_, None | Some(Outcome::UnknownVersion)) => out.push_str("null"),
                (Some(message), _)
                    if exchange.api_key == ENVELOPE && direction == Direction::Response =>
                {
                    let request = exchange.request.as_ref();
                    let asked = request.and_then(|r| Enveloped::of(tapes[0].root(), &r.view()));
                    write_envelope_answer(
                        &mut out,
                        Style::RequestLog,
                        &tapes[i],
                        &message.view(),
                        &topic_name,
                        asked,
                    );
                }
                (Some(message), _) => write_body(
                    &mut out,
                    Style::RequestLog,
                    exchange.api_key,
                    direction,
                    &tapes[i],
                    &message.view(),
                    &topic_name,
                ),
            }
        }
        out.push('}');
        let line = Line {
            text: out.as_str().into(),
            cluster_at,
            broker: ends.broker,
            unnamed: unnamed.get(),
        };
        self.scratch = out;
        line
    }

    /// Puts names in the place of marks; where none was learned, JSON leaves `topicName` out and text shows the id.
    fn with_names(&self, text: &str, from: usize) -> String {
        let json = self.format == Format::Json;
        let mark = if json { MARK_JSON } else { "\u{1}" };
        let mut out = String::with_capacity(text.len() + 64);
        out.push_str(&text[..from]);
        let mut rest = &text[from..];
        while let Some(at) = rest.find(mark) {
            out.push_str(&rest[..at]);
            let id_at = at + mark.len();
            let id_text = &rest[id_at..id_at + ID_LEN];
            let id: Option<[u8; 16]> = URL_SAFE_NO_PAD
                .decode(id_text)
                .ok()
                .and_then(|b| b.try_into().ok());
            let name = id.and_then(|id| self.names.topic(&id));
            match (name, json) {
                (Some(name), true) => {
                    out.push_str(",\"topicName\":");
                    write_string(&mut out, name);
                }
                (Some(name), false) => text::push_clean(&mut out, name),
                (None, true) => {}
                (None, false) => out.push_str(id_text),
            }
            rest = &rest[id_at + ID_LEN + usize::from(json)..];
        }
        out.push_str(rest);
        out
    }
}

fn head(out: &mut String, time_ns: i64, ends: Ends) {
    out.push_str("{\"time\":\"");
    time::write_rfc3339(out, time_ns);
    out.push_str("\",\"client\":\"");
    write_end(out, ends.client);
    out.push_str("\",\"broker\":\"");
    write_end(out, ends.broker);
    out.push('"');
}

fn write_end(out: &mut String, end: Endpoint) {
    match end.addr {
        IpAddr::V4(addr) => {
            for (i, octet) in addr.octets().into_iter().enumerate() {
                if i > 0 {
                    out.push('.');
                }
                write_int(out, octet.into());
            }
        }
        IpAddr::V6(addr) => {
            let _ = write!(out, "[{addr}]");
        }
    }
    out.push(':');
    write_int(out, end.port.into());
}

fn optional(out: &mut String, n: Option<i64>) {
    match n {
        Some(n) => write_int(out, n),
        None => out.push_str("null"),
    }
}

/// From the request's last byte to the response's last.
fn latency_ns(exchange: &Exchange) -> Option<i64> {
    Some((exchange.response.as_ref()?.last_ns - exchange.request.as_ref()?.last_ns).max(0))
}

impl Verdict {
    fn of(exchange: &Exchange, [request, response]: [Option<Reading>; 2]) -> Verdict {
        let reading::Verdict { outcome, of } = reading::verdict(
            exchange,
            request.map(|r| r.outcome),
            response.map(|r| r.outcome),
        );
        let behind = [("request", request), ("response", response)]
            .into_iter()
            .find_map(|(side, reading)| Some((side, reading?.behind?)));
        let why = match (outcome, of, behind) {
            (_, Some((direction, fault)), _) => fault_text(direction, fault),
            ("no_request", ..) => Some("the request was not seen".into()),
            ("no_response", ..) => Some("none was seen".into()),
            // nothing is missing where none was wanted
            _ if exchange.response.is_none() => Some("acks=0: no response is sent".into()),
            (_, _, Some((side, at))) => {
                Some(format!("{side}: bytes behind the last field at {at}"))
            }
            _ => None,
        };
        Verdict { outcome, why }
    }
}

fn fault_text(direction: Direction, fault: Outcome) -> Option<String> {
    let side = match direction {
        Direction::Request => "request",
        Direction::Response => "response",
    };
    match fault {
        Outcome::Truncated { at, field } | Outcome::Gap { at, field } => Some(format!(
            "{side}: no bytes at {at} ({})",
            fields::name(field)
        )),
        Outcome::Malformed { at, field, why } => {
            Some(format!("{side}: {why} at {at} ({})", fields::name(field)))
        }
        Outcome::Complete | Outcome::UnknownVersion => None,
    }
}
