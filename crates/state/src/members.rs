//! What a consumer's opaque bytes in JoinGroup and SyncGroup say.

use kafkascope_wire::fields::f;

use crate::{Body, TopicKey};

/// The topics that a member of a classic group subscribes to, over all its protocols.
pub(crate) fn subscribed_topics(request: &Body) -> Vec<TopicKey> {
    if !is_consumer(&request.text(f::PROTOCOL_TYPE)) {
        return Vec::new();
    }
    let mut topics = Vec::new();
    for metadata in request
        .root()
        .items(f::PROTOCOLS)
        .filter_map(|p| p.bytes(&request.view, f::METADATA))
    {
        for topic in subscription(metadata).unwrap_or_default() {
            let topic = TopicKey::Name(topic.into());
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
    }
    topics
}

/// The topics and partitions that a SyncGroup response assigns; nothing when it is no consumer's.
pub(crate) fn assigned_topics(response: &Body) -> Vec<(String, Vec<i32>)> {
    if !is_consumer(&response.text(f::PROTOCOL_TYPE)) {
        return Vec::new();
    }
    response
        .root()
        .bytes(&response.view, f::ASSIGNMENT)
        .and_then(assignment)
        .unwrap_or_default()
}

/// Older versions do not carry the type.
fn is_consumer(protocol_type: &str) -> bool {
    matches!(protocol_type, "" | "consumer")
}

/// Reads big-endian numbers and strings off the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn int16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn int32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<String> {
        let len = usize::try_from(self.int16()?).ok()?;
        Some(std::str::from_utf8(self.take(len)?).ok()?.to_owned())
    }

    fn array<T>(&mut self, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let n = usize::try_from(self.int32()?).ok()?;
        // an element has at least 2 bytes, so a wrong count ends early
        (n <= self.0.len()).then_some(())?;
        (0..n).map(|_| element(self)).collect()
    }
}

/// ConsumerProtocolSubscription: the topics stand in every version behind the version.
fn subscription(bytes: &[u8]) -> Option<Vec<String>> {
    let mut reader = Reader(bytes);
    reader.int16().filter(|v| *v >= 0)?;
    reader.array(Reader::string)
}

/// ConsumerProtocolAssignment.
fn assignment(bytes: &[u8]) -> Option<Vec<(String, Vec<i32>)>> {
    let mut reader = Reader(bytes);
    reader.int16().filter(|v| *v >= 0)?;
    reader.array(|r| Some((r.string()?, r.array(Reader::int32)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_blobs() {
        let blob = b"\0\x01\0\0\0\x01\0\x02ab\0\0\0\x02\0\0\0\0\0\0\0\x05\xff\xff\xff\xff";
        assert_eq!(assignment(blob), Some(vec![("ab".to_owned(), vec![0, 5])]));
        assert_eq!(
            subscription(b"\0\x03\0\0\0\x02\0\x01a\0\x01b\xff\xff\xff\xff"),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        for n in 0..blob.len() - 4 {
            assert_eq!(assignment(&blob[..n]), None, "cut at {n}");
        }
        assert_eq!(assignment(b"\0\0\x7f\xff\xff\xff"), None);
    }
}
