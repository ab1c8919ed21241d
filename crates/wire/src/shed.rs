//! Makes a long message shorter while it is still arriving: records are known by their batches' headers, so the rest of them need
//! not be kept, and all partitions fit below the limit of one message.

use std::ops::Range;

use crate::{
    batch::Batches,
    decode::{Direction, decode},
    message::Message,
    tape::Tape,
    view::{Hole, View},
};

/// The longest header of a batch.
const HEADER: u32 = 61;
/// Of a control batch's first record: four lengths and deltas of at most ten bytes, its attributes, and its key's version and type.
const CONTROL_KEY: u32 = 4 * 10 + 1 + 4;

/// What the bytes of a message are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub api_key: i16,
    pub api_version: i16,
    pub direction: Direction,
    pub body_at: u32,
}

/// Takes the contents of record batches out of a message of which `arrived` bytes have come.
pub(crate) fn shed(message: &mut Message, arrived: u32, kind: Kind, tape: &mut Tape) {
    let mut holes = message.holes.clone();
    push(&mut holes, arrived, message.declared - arrived);
    let view = View {
        data: &message.data,
        holes: &holes,
        declared: message.declared,
    };
    let Kind {
        api_key,
        api_version,
        direction,
        body_at,
    } = kind;
    decode(api_key, api_version, direction, &view, body_at, tape);
    let contents: Vec<Range<u32>> = tape
        .record_sets()
        .flat_map(|node| Batches::new(&view, node).filter(|batch| !batch.cut))
        .map(|batch| {
            let kept = if batch.control {
                HEADER + CONTROL_KEY
            } else {
                HEADER
            };
            batch.at.saturating_add(kept)..batch.at.saturating_add(batch.size)
        })
        .map(|content| content.start..content.end.min(arrived))
        .filter(|content| !content.is_empty())
        .collect();
    leave_out(message, arrived, &contents);
}

/// Makes holes of ranges that are in order and do not overlap.
fn leave_out(message: &mut Message, arrived: u32, ranges: &[Range<u32>]) {
    let old = std::mem::take(&mut message.holes);
    let mut gaps: Vec<Range<u32>> = old.iter().map(|h| h.at..h.at + h.len).collect();
    gaps.extend_from_slice(ranges);
    gaps.sort_unstable_by_key(|gap| gap.start);
    let view = View {
        data: &message.data,
        holes: &old,
        declared: message.declared,
    };
    let mut data = Vec::new();
    let mut at = 0;
    for gap in gaps {
        if gap.start > at {
            data.extend_from_slice(view.from(at, gap.start - at));
        }
        let start = gap.start.max(at);
        push(&mut message.holes, start, gap.end.saturating_sub(start));
        at = at.max(gap.end);
    }
    data.extend_from_slice(view.from(at, arrived - at));
    message.data = data;
}

/// Appends a hole, to the last one where they touch.
pub(crate) fn push(holes: &mut Vec<Hole>, at: u32, len: u32) {
    if len == 0 {
        return;
    }
    match holes.last_mut() {
        Some(last) if last.at + last.len == at => last.len += len,
        _ => holes.push(Hole { at, len }),
    }
}
