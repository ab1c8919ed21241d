//! Messages inside messages, beside the bytes that they are: what members of a group tell each other, forwarded requests with their
//! answers, pushed telemetry.

use kafkascope_wire::blobs::{Blob, decode_blob};
use kafkascope_wire::fields::f;
use kafkascope_wire::tape::Object;
use kafkascope_wire::{Direction, FieldId, Node, Outcome, Tape, Value, View, apis, decode, header};

use super::{Level, Writer, json, telemetry};

const JOIN_GROUP: i16 = 11;
const SYNC_GROUP: i16 = 14;
const DESCRIBE_GROUPS: i16 = 15;
pub const ENVELOPE: i16 = 58;
const PUSH_TELEMETRY: i16 = 72;

/// API and version of the request that an Envelope brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enveloped {
    pub api_key: i16,
    pub api_version: i16,
}

impl Enveloped {
    /// Of an Envelope's request.
    pub fn of(request: Object, view: &View) -> Option<Enveloped> {
        let inside = View::whole(request.bytes(view, f::REQUEST_DATA)?);
        let header = header::request(&inside)?;
        Some(Enveloped {
            api_key: header.api_key,
            api_version: header.api_version,
        })
    }
}

/// Where messages name the assignor that a blob is from, or for.
const ASSIGNOR: &[FieldId] = &[f::NAME, f::PROTOCOL_NAME, f::PROTOCOL_DATA];

/// What is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Message,
    /// An Envelope's response, and what was asked in it.
    Envelope(Enveloped),
    /// What a consumer says or is told, with the user data of this assignor.
    Consumer(Option<Blob>),
    /// What a worker of Kafka Connect says.
    Worker,
}

impl Writer<'_, '_> {
    /// Writes what the bytes of `nodes[i]` hold, when that is known.
    pub(super) fn embedded(&mut self, level: &mut Level, nodes: &[Node], i: usize) {
        let Some(bytes) = self.view.bytes(nodes[i].value) else {
            return;
        };
        let field = nodes[i].field;
        match (self.api_key, field, self.within) {
            (_, f::USER_DATA, Within::Consumer(Some(blob))) => {
                self.blob(level, field, blob, bytes, Within::Message);
            }
            (_, f::ALLOCATION, Within::Worker) => {
                self.blob(level, field, Blob::ConnectAssignment, bytes, Within::Worker);
            }
            (_, _, Within::Consumer(_) | Within::Worker) => {}
            (JOIN_GROUP, f::METADATA, _) | (DESCRIBE_GROUPS, f::MEMBER_METADATA, _) => {
                match self.before(nodes, i, &[f::PROTOCOL_TYPE]) {
                    Some("connect") => {
                        self.blob(
                            level,
                            field,
                            Blob::ConnectSubscription,
                            bytes,
                            Within::Worker,
                        );
                    }
                    Some("consumer") | None => {
                        let user_data = match self.before(nodes, i, ASSIGNOR) {
                            Some("sticky") => Some(Blob::StickyUserData),
                            Some("cooperative-sticky") => Some(Blob::CooperativeStickyUserData),
                            Some("stream") => Some(Blob::StreamsUserData),
                            _ => None,
                        };
                        let within = Within::Consumer(user_data);
                        self.blob(level, field, Blob::ConsumerSubscription, bytes, within);
                    }
                    Some(_) => {}
                }
            }
            (SYNC_GROUP, f::ASSIGNMENT, _) | (DESCRIBE_GROUPS, f::MEMBER_ASSIGNMENT, _) => {
                match self.before(nodes, i, &[f::PROTOCOL_TYPE]) {
                    Some("connect") => {
                        self.blob(level, field, Blob::ConnectAssignment, bytes, Within::Worker);
                    }
                    Some("consumer") | None => {
                        let user_data = match self.before(nodes, i, ASSIGNOR) {
                            Some("stream") => Some(Blob::StreamsAssignment),
                            _ => None,
                        };
                        let within = Within::Consumer(user_data);
                        self.blob(level, field, Blob::ConsumerAssignment, bytes, within);
                    }
                    Some(_) => {}
                }
            }
            (ENVELOPE, f::REQUEST_PRINCIPAL, _) => {
                self.blob(level, field, Blob::Principal, bytes, Within::Message);
            }
            (ENVELOPE, f::REQUEST_DATA, _) => self.enveloped(level, field, bytes),
            (ENVELOPE, f::RESPONSE_DATA, Within::Envelope(asked)) => {
                self.envelope_answer(level, field, bytes, asked);
            }
            (PUSH_TELEMETRY, f::METRICS, _) => self.telemetry(level, nodes, field, bytes),
            _ => {}
        }
    }

