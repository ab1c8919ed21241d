//! What a session must know of a request's body.

use crate::{
    cursor::{Cursor, Fault},
    header::RequestHeader,
    view::View,
};

const PRODUCE: i16 = 0;

/// A Produce request with acks=0 gets no response. A part that was not captured counts as one that gets it.
pub(crate) fn wants_no_reply(header: &RequestHeader, view: &View) -> bool {
    header.api_key == PRODUCE && acks(header, view) == Ok(0)
}

fn acks(header: &RequestHeader, view: &View) -> Result<i16, Fault> {
    let mut c = Cursor::new(view, header.body_at);
    // The transactional id stands before.
    let skip = match header.api_version {
        0..=2 => 0,
        3..=8 => c.i16()?.max(0) as u32,
        _ => c.uvarint()?.saturating_sub(1),
    };
    c.skip(skip)?;
    c.i16()
}
