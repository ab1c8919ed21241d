//! Record batches as another implementation encodes them, whole, cut and with holes.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    indexmap::IndexMap,
    records::{
        Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType as Theirs,
    },
};
use kafkascope_wire::{
    Hole, Node, Value, View,
    batch::{Batch, Batches, Codec, TimestampType},
    checksum::is_corrupt,
};

fn records(first: i64, n: i64, producer_id: i64) -> Vec<Record> {
    (first..first + n)
        .map(|offset| Record {
            transactional: producer_id >= 0,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 3,
            producer_id,
            producer_epoch: if producer_id < 0 { -1 } else { 2 },
            timestamp_type: Theirs::Creation,
            offset,
            // Where they do not rise, the encoder begins a new batch.
            sequence: (offset - first) as i32 - i32::from(producer_id < 0),
            timestamp: 1_700_000_000_000 + offset,
            key: Some(Bytes::from_static(b"key")),
            value: Some(Bytes::from(vec![b'v'; 40])),
            headers: IndexMap::new(),
        })
        .collect()
}

/// The encoder has no old formats any more.
fn old_message(offset: i64, magic: u8, attributes: u8) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, magic, attributes];
    if magic == 1 {
        body.extend((1_700_000_000_000 + offset).to_be_bytes());
    }
    body.extend(b"\0\0\0\x03key\0\0\0\x05value");
    let checksum = crc32fast::hash(&body[4..]);
    body[..4].copy_from_slice(&checksum.to_be_bytes());
    [
        &offset.to_be_bytes()[..],
        &(body.len() as u32).to_be_bytes(),
        &body,
    ]
    .concat()
}

fn encoded(records: &[Record]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut out, records, &options).unwrap();
    out.to_vec()
}

fn walk(view: &View) -> (Vec<Batch>, bool) {
    let captured = view.data.len() as u32;
    let value = Value::Records {
        size: view.declared,
        start: 0,
        captured,
    };
    let mut batches = Batches::new(view, &Node::new(1, 0, value));
    let found = batches.by_ref().collect();
    (found, batches.is_incomplete())
}

fn spans(batches: &[Batch]) -> Vec<(i64, i64, Option<u32>)> {
    batches
        .iter()
        .map(|b| (b.base_offset, b.last_offset, b.records))
        .collect()
}

#[test]
fn headers_say_what_was_encoded() {
    let bytes = [encoded(&records(100, 3, -1)), encoded(&records(200, 5, 77))].concat();
    let (found, incomplete) = walk(&View::whole(&bytes));
    assert!(!incomplete);
    assert_eq!(spans(&found), [(100, 102, Some(3)), (200, 204, Some(5))]);
    let b = found[1];
    assert_eq!(
        (
            b.producer_id,
            b.producer_epoch,
            b.base_sequence,
            b.transactional
        ),
        (77, 2, 0, true)
    );
    assert_eq!(
        (b.base_timestamp, b.max_timestamp),
        (1_700_000_000_200, 1_700_000_000_204)
    );
    assert_eq!(
        (b.codec, b.timestamp_type, b.magic),
        (Codec::None, TimestampType::Create, 2)
    );
    assert_eq!(
        (b.partition_leader_epoch, b.control, b.cut),
        (3, false, false)
    );
    assert_eq!((found[0].size + b.size) as usize, bytes.len());
}

#[test]
fn message_sets_of_magic_0_and_1() {
    for magic in [0, 1] {
        let bytes = [7, 8, 9]
            .map(|offset| old_message(offset, magic, 0))
            .concat();
        let (found, incomplete) = walk(&View::whole(&bytes));
        assert!(!incomplete);
        assert_eq!(
            spans(&found),
            [(7, 7, Some(1)), (8, 8, Some(1)), (9, 9, Some(1))]
        );
        assert_eq!(
            found[2].max_timestamp,
            if magic == 0 { -1 } else { 1_700_000_000_009 }
        );
    }
}

#[test]
fn a_wrapper_of_magic_1_has_an_unknown_count() {
    let bytes = old_message(7, 1, 2);
    let (found, _) = walk(&View::whole(&bytes));
    assert_eq!((found[0].codec, found[0].records), (Codec::Snappy, None));
}

