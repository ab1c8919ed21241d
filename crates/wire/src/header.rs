//! Request and response headers.

use crate::{
    apis,
    cursor::{Cursor, Fault},
    decode::Direction,
    view::View,
};

const CONTROLLED_SHUTDOWN: i16 = 7;
const API_VERSIONS: i16 = 18;

/// A request's header; `body_at` is where the body begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'v> {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    /// UTF-8 not checked.
    pub client_id: Option<&'v [u8]>,
    pub body_at: u32,
}

/// `None` when the header was not captured up to its client id, or is none. The header of a version without a schema is read as that of
/// the newest known one.
pub fn request<'v>(view: &View<'v>) -> Option<RequestHeader<'v>> {
    let mut c = Cursor::new(view, 0);
    let api_key = c.i16().ok()?;
    let api_version = c.i16().ok()?;
    let correlation_id = c.i32().ok()?;
    let mut header = RequestHeader {
        api_key,
        api_version,
        correlation_id,
        client_id: None,
        body_at: 8,
    };
    if !has_client_id(api_key, api_version) {
        return Some(header);
    }
    // Any negative length is null to a broker.
    if let Ok(length) = usize::try_from(c.i16().ok()?) {
        header.client_id = Some(c.take(length).ok()?);
    }
    if has_tags(api_key, api_version, Direction::Request) {
        // Who asked for what is known even where these were not captured; the body's outcome tells of them.
        let _ = skip_tags(&mut c);
    }
    header.body_at = c.at;
    Some(header)
}

/// Whether the client id is null by another length than -1: nobody writes that, and half of all noise reads so.
pub(crate) fn is_oddly_null(view: &View, header: &RequestHeader) -> bool {
    header.client_id.is_none()
        && has_client_id(header.api_key, header.api_version)
        && view.from(8, 2) != [0xff, 0xff]
}

/// What is known of a request whose client id was not captured whole; its body begins where the capture stopped.
pub fn cut_request<'v>(view: &View<'v>) -> Option<RequestHeader<'v>> {
    let mut c = Cursor::new(view, 0);
    Some(RequestHeader {
        api_key: c.i16().ok()?,
        api_version: c.i16().ok()?,
        correlation_id: c.i32().ok()?,
        client_id: None,
        body_at: view.holes.first()?.at,
    })
}

/// The correlation id of a response; `None` when it was not captured.
pub fn correlation_id(view: &View) -> Option<i32> {
    Cursor::new(view, 0).i32().ok()
}

/// Where the body of a response begins; `None` when the header was not captured whole.
pub fn response_body_at(api_key: i16, api_version: i16, view: &View) -> Option<u32> {
    let mut c = Cursor::new(view, 4);
    if has_tags(api_key, api_version, Direction::Response) {
        skip_tags(&mut c).ok()?;
    }
    (c.at >= 4).then_some(c.at)
}

/// Whether a request's header tells a client id.
pub fn has_client_id(api_key: i16, api_version: i16) -> bool {
    (api_key, api_version) != (CONTROLLED_SHUTDOWN, 0)
}

/// Whether a message's header ends with tagged fields (KIP-482).
pub fn has_tags(api_key: i16, api_version: i16, direction: Direction) -> bool {
    // A client reads the response to ApiVersions before it knows what the broker can do.
    let plain = api_key == API_VERSIONS && direction == Direction::Response;
    !plain && is_flexible(api_key, api_version)
}

fn is_flexible(api_key: i16, version: i16) -> bool {
    apis::api(api_key).is_some_and(|a| {
        a.flexible
            .has(version.clamp(a.versions.low, a.versions.high))
    })
}

fn skip_tags(c: &mut Cursor) -> Result<(), Fault> {
    for _ in 0..c.uvarint()? {
        c.uvarint()?;
        let size = c.uvarint()?;
        c.skip(size)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_all_versions() {
        for (bytes, client, body_at) in [
            (&b"\0\x07\0\0\0\0\0\x01rest"[..], None, 8),
            (b"\0\x07\0\x01\0\0\0\x01\0\x02meX", Some(&b"me"[..]), 12),
            (b"\0\x12\0\0\0\0\0\x01\xff\xff", None, 10),
            (b"\0\x12\0\0\0\0\0\x01\x80\x05", None, 10),
            (b"\0\x12\0\x03\0\0\0\x01\0\0\0X", Some(b""), 11),
            (
                b"\0\x12\0\x03\0\0\0\x01\0\x01a\x01\x05\x02zzX",
                Some(b"a"),
                16,
            ),
        ] {
            let header = request(&View::whole(bytes)).unwrap();
            assert_eq!(
                (header.client_id, header.body_at, header.correlation_id),
                (client, body_at, 1)
            );
        }
        let cut = b"\0\x12\0\x03\0\0\0\x01\0\x09a";
        assert_eq!(request(&View::whole(cut)), None);
        assert_eq!(cut_request(&View::whole(cut)), None);
        let holes = [crate::view::Hole { at: 11, len: 20 }];
        let view = View {
            data: cut,
            holes: &holes,
            declared: 31,
        };
        let known = cut_request(&view).unwrap();
        assert_eq!(
            (known.api_key, known.api_version, known.correlation_id),
            (18, 3, 1)
        );
        assert_eq!((known.client_id, known.body_at), (None, 11));
    }

    #[test]
    fn the_response_header_of_api_versions_has_no_tags() {
        let view = View::whole(b"\0\0\0\x07\0\0\0\0\0");
        assert_eq!(response_body_at(18, 3, &view), Some(4));
        assert_eq!(response_body_at(3, 9, &view), Some(5));
        assert_eq!(response_body_at(3, 8, &view), Some(4));
        assert_eq!(correlation_id(&view), Some(7));
    }
}
