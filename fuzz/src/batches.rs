//! The headers of record batches in any bytes, whole and with a hole.
//!
//! Input: where a hole is and how long (one byte each), then the records field.

use kafkascope_wire::{Hole, Value, View, batch::Batches, tape::Node};

use crate::input::Input;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let (at, len) = (u32::from(input.u8()), u32::from(input.u8()));
    let records = input.0;
    let size = records.len() as u32;
    walk(&View::whole(records), size, size);
    let at = at.min(size);
    let len = len.min(size - at);
    if len == 0 {
        return;
    }
    let mut data = records.to_vec();
    data.drain(at as usize..(at + len) as usize);
    let holes = [Hole { at, len }];
    let view = View {
        data: &data,
        holes: &holes,
        declared: size,
    };
    walk(&view, size, size - len);
}

fn walk(view: &View, size: u32, captured: u32) {
    let value = Value::Records {
        size,
        start: 0,
        captured,
    };
    let node = Node::new(0, 0, value);
    let mut batches = Batches::new(view, &node);
    let mut at = 0u64;
    for batch in batches.by_ref() {
        // The smallest is a message of magic 0.
        assert!(batch.size >= 26, "{batch:?}");
        assert!(at < u64::from(size));
        at += u64::from(batch.size);
        assert_eq!(batch.cut, at > u64::from(size), "{batch:?}");
    }
    // A field may end inside the next batch's header.
    let rest = u64::from(size).saturating_sub(at);
    assert!(
        batches.is_incomplete() || rest < 61,
        "{rest} bytes are left"
    );
}
