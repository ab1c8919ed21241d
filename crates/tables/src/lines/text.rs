//! An exchange as one line for people.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kafkascope_wire::fields::{self, f};
use kafkascope_wire::{Exchange, FieldId, Side, Tape, Value, View, apis, errors};

use super::names::{Names, name_beside};
use super::order::Line;
use super::{Ends, MARK, Unreadable, Verdict, latency_ns, time, write_end};

const MAX_TOPICS: usize = 8;
const MAX_ERRORS: usize = 4;

pub(super) fn exchange(
    time_ns: i64,
    ends: Ends,
    exchange: &Exchange,
    tapes: &[Tape; 2],
    verdict: &Verdict,
    names: &Names,
) -> Line {
    let mut out = String::with_capacity(240);
    head(&mut out, time_ns, ends);
    if exchange.api_key >= 0 {
        out.push_str(apis::name(exchange.api_key));
        if apis::api(exchange.api_key).is_none() {
            let _ = write!(out, "({})", exchange.api_key);
        }
        let _ = match exchange.version() {
            Some(version) => write!(out, " v{version}"),
            None => write!(out, " token"),
        };
    } else {
        out.push_str("response");
    }
    if let Some(id) = &exchange.client_id {
        out.push_str(" client=");
        push_clean(&mut out, id);
    }
    let size = |m: &Option<kafkascope_wire::Message>| {
        m.as_ref().map_or("-".into(), |m| m.declared.to_string())
    };
    let _ = write!(
        out,
        " {}>{} B",
        size(&exchange.request),
        size(&exchange.response)
    );
    if let Some(ns) = latency_ns(exchange) {
        let _ = write!(out, " {:.3} ms", ns as f64 / 1e6);
    }
    let mut details = Details::default();
    for (tape, message) in tapes.iter().zip([&exchange.request, &exchange.response]) {
        if let Some(message) = message {
            details.read(tape, &message.view(), names);
        }
    }
    details.write(&mut out);
    if verdict.outcome != "complete" {
        let _ = write!(out, " [{}", verdict.outcome);
        if let Some(why) = &verdict.why {
            let _ = write!(out, ": {why}");
        }
        out.push(']');
    }
    out.shrink_to_fit();
    Line {
        text: out,
        cluster_at: None,
        broker: ends.broker,
        unnamed: details.unnamed,
    }
}

pub(super) fn unreadable(ends: Ends, what: &Unreadable) -> String {
    let mut out = String::with_capacity(160);
    head(&mut out, what.first_ns, ends);
    let side = if what.side == Side::Client {
        "client"
    } else {
        "broker"
    };
    let _ = write!(
        out,
        "{} bytes from the {side} [unreadable: {}]",
        what.bytes, what.why
    );
    out
}

fn head(out: &mut String, time_ns: i64, ends: Ends) {
    time::write_short(out, time_ns);
    out.push(' ');
    write_end(out, ends.client);
    out.push_str(" > ");
    write_end(out, ends.broker);
    out.push(' ');
}

/// Text from the wire, with what would move a terminal's cursor escaped.
pub(super) fn push_clean(out: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
}

/// What an exchange is about: group, transaction, topics with partitions, errors.
#[derive(Default)]
struct Details {
    group: Option<String>,
    transaction: Option<String>,
    topics: Vec<(String, Vec<i64>)>,
    /// The request named the topics; the response repeats them.
    complete: bool,
    errors: Vec<(i64, u32)>,
    unnamed: bool,
}