#[test]
fn the_last_batch_may_be_cut_anywhere() {
    let first = encoded(&records(100, 3, -1));
    let bytes = [first.clone(), encoded(&records(200, 5, 77))].concat();
    for end in first.len()..bytes.len() {
        let (found, incomplete) = walk(&View::whole(&bytes[..end]));
        let whole_header = end - first.len() >= 61;
        assert_eq!(found.len(), 1 + usize::from(whole_header), "{end}");
        assert!(!incomplete, "{end}");
        assert_eq!(found.last().unwrap().cut, whole_header, "{end}");
    }
}

#[test]
fn a_walk_crosses_holes_to_the_next_header() {
    let first = encoded(&records(100, 3, -1));
    let second = encoded(&records(200, 5, 77));
    let bytes = [first.clone(), second].concat();
    let declared = bytes.len() as u32;
    for start in 61..=first.len() {
        for end in start + 1..first.len() + 3 {
            let holes = [Hole {
                at: start as u32,
                len: (end - start) as u32,
            }];
            let data = [&bytes[..start], &bytes[end..]].concat();
            let (found, incomplete) = walk(&View {
                data: &data,
                holes: &holes,
                declared,
            });
            let kept = end <= first.len();
            assert_eq!(
                (found.len(), incomplete),
                (1 + usize::from(kept), !kept),
                "{start}..{end}"
            );
        }
    }
}

#[test]
fn control_batches_say_their_type() {
    let mut bytes = encoded(&[Record {
        control: true,
        key: Some(Bytes::from_static(b"\0\0\0\x01")),
        value: Some(Bytes::from_static(b"\0\0\0\0\0\x05")),
        ..records(9, 1, 4).remove(0)
    }]);
    let (found, _) = walk(&View::whole(&bytes));
    assert_eq!((found[0].control, found[0].control_type), (true, Some(1)));
    let declared = bytes.len() as u32;
    bytes.truncate(61);
    let holes = [Hole {
        at: 61,
        len: declared - 61,
    }];
    let (found, _) = walk(&View {
        data: &bytes,
        holes: &holes,
        declared,
    });
    assert_eq!((found[0].control, found[0].control_type), (true, None));
}

#[test]
fn bytes_that_are_no_batches_end_the_walk() {
    let (found, incomplete) = walk(&View::whole(&[7; 100]));
    assert!(found.is_empty() && incomplete);
    let mut negative = encoded(&records(1, 1, -1));
    negative[8] = 0xff;
    let (found, incomplete) = walk(&View::whole(&negative));
    assert!(found.is_empty() && incomplete);
}

#[test]
fn a_batch_with_one_wrong_bit_is_told() {
    let new = encoded(&records(100, 3, -1));
    for bytes in [new, old_message(7, 1, 0), old_message(7, 0, 0)] {
        let corrupt = |bytes: &[u8]| {
            let view = View::whole(bytes);
            let (found, _) = walk(&view);
            found.iter().any(|batch| is_corrupt(&view, batch))
        };
        assert!(!corrupt(&bytes));
        // the size decides what is read as a batch, and the magic as which
        let checksum_at = if bytes[16] == 2 { 17 } else { 12 };
        for at in checksum_at..bytes.len() {
            if at == 16 {
                continue;
            }
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let walked = walk(&View::whole(&damaged)).0.len() == 1;
                assert!(!walked || corrupt(&damaged), "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn a_batch_of_which_bytes_are_missing_is_not_judged() {
    let mut bytes = encoded(&records(100, 3, -1));
    *bytes.last_mut().unwrap() ^= 1;
    for at in 61..bytes.len() as u32 {
        let view = View {
            data: &[&bytes[..at as usize], &bytes[at as usize + 1..]].concat(),
            holes: &[Hole { at, len: 1 }],
            declared: bytes.len() as u32,
        };
        let (found, _) = walk(&view);
        assert_eq!(found.len(), 1);
        assert!(!is_corrupt(&view, &found[0]), "hole at {at}");
    }
    let (found, _) = walk(&View::whole(&bytes[..bytes.len() - 1]));
    assert!(found[0].cut && !is_corrupt(&View::whole(&bytes), &found[0]));
}
