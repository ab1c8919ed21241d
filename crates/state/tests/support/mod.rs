//! Calls written as JSON in Kafka's field names; `"uuid:7"` is an id of sevens, `"bytes:…"` hex.

use std::net::SocketAddr;

use kafkascope_state::{Body, Call, Ends, Host, Lesson, State};
use kafkascope_wire::{Node, Tape, Value, View, fields};
use serde_json::Value as Json;

/// A message body in the making.
#[derive(Default)]
pub struct Message {
    pub tape: Tape,
    pub data: Vec<u8>,
}

impl Message {
    pub fn new(json: &Json) -> Message {
        let mut message = Message::default();
        message.fields(json);
        message
    }

    fn fields(&mut self, json: &Json) {
        for (name, value) in json.as_object().expect("a message is an object") {
            let id = fields::id(name).unwrap_or_else(|| panic!("no field {name}"));
            self.value(id, value);
        }
    }

    fn value(&mut self, field: u16, json: &Json) {
        let push = |m: &mut Message, value| m.tape.nodes.push(Node::new(field, 0, value));
        match json {
            Json::Null => push(self, Value::Null),
            Json::Bool(b) => push(self, Value::Bool(*b)),
            Json::Number(n) => push(self, Value::Int(n.as_i64().expect("an integer"))),
            Json::String(s) => {
                let value = match s.split_once(':') {
                    Some(("uuid", n)) => Value::Uuid([n.parse().expect("a small number"); 16]),
                    Some(("bytes", hex)) => {
                        let start = self.data.len() as u32;
                        let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex");
                        self.data.extend((0..hex.len()).step_by(2).map(byte));
                        Value::Bytes {
                            start,
                            len: (hex.len() / 2) as u32,
                        }
                    }
                    _ => {
                        self.data.extend(s.as_bytes());
                        Value::Str {
                            start: (self.data.len() - s.len()) as u32,
                            len: s.len() as u32,
                        }
                    }
                };
                push(self, value);
            }
            Json::Array(elements) => {
                push(
                    self,
                    Value::Array {
                        n: elements.len() as u32,
                    },
                );
                elements.iter().for_each(|e| self.value(field, e));
                push(self, Value::End);
            }
            Json::Object(_) => {
                push(self, Value::Struct);
                self.fields(json);
                push(self, Value::End);
            }
        }
    }

    pub fn body(&self) -> Body<'_> {
        Body {
            tape: &self.tape,
            view: View::whole(&self.data),
            complete: true,
        }
    }
}

pub fn host(addr: &str, process: Option<u32>) -> Host {
    Host {
        addr: addr.parse::<SocketAddr>().expect("an address"),
        netns: 0,
        process: process.map(|pid| (pid, 1)),
    }
}

/// A client's connection to a broker.
pub struct Connection {
    pub id: u64,
    pub ends: Ends,
    pub client_id: &'static str,
}

impl Connection {
    pub fn new(id: u64, client: Host, broker: Host) -> Connection {
        Connection {
            id,
            ends: Ends { client, broker },
            client_id: "c",
        }
    }

    /// One call; a null response was not seen.
    #[allow(dead_code, reason = "not every test file needs it")]
    pub fn call(&self, state: &mut State, api_key: i16, request: Json, response: Json) -> Lesson {
        self.call_at(state, 1, api_key, request, response)
    }

    /// The same at a second.
    #[allow(dead_code, reason = "not every test file needs it")]
    pub fn call_at(
        &self,
        state: &mut State,
        second: i64,
        api_key: i16,
        request: Json,
        response: Json,
    ) -> Lesson {
        let (request, answer) = (
            Message::new(&request),
            (!response.is_null()).then(|| Message::new(&response)),
        );
        state.learn(&Call {
            conn: self.id,
            ends: self.ends,
            api_key,
            api_version: 1,
            client_id: Some(self.client_id),
            time_ns: second * 1_000_000_000,
            request: Some(request.body()),
            response: answer.as_ref().map(Message::body),
        })
    }
}

/// Process 1 at a broker on the same host.
#[allow(dead_code, reason = "not every test file needs it")]
pub fn connection() -> Connection {
    Connection::new(
        1,
        host("10.0.0.5:4000", Some(1)),
        host("10.0.0.1:9092", Some(9)),
    )
}