impl Details {
    fn read(&mut self, tape: &Tape, view: &View, names: &Names) {
        let with_topics = !self.complete;
        // The fields of the open arrays and structs.
        let mut open: Vec<FieldId> = Vec::new();
        for (i, node) in tape.nodes.iter().enumerate() {
            match node.value {
                Value::Array { .. } | Value::Struct => open.push(node.field),
                Value::End => {
                    open.pop();
                }
                Value::Str { .. } => {
                    let keep = match node.field {
                        f::GROUP_ID => &mut self.group,
                        f::TRANSACTIONAL_ID => &mut self.transaction,
                        f::TOPIC | f::TOPIC_NAME if with_topics => {
                            self.topics.push((
                                clean(&view.str(node.value).unwrap_or_default()),
                                Vec::new(),
                            ));
                            continue;
                        }
                        f::NAME
                            if with_topics && open.last().is_some_and(|o| is_topic_list(*o)) =>
                        {
                            self.topics.push((
                                clean(&view.str(node.value).unwrap_or_default()),
                                Vec::new(),
                            ));
                            continue;
                        }
                        _ => continue,
                    };
                    if keep.is_none() {
                        *keep = view
                            .str(node.value)
                            .map(|s| clean(&s))
                            .filter(|s| !s.is_empty());
                    }
                }
                Value::Uuid(id)
                    if with_topics
                        && node.field == f::TOPIC_ID
                        && id != [0; 16]
                        && name_beside(&tape.nodes, i).is_none() =>
                {
                    let name = names.topic(&id).map(clean).unwrap_or_else(|| {
                        self.unnamed = true;
                        format!("{MARK}{}", URL_SAFE_NO_PAD.encode(id))
                    });
                    self.topics.push((name, Vec::new()));
                }
                Value::Int(n) => match node.field {
                    f::PARTITION
                    | f::PARTITION_INDEX
                    | f::INDEX
                    | f::PARTITIONS
                    | f::PARTITION_INDEXES
                        if with_topics =>
                    {
                        if let Some((_, partitions)) = self.topics.last_mut() {
                            partitions.push(n);
                        }
                    }
                    field if n != 0 && fields::name(field).ends_with("rrorCode") => {
                        match self.errors.iter_mut().find(|(code, _)| *code == n) {
                            Some((_, times)) => *times += 1,
                            None => self.errors.push((n, 1)),
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        self.complete = !self.topics.is_empty();
    }

    fn write(&mut self, out: &mut String) {
        if let Some(group) = &self.group {
            let _ = write!(out, " group={group}");
        }
        if let Some(transaction) = &self.transaction {
            let _ = write!(out, " transaction={transaction}");
        }
        let count = self.topics.len();
        for (name, partitions) in self.topics.iter_mut().take(MAX_TOPICS) {
            let _ = write!(out, " {name}");
            write_ranges(out, partitions);
        }
        if count > MAX_TOPICS {
            let _ = write!(out, " +{} topics", count - MAX_TOPICS);
        }
        for (code, times) in self.errors.iter().take(MAX_ERRORS) {
            let name = i16::try_from(*code).ok().and_then(errors::name);
            let _ = match name {
                Some(name) => write!(out, " {name}"),
                None => write!(out, " error {code}"),
            };
            if *times > 1 {
                let _ = write!(out, "*{times}");
            }
        }
    }
}

fn is_topic_list(field: FieldId) -> bool {
    matches!(field, f::TOPICS | f::TOPIC_DATA | f::RESPONSES)
}

fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_clean(&mut out, text);
    out
}

/// `[0-3,7]`; nothing for none.
fn write_ranges(out: &mut String, numbers: &mut Vec<i64>) {
    numbers.sort_unstable();
    numbers.dedup();
    let mut rest = &numbers[..];
    let mut separator = '[';
    while let Some(&first) = rest.first() {
        let run = rest
            .iter()
            .zip(first..)
            .take_while(|(n, expected)| **n == *expected)
            .count();
        out.push(separator);
        separator = ',';
        let _ = match run {
            1 => write!(out, "{first}"),
            _ => write!(out, "{first}-{}", rest[run - 1]),
        };
        rest = &rest[run..];
    }
    if !numbers.is_empty() {
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_written_as_ranges() {
        for (numbers, text) in [
            (&[][..], ""),
            (&[3], "[3]"),
            (&[2, 0, 1, 7, 7], "[0-2,7]"),
            (&[-1, 1], "[-1,1]"),
        ] {
            let mut out = String::new();
            write_ranges(&mut out, &mut numbers.to_vec());
            assert_eq!(out, text);
        }
    }

    #[test]
    fn text_from_the_wire_moves_no_cursor() {
        let mut out = String::new();
        push_clean(&mut out, "a\u{1b}[2J\u{1}é");
        assert_eq!(out, "a\\u{1b}[2J\\u{1}é");
    }
}