    /// The nearest of these fields before `nodes[i]`, when it is a text.
    fn before(&self, nodes: &[Node], i: usize, fields: &[FieldId]) -> Option<&str> {
        let node = nodes[..i]
            .iter()
            .rev()
            .find(|n| fields.contains(&n.field))?;
        let text = self.view.bytes(node.value)?;
        std::str::from_utf8(text).ok()
    }

    fn decoded_key(&mut self, level: &mut Level, field: FieldId) {
        self.key(level, self.name(field), self.pick("Decoded", "_decoded"));
    }

    /// A blob that cannot be read to its end is shown by its bytes alone: others may write what they like there.
    fn blob(
        &mut self,
        level: &mut Level,
        field: FieldId,
        blob: Blob,
        bytes: &[u8],
        within: Within,
    ) {
        let mut tape = Tape::default();
        let (version, outcome) = decode_blob(blob, bytes, &mut tape);
        if outcome != Outcome::Complete || version < 0 {
            return;
        }
        self.decoded_key(level, field);
        self.inner(self.api_key, &View::whole(bytes), &tape, within);
    }

    fn inner(&mut self, api_key: i16, view: &View, tape: &Tape, within: Within) {
        Writer {
            out: self.out,
            style: self.style,
            api_key,
            view,
            topic_name: self.topic_name,
            tags: Vec::new(),
            within,
        }
        .body(&tape.nodes);
    }

    /// The request that a broker passes on to the controller: the request log has this one, not its envelope.
    fn enveloped(&mut self, level: &mut Level, field: FieldId, bytes: &[u8]) {
        let view = View::whole(bytes);
        // An envelope in an envelope is no request of Kafka's, and could be nested without end.
        let Some(header) = header::request(&view).filter(|h| h.api_key != ENVELOPE) else {
            return;
        };
        let mut tape = Tape::default();
        let (key, version, at) = (header.api_key, header.api_version, header.body_at);
        if decode(key, version, Direction::Request, &view, at, &mut tape) == Outcome::UnknownVersion
        {
            return;
        }
        self.decoded_key(level, field);
        let mut level = Level::object();
        self.out.push('{');
        for (camel, snake, value) in [
            ("apiKey", "api_key", i64::from(key)),
            ("apiVersion", "api_version", version.into()),
            (
                "correlationId",
                "correlation_id",
                header.correlation_id.into(),
            ),
        ] {
            self.key(&mut level, self.pick(camel, snake), "");
            json::write_int(self.out, value);
        }
        self.key(&mut level, self.pick("apiName", "api_name"), "");
        json::write_string(self.out, apis::name(key));
        self.key(&mut level, self.pick("clientId", "client_id"), "");
        match header.client_id {
            Some(id) => json::write_string(self.out, &String::from_utf8_lossy(id)),
            None => self.out.push_str("null"),
        }
        self.key(&mut level, "request", "");
        self.inner(key, &view, &tape, Within::Message);
        self.out.push('}');
    }

    /// The controller's answer, with its own header.
    fn envelope_answer(
        &mut self,
        level: &mut Level,
        field: FieldId,
        bytes: &[u8],
        asked: Enveloped,
    ) {
        let view = View::whole(bytes);
        let (key, version) = (asked.api_key, asked.api_version);
        let at = header::response_body_at(key, version, &view);
        let (Some(at), Some(correlation_id)) = (at, header::correlation_id(&view)) else {
            return;
        };
        let mut tape = Tape::default();
        let outcome = decode(key, version, Direction::Response, &view, at, &mut tape);
        if key == ENVELOPE || outcome == Outcome::UnknownVersion {
            return;
        }
        self.decoded_key(level, field);
        let mut level = Level::object();
        self.out.push('{');
        self.key(&mut level, self.pick("correlationId", "correlation_id"), "");
        json::write_int(self.out, correlation_id.into());
        self.key(&mut level, "response", "");
        self.inner(key, &view, &tape, Within::Message);
        self.out.push('}');
    }

    fn telemetry(&mut self, level: &mut Level, nodes: &[Node], field: FieldId, bytes: &[u8]) {
        let kind = nodes.iter().find(|n| n.field == f::COMPRESSION_TYPE);
        let Some(Value::Int(kind)) = kind.map(|n| n.value) else {
            return;
        };
        let begin = self.out.len();
        let empty = level.empty;
        self.decoded_key(level, field);
        if let Err(why) = telemetry::write(self.out, kind, bytes) {
            self.out.truncate(begin);
            level.empty = empty;
            self.key(
                level,
                self.name(field),
                self.pick("Unreadable", "_unreadable"),
            );
            json::write_string(self.out, &why);
        }
    }
}
